"""`franken ckpt prove PATH`: really lose symbols, rebuild them, and compare."""

from __future__ import annotations

import click

from franken.cli.ckpt_run import Share, options, progress_bar, running
from franken.cli.ckpt_show import console, safe, size_text


@click.command()
@click.argument("path", metavar="PATH")
@click.option("--drop", type=Share(), default=None, metavar="SHARE",
              help="How much to drop. Default: 3%, or what the redundancy allows.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=None,
              help="Chooses the symbols. Default: drawn.")  # fmt: skip
@click.option("--output", metavar="FILE", default=None, help="Write the proof here, as JSON.")
@click.option("--sidecar", metavar="FILE", default=None, help="The sidecar, if it lies elsewhere.")
@options
def command(
    path: str, drop: float | None, seed: int | None, output: str | None, sidecar: str | None,
    as_json: bool, workers: int | None, log: str | None,
) -> None:  # fmt: skip
    """Show on PATH itself that its sidecar repairs it.

    A seeded choice of symbols is treated as lost, in memory; they are rebuilt from the sidecar and
    compared with the file bit by bit. PATH must be intact, and is only read. The proof names seed,
    symbols and digests, so that `franken ckpt verify --proof FILE PATH` can execute it again.

    \b
    Examples:
      franken ckpt prove model.safetensors
      franken ckpt prove --drop 4% --seed 7 --output proof.json model.safetensors
      franken ckpt verify --proof proof.json model.safetensors

    \b
    Exit codes:
      0  all came back, bit for bit
      1, 4  PATH is damaged (repairable, beyond repair)
      2  bad input, or more to drop than the redundancy allows
      3  no sidecar, or a bit differs
    """
    from franken.serialization.durability.proof import prove

    out = console(quiet=as_json)
    with progress_bar(as_json) as progress, running("prove", as_json, log, path=path) as event:
        proof = prove(path, drop=drop, seed=seed, sidecar=sidecar, workers=workers,
                      progress=progress)  # fmt: skip
        if output:
            proof.write(output)
        event.update(seed=proof.seed, dropped=len(proof.dropped))
    if as_json:
        click.echo(proof.to_json())
    share = len(proof.dropped) * proof.symbol / proof.size if proof.size else 0
    out.print(f"[green]PROVEN[/]  {safe(path)}: {len(proof.dropped)} symbols dropped "
              f"({share:.1%}, seed {proof.seed}), rebuilt in {proof.seconds:.2f} s, "
              f"{size_text(proof.bytes_compared)} compared bit for bit")  # fmt: skip
    if output:
        out.print(f"  proof {safe(output)}")
