"""Sliding windows as launchers see them: three spatial axes, output sizes, spans of windows.

Arrays are (N, C, *S) with one to three axes S; kernels work on three, the missing ones of length 1
in front. Knows sizes and views only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...checks.cases import DTYPES, Maker
from ...launching.arrays import cdiv, next_power_of_2

Ints = tuple[int, ...]


def three(values: Any, fill: int) -> Ints:
    """One value per axis, with `fill` for the missing ones in front.

    >>> three((3, 5), 1)
    (1, 3, 5)
    """
    return (fill,) * (3 - len(values)) + tuple(int(v) for v in values)


def spatial(x: Any) -> Any:
    """View x (N, C, *S) with three spatial axes."""
    return x[(slice(None), slice(None)) + (None,) * (5 - x.ndim)]


def check(op: str, axes: int, *per_axis: Any) -> None:
    """Raise ValueError unless there are one to three axes with a value of each parameter."""
    if not 1 <= axes <= 3 or any(len(p) != axes for p in per_axis):
        given = ", ".join(str(tuple(p)) for p in per_axis)
        raise ValueError(f"{op}: expected 1 to 3 axes and one value an axis, got {axes}: {given}")


def positive(op: str, **parameters: Any) -> None:
    """Raise ValueError unless all values of all parameters are at least 1."""
    for name, values in parameters.items():
        if min(values) < 1:
            raise ValueError(f"{op}: {name} must be positive, got {tuple(values)}")


def window_counts(
    size: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool = False
) -> Ints:
    """How many windows fit each axis; with `ceil` the last may hang over, but not start outside.

    Formula: https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html

    >>> window_counts((5,), (2,), (2,), (0,), (1,), True)
    (3,)
    """
    found = []
    for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True):
        room = n + 2 * p - d * (k - 1) - 1
        count = (cdiv(room, s) if ceil else room // s) + 1
        found.append(count - 1 if ceil and (count - 1) * s >= n + p else count)
    return tuple(found)


def tile(planes: int, positions: int, block: int, elements: int) -> tuple[int, int]:
    """(planes a program, positions a program), both powers of two, together `elements` at most.

    >>> tile(6, 49, 256, 1024)
    (8, 64)
    """
    wide = min(block, next_power_of_2(positions))
    return max(1, min(elements // wide, next_power_of_2(planes))), wide


def apart(a: Any) -> Any:
    """The same values with 2**31 elements between one image and the next (pages never touched)."""
    gap = 2**31
    base = np.empty(gap * (len(a) - 1) + a[0].size, a.dtype)
    steps = (gap * a.itemsize, *a.strides[1:])
    view = np.lib.stride_tricks.as_strided(base, a.shape, steps)
    view[...] = a
    return view


def like(m: Maker, a: Any, shape: Any) -> np.ndarray:
    """Normal values of the element type of `a`."""
    return m.normal(shape, next(name for name, dtype in DTYPES.items() if dtype == a.dtype))


def laid(m: Maker, sample: str, a: Any) -> Any:
    """`a` in the kind of memory that a sample of this name is about."""
    if sample == "any strides":
        return m.strided(a)
    return apart(a) if sample == "past 32 bits" else a
