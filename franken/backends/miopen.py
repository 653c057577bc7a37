"""torch.backends.miopen: a switch that is kept; AMD's library is not used."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from franken.backends import settings

immediate: bool


def set_flags(_immediate: bool | None = None) -> tuple[Any, ...]:
    """Set the switch unless it is None; it as it was before, in a tuple."""
    return settings.put(__name__, immediate=_immediate)


def flags(immediate: bool = False) -> AbstractContextManager[None]:
    """The switch for a block."""
    return settings.kept(__name__, immediate=immediate)


settings.declare(__name__, immediate=settings.Flag(False, "set_immediate_miopen"))
