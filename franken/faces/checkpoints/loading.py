"""`torch.load`: files of torch's, old and new, and franken's own, as data or with all of pickle.

Chooses the reader by a file's content. As data is the default: nothing that a file names is
imported or called. Only where the user writes `weights_only=False` is a file unpickled.
"""

from __future__ import annotations

import io
import mmap
import os
import pickle
import re
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from franken.core.device import CPU
from franken.core.dtypes import dtype
from franken.faces import names
from franken.faces.checkpoints import legacy
from franken.faces.checkpoints.places import restoring
from franken.faces.checkpoints.restricted import Builder, check_names, not_allowed
from franken.faces.checkpoints.settings import (
    SKIPS,
    LoadEndianness,
    StorageType,
    config,
    storage_dtype,
)
from franken.ops.surface.storage import UntypedStorage
from franken.ops.surface.typed_storage import TypedStorage
from franken.serialization import tensors
from franken.serialization.errors import DamagedCheckpoint, FormatError
from franken.serialization.formats import torch_zip, zip_reader
from franken.serialization.formats.pickle_reader import MAX_PICKLE, take_apart
from franken.serialization.formats.safetensors_layout import begins as begins_safetensors
from franken.serialization.formats.source import Held, Source, open_source

_UNSAFE: Final = (
    "In PyTorch 2.6, we changed the default value of the `weights_only` argument in `torch.load` "
    "from `False` to `True`. Re-running `torch.load` with `weights_only` set to `False` will "
    "likely succeed, but it can result in arbitrary code execution. Do it only if you got the file "
    "from a trusted source."
)
_DOCS: Final = (
    "\n\nCheck the documentation of torch.load to learn more about types accepted by default with "
    "weights_only https://pytorch.org/docs/stable/generated/torch.load.html."
)
_TRUE: Final = ("1", "y", "yes", "true")


def load(
    f: Any, map_location: Any = None, pickle_module: Any = None, *,
    weights_only: bool | None = None, mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:  # fmt: skip
    """Load what `save` or torch wrote, from a path or a file object.

    Args:
        map_location: a device (or its name), a {tag: tag} dictionary, or a function (storage, tag)
            -> storage or None; by default every storage goes back to where it was saved from.
        pickle_module: what unpickles; with one, and no `weights_only`, everything is unpickled.
        weights_only: read as data (the default): tensors, containers, numbers, and what
            `torch.serialization.add_safe_globals` names. With False the file can run any code.
        mmap: read pages of the file when they are touched. The file must not shrink meanwhile.

    Raises UnpicklingError for a file that names other things, and FormatError (a ValueError, for
    archives a RuntimeError) for one that is damaged.
    """
    as_data = _as_data(weights_only, pickle_module)
    mapped = config.load.mmap if mmap is None else mmap
    if mapped and not isinstance(f, (str, os.PathLike)):
        raise ValueError("f must be a file path in order to use the mmap argument")
    pickle_load_args.setdefault("encoding", "utf-8")
    with _source(f) as source:
        head = source.head(64)
        reader = _Reader(source, restoring(map_location), mapped, pickle_load_args)
        if zip_reader.begins(head):
            return reader.archive(as_data, pickle_module or pickle)
        if begins_safetensors(head):
            return tensors.load(source, map_location, mmap=bool(mapped))
        if mapped:
            raise RuntimeError(
                "mmap can only be used with files saved with "
                f"`torch.save({f}, _use_new_zipfile_serialization=True), please torch.save your "
                "checkpoint with this option in order to use mmap."
            )
        made, end = reader.legacy(as_data, pickle_module or pickle)
        if not isinstance(f, (str, os.PathLike)):
            f.seek(end - source.size, io.SEEK_CUR)  # another one may follow
        return made


def get_unsafe_globals_in_checkpoint(f: Any) -> list[str]:
    """The names in a file of torch's zip format that `weights_only` would refuse."""
    with _source(f) as source:
        if not zip_reader.begins(source.head(4)):
            raise ValueError("Expected input to be a checkpoint returned by torch.save")
        archive = _open(source)
        data = zip_reader.read_member(source, archive.pickle(), MAX_PICKLE)
        return not_allowed(take_apart(data).names)


def _as_data(weights_only: bool | None, pickle_module: Any) -> bool:
    """Whether a file is read as data, by the arguments and what the environment forces."""
    force = os.getenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "0").lower() in _TRUE
    force_no = os.getenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "0").lower() in _TRUE
    if force and force_no:
        raise RuntimeError(
            "Only one of `TORCH_FORCE_WEIGHTS_ONLY_LOAD` or `TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD` "
            "should be set, but both were set."
        )
    chosen = pickle_module is None if weights_only is None else bool(weights_only)
    if force:
        chosen = True
    elif force_no and weights_only is None:
        warnings.warn(
            "Environment variable TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD detected, since the"
            "`weights_only` argument was not explicitly passed to `torch.load`, forcing "
            "weights_only=False.",
            stacklevel=3,
        )
        chosen = False
    if chosen and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    return chosen


# --- where bytes come from -----------------------------------------------------------------------


@contextmanager
def _source(f: Any) -> Iterator[Source]:
    if isinstance(f, (str, os.PathLike)):
        with open_source(f) as source:
            yield source
        return
    try:
        f.seek(f.tell())
    except (io.UnsupportedOperation, AttributeError) as error:
        raise type(error)(
            f"{error}. You can only torch.load from a file that is seekable. Please pre-load the "
            "data into a buffer like io.BytesIO and try to load from it instead."
        ) from None
    data = f.read()
    if not isinstance(data, (bytes, bytearray)):
        raise TypeError(
            f"load(): the file object must be opened in binary mode, got {type(f).__name__}"
        )
    yield Held(data)


def _open(source: Source) -> torch_zip.Archive:
    members = zip_reader.read_directory(source)
    root = torch_zip.archive_name(members)
    if root is None:
        raise FormatError("bad_header", "load: a zip archive that is not torch's")
    big = config.load.endianness is LoadEndianness.BIG
    return torch_zip.open_archive(source, members, root, big=big)


class _Reader:
    """Reads one file, in whatever format it is."""

    def __init__(self, source: Source, restore: Any, mapped: Any, options: dict[str, Any]) -> None:
        self.source, self.restore, self.mapped, self.options = source, restore, mapped, options
        self.made: dict[str, UntypedStorage] = {}
        self._map: mmap.mmap | None = None

    # -- the zip format --

    def archive(self, as_data: bool, module: Any) -> Any:
        """The value in a file of torch's zip format."""
        with _worded(as_data, "PytorchStreamReader failed reading zip archive: "):
            archive = _open(self.source)

            def storage(kind: str, key: tuple[Any, ...]) -> Any:
                return self._typed(self._stored(archive, kind, *key[:3]), kind)

            limit = MAX_PICKLE if as_data else self.source.size
            member = archive.pickle()
            data = zip_reader.read_member(self.source, member, limit)
            _check_sum(member, zlib.crc32(data))
            if as_data:
                return self._data(data, storage)
            return self._unpickled(module, io.BytesIO(data), storage)

    def _data(self, data: bytes, storage: Any) -> Any:
        parsed = take_apart(data, encoding=self._encoding())
        check_names(parsed.names)
        return Builder(storage).value(parsed.graph)

    def _encoding(self) -> str | None:
        encoding = self.options["encoding"]
        return None if encoding == "bytes" else encoding

    def _stored(self, archive: torch_zip.Archive, kind: str, *key: Any) -> UntypedStorage:
        """The bytes of a storage, read once: tensors that shared memory share it again."""
        found = archive.locate("a tensor", kind, *key)
        if found.key not in self.made:
            row = self._bytes_of(found.member)
            storage = UntypedStorage._over(row, CPU)
            if archive.big and kind != "UntypedStorage":
                storage.byteswap(storage_dtype(kind))
            self.made[found.key] = self.restore(storage, found.device)
        return self.made[found.key]

    @staticmethod
    def _typed(storage: Any, kind: str) -> Any:
        return TypedStorage._over(storage, _dtype_of(kind))

    def _bytes_of(self, member: zip_reader.Member) -> Any:
        if SKIPS.on:
            return np.zeros(member.size, np.uint8)
        if self.mapped and member.method == zip_reader.STORED and member.size:
            return np.frombuffer(self._mapping(), np.uint8, member.size, member.begin)
        # NumPy aligns what it allocates, whatever the elements turn out to be.
        found = np.empty(member.size, np.uint8)
        if member.method == zip_reader.STORED:
            self.source.read_into(member.begin, found.data)
        else:
            at = 0
            for piece in zip_reader.member_pieces(self.source, member):
                found[at : at + len(piece)] = np.frombuffer(piece, np.uint8)
                at += len(piece)
        if member.crc:
            _check_sum(member, zlib.crc32(found.data))
        return found

    def _mapping(self) -> mmap.mmap:
        """The whole file, mapped once: for this process alone, or so that it is written to."""
        if self._map is None:
            shared = config.load.mmap_flags == mmap.MAP_SHARED
            flags = os.O_RDWR if shared else os.O_RDONLY
            descriptor = os.open(self.source.path, flags | os.O_CLOEXEC)
            try:
                access = mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY
                self._map = mmap.mmap(descriptor, self.source.size, access=access)
            finally:
                os.close(descriptor)
        return self._map

    # -- the format before --

    def legacy(self, as_data: bool, module: Any) -> tuple[Any, int]:
        """The value in a file of the format before torch 1.6, and where the file's end is."""
        if not self.source.size:
            raise EOFError("Ran out of input")
        parts = legacy.Parts(self.source.size, self.restore)

        def storage(kind: str, key: tuple[Any, ...]) -> Any:
            if kind not in torch_zip.STORAGES:
                raise FormatError("bad_dtype", f"torch: a storage of kind {kind[:80]!r}")
            name, place, count = _text(key[0]), _text(key[1]), key[2]
            found = parts.storage(
                name, _dtype_of(kind), place, count, key[3] if len(key) > 3 else None
            )
            return self._typed(found, kind)

        with _worded(as_data, ""):
            stream = io.BytesIO(self._all())
            read_value = self._parts_as_data(stream) if as_data else self._parts(stream, module)
            legacy.check_magic(read_value())
            legacy.check_version(read_value())
            read_value()  # the system that wrote it
            made = read_value(storage)
            keys = read_value()
            keys = [*map(_text, keys)] if type(keys) is list else keys
            parts.fill(keys, lambda length: _exactly(stream, length))
            return made, stream.tell()

    def _all(self) -> bytes:
        step = 1 << 24
        size = self.source.size
        return b"".join(self.source.read(at, min(step, size - at)) for at in range(0, size, step))

    def _parts_as_data(self, stream: Any) -> Any:
        data, encoding = stream.getvalue(), self._encoding()

        def read(storage: Any = None) -> Any:
            parsed = take_apart(data, stream.tell(), encoding=encoding)
            stream.seek(parsed.end)
            check_names(parsed.names)
            return Builder(storage or _no_storage).value(parsed.graph)

        return read

    def _parts(self, stream: Any, module: Any) -> Any:
        def read(storage: Any = None) -> Any:
            return self._unpickled(module, stream, storage or _no_storage)

        return read

    # -- all of pickle --

    def _unpickled(self, module: Any, stream: Any, storage: Any) -> Any:
        class Unpickler(module.Unpickler):  # type: ignore[misc]
            def find_class(self, space: str, name: str) -> Any:
                """What a name stands for: for torch's, what stands here for it."""
                if names.is_torchs(space):
                    old = name.endswith("Storage") and space in ("torch", "torch.cuda")
                    return StorageType(name) if old else names.found(space, name)
                return super().find_class(space, name)

            def persistent_load(self, key: Any) -> Any:
                """A storage, or the class of a module with the source that it had."""
                kind, first, *rest = key
                if kind in ("module", b"module"):
                    legacy.check_source(first, rest[1])
                    return first
                if kind not in ("storage", b"storage"):
                    raise pickle.UnpicklingError(f"Unknown saved id type: {kind!r}")
                return storage(getattr(first, "name", None) or first.__name__, tuple(rest))

        return Unpickler(stream, **self.options).load()


def _check_sum(member: zip_reader.Member, crc: int) -> None:
    if member.crc not in (0, crc):  # 0: written without a checksum
        raise FormatError("digest_mismatch", f"torch: the bytes of {member.name!r} were altered")


def _dtype_of(kind: str) -> dtype:
    # torch gives bytes out as elements, too.
    return storage_dtype("ByteStorage" if kind == "UntypedStorage" else kind)


def _text(value: Any) -> Any:
    """The text that Python 2 wrote as bytes."""
    return value.decode("ascii", "replace") if type(value) is bytes else value


def _no_storage(kind: str, key: Any) -> Any:
    raise FormatError("bad_tree", "torch: a storage before the value")


def _exactly(stream: Any, length: int) -> bytes:
    data: bytes = stream.read(length)
    if len(data) < length:
        raise FormatError("truncated", f"torch: {length} bytes of a storage, {len(data)} there")
    return data


# --- words ---------------------------------------------------------------------------------------


@contextmanager
def _worded(as_data: bool, before: str) -> Iterator[None]:
    """Errors as torch has them: what is refused, and files that cannot be read."""
    try:
        yield
    except pickle.UnpicklingError as error:
        if not as_data:
            raise
        raise type(error)(_refusal(str(error))) from None
    except FormatError as error:
        if isinstance(error, DamagedCheckpoint):
            raise
        text = str(error).removesuffix(f" [{error.reason}]")
        raise DamagedCheckpoint(error.reason, before + text) from None


def _refusal(text: str) -> str:
    if re.search(r"GLOBAL (\S+) was not an allowed global by default\.", text):
        return (
            "Weights only load failed. This file can still be loaded, to do so you have two "
            "options, \033[1mdo those steps only if you trust the source of the checkpoint\033[0m. "
            f"\n\t(1) {_UNSAFE}\n\t(2) Alternatively, to load with `weights_only=True` please "
            "check the recommended steps in the following error message.\n\tWeightsUnpickler "
            f"error: {text}{_DOCS}"
        )
    asked = "" if "is blocked" in text else (
        "Please file an issue with the following so that we can make `weights_only=True` "
        "compatible with your use case: WeightsUnpickler error: "
    )  # fmt: skip
    return f"Weights only load failed. {_UNSAFE}\n{asked}\n\n{text}{_DOCS}"
