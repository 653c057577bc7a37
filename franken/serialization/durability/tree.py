"""Digests of files, tensors and blocks as trees over their symbols, so that a byte is hashed once.

The leaf of a symbol is BLAKE2b-256 of its bytes, filled up with zeros; files, blocks and tensors
are digests of leaves. Each kind has a personalization of its own, so that none passes for another.
Knows bytes and leaves; opens no file.
Source: BLAKE2 (RFC 7693); its parameter block has `personal` to keep uses of the hash apart.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from .coding import block_digest
from .geometry import Geometry
from .table import DIGEST, Array, Tensor

_FILE: Final = struct.Struct("<QQ")
# Tensors may share bytes. Hashing them all is fine up to this many times the file's size; those
# beyond it, which only a contrived file has, are judged by their symbols' CRCs alone.
_MOST: Final = 4


def file_digest(size: int, symbol: int, leaves: Array) -> bytes:
    """Return the digest of a file from its size, its symbol size and its symbols' leaves.

    >>> file_digest(0, 256, np.zeros((0, 32), np.uint8)).hex()[:16]
    '7607731206d12fda'
    """
    hasher = hashlib.blake2b(_FILE.pack(size, symbol), digest_size=DIGEST, person=b"frq file")
    hasher.update(np.ascontiguousarray(leaves).data)
    return hasher.digest()


def block_digests(geometry: Geometry, leaves: Array) -> Array:
    """Return the digests of all blocks, uint8 (blocks, 32), from the leaves of all symbols."""
    digests = [block_digest(leaves[block :: geometry.blocks].tobytes())
               for block in range(geometry.blocks)]  # fmt: skip
    return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, DIGEST)


class Ranges:
    """Digests of many byte ranges of one file, which is fed once from front to end.

    A range is the bytes of it before its first whole symbol, the leaves of its whole symbols, and
    the bytes behind the last: where it lies is part of what it is.
    """

    def __init__(self, tensors: Sequence[Tensor], symbol: int, size: int) -> None:
        self._symbol = symbol
        self._waiting: list[tuple[int, int]] = []
        budget = _MOST * size + (4 << 20)
        for begin, end in sorted({(t.begin, t.end) for t in tensors}):
            budget -= min(end - begin, 2 * symbol) + (end - begin) // symbol * DIGEST
            if budget >= 0:
                self._waiting.append((begin, end))
        self._waiting.reverse()
        self._active: list[tuple[int, int, Any]] = []
        self.digests: dict[tuple[int, int], bytes] = {}

    def feed(self, offset: int, view: memoryview, leaves: Array) -> None:
        """Take the bytes at ``offset``, which follow those taken before, and their leaves."""
        stop = offset + len(view)
        while self._waiting and self._waiting[-1][0] < stop:
            begin, end = self._waiting.pop()
            self._active.append((begin, end, _range_hasher()))
        still = []
        for begin, end, hasher in self._active:
            self._take(hasher, max(begin, offset), min(end, stop), offset, view, leaves)
            if end > stop:
                still.append((begin, end, hasher))
            else:
                self.digests[begin, end] = hasher.digest()
        self._active = still

    def _take(
        self, hasher: Any, begin: int, end: int, offset: int, view: memoryview, leaves: Array
    ) -> None:
        symbol = self._symbol
        first, last = -(-begin // symbol) * symbol, end // symbol * symbol
        if first >= last:
            hasher.update(view[begin - offset : max(begin, end) - offset])
            return
        hasher.update(view[begin - offset : first - offset])
        hasher.update(leaves[(first - offset) // symbol : (last - offset) // symbol])
        hasher.update(view[last - offset : end - offset])

    def finish(self) -> None:
        """Take note of what ends behind the last byte: empty ranges, and those of a cut file."""
        for begin, end in self._waiting:
            if begin == end:
                self.digests[begin, end] = _range_hasher().digest()


def _range_hasher() -> Any:
    return hashlib.blake2b(digest_size=DIGEST, person=b"frq tensor")
