"""HalfCauchy: the positive half of a Cauchy distribution."""

from __future__ import annotations

from typing import Any

import franken
from franken import Tensor, inf
from franken.distributions.continuous.cauchy import Cauchy
from franken.distributions.halves import Half


class HalfCauchy(Half):
    """|x| of Cauchy numbers x around zero.

    Args:
        scale: the scale of the whole distribution, here the median.

    >>> import franken as torch
    >>> torch.distributions.HalfCauchy(2.0).cdf(torch.tensor(2.0))
    tensor(0.5000)
    """

    def __init__(self, scale: Any, validate_args: Any = None) -> None:
        super().__init__(Cauchy(0, scale, validate_args=False), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return super().expand(batch_shape, self._get_checked_instance(HalfCauchy, _instance))

    @property
    def mean(self) -> Tensor:
        return franken.full(
            self._extended_shape(), inf, dtype=self.scale.dtype, device=self.scale.device
        )

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance  # type: ignore[no-any-return]

    def _doubled(self, value: Any) -> Tensor:
        # Where nothing is checked, a number will do.
        like = self.base_dist.scale
        return super()._doubled(franken.as_tensor(value, dtype=like.dtype, device=like.device))


__all__ = ["HalfCauchy"]
