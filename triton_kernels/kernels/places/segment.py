"""Segmented reductions: rows that share an id become one, in the order in which they stand.

Ids are sorted; a permutation may say where each row lies. Aligned pieces of rows that share one id
are summed first, so that one long segment is not one program's work; their sums, and the rows
before and after them, are then added in order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import triton
import triton.language as tl

from ...checks.cases import Case, Maker, kernel, op
from ...launching.arrays import cdiv, empty, next_power_of_2, strides, type_name
from ...launching.axes import beside, place
from ...launching.launch import launch
from ...launching.policy import choose
from ..reductions.reduce import NUMPY, accumulator, extreme_of, times

SORTED = "Sorted segment sums: Blelloch, Vector models for data-parallel computing (1990), ch. 3"
FAN = 64  # least rows of an aligned piece


@triton.jit
def _bound(ids_ptr, n, wanted, ok, steps):
    """How many of the n sorted ids are less than `wanted`, a block of numbers."""
    low = wanted * 0
    high = low + n
    for _ in range(0, steps):
        middle = (low + high) // 2
        open_ = ok & (low < high)
        here = tl.load(ids_ptr + middle, mask=open_, other=0)
        less = here < wanted
        low = tl.where(open_ & less, middle + 1, low)
        high = tl.where(open_ & (here >= wanted), middle, high)
    return low


@kernel(source=SORTED)
@triton.jit
def segment_bounds_kernel(
    ids_ptr, first_ptr, last_ptr, n, count, ids_row, tiles, steps,
    BY_POSITION: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """first, last (groups, count): where segments begin and end in sorted ids (groups, n).

    Segment s has id s; BY_POSITION each position has one, empty unless its id begins there.
    """
    program = tl.program_id(0).to(tl.int64)
    group = program // tiles
    at = program % tiles * BLOCK + tl.arange(0, BLOCK)
    ids_ptr += group * ids_row
    ok = at < count
    if BY_POSITION:
        wanted = tl.load(ids_ptr + at, mask=ok, other=0).to(tl.int64)
        before = tl.load(ids_ptr + at - 1, mask=ok & (at > 0), other=-1).to(tl.int64)
        first = at
        last = _bound(ids_ptr, n, wanted + 1, ok, steps)
        last = tl.where(before == wanted, at, last)
    else:
        first = _bound(ids_ptr, n, at, ok, steps)
        last = _bound(ids_ptr, n, at + 1, ok, steps)
    tl.store(first_ptr + group * count + at, first, mask=ok)
    tl.store(last_ptr + group * count + at, last, mask=ok)


@triton.jit
def _combined(a, b, COMBINE: tl.constexpr):
    """Two blocks as one; not-a-number wins; last: the second."""
    if COMBINE == "sum":
        y = a + b
    elif COMBINE == "prod":
        y = a * b
    elif COMBINE == "max":
        y = tl.where((a > b) | (a != a), a, b)
    else:
        y = tl.where((a < b) | (a != a), a, b)
    return y


@triton.jit
def _larger(a, b):
    """The larger; not-a-number wins."""
    return tl.where((a > b) | (a != a), a, b)


@triton.jit
def _smaller(a, b):
    """The smaller; not-a-number wins."""
    return tl.where((a < b) | (a != a), a, b)


@triton.jit
def _over_rows(x, COMBINE: tl.constexpr):
    """A block (segments, rows, lanes) reduced over its rows, kept as an axis of 1."""
    if COMBINE == "sum":
        y = tl.sum(x, axis=1)
    elif COMBINE == "prod":
        y = tl.reduce(x, 1, times)
    elif COMBINE == "max":
        y = tl.reduce(x, 1, _larger)
    else:
        y = tl.reduce(x, 1, _smaller)
    return y[:, None, :]


@triton.jit
def _walked(
    acc, ptr, perm_ptr, first, last, step, spot, ok,
    COMBINE: tl.constexpr, IDENTITY: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """acc (segments, 1, lanes) with rows first..last joined to it in order, ROWS at a time."""
    span = tl.max(tl.max(tl.max(tl.where(ok, last - first, 0), axis=2), axis=1), axis=0)
    sub = tl.arange(0, ROWS)[None, :, None]
    for start in range(0, span, ROWS):
        at = first + start + sub
        inside = ok & (at < last)
        row = at
        if perm_ptr is not None:
            row = tl.load(perm_ptr + at, mask=inside, other=0)
        x = tl.load(ptr + row * step + spot, mask=inside, other=0).to(acc.dtype)
        blank = tl.full([1, 1, 1], IDENTITY, acc.dtype)
        acc = _combined(acc, _over_rows(tl.where(inside, x, blank), COMBINE), COMBINE)
    return acc


@kernel(source=SORTED, hot=True)
@triton.jit
def segment_pieces_kernel(
    x_ptr, perm_ptr, ids_ptr, parts_ptr, lanes, across, fan, perm_group, ids_group, x_step,
    n0, n1, n2, x_s0, x_s1, x_s2, x_s3,
    COMBINE: tl.constexpr, IDENTITY: tl.constexpr, ACC: tl.constexpr, RANK: tl.constexpr,
    ROWS: tl.constexpr, LANES: tl.constexpr,
):  # fmt: skip
    """parts (pieces, lanes): rows k fan .. (k + 1) fan of x as one, where they share an id."""
    program = tl.program_id(0).to(tl.int64)
    piece = program // across
    lane = (program % across * LANES + tl.arange(0, LANES))[None, None, :]
    ok = lane < lanes
    first = lane * 0 + piece * fan
    ids_ptr += lane * ids_group + first
    low = tl.load(ids_ptr, mask=ok, other=0)
    high = tl.load(ids_ptr + fan - 1, mask=ok, other=0)
    ok = ok & (low == high)
    if perm_ptr is not None:
        perm_ptr += lane * perm_group
    acc = tl.full([1, 1, LANES], IDENTITY, ACC)
    spot = place(lane, n0, n1, n2, x_s0, x_s1, x_s2, x_s3, RANK)
    acc = _walked(acc, x_ptr, perm_ptr, first, first + fan, x_step, spot, ok, COMBINE, IDENTITY,
                  ROWS)  # fmt: skip
    tl.store(parts_ptr + piece * lanes + lane, acc, mask=ok)


@kernel(source=SORTED, hot=True)
@triton.jit
def segment_reduce_kernel(
    x_ptr, perm_ptr, ids_ptr, parts_ptr, first_ptr, last_ptr, out_ptr, count, segments, lanes,
    across, fan, bounds_group, perm_group, ids_group, x_step, out_step,
    n0, n1, n2, x_s0, x_s1, x_s2, x_s3, out_s0, out_s1, out_s2, out_s3,
    COMBINE: tl.constexpr, IDENTITY: tl.constexpr, ACC: tl.constexpr, INTO: tl.constexpr,
    BY_POSITION: tl.constexpr, RANK: tl.constexpr, SEGMENTS: tl.constexpr, ROWS: tl.constexpr,
    LANES: tl.constexpr,
):  # fmt: skip
    """out[s, l]: COMBINE of rows first[s] .. last[s] of x (rows, lanes), of any strides.

    INTO: joined to what out holds; a segment without rows leaves it. last: the last row itself.
    Groups (perm, ids, bounds) are one for all lanes, or one a lane, by their strides.
    """
    program = tl.program_id(0).to(tl.int64)
    lane = (program % across * LANES + tl.arange(0, LANES))[None, None, :]
    segment = (program // across * SEGMENTS + tl.arange(0, SEGMENTS))[:, None, None]
    ok = (segment < count) & (lane < lanes)
    first = tl.load(first_ptr + lane * bounds_group + segment, mask=ok, other=0)
    last = tl.load(last_ptr + lane * bounds_group + segment, mask=ok, other=0)
    from_x = place(lane, n0, n1, n2, x_s0, x_s1, x_s2, x_s3, RANK)
    to = place(lane, n0, n1, n2, out_s0, out_s1, out_s2, out_s3, RANK)
    if BY_POSITION:
        number = tl.load(ids_ptr + lane * ids_group + segment, mask=ok, other=-1).to(tl.int64)
        ok = ok & (number >= 0) & (number < segments)
        to += number * out_step
    else:
        to += segment * out_step
    if perm_ptr is not None:
        perm_ptr += lane * perm_group
    if INTO:
        ok = ok & (last > first)
    if COMBINE == "last":
        row = tl.load(perm_ptr + last - 1, mask=ok, other=0)
        y = tl.load(x_ptr + from_x + row * x_step, mask=ok, other=0)
    else:
        y = tl.full([SEGMENTS, 1, LANES], IDENTITY, ACC)
        if INTO:
            y = tl.load(out_ptr + to, mask=ok, other=0).to(ACC)
        begin = last
        if parts_ptr is not None:
            head = tl.minimum((first + fan - 1) // fan * fan, last)
            begin = tl.maximum(last // fan * fan, head)
            y = _walked(y, x_ptr, perm_ptr, first, head, x_step, from_x, ok, COMBINE, IDENTITY,
                        ROWS)  # fmt: skip
            y = _walked(y, parts_ptr, None, head // fan, begin // fan, lanes, lane, ok, COMBINE,
                        IDENTITY, ROWS)  # fmt: skip
        else:
            begin = first
        y = _walked(y, x_ptr, perm_ptr, begin, last, x_step, from_x, ok, COMBINE, IDENTITY, ROWS)
    tl.store(out_ptr + to, y.to(out_ptr.dtype.element_ty), mask=ok)


def _identity(x: Any, combine: str) -> tuple[Any, Any]:
    """(type to reduce in, value that changes nothing)."""
    if combine in ("max", "min"):
        return extreme_of(x, combine == "max")
    return accumulator(type_name(x.dtype)), 1 if combine == "prod" else 0


def segments_into(
    x: Any, ids: Any, perm: Any, out: Any, axis: int, combine: str, into: bool
) -> None:
    """Reduce rows of x along `axis` that share an id to rows of out, which it replaces or joins.

    x, out: the same shape but along `axis`. ids: sorted, int32 or int64, (n,) or a list for each
    lane (..., n), C-contiguous; perm: likewise, the rows in the order of ids, or None. Ids outside
    of [0, out.shape[axis]) are left out. combine: sum, prod, max, min or last (which needs perm).
    """
    n, segments = ids.shape[-1], out.shape[axis]
    if out.size == 0 or (into and n == 0):
        return
    (x,), lanes = beside(axis, out, x)
    acc, identity = _identity(x, combine)
    each = ids.ndim > 1
    groups = lanes.count if each else 1
    by_position = into and n < segments
    count = n if by_position else segments
    first, last = (empty(x, (groups, count), np.dtype(np.int64)) for _ in range(2))
    block = min(256, next_power_of_2(count))
    tiles = cdiv(count, block)
    launch(
        segment_bounds_kernel, (groups * tiles,), ids, first, last, n, count, n, tiles,
        n.bit_length(), BY_POSITION=by_position, BLOCK=block,
    )  # fmt: skip
    next_lane = abs(lanes.strides[1][0]) or 2**62
    near = "lanes" if lanes.count > 1 and next_lane < abs(strides(out)[axis]) else "segments"
    config = choose("segment", near=near, lanes=lanes.count)
    most = config.constants
    wide = min(most["LANES"], next_power_of_2(lanes.count))
    shared = {"COMBINE": combine, "IDENTITY": identity, "ACC": acc, "RANK": lanes.rank,
              "ROWS": min(most["ROWS"], next_power_of_2(n)), "LANES": wide, "warps": config.warps,
              "stages": config.stages}  # fmt: skip
    across = cdiv(lanes.count, wide)
    step, along = strides(x)[axis], n if each else 0
    fan = min(1024, max(FAN, next_power_of_2(math.isqrt(n))))
    parts = None
    if combine != "last" and n >= 2 * fan:
        parts = empty(x, (n // fan, lanes.count), NUMPY[acc.name])
        launch(
            segment_pieces_kernel, (n // fan * across,), x, perm, ids, parts, lanes.count,
            across, fan, along, along, step, *lanes.sizes, *lanes.strides[0], **shared,
        )  # fmt: skip
    some = min(most["SEGMENTS"], next_power_of_2(count))
    launch(
        segment_reduce_kernel, (cdiv(count, some) * across,), x, perm, ids, parts, first, last, out,
        count, segments, lanes.count, across, fan, count if each else 0, along, along, step,
        strides(out)[axis], *lanes.sizes, *lanes.strides[0], *lanes.strides[1], INTO=into,
        BY_POSITION=by_position, SEGMENTS=some, **shared,
    )  # fmt: skip


def segment_reference(
    x: np.ndarray, ids: np.ndarray, segments: int, perm: np.ndarray | None = None,
    combine: str = "sum",
) -> np.ndarray:  # fmt: skip
    """The definition, a segment at a time, in float64."""
    rows = x if perm is None else x[perm]
    what: Any = getattr(np, combine)
    empty_value: Any = {"sum": 0, "prod": 1}.get(combine)
    if empty_value is None:
        sign = 1 if combine == "min" else -1
        info = np.iinfo(x.dtype) if x.dtype.kind in "iu" else None
        empty_value = sign * np.inf if info is None else info.max if sign > 0 else info.min
    out = np.full((segments, *x.shape[1:]), empty_value, x.dtype)
    for s in range(segments):
        if (ids == s).any():
            out[s] = what(rows[ids == s], axis=0)
    return out


def _ids(m: Maker, n: int, segments: int, dtype: str = "i64") -> np.ndarray:
    """Sorted ids: some of no segment, most of one."""
    a = m.integers((n,), segments + 2, dtype, -1)
    if not m.shapes_only:
        a[n // 3 :] = min(3, segments - 1)
        a[: n // 5] = m.integers((n // 5,), segments, dtype)
    return np.sort(a)


def _cases() -> Iterator[Case]:
    for combine in ("sum", "prod", "max", "min"):
        for n in (40, 200):
            yield Case(
                f"{combine} {n}",
                lambda m, n=n: (m.uniform((n, 5), "f32", 0.9, 1.1), _ids(m, n, 12), 12),
                {"combine": combine},
            )
        yield Case(
            f"{combine} i32",
            lambda m: (m.integers((40, 3), 3, "i32", -1), _ids(m, 40, 12, "i32"), 12),
            {"combine": combine},
        )
    for dtype in ("f16", "bf16", "f64"):
        yield Case(dtype, lambda m, d=dtype: (m.normal((300, 9), d), _ids(m, 300, 12), 12))
    yield Case("nan", lambda m: (_holed(m), _ids(m, 40, 12), 12), {"combine": "max"})
    yield Case("nan min", lambda m: (_holed(m), _ids(m, 40, 12), 12), {"combine": "min"})
    for d in (70, 200):
        yield Case(f"wide {d}", lambda m, d=d: (m.normal((50, d)), _ids(m, 50, 12), 12))
    yield Case("one lane", lambda m: (m.normal((300,)), _ids(m, 300, 12), 12))
    yield Case(
        "perm",
        lambda m: (m.normal((300, 9)), _ids(m, 300, 12), 12, np.argsort(m.normal((300,)))),
    )
    for shape in ((30, 3, 4), (30, 2, 3, 4), (30, 2, 2, 2, 3), (30, 2, 1, 2, 2, 2, 2)):
        yield Case(
            f"rank {len(shape)}",
            lambda m, s=shape: (m.strided(m.normal(s)), _ids(m, 30, 12), 12),
        )
    yield Case("no rows", lambda m: (m.normal((0, 3)), m.integers((0,), 3), 4))
    yield Case("big", lambda m: (m.normal((65536, 1024), "bf16"), _ids(m, 65536, 4096), 4096),
               big=True)  # fmt: skip


def _holed(m: Maker) -> np.ndarray:
    a = m.normal((40, 5))
    if not m.shapes_only:
        a[::3, 1], a[30, 2], a[31, 2] = np.nan, np.inf, -np.inf
    return a


# hundreds of products, or terms that cancel, each rounded
@op(reference=segment_reference, cases=_cases, ulps=32)
def segment_reduce(x: Any, ids: Any, segments: int, perm: Any = None, combine: str = "sum") -> Any:
    """out (segments, ...): rows of x (n, ...), or x[perm], that share a sorted id, reduced.

    combine: sum, prod, max or min, in the order of rows. A segment without rows is 0, 1 or the
    least or largest value; ids outside of [0, segments) are left out. ValueError for shapes that
    do not fit.

    >>> segment_reduce.__name__
    'segment_reduce'
    """
    if ids.shape != x.shape[:1] or (perm is not None and perm.shape != ids.shape):
        raise ValueError(f"segment_reduce: {ids.shape} ids for rows of shape {x.shape}")
    out = empty(x, (segments, *x.shape[1:]))
    segments_into(x, ids, perm, out, 0, combine, into=False)
    return out
