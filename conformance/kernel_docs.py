"""docs/kernels.md: made from the registry of kernels and from the evidence under artifacts/.

`python -m conformance kernels --docs` writes it; a test says when it is not what would be written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PAGE = Path("docs/kernels.md")
EVIDENCE, GPU_EVIDENCE = Path("artifacts/kernels"), Path("artifacts/gpu")
UNPROVEN = "NOT PROVEN"
FLOATS = ("fp32", "fp16", "bf16", "fp64", "fp8e4nv", "fp8e5")

TEXT = """\
# Triton kernels

*Written by `python -m conformance kernels --docs`; change that, not this page.*

`triton_kernels/` is a library of Triton kernels with small launchers over CuPy arrays, importable
as `franken.triton_kernels`. It imports Triton, NumPy and ml_dtypes, and nothing of franken.

## What it guarantees

- **The same bits every time.** No kernel uses an atomic operation; what several programs
  contribute to is written in pieces, which a second launch adds in a fixed order. How many pieces
  there are depends on shapes and tables, never on how many multiprocessors the card has.
- **The same launch every time.** Block sizes, warps and stages come from `tables/*.txt` by shape,
  dtype and architecture. Nothing is timed at run time; `launching/tune.py` writes the tables
  offline.
- **An identity for each launch.** `launch.kernel_id` names the code that ran: the kernel, the hash
  of its source and of what it calls, its constants, warps, stages, flags and library versions.
- **float32 inside.** fp16, bf16 and fp32 are computed in fp32, fp64 in fp64. A float32 product
  rounds its inputs to TF32 only where `tf32=True` asks for it.
- **Every access in bounds.** A load or store has a mask, or says on its line why it needs none; the
  interpreter checks each address against the arrays of the launch.

## How it is checked

- `python -m conformance kernels --compile sm_80,sm_90,sm_100` (needs triton): every launch of every
  sample compiles, and hot kernels spill no registers.
- `python -m conformance kernels --interpret` (needs triton): samples meet float64 references,
  outputs are written whole, every statement is entered.
- `python -m conformance gpu` (needs a GPU): the same samples on a card, with the same bits in 20
  launches and on several streams; large ones against the card's copy bandwidth and library.

With `--write` the first two record `artifacts/kernels/`; the third records
`artifacts/gpu/<card>/kernels.json`. Without a GPU it says NOT PROVEN and exits with 3.

## How to add a kernel

1. Write a module in a room of `triton_kernels/kernels/` (its name is the family): the kernel
   under `@kernel(source=...)` and `@triton.jit`, with a docstring that says shapes, dtypes, method.
2. Write its launcher under `@op(reference=..., cases=..., ulps=...)`. It computes shapes, takes
   memory from `arrays.empty`, blocks from `policy.choose`, and calls `launch.launch`. It never
   looks at values.
3. Write the reference in NumPy float64 from the definition, and samples (`Case`) that enter every
   branch: each dtype, sizes 0 and 1, strides, and `big=True` ones that are compiled and timed only.
4. Add rows to a table, ending in one for all calls.
5. Run the checks above with `--only '^family[.]'`, then `--docs`.
"""

COLUMNS = (
    "kernel", "method", "dtypes", "variants", "registers", "shared", "spills", "products",
    "samples", "max ulps", "GPU",
)  # fmt: skip
LEGEND = """\
Variants are those of all ops of the library's families and all architectures compiled for;
registers a thread, bytes of shared memory a block and bytes of spills a thread are the most of any
of them; products are the matrix instructions seen in the code, and the architecture they were seen
on. ulps are units in the last place of the result's dtype, in the interpreter, over all samples of
the ops that launch the kernel; a sample with `tf32=True` counts in fp32's units, of which TF32's
own rounding is 4096. GPU: on each card the worst ulps there and the best share of copy bandwidth,
or NOT PROVEN.
"""


def registry() -> list[dict[str, Any]]:
    """Name, family and source of every registered kernel; needs triton."""
    from conformance.kernel_library import load
    from franken.triton_kernels.checks.cases import KERNELS

    load()
    return [
        {"kernel": name, "family": k.kernel.fn.__module__.rsplit(".", 1)[-1], "source": k.source}
        for name, k in sorted(KERNELS.items())
    ]


def evidence(root: Path = Path()) -> dict[str, Any]:
    """What artifacts/ holds: compiled and interpreted rows, and a report a card."""
    found: dict[str, Any] = {}
    for name in ("compiled", "interpreted"):
        path = root / EVIDENCE / f"{name}.json"
        found[name] = json.loads(path.read_text()) if path.exists() else []
    paths = sorted((root / GPU_EVIDENCE).glob("*/kernels.json"))
    found["cards"] = [json.loads(path.read_text()) for path in paths]
    return found


def page(kernels: list[dict[str, Any]], found: dict[str, Any]) -> str:
    """The whole page, from the registry and the evidence."""
    families = {k["family"] for k in kernels} | {r["family"] for r in found["compiled"]}
    out = [TEXT, "## The kernels\n", LEGEND]
    for family in sorted(families):
        rows = _family(family, kernels, found)
        if rows:
            out.append(f"### {family}\n")
            out.append(_table(COLUMNS, rows))
    out.append("## On a GPU\n")
    out += [_card(report) for report in found["cards"]] or [
        f"{UNPROVEN}: no card's evidence lies under `{GPU_EVIDENCE}/`.\n"
    ]
    return "\n".join(out)


def _family(family: str, kernels: list[dict[str, Any]], found: dict[str, Any]) -> list[list[str]]:
    """A row a kernel; kernels written from a program share one."""
    known = {k["kernel"] for k in kernels}
    rows = [
        _row(f"`{k['kernel']}`", k["source"], {k["kernel"]}, found)
        for k in kernels
        if k["family"] == family
    ]
    made = {r["kernel"] for r in found["compiled"] if r["family"] == family} - known
    if made:
        rows.append(_row(f"{len(made)} written from expressions", "pointwise", made, found))
    return rows


def _row(name: str, source: str, of: set[str], found: dict[str, Any]) -> list[str]:
    compiled = [r for r in found["compiled"] if r["kernel"] in of]
    ops = [r for r in found["interpreted"] if of & set(r["kernels"])]
    most = [str(max((r[k] for r in compiled), default="-")) for k in RESOURCES]
    return [
        name, source.replace("|", "\\|"), " ".join(_dtypes(compiled)) or "-",
        str(sum(r["variants"] for r in compiled)), *most, " ".join(_products(compiled)) or "-",
        str(sum(r["samples"] for r in ops)),
        f"{max(r['max_ulps'] for r in ops):.2f}" if ops else "-",
        "; ".join(_on_cards({r["op"] for r in ops}, found["cards"])) or UNPROVEN,
    ]  # fmt: skip


RESOURCES = ("registers", "shared", "local")


def _dtypes(compiled: Iterable[dict[str, Any]]) -> list[str]:
    """Floating element types; of a kernel that has none, its integers."""
    seen = {t for row in compiled for t in row["types"]}
    return [t for t in FLOATS if t in seen] or sorted(seen)


def _products(compiled: Iterable[dict[str, Any]]) -> list[str]:
    """Matrix instructions by architecture."""
    seen = {(r["arch"], i) for r in compiled for i in r["instructions"]}
    return [f"{i}@{arch}" for arch, i in sorted(seen)]


def _on_cards(ops: set[str], cards: list[dict[str, Any]]) -> list[str]:
    """What each card showed of the ops that launch a kernel."""
    out = []
    for report in cards:
        checks = [r for r in report.get("checks", ()) if r["op"] in ops]
        if not checks:
            continue
        failed = sum(len(r["failures"]) for r in checks)
        worst = max(r["max_ulps"] for r in checks)
        text = f"{report['card']}: " + (f"{failed} FAILED" if failed else f"{worst:.2f} ulps")
        shares = [r["copy_share"] for r in report.get("bench", ())
                  if r["op"] in ops and "copy_share" in r]  # fmt: skip
        out.append(text + (f", {max(shares):.0%} of copy" if shares else ""))
    return out


def _card(report: dict[str, Any]) -> str:
    """The section of one card: its ceilings, and its large samples with their targets."""
    versions = ", ".join(f"{k} {v}" for k, v in sorted(report["versions"].items()))
    tops = ", ".join(f"{k} {v:.0f}" for k, v in sorted(report.get("ceilings", {}).items()))
    sanitizer = report.get("sanitizer", {"status": UNPROVEN})["status"]
    head = f"### {report['card']}\n\n{versions}. {tops}. compute-sanitizer: {sanitizer}.\n"
    return head + "\n" + _table(BENCH_COLUMNS, [_bench(r) for r in report.get("bench", ())])


BENCH_COLUMNS = ("op", "sample", "ms", "GB/s", "of copy", "of library", "x torch", "target", "met")


def _bench(row: dict[str, Any]) -> list[str]:
    def number(key: str, form: str) -> str:
        return format(row[key], form) if key in row else "-"

    met = {None: "-", True: "yes", False: "NO"}[row.get("met")]
    return [
        f"{row['family']}.{row['op']}", row["case"], number("ms", ".3f"), number("gbps", ".0f"),
        number("copy_share", ".0%"), number("library_share", ".0%"), number("torch_ratio", ".2f"),
        row.get("target", "-"), "error" if "error" in row else met,
    ]  # fmt: skip


def _table(columns: Iterable[str], rows: Iterable[list[str]]) -> str:
    columns = list(columns)
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def write(root: Path = Path()) -> Path:
    """Write the page; return its path."""
    path = root / PAGE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(registry(), evidence(root)))
    return path
