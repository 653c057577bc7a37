"""torch.backends.kleidiai: KleidiAI is not used."""

from __future__ import annotations


def is_available() -> bool:
    """False: KleidiAI is not used."""
    return False
