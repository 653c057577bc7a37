"""torch.backends.cusparselt: cuSPARSELt is not used."""

from __future__ import annotations


def is_available() -> bool:
    """False: cuSPARSELt is not used."""
    return False
