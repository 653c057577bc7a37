"""CosineSimilarity and PairwiseDistance.

Source: https://docs.pytorch.org/docs/stable/nn.html#distance-functions
"""

from __future__ import annotations

from franken import Tensor
from franken.nn import functional as F
from franken.nn.modules.module import Module


class PairwiseDistance(Module):
    """p-norm of the difference along the last dimension: (N, D), (N, D) -> (N).

    >>> import franken as torch
    >>> torch.nn.PairwiseDistance()(torch.zeros(5, 8), torch.ones(5, 8)).shape
    torch.Size([5])
    """

    __constants__ = ["norm", "eps", "keepdim"]

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """(N, D), (N, D) -> (N) or (N, 1)."""
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineSimilarity(Module):
    """Cosine of the angle between x1 and x2 along `dim`.

    >>> import franken as torch
    >>> torch.nn.CosineSimilarity()(torch.ones(1, 3), torch.ones(1, 3))
    tensor([1.0000])
    """

    __constants__ = ["dim", "eps"]

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """(*, D, *), (*, D, *) -> (*, *)."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


__all__ = ["CosineSimilarity", "PairwiseDistance"]
