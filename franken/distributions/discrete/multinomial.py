"""Multinomial: how often each category comes in a number of independent choices."""

from __future__ import annotations

from typing import Any

import franken
from franken import Size, Tensor, inf
from franken.distributions import constraints
from franken.distributions.discrete.binomial import Binomial
from franken.distributions.discrete.categorical import Categorical
from franken.distributions.distribution import Distribution
from franken.distributions.utils import EMPTY, broadcast_all


class Multinomial(Distribution):
    """Counts (*, N) of `total_count` choices with the weights of the last dimension.

    Args:
        total_count: the number of choices, the same everywhere.
        probs: weights (*, N), normalized here, or else
        logits: their logarithms up to a constant.

    >>> import franken as torch
    >>> torch.distributions.Multinomial(8, torch.tensor([1.0, 3.0])).mean
    tensor([2., 6.])
    """

    arg_constraints: Any = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(
        self, total_count: int = 1, probs: Any = None, logits: Any = None,
        validate_args: Any = None,
    ) -> None:  # fmt: skip
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._categorical = Categorical(probs=probs, logits=logits)
        self._binomial = Binomial(total_count=total_count, probs=self.probs)
        super().__init__(
            self._categorical.batch_shape, self._categorical.param_shape[-1:],
            validate_args=validate_args,
        )  # fmt: skip

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(Multinomial, _instance)
        new.total_count = self.total_count
        new._categorical = self._categorical.expand(Size(batch_shape))
        new._binomial = self._binomial
        return self._expanded(new, Size(batch_shape))

    def _new(self, *args: Any, **kwargs: Any) -> Tensor:
        return self._categorical._new(*args, **kwargs)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        return constraints.multinomial(self.total_count)

    @property
    def logits(self) -> Tensor:
        """The logarithms of the weights."""
        return self._categorical.logits  # type: ignore[no-any-return]

    @property
    def probs(self) -> Tensor:
        """The weights, of sum one."""
        return self._categorical.probs  # type: ignore[no-any-return]

    @property
    def param_shape(self) -> Any:
        """The shape of the weights."""
        return self._categorical.param_shape

    def sample(self, sample_shape: Any = EMPTY) -> Tensor:
        sample_shape = Size(sample_shape)
        chosen = self._categorical.sample(Size((self.total_count,)) + sample_shape).movedim(0, -1)
        counts = chosen.new(self._extended_shape(sample_shape)).zero_()
        counts.scatter_add_(-1, chosen, franken.ones_like(chosen))
        return counts.type_as(self.probs)

    def entropy(self) -> Tensor:
        # -E log of the multinomial coefficient is n! over the factorials, by each count's marginal
        n = franken.tensor(self.total_count)
        counts = self._binomial.enumerate_support(expand=False)[1:]
        weights = franken.exp(self._binomial.log_prob(counts))
        spread = (weights * franken.lgamma(counts + 1)).sum([0, -1])
        return n * self._categorical.entropy() - franken.lgamma(n + 1) + spread

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        ways = franken.lgamma(value.sum(-1) + 1) - franken.lgamma(value + 1).sum(-1)
        logits = logits.masked_fill((value == 0) & (logits == -inf), 0)
        return ways + (logits * value).sum(-1)


__all__ = ["Multinomial"]
