"""Classical orthogonal polynomials P_n(x) for arrays x and n (DLMF 18).

Knows the three-term recurrences, the trigonometric forms torch takes for Chebyshev polynomials of
order above 6 or 8 inside the interval, and torch's values at end points. Evaluates in the dtype of
its input, as torch does. Must not know Tensor or autograd.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .blocks import fill, map_blocks

Step = Callable[[int, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def _recur(x: np.ndarray, n: np.ndarray, first: np.ndarray, step: Step) -> np.ndarray:
    """P_0 = 1, P_1 = first, P_(k+1) = step(k, x, P_k, P_(k-1)); 0 for negative orders."""
    out = np.zeros_like(x)
    out[n == 0] = 1
    below, here = np.ones_like(x), first
    for k in range(1, int(np.max(n, initial=0)) + 1):
        np.copyto(out, here, where=n == k)
        below, here = here, step(k, x, here, below)
    return out


def _order(n: np.ndarray) -> np.ndarray:
    # a NaN or infinite order is nobody's; truncation matches torch's conversion of a float order
    return np.clip(np.nan_to_num(n, nan=-1.0), -1, 1 << 20).astype(np.int64)


def _chebyshev_step(k: int, x: np.ndarray, here: np.ndarray, below: np.ndarray) -> np.ndarray:
    return (x + x) * here - below


def _t_angle(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    return np.cos(n * np.arccos(x))


def _u_angle(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    theta = np.arccos(x)
    return np.sin((n + 1) * theta) / np.sin(theta)


def _v_angle(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    half = 0.5 * np.arccos(x)
    return np.cos((2 * n + 1) * half) / np.cos(half)


def _w_angle(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    half = 0.5 * np.arccos(x)
    return np.sin((2 * n + 1) * half) / np.sin(half)


# kind: P_1 as (slope, offset); trigonometric form; largest order of the recurrence inside; value at
# 1 and at -1
_KINDS = {
    "t": (1, 0, _t_angle, 6, lambda n: 1 + 0 * n, lambda n: 1 + 0 * n),
    "u": (2, 0, _u_angle, 8, lambda n: n + 1, lambda n: n + 1),
    "v": (2, -1, _v_angle, 8, lambda n: 1 + 0 * n, lambda n: 2 * n + 1),
    "w": (2, 1, _w_angle, 8, lambda n: 2 * n + 1, lambda n: 1 + 0 * n),
}


def _chebyshev(kind: str, shifted: bool, x: np.ndarray, n: np.ndarray) -> np.ndarray:
    slope, offset, angle, most, at_one, at_minus_one = _KINDS[kind]
    dtype = x.dtype.type

    def kernel(x: np.ndarray, n: np.ndarray) -> np.ndarray:
        n = _order(n)
        x = x + x - 1 if shifted else x
        inside = (n > most) & (np.abs(x) < 1)
        ends = (np.abs(x) == 1) & (n >= 0)
        out = np.zeros_like(x)
        rest = ~(inside | ends)
        fill(
            out,
            rest,
            lambda x, n: _recur(x, n, dtype(slope) * x + dtype(offset), _chebyshev_step),
            x,
            n,
        )
        fill(out, inside, lambda x, n: angle(x, n.astype(x.dtype)), x, n)
        parity = np.where(n % 2 == 0, 1, -1)
        fill(
            out, ends, lambda x, n, p: np.where(x > 0, at_one(n), p * at_minus_one(n)), x, n, parity
        )
        return out

    return map_blocks(kernel, x, n, wide=False, dtype=x.dtype)


def chebyshev_polynomial_t(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the Chebyshev polynomial of the first kind.

    >>> chebyshev_polynomial_t(np.array([0.5]), np.array([2.0])).tolist()
    [-0.5]
    """
    return _chebyshev("t", False, x, n)


def chebyshev_polynomial_u(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the Chebyshev polynomial of the second kind.

    >>> chebyshev_polynomial_u(np.array([0.5]), np.array([2.0])).tolist()
    [0.0]
    """
    return _chebyshev("u", False, x, n)


def chebyshev_polynomial_v(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the Chebyshev polynomial of the third kind.

    >>> chebyshev_polynomial_v(np.array([0.5]), np.array([1.0])).tolist()
    [0.0]
    """
    return _chebyshev("v", False, x, n)


def chebyshev_polynomial_w(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the Chebyshev polynomial of the fourth kind.

    >>> chebyshev_polynomial_w(np.array([0.5]), np.array([1.0])).tolist()
    [2.0]
    """
    return _chebyshev("w", False, x, n)


def shifted_chebyshev_polynomial_t(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the Chebyshev polynomial of the first kind at 2x - 1.

    >>> shifted_chebyshev_polynomial_t(np.array([0.75]), np.array([2.0])).tolist()
    [-0.5]
    """
    return _chebyshev("t", True, x, n)


def shifted_chebyshev_polynomial_u(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the Chebyshev polynomial of the second kind at 2x - 1.

    >>> shifted_chebyshev_polynomial_u(np.array([0.75]), np.array([2.0])).tolist()
    [0.0]
    """
    return _chebyshev("u", True, x, n)


def shifted_chebyshev_polynomial_v(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the Chebyshev polynomial of the third kind at 2x - 1.

    >>> shifted_chebyshev_polynomial_v(np.array([0.75]), np.array([1.0])).tolist()
    [0.0]
    """
    return _chebyshev("v", True, x, n)


def shifted_chebyshev_polynomial_w(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the Chebyshev polynomial of the fourth kind at 2x - 1.

    >>> shifted_chebyshev_polynomial_w(np.array([0.75]), np.array([1.0])).tolist()
    [2.0]
    """
    return _chebyshev("w", True, x, n)


def _by_recurrence(
    x: np.ndarray, n: np.ndarray, first: Callable[[np.ndarray], np.ndarray], step: Step
) -> np.ndarray:
    def kernel(x: np.ndarray, n: np.ndarray) -> np.ndarray:
        return _recur(x, _order(n), first(x), step)

    return map_blocks(kernel, x, n, wide=False, dtype=x.dtype)


def hermite_polynomial_h(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the physicists' Hermite polynomial, H_(k+1) = 2x H_k - 2k H_(k-1).

    >>> hermite_polynomial_h(np.array([1.0]), np.array([2.0])).tolist()
    [2.0]
    """
    return _by_recurrence(x, n, lambda x: x + x, lambda k, x, h, b: (x + x) * h - (2 * k) * b)


def hermite_polynomial_he(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the probabilists' Hermite polynomial, He_(k+1) = x He_k - k He_(k-1).

    >>> hermite_polynomial_he(np.array([2.0]), np.array([2.0])).tolist()
    [3.0]
    """
    return _by_recurrence(x, n, np.copy, lambda k, x, h, b: x * h - k * b)


def laguerre_polynomial_l(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the Laguerre polynomial, (k + 1) L_(k+1) = (2k + 1 - x) L_k - k L_(k-1).

    >>> laguerre_polynomial_l(np.array([2.0]), np.array([2.0])).tolist()
    [-1.0]
    """
    return _by_recurrence(
        x, n, lambda x: 1 - x, lambda k, x, h, b: ((2 * k + 1 - x) * h - k * b) / (k + 1)
    )


def legendre_polynomial_p(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the Legendre polynomial, (k + 1) P_(k+1) = (2k + 1) x P_k - k P_(k-1).

    >>> legendre_polynomial_p(np.array([0.5]), np.array([2.0])).tolist()
    [-0.125]
    """
    return _by_recurrence(x, n, np.copy, lambda k, x, h, b: ((2 * k + 1) * x * h - k * b) / (k + 1))
