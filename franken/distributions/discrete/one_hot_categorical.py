"""OneHotCategorical: one of several categories, as a unit vector."""

from __future__ import annotations

from typing import Any

import franken
from franken import Size, Tensor
from franken.distributions import constraints
from franken.distributions.discrete.categorical import Categorical
from franken.distributions.distribution import Distribution
from franken.distributions.utils import EMPTY
from franken.nn.functional import one_hot


class OneHotCategorical(Distribution):
    """Unit vectors (*, N), with the weights of the last dimension.

    Args:
        probs: weights (*, N), normalized here, or else
        logits: their logarithms up to a constant.

    >>> import franken as torch
    >>> torch.distributions.OneHotCategorical(torch.tensor([1.0, 3.0])).mode
    tensor([0., 1.])
    """

    arg_constraints: Any = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support: Any = constraints.one_hot
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: Any = None) -> None:
        self._categorical = Categorical(probs, logits)
        super().__init__(
            self._categorical.batch_shape, self._categorical.param_shape[-1:],
            validate_args=validate_args,
        )  # fmt: skip

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(OneHotCategorical, _instance)
        new._categorical = self._categorical.expand(Size(batch_shape))
        return self._expanded(new, Size(batch_shape))

    def _new(self, *args: Any, **kwargs: Any) -> Tensor:
        return self._categorical._new(*args, **kwargs)

    @property
    def _param(self) -> Tensor:
        return self._categorical._param

    @property
    def probs(self) -> Tensor:
        """The weights, of sum one."""
        return self._categorical.probs  # type: ignore[no-any-return]

    @property
    def logits(self) -> Tensor:
        """The logarithms of the weights."""
        return self._categorical.logits  # type: ignore[no-any-return]

    @property
    def param_shape(self) -> Any:
        """The shape of the weights."""
        return self._categorical.param_shape

    @property
    def mean(self) -> Tensor:
        return self._categorical.probs  # type: ignore[no-any-return]

    @property
    def mode(self) -> Tensor:
        return self._unit_vectors(self._categorical.mode)

    @property
    def variance(self) -> Tensor:
        return self._categorical.probs * (1 - self._categorical.probs)  # type: ignore[no-any-return]

    def _unit_vectors(self, index: Tensor) -> Tensor:
        return one_hot(index, num_classes=self._categorical._num_events).to(self.probs)

    def sample(self, sample_shape: Any = EMPTY) -> Tensor:
        return self._unit_vectors(self._categorical.sample(Size(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return self._categorical.log_prob(value.max(-1)[1])

    def entropy(self) -> Tensor:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        n = self.event_shape[0]
        values = franken.eye(n, dtype=self._param.dtype, device=self._param.device)
        values = values.view((n,) + (1,) * len(self.batch_shape) + (n,))
        return values.expand((n,) + self.batch_shape + (n,)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """OneHotCategorical whose samples pass gradients to the weights as if they were these."""

    has_rsample = True

    def rsample(self, sample_shape: Any = EMPTY) -> Tensor:
        drawn = self.sample(sample_shape)
        return drawn + (self._categorical.probs - self._categorical.probs.detach())  # type: ignore[no-any-return]


__all__ = ["OneHotCategorical", "OneHotCategoricalStraightThrough"]
