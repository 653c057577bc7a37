"""`torch.save`: any object that pickle takes, in torch's zip format or in the one before it.

A file appears whole or not at all.
"""

from __future__ import annotations

import io
import os
import pickle
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from franken.faces.checkpoints import legacy
from franken.faces.checkpoints.pickling import Storages, dump, is_storage
from franken.faces.checkpoints.settings import SKIPS, config
from franken.serialization.atomic import atomic_write
from franken.serialization.formats.torch_writer import pieces
from franken.serialization.formats.zip_writer import ZipWriter


def save(
    obj: Any, f: Any, pickle_module: Any = pickle, pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True, _disable_byteorder_record: bool = False,
) -> None:  # fmt: skip
    """Save an object to a path (atomically) or to a file object; torch reads the file, too.

    Tensors that share memory share it again when they are loaded.

    >>> import franken as torch, io
    >>> buffer = io.BytesIO()
    >>> torch.save({"w": torch.ones(2)}, buffer)
    >>> _ = buffer.seek(0)
    >>> torch.load(buffer)
    {'w': tensor([1., 1.])}

    Raises RuntimeError for memory that is seen as several dtypes and for a folder that is not
    there, and what pickle raises for objects that it does not take.
    """
    _check_target(f)
    if not _use_new_zipfile_serialization:
        if SKIPS.on:
            raise RuntimeError(
                "Cannot use skip_data=True with _use_new_zipfile_serialization=False"
            )
        with _opened(f) as file:
            legacy.write(obj, file, pickle_module, pickle_protocol)
        return
    storages = Storages(lambda storage, number: str(number))

    def persistent_id(part: Any) -> Any:
        return ("storage", *storages.describe(part)) if is_storage(part) else None

    data = dump(obj, pickle_module, pickle_protocol, persistent_id)
    with _opened(f) as file:
        _write(file, _root(f), data, storages, not _disable_byteorder_record)


def _check_target(f: Any) -> None:
    if isinstance(f, (str, os.PathLike)):
        folder = os.path.dirname(os.fspath(f))
        if folder and not os.path.isdir(folder):
            raise RuntimeError(f"Parent directory {os.fsdecode(folder)} does not exist.")
    elif not hasattr(f, "write"):
        raise AttributeError(
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute"
        )
    elif not callable(f.write):
        raise TypeError(f"Buffer of {str(type(f)).strip('<>')} has no callable attribute 'write'")


@contextmanager
def _opened(f: Any) -> Iterator[Any]:
    """The file to write to: only what is complete reaches a path or a file object."""
    if isinstance(f, (str, os.PathLike)):
        if _is_replaceable(f):
            with atomic_write(f) as file:
                yield file
            return
        with open(f, "wb") as file:
            yield file
        return
    buffer = io.BytesIO()
    yield buffer
    f.write(buffer.getbuffer())
    if hasattr(f, "flush"):
        f.flush()


def _is_replaceable(path: Any) -> bool:
    """Whether a path is a file or none yet: a device such as /dev/null must stay what it is."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        return True


def _root(f: Any) -> str:
    """The name of the folder in the archive."""
    name = os.path.basename(os.fspath(f)) if isinstance(f, (str, os.PathLike)) else ""
    plain = isinstance(name, str) and name.isascii() and not set(name) & set(":\\")
    return (name.rpartition(".")[0] or name or "archive") if plain else "archive"


def _write(file: Any, root: str, data: bytes, storages: Storages, with_order: bool) -> None:
    archive = ZipWriter(file, config.save.storage_alignment, config.save.compute_crc32)
    alignment = str(config.save.storage_alignment).encode()
    records = [("data.pkl", data), (".format_version", b"1"), (".storage_alignment", alignment)]
    for name, content in [*records, *([("byteorder", b"little")] if with_order else [])]:
        archive.add(f"{root}/{name}", [content], len(content))
    for key, storage in storages.kept.items():
        size = storage.nbytes()
        if SKIPS.on:
            archive.leave_room(f"{root}/data/{key}", size)
        else:
            archive.add(f"{root}/data/{key}", pieces(storage.cpu()._bytes), size)
    archive.add(f"{root}/version", [b"3\n"], 2)
    mark = _identity(archive)
    archive.add(f"{root}/.data/serialization_id", [mark], len(mark))
    archive.close()


def _identity(archive: ZipWriter) -> bytes:
    """Forty digits that follow from the names and checksums of the records."""
    names = sums = 0
    for _, member in archive.members:
        names = zlib.crc32(member.name.encode(), names)
        sums = zlib.crc32(member.crc.to_bytes(4, "little"), sums)
    return f"{names:020d}{sums:020d}".encode()
