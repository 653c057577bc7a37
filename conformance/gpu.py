"""`python -m conformance gpu`: every kernel on this machine's card, for bits, errors and speed.

Small samples meet their references and have the same bits in 20 launches and on several streams;
large ones are timed against the card's copy bandwidth, the vendor's matrix product and torch. The
evidence goes to artifacts/gpu/<card>/kernels.json, which docs/kernels.md is made from.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

FOLDER = Path("artifacts/gpu")
# What compute-sanitizer runs: one family of each kind of access (strided, table, tiles, indices).
SANITIZED = r"^(softmax|optimizer|matmul|reduce|indexing|layer_norm)\."
SANITIZER = "compute-sanitizer"
FOUND = 9  # the exit code by which it says that it found something


@click.command()
@click.option("--only", metavar="REGEX", help="Only ops whose `family.name` matches.")
@click.option("--seed", default=0, show_default=True, help="Seed of the samples' data.")
@click.option(
    "--part", type=click.Choice(["all", "checks", "bench"]), default="all", show_default=True
)
@click.option("--launches", type=click.IntRange(1), default=20, show_default=True)
@click.option("--sanitize/--no-sanitize", default=True, help=f"Run {SANITIZER} where it exists.")
@click.option("--plain-memory", is_flag=True, help="No memory pool (for a sanitizer; slow).")
@click.option("--tune", "table", metavar="TABLE", help="Only tune tables/TABLE.txt and write it.")
@click.option("--write/--no-write", default=True, help=f"Record the evidence under {FOLDER}.")
def gpu(
    only: str | None, seed: int, part: str, launches: int, sanitize: bool, plain_memory: bool,
    table: str | None, write: bool,
) -> None:  # fmt: skip
    """Check and measure the Triton kernels on this machine's GPU.

    Exit code: 0 all good, 1 a check failed or a target was missed, 2 bad input, 3 NOT PROVEN
    (no GPU, or CuPy or triton is not installed).
    """
    from conformance import gpu_card

    card, missing = gpu_card.find()
    if card is None:
        click.echo(f"gpu: NOT PROVEN: {missing}")
        sys.exit(3)
    if plain_memory:
        card.plain_memory()
    if table:
        _tune(card, table, only, seed)
        return
    parts = ("checks", "bench") if part == "all" else (part,)
    report = examine(card, entries(only), parts, seed, launches)
    if sanitize and "checks" in parts:
        report["sanitizer"] = sanitized(shutil.which(SANITIZER))
    show(report)
    if write and only is None:
        click.echo(f"written to {record(report, FOLDER)}")
    sys.exit(1 if problems(report) else 0)


def entries(only: str | None) -> list[Any]:
    """The library's ops, in order of family and name."""
    from conformance.kernel_library import load
    from franken.triton_kernels.checks.cases import OPS

    load()
    found = sorted(OPS.values(), key=lambda e: (e.family, e.name))
    return [e for e in found if only is None or re.search(only, f"{e.family}.{e.name}")]


def examine(
    card: Any, ops: list[Any], parts: tuple[str, ...], seed: int, launches: int
) -> dict[str, Any]:
    """The report: what card and software it was, a row an op, a row a large sample."""
    from conformance import gpu_bench, gpu_checks

    report: dict[str, Any] = {
        "schema": "franken.gpu/1", "card": card.name, "arch": card.arch,
        "versions": {**card.versions, "python": platform.python_version()}, "seed": seed,
    }  # fmt: skip
    if "checks" in parts:
        report["checks"] = [gpu_checks.check_op(card, e, seed, launches) for e in ops]
    if "bench" in parts:
        report["ceilings"] = tops = gpu_bench.ceilings(card)
        rows = [gpu_bench.bench_op(card, e, tops, seed) for e in ops]
        report["bench"] = [row for op_rows in rows for row in op_rows]
    return report


def sanitized(tool: str | None) -> dict[str, Any]:
    """What compute-sanitizer says of a reduced set, run in a process of its own."""
    if tool is None:
        return {"status": "NOT PROVEN", "why": f"{SANITIZER} is not installed"}
    command = [
        tool, "--tool", "memcheck", "--error-exitcode", str(FOUND), sys.executable, "-m",
        "conformance", "gpu", "--part", "checks", "--launches", "1", "--no-sanitize",
        "--plain-memory", "--no-write", "--only", SANITIZED,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return {"status": "clean", "only": SANITIZED}
    status = "found errors" if done.returncode == FOUND else "did not finish"
    return {"status": status, "output": (done.stdout + done.stderr)[-2000:]}


def problems(report: dict[str, Any]) -> list[str]:
    """What failed, a line each: samples, errors, missed targets, the sanitizer."""
    found = [
        f"{row['family']}.{row['op']}: {text}"
        for row in report.get("checks", ())
        for text in row["failures"]
    ]
    for row in report.get("bench", ()):
        where = f"{row['family']}.{row['op']} {row['case']}"
        if "error" in row:
            found.append(f"{where}: {row['error']}")
        elif row.get("met") is False:
            found.append(f"{where}: missed {row['target']} ({_against(row)})")
    sanitizer = report.get("sanitizer", {})
    if sanitizer.get("status") in ("found errors", "did not finish"):
        found.append(f"{SANITIZER} {sanitizer['status']}: {sanitizer['output'][-300:]}")
    return found


def show(report: dict[str, Any]) -> None:
    """Print the tables of a report, and what failed."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    if "checks" in report:
        table = Table("op", "samples", "launches", "max ulps", "allowed", title=report["card"])
        for row in report["checks"]:
            table.add_row(
                f"{row['family']}.{row['op']}", str(row["samples"]), str(row["launches"]),
                f"{row['max_ulps']:.2f}", f"{row['budget_ulps']:g}",
            )  # fmt: skip
        console.print(table)
    if "bench" in report:
        table = Table("op", "sample", "ms", "GB/s", "against", "target", "met")
        for row in report["bench"]:
            met = {None: "", True: "yes", False: "NO"}[row.get("met")]
            table.add_row(
                f"{row['family']}.{row['op']}", row["case"], f"{row.get('ms', 0):.3f}",
                f"{row.get('gbps', 0):.0f}", _against(row), row.get("target", ""), met,
            )  # fmt: skip
        console.print(table)
        for name, value in report["ceilings"].items():
            console.print(f"{name}: {value:.0f}", highlight=False)
    if "sanitizer" in report:
        console.print(f"{SANITIZER}: {report['sanitizer']['status']}", highlight=False)
    wrong = problems(report)
    for line in wrong:
        console.print(f"FAIL {line}", markup=False, style="red", soft_wrap=True)
    console.print(f"{len(wrong)} failed", highlight=False)


def _against(row: dict[str, Any]) -> str:
    """How a row compares, in words."""
    parts = [f"{row['copy_share']:.0%} of copy"] if "copy_share" in row else []
    if "library_share" in row:
        parts.append(f"{row['library_share']:.0%} of the library")
    if "torch_ratio" in row:
        parts.append(f"{row['torch_ratio']:.2f} x torch")
    return ", ".join(parts)


def record(report: dict[str, Any], folder: Path) -> Path:
    """Write a report to <folder>/<card>/kernels.json; return the path."""
    name = re.sub(r"[^a-z0-9]+", "-", report["card"].lower()).strip("-")
    path = folder / name / "kernels.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")
    return path


def _tune(card: Any, table: str, only: str | None, seed: int) -> None:
    from conformance import gpu_tune
    from franken.triton_kernels.launching import tune

    text = gpu_tune.tune_table(card, table, entries(only), seed)
    tune.write(table, text)
    click.echo(text, nl=False)
