"""MultivariateNormal: normal vectors."""

from __future__ import annotations

import math
from typing import Any

import franken
from franken import Size, Tensor
from franken.distributions import constraints
from franken.distributions.distribution import Distribution
from franken.distributions.utils import EMPTY, _standard_normal, lazy_property


def _batch_mv(matrix: Tensor, vector: Tensor) -> Tensor:
    """The products of matrices (*, n, m) and vectors (*, m)."""
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)


def _batch_mahalanobis(factor: Tensor, x: Tensor) -> Tensor:
    """|L^-1 x|^2 of Cholesky factors (B, n, n) and vectors (*, B, n).

    The dimensions that only the vectors have become columns of one system.
    """
    extra = max(x.dim() - factor.dim() + 1, 0)
    columns = x.reshape((-1,) + x.shape[extra:]).movedim(0, -1)
    square = franken.linalg.solve_triangular(factor, columns, upper=False).pow(2).sum(-2)
    square = square.movedim(-1, 0)
    return square.reshape(x.shape[:extra] + square.shape[1:])


def _precision_to_scale_tril(precision: Tensor) -> Tensor:
    """The Cholesky factor of the inverse, from the factor of the matrix turned round."""
    turned = franken.linalg.cholesky(precision.flip((-2, -1)))
    inverse = turned.flip((-2, -1)).mT
    identity = franken.eye(precision.shape[-1], dtype=precision.dtype, device=precision.device)
    return franken.linalg.solve_triangular(inverse, identity, upper=False)


_GIVEN = "Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified."


class MatrixScaled(Distribution):
    """A distribution with a positive definite matrix, given by itself, inverse or factor.

    `_unbroadcasted_scale_tril` is the factor over the batch of the matrix alone.
    """

    _unbroadcasted_scale_tril: Tensor

    def _factor_of(self, name: str, matrix: Tensor) -> Tensor:
        if name == "scale_tril":
            return matrix
        if name == "covariance_matrix":
            return franken.linalg.cholesky(matrix)
        return _precision_to_scale_tril(matrix)

    def _expand_matrices(self, new: Any, shape: Any) -> None:
        new._unbroadcasted_scale_tril = self._unbroadcasted_scale_tril
        for name in ("covariance_matrix", "scale_tril", "precision_matrix"):
            if name in self.__dict__:
                setattr(new, name, self.__dict__[name].expand(shape))

    def _matrix_shape(self) -> Any:
        n = self._event_shape[-1]
        return self._batch_shape + (n, n)

    @lazy_property
    def scale_tril(self) -> Any:
        """The Cholesky factor."""
        return self._unbroadcasted_scale_tril.expand(self._matrix_shape())

    @lazy_property
    def covariance_matrix(self) -> Any:
        """The matrix."""
        factor = self._unbroadcasted_scale_tril
        return (factor @ factor.mT).expand(self._matrix_shape())

    @lazy_property
    def precision_matrix(self) -> Any:
        """The inverse."""
        return franken.cholesky_inverse(self._unbroadcasted_scale_tril).expand(self._matrix_shape())


class MultivariateNormal(MatrixScaled):
    """Normal vectors (*, N).

    Args:
        loc: the mean (*, N).
        covariance_matrix: (*, N, N), or else
        precision_matrix: its inverse, or else
        scale_tril: its Cholesky factor, with which everything is computed.

    >>> import franken as torch
    >>> torch.distributions.MultivariateNormal(torch.zeros(2), torch.eye(2)).entropy()
    tensor(2.8379)
    """

    arg_constraints: Any = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support: Any = constraints.real_vector
    has_rsample = True

    def __init__(
        self, loc: Any, covariance_matrix: Any = None, precision_matrix: Any = None,
        scale_tril: Any = None, validate_args: Any = None,
    ) -> None:  # fmt: skip
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        given = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        given = {name: m for name, m in given.items() if m is not None}
        if len(given) != 1:
            raise ValueError(_GIVEN)
        ((name, matrix),) = given.items()
        if matrix.dim() < 2:
            kind = "scale_tril matrix" if name == "scale_tril" else name
            raise ValueError(
                f"{kind} must be at least two-dimensional, with optional leading batch dimensions"
            )
        batch = franken.broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        setattr(self, name, matrix.expand(batch + (-1, -1)))
        self.loc = loc.expand(batch + (-1,))
        super().__init__(batch, self.loc.shape[-1:], validate_args=validate_args)
        self._unbroadcasted_scale_tril = self._factor_of(name, matrix)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(MultivariateNormal, _instance)
        batch_shape = Size(batch_shape)
        new.loc = self.loc.expand(batch_shape + self.event_shape)
        self._expand_matrices(new, batch_shape + self.event_shape * 2)
        return self._expanded(new, batch_shape)

    @property
    def mean(self) -> Tensor:
        return self.loc  # type: ignore[no-any-return]

    @property
    def mode(self) -> Tensor:
        return self.loc  # type: ignore[no-any-return]

    @property
    def variance(self) -> Tensor:
        each = self._unbroadcasted_scale_tril.pow(2).sum(-1)
        return each.expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape: Any = EMPTY) -> Tensor:
        shape = self._extended_shape(sample_shape)
        drawn = _standard_normal(shape, dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + _batch_mv(self._unbroadcasted_scale_tril, drawn)  # type: ignore[no-any-return]

    def _half_log_det(self) -> Tensor:
        return self._unbroadcasted_scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        square = _batch_mahalanobis(self._unbroadcasted_scale_tril, value - self.loc)
        constant = self._event_shape[0] * math.log(2 * math.pi)
        return -0.5 * (constant + square) - self._half_log_det()

    def entropy(self) -> Tensor:
        constant = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi))
        each = constant + self._half_log_det()
        return each.expand(self._batch_shape) if len(self._batch_shape) else each


__all__ = ["MultivariateNormal"]
