"""Largest and smallest with their index: the first of equals wins, not-a-number wins over all.

A program keeps a tile of (value, index) pairs; pieces of long rows leave theirs to a second launch
of the same kernel.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import triton
import triton.language as tl

from ...checks.cases import Case, Maker, kernel, op
from ...launching.arrays import empty
from ...launching.axes import normal_axes, place, reduction
from ...launching.launch import launch
from .reduce import NUMPY, extreme_of, far_apart, largest, plan_tile, smallest


@kernel(source="Reduction of (value, index) pairs, smaller index on equal values", hot=True)
@triton.jit
def reduce_index_kernel(
    x_ptr, index_ptr, value_ptr, at_ptr, outer, reduced, piece,
    outer_n0, outer_n1, outer_n2, outer_s0, outer_s1, outer_s2, outer_s3,
    n0, n1, n2, s0, s1, s2, s3,
    LARGEST: tl.constexpr, IDENTITY: tl.constexpr, ACC: tl.constexpr, JOIN: tl.constexpr,
    OUTER_RANK: tl.constexpr, RANK: tl.constexpr, WIDE: tl.constexpr, ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """value, at (pieces, outer): extreme of piece k of row r of x (outer, reduced), its index.

    JOIN: x are results of pieces, and index, placed as x is, holds their indices. at: int64.
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
    best = tl.full([ROWS, BLOCK], IDENTITY, ACC)
    none = 0x7FFFFFFFFFFFFFFF
    index = tl.full([ROWS, BLOCK], none, tl.int64)
    for start in range(begin, end, BLOCK):
        at = start + lane
        ok = (row < outer)[:, None] & (at < end)[None, :]
        spot = away + place(at, n0, n1, n2, s0, s1, s2, s3, RANK)[None, :]
        x = tl.load(x_ptr + spot, mask=ok, other=0).to(ACC)
        if LARGEST:
            better = x > best
        else:
            better = x < best
        better = ok & (better | (index == none) | ((x != x) & (best == best)))
        if JOIN:
            here = tl.load(index_ptr + spot, mask=ok, other=0)
        else:
            here = (at[None, :] + tl.zeros([ROWS, 1], tl.int32)).to(tl.int64)
        best = tl.where(better, x, best)
        index = tl.where(better, here, index)
    if LARGEST:
        value = largest(best)
    else:
        value = smallest(best)
    top = value[:, None]
    chosen = (best == top) | ((top != top) & (best != best))
    first = tl.min(tl.where(chosen, index, none), axis=1)
    out = tl.program_id(1).to(tl.int64) * outer + row
    tl.store(value_ptr + out, value.to(value_ptr.dtype.element_ty), mask=row < outer)
    tl.store(at_ptr + out, first, mask=row < outer)


def _indexed(x: Any, axis: int | None, keepdim: bool, top: bool, name: str) -> tuple[Any, Any]:
    """(values, indices) of the extremes of x over one axis, or over all of x flattened."""
    axes = normal_axes(name, x.ndim, axis)
    for a in axes:
        if x.shape[a] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {a} to have non-zero size.")
    plan = reduction(x, axes, ordered=True)
    acc, identity = extreme_of(x, top)
    values, indices = empty(x, plan.kept), empty(x, plan.kept, np.dtype(np.int64))
    where, settings = plan_tile(plan, tl.int64)
    how = {"LARGEST": top, "IDENTITY": identity, "ACC": acc}
    single = where["pieces"] == 1
    shape = (where["pieces"], plan.outer.count)
    parts = values if single else empty(x, shape, NUMPY[acc.name])
    spots = indices if single else empty(x, shape, np.dtype(np.int64))
    launch(
        reduce_index_kernel, (where["programs"], where["pieces"]), plan.x, None, parts, spots,
        plan.outer.count, plan.reduced.count, where["piece"], *plan.numbers(), JOIN=False, **how,
        **plan.constants(), **settings,
    )  # fmt: skip
    if not single:
        joining = reduction(parts, (0,), ordered=True)
        there, settings = plan_tile(joining, tl.int64)
        length = joining.reduced.count
        launch(
            reduce_index_kernel, (there["programs"], 1), parts, spots, values, indices,
            joining.outer.count, length, length, *joining.numbers(), JOIN=True, **how,
            **joining.constants(), **settings,
        )  # fmt: skip
    return plan.shaped(values, keepdim), plan.shaped(indices, keepdim)


def max_reference(
    x: np.ndarray, axis: int | None = None, keepdim: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The definition by NumPy, in float64: the first of equals, the first nan."""
    flat = x.reshape(-1) if axis is None else x
    at = np.asarray(np.argmax(flat, axis=0 if axis is None else axis))
    where = np.expand_dims(at, 0 if axis is None else axis)
    values = np.take_along_axis(flat, where, 0 if axis is None else axis)
    shape = at.shape
    if keepdim:
        shape = tuple(1 if axis is None or a == axis % x.ndim else n for a, n in enumerate(x.shape))
    return values.reshape(shape), at.reshape(shape)


def min_reference(
    x: np.ndarray, axis: int | None = None, keepdim: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The definition, by `max_reference` of the order turned around."""
    if x.dtype == np.float64:
        values, at = max_reference(-x, axis, keepdim)
        return -values, at
    values, at = max_reference(~x, axis, keepdim)
    return ~values, at


def argmax_reference(x: np.ndarray, axis: int | None = None, keepdim: bool = False) -> np.ndarray:
    """The definition by NumPy."""
    return max_reference(x, axis, keepdim)[1]


def argmin_reference(x: np.ndarray, axis: int | None = None, keepdim: bool = False) -> np.ndarray:
    """The definition by NumPy."""
    return min_reference(x, axis, keepdim)[1]


def _tied(m: Maker, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Few distinct values; a nan, infinities and a row of -inf among floating ones."""
    a = m.integers(shape, 4, dtype)
    if not m.shapes_only and dtype in ("f16", "bf16", "f32", "f64"):
        a[0, 2:5] = np.inf
        a[1, 3:5] = np.nan
        a[2] = -np.inf
        a[3] = np.inf
    return a


def _cases() -> Iterator[Case]:
    for dtype in ("f32", "f16", "bf16", "f64", "i8", "i64", "u8"):
        yield Case(dtype, lambda m, d=dtype: (_tied(m, (5, 70), d),), {"axis": 1})
    yield Case("columns", lambda m: (_tied(m, (40, 70), "f32"),), {"axis": 0, "keepdim": True})
    yield Case("flat", lambda m: (m.normal((5, 7)).T,), {"keepdim": True})
    yield Case("scalar", lambda m: (m.normal(()),))
    yield Case("middle", lambda m: (m.strided(m.normal((3, 5, 4))),), {"axis": 1})
    yield Case("long", lambda m: (_tied(m, (4, 9000), "f32"),), {"axis": 1})
    yield Case("long columns", lambda m: (_tied(m, (1300, 5), "i32"),), {"axis": 0})
    yield Case("no rows", lambda m: (m.normal((0, 4)),), {"axis": 1})
    yield Case("nothing", lambda m: (m.normal((4, 0)),), {"axis": 1}, refuses=IndexError)
    for axis in (0, 1):
        yield Case(
            f"big {axis}", lambda m: (m.normal((8192, 4096), "bf16"),), {"axis": axis}, big=True
        )
    yield Case("far apart", lambda m: (far_apart(m, "f16"),))


@op(reference=max_reference, cases=_cases, ulps=0)
def max_with_index(x: Any, axis: int | None = None, keepdim: bool = False) -> tuple[Any, Any]:
    """(largest, its int64 index) over `axis`, or over x flattened; the first of equals, or nan.

    IndexError where there is no element.

    >>> max_with_index.__name__
    'max_with_index'
    """
    return _indexed(x, axis, keepdim, True, "max")


@op(reference=min_reference, cases=_cases, ulps=0)
def min_with_index(x: Any, axis: int | None = None, keepdim: bool = False) -> tuple[Any, Any]:
    """(smallest, its int64 index) over `axis`, or over x flattened; the first of equals, or nan."""
    return _indexed(x, axis, keepdim, False, "min")


def _few_cases() -> Iterator[Case]:
    yield Case("f32", lambda m: (_tied(m, (5, 70), "f32"),), {"axis": 1, "keepdim": True})
    yield Case("flat", lambda m: (m.normal((5, 7)),))
    yield Case("nothing", lambda m: (m.normal((4, 0)),), {"axis": 1}, refuses=IndexError)


@op(reference=argmax_reference, cases=_few_cases, ulps=0)
def argmax(x: Any, axis: int | None = None, keepdim: bool = False) -> Any:
    """Index of the largest over `axis`, or in x flattened; the first of equals, or nan."""
    return _indexed(x, axis, keepdim, True, "argmax")[1]


@op(reference=argmin_reference, cases=_few_cases, ulps=0)
def argmin(x: Any, axis: int | None = None, keepdim: bool = False) -> Any:
    """Index of the smallest over `axis`, or in x flattened; the first of equals, or nan."""
    return _indexed(x, axis, keepdim, False, "argmin")[1]
