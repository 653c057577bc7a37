"""The table of the kernel checks, and the files that record it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


def show(reports: dict[str, list[Any]]) -> bool:
    """Print a line a kernel and op; return whether anything failed."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    failed = False
    if "compiled" in reports:
        failed |= _show_compiled(console, reports["compiled"])
    if "interpreted" in reports:
        failed |= _show_interpreted(console, reports["interpreted"])
    for line in reports.get("sources", []):
        console.print(f"FAIL {line}", markup=False, style="red", soft_wrap=True)
        failed = True
    return failed


def compile_failures(rows: list[dict[str, Any]]) -> list[str]:
    """What is wrong with compiled variants, a line each."""
    wrong = []
    for row in rows:
        if "error" in row:
            wrong.append(f"{row['kernel']} sm_{row['arch']}: {row['error']}")
        for problem in row.get("problems", ()):
            which = f"{row['kernel']} sm_{row['arch']} [{row['constants']}] ({row['signature']})"
            wrong.append(f"{which}: {problem}")
    return wrong


def sample_failures(rows: list[dict[str, Any]]) -> list[str]:
    """What is wrong with interpreted samples, a line each, in the order of families and ops."""
    rows = sorted(rows, key=lambda r: (r["family"], r["op"]))
    return [f"{row['op']}: {text}" for row in rows for text in row["failures"]]


def _show_compiled(console: Console, rows: list[dict[str, Any]]) -> bool:
    table = Table("kernel", "arch", "variants", "registers", "shared", "spills", "products")
    wrong = compile_failures(rows)
    groups: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["kernel"], row["arch"]), []).append(row)
    for (name, arch), group in sorted(groups.items()):
        good = [r for r in group if "error" not in r]
        most = {k: max((r[k] for r in good), default=0) for k in ("registers", "shared", "local")}
        seen = sorted({i for r in good for i in r["instructions"]})
        table.add_row(
            name, f"sm_{arch}", str(len(group)), str(most["registers"]), str(most["shared"]),
            str(most["local"]), " ".join(seen),
        )  # fmt: skip
    console.print(table)
    for line in wrong:
        console.print(f"FAIL {line}", markup=False, style="red", soft_wrap=True)
    console.print(f"{len(rows)} variants compiled, {len(wrong)} failed", highlight=False)
    return bool(wrong)


def _show_interpreted(console: Console, rows: list[dict[str, Any]]) -> bool:
    table = Table("op", "samples", "max ulps", "allowed", "seconds", "kernels")
    wrong = sample_failures(rows)
    for row in sorted(rows, key=lambda r: (r["family"], r["op"])):
        table.add_row(
            f"{row['family']}.{row['op']}", str(row["samples"]), f"{row['max_ulps']:.2f}",
            f"{row['budget_ulps']:g}", f"{row['seconds']:.1f}", _names(row["kernels"]),
        )  # fmt: skip
    console.print(table)
    for line in wrong:
        console.print(f"FAIL {line}", markup=False, style="red", soft_wrap=True)
    total = sum(r["samples"] for r in rows)
    console.print(f"{total - len(wrong)} samples passed, {len(wrong)} failed", highlight=False)
    return bool(wrong)


def _names(kernels: list[str]) -> str:
    return " ".join(kernels) if len(kernels) < 5 else f"{kernels[0]} and {len(kernels) - 1} more"


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each family, kernel and architecture: its variants, the most they take, failures.

    types: element types of pointers, and of lists that are reached through a table.
    """
    groups: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["family"], row["kernel"], row["arch"]), []).append(row)
    out = []
    for (family, kernel, arch), group in sorted(groups.items()):
        good = [r for r in group if "error" not in r]
        most = {k: max((r[k] for r in good), default=0) for k in ("registers", "shared", "local")}
        out.append({
            "family": family, "kernel": kernel, "arch": arch, "variants": len(good), **most,
            "types": sorted({t for r in good for t in _types(r)}),
            "instructions": sorted({i for r in good for i in r["instructions"]}),
            "failures": compile_failures(group),
        })  # fmt: skip
    return out


def _types(row: dict[str, Any]) -> list[str]:
    found = [part[1:] for part in row["signature"].split(",") if part.startswith("*")]
    kinds = [c[5:] for c in row["constants"].split(",") if c.startswith("KIND=")]
    return found + kinds


def write(reports: dict[str, list[Any]], folder: Path) -> None:
    """Record the reports under `folder`, sorted, without times."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in reports.keys() & {"compiled", "interpreted"}:
        rows = summary(reports[name]) if name == "compiled" else reports[name]
        kept = [{k: v for k, v in r.items() if k not in ("seconds", "lines")} for r in rows]
        text = "[\n" + ",\n".join(json.dumps(r, sort_keys=True) for r in kept) + "\n]\n"
        (folder / f"{name}.json").write_text(text)
