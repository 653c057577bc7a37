"""`python -m conformance stubs`: write the stubs, or say which are not current."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

import click

import franken

PACKAGE = Path(franken.__file__).parent


def _texts() -> dict[str, str]:
    from conformance.stubs import modules  # imports all of the package

    return modules.texts()


def stale(package: Path = PACKAGE) -> dict[str, str]:
    """How each stub that is not current differs from what it should be, by path."""
    texts = _texts()
    found = {str(p.relative_to(package)): p.read_text() for p in package.rglob("*.pyi")}
    wrong = {}
    for path in sorted({*texts, *found}):
        have, want = found.get(path, ""), texts.get(path, "")
        if have != want:
            lines = difflib.unified_diff(have.splitlines(), want.splitlines(), "written", "right")
            wrong[path] = "\n".join(lines)
    return wrong


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if a stub is not current.")
def stubs(check: bool) -> None:
    """Write the .pyi files that show editors and type checkers what exists at run time only."""
    wrong = stale()
    if check:
        for path, difference in wrong.items():
            click.echo(f"{path} is not current\n{difference}")
        sys.exit(1 if wrong else 0)
    texts = _texts()
    for path in wrong:
        if path in texts:
            (PACKAGE / path).write_text(texts[path])
        else:
            (PACKAGE / path).unlink()
        click.echo(f"{'wrote' if path in texts else 'removed'} {path}")
