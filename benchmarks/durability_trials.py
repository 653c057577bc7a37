"""`python -m benchmarks.durability_trials`: damage files at random, repair them, count what failed.

Two kinds of trial. Within the redundancy, every file must come back bit for bit. Beyond it, repair
must refuse and leave the file alone, name the tensors that are lost, and salvage all the others.
The damage is planned here, from positions alone, so that the code under test is not its own judge.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import click
import numpy as np

from franken.serialization import safetensors
from franken.serialization.durability import (
    Unrepairable,
    assess,
    open_source,
    protect,
    repair,
    verify,
)
from franken.serialization.durability.geometry import Geometry
from franken.serialization.durability.sidecar import Places

Edit = Callable[[bytearray], None]


@dataclass
class Damage:
    """Edits to a file and its sidecar, and the source and repair symbols that they destroy."""

    names: list[str] = field(default_factory=list)
    source: set[int] = field(default_factory=set)
    repair: set[int] = field(default_factory=set)
    edits: list[Edit] = field(default_factory=list)
    sidecar_edits: list[Edit] = field(default_factory=list)


def make_file(path: Path, rng: random.Random, smallest: int) -> None:
    """Write a safetensors file of a few to many tensors, or sometimes bytes of no format."""
    seed = np.random.default_rng(rng.getrandbits(32))
    if rng.random() < 0.2:
        sizes = [1, 255, 256, 257, 4099, 65_537, 300_007]
        path.write_bytes(seed.bytes(rng.choice([size for size in sizes if size >= smallest])))
        return
    arrays = {}
    for number in range(rng.randint(1, 24)):
        count = rng.randint(max(1, smallest // 2), 12_000)
        values = seed.integers(0, 2**16, count).astype(np.uint16)
        if rng.random() < 0.2:
            values[:] = 0  # tensors of zeros look the same everywhere
        arrays[f"layer.{number}.weight"] = values
    safetensors.save_file(arrays, path)


def flips(damage: Damage, geometry: Geometry, rng: random.Random, share: float) -> None:
    """Flip one bit in many symbols."""
    for symbol in rng.sample(range(geometry.symbols), int(geometry.symbols * share)):
        _, offset, length = geometry.place(symbol)
        damage.source.add(symbol)
        damage.edits.append(_flip(offset + rng.randrange(length), 1 << rng.randrange(8)))
    damage.names.append("flips")


def zeros(damage: Damage, geometry: Geometry, rng: random.Random, share: float) -> None:
    """Zero one run of bytes."""
    length = max(1, int(geometry.total * share))
    begin = rng.randrange(geometry.total - length + 1)
    damage.source.update(geometry.touching(0, begin, begin + length))
    damage.edits.append(lambda data: data.__setitem__(slice(begin, begin + length), bytes(length)))
    damage.names.append("zeros")


def truncation(damage: Damage, geometry: Geometry, rng: random.Random, share: float) -> None:
    """Cut the end off."""
    length = max(1, int(geometry.total * share))
    damage.source.update(geometry.touching(0, geometry.total - length, geometry.total))
    damage.edits.append(lambda data: data.__delitem__(slice(geometry.total - length, None)))
    damage.names.append("truncation")


def insertion(damage: Damage, geometry: Geometry, rng: random.Random, share: float) -> None:
    """Insert bytes: they touch the symbol that they split."""
    at, extra = rng.randrange(geometry.total), rng.randbytes(rng.randint(1, 20_000))
    damage.source.update(geometry.touching(0, at, at + 1))
    damage.edits.append(lambda data: data.__setitem__(slice(at, at), extra))
    damage.names.append("insertion")


def deletion(damage: Damage, geometry: Geometry, rng: random.Random, share: float) -> None:
    """Delete bytes from the middle."""
    length = max(1, int(geometry.total * share))
    begin = rng.randrange(geometry.total - length + 1)
    damage.source.update(geometry.touching(0, begin, begin + length))
    damage.edits.append(lambda data: data.__delitem__(slice(begin, begin + length)))
    damage.names.append("deletion")


def sidecar_damage(damage: Damage, places: Places, geometry: Geometry, rng: random.Random) -> None:
    """Damage one header, different pages of the two tables, and a repair symbol or two."""
    if rng.random() < 0.5:
        at = places.header if rng.random() < 0.5 else places.second_header
        damage.sidecar_edits.append(_flip(at + rng.randrange(60), 1))
    for page in range((places.repair - places.table) // 4096):
        start = rng.choice([places.table, places.second_table, None])
        if start is not None:
            damage.sidecar_edits.append(_flip(start + page * 4096 + rng.randrange(4096), 4))
    for _ in range(rng.randint(0, 2) if geometry.blocks else 0):
        row = rng.randrange(geometry.repair)
        symbol = row * geometry.blocks + rng.randrange(geometry.blocks)
        damage.repair.add(symbol)
        damage.sidecar_edits.append(_flip(places.repair + symbol * geometry.symbol, 8))
    damage.names.append("sidecar")


def _flip(at: int, mask: int) -> Edit:
    def edit(data: bytearray) -> None:
        if at < len(data):
            data[at] ^= mask

    return edit


IN_PLACE = (flips, zeros)
# They change where bytes lie, so one of them comes last and alone.
MOVING = (truncation, insertion, deletion)


def plan_damage(
    geometry: Geometry, places: Places, rng: random.Random, share: float, with_sidecar: bool
) -> Damage:
    """Return damage of about that share of the file, of one to three kinds."""
    damage = Damage()
    kinds = rng.sample([*IN_PLACE, rng.choice(MOVING)], rng.randint(1, 3))
    for kind in sorted(kinds, key=lambda each: each in MOVING):
        kind(damage, geometry, rng, share * rng.random() / len(kinds))
    if with_sidecar and rng.random() < 0.4:
        sidecar_damage(damage, places, geometry, rng)
    return damage


def margin(damage: Damage, geometry: Geometry) -> int:
    """Return the symbols that the worst block can still lose; below zero it is gone for sure."""
    if geometry.blocks == 0:
        return 0
    lost = Counter(symbol % geometry.blocks for symbol in damage.source)
    spare = Counter(symbol % geometry.blocks for symbol in damage.repair)
    return min(geometry.repair - spare[b] - lost[b] for b in range(geometry.blocks))


def apply(path: Path, edits: list[Edit]) -> None:
    """Carry out edits on a file."""
    data = bytearray(path.read_bytes())
    for edit in edits:
        edit(data)
    path.write_bytes(data)


def trial(folder: Path, seed: int, beyond: bool) -> tuple[str, str]:
    """Run one trial; return the kinds of damage, and "" or what went wrong."""
    rng = random.Random(seed)
    path = folder / "file.bin"
    # Beyond the redundancy lies nothing for a file whose repair symbols are as many as its own.
    make_file(path, rng, 4099 if beyond else 1)
    share = rng.choice([0.02, 0.05, 0.1])
    protect(path, redundancy=share, symbol=rng.choice([None, None, 64, 256]))
    opened = open_source(path)
    assert opened is not None
    geometry, places = opened[1].geometry, Places.of(opened[1].header)
    original = path.read_bytes()
    while True:
        damage = plan_damage(
            geometry, places, rng, min(0.8, share * 12) if beyond else share, not beyond
        )
        left = margin(damage, geometry)
        if (left < 0) if beyond else (left >= 2):
            break
    apply(path, damage.edits)
    apply(Path(f"{path}.frq"), damage.sidecar_edits)
    check = _beyond if beyond else _within
    return "+".join(sorted(damage.names)), check(path, original)


def _within(path: Path, original: bytes) -> str:
    damaged = path.read_bytes() != original
    status = verify(path).status
    if status != ("repairable" if damaged else "intact"):
        return f"verify says {status}"
    repair(path)
    if path.read_bytes() != original:
        return "not restored"
    opened = open_source(path)
    assert opened is not None
    result = assess(*opened)
    return "" if result.is_intact and result.sidecar_intact else "not intact after repair"


def _beyond(path: Path, original: bytes) -> str:
    damaged = path.read_bytes()
    named = {each.name: (each.begin, each.end) for each in verify(path).tensors}
    try:
        repair(path)
        return "" if path.read_bytes() == original else "repaired into something else"
    except Unrepairable as error:
        lost_by_verify = set(error.report.lost_tensors)
    if path.read_bytes() != damaged:
        return "a refused repair wrote to the file"
    report = repair(path, salvage=True)
    output = Path(f"{path}.salvaged").read_bytes()
    wrong = {name for name, (a, b) in named.items() if output[a:b] != original[a:b]}
    if wrong != set(report.lost_tensors) or wrong != lost_by_verify & wrong:
        return "the lost tensors are not those that were named"
    if set(report.intact_tensors) != set(named) - wrong:
        return "the intact tensors are not those that were named"
    return "" if len(output) == len(original) else "salvaged to another length"


def run(count: int, seed: int, beyond: bool) -> tuple[Counter[str], list[tuple[int, str, str]]]:
    """Run trials; return how many of each kind, and the failures with their seeds."""
    kinds: Counter[str] = Counter()
    failures = []
    for number in range(seed, seed + count):
        folder = Path(tempfile.mkdtemp(prefix="franken-trial-"))
        try:
            kind, failure = trial(folder, number, beyond)
        finally:
            shutil.rmtree(folder)
        kinds[kind] += 1
        if failure:
            failures.append((number, kind, failure))
    return kinds, failures


@click.command()
@click.option("--trials", default=1000, show_default=True, help="Trials within the redundancy.")
@click.option("--beyond", default=200, show_default=True, help="Trials beyond it.")
@click.option("--seed", default=0, show_default=True, help="Seed of the first trial.")
def main(trials: int, beyond: int, seed: int) -> None:
    """Damage and repair files at random; exit 1 if any trial failed."""
    failed = 0
    for label, count, is_beyond in (("within", trials, False), ("beyond", beyond, True)):
        if count == 0:
            continue
        started = time.perf_counter()
        kinds, failures = run(count, seed, is_beyond)
        click.echo(
            f"{label:8} {count:5} trials, {len(failures)} failed, "
            f"{time.perf_counter() - started:.1f} s, seeds {seed} to {seed + count - 1}"
        )
        for kind, number in sorted(kinds.items()):
            click.echo(f"  {kind:32} {number:5}")
        for number, kind, failure in failures:
            click.echo(f"  FAILED seed {number} ({kind}): {failure}")
        failed += len(failures)
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
