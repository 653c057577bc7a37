"""Processes started afresh (spawn, forkserver) are hooked before they unpickle anything.

What such a child reads first is a dictionary about its parent; it calls nothing of ours by itself.
So one entry is added whose unpickling installs the hook. `multiprocessing.spawn` is changed when it
is imported, if ever: importing it takes as long as everything else here.
"""

from __future__ import annotations

import importlib
import os
import site
import sys
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, Final

SPAWN: Final = "multiprocessing.spawn"
_HOME: Final = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(__file__))))
_original: list[Any] = []


class _Hooked:
    """Unpickles by installing the hook."""

    def __reduce__(self) -> Any:
        return importlib.import_module(__package__).install, ()


class _Found:
    """Unpickles by making franken importable; a parent started in its folder needs no path."""

    def __reduce__(self) -> Any:
        return site.addsitedir, (_HOME,)


def pass_on() -> None:
    """From now on, tell children to install the hook."""
    module = sys.modules.get(SPAWN)
    if module is not None and not _original:
        _change(module)


def stop() -> None:
    """Tell them no longer."""
    if _original:
        sys.modules[SPAWN].get_preparation_data = _original.pop()  # type: ignore[attr-defined]


def _change(module: ModuleType) -> None:
    before = module.get_preparation_data  # type: ignore[attr-defined]

    def get_preparation_data(name: str) -> dict[str, Any]:
        return {"franken_path": _Found(), "franken": _Hooked(), **before(name)}

    _original.append(before)
    module.get_preparation_data = get_preparation_data  # type: ignore[attr-defined]


def spec() -> ModuleSpec | None:
    """How `multiprocessing.spawn` is found: as ever, and changed once it is loaded."""
    import multiprocessing

    found = PathFinder.find_spec(SPAWN, multiprocessing.__path__)
    if found is not None and found.loader is not None:
        found.loader = _Changing(found.loader)  # type: ignore[assignment]
    return found


class _Changing:
    """A loader that changes the module after another one has loaded it."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        module.__loader__ = module.__spec__.loader = self.loader  # type: ignore[union-attr]
        _change(module)
