"""Gradients of convolution in its input and its weight, and transposed convolution.

Both are implicit matrix products that gather. The input's gradient is cut into phases, one for each
residue of the input's position by the stride: within one, every tap that counts is dense.
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
from ...references.conv import (
    conv_input_reference,
    conv_transposed_reference,
    conv_weight_reference,
)
from .conv import IMPLICIT, SHAPES, big_shapes, check_conv, precision, tiles
from .conv_depthwise import add_pieces, check_gradient, depthwise_input, depthwise_weight, pieces_of
from .windows import Ints, apart, check, positive, spatial, three, window_counts

PHASES = "Dumoulin and Visin, A guide to convolution arithmetic for deep learning, arXiv:1603.07285"


@triton.jit
def phase_taps(phase, stride, pad, dilation, K: tl.constexpr, SPAN: tl.constexpr):
    """(first tap, their number, output read by it) for inputs `stride q + phase` of one axis.

    Tap k reads output (position + pad - k dilation) / stride where that divides; SPAN is K padded.
    """
    tap = tl.arange(0, SPAN)
    turn = stride - dilation % stride  # keeps the dividend positive
    divides = ((phase + pad + tap * turn) % stride == 0) & (tap < K)
    first = tl.min(tl.where(divides, tap, K), axis=0)
    return first, tl.sum(divides.to(tl.int32), axis=0), (phase + pad - first * dilation) // stride


@kernel(source=PHASES + "; " + IMPLICIT, hot=True)
@triton.jit
def conv_input_kernel(
    g_ptr, w_ptr, bias_ptr, out_ptr, columns, groups, channels, filters, depth, height, width,
    out_depth, out_height, out_width, g_n, g_f, g_d, g_h, g_w, w_f, w_c, w_d, w_h, w_w, bias_c,
    stride_d, stride_h, stride_w, pad_d, pad_h, pad_w, dilation_d, dilation_h, dilation_w, skip_d,
    skip_h, skip_w, spread_d, spread_h, spread_w, phases_d, phases_h, phases_w, KD: tl.constexpr,
    KH: tl.constexpr, KW: tl.constexpr, SD: tl.constexpr, SH: tl.constexpr, SW: tl.constexpr,
    FLAT: tl.constexpr, PRECISION: tl.constexpr, WIDE: tl.constexpr, ROWS: tl.constexpr,
    COLUMNS: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """out[n, c, i] = bias[c] + sum of w[f, c, k] g[n, f, (i + pad - k dilation) / stride].

    g (N, groups filters, *O), w (groups filters, channels, *K), bias (or None): any strides; out:
    row-major. A column of the product is an (n, q) of the phase, for input i = q stride + phase;
    its taps are `skip` apart and read outputs `spread` apart. SD, SH, SW: tap numbers, padded.
    """
    index = tl.int64 if WIDE else tl.int32
    wide = tl.float64 if g_ptr.dtype.element_ty == tl.float64 else tl.float32
    row_blocks = tl.cdiv(channels, ROWS)
    program = tl.program_id(0)
    row = (program % row_blocks) * ROWS + tl.arange(0, ROWS)[:, None]
    group = program // row_blocks % groups
    rest = program // row_blocks // groups
    phase_w = rest % phases_w
    phase_h = rest // phases_w % phases_h
    phase_d = rest // (phases_w * phases_h) % phases_d
    block = rest // (phases_w * phases_h * phases_d)
    column = block.to(index) * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    many_h, many_w = tl.cdiv(height, stride_h), tl.cdiv(width, stride_w)
    area = tl.cdiv(depth, stride_d) * many_h * many_w
    image = (column // area).to(tl.int64)
    place = column % area
    q_d, q_h, q_w = place // (many_h * many_w), place // many_w % many_h, place % many_w
    first_d, taps_d, from_d = phase_taps(phase_d, stride_d, pad_d, dilation_d, KD, SD)
    first_h, taps_h, from_h = phase_taps(phase_h, stride_h, pad_h, dilation_h, KH, SH)
    first_w, taps_w, from_w = phase_taps(phase_w, stride_w, pad_w, dilation_w, KW, SW)
    taps = taps_d * taps_h * taps_w
    top_d, top_h, top_w = q_d + from_d, q_h + from_h, q_w + from_w
    g_ptr += image * g_n + group.to(tl.int64) * filters * g_f
    w_ptr += group.to(tl.int64) * filters * w_f + row.to(index) * w_c
    step = tl.arange(0, DEPTH)
    filter_blocks = tl.cdiv(filters, DEPTH)
    if FLAT:
        steps = tl.cdiv(filters * taps, DEPTH)
    else:
        steps = filter_blocks * taps
    total = tl.zeros([ROWS, COLUMNS], wide)
    for at in range(0, steps):
        if FLAT:
            tap = (at * DEPTH + step) % taps
            filter_at = ((at * DEPTH + step) // taps).to(index)
            jd, jh, jw = tap // (taps_h * taps_w), tap // taps_w % taps_h, tap % taps_w
            w_at = filter_at * w_f + (first_d + jd * skip_d) * w_d
            w_at += (first_h + jh * skip_h) * w_h + (first_w + jw * skip_w) * w_w
            d = top_d - (jd * spread_d)[:, None]
            h = top_h - (jh * spread_h)[:, None]
            w = top_w - (jw * spread_w)[:, None]
        else:
            tap = at // filter_blocks
            filter_at = (at % filter_blocks * DEPTH + step).to(index)
            jd, jh, jw = tap // (taps_h * taps_w), tap // taps_w % taps_h, tap % taps_w
            w_at = filter_at * w_f + ((first_d + jd * skip_d) * w_d
                + (first_h + jh * skip_h) * w_h + (first_w + jw * skip_w) * w_w)  # fmt: skip
            d, h, w = top_d - jd * spread_d, top_h - jh * spread_h, top_w - jw * spread_w
        inside = (d >= 0) & (d < out_depth) & (h >= 0) & (h < out_height)
        inside &= (w >= 0) & (w < out_width)
        ok = inside & (column < columns) & (filter_at < filters)[:, None]
        g = tl.load(
            g_ptr + (d * g_d + h * g_h + w * g_w) + (filter_at * g_f)[:, None], mask=ok, other=0.0
        )
        ok = (row < channels) & (filter_at < filters)[None, :]
        weight = tl.load(w_ptr + w_at[None, :], mask=ok, other=0.0)
        total = tl.dot(weight, g, total, input_precision=PRECISION, out_dtype=wide)
    channel = group.to(tl.int64) * channels + row
    if bias_ptr is not None:
        bias = tl.load(bias_ptr + channel * bias_c, mask=row < channels, other=0.0)
        total += bias.to(wide)
    at_d = q_d * stride_d + phase_d
    at_h, at_w = q_h * stride_h + phase_h, q_w * stride_w + phase_w
    out_ptr += (image * groups * channels + channel) * depth * height * width
    ok = (row < channels) & (column < columns) & (at_d < depth) & (at_h < height) & (at_w < width)
    at_out = (at_d * height + at_h) * width + at_w
    tl.store(out_ptr + at_out, total.to(out_ptr.dtype.element_ty), mask=ok)


@kernel(source=IMPLICIT, hot=True)
@triton.jit
def conv_weight_kernel(
    g_ptr, x_ptr, out_ptr, positions, groups, channels, filters, piece, depth, height, width,
    out_depth, out_height, out_width, g_n, g_f, g_d, g_h, g_w, x_n, x_c, x_d, x_h, x_w, stride_d,
    stride_h, stride_w, pad_d, pad_h, pad_w, dilation_d, dilation_h, dilation_w, KD: tl.constexpr,
    KH: tl.constexpr, KW: tl.constexpr, PRECISION: tl.constexpr, WIDE: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """out[p, f, c, k] = sum of g[n, f, o] x[n, c, o stride - pad + k dilation] over piece p.

    g (N, groups filters, *O), x (N, groups channels, *S): any strides; out (pieces, groups filters,
    channels, *K). A row of the product is an f, a column a (c, k); a step sums DEPTH positions.
    """
    index = tl.int64 if WIDE else tl.int32
    wide = tl.float64 if x_ptr.dtype.element_ty == tl.float64 else tl.float32
    taps: tl.constexpr = KD * KH * KW
    row_blocks, column_blocks = tl.cdiv(filters, ROWS), tl.cdiv(channels * taps, COLUMNS)
    program = tl.program_id(0)
    row = (program % row_blocks) * ROWS + tl.arange(0, ROWS)[:, None]
    rest = program // row_blocks
    column = (rest % column_blocks) * COLUMNS + tl.arange(0, COLUMNS)[:, None]
    group = (rest // column_blocks % groups).to(tl.int64)
    part = (rest // column_blocks // groups).to(index)
    tap = column % taps
    kd, kh, kw = tap // (KH * KW), tap // KW % KH, tap % KW
    g_ptr += (group * filters + row) * g_f
    x_ptr += (group * channels + column // taps) * x_c
    move_d, move_h = kd * dilation_d - pad_d, kh * dilation_h - pad_h
    move_w = kw * dilation_w - pad_w
    area = out_depth * out_height * out_width
    last = tl.minimum((part + 1) * piece, positions)
    total = tl.zeros([ROWS, COLUMNS], wide)
    for start in range(part * piece, last, DEPTH):
        at = start + tl.arange(0, DEPTH)[None, :]
        image, place = (at // area).to(tl.int64), at % area
        od, oh = place // (out_height * out_width), place // out_width % out_height
        ow = place % out_width
        g = tl.load(
            g_ptr + (image * g_n + (od * g_d + oh * g_h + ow * g_w)),
            mask=(row < filters) & (at < last), other=0.0,
        )  # fmt: skip
        d, h, w = od * stride_d + move_d, oh * stride_h + move_h, ow * stride_w + move_w
        inside = (d >= 0) & (d < depth) & (h >= 0) & (h < height) & (w >= 0) & (w < width)
        ok = inside & (column < channels * taps) & (at < last)
        x = tl.load(x_ptr + image * x_n + (d * x_d + h * x_h + w * x_w), mask=ok, other=0.0)
        total = tl.dot(g, tl.trans(x), total, input_precision=PRECISION, out_dtype=wide)
    column = tl.trans(column)
    out_ptr += ((part.to(tl.int64) * groups + group) * filters + row) * (channels * taps) + column
    ok = (row < filters) & (column < channels * taps)
    tl.store(out_ptr, total.to(out_ptr.dtype.element_ty), mask=ok)


def _gradient_cases(of_input: bool) -> Iterator[Case]:
    """Samples of both gradients: the forward's shapes."""
    for name, x, w, _, *rest in SHAPES:
        for dtype in ("f32", "f16", "bf16", "f64") if name == "many channels" else ("f32",):

            def build(
                m: Maker, x: Any = x, w: Any = w, rest: Any = rest, dtype: str = dtype
            ) -> tuple[Any, ...]:
                g = m.normal((x[0], w[0], *window_counts(x[2:], w[2:], *rest[:3])), dtype)
                if of_input:
                    return g, m.normal(w, dtype), x, *rest
                return g, m.normal(x, dtype), w, *rest

            yield Case(f"{name} {dtype}", build)
    plain = (1, 1), (1, 1), (1, 1), 1

    def odd(m: Maker) -> tuple[Any, ...]:
        g = m.strided(m.normal((2, 5, 6, 4))).transpose(0, 3, 1, 2)
        if of_input:
            return g, m.strided(m.normal((4, 3, 3, 3))), (2, 3, 5, 6), *plain
        return g, m.strided(m.normal((2, 5, 6, 3))).transpose(0, 3, 1, 2), (4, 3, 3, 3), *plain

    def far(m: Maker) -> tuple[Any, ...]:
        g = apart(m.normal((2, 3, 4, 4), "f16"))
        if of_input:
            return g, m.normal((3, 4, 3, 3), "f16"), (2, 4, 4, 4), *plain
        return g, m.normal((2, 4, 4, 4), "f16"), (3, 4, 3, 3), *plain

    def tf32(m: Maker) -> tuple[Any, ...]:
        shape = (4, 20, 3, 3) if of_input else (1, 4, 5, 4)
        other = (1, 20, 5, 4), (4, 4, 3, 3)
        return (m.normal((1, 4, 5, 4)), m.normal(shape), other[not of_input], *plain)

    yield Case("any strides", odd)
    yield Case("past 32 bits", far)
    yield Case("tf32", tf32, {"tf32": True}, ulps=2.0**15)
    line = (1,), (0,), (1,), 1
    last = (2, 3, 4) if of_input else (5, 3, 2)
    other = (5, 3, 2) if of_input else (2, 3, 4)
    yield Case("misfit", lambda m: (m.normal((2, 5, 4)), m.normal(other), last, *line),
               refuses=ValueError)  # fmt: skip
    yield Case("depthwise", lambda m: (
        m.normal((2, 6, 3)), m.normal((6, 1, 2) if of_input else (2, 3, 4)),
        (2, 3, 4) if of_input else (6, 1, 2), (1,), (0,), (1,), 3))  # fmt: skip
    for name, forward, more in big_shapes():

        def large(m: Maker, forward: Any = forward) -> tuple[Any, ...]:
            x, w, _, *rest = forward(m)
            out = window_counts(x.shape[2:], w.shape[2:], *rest[:3])
            g = empty(x, (x.shape[0], w.shape[0], *out))
            return (g, w, x.shape, *rest) if of_input else (g, x, w.shape, *rest)

        yield Case(f"big {name}", large, more, big=True)


def _input_cases() -> Iterator[Case]:
    yield from _gradient_cases(True)
    yield Case("no filters", lambda m: (m.normal((2, 0, 4)), m.normal((0, 3, 2)), (2, 3, 5),
                                        (1,), (0,), (1,), 1))  # fmt: skip
    yield Case("stride beyond", lambda m: (m.normal((2, 4, 1, 2)), m.normal((4, 3, 1, 2)),
                                           (2, 3, 2, 5), (3, 3), (0, 0), (1, 1), 1))  # fmt: skip


@op(reference=conv_input_reference, cases=_input_cases, ulps=12)
def conv_input(
    g: Any, w: Any, x_shape: Any, stride: Any, padding: Any, dilation: Any, groups: int = 1,
    tf32: bool = False,
) -> Any:  # fmt: skip
    """Gradient of `conv_forward` in its input of `x_shape`, from g (N, F, *O), w (F, C/groups, *K).

    One floating dtype, any strides; ValueError where shapes do not fit.
    """
    floating("conv_input", g, w)
    out = check_conv("conv_input", x_shape, w.shape, stride, padding, dilation, groups)
    check_gradient("conv_input", g, (x_shape[0], w.shape[0], *out))
    if groups > 1 and w.shape[1] == 1:
        return depthwise_input(g, w, x_shape, stride, padding, dilation)
    return _gather(g, w, None, x_shape, stride, padding, dilation, groups, tf32)


def _gather(
    g: Any, w: Any, bias: Any, x_shape: Any, stride: Any, padding: Any, dilation: Any, groups: int,
    tf32: bool,
) -> Any:  # fmt: skip
    result = empty(g, x_shape)
    if result.size == 0:
        return result
    dtype = floating("convolution", g, w)
    kernel_size, steps, spreads = three(w.shape[2:], 1), three(stride, 1), three(dilation, 1)
    size = three(x_shape[2:], 1)
    common = [math.gcd(s, d) for s, d in zip(steps, spreads, strict=True)]
    skip = [s // c for s, c in zip(steps, common, strict=True)]
    spread = [d // c for d, c in zip(spreads, common, strict=True)]
    phases = [min(s, n) for s, n in zip(steps, size, strict=True)]
    columns = x_shape[0] * math.prod(cdiv(n, s) for n, s in zip(size, steps, strict=True))
    channels, filters = w.shape[1], w.shape[0] // groups
    taps = math.prod(cdiv(k, s) for k, s in zip(kernel_size, skip, strict=True))
    _, settings = tiles("input", dtype, channels, columns, filters * taps)
    programs = cdiv(channels, settings["ROWS"]) * groups * cdiv(columns, settings["COLUMNS"])
    whole, weight = spatial(g), spatial(w)
    spans = [max(2, 1 << (k - 1).bit_length()) for k in kernel_size]
    launch(
        conv_input_kernel, (programs * math.prod(phases),), whole, weight, bias, result, columns,
        groups, channels, filters, *size, *whole.shape[2:], *strides(whole), *strides(weight),
        0 if bias is None else strides(bias)[0], *steps, *three(padding, 0), *spreads, *skip,
        *spread, *phases, KD=kernel_size[0], KH=kernel_size[1], KW=kernel_size[2], SD=spans[0],
        SH=spans[1], SW=spans[2], FLAT=filters < settings["DEPTH"],
        PRECISION=precision(dtype, tf32), WIDE=reaches_past_int32(g, w, result), **settings,
    )  # fmt: skip
    return result


def _weight_cases() -> Iterator[Case]:
    yield from _gradient_cases(False)
    yield Case("pieces", lambda m: (m.normal((2, 3, 1200)), m.normal((2, 2, 1200)), (3, 2, 1),
                                    (1,), (0,), (1,), 1))  # fmt: skip
    yield Case("no images", lambda m: (m.normal((0, 3, 4)), m.normal((0, 2, 5)), (3, 2, 2),
                                       (1,), (0,), (1,), 1))  # fmt: skip


@op(reference=conv_weight_reference, cases=_weight_cases, ulps=16)
def conv_weight(
    g: Any, x: Any, w_shape: Any, stride: Any, padding: Any, dilation: Any, groups: int = 1,
    tf32: bool = False,
) -> Any:  # fmt: skip
    """Gradient of `conv_forward` in its weight of `w_shape`, from g (N, F, *O) and x (N, C, *S).

    One floating dtype, any strides; ValueError where shapes do not fit.
    """
    dtype = floating("conv_weight", g, x)
    out = check_conv("conv_weight", x.shape, w_shape, stride, padding, dilation, groups)
    check_gradient("conv_weight", g, (x.shape[0], w_shape[0], *out))
    if groups > 1 and w_shape[1] == 1:
        return depthwise_weight(g, x, w_shape, stride, padding, dilation)
    result = empty(g, w_shape)
    if result.size == 0:
        return result
    sizes, positions = three(w_shape[2:], 1), x.shape[0] * math.prod(out)
    filters, columns = w_shape[0] // groups, math.prod(w_shape[1:])
    limits, settings = tiles("weight", dtype, filters, columns, positions)
    programs = cdiv(filters, settings["ROWS"]) * cdiv(columns, settings["COLUMNS"]) * groups
    pieces, piece = pieces_of(
        max(positions, 1), programs, limits["PIECE"], limits["PROGRAMS"], settings["DEPTH"]
    )
    wide = "float64" if dtype == "fp64" else "float32"
    parts = result if pieces == 1 else empty(g, (pieces, *w_shape), wide)
    grads, inputs = spatial(g), spatial(x)
    launch(
        conv_weight_kernel, (programs * pieces,), grads, inputs, parts, positions, groups,
        w_shape[1], filters, piece, *inputs.shape[2:], *grads.shape[2:], *strides(grads),
        *strides(inputs), *three(stride, 1), *three(padding, 0), *three(dilation, 1), KD=sizes[0],
        KH=sizes[1], KW=sizes[2], PRECISION=precision(dtype, tf32),
        WIDE=reaches_past_int32(g, x), **settings,
    )  # fmt: skip
    if pieces > 1:
        add_pieces(parts, result)
    return result


def _transposed_cases() -> Iterator[Case]:
    yield Case("2d", lambda m: (m.normal((2, 4, 3, 4)), m.normal((4, 3, 3, 3)), m.normal((3,)),
                                (2, 3), (1, 0), (1, 2), (1, 1), 1))  # fmt: skip
    yield Case("groups f16", lambda m: (
        m.normal((1, 4, 5), "f16"), m.normal((4, 2, 3), "f16"), m.normal((4,), "f16"),
        (1,), (0,), (0,), (2,), 2))  # fmt: skip
    yield Case("plain", lambda m: (m.normal((1, 20, 3, 3)), m.normal((20, 2, 2, 2)), None,
                                   (2, 2), (0, 0), (0, 0), (1, 1), 1))  # fmt: skip
    yield Case("misfit", lambda m: (m.normal((1, 3, 5)), m.normal((4, 2, 3)), None, (1,), (0,),
                                    (0,), (1,), 1), refuses=ValueError)  # fmt: skip
    yield Case("big", lambda m: (
        m.normal((4, 128, 32, 32), "bf16"), m.normal((128, 64, 4, 4), "bf16"),
        m.normal((64,), "bf16"), (2, 2), (1, 1), (0, 0), (1, 1), 1), big=True)  # fmt: skip


@op(reference=conv_transposed_reference, cases=_transposed_cases, ulps=12)
def conv_transposed(
    x: Any, w: Any, bias: Any, stride: Any, padding: Any, output_padding: Any, dilation: Any,
    groups: int = 1, tf32: bool = False,
) -> Any:  # fmt: skip
    """Transposed convolution of x (N, C, *S) with w (C, F/groups, *K), bias (F,) or None added.

    One floating dtype, any strides; ValueError where shapes do not fit.
    """
    arrays = (x, w) if bias is None else (x, w, bias)
    floating("conv_transposed", *arrays)
    check("conv_transposed", w.ndim - 2, x.shape[2:], stride, padding, output_padding, dilation)
    positive("conv_transposed", kernel=w.shape[2:], stride=stride, dilation=dilation)
    if x.shape[1] != w.shape[0] or groups < 1 or w.shape[0] % groups:
        raise ValueError(
            f"conv_transposed: channels do not fit: input {x.shape}, weight {w.shape}, {groups=}"
        )
    return _gather(
        x, w, bias, (x.shape[0], w.shape[1] * groups, *_spread_sizes(x, w, stride, padding,
        output_padding, dilation)), stride, padding, dilation, groups, tf32,
    )  # fmt: skip


def _spread_sizes(
    x: Any, w: Any, stride: Any, padding: Any, output_padding: Any, dilation: Any
) -> Ints:
    parameters = zip(
        x.shape[2:], w.shape[2:], stride, padding, output_padding, dilation, strict=True
    )
    found = tuple((n - 1) * s - 2 * p + d * (k - 1) + e + 1 for n, k, s, p, e, d in parameters)
    if min(found) < 0:
        raise ValueError(f"conv_transposed: output size is too small: {found}")
    return found
