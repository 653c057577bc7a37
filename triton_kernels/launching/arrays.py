"""Arrays as kernels see them: which library, element type, strides in elements, new outputs.

Works on CuPy arrays on a GPU and on NumPy arrays in Triton's interpreter, and imports neither CuPy
nor triton. New memory comes from `empty` alone, so that a check can poison it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

import ml_dtypes
import numpy as np

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
# Triton's spelling of each element type that a pointer may have.
TYPE_NAMES = {
    np.dtype(np.bool_): "i1", np.dtype(np.int8): "i8", np.dtype(np.int16): "i16",
    np.dtype(np.int32): "i32", np.dtype(np.int64): "i64", np.dtype(np.uint8): "u8",
    np.dtype(np.uint16): "u16", np.dtype(np.uint32): "u32", np.dtype(np.uint64): "u64",
    np.dtype(np.float16): "fp16", BFLOAT16: "bf16", np.dtype(np.float32): "fp32",
    np.dtype(np.float64): "fp64", np.dtype(ml_dtypes.float8_e4m3fn): "fp8e4nv",
    np.dtype(ml_dtypes.float8_e5m2): "fp8e5",
}  # fmt: skip
FLOATS = ("fp16", "bf16", "fp32", "fp64")

# What turns fresh memory into what a check wants to see overwritten; None on a real run.
poison: Callable[[Any], None] | None = None


def namespace(x: Any) -> Any:
    """The array library of `x`: the module numpy or cupy.

    >>> namespace(np.ones(1)).__name__
    'numpy'
    """
    if isinstance(x, np.ndarray):
        return np
    cupy = sys.modules.get("cupy")
    if cupy is None or not isinstance(x, cupy.ndarray):
        raise TypeError(f"expected a CuPy or NumPy array, got {type(x).__name__}")
    return cupy


def type_name(dtype: Any) -> str:
    """Triton's name of an element type.

    >>> type_name(np.float32), type_name(BFLOAT16)
    ('fp32', 'bf16')
    """
    name = TYPE_NAMES.get(np.dtype(dtype))
    if name is None:
        raise TypeError(f"no Triton element type for {np.dtype(dtype)}")
    return name


def floating(op: str, *arrays: Any) -> str:
    """Triton's name of the floating type that all arrays share; TypeError if they do not."""
    names = [type_name(a.dtype) for a in arrays]
    if names[0] not in FLOATS or len(set(names)) > 1:
        raise TypeError(f"{op}: expected one floating dtype, got {', '.join(names)}")
    return names[0]


def empty(like: Any, shape: Sequence[int], dtype: Any = None) -> Any:
    """Uninitialised C-contiguous memory of the library and device of `like`."""
    out = namespace(like).empty(tuple(shape), like.dtype if dtype is None else dtype)
    if poison is not None:
        poison(out)
    return out


def strides(x: Any) -> tuple[int, ...]:
    """Strides in elements.

    >>> strides(np.ones((2, 3)).T)
    (1, 3)
    """
    return tuple([s // x.itemsize for s in x.strides])


def reaches_past_int32(*arrays: Any) -> bool:
    """Whether an element offset of any of the arrays exceeds 32 bits."""
    return any(
        sum((n - 1) * abs(s) for n, s in zip(x.shape, strides(x), strict=True)) >= 2**31
        for x in arrays
        if x.size
    )


def rows_of(x: Any, axis: int = -1) -> tuple[Any, int, int]:
    """(x as a matrix whose rows run along `axis`, rows, columns); a copy only where a view fails.

    >>> view, rows, columns = rows_of(np.ones((2, 3, 4)), 1)
    >>> rows, columns
    (8, 3)
    """
    columns = x.shape[axis]
    moved = namespace(x).moveaxis(x, axis, -1)
    rows = math.prod(moved.shape[:-1])
    return moved.reshape(rows, columns), rows, columns


def next_power_of_2(n: int) -> int:
    """The least power of two that is at least `n` (1 for 0).

    >>> [next_power_of_2(n) for n in (0, 1, 5, 8)]
    [1, 1, 8, 8]
    """
    return 1 << max(n - 1, 0).bit_length()


def cdiv(a: int, b: int) -> int:
    """Quotient rounded up."""
    return -(-a // b)
