"""One entry for fuzzers: any bytes, through every reader.

Only FormatError may come out of the readers, in bounded time and memory; whatever else does is a
fault of theirs.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ..errors import FormatError
from . import npy, pickle_reader
from .blocks import check_budget
from .inspection import bad_checksums, stats
from .layout import read_layout, read_tensors

# Few enough bytes for thousands of runs a minute.
_MAX_TOTAL = 1 << 26


def fuzz(data: bytes) -> bool:
    """Put ``data`` through the readers; return whether it was a sound file of some format.

    >>> fuzz(b"PK" + bytes([3, 4]) + b"nothing"), fuzz(b"plain")
    (False, True)
    """
    for parse in (pickle_reader.parse, npy.parse_header):
        _attempt(parse, data)
    # A file without a name: readers take paths, and a fuzzer is not to wait for a disk.
    descriptor = os.memfd_create("fuzz")
    try:
        os.write(descriptor, data)
        return _attempt(_read_all, f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def _read_all(path: str) -> None:
    layout = read_layout(path)
    check_budget(layout, os.path.getsize(path))
    if sum(span.nbytes + span.inflated for span in layout.spans) <= _MAX_TOTAL:
        read_tensors(path, layout.spans, limit=_MAX_TOTAL)
        bad_checksums(path)
        if layout.format != "index":  # its members are files, and there are none beside the bytes
            stats(path)


def _attempt(action: Callable[[Any], object], argument: Any) -> bool:
    try:
        action(argument)
    except FormatError:
        return False
    return True
