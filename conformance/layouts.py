"""`python -m conformance layouts`: strides of every op's results against the live oracle."""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from conformance.differential import NOT_PROVEN, _check_regex, _progress, _sides

REPORT = Path("artifacts/conformance/layouts.json")


@click.command()
@click.option("--only", metavar="REGEX", help="Only ops whose name matches.")
@click.option("--samples", type=click.IntRange(1), default=3, show_default=True,
              help="Samples an op and source.")  # fmt: skip
@click.option("--json", "path", type=click.Path(path_type=Path), help="Where the report goes.")
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option("--deadline", type=float, default=580.0, help="Seconds for the whole run.")
@click.option("--quick", is_flag=True, help="A fixed choice of ops, in seconds.")
@click.option("--source", type=click.Choice(["both", "declared", "opinfo"]), default="both",
              help="Samples of the declarations, of torch's test suite, or both.")  # fmt: skip
@click.option("--alone", is_flag=True, help="Without torch, even if it is there.")
@click.option("--all", "everything", is_flag=True, help="Show every failing layout.")
def layouts(
    only: str | None, samples: int, path: Path | None, workers: int, deadline: float,
    quick: bool, source: str, alone: bool, everything: bool,
) -> None:  # fmt: skip
    """Compare the strides (and values) of results with torch's, in every layout of the inputs.

    Every op's samples, contiguous, transposed, channels last, column-major, sliced, expanded,
    with empty and single axes, and with different layouts in pairs; by function, method, `out=`
    and the gradients that backward leaves.

    Exit code: 0 all good, 1 strides or values differ, 2 bad input, 3 NOT PROVEN (no torch).
    """
    _check_regex(only)
    ours, theirs = _sides(alone)
    if theirs is None:
        sys.exit(NOT_PROVEN)
    from conformance import cases, known, layout_checks, report, runner

    options = runner.Options(
        workers=workers, samples=samples, deadline=deadline, op_timeout=240.0, sample_timeout=30.0
    )
    chosen = cases.collect(only, quick, source)
    if not chosen:
        raise click.BadParameter(f"no op matches {only!r}", param_hint="--only")
    start = time.monotonic()
    with _progress(len(chosen)) as done:
        results = runner.run(chosen, options, ours, theirs, done, layout_checks.run_case)
    results, stale = runner.apply_known(results, known.LAYOUTS)
    if samples < known.LAYOUT_SAMPLES:  # too few to show all that is known
        stale = []
    seconds = time.monotonic() - start
    show(results, stale, chosen, Console(width=None if sys.stdout.isatty() else 150), everything)
    target = path or (None if only or quick or source != "both" else REPORT)
    if target is not None:
        report.write(
            target, document(results, stale, chosen, str(theirs.module.__version__), seconds)
        )
        click.echo(f"report: {target}")
    click.echo(f"torch {theirs.module.__version__}, {seconds:.0f} s")
    sys.exit(report.exit_code(results, stale))


def family(case: Any) -> str:
    """The room that an op is declared in; those known by torch's name alone go by that."""
    from franken.core.op import OPS

    op = OPS.get(case.name) or OPS.get(case.name.partition(".")[0])
    if op is None:
        return "other"
    return ".".join(getattr(op.fn, "__module__", "franken.other").split(".")[1:3])


def families(results: list[Any], chosen: list[Any]) -> dict[str, Counter[str]]:
    """Counts of verdicts by family."""
    of = {case.name: family(case) for case in chosen}
    found: dict[str, Counter[str]] = {}
    for r in results:
        found.setdefault(of[r.op], Counter())[r.verdict] += 1
    return dict(sorted(found.items()))


def show(
    results: list[Any], stale: list[str], chosen: list[Any], console: Console, everything: bool
) -> None:
    """Print figures for each family and the failures (the first of an op and form, or all)."""
    from conformance.report import first_failures, summary
    from conformance.runner import FAIL, KNOWN_FAIL, PASS

    table = Table("family", "same", "different", "known", title="layouts, as torch's",
                  title_justify="left")  # fmt: skip
    for name, counts in families(results, chosen).items():
        table.add_row(name, str(counts[PASS]), str(counts[FAIL]), str(counts[KNOWN_FAIL]))
    console.print(table)
    failures = [r for r in results if r.verdict == FAIL] if everything else first_failures(results)
    for r in failures:
        console.print(f"FAIL {r.op} {r.check}: {r.reason[:240]}", markup=False, highlight=False)
    for entry in stale:
        console.print(f"STALE {entry}: listed as known, but it does not fail", markup=False)
    console.print(summary(results, stale), markup=False, highlight=False)


def document(
    results: list[Any], stale: list[str], chosen: list[Any], torch: str, seconds: float
) -> dict[str, Any]:
    """The report as JSON: figures of families and ops, and every failing layout."""
    from conformance.report import summary, tally
    from conformance.runner import FAIL

    by_family = {k: dict(sorted(v.items())) for k, v in families(results, chosen).items()}
    return {
        "schema_version": 1,
        "oracle": {"name": "torch", "version": torch},
        "seconds": round(seconds, 1),
        "summary": summary(results, stale),
        "families": by_family,
        "ops": {
            op: {form: dict(sorted(c.items())) for form, c in sorted(by.items())}
            for op, by in sorted(tally(results).items())
        },
        "failures": [
            {"op": r.op, "form": r.check, "layout": r.dtype, "reason": r.reason}
            for r in results
            if r.verdict == FAIL
        ],
        "stale_known": stale,
    }
