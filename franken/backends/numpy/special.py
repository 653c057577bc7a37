"""Elementwise functions of logarithms and exponentials, with backward kernels that need care.

Knows forms that neither overflow nor cancel, and torch's values at the edges. Must not know Tensor
or autograd.
"""

from __future__ import annotations

import numpy as np

from .blocks import map_blocks


def _native(kernel, *arrays: np.ndarray) -> np.ndarray:
    return map_blocks(kernel, *arrays, wide=False)


def _expit(x: np.ndarray) -> np.ndarray:
    # exp(-x) overflows to inf for x << 0 and 1/(1 + inf) = 0 is the answer there
    out = np.negative(x)
    np.exp(out, out=out)
    out += 1
    return np.reciprocal(out, out=out)


def expit(x: np.ndarray) -> np.ndarray:
    """Return 1/(1 + exp(-x)).

    >>> expit(np.array([0.0])).tolist()
    [0.5]
    """
    return _native(_expit, x)


def expit_backward(g: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Return the cotangent of expit's input from its output.

    >>> expit_backward(np.array([1.0]), np.array([0.5])).tolist()
    [0.25]
    """
    return _native(
        lambda g, y: g * (y * (1 - y)) if y.dtype.kind != "c" else g * np.conj(y * (1 - y)), g, out
    )


def logit(x: np.ndarray, eps: float | None = None) -> np.ndarray:
    """Return log(x/(1 - x)), `x` clamped to [eps, 1 - eps] when `eps` is given.

    >>> logit(np.array([0.5])).tolist()
    [0.0]
    """

    kind = x.dtype.type
    low = None if eps is None else float(kind(eps))
    high = (
        None if eps is None else float(kind(1) - kind(eps))
    )  # rounded in the dtype of x, as torch does

    def kernel(v: np.ndarray) -> np.ndarray:
        v = v if eps is None else np.clip(v, low, high)
        centre = (v > 0.25) & (v < 0.75)
        # near 1/2 both logarithms are of order one and their difference is small: 2 atanh(2x - 1)
        # keeps its bits
        return np.where(
            centre, 2.0 * np.arctanh(np.where(centre, 2.0 * v - 1.0, 0.0)), np.log(v) - np.log1p(-v)
        )

    return map_blocks(kernel, x)


def logit_backward(g: np.ndarray, x: np.ndarray, eps: float | None = None) -> np.ndarray:
    """Return the cotangent of logit's input: zero (NaN if eps is None) outside the interval.

    >>> logit_backward(np.array([1.0]), np.array([0.5])).tolist()
    [4.0]
    """

    def kernel(g: np.ndarray, v: np.ndarray) -> np.ndarray:
        slope = g / (v * (1.0 - v))
        if eps is None:
            return np.where((v < 0.0) | (v > 1.0), np.nan, slope)
        return np.where((v >= eps) & (v <= 1.0 - eps), slope, 0.0)

    return map_blocks(kernel, g, x)


def entr(x: np.ndarray) -> np.ndarray:
    """Return -x log(x); 0 at 0, -inf below.

    >>> entr(np.array([0.0, 1.0, -1.0])).tolist()
    [0.0, -0.0, -inf]
    """

    def kernel(v: np.ndarray) -> np.ndarray:
        out = -v * np.log(v)
        out[v == 0.0] = 0.0
        out[v < 0.0] = -np.inf
        return out

    return map_blocks(kernel, x)


def _times(log, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    out = x * log(y)
    out[(x == 0) & ~np.isnan(y)] = 0
    return out


def xlogy(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return x log(y); 0 where x is 0 and y is not NaN.

    >>> xlogy(np.array([0.0]), np.array([0.0])).tolist()
    [0.0]
    """
    return map_blocks(lambda x, y: _times(np.log, x, y), x, y)


def xlog1py(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return x log(1 + y); 0 where x is 0 and y is not NaN.

    >>> xlog1py(np.array([0.0]), np.array([-1.0])).tolist()
    [0.0]
    """
    return map_blocks(lambda x, y: _times(np.log1p, x, y), x, y)


def sinc(x: np.ndarray) -> np.ndarray:
    """Return sin(pi x)/(pi x), 1 at 0.

    >>> sinc(np.array([0.0, 0.5])).round(12).tolist()
    [1.0, 0.636619772368]
    """

    def kernel(v: np.ndarray) -> np.ndarray:
        w = v * np.pi
        out = np.sin(w) / w
        out[v == 0] = 1.0
        return out

    return map_blocks(kernel, x)


def sinc_backward(g: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the cotangent of sinc's input; by series near 0, where the two terms cancel.

    >>> sinc_backward(np.array([1.0]), np.array([0.5])).round(6).tolist()
    [-1.27324]
    """

    def kernel(g: np.ndarray, v: np.ndarray) -> np.ndarray:
        w = v * np.pi
        z = w * w
        out = (w * np.cos(w) - np.sin(w)) / (w * v)
        # d/dw sin(w)/w = -w/3 + w^3/30 - w^5/840 + ...
        series = (
            -np.pi
            * w
            * (1 / 3 - z * (1 / 30 - z * (1 / 840 - z * (1 / 45360 - z * (1 / 3991680)))))
        )
        out = np.where(np.abs(w) < 0.3, series, out)
        return g * (np.conj(out) if out.dtype.kind == "c" else out)

    return map_blocks(kernel, g, x)


def softplus(x: np.ndarray, beta: float = 1.0, threshold: float = 20.0) -> np.ndarray:
    """Return log(1 + exp(beta x))/beta, and x itself where beta x > threshold.

    >>> softplus(np.array([0.0, 30.0])).round(12).tolist()
    [0.69314718056, 30.0]
    """

    def kernel(v: np.ndarray) -> np.ndarray:
        scaled = v * v.dtype.type(beta)
        return np.where(scaled > threshold, v, np.log1p(np.exp(scaled)) / v.dtype.type(beta))

    return _native(kernel, x)


def softplus_backward(
    g: np.ndarray, x: np.ndarray, beta: float = 1.0, threshold: float = 20.0
) -> np.ndarray:
    """Return the cotangent of softplus' input.

    >>> softplus_backward(np.array([1.0]), np.array([0.0])).tolist()
    [0.5]
    """

    def kernel(g: np.ndarray, v: np.ndarray) -> np.ndarray:
        scaled = v * v.dtype.type(beta)
        return np.where(scaled > threshold, g, g * _expit(scaled))

    return _native(kernel, g, x)


def _log_sigmoid(x: np.ndarray) -> np.ndarray:
    out = np.abs(x)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)
    return np.minimum(x, 0) - out


def log_sigmoid(x: np.ndarray) -> np.ndarray:
    """Return log(1/(1 + exp(-x))).

    >>> log_sigmoid(np.array([-1000.0])).tolist()
    [-1000.0]
    """
    return _native(_log_sigmoid, x)


def log_sigmoid_backward(g: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the cotangent of log_sigmoid's input, g expit(-x).

    >>> log_sigmoid_backward(np.array([1.0]), np.array([0.0])).tolist()
    [0.5]
    """
    return _native(lambda g, v: g * _expit(-v), g, x)


def _silu(x: np.ndarray) -> np.ndarray:
    out = _expit(x)
    out *= x
    return out


def silu(x: np.ndarray) -> np.ndarray:
    """Return x expit(x).

    >>> silu(np.array([0.0])).tolist()
    [0.0]
    """
    return _native(_silu, x)


def silu_backward(g: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the cotangent of silu's input, g s (1 + x (1 - s)) with s = expit(x).

    >>> silu_backward(np.array([1.0]), np.array([0.0])).tolist()
    [0.5]
    """

    def kernel(g: np.ndarray, v: np.ndarray) -> np.ndarray:
        s = _expit(v)
        out = 1 - s
        out *= v
        out += 1
        out *= s
        if v.dtype.kind == "c":
            np.conj(out, out=out)
        out *= g
        return out

    return _native(kernel, g, x)


def _mish_tanh(x: np.ndarray) -> np.ndarray:
    """tanh(log(1 + e)) = n/(n + 2) with e = exp(x), n = e (e + 2); 1 where e would overflow."""
    e = np.exp(np.minimum(x, 20.0))
    n = e * (e + 2)
    return n / (n + 2)


def mish(x: np.ndarray) -> np.ndarray:
    """Return x tanh(softplus(x)) (Misra, arXiv 1908.08681).

    >>> mish(np.array([1.0])).round(12).tolist()
    [0.865098388267]
    """
    return _native(lambda v: v * _mish_tanh(v), x)


def mish_backward(g: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the cotangent of mish's input, g (t + x (1 - t^2) expit(x)).

    >>> mish_backward(np.array([1.0]), np.array([0.0])).tolist()
    [0.6]
    """

    def kernel(g: np.ndarray, v: np.ndarray) -> np.ndarray:
        t = _mish_tanh(v)
        return g * (t + v * _expit(v) * (1 - t * t))

    return _native(kernel, g, x)


def logaddexp(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return log(exp(x) + exp(y)); complex arguments sum on the larger real part.

    >>> logaddexp(np.array([-np.inf]), np.array([1.0])).tolist()
    [1.0]
    """
    return _native(_complex_logaddexp if np.result_type(x, y).kind == "c" else np.logaddexp, x, y)


def _complex_logaddexp(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    big = np.where(x.real >= y.real, x, y)
    small = np.where(x.real >= y.real, y, x)
    out = big + np.log1p(np.exp(small - big))
    return np.where(big.real == -np.inf, big, out)


def logaddexp2(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return log2(2^x + 2^y).

    >>> logaddexp2(np.array([1.0]), np.array([1.0])).tolist()
    [2.0]
    """
    return _native(np.logaddexp2, x, y)


def logaddexp_backward(
    g: np.ndarray, x: np.ndarray, y: np.ndarray, base: float = np.e
) -> np.ndarray:
    """Return the cotangent of `x`: g/(1 + base^(y - x)); g/2 where both are the same infinity.

    >>> logaddexp_backward(np.array([1.0]), np.array([np.inf]), np.array([np.inf])).tolist()
    [0.5]
    """
    scale = float(np.log(base))

    def kernel(g: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        gap = np.where(x == y, 0, y - x) * g.dtype.type(scale)
        return g * _expit(-gap)

    return _native(kernel, g, x, y)


def nextafter(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the representable number after `x` towards `y`.

    >>> nextafter(np.array([0.0]), np.array([1.0])).tolist()
    [5e-324]
    """
    return _native(np.nextafter, x, y)


def frexp(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mantissa in [0.5, 1) and int32 exponent; infinities and NaN keep exponent 0.

    >>> [a.tolist() for a in frexp(np.array([8.0]))]
    [[0.5], [4]]
    """
    mantissa, exponent = np.empty_like(x), np.empty_like(x, dtype=np.int32)
    np.frexp(x, out=(mantissa, exponent))
    return mantissa, exponent


def ldexp(x: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """Return x 2^exponent, rounded once for integers; `exponent` may be fractional.

    >>> ldexp(np.array([3.0]), np.array([2])).tolist()
    [12.0]
    """
    if exponent.dtype.kind in "iub":
        with np.errstate(all="ignore"):
            return np.asarray(np.ldexp(x, np.clip(exponent, -5000, 5000).astype(np.int32)))
    return _native(lambda a, b: a * np.exp2(b), x, exponent)


def copysign_backward(g: np.ndarray, x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Return the cotangent of copysign's magnitude: g out/x, and 0 where x is 0.

    >>> copysign_backward(np.array([1.0]), np.array([2.0]), np.array([-2.0])).tolist()
    [-1.0]
    """
    return _native(lambda g, x, y: np.where(x == 0, 0, g * (np.sign(y) * np.sign(x))), g, x, out)
