"""`UntypedStorage`, the bytes that tensors look into, and how a tensor is laid over them.

Knows host memory and addresses; a GPU's storage answers questions but shows no bytes.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np

from franken.backends import registry
from franken.core import dtypes as dt
from franken.core.device import CPU, META, device, resolve
from franken.core.geometry.memory import byte_row, over, pointer, root_of
from franken.core.op import op
from franken.core.tensor import Tensor, held, wrap
from franken.ops.declaring.samples import NoSamples
from franken.ops.surface.args import as_device, kind_name

# One storage an array that owns memory, as long as somebody holds it: `t.untyped_storage()` is
# the same object each time. It holds the array, so that the id stays the array's.
_alive: weakref.WeakValueDictionary[int, UntypedStorage] = weakref.WeakValueDictionary()


class UntypedStorage:
    """The bytes behind tensors: `len`, indexing and iteration go byte by byte.

    Built from a size (zeroed), from a sequence of ints, or by `Tensor.untyped_storage`.
    `resize_` to another size gives the storage new memory: tensors that look into the old one
    keep that.

    >>> UntypedStorage([1, 2, 3]).tolist(), len(UntypedStorage(4))
    ([1, 2, 3], 4)
    """

    device: device
    filename: str | None = None
    is_sparse = is_sparse_csr = is_hpu = False
    _fake_device: Any = None
    _checkpoint_offset: int | None = None

    def __new__(cls, *args: Any, device: Any = None) -> Self:
        if len(args) > 1:
            raise TypeError(
                f"torch.UntypedStorage(): expected a size or a sequence, got {len(args)} arguments"
            )
        dev = CPU if device is None else as_device("UntypedStorage", device)
        return cls._over(_moved(_first_bytes(*args), CPU, dev), dev)

    @classmethod
    def _over(cls, owner: Any, dev: Any) -> Self:
        made = object.__new__(cls)
        made._owner, made.device = owner, dev
        return made

    @property
    def _bytes(self) -> Any:
        return _bytes_of(self._owner)

    # -- questions --

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return pointer(self._owner) if self._owner.size and self.device is not META else 0

    def nbytes(self) -> int:
        """The number of bytes."""
        return int(self._owner.nbytes)

    size = nbytes
    __len__ = nbytes

    @property
    def _cdata(self) -> int:
        return id(self._owner)

    @property
    def is_cuda(self) -> bool:
        """Whether the bytes lie on a GPU."""
        return self.device.type == "cuda"

    def get_device(self) -> int | None:
        """The GPU's number; None on the CPU."""
        return self.device.index

    def element_size(self) -> int:
        """1: the elements are bytes."""
        return 1

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + self.nbytes()

    def is_shared(self) -> bool:
        """Whether other processes see the bytes."""
        return False

    def is_pinned(self, device: Any = None) -> bool:
        """Whether the memory is page-locked."""
        return False

    def resizable(self) -> bool:
        """Whether `resize_` may be called."""
        return True

    # -- elements --

    def tolist(self) -> list[int]:
        """The bytes as a list of ints."""
        self._check_bytes()
        return self.cpu()._bytes.tolist()  # type: ignore[no-any-return]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            if index.step not in (None, 1):
                raise RuntimeError(
                    f"Trying to slice with a step of {index.step}, but only a step of 1 is "
                    "supported"
                )
            return UntypedStorage._over(self._bytes[index], self.device)
        self._check_bytes()
        return int(self.cpu()._bytes[self._checked(index)])

    def _check_bytes(self) -> None:
        if self.device is META:
            raise NotImplementedError("Not available for 'meta' device type")

    def __setitem__(self, index: Any, value: Any) -> None:
        at = index if isinstance(index, slice) else self._checked(index)
        _as_tensor(self)[at] = value

    def _checked(self, index: Any) -> int:
        if isinstance(index, bool) or not hasattr(index, "__index__"):
            raise TypeError(f"can't index a torch.UntypedStorage with {kind_name(index)}")
        at = index.__index__()
        if not -self.nbytes() <= at < self.nbytes():
            raise IndexError(f"index {at} out of range for storage of size {self.nbytes()}")
        return int(at)

    def __iter__(self) -> Iterator[int]:
        return (self[i] for i in range(self.nbytes()))

    def __repr__(self) -> str:
        lines = "..." if self.device is META else " " + "\n ".join(map(str, self.tolist()))
        where = f"device={self.device}) of size {self.nbytes()}"
        return f"{lines}\n[torch.storage.UntypedStorage({where}]"

    # -- changes --

    def copy_(self, source: Any, non_blocking: bool | None = None) -> Self:
        """Take over the bytes of another storage of the same size."""
        source = source.untyped()
        if source.nbytes() != self.nbytes():
            raise RuntimeError(
                f"size does not match, self was {self.nbytes()} bytes but src was "
                f"{source.nbytes()} bytes"
            )
        if self.nbytes():
            _as_tensor(self).copy_(_as_tensor(source))  # type: ignore[attr-defined]
        return self

    def fill_(self, value: int) -> Self:
        """Set every byte."""
        if self.nbytes():
            _as_tensor(self).fill_(value)  # type: ignore[attr-defined]
        return self

    def resize_(self, size: int) -> Self:
        """Have `size` bytes: in new memory unless it has as many already; what is new is zero."""
        if size != self.nbytes():
            if self.device is META:
                self._owner = registry.filled((size,), 0, np.dtype(np.uint8), META, (0,))
                return self
            row = np.zeros(size, np.uint8)
            kept = min(size, self.nbytes())
            row[:kept] = self.cpu()._bytes[:kept]
            self._owner = _moved(row, CPU, self.device)
        return self

    def byteswap(self, dtype: dt.dtype) -> None:
        """Turn round the bytes of each element of `dtype`, in place."""
        kind = np.dtype(f"u{dtype.itemsize // (2 if dtype.is_complex else 1)}")
        row = self._bytes
        words = row[: row.size // kind.itemsize * kind.itemsize].view(kind)
        words[...] = words.byteswap()

    # -- other storages --

    def new(self) -> UntypedStorage:
        """An empty storage on the same device."""
        return UntypedStorage(device=self.device)

    def clone(self) -> UntypedStorage:
        """A copy with memory of its own."""
        return UntypedStorage._over(self._owner.copy(order="K"), self.device)

    __copy__ = clone

    def __deepcopy__(self, memo: dict[Any, Any]) -> UntypedStorage:
        from franken.ops.surface.read import copied_array

        return storage_of(copied_array(self._owner, memo), self.device)

    def __reduce__(self) -> Any:
        return _restored, (np.array(self.cpu()._bytes), self.device)

    def untyped(self) -> Self:
        """The storage itself."""
        return self

    def to(self, *, device: Any, non_blocking: bool = False) -> UntypedStorage:
        """The bytes on another device; the storage itself if they lie there already."""
        dev = resolve(device)
        if dev is self.device:
            return self
        return UntypedStorage._over(_moved(_row_of(self._owner), self.device, dev), dev)

    def cpu(self) -> UntypedStorage:
        """The bytes on the host; the storage itself if they lie there already."""
        return self.to(device=CPU)

    def cuda(self, device: Any = None, non_blocking: bool = False) -> UntypedStorage:
        """The bytes on a GPU."""
        return self.to(device="cuda" if device is None else device)

    def pin_memory(self, device: Any = "cuda") -> UntypedStorage:
        """A copy in page-locked memory."""
        return untyped_storage(_as_tensor(self).pin_memory())  # type: ignore[attr-defined]

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The name of the type; or, with a type's name, an object of it with the same bytes."""
        if dtype is None:
            return "torch.storage.UntypedStorage"
        raise RuntimeError(f"type(): cannot make {dtype!r} of an UntypedStorage; use `float` etc.")

    @classmethod
    def from_buffer(
        cls, buffer: Any, byte_order: str, count: int = -1, offset: int = 0, *, dtype: dt.dtype
    ) -> UntypedStorage:
        """A copy of the elements in a buffer, which are "little", "big" or "native" endian."""
        if byte_order not in ("native", "big", "little"):
            raise ValueError(
                f"invalid byte_order '{byte_order}' (expected 'big', 'little', or 'native')"
            )
        data = np.frombuffer(buffer, np.uint8)
        room = data.size - offset
        taken = room if count < 0 else count * dtype.itemsize
        if not 0 <= taken <= room or taken % dtype.itemsize:
            raise ValueError(
                f"buffer has {data.size} bytes: at {offset} it does not hold {count} elements of "
                f"{dtype.itemsize} bytes"
            )
        made = cls._over(data[offset : offset + taken].copy(), CPU)
        if byte_order == "big" and dtype is not dt.bool:
            made.byteswap(dtype)
        return made

    @classmethod
    def from_file(cls, filename: Any, shared: bool = False, nbytes: int = 0) -> UntypedStorage:
        """The first `nbytes` of a file, mapped.

        If `shared`, what is written goes to the file, which is made or made longer if it must.
        """
        if shared:
            with open(filename, "ab") as file:
                if file.tell() < nbytes:
                    os.truncate(file.fileno(), nbytes)
        if not nbytes:
            return cls._over(np.zeros(0, np.uint8), CPU)
        row = np.memmap(filename, np.uint8, "r+" if shared else "c", 0, (nbytes,))
        made = cls._over(row.view(np.ndarray), CPU)
        made.filename = os.fspath(filename) if shared else None
        return made


def _first_bytes(size: Any = 0) -> Any:
    """The host bytes that a storage is built from: zeroed ones, or those of a sequence."""
    if isinstance(size, int) and not isinstance(size, bool):
        if size < 0:
            raise RuntimeError(f"UntypedStorage(): expected a size of at least 0, got {size}")
        return np.zeros(size, np.uint8)
    if not isinstance(size, (Sequence, np.ndarray)):
        raise RuntimeError(
            f"torch.UntypedStorage(): Expected a sequence type, but got {kind_name(size)}"
        )
    for item in size:
        if not isinstance(item, (int, np.integer)):
            raise RuntimeError(
                "torch.UntypedStorage(): tried to construct a storage from a sequence "
                f"({kind_name(size)}), but one of the items was of type {kind_name(item)} instead "
                "of int"
            )
    return (np.array(size, np.int64) & 255).astype(np.uint8)


def _moved(owner: Any, source: device, target: device) -> Any:
    if source is target:
        return owner
    return registry.transfer(owner, source, target)


def _restored(row: Any, dev: device) -> UntypedStorage:
    return UntypedStorage._over(_moved(row, CPU, dev), dev)


def _as_tensor(storage: UntypedStorage) -> Tensor:
    """A tensor of the storage's bytes."""
    return wrap(_row_of(storage._owner), storage.device)


def _row_of(owner: Any) -> Any:
    """All bytes of an array that owns memory, in the order they lie in, where they lie."""
    if isinstance(owner, np.ndarray):
        return _bytes_of(owner)
    return type(owner)((int(owner.nbytes),), np.dtype(np.uint8), owner.data)


def _bytes_of(owner: Any) -> Any:
    found = byte_row(owner) if isinstance(owner, np.ndarray) else None
    return () if found is None else found


def storage_of(root: Any, dev: device) -> UntypedStorage:
    """The storage over an array that owns memory: the same one for as long as it is held."""
    found = _alive.get(id(root))
    if found is None or found._owner is not root:
        found = _alive[id(root)] = UntypedStorage._over(root, dev)
    return found


@op(at="", method=True, samples=NoSamples("memory: an address, or an object of the library itself"))
def untyped_storage(input: Tensor) -> UntypedStorage:
    """The bytes that this tensor and its views look into."""
    if input.level:
        raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage")
    return storage_of(root_of(held(input)), input.device)


def laid_over(storage: UntypedStorage, dtype: dt.dtype, offset: int, size: Any, stride: Any) -> Any:
    """The array of a tensor that shows a storage; RuntimeError if it would leave it."""
    size, stride = tuple(size), tuple(stride)
    n = dtype.itemsize
    count = 0 if 0 in size else 1 + sum((k - 1) * s for k, s in zip(size, stride, strict=True))
    needed = (offset + count) * n if count else 0
    if needed > storage.nbytes() or offset < 0 or min((*size, *stride, 0)) < 0:
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and "
            f"itemsize {n} requiring a storage size of {needed} are out of bounds for storage of "
            f"size {storage.nbytes()}"
        )
    root, steps, kind = storage._owner, [s * n for s in stride], elements_as(dtype)
    if not isinstance(root, np.ndarray):
        return type(root)(size, kind, root.data + offset * n, strides=tuple(steps))
    if not count:
        return over(np.empty(0, kind), size, steps, 0)
    row = storage._bytes
    if row.ctypes.data % kind.alignment:  # of a mapped file, say: kernels need not read such
        row = storage._owner = row.copy()
    whole = row[: row.size // n * n].view(kind)
    if kind == np.bool_ and row.view(np.uint8)[offset : offset + count].max() > 1:
        part = row[offset : offset + count]
        np.minimum(part, 1, out=part)  # truth values are 0 or 1 to kernels
    return over(whole, size, steps, offset * n)


def elements_as(dtype: dt.dtype) -> Any:
    """The NumPy dtype in which elements lie, quantized ones as the integers that they are."""
    if dtype.np is not None:
        return dtype.np
    return np.dtype({"qint8": "i1", "qint32": "i4"}.get(dtype.name, "u1"))
