"""NumPy kernels of linear algebra that numpy.linalg lacks: LU, triangular solves, LDL, and what
failed where.

Arrays in, arrays out, batched over leading axes; no tensors. `info` follows LAPACK: 0 is success,
k the first pivot that is zero (LU) or minor that is not positive (Cholesky), counted from 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

BLOCK = 48


def _stacked(a: Any) -> Any:
    """All matrices along one leading axis."""
    return a.reshape(math.prod(a.shape[:-2]), *a.shape[-2:])


def hermitian_transpose(a: Any) -> Any:
    """Conjugate transpose of the last two axes."""
    return a.swapaxes(-1, -2).conj() if a.dtype.kind == "c" else a.swapaxes(-1, -2)


# --- LU ---


def lu_factor(a: Any) -> Any:
    """LU with partial pivoting in one array, the row exchanges (from 1) and info; blocked.

    Right-looking, Golub & Van Loan, Matrix Computations (2013), section 3.2.11.
    """
    m, n = a.shape[-2:]
    k = min(m, n)
    lu = np.array(_stacked(a))
    pivots = np.empty((len(lu), k), np.int32)
    for start in range(0, k, BLOCK):
        stop = min(start + BLOCK, k)
        _panel(lu, pivots, start, stop)
        if stop < n:
            solve_lower(lu[:, start:stop, start:stop], lu[:, start:stop, stop:])
            lu[:, stop:, stop:] -= lu[:, stop:, start:stop] @ lu[:, start:stop, stop:]
    shape = a.shape[:-2]
    return lu.reshape(a.shape), pivots.reshape(*shape, k), first_zero(lu).reshape(shape)


def _panel(lu: Any, pivots: Any, start: int, stop: int) -> None:
    """Factor the columns start..stop in place, exchanging whole rows."""
    batch = np.arange(len(lu))
    for j in range(start, stop):
        p = j + _size(lu[:, j:, j]).argmax(-1)
        pivots[:, j] = p + 1
        moved = p != j
        if moved.any():
            at, row = batch[moved], p[moved]
            lu[at, j], lu[at, row] = lu[at, row], lu[at, j]
        pivot = lu[:, j, j, None]
        lu[:, j + 1 :, j] /= np.where(pivot == 0, 1, pivot)
        lu[:, j + 1 :, j + 1 : stop] -= lu[:, j + 1 :, j, None] * lu[:, j, None, j + 1 : stop]


def _size(x: Any) -> Any:
    """What LAPACK compares: |re| + |im|."""
    return np.abs(x.real) + np.abs(x.imag) if x.dtype.kind == "c" else np.abs(x)


def first_zero(a: Any) -> Any:
    """Position, from 1, of the first zero on the diagonal; 0 if there is none."""
    zero = np.diagonal(a, axis1=-2, axis2=-1) == 0
    if not zero.shape[-1]:
        return np.zeros(zero.shape[:-1], np.int32)
    return np.where(zero.any(-1), zero.argmax(-1) + 1, 0).astype(np.int32)


def permutation(pivots: Any, m: int) -> Any:
    """The order of rows that a sequence of exchanges leaves."""
    k = pivots.shape[-1]
    flat = pivots.reshape(math.prod(pivots.shape[:-1]), k) - 1
    order = np.tile(np.arange(m), (len(flat), 1))
    batch = np.arange(len(flat))
    for j in range(k):
        p = flat[:, j]
        order[batch, j], order[batch, p] = order[batch, p], order[batch, j]
    return order.reshape(*pivots.shape[:-1], m)


def permutation_matrix(pivots: Any, *, m: int, dtype: Any) -> Any:
    """P of A = P L U."""
    order = permutation(pivots, m)
    return (np.arange(m)[:, None] == order[..., None, :]).astype(dtype)


# --- triangular systems ---


def solve_lower(a: Any, b: Any, unit: bool = True) -> None:
    """Overwrite b by a⁻¹ b, a lower triangular; blocked forward substitution."""
    n = a.shape[-1]
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        for i in range(start, stop):
            if i > start:
                left = a[..., i, None, start:i] @ b[..., start:i, :]
                b[..., i, :] -= left[..., 0, :]
            if not unit:
                b[..., i, :] /= a[..., i, i, None]
        if stop < n:
            b[..., stop:, :] -= a[..., stop:, start:stop] @ b[..., start:stop, :]


def solve_triangular(a: Any, b: Any, *, upper: bool, unit: bool) -> Any:
    """Solution of a x = b for triangular a, leading axes broadcast; no check for zeros."""
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    x = np.array(np.broadcast_to(b, (*lead, *b.shape[-2:])))
    if upper:  # reversing rows and columns makes it lower
        solve_lower(a[..., ::-1, ::-1], x[..., ::-1, :], unit)
    else:
        solve_lower(a, x, unit)
    return x


def lu_solve(lu: Any, pivots: Any, b: Any) -> Any:
    """Solution of A x = b from A's factors."""
    n = lu.shape[-1]
    lead = np.broadcast_shapes(lu.shape[:-2], b.shape[:-2])
    order = permutation(pivots, n)[..., None]
    b = np.broadcast_to(b, (*lead, *b.shape[-2:]))
    x = np.take_along_axis(b, np.broadcast_to(order, (*lead, n, 1)), -2)
    return solve_triangular(
        lu, solve_triangular(lu, x, upper=False, unit=True), upper=True, unit=False
    )


# --- solve and inverse, with info ---


def _singular(a: Any) -> Any:
    """Info of the LU factorization; only called after a failure."""
    return lu_factor(a)[2]


def solve(a: Any, b: Any) -> Any:
    """Solution of a x = b (matrices), and info by matrix of a."""
    lead = a.shape[:-2]
    try:
        return np.linalg.solve(a, b), np.zeros(lead, np.int32)
    except np.linalg.LinAlgError:
        lu, pivots, info = lu_factor(a)
        return lu_solve(lu, pivots, b), info


def inverse(a: Any) -> Any:
    """Inverse and info; the inverse of a singular matrix holds inf and nan."""
    try:
        return np.linalg.inv(a), np.zeros(a.shape[:-2], np.int32)
    except np.linalg.LinAlgError:
        lu, pivots, info = lu_factor(a)
        eye = np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape)
        return lu_solve(lu, pivots, eye), info


def cofactor(a: Any) -> Any:
    """The derivative of det: det(A) A⁻ᵀ, by the SVD so that singular matrices have it too."""
    finite = np.isfinite(a).all((-2, -1), keepdims=True)
    u, s, vh = np.linalg.svd(np.where(finite, a, 0))
    sign = np.linalg.det(u) * np.linalg.det(vh)
    scale = (sign[..., None] * _products_of_others(s)).astype(a.dtype)
    out = (u.conj() * scale[..., None, :]) @ vh.conj()
    return np.where(finite, out, a.dtype.type(np.nan))


def _products_of_others(s: Any) -> Any:
    """For each element of the last axis, the product of all others."""
    ones = np.ones_like(s[..., :1])
    before = np.cumprod(np.concatenate([ones, s[..., :-1]], -1), -1)
    after = np.cumprod(np.concatenate([ones, s[..., :0:-1]], -1), -1)[..., ::-1]
    return before * after


def cofactor_change(a: Any, d: Any) -> Any:
    """The derivative of `cofactor` along d; singular matrices have it too.

    With A = U S V and d = U D V it is U* E V* (conjugates) det(U) det(V), where with the products
    p[i, j] of all singular values but two, E[i, j] = -D[j, i] p[i, j] off the diagonal and
    E[i, i] = sum over k != i of D[k, k] p[i, k].
    """
    a, d = np.broadcast_arrays(a, d)
    finite = np.isfinite(a).all((-2, -1), keepdims=True)
    u, s, vh = np.linalg.svd(np.where(finite, a, 0))
    n = s.shape[-1]
    eye = np.eye(n, dtype=bool)
    but_two = _products_of_others(np.where(eye, 1, s[..., None, :]))
    but_two = np.where(eye, 0, but_two)
    turned = hermitian_transpose(u) @ d @ hermitian_transpose(vh)
    along = (but_two @ np.diagonal(turned, 0, -2, -1)[..., None])[..., 0]
    inner = -turned.swapaxes(-2, -1) * but_two
    inner = np.where(eye, along[..., None], inner)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    out = sign[..., None, None] * (u.conj() @ inner @ vh.conj())
    return np.where(finite, out, np.nan).astype(a.dtype)


def pinv(a: Any, atol: Any, rtol: Any, *, hermitian: bool) -> Any:
    """Pseudo-inverse without the singular values up to max(atol, rtol * the largest).

    Single precision is computed in double: the products of large and small values need it.
    """
    wide = a.astype(np.complex128 if a.dtype.kind == "c" else np.float64)
    if hermitian:
        values, u = np.linalg.eigh(wide)
        vh = hermitian_transpose(u)
    else:
        u, values, vh = np.linalg.svd(wide, full_matrices=False)
    size = np.abs(values)
    limit = np.maximum(
        np.asarray(atol, np.float64)[..., None],
        np.asarray(rtol, np.float64)[..., None] * size.max(-1, keepdims=True),
    )
    scale = np.divide(1, values, out=np.zeros_like(values), where=size > limit)
    out = (hermitian_transpose(vh) * scale[..., None, :]) @ hermitian_transpose(u)
    return out.astype(a.dtype)


# --- Cholesky ---


def cholesky(a: Any) -> Any:
    """Lower Cholesky factor and info."""
    shape = a.shape[:-2]
    try:
        return np.linalg.cholesky(a), np.zeros(shape, np.int32)
    except np.linalg.LinAlgError:
        pass
    flat = _stacked(a)
    out = np.tril(flat)
    info = np.zeros(len(flat), np.int32)
    for i, x in enumerate(flat):
        try:
            out[i] = np.linalg.cholesky(x)
        except np.linalg.LinAlgError:
            info[i] = _bad_minor(x)
    return out.reshape(a.shape), info.reshape(shape)


def _bad_minor(a: Any) -> int:
    """Order of the first leading minor that is not positive definite, by bisection."""
    low, high = 0, a.shape[-1]
    while high - low > 1:
        middle = (low + high) // 2
        try:
            np.linalg.cholesky(a[:middle, :middle])
            low = middle
        except np.linalg.LinAlgError:
            high = middle
    return high


# --- LDL ---

_ALPHA = (1 + math.sqrt(17)) / 8


def ldl_factor(a: Any, *, hermitian: bool) -> Any:
    """Lower L D Lᵀ in one array, pivots as LAPACK's sytrf gives them, and info.

    Bunch & Kaufman, Math. Comp. 31 (1977), diagonal pivoting, one matrix at a time.
    """
    n = a.shape[-1]
    out = _stacked(np.tril(a))
    pivots = np.zeros((len(out), n), np.int32)
    info = np.zeros(len(out), np.int32)
    herm = hermitian and a.dtype.kind == "c"
    for i, x in enumerate(out):
        info[i] = _ldl_one(x, pivots[i], herm)
    shape = a.shape[:-2]
    return out.reshape(a.shape), pivots.reshape(*shape, n), info.reshape(shape)


def _ldl_one(a: Any, pivots: Any, herm: bool) -> int:
    n, k, info = len(a), 0, 0
    while k < n:
        width, at, zero = _ldl_pivot(a, k, herm)
        if zero:
            info = info or k + 1
            pivots[k] = k + 1
            k += 1
            continue
        j = k + width - 1
        if at != j:
            _ldl_swap(a, j, at, herm)
            if width == 2:
                a[j, k], a[at, k] = a[at, k], a[j, k]
        _ldl_update(a, k, width, herm)
        pivots[k : k + width] = at + 1 if width == 1 else -(at + 1)
        k += width
    return info


def _ldl_pivot(a: Any, k: int, herm: bool) -> tuple[int, int, bool]:
    """Width of the next pivot block, the row to exchange with, and whether the column is zero."""
    here = _ldl_abs(a[k, k], herm)
    if k + 1 == len(a):
        return 1, k, not here > 0
    column = _size(a[k + 1 :, k])
    r = k + 1 + int(column.argmax())
    top = column.max()
    if not max(here, top) > 0:
        return 1, k, True
    if here >= _ALPHA * top:
        return 1, k, False
    row = max(_size(a[r, k:r]).max(), _size(a[r + 1 :, r]).max(initial=0))
    if here >= _ALPHA * top * (top / row):
        return 1, k, False
    if _ldl_abs(a[r, r], herm) >= _ALPHA * row:
        return 1, r, False
    return 2, r, False


def _ldl_abs(x: Any, herm: bool) -> Any:
    return abs(x.real) if herm else abs(x.real) + abs(x.imag)


def _ldl_swap(a: Any, j: int, p: int, herm: bool) -> None:
    """Exchange rows and columns j < p of the symmetric matrix whose lower triangle is stored."""
    below = a[p + 1 :, j].copy()
    a[p + 1 :, j] = a[p + 1 :, p]
    a[p + 1 :, p] = below
    middle = a[j + 1 : p, j].copy()
    a[j + 1 : p, j] = a[p, j + 1 : p].conj() if herm else a[p, j + 1 : p]
    a[p, j + 1 : p] = middle.conj() if herm else middle
    if herm:
        a[p, j] = a[p, j].conj()
    a[j, j], a[p, p] = a[p, p], a[j, j]


def _ldl_update(a: Any, k: int, width: int, herm: bool) -> None:
    """Eliminate with the pivot block at k."""
    stop = k + width
    if herm:
        for i in range(k, stop):
            a[i, i] = a[i, i].real
    d = a[k:stop, k:stop].copy()
    if width == 2:
        d[0, 1] = d[1, 0].conj() if herm else d[1, 0]
    if stop == len(a):
        return
    column = a[stop:, k:stop].copy()
    factor = column @ np.linalg.inv(d)
    other = column.conj().T if herm else column.T
    a[stop:, stop:] -= np.tril(factor @ other)
    a[stop:, k:stop] = factor


def ldl_solve(ld: Any, pivots: Any, b: Any, *, hermitian: bool) -> Any:
    """Solution of A x = b from the factors of `ldl_factor`."""
    n = ld.shape[-1]
    herm = hermitian and ld.dtype.kind == "c"
    lead = np.broadcast_shapes(ld.shape[:-2], b.shape[:-2])
    x = np.array(np.broadcast_to(b, (*lead, *b.shape[-2:])))
    ld = _stacked(np.broadcast_to(ld, (*lead, n, n)))
    flat = _stacked(x)
    pivots = _stacked(np.broadcast_to(pivots[..., None], (*lead, n, 1)))[..., 0]
    for a, p, one in zip(ld, pivots, flat, strict=True):
        _ldl_solve_one(a, p, one, herm)
    return x


def _ldl_solve_one(a: Any, pivots: Any, b: Any, herm: bool) -> None:
    blocks, k = [], 0
    while k < len(a):
        width = 1 if pivots[k] > 0 else 2
        blocks.append((k, k + width, abs(int(pivots[k])) - 1))
        k += width
    for k, stop, p in blocks:
        _swap_rows(b, stop - 1, p)
        b[stop:] -= a[stop:, k:stop] @ b[k:stop]
    for k, stop, _ in blocks:
        d = a[k:stop, k:stop].copy()
        if stop - k == 2:
            d[0, 1] = d[1, 0].conj() if herm else d[1, 0]
        b[k:stop] = np.linalg.inv(d) @ b[k:stop]
    for k, stop, p in reversed(blocks):
        left = a[stop:, k:stop].conj() if herm else a[stop:, k:stop]
        b[k:stop] -= left.T @ b[stop:]
        _swap_rows(b, stop - 1, p)


def _swap_rows(b: Any, i: int, j: int) -> None:
    if i != j:
        b[[i, j]] = b[[j, i]]
