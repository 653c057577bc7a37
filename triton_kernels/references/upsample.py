"""Resampling from its definition in float64 NumPy: one dense matrix an axis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_NAMES = {"nearest": 0, "nearest-exact": 0, "linear": 1, "cubic": 2}


def _keys(t: float) -> float:
    """Keys' cubic convolution kernel (1981) with a = -3/4."""
    a, t = -0.75, abs(t)
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a if t < 2 else 0.0


def _nearest(o: int, n: int, out: int, exact: bool, scale: float | None, axes: int) -> int:
    if not exact and axes == 2 and out in (n, 2 * n):
        return o // (out // n)
    step = np.float32(1 / scale) if scale else np.float32(n) / np.float32(out)
    return min(math.floor(np.float32(o + 0.5 if exact else o) * step), n - 1)


def matrix(n: int, out: int, mode: str, align: bool, scale: float | None, axes: int) -> np.ndarray:
    """Weights (out, n) of one axis: positions follow the scale given, or the ratio of sizes."""
    found = np.zeros((out, n))
    for o in range(out):
        if _NAMES[mode] == 0:
            found[o, _nearest(o, n, out, mode == "nearest-exact", scale, axes)] = 1
            continue
        step = 1 / scale if scale else n / out
        if align:
            at = o * (n - 1) / (out - 1) if out > 1 else 0.0
        else:
            at = (o + 0.5) * step - 0.5
        if mode == "linear":
            at = float(o) if n == out else min(max(at, 0.0), n - 1)
            low = math.floor(at)
            found[o, low] += 1 - (at - low)
            found[o, min(low + 1, n - 1)] += at - low
        else:
            for k in range(math.floor(at) - 1, math.floor(at) + 3):
                found[o, min(max(k, 0), n - 1)] += _keys(at - k)
    return found


def _apply(x: np.ndarray, matrices: list[np.ndarray]) -> np.ndarray:
    for axis, m in enumerate(matrices):
        x = np.moveaxis(np.tensordot(m, x, (1, axis + 2)), 0, axis + 2)
    return x


def _matrices(size: Any, out: Any, mode: str, align: bool, scales: Any) -> list[np.ndarray]:
    scales = scales or (None,) * len(out)
    axes = zip(size, out, scales, strict=True)
    return [matrix(n, o, mode, align, s, len(out)) for n, o, s in axes]


def upsample_reference(
    x: np.ndarray, out: Any, mode: str, align: bool = False, scales: Any = None
) -> np.ndarray:
    """Each axis times its matrix."""
    return _apply(x, _matrices(x.shape[2:], out, mode, align, scales))


def upsample_backward_reference(
    g: np.ndarray, x_shape: Any, mode: str, align: bool = False, scales: Any = None
) -> np.ndarray:
    """Each axis times its matrix transposed."""
    return _apply(g, [m.T for m in _matrices(x_shape[2:], g.shape[2:], mode, align, scales)])
