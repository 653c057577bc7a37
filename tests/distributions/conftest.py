"""Let the tests of this folder import their tables, and start from checked arguments."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def arguments_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oracle's compiler, once imported by any test, turns its checks of arguments off."""
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.distributions.Distribution, "_validate_args", True)
