"""Prove that a sidecar can repair its file: drop symbols, rebuild them, and compare every bit.

A proof is JSON that says what was dropped and what came back. It is not believed: checking it
executes it again, on the file and sidecar as they are now. Opens no checkpoint format.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..atomic import write_bytes
from .assess import Assessment, assess, open_source, recover
from .coding import Files
from .errors import BadInput, Damaged, NotProven, Unrepairable, reading, writing
from .geometry import SPARE, all_places
from .protect import set_digest
from .report import report_of
from .scan import Progress
from .source import StrPath
from .table import Array

FORMAT: Final = "franken ckpt proof"
VERSION: Final = 1
DEFAULT_DROP: Final = 0.03
_MAX_PROOF: Final = 256 << 20
_TOOLS: Final = ("raptorq", "numpy")
# What may differ when a proof is executed again.
_CIRCUMSTANCES: Final = ("tools", "seconds", "file", "sidecar")


@dataclass(frozen=True, slots=True)
class Proof:
    """What was dropped, and the digest of what came back for each block (BLAKE2b-256).

    ``digest`` is the file's, ``table_digest`` the sidecar's. ``dropped`` are symbol numbers.
    """

    file: str
    sidecar: str
    size: int
    digest: str
    table_digest: str
    symbol: int
    blocks: int
    repair: int
    seed: int
    drop: float
    dropped: tuple[int, ...]
    recovered: tuple[str, ...]
    bytes_compared: int
    tools: dict[str, str]
    seconds: float

    @property
    def exit_code(self) -> int:
        """Return 0: a proof that fails is an error, not a proof."""
        return 0

    def to_dict(self) -> dict[str, Any]:
        """Return the proof for JSON."""
        return {"format": FORMAT, "version": VERSION, **asdict(self)}

    def to_json(self) -> str:
        """Return the proof as JSON."""
        return json.dumps(self.to_dict(), sort_keys=True)

    def write(self, path: StrPath) -> None:
        """Write the proof, whole or not at all."""
        with writing(path):
            write_bytes(path, self.to_json().encode() + b"\n")


def prove(
    path: StrPath,
    *,
    drop: float | None = None,
    seed: int | None = None,
    sidecar: StrPath | None = None,
    workers: int | None = None,
    progress: Progress = None,
) -> Proof:
    """Drop a share of the symbols, rebuild them from the sidecar, and compare them with the file.

    ``drop`` None is 3 %, or less where the redundancy is less; more than it allows is BadInput.
    ``seed`` None is drawn. NotProven without a sidecar or if a bit differs; Damaged or
    Unrepairable if the file is not intact.

    >>> import pathlib, tempfile
    >>> from franken.serialization.durability import protect
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pathlib.Path(folder, "a.bin").write_bytes(bytes(range(256)) * 400)
    ...     _ = protect(folder + "/a.bin")
    ...     proof = prove(folder + "/a.bin", drop=0.04, seed=1)
    ...     len(proof.dropped), proof.bytes_compared
    (16, 4096)
    """
    result = _assessed(path, sidecar, workers, progress)
    return _execute(result, drop, secrets.randbits(63) if seed is None else seed, workers)


def _execute(result: Assessment, drop: float | None, seed: int, workers: int | None) -> Proof:
    from importlib import metadata  # 40 ms that protect and verify need not spend

    started = time.perf_counter()
    dropped = choose(result, drop, seed)
    recovered, compared = _rebuild(result, dropped, workers)
    result.source.unchanged(result.before)
    geometry = result.geometry
    return Proof(
        file=result.source.label, sidecar=str(result.sidecar.path), size=geometry.total,
        digest=set_digest(result.sidecar.header), table_digest=result.sidecar.header.table_digest,
        symbol=geometry.symbol, blocks=geometry.blocks, repair=geometry.repair, seed=seed,
        drop=DEFAULT_DROP if drop is None else drop, dropped=tuple(dropped.tolist()),
        recovered=recovered, bytes_compared=compared,
        tools={name: metadata.version(name) for name in _TOOLS},
        seconds=time.perf_counter() - started,
    )  # fmt: skip


def verify_proof(
    path: StrPath,
    proof: StrPath | Proof,
    *,
    sidecar: StrPath | None = None,
    workers: int | None = None,
    progress: Progress = None,
) -> Proof:
    """Execute a proof again and return the new one; NotProven if anything in it differs.

    BadInput if the proof cannot be read.
    """
    old = proof if isinstance(proof, Proof) else read_proof(proof)
    result = _assessed(path, sidecar, workers, progress)
    if old.digest != set_digest(result.sidecar.header):
        raise NotProven(f"{os.fspath(path)}: the proof is of a file with another digest")
    # The choice is made again from the seed; that it gives the proof's list is compared below.
    drop = None if old.drop == DEFAULT_DROP else old.drop
    new = _execute(result, drop, old.seed, workers)
    before, after = old.to_dict(), new.to_dict()
    different = [
        name for name in before if name not in _CIRCUMSTANCES and before[name] != after[name]
    ]
    if different:
        raise NotProven(
            f"{os.fspath(path)}: executed again, the proof differs in {', '.join(different)}",
            report=new,
        )
    return new


def _assessed(
    path: StrPath, sidecar: StrPath | None, workers: int | None, progress: Progress
) -> Assessment:
    opened = open_source(path, sidecar)
    if opened is None:
        raise NotProven(f"{os.fspath(path)}: no sidecar; protect it first")
    result = assess(*opened, workers=workers, progress=progress)
    if result.is_intact:
        return result
    if result.repairable.all():
        raise Damaged(f"{os.fspath(path)}: damaged; repair it first", report=report_of(result))
    raise Unrepairable(f"{os.fspath(path)}: damaged beyond repair", report=report_of(result))


def choose(result: Assessment, drop: float | None, seed: int) -> Array:
    """Return the symbols to drop, sorted: a seeded choice within every block's redundancy."""
    geometry = result.geometry
    share = DEFAULT_DROP if drop is None else drop
    if not 0 < share <= 1 or not 0 <= seed < 2**64:
        raise BadInput(f"drop {share!r}, seed {seed!r}: out of range", reason="bad_drop")
    if not geometry.symbols:
        return np.zeros(0, np.int64)
    room = np.maximum(0, result.spare - SPARE)
    wanted, most = max(1, round(geometry.symbols * share)), int(room.sum())
    if wanted > most and drop is not None:
        raise BadInput(
            f"drop {share:.4g}: the redundancy allows {most} of {geometry.symbols} symbols, "
            f"{most / geometry.symbols:.2%}",
            reason="bad_drop",
        )
    order = np.argsort(_mixed(geometry.symbols, seed), kind="stable")
    # How many of its block stand before each symbol in this order.
    by_block = np.argsort(order % geometry.blocks, kind="stable")
    counts = np.bincount(order % geometry.blocks, minlength=geometry.blocks)
    rank = np.empty(len(order), np.int64)
    rank[by_block] = np.concatenate([np.arange(count) for count in counts])
    allowed = order[rank < room[order % geometry.blocks]]
    return np.sort(allowed[:wanted])


def _mixed(count: int, seed: int) -> Array:
    """Return SplitMix64 of seed and index: the same numbers on every machine and version.

    Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
    """
    with np.errstate(over="ignore"):
        x = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        x += np.uint64(seed)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Array = x ^ (x >> np.uint64(31))
    return mixed


def _rebuild(
    result: Assessment, dropped: Array, workers: int | None
) -> tuple[tuple[str, ...], int]:
    geometry = result.geometry
    blocks = sorted({int(each) % geometry.blocks for each in dropped})
    digests = [""] * geometry.blocks
    compared = 0
    files = Files(result.source.paths)
    places = all_places(geometry)
    try:
        for block, symbols in recover(result, blocks, drop=set(dropped.tolist()), workers=workers):
            expected = dropped[dropped % geometry.blocks == block].tolist()
            if symbols is None or sorted(symbols) != expected:
                raise NotProven(f"{result.source.label}: block {block} did not come back")
            hasher = hashlib.blake2b(digest_size=32)
            for number in expected:
                member, offset, length = places[number].tolist()
                stored = files.read(member, offset, length, geometry.symbol)
                if symbols[number] != stored:
                    raise NotProven(f"{result.source.label}: symbol {number} came back different")
                hasher.update(number.to_bytes(8, "little") + symbols[number])
                compared += len(stored)
            digests[block] = hasher.hexdigest()
    finally:
        files.close()
    return tuple(digests), compared


def read_proof(path: StrPath) -> Proof:
    """Return the proof in a file; BadInput for anything that is not exactly one."""
    with reading(path), open(path, "rb") as file:
        data = file.read(_MAX_PROOF + 1)
    name = Path(path)
    if len(data) > _MAX_PROOF:
        raise BadInput(f"{name}: too large for a proof", reason="bad_proof")
    try:
        values = dict(json.loads(data))
        kind, version = values.pop("format"), values.pop("version")
        if kind != FORMAT or version != VERSION:
            raise ValueError(f"{kind!r}, version {version!r}")
        if set(values) != {each.name for each in fields(Proof)}:
            raise ValueError(f"fields {sorted(values)}")
        values["dropped"] = tuple(map(_natural, values["dropped"]))
        values["recovered"] = tuple(map(str, values["recovered"]))
        values["seed"], values["drop"] = _natural(values["seed"]), float(values["drop"])
        return Proof(**values)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BadInput(f"{name}: not a proof ({error})", reason="bad_proof") from None


def _natural(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**64:
        raise ValueError(f"{value!r} is no natural number")
    return value
