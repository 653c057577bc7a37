"""Adaptive average and max pooling in one to three dimensions, with gradients that gather.

Output o of m reads inputs floor(o n / m) to ceil((o + 1) n / m) of n. In the forward kernels a row
is one output and its columns its inputs, so that one output of a whole plane is a reduction, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import triton
import triton.language as tl

from ...checks.cases import Case, Maker, kernel, op
from ...launching.arrays import cdiv, empty, floating, next_power_of_2, reaches_past_int32, strides
from ...launching.launch import launch
from ...launching.policy import choose
from ...references.pool import (
    adaptive_avg_backward_reference,
    adaptive_avg_reference,
    adaptive_max_backward_reference,
    adaptive_max_reference,
)
from .pool import planes_of
from .windows import apart, check, laid, like, positive, spatial, three

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool3d.html"


@triton.jit
def range_of(at, size, out):
    """(first input, number of inputs) of output `at` of an axis."""
    first = at * size // out
    return first, tl.cdiv((at + 1) * size, out) - first


@kernel(source=SOURCE, hot=True)
@triton.jit
def adaptive_pool_kernel(
    x_ptr, y_ptr, index_ptr, rows, channels, most, depth, height, width, out_depth, out_height,
    out_width, x_n, x_c, x_d, x_h, x_w, MAX: tl.constexpr, WIDE: tl.constexpr, ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """y = mean of each output's range of x (N, C, *S); with MAX its largest, index its place.

    x: any strides; y, index (int64, or None): row-major. A row is an (n, c, o); `most` is how many
    inputs the largest range has. Of equals the first counts, of NaNs the last.
    """
    index = tl.int64 if WIDE else tl.int32
    wide = tl.float64 if x_ptr.dtype.element_ty == tl.float64 else tl.float32
    area = out_depth * out_height * out_width
    row = tl.program_id(0).to(index) * ROWS + tl.arange(0, ROWS)[:, None]
    plane = row // area
    place = (row % area).to(index)
    x_ptr += plane // channels * x_n + plane % channels * x_c
    first_d, many_d = range_of(place // (out_height * out_width), depth, out_depth)
    first_h, many_h = range_of(place // out_width % out_height, height, out_height)
    first_w, many_w = range_of(place % out_width, width, out_width)
    many = many_d * many_h * many_w
    last = height * width * depth
    total = tl.zeros([ROWS, 1], wide)
    best = tl.full([ROWS, 1], float("-inf"), wide)
    found = tl.full([ROWS, 1], 0, index) + last
    wrong = tl.full([ROWS, 1], -1, index)
    for start in range(0, most, BLOCK):
        at = start + tl.arange(0, BLOCK)[None, :]
        d = first_d + at // (many_h * many_w)
        h = first_h + at // many_w % many_h
        w = first_w + at % many_w
        ok = (row < rows) & (at < many)
        x = tl.load(x_ptr + (d * x_d + h * x_h + w * x_w), mask=ok, other=0.0).to(wide)
        if MAX:
            flat = (d * height + h) * width + w
            peak = tl.max(tl.where(ok & (x == x), x, float("-inf")), axis=1)[:, None]
            spot = tl.min(tl.where(ok & (x == peak), flat, last), axis=1)[:, None]
            found = tl.where((peak > best) | (found == last), spot, found)
            best = tl.maximum(best, peak)
            wrong = tl.maximum(wrong, tl.max(tl.where(ok & (x != x), flat, -1), axis=1)[:, None])
        else:
            total += tl.sum(x, axis=1)[:, None]
    if MAX:
        y = tl.where(wrong >= 0, float("nan"), best)
        found = tl.where(wrong >= 0, wrong, found)
        tl.store(index_ptr + row, found.to(tl.int64), mask=row < rows)
    else:
        y = total / many.to(wide)
    tl.store(y_ptr + row, y.to(y_ptr.dtype.element_ty), mask=row < rows)


@kernel(source=SOURCE + " (its transpose, gathered)", hot=True)
@triton.jit
def adaptive_pool_backward_kernel(
    g_ptr, index_ptr, out_ptr, planes, channels, depth, height, width, out_depth, out_height,
    out_width, g_n, g_c, g_d, g_h, g_w, i_n, i_c, i_d, i_h, i_w, most_d, most_h, most_w,
    MAX: tl.constexpr, WIDE: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Gradient in x (N, C, *S): each input sums g (N, C, *O) of the outputs that read it.

    g, index (or None): any strides; out: row-major. With MAX those that chose it, whole, else
    their shares. `most`: how many outputs of an axis may read an input.
    """
    index = tl.int64 if WIDE else tl.int32
    wide = tl.float64 if g_ptr.dtype.element_ty == tl.float64 else tl.float32
    area = depth * height * width
    blocks = tl.cdiv(area, BLOCK)
    row = (tl.program_id(0) // blocks).to(index) * ROWS + tl.arange(0, ROWS)[:, None]
    place = (tl.program_id(0) % blocks).to(index) * BLOCK + tl.arange(0, BLOCK)[None, :]
    g_ptr += row // channels * g_n + row % channels * g_c
    at_d, at_h, at_w = place // (height * width), place // width % height, place % width
    # input i is read by outputs floor(i m / n) to ceil((i + 1) m / n): the same rule, turned round
    first_d, many_d = range_of(at_d, out_depth, depth)
    first_h, many_h = range_of(at_h, out_height, height)
    first_w, many_w = range_of(at_w, out_width, width)
    ok = (row < planes) & (place < area)
    total = tl.zeros([ROWS, BLOCK], wide)
    for j in range(0, most_d * most_h * most_w):
        jd, jh, jw = j // (most_h * most_w), j // most_w % most_h, j % most_w
        inside = ok & (jd < many_d) & (jh < many_h) & (jw < many_w)
        d, h, w = first_d + jd, first_h + jh, first_w + jw
        if MAX:
            i_at = row // channels * i_n + row % channels * i_c + (d * i_d + h * i_h + w * i_w)
            chosen = tl.load(index_ptr + i_at, mask=inside, other=-1)
            inside &= chosen == place
        g = tl.load(g_ptr + (d * g_d + h * g_h + w * g_w), mask=inside, other=0.0).to(wide)
        if MAX:
            total += g
        else:
            _, size_d = range_of(d, depth, out_depth)
            _, size_h = range_of(h, height, out_height)
            _, size_w = range_of(w, width, out_width)
            total += g / (size_d * size_h * size_w).to(wide)
    tl.store(out_ptr + row * area + place, total.to(out_ptr.dtype.element_ty), mask=ok)


# (name, x, output size)
_SHAPES = [
    ("1d", (2, 3, 11), (4,)),
    ("2d", (2, 3, 7, 6), (3, 2)),
    ("3d", (1, 2, 5, 4, 6), (2, 4, 5)),
    ("more", (1, 2, 3, 4), (5, 7)),
    ("whole", (1, 2, 33, 32), (1, 1)),
]


def _forward_cases() -> Iterator[Case]:
    for name, x, out in _SHAPES:
        for dtype in ("f32", "f16", "bf16", "f64") if name == "2d" else ("f32",):

            def build(m: Maker, x: Any = x, out: Any = out, dtype: str = dtype) -> tuple[Any, ...]:
                return m.normal(x, dtype), out

            yield Case(f"{name} {dtype}", build)
    yield Case("any strides", lambda m: (m.strided(m.normal((2, 5, 6, 3))).transpose(0, 3, 1, 2),
                                         (2, 4)))  # fmt: skip
    yield Case("past 32 bits", lambda m: (apart(m.normal((2, 2, 5), "f16")), (2,)))
    yield Case("empty", lambda m: (m.normal((0, 3, 4)), (2,)))
    yield Case("no output", lambda m: (m.normal((1, 3, 4)), (0,)))
    yield Case("no input", lambda m: (m.normal((1, 3, 0)), (2,)), refuses=ValueError)
    for dtype in ("f32", "bf16"):
        for out in ((1, 1), (7, 7)):

            def large(m: Maker, dtype: str = dtype, out: Any = out) -> tuple[Any, ...]:
                return m.normal((8, 512, 28, 28), dtype), out

            yield Case(f"big {dtype} {out}", large, big=True)


def _max_cases() -> Iterator[Case]:
    yield from _forward_cases()

    def special(m: Maker) -> tuple[Any, ...]:
        x = m.integers((1, 4, 33, 33), 4, "f32")
        x[0, 0], x[0, 1, 2:5], x[0, 2, :32], x[0, 3, 20] = (
            float("-inf"), float("nan"), float("-inf"), float("nan")
        )  # fmt: skip
        return x, (1, 1)

    yield Case("ties, -inf, nan", special)


def _forward(name: str, x: Any, out: Any, largest: bool) -> tuple[Any, Any]:
    dtype = floating(name, x)
    check(name, x.ndim - 2, out)
    positive(name, input=x.shape[2:])
    y = empty(x, (*x.shape[:2], *out))
    index = empty(x, y.shape, "int64") if largest else None
    size, outer = three(x.shape[2:], 1), three(out, 1)
    if y.size == 0:
        return y, index
    most = math.prod(_most(n, m) for n, m in zip(size, outer, strict=True))
    config = choose("pool", part="ranges", dtype=dtype)
    block = min(config.constants["BLOCK"], next_power_of_2(most))
    rows = max(1, min(config.constants["ELEMENTS"] // block, next_power_of_2(y.size)))
    whole = spatial(x)
    launch(
        adaptive_pool_kernel, (cdiv(y.size, rows),), whole, y, index, y.size, x.shape[1], most,
        *size, *outer, *strides(whole), MAX=largest, WIDE=_wide(size, outer, x, y), ROWS=rows,
        BLOCK=block, warps=config.warps, stages=config.stages,
    )  # fmt: skip
    return y, index


def _most(n: int, m: int) -> int:
    """Length of the longest of m ranges over n."""
    return n // m if n % m == 0 else min(n, n // m + 2)


def _wide(size: Any, out: Any, *arrays: Any) -> bool:
    products = [(n + 1) * (m + 1) for n, m in zip(size, out, strict=True)]
    return reaches_past_int32(*arrays) or max(products) >= 2**31


@op(reference=adaptive_avg_reference, cases=_forward_cases, ulps=8)
def adaptive_avg_pool(x: Any, out: Any) -> Any:
    """Mean of each of `out` ranges of x (N, C, *S), one int an axis: (N, C, *out)."""
    return _forward("adaptive_avg_pool", x, out, False)[0]


@op(reference=adaptive_max_reference, cases=_max_cases)
def adaptive_max_pool(x: Any, out: Any) -> tuple[Any, Any]:
    """Largest element of each of `out` ranges of x (N, C, *S), and its int64 index in its plane."""
    return _forward("adaptive_max_pool", x, out, True)


def _backward(name: str, g: Any, index: Any, x_shape: Any) -> Any:
    dtype = floating(name, g)
    check(name, len(x_shape) - 2, g.shape[2:])
    if tuple(g.shape[:2]) != tuple(x_shape[:2]) or (index is not None and index.shape != g.shape):
        raise ValueError(f"{name}: shapes do not fit: gradient {g.shape}, input {tuple(x_shape)}")
    result = empty(g, x_shape)
    programs, settings = planes_of(result, dtype, "shares")
    size, grads = three(x_shape[2:], 1), spatial(g)
    outer = grads.shape[2:]
    if result.size and not g.size:
        result[...] = 0
        return result
    chosen = None if index is None else spatial(index)
    steps = (0,) * 5 if chosen is None else strides(chosen)
    most = [_most(m, n) for n, m in zip(size, outer, strict=True)] if result.size else [1] * 3
    launch(
        adaptive_pool_backward_kernel, (programs,), grads, chosen, result,
        x_shape[0] * x_shape[1], x_shape[1], *size, *outer, *strides(grads), *steps, *most,
        MAX=index is not None, WIDE=_wide(size, outer, g, result), **settings,
    )  # fmt: skip
    return result


def _backward_cases(largest: bool) -> Iterator[Case]:
    for case in _max_cases() if largest else _forward_cases():
        if case.refuses is None and case.name != "ties, -inf, nan":

            def build(m: Maker, case: Case = case) -> tuple[Any, ...]:
                x, out = case.build(m)
                shape = (*x.shape[:2], *out)
                if m.shapes_only:
                    g, index = empty(x, shape), empty(x, shape, "int64")
                else:
                    g = like(m, x, shape)
                    index = adaptive_max_reference(x.astype("f8"), out)[1] if largest else None
                g = laid(m, case.name, g)
                return (g, laid(m, case.name, index), x.shape) if largest else (g, x.shape)

            yield Case(case.name, build, big=case.big)
    yield Case("misfit", lambda m: (m.normal((1, 3, 2)), *([m.integers((1, 3, 2), 2)] * largest),
                                    (1, 2, 4)), refuses=ValueError)  # fmt: skip


@op(reference=adaptive_avg_backward_reference, cases=lambda: _backward_cases(False), ulps=8)
def adaptive_avg_pool_backward(g: Any, x_shape: Any) -> Any:
    """Gradient of `adaptive_avg_pool` in its input of `x_shape`, from the output's gradient g."""
    return _backward("adaptive_avg_pool_backward", g, None, x_shape)


@op(reference=adaptive_max_backward_reference, cases=lambda: _backward_cases(True), ulps=8)
def adaptive_max_pool_backward(g: Any, index: Any, x_shape: Any) -> Any:
    """Gradient of `adaptive_max_pool` in its input of `x_shape`, from that of the output g.

    index: what `adaptive_max_pool` gave; an index outside of its range is ignored.
    """
    return _backward("adaptive_max_pool_backward", g, index, x_shape)
