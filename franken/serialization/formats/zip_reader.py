"""The directory of a zip archive, checked: which bytes of the file each member is.

Refuses what no checkpoint writer makes and what extractors have been fooled by: paths that leave
the folder, names twice, members that overlap, encryption, split archives. Extracts nothing.
Source: APPNOTE.TXT, the format's specification by PKWARE.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..errors import FormatError
from .inflate import check_ratio, inflate, inflated_pieces
from .source import Source
from .spans import Span

MAX_MEMBERS: Final = 200_000
MAX_NAME: Final = 1024
STORED, DEFLATED = 0, 8

_END: Final = struct.Struct("<4s4H2LH")
_END64: Final = struct.Struct("<4sQ2H2L4Q")
_LOCATOR: Final = struct.Struct("<4sLQL")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_MAX_COMMENT: Final = 65_535
_ENCRYPTED, _UTF8 = 0x0001, 0x0800
_FULL_16, _FULL_32 = 0xFFFF, 0xFFFFFFFF
_ZIP64_EXTRA: Final = 0x0001


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the archive: bytes ``begin`` to ``end`` of it, ``size`` when inflated."""

    name: str
    method: int
    begin: int
    end: int
    size: int
    crc: int


def begins(head: bytes) -> bool:
    """Return whether a file that begins with ``head`` is a zip archive.

    >>> begins(b"PK" + bytes([3, 4])), begins(b"PNG ")
    (True, False)
    """
    return head[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def read_directory(source: Source) -> dict[str, Member]:
    """Return the members by name, in the order of their bytes; FormatError if anything is amiss."""
    count, begin, size = _find_directory(source)
    directory = source.read(begin, size)
    entries = _entries(directory, count)
    members: dict[str, Member] = {}
    position = 0
    for offset, entry in sorted(entries, key=lambda pair: pair[0]):
        if offset < position:
            raise FormatError("bad_layout", f"zip: {entry.name!r} overlaps the member before it")
        member = _locate(source, offset, entry, begin)
        position = member.end
        members[member.name] = member
    return members


def member_span(member: Member) -> Span:
    """Return a member as a span of bytes.

    >>> member_span(Member("a", STORED, 40, 50, 10, 0)).codec
    'raw'
    """
    codec = "deflate" if member.method == DEFLATED else "raw"
    return Span(
        member.name, "U8", (member.size,), member.begin, member.end, codec=codec,
        inflated=member.size,
    )  # fmt: skip


def read_member(source: Source, member: Member, limit: int) -> bytes:
    """Return the bytes of a small member, inflated; FormatError above ``limit`` of them."""
    if member.size > limit:
        raise FormatError("too_large", f"zip: {member.name!r} of {member.size}, limit {limit}")
    if member.method == DEFLATED:
        return inflate(source, member_span(member), limit)
    return source.read(member.begin, member.size)


def member_head(source: Source, member: Member, length: int) -> bytes:
    """Return the first ``length`` bytes of a member, inflated, or all of a shorter one."""
    length = min(length, member.size)
    if member.method == STORED:
        return source.read(member.begin, length)
    head = b""
    for piece in inflated_pieces(source, member_span(member)):
        head += piece[: length - len(head)]
        if len(head) == length:
            break
    return head


def crc_matches(source: Source, member: Member) -> bool:
    """Return whether the member's bytes have the CRC-32 that the directory states.

    torch can be told to write no true CRC-32, so for .pt a difference is a suspicion only.
    """
    crc = 0
    for piece in member_pieces(source, member):
        crc = zlib.crc32(piece, crc)
    return crc == member.crc


def member_pieces(source: Source, member: Member) -> Iterator[bytes]:
    """Yield a member's bytes, inflated, a piece of at most 1 MiB at a time."""
    if member.method == DEFLATED:
        yield from inflated_pieces(source, member_span(member))
        return
    for begin in range(member.begin, member.end, 1 << 20):
        yield source.read(begin, min(1 << 20, member.end - begin))


def check_name(name: str) -> str:
    """Return a member's or file's name if it stays inside its folder, or raise FormatError.

    >>> check_name("archive/data/0")
    'archive/data/0'
    >>> check_name("../w")
    Traceback (most recent call last):
    franken.serialization.errors.FormatError: the name '../w' leaves its folder [bad_layout]
    """
    parts = name.split("/")
    bad = not name or len(name) > MAX_NAME or "\0" in name or "\\" in name or ":" in parts[0]
    if bad or ".." in parts or parts[0] == "":
        raise FormatError("bad_layout", f"the name {name[:80]!r} leaves its folder")
    return name


# -- the end of the archive --


def _find_directory(source: Source) -> tuple[int, int, int]:
    """Return the number of members, and where the directory begins and how long it is."""
    tail_size = min(source.size, _END.size + _MAX_COMMENT)
    tail = source.read(source.size - tail_size, tail_size)
    at = tail.rfind(b"PK\x05\x06")
    while at >= 0 and not _is_end(tail, at):
        at = tail.rfind(b"PK\x05\x06", 0, at)
    if at < 0:
        raise FormatError("truncated", "zip: no end of the directory; the file was cut short")
    end = source.size - tail_size + at
    _, disk, start_disk, on_disk, count, size, begin, _ = _END.unpack_from(tail, at)
    wide = _end64(source, end)
    if wide is not None:
        # torch writes this record always, and the short one in full when the numbers fit.
        disk, start_disk, on_disk, count, size, begin, end = wide
    elif _FULL_16 in (on_disk, count) or _FULL_32 in (size, begin):
        raise FormatError("bad_layout", "zip: large sizes and no 64-bit end of the directory")
    if disk or start_disk or on_disk != count:
        raise FormatError("bad_layout", "zip: the archive is split over several files")
    if begin + size != end:
        raise FormatError(
            "bad_layout", f"zip: directory in bytes {begin} to {begin + size}, expected until {end}"
        )
    if count > MAX_MEMBERS or size < count * _CENTRAL.size:
        raise FormatError("bad_layout", f"zip: {count} members in a directory of {size} bytes")
    return count, begin, size


def _is_end(tail: bytes, at: int) -> bool:
    # The comment ends with the file, else these four bytes are data that only look the part.
    if at + _END.size > len(tail):
        return False
    return at + _END.size + int.from_bytes(tail[at + 20 : at + 22], "little") == len(tail)


def _end64(source: Source, end: int) -> tuple[int, int, int, int, int, int, int] | None:
    """Return the fields of the 64-bit end record, and where it lies; None if there is none."""
    at = end - _LOCATOR.size
    if at < 0:
        return None
    magic, _, record, _ = _LOCATOR.unpack(source.read(at, _LOCATOR.size))
    if magic != b"PK\x06\x07":
        return None
    if record + _END64.size > at:
        raise FormatError("bad_layout", f"zip: the 64-bit end of the directory at byte {record}")
    fields = _END64.unpack(source.read(record, _END64.size))
    if fields[0] != b"PK\x06\x06" or record + 12 + fields[1] != at:
        raise FormatError("bad_layout", "zip: the 64-bit end of the directory is malformed")
    disk, start_disk, on_disk, count, size, begin = fields[4:]
    return disk, start_disk, on_disk, count, size, begin, record


# -- members --


def _entries(directory: bytes, count: int) -> list[tuple[int, Member]]:
    """Return (offset of the local header, member with begin=0 and end=packed size) of each."""
    entries: list[tuple[int, Member]] = []
    names: set[str] = set()
    at = 0
    for _ in range(count):
        offset, member, at = _entry(directory, at)
        if member.name in names:
            raise FormatError("bad_layout", f"zip: {member.name!r} occurs twice")
        names.add(member.name)
        if not member.name.endswith("/"):
            entries.append((offset, member))
    if at != len(directory):
        raise FormatError("bad_layout", f"zip: {len(directory) - at} stray bytes in the directory")
    return entries


def _entry(directory: bytes, at: int) -> tuple[int, Member, int]:
    if at + _CENTRAL.size > len(directory):
        raise FormatError("truncated", "zip: the directory ends within an entry")
    fields = _CENTRAL.unpack_from(directory, at)
    magic, _, _, flags, method, _, _, crc, packed, size, name_size, extra_size, note_size = fields[
        :13
    ]
    offset = fields[16]
    begin = at + _CENTRAL.size
    end = begin + name_size + extra_size + note_size
    if magic != b"PK\x01\x02" or end > len(directory):
        raise FormatError("bad_layout", f"zip: no entry at byte {at} of the directory")
    name = _decode_name(directory[begin : begin + name_size], flags)
    extra = directory[begin + name_size : begin + name_size + extra_size]
    size, packed, offset = _wide_sizes(name, extra, size, packed, offset)
    if flags & _ENCRYPTED or method not in (STORED, DEFLATED):
        raise FormatError("bad_layout", f"zip: {name!r} is encrypted or packed by method {method}")
    if method == STORED and packed != size:
        raise FormatError("bad_layout", f"zip: {name!r} is stored, {size} bytes as {packed}")
    check_ratio(name, packed, size)
    return offset, Member(name, method, 0, packed, size, crc), end


def _decode_name(raw: bytes, flags: int) -> str:
    try:
        name = raw.decode("utf-8" if flags & _UTF8 else "cp437")
    except UnicodeDecodeError:
        raise FormatError("bad_layout", f"zip: the name {raw[:80]!r} is not UTF-8") from None
    return check_name(name)


def _wide_sizes(
    name: str, extra: bytes, size: int, packed: int, offset: int
) -> tuple[int, int, int]:
    """Return the three numbers, those that are all ones replaced by the 64-bit field's."""
    numbers = [size, packed, offset]
    if _FULL_32 not in numbers:
        return size, packed, offset
    wide = _extra_field(extra, _ZIP64_EXTRA)
    at = 0
    for i, number in enumerate(numbers):
        if number == _FULL_32:
            if at + 8 > len(wide):
                raise FormatError("bad_layout", f"zip: {name!r} has no 64-bit sizes")
            numbers[i] = int.from_bytes(wide[at : at + 8], "little")
            at += 8
    return numbers[0], numbers[1], numbers[2]


def _extra_field(extra: bytes, wanted: int) -> bytes:
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, at)
        if kind == wanted:
            return extra[at + 4 : at + 4 + size]
        at += 4 + size
    return b""


def _locate(source: Source, offset: int, entry: Member, directory: int) -> Member:
    """Return the member with the place of its bytes, from its local header."""
    if offset + _LOCAL.size > directory:
        raise FormatError("bad_layout", f"zip: {entry.name!r} lies outside the archive")
    fields = _LOCAL.unpack(source.read(offset, _LOCAL.size))
    magic, _, flags, method, _, _, _, _, _, name_size, extra_size = fields
    begin = offset + _LOCAL.size + name_size + extra_size
    end = begin + entry.end
    if magic != b"PK\x03\x04" or method != entry.method or end > directory:
        raise FormatError("bad_layout", f"zip: {entry.name!r} and its local header disagree")
    # A second name here is how one archive looks different to two readers.
    name = _decode_name(source.read(offset + _LOCAL.size, name_size), flags)
    if name != entry.name:
        raise FormatError("bad_layout", f"zip: {entry.name!r} is {name!r} in its local header")
    return Member(entry.name, entry.method, begin, end, entry.size, entry.crc)
