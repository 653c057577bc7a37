"""Weibull: powers of waiting times."""

from __future__ import annotations

from typing import Any

import franken
from franken import Tensor
from franken.distributions import constraints
from franken.distributions.continuous.exponential import Exponential
from franken.distributions.transformed_distribution import TransformedDistribution
from franken.distributions.transforms import AffineTransform, PowerTransform
from franken.distributions.utils import broadcast_all, euler_constant


class Weibull(TransformedDistribution):
    """scale x^(1 / concentration) of exponential numbers x.

    Args:
        scale: the scale.
        concentration: the power.

    >>> import franken as torch
    >>> torch.distributions.Weibull(2.0, 1.0).mean
    tensor(2.)
    """

    arg_constraints: Any = {
        "scale": constraints.positive,
        "concentration": constraints.positive,
    }
    support: Any = constraints.positive

    def __init__(self, scale: Any, concentration: Any, validate_args: Any = None) -> None:
        self.scale, self.concentration = broadcast_all(scale, concentration)
        self.concentration_reciprocal = self.concentration.reciprocal()
        base = Exponential(franken.ones_like(self.scale), validate_args=validate_args)
        steps = [
            PowerTransform(exponent=self.concentration_reciprocal),
            AffineTransform(loc=0, scale=self.scale),
        ]
        super().__init__(base, steps, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(Weibull, _instance)
        for name in ("scale", "concentration", "concentration_reciprocal"):
            setattr(new, name, getattr(self, name).expand(batch_shape))
        return super().expand(batch_shape, _instance=new)

    @property
    def mean(self) -> Tensor:
        return self.scale * (1 + self.concentration_reciprocal).lgamma().exp()

    @property
    def mode(self) -> Tensor:
        k = self.concentration
        return self.scale * ((k - 1) / k) ** k.reciprocal()

    @property
    def variance(self) -> Tensor:
        one, two = (1 + n * self.concentration_reciprocal for n in (1, 2))
        return self.scale.pow(2) * (two.lgamma().exp() - (2 * one.lgamma()).exp())

    def entropy(self) -> Tensor:
        inverse = self.concentration_reciprocal
        return euler_constant * (1 - inverse) + (self.scale * inverse).log() + 1


__all__ = ["Weibull"]
