"""Running sums, products, extrema and log-sums along one axis, differences, and cumprod's backward.

Knows sequential scans over (A, N, B) views; float32 is accumulated in float64, as torch does, and
only axes that are not scanned are split over threads. Must not know Tensor or autograd.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .reduce import as_anb

_TASK = 1 << 16


def _restore(v: np.ndarray, x: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    """Bring an (A, N, B) result back to the shape and axis order of `x`."""
    shape = tuple(x.shape[axis] for axis in order)
    return v.reshape(shape).transpose(np.argsort(order))


def _turned(block: np.ndarray) -> np.ndarray:
    """(a, N, b) as rows to scan (a, b, N); a view."""
    return block.transpose(0, 2, 1)


def _along(kernel: Callable[..., None], v: np.ndarray, *outs: np.ndarray) -> None:
    """Call kernel(rows, *out rows) on (a, b, N) parts of the (A, N, B) arrays.

    Rows are copied to lie along memory: accumulate is slow across it and on mixed dtypes.
    """
    from .parallel import parallel_for

    a, n, b = v.shape
    tile = min(b, max(16, _TASK // max(n, 1)))
    tiles = -(-b // tile)
    group = max(1, _TASK // max(n * tile, 1))

    def run(start: int, stop: int) -> None:
        with np.errstate(all="ignore"):
            for task in range(start, stop):
                at, t = divmod(task, tiles)
                first, last = slice(at * group, (at + 1) * group), slice(t * tile, (t + 1) * tile)
                kernel(*[_turned(array[first, :, last]) for array in (v, *outs)])

    parallel_for(-(-a // group) * tiles, max(1, 2 * _TASK // max(group * n * tile, 1)), run)


def _wide(dtype: np.dtype) -> np.dtype:
    return np.dtype({"f": np.float64, "c": np.complex128}.get(dtype.kind, dtype))


def _accumulate(ufunc: np.ufunc, x: np.ndarray, axis: int) -> np.ndarray:
    if x.size == 0 or x.ndim == 0:
        return x.copy()
    v, _, order = as_anb(x, (axis,))
    out = np.empty_like(v)
    wide = _wide(x.dtype)

    def kernel(rows: np.ndarray, target: np.ndarray) -> None:
        held = rows.astype(wide, order="C")
        target[...] = ufunc.accumulate(held, axis=-1, out=held)

    _along(kernel, v, out)
    return _restore(out, x, order)


def cumsum(x: np.ndarray, axis: int) -> np.ndarray:
    """Return running sums along `axis`.

    >>> cumsum(np.array([1.0, 2.0, 3.0]), 0).tolist()
    [1.0, 3.0, 6.0]
    """
    return _accumulate(np.add, x, axis)


def cumprod(x: np.ndarray, axis: int) -> np.ndarray:
    """Return running products along `axis`.

    >>> cumprod(np.array([1.0, 2.0, 3.0]), 0).tolist()
    [1.0, 2.0, 6.0]
    """
    return _accumulate(np.multiply, x, axis)


def logcumsumexp(x: np.ndarray, axis: int) -> np.ndarray:
    """Return running log(sum(exp(x))) of a real `x` along `axis`, without overflow.

    >>> logcumsumexp(np.array([0.0, 0.0]), 0).round(6).tolist()
    [0.0, 0.693147]
    """
    return _accumulate(np.logaddexp, x, axis)


def _extreme(ufunc: np.ufunc, x: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    if x.size == 0 or x.ndim == 0:
        return x.copy(), np.zeros(x.shape, np.int64)
    v, _, order = as_anb(x, (axis,))
    out, index = np.empty_like(v), np.empty(v.shape, np.int64)
    places = np.arange(v.shape[1], dtype=np.int32 if v.shape[1] < 1 << 31 else np.int64)

    def kernel(rows: np.ndarray, value: np.ndarray, at: np.ndarray) -> None:
        held = np.ascontiguousarray(rows)
        best = ufunc.accumulate(held, axis=-1)
        found = held == best
        if held.dtype.kind == "f":
            found |= np.isnan(held)
        where = np.multiply(found, places)
        value[...], at[...] = best, np.maximum.accumulate(where, axis=-1, out=where)

    _along(kernel, v, out, index)
    return _restore(out, x, order), _restore(index, x, order)


def cummax(x: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Return running maxima along `axis` and the last index of each; NaN stays once met.

    >>> [a.tolist() for a in cummax(np.array([1.0, 3.0, 3.0, 2.0]), 0)]
    [[1.0, 3.0, 3.0, 3.0], [0, 1, 2, 2]]
    """
    return _extreme(np.maximum, x, axis)


def cummin(x: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Return running minima along `axis` and the last index of each; NaN stays once met.

    >>> [a.tolist() for a in cummin(np.array([3.0, 1.0, 2.0]), 0)]
    [[3.0, 1.0, 1.0], [0, 1, 1]]
    """
    return _extreme(np.minimum, x, axis)


def _reverse_cumsum(w: np.ndarray) -> np.ndarray:
    return np.add.accumulate(w[:, ::-1], axis=1)[:, ::-1]


def _cumprod_backward_rows(g: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Rows (M, N). Before the first zero: sum over k >= i of g_k out_k / x_i.

    At it: the same sum with that zero taken as one, the product without it. After it: nothing.
    """
    zero = x == 0
    first = np.where(zero.any(1), zero.argmax(1), x.shape[1])
    places = np.arange(x.shape[1])[None]
    at = places == first[:, None]
    one = np.where(at, 1.0, x)
    left = _reverse_cumsum(g * np.multiply.accumulate(x, axis=1)) / one
    through = _reverse_cumsum(g * np.multiply.accumulate(one, axis=1))
    return np.where(places < first[:, None], left, np.where(at, through, 0.0))


def cumprod_backward(g: np.ndarray, x: np.ndarray, axis: int) -> np.ndarray:
    """Return the cotangent of cumprod's real input, exact where `x` has zeros.

    >>> cumprod_backward(np.ones(3), np.array([2.0, 0.0, 3.0]), 0).tolist()
    [1.0, 8.0, 0.0]
    """
    if x.size == 0 or x.ndim == 0:
        return g.copy()
    moved = np.moveaxis(x, axis, -1)
    rows = (-1, moved.shape[-1])
    with np.errstate(all="ignore"):
        wide_g = np.moveaxis(g, axis, -1).reshape(rows).astype(np.float64)
        out = _cumprod_backward_rows(wide_g, moved.reshape(rows).astype(np.float64))
    return np.moveaxis(out.astype(x.dtype).reshape(moved.shape), -1, axis)


def diff(x: np.ndarray, n: int = 1, axis: int = -1) -> np.ndarray:
    """Return `n`-th differences along `axis`; of booleans, where neighbours are unlike.

    >>> diff(np.array([1.0, 4.0, 9.0])).tolist()
    [3.0, 5.0]
    """
    with np.errstate(all="ignore"):
        out = x
        for _ in range(n):
            ahead, behind = [slice(None)] * x.ndim, [slice(None)] * x.ndim
            ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
            step = np.logical_xor if x.dtype == np.bool_ else np.subtract
            out = np.asarray(step(out[tuple(ahead)], out[tuple(behind)]))
        return out.copy() if n == 0 else out
