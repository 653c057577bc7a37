"""Elementary functions with the rounding that torch's CPU samplers have.

It knows fused multiply-add in software, the single-precision logarithm, sine and cosine of
S. L. Moshier's Cephes library (netlib.org/cephes, single/logf.c and sinf.c) with every
multiply-add fused, Box-Muller on blocks of 16, and how to reach the C library's double
functions. It knows no generator. Measured bit-equal to torch 2.13 on all 2**24 uniforms.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    F32 = NDArray[np.float32]
    F64 = NDArray[np.float64]


BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
HALVES = (np.dtype(np.float16), BFLOAT16)
_ROWS = 2048  # blocks of 16 a pass: operands of 128 KiB stay in the L2 cache
_CHUNK = 8192  # elements of the dozen temporaries of an fma: they stay in the cache
_TIE = np.int64(1 << 28)
_BELOW = np.int64((1 << 29) - 1)
_SPLIT = 134217729.0  # 2**27 + 1, Veltkamp's constant for 53 bits


def cast(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Convert as torch does: doubles reach the 16-bit types by way of float32."""
    if values.dtype == dtype:
        return values
    with np.errstate(over="ignore", invalid="ignore"):
        if dtype in HALVES and values.dtype == np.float64:
            values = values.astype(np.float32)
        return values.astype(dtype)


# ---------------------------------------------------------------- fused multiply-add


def two_sum(a: F64, b: F64) -> tuple[F64, F64]:
    """Return the rounded sum and its exact error (Knuth)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _chunks(a: NDArray[Any]) -> list[NDArray[Any]]:
    flat = a.reshape(-1)
    return [flat[i : i + _CHUNK] for i in range(0, flat.size, _CHUNK)]


def _halve(a: F64) -> tuple[F64, F64]:
    scaled = _SPLIT * a
    high = scaled - (scaled - a)
    return high, a - high


def two_product(a: F64, b: F64) -> tuple[F64, F64]:
    """Return the rounded product and its exact error (Dekker, Veltkamp)."""
    product = a * b
    a1, a2 = _halve(a)
    b1, b2 = _halve(b)
    return product, ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2


def _toward(total: F64, error: F64, chosen: NDArray[np.bool_]) -> F64:
    """Step the chosen sums one unit in the last place in the direction of their errors."""
    step = np.where((error > 0) == (total > 0), np.int64(1), np.int64(-1))
    return (total.view(np.int64) + np.where(chosen, step, np.int64(0))).view(np.float64)


def fma64(a: F64, b: float | F64, c: float | F64) -> F64:
    """Return a*b + c rounded once in float64.

    Source: Boldo and Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms
    using rounding to odd" (IEEE TC 57, 2008).

    >>> fma64(np.array([1 + 2.0**-30]), 1 - 2.0**-30, -1.0)[0] == -(2.0**-60)
    np.True_
    """
    if a.size > _CHUNK and np.ndim(b) == np.ndim(c) == 0:
        return np.concatenate([fma64(part, b, c) for part in _chunks(a)])
    a, b, c = np.broadcast_arrays(a, np.asarray(b, np.float64), np.asarray(c, np.float64))
    with np.errstate(over="ignore", invalid="ignore"):
        high, low = two_product(a, b)
        near, rest = two_sum(c, low)
        total, error = two_sum(high, near)
        tail, lost = two_sum(rest, error)
        even = (tail.view(np.int64) & 1) == 0
        out = total + _toward(tail, lost, (lost != 0) & even)
        return np.where(np.isfinite(out), out, a * b + c)


def fma32(a: F32, b: np.float32 | F32, c: np.float32 | F32) -> F32:
    """Return a*b + c rounded once in float32.

    The product of two float32 is exact in float64; the sum may round twice only where it falls
    on the middle between two float32 values, and there its float64 error decides.

    >>> float(fma32(np.array([1.5], np.float32), np.float32(2), np.float32(1))[0])
    4.0
    """
    if a.size > _CHUNK and np.ndim(b) == np.ndim(c) == 0:
        return np.concatenate([fma32(part, b, c) for part in _chunks(a)])
    product = a.astype(np.float64) * np.asarray(b, np.float64)
    addend = np.asarray(c, np.float64)
    total = product + addend
    ties = np.flatnonzero((total.view(np.int64) & _BELOW) == _TIE)
    if ties.size:
        chosen = product[ties] if product.ndim else product
        other = np.broadcast_to(addend, product.shape)[ties]
        exact, error = two_sum(chosen, other)
        total[ties] = _toward(exact, error, error != 0)
    return total.astype(np.float32)


# ---------------------------------------------------------------- C library functions


def libm(function: Callable[[float], float], x: F64) -> F64:
    """Apply a `math` function to each element: the very C routines that torch calls."""
    return np.fromiter(map(function, x.tolist()), np.float64, x.size)


def log_or_inf(x: float) -> float:
    """Return log(x), and -inf at zero as C does."""
    return math.log(x) if x > 0.0 else -math.inf


def exp_or_inf(x: float) -> float:
    """Return exp(x), and inf on overflow as C does."""
    return math.exp(x) if x < 709.782712893384 else math.inf


def narrowed(
    fast: Callable[[F64], F64],
    exact: Callable[[F64], F64],
    x: F64,
    dtype: np.dtype[Any],
    scale: float,
) -> NDArray[Any]:
    """Evaluate a double function and convert it to `dtype` with the bits of `exact`.

    float64 takes the exact (slow) path. Otherwise NumPy's vector functions, a few units in the
    last place apart from the C library's, decide the float32 result unless the value lies next
    to the middle of two float32 numbers; only those few elements are evaluated again.
    `scale` bounds the magnitude of any term that cancels in `fast`.
    """
    if dtype == np.float64:
        return exact(x)
    with np.errstate(all="ignore"):
        values = fast(x)
        slack = (np.abs(values) + scale) * 2.0**-45
        unsure = (values - slack).astype(np.float32) != (values + slack).astype(np.float32)
        again = np.flatnonzero(unsure)
        if again.size:
            values[again] = exact(x[again])
    return cast(values.astype(np.float32), dtype)


# ---------------------------------------------------------------- Box-Muller

_LOG = (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
_LN2_LOW, _LN2_HIGH = np.float32(-2.12194440e-4), np.float32(0.693359375)
_SQRT_HALF_BITS = np.int32(0x3F3504F3)
_COS = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
_SIN = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_QUARTER_PI_1, _QUARTER_PI_2 = np.float32(0.78515625), np.float32(2.4187564849853515625e-4)
_QUARTER_PI_3 = np.float64(-np.float32(3.77489497744594108e-8))
_TWO_PI = np.float32(2 * math.pi)


def _step(acc: F32, x: F64 | np.float64, c: float | F32 | F64) -> F32:
    """Return acc*x + c with one rounding; the constants meet no double-rounding case."""
    out: F64 = acc * x
    out += c
    return out.astype(np.float32)


def _horner(coefficients: tuple[float, ...], x: F64) -> F32:
    first, *rest = (float(np.float32(c)) for c in coefficients)
    acc = (x * first + rest[0]).astype(np.float32)
    for c in rest[1:]:
        acc = _step(acc, x, c)
    return acc


def log_f32(x: F32) -> F32:
    """Return the Cephes single-precision logarithm of normal positive numbers."""
    shifted = x.view(np.int32) - _SQRT_HALF_BITS
    exponent = (shifted >> 23).astype(np.float32)
    mantissa = ((shifted & np.int32(0x7FFFFF)) + _SQRT_HALF_BITS).view(np.float32)
    m = mantissa - np.float32(1)  # in [sqrt(1/2) - 1, sqrt(2) - 1)
    square = m * m
    tail = _horner(_LOG, m.astype(np.float64)) * m
    tail = _step(tail, square.astype(np.float64), exponent * _LN2_LOW)
    tail = _step(square, np.float64(-0.5), tail)
    return _step(exponent, np.float64(_LN2_HIGH), m + tail)


def sincos_f32(x: F32) -> tuple[F32, F32]:
    """Return the Cephes single-precision sine and cosine of numbers in [0, 2 pi]."""
    octant = (x * np.float32(4 / math.pi)).astype(np.int32)
    octant += 1
    octant &= -2
    turns = octant.astype(np.float32)
    x = x - turns * _QUARTER_PI_1  # both products are exact: the parts have few bits
    x = x - turns * _QUARTER_PI_2
    x = (x + turns * _QUARTER_PI_3).astype(np.float32)
    square = x * x
    wide = square.astype(np.float64)
    cosine = _horner(_COS, wide) * square
    cosine = _step(cosine, wide, square * np.float32(-0.5)) + np.float32(1)
    sine = _step(_horner(_SIN, wide) * square, x.astype(np.float64), x)
    s, c = sine.view(np.int32), cosine.view(np.int32)
    exchanged = (s ^ c) & -((octant >> 1) & 1)  # select by bits: four times quicker than where
    s ^= exchanged
    c ^= exchanged
    s ^= (octant & 4) << 29
    c ^= ((octant + 2) & 4) << 29
    return sine, cosine


def box_muller_f32(u: F32) -> F32:
    """Turn uniforms of [0, 1), a multiple of 16, into normals in place, 8 + 8 per block."""
    blocks = u.reshape(-1, 16)
    for start in range(0, len(blocks), _ROWS):
        rows = blocks[start : start + _ROWS]
        radius = np.sqrt(np.float32(-2) * log_f32(np.float32(1) - rows[:, :8]))
        sine, cosine = sincos_f32(_TWO_PI * rows[:, 8:])
        np.multiply(radius, cosine, out=rows[:, :8])
        np.multiply(radius, sine, out=rows[:, 8:])
    return u


def box_muller_f64(u: F64) -> F64:
    """Turn uniforms of [0, 1), a multiple of 16, into normals, 8 + 8 per block."""
    blocks = u.reshape(-1, 2, 8)
    radius = np.sqrt(-2.0 * libm(math.log, (1.0 - blocks[:, 0]).ravel())).reshape(-1, 8)
    angle = (2.0 * math.pi) * blocks[:, 1]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)
