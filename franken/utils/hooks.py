"""torch.utils.hooks: the handle that takes a hook away again, and hooks that are not saved."""

from __future__ import annotations

from typing import Any

from franken.faces.inner import RemovableHandle, warn_if_has_hooks

__all__ = ["RemovableHandle", "unserializable_hook", "warn_if_has_hooks"]


def unserializable_hook(f: Any) -> Any:
    """Mark a hook as one that need not be kept: saving its tensor does not warn of it.

    >>> import franken as torch
    >>> unserializable_hook(lambda g: g).__torch_unserializable__
    True
    """
    f.__torch_unserializable__ = True
    return f
