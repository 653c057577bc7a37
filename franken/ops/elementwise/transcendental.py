"""Exponentials, logarithms, trigonometric and hyperbolic functions.

Integers are computed in the default floating type. Where NumPy lacks a complex kernel there is one
here; every function but atan2 and hypot is holomorphic, so one derivative serves both.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from franken.backends.numpy import special
from franken.ops.declaring.declare import INT_TO_FLOAT, elementwise, underived
from franken.ops.declaring.samples import on

LN2, LN10 = math.log(2.0), math.log(10.0)


def _unary(name: str, kernel: Any, d: Any, doc: str, **more: Any) -> Any:
    more.setdefault("expr", f"{name}({{0}})")
    return elementwise(
        f"{name}(Tensor self) -> Tensor", kernel, d=d, promote=INT_TO_FLOAT, doc=doc, **more
    )


# --- exponentials and logarithms -----------------------------------------------------------------


def _exp2_kernel(x: Any) -> Any:
    return np.exp(x * LN2) if x.dtype.kind == "c" else np.exp2(x)


exp = _unary("exp", np.exp, lambda g, out: g * out, "e to the power of each element.")
exp2 = _unary("exp2", _exp2_kernel, lambda g, out: g * out * LN2,
              "2 to the power of each element.", alias=("special.exp2",))  # fmt: skip
expm1 = _unary("expm1", np.expm1, lambda g, out: g * (out + 1), "exp(x) - 1, exact near 0.",
               alias=("special.expm1",))  # fmt: skip
log = _unary("log", np.log, lambda g, x: g / x, "The natural logarithm.", samples=on(0.1, 3))
log2 = _unary(
    "log2", np.log2, lambda g, x: g / (x * LN2), "The logarithm to base 2.", samples=on(0.1, 3)
)
log10 = _unary(
    "log10", np.log10, lambda g, x: g / (x * LN10), "The logarithm to base 10.", samples=on(0.1, 3)
)
log1p = _unary("log1p", np.log1p, lambda g, x: g / (x + 1), "log(1 + x), exact near 0.",
               alias=("special.log1p",), samples=on(-0.8, 3))  # fmt: skip

# --- trigonometric functions ---------------------------------------------------------------------

sin = _unary("sin", np.sin, lambda g, x: g * cos(x), "The sine.")
cos: Any = _unary("cos", np.cos, lambda g, x: -g * sin(x), "The cosine.")
tan = _unary("tan", np.tan, lambda g, out: g * (out * out + 1), "The tangent.")
asin = _unary("asin", np.arcsin, lambda g, x: g * (1 - x * x).rsqrt(), "The inverse sine.",
              alias=("arcsin",), samples=on(-0.9, 0.9))  # fmt: skip
acos = _unary("acos", np.arccos, lambda g, x: -g * (1 - x * x).rsqrt(), "The inverse cosine.",
              alias=("arccos",), samples=on(-0.9, 0.9))  # fmt: skip
atan = _unary("atan", np.arctan, lambda g, x: g / (x * x + 1), "The inverse tangent.",
              alias=("arctan",))  # fmt: skip

# --- hyperbolic functions ------------------------------------------------------------------------


def _tanh_grad_kernel(g: Any, out: Any) -> Any:
    t = np.multiply(out, out)
    t = np.subtract(1, t, out=t if isinstance(t, np.ndarray) else None)  # 0-dim: a scalar
    return np.multiply(g, t)


tanh_grad = elementwise(
    "tanh_grad(Tensor g, Tensor out) -> Tensor", _tanh_grad_kernel,
    d=(lambda g, y: g * (1 - y * y), lambda g, x, y: g * x * y * -2),
    at="", inplace=False,
)  # fmt: skip
tanh = _unary("tanh", np.tanh, lambda g, out: tanh_grad(g, out), "The hyperbolic tangent.")
sinh = _unary("sinh", np.sinh, lambda g, x: g * cosh(x), "The hyperbolic sine.")
cosh: Any = _unary("cosh", np.cosh, lambda g, x: g * sinh(x), "The hyperbolic cosine.")
asinh = _unary("asinh", np.arcsinh, lambda g, x: g * (x * x + 1).rsqrt(),
               "The inverse hyperbolic sine.", alias=("arcsinh",),
               inplace=underived("inplace version of asinh"))  # fmt: skip
acosh = _unary("acosh", np.arccosh, lambda g, x: g * (x * x - 1).rsqrt(),
               "The inverse hyperbolic cosine.", alias=("arccosh",),
               inplace=underived("inplace version of acosh"),
               samples=on(1.1, 4))  # fmt: skip
atanh = _unary("atanh", np.arctanh, lambda g, x: g / (1 - x * x),
               "The inverse hyperbolic tangent.", alias=("arctanh",),
               inplace=underived("inplace version of atanh"),
               samples=on(-0.9, 0.9))  # fmt: skip


# --- the logistic function -----------------------------------------------------------------------


def _sigmoid_kernel(x: Any) -> Any:
    # exp(-x) overflows to inf for x << 0, and 1/(1 + inf) = 0 is the answer there.
    out = np.negative(x)
    if not isinstance(out, np.ndarray):
        return np.reciprocal(np.exp(out) + out.dtype.type(1))
    np.exp(out, out=out)
    out += 1
    return np.reciprocal(out, out=out)


def _sigmoid_grad_kernel(g: Any, out: Any) -> Any:
    t = np.subtract(1, out)
    t = t * out
    return np.multiply(g, t)


sigmoid_grad = elementwise(
    "sigmoid_grad(Tensor g, Tensor out) -> Tensor", _sigmoid_grad_kernel,
    d=(lambda g, y: g * (y - y * y), lambda g, x, y: g * x * (1 - y * 2)),
    at="", inplace=False,
)  # fmt: skip
sigmoid = _unary("sigmoid", _sigmoid_kernel, lambda g, out: sigmoid_grad(g, out),
                 "1 / (1 + exp(-x)).", alias=("special.expit",))  # fmt: skip


# --- sums of exponentials, sinc ------------------------------------------------------------------


def _logaddexp_kernel(x: Any, y: Any) -> Any:
    return special.logaddexp(x, y) if x.dtype.kind == "c" else np.logaddexp(x, y)


logaddexp = elementwise(
    "logaddexp(Tensor self, Tensor other) -> Tensor", _logaddexp_kernel,
    d=(lambda g, x, y: g / (1 + exp(y - x)), lambda g, x, y: g / (1 + exp(x - y))),
    refuse="bi", inplace=False, numbers="none", doc="log(exp(x) + exp(y)) without overflow.",
)  # fmt: skip
logaddexp2 = elementwise(
    "logaddexp2(Tensor self, Tensor other) -> Tensor", np.logaddexp2,
    d=(lambda g, x, y: g / (1 + exp2(y - x)), lambda g, x, y: g / (1 + exp2(x - y))),
    refuse="bic", inplace=False, numbers="none", doc="log2(2^x + 2^y) without overflow.",
)  # fmt: skip


def _sinc_slope(g: Any, x: Any) -> Any:
    a = x * math.pi
    slope = (a * cos(a) - sin(a)) / (a * x)
    return (g * slope).masked_fill(x == 0, 0)


sinc = _unary("sinc", special.sinc, _sinc_slope, "sin(pi x)/(pi x), 1 at 0.",
              alias=("special.sinc",), expr=None)  # fmt: skip

# --- angles and distances ------------------------------------------------------------------------


def _atan2_scale(x: Any, y: Any) -> Any:
    square = x * x + y * y
    return (1 / square).masked_fill(square == 0, 0)


atan2 = elementwise(
    "atan2(Tensor self, Tensor other) -> Tensor", np.arctan2,
    d=(lambda g, x, y: g * y * _atan2_scale(x, y),
       lambda g, x, y: g * -x * _atan2_scale(x, y)),
    promote=INT_TO_FLOAT, refuse="c", alias=("arctan2",),
    numbers="none", doc="The angle of the point (other, input), in (-pi, pi].",
)  # fmt: skip
hypot = elementwise(
    "hypot(Tensor self, Tensor other) -> Tensor", np.hypot,
    d=(lambda g, x, out: g * (x / out), lambda g, y, out: g * (y / out)),
    refuse="bic", numbers="none", doc="The length of the hypotenuse.",
)  # fmt: skip
