"""`python -m conformance kernels`: every Triton kernel, checked without a GPU.

--compile: each launch that the samples make, compiled for the given architectures, with its
registers, shared memory and spills. --interpret: each sample in Triton's interpreter on NumPy
memory against its float64 reference, outputs poisoned, twice for equal bits.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click

from conformance.kernel_library import load

FOLDER = Path("artifacts/kernels")


@click.command()
@click.option("--compile", "archs", metavar="ARCHS", help="Such as sm_80,sm_90,sm_100.")
@click.option("--interpret", is_flag=True, help="Run samples in Triton's interpreter.")
@click.option("--only", metavar="REGEX", help="Only ops whose `family.name` matches.")
@click.option("--seed", default=0, show_default=True, help="Seed of the samples' data.")
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option("--json", "path", type=click.Path(path_type=Path), help="Where the report goes.")
@click.option("--write", is_flag=True, help=f"Refresh {FOLDER}.")
@click.option("--docs", is_flag=True, help="Write docs/kernels.md from the registry and artifacts.")
def kernels(
    archs: str | None, interpret: bool, only: str | None, seed: int, workers: int,
    path: Path | None, write: bool, docs: bool,
) -> None:  # fmt: skip
    """Check the Triton kernels: compile them ahead of time, run them in the interpreter.

    Exit code: 0 all good, 1 a check failed, 2 bad input, 3 NOT PROVEN (triton is not installed).
    """
    if not (archs or interpret or docs):
        raise click.UsageError("say --compile ARCHS, --interpret, --docs, or several")
    if importlib.util.find_spec("triton") is None:
        click.echo("kernels: NOT PROVEN: triton is not installed (extras cuda12, cuda13 or test)")
        sys.exit(3)
    from conformance import kernel_report

    numbers = [_arch(a) for a in archs.split(",")] if archs else []
    reports: dict[str, Any] = {}
    if numbers:
        reports["compiled"] = _spread(workers, False, _compile_family, only, numbers)
    if interpret:
        reports["interpreted"] = rows = _spread(workers, True, _interpret_family, only, seed)
        if only is None:
            reports["sources"] = _alone(True, _sources, rows)
    failed = kernel_report.show(reports)
    if path:
        path.write_text(json.dumps(reports, indent=1))
    if write:
        kernel_report.write(reports, FOLDER)
    if docs:
        click.echo(f"written to {_alone(False, _docs)}")
    sys.exit(1 if failed else 0)


def _arch(text: str) -> int:
    if not text.startswith("sm_") or not text[3:].isdigit():
        raise click.BadParameter(f"an architecture is sm_80, sm_90 ..., got {text!r}")
    return int(text[3:])


def pool(interpret: bool, workers: int = 1) -> ProcessPoolExecutor:
    """Fresh processes that may import kernels: triton reads TRITON_INTERPRET when they do."""
    return ProcessPoolExecutor(workers, get_context("spawn"), _start, (interpret,))


def _start(interpret: bool) -> None:
    os.environ["TRITON_INTERPRET"] = "1" if interpret else "0"
    os.environ.setdefault("TRITON_DEFAULT_FP_FUSION", "1")


def _spread(workers: int, interpret: bool, work: Any, only: str | None, extra: Any) -> list[Any]:
    """Run `work(family, op name, extra)` for all ops over processes; results in order."""
    from rich.progress import Progress

    tasks = _tasks(only)
    out: dict[int, Any] = {}
    with (
        pool(interpret, workers) as processes,
        Progress(transient=True, disable=not sys.stderr.isatty()) as progress,
    ):
        bar = progress.add_task("interpreting" if interpret else "compiling", total=len(tasks))
        jobs = {processes.submit(work, *t, extra): k for k, t in enumerate(tasks)}
        for done in as_completed(jobs):
            out[jobs[done]] = done.result()
            progress.advance(bar)
    return [r for k in sorted(out) for r in out[k]]


def _tasks(only: str | None) -> list[tuple[str, str]]:
    """(family, op) of all ops; read in a process of its own, which imports triton."""
    return _alone(False, _names, only)


def _alone(interpret: bool, work: Any, *args: Any) -> Any:
    """Run `work` in a process of its own, which may import triton."""
    with pool(interpret) as process:
        return process.submit(work, *args).result()


def _docs() -> Path:
    from conformance import kernel_docs

    return kernel_docs.write()


def _sources(rows: list[Any]) -> list[str]:
    from conformance import kernel_checks

    load()
    hit = {(path, line) for r in rows for path, line in r["lines"]}
    return kernel_checks.source_problems(hit, {k for r in rows for k in r["kernels"]})


def _names(only: str | None) -> list[tuple[str, str]]:
    import re

    found = []
    for name in load():
        from franken.triton_kernels.checks.cases import OPS

        entry = OPS[name]
        if only is None or re.search(only, f"{entry.family}.{name}"):
            found.append((entry.family, name))
    return found


def compile_branches(family: str, arch: int) -> list[Any]:
    """A row for the largest variant of each branch of a family's kernels; for a pool's process."""
    from conformance import kernel_checks

    load()
    return kernel_checks.compile_branches(family, arch)


def interpret_family(family: str, seed: int) -> list[Any]:
    """A row for each op of a family; for an interpreting pool's process."""
    return [r for _, name in _names(f"^{family}[.]") for r in _interpret_family(family, name, seed)]


def _compile_family(family: str, name: str, archs: list[int]) -> list[Any]:
    from conformance import kernel_checks

    load(family)
    return kernel_checks.compile_op(name, archs)


def _interpret_family(family: str, name: str, seed: int) -> list[Any]:
    from conformance import kernel_checks

    load(family)
    return [kernel_checks.interpret_op(name, seed)]
