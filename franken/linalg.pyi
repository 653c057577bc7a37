"""torch.linalg: linear algebra, as the op declarations publish them.

Written by `python -m conformance stubs`: do not edit."""

from builtins import bool as _bool
from builtins import int as _int
from builtins import str as _str
from collections.abc import Sequence
from typing import Any

from franken.core import return_types
from franken.core.dtypes import dtype as _dtype
from franken.core.errors import LinAlgError as LinAlgError
from franken.core.tensor import Tensor as _Tensor

def cholesky(A: _Tensor, *, upper: _bool = False, out: _Tensor | None = None) -> _Tensor:
    """The Cholesky factors of Hermitian positive-definite matrices."""

def cholesky_ex(
    A: _Tensor,
    *,
    upper: _bool = False,
    check_errors: _bool = False,
    out: Sequence[_Tensor] | None = None,
) -> return_types.linalg_cholesky_ex:
    """Cholesky factors and LAPACK's info, without an error unless `check_errors`."""

def cond(A: _Tensor, p: Any = None, *, out: _Tensor | None = None) -> _Tensor:
    """The condition numbers of matrices in the norm p (2 by default)."""

def cross(input: _Tensor, other: _Tensor, *, dim: _int = -1, out: _Tensor | None = None) -> _Tensor:
    """Cross products of 3-vectors along a dimension; the others broadcast."""

def det(A: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The determinants of square matrices (..., n, n)."""

def diagonal(A: _Tensor, *, offset: _int = 0, dim1: _int = -2, dim2: _int = -1) -> _Tensor:
    """A view of the diagonals of matrices."""

def eig(A: _Tensor, *, out: Sequence[_Tensor] | None = None) -> return_types.linalg_eig:
    """Complex eigenvalues and eigenvectors of square matrices."""

def eigh(
    A: _Tensor, UPLO: _str = "L", *, out: Sequence[_Tensor] | None = None
) -> return_types.linalg_eigh:
    """Real eigenvalues (ascending) and eigenvectors of Hermitian matrices."""

def eigvals(A: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Complex eigenvalues of square matrices."""

def eigvalsh(A: _Tensor, UPLO: _str = "L", *, out: _Tensor | None = None) -> _Tensor:
    """Real eigenvalues (ascending) of Hermitian matrices."""

def householder_product(A: _Tensor, tau: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The first n columns of the product of Householder reflections (..., m, n)."""

def inv(A: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """The inverses of square matrices (..., n, n); LinAlgError where there is none."""

def inv_ex(
    A: _Tensor, *, check_errors: _bool = False, out: Sequence[_Tensor] | None = None
) -> return_types.linalg_inv_ex:
    """Inverses and LAPACK's info, without an error unless `check_errors`."""

def ldl_factor(
    A: _Tensor, *, hermitian: _bool = False, out: Sequence[_Tensor] | None = None
) -> return_types.linalg_ldl_factor:
    """LD in one array and pivots; an error if D is singular."""

def ldl_factor_ex(
    A: _Tensor,
    *,
    hermitian: _bool = False,
    check_errors: _bool = False,
    out: Sequence[_Tensor] | None = None,
) -> return_types.linalg_ldl_factor_ex:
    """LD in one array, pivots and info of the LDL factorization of (conjugate) symmetric A."""

def ldl_solve(
    LD: _Tensor,
    pivots: _Tensor,
    B: _Tensor,
    *,
    hermitian: _bool = False,
    out: _Tensor | None = None,
) -> _Tensor:
    """The solution of A X = B from the LDL factors of A."""

def lstsq(
    A: _Tensor, B: _Tensor, rcond: Any = None, *, driver: Any = None
) -> return_types.linalg_lstsq:
    """Solutions of min |A X - B|, residuals, ranks and singular values."""

def lu(
    A: _Tensor, *, pivot: _bool = True, out: Sequence[_Tensor] | None = None
) -> return_types.linalg_lu:
    """P, L and U with A = P L U."""

def lu_factor(
    A: _Tensor, *, pivot: _bool = True, out: Sequence[_Tensor] | None = None
) -> return_types.linalg_lu_factor:
    """L and U in one array and the row exchanges; an error if U has a zero on its diagonal."""

def lu_factor_ex(
    A: _Tensor,
    *,
    pivot: _bool = True,
    check_errors: _bool = False,
    out: Sequence[_Tensor] | None = None,
) -> return_types.linalg_lu_factor_ex:
    """Like `lu_factor` with LAPACK's info, without an error unless `check_errors`."""

def lu_solve(
    LU: _Tensor,
    pivots: _Tensor,
    B: _Tensor,
    *,
    left: _bool = True,
    adjoint: _bool = False,
    out: _Tensor | None = None,
) -> _Tensor:
    """The solution of A X = B (or X A = B; A's adjoint if `adjoint`) from A's LU factors."""

def matmul(input: _Tensor, other: _Tensor, *, out: _Tensor | None = None) -> _Tensor:
    """Matrix product, as `torch.matmul`."""

def matrix_exp(A: _Tensor) -> _Tensor:
    """The exponentials of square matrices."""

def matrix_norm(
    A: _Tensor,
    ord: Any = "fro",
    dim: _int | Sequence[_int] | None = (-2, -1),
    keepdim: _bool = False,
    *,
    dtype: _dtype | None = None,
    out: _Tensor | None = None,
) -> _Tensor:
    """Norms of matrices: "fro", "nuc", inf, -inf, 1, -1, 2 or -2."""

def matrix_power(A: _Tensor, n: _int, *, out: _Tensor | None = None) -> _Tensor:
    """The n-th powers of square matrices by repeated squaring; negative n invert first."""

def matrix_rank(
    A: _Tensor,
    tol: Any = None,
    hermitian: _bool = False,
    *,
    atol: Any = None,
    rtol: Any = None,
    out: _Tensor | None = None,
) -> _Tensor:
    """The number of singular values above max(atol, rtol * the largest)."""

def multi_dot(tensors: Sequence[_Tensor], *, out: _Tensor | None = None) -> _Tensor:
    """The product of a chain of matrices in the cheapest order; the ends may be vectors."""

def norm(
    A: _Tensor,
    ord: Any = None,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    dtype: _dtype | None = None,
    out: _Tensor | None = None,
) -> _Tensor:
    """Vector or matrix norm, by the number of dimensions it is taken over."""

def pinv(
    A: _Tensor,
    rcond: Any = None,
    hermitian: _bool = False,
    *,
    atol: Any = None,
    rtol: Any = None,
    out: _Tensor | None = None,
) -> _Tensor:
    """The Moore-Penrose pseudo-inverses; singular values below the tolerance count as zero."""

def qr(
    A: _Tensor, mode: _str = "reduced", *, out: Sequence[_Tensor] | None = None
) -> return_types.linalg_qr:
    """Q with orthonormal columns and upper triangular R; mode "reduced", "complete" or "r"."""

def slogdet(A: _Tensor, *, out: Sequence[_Tensor] | None = None) -> return_types.linalg_slogdet:
    """Sign (or phase) and natural logarithm of the magnitude of determinants."""

def solve(A: _Tensor, B: _Tensor, *, left: _bool = True, out: _Tensor | None = None) -> _Tensor:
    """The solution of A X = B (or X A = B) for square A; batches broadcast."""

def solve_ex(
    A: _Tensor,
    B: _Tensor,
    *,
    left: _bool = True,
    check_errors: _bool = False,
    out: Sequence[_Tensor] | None = None,
) -> return_types.linalg_solve_ex:
    """Like `solve` with LAPACK's info, without an error unless `check_errors`."""

def solve_triangular(
    A: _Tensor,
    B: _Tensor,
    *,
    upper: _bool,
    left: _bool = True,
    unitriangular: _bool = False,
    out: _Tensor | None = None,
) -> _Tensor:
    """The solution of A X = B (or X A = B) for triangular A; the other triangle is not read."""

def svd(
    A: _Tensor,
    full_matrices: _bool = True,
    *,
    driver: Any = None,
    out: Sequence[_Tensor] | None = None,
) -> return_types.linalg_svd:
    """U, S (descending) and Vh with A = U diag(S) Vh."""

def svdvals(A: _Tensor, *, driver: Any = None, out: _Tensor | None = None) -> _Tensor:
    """The singular values of matrices, descending."""

def tensorinv(A: _Tensor, ind: _int = 2, *, out: _Tensor | None = None) -> _Tensor:
    """The inverse of tensordot with A over its first `ind` dimensions."""

def tensorsolve(A: _Tensor, B: _Tensor, dims: Any = None, *, out: _Tensor | None = None) -> _Tensor:
    """The X with tensordot(A, X) = B; `dims` of A move to the end first."""

def vander(x: _Tensor, *, N: _int | None = None) -> _Tensor:
    """Vandermonde matrices (..., n, N) with ascending powers of x (..., n)."""

def vecdot(x: _Tensor, y: _Tensor, *, dim: _int = -1, out: _Tensor | None = None) -> _Tensor:
    """Inner products of vectors along a dimension, the first conjugated."""

def vector_norm(
    input: _Tensor,
    ord: Any = 2,
    dim: _int | Sequence[_int] | None = None,
    keepdim: _bool = False,
    *,
    dtype: _dtype | None = None,
    out: _Tensor | None = None,
) -> _Tensor:
    """The p-norm of vectors over dimensions, real; `ord` is any number, inf and -inf included."""
