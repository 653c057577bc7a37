"""The linear recurrence h[k] = a[k] h[k-1] + b[k] along one dimension, and the shift it needs.

It is closed under differentiation, needs no division, and serves products with zeros and running
log-sum-exp alike (Blelloch, "Prefix sums and their applications", 1990).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from franken.backends.numpy.halves import halved
from franken.core.batching import all_batched, shift_axes
from franken.core.primitive import Primitive

WIDER = {
    np.dtype(np.float32): np.dtype(np.float64),
    np.dtype(np.complex64): np.dtype(np.complex128),
}


def shift_kernel(x: Any, *, dim: int, reverse: bool, fill: float) -> Any:
    out = np.empty_like(x)
    lead = (slice(None),) * dim
    low, high = (*lead, slice(0, -1)), (*lead, slice(1, None))
    if x.shape[dim]:
        out[low if reverse else high] = x[high if reverse else low]
        out[(*lead, -1 if reverse else 0)] = fill
    return out


shift_ = Primitive("shift", ("x",), shift_kernel, batch=shift_axes("dim"), meta="same")


def shift(x: Any, dim: int, reverse: bool, fill: float) -> Any:
    """Each entry moved to the next place (the one before if reversed), `fill` in the gap."""
    return shift_(x, dim=dim, reverse=reverse, fill=fill)


@shift_.vjp("x")
def _(g: Any, dim: int, reverse: bool) -> Any:
    return shift(g, dim, not reverse, 0)


@shift_.jvp
def _(tangents: Any, out: Any, x: Any, *, dim: int, reverse: bool, fill: float) -> Any:
    return shift(tangents[0], dim, reverse, 0)


def recurrence(a: Any, b: Any, dim: int, reverse: bool) -> Any:
    """h[k] = a[k] h[k-1] + b[k] on arrays, in twice the precision of float32."""
    low = b.dtype
    wide = WIDER.get(low, low)
    a, b = (np.moveaxis(v, dim, 0) for v in np.broadcast_arrays(a, b))
    if reverse:
        a, b = a[::-1], b[::-1]
    h = b.astype(wide)
    n = len(h)
    with np.errstate(all="ignore"):
        # a pass over everything costs about 3 ns an element, a step of the loop 2 us
        if n > 1 and h[0].size * math.log2(n) > 700 or n < 16:
            for k in range(1, n):
                h[k] += a[k] * h[k - 1]
        else:
            _doubling(a.astype(wide), h)
    if reverse:
        h = h[::-1]
    return np.ascontiguousarray(np.moveaxis(h, 0, dim).astype(low, copy=False))


def _doubling(a: Any, h: Any) -> None:
    """Solve in place by combining spans of 1, 2, 4 ... steps."""
    span, n = 1, len(h)
    while span < n:
        h[span:] += a[span:] * h[:-span].copy()
        a[span:] *= a[:-span].copy()
        span *= 2


def _linear_scan_kernel(a: Any, b: Any, *, dim: int, reverse: bool) -> Any:
    return recurrence(a, b, dim, reverse)


# h[k] = a[k] h[k-1] + b[k], h[-1] = 0; from the other end if reversed.
linear_scan = Primitive(
    "linear_scan",
    ("a", "b"),
    halved(_linear_scan_kernel),
    batch=all_batched("dim"),
    meta="same",
)


def _transposed(g: Any, a: Any, dim: int, reverse: bool) -> Any:
    return linear_scan(shift(a, dim, not reverse, 0), g, dim=dim, reverse=not reverse)


@linear_scan.vjp("a")
def _(g: Any, a: Any, out: Any, dim: int, reverse: bool) -> Any:
    return _transposed(g, a, dim, reverse) * shift(out, dim, reverse, 0)


@linear_scan.vjp("b")
def _(g: Any, a: Any, dim: int, reverse: bool) -> Any:
    return _transposed(g, a, dim, reverse)


@linear_scan.jvp
def _(tangents: Any, out: Any, a: Any, b: Any, *, dim: int, reverse: bool) -> Any:
    ta, tb = tangents
    term = None if ta is None else ta * shift(out, dim, reverse, 0)
    drive = term if tb is None else tb if term is None else term + tb
    return linear_scan(a, drive, dim=dim, reverse=reverse)
