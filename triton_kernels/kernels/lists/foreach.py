"""Small steps over lists of arrays in one launch each: add, interpolate, set to zero."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import triton
import triton.language as tl

from ...checks.cases import Case, Maker, kernel, op
from ...launching.arrays import FLOATS
from ...launching.launch import launch
from .multi_tensor import chunk_of, one_dtype, place_of, same_layout, table

ADD, LERP, ZERO = 0, 1, 2


@triton.jit
def foreach_block(x_ptr, y_ptr, at, ok, weight, WHAT: tl.constexpr):
    """x + weight y, x + weight (y - x), or 0, on a block of elements of x, in place."""
    kind = x_ptr.dtype.element_ty
    wide = tl.float64 if kind == tl.float64 else tl.float32
    if WHAT == 2:
        out = tl.zeros(at.shape, wide)
    else:
        x = tl.load(x_ptr + at, mask=ok, other=0.0).to(wide)
        y = tl.load(y_ptr + at, mask=ok, other=0.0).to(wide)
        if WHAT == 1:
            # From the nearer end, so that weight 1 gives y itself.
            out = tl.where(tl.abs(weight) < 0.5, x + weight * (y - x), y - (y - x) * (1.0 - weight))
        else:
            out = x + weight * y
    tl.store(x_ptr + at, out.to(kind), mask=ok)


@kernel(source="torch._foreach_add_, torch._foreach_lerp_, torch._foreach_zero_", hot=True)
@triton.jit
def foreach_kernel(
    table_ptr, chunk_ptr, tensors, weight, KIND: tl.constexpr, WHAT: tl.constexpr,
    ALIGNED: tl.constexpr, STEPS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """WHAT over a table of x, and (but for zero) y, of one type KIND; the result goes to x."""
    Y: tl.constexpr = 0 if WHAT == 2 else 1
    tensor, start, left = chunk_of(table_ptr, chunk_ptr, tensors, Y + 1, STEPS * BLOCK)
    x_ptr = place_of(table_ptr, tensors, tensor, start, 0, KIND, ALIGNED)
    y_ptr = place_of(table_ptr, tensors, tensor, start, Y, KIND, ALIGNED)
    at = tl.arange(0, BLOCK)
    whole = left // BLOCK
    for step in range(0, whole):
        every = tl.full([BLOCK], 1, tl.int1)
        foreach_block(x_ptr, y_ptr, step * BLOCK + at, every, weight, WHAT)
    at += whole * BLOCK
    if left > whole * BLOCK:
        foreach_block(x_ptr, y_ptr, at, at < left, weight, WHAT)


def _run(name: str, rows: dict[str, Sequence[Any]], weight: float, what: int) -> tuple[Any, ...]:
    xs = rows["xs"]
    if not xs:
        return ()
    kind = one_dtype(name, rows, FLOATS)
    same_layout(name, rows, xs)
    walk = table("plain", list(rows.values()))
    launch(
        foreach_kernel, (walk.programs,), walk.addresses, walk.chunks, walk.tensors, float(weight),
        KIND=kind, WHAT=what, reaches=[x for row in rows.values() for x in row], **walk.settings(),
    )  # fmt: skip
    return tuple(xs)


def _pairs(m: Maker, dtype: str, sizes: Any = ((0,), (), (5, 7), (3, 300))) -> tuple[Any, ...]:
    """xs and ys; single numbers of opposite sign, whose sums for a weight below 0 do not cancel."""
    xs = [m.normal(s, dtype) if s != () else m.uniform(s, dtype, -2.0, -1.0) for s in sizes]
    ys = [m.normal(s, dtype) if s != () else m.uniform(s, dtype, 1.0, 2.0) for s in sizes]
    for y in ys:
        y.flags.writeable = False
    return xs, ys


BIG = ((1024, 4096), (1024,)) * 32


def _pair_cases() -> Iterator[Case]:
    # Weights that float32 holds: a number reaches a kernel as one.
    for dtype in ("f32", "f16", "bf16", "f64"):
        yield Case(dtype, lambda m, d=dtype: (*_pairs(m, d), -0.25))
    yield Case("all of it", lambda m: (*_pairs(m, "f32", ((300,),)), 1.0))
    yield Case("no arrays", lambda m: ([], [], 1.0))
    yield Case("short", lambda m: ([m.normal(3)], [], 1.0), refuses=ValueError)
    yield Case("integers", lambda m: ([m.integers(3, 4)], [m.integers(3, 4)], 1), refuses=TypeError)
    yield Case("big", lambda m: (*_pairs(m, "f32", BIG), 0.5), big=True)


def add_reference(
    xs: Sequence[np.ndarray], ys: Sequence[np.ndarray], alpha: float = 1.0
) -> tuple[np.ndarray, ...]:
    """x + alpha y for each pair."""
    return tuple([x + alpha * y for x, y in zip(xs, ys, strict=True)])


@op(reference=add_reference, cases=_pair_cases, ulps=1)
def foreach_add(xs: Sequence[Any], ys: Sequence[Any], alpha: float = 1.0) -> tuple[Any, ...]:
    """Add alpha y to each x, in place; lists of one floating dtype, alike at each position."""
    return _run("foreach_add", {"xs": xs, "ys": ys}, alpha, ADD)


def lerp_reference(
    xs: Sequence[np.ndarray], ys: Sequence[np.ndarray], weight: float
) -> tuple[np.ndarray, ...]:
    """x + weight (y - x) for each pair."""
    return tuple([x + weight * (y - x) for x, y in zip(xs, ys, strict=True)])


@op(reference=lerp_reference, cases=_pair_cases, ulps=2)
def foreach_lerp(xs: Sequence[Any], ys: Sequence[Any], weight: float) -> tuple[Any, ...]:
    """Move each x towards y by `weight`, in place; lists as in `foreach_add`."""
    return _run("foreach_lerp", {"xs": xs, "ys": ys}, weight, LERP)


def _zero_cases() -> Iterator[Case]:
    for dtype in ("f32", "f16", "bf16", "f64"):
        yield Case(dtype, lambda m, d=dtype: (_pairs(m, d)[0],))
    yield Case("no arrays", lambda m: ([],))
    yield Case("big", lambda m: (_pairs(m, "bf16", BIG)[0],), big=True)


def zero_reference(xs: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Zeros."""
    return tuple([np.zeros_like(x) for x in xs])


@op(reference=zero_reference, cases=_zero_cases, ulps=0)
def foreach_zero(xs: Sequence[Any]) -> tuple[Any, ...]:
    """Set each x to zero, in place; a list of one floating dtype."""
    return _run("foreach_zero", {"xs": xs}, 0.0, ZERO)
