"""MixtureSameFamily: one of several components of one kind, chosen at random."""

from __future__ import annotations

from typing import Any

import franken
from franken import Size, Tensor
from franken.distributions import constraints
from franken.distributions.discrete.categorical import Categorical
from franken.distributions.distribution import Distribution
from franken.distributions.utils import EMPTY


class MixtureSameFamily(Distribution):
    """A mixture of the components that lie along the last batch dimension.

    Args:
        mixture_distribution: a Categorical of the components' weights.
        component_distribution: a distribution with one more batch dimension.

    >>> import franken as torch
    >>> from franken.distributions import Categorical, MixtureSameFamily, Normal
    >>> parts = Normal(torch.tensor([-1.0, 1.0]), 1.0)
    >>> MixtureSameFamily(Categorical(torch.ones(2)), parts).variance
    tensor(2.)
    """

    arg_constraints: Any = {}
    has_rsample = False

    def __init__(
        self, mixture_distribution: Any, component_distribution: Any, validate_args: Any = None
    ) -> None:
        self._mixture_distribution = mixture_distribution
        self._component_distribution = component_distribution
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(
                " The Mixture distribution needs to be an  instance of "
                "torch.distributions.Categorical"
            )
        if not isinstance(component_distribution, Distribution):
            raise ValueError(
                "The Component distribution needs to be an instance of "
                "torch.distributions.Distribution"
            )
        self._check_batches()
        self._num_component = mixture_distribution._num_events
        self._event_ndims = len(component_distribution.event_shape)
        super().__init__(
            component_distribution.batch_shape[:-1], component_distribution.event_shape,
            validate_args=validate_args,
        )  # fmt: skip

    def _check_batches(self) -> None:
        mixed, parts = (
            self._mixture_distribution.batch_shape,
            self._component_distribution.batch_shape[:-1],
        )
        for one, other in zip(reversed(mixed), reversed(parts), strict=False):
            if one != 1 and other != 1 and one != other:
                raise ValueError(
                    f"`mixture_distribution.batch_shape` ({mixed}) is not compatible with "
                    f"`component_distribution.batch_shape`({parts})"
                )
        weights = self._mixture_distribution.logits.shape[-1]
        components = self._component_distribution.batch_shape[-1]
        if weights is not None and components is not None and weights != components:
            raise ValueError(
                f"`mixture_distribution component` ({weights}) does not equal "
                f"`component_distribution.batch_shape[-1]` ({components})"
            )

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        batch_shape = Size(batch_shape)
        new = self._get_checked_instance(MixtureSameFamily, _instance)
        new._mixture_distribution = self._mixture_distribution.expand(batch_shape)
        new._component_distribution = self._component_distribution.expand(
            batch_shape + (self._num_component,)
        )
        new._num_component = self._num_component
        new._event_ndims = self._event_ndims
        return self._expanded(new, batch_shape, new._component_distribution.event_shape)

    @constraints.dependent_property
    def support(self) -> Any:
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def mixture_distribution(self) -> Any:
        """The distribution of the choice."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Any:
        """The components."""
        return self._component_distribution

    def _mixed(self, values: Tensor) -> Tensor:
        """The mean over components of something that they have of the event's shape."""
        weights = self._pad_mixture_dimensions(self.mixture_distribution.probs)
        return (weights * values).sum(dim=-1 - self._event_ndims)

    @property
    def mean(self) -> Tensor:
        return self._mixed(self.component_distribution.mean)

    @property
    def variance(self) -> Tensor:
        # the mean of the variances, and the variance of the means
        means = self.component_distribution.mean
        within = self._mixed(self.component_distribution.variance)
        return within + self._mixed((means - self._pad(self.mean)).pow(2.0))

    def cdf(self, value: Tensor) -> Tensor:
        each = self.component_distribution.cdf(self._pad(value))
        return (each * self.mixture_distribution.probs).sum(-1)  # type: ignore[no-any-return]

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        each = self.component_distribution.log_prob(self._pad(value))
        weights = franken.log_softmax(self.mixture_distribution.logits, dim=-1)
        return franken.logsumexp(each + weights, dim=-1)

    def sample(self, sample_shape: Any = EMPTY) -> Tensor:
        with franken.no_grad():
            before = len(sample_shape) + len(self.batch_shape)
            chosen = self.mixture_distribution.sample(sample_shape)
            drawn = self.component_distribution.sample(sample_shape)
            event = self.event_shape
            index = chosen.reshape(chosen.shape + (1,) * (len(event) + 1))
            index = index.repeat((1,) * (chosen.dim() + 1) + tuple(event))
            return drawn.gather(before, index).squeeze(before)  # type: ignore[no-any-return]

    def _pad(self, x: Tensor) -> Tensor:
        return x.unsqueeze(-1 - self._event_ndims)

    def _pad_mixture_dimensions(self, x: Tensor) -> Tensor:
        mixed, parts = self.mixture_distribution.batch_shape, self.batch_shape
        more = 0 if len(mixed) == 0 else len(parts) - len(mixed)
        shape = x.shape
        return x.reshape(shape[:-1] + (1,) * more + shape[-1:] + (1,) * self._event_ndims)

    def __repr__(self) -> str:
        return (
            f"MixtureSameFamily(\n  {self.mixture_distribution},\n  {self.component_distribution})"
        )


__all__ = ["MixtureSameFamily"]
