"""Layers with kernels of their own: convolution, pooling, norms, attention, embedding."""
