"""`franken ckpt diff A B`: compare two checkpoints, tensor by tensor."""

from __future__ import annotations

import json
import sys
from typing import Any

import click
import numpy as np

from franken.cli.ckpt_run import json_option, running
from franken.cli.ckpt_show import console, shape_text, table

_STEP = 1 << 20  # elements compared at a time


@click.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@json_option
def command(a: str, b: str, as_json: bool) -> None:
    """Compare A and B: which tensors are added, removed or changed, and by how much.

    The formats may differ: a .pt can be compared with a .safetensors. Elements are compared by
    their bits; of those that differ the largest absolute difference is shown. Files without
    tensors are compared byte by byte.

    \b
    Examples:
      franken ckpt diff before.pt after.pt
      franken ckpt diff model.pt model.safetensors

    \b
    Exit codes:
      0  the same tensors, bit for bit
      1  different
      2  bad input
    """
    from franken.cli.ckpt_tensors import open_checkpoint

    out = console(quiet=as_json)
    with running("diff", as_json):
        first, second = open_checkpoint(a), open_checkpoint(b)
        if not first.tensors and not second.tensors:
            rows = _compare_bytes(a, b)
        else:
            rows = _compare(first, second)
        same = sum(name in second.tensors for name in first.tensors) - sum(
            row["change"] == "changed" for row in rows
        )
    if as_json:
        click.echo(json.dumps({"a": a, "b": b, "same": same, "different": rows}))
    _show(rows, same, out)
    sys.exit(1 if rows else 0)


def _compare(first: Any, second: Any) -> list[dict[str, Any]]:
    rows = []
    for name in dict.fromkeys([*first.tensors, *second.tensors]):
        if name not in second.tensors:
            rows.append(_row(name, "removed", _kind(first, name), ""))
        elif name not in first.tensors:
            rows.append(_row(name, "added", "", _kind(second, name)))
        else:
            rows += _changes(name, first, second)
    return rows


def _changes(name: str, first: Any, second: Any) -> list[dict[str, Any]]:
    before, after = _kind(first, name), _kind(second, name)
    if before != after:
        return [_row(name, "changed", before, after)]
    count, largest = difference(first.read(name), second.read(name))
    if not count:
        return []
    return [_row(name, "changed", before, after, elements=count, largest=largest)]


def _row(name: str, change: str, before: str, after: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "change": change, "a": before, "b": after, **more}


def _kind(checkpoint: Any, name: str) -> str:
    span = checkpoint.tensors[name][1]
    return f"{span.dtype} {shape_text(span.shape)}"


def difference(a: Any, b: Any) -> tuple[int, float | None]:
    """Return how many elements differ in their bits, and the largest absolute difference.

    None for elements that are no numbers; NaN if one of two differing elements is NaN.

    >>> difference(np.array([1.0, 2.0]), np.array([1.0, 2.5]))
    (1, 0.5)
    """
    count, largest = 0, 0.0
    numbers = a.dtype.kind not in "SUmM" and (a.dtype.kind != "V" or a.dtype.names is None)
    a, b = a.reshape(-1), b.reshape(-1)
    for at in range(0, a.size, _STEP):
        x = np.ascontiguousarray(a[at : at + _STEP])
        y = np.ascontiguousarray(b[at : at + _STEP])
        rows = (len(x), x.itemsize)
        unlike = (x.view(np.uint8).reshape(rows) != y.view(np.uint8).reshape(rows)).any(1)
        found = int(unlike.sum())
        if found and numbers:
            numbers, top = _distance(x[unlike], y[unlike])
            largest = float(np.maximum(largest, top))
        count += found
    return count, largest if numbers else None


def _distance(x: Any, y: Any) -> tuple[bool, float]:
    wide = np.complex128 if x.dtype.kind == "c" else np.float64
    try:
        x, y = x.astype(wide), y.astype(wide)
    except (TypeError, ValueError):  # opaque elements
        return False, 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        return True, float(np.abs(x - y).max())


def _compare_bytes(a: str, b: str) -> list[dict[str, Any]]:
    x: Any = np.memmap(a, np.uint8, "r") if _size(a) else np.zeros(0, np.uint8)
    y: Any = np.memmap(b, np.uint8, "r") if _size(b) else np.zeros(0, np.uint8)
    common = min(len(x), len(y))
    count, largest = difference(x[:common], y[:common])
    if len(x) == len(y) and not count:
        return []
    return [_row("(bytes)", "changed", f"{len(x):,} bytes", f"{len(y):,} bytes", elements=count,
                 largest=largest)]  # fmt: skip


def _size(path: str) -> int:
    with open(path, "rb") as file:
        return file.seek(0, 2)


def _show(rows: list[dict[str, Any]], same: int, out: Any) -> None:
    if not rows:
        out.print(f"[green]SAME[/]  {same} tensors, bit for bit")
        return
    out.print(f"[yellow]DIFFERENT[/]  {len(rows)} tensors; {same} are the same, bit for bit")
    table(
        out, "", ["tensor", "change", "in A", "in B", "elements", "largest difference"],
        [[row["name"], row["change"], row["a"], "" if row["b"] == row["a"] else row["b"],
          f"{row['elements']:,}" if "elements" in row else "",
          f"{row['largest']:.6g}" if row.get("largest") is not None else ""] for row in rows],
        left=4,
    )  # fmt: skip
