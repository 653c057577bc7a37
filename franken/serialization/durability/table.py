"""What a sidecar knows of symbols, blocks and tensors, as pages that stand damage.

The table is stored twice. Each page has its number and its CRC-32, so that two damaged copies
make one whole. What is lost in both stays unknown, and is never guessed. Opens no file.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from .errors import SidecarError
from .geometry import Geometry

Array = np.ndarray[Any, Any]

PAGE: Final = 4096
SIGNATURE: Final = 16
DIGEST: Final = 32
_FRAME: Final = struct.Struct("<II")
_ROOM: Final = PAGE - _FRAME.size
MAX_TENSORS_JSON: Final = 32 << 20


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor: bytes ``begin`` to ``end`` of the member with that number."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int
    member: int = 0


@dataclass(slots=True)
class Table:
    """CRCs, signatures and digests; the ``known`` masks are False where both copies are lost.

    ``tensors`` is None if their list is lost. A tensor digest of zeros was not taken.
    """

    crcs: Array
    signatures: Array
    blocks: Array
    repair_crcs: Array
    tensor_digests: Array
    tensors: tuple[Tensor, ...] | None
    known: Array
    known_signatures: Array
    known_blocks: Array
    known_repair: Array
    known_tensors: Array


def sections(geometry: Geometry, tensors: int, packed: int) -> list[int]:
    """Return the lengths of the table's parts."""
    return [
        4 * geometry.symbols,
        SIGNATURE * geometry.symbols,
        DIGEST * geometry.blocks,
        4 * geometry.repair * geometry.blocks,
        DIGEST * tensors,
        packed,
    ]


def paged_length(length: int) -> int:
    """Return the bytes of the pages for ``length`` bytes.

    >>> paged_length(0), paged_length(1), paged_length(4089)
    (0, 4096, 8192)
    """
    return -(-length // _ROOM) * PAGE


def to_pages(data: bytes) -> bytes:
    """Return the pages that hold ``data``."""
    parts = []
    for number, at in enumerate(range(0, len(data), _ROOM)):
        payload = data[at : at + _ROOM].ljust(_ROOM, b"\0")
        parts += [_FRAME.pack(number, zlib.crc32(payload, number)), payload]
    return b"".join(parts)


def from_pages(copies: Sequence[bytes], length: int) -> tuple[bytes, Array, int]:
    """Return ``length`` bytes, a mask of those that are known, and how many pages are damaged.

    >>> pages = to_pages(b"abc")
    >>> data, known, damaged = from_pages([bytes(4096), pages], 3)
    >>> data, bool(known.all()), damaged
    (b'abc', True, 1)
    """
    parts, mask, damaged = [], np.zeros(paged_length(length) // PAGE, bool), 0
    for number in range(len(mask)):
        good = [payload for copy in copies if (payload := _payload(copy, number)) is not None]
        damaged += len(copies) - len(good)
        mask[number] = bool(good)
        parts.append(good[0] if good else bytes(_ROOM))
    return b"".join(parts)[:length], np.repeat(mask, _ROOM)[:length], damaged


def _payload(copy: bytes, number: int) -> bytes | None:
    page = copy[number * PAGE : (number + 1) * PAGE]
    if len(page) < PAGE:
        return None
    stored, crc = _FRAME.unpack_from(page)
    payload = page[_FRAME.size :]
    return payload if stored == number and zlib.crc32(payload, number) == crc else None


def pack_tensors(tensors: Sequence[Tensor]) -> bytes | None:
    """Return the tensors' names and places, compressed; None if they are too many to list."""
    rows = [[t.name, t.dtype, list(t.shape), t.begin, t.end, t.member] for t in tensors]
    data = json.dumps(rows, separators=(",", ":")).encode()
    return None if len(data) > MAX_TENSORS_JSON else zlib.compress(data, 6)


def unpack_tensors(packed: bytes, geometry: Geometry, count: int) -> tuple[Tensor, ...]:
    """Return ``count`` tensors that lie inside their members, or raise SidecarError."""
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(packed, MAX_TENSORS_JSON + 1)
        if len(data) > MAX_TENSORS_JSON or not inflater.eof or inflater.unused_data:
            raise SidecarError("its list of tensors does not end where it should")
        rows = json.loads(data)
        tensors = tuple(_tensor(row, geometry) for row in rows)
    except (zlib.error, ValueError, TypeError, RecursionError) as error:
        raise SidecarError(f"its list of tensors cannot be read ({error})") from None
    if len(tensors) != count:
        raise SidecarError(f"it lists {len(tensors)} tensors where {count} were promised")
    return tensors


def _tensor(row: Any, geometry: Geometry) -> Tensor:
    name, dtype, shape, begin, end, member = row
    numbers = [*shape, begin, end, member]
    if not isinstance(name, str) or not isinstance(dtype, str):
        raise TypeError("a tensor's name and dtype are texts")
    if any(type(each) is not int or not 0 <= each < 2**63 for each in numbers):
        raise TypeError("a tensor's sizes are natural numbers")
    if member >= len(geometry.sizes) or not begin <= end <= geometry.sizes[member]:
        raise ValueError(f"tensor {name!r} lies outside its file")
    return Tensor(name, dtype, tuple(shape), begin, end, member)


def join(
    crcs: Array,
    signatures: Array,
    blocks: Array,
    repair_crcs: Array,
    tensor_digests: Array,
    packed: bytes,
) -> bytes:
    """Return the table's bytes, in the order of ``sections``."""
    little = (crcs.astype("<u4"), signatures, blocks, repair_crcs.astype("<u4"), tensor_digests)
    return b"".join([*(each.tobytes() for each in little), packed])


def split(data: bytes, known: Array, geometry: Geometry, tensors: int, packed: int) -> Table:
    """Return the table in ``data``, of which only the ``known`` bytes count."""
    parts, masks, at = [], [], 0
    for length in sections(geometry, tensors, packed):
        parts.append(data[at : at + length])
        masks.append(known[at : at + length])
        at += length
    listed = unpack_tensors(parts[5], geometry, tensors) if masks[5].all() else None
    blocks, repair = geometry.blocks, geometry.repair
    return Table(
        crcs=np.frombuffer(parts[0], "<u4"),
        signatures=np.frombuffer(parts[1], np.uint8).reshape(-1, SIGNATURE),
        blocks=np.frombuffer(parts[2], np.uint8).reshape(-1, DIGEST),
        repair_crcs=np.frombuffer(parts[3], "<u4").reshape(repair, blocks),
        tensor_digests=np.frombuffer(parts[4], np.uint8).reshape(-1, DIGEST),
        tensors=listed,
        known=_all(masks[0], 4),
        known_signatures=_all(masks[1], SIGNATURE),
        known_blocks=_all(masks[2], DIGEST),
        known_repair=_all(masks[3], 4).reshape(repair, blocks),
        known_tensors=_all(masks[4], DIGEST),
    )


def _all(mask: Array, width: int) -> Array:
    return np.asarray(mask.reshape(-1, width).all(1))
