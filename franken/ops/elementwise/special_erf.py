"""Error functions and the normal distribution; entropy, logit, x log y."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from franken.backends.numpy import erf as kernels
from franken.backends.numpy import special
from franken.core.calls.numbers import unboxed
from franken.core.calls.out import Into
from franken.core.op import op
from franken.core.pointwise import pointwise_primitive
from franken.core.tensor import Tensor
from franken.ops.declaring.declare import INT_TO_FLOAT, elementwise, refused
from franken.ops.declaring.samples import S, on
from franken.ops.elementwise.special_gamma import floating
from franken.ops.elementwise.ternary import where_
from franken.ops.elementwise.transcendental import exp, log, log1p

_SQRT_PI, _SQRT_2PI = math.sqrt(math.pi), math.sqrt(2.0 * math.pi)


def _unary(name: str, kernel: Any, d: Any, doc: str, **more: Any) -> Any:
    more.setdefault("refuse", "c")
    return elementwise(
        f"{name}(Tensor self) -> Tensor", kernel, d=d, promote=INT_TO_FLOAT, doc=doc, **more
    )


erf = _unary("erf", kernels.erf, lambda g, x: g * exp(-x * x) * (2.0 / _SQRT_PI),
             "The error function.", tag="erf_vml_cpu", alias=("special.erf",),
             expr="erf({0})")  # fmt: skip
erfc = _unary("erfc", kernels.erfc, lambda g, x: g * exp(-x * x) * (-2.0 / _SQRT_PI),
              "1 - erf(x), relatively exact for large x.", tag="erfc_vml_cpu",
              alias=("special.erfc",))  # fmt: skip
erfinv = _unary("erfinv", kernels.erfinv, lambda g, out: g * exp(out * out) * (_SQRT_PI / 2.0),
                "The inverse of erf.", tag="erfinv_vml_cpu", alias=("special.erfinv",),
                samples=on(-0.9, 0.9))  # fmt: skip

_SPECIAL: dict[str, Any] = {"at": "special", "inplace": False}
erfcx = _unary("erfcx", kernels.erfcx, lambda g, x, out: g * (x * out * 2 - 2.0 / _SQRT_PI),
               "exp(x^2) erfc(x).", refuse="hc", **_SPECIAL)  # fmt: skip
ndtr = _unary("ndtr", kernels.ndtr, lambda g, x: g * exp(x * x * -0.5) / _SQRT_2PI,
              "The normal distribution function.", title="MulBackward1", at="special",
              inplace=False, out=Into(cast=True, row_major=True))  # fmt: skip
ndtri = _unary("ndtri", kernels.ndtri, lambda g, out: g * exp(out * out * 0.5) * _SQRT_2PI,
               "The quantile of the normal distribution.", refuse="hc",
               samples=on(0.1, 0.9), **_SPECIAL)  # fmt: skip
log_ndtr = _unary(
    "log_ndtr", kernels.log_ndtr,
    lambda g, x: (g / erfcx(x * -math.sqrt(0.5)) * math.sqrt(2.0 / math.pi)).masked_fill(
        x == -math.inf, math.nan
    ),
    "The logarithm of the normal distribution function.", refuse="hc", **_SPECIAL,
)  # fmt: skip
entr = _unary("entr", special.entr, lambda g, x: g * (-log(x) - 1),
              "-x log(x), the entropy of x.", samples=on(0.1, 3), **_SPECIAL)  # fmt: skip

# --- logit ---------------------------------------------------------------------------------------


def _logit_slope(g: Any, x: Any, eps: float | None) -> Any:
    slope = g / (x * (1 - x)).abs()  # the sign of a zero does not matter
    if eps is None:
        return where_((x < 0) | (x > 1), math.nan, slope)
    return where_((x >= eps) & (x <= 1 - eps), slope, 0)


def _logit_kernel(x: Any, *, eps: float | None) -> Any:
    """In half precision each step is rounded, as in torch."""
    if x.dtype.itemsize > 2:
        return special.logit(x, eps)
    one = x.dtype.type(1)
    if eps is None:
        y = x
    else:
        y = np.minimum(np.maximum(x, x.dtype.type(eps)), x.dtype.type(1 - eps))
    return np.log((y / (one - y)).astype(np.float32)).astype(x.dtype)


logit_ = pointwise_primitive("logit", ("x",), _logit_kernel, d=_logit_slope)
logit_.cpu = _logit_kernel


@op(
    inplace=True,
    out=True,
    alias=("special.logit",),
    samples=lambda t: [
        S(t(3, 4, low=0.1, high=0.9)),
        S(t(3, 4, low=-0.2, high=1.2), 0.15),
        S(t(low=0.1, high=0.9)),
        S(t(2, 0)),
    ],
)
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)), with x clamped to [eps, 1 - eps] if `eps` is given."""
    refused("logit_cpu", input.dtype, "c")
    return logit_(floating(input), eps=unboxed(eps))  # type: ignore[no-any-return]


# --- x log y -------------------------------------------------------------------------------------


def _logarithm(log_of: Any, x: Any, y: Any, pole: int) -> Any:
    """The logarithm of y, and 0 where x is 0 and y has none."""
    y = y if isinstance(y, Tensor) else x.new_zeros(()) + y
    return log_of(y).masked_fill((x == 0) & (y <= pole), 0)


xlogy = elementwise(
    "xlogy(Tensor self, Tensor other) -> Tensor", special.xlogy, numbers="any",
    d=(lambda g, x, y: g * _logarithm(log, x, y, 0),
       lambda g, x, y: g * x / y),
    promote=INT_TO_FLOAT, refuse="c", alias=("special.xlogy",),
    doc="x log(y), 0 where x is 0 and y is not NaN.", samples=on(0.1, 3, 2)
)  # fmt: skip
xlog1py = elementwise(
    "xlog1py(Tensor self, Tensor other) -> Tensor", special.xlog1py, numbers="any",
    samples=on(0.1, 3, 2),
    d=(lambda g, x, y: g * _logarithm(log1p, x, y, -1),
       lambda g, x, y: g * x / (y + 1)),
    promote=INT_TO_FLOAT, refuse="c", **_SPECIAL,
    doc="x log(1 + y), 0 where x is 0 and y is not NaN.",
)  # fmt: skip
