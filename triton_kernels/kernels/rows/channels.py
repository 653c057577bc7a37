"""Normalisation by channel: moments, application and gradients that batch and group norm share.

A tensor is a matrix of channels by positions: of C channels over all samples and places (batch
norm), or of N C channels over places (group norm). One index of each walks two strides at most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import triton
import triton.language as tl

from ...checks.cases import kernel
from ...launching.arrays import cdiv, empty, reaches_past_int32, strides
from ...launching.launch import launch
from ...launching.policy import choose
from .norm_parts import halves, side, wide_dtype, wide_of

CHAN = "Chan, Golub, LeVeque, Algorithms for computing the sample variance, Am. Stat. 37 (1983)"
WELFORD = "Welford, Note on a method for calculating corrected sums of squares, Technometrics 4"
BATCH = "Ioffe and Szegedy, Batch Normalization, arXiv:1502.03167"
GROUP = "Wu and He, Group Normalization, arXiv:1803.08494"


@triton.jit
def channel_offset(channel, C, x_sample, x_channel):
    """Where a channel of the matrix starts, C channels a sample."""
    sample = channel // C
    return sample.to(tl.int64) * x_sample + (channel - sample * C).to(tl.int64) * x_channel


@triton.jit
def position_offset(position, S, x_sample, x_place, FLAT: tl.constexpr):
    """Where a position lies within its channel, S places a sample; FLAT: one stride does."""
    at = position * x_place
    if not FLAT:
        at += position // S * (x_sample - S * x_place)  # one division, where // and % take two
    return at


@kernel(source=f"{WELFORD}; lanes joined: {CHAN}", hot=True)
@triton.jit
def channel_moments_kernel(
    x_ptr, mean_ptr, squares_ptr, channels, positions, piece, C, S,
    x_outer, x_channel, x_sample, x_place,
    FLAT: tl.constexpr, WIDE: tl.constexpr, CHANNELS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """mean, squares (pieces, channels): of a piece of each channel's positions, one read of x.

    squares: summed squared deviations from the piece's mean. Each lane keeps a running mean and
    sum of squares; the lanes are joined at the end.
    """
    index: tl.constexpr = tl.int64 if WIDE else tl.int32  # a 64-bit division costs registers
    channel = tl.program_id(0).to(index) * CHANNELS + tl.arange(0, CHANNELS)[:, None]
    lane = tl.arange(0, BLOCK).to(index)[None, :]
    wide = wide_of(x_ptr.dtype.element_ty)
    begin = tl.program_id(1).to(index) * piece
    end = tl.minimum(begin + piece, positions)
    live = channel < channels
    x_ptr += channel_offset(channel, C, x_outer, x_channel)
    mean = tl.zeros([CHANNELS, BLOCK], wide)
    squares = tl.zeros([CHANNELS, BLOCK], wide)
    count = tl.zeros([1, BLOCK], wide)
    for start in range(begin, end, BLOCK):
        kept = start + lane < end
        at = position_offset(start + lane, S, x_sample, x_place, FLAT)
        x = tl.load(x_ptr + at, mask=live & kept, other=0.0).to(wide)
        count += tl.where(kept, 1.0, 0.0)
        away = tl.where(kept, x - mean, 0.0)
        mean += away / tl.maximum(count, 1.0)
        squares += away * (x - mean)
    middle = (tl.sum(mean * count, axis=1) / (end - begin))[:, None]
    total = tl.sum(squares + count * (mean - middle) * (mean - middle), axis=1)[:, None]
    out = tl.program_id(1).to(tl.int64) * channels + channel
    tl.store(mean_ptr + out, middle, mask=live)
    tl.store(squares_ptr + out, total, mask=live)


@kernel(source=CHAN, hot=True)
@triton.jit
def channel_join_kernel(
    means_ptr, squares_ptr, mean_ptr, variance_ptr, rstd_ptr, sets, channels, positions, piece,
    pieces, eps, eps_rest,
    PER: tl.constexpr, SETS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """mean, variance (biased; or None), rstd (sets,): of sets of PER channels in pieces each.

    means, squares (pieces, channels): of every piece. Parts are walked piece by piece.
    """
    one = tl.program_id(0).to(tl.int64) * SETS + tl.arange(0, SETS)[:, None]
    lane = tl.arange(0, BLOCK).to(tl.int64)[None, :]
    wide: tl.constexpr = means_ptr.dtype.element_ty
    parts = pieces * PER
    total = tl.zeros([SETS, BLOCK], wide)
    for start in range(0, parts, BLOCK):
        part = start + lane
        ok = (one < sets) & (part < parts)
        at = part // PER * channels + one * PER + part % PER
        count = tl.minimum(positions - part // PER * piece, piece).to(wide)
        total += tl.load(means_ptr + at, mask=ok, other=0.0) * count
    size = tl.zeros([], wide) + positions * PER
    mean = (tl.sum(total, axis=1) / size)[:, None]
    total = tl.zeros([SETS, BLOCK], wide)
    for start in range(0, parts, BLOCK):
        part = start + lane
        ok = (one < sets) & (part < parts)
        at = part // PER * channels + one * PER + part % PER
        count = tl.minimum(positions - part // PER * piece, piece).to(wide)
        away = tl.load(means_ptr + at, mask=ok, other=0.0) - mean
        squares = tl.load(squares_ptr + at, mask=ok, other=0.0)
        total += tl.where(ok, squares + count * away * away, 0.0)
    variance = (tl.sum(total, axis=1) / size)[:, None]
    tl.store(mean_ptr + one, mean, mask=one < sets)
    if variance_ptr is not None:
        tl.store(variance_ptr + one, variance, mask=one < sets)
    shift = tl.zeros([], wide) + eps + eps_rest
    tl.store(rstd_ptr + one, 1 / tl.sqrt(variance + shift), mask=one < sets)


@kernel(source=f"{BATCH}; {GROUP}", hot=True)
@triton.jit
def channel_apply_kernel(
    x_ptr, mean_ptr, scale_ptr, w_ptr, b_ptr, y_ptr, channels, positions, C, S,
    x_outer, x_channel, x_sample, x_place, y_outer, y_channel, y_sample, y_place,
    eps, eps_rest,
    PER: tl.constexpr, FROM_VARIANCE: tl.constexpr, FLAT: tl.constexpr, WIDE: tl.constexpr,
    CHANNELS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """y = w (x - mean) scale + b, a statistic for PER channels, w and b (C,) or None.

    scale: the reciprocal deviation, or, FROM_VARIANCE, the variance.
    """
    across = tl.cdiv(positions, BLOCK)
    index: tl.constexpr = tl.int64 if WIDE else tl.int32  # a 64-bit division costs registers
    channel = (tl.program_id(0) // across).to(index) * CHANNELS
    channel += tl.arange(0, CHANNELS)[:, None]
    lane = tl.arange(0, BLOCK).to(index)[None, :]
    wide = wide_of(x_ptr.dtype.element_ty)
    at = tl.program_id(0) % across * BLOCK + lane
    live = channel < channels
    ok = live & (at < positions)
    mean = tl.load(mean_ptr + channel // PER, mask=live, other=0.0).to(wide)
    scale = tl.load(scale_ptr + channel // PER, mask=live, other=1.0).to(wide)
    if FROM_VARIANCE:
        scale = 1 / tl.sqrt(scale + (tl.zeros([], wide) + eps + eps_rest))
    if w_ptr is not None:
        scale *= tl.load(w_ptr + channel % C, mask=live, other=0.0).to(wide)
    x_ptr += channel_offset(channel, C, x_outer, x_channel)
    y_ptr += channel_offset(channel, C, y_outer, y_channel)
    x = tl.load(x_ptr + position_offset(at, S, x_sample, x_place, FLAT), mask=ok, other=0.0)
    y = (x.to(wide) - mean) * scale
    if b_ptr is not None:
        y += tl.load(b_ptr + channel % C, mask=live, other=0.0).to(wide)
    y_at = position_offset(at, S, y_sample, y_place, FLAT)
    tl.store(y_ptr + y_at, y.to(y_ptr.dtype.element_ty), mask=ok)


@kernel(source="Derivative of y = w z + b, z = (x - mean) rstd: sums of g z and of g", hot=True)
@triton.jit
def channel_sums_kernel(
    g_ptr, x_ptr, mean_ptr, scale_ptr, along_ptr, total_ptr, channels, positions, piece, C, S,
    g_outer, g_channel, g_sample, g_place, x_outer, x_channel, x_sample, x_place, eps, eps_rest,
    PER: tl.constexpr, FROM_VARIANCE: tl.constexpr, FLAT: tl.constexpr, WIDE: tl.constexpr,
    CHANNELS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """along, total (pieces, channels): sums of g (x - mean) scale and of g over a piece each."""
    index: tl.constexpr = tl.int64 if WIDE else tl.int32  # a 64-bit division costs registers
    channel = tl.program_id(0).to(index) * CHANNELS + tl.arange(0, CHANNELS)[:, None]
    lane = tl.arange(0, BLOCK).to(index)[None, :]
    wide = wide_of(x_ptr.dtype.element_ty)
    begin = tl.program_id(1).to(index) * piece
    end = tl.minimum(begin + piece, positions)
    live = channel < channels
    mean = tl.load(mean_ptr + channel // PER, mask=live, other=0.0).to(wide)
    scale = tl.load(scale_ptr + channel // PER, mask=live, other=1.0).to(wide)
    if FROM_VARIANCE:
        scale = 1 / tl.sqrt(scale + (tl.zeros([], wide) + eps + eps_rest))
    g_ptr += channel_offset(channel, C, g_outer, g_channel)
    x_ptr += channel_offset(channel, C, x_outer, x_channel)
    along = tl.zeros([CHANNELS, BLOCK], wide)
    total = tl.zeros([CHANNELS, BLOCK], wide)
    for start in range(begin, end, BLOCK):
        ok = live & (start + lane < end)
        g_at = position_offset(start + lane, S, g_sample, g_place, FLAT)
        x_at = position_offset(start + lane, S, x_sample, x_place, FLAT)
        g = tl.load(g_ptr + g_at, mask=ok, other=0.0).to(wide)
        x = tl.load(x_ptr + x_at, mask=ok, other=0.0).to(wide)
        along += g * (x - mean)
        total += g
    out = tl.program_id(1).to(tl.int64) * channels + channel
    tl.store(along_ptr + out, tl.sum(along, axis=1)[:, None] * scale, mask=live)
    tl.store(total_ptr + out, tl.sum(total, axis=1)[:, None], mask=live)


@kernel(source="Means of w g z and of w g over a set of channels, from sums of pieces", hot=True)
@triton.jit
def channel_terms_kernel(
    along_ptr, total_ptr, w_ptr, slope_ptr, level_ptr, sets, channels, positions, pieces, C,
    PER: tl.constexpr, SETS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """slope, level (sets,): means over PER channels of w along and w total (pieces, channels)."""
    one = tl.program_id(0).to(tl.int64) * SETS + tl.arange(0, SETS)[:, None]
    lane = tl.arange(0, BLOCK).to(tl.int64)[None, :]
    wide: tl.constexpr = along_ptr.dtype.element_ty
    parts = pieces * PER
    slope = tl.zeros([SETS, BLOCK], wide)
    level = tl.zeros([SETS, BLOCK], wide)
    for start in range(0, parts, BLOCK):
        part = start + lane
        ok = (one < sets) & (part < parts)
        channel = one * PER + part % PER
        along = tl.load(along_ptr + part // PER * channels + channel, mask=ok, other=0.0)
        total = tl.load(total_ptr + part // PER * channels + channel, mask=ok, other=0.0)
        if w_ptr is not None:
            w = tl.load(w_ptr + channel % C, mask=ok, other=0.0).to(wide)
            along *= w
            total *= w
        slope += along
        level += total
    size = tl.zeros([], wide) + positions * PER
    tl.store(slope_ptr + one, (tl.sum(slope, axis=1) / size)[:, None], mask=one < sets)
    tl.store(level_ptr + one, (tl.sum(level, axis=1) / size)[:, None], mask=one < sets)


@kernel(source="Derivative: rstd (w g - z mean(w g z) - mean(w g)), z = (x - mean) rstd", hot=True)
@triton.jit
def channel_backward_kernel(
    g_ptr, x_ptr, mean_ptr, scale_ptr, w_ptr, slope_ptr, level_ptr, out_ptr,
    channels, positions, C, S,
    g_outer, g_channel, g_sample, g_place, x_outer, x_channel, x_sample, x_place,
    out_outer, out_channel, out_sample, out_place, eps, eps_rest,
    PER: tl.constexpr, FROM_VARIANCE: tl.constexpr, FLAT: tl.constexpr, WIDE: tl.constexpr,
    CHANNELS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Gradient in x; slope and level (sets,) None: the statistics do not depend on x."""
    across = tl.cdiv(positions, BLOCK)
    index: tl.constexpr = tl.int64 if WIDE else tl.int32  # a 64-bit division costs registers
    channel = (tl.program_id(0) // across).to(index) * CHANNELS
    channel += tl.arange(0, CHANNELS)[:, None]
    lane = tl.arange(0, BLOCK).to(index)[None, :]
    wide = wide_of(x_ptr.dtype.element_ty)
    at = tl.program_id(0) % across * BLOCK + lane
    live = channel < channels
    ok = live & (at < positions)
    scale = tl.load(scale_ptr + channel // PER, mask=live, other=1.0).to(wide)
    if FROM_VARIANCE:
        scale = 1 / tl.sqrt(scale + (tl.zeros([], wide) + eps + eps_rest))
    g_ptr += channel_offset(channel, C, g_outer, g_channel)
    g_at = position_offset(at, S, g_sample, g_place, FLAT)
    out = tl.load(g_ptr + g_at, mask=ok, other=0.0).to(wide)
    if w_ptr is not None:
        out *= tl.load(w_ptr + channel % C, mask=live, other=0.0).to(wide)
    if slope_ptr is not None:
        mean = tl.load(mean_ptr + channel // PER, mask=live, other=0.0).to(wide)
        slope = tl.load(slope_ptr + channel // PER, mask=live, other=0.0)
        level = tl.load(level_ptr + channel // PER, mask=live, other=0.0)
        x_ptr += channel_offset(channel, C, x_outer, x_channel)
        x_at = position_offset(at, S, x_sample, x_place, FLAT)
        x = tl.load(x_ptr + x_at, mask=ok, other=0.0).to(wide)
        out -= (x - mean) * (scale * slope) + level
    out_ptr += channel_offset(channel, C, out_outer, out_channel)
    out_at = position_offset(at, S, out_sample, out_place, FLAT)
    tl.store(out_ptr + out_at, (out * scale).to(out_ptr.dtype.element_ty), mask=ok)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a launch walks its arrays: sizes, which stride is least, what merges.

    per: channels that share a statistic. batch: positions run over samples too.
    """

    dtype: str
    channels: int
    positions: int
    width: int
    places: int
    per: int
    batch: bool
    flat: bool
    wide: bool
    layout: str

    def steps(self, view: Any) -> tuple[int, int, int, int]:
        """Strides of a view (N, C, S): outer, channel, sample, place."""
        sample, channel, place = strides(view)
        if not self.batch:
            return sample, channel, 0, place
        return 0, channel, sample, sample if self.places == 1 else place

    def tile(self, work: str) -> tuple[dict[str, int], dict[str, Any]]:
        """(table entry, launch settings)."""
        wide = "fp64" if self.dtype == "fp64" else "fp32"
        config = choose("channels", work=work, layout=self.layout, wide=wide)
        table = config.constants
        lanes, elements = table["LANES"], table["ELEMENTS"]
        if self.layout == "row":
            block = side(self.positions, 32, lanes)
            tall = side(self.channels, 8, elements // block)
        else:
            tall = side(self.channels, 16, lanes)
            block = side(self.positions, 8, elements // tall)
        return table, {
            "FLAT": self.flat, "WIDE": self.wide, "CHANNELS": tall, "BLOCK": block,
            "warps": config.warps, "stages": config.stages,
        }  # fmt: skip

    def pieces(self) -> tuple[tuple[int, int], int, int, dict[str, Any]]:
        """(grid, positions a piece, pieces, launch settings) of sums over positions."""
        table, settings = self.tile("sums")
        programs = cdiv(self.channels, settings["CHANNELS"])
        wanted = min(cdiv(table["PROGRAMS"], max(programs, 1)),
                     cdiv(self.positions, table["PIECE"]))  # fmt: skip
        block = settings["BLOCK"]
        piece = max(cdiv(cdiv(self.positions, max(wanted, 1)), block), 1) * block
        count = max(cdiv(self.positions, piece), 1)
        return (programs, count), piece, count, settings

    def tiles(self) -> tuple[tuple[int], dict[str, Any]]:
        """(grid, launch settings) of a program a tile."""
        _, settings = self.tile("apply")
        across = cdiv(self.positions, settings["BLOCK"])
        return (cdiv(self.channels, settings["CHANNELS"]) * across,), settings

    def sets(self, pieces: int) -> tuple[int, tuple[int], dict[str, int]]:
        """(statistics, grid, launch settings) of joining pieces."""
        count = self.channels // self.per
        block = side(pieces * self.per, 16, 1024)
        tall = side(count, 16, 1024 // block)
        settings = {"PER": self.per, "SETS": tall, "BLOCK": block, "warps": 4, "stages": 2}
        return count, (cdiv(count, tall),), settings

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """Channels, positions, channels a sample, places a sample."""
        return self.channels, self.positions, self.width, self.places


def places(x: Any) -> Any:
    """x (N, C, *S) as (N, C, S); a copy only where a view fails."""
    return x.reshape(x.shape[0], x.shape[1], math.prod(x.shape[2:]))


def plan(dtype: str, per: int, batch: bool, *views: Any) -> Plan:
    """The plan of a launch over views (N, C, S) of one shape, laid out after the last one."""
    samples, width, inner = views[-1].shape
    channels, positions = (width, samples * inner) if batch else (samples * width, inner)
    flat = not batch or inner == 1 or samples == 1
    if not flat:
        flat = all(s[0] == inner * s[2] for s in map(strides, views))
    wide = reaches_past_int32(*views) or max(channels, positions) >= 2**31
    across, channel, place = strides(views[-1])
    if batch and inner == 1:
        place = across
    layout = "column" if channels > 1 and abs(channel) < abs(place) else "row"
    return Plan(
        dtype, channels, positions, width, inner, per, batch, flat, wide, layout,
    )  # fmt: skip


def beside(view: Any) -> Any:
    """New memory of the shape of a view (N, C, S), channels innermost where they are in it."""
    samples, width, inner = view.shape
    _, channel, place = strides(view)
    if width > 1 and inner > 1 and abs(channel) < abs(place):
        return empty(view, (samples, inner, width)).transpose(0, 2, 1)
    return empty(view, view.shape)


def moments(p: Plan, x: Any, eps: float, variance: bool) -> tuple[Any, Any, Any]:
    """(mean, biased variance or None, reciprocal deviation) of each set of channels."""
    wide = wide_dtype(p.dtype)
    grid, piece, pieces, settings = p.pieces()
    means, squares = (empty(x, (pieces, p.channels), wide) for _ in range(2))
    launch(
        channel_moments_kernel, grid, x, means, squares, p.channels, p.positions, piece,
        p.width, p.places, *p.steps(x), **settings,
    )  # fmt: skip
    count, grid, settings = p.sets(pieces)
    mean, rstd = (empty(x, (count,), wide) for _ in range(2))
    found = empty(x, (count,), wide) if variance else None
    launch(
        channel_join_kernel, grid, means, squares, mean, found, rstd, count, p.channels,
        p.positions, piece, pieces, *halves(eps), **settings,
    )  # fmt: skip
    return mean, found, rstd


def apply(
    p: Plan, x: Any, out: Any, mean: Any, scale: Any, w: Any, b: Any, eps: float | None
) -> None:
    """out = w (x - mean) scale + b; eps: scale is the variance, and this is added to it."""
    grid, settings = p.tiles()
    launch(
        channel_apply_kernel, grid, x, mean, scale, w, b, out, *p.sizes, *p.steps(x),
        *p.steps(out), *halves(eps or 0.0), PER=p.per, FROM_VARIANCE=eps is not None, **settings,
    )  # fmt: skip


def sums(p: Plan, g: Any, x: Any, mean: Any, scale: Any, eps: float | None) -> tuple[Any, Any]:
    """Sums of g (x - mean) scale and of g over each channel: (pieces, channels) each."""
    grid, piece, pieces, settings = p.pieces()
    along, total = (empty(x, (pieces, p.channels), wide_dtype(p.dtype)) for _ in range(2))
    launch(
        channel_sums_kernel, grid, g, x, mean, scale, along, total, p.channels, p.positions, piece,
        p.width, p.places, *p.steps(g), *p.steps(x), *halves(eps or 0.0), PER=p.per,
        FROM_VARIANCE=eps is not None, **settings,
    )  # fmt: skip
    return along, total


def terms(p: Plan, along: Any, total: Any, w: Any) -> tuple[Any, Any]:
    """Means of w along and of w total over each set of channels."""
    count, grid, settings = p.sets(along.shape[0])
    slope, level = (empty(along, (count,)) for _ in range(2))
    launch(
        channel_terms_kernel, grid, along, total, w, slope, level, count, p.channels, p.positions,
        along.shape[0], p.width, **settings,
    )  # fmt: skip
    return slope, level


def backward(
    p: Plan, g: Any, x: Any, out: Any, mean: Any, scale: Any, w: Any, means: tuple[Any, Any],
    eps: float | None,
) -> None:  # fmt: skip
    """out = the gradient in x; means: of `terms`, or (None, None) where statistics are given."""
    grid, settings = p.tiles()
    launch(
        channel_backward_kernel, grid, g, x, mean, scale, w, *means, out, *p.sizes, *p.steps(g),
        *p.steps(x), *p.steps(out), *halves(eps or 0.0), PER=p.per,
        FROM_VARIANCE=eps is not None, **settings,
    )  # fmt: skip
