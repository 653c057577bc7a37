"""torch.backends.opt_einsum: flags that are kept; the order of contractions is einsum's own.

As in torch, what they may say depends on whether the package is there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

STRATEGIES = ("auto", "greedy", "optimal")


def is_available() -> bool:
    """Whether the package opt_einsum is installed."""
    return find_spec("opt_einsum") is not None


def get_opt_einsum() -> Any:
    """The package, or None."""
    import importlib

    return importlib.import_module("opt_einsum") if is_available() else None


enabled: bool = is_available()
strategy: str | None = "auto" if enabled else None


def set_flags(_enabled: bool | None = None, _strategy: str | None = None) -> tuple[Any, ...]:
    """Set those that are not None; both as they were before."""
    module: Any = sys.modules[__name__]
    before = module.enabled, module.strategy
    if _enabled is not None:
        if _enabled and not is_available():
            raise ValueError(
                "opt_einsum is not available, so setting `enabled` to True will not reap the "
                "benefits of calculating an optimal path for einsum. torch.einsum will fall back "
                "to contracting from left to right. To enable this optimal path calculation, "
                "please install opt-einsum."
            )
        module.enabled = _enabled
    if _strategy is not None:
        _refuse_strategy(_strategy, module.enabled)
        module.strategy = _strategy
    return before


def _refuse_strategy(strategy: str, enabled: bool) -> None:
    bypassed = (
        f"`strategy` to {strategy} will not be meaningful. torch.einsum will bypass path "
        "calculation and simply contract from left to right. Please"
    )
    if not is_available():
        raise ValueError(
            f"opt_einsum is not available, so setting {bypassed} install opt_einsum or unset "
            "`strategy`."
        )
    if strategy not in STRATEGIES:
        raise ValueError(
            f"`strategy` must be one of the following: [{', '.join(STRATEGIES)}] but is {strategy}"
        )
    if not enabled:
        raise ValueError(
            f"opt_einsum is not enabled, so setting a {bypassed} set `enabled` to `True` as well "
            "or unset `strategy`."
        )


@contextmanager
def flags(enabled: bool | None = None, strategy: str | None = None) -> Iterator[None]:
    """Those that are not None, for a block."""
    before = set_flags(enabled, strategy)
    try:
        yield
    finally:
        module: Any = sys.modules[__name__]
        module.enabled, module.strategy = before
