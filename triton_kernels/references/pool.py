"""Pooling and its gradients from their definition, in float64 NumPy, one output at a time."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np

Ints = tuple[int, ...]
Spans = list[list[range]]


def _windows(
    size: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil: bool
) -> Spans:
    """The positions, those outside too, of each window of each axis."""
    spans = []
    for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True):
        last = n + 2 * p - d * (k - 1) - 1
        count = (math.ceil(last / s) if ceil else last // s) + 1
        if ceil and (count - 1) * s >= n + p:
            count -= 1
        spans.append([range(o * s - p, o * s - p + d * (k - 1) + 1, d) for o in range(count)])
    return spans


def _ranges(size: Ints, out: Ints) -> Spans:
    """Positions floor(o n / m) to ceil((o + 1) n / m) of adaptive pooling."""
    return [
        [range(o * n // m, math.ceil((o + 1) * n / m)) for o in range(m)]
        for n, m in zip(size, out, strict=True)
    ]


def _inside(spans: tuple[range, ...], size: Ints) -> Any:
    return np.ix_(*[[i for i in s if 0 <= i < n] for s, n in zip(spans, size, strict=True)])


def _max(x: np.ndarray, spans: Spans) -> tuple[np.ndarray, np.ndarray]:
    """Largest of each window and its flat index: the first of equals, the last of NaNs."""
    size = x.shape[2:]
    flat = np.arange(math.prod(size)).reshape(size)
    y = np.empty((*x.shape[:2], *map(len, spans)))
    at = np.empty(y.shape, np.int64)
    for o in product(*[range(len(s)) for s in spans]):
        where = _inside(tuple(s[k] for s, k in zip(spans, o, strict=True)), size)
        places = flat[where].reshape(-1)
        for plane in np.ndindex(x.shape[:2]):
            values = x[plane][where].reshape(-1)
            wrong = np.flatnonzero(np.isnan(values))
            best = wrong[-1] if len(wrong) else np.argmax(values)
            y[(*plane, *o)], at[(*plane, *o)] = values[best], places[best]
    return y, at


def _scatter(g: np.ndarray, at: np.ndarray, x_shape: Ints) -> np.ndarray:
    out = np.zeros((*x_shape[:2], math.prod(x_shape[2:])))
    for plane in np.ndindex(x_shape[:2]):
        np.add.at(out[plane], at[plane].reshape(-1), g[plane].reshape(-1))
    return out.reshape(x_shape)


def max_pool_reference(
    x: np.ndarray, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Largest element of each window and its index in the plane."""
    return _max(x, _windows(x.shape[2:], kernel, stride, padding, dilation, ceil))


def max_pool_backward_reference(
    g: np.ndarray, at: np.ndarray, x_shape: Ints, *_: Any
) -> np.ndarray:
    """g added at the indices."""
    return _scatter(g, at, x_shape)


def _divisor(
    spans: tuple[range, ...], size: Ints, padding: Ints, count_pad: bool, override: int | None
) -> int:
    if override is not None:
        return override
    if count_pad:
        ends = [min(s.stop, n + p) for s, n, p in zip(spans, size, padding, strict=True)]
        return math.prod(e - s.start for e, s in zip(ends, spans, strict=True))
    return math.prod(sum(0 <= i < n for i in s) for s, n in zip(spans, size, strict=True))


def avg_pool_reference(
    x: np.ndarray, kernel: Ints, stride: Ints, padding: Ints, ceil: bool = False,
    count_pad: bool = True, override: int | None = None,
) -> np.ndarray:  # fmt: skip
    """Mean of each window; padding past the input's own does not count."""
    size, ones = x.shape[2:], (1,) * len(kernel)
    spans = _windows(size, kernel, stride, padding, ones, ceil)
    y = np.empty((*x.shape[:2], *map(len, spans)))
    axes = tuple(range(2, x.ndim))
    for o in product(*[range(len(s)) for s in spans]):
        here = tuple(s[k] for s, k in zip(spans, o, strict=True))
        divisor = _divisor(here, size, padding, count_pad, override)
        y[(..., *o)] = x[(..., *_inside(here, size))].sum(axes) / divisor
    return y


def avg_pool_backward_reference(
    g: np.ndarray, x_shape: Ints, kernel: Ints, stride: Ints, padding: Ints, ceil: bool = False,
    count_pad: bool = True, override: int | None = None,
) -> np.ndarray:  # fmt: skip
    """Each output's share added to its window."""
    size, ones = x_shape[2:], (1,) * len(kernel)
    spans = _windows(size, kernel, stride, padding, ones, ceil)
    out = np.zeros(x_shape)
    for o in product(*[range(len(s)) for s in spans]):
        here = tuple(s[k] for s, k in zip(spans, o, strict=True))
        divisor = _divisor(here, size, padding, count_pad, override)
        share = g[(..., *o)].reshape(*g.shape[:2], *(1,) * len(size)) / divisor
        out[(..., *_inside(here, size))] += share
    return out


def adaptive_avg_reference(x: np.ndarray, out: Ints) -> np.ndarray:
    """Mean of each range."""
    spans = _ranges(x.shape[2:], out)
    y = np.empty((*x.shape[:2], *out))
    for o in np.ndindex(*out):
        here = tuple(s[k] for s, k in zip(spans, o, strict=True))
        y[(..., *o)] = x[(..., *_inside(here, x.shape[2:]))].mean(tuple(range(2, x.ndim)))
    return y


def adaptive_avg_backward_reference(g: np.ndarray, x_shape: Ints) -> np.ndarray:
    """Each output's share added to its range."""
    spans = _ranges(x_shape[2:], g.shape[2:])
    out = np.zeros(x_shape)
    for o in np.ndindex(*g.shape[2:]):
        here = tuple(s[k] for s, k in zip(spans, o, strict=True))
        share = g[(..., *o)].reshape(*g.shape[:2], *(1,) * len(here)) / math.prod(map(len, here))
        out[(..., *_inside(here, x_shape[2:]))] += share
    return out


def adaptive_max_reference(x: np.ndarray, out: Ints) -> tuple[np.ndarray, np.ndarray]:
    """Largest element of each range and its index in the plane."""
    return _max(x, _ranges(x.shape[2:], out))


def adaptive_max_backward_reference(g: np.ndarray, at: np.ndarray, x_shape: Ints) -> np.ndarray:
    """g added at the indices."""
    return _scatter(g, at, x_shape)
