"""`torch.autograd`: reverse mode, Function, modes, hooks and checks.

Light on purpose: nothing is loaded before it is asked for. The engine itself is `franken.engine`.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any

# public name -> module it lives in
_HOMES = {
    **dict.fromkeys(("backward", "grad"), "api"),
    **dict.fromkeys(("Function", "NestedIOFunction"), "function"),
    **dict.fromkeys(
        ("no_grad", "enable_grad", "set_grad_enabled", "inference_mode",
         "is_multithreading_enabled", "set_multithreading_enabled"), "grad_mode",
    ),
    **dict.fromkeys(("detect_anomaly", "set_detect_anomaly"), "anomaly"),
    **dict.fromkeys(("gradcheck", "gradgradcheck", "GradcheckError"), "gradcheck"),
    "Variable": "variable", "SavedTensor": "graph",
}  # fmt: skip
_MODULES = (
    "anomaly", "api", "checkpoint", "forward_ad", "function", "functional", "grad_mode",
    "gradcheck", "graph", "hooks", "profiler", "provenance", "record", "replay", "variable",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(f"franken.autograd.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return importlib.import_module(f"franken.autograd.{name}")
    raise AttributeError(f"module 'franken.autograd' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*_HOMES, *_MODULES, *(n for n in globals() if n.startswith("__"))})


class _Package(types.ModuleType):
    """The package: a module loaded into it does not hide the function of its name (gradcheck)."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _HOMES and isinstance(value, types.ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


__all__ = [  # noqa: F822 - found by __getattr__
    "Function", "GradcheckError", "NestedIOFunction", "Variable", "backward", "detect_anomaly",
    "enable_grad", "grad", "gradcheck", "gradgradcheck", "inference_mode", "no_grad",
    "set_detect_anomaly", "set_grad_enabled", "set_multithreading_enabled",
]  # fmt: skip
