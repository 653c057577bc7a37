"""Saved-tensor hooks, edges, and hooks of several tensors.

Knows nodes; knows no op. `franken.autograd.graph` is the public namespace of most of this.
Source: https://docs.pytorch.org/docs/stable/autograd.html#autograd-graph
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from franken.core.geometry.memory import pointer, root_of
from franken.core.handles import RemovableHandle
from franken.core.node import Node, OutEdge, Packed, _light, edge_of, split_edge
from franken.core.primitive import Observer, Primitive
from franken.core.state import INFERENCE, STATE, special
from franken.core.tensor import Tensor, version_of
from franken.engine.nodes import shown
from franken.engine.order import foresight

# --- saved tensors -------------------------------------------------------------------------------


class saved_tensors_hooks:
    """Within the block, tensors saved for backward go through `pack_hook` and `unpack_hook`.

    >>> import franken as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> with saved_tensors_hooks(lambda t: t.numpy(), torch.from_numpy):
    ...     y = x.exp()
    >>> y.sum().backward(); x.grad.shape
    torch.Size([2])
    """

    def __init__(self, pack_hook: Any, unpack_hook: Any) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        if STATE.saved_hooks_error is not None:
            raise RuntimeError(STATE.saved_hooks_error)
        STATE.saved_hooks.append((self.pack_hook, self.unpack_hook))
        special(1)

    def __exit__(self, *exc: object) -> None:
        STATE.saved_hooks.pop()
        special(-1)


class EnoughSaved(Exception):
    """A pack hook ends the function that saves: everything that is needed is there."""


class effects_first:
    """Within the block of an op that changes tensors besides saving some, the changes are made
    before a pack hook ends the function."""

    def __enter__(self) -> None:
        self.stopped = False
        self.hooks = STATE.saved_hooks[-1] if STATE.saved_hooks else None
        if self.hooks is not None:
            STATE.saved_hooks[-1] = (self._pack, self.hooks[1])

    def _pack(self, t: Tensor) -> Any:
        assert self.hooks is not None
        try:
            return self.hooks[0](t)
        except EnoughSaved:
            self.stopped = True
            return None

    def __exit__(self, *exc: object) -> None:
        if self.hooks is not None:
            STATE.saved_hooks[-1] = self.hooks
        if self.stopped and exc[0] is None:
            raise EnoughSaved


class save_on_cpu(saved_tensors_hooks):
    """Keep saved tensors in host memory; they return to their device in backward."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda t: (t.device, t.to("cpu")), lambda packed: packed[1].to(packed[0]))


class disable_saved_tensors_hooks:
    """Within the block, entering saved_tensors_hooks raises `error_message`."""

    def __init__(self, error_message: str) -> None:
        self.message = error_message

    def __enter__(self) -> None:
        self.before = STATE.saved_hooks_error
        STATE.saved_hooks_error = self.message

    def __exit__(self, *exc: object) -> None:
        STATE.saved_hooks_error = self.before


class _Saved:
    """A saved tensor, shared by the nodes that saved it; gone with the last of them."""

    __slots__ = ("__weakref__", "root", "tensor")

    def __init__(self, tensor: Tensor) -> None:
        self.tensor, self.root = tensor, root_of(tensor._a)


def _copy(t: Tensor) -> Tensor:
    """The values in memory of their own; no step of the program."""
    return _light(t._a.copy(order="K"), t.device, None)


def _own_copies(source: Any, root: Any) -> None:
    """Give a node what it saved of a memory that its own result will overwrite."""
    node = getattr(source, "_node", None)
    for value in (getattr(node, "saved", None) or ()) if isinstance(node, Node) else ():
        if type(value) is Packed and type(value.value) is _Saved and value.value.root is root:
            value.value = _Saved(_copy(value.value.tensor))


class _Mutations(Observer):
    """What allow_mutation_on_saved_tensors hands out. It watches the primitives that change memory
    and copies what is saved of that memory before."""

    def __init__(self) -> None:
        self.original: Any = weakref.WeakKeyDictionary()
        self.cloned: Any = weakref.WeakKeyDictionary()
        self.tid_to_weakhandle: Any = weakref.WeakValueDictionary()
        self.alive = True

    def __call__(
        self, prim: Primitive, args: tuple[Any, ...], params: dict[str, Any], grad: bool
    ) -> Any:
        """Copy what is about to be changed, then execute."""
        if prim.writes is not None:
            for t in prim.writes(args, **params):
                root = root_of(t._a)
                for source in args:  # the op whose result is written has saved its own input
                    _own_copies(source, root)
                self._separate(root)
        return super().__call__(prim, args, params, grad)

    def _separate(self, root: Any) -> None:
        for tid, saved in list(self.tid_to_weakhandle.items()):
            if saved.root is root:
                self.cloned[saved] = _copy(saved.tensor)
                del self.tid_to_weakhandle[tid], self.original[saved]

    def pack(self, t: Tensor) -> _Saved:
        """The place of a saved tensor; one for all nodes that save it unchanged."""
        a = t._a
        tid = (pointer(a), a.shape, a.strides, a.dtype)
        saved = self.tid_to_weakhandle.get(tid)
        if saved is None or saved.root is not root_of(a):
            saved = self.tid_to_weakhandle[tid] = _Saved(t.detach())
            self.original[saved] = saved.tensor
        return saved  # type: ignore[no-any-return]

    def unpack(self, saved: _Saved) -> Tensor:
        """The tensor as it was when saved."""
        if not self.alive:
            raise AssertionError(
                "Trying to backward outside of the 'allow_mutation_on_saved_tensors' context"
                "in which the graph was originally recorded."
            )
        return self.cloned.get(saved, saved.tensor)  # type: ignore[no-any-return]

    def clear(self) -> None:
        """Forget everything."""
        for table in (self.original, self.cloned, self.tid_to_weakhandle):
            table.clear()


@contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[_Mutations]:
    """Within the block, saved tensors are copied when they are changed, which is allowed so."""
    watching = STATE.recorder
    while watching is not None:
        if isinstance(watching, _Mutations):
            raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
        watching = watching.inner
    mutations = _Mutations()
    with saved_tensors_hooks(mutations.pack, mutations.unpack), mutations:
        try:
            yield mutations
        finally:
            mutations.clear()
            mutations.alive = False


def increment_version(tensor: Any) -> None:
    """Note a change of memory that the library could not see, on one tensor or several."""
    if not isinstance(tensor, Iterable):
        raise RuntimeError("increment_version expect a Iterable[Tensor] as input")
    for t in (tensor,) if isinstance(tensor, Tensor) else tensor:
        if t._ver is not INFERENCE:  # those are saved by no graph
            version_of(t)[0] += 1


# --- edges ---------------------------------------------------------------------------------------


class GradientEdge(NamedTuple):
    """An edge of the graph, usable in place of a tensor as an input or output of `grad`."""

    node: Any
    output_nr: int
    ownership_token: Any = None

    @property
    def edge(self) -> Any:
        """The edge as the graph has it."""
        node = self.node
        if node.shape is not None:
            return node
        return OutEdge(node, self.output_nr, *node.metas[self.output_nr])


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The edge at which a tensor's gradient arrives."""
    edge = edge_of(tensor)
    if edge is None:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require "
            "gradients"
        )
    node, index = split_edge(edge)
    return GradientEdge(shown(node), index)


# --- several tensors at once ---------------------------------------------------------------------


class _MultiHook:
    """Counts the gradients of one backward pass; calls `fn` when those it can bring are there."""

    def __init__(self, edges: list[Any], fn: Any, mode: str) -> None:
        self.edges, self.fn, self.mode = edges, fn, mode
        self.run: Any = None
        self.got: list[Any] = []
        self.fired, self.count, self.expected = False, 0, 0

    def at(self, i: int) -> Any:
        """The hook of tensor `i`."""

        def hook(g: Any) -> None:
            run = STATE.runs[-1]
            if self.run is None or self.run() is not run:
                self._start(run)
            if self.mode == "any":
                if not self.fired:
                    self.fired = True
                    self.fn(g)
                return
            self.got[i] = g
            self.count += 1
            if self.count == self.expected:
                self.run = None  # a gradient beyond those is counted anew, as in torch
                self.fn(list(self.got))

        return hook

    def _start(self, run: Any) -> None:
        self.run = weakref.ref(run)
        self.got = [None] * len(self.edges)
        self.fired, self.count = False, 0
        if self.mode == "all":
            self.expected = sum(map(foresight(run), self.edges))


def register_multi_grad_hook(tensors: Any, fn: Any, *, mode: str = "all") -> RemovableHandle:
    """Call `fn(grads)` once all gradients that a backward pass brings are there.

    With mode "any", call `fn(grad)` at the first.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    tensors = list(tensors)
    edges = [get_gradient_edge(t).edge for t in tensors]
    shared = _MultiHook(edges, fn, mode)
    return _Several([t.register_hook(shared.at(i)) for i, t in enumerate(tensors)])


class _Several(RemovableHandle):
    """One handle for many."""

    __slots__ = ("handles", "table")

    def __init__(self, handles: list[RemovableHandle]) -> None:
        self.table: Any = OrderedDict()
        super().__init__(self.table)
        self.handles = handles

    def remove(self) -> None:
        """Remove them all."""
        for handle in self.handles:
            handle.remove()

    def __getstate__(self) -> Any:
        return self.handles

    def __setstate__(self, state: Any) -> None:
        self.__init__(state)  # type: ignore[misc]
