"""Batching by a loop over the examples, for ops that have no quicker rule."""

from __future__ import annotations

from typing import Any

from franken.core.batching import batch_size
from franken.core.primitive import Primitive, bind
from franken.ops.shape.join import stack


def loop(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    """Batching by a loop over examples: always right, never fast; said, not assumed."""
    size = batch_size(values, dims)
    rows = [
        bind(prim, tuple(v if d is None else v.select(d, i)
                         for v, d in zip(values, dims, strict=True)), params)
        for i in range(size)
    ]  # fmt: skip
    if rows and type(rows[0]) is tuple:
        return tuple(stack(list(col)) for col in zip(*rows, strict=True)), 0
    if not rows:
        return _empty_loop(prim, values, dims, params)
    return stack(rows), 0


def _empty_loop(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    one = tuple(v if d is None else v.new_zeros([n for k, n in enumerate(v.shape) if k != d])
                for v, d in zip(values, dims, strict=True))  # fmt: skip
    out = bind(prim, one, params)
    if type(out) is tuple:
        return tuple(o.new_zeros((0, *o.shape)) for o in out), 0
    return out.new_zeros((0, *out.shape)), 0
