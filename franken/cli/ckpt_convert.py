"""`franken ckpt convert SRC DST`: write the tensors of one file in another format."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any

import click
import numpy as np

from franken.cli.ckpt_diff import difference
from franken.cli.ckpt_run import json_option, running
from franken.cli.ckpt_show import console, safe, size_text

SUFFIXES = {".safetensors": "safetensors", ".pt": "torch", ".pth": "torch", ".ckpt": "torch",
            ".npz": "npz", ".npy": "npy"}  # fmt: skip


@click.command()
@click.argument("src", metavar="SRC")
@click.argument("dst", metavar="DST")
@click.option("--to", "kind", type=click.Choice(["safetensors", "torch", "npz", "npy"]),
              default=None, help="Format of DST. Default: by its name.")  # fmt: skip
@click.option("--widen", is_flag=True,
              help="To npz, npy: store bfloat16 and float8 as float32, for NumPy.")  # fmt: skip
@click.option("--force", is_flag=True, help="Replace the file DST if it exists.")
@json_option
def command(src: str, dst: str, kind: str | None, widen: bool, force: bool, as_json: bool) -> None:
    """Write the tensors of SRC to DST, and read them back to compare every bit.

    SRC may be an .index.json: then all its members go into one file. Nothing in SRC is executed.
    A DST that ends in .npy takes one tensor; one that ends in / (or --to npy) is a new folder with
    a .npy for each tensor and an index of their names, and may be SRC again.
    What is no tensor (optimizer settings, step counts) has no place in most formats; it is named
    as left out. DST appears whole or not at all.

    \b
    Examples:
      franken ckpt convert model.pt model.safetensors
      franken ckpt convert model.safetensors.index.json model.pt
      franken ckpt convert --widen model.safetensors model.npz
      franken ckpt convert model.safetensors arrays/
      franken ckpt convert arrays/ again.safetensors

    \b
    Exit codes:
      0  written, and the same bits
      2  bad input, DST exists, or the format lacks a dtype: nothing was written
    """
    from franken.cli.ckpt_tensors import open_checkpoint

    out = console(quiet=as_json)
    kind = kind or ("npy" if dst.endswith("/") else _by_suffix(dst))
    if kind is None:
        raise click.UsageError(f"{dst}: no format has this suffix; say --to FORMAT")
    if kind == "npy" and _by_suffix(dst) != "npy" and os.path.lexists(dst):
        raise click.UsageError(f"{dst}: it exists; a folder is never replaced")
    if os.path.lexists(dst) and (not force or os.path.realpath(src) == os.path.realpath(dst)):
        raise click.UsageError(f"{dst}: it exists; --force replaces it, but never SRC itself")
    with running("convert", as_json):
        found = open_checkpoint(src)
        if not found.tensors:
            raise click.UsageError(f"{src}: {found.layout.format}, no tensors in it")
        arrays = found.read_all()
        if kind == "npy" and _by_suffix(dst) == "npy" and len(arrays) > 1:
            raise click.UsageError(
                f"{dst}: one .npy holds one tensor, and {src} has {len(arrays)}; name a folder"
            )
        widened = _write(kind, dst, arrays, found.layout.metadata, widen)
        _compare(dst, arrays, widened)
        report = {
            "src": src, "dst": dst, "from": found.layout.format, "to": kind,
            "tensors": len(arrays), "size": _size(dst), "widened": list(widened),
            "notes": list(found.layout.notes),
        }  # fmt: skip
    if as_json:
        click.echo(json.dumps(report))
    _show(report, out)


def _by_suffix(path: str) -> str | None:
    return SUFFIXES.get(os.path.splitext(path)[1].lower())


def _size(path: str) -> int:
    inside = [os.path.join(path, name) for name in os.listdir(path)] if os.path.isdir(path) else []
    return sum(map(os.path.getsize, inside or [path]))


def _write(
    kind: str, dst: str, arrays: dict[str, Any], metadata: dict[str, str], widen: bool
) -> tuple[str, ...]:
    from franken.serialization.formats import writers
    from franken.serialization.formats.writers import write_safetensors, write_torch

    if kind in ("npz", "npy"):
        if not widen and (lacking := [n for n, a in arrays.items() if _needs_widening(a)]):
            raise click.UsageError(
                f"{kind}: NumPy has no dtype for {', '.join(lacking[:5])}; --widen stores float32"
            )
        if kind == "npz":
            return writers.write_npz(dst, arrays, widen=widen)
        if _by_suffix(dst) != "npy":
            return writers.write_npy_folder(dst, arrays, metadata, widen=widen)
        return tuple(n for n, a in arrays.items() if writers.write_npy(dst, a, widen=widen))
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
    if written.layout.format == "npy":  # it has no name
        written = replace(written, tensors=dict(zip(arrays, written.tensors.values(), strict=True)))
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
        out.print(f"  stored as float32: {safe(', '.join(report['widened'][:20]))}")
    for note in report["notes"]:
        out.print(f"  note: {safe(note)}")
