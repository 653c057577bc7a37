"""Backends: arrays in, arrays out; they know no Tensor. Also torch.backends' flag modules."""

from __future__ import annotations

import importlib
from typing import Any

_FLAGS = ("cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp")


def __getattr__(name: str) -> Any:
    if name in _FLAGS:
        return importlib.import_module(f"franken.backends.{name}")
    raise AttributeError(f"module 'torch.backends' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*_FLAGS, *(n for n in globals() if n.startswith("__"))})
