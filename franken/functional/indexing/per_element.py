"""In-place changes by a Python function of each element, and of the diagonal.

They read numbers, so they take no traced tensors and record no history (`fill_diagonal_` does:
it is a fill of views).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from franken.core import dtypes as dt
from franken.core import inplace
from franken.core.device import CPU
from franken.core.op import NoSamples, op
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import S
from franken.ops.surface.creation import finish

_NUMBER = {dt.BOOL: bool, dt.INTEGER: int, dt.FLOATING: float, dt.COMPLEX: complex}
_PYTHON = NoSamples("takes a Python function of numbers, which no transform can trace")


def _check(name: str, *tensors: Tensor) -> None:
    for t in tensors:
        if t.level:
            raise RuntimeError(f"{name}() reads single numbers, which a traced tensor has none of")
        if t.requires_grad:  # type: ignore[attr-defined]
            raise RuntimeError(
                f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() "
                "instead."
            )
        if t.device is not CPU:
            raise TypeError(f"{name} is only implemented on CPU tensors")


def _changed(name: str, x: Tensor, fn: Callable[..., Any], *others: Tensor) -> Tensor:
    _check(name, x, *others)
    kind = x.type()  # type: ignore[attr-defined]
    for t in others:
        if t.dtype is not x.dtype:
            raise TypeError(
                f"{name}: expected {kind} for 'other' (got {t.type()})"  # type: ignore[attr-defined]
            )
    number = _NUMBER[x.dtype.kind]
    columns = [
        t.expand(x.shape).flatten().tolist()  # type: ignore[attr-defined]
        for t in (x, *others)
    ]
    inplace.check(x, name)
    values = []
    for row in zip(*columns, strict=True):
        value = fn(*row)
        if value is None or isinstance(value, (str, bytes)):
            raise TypeError(f"must be real number, not {type(value).__name__}")
        values.append(number(value))
    inplace.store(x, finish(np.array(values).reshape(x._a.shape)))
    inplace.bump(x)
    return x


@op(at="", method=True, name="apply_", samples=_PYTHON)
def _apply_(input: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Replace each element by a Python function of it; slow, and only on the CPU."""
    return _changed("apply_", input, callable)


@op(at="", method=True, name="map_", samples=_PYTHON)
def _map_(input: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Replace each element by a Python function of it and another tensor's, which broadcasts."""
    return _changed("map_", input, callable, tensor)


@op(at="", method=True, name="map2_", samples=_PYTHON)
def _map2_(input: Tensor, x: Tensor, y: Tensor, callable: Callable[[Any, Any, Any], Any]) -> Tensor:
    """Replace each element by a Python function of it and those of two other tensors."""
    return _changed("map2_", input, callable, x, y)


@op(
    at="",
    method=True,
    name="fill_diagonal_",
    samples=lambda t: [
        S(t.const(3, 3), 2.5),
        S(t.const(7, 3), 1, wrap=True),
        S(t.const(2, 2, 2), 0.5),
    ],
)
def _fill_diagonal_(input: Any, fill_value: Any, wrap: bool = False) -> Tensor:
    """Set the main diagonal in place; `wrap` starts it again below in a tall matrix."""
    if input.ndim < 2:
        raise RuntimeError("dimensions must larger than 1")
    if input.ndim > 2 and len(set(input.shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    if input.ndim == 2 and wrap:
        height, width = input.shape
        for top in range(0, height, width + 1):
            input[top:].diagonal().fill_(fill_value)
        return input  # type: ignore[no-any-return]
    line = input
    while line.ndim > 1:
        line = line.diagonal()
    line.fill_(fill_value)
    return input  # type: ignore[no-any-return]
