"""Which test files run which lines: measured once by coverage, a process a test file.

What a test starts in processes of its own is not seen. Knows files, lines and seconds.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

LIMIT = 1200  # seconds for one test file


class Reach(NamedTuple):
    """What a test file reaches, and how long it takes."""

    seconds: float
    lines: dict[str, list[int]]  # path below the root -> line numbers


def test_files(root: Path, only: str = "") -> list[str]:
    """The paths of the test files that match, below the root."""
    found = (p.relative_to(root).as_posix() for p in (root / "tests").rglob("test_*.py"))
    return sorted(name for name in found if re.search(only, name))


def measured(
    root: Path, files: list[str], store: Path, workers: int, done: Callable[[], None]
) -> dict[str, Reach]:
    """The reach of each test file; what `store` holds is not measured again."""
    known = json.loads(store.read_text(encoding="utf-8")) if store.exists() else {}

    def one(name: str) -> tuple[str, Reach]:
        reach = Reach(*known[name]) if name in known else _measure(root, name)
        done()
        return name, reach

    with ThreadPoolExecutor(workers) as pool:
        found = dict(pool.map(one, files))
    store.parent.mkdir(exist_ok=True)
    store.write_text(json.dumps({**known, **found}), encoding="utf-8")
    return found


def environment(root: Path) -> dict[str, str]:
    """As `make test` runs: one thread a process, and the package of `root`."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **one, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}


def _measure(root: Path, name: str) -> Reach:
    with tempfile.TemporaryDirectory() as folder:
        data, report = Path(folder, "data"), Path(folder, "report.json")
        run = [sys.executable, "-m", "coverage"]
        started = time.monotonic()
        subprocess.run(
            [*run, "run", f"--data-file={data}", "--source=franken", "-m", "pytest", "-q", "-x",
             "-n", "0", "-p", "no:cacheprovider", name],
            cwd=root, env=environment(root), capture_output=True, timeout=LIMIT, check=False,
        )  # fmt: skip
        seconds = time.monotonic() - started
        subprocess.run(
            [*run, "json", "-q", f"--data-file={data}", "-o", str(report)],
            cwd=root, env=environment(root), capture_output=True, check=True,
        )  # fmt: skip
        files = json.loads(report.read_text(encoding="utf-8"))["files"]
    lines = {path: entry["executed_lines"] for path, entry in files.items()}
    return Reach(seconds, {path: hit for path, hit in lines.items() if hit})


def tests_of(
    path: str, lines: tuple[int, ...], reach: dict[str, Reach], budget: float
) -> list[str]:
    """Test files that execute one of the lines, for about `budget` seconds.

    A line that every file executes, at import, is best judged by those that run most of the file.
    """
    hits = {n: r for n, r in reach.items() if not set(lines).isdisjoint(r.lines.get(path, ()))}
    order = sorted(hits, key=lambda n: (-len(hits[n].lines[path]), hits[n].seconds))
    chosen, spent = [], 0.0
    for name in order:
        if chosen and spent + hits[name].seconds > budget:
            continue
        chosen.append(name)
        spent += hits[name].seconds
    return sorted(chosen, key=lambda n: hits[n].seconds)
