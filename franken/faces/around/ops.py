"""torch.ops: ops by the namespace they were registered in; franken declares some in `aten`."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from franken.ops import aten as aten


class _OpNamespace(ModuleType):
    """A namespace that nobody registered an op in."""

    def __getattr__(self, name: str) -> Any:
        space = self.__name__.rpartition(".")[2]
        raise AttributeError(
            f"'_OpNamespace' '{space}' object has no attribute '{name}'", name=name
        )


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"'_Ops' object has no attribute '{name}'", name=name)
    found = globals()[name] = _OpNamespace(f"torch.ops.{name}")
    return found


def load_library(path: Any) -> None:
    """OSError: libraries of compiled ops are written for torch's own."""
    raise OSError(f"Could not load this library: {path}: franken loads no compiled ops")
