"""The torch face: collects the names that the op declarations published. No logic of its own."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import types
from typing import Any

from franken.core import dtypes, layout
from franken.core.device import device
from franken.core.op import namespace
from franken.core.size import Size
from franken.core.tensor import Tensor

_PACKAGES = ("franken.ops", "franken.functional")


def _import_declarations() -> None:
    for package in _PACKAGES:
        where = importlib.import_module(package)
        for found in pkgutil.iter_modules(where.__path__):
            importlib.import_module(f"{package}.{found.name}")


def install(names: dict[str, Any]) -> None:
    """Fill `franken`'s namespace."""
    importlib.import_module("franken.autograd.tensor")
    _import_declarations()
    from franken.ops.creation import tensor

    names.update(dtypes.ALL)
    for alias in ("float", "double", "half", "long", "int", "short", "cfloat", "cdouble", "chalf"):
        names[alias] = getattr(dtypes, alias)
    for name, value in vars(layout).items():
        if isinstance(value, (layout.layout, layout.memory_format)):
            names[name] = value
    names.update(
        Tensor=Tensor, Size=Size, device=device, dtype=dtypes.dtype, tensor=tensor,
        finfo=dtypes.finfo, iinfo=dtypes.iinfo, get_default_dtype=dtypes.get_default_dtype,
        set_default_dtype=dtypes.set_default_dtype,
    )  # fmt: skip
    names.update(namespace("torch"))


def submodule(name: str) -> types.ModuleType:
    """`franken.<name>` made of what was declared for that namespace."""
    module = types.ModuleType(f"franken.{name}")
    module.__dict__.update(namespace(name))
    sys.modules[module.__name__] = module
    return module
