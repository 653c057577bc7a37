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
    """Return the block whose BLAKE2b-256 is ``expected``; None if it cannot be had.

    A symbol may be wrong although its CRC agrees. Then groups of symbols are left out in turn, as
    many at a time as the repair symbols can spare. Without ``expected`` the first result counts.
    """
    data = decode(source, repair, symbol)
    if data is None or expected is None or digest(data) == expected:
        return data
    spare = sum(each is not None for each in repair) - sum(each is None for each in source) - 2
    for first in range(0, len(source), spare) if spare > 0 else ():
        doubted = [*source[:first], *[None] * spare, *source[first + spare :]][: len(source)]
        data = decode(doubted, repair, symbol)
        if data is not None and digest(data) == expected:
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

    def _encode(self, job: dict[str, Any], places: array[int]) -> tuple[dict[str, Any], bytes]:
        counts, repair = job["counts"], job["repair"]
        width = len(counts)
        symbols = self._read(places, 0, len(places) // 3)
        coded, digests = [], []
        for column in range(width):
            data = b"".join(each or b"" for each in symbols[column::width])
            coded.append(encode(data, self._symbol, repair))
            digests.append(digest(data))
        # Row by row, as they lie in the sidecar: damage there spreads over blocks, too.
        rows = [coded[column][row] for row in range(repair) for column in range(width)]
        reply = {
            "block": job["block"],
            "digests": [each.hex() for each in digests],
            "crcs": [zlib.crc32(each or b"") for each in symbols],
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
