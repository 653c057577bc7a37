"""What a checkpoint file holds: tensors as byte ranges of the file, and the names of dtypes.

The vocabulary of every reader here. Knows no format and opens no file.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from ..errors import FormatError
from ..safetensors import DTYPES as _SAFETENSORS
from ..safetensors import MAX_DIMS

# safetensors' names, and torch's dtypes that safetensors lacks. The last two have no NumPy type:
# their elements are opaque bytes here.
DTYPES: Final[dict[str, np.dtype[Any]]] = {
    **_SAFETENSORS,
    "C128": np.dtype(np.complex128),
    "C32": np.dtype("V4"),
    "F4_E2M1_X2": np.dtype("V1"),
}
_OPAQUE: Final = ("C32", "F4_E2M1_X2")
NAMES: Final = {dtype: name for name, dtype in DTYPES.items() if name not in _OPAQUE}
# NumPy's own notation for what has no short name: byte order, kind and size, nothing nested.
_KINDS: Final = frozenset("biufcSUVmM")
FORMATS: Final = ("safetensors", "torch", "npz", "npy", "index", "plain")
MAX_ELEMENTS: Final = 2**62


@dataclass(frozen=True, slots=True)
class Span:
    """One tensor: its name, dtype, shape, and the bytes ``begin`` to ``end`` of the file.

    ``dtype`` is a safetensors name ("BF16"), or NumPy's notation where there is none (">f4").
    ``strides``, in elements, is None for C order. ``alias_of`` names the first tensor that shares
    bytes with this one. With ``codec`` "deflate" the bytes are a compressed stream of
    ``inflated`` bytes, and the elements begin ``skip`` bytes into it.

    >>> Span("w", "BF16", (2, 3), 8, 20).nbytes
    12
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int
    strides: tuple[int, ...] | None = None
    alias_of: str | None = None
    codec: str = "raw"
    skip: int = 0
    inflated: int = 0

    @property
    def count(self) -> int:
        """Return the number of elements.

        >>> Span("w", "F32", (), 0, 4).count
        1
        """
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Return the bytes of the elements in C order, which an expanded tensor does not store.

        >>> Span("w", "F32", (5,), 0, 4, strides=(0,)).nbytes
        20
        """
        return self.count * numpy_dtype(self.dtype).itemsize


@dataclass(slots=True)
class Layout:
    """What a file holds: its format, tensors in file order, metadata, remarks, and members.

    ``notes`` are structural remarks for a reader; ``members`` are the files that an index names,
    relative to its folder.
    """

    format: str
    spans: tuple[Span, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    members: tuple[str, ...] = ()


def numpy_dtype(name: str) -> np.dtype[Any]:
    """Return the NumPy dtype of a span's ``dtype``; FormatError if there is none.

    >>> numpy_dtype("BF16").itemsize, numpy_dtype(">f4").itemsize
    (2, 4)
    """
    known = DTYPES.get(name)
    return known if known is not None else simple_descr(name)


def simple_descr(text: str) -> np.dtype[Any]:
    """Return the dtype of NumPy's notation for one plain element, such as "<f4" or "|b1".

    Objects, nested types and anything else raise FormatError.

    >>> simple_descr("<i2")
    dtype('int16')
    """
    if len(text) <= 24 and text[:1] in ("<", ">", "|", "=") and text[1:2] in _KINDS:
        try:
            dtype = np.dtype(text)
        except (TypeError, ValueError) as error:
            raise FormatError("bad_dtype", f"dtype {text!r}: {error}") from None
        if not dtype.hasobject:
            return dtype
    raise FormatError("bad_dtype", f"dtype {text!r} is not one of a plain array")


def short_name(dtype: np.dtype[Any]) -> str:
    """Return the name of a dtype as spans have it.

    >>> short_name(np.dtype("<f4")), short_name(np.dtype(">f4")), short_name(np.dtype("U3"))
    ('F32', '>f4', '<U3')
    """
    return NAMES.get(dtype, dtype.str)


def check_shape(name: str, shape: Iterable[Any]) -> tuple[int, ...]:
    """Return ``shape`` as a tuple of sizes that an array may have, or raise FormatError.

    >>> check_shape("w", [2, 3])
    (2, 3)
    """
    sizes = tuple(shape)
    if any(type(size) is not int or not 0 <= size < MAX_ELEMENTS for size in sizes):
        raise FormatError("bad_layout", f"{name!r}: a shape of sizes that are not natural numbers")
    if len(sizes) > MAX_DIMS or math.prod(sizes) >= MAX_ELEMENTS:
        raise FormatError("bad_layout", f"{name!r}: {len(sizes)} dimensions of too many elements")
    return sizes


def extent(shape: tuple[int, ...], strides: tuple[int, ...] | None) -> int:
    """Return how many elements lie between the first and the last of a tensor, both included.

    >>> extent((2, 3), None), extent((2, 3), (1, 4)), extent((5,), (0,)), extent((0, 9), None)
    (6, 10, 1, 0)
    """
    if 0 in shape:
        return 0
    if strides is None:
        return math.prod(shape)
    return 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))


def c_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides, in elements, of C order.

    >>> c_strides((2, 3, 4))
    (12, 4, 1)
    """
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def is_c_order(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Return whether elements at ``strides`` lie in C order without gaps.

    >>> is_c_order((2, 1, 3), (3, 99, 1)), is_c_order((2, 3), (1, 2))
    (True, False)
    """
    if 0 in shape:
        return True
    contiguous = c_strides(shape)
    return all(
        size == 1 or stride == step
        for size, stride, step in zip(shape, strides, contiguous, strict=True)
    )
