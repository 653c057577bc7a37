"""Arguments of creation ops: sizes, dtypes, options and fill values, with torch's words.

Knows argument types and NumPy scalars; makes no Tensor.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from franken.core import dtypes as dt
from franken.core.calls.numbers import python_number
from franken.core.convert import cast_array
from franken.core.device import CPU, device, resolve
from franken.core.geometry import layout as layouts
from franken.core.geometry.shapes import refuse_memory
from franken.core.state import FRESH
from franken.core.tensor import Tensor

_PYTHON_TYPES = {float: dt.float64, int: dt.int64, bool: dt.bool, complex: dt.complex128}
# How torch's range errors spell the element types of full(); tensor() spells them as dtypes.
_C_NAMES = {
    "uint8": "uint8_t", "int8": "int8_t", "int16": "int16_t", "int32": "int", "int64": "int64_t",
    "uint16": "uint16_t", "uint32": "uint32_t", "uint64": "uint64_t",
}  # fmt: skip


_LOWEST = -(1 << 63)
_LARGEST = float(np.finfo(np.float32).max)
_REDUCED = frozenset(
    d for d in dt.ALL.values() if d.is_floating_point and d.itemsize < 4 and d.np is not None
)


def unwritten(d: dt.dtype) -> Any:
    """What memory of a dtype holds that nobody has written: zero, or torch's deterministic mark."""
    if not (FRESH.deterministic and FRESH.filled):
        return 0
    if d.kind <= dt.INTEGER:
        return True if d is dt.bool else np.iinfo(d.np).max
    return math.nan


def kind_name(value: object) -> str:
    """A value's type as torch's messages name it."""
    kind = type(value)
    return f"{kind.__module__}.{kind.__name__}" if kind.__module__ == "numpy" else kind.__name__


def as_sizes(name: str, args: tuple[Any, ...], size: Any = None) -> tuple[int, ...]:
    """The sizes given as `name(2, 3)`, `name((2, 3))` or `name(size=(2, 3))`."""
    if size is not None:
        if not isinstance(size, (tuple, list)):
            raise TypeError(
                f"{name}(): argument 'size' must be tuple of ints, not {kind_name(size)}"
            )
        args = (size,)
    if not args:
        raise TypeError(f'{name}() missing 1 required positional arguments: "size"')
    nested = len(args) == 1 and isinstance(args[0], (tuple, list))
    items = tuple(args[0]) if nested else args
    for n in items:
        if type(n) is not int:
            items = _as_ints(name, items, nested)
            break
    for n in items:
        if n < 0:
            refuse_negative(name, items)
    return items


def size_tuple(name: str, size: Any) -> tuple[int, ...]:
    """Sizes that must come as one tuple, as in `full((2, 3), 1)`."""
    if not isinstance(size, (tuple, list)):
        raise TypeError(
            f"{name}(): argument 'size' (position 1) must be tuple of ints, not {kind_name(size)}"
        )
    return as_sizes(name, (size,))


def _as_ints(name: str, items: tuple[Any, ...], nested: bool) -> tuple[int, ...]:
    out = []
    for k, n in enumerate(items):
        if isinstance(n, bool) or not hasattr(n, "__index__"):
            _refuse_size(name, k, n, nested)
        out.append(n.__index__())
    return tuple(out)


def _refuse_size(name: str, k: int, n: object, nested: bool) -> None:
    if nested and k:
        raise TypeError(
            f"{name}(): argument 'size' failed to unpack the object at pos {k + 1} with error "
            f'"type must be tuple of ints,but got {kind_name(n)}"'
        )
    tail = (
        f"but found element of type {kind_name(n)} at pos {k}" if nested else f"not {kind_name(n)}"
    )
    raise TypeError(f"{name}(): argument 'size' (position 1) must be tuple of ints, {tail}")


def refuse_negative(name: str, items: tuple[int, ...]) -> None:
    """Raise torch's error for a negative size."""
    if name == "zeros":
        raise RuntimeError("zeros: Dimension size must be non-negative.")
    bad = next(n for n in items if n < 0)
    raise RuntimeError(f"Trying to create tensor with negative dimension {bad}: {list(items)}")


def allocate(shape: tuple[int, ...], np_dtype: Any, make: Any = np.zeros) -> Any:
    """`make(shape, dtype)` with torch's errors for sizes that no memory can hold."""
    try:
        return make(shape, np_dtype)
    except (ValueError, MemoryError):
        refuse_memory(shape, np_dtype.itemsize)


def as_dtype(name: str, value: Any, default: Any = None) -> dt.dtype:
    """A `dtype=` argument; Python's own number types count."""
    if value is None:
        return default or dt.get_default_dtype()
    if not isinstance(value, dt.dtype):
        found = _PYTHON_TYPES.get(value) if isinstance(value, type) else None
        if found is None:
            raise TypeError(
                f"{name}(): argument 'dtype' must be torch.dtype, not {kind_name(value)}"
            )
        return found
    if value.np is None:
        raise NotImplementedError(f"\"{name}\" not implemented for '{value.scalar_name}'")
    return value


def as_device(name: str, value: Any) -> device:
    """A `device=` argument made concrete."""
    if value is None or isinstance(value, (str, device)):
        return resolve(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return resolve(value)
    raise TypeError(f"{name}(): argument 'device' must be torch.device, not {kind_name(value)}")


def check_options(name: str, layout: Any, requires_grad: Any, pin_memory: Any = False) -> None:
    """Refuse wrong types, and layouts that tensors here do not have."""
    if layout is not None and layout is not layouts.strided:
        if not isinstance(layout, layouts.layout):
            raise TypeError(
                f"{name}(): argument 'layout' must be torch.layout, not {kind_name(layout)}"
            )
        raise NotImplementedError(f"{name}(): only strided tensors can be made, got {layout}")
    if requires_grad is not False and requires_grad is not True:
        raise TypeError(
            f"{name}(): argument 'requires_grad' must be bool, not {kind_name(requires_grad)}"
        )
    if pin_memory:
        from franken.backends import registry

        if not registry.cuda_available():
            raise RuntimeError(
                "pin_memory=True requires a CUDA or other accelerator backend; no pinned memory "
                "allocator is available on this system."
            )


def number(name: str, argument: str, position: int, value: Any) -> Any:
    """A Number argument as a Python number; 0-dim tensors count."""
    found = python_number(value)
    if found is not None:
        return found
    if isinstance(value, Tensor) and value.ndim == 0:
        return value.item()  # type: ignore[attr-defined]
    raise TypeError(
        f"{name}(): argument '{argument}' (position {position}) must be Number, not "
        f"{kind_name(value)}"
    )


def integer(name: str, argument: str, position: int, value: Any) -> int:
    """An int argument."""
    if type(value) is int:
        return value
    if isinstance(value, (bool, float)) or not hasattr(value, "__index__"):
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be int, not "
            f"{kind_name(value)}"
        )
    return value.__index__()  # type: ignore[no-any-return]


def dtype_of_number(value: Any) -> dt.dtype:
    """The dtype that a Python number becomes."""
    if isinstance(value, bool):
        return dt.bool
    if isinstance(value, int):
        return dt.int64
    return dt.shown_complex() if isinstance(value, complex) else dt.get_default_dtype()


def checked_number(value: Any, to: dt.dtype, c_names: bool = True, by_kernel: bool = False) -> Any:
    """The Python number that `value` is in dtype `to`; an error if it does not fit, as in torch.

    Floats of less than 32 bits take any number, except where a kernel converts it (`by_kernel`).
    `c_names` says that the errors are those of torch's C++; `tensor()` has others, and lets float32
    overflow.
    """
    found = python_number(value)
    if found is None:
        raise TypeError(f"expected a number or a tensor, got {kind_name(value)}")
    value = found
    if c_names and type(value) is int and not _LOWEST <= value < 1 << 64:
        raise OverflowError(
            "int too big to convert" if value > 0 else "can't convert negative int to unsigned"
        )
    if to is dt.bool:
        return bool(value)
    if isinstance(value, complex) and not to.is_complex:
        if value.imag:
            _overflow(dt.float64 if to in _REDUCED and not by_kernel else to, c_names)
        value = value.real
    if to.kind == dt.INTEGER:
        return _fitting_int(value, to, c_names)
    if to in _REDUCED:
        value = float(value)
        if abs(value) > dt.finfo(to).max:
            if by_kernel and math.isfinite(value):
                _overflow(to, c_names)
            return float(cast_array(np.asarray(value), to))
        return value
    if c_names and (to is dt.float32 or to is dt.complex64):
        for part in (value.real, value.imag):
            if math.isfinite(part) and abs(part) > _LARGEST:
                _overflow(to, c_names)
    return value


def _fitting_int(value: Any, to: dt.dtype, c_names: bool) -> int:
    info = dt.iinfo(to)
    if isinstance(value, float):
        if not info.min <= value <= float(info.max):  # a NaN is in no range
            _overflow(to, c_names)
    # a negative int of small size wraps around in an unsigned dtype
    elif not (info.min or -info.max) <= value <= info.max:
        _overflow(to, c_names)
    return int(np.array(int(value) & (1 << to.itemsize * 8) - 1, np.uint64).astype(to.np))


def _overflow(to: dt.dtype, c_names: bool) -> None:
    name = _C_NAMES.get(to.name, to.cpp_name) if c_names else to.name
    raise RuntimeError(f"value cannot be converted to type {name} without overflow")


__all__ = [
    "CPU", "allocate", "as_device", "as_dtype", "as_sizes", "check_options", "checked_number",
    "dtype_of_number", "integer", "kind_name", "number", "refuse_negative", "size_tuple",
]  # fmt: skip
