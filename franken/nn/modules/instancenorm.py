"""InstanceNorm1d to 3d and their lazy forms.

Sources: Ulyanov et al. 2016; https://docs.pytorch.org/docs/stable/generated/torch.nn.InstanceNorm2d.html
"""

from __future__ import annotations

import warnings
from typing import Any

from franken import Tensor
from franken.nn import functional as F
from franken.nn.modules.batchnorm import _LazyNormBase, _NormBase


class _InstanceNorm(_NormBase):
    """Normalise each channel of each instance by its own statistics."""

    rank = 2  # of an input without batch dimension

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
        track_running_stats: bool = False, device: Any = None, dtype: Any = None, *,
        bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def _get_no_batch_dim(self) -> int:
        return self.rank

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in (self.rank, self.rank + 1):
            raise ValueError(
                f"expected {self.rank}D or {self.rank + 1}D input (got {input.dim()}D input)"
            )

    def _apply_instance_norm(self, input: Tensor) -> Tensor:
        return F.instance_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or not self.track_running_stats,
            self.momentum if self.momentum is not None else 0.0, self.eps,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, *) or (C, *), kept."""
        self._check_input_dim(input)
        channels = input.size(input.dim() - self.rank)
        if channels != self.num_features:
            if self.affine:
                raise ValueError(
                    f"expected input's size at dim={input.dim() - self.rank} to match num_features "
                    f"({self.num_features}), but got: {channels}."
                )
            warnings.warn(
                f"input's size at dim={input.dim() - self.rank} does not match num_features. You "
                "can silence this warning by not passing in num_features, which is not used "
                "because affine=False",
                stacklevel=3,
            )
        if input.dim() == self.rank:
            return self._apply_instance_norm(input.unsqueeze(0)).squeeze(0)
        return self._apply_instance_norm(input)


class InstanceNorm1d(_InstanceNorm):
    """Normalise (N, C, L) or (C, L) over L.

    >>> import franken as torch
    >>> torch.nn.InstanceNorm1d(3)(torch.randn(2, 3, 5)).shape
    torch.Size([2, 3, 5])
    """


class InstanceNorm2d(_InstanceNorm):
    """Normalise (N, C, H, W) or (C, H, W) over H and W."""

    rank = 3


class InstanceNorm3d(_InstanceNorm):
    """Normalise (N, C, D, H, W) or (C, D, H, W) over D, H and W."""

    rank = 4


class LazyInstanceNorm1d(_LazyNormBase, _InstanceNorm):
    """An InstanceNorm1d whose number of features is taken from the first input."""

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNormBase, _InstanceNorm):
    """An InstanceNorm2d whose number of features is taken from the first input."""

    cls_to_become = InstanceNorm2d
    rank = 3


class LazyInstanceNorm3d(_LazyNormBase, _InstanceNorm):
    """An InstanceNorm3d whose number of features is taken from the first input."""

    cls_to_become = InstanceNorm3d
    rank = 4


__all__ = [
    "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LazyInstanceNorm1d",
    "LazyInstanceNorm2d", "LazyInstanceNorm3d",
]  # fmt: skip
