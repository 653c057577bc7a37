"""`franken ckpt convert SRC DST`: write the tensors of one file in another format."""

from __future__ import annotations

import json
import os
from typing import Any

import click
import numpy as np

from franken.cli.ckpt_diff import difference
from franken.cli.ckpt_run import json_option, running
from franken.cli.ckpt_show import console, safe, size_text

SUFFIXES = {".safetensors": "safetensors", ".pt": "torch", ".pth": "torch", ".ckpt": "torch",
            ".npz": "npz"}  # fmt: skip


@click.command()
@click.argument("src", metavar="SRC")
@click.argument("dst", metavar="DST")
@click.option("--to", "kind", type=click.Choice(["safetensors", "torch", "npz"]), default=None,
              help="Format of DST. Default: by its name.")  # fmt: skip
@click.option("--widen", is_flag=True,
              help="To npz: store bfloat16 and float8 as float32, which NumPy knows.")  # fmt: skip
@click.option("--force", is_flag=True, help="Replace DST if it exists.")
@json_option
def command(
    src: str, dst: str, kind: str | None, widen: bool, force: bool, as_json: bool
) -> None:  # fmt: skip
    """Write the tensors of SRC to DST, and read them back to compare every bit.

    SRC may be an .index.json: then all its members go into one file. Nothing in SRC is executed.
    What is no tensor (optimizer settings, step counts) has no place in most formats; it is named
    as left out. DST appears whole or not at all.

    \b
    Examples:
      franken ckpt convert model.pt model.safetensors
      franken ckpt convert model.safetensors.index.json model.pt
      franken ckpt convert --widen model.safetensors model.npz

    \b
    Exit codes:
      0  written, and the same bits
      2  bad input, DST exists, or the format lacks a dtype: nothing was written
    """
    from franken.cli.ckpt_tensors import open_checkpoint

    out = console(quiet=as_json)
    kind = kind or SUFFIXES.get(os.path.splitext(dst)[1].lower())
    if kind is None:
        raise click.UsageError(f"{dst}: no format has this suffix; say --to FORMAT")
    if os.path.lexists(dst) and (not force or os.path.realpath(src) == os.path.realpath(dst)):
        raise click.UsageError(f"{dst}: it exists; --force replaces it, but never SRC itself")
    with running("convert", as_json):
        found = open_checkpoint(src)
        if not found.tensors:
            raise click.UsageError(f"{src}: {found.layout.format}, no tensors in it")
        arrays = found.read_all()
        widened = _write(kind, dst, arrays, found.layout.metadata, widen)
        _compare(dst, arrays, widened)
        report = {
            "src": src, "dst": dst, "from": found.layout.format, "to": kind,
            "tensors": len(arrays), "size": os.path.getsize(dst), "widened": list(widened),
            "notes": list(found.layout.notes),
        }  # fmt: skip
    if as_json:
        click.echo(json.dumps(report))
    _show(report, out)


def _write(
    kind: str, dst: str, arrays: dict[str, Any], metadata: dict[str, str], widen: bool
) -> tuple[str, ...]:
    from franken.serialization.formats.writers import write_npz, write_safetensors, write_torch

    if kind == "npz":
        if not widen and (lacking := [n for n, a in arrays.items() if _needs_widening(a)]):
            raise click.UsageError(
                f"npz: NumPy has no dtype for {', '.join(lacking[:5])}; --widen stores float32"
            )
        return write_npz(dst, arrays, widen=widen)
    if kind == "torch":
        write_torch(dst, arrays)
    else:
        write_safetensors(dst, arrays, metadata)
    return ()


def _needs_widening(array: Any) -> bool:
    # ml_dtypes' types are registered with NumPy, and a .npz cannot name them.
    return array.dtype.isbuiltin == 2


def _compare(dst: str, arrays: dict[str, Any], widened: tuple[str, ...]) -> None:
    from franken.cli.ckpt_tensors import open_checkpoint
    from franken.serialization.errors import FormatError

    written = open_checkpoint(dst)
    if set(written.tensors) != set(arrays):
        raise FormatError("bad_layout", f"{dst}: not the tensors that were written")
    for name, array in arrays.items():
        expected = np.asarray(array)
        if name in widened:
            expected = expected.astype(np.float32)
        got = written.read(name)
        if got.shape != expected.shape or difference(expected, got)[0]:
            raise FormatError("digest_mismatch", f"{dst}: {name!r} reads back different")


def _show(report: dict[str, Any], out: Any) -> None:
    out.print(f"[green]CONVERTED[/]  {safe(report['src'])} ({report['from']}) to "
              f"{safe(report['dst'])} ({report['to']}): {report['tensors']} tensors, "
              f"{size_text(report['size'])}, read back bit for bit")  # fmt: skip
    if report["widened"]:
        out.print(f"  stored as float32: {safe(', '.join(report['widened'][:20]))}")  # fmt: skip
    for note in report["notes"]:
        out.print(f"  note: {safe(note)}")
