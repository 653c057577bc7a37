"""StudentT: means of few normal numbers, over their estimated deviation."""

from __future__ import annotations

import math
from typing import Any

import franken
from franken import Size, Tensor, inf, nan
from franken.distributions import constraints
from franken.distributions.continuous.chi2 import Chi2
from franken.distributions.distribution import Distribution
from franken.distributions.utils import EMPTY, _standard_normal, broadcast_all


class StudentT(Distribution):
    """Student's t distribution, shifted and scaled.

    Args:
        df: the degrees of freedom.
        loc: where it is symmetric.
        scale: the scale.

    >>> import franken as torch
    >>> torch.distributions.StudentT(4.0).variance
    tensor(2.)
    """

    arg_constraints: Any = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support: Any = constraints.real
    has_rsample = True

    def __init__(
        self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: Any = None
    ) -> None:
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        self._chi2 = Chi2(self.df)
        super().__init__(self.df.size(), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(StudentT, _instance)
        batch_shape = Size(batch_shape)
        for name in ("df", "loc", "scale", "_chi2"):
            setattr(new, name, getattr(self, name).expand(batch_shape))
        return self._expanded(new, batch_shape)

    @property
    def mean(self) -> Tensor:
        return self.loc.masked_fill(self.df <= 1, nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        df = self.df
        found = self.scale.pow(2) * df / (df - 2)
        return found.masked_fill(df <= 2, inf).masked_fill(df <= 1, nan)

    def rsample(self, sample_shape: Any = EMPTY) -> Tensor:
        shape = self._extended_shape(sample_shape)
        x = _standard_normal(shape, dtype=self.df.dtype, device=self.df.device)
        return self.loc + self.scale * (
            x * franken.rsqrt(self._chi2.rsample(sample_shape) / self.df)
        )

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        y, df = (value - self.loc) / self.scale, self.df
        beta = franken.lgamma(0.5 * df) - franken.lgamma(0.5 * (df + 1.0))
        scale = self.scale.log() + 0.5 * df.log() + 0.5 * math.log(math.pi) + beta
        return -0.5 * (df + 1.0) * franken.log1p(y**2.0 / df) - scale

    def entropy(self) -> Tensor:
        df, half, more = self.df, 0.5 * self.df, 0.5 * (self.df + 1)
        log_beta = franken.lgamma(half) + math.lgamma(0.5) - franken.lgamma(more)
        slope = more * (franken.digamma(more) - franken.digamma(half))
        return self.scale.log() + slope + 0.5 * df.log() + log_beta


__all__ = ["StudentT"]
