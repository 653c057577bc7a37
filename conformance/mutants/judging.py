"""Judging mutants: the tests chosen for one run over a copy of the project that holds it.

Outcomes are kept, so that a run that was interrupted goes on, and one after a change of tests
judges again only what those tests judge. An outcome holds for one mutated file and the test files
that judged it; the rest of the package is taken to be as it was (`--fresh` forgets them all).
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from conformance.mutants.selecting import PYTEST, SIGNATURES, Reach, ended, tests_of
from conformance.mutants.trees import Trees

Row = dict[str, Any]


class Judge:
    """Judges the mutants of the project below `root` by tests of known reach."""

    def __init__(self, root: Path, reach: Mapping[str, Reach], budget: float, store: Path) -> None:
        self.root, self.reach, self.budget, self.store = root, dict(reach), budget, store
        held = json.loads(store.read_text(encoding="utf-8")) if store.exists() else {}
        self._outcomes: dict[str, str] = held
        self._lock = threading.Lock()

    def rows(self, mutants: list[Any], workers: int, done: Callable[[], None]) -> list[Row]:
        """What became of each mutant."""
        with Trees(self.root) as trees, ThreadPoolExecutor(workers) as pool:

            def one(mutant: Any) -> Row:
                row = self.row(mutant, trees.mine)
                done()
                return row

            return list(pool.map(one, mutants))

    def rounds(self, mutant: Any) -> list[list[str]]:
        """The test files that judge it, the most telling ones first.

        What survives those is judged by more that execute its line, three times as long.
        """
        found = tests_of(mutant.path, mutant.places, self.reach, self.budget)
        if mutant.head and SIGNATURES in self.reach:
            found = [*found, SIGNATURES]
        rest = {name: r for name, r in self.reach.items() if name not in found}
        more = tests_of(mutant.path, mutant.places, rest, 3 * self.budget)
        by_time = [sorted(set(f), key=lambda n: self.reach[n].seconds) for f in (found, more)]
        return [names for names in by_time if names]

    def row(self, mutant: Any, tree: Callable[[], Path]) -> Row:
        """A mutant with its tests and its outcome."""
        rounds = self.rounds(mutant)
        tests = [name for names in rounds for name in names]
        row = {"path": mutant.path, "line": mutant.line, "operator": mutant.operator,
               "before": mutant.before, "after": mutant.after, "tests": tests}  # fmt: skip
        if not tests:
            return {**row, "outcome": "survived: no test executes it"}
        key = self._key(mutant, tests)
        if key not in self._outcomes:
            outcome = self._run(mutant, rounds, tree())
            with self._lock:
                self._outcomes[key] = outcome
                self.store.parent.mkdir(exist_ok=True)
                self.store.write_text(json.dumps(self._outcomes, indent=0), encoding="utf-8")
        return {**row, "outcome": self._outcomes[key]}

    def _key(self, mutant: Any, tests: list[str]) -> str:
        said = [mutant.path, mutant.code, *(self.reach[name].digest for name in tests)]
        return hashlib.sha256("\0".join(said).encode()).hexdigest()

    def _run(self, mutant: Any, rounds: list[list[str]], tree: Path) -> str:
        target = tree / mutant.path
        whole = target.read_text(encoding="utf-8")
        target.write_text(mutant.code, encoding="utf-8")
        try:
            for tests in rounds:
                expected = sum(self.reach[name].seconds for name in tests)
                run = [sys.executable, "-m", *PYTEST, "-x", *tests]
                status = ended(run, tree, 4 * expected + 120)
                if status != 0:
                    return "killed" if status else "killed: out of time"
        finally:
            target.write_text(whole, encoding="utf-8")
        return "survived"
