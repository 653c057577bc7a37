"""TransformedDistribution: what transforms make of a distribution."""

from __future__ import annotations

from functools import reduce
from operator import mul
from typing import Any

import franken
from franken import Size, Tensor
from franken.distributions import constraints
from franken.distributions.distribution import Distribution
from franken.distributions.independent import Independent
from franken.distributions.transforms import ComposeTransform, Transform
from franken.distributions.utils import EMPTY, _sum_rightmost


class TransformedDistribution(Distribution):
    """The distribution of y = f(x), x drawn from a base distribution.

    log p(y) = log p(x) - log |det dy/dx|.

    Args:
        base_distribution: of x; it is expanded where a transform needs a larger batch.
        transforms: f, or a list of transforms, the first one applied first.

    >>> import franken as torch
    >>> from franken.distributions import ExpTransform, Normal, TransformedDistribution
    >>> TransformedDistribution(Normal(0.0, 1.0), ExpTransform()).cdf(torch.tensor(1.0))
    tensor(0.5000)
    """

    arg_constraints: Any = {}

    def __init__(self, base_distribution: Any, transforms: Any, validate_args: Any = None) -> None:
        self.transforms = _as_list(transforms)
        whole = ComposeTransform(self.transforms)
        event = len(base_distribution.event_shape)
        shape = base_distribution.batch_shape + base_distribution.event_shape
        needed = whole.domain.event_dim
        if len(shape) < needed:
            raise ValueError(
                f"base_distribution needs to have shape with size at least {needed}, "
                f"but got {shape}."
            )
        made = whole.forward_shape(shape)
        wanted = whole.inverse_shape(made)
        if wanted != shape:
            base_distribution = base_distribution.expand(wanted[: len(wanted) - event])
        if needed > event:
            base_distribution = Independent(base_distribution, needed - event)
        self.base_dist = base_distribution
        out = whole.codomain.event_dim
        cut = len(made) - max(out, event + out - needed)
        super().__init__(made[:cut], made[cut:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(TransformedDistribution, _instance)
        batch_shape = Size(batch_shape)
        shape = batch_shape + self.event_shape
        for transform in reversed(self.transforms):
            shape = transform.inverse_shape(shape)
        cut = len(shape) - len(self.base_dist.event_shape)
        new.base_dist = self.base_dist.expand(shape[:cut])
        new.transforms = self.transforms
        return self._expanded(new, batch_shape)

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> Any:
        if not self.transforms:
            return self.base_dist.support
        last = self.transforms[-1].codomain
        more = len(self.event_shape) - last.event_dim
        return constraints.independent(last, more) if more > 0 else last

    @property
    def has_rsample(self) -> bool:
        return self.base_dist.has_rsample  # type: ignore[no-any-return]

    def _forward(self, x: Tensor) -> Tensor:
        for transform in self.transforms:
            x = transform(x)
        return x

    def sample(self, sample_shape: Any = EMPTY) -> Tensor:
        with franken.no_grad():
            return self._forward(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Any = EMPTY) -> Tensor:
        return self._forward(self.base_dist.rsample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        dims, total, y = len(self.event_shape), 0.0, value
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            into = transform.domain.event_dim
            dims += into - transform.codomain.event_dim
            stretch = transform.log_abs_det_jacobian(x, y)
            total, y = total - _sum_rightmost(stretch, dims - into), x  # type: ignore[assignment]
        inner = self.base_dist.log_prob(y)
        return total + _sum_rightmost(inner, dims - len(self.base_dist.event_shape))

    def _monotonize_cdf(self, value: Tensor) -> Tensor:
        """A probability turned round where the transforms together are decreasing."""
        sign = reduce(mul, [t.sign for t in self.transforms], 1)
        if isinstance(sign, int) and sign == 1:
            return value
        return sign * (value - 0.5) + 0.5

    def cdf(self, value: Tensor) -> Tensor:
        for transform in reversed(self.transforms):
            value = transform.inv(value)
        if self.base_dist._validate_args:
            self.base_dist._validate_sample(value)
        return self._monotonize_cdf(self.base_dist.cdf(value))

    def icdf(self, value: Tensor) -> Tensor:
        return self._forward(self.base_dist.icdf(self._monotonize_cdf(value)))


def _as_list(transforms: Any) -> list[Any]:
    if isinstance(transforms, Transform):
        return [transforms]
    if not isinstance(transforms, list):
        raise ValueError(f"transforms must be a Transform or list, but was {transforms}")
    if not all(isinstance(t, Transform) for t in transforms):
        raise ValueError("transforms must be a Transform or a list of Transforms")
    return transforms


__all__ = ["TransformedDistribution"]
