"""Warnings that torch gives once in a process, unless it is asked to give them always."""

from __future__ import annotations

import warnings


class Once:
    """What was said already, and whether to say it again (torch.set_warn_always)."""

    __slots__ = ("always", "said")

    def __init__(self) -> None:
        self.always = False
        self.said: set[str] = set()


ONCE = Once()


def warn_once(text: str, stacklevel: int = 4) -> None:
    """Warn with a text that was not said before in this process."""
    if ONCE.always or text not in ONCE.said:
        ONCE.said.add(text)
        warnings.warn(text, stacklevel=stacklevel)
