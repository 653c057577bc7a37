"""`set_`: lay a tensor over other memory, that of a tensor or of a storage.

Knows strides and host memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.core import dtypes as dt
from franken.core import inplace
from franken.core.geometry.memory import memory_of, restrided
from franken.core.geometry.strides import contiguous_strides
from franken.core.node import Leaf
from franken.core.op import op
from franken.core.replaced import renew_leaf
from franken.core.tensor import Tensor, held, hold
from franken.ops.declaring.samples import NoSamples
from franken.ops.surface.storage import UntypedStorage
from franken.ops.surface.typed_storage import TypedStorage


def _row(storage: UntypedStorage, d: dt.dtype) -> Any:
    """All elements of a storage, as a row of dtype `d` over the storage's own memory."""
    row = storage._bytes
    return row[: row.size // d.itemsize * d.itemsize].view(d.np)


def _laid(row: Any, offset: int, size: tuple[int, ...], stride: Any) -> Any:
    steps = contiguous_strides(size) if stride is None else tuple(int(s) for s in stride)
    if len(steps) != len(size):
        raise RuntimeError(f"unequal size length ({len(size)}) and stride length ({len(steps)})")
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    if any(s < 0 for s in steps):
        raise RuntimeError(
            f"Storage size calculation overflowed with sizes={list(size)} and strides={list(steps)}"
        )
    last = offset + sum((n - 1) * s for n, s in zip(size, steps, strict=True))
    if 0 not in size and last >= row.size:  # the storage grows; what is new is zero
        row = np.concatenate([row, np.zeros(last + 1 - row.size, row.dtype)])
    return restrided(row, size, steps, offset)


@op(
    at="",
    method=True,
    samples=NoSamples("lays a tensor over another's memory; compared in the tests of views"),
)
def set_(
    input: Tensor, source: Any = None, storage_offset: int = 0, size: Any = None, stride: Any = None
) -> Tensor:
    """Let the tensor be another one, or show a storage: from then on it shares that memory."""
    inplace.check(input, "set_")
    known = isinstance(source, (Tensor, TypedStorage, UntypedStorage))
    if known and source.device is not input.device:
        raise RuntimeError(
            f'Attempted to set the storage of a tensor on device "{input.device}" to a storage on '
            f'different device "{source.device}".  This is no longer allowed; the devices must '
            "match."
        )
    if isinstance(source, TypedStorage):
        source = source.elements_for(input.dtype, input.dtype.cpp_name)
    if source is None:
        array = np.zeros(0, input.dtype.np)
    elif isinstance(source, Tensor):
        if source.dtype is not input.dtype:
            raise RuntimeError(
                f"Could not set tensor of type {source.dtype.cpp_name} to a tensor of type "
                f"{input.dtype.cpp_name}"
            )
        array = held(source)
        if size is not None:
            array = _laid(memory_of(array), storage_offset, tuple(size), stride)
    elif isinstance(source, UntypedStorage):
        row = _row(source, input.dtype)
        array = row if size is None else _laid(row, storage_offset, tuple(size), stride)
    else:
        raise TypeError(
            f"set_() received an invalid combination of arguments - got ({type(source).__name__}), "
            "but expected one of: (), (Tensor source), (Storage source), (Storage source, int "
            "storage_offset, tuple of ints size, tuple of ints stride)"
        )
    hold(input, array)
    input._base = None
    inplace.bump(input)
    if type(input._node) is Leaf:
        renew_leaf(input)
    return input
