"""Tensors from data: tensor, as_tensor, asarray, from_numpy, frombuffer, from_dlpack.

Knows nested Python sequences, NumPy arrays and buffers, and the dtype each one means.
"""

from __future__ import annotations

import math
import warnings
from itertools import chain
from typing import Any

import numpy as np

from franken.core import dtypes as dt
from franken.core import state
from franken.core.calls.numbers import python_number
from franken.core.convert import cast_array
from franken.core.device import CPU, META
from franken.core.device import device as dev_class
from franken.core.op import op
from franken.core.primitive import _wrap, born
from franken.core.promotion import promote_types
from franken.core.tensor import Tensor, attach
from franken.ops.declaring.samples import NoSamples, S
from franken.ops.surface.args import as_device, as_dtype, check_options, checked_number
from franken.ops.surface.creation import finish, require_grad
from franken.ops.surface.read import concrete, host_array

_NUMBERS = (bool, int, float, complex)
_PYTHON = frozenset(_NUMBERS)
_INTEGRAL_RANGE = 2**63
_COPY_WARNING = (
    "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
    "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor)."
)


_MOST_DIMENSIONS = 128  # of a nested list, before torch gives it up


def inferred(data: Any, dtype: dt.dtype | None = None) -> Any:
    """The NumPy array that torch.tensor would hold for `data` (always a copy)."""
    if isinstance(data, Tensor):
        return _cast(host_array(concrete(data)).copy(), dtype)
    data = _known(data)
    if isinstance(data, (np.ndarray, np.generic)):
        return _cast(_borrowed(np.asarray(data)).copy(), dtype)
    array = _quick(data)
    if array is None:
        return _from_nested(data, dtype)
    return _python_array(array, dtype)


def _known(data: Any) -> Any:
    """A NumPy scalar of a type that no tensor has (longdouble) as the Python number that it is."""
    if isinstance(data, np.generic) and data.dtype not in dt.FROM_NUMPY:
        number = python_number(data)
        return data if number is None else number
    return data


def _cast(array: Any, dtype: dt.dtype | None) -> Any:
    return array if dtype is None or array.dtype == dtype.np else cast_array(array, dtype)


def _quick(data: Any) -> Any:
    """The array of plain Python numbers, nested evenly; None if it needs a closer look."""
    leaf = data
    for _ in range(_MOST_DIMENSIONS):
        if type(leaf) not in (list, tuple) or not leaf:
            break
        leaf = leaf[0]
    if type(leaf) not in _NUMBERS:
        return None
    try:
        array = np.array(data)
    except (ValueError, TypeError, RuntimeError, OverflowError):
        return None
    if array.dtype.char in "dD" and not _of_python(data, array.ndim):
        return None
    return array if array.dtype.char in "?ldD" else None


def _of_python(data: Any, depth: int) -> bool:
    """Whether the leaves of an even nest are Python's numbers: NumPy's have dtypes of their own."""
    for _ in range(depth - 1):
        if np.ndarray in set(map(type, data)):
            return False
        data = list(chain.from_iterable(data))
    return not depth or set(map(type, data)) <= _PYTHON


def _python_array(array: Any, dtype: dt.dtype | None) -> Any:
    """An array of Python numbers in its own or a given dtype, range checked."""
    kind = array.dtype.kind
    if dtype is None:
        wanted = (
            dt.get_default_dtype() if kind == "f" else _default_complex() if kind == "c" else None
        )
        return array if wanted is None else cast_array(array, wanted)
    if kind == "c" and not dtype.is_complex and dtype is not dt.bool:
        raise TypeError(
            "'complex' object cannot be interpreted as an integer"
            if dtype.kind == dt.INTEGER
            else "must be real number, not complex"
        )
    if dtype.kind == dt.INTEGER and array.size and kind in "if":
        if dtype is dt.uint64 and kind == "f":
            raise TypeError("an integer is required")
        return _integers(array, dtype)
    return cast_array(array, dtype)


def _default_complex() -> dt.dtype:
    """The dtype of Python's complex numbers in data, which a default of bfloat16 has none for."""
    if dt.get_default_dtype() is dt.bfloat16:
        raise RuntimeError("invalid default scalar type for complex")
    return dt.default_complex()


def _integers(array: Any, dtype: dt.dtype) -> Any:
    low, high = array.min(), array.max()
    for bound in (low, high):  # NaN is both the least and the greatest
        checked_number(bound.item(), dtype, c_names=False)
    return cast_array(array, dtype)


# --- uneven or foreign nests: torch's own walk, for its rules and its errors ---------------------


def _is_sequence(value: Any) -> bool:
    if isinstance(value, (Tensor, np.generic, dict)):
        return False
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, (list, tuple, range, bytearray)) or (
        hasattr(value, "__len__") and hasattr(value, "__getitem__")
    )


def _shape_of(data: Any) -> list[int]:
    shape: list[int] = []
    while isinstance(data, np.ndarray) or (
        _is_sequence(data) and not isinstance(data, (str, bytes))
    ):
        shape.append(len(data))
        if len(shape) > _MOST_DIMENSIONS:
            raise ValueError(f"too many dimensions '{type(data).__name__}'")
        if not shape[-1]:
            break
        try:
            data = data[0]
        except (TypeError, IndexError, KeyError):
            kind = type(data).__name__
            raise ValueError(f"could not determine the shape of object type '{kind}'") from None
    if isinstance(data, (str, bytes)):
        if shape:
            raise ValueError(f"too many dimensions '{type(data).__name__}'")
        raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
    return shape


def _dtype_of(data: Any) -> dt.dtype | None:
    """The dtype of one leaf, or the join over a sequence (None: empty)."""
    data = _known(data)
    if isinstance(data, Tensor):
        return data.dtype
    if isinstance(data, (np.ndarray, np.generic)):
        return dt.from_numpy(data.dtype)
    if isinstance(data, _NUMBERS):
        return (
            dt.bool if isinstance(data, bool) else dt.int64 if isinstance(data, int)
            else dt.get_default_dtype() if isinstance(data, float) else _default_complex()
        )  # fmt: skip
    if isinstance(data, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
    if not _is_sequence(data):
        raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")
    joined = None
    for item in data:
        if item is data:
            raise TypeError("new(): self-referential lists are incompatible")
        one = _dtype_of(item)
        joined = one if joined is None else joined if one is None else promote_types(joined, one)
    return joined


def _leaves(data: Any, shape: list[int], depth: int, dtype: dt.dtype, out: list[Any]) -> None:
    if depth == len(shape):
        out.append(_leaf(data, dtype))
        return
    if not _is_sequence(data) and not (isinstance(data, Tensor) and data.ndim):
        raise TypeError("not a sequence")
    if len(data) != shape[depth]:
        raise ValueError(
            f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)})"
        )
    for item in data:
        _leaves(item, shape, depth + 1, dtype, out)


def _leaf(value: Any, dtype: dt.dtype) -> Any:
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError("only 0-dimensional arrays can be converted to Python scalars")
    if isinstance(value, (Tensor, np.ndarray)):
        if math.prod(value.shape) != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        value = value.item()  # type: ignore[union-attr]
    elif isinstance(value, np.generic):
        value = _known(value.item())
    if dtype is dt.bool:
        return bool(value)
    if dtype.is_complex:
        return complex(value)
    if not isinstance(value, _NUMBERS) or isinstance(value, complex):
        kind = type(value).__name__
        raise TypeError(
            f"'{kind}' object cannot be interpreted as an integer"
            if dtype.kind == dt.INTEGER
            else f"must be real number, not {kind}"
        )
    if dtype is dt.uint64:
        if not isinstance(value, int):
            raise TypeError("an integer is required")
        if value < 0:
            raise OverflowError("can't convert negative int to unsigned")
        return checked_number(value, dtype)
    wide = dtype.kind == dt.INTEGER and isinstance(value, int)
    if wide and not -_INTEGRAL_RANGE <= value < _INTEGRAL_RANGE:
        raise ValueError("Overflow when unpacking long long")
    return checked_number(value, dtype, c_names=False)


def _from_nested(data: Any, dtype: dt.dtype | None) -> Any:
    shape = _shape_of(data)
    d = dtype or _dtype_of(data) or dt.get_default_dtype()
    out: list[Any] = []
    _leaves(data, shape, 0, d, out)
    wide = np.float64 if d.is_floating_point else d.np
    return cast_array(np.array(out, wide), d).reshape(shape)


# --- arrays and buffers --------------------------------------------------------------------------


def _borrowed(array: Any) -> Any:
    """The array, if a tensor can share its memory."""
    dt.from_numpy(array.dtype)
    if any(s < 0 for s in array.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative "
            "strides are not currently supported. (You can probably work around this by making a "
            "copy of your array  with array.copy().) "
        )
    if any(s % array.itemsize for s in array.strides):
        raise ValueError(
            "given numpy array strides not a multiple of the element byte size. Copy the numpy "
            "array to reallocate the memory."
        )
    return array


def share_array(array: Any) -> Tensor:
    """A tensor over an array's memory."""
    plain = np.asarray(_borrowed(array))
    if not plain.flags.writeable:
        warnings.warn(
            "The given NumPy array is not writable, and PyTorch does not support non-writable "
            "tensors. Writing to this tensor is refused; copy the array to change it.",
            stacklevel=3,
        )
    return _wrap(plain.view(), CPU)


def tensor(
    data: object, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A new leaf tensor with a copy of `data`.

    >>> tensor([1, 2]).dtype
    torch.int64
    """
    check_options("tensor", None, requires_grad, pin_memory)
    d = None if dtype is None else as_dtype("tensor", dtype)
    dev = as_device("tensor", device)
    if isinstance(data, Tensor):
        warnings.warn(_COPY_WARNING, stacklevel=2)
        if device is None:
            dev = data.device
        if data.device is META:
            made = data.detach().clone().to(dev, d or data.dtype)  # type: ignore[attr-defined]
            return made.requires_grad_(requires_grad)  # type: ignore[no-any-return]
        if data.level:
            return data.detach().clone().to(d or data.dtype)  # type: ignore[attr-defined]
    return finish(inferred(data, d), dev, requires_grad)


tensor = op(
    method=False, samples=lambda t: [S([[1, 2], [3, 4]]), S(1.5), S([1, 2], dtype=t.dtype), S([])]
)(tensor)


@op(
    method=False,
    samples=lambda t: [S([[1, 2], [3, 4]]), S([1.5, 2.0], dtype=t.dtype), S(t.const(2, 3)), S(2)],
)
def as_tensor(data: object, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of `data`, sharing memory and history with it where possible."""
    d = None if dtype is None else as_dtype("as_tensor", dtype)
    if isinstance(data, Tensor):
        return data.to(data.device if device is None else device, d or data.dtype)  # type: ignore[attr-defined,no-any-return]
    dev = as_device("as_tensor", device)
    if isinstance(data, np.ndarray):
        if dev is CPU and d in (None, dt.from_numpy(data.dtype)):
            return share_array(data)
        return finish(_cast(_borrowed(data), d), dev)
    return finish(inferred(data, d), dev)


def _array_wrap(
    self: Tensor, array: Any, context: Any = None, return_scalar: bool = False
) -> Tensor:
    """What a NumPy function of a tensor gives: a tensor; truth values as uint8, as in torch."""
    array = np.asarray(array)
    return share_array(array.astype(np.uint8) if array.dtype == np.bool_ else array)


attach(__array_wrap__=_array_wrap)


@op(
    method=False,
    samples=NoSamples("reads another library's memory; compared in the tests of creation"),
)
def from_numpy(ndarray: Any) -> Tensor:
    """A tensor that shares memory with a NumPy array."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    t = share_array(ndarray)
    if state.SPECIAL:
        t = born(t)
    return t


@op(
    method=False,
    samples=lambda t: [S([[1, 2], [3, 4]]), S([1.5, 2.0], dtype=t.dtype), S(t.const(2, 3)), S(2)],
)
def asarray(
    obj: object,
    *,
    dtype: Any = None,
    device: Any = None,
    copy: Any = None,
    requires_grad: Any = None,
) -> Tensor:
    """A tensor of `obj`; `copy` True always, False never, None where needed."""
    d = None if dtype is None else as_dtype("asarray", dtype)
    source = _aliased(_known(obj), d)
    if copy is False and isinstance(obj, np.generic):
        raise RuntimeError(
            "can't alias NumPy scalars. Either remove copy=False or transform it in a ndarray. "
        )
    if source is None:
        if copy is False:
            raise ValueError("can't alias arbitrary sequence into a tensor.")
        return finish(inferred(obj, d), as_device("asarray", device), bool(requires_grad))
    if requires_grad is None:
        requires_grad = source.requires_grad  # type: ignore[attr-defined]
    return _converted(source, d, device, copy, requires_grad)


def _aliased(obj: Any, d: dt.dtype | None) -> Tensor | None:
    if isinstance(obj, Tensor):
        return obj
    if isinstance(obj, (np.ndarray, np.generic)):
        return share_array(np.asarray(obj))
    if hasattr(obj, "__dlpack__") or type(obj).__name__ == "PyCapsule":
        return from_dlpack(obj)  # type: ignore[no-any-return]
    if isinstance(obj, (bytes, bytearray, memoryview)):
        return frombuffer(obj, dtype=d or dt.get_default_dtype())  # type: ignore[no-any-return]
    return None


def _converted(source: Tensor, d: Any, device: Any, copy: Any, requires_grad: bool) -> Tensor:
    dev = source.device if device is None else as_device("asarray", device)
    wrong_dtype = d is not None and source.dtype is not d
    if copy is False and dev is not source.device:
        raise ValueError(f"can't alias tensor from device '{source.device}' to '{dev}'.")
    if copy is False and wrong_dtype:
        raise ValueError(
            f"can't alias tensor with dtype '{source.dtype.scalar_name}' into dtype "
            f"'{d.scalar_name}'."
        )
    made: Tensor = source.to(dev, d or source.dtype, copy=bool(copy))  # type: ignore[attr-defined]
    if not requires_grad:
        return made.detach() if made.requires_grad else made  # type: ignore[attr-defined,no-any-return]
    if not made.requires_grad:  # type: ignore[attr-defined]
        require_grad(made)
    return made


@op(
    method=False,
    samples=NoSamples("reads another library's memory; compared in the tests of creation"),
)
def frombuffer(
    buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """A 1-dimensional tensor over the memory of a Python buffer."""
    d = as_dtype("frombuffer", dtype)
    try:
        total = memoryview(buffer).nbytes
    except TypeError:
        raise ValueError("object does not implement Python buffer protocol.") from None
    _check_buffer(total, d.itemsize, count, offset)
    array = np.frombuffer(buffer, d.np, count, offset)
    if not array.flags.writeable:
        warnings.warn(
            "The given buffer is not writable, and PyTorch does not support non-writable tensors. "
            "Writing to this tensor is refused; copy the buffer to change it.",
            stacklevel=3,
        )
    return finish(array, CPU, requires_grad)


def _check_buffer(total: int, size: int, count: int, offset: int) -> None:
    if not total or not count:
        raise ValueError(f"both buffer length ({total}) and count ({count}) must not be 0")
    if not 0 <= offset < total:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length "
            f"({total} bytes) minus 1"
        )
    if count < 0 and (total - offset) % size:
        raise ValueError(
            f"buffer length ({total - offset} bytes) after offset ({offset} bytes) must be a "
            f"multiple of element size ({size})"
        )
    if count > 0 and offset + count * size > total:
        raise ValueError(
            f"requested buffer length ({count} * {size} bytes) after offset ({offset} bytes) must "
            f"not be greater than actual buffer length ({total} bytes)"
        )


@op(
    at="torch utils.dlpack",
    method=False,
    samples=NoSamples("reads another library's memory; compared in the tests of creation"),
)
def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: Any = None) -> Tensor:
    """A tensor over the memory of any object that speaks DLPack."""
    if isinstance(ext_tensor, Tensor):
        if ext_tensor.device.type == "meta":
            raise ValueError("Unknown device type meta for Dlpack")
        return ext_tensor.detach()  # type: ignore[attr-defined,no-any-return]
    from franken.backends import registry

    if type(ext_tensor).__name__ == "PyCapsule":
        array, kind, index = registry.from_capsule(ext_tensor), "cpu", None
    else:
        array, kind, index = registry.from_dlpack(ext_tensor)
    dev = dev_class(kind, index)
    made = _wrap(array, dev)
    if device is None and not copy:
        return made
    return made.to(device or dev, copy=bool(copy))  # type: ignore[attr-defined,no-any-return]


@op(
    at="",
    method=True,
    samples=lambda t: [
        S(t.const(2), [[1, 2], [3, 4]]),
        S(t.const(), 1.5),
        S(t.const(2), [1, 2], dtype=t.module.float64),
    ],
)
def new_tensor(
    input: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
    layout: Any = None, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A copy of `data`, of this tensor's dtype and device unless others are given."""
    check_options("new_tensor", layout, requires_grad, pin_memory)
    d = as_dtype("new_tensor", dtype, input.dtype)
    dev = input.device if device is None else as_device("new_tensor", device)
    if isinstance(data, Tensor):
        warnings.warn(_COPY_WARNING, stacklevel=2)
    return finish(inferred(data, d), dev, requires_grad)
