"""Device functions that all matrix products share: tile order, inner loop, epilogue.

No kernel and no launcher stands here. A function receives pointers already moved to the batch
element and 64-bit row and column numbers; it knows nothing of batches, grids or tables.
"""

from __future__ import annotations

import triton
import triton.language as tl

# y = activate(z, ACTIVATION): the names a launcher accepts.
ACTIVATIONS = ("none", "relu", "gelu_tanh", "gelu", "silu", "sigmoid", "tanh")


@triton.jit
def wide_of(dtype: tl.constexpr):
    """The type in which products of `dtype` are added up: int32, float64 or float32."""
    if dtype == tl.int8:
        wide: tl.constexpr = tl.int32
    elif dtype == tl.float64:
        wide: tl.constexpr = tl.float64
    else:
        wide: tl.constexpr = tl.float32
    return wide


@triton.jit
def hyperbolic_tangent(x):
    """tanh(x): by exp, and by its Taylor series near 0 where that would cancel."""
    decay = tl.exp(-2.0 * tl.abs(x))
    far = (1.0 - decay) / (1.0 + decay)
    s = x * x
    near = 1.0 + s * (-1 / 3 + s * (2 / 15 + s * (-17 / 315 + s * (62 / 2835))))
    if x.dtype == tl.float64:
        y = tl.where(x < 0, -far, far)
    else:
        y = tl.where(s < 0.0625, x * near, tl.where(x < 0, -far, far))
    return y


@triton.jit
def logistic(x):
    """1 / (1 + exp(-x)) without overflow."""
    decay = tl.exp(-tl.abs(x))
    return tl.where(x < 0, decay, 1.0) / (1.0 + decay)


@triton.jit
def activate(x, ACTIVATION: tl.constexpr):
    """The activation called ACTIVATION, elementwise."""
    if ACTIVATION == "relu":
        x = tl.where(x <= 0, 0.0, x)  # keeps nan
    elif ACTIVATION == "gelu_tanh":
        x = 0.5 * x * (1.0 + hyperbolic_tangent(0.7978845608028654 * (x + 0.044715 * x * x * x)))
    elif ACTIVATION == "gelu":
        x = 0.5 * x * (1.0 + tl.erf(x * 0.7071067811865476))
    elif ACTIVATION == "silu":
        x = x * logistic(x)
    elif ACTIVATION == "sigmoid":
        x = logistic(x)
    elif ACTIVATION == "tanh":
        x = hyperbolic_tangent(x)
    return x


@triton.jit
def tile_place(tile, M, N, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, GROUP: tl.constexpr):
    """(row block, column block) of a tile: GROUP row blocks deep, column after column.

    Neighbouring programs so share rows of a and columns of b in the L2 cache.
    """
    down = tl.cdiv(M, BLOCK_M)
    band = GROUP * tl.cdiv(N, BLOCK_N)
    first = tile // band * GROUP
    depth = tl.minimum(down - first, GROUP)
    inside = tile % band
    return first + inside % depth, inside // depth


@triton.jit
def multiply(
    a_ptr, b_ptr, row, column, first, last, M, N, a_m, a_k, b_k, b_n,
    EVEN_K: tl.constexpr, PRECISION: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
    """a[row, first:last] @ b[first:last, column] in the wide type, one block of K after another.

    row (BLOCK_M,), column (BLOCK_N,): int64. EVEN_K: last - first is a multiple of BLOCK_K.
    """
    wide: tl.constexpr = wide_of(a_ptr.dtype.element_ty)
    at = tl.arange(0, BLOCK_K)
    k = first + at.to(tl.int64)
    a_at = a_ptr + row[:, None] * a_m + k[None, :] * a_k
    b_at = b_ptr + k[:, None] * b_k + column[None, :] * b_n
    a_step = tl.full([], BLOCK_K, tl.int64) * a_k
    b_step = tl.full([], BLOCK_K, tl.int64) * b_k
    acc = tl.zeros([BLOCK_M, BLOCK_N], wide)
    for start in range(first, last, BLOCK_K):
        if EVEN_K:
            a = tl.load(a_at, mask=row[:, None] < M, other=0)
            b = tl.load(b_at, mask=column[None, :] < N, other=0)
        else:
            left = last - start
            a = tl.load(a_at, mask=(row[:, None] < M) & (at[None, :] < left), other=0)
            b = tl.load(b_at, mask=(at[:, None] < left) & (column[None, :] < N), other=0)
        acc = tl.dot(a, b, acc, input_precision=PRECISION, out_dtype=wide)
        a_at += a_step
        b_at += b_step
    return acc


@triton.jit
def number(bits, wide: tl.constexpr):
    """The float64 whose bits are the integer `bits`, as `wide`: launches pass floats as fp32."""
    return tl.full([], bits, tl.int64).to(tl.float64, bitcast=True).to(wide)


@triton.jit
def finish(
    acc, bias_ptr, c_ptr, out_ptr, row, column, ok, alpha_bits, beta_bits, bias_m, bias_n,
    c_m, c_n, out_m, out_n, ACTIVATION: tl.constexpr,
):  # fmt: skip
    """out = activate(alpha acc + bias + beta c) at (row, column), where `ok`; None: no such term.

    int32 accumulators are stored as they are when there is nothing to add.
    """
    if acc.dtype == tl.int32:
        y = acc
    else:
        y = acc * number(alpha_bits, acc.dtype)
        if bias_ptr is not None:
            at = bias_ptr + row * bias_m + column * bias_n
            y += tl.load(at, mask=ok, other=0).to(y.dtype)
        if c_ptr is not None:
            at = c_ptr + row * c_m + column * c_n
            y += number(beta_bits, y.dtype) * tl.load(at, mask=ok, other=0).to(y.dtype)
        y = activate(y, ACTIVATION)
    tl.store(out_ptr + row * out_m + column * out_n, y.to(out_ptr.dtype.element_ty), mask=ok)
