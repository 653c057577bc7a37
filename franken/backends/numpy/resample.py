"""Interpolation on regular and on free grids, affine grids, and unfolding; each with its transpose.

Knows arrays (N, C, *S) and per-axis tuples. Must not know Tensor. An axis is resampled by a short
list of taps (positions, weights); its gradient is that list transposed: both gather, neither races.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from .parallel import over_blocks
from .pool import adaptive_avg_backward, adaptive_avg_forward, window_parts

Ints = tuple[int, ...]
Scales = tuple[float | None, ...]
# one tap of an axis: its outputs (None: all), the inputs they read, their weights (None: one)
Tap = tuple[np.ndarray | None, np.ndarray, np.ndarray | None]

CUBIC, CUBIC_ANTIALIAS = (
    -0.75,
    -0.5,
)  # Keys' coefficient: torch's bicubic; with antialias, the common one
MODES = ("nearest", "nearest-exact", "linear", "cubic", "lanczos", "area")
_REACH = {"linear": 1, "cubic": 2, "lanczos": 3}  # of an antialiasing filter, in steps


# ---- regular grids ----


def interpolate_forward(
    x: np.ndarray,
    out: Ints,
    mode: str,
    align_corners: bool = False,
    scales: Scales | None = None,
    antialias: bool = False,
) -> np.ndarray:
    """Resample x (N, C, *S) to (N, C, *out); mode is nearest, nearest-exact, linear, cubic or area.

    `scales` are the caller's scale factors where positions follow them and not the ratio of sizes.

    >>> interpolate_forward(np.array([[[0.0, 1.0]]]), (4,), "linear").tolist()
    [[[0.0, 0.25, 0.75, 1.0]]]
    """
    scales = _check_interpolate("interpolate_forward", x.shape, out, mode, scales)
    if mode in ("linear", "cubic") and x.dtype.kind in "iub":
        raise ValueError(
            f"interpolate_forward: {mode} needs a float or complex input, got {x.dtype}"
        )
    if mode == "area":
        return adaptive_avg_forward(x, out)
    taps = _plan(x.shape[2:], out, mode, align_corners, scales, antialias, x.dtype)
    # the axis that shrinks most goes first: less is left for the others
    order = sorted(range(len(out)), key=lambda a: out[a] / x.shape[a + 2])
    return _resample(x, [(a, out[a], taps[a]) for a in order])


def interpolate_backward(
    g: np.ndarray,
    x_shape: Ints,
    mode: str,
    align_corners: bool = False,
    scales: Scales | None = None,
    antialias: bool = False,
) -> np.ndarray:
    """Apply the transpose of `interpolate_forward` to g, giving `x_shape`.

    Note: torch's gradient is not its own forward's transpose where an explicit scale keeps the size
    (nearest with one or three axes, also when it doubles; cubic with all sizes kept). This one is.

    >>> interpolate_backward(np.ones((1, 1, 4)), (1, 1, 2), "linear").tolist()
    [[[2.0, 2.0]]]
    """
    size, out = x_shape[2:], g.shape[2:]
    scales = _check_interpolate("interpolate_backward", x_shape, out, mode, scales)
    if mode == "area":
        return adaptive_avg_backward(g, x_shape)
    taps = _plan(size, out, mode, align_corners, scales, antialias, g.dtype)
    order = sorted(range(len(out)), key=lambda a: size[a] / out[a])
    return _resample(g, [(a, size[a], _transpose(taps[a], size[a], out[a])) for a in order])


def _check_interpolate(op: str, x: Ints, out: Ints, mode: str, scales: Scales | None) -> Scales:
    scales = (None,) * len(out) if scales is None else scales
    if mode not in MODES:
        raise ValueError(f"{op}: expected a mode of {MODES}, got {mode!r}")
    if len(out) != len(x) - 2 or len(scales) != len(out):
        raise ValueError(f"{op}: ranks do not fit: input {x}, output {out}, scales {scales}")
    if min(x[2:]) < 1 or min(out) < 1:
        raise ValueError(
            f"{op}: Input and output sizes should be greater than 0, got {x} and {out}"
        )
    return scales


def _plan(
    size: Ints, out: Ints, mode: str, align: bool, scales: Scales, antialias: bool, dtype: np.dtype
) -> list[list[Tap]]:
    real = np.dtype(np.float64 if dtype in (np.float64, np.complex128) else np.float32)
    plans: list[list[Tap]] = []
    for n, o, scale in zip(size, out, scales, strict=True):
        if mode.startswith("nearest"):
            plans.append([(None, _nearest(n, o, mode == "nearest-exact", scale, len(out)), None)])
        elif antialias:
            plans.append(_antialias_taps(n, o, mode, align, scale, real))
        else:
            make = _cubic_taps if mode == "cubic" else _linear_taps
            plans.append(make(n, o, align, scale, real))
    return plans


def _nearest(n: int, out: int, exact: bool, scale: float | None, axes: int) -> np.ndarray:
    # torch works these positions out in single precision whatever the input's type
    step = np.float32(1 / scale) if scale else np.float32(n) / np.float32(out)
    o = np.arange(out, dtype=np.float32)
    if (
        not exact and axes == 2 and out in (n, 2 * n)
    ):  # torch's planes copy or double, whatever the scale says
        return np.arange(out) // (out // n)
    at = np.floor((o + np.float32(0.5)) * step if exact else o * step)
    return np.minimum(at.astype(np.int64), n - 1)


def _step(n: int, out: int, align: bool, scale: float | None, real: np.dtype) -> np.floating:
    if align:
        return real.type(n - 1) / real.type(out - 1) if out > 1 else real.type(0)
    return real.type(1 / scale) if scale else real.type(n) / real.type(out)


def _positions(n: int, out: int, align: bool, scale: float | None, real: np.dtype) -> np.ndarray:
    step, o = _step(n, out, align, scale, real), np.arange(out, dtype=real)
    return o * step if align else (o + real.type(0.5)) * step - real.type(0.5)


def _linear_taps(n: int, out: int, align: bool, scale: float | None, real: np.dtype) -> list[Tap]:
    if n == out:
        return [(None, np.arange(n), None)]
    at = np.maximum(_positions(n, out, align, scale, real), 0)
    low = np.minimum(at.astype(np.int64), n - 1)
    part = np.clip(at - low.astype(real), 0, 1)
    return [(None, low, 1 - part), (None, np.minimum(low + 1, n - 1), part)]


def _cubic_taps(n: int, out: int, align: bool, scale: float | None, real: np.dtype) -> list[Tap]:
    at = _positions(n, out, align, scale, real)
    low = np.floor(at)
    weights = _cubic_weights(at - low, CUBIC)
    low = low.astype(np.int64)
    return [(None, np.clip(low + k - 1, 0, n - 1), w) for k, w in enumerate(weights)]


def _cubic_near(t: np.ndarray, a: float) -> np.ndarray:
    return ((a + 2) * t - (a + 3)) * t * t + 1


def _cubic_far(t: np.ndarray, a: float) -> np.ndarray:
    return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a


def _cubic_weights(t: np.ndarray, a: float) -> list[np.ndarray]:
    """Return the weights of the four neighbours at -1, 0, 1, 2 (Keys, 1981)."""
    return [_cubic_far(t + 1, a), _cubic_near(t, a), _cubic_near(1 - t, a), _cubic_far(2 - t, a)]


def _antialias_taps(
    n: int, out: int, mode: str, align: bool, scale: float | None, real: np.dtype
) -> list[Tap]:
    """Widen the filter with the step when shrinking, and normalise what falls inside."""
    if n == out:
        return [(None, np.arange(n), None)]
    step = _step(n, out, align, scale, real)
    wide = max(step, real.type(1))
    support = real.type(_REACH[mode]) * wide
    center = step * (np.arange(out, dtype=real) + real.type(0.5))
    first = np.maximum((center - support + real.type(0.5)).astype(np.int64), 0)
    last = np.minimum((center + support + real.type(0.5)).astype(np.int64), n)
    at = first[:, None] + np.arange(max(int((last - first).max()), 1))
    distance = np.abs((at.astype(real) - center[:, None] + real.type(0.5)) / wide)
    weights = np.where(at < last[:, None], _filter(distance, mode), 0).astype(real)
    total = weights.sum(axis=1, keepdims=True)
    weights = np.divide(weights, total, out=weights, where=total != 0)
    return [_some(at[:, k] < last, at[:, k], weights[:, k]) for k in range(at.shape[1])]


def _filter(distance: np.ndarray, mode: str) -> np.ndarray:
    if mode == "linear":
        return np.maximum(1 - distance, 0)
    if mode == "lanczos":
        return np.where(distance < 3, np.sinc(distance) * np.sinc(distance / 3), 0)
    a = CUBIC_ANTIALIAS
    far = np.where(distance < 2, _cubic_far(distance, a), 0)
    return np.where(distance < 1, _cubic_near(distance, a), far)


def _some(where: np.ndarray, at: np.ndarray, weights: np.ndarray) -> Tap:
    if where.all():
        return None, at, weights
    rows = np.flatnonzero(where)
    return rows, at[rows], weights[rows]


def _transpose(taps: list[Tap], n: int, out: int) -> list[Tap]:
    """Return the taps by which each of n inputs gathers from the outputs that read it, in order."""
    reader = np.concatenate([np.arange(out) if rows is None else rows for rows, _, _ in taps])
    read = np.concatenate([at for _, at, _ in taps])
    weights = None if taps[0][2] is None else np.concatenate([w for _, _, w in taps])
    order = np.lexsort((reader, read))
    reader, read = reader[order], read[order]
    place = np.arange(len(read)) - np.searchsorted(read, read)
    result: list[Tap] = []
    for k in range(int(place.max()) + 1):
        pick = np.flatnonzero(place == k)
        rows = None if len(pick) == n else read[pick]
        result.append((rows, reader[pick], None if weights is None else weights[order][pick]))
    return result


def _resample(x: np.ndarray, axes: list[tuple[int, int, list[Tap]]]) -> np.ndarray:
    """Apply (axis, new length, taps) in turn to blocks of planes."""
    shape = list(x.shape)
    for axis, length, _ in axes:
        shape[axis + 2] = length
    planes = x.reshape(math.prod(x.shape[:2]), *x.shape[2:])
    y = np.empty((planes.shape[0], *shape[2:]), x.dtype)

    def run(start: int, stop: int) -> None:
        part = planes[start:stop]
        for axis, length, taps in axes:
            part = _gather(part, axis + 1, length, taps)
        y[start:stop] = part

    over_blocks(planes.shape[0], max(math.prod(shape[2:]), math.prod(x.shape[2:])), run)
    return y.reshape(shape)


def _gather(x: np.ndarray, axis: int, length: int, taps: list[Tap]) -> np.ndarray:
    shape = list(x.shape)
    shape[axis] = length
    total: Any = np.zeros(shape, x.dtype) if taps[0][0] is not None else None
    for rows, at, weights in taps:
        # positions are in range; with "clip" NumPy takes half as long as with its check
        term = np.take(x, at, axis=axis, mode="clip")
        if weights is not None:
            term *= weights.astype(x.dtype).reshape(-1, *(1,) * (x.ndim - axis - 1))
        if total is None:
            total = term
        elif rows is None:
            total += term
        else:
            total[(*(slice(None),) * axis, rows)] += term  # rows are distinct
    return total


# ---- free grids ----


class _Axis:
    """One axis of a grid: taps (index, weight, slope, inside), and how far a grid unit moves."""

    __slots__ = ("moves", "taps")

    def __init__(self, taps: list[tuple[np.ndarray, ...]], moves: np.ndarray) -> None:
        self.taps, self.moves = taps, moves


def grid_sample_forward(
    x: np.ndarray,
    grid: np.ndarray,
    mode: str = "bilinear",
    padding: str = "zeros",
    align_corners: bool = False,
) -> np.ndarray:
    """Read x (N, C, *S) at grid (N, *O, axes), last axis of x first, in -1..1; gives (N, C, *O).

    mode is bilinear (linear in each axis), nearest or bicubic (two axes); padding is zeros, border
    or reflection.

    >>> x = np.array([[[[0.0, 1.0, 2.0]]]])
    >>> grid_sample_forward(x, np.zeros((1, 1, 1, 2)), align_corners=True).tolist()
    [[[[1.0]]]]
    """
    _check_grid("grid_sample_forward", x.shape, grid.shape, mode, padding)
    y = np.zeros((*x.shape[:2], math.prod(grid.shape[1:-1])), x.dtype)
    planes = x.reshape(*x.shape[:2], math.prod(x.shape[2:]))

    def run(start: int, stop: int) -> None:
        for n in range(start, stop):
            axes = _grid_axes(grid[n], x.shape[2:], mode, padding, align_corners)
            for at, weights, inside, _ in _grid_taps(axes, x.shape[2:]):
                y[n] += _read(planes[n], at, inside) * np.multiply.reduce(weights)

    over_blocks(x.shape[0], y[:1].size, run)
    return y.reshape(*x.shape[:2], *grid.shape[1:-1])


def grid_sample_backward(
    g: np.ndarray,
    x: np.ndarray,
    grid: np.ndarray,
    mode: str = "bilinear",
    padding: str = "zeros",
    align_corners: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the gradients of `grid_sample_forward` in x and in grid; repeats add in order.

    >>> x, grid = np.array([[[[0.0, 1.0, 2.0]]]]), np.full((1, 1, 1, 2), 0.25)
    >>> gx, ggrid = grid_sample_backward(np.ones((1, 1, 1, 1)), x, grid, align_corners=True)
    >>> gx.tolist(), abs(ggrid).tolist()
    ([[[[0.0, 0.75, 0.25]]]], [[[[1.0, 0.0]]]])
    """
    _check_grid("grid_sample_backward", x.shape, grid.shape, mode, padding)
    size, plane = x.shape[2:], math.prod(x.shape[2:])
    planes, flat = x.reshape(*x.shape[:2], plane), g.reshape(*g.shape[:2], math.prod(g.shape[2:]))
    gx = np.zeros(planes.shape, x.dtype)
    ggrid = np.zeros((x.shape[0], flat.shape[2], len(size)), grid.dtype)

    def run(start: int, stop: int) -> None:
        for n in range(start, stop):
            axes = _grid_axes(grid[n], size, mode, padding, align_corners)
            taps = list(_grid_taps(axes, size))
            _add_reads(gx[n], flat[n], taps)
            for at, weights, inside, slopes in taps:
                value = np.einsum("cm,cm->m", flat[n], _read(planes[n], at, inside))
                for axis, slope in enumerate(slopes):
                    rest = [w for a, w in enumerate(weights) if a != axis]
                    ggrid[n, :, -1 - axis] += value * np.multiply.reduce([slope, *rest])
            for axis, spec in enumerate(axes):
                ggrid[n, :, -1 - axis] *= spec.moves

    over_blocks(x.shape[0], flat[:1].size, run)
    return gx.reshape(x.shape), ggrid.reshape(grid.shape)


def _check_grid(op: str, x: Ints, grid: Ints, mode: str, padding: str) -> None:
    axes = len(x) - 2
    if axes not in (2, 3) or len(grid) != len(x) or grid[-1] != axes or grid[0] != x[0]:
        raise ValueError(
            f"{op}: expected a grid (N, *O, {axes}) with the input's N, got input {x}, grid {grid}"
        )
    if min(x[2:]) < 1:
        raise ValueError(f"{op}: expected input to have non-empty spatial dimensions, got {x}")
    if mode not in ("bilinear", "nearest", "bicubic") or padding not in (
        "zeros",
        "border",
        "reflection",
    ):
        raise ValueError(f"{op}: unknown {mode=} or {padding=}")
    if mode == "bicubic" and axes != 2:
        raise ValueError(f"{op}: bicubic interpolation only supports 4D input, got {x}")


def _grid_axes(grid: np.ndarray, size: Ints, mode: str, padding: str, align: bool) -> list[_Axis]:
    points = grid.reshape(-1, len(size))
    with np.errstate(invalid="ignore"):  # infinite positions are legal and give NaN weights
        return [_grid_axis(points[:, -1 - a], n, mode, padding, align) for a, n in enumerate(size)]


def _grid_axis(grid: np.ndarray, n: int, mode: str, padding: str, align: bool) -> _Axis:
    at = (grid + 1) / 2 * (n - 1) if align else ((grid + 1) * n - 1) / 2
    moves = np.full(at.shape, (n - 1) / 2 if align else n / 2, grid.dtype)
    if mode == "bicubic":
        return _Axis(_cubic_grid_taps(at, n, padding, align), moves)
    at, slope = _pad_positions(at, n, padding, align)
    if mode == "nearest":
        index, inside = _index(np.rint(at), n)
        return _Axis([(index, np.ones_like(at), np.zeros_like(at), inside)], moves)
    low = np.floor(at)
    one = np.ones_like(at)
    taps: list[tuple[np.ndarray, ...]] = []
    for index, weight, sign in ((low, 1 - (at - low), -one), (low + 1, at - low, one)):
        taps.append((_index(index, n)[0], weight, sign, _index(index, n)[1]))
    return _Axis(taps, moves * slope)


def _index(at: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return whole positions as indices, 0 for those outside 0..n-1, and which were inside."""
    inside = (at >= 0) & (at <= n - 1)
    return np.where(inside, at, 0).astype(np.int64), inside


def _cubic_grid_taps(
    at: np.ndarray, n: int, padding: str, align: bool
) -> list[tuple[np.ndarray, ...]]:
    low = np.floor(at)
    part = at - low
    weights, slopes = _cubic_weights(part, CUBIC), _cubic_slopes(part, CUBIC)
    taps: list[tuple[np.ndarray, ...]] = []
    for k in range(4):
        padded, _ = _pad_positions(low + (k - 1), n, padding, align)
        index, inside = _index(np.trunc(padded), n)
        taps.append((index, weights[k], slopes[k], inside))
    return taps


def _cubic_slopes(t: np.ndarray, a: float) -> list[np.ndarray]:
    def near(d: np.ndarray) -> np.ndarray:
        return (3 * (a + 2) * d - 2 * (a + 3)) * d

    def far(d: np.ndarray) -> np.ndarray:
        return (3 * a * d - 10 * a) * d + 8 * a

    return [far(t + 1), near(t), -near(1 - t), -far(2 - t)]


def _pad_positions(
    at: np.ndarray, n: int, padding: str, align: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return positions brought inside, and what that does to a small move: 1, -1 or 0."""
    slope = np.ones_like(at)
    if padding == "zeros":
        return at, slope
    if padding == "reflection":
        at, slope = _reflect(at, *((0, n - 1) if align else (-0.5, n - 0.5)))
    # fmax turns a NaN into the first position, as torch does
    return np.fmin(np.fmax(at, 0), n - 1), np.where((at > 0) & (at < n - 1), slope, 0)


def _reflect(at: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    if low == high:
        return np.zeros_like(at), np.zeros_like(at)
    span, moved = high - low, at - low
    away = np.abs(moved)
    rest = np.fmod(away, span)
    odd = np.floor(away / span) % 2 == 1
    slope = np.where((moved < 0) != odd, -1, 1).astype(at.dtype)
    return np.where(odd, span - rest, rest) + low, slope


def _grid_taps(
    axes: list[_Axis], size: Ints
) -> Iterator[tuple[np.ndarray, list, np.ndarray, list]]:
    """Yield each corner's flat index, weights by axis, whether it is inside, slopes by axis."""
    for corner in product(*[axis.taps for axis in axes]):
        at = np.zeros_like(corner[0][0])
        inside: Any = True
        for (index, _, _, within), n in zip(corner, size, strict=True):
            at, inside = at * n + index, inside & within
        yield at, [c[1] for c in corner], inside, [c[2] for c in corner]


def _read(planes: np.ndarray, at: np.ndarray, inside: np.ndarray) -> np.ndarray:
    value = np.take(planes, at, axis=1, mode="clip")
    if not inside.all():
        value[:, ~inside] = 0
    return value


def _add_reads(gx: np.ndarray, g: np.ndarray, taps: list[tuple]) -> None:
    """Add g by weight where each tap read, channel by channel, in double precision."""
    at = np.concatenate([tap[0] for tap in taps])
    weights = np.concatenate([np.multiply.reduce(tap[1]) * tap[2] for tap in taps])
    for channel in range(gx.shape[0]):
        values = np.tile(g[channel], len(taps)) * weights
        gx[channel] = np.bincount(at, values, gx.shape[1])


def affine_grid_forward(theta: np.ndarray, size: Ints, align_corners: bool) -> np.ndarray:
    """Return the sampling grid (N, *size, axes) of theta (N, axes, axes + 1) for two or three axes.

    >>> affine_grid_forward(np.array([[[1.0, 0, 0], [0, 1, 0]]]), (1, 2), True).tolist()
    [[[[-1.0, 0.0], [1.0, 0.0]]]]
    """
    axes = len(size)
    if theta.shape[1:] != (axes, axes + 1):
        raise ValueError(
            f"affine_grid: expected theta (N, {axes}, {axes + 1}) for {size=}, got {theta.shape}"
        )
    base = _base_grid(size, align_corners, theta.dtype)
    return np.matmul(base, theta.swapaxes(1, 2)).reshape(theta.shape[0], *size, axes)


def affine_grid_backward(g: np.ndarray, align_corners: bool) -> np.ndarray:
    """Apply the transpose of `affine_grid_forward` to g (N, *O, axes), giving (N, axes, axes + 1).

    >>> affine_grid_backward(np.ones((1, 1, 2, 2)), True).tolist()
    [[[0.0, 0.0, 2.0], [0.0, 0.0, 2.0]]]
    """
    size, axes = g.shape[1:-1], g.shape[-1]
    base = _base_grid(size, align_corners, g.dtype)
    return np.matmul(g.reshape(g.shape[0], math.prod(size), axes).swapaxes(1, 2), base)


def _base_grid(size: Ints, align: bool, dtype: np.dtype) -> np.ndarray:
    """Return each output's coordinates in -1..1, last axis first, then a one."""
    lines = [
        np.linspace(-1, 1, n, dtype=dtype) * (1 if align else (n - 1) / n)
        if n > 1
        else np.zeros(n, dtype)
        for n in size
    ]
    mesh = np.meshgrid(*lines, indexing="ij")
    columns = [m.reshape(-1) for m in reversed(mesh)]
    return np.stack([*columns, np.ones_like(columns[0])], axis=1).astype(dtype)


# ---- windows as columns ----


def unfold(x: np.ndarray, kernel: Ints, dilation: Ints, padding: Ints, stride: Ints) -> np.ndarray:
    """Lay the windows of x (N, C, *S) out as columns (N, C * prod(kernel), windows).

    >>> unfold(np.arange(3.0).reshape(1, 1, 3), (2,), (1,), (0,), (1,)).tolist()
    [[[0.0, 1.0], [1.0, 2.0]]]
    """
    out = _window_counts("unfold", x.shape[2:], kernel, dilation, padding, stride)
    columns = np.zeros((*x.shape[:2], math.prod(kernel), *out), x.dtype)
    for number, into, outof in _window_slices(x.shape[2:], out, kernel, dilation, padding, stride):
        at: Any = (slice(None), slice(None), number, *into)
        columns[at] = x[(..., *outof)]
    return columns.reshape(x.shape[0], x.shape[1] * math.prod(kernel), math.prod(out))


def fold(
    columns: np.ndarray, size: Ints, kernel: Ints, dilation: Ints, padding: Ints, stride: Ints
) -> np.ndarray:
    """Add columns (N, C * prod(kernel), windows) into (N, C, *size): the transpose of `unfold`.

    >>> fold(np.ones((1, 2, 2)), (3,), (2,), (1,), (0,), (1,)).tolist()
    [[[1.0, 2.0, 1.0]]]
    """
    out = _window_counts("fold", size, kernel, dilation, padding, stride)
    taps = math.prod(kernel)
    if columns.shape[1] % taps or columns.shape[2] != math.prod(out):
        raise ValueError(
            f"fold: expected (N, C * {taps}, {math.prod(out)}) columns, got {columns.shape}"
        )
    channels = columns.shape[1] // taps
    columns = columns.reshape(columns.shape[0], channels, taps, *out)
    x = np.zeros((columns.shape[0], channels, *size), columns.dtype)
    for number, outof, into in _window_slices(size, out, kernel, dilation, padding, stride):
        at: Any = (slice(None), slice(None), number, *outof)
        x[(..., *into)] += columns[at]
    return x


def _window_counts(
    op: str, size: Ints, kernel: Ints, dilation: Ints, padding: Ints, stride: Ints
) -> Ints:
    if not len(size) == len(kernel) == len(dilation) == len(padding) == len(stride):
        raise ValueError(
            f"{op}: ranks do not fit: {size=}, {kernel=}, {dilation=}, {padding=}, {stride=}"
        )
    if min((*kernel, *dilation, *stride)) < 1:
        raise ValueError(f"{op}: expected positive sizes, got {kernel=}, {dilation=}, {stride=}")
    specs = zip(size, kernel, dilation, padding, stride, strict=True)
    out = tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, d, p, s in specs)
    if min(out) < 1:
        raise ValueError(f"{op}: no window of {kernel=}, {dilation=} fits {size=} with {padding=}")
    return out


def _window_slices(
    size: Ints, out: Ints, kernel: Ints, dilation: Ints, padding: Ints, stride: Ints
) -> Iterator[tuple[int, Any, Any]]:
    """Yield each tap's number, the windows whose tap lies inside, and the inputs those read."""
    for number, tap in enumerate(product(*map(range, kernel))):
        specs = zip(size, out, tap, dilation, padding, stride, strict=True)
        parts = [window_parts(n, o, k * d - p, s) for n, o, k, d, p, s in specs]
        found = [part for part in parts if part is not None]
        if len(found) == len(parts):
            yield number, [part[0] for part in found], [part[1] for part in found]
