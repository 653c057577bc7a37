"""Products of a matrix and a vector: a reduction over rows, bound by memory, without tl.dot.

A matrix whose rows lie across memory (a vector times a row-major matrix) takes tall blocks, so
that neighbouring threads read neighbouring addresses. Few rows are cut in pieces, which
`matmul_split` adds.
"""

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl

from ...checks.cases import kernel, op
from ...launching.arrays import cdiv, next_power_of_2
from ...launching.launch import launch
from ...launching.policy import choose
from ...references.matmul import SUMS, matvec_cases, matvec_reference
from . import matmul_split
from .matmul_operands import Product, products
from .matmul_tile import finish, wide_of

GEMV = "BLAS documentation, GEMV: y = alpha A x + beta y"


@kernel(source=GEMV, hot=True)
@triton.jit
def matvec_kernel(
    a_ptr, b_ptr, bias_ptr, c_ptr, out_ptr, M, K, inner, length,
    a_outer, a_inner, a_m, a_k, b_outer, b_inner, b_k, alpha_bits, beta_bits, bias_m, bias_n,
    c_outer, c_inner, c_m, c_n, out_outer, out_inner, out_m, out_n,
    ACTIVATION: tl.constexpr, PIECES: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """out (M,) = activate(alpha a b + bias + beta c): a (M, K), b (K,), two batch axes.

    PIECES > 1: out is the buffer (batch, M, PIECES) and takes the plain sums of `length` columns
    each. fp16, bf16, fp32 added up in fp32, fp64 in fp64,
    int8 in int32.
    """
    wide: tl.constexpr = wide_of(a_ptr.dtype.element_ty)
    bands = tl.cdiv(M, ROWS)
    piece = tl.program_id(0) % PIECES
    band = tl.program_id(0) // PIECES
    matrix = band // bands
    row = (band % bands).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    outside, inside = (matrix // inner).to(tl.int64), (matrix % inner).to(tl.int64)
    a_ptr += outside * a_outer + inside * a_inner + row[:, None] * a_m
    b_ptr += outside * b_outer + inside * b_inner
    first = piece * length
    last = tl.minimum(first + length, K)
    sums = tl.zeros([ROWS, BLOCK], wide)
    for start in range(first, last, BLOCK):
        k = start + tl.arange(0, BLOCK).to(tl.int64)
        inside_row = (row[:, None] < M) & (k[None, :] < last)
        a = tl.load(a_ptr + k[None, :] * a_k, mask=inside_row, other=0).to(wide)
        b = tl.load(b_ptr + k * b_k, mask=k < last, other=0).to(wide)
        sums += a * b[None, :]
    total = tl.sum(sums, axis=1)
    if PIECES > 1:
        place = (matrix.to(tl.int64) * M + row) * PIECES + piece
        tl.store(out_ptr + place, total, mask=row < M)
    else:
        if c_ptr is not None:
            c_ptr += outside * c_outer + inside * c_inner
        out_ptr += outside * out_outer + inside * out_inner
        finish(
            total, bias_ptr, c_ptr, out_ptr, row, 0, row < M, alpha_bits, beta_bits, bias_m,
            bias_n, c_m, c_n, out_m, out_n, ACTIVATION,
        )  # fmt: skip


def run(p: Product) -> None:
    """Start the launches of a product whose b has one column."""
    along = "rows" if abs(p.a_strides[2]) < abs(p.a_strides[3]) else "columns"
    config = choose("matvec", along=along, k=p.k, rows=p.m * p.batch)
    block = min(config.constants["BLOCK"], next_power_of_2(p.k))
    rows = min(config.constants["ROWS"], next_power_of_2(p.m))
    pieces = config.constants["PIECES"]
    length = cdiv(p.k, pieces * block) * block
    out = p.out if pieces == 1 else matmul_split.partials(p, pieces)
    launch(
        matvec_kernel, (cdiv(p.m, rows) * p.batch * pieces,), p.a, p.b, p.bias, p.c, out, p.m, p.k,
        p.inner, length, *p.a_strides, *p.b_strides[:3], *p.epilogue(), ACTIVATION=p.activation,
        PIECES=pieces, ROWS=rows, BLOCK=block, warps=config.warps, stages=config.stages,
    )  # fmt: skip
    if pieces > 1:
        matmul_split.run_finish(p, out, pieces)


@op(reference=matvec_reference, cases=matvec_cases, ulps=SUMS)
def matvec(
    a: Any, x: Any, c: Any = None, alpha: float = 1.0, beta: float = 1.0, activation: str = "none"
) -> Any:
    """activate(alpha a x + beta c): a (..., M, K), x (..., K), c (..., M) -> (..., M).

    Batch axes broadcast. Dtypes and errors as `matmul`.
    """
    if x.ndim < 1 or a.ndim < 2:
        raise ValueError(f"matvec: expected (..., M, K) and (..., K), got {a.shape}, {x.shape}")
    column = None if c is None else c[..., None]
    out, parts = products("matvec", a, x[..., None], None, column, alpha, beta, activation, False)
    for part in parts:
        run(part)
    return out[..., 0]
