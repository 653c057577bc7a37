"""What kernels must give, in float64 NumPy from the definition, and their samples."""
