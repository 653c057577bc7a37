"""Convolution and its gradients from their definition, in float64 NumPy, one tap at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

Ints = tuple[int, ...]


def _taps(
    kernel: Ints, out: Ints, stride: Ints, dilation: Ints
) -> Iterator[tuple[Ints, tuple[slice, ...]]]:
    """Each tap with the slices of the padded input that it meets."""
    for tap in product(*map(range, kernel)):
        yield (
            tap,
            tuple(
                slice(k * d, k * d + (o - 1) * s + 1, s) if o else slice(0)
                for k, o, s, d in zip(tap, out, stride, dilation, strict=True)
            ),
        )


def _grouped(x: np.ndarray, groups: int) -> np.ndarray:
    return x.reshape(x.shape[0], groups, -1 if x.size else x.shape[1] // groups, *x.shape[2:])


def _padded(x: np.ndarray, padding: Ints) -> np.ndarray:
    return np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))


def conv_reference(
    x: np.ndarray, w: np.ndarray, bias: np.ndarray | None, stride: Ints, padding: Ints,
    dilation: Ints, groups: int = 1, tf32: bool = False,
) -> np.ndarray:  # fmt: skip
    """The sum over channels and taps."""
    z = _padded(x, padding)
    reach = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilation, strict=True)]
    out = tuple((n - r) // s + 1 for n, r, s in zip(z.shape[2:], reach, stride, strict=True))
    filters = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
    y = np.zeros((x.shape[0], groups, filters.shape[1], *out))
    for tap, at in _taps(w.shape[2:], out, stride, dilation):
        part = _grouped(z[(..., *at)], groups)
        y += np.einsum("ngc...,gfc->ngf...", part, filters[(..., *tap)])
    y = y.reshape(x.shape[0], w.shape[0], *out)
    return y if bias is None else y + bias.reshape(-1, *(1,) * len(out))


def conv_input_reference(
    g: np.ndarray, w: np.ndarray, x_shape: Ints, stride: Ints, padding: Ints, dilation: Ints,
    groups: int = 1, tf32: bool = False,
) -> np.ndarray:  # fmt: skip
    """Each output's gradient added to the inputs that it read."""
    wide = [n + 2 * p for n, p in zip(x_shape[2:], padding, strict=True)]
    z = np.zeros((x_shape[0], groups, x_shape[1] // groups, *wide))
    filters = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
    parts = _grouped(g, groups)
    for tap, at in _taps(w.shape[2:], g.shape[2:], stride, dilation):
        z[(..., *at)] += np.einsum("ngf...,gfc->ngc...", parts, filters[(..., *tap)])
    inner = tuple(slice(p, p + n) for n, p in zip(x_shape[2:], padding, strict=True))
    return z.reshape(*x_shape[:2], *wide)[(..., *inner)]


def conv_weight_reference(
    g: np.ndarray, x: np.ndarray, w_shape: Ints, stride: Ints, padding: Ints, dilation: Ints,
    groups: int = 1, tf32: bool = False,
) -> np.ndarray:  # fmt: skip
    """Gradient of each tap: the sum over images and positions of output gradient times input."""
    z = _padded(x, padding)
    out = np.zeros((groups, w_shape[0] // groups, *w_shape[1:]))
    parts: Any = _grouped(g, groups)
    parts = parts.reshape(*parts.shape[:3], math.prod(parts.shape[3:]))
    for tap, at in _taps(w_shape[2:], g.shape[2:], stride, dilation):
        read = _grouped(z[(..., *at)], groups)
        read = read.reshape(*read.shape[:3], parts.shape[3])
        out[(..., *tap)] = np.einsum("ngfp,ngcp->gfc", parts, read)
    return out.reshape(w_shape)


def conv_transposed_reference(
    x: np.ndarray, w: np.ndarray, bias: np.ndarray | None, stride: Ints, padding: Ints,
    output_padding: Ints, dilation: Ints, groups: int = 1, tf32: bool = False,
) -> np.ndarray:  # fmt: skip
    """Each input times the window it spreads over."""
    size = [
        (n - 1) * s - 2 * p + d * (k - 1) + extra + 1
        for n, k, s, p, extra, d in zip(
            x.shape[2:], w.shape[2:], stride, padding, output_padding, dilation, strict=True
        )
    ]
    shape = (x.shape[0], w.shape[1] * groups, *size)
    y = conv_input_reference(x, w, shape, stride, padding, dilation, groups)
    return y if bias is None else y + bias.reshape(-1, *(1,) * len(size))
