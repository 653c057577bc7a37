"""GPU arrays: the NumPy kernels served by CuPy under the same names, and the random streams."""
