"""The memory behind NumPy arrays: its owner, its row of elements, and arrays laid over it.

Knows arrays and element strides only; neither tensors nor devices.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from franken.core.strides import contiguous_strides


def root_of(a: Any) -> Any:
    """The array that owns the memory an array looks into."""
    while isinstance(a.base, np.ndarray):
        a = a.base
    return a


def memory_of(a: Any) -> Any:
    """All of the storage behind an array as one row of its dtype, or None if that has gaps."""
    root = root_of(a)
    if not root.flags.c_contiguous:
        root = root.transpose(sorted(range(root.ndim), key=lambda d: -root.strides[d]))
        if not root.flags.c_contiguous:
            return None
    row = root.reshape(-1)
    if row.dtype == a.dtype:
        return row
    return row.view(np.uint8)[: row.nbytes // a.itemsize * a.itemsize].view(a.dtype)


def first_place(a: Any) -> int:
    """Where in its storage an array begins, in elements."""
    start = a.__array_interface__["data"][0] - root_of(a).__array_interface__["data"][0]
    offset: int = start // a.itemsize
    return offset


def restrided(a: Any, shape: Any, steps: Any, place: int) -> Any:
    """A NumPy view of an array's storage: element strides, first place in elements."""
    row = memory_of(a)
    if row is None or 0 in shape or not row.size:
        if 0 in shape:
            return a.reshape(-1)[:0].reshape(shape)
        raise RuntimeError("as_strided: the memory of this tensor has gaps; clone() it before")
    n = row.itemsize
    return _over(row, shape, [s * n for s in steps], place * n)


def _over(row: Any, shape: Any, byte_steps: Any, offset: int) -> Any:
    if row.dtype.kind == "V":  # NumPy has no buffers of extension dtypes: go through plain words
        word = row.view(np.dtype(f"u{row.itemsize}"))
        return np.ndarray(shape, word.dtype, word, offset, byte_steps).view(row.dtype)
    return np.ndarray(shape, row.dtype, row, offset, byte_steps)


def element_steps(a: Any) -> tuple[int, ...]:
    """Strides in elements; NumPy gives fresh arrays without elements none, torch row-major ones."""
    n = a.itemsize
    if not a.size and not any(a.strides):
        return tuple(contiguous_strides(a.shape))
    return tuple([s // n for s in a.strides])


def resized(a: Any, shape: tuple[int, ...], steps: tuple[int, ...]) -> Any:
    """The array laid anew over its own storage, or over a longer copy of it where that is short."""
    row, place = memory_of(a), first_place(a)
    room = 0 if row is None else row.size - place
    count = math.prod(shape)
    if count <= room or count == 0:
        return restrided(a, shape, steps, place)
    grown = np.zeros(count + place, a.dtype)
    if row is not None:
        grown[: row.size] = row[: grown.size]
    return restrided(grown, shape, steps, place)


def overlap(a: Any, b: Any) -> str:
    """How two arrays share memory: "none", "full" (the same places in one order) or "part".

    Only what is certain counts: strided arrays whose places interleave are not looked into.
    """
    if a is b:
        return "full"
    if type(a) is not np.ndarray or type(b) is not np.ndarray or not (a.size and b.size):
        return "none"
    if not np.may_share_memory(a, b) or not (dense(a) and dense(b)):
        return "none"
    same = a.__array_interface__["data"][0] == b.__array_interface__["data"][0]
    return "full" if same and a.nbytes == b.nbytes and a.strides == b.strides else "part"


def dense(a: Any) -> bool:
    """Whether an array fills its memory without gaps or repetition, in whatever order."""
    if a.flags.c_contiguous or a.flags.f_contiguous:
        return True
    at = a.itemsize
    for step, n in sorted(zip(a.strides, a.shape, strict=True)):
        if n > 1:
            if step != at:
                return False
            at *= n
    return True
