"""Rprop.

Sources: Riedmiller and Braun 1993; https://docs.pytorch.org/docs/stable/generated/torch.optim.Rprop.html
"""

from __future__ import annotations

from typing import Any

import franken
from franken.optim.optimizer import check_hyper, rate
from franken.optim.stepwise import Stepwise, new_step, value_of, zeros_like


class Rprop(Stepwise):
    """Steps by sign, grown while the sign stays and shrunk when it changes."""

    capturing = (Stepwise.capturing[0],) * 2

    def __init__(
        self, params: Any, lr: Any = 1e-2, etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50), *, capturable: bool = False,
        foreach: bool | None = None, maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        check_hyper(rate(lr))
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(params, {
            "lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        })  # fmt: skip

    def _init_state(self, group: dict[str, Any], p: Any) -> dict[str, Any]:
        lr = value_of(group["lr"])
        fill = complex(lr, lr) if p.is_complex() else lr
        return {
            "step": new_step(), "prev": zeros_like(p),
            "step_size": franken.full_like(p.detach(), fill),
        }  # fmt: skip

    def _update(self, group: dict[str, Any], p: Any, g: Any, state: dict[str, Any]) -> None:
        shrink, grow = group["etas"]
        low, high = group["step_sizes"]
        agreement = g * state["prev"]
        factor = franken.ones_like(g)
        factor = factor.masked_fill(agreement > 0, grow).masked_fill(agreement < 0, shrink)
        size = state["step_size"].mul_(factor).clamp_(low, high)
        g = g.masked_fill(agreement < 0, 0)
        p.addcmul_(g.sign(), size, value=-1)
        state["prev"].copy_(g)
