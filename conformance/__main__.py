"""`python -m conformance COMMAND`: the harness's commands."""

from __future__ import annotations

import click

from conformance.differential import differential
from conformance.gpu import gpu
from conformance.kernels import kernels
from conformance.layouts import layouts
from conformance.mutants.command import mutants
from conformance.portability import portability
from conformance.stubs.command import stubs
from conformance.stubs.programs import programs


@click.group()
def main() -> None:
    """Prove what franken claims, or say that it is not proven."""


main.add_command(differential)
main.add_command(gpu)
main.add_command(kernels)
main.add_command(layouts)
main.add_command(mutants)
main.add_command(portability)
main.add_command(programs)
main.add_command(stubs)

if __name__ == "__main__":
    main(prog_name="python -m conformance")
