"""`python -m conformance COMMAND`: the harness's commands."""

from __future__ import annotations

import click

from conformance.differential import differential


@click.group()
def main() -> None:
    """Prove what franken claims, or say that it is not proven."""


main.add_command(differential)

if __name__ == "__main__":
    main(prog_name="python -m conformance")
