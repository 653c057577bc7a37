"""Reading by index: gather, index_select, embedding, and what a mask selects.

An index outside of its axis reads nothing and gives 0; `check=True`, or a runner that checks,
raises for it, which waits for the GPU. Nothing here writes by index: see indexing_write.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import triton
import triton.language as tl

from ...checks.cases import Case, kernel, op
from ...launching.arrays import cdiv, empty, namespace, next_power_of_2, strides
from ...launching.axes import beside, normal_axes, place, tile, walk
from ...launching.launch import hardened, launch
from ...launching.policy import choose
from ..reductions.scan import cumsum

INT64 = np.dtype(np.int64)


@kernel(source="One load an element; indices masked to the axis")
@triton.jit
def gather_kernel(
    x_ptr, index_ptr, out_ptr, outer, length, size, tiles, x_step, index_step, out_step,
    n0, n1, n2, x_s0, x_s1, x_s2, x_s3, index_s0, index_s1, index_s2, index_s3,
    out_s0, out_s1, out_s2, out_s3,
    RANK: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """out[r, i] = x[r, index[r, i]] (outer, length), of any strides; 0 for an index not in x."""
    program = tl.program_id(0).to(tl.int64)
    row = (program // tiles * ROWS + tl.arange(0, ROWS))[:, None]
    at = (program % tiles * BLOCK + tl.arange(0, BLOCK))[None, :]
    ok = (row < outer) & (at < length)
    from_index = place(row, n0, n1, n2, index_s0, index_s1, index_s2, index_s3, RANK)
    index = tl.load(index_ptr + from_index + at * index_step, mask=ok, other=-1).to(tl.int64)
    from_x = place(row, n0, n1, n2, x_s0, x_s1, x_s2, x_s3, RANK)
    inside = ok & (index >= 0) & (index < size)
    x = tl.load(x_ptr + from_x + index * x_step, mask=inside, other=0)
    to = place(row, n0, n1, n2, out_s0, out_s1, out_s2, out_s3, RANK)
    tl.store(out_ptr + to + at * out_step, x, mask=ok)


@kernel(source="One load an element; indices masked to the axis")
@triton.jit
def take_kernel(
    x_ptr, index_ptr, out_ptr, count, lanes, size, tiles, index_step, x_step, out_step,
    n0, n1, n2, x_s0, x_s1, x_s2, x_s3, out_s0, out_s1, out_s2, out_s3,
    RANK: tl.constexpr, ROWS: tl.constexpr, LANES: tl.constexpr,
):  # fmt: skip
    """out[i, l] = x[index[i], l], of any strides; 0 for an index not in x (size, lanes)."""
    program = tl.program_id(0).to(tl.int64)
    at = (program // tiles * ROWS + tl.arange(0, ROWS))[:, None]
    lane = (program % tiles * LANES + tl.arange(0, LANES))[None, :]
    ok = (at < count) & (lane < lanes)
    index = tl.load(index_ptr + at * index_step, mask=at < count, other=-1).to(tl.int64)
    inside = ok & (index >= 0) & (index < size)
    from_x = place(lane, n0, n1, n2, x_s0, x_s1, x_s2, x_s3, RANK)
    x = tl.load(x_ptr + index * x_step + from_x, mask=inside, other=0)
    to = place(lane, n0, n1, n2, out_s0, out_s1, out_s2, out_s3, RANK)
    tl.store(out_ptr + at * out_step + to, x, mask=ok)


@kernel(source="One flag a program; no order to depend on")
@triton.jit
def index_check_kernel(index_ptr, flags_ptr, count, step, low, high, BLOCK: tl.constexpr):
    """flags[program] = whether any of its indices (count) lies outside of [low, high)."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    index = tl.load(index_ptr + at * step, mask=at < count, other=low)
    bad = (index < low) | (index >= high)
    # in bounds: one flag for each program
    tl.store(flags_ptr + tl.program_id(0), tl.max(bad.to(tl.int32), axis=0))


@kernel(source="Compaction by prefix sums: Blelloch, CMU-CS-90-190 (1990)")
@triton.jit
def compact_kernel(
    x_ptr, mask_ptr, run_ptr, out_ptr, n, n0, n1, n2, x_s0, x_s1, x_s2, x_s3, mask_step,
    RANK: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """out: elements of x (or their positions, where x is None) that mask selects, then fillers.

    run: how many are selected up to each of the n elements. Fillers are 0, or -1 for positions.
    """
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    ok = at < n
    chosen = tl.load(mask_ptr + at * mask_step, mask=ok, other=0) != 0
    before = tl.load(run_ptr + at, mask=ok, other=0) - chosen.to(tl.int64)
    whole = tl.load(run_ptr + n - 1)  # in bounds: a program runs only where n > 0
    # elements that are not selected fill the rest, so that every slot is written once
    slot = tl.where(chosen, before, whole + at - before)
    if x_ptr is None:
        value = tl.where(chosen, at, -1)
    else:
        spot = place(at, n0, n1, n2, x_s0, x_s1, x_s2, x_s3, RANK)
        value = tl.load(x_ptr + spot, mask=ok & chosen, other=0)
    tl.store(out_ptr + slot, value, mask=ok)


def integer_index(op_name: str, index: Any) -> None:
    """RuntimeError unless the indices are int32 or int64."""
    if index.dtype not in (INT64, np.dtype(np.int32)):
        raise RuntimeError(f"{op_name}(): Expected dtype int32/int64 for index, got {index.dtype}")


def check_index(index: Any, low: int, high: int, axis: int) -> None:
    """IndexError where an index lies outside of [low, high). Waits for the GPU."""
    if index.size == 0:
        return
    flat = index.reshape(-1)
    block = min(1024, next_power_of_2(flat.shape[0]))
    programs = cdiv(flat.shape[0], block)
    flags = empty(index, (programs,), np.dtype(np.int32))
    flags.fill(0)  # a recorder launches nothing
    launch(index_check_kernel, (programs,), flat, flags, flat.shape[0], strides(flat)[0], low,
           high, BLOCK=block)  # fmt: skip
    if bool(flags.any()):
        raise IndexError(f"index out of range for dimension {axis} with size {high}")


def gather_reference(
    x: np.ndarray, index: np.ndarray, axis: int, check: bool = False
) -> np.ndarray:
    """The definition by NumPy; 0 for an index not in x."""
    box = tuple(slice(None) if a == axis % x.ndim else slice(n) for a, n in enumerate(index.shape))
    inside = (index >= 0) & (index < x.shape[axis])
    if x.shape[axis] == 0:
        return np.zeros(index.shape, x.dtype)
    found = np.take_along_axis(x[box], np.where(inside, index, 0), axis)
    return np.where(inside, found, np.zeros((), x.dtype))


def _gather_cases() -> Iterator[Case]:
    for dtype in ("f32", "bf16", "f64", "i64", "u8", "bool"):
        yield Case(
            dtype,
            lambda m, d=dtype: (
                m.bools((5, 9)) if d == "bool" else m.integers((5, 9), 90, d),
                m.integers((4, 11), 9), 1,
            ),
        )  # fmt: skip
    yield Case("axis 0", lambda m: (m.normal((9, 40)), m.integers((30, 33), 9, "i32"), 0))
    yield Case("outside", lambda m: (m.normal((5, 9)), m.integers((5, 9), 19, low=-5), 1))
    yield Case("long", lambda m: (m.normal((7,)), m.integers((1500,), 7), 0))
    for rank in (3, 4, 5, 6):
        yield Case(
            f"rank {rank}",
            lambda m, r=rank: (
                m.strided(m.normal((3, 4, 2, 3, 2, 2)[:r])),
                m.integers((2, 5, 2, 2, 2, 2)[:r], 4), 1,
            ),
        )  # fmt: skip
    yield Case("checked", lambda m: (m.normal((5, 9)), m.integers((5, 9), 9), 1), {"check": True})
    for at in (-1, 9):
        yield Case(f"caught {at}", lambda m, at=at: (m.normal((5, 9)), np.full((5, 40), at), 1),
                   {"check": True}, refuses=IndexError)  # fmt: skip
    yield Case("floating", lambda m: (m.normal((5,)), m.normal((5,)), 0), refuses=RuntimeError)
    yield Case("ranks", lambda m: (m.normal((5, 2)), m.integers((5,), 2), 0), refuses=RuntimeError)
    yield Case("too large", lambda m: (m.normal((5, 2)), m.integers((6, 2), 2), 1),
               refuses=RuntimeError)  # fmt: skip
    yield Case("no index", lambda m: (m.normal((5, 2)), m.integers((5, 0), 2), 1), {"check": True})
    yield Case("big", lambda m: (m.normal((8192, 4096)), m.integers((8192, 4096), 4096), 1),
               big=True)  # fmt: skip


def same_ranks(name: str, x: Any, index: Any, axis: int, other: str = "self") -> None:
    """RuntimeError unless index has the rank of x and is nowhere larger, but along `axis`."""
    if index.ndim != x.ndim:
        raise RuntimeError(
            "Index tensor must have the same number of dimensions as input tensor: "
            f"{name} with shapes {index.shape} and {x.shape}"
        )
    if any(i > n for a, (i, n) in enumerate(zip(index.shape, x.shape, strict=True)) if a != axis):
        raise RuntimeError(
            f"Size does not match at dimension other than {axis}: {name} expected index "
            f"{index.shape} to be no larger than {other} {x.shape} apart from dimension {axis}"
        )


def boxed(x: Any, index: Any, axis: int, along: bool = False) -> Any:
    """The part of x that lies within the shape of index (also along `axis`, if asked)."""
    box = [slice(None) if a == axis and not along else slice(n) for a, n in enumerate(index.shape)]
    return x[tuple(box)]


@op(reference=gather_reference, cases=_gather_cases, ulps=0)
def gather(x: Any, index: Any, axis: int, check: bool = False) -> Any:
    """out[..., i, ...] = x[..., index[..., i, ...], ...] along `axis`, shaped as index.

    index: int32 or int64, of the rank of x, no larger than x beside `axis`. An index outside of
    the axis gives 0; with check, IndexError, which waits for the GPU.

    >>> gather.__name__
    'gather'
    """
    (axis,) = normal_axes("gather", x.ndim, axis)
    integer_index("gather", index)
    same_ranks("gather", x, index, axis)
    if check or hardened():
        check_index(index, 0, x.shape[axis], axis)
    out = empty(x, index.shape)
    if out.size == 0:
        return out
    (source, index), rows = beside(axis, out, boxed(x, index, axis), index)
    length, step = out.shape[axis], strides(out)[axis]
    config = choose("indexing", kind="gather")
    column = rows.count > 1 and step > rows.strides[2][0]
    tall, block = tile(config, column, rows.count, length)
    tiles = cdiv(length, block)
    launch(
        gather_kernel, (cdiv(rows.count, tall) * tiles,), source, index, out, rows.count, length,
        x.shape[axis], tiles, strides(source)[axis], strides(index)[axis], step, *rows.sizes,
        *rows.strides[0], *rows.strides[1], *rows.strides[2], RANK=rows.rank, ROWS=tall,
        BLOCK=block, warps=config.warps, stages=config.stages,
    )  # fmt: skip
    return out


def select_reference(
    x: np.ndarray, axis: int, index: np.ndarray, check: bool = False
) -> np.ndarray:
    """The definition by NumPy; 0 for an index not in x."""
    inside = (index >= 0) & (index < x.shape[axis])
    found = np.take(x, np.where(inside, index, 0), axis)
    shape = [1] * x.ndim
    shape[axis] = -1
    return np.where(inside.reshape(shape), found, np.zeros((), x.dtype))


def _select_cases() -> Iterator[Case]:
    for axis in (0, 1, 2):
        yield Case(f"axis {axis}", lambda m, a=axis: (m.normal((5, 6, 7)), a, m.integers((9,), 5)))
    yield Case("outside", lambda m: (m.normal((5, 6)), 0, m.integers((9,), 15, low=-5)))
    for rank in (3, 4, 5, 6):
        yield Case(
            f"rank {rank}",
            lambda m, r=rank: (
                m.strided(m.normal((3, 4, 2, 3, 2, 2)[:r])), 1,
                m.strided(m.integers((5,), 4, "i32")),
            ),
        )  # fmt: skip
    yield Case("checked", lambda m: (m.normal((5, 6)), 1, m.integers((9,), 6)), {"check": True})
    yield Case("caught", lambda m: (m.normal((5, 6)), 1, m.integers((9,), 7, low=6)),
               {"check": True}, refuses=IndexError)  # fmt: skip
    yield Case("matrix", lambda m: (m.normal((5,)), 0, m.integers((2, 2), 2)), refuses=RuntimeError)
    yield Case("none", lambda m: (m.normal((5, 6)), 0, m.integers((0,), 6)))
    yield Case("big", lambda m: (m.normal((65536, 1024), "bf16"), 0, m.integers((65536,), 9)),
               big=True)  # fmt: skip


def _take(x: Any, axis: int, index: Any, out: Any) -> None:
    """out = the rows of x along `axis` that a 1-D index names; out has the axes of x."""
    if out.size == 0:
        return
    (x,), lanes = beside(axis, out, x)
    count, step = index.shape[0], strides(out)[axis]
    config = choose("indexing", kind="take")
    tall, wide = tile(config, lanes.count == 1 or step < lanes.strides[1][0], count, lanes.count)
    tiles = cdiv(lanes.count, wide)
    launch(
        take_kernel, (cdiv(count, tall) * tiles,), x, index, out, count, lanes.count,
        x.shape[axis], tiles, strides(index)[0], strides(x)[axis], step, *lanes.sizes,
        *lanes.strides[0], *lanes.strides[1], RANK=lanes.rank, ROWS=tall, LANES=wide,
        warps=config.warps, stages=config.stages,
    )  # fmt: skip


@op(reference=select_reference, cases=_select_cases, ulps=0)
def index_select(x: Any, axis: int, index: Any, check: bool = False) -> Any:
    """Slices of x along `axis` at a 1-D int32 or int64 index.

    An index outside of the axis gives 0; with check, IndexError, which waits for the GPU.
    """
    (axis,) = normal_axes("index_select", x.ndim, axis)
    integer_index("index_select", index)
    if index.ndim != 1:
        raise RuntimeError(f"index_select(): Index is supposed to be a vector, got {index.shape}")
    if check or hardened():
        check_index(index, 0, x.shape[axis], axis)
    shape = [*x.shape]
    shape[axis] = index.shape[0]
    out = empty(x, shape)
    _take(x, axis, index, out)
    return out


def embedding_reference(weight: np.ndarray, index: np.ndarray, check: bool = False) -> np.ndarray:
    """The definition by NumPy."""
    return weight[index]


def _embedding_cases() -> Iterator[Case]:
    for dtype in ("f32", "f16", "bf16"):
        yield Case(dtype, lambda m, d=dtype: (m.normal((9, 33), d), m.integers((2, 5), 9)))
    yield Case("strided", lambda m: (m.normal((300, 9)).T, m.strided(m.integers((2, 5), 9))))
    yield Case("checked", lambda m: (m.normal((9, 3)), m.integers((2, 5), 9)), {"check": True})
    yield Case("caught", lambda m: (m.normal((9, 3)), m.integers((2, 5), 19, low=9)),
               {"check": True}, refuses=IndexError)  # fmt: skip
    yield Case("big", lambda m: (m.normal((50304, 768), "bf16"), m.integers((32, 1024), 9)),
               big=True)  # fmt: skip


@op(reference=embedding_reference, cases=_embedding_cases, ulps=0)
def embedding(weight: Any, index: Any, check: bool = False) -> Any:
    """Rows of weight (rows, d) at an int32 or int64 index of any shape: (*index.shape, d).

    An index outside gives 0; with check, IndexError, which waits for the GPU.
    """
    integer_index("embedding", index)
    if check or hardened():
        check_index(index, 0, weight.shape[0], 0)
    flat = index.reshape(-1)
    out = empty(weight, (flat.shape[0], weight.shape[1]))
    _take(weight, 0, flat, out)
    return out.reshape(*index.shape, weight.shape[1])


def _compact(x: Any, mask: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
    n = math.prod(shape)
    out = empty(mask, (n,), INT64 if x is None else x.dtype)
    flat = mask.reshape(-1)
    run = cumsum(flat != 0 if flat.dtype != np.dtype(np.bool_) else flat, 0)
    if n == 0:
        count = empty(mask, (1,), INT64)
        count.fill(0)
        return out, count
    steps = walk(shape, strides(x)) if x is not None else walk((1,), (0,))
    if steps is None:
        x = namespace(x).ascontiguousarray(x)
        steps = walk(shape, strides(x))
    numbers = (*steps.sizes, *steps.strides[0])
    block = min(1024, next_power_of_2(n))
    launch(compact_kernel, (cdiv(n, block),), x, flat, run, out, n, *numbers, strides(flat)[0],
           RANK=steps.rank, BLOCK=block)  # fmt: skip
    return out, run[-1:]


def masked_select_reference(x: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The definition by NumPy, filled with zeros to the size of x."""
    found = x[mask]
    out = np.zeros(x.size, x.dtype)
    out[: found.size] = found
    return out, np.array([found.size])


def _masked_cases() -> Iterator[Case]:
    for dtype in ("f32", "bf16", "i64"):
        yield Case(dtype, lambda m, d=dtype: (m.integers((5, 40), 90, d), m.bools((5, 40))))
    for rank in (2, 3, 4, 5):
        shape = (3, 2, 4, 2, 3)[:rank]
        yield Case(
            f"rank {rank}", lambda m, s=shape: (m.strided(m.normal(s)), m.strided(m.bools(s)))
        )
    yield Case("long", lambda m: (m.normal((2500,)), m.bools((2500,), 0.1)))
    yield Case("empty", lambda m: (m.normal((0,)), m.bools((0,))))
    yield Case("shapes", lambda m: (m.normal((3,)), m.bools((4,))), refuses=IndexError)
    yield Case("big", lambda m: (m.normal((1 << 22,)), m.bools((1 << 22,))), big=True)


@op(reference=masked_select_reference, cases=_masked_cases, ulps=0)
def masked_select(x: Any, mask: Any) -> tuple[Any, Any]:
    """(elements of x where mask is true, in order, then zeros to x.size; how many, int64 (1,)).

    The caller reads the count, and cuts. mask: boolean, of the shape of x.
    """
    if mask.shape != x.shape:
        raise IndexError(f"The shape of the mask {mask.shape} does not match that of x {x.shape}")
    return _compact(x, mask, x.shape)


def nonzero_reference(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The definition by NumPy, filled with -1 to the size of x."""
    found = np.flatnonzero(x)
    out = np.full(x.size, -1)
    out[: found.size] = found
    return out, np.array([found.size])


def _nonzero_cases() -> Iterator[Case]:
    yield Case("bool", lambda m: (m.bools((5, 40)),))
    yield Case("i32", lambda m: (m.integers((70,), 3, "i32"),))
    yield Case("none", lambda m: (m.bools((70,), 0.0),))
    yield Case("empty", lambda m: (m.bools((0,)),))


@op(reference=nonzero_reference, cases=_nonzero_cases, ulps=0)
def nonzero_positions(x: Any) -> tuple[Any, Any]:
    """(flat positions of nonzeros of x, in order, then -1 to x.size; how many, int64 (1,))."""
    return _compact(None, x, x.shape)
