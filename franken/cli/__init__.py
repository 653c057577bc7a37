"""The console script `franken`: one file a verb, each imported when it is called."""

from __future__ import annotations

import importlib
from typing import Any

import click

# verb -> (module, short help); the help stands here so that `franken --help` imports no verb.
VERBS = {
    "demo": ("franken.cli.demo", "Train on small images, twice, and prove that the bits agree."),
    "replay": ("franken.cli.replay", "Re-execute a recorded step and compare every bit."),
}


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        command: Any = importlib.import_module(VERBS[name][0]).command
        command.short_help = VERBS[name][1]
        return command  # type: ignore[no-any-return]


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="franken")
def main() -> None:
    """Gradients that are deterministic, explained and replayable.

    Exit codes: 0 good, 1 a check failed, 2 bad input, 3 not proven.
    """
