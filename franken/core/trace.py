"""Levels: what every transform shares.

A transform is a Trace on this thread's stack; a value inside it is a Tracer, a Tensor whose array
slot holds the value one level down. `bind` hands an op to the trace of its highest argument, whose
`process` expresses it by ops on lower values; so transforms compose in any order, and each sees
only its own level.
"""

from __future__ import annotations

from typing import Any

from franken.core.inplace import refresh_traced
from franken.core.primitive import Primitive
from franken.core.size import Size
from franken.core.state import STATE, pop_trace, push_trace
from franken.core.tensor import Tensor

_new = object.__new__


class Trace:
    """One active transform; a context manager."""

    level: int

    def __enter__(self) -> Any:
        traces = STATE.traces
        self.level = traces[-1].level + 1 if traces else 1
        push_trace(self)
        return self

    def __exit__(self, *exc: object) -> None:
        pop_trace(self)

    def takes(self, prim: Primitive) -> bool:
        """Whether the trace wants an op none of whose inputs is traced (random ops, say)."""
        return False

    def process(self, prim: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Execute an op at this level."""
        raise RuntimeError(f"{type(self).__name__} cannot process {prim.name}")

    def lower(self, args: tuple[Any, ...]) -> list[Any]:
        """The values one level down."""
        return [fresh(a)._a if isinstance(a, Tensor) and a.level == self.level else a for a in args]


class Tracer(Tensor):
    """A value inside a transform; `_a` is the value one level down."""

    __slots__ = ()
    trace: Any
    level: int
    # Whether it is one value with its derivative (grad, jvp), not a batch or a stage of values.
    derivative = False
    # why the value cannot be read as a number (True: the reader's own words), or False
    hides_value: Any = False

    def __new__(cls, value: Any, trace: Any) -> Any:
        t = _new(cls)
        t._a, t.device, t.trace, t.level = value, value.device, trace, trace.level
        t._node = t._ver = t._base = None
        return t

    @property
    def shape(self) -> Size:
        """The shape that the function being transformed sees."""
        return Size(fresh(self)._a.shape)

    @property
    def dtype(self) -> Any:
        """The element type."""
        return self._a.dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions that the function being transformed sees."""
        return len(self.shape)

    def rebind(self, other: Any) -> None:
        """Take over another tracer's (or a lower tensor's) value, as an in-place op does."""
        if other.level == self.level:
            own: dict[str, Any] = self.__dict__
            kept: dict[str, Any] = {k: own[k] for k in ("born", "views") if k in own}
            own.update(other.__dict__)
            own.update(kept)
            self._a, self._node = other._a, other._node
        else:
            self._a, self._node = self.lift(other), None

    def lift(self, value: Tensor) -> Any:
        """A constant's value in the form this tracer keeps."""
        return value


def fresh(t: Any) -> Any:
    """The tracer, recomputed if it is a view of something that was changed."""
    if t._base is not None and t._view_ver != t._ver[0]:
        refresh_traced(t)
    return t


def inherit_alias(base: Any, low: Any, out: Any, link: Any) -> None:
    """Mark a traced output as a view if its lower value is one."""
    if low._base is None and not (isinstance(low, Tracer) and low._base is not None):
        return
    if base._ver is None:
        base._ver = [0, None]
    out._ver, out._view_ver = base._ver, base._ver[0]
    if base._base is None:
        out._base, out._chain = base, (link,)
    else:
        out._base, out._chain = base._base, (*base._chain, link)


def top_level() -> int:
    """The innermost active level (0 outside of transforms)."""
    return STATE.traces[-1].level if STATE.traces else 0
