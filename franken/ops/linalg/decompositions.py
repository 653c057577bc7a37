"""The public decompositions: QR, SVD, eigenvalues, Householder reflections.

Checks and result types; the primitives are in `decomp_spectral`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.core import dtypes as dt
from franken.core.calls.out import FREE, Into, safely
from franken.core.convert import cast
from franken.core.op import op, spelled
from franken.core.primitive import Primitive
from franken.core.tensor import Tensor, attach
from franken.ops.declaring.declare import without_forward
from franken.ops.declaring.return_types import make
from franken.ops.declaring.samples import S, after, definite, given, hermitian, matrices
from franken.ops.linalg.checks import (
    HALF,
    check_float,
    check_kernel,
    check_matrix,
    check_same,
    check_square,
    leading,
)
from franken.ops.linalg.solve import _eye
from franken.ops.linalg.spectral import eig_, eigh_, eigvalsh_, qr_, svd_, svdvals_

_QR = make("linalg_qr", "Q", "R")
_OLD_QR = make("qr", "Q", "R")
_GEQRF = make("geqrf", "a", "tau")
_SVD = make("linalg_svd", "U", "S", "Vh")
_OLD_SVD = make("svd", "U", "S", "V")
_EIGH = make("linalg_eigh", "eigenvalues", "eigenvectors")
_EIG = make("linalg_eig", "eigenvalues", "eigenvectors")

# --- QR ------------------------------------------------------------------------------------------


@op(
    at="linalg",
    out=FREE,
    samples=lambda t: [
        S(t.square(3)),
        S(t(4, 2)),
        S(t(2, 3, 4), mode="r"),
        S(t(4, 2), mode="complete"),
    ],
)
def qr(A: Tensor, mode: str = "reduced") -> Any:
    """Q with orthonormal columns and upper triangular R; mode "reduced", "complete" or "r"."""
    check_float(A, "linalg.qr", kernel="geqrf_cpu")
    check_matrix(A, "linalg.qr")
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), "
            "'r', or 'complete'"
        )
    return _QR(qr_(A, mode=mode))


@op(name="qr", out=FREE, samples=lambda t: [S(t.square(3)), S(t(4, 2)), S(t(4, 2), some=False)])
def _qr_torch(input: Tensor, some: bool = True) -> Any:
    """Q with orthonormal columns and upper triangular R."""
    return _OLD_QR(tuple(qr(input, "reduced" if some else "complete")))


def _geqrf_kernel(x: Any) -> Any:
    h, tau = np.linalg.qr(x, "raw")
    return h.swapaxes(-1, -2), tau


geqrf_ = Primitive(
    "linalg_geqrf",
    ("x",),
    _geqrf_kernel,
    outputs=2,
    batch=leading(),
    layout=("column_major", "contiguous"),
)


@geqrf_.vjp("x")
def _(g0: Any, g1: Any) -> Any:
    raise NotImplementedError("the derivative for 'geqrf' is not implemented.")


geqrf_.jvp(without_forward("geqrf"))


@op(
    out=safely("torch.geqrf", "a", "tau"),
    samples=lambda t: [S(t.square(3)), S(t(4, 2))],
    title="GeqrfBackward0",
)
def geqrf(input: Tensor) -> Any:
    """The compact QR: R above the Householder vectors, and their factors tau."""
    check_matrix(input, "torch.geqrf", "input")
    check_kernel(input, "geqrf_cpu")
    return _GEQRF(geqrf_(input))


def _vectors(a: Any, k: int) -> Any:
    """The Householder vectors: the strict lower triangle with ones on the diagonal."""
    low = a[..., :k].tril(-1)
    return low + _eye(a, a.shape[-2], k)


def _reflect(v: Any, tau: Any, order: Any, b: Any, adjoint: bool) -> Any:
    """Apply the reflections I - tau v vᴴ (tau conjugated if `adjoint`) to b in this order."""
    for i in order:
        column = v[..., i, None]
        t = tau[..., i, None, None]
        t = t.conj_physical() if adjoint else t
        b = b - (t * column) @ (column.mH @ b)
    return b


@op(
    at="linalg",
    out=safely("torch.linalg.householder_product"),
    alias=("torch.orgqr",),
    also={"input2": "tau"},
    samples=lambda t: [
        S(t(4, 2, high=0.5, low=-0.5), t(2, low=0.2, high=0.8)),
        S(t(2, 3, 3, high=0.5, low=-0.5), t(2, 2, low=0.2, high=0.8)),
    ],
    title="LinalgHouseholderProductBackward0",
    layout="column_major",
)
def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """The first n columns of the product of Householder reflections (..., m, n)."""
    name = "torch.linalg.householder_product"
    if A.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if A.shape[-2] < A.shape[-1]:
        raise RuntimeError(
            f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]"
        )
    if A.shape[-1] < tau.shape[-1]:
        raise RuntimeError(
            f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]"
        )
    _check_tau(A, tau, name, "input")
    k = tau.shape[-1]
    start = _eye(A, *A.shape[-2:]) + A.narrow(-1, 0, 0).sum(-1, keepdim=True)  # type: ignore[attr-defined]
    return _reflect(_vectors(A, k), tau, reversed(range(k)), start, False)  # type: ignore[no-any-return]


attach(orgqr=spelled(householder_product, {"input2": "tau"}))


def _check_tau(a: Tensor, tau: Tensor, name: str, what: str) -> None:
    if tau.ndim != a.ndim - 1:
        raise RuntimeError(
            f"{name}: Expected tau to have one dimension less than {what}, but got tau.ndim equal "
            f"to {tau.ndim} and {what}.ndim is equal to {a.ndim}"
        )
    if tuple(tau.shape[:-1]) != tuple(a.shape[:-2]):
        raise RuntimeError(
            f"{name}: Expected batch dimensions of tau to be equal to {what}.shape[:-2], but got "
            f"{list(tau.shape[:-1])}"
        )
    if a.dtype is not tau.dtype:
        raise RuntimeError(
            f"{name}: tau dtype {tau.dtype.scalar_name} does not match {what} dtype "
            f"{a.dtype.scalar_name}"
        )
    check_kernel(a, "orgqr_cpu")


_ORMQR_OUT = Into(
    "torch.ormqr: Expected input and result to have the same dtype, but input has "
    "dtype{want} and result has dtype {got}",
    memory="free",
)


@op(
    out=_ORMQR_OUT,
    also={"input2": "tau", "input3": "other"},
    samples=lambda t: [
        S(t(4, 2, high=0.5, low=-0.5), t(2, low=0.2, high=0.8), t(4, 3)),
        S(
            t(4, 2, high=0.5, low=-0.5),
            t(2, low=0.2, high=0.8),
            t(3, 4),
            left=False,
            transpose=True,
        ),
    ],
    title="OrmqrBackward0",
    layout="column_major",
)
def ormqr(
    input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False
) -> Tensor:
    """The product of the full Q of Householder reflections (or its adjoint) with `other`."""
    name, side = "torch.ormqr", -2 if left else -1
    for t, what in ((input, "input"), (other, "other")):
        if t.ndim < 2:
            raise RuntimeError(f"{name}: {what} must have at least 2 dimensions.")
    if other.shape[side] != input.shape[-2]:
        raise RuntimeError(f"{name}: other.shape[{side}] must be equal to input.shape[-2]")
    if tau.shape[-1] != min(other.shape[side], input.shape[-1]):
        raise RuntimeError(
            f"{name}: tau.shape[-1] must be equal to min(other.shape[{side}], input.shape[-1])"
        )
    _check_tau(input, tau, name, "input")
    check_same(input, other, name, "input", "other")
    k = tau.shape[-1]
    if not k:
        return other.clone()  # type: ignore[attr-defined, no-any-return]
    v = _vectors(input, k)
    if left:
        order = range(k) if transpose else reversed(range(k))
        return _reflect(v, tau, order, other, transpose)  # type: ignore[no-any-return]
    order = reversed(range(k)) if transpose else range(k)  # C Q = (Qᴴ Cᴴ)ᴴ
    flipped = other.mT.conj_physical()  # type: ignore[attr-defined]
    return _reflect(v, tau, order, flipped, not transpose).mH.clone()  # type: ignore[attr-defined, no-any-return]


# --- singular values -----------------------------------------------------------------------------


@op(
    at="linalg",
    out=FREE,
    samples=lambda t: [
        after(lambda out: (abs(out[0]), out[1], abs(out[2])), S(t.square(3))),
        after(lambda out: out[1], S(t(2, 4))),
        after(lambda out: out[1], S(t(2, 3, 2), full_matrices=False)),
    ],
)
def svd(A: Tensor, full_matrices: bool = True, *, driver: Any = None) -> Any:
    """U, S (descending) and Vh with A = U diag(S) Vh."""
    check_float(A, "linalg.svd", kernel="linalg_svd_cpu")
    check_matrix(A, "linalg.svd")
    _refuse_driver("linalg.svd", driver)
    return _SVD(svd_(A, full=full_matrices))


def _refuse_driver(name: str, driver: Any) -> None:
    if driver is not None:
        raise RuntimeError(
            f"{name}: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER "
            "backend."
        )


@op(
    at="linalg",
    out=FREE,
    samples=lambda t: [S(t.square(3)), S(t(2, 4)), S(t(2, 3, 2))],
    title="LinalgSvdBackward0",
)
def svdvals(A: Tensor, *, driver: Any = None) -> Tensor:
    """The singular values of matrices, descending."""
    check_float(A, "linalg.svd", kernel="linalg_svd_cpu")
    check_matrix(A, "linalg.svd")
    _refuse_driver("linalg.svd", driver)
    return svdvals_(A)  # type: ignore[no-any-return]


@op(
    name="svd",
    out=FREE,
    samples=lambda t: [
        after(lambda out: (abs(out[0]), out[1], abs(out[2])), S(t.square(3))),
        after(lambda out: out[1], S(t(2, 4))),
    ],
)
def _svd_torch(input: Tensor, some: bool = True, compute_uv: bool = True) -> Any:
    """U, S (descending) and V with input = U diag(S) Vᴴ; zeros for U, V without `compute_uv`."""
    check_matrix(input, "linalg.svd")
    check_float(input, "linalg.svd", kernel="linalg_svd_cpu")
    fields = _OLD_SVD
    if compute_uv:
        u, s, vh = svd_(input, full=not some)
        return fields(u, s, vh.mH)
    m, n = input.shape[-2:]
    lead = tuple(input.shape[:-2])
    zeros: Any = input.new_zeros  # type: ignore[attr-defined]
    return fields(zeros(*lead, m, m), svdvals_(input), zeros(*lead, n, n))


# --- eigenvalues ---------------------------------------------------------------------------------


def _check_hermitian(A: Tensor, uplo: str) -> bool:
    check_square(A, "linalg.eigh")
    check_kernel(A, "linalg_eigh_cpu")
    if str(uplo).upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {uplo}")
    return str(uplo).upper() == "L"


@op(
    at="linalg",
    out=FREE,
    samples=lambda t: [
        after(lambda out: (out[0], abs(out[1])), given(hermitian, S(t.positive(3)))),
        after(lambda out: (out[0], abs(out[1])), given(hermitian, S(t.positive(2, 2), "U"))),
    ],
)
def eigh(A: Tensor, UPLO: str = "L") -> Any:
    """Real eigenvalues (ascending) and eigenvectors of Hermitian matrices."""
    lower = _check_hermitian(A, UPLO)
    return _EIGH(eigh_(A, lower=lower))


@op(at="linalg", out=FREE, samples=definite, title="LinalgEighBackward0")
def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """Real eigenvalues (ascending) of Hermitian matrices."""
    return eigvalsh_(A, lower=_check_hermitian(A, UPLO))  # type: ignore[no-any-return]


def _check_general(A: Tensor, name: str) -> None:
    check_square(A, name)
    if A.dtype.kind <= dt.INTEGER:
        raise RuntimeError(f"Unknown Complex ScalarType for {A.dtype.scalar_name}")
    check_kernel(A, "linalg_eig_out_cpu")


@op(
    at="linalg",
    out=safely("torch.linalg.eig", "eigenvalues", "eigenvectors"),
    samples=lambda t: [after(lambda out: (out[0], abs(out[1])), S(t.square(3)))],
)
def eig(A: Tensor) -> Any:
    """Complex eigenvalues and eigenvectors of square matrices."""
    _check_general(A, "linalg.eig")
    return _EIG(eig_(A))


@op(
    at="linalg",
    out=safely("torch.linalg.eigvals", "eigenvalues"),
    samples=lambda t: [S(t.square(3)), S(t.square(2, 2))],
)
def eigvals(A: Tensor) -> Tensor:
    """Complex eigenvalues of square matrices."""
    _check_general(A, "linalg.eigvals")
    return eig_(A)[0]  # type: ignore[no-any-return]


# --- exponential ---------------------------------------------------------------------------------


def _exp_kernel(x: Any) -> Any:
    from franken.backends.numpy.expm import matrix_exp as kernel

    return kernel(x)


matrix_exp_ = Primitive("linalg_matrix_exp", ("x",), _exp_kernel, batch=leading(), meta="same")


def _frechet(a: Any, e: Any) -> Any:
    """The derivative of exp at a along e: a block of exp([[a, e], [0, a]]) (Higham, 2008)."""
    from franken.ops.shape.join import cat

    n = a.shape[-1]
    top = cat([a, e], -1)
    below = cat([a.new_zeros(tuple(a.shape)), a], -1)
    return matrix_exp_(cat([top, below], -2))[..., :n, n:]


@matrix_exp_.vjp("x")
def _(g: Any, x: Any) -> Any:
    return _frechet(x.mT, g)


@matrix_exp_.jvp
def _(tangents: Any, out: Any, x: Any) -> Any:
    return _frechet(x, tangents[0])


@op(at="linalg", method=True, alias=("torch.matrix_exp",), samples=matrices)
def matrix_exp(A: Tensor) -> Tensor:
    """The exponentials of square matrices."""
    check_float(A, "linalg.matrix_exp", low=True)
    check_square(A, "linalg.matrix_exp")
    if A.dtype is dt.complex32:
        raise NotImplementedError("\"bmm\" not implemented for 'ComplexHalf'")
    if A.dtype in HALF:
        return cast(matrix_exp_(cast(A, dt.float32)), A.dtype)
    return matrix_exp_(A)  # type: ignore[no-any-return]
