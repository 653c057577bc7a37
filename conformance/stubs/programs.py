"""`python -m conformance programs`: what type checkers say of typical programs.

The programs of tests/typing/programs/ are right, but for the lines marked `# typo`: a checker must
complain of those lines and of no others.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import click

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "typing"
_PLACE = re.compile(r"\s*(.*\.py):(\d+)(?::\d+)?(?:: | - )(?:error|warning)")
CHECKERS = {
    # The user's view: no settings of this repository, and errors in the programs alone.
    "mypy": ("mypy", "--config-file=", "--check-untyped-defs", "--follow-imports=silent",
             f"--cache-dir={ROOT / '.mypy_cache' / 'programs'}", "programs"),
    "pyright": ("pyright", "--pythonpath", sys.executable),
}  # fmt: skip


class Verdict(NamedTuple):
    """What a checker said of all programs."""

    programs: int
    found: list[str]  # complaints of lines that are right
    missed: list[str]  # lines with a typo that it accepts
    typos: int


def check(checker: str) -> Verdict:
    """Run one checker, once, over all programs."""
    marked = {
        (path.name, number): text.strip()
        for path in sorted(FOLDER.glob("programs/*.py"))
        for number, text in enumerate(path.read_text().splitlines(), 1)
        if text.endswith("# typo")
    }
    done = subprocess.run(
        [sys.executable, "-m", *CHECKERS[checker]],
        cwd=FOLDER, env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{checker} ended with {done.returncode}: {done.stdout}{done.stderr}")
    said = {}
    for line in done.stdout.splitlines():
        place = _PLACE.match(line)
        if place is not None:
            said.setdefault((Path(place[1]).name, int(place[2])), line.strip())
    return Verdict(
        programs=len(list(FOLDER.glob("programs/*.py"))),
        found=[line for place, line in said.items() if place not in marked],
        missed=[f"{n}:{i}: {marked[n, i]}" for n, i in marked.keys() - said.keys()],
        typos=len(marked),
    )


@click.command()
@click.option(
    "--checker", type=click.Choice(list(CHECKERS)), multiple=True, default=tuple(CHECKERS)
)
def programs(checker: tuple[str, ...]) -> None:
    """Check typical programs with type checkers; exit 1 if one says what it should not."""
    good = True
    for name in checker:
        verdict = check(name)
        for line in verdict.found + [f"accepted: {text}" for text in verdict.missed]:
            click.echo(line)
        good = good and not (verdict.found or verdict.missed)
        click.echo(
            f"{name}: {verdict.programs} programs, {len(verdict.found)} complaints of right lines, "
            f"{verdict.typos - len(verdict.missed)} of {verdict.typos} typos found"
        )
    sys.exit(0 if good else 1)
