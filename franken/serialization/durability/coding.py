"""Encode and decode blocks with RaptorQ, in this process or as the program of a worker.

Runs as a script with the standard library and `raptorq` alone, so that a worker starts in
milliseconds: it imports nothing of franken, and must not. Knows offsets and bytes, no format.
Source: RFC 6330; the `raptorq` package, whose coder keeps the GIL (hence processes, not threads).
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import struct
import sys
import zlib
from array import array
from collections.abc import Sequence
from typing import IO, Any

DIGEST = 32
_FRAME = struct.Struct("<QQ")
# Files kept open at a time: a set may have more members than a process may have descriptors.
_OPEN = 64


def digest(data: Any) -> bytes:
    """Return the BLAKE2b-256 of some bytes."""
    return hashlib.blake2b(data, digest_size=DIGEST).digest()


def leaf(data: Any) -> bytes:
    """Return the BLAKE2b-256 of one symbol, filled up with zeros, as trees of digests have it."""
    return hashlib.blake2b(data, digest_size=DIGEST, person=b"frq symbol").digest()


def block_digest(leaves: bytes) -> bytes:
    """Return the digest of a block from the leaves of its symbols, in their order."""
    return hashlib.blake2b(leaves, digest_size=DIGEST, person=b"frq block").digest()


def digest_of(block: bytes, symbol: int) -> bytes:
    """Return the digest of a block of whole symbols.

    >>> digest_of(bytes(512), 256) == block_digest(leaf(bytes(256)) * 2)
    True
    """
    view = memoryview(block)
    return block_digest(
        b"".join(leaf(view[at : at + symbol]) for at in range(0, len(view), symbol))
    )


def encode(data: bytes, symbol: int, repair: int) -> list[bytes]:
    """Return ``repair`` repair symbols of a block of whole symbols.

    >>> len(encode(bytes(512), 256, 3)), len(encode(bytes(512), 256, 3)[0])
    (3, 256)
    """
    import raptorq

    packets = raptorq.Encoder.with_defaults(data, symbol).get_encoded_packets(repair)
    count = len(data) // symbol
    if len(packets) != count + repair or packets[0][4:] != data[:symbol]:
        raise RuntimeError("raptorq: not the packets that RFC 6330 asks for")
    return [packet[4:] for packet in packets[count:]]


def decode(
    source: Sequence[bytes | None], repair: Sequence[bytes | None], symbol: int
) -> bytes | None:
    """Return the block from the symbols that are left; None if they are too few.

    ``source`` and ``repair`` hold None for a lost symbol, at its own place.

    >>> data = bytes(range(256)) + bytes(256)
    >>> decode([None, bytes(256)], encode(data, 256, 3), 256) == data
    True
    """
    import raptorq

    if None not in source:
        return b"".join(each for each in source if each is not None)
    decoder = raptorq.Decoder.with_defaults(len(source) * symbol, symbol)
    for identity, payload in enumerate([*source, *repair]):
        if payload is not None:
            data = decoder.decode(identity.to_bytes(4, "big") + payload)
            if data is not None:
                return bytes(data)
    return None


def decode_checked(
    source: Sequence[bytes | None],
    repair: Sequence[bytes | None],
    symbol: int,
    expected: bytes | None,
) -> bytes | None:
    """Return the block whose digest is ``expected``; None if it cannot be had.

    A symbol may be wrong although its CRC agrees. Then groups of symbols are left out in turn, as
    many at a time as the repair symbols can spare. Without ``expected`` the first result counts.
    """
    data = decode(source, repair, symbol)
    if data is None or expected is None or digest_of(data, symbol) == expected:
        return data
    spare = sum(each is not None for each in repair) - sum(each is None for each in source) - 2
    for first in range(0, len(source), spare) if spare > 0 else ():
        doubted = [*source[:first], *[None] * spare, *source[first + spare :]][: len(source)]
        data = decode(doubted, repair, symbol)
        if data is not None and digest_of(data, symbol) == expected:
            return data
    return None


class Files:
    """Files read by position, a few open at a time; what lies behind the end reads as zeros."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        self._descriptors: dict[int, int] = {}

    def read(self, member: int, offset: int, length: int, size: int) -> bytes:
        """Return ``length`` bytes at ``offset``, zeros up to ``size``; offset -1 is all zeros."""
        data = os.pread(self._descriptor(member), length, offset) if offset >= 0 else b""
        return data if len(data) == size else data.ljust(size, b"\0")

    def fill(self, member: int, offset: int, views: Sequence[memoryview]) -> bool:
        """Read what lies at ``offset`` into the views in turn; False if it does not fill them."""
        wanted = sum(map(len, views))
        return os.preadv(self._descriptor(member), views, offset) == wanted

    def _descriptor(self, member: int) -> int:
        if member not in self._descriptors:
            if len(self._descriptors) >= _OPEN:
                os.close(self._descriptors.pop(next(iter(self._descriptors))))
            self._descriptors[member] = os.open(self._paths[member], os.O_RDONLY | os.O_CLOEXEC)
        return self._descriptors[member]

    def close(self) -> None:
        """Close what is open."""
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])


class Coder:
    """Answers the jobs of one file or set: ``setup`` names the files and the symbol size.

    A job has blocks that lie side by side, and ``places``: for every symbol, row by row across
    those blocks, member, offset and length as three int64, offset -1 if it is lost.
    """

    def __init__(self, setup: dict[str, Any]) -> None:
        self._files = Files(setup["paths"])
        self._symbol: int = setup["symbol"]
        self._buffers: list[bytearray] = []

    def close(self) -> None:
        """Close the files."""
        self._files.close()

    def run(self, job: dict[str, Any], payload: bytes) -> tuple[dict[str, Any], bytes]:
        """Return the answer to a job and its bytes."""
        places = array("q")
        places.frombytes(payload)
        return self._encode(job, places) if job["op"] == "encode" else self._decode(job, places)

    def _read(self, places: array[int], begin: int, end: int) -> list[bytes | None]:
        symbol, read = self._symbol, self._files.read
        return [
            None if places[at + 1] < 0 else read(places[at], places[at + 1], places[at + 2], symbol)
            for at in range(begin * 3, end * 3, 3)
        ]

    def _columns(
        self, places: array[int], counts: Sequence[int]
    ) -> tuple[list[memoryview], list[int]]:
        """Return blocks that lie side by side, and the CRCs of their symbols row by row."""
        symbol, width, crcs = self._symbol, len(counts), []
        # Kept from job to job: fresh memory costs as much as reading into it.
        while len(self._buffers) < width or len(self._buffers[0]) < counts[0] * symbol:
            self._buffers = [bytearray(counts[0] * symbol) for _ in range(width)]
        columns = [memoryview(each) for each in self._buffers[:width]]
        for row, first in enumerate(range(0, len(places), 3 * width)):
            here = [each[row * symbol : (row + 1) * symbol] for each in columns]
            self._fill_row(here, places[first : first + 3 * width])
            crcs += [zlib.crc32(each) for each in here[: (len(places) - first) // 3]]
        sizes = [count * symbol for count in counts]
        return [each[:size] for each, size in zip(columns, sizes, strict=True)], crcs

    def _fill_row(self, row: Sequence[memoryview], places: array[int]) -> None:
        """Read symbols, in one call where they are neighbours in a file."""
        symbol, count = self._symbol, len(places) // 3
        member, offset = places[:2]
        whole = places[-3] == member and places[-2] == offset + (count - 1) * symbol
        if whole and places[-1] == symbol and self._files.fill(member, offset, row[:count]):
            return
        for at, view in enumerate(row[:count]):
            member, offset, length = places[3 * at : 3 * at + 3]
            view[:] = self._files.read(member, offset, length, symbol)

    def _encode(self, job: dict[str, Any], places: array[int]) -> tuple[dict[str, Any], bytes]:
        counts, repair = job["counts"], job["repair"]
        width = len(counts)
        columns, crcs = self._columns(places, counts)
        coded = [encode(bytes(each), self._symbol, repair) for each in columns]
        # Row by row, as they lie in the sidecar: damage there spreads over blocks, too.
        rows = [coded[column][row] for row in range(repair) for column in range(width)]
        reply = {
            "block": job["block"],
            "width": width,
            "crcs": crcs,
            "repair_crcs": [zlib.crc32(each) for each in rows],
        }
        return reply, b"".join(rows)

    def _decode(self, job: dict[str, Any], places: array[int]) -> tuple[dict[str, Any], bytes]:
        count = job["count"]
        source = self._read(places, 0, count)
        repair = self._read(places, count, len(places) // 3)
        expected = bytes.fromhex(job["digest"]) if job["digest"] else None
        data = decode_checked(source, repair, self._symbol, expected)
        if data is None:
            return {"block": job["block"], "rows": None}, b""
        rows, parts = [], []
        for row, each in enumerate(source):
            if expected is None and each is not None:
                continue  # nobody doubts what was there
            part = data[row * self._symbol : (row + 1) * self._symbol]
            if part != each:
                rows.append(row)
                parts.append(part)
        return {"block": job["block"], "rows": rows}, b"".join(parts)


def send(stream: IO[bytes], message: Any, payload: bytes) -> None:
    """Write one message and its bytes to a pipe."""
    head = json.dumps(message).encode()
    stream.write(_FRAME.pack(len(head), len(payload)))
    stream.write(head)
    stream.write(payload)
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[Any, bytes] | None:
    """Read one message and its bytes from a pipe; None at its end."""
    frame = stream.read(_FRAME.size)
    if len(frame) < _FRAME.size:
        return None
    head, length = _FRAME.unpack(frame)
    message = json.loads(stream.read(head))
    payload = stream.read(length)
    return (message, payload) if len(payload) == length else None


def main() -> None:
    """Answer jobs from standard input until it ends, which it also does when the parent dies."""
    inbox, outbox = sys.stdin.buffer, sys.stdout.buffer
    first = receive(inbox)
    if first is None:
        return
    # The terminal interrupts the whole group; the parent decides, and closes the pipes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    coder = Coder(first[0])
    while (request := receive(inbox)) is not None:
        try:
            message, payload = coder.run(*request)
        except OSError as error:
            message, payload = {"errno": error.errno, "path": error.filename or ""}, b""
        try:
            send(outbox, message, payload)
        except BrokenPipeError:
            os._exit(0)  # nobody is left to answer, nor to flush for


if __name__ == "__main__":
    main()
