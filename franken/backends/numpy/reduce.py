"""Reductions along axes: sums, products, extrema, moments, norms and order statistics.

Knows how to view a reduction as (A, N, B) over axis 1, and cuts it into pieces fixed by the shape
alone: threads change nothing, and float32 sums err like a tree of pieces (Higham, SIAM J. Sci.
Comput. 14, 1993). `axes` is a tuple of distinct axes >= 0. Results are fresh arrays. Must not know
Tensor or autograd.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

_SMALL = 4096  # elements: below, one ufunc.reduce is quickest and its error is bounded by the size
_TASK = 1 << 16  # elements of one piece of work with temporaries: 256 KiB of float32 each
_READ = (
    1 << 18
)  # elements of one piece of work that only reads: fewer calls, fewer waits for the interpreter
_PIECE = 1024  # elements of a contiguous row that are summed before pieces are
_ROWS = 64  # rows summed before partial sums are
_WIDE = 512  # a row shorter than this is widened by laying several side by side

Map = Callable[[np.ndarray], np.ndarray]
Anb = tuple[np.ndarray, tuple[int, ...], tuple[int, ...]]


def _parallel(n: int, elements_each: int, fn: Callable[[int, int], None]) -> None:
    from .parallel import parallel_for

    def silent(start: int, stop: int) -> None:
        with np.errstate(all="ignore"):  # a worker does not inherit its caller's
            fn(start, stop)

    parallel_for(n, max(1, _READ // max(elements_each, 1)), silent)


def runs(axes: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Split sorted axes into runs of neighbours, last run first.

    >>> runs((0, 2, 3))
    [(2, 3), (0,)]
    """
    out: list[list[int]] = []
    for axis in sorted(axes):
        if out and out[-1][-1] + 1 == axis:
            out[-1].append(axis)
        else:
            out.append([axis])
    return [tuple(run) for run in reversed(out)]


def _memory_order(x: np.ndarray) -> tuple[int, ...]:
    return tuple(sorted(range(x.ndim), key=lambda axis: (-abs(x.strides[axis]), axis)))


def _product(shape: tuple[int, ...]) -> int:
    out = 1
    for size in shape:
        out *= size
    return out


def as_anb(x: np.ndarray, axes: tuple[int, ...]) -> Anb:
    """Return `x` as a C-contiguous (A, N, B), N holding `axes`; the kept axes in order, and all.

    >>> as_anb(np.ones((2, 3, 4)), (1,))[0].shape
    (2, 3, 4)
    """
    order = _memory_order(x)
    y = x.transpose(order)
    places = sorted(order.index(axis) for axis in axes)
    if not y.flags.c_contiguous or (places and places[-1] - places[0] + 1 != len(places)):
        kept = tuple(axis for axis in range(x.ndim) if axis not in axes)
        order = kept + tuple(sorted(axes))
        y = np.ascontiguousarray(x.transpose(order))
        places = list(range(len(kept), x.ndim))
    first, last = (places[0], places[-1] + 1) if places else (x.ndim, x.ndim)
    a, n, b = (_product(part) for part in (y.shape[:first], y.shape[first:last], y.shape[last:]))
    return y.reshape(a, n, b), order[:first] + order[last:], order


def finish(
    result: np.ndarray, x: np.ndarray, axes: tuple[int, ...], keepdim: bool, kept: tuple[int, ...]
) -> np.ndarray:
    """Give the (A, B) `result` of reducing `x` its shape; `kept` are the axes that A and B hold.

    >>> finish(np.ones((2, 1)), np.ones((2, 3)), (1,), True, (0,)).shape
    (2, 1)
    """
    out = result.reshape(tuple(x.shape[axis] for axis in kept))
    if kept != tuple(sorted(kept)):
        out = np.ascontiguousarray(out.transpose(np.argsort(kept)))
    if keepdim:
        out = out.reshape(tuple(1 if axis in axes else size for axis, size in enumerate(x.shape)))
    return out


def _widen(v: np.ndarray) -> tuple[np.ndarray, int]:
    """Lay `r` rows of a narrow (A, N, B) side by side: (A, N // r, r B), the rest left out."""
    a, n, b = v.shape
    r = min(-(-_WIDE // b), n // 4)
    if b >= _WIDE or r < 2:
        return v, 1
    return v[:, : n // r * r].reshape(a, n // r, r * b), r


def _reduce_pieces(
    ufunc: np.ufunc, v: np.ndarray, size: int, premap: Map | None, dtype: Any
) -> np.ndarray:
    """Reduce each `size` rows of (A, N, B) along axis 1: an (A, ceil(N / size), B) array."""
    a, n, b = v.shape
    whole = -(-n // size)
    if (
        a == 1 and n >= 2 * size
    ):  # whole pieces become neighbours along A, which are taken many at a time
        body = _reduce_pieces(
            ufunc, v[0, : n // size * size].reshape(-1, size, b), size, premap, dtype
        )
        rest = v[:, n // size * size :]
        parts = [body.reshape(1, -1, b)]
        parts += [_reduce_pieces(ufunc, rest, size, premap, dtype)] if rest.shape[1] else []
        return np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]
    out = np.empty((a, whole, b), dtype)
    tile_b = min(b, 8192)
    tiles = -(-b // tile_b)
    work = _TASK if premap else _READ
    group = max(
        1, work // max(1, min(n, size) * tile_b)
    )  # neighbours in A taken together when pieces are small
    groups = -(-a // group)

    def run(start: int, stop: int) -> None:
        for task in range(start, stop):
            at, tile = divmod(task, tiles)
            at, piece = divmod(at, whole)
            index = (
                slice(at * group, (at + 1) * group),
                slice(piece * size, (piece + 1) * size),
                slice(tile * tile_b, (tile + 1) * tile_b),
            )
            block = v[index] if premap is None else premap(v[index])
            ufunc.reduce(block, axis=1, out=out[index[0], piece, index[2]], dtype=dtype)

    _parallel(groups * whole * tiles, group * min(n, size) * tile_b, run)
    return out


def _reduce_columns(ufunc: np.ufunc, v: np.ndarray, premap: Map | None, dtype: Any) -> np.ndarray:
    """Reduce (A, N, B), B > 1, along axis 1 to (A, B), in a tree of pieces of _ROWS rows."""
    a, n, b = v.shape
    wide, r = _widen(v)
    if r > 1:
        head = _reduce_columns(ufunc, wide, premap, dtype).reshape(a, r, b)
        tail = v[:, n // r * r :]
        if tail.shape[1]:
            head = np.concatenate([head, premap(tail) if premap else tail], axis=1, dtype=dtype)
        v, premap = head, None
    while v.shape[1] > _ROWS:
        v, premap = _reduce_pieces(ufunc, v, _ROWS, premap, dtype), None
    if v.shape[1] == 0:
        return ufunc.reduce(v, axis=1, dtype=dtype)
    return _reduce_pieces(ufunc, v, v.shape[1], premap, dtype)[:, 0]


def _row_sum(block: np.ndarray) -> np.ndarray:
    # c_einsum adds 16 float32 lanes at once: 1.0 ms for 2^22 elements where add.reduce takes 2.4
    return np.einsum("ij->i", block)


def _row_reduce(ufunc: np.ufunc, block: np.ndarray) -> np.ndarray:
    if ufunc is np.add and block.dtype.kind == "f":
        return _row_sum(block)
    if ufunc is np.multiply and block.shape[1] >= 256:  # 64 products at a time instead of one chain
        width = block.shape[1] // 64 * 64
        part = ufunc.reduce(block[:, :width].reshape(len(block), -1, 64), axis=1)
        return ufunc.reduce(np.concatenate([part, block[:, width:]], axis=1), axis=1)
    return ufunc.reduce(block, axis=1)


def _reduce_rows(ufunc: np.ufunc, v: np.ndarray, premap: Map | None, dtype: Any) -> np.ndarray:
    """Reduce contiguous rows (M, N) to (M,)."""
    m, n = v.shape
    if n == 0:
        return ufunc.reduce(v, axis=1, dtype=dtype)
    size = n if n <= 2 * _PIECE else _PIECE
    pieces = -(-n // size)
    work = _TASK if premap else _READ
    group_rows = max(1, work // n)
    span = max(1, work // size) if group_rows == 1 else pieces  # pieces of one row in one task
    spans = -(-pieces // span)
    out = np.empty((m, pieces), dtype)

    def run(start: int, stop: int) -> None:
        for task in range(start, stop):
            group, at = divmod(task, spans)
            rows = slice(group * group_rows, (group + 1) * group_rows)
            low, high = at * span, min((at + 1) * span, pieces)
            block = v[rows, low * size : min(high * size, n)]
            _fill_pieces(
                ufunc, block if premap is None else premap(block), size, out[rows, low:high], dtype
            )

    _parallel(-(-m // group_rows) * spans, group_rows * min(n, span * size), run)
    return out[:, 0] if pieces == 1 else _reduce_rows(ufunc, out, None, dtype)


def _fill_pieces(
    ufunc: np.ufunc, block: np.ndarray, size: int, out: np.ndarray, dtype: Any
) -> None:
    m, n = block.shape
    block = block.astype(dtype, copy=False)
    whole = n // size
    if whole:
        body = (
            block[:, : whole * size].reshape(m * whole, size)
            if n % size == 0
            else block[:, : whole * size]
        )
        out[:, :whole] = _row_reduce(ufunc, body.reshape(-1, size)).reshape(m, whole)
    if n % size:
        out[:, whole] = _row_reduce(ufunc, block[:, whole * size :])


def _reduce_run(
    ufunc: np.ufunc, x: np.ndarray, axes: tuple[int, ...], premap: Map | None, dtype: Any
) -> np.ndarray:
    v, kept, _ = as_anb(x, axes)
    a, n, b = v.shape
    if b == 1:
        result = _reduce_rows(ufunc, v.reshape(a, n), premap, dtype)
    else:
        result = _reduce_columns(ufunc, v, premap, dtype)
    return finish(result, x, axes, True, kept)


def tree_reduce(
    ufunc: np.ufunc,
    x: np.ndarray,
    axes: tuple[int, ...],
    keepdim: bool,
    premap: Map | None = None,
    dtype: Any = None,
) -> np.ndarray:
    """Reduce `x` by an associative `ufunc` along `axes`, mapping blocks by `premap` on the way.

    >>> tree_reduce(np.add, np.ones((2, 3)), (0, 1), False).tolist()
    6.0
    """
    dtype = np.dtype(x.dtype if dtype is None else dtype)
    with np.errstate(all="ignore"):
        if not axes:
            return np.array(x if premap is None else premap(x), dtype=dtype)
        if x.size <= _SMALL:
            block = x if premap is None else premap(x)
            return np.asarray(ufunc.reduce(block, axis=axes, dtype=dtype, keepdims=keepdim))
        out = x
        for run in runs(axes):
            out, premap = _reduce_run(ufunc, out, run, premap, dtype), None
    return (
        out
        if keepdim
        else out.reshape(tuple(s for axis, s in enumerate(x.shape) if axis not in axes))
    )


def _count(x: np.ndarray, axes: tuple[int, ...]) -> int:
    return _product(tuple(x.shape[axis] for axis in axes))


def sum(x: np.ndarray, axes: tuple[int, ...], keepdim: bool = False) -> np.ndarray:  # noqa: A001
    """Return the sum over `axes`, in the dtype of `x`.

    >>> sum(np.ones((2, 3), np.float32), (1,)).tolist()
    [3.0, 3.0]
    """
    return tree_reduce(np.add, x, axes, keepdim)


def _divide(total: np.ndarray, count: Any) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.divide(total, np.asarray(count, total.real.dtype), out=total)


def mean(x: np.ndarray, axes: tuple[int, ...], keepdim: bool = False) -> np.ndarray:
    """Return the mean over `axes`; NaN of nothing.

    >>> mean(np.array([1.0, 3.0]), (0,)).tolist()
    2.0
    """
    return _divide(sum(x, axes, keepdim), _count(x, axes))


def prod(x: np.ndarray, axes: tuple[int, ...], keepdim: bool = False) -> np.ndarray:
    """Return the product over `axes`.

    >>> prod(np.array([2.0, 3.0]), (0,)).tolist()
    6.0
    """
    return tree_reduce(np.multiply, x, axes, keepdim)


def amax(x: np.ndarray, axes: tuple[int, ...], keepdim: bool = False) -> np.ndarray:
    """Return the maximum over `axes`; NaN where one takes part.

    >>> amax(np.array([1.0, np.nan]), (0,)).tolist()
    nan
    """
    return tree_reduce(np.maximum, x, axes, keepdim)


def amin(x: np.ndarray, axes: tuple[int, ...], keepdim: bool = False) -> np.ndarray:
    """Return the minimum over `axes`; NaN where one takes part.

    >>> amin(np.array([1.0, 2.0]), (0,)).tolist()
    1.0
    """
    return tree_reduce(np.minimum, x, axes, keepdim)


def aminmax(
    x: np.ndarray, axes: tuple[int, ...], keepdim: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return (amin, amax).

    >>> [a.tolist() for a in aminmax(np.array([1.0, 2.0]), (0,))]
    [1.0, 2.0]
    """
    return amin(x, axes, keepdim), amax(x, axes, keepdim)


def _nonzero(x: np.ndarray) -> np.ndarray:
    return x if x.dtype == np.bool_ else x != 0


def all(x: np.ndarray, axes: tuple[int, ...], keepdim: bool = False) -> np.ndarray:  # noqa: A001
    """Return whether every element over `axes` is nonzero.

    >>> all(np.array([1, 0]), (0,)).tolist()
    False
    """
    return tree_reduce(np.logical_and, x, axes, keepdim, _nonzero, np.bool_)


def any(x: np.ndarray, axes: tuple[int, ...], keepdim: bool = False) -> np.ndarray:  # noqa: A001
    """Return whether some element over `axes` is nonzero.

    >>> any(np.array([1, 0]), (0,)).tolist()
    True
    """
    return tree_reduce(np.logical_or, x, axes, keepdim, _nonzero, np.bool_)


def count_nonzero(x: np.ndarray, axes: tuple[int, ...], keepdim: bool = False) -> np.ndarray:
    """Return the int64 number of nonzero elements over `axes`.

    >>> count_nonzero(np.array([1.0, 0.0, np.nan]), (0,)).tolist()
    2
    """
    return tree_reduce(np.add, x, axes, keepdim, _nonzero, np.int64)


def _zero_nan(x: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(x), x.dtype.type(0), x)


def nansum(x: np.ndarray, axes: tuple[int, ...], keepdim: bool = False) -> np.ndarray:
    """Return the sum over `axes` with NaN counted as zero.

    >>> nansum(np.array([1.0, np.nan]), (0,)).tolist()
    1.0
    """
    return tree_reduce(np.add, x, axes, keepdim, _zero_nan)


def nanmean(x: np.ndarray, axes: tuple[int, ...], keepdim: bool = False) -> np.ndarray:
    """Return the mean over `axes` of what is not NaN.

    >>> nanmean(np.array([1.0, np.nan]), (0,)).tolist()
    1.0
    """
    count = tree_reduce(np.add, x, axes, keepdim, lambda v: ~np.isnan(v), np.int64)
    return _divide(nansum(x, axes, keepdim), count)


def logsumexp(x: np.ndarray, axes: tuple[int, ...], keepdim: bool = False) -> np.ndarray:
    """Return log(sum(exp(x))) over `axes` without overflow.

    >>> logsumexp(np.array([1000.0, 1000.0]), (0,)).round(6).tolist()
    1000.693147
    """
    if _count(x, axes) == 0:
        return np.full_like(sum(x, axes, keepdim), -np.inf)
    top = amax(x.real, axes, True)
    top[~np.isfinite(top)] = 0
    with np.errstate(all="ignore"):
        shifted = np.subtract(x, top)
        out = np.log(sum(np.exp(shifted, out=shifted), axes, True))
        out += top
    return (
        out
        if keepdim
        else out.reshape(tuple(s for axis, s in enumerate(x.shape) if axis not in axes))
    )


def _moments_of(block: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and centred square sum, corrected for the mean's rounding (Chan et al. 1983)."""
    n = block.shape[axis]
    rough = _piece_sum(block, axis) / block.dtype.type(n)
    d = block - np.expand_dims(rough, axis)
    slip = _piece_sum(d, axis).astype(np.float64)
    squares = _piece_sum(np.square(d, out=d), axis).astype(np.float64)
    mean_ = rough + np.where(np.isfinite(slip), slip / n, 0.0)  # an infinite mean stays infinite
    return mean_, squares - slip * slip / n


def _piece_sum(block: np.ndarray, axis: int) -> np.ndarray:
    if axis == block.ndim - 1 and block.dtype.kind == "f":
        return np.einsum("...i->...", block)
    return np.add.reduce(block, axis=axis)


def merge_moments(
    count: np.ndarray, mu: np.ndarray, m2: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Merge moments of pieces with `count` (K,) elements along axis 1 of (A, K, B).

    >>> mu, m2 = np.array([[[1.0], [4.0]]]), np.zeros((1, 2, 1))
    >>> [a.tolist() for a in merge_moments(np.array([1.0, 2.0]), mu, m2)]
    [[[3.0]], [[6.0]]]
    """
    weight = count[None, :, None]
    whole = (mu * weight).sum(1) / count.sum()
    return whole, m2.sum(1) + (weight * np.square(mu - whole[:, None])).sum(1)


def moments(v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and centred square sum of a real (A, N, B) along axis 1, float64, (A, B) each.

    >>> [a.tolist() for a in moments(np.array([[[1.0], [3.0]]]))]
    [[[2.0]], [[2.0]]]
    """
    a, n, b = v.shape
    columns = b > 1
    wide, r = _widen(v) if columns else (v, 1)
    size = (
        (_ROWS if columns else _PIECE)
        if wide.shape[1] > (_ROWS if columns else 2 * _PIECE)
        else wide.shape[1]
    )
    pieces = -(-wide.shape[1] // size)
    width = wide.shape[2]
    mu, m2 = np.empty((2, a, pieces, width))
    tile = min(width, 4096)
    tiles = -(-width // tile)
    group = max(1, _TASK // (size * tile))

    def run(start: int, stop: int) -> None:
        for task in range(start, stop):
            rest, t = divmod(task, tiles)
            at, piece = divmod(rest, pieces)
            rows, cols = slice(at * group, (at + 1) * group), slice(t * tile, (t + 1) * tile)
            block = wide[rows, piece * size : (piece + 1) * size, cols]
            found = _moments_of(block, 1) if columns else _moments_of(block[:, :, 0], 1)
            mu[rows, piece, cols], m2[rows, piece, cols] = (
                found if columns else (f[:, None] for f in found)
            )

    _parallel(-(-a // group) * pieces * tiles, group * size * tile, run)
    count = np.full(pieces, float(size))
    count[-1] = wide.shape[1] - (pieces - 1) * size
    mean_, square = merge_moments(count, mu, m2)
    if r == 1:
        return mean_, square
    mean_, square, count = (
        mean_.reshape(a, r, b),
        square.reshape(a, r, b),
        np.full(r, float(wide.shape[1])),
    )
    tail = v[:, r * wide.shape[1] :]
    if tail.shape[1]:
        last = _moments_of(tail, 1)
        mean_ = np.concatenate([mean_, last[0][:, None]], axis=1)
        square = np.concatenate([square, last[1][:, None]], axis=1)
        count = np.append(count, float(tail.shape[1]))
    return merge_moments(count, mean_, square)


def var_mean(
    x: np.ndarray, axes: tuple[int, ...], correction: float = 1.0, keepdim: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return (variance, mean) over `axes`; the divisor max(0, n - correction) may give inf or NaN.

    >>> [a.tolist() for a in var_mean(np.array([1.0, 3.0]), (0,))]
    [2.0, 2.0]
    """
    if x.dtype.kind == "c":
        real, real_mean = var_mean(x.real, axes, correction, keepdim)
        imag, imag_mean = var_mean(x.imag, axes, correction, keepdim)
        return real + imag, (real_mean + 1j * imag_mean).astype(x.dtype)
    v, kept, _ = as_anb(x, axes)
    with np.errstate(all="ignore"):
        if v.size == 0:
            blank = np.full((v.shape[0], v.shape[2]), np.nan, x.dtype)
            return finish(blank, x, axes, keepdim, kept), finish(
                blank.copy(), x, axes, keepdim, kept
            )
        mu, m2 = moments(v)
        m2 /= max(0.0, v.shape[1] - correction)
        return (
            finish(m2.astype(x.dtype), x, axes, keepdim, kept),
            finish(mu.astype(x.dtype), x, axes, keepdim, kept),
        )


def var(
    x: np.ndarray, axes: tuple[int, ...], correction: float = 1.0, keepdim: bool = False
) -> np.ndarray:
    """Return the variance over `axes`.

    >>> var(np.array([1.0, 3.0]), (0,), 0.0).tolist()
    1.0
    """
    return var_mean(x, axes, correction, keepdim)[0]


def std(
    x: np.ndarray, axes: tuple[int, ...], correction: float = 1.0, keepdim: bool = False
) -> np.ndarray:
    """Return the standard deviation over `axes`.

    >>> std(np.array([1.0, 3.0]), (0,), 0.0).tolist()
    1.0
    """
    with np.errstate(all="ignore"):
        return np.sqrt(var(x, axes, correction, keepdim))[...]


def _power_sum(
    x: np.ndarray, axes: tuple[int, ...], keepdim: bool, p: float, dtype: Any
) -> np.ndarray:
    def power(v: np.ndarray) -> np.ndarray:
        a = np.abs(v).astype(dtype, copy=False)
        return a if p == 1 else np.square(a) if p == 2 else a**p

    return tree_reduce(np.add, x, axes, keepdim, power, dtype)


def _safe(total: np.ndarray) -> bool:
    """Whether no float32 sum of squares overflowed or may have lost small terms."""
    return bool(np.all((total < 1e38) & (total > 1e-28)))


def vector_norm(
    x: np.ndarray, p: float, axes: tuple[int, ...], keepdim: bool = False
) -> np.ndarray:
    """Return the p-norm over `axes`, real; p may be 0, inf or -inf; float32 does not overflow.

    >>> vector_norm(np.array([3.0, 4.0]), 2.0, (0,)).tolist()
    5.0
    """
    real = x.real.dtype
    if p == np.inf or p == -np.inf:
        return tree_reduce(np.maximum if p > 0 else np.minimum, x, axes, keepdim, np.abs, real)
    if p == 0:
        return tree_reduce(np.add, x, axes, keepdim, _nonzero, np.int64).astype(real)
    with np.errstate(all="ignore"):
        total = _power_sum(x, axes, keepdim, p, real if p in (1, 2) else np.float64)
        if total.dtype == np.float32 and p == 2 and not _safe(total):
            total = _power_sum(x, axes, keepdim, p, np.float64)
        root = total if p == 1 else np.sqrt(total) if p == 2 else total ** (1.0 / p)
        return np.asarray(root).astype(real, copy=False)


def _arg_rows(pick: Callable[..., Any], v: np.ndarray) -> np.ndarray:
    m, n = v.shape
    out = np.empty(m, np.int64)
    group = max(1, _TASK // n)

    def run(start: int, stop: int) -> None:
        pick(v[start * group : stop * group], axis=1, out=out[start * group : stop * group])

    _parallel(-(-m // group), group * n, run)
    return out


def _arg_columns(pick: Callable[..., Any], v: np.ndarray) -> np.ndarray:
    """First index of the extremum along axis 0 of (N, B), by tiles turned round.

    argmax along axis 0 is NumPy's slowest case: 44 ms for 4096 x 1024 where rows take 1.5.
    """
    n, b = v.shape
    size, tile = min(n, 256), 256
    pieces, tiles = -(-n // size), -(-b // tile)
    index, value = np.empty((pieces, b), np.int64), np.empty((pieces, b), v.dtype)

    def run(start: int, stop: int) -> None:
        for task in range(start, stop):
            piece, t = divmod(task, tiles)
            cols = slice(t * tile, (t + 1) * tile)
            block = np.ascontiguousarray(v[piece * size : (piece + 1) * size, cols].T)
            at = pick(block, axis=1)
            index[piece, cols] = at + piece * size
            value[piece, cols] = np.take_along_axis(block, at[:, None], 1)[:, 0]

    _parallel(pieces * tiles, size * tile, run)
    best = pick(value, axis=0)
    return np.take_along_axis(index, best[None], 0)[0]


def _arg(pick: Callable[..., Any], x: np.ndarray, axis: int | None, keepdim: bool) -> np.ndarray:
    if axis is None:
        flat = np.asarray(pick(x.reshape(-1)), np.int64)
        return flat.reshape((1,) * x.ndim) if keepdim else flat
    if x.ndim == 0:
        return np.zeros((), np.int64)
    v, kept, _ = as_anb(x, (axis,))
    a, n, b = v.shape
    if a * b == 0:
        return finish(np.empty((a, b), np.int64), x, (axis,), keepdim, kept)
    if b == 1:
        result = _arg_rows(pick, v.reshape(a, n))
    elif b >= 64 and n > 1:
        result = np.stack([_arg_columns(pick, v[i]) for i in range(a)])
    else:
        result = _arg_rows(pick, np.ascontiguousarray(v.transpose(0, 2, 1)).reshape(a * b, n))
    return finish(result, x, (axis,), keepdim, kept)


def argmax(x: np.ndarray, axis: int | None = None, keepdim: bool = False) -> np.ndarray:
    """Return the first index of the maximum along `axis` (None: of all); a NaN is the maximum.

    >>> argmax(np.array([1.0, 3.0, 3.0])).tolist()
    1
    """
    return _arg(np.argmax, x, axis, keepdim)


def argmin(x: np.ndarray, axis: int | None = None, keepdim: bool = False) -> np.ndarray:
    """Return the first index of the minimum along `axis` (None: of all); a NaN is the minimum.

    >>> argmin(np.array([1.0, 0.0, 0.0])).tolist()
    1
    """
    return _arg(np.argmin, x, axis, keepdim)


def _take(
    x: np.ndarray, index: np.ndarray, axis: int, keepdim: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Values at `index` (kept axis) along `axis`, both with the axis dropped unless `keepdim`."""
    if x.ndim == 0:
        return x.copy(), index
    value = np.take_along_axis(x, index, axis)
    return (value, index) if keepdim else (value.squeeze(axis), index.squeeze(axis))


def max_dim(x: np.ndarray, axis: int, keepdim: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return (maximum, first index) along `axis`.

    >>> [a.tolist() for a in max_dim(np.array([1.0, 3.0]), 0)]
    [3.0, 1]
    """
    return _take(x, argmax(x, axis, True), axis, keepdim)


def min_dim(x: np.ndarray, axis: int, keepdim: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return (minimum, first index) along `axis`.

    >>> [a.tolist() for a in min_dim(np.array([1.0, 3.0]), 0)]
    [1.0, 0]
    """
    return _take(x, argmin(x, axis, True), axis, keepdim)
