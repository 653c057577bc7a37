"""Sparse layouts: made, converted, computed with."""
