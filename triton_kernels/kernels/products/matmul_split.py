"""Matrix products with few tiles and a long inner axis: pieces of K side by side, then added.

The first launch writes each piece's sum to a buffer, the second adds the pieces pairwise, always
in the same tree, and applies the epilogue. The number of pieces comes from the table, not from
the machine, so bits do not depend on it.
"""

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl

from ...checks.cases import kernel, op
from ...launching.arrays import cdiv, empty, next_power_of_2
from ...launching.launch import current, launch
from ...launching.policy import Config, choose
from ...references.matmul import SUMS, matmul_reference, split_cases
from .matmul_operands import Product, products
from .matmul_tile import finish, multiply, tile_place

SPLIT = "Osama et al., Stream-K (section on fixed-split decomposition), arXiv:2301.03598"


@kernel(source=SPLIT, hot=True)
@triton.jit
def matmul_pieces_kernel(
    a_ptr, b_ptr, partial_ptr, M, N, K, inner, length,
    a_outer, a_inner, a_m, a_k, b_outer, b_inner, b_k, b_n,
    PIECES: tl.constexpr, PRECISION: tl.constexpr, EVEN_K: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
):  # fmt: skip
    """partial (batch, M, N, PIECES) = products of `length` columns of a with as many rows of b.

    fp16, bf16, fp32 added up in fp32, fp64 in fp64, int8 in int32. A piece past K is 0.
    """
    tiles = tl.cdiv(M, BLOCK_M) * tl.cdiv(N, BLOCK_N)
    piece = tl.program_id(0) % PIECES
    tile = tl.program_id(0) // PIECES
    matrix = tile // tiles
    down, across = tile_place(tile % tiles, M, N, BLOCK_M, BLOCK_N, GROUP)
    row = down.to(tl.int64) * BLOCK_M + tl.arange(0, BLOCK_M)
    column = across.to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)
    outside, inside = (matrix // inner).to(tl.int64), (matrix % inner).to(tl.int64)
    first = piece * length
    last = tl.minimum(first + length, K)
    acc = multiply(
        a_ptr + outside * a_outer + inside * a_inner, b_ptr + outside * b_outer + inside * b_inner,
        row, column, first, last, M, N, a_m, a_k, b_k, b_n, EVEN_K, PRECISION,
        BLOCK_M, BLOCK_N, BLOCK_K,
    )  # fmt: skip
    place = (matrix.to(tl.int64) * M + row[:, None]) * N + column[None, :]
    ok = (row[:, None] < M) & (column[None, :] < N)
    tl.store(partial_ptr + place * PIECES + piece, acc, mask=ok)


@triton.jit
def add_pieces(x, PIECES: tl.constexpr, BLOCK: tl.constexpr):
    """Row sums of x (BLOCK, PIECES) by one fixed tree, whatever the layout: halves added."""
    for level in tl.static_range(PIECES.bit_length() - 1):
        x = tl.sum(tl.reshape(x, [BLOCK, PIECES >> (level + 1), 2]), axis=2)
    return tl.reshape(x, [BLOCK])


@kernel(source=SPLIT, hot=True)
@triton.jit
def matmul_finish_kernel(
    partial_ptr, bias_ptr, c_ptr, out_ptr, count, M, N, inner, alpha_bits, beta_bits, bias_m,
    bias_n, c_outer, c_inner, c_m, c_n, out_outer, out_inner, out_m, out_n,
    ACTIVATION: tl.constexpr, PIECES: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """out = activate(alpha (sum of partial over PIECES) + bias + beta c), `count` = batch M N."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    ok = at < count
    piece = tl.arange(0, PIECES)
    x = tl.load(partial_ptr + at[:, None] * PIECES + piece[None, :], mask=ok[:, None], other=0)
    acc = add_pieces(x, PIECES, BLOCK)
    matrix, row, column = at // N // M, at // N % M, at % N
    outside, inside = matrix // inner, matrix % inner
    if c_ptr is not None:
        c_ptr += outside * c_outer + inside * c_inner
    out_ptr += outside * out_outer + inside * out_inner
    finish(
        acc, bias_ptr, c_ptr, out_ptr, row, column, ok, alpha_bits, beta_bits, bias_m, bias_n,
        c_m, c_n, out_m, out_n, ACTIVATION,
    )  # fmt: skip


def blocks(p: Product, config: Config) -> dict[str, int]:
    """The block sizes of a configuration, no larger than the product needs (16 at least).

    `LEAST` keeps the rows that Hopper's warp-group products want.
    """
    sizes = {"BLOCK_M": p.m, "BLOCK_N": p.n, "BLOCK_K": p.k}
    least = {"BLOCK_M": config.constants["LEAST"], "BLOCK_N": 16, "BLOCK_K": 16}
    if p.kind == "i8":
        least = {name: max(size, 32) for name, size in least.items()}
    found = {
        name: min(config.constants[name], max(next_power_of_2(size), least[name]))
        for name, size in sizes.items()
    }
    return {**found, "GROUP": config.constants["GROUP"]}


def run(p: Product, config: Config) -> None:
    """Start the two launches of one product."""
    pieces, sizes = config.constants["PIECES"], blocks(p, config)
    step = sizes["BLOCK_K"]
    length = cdiv(p.k, pieces * step) * step
    partial = partials(p, pieces)
    tiles = cdiv(p.m, sizes["BLOCK_M"]) * cdiv(p.n, sizes["BLOCK_N"]) * p.batch
    launch(
        matmul_pieces_kernel, (tiles * pieces,), p.a, p.b, partial, p.m, p.n, p.k, p.inner, length,
        *p.a_strides, *p.b_strides, PIECES=pieces, PRECISION=p.precision,
        EVEN_K=p.k % step == 0, **sizes, warps=config.warps, stages=config.stages,
    )  # fmt: skip
    run_finish(p, partial, pieces)


def partials(p: Product, pieces: int) -> Any:
    """The buffer between the launches: (batch, M, N, pieces) in the type of the sums."""
    wide = {"i8": "int32", "fp64": "float64"}.get(p.kind, "float32")
    return empty(p.out, (p.batch, p.m, p.n, pieces), wide)


def run_finish(p: Product, partial: Any, pieces: int) -> None:
    """Start the launch that adds the pieces and applies the epilogue."""
    config = choose("matmul_finish", pieces=pieces)
    count = p.batch * p.m * p.n
    block = min(config.constants["BLOCK"], next_power_of_2(count))
    launch(
        matmul_finish_kernel, (cdiv(count, block),), partial, p.bias, p.c, p.out, count, p.m, p.n,
        p.inner, *p.epilogue(), ACTIVATION=p.activation, PIECES=pieces, BLOCK=block,
        warps=config.warps, stages=config.stages,
    )  # fmt: skip


@op(reference=matmul_reference, cases=split_cases, ulps=SUMS)
def matmul_split(
    a: Any, b: Any, bias: Any = None, c: Any = None, alpha: float = 1.0, beta: float = 1.0,
    activation: str = "none", tf32: bool = False,
) -> Any:  # fmt: skip
    """`matmul`, its inner axis always cut in pieces: same arguments, result and errors."""
    out, parts = products("matmul_split", a, b, bias, c, alpha, beta, activation, tf32)
    for part in parts:
        config = choose("matmul_split", arch=current().policy.arch, kind=part.kind, k=part.k)
        run(part, config)
    return out
