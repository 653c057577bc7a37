"""Write tensors as a torch checkpoint (.pt) that torch loads with ``weights_only=True``.

Its own writer of a pickle of protocol 2, of the few opcodes that a dictionary of tensors takes.
Knows no torch and no pickle module.
Source: the documentation of pickletools, and files that torch 2.13 writes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..atomic import atomic_write
from ..elements import element_bytes
from ..errors import FormatError
from .sharing import Array, Place, plan_stores
from .spans import NAMES
from .torch_zip import SCALARS, STORAGES
from .zip_writer import ZipWriter

_ROOT: Final = "archive"
_TYPED: Final = {
    dtype: kind for kind, dtype in STORAGES.items() if not kind.startswith(("Q", "Untyped"))
}
_SCALARS: Final = {dtype: name for name, dtype in SCALARS.items()}
_PIECE: Final = 1 << 24


def write_torch(
    path: str | os.PathLike[str], tensors: Mapping[str, Array], *, nested: bool = False
) -> None:
    """Write ``tensors`` to ``path`` as a dictionary of CPU tensors; whole or not at all.

    Arrays that overlap in memory share a storage. ``nested`` makes "a.b" the entry "b" of a
    dictionary "a". FormatError for a dtype that torch lacks.

    >>> import tempfile
    >>> import numpy as np
    >>> from .layout import read_layout
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_torch(folder + "/a.pt", {"w": np.ones((2, 3), np.float32)})
    ...     read_layout(folder + "/a.pt").spans[0].shape
    (2, 3)
    """
    stores, places = plan_stores(tensors)
    dtypes = [_dtype_name(store) for store in stores]
    tree = _nest(tensors) if nested else {name: name for name in tensors}
    pickle = _Pickle(tensors, stores, places, dtypes).dump(tree)
    with atomic_write(path) as file:
        archive = ZipWriter(file)
        for name, data in (("data.pkl", pickle), (".format_version", b"1"),
                           (".storage_alignment", b"64"), ("byteorder", b"little")):  # fmt: skip
            archive.add(f"{_ROOT}/{name}", [data], len(data))
        for i, store in enumerate(stores):
            archive.add(f"{_ROOT}/data/{i}", pieces(store), store.nbytes)
        archive.add(f"{_ROOT}/version", [b"3\n"], 2)
        archive.close()


def pieces(array: Array) -> Iterator[bytes | memoryview]:
    """Yield the bytes of an array, little endian and in C order, some MiB at a time."""
    if array.flags.c_contiguous:
        data = element_bytes(array)
        for begin in range(0, len(data), _PIECE):
            yield data[begin : begin + _PIECE]
        return
    step = max(1, _PIECE // array.itemsize)
    for begin in range(0, array.size, step):
        yield element_bytes(array.flat[begin : begin + step])


def _dtype_name(array: Array) -> str:
    name = NAMES.get(array.dtype, "")
    if name not in _SCALARS:
        raise FormatError("bad_dtype", f"torch: cannot store dtype {array.dtype}")
    return name


def _nest(names: Mapping[str, Any]) -> dict[str, Any]:
    """Return dictionaries in dictionaries, by the dots in the names, with the names as leaves."""
    tree: dict[str, Any] = {}
    for name in names:
        *folders, last = name.split(".")
        node = tree
        for folder in folders:
            node = node.setdefault(folder, {})
            if type(node) is not dict:
                raise FormatError("bad_tree", f"torch: {name!r} lies below another tensor")
        if last in node:
            raise FormatError("bad_tree", f"torch: {name!r} is also the beginning of others")
        node[last] = name
    return tree


class _Pickle:
    """Writes the dictionary; nothing is remembered, so that each tensor stands for itself."""

    def __init__(
        self,
        tensors: Mapping[str, Array],
        stores: list[Array],
        places: dict[str, Place],
        dtypes: list[str],
    ) -> None:
        self.tensors, self.stores = tensors, stores
        self.places, self.dtypes = places, dtypes
        self.out = bytearray(b"\x80\x02")

    def dump(self, tree: dict[str, Any]) -> bytes:
        self._dict(tree)
        return bytes(self.out + b".")

    def _dict(self, tree: dict[str, Any]) -> None:
        self.out += b"}("
        for key, value in tree.items():
            self._text(key)
            if type(value) is dict:
                self._dict(value)
            else:
                self._tensor(value)
        self.out += b"u"

    def _tensor(self, name: str) -> None:
        place, shape = self.places[name], self.tensors[name].shape
        dtype = self.dtypes[place.store]
        version = 2 if dtype in _TYPED else 3
        self.out += b"ctorch._utils\n_rebuild_tensor_v%d\n(" % version
        self._storage(place.store, dtype)
        self._int(place.offset)
        self._tuple(shape)
        self._tuple(place.strides)
        # No gradient wanted, and an empty OrderedDict of hooks.
        self.out += b"\x89ccollections\nOrderedDict\n)R"
        if version == 3:
            self.out += b"ctorch\n%s\n" % _SCALARS[dtype].encode()
        self.out += b"tR"

    def _storage(self, number: int, dtype: str) -> None:
        store = self.stores[number]
        self.out += b"("
        self._text("storage")
        if dtype in _TYPED:
            self.out += b"ctorch\n%s\n" % _TYPED[dtype].encode()
        else:
            self.out += b"ctorch.storage\nUntypedStorage\n"
        self._text(str(number))
        self._text("cpu")
        self._int(store.size if dtype in _TYPED else store.nbytes)
        self.out += b"tQ"

    def _text(self, text: str) -> None:
        raw = text.encode("utf-8", "surrogatepass")
        self.out += b"X" + len(raw).to_bytes(4, "little") + raw

    def _int(self, number: int) -> None:
        if number < 2**31:
            self.out += b"J" + number.to_bytes(4, "little")
        else:
            self.out += b"\x8a\x08" + number.to_bytes(8, "little", signed=True)

    def _tuple(self, numbers: tuple[int, ...]) -> None:
        self.out += b"("
        for number in numbers:
            self._int(number)
        self.out += b"t"
