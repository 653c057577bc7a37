"""Scalar functions that expressions may call: a Triton form and a NumPy form of each.

Triton has exp, log, sqrt, sin, cos, erf and little more; the rest is written in those, so that it
runs in the interpreter too, and no vendor library decides its bits. Accuracy: `pointwise` samples.
"""

from __future__ import annotations

import math

import numpy as np
import triton
import triton.language as tl

CEPHES = "Moshier, Cephes mathematical library: polynomial coefficients"


@triton.jit
def expm1(x):
    """e**x - 1: below 1/2 in magnitude by Kahan's quotient, which cancels the error of exp."""
    u = tl.exp(x)
    low = (u - 1.0) * x / tl.where(u == 1.0, 1.0, tl.log(u))
    low = tl.where(u == 1.0, x, low)
    return tl.where(tl.abs(x) < 0.5, low, u - 1.0)


@triton.jit
def log1p(x):
    """log(1 + x), with the rounding of 1 + x undone (Kahan)."""
    u = 1.0 + x
    off = u == 1.0
    return tl.where(
        off, x, tl.where(u == float("inf"), x, tl.log(u) * x / tl.where(off, 1.0, u - 1.0))
    )


@triton.jit
def tanh(x):
    """Hyperbolic tangent by expm1 of the negative side, which cannot overflow."""
    t = expm1(-2.0 * tl.abs(x))
    y = -t / (t + 2.0)
    return tl.where(x < 0, -y, y)


@triton.jit
def sinh(x):
    """Hyperbolic sine; exp of half the argument twice, so that it overflows where sinh does."""
    a = tl.abs(x)
    t = expm1(a)
    h = tl.exp(a * 0.5)
    y = tl.where(a > 80.0, 0.5 * h * h, 0.5 * (t + t / (t + 1.0)))
    return tl.where(x < 0, -y, y)


@triton.jit
def cosh(x):
    """Hyperbolic cosine."""
    h = tl.exp(tl.abs(x) * 0.5)
    return 0.5 * h * h + 0.5 / h / h


@triton.jit
def asinh(x):
    """Inverse hyperbolic sine by log1p."""
    a = tl.abs(x)
    big = tl.log(a) + 0.6931471805599453
    small = log1p(a + a * a / (1.0 + tl.sqrt(a * a + 1.0)))
    y = tl.where(a > 1.0e9, big, small)
    return tl.where(x < 0, -y, y)


@triton.jit
def acosh(x):
    """Inverse hyperbolic cosine by log1p."""
    t = x - 1.0
    big = tl.log(x) + 0.6931471805599453
    return tl.where(x > 1.0e9, big, log1p(t + tl.sqrt(2.0 * t + t * t)))


@triton.jit
def atanh(x):
    """Inverse hyperbolic tangent by log1p."""
    a = tl.abs(x)
    y = 0.5 * log1p(2.0 * a / (1.0 - a))
    return tl.where(x < 0, -y, y)


@triton.jit
def sigmoid(x):
    """1 / (1 + e**-x), by e**-|x| on both sides."""
    t = tl.exp(-tl.abs(x))
    return tl.where(x < 0, t, 1.0) / (1.0 + t)


@triton.jit
def trunc(x):
    """Towards zero."""
    return tl.where(x < 0, tl.ceil(x), tl.floor(x))


@triton.jit
def round_even(x):
    """To the nearest integer, halves to the even one."""
    low = tl.floor(x)
    rest = x - low
    odd = low - 2.0 * tl.floor(low * 0.5)
    up = (rest > 0.5) | ((rest == 0.5) & (odd == 1.0))
    y = tl.where(up, low + 1.0, low)
    return tl.where(tl.abs(x) < 4503599627370496.0, y, x)


@triton.jit
def sign(x):
    """-1, 0 or 1; nan stays nan."""
    one = tl.where(x > 0, 1.0, tl.where(x < 0, -1.0, 0.0))
    return tl.where(x == x, one, x)


@triton.jit
def maximum(x, y):
    """The larger; nan if either is."""
    return tl.where((x != x) | (x >= y), x, y)


@triton.jit
def minimum(x, y):
    """The smaller; nan if either is."""
    return tl.where((x != x) | (x <= y), x, y)


@triton.jit
def mod(x, y):
    """Python's remainder: the divisor's sign."""
    r = tl.fma(-tl.floor(x / y), y, x)  # the product rounded first would cost the last digits
    return tl.where((r != 0) & ((r < 0) != (y < 0)), r + y, r)


@triton.jit
def floordiv(x, y):
    """Quotient rounded down."""
    return tl.floor(x / y)


@triton.jit
def power(x, y):
    """x**y by exp and log, with the signs, zeros and ones of IEEE 754's pow."""
    whole = tl.floor(y) == y
    odd = whole & (tl.floor(y * 0.5) * 2.0 != y)
    y_abs = tl.exp(y * tl.log(tl.abs(x)))
    out = tl.where(odd & (x < 0), -y_abs, y_abs)
    out = tl.where((x < 0) & (whole == 0), float("nan"), out)
    return tl.where((y == 0) | (x == 1.0), 1.0, out)


@triton.jit
def atan(x):
    """Inverse tangent: the argument brought below tan(pi/8), then an odd polynomial (Cephes)."""
    a = tl.abs(x)
    high = a > 2.414213562373095
    middle = (a > 0.4142135623730950) & (high == 0)
    t = tl.where(high, -1.0 / a, tl.where(middle, (a - 1.0) / (a + 1.0), a))
    base = tl.where(high, 1.5707963267948966, tl.where(middle, 0.7853981633974483, 0.0))
    z = t * t
    p = ((8.05374449538e-2 * z - 1.38776856032e-1) * z + 1.99777106478e-1) * z - 3.33329491539e-1
    y = base + (p * z * t + t)
    return tl.where(x < 0, -y, y)


@triton.jit
def asin(x):
    """Inverse sine by the tangent of the same angle."""
    return atan(x / tl.sqrt((1.0 - x) * (1.0 + x)))


@triton.jit
def acos(x):
    """Inverse cosine by the tangent of half the angle, exact near 1."""
    return 2.0 * atan(tl.sqrt((1.0 - x) / (1.0 + x)))


@triton.jit
def log10(x):
    """Decimal logarithm."""
    return tl.log(x) * 0.4342944819032518


@triton.jit
def erfc(x):
    """1 - erf(x); above 1 by Chebyshev-fitted exp(-x**2 + p(t)), relative error 1.2e-7.

    Press et al., Numerical Recipes, section 6.2.2.
    """
    a = tl.abs(x)
    t = 1.0 / (1.0 + 0.5 * a)
    p = -0.82215223 + t * 0.17087277
    p = 1.48851587 + t * p
    p = -1.13520398 + t * p
    p = 0.27886807 + t * p
    p = -0.18628806 + t * p
    p = 0.09678418 + t * p
    p = 0.37409196 + t * p
    p = 1.00002368 + t * p
    tail = t * tl.exp(-a * a - 1.26551223 + t * p)
    tail = tl.where(x < 0, 2.0 - tail, tail)
    return tl.where(a < 1.0, 1.0 - tl.erf(x), tail)


@triton.jit
def tan(x):
    """Tangent as a quotient."""
    return tl.sin(x) / tl.cos(x)


# Expression name -> (Triton code, NumPy code).
FUNCTIONS: dict[str, tuple[str, str]] = {
    "abs": ("tl.abs", "np.abs"), "sqrt": ("tl.sqrt", "np.sqrt"), "exp": ("tl.exp", "np.exp"),
    "rsqrt": ("tl.rsqrt", "(lambda x: 1 / np.sqrt(x))"), "exp2": ("tl.exp2", "np.exp2"),
    "log": ("tl.log", "np.log"), "log2": ("tl.log2", "np.log2"), "sin": ("tl.sin", "np.sin"),
    "cos": ("tl.cos", "np.cos"), "floor": ("tl.floor", "np.floor"), "ceil": ("tl.ceil", "np.ceil"),
    "erf": ("tl.erf", "erf64"), "expm1": ("scalar.expm1", "np.expm1"),
    "log1p": ("scalar.log1p", "np.log1p"), "tanh": ("scalar.tanh", "np.tanh"),
    "sinh": ("scalar.sinh", "np.sinh"), "cosh": ("scalar.cosh", "np.cosh"),
    "asinh": ("scalar.asinh", "np.arcsinh"), "acosh": ("scalar.acosh", "np.arccosh"),
    "atanh": ("scalar.atanh", "np.arctanh"), "sigmoid": ("scalar.sigmoid", "sigmoid64"),
    "trunc": ("scalar.trunc", "np.trunc"), "round": ("scalar.round_even", "np.rint"),
    "sign": ("scalar.sign", "np.sign"), "max": ("scalar.maximum", "np.maximum"),
    "maximum": ("scalar.maximum", "np.maximum"), "min": ("scalar.minimum", "np.minimum"),
    "minimum": ("scalar.minimum", "np.minimum"), "mod": ("scalar.mod", "np.mod"),
    "floordiv": ("scalar.floordiv", "np.floor_divide"), "pow": ("scalar.power", "np.power"),
    "asin": ("scalar.asin", "np.arcsin"), "acos": ("scalar.acos", "np.arccos"),
    "atan": ("scalar.atan", "np.arctan"), "log10": ("scalar.log10", "np.log10"),
    "erfc": ("scalar.erfc", "erfc64"), "tan": ("scalar.tan", "np.tan"),
}  # fmt: skip


def erf64(x: np.ndarray) -> np.ndarray:
    """The error function in float64, by the C library."""
    return np.vectorize(math.erf, otypes=[np.float64])(x)


def erfc64(x: np.ndarray) -> np.ndarray:
    """The complementary error function in float64, by the C library."""
    return np.vectorize(math.erfc, otypes=[np.float64])(x)


def sigmoid64(x: np.ndarray) -> np.ndarray:
    """The logistic function in float64."""
    return 1 / (1 + np.exp(-x))
