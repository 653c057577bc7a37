"""The sidecar file: header, table, repair symbols, table again, header again.

Fails closed: every length is computed from the header's numbers, compared with the real file, and
bounded before anything is read or allocated. Knows no checkpoint format and decodes nothing.
A header is magic, version (u16), length (u32), JSON, and BLAKE2b-256 of all before. That frame is
the same in every version.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from . import table as tables
from .coding import digest
from .errors import BadInput, SidecarError, SidecarVersion, reading
from .geometry import MAX_REDUNDANCY, Geometry
from .source import MAX_MEMBERS, State, is_safe_name
from .table import Array, Table

MAGIC: Final = b"FRKRQ\r\n\x1a"
VERSION: Final = 2
_FRAME: Final = struct.Struct("<8sHI")
_MAX_HEADER: Final = 16 << 20
_TAIL: Final = 64 << 10
_CANDIDATES: Final = 16
# What one block may hold: below RaptorQ's sub-block limit, and so little that no header, however
# hostile, makes a worker take more.
_MAX_BLOCK_BYTES: Final = 10 << 20
_MAX_K: Final = 56_403  # RFC 6330, table 2
_READ: Final = 4 << 20
# 4 GiB of table cover 1.5 TB of files; a sparse file may claim more, and gets no memory for it.
_MAX_TABLE: Final = 4 << 30


@dataclass(frozen=True, slots=True)
class Member:
    """A protected file: its name, size, time of change, and digest (`tree`) in hexadecimal."""

    name: str
    size: int
    mtime_ns: int
    digest: str


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says. Two equal headers have equal bytes."""

    members: tuple[Member, ...]
    is_set: bool
    format: str
    redundancy: float
    lost: int
    geometry: Geometry
    tensors: int
    packed: int
    table_digest: str

    @property
    def table_bytes(self) -> int:
        """Return the length of the table before it is paged."""
        return sum(tables.sections(self.geometry, self.tensors, self.packed))

    def to_bytes(self) -> bytes:
        """Return the header with its frame and digest."""
        text = json.dumps(self._fields(), sort_keys=True, separators=(",", ":")).encode()
        framed = _FRAME.pack(MAGIC, VERSION, len(text)) + text
        return framed + digest(framed)

    def _fields(self) -> dict[str, Any]:
        return {
            "blocks": self.geometry.blocks,
            "format": self.format,
            "lost": self.lost,
            "members": [[m.name, m.size, m.mtime_ns, m.digest] for m in self.members],
            "packed": self.packed,
            "redundancy": self.redundancy,
            "repair": self.geometry.repair,
            "set": self.is_set,
            "symbol": self.geometry.symbol,
            "table_digest": self.table_digest,
            "tensors": self.tensors,
        }


@dataclass(frozen=True, slots=True)
class Places:
    """Where the parts of a sidecar lie; ``total`` is its length."""

    header: int
    table: int
    repair: int
    second_table: int
    second_header: int
    total: int

    @staticmethod
    def of(header: Header) -> Places:
        """Return the places of a header's sidecar."""
        head, table = len(header.to_bytes()), tables.paged_length(header.table_bytes)
        geometry = header.geometry
        repair = geometry.repair * geometry.blocks * geometry.symbol
        after = head + table + repair
        return Places(0, head, head + table, after, after + table, after + table + head)


@dataclass(slots=True)
class Sidecar:
    """An opened sidecar. ``bases`` are the shifts at which its parts were found.

    ``damage`` counts damaged headers and pages; repair symbols are checked by ``check_repair``.
    """

    path: Path
    header: Header
    table: Table
    bases: tuple[int, ...]
    damage: int
    state: State

    @property
    def geometry(self) -> Geometry:
        """Return how the file is cut."""
        return self.header.geometry

    def check_repair(self) -> Array:
        """Return the offset of every repair symbol in the sidecar, -1 if it is damaged: (R, B)."""
        geometry, table = self.geometry, self.table
        start, count = Places.of(self.header).repair, geometry.repair * geometry.blocks
        offsets = np.full(count, -1, np.int64)
        known, crcs = table.known_repair.reshape(-1), table.repair_crcs.reshape(-1)
        with reading(self.path), open(self.path, "rb", buffering=0) as file:
            for base in self.bases:
                for first, actual in _crcs(file.fileno(), base + start, count, geometry.symbol):
                    each = np.arange(first, first + len(actual))
                    good = known[each] & (offsets[each] < 0) & (crcs[each] == actual)
                    offsets[each[good]] = base + start + each[good] * geometry.symbol
        return offsets.reshape(geometry.repair, geometry.blocks)


def _crcs(descriptor: int, start: int, count: int, symbol: int) -> Any:
    step = max(1, _READ // symbol)
    for first in range(0, count, step):
        at = start + first * symbol
        wanted = min(step, count - first)
        skipped = min(wanted, -(min(at, 0) // symbol))  # a shifted sidecar that lacks its front
        if skipped == wanted:
            continue
        data = os.pread(descriptor, (wanted - skipped) * symbol, at + skipped * symbol)
        whole = len(data) // symbol
        view = memoryview(data)
        yield (
            first + skipped,
            np.fromiter(
                (zlib.crc32(view[i * symbol : (i + 1) * symbol]) for i in range(whole)),
                np.uint32,
                whole,
            ),
        )


def read(path: str | os.PathLike[str]) -> Sidecar:
    """Open a sidecar; SidecarError, SidecarVersion or BadInput if it cannot be used."""
    file = Path(path)
    with reading(path):
        if file.is_dir():
            raise BadInput(f"{file}: is a directory", reason="directory")
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        with reading(path):
            info = os.fstat(descriptor)
            state = State(info.st_size, info.st_mtime_ns, info.st_ino)
            return _read(file, descriptor, state)
    except SidecarError as error:
        raise type(error)(f"{file}: {error}") from None
    finally:
        os.close(descriptor)


def _read(path: Path, descriptor: int, state: State) -> Sidecar:
    size = state.size
    header, bases, damage = _headers(descriptor, size)
    places = Places.of(header)
    paged = places.repair - places.table
    if paged > min(size, _MAX_TABLE):
        raise SidecarError(f"truncated: a table of {paged} bytes in a file of {size}")
    copies = [
        _pread(descriptor, base + at, paged)
        for base in bases
        for at in (places.table, places.second_table)
    ]
    data, known, bad = tables.from_pages(copies, header.table_bytes)
    if known.all() and digest(data).hex() != header.table_digest:
        raise SidecarError("its table is not the one that its header names")
    packed = header.packed
    table = tables.split(data, known, header.geometry, header.tensors, packed)
    # Copies at a second base are misses by design, not damage.
    extra = (len(bases) - 1) * 2 * (paged // tables.PAGE)
    return Sidecar(path, header, table, bases, damage + max(0, bad - extra), state)


def _pread(descriptor: int, at: int, length: int) -> bytes:
    front = min(length, max(0, -at))
    return bytes(front) + os.pread(descriptor, length - front, max(0, at + front))


def _headers(descriptor: int, size: int) -> tuple[Header, tuple[int, ...], int]:
    first = _parse(descriptor, 0, size)
    found = _last_header(descriptor, size)
    if first is None and found is None:
        raise SidecarError("neither of its headers is whole, or it is not a sidecar")
    if first is not None and found is not None and first != found[1]:
        raise SidecarError("its two headers contradict one another")
    header = first or (found[1] if found else None)
    assert header is not None
    places = Places.of(header)
    bases = [0] if first is not None else []
    if found is not None and found[0] > 0:
        bases.append(found[0] - places.second_header)
    damage = (first is None) + (found is None or found[0] != places.second_header)
    return header, tuple(dict.fromkeys(bases or [0])), damage + (size != places.total)


def _last_header(descriptor: int, size: int) -> tuple[int, Header] | None:
    for reach in dict.fromkeys((min(_TAIL, size), min(_MAX_HEADER + _TAIL, size))):
        tail = os.pread(descriptor, reach, size - reach)
        at = len(tail)
        for _ in range(_CANDIDATES):
            at = tail.rfind(MAGIC, 0, at)
            if at < 0:
                break
            position = size - reach + at
            # Found again at the very front, it is the first header and not a second one.
            if position and (header := _parse(descriptor, position, size)) is not None:
                return position, header
    return None


def _parse(descriptor: int, at: int, size: int) -> Header | None:
    """Return the header at ``at``; None if there is none or it is damaged."""
    frame = os.pread(descriptor, _FRAME.size, at)
    if len(frame) < _FRAME.size:
        return None
    magic, version, length = _FRAME.unpack(frame)
    if magic != MAGIC or length > min(_MAX_HEADER, size):
        return None
    text = os.pread(descriptor, length + tables.DIGEST, at + _FRAME.size)
    text, stored = text[:length], text[length:]
    if digest(frame + text) != stored:
        return None
    if version != VERSION:
        raise SidecarVersion(f"version {version}; this one reads version {VERSION}")
    header = _header(text)
    if header.to_bytes() != frame + text + stored:
        raise SidecarError("its header is not in canonical form")
    return header


def _header(text: bytes) -> Header:
    try:
        fields = json.loads(text)
        header = _from_fields(dict(fields))
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        raise SidecarError(f"its header cannot be read ({error})") from None
    _check(header)
    return header


def _from_fields(fields: dict[str, Any]) -> Header:
    members = tuple(Member(*row) for row in fields.pop("members"))
    if not 0 < len(members) <= MAX_MEMBERS:
        raise ValueError(f"{len(members)} members")
    sizes = tuple(_natural(member.size) for member in members)
    numbers = [_natural(fields.pop(name)) for name in ("symbol", "blocks", "repair")]
    if not 8 <= numbers[0] <= 65_528 or numbers[0] % 8:
        raise ValueError(f"symbols of {numbers[0]} bytes")
    header = Header(
        members=members,
        is_set=fields.pop("set"),
        format=fields.pop("format"),
        redundancy=fields.pop("redundancy"),
        lost=_natural(fields.pop("lost")),
        geometry=Geometry(numbers[0], sizes, numbers[1], numbers[2]),
        tensors=_natural(fields.pop("tensors")),
        packed=_natural(fields.pop("packed")),
        table_digest=fields.pop("table_digest"),
    )
    if fields:
        raise ValueError(f"unknown fields {sorted(fields)}")
    return header


def _natural(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**62:
        raise ValueError(f"{value!r} is not a size")
    return value


def _check(header: Header) -> None:
    geometry = header.geometry
    for member in header.members:
        if not is_safe_name(member.name) or (not header.is_set and "/" in member.name):
            raise SidecarError(f"it names a file {member.name!r}, which leaves its folder")
        if type(member.mtime_ns) is not int or not _is_digest(member.digest):
            raise SidecarError(f"what it says of {member.name!r} cannot be read")
    if type(header.is_set) is not bool or len(header.members) > 1 and not header.is_set:
        raise SidecarError("it covers several files and is not a set's")
    if len({member.name for member in header.members}) != len(header.members):
        raise SidecarError("it names a file twice")
    if not isinstance(header.format, str) or not _is_digest(header.table_digest):
        raise SidecarError("its header has fields of the wrong type")
    if type(header.redundancy) is not float or not 0 < header.redundancy <= MAX_REDUNDANCY:
        raise SidecarError(f"a redundancy of {header.redundancy!r}")
    _check_geometry(geometry)


def _check_geometry(geometry: Geometry) -> None:
    symbols, blocks = geometry.symbols, geometry.blocks
    if (symbols == 0) != (blocks == 0) or blocks > symbols:
        raise SidecarError(f"{blocks} blocks of {symbols} symbols")
    if blocks == 0:
        return
    largest = -(-symbols // blocks)
    if largest > _MAX_K or largest * geometry.symbol > _MAX_BLOCK_BYTES:
        raise SidecarError(f"blocks of {largest} symbols of {geometry.symbol} bytes")
    if not 0 < geometry.repair <= 4 * largest + 1024:
        raise SidecarError(f"{geometry.repair} repair symbols for {largest}")


def _is_digest(text: Any) -> bool:
    return isinstance(text, str) and len(text) == 64 and not set(text) - set("0123456789abcdef")
