"""Stable sorting along an axis, and the first k: bitonic within a block, merges beyond it.

A key and its place are one 64-bit integer, so that equal keys keep their order and no two are
equal. Keys of 64 bits are sorted by their low halves, then by their high halves. Longer rows are
sorted in blocks, which merge-path launches join two by two.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import triton
import triton.language as tl

from ...checks.cases import Case, Maker, kernel, op
from ...launching.arrays import cdiv, empty, namespace, next_power_of_2, strides
from ...launching.axes import Walk, beside, normal_axes, place
from ...launching.launch import launch
from ...launching.policy import choose

BATCHER = "Batcher, Sorting networks and their applications, AFIPS 32 (1968)"
MERGE_PATH = "Green, McColl, Bader, GPU merge path, ICS 2012"


@triton.jit
def _compared(x, turned, COUNT: tl.constexpr, STEP: tl.constexpr):
    """Elements STEP apart of x (COUNT elements) in order: descending where `turned`."""
    pairs = tl.permute(tl.reshape(x, [COUNT // (2 * STEP), 2, STEP]), (0, 2, 1))
    a, b = tl.split(pairs)
    small, large = tl.minimum(a, b), tl.maximum(a, b)
    pairs = tl.join(tl.where(turned, large, small), tl.where(turned, small, large))
    return tl.reshape(tl.permute(pairs, (0, 2, 1)), [COUNT])


@triton.jit
def sorted_rows(x, ROWS: tl.constexpr, BLOCK: tl.constexpr, LOG: tl.constexpr):
    """x (ROWS, BLOCK = 2^LOG) of distinct int64, each row in ascending order."""
    COUNT: tl.constexpr = ROWS * BLOCK
    x = tl.reshape(x, [COUNT])
    for stage in tl.static_range(1, LOG + 1):
        for back in tl.static_range(0, stage):
            group = tl.arange(0, COUNT // 2 ** (stage - back))[:, None]
            # stretches of 2^stage alternate in direction; the last stage is one stretch
            turned = (group >> back) % 2 > stage // LOG
            x = _compared(x, turned, COUNT, 2 ** (stage - 1 - back))
    return tl.reshape(x, [ROWS, BLOCK])


@triton.jit
def _merged(x, BLOCK: tl.constexpr, LOG: tl.constexpr):
    """x (BLOCK = 2^LOG), ascending and then descending, in ascending order."""
    for back in tl.static_range(0, LOG):
        turned = tl.arange(0, BLOCK // 2 ** (LOG - back))[:, None] < 0
        x = _compared(x, turned, BLOCK, 2 ** (LOG - 1 - back))
    return x


@triton.jit
def _key(x, PART: tl.constexpr, bound):
    """An integer of 32 bits, held in 64, that orders as x does (its low or high half, by PART).

    Zeros are equal and nans are equal and last. bounded: integers outside [0, bound) are bound.
    """
    kind = x.dtype
    if PART == "bounded":
        key = tl.where((x >= 0) & (x < bound), x, bound).to(tl.int64)
    elif kind == tl.float64:
        bits = tl.where(x == 0, 0.0, x).to(tl.int64, bitcast=True)
        bits = tl.where(bits < 0, bits ^ 0x7FFFFFFFFFFFFFFF, bits)
        bits = tl.where(x != x, 0x7FFFFFFFFFFFFFFF, bits)
        key = bits
    elif kind.is_floating():
        wide = x.to(tl.float32)
        bits = tl.where(wide == 0, 0.0, wide).to(tl.int32, bitcast=True)
        bits = tl.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
        key = tl.where(wide != wide, 0x7FFFFFFF, bits).to(tl.int64)
    elif kind == tl.uint64:
        key = x.to(tl.int64, bitcast=True) ^ -0x8000000000000000
    elif kind == tl.uint32:
        key = x.to(tl.int64) - 0x80000000
    else:
        key = x.to(tl.int64)
    if PART == "high":
        key = key >> 32
    elif PART == "low":
        key = (key & 0xFFFFFFFF) - 0x80000000
    return key


@triton.jit
def _deliver(
    x_ptr, perm_ptr, y_ptr, at_ptr, packed, ok, from_x, from_perm, from_y, x_step, y_step, to,
    KEYS: tl.constexpr,
):  # fmt: skip
    """Store what packed keys stand for at columns `to`: values (or keys) to y, places to at."""
    where = packed & 0xFFFFFFFF
    if perm_ptr is not None:
        where = tl.load(perm_ptr + from_perm + where, mask=ok, other=0)
    if KEYS:
        tl.store(y_ptr + from_y + to * y_step, (packed >> 32).to(y_ptr.dtype.element_ty), mask=ok)
    elif y_ptr is not None:
        x = tl.load(x_ptr + from_x + where * x_step, mask=ok, other=0)
        tl.store(y_ptr + from_y + to * y_step, x, mask=ok)
    tl.store(at_ptr + from_y + to * y_step, where, mask=ok)


@kernel(source=BATCHER, hot=True)
@triton.jit
def sort_block_kernel(
    x_ptr, perm_ptr, packed_ptr, y_ptr, at_ptr, rows, n, pieces, keep, pitch, bound,
    x_step, y_step, n0, n1, n2, x_s0, x_s1, x_s2, x_s3, y_s0, y_s1, y_s2, y_s3,
    PART: tl.constexpr, KEYS: tl.constexpr, DESCENDING: tl.constexpr, SOURCE: tl.constexpr,
    FINAL: tl.constexpr, RANK: tl.constexpr, ROWS: tl.constexpr,
    BLOCK: tl.constexpr, LOG: tl.constexpr,
):  # fmt: skip
    """Sort each stretch of BLOCK columns of rows of n keys, of any strides; its first `keep` kept.

    The result is packed (rows, pieces * keep), int64, or FINAL: y and at, of any strides. Keys are
    those of x, in the order of perm (rows, n), or SOURCE packed: earlier results (rows, pitch).
    """
    program = tl.program_id(0).to(tl.int64)
    piece = program % pieces
    row = (program // pieces * ROWS + tl.arange(0, ROWS))[:, None]
    lane = tl.arange(0, BLOCK)[None, :]
    at = piece * BLOCK + lane
    ok = (row < rows) & (at < n)
    from_x = place(row, n0, n1, n2, x_s0, x_s1, x_s2, x_s3, RANK)
    from_y = place(row, n0, n1, n2, y_s0, y_s1, y_s2, y_s3, RANK)
    if SOURCE == "packed":
        packed = tl.load(packed_ptr + row * pitch + at, mask=ok, other=0)
    else:
        where = at
        if perm_ptr is not None:
            where = tl.load(perm_ptr + row * n + at, mask=ok, other=0)
        x = tl.load(x_ptr + from_x + where * x_step, mask=ok, other=0)
        key = _key(x, PART, bound)
        if DESCENDING:
            key = ~key
        packed = (key << 32) | at
    packed = sorted_rows(tl.where(ok, packed, 0x7FFFFFFFFFFFFFFF), ROWS, BLOCK, LOG)
    ok = (row < rows) & (lane < keep) & (at < n)
    if FINAL:
        _deliver(x_ptr, perm_ptr, y_ptr, at_ptr, packed, ok, from_x, row * n, from_y, x_step,
                 y_step, lane.to(tl.int64), KEYS)  # fmt: skip
    else:
        out = y_ptr + row * (pieces * keep) + piece * keep + lane
        tl.store(out, packed, mask=(row < rows) & (lane < keep))


@triton.jit
def _crossing(a_ptr, b_ptr, a_count, b_count, diagonal, steps):
    """How many of the first `diagonal` outputs of two sorted runs come from the first."""
    low = tl.maximum(diagonal - b_count, 0)
    high = tl.minimum(diagonal, a_count)
    for _ in range(0, steps):
        middle = (low + high) // 2
        open_ = low < high
        a = tl.load(a_ptr + middle, mask=open_, other=0)
        b = tl.load(b_ptr + (diagonal - 1 - middle), mask=open_, other=0)
        low = tl.where(open_ & (a < b), middle + 1, low)
        high = tl.where(open_ & (a > b), middle, high)
    return low


@kernel(source=MERGE_PATH, hot=True)
@triton.jit
def sort_merge_kernel(
    x_ptr, perm_ptr, packed_ptr, y_ptr, at_ptr, n, width, tiles, steps, keep, pitch,
    x_step, y_step, n0, n1, n2, x_s0, x_s1, x_s2, x_s3, y_s0, y_s1, y_s2, y_s3,
    KEYS: tl.constexpr, FINAL: tl.constexpr, RANK: tl.constexpr, BLOCK: tl.constexpr,
    LOG: tl.constexpr,
):  # fmt: skip
    """Merge sorted runs of `width` keys of packed (rows, pitch) in pairs, BLOCK outputs a program.

    Of each row the first n keys count. The result goes to y (rows, pitch), or FINAL: what the
    first `keep` keys stand for goes to y and at, of any strides.
    """
    program = tl.program_id(0).to(tl.int64)
    row = program // tiles
    begin = program % tiles * BLOCK
    left = begin // (2 * width) * (2 * width)
    a_count = tl.minimum(width, n - left)
    b_count = tl.minimum(tl.maximum(n - left - width, 0), width)
    a_ptr = packed_ptr + row * pitch + left
    b_ptr = a_ptr + width
    first = tl.minimum(begin - left, a_count + b_count)
    last = tl.minimum(first + BLOCK, a_count + b_count)
    a_first = _crossing(a_ptr, b_ptr, a_count, b_count, first, steps)
    a_last = _crossing(a_ptr, b_ptr, a_count, b_count, last, steps)
    lane = tl.arange(0, BLOCK)
    from_a = a_first + lane
    from_b = last - a_last - 1 - (lane - (BLOCK - (last - a_last - (first - a_first))))
    in_a = from_a < a_last
    in_b = lane >= BLOCK - (last - a_last - (first - a_first))
    a = tl.load(a_ptr + from_a, mask=in_a, other=0x7FFFFFFFFFFFFFFF)
    b = tl.load(b_ptr + from_b, mask=in_b, other=0x7FFFFFFFFFFFFFFF)
    packed = _merged(tl.minimum(a, b), BLOCK, LOG)
    to = begin + lane
    if FINAL:
        from_x = place(row, n0, n1, n2, x_s0, x_s1, x_s2, x_s3, RANK)
        from_y = place(row, n0, n1, n2, y_s0, y_s1, y_s2, y_s3, RANK)
        ok = to < tl.minimum(keep, n)
        _deliver(x_ptr, perm_ptr, y_ptr, at_ptr, packed, ok, from_x, row * n, from_y, x_step,
                 y_step, to, KEYS)  # fmt: skip
    else:
        tl.store(y_ptr + row * pitch + to, packed, mask=to < n)


def _log2(n: int) -> int:
    return n.bit_length() - 1


def _pass(
    x: Any, perm: Any, y: Any, at: Any, axis: int, keep: int, how: dict[str, Any], bound: int
) -> None:
    """One stable sort of rows by the keys of one PART, to y and at (its first `keep` columns)."""
    (x,), rows = beside(axis, at, x)
    n = x.shape[axis]
    config = choose("sort", n=n)
    block = min(config.constants["BLOCK"], next_power_of_2(n))
    few = 2 * keep <= block
    walked = (strides(x)[axis], strides(at)[axis], *rows.sizes, *rows.strides[0], *rows.strides[1])
    shared = {"KEYS": how["KEYS"], "RANK": rows.rank, "warps": config.warps,
              "stages": config.stages}  # fmt: skip
    packed, source, length, pitch = None, "keys", n, 0
    while True:
        width = min(block, next_power_of_2(length))
        tall = max(1, min(config.constants["ELEMENTS"] // width, next_power_of_2(rows.count)))
        count = cdiv(length, width)
        kept = keep if few or count == 1 else width
        final = count == 1
        out = y if final else empty(x, (rows.count, count * kept), np.dtype(np.int64))
        launch(
            sort_block_kernel, (cdiv(rows.count, tall) * count,), x, perm, packed, out,
            at if final else None, rows.count, length, count, kept, pitch, bound, *walked,
            SOURCE=source, FINAL=final, PART=how["PART"], DESCENDING=how["DESCENDING"], ROWS=tall,
            BLOCK=width, LOG=_log2(width), **shared,
        )  # fmt: skip
        packed, source, pitch = out, "packed", count * kept
        if final:
            return
        if not few:
            break
        length = pitch
    _merges(
        x, perm, packed, y, at, rows, n, (block, config.constants["MERGE"]), keep, walked, shared
    )


def _merges(
    x: Any, perm: Any, packed: Any, y: Any, at: Any, rows: Walk, n: int, blocks: tuple[int, int],
    keep: int, walked: tuple[int, ...], shared: dict[str, Any],
) -> None:  # fmt: skip
    """Merge sorted runs until a row is one, and deliver it."""
    width, block = blocks
    pitch = packed.shape[1]
    spare = empty(x, packed.shape, packed.dtype) if 2 * width < n else None
    while width < n:
        final = 2 * width >= n
        wanted = min(keep, n) if final else n
        tiles = cdiv(wanted, block)
        launch(
            sort_merge_kernel, (rows.count * tiles,), x, perm, packed, y if final else spare,
            at if final else None, n, width, tiles, _log2(width) + 1, keep, pitch, *walked,
            FINAL=final, BLOCK=block, LOG=_log2(block), **shared,
        )  # fmt: skip
        packed, spare = spare, packed
        width *= 2


def _sorted(
    x: Any, axis: int, first: int, parts: tuple[str, ...], descending: bool = False,
    values: Any = None, bound: int = 0,
) -> tuple[Any, Any]:  # fmt: skip
    """(first sorted values, or keys of dtype `values`; their places) of x along `axis`."""
    shape = [*x.shape]
    shape[axis] = first
    y, at = empty(x, shape, values), empty(x, shape, np.dtype(np.int64))
    if x.size == 0 or first == 0:
        return y, at
    perm = None
    for part in parts:
        how = {"PART": part, "DESCENDING": descending, "KEYS": values is not None}
        if part == parts[-1]:
            _pass(x, perm, y, at, axis, first, how, bound)
        else:
            rest = [n for a, n in enumerate(x.shape) if a != axis]
            perm = empty(x, (*rest, x.shape[axis]), np.dtype(np.int64))
            target = namespace(x).moveaxis(perm, -1, axis)
            _pass(x, None, None, target, axis, x.shape[axis], how, bound)
    return y, at


def _parts(x: Any) -> tuple[str, ...]:
    return ("low", "high") if x.dtype.itemsize == 8 else ("whole",)


def sort_reference(
    x: np.ndarray, axis: int = -1, descending: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The definition by NumPy's stable argsort; nan counts as the largest."""
    if descending:
        back = np.argsort(np.flip(x, axis), axis, kind="stable")
        at = x.shape[axis] - 1 - np.flip(back, axis)
    else:
        at = np.argsort(x, axis, kind="stable")
    return np.take_along_axis(x, at, axis), at


def _few(m: Maker, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Repeated values; extremes among integers, infinities, nans and both zeros among floats."""
    if dtype == "bool":
        return m.bools(shape)
    if dtype in ("f16", "bf16", "f32", "f64"):
        a = m.integers(shape, 5, dtype, -5)
        if not m.shapes_only:
            for k, v in enumerate((np.nan, np.inf, -np.inf, -0.0, 0.0, -0.0)):
                a[..., k::11][..., :9] = v
        return a
    a = m.integers(shape, 5, dtype, 0 if dtype[0] == "u" else -5)
    if not m.shapes_only and dtype[1:] in ("64", "32"):
        info = np.iinfo(a.dtype)
        a[..., ::7], a[..., 1::9], a[..., 2::9] = info.max, info.min, info.max - 2**20
    return a


def _sort_cases() -> Iterator[Case]:
    for dtype in ("f32", "f16", "bf16", "f64", "i8", "i32", "i64", "u8", "u32", "u64", "bool"):
        yield Case(dtype, lambda m, d=dtype: (_few(m, (3, 7), d),))
    for dtype in ("f32", "i64", "u8"):
        yield Case(f"{dtype} down", lambda m, d=dtype: (_few(m, (3, 7), d),), {"descending": True})
    yield Case("rows", lambda m: (_few(m, (9, 37), "f32"),))
    yield Case("long", lambda m: (_few(m, (2, 2100), "f32"),), {"descending": True})
    yield Case("axis 0", lambda m: (m.normal((7, 5)),), {"axis": 0})
    yield Case("strided", lambda m: (m.strided(m.normal((3, 4, 2, 5, 2))),), {"axis": 1})
    yield Case("rank 3", lambda m: (m.strided(m.normal((3, 4, 2, 5))),), {"axis": 3})
    yield Case("rank 5", lambda m: (m.strided(m.normal((2, 2, 2, 2, 2, 3))),), {"axis": 5})
    yield Case("one", lambda m: (m.normal((3, 1)),))
    yield Case("empty", lambda m: (m.normal((0, 4)),))
    yield Case("no axis", lambda m: (m.normal((2, 3)),), {"axis": 2}, refuses=IndexError)
    yield Case("big", lambda m: (m.normal((4096, 1000)),), big=True)


@op(reference=sort_reference, cases=_sort_cases, ulps=0)
def sort(x: Any, axis: int = -1, descending: bool = False) -> tuple[Any, Any]:
    """(x sorted along `axis`, int64 places); equal values keep their order; nan is the largest.

    >>> sort.__name__
    'sort'
    """
    (axis,) = normal_axes("sort", x.ndim, axis)
    return _sorted(x, axis, x.shape[axis], _parts(x), descending)


def topk_reference(
    x: np.ndarray, k: int, axis: int = -1, largest: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """The first k of a whole sort."""
    values, at = sort_reference(x, axis, largest)
    return (np.take(values, np.arange(k), axis), np.take(at, np.arange(k), axis))


def _topk_cases() -> Iterator[Case]:
    for dtype in ("f32", "bf16", "i64"):
        yield Case(dtype, lambda m, d=dtype: (_few(m, (3, 7), d), 3))
    yield Case("smallest", lambda m: (_few(m, (3, 7), "f32"), 3), {"largest": False})
    yield Case("long", lambda m: (_few(m, (1, 2100), "f32"), 7))
    yield Case("long many", lambda m: (_few(m, (1, 2100), "i64"), 1500))
    yield Case("axis 0", lambda m: (m.normal((7, 5)), 3), {"axis": 0})
    yield Case("all", lambda m: (m.normal((2, 5)), 5))
    yield Case("none", lambda m: (m.normal((2, 5)), 0))
    yield Case("too many", lambda m: (m.normal((2, 5)), 6), refuses=RuntimeError)
    yield Case("big router", lambda m: (m.normal((65536, 64)), 8), big=True)


@op(reference=topk_reference, cases=_topk_cases, ulps=0)
def topk(x: Any, k: int, axis: int = -1, largest: bool = True) -> tuple[Any, Any]:
    """(the k largest or smallest along `axis`, in order, their int64 places); the first of equals.

    RuntimeError where there are fewer than k.
    """
    (axis,) = normal_axes("topk", x.ndim, axis)
    if not 0 <= k <= x.shape[axis]:
        raise RuntimeError(f"selected index k out of range: {k} of {x.shape[axis]} elements")
    return _sorted(x, axis, k, _parts(x), largest)


def indices_reference(index: np.ndarray, bound: int) -> tuple[np.ndarray, np.ndarray]:
    """The definition by NumPy's stable argsort."""
    kept = np.where((index >= 0) & (index < bound), index, bound)
    at = np.argsort(kept, -1, kind="stable")
    return np.take_along_axis(kept, at, -1).astype(np.int32), at


def _indices_cases() -> Iterator[Case]:
    for dtype in ("i64", "i32"):
        yield Case(dtype, lambda m, d=dtype: (m.integers((3, 8), 7, d, -2), 5))
    yield Case("long", lambda m: (m.integers((2100,), 700), 700))
    yield Case("none", lambda m: (m.integers((0,), 700), 700))
    yield Case("floating", lambda m: (m.normal((3,)), 700), refuses=TypeError)
    yield Case("bound", lambda m: (m.integers((3,), 9), 2**31), refuses=ValueError)


@op(reference=indices_reference, cases=_indices_cases, ulps=0)
def sort_indices(index: Any, bound: int) -> tuple[Any, Any]:
    """(indices sorted along the last axis as int32, int64 places); equal ones keep their order.

    An index outside of [0, bound) becomes bound and comes last. TypeError for an index that is
    not int32 or int64, ValueError for a bound of 2^31 or more.
    """
    if index.dtype not in (np.dtype(np.int32), np.dtype(np.int64)):
        raise TypeError(f"sort_indices: expected int32 or int64 indices, got {index.dtype}")
    if bound >= 2**31:
        raise ValueError(f"sort_indices: bound {bound} does not fit 31 bits")
    axis = index.ndim - 1
    return _sorted(index, axis, index.shape[axis], ("bounded",), False, np.dtype(np.int32), bound)
