"""GeneralizedPareto: what is above a high threshold."""

from __future__ import annotations

from typing import Any, ClassVar

import franken
from franken import Tensor, inf, nan
from franken.distributions import constraints
from franken.distributions.distribution import Distribution
from franken.distributions.utils import EMPTY, broadcast_all


class GeneralizedPareto(Distribution):
    """Numbers above `loc` that survive with (1 + c z)^(-1/c), z = (x - loc) / scale.

    Args:
        loc: the lower bound.
        scale: the scale.
        concentration: c; exponential for zero, with an upper bound below it.

    >>> import franken as torch
    >>> torch.distributions.GeneralizedPareto(0.0, 1.0, 0.5).mean
    tensor(2.)
    """

    arg_constraints: Any = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True
    _expandable: ClassVar[dict[str, int]] = {"loc": 0, "scale": 0, "concentration": 0}

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: Any = None) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.size(), validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        end = self.loc - self.scale / self.concentration
        return constraints.interval(self.loc, franken.where(self.concentration < 0, end, inf))

    def _z(self, x: Tensor) -> Tensor:
        return (x - self.loc) / self.scale

    def _curved(self) -> tuple[Tensor, Tensor]:
        """Where the concentration is zero; and the concentration, made one there."""
        flat = franken.isclose(self.concentration, franken.zeros_like(self.concentration))
        return flat, franken.where(flat, franken.ones_like(self.concentration), self.concentration)

    def rsample(self, sample_shape: Any = EMPTY) -> Tensor:
        shape = self._extended_shape(sample_shape)
        return self.icdf(franken.rand(shape, dtype=self.loc.dtype, device=self.loc.device))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        z, (flat, c) = self._z(value), self._curved()
        fallen = (1 + 1 / c) * franken.log1p(c * z)
        return -self.scale.log() - franken.where(flat, z, fallen)

    def log_survival_function(self, value: Tensor) -> Tensor:
        """The logarithm of the probability of what is above `value`."""
        if self._validate_args:
            self._validate_sample(value)
        z, (flat, c) = self._z(value), self._curved()
        return franken.where(flat, -z, -franken.log1p(c * z) / c)

    def log_cdf(self, value: Tensor) -> Tensor:
        """The logarithm of the probability of what is at most `value`."""
        return franken.log1p(-franken.exp(self.log_survival_function(value)))

    def cdf(self, value: Tensor) -> Tensor:
        return franken.exp(self.log_cdf(value))

    def icdf(self, value: Tensor) -> Tensor:
        survived, (flat, c) = franken.log1p(-value), self._curved()
        curved = self.loc + self.scale * franken.expm1(-c * survived) / c
        return franken.where(flat, self.loc - self.scale * survived, curved)

    @property
    def mean(self) -> Tensor:
        c = self.concentration
        found = self.loc + self.scale / (1 - franken.where(c < 1, c, 0.5))
        return franken.where(c < 1, found, nan)

    @property
    def variance(self) -> Tensor:
        c = self.concentration
        safe = franken.where(c < 0.5, c, 0.25)
        found = self.scale**2 / ((1 - safe) ** 2 * (1 - 2 * safe))
        return franken.where(c < 0.5, found, nan)

    def entropy(self) -> Tensor:
        return (self.scale.log() + self.concentration + 1).expand(self._batch_shape)

    @property
    def mode(self) -> Tensor:
        return self.loc


__all__ = ["GeneralizedPareto"]
