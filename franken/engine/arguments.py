"""How the arguments of `Function.apply` become those of its forward.

An input has its place in `needs_input_grad` and among the gradients, so keywords are turned into
places first. Knows functions' signatures only.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any


def bound(forward: Any, args: tuple[Any, ...], kwargs: Any) -> tuple[tuple[Any, ...], Any]:
    """All arguments of a forward without ctx, with its defaults, as setup_context sees them."""
    found = inspect.signature(forward).bind(*args, **kwargs)
    found.apply_defaults()
    return found.args, found.kwargs


def placed(names: Sequence[str], args: tuple[Any, ...], kwargs: Any) -> tuple[Any, ...]:
    """The arguments by place, those that were given by keyword included."""
    by_place: list[Any] = [*args, *[_MISSING] * (len(names) - len(args))]
    for name, value in kwargs.items():
        if name not in names:
            raise TypeError(f"forward() got an unexpected keyword argument '{name}'")
        at = names.index(name)
        if by_place[at] is not _MISSING:
            raise TypeError(f"forward() got multiple values for argument '{name}'")
        by_place[at] = value
    while by_place and by_place[-1] is _MISSING:  # forward has its own word on these
        by_place.pop()
    place = next((i for i, x in enumerate(by_place) if x is _MISSING), None)
    if place is not None:
        raise TypeError(f"forward() missing required argument: '{names[place]}' (position {place})")
    return tuple(by_place)


_MISSING = object()


def names_of(forward: Any, skipped: int) -> tuple[str, ...]:
    """The names of a forward's positional parameters after the first `skipped` (its ctx)."""
    code = forward.__code__
    return code.co_varnames[skipped : code.co_argcount]  # type: ignore[no-any-return]
