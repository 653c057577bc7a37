"""Argument orders that torch deprecated and still takes: numbers between the tensors.

Knows how such a call is told from a usual one, what it means, and torch's warning; knows no op.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

from franken.core.overriding.arming import unarmed
from franken.core.tensor import Tensor


class Order(NamedTuple):
    """One such order: the names of the arguments as they come, the numbers' names among them."""

    names: tuple[str, ...]
    numbers: frozenset[str]

    def takes(self, args: tuple[Any, ...]) -> bool:
        """Whether a call's arguments are in this order: numbers and tensors where it has them."""
        return len(args) == len(self.names) and all(
            isinstance(a, Tensor) != (name in self.numbers)
            for name, a in zip(self.names, args, strict=True)
        )


def orders(numbers: str, *each: str) -> tuple[Order, ...]:
    """Orders from their names, the numbers' names first.

    >>> orders("value", "input value tensor1")[0].names
    ('input', 'value', 'tensor1')
    """
    return tuple([Order(tuple(names.split()), frozenset(numbers.split())) for names in each])


def reordered(fn: Any, known: tuple[Order, ...]) -> Callable[..., Any]:
    """`fn` taking deprecated orders of its arguments too."""
    code = unarmed(getattr(fn, "__wrapped__", fn)).__code__
    most, first = code.co_argcount, code.co_varnames[0]

    def call(*args: Any, **kwargs: Any) -> Any:
        if len(args) > most:
            order = next((o for o in known if o.takes(args)), None)
            if order is not None:
                _warn(fn, order)
                named = dict(zip(order.names, args, strict=True))
                return fn(named.pop(first), **named, **kwargs)
        elif args and not isinstance(args[0], Tensor):
            raise TypeError(
                f"{fn.__name__}(): argument '{first}' (position 1) must be Tensor, not "
                f"{type(args[0]).__name__}"
            )
        return fn(*args, **kwargs)

    call.__name__ = call.__qualname__ = fn.__name__
    call.__doc__, call.__module__ = fn.__doc__, fn.__module__
    call.__annotations__ = fn.__annotations__
    call.__wrapped__ = getattr(fn, "__wrapped__", fn)  # type: ignore[attr-defined]
    call.orders = known  # type: ignore[attr-defined]
    return call


_warned = False


def _warn(fn: Any, order: Order) -> None:
    """torch's warning, which it gives once in a process, whatever op is the first."""
    global _warned
    if _warned:
        return
    _warned = True
    name, plain = fn.__name__, unarmed(getattr(fn, "__wrapped__", fn))
    given = [f"{'Number' if n in order.numbers else 'Tensor'} {n}" for n in order.names]
    tensors = [f"Tensor {n}" for n in plain.__code__.co_varnames[: plain.__code__.co_argcount]]
    numbers = [f"Number {n} = 1" for n in plain.__kwdefaults__]
    warnings.warn(
        f"This overload of {name} is deprecated:\n\t{name}({', '.join(given)}, *, Tensor out = "
        "None)\nConsider using one of the following signatures instead:\n\t"
        f"{name}({', '.join(tensors)}, *, {', '.join(numbers)}, Tensor out = None)",
        stacklevel=4,
    )
