"""Reductions to one value: sum, mean, prod, amax, amin.

Any axes of arrays of any strides. A program holds a tile of partial results and walks its rows in
order; long rows are cut into pieces whose results a second launch of the same kernel joins.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import triton
import triton.language as tl

from ...checks.cases import DTYPES, Case, Maker, kernel, op
from ...launching.arrays import cdiv, empty, floating, type_name
from ...launching.axes import Reduction, normal_axes, pieces, place, reduction, tile
from ...launching.launch import launch
from ...launching.policy import choose

_EXTREMES = {"i8": (-(2**7), 2**7 - 1), "i16": (-(2**15), 2**15 - 1), "i32": (-(2**31), 2**31 - 1),
             "i64": (-(2**63), 2**63 - 1), "u8": (0, 2**8 - 1), "u16": (0, 2**16 - 1),
             "u32": (0, 2**32 - 1), "u64": (0, 2**64 - 1), "i1": (0, 1)}  # fmt: skip

NUMPY = {"fp32": np.dtype("f4"), "fp64": np.dtype("f8"), "int32": np.dtype("i4"),
         "int64": np.dtype("i8"), "uint64": np.dtype("u8")}  # fmt: skip


@triton.jit
def times(a, b):
    """a b, for tl.reduce."""
    return a * b


@triton.jit
def largest(x):
    """Largest of each row of x (rows, lanes); not-a-number wins."""
    y = tl.max(x, axis=1)
    if x.dtype.is_floating():
        y = tl.where(tl.max((x != x).to(tl.int32), axis=1) > 0, float("nan"), y)
    return y


@triton.jit
def smallest(x):
    """Smallest of each row of x (rows, lanes); not-a-number wins."""
    y = tl.min(x, axis=1)
    if x.dtype.is_floating():
        y = tl.where(tl.max((x != x).to(tl.int32), axis=1) > 0, float("nan"), y)
    return y


@triton.jit
def _mapped(x, MAP: tl.constexpr, P: tl.constexpr, ACC: tl.constexpr):
    """What one element contributes, in the accumulator's type."""
    if MAP == "nonzero":
        y = (x != 0).to(ACC)
    elif MAP == "abs":
        y = tl.abs(x.to(ACC))
    elif MAP == "square":
        y = x.to(ACC) * x.to(ACC)
    elif MAP == "power":
        y = tl.exp2(tl.log2(tl.abs(x.to(ACC))) * P)
    else:
        y = x.to(ACC)
    return y


@triton.jit
def _joined(a, b, COMBINE: tl.constexpr):
    """Two tiles of partial results as one; not-a-number wins."""
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
def _across(x, COMBINE: tl.constexpr):
    """A tile (rows, lanes) of partial results as one result a row."""
    if COMBINE == "sum":
        y = tl.sum(x, axis=1)
    elif COMBINE == "prod":
        y = tl.reduce(x, 1, times)
    elif COMBINE == "max":
        y = largest(x)
    else:
        y = smallest(x)
    return y


@kernel(source="Reduction in fixed order: lanes in order of memory, then a tree over lanes",
        hot=True)  # fmt: skip
@triton.jit
def reduce_kernel(
    x_ptr, out_ptr, outer, reduced, piece, divisor,
    outer_n0, outer_n1, outer_n2, outer_s0, outer_s1, outer_s2, outer_s3,
    n0, n1, n2, s0, s1, s2, s3,
    MAP: tl.constexpr, COMBINE: tl.constexpr, FINISH: tl.constexpr, P: tl.constexpr,
    IDENTITY: tl.constexpr, ACC: tl.constexpr, OUTER_RANK: tl.constexpr, RANK: tl.constexpr,
    WIDE: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """out[k, r]: COMBINE over piece k of row r of x (outer, reduced), which has any strides.

    out: (pieces, outer), row-major. Sums in fp32 (fp64 for fp64, int64 for integers).
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
    blank = tl.full([ROWS, BLOCK], IDENTITY, ACC)
    acc = blank
    for start in range(begin, end, BLOCK):
        at = start + lane
        ok = (row < outer)[:, None] & (at < end)[None, :]
        spot = place(at, n0, n1, n2, s0, s1, s2, s3, RANK)[None, :]
        x = tl.load(x_ptr + spot, mask=ok, other=0)
        acc = _joined(acc, tl.where(ok, _mapped(x, MAP, P, ACC), blank), COMBINE)
    y = _across(acc, COMBINE)
    if FINISH == "mean":
        y = y / divisor
    elif FINISH == "sqrt":
        y = tl.sqrt(y)
    elif FINISH == "root":
        y = tl.exp2(tl.log2(y) / P)
    out_ptr += tl.program_id(1).to(tl.int64) * outer
    tl.store(out_ptr + row, y.to(out_ptr.dtype.element_ty), mask=row < outer)


def accumulator(dtype: str) -> Any:
    """The type in which a dtype is summed: fp32, fp64 for fp64, int64 for integers.

    >>> accumulator("bf16"), accumulator("i1")
    (triton.language.float32, triton.language.int64)
    """
    if dtype == "fp64":
        return tl.float64
    return tl.float32 if dtype in ("fp16", "bf16", "fp32") else tl.int64


def plan_tile(plan: Reduction, acc: Any) -> tuple[dict[str, int], dict[str, Any]]:
    """(grid and piece sizes, launch settings) of a reduction."""
    layout = "column" if plan.column else "row"
    config = choose("reduce", layout=layout, acc=acc.name, n=plan.reduced.count)
    rows, block = tile(config, plan.column, plan.outer.count, plan.reduced.count)
    programs = cdiv(plan.outer.count, rows)
    piece, count = pieces(config, programs, plan.reduced.count, block)
    where = {"programs": programs, "piece": piece, "pieces": count}
    return where, {"ROWS": rows, "BLOCK": block, "warps": config.warps, "stages": config.stages}


def reduce_over(
    x: Any, axis: Any, keepdim: bool, out_dtype: Any, *, mapping: str, combine: str,
    finish: str = "none", p: float = 1.0, acc: Any = None, identity: Any = 0, name: str = "reduce",
) -> Any:  # fmt: skip
    """Reduce x over axis: `mapping` on elements, `combine` of them, `finish` on the result."""
    plan = reduction(x, normal_axes(name, x.ndim, axis))
    dtype = type_name(x.dtype)
    acc = accumulator(dtype) if acc is None else acc
    out = empty(x, plan.kept, out_dtype)
    size = plan.reduced.count
    where, settings = plan_tile(plan, acc)
    how: dict[str, Any] = {"COMBINE": combine, "P": p, "IDENTITY": identity, "ACC": acc}
    if where["pieces"] == 1:
        launch(
            reduce_kernel, (where["programs"], 1), plan.x, out, plan.outer.count, size,
            where["piece"], size, *plan.numbers(), **how, MAP=mapping, FINISH=finish,
            **plan.constants(), **settings,
        )  # fmt: skip
        return plan.shaped(out, keepdim)
    parts = empty(x, (where["pieces"], plan.outer.count), NUMPY[acc.name])
    launch(
        reduce_kernel, (where["programs"], where["pieces"]), plan.x, parts, plan.outer.count,
        size, where["piece"], size, *plan.numbers(), **how, MAP=mapping, FINISH="none",
        **plan.constants(), **settings,
    )  # fmt: skip
    joining = reduction(parts, (0,))
    there, settings = plan_tile(joining, acc)
    length = joining.reduced.count
    launch(
        reduce_kernel, (there["programs"], 1), parts, out, joining.outer.count, length, length,
        size, *joining.numbers(), **how, MAP="none", FINISH=finish,
        **joining.constants(), **settings,
    )  # fmt: skip
    return plan.shaped(out, keepdim)


def _integral(x: Any) -> bool:
    return type_name(x.dtype)[0] in "iu"


def _out_dtype(x: Any, dtype: Any) -> Any:
    if dtype is not None:
        return np.dtype(dtype)
    return np.dtype(np.int64) if _integral(x) else x.dtype


def reference_by_numpy(what: str) -> Any:
    """A reference by NumPy in float64 (int64 for integers)."""

    def reference(x: np.ndarray, axis: Any = None, keepdim: bool = False, **_: Any) -> Any:
        """The definition by NumPy, in float64."""
        axes = normal_axes(what, x.ndim, axis)
        if what == "mean" and x.size == 0:
            return np.full(x.sum(axes, keepdims=keepdim).shape, np.nan)
        return np.asarray(getattr(np, what)(x, axis=axes, keepdims=keepdim))

    return reference


def _terms(m: Maker, shape: tuple[int, ...], dtype: str = "f32") -> np.ndarray:
    """Terms of both signs whose sum does not cancel: its error is then that of the method."""
    return m.uniform(shape, dtype, -0.2, 1.0)


def _layouts() -> Iterator[Case]:
    """Samples that enter every way of walking an array."""

    def case(name: str, axis: Any, shape: tuple[int, ...], view: Any = None, **more: Any) -> Case:
        return Case(
            name,
            lambda m: (view(m, _terms(m, shape)) if view else _terms(m, shape),),
            {"axis": axis, **more},
        )

    yield case("rows", 1, (5, 37))
    yield case("columns", 0, (37, 70))
    yield case("everything", None, (6, 7), keepdim=True)
    yield case("keepdim", (0, 2), (3, 4, 5), keepdim=True)
    yield case("long row", 0, (20000,))
    yield case("long rows", 1, (3, 9000))
    yield case("long columns", 0, (1300, 3))
    yield case("ranks", (0, 2, 4, 6), (2, 3, 2, 2, 3, 2, 2, 3), lambda m, a: m.strided(a))
    yield case("three and two", (1, 3), (2, 3, 4, 2, 3))
    yield case("three of three", (0, 2, 4), (2, 3, 2, 2, 3))
    yield case("many axes", 1, (2, 2, 2, 2, 2, 2), lambda m, a: m.strided(a))
    yield case("reversed", 1, (4, 9), lambda m, a: a[::-1, ::-1])
    yield case("repeated", 0, (4, 9), lambda m, a: np.broadcast_to(a[:1], (4, 9)))
    yield case("permuted", 0, (3, 4, 5), lambda m, a: a.transpose(2, 0, 1))
    yield case("scalar", None, ())
    yield case("no rows", 1, (0, 4))


def far_apart(m: Maker, dtype: str) -> np.ndarray:
    """Five values of which the last lies past a 32-bit offset; the memory between stays unused."""
    view = np.zeros(2**31 + 1, DTYPES[dtype])[:: 2**29]
    if not m.shapes_only:
        view[...] = m.integers(5, 9, dtype)
    return view


def _sum_cases() -> Iterator[Case]:
    yield from _layouts()
    yield Case("no columns", lambda m: (m.normal((4, 0)),), {"axis": 1})
    for dtype in ("f16", "bf16", "f64"):
        yield Case(dtype, lambda m, d=dtype: (_terms(m, (5, 70), d),), {"axis": 1})
    yield Case("f32 of bf16", lambda m: (_terms(m, (5, 70), "bf16"),), {"dtype": DTYPES["f32"]})
    for dtype in ("i64", "i32", "u8", "i8"):
        yield Case(dtype, lambda m, d=dtype: (m.integers((5, 70), 100, d),), {"axis": 0})
    yield Case("bool", lambda m: (m.bools((5, 70)),), {"axis": 1})
    yield Case("axis twice", lambda m: (m.normal((2, 3)),), {"axis": (0, 0)}, refuses=RuntimeError)
    yield Case("no such axis", lambda m: (m.normal((2, 3)),), {"axis": 2}, refuses=IndexError)
    for dtype in ("f32", "bf16"):
        for axis, shape in ((1, (8192, 4096)), (0, (8192, 4096)), (None, (1 << 24,))):
            yield Case(
                f"big {dtype} {axis}", lambda m, s=shape, d=dtype: (m.normal(s, d),),
                {"axis": axis}, big=True,
            )  # fmt: skip
    yield Case("far apart", lambda m: (far_apart(m, "i8"),))


@op(reference=reference_by_numpy("sum"), cases=_sum_cases, ulps=4)
def reduce_sum(x: Any, axis: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """Sum of x over `axis` (an int, ints, or None for all); integers and booleans to int64.

    >>> reduce_sum.__name__
    'reduce_sum'
    """
    return reduce_over(x, axis, keepdim, _out_dtype(x, dtype), mapping="none", combine="sum",
                   name="sum")  # fmt: skip


def _mean_cases() -> Iterator[Case]:
    for dtype in ("f32", "f16", "bf16", "f64"):
        yield Case(dtype, lambda m, d=dtype: (_terms(m, (5, 70), d),), {"axis": 1})
    yield Case("long", lambda m: (_terms(m, (2, 9000)),), {"axis": 1})
    yield Case("no columns", lambda m: (m.normal((4, 0)),), {"axis": 1})
    yield Case("integers", lambda m: (m.integers((4, 2), 3),), refuses=TypeError)


@op(reference=reference_by_numpy("mean"), cases=_mean_cases, ulps=4)
def reduce_mean(x: Any, axis: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """Mean of floating x over `axis`; nan where nothing is averaged."""
    floating("mean", x)
    return reduce_over(x, axis, keepdim, _out_dtype(x, dtype), mapping="none", combine="sum",
                   finish="mean", name="mean")  # fmt: skip


def _prod_cases() -> Iterator[Case]:
    for dtype in ("f32", "f16", "f64"):
        yield Case(dtype, lambda m, d=dtype: (m.uniform((5, 70), d, 0.95, 1.05),), {"axis": 1})
    yield Case("columns", lambda m: (m.uniform((40, 70), "f32", 0.95, 1.05),), {"axis": 0})
    yield Case(
        "long", lambda m: (m.uniform((2, 9000), "f32", 0.999, 1.001),), {"axis": 1}, ulps=256
    )  # thousands of roundings
    yield Case("i64", lambda m: (m.integers((5, 9), 4, low=-3),), {"axis": 1})
    yield Case("no columns", lambda m: (m.normal((4, 0)),), {"axis": 1})
    yield Case("big", lambda m: (m.normal((8192, 4096)),), {"axis": 1}, big=True)


@op(
    reference=reference_by_numpy("prod"), cases=_prod_cases, ulps=32
)  # roundings add up along the row
def reduce_prod(x: Any, axis: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """Product of x over `axis`; integers and booleans to int64; 1 where there is no element."""
    return reduce_over(x, axis, keepdim, _out_dtype(x, dtype), mapping="none", combine="prod",
                   identity=1, name="prod")  # fmt: skip


def extreme_of(x: Any, top: bool) -> tuple[Any, Any]:
    """(type to compare in, value that no element falls behind) for a largest or smallest."""
    dtype = type_name(x.dtype)
    if dtype in _EXTREMES:
        return tl.uint64 if dtype == "u64" else tl.int64, _EXTREMES[dtype][0 if top else 1]
    return accumulator(dtype), float("-inf") if top else float("inf")


def _extreme(x: Any, axis: Any, keepdim: bool, name: str) -> Any:
    for a in normal_axes(name, x.ndim, axis):
        if x.shape[a] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {a} to have non-zero size.")
    acc, identity = extreme_of(x, name == "amax")
    return reduce_over(x, axis, keepdim, x.dtype, mapping="none", combine=name[1:], acc=acc,
                   identity=identity, name=name)  # fmt: skip


def _holed(m: Maker, a: np.ndarray) -> np.ndarray:
    """Some infinities, and a nan in the second row."""
    if not m.shapes_only:
        a[0, :3] = (np.inf, -np.inf, np.inf)
        a[1, 2] = np.nan
        a[2] = -np.inf
        a[3] = np.inf
    return a


def _extreme_cases() -> Iterator[Case]:
    for dtype in ("f32", "f16", "bf16", "f64"):
        yield Case(dtype, lambda m, d=dtype: (_holed(m, m.normal((5, 70), d)),), {"axis": 1})
    for dtype in ("i8", "i16", "i32", "i64", "u8", "u64"):
        low = -100 if dtype[0] == "i" else 0
        yield Case(
            dtype, lambda m, d=dtype, low=low: (m.integers((5, 70), 100, d, low),), {"axis": 0}
        )
    yield Case("bool", lambda m: (m.bools((9, 3), 0.2),), {"axis": 1})
    yield Case("long", lambda m: (_holed(m, m.normal((4, 9000))),), {"axis": 1})
    yield Case("nothing", lambda m: (m.normal((4, 0)),), {"axis": 1}, refuses=IndexError)
    yield Case("big", lambda m: (m.normal((8192, 4096), "bf16"),), {"axis": 1}, big=True)


@op(reference=reference_by_numpy("max"), cases=_extreme_cases, ulps=0)
def reduce_amax(x: Any, axis: Any = None, keepdim: bool = False) -> Any:
    """Largest of x over `axis`; nan where any element is; IndexError where there is none."""
    return _extreme(x, axis, keepdim, "amax")


def _smallest_cases() -> Iterator[Case]:
    return (
        c for c in _extreme_cases() if c.name in ("f32", "i8", "u64", "bool", "long", "nothing")
    )


@op(reference=reference_by_numpy("min"), cases=_smallest_cases, ulps=0)
def reduce_amin(x: Any, axis: Any = None, keepdim: bool = False) -> Any:
    """Smallest of x over `axis`; nan where any element is; IndexError where there is none."""
    return _extreme(x, axis, keepdim, "amin")
