"""NumPy kernels on a GPU: the same functions, with NumPy's name bound to the GPU's library.

A ufunc or NumPy function maps to the attribute of its name. A Python kernel is re-made with `np`
(and every helper it reaches in the package) replaced, so no kernel is written twice. What the
library cannot do raises MissingKernel; no array ever goes to the host unseen.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import types
from typing import Any

import numpy as np

from franken.backends.errors import MissingKernel

# Packages whose functions compute on arrays, and are re-made. Others know shapes and names only.
_COMPUTE = (
    "franken.backends.numpy", "franken.core.convert", "franken.core.geometry.memory",
    "franken.core.inplace", "franken.core.linear", "franken.ops", "franken.functional",
)  # fmt: skip
_PARALLEL = "franken.backends.numpy.parallel"
_HOST_MODULES = ("ctypes", "threading", "concurrent.futures")


class _Lacking:
    """Stands for what the library does not have; using it raises AttributeError."""

    def __init__(self, name: str) -> None:
        self.name = name

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise AttributeError(f"no {self.name} on a GPU", name=self.name, obj=self)

    __call__ = _refuse

    def __getattr__(self, attribute: str) -> Any:
        return self._refuse()


# On a GPU one launch covers the whole range, so splitting over threads is the identity.
def _whole_range(count: int, grain: int, body: Any) -> None:
    if count:
        body(0, count)


def _whole_elementwise(kernel: Any, *arrays: Any, out: Any = None) -> Any:
    if out is None:
        return kernel(*arrays)
    out[...] = kernel(*arrays)
    return out


_INSTEAD = {
    "parallel_for": _whole_range, "over_blocks": _whole_range, "elementwise": _whole_elementwise,
    "single_blas_thread": contextlib.nullcontext, "get_num_threads": lambda: 1,
    "matmul": np.matmul,
}  # fmt: skip


class _Library:
    """The GPU's library as kernels see `np`: no warnings to silence, the rest by name."""

    def __init__(self, xp: Any) -> None:
        self._xp = xp

    def __getattr__(self, name: str) -> Any:
        return getattr(self._xp, name)

    @staticmethod
    def errstate(**_: Any) -> Any:
        """GPU arithmetic warns of nothing."""
        return contextlib.nullcontext()


class Rebinder:
    """Re-makes functions for one array library; keeps what it has made."""

    def __init__(self, xp: Any) -> None:
        self.xp, self.np = xp, _Library(xp)
        self.builtins = {**vars(builtins), "__import__": self.importing}
        self.made: dict[int, Any] = {}
        self.alive: list[Any] = []  # ids stay valid while their objects live

    def value(self, v: Any) -> Any:
        """What a global, a closure cell or a default means on the GPU."""
        if v is np:
            return self.np
        if isinstance(v, np.ufunc) or _is_numpy_function(v):
            return getattr(self.xp, v.__name__, None) or _Lacking(f"numpy.{v.__name__}")
        if isinstance(v, types.FunctionType):
            return self.function(v)
        if isinstance(v, types.ModuleType):
            return self.module(v)
        if isinstance(v, functools.partial):
            return functools.partial(self.value(v.func), *v.args, **v.keywords)
        if isinstance(v, dict) and v and all(callable(x) for x in v.values()):
            return {k: self.value(x) for k, x in v.items()}
        return v

    def module(self, m: Any) -> Any:
        """A module as kernels see it."""
        if m.__name__ in _HOST_MODULES:
            return _Lacking(m.__name__)
        if m.__name__.startswith("numpy."):
            return getattr(self.xp, m.__name__[6:], None) or _Lacking(m.__name__)
        return _Module(self, m) if m.__name__.startswith(_COMPUTE) else m

    def importing(self, name: str, *args: Any) -> Any:
        """What an import inside a function gives."""
        found = builtins.__import__(name, *args)
        return self.value(found) if isinstance(found, types.ModuleType) else found

    def function(self, f: Any) -> Any:
        """The function with everything it reaches re-made."""
        where = f.__module__ or ""
        if where == _PARALLEL:
            if f.__name__ == "scratch":  # the GPU's memory pool has this purpose already
                return lambda slot, shape, dtype: self.xp.empty(shape, dtype)
            instead = _INSTEAD.get(f.__name__)
            return self.value(instead) if instead else _Lacking(f"{where}.{f.__name__}")
        if not where.startswith(_COMPUTE):
            return f
        if id(f) in self.made:
            return self.made[id(f)]
        package = f.__globals__.get("__package__")
        space = {"__builtins__": self.builtins, "__name__": where, "__package__": package}
        cells = f.__closure__
        fresh = None if cells is None else tuple(types.CellType() for _ in cells)
        g = types.FunctionType(f.__code__, space, f.__name__, None, fresh)
        self.made[id(f)] = g  # before its parts: helpers may call each other
        self.alive.append(f)
        for name in _global_names(f.__code__):
            if name in f.__globals__:
                space[name] = self.value(f.__globals__[name])
        for new, old in zip(fresh or (), cells or (), strict=True):
            new.cell_contents = self.value(old.cell_contents)
        if f.__defaults__:
            g.__defaults__ = tuple(self.value(v) for v in f.__defaults__)
        if f.__kwdefaults__:
            g.__kwdefaults__ = {k: self.value(v) for k, v in f.__kwdefaults__.items()}
        return g


class _Module:
    """A module of the package whose functions are re-made when they are asked for."""

    def __init__(self, rebinder: Rebinder, module: Any) -> None:
        self._rebinder, self._module = rebinder, module

    def __getattr__(self, name: str) -> Any:
        return self._rebinder.value(getattr(self._module, name))


def _is_numpy_function(v: Any) -> bool:
    name = getattr(v, "__name__", None)
    return (
        callable(v)
        and not isinstance(v, type)
        and isinstance(name, str)
        and (getattr(v, "__module__", None) or "").startswith("numpy")
        and getattr(np, name, None) is v
    )


def _global_names(code: Any) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _global_names(constant)
    return names


@functools.lru_cache(maxsize=4)
def rebinder_of(xp: Any) -> Rebinder:
    """The one re-maker of a library."""
    return Rebinder(xp)


def served(prim: Any, xp: Any) -> Any:
    """The CPU kernel of `prim` as a GPU kernel; its failures name op, device and dtype."""
    inner = rebinder_of(xp).value(prim.cpu)
    if isinstance(inner, _Lacking):
        return None

    def kernel(*args: Any, **params: Any) -> Any:
        try:
            out = inner(*args, **params)
        except AttributeError as error:
            if error.obj is xp or isinstance(error.obj, (xp.ndarray, _Lacking)):
                raise _missing(prim, args, xp, f"it needs {error}") from error
            raise
        except TypeError as error:
            if "Unsupported type" in str(error):
                raise _missing(prim, args, xp, f"it mixes in host memory: {error}") from error
            raise
        for o in out if type(out) is tuple else (out,):
            if not isinstance(o, xp.ndarray):
                raise _missing(prim, args, xp, f"it gave {type(o).__name__}, not a device array")
        return out

    kernel.found_by_name = True  # type: ignore[attr-defined]
    return kernel


def _missing(prim: Any, args: Any, xp: Any, hint: str) -> MissingKernel:
    dtype = next((a.dtype.name for a in args if isinstance(a, xp.ndarray)), None)
    return MissingKernel(prim.name, "cuda", dtype, hint)
