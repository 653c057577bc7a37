"""What the relaxed distributions share: a base of logits or logarithms, at a temperature."""

from __future__ import annotations

from franken import Tensor
from franken.distributions.transformed_distribution import TransformedDistribution


class Relaxed(TransformedDistribution):
    """A transformed distribution that shows the parameters of its base."""

    has_rsample = True

    @property
    def temperature(self) -> Tensor:
        """The relaxation."""
        return self.base_dist.temperature  # type: ignore[no-any-return]

    @property
    def logits(self) -> Tensor:
        """The log odds of one, or the logarithms of the weights."""
        return self.base_dist.logits  # type: ignore[no-any-return]

    @property
    def probs(self) -> Tensor:
        """The probability of one, or the weights, of sum one."""
        return self.base_dist.probs  # type: ignore[no-any-return]
