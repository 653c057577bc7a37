"""Distances between vectors: row by row, all pairs of two sets, all pairs of one, by angle.

Euclidean pairs have a primitive that makes no array of all differences for large sets; other norms
go through `vector_norm`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.core.batching import pointwise
from franken.core.geometry.shapes import broadcast_two, wrap_dim
from franken.core.op import namespace, op
from franken.core.primitive import Primitive
from franken.core.tensor import Tensor
from franken.ops.declaring.declare import promoted, refused
from franken.ops.declaring.samples import S

_MODES = (
    "use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist",
    "donot_use_mm_for_euclid_dist",
)  # fmt: skip
_DIRECT = 1 << 16  # differences up to this many are formed; more go through a matrix product


def _norm(x: Any, p: float, keepdim: bool = False) -> Any:
    return namespace("linalg")["vector_norm"](x, p, -1, keepdim)


def _distance(x: Any, p: float) -> Any:
    """The norm of differences; of order 0 it counts them with a slope of zero, and sees NaN."""
    return _norm(x, p) if p else x.abs().ceil().clamp(max=1).sum(-1)


@op(
    "torch nn.functional",
    method=False,
    samples=lambda t: [S(t(3, 4), t(3, 4)), S(t(3, 4), t(4), p=3.0, keepdim=True), S(t(4), t(4))],
    title="NormBackward1",
)
def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The norm of order p of x1 - x2 + eps along the last dimension."""
    d: Any = x1 - x2 + eps  # type: ignore[operator]
    return _norm(d, p, keepdim)  # type: ignore[no-any-return]


# --- cosine ---------------------------------------------------------------------------------------


def _bounded_norm(x: Any, d: int, eps: float) -> Any:
    """The norm, at least eps; the bound has no slope of its own, as in torch."""
    n = namespace("linalg")["vector_norm"](x, 2, d, True)
    fixed = n.detach()
    return n + (fixed.clamp(min=eps) - fixed)


@op(
    "torch nn.functional",
    method=False,
    samples=lambda t: [S(t(3, 4), t(3, 4)), S(t(2, 3, 4), t(3, 1), dim=-1), S(t(4), t(4), dim=0)],
)
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along a dimension, norms bounded below by eps."""
    (x, y), common = promoted("cosine_similarity", "default", (x1, x2))
    if not common.is_floating_point:
        raise RuntimeError(
            f"expected common dtype to be floating point, yet common dtype is {common.scalar_name}"
        )
    if eps < 0:
        raise RuntimeError(f"eps must be non-negative, got: {eps:g}")
    shape = broadcast_two(tuple(x.shape), tuple(y.shape))
    x, y = x.expand(shape), y.expand(shape)
    d = wrap_dim(dim, len(shape))
    if not shape:
        return (x / _bounded_scalar(x, eps)) * (y / _bounded_scalar(y, eps))  # type: ignore[no-any-return]
    return ((x / _bounded_norm(x, d, eps)) * (y / _bounded_norm(y, d, eps))).sum(d)  # type: ignore[no-any-return]


def _bounded_scalar(x: Any, eps: float) -> Any:
    return _bounded_norm(x.reshape((1,)), 0, eps).reshape(())


# --- all pairs ------------------------------------------------------------------------------------


def _euclid_kernel(x: Any, y: Any, *, product: bool) -> Any:
    if not product:
        d = x[..., :, None, :] - y[..., None, :, :]
        return np.sqrt(np.einsum("...i,...i->...", d, d))
    squares = np.matmul(x, np.swapaxes(y, -1, -2))
    squares *= -2
    squares += np.einsum("...i,...i->...", x, x)[..., :, None]
    squares += np.einsum("...i,...i->...", y, y)[..., None, :]
    return np.sqrt(np.maximum(squares, 0, out=squares), out=squares)


euclid = Primitive(
    "euclidean_pairs",
    ("x", "y"),
    _euclid_kernel,
    batch=pointwise,
    title="CdistBackward0",
    meta="pairs",
)


def _pulled(c: Any, x: Any, y: Any) -> Any:
    """sum over j of c[i, j] (x[i] - y[j])."""
    if c.numel() * x.shape[-1] <= _DIRECT:
        return (c.unsqueeze(-1) * (x.unsqueeze(-2) - y.unsqueeze(-3))).sum(-2)
    return x * c.sum(-1, keepdim=True) - c @ y


def _ratio(g: Any, out: Any) -> Any:
    zero = out == 0
    return (g / out.masked_fill(zero, 1)).masked_fill(zero, 0)


@euclid.vjp("x")
def _(g: Any, x: Any, y: Any, out: Any) -> Any:
    return _pulled(_ratio(g, out), x, y)


@euclid.vjp("y")
def _(g: Any, x: Any, y: Any, out: Any) -> Any:
    return _pulled(_ratio(g, out).transpose(-1, -2), y, x)


def _check_pairs(x: Any, y: Any, p: float) -> None:
    for name, t in (("X1", x), ("X2", y)):
        if not t.dtype.is_floating_point:
            raise RuntimeError(
                f"cdist only supports floating-point dtypes, {name} got: {t.dtype.scalar_name}"
            )
    for name, t in (("X1", x), ("X2", y)):
        if t.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {t.ndim}D")
    if x.shape[-1] != y.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x.shape[-1]} X2: {y.shape[-1]}"
        )
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    if x.dtype is not y.dtype:
        raise RuntimeError(
            f"expected scalar type {x.dtype.scalar_name} but found {y.dtype.scalar_name}"
        )
    refused("cdist", x.dtype, "h")


@op(
    method=False,
    samples=lambda t: [
        S(t(3, 4), t(2, 4)),
        S(t(2, 3, 4), t(2, 4, 4), 1.0),
        S(t(3, 4), t(2, 4), 3.0),
        S(t(3, 4), t(2, 4), float("inf")),
    ],
    title="CdistBackward0",
)
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: Any = _MODES[0]) -> Tensor:
    """Norms of order p of all differences of rows: (..., P, M) and (..., R, M) give (..., P, R)."""
    mode = 0 if compute_mode is None else compute_mode
    mode = _MODES.index(mode) if mode in _MODES else mode
    if mode not in (0, 1, 2):
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    x: Any = x1
    y: Any = x2
    _check_pairs(x, y, p)
    batch = broadcast_two(tuple(x.shape[:-2]), tuple(y.shape[:-2]))
    x, y = x.expand((*batch, *x.shape[-2:])), y.expand((*batch, *y.shape[-2:]))
    if p == 2:
        product = mode == 1 or mode == 0 and (x.shape[-2] > 25 or y.shape[-2] > 25)
        return euclid(x, y, product=product)  # type: ignore[no-any-return]
    if not x.shape[-1]:
        return x.sum(-1).unsqueeze(-1) + y.sum(-1).unsqueeze(-2)  # type: ignore[no-any-return]
    return _distance(x.unsqueeze(-2) - y.unsqueeze(-3), p)  # type: ignore[no-any-return]


@op(
    "torch nn.functional",
    method=False,
    samples=lambda t: [S(t(4, 3)), S(t(3, 2), 1.0), S(t(1, 3))],
    title="PdistBackward0",
)
def pdist(input: Tensor, p: float = 2) -> Tensor:
    """Norms of order p of the differences of rows i < j of a matrix, in one row."""
    x: Any = input
    if x.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {x.ndim}D")
    if not x.dtype.is_floating_point:
        raise RuntimeError("pdist only supports floating-point dtypes")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    refused("pdist", x.dtype, "h")
    n, m = x.shape
    if n <= 1 or not m:
        return x.new_zeros((n * (n - 1) // 2 if n else 0,)) + x.sum() * 0  # type: ignore[no-any-return]
    first, second = namespace("torch")["triu_indices"](n, n, 1, device=x.device)
    return _distance(x.index_select(0, first) - x.index_select(0, second), p)  # type: ignore[no-any-return]
