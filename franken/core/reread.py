"""Arguments that stand for Python numbers: NumPy's scalars, and tensors of one number.

torch's parser reads each of them as the number wherever it expects one. Ops are written for Python
numbers; so when a call fails and such arguments are among its own, it is made again with the
numbers. Calls that succeed pay nothing. Knows no op.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from franken.core import dtypes as dt
from franken.core.calls.numbers import python_number
from franken.core.overriding.arming import unarmed
from franken.core.tensor import Tensor

# What an op may raise over a number that is none of Python's.
REFUSALS = (TypeError, ValueError, OverflowError, AttributeError, IndexError, RuntimeError)


def reread(fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call an op again with the numbers; the refusal at hand goes on if there are none.

    To be called where a refusal was caught.
    """
    wanted = fn.__annotations__
    # an op that speaks of a value in an untyped place knew that it was a tensor
    knew = not issubclass(sys.exc_info()[0] or TypeError, (TypeError, AttributeError))
    unsaid = "int" if knew else None
    code = getattr(unarmed(getattr(fn, "__wrapped__", fn)), "__code__", None)
    names = code.co_varnames[: code.co_argcount] if code is not None else ()
    kinds = [_said(wanted.get(name), unsaid) for name in names[: len(args)]]
    kinds += [unsaid] * (len(args) - len(kinds))
    again = tuple([_number(a, kind) for a, kind in zip(args, kinds, strict=True)])
    named = {key: _number(a, _said(wanted.get(key), unsaid)) for key, a in kwargs.items()}
    if all(map(_same, again, args)) and all(map(_same, named.values(), kwargs.values())):
        raise
    try:
        return fn(*again, **named)
    except (TypeError, AttributeError):
        pass
    raise


def _said(kind: Any, unsaid: Any) -> Any:
    return unsaid if kind in (None, "Any") else kind


def _same(a: Any, b: Any) -> bool:
    return a is b


def _number(value: Any, kind: Any, nested: bool = False) -> Any:
    """The number that a value stands for, or the value itself."""
    if kind == "object":  # an argument that is taken for what it is
        return value
    if isinstance(value, np.generic):
        number = python_number(value)
        return value if number is None else number
    if isinstance(value, Tensor):
        return value if kind == "Tensor" else _value(value, kind == "int")
    if isinstance(value, np.ndarray):  # in a list of sizes: Python's index protocol
        return value.item() if nested and not value.ndim and value.dtype.kind in "iu" else value
    if type(value) in (tuple, list) and not nested:
        inside = [_number(v, kind, True) for v in value]
        return value if all(map(_same, inside, value)) else type(value)(inside)
    return value


def _value(t: Tensor, whole: bool) -> Any:
    """The number (an integer, if `whole`) in a tensor without dimensions that wants no gradient."""
    plain = not t.level and t.ndim == 0 and not t.requires_grad
    if whole and t.dtype.kind != dt.INTEGER:
        return t
    return t.item() if plain else t
