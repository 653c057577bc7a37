"""`python -m conformance differential`: every op's samples against the live oracle."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from conformance import oracle

REPORT = Path("artifacts/conformance/differential.json")
NOT_PROVEN = 3


@click.command()
@click.option("--only", metavar="REGEX", help="Only ops whose name matches.")
@click.option("--mode", type=click.Choice(["strict", "hardened"]), default="strict")
@click.option("--dtypes", help="Comma-separated dtypes of the value check.")
@click.option("--samples", type=click.IntRange(1), help="Samples an op and dtype.")
@click.option("--json", "path", type=click.Path(path_type=Path), help="Where the report goes.")
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option("--deadline", type=float, help="Seconds for the whole run.")
@click.option("--quick", is_flag=True, help="A fixed choice of ops, in seconds.")
@click.option("--sample", is_flag=True, help="A quarter of all ops, by hash of the name.")
@click.option("--seed", default=0, show_default=True, help="Which quarter --sample takes.")
@click.option(
    "--source",
    type=click.Choice(["both", "declared", "opinfo"]),
    default="both",
    help="Samples of the declarations, of torch's test suite, or both.",
)
@click.option("--alone", is_flag=True, help="Without torch, even if it is there.")
@click.option("--all", "everything", is_flag=True, help="Show passing ops too.")
def differential(
    only: str | None, mode: str, dtypes: str | None, samples: int | None, path: Path | None,
    workers: int, deadline: float | None, quick: bool, sample: bool, seed: int, source: str,
    alone: bool, everything: bool,
) -> None:  # fmt: skip
    """Compare every op with torch: value, errors, VJP, JVP, vmap, double backward, replay bits.

    Without torch, declared samples are checked by what needs no oracle: derivatives by finite
    differences and transposition, vmap by a loop, replay by bits; the rest is NOT PROVEN.

    Exit code: 0 all good, 1 a check failed, 2 bad input, 3 NOT PROVEN (torch is not there).
    """
    _check_regex(only)
    ours, theirs = _sides(alone)
    if theirs is None:
        if source == "opinfo":
            sys.exit(NOT_PROVEN)
        source = "declared"
    from conformance import cases, report, runner

    _set_mode(ours.module, mode)
    options = _options(
        runner.Options(workers=workers), dtypes, samples, deadline, quick, ours.module
    )
    chosen = cases.collect(only, quick, source, seed if sample else None)
    if not chosen:
        raise click.BadParameter(f"no op matches {only!r}", param_hint="--only")
    start = time.monotonic()
    with _progress(len(chosen)) as done:
        results = runner.run(chosen, options, ours, theirs, done)
    results, stale = runner.apply_known(results)
    stale = stale if theirs else []  # an entry is about what torch does
    seconds = time.monotonic() - start
    console = Console(width=None if sys.stdout.isatty() else 150)
    report.show(results, stale, console, everything, theirs is not None)
    whole = not (only or quick or sample) and source == "both"
    target = path or (REPORT if whole else None)
    if target is not None:
        version = theirs.module.__version__ if theirs else None
        report.write(target, report.document(results, stale, version, seconds))
        click.echo(f"report: {target}")
    click.echo(f"torch {theirs.module.__version__ if theirs else 'absent'}, {seconds:.0f} s")
    sys.exit(report.exit_code(results, stale, theirs is not None))


def _sides(alone: bool) -> tuple[oracle.Side, oracle.Side | None]:
    try:
        if alone:
            raise oracle.OracleMissing("run without torch, as asked")
        return oracle.sides()
    except oracle.OracleMissing as error:
        click.echo(f"NOT PROVEN: {error}")
        return oracle.candidate(), None


def _check_regex(only: str | None) -> None:
    try:
        re.compile(only or "")
    except re.error as error:
        message = f"not a regular expression: {error}"
        raise click.BadParameter(message, param_hint="--only") from error


def _set_mode(franken: Any, mode: str) -> None:
    setter = getattr(franken, "set_mode", None)
    if setter is not None:
        setter(mode)
    elif mode != "strict":
        raise click.BadParameter("franken has only the strict mode here", param_hint="--mode")


def _options(options: Any, dtypes: str | None, samples: int | None, deadline: float | None,
             quick: bool, module: Any) -> Any:  # fmt: skip
    changes: dict[str, Any] = {}
    if quick:
        changes |= {"samples": 2, "sample_timeout": 2.0,
                    "dtypes": ("float32", "int64", "bool")}  # fmt: skip
    if dtypes:
        names = tuple(dtypes.split(","))
        for name in names:
            if not isinstance(getattr(module, name, None), module.dtype):
                raise click.BadParameter(f"no dtype {name!r}", param_hint="--dtypes")
        changes["dtypes"] = names
    if samples:
        changes["samples"] = samples
    if deadline:
        changes["deadline"] = deadline
    return options._replace(**changes)


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    """A bar on stderr where that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("ops"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as p:
        task = p.add_task("ops", total=total)
        yield lambda: p.advance(task)
