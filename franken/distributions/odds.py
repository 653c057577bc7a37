"""Distributions that are given probabilities or logits: one is a parameter, the other follows."""

from __future__ import annotations

from typing import Any

from franken import Tensor
from franken.distributions.distribution import Distribution
from franken.distributions.utils import (
    broadcast_all,
    lazy_property,
    logits_to_probs,
    probs_to_logits,
)


def one_of(probs: Any, logits: Any) -> bool:
    """Whether it is the probabilities that are given; an error unless one of the two is."""
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")
    return probs is not None


class Odds(Distribution):
    """A distribution with `probs` or `logits`; `_param` is the one that was given.

    Of a binary distribution logits are log odds, else log weights along the last dimension.
    """

    _binary = True
    _param: Tensor

    def _take(self, probs: Any, logits: Any) -> None:
        """Keep the one of two binary parameters that is given, as a tensor."""
        if one_of(probs, logits):
            (self.probs,) = broadcast_all(probs)
        else:
            (self.logits,) = broadcast_all(logits)
        self._param = self.probs if logits is None else self.logits

    def _take_with(self, other: Any, probs: Any, logits: Any) -> Tensor:
        """The same with another parameter of the same shape, which is given back."""
        if one_of(probs, logits):
            other, self.probs = broadcast_all(other, probs)
        else:
            other, self.logits = broadcast_all(other, logits)
        self._param = self.probs if logits is None else self.logits
        return other.type_as(self._param)  # type: ignore[no-any-return]

    def _new(self, *args: Any, **kwargs: Any) -> Tensor:
        return self._param.new(*args, **kwargs)

    @lazy_property
    def logits(self) -> Any:
        """Log odds, or log weights."""
        return probs_to_logits(self.probs, is_binary=self._binary)

    @lazy_property
    def probs(self) -> Any:
        """Probabilities."""
        return logits_to_probs(self.logits, is_binary=self._binary)

    @property
    def param_shape(self) -> Any:
        """The shape of the parameter."""
        return self._param.size()


def enumerated(values: Tensor, batch_shape: Any, expand: bool) -> Tensor:
    """One value a row, over a batch of ones, or over the whole batch."""
    values = values.view((-1,) + (1,) * len(batch_shape))
    return values.expand((-1,) + batch_shape) if expand else values
