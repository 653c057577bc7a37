"""ExponentialFamily: densities exp(<theta, t(x)> - F(theta) + k(x)), with F for the entropy."""

from __future__ import annotations

from typing import Any

import franken
from franken import Tensor
from franken.distributions.distribution import Distribution, _unsaid


class ExponentialFamily(Distribution):
    """A distribution with natural parameters theta and a log normalizer F(theta).

    The entropy is F(theta) - <theta, grad F(theta)> - E k(x), its gradient by autograd.
    """

    _natural_params: Any = property(_unsaid, doc="theta.")
    _mean_carrier_measure: Any = property(_unsaid, doc="E k(x).")

    def _log_normalizer(self, *natural_params: Any) -> Tensor:
        """F(theta)."""
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """The entropy in nats, of shape batch_shape."""
        total = -self._mean_carrier_measure
        natural = [p.detach().requires_grad_() for p in self._natural_params]
        normalizer = self._log_normalizer(*natural)
        slopes = franken.autograd.grad(normalizer.sum(), natural, create_graph=True)
        total += normalizer
        for theta, slope in zip(natural, slopes, strict=True):
            total -= (theta * slope).reshape(self._batch_shape + (-1,)).sum(-1)
        return total


__all__ = ["ExponentialFamily"]
