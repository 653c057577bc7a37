"""torch.backends.nnpack: a switch that is kept; NumPy's own libraries are used instead."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from franken.backends import settings

_enabled: bool


def is_available() -> bool:
    """False: this library is not called directly."""
    return False


def set_flags(_enabled: bool) -> tuple[Any, ...]:
    """Set the switch; it as it was before, in a tuple."""
    return settings.put(__name__, _enabled=_enabled)


def flags(enabled: bool = False) -> AbstractContextManager[None]:
    """The switch for a block."""
    return settings.kept(__name__, _enabled=enabled)


settings.declare(__name__, _enabled=settings.Flag(True, "set_enabled_NNPACK"))
