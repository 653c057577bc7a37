"""`python -m conformance mutants`: how many planted faults the tests notice."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from conformance.mutants.judging import Judge
from conformance.mutants.selecting import measured, test_files

STORE = Path(".mutants/coverage.json")
OUTCOMES = Path(".mutants/outcomes.json")
REPORT = Path("artifacts/mutants.json")
ROOT = Path(__file__).resolve().parents[2]


@click.command()
@click.option("--count", default=200, show_default=True, help="Mutants in the sample.")
@click.option("--only", default="", metavar="REGEX", help="Only files whose path matches.")
@click.option(
    "--tests",
    default="",
    metavar="REGEX",
    help="Judge by these test files alone: then the share is an upper bound.",
)
@click.option("--seed", default=0, show_default=True, help="Which sample.")
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option(
    "--budget",
    default=60.0,
    show_default=True,
    help="Seconds of tests a mutant; thrice as many more if it survives.",
)
@click.option("--aim", default=0.10, show_default=True, help="The share that may survive.")
@click.option("--fresh", is_flag=True, help=f"Forget what tests reach and found ({STORE.parent}).")
@click.option("--json", "path", type=click.Path(path_type=Path), help="Where the report goes.")
@click.option("--write", is_flag=True, help=f"Refresh {REPORT}.")
def mutants(
    count: int, only: str, tests: str, seed: int, workers: int, budget: float, aim: float,
    fresh: bool, path: Path | None, write: bool,
) -> None:  # fmt: skip
    """Plant faults in the package one at a time; say which no test notices.

    Each mutant is judged by the test files that execute its line. One that no test executes has
    survived. Needs cosmic-ray and coverage: pip install "franken[mutants]".

    Exit code: 0 no more survive than aimed at, 1 more do, 3 NOT PROVEN (cosmic-ray is missing).
    """
    try:
        from conformance.mutants.sampling import sample
    except ModuleNotFoundError as error:
        click.echo(f'NOT PROVEN: {error}; pip install "franken[mutants]"')
        sys.exit(3)
    for store in (STORE, OUTCOMES) if fresh else ():
        (ROOT / store).unlink(missing_ok=True)
    judges = test_files(ROOT, tests)
    with _bar(len(judges), "coverage") as done:
        every = measured(ROOT, judges, ROOT / STORE, workers, done)
    reach = {name: found for name, found in every.items() if found.passes}
    for name in every.keys() - reach.keys():  # it would notice anything
        click.echo(f"{name} fails without a fault: it judges nothing")
    chosen = list(sample(ROOT, count, seed, only))
    judge = Judge(ROOT, reach, budget, ROOT / OUTCOMES)
    with _bar(len(chosen), "mutants") as done:
        rows = judge.rows(chosen, workers, done)
    report = {
        "count": count, "seed": seed, "only": only, "tests": tests, "budget": budget,
        "survived": _survivors(rows),
    }  # fmt: skip
    for target in [p for p in (path, REPORT if write else None) if p is not None]:
        target.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    sys.exit(_show(rows, aim))


def _survivors(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["outcome"].startswith("survived")]


def _show(rows: list[dict[str, Any]], aim: float) -> int:
    left = _survivors(rows)
    for row in left:
        click.echo(f"SURVIVED {row['path']}:{row['line']}  {row['operator']}  {row['outcome']}")
        click.echo(f"    {row['before']}\n    {row['after']}")
    share = len(left) / max(1, len(rows))
    click.echo(f"{len(left)} of {len(rows)} mutants survived ({share:.1%}; aim {aim:.0%})")
    return int(share > aim)


@contextmanager
def _bar(total: int, what: str) -> Iterator[Any]:
    """A bar on stderr where that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)
