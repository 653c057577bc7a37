"""Order statistics along one axis: median, nanmedian, kthvalue and mode, each with an index.

Knows selection on contiguous rows. Among equal values the index of a median is the one a stable
sort would give, of kthvalue and mode that of torch's algorithms (`ties`). Must not know Tensor or
autograd.
"""

from __future__ import annotations

import numpy as np

from franken.backends.numpy import ties

Pair = tuple[np.ndarray, np.ndarray]


def _rows(x: np.ndarray, axis: int) -> np.ndarray:
    moved = np.moveaxis(x, axis, -1) if x.ndim else x.reshape(1)
    return np.ascontiguousarray(moved).reshape(-1, moved.shape[-1])


def _shape_back(result: np.ndarray, x: np.ndarray, axis: int, keepdim: bool) -> np.ndarray:
    if x.ndim == 0:
        return result.reshape(())
    kept = x.shape[:axis] + ((1,) if keepdim else ()) + x.shape[axis + 1 :]
    return result.reshape(kept)


def _is_nan(v: np.ndarray) -> np.ndarray:
    return np.isnan(v) if v.dtype.kind == "f" else np.zeros(v.shape, np.bool_)


def _select(rows: np.ndarray, k: np.ndarray) -> Pair:
    """Value of rank `k` (one a row; NaN sorts last) and the index a stable sort gives it."""
    value = np.take_along_axis(np.sort(rows, axis=1), k[:, None], 1)
    lost = _is_nan(value)
    same = np.where(lost, _is_nan(rows), rows == value)
    before = np.where(lost, ~_is_nan(rows), rows < value).sum(1)
    nth = (k - before + 1)[:, None]
    return value[:, 0], np.argmax(np.cumsum(same, axis=1, dtype=np.int64) == nth, axis=1)


def _finish(pair: Pair, x: np.ndarray, axis: int, keepdim: bool) -> Pair:
    return _shape_back(pair[0], x, axis, keepdim), _shape_back(
        pair[1].astype(np.int64), x, axis, keepdim
    )


def kthvalue(
    x: np.ndarray, k: int, axis: int, keepdim: bool = False, *, keep: bool = False
) -> Pair:  # fmt: skip
    """Return the `k`-th smallest value (k from 1) along `axis`, and its index.

    With `keep` it is the index in a stable order.

    >>> [a.tolist() for a in kthvalue(np.array([3.0, 1.0, 2.0]), 2, 0)]
    [2.0, 2]
    """
    rows = _rows(x, axis)
    if not 1 <= k <= rows.shape[1]:
        raise RuntimeError(
            f"kthvalue(): selected number k out of range for dimension {axis}: "
            f"k = {k}, shape {x.shape}"
        )
    value, index = _select(rows, np.full(len(rows), k - 1))
    if not keep and rows.size <= ties.LIMIT:
        rank = ties.ranks(rows, np.argsort(rows, axis=1, kind="stable"))
        at = np.take_along_axis(rank, index[:, None], axis=1)
        for i in np.flatnonzero((rank == at).sum(1) > 1):
            index[i] = ties.quickselect(rank[i], k - 1)
    return _finish((value, index), x, axis, keepdim)


def median(x: np.ndarray, axis: int, keepdim: bool = False) -> Pair:
    """Return the lower median along `axis` and its index; the first NaN if there is one.

    >>> [a.tolist() for a in median(np.array([3.0, 1.0, 2.0, 4.0]), 0)]
    [2.0, 2]
    """
    rows = _rows(x, axis)
    n = rows.shape[1]
    lost = _is_nan(rows)
    k = np.where(lost.any(1), n - lost.sum(1), (n - 1) // 2)
    return _finish(_select(rows, k), x, axis, keepdim)


def nanmedian(x: np.ndarray, axis: int, keepdim: bool = False) -> Pair:
    """Return the lower median along `axis` of what is not NaN, and its index.

    >>> [a.tolist() for a in nanmedian(np.array([np.nan, 1.0, 2.0]), 0)]
    [1.0, 1]
    """
    rows = _rows(x, axis)
    k = np.maximum(rows.shape[1] - _is_nan(rows).sum(1) - 1, 0) // 2
    return _finish(_select(rows, k), x, axis, keepdim)


def median_all(x: np.ndarray, ignore_nan: bool = False) -> np.ndarray:
    """Return the lower median of all elements, 0-d; NaN of nothing.

    >>> median_all(np.array([[3.0, 1.0], [2.0, 4.0]])).tolist()
    2.0
    """
    if x.size == 0:
        return np.full((), np.nan if x.dtype.kind == "f" else np.iinfo(x.dtype).min, x.dtype)
    flat = np.sort(x.reshape(-1))
    lost = int(_is_nan(flat).sum())
    if lost and not ignore_nan:
        return np.full((), np.nan, x.dtype)
    return np.asarray(flat[max(flat.size - lost - 1, 0) // 2]).astype(x.dtype)


def mode(x: np.ndarray, axis: int, keepdim: bool = False, *, keep: bool = False) -> Pair:
    """Return the most frequent value along `axis`, the smallest of several, and its last index.

    Last in the order that torch's sort makes, or with `keep` in a stable one.

    >>> [a.tolist() for a in mode(np.array([2.0, 1.0, 2.0]), 0)]
    [2.0, 2]
    """
    rows = _rows(x, axis)
    m, n = rows.shape
    ordered = np.sort(rows, axis=1)
    first = np.ones((m, n), np.bool_)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    start = np.maximum.accumulate(np.where(first, np.arange(n), 0), axis=1)
    best = np.argmax(np.arange(n) - start, axis=1)  # the earliest place where the longest run ends
    value = np.take_along_axis(ordered, best[:, None], 1)
    order = np.argsort(rows, axis=1, kind="stable")
    if not keep:
        order = ties.sorted_rows(rows, order)
    # the last of the run as sorted; NaN are no run, the first of them stands for all
    index = np.take_along_axis(order, best[:, None], axis=1)[:, 0]
    return _finish((value[:, 0], index), x, axis, keepdim)
