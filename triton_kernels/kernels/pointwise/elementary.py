"""Casts, fills, selection, triangles and the finite check."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import triton
import triton.language as tl

from ...checks.cases import DTYPES, Case, Maker, kernel, op
from ...launching.arrays import FLOATS, cdiv, empty, next_power_of_2, strides, type_name
from ...launching.launch import launch
from ...launching.policy import choose
from .pointwise import Program, pointwise

COPY = Program(1, 0, (("y", "x0"),), ("y",), "keep")
TRUTH = Program(1, 0, (("y", "x0 != 0"),), ("y",), "keep")
SELECT = Program(3, 0, (("y", "x1 if x0 else x2"),), ("y",), "keep")


def _cast_reference(x: np.ndarray, dtype: str) -> np.ndarray:
    """NumPy's cast; a float beyond an integer type's range is not asked for."""
    return x.astype(DTYPES[dtype])


def _cast_cases() -> Iterator[Case]:
    pairs = (
        "f32 bf16",
        "f32 f16",
        "bf16 f32",
        "f16 bf16",
        "f64 f32",
        "i64 f32",
        "f32 i32",
        "i64 u8",
    )
    for pair in pairs:
        source, target = pair.split()

        def build(m: Maker, dtype: str = source) -> tuple[Any, ...]:
            whole = dtype[0] == "i"
            return (m.integers((33,), 90, dtype) if whole else m.normal((33,), dtype, 5.0),)

        yield Case(f"{source} to {target}", build, {"dtype": target})
    yield Case("to bool", lambda m: (m.integers((33,), 3, "i32"),), {"dtype": "bool"})
    yield Case("strided", lambda m: (m.strided(m.normal((3, 5))),), {"dtype": "bf16"})
    yield Case("large", lambda m: (m.normal((4096, 8192)),), {"dtype": "bf16"}, big=True)


@op(reference=_cast_reference, cases=_cast_cases, ulps=0, widen=False)
def cast(x: Any, dtype: str) -> Any:
    """x in the dtype of that name (`cases.DTYPES`): nearest even; integers from floats truncate."""
    return pointwise(TRUTH if dtype == "bool" else COPY, x, dtypes=(DTYPES[dtype],))[0]


def _where_reference(condition: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """NumPy's selection."""
    return np.where(condition, x, y)


def _where_cases() -> Iterator[Case]:
    for dtype in ("f32", "bf16", "f64"):
        yield Case(
            dtype, lambda m, d=dtype: (m.bools((4, 1)), m.normal((3,), d), m.normal((4, 3), d))
        )
    yield Case("integers", lambda m: (m.bools((9,)), m.integers((9,), 5), m.integers((9,), 5)))
    yield Case("empty", lambda m: (m.bools((0,)), m.normal((0,)), m.normal((0,))))
    yield Case("two dtypes", lambda m: (m.bools((9,)), m.normal((9,)), m.normal((9,), "f16")),
               refuses=TypeError)  # fmt: skip


@op(reference=_where_reference, cases=_where_cases, ulps=0, widen=False)
def where(condition: Any, x: Any, y: Any) -> Any:
    """x where the boolean condition holds, else y; broadcast, x and y of one dtype."""
    if x.dtype != y.dtype:
        raise TypeError(f"where: expected one dtype, got {x.dtype} and {y.dtype}")
    return pointwise(SELECT, condition, x, y, dtypes=(x.dtype,))[0]


@kernel(source="A store of one value to every element", hot=True)
@triton.jit
def fill_kernel(
    y_ptr, value_ptr, rows, columns, y_row, y_column, BLOCK: tl.constexpr,
):  # fmt: skip
    """y (rows, columns) of any strides = the one element of value, of the same dtype."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    row, column = at // columns, at % columns
    value = tl.load(value_ptr)  # in bounds: value has one element
    tl.store(y_ptr + row * y_row + column * y_column, value, mask=at < rows * columns)


def _fill_reference(x: np.ndarray, value: Any) -> np.ndarray:
    """The value everywhere."""
    return np.full(x.shape, value[()])


def _fill_cases() -> Iterator[Case]:
    for dtype in ("f32", "bf16", "f64"):
        yield Case(dtype, lambda m, d=dtype: (m.normal((3, 5), d), m.normal((), d)))
    yield Case("integers", lambda m: (m.integers((37,), 5), m.integers((), 2**40)))
    yield Case("strided", lambda m: (m.strided(m.normal((3, 5))), m.normal(())))
    yield Case("three axes", lambda m: (m.normal((2, 3, 4)).transpose(2, 0, 1), m.normal(())))
    yield Case("empty", lambda m: (m.normal((0, 5)), m.normal(())))
    yield Case("large", lambda m: (m.normal((4096, 8192)), m.normal(())), big=True)


@op(reference=_fill_reference, cases=_fill_cases, ulps=0, widen=False, mutates=(0,))
def fill(x: Any, value: Any) -> Any:
    """Set every element of x, in place, to the 0-d array `value` of its dtype; returns x."""
    if x.dtype != value.dtype:
        raise TypeError(f"fill: expected one dtype, got {x.dtype} and {value.dtype}")
    parts = [x] if x.ndim <= 2 else [x[k] for k in np.ndindex(x.shape[:-2])]
    for part in parts:
        rows, columns = (1, part.size) if part.ndim < 2 else part.shape
        walk = strides(part) if part.ndim == 2 else (0, strides(part)[0] if part.ndim else 0)
        config = choose("pointwise", width="narrow", n=part.size)
        block = min(config.constants["BLOCK"], next_power_of_2(part.size))
        launch(
            fill_kernel, (cdiv(part.size, block),), part, value, rows, columns, *walk,
            BLOCK=block, warps=config.warps, stages=config.stages,
        )  # fmt: skip
    return x


@kernel(source="Definition of the lower and upper triangle", hot=True)
@triton.jit
def triangle_kernel(
    x_ptr, y_ptr, n, rows, columns, x_batch, x_row, x_column, diagonal, UPPER: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """y (batch, rows, columns) = x on one side of a diagonal, 0 on the other; n elements in all."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    ok = at < n
    column, row = at % columns, at // columns % rows
    batch = at // columns // rows
    if UPPER:
        keep = column - row >= diagonal
    else:
        keep = column - row <= diagonal
    spot = batch * x_batch + row * x_row + column * x_column
    x = tl.load(x_ptr + spot, mask=ok & keep, other=0)
    tl.store(y_ptr + at, x, mask=ok)


def _triangle_reference(x: np.ndarray, diagonal: int = 0, upper: bool = False) -> np.ndarray:
    """NumPy's triangles."""
    return (np.triu if upper else np.tril)(x, diagonal)


def _triangle_cases() -> Iterator[Case]:
    for upper in (False, True):
        for diagonal in (-2, 0, 3):
            yield Case(
                f"upper={upper} {diagonal}", lambda m: (m.normal((2, 5, 7)),),
                {"upper": upper, "diagonal": diagonal},
            )  # fmt: skip
    yield Case("bf16", lambda m: (m.normal((5, 4), "bf16"),))
    yield Case("integers", lambda m: (m.integers((5, 4), 9),))
    yield Case("strided", lambda m: (m.normal((2, 4, 6)).transpose(0, 2, 1),))
    yield Case("empty", lambda m: (m.normal((0, 4)),))
    yield Case("four axes", lambda m: (m.normal((2, 3, 4, 6)),))
    yield Case("vector", lambda m: (m.normal((4,)),), refuses=ValueError)


@op(reference=_triangle_reference, cases=_triangle_cases, ulps=0, widen=False)
def triangle(x: Any, diagonal: int = 0, upper: bool = False) -> Any:
    """The lower (or upper) triangle of the last two axes, zero elsewhere."""
    if x.ndim < 2:
        raise ValueError(f"triangle: expected at least 2 axes, got shape {tuple(x.shape)}")
    flat = x.reshape(math.prod(x.shape[:-2]), *x.shape[-2:])
    out = empty(x, x.shape)
    config = choose("pointwise", width="narrow", n=x.size)
    block = min(config.constants["BLOCK"], next_power_of_2(x.size))
    launch(
        triangle_kernel, (cdiv(x.size, block),), flat, out, x.size, *x.shape[-2:], *strides(flat),
        diagonal, UPPER=upper, BLOCK=block, warps=config.warps, stages=config.stages,
    )  # fmt: skip
    return out


@kernel(source="An exponent of all ones is infinity or not a number (IEEE 754)", hot=True)
@triton.jit
def unfinite_kernel(x_ptr, part_ptr, n, STEPS: tl.constexpr, BLOCK: tl.constexpr):
    """part[program] = 1 where any of its STEPS * BLOCK elements of x is not finite, else 0."""
    first = tl.program_id(0).to(tl.int64) * (STEPS * BLOCK)
    bad = tl.zeros([BLOCK], tl.int32)
    for step in range(STEPS):
        at = first + step * BLOCK + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + at, mask=at < n, other=0.0)
        x = x.to(tl.float64) if x_ptr.dtype.element_ty == tl.float64 else x.to(tl.float32)
        bad = bad | (tl.abs(x) < float("inf")).to(tl.int32) ^ 1
    tl.store(part_ptr + tl.program_id(0), tl.max(bad, axis=0))  # in bounds: one element a program


@kernel(source="Maximum of flags", hot=True)
@triton.jit
def any_flag_kernel(part_ptr, out_ptr, n, BLOCK: tl.constexpr):
    """out = 1 where any of the n flags in part is set, else 0."""
    bad = tl.zeros([BLOCK], tl.int32)
    for start in range(0, n, BLOCK):
        at = start + tl.arange(0, BLOCK)
        bad = tl.maximum(bad, tl.load(part_ptr + at, mask=at < n, other=0))
    tl.store(out_ptr, tl.max(bad, axis=0))  # in bounds: out has one element


def _finite_reference(x: np.ndarray) -> np.ndarray:
    """Whether all are finite."""
    return np.asarray(np.isfinite(x.astype(np.float64)).all())


def _finite_cases() -> Iterator[Case]:
    for dtype in ("f32", "f16", "bf16", "f64"):
        yield Case(dtype, lambda m, d=dtype: (m.normal((300,), d),))
        for value in (np.inf, -np.inf, np.nan):

            def build(m: Maker, dtype: str = dtype, value: float = value) -> tuple[Any, ...]:
                x = m.normal((300,), dtype)
                x[17] = value
                return (x,)

            yield Case(f"{dtype} {value}", build)
    yield Case("empty", lambda m: (m.normal((0,)),))
    yield Case("long", lambda m: (m.normal((70000,)),))
    yield Case("large", lambda m: (m.normal((4096, 8192)),), big=True)


@op(reference=_finite_reference, cases=_finite_cases, ulps=0, widen=False)
def all_finite(x: Any) -> Any:
    """A 0-d bool array: whether no element of x is infinite or not a number."""
    if type_name(x.dtype) not in FLOATS:
        raise TypeError(f"all_finite: expected a floating dtype, got {x.dtype}")
    x = x if x.flags.c_contiguous else x.copy()
    config = choose("finite", n=x.size)
    block = min(config.constants["BLOCK"], next_power_of_2(x.size))
    steps = min(config.constants["STEPS"], max(1, cdiv(x.size, block)))
    programs = cdiv(x.size, block * steps)
    part, out = empty(x, (programs,), np.int32), empty(x, (), np.int32)
    tune = {"warps": config.warps, "stages": config.stages}
    launch(unfinite_kernel, (programs,), x, part, x.size, STEPS=steps, BLOCK=block, **tune)
    width = min(1024, next_power_of_2(programs))
    launch(any_flag_kernel, (1,), part, out, programs, BLOCK=width, **tune)
    return out == 0
