"""Accumulate values at integer places: the scatter-add family, embeddings' backward, histograms.

Knows how to add many rows to few, always in the order of occurrence, so that the bits are those of
the plain loop whatever the method. Indices are in range and not negative: the caller has checked.
Must not know Tensor or autograd.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

_HEAVY = 32  # destinations met more often than this are summed one by one, the others in rounds
_TILE = 256  # columns added at a time: the rows being added to stay in the cache
_NARROW = 8  # fewer columns go through `at`, which is quick on vectors, one after the other

_REDUCE = {
    "sum": np.add,
    "prod": np.multiply,
    "mean": np.add,
    "amax": np.maximum,
    "amin": np.minimum,
}


def _stable_order(index: np.ndarray, size: int) -> np.ndarray:
    # 16-bit keys are sorted by radix: 8192 of them take 0.1 ms and not 0.5
    keys = index.astype(np.uint16) if size <= 1 << 16 else index
    return np.argsort(keys, kind="stable")


def _runs(index: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Order that sorts `index`, and start, length and destination of every run in it."""
    order = _stable_order(index, size)
    places = index[order]
    starts = np.flatnonzero(np.concatenate([[True], places[1:] != places[:-1]]))
    return order, starts, np.diff(starts, append=index.size), places[starts]


def _add_rounds(out: np.ndarray, rows: np.ndarray, runs: tuple[np.ndarray, ...]) -> None:
    """Add the first row of every run, then every second: no round meets a place twice."""
    order, starts, lengths, places = runs
    k = 0
    while starts.size:
        out[places] += rows[order[starts + k]]
        k += 1
        on = lengths > k
        if not on.all():
            starts, lengths, places = starts[on], lengths[on], places[on]


def _add_rows(out: np.ndarray, index: np.ndarray, rows: np.ndarray) -> None:
    """out[index[i]] += rows[i] for i in turn; (R, D), (K,), (K, D)."""
    with np.errstate(all="ignore"):
        if out.shape[1] < _NARROW:
            for column, values in zip(out.T, rows.T, strict=True):
                np.add.at(column, index, values)
            return
        order, starts, lengths, places = _runs(index, out.shape[0])
        heavy = lengths > _HEAVY
        for start, length, place in zip(starts[heavy], lengths[heavy], places[heavy], strict=True):
            run = np.concatenate([out[place][None], rows[order[start : start + length]]])
            np.add.reduce(run, axis=0, out=out[place])  # along axis 0 of rows: one after the other
        if not heavy.all():
            light = ~heavy
            _add_rounds(out, rows, (order, starts[light], lengths[light], places[light]))


def _add_rows_blocked(out: np.ndarray, index: np.ndarray, rows: np.ndarray) -> None:
    """Split wide rows over threads by columns; each column is added in the same order."""
    from .parallel import parallel_for

    def run(start: int, stop: int) -> None:
        for tile in range(start, stop):
            part = slice(tile * _TILE, (tile + 1) * _TILE)
            _add_rows(out[:, part], index, rows[:, part])

    parallel_for(-(-out.shape[1] // _TILE), max(1, (1 << 18) // (index.size * _TILE + 1)), run)


def index_add(out: np.ndarray, axis: int, index: np.ndarray, src: np.ndarray) -> np.ndarray:
    """Add slices of `src` along `axis` to those of `out` that `index` (1-d) names; in place.

    >>> index_add(np.zeros((2, 2)), 0, np.array([1, 1]), np.ones((2, 2))).tolist()
    [[0.0, 0.0], [2.0, 2.0]]
    """
    if src.size == 0:
        return out
    if out.ndim <= 1:
        _at(np.add, out, index.reshape(-1), src.reshape(-1))
        return out
    if out.shape[axis] * 4 < prod(out.shape) // out.shape[axis] or axis == 0:
        front = np.moveaxis(out, axis, 0)
        rows = np.ascontiguousarray(np.moveaxis(src, axis, 0)).reshape(index.size, -1)
        if front.flags.c_contiguous:
            _add_rows_blocked(front.reshape(front.shape[0], -1), index, rows)
            return out
        flat = np.ascontiguousarray(front).reshape(front.shape[0], -1)
        _add_rows_blocked(flat, index, rows)
        front[...] = flat.reshape(front.shape)
        return out
    shape = [1] * out.ndim
    shape[axis] = index.size
    return scatter_add(out, axis, np.broadcast_to(index.reshape(shape), src.shape), src)


def _flat_places(shape: tuple[int, ...], axis: int, index: np.ndarray) -> np.ndarray:
    """Position in a C-contiguous `shape` of every element of a scatter's `index`."""
    flat = np.zeros((), np.intp)
    step = 1
    for at in reversed(range(len(shape))):
        if at == axis:
            place = index
        else:
            place = np.arange(index.shape[at]).reshape([-1] + [1] * (index.ndim - at - 1))
        flat = flat + place * step
        step *= shape[at]
    return np.ascontiguousarray(np.broadcast_to(flat, index.shape), np.intp).reshape(-1)


def _at(ufunc: np.ufunc, out: np.ndarray, places: np.ndarray, values: Any) -> None:
    """ufunc.at on the flat `out`: one-dimensional `at` is quick since NumPy 1.25, and in order."""
    with np.errstate(all="ignore"):
        if out.flags.c_contiguous:
            ufunc.at(out.reshape(-1), places, values)
            return
        flat = out.reshape(-1)
        ufunc.at(flat, places, values)
        out[...] = flat.reshape(out.shape)


def _part(src: np.ndarray, index: np.ndarray) -> np.ndarray:
    """The elements of `src` that a smaller `index` pairs with, flat."""
    return src[tuple(slice(n) for n in index.shape)].reshape(-1)


def scatter_add(out: np.ndarray, axis: int, index: np.ndarray, src: np.ndarray) -> np.ndarray:
    """out[..., index[i], ...] += src[i] in the order of `index`; in place.

    >>> scatter_add(np.zeros(2), 0, np.array([1, 1, 0]), np.array([1.0, 2.0, 4.0])).tolist()
    [4.0, 3.0]
    """
    if index.size:
        if out.ndim == 0:
            out, index, src = out.reshape(1), index.reshape(-1), src.reshape(-1)
        _at(np.add, out, _flat_places(out.shape, axis, index), _part(src, index))
    return out


def index_put_accumulate(out: np.ndarray, flat_index: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Add `values` (K,) or (K, D) at the rows `flat_index` (K,) of `out` seen as (R,) or (R, D).

    >>> index_put_accumulate(np.zeros(3), np.array([2, 2]), np.array([1.0, 5.0])).tolist()
    [0.0, 0.0, 6.0]
    """
    if values.size == 0:
        return out
    if values.ndim == 1:
        _at(np.add, out, flat_index, values)
    else:
        _add_rows_blocked(out.reshape(-1, values.shape[1]), flat_index, values)
    return out


def embedding_backward(
    g: np.ndarray,
    index: np.ndarray,
    num_rows: int,
    padding_idx: int | None = None,
    scale_by_freq: bool = False,
) -> np.ndarray:
    """Return the (num_rows, D) cotangent of an embedding's table from `g` (N, D), `index` (N,).

    >>> embedding_backward(np.ones((2, 1)), np.array([1, 1]), 2).tolist()
    [[0.0], [2.0]]
    """
    with np.errstate(all="ignore"):
        out = np.zeros((num_rows, g.shape[1]), g.dtype)
        if padding_idx is not None and padding_idx >= 0:
            keep = index != padding_idx
            if not keep.all():
                g, index = g[keep], index[keep]
        if index.size == 0:
            return out
        if scale_by_freq:
            count = np.bincount(index, minlength=num_rows).astype(g.dtype)
            g = g / count[index][:, None]
        _add_rows_blocked(out, index, g)
        return out


def _identity(reduce: str, dtype: np.dtype) -> Any:
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod":
        return 1
    if dtype.kind == "f":
        return -np.inf if reduce == "amax" else np.inf
    if dtype.kind == "b":
        return reduce == "amin"
    info = np.iinfo(dtype)
    return info.min if reduce == "amax" else info.max


def _touched(size: int, places: np.ndarray) -> np.ndarray:
    touched = np.zeros(size, np.bool_)
    touched[places] = True
    return touched


def scatter_reduce(
    out: np.ndarray,
    axis: int,
    index: np.ndarray,
    src: np.ndarray,
    reduce: str,
    include_self: bool = True,
) -> np.ndarray:
    """Combine `src` into `out` by "sum", "prod", "mean", "amax" or "amin"; in place.

    >>> out = np.array([9.0, 1.0])
    >>> scatter_reduce(out, 0, np.array([0, 0]), np.array([1.0, 3.0]), "mean", False).tolist()
    [2.0, 1.0]
    """
    ufunc = _REDUCE.get(reduce)
    if ufunc is None:
        raise RuntimeError(f"reduce argument must be one of {sorted(_REDUCE)}, got {reduce!r}")
    if index.size == 0:
        return out
    if out.ndim == 0:
        scatter_reduce(out.reshape(1), 0, index.reshape(-1), src.reshape(-1), reduce, include_self)
        return out
    places = _flat_places(out.shape, axis, index)
    flat = out.reshape(-1)
    if not include_self:
        flat[_touched(flat.size, places)] = _identity(reduce, out.dtype)
    with np.errstate(all="ignore"):
        ufunc.at(flat, places, _part(src, index))
        if reduce == "mean":
            _divide_by_count(flat, places, include_self)
    if not np.shares_memory(flat, out):
        out[...] = flat.reshape(out.shape)
    return out


def _divide_by_count(flat: np.ndarray, places: np.ndarray, include_self: bool) -> None:
    count = np.bincount(places, minlength=flat.size) + include_self
    count[count == 0] = 1
    if flat.dtype.kind in "fc":
        flat /= count.astype(flat.real.dtype)
    else:
        flat //= count.astype(flat.dtype)


def bincount(x: np.ndarray, weights: np.ndarray | None = None, minlength: int = 0) -> np.ndarray:
    """Return counts (int64), or sums of `weights` (float32, or else float64), per value.

    >>> bincount(np.array([0, 2, 2])).tolist()
    [1, 0, 2]
    """
    if weights is None:
        return np.bincount(x, minlength=minlength).astype(np.int64, copy=False)
    kind = np.float32 if weights.dtype == np.float32 else np.float64
    return np.bincount(x, weights, minlength).astype(kind, copy=False)


def histc(x: np.ndarray, bins: int = 100, low: float = 0.0, high: float = 0.0) -> np.ndarray:
    """Return the histogram of `x` in equal bins, in its dtype; the data's range if low == high.

    >>> histc(np.array([0.0, 1.0, 2.0]), 2).tolist()
    [1.0, 2.0]
    """
    flat = x.reshape(-1)
    if low == high and flat.size:
        low, high = float(flat.min()), float(flat.max())
    if low == high:
        low, high = low - 1.0, high + 1.0
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"histc: range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError("max must be larger than min")
    inside = flat[(flat >= low) & (flat <= high)]
    kind = x.dtype.type
    place = ((inside - kind(low)) * kind(bins) / (kind(high) - kind(low))).astype(np.int64)
    return np.bincount(np.minimum(place, bins - 1), minlength=bins).astype(x.dtype)
