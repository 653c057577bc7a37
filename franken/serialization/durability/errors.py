"""The errors of protect, verify and repair: each with an exit code and a reason for machines.

Knows no file and no format. The exit codes are those of the command line: 0 intact, 1 damaged and
repairable, 2 bad input, 3 not proven, 4 damaged beyond repair.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Final


class DurabilityError(RuntimeError):
    """Say what could not be done and why; ``reason`` is one word, ``exit_code`` the verb's.

    >>> error = BadInput("a.npz: no such file", reason="missing")
    >>> error.exit_code, error.reason
    (2, 'missing')
    """

    exit_code: ClassVar[int] = 2
    default_reason: ClassVar[str] = "error"

    def __init__(self, message: str, *, reason: str = "", report: Any = None) -> None:
        super().__init__(message)
        self.reason = reason or self.default_reason
        self.report = report


class BadInput(DurabilityError):
    """A path or an argument that cannot be worked on."""

    default_reason = "bad_input"


class CoderMissing(DurabilityError):
    """The package that makes and uses repair symbols is not installed."""

    default_reason = "no_coder"


class Busy(BadInput):
    """Another process is protecting or repairing the same file."""

    default_reason = "busy"


class WriteFailed(BadInput):
    """The disk is full, the folder is read-only, or a write failed; nothing was replaced."""

    default_reason = "write_failed"


class FileChanged(DurabilityError):
    """A file changed while it was read, so nothing true can be said of it."""

    default_reason = "file_changed"


class SidecarError(DurabilityError):
    """A sidecar that cannot be read, or that contradicts itself."""

    default_reason = "bad_sidecar"


class SidecarVersion(SidecarError):
    """A sidecar written by a version that this one does not know."""

    default_reason = "sidecar_version"


class SidecarMismatch(SidecarError):
    """A sidecar of another file."""

    default_reason = "sidecar_mismatch"


class Damaged(DurabilityError):
    """The file is damaged, and its sidecar can repair it."""

    exit_code = 1
    default_reason = "damaged"


class NotProven(DurabilityError):
    """There is no sidecar, so the bytes cannot be proven."""

    exit_code = 3
    default_reason = "not_proven"


class Unrepairable(DurabilityError):
    """The damage is larger than the redundancy; ``report`` says what is lost."""

    exit_code = 4
    default_reason = "unrepairable"


_READING: Final = {
    errno.ENOENT: "missing",
    errno.ENOTDIR: "missing",
    errno.EACCES: "unreadable",
    errno.EPERM: "unreadable",
    errno.EIO: "unreadable",
    errno.EISDIR: "directory",
    errno.ELOOP: "symlink_loop",
    errno.ENAMETOOLONG: "missing",
}
_WRITING: Final = {
    errno.ENOSPC: "no_space",
    errno.EDQUOT: "no_space",
    errno.EFBIG: "no_space",
    errno.EACCES: "read_only",
    errno.EPERM: "read_only",
    errno.EROFS: "read_only",
}


@contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn an OSError of the block into BadInput, with the path and the cause.

    >>> with reading("/nowhere"):
    ...     open("/nowhere")
    Traceback (most recent call last):
    franken.serialization.durability.errors.BadInput: /nowhere: No such file or directory
    """
    try:
        yield
    except OSError as error:
        reason = _READING.get(error.errno or 0, "unreadable")
        raise BadInput(f"{os.fspath(path)}: {error.strerror or error}", reason=reason) from error


@contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn an OSError of the block into WriteFailed, which says that nothing was replaced.

    >>> with writing("/nowhere/a"):
    ...     open("/nowhere/a", "wb")
    Traceback (most recent call last):
    franken.serialization.durability.errors.WriteFailed: /nowhere/a: No such file or directory
    """
    try:
        yield
    except OSError as error:
        reason = _WRITING.get(error.errno or 0, "")
        raise WriteFailed(f"{os.fspath(path)}: {error.strerror or error}", reason=reason) from error
