"""Objects that are no tensors and answer in an op's place: found where an op refuses a call.

So a call that succeeds pays nothing for them. Knows no op.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import update_wrapper
from typing import Any

from franken.core.overriding.dispatch import ON, asked, dispatch
from franken.core.reread import REFUSALS, reread
from franken.core.state import STATE
from franken.core.tensor import Tensor
from franken.core.where import PACKAGE

# Where the forms of ops are made, and where ops are that call others.
_FORMS = tuple(
    os.path.join(PACKAGE, *place)
    for place in (
        ("core", "op.py"), ("core", "overriding", "foreign.py"), ("core", "calls", "overloads.py"),
        ("ops", "declaring", "declare.py"), ("ops", "declaring", "lanes.py"),
        ("ops", "elementwise", "compare.py"),
    )
)  # fmt: skip
_OPS = tuple(os.path.join(PACKAGE, room) + os.sep for room in ("core", "ops", "functional"))


def again(
    public: Any, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any], mark: Any = None
) -> Any:
    """The answer to a call that was refused: of an argument, or of `fn` with numbers for arrays.

    To be called where the refusal was caught, which goes on if there is none. An argument's answer
    comes within `mark`, if one is given; without `fn` only arguments are asked.
    """
    found = concerned(args, kwargs)
    if found:
        out = dispatch(public, args, kwargs, found)
        return out if mark is None else mark(out)
    if fn is None:
        raise
    return reread(fn, args, kwargs)


def concerned(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """The arguments to be asked about a call that a public form refuses.

    None are if another op made the call: its own form, further up, asks about the call it was.
    """
    found = asked(args, kwargs) if STATE.functions_off == ON else []
    if not found:
        return found
    f: Any = sys._getframe(2).f_back  # the caller of the public form
    while f.f_code.co_filename.endswith(_FORMS):
        f = f.f_back
    return [] if f.f_code.co_filename.startswith(_OPS) else found


class Answered:
    """An argument's answer, where an op's own result is treated further."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def misplaced(
    public: Any, name: str, shown: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """The answer to a call whose first argument is no tensor; TypeError if there is none."""
    found = concerned(args, kwargs)
    if found:
        return dispatch(public, args, kwargs, found)
    raise TypeError(
        f"{name}(): argument '{shown}' (position 1) must be Tensor, not {type(args[0]).__name__}"
    )


def answer_of(method: str, self: Any, other: Any) -> Any:
    """What the other operand of a tensor's operator answers; NotImplemented if it has no say."""
    found = concerned((other,), {})
    if not found:
        return NotImplemented
    try:
        return dispatch(vars(Tensor)[method], (self, other), {}, found)
    except TypeError:
        return NotImplemented


def guarded(fn: Any, kinds: Sequence[Any]) -> Any:
    """`fn` as a method, which asks its arguments when it refuses them.

    `kinds` are the annotations of what it takes besides the tensor; if none of them may be a
    tensor, or `fn` brings its own such form (`fn.asking`), nothing is wrapped.
    """
    own = getattr(fn, "asking", None)
    if own is not None:
        return own
    return asking(fn, None) if any(map(_may_be_tensor, kinds)) else fn


def _may_be_tensor(kind: Any) -> bool:
    return kind is None or kind == "Any" or "Tensor" in str(kind)


def asking(fn: Any, name: str | None) -> Any:
    """`fn`, in the place of Tensor's method `name` (itself), asking arguments that it refuses."""

    def method(*args: Any, **kwargs: Any) -> Any:
        try:
            return fn(*args, **kwargs)
        except REFUSALS:
            return again(vars(Tensor)[name] if name else method, None, args, kwargs)

    return update_wrapper(method, fn)
