"""Levels: what every transform shares.

A transform is a Trace on this thread's stack; a value inside it is a Tracer, a Tensor whose array
slot holds the value one level down. While transforms are active, `bind` hands every op to the
innermost one, whose `process` expresses it by ops on lower values, run where only the transforms
around it act; so transforms compose in any order, and each sees only its own level.

In-place ops go the same way: each level changes the value one level down, down to the memory, and
then brings its own notes (history, tangent) up to date. Therefore a tracer holds the same lower
value for its whole life, and views, detached tensors and arguments share memory as plain ones do.
"""

from __future__ import annotations

from typing import Any

from franken.backends.meta.memory import seen
from franken.core import inplace
from franken.core.geometry.size import Size
from franken.core.node import light
from franken.core.overriding.dispatch import disabled_torch_function
from franken.core.primitive import Primitive, _plain, eager, link_view, shares
from franken.core.state import STATE, pop_trace, push_trace, under
from franken.core.tensor import Tensor, alive, held, version_of

_new = object.__new__


class Trace:
    """One active transform; a context manager."""

    level: int
    alive = False
    derives = False  # whether it carries derivatives beside values
    transparent = False  # whether its values are the tensors themselves, not tracers
    keywords = False  # whether it has a word on what a custom Function takes by keyword alone

    def __enter__(self) -> Any:
        traces = STATE.traces
        self.level = traces[-1].level + 1 if traces else 1
        push_trace(self)
        self.alive = True
        return self

    def __exit__(self, *exc: object) -> None:
        pop_trace(self)
        self.alive = False

    # --- where code runs -----------------------------------------------------------------------

    def beneath(self, fn: Any, *args: Any) -> Any:
        """Call `fn` where only the transforms around this one act."""
        return under(STATE.traces.index(self), fn, *args)

    def within(self, fn: Any, *args: Any) -> Any:
        """Call `fn` where this transform is the innermost one."""
        return under(STATE.traces.index(self) + 1, fn, *args)

    # --- values --------------------------------------------------------------------------------

    def owns(self, value: Any) -> bool:
        """Whether the value is one of this level."""
        return isinstance(value, Tensor) and value.trace is self

    def lower(self, value: Any) -> Any:
        """The value one level down; what is no value of this level stays as it is."""
        return value._a if isinstance(value, Tensor) and value.trace is self else value

    def constant(self, value: Tensor) -> Tensor:
        """A lower value in this level's form, so that the level may change it in place."""
        return value

    # --- ops -----------------------------------------------------------------------------------

    def process(self, prim: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Execute an op at this level."""
        raise RuntimeError(f"{type(self).__name__} cannot process {prim.name}")

    def apply_function(self, cls: Any, args: tuple[Any, ...], kwargs: Any = None) -> Any:
        """Apply a custom Function at this level; `kwargs` come where `keywords` is set."""
        raise RuntimeError(f"{type(self).__name__} cannot apply {cls.__name__}")

    def detach(self, x: Any) -> Any:
        """The same memory without history, at this level and below."""
        low = self.beneath(detached, self.lower(x))
        if not self.owns(x):
            return low
        out = x.twin(None, low)
        out._ver = version_of(x)
        return out

    def check(self, x: Any, name: str) -> None:
        """Raise if `x` must not be changed in place."""
        self.beneath(inplace.check, self.lower(x), name)

    def commit(self, x: Any, result: Any) -> None:
        """Make `result` the value of `x`, here and below."""
        raise RuntimeError(f"{type(self).__name__} cannot change a tensor in place")

    def refuse_out(self, name: str, values: list[Any]) -> None:
        """Raise if the op `name` must not write into memory, for what these values are here."""

    # --- views ---------------------------------------------------------------------------------

    def link(self, prim: Primitive, base: Any, outs: Any, params: dict[str, Any]) -> None:
        """Mark the outputs of a view op as views of `base` where their memory says so."""
        if not self.owns(base):
            return
        if type(outs) is not tuple:
            if same_memory(base, outs):
                link_view(base, outs, (prim, params, -1))
            return
        for i, out in enumerate(outs):
            if same_memory(base, out):
                link_view(base, out, (prim, params, i))


class Tracer(Tensor):
    """A value inside a transform; `_a` is the value one level down."""

    __slots__ = ()
    trace: Any
    level: int
    foreign = True
    __torch_function__ = staticmethod(disabled_torch_function)
    # why the value cannot be read as a number (True: the reader's own words), or False
    hides_value: Any = False

    def __new__(cls, value: Any, trace: Any) -> Any:
        t = _new(cls)
        t._a, t.device, t.trace, t.level = value, value.device, trace, trace.level
        t._node = t._ver = t._base = None
        return t

    def executed(
        self, prim: Primitive, args: tuple[Any, ...], params: dict[str, Any], grad: bool
    ) -> Any:
        """Run an op of which this is an input, where its transform is not at work."""
        return eager(prim, _plain(prim, args), params, grad)

    @property
    def shape(self) -> Size:
        """The shape that the function being transformed sees."""
        return Size(self._a.shape)

    @property
    def dtype(self) -> Any:
        """The element type."""
        return self._a.dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions that the function being transformed sees."""
        return len(self.shape)

    def twin(self, edge: Any, value: Any = None) -> Any:
        """Another tensor of this value (or of another lower one) with history of its own."""
        t = type(self)(self._a if value is None else value, self.trace)
        t._node = edge
        return t

    def rebind(self, other: Any) -> None:
        """Take over the lower value of another tensor of this level, a view of this one."""
        self._a = other._a

    def escaped(self) -> Any:
        """The value that is left when the transform has ended."""
        return self._a


def detached(x: Any) -> Any:
    """The same memory outside of every graph; in-place changes are noticed on both sides."""
    x = alive(x)
    if STATE.traces:
        return STATE.traces[-1].detach(x)
    if x.foreign:
        return x.alone()
    out = light(x)
    out._ver = version_of(x)
    return out


def same_memory(base: Any, view: Any) -> bool:
    """Whether a traced view shows the memory of its base, and not a copy."""
    a, v = memory(base), memory(view)
    return v is a or shares(a, v)


def memory(t: Any) -> Any:
    """The array in which the value of a plain or traced tensor lies."""
    while isinstance(t, Tensor):
        t = held(t)
    return t


def values(t: Any) -> Any:
    """The array below all transforms for a check of its values: on meta, where nothing has any,
    an empty one, in which there is nothing wrong."""
    return seen(memory(t))
