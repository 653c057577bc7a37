"""Powers and roots: pow in all forms, float_power, sqrt, rsqrt.

Knows the exponents that have faster kernels, integer powers, and the derivatives at zero.
"""

from __future__ import annotations

import cmath
import math
from typing import Any

import numpy as np

from franken.core import dtypes as dt
from franken.core.calls.out import Into
from franken.core.convert import cast
from franken.core.op import commit_as, op
from franken.core.tensor import Tensor, attach
from franken.ops.declaring.declare import INT_TO_FLOAT, elementwise, operator, promoted, reflected
from franken.ops.declaring.samples import S, on
from franken.ops.elementwise.arithmetic import mul, sub, zero
from franken.ops.elementwise.transcendental import log

sqrt = elementwise(
    "sqrt(Tensor self) -> Tensor", np.sqrt, d=lambda g, out: g / (out * 2),
    promote=INT_TO_FLOAT, expr="sqrt({0})", doc="The square root.", samples=on(0.1, 3)
)  # fmt: skip


def _rsqrt_kernel(x: Any) -> Any:
    root = np.sqrt(x)
    return np.reciprocal(root, out=root if isinstance(root, np.ndarray) else None)


rsqrt = elementwise(
    "rsqrt(Tensor self) -> Tensor", _rsqrt_kernel, d=lambda g, out: g * (out * out * out) * -0.5,
    promote=INT_TO_FLOAT, expr="rsqrt({0})", doc="One over the square root.", samples=on(0.1, 3)
)  # fmt: skip

# Single products and roots are 3 to 20 times faster than np.power (float32, 1e5 elements).
_SHORT: dict[float, Any] = {
    2: np.square, 3: lambda x: x * x * x, 0.5: np.sqrt, 1: np.positive, -1: np.reciprocal,
    -0.5: _rsqrt_kernel, -2: lambda x: np.reciprocal(x * x),
}  # fmt: skip


def _pow_kernel(x: Any, y: Any) -> Any:
    if not isinstance(y, np.ndarray):
        kind = x.dtype.kind
        if kind == "b":
            return x.copy() if y else np.ones_like(x)
        if y in _SHORT and (kind == "f" or y in (1, 2, 3)):
            return _SHORT[y](x)
        return np.power(x, y)
    if not isinstance(x, np.ndarray):
        x = np.asarray(x, y.dtype)
    if y.dtype.kind == "i" and y.size and y.min() < 0:
        return _integer_power(x, y)
    return np.power(x, y)


_pow_kernel.numbers = True  # type: ignore[attr-defined]


def _integer_power(x: Any, y: Any) -> Any:
    """Negative powers of integers are 0, save for those of 1 and -1."""
    negative = y < 0
    inverse = np.where(x == 1, 1, np.where(x == -1, np.where(y % 2 == 0, 1, -1), 0))
    return np.where(negative, inverse.astype(x.dtype), np.power(x, np.where(negative, 0, y)))


def _pow_dx(g: Any, x: Any, y: Any) -> Any:
    if not isinstance(y, Tensor):
        return zero(g) if y == 0 else g * (x ** (y - 1) * y)
    return g.new_zeros(()).where(y == 0, g * mul(x ** sub(y, 1), y))


def _pow_dy(g: Any, x: Any, y: Any, out: Any) -> Any:
    positive = (y.real if y.dtype.is_complex else y) >= 0
    if isinstance(x, Tensor):
        return g * (out * log(x)).masked_fill((x == 0) & positive, 0)
    if x == 0:
        return g * (out * -math.inf).masked_fill(positive, 0)
    if isinstance(x, complex) or y.dtype.is_complex:
        return g * (out * cmath.log(x))
    return g * (out * (math.log(x) if x > 0 else math.nan))


def _check_pow(common: Any, x: Any, y: Any) -> None:
    if common is dt.bool and not isinstance(y, bool):
        raise NotImplementedError("\"pow\" not implemented for 'Bool'")
    if common.kind == dt.INTEGER and not isinstance(y, Tensor):
        if y < 0:
            raise RuntimeError("Integers to negative integer powers are not allowed.")
        if y > np.iinfo(common.np).max:
            raise RuntimeError(
                f"value cannot be converted to type {common.name}_t without overflow"
            )


def _title(node: Any) -> str:
    """torch has one backward function for a number as exponent, one for tensors, one for a number
    as base."""
    entries = [i for _, i in node.plan.entries]
    numbers = [i for i in (0, 1) if i in entries and node.saved is not None
               and isinstance(node.saved[3 * entries.index(i)], (int, float, complex))]  # fmt: skip
    return f"PowBackward{ {(): 1, (1,): 0, (0,): 2}[tuple(numbers)] }"


pow = elementwise(
    "pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor", _pow_kernel,
    d=(_pow_dx, _pow_dy), numbers="any",
    check=_check_pow, doc="Each element to the power of `exponent`.", samples=on(0.2, 2, 2),
    title=_title, layout="tensors",
)  # fmt: skip

attach(__pow__=operator(pow, "pow"), __rpow__=reflected(pow, "rpow"), __ipow__=pow.augmented)


def _double_kind(x: Any, y: Any) -> dt.dtype:
    for a in (x, y):
        if isinstance(a, complex) or isinstance(a, Tensor) and a.dtype.is_complex:
            return dt.complex128
    return dt.float64


_FLOAT_POWER_OUT = Into(
    "the output given to float_power has dtype {got} but the operation's result requires "
    "dtype {want}",
)


@op(
    out=_FLOAT_POWER_OUT,
    samples=lambda t: [
        S(t(3, 4, low=0.2), t(4)),
        S(t(3, low=0.2), 2.5),
        S(2.5, t(3)),
        S(t(2, 0), 2),
    ],
)
def float_power(input: Any, exponent: Any) -> Tensor:
    """Powers computed in float64 (complex128 if an operand is complex)."""
    promoted("float_power", "default", (input, exponent))
    to = _double_kind(input, exponent)
    kind = complex if to.is_complex else float
    x, y = (cast(a, to) if isinstance(a, Tensor) else kind(a) for a in (input, exponent))
    return pow(x, y)  # type: ignore[no-any-return]


def _float_power_(self: Any, exponent: Any) -> Any:
    """In-place form of `float_power`, for float64 and complex128 tensors."""
    want = _double_kind(self, exponent)
    if self.dtype is not want:
        raise RuntimeError(
            f"the base given to float_power_ has dtype {self.dtype.scalar_name} but the "
            f"operation's result requires dtype {want.scalar_name}"
        )
    return commit_as(self, float_power(self, exponent))


attach(float_power_=_float_power_)
