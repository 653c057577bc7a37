"""The layout of a safetensors file, from the package's own safetensors reader.

Knows that one format only.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from .. import safetensors
from .source import Source
from .spans import NAMES, Layout, Span

# Below the format's 100 MB: a header of that size in small pieces would take gigabytes as JSON.
MAX_HEADER: Final = 24 << 20
# A length that no ASCII text begins with: eight letters are a far larger number.
_PLAUSIBLE: Final = 1 << 40


def begins(head: bytes) -> bool:
    """Return whether a file that begins with ``head`` means to be safetensors.

    >>> begins((24).to_bytes(8, "little") + b'{"w":'), begins(b'weights {"w":')
    (True, False)
    """
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") < _PLAUSIBLE


def read(source: Source) -> Layout:
    """Return the layout of a safetensors file; FormatError if it is not a sound one."""
    # Mapped, because the reader wants the whole file and looks at its header only.
    buffer = np.memmap(source.path, np.uint8, mode="r")
    header = safetensors.parse_header(np.asarray(buffer), max_header=MAX_HEADER)
    start = header.data_start
    spans = (
        Span(name, NAMES[entry.dtype], entry.shape, start + entry.begin, start + entry.end)
        for name, entry in header.entries.items()
    )
    ordered = sorted(spans, key=lambda span: (span.begin, span.end))
    return Layout("safetensors", tuple(ordered), header.metadata)
