"""Gamma: sums of waiting times."""

from __future__ import annotations

from typing import Any, ClassVar

import franken
from franken import Tensor
from franken.distributions import constraints
from franken.distributions.exp_family import ExponentialFamily
from franken.distributions.utils import EMPTY, broadcast_all


class Gamma(ExponentialFamily):
    """The gamma distribution, of density x^(concentration - 1) e^(-rate x) up to a constant.

    Args:
        concentration: the power and one.
        rate: the reciprocal of the scale.

    >>> import franken as torch
    >>> torch.distributions.Gamma(4.0, 2.0).mean
    tensor(2.)
    """

    arg_constraints: Any = {
        "concentration": constraints.positive,
        "rate": constraints.positive,
    }
    support: Any = constraints.nonnegative
    has_rsample = True
    _mean_carrier_measure: Any = 0
    _expandable: ClassVar[dict[str, int]] = {"concentration": 0, "rate": 0}

    def __init__(self, concentration: Any, rate: Any, validate_args: Any = None) -> None:
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.size(), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate.pow(2)

    def rsample(self, sample_shape: Any = EMPTY) -> Tensor:
        shape = self._extended_shape(sample_shape)
        value = franken._standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)
        # kept above zero without a say in the gradient
        value.detach().clamp_(min=franken.finfo(value.dtype).tiny)
        return value

    def log_prob(self, value: Tensor) -> Tensor:
        value = franken.as_tensor(value, dtype=self.rate.dtype, device=self.rate.device)
        if self._validate_args:
            self._validate_sample(value)
        powers = franken.xlogy(self.concentration, self.rate) + franken.xlogy(
            self.concentration - 1, value
        )
        return powers - self.rate * value - franken.lgamma(self.concentration)

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return franken.special.gammainc(self.concentration, self.rate * value)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - franken.log(self.rate) + franken.lgamma(a) + (1.0 - a) * franken.digamma(a)

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return self.concentration - 1, -self.rate

    def _log_normalizer(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        return franken.lgamma(x + 1) + (x + 1) * franken.log(-y.reciprocal())


__all__ = ["Gamma"]
