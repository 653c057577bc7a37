"""`python -m benchmarks.durability_fuzz`: mutated headers and sidecars, by hypothesis and atheris.

Every reader meets bytes that no writer made. What it cannot read it refuses with FormatError or
DurabilityError, in bounded time and memory; anything else ends the run. Sidecars have digests, and
random bytes get no further than those; so some targets seal their mutations with the right ones.
Every target is a process of its own. Without atheris its half is NOT PROVEN, and the exit code 3.
"""

from __future__ import annotations

import faulthandler
import importlib
import importlib.util
import json
import os
import resource
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import click
import numpy as np

OUT = Path("artifacts/perf/durability_fuzz.json")
ENGINES = ("hypothesis", "atheris")
FORMATS = ("safetensors", "torch", "npz", "npz-deflate", "npy", "index", "pickle")
SIDECARS = ("sidecar", "sidecar-header", "sidecar-table")
TARGETS = FORMATS + SIDECARS
# Above what the process holds when it begins.
MEMORY = 512 << 20
SECONDS = 10.0
_LONGEST = 1 << 16

Target = Callable[[bytes], str]


# -- targets: seeds, and what a case does; it returns the outcome in a word --


def seeds_of(name: str) -> list[bytes]:
    """Return sound inputs of a format."""
    from franken.serialization import safetensors
    from franken.serialization.formats.writers import write_npy, write_npz, write_torch

    base = np.arange(12.0).reshape(3, 4)
    arrays = {"a.b": base, "t": base.T, "c": np.ones(3, np.int8)}
    if name == "safetensors":
        return [safetensors.save(arrays, {"k": "v"})]
    if name == "index":
        return [b'{"metadata": {"total_size": 8}, "weight_map": {"a": "1.bin", "b": "2.bin"}}']
    if name == "pickle":
        return [b"\x80\x02}q\0X\1\0\0\0aq\1K\1s.", b"\x80\x04\x95\x0b\0\0\0\0\0\0\0]\x94(K\1K\2e."]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file.npz")
        if name == "torch":
            write_torch(path, arrays)
        elif name == "npz":
            write_npz(path, arrays)
        elif name == "npy":
            write_npy(path, base.T)
        else:
            np.savez_compressed(path, **arrays)
        return [path.read_bytes()]


def format_case(data: bytes) -> str:
    """Put bytes through every reader of a format."""
    from franken.serialization.formats.fuzzing import fuzz

    return "read" if fuzz(data) else "FormatError"


def pickle_case(data: bytes) -> str:
    """Put bytes through the reader of pickles."""
    from franken.serialization.errors import FormatError
    from franken.serialization.formats import pickle_reader

    try:
        pickle_reader.parse(data)
    except FormatError as error:
        return f"FormatError: {error.reason}"
    return "read"


class SidecarCase:
    """A protected file in a folder; each case gives it another sidecar and verifies it.

    "sidecar" mutates all of the sidecar; "sidecar-header" the header's text, under a right digest;
    "sidecar-table" the table, in pages with right CRCs, under a header with its right digest.
    """

    def __init__(self, name: str, folder: str) -> None:
        from franken.serialization import safetensors
        from franken.serialization.durability import protect
        from franken.serialization.durability.sidecar import Places, read

        self.path = Path(folder, "m.safetensors")
        values = np.random.default_rng(0).integers(0, 2**16, 1500).astype(np.uint16)
        safetensors.save_file({"w": values[:1000], "v": values[1000:]}, self.path)
        self.content = self.path.read_bytes()
        protect(self.path, redundancy=0.2)
        self.sidecar = self.path.with_name(self.path.name + ".frq")
        self.whole, self.header = self.sidecar.read_bytes(), read(self.sidecar).header
        self.places = Places.of(self.header)
        self.make = {"sidecar": bytes, "sidecar-header": self._header,
                     "sidecar-table": self._table}[name]  # fmt: skip
        self.name, self.count = name, 0

    def seeds(self) -> list[bytes]:
        """Return what the sound sidecar holds at the mutated place."""
        from franken.serialization.durability.table import from_pages

        if self.name == "sidecar":
            return [self.whole]
        if self.name == "sidecar-header":
            return [self.whole[14 : self.places.table - 32]]
        pages = self.whole[self.places.table : self.places.repair]
        return [from_pages([pages], self.header.table_bytes)[0]]

    def _header(self, text: bytes) -> bytes:
        from franken.serialization.durability.coding import digest
        from franken.serialization.durability.sidecar import MAGIC, VERSION

        framed = struct.pack("<8sHI", MAGIC, VERSION, len(text)) + text
        return framed + digest(framed) + self.whole[self.places.table : self.places.second_header]

    def _table(self, table: bytes) -> bytes:
        from dataclasses import replace

        from franken.serialization.durability.coding import digest
        from franken.serialization.durability.table import to_pages

        table = table[: self.header.table_bytes].ljust(self.header.table_bytes, b"\0")
        header = replace(self.header, table_digest=digest(table).hex()).to_bytes()
        repair = self.whole[self.places.repair : self.places.second_table]
        return header + to_pages(table) + repair + to_pages(table) + header

    def __call__(self, data: bytes) -> str:
        from franken.serialization.durability import DurabilityError, repair, verify

        self.count += 1
        self.sidecar.write_bytes(self.make(data))
        # Every other case finds the file damaged, so that blocks are decoded and files written.
        damaged = bytearray(self.content)
        damaged[700:720] = bytes(20)
        self.path.write_bytes(damaged if self.count % 2 else self.content)
        try:
            status = verify(self.path, workers=0).status
            if status == "repairable":
                output = self.path.with_suffix(".out")
                repair(self.path, output=output, workers=0)
                if self.name == "sidecar" and output.read_bytes() != self.content:
                    raise RuntimeError("repaired to what was never protected")
        except DurabilityError as error:
            return f"{type(error).__name__}: {error.reason}"
        return status


# -- one engine on one target, in a process of its own --


class Tally:
    """Runs cases, counts outcomes, and keeps the slowest; ends the process at the time limit."""

    def __init__(self, target: Target, cases: int, out: Path) -> None:
        self.target, self.cases, self.out = target, cases, out
        self.outcomes: Counter[str] = Counter()
        self.slowest = 0.0

    def __call__(self, data: bytes) -> None:
        """Run one case."""
        if self.outcomes.total() >= self.cases:
            return
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        started = time.perf_counter()
        try:
            outcome = self.target(data)
        finally:
            faulthandler.cancel_dump_traceback_later()
        self.slowest = max(self.slowest, time.perf_counter() - started)
        self.outcomes[outcome] += 1
        # Written by the last case: the engine may end the process without returning.
        if self.outcomes.total() == self.cases:
            self.write()

    def write(self) -> None:
        """Write what was counted."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000
        self.out.write_text(json.dumps({
            "cases": self.outcomes.total(), "outcomes": dict(sorted(self.outcomes.items())),
            "slowest_s": round(self.slowest, 3), "peak_mb": peak,
        }))  # fmt: skip


def child(engine: str, name: str, cases: int, out: Path) -> None:
    """Run one engine on one target, with a bound on memory."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as at:
        if engine == "atheris":
            import atheris

            with atheris.instrument_imports(include=["franken.serialization"]):
                for each in ("durability", "formats.fuzzing", "formats.writers"):
                    importlib.import_module(f"franken.serialization.{each}")
        case = SidecarCase(name, at) if name in SIDECARS else None
        seeds = case.seeds() if case else seeds_of(name)
        readers = pickle_case if name == "pickle" else format_case
        tally = Tally(case or readers, cases, out)
        for seed in seeds:
            tally(seed)
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, held + MEMORY))
        (by_hypothesis if engine == "hypothesis" else by_atheris)(tally, seeds, at)


def by_hypothesis(tally: Tally, seeds: list[bytes], folder: str) -> None:
    """Let hypothesis choose bytes to change, pieces to move, and where to cut."""
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st

    interesting = st.sampled_from([0, 1, 0x7F, 0x80, 0xFE, 0xFF, *b'0{("[.'])
    changes = st.tuples(st.integers(0, 1 << 20), interesting | st.integers(0, 255))
    moves = st.tuples(st.integers(0, 1 << 20), st.integers(0, 40), st.integers(0, 1 << 20))

    @settings(max_examples=2 * tally.cases, deadline=None, database=None, derandomize=True,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(st.sampled_from(seeds), st.lists(changes, max_size=6), st.lists(moves, max_size=1),
           st.none() | st.integers(0, 1 << 20))  # fmt: skip
    def mutated(seed: bytes, flips: list[tuple[int, int]], moved: list[tuple[int, int, int]],
                cut: int | None) -> None:  # fmt: skip
        data = bytearray(seed)
        for at, value in flips:
            data[at % len(data)] = value
        for source, length, target in moved:
            target %= len(data)
            data[target : target + length] = data[source % len(seed) :][:length]
        tally(bytes(data if cut is None or cut % 8 else data[: cut % len(data)]))

    mutated()


def by_atheris(tally: Tally, seeds: list[bytes], folder: str) -> None:
    """Let libFuzzer mutate, led by the coverage of the readers."""
    import atheris

    corpus = Path(folder, "corpus")
    corpus.mkdir()
    for number, seed in enumerate(seeds):
        (corpus / str(number)).write_bytes(seed)
    atheris.Setup([sys.argv[0], f"-runs={tally.cases + 100}", "-seed=1", f"-max_len={_LONGEST}",
                   f"-artifact_prefix={folder}/", "-verbosity=0", str(corpus)], tally)  # fmt: skip
    atheris.Fuzz()


# -- the whole run --


@click.command()
@click.option("--cases", default=2500, show_default=True, help="For each engine and target.")
@click.option("--target", "names", type=click.Choice(TARGETS), multiple=True)
@click.option("--child", "child_of", nargs=2, default=None, hidden=True)
@click.option("--out", type=click.Path(path_type=Path), default=OUT, show_default=True)
def main(cases: int, names: tuple[str, ...], child_of: tuple[str, str] | None, out: Path) -> None:
    """Run every engine on every target, and count the outcomes."""
    if child_of:
        child(*child_of, cases, out)
        return
    present = [engine for engine in ENGINES if importlib.util.find_spec(engine)]
    rows, faults = {}, 0
    for engine in present:
        for name in names or TARGETS:
            rows[f"{engine} {name}"] = row = _row(engine, name, cases)
            faults += "fault" in row
            click.echo(f"{engine:10} {name:15} {json.dumps(row)}")
    absent = [engine for engine in ENGINES if engine not in present]
    totals = {engine: sum(int(row.get("cases", 0)) for key, row in rows.items()
                          if key.startswith(engine)) for engine in present}  # fmt: skip
    proven = f"NOT PROVEN: {', '.join(absent)} not installed" if absent else not faults
    report = {"schema": "franken.durability_fuzz/1", "rows": rows, "cases": totals,
              "faults": faults, "only_typed_errors": proven, "memory_mb": MEMORY >> 20,
              "seconds_a_case": SECONDS}  # fmt: skip
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")
    click.echo(f"{totals} cases, {faults} faults, only typed errors: {proven}")
    raise SystemExit(1 if faults else 3 if absent else 0)


def _row(engine: str, name: str, cases: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "tally.json")
        command = [sys.executable, "-m", "benchmarks.durability_fuzz", "--child", engine, name,
                   "--cases", str(cases), "--out", str(out)]  # fmt: skip
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        ended = subprocess.run(command, env=environment, capture_output=True, text=True)
        row: dict[str, object] = {}
        with suppress(FileNotFoundError):
            row = json.loads(out.read_text())
        if ended.returncode or row.get("cases") != cases:
            row["fault"] = f"exit code {ended.returncode}: {ended.stderr[-2000:]}"
        return row


if __name__ == "__main__":
    main()
