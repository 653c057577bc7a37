"""Arithmetic: add, subtract, multiply, divide, remainders and their operators.

Integer division by zero raises, as in torch; NumPy's kernels would give 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.core import dtypes as dt
from franken.core import linear
from franken.core.calls.out import FOUND
from franken.core.op import op
from franken.core.overriding.foreign import answer_of
from franken.core.tensor import Tensor, attach
from franken.ops.declaring.declare import (
    BOOL_TO_LONG,
    INT_TO_FLOAT,
    OPERANDS,
    elementwise,
    old_order,
    operator,
    reflected,
    without_forward,
)
from franken.ops.declaring.samples import S, on, unary


def zero(g: Any) -> Any:
    """The derivative of a piecewise constant function."""
    return g.new_zeros(tuple(g.shape))


def is_bool(a: Any) -> bool:
    """Whether an operand is a bool or a bool tensor."""
    return a.dtype is dt.bool if isinstance(a, Tensor) else isinstance(a, bool)


def _refuse_order(common: Any, x: Any, y: Any) -> None:
    """A strided tensor may not be added to one in coordinates, nor a number on either side."""
    first, second = (x, y) if isinstance(x, Tensor) else (y, x)
    if first.foreign and first.is_sparse and not (isinstance(second, Tensor) and second.foreign):
        raise RuntimeError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")


def _refuse_bool(common: Any, x: Any, y: Any) -> None:
    _refuse_order(common, x, y)
    if common is dt.bool:
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
            "`logical_xor()` operator instead."
        )
    if is_bool(x) or is_bool(y):
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying "
            "to invert a mask, use the `~` or `logical_not()` operator instead."
        )


def _refuse_bool_neg(common: Any, x: Any) -> None:
    if common is dt.bool:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
            "invert a mask, use the `~` or `logical_not()` operator instead."
        )


add = elementwise(
    "add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", np.add,
    prim=linear.add, scale="alpha", numbers="both", check=_refuse_order,
    doc="Sum of two tensors, the second one scaled by `alpha`.",
)  # fmt: skip
sub = elementwise(
    "sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", np.subtract,
    d=(lambda g: g, lambda g: -g), scale="alpha", alias=("subtract",), expr="{0} - {1}",
    check=_refuse_bool, numbers="both",
    doc="Difference of two tensors, the second one scaled by `alpha`.",
)  # fmt: skip
mul = elementwise(
    "mul.Tensor(Tensor self, Tensor other) -> Tensor", np.multiply, numbers="both",
    d=(lambda g, y: g * y, lambda g, x: g * x), alias=("multiply",), expr="{0} * {1}",
    doc="Product of two tensors.",
)  # fmt: skip
true_divide = elementwise(
    "true_divide.Tensor(Tensor self, Tensor other) -> Tensor", np.true_divide, numbers="both",
    d=(lambda g, y: g / y, lambda g, x, y: -g * (x / y / y)), promote=INT_TO_FLOAT,
    expr="{0} / {1}", doc="Quotient of two tensors; of integers, a float.", samples=on(0.3, 3, 2),
    title="DivBackward0",
)  # fmt: skip
neg = elementwise(
    "neg(Tensor self) -> Tensor", np.negative, d=lambda g: -g, alias=("negative",),
    check=_refuse_bool_neg, expr="-{0}", doc="The tensor with its sign changed.",
    out=FOUND)  # fmt: skip
square = elementwise(
    "square(Tensor self) -> Tensor", np.square, d=lambda g, x: g * (x * 2),
    promote=BOOL_TO_LONG, expr="{0} * {0}", doc="The square of each element.", title="PowBackward0"
)  # fmt: skip
reciprocal = elementwise(
    "reciprocal(Tensor self) -> Tensor", np.reciprocal, d=lambda g, out: -g * (out * out),
    promote=INT_TO_FLOAT, expr="1 / {0}", doc="One over each element.",
)  # fmt: skip


# --- division with rounding, remainders ----------------------------------------------------------


def _is_integer(x: Any) -> bool:
    return x.dtype.kind in "iub"  # type: ignore[no-any-return]


def _refuse_zero(x: Any, y: Any) -> None:
    # A divisor that broadcasts against nothing divides nothing.
    if not np.all(y) and x.size:
        raise RuntimeError("ZeroDivisionError")


def _floor_kernel(x: Any, y: Any) -> Any:
    if _is_integer(x):
        _refuse_zero(x, y)
    return np.floor_divide(x, y)


def _trunc_kernel(x: Any, y: Any) -> Any:
    if not _is_integer(x):
        return np.trunc(np.true_divide(x, y))
    _refuse_zero(x, y)
    floor = np.floor_divide(x, y)
    inexact_and_negative = (floor * y != x) & ((x < 0) != (y < 0))
    return floor + inexact_and_negative.astype(floor.dtype)


def _remainder_kernel(x: Any, y: Any) -> Any:
    if _is_integer(x):
        _refuse_zero(x, y)
    return np.remainder(x, y)


def _fmod_kernel(x: Any, y: Any) -> Any:
    if _is_integer(x):
        _refuse_zero(x, y)
    return np.fmod(x, y)


def _no_derivative(name: str) -> Any:
    def rule(g: Any) -> Any:
        raise RuntimeError(f"derivative for aten::{name} is not implemented")

    return rule


div_floor = elementwise(
    "div_floor(Tensor self, Tensor other) -> Tensor", _floor_kernel, d=(zero, zero),
    refuse="bc", numbers="both", at="", inplace=False, expr="floor({0} / {1})", title="DivBackward2"
)  # fmt: skip
div_trunc = elementwise(
    "div_trunc(Tensor self, Tensor other) -> Tensor", _trunc_kernel, d=(zero, zero),
    refuse="bc", numbers="both", at="", inplace=False, expr="trunc({0} / {1})", title="DivBackward2"
)  # fmt: skip
floor_divide = elementwise(
    "floor_divide(Tensor self, Tensor other) -> Tensor", _floor_kernel, numbers="both",
    d=(_no_derivative("floor_divide"),) * 2, jvp=without_forward("aten::floor_divide"),
    refuse="bc", tag="div_floor_cpu",
    expr="floor({0} / {1})", doc="Quotient rounded down.", title="torch::autograd::NotImplemented"
)  # fmt: skip


def _wanted(node: Any, i: int) -> int:
    """Whether the node has a derivative for input `i`, as 0 or 1: torch counts its forms so."""
    return int(node.parents[i] is not None)


remainder = elementwise(
    "remainder.Tensor(Tensor self, Tensor other) -> Tensor", _remainder_kernel, numbers="any",
    d=(lambda g: g, lambda g, x, y: -g * div_floor(x, y)), refuse="bc",
    doc="Remainder of division with the divisor's sign.",
    title=lambda node: f"RemainderBackward{_wanted(node, 1)}",
)  # fmt: skip
fmod = elementwise(
    "fmod.Tensor(Tensor self, Tensor other) -> Tensor", _fmod_kernel,
    d=(lambda g: g, lambda g, x, y: -g * div_trunc(x, y)), refuse="bc",
    doc="Remainder of division with the dividend's sign.",
    title=lambda node: f"FmodBackward{_wanted(node, 1)}",
)  # fmt: skip
_ROUNDED = {"floor": div_floor, "trunc": div_trunc}


@op(
    inplace=True,
    out=True,
    alias=("divide",),
    samples=lambda t: [
        S(t(3, 4), t(4, low=0.5)),
        S(t(3, 4), t(3, 1, low=0.5), rounding_mode="floor"),
        S(t(5), 0.7, rounding_mode="trunc"),
        S(t(), 3),
        S(t(2, 0), t(2, 1)),
    ],
)
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """Quotient of two tensors, rounded down ("floor") or towards zero ("trunc") if asked."""
    if rounding_mode is None:
        return true_divide(input, other)  # type: ignore[no-any-return]
    if rounding_mode not in _ROUNDED:
        raise RuntimeError(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            f"'{rounding_mode}'"
        )
    return _ROUNDED[rounding_mode](input, other)  # type: ignore[no-any-return]


@op(
    samples=lambda t: [S(t(3, 4), t(4)), S(t(3), 2), S(t(2, 3), t(2, 3), alpha=3), S(t(2, 0), 1)],
    title=("other", "RsubBackward0", "RsubBackward1"),
)
def rsub(input: Tensor, other: Any, *old: Any, alpha: Any = 1) -> Tensor:
    """`other` minus `alpha` times the tensor."""
    if old:
        other, alpha = old_order("rsub", other, *old)
    return sub(other, input, alpha=alpha)  # type: ignore[no-any-return]


@op(samples=unary)
def positive(input: Tensor) -> Tensor:
    """The tensor itself."""
    if input.dtype is dt.bool:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


def _divide_into(self: Tensor, other: Any) -> Any:
    """other / self, which torch computes as a product with the reciprocal: two roundings."""
    if isinstance(other, OPERANDS):
        return reciprocal(self) * other
    if not isinstance(other, (np.ndarray, np.generic)):
        return answer_of("__rdiv__", self, other)
    try:
        return reciprocal(self) * other  # by NumPy: the one operator that has an array on its left
    except TypeError:
        return NotImplemented


# --- operators -----------------------------------------------------------------------------------

for _name, _fn in (
    ("add", add), ("sub", sub), ("mul", mul), ("truediv", true_divide), ("div", true_divide),
    ("floordiv", floor_divide), ("mod", remainder),
):  # fmt: skip
    setattr(Tensor, f"__{_name}__", operator(_fn, _name))
    setattr(Tensor, f"__r{_name}__", reflected(_fn, f"r{_name}"))
    setattr(Tensor, f"__i{_name}__", _fn.augmented)
attach(
    __rsub__=reflected(sub, "rsub", "RsubBackward1"),
    __rdiv__=_divide_into,
    __rtruediv__=_divide_into,
    __neg__=neg,
    __pos__=positive,
)
# NumPy leaves mixed operators to us
attach(__array_priority__=1000)
