"""Composites of linear algebra: norms, condition, rank, powers, pseudo-inverse, least squares."""

from __future__ import annotations

import math
from typing import Any

from franken.core import dtypes as dt
from franken.core.calls.out import FREE, Into, safely
from franken.core.convert import cast
from franken.core.geometry.shapes import broadcast_two, wrap_dim
from franken.core.op import op
from franken.core.tensor import Tensor
from franken.ops.declaring.return_types import make
from franken.ops.declaring.samples import S, after, given, hermitian
from franken.ops.linalg.checks import (
    HALF,
    check_float,
    check_matrix,
    check_square,
    concrete,
)
from franken.ops.linalg.decompositions import svdvals
from franken.ops.linalg.product import matmul
from franken.ops.linalg.solve import _eye, inv, inverse_, pinv_, upper_part_
from franken.ops.linalg.spectral import eigvalsh_, svdvals_
from franken.ops.reduction.norm import vector_norm

_LSTSQ = make("linalg_lstsq", "solution", "residuals", "rank", "singular_values")

# --- norms ---------------------------------------------------------------------------------------

_ORDERS = ("fro", "nuc", 2, -2, 1, -1, math.inf, -math.inf)

MATRIX_NORM = Into("linalg.matrix_norm expected out tensor dtype {want} but got: {got}")


def _shown(order: Any) -> str:
    return order if isinstance(order, str) else f"{order:g}"


@op(
    at="linalg",
    out=MATRIX_NORM,
    samples=lambda t: [
        S(t.square(3)),
        S(t(2, 3, 4), "nuc"),
        S(t(3, 4), 1, keepdim=True),
        S(t(3, 4), 2),
        S(t(3, 4, 2), -float("inf"), dim=(0, 1)),
    ],
)
def matrix_norm(
    A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """Norms of matrices: "fro", "nuc", inf, -inf, 1, -1, 2 or -2."""
    name = "linalg.matrix_norm"
    check_matrix(A, name)
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    if len(dims) != 2:
        raise RuntimeError(f"{name}: dim must be a 2-tuple. Got {' '.join(str(d) for d in dims)}")
    if ord not in _ORDERS:
        raise RuntimeError(f"{name}: Order {_shown(ord)} not supported.")
    rows, columns = (wrap_dim(d, A.ndim) for d in dims)
    if rows == columns:
        raise RuntimeError(f"{name}: dims must be different. Got ({dims[0]}, {dims[1]})")
    check_float(A, name, low=ord not in ("nuc", 2, -2))
    if ord == "fro":
        return vector_norm(A, 2, (rows, columns), keepdim, dtype=dtype)
    if dtype is not None:
        A = cast(A, dtype)
    if ord in ("nuc", 2, -2):
        return _spectral_norm(A, ord, rows, columns, keepdim)
    return _sum_norm(A, ord, rows, columns, keepdim)


def _spectral_norm(A: Any, order: Any, rows: int, columns: int, keepdim: bool) -> Any:
    values = svdvals(A.movedim((rows, columns), (-2, -1)))
    if order == "nuc":
        out = values.sum(-1)
    else:
        out = _largest(values, -1, False) if order == 2 else values.amin(-1)
    return _restored(out, rows, columns) if keepdim else out


def _restored(out: Any, rows: int, columns: int) -> Any:
    for d in sorted((rows, columns)):
        out = out.unsqueeze(d)
    return out


def _sum_norm(A: Any, order: Any, rows: int, columns: int, keepdim: bool) -> Any:
    summed, other = (rows, columns) if abs(order) == 1 else (columns, rows)
    totals = vector_norm(A, 1, summed, True)
    out = _largest(totals, other, True) if order > 0 else totals.amin(other, True)
    if keepdim:
        return out
    return out.squeeze((rows, columns))


def _largest(sizes: Any, d: int, keepdim: bool) -> Any:
    """The largest of what is not negative; 0 where there is nothing."""
    return sizes.amax(d, keepdim) if sizes.shape[d] else sizes.sum(d, keepdim)


@op(
    at="linalg",
    out=Into("linalg.norm expected out tensor dtype {want} but got: {got}"),
    samples=lambda t: [
        S(t(3, 4)),
        S(t(2, 3, 4), 2, dim=-1),
        S(t(3, 4), "fro", keepdim=True),
        S(t(3, 4), "nuc"),
        S(t(2, 0), dim=0),
    ],
)
def norm(
    A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """Vector or matrix norm, by the number of dimensions it is taken over."""
    dims = None if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    if dims is not None and ord is not None and len(dims) not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}"
        )
    if dims is None and ord is not None and A.ndim not in (1, 2):
        raise RuntimeError(
            "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got "
            f"{A.ndim}D."
        )
    matrix = ord is not None and (
        isinstance(ord, str) or (len(dims) == 2 if dims is not None else A.ndim == 2)
    )
    if matrix:
        return matrix_norm(A, ord, (-2, -1) if dims is None else dims, keepdim, dtype=dtype)
    return vector_norm(A, 2 if ord is None else ord, dims, keepdim, dtype=dtype)


@op(at="linalg", out=safely("linalg.cond"), samples=lambda t: [S(t.square(3)), S(t.square(3), 1)])
def cond(A: Tensor, p: Any = None) -> Tensor:
    """The condition numbers of matrices in the norm p (2 by default)."""
    if A.ndim < 2:
        raise RuntimeError("linalg.cond: The input tensor must have at least 2 dimensions.")
    if p not in (None, *_ORDERS):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {_shown(p)}")
    if 0 in A.shape and not isinstance(p, str):
        return A.new_zeros(tuple(A.shape[:-2]), dtype=A.dtype.to_real())  # type: ignore[attr-defined, no-any-return]
    if p in (None, 2, -2):
        values = svdvals(A)
        first, last = values[..., 0], values[..., -1]  # type: ignore[index]
        return last / first if p == -2 else first / last  # type: ignore[no-any-return]
    check_square(A, f"linalg.cond(ord={_shown(p)})")
    if 0 in A.shape:
        return matrix_norm(A, p).new_zeros(tuple(A.shape[:-2]))  # type: ignore[attr-defined, no-any-return]
    check_float(A, "linalg.inv")
    inverse, info = inverse_(A)
    number = matrix_norm(A, p) * matrix_norm(inverse, p)  # type: ignore[operator]
    return number.masked_fill(info != 0, math.inf)  # type: ignore[attr-defined, no-any-return]


# --- rank and pseudo-inverse ---------------------------------------------------------------------


def _tolerances(A: Tensor, atol: Any, rtol: Any) -> tuple[Any, Any]:
    """Absolute and relative tolerance as torch chooses them; tensors stay tensors."""
    if rtol is None:
        given = atol is not None and (isinstance(atol, Tensor) or atol > 0)
        eps = dt.finfo(A.dtype).eps * max(A.shape[-2:])
        if isinstance(atol, Tensor):
            rtol = (atol <= 0).to(atol.dtype) * eps  # type: ignore[attr-defined]
        else:
            rtol = 0.0 if given else eps
    return (0.0 if atol is None else atol), rtol


def _column(x: Any) -> Any:
    return x.unsqueeze(-1) if isinstance(x, Tensor) else x  # type: ignore[attr-defined]


def _cutoff(values: Any, atol: Any, rtol: Any) -> Any:
    """The magnitude below which a singular value counts as zero."""
    relative = values[..., :1].detach() * _column(rtol)
    absolute = _column(atol)
    if isinstance(absolute, Tensor):
        return relative.maximum(absolute.to(relative.dtype))  # type: ignore[attr-defined]
    return relative.clamp(min=absolute)


@op(
    at="linalg",
    out=safely("torch.linalg.matrix_rank"),
    samples=lambda t: [
        S(t.square(3)),
        S(t.of([[1, 2], [2, 4]], t.dtype)),
        given(hermitian, S(t.positive(3), hermitian=True)),
    ],
)
def matrix_rank(
    A: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Tensor:
    """The number of singular values above max(atol, rtol * the largest)."""
    name = "torch.linalg.matrix_rank"
    if A.dtype.kind <= dt.INTEGER or A.dtype in HALF:
        raise RuntimeError("This function doesn't handle types other than float and double")
    if tol is not None:
        atol, rtol = tol, 0.0
    for t, what in ((atol, "atol"), (rtol, "rtol")):
        if isinstance(t, Tensor) and t.dtype.is_complex:
            raise RuntimeError(
                f"{name}: {what} tensor of complex type is not supported. Got {t.dtype.scalar_name}"
            )
    check_matrix(A, name, "input")
    if 0 in A.shape[-2:]:
        return A.new_zeros(tuple(A.shape[:-2]), dtype=dt.int64)  # type: ignore[attr-defined, no-any-return]
    values = _magnitudes(A, hermitian)
    atol, rtol = _tolerances(A, atol, rtol)
    top = values.amax(-1, True)
    return (values > _cutoff(top, atol, rtol)).sum(-1)  # type: ignore[no-any-return]


def _magnitudes(A: Tensor, hermitian: bool) -> Any:
    if not hermitian:
        return svdvals_(A)
    check_square(A, "linalg.eigh")
    return eigvalsh_(A, lower=True).abs()


@op(
    at="linalg",
    out=safely("linalg.pinv"),
    samples=lambda t: [
        S(t(4, 2)),
        S(t.square(3, 2)),
        given(hermitian, S(t.positive(3), hermitian=True)),
    ],
)
def pinv(
    A: Tensor, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Tensor:
    """The Moore-Penrose pseudo-inverses; singular values below the tolerance count as zero."""
    if rcond is not None:
        rtol = rcond
    if A.ndim < 2 or A.dtype.kind <= dt.INTEGER or A.dtype in (*HALF, dt.complex32):
        raise RuntimeError(
            f"linalg.pinv({A.dtype.scalar_name}{{{list(A.shape)}}}): expected a tensor with 2 or "
            "more dimensions of float, double, cfloat or cdouble types"
        )
    if 0 in A.shape:
        return A.new_zeros((*A.shape[:-2], A.shape[-1], A.shape[-2])) + A.mT * 0  # type: ignore[attr-defined, no-any-return]
    if hermitian:
        check_square(A, "linalg.eigh")
    tolerances = _tolerances(A, atol, rtol)
    for t in tolerances:
        if isinstance(t, Tensor) and t.ndim:  # tolerances may be of more matrices than there are
            A = A.expand(*broadcast_two(tuple(A.shape[:-2]), tuple(t.shape)), *A.shape[-2:])
    return pinv_(A, *tolerances, hermitian=hermitian)  # type: ignore[no-any-return]


@op(samples=lambda t: [S(t(4, 2)), S(t.square(3))])
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """The Moore-Penrose pseudo-inverses; `rcond` is the relative cutoff."""
    return pinv(input, rcond)


@op(
    at="linalg",
    also={"b": "B"},
    samples=lambda t: [
        after(lambda out: out[0], S(t(4, 2), t(4, 3))),
        after(lambda out: out[0], S(t.square(3), t(3, 1))),
    ],
    title="LinalgLstsqBackward0",
)
def lstsq(A: Tensor, B: Tensor, rcond: Any = None, *, driver: Any = None) -> Any:
    """Solutions of min |A X - B|, residuals, ranks and singular values."""
    name = "torch.linalg.lstsq"
    if A.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if B.ndim < 1:
        raise RuntimeError(f"{name}: other must have at least 1 dimension.")
    vector = B.ndim == 1 or (A.ndim - 1 == B.ndim and tuple(B.shape) == tuple(A.shape[:-1]))
    if A.shape[-2] != B.shape[-1 if vector else -2]:
        raise RuntimeError(
            f"{name}: input.size(-2) should match other.size({-1 if vector else -2})"
        )
    if A.dtype is not B.dtype:
        raise RuntimeError(
            f"{name}: Expected input and other to have the same dtype, but got input's dtype "
            f"{A.dtype.scalar_name} and other's dtype {B.dtype.scalar_name}"
        )
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(
            f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)"
        )
    if A.dtype.kind <= dt.INTEGER or A.dtype in HALF:
        raise RuntimeError("This function doesn't handle types other than float and double")
    return _lstsq(A, B.unsqueeze(-1) if vector else B, vector, rcond, driver or "gelsy")  # type: ignore[attr-defined]


def _lstsq(A: Any, b: Any, vector: bool, rcond: Any, driver: str) -> Any:
    m, n = A.shape[-2:]
    cutoff = dt.finfo(A.dtype).eps * max(m, n) if rcond is None else rcond
    full = driver == "gels"
    if 0 in A.shape:
        x = A.mH @ b
    else:
        x = pinv_(A, 0.0, 0.0 if full else cutoff, hermitian=False) @ b
    empty = A.new_zeros(0)
    values = svdvals_(A.detach()).detach() if not full and 0 not in A.shape else empty
    rank = A.new_zeros(0, dtype=dt.int64)
    if not full:
        rank = matrix_rank(A.detach(), rtol=cutoff)
    residuals = _residuals(A, x, b, rank, driver)
    if driver not in ("gelsd", "gelss"):
        values = empty.real if empty.dtype.is_complex else empty
    x = upper_part_(x, rows=max(m, n))
    if vector:
        x = x.squeeze(-1)
    return _LSTSQ(x, residuals, rank, values)


def _residuals(A: Any, x: Any, b: Any, rank: Any, driver: str) -> Any:
    """Squared residuals, which exist only for overdetermined systems of full rank.

    Whether they do is one answer for a whole batch, hidden dimensions included. Absent ones are
    empty and still a function of the inputs, as in torch.
    """
    m, n = A.shape[-2:]
    absent = m <= n or driver == "gelsy" or driver != "gels" and bool((concrete(rank) != n).any())
    if absent:
        return x.flatten()[:0].abs()
    return (A @ x - b).abs().square().sum(-2)


# --- powers --------------------------------------------------------------------------------------


@op(
    at="linalg",
    out=FREE,
    method=True,
    alias=("torch.matrix_power",),
    samples=lambda t: [S(t.square(3), 3), S(t.square(2, 2), -2), S(t.square(2), 0)],
)
def matrix_power(A: Tensor, n: int) -> Tensor:
    """The n-th powers of square matrices by repeated squaring; negative n invert first."""
    if isinstance(n, bool) or not isinstance(n, int):
        raise TypeError(
            f"linalg_matrix_power(): argument 'n' (position 2) must be int, not {type(n).__name__}"
        )
    check_square(A, "linalg.matrix_power")
    if n == 0:
        return (A * 0).nan_to_num(0, 0, 0) + _eye(A)  # type: ignore[operator, no-any-return]
    base = inv(A) if n < 0 else A
    out, n = None, abs(n)
    while True:
        if n & 1:
            out = base if out is None else matmul(out, base)
        n >>= 1
        if not n:
            break
        base = matmul(base, base)
    return out.clone() if out is A else out  # type: ignore[union-attr, return-value]
