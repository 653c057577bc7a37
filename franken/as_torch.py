"""`pytest -p franken.as_torch`: a package's own tests, written for torch, on franken."""

from __future__ import annotations

from typing import Any

from franken.faces.hook import install
from franken.faces.hook.lacking import ASKED


def pytest_load_initial_conftests() -> None:
    """Before any conftest.py: `import torch` is franken from here on."""
    install()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """List the names of torch's that were asked for in vain."""
    if ASKED:
        terminalreporter.section("names that franken lacks")
        for name, place in sorted(ASKED.items()):
            terminalreporter.write_line(f"{name}  asked for by {place}")
