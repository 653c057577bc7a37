"""Matrix products, batched and with epilogues: one tile of the result a program.

Few tiles and a long inner axis go to `matmul_split`, a single row or column to `matvec`; large
half-precision products on Hopper run on a persistent grid. Which, and with what blocks, is read
from tables by shape alone.
"""

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl

from ...checks.cases import kernel, op
from ...launching.arrays import cdiv
from ...launching.launch import current, launch
from ...launching.policy import Config, choose
from ...references.matmul import SUMS, matmul_cases, matmul_reference
from . import matmul_split, matvec
from .matmul_operands import Product, products
from .matmul_tile import finish, multiply, tile_place

TILED = "Triton documentation, Matrix Multiplication tutorial (tiles in groups for the L2 cache)"
PERSISTENT = "Triton documentation, Persistent Matmul tutorial"


@triton.jit
def matmul_tile(
    a_ptr, b_ptr, bias_ptr, c_ptr, out_ptr, tile, matrix, M, N, K, inner,
    a_outer, a_inner, a_m, a_k, b_outer, b_inner, b_k, b_n, alpha_bits, beta_bits, bias_m, bias_n,
    c_outer, c_inner, c_m, c_n, out_outer, out_inner, out_m, out_n,
    ACTIVATION: tl.constexpr, PRECISION: tl.constexpr, EVEN_K: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
):  # fmt: skip
    """One tile of matrix `matrix` of the batch, from loads to store."""
    down, across = tile_place(tile, M, N, BLOCK_M, BLOCK_N, GROUP)
    row = down.to(tl.int64) * BLOCK_M + tl.arange(0, BLOCK_M)
    column = across.to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)
    first, second = (matrix // inner).to(tl.int64), (matrix % inner).to(tl.int64)
    acc = multiply(
        a_ptr + first * a_outer + second * a_inner, b_ptr + first * b_outer + second * b_inner,
        row, column, 0, K, M, N, a_m, a_k, b_k, b_n, EVEN_K, PRECISION, BLOCK_M, BLOCK_N, BLOCK_K,
    )  # fmt: skip
    ok = (row[:, None] < M) & (column[None, :] < N)
    if c_ptr is not None:
        c_ptr += first * c_outer + second * c_inner
    out_ptr += first * out_outer + second * out_inner
    finish(
        acc, bias_ptr, c_ptr, out_ptr, row[:, None], column[None, :], ok, alpha_bits, beta_bits,
        bias_m, bias_n, c_m, c_n, out_m, out_n, ACTIVATION,
    )  # fmt: skip


@kernel(source=TILED, hot=True)
@triton.jit
def matmul_kernel(
    a_ptr, b_ptr, bias_ptr, c_ptr, out_ptr, M, N, K, inner,
    a_outer, a_inner, a_m, a_k, b_outer, b_inner, b_k, b_n, alpha_bits, beta_bits, bias_m, bias_n,
    c_outer, c_inner, c_m, c_n, out_outer, out_inner, out_m, out_n,
    ACTIVATION: tl.constexpr, PRECISION: tl.constexpr, EVEN_K: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
):  # fmt: skip
    """out = activate(alpha a b + bias + beta c): a (M, K), b (K, N), bias (N,), c and out (M, N).

    Any strides, two batch axes; fp16, bf16, fp32 added up in fp32, fp64 in fp64, int8 in int32.
    """
    tiles = tl.cdiv(M, BLOCK_M) * tl.cdiv(N, BLOCK_N)
    at = tl.program_id(0)
    matmul_tile(
        a_ptr, b_ptr, bias_ptr, c_ptr, out_ptr, at % tiles, at // tiles, M, N, K, inner,
        a_outer, a_inner, a_m, a_k, b_outer, b_inner, b_k, b_n, alpha_bits, beta_bits, bias_m,
        bias_n, c_outer, c_inner, c_m, c_n, out_outer, out_inner, out_m, out_n,
        ACTIVATION, PRECISION, EVEN_K, BLOCK_M, BLOCK_N, BLOCK_K, GROUP,
    )  # fmt: skip


@kernel(source=PERSISTENT, hot=True, wgmma=True)
@triton.jit
def matmul_persistent_kernel(
    a_ptr, b_ptr, bias_ptr, c_ptr, out_ptr, batch, M, N, K, inner,
    a_outer, a_inner, a_m, a_k, b_outer, b_inner, b_k, b_n, alpha_bits, beta_bits, bias_m, bias_n,
    c_outer, c_inner, c_m, c_n, out_outer, out_inner, out_m, out_n,
    ACTIVATION: tl.constexpr, PRECISION: tl.constexpr, EVEN_K: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
):  # fmt: skip
    """matmul_kernel with a fixed number of programs, each of which makes many tiles in turn."""
    tiles = tl.cdiv(M, BLOCK_M) * tl.cdiv(N, BLOCK_N)
    for at in range(tl.program_id(0), tiles * batch, tl.num_programs(0)):
        matmul_tile(
            a_ptr, b_ptr, bias_ptr, c_ptr, out_ptr, at % tiles, at // tiles, M, N, K, inner,
            a_outer, a_inner, a_m, a_k, b_outer, b_inner, b_k, b_n, alpha_bits, beta_bits, bias_m,
            bias_n, c_outer, c_inner, c_m, c_n, out_outer, out_inner, out_m, out_n,
            ACTIVATION, PRECISION, EVEN_K, BLOCK_M, BLOCK_N, BLOCK_K, GROUP,
        )  # fmt: skip


@op(reference=matmul_reference, cases=matmul_cases, ulps=SUMS)
def matmul(
    a: Any, b: Any, bias: Any = None, c: Any = None, alpha: float = 1.0, beta: float = 1.0,
    activation: str = "none", tf32: bool = False,
) -> Any:  # fmt: skip
    """activate(alpha a b + bias + beta c): a (..., M, K), b (..., K, N) -> (..., M, N).

    Batch axes broadcast; operands have any strides, so a transpose costs nothing. bias (N,);
    c broadcasts to the result. activation: none, relu, gelu (by erf), gelu_tanh, silu, sigmoid,
    tanh. fp16, bf16, fp32 and fp64 give their own dtype, int8 gives int32 (without an epilogue).
    tf32: fp32 inputs may be rounded to TF32. Raises TypeError for dtypes that differ or have no
    product, ValueError for shapes that do not fit.
    """
    out, parts = products("matmul", a, b, bias, c, alpha, beta, activation, tf32)
    for part in parts:
        _run(part)
    return out


def _run(p: Product) -> None:
    if p.n == 1 or p.m == 1:
        matvec.run(p if p.n == 1 else p.flipped())
        return
    plain = p.k % 64 == 0 and p.c is None and p.activation in ("none", "relu")
    even = not any(s % 16 for s in (p.m, p.n, p.k, *p.a_strides, *p.b_strides) if s != 1)
    config = choose(
        "matmul", arch=current().policy.arch, kind=p.kind, k=p.k, plain=int(plain), even=int(even),
        tiles=cdiv(p.m, 128) * cdiv(p.n, 128) * p.batch, short=min(p.m, p.n),
    )  # fmt: skip
    if config.constants["PIECES"] > 1:
        matmul_split.run(p, config)
    else:
        _run_tiles(p, config)


def _run_tiles(p: Product, config: Config) -> None:
    programs = config.constants["PROGRAMS"]
    blocks = matmul_split.blocks(p, config)
    work = cdiv(p.m, blocks["BLOCK_M"]) * cdiv(p.n, blocks["BLOCK_N"]) * p.batch
    settings = {
        **blocks, "ACTIVATION": p.activation, "PRECISION": p.precision,
        "EVEN_K": p.k % blocks["BLOCK_K"] == 0, "warps": config.warps, "stages": config.stages,
    }  # fmt: skip
    pointers = (p.a, p.b, p.bias, p.c, p.out)
    numbers = (p.m, p.n, p.k, p.inner, *p.a_strides, *p.b_strides)
    if programs:
        launch(
            matmul_persistent_kernel, (min(programs, work),), *pointers, p.batch, *numbers,
            *p.epilogue(), **settings,
        )  # fmt: skip
    else:
        launch(matmul_kernel, (work,), *pointers, *numbers, *p.epilogue(), **settings)
