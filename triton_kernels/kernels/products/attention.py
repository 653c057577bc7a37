"""Attention without the matrix of scores: keys pass by in blocks, the softmax is kept running.

The forward pass; `attention_backward` holds the gradients. Sequences of one length lie in
(B, H, L, D), sequences of many lengths behind one another in (T, H, D).
"""

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl

from ...checks.cases import kernel, op
from ...launching.arrays import cdiv, empty, next_power_of_2
from ...launching.launch import current, launch
from ...launching.policy import choose
from ...references.attention import (
    attention_cases,
    attention_reference,
    variable_cases,
    variable_reference,
)
from .attention_operands import Attention, dense, like_q, variable_length
from .attention_tile import extent, kept, load_rows, load_whole, place, scores

FLASH = "Dao, FlashAttention-2, arXiv:2307.08691, algorithm 1"


@triton.jit
def absorb(
    acc, top, total, q, k, v, row, key, queries, keys, shift, mask_ptr, mask_m, mask_n, scale,
    drop_row, threshold, seed, offset, CAUSAL: tl.constexpr, EDGE: tl.constexpr,
    DROPOUT: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """(acc, top, total) after one more block of keys: weighted values, peak and sum of weights."""
    s = tl.dot(q, tl.trans(k), input_precision=PRECISION)
    s = scores(
        s, row[:, None], key[None, :], queries, keys, shift, mask_ptr, mask_m, mask_n, scale,
        CAUSAL, EDGE,
    )  # fmt: skip
    peak = tl.maximum(top, tl.max(s, axis=1))
    safe = tl.where(peak == float("-inf"), 0.0, peak)  # no key yet: weights 0, not nan
    p = tl.exp2(s - safe[:, None])
    fade = tl.exp2(top - safe)
    total = total * fade + tl.sum(p, axis=1)
    if DROPOUT:
        p = tl.where(kept(drop_row[:, None], key[None, :], seed, offset, threshold), p, 0.0)
    acc = tl.dot(p.to(v.dtype), v, acc * fade[:, None], input_precision=PRECISION)
    return acc, peak, total


@kernel(source=FLASH, hot=True, wgmma=True)
@triton.jit
def attention_forward_kernel(
    q_ptr, k_ptr, v_ptr, mask_ptr, cu_q_ptr, cu_k_ptr, out_ptr, lse_ptr,
    queries, keys, heads, group, rows, q_batch, q_head, q_row, q_column,
    k_batch, k_head, k_row, k_column, v_batch, v_head, v_row, v_column,
    mask_batch, mask_head, mask_row, mask_column, scale, threshold, boost, seed, offset,
    out_batch, out_head, out_row, out_column, lse_batch, lse_head,
    CAUSAL: tl.constexpr, BOTTOM: tl.constexpr, DROPOUT: tl.constexpr, PRECISION: tl.constexpr,
    ALIGNED: tl.constexpr, SIZE: tl.constexpr, VALUE_SIZE: tl.constexpr,
    BLOCK_SIZE: tl.constexpr, BLOCK_VALUE: tl.constexpr, BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
):  # fmt: skip
    """out = softmax(scale q k' + mask) v, lse = log of the sum of exp, BLOCK_M rows a program.

    q (B, H, L, SIZE), k (B, Hkv, S, SIZE), v (B, Hkv, S, VALUE_SIZE), mask (B, H, L, S), lse
    (B, H, L) fp32; with cu pointers sequences of their own lengths. fp16, bf16 and fp32 added up
    in fp32. A row that sees no key gives 0, its lse minus infinity.
    """
    block, head, batch = place(tl.program_id(0), tl.cdiv(queries, BLOCK_M), heads, CAUSAL)
    first_q, length = extent(cu_q_ptr, batch, queries)
    first_k, width = extent(cu_k_ptr, batch, keys)
    first = block * BLOCK_M
    row = first + tl.arange(0, BLOCK_M)
    drop_row = ((batch * heads + head) * length + row.to(tl.int64)) * keys
    if cu_q_ptr is not None:
        drop_row = (head * rows + first_q + row.to(tl.int64)) * keys
    shift = width - length if BOTTOM else 0
    last = tl.where(first < length, width, 0)
    whole = last // BLOCK_N * BLOCK_N
    if CAUSAL:
        last = tl.minimum(last, tl.maximum(first + BLOCK_M + shift, 0))
        whole = tl.minimum(whole, tl.maximum(first + 1 + shift, 0) // BLOCK_N * BLOCK_N)
    q_at = q_ptr + batch * q_batch + head * q_head + first_q * q_row
    k_at = k_ptr + batch * k_batch + (head // group) * k_head + first_k * k_row
    v_at = v_ptr + batch * v_batch + (head // group) * v_head + first_k * v_row
    if mask_ptr is not None:
        mask_ptr += batch * mask_batch + head * mask_head
    q = load_rows(q_at, row.to(tl.int64), length, q_row, q_column, SIZE, BLOCK_SIZE, ALIGNED)
    acc = tl.zeros([BLOCK_M, BLOCK_VALUE], tl.float32)
    top = tl.full([BLOCK_M], float("-inf"), tl.float32)
    total = tl.zeros([BLOCK_M], tl.float32)
    factor = scale * 1.4426950408889634
    for start in range(0, whole, BLOCK_N):
        key = start + tl.arange(0, BLOCK_N)
        k = load_whole(k_at, key.to(tl.int64), k_row, k_column, SIZE, BLOCK_SIZE, ALIGNED)
        v = load_whole(v_at, key.to(tl.int64), v_row, v_column, VALUE_SIZE, BLOCK_VALUE, ALIGNED)
        acc, top, total = absorb(
            acc, top, total, q, k, v, row, key, length, width, shift, mask_ptr, mask_row,
            mask_column, factor, drop_row, threshold, seed, offset, CAUSAL, False, DROPOUT,
            PRECISION,
        )  # fmt: skip
    for start in range(whole, last, BLOCK_N):
        key = start + tl.arange(0, BLOCK_N)
        k = load_rows(k_at, key.to(tl.int64), width, k_row, k_column, SIZE, BLOCK_SIZE, ALIGNED)
        v = load_rows(
            v_at, key.to(tl.int64), width, v_row, v_column, VALUE_SIZE, BLOCK_VALUE, ALIGNED
        )
        acc, top, total = absorb(
            acc, top, total, q, k, v, row, key, length, width, shift, mask_ptr, mask_row,
            mask_column, factor, drop_row, threshold, seed, offset, CAUSAL, True, DROPOUT,
            PRECISION,
        )  # fmt: skip
    divisor = tl.where(total == 0, 1.0, total)
    lse = tl.where(total == 0, float("-inf"), top * 0.6931471805599453 + tl.log(divisor))
    out = acc / divisor[:, None]
    if DROPOUT:
        out *= boost
    ok = row < length
    lse_ptr += batch * lse_batch + head * lse_head + first_q
    tl.store(lse_ptr + row, lse, mask=ok)
    column = tl.arange(0, BLOCK_VALUE)[None, :]
    out_ptr += batch * out_batch + head * out_head + (first_q + row[:, None]) * out_row
    ok = ok[:, None] & (column < VALUE_SIZE)
    tl.store(out_ptr + column * out_column, out.to(out_ptr.dtype.element_ty), mask=ok)


def _run(a: Attention) -> tuple[Any, Any]:
    """(out, lse) of one call."""
    out, lse = like_q(a), empty(a.q, a.row_shape(), "float32")
    if a.queries == 0 or a.batch == 0:
        return out, lse
    shared = a.constants()
    config = choose("attention", arch=current().policy.arch, **a.facts())
    block_m = min(config.constants["BLOCK_M"], max(
        next_power_of_2(a.queries), config.constants["LEAST"]))  # fmt: skip
    block_n = min(config.constants["BLOCK_N"], max(next_power_of_2(a.keys), 16))
    launch(
        attention_forward_kernel, (cdiv(a.queries, block_m) * a.heads * a.batch,), *a.pointers(),
        out, lse, *a.numbers(), *a.place(out), *a.row_strides(), **shared, BLOCK_M=block_m,
        BLOCK_N=block_n, warps=config.warps, stages=config.stages,
    )  # fmt: skip
    return out, lse


@op(reference=attention_reference, cases=attention_cases)
def attention(
    q: Any, k: Any, v: Any, mask: Any = None, causal: bool = False, scale: float | None = None,
    bottom: bool = False, dropout: float = 0.0, seed: int = 0, offset: int = 0, tf32: bool = False,
) -> tuple[Any, Any]:  # fmt: skip
    """(softmax(scale q k' + mask) v, logsumexp of its scores) without the matrix of scores.

    q (B, H, L, D), k (B, Hkv, S, D), v (B, Hkv, S, E) -> (B, H, L, E) laid out as q, and (B, H, L)
    fp32. D, E up to 256; H a multiple of Hkv; fp16, bf16, fp32. mask: bool (False hides) or a
    floating term, broadcast to (B, H, L, S). causal: row i sees keys up to i; with `bottom` up to
    i + S - L. scale: 1 / sqrt(D) unless given. dropout: weight i is dropped as `random.dropout`
    drops element i of (B, H, L, S). A row that sees no key gives 0 and minus infinity.
    """
    given = dense(
        "attention", q, k, v, mask, causal, scale, bottom, dropout, seed, offset, tf32
    )  # fmt: skip
    return _run(given)


@op(reference=variable_reference, cases=variable_cases)
def attention_variable(
    q: Any, k: Any, v: Any, cu_q: Any, cu_k: Any, queries: int, keys: int, causal: bool = False,
    scale: float | None = None, bottom: bool = False, dropout: float = 0.0, seed: int = 0,
    offset: int = 0, tf32: bool = False,
) -> tuple[Any, Any]:  # fmt: skip
    """`attention` of sequences behind one another: q (T, H, D), k (U, Hkv, D), v (U, Hkv, E).

    Sequence i has queries cu_q[i]:cu_q[i + 1] and keys cu_k[i]:cu_k[i + 1]; both lists, (B + 1,)
    int32 or int64, begin with 0 and end with T and U. queries, keys: the longest lengths. Gives
    (T, H, E) and lse (H, T). Dropout takes the words of elements (head, row of T, key) of an
    (H, T, keys) array.
    """
    given = variable_length(
        "attention_variable", q, k, v, cu_q, cu_k, queries, keys, causal, scale, bottom, dropout,
        seed, offset, tf32,
    )  # fmt: skip
    return _run(given)
