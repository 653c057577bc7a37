"""Storages: the bytes that a tensor and its views look into.

Knows host memory and addresses; a GPU's storage answers questions but shows no bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from franken.core import dtypes as dt
from franken.core import inplace
from franken.core.device import device
from franken.core.geometry.memory import memory_of, pointer, restrided, root_of
from franken.core.geometry.strides import contiguous_strides
from franken.core.node import Leaf
from franken.core.op import op
from franken.core.replaced import renew_leaf
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import NoSamples, S


class UntypedStorage:
    """The bytes behind tensors: `len`, indexing and iteration go byte by byte.

    >>> from franken.ops.surface.creation import zeros
    >>> zeros(3).untyped_storage().nbytes()
    12
    """

    __slots__ = ("__weakref__", "_bytes", "_owner", "device")

    def __init__(self, owner: Any, dev: device) -> None:
        self._owner, self.device = owner, dev
        self._bytes = _bytes_of(owner)

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return pointer(self._owner) if self._owner.size else 0

    def nbytes(self) -> int:
        """The number of bytes."""
        return int(self._owner.nbytes)

    size = nbytes
    __len__ = nbytes

    @property
    def _cdata(self) -> int:
        return self.data_ptr()

    @property
    def is_cuda(self) -> bool:
        """Whether the bytes lie on a GPU."""
        return self.device.type == "cuda"

    def element_size(self) -> int:
        """1: the elements are bytes."""
        return 1

    def tolist(self) -> list[int]:
        """The bytes as a list of ints."""
        return self._bytes.tolist()  # type: ignore[no-any-return]

    def __getitem__(self, index: Any) -> Any:
        found = self._bytes[index]
        return found.tolist() if isinstance(found, np.ndarray) else int(found)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._bytes[index] = value

    def __iter__(self) -> Iterator[int]:
        return iter(self._bytes.tolist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and other.data_ptr() == self.data_ptr()

    def __hash__(self) -> int:
        return hash(self.data_ptr())

    def is_shared(self) -> bool:
        """Whether other processes see the bytes."""
        return False

    def is_pinned(self) -> bool:
        """Whether the memory is page-locked."""
        return False

    def __repr__(self) -> str:
        lines = "\n".join(f" {b}" for b in self._bytes)
        return (
            f"{lines}\n[torch.storage.UntypedStorage(device={self.device}) of size {self.nbytes()}]"
        )


def _bytes_of(owner: Any) -> Any:
    if not isinstance(owner, np.ndarray):
        return ()
    if owner.flags.c_contiguous:
        return owner.reshape(-1).view(np.uint8)
    # Memory order is not index order: look at it in the order it lies in.
    order = sorted(range(owner.ndim), key=lambda d: -owner.strides[d])
    flat = owner.transpose(order)
    return flat.reshape(-1).view(np.uint8) if flat.flags.c_contiguous else ()


class TypedStorage:
    """The elements behind tensors, with their dtype (deprecated: use the untyped storage)."""

    __slots__ = ("__weakref__", "_untyped_storage", "dtype")

    def __init__(self, storage: UntypedStorage, dtype: dt.dtype) -> None:
        self._untyped_storage, self.dtype = storage, dtype

    @property
    def device(self) -> device:
        """Where the elements lie."""
        return self._untyped_storage.device

    def untyped(self) -> UntypedStorage:
        """The same memory as bytes."""
        return self._untyped_storage

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self._untyped_storage.data_ptr()

    def nbytes(self) -> int:
        """The number of bytes."""
        return self._untyped_storage.nbytes()

    def size(self) -> int:
        """The number of elements."""
        return self.nbytes() // self.dtype.itemsize

    __len__ = size

    def _elements(self) -> Any:
        return self._untyped_storage._bytes.view(self.dtype.np)

    def tolist(self) -> list[Any]:
        """The elements as a list of Python numbers."""
        return self._elements().tolist()  # type: ignore[no-any-return]

    def __getitem__(self, index: Any) -> Any:
        return self._elements()[index].item()

    def __setitem__(self, index: Any, value: Any) -> None:
        self._elements()[index] = value

    def __repr__(self) -> str:
        lines = "\n".join(f" {v}" for v in self.tolist())
        return (
            f"{lines}\n[torch.storage.TypedStorage(dtype={self.dtype}, device={self.device}) of "
            f"size {self.size()}]"
        )


@op(at="", method=True, samples=NoSamples("memory: an address, or an object of the library itself"))
def untyped_storage(input: Tensor) -> UntypedStorage:
    """The bytes that this tensor and its views look into."""
    if input.level:
        raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage")
    return UntypedStorage(root_of(input._a), input.device)


@op(
    at="",
    method=True,
    alias=("_typed_storage",),
    samples=NoSamples("memory: an address, or an object of the library itself"),
)
def storage(input: Tensor) -> TypedStorage:
    """The elements that this tensor and its views look into."""
    return TypedStorage(untyped_storage(input), input.dtype)


@op(method=False, samples=lambda t: [S(3), S(t.const(2))])
def is_storage(obj: Any) -> bool:
    """Whether `obj` is a storage."""
    return isinstance(obj, (UntypedStorage, TypedStorage))


def _elements_of(x: Tensor, source: Any) -> Any:
    """All elements of a source, as a row of x's dtype over the source's own memory."""
    if isinstance(source, TypedStorage):
        if source.dtype is not x.dtype:
            raise RuntimeError(
                f"Expected a Storage of type {x.dtype.cpp_name} or an UntypedStorage, but got type "
                f"{source.dtype.scalar_name} for argument 1 'storage'"
            )
        source = source.untyped()
    n = x.dtype.itemsize
    row = source._bytes
    return row[: row.size // n * n].view(x.dtype.np)


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
    if source is None:
        array = np.zeros(0, input.dtype.np)
    elif isinstance(source, Tensor):
        if source.dtype is not input.dtype:
            raise RuntimeError(
                f"Could not set tensor of type {source.dtype.cpp_name} to a tensor of type "
                f"{input.dtype.cpp_name}"
            )
        array = source._a
        if size is not None:
            array = _laid(memory_of(array), storage_offset, tuple(size), stride)
    elif isinstance(source, (TypedStorage, UntypedStorage)):
        row = _elements_of(input, source)
        array = row if size is None else _laid(row, storage_offset, tuple(size), stride)
    else:
        raise TypeError(
            f"set_() received an invalid combination of arguments - got ({type(source).__name__}), "
            "but expected one of: (), (Tensor source), (Storage source), (Storage source, int "
            "storage_offset, tuple of ints size, tuple of ints stride)"
        )
    input._a, input._base = array, None
    inplace.bump(input)
    if type(input._node) is Leaf:
        renew_leaf(input)
    return input
