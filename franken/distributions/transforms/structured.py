"""Transforms onto simplices and triangular and positive matrices."""

from __future__ import annotations

import math
from typing import Any

import franken
from franken import Tensor
from franken.distributions import constraints
from franken.distributions.transforms.base import FEW, Transform, _Plain
from franken.distributions.transforms.elementwise import _clipped_sigmoid
from franken.distributions.utils import tril_matrix_to_vec, vec_to_tril_matrix
from franken.nn.functional import logsigmoid, pad, softplus


def _of_vectors(shape: Any) -> Any:
    if len(shape) < 1:
        raise ValueError(FEW)
    return shape


class SoftmaxTransform(_Plain):
    """Vectors to a simplex by exponentials over their sum: (*, N) -> (*, N).

    The inverse is one of many.
    """

    domain = constraints.real_vector
    codomain = constraints.simplex

    def _call(self, x: Tensor) -> Tensor:
        weights = (x - x.max(-1, True)[0]).exp()
        return weights / weights.sum(-1, True)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def forward_shape(self, shape: Any) -> Any:
        return _of_vectors(shape)

    def inverse_shape(self, shape: Any) -> Any:
        return _of_vectors(shape)


def _left(x: Tensor) -> Tensor:
    """How many pieces are left at each break: N, N - 1, ..., 1."""
    return x.shape[-1] + 1 - x.new_ones(x.shape[-1]).cumsum(-1)


class StickBreakingTransform(_Plain):
    """Vectors to a simplex of one dimension more: (*, N) -> (*, N + 1).

    Each number says which fraction of what is left of a stick is broken off; zeros break it into
    equal pieces.
    """

    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = True

    def _call(self, x: Tensor) -> Tensor:
        broken = _clipped_sigmoid(x - _left(x).log())
        rest = (1 - broken).cumprod(-1)
        return pad(broken, [0, 1], value=1) * pad(rest, [1, 0], value=1)

    def _inverse(self, y: Tensor) -> Tensor:
        pieces = y[..., :-1]
        rest = (1 - pieces.cumsum(-1)).clamp(min=franken.finfo(y.dtype).tiny)
        return pieces.log() - rest.log() + _left(pieces).log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        x = x - _left(x).log()
        return (-x + logsigmoid(x) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Any) -> Any:
        return _of_vectors(shape)[:-1] + (shape[-1] + 1,)

    def inverse_shape(self, shape: Any) -> Any:
        return _of_vectors(shape)[:-1] + (shape[-1] - 1,)


class CorrCholeskyTransform(Transform):
    """Vectors to Cholesky factors of correlation matrices: (*, D(D-1)/2) -> (*, D, D).

    tanh(x) are partial correlations; in each row, they break a stick of squared length one.
    """

    domain = constraints.real_vector
    codomain = constraints.corr_cholesky
    bijective = True

    def _call(self, x: Tensor) -> Tensor:
        eps = franken.finfo(x.dtype).eps
        partial = vec_to_tril_matrix(x.tanh().clamp(min=-1 + eps, max=1 - eps), diag=-1)
        rest = (1 - partial**2).sqrt().cumprod(-1)
        # the diagonal takes what is left
        partial = partial + franken.eye(
            partial.shape[-1], dtype=partial.dtype, device=partial.device
        )
        return partial * pad(rest[..., :-1], [1, 0], value=1)

    def _inverse(self, y: Tensor) -> Tensor:
        rest = pad((1 - (y * y).cumsum(-1))[..., :-1], [1, 0], value=1)
        partial = tril_matrix_to_vec(y, diag=-1) / tril_matrix_to_vec(rest, diag=-1).sqrt()
        return (partial.log1p() - partial.neg().log1p()) / 2  # atanh

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        # A row's breaks give the products of what was left; tanh gives 1 - tanh(x)^2.
        rest = 1 - (y * y).cumsum(-1)
        sticks = 0.5 * tril_matrix_to_vec(rest, diag=-2).log().sum(-1)
        bends = -2 * (x + softplus(-2 * x) - math.log(2.0)).sum(dim=-1)
        return sticks + bends

    def forward_shape(self, shape: Any) -> Any:
        n = _of_vectors(shape)[-1]
        d = round((0.25 + 2 * n) ** 0.5 + 0.5)
        if d * (d - 1) // 2 != n:
            raise ValueError("Input is not a flattened lower-diagonal number")
        return shape[:-1] + (d, d)

    def inverse_shape(self, shape: Any) -> Any:
        if len(shape) < 2:
            raise ValueError(FEW)
        if shape[-2] != shape[-1]:
            raise ValueError("Input is not square")
        d = shape[-1]
        return shape[:-2] + (d * (d - 1) // 2,)


def _with_diagonal(x: Tensor, diagonal: Tensor) -> Tensor:
    return x.tril(-1) + diagonal.diag_embed()


class LowerCholeskyTransform(_Plain):
    """Matrices to lower triangles with a positive diagonal, which is exponentiated: (*, D, D)."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def _call(self, x: Tensor) -> Tensor:
        return _with_diagonal(x, x.diagonal(dim1=-2, dim2=-1).exp())

    def _inverse(self, y: Tensor) -> Tensor:
        return _with_diagonal(y, y.diagonal(dim1=-2, dim2=-1).log())


class PositiveDefiniteTransform(_Plain):
    """Matrices to positive definite ones, by their Cholesky factors: (*, D, D)."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite

    def _call(self, x: Tensor) -> Tensor:
        factor = LowerCholeskyTransform()(x)
        return factor @ factor.mT  # type: ignore[no-any-return]

    def _inverse(self, y: Tensor) -> Tensor:
        return LowerCholeskyTransform().inv(franken.linalg.cholesky(y))  # type: ignore[no-any-return]
