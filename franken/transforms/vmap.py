"""Vectorising map: BatchTrace carries one hidden dimension a level.

Knows no particular op: each op's batching rule says what it does with hidden dimensions.
"""

from __future__ import annotations

from typing import Any

from franken.core.errors import MissingRule
from franken.core.primitive import NO_BATCH_RULE, Primitive
from franken.core.size import Size
from franken.core.state import STATE
from franken.core.tensor import Tensor
from franken.core.trace import Trace, Tracer, fresh, inherit_alias


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
        s = tuple(fresh(self)._a.shape)
        return Size(s[: self.bdim] + s[self.bdim + 1 :])

    def lift(self, value: Tensor) -> Any:
        """A constant, repeated along the hidden dimension."""
        self.bdim = 0
        return value.expand(self.trace.size, *value.shape)


class BatchTrace(Trace):
    """Turns ops on examples into ops on batches.

    Args:
        size: length of the hidden dimension.
        randomness: "error", "different" or "same", for random ops inside.
    """

    def __init__(self, size: int, randomness: str = "error") -> None:
        self.size, self.randomness = size, randomness

    def takes(self, prim: Primitive) -> bool:
        """Random ops without a batched input obey the randomness flag."""
        return prim.random

    def process(self, prim: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Apply the op's batching rule one level down."""
        values = self.lower(args)
        dims = [
            a.bdim if isinstance(a, BatchTracer) and a.level == self.level else None for a in args
        ]
        rule = prim.batch
        if rule is None or rule is NO_BATCH_RULE:
            raise MissingRule("batching", prim.name, f"it is declared {rule}")
        if prim.random:
            out, dim = self._draw(rule, prim, values, dims, params)
        else:
            out, dim = rule(prim, values, dims, params)
        if type(out) is not tuple:
            return self._wrap(prim, args, params, out, dim, -1)
        if type(dim) is not tuple:
            dim = (dim,) * len(out)
        return tuple(
            self._wrap(prim, args, params, o, d, i)
            for i, (o, d) in enumerate(zip(out, dim, strict=True))
        )

    def _draw(self, rule: Any, prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
        """Apply a random op's rule where this trace (and those inside it) take nothing any more."""
        traces = STATE.traces
        STATE.traces = [t for t in traces if t.level < self.level]
        try:
            return rule(prim, values, dims, {**params, "batch_trace": self})
        finally:
            STATE.traces = traces

    def _wrap(self, prim: Any, args: Any, params: Any, out: Any, dim: Any, i: int) -> Any:
        if dim is None:
            return out
        made = BatchTracer.make(out, dim, self)
        if prim.view and isinstance(args[0], Tracer):
            inherit_alias(args[0], out, made, (prim, params, i))
        return made
