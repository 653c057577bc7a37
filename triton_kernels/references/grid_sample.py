"""Sampling at free positions from its definition, in float64 NumPy, one position at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np


def _cubic(t: float) -> tuple[float, float]:
    """Keys' kernel with a = -3/4 at t, and its slope."""
    a, sign, t = -0.75, math.copysign(1, t), abs(t)
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1, sign * (3 * (a + 2) * t**2 - 2 * (a + 3) * t)
    if t < 2:
        return (
            a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a,
            sign * (3 * a * t**2 - 10 * a * t + 8 * a),
        )
    return (0.0, 0.0) if t >= 2 else (t, t)


def _clip(at: float, n: int) -> tuple[float, float]:
    return min(max(at, 0.0), n - 1.0) if at == at else 0.0, float(0 < at < n - 1)


def _pad(at: float, n: int, padding: str, align: bool) -> tuple[float, float]:
    """(position brought inside, its slope)."""
    if padding == "zeros":
        return at, 1.0
    if padding == "border":
        return _clip(at, n)
    low, span = (0.0, n - 1.0) if align else (-0.5, float(n))
    if span == 0 or not math.isfinite(at):
        return 0.0, 0.0
    slope = math.copysign(1.0, at - low)
    extra, flips = math.fmod(abs(at - low), span), abs(at - low) // span
    if flips % 2:
        extra, slope = span - extra, -slope
    at, kept = _clip(extra + low, n)
    return at, slope * kept


def _taps(
    g: float, n: int, mode: str, padding: str, align: bool
) -> Iterator[tuple[int | None, float, float]]:
    """(input or None, weight, its slope in g) of one axis."""
    at = (g + 1) / 2 * (n - 1) if align else ((g + 1) * n - 1) / 2
    unit = (n - 1) / 2 if align else n / 2
    if mode == "bicubic":
        low = math.floor(at) if math.isfinite(at) else at
        for k in range(-1, 3):
            i, _ = _pad(low + k, n, padding, align)
            weight, slope = _cubic(at - low - k)
            yield _whole(i, n), weight, slope * unit
        return
    at, slope = _pad(at, n, padding, align)
    if mode == "nearest":
        yield _whole(np.rint(at), n), 1.0, 0.0
        return
    low = math.floor(at) if math.isfinite(at) else at
    yield _whole(low, n), 1 - (at - low), -slope * unit
    yield _whole(low + 1, n), at - low, slope * unit


def _whole(at: float, n: int) -> int | None:
    return int(at) if 0 <= at <= n - 1 else None


def _points(
    grid: np.ndarray, h: int, w: int, mode: str, padding: str, align: bool
) -> Iterator[tuple[tuple[int, ...], list[tuple[int | None, int | None, float, float, float]]]]:
    for place in np.ndindex(grid.shape[:3]):
        gx, gy = map(float, grid[place])
        yield (
            place,
            [
                (i, j, wy * wx, wy * sx, sy * wx)
                for i, wy, sy in _taps(gy, h, mode, padding, align)
                for j, wx, sx in _taps(gx, w, mode, padding, align)
            ],
        )


def grid_sample_reference(
    x: np.ndarray, grid: np.ndarray, mode: str = "bilinear", padding: str = "zeros",
    align: bool = False,
) -> np.ndarray:  # fmt: skip
    """Each position's weighted sum of inputs."""
    y = np.zeros((*x.shape[:2], *grid.shape[1:3]))
    for (n, *o), taps in _points(grid, *x.shape[2:], mode, padding, align):
        for i, j, weight, _, _ in taps:
            read = 0.0 if i is None or j is None else x[n, :, i, j]
            y[(n, slice(None), *o)] += weight * read
    return y


def grid_sample_grid_reference(
    g: np.ndarray, x: np.ndarray, grid: np.ndarray, mode: str = "bilinear",
    padding: str = "zeros", align: bool = False,
) -> np.ndarray:  # fmt: skip
    """Slopes of the weights times what they weigh."""
    out = np.zeros(grid.shape)
    for (n, *o), taps in _points(grid, *x.shape[2:], mode, padding, align):
        for i, j, _, slope_x, slope_y in taps:
            if i is not None and j is not None:
                value = g[(n, slice(None), *o)] @ x[n, :, i, j]
                out[(n, *o)] += value * np.array([slope_x, slope_y])
    return out


def grid_sample_input_reference(
    g: np.ndarray, grid: np.ndarray, x_shape: tuple[int, ...], mode: str = "bilinear",
    padding: str = "zeros", align: bool = False,
) -> np.ndarray:  # fmt: skip
    """Each output's gradient added to the inputs it read."""
    out = np.zeros(x_shape)
    for (n, *o), taps in _points(grid, *x_shape[2:], mode, padding, align):
        for i, j, weight, _, _ in taps:
            if i is not None and j is not None:
                out[n, :, i, j] += weight * g[(n, slice(None), *o)]
    return out
