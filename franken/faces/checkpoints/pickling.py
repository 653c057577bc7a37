"""A pickler that writes torch's names, and hands storages out instead of writing their bytes.

Knows how objects of this library are called in torch's files; knows no file.
"""

from __future__ import annotations

import copyreg
import io
import pickle
from collections import ChainMap
from collections.abc import Callable
from types import FunctionType
from typing import Any

from franken.core.dtypes import dtype
from franken.core.geometry.layout import layout
from franken.core.tensor import Tensor
from franken.faces.checkpoints.places import location_tag
from franken.faces.checkpoints.restricted import get_layout
from franken.faces.names import found, torch_name
from franken.ops.declaring import return_types
from franken.ops.surface import typed_storage
from franken.ops.surface.legacy import tensortype
from franken.ops.surface.storage import UntypedStorage
from franken.ops.surface.typed_storage import LegacyStorage, TypedStorage


class _Names:
    """Mixed into a pickler written in Python: globals by the names that torch has for them."""

    write: Any
    save: Any
    memoize: Any
    save_reduce: Any
    proto: int

    def save_global(self, obj: Any, name: str | None = None) -> None:
        """Write a class, function or constant by its name."""
        theirs = torch_name(obj, name)
        if theirs is None and isinstance(obj, FunctionType):
            last = obj.__name__
            if getattr(Tensor, last, None) is obj:  # a method
                self.save_reduce(getattr, (Tensor, last), obj=obj)
                return
        if theirs is None:
            super().save_global(obj, name)  # type: ignore[misc]
            return
        module, last = theirs
        holder, _, attribute = last.rpartition(".")
        if holder and self.proto < 4:
            self.save_reduce(getattr, (found(module, holder), attribute), obj=obj)
        elif self.proto >= 4:
            self.save(module)
            self.save(last)
            self.write(pickle.STACK_GLOBAL)
            self.memoize(obj)
        else:
            self.write(pickle.GLOBAL + f"{module}\n{last}\n".encode())
            self.memoize(obj)


def dump(obj: Any, module: Any, protocol: int, persistent_id: Callable[[Any], Any]) -> bytes:
    """Pickle with a pickle module; what `persistent_id` gives an id for stays outside."""
    buffer = io.BytesIO()
    pickler = _pickler_class(module)(buffer, protocol=protocol)
    pickler.persistent_id = persistent_id
    pickler.dispatch_table = ChainMap(
        {layout: _reduce_layout, **dict.fromkeys(return_types.ALL.values(), _reduce_named_tuple)},
        getattr(pickler, "dispatch_table", copyreg.dispatch_table),
    )
    pickler.dump(obj)
    return buffer.getvalue()


def _pickler_class(module: Any) -> Any:
    # The pickler written in C asks nobody for names.
    base = pickle._Pickler if module.Pickler is pickle.Pickler else module.Pickler  # type: ignore[attr-defined]
    if not issubclass(base, pickle._Pickler):  # type: ignore[attr-defined]
        return type("Pickler", (base,), {})
    kind: Any = type("Pickler", (_Names, base), {})
    named = dict.fromkeys((FunctionType, LegacyStorage, tensortype), kind.save_global)
    kind.dispatch = {**base.dispatch, **named}
    return kind


def _reduce_layout(obj: layout) -> Any:
    return get_layout, (str(obj),)


def _reduce_named_tuple(obj: Any) -> Any:
    return type(obj), (tuple(obj), {})


class Storages:
    """Gives the storages that a pickler meets their numbers, and refuses what files cannot hold."""

    def __init__(self, key: Callable[[UntypedStorage, int], str]) -> None:
        self.key = key
        self.kept: dict[str, UntypedStorage] = {}
        self.items: dict[str, int] = {}  # bytes of one element
        self._keys: dict[int, str] = {}
        self._dtypes: dict[int, dtype] = {}

    def describe(self, obj: Any) -> tuple[Any, str, str, int]:
        """(type, key, place, number of elements) of a storage that is met.

        RuntimeError if its memory was met as elements of another dtype.
        """
        storage = obj.untyped()
        kind = obj.dtype if isinstance(obj, TypedStorage) else typed_storage.dt.uint8
        if storage.nbytes() and self._dtypes.setdefault(storage.data_ptr(), kind) is not kind:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different "
                "types"
            )
        if storage._cdata not in self._keys:
            key = self._keys[storage._cdata] = self.key(storage, len(self._keys))
            self.kept[key], self.items[key] = storage, kind.itemsize
        return _type_of(obj), self._keys[storage._cdata], location_tag(storage), len(obj)


def _type_of(obj: Any) -> Any:
    if isinstance(obj, UntypedStorage):
        return UntypedStorage
    return found("torch", obj.pickle_storage_type())


def is_storage(obj: Any) -> bool:
    """Whether a pickler is to hand an object out."""
    return isinstance(obj, (UntypedStorage, TypedStorage))
