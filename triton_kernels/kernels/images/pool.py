"""Max and average pooling in one to three dimensions, with gradients that gather.

A program holds some positions of a few planes. In the gradients each input looks at the windows
that hold it, in order: nothing is scattered.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import triton
import triton.language as tl

from ...checks.cases import Case, Maker, kernel, op
from ...launching.arrays import cdiv, empty, floating, reaches_past_int32, strides
from ...launching.launch import launch
from ...launching.policy import choose
from ...references.pool import (
    avg_pool_backward_reference,
    avg_pool_reference,
    max_pool_backward_reference,
    max_pool_reference,
)
from .windows import Ints, apart, check, laid, like, positive, spatial, three, tile, window_counts

MAX = "https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool3d.html"
AVERAGE = "https://docs.pytorch.org/docs/stable/generated/torch.nn.AvgPool3d.html"


@kernel(source=MAX, hot=True)
@triton.jit
def max_pool_kernel(
    x_ptr, y_ptr, index_ptr, planes, channels, depth, height, width, out_depth, out_height,
    out_width, x_n, x_c, x_d, x_h, x_w, stride_d, stride_h, stride_w, pad_d, pad_h, pad_w,
    dilation_d, dilation_h, dilation_w, KD: tl.constexpr, KH: tl.constexpr, KW: tl.constexpr,
    WIDE: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """y = largest of each window of x (N, C, *S), index (int64) = its place in the plane.

    x: any strides; y, index: row-major. Of equals the first counts, of NaNs the last.
    """
    index = tl.int64 if WIDE else tl.int32
    area = out_depth * out_height * out_width
    blocks = tl.cdiv(area, BLOCK)
    row = (tl.program_id(0) // blocks).to(index) * ROWS + tl.arange(0, ROWS)[:, None]
    place = (tl.program_id(0) % blocks).to(index) * BLOCK + tl.arange(0, BLOCK)[None, :]
    x_ptr += row // channels * x_n + row % channels * x_c
    first_d = place // (out_height * out_width) * stride_d - pad_d
    first_h = place // out_width % out_height * stride_h - pad_h
    first_w = place % out_width * stride_w - pad_w
    ok = (row < planes) & (place < area)
    best = tl.full([ROWS, BLOCK], float("-inf"), x_ptr.dtype.element_ty)
    # a window of -inf alone has its first element inside the input for its largest
    start_d = tl.where(first_d < 0, first_d + tl.cdiv(-first_d, dilation_d) * dilation_d, first_d)
    start_h = tl.where(first_h < 0, first_h + tl.cdiv(-first_h, dilation_h) * dilation_h, first_h)
    start_w = tl.where(first_w < 0, first_w + tl.cdiv(-first_w, dilation_w) * dilation_w, first_w)
    found = (start_d * height + start_h) * width + start_w + tl.zeros([ROWS, BLOCK], index)
    for tap in range(0, KD * KH * KW):
        kd, kh, kw = tap // (KH * KW), tap // KW % KH, tap % KW
        d, h, w = first_d + kd * dilation_d, first_h + kh * dilation_h, first_w + kw * dilation_w
        inside = (d >= 0) & (d < depth) & (h >= 0) & (h < height) & (w >= 0) & (w < width)
        x = tl.load(x_ptr + (d * x_d + h * x_h + w * x_w), mask=ok & inside, other=float("-inf"))
        take = (x > best) | (x != x)
        best = tl.where(take, x, best)
        found = tl.where(take, (d * height + h) * width + w, found)
    tl.store(y_ptr + row * area + place, best, mask=ok)
    tl.store(index_ptr + row * area + place, found.to(tl.int64), mask=ok)


@kernel(source=MAX + " (its derivative, gathered)", hot=True)
@triton.jit
def max_pool_backward_kernel(
    g_ptr, index_ptr, out_ptr, planes, channels, depth, height, width, out_depth, out_height,
    out_width, g_n, g_c, g_d, g_h, g_w, i_n, i_c, i_d, i_h, i_w, stride_d, stride_h, stride_w,
    pad_d, pad_h, pad_w, JD: tl.constexpr, JH: tl.constexpr, JW: tl.constexpr, WIDE: tl.constexpr,
    ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Gradient in x (N, C, *S): each input sums g (N, C, *O) of the windows that chose it.

    g, index: any strides; out: row-major. J: how many windows of an axis may hold an input.
    """
    index = tl.int64 if WIDE else tl.int32
    wide = tl.float64 if g_ptr.dtype.element_ty == tl.float64 else tl.float32
    area = depth * height * width
    blocks = tl.cdiv(area, BLOCK)
    row = (tl.program_id(0) // blocks).to(index) * ROWS + tl.arange(0, ROWS)[:, None]
    place = (tl.program_id(0) % blocks).to(index) * BLOCK + tl.arange(0, BLOCK)[None, :]
    g_ptr += row // channels * g_n + row % channels * g_c
    index_ptr += row // channels * i_n + row % channels * i_c
    last_d = (place // (height * width) + pad_d) // stride_d
    last_h = (place // width % height + pad_h) // stride_h
    last_w = (place % width + pad_w) // stride_w
    ok = (row < planes) & (place < area)
    total = tl.zeros([ROWS, BLOCK], wide)
    for j in range(0, JD * JH * JW):
        d, h, w = last_d - j // (JH * JW), last_h - j // JW % JH, last_w - j % JW
        inside = (d >= 0) & (d < out_depth) & (h >= 0) & (h < out_height)
        inside &= (w >= 0) & (w < out_width) & ok
        chosen = tl.load(index_ptr + (d * i_d + h * i_h + w * i_w), mask=inside, other=-1)
        g = tl.load(
            g_ptr + (d * g_d + h * g_h + w * g_w), mask=inside & (chosen == place), other=0.0
        )
        total += g.to(wide)
    tl.store(out_ptr + row * area + place, total.to(out_ptr.dtype.element_ty), mask=ok)


@triton.jit
def window_span(start, size, pad, K: tl.constexpr, PADDED: tl.constexpr):
    """Elements of a window from `start` that count as divisor: with PADDED those of the padding."""
    if PADDED:
        span = tl.minimum(start + K, size + pad) - start
    else:
        span = tl.minimum(start + K, size) - tl.maximum(start, 0)
    return span


@kernel(source=AVERAGE, hot=True)
@triton.jit
def avg_pool_kernel(
    x_ptr, y_ptr, planes, channels, divisor, depth, height, width, out_depth, out_height,
    out_width, x_n, x_c, x_d, x_h, x_w, stride_d, stride_h, stride_w, pad_d, pad_h, pad_w,
    KD: tl.constexpr, KH: tl.constexpr, KW: tl.constexpr, PADDED: tl.constexpr,
    FIXED: tl.constexpr, WIDE: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """y = sum of each window of x (N, C, *S) over its size, or over `divisor` when FIXED.

    x: any strides; y: row-major. PADDED: padding counts in a window's size.
    """
    index = tl.int64 if WIDE else tl.int32
    wide = tl.float64 if x_ptr.dtype.element_ty == tl.float64 else tl.float32
    area = out_depth * out_height * out_width
    blocks = tl.cdiv(area, BLOCK)
    row = (tl.program_id(0) // blocks).to(index) * ROWS + tl.arange(0, ROWS)[:, None]
    place = (tl.program_id(0) % blocks).to(index) * BLOCK + tl.arange(0, BLOCK)[None, :]
    x_ptr += row // channels * x_n + row % channels * x_c
    first_d = place // (out_height * out_width) * stride_d - pad_d
    first_h = place // out_width % out_height * stride_h - pad_h
    first_w = place % out_width * stride_w - pad_w
    ok = (row < planes) & (place < area)
    total = tl.zeros([ROWS, BLOCK], wide)
    for tap in range(0, KD * KH * KW):
        d, h, w = first_d + tap // (KH * KW), first_h + tap // KW % KH, first_w + tap % KW
        inside = (d >= 0) & (d < depth) & (h >= 0) & (h < height) & (w >= 0) & (w < width)
        x = tl.load(x_ptr + (d * x_d + h * x_h + w * x_w), mask=ok & inside, other=0.0)
        total += x.to(wide)
    if FIXED:
        y = total / divisor
    else:
        count = window_span(first_d, depth, pad_d, KD, PADDED)
        count *= window_span(first_h, height, pad_h, KH, PADDED)
        count *= window_span(first_w, width, pad_w, KW, PADDED)
        y = total / count.to(wide)
    tl.store(y_ptr + row * area + place, y.to(y_ptr.dtype.element_ty), mask=ok)


@kernel(source=AVERAGE + " (its transpose, gathered)", hot=True)
@triton.jit
def avg_pool_backward_kernel(
    g_ptr, out_ptr, planes, channels, divisor, depth, height, width, out_depth, out_height,
    out_width, g_n, g_c, g_d, g_h, g_w, stride_d, stride_h, stride_w, pad_d, pad_h, pad_w,
    KD: tl.constexpr, KH: tl.constexpr, KW: tl.constexpr, JD: tl.constexpr, JH: tl.constexpr,
    JW: tl.constexpr, PADDED: tl.constexpr, FIXED: tl.constexpr, WIDE: tl.constexpr,
    ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Gradient in x (N, C, *S): each input sums the shares of g (N, C, *O) of its windows.

    g: any strides; out: row-major. J: how many windows of an axis may hold an input.
    """
    index = tl.int64 if WIDE else tl.int32
    wide = tl.float64 if g_ptr.dtype.element_ty == tl.float64 else tl.float32
    area = depth * height * width
    blocks = tl.cdiv(area, BLOCK)
    row = (tl.program_id(0) // blocks).to(index) * ROWS + tl.arange(0, ROWS)[:, None]
    place = (tl.program_id(0) % blocks).to(index) * BLOCK + tl.arange(0, BLOCK)[None, :]
    g_ptr += row // channels * g_n + row % channels * g_c
    at_d = place // (height * width) + pad_d
    at_h = place // width % height + pad_h
    at_w = place % width + pad_w
    ok = (row < planes) & (place < area)
    total = tl.zeros([ROWS, BLOCK], wide)
    for j in range(0, JD * JH * JW):
        d, h = at_d // stride_d - j // (JH * JW), at_h // stride_h - j // JW % JH
        w = at_w // stride_w - j % JW
        inside = (d >= 0) & (d < out_depth) & (at_d - d * stride_d < KD)
        inside &= (h >= 0) & (h < out_height) & (at_h - h * stride_h < KH)
        inside &= (w >= 0) & (w < out_width) & (at_w - w * stride_w < KW)
        g = tl.load(g_ptr + (d * g_d + h * g_h + w * g_w), mask=ok & inside, other=0.0).to(wide)
        if FIXED:
            total += g / divisor
        else:
            count = window_span(d * stride_d - pad_d, depth, pad_d, KD, PADDED)
            count *= window_span(h * stride_h - pad_h, height, pad_h, KH, PADDED)
            count *= window_span(w * stride_w - pad_w, width, pad_w, KW, PADDED)
            total += tl.where(inside, g / count.to(wide), 0.0)
    tl.store(out_ptr + row * area + place, total.to(out_ptr.dtype.element_ty), mask=ok)


def planes_of(out: Any, dtype: str, part: str = "planes") -> tuple[int, dict[str, Any]]:
    """(programs, launch settings) of a kernel over the planes of `out`."""
    config = choose("pool", part=part, dtype=dtype)
    planes, area = out.shape[0] * out.shape[1], math.prod(out.shape[2:])
    rows, block = tile(planes, area, config.constants["BLOCK"], config.constants["ELEMENTS"])
    settings = {"ROWS": rows, "BLOCK": block, "warps": config.warps, "stages": config.stages}
    return cdiv(planes, rows) * cdiv(area, block), settings


def _check(
    name: str, x_shape: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool
) -> Ints:
    check(name, len(x_shape) - 2, kernel, stride, padding, dilation)
    positive(name, kernel=kernel, stride=stride, dilation=dilation)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    if any(p < 0 or 2 * p > r for p, r in zip(padding, reach, strict=True)):
        raise ValueError(
            f"{name}: padding must be at most half of the window, got {tuple(padding)} for "
            f"{tuple(kernel)} with dilation {tuple(dilation)}"
        )
    out = window_counts(x_shape[2:], kernel, stride, padding, dilation, ceil)
    if min(out) < 1:
        raise ValueError(f"{name}: the window {tuple(kernel)} does not fit {tuple(x_shape)}")
    return out


def _overlap(kernel: Any, stride: Any, dilation: Any) -> Ints:
    """How many windows of each axis may hold one input."""
    spans = zip(kernel, stride, dilation, strict=True)
    return three([(k - 1) * d // s + 1 for k, s, d in spans], 1)


# (name, x, kernel, stride, padding, dilation, ceil)
_SHAPES = [
    ("1d", (2, 3, 12), (3,), (2,), (1,), (1,), True),
    ("2d", (2, 3, 7, 6), (3, 2), (2, 1), (1, 1), (1, 2), False),
    ("3d", (1, 2, 5, 4, 5), (2, 3, 2), (2, 1, 3), (1, 1, 0), (1, 1, 2), True),
    ("apart", (1, 2, 10, 7), (2, 2), (3, 2), (0, 0), (1, 1), True),
]


def _max_cases() -> Iterator[Case]:
    for name, x, *rest in _SHAPES:
        for dtype in ("f32", "f16", "bf16", "f64") if name == "2d" else ("f32",):

            def build(
                m: Maker, x: Any = x, rest: Any = rest, dtype: str = dtype
            ) -> tuple[Any, ...]:
                return m.normal(x, dtype), *rest

            yield Case(f"{name} {dtype}", build)
    plain = (2, 2), (1, 1), (1, 1), (1, 1), False

    def special(m: Maker) -> tuple[Any, ...]:
        x = m.integers((2, 3, 6, 7), 3, "f32")
        x[0, 0], x[0, 1, 2:5] = float("-inf"), float("nan")
        return x, *plain

    yield Case("ties, -inf, nan", special)
    yield Case("any strides", lambda m: (
        m.strided(m.normal((2, 5, 6, 3))).transpose(0, 3, 1, 2), *plain))  # fmt: skip
    yield Case("past 32 bits", lambda m: (apart(m.normal((2, 2, 3, 3), "f16")), *plain))
    yield Case("empty", lambda m: (m.normal((0, 3, 4, 4)), *plain))
    yield Case("too long", lambda m: (m.normal((1, 1, 2, 2)), (5, 5), (1, 1), (0, 0), (1, 1)),
               refuses=ValueError)  # fmt: skip
    yield Case("too padded", lambda m: (m.normal((1, 1, 9)), (2,), (1,), (2,), (1,)),
               refuses=ValueError)  # fmt: skip
    for dtype in ("f32", "bf16"):

        def large(m: Maker, dtype: str = dtype) -> tuple[Any, ...]:
            return m.normal((8, 64, 112, 112), dtype), (3, 3), (2, 2), (1, 1), (1, 1)

        yield Case(f"big {dtype}", large, big=True)


@op(reference=max_pool_reference, cases=_max_cases)
def max_pool(
    x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool = False
) -> tuple[Any, Any]:
    """Largest element of each window of x (N, C, *S), and its int64 index in its plane.

    One int an axis (1 to 3 axes). Of equals the first counts, of NaNs the last. ValueError where a
    window does not fit or padding exceeds half of it.
    """
    dtype = floating("max_pool", x)
    out = _check("max_pool", x.shape, kernel, stride, padding, dilation, ceil)
    y = empty(x, (*x.shape[:2], *out))
    index = empty(x, y.shape, "int64")
    programs, settings = planes_of(y, dtype)
    whole, sizes = spatial(x), three(kernel, 1)
    launch(
        max_pool_kernel, (programs,), whole, y, index, x.shape[0] * x.shape[1], x.shape[1],
        *whole.shape[2:], *three(out, 1), *strides(whole), *three(stride, 1), *three(padding, 0),
        *three(dilation, 1), KD=sizes[0], KH=sizes[1], KW=sizes[2],
        WIDE=reaches_past_int32(x, y), **settings,
    )  # fmt: skip
    return y, index


def _max_backward_cases() -> Iterator[Case]:
    for case in _max_cases():
        if case.refuses is None:

            def build(m: Maker, case: Case = case) -> tuple[Any, ...]:
                x, *rest = case.build(m)
                if m.shapes_only:
                    parameters = (*rest, False)[:5]
                    shape = (*x.shape[:2], *window_counts(x.shape[2:], *parameters))
                    made = empty(x, shape), empty(x, shape, "int64")
                    return *[laid(m, case.name, a) for a in made], x.shape, *rest
                y, index = max_pool_reference(x.astype("f8"), *rest)
                g = like(m, x, y.shape)
                return laid(m, case.name, g), laid(m, case.name, index), x.shape, *rest

            yield Case(case.name, build, big=case.big)
    yield Case("misfit", lambda m: (m.normal((1, 1, 3)), m.integers((1, 1, 3), 4), (1, 1, 5), (2,),
                                    (1,), (0,), (1,)), refuses=ValueError)  # fmt: skip


@op(reference=max_pool_backward_reference, cases=_max_backward_cases, ulps=4)
def max_pool_backward(
    g: Any, index: Any, x_shape: Any, kernel: Any, stride: Any, padding: Any, dilation: Any,
    ceil: bool = False,
) -> Any:  # fmt: skip
    """Gradient of `max_pool` in its input of `x_shape`, from the output's gradient and the indices.

    index: what `max_pool` gave for these windows; an index outside of its window is ignored.
    """
    dtype = floating("max_pool_backward", g)
    out = _check("max_pool_backward", x_shape, kernel, stride, padding, dilation, ceil)
    _check_gradient("max_pool_backward", g, (*x_shape[:2], *out))
    _check_gradient("max_pool_backward", index, g.shape)
    result = empty(g, x_shape)
    programs, settings = planes_of(result, dtype)
    grads, chosen = spatial(g), spatial(index)
    many = _overlap(kernel, stride, dilation)
    launch(
        max_pool_backward_kernel, (programs,), grads, chosen, result, x_shape[0] * x_shape[1],
        x_shape[1], *three(x_shape[2:], 1), *grads.shape[2:], *strides(grads), *strides(chosen),
        *three(stride, 1), *three(padding, 0), JD=many[0], JH=many[1], JW=many[2],
        WIDE=reaches_past_int32(g, index, result), **settings,
    )  # fmt: skip
    return result


def _check_gradient(name: str, g: Any, shape: Any) -> None:
    if tuple(g.shape) != tuple(shape):
        raise ValueError(f"{name}: expected the shape {tuple(shape)}, got {tuple(g.shape)}")


def _avg_cases() -> Iterator[Case]:
    for name, x, window, stride, padding, _, ceil in _SHAPES:
        for dtype in ("f32", "f16", "bf16", "f64") if name == "2d" else ("f32",):
            for padded, override in ((True, None), (False, None), (True, 3)):

                def build(
                    m: Maker, x: Any = x, dtype: str = dtype,
                    rest: Any = (window, stride, padding, ceil, padded, override),
                ) -> tuple[Any, ...]:  # fmt: skip
                    return m.uniform(x, dtype, 0.5, 1.5), *rest  # of one sign: no cancellation

                if (padded and not override) or (dtype == "f32" and name != "1d"):
                    yield Case(f"{name} {dtype} {padded} {override}", build)
    yield Case("any strides", lambda m: (m.strided(m.normal((2, 5, 6, 3))).transpose(0, 3, 1, 2),
                                         (2, 2), (1, 1), (1, 1)))  # fmt: skip
    yield Case("past 32 bits", lambda m: (apart(m.normal((2, 2, 4), "f16")), (2,), (1,), (0,)))
    yield Case("empty", lambda m: (m.normal((0, 3, 4)), (2,), (1,), (0,)))
    yield Case("zero divisor", lambda m: (m.normal((1, 3, 4)), (2,), (1,), (0,), False, True, 0),
               refuses=ValueError)  # fmt: skip
    for dtype in ("f32", "bf16"):

        def large(m: Maker, dtype: str = dtype) -> tuple[Any, ...]:
            return m.normal((8, 64, 112, 112), dtype), (3, 3), (2, 2), (1, 1)

        yield Case(f"big {dtype}", large, big=True)


def _avg_launch(
    jitted: Any, source: Any, out: Any, size: Any, outer: Any, kernel: Any, stride: Any,
    padding: Any, padded: bool, override: int | None, **more: int,
) -> None:  # fmt: skip
    programs, settings = planes_of(out, floating("avg_pool", source))
    whole, sizes = spatial(source), three(kernel, 1)
    launch(
        jitted, (programs,), whole, out, out.shape[0] * out.shape[1], out.shape[1],
        float(override or 1), *three(size, 1), *three(outer, 1), *strides(whole),
        *three(stride, 1), *three(padding, 0), KD=sizes[0], KH=sizes[1], KW=sizes[2], **more,
        PADDED=padded, FIXED=override is not None, WIDE=reaches_past_int32(source, out),
        **settings,
    )  # fmt: skip


def _check_avg(
    name: str, x_shape: Any, kernel: Any, stride: Any, padding: Any, ceil: bool,
    override: int | None,
) -> Ints:  # fmt: skip
    if override == 0:
        raise ValueError(f"{name}: divisor must be not zero")
    return _check(name, x_shape, kernel, stride, padding, (1,) * len(kernel), ceil)


@op(reference=avg_pool_reference, cases=_avg_cases, ulps=4)
def avg_pool(
    x: Any, kernel: Any, stride: Any, padding: Any, ceil: bool = False, count_pad: bool = True,
    override: int | None = None,
) -> Any:  # fmt: skip
    """Mean of each window of x (N, C, *S); count_pad: padding counts; override: the divisor.

    One int an axis (1 to 3 axes). ValueError where a window does not fit or the divisor is 0.
    """
    floating("avg_pool", x)
    out = _check_avg("avg_pool", x.shape, kernel, stride, padding, ceil, override)
    y = empty(x, (*x.shape[:2], *out))
    _avg_launch(avg_pool_kernel, x, y, x.shape[2:], out, kernel, stride, padding, count_pad,
                override)  # fmt: skip
    return y


def _avg_backward_cases() -> Iterator[Case]:
    for case in _avg_cases():
        if case.refuses is None:

            def build(m: Maker, case: Case = case) -> tuple[Any, ...]:
                x, *rest = case.build(m)
                kernel, stride, padding, ceil = (*rest, False)[:4]
                out = window_counts(x.shape[2:], kernel, stride, padding, (1,) * len(kernel), ceil)
                g = like(m, x, (*x.shape[:2], *out))
                return laid(m, case.name, g), x.shape, *rest

            yield Case(case.name, build, big=case.big)
    yield Case("misfit", lambda m: (m.normal((1, 1, 3)), (1, 1, 5), (2,), (1,), (0,)),
               refuses=ValueError)  # fmt: skip


@op(reference=avg_pool_backward_reference, cases=_avg_backward_cases, ulps=4)
def avg_pool_backward(
    g: Any, x_shape: Any, kernel: Any, stride: Any, padding: Any, ceil: bool = False,
    count_pad: bool = True, override: int | None = None,
) -> Any:  # fmt: skip
    """Gradient of `avg_pool` in its input of `x_shape`, from the output's gradient g."""
    floating("avg_pool_backward", g)
    out = _check_avg("avg_pool_backward", x_shape, kernel, stride, padding, ceil, override)
    _check_gradient("avg_pool_backward", g, (*x_shape[:2], *out))
    result = empty(g, x_shape)
    many = _overlap(kernel, stride, (1,) * len(kernel))
    _avg_launch(
        avg_pool_backward_kernel, g, result, x_shape[2:], out, kernel, stride, padding, count_pad,
        override, JD=many[0], JH=many[1], JW=many[2],
    )  # fmt: skip
    return result
