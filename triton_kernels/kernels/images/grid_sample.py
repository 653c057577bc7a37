"""Sampling of images at free positions (bilinear, nearest, bicubic) with both gradients.

The gradient in the positions gathers. That in the image sorts what the positions read by pixel
(a stable sort) and lets each pixel add its own entries in order: no atomics.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import triton
import triton.language as tl

from ...checks.cases import Case, Maker, kernel, op
from ...launching.arrays import (
    cdiv,
    empty,
    floating,
    namespace,
    next_power_of_2,
    reaches_past_int32,
    strides,
)
from ...launching.launch import launch
from ...launching.policy import choose
from ...references.grid_sample import (
    grid_sample_grid_reference,
    grid_sample_input_reference,
    grid_sample_reference,
)
from .windows import apart, like

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.grid_sample.html"
_MODES = ("bilinear", "nearest", "bicubic")
_TAPS = (2, 1, 4)
_PADDINGS = ("zeros", "border", "reflection")
_EXACTLY = {"enable_fp_fusion": False}  # one rule of rounding for positions in all kernels


@triton.jit
def padded(at, size, PADDING: tl.constexpr, ALIGN: tl.constexpr):
    """(position brought inside 0 .. size - 1, its slope); what is no number goes to 0."""
    slope = tl.zeros_like(at) + 1.0
    if PADDING == 2:
        if ALIGN:
            low = 0.0
            span = size - 1
        else:
            low = -0.5
            span = size
        slope = tl.where(at < low, -1.0, slope)
        at = tl.abs(at - low)
        flips = tl.floor(at / span)
        at -= flips * span
        odd = flips - 2.0 * tl.floor(flips * 0.5) == 1.0
        slope = tl.where(odd, -slope, slope)
        at = tl.where(odd, span - at, at) + low
    if PADDING > 0:
        slope = tl.where((at > 0.0) & (at < size - 1), slope, 0.0)
        at = tl.where(at > 0.0, at, 0.0)
        at = tl.where(at < size - 1, at, tl.zeros_like(at) + (size - 1))
    return at, slope


@triton.jit
def position_of(g, size, MODE: tl.constexpr, PADDING: tl.constexpr, ALIGN: tl.constexpr):
    """(position in inputs, its slope in g) of a grid coordinate g in -1 .. 1."""
    if ALIGN:
        at = (g + 1.0) * 0.5 * (size - 1)
        unit = tl.zeros_like(g) + 0.5 * (size - 1)
    else:
        at = ((g + 1.0) * size - 1.0) * 0.5
        unit = tl.zeros_like(g) + 0.5 * size
    if MODE < 2:
        at, slope = padded(at, size, PADDING, ALIGN)
        unit *= slope
    return at, unit


@triton.jit
def grid_tap(
    at, size, T: tl.constexpr, MODE: tl.constexpr, PADDING: tl.constexpr, ALIGN: tl.constexpr,
    index: tl.constexpr,
):  # fmt: skip
    """(input, weight, slope of the weight, whether the input is inside) of tap T of an axis."""
    low = tl.floor(at)
    part = at - low
    if MODE == 0:
        weight = tl.abs((1.0 - T) - part)
        slope = tl.zeros_like(at) + (2.0 * T - 1.0)
        place = low + T
    elif MODE == 1:  # to the nearest, a half to the even one
        half_odd = low - 2.0 * tl.floor(low * 0.5) == 1.0
        place = tl.where((part > 0.5) | ((part == 0.5) & half_odd), low + 1.0, low)
        weight = tl.zeros_like(at) + 1.0
        slope = tl.zeros_like(at)
    else:
        place, _slope = padded(low + (T - 1.0), size, PADDING, ALIGN)
        t = tl.abs(part - (T - 1.0))
        if (T == 1) | (T == 2):
            weight = (1.25 * t - 2.25) * t * t + 1.0
            slope = (3.75 * t - 4.5) * t
        else:
            weight = -0.75 * (t - 1.0) * ((t - 2.0) * (t - 2.0))
            slope = -0.75 * (t - 2.0) * (3.0 * t - 4.0)
        if T > 1:
            slope = -slope
    inside = (place >= 0.0) & (place <= size - 1)
    return tl.where(inside, place, 0.0).to(index), weight, slope, inside


@kernel(source=SOURCE, hot=True)
@triton.jit
def grid_sample_forward_kernel(
    x_ptr, grid_ptr, y_ptr, channels, height, width, out_height, out_width, x_n, x_c, x_h, x_w,
    grid_n, grid_h, grid_w, grid_2, MODE: tl.constexpr, PADDING: tl.constexpr,
    ALIGN: tl.constexpr, T: tl.constexpr, WIDE: tl.constexpr, CHANNELS: tl.constexpr,
    POSITIONS: tl.constexpr,
):  # fmt: skip
    """y[n, c, o] = x[n, c] read at grid[n, o], by T x T taps.

    x (N, C, H, W), grid (N, *O, 2), width first: any strides; y: row-major. Positions in fp32.
    """
    index: tl.constexpr = tl.int64 if WIDE else tl.int32
    wide = tl.float64 if x_ptr.dtype.element_ty == tl.float64 else tl.float32
    area = out_height * out_width
    channel_blocks, blocks = tl.cdiv(channels, CHANNELS), tl.cdiv(area, POSITIONS)
    program = tl.program_id(0)
    channel = (program % channel_blocks) * CHANNELS + tl.arange(0, CHANNELS)[:, None]
    place = (program // channel_blocks % blocks).to(index) * POSITIONS
    place += tl.arange(0, POSITIONS)[None, :]
    image = (program // channel_blocks // blocks).to(tl.int64)
    grid_ptr += image * grid_n + place // out_width * grid_h + place % out_width * grid_w
    at_w = tl.load(grid_ptr, mask=place < area, other=0.0).to(wide)
    at_h = tl.load(grid_ptr + grid_2, mask=place < area, other=0.0).to(wide)
    at_w, _unit = position_of(at_w, width, MODE, PADDING, ALIGN)
    at_h, _unit = position_of(at_h, height, MODE, PADDING, ALIGN)
    x_ptr += image * x_n + channel.to(tl.int64) * x_c
    ok = (channel < channels) & (place < area)
    total = tl.zeros([CHANNELS, POSITIONS], wide)
    for th in tl.static_range(T):
        h, weight_h, _slope, inside_h = grid_tap(at_h, height, th, MODE, PADDING, ALIGN, index)
        for tw in tl.static_range(T):
            w, weight_w, _slope, inside_w = grid_tap(at_w, width, tw, MODE, PADDING, ALIGN, index)
            x = tl.load(x_ptr + (h * x_h + w * x_w), mask=ok & inside_h & inside_w, other=0.0).to(
                wide
            )
            total += x * (weight_h * weight_w)
    y_ptr += (image * channels + channel) * area + place
    tl.store(y_ptr, total.to(y_ptr.dtype.element_ty), mask=ok)


@kernel(source=SOURCE + " (its derivative in the positions)", hot=True)
@triton.jit
def grid_sample_grid_kernel(
    g_ptr, x_ptr, grid_ptr, out_ptr, channels, height, width, out_height, out_width, g_n, g_c,
    g_h, g_w, x_n, x_c, x_h, x_w, grid_n, grid_h, grid_w, grid_2, MODE: tl.constexpr,
    PADDING: tl.constexpr, ALIGN: tl.constexpr, T: tl.constexpr, WIDE: tl.constexpr,
    CHANNELS: tl.constexpr, POSITIONS: tl.constexpr,
):  # fmt: skip
    """Gradient in grid (N, *O, 2): over channels and taps, g x times the slopes of the weights.

    g (N, C, *O), x, grid: any strides; out: row-major. Channels are added CHANNELS at a time.
    """
    index: tl.constexpr = tl.int64 if WIDE else tl.int32
    wide = tl.float64 if x_ptr.dtype.element_ty == tl.float64 else tl.float32
    area = out_height * out_width
    blocks = tl.cdiv(area, POSITIONS)
    image = (tl.program_id(0) // blocks).to(tl.int64)
    place = (tl.program_id(0) % blocks).to(index) * POSITIONS + tl.arange(0, POSITIONS)[None, :]
    o_h, o_w = place // out_width, place % out_width
    grid_ptr += image * grid_n + o_h * grid_h + o_w * grid_w
    at_w = tl.load(grid_ptr, mask=place < area, other=0.0).to(wide)
    at_h = tl.load(grid_ptr + grid_2, mask=place < area, other=0.0).to(wide)
    at_w, unit_w = position_of(at_w, width, MODE, PADDING, ALIGN)
    at_h, unit_h = position_of(at_h, height, MODE, PADDING, ALIGN)
    total_h = tl.zeros([CHANNELS, POSITIONS], wide)
    total_w = tl.zeros([CHANNELS, POSITIONS], wide)
    if MODE != 1:  # the nearest does not change with the position
        for start in range(0, channels, CHANNELS):
            channel = start + tl.arange(0, CHANNELS)[:, None].to(tl.int64)
            ok = (channel < channels) & (place < area)
            at = image * g_n + channel * g_c + (o_h * g_h + o_w * g_w)
            g = tl.load(g_ptr + at, mask=ok, other=0.0).to(wide)
            at = image * x_n + channel * x_c
            for th in tl.static_range(T):
                h, y, dy, inside_h = grid_tap(at_h, height, th, MODE, PADDING, ALIGN, index)
                for tw in tl.static_range(T):
                    w, z, dz, inside_w = grid_tap(at_w, width, tw, MODE, PADDING, ALIGN, index)
                    x = tl.load(
                        x_ptr + at + (h * x_h + w * x_w), mask=ok & inside_h & inside_w, other=0.0
                    ).to(wide)
                    total_h += g * x * (dy * z)
                    total_w += g * x * (y * dz)
    out_ptr += (image * area + place) * 2
    sum_w = tl.sum(total_w, axis=0)[None, :] * unit_w
    sum_h = tl.sum(total_h, axis=0)[None, :] * unit_h
    tl.store(out_ptr, sum_w.to(out_ptr.dtype.element_ty), mask=place < area)
    tl.store(out_ptr + 1, sum_h.to(out_ptr.dtype.element_ty), mask=place < area)


@kernel(source="What each position reads, as a list to sort by pixel", hot=True)
@triton.jit
def grid_entries_kernel(
    grid_ptr, key_ptr, weight_ptr, positions, targets, height, width, out_height, out_width,
    grid_n, grid_h, grid_w, grid_2, MODE: tl.constexpr, PADDING: tl.constexpr,
    ALIGN: tl.constexpr, T: tl.constexpr, WIDE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """key[t, p] = the pixel that tap t of position p reads (`targets` where none), and its weight.

    grid (N, *O, 2): any strides; key, weight (T T, positions): row-major. p runs over N and O.
    """
    wide = tl.float64 if grid_ptr.dtype.element_ty == tl.float64 else tl.float32
    index: tl.constexpr = tl.int64 if WIDE else tl.int32
    place = tl.program_id(0).to(index) * BLOCK + tl.arange(0, BLOCK)
    image = place // (out_height * out_width)
    o_h, o_w = place // out_width % out_height, place % out_width
    grid_ptr += image * grid_n + o_h * grid_h + o_w * grid_w
    ok = place < positions
    at_w = tl.load(grid_ptr, mask=ok, other=0.0).to(wide)
    at_h = tl.load(grid_ptr + grid_2, mask=ok, other=0.0).to(wide)
    at_w, _unit = position_of(at_w, width, MODE, PADDING, ALIGN)
    at_h, _unit = position_of(at_h, height, MODE, PADDING, ALIGN)
    for th in tl.static_range(T):
        h, weight_h, _slope, inside_h = grid_tap(at_h, height, th, MODE, PADDING, ALIGN, index)
        for tw in tl.static_range(T):
            w, weight_w, _slope, inside_w = grid_tap(at_w, width, tw, MODE, PADDING, ALIGN, index)
            key = tl.where(inside_h & inside_w, (image * height + h) * width + w, targets)
            at = (th * T + tw) * positions + place
            tl.store(key_ptr + at, key.to(key_ptr.dtype.element_ty), mask=ok)
            tl.store(weight_ptr + at, weight_h * weight_w, mask=ok)


@kernel(source="Bisection of sorted keys", hot=True)
@triton.jit
def grid_starts_kernel(key_ptr, order_ptr, start_ptr, entries, targets, bits, BLOCK: tl.constexpr):
    """start[t] = how many keys, read in the given order, are less than t, for t of 0 .. targets.

    key (entries), order (entries, int64), start (targets + 1, int64): contiguous. bits: rounds.
    """
    target = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    first = tl.zeros([BLOCK], tl.int64)
    last = first + entries
    for _ in range(0, bits):
        middle = (first + last) // 2
        ok = (first < last) & (target <= targets)
        at = tl.load(order_ptr + middle, mask=ok, other=0)
        less = ok & (tl.load(key_ptr + at, mask=ok, other=0) < target)
        first = tl.where(less, middle + 1, first)
        last = tl.where(less, last, middle)
    tl.store(start_ptr + target, first, mask=target <= targets)


@kernel(source=SOURCE + " (its transpose, each pixel adding its entries in order)", hot=True)
@triton.jit
def grid_sample_input_kernel(
    g_ptr, weight_ptr, order_ptr, start_ptr, out_ptr, positions, channels, pixels, out_height,
    out_width, g_n, g_c, g_h, g_w, WIDE: tl.constexpr, CHANNELS: tl.constexpr,
    POSITIONS: tl.constexpr,
):  # fmt: skip
    """out[n, c, s] = sum of weight g over the entries of pixel (n, s), in order.

    g (N, C, *O): any strides; weight, order, start: see the kernels above; out: row-major.
    """
    index = tl.int64 if WIDE else tl.int32
    wide = tl.float64 if g_ptr.dtype.element_ty == tl.float64 else tl.float32
    channel_blocks, blocks = tl.cdiv(channels, CHANNELS), tl.cdiv(pixels, POSITIONS)
    program = tl.program_id(0)
    channel = (program % channel_blocks) * CHANNELS + tl.arange(0, CHANNELS)[:, None].to(tl.int64)
    place = (program // channel_blocks % blocks).to(tl.int64) * POSITIONS
    place += tl.arange(0, POSITIONS)[None, :]
    image = (program // channel_blocks // blocks).to(tl.int64)
    start_ptr += image * pixels + place
    first = tl.load(start_ptr, mask=place < pixels, other=0)
    end = tl.load(start_ptr + 1, mask=place < pixels, other=0)
    g_ptr += image * g_n + channel * g_c
    total = tl.zeros([CHANNELS, POSITIONS], wide)
    for step in range(0, tl.max(end - first)):
        ok = first + step < end
        entry = tl.load(order_ptr + first + step, mask=ok, other=0)
        weight = tl.load(weight_ptr + entry, mask=ok, other=0.0)
        at = entry.to(index) % positions  # the entry of tap t is t positions + p
        at = at // out_width % out_height * g_h + at % out_width * g_w
        g = tl.load(g_ptr + at, mask=ok & (channel < channels), other=0.0).to(wide)
        total += weight * g
    out_ptr += (image * channels + channel) * pixels + place
    ok = (channel < channels) & (place < pixels)
    tl.store(out_ptr, total.to(out_ptr.dtype.element_ty), mask=ok)


def _rules(
    name: str, x_shape: Any, grid: Any, mode: str, padding: str, align: bool
) -> dict[str, Any]:  # fmt: skip
    """The constants of mode and padding; ValueError where shapes do not fit."""
    if len(x_shape) != 4 or grid.ndim != 4 or grid.shape[3] != 2 or grid.shape[0] != x_shape[0]:
        raise ValueError(
            f"{name}: expected a grid (N, H, W, 2) with the input's N, got input "
            f"{tuple(x_shape)} and grid {grid.shape}"
        )
    if mode not in _MODES or padding not in _PADDINGS:
        raise ValueError(f"{name}: unknown {mode=} or {padding=}")
    if min(x_shape[2:]) < 1:
        raise ValueError(
            f"{name}: expected input to have non-empty spatial dimensions, got {tuple(x_shape)}"
        )
    kind = _MODES.index(mode)
    return {"MODE": kind, "PADDING": _PADDINGS.index(padding), "ALIGN": align, "T": _TAPS[kind]}


def _sizes(part: str, dtype: str, taps: int, channels: int, positions: int) -> dict[str, Any]:
    config = choose("grid_sample", part=part, dtype=dtype, taps=taps)
    return {
        "CHANNELS": min(config.constants["CHANNELS"], next_power_of_2(channels)),
        "POSITIONS": min(config.constants["POSITIONS"], next_power_of_2(positions)),
        "warps": config.warps, "stages": config.stages,
    }  # fmt: skip


_OPTIONS = [
    *[("bilinear", p, True) for p in _PADDINGS], ("bilinear", "border", False),
    ("bilinear", "reflection", False), *[("nearest", p, False) for p in _PADDINGS],
    ("bicubic", "zeros", False), ("bicubic", "border", True), ("bicubic", "reflection", False),
]  # fmt: skip


_GRADIENT_OPTIONS = [
    ("bilinear", "zeros", True), ("bilinear", "border", False), ("bilinear", "reflection", True),
    ("nearest", "reflection", False), ("bicubic", "zeros", False), ("bicubic", "border", True),
]  # fmt: skip


def _samples(m: Maker, dtype: str = "f32") -> tuple[Any, Any]:
    """An image and positions, some of them outside of it."""
    return m.normal((1, 3, 4, 5), dtype), m.uniform((1, 6, 4, 2), dtype, -1.6, 1.6)


def _cases(what: str) -> Iterator[Case]:
    """Samples of the forward (""), of the gradient in "grid" and in "input"."""

    def arguments(x: Any, grid: Any, m: Maker, g: Any = None) -> tuple[Any, ...]:
        if not what:
            return x, grid
        if g is None:
            g = like(m, x, (*x.shape[:2], *grid.shape[1:3]))
        return (g, x, grid) if what == "grid" else (g, grid, x.shape)

    for mode, padding, align in _GRADIENT_OPTIONS if what else _OPTIONS:
        every = padding == "zeros" and mode == "bilinear"
        for dtype in ("f32", "f16", "bf16", "f64") if every else ("f32",):

            def build(m: Maker, dtype: str = dtype) -> tuple[Any, ...]:
                return arguments(*_samples(m, dtype), m)

            options = {"mode": mode, "padding": padding, "align": align}
            yield Case(f"{mode} {padding} {align} {dtype}", build, options)

    def odd(m: Maker) -> tuple[Any, ...]:
        x = m.strided(m.normal((2, 4, 5, 3))).transpose(0, 3, 1, 2)
        grid = m.strided(m.uniform((2, 3, 4, 2), "f32", -1.6, 1.6))
        return arguments(x, grid, m, m.strided(m.normal((2, 3, 3, 4))) if what else None)

    def crowd(m: Maker) -> tuple[Any, ...]:
        return arguments(m.normal((1, 9, 1, 1)), m.uniform((1, 2, 3, 2), "f32", -2, 2), m)

    def strange(m: Maker) -> tuple[Any, ...]:
        x, grid = _samples(m)
        if not m.shapes_only:
            grid[0, 0, :, 0] = np.nan, np.inf, -np.inf, 1e30
        return x, grid

    def far(m: Maker) -> tuple[Any, ...]:
        x, grid = apart(m.normal((2, 1, 3, 3), "f16")), m.uniform((2, 1, 3, 2), "f16", -1.2, 1.2)
        return arguments(x, grid, m, apart(m.normal((2, 1, 1, 3), "f16")) if what else None)

    yield Case("any strides", odd)
    yield Case("past 32 bits", far)
    for padding in _PADDINGS[1:]:
        yield Case(f"one pixel {padding}", crowd, {"padding": padding, "align": True})
        if not what:
            for mode in _MODES[:2]:
                yield Case(f"no numbers {mode} {padding}", strange,
                           {"mode": mode, "padding": padding})  # fmt: skip
    yield Case("empty", lambda m: arguments(m.normal((0, 3, 4, 4)), m.normal((0, 2, 2, 2)), m))
    yield Case("no positions",
               lambda m: arguments(m.normal((1, 3, 4, 4)), m.normal((1, 0, 2, 2)), m))  # fmt: skip
    for name, grid, keywords in (
        ("three axes", (1, 2, 2, 3), {}), ("mode", (1, 2, 2, 2), {"mode": "cubic"})
    ):  # fmt: skip

        def wrong(m: Maker, grid: Any = grid) -> tuple[Any, ...]:
            return arguments(m.normal((1, 3, 4, 4)), m.normal(grid), m)

        yield Case(f"wrong {name}", wrong, keywords, refuses=ValueError)
    yield Case("wrong size", lambda m: arguments(m.normal((1, 3, 0, 4)), m.normal((1, 2, 2, 2)), m),
               refuses=ValueError)  # fmt: skip
    for mode in ("bilinear", "bicubic"):
        for dtype in ("f32", "bf16"):

            def large(m: Maker, dtype: str = dtype) -> tuple[Any, ...]:
                x, grid = m.normal((4, 64, 64, 64), dtype), m.normal((4, 64, 64, 2), dtype)
                return arguments(x, grid, m)

            yield Case(f"big {mode} {dtype}", large, {"mode": mode}, big=True)


# fp32 positions are rounded, as torch's are, before weights are taken: some units of a weight.
@op(reference=grid_sample_reference, cases=lambda: _cases(""), ulps=64)
def grid_sample(
    x: Any, grid: Any, mode: str = "bilinear", padding: str = "zeros", align: bool = False
) -> Any:
    """Read x (N, C, H, W) at grid (N, *O, 2), width first, in -1 .. 1: (N, C, *O).

    mode: bilinear, nearest, bicubic; padding: zeros, border, reflection; align: -1 and 1 are the
    outer pixels' centres, and not their edges. One floating dtype, any strides.
    """
    dtype = floating("grid_sample", x, grid)
    rules = _rules("grid_sample", x.shape, grid, mode, padding, align)
    area = grid.shape[1] * grid.shape[2]
    y = empty(x, (*x.shape[:2], *grid.shape[1:3]))
    sizes = _sizes("forward", dtype, rules["T"], x.shape[1], area)
    programs = x.shape[0] * cdiv(x.shape[1], sizes["CHANNELS"]) * cdiv(area, sizes["POSITIONS"])
    launch(
        grid_sample_forward_kernel, (programs,), x, grid, y, *x.shape[1:], *grid.shape[1:3],
        *strides(x), *strides(grid), WIDE=reaches_past_int32(x, grid, y), **rules, **sizes,
        flags=_EXACTLY,
    )  # fmt: skip
    return y


def _check_gradient(name: str, g: Any, x_shape: Any, grid: Any) -> None:
    if tuple(g.shape) != (*x_shape[:2], *grid.shape[1:3]):
        raise ValueError(
            f"{name}: gradient {g.shape} does not fit input {tuple(x_shape)} and grid {grid.shape}"
        )


@op(reference=grid_sample_grid_reference, cases=lambda: _cases("grid"), ulps=64)
def grid_sample_grid(
    g: Any, x: Any, grid: Any, mode: str = "bilinear", padding: str = "zeros", align: bool = False
) -> Any:
    """Gradient of `grid_sample` in its grid, from the output's gradient g (N, C, *O)."""
    dtype = floating("grid_sample_grid", g, x, grid)
    rules = _rules("grid_sample_grid", x.shape, grid, mode, padding, align)
    _check_gradient("grid_sample_grid", g, x.shape, grid)
    out = empty(grid, grid.shape)
    area = grid.shape[1] * grid.shape[2]
    sizes = _sizes("grid", dtype, rules["T"], x.shape[1], area)
    launch(
        grid_sample_grid_kernel, (x.shape[0] * cdiv(area, sizes["POSITIONS"]),), g, x, grid, out,
        *x.shape[1:], *grid.shape[1:3], *strides(g), *strides(x), *strides(grid),
        WIDE=reaches_past_int32(g, x, grid, out), **rules, **sizes, flags=_EXACTLY,
    )  # fmt: skip
    return out


@op(reference=grid_sample_input_reference, cases=lambda: _cases("input"), ulps=64)
def grid_sample_input(
    g: Any, grid: Any, x_shape: Any, mode: str = "bilinear", padding: str = "zeros",
    align: bool = False,
) -> Any:  # fmt: skip
    """Gradient of `grid_sample` in its input of `x_shape`, from the output's gradient g (N, C, *O).

    Equal bits on every run: entries are sorted by pixel, stably, and added in order.
    """
    dtype = floating("grid_sample_input", g, grid)
    rules = _rules("grid_sample_input", x_shape, grid, mode, padding, align)
    _check_gradient("grid_sample_input", g, x_shape, grid)
    out = empty(g, x_shape)
    images, channels, height, width = x_shape
    pixels, positions = height * width, images * grid.shape[1] * grid.shape[2]
    targets, taps = images * pixels, rules["T"] ** 2
    most = max(targets + 1, taps * positions)
    far = most >= 2**31 or reaches_past_int32(g, grid, out)
    keys = empty(g, (taps * positions,), "int64" if far else "int32")
    weights = empty(g, keys.shape, "float64" if dtype == "fp64" else "float32")
    config = choose("grid_sample", part="entries", dtype=dtype, taps=rules["T"])
    block = min(config.constants["BLOCK"], next_power_of_2(max(positions, targets + 1)))
    settings = {"BLOCK": block, "warps": config.warps, "stages": config.stages}
    launch(
        grid_entries_kernel, (cdiv(positions, block),), grid, keys, weights, positions, targets,
        height, width, *grid.shape[1:3], *strides(grid), WIDE=far, **rules, **settings,
        flags=_EXACTLY,
    )  # fmt: skip
    order = namespace(g).argsort(keys, kind="stable")
    starts = empty(g, (targets + 1,), "int64")
    launch(
        grid_starts_kernel, (cdiv(targets + 1, block),), keys, order, starts, keys.size, targets,
        keys.size.bit_length(), **settings,
    )  # fmt: skip
    sizes = _sizes("input", dtype, 1, channels, pixels)
    programs = images * cdiv(channels, sizes["CHANNELS"]) * cdiv(pixels, sizes["POSITIONS"])
    launch(
        grid_sample_input_kernel, (programs,), g, weights, order, starts, out, positions, channels,
        pixels, *grid.shape[1:3], *strides(g), WIDE=far, **sizes,
    )  # fmt: skip
    return out
