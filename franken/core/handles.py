"""Hooks: what registering one returns, and what every node of the graph offers to its users.

Knows dictionaries of hooks only.
Source: https://docs.pytorch.org/docs/stable/autograd.html#autograd-graph
"""

from __future__ import annotations

import itertools
import weakref
from collections import OrderedDict
from typing import Any

_next_id = itertools.count().__next__


class RemovableHandle:
    """Removes a hook again; as a context manager, at the end of the block.

    It does not keep alive what it was registered on.

    >>> hooks = OrderedDict()
    >>> handle = RemovableHandle(hooks); hooks[handle.id] = print
    >>> handle.remove(); len(hooks)
    0
    """

    __slots__ = ("extra_dict_ref", "hooks_dict_ref", "id", "key")

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None) -> None:
        self.hooks_dict_ref = weakref.ref(hooks_dict)
        extra = extra_dict if isinstance(extra_dict, list) else [extra_dict]
        self.extra_dict_ref = tuple([weakref.ref(d) for d in extra if d is not None])
        self.id: int = _next_id()
        self.key: Any = self.id

    def remove(self) -> None:
        """Take the hook away; harmless when it is gone already."""
        for ref in (self.hooks_dict_ref, *self.extra_dict_ref):
            table = ref()
            if table is not None:
                table.pop(self.key, None)

    def __getstate__(self) -> Any:
        more = tuple(ref() for ref in self.extra_dict_ref)
        parts = (self.hooks_dict_ref(), self.id, more)
        return parts if self.key == self.id else (*parts, self.key)

    def __setstate__(self, state: Any) -> None:
        table, self.id, *rest = state
        self.key = rest[1] if len(rest) > 1 else self.id
        first, *others = [
            weakref.ref(OrderedDict() if t is None else t) for t in (table, *(rest or ((),))[0])
        ]
        self.hooks_dict_ref, self.extra_dict_ref = first, tuple(others)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


class InputMetadata:
    """What a node knows of one cotangent that it takes."""

    __slots__ = ("device", "dtype", "shape")
    is_nested_tensor = is_cpp_nested_tensor = False

    def __init__(self, shape: Any, dtype: Any, device: Any) -> None:
        self.shape, self.dtype, self.device = shape, dtype, device


class GraphNode:
    """What users may do with any node of the graph: hooks, notes, and reading its place."""

    __slots__ = ()

    hooks: Any = None  # {id: hook} after the node; absent on almost every node, hence class-level
    pre: Any = None  # hooks of the outputs, {(kind, output index, id): hook}
    requires_grad = True
    renumbered = False  # whether any node was given another number than its own
    seq: int
    __dict__: dict[str, Any]

    def register_hook(self, hook: Any) -> RemovableHandle:
        """Call hook(grad_inputs, grad_outputs) after this ran; it may return other grad_inputs."""
        if self.hooks is None:
            self.hooks = OrderedDict()
        handle = RemovableHandle(self.hooks)
        self.hooks[handle.key] = hook
        return handle

    def register_prehook(self, hook: Any) -> RemovableHandle:
        """Call hook(grad_outputs) before this runs; it may return other grad_outputs."""
        return self.hook_outputs("n", 0, hook)

    def hook_outputs(
        self, kind: str, index: int, hook: Any, number: int | None = None
    ) -> RemovableHandle:
        """Add a hook of the output `index`; the kinds are listed where the engine calls them."""
        if self.pre is None:
            self.pre = OrderedDict()
        handle = RemovableHandle(self.pre)
        handle.key = (kind, index, handle.id if number is None else number)
        self.pre[handle.key] = hook
        return handle

    @property
    def metadata(self) -> dict[str, Any]:
        """A dictionary that users may write notes into."""
        return self.__dict__.setdefault("_metadata", {})  # type: ignore[no-any-return]

    def _sequence_nr(self) -> int:
        return self.__dict__.get("_number", self.seq)  # type: ignore[no-any-return]

    def _set_sequence_nr(self, number: int) -> None:
        if not isinstance(number, int):
            raise TypeError("an integer is required")
        if number < 0:
            raise OverflowError("can't convert negative int to unsigned")
        self.__dict__["_number"] = number
        GraphNode.renumbered = True
