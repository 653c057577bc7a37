"""AdaptiveLogSoftmaxWithLoss: softmax over many classes, the rare ones in clusters.

Sources: Grave et al. 2016; https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveLogSoftmaxWithLoss.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import franken
from franken import Tensor
from franken.nn.functional import log_softmax
from franken.nn.modules.container import ModuleList, Sequential
from franken.nn.modules.linear import Linear
from franken.nn.modules.module import Module
from franken.nn.modules.utils import factory


class _ASMoutput(NamedTuple):
    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """(N, in_features), (N) -> log-probabilities of the targets (N) and their mean loss.

    >>> import franken as torch
    >>> m = torch.nn.AdaptiveLogSoftmaxWithLoss(16, 20, [5, 10])
    >>> m(torch.randn(4, 16), torch.tensor([0, 6, 12, 19])).output.shape
    torch.Size([4])
    """

    def __init__(
        self, in_features: int, n_classes: int, cutoffs: Sequence[int], div_value: float = 4.0,
        head_bias: bool = False, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        cutoffs = list(cutoffs)
        if len(cutoffs) == 0:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        if (
            cutoffs != sorted(cutoffs) or min(cutoffs) <= 0 or max(cutoffs) > n_classes - 1
            or len(set(cutoffs)) != len(cutoffs) or any(int(c) != c for c in cutoffs)
        ):  # fmt: skip
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing "
                "order, where each value is between 1 and n_classes-1"
            )
        self.in_features, self.n_classes = in_features, n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        made = factory(device, dtype)
        self.head = Linear(in_features, self.head_size, bias=head_bias, **made)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            hidden = int(in_features // (div_value ** (i + 1)))
            size = self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(
                Sequential(
                    Linear(in_features, hidden, bias=False, **made),
                    Linear(hidden, size, bias=False, **made),
                )
            )

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        self.head.reset_parameters()
        pair: Any
        for pair in self.tail:
            pair[0].reset_parameters()
            pair[1].reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        """(N, in_features), (N) -> (N), scalar; or one example without N."""
        batched = target_.dim() > 0
        self._check(input_, target_)
        x = input_ if batched else input_.unsqueeze(0)
        target = target_ if batched else target_.unsqueeze(0)
        rows = target.size(0)
        out = x.new_zeros(rows)
        at_head = target.new_empty(rows)
        used = 0
        bounds = [0, *self.cutoffs]
        for i, (low, high) in enumerate(zip(bounds, bounds[1:], strict=False)):
            row_indices = ((target >= low) & (target < high)).nonzero().squeeze(-1)
            if row_indices.numel() == 0:
                continue
            if i == 0:
                at_head.index_copy_(0, row_indices, target[row_indices])
            else:
                relative = target[row_indices] - low
                cluster = log_softmax(self.tail[i - 1](x.index_select(0, row_indices)), dim=1)
                at_head.index_fill_(0, row_indices, self.shortlist_size + i - 1)
                local = cluster.gather(1, relative.unsqueeze(1))
                out = out.index_copy(0, row_indices, local.squeeze(1))
            used += row_indices.numel()
        if used != rows:
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min().item()}, {target.max().item()}] were found. "
            )
        head = log_softmax(self.head(x), dim=1)
        out = out + head.gather(1, at_head.unsqueeze(1)).squeeze()
        loss = (-out).mean()
        return _ASMoutput(out if batched else out.squeeze(0), loss)

    def _check(self, input_: Tensor, target_: Tensor) -> None:
        rank = target_.dim()
        if rank > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if rank == 1 and input_.size(0) != target_.size(0):
            raise RuntimeError("Input and target should have the same size in the batch dimension.")
        if input_.dim() != rank + 1:
            raise RuntimeError(
                f"{rank}D target tensor expects {rank + 1}D input tensors, but found inputs with "
                f"size {input_.size()}"
            )

    def log_prob(self, input: Tensor) -> Tensor:
        """Log-probabilities of all classes: (N, in_features) -> (N, n_classes)."""
        head = self.head(input)
        first = log_softmax(head, dim=1)
        parts = [first[:, : self.shortlist_size]]
        for i, tail in enumerate(self.tail):
            cluster = log_softmax(tail(input), dim=1)
            parts.append(cluster + first[:, self.shortlist_size + i].unsqueeze(1))
        return franken.cat(parts, dim=1)

    def predict(self, input: Tensor) -> Tensor:
        """The likeliest class: (N, in_features) -> (N)."""
        return self.log_prob(input).argmax(dim=1)


__all__ = ["AdaptiveLogSoftmaxWithLoss"]
