"""Write a zip archive of stored members whose bytes begin at multiples of 64.

As torch's own archives are, so that readers can map them. The same members give the same bytes:
no dates, no host. Knows no tensor.
Source: APPNOTE.TXT, the format's specification by PKWARE.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import BinaryIO, Final

from .zip_reader import STORED, Member, check_name

ALIGNMENT: Final = 64
_UTF8: Final = 0x0800
# From here on a size or offset goes into a 64-bit field, and all ones stand in its place.
WIDE_FROM = 0xFFFFFFFF
_FULL: Final = 0xFFFFFFFF
_FULL_16: Final = 0xFFFF
# 1 January 1980, the first day the format has.
_DATE: Final = 0x0021
_VERSION, _VERSION_64 = 20, 45


class ZipWriter:
    """Writes members one after the other to a seekable file, and the directory at the end."""

    def __init__(self, file: BinaryIO, alignment: int = ALIGNMENT, checksums: bool = True) -> None:
        self.file, self.alignment, self.checksums = file, alignment, checksums
        self.members: list[tuple[int, Member]] = []

    def add(self, name: str, pieces: Iterable[bytes | memoryview], size: int) -> None:
        """Write a member of ``size`` bytes, given in pieces."""
        raw = check_name(name).encode("utf-8")
        offset = self.file.tell()
        self.file.write(_local_header(raw, 0, size, offset, self.alignment))
        begin, crc, written = self.file.tell(), 0, 0
        for piece in pieces:
            crc = zlib.crc32(piece, crc) if self.checksums else 0
            written += self.file.write(piece)
        if written != size:
            raise ValueError(f"zip: expected {size} bytes for {name!r}, got {written}")
        # The checksum stands before the bytes, and is known after them.
        self.file.seek(offset + 14)
        self.file.write(crc.to_bytes(4, "little"))
        self.file.seek(begin + size)
        self.members.append((offset, Member(name, STORED, begin, begin + size, size, crc)))

    def leave_room(self, name: str, size: int) -> None:
        """Write a member of ``size`` bytes that somebody else is to write; without a checksum."""
        raw = check_name(name).encode("utf-8")
        offset = self.file.tell()
        self.file.write(_local_header(raw, 0, size, offset, self.alignment))
        begin = self.file.tell()
        self.file.seek(begin + size)
        self.file.truncate()
        self.members.append((offset, Member(name, STORED, begin, begin + size, size, 0)))

    def close(self) -> None:
        """Write the directory."""
        begin = self.file.tell()
        for offset, member in self.members:
            self.file.write(_central_entry(offset, member))
        self.file.write(_end(len(self.members), begin, self.file.tell() - begin))


def _local_header(name: bytes, crc: int, size: int, offset: int, alignment: int) -> bytes:
    extra = b""
    shown, version = size, _VERSION
    if size >= WIDE_FROM:
        extra = struct.pack("<2H2Q", 1, 16, size, size)
        shown, version = _FULL, _VERSION_64
    # The padding is a field of its own, as in torch's archives: "FB", its length, and letters.
    used = offset + 30 + len(name) + len(extra) + 4
    padding = -used % alignment
    extra += b"FB" + padding.to_bytes(2, "little") + b"Z" * padding
    fields = (b"PK\x03\x04", version, _UTF8, STORED, 0, _DATE, crc, shown, shown, len(name))
    return struct.pack("<4s5H3L2H", *fields, len(extra)) + name + extra


def _central_entry(offset: int, member: Member) -> bytes:
    name = member.name.encode("utf-8")
    size, shown_offset, wide = member.size, offset, b""
    if size >= WIDE_FROM:
        wide += struct.pack("<2Q", size, size)
        size = _FULL
    if offset >= WIDE_FROM:
        wide += offset.to_bytes(8, "little")
        shown_offset = _FULL
    extra = struct.pack("<2H", 1, len(wide)) + wide if wide else b""
    version = _VERSION_64 if wide else _VERSION
    return struct.pack(
        "<4s6H3L5H2L", b"PK\x01\x02", version, version, _UTF8, STORED, 0, _DATE, member.crc, size,
        size, len(name), len(extra), 0, 0, 0, 0, shown_offset,
    ) + name + extra  # fmt: skip


def _end(count: int, begin: int, size: int) -> bytes:
    end = b""
    wide = count >= _FULL_16 or begin >= WIDE_FROM
    if wide:
        end = struct.pack(
            "<4sQ2H2L4Q", b"PK\x06\x06", 44, _VERSION_64, _VERSION_64, 0, 0, count, count, size,
            begin,
        )  # fmt: skip
        end += struct.pack("<4sLQL", b"PK\x06\x07", 0, begin + size, 1)
    short_count, short_begin = min(count, _FULL_16), _FULL if wide else begin
    return end + struct.pack(
        "<4s4H2LH",
        b"PK\x05\x06",
        0,
        0,
        short_count,
        short_count,
        _FULL if wide else size,
        short_begin,
        0,
    )
