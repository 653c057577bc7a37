"""Turn "a number or one number per dimension" arguments into tuples."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat
from typing import Any


def _ntuple(n: int, name: str) -> Any:
    def parse(x: Any) -> tuple[Any, ...]:
        return tuple(x) if isinstance(x, Iterable) else tuple(repeat(x, n))

    parse.__name__ = name
    return parse


_single = _ntuple(1, "_single")
_pair = _ntuple(2, "_pair")
_triple = _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def _reverse_repeat_tuple(t: tuple[Any, ...], n: int) -> tuple[Any, ...]:
    """Reverse `t` and repeat each element `n` times: the order in which padding is given."""
    return tuple(x for x in reversed(t) for _ in range(n))


def factory(device: Any, dtype: Any) -> dict[str, Any]:
    """The keyword arguments with which a module makes its parameters."""
    return {"device": device, "dtype": dtype}
