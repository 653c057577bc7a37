"""torch's symbolic numbers: classes that no value here has, and functions that take plain ones.

Shapes are always known, so each function gives a Python number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

_KINDS = (np.integer, np.floating, int, float)


class _Symbol:
    """What a number would be that is not known yet."""

    def __init__(self, node: Any) -> None:
        self.node = node

    def __repr__(self) -> str:
        return self.node._graph_repr()  # type: ignore[no-any-return]


class SymInt(_Symbol):
    """An int that is not known yet."""


class SymFloat(_Symbol):
    """A float that is not known yet."""


class SymBool(_Symbol):
    """A bool that is not known yet."""


def sym_int(a: Any) -> int:
    """The number without its fraction.

    >>> sym_int(-2.7)
    -2
    """
    return int(a)


def sym_float(a: Any) -> float:
    """The number as a float.

    >>> sym_float(3)
    3.0
    """
    return float(a)


def sym_not(a: Any) -> bool:
    """Whether the value is false.

    >>> sym_not(True)
    False
    """
    return not a


def sym_max(a: Any, b: Any) -> Any:
    """The greater number; a float if one of them is.

    >>> sym_max(3, 2.0)
    3.0
    """
    return _chosen(max, a, b)


def sym_min(a: Any, b: Any) -> Any:
    """The lesser number; a float if one of them is.

    >>> sym_min(1, 2)
    1
    """
    return _chosen(min, a, b)


def _chosen(choose: Callable[..., Any], a: Any, b: Any) -> Any:
    for value in (a, b):
        if not isinstance(value, _KINDS):
            raise AssertionError(f"expected {_KINDS}, got {type(value)}")
    if isinstance(a, float) or isinstance(b, float):
        return choose(float(a), float(b))
    return choose(a, b)


def sym_ite(b: bool, t: Any, f: Any) -> Any:
    """`t` if `b`, else `f`, which must be of one type.

    >>> sym_ite(True, 1, 2)
    1
    """
    if not isinstance(b, bool):
        raise AssertionError(f"expected SymBool or bool, got {type(b)}")
    if type(t) is not type(f):
        raise AssertionError(f"type mismatch: {type(t)} vs {type(f)}")
    return t if b else f


def sym_sum(args: Sequence[Any]) -> Any:
    """The sum of numbers.

    >>> sym_sum([1, 2])
    3
    """
    return sum(args)


def _of_floats(name: str, fn: Callable[[float], float]) -> Callable[[Any], float]:
    def sym(a: Any) -> float:
        return fn(a)

    sym.__name__ = sym.__qualname__ = f"_sym_{name}"
    return sym


_FLOATS = ("sqrt", "cos", "cosh", "sin", "sinh", "tan", "tanh", "asin", "acos", "atan", "log2")
ALL: dict[str, Any] = {f"_sym_{name}": _of_floats(name, getattr(math, name)) for name in _FLOATS}
ALL["sym_sqrt"] = ALL["_sym_sqrt"]
ALL.update(
    SymInt=SymInt, SymFloat=SymFloat, SymBool=SymBool, sym_int=sym_int, sym_float=sym_float,
    sym_not=sym_not, sym_max=sym_max, sym_min=sym_min, sym_ite=sym_ite, sym_sum=sym_sum,
)  # fmt: skip
for _name in ("SymInt", "SymFloat", "SymBool"):
    ALL[_name].__module__ = "torch"
