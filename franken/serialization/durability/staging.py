"""A file that is written by position beside its target, checked, and only then takes its place.

Knows paths and bytes. What a killed process left behind is cleared by the next one that works on
the same target, under that target's lock.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from contextlib import ExitStack, suppress

from ..atomic import _sync_directory
from .errors import writing


class Staged:
    """A temporary file for ``target``; ``commit`` renames it, leaving the block discards it.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "a.bin")
    ...     with Staged(path) as staged:
    ...         staged.write(2, b"cd")
    ...         staged.write(0, b"ab")
    ...         staged.commit()
    ...     path.read_bytes()
    b'abcd'
    """

    def __init__(self, target: str | os.PathLike[str], size: int = 0) -> None:
        self.target = os.path.realpath(target)
        folder, name = os.path.split(self.target)
        self.path = os.path.join(folder, f"{_prefix(name)}{secrets.token_hex(8)}{_SUFFIX}")
        with writing(target):
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self.descriptor = os.open(self.path, flags, 0o666)
        self._open = True
        with ExitStack() as undo:
            undo.callback(self.discard)
            with writing(target):
                if size:
                    # A full disk is known now, and not after minutes of coding.
                    os.posix_fallocate(self.descriptor, 0, size)
                with suppress(FileNotFoundError):
                    os.fchmod(self.descriptor, os.stat(self.target).st_mode & 0o7777)
            undo.pop_all()

    def __enter__(self) -> Staged:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """Write all of ``data`` at ``offset``; WriteFailed if the disk does not take it."""
        view = memoryview(data)
        with writing(self.target):
            while view:
                done = os.pwrite(self.descriptor, view, offset)
                view, offset = view[done:], offset + done

    def clone(self, descriptor: int, source: int, target: int, length: int) -> int:
        """Let the system copy from an open file, sharing its blocks if it can; return the count.

        It is less than ``length`` at the end of that file, and where the system cannot do it or
        fails: then who reads and writes finds out why.
        """
        done = 0
        with suppress(OSError):
            while done < length:
                more = os.copy_file_range(
                    descriptor, self.descriptor, length - done, source + done, target + done
                )
                if not more:
                    break
                done += more
        return done

    def flush(self) -> None:
        """Wait until the bytes are on the disk."""
        with writing(self.target):
            os.fsync(self.descriptor)

    def commit(self) -> None:
        """Put the file in the target's place, durably."""
        self.flush()
        with writing(self.target):
            os.replace(self.path, self.target)
            self._close()
            _sync_directory(os.path.dirname(self.target))

    def discard(self) -> None:
        """Remove the temporary file; nothing after ``commit``."""
        if self._open:
            self._close()
            with suppress(FileNotFoundError):
                os.unlink(self.path)

    def _close(self) -> None:
        self._open = False
        os.close(self.descriptor)


def clear_stale(target: str | os.PathLike[str]) -> int:
    """Remove what killed processes left of ``target``; return how many files. Hold its lock."""
    folder, name = os.path.split(os.path.realpath(target))
    pattern = re.compile(re.escape(_prefix(name)) + r"[0-9a-f]{16}" + re.escape(_SUFFIX))
    removed = 0
    with suppress(OSError):  # a folder that cannot be listed or written: nothing is cleared
        for each in os.listdir(folder):
            if pattern.fullmatch(each):
                os.unlink(os.path.join(folder, each))
                removed += 1
    return removed


_SUFFIX = ".frqtmp"


def _prefix(name: str) -> str:
    # A digest of the whole name: two long names that begin alike must not clear one another's.
    encoded = os.fsencode(name)
    mark = hashlib.blake2b(encoded, digest_size=6).hexdigest()
    return f".{os.fsdecode(encoded[:48])}.{mark}."
