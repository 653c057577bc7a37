"""torch.utils: checkpointing, data loading and other helpers, imported when first asked for."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from typing import Any

from franken.faces.torch import home


def __getattr__(name: str) -> Any:
    elsewhere = home(f"utils.{name}")
    if elsewhere is not None:
        return importlib.import_module(elsewhere)
    if name.startswith("_") or importlib.util.find_spec(f"franken.utils.{name}") is None:
        raise AttributeError(f"module 'franken.utils' has no attribute {name!r}")
    return importlib.import_module(f"franken.utils.{name}")


def __dir__() -> list[str]:
    found = [m.name for m in pkgutil.iter_modules(__path__)]
    return sorted({*found, *(n for n in globals() if n.startswith("__"))})
