"""Device functions that attention's forward and backward share: loads, scores, dropout.

No kernel and no launcher stands here. Scores are in units of log2, so that exp2 serves; a pair of
query and key that must not meet has the score minus infinity.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def place(program, blocks, heads, REVERSED: tl.constexpr):
    """(block, head, batch element) of a program; REVERSED starts the last block first.

    Under a causal mask the last query blocks have the most keys: begun first, they do not trail.
    """
    block = program % blocks
    if REVERSED:
        block = blocks - 1 - block
    rest = program // blocks
    return block, (rest % heads).to(tl.int64), (rest // heads).to(tl.int64)


@triton.jit
def extent(cu_ptr, batch, size):
    """(first row, number of rows) of a sequence: from its cumulated lengths, else (0, size)."""
    if cu_ptr is not None:
        # in bounds: lengths are cumulated over batch + 1 entries
        first = tl.load(cu_ptr + batch).to(tl.int64)
        # in bounds: as above
        count = (tl.load(cu_ptr + batch + 1).to(tl.int64) - first).to(tl.int32)
    else:
        first = batch * 0
        count = size
    return first, count


@triton.jit
def load_rows(
    ptr, row, limit, row_stride, column_stride, SIZE: tl.constexpr, BLOCK: tl.constexpr,
    ALIGNED: tl.constexpr,
):  # fmt: skip
    """Rows `row` (int64) of SIZE columns, 0 in rows past `limit` and in columns past SIZE.

    ALIGNED: every row begins at a multiple of 16 bytes, which strides alone may not show.
    """
    column = tl.arange(0, BLOCK)[None, :]
    at = ptr + row[:, None] * row_stride + column * column_stride
    if ALIGNED:
        at = tl.multiple_of(at, [1, 16])
    if SIZE == BLOCK:
        x = tl.load(at, mask=row[:, None] < limit, other=0.0)
    else:
        x = tl.load(at, mask=(row[:, None] < limit) & (column < SIZE), other=0.0)
    return x


@triton.jit
def load_whole(
    ptr, row, row_stride, column_stride, SIZE: tl.constexpr, BLOCK: tl.constexpr,
    ALIGNED: tl.constexpr,
):  # fmt: skip
    """load_rows where the caller knows that all rows exist."""
    column = tl.arange(0, BLOCK)[None, :]
    at = ptr + row[:, None] * row_stride + column * column_stride
    if ALIGNED:
        at = tl.multiple_of(at, [1, 16])
    if SIZE == BLOCK:
        x = tl.load(at)  # in bounds: the caller's loop ends before the last partial block
    else:
        x = tl.load(at, mask=column < SIZE, other=0.0)
    return x


@triton.jit
def scores(
    products, row, key, queries, keys, shift, mask_ptr, mask_m, mask_n, scale,
    CAUSAL: tl.constexpr, EDGE: tl.constexpr,
):  # fmt: skip
    """Scaled products plus mask, in log2 units; row and key are shaped as products' two axes.

    mask: uint8 (0: these two must not meet) or a floating term to add. CAUSAL: key <= row + shift.
    EDGE: the tile may pass the last key or the causal line. scale holds the factor log2(e).
    """
    s = products * scale
    if mask_ptr is not None:
        at = mask_ptr + row.to(tl.int64) * mask_m + key.to(tl.int64) * mask_n
        m = tl.load(at, mask=(row < queries) & (key < keys), other=0)
        if mask_ptr.dtype.element_ty == tl.uint8:
            s = tl.where(m != 0, s, float("-inf"))
        else:
            s += m.to(tl.float32) * 1.4426950408889634
    if EDGE:
        s = tl.where(key < keys, s, float("-inf"))
        if CAUSAL:
            s = tl.where(key <= row + shift, s, float("-inf"))
    return s


@triton.jit
def kept(row_start, key, seed, offset, threshold):
    """Which elements dropout keeps: those whose random word reaches `threshold`.

    Element row_start (int64) + key of the stream (seed, offset) of `random`: word i % 4 of the
    Philox block i // 4.
    """
    element = row_start + key
    block = element >> 2
    high = tl.zeros([1, 1], tl.int64) + offset
    token = tl.zeros([1, 1], tl.int64) + seed
    w0, w1, w2, w3 = tl.philox_impl(
        block.to(tl.uint32), (block >> 32).to(tl.uint32), high.to(tl.uint32),
        (high >> 32).to(tl.uint32), token.to(tl.uint32), (token >> 32).to(tl.uint32),
    )  # fmt: skip
    lane = element & 3
    word = tl.where(lane < 2, tl.where(lane == 0, w0, w1), tl.where(lane == 2, w2, w3))
    return word.to(tl.int64) >= threshold
