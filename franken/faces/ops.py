"""torch.ops: ops by the namespace they were registered in; franken declares some in `aten`."""

from __future__ import annotations

from typing import Any, NoReturn

from franken.ops import aten as aten


def load_library(path: Any) -> NoReturn:
    """OSError: libraries of compiled ops are written for torch's own."""
    raise OSError(f"Could not load this library: {path}: franken loads no compiled ops")
