"""The layout of a .npz file: a zip archive of .npy arrays, stored or deflated.

Knows the archive's directory and the header of .npy; reads no element.
"""

from __future__ import annotations

from typing import Final

from ..errors import FormatError
from . import npy
from .source import Source
from .spans import Layout, Span
from .zip_reader import STORED, Member, member_head

_SUFFIX: Final = ".npy"
_HEAD: Final = 512
_MAX_HEADERS: Final = 32 << 20


def matches(members: dict[str, Member]) -> bool:
    """Return whether an archive is a .npz: it holds arrays.

    >>> matches({"w.npy": Member("w.npy", STORED, 0, 0, 0, 0)}), matches({})
    (True, False)
    """
    return any(name.endswith(_SUFFIX) for name in members)


def read(source: Source, members: dict[str, Member]) -> Layout:
    """Return the layout of a .npz archive; members that are no arrays are noted."""
    spans: list[Span] = []
    notes: list[str] = []
    total = 0
    for name, member in members.items():
        if not name.endswith(_SUFFIX):
            notes.append(f"{name!r} is no array")
            continue
        header = _header(source, member)
        total += header.start
        if total > _MAX_HEADERS:
            raise FormatError("too_large", f"npz: headers of more than {_MAX_HEADERS} bytes")
        if header.note:
            notes.append(f"{name!r}: {header.note}")
        spans.append(_span(name.removesuffix(_SUFFIX), header, member))
    return Layout("npz", tuple(spans), notes=tuple(notes))


def _header(source: Source, member: Member) -> npy.Header:
    # NumPy's headers take 128 bytes; only a longer one is worth a second read.
    head = member_head(source, member, _HEAD)
    length = npy.header_length(head)
    if length > len(head):
        head = member_head(source, member, length)
    return npy.parse_header(head)


def _span(name: str, header: npy.Header, member: Member) -> Span:
    if member.method == STORED:
        return npy.span_of(name, header, member.begin, member.end)
    if header.start + npy.nbytes(header) > member.size:
        raise FormatError("truncated", f"npz: {name!r} of {member.size} bytes is cut short")
    return Span(
        name, npy.dtype_name(header), header.shape, member.begin, member.end,
        strides=npy.strides(header), codec="deflate", skip=header.start, inflated=member.size,
    )  # fmt: skip
