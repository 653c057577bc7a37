"""Make the sidecar of a file or a set: digests, CRCs, and repair symbols.

Reads each file twice, independently: the workers code blocks, the caller's process takes digests in
one sequential pass. Both must have seen the same bytes. Knows no tensor beyond its byte range.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from ..errors import FormatError
from ..formats.layout import read_layout
from . import table as tables
from .coding import digest
from .errors import BadInput, FileChanged, reading
from .geometry import Geometry, all_places, group_symbols, plan
from .pool import Job, Pool, default_workers
from .scan import Progress, Scan, scan
from .sidecar import Header, Member, Places
from .source import Source, State, StrPath, is_safe_name, locked, shards, single
from .staging import Staged, clear_stale
from .table import Tensor
from .tree import block_digests

# Blocks that lie side by side are read together, in rows of contiguous bytes: up to 32 KiB at a
# time and 32 MiB a worker.
_GROUP: Final = 4
_NO_DIGEST: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class ProtectReport:
    """What was protected, and with what. Sizes in bytes."""

    path: str
    sidecar: str
    format: str
    files: int
    size: int
    sidecar_size: int
    redundancy: float
    lost: int
    symbol: int
    blocks: int
    repair: int
    tensors: int
    digest: str
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """Return 0."""
        return 0

    def to_json(self) -> str:
        """Return the report as JSON."""
        return json.dumps(asdict(self), sort_keys=True)


def protect(
    path: StrPath | Sequence[StrPath],
    *,
    redundancy: float = 0.05,
    shards: bool = False,
    lost: int = 1,
    out: StrPath | None = None,
    workers: int | None = None,
    progress: Progress = None,
    symbol: int | None = None,
) -> ProtectReport:
    """Write the sidecar of a file, or with ``shards`` of a set that may lose ``lost`` whole files.

    ``symbol`` fixes the symbol size, a multiple of 8; it is chosen when None. BadInput,
    FileChanged or WriteFailed; then no sidecar is written and an old one stays.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "a.bin")
    ...     _ = path.write_bytes(bytes(range(256)) * 40)
    ...     report = protect(path)
    ...     report.size, report.blocks, report.repair
    (10240, 1, 4)
    """
    source = _source(path, shards, out)
    with locked([*source.paths, source.sidecar]):
        clear_stale(source.sidecar)
        return protect_source(
            source, redundancy, lost if shards else 0, symbol, workers=workers, progress=progress
        )


def protect_source(
    source: Source,
    redundancy: float,
    lost: int,
    symbol: int | None,
    *,
    workers: int | None = None,
    progress: Progress = None,
) -> ProtectReport:
    """Write the sidecar of files on which the caller holds the lock."""
    started = time.perf_counter()
    return _Protection(source, redundancy, lost, symbol).run(started, workers, progress)


def _source(path: StrPath | Sequence[StrPath], as_set: bool, out: StrPath | None) -> Source:
    if as_set:
        return shards(path, out)
    if not isinstance(path, (str, os.PathLike)):
        if len(path) != 1:
            raise BadInput(
                f"{len(path)} files: protect them one by one, or as a set with shards=True",
                reason="not_a_set",
            )
        path = path[0]
    return single(path, out)


class _Protection:
    """One run: the plan, the two readings, their comparison, and the sidecar."""

    def __init__(self, source: Source, redundancy: float, lost: int, symbol: int | None) -> None:
        self.source, self.redundancy, self.lost = source, float(redundancy), lost
        self.states = _existing(source)
        self.geometry = plan(tuple(s.size for s in self.states), redundancy, lost=lost,
                             symbol=symbol)  # fmt: skip
        self.format, self.tensors, self.notes = _tensors(source)
        packed = tables.pack_tensors(self.tensors)
        if packed is None:
            self.notes.append("too many tensors to list; damage will be reported by byte ranges")
            self.tensors, packed = [], tables.pack_tensors([]) or b""
        self.packed = packed
        symbols, blocks = self.geometry.symbols, self.geometry.blocks
        self.crcs = np.zeros(symbols, np.uint32)
        self.repair_crcs = np.zeros((self.geometry.repair, blocks), np.uint32)

    def run(self, started: float, workers: int | None, progress: Progress) -> ProtectReport:
        header = self._header([_NO_DIGEST] * len(self.states), _NO_DIGEST)
        places = Places.of(header)
        paths, geometry = self.source.paths, self.geometry
        count = default_workers(geometry.total) if workers is None else workers
        done = 0
        with Staged(self.source.sidecar, places.total) as staged:
            with ThreadPoolExecutor(1, "scan") as aside:
                reading_once = aside.submit(scan, paths, geometry, self.states, self.tensors)
                with Pool(paths, geometry.symbol, count) as pool:
                    for reply, payload in pool.run(encode_jobs(geometry, count)):
                        self._take(reply, payload, staged, places.repair)
                        done += len(reply["crcs"]) * geometry.symbol
                        if progress:
                            progress(min(done, geometry.total), geometry.total, "protecting")
                found = reading_once.result()
            self._compare(found)
            table = self._table(found)
            digests = [each.hex() if each else "" for each in found.digests]
            header = self._header(digests, digest(table).hex())
            self._write(staged, places, header, table)
            self.source.unchanged(self.states)
            staged.commit()
        return self._report(header, places.total, time.perf_counter() - started)

    def _take(self, reply: dict[str, Any], payload: bytes, staged: Staged, start: int) -> None:
        geometry = self.geometry
        first, width = reply["block"], reply["width"]
        numbers = group_symbols(geometry, first, width)
        self.crcs[numbers] = reply["crcs"]
        self.repair_crcs[:, first : first + width] = np.reshape(reply["repair_crcs"], (-1, width))
        view, length = memoryview(payload), width * geometry.symbol
        for row in range(geometry.repair):
            at = (row * geometry.blocks + first) * geometry.symbol
            staged.write(start + at, view[row * length : (row + 1) * length])

    def _compare(self, found: Scan) -> None:
        if not found.present.all() or not np.array_equal(found.crcs, self.crcs):
            raise FileChanged(f"{self.source.label}: it changed while it was read")

    def _table(self, found: Scan) -> bytes:
        return tables.join(
            found.crcs, found.signatures, block_digests(self.geometry, found.leaves),
            self.repair_crcs, found.tensor_digests, self.packed,
        )  # fmt: skip

    def _header(self, digests: Sequence[str], table_digest: str) -> Header:
        rows = zip(self.source.names, self.states, digests, strict=True)
        return Header(
            members=tuple(Member(name, s.size, s.mtime_ns, each) for name, s, each in rows),
            is_set=self.source.is_set,
            format=self.format,
            redundancy=self.redundancy,
            lost=self.lost,
            geometry=self.geometry,
            tensors=len(self.tensors),
            packed=len(self.packed),
            table_digest=table_digest,
        )

    def _write(self, staged: Staged, places: Places, header: Header, table: bytes) -> None:
        head, pages = header.to_bytes(), tables.to_pages(table)
        staged.write(places.header, head)
        staged.write(places.table, pages)
        staged.write(places.second_table, pages)
        staged.write(places.second_header, head)

    def _report(self, header: Header, total: int, seconds: float) -> ProtectReport:
        geometry = self.geometry
        return ProtectReport(
            path=self.source.label, sidecar=str(self.source.sidecar), format=self.format,
            files=len(self.states), size=geometry.total, sidecar_size=total,
            redundancy=self.redundancy, lost=self.lost, symbol=geometry.symbol,
            blocks=geometry.blocks, repair=geometry.repair, tensors=len(self.tensors),
            digest=set_digest(header), seconds=seconds, notes=tuple(self.notes),
        )  # fmt: skip


def set_digest(header: Header) -> str:
    """Return the file's digest; for a set, the digest of its members' names and digests."""
    if not header.is_set:
        return header.members[0].digest
    return digest(json.dumps([[m.name, m.size, m.digest] for m in header.members]).encode()).hex()


def _existing(source: Source) -> tuple[State, ...]:
    states = []
    for name, path, state in zip(source.names, source.paths, source.states(), strict=True):
        if state is None:
            raise BadInput(f"{path}: No such file or directory", reason="missing")
        if not is_safe_name(name):
            raise BadInput(f"{path}: {name!r} is no file name", reason="bad_name")
        with reading(path):
            os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        states.append(state)
    return tuple(states)


def _tensors(source: Source) -> tuple[str, list[Tensor], list[str]]:
    """Return format, tensors and remarks; a file that is not sound is protected as it is."""
    formats, tensors, notes = [], [], []
    for member, path in enumerate(source.paths):
        try:
            with reading(path):
                layout = read_layout(path)
        except FormatError as error:
            formats.append("plain")
            notes.append(f"{source.names[member]}: protected as plain bytes: {error}")
            continue
        formats.append(layout.format)
        tensors += [
            Tensor(s.name, s.dtype, tuple(s.shape), s.begin, s.end, member) for s in layout.spans
        ]
    kinds = sorted(set(formats) - {"index", "plain"}) or sorted(set(formats))
    return "+".join(kinds), tensors, notes


def encode_jobs(geometry: Geometry, workers: int) -> Iterator[Job]:
    """Yield the jobs that code all blocks, at least two for each worker where there are enough."""
    group = max(1, min(_GROUP, geometry.blocks // max(1, 2 * workers)))
    places = all_places(geometry) if geometry.blocks else np.zeros((0, 3), np.int64)
    for first in range(0, geometry.blocks, group):
        width = min(group, geometry.blocks - first)
        counts = [geometry.count(block) for block in range(first, first + width)]
        job = {"op": "encode", "block": first, "counts": counts, "repair": geometry.repair}
        yield job, places[group_symbols(geometry, first, width)].tobytes()
