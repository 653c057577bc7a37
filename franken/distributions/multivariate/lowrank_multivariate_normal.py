"""LowRankMultivariateNormal: normal vectors whose covariance is of low rank and a diagonal.

The matrix D + W Wᵀ of n rows is reached through one of m = rank rows: with the capacitance
I + Wᵀ D⁻¹ W, by Woodbury's formula and the determinant lemma.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import franken
from franken import Tensor
from franken.distributions import constraints
from franken.distributions.distribution import Distribution
from franken.distributions.multivariate.multivariate_normal import _batch_mahalanobis, _batch_mv
from franken.distributions.utils import EMPTY, _standard_normal, lazy_property


def _scaled_factor(factor: Tensor, diag: Tensor) -> Tensor:
    """Wᵀ D⁻¹."""
    return factor.mT / diag.unsqueeze(-2)


def _batch_capacitance_tril(factor: Tensor, diag: Tensor) -> Tensor:
    """The Cholesky factor of I + Wᵀ D⁻¹ W."""
    inner = _scaled_factor(factor, diag) @ factor
    m = factor.size(-1)
    return franken.linalg.cholesky(inner + franken.eye(m, dtype=inner.dtype, device=inner.device))


def _batch_lowrank_logdet(factor: Tensor, diag: Tensor, capacitance_tril: Tensor) -> Tensor:
    """log det(D + W Wᵀ)."""
    inner = capacitance_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return 2 * inner + diag.log().sum(-1)


def _batch_lowrank_mahalanobis(
    factor: Tensor, diag: Tensor, x: Tensor, capacitance_tril: Tensor
) -> Tensor:
    """xᵀ (D + W Wᵀ)⁻¹ x."""
    inner = _batch_mv(_scaled_factor(factor, diag), x)
    return (x.pow(2) / diag).sum(-1) - _batch_mahalanobis(capacitance_tril, inner)


class LowRankMultivariateNormal(Distribution):
    """Normal vectors (*, N) with covariance W Wᵀ + D.

    Args:
        loc: the mean (*, N).
        cov_factor: W, (*, N, M).
        cov_diag: the diagonal of D, (*, N).

    >>> import franken as torch
    >>> from franken.distributions import LowRankMultivariateNormal
    >>> LowRankMultivariateNormal(torch.zeros(2), torch.ones(2, 1), torch.ones(2)).variance
    tensor([2., 2.])
    """

    arg_constraints: Any = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support: Any = constraints.real_vector
    has_rsample = True
    _expandable: ClassVar[dict[str, int]] = {
        "loc": 1, "cov_diag": 1, "cov_factor": 2, "covariance_matrix": 2, "scale_tril": 2,
        "precision_matrix": 2,
    }  # fmt: skip

    def __init__(self, loc: Any, cov_factor: Any, cov_diag: Any, validate_args: Any = None) -> None:
        event = _checked(loc, cov_factor, cov_diag)
        try:
            wide, self.cov_factor, diag = franken.broadcast_tensors(
                loc.unsqueeze(-1), cov_factor, cov_diag.unsqueeze(-1)
            )
        except RuntimeError as error:
            raise ValueError(
                f"Incompatible batch shapes: loc {loc.shape}, cov_factor {cov_factor.shape}, "
                f"cov_diag {cov_diag.shape}"
            ) from error
        self.loc, self.cov_diag = wide[..., 0], diag[..., 0]
        super().__init__(self.loc.shape[:-1], event, validate_args=validate_args)
        self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag = cov_factor, cov_diag
        self._capacitance_tril = _batch_capacitance_tril(cov_factor, cov_diag)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new._unbroadcasted_cov_factor = self._unbroadcasted_cov_factor
        new._unbroadcasted_cov_diag = self._unbroadcasted_cov_diag
        new._capacitance_tril = self._capacitance_tril
        return new

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @lazy_property
    def variance(self) -> Any:  # type: ignore[override]
        """The diagonal of the covariance."""
        each = self._unbroadcasted_cov_factor.pow(2).sum(-1) + self._unbroadcasted_cov_diag
        return each.expand(self._batch_shape + self._event_shape)

    def _square(self) -> Any:
        return self._batch_shape + self._event_shape + self._event_shape

    @lazy_property
    def scale_tril(self) -> Any:
        """The Cholesky factor of the covariance."""
        root = self._unbroadcasted_cov_diag.sqrt().unsqueeze(-1)
        scaled = self._unbroadcasted_cov_factor / root
        unit = franken.eye(self._event_shape[0], dtype=scaled.dtype, device=scaled.device)
        return (root * franken.linalg.cholesky(scaled @ scaled.mT + unit)).expand(self._square())

    @lazy_property
    def covariance_matrix(self) -> Any:
        """W Wᵀ + D."""
        factor = self._unbroadcasted_cov_factor
        whole = factor @ factor.mT + franken.diag_embed(self._unbroadcasted_cov_diag)
        return whole.expand(self._square())

    @lazy_property
    def precision_matrix(self) -> Any:
        """The inverse of the covariance."""
        diag = self._unbroadcasted_cov_diag
        scaled = _scaled_factor(self._unbroadcasted_cov_factor, diag)
        a = franken.linalg.solve_triangular(self._capacitance_tril, scaled, upper=False)
        return (franken.diag_embed(diag.reciprocal()) - a.mT @ a).expand(self._square())

    def rsample(self, sample_shape: Any = EMPTY) -> Tensor:
        shape = self._extended_shape(sample_shape)
        factor, diag = self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag
        like: dict[str, Any] = {"dtype": self.loc.dtype, "device": self.loc.device}
        common = _standard_normal(shape[:-1] + factor.shape[-1:], **like)
        own = _standard_normal(shape, **like)
        return self.loc + _batch_mv(factor, common) + diag.sqrt() * own

    def _log_det(self) -> Tensor:
        return _batch_lowrank_logdet(
            self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag, self._capacitance_tril
        )

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        square = _batch_lowrank_mahalanobis(
            self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag, value - self.loc,
            self._capacitance_tril,
        )  # fmt: skip
        constant = self._event_shape[0] * math.log(2 * math.pi)
        return -0.5 * (constant + self._log_det() + square)

    def entropy(self) -> Tensor:
        constant = self._event_shape[0] * (1.0 + math.log(2 * math.pi))
        each = 0.5 * (constant + self._log_det())
        return each.expand(self._batch_shape) if len(self._batch_shape) else each


def _checked(loc: Any, cov_factor: Any, cov_diag: Any) -> Any:
    """The event's shape, which all arguments must agree on."""
    if loc.dim() < 1:
        raise ValueError("loc must be at least one-dimensional.")
    event = loc.shape[-1:]
    if cov_factor.dim() < 2:
        raise ValueError(
            "cov_factor must be at least two-dimensional, with optional leading batch dimensions"
        )
    if cov_factor.shape[-2:-1] != event:
        raise ValueError(f"cov_factor must be a batch of matrices with shape {event[0]} x m")
    if cov_diag.shape[-1:] != event:
        raise ValueError(f"cov_diag must be a batch of vectors with shape {event}")
    return event


__all__ = ["LowRankMultivariateNormal"]
