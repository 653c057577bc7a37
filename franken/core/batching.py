"""Batching rules that many ops share.

A batching rule gets lower-level values and the place of the hidden dimension in each (None where
a value has none); it returns the result and the place of the hidden dimension in it.
"""

from __future__ import annotations

from typing import Any

from franken.core.primitive import Primitive, bind
from franken.core.tensor import Tensor


def to_front(value: Any, dim: int | None) -> Any:
    """The value with its hidden dimension first; unchanged if it has none."""
    return value if dim is None or dim == 0 else value.movedim(dim, 0)


def spread(value: Any, dim: int | None, size: int) -> Any:
    """The value with a hidden dimension in front, repeated if it had none."""
    if dim is None:
        return value.expand(size, *value.shape)
    return to_front(value, dim)


def batch_size(values: Any, dims: Any) -> int:
    """Length of the hidden dimension."""
    return int(next(v.shape[d] for v, d in zip(values, dims, strict=True) if d is not None))


def pointwise(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    """Batching rule of elementwise ops: hidden dimension in front, ranks aligned by ones."""
    logical = [
        v.ndim - (d is not None) if isinstance(v, Tensor) else 0
        for v, d in zip(values, dims, strict=True)
    ]
    rank = max(logical)
    aligned = []
    for v, d, n in zip(values, dims, logical, strict=True):
        if d is not None:
            v = to_front(v, d)
            if n < rank:
                v = v.reshape(v.shape[0], *(1,) * (rank - n), *v.shape[1:])
        aligned.append(v)
    return bind(prim, tuple(aligned), params), 0


pointwise.elementwise = True  # type: ignore[attr-defined]  # results are as large as all inputs together


def shift_axes(*names: str) -> Any:
    """Batching rule of one-input ops whose named parameters are axes (an int or a tuple, >= 0)."""

    def rule(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
        x = to_front(values[0], dims[0])
        return bind(prim, (x, *values[1:]), _shifted(params, names)), 0

    return rule


def _shifted(params: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    new = dict(params)
    for n in names:
        v = new.get(n)
        if v is not None:
            new[n] = v + 1 if isinstance(v, int) else tuple(a + 1 for a in v)
    return new


def all_batched(*names: str) -> Any:
    """Like shift_axes for ops of several inputs of one rank: all get the hidden dimension."""

    def rule(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
        size = batch_size(values, dims)
        spreads = tuple(
            spread(v, d, size) if isinstance(v, Tensor) else v
            for v, d in zip(values, dims, strict=True)
        )
        return bind(prim, spreads, _shifted(params, names)), 0

    return rule


def view_rule(change: Any) -> Any:
    """Batching rule of a view op: `change(params, shape)` gives the parameters for a value with
    the hidden dimension in front (`shape` is without it). Also used to scatter into views."""

    def rule(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
        x = to_front(values[0], dims[0])
        return bind(prim, (x,), change(params, tuple(x.shape[1:]))), 0

    rule.batched_params = change  # type: ignore[attr-defined]
    return rule
