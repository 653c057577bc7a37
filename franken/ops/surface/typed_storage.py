"""`TypedStorage` and its old names (FloatStorage ...): the elements behind tensors.

Knows dtypes and the untyped storage below. Deprecated in torch, which says so once a process.
"""

from __future__ import annotations

import builtins
import copyreg
import importlib
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np

from franken.core import dtypes as dt
from franken.core.device import CPU, META, device
from franken.core.once import warn_once
from franken.core.op import op
from franken.core.tensor import Tensor, wrap
from franken.ops.declaring.samples import NoSamples, S
from franken.ops.surface.args import as_device
from franken.ops.surface.data import inferred
from franken.ops.surface.storage import UntypedStorage, elements_as, untyped_storage

# torch's name of the storage of each dtype that has one.
STORAGE_NAMES = {
    dt.ALL[name]: f"{dt.ALL[name].scalar_name}Storage"
    for name in (
        "float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8",
        "bool", "complex128", "complex64", "quint8", "qint8", "qint32", "quint4x2", "quint2x4",
    )
}  # fmt: skip
_DTYPES = {name: d for d, name in STORAGE_NAMES.items()}
_NO_GPU_NAMES = frozenset(n for n in _DTYPES if n.startswith(("Q",)))
# What the conversions are called, and the dtypes that they give.
_CONVERSIONS = {
    "double": dt.float64, "float": dt.float32, "half": dt.float16, "long": dt.int64,
    "int": dt.int32, "short": dt.int16, "char": dt.int8, "byte": dt.uint8, "bool": dt.bool,
    "bfloat16": dt.bfloat16, "complex_double": dt.complex128, "complex_float": dt.complex64,
    "float8_e5m2": dt.float8_e5m2, "float8_e4m3fn": dt.float8_e4m3fn,
    "float8_e5m2fnuz": dt.float8_e5m2fnuz, "float8_e4m3fnuz": dt.float8_e4m3fnuz,
}  # fmt: skip


def _deprecated() -> None:
    warn_once(
        "TypedStorage is deprecated. It will be removed in the future and UntypedStorage will be "
        "the only storage class. This should only matter to you if you are using storages "
        "directly.  To access UntypedStorage directly, use tensor.untyped_storage() instead of "
        "tensor.storage()",
        stacklevel=5,
    )


class TypedStorage:
    """The elements behind tensors, with their dtype (deprecated: use the untyped storage).

    Built from a size (zeroed), from a sequence of numbers, or over an UntypedStorage that is
    given as `wrap_storage`, then with its dtype.

    >>> TypedStorage([1, 2], dtype=dt.int32, _internal=True).untyped().nbytes()
    8
    """

    dtype: dt.dtype
    is_sparse = is_hpu = False
    _untyped_storage: UntypedStorage

    def __new__(
        cls, *args: Any, wrap_storage: Any = None, dtype: Any = None, device: Any = None,
        _internal: bool = False,
    ) -> Self:  # fmt: skip
        if not _internal:
            _deprecated()
        _check_arguments(args, wrap_storage, dtype, device)
        if wrap_storage is not None:
            return cls._over(wrap_storage, dtype)
        d = dt.get_default_dtype() if dtype is None else dtype
        dev = CPU if device is None else as_device("TypedStorage", device)
        return cls._over(_first_storage(d, dev, *args), d)

    @classmethod
    def _over(cls, storage: UntypedStorage, dtype: dt.dtype) -> Self:
        made = object.__new__(cls)
        made._untyped_storage, made.dtype = storage, dtype
        return made

    # -- questions --

    @property
    def device(self) -> device:
        """Where the elements lie."""
        return self._untyped_storage.device

    @property
    def is_cuda(self) -> builtins.bool:
        """Whether the elements lie on a GPU."""
        return self._untyped_storage.is_cuda

    @property
    def filename(self) -> str | None:
        """The file that is shared, if one is mapped."""
        return self._untyped_storage.filename

    @property
    def _cdata(self) -> builtins.int:
        return self._untyped_storage._cdata

    def untyped(self) -> UntypedStorage:
        """The same memory as bytes."""
        return self._untyped_storage

    def data_ptr(self) -> builtins.int:
        """The address of the first element."""
        return self._untyped_storage.data_ptr()

    def nbytes(self) -> builtins.int:
        """The number of bytes."""
        return self._untyped_storage.nbytes()

    def size(self) -> builtins.int:
        """The number of elements."""
        return self.nbytes() // self.dtype.itemsize

    __len__ = size
    _size, _nbytes, _data_ptr = size, nbytes, data_ptr

    def element_size(self) -> builtins.int:
        """Bytes of one element."""
        return self.dtype.itemsize

    def get_device(self) -> builtins.int | None:
        """The GPU's number; None on the CPU."""
        return self._untyped_storage.get_device()

    def is_shared(self) -> builtins.bool:
        """Whether other processes see the elements."""
        return self._untyped_storage.is_shared()

    def is_pinned(self, device: Any = None) -> builtins.bool:
        """Whether the memory is page-locked."""
        return self._untyped_storage.is_pinned(device)

    def resizable(self) -> builtins.bool:
        """Whether `resize_` may be called."""
        return self._untyped_storage.resizable()

    def pickle_storage_type(self) -> str:
        """The name under which torch's files know such a storage; KeyError without one."""
        if self.dtype not in STORAGE_NAMES:
            raise KeyError(f"dtype {self.dtype} is not recognized")
        return STORAGE_NAMES[self.dtype]

    _pickle_storage_type = pickle_storage_type

    # -- elements --

    def _elements(self) -> Any:
        n = self.dtype.itemsize
        row = self._untyped_storage.cpu()._bytes
        return row[: row.size // n * n].view(elements_as(self.dtype))

    def tolist(self) -> list[Any]:
        """The elements as a list of Python numbers."""
        return wrap(self._elements()).tolist()  # type: ignore[attr-defined,no-any-return]

    def __getitem__(self, index: Any) -> Any:
        _deprecated()
        if isinstance(index, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__")
        return wrap(self._elements()[self._checked(index)].reshape(())).item()  # type: ignore[attr-defined]

    def __setitem__(self, index: Any, value: Any) -> None:
        _deprecated()
        at = index if isinstance(index, slice) else self._checked(index)
        row = self._elements()
        row[at] = wrap(np.asarray(value)).to(self.dtype)._a  # type: ignore[attr-defined]
        if self.is_cuda:
            self._untyped_storage.copy_(UntypedStorage._over(row, CPU))

    def _checked(self, index: Any) -> builtins.int:
        if not isinstance(index, builtins.int):
            raise RuntimeError(
                f"can't index a <class 'torch.storage.TypedStorage'> with {builtins.type(index)}"
            )
        if not -self.size() <= index < self.size():
            raise IndexError(f"index {index} out of range for storage of size {self.size()}")
        return index

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def __repr__(self) -> str:
        lines = "..." if self.device is META else " " + "\n ".join(map(str, self.tolist()))
        return (
            f"{lines}\n[torch.storage.TypedStorage(dtype={self.dtype}, device={self.device}) of "
            f"size {self.size()}]"
        )

    # -- changes --

    def copy_(self, source: Any, non_blocking: builtins.bool | None = None) -> Self:
        """Take over the bytes of another storage of the same size."""
        self._untyped_storage.copy_(source.untyped(), non_blocking)
        return self

    def fill_(self, value: Any) -> Self:
        """Set every element."""
        if self.size():
            filled = wrap(np.asarray(value)).to(self.dtype)  # type: ignore[attr-defined]
            one = np.repeat(filled._a.reshape(1), self.size())
            self._untyped_storage.copy_(UntypedStorage._over(one, CPU))
        return self

    def resize_(self, size: builtins.int) -> None:
        """Have `size` elements, as `UntypedStorage.resize_` says."""
        self._untyped_storage.resize_(size * self.dtype.itemsize)

    # -- other storages --

    def _new(self, storage: UntypedStorage) -> TypedStorage:
        return TypedStorage._over(storage, self.dtype)

    def clone(self) -> TypedStorage:
        """A copy with memory of its own."""
        return self._new(self._untyped_storage.clone())

    __copy__ = clone

    def __deepcopy__(self, memo: dict[Any, Any]) -> TypedStorage:
        return self._new(self._untyped_storage.__deepcopy__(memo))

    def __reduce__(self) -> Any:
        # Bytes of its own each time: tensors that share memory are apart when plainly pickled.
        return _restored, (*self._untyped_storage.__reduce__(), self.dtype)

    def to(self, *, device: Any, non_blocking: builtins.bool = False) -> TypedStorage:
        """The elements on another device."""
        return self._new(self._untyped_storage.to(device=device))

    def cpu(self) -> TypedStorage:
        """The elements on the host; over the same memory if they lie there already."""
        return self._new(self._untyped_storage.cpu())

    def cuda(self, device: Any = None, non_blocking: builtins.bool = False) -> TypedStorage:
        """The elements on a GPU."""
        return self._new(self._untyped_storage.cuda(device))

    def pin_memory(self, device: Any = None) -> TypedStorage:
        """A copy in page-locked memory."""
        return self._new(self._untyped_storage.pin_memory())

    def type(self, dtype: Any = None, non_blocking: builtins.bool = False) -> Any:
        """The old name of the type; or, with another one, the elements converted to it."""
        _deprecated()
        if dtype is None:
            return ".".join(
                ["torch", *(["cuda"] if self.is_cuda else []), self.pickle_storage_type()]
            )
        name = dtype if isinstance(dtype, str) else dtype.__name__
        return converted(self, _DTYPES[name.rpartition(".")[2]])

    @classmethod
    def from_buffer(cls, *args: Any, dtype: Any = None, device: Any = None, **kw: Any) -> Any:
        """A copy of the elements in a buffer; see `UntypedStorage.from_buffer`."""
        _deprecated()
        d = cls.dtype if isinstance(cls, LegacyStorage) else dtype or dt.get_default_dtype()
        made = UntypedStorage.from_buffer(*args, dtype=d, **kw)
        return TypedStorage._over(made.to(device=device or CPU), d)

    @classmethod
    def from_file(cls, filename: Any, shared: builtins.bool = False, size: builtins.int = 0) -> Any:
        """The first `size` elements of a file, mapped; see `UntypedStorage.from_file`."""
        d = getattr(cls, "dtype", dt.get_default_dtype())
        made = UntypedStorage.from_file(filename, shared, size * d.itemsize)
        return TypedStorage._over(made, d)

    def elements_for(self, d: dt.dtype, name: str) -> UntypedStorage:
        """The bytes, for a tensor of dtype `d` (and its name), which must be the elements'."""
        if self.dtype is not d:
            raise RuntimeError(
                f"Expected a Storage of type {name} or an UntypedStorage, but got type "
                f"{self.dtype.scalar_name} for argument 1 'storage'"
            )
        return self._untyped_storage


def _check_arguments(args: tuple[Any, ...], storage: Any, dtype: Any, dev: Any) -> None:
    wrong = ""
    if storage is not None:
        if args:
            wrong = "No positional arguments should be given when using 'wrap_storage'"
        elif dtype is None:
            wrong = "Argument 'dtype' must be specified"
        elif dev is not None:
            wrong = "Argument 'device' should not be specified when 'wrap_storage' is given"
        elif not isinstance(storage, UntypedStorage):
            wrong = f"Argument 'wrap_storage' must be UntypedStorage, but got {type(storage)}"
    elif len(args) > 1:
        wrong = "Too many positional arguments"
    if dtype is not None and not isinstance(dtype, dt.dtype):
        wrong = f"Argument 'dtype' must be torch.dtype, not {type(dtype)}"
    if wrong:
        raise RuntimeError(
            "TypedStorage.__init__ received an invalid combination of arguments. Expected one of:\n"
            " * (*, torch.device device, torch.dtype dtype)\n"
            " * (int size, *, torch.device device, torch.dtype dtype)\n"
            " * (Sequence data, *, torch.device device, torch.dtype dtype)\n"
            f" * (*, UntypedStorage wrap_storage, torch.dtype dtype)\n{wrong}"
        )


def _first_storage(d: dt.dtype, dev: device, first: Any = 0) -> UntypedStorage:
    """A storage of zeroed elements, or of those of a sequence."""
    if isinstance(first, int) and not isinstance(first, bool):
        return UntypedStorage(first * d.itemsize, device=dev)
    if isinstance(first, (UntypedStorage, TypedStorage)) or not hasattr(first, "__len__"):
        raise TypeError(f"Argument type not recognized: {type(first)}")
    if isinstance(first, str):
        raise TypeError("new(): invalid data type 'str'")
    row = np.ascontiguousarray(inferred(first, d)).reshape(-1)
    return UntypedStorage._over(row, CPU).to(device=dev)


def _restored(rebuild: Any, args: Any, d: dt.dtype) -> TypedStorage:
    return TypedStorage._over(rebuild(*args), d)


def converted(storage: Any, d: dt.dtype) -> TypedStorage:
    """The elements of a storage as another dtype; over the same memory if they have it already."""
    whole = storage if isinstance(storage, TypedStorage) else TypedStorage._over(storage, dt.uint8)
    if whole.dtype is d:
        return whole
    made = wrap(whole._elements()).to(d)  # type: ignore[attr-defined]
    return TypedStorage._over(UntypedStorage._over(made._a, CPU).to(device=whole.device), d)


def _conversion(name: str, d: dt.dtype) -> Callable[[Any], TypedStorage]:
    def convert(self: Any) -> TypedStorage:
        _deprecated()
        return converted(self, d)

    convert.__name__ = name
    convert.__doc__ = f"The elements as {d}, in a TypedStorage."
    return convert


for _name, _dtype in _CONVERSIONS.items():
    for _class in (TypedStorage, UntypedStorage):
        setattr(_class, _name, _conversion(_name, _dtype))


# --- old names -----------------------------------------------------------------------------------


class LegacyStorage(type):
    """The class of FloatStorage and its like: callable, and `isinstance` asks dtype and device."""

    dtype: dt.dtype
    is_cuda: bool

    def __call__(cls, *args: Any, wrap_storage: Any = None, **kw: Any) -> TypedStorage:
        wrong = ""
        if len(args) > 1:
            raise RuntimeError(cls._words("Too many positional arguments"))
        if wrap_storage is not None:
            if args:
                wrong = "No positional arguments should be given when using 'wrap_storage'"
            elif not isinstance(wrap_storage, UntypedStorage):
                wrong = f"Argument 'wrap_storage' must be UntypedStorage, but got {kw}"
            if wrong:
                raise TypeError(cls._words(wrong))
            return TypedStorage(wrap_storage=wrap_storage, dtype=cls.dtype)
        if args and isinstance(args[0], UntypedStorage):
            raise TypeError(
                cls._words("Argument type not recognized: <class 'torch.storage.UntypedStorage'>")
            )
        return TypedStorage(*args, dtype=cls.dtype, device="cuda" if cls.is_cuda else None)

    def _words(cls, wrong: str) -> str:
        return (
            f"{cls!r}.__new__ received an invalid combination of arguments. Expected one of:\n"
            " * no arguments\n * (int size)\n * (Sequence data)\n"
            f" * (*, UntypedStorage wrap_storage)\n{wrong}"
        )

    def __instancecheck__(cls, value: Any) -> bool:
        return (
            isinstance(value, TypedStorage)
            and value.dtype is cls.dtype
            and value.is_cuda is cls.is_cuda
        )

    def __repr__(cls) -> str:
        return f"<class '{cls.__module__}.{cls.__name__}'>"


def old_name(kind: Any) -> Any:
    """How a class that stands under a name of torch's, and in no module, is pickled."""
    return _by_old_name, (kind.__module__, kind.__name__)


def _by_old_name(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module.replace("torch", "franken", 1)), name)


copyreg.pickle(LegacyStorage, old_name)  # type: ignore[arg-type]


def storage_names(module: str) -> dict[str, Any]:
    """{"FloatStorage": ..., ...} for `torch` or `torch.cuda`."""
    cuda = module == "torch.cuda"
    return {
        name: LegacyStorage(
            name, (TypedStorage,), {"__module__": module, "dtype": d, "is_cuda": cuda}
        )
        for name, d in _DTYPES.items()
        if not (cuda and name in _NO_GPU_NAMES)
    }


@op(
    at="",
    method=True,
    samples=NoSamples("memory: an address, or an object of the library itself"),
)
def storage(input: Tensor) -> TypedStorage:
    """The elements that this tensor and its views look into."""
    _deprecated()
    return TypedStorage._over(untyped_storage(input), input.dtype)


@op(
    at="",
    method=True,
    samples=NoSamples("memory: an address, or an object of the library itself"),
)
def _typed_storage(input: Tensor) -> TypedStorage:
    return TypedStorage._over(untyped_storage(input), input.dtype)


@op(method=False, samples=lambda t: [S(3), S(t.const(2))])
def is_storage(obj: Any) -> bool:
    """Whether `obj` is a storage."""
    return isinstance(obj, (UntypedStorage, TypedStorage))
