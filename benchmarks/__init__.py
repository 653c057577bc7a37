"""Benchmarks: ratios against NumPy and torch, measured in one run on one machine."""
