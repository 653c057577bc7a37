"""Adamax.

Sources: Kingma and Ba 2014, section 7; https://docs.pytorch.org/docs/stable/generated/torch.optim.Adamax.html
"""

from __future__ import annotations

from typing import Any

import franken
from franken.optim.optimizer import check_hyper, nonnegative, rate
from franken.optim.stepwise import Stepwise, new_step, value_of, zeros_like


class Adamax(Stepwise):
    """Adam with the infinity norm in place of the second moment."""

    def __init__(
        self, params: Any, lr: Any = 2e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0, foreach: bool | None = None, *,
        maximize: bool = False, differentiable: bool = False, capturable: bool = False,
    ) -> None:  # fmt: skip
        check_hyper(
            rate(lr), ("epsilon value", eps, nonnegative(eps)),
            ("beta parameter at index 0", betas[0], 0 <= betas[0] < 1),
            ("beta parameter at index 1", betas[1], 0 <= betas[1] < 1),
            ("weight_decay value", weight_decay, nonnegative(weight_decay)),
        )  # fmt: skip
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        })  # fmt: skip

    def _init_state(self, group: dict[str, Any], p: Any) -> dict[str, Any]:
        return {"step": new_step(), "exp_avg": zeros_like(p), "exp_inf": zeros_like(p)}

    def _update(self, group: dict[str, Any], p: Any, g: Any, state: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        mean, largest = state["exp_avg"], state["exp_inf"]
        mean.lerp_(g, 1 - beta1)
        largest.copy_(franken.maximum(largest * beta2, g.abs() + group["eps"]))
        rate = value_of(group["lr"]) / (1 - beta1 ** value_of(state["step"]))
        p.addcdiv_(mean, largest, value=-rate)
