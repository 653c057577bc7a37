"""The torch face: collects the names that the op declarations published. No logic of its own."""

from __future__ import annotations

import importlib
import os
import sys
import types
from typing import Any

from franken.core import dtypes
from franken.core.device import device
from franken.core.geometry import layout
from franken.core.geometry.size import Size
from franken.core.op import namespace
from franken.core.tensor import Tensor
from franken.faces.spaces import listed, missing

_PACKAGES = ("franken.ops", "franken.functional")
# Submodules and functions that are imported when they are first asked for.
_LAZY_MODULES = (
    "autograd", "backends", "cuda", "distributions", "fft", "func", "linalg", "masked", "nn",
    "optim", "random", "return_types", "serialization", "signal", "sparse", "special", "storage",
    "testing", "utils", "version", "_utils",
)  # fmt: skip
# Modules that lie elsewhere: most of them mean little here.
ELSEWHERE = {
    **{
        name: f"franken.faces.around.{name}"
        for name in (
            "accelerator", "amp", "compiler", "cpu", "distributed", "export", "futures", "fx",
            "hub", "jit", "mps", "mtia", "multiprocessing", "onnx", "profiler",
            "torch_version", "types", "xpu",
        )
    },
    "_C": "franken.faces.around.C", "_dynamo": "franken.faces.around.compiler",
    "_jit_internal": "franken.faces.around.jit_internal",
    "jit.annotations": "franken.faces.around.jit_internal",
    "_tensor_str": "franken.faces.around.tensor_str",
    "__config__": "franken.faces.around.config",
    "functional": "franken.faces.functional", "ops": "franken.faces.ops",
    "ops.aten": "franken.ops.aten", "cuda.amp": "franken.faces.around.cuda_amp",
    "overrides": "franken.faces.overrides",
    "utils._pytree": "franken.faces.pytree",
}  # fmt: skip
# Names that franken has above torch's; the hook does not show them.
OWN_NAMES = ("install", "uninstall")
_LAZY_NAMES = {
    "save": "franken.faces.checkpoints", "load": "franken.faces.checkpoints",
    "vmap": "franken.func", "OutOfMemoryError": "franken.core.errors",
    "__version__": "franken.version", "compile": "franken.faces.around.compiler",
    **dict.fromkeys(OWN_NAMES, "franken.faces.hook"),
    **dict.fromkeys(
        ("autocast", "autocast_decrement_nesting", "autocast_increment_nesting",
         "clear_autocast_cache", "get_autocast_cpu_dtype", "get_autocast_dtype",
         "get_autocast_gpu_dtype", "is_autocast_cache_enabled", "is_autocast_cpu_enabled",
         "is_autocast_enabled", "set_autocast_cache_enabled", "set_autocast_dtype",
         "set_autocast_enabled", "GradScaler"), "franken.faces.around.amp",
    ),
}  # fmt: skip


def _import_declarations() -> None:
    for package in _PACKAGES:
        for folder in importlib.import_module(package).__path__:
            _import_below(package, folder)


def _import_below(package: str, folder: str) -> None:
    """Import all modules of a folder and of those in it, by name (pkgutil's walk is slower)."""
    for entry in sorted(os.listdir(folder)):
        name, dot, kind = entry.partition(".")
        if kind == "py" and name != "__init__":
            importlib.import_module(f"{package}.{name}")
        elif not dot and name != "__pycache__":
            _import_below(f"{package}.{name}", os.path.join(folder, name))


def install(names: dict[str, Any]) -> None:
    """Fill `franken`'s namespace."""
    importlib.import_module("franken.autograd.tensor")
    _import_declarations()
    from franken.faces import settings, symbols
    from franken.ops.sampling.generator import Generator, default_generator
    from franken.ops.surface.legacy import type_names
    from franken.ops.surface.storage import UntypedStorage
    from franken.ops.surface.typed_storage import TypedStorage, storage_names

    names.update(dtypes.ALL)
    names.update(dtypes.ALIASES)
    names.update(layout.ALL)
    names.update({name: getattr(settings, name) for name in ("pi", "e", "inf", "nan", "newaxis")})
    names.update(type_names("torch"))
    names.update(storage_names("torch"))
    names.update(symbols.ALL)
    names.update(
        Tensor=Tensor, Size=Size, device=device, dtype=dtypes.dtype, layout=layout.layout,
        memory_format=layout.memory_format, qscheme=layout.qscheme, finfo=dtypes.finfo,
        iinfo=dtypes.iinfo, Generator=Generator, default_generator=default_generator,
        UntypedStorage=UntypedStorage, TypedStorage=TypedStorage,
        legacy_contiguous_format=layout.contiguous_format,
        get_default_dtype=dtypes.get_default_dtype, set_default_dtype=dtypes.set_default_dtype,
    )  # fmt: skip
    names.update(namespace("torch"))
    names["__getattr__"] = lambda name: _lazy(names, name)
    names["__dir__"] = lambda: listed(_shown(names), (*_on_demand(), *namespace("torch")))


def _shown(names: dict[str, Any]) -> dict[str, Any]:
    """What is no package of the inside; torch's modules are among those found on demand."""
    return {n: v for n, v in names.items() if not isinstance(v, types.ModuleType)}


def home(module: str) -> str | None:
    """Where a module at torch's top lies here; None without one.

    >>> home("nn"), home("jit"), home("core")
    ('franken.nn', 'franken.faces.around.jit', None)
    """
    if module in ELSEWHERE:
        return ELSEWHERE[module]
    return f"franken.{module}" if module in _LAZY_MODULES and _is_there(module) else None


def _is_there(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(f"franken.{module}") is not None


def _on_demand() -> list[str]:
    modules = [m for m in _LAZY_MODULES if _is_there(m)]
    # `functional` and `ops` are rooms of the inside, unless a program asks by the hook.
    elsewhere = [m for m in ELSEWHERE if "." not in m and f"franken.{m}" not in sys.modules]
    return [*modules, *elsewhere, *_LAZY_NAMES, "Storage"]


def _lazy(names: dict[str, Any], name: str) -> Any:
    module = home(name)
    if module is not None:
        return importlib.import_module(module)
    if name == "Storage":  # which one depends on the default dtype
        return names[f"{dtypes.get_default_dtype().scalar_name}Storage"]
    where = _LAZY_NAMES.get(name)
    if where is None:
        raise missing("franken", name, lambda: [*names, *_on_demand()])
    found = names[name] = getattr(importlib.import_module(where), name)
    return found
