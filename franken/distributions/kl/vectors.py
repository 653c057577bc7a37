"""Divergences of normal vectors: covariances as matrices, or of low rank and a diagonal.

KL = (log det Q - log det P + tr Q⁻¹P + (mp - mq)ᵀ Q⁻¹ (mp - mq) - n) / 2; where Q is D + W Wᵀ, its
inverse is D⁻¹ - AᵀA, A = L⁻¹ Wᵀ D⁻¹ with the factor L of the capacitance.
"""

from __future__ import annotations

from typing import Any

import franken
from franken import Tensor
from franken.distributions.kl.registry import register_kl
from franken.distributions.multivariate.lowrank_multivariate_normal import (
    LowRankMultivariateNormal,
    _batch_lowrank_mahalanobis,
    _scaled_factor,
)
from franken.distributions.multivariate.multivariate_normal import (
    MultivariateNormal,
    _batch_mahalanobis,
)


def _squares(x: Tensor) -> Tensor:
    """tr x xᵀ of matrices (*, n, m)."""
    return x.pow(2).sum((-2, -1))


def _solved(factor: Tensor, x: Tensor) -> Tensor:
    return franken.linalg.solve_triangular(factor, x, upper=False)


def _log_det(d: Any) -> Tensor:
    if isinstance(d, MultivariateNormal):
        return 2 * d._half_log_det()
    return d._log_det()  # type: ignore[no-any-return]


def _roots(d: Any) -> list[Tensor]:
    """Matrices X whose X Xᵀ sum to the covariance."""
    if isinstance(d, MultivariateNormal):
        return [d._unbroadcasted_scale_tril]
    return [d._unbroadcasted_cov_factor, d._unbroadcasted_cov_diag.sqrt().diag_embed()]


def _trace(p: Any, q: Any) -> Tensor:
    """tr Q⁻¹P."""
    total: Any = 0
    for root in _roots(p):
        if isinstance(q, MultivariateNormal):
            total = total + _squares(_solved(q._unbroadcasted_scale_tril, root))
            continue
        diag = q._unbroadcasted_cov_diag
        a = _solved(q._capacitance_tril, _scaled_factor(q._unbroadcasted_cov_factor, diag))
        total = total + _squares(root / diag.sqrt().unsqueeze(-1)) - _squares(a @ root)
    return total  # type: ignore[no-any-return]


def _distance(p: Any, q: Any) -> Tensor:
    away = q.loc - p.loc
    if isinstance(q, MultivariateNormal):
        return _batch_mahalanobis(q._unbroadcasted_scale_tril, away)
    return _batch_lowrank_mahalanobis(
        q._unbroadcasted_cov_factor, q._unbroadcasted_cov_diag, away, q._capacitance_tril
    )


def _kl_vectors(p: Any, q: Any, kinds: str) -> Tensor:
    if p.event_shape != q.event_shape:
        raise ValueError(
            f"KL-divergence between two {kinds} Normals with"
            "                          different event shapes cannot be computed"
        )
    n = p.event_shape[0]
    return 0.5 * (_log_det(q) - _log_det(p) + _trace(p, q) + _distance(p, q) - n)


@register_kl(MultivariateNormal, MultivariateNormal)
def _kl_multivariatenormal_multivariatenormal(p: Any, q: Any) -> Tensor:
    return _kl_vectors(p, q, "Multivariate")


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _kl_lowrankmultivariatenormal_lowrankmultivariatenormal(p: Any, q: Any) -> Tensor:
    return _kl_vectors(p, q, "Low Rank Multivariate")


@register_kl(MultivariateNormal, LowRankMultivariateNormal)
@register_kl(LowRankMultivariateNormal, MultivariateNormal)
def _kl_mixed_multivariatenormal(p: Any, q: Any) -> Tensor:
    return _kl_vectors(p, q, "(Low Rank) Multivariate")
