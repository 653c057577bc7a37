"""SHA-256 of arrays: of one, and of a dictionary whatever its order.

Two arrays have the same digest when dtype, shape and the bytes of their elements in C order
agree; strides and byte order in memory do not count. NaNs and zeros are compared by bits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import ml_dtypes  # noqa: F401  registers bfloat16 and the float8 names with NumPy
import numpy as np

from .elements import element_bytes

_DOMAIN = b"franken arrays 1\0"


def digest_array(array: np.ndarray[Any, Any]) -> str:
    """Return the hexadecimal SHA-256 of an array's dtype, shape and elements.

    >>> digest_array(np.zeros((2, 3)))[:16] == digest_array(np.zeros((3, 2)))[:16]
    False
    """
    hasher = hashlib.sha256(_DOMAIN)
    _feed(hasher, array)
    return hasher.hexdigest()


def digest_arrays(arrays: Mapping[str, np.ndarray[Any, Any]]) -> str:
    """Return the hexadecimal SHA-256 of named arrays; the order of the mapping does not matter.

    >>> a, b = np.arange(3), np.ones(2, np.float32)
    >>> digest_arrays({"a": a, "b": b}) == digest_arrays({"b": b, "a": a})
    True
    """
    hasher = hashlib.sha256(_DOMAIN)
    _feed_number(hasher, len(arrays))
    for name in sorted(arrays):
        _feed_text(hasher, name)
        _feed(hasher, arrays[name])
    return hasher.hexdigest()


def _feed(hasher: hashlib._Hash, array: np.ndarray[Any, Any]) -> None:
    if array.dtype.hasobject:
        raise TypeError(f"digest: expected an array of numbers, got dtype {array.dtype}")
    _feed_text(hasher, array.dtype.name)
    _feed_number(hasher, array.ndim)
    for size in array.shape:
        _feed_number(hasher, size)
    hasher.update(element_bytes(array))


def _feed_text(hasher: hashlib._Hash, text: str) -> None:
    # The length goes first, so that no two lists of fields run together into the same bytes.
    data = text.encode("utf-8", "surrogatepass")
    _feed_number(hasher, len(data))
    hasher.update(data)


def _feed_number(hasher: hashlib._Hash, number: int) -> None:
    hasher.update(number.to_bytes(8, "little"))
