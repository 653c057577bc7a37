"""What the normalisations share: partial sums of parameters' gradients added in a fixed order.

Knows matrices of partial sums and how a number is passed whole; no norm of its own. A gradient of
a weight is summed in pieces, one row of a buffer each, and the rows are added by one launch.
"""

from __future__ import annotations

import struct
from typing import Any

import triton
import triton.language as tl

from ...checks.cases import kernel
from ...launching.arrays import cdiv, empty, next_power_of_2
from ...launching.launch import launch
from ...launching.policy import choose

TREE = "Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 4.2"


def halves(value: float) -> tuple[float, float]:
    """A number as the sum of two that fit float32, which is what a launch passes.

    >>> halves(0.5)
    (0.5, 0.0)
    """
    high = struct.unpack("f", struct.pack("f", value))[0]
    return high, value - high


def wide_dtype(dtype: str) -> str:
    """NumPy's name of the type that a Triton floating type is summed in.

    >>> wide_dtype("bf16"), wide_dtype("fp64")
    ('float32', 'float64')
    """
    return "float64" if dtype == "fp64" else "float32"


def side(n: int, low: int, high: int) -> int:
    """A tile's side for n elements: a power of two, at least `low` (few sizes compile), to `high`.

    >>> side(3, 16, 64), side(33, 16, 64), side(1000, 16, 64)
    (16, 64, 64)
    """
    return min(max(next_power_of_2(n), low), high)


@triton.constexpr_function
def wide_of(dtype: Any) -> Any:
    """The type that a floating type is computed in: fp64 for fp64, otherwise fp32."""
    return tl.float64 if dtype == tl.float64 else tl.float32


@kernel(source=TREE, hot=True)
@triton.jit
def add_rows_kernel(
    a_ptr, b_ptr, a_sum_ptr, b_sum_ptr, rows, columns,
    ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """a_sum, b_sum (columns,): sums over the rows of a and b (rows, columns), row-major.

    b and b_sum may be None. A lane adds every ROWS-th row, then the lanes are added as a tree.
    """
    column = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    row = tl.arange(0, ROWS).to(tl.int64)[:, None]
    a = tl.zeros([ROWS, BLOCK], a_ptr.dtype.element_ty)
    b = tl.zeros([ROWS, BLOCK], a_ptr.dtype.element_ty)
    for start in range(0, rows, ROWS):
        ok = (start + row < rows) & (column < columns)[None, :]
        at = (start + row) * columns + column[None, :]
        a += tl.load(a_ptr + at, mask=ok, other=0.0)
        if b_ptr is not None:
            b += tl.load(b_ptr + at, mask=ok, other=0.0)
    ok = column < columns
    tl.store(a_sum_ptr + column, tl.sum(a, axis=0).to(a_sum_ptr.dtype.element_ty), mask=ok)
    if b_ptr is not None:
        tl.store(b_sum_ptr + column, tl.sum(b, axis=0).to(b_sum_ptr.dtype.element_ty), mask=ok)


def add_rows(a: Any, b: Any | None, dtype: Any) -> tuple[Any, Any]:
    """(sums of a, sums of b) over the rows of two matrices (rows, columns), in `dtype`.

    a, b: row-major, fp32 or fp64; b may be None, and so is its sum then.
    """
    rows, columns = a.shape
    out = empty(a, (columns,), dtype)
    other = None if b is None else empty(a, (columns,), dtype)
    config = choose("norm_rows", n=rows)
    block = side(columns, 16, config.constants["BLOCK"])
    tall = side(rows, 8, config.constants["ELEMENTS"] // block)
    launch(
        add_rows_kernel, (cdiv(columns, block),), a, b, out, other, rows, columns,
        ROWS=tall, BLOCK=block, warps=config.warps, stages=config.stages,
    )  # fmt: skip
    return out, other
