"""HalfNormal: the positive half of a normal distribution."""

from __future__ import annotations

import math
from typing import Any

from franken import Tensor
from franken.distributions.continuous.normal import Normal
from franken.distributions.halves import Half


class HalfNormal(Half):
    """|x| of normal numbers x around zero.

    Args:
        scale: the deviation of the whole distribution.

    >>> import franken as torch
    >>> torch.distributions.HalfNormal(1.0).mean
    tensor(0.7979)
    """

    def __init__(self, scale: Any, validate_args: Any = None) -> None:
        super().__init__(Normal(0, scale, validate_args=False), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return super().expand(batch_shape, self._get_checked_instance(HalfNormal, _instance))

    @property
    def mean(self) -> Tensor:
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self) -> Tensor:
        return self.scale.pow(2) * (1 - 2 / math.pi)


__all__ = ["HalfNormal"]
