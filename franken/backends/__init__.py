"""Backends: arrays in, arrays out; they know no Tensor. Also torch.backends' flag modules."""

from __future__ import annotations

import importlib
from contextlib import AbstractContextManager
from typing import Any

from franken.backends import settings
from franken.backends.settings import disable_global_flags, flags_frozen

fp32_precision: str

_FLAGS = (
    "cpu", "cuda", "cudnn", "cusparselt", "kleidiai", "mha", "miopen", "mkl", "mkldnn", "mps",
    "nnpack", "openmp", "opt_einsum", "quantized",
)  # fmt: skip


def set_flags(_fp32_precision: str | None = "none") -> tuple[Any, ...]:
    """Set the precision of all backends; the one before, in a tuple."""
    return settings.put(__name__, fp32_precision=_fp32_precision)


def flags(fp32_precision: str = "none") -> AbstractContextManager[None]:
    """The precision of all backends for a block."""
    return settings.kept(__name__, fp32_precision=fp32_precision)


def __getattr__(name: str) -> Any:
    if name in _FLAGS:
        return importlib.import_module(f"franken.backends.{name}")
    raise AttributeError(f"module 'torch.backends' has no attribute '{name}'")


def __dir__() -> list[str]:
    own = ("disable_global_flags", "flags", "flags_frozen", "fp32_precision", "set_flags")
    return sorted({*_FLAGS, *own, *(n for n in globals() if n.startswith("__"))})


settings.declare(__name__, fp32_precision=settings.GENERIC)

__all__ = ["disable_global_flags", "flags", "flags_frozen", "set_flags"]
