"""`franken replay FILE`: re-execute a recorded step and compare every output bit for bit."""

from __future__ import annotations

import json
import sys

import click


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--device", default=None, help="Where to execute, for instance cpu or cuda:0.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(file: str, device: str | None, as_json: bool) -> None:
    """Re-execute FILE, a recorded step, kernel by kernel; name the first divergence."""
    import franken  # noqa: F401 - declares the ops
    from franken.autograd.replay import replay

    try:
        report = replay(file, device)
    except ValueError as error:
        raise click.UsageError(f"{file}: {error}") from error
    click.echo(json.dumps(report.to_dict()) if as_json else str(report))
    sys.exit(0 if report.ok else 1)
