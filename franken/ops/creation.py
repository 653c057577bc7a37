"""Tensors from data and from nothing: tensor, zeros, ones, full, arange ..."""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.core import device as devices
from franken.core import dtypes as dt
from franken.core.bind import _wrap
from franken.core.node import Leaf
from franken.core.op import op
from franken.core.tensor import Tensor
from franken.ops.movement import sizes

_PYTHON = {bool: dt.bool, int: dt.int64}


def finish(array: Any, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A Tensor around a NumPy array, moved to `device`."""
    dev = devices.resolve(device)
    t = _wrap(array, devices.CPU)
    if dev is not devices.CPU:
        t = t.to(dev)
    if requires_grad:
        t.requires_grad_()
    return t


def inferred(data: Any, dtype: dt.dtype | None = None) -> Any:
    """The NumPy array that torch.tensor would hold for `data` (always a copy)."""
    if isinstance(data, Tensor):
        array = data.numpy(force=True)
    elif isinstance(data, (np.ndarray, np.generic)):
        array = np.asarray(data)
    else:
        array = _from_nested(data)
        if dtype is None and array.dtype == np.float64:
            dtype = dt.get_default_dtype()
        elif dtype is None and array.dtype == np.complex128:
            dtype = dt.default_complex()
    dt.from_numpy(array.dtype)
    if dtype is None:
        return np.array(array)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.array(array).astype(dtype.np)


def _from_nested(data: Any) -> Any:
    if isinstance(data, (list, tuple)):
        data = _plain(data)
    try:
        array = np.array(data)
    except ValueError as error:
        raise ValueError(f"expected sequence of equal length at every depth: {error}") from None
    if array.dtype == object or array.dtype.kind in "USV":
        raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
    if array.size == 0 and array.dtype == np.float64:
        return array.astype(dt.get_default_dtype().np)
    return array


def _plain(data: Any) -> Any:
    if isinstance(data, (list, tuple)):
        return [_plain(d) for d in data]
    if isinstance(data, Tensor):
        return data.item() if data.ndim == 0 else data.tolist()
    return data


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A new leaf tensor with a copy of `data`.

    >>> tensor([1, 2]).dtype
    torch.int64
    """
    if isinstance(data, Tensor) and data.level:
        return data.detach().clone()
    return finish(inferred(data, dtype), device, requires_grad)


def _factory(name: str, make: Any) -> Any:
    def create(
        *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False,
        out: Any = None, layout: Any = None, pin_memory: bool = False, names: Any = None,
        memory_format: Any = None,
    ) -> Tensor:  # fmt: skip
        size = size or ((),)
        d = (dtype or dt.get_default_dtype()).np
        return finish(make(sizes(size), d), device, requires_grad)

    create.__name__ = name
    return op(method=False)(create)


zeros = _factory("zeros", np.zeros)
ones = _factory("ones", np.ones)
empty = _factory("empty", np.zeros)


def _filled(self: Tensor, size: tuple[Any, ...], value: Any, dtype: Any) -> Tensor:
    return finish(np.full(sizes(size), value, (dtype or self.dtype).np), self.device)


@op(at="", method=True)
def new_zeros(input: Tensor, *size: Any, dtype: Any = None) -> Tensor:
    """Zeros of this dtype and device."""
    return _filled(input, size, 0, dtype)


@op(at="", method=True)
def new_ones(input: Tensor, *size: Any, dtype: Any = None) -> Tensor:
    """Ones of this dtype and device."""
    return _filled(input, size, 1, dtype)


__all__ = ["Leaf"]
