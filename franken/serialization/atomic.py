"""Replace a file whole or not at all, durably.

Knows paths and bytes only. The order is the POSIX one for a crash-safe replacement: write a
temporary file beside the target, fsync it, rename it over the target, fsync the directory.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a binary file that takes the place of ``path`` only if the block ends without error.

    A reader sees the old content or the new, never a part. A symbolic link is followed, and an
    existing file keeps its permission bits.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "a.bin")
    ...     with atomic_write(path) as file:
    ...         _ = file.write(b"whole")
    ...     path.read_bytes()
    b'whole'
    """
    target = os.path.realpath(path)
    temporary = _temporary_name(target)
    replaced = False
    try:
        with _create(temporary, target) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
        replaced = True
    finally:
        if not replaced:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
    _sync_directory(os.path.dirname(target))


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Replace the content of ``path`` by ``data``, atomically.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "a.bin")
    ...     write_bytes(path, b"new")
    ...     path.read_bytes()
    b'new'
    """
    with atomic_write(path) as file:
        file.write(data)


def _temporary_name(target: str) -> str:
    # In the target's own directory: a rename is atomic only within one file system.
    folder, name = os.path.split(target)
    return os.path.join(folder, f".{name[:64]}.{secrets.token_hex(8)}.tmp")


def _create(temporary: str, target: str) -> BinaryIO:
    # os.open and not tempfile: the file gets the umask's permissions, not 0600.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    file = os.fdopen(descriptor, "wb")
    with suppress(FileNotFoundError):
        os.fchmod(descriptor, os.stat(target).st_mode & 0o7777)
    return file


def _sync_directory(folder: str) -> None:
    # Without this the rename itself may be lost in a power cut.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
