"""Cauchy: heavy tails without a mean."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import franken
from franken import Tensor, inf, nan
from franken.distributions import constraints
from franken.distributions.distribution import Distribution
from franken.distributions.utils import EMPTY, broadcast_all


class Cauchy(Distribution):
    """The Cauchy (or Lorentz) distribution, of a ratio of two normal numbers.

    Args:
        loc: the median.
        scale: half the width at half the height.

    >>> import franken as torch
    >>> torch.distributions.Cauchy(0.0, 2.0).cdf(torch.tensor(2.0))
    tensor(0.7500)
    """

    arg_constraints: Any = {"loc": constraints.real, "scale": constraints.positive}
    support: Any = constraints.real
    has_rsample = True
    _expandable: ClassVar[dict[str, int]] = {"loc": 0, "scale": 0}

    def __init__(self, loc: Any, scale: Any, validate_args: Any = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.size(), validate_args=validate_args)

    def _everywhere(self, value: float) -> Tensor:
        return franken.full(
            self._extended_shape(), value, dtype=self.loc.dtype, device=self.loc.device
        )

    @property
    def mean(self) -> Tensor:
        return self._everywhere(nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self._everywhere(inf)

    def rsample(self, sample_shape: Any = EMPTY) -> Tensor:
        drawn = self.loc.new(self._extended_shape(sample_shape)).cauchy_()
        return self.loc + drawn * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        z = (value - self.loc) / self.scale
        return -math.log(math.pi) - self.scale.log() - (z**2).log1p()

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return franken.atan((value - self.loc) / self.scale) / math.pi + 0.5

    def icdf(self, value: Tensor) -> Tensor:
        return franken.tan(math.pi * (value - 0.5)) * self.scale + self.loc

    def entropy(self) -> Tensor:
        return math.log(4 * math.pi) + self.scale.log()


__all__ = ["Cauchy"]
