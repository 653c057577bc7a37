"""`python -m conformance portability`: which kernels' bits depend on the processor.

One training step of the demo is recorded, kernel by kernel, and each kernel is executed again on
the very same arrays by a process that lets NumPy or OpenBLAS use other instructions.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np

PAGE = Path("docs/portability.md")
AVX512 = "X86_V4 AVX512_ICL AVX512_SPR"
# What a processor without these instructions would run; OpenBLAS chooses by the name of a core.
PLACES = {
    "NumPy without AVX-512": {"NPY_DISABLE_CPU_FEATURES": AVX512},
    "NumPy without AVX2": {"NPY_DISABLE_CPU_FEATURES": f"X86_V3 {AVX512}"},
    "OpenBLAS for AVX2": {"OPENBLAS_CORETYPE": "Haswell"},
    "OpenBLAS for AVX-512": {"OPENBLAS_CORETYPE": "SkylakeX"},
    "OpenBLAS for SSE3": {"OPENBLAS_CORETYPE": "Prescott"},
}
TEXT = """\
# Which kernels' bits depend on the processor

*Written by `python -m conformance portability --write`; change that, not this page.*

The demo's weights have one SHA-256 on one machine, and another one on a machine with other vector
instructions. One training step, executed again kernel by kernel on the same arrays where NumPy or
OpenBLAS may use other instructions, tells which kernels are the reason. A number is how many of a
kernel's calls differ in a bit, and by how many units in the last place of the largest element at
most; kernels that differ nowhere are named below the table.

"""


class _Tap:
    """Notes what each kernel was given and what it gave."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any, dict[str, Any], Any]] = []

    def observer(self) -> Any:
        """What watches a block."""
        from franken.core.primitive import Observer

        calls = self.calls

        class Watch(Observer):
            def __call__(self, prim: Any, args: Any, params: Any, grad: bool) -> Any:
                given = _arrays(args)
                out = super().__call__(prim, args, params, grad)
                gave = _arrays(args) if out is None or out == () else _arrays(out)
                calls.append((prim.name, given, dict(params), gave))
                return out

        return Watch()


def _arrays(value: Any) -> Any:
    """The same structure with arrays of their own in the place of tensors."""
    if isinstance(value, (tuple, list)):
        return type(value)(_arrays(v) for v in value)
    return np.array(value._a, order="K") if hasattr(value, "_a") else value


def _step() -> list[Any]:
    """The calls of one training step of the demo's net."""
    import franken
    from franken.cli import training

    franken.manual_seed(0)
    model = training.build()
    optimizer = franken.optim.AdamW(model.parameters(), lr=training.RATE)
    x, y = franken.rand(training.BATCH, 1, 8, 8), franken.randint(10, (training.BATCH,))
    tap = _Tap()
    with tap.observer():
        training.step(model, optimizer, x, y)
    return tap.calls


def _again(path: str) -> dict[str, list[float]]:
    """Execute recorded calls; by kernel: calls, how many differ, and by how many ulps at most."""
    import franken  # noqa: F401  the declarations
    from franken.core.primitive import PRIMITIVES

    found: dict[str, list[float]] = {}
    for name, given, params, gave in pickle.loads(Path(path).read_bytes()):
        with np.errstate(all="ignore"):
            got = PRIMITIVES[name].cpu(*given, **params)
        written = got is None or (isinstance(got, tuple) and not got)  # in place: see its inputs
        pairs = list(zip(_flat(given if written else got), _flat(gave), strict=True))
        row = found.setdefault(name, [0, 0, 0.0])
        row[0] += 1
        row[1] += any(a.tobytes() != b.tobytes() for a, b in pairs)
        row[2] = max([row[2], *[_ulps(a, b) for a, b in pairs if a.dtype.kind == "f"]])
    return found


def _flat(value: Any) -> list[Any]:
    if isinstance(value, (tuple, list)):
        return [a for v in value for a in _flat(v)]
    return [np.ascontiguousarray(value)] if isinstance(value, (np.ndarray, np.generic)) else []


def _ulps(a: Any, b: Any) -> float:
    """The largest difference in units of the last place of the largest element."""
    if not b.size:
        return 0.0
    unit = np.spacing(np.abs(b).max())
    return float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max() / unit)


def measure() -> dict[str, dict[str, list[float]]]:
    """Place -> kernel -> (calls, differing, ulps)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "calls")
        path.write_bytes(pickle.dumps(_step()))
        rows = {}
        for place, variables in PLACES.items():
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-m", "conformance", "portability", "--again",
                 str(path)],
                env={**os.environ, **variables}, capture_output=True, text=True, check=True,
            )  # fmt: skip
            rows[place] = json.loads(done.stdout)
        return rows


def page(rows: dict[str, dict[str, list[float]]]) -> str:
    """The table, and the kernels that differ nowhere."""
    kernels = sorted({name for row in rows.values() for name in row})
    differ = [k for k in kernels if any(row[k][1] for row in rows.values())]
    lines = ["| kernel | calls | " + " | ".join(rows) + " |", "|---|---|" + "---|" * len(rows)]
    for k in differ:
        found = [row[k] for row in rows.values()]
        cells = [f"{n:g} ({ulps:.2g} ulp)" if n else "0" for _, n, ulps in found]
        lines.append(f"| `{k}` | {found[0][0]:g} | " + " | ".join(cells) + " |")
    same = ", ".join(f"`{k}`" for k in kernels if k not in differ)
    return TEXT + "\n".join(lines) + f"\n\nThe same bits in every place: {same}.\n"


@click.command()
@click.option("--write", is_flag=True, help=f"Write {PAGE}.")
@click.option("--again", type=click.Path(exists=True), hidden=True)
def portability(write: bool, again: str | None) -> None:
    """Say which kernels of a training step give other bits on another processor.

    Exit code: 0, since a dependence is a finding and no fault.
    """
    if again:
        click.echo(json.dumps(_again(again)))
        return
    text = page(measure())
    if write:
        PAGE.write_text(text, encoding="utf-8")
    click.echo(text)
