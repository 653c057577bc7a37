"""Categorical: one of several categories, as an index."""

from __future__ import annotations

from typing import Any, ClassVar

import franken
from franken import Size, Tensor, nan
from franken.distributions import constraints
from franken.distributions.odds import Odds, enumerated, one_of
from franken.distributions.utils import EMPTY


def normalized(probs: Any, logits: Any) -> tuple[str, Tensor]:
    """The name and the tensor of the weights that are given, scaled to a sum of one."""
    name, weights = ("probs", probs) if one_of(probs, logits) else ("logits", logits)
    if weights.dim() < 1:
        raise ValueError(f"`{name}` parameter must be at least one-dimensional.")
    if name == "probs":
        return name, weights / weights.sum(-1, keepdim=True)
    return name, weights - weights.logsumexp(dim=-1, keepdim=True)


class Categorical(Odds):
    """Indices below N, with the weights of the last dimension.

    Args:
        probs: weights (*, N), normalized here, or else
        logits: their logarithms up to a constant.

    >>> import franken as torch
    >>> torch.distributions.Categorical(torch.tensor([1.0, 3.0])).probs
    tensor([0.2500, 0.7500])
    """

    arg_constraints: Any = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True
    _binary = False
    _expandable: ClassVar[dict[str, int]] = {"probs": 1, "logits": 1, "_param": 1}

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: Any = None) -> None:
        name, self._param = normalized(probs, logits)
        setattr(self, name, self._param)
        self._num_events = self._param.size()[-1]
        super().__init__(self._param.size()[:-1], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new._num_events = self._num_events
        return new

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self) -> Tensor:
        return self._undefined()

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(dim=-1)  # type: ignore[no-any-return]

    @property
    def variance(self) -> Tensor:
        return self._undefined()

    def _undefined(self) -> Tensor:
        return franken.full(
            self._extended_shape(), nan, dtype=self.probs.dtype, device=self.probs.device
        )

    def sample(self, sample_shape: Any = EMPTY) -> Tensor:
        if not isinstance(sample_shape, Size):
            sample_shape = Size(sample_shape)
        rows = self.probs.reshape(-1, self._num_events)
        drawn = franken.multinomial(rows, sample_shape.numel(), True).T
        return drawn.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        index, logits = franken.broadcast_tensors(value.long().unsqueeze(-1), self.logits)
        return logits.gather(-1, index[..., :1]).squeeze(-1)

    def entropy(self) -> Tensor:
        # A weight of zero has minus infinity for a logarithm, and counts nothing.
        logits = self.logits.clamp(min=franken.finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)  # type: ignore[no-any-return]

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = franken.arange(self._num_events, dtype=franken.long, device=self._param.device)
        return enumerated(values, self._batch_shape, expand)


__all__ = ["Categorical"]
