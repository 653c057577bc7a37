"""`franken ckpt verify PATH...`: compare files with their sidecars."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from franken.cli.ckpt_run import options, progress_bar, running
from franken.cli.ckpt_show import console, safe, show_report, size_text


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--sidecar", metavar="FILE", default=None, help="The sidecar, if it lies elsewhere.")
@click.option("--proof", metavar="FILE", default=None,
              help="Execute this proof again, too, and compare (see prove).")  # fmt: skip
@options
def command(
    paths: tuple[str, ...], sidecar: str | None, proof: str | None,
    as_json: bool, workers: int | None, log: str | None,
) -> None:  # fmt: skip
    """Say whether each PATH is what was protected, bit for bit.

    Reads the file once and compares the digests of the whole, of each tensor and of each symbol.
    Of a damaged file it shows where the damage lies, which tensors it touches, and whether it can
    be repaired; data that was shifted by inserted or deleted bytes is found again. Nothing is
    written. Without a sidecar the structure is checked and elements that are not finite are
    counted: then the answer is "not proven".

    \b
    Examples:
      franken ckpt verify model.safetensors
      franken ckpt verify --json model.pt | jq .damaged_tensors
      franken ckpt verify --proof proof.json model.pt

    \b
    Exit codes: (with several PATHs the largest)
      0  intact
      1  damaged, and repairable
      2  bad input, or the sidecar is another file's
      3  not proven: no sidecar, or the proof failed
      4  damaged beyond repair
    """
    from franken.serialization.durability import verify

    if (sidecar or proof) and len(paths) > 1:
        raise click.UsageError("--sidecar and --proof are for one PATH")
    shown, rows, codes = console(quiet=as_json), [], []
    with progress_bar(as_json) as progress:
        for path in paths:
            with running("verify", as_json, log, path=path) as event:
                report = verify(path, sidecar=sidecar, workers=workers, progress=progress)
                event.update(status=report.status, exit_code=report.exit_code)
            show_report(report, shown)
            rows.append(report.to_dict())
            codes.append(report.exit_code)
            if proof and report.status == "intact":
                with running("verify", as_json, log, path=path, proof=proof):
                    rows[-1]["proof"] = _check_proof(path, proof, sidecar, workers, shown)
    if as_json:
        click.echo(json.dumps(rows[0] if len(rows) == 1 else rows))
    sys.exit(max(codes))


def _check_proof(
    path: str, proof: str, sidecar: str | None, workers: int | None, out: Any
) -> dict[str, Any]:
    from franken.serialization.durability.proof import verify_proof

    new = verify_proof(path, proof, sidecar=sidecar, workers=workers)
    out.print(f"[green]PROOF HOLDS[/]  {safe(proof)}: executed again, {len(new.dropped)} symbols "
              "dropped and rebuilt, "
              f"{size_text(new.bytes_compared)} compared bit for bit")  # fmt: skip
    return {"holds": True, "dropped": len(new.dropped), "bytes_compared": new.bytes_compared}
