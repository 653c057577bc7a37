"""Sorting along one dimension: sort, argsort, msort, topk. NaN is the largest value.

Unless a stable order is asked for, equal values stand as torch's algorithms leave them
(`backends/numpy/ties`); in calls on many elements they keep their order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.meta import rules
from franken.backends.numpy import ties
from franken.backends.numpy.halves import halved
from franken.backends.registry import rebound_when_used
from franken.core import dtypes as dt
from franken.core.batching import shift_axes
from franken.core.calls.out import SAME
from franken.core.geometry.shapes import wrap_dim
from franken.core.node import titled
from franken.core.op import op
from franken.core.primitive import Primitive
from franken.core.tensor import Tensor
from franken.ops.declaring.return_types import make
from franken.ops.declaring.samples import S
from franken.ops.reduction.picked import by_index
from franken.ops.reduction.scan import on_vector
from franken.ops.surface.args import integer

_U64 = np.uint64
# Shorter rows are argsorted; longer ones are sorted as 64-bit keys (2^20 float32: 43 ms, not 135).
_KEYED = 256


def _keys(x: Any) -> Any:
    """uint64 keys of rows of 32-bit numbers: order of the value above, index below.

    All keys differ, so any sort of them is stable. The upper half orders like x, NaN last.
    """
    if x.dtype.kind == "f":
        bits = (x + x.dtype.type(0)).view(np.uint32)  # -0 + 0 is 0
        flip = np.where(bits >> np.uint32(31), np.uint32(0xFFFFFFFF), np.uint32(0x80000000))
        high = bits ^ flip
        high[np.isnan(x)] = 0xFFFFFFFF
    else:
        high = x.view(np.uint32) ^ np.uint32(0x80000000)
    keys = high.astype(_U64)
    keys <<= _U64(32)
    return keys


def _index_of(keys: Any) -> Any:
    return (keys & _U64(0xFFFFFFFF)).astype(np.int64)


def _keyed(x: Any) -> bool:
    return x.dtype in (np.float32, np.int32) and _KEYED <= x.shape[-1] < 1 << 32


def argsort_rows(x: Any, descending: bool) -> Any:
    """Stable order along the last axis; equal values keep their order either way."""
    n = x.shape[-1]
    if _keyed(x):
        keys = _keys(np.ascontiguousarray(x))
        if descending:
            keys ^= _U64(0xFFFFFFFF << 32)
        keys |= np.arange(n, dtype=_U64)
        keys.sort(axis=-1)
        return _index_of(keys)
    if not descending:
        return np.argsort(x, axis=-1, kind="stable")
    return n - 1 - np.argsort(x[..., ::-1], axis=-1, kind="stable")[..., ::-1]


def _topk_without_ties(x: Any, k: int, largest: bool) -> Any:
    """Like _topk_rows; None if the k-th value occurs again or is NaN in some row."""
    at = x.shape[-1] - k if largest else k - 1
    last = np.partition(x, at, axis=-1)[..., at : at + 1]
    places = np.flatnonzero(x >= last if largest else x <= last)
    if places.size != x.size // x.shape[-1] * k:
        return None
    index = (places % x.shape[-1]).reshape(*x.shape[:-1], k)
    order = argsort_rows(np.take_along_axis(x, index, axis=-1), largest)
    return np.take_along_axis(index, order, axis=-1)


def _topk_rows(x: Any, k: int, largest: bool) -> Any:
    """Indices of the k extreme values along the last axis, best first, earlier of equals first."""
    n = x.shape[-1]
    if not _keyed(x) or 4 * k > n or k == 0:
        return argsort_rows(x, largest)[..., :k]
    found = _topk_without_ties(x, k, largest)
    if found is not None:
        return found
    keys = _keys(np.ascontiguousarray(x))
    if largest:
        keys ^= _U64(0xFFFFFFFF << 32)
    keys |= np.arange(n, dtype=_U64)
    keys.partition(k - 1, axis=-1)
    return _index_of(np.sort(keys[..., :k], axis=-1))


def _with_values(x: Any, index: Any, dim: int) -> Any:
    if x.ndim == 1:
        return x[index], index
    values = np.take_along_axis(x, index, axis=-1)
    return (
        np.ascontiguousarray(np.moveaxis(values, -1, dim)),
        np.ascontiguousarray(np.moveaxis(index, -1, dim)),
    )


def _last(x: Any, dim: int) -> Any:
    return x if dim == x.ndim - 1 else np.moveaxis(x, dim, -1)


def _ordered(rows: Any, descending: bool, stable: bool) -> Any:
    order = argsort_rows(rows, descending)
    n = rows.shape[-1]
    if stable or n <= ties.SHORT or not 0 < rows.size <= ties.LIMIT:
        return order
    return ties.sorted_rows(rows.reshape(-1, n), order.reshape(-1, n)).reshape(rows.shape)


def _sort_kernel(
    x: Any, *, dim: int, descending: bool, stable: bool, keep: bool = False
) -> Any:  # fmt: skip
    rows = _last(x, dim)
    return _with_values(rows, _ordered(rows, descending, stable or keep), dim)


def _topk_kernel(
    x: Any, *, dim: int, k: int, largest: bool, in_order: bool, keep: bool = False
) -> Any:
    rows = _last(x, dim)
    if keep or not 0 < rows.size <= ties.LIMIT:
        return _with_values(rows, _topk_rows(rows, k, largest), dim)
    n = rows.shape[-1]
    order = argsort_rows(rows, largest).reshape(-1, n)
    index = ties.top_rows(rows.reshape(-1, n), order, k, in_order)
    return _with_values(rows, index.reshape(*rows.shape[:-1], k), dim)


def _argsort_kernel(
    x: Any, *, dim: int, descending: bool, stable: bool, keep: bool = False
) -> Any:  # fmt: skip
    index = _ordered(np.moveaxis(x, dim, -1), descending, stable or keep)
    return np.ascontiguousarray(np.moveaxis(index, -1, dim))


def _pair(name: str, kernel: Any, layout: str, meta: Any) -> Primitive:
    return by_index(
        Primitive(
            name, ("x",), halved(kernel), outputs=2, nondiff=(1,), batch=shift_axes("dim"),
            layout=layout, meta=meta,
        )
    )  # fmt: skip


def _top_geometry(x: Any, *, dim: int, k: int, **params: Any) -> Any:
    shape = (*x.shape[:dim], k, *x.shape[dim + 1 :])
    return [rules.reserved(shape, x.dtype), rules.reserved(shape, rules.INT64)]


sort_ = _pair("sort", _sort_kernel, "as_input", rules.same_and_places)
topk_ = _pair("topk", _topk_kernel, "contiguous", _top_geometry)
argsort_ = Primitive(
    "argsort",
    ("x",),
    halved(_argsort_kernel),
    batch=shift_axes("dim"),
    layout="as_input",
    meta="places",
).not_differentiable()
# On the GPU equal values keep their order: its algorithms are others.
for _prim in (sort_, topk_, argsort_):
    _prim.kernel("cuda", rebound_when_used(_prim.cpu, keep=True))
_SORT, _TOPK = make("sort", "values", "indices"), make("topk", "values", "indices")


def _comparable(x: Tensor) -> None:
    if x.dtype.is_complex:
        raise RuntimeError(" Sort does not support complex dtypes on CPU")


@op(
    out=SAME,
    samples=lambda t: [
        S(t.distinct(3, 4)),
        S(t.distinct(2, 3, 4), 1, True),
        S(t.distinct(3, 4), dim=0, stable=True),
        S(t()),
        S(t(2, 0)),
    ],
)
@on_vector
def sort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Any:
    """(values, indices) in order along a dimension; if `stable`, equal values keep theirs."""
    if isinstance(dim, bool) or not isinstance(dim, int):
        raise TypeError(
            "sort() received an invalid combination of arguments - got "
            f"(Tensor, {type(dim).__name__}), but dim must be an int"
        )
    _comparable(input)
    stable = bool(stable)
    out = _SORT(
        sort_(input, dim=wrap_dim(dim, input.ndim), descending=bool(descending), stable=stable)
    )
    return titled(out, "SortBackward1") if stable else out


@op(
    out=SAME,
    samples=lambda t: [
        S(t.distinct(3, 4)),
        S(t.distinct(2, 3, 4), 1, True),
        S(t.distinct(3, 4), dim=0, stable=True),
        S(t()),
        S(t(2, 0)),
    ],
)
@on_vector
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The indices that put a dimension in order."""
    _comparable(input)
    d = wrap_dim(dim, input.ndim)
    return argsort_(input, dim=d, descending=bool(descending), stable=bool(stable))


@op(out=SAME, samples=lambda t: [S(t.distinct(3, 4)), S(t.distinct(5)), S(t(2, 0))])
@on_vector
def msort(input: Tensor) -> Tensor:
    """The tensor in order along its first dimension."""
    _comparable(input)
    return sort_(input, dim=0, descending=False, stable=False)[0]


@op(
    out=SAME,
    samples=lambda t: [
        S(t.distinct(3, 4), 2),
        S(t.distinct(3, 4), 2, 0, largest=False),
        S(t(), 1),
        S(t(2, 3), 0),
    ],
)
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """(values, indices) of the k largest (or smallest) entries of a dimension, best first."""
    k, dim = integer("topk", "k", 1, k), integer("topk", "dim", 2, dim)
    d = wrap_dim(dim, input.ndim)
    if not 0 <= k <= (input.shape[d] if input.ndim else 1):
        raise RuntimeError("selected index k out of range")
    if input.dtype.is_complex or input.dtype is dt.bool:
        what = "bool" if input.dtype is dt.bool else "complex"
        raise RuntimeError(f" topk does not support {what} dtypes on CPU")
    if input.ndim == 0:
        values, indices = topk_(input.reshape(1), dim=0, k=1, largest=largest, in_order=True)
        return titled(_TOPK((values.reshape(()), indices.reshape(()))), "TopkBackward0")
    return _TOPK(topk_(input, dim=d, k=k, largest=bool(largest), in_order=bool(sorted)))
