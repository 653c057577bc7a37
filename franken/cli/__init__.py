"""The console script `franken`: one file a verb, each imported when it is called."""

from __future__ import annotations

import importlib
from typing import Any

import click

# verb -> (module, short help); the help stands here so that `franken --help` imports no verb.
VERBS = {
    "ckpt": ("franken.cli.ckpt", "Checkpoints that prove and repair themselves."),
    "demo": ("franken.cli.demo", "Train on small images, twice, and prove that the bits agree."),
    "replay": ("franken.cli.replay", "Re-execute a recorded step and compare every bit."),
    "run": ("franken.cli.run", "Run a program written for torch, unchanged."),
}


class Verbs(click.Group):
    """A group whose verbs come from a table like `VERBS`, each imported when it is called."""

    def __init__(self, *args: Any, table: dict[str, tuple[str, str]], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs' names."""
        return sorted(self.table)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return a verb, imported now; None if there is none of this name."""
        if name not in self.table:
            return None
        command: Any = importlib.import_module(self.table[name][0]).command
        command.short_help = self.table[name][1]
        return command  # type: ignore[no-any-return]


@click.group(cls=Verbs, table=VERBS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="franken")
def main() -> None:
    """Gradients that are deterministic, explained and replayable.

    Exit codes: 0 good, 1 a check failed, 2 bad input, 3 not proven, 4 damaged beyond repair.
    """
