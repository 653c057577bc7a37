"""torch._jit_internal: helpers that libraries import for their annotations and marks."""

from __future__ import annotations

import builtins
import functools
import inspect
from collections.abc import Callable
from typing import Any, Final, ForwardRef, TypeVar

from franken.faces.around.futures import Future
from franken.faces.around.jit import export, ignore, is_scripting, isinstance, unused

__all__ = [
    "BroadcastingList1", "BroadcastingList2", "BroadcastingList3", "BroadcastingList4",
    "BroadcastingList5", "BroadcastingList6", "Final", "ForwardRef", "Future",
    "boolean_dispatch", "boolean_dispatched", "export", "ignore", "is_scripting", "isinstance",
    "unused",
]  # fmt: skip
T = TypeVar("T")
_isinstance = isinstance
boolean_dispatched: dict[Any, dict[str, Any]] = {}


class BroadcastingListCls:
    """`BroadcastingList2[int]`: one number or a list of two, in an annotation."""

    def __getitem__(self, types: Any) -> None:
        return None


BroadcastingList1 = BroadcastingList2 = BroadcastingList3 = BroadcastingListCls()
BroadcastingList4 = BroadcastingList5 = BroadcastingList6 = BroadcastingList1


def boolean_dispatch(
    arg_name: str, arg_index: int, default: bool, if_true: Callable[..., Any],
    if_false: Callable[..., Any], module_name: str | None, func_name: str | None,
) -> Callable[..., Any]:  # fmt: skip
    """A function that calls one of two, by the value of one of its arguments."""

    @functools.wraps(if_true)
    def choose(*args: Any, **kwargs: Any) -> Any:
        given = args[arg_index] if arg_index < len(args) else kwargs.get(arg_name, default)
        return (if_true if given else if_false)(*args, **kwargs)

    choose.__name__ = choose.__qualname__ = func_name or if_true.__name__
    if module_name is not None:
        choose.__module__ = module_name
    boolean_dispatched[choose] = {
        "if_true": if_true, "if_false": if_false, "index": arg_index, "default": default,
        "arg_name": arg_name,
    }  # fmt: skip
    return choose


def _same(fn: T) -> T:
    """The function: marks for a compiler mean nothing here."""
    return fn


_overload = _overload_method = _copy_to_script_wrapper = _drop = _same


def is_ignored_fn(fn: Any) -> bool:
    """False: nothing is compiled, so nothing is left out."""
    return False


def get_callable_argument_names(fn: Callable[..., Any]) -> list[str]:
    """The names of a function's arguments; none if it has only-positional or collecting ones."""
    try:
        parameters = inspect.signature(fn).parameters.values()
    except ValueError:
        return []
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD,)
    return [p.name for p in parameters] if builtins.all(p.kind in kinds for p in parameters) else []


def _qualified_name(obj: Any, mangle_name: bool = True) -> str:
    return f"{obj.__module__}.{obj.__name__}"
