"""Variance, deviation and mean together, and the logarithm of a sum of exponentials.

Each keeps a pair of numbers a row: (mean, sum of squared deviations) in two passes over a piece,
(maximum, rescaled sum) in one; pairs of pieces are joined by a second launch.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import triton
import triton.language as tl

from ...checks.cases import Case, Maker, kernel, op
from ...launching.arrays import empty, floating
from ...launching.axes import Reduction, normal_axes, place, reduction
from ...launching.launch import launch
from .reduce import NUMPY, accumulator, far_apart, plan_tile

CHAN = "Chan, Golub, LeVeque, Algorithms for computing the sample variance, Am. Stat. 37 (1983)"
ONLINE = "Milakov and Gimelshein, Online normalizer calculation for softmax, arXiv:1805.02867"


@triton.jit
def _deviation(squares, divisor, rest, ROOT: tl.constexpr):
    """Sum of squares over the divisor (given in two parts), or its root."""
    y = squares / (tl.zeros_like(squares) + divisor + rest)
    if ROOT:
        y = tl.sqrt(y)
    return y


@kernel(source=CHAN, hot=True)
@triton.jit
def moments_kernel(
    x_ptr, mean_ptr, out_ptr, outer, reduced, piece,
    outer_n0, outer_n1, outer_n2, outer_s0, outer_s1, outer_s2, outer_s3,
    n0, n1, n2, s0, s1, s2, s3, divisor, rest,
    LAST: tl.constexpr, ROOT: tl.constexpr, ACC: tl.constexpr, WHOLE: tl.constexpr,
    OUTER_RANK: tl.constexpr, RANK: tl.constexpr, WIDE: tl.constexpr, ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """mean, out (pieces, outer): of piece k of row r of x (outer, reduced), of any strides.

    out: the sum of squared deviations from the piece's mean; LAST: over the divisor, ROOT: rooted.
    """
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    x_ptr += place(
        row, outer_n0, outer_n1, outer_n2, outer_s0, outer_s1, outer_s2, outer_s3, OUTER_RANK
    )[:, None]
    begin = tl.program_id(1) * piece
    lane = tl.arange(0, BLOCK)
    if WIDE:
        begin = tl.program_id(1).to(tl.int64) * piece
        lane = lane.to(tl.int64)
    end = tl.minimum(begin + piece, reduced)
    live = row < outer
    if WHOLE:
        ok = live[:, None] & (begin + lane < end)[None, :]
        spot = place(begin + lane, n0, n1, n2, s0, s1, s2, s3, RANK)[None, :]
        x = tl.load(x_ptr + spot, mask=ok, other=0.0).to(ACC)
        mean = tl.sum(x, axis=1) / (end - begin)
        away = tl.where(ok, x - mean[:, None], 0.0)
        squares = tl.sum(away * away, axis=1)
    else:
        total = tl.zeros([ROWS, BLOCK], ACC)
        for start in range(begin, end, BLOCK):
            ok = live[:, None] & (start + lane < end)[None, :]
            spot = place(start + lane, n0, n1, n2, s0, s1, s2, s3, RANK)[None, :]
            total += tl.load(x_ptr + spot, mask=ok, other=0.0).to(ACC)
        mean = tl.sum(total, axis=1) / (end - begin)
        total = tl.zeros([ROWS, BLOCK], ACC)
        for start in range(begin, end, BLOCK):
            ok = live[:, None] & (start + lane < end)[None, :]
            spot = place(start + lane, n0, n1, n2, s0, s1, s2, s3, RANK)[None, :]
            x = tl.load(x_ptr + spot, mask=ok, other=0.0).to(ACC)
            away = tl.where(ok, x - mean[:, None], 0.0)
            total += away * away
        squares = tl.sum(total, axis=1)
    if LAST:
        squares = _deviation(squares, divisor, rest, ROOT)
    out = tl.program_id(1).to(tl.int64) * outer + row
    tl.store(mean_ptr + out, mean.to(mean_ptr.dtype.element_ty), mask=live)
    tl.store(out_ptr + out, squares.to(out_ptr.dtype.element_ty), mask=live)


@kernel(source=CHAN, hot=True)
@triton.jit
def moments_join_kernel(
    means_ptr, squares_ptr, mean_ptr, out_ptr, outer, reduced, piece, pieces, divisor, rest,
    ROOT: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """mean, out (outer,): variance (ROOT: deviation) from means and squares (pieces, outer)."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    lane = tl.arange(0, BLOCK)
    acc = means_ptr.dtype.element_ty
    total = tl.zeros([ROWS, BLOCK], acc)
    for start in range(0, pieces, BLOCK):
        at = (start + lane).to(tl.int64)[None, :]
        ok = (row < outer)[:, None] & (at < pieces)
        count = tl.minimum(reduced - at * piece, piece)
        total += tl.load(means_ptr + at * outer + row[:, None], mask=ok, other=0.0) * count
    mean = tl.sum(total, axis=1) / reduced
    total = tl.zeros([ROWS, BLOCK], acc)
    for start in range(0, pieces, BLOCK):
        at = (start + lane).to(tl.int64)[None, :]
        ok = (row < outer)[:, None] & (at < pieces)
        count = tl.minimum(reduced - at * piece, piece)
        away = tl.load(means_ptr + at * outer + row[:, None], mask=ok, other=0.0) - mean[:, None]
        squares = tl.load(squares_ptr + at * outer + row[:, None], mask=ok, other=0.0)
        total += tl.where(ok, squares + away * away * count, 0.0)
    out = _deviation(tl.sum(total, axis=1), divisor, rest, ROOT)
    tl.store(mean_ptr + row, mean.to(mean_ptr.dtype.element_ty), mask=row < outer)
    tl.store(out_ptr + row, out.to(out_ptr.dtype.element_ty), mask=row < outer)


@kernel(source=ONLINE, hot=True)
@triton.jit
def logsumexp_kernel(
    x_ptr, sums_ptr, top_ptr, total_ptr, outer, reduced, piece,
    outer_n0, outer_n1, outer_n2, outer_s0, outer_s1, outer_s2, outer_s3,
    n0, n1, n2, s0, s1, s2, s3,
    JOIN: tl.constexpr, LAST: tl.constexpr, ACC: tl.constexpr, OUTER_RANK: tl.constexpr,
    RANK: tl.constexpr, WIDE: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """top (pieces, outer): log of the sum of exp of piece k of row r of x; in parts unless LAST.

    Parts: the maximum in top, the sum of exp(x - maximum) in total. JOIN: x are such maxima, and
    sums, placed as x is, their sums.
    """
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    away = place(
        row, outer_n0, outer_n1, outer_n2, outer_s0, outer_s1, outer_s2, outer_s3, OUTER_RANK
    )[:, None]
    begin = tl.program_id(1) * piece
    lane = tl.arange(0, BLOCK)
    if WIDE:
        begin = tl.program_id(1).to(tl.int64) * piece
        lane = lane.to(tl.int64)
    end = tl.minimum(begin + piece, reduced)
    top = tl.full([ROWS, BLOCK], float("-inf"), ACC)
    total = tl.zeros([ROWS, BLOCK], ACC)
    for start in range(begin, end, BLOCK):
        ok = (row < outer)[:, None] & (start + lane < end)[None, :]
        spot = away + place(start + lane, n0, n1, n2, s0, s1, s2, s3, RANK)[None, :]
        x = tl.load(x_ptr + spot, mask=ok, other=float("-inf")).to(ACC)
        if JOIN:
            more = tl.load(sums_ptr + spot, mask=ok, other=0.0)
        else:
            more = tl.where(ok, 1.0, 0.0).to(ACC)
        # equal infinities differ by nothing, not by nan
        gap = tl.where(x == top, 0.0, x - top)
        small = tl.exp(-tl.abs(gap))
        total = tl.where(gap > 0, total * small + more, total + more * small)
        top = tl.maximum(top, x)
    peak = tl.max(top, axis=1)
    gap = tl.where(top == peak[:, None], 0.0, top - peak[:, None])
    whole = tl.sum(total * tl.exp(gap), axis=1)
    out = tl.program_id(1).to(tl.int64) * outer + row
    if LAST:
        peak += tl.log(whole)
    else:
        tl.store(total_ptr + out, whole, mask=row < outer)
    tl.store(top_ptr + out, peak.to(top_ptr.dtype.element_ty), mask=row < outer)


def _halves(value: float) -> tuple[float, float]:
    """A number as the sum of two that fit float32, which is what a launch passes."""
    high = struct.unpack("f", struct.pack("f", value))[0]
    return high, value - high


def _moments(x: Any, plan: Reduction, correction: float, root: bool) -> tuple[Any, Any]:
    """(variance or deviation, mean) in the plan's order of memory."""
    dtype = floating("var", x)
    acc = accumulator(dtype)
    out, mean = empty(x, plan.kept), empty(x, plan.kept)
    size = plan.reduced.count
    divisor = _halves(max(0.0, size - correction))
    where, settings = plan_tile(plan, acc)
    single = where["pieces"] == 1
    parts, shape = (mean, out), (where["pieces"], plan.outer.count)
    if not single:
        parts = (empty(x, shape, NUMPY[acc.name]), empty(x, shape, NUMPY[acc.name]))
    launch(
        moments_kernel, (where["programs"], where["pieces"]), plan.x, *parts, plan.outer.count,
        size, where["piece"], *plan.numbers(), *divisor, LAST=single, ROOT=root, ACC=acc,
        WHOLE=where["piece"] <= settings["BLOCK"], **plan.constants(), **settings,
    )  # fmt: skip
    if not single:
        there, settings = plan_tile(reduction(parts[0], (0,)), acc)
        launch(
            moments_join_kernel, (there["programs"],), *parts, mean, out, plan.outer.count, size,
            where["piece"], where["pieces"], *divisor, ROOT=root, **settings,
        )  # fmt: skip
    return out, mean


def variance_reference(
    x: np.ndarray, axis: Any = None, correction: float = 1, keepdim: bool = False,
    root: bool = False,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """The definition, in float64."""
    axes = normal_axes("var", x.ndim, axis)
    size = float(np.prod([x.shape[a] for a in axes]))
    mean = x.sum(axes, keepdims=True) / size
    out = ((x - mean) ** 2).sum(axes, keepdims=True) / max(0.0, size - correction)
    out = np.sqrt(out) if root else out
    return (out, mean) if keepdim else (out.squeeze(axes), mean.squeeze(axes))


def _variance_cases() -> Iterator[Case]:
    for dtype in ("f32", "f16", "bf16", "f64"):
        yield Case(dtype, lambda m, d=dtype: (m.normal((5, 70), d) + m.normal((1,), d),),
                   {"axis": 1})  # fmt: skip
        yield Case(f"long {dtype}", lambda m, d=dtype: (m.normal((3, 9000), d),),
                   {"axis": 1, "root": dtype == "f64"})  # fmt: skip
    yield Case("far from 0", lambda m: (m.normal((3, 9000)) + np.float32(1000),), {"axis": 1},
               ulps=128)  # fmt: skip
    yield Case("columns", lambda m: (m.normal((37, 70)),), {"axis": 0, "root": True})
    yield Case("long columns", lambda m: (m.normal((1300, 5)),), {"axis": 0, "keepdim": True})
    yield Case("axes", lambda m: (m.strided(m.normal((3, 4, 5))),), {"axis": (0, 2)})
    # of one sign: the mean of both signs loses digits to cancellation
    yield Case("correction", lambda m: (m.uniform((5, 4), "f64"),), {"correction": 0.3})
    yield Case("one", lambda m: (m.normal((5, 1)),), {"axis": 1})
    yield Case("too few", lambda m: (m.normal((5, 2)),), {"axis": 1, "correction": 3})
    yield Case("no columns", lambda m: (m.normal((5, 0)),), {"axis": 1, "keepdim": True})
    yield Case("integers", lambda m: (m.integers((4, 2), 3),), refuses=TypeError)
    for axis in (0, 1):
        yield Case(
            f"big {axis}", lambda m: (m.normal((8192, 4096), "bf16"),), {"axis": axis}, big=True
        )
    yield Case("far apart", lambda m: (far_apart(m, "f16"),))


# the mean of terms that cancel keeps the error of the terms
@op(reference=variance_reference, cases=_variance_cases, ulps=32)
def variance(
    x: Any, axis: Any = None, correction: float = 1, keepdim: bool = False, root: bool = False
) -> tuple[Any, Any]:
    """(variance, mean) of floating x over `axis`; root: standard deviation for variance.

    The sum of squared deviations is divided by max(0, elements - correction).

    >>> variance.__name__
    'variance'
    """
    plan = reduction(x, normal_axes("var", x.ndim, axis))
    out, mean = _moments(x, plan, correction, root)
    return plan.shaped(out, keepdim), plan.shaped(mean, keepdim)


def logsumexp_reference(x: np.ndarray, axis: Any = None, keepdim: bool = False) -> np.ndarray:
    """The definition, in float64, about the maximum."""
    axes = normal_axes("logsumexp", x.ndim, axis)
    top = x.max(axes, keepdims=True, initial=-np.inf)
    top = np.where(np.isinf(top), 0.0, top)
    out = np.log(np.exp(x - top).sum(axes, keepdims=True)) + top
    return out if keepdim else out.squeeze(axes)


def _infinite(m: Maker, a: np.ndarray) -> np.ndarray:
    if not m.shapes_only:
        a[0, 2] = np.inf
        a[1] = -np.inf
        a[2, 2] = np.nan
        a[3, :-1] = -np.inf
    return a


def _logsumexp_cases() -> Iterator[Case]:
    for dtype in ("f32", "f16", "bf16", "f64"):
        yield Case(dtype, lambda m, d=dtype: (m.normal((5, 70), d, 5.0),), {"axis": 1})
    yield Case("infinite", lambda m: (_infinite(m, m.normal((5, 70))),), {"axis": 1})
    yield Case("long", lambda m: (_infinite(m, m.normal((5, 9000))),), {"axis": 1})
    yield Case("columns", lambda m: (m.normal((1300, 5), "f64"),), {"axis": 0, "keepdim": True})
    yield Case("all", lambda m: (m.strided(m.normal((3, 4, 5))),))
    yield Case("no columns", lambda m: (m.normal((5, 0)),), {"axis": 1})
    yield Case("integers", lambda m: (m.integers((4, 2), 3),), refuses=TypeError)
    yield Case("big", lambda m: (m.normal((8192, 4096), "bf16"),), {"axis": 1}, big=True)
    yield Case("far apart", lambda m: (far_apart(m, "f16"),))


@op(reference=logsumexp_reference, cases=_logsumexp_cases, ulps=8)
def logsumexp(x: Any, axis: Any = None, keepdim: bool = False) -> Any:
    """log(sum(exp(x))) over `axis` without overflow; -inf where there is no element."""
    acc = accumulator(floating("logsumexp", x))
    plan = reduction(x, normal_axes("logsumexp", x.ndim, axis))
    out = empty(x, plan.kept)
    where, settings = plan_tile(plan, acc)
    single = where["pieces"] == 1
    tops, totals, shape = out, None, (where["pieces"], plan.outer.count)
    if not single:
        tops, totals = empty(x, shape, NUMPY[acc.name]), empty(x, shape, NUMPY[acc.name])
    launch(
        logsumexp_kernel, (where["programs"], where["pieces"]), plan.x, None, tops, totals,
        plan.outer.count, plan.reduced.count, where["piece"], *plan.numbers(), JOIN=False,
        LAST=single, ACC=acc, **plan.constants(), **settings,
    )  # fmt: skip
    if not single:
        joining = reduction(tops, (0,))
        there, settings = plan_tile(joining, acc)
        length = joining.reduced.count
        launch(
            logsumexp_kernel, (there["programs"], 1), tops, totals, out, None,
            joining.outer.count, length, length, *joining.numbers(), JOIN=True, LAST=True,
            ACC=acc, **joining.constants(), **settings,
        )  # fmt: skip
    return plan.shaped(out, keepdim)
