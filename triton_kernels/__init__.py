"""Triton kernels and their small launchers, installed as ``franken.triton_kernels``.

Modules here know pointers, strides and block sizes. They import triton, NumPy and ml_dtypes, and
nothing of franken. This file holds no code: a checkout reaches the modules beside it without
running it.
"""
