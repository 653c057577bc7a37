"""VonMises: angles around a direction."""

from __future__ import annotations

import math
from typing import Any

import franken
from franken import Size, Tensor
from franken.distributions import constraints
from franken.distributions.distribution import Distribution
from franken.distributions.utils import EMPTY, broadcast_all, lazy_property


class VonMises(Distribution):
    """Angles of density e^(concentration cos(x - loc)) up to a constant.

    Args:
        loc: the mean angle in radians.
        concentration: how narrow it is.

    >>> import franken as torch
    >>> torch.distributions.VonMises(torch.tensor(1.0), torch.tensor(4.0)).mode
    tensor(1.)
    """

    arg_constraints: Any = {"loc": constraints.real, "concentration": constraints.positive}
    support: Any = constraints.real
    has_rsample = False

    def __init__(self, loc: Any, concentration: Any, validate_args: Any = None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, Size(), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        if _instance is not None:
            return super().expand(batch_shape, _instance)
        args = (self.loc.expand(batch_shape), self.concentration.expand(batch_shape))
        return type(self)(*args, validate_args=self.__dict__.get("_validate_args"))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        k = self.concentration
        # log I0(k), whose exponential is taken out
        bessel = franken.log(franken.special.i0e(k)) + k
        return k * franken.cos(value - self.loc) - math.log(2 * math.pi) - bessel

    @lazy_property
    def _loc(self) -> Any:
        return self.loc.to(franken.double)

    @lazy_property
    def _concentration(self) -> Any:
        return self.concentration.to(franken.double)

    @lazy_property
    def _proposal_r(self) -> Any:
        """The parameter of the wrapped Cauchy envelope (Best and Fisher, Appl. Statist. 28)."""
        k = self._concentration
        tau = 1 + (1 + 4 * k**2).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * k)
        # of a small concentration, its series: the formula above cancels
        return franken.where(k < 1e-5, 1 / k + k, (1 + rho**2) / (2 * rho))

    def sample(self, sample_shape: Any = EMPTY) -> Tensor:
        """Angles of [-pi, pi), by rejection in float64."""
        shape = self._extended_shape(sample_shape)
        with franken.no_grad():
            angle = franken.empty(shape, dtype=self._loc.dtype, device=self.loc.device)
            away = _rejection(self._concentration, self._proposal_r, angle)
            wrapped = (away + math.pi + self._loc) % (2 * math.pi) - math.pi
            return wrapped.to(self.loc.dtype)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @lazy_property
    def variance(self) -> Any:  # type: ignore[override]
        """The circular variance, 1 - I1 / I0."""
        k = self.concentration
        return 1 - franken.special.i1e(k) / franken.special.i0e(k)


def _rejection(concentration: Tensor, r: Tensor, x: Tensor) -> Tensor:
    """Angles around zero; all places draw again until the last one has accepted."""
    done = franken.zeros(x.shape, dtype=franken.bool, device=x.device)
    while not done.all():
        u = franken.rand((3, *x.shape), dtype=x.dtype, device=x.device)
        z = franken.cos(math.pi * u[0])
        f = (1 + r * z) / (r + z)
        c = concentration * (r - f)
        accepted = (c * (2 - c) - u[1] > 0) | ((c / u[1]).log() + 1 - c >= 0)
        if accepted.any():
            x = franken.where(accepted, (u[2] - 0.5).sign() * f.acos(), x)
            done = done | accepted
    return x


__all__ = ["VonMises"]
