"""`franken ckpt inspect PATH`: what a file holds."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import Any

import click

from franken.cli.ckpt_run import json_option, running
from franken.cli.ckpt_show import console, safe, shape_text, size_text, table


@click.command()
@click.argument("path", metavar="PATH")
@json_option
def command(path: str, as_json: bool) -> None:
    """List format, tensors, metadata and sidecar of PATH.

    The format is told by content, not by name. Nothing in the file is executed: the pickle of a
    .pt file is taken apart as data, and what it would call is never called. Of a damaged file
    `verify` says more.

    \b
    Examples:
      franken ckpt inspect model.pt
      franken ckpt inspect --json model.safetensors | jq '.tensors | length'

    \b
    Exit codes:
      0  listed
      2  bad input: missing, or not a sound file of its format
    """
    from franken.cli.ckpt_tensors import open_checkpoint
    from franken.serialization.durability import open_source

    out = console(quiet=as_json)
    with running("inspect", as_json):
        found = open_checkpoint(path)
        size = os.path.getsize(found.path)
        opened = open_source(path)
        sidecar = None if opened is None else _sidecar(opened[1])
    if as_json:
        click.echo(json.dumps(_values(found, size, sidecar)))
    _show(found, size, sidecar, out)


def _sidecar(opened: Any) -> dict[str, Any]:
    header = opened.header
    return {
        "path": str(opened.path), "redundancy": header.redundancy, "lost": header.lost,
        "files": len(header.members), "symbol": header.geometry.symbol,
        "blocks": header.geometry.blocks, "repair": header.geometry.repair,
        "size": opened.state.size, "damaged_parts": opened.damage,
    }  # fmt: skip


def _values(found: Any, size: int, sidecar: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "path": found.path, "format": found.layout.format, "size": size,
        "tensors": [{**asdict(span), "file": file} for file, span in found.tensors.values()],
        "metadata": found.layout.metadata, "notes": list(found.layout.notes),
        "members": list(found.layout.members), "sidecar": sidecar,
    }  # fmt: skip


def _show(found: Any, size: int, sidecar: dict[str, Any] | None, out: Any) -> None:
    elements = sum(span.count for _, span in found.tensors.values())
    out.print(f"[bold]{safe(found.path)}[/]: {found.layout.format}, {size_text(size)}, "
              f"{len(found.tensors)} tensors of {elements:,} elements")  # fmt: skip
    aliases = any(span.alias_of for _, span in found.tensors.values())
    table(
        out, "", ["tensor", "dtype", "shape", "bytes", *["shares bytes with"] * aliases],
        [[name, span.dtype, shape_text(span.shape), f"{span.begin:,} - {span.end:,}",
          *[span.alias_of or ""] * aliases] for name, (_, span) in found.tensors.items()],
    )  # fmt: skip
    for key, value in list(found.layout.metadata.items())[:20]:
        text = value if len(value) <= 100 else value[:100] + " ..."
        out.print(f"  metadata {safe(key)} = {safe(text)}")
    for note in found.layout.notes:
        out.print(f"  note: {safe(note)}")
    if sidecar is None:
        out.print("  no sidecar: `franken ckpt protect` makes one")
    else:
        share = f"{100 * sidecar['redundancy']:.3g}%"
        out.print(f"  sidecar {safe(sidecar['path'])}: redundancy {share}, "
                  f"{sidecar['blocks']} blocks, {sidecar['repair']} repair symbols of "
                  f"{sidecar['symbol']} bytes each")  # fmt: skip
