"""RemovableHandle: what registering a hook returns.

Knows dictionaries of hooks only.
Source: https://docs.pytorch.org/docs/stable/generated/torch.Tensor.register_hook.html
"""

from __future__ import annotations

import itertools
from typing import Any

_next_id = itertools.count().__next__


class RemovableHandle:
    """Removes a hook again; as a context manager, at the end of the block.

    >>> hooks = {}
    >>> handle = RemovableHandle(hooks); hooks[handle.id] = print
    >>> handle.remove(); hooks
    {}
    """

    __slots__ = ("extra", "hooks", "id", "key")

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None) -> None:
        self.hooks = hooks_dict
        self.extra = extra_dict if isinstance(extra_dict, list) else [extra_dict]
        self.id: int = _next_id()
        self.key: Any = self.id

    def remove(self) -> None:
        """Take the hook away; harmless when it is gone already."""
        self.hooks.pop(self.key, None)
        for table in self.extra:
            if table is not None:
                table.pop(self.key, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()
