"""`python -m benchmarks.durability`: protect, verify and repair beside par2, on one file.

Both work on the same random file, with the same redundancy and the same damage, one burst. Every
run is a process of its own, with its start; processor time and peak memory are taken with it. The
rounds of the tools alternate, so that load falls on both alike; a row is the median.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click

OUT = Path("artifacts/perf/durability.json")
REDUNDANCY = 0.05
DAMAGE = 0.01
PAR2_BLOCKS = 2000  # its default; more are slower and finer


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds, seconds of processor time of all processes, peak megabytes of the largest one.

    ``together`` is the peak of all processes at a time, sampled: the sum of what each holds, with
    what they share counted once for each.
    """

    seconds: float
    cpu: float
    peak: float
    together: float


@click.command()
@click.option("--megabytes", default=1024, show_default=True)
@click.option("--rounds", default=3, show_default=True)
@click.option("--par2-rounds", default=1, show_default=True, help="It takes its time.")
@click.option("--only", type=click.Choice(["franken", "par2"]), default=None)
@click.option("--out", type=click.Path(path_type=Path), default=OUT, show_default=True)
def main(megabytes: int, rounds: int, par2_rounds: int, only: str | None, out: Path) -> None:
    """Measure and print MB/s, peak memory, and sizes."""
    size = megabytes * 1_000_000
    tools = {"franken": rounds}
    if shutil.which("par2"):
        tools["par2"] = par2_rounds
    tools = {tool: count for tool, count in tools.items() if count and only in (None, tool)}
    samples: dict[str, dict[str, list[Took]]] = {tool: {} for tool in tools}
    sizes: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(max(tools.values())):
            for tool in (each for each in tools if number < tools[each]):
                path = Path(folder, tool, "data.bin")
                path.parent.mkdir()
                _fill(path, megabytes)
                for step, took in _round(tool, path, size):
                    samples[tool].setdefault(step, []).append(took)
                sizes[tool] = sum(p.stat().st_size for p in path.parent.iterdir()) - size
                shutil.rmtree(path.parent)
    report = _report(samples, sizes, size)
    _print(report)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")


def _fill(path: Path, megabytes: int) -> None:
    generator = random.Random(0)
    with open(path, "wb") as file:
        for _ in range(megabytes):
            file.write(generator.randbytes(1_000_000))


def _round(tool: str, path: Path, size: int) -> list[tuple[str, Took]]:
    steps = [("protect", _timed(_command(tool, "protect", path)))]
    steps.append(("verify", _timed(_command(tool, "verify", path))))
    with open(path, "r+b") as file:
        file.seek(size // 3)
        file.write(os.urandom(int(size * DAMAGE)))
    steps.append(("repair", _timed(_command(tool, "repair", path))))
    _timed(_command(tool, "verify", path))  # fails if it was not repaired
    if tool == "par2":  # it keeps the damaged file beside the repaired one
        path.with_name(path.name + ".1").unlink()
    return steps


def _command(tool: str, step: str, path: Path) -> list[str]:
    if tool == "franken":
        more = ["--redundancy", f"{REDUNDANCY:.0%}"] if step == "protect" else []
        return [sys.executable, "-m", "franken", "ckpt", step, *more, str(path)]
    if step == "protect":
        return ["par2", "create", "-q", "-q", f"-r{REDUNDANCY * 100:.0f}", f"-b{PAR2_BLOCKS}",
                f"{path}.par2", str(path)]  # fmt: skip
    return ["par2", step, "-q", "-q", f"{path}.par2"]


def _timed(command: list[str]) -> Took:
    """Run a command, which must succeed, with its children."""
    os.sync()
    started = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, dict(os.environ), file_actions=[
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])  # fmt: skip
    together = 0.0
    while (ended := os.wait4(pid, os.WNOHANG))[0] == 0:
        together = max(together, _held(pid))
        time.sleep(0.02)
    _, status, usage = ended
    seconds = time.perf_counter() - started
    if status:
        raise subprocess.CalledProcessError(os.waitstatus_to_exitcode(status), command)
    return Took(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000,
                together)  # fmt: skip


def _held(pid: int) -> float:
    """Return the megabytes that a process and those below it hold."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        threads = [each.name for each in Path(f"/proc/{pid}/task").iterdir()]
        below = [Path(f"/proc/{pid}/task/{each}/children").read_text() for each in threads]
    except (OSError, IndexError):
        return 0.0  # it ended while it was looked at
    own = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return own + sum(_held(int(child)) for each in below for child in each.split())


def _report(
    samples: dict[str, dict[str, list[Took]]], sizes: dict[str, int], size: int
) -> dict[str, object]:
    rows: dict[str, dict[str, float]] = {}
    for tool, steps in samples.items():
        for step, runs in steps.items():
            seconds = statistics.median(run.seconds for run in runs)
            cpu = statistics.median(run.cpu for run in runs)
            rows[f"{tool} {step}"] = {
                "seconds": round(seconds, 3), "mb_per_s": round(size / seconds / 1e6, 1),
                "best_mb_per_s": round(size / min(run.seconds for run in runs) / 1e6, 1),
                "cpu_seconds": round(cpu, 3), "mb_per_cpu_s": round(size / cpu / 1e6, 1),
                "peak_mb": round(max(run.peak for run in runs)),
                "peak_mb_together": round(max(run.together for run in runs)), "rounds": len(runs),
            }  # fmt: skip
    return {
        "schema": "franken.durability/1", "size": size, "redundancy": REDUNDANCY,
        "damage": DAMAGE, "cpus": os.cpu_count(), "load": os.getloadavg()[0],
        "par2_blocks": PAR2_BLOCKS, "rows": rows, "sidecar_bytes": sizes,
        "times_faster_than_par2": _ratios(rows, "seconds"),
        "times_less_cpu_than_par2": _ratios(rows, "cpu_seconds"),
    }  # fmt: skip


def _ratios(rows: dict[str, dict[str, float]], what: str) -> dict[str, float] | str:
    if not {"par2 protect", "franken protect"} <= rows.keys():
        return "NOT PROVEN: par2 is not installed, or was left out"
    return {
        step: round(rows[f"par2 {step}"][what] / rows[f"franken {step}"][what], 2)
        for step in ("protect", "verify", "repair")
    }


def _print(report: dict[str, object]) -> None:
    rows: dict[str, dict[str, object]] = report["rows"]  # type: ignore[assignment]
    for name, row in rows.items():
        click.echo(f"{name:16} {row['seconds']:>9} s {row['mb_per_s']:>8} MB/s "
                   f"(best {row['best_mb_per_s']}), {row['mb_per_cpu_s']} MB a CPU second, "
                   f"peak {row['peak_mb']} MB, {row['peak_mb_together']} MB together")  # fmt: skip
    click.echo(f"sidecars in bytes: {report['sidecar_bytes']}")
    click.echo(f"times faster than par2: {report['times_faster_than_par2']}, "
               f"by CPU time {report['times_less_cpu_than_par2']}")  # fmt: skip


if __name__ == "__main__":
    main()
