"""A regular file read by position, with every read checked against its size.

Readers of untrusted files take their bytes from here, so that no length or offset in a file can
make them read outside it or wait for a pipe. Knows no format.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ..errors import FormatError

# One read of a header or directory; tensors go through blocks.py and are not read whole.
MAX_READ: Final = 64 << 20


class Source:
    """An open file: its path, and its size when it was opened."""

    __slots__ = ("descriptor", "path", "size")

    def __init__(self, path: str, descriptor: int, size: int) -> None:
        self.path, self.descriptor, self.size = path, descriptor, size

    def read(self, begin: int, length: int) -> bytes:
        """Return ``length`` bytes from ``begin``; FormatError unless the file has them."""
        self._check(begin, length)
        data = os.pread(self.descriptor, length, begin)
        while len(data) < length:
            more = os.pread(self.descriptor, length - len(data), begin + len(data))
            if not more:
                raise FormatError("truncated", f"the file ended at {begin + len(data)} while read")
            data += more
        return data

    def _check(self, begin: int, length: int) -> None:
        self._check_inside(begin, length)
        if length > MAX_READ:
            raise FormatError("too_large", f"{length} bytes at once, limit {MAX_READ}")

    def _check_inside(self, begin: int, length: int) -> None:
        if begin < 0 or length < 0 or begin + length > self.size:
            raise FormatError(
                "truncated", f"bytes {begin} to {begin + length} of a file of {self.size}"
            )

    def read_into(self, begin: int, buffer: memoryview) -> None:
        """Fill ``buffer`` with the bytes from ``begin``; FormatError unless the file has them."""
        self._check_inside(begin, len(buffer))
        at = 0
        while at < len(buffer):
            got = os.preadv(self.descriptor, [buffer[at:]], begin + at)
            if not got:
                raise FormatError("truncated", f"the file ended at {begin + at} while read")
            at += got

    def head(self, length: int) -> bytes:
        """Return the first ``length`` bytes, or all of a shorter file."""
        return self.read(0, min(length, self.size))


class Held(Source):
    """Bytes that were read already, as a Source.

    >>> Held(b"abcdef").read(2, 3)
    b'cde'
    """

    __slots__ = ("data",)

    def __init__(self, data: bytes | bytearray) -> None:
        super().__init__("", -1, len(data))
        self.data = memoryview(data)

    def read(self, begin: int, length: int) -> bytes:
        """Return ``length`` bytes from ``begin``; FormatError unless they are there."""
        self._check(begin, length)
        return bytes(self.data[begin : begin + length])

    def read_into(self, begin: int, buffer: memoryview) -> None:
        """Fill ``buffer`` with the bytes from ``begin``; FormatError unless they are there."""
        self._check_inside(begin, len(buffer))
        buffer[:] = self.data[begin : begin + len(buffer)]


@contextmanager
def open_source(path: str | os.PathLike[str]) -> Iterator[Source]:
    """Open a regular file as a Source; OSError if it cannot be, FormatError if it is no file.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pathlib.Path(folder, "a").write_bytes(b"abcdef")
    ...     with open_source(folder + "/a") as source:
    ...         source.read(2, 3)
    b'cde'
    """
    # O_NONBLOCK: opening a pipe would otherwise wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(21, "Is a directory", os.fspath(path))
        if not stat.S_ISREG(status.st_mode):
            raise FormatError("bad_layout", f"{os.fspath(path)!r} is not a regular file")
        yield Source(os.fspath(path), descriptor, status.st_size)
    finally:
        os.close(descriptor)
