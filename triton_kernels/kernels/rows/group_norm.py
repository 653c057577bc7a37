"""Group norm, and instance norm as groups of one channel, forward and backward.

A group that fits a tile is read once; a larger one takes partial moments of its channels, which
are joined in a fixed order, and a pass for the result. Channels-last arrays are walked as they are.
"""

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl

from ...checks.cases import kernel, op
from ...launching.arrays import empty, floating, next_power_of_2, strides
from ...launching.launch import launch
from ...launching.policy import choose
from ...references.group_norm import (
    backward_cases,
    forward_cases,
    group_norm_backward_reference,
    group_norm_reference,
)
from . import channels
from .norm_parts import add_rows, halves, wide_dtype, wide_of


@kernel(source=channels.GROUP, hot=True)
@triton.jit
def group_norm_kernel(
    x_ptr, w_ptr, b_ptr, y_ptr, mean_ptr, rstd_ptr, C, S,
    x_sample, x_channel, x_place, y_sample, y_channel, y_place, eps, eps_rest,
    PER: tl.constexpr, WIDE: tl.constexpr, CHANNELS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """y = w (x - mean) rstd + b, a group a program: PER channels by S places fit the tile.

    x, y (N, C, S) of any strides; w, b (C,) or None; mean, rstd (N C / PER,).
    """
    group = tl.program_id(0).to(tl.int64)
    lane = tl.arange(0, CHANNELS)[:, None]
    channel = group * PER % C + lane
    at = tl.arange(0, BLOCK).to(tl.int64 if WIDE else tl.int32)[None, :]
    wide = wide_of(x_ptr.dtype.element_ty)
    mine = lane < PER
    ok = mine & (at < S)
    sample = group * PER // C
    x = tl.load(
        x_ptr + sample * x_sample + channel * x_channel + at * x_place, mask=ok, other=0.0
    ).to(wide)
    size = tl.zeros([], wide) + S * PER
    mean = tl.sum(tl.sum(x, axis=1), axis=0) / size
    away = tl.where(ok, x - mean, 0.0)
    shift = tl.zeros([], wide) + eps + eps_rest
    rstd = 1 / tl.sqrt(tl.sum(tl.sum(away * away, axis=1), axis=0) / size + shift)
    y = away * rstd
    if w_ptr is not None:
        y *= tl.load(w_ptr + channel, mask=mine, other=0.0).to(wide)
    if b_ptr is not None:
        y += tl.load(b_ptr + channel, mask=mine, other=0.0).to(wide)
    y_at = sample * y_sample + channel * y_channel + at * y_place
    tl.store(y_ptr + y_at, y.to(y_ptr.dtype.element_ty), mask=ok)
    tl.store(mean_ptr + group, mean)  # in bounds: a program a group
    tl.store(rstd_ptr + group, rstd)  # in bounds: a program a group


@kernel(source="Derivative: rstd (w g - z mean(w g z) - mean(w g)), z = (x - mean) rstd", hot=True)
@triton.jit
def group_norm_backward_kernel(
    g_ptr, x_ptr, mean_ptr, rstd_ptr, w_ptr, out_ptr, along_ptr, total_ptr, C, S,
    g_sample, g_channel, g_place, x_sample, x_channel, x_place, out_sample, out_channel, out_place,
    PER: tl.constexpr, WIDE: tl.constexpr, CHANNELS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Gradient in x, a group a program; along, total (N, C): sums of g z and of g over places."""
    group = tl.program_id(0).to(tl.int64)
    lane = tl.arange(0, CHANNELS)[:, None]
    channel = group * PER % C + lane
    at = tl.arange(0, BLOCK).to(tl.int64 if WIDE else tl.int32)[None, :]
    wide = wide_of(x_ptr.dtype.element_ty)
    mine = lane < PER
    ok = mine & (at < S)
    sample = group * PER // C
    mean = tl.load(mean_ptr + group)  # in bounds: a program a group
    rstd = tl.load(rstd_ptr + group)  # in bounds: a program a group
    g = tl.load(
        g_ptr + sample * g_sample + channel * g_channel + at * g_place, mask=ok, other=0.0
    ).to(wide)
    x = tl.load(
        x_ptr + sample * x_sample + channel * x_channel + at * x_place, mask=ok, other=0.0
    ).to(wide)
    z = (x - mean) * rstd
    along = tl.sum(g * z, axis=1)[:, None]
    total = tl.sum(g, axis=1)[:, None]
    tl.store(along_ptr + group * PER + lane, along, mask=mine)
    tl.store(total_ptr + group * PER + lane, total, mask=mine)
    if w_ptr is not None:
        w = tl.load(w_ptr + channel, mask=mine, other=0.0).to(wide)
        g *= w
        along *= w
        total *= w
    size = tl.zeros([], wide) + S * PER
    slope = tl.sum(tl.sum(along, axis=1), axis=0) / size
    level = tl.sum(tl.sum(total, axis=1), axis=0) / size
    out = (g - z * slope - level) * rstd
    out_at = sample * out_sample + channel * out_channel + at * out_place
    tl.store(out_ptr + out_at, out.to(out_ptr.dtype.element_ty), mask=ok)


def _check(op: str, x: Any, groups: int, *vectors: Any) -> tuple[str, int]:
    """(dtype, channels a group), once shapes and dtypes are known to fit."""
    dtype = floating(op, x)
    if x.ndim < 2:
        raise ValueError(f"{op}: expected an array (N, C, ...), got {x.ndim} axes")
    if groups < 1 or x.shape[1] % groups:
        raise ValueError(f"{op}: expected {x.shape[1]} channels to be divisible by {groups} groups")
    for v in vectors:
        if v is not None and tuple(v.shape) != (x.shape[1],):
            raise ValueError(f"{op}: a vector of shape {tuple(v.shape)} for {x.shape[1]} channels")
        if v is not None:
            floating(op, v)
    return dtype, x.shape[1] // groups


def _whole(way: str, dtype: str, per: int, inner: int) -> dict[str, int] | None:
    """Launch settings of a group a program; None where a group exceeds the table's tile."""
    tall, block = next_power_of_2(per), next_power_of_2(inner)
    wide = "fp64" if dtype == "fp64" else "fp32"
    config = choose("group_norm", way=way, wide=wide, n=tall * block)
    if tall * block > config.constants["ELEMENTS"]:
        return None
    return {"CHANNELS": tall, "BLOCK": block, "warps": config.warps, "stages": config.stages}


@op(reference=group_norm_reference, cases=forward_cases, ulps=16)
def group_norm(
    x: Any, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> tuple[Any, Any, Any]:
    """Normalise groups of channels of x (N, C, ...) a sample: (y, mean, reciprocal deviation).

    weight, bias: contiguous (C,) of any floating dtype, or None. y: as x. mean and reciprocal
    deviation: (N groups,) in fp32, fp64 for fp64. groups = C: instance norm.
    """
    dtype, per = _check("group_norm", x, groups, weight, bias)
    view = channels.places(x)
    out = channels.beside(view)
    p = channels.plan(dtype, per, False, out, view)
    settings = _whole("forward", dtype, per, p.places)
    if settings is None:
        mean, _, rstd = channels.moments(p, view, eps, False)
        channels.apply(p, view, out, mean, rstd, weight, bias, None)
        return out.reshape(x.shape), mean, rstd
    count = view.shape[0] * groups
    mean, rstd = (empty(x, (count,), wide_dtype(dtype)) for _ in range(2))
    launch(
        group_norm_kernel, (count,), view, weight, bias, out, mean, rstd, p.width, p.places,
        *strides(view), *strides(out), *halves(eps), PER=per, WIDE=p.wide,
        **settings,
    )  # fmt: skip
    return out.reshape(x.shape), mean, rstd


@op(reference=group_norm_backward_reference, cases=backward_cases, ulps=32)
def group_norm_backward(
    g: Any, x: Any, groups: int, mean: Any, rstd: Any, weight: Any = None
) -> tuple[Any, Any, Any]:
    """Gradients of `group_norm` in x, weight and bias, from y's; mean, rstd: the forward's.

    Gradients of parameters have weight's dtype, or x's without a weight.
    """
    dtype, per = _check("group_norm_backward", x, groups, weight)
    floating("group_norm_backward", g, x)
    if g.shape != x.shape:
        raise ValueError(f"group_norm_backward: gradient of shape {g.shape}, expected {x.shape}")
    grads, view = channels.places(g), channels.places(x)
    out = channels.beside(view)
    p = channels.plan(dtype, per, False, out, grads, view)
    settings = _whole("backward", dtype, per, p.places)
    if settings is None:
        along, total = channels.sums(p, grads, view, mean, rstd, None)
        means = channels.terms(p, along, total, weight)
        channels.backward(p, grads, view, out, mean, rstd, weight, means, None)
    else:
        along, total = (empty(x, (1, p.channels), wide_dtype(dtype)) for _ in range(2))
        launch(
            group_norm_backward_kernel, (view.shape[0] * groups,), grads, view, mean, rstd, weight,
            out, along, total, p.width, p.places, *strides(grads),
            *strides(view), *strides(out), PER=per, WIDE=p.wide, **settings,
        )  # fmt: skip
    rows = (along.shape[0] * view.shape[0], p.width)
    sums = add_rows(
        along.reshape(rows), total.reshape(rows), (x if weight is None else weight).dtype
    )
    return out.reshape(x.shape), *sums
