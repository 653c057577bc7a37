"""RAdam.

Sources: Liu et al. 2019; https://docs.pytorch.org/docs/stable/generated/torch.optim.RAdam.html
"""

from __future__ import annotations

from typing import Any

from franken.optim.optimizer import check_hyper, nonnegative, rate
from franken.optim.stepwise import Stepwise, new_step, value_of, zeros_like


class RAdam(Stepwise):
    """Adam whose adaptive rate is rectified for the variance of the first steps."""

    added = {**Stepwise.added, "decoupled_weight_decay": False}

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0, decoupled_weight_decay: bool = False, *,
        foreach: bool | None = None, maximize: bool = False, capturable: bool = False,
        differentiable: bool = False,
    ) -> None:  # fmt: skip
        check_hyper(
            rate(lr), ("epsilon value", eps, nonnegative(eps)),
            ("beta parameter at index 0", betas[0], 0 <= betas[0] < 1),
            ("beta parameter at index 1", betas[1], 0 <= betas[1] < 1),
            ("weight_decay value", weight_decay, nonnegative(weight_decay)),
        )  # fmt: skip
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
            "maximize": maximize, "foreach": foreach, "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay, "differentiable": differentiable,
        })  # fmt: skip

    def _init_state(self, group: dict[str, Any], p: Any) -> dict[str, Any]:
        return {"step": new_step(), "exp_avg": zeros_like(p), "exp_avg_sq": zeros_like(p)}

    def _update(self, group: dict[str, Any], p: Any, g: Any, state: dict[str, Any]) -> None:
        (beta1, beta2), eps = group["betas"], group["eps"]
        lr, t = value_of(group["lr"]), value_of(state["step"])
        if group["weight_decay"] and group["decoupled_weight_decay"]:
            p.mul_(1 - lr * group["weight_decay"])
        mean = state["exp_avg"].lerp_(g, 1 - beta1)
        square = state["exp_avg_sq"].mul_(beta2).addcmul_(g, g, value=1 - beta2)
        corrected = mean / (1 - beta1**t)
        left = 1 - beta2**t
        rho_inf = 2 / (1 - beta2) - 1
        rho = rho_inf - 2 * t * (beta2**t) / left
        if rho > 5.0:
            rectified = (
                (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)
            ) ** 0.5
            adaptive = left**0.5 / (square.sqrt() + eps)
            p.add_(corrected * lr * adaptive * rectified, alpha=-1.0)
        else:
            p.add_(corrected * lr, alpha=-1.0)
