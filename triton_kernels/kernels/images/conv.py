"""Convolution in one to three dimensions as an implicit matrix product.

A program multiplies filters by gathered inputs: no patch matrix is ever in memory. Filters are the
rows of the product and output positions its columns, so that neighbouring lanes read neighbouring
inputs. Groups of one input channel go to `conv_depthwise`, which needs no product.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import triton
import triton.language as tl

from ...checks.cases import Case, Maker, kernel, op
from ...launching.arrays import cdiv, empty, floating, next_power_of_2, reaches_past_int32, strides
from ...launching.launch import current, launch
from ...launching.policy import choose
from ...references.conv import conv_reference
from .conv_depthwise import depthwise_forward
from .windows import Ints, apart, check, positive, spatial, three, window_counts

IMPLICIT = "Chetlur et al., cuDNN: Efficient Primitives for Deep Learning, arXiv:1410.0759"


@kernel(source=IMPLICIT, hot=True)
@triton.jit
def conv_forward_kernel(
    x_ptr, w_ptr, bias_ptr, y_ptr, columns, groups, channels, filters, depth, height, width,
    out_depth, out_height, out_width, x_n, x_c, x_d, x_h, x_w, w_f, w_c, w_d, w_h, w_w, bias_f,
    stride_d, stride_h, stride_w, pad_d, pad_h, pad_w, dilation_d, dilation_h, dilation_w,
    KD: tl.constexpr, KH: tl.constexpr, KW: tl.constexpr, FLAT: tl.constexpr,
    PRECISION: tl.constexpr, WIDE: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
    DEPTH: tl.constexpr,
):  # fmt: skip
    """y[n, f, o] = bias[f] + sum over c, k of w[f, c, k] x[n, c, o stride - pad + k dilation].

    x (N, groups channels, *S), w (groups filters, channels, *K), bias (or None): any strides; y:
    row-major. channels and filters are a group's. A column of the product is an (n, o). A step of
    the sum is DEPTH channels of one tap, or with FLAT any DEPTH pairs (channel, tap).
    """
    index = tl.int64 if WIDE else tl.int32
    wide = tl.float64 if x_ptr.dtype.element_ty == tl.float64 else tl.float32
    taps: tl.constexpr = KD * KH * KW
    row_blocks = tl.cdiv(filters, ROWS)
    program = tl.program_id(0)
    row = (program % row_blocks) * ROWS + tl.arange(0, ROWS)[:, None]
    group = program // row_blocks % groups
    column = (program // row_blocks // groups).to(index) * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    area = out_depth * out_height * out_width
    image = (column // area).to(tl.int64)
    place = column % area
    first_d = place // (out_height * out_width) * stride_d - pad_d
    first_h = place // out_width % out_height * stride_h - pad_h
    first_w = place % out_width * stride_w - pad_w
    filter_at = group.to(tl.int64) * filters + row
    x_ptr += image * x_n + group.to(tl.int64) * channels * x_c
    w_ptr += filter_at * w_f
    step = tl.arange(0, DEPTH)
    channel_blocks = tl.cdiv(channels, DEPTH)
    if FLAT:
        steps = tl.cdiv(channels * taps, DEPTH)
    else:
        steps = channel_blocks * taps
    total = tl.zeros([ROWS, COLUMNS], wide)
    for at in range(0, steps):
        if FLAT:
            tap = (at * DEPTH + step) % taps
            channel = ((at * DEPTH + step) // taps).to(index)
            kd, kh, kw = tap // (KH * KW), tap // KW % KH, tap % KW
            w_at = channel * w_c + kd * w_d + kh * w_h + kw * w_w
            d = first_d + (kd * dilation_d)[:, None]
            h = first_h + (kh * dilation_h)[:, None]
            w = first_w + (kw * dilation_w)[:, None]
        else:
            tap = at // channel_blocks
            channel = (at % channel_blocks * DEPTH + step).to(index)
            kd, kh, kw = tap // (KH * KW), tap // KW % KH, tap % KW
            w_at = channel * w_c + (kd * w_d + kh * w_h + kw * w_w)
            d = first_d + kd * dilation_d
            h = first_h + kh * dilation_h
            w = first_w + kw * dilation_w
        inside = (d >= 0) & (d < depth) & (h >= 0) & (h < height) & (w >= 0) & (w < width)
        ok = inside & (column < columns) & (channel < channels)[:, None]
        x = tl.load(
            x_ptr + (d * x_d + h * x_h + w * x_w) + (channel * x_c)[:, None], mask=ok, other=0.0
        )
        ok = (row < filters) & (channel < channels)[None, :]
        weight = tl.load(w_ptr + w_at[None, :], mask=ok, other=0.0)
        total = tl.dot(weight, x, total, input_precision=PRECISION, out_dtype=wide)
    if bias_ptr is not None:
        bias = tl.load(bias_ptr + filter_at * bias_f, mask=row < filters, other=0.0)
        total += bias.to(wide)
    y_ptr += image * groups * filters * area + filter_at * area + place
    ok = (row < filters) & (column < columns)
    tl.store(y_ptr, total.to(y_ptr.dtype.element_ty), mask=ok)


def precision(dtype: str, tf32: bool) -> str:
    """How a product rounds its inputs: only float32 has a choice."""
    return "tf32" if tf32 and dtype == "fp32" else "ieee"


def tiles(part: str, dtype: str, rows: int, columns: int, depth: int) -> tuple[Any, dict[str, Any]]:
    """(table entry, launch settings) of a product of that size; small sizes get small tiles."""
    config = choose("conv", part=part, arch=current().policy.arch, dtype=dtype, rows=rows)
    sizes = {"ROWS": rows, "COLUMNS": columns, "DEPTH": depth}
    fit = {
        name: max(16, min(config.constants[name], next_power_of_2(n))) for name, n in sizes.items()
    }
    return config.constants, {**fit, "warps": config.warps, "stages": config.stages}


def check_conv(
    name: str, x_shape: Any, w_shape: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Ints:
    """Raise ValueError unless the shapes fit; return the output's spatial shape."""
    axes = len(w_shape) - 2
    check(name, axes, x_shape[2:], stride, padding, dilation)
    if groups < 1 or x_shape[1] != w_shape[1] * groups or w_shape[0] % groups:
        raise ValueError(
            f"{name}: channels do not fit: input {tuple(x_shape)}, weight {tuple(w_shape)}, "
            f"groups {groups}"
        )
    positive(name, kernel=w_shape[2:], stride=stride, dilation=dilation)
    out = window_counts(x_shape[2:], w_shape[2:], stride, padding, dilation)
    if min(out) < 1:
        raise ValueError(
            f"{name}: the window does not fit: input {tuple(x_shape)}, weight {tuple(w_shape)}, "
            f"padding {tuple(padding)}, dilation {tuple(dilation)}"
        )
    return out


# (name, x, w, bias, stride, padding, dilation, groups): what the forward and the gradients share.
SHAPES = [
    ("1d", (2, 5, 13), (7, 5, 3), True, (1,), (1,), (1,), 1),
    ("2d", (2, 5, 7, 6), (18, 5, 3, 2), True, (2, 1), (1, 0), (1, 2), 1),
    ("3d", (1, 3, 4, 5, 4), (4, 3, 2, 3, 2), False, (1, 2, 1), (1, 1, 0), (1, 1, 2), 1),
    ("many channels", (1, 20, 5, 5), (17, 20, 2, 2), False, (2, 1), (0, 1), (2, 3), 1),
    ("groups", (2, 6, 5, 5), (9, 2, 3, 3), True, (2, 2), (1, 1), (1, 1), 3),
    ("sparse", (1, 2, 7, 4), (3, 2, 2, 2), False, (4, 2), (0, 1), (2, 3), 1),
]


def _cases() -> Iterator[Case]:
    for name, x, w, bias, *rest in SHAPES:

        def build(
            m: Maker, x: Any = x, w: Any = w, bias: Any = bias, rest: Any = rest, dtype: str = "f32"
        ) -> tuple[Any, ...]:
            return m.normal(x, dtype), m.normal(w, dtype), (
                m.normal(w[:1], dtype) if bias else None
            ), *rest  # fmt: skip

        yield Case(name, build)
        if name in ("2d", "many channels"):
            for dtype in ("f16", "bf16", "f64"):

                def typed(m: Maker, dtype: str = dtype, build: Any = build) -> tuple[Any, ...]:
                    return build(m, dtype=dtype)

                yield Case(f"{name} {dtype}", typed)
    plain = (1, 1), (1, 1), (1, 1), 1

    def odd(m: Maker) -> tuple[Any, ...]:
        x = m.strided(m.normal((2, 5, 6, 3))).transpose(0, 3, 1, 2)
        return x, m.strided(m.normal((4, 3, 3, 3))), m.strided(m.normal((4,))), *plain

    def far(m: Maker) -> tuple[Any, ...]:
        return apart(m.normal((2, 3, 5, 5), "f16")), m.normal((4, 3, 3, 3), "f16"), None, *plain

    yield Case("any strides", odd)
    yield Case("past 32 bits", far)
    yield Case("depthwise", lambda m: (m.normal((1, 4, 5, 5)), m.normal((8, 1, 3, 3)), None,
                                       (1, 1), (1, 1), (1, 1), 4))  # fmt: skip
    yield Case("tf32", lambda m: (m.normal((1, 20, 5, 4)), m.normal((4, 20, 3, 3)), None, *plain),
               {"tf32": True}, ulps=2.0**15)  # fmt: skip
    yield Case("no images", lambda m: (m.normal((0, 3, 5, 5)), m.normal((4, 3, 3, 3)), None,
                                       *plain))  # fmt: skip
    yield Case("no channels", lambda m: (m.normal((2, 0, 5)), m.normal((4, 0, 3)), m.normal((4,)),
                                         (1,), (1,), (1,), 1))  # fmt: skip
    yield Case("misfit", lambda m: (m.normal((2, 3, 5)), m.normal((4, 2, 3)), None,
                                    (1,), (1,), (1,), 1), refuses=ValueError)  # fmt: skip
    yield Case("too long", lambda m: (m.normal((2, 3, 5)), m.normal((4, 3, 8)), None,
                                      (1,), (1,), (1,), 1), refuses=ValueError)  # fmt: skip
    for name, build, more in big_shapes():
        yield Case(f"big {name}", build, more, big=True)


def big_shapes() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Realistic layers, for compilation: (name, builder of a forward call, keywords)."""
    for dtype in ("f16", "bf16", "f32", "f64"):
        for channels, filters, size, k in ((3, 64, 224, 7), (64, 64, 56, 3), (256, 512, 14, 3)):
            if channels == 3 and dtype in ("bf16", "f64"):
                continue

            def build(
                m: Maker, dtype: str = dtype, c: int = channels, f: int = filters, n: int = size,
                k: int = k,
            ) -> tuple[Any, ...]:  # fmt: skip
                x = m.normal((8, c, n, n), dtype)
                w, bias = m.normal((f, c, k, k), dtype), m.normal((f,), dtype)
                return x, w, bias, (2, 2) if k == 7 else (1, 1), (k // 2, k // 2), (1, 1), 1

            yield f"{dtype} {channels}-{filters}", build, {}
            if dtype == "f32" and channels == 256:
                yield f"tf32 {channels}-{filters}", build, {"tf32": True}


@op(reference=conv_reference, cases=_cases, ulps=12)
def conv_forward(
    x: Any, w: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int = 1,
    tf32: bool = False,
) -> Any:  # fmt: skip
    """Cross-correlate x (N, C, *S) with w (F, C/groups, *K), add bias (F,) or None: (N, F, *O).

    1 to 3 axes; stride, padding, dilation: one int an axis. One floating dtype, any strides;
    ValueError where shapes do not fit.
    """
    arrays = (x, w) if bias is None else (x, w, bias)
    dtype = floating("conv_forward", *arrays)
    out = check_conv("conv_forward", x.shape, w.shape, stride, padding, dilation, groups)
    if groups > 1 and w.shape[1] == 1:
        return depthwise_forward(x, w, bias, stride, padding, dilation)
    y = empty(x, (x.shape[0], w.shape[0], *out))
    if y.size == 0:
        return y
    filters, channels, columns = w.shape[0] // groups, w.shape[1], x.shape[0] * math.prod(out)
    sizes = three(w.shape[2:], 1)
    _, settings = tiles("forward", dtype, filters, columns, channels * math.prod(sizes))
    flat = channels < settings["DEPTH"]
    programs = cdiv(filters, settings["ROWS"]) * groups * cdiv(columns, settings["COLUMNS"])
    whole, weight = spatial(x), spatial(w)
    launch(
        conv_forward_kernel, (programs,), whole, weight, bias, y, columns, groups, channels,
        filters, *whole.shape[2:], *three(out, 1), *strides(whole), *strides(weight),
        0 if bias is None else strides(bias)[0], *three(stride, 1), *three(padding, 0),
        *three(dilation, 1), KD=sizes[0], KH=sizes[1], KW=sizes[2], FLAT=flat,
        PRECISION=precision(dtype, tf32), WIDE=reaches_past_int32(x, w, y), **settings,
    )  # fmt: skip
    return y
