"""Kernels of each element alone: scalar expressions, casts, selection, random numbers."""
