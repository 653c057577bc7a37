"""Resampling to a new size: nearest, nearest-exact, linear and cubic, with gradients that gather.

Every axis has its own rule for which inputs an output reads and with which weights. The gradient
finds by bisection the outputs that read an input, and adds them in order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import triton
import triton.language as tl

from ...checks.cases import Case, Maker, kernel, op
from ...launching.arrays import cdiv, empty, floating, reaches_past_int32, strides
from ...launching.launch import launch
from ...launching.policy import choose
from ...references.upsample import upsample_backward_reference, upsample_reference
from .windows import apart, spatial, three, tile

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html"
CUBIC = SOURCE + "; Keys, Cubic convolution interpolation for digital image processing, 1981"
# What an axis does; the number of inputs that one of its outputs reads.
_COPY, _NEAREST, _EXACT, _LINEAR, _CUBIC = range(5)
_TAPS = (1, 1, 1, 2, 4)
_KINDS = {"nearest": _NEAREST, "nearest-exact": _EXACT, "linear": _LINEAR, "cubic": _CUBIC}
# Positions must not depend on whether a product and a sum became one rounding.
_EXACTLY = {"enable_fp_fusion": False}


@triton.jit
def source_of(o, size, step, KIND: tl.constexpr, ALIGN: tl.constexpr, wide: tl.constexpr):
    """(input position, fraction past it) of output o of an axis.

    step: inputs an output; for fp64 its 64 bits as an integer, as numbers are passed in 32.
    """
    part = tl.zeros_like(o).to(wide)
    if KIND == 0:
        low = o
    elif KIND == 1:
        low = tl.minimum(tl.floor(o.to(tl.float32) * step).to(o.dtype), size - 1)
    elif KIND == 2:
        low = tl.minimum(tl.floor((o.to(tl.float32) + 0.5) * step).to(o.dtype), size - 1)
    else:
        if wide == tl.float64:
            step = step.to(tl.int64).to(tl.float64, bitcast=True)
        if ALIGN:
            at = o.to(wide) * step
        else:
            at = (o.to(wide) + 0.5) * step - 0.5
        if KIND == 3:
            at = tl.maximum(at, 0.0)
            low = tl.minimum(at.to(o.dtype), size - 1)
            part = tl.minimum(at - low.to(wide), 1.0)
        else:
            low = tl.floor(at).to(o.dtype)
            part = at - tl.floor(at)
    return low, part


@triton.jit
def tap_of(low, part, size, T: tl.constexpr, KIND: tl.constexpr):
    """(input, weight) of tap T for a position from `source_of`."""
    if KIND < 3:
        place = low
        weight = part + 1.0
    elif KIND == 3:
        place = tl.minimum(low + T, size - 1)
        weight = tl.abs((1.0 - T) - part)
    else:
        place = tl.minimum(tl.maximum(low + (T - 1), 0), size - 1)
        t = tl.abs(part - (T - 1))
        if (T == 1) | (T == 2):
            weight = (1.25 * t - 2.25) * t * t + 1.0
        else:
            weight = -0.75 * (t - 1.0) * ((t - 2.0) * (t - 2.0))
    return place, weight


@kernel(source=CUBIC, hot=True)
@triton.jit
def upsample_forward_kernel(
    x_ptr, y_ptr, planes, channels, depth, height, width, out_depth, out_height, out_width,
    x_n, x_c, x_d, x_h, x_w, step_d, step_h, step_w, KD: tl.constexpr, KH: tl.constexpr,
    KW: tl.constexpr, TD: tl.constexpr, TH: tl.constexpr, TW: tl.constexpr, ALIGN: tl.constexpr,
    WIDE: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """y[n, c, o] = sum over the taps of the axes of x[n, c, taps] times the taps' weights.

    x (N, C, *S): any strides; y: row-major. KD, KH, KW: the rule of an axis; T: its taps.
    """
    index = tl.int64 if WIDE else tl.int32
    wide: tl.constexpr = tl.float64 if x_ptr.dtype.element_ty == tl.float64 else tl.float32
    area = out_depth * out_height * out_width
    blocks = tl.cdiv(area, BLOCK)
    row = (tl.program_id(0) // blocks).to(index) * ROWS + tl.arange(0, ROWS)[:, None]
    place = (tl.program_id(0) % blocks).to(index) * BLOCK + tl.arange(0, BLOCK)[None, :]
    x_ptr += row // channels * x_n + row % channels * x_c
    low_d, part_d = source_of(place // (out_height * out_width), depth, step_d, KD, ALIGN, wide)
    low_h, part_h = source_of(place // out_width % out_height, height, step_h, KH, ALIGN, wide)
    low_w, part_w = source_of(place % out_width, width, step_w, KW, ALIGN, wide)
    ok = (row < planes) & (place < area)
    total = tl.zeros([ROWS, BLOCK], wide)
    for td in tl.static_range(TD):
        d, weight_d = tap_of(low_d, part_d, depth, td, KD)
        for th in tl.static_range(TH):
            h, weight_h = tap_of(low_h, part_h, height, th, KH)
            for tw in tl.static_range(TW):
                w, weight_w = tap_of(low_w, part_w, width, tw, KW)
                x = tl.load(x_ptr + (d * x_d + h * x_h + w * x_w), mask=ok, other=0.0).to(wide)
                total += x * (weight_d * weight_h * weight_w)
    tl.store(y_ptr + row * area + place, total.to(y_ptr.dtype.element_ty), mask=ok)


@triton.jit
def readers_of(
    at, size, out, step, bits, KIND: tl.constexpr, T: tl.constexpr, ALIGN: tl.constexpr,
    wide: tl.constexpr,
):  # fmt: skip
    """(first, end) of the outputs of an axis that read input `at`; what they read never falls.

    bits: rounds of bisection, enough for `out` outputs.
    """
    if KIND == 0:
        return at, at + 1
    first, last = tl.zeros_like(at), tl.zeros_like(at) + out
    begin, end = first, last
    for _ in range(0, bits):
        middle = (first + last) // 2
        low, part = source_of(middle, size, step, KIND, ALIGN, wide)
        top, _weight = tap_of(low, part, size, T - 1, KIND)
        below = (top < at) & (first < last)
        first = tl.where(below, middle + 1, first)
        last = tl.where(below, last, middle)
        middle = (begin + end) // 2
        low, part = source_of(middle, size, step, KIND, ALIGN, wide)
        bottom, _weight = tap_of(low, part, size, 0, KIND)
        below = (bottom <= at) & (begin < end)
        begin = tl.where(below, middle + 1, begin)
        end = tl.where(below, end, middle)
    return first, end


@triton.jit
def weight_of(
    at, o, end, size, step, KIND: tl.constexpr, T: tl.constexpr, ALIGN: tl.constexpr,
    wide: tl.constexpr,
):  # fmt: skip
    """With which weight output o reads input `at`; 0 from `end` on."""
    low, part = source_of(o, size, step, KIND, ALIGN, wide)
    total = tl.zeros_like(part)
    for tap in tl.static_range(T):
        place, weight = tap_of(low, part, size, tap, KIND)
        total += tl.where((place == at) & (o < end), weight, 0.0)
    return total


@kernel(source=CUBIC + " (its transpose, gathered)", hot=True)
@triton.jit
def upsample_backward_kernel(
    g_ptr, out_ptr, planes, channels, depth, height, width, out_depth, out_height, out_width,
    g_n, g_c, g_d, g_h, g_w, step_d, step_h, step_w, bits, KD: tl.constexpr, KH: tl.constexpr,
    KW: tl.constexpr, TD: tl.constexpr, TH: tl.constexpr, TW: tl.constexpr, ALIGN: tl.constexpr,
    WIDE: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Gradient in x (N, C, *S): each input sums the g (N, C, *O) that read it, by their weights.

    g: any strides; out: row-major. bits: rounds of bisection over an axis of outputs.
    """
    index = tl.int64 if WIDE else tl.int32
    wide: tl.constexpr = tl.float64 if g_ptr.dtype.element_ty == tl.float64 else tl.float32
    area = depth * height * width
    blocks = tl.cdiv(area, BLOCK)
    row = (tl.program_id(0) // blocks).to(index) * ROWS + tl.arange(0, ROWS)[:, None]
    place = (tl.program_id(0) % blocks).to(index) * BLOCK + tl.arange(0, BLOCK)[None, :]
    g_ptr += row // channels * g_n + row % channels * g_c
    at_d, at_h, at_w = place // (height * width), place // width % height, place % width
    first_d, end_d = readers_of(at_d, depth, out_depth, step_d, bits, KD, TD, ALIGN, wide)
    first_h, end_h = readers_of(at_h, height, out_height, step_h, bits, KH, TH, ALIGN, wide)
    first_w, end_w = readers_of(at_w, width, out_width, step_w, bits, KW, TW, ALIGN, wide)
    ok = (row < planes) & (place < area)
    total = tl.zeros([ROWS, BLOCK], wide)
    many_h, many_w = tl.max(end_h - first_h), tl.max(end_w - first_w)
    for j in range(0, tl.max(end_d - first_d) * many_h):
        d, h = first_d + j // many_h, first_h + j % many_h
        weight = weight_of(at_d, d, end_d, depth, step_d, KD, TD, ALIGN, wide)
        weight *= weight_of(at_h, h, end_h, height, step_h, KH, TH, ALIGN, wide)
        for jw in range(0, many_w):
            w = first_w + jw
            weight_w = weight_of(at_w, w, end_w, width, step_w, KW, TW, ALIGN, wide)
            inside = ok & (d < end_d) & (h < end_h) & (w < end_w)
            g = tl.load(g_ptr + (d * g_d + h * g_h + w * g_w), mask=inside, other=0.0)
            total += g.to(wide) * (weight * weight_w)
    tl.store(out_ptr + row * area + place, total.to(out_ptr.dtype.element_ty), mask=ok)


def _axis(
    n: int, out: int, mode: str, align: bool, scale: float | None, axes: int, double: bool
) -> tuple[int, float | int]:
    """(rule, step) of an axis, in the precision that the documentation's results imply."""
    kind = _KINDS[mode]
    real = np.float64 if double and kind >= _LINEAR else np.float32
    if kind == _LINEAR and n == out or kind == _NEAREST and axes == 2 and n == out:
        return _COPY, 0.0
    if kind == _NEAREST and axes == 2 and out == 2 * n:  # whatever the scale says
        return kind, 0.5
    if align and kind >= _LINEAR:
        step = real(n - 1) / real(out - 1) if out > 1 else real(0)
    else:
        step = real(1 / scale) if scale else real(n) / real(out)
    return kind, int(step.view(np.int64)) if real is np.float64 else float(step)


def _launch(
    jitted: Any, name: str, source: Any, result: Any, size: Any, out: Any, mode: str, align: bool,
    scales: Any, *more: int,
) -> None:  # fmt: skip
    dtype = floating(name, source)
    axes = len(out)
    scales = (None,) * axes if scales is None else scales
    if mode not in _KINDS or not 1 <= axes <= 3 or len(size) != axes or len(scales) != axes:
        raise ValueError(f"{name}: {mode!r} does not fit sizes {tuple(size)} to {tuple(out)}")
    if mode == "cubic" and axes == 3:
        raise ValueError(f"{name}: cubic takes one or two axes, got 3")
    if min(size) < 1 or min(out) < 1:
        raise ValueError(
            f"{name}: Input and output sizes should be greater than 0, got {tuple(size)} and "
            f"{tuple(out)}"
        )
    rules = [_axis(n, o, mode, align, s, axes, dtype == "fp64")
             for n, o, s in zip(size, out, scales, strict=True)]  # fmt: skip
    rules = [(_COPY, 0.0)] * (3 - axes) + rules
    config = choose("upsample", mode=mode, dtype=dtype)
    planes, area = result.shape[0] * result.shape[1], math.prod(result.shape[2:])
    rows, block = tile(planes, area, config.constants["BLOCK"], config.constants["ELEMENTS"])
    whole = spatial(source)
    names = {f"{what}{a}": v for a, (kind, _) in zip("DHW", rules, strict=True)
             for what, v in (("K", kind), ("T", _TAPS[kind]))}  # fmt: skip
    launch(
        jitted, (cdiv(planes, rows) * cdiv(area, block),), whole, result, planes, result.shape[1],
        *three(size, 1), *three(out, 1), *strides(whole), *[step for _, step in rules], *more,
        **names, ALIGN=align, WIDE=reaches_past_int32(source, result), ROWS=rows, BLOCK=block,
        warps=config.warps, stages=config.stages, flags=_EXACTLY,
    )  # fmt: skip


# (name, x, output size, mode, align_corners, scales)
_SHAPES = [
    ("nearest 1d", (2, 3, 7), (12,), "nearest", False, (1.75,)),
    ("nearest same", (1, 2, 5, 4), (5, 8), "nearest", False, None),
    ("nearest 3d", (1, 2, 3, 4, 2), (4, 3, 4), "nearest", False, None),
    ("exact 2d", (2, 2, 5, 4), (9, 3), "nearest-exact", False, None),
    ("linear 1d", (2, 3, 7), (15,), "linear", False, None),
    ("linear scaled", (1, 2, 4, 3), (6, 6), "linear", False, (1.7, 2.3)),
    ("linear 2d", (2, 3, 5, 6), (8, 4), "linear", True, None),
    ("linear one", (1, 2, 5, 3), (1, 5), "linear", True, None),
    ("linear 3d", (1, 1, 2, 3, 2), (3, 2, 3), "linear", False, None),
    ("cubic", (2, 2, 5, 4), (6, 3), "cubic", False, None),
    ("cubic align", (1, 2, 4, 5), (3, 6), "cubic", True, None),
    ("cubic small", (1, 2, 1, 2), (4, 3), "cubic", False, (3.5, 1.6)),
]
_BACKWARD = [s for s in _SHAPES if s[0] not in ("linear 2d", "cubic align", "nearest same")]
_TYPED = ("exact 2d", "linear 2d", "cubic")


def _cases(forward: bool) -> Iterator[Case]:
    for name, x, out, *rest in _SHAPES if forward else _BACKWARD:
        typed = name in _TYPED if forward else name == "linear one"
        for dtype in ("f32", "f16", "bf16", "f64") if typed else ("f32",):

            def build(
                m: Maker, x: Any = x, out: Any = out, rest: Any = rest, dtype: str = dtype
            ) -> tuple[Any, ...]:
                if forward:
                    return m.normal(x, dtype), out, *rest
                return m.normal((*x[:2], *out), dtype), x, *rest

            yield Case(f"{name} {dtype}", build)

    def odd(m: Maker) -> tuple[Any, ...]:
        a = m.strided(m.normal((2, 5, 6, 3))).transpose(0, 3, 1, 2)
        return a, (7, 8) if forward else (2, 3, 3, 4), "linear"

    def wrong(mode: str, out: Any) -> Any:
        shape = (1, 2, *[4] * len(out))
        return lambda m: (m.normal(shape), out if forward else (1, 2, *out), mode)

    def far(m: Maker) -> tuple[Any, ...]:
        return apart(m.normal((2, 1, 3), "f16")), (5,) if forward else (2, 1, 2), "linear"

    yield Case("any strides", odd)
    yield Case("past 32 bits", far)
    yield Case("empty", lambda m: (m.normal((0, 2, 4)), (6,) if forward else (0, 2, 6), "linear"))
    yield Case("no size", wrong("linear", (0, 3)), refuses=ValueError)
    yield Case("unknown", wrong("quintic", (3, 3)), refuses=ValueError)
    yield Case("cubic 3d", wrong("cubic", (3, 3, 3)), refuses=ValueError)
    for mode in ("nearest", "linear", "cubic"):
        for dtype in ("f32", "bf16"):

            def large(m: Maker, mode: str = mode, dtype: str = dtype) -> tuple[Any, ...]:
                x, out = (8, 64, 56, 56), (120, 120)
                if forward:
                    return m.normal(x, dtype), out, mode
                return m.normal((8, 64, *out), dtype), x, mode

            yield Case(f"big {mode} {dtype}", large, big=True)


# fp32 positions are rounded, as torch's are, before weights are taken: some units of a weight.
@op(reference=upsample_reference, cases=lambda: _cases(True), ulps=40)
def upsample(x: Any, out: Any, mode: str, align: bool = False, scales: Any = None) -> Any:
    """Resample x (N, C, *S) to (N, C, *out), 1 to 3 axes.

    mode: nearest, nearest-exact, linear or cubic (1 or 2 axes). align: the outer elements' centres
    coincide. scales: the caller's factors, an axis, where positions follow them and not the sizes.
    """
    result = empty(x, (*x.shape[:2], *out))
    _launch(upsample_forward_kernel, "upsample", x, result, x.shape[2:], out, mode, align, scales)
    return result


@op(reference=upsample_backward_reference, cases=lambda: _cases(False), ulps=40)
def upsample_backward(
    g: Any, x_shape: Any, mode: str, align: bool = False, scales: Any = None
) -> Any:
    """Gradient of `upsample` in its input of `x_shape`: its transpose, applied to g (N, C, *O)."""
    result = empty(g, x_shape)
    bits = max(g.shape[2:]).bit_length()
    _launch(upsample_backward_kernel, "upsample_backward", g, result, x_shape[2:], g.shape[2:],
            mode, align, scales, bits)  # fmt: skip
    return result
