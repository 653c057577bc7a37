"""Kumaraswamy: like Beta, with a distribution function in closed form."""

from __future__ import annotations

from typing import Any

import franken
from franken import Tensor, nan
from franken.distributions import constraints
from franken.distributions.continuous.uniform import Uniform
from franken.distributions.transformed_distribution import TransformedDistribution
from franken.distributions.transforms import AffineTransform, PowerTransform
from franken.distributions.utils import broadcast_all, euler_constant


class Kumaraswamy(TransformedDistribution):
    """Numbers of [0, 1] with F(x) = 1 - (1 - x^c1)^c0.

    Args:
        concentration1: c1.
        concentration0: c0.

    >>> import franken as torch
    >>> torch.distributions.Kumaraswamy(1.0, 1.0).mean
    tensor(0.5000)
    """

    arg_constraints: Any = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support: Any = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: Any = None) -> None:
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        base = Uniform(
            franken.full_like(self.concentration0, 0), franken.full_like(self.concentration0, 1),
            validate_args=validate_args,
        )  # fmt: skip
        steps = [
            PowerTransform(exponent=self.concentration0.reciprocal()),
            AffineTransform(loc=1.0, scale=-1.0),
            PowerTransform(exponent=self.concentration1.reciprocal()),
        ]
        super().__init__(base, steps, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(Kumaraswamy, _instance)
        new.concentration1 = self.concentration1.expand(batch_shape)
        new.concentration0 = self.concentration0.expand(batch_shape)
        return super().expand(batch_shape, _instance=new)

    def _moment(self, n: int) -> Tensor:
        # E x^n = c0 B(1 + n / c1, c0)
        a, b = 1 + n / self.concentration1, self.concentration0
        return b * franken.exp(a.lgamma() + b.lgamma() - (a + b).lgamma())

    @property
    def mean(self) -> Tensor:
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        """NaN, as in torch: its formula takes logarithms of negative numbers."""
        return self.concentration1 * self.concentration0 * nan

    @property
    def variance(self) -> Tensor:
        return self._moment(2) - franken.pow(self.mean, 2)

    def entropy(self) -> Tensor:
        harmonic = franken.digamma(self.concentration0 + 1) + euler_constant
        one, zero = 1 - self.concentration1.reciprocal(), 1 - self.concentration0.reciprocal()
        logs = franken.log(self.concentration1) + franken.log(self.concentration0)
        return zero + one * harmonic - logs


__all__ = ["Kumaraswamy"]
