"""`Size`: the tuple of ints that a shape is.

Knows tuples and integers only.
Source: https://docs.pytorch.org/docs/stable/size.html
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from operator import index
from typing import Any, Self, SupportsIndex, overload


class Size(tuple[int, ...]):
    """A shape: a tuple of ints that stays a Size when sliced, added or repeated.

    TypeError if an item is no integer.

    >>> Size([2, 3])[1:] + (4,), Size([2, 3]).numel()
    (torch.Size([3, 4]), 6)
    """

    __slots__ = ()

    def __new__(cls, items: Iterable[SupportsIndex] = ()) -> Self:
        items = tuple(items)
        for position, item in enumerate(items):
            if type(item) is not int:
                return tuple.__new__(cls, _as_ints(items, position))
        return tuple.__new__(cls, items)

    def numel(self) -> int:
        """Return the number of elements a tensor of this shape has."""
        return math.prod(self)

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    def __add__(self, other: Any) -> Size:
        if not isinstance(other, tuple):
            raise TypeError(
                f"can only concatenate tuple (not {type(other).__name__}) to torch.Size"
            )
        return Size(tuple.__add__(self, other))

    def __radd__(self, other: Any) -> Size:
        if not isinstance(other, tuple):
            return NotImplemented
        return Size(tuple.__add__(other, self))

    def __mul__(self, times: SupportsIndex) -> Size:
        return _trusted(tuple.__mul__(self, times))

    __rmul__ = __mul__

    @overload
    def __getitem__(self, key: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, key: slice) -> Size: ...
    def __getitem__(self, key: SupportsIndex | slice) -> int | Size:
        found = tuple.__getitem__(self, key)
        return _trusted(found) if isinstance(found, tuple) else found

    def __reduce__(self) -> tuple[type[Size], tuple[tuple[int, ...]]]:
        return Size, (tuple(self),)


def _trusted(items: tuple[int, ...]) -> Size:
    return tuple.__new__(Size, items)


def _as_ints(items: tuple[SupportsIndex, ...], start: int) -> tuple[int, ...]:
    """Convert bools and NumPy or tensor integers; name the first item that is none."""
    for position in range(start, len(items)):
        if not hasattr(items[position], "__index__"):
            raise TypeError(
                f"torch.Size() takes an iterable of 'int' "
                f"(item {position} is '{type(items[position]).__name__}')"
            )
    return tuple(map(index, items))
