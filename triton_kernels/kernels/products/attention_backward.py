"""Gradients of attention in q, k and v, without atomics and without the matrix of scores.

Weights are computed again from the forward's logsumexp. One launch gives the row sums of out
times its gradient, one goes over key blocks (dk, dv), one over query blocks (dq), so that each
result is added up by one program in one order.
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
    attention_backward_reference,
    backward_cases,
    variable_backward_cases,
    variable_backward_reference,
)
from .attention_operands import Attention, dense, placed, variable_length
from .attention_tile import extent, kept, load_rows, place, scores

FLASH = "Dao, FlashAttention-2, arXiv:2307.08691, algorithm 2"


@kernel(source=FLASH, hot=True)
@triton.jit
def attention_row_sums_kernel(
    g_ptr, out_ptr, sums_ptr, heads, rows, g_batch, g_head, g_row, g_column,
    out_batch, out_head, out_row, out_column, sums_batch, sums_head,
    SIZE: tl.constexpr, BLOCK_SIZE: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """sums (B, H, L) fp32 = sums of g out over columns; g, out (B, H, L, SIZE), any strides."""
    block, head, batch = place(tl.program_id(0), tl.cdiv(rows, ROWS), heads, False)
    row = block.to(tl.int64) * ROWS + tl.arange(0, ROWS)
    g_ptr += batch * g_batch + head * g_head
    out_ptr += batch * out_batch + head * out_head
    g = load_rows(g_ptr, row, rows, g_row, g_column, SIZE, BLOCK_SIZE, False).to(tl.float32)
    out = load_rows(out_ptr, row, rows, out_row, out_column, SIZE, BLOCK_SIZE, False).to(tl.float32)
    at = sums_ptr + batch * sums_batch + head * sums_head + row
    tl.store(at, tl.sum(g * out, axis=1), mask=row < rows)


@triton.jit
def load_statistics(lse_ptr, sums_ptr, row, queries):
    """(lse in log2 units, row sums) of rows; a row past the last adds nothing, its g being 0.

    A row that saw no key has lse minus infinity and scores of minus infinity: 0 takes its place.
    """
    lse = tl.load(lse_ptr + row, mask=row < queries, other=0.0)
    lse = tl.where(lse == float("-inf"), 0.0, lse) * 1.4426950408889634
    return lse, tl.load(sums_ptr + row, mask=row < queries, other=0.0)


@kernel(source=FLASH, hot=True)
@triton.jit
def attention_backward_keys_kernel(
    q_ptr, k_ptr, v_ptr, mask_ptr, cu_q_ptr, cu_k_ptr, g_ptr, lse_ptr, sums_ptr, dk_ptr, dv_ptr,
    queries, keys, heads, group, rows, q_batch, q_head, q_row, q_column,
    k_batch, k_head, k_row, k_column, v_batch, v_head, v_row, v_column,
    mask_batch, mask_head, mask_row, mask_column, scale, threshold, boost, seed, offset,
    g_batch, g_head, g_row, g_column, lse_batch, lse_head,
    dk_batch, dk_head, dk_row, dk_column, dv_batch, dv_head, dv_row, dv_column,
    CAUSAL: tl.constexpr, BOTTOM: tl.constexpr, DROPOUT: tl.constexpr, PRECISION: tl.constexpr,
    ALIGNED: tl.constexpr, SIZE: tl.constexpr, VALUE_SIZE: tl.constexpr,
    BLOCK_SIZE: tl.constexpr, BLOCK_VALUE: tl.constexpr, BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
):  # fmt: skip
    """dk and dv of BLOCK_N keys a program, over all query rows of all heads of their group.

    Arrays as in the forward kernel; g (B, H, L, VALUE_SIZE), lse and sums (B, H, L) fp32.
    """
    block, key_head, batch = place(
        tl.program_id(0), tl.cdiv(keys, BLOCK_N), heads // group, False
    )  # fmt: skip
    first_q, length = extent(cu_q_ptr, batch, queries)
    first_k, width = extent(cu_k_ptr, batch, keys)
    shift = width - length if BOTTOM else 0
    first = block * BLOCK_N
    key = first + tl.arange(0, BLOCK_N)
    begin = 0
    if CAUSAL:
        begin = tl.maximum(first - shift, 0) // BLOCK_M * BLOCK_M
    end = tl.where(first < width, length, 0)
    k_at = k_ptr + batch * k_batch + key_head * k_head + first_k * k_row
    v_at = v_ptr + batch * v_batch + key_head * v_head + first_k * v_row
    wide_key = key.to(tl.int64)
    k = load_rows(k_at, wide_key, width, k_row, k_column, SIZE, BLOCK_SIZE, ALIGNED)
    v = load_rows(v_at, wide_key, width, v_row, v_column, VALUE_SIZE, BLOCK_VALUE, ALIGNED)
    dk = tl.zeros([BLOCK_N, BLOCK_SIZE], tl.float32)
    dv = tl.zeros([BLOCK_N, BLOCK_VALUE], tl.float32)
    for member in range(0, group):
        head = key_head * group + member
        q_at = q_ptr + batch * q_batch + head * q_head + first_q * q_row
        g_at = g_ptr + batch * g_batch + head * g_head + first_q * g_row
        lse_at = lse_ptr + batch * lse_batch + head * lse_head + first_q
        sums_at = sums_ptr + batch * lse_batch + head * lse_head + first_q
        mask_at = mask_ptr
        if mask_ptr is not None:
            mask_at = mask_ptr + batch * mask_batch + head * mask_head
        for start in range(begin, end, BLOCK_M):
            row = start + tl.arange(0, BLOCK_M)
            q = load_rows(
                q_at, row.to(tl.int64), length, q_row, q_column, SIZE, BLOCK_SIZE, ALIGNED
            )
            g = load_rows(
                g_at, row.to(tl.int64), length, g_row, g_column, VALUE_SIZE, BLOCK_VALUE, ALIGNED
            )
            lse, sums = load_statistics(lse_at, sums_at, row, length)
            s = tl.dot(k, tl.trans(q), input_precision=PRECISION)
            s = scores(
                s, row[None, :], key[:, None], length, width, shift, mask_at, mask_row, mask_column,
                scale * 1.4426950408889634, CAUSAL, True,
            )  # fmt: skip
            p = tl.exp2(s - lse[None, :])
            dp = tl.dot(v, tl.trans(g), input_precision=PRECISION)
            spread = p
            if DROPOUT:
                drop_row = ((batch * heads + head) * length + row.to(tl.int64)) * keys
                if cu_q_ptr is not None:
                    drop_row = (head * rows + first_q + row.to(tl.int64)) * keys
                keep = kept(drop_row[None, :], key[:, None], seed, offset, threshold)
                spread = tl.where(keep, p * boost, 0.0)
                dp = tl.where(keep, dp * boost, 0.0)
            dv = tl.dot(spread.to(g.dtype), g, dv, input_precision=PRECISION)
            ds = p * (dp - sums[None, :])
            dk = tl.dot(ds.to(q.dtype), q, dk, input_precision=PRECISION)
    place_k = (first_k + wide_key[:, None]) * dk_row
    column = tl.arange(0, BLOCK_SIZE)[None, :]
    dk_ptr += batch * dk_batch + key_head * dk_head + place_k + column * dk_column
    ok = (key[:, None] < width) & (column < SIZE)
    tl.store(dk_ptr, (dk * scale).to(dk_ptr.dtype.element_ty), mask=ok)
    place_v = (first_k + wide_key[:, None]) * dv_row
    column = tl.arange(0, BLOCK_VALUE)[None, :]
    dv_ptr += batch * dv_batch + key_head * dv_head + place_v + column * dv_column
    ok = (key[:, None] < width) & (column < VALUE_SIZE)
    tl.store(dv_ptr, dv.to(dv_ptr.dtype.element_ty), mask=ok)


@kernel(source=FLASH, hot=True)
@triton.jit
def attention_backward_queries_kernel(
    q_ptr, k_ptr, v_ptr, mask_ptr, cu_q_ptr, cu_k_ptr, g_ptr, lse_ptr, sums_ptr, dq_ptr,
    queries, keys, heads, group, rows, q_batch, q_head, q_row, q_column,
    k_batch, k_head, k_row, k_column, v_batch, v_head, v_row, v_column,
    mask_batch, mask_head, mask_row, mask_column, scale, threshold, boost, seed, offset,
    g_batch, g_head, g_row, g_column, lse_batch, lse_head, dq_batch, dq_head, dq_row, dq_column,
    CAUSAL: tl.constexpr, BOTTOM: tl.constexpr, DROPOUT: tl.constexpr, PRECISION: tl.constexpr,
    ALIGNED: tl.constexpr, SIZE: tl.constexpr, VALUE_SIZE: tl.constexpr,
    BLOCK_SIZE: tl.constexpr, BLOCK_VALUE: tl.constexpr, BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
):  # fmt: skip
    """dq of BLOCK_M query rows a program, over all keys that they see; arrays as above."""
    block, head, batch = place(tl.program_id(0), tl.cdiv(queries, BLOCK_M), heads, CAUSAL)
    first_q, length = extent(cu_q_ptr, batch, queries)
    first_k, width = extent(cu_k_ptr, batch, keys)
    shift = width - length if BOTTOM else 0
    first = block * BLOCK_M
    row = first + tl.arange(0, BLOCK_M)
    wide_row = row.to(tl.int64)
    drop_row = ((batch * heads + head) * length + wide_row) * keys
    if cu_q_ptr is not None:
        drop_row = (head * rows + first_q + wide_row) * keys
    last = tl.where(first < length, width, 0)
    if CAUSAL:
        last = tl.minimum(last, tl.maximum(first + BLOCK_M + shift, 0))
    q_at = q_ptr + batch * q_batch + head * q_head + first_q * q_row
    g_at = g_ptr + batch * g_batch + head * g_head + first_q * g_row
    k_at = k_ptr + batch * k_batch + (head // group) * k_head + first_k * k_row
    v_at = v_ptr + batch * v_batch + (head // group) * v_head + first_k * v_row
    if mask_ptr is not None:
        mask_ptr += batch * mask_batch + head * mask_head
    statistics = batch * lse_batch + head * lse_head + first_q
    q = load_rows(q_at, wide_row, length, q_row, q_column, SIZE, BLOCK_SIZE, ALIGNED)
    g = load_rows(g_at, wide_row, length, g_row, g_column, VALUE_SIZE, BLOCK_VALUE, ALIGNED)
    lse, sums = load_statistics(lse_ptr + statistics, sums_ptr + statistics, row, length)
    dq = tl.zeros([BLOCK_M, BLOCK_SIZE], tl.float32)
    for start in range(0, last, BLOCK_N):
        key = start + tl.arange(0, BLOCK_N)
        k = load_rows(k_at, key.to(tl.int64), width, k_row, k_column, SIZE, BLOCK_SIZE, ALIGNED)
        v = load_rows(
            v_at, key.to(tl.int64), width, v_row, v_column, VALUE_SIZE, BLOCK_VALUE, ALIGNED
        )
        s = tl.dot(q, tl.trans(k), input_precision=PRECISION)
        s = scores(
            s, row[:, None], key[None, :], length, width, shift, mask_ptr, mask_row, mask_column,
            scale * 1.4426950408889634, CAUSAL, True,
        )  # fmt: skip
        p = tl.exp2(s - lse[:, None])
        dp = tl.dot(g, tl.trans(v), input_precision=PRECISION)
        if DROPOUT:
            keep = kept(drop_row[:, None], key[None, :], seed, offset, threshold)
            dp = tl.where(keep, dp * boost, 0.0)
        ds = p * (dp - sums[:, None])
        dq = tl.dot(ds.to(k.dtype), k, dq, input_precision=PRECISION)
    column = tl.arange(0, BLOCK_SIZE)[None, :]
    dq_ptr += batch * dq_batch + head * dq_head + (first_q + wide_row[:, None]) * dq_row
    ok = (row[:, None] < length) & (column < SIZE)
    tl.store(dq_ptr + column * dq_column, (dq * scale).to(dq_ptr.dtype.element_ty), mask=ok)


def _run(a: Attention, g: Any, out: Any, lse: Any) -> tuple[Any, Any, Any]:
    """(dq, dk, dv) of one call."""
    _check(a, g, out, lse)
    grads = [empty(x, x.shape) for x in (a.q, a.k, a.v)]
    if a.batch == 0 or a.q.size + a.k.size == 0:
        return tuple(grads)
    sums = _row_sums(a, g, out)
    shared = a.constants(g)
    config = choose("attention_backward", arch=current().policy.arch, **a.facts())
    settings = {"warps": config.warps, "stages": config.stages, **shared}
    size = config.constants
    block_m = min(size["KEYS_M"], max(next_power_of_2(a.queries), 16))
    block_n = min(size["KEYS_N"], max(next_power_of_2(a.keys), 16))
    given = (*a.pointers(), g, lse, sums)
    numbers = (*a.numbers(), *placed(g, a.variable), *a.row_strides())
    dq, dk, dv = grads
    launch(
        attention_backward_keys_kernel,
        (cdiv(a.keys, block_n) * (a.heads // a.group) * a.batch,), *given, dk, dv, *numbers,
        *a.place(dk), *a.place(dv), **settings, BLOCK_M=block_m, BLOCK_N=block_n,
    )  # fmt: skip
    block_m = min(size["QUERIES_M"], max(next_power_of_2(a.queries), 16))
    block_n = min(size["QUERIES_N"], max(next_power_of_2(a.keys), 16))
    launch(
        attention_backward_queries_kernel, (cdiv(a.queries, block_m) * a.heads * a.batch,), *given,
        dq, *numbers, *a.place(dq), **settings, BLOCK_M=block_m, BLOCK_N=block_n,
    )  # fmt: skip
    return dq, dk, dv


def _check(a: Attention, g: Any, out: Any, lse: Any) -> None:
    shape = (*a.q.shape[:-1], a.value_size)
    if g.shape != shape or out.shape != shape or lse.shape != a.row_shape():
        raise ValueError(
            f"attention_backward: expected g and out {shape} and lse {a.row_shape()}, got "
            f"{g.shape}, {out.shape}, {lse.shape}"
        )
    if g.dtype != a.q.dtype or out.dtype != a.q.dtype or lse.dtype.name != "float32":
        raise TypeError(
            f"attention_backward: expected g and out of {a.q.dtype} and lse of float32, got "
            f"{g.dtype}, {out.dtype}, {lse.dtype}"
        )
    if not lse.flags.c_contiguous:
        raise ValueError("attention_backward: expected a contiguous lse, as the forward gives it")


def _row_sums(a: Attention, g: Any, out: Any) -> Any:
    """Sums of g out over columns, laid out as lse."""
    sums = empty(a.q, a.row_shape(), "float32")
    block = max(16, next_power_of_2(a.value_size))
    config = choose("attention_row_sums")
    tall = max(1, min(config.constants["ELEMENTS"] // block, next_power_of_2(a.rows)))
    batch = 1 if a.variable else a.batch
    launch(
        attention_row_sums_kernel, (cdiv(a.rows, tall) * a.heads * batch,), g, out, sums, a.heads,
        a.rows, *placed(g, a.variable), *placed(out, a.variable), *a.row_strides(),
        SIZE=a.value_size, BLOCK_SIZE=block, ROWS=tall, warps=config.warps, stages=config.stages,
    )  # fmt: skip
    return sums


@op(reference=attention_backward_reference, cases=backward_cases)
def attention_backward(
    g: Any, q: Any, k: Any, v: Any, out: Any, lse: Any, mask: Any = None, causal: bool = False,
    scale: float | None = None, bottom: bool = False, dropout: float = 0.0, seed: int = 0,
    offset: int = 0, tf32: bool = False,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """(dq, dk, dv) of `attention`, from the gradient g of its result, the result and its lse.

    g and out (B, H, L, E) of q's dtype, lse (B, H, L) fp32; the rest as `attention` took it. A
    mask gets no gradient here.
    """
    given = dense(
        "attention_backward", q, k, v, mask, causal, scale, bottom, dropout, seed, offset, tf32
    )  # fmt: skip
    return _run(given, g, out, lse)


@op(reference=variable_backward_reference, cases=variable_backward_cases)
def attention_variable_backward(
    g: Any, q: Any, k: Any, v: Any, out: Any, lse: Any, cu_q: Any, cu_k: Any, queries: int,
    keys: int, causal: bool = False, scale: float | None = None, bottom: bool = False,
    dropout: float = 0.0, seed: int = 0, offset: int = 0, tf32: bool = False,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """(dq, dk, dv) of `attention_variable`: g and out (T, H, E), lse (H, T), the rest as it was."""
    given = variable_length(
        "attention_variable_backward", q, k, v, cu_q, cu_k, queries, keys, causal, scale, bottom,
        dropout, seed, offset, tf32,
    )  # fmt: skip
    return _run(given, g, out, lse)
