"""torch.backends.mkl: NumPy's own libraries are used instead."""

from __future__ import annotations


def is_available() -> bool:
    """False: this library is not called directly."""
    return False
