"""How far a kernel's result is from its float64 reference."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..launching.arrays import BFLOAT16

_EPS = {np.dtype(np.float16): 2.0**-10, BFLOAT16: 2.0**-7, np.dtype(np.float32): 2.0**-23,
        np.dtype(np.float64): 2.0**-52}  # fmt: skip


def distance(got: Any, want: Any, floor: float) -> float:
    """Largest error of `got` in units in the last place of its dtype; inf where kinds differ.

    The unit is that of the larger of the value's magnitude and `floor` times the root mean square
    of the finite reference. Integers and booleans must be equal; NaN matches NaN alone, and an
    overflow of the dtype matches infinity.

    >>> distance(np.float32([1.0, 2.0]), np.array([1.0, 2.0]), 1.0)
    0.0
    """
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape:
        return float("inf")
    if got.dtype not in _EPS:
        return 0.0 if np.array_equal(got, want) else float("inf")
    a = got.astype(np.float64)
    with np.errstate(over="ignore"):
        rounded = want.astype(got.dtype).astype(np.float64)
    plain = np.isfinite(rounded)
    if (
        not np.array_equal(a[~plain], rounded[~plain], equal_nan=True)
        or not np.isfinite(a[plain]).all()
    ):
        return float("inf")
    if not plain.any():
        return 0.0
    b = want.astype(np.float64)[plain]
    scale = np.sqrt(np.mean(b * b)) * floor
    size = np.maximum(np.abs(b), max(scale, np.finfo(np.float32).tiny))
    unit = np.exp2(np.floor(np.log2(size))) * _EPS[got.dtype]
    return float((np.abs(a[plain] - b) / unit).max())
