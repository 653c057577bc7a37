"""Fourier transforms by their public names."""
