"""NAdam.

Sources: Dozat 2016; https://docs.pytorch.org/docs/stable/generated/torch.optim.NAdam.html
"""

from __future__ import annotations

from typing import Any

import franken
from franken.optim.optimizer import check_hyper, count_dtype, nonnegative, rate
from franken.optim.stepwise import Stepwise, new_step, value_of, zeros_like


class NAdam(Stepwise):
    """Adam with Nesterov momentum."""

    added = {**Stepwise.added, "decoupled_weight_decay": False}
    counts = ("step", "mu_product")
    captured = ("params, mu_products and state_steps", "params, mu_products, and state_steps")

    def __init__(
        self, params: Any, lr: Any = 2e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0, momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False, *, foreach: bool | None = None,
        maximize: bool = False, capturable: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        check_hyper(
            rate(lr), ("epsilon value", eps, nonnegative(eps)),
            ("beta parameter at index 0", betas[0], 0 <= betas[0] < 1),
            ("beta parameter at index 1", betas[1], 0 <= betas[1] < 1),
            ("weight_decay value", weight_decay, nonnegative(weight_decay)),
            ("momentum_decay value", momentum_decay, nonnegative(momentum_decay)),
        )  # fmt: skip
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "momentum_decay": momentum_decay, "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize, "foreach": foreach, "capturable": capturable,
            "differentiable": differentiable,
        })  # fmt: skip

    def _init_state(self, group: dict[str, Any], p: Any) -> dict[str, Any]:
        return {
            "step": new_step(), "mu_product": franken.ones((), dtype=count_dtype()),
            "exp_avg": zeros_like(p), "exp_avg_sq": zeros_like(p),
        }  # fmt: skip

    def _update(self, group: dict[str, Any], p: Any, g: Any, state: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        lr, t = value_of(group["lr"]), value_of(state["step"])
        if group["weight_decay"] and group["decoupled_weight_decay"]:
            p.mul_(1 - lr * group["weight_decay"])
        decay = group["momentum_decay"]
        mu = beta1 * (1.0 - 0.5 * (0.96 ** (t * decay)))
        mu_next = beta1 * (1.0 - 0.5 * (0.96 ** ((t + 1) * decay)))
        state["mu_product"] *= mu
        product = state["mu_product"]
        mean = state["exp_avg"].lerp_(g, 1 - beta1)
        square = state["exp_avg_sq"].mul_(beta2).addcmul_(g, g, value=1 - beta2)
        scale = square.div(1 - beta2**t).sqrt() + group["eps"]
        if group["differentiable"]:  # the product has a history of its own
            p.addcdiv_(g * (-lr * (1.0 - mu) / (1.0 - product)), scale)
            p.addcdiv_(mean * (-lr * mu_next / (1.0 - product * mu_next)), scale)
            return
        product = value_of(product)
        p.addcdiv_(g, scale, value=-lr * (1.0 - mu) / (1.0 - product))
        p.addcdiv_(mean, scale, value=-lr * mu_next / (1.0 - product * mu_next))
