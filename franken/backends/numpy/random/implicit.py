"""How a gamma or beta variate moves with its parameter, the uniform number behind it held fixed.

Where F(x; a) is a distribution function with density p, that derivative is -(dF/da) / p(x)
(implicit reparametrisation). Both are integrals over a tail, taken here from the side of the mode
on which the integrand keeps one sign. Arrays in, arrays out; the samplers are in `sequential`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from franken.backends.numpy.gamma import digamma

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

# Double exponential quadrature of a decaying function on the half line: s = exp(t - exp(-t)) with
# equal steps of t. Points crowd towards zero, where a power of s may have its own small scale.
_STEP = 0.08
_T = np.arange(-4.0, 4.6, _STEP)
_NODES = np.exp(_T - np.exp(-_T))[:, None]
_WEIGHTS = _STEP * _NODES[:, 0] * (1 + np.exp(-_T))
_BLOCK = 4096  # elements at a time: all nodes of them fit the cache
_NEWTON = 24


def _integral(integrand: Callable[[Any], Any], scale: Any) -> Any:
    """The integral over [0, inf) of what decays over lengths of `scale`, for each element."""
    return scale * (_WEIGHTS @ integrand(_NODES * scale))


def _newton(start: Any, fall: Callable[[Any], Any], slope: Callable[[Any], Any]) -> Any:
    """Where the convex, growing `fall` reaches one, from a start to the right of it."""
    s = start
    for _ in range(_NEWTON):
        s = s - (fall(s) - 1) / slope(s)
    return s


def _gamma_below(a: Any, x: Any) -> Any:
    # t = x exp(-s) in the integral of (digamma(a) - ln t) t^(a-1) e^-t over [0, x]
    scale = _newton((1 + x) / a, lambda s: a * s + x * np.expm1(-s), lambda s: a - x * np.exp(-s))
    lead = digamma(a) - np.log(x)
    return x * _integral(lambda s: (lead + s) * np.exp(-a * s - x * np.expm1(-s)), scale)


def _gamma_above(a: Any, x: Any) -> Any:
    # the same over [x, inf), t = x exp(s); the whole integral is zero
    scale = _newton(
        np.minimum(1 / (x - a), np.sqrt(2 / x)),
        lambda s: x * np.expm1(s) - a * s,
        lambda s: x * np.exp(s) - a,
    )
    lead = np.log(x) - digamma(a)
    return x * _integral(lambda s: (lead + s) * np.exp(a * s - x * np.expm1(s)), scale)


def _beta_scale(a: Any, b: Any, x: Any, y: Any) -> Any:
    power = np.maximum(b - 1, 0)
    return _newton(
        (1 - power * np.log(y)) / a,
        lambda s: a * s - power * np.log1p(-x / y * np.expm1(-s)),
        lambda s: a - power * x * np.exp(-s) / (y - x * np.expm1(-s)),
    )


def _beta_below(a: Any, b: Any, x: Any) -> Any:
    # t = x exp(-s) in the integral of (E ln t - ln t) t^(a-1) (1-t)^(b-1) over [0, x];
    # 1 - t is y - x expm1(-s), without cancellation
    y = 1 - x
    lead = digamma(a) - digamma(a + b) - np.log(x)
    return x * _integral(
        lambda s: (lead + s) * np.exp((b - 1) * np.log1p(-x / y * np.expm1(-s)) - a * s),
        _beta_scale(a, b, x, y),
    )


def _beta_above(a: Any, b: Any, x: Any) -> Any:
    # the same over [x, 1], 1 - t = (1 - x) exp(-s)
    y = 1 - x
    lead = np.log(x) - digamma(a) + digamma(a + b)

    def integrand(s: Any) -> Any:
        grown = np.log1p(-y / x * np.expm1(-s))
        return (lead + grown) * np.exp((a - 1) * grown - b * s)

    return y * _integral(integrand, _beta_scale(b, a, y, x))


def _by_side(
    below: Callable[..., Any], above: Callable[..., Any], low: Array, args: list[Array]
) -> Array:
    """Each element by the formula of its side; `args` are one-dimensional."""
    out = np.empty(low.shape, np.float64)
    for formula, chosen in ((below, np.flatnonzero(low)), (above, np.flatnonzero(~low))):
        for start in range(0, chosen.size, _BLOCK):
            block = chosen[start : start + _BLOCK]
            out[block] = formula(*(a[block] for a in args))
    return out


def gamma_slope(alpha: Array, x: Array) -> Array:
    """dx/dalpha of standard gamma variates x, in the dtype of alpha.

    Note: to rounding; torch's own polynomial fits are some 5e-4 away from it.

    >>> gamma_slope(np.array([1.0]), np.array([1.0])).round(6).tolist()
    [1.173563]
    """
    a, t = (np.ravel(v).astype(np.float64) for v in np.broadcast_arrays(alpha, x))
    with np.errstate(all="ignore"):
        found = _by_side(_gamma_below, _gamma_above, t <= a, [a, t])
    found[(t == 0) & (a > 0)] = 0  # the limit
    return found.astype(alpha.dtype).reshape(np.broadcast_shapes(alpha.shape, x.shape))


def beta_slope(x: Array, alpha: Array, total: Array) -> Array:
    """dx/dalpha / (1 - x) of Beta(alpha, total - alpha) variates x, in the dtype of x.

    This is how far the share x of a Dirichlet vector moves before the vector is scaled back to a
    sum of one.

    >>> beta_slope(np.array([0.5]), np.array([1.0]), np.array([2.0])).round(6).tolist()
    [0.693147]
    """
    shape = np.broadcast_shapes(x.shape, alpha.shape, total.shape)
    t, a, whole = (np.ravel(v).astype(np.float64) for v in np.broadcast_arrays(x, alpha, total))
    with np.errstate(all="ignore"):
        lead = digamma(a) - digamma(whole) - np.log(t)
        # A tiny share is far from the other end: the lower tail, though its integrand turns there.
        low = (lead >= 0) | ((t < 0.5) & (lead >= -0.95 / a))
        found = _by_side(_beta_below, _beta_above, low, [a, whole - a, t]) / (1 - t)
    return found.astype(x.dtype).reshape(shape)
