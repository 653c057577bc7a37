"""RMSprop.

Sources: Hinton's lecture 6e; Graves 2013 (centered);
https://docs.pytorch.org/docs/stable/generated/torch.optim.RMSprop.html
"""

from __future__ import annotations

from typing import Any

from franken.optim.optimizer import check_hyper, nonnegative, rate
from franken.optim.stepwise import Stepwise, new_step, value_of, zeros_like


class RMSprop(Stepwise):
    """Divide by the root of a moving average of squared gradients."""

    added = {**Stepwise.added, "momentum": 0, "centered": False}
    capturing = (Stepwise.capturing[0],) * 2

    def __init__(
        self, params: Any, lr: Any = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
        weight_decay: float = 0, momentum: float = 0, centered: bool = False,
        capturable: bool = False, foreach: bool | None = None, maximize: bool = False,
        differentiable: bool = False,
    ) -> None:  # fmt: skip
        check_hyper(
            rate(lr), ("epsilon value", eps, nonnegative(eps)),
            ("momentum value", momentum, nonnegative(momentum)),
            ("weight_decay value", weight_decay, nonnegative(weight_decay)),
            ("alpha value", alpha, nonnegative(alpha)),
        )  # fmt: skip
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
            "weight_decay": weight_decay, "capturable": capturable, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable,
        })  # fmt: skip

    def _init_state(self, group: dict[str, Any], p: Any) -> dict[str, Any]:
        state = {"step": new_step(), "square_avg": zeros_like(p)}
        if group["momentum"] > 0:
            state["momentum_buffer"] = zeros_like(p)
        if group["centered"]:
            state["grad_avg"] = zeros_like(p)
        return state

    def _update(self, group: dict[str, Any], p: Any, g: Any, state: dict[str, Any]) -> None:
        alpha, lr = group["alpha"], value_of(group["lr"])
        square = state["square_avg"].mul_(alpha).addcmul_(g, g, value=1 - alpha)
        if group["centered"]:
            mean = state["grad_avg"].lerp_(g, 1 - alpha)
            scale = square.addcmul(mean, mean, value=-1).sqrt_()
        else:
            scale = square.sqrt()
        scale = scale.add(group["eps"]) if group["differentiable"] else scale.add_(group["eps"])
        if group["momentum"] > 0:
            p.add_(state["momentum_buffer"].mul_(group["momentum"]).addcdiv_(g, scale), alpha=-lr)
        else:
            p.addcdiv_(g, scale, value=-lr)
