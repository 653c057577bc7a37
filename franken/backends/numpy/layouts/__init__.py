"""Arrays that are not strided: what a sparse tensor holds, and its kernels."""
