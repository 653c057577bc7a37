"""ASGD: averaged stochastic gradient descent.

Sources: Polyak and Juditsky 1992; https://docs.pytorch.org/docs/stable/generated/torch.optim.ASGD.html
"""

from __future__ import annotations

from typing import Any

import franken
from franken.optim.optimizer import check_hyper, count_dtype, nonnegative, rate
from franken.optim.stepwise import Stepwise, new_step, value_of, zeros_like


class ASGD(Stepwise):
    """SGD with a decaying rate, and the average of the parameters in state["ax"]."""

    counts = ("step", "eta", "mu")
    captured = ("params, mus, etas, and state_steps",) * 2

    def __init__(
        self, params: Any, lr: Any = 1e-2, lambd: float = 1e-4, alpha: float = 0.75,
        t0: float = 1e6, weight_decay: float = 0, foreach: bool | None = None,
        maximize: bool = False, differentiable: bool = False, capturable: bool = False,
    ) -> None:  # fmt: skip
        check_hyper(rate(lr), ("weight_decay value", weight_decay, nonnegative(weight_decay)))
        super().__init__(params, {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay,
            "foreach": foreach, "maximize": maximize, "differentiable": differentiable,
            "capturable": capturable,
        })  # fmt: skip

    def _init_state(self, group: dict[str, Any], p: Any) -> dict[str, Any]:
        lr = franken.as_tensor(group["lr"], dtype=count_dtype()).clone().detach()
        return {
            "step": new_step(), "eta": lr, "mu": franken.ones((), dtype=count_dtype()),
            "ax": zeros_like(p),
        }  # fmt: skip

    def _update(self, group: dict[str, Any], p: Any, g: Any, state: dict[str, Any]) -> None:
        eta, mu, average = value_of(state["eta"]), value_of(state["mu"]), state["ax"]
        p.mul_(1 - group["lambd"] * eta)
        p.add_(g, alpha=-eta)
        if mu != 1:
            average.add_(p.sub(average).mul_(mu))
        else:
            average.copy_(p)
        t, lr = value_of(state["step"]), value_of(group["lr"])
        state["eta"].fill_(lr / ((1 + group["lambd"] * lr * t) ** group["alpha"]))
        state["mu"].fill_(1 / max(1, t - group["t0"]))
