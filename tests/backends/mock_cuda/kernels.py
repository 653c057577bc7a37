"""Kernels that the launch tests compile."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def add_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    ok = at < n
    x = tl.load(x_ptr + at, mask=ok)
    y = tl.load(y_ptr + at, mask=ok)
    tl.store(out_ptr + at, x + y, mask=ok)


@triton.jit
def numbers_kernel(out_ptr, small, large, huge, negative, real, flag, one, absent,
                   SCALE: tl.constexpr):  # fmt: skip
    total = (small + large + negative + one).to(tl.float32)
    if absent is not None:
        total += 1.0
    if flag:
        total += huge.to(tl.float32)
    tl.store(out_ptr, real * SCALE + total)


@triton.jit
def twice(x):
    return x + x


@triton.jit
def calling_kernel(x_ptr, BLOCK: tl.constexpr):
    at = tl.arange(0, BLOCK)
    tl.store(x_ptr + at, twice(tl.load(x_ptr + at)))


@triton.jit
def matmul_kernel(a_ptr, b_ptr, c_ptr, m, n, k, a_m, a_k, b_k, b_n, c_m, c_n,
                  M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):  # fmt: skip
    row = tl.program_id(0) * M + tl.arange(0, M)[:, None]
    column = tl.program_id(1) * N + tl.arange(0, N)[None, :]
    total = tl.zeros([M, N], tl.float32)
    for start in range(0, k, K):
        over = start + tl.arange(0, K)
        a = tl.load(a_ptr + row * a_m + over[None, :] * a_k,
                    mask=(row < m) & (over[None, :] < k), other=0.0)  # fmt: skip
        b = tl.load(b_ptr + over[:, None] * b_k + column * b_n,
                    mask=(over[:, None] < k) & (column < n), other=0.0)  # fmt: skip
        total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(c_ptr + row * c_m + column * c_n, total, mask=(row < m) & (column < n))


@triton.jit
def descriptor_kernel(x_ptr, out_ptr, rows, columns, BLOCK: tl.constexpr):
    """Makes a tensor descriptor on the device, which asks for scratch memory."""
    x = tl.make_tensor_descriptor(x_ptr, [rows, columns], [columns, 1], [BLOCK, BLOCK])
    out = tl.make_tensor_descriptor(out_ptr, [rows, columns], [columns, 1], [BLOCK, BLOCK])
    out.store([0, 0], x.load([0, 0]))


@triton.jit
def broken_kernel(x_ptr, BLOCK: tl.constexpr):
    tl.store(x_ptr + tl.arange(0, BLOCK), nowhere)  # noqa: F821


@triton.jit
def greedy_kernel(a_ptr, b_ptr, c_ptr, B: tl.constexpr):
    """Keeps tiles of B x B in shared memory: too many bytes for a small GPU."""
    at = tl.arange(0, B)
    tile = at[:, None] * B + at[None, :]
    total = tl.dot(tl.load(a_ptr + tile), tl.load(b_ptr + tile), input_precision="tf32")
    tl.store(c_ptr + tile, total)


@triton.jit
def index_kernel(index_ptr, flag_ptr, n, BLOCK: tl.constexpr):
    at = tl.arange(0, BLOCK)
    index = tl.load(index_ptr + at)
    tl.store(flag_ptr + at, index >= n)
