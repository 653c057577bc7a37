"""Samplers whose use of the stream depends on the values drawn: they run element by element.

Poisson and binomial counts, gamma and Dirichlet variates, and multinomial choice, with torch's
numbers for the same generator state. Arrays in, arrays out; `rng_distributions` holds the
samplers that take a fixed number of words per element.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from franken.backends.numpy.random.distributions import exponential, require, torch_name
from franken.backends.numpy.random.formulas import HALVES, cast
from franken.backends.numpy.random.twister import Generator, Speculation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


_ALL = ("float16", "bfloat16", "float32", "float64")
_WIDE = ("float32", "float64")


def _collect(
    gen: Generator, rows: Sequence[tuple[float, ...]], draw: Callable[..., float]
) -> NDArray[np.float64]:
    with gen.speculate() as stream:
        return np.array([draw(stream, *row) for row in rows], np.float64)


# ---------------------------------------------------------------- poisson


def poisson(gen: Generator, rate: Array) -> Array:
    """Draw a Poisson count for each rate, in the dtype of the rates.

    Source: Knuth's product of uniforms below a rate of 10, above it W. Hormann, "The transformed
    rejection method for generating Poisson random variables" (1993), algorithm PTRS.

    >>> poisson(Generator().manual_seed(0), np.zeros(2)).tolist()
    [0.0, 0.0]
    """
    require("poisson_cpu", rate.dtype, _ALL)
    rates = rate.astype(np.float64).ravel()
    if not bool((rates >= 0).all()):
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    counts = _collect(gen, [(x,) for x in rates.tolist()], _poisson)
    return cast(counts, rate.dtype).reshape(rate.shape)


def _poisson(stream: Speculation, rate: float) -> float:
    if rate >= 10.0:
        return _poisson_ptrs(stream, rate)
    if rate == 0.0:
        return 0.0
    floor, product, count = math.exp(-rate), stream.uniform(), 0
    while product > floor:
        product *= stream.uniform()
        count += 1
    return count


def _poisson_ptrs(stream: Speculation, rate: float) -> float:
    log_rate = math.log(rate)
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_r = 0.9277 - 3.6224 / (b - 2)
    while True:
        u, v = stream.uniform() - 0.5, stream.uniform()
        us = 0.5 - abs(u)
        if us == 0.0:  # an infinite count, which no test below accepts
            continue
        k = math.floor((2 * a / us + b) * u + rate + 0.43)
        if us >= 0.07 and v <= v_r:
            return k
        if k < 0 or (us < 0.013 and v > us):
            continue
        if v == 0.0:
            return k
        log_v = math.log(v) + math.log(inverse_alpha) - math.log(a / (us * us) + b)
        if log_v <= -rate + k * log_rate - math.lgamma(k + 1):
            return k


# ---------------------------------------------------------------- binomial


def binomial(gen: Generator, count: Array, prob: Array) -> Array:
    """Draw a binomial count for each pair of trials and probability (same float dtype).

    Source: sums of geometric gaps for a mean below 10, above it W. Hormann, "The generation of
    binomial random variates" (1993), algorithm BTRS.

    >>> binomial(Generator(), np.array([3.0]), np.array([1.0])).tolist()
    [3.0]
    """
    if count.dtype.name not in _ALL:
        raise ValueError(
            "binomial only supports floating-point dtypes for count, got: "
            f"{torch_name(count.dtype)}"
        )
    if prob.dtype != count.dtype:
        found, expected = torch_name(prob.dtype), torch_name(count.dtype)
        raise RuntimeError(f"Found dtype {found} but expected {expected}")
    require("binomial_cpu", count.dtype, _WIDE)
    counts, probs = np.broadcast_arrays(count, prob)
    rows = list(zip(counts.ravel().tolist(), probs.ravel().tolist(), strict=True))
    return cast(_collect(gen, rows, _binomial), count.dtype).reshape(counts.shape)


def _binomial(stream: Speculation, n: float, p: float) -> float:
    if math.isnan(n) or math.isnan(p):  # torch loops for ever on a count of NaN
        return math.nan
    if n <= 0.0 or p <= 0.0:
        return 0.0
    if p >= 1.0:
        return n
    if p <= 0.5:
        return _btrs(stream, n, p) if n * p >= 10.0 else _gaps(stream, n, p)
    q = 1.0 - p
    return n - (_btrs(stream, n, q) if n * q >= 10.0 else _gaps(stream, n, q))


def _gaps(stream: Speculation, n: float, p: float) -> float:
    """Count the geometric gaps that fit in n trials."""
    log_failure = math.log1p(-p)
    position, successes = 0.0, 0
    while True:
        u = stream.uniform()
        position += math.ceil(math.log(u) / log_failure) if u > 0.0 else math.inf
        if position > n:
            return successes
        successes += 1


# Stirling's remainder ln k! - (k + 1/2) ln(k + 1) + (k + 1) - ln sqrt(2 pi) for k = 0..9
_REMAINDERS = (
    0.08106146679532726, 0.0413406959554093, 0.02767792568499834, 0.020790672103765093,
    0.016644691189821193, 0.013876128823070748, 0.01189670994589177, 0.010411265261972096,
    0.009255462182712733, 0.00833056343336287,
)  # fmt: skip


def _remainder(k: float) -> float:
    if k <= 9:
        return _REMAINDERS[int(k)]
    square = (k + 1) * (k + 1)
    return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1)


def _btrs(stream: Speculation, n: float, p: float) -> float:
    spread = math.sqrt(n * p * (1 - p))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p
    center, v_r = n * p + 0.5, 0.92 - 4.2 / b
    odds, alpha = p / (1 - p), (2.83 + 5.1 / b) * spread
    m = math.floor((n + 1) * p)
    while True:
        u, v = stream.uniform() - 0.5, stream.uniform()
        us = 0.5 - abs(u)
        if us == 0.0:
            continue
        k = math.floor((2 * a / us + b) * u + center)
        if us >= 0.07 and v <= v_r:
            return k
        if k < 0 or k > n:
            continue
        if v == 0.0 or math.log(v * alpha / (a / (us * us) + b)) <= _btrs_bound(n, m, k, odds):
            return k


def _btrs_bound(n: float, m: float, k: float, odds: float) -> float:
    return (
        (m + 0.5) * math.log((m + 1) / (odds * (n - m + 1)))
        + (n + 1) * math.log((n - m + 1) / (n - k + 1))
        + (k + 0.5) * math.log(odds * (n - k + 1) / (k + 1))
        + _remainder(m)
        + _remainder(n - m)
        - _remainder(k)
        - _remainder(n - k)
    )


# ---------------------------------------------------------------- gamma, dirichlet

_THIRD = np.float32(1.0 / 3.0)  # torch's float64 gamma also subtracts the float32 third


class _NormalStream:
    """Scalar Box-Muller normals from a speculative reader, with the generator's waiting value."""

    __slots__ = ("uniform", "waiting")

    def __init__(self, stream: Speculation, waiting: float | None) -> None:
        self.uniform = stream.uniform
        self.waiting = waiting

    def normal(self) -> float:
        if self.waiting is not None:
            value, self.waiting = self.waiting, None
            return value
        u, v = self.uniform(), self.uniform()
        radius, angle = math.sqrt(-2.0 * math.log1p(-v)), 2.0 * math.pi * u
        self.waiting = radius * math.sin(angle)
        return radius * math.cos(angle)


def gamma(gen: Generator, alpha: Array) -> Array:
    """Draw a standard gamma variate for each shape parameter, float32 or float64.

    Source: Marsaglia and Tsang, "A simple method for generating gamma variables" (ACM TOMS 26,
    2000). Values below the dtype's least normal number are raised to it.
    """
    require("gamma_cpu", alpha.dtype, _WIDE)
    values = cast(_gammas(gen, alpha), alpha.dtype)
    np.maximum(values, np.finfo(alpha.dtype).tiny, out=values)
    return values.reshape(alpha.shape)


def _gammas(gen: Generator, alpha: Array) -> NDArray[np.float64]:
    flat = alpha.ravel()
    one = flat.dtype.type(1)
    with np.errstate(all="ignore"):
        # The arithmetic on alpha itself happens in its dtype, all that follows in double.
        boosted = flat < one
        inverse = (one / flat).astype(np.float64).tolist()
        d = (np.where(boosted, flat + one, flat) - flat.dtype.type(_THIRD)).astype(np.float64)
    rows = zip(flat.tolist(), boosted.tolist(), inverse, d.tolist(), strict=True)
    with gen.lock, gen.speculate() as stream:
        normals = _NormalStream(stream, gen.next_normal)
        values = [_gamma(normals, *row) for row in rows]
        gen.next_normal = normals.waiting
    return np.array(values, np.float64)


def _gamma(stream: _NormalStream, alpha: float, boosted: bool, inverse: float, d: float) -> float:
    scale = 1.0
    if boosted:
        if alpha == 0.0:
            return 0.0
        scale = math.pow(1.0 - stream.uniform(), inverse)
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = stream.normal()
        y = 1.0 + c * x
        if y <= 0.0:
            continue
        v = y * y * y
        u = 1.0 - stream.uniform()
        xx = x * x
        if u < 1.0 - 0.0331 * xx * xx:
            return scale * d * v
        if math.log(u) < 0.5 * xx + d * (1.0 - v + math.log(v)):
            return scale * d * v


def dirichlet(gen: Generator, alpha: Array) -> Array:
    """Draw a Dirichlet vector along the last axis for each row of concentrations.

    Note: the gamma variates are torch's; the order in which a row of float64 is summed is not,
    so that float64 shares differ by some units in the last place (4 measured); float32 is equal.
    """
    require("dirichlet", alpha.dtype, _WIDE)
    values = gamma(gen, alpha.astype(np.float64))
    shares = cast(values / values.sum(axis=-1, keepdims=True), alpha.dtype)
    below_one = np.nextafter(alpha.dtype.type(1), alpha.dtype.type(0))
    np.clip(shares, np.finfo(alpha.dtype).tiny, below_one, out=shares)
    return shares


# ---------------------------------------------------------------- multinomial


def multinomial(gen: Generator, probs: Array, n: int, replacement: bool = False) -> Array:
    """Choose n categories for each row of weights (1 or 2 axes); int64.

    Without replacement (or n = 1 of it) the categories race with exponential clocks; with it each
    choice is a binary search in the running sum.

    >>> multinomial(Generator(), np.array([0.0, 1.0]), 1).tolist()
    [1]
    """
    _check_multinomial(probs, n, replacement)
    if not replacement or n == 1:
        return _race(gen, probs, n)
    rows = probs.reshape(-1, probs.shape[-1])
    wide = np.float32 if probs.dtype in HALVES else probs.dtype
    sums = np.cumsum(rows, axis=1, dtype=wide)
    if not bool((sums[:, -1] > 0).all()):
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    sums /= sums[:, -1:].copy()
    u = gen.doubles(len(rows) * n).reshape(-1, n)
    chosen = [np.searchsorted(s.astype(np.float64), x) for s, x in zip(sums, u, strict=True)]
    return np.array(chosen, np.int64).reshape(*probs.shape[:-1], n)


def _race(gen: Generator, probs: Array, n: int) -> Array:
    with np.errstate(all="ignore"):
        speeds: Array = probs / exponential(gen, probs.shape, probs.dtype)
    if n == 1:
        best: Array = np.argmax(speeds, axis=-1, keepdims=True)
        return best
    # Equal speeds (zero weights, or 16-bit rounding) come in index order; torch's is unspecified.
    return np.argsort(-speeds, axis=-1, kind="stable")[..., :n]


def _check_multinomial(probs: Array, n: int, replacement: bool) -> None:
    if probs.ndim not in {1, 2}:
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if probs.dtype.name not in _ALL:
        raise RuntimeError(
            "multinomial only supports floating-point dtypes for input, got: "
            f"{torch_name(probs.dtype)}"
        )
    if n <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not replacement and n > probs.shape[-1]:
        raise RuntimeError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
        )
    weights = probs.astype(np.float64)
    fine = (weights >= 0) & (weights < np.inf)
    if not bool(fine.all()):
        if replacement and n > 1:
            first = weights.reshape(-1)[np.argmin(fine)]
            what = "= infinity or NaN" if first > 0 else "< 0"
            raise RuntimeError(
                f"invalid multinomial distribution (encountering probability entry {what})"
            )
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if not bool((weights.sum(axis=-1) > 0).all()):
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
