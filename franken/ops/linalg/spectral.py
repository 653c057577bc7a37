"""QR, SVD and eigenvalue decompositions and their cotangents.

Sources: QR, Walter & Lehmann (2018) and Seeger et al., "Auto-differentiating linear algebra"
(2017); SVD, Wan & Zhang, "Automatic differentiation for complex valued SVD" (2019); eigenvalues,
Giles (2008) and Boeddeker et al. (2017). Losses that depend on the free phase of complex vectors
have no gradient and raise.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.meta import rules
from franken.core.errors import LinAlgError
from franken.core.primitive import Primitive
from franken.ops.linalg.checks import concrete, leading
from franken.ops.linalg.solve import solve_, triangular_
from franken.ops.shape.triangular import triu_

# --- QR ------------------------------------------------------------------------------------------


def _qr_kernel(x: Any, *, mode: Any) -> Any:
    if mode == "r":
        return np.empty((0,), x.dtype), np.linalg.qr(x, "r")
    q, r = np.linalg.qr(x, mode)
    return q, r


def _no_batched_empty(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    q, r = prim(values[0].movedim(dims[0], 0), **params)
    return (q, r), (None if params["mode"] == "r" else 0, 0)


qr_ = Primitive(
    "linalg_qr",
    ("x",),
    _qr_kernel,
    outputs=2,
    batch=_no_batched_empty,
    layout="column_major",
    meta="orthogonal",
)
qr_.holomorphic = False


@qr_.vjp("x")
def _(g0: Any, g1: Any, out0: Any, out1: Any, x_shape: Any, mode: str) -> Any:
    m, n = x_shape[-2:]
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. "
            "Please use linalg.qr(A, mode='reduced') if you are going to be computing gradients "
            "through this function."
        )
    if mode == "complete" and m > n:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols"
        )
    if m >= n:
        return _qr_tall(g0, g1, out0, out1)
    from franken.ops.shape.join import cat

    square = out1[..., :m]
    if g1 is None:
        left = _qr_tall(g0, None, out0, square)
        return cat([left, left.new_zeros((*left.shape[:-1], n - m))], -1)
    gv = g1[..., m:]
    turned = out0 @ (out1[..., m:] @ gv.mH)
    gq = turned if g0 is None else g0 + turned
    return cat([_qr_tall(gq, g1[..., :m], out0, square), out0 @ gv], -1)


def _qr_tall(gq: Any, gr: Any, q: Any, r: Any) -> Any:
    """The cotangent of m >= n; one of those of Q and R may be missing."""
    if gr is None:
        middle = -(q.mH @ gq)
    else:
        middle = triu_(gr, diagonal=0) @ r.mH
        if gq is not None:
            middle = middle - q.mH @ gq
    upper = triu_(middle, diagonal=1)
    diagonal = middle.diagonal(0, -2, -1)
    if diagonal.dtype.is_complex:
        diagonal = diagonal.real.to(middle.dtype)
    copied = upper + upper.mH + diagonal.diag_embed()
    back = q @ copied if gq is None else gq + q @ copied
    return triangular_(r.conj_physical(), back.mT, upper=True, unit=False).mT


# --- Hermitian eigenvalues -----------------------------------------------------------------------


def _eigh_kernel(x: Any, *, lower: bool) -> Any:
    try:
        values, vectors = np.linalg.eigh(x, "L" if lower else "U")
    except np.linalg.LinAlgError as error:
        raise _diverged("linalg.eigh", x) from error
    return values, vectors


def _diverged(name: str, x: Any) -> LinAlgError:
    return LinAlgError(
        f"{name}: The algorithm failed to converge because the input matrix is ill-conditioned or "
        f"has too many repeated eigenvalues (error code: {x.shape[-1] - 1})."
    )


eigh_ = Primitive(
    "linalg_eigh",
    ("x",),
    _eigh_kernel,
    outputs=2,
    meta="eigen",
    batch=leading(),
    layout=("contiguous", "column_major"),
)
eigh_.holomorphic = False


def _differences(values: Any) -> Any:
    """E[i, j] = λ_j - λ_i, with ones on the diagonal."""
    gaps = values.unsqueeze(-2) - values.unsqueeze(-1)
    eye = gaps.new_ones(gaps.shape[-1]).diag_embed()
    return gaps + eye


def _skew(x: Any) -> Any:
    return x - x.mH


_DEPENDS = "quantity, so it is"


def _refuse_phase(name: str, what: str, residue: Any, scale: Any, depends: str = _DEPENDS) -> None:
    """Raise if the loss depends on the phase of the vectors: a diagonal that should vanish."""
    bad = np.abs(concrete(residue)).max(initial=0)
    limit = 1e-2 * max(1.0, float(np.abs(concrete(scale)).max(initial=0)))
    if bad > limit:
        raise RuntimeError(
            f"{name}: The {what} in the complex case are specified up to multiplication by "
            f"e^{{i phi}}. The specified loss function depends on this {depends} ill-defined."
        )


@eigh_.vjp("x")
def _(g0: Any, out1: Any) -> Any:
    return (out1 * g0.unsqueeze(-2)) @ out1.mH


@eigh_.vjp("x")
def _(g1: Any, out0: Any, out1: Any) -> Any:
    inner = out1.mH @ g1
    if inner.dtype.is_complex:
        diagonal = inner.diagonal(0, -2, -1).imag
        _refuse_phase("linalg_eigh_backward", "eigenvectors", diagonal, inner)
    off = _skew(inner) * 0.5 / _differences(out0)
    return out1 @ (off - off.diagonal(0, -2, -1).diag_embed()) @ out1.mH


eigvalsh_ = Primitive(
    "linalg_eigvalsh",
    ("x",),
    lambda x, *, lower: _eigh_kernel(x, lower=lower)[0],
    batch=leading(),
    meta=lambda x, **_: rules.eigen(x)[0],
)
eigvalsh_.holomorphic = False


@eigvalsh_.vjp("x")
def _(g: Any, x: Any, lower: bool) -> Any:
    vectors = eigh_(x, lower=lower)[1]
    return (vectors * g.unsqueeze(-2)) @ vectors.mH


# --- general eigenvalues -------------------------------------------------------------------------


def _eig_kernel(x: Any) -> Any:
    if not np.isfinite(x).all():
        raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")
    values, vectors = np.linalg.eig(x)
    wide = np.complex64 if x.dtype.itemsize // (1 + (x.dtype.kind == "c")) == 4 else np.complex128
    return values.astype(wide), vectors.astype(wide)


eig_ = Primitive(
    "linalg_eig",
    ("x",),
    _eig_kernel,
    outputs=2,
    batch=leading(),
    layout=("contiguous", "column_major"),
)
eig_.holomorphic = False


@eig_.vjp("x")
def _(g0: Any, out1: Any) -> Any:
    back = out1.mH
    return solve_(back, g0.unsqueeze(-1) * back)[0]


@eig_.vjp("x")
def _(g1: Any, out0: Any, out1: Any) -> Any:
    v = out1
    inner = v.mH @ g1
    diagonal = inner.diagonal(0, -2, -1)
    _refuse_phase("linalg_eig_backward", "eigenvectors", diagonal.imag, inner)
    inner = inner - (v.mH @ v) * diagonal.real.unsqueeze(-2)
    middle = inner / _differences(out0).conj_physical()
    middle = middle - middle.diagonal(0, -2, -1).diag_embed()
    return solve_(v.mH, middle @ v.mH)[0]


# --- singular values -----------------------------------------------------------------------------


def _svd_kernel(x: Any, *, full: bool) -> Any:
    try:
        u, s, vh = np.linalg.svd(x, full)
    except np.linalg.LinAlgError as error:
        raise LinAlgError(
            "linalg.svd: The algorithm failed to converge because the input matrix contained "
            "non-finite values."
        ) from error
    return u, s, vh


svd_ = Primitive(
    "linalg_svd",
    ("x",),
    _svd_kernel,
    outputs=3,
    meta="singular",
    batch=leading(),
    layout=("column_major", "contiguous", "column_major"),
)
svd_.holomorphic = False


@svd_.vjp("x")
def _(g1: Any, out0: Any, out1: Any, out2: Any) -> Any:
    k = out1.shape[-1]
    return (out0[..., :k] * g1.unsqueeze(-2)) @ out2[..., :k, :]


@svd_.vjp("x")
def _(g0: Any, g2: Any, out0: Any, out1: Any, out2: Any) -> Any:
    k = out1.shape[-1]
    u, v = out0[..., :k], out2[..., :k, :].mH  # vectors beyond k have no derivative
    gu, gv = None if g0 is None else g0[..., :k], None if g2 is None else g2[..., :k, :].mH
    scale = out1.to(u.dtype)
    gaps = _differences(out1 * out1)
    inner_u, inner_v = (None if g is None else w.mH @ g for w, g in ((u, gu), (v, gv)))
    middle = _total(
        None if inner_u is None else (_skew(inner_u) / gaps) * scale.unsqueeze(-2),
        None if inner_v is None else scale.unsqueeze(-1) * (_skew(inner_v) / gaps),
    )
    middle = middle - middle.diagonal(0, -2, -1).diag_embed()
    if u.dtype.is_complex:
        middle = _total(middle, _svd_phase(inner_u, inner_v, out1))
    out = u @ middle @ v.mH
    if gu is not None and u.shape[-2] > k:
        out = out + ((gu - u @ inner_u) / scale.unsqueeze(-2)) @ v.mH
    if gv is not None and v.shape[-2] > k:
        out = out + (u / scale.unsqueeze(-2)) @ (gv - v @ inner_v).mH
    return out


def _total(a: Any, b: Any) -> Any:
    """The sum of what is there of two terms."""
    return b if a is None else a if b is None else a + b


def _svd_phase(inner_u: Any, inner_v: Any, s: Any) -> Any:
    """What the common phase of complex singular vectors gives; refuses a loss that sees it."""
    phase, other = (
        None if inner is None else inner.diagonal(0, -2, -1).imag for inner in (inner_u, inner_v)
    )
    scale = inner_v if inner_u is None else inner_u
    total = _total(phase, other)
    _refuse_phase("svd_backward", "singular vectors", total, scale, "phase term, making it")
    if phase is None:
        return None
    turn = (phase * 1j / s).masked_fill(s == 0, 0)  # their vectors' phases are both free
    return turn.diag_embed()


svdvals_ = Primitive(
    "linalg_svdvals",
    ("x",),
    lambda x: _svdvals_kernel(x),
    batch=leading(),
    meta="singular_values",
)
svdvals_.holomorphic = False


def _svdvals_kernel(x: Any) -> Any:
    try:
        return np.linalg.svd(x, compute_uv=False)
    except np.linalg.LinAlgError as error:
        raise LinAlgError(
            "linalg.svd: The algorithm failed to converge because the input matrix contained "
            "non-finite values."
        ) from error


@svdvals_.vjp("x")
def _(g: Any, x: Any) -> Any:
    u, _, vh = svd_(x, full=False)
    return (u * g.unsqueeze(-2)) @ vh
