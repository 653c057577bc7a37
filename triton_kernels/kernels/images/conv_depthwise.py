"""Depthwise convolution: groups of one input channel each, with its two gradients.

Every output depends on a few inputs of one plane: the kernels read memory once and use no product
of tiles. Gradients gather; nothing is scattered.
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
from ...references.conv import conv_input_reference, conv_reference, conv_weight_reference
from .windows import apart, check, laid, like, positive, spatial, three, tile, window_counts

SOURCE = "Howard et al., MobileNets, arXiv:1704.04861, section 3.1"


@kernel(source=SOURCE, hot=True)
@triton.jit
def depthwise_forward_kernel(
    x_ptr, w_ptr, bias_ptr, y_ptr, planes, filters, multiplier, depth, height, width, out_depth,
    out_height, out_width, x_n, x_c, x_d, x_h, x_w, w_f, w_d, w_h, w_w, bias_f, stride_d, stride_h,
    stride_w, pad_d, pad_h, pad_w, dilation_d, dilation_h, dilation_w, KD: tl.constexpr,
    KH: tl.constexpr, KW: tl.constexpr, WIDE: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """y[n, f, o] = bias[f] + sum over k of w[f, k] x[n, f // multiplier, o stride - pad + ...].

    x (N, C, *S), w (F, 1, *K), bias (or None): any strides; y: row-major. A row is an (n, f).
    """
    index = tl.int64 if WIDE else tl.int32
    wide = tl.float64 if x_ptr.dtype.element_ty == tl.float64 else tl.float32
    area = out_depth * out_height * out_width
    blocks = tl.cdiv(area, BLOCK)
    row = (tl.program_id(0) // blocks).to(index) * ROWS + tl.arange(0, ROWS)[:, None]
    place = (tl.program_id(0) % blocks).to(index) * BLOCK + tl.arange(0, BLOCK)[None, :]
    filter_at = row % filters
    x_ptr += row // filters * x_n + filter_at // multiplier * x_c
    w_ptr += filter_at * w_f
    first_d = place // (out_height * out_width) * stride_d - pad_d
    first_h = place // out_width % out_height * stride_h - pad_h
    first_w = place % out_width * stride_w - pad_w
    ok = (row < planes) & (place < area)
    total = tl.zeros([ROWS, BLOCK], wide)
    for tap in range(0, KD * KH * KW):
        kd, kh, kw = tap // (KH * KW), tap // KW % KH, tap % KW
        d, h, w = first_d + kd * dilation_d, first_h + kh * dilation_h, first_w + kw * dilation_w
        inside = (d >= 0) & (d < depth) & (h >= 0) & (h < height) & (w >= 0) & (w < width)
        x = tl.load(x_ptr + (d * x_d + h * x_h + w * x_w), mask=ok & inside, other=0.0).to(wide)
        weight = tl.load(w_ptr + (kd * w_d + kh * w_h + kw * w_w), mask=row < planes, other=0.0)
        total += weight.to(wide) * x
    if bias_ptr is not None:
        total += tl.load(bias_ptr + filter_at * bias_f, mask=row < planes, other=0.0).to(wide)
    tl.store(y_ptr + row * area + place, total.to(y_ptr.dtype.element_ty), mask=ok)


@kernel(source=SOURCE + "; its transpose, gathered", hot=True)
@triton.jit
def depthwise_input_kernel(
    g_ptr, w_ptr, out_ptr, planes, channels, multiplier, depth, height, width, out_depth,
    out_height, out_width, g_n, g_f, g_d, g_h, g_w, w_f, w_d, w_h, w_w, stride_d, stride_h,
    stride_w, pad_d, pad_h, pad_w, dilation_d, dilation_h, dilation_w, KD: tl.constexpr,
    KH: tl.constexpr, KW: tl.constexpr, WIDE: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Gradient in x (N, C, *S) from g (N, C multiplier, *O): each input sums what read it.

    g, w (C multiplier, 1, *K): any strides; out: row-major. A row is an (n, c).
    """
    index = tl.int64 if WIDE else tl.int32
    wide = tl.float64 if g_ptr.dtype.element_ty == tl.float64 else tl.float32
    area = depth * height * width
    blocks = tl.cdiv(area, BLOCK)
    row = (tl.program_id(0) // blocks).to(index) * ROWS + tl.arange(0, ROWS)[:, None]
    place = (tl.program_id(0) % blocks).to(index) * BLOCK + tl.arange(0, BLOCK)[None, :]
    first = row % channels * multiplier
    g_ptr += row // channels * g_n + first * g_f
    w_ptr += first * w_f
    top_d = place // (height * width) + pad_d
    top_h = place // width % height + pad_h
    top_w = place % width + pad_w
    ok = (row < planes) & (place < area)
    total = tl.zeros([ROWS, BLOCK], wide)
    for tap in range(0, KD * KH * KW):
        kd, kh, kw = tap // (KH * KW), tap // KW % KH, tap % KW
        d, h, w = top_d - kd * dilation_d, top_h - kh * dilation_h, top_w - kw * dilation_w
        hit = (d % stride_d == 0) & (h % stride_h == 0) & (w % stride_w == 0)
        inside = (d >= 0) & (h >= 0) & (w >= 0)  # a quotient of a negative is never used
        d, h, w = d // stride_d, h // stride_h, w // stride_w
        inside &= (d < out_depth) & (h < out_height) & (w < out_width)
        at = d * g_d + h * g_h + w * g_w
        w_at = kd * w_d + kh * w_h + kw * w_w
        for m in range(0, multiplier):
            g = tl.load(g_ptr + m * g_f + at, mask=ok & hit & inside, other=0.0).to(wide)
            weight = tl.load(w_ptr + m * w_f + w_at, mask=row < planes, other=0.0).to(wide)
            total += weight * g
    tl.store(out_ptr + row * area + place, total.to(out_ptr.dtype.element_ty), mask=ok)


@kernel(source=SOURCE + "; its derivative in the weight", hot=True)
@triton.jit
def depthwise_weight_kernel(
    g_ptr, x_ptr, out_ptr, positions, filters, multiplier, piece, depth, height, width, out_depth,
    out_height, out_width, g_n, g_f, g_d, g_h, g_w, x_n, x_c, x_d, x_h, x_w, stride_d, stride_h,
    stride_w, pad_d, pad_h, pad_w, dilation_d, dilation_h, dilation_w, KD: tl.constexpr,
    KH: tl.constexpr, KW: tl.constexpr, WIDE: tl.constexpr, TAPS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """out[p, f, k] = sum of g[n, f, o] x[n, f // multiplier, o stride - pad + k dilation].

    The sum is over positions (n, o) of piece p. g, x: any strides; out (pieces, F, taps).
    """
    index = tl.int64 if WIDE else tl.int32
    wide = tl.float64 if x_ptr.dtype.element_ty == tl.float64 else tl.float32
    taps: tl.constexpr = KD * KH * KW
    tap_blocks: tl.constexpr = (taps + TAPS - 1) // TAPS
    program = tl.program_id(0)
    tap = program % tap_blocks * TAPS + tl.arange(0, TAPS)[:, None]
    filter_at = (program // tap_blocks % filters).to(tl.int64)
    part = (program // tap_blocks // filters).to(index)
    kd, kh, kw = tap // (KH * KW), tap // KW % KH, tap % KW
    area = out_depth * out_height * out_width
    g_ptr += filter_at * g_f
    x_ptr += filter_at // multiplier * x_c
    total = tl.zeros([TAPS, BLOCK], wide)
    last = tl.minimum((part + 1) * piece, positions)
    for start in range(part * piece, last, BLOCK):
        at = start + tl.arange(0, BLOCK)[None, :]
        image, place = (at // area).to(tl.int64), at % area
        od, oh = place // (out_height * out_width), place // out_width % out_height
        ow = place % out_width
        g = tl.load(
            g_ptr + image * g_n + od * g_d + oh * g_h + ow * g_w, mask=at < last, other=0.0
        ).to(wide)
        d = od * stride_d - pad_d + kd * dilation_d
        h = oh * stride_h - pad_h + kh * dilation_h
        w = ow * stride_w - pad_w + kw * dilation_w
        inside = (d >= 0) & (d < depth) & (h >= 0) & (h < height) & (w >= 0) & (w < width)
        ok = inside & (tap < taps) & (at < last)
        x = tl.load(x_ptr + image * x_n + (d * x_d + h * x_h + w * x_w), mask=ok, other=0.0)
        total += g * x.to(wide)
    out_ptr += (part.to(tl.int64) * filters + filter_at) * taps + tap
    value = tl.sum(total, axis=1)[:, None]
    tl.store(out_ptr, value.to(out_ptr.dtype.element_ty), mask=tap < taps)


@kernel(source="Sum of partial results in one fixed order", hot=True)
@triton.jit
def pieces_sum_kernel(x_ptr, y_ptr, size, pieces, PIECES: tl.constexpr, BLOCK: tl.constexpr):
    """y = sum of x (pieces, size) over pieces; PIECES is their number, padded."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)[None, :]
    piece = tl.arange(0, PIECES)[:, None]
    ok = (piece < pieces) & (at < size)
    x = tl.load(x_ptr + piece.to(tl.int64) * size + at, mask=ok, other=0.0)
    total = tl.sum(x, axis=0)[None, :]
    tl.store(y_ptr + at, total.to(y_ptr.dtype.element_ty), mask=at < size)


def add_pieces(parts: Any, out: Any) -> None:
    """Write the sum of parts (pieces, *shape of out) into row-major out."""
    pieces = next_power_of_2(len(parts))
    block = min(max(2048 // pieces, 16), next_power_of_2(out.size))
    launch(pieces_sum_kernel, (cdiv(out.size, block),), parts, out, out.size, len(parts),
           PIECES=pieces, BLOCK=block, warps=4, stages=1)  # fmt: skip


def pieces_of(positions: int, tiles: int, piece: int, programs: int, step: int) -> tuple[int, int]:
    """(pieces, positions a piece): enough for `programs` programs, 64 at most, by sizes alone.

    >>> pieces_of(10000, 4, 512, 64, 32)
    (16, 640)
    """
    wanted = max(1, min(cdiv(programs, max(tiles, 1)), positions // piece, 64))
    size = cdiv(cdiv(positions, wanted), step) * step
    return cdiv(positions, size), size


def _check(name: str, x_shape: Any, w_shape: Any, *parameters: Any) -> tuple[int, ...]:
    stride, padding, dilation = parameters
    check(name, len(w_shape) - 2, x_shape[2:], *parameters)
    positive(name, kernel=w_shape[2:], stride=stride, dilation=dilation, channels=(x_shape[1],))
    if w_shape[1] != 1 or w_shape[0] % x_shape[1]:
        raise ValueError(
            f"{name}: channels do not fit: input {tuple(x_shape)}, weight {tuple(w_shape)}"
        )
    return window_counts(x_shape[2:], w_shape[2:], stride, padding, dilation)


# (name, x, w, stride, padding, dilation)
_SHAPES = [
    ("1d", (2, 3, 11), (3, 1, 4), (1,), (2,), (1,)),
    ("2d", (2, 3, 7, 6), (6, 1, 3, 2), (2, 1), (1, 0), (1, 2)),
    ("3d", (1, 2, 4, 5, 4), (2, 1, 2, 3, 2), (1, 2, 1), (1, 1, 0), (1, 1, 2)),
]


def _forward_reference(x: Any, w: Any, bias: Any, *rest: Any) -> Any:
    """Convolution with a group a channel."""
    return conv_reference(x, w, bias, *rest, groups=x.shape[1])


def _forward_cases() -> Iterator[Case]:
    for name, x, w, *rest in _SHAPES:
        for dtype in ("f32", "f16", "bf16", "f64") if name == "2d" else ("f32",):

            def build(
                m: Maker, x: Any = x, w: Any = w, rest: Any = rest, dtype: str = dtype
            ) -> tuple[Any, ...]:
                bias = m.normal(w[:1], dtype) if len(x) == 4 else None
                return m.normal(x, dtype), m.normal(w, dtype), bias, *rest

            yield Case(f"{name} {dtype}", build)
    plain = (1, 1), (1, 1), (1, 1)

    def odd(m: Maker) -> tuple[Any, ...]:
        x = m.strided(m.normal((2, 5, 6, 3))).transpose(0, 3, 1, 2)
        return x, m.strided(m.normal((3, 1, 3, 3))), m.strided(m.normal((3,))), *plain

    yield Case("any strides", odd)
    yield Case("past 32 bits", lambda m: (
        apart(m.normal((2, 2, 3, 3), "f16")), m.normal((2, 1, 3, 3), "f16"), None, *plain
    ))  # fmt: skip
    yield Case("empty", lambda m: (m.normal((0, 3, 5, 5)), m.normal((3, 1, 3, 3)), None, *plain))
    yield Case("misfit", lambda m: (m.normal((1, 3, 5, 5)), m.normal((3, 2, 3, 3)), None, *plain),
               refuses=ValueError)  # fmt: skip
    for dtype in ("f32", "f16", "bf16"):

        def large(m: Maker, dtype: str = dtype) -> tuple[Any, ...]:
            return m.normal((8, 256, 28, 28), dtype), m.normal((256, 1, 3, 3), dtype), None, *plain

        yield Case(f"big {dtype}", large, big=True)


@op(reference=_forward_reference, cases=_forward_cases, ulps=4)
def depthwise_forward(x: Any, w: Any, bias: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """Convolve each channel of x (N, C, *S) with its own filters w (C m, 1, *K); bias or None."""
    arrays = (x, w) if bias is None else (x, w, bias)
    dtype = floating("depthwise_forward", *arrays)
    out = _check("depthwise_forward", x.shape, w.shape, stride, padding, dilation)
    y = empty(x, (x.shape[0], w.shape[0], *out))
    programs, settings = _planes(y, dtype)
    whole, weight, sizes = spatial(x), spatial(w), three(w.shape[2:], 1)
    w_f, _, *w_k = strides(weight)
    launch(
        depthwise_forward_kernel, (programs,), whole, weight, bias, y, x.shape[0] * w.shape[0],
        w.shape[0], w.shape[0] // x.shape[1], *whole.shape[2:], *three(out, 1), *strides(whole),
        w_f, *w_k, 0 if bias is None else strides(bias)[0], *three(stride, 1), *three(padding, 0),
        *three(dilation, 1), KD=sizes[0], KH=sizes[1], KW=sizes[2],
        WIDE=reaches_past_int32(x, w, y), **settings,
    )  # fmt: skip
    return y


def _planes(out: Any, dtype: str) -> tuple[int, dict[str, Any]]:
    config = choose("conv_depthwise", part="planes", dtype=dtype)
    planes, area = out.shape[0] * out.shape[1], math.prod(out.shape[2:])
    rows, block = tile(planes, area, config.constants["BLOCK"], config.constants["ELEMENTS"])
    settings = {"ROWS": rows, "BLOCK": block, "warps": config.warps, "stages": config.stages}
    return cdiv(planes, rows) * cdiv(area, block), settings


def _input_reference(g: Any, w: Any, x_shape: Any, *rest: Any) -> Any:
    """Transposed convolution with a group a channel."""
    return conv_input_reference(g, w, x_shape, *rest, groups=x_shape[1])


def _gradient_cases(of_input: bool) -> Iterator[Case]:
    for case in _forward_cases():
        if case.refuses is None:

            def build(m: Maker, case: Case = case) -> tuple[Any, ...]:
                x, w, _, *rest = case.build(m)
                out = window_counts(x.shape[2:], w.shape[2:], *rest)
                g = laid(m, case.name, like(m, x, (x.shape[0], w.shape[0], *out)))
                return (g, w, x.shape, *rest) if of_input else (g, x, w.shape, *rest)

            yield Case(case.name, build, big=case.big)
    yield Case(
        "misfit",
        lambda m: (m.normal((1, 3, 4)), m.normal((3, 1, 3)) if of_input else m.normal((1, 3, 5)),
                   (1, 3, 5) if of_input else (3, 1, 3), (1,), (0,), (1,)),
        refuses=ValueError,
    )  # fmt: skip


@op(reference=_input_reference, cases=lambda: _gradient_cases(True), ulps=4)
def depthwise_input(g: Any, w: Any, x_shape: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """Gradient of `depthwise_forward` in its input of `x_shape`, from the output's gradient g."""
    dtype = floating("depthwise_input", g, w)
    out = _check("depthwise_input", x_shape, w.shape, stride, padding, dilation)
    check_gradient("depthwise_input", g, (x_shape[0], w.shape[0], *out))
    result = empty(g, x_shape)
    programs, settings = _planes(result, dtype)
    whole, weight, sizes = spatial(g), spatial(w), three(w.shape[2:], 1)
    w_f, _, *w_k = strides(weight)
    launch(
        depthwise_input_kernel, (programs,), whole, weight, result, x_shape[0] * x_shape[1],
        x_shape[1], w.shape[0] // x_shape[1], *three(x_shape[2:], 1), *whole.shape[2:],
        *strides(whole), w_f, *w_k, *three(stride, 1), *three(padding, 0), *three(dilation, 1),
        KD=sizes[0], KH=sizes[1], KW=sizes[2], WIDE=reaches_past_int32(g, w, result), **settings,
    )  # fmt: skip
    return result


def check_gradient(name: str, g: Any, shape: Any) -> None:
    """Raise ValueError unless g has the shape that the forward gives."""
    if tuple(g.shape) != tuple(shape):
        raise ValueError(
            f"{name}: expected a gradient of shape {tuple(shape)}, got {tuple(g.shape)}"
        )


def _weight_reference(g: Any, x: Any, w_shape: Any, *rest: Any) -> Any:
    """Gradient in the weight with a group a channel."""
    return conv_weight_reference(g, x, w_shape, *rest, groups=x.shape[1])


def _weight_cases() -> Iterator[Case]:
    yield from _gradient_cases(False)
    yield Case("pieces", lambda m: (m.normal((3, 1, 60, 50)), m.normal((3, 1, 60, 50)),
                                    (1, 1, 1, 1), (1, 1), (0, 0), (1, 1)))  # fmt: skip


@op(reference=_weight_reference, cases=_weight_cases, ulps=16)
def depthwise_weight(g: Any, x: Any, w_shape: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """Gradient of `depthwise_forward` in its weight of `w_shape`, from the output's gradient g."""
    dtype = floating("depthwise_weight", g, x)
    out = _check("depthwise_weight", x.shape, w_shape, stride, padding, dilation)
    check_gradient("depthwise_weight", g, (x.shape[0], w_shape[0], *out))
    result = empty(g, w_shape)
    config = choose("conv_depthwise", part="weight", dtype=dtype)
    sizes, positions = three(w_shape[2:], 1), x.shape[0] * math.prod(out)
    taps = min(config.constants["TAPS"], next_power_of_2(math.prod(sizes)))
    block = min(config.constants["BLOCK"], next_power_of_2(positions))
    tiles = w_shape[0] * cdiv(math.prod(sizes), taps)
    limits = config.constants["PIECE"], config.constants["PROGRAMS"]
    pieces, piece = pieces_of(positions, tiles, *limits, block) if positions else (1, block)
    wide = "float64" if dtype == "fp64" else "float32"
    parts = result if pieces == 1 else empty(g, (pieces, *w_shape), wide)
    grads, inputs = spatial(g), spatial(x)
    launch(
        depthwise_weight_kernel, (tiles * pieces,), grads, inputs, parts, positions, w_shape[0],
        w_shape[0] // x.shape[1], piece, *inputs.shape[2:], *grads.shape[2:], *strides(grads),
        *strides(inputs), *three(stride, 1), *three(padding, 0), *three(dilation, 1), KD=sizes[0],
        KH=sizes[1], KW=sizes[2], WIDE=reaches_past_int32(g, x), TAPS=taps, BLOCK=block,
        warps=config.warps, stages=config.stages,
    )  # fmt: skip
    if pieces > 1:
        add_pieces(parts, result)
    return result
