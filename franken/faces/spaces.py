"""Namespaces: how a module shows the names that op declarations published for it.

A missing name is said with the nearest existing ones, so that a gap or a slip is seen at once.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

from franken.core.op import namespace


class _Lacking(AttributeError):
    """An AttributeError that looks for the nearest names when it is read.

    Most of them are never read: programs ask by `hasattr` what is there.
    """

    def __init__(self, said: str, name: str, known: Any) -> None:
        super().__init__(said, name=name)
        self._known = known

    def __str__(self) -> str:
        import difflib

        known = self._known() if callable(self._known) else self._known
        near = difflib.get_close_matches(self.name, [k for k in known if k[:1] != "_"], 3)
        hint = f"; the nearest names are: {', '.join(near)}" if near else ""
        return super().__str__() + hint

    def __reduce__(self) -> Any:
        return AttributeError, (str(self),)


_Lacking.__name__ = _Lacking.__qualname__ = "AttributeError"
_Lacking.__module__ = "builtins"


def missing(module: str, name: str, known: Any) -> AttributeError:
    """The error for a name that a module lacks; `known` has those it has, or is called for them.

    >>> str(missing("franken.nn", "Lineer", ["Linear", "ReLU"]))
    "module 'torch.nn' has no attribute 'Lineer'; the nearest names are: Linear"
    """
    shown = module.replace("franken", "torch", 1)
    return _Lacking(f"module '{shown}' has no attribute '{name}'", name, known)


def fill(names: dict[str, Any], space: str, modules: tuple[str, ...] = ()) -> None:
    """Give a module the ops of `space`, submodules on demand, and the error for the rest."""
    names.update(namespace(space))
    where = names["__name__"]

    def __getattr__(name: str) -> Any:
        if name in modules:
            return importlib.import_module(f"{where}.{name}")
        late = namespace(space).get(name)  # declared after the module was filled
        if late is None:
            raise missing(where, name, names)
        return late

    names["__getattr__"] = __getattr__
    names["__dir__"] = lambda: listed(names, (*modules, *namespace(space)))


def listed(names: dict[str, Any], more: Iterable[str]) -> list[str]:
    """What `dir` shows of a module: its names and those found on demand, without its helpers."""
    helpers = {"Any", "TYPE_CHECKING", "annotations", "fill", "namespace"}
    return sorted({*names} - helpers | {*more})
