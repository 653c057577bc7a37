"""LogisticNormal: shares of several, from normal numbers."""

from __future__ import annotations

from typing import Any

from franken import Tensor
from franken.distributions import constraints
from franken.distributions.continuous.normal import Normal
from franken.distributions.transformed_distribution import TransformedDistribution
from franken.distributions.transforms import StickBreakingTransform


class LogisticNormal(TransformedDistribution):
    """Vectors (*, N + 1) of sum one: a stick broken at the logistic of normal numbers.

    Args:
        loc, scale: mean and deviation of the normal numbers (*, N).

    >>> import franken as torch
    >>> torch.distributions.LogisticNormal(torch.zeros(2), torch.ones(2)).event_shape
    torch.Size([3])
    """

    arg_constraints: Any = {"loc": constraints.real, "scale": constraints.positive}
    support: Any = constraints.simplex
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: Any = None) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        if not base.batch_shape:
            base = base.expand([1])
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return super().expand(batch_shape, self._get_checked_instance(LogisticNormal, _instance))

    @property
    def loc(self) -> Tensor:
        """The means of the normal numbers."""
        return self.base_dist.base_dist.loc  # type: ignore[no-any-return]

    @property
    def scale(self) -> Tensor:
        """Their deviations."""
        return self.base_dist.base_dist.scale  # type: ignore[no-any-return]


__all__ = ["LogisticNormal"]
