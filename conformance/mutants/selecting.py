"""Which test files run which lines: measured once by coverage, a process a test file.

Processes that a test starts are seen where they get its environment. Knows files, lines and
seconds; the digests say which measurements still hold.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from conformance.mutants.trees import Trees

LIMIT = 1200  # seconds for one test file
SIGNATURES = "tests/faces/test_signatures.py"  # reads every public function's head
PYTEST = ("pytest", "-q", "-n", "0", "-p", "no:cacheprovider")
_SETTINGS = """[run]
parallel = true
patch = subprocess, fork, _exit
source = {tree}/franken
data_file = {data}
disable_warnings = no-data-collected
"""


class Reach(NamedTuple):
    """What a test file reaches, and how long it takes."""

    seconds: float
    lines: dict[str, list[int]]  # path below the root -> line numbers
    passes: bool = True  # where no fault is planted
    digest: str = ""  # of the test file


def test_files(root: Path, only: str = "") -> list[str]:
    """The paths of the test files that match, below the root."""
    found = (p.relative_to(root).as_posix() for p in (root / "tests").rglob("test_*.py"))
    return sorted(name for name in found if re.search(only, name))


def measured(
    root: Path, files: list[str], store: Path, workers: int, done: Callable[[], None]
) -> dict[str, Reach]:
    """The reach of each test file; what `store` holds of the same file is not measured again.

    Where the package changed since, lines are followed to their places.
    """
    held = json.loads(store.read_text(encoding="utf-8")) if store.exists() else {}
    known = {name: Reach(*entry) for name, entry in held.get("tests", {}).items()}
    sources = {p.relative_to(root).as_posix(): p.read_text(encoding="utf-8")
               for p in root.glob("franken/**/*.py")}  # fmt: skip
    places = moved_lines(held.get("sources", {}), sources)
    known = {name: reach._replace(lines=moved(reach.lines, places))
             for name, reach in known.items()}  # fmt: skip
    found: dict[str, Reach] = {}

    def one(name: str) -> None:
        reach = known.get(name)
        if reach is not None and reach.passes and reach.digest == _digest(root / name):
            found[name] = reach
        else:
            found[name] = _measure(trees.mine(), name)
        done()

    try:
        with Trees(root) as trees, ThreadPoolExecutor(workers) as pool:
            list(pool.map(one, files))
    finally:  # minutes of work, also where it was interrupted
        store.parent.mkdir(exist_ok=True)
        kept = {"sources": sources, "tests": {**known, **found}}
        store.write_text(json.dumps(kept), encoding="utf-8")
    return found


def moved_lines(
    before: Mapping[str, str], after: Mapping[str, str]
) -> dict[str, dict[int, set[int]]]:
    """Where the lines of the files that differ are now: {path: {old line: new lines}}.

    Lines that came anew belong to those which they replace, or to the one before them.

    >>> moved_lines({"a": "x\\ny\\n"}, {"a": "x\\nz\\ny\\n"})
    {'a': {1: {1, 2}, 2: {3}}}
    """
    found: dict[str, dict[int, set[int]]] = {}
    for path, old in before.items():
        new = after.get(path, "")
        if old != new:
            table = found[path] = {}
            matcher = difflib.SequenceMatcher(None, old.splitlines(), new.splitlines(), False)
            for tag, a, b, c, d in matcher.get_opcodes():
                for line in range(a, b) if b > a else [a - 1]:
                    same = {c + line - a + 1} if tag == "equal" else set(range(c + 1, d + 1))
                    table.setdefault(line + 1, set()).update(same)
    return found


def moved(
    lines: Mapping[str, list[int]], places: Mapping[str, Mapping[int, set[int]]]
) -> dict[str, list[int]]:
    """The lines of each path where they are now."""
    found = dict(lines)
    for path in places.keys() & found.keys():
        table = places[path]
        found[path] = sorted(set().union(*(table.get(n, ()) for n in found[path])))
    return found


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def environment(root: Path) -> dict[str, str]:
    """As `make test` runs: one thread a process, and the package of `root`."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **one, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}


def ended(command: list[str], tree: Path, limit: float) -> int | None:
    """Run a command in a tree: its exit status, or None if it ran out of time and was stopped."""
    process = subprocess.Popen(
        command, cwd=tree, env=environment(tree), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        return None
    finally:  # with what it started
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _measure(tree: Path, name: str) -> Reach:
    """In a tree like those in which faults are planted: what fails there would notice anything."""
    from coverage import CoverageData  # an optional dependency
    from coverage.exceptions import DataError

    with tempfile.TemporaryDirectory() as folder:
        settings, lines = Path(folder, "settings"), dict[str, set[int]]()
        settings.write_text(_SETTINGS.format(tree=tree, data=Path(folder, "data")))
        started = time.monotonic()
        run = [sys.executable, "-m", "coverage", "run", f"--rcfile={settings}", "-m", *PYTEST, name]
        passes = ended(run, tree, LIMIT) == 0
        if not passes:  # tracing alone may be what it minds
            passes = ended([sys.executable, "-m", *PYTEST, name], tree, LIMIT) == 0
        seconds = time.monotonic() - started
        for file in Path(folder).glob("data.*"):  # one of each process
            data = CoverageData(str(file))
            try:
                data.read()
            except DataError:  # of a process that was killed as it wrote
                continue
            for path in data.measured_files():
                hit = lines.setdefault(Path(path).relative_to(tree).as_posix(), set())
                hit.update(data.lines(path) or ())
    reached = {path: sorted(hit) for path, hit in lines.items() if hit}
    return Reach(seconds, reached, passes, _digest(tree / name))


def tests_of(
    path: str, places: tuple[tuple[int, ...], ...], reach: dict[str, Reach], budget: float
) -> list[str]:
    """Test files that execute one of the first place's lines that any does, for about `budget` s.

    A line that every file executes, at import, is best judged by those that run most of the file.
    At least one is chosen where there is any.
    """
    hits: dict[str, Reach] = {}
    for lines in places:
        hits = hits or {
            n: r for n, r in reach.items() if not set(lines).isdisjoint(r.lines.get(path, ()))
        }
    order = sorted(hits, key=lambda n: (-len(hits[n].lines[path]), hits[n].seconds))
    chosen, spent = [], 0.0
    for name in order:
        if chosen and spent + hits[name].seconds > budget:
            continue
        chosen.append(name)
        spent += hits[name].seconds
    return sorted(chosen, key=lambda n: hits[n].seconds)
