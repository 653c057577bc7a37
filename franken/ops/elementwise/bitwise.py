"""Logical and bitwise ops, shifts, gcd and lcm; their operators."""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.core import dtypes as dt
from franken.core.calls.out import FOUND
from franken.core.op import op
from franken.core.tensor import Tensor
from franken.ops.declaring.declare import elementwise, operator, reflected
from franken.ops.declaring.samples import S

# --- logical: any dtype in, bool out -------------------------------------------------------------

for _name in ("logical_and", "logical_or", "logical_xor"):
    globals()[_name] = elementwise(
        f"{_name}(Tensor self, Tensor other) -> Tensor", getattr(np, _name),
        numbers="none",
        doc=f"{_name.replace('_', ' ').capitalize()} of the truth values of two tensors.",
    )  # fmt: skip
logical_not = elementwise(
    "logical_not(Tensor self) -> Tensor", np.logical_not, doc="Whether each element is zero.",
)  # fmt: skip

# --- bitwise: integers and bools -----------------------------------------------------------------


def _bitwise(
    name: str,
    kernel: Any,
    sign: str,
    doc: str,
    tag: str = "",
    refuse: str = "fc",
    numbers: str = "any",
) -> Any:
    return elementwise(
        f"{name}.Tensor(Tensor self, Tensor other) -> Tensor", kernel, refuse=refuse,
        tag=tag, numbers=numbers, expr=f"{{0}} {sign} {{1}}" if sign else None, doc=doc,
    )  # fmt: skip


bitwise_and = _bitwise("bitwise_and", np.bitwise_and, "&", "Bits set in both operands.")
bitwise_or = _bitwise("bitwise_or", np.bitwise_or, "|", "Bits set in either operand.")
bitwise_xor = _bitwise("bitwise_xor", np.bitwise_xor, "^", "Bits set in exactly one operand.")
bitwise_not = elementwise(
    "bitwise_not(Tensor self) -> Tensor", np.invert, refuse="fc", expr="~{0}",
    doc="All bits flipped; of bools, the logical not.", out=FOUND)  # fmt: skip


def _shift(kernel: Any, left: bool) -> Any:
    """A shift that torch defines for every count: none in range gives 0, or the sign to the right.

    (C, and so NumPy, leaves counts below 0 or from the width on undefined.)
    """

    def shifted(x: Any, y: Any) -> Any:
        width = x.dtype.itemsize * 8
        outside = (y < 0) | (y >= width)
        if not np.any(outside):
            return kernel(x, y)
        far = np.zeros_like(x) if left else np.where(x < 0, -1, 0).astype(x.dtype)
        return np.where(outside, far, kernel(x, np.where(outside, 0, y)))

    return shifted


bitwise_left_shift = _bitwise(
    "bitwise_left_shift", _shift(np.left_shift, True), "<<", "Bits moved to the left.",
    "lshift_cpu", "bfc",
)  # fmt: skip
bitwise_right_shift = _bitwise(
    "bitwise_right_shift", _shift(np.right_shift, False), ">>",
    "Bits moved to the right, the sign kept.", "rshift_cpu", "bfc",
)  # fmt: skip
gcd = _bitwise("gcd", np.gcd, "", "The greatest common divisor.", refuse="bfc", numbers="none")
lcm = _bitwise("lcm", np.lcm, "", "The least common multiple.", refuse="bfc", numbers="none")


@op(
    at="",
    method=True,
    alias=(),
    samples=lambda t: [S(t.const(3, 4)), S(t.const()), S(t.const(2, 0))],
)
def __invert__(input: Tensor) -> Tensor:
    """All bits flipped, for the operator `~`."""
    if input.dtype.kind > dt.INTEGER:
        raise TypeError(
            "~ (operator.invert) is only implemented on integer and Boolean-type tensors"
        )
    return bitwise_not(input)  # type: ignore[no-any-return]


for _name, _fn in (
    ("and", bitwise_and), ("or", bitwise_or), ("xor", bitwise_xor),
    ("lshift", bitwise_left_shift), ("rshift", bitwise_right_shift),
):  # fmt: skip
    setattr(Tensor, f"__{_name}__", operator(_fn, _name))
    setattr(Tensor, f"__r{_name}__", reflected(_fn, f"r{_name}"))
    _fn.augmented.__name__ = f"__i{_name}__"
    setattr(Tensor, f"__i{_name}__", _fn.augmented)
