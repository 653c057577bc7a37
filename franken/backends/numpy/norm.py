"""Layer, RMS, group, instance, batch and local response normalisation, forward and backward.

Knows rows (M, N) and channels (N, C, L), worked on in blocks cut by shape alone; sums over blocks
are added in a fixed tree. Statistics have the dtype of the input. Must not know Tensor or autograd.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import reduce

_BLOCK = 1 << 16  # elements worked on at a time: 256 KiB of float32
_LONG = 4096  # longer rows are summed pairwise

Maybe = np.ndarray | None
Triple = tuple[np.ndarray, np.ndarray, np.ndarray]


def _over_rows(m: int, n: int, fn: Callable[[int, slice], None]) -> int:
    """Call fn(block number, rows) for blocks of rows of length n; return how many there are."""
    from .parallel import parallel_for

    group = max(1, _BLOCK // max(n, 1))
    blocks = -(-m // group)

    def run(start: int, stop: int) -> None:
        with np.errstate(all="ignore"):
            for block in range(start, stop):
                fn(block, slice(block * group, (block + 1) * group))

    parallel_for(blocks, max(1, 2 * _BLOCK // max(group * n, 1)), run)
    return blocks


def _block_count(m: int, n: int) -> int:
    return -(-m // max(1, _BLOCK // max(n, 1)))


def _total(x: np.ndarray) -> np.ndarray:
    return np.einsum("ij->i", x) if x.shape[1] <= _LONG else np.add.reduce(x, axis=1)


def _dot(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.shape[1] <= _LONG:
        return np.einsum("ij,ij->i", x, y)
    return np.add.reduce(x * y, axis=1)


def _standardise(x: np.ndarray, out: np.ndarray, mean: Maybe, rstd: np.ndarray, eps: float) -> None:
    """Fill rows of `out` with (x - mean) rstd, and the statistics; a None mean is no centring."""
    n = x.dtype.type(x.shape[1])
    if mean is None:
        rstd[:] = 1 / np.sqrt(_dot(x, x) / n + x.dtype.type(eps))
        np.multiply(x, rstd[:, None], out=out)
        return
    mean[:] = _total(x) / n
    np.subtract(x, mean[:, None], out=out)
    slip = _total(out) / n  # the rounding of the mean
    mean += slip
    out -= slip[:, None]
    rstd[:] = 1 / np.sqrt(_dot(out, out) / n + x.dtype.type(eps))
    out *= rstd[:, None]


def _rows(x: np.ndarray, n: int) -> np.ndarray:
    return np.ascontiguousarray(x).reshape(-1, n) if x.size else x.reshape(x.size // max(n, 1), n)


def _rows_forward(x: np.ndarray, w: Maybe, b: Maybe, eps: float, centre: bool) -> Triple:
    m, n = x.shape
    out, mean, rstd = np.empty_like(x), np.zeros(m, x.dtype), np.empty(m, x.dtype)

    def block(_: int, rows: slice) -> None:
        _standardise(x[rows], out[rows], mean[rows] if centre else None, rstd[rows], eps)
        if w is not None:
            out[rows] *= w
        if b is not None:
            out[rows] += b

    _over_rows(m, n, block)
    return out, mean, rstd


def layer_norm(x: np.ndarray, n: int, w: Maybe, b: Maybe, eps: float) -> Triple:
    """Normalise the trailing `n` elements of `x` (C order): (out, mean (M,), rstd (M,)).

    `w` and `b` hold `n` elements or are None.

    >>> layer_norm(np.array([[1.0, 3.0]]), 2, None, None, 0.0)[0].tolist()
    [[-1.0, 1.0]]
    """
    w, b = (None if p is None else p.reshape(-1) for p in (w, b))
    out, mean, rstd = _rows_forward(_rows(x, n), w, b, eps, True)
    return out.reshape(x.shape), mean, rstd


def rms_norm(x: np.ndarray, n: int, w: Maybe, eps: float) -> tuple[np.ndarray, np.ndarray]:
    """Divide the trailing `n` elements by their root mean square: (out, rstd (M,)).

    >>> rms_norm(np.array([[3.0, 4.0]]), 2, None, 0.0)[1].round(6).tolist()
    [0.282843]
    """
    w = None if w is None else w.reshape(-1)
    out, _, rstd = _rows_forward(_rows(x, n), w, None, eps, False)
    return out.reshape(x.shape), rstd


def _rows_backward(
    g: np.ndarray, x: np.ndarray, w: Maybe, mean: Maybe, rstd: np.ndarray, needs: tuple
) -> tuple[Maybe, Maybe, Maybe]:
    m, n = x.shape
    need_x, need_w, need_b = needs
    blocks = _block_count(m, n)
    dx = np.empty_like(x) if need_x else None
    dw = np.zeros((blocks, n), x.dtype) if need_w else None
    db = np.zeros((blocks, n), x.dtype) if need_b else None

    def block(at: int, rows: slice) -> None:
        gy = g[rows]
        if db is not None:
            np.add.reduce(gy, axis=0, out=db[at])
        if dx is None and dw is None:
            return
        hat = x[rows] - mean[rows, None] if mean is not None else x[rows].copy()
        hat *= rstd[rows, None]
        if dw is not None:
            np.add.reduce(gy * hat, axis=0, out=dw[at])
        if dx is not None:
            _row_gradient(gy, hat, w, mean is not None, rstd[rows, None], dx[rows])

    _over_rows(m, n, block)
    return dx, _columns(dw), _columns(db)


def _row_gradient(
    gy: np.ndarray, hat: np.ndarray, w: Maybe, centre: bool, rstd: np.ndarray, dx: np.ndarray
) -> None:
    # rstd (gw - mean(gw) - hat mean(gw hat)) with gw = g w; `hat` is overwritten
    n = hat.dtype.type(hat.shape[1])
    if w is None:
        dx[...] = gy
    else:
        np.multiply(gy, w, out=dx)
    hat *= (_dot(dx, hat) / n)[:, None]
    if centre:
        dx -= (_total(dx) / n)[:, None]
    dx -= hat
    dx *= rstd


def _columns(parts: Maybe) -> Maybe:
    return None if parts is None else reduce.sum(parts, (0,))


Needs = tuple[bool, bool, bool]


def layer_norm_backward(
    g: np.ndarray,
    x: np.ndarray,
    n: int,
    w: Maybe,
    mean: np.ndarray,
    rstd: np.ndarray,
    needs: Needs = (True, True, True),
) -> tuple[Maybe, Maybe, Maybe]:
    """Return cotangents of (x, w, b), None where not needed; those of w and b are flat.

    >>> x = np.array([[1.0, 3.0]]); _, mean, rstd = layer_norm(x, 2, None, None, 0.0)
    >>> layer_norm_backward(np.ones((1, 2)), x, 2, None, mean, rstd)[2].tolist()
    [1.0, 1.0]
    """
    w = None if w is None else w.reshape(-1)
    dx, dw, db = _rows_backward(_rows(g, n), _rows(x, n), w, mean, rstd, needs)
    return None if dx is None else dx.reshape(x.shape), dw, db


def rms_norm_backward(
    g: np.ndarray,
    x: np.ndarray,
    n: int,
    w: Maybe,
    rstd: np.ndarray,
    needs: tuple[bool, bool] = (True, True),
) -> tuple[Maybe, Maybe]:
    """Return cotangents of (x, w), None where not needed; that of w is flat.

    >>> x = np.array([[3.0, 4.0]]); _, rstd = rms_norm(x, 2, None, 0.0)
    >>> rms_norm_backward(x, x, 2, None, rstd)[0].round(12).tolist()
    [[0.0, 0.0]]
    """
    w = None if w is None else w.reshape(-1)
    dx, dw, _ = _rows_backward(_rows(g, n), _rows(x, n), w, None, rstd, (*needs, False))
    return None if dx is None else dx.reshape(x.shape), dw


# --- channels ------------------------------------------------------------------------------------


def _planes(x: np.ndarray) -> np.ndarray:
    """(N, C, ...) as contiguous (N, C, L)."""
    return np.ascontiguousarray(x).reshape(x.shape[0], x.shape[1], int(np.prod(x.shape[2:])))


def _scaled(v: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """v scale + shift for (N, C, L) with scale and shift (N, C) or (1, C)."""
    n, c, length = v.shape
    out = np.empty_like(v)
    scale = np.broadcast_to(scale, (n, c)).reshape(n * c)
    shift = np.broadcast_to(shift, (n, c)).reshape(n * c)
    x, y = v.reshape(n * c, length), out.reshape(n * c, length)

    def block(_: int, rows: slice) -> None:
        np.multiply(x[rows], scale[rows, None], out=y[rows])
        y[rows] += shift[rows, None]

    _over_rows(n * c, length, block)
    return out


def _affine(c: int, w: Maybe, b: Maybe) -> tuple[np.ndarray | float, np.ndarray | float]:
    return (1.0 if w is None else w.reshape(1, c)), (0.0 if b is None else b.reshape(1, c))


def _plane_sums(g: np.ndarray, v: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums over L of g and of g (v - mean), both (N, C)."""
    n, c, length = v.shape
    first, second = np.empty(n * c, v.dtype), np.empty(n * c, v.dtype)
    mean = np.broadcast_to(mean, (n, c)).reshape(n * c)
    gy, x = g.reshape(n * c, length), v.reshape(n * c, length)

    def block(_: int, rows: slice) -> None:
        first[rows] = _total(gy[rows])
        second[rows] = _dot(gy[rows], x[rows] - mean[rows, None])

    _over_rows(n * c, length, block)
    return first.reshape(n, c), second.reshape(n, c)


def _combined(
    g: np.ndarray, v: np.ndarray, a: np.ndarray, k: np.ndarray, shift: np.ndarray
) -> np.ndarray:
    """g a + v k + shift with coefficients (N, C) or (1, C)."""
    n, c, length = v.shape
    out = np.empty_like(v)
    a, k, shift = (np.broadcast_to(p, (n, c)).reshape(n * c, 1) for p in (a, k, shift))
    gy, x, y = (array.reshape(n * c, length) for array in (g, v, out))

    def block(_: int, rows: slice) -> None:
        np.multiply(gy[rows], a[rows], out=y[rows])
        part = x[rows] * k[rows]
        part += shift[rows]
        y[rows] += part

    _over_rows(n * c, length, block)
    return out


def group_norm(x: np.ndarray, groups: int, w: Maybe, b: Maybe, eps: float) -> Triple:
    """Normalise groups of channels of (N, C, ...): (out, mean (N, G), rstd (N, G)).

    >>> group_norm(np.array([[[1.0, 3.0]]]), 1, None, None, 0.0)[0].tolist()
    [[[-1.0, 1.0]]]
    """
    with np.errstate(all="ignore"):
        v = _planes(x)
        n, c, length = v.shape
        per = c // groups
        var, mean = reduce.var_mean(v.reshape(n * groups, per * length), (1,), 0.0)
        rstd = _reciprocal_root(var, eps).reshape(n, groups)
        mean = mean.reshape(n, groups)
        scale, offset = _affine(c, w, b)
        scale = np.repeat(rstd, per, axis=1) * scale
        out = _scaled(v, scale, offset - np.repeat(mean, per, axis=1) * scale)
        return out.reshape(x.shape), mean, rstd


def _reciprocal_root(var: np.ndarray, eps: float) -> np.ndarray:
    with np.errstate(all="ignore"):
        return 1 / np.sqrt(var + var.dtype.type(eps))


def group_norm_backward(
    g: np.ndarray,
    x: np.ndarray,
    groups: int,
    w: Maybe,
    mean: np.ndarray,
    rstd: np.ndarray,
    needs: Needs = (True, True, True),
) -> tuple[Maybe, Maybe, Maybe]:
    """Return cotangents of (x, w (C,), b (C,)), None where not needed.

    >>> x = np.array([[[1.0, 3.0]]]); _, mean, rstd = group_norm(x, 1, None, None, 0.0)
    >>> group_norm_backward(np.ones_like(x), x, 1, None, mean, rstd)[2].tolist()
    [2.0]
    """
    with np.errstate(all="ignore"):
        v, gy = _planes(x), _planes(g)
        n, c, length = v.shape
        per = c // groups
        wide_mean, wide_rstd = np.repeat(mean, per, axis=1), np.repeat(rstd, per, axis=1)
        first, second = _plane_sums(gy, v, wide_mean)
        dw = reduce.sum(second * wide_rstd, (0,)) if needs[1] else None
        db = reduce.sum(first, (0,)) if needs[2] else None
        if not needs[0]:
            return None, dw, db
        scale = _affine(c, w, None)[0]
        count = x.dtype.type(per * length)
        # dx = rstd (w g - mean(w g) - hat mean(w g hat)), sums taken over each group
        ones = reduce.sum((first * scale).reshape(n, groups, per), (2,)) / count
        hats = reduce.sum((second * scale).reshape(n, groups, per), (2,)) / count * rstd * rstd
        slope = np.repeat(-hats * rstd, per, axis=1)
        shift = np.repeat((hats * mean - ones) * rstd, per, axis=1)
        dx = _combined(gy, v, wide_rstd * scale, slope, shift)
        return dx.reshape(x.shape), dw, db


def instance_norm(x: np.ndarray, w: Maybe, b: Maybe, eps: float) -> Triple:
    """Normalise every plane of (N, C, ...): (out, mean (N, C), rstd (N, C)).

    >>> instance_norm(np.array([[[1.0, 3.0]]]), None, None, 0.0)[1].tolist()
    [[2.0]]
    """
    return group_norm(x, x.shape[1], w, b, eps)


def instance_norm_backward(
    g: np.ndarray,
    x: np.ndarray,
    w: Maybe,
    mean: np.ndarray,
    rstd: np.ndarray,
    needs: Needs = (True, True, True),
) -> tuple[Maybe, Maybe, Maybe]:
    """Return cotangents of (x, w, b), None where not needed.

    >>> x = np.array([[[1.0, 3.0]]]); _, mean, rstd = instance_norm(x, None, None, 0.0)
    >>> instance_norm_backward(np.ones_like(x), x, None, mean, rstd)[1].tolist()
    [0.0]
    """
    return group_norm_backward(g, x, x.shape[1], w, mean, rstd, needs)


def _channel_moments(v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and biased variance (C,) over N and L of (N, C, L), in float64."""
    with np.errstate(all="ignore"):
        n, c, length = v.shape
        if length == 1:
            mean, squares = reduce.moments(v.reshape(1, n, c))
            return mean[0], squares[0] / n
        mean, squares = reduce.moments(v.reshape(n * c, length, 1))
        count = np.full(n, float(length))
        shape = (1, n, c)
        mean, squares = reduce.merge_moments(count, mean.reshape(shape), squares.reshape(shape))
        return mean[0], squares[0] / (n * length)


def batch_norm(
    x: np.ndarray, w: Maybe, b: Maybe, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Normalise channels of (N, C, ...): (out, mean, biased variance, invstd), all (C,).

    >>> batch_norm(np.array([[1.0], [3.0]]), None, None, 0.0)[0].tolist()
    [[-1.0], [1.0]]
    """
    v = _planes(x)
    if v.size == 0:
        blank = np.full(v.shape[1], np.nan, x.dtype)
        return x.copy(), blank, blank.copy(), blank.copy()
    mean, var = (p.astype(x.dtype) for p in _channel_moments(v))
    invstd = _reciprocal_root(var, eps)
    return _batch_apply(v, mean, invstd, w, b).reshape(x.shape), mean, var, invstd


def _batch_apply(
    v: np.ndarray, mean: np.ndarray, invstd: np.ndarray, w: Maybe, b: Maybe
) -> np.ndarray:
    with np.errstate(all="ignore"):
        scale, offset = _affine(v.shape[1], w, b)
        scale = invstd[None] * scale
        offset = (offset - mean[None] * scale).astype(v.dtype, copy=False)
        return _scaled(v, scale.astype(v.dtype, copy=False), offset)


def batch_norm_eval(
    x: np.ndarray, mean: np.ndarray, var: np.ndarray, w: Maybe, b: Maybe, eps: float
) -> np.ndarray:
    """Normalise channels of (N, C, ...) by the given statistics (C,).

    >>> one = np.ones(1)
    >>> batch_norm_eval(np.array([[3.0]]), one, one, None, None, 0.0).tolist()
    [[2.0]]
    """
    return _batch_apply(_planes(x), mean, _reciprocal_root(var, eps), w, b).reshape(x.shape)


def batch_norm_backward(
    g: np.ndarray,
    x: np.ndarray,
    w: Maybe,
    mean: np.ndarray,
    invstd: np.ndarray,
    training: bool = True,
    needs: Needs = (True, True, True),
) -> tuple[Maybe, Maybe, Maybe]:
    """Return cotangents of (x, w, b), None where not needed.

    `mean` and `invstd` (C,) are those of the batch in training, the running ones otherwise.

    >>> x = np.array([[1.0], [3.0]]); _, mean, _, invstd = batch_norm(x, None, None, 0.0)
    >>> batch_norm_backward(np.ones_like(x), x, None, mean, invstd)[2].tolist()
    [2.0]
    """
    with np.errstate(all="ignore"):
        v, gy = _planes(x), _planes(g)
        n, c, length = v.shape
        scale = (invstd[None] * _affine(c, w, None)[0]).astype(x.dtype, copy=False)
        dx = dw = db = None
        if training or needs[1] or needs[2]:
            first, second = (reduce.sum(s, (0,)) for s in _plane_sums(gy, v, mean[None]))
            dw = second * invstd if needs[1] else None
            db = first if needs[2] else None
        if needs[0] and not training:
            dx = _scaled(gy, scale, np.zeros((1, c), x.dtype))
        elif needs[0]:
            count = x.dtype.type(n * length)
            slope = -(second * invstd * invstd / count)[None] * scale
            dx = _combined(gy, v, scale, slope, -(first / count)[None] * scale - slope * mean[None])
        return None if dx is None else dx.reshape(x.shape), dw, db


def _window_sum(v: np.ndarray, before: int, after: int) -> np.ndarray:
    """Sum over channels c - before ... c + after of (N, C, L), zeros outside."""
    out = v.copy()
    for step in range(1, before + 1):
        out[:, step:] += v[:, :-step]
    for step in range(1, after + 1):
        out[:, :-step] += v[:, step:]
    return out


def local_response_norm(
    x: np.ndarray, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return (x/d^beta, d) for (N, C, ...), d = k + alpha mean(x^2) over `size` channels.

    >>> local_response_norm(np.ones((1, 1, 1)), 1, 1.0, 1.0, 1.0)[0].tolist()
    [[[0.5]]]
    """
    with np.errstate(all="ignore"):
        v = _planes(x)
        d = _window_sum(v * v, size // 2, (size - 1) // 2)
        d *= x.dtype.type(alpha / size)
        d += x.dtype.type(k)
        return (v * d ** x.dtype.type(-beta)).reshape(x.shape), d.reshape(x.shape)


def local_response_norm_backward(
    g: np.ndarray, x: np.ndarray, d: np.ndarray, size: int, alpha: float, beta: float
) -> np.ndarray:
    """Return the cotangent of local_response_norm's input from its `d`.

    >>> one = np.ones((1, 1, 1))
    >>> local_response_norm_backward(one, one, 2 * one, 1, 1.0, 1.0).tolist()
    [[[0.0]]]
    """
    with np.errstate(all="ignore"):
        v, gy, base = _planes(x), _planes(g), _planes(d)
        power = base ** x.dtype.type(-beta)
        # g d^-beta - 2 alpha beta/size x sum over windows that hold c of g x d^(-beta - 1)
        spread = _window_sum(gy * v * power / base, (size - 1) // 2, size // 2)
        spread *= v
        spread *= x.dtype.type(2 * alpha * beta / size)
        return (gy * power - spread).reshape(x.shape)
