"""Geometric: the number of failures before the first success."""

from __future__ import annotations

from typing import Any, ClassVar

import franken
from franken import Tensor
from franken.distributions import constraints
from franken.distributions.odds import Odds
from franken.distributions.utils import EMPTY, broadcast_all
from franken.nn.functional import binary_cross_entropy_with_logits


class Geometric(Odds):
    """The number of failures before the first success of probability p.

    Args:
        probs: p, not zero, or else
        logits: log p - log(1 - p).

    >>> import franken as torch
    >>> torch.distributions.Geometric(0.25).mean
    tensor(3.)
    """

    arg_constraints: Any = {"probs": constraints.unit_interval, "logits": constraints.real}
    support: Any = constraints.nonnegative_integer
    _expandable: ClassVar[dict[str, int]] = {"probs": 0, "logits": 0, "_param": 0}

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: Any = None) -> None:
        self._take(probs, logits)
        super().__init__(self._param.size(), validate_args=validate_args)
        if self._validate_args and probs is not None:
            self._refuse_zero(self.probs)

    def _refuse_zero(self, probs: Tensor) -> None:
        positive = probs > 0
        if not positive.all():
            raise ValueError(
                f"Expected parameter probs ({type(probs).__name__} of shape {tuple(probs.shape)}) "
                f"of distribution {self!r} to be positive but found invalid values:\n"
                f"{probs.data[~positive]}"
            )

    @property
    def mean(self) -> Tensor:
        return 1.0 / self.probs - 1.0  # type: ignore[no-any-return]

    @property
    def mode(self) -> Tensor:
        return franken.zeros_like(self.probs)

    @property
    def variance(self) -> Tensor:
        return (1.0 / self.probs - 1.0) / self.probs  # type: ignore[no-any-return]

    def sample(self, sample_shape: Any = EMPTY) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with franken.no_grad():
            u = self.probs.new(shape).uniform_(franken.finfo(self.probs.dtype).tiny, 1)
            return (u.log() / (-self.probs).log1p()).floor()  # type: ignore[no-any-return]

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        value, probs = broadcast_all(value, self.probs)
        # of no failures, log1p(-1) counts nothing
        failing = probs.masked_fill((probs == 1) & (value == 0), 0)
        return value * (-failing).log1p() + self.probs.log()  # type: ignore[no-any-return]

    def entropy(self) -> Tensor:
        each = binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")
        return each / self.probs  # type: ignore[no-any-return]


__all__ = ["Geometric"]
