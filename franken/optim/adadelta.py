"""Adadelta.

Sources: Zeiler 2012; https://docs.pytorch.org/docs/stable/generated/torch.optim.Adadelta.html
"""

from __future__ import annotations

from typing import Any

from franken.optim.optimizer import check_hyper, nonnegative, rate
from franken.optim.stepwise import Stepwise, new_step, value_of, zeros_like


class Adadelta(Stepwise):
    """Scale gradients by the ratio of moving averages of updates and of gradients."""

    capturing = (Stepwise.capturing[1],) * 2

    def __init__(
        self, params: Any, lr: Any = 1.0, rho: float = 0.9, eps: float = 1e-6,
        weight_decay: float = 0, foreach: bool | None = None, *, capturable: bool = False,
        maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        check_hyper(
            rate(lr), ("rho value", rho, 0 <= rho <= 1),
            ("epsilon value", eps, nonnegative(eps)),
            ("weight_decay value", weight_decay, nonnegative(weight_decay)),
        )  # fmt: skip
        super().__init__(params, {
            "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "capturable": capturable, "foreach": foreach, "differentiable": differentiable,
        })  # fmt: skip

    def _init_state(self, group: dict[str, Any], p: Any) -> dict[str, Any]:
        return {"step": new_step(), "square_avg": zeros_like(p), "acc_delta": zeros_like(p)}

    def _update(self, group: dict[str, Any], p: Any, g: Any, state: dict[str, Any]) -> None:
        rho, eps = group["rho"], group["eps"]
        square, moved = state["square_avg"], state["acc_delta"]
        square.mul_(rho).addcmul_(g, g, value=1 - rho)
        delta = moved.add(eps).sqrt() / square.add(eps).sqrt() * g
        moved.mul_(rho).addcmul_(delta, delta, value=1 - rho)
        p.add_(delta, alpha=-value_of(group["lr"]))
