"""Arithmetic: add, subtract, multiply, divide and their relatives."""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.core.tensor import Tensor
from franken.ops.declare import INT_TO_FLOAT, elementwise

add = elementwise(
    "add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", np.add,
    d=(lambda g: g, lambda g: g), scale="alpha", expr="{0} + {1}",
)  # fmt: skip
sub = elementwise(
    "sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", np.subtract,
    d=(lambda g: g, lambda g: -g), scale="alpha", alias=("subtract",), expr="{0} - {1}",
    refuse="b",
)  # fmt: skip
mul = elementwise(
    "mul.Tensor(Tensor self, Tensor other) -> Tensor", np.multiply,
    d=(lambda g, y: g * y, lambda g, x: g * x), alias=("multiply",), expr="{0} * {1}",
)  # fmt: skip
true_divide = elementwise(
    "true_divide.Tensor(Tensor self, Tensor other) -> Tensor", np.true_divide,
    d=(lambda g, y: g / y, lambda g, y, out: -g * (out / y)), promote=INT_TO_FLOAT,
    expr="{0} / {1}",
)  # fmt: skip
neg = elementwise(
    "neg(Tensor self) -> Tensor", np.negative, d=lambda g: -g, alias=("negative",), refuse="b",
    expr="-{0}",
)  # fmt: skip


def _reversed(fn: Any) -> Any:
    def method(self: Tensor, other: Any) -> Tensor:
        return fn(other, self)  # type: ignore[no-any-return]

    return method


for _name, _fn in (("add", add), ("sub", sub), ("mul", mul), ("truediv", true_divide)):
    setattr(Tensor, f"__{_name}__", getattr(_fn, "lane", _fn))
Tensor.__neg__ = neg  # type: ignore[attr-defined]
Tensor.__radd__ = Tensor.__add__  # type: ignore[attr-defined]
Tensor.__rmul__ = Tensor.__mul__  # type: ignore[attr-defined]
Tensor.__rsub__ = _reversed(sub)  # type: ignore[attr-defined]
Tensor.__rtruediv__ = _reversed(true_divide)  # type: ignore[attr-defined]
