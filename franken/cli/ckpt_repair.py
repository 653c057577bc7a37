"""`franken ckpt repair PATH`: undo damage from the sidecar."""

from __future__ import annotations

import sys
from typing import Any

import click

from franken.cli.ckpt_run import options, progress_bar, running
from franken.cli.ckpt_show import console, safe, show_report, size_text, table


@click.command()
@click.argument("path", metavar="PATH")
@click.option("--output", metavar="FILE", default=None,
              help="Write the repaired file here, and leave PATH as it is.")  # fmt: skip
@click.option("--salvage", is_flag=True,
              help="Beyond repair: write the rest elsewhere, with zeros in the gaps.")  # fmt: skip
@click.option("--sidecar", metavar="FILE", default=None, help="The sidecar, if it lies elsewhere.")
@options
def command(
    path: str, output: str | None, salvage: bool, sidecar: str | None,
    as_json: bool, workers: int | None, log: str | None,
) -> None:  # fmt: skip
    """Repair PATH, a file or a set, from its sidecar.

    The repaired file is written beside PATH, its digest is compared with the one that was taken
    when it was protected, and only then does it take PATH's place. If too much is lost, nothing is
    written, and the lost tensors are listed; --salvage then writes the rest to PATH.salvaged (or
    --output) with zeros in the gaps. A damaged sidecar is written anew.

    \b
    Examples:
      franken ckpt repair model.safetensors
      franken ckpt repair --output good.safetensors model.safetensors
      franken ckpt repair --salvage model.safetensors

    \b
    Exit codes:
      0  intact now
      2  bad input, a full disk, another repair at work: nothing was written
      3  there is no sidecar
      4  beyond repair: nothing was written, or with --salvage a part was
    """
    from franken.serialization.durability import Unrepairable, repair

    out = console(quiet=as_json)
    with progress_bar(as_json) as progress, running("repair", as_json, log, path=path) as event:
        try:
            report = repair(path, output=output, salvage=salvage, sidecar=sidecar,
                            workers=workers, progress=progress)  # fmt: skip
        except Unrepairable as error:
            if error.report is not None:
                show_report(error.report, out)
            raise
        event.update(status=report.status, written=list(report.written))
    if as_json:
        click.echo(report.to_json())
    _show(report, out)
    sys.exit(report.exit_code)


def _show(report: Any, out: Any) -> None:
    if report.status != "intact":
        show_report(report.before, out)
    style = "bold red" if report.status == "salvaged" else "green"
    out.print(f"[{style}]{report.status.upper()}[/]  {safe(report.path)}: "
              f"{report.symbols_recovered} symbols rebuilt in {report.seconds:.2f} s")  # fmt: skip
    for each in report.written:
        out.print(f"  written {safe(each)}")
    if report.sidecar_rewritten:
        out.print("  the sidecar was damaged, too, and was written anew")
    if report.status == "salvaged":
        zeroed = sum(end - begin for begin, end in report.zeroed_ranges)
        out.print(f"  {size_text(zeroed)} are zeros in it; {len(report.intact_tensors)} tensors "
                  f"are intact, {len(report.lost_tensors)} are not")  # fmt: skip
        table(out, "lost", ["tensor"], [[name] for name in report.lost_tensors])
    elif report.digest:
        out.print(f"  BLAKE2b-256 tree {report.digest}, as it was protected")
