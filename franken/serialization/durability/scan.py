"""One sequential pass over the members: CRC of each symbol, digest of each file and tensor.

Knows geometry and byte ranges; no sidecar and no checkpoint format. Hashing and CRCs let go of the
GIL, so they run in three threads beside the reading.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from .errors import reading
from .geometry import Geometry
from .source import State
from .table import DIGEST, SIGNATURE, Array, Tensor

Progress = Callable[[int, int, str], None] | None
_CHUNK: Final = 4 << 20
# Below this, threads cost more than they save.
_THREADED: Final = 1 << 20
# Tensors may share bytes. Hashing them all is fine up to this many times the files' size; those
# beyond it, which only a contrived file has, are judged by their symbols' CRCs alone.
_MOST: Final = 4


@dataclass(slots=True)
class Scan:
    """What the pass found; ``present`` marks symbols of which the files hold at least a part.

    ``digests`` cover the first ``sizes`` bytes of each member as the geometry has them; None for
    a missing member. A tensor digest of zeros was not taken.
    """

    crcs: Array
    present: Array
    signatures: Array
    digests: list[bytes | None]
    tensor_digests: Array


class Ranges:
    """Digests of many byte ranges of one file, which is fed once from front to end."""

    def __init__(self, tensors: Sequence[Tensor], budget: int) -> None:
        places = sorted({(t.begin, t.end) for t in tensors})
        self._waiting: list[tuple[int, int]] = []
        for begin, end in places:
            budget -= end - begin
            if budget >= 0:
                self._waiting.append((begin, end))
        self._waiting.reverse()
        self._active: list[tuple[int, int, Any]] = []
        self.digests: dict[tuple[int, int], bytes] = {}

    def feed(self, offset: int, view: memoryview) -> None:
        """Take the bytes at ``offset``, which follow those taken before."""
        stop = offset + len(view)
        while self._waiting and self._waiting[-1][0] < stop:
            begin, end = self._waiting.pop()
            self._active.append((begin, end, hashlib.blake2b(digest_size=DIGEST)))
        still = []
        for begin, end, hasher in self._active:
            hasher.update(view[max(0, begin - offset) : max(0, min(end, stop) - offset)])
            if end > stop:
                still.append((begin, end, hasher))
            else:
                self.digests[begin, end] = hasher.digest()
        self._active = still

    def finish(self) -> None:
        """Take note of what ends behind the last byte: empty ranges, and those of a cut file."""
        for begin, end in self._waiting:
            if begin == end:
                self.digests[begin, end] = hashlib.blake2b(digest_size=DIGEST).digest()


def scan(
    paths: Sequence[str],
    geometry: Geometry,
    states: Sequence[State | None],
    tensors: Sequence[Tensor] = (),
    *,
    digests: bool = True,
    progress: Progress = None,
    label: str = "reading",
) -> Scan:
    """Read every member once; BadInput if one cannot be read.

    ``digests=False`` takes CRCs only.
    """
    found = Scan(
        crcs=np.zeros(geometry.symbols, np.uint32),
        present=np.zeros(geometry.symbols, bool),
        signatures=np.zeros((geometry.symbols, SIGNATURE), np.uint8),
        digests=[None] * len(paths),
        tensor_digests=np.zeros((len(tensors), DIGEST), np.uint8),
    )
    with ThreadPoolExecutor(3, "scan") as pool:
        run = _threaded(pool) if geometry.total >= _THREADED else _inline
        done = 0
        for member, path in enumerate(paths):
            if states[member] is not None:
                with reading(path):
                    reader = _Member(found, geometry, member, tensors if digests else ())
                    reader.read(path, run, digests, _step(progress, done, geometry.total, label))
            done += geometry.sizes[member]
    return found


def _step(progress: Progress, done: int, total: int, label: str) -> Callable[[int], None]:
    return lambda here: progress(done + here, total, label) if progress else None


Run = Callable[[Sequence[Callable[[], None]]], Callable[[], None]]


def _inline(tasks: Sequence[Callable[[], None]]) -> Callable[[], None]:
    for task in tasks:
        task()
    return lambda: None


def _threaded(pool: ThreadPoolExecutor) -> Run:
    def run(tasks: Sequence[Callable[[], None]]) -> Callable[[], None]:
        futures: list[Future[None]] = [pool.submit(task) for task in tasks]

        def wait() -> None:
            for future in futures:
                future.result()

        return wait

    return run


class _Member:
    """The pass over one member."""

    def __init__(
        self, found: Scan, geometry: Geometry, member: int, tensors: Sequence[Tensor]
    ) -> None:
        self._found, self._symbol = found, geometry.symbol
        self._size, self._start = geometry.sizes[member], geometry.starts[member]
        self._member = member
        self._tensors = [(row, t) for row, t in enumerate(tensors) if t.member == member]
        budget = _MOST * self._size + _CHUNK
        self._ranges = Ranges([tensor for _, tensor in self._tensors], budget)
        self._hasher = hashlib.blake2b(digest_size=DIGEST)

    def read(self, path: str, run: Run, digests: bool, step: Callable[[int], None]) -> None:
        """Read to the end that the geometry knows, or to the file's own."""
        chunk = max(1, _CHUNK // self._symbol) * self._symbol
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            offset, wait = 0, lambda: None
            while offset < self._size:
                data = _read_whole(descriptor, min(chunk, self._size - offset), offset)
                wait()
                if not data:
                    break
                wait = run(self._tasks(offset, memoryview(data), digests))
                offset += len(data)
                step(offset)
            wait()
        finally:
            os.close(descriptor)
        if digests:
            self._store()

    def _tasks(self, offset: int, view: memoryview, digests: bool) -> list[Callable[[], None]]:
        tasks: list[Callable[[], None]] = [lambda: self._symbols(offset, view)]
        if digests:
            tasks.append(lambda: self._hasher.update(view))
            if self._tensors:
                tasks.append(lambda: self._ranges.feed(offset, view))
        return tasks

    def _symbols(self, offset: int, view: memoryview) -> None:
        size = self._symbol
        at = self._start + offset // size
        whole = len(view) // size
        stop = at + whole
        found, crc = self._found, zlib.crc32
        found.crcs[at:stop] = [crc(view[i : i + size]) for i in range(0, whole * size, size)]
        grid = np.frombuffer(view[: whole * size], np.uint8).reshape(whole, size)
        found.signatures[at:stop] = grid[:, :SIGNATURE]
        if rest := bytes(view[whole * size :]):
            padded = rest.ljust(size, b"\0")
            found.crcs[stop] = crc(padded)
            found.signatures[stop] = np.frombuffer(padded[:SIGNATURE], np.uint8)
            stop += 1
        found.present[at:stop] = True

    def _store(self) -> None:
        self._ranges.finish()
        self._found.digests[self._member] = self._hasher.digest()
        for row, tensor in self._tensors:
            digest = self._ranges.digests.get((tensor.begin, tensor.end))
            if digest is not None:
                self._found.tensor_digests[row] = np.frombuffer(digest, np.uint8)


def _read_whole(descriptor: int, length: int, offset: int) -> bytes:
    """Return ``length`` bytes, fewer only at the end of the file: pread may stop early."""
    data = os.pread(descriptor, length, offset)
    if len(data) == length or not data:
        return data
    parts = [data]
    while data and (missing := length - sum(map(len, parts))):
        data = os.pread(descriptor, missing, offset + sum(map(len, parts)))
        parts.append(data)
    return b"".join(parts)
