"""What verify and repair say: plain values, JSON, and the picture of the file as cells.

Knows the outcome only, and neither files nor coding.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from .assess import DAMAGED, INTACT, LOST, MOVED, Assessment
from .table import Tensor

EXIT_CODES: Final = {"intact": 0, "repairable": 1, "not proven": 3, "lost": 4}
STATES: Final = {INTACT: "intact", MOVED: "moved", DAMAGED: "damaged", LOST: "lost"}


@dataclass(frozen=True, slots=True)
class TensorState:
    """A tensor, where it lies, and its state: "intact", "repairable", "lost" or "not proven"."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int
    file: str
    state: str


@dataclass(frozen=True, slots=True)
class MemberState:
    """A file of the set, and its state: "intact", "missing", "repairable" or "lost"."""

    name: str
    size: int
    actual_size: int | None
    digest: str
    actual_digest: str | None
    state: str


@dataclass(frozen=True, slots=True)
class BlockState:
    """A block: its symbols, how many are lost, and how many repair symbols are intact."""

    symbols: int
    lost: int
    repair: int
    spare: int
    repairable: bool


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The state of a file or set.

    ``status`` is "intact", "repairable", "lost" or "not proven". ``damaged_ranges`` are bytes
    (begin, end) of the file as it was protected, in whole symbols; in a set, of all files one after
    the other, each padded to whole symbols. ``moved`` are ranges (begin, end, shift) that lie
    ``shift`` bytes away. ``strip`` has one byte for each symbol: 0 intact, 1 moved, 2 damaged and
    repairable, 3 lost.
    """

    path: str
    sidecar: str | None
    status: str
    format: str
    size: int
    tensors: tuple[TensorState, ...] = ()
    members: tuple[MemberState, ...] = ()
    blocks: tuple[BlockState, ...] = ()
    damaged_ranges: tuple[tuple[int, int], ...] = ()
    moved: tuple[tuple[int, int, int], ...] = ()
    strip: bytes = b""
    symbol: int = 0
    sidecar_intact: bool = True
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """Return 0 intact, 1 repairable, 3 not proven, 4 lost."""
        return EXIT_CODES[self.status]

    @property
    def damaged_tensors(self) -> list[str]:
        """Return the names of the tensors that are not intact as the file lies now."""
        return [each.name for each in self.tensors if each.state in ("repairable", "lost")]

    @property
    def lost_tensors(self) -> list[str]:
        """Return the names of the tensors that cannot be repaired."""
        return [each.name for each in self.tensors if each.state == "lost"]

    def cells(self, width: int) -> list[int]:
        """Return the picture in at most ``width`` cells, each with its worst symbol's state.

        >>> VerifyReport("a", None, "lost", "plain", 9, strip=bytes([0, 0, 2, 0, 3])).cells(3)
        [0, 2, 3]
        """
        states = np.frombuffer(self.strip, np.uint8)
        if len(states) == 0:
            return []
        width = max(1, min(width, len(states)))
        edges = np.arange(width) * len(states) // width
        return [int(each) for each in np.maximum.reduceat(states, edges)]

    def to_dict(self) -> dict[str, Any]:
        """Return the report for JSON; the strip in at most 1024 cells, as digits."""
        values = asdict(self)
        values["strip"] = "".join(map(str, self.cells(1024)))
        values["exit_code"] = self.exit_code
        values["damaged_tensors"] = self.damaged_tensors
        values["lost_tensors"] = self.lost_tensors
        return values

    def to_json(self) -> str:
        """Return the report as JSON."""
        return json.dumps(self.to_dict(), sort_keys=True)


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What repair did. ``before`` is the state it met; ``written`` are the files it replaced.

    ``status`` is "intact" (nothing to do), "repaired", or "salvaged"; then ``intact_tensors`` and
    ``lost_tensors`` say what the output holds.
    """

    path: str
    status: str
    before: VerifyReport
    written: tuple[str, ...] = ()
    sidecar_rewritten: bool = False
    symbols_recovered: int = 0
    digest: str = ""
    intact_tensors: tuple[str, ...] = ()
    lost_tensors: tuple[str, ...] = ()
    zeroed_ranges: tuple[tuple[int, int], ...] = ()
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """Return 0; 4 for what could only be salvaged."""
        return 4 if self.status == "salvaged" else 0

    def to_dict(self) -> dict[str, Any]:
        """Return the report for JSON."""
        values = {**asdict(self), "before": self.before.to_dict()}
        values["exit_code"] = self.exit_code
        return values

    def to_json(self) -> str:
        """Return the report as JSON."""
        return json.dumps(self.to_dict(), sort_keys=True)


def report_of(result: Assessment, seconds: float = 0.0) -> VerifyReport:
    """Return the report of an assessment."""
    header, geometry = result.sidecar.header, result.geometry
    states = result.states()
    status = "intact" if result.is_intact else "repairable"
    if not result.repairable.all():
        status = "lost"
    return VerifyReport(
        path=result.source.label,
        sidecar=str(result.sidecar.path),
        status=status,
        format=header.format,
        size=geometry.total,
        tensors=_tensors(result, states),
        members=_members(result, states),
        blocks=_blocks(result),
        damaged_ranges=ranges(states >= DAMAGED, geometry.symbol, result),
        moved=_moved(result, states),
        strip=states.tobytes(),
        symbol=geometry.symbol,
        sidecar_intact=result.sidecar_intact,
        seconds=seconds,
        notes=_notes(result, states),
    )


def _blocks(result: Assessment) -> tuple[BlockState, ...]:
    geometry = result.geometry
    rows = zip(result.lost.tolist(), result.spare.tolist(), result.repairable.tolist(), strict=True)
    return tuple(
        BlockState(geometry.count(block), lost, geometry.repair, spare, repairable)
        for block, (lost, spare, repairable) in enumerate(rows)
    )


def _members(result: Assessment, states: Any) -> tuple[MemberState, ...]:
    rows = []
    for number, member in enumerate(result.sidecar.header.members):
        span, state = result.geometry.span(number), result.before[number]
        found = result.found.digests[number]
        rows.append(
            MemberState(
                name=result.source.names[number],
                size=member.size,
                actual_size=state.size if state else None,
                digest=member.digest,
                actual_digest=found.hex() if found else None,
                state=_member_state(result, number, states[span.start : span.stop]),
            )
        )
    return tuple(rows)


def _member_state(result: Assessment, number: int, states: Any) -> str:
    if result.intact[number]:
        return "intact"
    if (states == LOST).any():
        return "lost"
    return "missing" if result.before[number] is None else "repairable"


def _tensors(result: Assessment, states: Any) -> tuple[TensorState, ...]:
    listed = result.sidecar.table.tensors or ()
    return tuple(
        TensorState(t.name, t.dtype, t.shape, t.begin, t.end, result.source.names[t.member],
                    _tensor_state(result, states, row, t))
        for row, t in enumerate(listed)
    )  # fmt: skip


def _tensor_state(result: Assessment, states: Any, row: int, tensor: Tensor) -> str:
    table, span = result.sidecar.table, result.geometry.touching(
        tensor.member, tensor.begin, tensor.end
    )  # fmt: skip
    if result.intact[tensor.member]:
        return "intact"
    stored, found = table.tensor_digests[row], result.found.tensor_digests[row]
    # Its own digest decides: damage beside it in the same symbol is not its damage.
    if table.known_tensors[row] and stored.any() and (stored == found).all():
        return "intact"
    touched = states[span.start : span.stop]
    if (touched == LOST).any():
        return "lost"
    # Without a digest its symbols decide.
    taken = bool(table.known_tensors[row] and stored.any()) and bool(found.any())
    doubtful = bool(result.doubtful[span.start : span.stop].any())
    return "repairable" if taken or doubtful or (touched != INTACT).any() else "intact"


def ranges(mask: Any, symbol: int, result: Assessment) -> tuple[tuple[int, int], ...]:
    """Return the bytes (begin, end) of runs of marked symbols; the last ends with the file."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    end = result.geometry.total if len(result.geometry.sizes) == 1 else None
    return tuple(
        (int(a) * symbol, int(b) * symbol if end is None else min(int(b) * symbol, end))
        for a, b in zip(edges[::2], edges[1::2], strict=True)
    )


def _moved(result: Assessment, states: Any) -> tuple[tuple[int, int, int], ...]:
    symbol = result.geometry.symbol
    shifts = np.where(states == MOVED, result.places[:, 1] - result.right[:, 1], 0)
    cuts = np.flatnonzero(np.diff(shifts)) + 1
    edges = [0, *cuts.tolist(), len(shifts)]
    return tuple(
        (a * symbol, b * symbol, int(shifts[a]))
        for a, b in zip(edges, edges[1:], strict=False)
        if b > a and shifts[a]
    )


def _notes(result: Assessment, states: Any) -> tuple[str, ...]:
    notes, table = [], result.sidecar.table
    if table.tensors is None:
        notes.append("the sidecar lost its list of tensors; damage is reported by byte ranges")
    if not result.sidecar_intact:
        notes.append("the sidecar is damaged, too; repair writes it anew")
    unknown = int((~table.known).sum())
    if unknown:
        notes.append(f"the sidecar lost the CRCs of {unknown} symbols")
    for member, state in zip(result.sidecar.header.members, result.before, strict=True):
        if state is None:
            notes.append(f"{member.name}: missing")
        elif state.size != member.size:
            notes.append(f"{member.name}: {state.size} bytes where {member.size} were protected")
    return (*notes, *_stale(result))


def _stale(result: Assessment) -> list[str]:
    # A disk that rots does not touch the time of change: somebody wrote to the file.
    return [
        f"{member.name}: written to after it was protected; if it was meant, protect it again"
        for member, state, intact in zip(
            result.sidecar.header.members, result.before, result.intact, strict=True
        )
        if state is not None and not intact and state.mtime_ns > member.mtime_ns
    ]
