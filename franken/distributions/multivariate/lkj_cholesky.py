"""LKJCholesky: Cholesky factors of random correlation matrices.

Source: Lewandowski, Kurowicka and Joe, "Generating random correlation matrices based on vines and
extended onion method" (J. Multivariate Analysis 100, 2009).
"""

from __future__ import annotations

import math
from typing import Any

import franken
from franken import Size, Tensor
from franken.distributions import constraints
from franken.distributions.continuous.beta import Beta
from franken.distributions.distribution import Distribution
from franken.distributions.utils import EMPTY, broadcast_all


class LKJCholesky(Distribution):
    """Factors L of correlation matrices M = L Lᵀ, of density det(M)^(concentration - 1).

    Args:
        dim: the rows of the matrices.
        concentration: 1 for all correlation matrices alike; more is nearer to no correlation.

    >>> import franken as torch
    >>> torch.distributions.LKJCholesky(3, 0.5).sample().shape
    torch.Size([3, 3])
    """

    arg_constraints: Any = {"concentration": constraints.positive}
    support: Any = constraints.corr_cholesky

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: Any = None) -> None:
        if dim < 2:
            raise ValueError(
                f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}."
            )
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        # The squared length of row i's part left of the diagonal is a beta number.
        k = self.concentration
        like: dict[str, Any] = {"dtype": k.dtype, "device": k.device}
        rows = franken.cat([franken.zeros((1,), **like), franken.arange(dim - 1, **like)])
        rest = (k + 0.5 * (dim - 2)).unsqueeze(-1) - 0.5 * rows
        self._beta = Beta(rows + 0.5, rest)
        super().__init__(self.concentration.size(), Size((dim, dim)), validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(LKJCholesky, _instance)
        batch_shape = Size(batch_shape)
        new.dim = self.dim
        new.concentration = self.concentration.expand(batch_shape)
        new._beta = self._beta.expand(batch_shape + (self.dim,))
        return self._expanded(new, batch_shape)

    def sample(self, sample_shape: Any = EMPTY) -> Tensor:
        # The onion method: a length for each row, and a direction on the sphere.
        length = self._beta.sample(sample_shape).unsqueeze(-1)
        direction = franken.randn(
            self._extended_shape(sample_shape), dtype=length.dtype, device=length.device
        ).tril(-1)
        direction = direction / direction.norm(dim=-1, keepdim=True)
        direction[..., 0, :].fill_(0.0)  # the first row has none
        factor = length.sqrt() * direction
        tiny = franken.finfo(factor.dtype).tiny
        rest = (1 - (factor**2).sum(dim=-1)).clamp(min=tiny)
        return factor + franken.diag_embed(rest.sqrt())

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        k, n = self.concentration, self.dim - 1
        diagonal = value.diagonal(dim1=-1, dim2=-2)[..., 1:]
        powers = franken.arange(2, self.dim + 1, device=k.device)
        powers = 2 * (k - 1).unsqueeze(-1) + self.dim - powers
        unscaled = (powers * diagonal.log()).sum(dim=-1)
        alpha = k + 0.5 * n
        below = franken.lgamma(alpha) * n
        above = franken.mvlgamma(alpha - 0.5, n)
        # mvlgamma brings a power of pi, of which a quarter of n (n - 1) is left over
        return unscaled - (0.5 * n * math.log(math.pi) + above - below)


__all__ = ["LKJCholesky"]
