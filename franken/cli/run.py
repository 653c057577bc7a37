"""`franken run`, for the list of verbs; the console script starts programs before it comes here."""

from __future__ import annotations

import click

from franken.run import main


@click.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Run a program written for torch, unchanged: see `franken run --help`."""
    main(list(arguments))
