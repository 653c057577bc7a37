"""Put back what was protected: decode damaged blocks, check every digest, then replace the file.

The new file is written beside the old one, and takes its place only when its digest is the one in
the sidecar. What cannot be repaired is left as it is; ``salvage`` writes what is intact elsewhere.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import numpy as np

from .assess import Assessment, assess, open_source, recover
from .errors import BadInput, FileChanged, NotProven, Unrepairable, reading
from .protect import protect_source, set_digest
from .report import RepairReport, VerifyReport, ranges, report_of
from .scan import Progress, scan
from .sidecar import Sidecar
from .source import Source, State, StrPath, locked, state_of
from .staging import Staged, clear_stale
from .table import Array

_CHUNK: Final = 1 << 20


def repair(
    path: StrPath,
    *,
    output: StrPath | None = None,
    salvage: bool = False,
    sidecar: StrPath | None = None,
    workers: int | None = None,
    progress: Progress = None,
) -> RepairReport:
    """Repair a file, or the files of a set, in place or into ``output``.

    Unrepairable, with the report of the damage, if too much is lost; nothing is written then. With
    ``salvage`` the file is written to ``output`` all the same, zeros where its bytes are lost
    (default: the name with ``.salvaged``; for a set a folder). A damaged sidecar is written anew.

    >>> import pathlib, tempfile
    >>> from franken.serialization.durability import protect
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "a.bin")
    ...     _ = path.write_bytes(b"data" * 10_000)
    ...     _ = protect(path)
    ...     _ = path.write_bytes(b"flip" + b"data" * 9_999)
    ...     repair(path).status, path.read_bytes() == b"data" * 10_000
    ('repaired', True)
    """
    started = time.perf_counter()
    opened = open_source(path, sidecar)
    if opened is None:
        raise NotProven(f"{os.fspath(path)}: it has no sidecar to repair it from",
                        reason="no_sidecar")  # fmt: skip
    source, _ = opened
    with locked([*source.paths, source.sidecar]):
        # Opened again: another process may have repaired or protected it before the lock.
        opened = open_source(path, sidecar)
        if opened is None:
            raise FileChanged(f"{source.sidecar}: it went away")
        for each in (*source.paths, str(source.sidecar)):
            clear_stale(each)
        return _Repair(*opened, output, workers, progress).run(salvage, started)


class _Repair:
    """One run, on an assessment of the damage."""

    def __init__(
        self,
        source: Source,
        sidecar: Sidecar,
        output: StrPath | None,
        workers: int | None,
        progress: Progress,
    ) -> None:
        self.source, self.sidecar, self.output = source, sidecar, output
        self.workers, self.progress = workers, progress
        self.recovered = 0

    def run(self, salvage: bool, started: float) -> RepairReport:
        result = assess(
            self.source, self.sidecar, workers=self.workers, progress=self.progress,
            digests=salvage,
        )  # fmt: skip
        before = report_of(result)
        if result.is_intact:
            return self._nothing(result, before, started)
        if before.status == "lost":
            if salvage:
                return self._salvage(result, before, started)
            raise self._unrepairable(self._full_report())
        written = self._replace(result)
        return RepairReport(
            path=self.source.label, status="repaired", before=before, written=tuple(written),
            sidecar_rewritten=self._renew(result), symbols_recovered=self.recovered,
            digest=set_digest(self.sidecar.header), seconds=time.perf_counter() - started,
        )  # fmt: skip

    def _full_report(self) -> VerifyReport:
        return report_of(assess(self.source, self.sidecar, workers=self.workers))

    def _unrepairable(self, report: VerifyReport) -> Unrepairable:
        lost = sum(not block.repairable for block in report.blocks)
        names = ", ".join(report.lost_tensors[:5]) or "none listed"
        return Unrepairable(
            f"{self.source.label}: {lost} of {len(report.blocks)} blocks lost more than their "
            f"repair symbols can give back; tensors lost: {names}; nothing was written",
            report=report,
        )

    def _nothing(self, result: Assessment, before: VerifyReport, started: float) -> RepairReport:
        written = []
        if self.output is not None:
            written = self._replace(result)
        return RepairReport(
            path=self.source.label, status="intact", before=before, written=tuple(written),
            sidecar_rewritten=self._renew(result), digest=set_digest(self.sidecar.header),
            seconds=time.perf_counter() - started,
        )  # fmt: skip

    def _renew(self, result: Assessment) -> bool:
        """Write a damaged sidecar anew, from files that are intact again."""
        if result.sidecar_intact or (self.output is not None and not result.is_intact):
            return False
        header = self.sidecar.header
        protect_source(
            self.source, header.redundancy, header.lost, header.geometry.symbol,
            workers=self.workers, progress=self.progress,
        )  # fmt: skip
        return True

    def _targets(self) -> list[str]:
        if self.output is None:
            return self.source.paths
        if not self.source.is_set:
            if os.path.isdir(self.output):
                raise BadInput(f"{os.fspath(self.output)}: is a directory", reason="directory")
            return [os.fspath(self.output)]
        return [os.path.join(self.output, name) for name in self.source.names]

    def _replace(self, result: Assessment) -> list[str]:
        """Write every member that is not intact, check all digests, then rename them all."""
        todo = [
            number for number, intact in enumerate(result.intact)
            if not intact or self.output is not None
        ]  # fmt: skip
        targets, header = self._targets(), self.sidecar.header
        with ExitStack() as stack:
            staged = self._stage(stack, targets, todo)
            self._fill(result, staged)
            if wrong := self._wrong(staged):
                # A symbol may be wrong although its CRC agrees: the blocks' own digests tell.
                blocks = np.flatnonzero(result.repairable)
                self.recovered = len(self._decode(result, staged, blocks, checked=True))
                wrong = self._wrong(staged)
            for number in wrong:
                raise Unrepairable(
                    f"{targets[number]}: what was decoded has not the digest "
                    f"{header.members[number].digest[:16]}... that was protected; nothing was "
                    "written",
                    report=report_of(result),
                )
            self.source.unchanged(result.before)
            for each in staged.values():
                each.flush()
            for each in staged.values():
                each.commit()
        return [targets[number] for number in todo]

    def _stage(
        self, stack: ExitStack, targets: Sequence[str], todo: Iterable[int]
    ) -> dict[int, Staged]:
        staged = {}
        for number in todo:
            if self.source.is_set:
                with reading(targets[number]):
                    Path(targets[number]).parent.mkdir(parents=True, exist_ok=True)
            size = self.sidecar.geometry.sizes[number]
            staged[number] = stack.enter_context(Staged(targets[number], size))
        return staged

    def _fill(self, result: Assessment, staged: dict[int, Staged], checked: bool = False) -> Array:
        """Write what is there and what comes back; return a mask of symbols that are neither.

        ``checked`` compares the digests of blocks, for files whose own digest nobody can compare.
        """
        geometry = result.geometry
        numbers = np.arange(geometry.symbols)
        missing = result.places[:, 1] < 0
        wanted = np.isin(np.searchsorted(geometry.starts, numbers, "right") - 1, list(staged))
        touched = (missing | result.doubtful) & wanted
        blocks = np.unique(numbers[touched] % max(1, geometry.blocks))
        # The copy writes what is there, the workers' answers what is not: never the same bytes,
        # but for symbols that are found to be wrong although their CRCs agree, or are not known.
        with ThreadPoolExecutor(1, "copy") as aside:
            copies = [aside.submit(self._copy, result, *each) for each in staged.items()]
            if checked or result.doubtful.any():
                wait(copies)
            back = self._decode(result, staged, blocks[result.repairable[blocks]], checked)
            for copy in copies:
                copy.result()
        self.recovered = len(back)
        missing[back] = False
        return missing & wanted

    def _decode(
        self, result: Assessment, staged: dict[int, Staged], blocks: Array, checked: bool = False
    ) -> list[int]:
        """Write the symbols of these blocks that come back, and return their numbers."""
        geometry, done, back = result.geometry, 0, []
        for block, symbols in recover(
            result, blocks.tolist(), workers=self.workers, checked=checked
        ):
            for number, data in (symbols or {}).items():
                member, offset, length = geometry.place(number)
                if member in staged:
                    staged[member].write(offset, data[:length])
                    back.append(number)
            done += geometry.count(block) * geometry.symbol
            if self.progress:
                self.progress(done, len(blocks) * geometry.count(0) * geometry.symbol, "decoding")
        return back

    def _wrong(self, staged: dict[int, Staged]) -> list[int]:
        """Read what was written, and return the members whose digest is not the protected one."""
        members = self.sidecar.header.members
        states = [state_of(staged[number].path) if number in staged else None
                  for number in range(len(members))]  # fmt: skip
        paths = [staged[number].path if number in staged else path
                 for number, path in enumerate(self.source.paths)]  # fmt: skip
        found = scan(paths, self.sidecar.geometry, states, crcs=False, label="checking").digests
        return [
            number for number in staged
            if _size(states[number]) != members[number].size
            or _hex(found[number]) != members[number].digest
        ]  # fmt: skip

    def _copy(self, result: Assessment, number: int, staged: Staged) -> None:
        """Copy the symbols that are there, in runs that lie side by side."""
        geometry, state = result.geometry, result.before[number]
        span = geometry.span(number)
        if state is None:
            return
        path, base = self.source.paths[number], span.start
        with _opened(path) as descriptor:
            for begin, end, shift in _runs(result, span):
                at = (begin - base) * geometry.symbol
                stop = min((end - base) * geometry.symbol, geometry.sizes[number])
                _copy_range(descriptor, path, at + shift, staged, at, stop - at)
        staged.flush()  # on its way to the disk while blocks are decoded

    def _salvage(self, result: Assessment, before: VerifyReport, started: float) -> RepairReport:
        """Write all files anew, zeros for what is lost, and judge the tensors in the result."""
        if self.output is None:
            self.output = self.source.label.rstrip("/") + ".salvaged"
        targets, geometry = self._targets(), result.geometry
        for target, path in zip(targets, self.source.paths, strict=True):
            if os.path.realpath(target) == os.path.realpath(path):
                raise BadInput(f"{target}: salvage never writes over the file", reason="same_file")
        with ExitStack() as stack:
            staged = self._stage(stack, targets, range(len(targets)))
            missing = self._fill(result, staged, checked=True)
            self._keep(result, staged, missing)
            self.source.unchanged(result.before)
            for each in staged.values():
                each.commit()
        intact, lost = self._judge(result, targets, missing)
        return RepairReport(
            path=self.source.label, status="salvaged", before=before, written=tuple(targets),
            symbols_recovered=self.recovered, intact_tensors=intact, lost_tensors=lost,
            zeroed_ranges=ranges(missing, geometry.symbol, result),
            seconds=time.perf_counter() - started,
        )  # fmt: skip

    def _keep(self, result: Assessment, staged: dict[int, Staged], missing: Array) -> None:
        """Copy tensors that are whole although a symbol at their edge is lost."""
        table, found = self.sidecar.table, result.found.tensor_digests
        for row, tensor in enumerate(table.tensors or ()):
            span = result.geometry.touching(tensor.member, tensor.begin, tensor.end)
            stored = table.tensor_digests[row]
            whole = table.known_tensors[row] and stored.any() and (stored == found[row]).all()
            if whole and missing[span.start : span.stop].any():
                path, length = self.source.paths[tensor.member], tensor.end - tensor.begin
                with _opened(path) as descriptor:
                    at = tensor.begin
                    _copy_range(descriptor, path, at, staged[tensor.member], at, length)

    def _judge(
        self, result: Assessment, targets: Sequence[str], missing: Array
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        table, geometry = self.sidecar.table, result.geometry
        listed = table.tensors or ()
        states = [state_of(target) for target in targets]
        found = scan(targets, geometry, states, listed).tensor_digests
        intact: list[str] = []
        lost: list[str] = []
        for row, tensor in enumerate(listed):
            stored = table.tensor_digests[row]
            if table.known_tensors[row] and stored.any():
                good = bool((stored == found[row]).all())
            else:
                span = geometry.touching(tensor.member, tensor.begin, tensor.end)
                part = slice(span.start, span.stop)
                good = not (missing[part] | result.doubtful[part]).any()
            (intact if good else lost).append(tensor.name)
        return tuple(intact), tuple(lost)


@contextmanager
def _opened(path: str) -> Iterator[int]:
    with reading(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _runs(result: Assessment, span: range) -> list[tuple[int, int, int]]:
    """Return (begin, end, shift) for runs of symbols that are there, at one shift."""
    part = slice(span.start, span.stop)
    offsets = result.places[part, 1]
    shifts = offsets - result.right[part, 1]
    there = offsets >= 0
    if not len(there):
        return []
    cuts = np.flatnonzero((np.diff(shifts) != 0) | (np.diff(there) != 0)) + 1
    edges = [0, *cuts.tolist(), len(there)]
    return [
        (span.start + a, span.start + b, int(shifts[a]))
        for a, b in zip(edges, edges[1:], strict=False)
        if there[a]
    ]


def _copy_range(
    descriptor: int, path: str, source: int, staged: Staged, target: int, length: int
) -> None:
    done = staged.clone(descriptor, source, target, length)
    while done < length:
        with reading(path):
            data = os.pread(descriptor, min(_CHUNK, length - done), source + done)
        if not data:
            return  # zeros behind the end of a cut file, which the new file has already
        staged.write(target + done, data)
        done += len(data)


def _size(state: State | None) -> int | None:
    return state.size if state is not None else None


def _hex(digest: bytes | None) -> str:
    return digest.hex() if digest is not None else ""
