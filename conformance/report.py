"""What a run found: a table of ops and checks, a summary, and the JSON file.

Knows results only.
"""

from __future__ import annotations

import json
import platform
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from conformance.checks import NAMES
from conformance.runner import FAIL, KNOWN_FAIL, NOT_PROVEN, PASS, Result

MARK = {PASS: "green", FAIL: "red", NOT_PROVEN: "yellow", KNOWN_FAIL: "cyan"}


def tally(results: list[Result]) -> dict[str, dict[str, Counter[str]]]:
    """Counts of verdicts by op and check."""
    found: dict[str, dict[str, Counter[str]]] = {}
    for r in results:
        found.setdefault(r.op, {}).setdefault(r.check, Counter())[r.verdict] += 1
    return found


def cell(counts: Counter[str] | None) -> str:
    """One check of one op: FAIL if any sample fails, PASS if any passes and none fails."""
    if not counts:
        return ""
    total = sum(counts.values())
    for verdict in (FAIL, KNOWN_FAIL, PASS):
        if counts[verdict]:
            return f"[{MARK[verdict]}]{verdict} {counts[verdict]}/{total}[/]"
    return f"[{MARK[NOT_PROVEN]}]{NOT_PROVEN}[/]"


def show(
    results: list[Result], stale: list[str], console: Console, everything: bool,
    oracle: bool = True,
) -> None:  # fmt: skip
    """Print the table (failing ops, or all), the commonest reasons and the summary."""
    table = Table("op", *NAMES, title="conformance with torch", title_justify="left")
    for op, by_check in sorted(tally(results).items()):
        if everything or any(c[FAIL] for c in by_check.values()):
            table.add_row(op, *[cell(by_check.get(n)) for n in NAMES])
    if table.row_count:
        console.print(table)
    for r in first_failures(results):
        where = f"{r.op} {r.check} {r.dtype}".strip()
        console.print(f"FAIL {where}: {r.reason[:200]}", markup=False, highlight=False)
    for entry in stale:
        console.print(f"STALE {entry}: listed as known, but it does not fail", markup=False)
    console.print(summary(results, stale, oracle), markup=False, highlight=False)


def first_failures(results: list[Result]) -> list[Result]:
    """The first failing sample of each op and check."""
    found: dict[tuple[str, str], Result] = {}
    for r in results:
        if r.verdict == FAIL:
            found.setdefault((r.op, r.check), r)
    return list(found.values())


def summary(results: list[Result], stale: list[str], oracle: bool = True) -> str:
    """One line that says it all; without an oracle it is never PASS."""
    counts = Counter(r.verdict for r in results)
    by_op = tally(results)
    failing = sum(any(c[FAIL] for c in checks.values()) for checks in by_op.values())
    good = PASS if oracle and not unproven(results) else NOT_PROVEN
    verdict = FAIL if counts[FAIL] or stale else good
    known = f", {counts[KNOWN_FAIL]} known" if counts[KNOWN_FAIL] else ""
    return (
        f"{verdict}: {len(by_op)} ops, {failing} failing; {counts[PASS]} checks passed, "
        f"{counts[FAIL]} failed, {counts[NOT_PROVEN]} not proven{known}"
    )


def unproven(results: list[Result]) -> bool:
    """Whether nothing was proven, or the deadline cut ops off."""
    return not any(r.verdict == PASS for r in results) or any(
        r.reason == "out of time" for r in results
    )


def exit_code(results: list[Result], stale: list[str], oracle: bool = True) -> int:
    """0 all good, 1 a check failed, 3 not proven."""
    if stale or any(r.verdict == FAIL for r in results):
        return 1
    return 3 if not oracle or unproven(results) else 0


def document(
    results: list[Result], stale: list[str], torch: str | None, seconds: float
) -> dict[str, Any]:
    """The report as JSON: counts for every op and check, reasons of failures."""
    import franken

    return {
        "schema_version": 1,
        "oracle": {"name": "torch", "version": str(torch) if torch else None},
        "franken": franken.__version__,
        "platform": {
            "system": platform.platform(), "machine": platform.machine(),
            "python": platform.python_version(), "numpy": np.__version__,
        },
        "seconds": round(seconds, 1),
        "summary": summary(results, stale, torch is not None),
        "ops": {
            op: {check: dict(sorted(c.items())) for check, c in sorted(by.items())}
            for op, by in sorted(tally(results).items())
        },
        "failures": [
            {"op": r.op, "check": r.check, "dtype": r.dtype, "reason": r.reason[:200]}
            for r in first_failures(results)
        ],
        "stale_known": stale,
    }  # fmt: skip


def write(path: Path, report: dict[str, Any]) -> None:
    """Write the report, one op a line so that two reports can be compared by eye."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rest = {k: v for k, v in report.items() if k != "ops"}
    ops = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in report["ops"].items())
    head = json.dumps(rest, indent=1).removesuffix("\n}")
    path.write_text(f'{head},\n "ops": {{\n{ops}\n }}\n}}\n')
