"""Max, average, adaptive and fractional pooling, and unpooling, of one to three spatial axes.

Knows arrays (N, C, *S) and per-axis tuples; an index is a position in its own flattened plane. Must
not know Tensor. Sums run one axis at a time in a fixed order; gradients are gathered or counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from .parallel import over_blocks

Ints = tuple[int, ...]


def pooled_size(
    n: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool
) -> int:
    """Return the output length of one axis; the last window must start before the right padding.

    >>> pooled_size(5, 2, 2, 0, 1, False), pooled_size(5, 2, 2, 0, 1, True)
    (2, 3)
    """
    room = n + 2 * padding - dilation * (kernel - 1) - 1 + (stride - 1 if ceil_mode else 0)
    out = room // stride + 1
    return out - 1 if ceil_mode and (out - 1) * stride >= n + padding else out


def _check(op: str, x: Ints, *params: Ints) -> None:
    axes = len(x) - 2
    if axes < 1 or any(len(p) != axes for p in params):
        raise ValueError(f"{op}: ranks do not fit: input {x}, parameters {params}")


def _check_window(
    op: str, x: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil_mode: bool
) -> Ints:
    _check(op, x, kernel, stride, padding, dilation)
    if min(kernel) < 1 or min(stride) < 1 or min(dilation) < 1 or min(padding) < 0:
        raise ValueError(
            f"{op}: expected positive sizes, got {kernel=}, {stride=}, {padding=}, {dilation=}"
        )
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        raise ValueError(
            f"{op}: pad should be at most half of effective kernel size, got {kernel=}, {padding=}"
        )
    specs = zip(x[2:], kernel, stride, padding, dilation, strict=True)
    out = tuple(pooled_size(*spec, ceil_mode) for spec in specs)
    if min(out) < 1:
        raise ValueError(f"{op}: output size {out} is too small for input {x} and {kernel=}")
    return out


def _planes(x: np.ndarray) -> np.ndarray:
    return x.reshape(math.prod(x.shape[:2]), *x.shape[2:])


def _lowest(dtype: np.dtype) -> float | int:
    return int(np.iinfo(dtype).min) if dtype.kind in "iu" else -math.inf


# ---- max ----


def max_pool_forward(
    x: np.ndarray, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil_mode: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest element of each window and its int64 index in its plane.

    Of equal elements the first counts, of NaNs the last.

    >>> y, at = max_pool_forward(np.array([[[1.0, 3.0, 2.0, 2.0]]]), (2,), (2,), (0,), (1,), False)
    >>> y.tolist(), at.tolist()
    ([[[3.0, 2.0]]], [[[1, 2]]])
    """
    out = _check_window("max_pool_forward", x.shape, kernel, stride, padding, dilation, ceil_mode)
    planes = _planes(x)
    y = np.empty((planes.shape[0], *out), x.dtype)
    index = np.empty(y.shape, np.int64)
    tap_offset, origin = _window_index(x.shape[2:], out, kernel, stride, padding, dilation)
    # a window of nothing but -inf equals its padding too: then the first tap inside counts
    first = _first_tap(out, kernel, stride, padding, dilation)
    steps = list(product(*map(range, kernel)))

    def run(start: int, stop: int) -> None:
        block = _pad_lowest(planes[start:stop], out, kernel, stride, padding, dilation)
        taps = [
            np.ascontiguousarray(block[_tap_slices(tap, out, stride, dilation)]) for tap in steps
        ]
        np.add(
            tap_offset[np.maximum(_arg_largest(taps, y[start:stop]), first)],
            origin,
            out=index[start:stop],
        )

    over_blocks(planes.shape[0], math.prod(x.shape[2:]), run)
    shape = (*x.shape[:2], *out)
    return y.reshape(shape), index.reshape(shape)


def _window_index(
    size: Ints, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> tuple[np.ndarray, np.ndarray]:
    """Return each tap's offset and each output's origin; their sum is the index in the plane."""
    steps = [math.prod(size[a + 1 :]) for a in range(len(size))]
    offset, origin = np.zeros(1, np.int64), np.zeros((1,), np.int64)
    for n, k, s, p, d, step in zip(out, kernel, stride, padding, dilation, steps, strict=True):
        offset = (offset[:, None] + np.arange(k) * (d * step)).reshape(-1)
        origin = origin[..., None] + (np.arange(n) * s - p) * step
    return offset, origin[0]


def _first_tap(out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> np.ndarray:
    """Return the number of each window's first tap that lies inside the input."""
    first = np.zeros((), np.int64)
    for n, k, s, p, d in zip(out, kernel, stride, padding, dilation, strict=True):
        skipped = np.maximum(0, -((np.arange(n) * s - p) // d))
        first = first[..., None] * k + skipped
    return first


def _pad_lowest(
    block: np.ndarray, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> np.ndarray:
    reach = [
        (o - 1) * s + (k - 1) * d + 1
        for o, s, k, d in zip(out, stride, kernel, dilation, strict=True)
    ]
    sizes = zip(reach, block.shape[1:], padding, strict=True)
    if all(r <= n and p == 0 for r, n, p in sizes):
        return block
    # the right edge: what windows reach, or all of the input where windows stop short of it
    whole = [max(r, n + p) for r, n, p in zip(reach, block.shape[1:], padding, strict=True)]
    padded = np.full((block.shape[0], *whole), _lowest(block.dtype), block.dtype)
    inside: Any = (slice(p, p + n) for p, n in zip(padding, block.shape[1:], strict=True))
    padded[(..., *inside)] = block
    return padded


def _tap_slices(tap: Ints, out: Ints, stride: Ints, dilation: Ints) -> Any:
    specs = zip(tap, out, stride, dilation, strict=True)
    return (..., *(slice(k * d, k * d + (o - 1) * s + 1, s) for k, o, s, d in specs))


def _arg_largest(taps: list[np.ndarray], y: np.ndarray) -> np.ndarray:
    """Write the largest tap into y; return its number: the first of equals, the last of NaNs.

    Ranks are multiplied and maximised as small integers: 5 us where a masked copy took 214.
    """
    count = len(taps)
    y[...] = taps[0]
    for tap in taps[1:]:
        np.maximum(y, tap, out=y)
    rank = np.zeros(y.shape, np.min_scalar_type(count))
    for at, tap in enumerate(taps):
        np.maximum(
            rank, np.equal(tap, y).astype(rank.dtype) * rank.dtype.type(count - at), out=rank
        )
    number = count - rank
    if np.isnan(np.max(y, initial=0)):
        for at, tap in enumerate(taps):
            number[np.isnan(tap)] = at
    return number


def max_pool_backward(
    g: np.ndarray, indices: np.ndarray, x_shape: Ints, disjoint: bool = False
) -> np.ndarray:
    """Add g (N, C, *O) at `indices` into zeros of `x_shape`, repeats in order, in double precision.

    `disjoint` says that no index repeats in a plane (windows do not overlap), which is faster.

    >>> max_pool_backward(np.ones((1, 1, 2)), np.array([[[1, 1]]]), (1, 1, 3)).tolist()
    [[[0.0, 2.0, 0.0]]]
    """
    _check("max_pool_backward", x_shape, g.shape[2:])
    _check_indices("max_pool_backward", indices, g.shape, x_shape[2:])
    return _put_planes(g, indices, x_shape, disjoint)


def _check_indices(op: str, indices: np.ndarray, shape: Ints, size: Ints) -> None:
    if indices.shape != tuple(shape):
        raise ValueError(
            f"{op}: indices {indices.shape} must have the shape of the values {tuple(shape)}"
        )
    if indices.size and (indices.min() < 0 or indices.max() >= math.prod(size)):
        wrong = indices[(indices < 0) | (indices >= math.prod(size))].flat[0]
        volume = "x".join(map(str, size))
        raise RuntimeError(
            f"Found an invalid max index: {wrong} (output volumes are of size {volume})"
        )


def _put_planes(values: np.ndarray, indices: np.ndarray, shape: Ints, disjoint: bool) -> np.ndarray:
    planes, plane = math.prod(shape[:2]), math.prod(shape[2:])
    out = np.zeros((planes, plane), values.dtype)
    values = values.reshape(planes, math.prod(values.shape[2:]))
    indices = indices.reshape(values.shape)
    assign = disjoint or values.dtype.kind == "c"

    def run(start: int, stop: int) -> None:
        flat = indices[start:stop] + (np.arange(stop - start) * plane)[:, None]
        if assign:
            out[start:stop].reshape(-1)[flat] = values[start:stop]
        else:
            total = np.bincount(
                flat.reshape(-1), values[start:stop].reshape(-1), (stop - start) * plane
            )
            out[start:stop] = total.reshape(stop - start, plane)

    if plane:
        over_blocks(planes, plane, run)
    return out.reshape(shape)


def take_planes(x: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Read x (N, C, *S) at plane indices: the transpose of `max_pool_backward` and `max_unpool`.

    >>> take_planes(np.array([[[5.0, 6.0, 7.0]]]), np.array([[[2, 0]]])).tolist()
    [[[7.0, 5.0]]]
    """
    rows = x.reshape(math.prod(x.shape[:2]), math.prod(x.shape[2:]))
    at = indices.reshape(rows.shape[0], math.prod(indices.shape[2:]))
    return np.take_along_axis(rows, at, axis=1).reshape(indices.shape)


def max_unpool(x: np.ndarray, indices: np.ndarray, size: Ints) -> np.ndarray:
    """Put x (N, C, *O) at plane `indices` into zeros (N, C, *size); of repeats the last counts.

    >>> max_unpool(np.array([[[5.0, 6.0]]]), np.array([[[1, 3]]]), (4,)).tolist()
    [[[0.0, 5.0, 0.0, 6.0]]]
    """
    _check("max_unpool", x.shape, size)
    _check_indices("max_unpool", indices, x.shape, size)
    return _put_planes(x, indices, (*x.shape[:2], *size), disjoint=True)


# ---- average ----


def avg_pool_forward(
    x: np.ndarray,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None = None,
) -> np.ndarray:
    """Average each window of x (N, C, *S).

    >>> avg_pool_forward(np.array([[[1.0, 3.0, 5.0, 7.0]]]), (2,), (2,), (0,), False, True).tolist()
    [[[2.0, 6.0]]]
    """
    ones = (1,) * len(kernel)
    out = _check_window("avg_pool_forward", x.shape, kernel, stride, padding, ones, ceil_mode)
    y = np.empty((math.prod(x.shape[:2]), *out), x.dtype)
    planes, size = _planes(x), x.shape[2:]
    divisor = _divisor(size, out, kernel, stride, padding, count_include_pad, divisor_override)
    divisor = divisor.astype(x.dtype)

    def run(start: int, stop: int) -> None:
        total = planes[start:stop]
        for axis in range(len(kernel), 0, -1):
            at = axis - 1
            total = _sum_windows(total, axis, out[at], kernel[at], stride[at], padding[at])
        _divide(total, divisor, y[start:stop])

    over_blocks(planes.shape[0], math.prod(size), run)
    return y.reshape(*x.shape[:2], *out)


def avg_pool_backward(
    g: np.ndarray,
    x_shape: Ints,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None = None,
) -> np.ndarray:
    """Apply the transpose of `avg_pool_forward` to g, giving `x_shape`.

    >>> avg_pool_backward(np.ones((1, 1, 2)), (1, 1, 4), (2,), (2,), (0,), False, True).tolist()
    [[[0.5, 0.5, 0.5, 0.5]]]
    """
    ones = (1,) * len(kernel)
    out = _check_window("avg_pool_backward", x_shape, kernel, stride, padding, ones, ceil_mode)
    if g.shape != (*x_shape[:2], *out):
        raise ValueError(
            f"avg_pool_backward: expected a gradient of shape {(*x_shape[:2], *out)}, got {g.shape}"
        )
    gx = np.empty((math.prod(x_shape[:2]), *x_shape[2:]), g.dtype)
    planes, size = _planes(g), x_shape[2:]
    divisor = _divisor(size, out, kernel, stride, padding, count_include_pad, divisor_override)
    divisor = divisor.astype(g.dtype)

    def run(start: int, stop: int) -> None:
        part = np.empty_like(planes[start:stop])
        _divide(planes[start:stop], divisor, part)
        for at in range(len(kernel)):
            part = _add_windows(part, at + 1, size[at], kernel[at], stride[at], padding[at])
        gx[start:stop] = part

    over_blocks(planes.shape[0], math.prod(size), run)
    return gx.reshape(x_shape)


def _divide(total: np.ndarray, divisor: np.ndarray, out: np.ndarray) -> None:
    if out.dtype.kind in "iu":
        out[...] = np.trunc(total / divisor)
    else:
        np.divide(total, divisor, out=out)


def _divisor(
    size: Ints,
    out: Ints,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    include_pad: bool,
    override: int | None,
) -> np.ndarray:
    """Return what each output's sum is divided by; past the padding nothing counts."""
    if override is not None:
        if override == 0:
            raise ValueError("avg_pool: divisor must be not zero")
        return np.full(out, override)
    count = np.ones((), np.int64)
    for n, o, k, s, p in zip(size, out, kernel, stride, padding, strict=True):
        start = np.arange(o) * s - p
        stop = np.minimum(start + k, n + p)
        inside = np.minimum(stop, n) - np.maximum(start, 0)
        count = count[..., None] * (stop - start if include_pad else np.maximum(inside, 1))
    return count


def _axis_slice(axis: int, part: Any) -> Any:
    return (*(slice(None),) * axis, part)


def window_parts(n: int, out: int, base: int, stride: int) -> tuple[slice, slice] | None:
    """Return outputs o and inputs o * stride + base in 0..n as slices; None where there is none.

    >>> window_parts(4, 3, -1, 2)
    (slice(1, 3, None), slice(1, 4, 2))
    """
    first = max(0, -(base // stride))
    last = min(out, (n - base + stride - 1) // stride)
    if last <= first:
        return None
    return slice(first, last), slice(first * stride + base, (last - 1) * stride + base + 1, stride)


def _sum_windows(
    x: np.ndarray, axis: int, out: int, kernel: int, stride: int, padding: int
) -> np.ndarray:
    shape = list(x.shape)
    shape[axis] = out
    total = np.zeros(shape, x.dtype)
    for tap in range(kernel):
        parts = window_parts(x.shape[axis], out, tap - padding, stride)
        if parts is not None:
            total[_axis_slice(axis, parts[0])] += x[_axis_slice(axis, parts[1])]
    return total


def _add_windows(
    g: np.ndarray, axis: int, n: int, kernel: int, stride: int, padding: int
) -> np.ndarray:
    """Apply the transpose of `_sum_windows`."""
    shape = list(g.shape)
    shape[axis] = n
    total = np.zeros(shape, g.dtype)
    for tap in range(kernel):
        parts = window_parts(n, g.shape[axis], tap - padding, stride)
        if parts is not None:
            total[_axis_slice(axis, parts[1])] += g[_axis_slice(axis, parts[0])]
    return total


# ---- adaptive ----


def adaptive_ranges(n: int, out: int) -> tuple[np.ndarray, np.ndarray]:
    """Return each output's first input floor(o n / out) and end ceil((o + 1) n / out).

    >>> [a.tolist() for a in adaptive_ranges(5, 3)]
    [[0, 1, 3], [2, 4, 5]]
    """
    o = np.arange(out)
    return o * n // max(out, 1), -(-(o + 1) * n // max(out, 1))


def adaptive_avg_forward(x: np.ndarray, out: Ints) -> np.ndarray:
    """Average x (N, C, *S) over the adaptive ranges into (N, C, *out).

    >>> adaptive_avg_forward(np.array([[[1.0, 3.0, 5.0, 7.0]]]), (2,)).tolist()
    [[[2.0, 6.0]]]
    """
    _check("adaptive_avg_forward", x.shape, out)
    for axis in range(len(out) + 1, 1, -1):
        start, stop = adaptive_ranges(x.shape[axis], out[axis - 2])
        x = _sum_ranges(x, axis, start, stop) / _along(stop - start, axis, x)
    return x


def adaptive_avg_backward(g: np.ndarray, x_shape: Ints) -> np.ndarray:
    """Apply the transpose of `adaptive_avg_forward` to g, giving `x_shape`.

    >>> adaptive_avg_backward(np.ones((1, 1, 2)), (1, 1, 4)).tolist()
    [[[0.5, 0.5, 0.5, 0.5]]]
    """
    _check("adaptive_avg_backward", x_shape, g.shape[2:])
    for axis in range(2, len(x_shape)):
        start, stop = adaptive_ranges(x_shape[axis], g.shape[axis])
        i = np.arange(x_shape[axis])
        # ranges are ordered, so the outputs that read input i are a range themselves
        first, last = np.searchsorted(stop, i, "right"), np.searchsorted(start, i, "right")
        g = _sum_ranges(g / _along(stop - start, axis, g), axis, first, last)
    return g


def _along(values: np.ndarray, axis: int, like: np.ndarray) -> np.ndarray:
    return values.astype(like.dtype).reshape(-1, *(1,) * (like.ndim - axis - 1))


def _sum_ranges(x: np.ndarray, axis: int, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """Sum x over start[o]..stop[o] along an axis, one position of all ranges at a time."""
    length = stop - start
    shape = list(x.shape)
    shape[axis] = len(start)
    total = np.zeros(shape, x.dtype)
    for step in range(int(length.max(initial=0))):
        rows = np.flatnonzero(length > step)
        term = np.take(x, start[rows] + step, axis=axis)
        if len(rows) == len(start):
            total += term
        else:
            total[_axis_slice(axis, rows)] += term  # rows are distinct
    return total


def adaptive_max_forward(x: np.ndarray, out: Ints) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest element of each adaptive range and its index in its plane.

    >>> y, at = adaptive_max_forward(np.array([[[1.0, 3.0, 7.0, 5.0]]]), (2,))
    >>> y.tolist(), at.tolist()
    ([[[3.0, 7.0]]], [[[1, 2]]])
    """
    _check("adaptive_max_forward", x.shape, out)
    size = x.shape[2:]
    if all(o and n % o == 0 and n for n, o in zip(size, out, strict=True)):
        kernel = tuple(n // o for n, o in zip(size, out, strict=True))
        return max_pool_forward(x, kernel, kernel, (0,) * len(out), (1,) * len(out), False)
    ranges = [adaptive_ranges(n, o) for n, o in zip(size, out, strict=True)]
    lengths = [range(int((stop - start).max(initial=0))) for start, stop in ranges]
    # past its range a tap repeats the range's last element, which never replaces its equal
    return _largest_of(
        x,
        out,
        (
            [np.minimum(a + k, b - 1) for k, (a, b) in zip(tap, ranges, strict=True)]
            for tap in product(*lengths)
        ),
    )


def _largest_of(
    x: np.ndarray, out: Ints, taps: Iterator[list[np.ndarray]]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest over taps, each given by positions (o,) or (planes, o) along each axis."""
    planes = _planes(x)
    rows = planes.reshape(planes.shape[0], math.prod(x.shape[2:]))
    shape = (planes.shape[0], *out)
    y, index = np.full(shape, _lowest(x.dtype), x.dtype), np.zeros(shape, np.int64)
    for number, positions in enumerate(taps):
        at = np.broadcast_to(_join(positions, x.shape[2:]), shape)
        value = np.take_along_axis(rows, at.reshape(rows.shape[0], math.prod(out)), axis=1).reshape(
            shape
        )
        better = ~(value <= y) if number else np.ones(shape, bool)  # a NaN is better than anything
        if number and x.dtype.kind == "f":
            better &= ~np.isnan(y) | np.isnan(value)
        y, index = np.where(better, value, y), np.where(better, at, index)
    return y.reshape(*x.shape[:2], *out), index.reshape(*x.shape[:2], *out)


def _join(positions: list[np.ndarray], size: Ints) -> np.ndarray:
    """Return plane indices (planes or 1, *out) of the outer product of positions by axis."""
    flat = np.zeros((1, *(1,) * len(size)), np.int64)
    for axis, (at, n) in enumerate(zip(positions, size, strict=True)):
        at = at.reshape(math.prod(at.shape[:-1]), at.shape[-1])
        spread = at.reshape(at.shape[0], *(1,) * axis, at.shape[1], *(1,) * (len(size) - axis - 1))
        flat = flat * n + spread
    return flat


# ---- fractional ----


def fractional_max_forward(
    x: np.ndarray, kernel: Ints, out: Ints, samples: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return each window's largest element and index, windows placed by samples (N, C, axes).

    Samples lie in [0, 1) and belong to axes as torch has it: two axes last first, three in order.
    Source: Graham, Fractional Max-Pooling, 2014.

    >>> x = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> y, at = fractional_max_forward(x, (2, 2), (2, 2), np.zeros((1, 1, 2)))
    >>> y.tolist()
    [[[[4.0, 5.0], [7.0, 8.0]]]]
    """
    _check("fractional_max_forward", x.shape, kernel, out)
    expected = (*x.shape[:2], len(kernel))
    if samples.shape != expected:
        raise ValueError(
            f"fractional_max_forward: expected samples {expected}, got {samples.shape}"
        )
    if any(k + o - 1 > n for k, o, n in zip(kernel, out, x.shape[2:], strict=True)):
        raise ValueError(
            f"fractional_max_forward: {kernel=} and {out=} are too large for input {x.shape}"
        )
    u = samples.reshape(-1, len(kernel))
    order = (1, 0) if len(kernel) == 2 else range(len(kernel))
    specs = zip(x.shape[2:], out, kernel, order, strict=True)
    starts = [_fractional_starts(u[:, column], n, o, k) for n, o, k, column in specs]
    steps = product(*map(range, kernel))
    return _largest_of(x, out, ([a + k for k, a in zip(tap, starts, strict=True)] for tap in steps))


def _fractional_starts(u: np.ndarray, n: int, out: int, kernel: int) -> np.ndarray:
    starts = np.full((len(u), out), n - kernel, np.int64)
    if out > 1:
        alpha = u.dtype.type(n - kernel) / u.dtype.type(out - 1)
        steps = np.arange(out - 1, dtype=u.dtype)
        moved = ((steps + u[:, None]) * alpha).astype(np.int64)
        starts[:, :-1] = moved - (u * alpha).astype(np.int64)[:, None]
    return starts
