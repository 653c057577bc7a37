"""Vectorising map: BatchTrace carries one hidden dimension a level.

Knows no particular op: each op's batching rule says what it does with hidden dimensions.
"""

from __future__ import annotations

from typing import Any

from franken.core import inplace
from franken.core.errors import MissingRule
from franken.core.geometry.size import Size
from franken.core.primitive import NO_BATCH_RULE, Primitive, bind
from franken.core.tensor import Tensor
from franken.core.trace import Trace, Tracer
from franken.transforms.custom import Batched

_INPLACE = (
    "vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a Tensor "
    "`other` in extra_args that has more elements than `self`. This happened due to `other` being "
    "vmapped over but `self` not being vmapped over in a vmap. Please try to use out-of-place "
    "operators instead of inplace arithmetic. If said operator is being called inside the PyTorch "
    "framework, please file a bug report instead."
)


class BatchTracer(Tracer):
    """A value whose array has one more dimension, `bdim`, than the function sees."""

    __slots__ = ()
    hides_value = True
    bdim: int
    trace: BatchTrace

    @staticmethod
    def make(value: Tensor, bdim: int, trace: BatchTrace) -> BatchTracer:
        """A tracer of `trace` whose hidden dimension is `bdim`."""
        t: BatchTracer = BatchTracer(value, trace)
        t.bdim = bdim
        return t

    @property
    def shape(self) -> Size:
        """The shape without the hidden dimension."""
        s = tuple(self._a.shape)
        return Size(s[: self.bdim] + s[self.bdim + 1 :])

    def twin(self, edge: Any, value: Any = None) -> Any:
        """Another tensor of this value (or of another lower one)."""
        t = super().twin(edge, value)
        t.bdim = self.bdim
        return t

    def rebind(self, other: Any) -> None:
        """Take over value and hidden dimension."""
        super().rebind(other)
        self.bdim = other.bdim

    def escaped(self) -> Any:
        """There is no such value: the hidden dimension means nothing any more."""
        raise RuntimeError(
            "Either your tensor may have escaped from inside a function being vmapped and this is "
            "a user error (see https://pytorch.org/functorch/stable/ux_limitations.html), or there "
            "is an internal error: return it from the function that is mapped instead."
        )


class BatchTrace(Batched, Trace):
    """Turns ops on examples into ops on batches.

    Args:
        size: length of the hidden dimension.
        randomness: "error", "different" or "same", for random ops inside.
    """

    def __init__(self, size: int, randomness: str = "error") -> None:
        self.size, self.randomness = size, randomness

    def make(self, value: Any, dim: Any) -> Any:
        """A tensor of this level; the value itself if it has no hidden dimension."""
        if dim is None or not isinstance(value, Tensor):
            return value
        return BatchTracer.make(value, dim % value.ndim, self)

    def refuse_out(self, name: str, values: list[Any]) -> None:
        """Refuse what is mapped over."""
        if any(self.dim_of(v) is not None for v in values):
            raise RuntimeError(
                f"Batching rule not implemented for aten::{name}.out; the fallback path doesn't "
                "work on out= or view ops."
            )

    def dim_of(self, value: Any) -> int | None:
        """Where a value's hidden dimension is; None if it has none."""
        return value.bdim if self.owns(value) else None

    def process(self, prim: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Apply the op's batching rule one level down."""
        dims = [self.dim_of(a) for a in args]
        random = prim.random
        if not random and all(d is None for d in dims):
            return self.beneath(bind, prim, args, params)
        values = [self.lower(a) for a in args]
        rule = prim.batch
        if rule is None or rule is NO_BATCH_RULE:
            raise MissingRule("batching", prim.name, f"it is declared {rule}")
        own = {**params, "batch_trace": self} if random else params
        out, dim = self.beneath(rule, prim, values, dims, own)
        if type(out) is not tuple:
            return self.make(out, dim)
        each = dim if type(dim) is tuple else (dim,) * len(out)
        return tuple([self.make(o, d) for o, d in zip(out, each, strict=True)])

    def commit(self, x: Any, result: Any) -> None:
        """Change the batch one level down, its hidden dimension staying where it is."""
        dim, own = self.dim_of(x), self.dim_of(result)
        if dim is None and own is not None:
            raise RuntimeError(_INPLACE)
        value = self.lower(result)
        if dim is not None:
            value = self.beneath(_with_dim, value, own, dim, self.size)
        self.beneath(inplace.commit, self.lower(x), value)


def _with_dim(value: Any, dim: int | None, wanted: int, size: int) -> Any:
    if dim is None:
        value, dim = value.expand(size, *value.shape), 0
    return value if dim == wanted else value.movedim(dim, wanted)
