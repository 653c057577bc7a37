"""Compare files with their sidecar: which symbols are there, moved or gone, which come back.

The one judgement on which verify, repair and proofs rest. Reads, never writes; a block that is
within a symbol or two of its limit is decoded to know, not guessed.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from . import sidecar as sidecars
from .errors import FileChanged, SidecarMismatch, reading
from .geometry import SPARE, Geometry, all_places
from .moved import find_moved
from .pool import Job, Pool, default_workers
from .scan import Progress, Scan, scan
from .sidecar import Sidecar
from .source import SET_SUFFIX, Source, State, StrPath, locate, state_of
from .table import Array

# States of a symbol, in the order in which the worse one counts for a cell of the picture.
INTACT: Final = 0
MOVED: Final = 1
DAMAGED: Final = 2
LOST: Final = 3
# Symbols of a file that damage may well hit all of.
_SMALL: Final = 64
# Sidecars of sets in one folder that are opened in search of the one that covers a file.
_SIDECARS: Final = 16


@dataclass(slots=True)
class Assessment:
    """What a file or set holds of what its sidecar knows.

    ``right`` has member, offset and length of every symbol as it was protected, ``places`` as it
    lies now, offset -1 if it is gone;
    ``doubtful`` marks those whose CRC is lost with both copies of its page; ``lost`` and ``spare``
    count, per block, source symbols gone and repair symbols intact; ``repairable`` is per block.
    """

    source: Source
    sidecar: Sidecar
    before: tuple[State | None, ...]
    found: Scan
    right: Array
    places: Array
    doubtful: Array
    repair: Array
    lost: Array
    spare: Array
    repairable: Array
    intact: tuple[bool, ...]

    @property
    def geometry(self) -> Geometry:
        """Return how the file is cut."""
        return self.sidecar.geometry

    @property
    def is_intact(self) -> bool:
        """Return whether every member is, bit for bit, what was protected."""
        return all(self.intact)

    @property
    def sidecar_intact(self) -> bool:
        """Return whether the sidecar itself is whole."""
        return self.sidecar.damage == 0 and bool((self.repair >= 0).all())

    def states(self) -> Array:
        """Return INTACT, MOVED, DAMAGED or LOST for every symbol, as uint8."""
        states = np.full(self.geometry.symbols, INTACT, np.uint8)
        states[self.places[:, 1] != self.right[:, 1]] = MOVED
        gone = self.places[:, 1] < 0
        states[gone] = DAMAGED
        if self.geometry.blocks:
            blocks = np.arange(self.geometry.symbols) % self.geometry.blocks
            states[gone & ~self.repairable[blocks]] = LOST
        return states


def open_source(path: StrPath, sidecar: StrPath | None = None) -> tuple[Source, Sidecar] | None:
    """Return the files and the sidecar that cover ``path``; None if there is no sidecar.

    With a sidecar named by the caller, its absence is BadInput.
    """
    where, _ = locate(path, sidecar)
    if sidecar is None and not os.path.lexists(where):
        opened = _of_set(path)
        return None if opened is None else (source_of(path, opened), opened)
    opened = sidecars.read(where)
    return source_of(path, opened), opened


def _of_set(path: StrPath) -> Sidecar | None:
    """Return a sidecar in the file's folder that covers a set of which the file is one."""
    folder, name = os.path.split(os.path.abspath(path))
    if not name or not os.path.isdir(folder):
        return None
    with reading(folder):
        beside = sorted(each for each in os.listdir(folder) if each.endswith(SET_SUFFIX))
    for each in beside[:_SIDECARS]:
        opened = sidecars.read(os.path.join(folder, each))
        if name in {member.name for member in opened.header.members}:
            return opened
    return None


def source_of(path: StrPath, opened: Sidecar) -> Source:
    """Return the files that an opened sidecar covers, for the path that the caller gave."""
    given = os.fspath(path)
    folder, name = os.path.split(given)
    names = tuple(member.name for member in opened.header.members)
    root = type(opened.path)(folder)
    if not opened.header.is_set:
        return Source(given, root, (name,), opened.path, False)
    if os.path.isdir(given):
        root = type(opened.path)(given)
    return Source(given, root, names, opened.path, True)


def assess(
    source: Source,
    sidecar: Sidecar,
    *,
    workers: int | None = None,
    progress: Progress = None,
    digests: bool = True,
) -> Assessment:
    """Read the files once and judge them; FileChanged if they change meanwhile.

    ``digests=False`` skips the tensors' digests, and digests of files where a CRC is wrong.
    """
    geometry = sidecar.geometry
    before = source.states()
    tensors = sidecar.table.tensors or ()
    found = scan(source.paths, geometry, before, tensors, digests=digests, progress=progress)
    right = all_places(geometry)
    result = Assessment(
        source, sidecar, before, found, right, right.copy(), ~sidecar.table.known,
        np.zeros((0, 0), np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64),
        np.zeros(0, bool), (),
    )  # fmt: skip
    _place(result)
    if not digests:
        sound = [
            state if _all_there(result, member) else None for member, state in enumerate(before)
        ]
        found.digests = scan(source.paths, geometry, sound, progress=progress).digests
    result.intact = _intact(result)
    result.repair = sidecar.check_repair()
    _sound_members(result)
    _count(result, workers)
    _unmask(result, workers)
    source.unchanged(before)
    if sidecar.state != state_of(sidecar.path):
        raise FileChanged(f"{sidecar.path}: it changed while it was read")
    _same_file(result)
    return result


def _place(result: Assessment) -> None:
    """Mark what is not at its place, and look for it elsewhere in its own member."""
    table, geometry, found = result.sidecar.table, result.geometry, result.found
    there = found.present & (~table.known | (found.crcs == table.crcs))
    result.places[~there, 1] = -1
    for member, (path, state) in enumerate(zip(result.source.paths, result.before, strict=True)):
        if state is None:
            continue
        span = geometry.span(member)
        part = slice(span.start, span.stop)
        missing = ~there[part] & table.known[part] & table.known_signatures[part]
        with reading(path):
            moved = find_moved(
                path, state.size, geometry.sizes[member], geometry.symbol,
                table.crcs[part], table.signatures[part], np.flatnonzero(missing),
            )  # fmt: skip
        for number, offset in moved.items():
            result.places[span.start + number, 1] = offset


def _all_there(result: Assessment, member: int) -> bool:
    """Return whether a member has its size, and every symbol at its place with the right CRC."""
    geometry, state = result.geometry, result.before[member]
    if state is None or state.size != geometry.sizes[member]:
        return False
    span = geometry.span(member)
    part = slice(span.start, span.stop)
    return np.array_equal(result.places[part], result.right[part])


def _intact(result: Assessment) -> tuple[bool, ...]:
    members, digests = result.sidecar.header.members, result.found.digests
    return tuple(
        state is not None
        and state.size == member.size
        and found is not None
        and found.hex() == member.digest
        for state, member, found in zip(result.before, members, digests, strict=True)
    )


def _sound_members(result: Assessment) -> None:
    # A digest proves all of a member, whatever its table lost or a CRC in it says.
    for member, intact in enumerate(result.intact):
        if intact:
            span = result.geometry.span(member)
            part = slice(span.start, span.stop)
            result.places[part] = result.right[part]
            result.doubtful[part] = False
    result.doubtful &= result.places[:, 1] >= 0


def _count(result: Assessment, workers: int | None) -> None:
    blocks = result.geometry.blocks
    gone = result.places[:, 1] < 0
    numbers = np.arange(len(gone)) % max(1, blocks)
    result.lost = np.bincount(numbers[gone], minlength=blocks)
    doubted = np.bincount(numbers[result.doubtful], minlength=blocks)
    result.spare = (result.repair >= 0).sum(0)
    needed = result.lost + doubted
    result.repairable = (needed == 0) | (needed + SPARE <= result.spare)
    close = np.flatnonzero(~result.repairable & (result.lost <= result.spare))
    for block, symbols in recover(result, close.tolist(), workers=workers):
        result.repairable[block] = symbols is not None


def _unmask(result: Assessment, workers: int | None) -> None:
    """Find symbols that are wrong although their CRCs agree: every block's digest is taken."""
    for member, intact in enumerate(result.intact):
        if not intact and _all_there(result, member):
            for block, symbols in recover(result, range(result.geometry.blocks), workers=workers):
                result.repairable[block] = symbols is not None
                result.places[list(symbols or ()), 1] = -1
                result.lost[block] += len(symbols or ())
            return


def _same_file(result: Assessment) -> None:
    """Raise SidecarMismatch when nothing at all of the protected file is there.

    Not if its name or size is right, and the file is so small that damage may well have hit all of
    it, or all of it comes back from the repair symbols.
    """
    present = [state for state in result.before if state is not None and state.size]
    if not present or not result.geometry.symbols or (result.places[:, 1] >= 0).any():
        return
    member, name = result.sidecar.header.members[0], result.source.names[0]
    related = result.source.is_set or member.name == name or member.size == present[0].size
    if not (related and (result.geometry.symbols < _SMALL or result.repairable.all())):
        raise SidecarMismatch(
            f"{result.sidecar.path}: no part of {result.source.label} is of the file "
            f"{member.name!r} that the sidecar was made from"
        )


def recover(
    result: Assessment,
    blocks: Sequence[int],
    *,
    drop: Collection[int] = (),
    workers: int | None = None,
    checked: bool = True,
) -> Iterator[tuple[int, dict[int, bytes] | None]]:
    """Decode blocks and yield each with the symbols that differ from, or lack in, the files.

    None instead if a block cannot be decoded. Symbols in ``drop`` are treated as lost, as a proof
    asks: they are among those yielded. Blocks come in any order. Without ``checked`` the digest of
    a block is not compared, and its lost symbols alone are yielded: for who takes digests later.
    """
    geometry = result.geometry
    places = result.places.copy()
    places[list(drop), 1] = -1
    paths = [*result.source.paths, str(result.sidecar.path)]
    count = default_workers(len(blocks) * geometry.symbols // max(1, geometry.blocks)
                            * geometry.symbol) if workers is None else workers  # fmt: skip
    again = []
    with Pool(paths, geometry.symbol, min(count, len(blocks))) as pool:
        with closing(pool.run(_decode_jobs(result, places, blocks, False, checked))) as answers:
            for reply, payload in answers:
                block = reply["block"]
                if reply["rows"] is None and result.doubtful[geometry.members_of(block)].any():
                    again.append(block)
                else:
                    yield block, _symbols(geometry, reply, payload)
        # Symbols whose CRC nobody knows were taken as they are; now without them.
        for reply, payload in pool.run(_decode_jobs(result, places, again, True, checked)):
            yield reply["block"], _symbols(geometry, reply, payload)


def _symbols(geometry: Geometry, reply: dict[str, Any], payload: bytes) -> dict[int, bytes] | None:
    if reply["rows"] is None:
        return None
    numbers, size = geometry.members_of(reply["block"]), geometry.symbol
    return {
        numbers[row]: payload[at * size : (at + 1) * size] for at, row in enumerate(reply["rows"])
    }


def _decode_jobs(
    result: Assessment, places: Array, blocks: Sequence[int], without_doubtful: bool, checked: bool
) -> Iterator[Job]:
    geometry, table = result.geometry, result.sidecar.table
    for block in blocks:
        numbers = np.asarray(geometry.members_of(block))
        source, doubtful = places[numbers], result.doubtful[numbers]
        known = bool(table.known_blocks[block])
        # With the block's digest lost as well, nothing would show that such a symbol is wrong.
        gone = source[:, 1] < 0
        if without_doubtful or (not known and (gone | doubtful).sum() <= result.spare[block]):
            source[doubtful, 1] = -1
        repair = np.empty((geometry.repair, 3), np.int64)
        repair[:, 0] = len(result.source.names)
        repair[:, 1] = result.repair[:, block]
        repair[:, 2] = geometry.symbol
        compared = known and (checked or doubtful.any())
        expected = table.blocks[block].tobytes().hex() if compared else ""
        job = {"op": "decode", "block": block, "count": len(numbers), "digest": expected}
        yield job, np.concatenate([source, repair]).tobytes()
