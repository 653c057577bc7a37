"""Adam for sparse gradients: only the moments of rows that have a gradient change.

Source: https://docs.pytorch.org/docs/stable/generated/torch.optim.SparseAdam.html
"""

from __future__ import annotations

import math
from typing import Any

import franken
from franken.optim.optimizer import Optimizer


class SparseAdam(Optimizer):
    """Adam in which elements without a gradient keep their moments."""

    counts = ()
    sparse = True
    added = {"maximize": False}

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, maximize: bool = False,
    ) -> None:  # fmt: skip
        if isinstance(lr, franken.Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not lr > 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not eps > 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        for i, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        odd = [
            [g, i]
            for g, group in enumerate(self.param_groups)
            for i, p in enumerate(group["params"])
            if p.is_sparse
        ]
        if odd:
            raise ValueError(
                f"Sparse params at indices {odd}: SparseAdam requires dense parameter tensors"
            )

    def step_group(self, group: dict[str, Any], params: list[Any], grads: list[Any]) -> None:
        """Update one group, one parameter after the other."""
        for p, g in zip(params, grads, strict=True):
            if not g.is_sparse:
                raise RuntimeError(
                    "SparseAdam does not support dense gradients, please consider Adam instead"
                )
            state = self.state[p]
            if not state:
                state["step"] = 0
                state["exp_avg"] = franken.zeros_like(p)
                state["exp_avg_sq"] = franken.zeros_like(p)
            state["step"] += 1
            self._update(group, p, g.coalesce(), state)

    def _update(self, group: dict[str, Any], p: Any, g: Any, state: dict[str, Any]) -> None:
        values = -g._values() if group["maximize"] else g._values()
        if not values.numel():
            return
        beta1, beta2 = group["betas"]

        def at(v: Any) -> Any:
            return franken.sparse_coo_tensor(g._indices(), v, p.shape, is_coalesced=True)

        first = state["exp_avg"].sparse_mask(g)._values()
        second = state["exp_avg_sq"].sparse_mask(g)._values()
        change = (values - first) * (1 - beta1)
        change_sq = (values * values - second) * (1 - beta2)
        state["exp_avg"].add_(at(change))
        state["exp_avg_sq"].add_(at(change_sq))
        numerator, denominator = change + first, (change_sq + second).sqrt() + group["eps"]
        step = state["step"]
        size = group["lr"] * math.sqrt(1 - beta2**step) / (1 - beta1**step)
        p.add_(at(numerator / denominator * -size))
