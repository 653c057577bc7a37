"""Wishart: scatter matrices of normal vectors."""

from __future__ import annotations

import math
import warnings
from typing import Any

import franken
from franken import Size, Tensor, nan
from franken.distributions import constraints
from franken.distributions.continuous.chi2 import Chi2
from franken.distributions.exp_family import ExponentialFamily
from franken.distributions.multivariate.multivariate_normal import _GIVEN, MatrixScaled
from franken.distributions.utils import EMPTY

_LOG_2 = math.log(2)


def _mvdigamma(x: Tensor, p: int) -> Tensor:
    """The derivative of `mvlgamma`."""
    steps = franken.arange(p, dtype=x.dtype, device=x.device).div(2)
    return franken.digamma(x.unsqueeze(-1) - steps).sum(-1)


class Wishart(MatrixScaled, ExponentialFamily):
    """Positive definite matrices (*, p, p): sums of x xᵀ over `df` normal vectors x.

    Args:
        df: the degrees of freedom, above p - 1.
        covariance_matrix: of the vectors (*, p, p), or else
        precision_matrix: its inverse, or else
        scale_tril: its Cholesky factor.

    >>> import franken as torch
    >>> torch.distributions.Wishart(torch.tensor(3.0), torch.eye(2)).mean
    tensor([[3., 0.],
            [0., 3.]])
    """

    support: Any = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure: Any = 0

    @property
    def arg_constraints(self) -> Any:
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self.event_shape[-1] - 1),
        }

    def __init__(
        self, df: Any, covariance_matrix: Any = None, precision_matrix: Any = None,
        scale_tril: Any = None, validate_args: Any = None,
    ) -> None:  # fmt: skip
        given = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        given = {name: m for name, m in given.items() if m is not None}
        if len(given) != 1:
            raise AssertionError(_GIVEN)
        ((name, matrix),) = given.items()
        if matrix.dim() < 2:
            raise ValueError(
                "scale_tril must be at least two-dimensional, with optional leading batch "
                "dimensions"
            )
        self.df = _degrees(df, matrix)
        batch, p = self.df.shape, matrix.shape[-1]
        setattr(self, name, matrix.expand(batch + (-1, -1)))
        super().__init__(batch, matrix.shape[-2:], validate_args=validate_args)
        self._batch_dims = [-(x + 1) for x in range(len(batch))]
        self._unbroadcasted_scale_tril = self._factor_of(name, matrix)
        steps = franken.arange(p, dtype=self.df.dtype, device=self.df.device)
        self._dist_chi2 = Chi2(df=self.df.unsqueeze(-1) - steps.expand(batch + (-1,)))

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(Wishart, _instance)
        batch_shape = Size(batch_shape)
        new._batch_dims = [-(x + 1) for x in range(len(batch_shape))]
        new.df = self.df.expand(batch_shape)
        self._expand_matrices(new, batch_shape + self.event_shape)
        new._dist_chi2 = self._dist_chi2.expand(batch_shape + self.event_shape[-1:])
        return self._expanded(new, batch_shape)

    def _by_matrix(self, x: Tensor) -> Tensor:
        return x.view(self._batch_shape + (1, 1))

    @property
    def mean(self) -> Tensor:
        return self._by_matrix(self.df) * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        factor = self.df - self.covariance_matrix.shape[-1] - 1
        return self._by_matrix(factor.masked_fill(factor <= 0, nan)) * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        v = self.covariance_matrix
        diagonal = v.diagonal(dim1=-2, dim2=-1)
        products = diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2)
        return self._by_matrix(self.df) * (v.pow(2) + products)  # type: ignore[no-any-return]

    def _bartlett_sampling(self, sample_shape: Any = EMPTY) -> Tensor:
        """One try by Bartlett's decomposition: a triangle of chi and normal numbers."""
        p = self._event_shape[-1]
        triangle = self._dist_chi2.rsample(sample_shape).sqrt().diag_embed(dim1=-2, dim2=-1)
        i, j = franken.tril_indices(p, p, offset=-1)
        triangle[..., i, j] = franken.randn(
            Size(sample_shape) + self._batch_shape + (p * (p - 1) // 2,),
            dtype=triangle.dtype, device=triangle.device,
        )  # fmt: skip
        factor = self._unbroadcasted_scale_tril @ triangle
        return factor @ factor.mT

    def _anywhere(self, flags: Tensor) -> Tensor:
        """Which samples have a flag for one of the batch."""
        return flags.amax(self._batch_dims) if self._batch_shape else flags

    def rsample(
        self, sample_shape: Any = EMPTY, max_try_correction: int | None = None
    ) -> Tensor:  # fmt: skip
        """Values as functions of the parameters; singular ones are drawn again, some times.

        Note: at first it is the regular ones that are drawn again, with a warning, as in torch,
        so that the numbers are torch's.
        """
        tries = 10 if max_try_correction is None else max_try_correction
        sample = self._bartlett_sampling(Size(sample_shape))
        singular = self._anywhere(self.support.check(sample))
        if not singular.any():
            return sample
        warnings.warn("Singular sample detected.", stacklevel=2)
        for _ in range(tries):
            again = self._bartlett_sampling(singular[singular].shape)
            sample[singular] = again
            singular[singular.clone()] = self._anywhere(~self.support.check(again))
            if not singular.any():
                break
        return sample

    def _half_log_det(self) -> Tensor:
        return self._unbroadcasted_scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        nu, p = self.df, self._event_shape[-1]
        scale = -nu * (p * _LOG_2 / 2 + self._half_log_det()) - franken.mvlgamma(nu / 2, p=p)
        power = (nu - p - 1) / 2 * franken.linalg.slogdet(value).logabsdet
        solved = franken.cholesky_solve(value, self._unbroadcasted_scale_tril)
        return scale + power - solved.diagonal(dim1=-2, dim2=-1).sum(dim=-1) / 2

    def entropy(self) -> Tensor:
        nu, p = self.df, self._event_shape[-1]
        scale = (p + 1) * (p * _LOG_2 / 2 + self._half_log_det()) + franken.mvlgamma(nu / 2, p=p)
        return scale - (nu - p - 1) / 2 * _mvdigamma(nu / 2, p=p) + nu * p / 2

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        p = self._event_shape[-1]
        return -self.precision_matrix / 2, (self.df - p - 1) / 2

    def _log_normalizer(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        p = self._event_shape[-1]
        half = y + (p + 1) / 2
        log_det = franken.linalg.slogdet(-2 * x).logabsdet
        return half * (-log_det + _LOG_2 * p) + franken.mvlgamma(half, p=p)


def _degrees(df: Any, matrix: Tensor) -> Tensor:
    """The degrees of freedom over the whole batch, checked."""
    if isinstance(df, (int, float, bool)):
        df = franken.tensor(df, dtype=matrix.dtype, device=matrix.device)
        df = df.expand(matrix.shape[:-2])
    else:
        df = df.expand(franken.broadcast_shapes(matrix.shape[:-2], df.shape))
    p = matrix.shape[-1]
    if df.le(p - 1).any():
        raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {p - 1}.")
    if df.lt(p).any():
        warnings.warn(
            "Low df values detected. Singular samples are highly likely to occur for "
            "ndim - 1 < df < ndim.",
            stacklevel=3,
        )
    return df  # type: ignore[no-any-return]


__all__ = ["Wishart"]
