"""torch.backends.mha: whether nn.MultiheadAttention may take its fast path. It has none."""

from __future__ import annotations

_enabled = [True]


def get_fastpath_enabled() -> bool:
    """What `set_fastpath_enabled` was last given."""
    return _enabled[0]


def set_fastpath_enabled(value: bool) -> None:
    """Remember the wish."""
    _enabled[0] = value
