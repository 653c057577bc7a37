"""Small kernels, right and wrong, that the tests of the checks run."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def copy_kernel(x_ptr, y_ptr, n, EXTRA: tl.constexpr, BLOCK: tl.constexpr):
    """y = x over n elements; EXTRA lanes past the end are not masked."""
    at = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + at, mask=at < n + EXTRA, other=0.0)
    tl.store(y_ptr + at, x, mask=at < n)


@triton.jit
def _doubled(x):
    """x and x."""
    return x + x


@triton.jit
def branch_kernel(x_ptr, y_ptr, n, TWICE: tl.constexpr, BLOCK: tl.constexpr):
    """y = x + 1, or TWICE: 2 x."""
    at = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + at, mask=at < n)
    if TWICE:
        x = _doubled(x)
    else:
        x += 1
    tl.store(y_ptr + at, x, mask=at < n)


@triton.jit
def half_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
    """out = x y + 1 in the arrays' own type, and in its own rounding."""
    at = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + at, mask=at < n)
    y = tl.load(y_ptr + at, mask=at < n)
    tl.store(out_ptr + at, x * y + 1.0, mask=at < n)


@triton.jit
def dot_kernel(x_ptr, y_ptr, out_ptr, PRECISION: tl.constexpr, BLOCK: tl.constexpr):
    """out = x y for (BLOCK, BLOCK) matrices."""
    at = tl.arange(0, BLOCK)[:, None] * BLOCK + tl.arange(0, BLOCK)[None, :]
    x = tl.load(x_ptr + at)  # in bounds: the arrays have BLOCK * BLOCK elements
    y = tl.load(y_ptr + at)  # in bounds: the arrays have BLOCK * BLOCK elements
    out = tl.dot(x, y, input_precision=PRECISION)
    tl.store(out_ptr + at, out)  # in bounds: the arrays have BLOCK * BLOCK elements


@triton.jit
def _largest(a, b):
    """The larger of two."""
    return tl.where(a > b, a, b)


@triton.jit
def fold_kernel(x_ptr, out_ptr, scan_ptr, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    """Row maxima and running maxima of x (ROWS, BLOCK), by a user's combining function."""
    row, at = tl.arange(0, ROWS), tl.arange(0, BLOCK)
    spot = row[:, None] * BLOCK + at[None, :]
    x = tl.load(x_ptr + spot)  # in bounds: ROWS * BLOCK elements
    tl.store(out_ptr + row, tl.reduce(x, 1, _largest))  # in bounds: ROWS elements
    tl.store(scan_ptr + spot, tl.associative_scan(x, 1, _largest))  # in bounds: ROWS * BLOCK


@triton.jit
def careless_kernel(x_ptr, total_ptr, n, BLOCK: tl.constexpr):
    at = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + at)
    tl.atomic_add(total_ptr, tl.sum(x))
