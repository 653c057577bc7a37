"""`franken ckpt protect PATH...`: write sidecars."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from franken.cli.ckpt_run import Share, options, progress_bar, running
from franken.cli.ckpt_show import console, safe, size_text


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--redundancy", type=Share(), default="5%", show_default=True, metavar="SHARE",
              help="How much of the data may be lost.")  # fmt: skip
@click.option("--shards", is_flag=True,
              help="One sidecar for all: a folder, an .index.json, or several files.")  # fmt: skip
@click.option("--lost", type=click.IntRange(0), default=1, show_default=True,
              help="With --shards: how many whole files may be lost.")  # fmt: skip
@click.option("--output", "out", metavar="FILE", default=None, help="Where the sidecar goes.")
@options
def command(
    paths: tuple[str, ...], redundancy: float, shards: bool, lost: int, out: str | None,
    as_json: bool, workers: int | None, log: str | None,
) -> None:  # fmt: skip
    """Write a sidecar beside each PATH that can verify and repair it.

    The sidecar PATH.frq holds digests and RaptorQ repair symbols, and no copy of the data: its
    size is about the redundancy times the file's. PATH itself is only read. With --shards one
    sidecar NAME.frqs covers all files, and --lost of them may be missing altogether; its size is
    then about that of the largest --lost files more.

    \b
    Examples:
      franken ckpt protect model.safetensors
      franken ckpt protect --redundancy 10% epoch-*.pt
      franken ckpt protect --shards --lost 1 llama/            (a folder)
      franken ckpt protect --shards model.safetensors.index.json

    \b
    Exit codes:
      0  written
      2  bad input, a full disk, or a file that changed meanwhile: an old sidecar stays
    """
    from franken.serialization.durability import protect

    if out is not None and len(paths) > 1 and not shards:
        raise click.UsageError("--output is for one sidecar")
    shown, reports = console(quiet=as_json), []
    with progress_bar(as_json) as progress:
        for target in [list(paths)] if shards else [[path] for path in paths]:
            given: Any = target[0] if len(target) == 1 else target
            with running("protect", as_json, log, path=given) as event:
                report = protect(given, redundancy=redundancy, shards=shards, lost=lost, out=out,
                                 workers=workers, progress=progress)  # fmt: skip
                event.update(sidecar=report.sidecar, size=report.size, digest=report.digest)
            reports.append(report)
            _show(report, shown)
    if as_json:
        rows = [asdict(report) for report in reports]
        click.echo(json.dumps(rows[0] if len(rows) == 1 else rows))


def _show(report: Any, out: Any) -> None:
    files = f", {report.files} files" if report.files > 1 else ""
    out.print(f"[green]PROTECTED[/]  {safe(report.path)}: {report.format}{files}, "
              f"{size_text(report.size)}, {report.tensors} tensors")  # fmt: skip
    share = f" ({report.sidecar_size / report.size:.1%} of it)" if report.size else ""
    out.print(f"  sidecar {safe(report.sidecar)}: {size_text(report.sidecar_size)}{share}")
    lost = f" and of {report.lost} whole file{'s' * (report.lost > 1)}" if report.lost else ""
    out.print(f"  survives the loss of {100 * report.redundancy:.3g}% of the data{lost}: "
              f"{report.blocks} blocks, {report.repair} repair symbols of "
              f"{report.symbol} bytes each; {report.seconds:.2f} s")  # fmt: skip
    out.print(f"  BLAKE2b-256 tree {report.digest}")
    for note in report.notes:
        out.print(f"  note: {safe(note)}")
