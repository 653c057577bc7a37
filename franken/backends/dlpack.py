"""DLPack capsules of element types that NumPy knows no DLPack code of.

Their arrays are exported and read as unsigned words of the same size; the code of the element type
is then set in the capsule's own description. Knows arrays and capsules; knows no Tensor.
Source: https://dmlc.github.io/dlpack/latest/c_api.html
"""

from __future__ import annotations

import ctypes
from typing import Any

import ml_dtypes
import numpy as np

_CODES: dict[Any, int] = {
    np.dtype(getattr(ml_dtypes, name)): code
    for name, code in {
        "bfloat16": 4, "complex32": 5, "float8_e4m3fn": 10, "float8_e4m3fnuz": 11,
        "float8_e5m2": 12, "float8_e5m2fnuz": 13, "float8_e8m0fnu": 14,
    }.items()
}  # fmt: skip
_DTYPES = {(code, dtype.itemsize * 8): dtype for dtype, code in _CODES.items()}
_UNSIGNED = 1
# Where the element type (code, bits) lies in a managed tensor, by the capsule's name.
_PLACES = {b"dltensor": 20, b"dltensor_versioned": 52}

_api = ctypes.pythonapi
_api.PyCapsule_GetName.restype = ctypes.c_char_p
_api.PyCapsule_GetName.argtypes = [ctypes.py_object]
_api.PyCapsule_GetPointer.restype = ctypes.c_void_p
_api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


def _element_type(capsule: Any) -> Any:
    """The two bytes (code, bits) of a capsule that was not read yet, for reading and writing."""
    name = _api.PyCapsule_GetName(capsule)
    at = _api.PyCapsule_GetPointer(capsule, name) + _PLACES[name]
    return (ctypes.c_uint8 * 2).from_address(at)


def exported(array: Any, **options: Any) -> Any:
    """A capsule over an array's memory, of any element type.

    >>> type(exported(np.zeros(2, ml_dtypes.bfloat16))).__name__
    'PyCapsule'
    """
    code = _CODES.get(array.dtype)
    if code is None:
        return array.__dlpack__(**options)
    capsule = array.view(f"u{array.itemsize}").__dlpack__(**options)
    _element_type(capsule)[0] = code
    return capsule


class Reading:
    """A producer whose capsule a library reads as words, and the element type that it has.

    >>> source = Reading(np.zeros(2, np.int8))
    >>> source.typed(np.from_dlpack(source)).dtype
    dtype('int8')
    """

    def __init__(self, source: Any) -> None:
        self.source = source
        self.dtype: Any = None

    def __dlpack__(self, **wishes: Any) -> Any:
        bare = type(self.source).__name__ == "PyCapsule"
        capsule = self.source if bare else self.source.__dlpack__(**wishes)
        if _api.PyCapsule_GetName(capsule) in _PLACES:
            found = _element_type(capsule)
            self.dtype = _DTYPES.get((found[0], found[1]))
            if self.dtype is not None:
                found[0] = _UNSIGNED
        return capsule

    def __dlpack_device__(self) -> Any:
        bare = type(self.source).__name__ == "PyCapsule"
        return (1, 0) if bare else self.source.__dlpack_device__()

    def typed(self, array: Any) -> Any:
        """What was read, in its own element type."""
        return array if self.dtype is None else array.view(self.dtype)
