"""NegativeBinomial: the number of successes before a number of failures."""

from __future__ import annotations

from typing import Any, ClassVar

import franken
from franken import Tensor
from franken.distributions import constraints
from franken.distributions.continuous.gamma import Gamma
from franken.distributions.odds import Odds
from franken.distributions.utils import EMPTY, lazy_property
from franken.nn.functional import logsigmoid


class NegativeBinomial(Odds):
    """The number of successes of probability p before `total_count` failures.

    Args:
        total_count: the number of failures, which need not be whole.
        probs: p, below one, or else
        logits: log p - log(1 - p).

    >>> import franken as torch
    >>> torch.distributions.NegativeBinomial(2, torch.tensor(0.5)).mean
    tensor(2.)
    """

    arg_constraints: Any = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support: Any = constraints.nonnegative_integer
    _expandable: ClassVar[dict[str, int]] = {
        "total_count": 0, "probs": 0, "logits": 0, "_param": 0,
    }  # fmt: skip

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: Any = None
    ) -> None:
        self.total_count = self._take_with(total_count, probs, logits)
        super().__init__(self._param.size(), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.total_count * franken.exp(self.logits)

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Tensor:
        return self.mean / franken.sigmoid(-self.logits)

    @lazy_property
    def _gamma(self) -> Any:
        # the rates of a Poisson count; the validation of its parameters has been done here
        return Gamma(
            concentration=self.total_count, rate=franken.exp(-self.logits), validate_args=False
        )

    def sample(self, sample_shape: Any = EMPTY) -> Tensor:
        with franken.no_grad():
            return franken.poisson(self._gamma.sample(sample_shape=sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        n, logits = self.total_count, self.logits
        powers = n * logsigmoid(-logits) + value * logsigmoid(logits)
        ways = franken.lgamma(n + value) - franken.lgamma(1.0 + value) - franken.lgamma(n)
        return powers + ways.masked_fill(n + value == 0.0, 0.0)


__all__ = ["NegativeBinomial"]
