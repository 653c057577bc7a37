"""Arrays without elements: shape, strides and dtype over addresses that nothing ever touches.

An `Unheld` array is a NumPy array over addresses that are never touched, so it costs nothing and
every view of NumPy's (slices, transposes, `as_strided`) works on it unchanged, with the strides and
offsets that it has on the CPU. All of them begin at one address and are as long as they like: which
arrays share memory is told by their roots, not by addresses. What would read or write elements is
overridden: copies and casts make new arrays, writes do nothing, and reading a value raises torch's
words. So code that handles `t._a` of any device needs no branch for this one.

An object of its own with a shape and strides would be purer, but all that is done to arrays in
`core.geometry` would then have to be written a second time.
"""

from __future__ import annotations

import math
import mmap
from functools import cache
from typing import Any, NoReturn

import numpy as np

# Of so many bytes at the beginning even a stray read would give zeros.
_READABLE = 1 << 30
_NO_DATA = "Cannot copy out of meta tensor; no data!"
# Functions of NumPy's that only look at an array's geometry.
_GEOMETRY = frozenset(
    getattr(np, name)
    for name in (
        "broadcast_to", "diagonal", "expand_dims", "may_share_memory", "moveaxis", "ndim",
        "reshape", "shape", "size", "squeeze", "swapaxes", "transpose", "broadcast_arrays",
        "shares_memory", "real", "imag", "atleast_1d",
    )
) | {np.lib.stride_tricks.as_strided}  # fmt: skip


@cache
def _page() -> tuple[Any, int]:
    """Memory that nothing is ever written to, and its address: where all these arrays begin."""
    pages = mmap.mmap(-1, _READABLE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ)
    return pages, np.frombuffer(pages, np.uint8).__array_interface__["data"][0]


# Those of them that give plain arrays if they are not told to keep the class.
_BASE_CLASS = frozenset((np.broadcast_to, np.broadcast_arrays, np.lib.stride_tricks.as_strided))


class _Addresses:
    """A row of bytes from there on, as long as one likes, as NumPy asks for memory."""

    def __init__(self, count: int) -> None:
        self.__array_interface__ = {
            "data": (_page()[1], False), "shape": (count,), "typestr": "|u1", "version": 3,
        }  # fmt: skip


class Unheld(np.ndarray):
    """An array that has no elements: what would read them raises, and writing does nothing."""

    __array_priority__ = 1000.0

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> NoReturn:
        raise NotImplementedError(f"{ufunc.__name__}: {_NO_DATA}")

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func not in _GEOMETRY:
            raise NotImplementedError(f"{func.__name__}: {_NO_DATA}")
        if func in _BASE_CLASS:
            kwargs = {**kwargs, "subok": True}
        return super().__array_function__(func, types, args, kwargs)

    # -- elements --

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        if not isinstance(found, Unheld):
            raise NotImplementedError(_NO_DATA)
        return found

    def __setitem__(self, index: Any, value: Any) -> None:
        pass

    def fill(self, value: Any) -> None:
        """Nothing: there is nothing to be filled."""

    def item(self, *at: Any) -> NoReturn:
        """Raise: a value is no part of this array."""
        raise RuntimeError("Tensor.item() cannot be called on meta tensors")

    def tolist(self) -> NoReturn:
        """Raise: values are no part of this array."""
        raise NotImplementedError(_NO_DATA)

    __bool__ = __int__ = __float__ = __complex__ = __index__ = item  # type: ignore[assignment]

    # -- copies --

    def copy(self, order: Any = "C") -> Unheld:
        """Addresses of its own; axes in memory as `order` says."""
        kept = order == "K" or (order == "A" and self.flags.f_contiguous)
        if order == "F":
            return reserved(self.shape[::-1], self.dtype).T
        return followed(self, self.dtype) if kept else reserved(self.shape, self.dtype)

    def astype(self, dtype: Any, order: Any = "K", **options: Any) -> Unheld:  # type: ignore[override]
        """As `copy`, of another dtype."""
        return followed(self, np.dtype(dtype))

    def conj(self) -> Unheld:
        """As NumPy's functions lie, for which axes that repeat have no order in memory."""
        steps = [abs(s) for s in self.strides]
        rank = {s: k for k, s in enumerate(sorted({0, *steps}))}
        few = [
            min(n, 2) for n in self.shape
        ]  # stands in: axes in the same order, two elements each
        room = np.zeros(1 + sum(rank[s] for s in steps), np.int8)
        small = np.lib.stride_tricks.as_strided(room, few, [rank[s] for s in steps])
        return ordered(self, self.dtype, np.negative(small).strides)

    __neg__ = conj  # type: ignore[assignment]

    def reshape(self, *shape: Any, **options: Any) -> Any:
        """A view of a row-major array, else new addresses: NumPy would copy to find out.

        Where strides allow more views, the primitive `reshape` plans them.
        """
        if self.flags.c_contiguous:
            return super().reshape(*shape)
        return reserved(self.shape, self.dtype).reshape(*shape)

    def ravel(self, order: Any = "C") -> Any:
        """The array as one row."""
        return self.reshape(-1)

    def flatten(self, order: Any = "C") -> Any:
        """A copy as one row."""
        return reserved((self.size,), self.dtype)


def seen(a: Any) -> Any:
    """The array whose values a check looks at: one without any in the place of an `Unheld` one."""
    return np.empty(0, a.dtype) if isinstance(a, Unheld) else a


def reserved(shape: tuple[int, ...], dtype: Any) -> Unheld:
    """A row-major array without elements; it costs an address, however large it is."""
    dtype = np.dtype(dtype)
    count = math.prod(shape) * dtype.itemsize
    row = np.asarray(_Addresses(count)).view(Unheld)
    return row.view(dtype).reshape(shape) if count else np.ndarray.__new__(Unheld, shape, dtype)


def followed(a: Any, dtype: Any) -> Unheld:
    """A dense array whose axes lie in memory in the order of those of `a`."""
    return ordered(a, dtype, a.strides)


def ordered(a: Any, dtype: Any, steps: Any) -> Unheld:
    """A dense array of the shape of `a` whose axes lie in memory in the order of `steps`."""
    order = sorted(range(a.ndim), key=lambda d: (-abs(steps[d]), d))
    made = reserved(tuple([a.shape[d] for d in order]), dtype)
    return made.transpose([order.index(d) for d in range(a.ndim)])


def laid(shape: tuple[int, ...], dtype: Any, steps: tuple[int, ...]) -> Unheld:
    """An array without elements under strides in bytes."""
    dtype = np.dtype(dtype)
    reach = sum((n - 1) * s for n, s in zip(shape, steps, strict=True)) + dtype.itemsize
    if 0 in shape:
        return np.ndarray.__new__(Unheld, shape, dtype)
    row = reserved((reach,), np.uint8)
    word = np.dtype(f"u{dtype.itemsize}") if dtype.kind == "V" else dtype
    return np.ndarray.__new__(Unheld, shape, word, row, 0, steps).view(dtype)
