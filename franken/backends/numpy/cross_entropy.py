"""NLL and cross-entropy with class indices, forward and backward.

Knows rows worked on in cache-sized blocks, cut by shape alone, and torch's weighting, smoothing and
averaging. Must not know Tensor or autograd.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

_BLOCK = 1 << 16  # elements worked on at a time: 256 KiB of float32
_LONG = 4096  # rows longer than this are summed pairwise, shorter ones by wide lanes
_STEP = 64

Block = Callable[..., None]


def _row_total(x: np.ndarray) -> np.ndarray:
    if x.shape[1] <= _LONG and x.dtype.kind == "f":
        return np.einsum("ij->i", x)[:, None]
    return np.add.reduce(x, axis=1, keepdims=True)


def _total(x: np.ndarray) -> np.ndarray:
    """Sum along axis 1, kept; across rows in two steps, as a chain of thousands would drift."""
    if x.ndim == 2:
        return _row_total(x)
    a, n, b = x.shape
    whole = n // _STEP * _STEP
    if n < 4 * _STEP:
        return np.add.reduce(x, axis=1, keepdims=True)
    parts = np.add.reduce(x[:, :whole].reshape(a, -1, _STEP, b), axis=2)
    tail = np.add.reduce(x[:, whole:], axis=1, keepdims=True)
    return np.add.reduce(parts, axis=1, keepdims=True) + tail


def _over_blocks(block: Block, *arrays: np.ndarray) -> None:
    """Call `block` on parts of (A, N, B) arrays: (a, N) where B is 1, else (a, N, b)."""
    from .parallel import parallel_for

    a, n, b = arrays[0].shape
    if a * n * b == 0:
        return
    tile = min(b, max(64, _BLOCK // n))
    tiles = -(-b // tile)
    group = max(1, _BLOCK // (n * tile))

    def run(start: int, stop: int) -> None:
        with np.errstate(all="ignore"):
            for task in range(start, stop):
                at, t = divmod(task, tiles)
                rows = slice(at * group, (at + 1) * group)
                cols = 0 if b == 1 else slice(t * tile, (t + 1) * tile)
                block(*[array[rows, :, cols] for array in arrays])

    parallel_for(-(-a // group) * tiles, max(1, 2 * _BLOCK // (group * n * tile)), run)


def _classes(x: np.ndarray) -> np.ndarray:
    """View scores (C,), (N, C) or (N, C, d...) as (N, C, D)."""
    if x.ndim == 1:
        return x.reshape(1, -1, 1)
    return np.ascontiguousarray(x).reshape(x.shape[0], x.shape[1], math.prod(x.shape[2:]))


def _labels(v: np.ndarray, target: np.ndarray, ignore_index: int) -> tuple[np.ndarray, np.ndarray]:
    """Return targets (N, 1, D) with ignored ones at class 0, and where they are kept."""
    t = target.reshape(v.shape[0], 1, v.shape[2])
    keep = t != ignore_index
    wrong = keep & ((t < 0) | (t >= v.shape[1]))
    if wrong.any():
        raise IndexError(f"Target {int(t[wrong][0])} is out of bounds.")
    return np.where(keep, t, 0), keep


def _weights_of(
    t: np.ndarray, keep: np.ndarray, weight: np.ndarray | None, dtype: np.dtype
) -> np.ndarray:
    """Weight (N, 1, D) of each target, zero where ignored."""
    return keep.astype(dtype) if weight is None else np.where(keep, weight[t], 0).astype(dtype)


def _sum_all(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.add.reduce(x.reshape(-1), dtype=np.float64))


def _reduced(losses: np.ndarray, total: np.ndarray, reduction: str, shape: tuple) -> np.ndarray:
    if reduction == "none":
        return losses.reshape(shape)
    if reduction not in ("mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    loss = _sum_all(losses)
    with np.errstate(all="ignore"):
        return np.asarray(loss / total if reduction == "mean" else loss).astype(losses.dtype)


def nll_loss(
    x: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> tuple[np.ndarray, np.ndarray]:
    """Return (loss, total weight) of log-probabilities (C,), (N, C) or (N, C, d...).

    >>> nll_loss(np.array([[-1.0, -2.0]]), np.array([1]))[0].tolist()
    2.0
    """
    with np.errstate(all="ignore"):
        v = _classes(x)
        t, keep = _labels(v, target, ignore_index)
        w = _weights_of(t, keep, weight, x.dtype)
        losses = np.where(keep, -np.take_along_axis(v, t, 1) * w, 0).astype(x.dtype)
        total = _sum_all(w)
        return _reduced(losses, total, reduction, target.shape), total.astype(x.dtype)


def _per_sample(
    g: np.ndarray, total: np.ndarray, shape: tuple[int, ...], reduction: str
) -> np.ndarray:
    """The cotangent of each sample's loss, (N, 1, D)."""
    if reduction == "none":
        return g.reshape(shape)
    with np.errstate(all="ignore"):
        return np.broadcast_to(g / total if reduction == "mean" else g, shape)


def nll_loss_backward(
    g: np.ndarray,
    x: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None,
    ignore_index: int,
    reduction: str,
    total: np.ndarray | None,
) -> np.ndarray:
    """Return the cotangent of nll_loss' log-probabilities.

    >>> x = np.zeros((1, 2))
    >>> nll_loss_backward(np.array(1.0), x, np.array([1]), None, -100, "sum", None).tolist()
    [[0.0, -1.0]]
    """
    with np.errstate(all="ignore"):
        v = _classes(x)
        t, keep = _labels(v, target, ignore_index)
        w = _weights_of(t, keep, weight, x.dtype)
        total = _sum_all(w).astype(x.dtype) if total is None else total
        out = np.zeros(v.shape, x.dtype)
        slope = np.where(keep, -w * _per_sample(g, total, w.shape, reduction), 0)
        np.put_along_axis(out, t, slope.astype(x.dtype), 1)
        return out.reshape(x.shape)


def _log_sums(v: np.ndarray) -> np.ndarray:
    """log(sum(exp(v))) along axis 1 of (N, C, D), kept."""
    out = np.empty((v.shape[0], 1, v.shape[2]), v.dtype)

    def block(x: np.ndarray, target: np.ndarray) -> None:
        top = np.maximum.reduce(x, axis=1, keepdims=True)
        shift = np.where(np.isfinite(top), top, 0)
        d = x - shift
        target[...] = np.log(_total(np.exp(d, out=d))) + shift

    _over_blocks(block, v, out)
    return out


def cross_entropy(
    x: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (loss, log-sums (N, 1, D), total weight) of scores (C,), (N, C) or (N, C, d...).

    The log-sums are all that backward needs: no array of the size of `x` is kept.

    >>> cross_entropy(np.zeros((1, 2)), np.array([0]))[0].round(6).tolist()
    0.693147
    """
    with np.errstate(all="ignore"):
        v = _classes(x)
        t, keep = _labels(v, target, ignore_index)
        w = _weights_of(t, keep, weight, x.dtype)
        sums = _log_sums(v)
        losses = (sums - np.take_along_axis(v, t, 1)) * w
        if label_smoothing:
            losses = losses * (1 - label_smoothing) + _smooth_part(v, sums, weight, label_smoothing)
        losses = np.where(keep, losses, 0).astype(x.dtype)
        total = _sum_all(w)
        return _reduced(losses, total, reduction, target.shape), sums, total.astype(x.dtype)


def _smooth_part(
    v: np.ndarray, sums: np.ndarray, weight: np.ndarray | None, smoothing: float
) -> np.ndarray:
    # smoothing / C * sum_c w_c (lse - x_c)
    c = v.shape[1]
    if weight is None:
        mass, scores = float(c), v
    else:
        mass, scores = float(weight.sum(dtype=np.float64)), v * weight[None, :, None]
    return (sums * mass - np.add.reduce(scores, axis=1, keepdims=True)) * (smoothing / c)


def cross_entropy_backward(
    g: np.ndarray,
    x: np.ndarray,
    target: np.ndarray,
    sums: np.ndarray,
    total: np.ndarray,
    weight: np.ndarray | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> np.ndarray:
    """Return the cotangent of cross_entropy's scores from its log-sums and total weight.

    >>> x, y = np.zeros((1, 2)), np.array([0])
    >>> _, sums, total = cross_entropy(x, y)
    >>> cross_entropy_backward(np.array(1.0), x, y, sums, total).tolist()
    [[-0.5, 0.5]]
    """
    with np.errstate(all="ignore"):
        v = _classes(x)
        t, keep = _labels(v, target, ignore_index)
        each = np.where(keep, _per_sample(g, total, t.shape, reduction), 0).astype(x.dtype)
        hit = (each * _weights_of(t, keep, weight, x.dtype) * (1 - label_smoothing)).astype(x.dtype)
        out = np.empty(v.shape, x.dtype)
        # d loss / d x_c = p_c (hit + spread mass) - hit [c = t] - spread w_c
        spread = (each * (label_smoothing / v.shape[1])).astype(x.dtype)
        mass = v.shape[1] if weight is None else weight.sum(dtype=np.float64)
        slope = (hit + spread * mass).astype(x.dtype)
        _over_blocks(_probability_block, v, sums, slope, keep, out)
        if label_smoothing:
            out -= spread if weight is None else spread * weight[None, :, None].astype(x.dtype)
        np.put_along_axis(out, t, np.take_along_axis(out, t, 1) - hit, 1)
        return out.reshape(x.shape)


def _probability_block(
    x: np.ndarray, sums: np.ndarray, slope: np.ndarray, keep: np.ndarray, out: np.ndarray
) -> None:
    np.subtract(x, sums, out=out)
    np.exp(out, out=out)
    out *= slope
    if not keep.all():  # an ignored sample may hold NaN or inf, which zero does not cancel
        np.copyto(out, 0, where=~keep)
