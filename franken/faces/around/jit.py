"""torch.jit: nothing is compiled. A script is the program itself, a trace is what was traced.

Scripted and traced modules are the modules; functions come back as objects that call them.
"""

from __future__ import annotations

import functools
import types
import typing
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

from franken.faces.around.futures import Future

__all__ = [
    "Attribute", "CompilationUnit", "Error", "Final", "Future", "ScriptFunction", "ScriptModule",
    "annotate", "enable_onednn_fusion", "export", "fork", "freeze", "ignore", "interface",
    "isinstance", "is_scripting", "is_tracing", "load", "onednn_fusion_enabled",
    "optimize_for_inference", "optimized_execution", "save", "script", "script_if_tracing",
    "script_method", "set_fusion_strategy", "strict_fusion", "trace", "trace_module", "unused",
    "wait",
]  # fmt: skip
_isinstance = isinstance


class Error(RuntimeError):
    """What TorchScript raises for a program's own error."""


class ScriptFunction:
    """A function that was scripted or traced: calls it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.inlined_graph = self.graph = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return self.__wrapped__(*args, **kwargs)  # type: ignore[attr-defined]

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        """NotImplementedError: there is no TorchScript to write."""
        save(self, *args, **kwargs)


class _Scripts(type):
    """Nothing is an instance: scripted modules are modules."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return type(instance) is cls


class ScriptModule(metaclass=_Scripts):
    """The class of compiled modules. There are none: making one raises."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _unable(type(self).__name__, "derive from torch.nn.Module")


RecursiveScriptModule = ScriptModule


class CompilationUnit:
    """Source text compiled as TorchScript: not possible."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _unable("CompilationUnit", "write the functions in Python")


class Attribute:
    """A value with the type that TorchScript would give it."""

    def __init__(self, value: Any, type: Any) -> None:
        self.value, self.type = value, type


def _unable(name: str, instead: str) -> NoReturn:
    raise NotImplementedError(f"torch.jit.{name}: franken has no TorchScript; {instead}")


# --- compiling -----------------------------------------------------------------------------------


def script(
    obj: Any, optimize: None = None, _frames_up: int = 0, _rcb: Any = None,
    example_inputs: Any = None,
) -> Any:  # fmt: skip
    """The object itself: a module or a class as it is, a function as a ScriptFunction.

    >>> script(lambda x: x + 1)(2)
    3
    """
    if _isinstance(obj, type) or not _is_function(obj):
        return obj
    return obj if _isinstance(obj, ScriptFunction) else ScriptFunction(obj)


def _is_function(obj: Any) -> bool:
    return hasattr(obj, "__code__") or _isinstance(obj, (functools.partial, ScriptFunction))


def trace(
    func: Any, example_inputs: Any = None, optimize: Any = None, check_trace: bool = True,
    check_inputs: Any = None, check_tolerance: float = 1e-05, strict: bool = True,
    _force_outplace: bool = False, _module_class: Any = None, _compilation_unit: Any = None,
    example_kwarg_inputs: Any = None, _store_inputs: bool = True,
) -> Any:  # fmt: skip
    """What was given, run once on the example: it is traced anew in every call, so to speak."""
    if example_kwarg_inputs is not None:
        func(**example_kwarg_inputs)
    elif example_inputs is not None:
        func(*(example_inputs if _isinstance(example_inputs, (tuple, list)) else [example_inputs]))
    return script(func)


def trace_module(mod: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
    """The module, its named methods run once on their inputs."""
    for name, given in inputs.items():
        getattr(mod, name)(*(given if _isinstance(given, (tuple, list)) else (given,)))
    return mod


def freeze(
    mod: Any, preserved_attrs: list[str] | None = None, optimize_numerics: bool = True
) -> Any:
    """The module, which must be in evaluation mode."""
    if mod.training:
        raise RuntimeError(
            "Freezing is currently only implemented for modules in eval mode. Please call .eval() "
            "on your module before freezing."
        )
    return mod


def optimize_for_inference(mod: Any, other_methods: list[str] | None = None) -> Any:
    """The module."""
    return mod


def save(m: Any, f: Any, _extra_files: Any = None) -> NoReturn:
    """NotImplementedError: there is no TorchScript to write."""
    _unable("save", "save the state_dict with torch.save")


def load(
    f: Any, map_location: Any = None, _extra_files: Any = None, _restore_shapes: bool = False
) -> NoReturn:
    """NotImplementedError: TorchScript archives hold programs, which are not run."""
    _unable("load", "load a state_dict with torch.load")


# --- marks on functions and classes --------------------------------------------------------------


def export(fn: Any) -> Any:
    """The function."""
    return fn


unused = interface = script_method = script_if_tracing = _script_if_tracing = export


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """The function, also as `@ignore()`."""
    return drop if callable(drop) else export


def annotate(the_type: Any, the_value: Any) -> Any:
    """The value."""
    return the_value


def isinstance(obj: Any, target_type: Any) -> bool:
    """Whether a value is of a type, containers by their elements (`List[int]`)."""
    if _isinstance(target_type, tuple):
        return any(isinstance(obj, t) for t in target_type)
    origin, inner = typing.get_origin(target_type), typing.get_args(target_type)
    if origin is None:
        return obj is None if target_type is None else _isinstance(obj, target_type)
    if origin in (typing.Union, types.UnionType):
        return any(isinstance(obj, t) for t in inner)
    if not _isinstance(obj, origin):
        return False
    if origin is dict:
        return all(isinstance(k, inner[0]) and isinstance(v, inner[1]) for k, v in obj.items())
    if origin is tuple and Ellipsis not in inner:
        return len(obj) == len(inner) and all(map(isinstance, obj, inner))
    return all(isinstance(item, inner[0]) for item in obj)


def is_scripting() -> bool:
    """False: programs run as they are."""
    return False


is_tracing = is_scripting


# --- settings and tasks --------------------------------------------------------------------------


def fork(func: Any, *args: Any, **kwargs: Any) -> Future[Any]:
    """A future of the call, which is made at once."""
    future: Future[Any] = Future()
    future.set_result(func(*args, **kwargs))
    return future


def wait(future: Any) -> Any:
    """The result of a future."""
    return future.wait()


def set_fusion_strategy(strategy: Any) -> list[Any]:
    """Nothing is fused: the strategy before was none."""
    return []


def enable_onednn_fusion(enabled: bool) -> None:
    """Nothing is fused; asking for it warns."""
    if enabled:
        warnings.warn("torch.jit: oneDNN fusion is not available", stacklevel=2)


def onednn_fusion_enabled() -> bool:
    """False: nothing is fused."""
    return False


@contextmanager
def optimized_execution(should_optimize: bool) -> Iterator[None]:
    """A block; nothing is optimized in it."""
    yield


class strict_fusion:
    """A block whose ops torch would fuse or warn."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        pass
