"""torch's names for classes and functions while the hook is in; put back when it goes."""

from __future__ import annotations

import copyreg
import importlib
import io
import sys
from collections.abc import Iterable
from types import FunctionType
from typing import Any, Final

from franken.faces import names
from franken.faces.hook import places
from franken.ops.surface.storage import UntypedStorage
from franken.ops.surface.typed_storage import TypedStorage

_undo: Final[list[tuple[Any, str, str]]] = []
# Pickles name what these hold, though no program need ever import them.
_PICKLED: Final = ("franken._utils", "franken.storage")


def begin() -> None:
    """Name what pickles of tensors call, and let storages be pickled as torch's are."""
    for module in _PICKLED:
        rename("torch" + module[7:], vars(importlib.import_module(module)).values())
    for kind in (UntypedStorage, TypedStorage):
        copyreg.pickle(kind, _reduce_storage)


def end() -> None:
    """Give everything franken's names again."""
    while _undo:
        obj, module, name = _undo.pop()
        obj.__module__, obj.__qualname__ = module, name
    for kind in (UntypedStorage, TypedStorage):
        del copyreg.dispatch_table[kind]


def _reduce_storage(storage: Any) -> Any:
    """A storage in a pickle: a file of the old format, as bytes."""
    save = importlib.import_module("franken.faces.checkpoints").save
    file = io.BytesIO()
    save(storage, file, _use_new_zipfile_serialization=False)
    return importlib.import_module("franken.storage")._load_from_bytes, (file.getvalue(),)


def rename(shown: str, values: Iterable[Any]) -> None:
    """Name classes and functions as torch does; what torch has nowhere is named for `shown`."""
    for value in list(values):
        if isinstance(value, (type, FunctionType)):
            module = value.__module__
            if _is_named(module):
                _undo.append((value, module, value.__qualname__))
                known = names.tabled(value)
                if known is not None:
                    value.__module__, value.__qualname__ = known
                else:
                    value.__module__ = _theirs(value, module, shown)


def _is_named(module: Any) -> bool:
    """Whether what is of a module gets another name; what spawned processes call does not."""
    ours = isinstance(module, str) and module.partition(".")[0] == "franken"
    return ours and not module.startswith(__package__)


def _theirs(value: Any, module: str, shown: str) -> str:
    if module == "franken":
        return "torch"
    place = "torch" + module[7:]
    while place != "torch":
        where = places.behind(place)
        if where and getattr(sys.modules.get(where), value.__name__, None) is value:
            return place
        place = place.rpartition(".")[0]
    return shown
