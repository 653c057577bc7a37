"""Memory: the root array that owns it, and the places in it where an array lies.

Knows backend arrays (NumPy's, and a GPU's by their common attributes); knows no Tensor.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from franken.core.geometry.strides import contiguous_strides


def root_of(a: Any) -> Any:
    """The array that owns the memory an array looks into."""
    kind = type(a)
    while isinstance(a.base, kind):
        a = a.base
    return a


def pointer(a: Any) -> int:
    """The address of a backend array's first element."""
    interface = getattr(a, "__array_interface__", None)
    return int(a.data.ptr if interface is None else interface["data"][0])


def first_place(a: Any) -> int:
    """Where in its storage an array begins, in elements."""
    return (pointer(a) - pointer(root_of(a))) // int(a.itemsize)


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


def restrided(a: Any, shape: Any, steps: Any, place: int) -> Any:
    """A NumPy view of an array's storage: element strides, first place in elements."""
    row = memory_of(a)
    if row is None or 0 in shape or not row.size:
        if 0 in shape:
            room = np.empty(0, a.dtype) if row is None else row
            return over(room, shape, [n * a.itemsize for n in steps], 0)
        raise RuntimeError("as_strided: the memory of this tensor has gaps; clone() it before")
    n = row.itemsize
    return over(row, shape, [s * n for s in steps], place * n)


def over(row: Any, shape: Any, byte_steps: Any, offset: int) -> Any:
    """A NumPy view of a row of elements (or an empty array): strides and offset in bytes."""
    if row.dtype.kind == "V":  # NumPy has no buffers of extension dtypes: go through plain words
        word = row.view(np.dtype(f"u{row.itemsize}"))
        return type(row)(shape, word.dtype, word, offset, byte_steps).view(row.dtype)
    return type(row)(shape, row.dtype, row, offset, byte_steps)


def element_strides(a: Any) -> tuple[int, ...]:
    """An array's strides in elements; an empty one of NumPy's making has none of its own."""
    return in_elements(a.shape, a.strides, a.itemsize)


def in_elements(shape: tuple[int, ...], steps: tuple[int, ...], size: int) -> tuple[int, ...]:
    """`element_strides` of an array of this shape, strides in bytes and itemsize."""
    if 0 in shape and not any(steps):
        return contiguous_strides(shape)
    return tuple([s // size for s in steps]) if size else steps


def relaid(a: Any, shape: tuple[int, ...], steps: tuple[int, ...]) -> Any:
    """The array laid anew over its own storage from where it begins; None if that is too short."""
    row, place = memory_of(a), first_place(a)
    room = 0 if row is None else row.size - place
    count = math.prod(shape)
    return restrided(a, shape, steps, place) if count <= room or count == 0 else None


def repeats(a: Any) -> bool:
    """Whether an element certainly appears more than once, along an axis without steps."""
    return (
        0 in a.strides
        and a.size > 0
        and any(s == 0 and n > 1 for s, n in zip(a.strides, a.shape, strict=True))
    )


def copied_storage(a: Any) -> Any:
    """A copy of all the storage behind a NumPy array, seen as the array sees its own.

    None where its elements repeat, or its storage has gaps itself.
    """
    row = None if type(a) is not np.ndarray or repeats(a) else memory_of(a)
    if row is None:
        return None
    return restrided(row.copy(), a.shape, element_strides(a), first_place(a))


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
    same = pointer(a) == pointer(b) and a.nbytes == b.nbytes and a.strides == b.strides
    return "full" if same else "part"


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


def byte_row(root: Any) -> Any:
    """All bytes of a root array in the order they lie in, or None if it has gaps."""
    if not root.flags.c_contiguous:
        root = root.transpose(sorted(range(root.ndim), key=lambda d: -root.strides[d]))
        if not root.flags.c_contiguous:
            return None
    return root.reshape(-1).view(np.uint8)


class Region:
    """A part of a root array's memory: where it begins (in bytes) and how it is walked through."""

    __slots__ = ("dtype", "made", "offset", "shape", "strides")

    def __init__(self, a: Any, root: Any, made: bool = False) -> None:
        self.offset = pointer(a) - pointer(root)
        self.shape, self.strides, self.dtype = a.shape, a.strides, a.dtype
        self.made = made  # by what is being watched, or only seen by it

    def bounds(self) -> tuple[int, int]:
        """The first byte, and the one behind the last."""
        if 0 in self.shape:
            return self.offset, self.offset
        reach = [(n - 1) * s for n, s in zip(self.shape, self.strides, strict=True)]
        low = sum(r for r in reach if r < 0)
        high = sum(r for r in reach if r > 0)
        return self.offset + low, self.offset + high + int(self.dtype.itemsize)

    def holds(self, other: Region) -> bool:
        """Whether all that the other shows is part of this one."""
        (low, high), (a, b) = self.bounds(), other.bounds()
        if not (low <= a and b <= high):
            return False
        if high - low == math.prod(self.shape) * int(self.dtype.itemsize):
            return True
        return self.dtype == other.dtype and bool(np.isin(other.places(), self.places()).all())

    def places(self) -> Any:
        """Where each element begins."""
        at = np.full(self.shape, self.offset, np.int64)
        for d, (n, s) in enumerate(zip(self.shape, self.strides, strict=True)):
            at += (np.arange(n) * s).reshape(n, *(1,) * (len(self.shape) - d - 1))
        return at

    def same(self, other: Region) -> bool:
        """Whether both show the same elements in the same way."""
        return (self.offset, self.shape, self.strides, self.dtype) == (
            other.offset, other.shape, other.strides, other.dtype
        )  # fmt: skip

    def window(self, root: Any) -> Any:
        """The region as an array over its root."""
        if (self.shape, self.strides, self.dtype) == (root.shape, root.strides, root.dtype):
            return root
        if not isinstance(root, np.ndarray):
            memory = root.data + self.offset
            return type(root)(self.shape, self.dtype, memory, strides=self.strides)
        row = byte_row(root)
        word = self.dtype if self.dtype.kind != "V" else np.dtype(f"u{self.dtype.itemsize}")
        return np.ndarray(self.shape, word, row, self.offset, self.strides).view(self.dtype)
