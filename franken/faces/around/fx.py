"""torch.fx: no graph is taken of a program; marks for it mean nothing, what needs one raises."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["GraphModule", "Node", "Proxy", "Tracer", "has_side_effect", "symbolic_trace", "wrap"]


def _unable(name: str) -> NoReturn:
    raise NotImplementedError(f"torch.fx.{name}: franken takes no graph of a program")


class Proxy:
    """Stands for a value while a program is traced: none is."""


class Node:
    """A node of a program's graph: there are none."""


class Tracer:
    """Takes a program's graph: cannot."""

    def trace(self, root: Any, concrete_args: Any = None) -> NoReturn:
        """NotImplementedError: no graph is taken."""
        _unable("Tracer.trace")


class GraphModule:
    """A module made of a graph: there are none."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _unable("GraphModule")


def symbolic_trace(root: Any, concrete_args: Any = None) -> NoReturn:
    """NotImplementedError: no graph is taken."""
    _unable("symbolic_trace")


def wrap(fn_or_name: Any) -> Any:
    """The function or name: nothing is traced into it."""
    return fn_or_name


has_side_effect = wrap
