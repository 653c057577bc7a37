"""The positive halves of symmetric distributions: |x| of what lies around zero."""

from __future__ import annotations

import math
from typing import Any

import franken
from franken import Tensor, inf
from franken.distributions import constraints
from franken.distributions.transformed_distribution import TransformedDistribution
from franken.distributions.transforms import AbsTransform


class Half(TransformedDistribution):
    """|x| of a distribution that is symmetric around zero, whose density it doubles."""

    arg_constraints: Any = {"scale": constraints.positive}
    support: Any = constraints.nonnegative
    has_rsample = True

    def __init__(self, base: Any, validate_args: Any = None) -> None:
        super().__init__(base, AbsTransform(), validate_args=validate_args)

    @property
    def scale(self) -> Tensor:
        """The scale of the whole distribution."""
        return self.base_dist.scale  # type: ignore[no-any-return]

    @property
    def mode(self) -> Tensor:
        return franken.zeros_like(self.scale)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return self._doubled(value)

    def _doubled(self, value: Tensor) -> Tensor:
        """The log density of a value that has been checked."""
        return franken.where(value >= 0, self.base_dist.log_prob(value) + math.log(2), -inf)

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return 2 * self.base_dist.cdf(value) - 1  # type: ignore[no-any-return]

    def icdf(self, prob: Tensor) -> Tensor:  # type: ignore[override]
        return self.base_dist.icdf((prob + 1) / 2)  # type: ignore[no-any-return]

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() - math.log(2)  # type: ignore[no-any-return]
