"""The one exception of the file readers, and the closed list of its reasons.

Readers meet untrusted bytes: whatever is wrong with them ends here, never in a KeyError,
RecursionError or MemoryError of the code that stumbled on it.
"""

from __future__ import annotations

import pickle
from typing import Final

REASONS: Final = frozenset(
    {
        "truncated",  # fewer bytes than the format promises
        "too_large",  # above a stated bound
        "bad_header",  # not the JSON, or not the fields, that the format asks for
        "bad_dtype",  # a dtype that is unknown or that this format cannot hold
        "bad_layout",  # offsets, shapes and sizes contradict one another
        "bad_tree",  # the nested structure is malformed
        "unknown_version",  # written by a version this one does not know
        "digest_mismatch",  # the bytes are not those that were written
    }
)


class FormatError(ValueError):
    """Say why a file cannot be read or a value cannot be stored; ``reason`` is machine-readable.

    >>> FormatError("truncated", "12 bytes where 16 were promised").reason
    'truncated'
    """

    def __init__(self, reason: str, message: str) -> None:
        if reason not in REASONS:
            raise ValueError(f"FormatError: unknown reason {reason!r}")
        super().__init__(f"{message} [{reason}]")
        self.reason = reason


class UnpicklingError(FormatError, pickle.UnpicklingError):
    """A file asks for something that is not data; torch raises UnpicklingError for it."""

    def __init__(self, text: str) -> None:
        ValueError.__init__(self, text)
        self.reason = "bad_tree"


class DamagedCheckpoint(FormatError, RuntimeError):
    """A checkpoint cannot be read; torch raises RuntimeError for it."""

    def __init__(self, reason: str, message: str) -> None:
        ValueError.__init__(self, message)
        self.reason = reason
