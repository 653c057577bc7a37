"""torch.backends.mps: Apple GPUs are not served."""

from __future__ import annotations


def is_available() -> bool:
    """False: Apple GPUs are not served."""
    return False


is_built = is_available
