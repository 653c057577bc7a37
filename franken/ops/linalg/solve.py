"""Solving linear systems: inverse, solve, determinants, Cholesky and triangular systems.

Cotangents follow Giles, "Collected Matrix Derivative Results for Forward and Reverse Mode
Algorithmic Differentiation" (2008), with the conjugate transpose for complex matrices.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.meta import rules
from franken.backends.numpy import linalg as kernels
from franken.core.calls.out import FREE, Into, safely
from franken.core.errors import LinAlgError
from franken.core.geometry.layout import contiguous_format
from franken.core.geometry.shapes import broadcast_shapes
from franken.core.op import op
from franken.core.primitive import NOT_DIFFERENTIABLE, Primitive
from franken.core.tensor import Tensor, attach
from franken.ops.declaring.pulled_back import pulled_back
from franken.ops.declaring.return_types import make
from franken.ops.declaring.samples import S, definite, given, matrices
from franken.ops.linalg.checks import (
    check_float,
    check_kernel,
    check_matrix,
    check_same,
    check_square,
    failed,
    leading,
    raise_if_not_positive,
    raise_if_singular,
)
from franken.ops.shape.triangular import tril_, triu_

_INV_EX = make("linalg_inv_ex", "inverse", "info")
_SOLVE_EX = make("linalg_solve_ex", "result", "info")
_TRIANGULAR_SOLVE = make("triangular_solve", "solution", "cloned_coefficient")
_SLOGDET = make("linalg_slogdet", "sign", "logabsdet")
_OLD_SLOGDET = make("slogdet", "sign", "logabsdet")
_CHOLESKY_EX = make("linalg_cholesky_ex", "L", "info")

# --- inverse -------------------------------------------------------------------------------------

inverse_ = Primitive(
    "linalg_inverse",
    ("x",),
    kernels.inverse,
    outputs=2,
    meta="with_info",
    nondiff=(1,),
    batch=leading(),
    layout=("column_major", "contiguous"),
)
inverse_.holomorphic = False


@inverse_.vjp("x")
def _(g: Any, out0: Any) -> Any:
    back = out0.mH
    return -(back @ g[0] @ back)


@inverse_.jvp
def _(tangents: Any, out: Any, x: Any) -> Any:
    return -(out[0] @ tangents[0] @ out[0]), None


def _inverse(input: Tensor, name: str) -> Tensor:
    check_float(input, name)
    check_square(input, name)
    out, info = inverse_(input)
    raise_if_singular(info, name)
    return out  # type: ignore[no-any-return]


@op(
    at="linalg",
    out=FREE,
    alias=("torch.inverse",),
    samples=matrices,
    title="LinalgInvExBackward0",
)
def inv(A: Tensor) -> Tensor:
    """The inverses of square matrices (..., n, n); LinAlgError where there is none."""
    return _inverse(A, "linalg.inv")


attach(inverse=inv)


@op(at="linalg", out=FREE, samples=matrices, title="LinalgInvExBackward0")
def inv_ex(A: Tensor, *, check_errors: bool = False) -> Any:
    """Inverses and LAPACK's info, without an error unless `check_errors`."""
    check_float(A, "linalg.inv")
    check_square(A, "linalg.inv")
    out, info = inverse_(A)
    if check_errors:
        raise_if_singular(info, "linalg.inv_ex")
    return _INV_EX(out, info)


# --- solve ---------------------------------------------------------------------------------------

solve_ = Primitive(
    "linalg_solve",
    ("a", "b"),
    kernels.solve,
    outputs=2,
    meta=lambda a, b: [rules.product(a, b), rules.with_info(a)[1]],
    nondiff=(1,),
    batch=leading(),
    layout=("column_major", "contiguous"),
)
solve_.holomorphic = False


@solve_.vjp("a")
def _(g: Any, a: Any, out0: Any) -> Any:
    return -(solve_(a.mH, g[0])[0] @ out0.mH)


@solve_.vjp("b")
def _(g: Any, a: Any) -> Any:
    return solve_(a.mH, g[0])[0]


@solve_.jvp
def _(tangents: Any, out: Any, a: Any, b: Any) -> Any:
    ta, tb = tangents
    right = tb if ta is None else -(ta @ out[0]) if tb is None else tb - ta @ out[0]
    return solve_(a, right)[0], None


def _solve(a: Tensor, b: Tensor, left: bool, name: str) -> Any:
    check_float(a, name, kernel="lu_cpu")
    check_square(a, name)
    check_same(a, b, name)
    vector = b.ndim == 1 or (a.ndim - 1 == b.ndim and tuple(b.shape) == tuple(a.shape[:-1]))
    if vector and not left:
        raise RuntimeError(
            f"{name}: Vector broadcasting of the left hand side is not supported for left=False. "
            "In this case linalg.solve is equivalent to B / A.squeeze(-1)"
        )
    if vector:
        b = b.unsqueeze(-1)  # type: ignore[attr-defined]
    _check_system(a, b, left, name)
    if not left:
        x, info = solve_(a.mT, b.mT)  # type: ignore[attr-defined]
        return x.mT, info
    x, info = solve_(a, b)
    return (x.squeeze(-1) if vector else x), info


def _check_system(a: Tensor, b: Tensor, left: bool, name: str) -> None:
    check_matrix(b, name, "B")
    if a.shape[-1] != b.shape[-2 if left else -1]:
        equation = "AX = B" if left else "XA = B"
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {equation} "
            f"({a.shape[-2]}x{a.shape[-1]} and {b.shape[-2]}x{b.shape[-1]})"
        )
    broadcast_shapes(tuple(a.shape[:-2]), tuple(b.shape[:-2]))


def _raise_unsolved(info: Tensor, name: str) -> None:
    bad = failed(info)
    if bad:
        raise LinAlgError(
            f"{name}: {bad[0]}The solver failed because the input matrix is singular."
        )


@op(
    at="linalg",
    out=FREE,
    samples=lambda t: [
        S(t.square(3), t(3, 2)),
        S(t.square(3), t(3)),
        S(t.square(3, 2), t(2, 2, 3), left=False),
        S(t.square(0), t(0, 2)),
    ],
    title="LinalgSolveExBackward0",
)
def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """The solution of A X = B (or X A = B) for square A; batches broadcast."""
    x, info = _solve(A, B, left, "linalg.solve")
    _raise_unsolved(info, "torch.linalg.solve")
    return x  # type: ignore[no-any-return]


@op(
    at="linalg",
    out=FREE,
    samples=lambda t: [
        S(t.square(3), t(3, 2)),
        S(t.square(3), t(3)),
        S(t.square(3, 2), t(2, 2, 3), left=False),
        S(t.square(0), t(0, 2)),
    ],
    title="LinalgSolveExBackward0",
)
def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> Any:
    """Like `solve` with LAPACK's info, without an error unless `check_errors`."""
    x, info = _solve(A, B, left, "linalg.solve")
    if check_errors:
        _raise_unsolved(info, "torch.linalg.solve_ex")
    return _SOLVE_EX(x, info)


# --- pseudo-inverse ------------------------------------------------------------------------------

pinv_ = Primitive("linalg_pinv", ("x", "atol", "rtol"), kernels.pinv, batch=leading({1: 0, 2: 0}))
pinv_.holomorphic = False
pinv_.vjp("atol", "rtol")(NOT_DIFFERENTIABLE)


@pinv_.vjp("x")
def _(g: Any, x: Any, out: Any) -> Any:
    """Golub & Pereyra, SIAM J. Numer. Anal. 10 (1973), transposed; the rank is locally constant."""
    p, back, gh = out, out.mH, g.mH
    first = -(back @ g @ back)
    left, right = gh @ p @ back, back @ p @ gh
    return first + (left - x @ (p @ left)) + (right - (right @ p) @ x)


@pinv_.jvp
def _(tangents: Any, out: Any, x: Any, atol: Any, rtol: Any, *, hermitian: bool) -> Any:
    t, p = tangents[0], out
    if t is None:
        return None
    left, right = p @ p.mH @ t.mH, t.mH @ p.mH @ p
    return -(p @ t @ p) + (left - left @ x @ p) + (right - p @ (x @ right))


# --- triangular systems --------------------------------------------------------------------------

triangular_ = Primitive(
    "linalg_solve_triangular",
    ("a", "b"),
    kernels.solve_triangular,
    batch=leading(),
    meta="product",
    layout="column_major",
)


@triangular_.vjp("a")
def _(g: Any, a: Any, out: Any, upper: bool, unit: bool) -> Any:
    back = triangular_(a.mT, g, upper=not upper, unit=unit)
    whole = -(back @ out.mT)
    return triu_(whole, diagonal=int(unit)) if upper else tril_(whole, diagonal=-int(unit))


@triangular_.vjp("b")
def _(g: Any, a: Any, upper: bool, unit: bool) -> Any:
    return triangular_(a.mT, g, upper=not upper, unit=unit)


@op(
    at="linalg",
    out=Into("expected scalar type {want} but found {got}"),
    samples=lambda t: [
        S(t.triangle(3), t(3, 2), upper=False),
        S(t.triangle(3, upper=True), t(2, 3), upper=True, left=False),
        S(t.triangle(3), t(3, 2), upper=False, unitriangular=True),
    ],
    title="LinalgSolveTriangularBackward0",
)
def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """The solution of A X = B (or X A = B) for triangular A; the other triangle is not read."""
    name = "linalg.solve_triangular"
    check_square(A, name)
    check_same(A, B, name)
    _check_system(A, B, left, name)
    check_kernel(A, "triangular_solve_cpu")
    if left:
        return triangular_(A, B, upper=upper, unit=unitriangular)  # type: ignore[no-any-return]
    flipped = triangular_(A.mT, B.mT, upper=not upper, unit=unitriangular)  # type: ignore[attr-defined]
    return flipped.contiguous().mT  # type: ignore[no-any-return]


@op(
    out=FREE,
    samples=lambda t: [
        S(t(3, 2), t.triangle(3, upper=True)),
        S(t(3, 2), t.triangle(3), upper=False, transpose=True),
    ],
    title="TriangularSolveBackward0",
)
def triangular_solve(
    input: Tensor, A: Tensor, upper: bool = True, transpose: bool = False,
    unitriangular: bool = False,
) -> Any:  # fmt: skip
    """The solution of A X = input for triangular A, and A."""
    for t, what in ((input, "b"), (A, "A")):
        if t.ndim < 2:
            raise RuntimeError(
                f"torch.triangular_solve: Expected {what} to have at least 2 dimensions, but it "
                f"has {t.ndim} dimensions instead"
            )
    check_square(A, "triangular_solve")
    check_kernel(A, "triangular_solve_cpu")
    if transpose:
        x = triangular_(A.mT, input, upper=not upper, unit=unitriangular)  # type: ignore[attr-defined]
    else:
        x = triangular_(A, input, upper=upper, unit=unitriangular)
    lead = tuple(x.shape[:-2])
    copy = A.expand(*lead, *A.shape[-2:]).mT.clone(memory_format=contiguous_format)  # type: ignore[attr-defined]
    return _TRIANGULAR_SOLVE(x, copy.mT)


# --- determinants --------------------------------------------------------------------------------

det_ = Primitive(
    "linalg_det",
    ("x",),
    lambda x: np.asarray(np.linalg.det(x)),
    batch=leading(),
    meta=lambda x: x.shape[:-2],
)
cofactor_ = Primitive("linalg_cofactor", ("x",), kernels.cofactor, batch=leading(), meta="same")
# what a change y of x changes in the cofactors; as the second derivative of det, symmetric
cofactor_change_ = Primitive(
    "linalg_cofactor_change", ("x", "y"), kernels.cofactor_change, batch=leading()
)


@det_.vjp("x")
def _(g: Any, x: Any) -> Any:
    return g.unsqueeze(-1).unsqueeze(-1) * cofactor_(x)


@cofactor_.vjp("x")
def _(g: Any, x: Any) -> Any:
    return cofactor_change_(x, g)


@cofactor_change_.vjp("y")
def _(g: Any, x: Any) -> Any:
    return cofactor_change_(x, g)


@cofactor_change_.vjp("x")
def _(g: Any, x: Any, y: Any) -> Any:
    return pulled_back(lambda a: _cofactor_change(a, y), (x,), g)[0]


def _cofactor_change(x: Any, y: Any) -> Any:
    """C = det(A) A⁻ᵀ, so dC = tr(A⁻¹ dA) C - C dAᵀ A⁻ᵀ; x must be invertible here."""
    back, whole = inverse_(x)[0].mT, cofactor_(x)
    along = (y * whole).sum((-2, -1), keepdim=True)
    return along * back - whole @ y.mT @ back


def _slogdet_kernel(x: Any) -> Any:
    sign, size = np.linalg.slogdet(x)
    return np.asarray(sign), np.asarray(size)


slogdet_ = Primitive(
    "linalg_slogdet",
    ("x",),
    _slogdet_kernel,
    outputs=2,
    batch=leading(),
    meta=lambda x: x.shape[:-2],
)
slogdet_.holomorphic = False


@slogdet_.vjp("x")
def _(g1: Any, x: Any) -> Any:
    """d log|det| = Re tr(A⁻¹ dA)."""
    return g1.unsqueeze(-1).unsqueeze(-1) * inverse_(x)[0].mH


@slogdet_.vjp("x")
def _(g0: Any, x: Any, out0: Any) -> Any:
    """d sign = i sign Im tr(A⁻¹ dA); a real sign does not change."""
    if not x.dtype.is_complex:
        return None
    slope = (g0 * out0.conj_physical()).imag * 1j
    return slope.unsqueeze(-1).unsqueeze(-1) * inverse_(x)[0].mH


@op(at="linalg", out=FREE, method=True, alias=("torch.det",), samples=matrices)
def det(A: Tensor) -> Tensor:
    """The determinants of square matrices (..., n, n)."""
    check_float(A, "linalg.det", kernel="lu_cpu")
    check_square(A, "linalg.det")
    return det_(A)  # type: ignore[no-any-return]


@op(at="linalg", out=FREE, samples=definite)
def slogdet(A: Tensor) -> Any:
    """Sign (or phase) and natural logarithm of the magnitude of determinants."""
    check_float(A, "linalg.slogdet")
    check_square(A, "linalg.slogdet")
    return _SLOGDET(slogdet_(A))


@op(name="slogdet", out=FREE, samples=definite)
def _slogdet(input: Tensor) -> Any:
    """Sign (or phase) and natural logarithm of the magnitude of determinants."""
    return _OLD_SLOGDET(tuple(slogdet(input)))


@op(samples=definite)
def logdet(input: Tensor) -> Tensor:
    """Natural logarithms of determinants; NaN where a real one is negative."""
    check_float(input, "logdet")
    check_square(input, "logdet")
    sign, size = slogdet_(input)
    if input.dtype.is_complex:
        return sign.log() + size  # type: ignore[no-any-return]
    return size.masked_fill(sign == -1, float("nan"))  # type: ignore[no-any-return]


# --- Cholesky ------------------------------------------------------------------------------------


def _cholesky_kernel(x: Any, *, upper: bool) -> Any:
    """The lower factor; `upper` says which triangle is read."""
    return kernels.cholesky(kernels.hermitian_transpose(x) if upper else x)


cholesky_ = Primitive(
    "linalg_cholesky",
    ("x",),
    _cholesky_kernel,
    outputs=2,
    meta="with_info",
    nondiff=(1,),
    batch=leading(),
    layout=("column_major", "contiguous"),
)
cholesky_.holomorphic = False


@cholesky_.vjp("x")
def _(g: Any, out0: Any) -> Any:
    """Murray, "Differentiation of the Cholesky decomposition" (2016), symmetrized."""
    middle = out0.mH @ tril_(g[0], diagonal=0)
    middle = (tril_(middle, diagonal=0) + tril_(middle, diagonal=-1).mH) * 0.5
    up = out0.mH
    left = triangular_(up, middle, upper=True, unit=False)
    return triangular_(out0.mT, left.mT, upper=True, unit=False).mT


def _cholesky(input: Tensor, upper: bool) -> tuple[Tensor, Tensor]:
    factor, info = cholesky_(input, upper=upper)
    # torch's is no view either, and column-major in both cases
    if upper:
        factor = upper_part_(factor.mT.conj_physical(), rows=factor.shape[-1])
    return factor, info


@op(at="linalg", out=FREE, samples=definite, title="LinalgCholeskyExBackward0")
def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """The Cholesky factors of Hermitian positive-definite matrices."""
    check_float(A, "linalg.cholesky", kernel="cholesky_cpu")
    check_square(A, "linalg.cholesky")
    factor, info = _cholesky(A, upper)
    raise_if_not_positive(info, "linalg.cholesky")
    return factor


@op(at="linalg", out=FREE, samples=definite, title="LinalgCholeskyExBackward0")
def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> Any:
    """Cholesky factors and LAPACK's info, without an error unless `check_errors`."""
    check_float(A, "linalg.cholesky", kernel="cholesky_cpu")
    check_square(A, "linalg.cholesky")
    factor, info = _cholesky(A, upper)
    if check_errors:
        raise_if_not_positive(info, "linalg.cholesky_ex")
    return _CHOLESKY_EX(factor, info)


@op(
    name="cholesky",
    out=safely("cholesky", row_major=True),
    samples=definite,
    title="CholeskyBackward0",
)
def _cholesky_torch(input: Tensor, upper: bool = False) -> Tensor:
    """The Cholesky factors of Hermitian positive-definite matrices."""
    check_square(input, "cholesky")
    check_kernel(input, "cholesky_cpu")
    factor, info = _cholesky(input, upper)
    raise_if_not_positive(info, "cholesky")
    return factor


def _cholesky_solve_kernel(b: Any, x: Any, *, upper: bool) -> Any:
    low = kernels.hermitian_transpose(x) if upper else x
    half = kernels.solve_triangular(low, b, upper=False, unit=False)
    return kernels.solve_triangular(kernels.hermitian_transpose(low), half, upper=True, unit=False)


cholesky_solve_ = Primitive(
    "cholesky_solve", ("b", "x"), _cholesky_solve_kernel, batch=leading(), layout="column_major"
)
cholesky_solve_.holomorphic = False


@cholesky_solve_.vjp("b")
def _(g: Any, x: Any, upper: bool) -> Any:
    return cholesky_solve_(g, x, upper=upper)


@cholesky_solve_.vjp("x")
def _(g: Any, x: Any, out: Any, upper: bool) -> Any:
    """Through A = L Lᴴ, whole: as torch has it, the factor's other triangle gets a cotangent."""
    half = cholesky_solve_(g, x, upper=upper) @ out.mH
    change = -(half + half.mH)
    return x @ change if upper else change @ x


@op(
    out=safely("cholesky_solve", row_major=True),
    also={"B": "input", "input2": "L"},
    samples=lambda t: [
        given(lambda b, a: (b, a.tril()), S(t(3, 2), t.triangle(3))),
        given(
            lambda b, a, upper: (b, a.triu(), upper), S(t(3, 1), t.triangle(3, upper=True), True)
        ),
    ],
)
def cholesky_solve(input: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """The solution of A X = input from the Cholesky factor of A."""
    for t, what in ((input, "b"), (L, "u")):
        if t.ndim < 2:
            raise RuntimeError(
                f"{what} should have at least 2 dimensions, but has {t.ndim} dimensions instead"
            )
    check_square(L, "cholesky_solve")
    _check_system(L, input, True, "cholesky_solve")
    check_same(input, L, "cholesky_solve", "b", "A")
    check_kernel(input, "cholesky_solve_cpu")
    return cholesky_solve_(input, L, upper=upper)  # type: ignore[no-any-return]


@op(
    out=safely("cholesky_inverse"),
    samples=lambda t: [
        given(lambda a: (a.tril(),), S(t.triangle(3))),
        given(lambda a, upper: (a.triu(), upper), S(t.triangle(3, upper=True), True)),
    ],
    title="CholeskyInverseBackward0",
)
def cholesky_inverse(input: Tensor, upper: bool = False) -> Tensor:
    """The inverse of A from its Cholesky factor."""
    check_square(input, "cholesky_inverse")
    check_kernel(input, "cholesky_inverse_out_cpu")
    raise_if_singular(_zero_pivot(input), "cholesky_inverse")
    return cholesky_solve_(_eye(input), input, upper=upper)  # type: ignore[no-any-return]


_zero_pivot = Primitive("linalg_zero_pivot", ("x",), kernels.first_zero, batch=leading())
_zero_pivot.not_differentiable()


def _eye(x: Tensor, rows: int | None = None, columns: int | None = None) -> Tensor:
    """The identity matrix (rows, columns) for the matrices of x."""
    from franken.ops.surface.creation import eye

    n = x.shape[-1] if rows is None else rows
    return eye(n, n if columns is None else columns, dtype=x.dtype, device=x.device)


# --- parts of what LAPACK returns -----------------------------------------------------------------


def _upper_part_kernel(x: Any, *, rows: int) -> Any:
    *batch, n, k = x.shape
    memory = np.zeros((*batch, k, rows), x.dtype)
    out = memory.swapaxes(-1, -2)[..., :n, :]
    out[...] = x
    return out


# Matrices as the first rows of column-major ones of `rows` rows, where LAPACK leaves a solution.
upper_part_ = Primitive("upper_part", ("x",), _upper_part_kernel, batch=leading(), layout=None)
upper_part_.vjp("x")(lambda g: g)
upper_part_.jvp(lambda tangents, out, x, **params: tangents[0])
