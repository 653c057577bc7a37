"""`__torch_function__`: who is asked in an op's place, and what is said if nobody answers.

Arguments whose types have an override are asked, subclasses before the classes they derive from,
and before them the innermost mode of the thread. Knows no op.
"""

from __future__ import annotations

import inspect
from typing import Any

from franken.core.once import warn_once
from franken.core.overriding.names import is_python_level, spoken
from franken.core.state import STATE
from franken.core.tensor import Parameter, Tensor, attach

ON, SUBCLASSES_OFF, ALL_OFF = 0, 1, 2

# Types that are asked by nobody, told apart before anything is looked up.
PLAIN = frozenset(
    {Tensor, Parameter, int, float, bool, complex, str, bytes, type(None), type(...), slice, type}
)


def disabled_torch_function(
    func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
) -> Any:
    """The `__torch_function__` of types that are treated as plain tensors."""
    with Switched(ALL_OFF):
        return func(*args, **(kwargs or {}))


class Switched:
    """A block in which overrides are off: of subclasses, or of modes too."""

    __slots__ = ("before", "to")

    def __init__(self, to: int) -> None:
        self.to = to

    def __enter__(self) -> None:
        self.before, STATE.functions_off = STATE.functions_off, self.to

    def __exit__(self, *exc: object) -> None:
        STATE.functions_off = self.before


def overrides(kind: type) -> bool:
    """Whether values of a type are asked before an op runs."""
    if kind in PLAIN:
        return False
    found = getattr(kind, "__torch_function__", None)
    return found is not None and found is not disabled_torch_function


def asked(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """The arguments that are asked, one a type, in the order in which they are."""
    found: list[Any] = []
    for a in (*args, *kwargs.values()) if kwargs else args:
        kind = type(a)
        if kind in PLAIN:
            continue
        if kind is list or kind is tuple:
            for each in a:
                if type(each) not in PLAIN:
                    _ask(found, each)
        else:
            _ask(found, a)
    return found


def _ask(found: list[Any], value: Any, sure: bool = False) -> None:
    kind = type(value)
    if not (sure or overrides(kind)) or any(type(f) is kind for f in found):
        return
    at = next((i for i, f in enumerate(found) if issubclass(kind, type(f))), len(found))
    found.insert(at, value)


def overloaded(values: Any) -> list[Any]:
    """The tensor-like values, one a type, in the order in which they are asked: Tensors too."""
    found: list[Any] = []
    for value in values:
        _ask(found, value, type(value) is Tensor)
    return found


def flat(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """The arguments, and what is in their lists."""
    values: list[Any] = []
    for a in (*args, *kwargs.values()):
        values += a if type(a) in (list, tuple) else (a,)
    return values


# --- asking --------------------------------------------------------------------------------------


def dispatch(
    func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], found: list[Any], alone: bool = False
) -> Any:
    """Let the modes and the arguments `found` answer a call of the public function `func`.

    `alone`: it takes nothing but the tensor itself, whose type is then told too.
    """
    name = spoken(func)
    python = is_python_level(name)
    given: Any = kwargs or None
    types: tuple[type, ...] = tuple([f.__class__ for f in found])
    if python:
        args, given = normalised(func, args, kwargs)
        found = overloaded(flat(args, given))
        types = tuple([f.__class__ for f in found])
    elif alone:
        types = (args[0].__class__,)
    return ask(func, name, types, args, given, found, python)


def ask(
    func: Any, name: str, types: tuple[type, ...], args: Any, kwargs: Any, found: list[Any],
    python: bool,
) -> Any:  # fmt: skip
    """The first answer of the innermost mode and the values `found`; TypeError if there is none."""
    modes = STATE.function_modes
    mode = None
    if modes and STATE.functions_off < ALL_OFF:
        mode = modes.pop()
        try:
            out = mode.__torch_function__(func, types, args, kwargs)
        finally:
            modes.append(mode)
        if out is not NotImplemented:
            return out
    for value in found:
        out = _method(value)(func, types, args, kwargs)
        if out is not NotImplemented:
            return out
    raise TypeError(_refusal(name, found, mode, python))


def _method(value: Any) -> Any:
    found = value.__torch_function__
    if getattr(found, "__self__", None) is value and not isinstance(value, type):
        warn_once(
            "Defining your `__torch_function__` as a plain method is deprecated and will be an "
            "error in future, please define it as a classmethod.",
        )
    return found


def _refusal(name: str, found: list[Any], mode: Any, python: bool) -> str:
    if python:
        said = f"no implementation found for '{name}' on types that implement __torch_function__: "
        said += f"{[type(f) for f in found]}"
        return said if mode is None else f"{said} nor in mode {mode}"
    lines = [] if mode is None else [f"  - mode object {mode!r}\n"]
    lines += [f"  - tensor subclass {type(f)!r}\n" for f in found]
    return (
        f"Multiple dispatch failed for '{name}'; all __torch_function__ handlers returned "
        "NotImplemented:\n\n" + "".join(lines) + "\nFor more information, try re-running with "
        "TORCH_LOGS=not_implemented"
    )


def normalised(
    func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A call's arguments as functions written in Python tell them: what has a default, by name."""
    try:
        bound = inspect.signature(func).bind(*args, **kwargs)
    except (TypeError, ValueError):  # not this form of the call
        return args, kwargs
    bound.apply_defaults()
    first: list[Any] = []
    named: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        parameter = bound.signature.parameters[name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            first += value
        elif parameter.kind is parameter.VAR_KEYWORD:
            named.update(value)
        elif parameter.default is parameter.empty:
            first.append(value)
        else:
            named[name] = value
    return tuple(first), named


# --- what Tensor says ----------------------------------------------------------------------------


def _default(
    cls: Any, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
) -> Any:
    """What a subclass answers: the op's own result, its tensors as instances of the subclass."""
    if not all(issubclass(cls, kind) for kind in types):
        return NotImplemented
    with Switched(SUBCLASSES_OFF):
        out = func(*args, **(kwargs or {}))
        return out if func in nowrap() else _converted(out, cls)


def nowrap() -> set[Any]:
    """Functions whose results stay what they are."""
    return {vars(Tensor)[name].__get__ for name in ("grad", "_grad", "_base")
            if hasattr(vars(Tensor)[name], "fget")}  # fmt: skip


def _converted(out: Any, cls: Any) -> Any:
    if cls is Tensor:
        return out
    if isinstance(out, Tensor):
        return out if isinstance(out, cls) else out.as_subclass(cls)
    if isinstance(out, (tuple, list)):
        return type(out)([_converted(each, cls) for each in out])
    return out


_default.__name__ = "__torch_function__"
_default.__qualname__ = "Tensor.__torch_function__"
disabled_torch_function.__name__ = "_disabled_torch_function_impl"
attach(__torch_function__=classmethod(_default))
Parameter.__torch_function__ = staticmethod(disabled_torch_function)  # type: ignore[attr-defined]
