"""Kernels on NumPy arrays: arrays in, arrays out. Must not know Tensor."""
