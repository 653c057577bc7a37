"""Coordinates moved about: axes permuted and inserted, entries selected, tensors joined."""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.numpy.layouts import coo
from franken.backends.numpy.layouts.coo import Coo
from franken.core.layouts.tensor import NAMED
from franken.ops.indexing.index_put import _index_prim
from franken.ops.shape.join import cat_, stack_
from franken.ops.shape.movement import expand_, permute_, reshape_, select_, squeeze_, unsqueeze_
from franken.ops.shape.split import unbind_


def _permute_kernel(x: Any, *, dims: tuple[int, ...]) -> Any:
    if not isinstance(x, Coo):
        return x.permuted(dims)
    sparse = x.sparse_dim
    first, rest = dims[:sparse], dims[sparse:]
    if any(d >= sparse for d in first):
        moved = [i for i, d in enumerate(dims) if i != d]
        raise RuntimeError(
            "sparse transpose: transposed dimensions must be sparse Got sparse_dim: "
            f"{sparse}, d0: {moved[0]}, d1: {moved[-1]}"
        )
    values = x.values.transpose(0, *[d - sparse + 1 for d in rest])
    shape = tuple([x.shape[d] for d in dims])
    return Coo(x.indices[list(first)], values, shape, x.coalesced and first == tuple(sorted(first)))


def _unsqueeze_kernel(x: Any, *, dim: int) -> Any:
    refuse_memory(x, "strides")
    shape = (*x.shape[:dim], 1, *x.shape[dim:])
    if dim <= x.sparse_dim:
        return Coo(np.insert(x.indices, dim, 0, axis=0), x.values, shape, x.coalesced)
    values = np.expand_dims(x.values, dim - x.sparse_dim + 1)
    return Coo(x.indices, values, shape, x.coalesced)


def _select_kernel(x: Any, *, dim: int, index: int) -> Any:
    if not isinstance(x, Coo):
        return x.selected(dim, index)
    shape = x.shape[:dim] + x.shape[dim + 1 :]
    if dim >= x.sparse_dim:
        return Coo(x.indices, x.values.take(index, dim - x.sparse_dim + 1), shape, x.coalesced)
    here = x.indices[dim] == index
    values = x.values[here]
    if x.sparse_dim == 1:  # nothing is left to say where: what is there is dense
        return reduced(values)
    return Coo(np.delete(x.indices[:, here], dim, axis=0), values, shape, x.coalesced)


def reduced(values: Any) -> Any:
    """The sum of all that lies at one place."""
    one = coo.coalesce(Coo(np.zeros((1, len(values)), np.int64), values, (1, *values.shape[1:])))
    return coo.to_dense(one)[0]


def _index_kernel(x: Any, index: Any, *, pattern: tuple[int, ...]) -> Any:
    """One entry of an axis after the other, as often as `index` names it."""
    dim = len(pattern) - 1
    if not isinstance(x, Coo) or any(pattern[:-1]) or index.ndim != 1:
        return NotImplemented
    shape = (*x.shape[:dim], len(index), *x.shape[dim + 1 :])
    if dim >= x.sparse_dim:
        return Coo(x.indices, x.values.take(index, dim - x.sparse_dim + 1), shape, x.coalesced)
    index = np.where(index < 0, index + x.shape[dim], index)
    order = np.argsort(x.indices[dim], kind="stable")
    row = x.indices[dim][order]
    first, end = np.searchsorted(row, index, "left"), np.searchsorted(row, index, "right")
    count = end - first
    to = np.repeat(np.arange(len(index)), count)
    offset = np.arange(to.size) - np.repeat(np.cumsum(count) - count, count)
    picked = order[np.repeat(first, count) + offset]
    indices = x.indices[:, picked]
    indices[dim] = to
    out = Coo(indices, x.values[picked], shape)
    return coo.coalesce(out) if x.coalesced else out


def _cat_kernel(*xs: Any, dim: int) -> Any:
    first = xs[0]
    if isinstance(first, coo.Sparse):
        refuse_memory(first, "is_contiguous")
    if not all(isinstance(x, Coo) for x in xs):
        raise RuntimeError(
            "Concatenating sparse tensors, but a dense tensor was found at position "
            f"{next(i for i, x in enumerate(xs) if not isinstance(x, Coo))}."
        )
    for i, x in enumerate(xs):
        if x.sparse_dim != first.sparse_dim:
            raise RuntimeError(
                "All tensors must have the same: dim. Tensor 0 has sparse_dim "
                f"{first.sparse_dim} but tensor at position {i} has {x.sparse_dim}"
            )
    size = sum(x.shape[dim] for x in xs)
    shape = (*first.shape[:dim], size, *first.shape[dim + 1 :])
    if dim >= first.sparse_dim:
        return _cat_dense(xs, dim, shape)
    starts = np.cumsum([0, *[x.shape[dim] for x in xs]])
    parts = []
    for x, start in zip(xs, starts, strict=False):
        part = x.indices.copy()
        part[dim] += start
        parts.append(part)
    whole = dim == 0 and all(x.coalesced for x in xs)
    values = np.concatenate([x.values for x in xs])
    return Coo(np.concatenate(parts, axis=1), values, shape, whole)


def _cat_dense(xs: Any, dim: int, shape: Any) -> Coo:
    """Joined along a dense axis: each tensor's elements among zeros."""
    axis, rows, start = dim - xs[0].sparse_dim + 1, [], 0
    for x in xs:
        wide = np.zeros((x.nnz, *shape[x.sparse_dim :]), x.dtype)
        place = [slice(None)] * wide.ndim
        place[axis] = slice(start, start + x.shape[dim])
        wide[tuple(place)] = x.values
        rows.append(wide)
        start += x.shape[dim]
    return Coo(np.concatenate([x.indices for x in xs], axis=1), np.concatenate(rows), shape)


def _stack_kernel(*xs: Any, dim: int) -> Any:
    return _cat_kernel(*[_unsqueeze_kernel(x, dim=dim) for x in xs], dim=dim)


def refuse_memory(x: Any, what: str) -> None:
    """Raise torch's error for asking compressed memory for what only strided memory has."""
    if not isinstance(x, Coo):
        raise RuntimeError(f"Sparse {x.layout[7:].upper()} tensors do not have {what}")


def _reshape_kernel(x: Any, **params: Any) -> Any:
    refuse_memory(x, "is_contiguous")
    raise RuntimeError("reshape is not implemented for sparse tensors")


def _expand_kernel(x: Any, **params: Any) -> Any:
    kind = "Sparse" if isinstance(x, Coo) else f"Sparse{x.layout[7:].capitalize()}"
    raise RuntimeError(f"expand is unsupported for {kind} tensors")


def _squeeze_kernel(x: Any, **params: Any) -> Any:
    refuse_memory(x, "strides")
    return NotImplemented


def _unbind_kernel(x: Any, *, dim: int) -> Any:
    return tuple([_select_kernel(x, dim=dim, index=i) for i in range(x.shape[dim])])


unbind_.kernel(NAMED, _unbind_kernel)
permute_.kernel(NAMED, _permute_kernel)
unsqueeze_.kernel(NAMED, _unsqueeze_kernel)
select_.kernel(NAMED, _select_kernel)
cat_.kernel(NAMED, _cat_kernel)
stack_.kernel(NAMED, _stack_kernel)
_index_prim(1).kernel(NAMED, _index_kernel)
reshape_.kernel(NAMED, _reshape_kernel)
expand_.kernel(NAMED, _expand_kernel)
squeeze_.kernel(NAMED, _squeeze_kernel)
