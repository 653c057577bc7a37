"""One module of torch's as programs see it: the names of the module behind it, forwards and back.

A name is copied into the facade when it is first seen, so a second look costs what it costs in any
module. Numbers, strings and None are not copied, since the module behind may assign them anew
(`torch.backends.cudnn.enabled`). What a program assigns goes to the module behind, where franken's
own code sees it too: `torch.nn.functional.relu = f` does what it does in torch.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any, Final

from franken.faces import names
from franken.faces.around.torch_version import VERSION, TorchVersion
from franken.faces.hook import identity, lacking, places
from franken.faces.torch import ELSEWHERE, OWN_NAMES

_CHANGING: Final = (bool, int, float, str, type(None))
# What belongs to the facade, and differs from what the module behind says.
_OWN: Final[dict[str, dict[str, Any]]] = {
    "torch": {"__version__": TorchVersion(VERSION)},
    "torch.version": {"__version__": VERSION},
}


class Facade(ModuleType):
    """A module of torch's. Made by `make`."""

    def __setattr__(self, name: str, value: Any) -> None:
        if _is_mark(name) or isinstance(value, ModuleType):
            if not _hides(self, name, value):
                super().__setattr__(name, value)
            return
        setattr(_behind(self), name, value)
        keep(self, name, value)

    def __delattr__(self, name: str) -> None:
        vars(self).pop(name, None)
        if not _is_mark(name):
            delattr(_behind(self), name)

    def __dir__(self) -> list[str]:
        shown = {n for n in dir(_behind(self)) if not _is_mark(n) and not _is_inside(self, n)}
        more = {*names.modules().get(self.__name__, ())}
        if self.__name__ == "torch":
            more |= {module for module in ELSEWHERE if "." not in module}
        return sorted((shown | more | vars(self).keys()) - {*_BOUND})


_BOUND: Final = ("__getattr__", "__dir__", "__franken__")


def make(name: str) -> Facade:
    """The facade of a module that `places.serves`."""
    made = Facade(name)
    where = places.behind(name)
    target = importlib.import_module(where) if where else ModuleType(name)
    vars(made)["__franken__"] = target
    vars(made)["__getattr__"] = lambda wanted: _look_up(made, target, wanted)
    vars(made)["__doc__"] = target.__doc__
    vars(made).update(_shown(name, vars(target)))
    vars(made).update(_OWN.get(name, {}))
    return made


def fill(made: Facade) -> None:
    """Name what a facade shows as torch does, and load the modules that classes say they are of.

    Those are looked up by `sys.modules` alone: annotations of a class are read with their names.
    """
    identity.rename(made.__name__, vars(_behind(made)).values())
    homes = {v.__module__ for v in vars(made).values() if isinstance(v, type)}
    for home in sorted(homes, key=str):
        if home not in sys.modules and home.startswith("torch."):
            importlib.import_module(home)


def _shown(facade: str, found: dict[str, Any]) -> dict[str, Any]:
    """What is copied of a module's names: neither what changes nor modules of the inside."""
    return {
        name: value
        for name, value in found.items()
        if not _is_mark(name)
        and not (facade == "torch" and name in OWN_NAMES)
        and type(value) not in _CHANGING
        and not (isinstance(value, ModuleType) and (facade == "torch" or _is_ours(value)))
    } | ({"__all__": found["__all__"]} if "__all__" in found else {})


def _is_mark(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _is_ours(module: ModuleType) -> bool:
    return module.__name__.partition(".")[0] == "franken"


def _behind(facade: Facade) -> Any:
    return vars(facade)["__franken__"]


def _is_inside(facade: Facade, name: str) -> bool:
    value = vars(_behind(facade)).get(name)
    if name in _BOUND or name in OWN_NAMES and facade.__name__ == "torch":
        return True
    if not isinstance(value, ModuleType) or not _is_ours(value):
        return False
    return not places.serves(f"{facade.__name__}.{name}")


def _hides(facade: Facade, name: str, value: Any) -> bool:
    """Whether a submodule that was loaded would hide a function (`torch.autograd.gradcheck`)."""
    if not isinstance(value, Facade) or value.__name__ != f"{facade.__name__}.{name}":
        return False
    return not isinstance(getattr(_behind(facade), name, value), ModuleType)


def keep(facade: Facade, name: str, value: Any) -> None:
    """Copy a name into its facade, unless it changes."""
    if type(value) not in _CHANGING:
        vars(facade)[name] = value
    else:
        vars(facade).pop(name, None)


def _value(facade: str, target: Any, name: str) -> Any:
    """What the module behind has under a name, or the table; NOTHING if neither has it."""
    if facade == "torch" and name in OWN_NAMES:
        return lacking.NOTHING
    if name in names.modules().get(facade, ()):
        return names.found(facade, name)
    value = getattr(target, name, lacking.NOTHING)
    if value is lacking.NOTHING and facade in names.INNER:
        space, prefix = names.INNER[facade]
        value = getattr(importlib.import_module(space), name.removeprefix(prefix), value)
    return value


def _look_up(facade: Facade, target: Any, name: str) -> Any:
    """What a facade answers for a name that it does not hold yet."""
    full = f"{facade.__name__}.{name}"
    if _is_mark(name):
        if name == "__all__" and facade.__name__ == "torch":
            return [n for n in dir(facade) if not n.startswith("_")]
        raise AttributeError(f"module '{facade.__name__}' has no attribute '{name}'", name=name)
    value = _value(facade.__name__, target, name)
    if isinstance(value, ModuleType) or value is lacking.NOTHING:
        if full in sys.modules:
            return sys.modules[full]
        if places.serves(full):
            return importlib.import_module(full)
        if not isinstance(value, ModuleType) or _is_ours(value):
            return lacking.answer(facade.__name__, name, lambda: dir(facade))
    if name in vars(target):
        keep(facade, name, value)
        identity.rename(facade.__name__, (value,))
    return value
