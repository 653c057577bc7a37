"""Beta: shares of two."""

from __future__ import annotations

from numbers import Real
from typing import Any

import franken
from franken import Size, Tensor
from franken.distributions import constraints
from franken.distributions.exp_family import ExponentialFamily
from franken.distributions.multivariate.dirichlet import Dirichlet
from franken.distributions.utils import EMPTY, broadcast_all


class Beta(ExponentialFamily):
    """The beta distribution, of density x^(c1 - 1) (1 - x)^(c0 - 1) up to a constant.

    Args:
        concentration1: c1.
        concentration0: c0.

    >>> import franken as torch
    >>> torch.distributions.Beta(1.0, 3.0).mean
    tensor(0.2500)
    """

    arg_constraints: Any = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support: Any = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: Any = None) -> None:
        if isinstance(concentration1, Real) and isinstance(concentration0, Real):
            both = franken.tensor([float(concentration1), float(concentration0)])
        else:
            both = franken.stack(broadcast_all(concentration1, concentration0), -1)
        self._dirichlet = Dirichlet(both, validate_args=validate_args)
        super().__init__(self._dirichlet._batch_shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(Beta, _instance)
        new._dirichlet = self._dirichlet.expand(Size(batch_shape))
        return self._expanded(new, Size(batch_shape))

    @property
    def concentration1(self) -> Tensor:
        """The power of x, and one."""
        return self._dirichlet.concentration[..., 0]  # type: ignore[no-any-return]

    @property
    def concentration0(self) -> Tensor:
        """The power of 1 - x, and one."""
        return self._dirichlet.concentration[..., 1]  # type: ignore[no-any-return]

    @property
    def mean(self) -> Tensor:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Tensor:
        return self._dirichlet.mode[..., 0]  # type: ignore[no-any-return]

    @property
    def variance(self) -> Tensor:
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total.pow(2) * (total + 1))

    def rsample(self, sample_shape: Any = EMPTY) -> Tensor:
        return self._dirichlet.rsample(sample_shape).select(-1, 0)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return self._dirichlet.log_prob(franken.stack([value, 1.0 - value], -1))

    def entropy(self) -> Tensor:
        return self._dirichlet.entropy()

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return self.concentration1, self.concentration0

    def _log_normalizer(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        return franken.lgamma(x) + franken.lgamma(y) - franken.lgamma(x + y)


__all__ = ["Beta"]
