"""Rounding: ceil, floor, trunc, round, frac; degrees and radians.

Integers are returned as they are; derivatives are zero.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from franken.core.calls.out import FOUND
from franken.core.op import op
from franken.core.pointwise import pointwise_primitive
from franken.core.tensor import Tensor
from franken.ops.declaring.declare import INT_TO_FLOAT, elementwise, refused
from franken.ops.declaring.samples import S
from franken.ops.elementwise.arithmetic import zero


def _unless_integer(kernel: Any) -> Any:
    def rounded(x: Any) -> Any:
        return x.copy() if x.dtype.kind in "iu" else kernel(x)

    return rounded


def _no_complex(name: str) -> Any:
    def check(common: Any, x: Any) -> None:
        if common.is_complex:
            raise NotImplementedError(f"{name} is not supported for complex inputs")

    return check


def _rounding(name: str, kernel: Any, doc: str, alias: tuple[str, ...] = ()) -> Any:
    return elementwise(
        f"{name}(Tensor self) -> Tensor", _unless_integer(kernel), d=zero, refuse="b",
        tag=f"{name}_vml_cpu", check=_no_complex(name), alias=alias, expr=f"{name}({{0}})", doc=doc,
        out=FOUND,
    )  # fmt: skip


ceil = _rounding("ceil", np.ceil, "The smallest integer not below each element.")
floor = _rounding("floor", np.floor, "The largest integer not above each element.")
trunc = _rounding("trunc", np.trunc, "Each element without its fraction.", alias=("fix",))
frac = elementwise(
    "frac(Tensor self) -> Tensor", lambda x: x - np.trunc(x), d=lambda g: g, refuse="bic",
    expr="{0} - trunc({0})", doc="The fraction of each element, with its sign.",
    out=FOUND)  # fmt: skip


def _round_kernel(x: Any, *, decimals: int) -> Any:
    if x.dtype.kind in "iu":
        return x.copy()
    if decimals == 0:
        return np.rint(x)
    scale = x.dtype.type(10.0 ** abs(decimals))
    return np.rint(x * scale) / scale if decimals > 0 else np.rint(x / scale) * scale


round_ = pointwise_primitive(
    "round",
    ("x",),
    _round_kernel,
    d=zero,
    title=lambda node: "RoundBackward1" if node.params["decimals"] else "RoundBackward0",
)


@op(
    at="torch",
    inplace=True,
    out=FOUND,
    alias=("special.round",),
    samples=lambda t: [S(t(3, 4)), S(t(3, 4), decimals=1), S(t()), S(t(2, 0))],
)
def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """Each element rounded to `decimals` digits, halves to the even neighbour."""
    refused("round_cpu" if decimals else "round_vml_cpu", input.dtype, "bic" if decimals else "bc")
    return round_(input, decimals=decimals)  # type: ignore[no-any-return]


def _angle_unit(name: str, factor: float, doc: str) -> Any:
    def check(common: Any, x: Any) -> None:
        if common.is_complex:
            raise RuntimeError(f"{name} is not supported for complex tensors.")

    return elementwise(
        f"{name}(Tensor self) -> Tensor", lambda x: x * x.dtype.type(factor),
        d=lambda g: g * factor, promote=INT_TO_FLOAT, check=check, doc=doc,
        expr=f"{{0}} * {factor!r}", layout="as_input",
    )  # fmt: skip


deg2rad = _angle_unit("deg2rad", math.pi / 180.0, "Degrees as radians.")
rad2deg = _angle_unit("rad2deg", 180.0 / math.pi, "Radians as degrees.")
__all__ = ["ceil", "deg2rad", "floor", "frac", "rad2deg", "round", "trunc"]
