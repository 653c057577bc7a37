"""Kernels of the normalisations: rows (layer, group, instance, RMS) and channels (batch).

Knows arrays only. Work goes in blocks that a core can cache, cut by shape alone; sums over blocks
are added in order. float16 and bfloat16 are computed in float32, statistics stay in float32.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from franken.backends.numpy.parallel import BLOCK_ELEMENTS, over_blocks

Array = np.ndarray
Dims = tuple[int, int, int]  # groups, channels of a group, positions of a channel

_F32 = np.dtype(np.float32)


def wide(dtype: np.dtype) -> np.dtype:
    """The dtype that is computed in."""
    return _F32 if dtype.itemsize == 2 else dtype


def _as(a: Any, dtype: np.dtype) -> Any:
    return a if a is None or a.dtype == dtype else a.astype(dtype)


def _row_sums(a: Array, b: Array) -> Array:
    return np.vecdot(a, b)  # 15 us where einsum takes 45: 128 rows of 1024 float32


def _over(count: int, size: int, run: Any) -> None:
    """`over_blocks` without NumPy's warnings, which other threads would give."""

    def quietly(start: int, stop: int) -> None:
        with np.errstate(all="ignore"):
            run(start, stop)

    over_blocks(count, size, quietly)


# --- rows ----------------------------------------------------------------------------------------


def rows_forward(
    x: Array, w: Any, b: Any, dims: Dims, eps: float, center: bool
) -> tuple[Array, Array, Array]:
    """Standardise rows of x seen as (rows, groups, per, positions), then scale by w (groups, per).

    Returns y in x's shape, and mean and variance (rows, groups); without `center` the mean is zero
    and the variance the mean square.

    >>> y, mean, var = rows_forward(np.array([[1.0, 3.0]]), None, None, (1, 2, 1), 0.0, True)
    >>> y.tolist(), mean.tolist(), var.tolist()
    ([[-1.0, 1.0]], [[2.0]], [[1.0]])
    """
    groups, per, positions = dims
    length, kind = per * positions, wide(x.dtype)
    flat = x.reshape(-1, length)
    count = flat.shape[0]
    result = np.empty(x.shape, x.dtype)
    y = result.reshape(flat.shape)
    mean, var = np.zeros(count, kind), np.empty(count, kind)
    scale, shift = _rows_affine(w, kind, dims), _rows_affine(b, kind, dims)

    def run(start: int, stop: int) -> None:
        part = _as(flat[start:stop], kind)
        out = y[start:stop] if kind == x.dtype else np.empty(part.shape, kind)
        if center:
            mean[start:stop] = m = np.add.reduce(part, axis=1) / kind.type(length)
            np.subtract(part, m[:, None], out=out)
            part = out
        var[start:stop] = v = _row_sums(part, part) / kind.type(length)
        np.multiply(part, (1 / np.sqrt(v + kind.type(eps)))[:, None], out=out)
        _apply_affine(out, scale, shift, start, stop, dims)
        if out.dtype != x.dtype:
            y[start:stop] = out

    _over(count, length, run)
    return result, mean.reshape(-1, groups), var.reshape(-1, groups)


def _rows_affine(w: Any, kind: np.dtype, dims: Dims) -> Any:
    return None if w is None else _as(w, kind).reshape(dims[0], dims[1])


def _of_rows(w: Array, start: int, stop: int, groups: int) -> Array:
    """The parameters of rows start..stop, whose groups come in turn."""
    return w if groups == 1 else w[np.arange(start, stop) % groups]


def _apply_affine(out: Array, w: Any, b: Any, start: int, stop: int, dims: Dims) -> None:
    cells = out if dims[2] == 1 else out.reshape(stop - start, *dims[1:])
    for values, ufunc in ((w, np.multiply), (b, np.add)):
        if values is not None:
            v = _of_rows(values, start, stop, dims[0])
            ufunc(cells, v if dims[2] == 1 else v[:, :, None], out=cells)


def rows_backward(
    g: Array, x: Array, w: Any, mean: Array, var: Array, dims: Dims, eps: float, center: bool,
    affine: bool,
) -> tuple[Array, ...]:  # fmt: skip
    """Gradients of `rows_forward` in x and, if `affine`, of scale and shift (groups * per,)."""
    groups, per, positions = dims
    length, kind = per * positions, wide(x.dtype)
    flat, grad = x.reshape(-1, length), g.reshape(-1, length)
    count = flat.shape[0]
    result = np.empty(x.shape, x.dtype)
    gx = result.reshape(flat.shape)
    scale = _rows_affine(w, kind, dims)
    rstd = 1 / np.sqrt(var.reshape(-1) + kind.type(eps))
    means = mean.reshape(-1)
    step = max(1, BLOCK_ELEMENTS // max(length, 1))
    simple = groups == 1 and positions == 1
    parts = -(-count // step) if simple else count
    sums: Any = np.zeros((2, parts, per), kind) if affine or not simple else None

    def run(start: int, stop: int) -> None:
        gy = _as(grad[start:stop], kind)
        r = rstd[start:stop, None]
        hat = _as(flat[start:stop], kind)
        if center:
            hat = hat - means[start:stop, None]
            hat *= r
        else:
            hat = hat * r
        if simple:
            if affine:
                np.einsum("rl,rl->l", gy, hat, out=sums[0, start // step])
                np.add.reduce(gy, axis=0, out=sums[1, start // step])
            gy = gy if scale is None else gy * scale
            first, second = np.add.reduce(gy, axis=1), _row_sums(gy, hat)
        else:
            gy, first, second = _row_moments(gy, hat, scale, sums, start, stop, dims)
        hat *= (second / kind.type(-length))[:, None]
        hat += gy
        if center:
            hat -= (first / kind.type(length))[:, None]
        np.multiply(hat, r, out=gx[start:stop], casting="same_kind")

    _over(count, length, run)
    if not affine:
        return (result,)
    total = sums.sum(axis=1) if simple else sums.reshape(2, -1, groups, per).sum(axis=1)
    return result, total[0].reshape(-1), total[1].reshape(-1)


def _row_moments(
    gy: Array, hat: Array, scale: Any, sums: Array, start: int, stop: int, dims: Dims
) -> tuple[Array, Array, Array]:
    """(scaled gradient, its row sums, its row sums times hat); sums by channel go into `sums`."""
    cells = gy.reshape(stop - start, *dims[1:])
    by_hat = np.einsum("rpq,rpq->rp", cells, hat.reshape(cells.shape))
    plain = np.add.reduce(cells, axis=2)
    sums[0, start:stop], sums[1, start:stop] = by_hat, plain
    if scale is not None:
        w = _of_rows(scale, start, stop, dims[0])
        gy = (cells * w[:, :, None]).reshape(gy.shape)
        plain, by_hat = plain * w, by_hat * w
    return gy, plain.sum(axis=1), by_hat.sum(axis=1)


# --- channels ------------------------------------------------------------------------------------


def _planes(x: Array) -> Array:
    return x.reshape(x.shape[0], x.shape[1], math.prod(x.shape[2:]))


def _channel_sums(a: Array, b: Any = None) -> Array:
    """Sums of a (or a * b) over axes 0 and 2, those over axis 0 in double precision."""
    if a.shape[2] == 1:
        a = a[:, :, 0]
        if b is not None:
            a = a * b[:, :, 0]
        return np.add.reduce(a, axis=0, dtype=np.float64)
    rows = np.add.reduce(a, axis=2) if b is None else np.einsum("ncs,ncs->nc", a, b)
    return np.add.reduce(rows, axis=0, dtype=np.float64)


def channels_forward(x: Array, w: Any, b: Any, eps: float) -> tuple[Array, Array, Array]:
    """Standardise the channels of x (N, C, *S) over all else; returns y, mean, variance.

    >>> y, mean, var = channels_forward(np.array([[[1.0, 3.0]]]), None, None, 0.0)
    >>> y.tolist(), mean.tolist(), var.tolist()
    ([[[-1.0, 1.0]]], [2.0], [1.0])
    """
    planes, kind = _planes(x), wide(x.dtype)
    n, channels, size = planes.shape
    result = np.empty(x.shape, x.dtype)
    y = _planes(result)
    mean, var = np.empty(channels, kind), np.empty(channels, kind)
    w, b = _as(w, kind), _as(b, kind)

    def run(start: int, stop: int) -> None:
        part = _as(planes[:, start:stop], kind)
        out = y[:, start:stop] if kind == x.dtype else np.empty(part.shape, kind)
        mean[start:stop] = _channel_sums(part) / (n * size)
        np.subtract(part, mean[start:stop, None], out=out)
        var[start:stop] = _channel_sums(out, out) / (n * size)
        factor = 1 / np.sqrt(var[start:stop] + kind.type(eps))
        out *= (factor if w is None else factor * w[start:stop])[:, None]
        if b is not None:
            out += b[start:stop, None]
        if out.dtype != x.dtype:
            y[:, start:stop] = out

    _over(channels, n * size, run)
    return result, mean, var


def channels_backward(
    g: Array, x: Array, w: Any, mean: Array, var: Array, eps: float
) -> tuple[Array, Array, Array]:
    """Gradients of `channels_forward` in x, scale and shift."""
    planes, grads, kind = _planes(x), _planes(g), wide(x.dtype)
    n, channels, size = planes.shape
    result = np.empty(x.shape, x.dtype)
    gx = _planes(result)
    gw, gb = np.empty(channels, kind), np.empty(channels, kind)
    rstd = 1 / np.sqrt(var + kind.type(eps))
    scale = rstd if w is None else rstd * _as(w, kind)

    def run(start: int, stop: int) -> None:
        gy, r = _as(grads[:, start:stop], kind), rstd[start:stop]
        hat = _as(planes[:, start:stop], kind) - mean[start:stop, None]
        gb[start:stop] = _channel_sums(gy)
        gw[start:stop] = _channel_sums(gy, hat) * r
        hat *= (gw[start:stop] * r / kind.type(-n * size))[:, None]
        hat += gy
        hat -= (gb[start:stop] / kind.type(n * size))[:, None]
        np.multiply(hat, scale[start:stop, None], out=gx[:, start:stop], casting="same_kind")

    _over(channels, n * size, run)
    return result, gw, gb


def channels_fixed(x: Array, w: Any, b: Any, mean: Array, var: Array, eps: float) -> Array:
    """Normalise the channels of x by given statistics."""
    kind = wide(x.dtype)
    w, b, mean, var = _as(w, kind), _as(b, kind), _as(mean, kind), _as(var, kind)
    factor = 1 / np.sqrt(var + kind.type(eps))
    factor = factor if w is None else factor * w
    shift = -mean * factor if b is None else b - mean * factor
    planes = _planes(x)
    result = np.empty(x.shape, x.dtype)
    y = _planes(result)

    def run(start: int, stop: int) -> None:
        out = _as(planes[start:stop], kind) * factor[:, None]
        np.add(out, shift[:, None], out=y[start:stop], casting="same_kind")

    _over(planes.shape[0], math.prod(planes.shape[1:]), run)
    return result
