"""`python -m benchmarks`: print the table, write it to artifacts/perf/bench.json."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path

import click

OUT = Path("artifacts/perf/bench.json")


@click.command()
@click.option("--rounds", default=5, show_default=True, help="Rounds; a row is their median.")
@click.option("--child", nargs=2, default=None, hidden=True)
@click.option("--out", type=click.Path(path_type=Path), default=OUT, show_default=True)
@click.option("--strict", is_flag=True, help="Exit 2 when a budget is broken.")
def main(rounds: int, child: tuple[str, str] | None, out: Path, strict: bool) -> None:
    """Measure franken beside NumPy and torch; ratios below 1 mean that franken is faster."""
    from benchmarks import micro, steps

    if child:
        steps.child(*child)
        return
    rows = {**micro.measure(rounds), **steps.measure(rounds), **steps.measure_import(rounds)}
    for row in rows.values():
        row["within"] = _within(row)
    _print(rows)
    report = {"schema": "franken.bench/1", "machine": _machine(), "rounds": rounds, "rows": rows}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")
    click.echo(f"written to {out}")
    if strict and not all(row["within"] for row in rows.values()):
        raise SystemExit(2)


def _within(row: dict[str, float]) -> bool:
    return all(row[key[7:]] <= limit for key, limit in row.items() if key.startswith("budget_"))


def _machine() -> dict[str, object]:
    import numpy
    import torch

    return {"cpus": os.cpu_count(), "machine": platform.machine(), "numpy": numpy.__version__,
            "python": platform.python_version(), "torch": torch.__version__}  # fmt: skip


def _print(rows: dict[str, dict[str, float]]) -> None:
    click.echo(f"{'what':30} {'franken':>12} {'torch':>12} {'ratio':>7} {'budget':>8}")
    for name, row in rows.items():
        value = f"{row['us']:.2f} us" if "us" in row else (
            f"{row['s']:.3f} s" if "s" in row else f"{row['mb']:.0f} MB")  # fmt: skip
        torch = f"{row['torch_us']:.2f} us" if "torch_us" in row else ""
        ratio = f"{row['ratio']:.2f}" if "ratio" in row else ""
        budget = next((v for k, v in row.items() if k.startswith("budget_")), None)
        mark = "" if budget is None else f"{budget:g}" + ("" if row["within"] else " !")
        click.echo(f"{name:30} {value:>12} {torch:>12} {ratio:>7} {mark:>8}")


if __name__ == "__main__":
    main()
