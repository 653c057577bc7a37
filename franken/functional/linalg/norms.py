"""Norms that torch keeps under names of their own beside `linalg`."""

from __future__ import annotations

from typing import Any

from franken.core.calls.out import SAME
from franken.core.geometry.shapes import wrap_dim
from franken.core.op import op
from franken.core.tensor import Tensor
from franken.functional.linalg.matrices import MATRIX_NORM, matrix_norm
from franken.ops.declaring.samples import S
from franken.ops.reduction.norm import vector_norm


@op(
    method=False,
    out=SAME,
    samples=lambda t: [S(t(3, 4), (0, 1)), S(t(3, 4), 0, True), S(t(2, 3, 4), dim=(1, 2))],
    title="NormBackward1",
)
def frobenius_norm(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """The root of the sum of squares over one or two dimensions."""
    if not isinstance(dim, int) and len(dim) > 2:
        raise RuntimeError(f"Expected at most 2 dimensions, but got {len(dim)} dimensions instead.")
    if not input.dtype.is_floating_point and not input.dtype.is_complex:
        raise RuntimeError(
            "norm(): input dtype should be either floating point or complex. Got "
            f"{input.dtype.scalar_name} instead."
        )
    return vector_norm(input, 2, dim, keepdim)  # type: ignore[no-any-return]


@op(
    method=False,
    out=MATRIX_NORM,
    samples=lambda t: [S(t(3, 4)), S(t(3, 4), keepdim=True), S(t(2, 3, 4), (1, 2), True)],
)
def nuclear_norm(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The sum of the singular values of the matrices in two dimensions, by default the last."""
    if isinstance(dim, bool):  # the overload (input, keepdim)
        dim, keepdim = None, dim
    dim = (-2, -1) if dim is None else tuple(dim)
    return matrix_norm(input, "nuc", dim, keepdim)  # type: ignore[no-any-return]


@op(method=False, samples=lambda t: [S(t(3, 4)), S(t(3, 4), 1, 1), S(t(2, 3, 4), 2, -1)])
def norm_except_dim(v: Tensor, pow: int = 2, dim: int = 0) -> Tensor:
    """The norms over all dimensions but one, which stays (-1: over all); for weight norm."""
    if dim == -1:
        return vector_norm(v, pow)  # type: ignore[no-any-return]
    keep = wrap_dim(dim, v.ndim)
    others = tuple(d for d in range(v.ndim) if d != keep)
    return vector_norm(v, pow, others, True)  # type: ignore[no-any-return]
