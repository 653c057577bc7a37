"""torch.backends.opt_einsum: flags that are kept; the order of contractions is einsum's own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

STRATEGIES = ("auto", "greedy", "optimal")

enabled: bool = True
strategy: str | None = "auto"


def is_available() -> bool:
    """False: this library is not called."""
    return False


def set_flags(_enabled: bool | None = None, _strategy: str | None = None) -> tuple[Any, ...]:
    """Set those that are not None; both as they were before."""
    module: Any = sys.modules[__name__]
    before = module.enabled, module.strategy
    if _enabled is not None:
        module.enabled = _enabled
    if _strategy is not None:
        if _strategy not in STRATEGIES:
            raise ValueError(
                f"`strategy` must be one of the following: [{', '.join(STRATEGIES)}] but is "
                f"{_strategy}"
            )
        if not module.enabled:
            raise ValueError(
                "opt_einsum is not enabled, so setting a `strategy` to "
                f"{_strategy} will not be meaningful. torch.einsum will bypass path calculation "
                "and simply contract from left to right. Please set `enabled` to `True` as well or "
                "unset `strategy`."
            )
        module.strategy = _strategy
    return before


@contextmanager
def flags(enabled: bool | None = None, strategy: str | None = None) -> Iterator[None]:
    """Those that are not None, for a block."""
    before = set_flags(enabled, strategy)
    try:
        yield
    finally:
        module: Any = sys.modules[__name__]
        module.enabled, module.strategy = before
