"""`index` and its adjoint `index_put`: the primitives that read and write at index tensors.

`indices` stand at the ones of `pattern`, which covers the leading axes. Index tensors are inputs of
the primitives; negative places and bounds are NumPy's, which are torch's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.meta import rules
from franken.backends.numpy import places
from franken.core.batching import batch_size, spread, to_front
from franken.core.node import backward_name
from franken.core.primitive import NOT_DIFFERENTIABLE, Primitive, Rule, bind
from franken.core.tensor import Tensor
from franken.ops.shape.movement import permute_, reshape_


def family(
    name: str, fixed: tuple[str, ...], kernel: Any, declare: Any, layout: str, meta: Any
) -> Any:
    """`prim(n)`: the primitive for n index tensors, made at first need.

    One for each number, since a rule names what the tape keeps: here the indices, not the data.
    """
    made: dict[int, Primitive] = {}

    def prim(n: int) -> Primitive:
        if n not in made:
            indices = tuple(f"i{k}" for k in range(n))
            made[n] = Primitive(
                name if n == 1 else f"{name}_{n}", (*fixed, *indices), kernel,
                title=backward_name(name), layout=layout, meta=meta,
            )  # fmt: skip
            made[n].vjp(*indices)(NOT_DIFFERENTIABLE)
            declare(made[n], indices)
        return made[n]

    return prim


def _declare_index(prim: Primitive, indices: tuple[str, ...]) -> None:
    prim.vjp("x")(Rule(_index_back, ("g", "x_shape", "pattern", *indices)))
    prim.jvp(_index_tangent)
    prim.batching(_index_batched)


def _index_back(g: Any, x_shape: Any, pattern: Any, *indices: Any) -> Any:
    return put_(g.new_zeros(x_shape), g, *indices, pattern=pattern, accumulate=True)


def _index_tangent(tangents: Any, out: Any, x: Any, *indices: Any, pattern: Any) -> Any:
    return index_(tangents[0], *indices, pattern=pattern)


_index_prim = family("index", ("x",), places.index, _declare_index, "indexed", rules.indexed)


def index_(x: Any, *indices: Any, pattern: tuple[int, ...]) -> Any:
    """The gather primitive: `indices` at the ones of `pattern`, which covers x's leading axes."""
    return bind(_index_prim(len(indices)), (x, *indices), {"pattern": pattern})


def block_start(pattern: tuple[int, ...]) -> int:
    """Where the index block stands in the result: in place if adjacent, else in front."""
    first = pattern.index(1)
    last = len(pattern) - 1 - pattern[::-1].index(1)
    return first if all(pattern[first : last + 1]) else 0


def aligned_indices(indices: Any, dims: Any) -> tuple[list[Any], int]:
    """Indices with hidden dimensions in front and equal logical ranks; that rank."""
    rank = max(v.ndim - (d is not None) for v, d in zip(indices, dims, strict=True))
    out = []
    for v, d in zip(indices, dims, strict=True):
        if d is not None:
            v = to_front(v, d)
            v = v.reshape(v.shape[0], *(1,) * (rank - v.ndim + 1), *v.shape[1:])
        out.append(v)
    return out, rank


def counting(size: int, rank: int, like: Any) -> Any:
    """0, 1, ... along the hidden dimension, to pair each example with its own indices."""
    from franken.ops.surface.creation import finish

    return finish(np.arange(size).reshape(size, *(1,) * rank), like.device)


def move_block(pattern: tuple[int, ...], rank: int, ndim: int) -> tuple[int, ...]:
    """The order that takes (batch, index block, axes...) to (batch, result of the pattern...)."""
    start = block_start(pattern)
    block = list(range(1, rank + 1))
    rest = list(range(rank + 1, ndim))
    return (0, *rest[:start], *block, *rest[start:])


def _index_batched(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    (x, *indices), (dx, *di) = values, dims
    pattern = params["pattern"]
    if all(d is None for d in di):
        rank = max(i.ndim for i in indices)
        out = index_(to_front(x, dx), *indices, pattern=(0, *pattern))
        return out, 0 if block_start((0, *pattern)) else rank
    indices, rank = aligned_indices(indices, di)
    if dx is None:
        return index_(x, *indices, pattern=pattern), block_start(pattern)
    x = to_front(x, dx)
    each = counting(x.shape[0], rank, x)
    out = index_(x, each, *indices, pattern=(1, *pattern))
    return permute_(out, dims=move_block(pattern, rank, out.ndim)), 0


# --- writing -------------------------------------------------------------------------------------


def _declare_put(prim: Primitive, indices: tuple[str, ...]) -> None:
    prim.joint_vjp(Rule(_put_back, ("g", "needs", "pattern", "accumulate", *indices)))
    prim.jvp(_put_tangent)
    prim.batching(_put_batched)


def _put_back(g: Any, needs: Any, pattern: Any, accumulate: bool, *indices: Any) -> Any:
    gx = gv = None
    if needs[0]:
        gx = g if accumulate else put_(g, 0, *indices, pattern=pattern, accumulate=False)
    if needs[1]:
        gv = index_(g, *indices, pattern=pattern)
    return (gx, gv, *[None] * len(indices))


def _put_tangent(tangents: Any, out: Any, x: Any, values: Any, *indices: Any, **params: Any) -> Any:
    tx, tv = tangents[:2]
    tx = x.new_zeros(tuple(x.shape)) if tx is None else tx
    return put_(tx, 0 if tv is None else tv, *indices, **params)


_put_prim = family("index_put", ("x", "values"), places.put, _declare_put, "as_input", rules.same)


def put_(x: Any, values: Any, *indices: Any, pattern: tuple[int, ...], accumulate: bool) -> Any:
    """The index_put primitive: `indices` at the ones of `pattern`, over x's leading axes."""
    params = {"pattern": pattern, "accumulate": accumulate}
    return bind(_put_prim(len(indices)), (x, values, *indices), params)


def _put_batched(prim: Primitive, args: Any, dims: Any, params: Any) -> Any:
    (x, values, *indices), (dx, dv, *di) = args, dims
    size, pattern = batch_size(args, dims), params["pattern"]
    x = spread(x, dx, size)
    one_index = all(d is None for d in di)
    if one_index:
        rank = max(i.ndim for i in indices)
        new = (0, *pattern)
    else:
        indices, rank = aligned_indices(indices, di)
        indices = [counting(size, rank, x), *indices]
        new = (1, *pattern)
    if isinstance(values, Tensor):
        values = _aligned_values(values, dv, x.ndim - 1 - sum(pattern) + rank)
        if one_index and block_start(new) == 0:
            values = _front_to(values, rank)
        elif not one_index:
            values = permute_(values, dims=_inverse(move_block(pattern, rank, values.ndim)))
    return put_(x, values, *indices, pattern=new, accumulate=params["accumulate"]), 0


def _aligned_values(values: Any, dim: int | None, rank: int) -> Any:
    """The values with the hidden dimension (or a 1) in front and full logical rank."""
    v = to_front(values, dim) if dim is not None else reshape_(values, shape=(1, *values.shape))
    return reshape_(v, shape=(v.shape[0], *(1,) * (rank - v.ndim + 1), *v.shape[1:]))


def _front_to(values: Any, place: int) -> Any:
    order = list(range(1, values.ndim))
    order.insert(place, 0)
    return permute_(values, dims=tuple(order))


def _inverse(order: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(range(len(order)), key=order.__getitem__))
