"""LU decompositions with partial pivoting, and LDL: factors, unpacking, solving.

The cotangent of LU follows de Hoog, Anderssen & Lukas, "Differentiation of matrix functionals
using triangular factorization" (2011), the rectangular cases by blocks.
"""

from __future__ import annotations

from typing import Any

from franken.backends.meta import rules
from franken.backends.numpy import linalg as kernels
from franken.core import dtypes as dt
from franken.core.calls.out import FREE, write_made
from franken.core.op import op
from franken.core.primitive import NOT_DIFFERENTIABLE, Primitive
from franken.core.tensor import Tensor
from franken.core.trace import values
from franken.ops.declaring.declare import without_forward
from franken.ops.declaring.return_types import make
from franken.ops.declaring.samples import S, definite
from franken.ops.linalg.checks import (
    check_float,
    check_kernel,
    check_same,
    check_square,
    failed,
    leading,
)
from franken.ops.linalg.solve import _check_system, _eye, triangular_
from franken.ops.shape.triangular import tril_, triu_

_LU_FACTOR = make("linalg_lu_factor", "LU", "pivots")
_LU_FACTOR_EX = make("linalg_lu_factor_ex", "LU", "pivots", "info")
_LU = make("linalg_lu", "P", "L", "U")
_LU_UNPACK = make("lu_unpack", "P", "L", "U")
_LDL_FACTOR_EX = make("linalg_ldl_factor_ex", "LD", "pivots", "info")
_LDL_FACTOR = make("linalg_ldl_factor", "LD", "pivots")

lu_ = Primitive(
    "linalg_lu_factor",
    ("x",),
    kernels.lu_factor,
    outputs=3,
    nondiff=(1, 2),
    batch=leading(),
    layout=("column_major", "contiguous"),
)
lu_.holomorphic = False


def _permutation_batched(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    return prim(values[0].movedim(dims[0], 0), **params), 0


permutation_ = Primitive(
    "linalg_permutation", ("pivots",), kernels.permutation_matrix, batch=_permutation_batched
)
permutation_.not_differentiable()


def _permutation(pivots: Tensor, m: int, like: Tensor) -> Tensor:
    return permutation_(pivots, m=m, dtype=like.dtype.np)  # type: ignore[no-any-return]


def _right(x: Any, a: Any, upper: bool, unit: bool) -> Any:
    """x a⁻ᴴ for triangular a."""
    return triangular_(a.conj_physical(), x.mT, upper=upper, unit=unit).mT


@lu_.vjp("x")
def _(g: Any, x_shape: Any, out0: Any, out1: Any) -> Any:
    m, n = x_shape[-2:]
    k = min(m, n)
    g, lu = g[0], out0
    square, g_square = lu[..., :k, :k], g[..., :k, :k]
    low, up = tril_(g_square, diagonal=-1), triu_(g_square, diagonal=0)
    lower = tril_(square, diagonal=-1) + _eye(square, k, k)
    upper = triu_(square, diagonal=0)
    if m > n:
        rest = _right(g[..., k:, :], upper, True, False)  # cotangent of the rows below
        up = up - triu_(lu[..., k:, :].mH @ rest, diagonal=0)
    elif n > m:
        rest = triangular_(lower.mH, g[..., k:], upper=True, unit=True)
        low = low - tril_(rest @ lu[..., k:].mH, diagonal=-1)
    middle = tril_(lower.mH @ low, diagonal=-1) + triu_(up @ upper.mH, diagonal=0)
    back = triangular_(lower.mH, _right(middle, upper, True, False), upper=True, unit=True)
    if m != n:
        from franken.ops.shape.join import cat

        back = cat([back, rest], -2 if m > n else -1)
    return _permutation(out1, m, back) @ back


def _factor(input: Tensor, pivot: bool, name: str) -> Any:
    if input.ndim < 2:
        raise RuntimeError(
            f"{name}: Expected tensor with 2 or more dimensions. Got size: "
            f"{list(input.shape)} instead"
        )
    check_kernel(input, "lu_cpu")
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    return lu_(input)


@op(
    at="linalg",
    out=FREE,
    samples=lambda t: [S(t.square(3)), S(t(2, 4, 3)), S(t(2, 3))],
    title="LinalgLuFactorExBackward0",
)
def lu_factor(A: Tensor, *, pivot: bool = True) -> Any:
    """L and U in one array and the row exchanges; an error if U has a zero on its diagonal."""
    lu, pivots, info = _factor(A, pivot, "torch.lu_factor")
    bad = failed(info)
    if bad:
        raise RuntimeError(
            f"torch.linalg.lu_factor: {bad[0]}U[{bad[1]},{bad[1]}] is zero and using it on "
            "lu_solve would result in a division by zero. If you still want to perform the "
            "factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
        )
    return _LU_FACTOR(lu, pivots)


@op(
    at="linalg",
    out=FREE,
    samples=lambda t: [S(t.square(3)), S(t(2, 4, 3)), S(t(2, 3))],
    title="LinalgLuFactorExBackward0",
)
def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """Like `lu_factor` with LAPACK's info, without an error unless `check_errors`."""
    if check_errors:
        lu_factor(A, pivot=pivot)
    return _LU_FACTOR_EX(*_factor(A, pivot, "torch.lu_factor"))


def _unpack(lu: Tensor) -> tuple[Any, Any]:
    m, n = lu.shape[-2:]
    k = min(m, n)
    wide, tall = lu[..., :, :k], lu[..., :k, :]  # type: ignore[index]
    return tril_(wide, diagonal=-1) + _eye(lu, m, k), triu_(tall, diagonal=0)


@op(
    at="linalg",
    out=FREE,
    samples=lambda t: [S(t.square(3)), S(t(2, 4, 3)), S(t(2, 3))],
    title="LinalgLuBackward0",
)
def lu(A: Tensor, *, pivot: bool = True) -> Any:
    """P, L and U with A = P L U."""
    packed, pivots, _ = _factor(A, pivot, "linalg.lu")
    low, up = _unpack(packed)
    return _LU(_permutation(pivots, A.shape[-2], A), low, up)


@op(
    name="lu",
    samples=lambda t: [S(t.square(3)), S(t.square(2, 2), get_infos=True)],
    title="LinalgLuFactorExBackward0",
)
def _lu_torch(A: Tensor, pivot: bool = True, get_infos: bool = False, out: Any = None) -> Any:
    """L and U in one array and the row exchanges (and info)."""
    packed, pivots, info = _factor(A, pivot, "torch.lu_factor")
    made = (packed, pivots, info) if get_infos else (packed, pivots)
    return made if out is None else write_made("lu", out, made)


@op(
    method=False,
    out=FREE,
    samples=lambda t: [
        S(t.square(3), t.of([2, 2, 3], t.module.int32)),
        S(t(3, 2), t.of([3, 2], t.module.int32), unpack_pivots=False),
    ],
    title="LuUnpackBackward0",
)
def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> Any:
    """P, L and U from the result of `lu_factor`; what is not unpacked is empty."""
    if LU_data.ndim < 2:
        raise RuntimeError(
            "torch.lu_unpack: Expected tensor with 2 or more dimensions. Got size: "
            f"{list(LU_data.shape)} instead"
        )
    if unpack_pivots and LU_pivots.dtype is not dt.int32:
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 "
            "dtype.\nNote: this function is intended to be used with the output produced by "
            "torch.linalg.lu_factor"
        )
    empty = LU_data.new_zeros(0)  # type: ignore[attr-defined]
    low, up = _unpack(LU_data) if unpack_data else (empty, empty)
    order = _permutation(LU_pivots, LU_data.shape[-2], LU_data) if unpack_pivots else empty
    return _LU_UNPACK(order, low, up)


@op(
    at="linalg",
    out=FREE,
    samples=lambda t: [
        S(t.square(3), t.of([2, 2, 3], t.module.int32), t(3, 2)),
        S(t.square(3), t.of([1, 3, 3], t.module.int32), t(2, 3), left=False, adjoint=True),
    ],
    title="LinalgLuSolveBackward0",
)
def lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False
) -> Tensor:
    """The solution of A X = B (or X A = B; A's adjoint if `adjoint`) from A's LU factors."""
    name = "linalg.lu_solve"
    check_float(LU, "torch.linalg.lu_solve", kernel="linalg.lu_solve_cpu")
    check_square(LU, name, "LU")
    check_same(LU, B, name, "LU", "B")
    if pivots.dtype is not dt.int32:
        raise RuntimeError(
            f"{name}: pivots should be a Tensor of scalar type torch.int32. Got "
            f"{pivots.dtype.scalar_name}"
        )
    if tuple(LU.shape[:-1]) != tuple(pivots.shape):
        raise RuntimeError(
            f"{name}: Number of pivots per batch should be same as the dimension of the matrix"
        )
    _check_system(LU, B, left, name)
    order = _permutation(pivots, LU.shape[-1], LU)
    if not left:  # X A = B is Aᴴ Xᴴ = Bᴴ
        return _lu_apply(LU, order, B.mH, not adjoint).mH  # type: ignore[attr-defined, no-any-return]
    return _lu_apply(LU, order, B, adjoint)


def _lu_apply(lu: Tensor, order: Tensor, b: Any, adjoint: bool) -> Any:
    if adjoint:
        half = triangular_(lu.mH, b, upper=False, unit=False)  # type: ignore[attr-defined]
        return order @ triangular_(lu.mH, half, upper=True, unit=True)  # type: ignore[attr-defined, operator]
    half = triangular_(lu, order.mT @ b, upper=False, unit=True)  # type: ignore[attr-defined]
    return triangular_(lu, half, upper=True, unit=False)


@op(
    name="lu_solve",
    out=FREE,
    samples=lambda t: [S(t(3, 2), t.square(3), t.of([2, 2, 3], t.module.int32))],
    title="LinalgLuSolveBackward0",
)
def _lu_solve_torch(input: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """The solution of A X = input from A's LU factors."""
    return lu_solve(LU_data, LU_pivots, input)


# --- LDL -----------------------------------------------------------------------------------------

ldl_ = Primitive(
    "linalg_ldl_factor",
    ("x",),
    kernels.ldl_factor,
    outputs=3,
    nondiff=(1, 2),
    batch=leading(),
    layout=("column_major", "contiguous"),
    title="torch::autograd::NotImplemented",
)
ldl_solve_ = Primitive(
    "linalg_ldl_solve",
    ("ld", "pivots", "b"),
    kernels.ldl_solve,
    meta=lambda ld, pivots, b, **_: rules.product(ld, b),
    batch=leading({1: 1}),
    layout="column_major",
    title="torch::autograd::NotImplemented",
)
ldl_solve_.holomorphic = False

ldl_solve_.vjp("pivots")(NOT_DIFFERENTIABLE)


@ldl_.vjp("x")
def _(g: Any) -> Any:
    raise RuntimeError("derivative for aten::linalg_ldl_factor_ex is not implemented")


ldl_.jvp(without_forward("aten::linalg_ldl_factor_ex"))
ldl_solve_.jvp(without_forward("aten::linalg_ldl_solve"))


@ldl_solve_.vjp("ld")
def _(g: Any) -> Any:
    raise RuntimeError("derivative for aten::linalg_ldl_solve is not implemented")


@ldl_solve_.vjp("b")
def _(g: Any, ld: Any, pivots: Any, hermitian: bool) -> Any:
    """The matrix is its own adjoint, or (complex symmetric) its own transpose."""
    if hermitian or not ld.dtype.is_complex:
        return ldl_solve_(ld, pivots, g, hermitian=hermitian)
    return ldl_solve_(ld, pivots, g.conj_physical(), hermitian=False).conj_physical()


@op(at="linalg", out=FREE, samples=definite)
def ldl_factor_ex(A: Tensor, *, hermitian: bool = False, check_errors: bool = False) -> Any:
    """LD in one array, pivots and info of the LDL factorization of (conjugate) symmetric A."""
    check_square(A, "torch.linalg.ldl_factor_ex")
    check_float(A, "torch.linalg.ldl_factor_ex", kernel="ldl_factor_kernel_cpu")
    ld, pivots, info = ldl_(A, hermitian=hermitian)
    bad = failed(info) if check_errors else None
    if bad:
        raise RuntimeError(f"torch.linalg.ldl_factor_ex: {bad[0]}D[{bad[1]},{bad[1]}] is zero")
    return _LDL_FACTOR_EX(ld, pivots, info)


@op(at="linalg", out=FREE, samples=definite)
def ldl_factor(A: Tensor, *, hermitian: bool = False) -> Any:
    """LD in one array and pivots; an error if D is singular."""
    ld, pivots, info = ldl_factor_ex(A, hermitian=hermitian)
    bad = failed(info)
    if bad:
        raise RuntimeError(f"torch.linalg.ldl_factor: {bad[0]}D[{bad[1]},{bad[1]}] is zero")
    return _LDL_FACTOR(ld, pivots)


@op(
    at="linalg",
    out=FREE,
    samples=lambda t: [S(t.triangle(3).detach(), t.of([1, 2, 3], t.module.int32), t(3, 2))],
)
def ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False) -> Tensor:
    """The solution of A X = B from the LDL factors of A."""
    name = "torch.linalg.ldl_solve"
    check_float(LD, name, kernel="ldl_solve_kernel_cpu")
    check_square(LD, name, "LD")
    check_same(LD, B, name, "LD", "B")
    _check_system(LD, B, True, name)
    if bool(values(pivots == 0).any()):
        raise RuntimeError(
            "Pivots given to ldl_solve must all satisfy |pivot| >= 1. Did you properly pass the "
            "result of ldl_factor?"
        )
    return ldl_solve_(LD, pivots, B, hermitian=hermitian)  # type: ignore[no-any-return]
