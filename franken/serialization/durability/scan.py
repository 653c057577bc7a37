"""One sequential pass over the members: CRC and leaf of each symbol, digest of files and tensors.

Knows geometry and byte ranges; no sidecar and no checkpoint format. Hashing and CRCs let go of the
GIL, so they run in two threads beside the reading.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from .coding import leaf
from .errors import reading
from .geometry import Geometry
from .source import State
from .table import DIGEST, SIGNATURE, Array, Tensor
from .tree import Ranges, file_digest

Progress = Callable[[int, int, str], None] | None
_CHUNK: Final = 4 << 20
# Below this, threads cost more than they save.
_THREADED: Final = 1 << 20
_THREADS: Final = 2


@dataclass(slots=True)
class Scan:
    """What the pass found; ``present`` marks symbols of which the files hold at least a part.

    ``digests`` cover the first ``sizes`` bytes of each member as the geometry has them; None for
    a missing member. A tensor digest of zeros was not taken. ``leaves`` are the symbols' own.
    """

    crcs: Array
    present: Array
    signatures: Array
    leaves: Array
    digests: list[bytes | None]
    tensor_digests: Array


def scan(
    paths: Sequence[str],
    geometry: Geometry,
    states: Sequence[State | None],
    tensors: Sequence[Tensor] = (),
    *,
    digests: bool = True,
    crcs: bool = True,
    progress: Progress = None,
    label: str = "reading",
) -> Scan:
    """Read every member once; BadInput if one cannot be read.

    ``digests=False`` takes CRCs only, and no signatures; ``crcs=False`` takes no CRCs.
    """
    found = Scan(
        crcs=np.zeros(geometry.symbols, np.uint32),
        present=np.zeros(geometry.symbols, bool),
        signatures=np.zeros((geometry.symbols, SIGNATURE), np.uint8),
        leaves=np.zeros((geometry.symbols, DIGEST), np.uint8),
        digests=[None] * len(paths),
        tensor_digests=np.zeros((len(tensors), DIGEST), np.uint8),
    )
    with ThreadPoolExecutor(_THREADS, "scan") as pool:
        # A CRC of a symbol takes 3 us, and handing over the GIL hardly less.
        run = _threaded(pool) if digests and geometry.total >= _THREADED else _inline
        done = 0
        for member, path in enumerate(paths):
            if states[member] is not None:
                with reading(path):
                    listed = tensors if digests else ()
                    reader = _Member(found, geometry, member, listed, (crcs, digests))
                    reader.read(path, run, _step(progress, done, geometry.total, label))
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
    """The pass over one member; ``takes`` says whether CRCs, and whether digests."""

    def __init__(
        self, found: Scan, geometry: Geometry, member: int, tensors: Sequence[Tensor],
        takes: tuple[bool, bool],
    ) -> None:  # fmt: skip
        self._found, self._symbol = found, geometry.symbol
        self._size, self._start = geometry.sizes[member], geometry.starts[member]
        self._member, self._takes = member, takes
        self._tensors = [(row, t) for row, t in enumerate(tensors) if t.member == member]
        self._ranges = Ranges([each for _, each in self._tensors], self._symbol, self._size)

    def read(self, path: str, run: Run, step: Callable[[int], None]) -> None:
        """Read to the end that the geometry knows, or to the file's own."""
        chunk = min(self._size, max(1, _CHUNK // self._symbol) * self._symbol)
        # Two buffers in turn: one is read into while the other is hashed.
        buffers = [memoryview(bytearray(chunk)) for _ in range(2)]
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            offset, wait = 0, lambda: None
            while offset < self._size:
                buffers.reverse()
                view = buffers[0][: min(chunk, self._size - offset)]
                view = view[: _read_into(descriptor, view, offset)]
                wait()
                if not view:
                    break
                wait = self._start_on(run, offset, view)
                offset += len(view)
                step(offset)
            wait()
        finally:
            os.close(descriptor)
        if self._takes[1]:
            self._store(offset)

    def _start_on(self, run: Run, offset: int, view: memoryview) -> Callable[[], None]:
        part = -(-len(view) // _THREADS // self._symbol) * self._symbol
        done = run([
            partial(self._symbols, offset + at, view[at : at + part])
            for at in range(0, len(view), part)
        ])  # fmt: skip

        def wait() -> None:
            done()
            if self._tensors:
                first = self._start + offset // self._symbol
                leaves = self._found.leaves[first : first + -(-len(view) // self._symbol)]
                self._ranges.feed(offset, view, leaves)

        return wait

    def _symbols(self, offset: int, view: memoryview) -> None:
        crcs, digests = self._takes
        size, found = self._symbol, self._found
        at = self._start + offset // size
        whole = len(view) // size
        symbols = [view[i : i + size] for i in range(0, whole * size, size)]
        if rest := bytes(view[whole * size :]):
            symbols.append(memoryview(rest.ljust(size, b"\0")))
        stop = at + len(symbols)
        if crcs:
            found.crcs[at:stop] = [zlib.crc32(each) for each in symbols]
        if digests:
            begins = b"".join([each[:SIGNATURE] for each in symbols])
            width = min(SIGNATURE, size)
            found.signatures[at:stop, :width] = np.frombuffer(begins, np.uint8).reshape(-1, width)
            leaves = b"".join(map(leaf, symbols))
            found.leaves[at:stop] = np.frombuffer(leaves, np.uint8).reshape(-1, DIGEST)
        found.present[at:stop] = True

    def _store(self, size: int) -> None:
        self._ranges.finish()
        first = self._start
        leaves = self._found.leaves[first : first + -(-size // self._symbol)]
        self._found.digests[self._member] = file_digest(size, self._symbol, leaves)
        for row, tensor in self._tensors:
            digest = self._ranges.digests.get((tensor.begin, tensor.end))
            if digest is not None:
                self._found.tensor_digests[row] = np.frombuffer(digest, np.uint8)


def _read_into(descriptor: int, view: memoryview, offset: int) -> int:
    """Fill the view from ``offset`` on; return how many bytes there were before the file's end."""
    done = 0
    while done < len(view) and (more := os.preadv(descriptor, [view[done:]], offset + done)):
        done += more
    return done
