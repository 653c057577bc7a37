"""`franken replay FILE`: re-execute a recorded step and compare every output bit for bit.

Ends with 0 if every result has the recorded bits, 1 at a divergence, 2 for a file that cannot be
read, 3 if nothing can be proven.
"""

from __future__ import annotations

import json
import sys

import click


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--device", default=None, help="Where to execute, for instance cpu or cuda:0.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(file: str, device: str | None, as_json: bool) -> None:
    """Re-execute FILE, a recorded step, kernel by kernel; name the first divergence.

    Exit codes: 0 all bits equal, 1 diverged, 2 the file cannot be read, 3 nothing is proven.
    """
    import franken  # noqa: F401 - declares the ops
    from franken.autograd.replay import replay
    from franken.core.errors import NotProven
    from franken.serialization.errors import FormatError

    try:
        report = replay(file, device)
    except (OSError, FormatError) as error:
        click.echo(f"{file}: {error}", err=True)
        sys.exit(2)
    except NotProven as error:
        click.echo(f"NOT PROVEN: {error}", err=True)
        sys.exit(3)
    click.echo(json.dumps(report.to_dict(), sort_keys=True) if as_json else str(report))
    sys.exit(1 if report.divergences else 0 if report.ok else 3)
