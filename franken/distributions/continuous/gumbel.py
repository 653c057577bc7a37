"""Gumbel: the greatest of many numbers."""

from __future__ import annotations

import math
from typing import Any

import franken
from franken import Tensor
from franken.distributions import constraints
from franken.distributions.continuous.uniform import Uniform
from franken.distributions.transformed_distribution import TransformedDistribution
from franken.distributions.transforms import AffineTransform, ExpTransform
from franken.distributions.utils import broadcast_all, euler_constant


class Gumbel(TransformedDistribution):
    """loc - scale log(-log U) of a uniform U.

    Args:
        loc: the mode.
        scale: the scale.

    >>> import franken as torch
    >>> torch.distributions.Gumbel(1.0, 2.0).mean
    tensor(2.1544)
    """

    arg_constraints: Any = {"loc": constraints.real, "scale": constraints.positive}
    support: Any = constraints.real

    def __init__(self, loc: Any, scale: Any, validate_args: Any = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        info = franken.finfo(self.loc.dtype)
        base = Uniform(
            franken.full_like(self.loc, info.tiny), franken.full_like(self.loc, 1 - info.eps),
            validate_args=validate_args,
        )  # fmt: skip
        steps = [
            ExpTransform().inv,
            AffineTransform(loc=0, scale=-franken.ones_like(self.scale)),
            ExpTransform().inv,
            AffineTransform(loc=self.loc, scale=-self.scale),
        ]
        super().__init__(base, steps, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(Gumbel, _instance)
        new.loc, new.scale = self.loc.expand(batch_shape), self.scale.expand(batch_shape)
        return super().expand(batch_shape, _instance=new)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        y = (self.loc - value) / self.scale
        return (y - y.exp()) - self.scale.log()

    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale * euler_constant

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return (math.pi / math.sqrt(6)) * self.scale

    @property
    def variance(self) -> Tensor:
        return self.stddev.pow(2)

    def entropy(self) -> Tensor:
        return self.scale.log() + (1 + euler_constant)


__all__ = ["Gumbel"]
