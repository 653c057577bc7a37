"""Running results along an axis: sum, product, logsumexp, maximum and minimum with index.

A program scans its rows block by block and carries the state on, in order. Few long rows are cut:
one launch scans pieces to their totals, one the totals, one the pieces again from those totals.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import triton
import triton.language as tl

from ...checks.cases import DTYPES, Case, Maker, kernel, op
from ...launching.arrays import cdiv, empty, floating, reaches_past_int32, strides, type_name
from ...launching.axes import Walk, beside, normal_axes, pieces, place, tile
from ...launching.launch import launch
from ...launching.policy import choose
from .reduce import NUMPY, accumulator, extreme_of, far_apart


@triton.jit
def _log_plus(top_a, sum_a, top_b, sum_b):
    """(maximum, sum of exp less the maximum) of two stretches as one."""
    top = tl.maximum(top_a, top_b)
    a = tl.where(top_a == top, 0.0, top_a - top)
    b = tl.where(top_b == top, 0.0, top_b - top)
    return top, sum_a * tl.exp(a) + sum_b * tl.exp(b)


@triton.jit
def _later_max(a, at_a, b, at_b):
    """The larger of two with its index; the later of equals and of nans."""
    later = (b >= a) | (b != b)
    later = later & ((a == a) | (b != b))
    return tl.where(later, b, a), tl.where(later, at_b, at_a)


@triton.jit
def _later_min(a, at_a, b, at_b):
    """The smaller of two with its index; the later of equals and of nans."""
    later = (b <= a) | (b != b)
    later = later & ((a == a) | (b != b))
    return tl.where(later, b, a), tl.where(later, at_b, at_a)


@triton.jit
def _scanned(x, w, KIND: tl.constexpr):
    """Running states of a tile (rows, lanes) along its lanes."""
    if KIND == "sum":
        x = tl.cumsum(x, axis=1)
    elif KIND == "prod":
        x = tl.cumprod(x, axis=1)
    elif KIND == "logsumexp":
        x, w = tl.associative_scan((x, w), 1, _log_plus)
    elif KIND == "max":
        x, w = tl.associative_scan((x, w), 1, _later_max)
    else:
        x, w = tl.associative_scan((x, w), 1, _later_min)
    return x, w


@triton.jit
def _after(carry, more, x, w, KIND: tl.constexpr):
    """States of a tile that comes after the state (carry, more) of its rows."""
    if KIND == "sum":
        x = carry + x
    elif KIND == "prod":
        x = carry * x
    elif KIND == "logsumexp":
        x, w = _log_plus(carry, more, x, w)
    elif KIND == "max":
        x, w = _later_max(carry, more, x, w)
    else:
        x, w = _later_min(carry, more, x, w)
    return x, w


@kernel(source="Blelloch, Prefix sums and their applications, CMU-CS-90-190 (1990)", hot=True)
@triton.jit
def scan_kernel(
    x_ptr, w_ptr, y_ptr, at_ptr, carry_ptr, more_ptr, outer, length, piece, x_step, y_step,
    n0, n1, n2, x_s0, x_s1, x_s2, x_s3, y_s0, y_s1, y_s2, y_s3,
    KIND: tl.constexpr, PAIR: tl.constexpr, JOIN: tl.constexpr, TOTAL: tl.constexpr,
    CARRY: tl.constexpr, IDENTITY: tl.constexpr, ACC: tl.constexpr, RANK: tl.constexpr,
    WIDE: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """y[r, i] = KIND of x[r, 0..i] for rows r (outer) of `length` elements, of any strides.

    at: the second part of the state (an index) where KIND is a PAIR. JOIN: x and w are states.
    TOTAL: only the state after each piece is written, to y and at (pieces, outer) and as it is.
    CARRY: piece k begins after the state k - 1 of carry and more (pieces, outer).
    """
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    part = tl.program_id(1).to(tl.int64)
    live = row < outer
    from_x = place(row, n0, n1, n2, x_s0, x_s1, x_s2, x_s3, RANK)[:, None]
    from_y = place(row, n0, n1, n2, y_s0, y_s1, y_s2, y_s3, RANK)[:, None]
    begin = tl.program_id(1) * piece
    lane = tl.arange(0, BLOCK)
    if WIDE:
        begin = part * piece
        lane = lane.to(tl.int64)
    end = tl.minimum(begin + piece, length)
    second = tl.int64
    if KIND == "logsumexp":
        second = ACC
    carry = tl.full([ROWS, 1], IDENTITY, ACC)
    more = tl.zeros([ROWS, 1], second)
    if CARRY:
        earlier = ((part - 1) * outer + row)[:, None]
        known = live[:, None] & (earlier >= row[:, None])
        carry = tl.load(carry_ptr + earlier, mask=known, other=IDENTITY)
        if PAIR:
            more = tl.load(more_ptr + earlier, mask=known, other=0)
    last = (tl.arange(0, BLOCK) == BLOCK - 1)[None, :]
    for start in range(begin, end, BLOCK):
        at = start + lane
        ok = live[:, None] & (at < end)[None, :]
        x = tl.load(x_ptr + from_x + (at * x_step)[None, :], mask=ok, other=IDENTITY).to(ACC)
        w = tl.zeros([ROWS, BLOCK], second)
        if JOIN and PAIR:
            w = tl.load(w_ptr + from_x + (at * x_step)[None, :], mask=ok, other=0)
        elif KIND == "logsumexp":
            w += tl.where(ok, 1.0, 0.0).to(ACC)
        else:
            w += at[None, :]
        x, w = _scanned(x, w, KIND)
        x, w = _after(carry, more, x, w, KIND)
        carry = tl.sum(tl.where(last, x, tl.zeros_like(x)), axis=1)[:, None]
        if PAIR:
            more = tl.sum(tl.where(last, w, tl.zeros_like(w)), axis=1)[:, None]
        if not TOTAL:
            y = x
            if KIND == "logsumexp":
                if JOIN:
                    tl.store(at_ptr + from_y + (at * y_step)[None, :], w, mask=ok)
                else:
                    y = x + tl.log(w)
            elif PAIR:
                tl.store(at_ptr + from_y + (at * y_step)[None, :], w, mask=ok)
            spot = from_y + (at * y_step)[None, :]
            tl.store(y_ptr + spot, y.to(y_ptr.dtype.element_ty), mask=ok)
    if TOTAL:
        to = (part * outer + row)[:, None]
        tl.store(y_ptr + to, carry, mask=live[:, None])
        if PAIR:
            tl.store(at_ptr + to, more, mask=live[:, None])


def _scan(x: Any, axis: int, kind: str, dtype: Any, reverse: bool = False) -> tuple[Any, Any]:
    """(running values, running indices or None) of x along `axis`."""
    axis = (*normal_axes(f"cum{kind}", x.ndim, axis), 0)[0]
    y = empty(x, x.shape, dtype)
    pair = kind in ("max", "min")
    at = empty(x, x.shape, np.dtype(np.int64)) if pair else None
    if x.size == 0:
        return y, at
    source, target, spots = (a if a is None or a.ndim else a.reshape(1) for a in (x, y, at))
    if reverse:
        turn = tuple(slice(None, None, -1) if a == axis else slice(None) for a in range(x.ndim))
        source, target = source[turn or slice(None)], target[turn or slice(None)]
    (source,), rows = beside(axis, target, source)
    acc, identity = (
        accumulator(type_name(x.dtype)),
        {"prod": 1, "logsumexp": float("-inf")}.get(kind, 0),
    )
    if pair:
        acc, identity = extreme_of(x, kind == "max")
    _launches(source, target, spots, rows, axis, kind, {"IDENTITY": identity, "ACC": acc})
    return y, at


def _launches(
    x: Any, y: Any, at: Any, rows: Walk, axis: int, kind: str, how: dict[str, Any]
) -> None:
    """One launch over whole rows, or three over pieces of them."""
    length, step = x.shape[axis], strides(x)[axis]
    pair = kind in ("max", "min", "logsumexp")
    acc = how["ACC"]
    column = rows.count > 1 and (abs(rows.strides[0][0]) or 2**62) < (abs(step) or 2**62)
    config = choose(
        "scan", layout="column" if column else "row",
        parts=(1 if acc.primitive_bitwidth == 32 else 2) + 2 * pair,
    )  # fmt: skip
    tall, block = tile(config, column, rows.count, length)
    programs = cdiv(rows.count, tall)
    piece, count = pieces(config, programs, length, block)
    how = {**how, "KIND": kind, "PAIR": pair, "warps": config.warps, "stages": config.stages}
    flat = {"RANK": rows.rank, "WIDE": reaches_past_int32(x, y), "ROWS": tall, "BLOCK": block}
    walked = (*rows.sizes, *rows.strides[0], *rows.strides[1])
    sizes = (rows.count, length, piece, step, strides(y)[axis])
    if count == 1:
        launch(scan_kernel, (programs, 1), x, None, y, at, None, None, *sizes, *walked,
               JOIN=False, TOTAL=False, CARRY=False, **flat, **how)  # fmt: skip
        return
    shape, second = (count, rows.count), NUMPY[acc.name] if kind == "logsumexp" else np.dtype("i8")
    tops, sums = empty(x, shape, NUMPY[acc.name]), empty(x, shape, NUMPY[acc.name])
    ats, spots = (empty(x, shape, second), empty(x, shape, second)) if pair else (None, None)
    launch(scan_kernel, (programs, count), x, None, tops, ats, None, None, *sizes, *walked,
           JOIN=False, TOTAL=True, CARRY=False, **flat, **how)  # fmt: skip
    near = rows.count
    few = tile(config, near > 1, near, count)
    launch(scan_kernel, (cdiv(near, few[0]), 1), tops, ats, sums, spots, None, None, near, count,
           count, near, near, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, JOIN=True, TOTAL=False,
           CARRY=False, RANK=1, WIDE=False, ROWS=few[0], BLOCK=few[1], **how)  # fmt: skip
    launch(scan_kernel, (programs, count), x, None, y, at, sums, spots, *sizes, *walked,
           JOIN=False, TOTAL=False, CARRY=True, **flat, **how)  # fmt: skip


def cumsum_reference(
    x: np.ndarray, axis: int = -1, reverse: bool = False, dtype: Any = None
) -> np.ndarray:
    """The definition by NumPy."""
    x = x.reshape(1) if x.ndim == 0 else x
    return np.flip(np.cumsum(np.flip(x, axis), axis), axis) if reverse else np.cumsum(x, axis)


def _layouts() -> Iterator[Case]:
    """Samples that enter every way of walking an array."""
    yield Case("rows", lambda m: (m.normal((5, 37)),), {"axis": 1})
    yield Case("columns", lambda m: (m.normal((37, 70)),), {"axis": 0})
    yield Case("many blocks", lambda m: (m.normal((3, 3000)),), {"axis": 1})
    yield Case("long row", lambda m: (m.normal((9000,)),), {"axis": 0})
    yield Case("long rows", lambda m: (m.normal((2, 9000)),), {"axis": 1})
    yield Case("long columns", lambda m: (m.normal((1100, 3)),), {"axis": 0})
    yield Case("middle", lambda m: (m.normal((3, 5, 4)),), {"axis": 1})
    yield Case("rank 3", lambda m: (m.strided(m.normal((2, 3, 4, 5))),), {"axis": 1})
    yield Case("rank 4", lambda m: (m.strided(m.normal((2, 3, 4, 5, 2))),), {"axis": 2})
    yield Case("rank 5", lambda m: (m.strided(m.normal((2, 2, 2, 2, 2, 2))),), {"axis": 2})
    yield Case("turned", lambda m: (m.normal((6, 9))[::-1].T,), {"axis": 0})
    yield Case("one", lambda m: (m.normal((4, 1)),), {"axis": 1})
    yield Case("empty", lambda m: (m.normal((0, 4)),), {"axis": 1})


def _sum_cases() -> Iterator[Case]:
    yield from _layouts()
    for dtype in ("f16", "bf16", "f64"):
        yield Case(dtype, lambda m, d=dtype: (m.normal((3, 70), d),), {"axis": 1})
    for dtype in ("i64", "u8"):
        yield Case(dtype, lambda m, d=dtype: (m.integers((3, 70), 100, d),), {"axis": 0})
    yield Case("bool", lambda m: (m.bools((3, 70)),), {"axis": 1})
    yield Case("reverse", lambda m: (m.normal((3, 70)),), {"axis": 1, "reverse": True})
    yield Case("reverse long", lambda m: (m.normal((9000,)),), {"axis": 0, "reverse": True})
    yield Case("f32 of bf16", lambda m: (m.normal((3, 70), "bf16"),), {"dtype": DTYPES["f32"]})
    yield Case("far apart", lambda m: (far_apart(m, "i8"),), {"axis": 0})
    yield Case("no axis", lambda m: (m.normal((2, 3)),), {"axis": 2}, refuses=IndexError)
    for axis, shape in ((1, (8192, 4096)), (0, (8192, 4096)), (0, (1 << 24,))):
        yield Case(
            f"big {axis} {len(shape)}", lambda m, s=shape: (m.normal(s, "bf16"),), {"axis": axis},
            big=True,
        )  # fmt: skip


# thousands of terms are rounded one after another (on a GPU, within a block, as a tree)
@op(reference=cumsum_reference, cases=_sum_cases, ulps=128)
def cumsum(x: Any, axis: int = -1, reverse: bool = False, dtype: Any = None) -> Any:
    """Running sum of x along `axis` (reverse: from its end); integers and booleans to int64.

    >>> cumsum.__name__
    'cumsum'
    """
    integral = type_name(x.dtype)[0] in "iu"
    return _scan(x, axis, "sum", dtype or (np.dtype(np.int64) if integral else None), reverse)[0]


def cumprod_reference(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """The definition by NumPy."""
    return np.cumprod(x, axis)


def _prod_cases() -> Iterator[Case]:
    for dtype in ("f32", "bf16", "f64"):
        yield Case(
            dtype, lambda m, d=dtype: (m.uniform((3, 70), d, 0.9, 1.1),), {"axis": 1},
        )  # fmt: skip
    yield Case(
        "long", lambda m: (m.uniform((2, 9000), "f32", 0.999, 1.001),), {"axis": 1}, ulps=400
    )  # 9000 roundings, mostly cancelling
    yield Case("i64", lambda m: (m.integers((9, 5), 4, low=-3),), {"axis": 0})
    yield Case("big", lambda m: (m.normal((8192, 4096)),), {"axis": 1}, big=True)


# a product carries a rounding for each block, and one for each step within
@op(reference=cumprod_reference, cases=_prod_cases, ulps=64)
def cumprod(x: Any, axis: int = -1) -> Any:
    """Running product of x along `axis`; integers and booleans to int64."""
    integral = type_name(x.dtype)[0] in "iu"
    return _scan(x, axis, "prod", np.dtype(np.int64) if integral else None)[0]


def logcumsumexp_reference(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """The definition: logaddexp of all elements so far, in float64."""
    return np.logaddexp.accumulate(x, axis)


def _infinite(m: Maker, a: np.ndarray) -> np.ndarray:
    if not m.shapes_only:
        a[0, 7] = np.inf
        a[1, :9] = -np.inf
        a[2, 12] = np.nan
    return a


def _log_cases() -> Iterator[Case]:
    for dtype in ("f32", "f16", "bf16", "f64"):
        yield Case(dtype, lambda m, d=dtype: (m.normal((3, 15), d, 5.0),), {"axis": 1})
    yield Case("infinite", lambda m: (_infinite(m, m.normal((3, 32))),), {"axis": 1})
    yield Case("long columns", lambda m: (_infinite(m, m.normal((32, 90))).T.copy(),), {"axis": 0})
    yield Case("integers", lambda m: (m.integers((4, 2), 3),), refuses=TypeError)
    yield Case("big", lambda m: (m.normal((8192, 4096), "bf16"),), {"axis": 1}, big=True)


@op(reference=logcumsumexp_reference, cases=_log_cases, ulps=8)
def logcumsumexp(x: Any, axis: int = -1) -> Any:
    """Logarithm of the running sum of exp(x) along `axis`, without overflow; floating x."""
    floating("logcumsumexp", x)
    return _scan(x, axis, "logsumexp", None)[0]


def cummax_reference(x: np.ndarray, axis: int = -1) -> tuple[np.ndarray, np.ndarray]:
    """The definition, a step at a time: the later of equals and of nans."""
    rows = np.moveaxis(x, axis, 0)
    values, at = rows.copy(), np.zeros(rows.shape, np.int64)
    for k in range(1, len(rows)):
        new = np.isnan(rows[k]) | (~np.isnan(values[k - 1]) & (rows[k] >= values[k - 1]))
        values[k] = np.where(new, rows[k], values[k - 1])
        at[k] = np.where(new, k, at[k - 1])
    return np.moveaxis(values, 0, axis), np.moveaxis(at, 0, axis)


def cummin_reference(x: np.ndarray, axis: int = -1) -> tuple[np.ndarray, np.ndarray]:
    """The definition, by the order turned around."""
    turned = cummax_reference(-x if x.dtype == np.float64 else ~x, axis)
    return -turned[0] if x.dtype == np.float64 else ~turned[0], turned[1]


def _few(m: Maker, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Few distinct values; infinities and nans among floating ones."""
    a = m.integers(shape, 40, dtype)
    if not m.shapes_only and dtype in ("f16", "bf16", "f32", "f64"):
        a[0, 20:22] = np.inf
        a[1, ::30] = np.nan
        a[2, :15] = -np.inf
    return a


def _extreme_cases() -> Iterator[Case]:
    for dtype in ("f32", "bf16", "f64", "i8", "i64", "u8"):
        yield Case(dtype, lambda m, d=dtype: (_few(m, (3, 32), d),), {"axis": 1})
    yield Case("long columns", lambda m: (_few(m, (32, 90), "f32").T.copy(),), {"axis": 0})
    yield Case("empty", lambda m: (m.normal((0, 4)),), {"axis": 1})
    yield Case("big", lambda m: (m.normal((8192, 4096), "bf16"),), {"axis": 1}, big=True)


@op(reference=cummax_reference, cases=_extreme_cases, ulps=0)
def cummax(x: Any, axis: int = -1) -> tuple[Any, Any]:
    """(running maximum, its int64 index) along `axis`; the later of equals; nan stays."""
    return _scan(x, axis, "max", None)


@op(reference=cummin_reference, cases=_extreme_cases, ulps=0)
def cummin(x: Any, axis: int = -1) -> tuple[Any, Any]:
    """(running minimum, its int64 index) along `axis`; the later of equals; nan stays."""
    return _scan(x, axis, "min", None)
