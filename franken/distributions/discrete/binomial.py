"""Binomial: the number of successes in independent trials."""

from __future__ import annotations

from typing import Any, ClassVar

import franken
from franken import Tensor
from franken.distributions import constraints
from franken.distributions.odds import Odds, enumerated
from franken.distributions.utils import EMPTY


def _above_zero(x: Tensor) -> Tensor:
    """max(x, 0), whose slope at zero is a half: that of the whole log probability there."""
    return (x.clamp(min=0) + x - x.clamp(max=0)) / 2


class Binomial(Odds):
    """The number of successes in `total_count` trials, each with probability p.

    Args:
        total_count: the number of trials.
        probs: p, or else
        logits: log p - log(1 - p).

    >>> import franken as torch
    >>> torch.distributions.Binomial(3, torch.tensor(0.5)).mean
    tensor(1.5000)
    """

    arg_constraints: Any = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True
    _expandable: ClassVar[dict[str, int]] = {
        "total_count": 0, "probs": 0, "logits": 0, "_param": 0,
    }  # fmt: skip

    def __init__(
        self, total_count: Any = 1, probs: Any = None, logits: Any = None,
        validate_args: Any = None,
    ) -> None:  # fmt: skip
        self.total_count = self._take_with(total_count, probs, logits)
        super().__init__(self._param.size(), validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = EMPTY) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with franken.no_grad():
            return franken.binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        n, logits = self.total_count, self.logits
        ways = franken.lgamma(n + 1) - franken.lgamma(value + 1) - franken.lgamma(n - value + 1)
        # k log p + (n - k) log(1 - p) = k logit - n log(1 + e^logit)
        failed = n * _above_zero(logits) + n * franken.log1p(franken.exp(-franken.abs(logits)))
        return value * logits + ways - failed

    def _common_count(self, asked: str) -> int:
        count = int(self.total_count.max())
        if not self.total_count.min() == count:
            raise NotImplementedError(f"Inhomogeneous total count not supported by `{asked}`.")
        return count

    def entropy(self) -> Tensor:
        self._common_count("entropy")
        each = self.log_prob(self.enumerate_support(False))
        return -(franken.exp(each) * each).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        count = self._common_count("enumerate_support")
        values = franken.arange(1 + count, dtype=self._param.dtype, device=self._param.device)
        return enumerated(values, self._batch_shape, expand)


__all__ = ["Binomial"]
