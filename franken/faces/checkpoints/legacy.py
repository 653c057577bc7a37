"""The format before torch 1.6: five pickles, one after the other, and behind them the storages.

Knows the order of the parts, and what stands in the pickles for storages and classes of modules.
"""

from __future__ import annotations

import inspect
import struct
import warnings
from collections.abc import Callable
from reprlib import repr as repr_of
from typing import Any, Final

import numpy as np

from franken.core.device import CPU
from franken.core.dtypes import dtype
from franken.faces.checkpoints.pickling import Storages, dump, is_storage
from franken.faces.checkpoints.settings import SourceChangeWarning
from franken.faces.names import found, torch_name
from franken.ops.surface.storage import UntypedStorage
from franken.serialization.errors import DamagedCheckpoint, FormatError
from franken.serialization.formats.torch_writer import pieces

MAGIC_NUMBER: Final = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION: Final = 1001
_SYSTEM: Final = {
    "protocol_version": PROTOCOL_VERSION, "little_endian": True,
    "type_sizes": {"short": 2, "int": 4, "long": 4},
}  # fmt: skip


# --- writing -------------------------------------------------------------------------------------


def write(obj: Any, file: Any, pickle_module: Any, protocol: int) -> None:
    """Write an object to an open file."""
    storages = Storages(lambda storage, number: str(storage._cdata))
    seen: set[Any] = set()

    def persistent_id(part: Any) -> Any:
        if is_storage(part):
            return ("storage", *storages.describe(part), None)
        if isinstance(part, type) and _is_module(part) and part not in seen:
            seen.add(part)
            return ("module", part, *_source_of(part))
        return None

    body = dump(obj, pickle_module, protocol, persistent_id)
    for part in (MAGIC_NUMBER, PROTOCOL_VERSION, _SYSTEM):
        pickle_module.dump(part, file, protocol=protocol)
    file.write(body)
    pickle_module.dump(sorted(storages.kept), file, protocol=protocol)
    for key in sorted(storages.kept):
        row = storages.kept[key].cpu()._bytes
        file.write(struct.pack("<q", row.size // storages.items[key]))
        for piece in pieces(row):
            file.write(piece)


def _is_module(kind: type) -> bool:
    return issubclass(kind, found("torch.nn.modules.module", "Module"))


def _source_of(kind: type) -> tuple[str | None, str | None]:
    """The file and the source of a user's class; a class of torch's has another one there."""
    if torch_name(kind) is not None:
        return None, None
    try:
        return inspect.getsourcefile(kind), inspect.getsource(kind)
    except (OSError, TypeError):
        warnings.warn(
            f"Couldn't retrieve source code for container of type {kind.__name__}. It won't be "
            "checked for correctness upon loading.",
            stacklevel=6,
        )
        return None, None


# --- reading -------------------------------------------------------------------------------------


def check_magic(magic: Any) -> None:
    """RuntimeError unless the first value of a file is the one that marks this format."""
    if type(magic) is not int or magic != MAGIC_NUMBER:
        raise DamagedCheckpoint("bad_header", "Invalid magic number; corrupt file?")


def check_version(version: Any) -> None:
    """RuntimeError unless the second value of a file is the version that is known."""
    if type(version) is not int or version != PROTOCOL_VERSION:
        raise DamagedCheckpoint("unknown_version", f"Invalid protocol version: {repr_of(version)}")


class Parts:
    """The storages of a file: made when a pickle names them, filled when all have been named.

    They take no more memory than the file has bytes.
    """

    def __init__(self, room: int, restore: Callable[[Any, str], Any]) -> None:
        self.room, self.restore = room, restore
        self._made: dict[str, tuple[UntypedStorage, UntypedStorage, int]] = {}

    def storage(self, key: Any, kind: dtype, place: Any, count: Any, view: Any) -> UntypedStorage:
        """The storage that a pickle names, where it belongs."""
        if type(count) is not int or count < 0 or type(key) is not str or type(place) is not str:
            raise FormatError("bad_tree", f"torch: the storage {repr_of(key)} is malformed")
        if key not in self._made:
            self.room -= count * kind.itemsize
            if self.room < 0:
                raise FormatError(
                    "truncated", f"torch: {count} elements of {kind} in {repr_of(key)}"
                )
            row = UntypedStorage._over(np.zeros(count * kind.itemsize, np.uint8), CPU)
            self._made[key] = row, self.restore(row, place), kind.itemsize
        placed = self._made[key][1]
        if view is None:
            return placed
        _, first, size = view if type(view) is tuple and len(view) == 3 else (None,) * 3
        if type(first) is not int or type(size) is not int or not 0 <= first <= first + size:
            raise FormatError("bad_tree", f"torch: the part of {repr_of(key)} is malformed")
        return placed[first * kind.itemsize : (first + size) * kind.itemsize]  # type: ignore[no-any-return]

    def fill(self, keys: Any, read: Callable[[int], bytes]) -> None:
        """Read the bytes of all storages, in the order of `keys`."""
        if type(keys) is not list or not all(type(key) is str for key in keys):
            raise FormatError("bad_tree", "torch: the names of the storages are no list of texts")
        if {*keys} != {*self._made} or len(keys) != len(self._made):
            raise FormatError("bad_tree", "torch: the storages at the end are not those named")
        for key in keys:
            row, placed, item = self._made[key]
            (count,) = struct.unpack("<q", read(8))
            if count * item != row.nbytes():
                raise FormatError(
                    "bad_layout",
                    f"torch: {count} elements in {key!r} of {row.nbytes()} bytes",
                )
            row._bytes[:] = np.frombuffer(read(row.nbytes()), np.uint8)
            if placed is not row:
                placed.copy_(row)


def check_source(kind: Any, source: Any) -> None:
    """Warn if a user's class has another source than when it was saved."""
    if source is None or torch_name(kind) is not None:
        return
    try:
        now = inspect.getsource(kind)
    except (OSError, TypeError):
        now = None
    if now != source:
        warnings.warn(
            f"source code of class '{kind.__module__}.{kind.__qualname__}' has changed. you can "
            "retrieve the original source code by accessing the object's source attribute or set "
            "`torch.nn.Module.dump_patches = True` and use the patch tool to revert the changes.",
            SourceChangeWarning,
            stacklevel=4,
        )
