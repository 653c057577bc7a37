"""The elements of an array as the bytes that files and digests hold.

Those are little endian and in C order, whatever the array's strides and byte order are.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def little_endian(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the array with little-endian elements; itself, if they are so already.

    >>> little_endian(np.arange(2, dtype=">i4")).dtype.byteorder in "=<"
    True
    """
    if array.dtype.byteorder != ">":
        return array
    return array.astype(array.dtype.newbyteorder("<"))


def element_bytes(array: np.ndarray[Any, Any]) -> memoryview | bytes:
    """Return the elements in C order as bytes; a contiguous array is not copied.

    >>> bytes(element_bytes(np.array([[1, 2], [3, 4]], np.uint8).T))
    b'\\x01\\x03\\x02\\x04'
    """
    if array.size == 0:
        return b""
    # As uint8, because ml_dtypes' types do not speak the buffer protocol.
    return np.ascontiguousarray(little_endian(array)).reshape(-1).view(np.uint8).data
