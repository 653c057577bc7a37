"""The console script `franken`, also `python -m franken`; says how to get what it needs."""

from __future__ import annotations

import sys

EXTRA = frozenset(("click", "rich", "structlog", "raptorq"))  # what the extra `cli` installs


def main() -> None:
    """Run the command line."""
    if sys.argv[1:2] == ["run"]:  # a program's start: it waits for no other verb's packages
        from franken.run import main as start

        start(sys.argv[2:])
        return
    try:
        from franken.cli import main as run

        run(prog_name="franken")
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRA:
            raise
        sys.stderr.write(f'franken: {package} is missing: pip install "franken[cli]"\n')
        sys.exit(2)


if __name__ == "__main__":
    main()
