"""ContinuousBernoulli: the Bernoulli probability of numbers between zero and one, as a density.

Source: Loaiza-Ganem and Cunningham, "The continuous Bernoulli: fixing a pervasive error in
variational autoencoders" (NeurIPS 2019). Around p = 1/2 the formulas are 0/0, and their Taylor
series in p - 1/2 take their place.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import franken
from franken import Tensor
from franken.distributions import constraints
from franken.distributions.exp_family import ExponentialFamily
from franken.distributions.odds import Odds
from franken.distributions.utils import (
    EMPTY,
    broadcast_all,
    clamp_probs,
    lazy_property,
    logits_to_probs,
)
from franken.nn.functional import binary_cross_entropy_with_logits


class ContinuousBernoulli(Odds, ExponentialFamily):
    """Numbers x of [0, 1] with density C p^x (1 - p)^(1 - x).

    Args:
        probs: p, or else
        logits: log p - log(1 - p).
        lims: between which p counts as near one half.

    >>> import franken as torch
    >>> torch.distributions.ContinuousBernoulli(torch.tensor(0.5)).mean
    tensor(0.5000)
    """

    arg_constraints: Any = {"probs": constraints.unit_interval, "logits": constraints.real}
    support: Any = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure: Any = 0
    _expandable: ClassVar[dict[str, int]] = {"probs": 0, "logits": 0, "_param": 0}

    def __init__(
        self, probs: Any = None, logits: Any = None, lims: tuple[float, float] = (0.499, 0.501),
        validate_args: Any = None,
    ) -> None:  # fmt: skip
        self._take(probs, logits)
        if probs is not None:
            # Checked before it is clamped. An unsaid `validate_args` checks nothing here.
            if validate_args and not constraints.unit_interval.check(self.probs).all():
                raise ValueError("The parameter probs has invalid values")
            self.probs = self._param = clamp_probs(self.probs)
        self._lims = lims
        super().__init__(self._param.size(), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new._lims = self._lims
        return new

    @lazy_property
    def probs(self) -> Any:
        """p, kept inside the open unit interval."""
        return clamp_probs(logits_to_probs(self.logits, is_binary=True))

    def _outside_unstable_region(self) -> Tensor:
        low, high = self._lims
        return (self.probs <= low) | (self.probs > high)  # type: ignore[no-any-return]

    def _cut_probs(self) -> Tensor:
        """p, and a bound of the region where it is near one half."""
        return franken.where(
            self._outside_unstable_region(),
            self.probs,
            self._lims[0] * franken.ones_like(self.probs),
        )

    def _cont_bern_log_norm(self) -> Tensor:
        p = self._cut_probs()
        # |2 artanh(1 - 2p) / (1 - 2p)|, each half of p by itself, so that none makes a NaN slope
        below = franken.where(p <= 0.5, p, franken.zeros_like(p))
        above = franken.where(p >= 0.5, p, franken.ones_like(p))
        ratio = franken.log(franken.abs(franken.log1p(-p) - franken.log(p))) - franken.where(
            p <= 0.5, franken.log1p(-2.0 * below), franken.log(2.0 * above - 1.0)
        )
        square = (self.probs - 0.5) ** 2
        series = math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * square) * square
        return franken.where(self._outside_unstable_region(), ratio, series)

    @property
    def mean(self) -> Tensor:
        p = self._cut_probs()
        found = p / (2.0 * p - 1.0) + 1.0 / (franken.log1p(-p) - franken.log(p))
        x = self.probs - 0.5
        series = 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x**2) * x
        return franken.where(self._outside_unstable_region(), found, series)

    @property
    def stddev(self) -> Tensor:
        return franken.sqrt(self.variance)

    @property
    def variance(self) -> Tensor:
        p = self._cut_probs()
        found = p * (p - 1.0) / (1.0 - 2.0 * p) ** 2 + 1.0 / (
            franken.log1p(-p) - franken.log(p)
        ).pow(2)
        square = (self.probs - 0.5) ** 2
        series = 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * square) * square
        return franken.where(self._outside_unstable_region(), found, series)

    def sample(self, sample_shape: Any = EMPTY) -> Tensor:
        with franken.no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = EMPTY) -> Tensor:
        shape = self._extended_shape(sample_shape)
        return self.icdf(franken.rand(shape, dtype=self.probs.dtype, device=self.probs.device))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        crossed = -binary_cross_entropy_with_logits(logits, value, reduction="none")
        return crossed + self._cont_bern_log_norm()

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        p = self._cut_probs()
        risen = franken.pow(p, value) * franken.pow(1.0 - p, 1.0 - value) + p - 1.0
        inside = franken.where(self._outside_unstable_region(), risen / (2.0 * p - 1.0), value)
        below, above = franken.le(value, 0.0), franken.ge(value, 1.0)
        inside = franken.where(below, franken.zeros_like(inside), inside)
        return franken.where(above, franken.ones_like(inside), inside)

    def icdf(self, value: Tensor) -> Tensor:
        p = self._cut_probs()
        found = franken.log1p(-p + value * (2.0 * p - 1.0)) - franken.log1p(-p)
        slope = franken.log(p) - franken.log1p(-p)
        return franken.where(self._outside_unstable_region(), found / slope, value)

    def entropy(self) -> Tensor:
        failed, passed = franken.log1p(-self.probs), franken.log(self.probs)
        return self.mean * (failed - passed) - self._cont_bern_log_norm() - failed

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return (self.logits,)

    def _log_normalizer(self, x: Tensor) -> Tensor:  # type: ignore[override]
        # log((e^x - 1) / x), and its series around zero
        low, high = self._lims[0] - 0.5, self._lims[1] - 0.5
        outside = franken.le(x, low) | franken.gt(x, high)
        cut = franken.where(outside, x, low * franken.ones_like(x))
        found = franken.log(franken.abs(franken.special.expm1(cut))) - franken.log(franken.abs(cut))
        series = 0.5 * x + x.pow(2) / 24.0 - x.pow(4) / 2880.0
        return franken.where(outside, found, series)


__all__ = ["ContinuousBernoulli"]
