"""Adafactor.

Sources: Shazeer and Stern 2018; https://docs.pytorch.org/docs/stable/generated/torch.optim.Adafactor.html
"""

from __future__ import annotations

from typing import Any

import franken
from franken.optim.optimizer import rate
from franken.optim.stepwise import Stepwise, new_step, value_of


class Adafactor(Stepwise):
    """Second moments kept by rows and columns; the rate is relative to the parameter's size."""

    decays_gradient = False
    added = {"foreach": None}

    def __init__(
        self, params: Any, lr: Any = 1e-2, beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3), d: float = 1.0, weight_decay: float = 0.0,
        *, foreach: bool | None = None, maximize: bool = False,
    ) -> None:  # fmt: skip
        if not rate(lr)[2]:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if weight_decay < 0:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        if beta2_decay > 0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and eps[0] < 0:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if eps[1] < 0:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if d < 1:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        super().__init__(params, {
            "lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay,
            "foreach": foreach, "maximize": maximize,
        })  # fmt: skip

    def _init_state(self, group: dict[str, Any], p: Any) -> dict[str, Any]:
        if p.is_complex():
            raise RuntimeError("Adafactor does not support complex parameters")
        state = {"step": new_step()}
        if p.dim() > 1:
            row, column = list(p.shape), list(p.shape)
            row[-1] = column[-2] = 1
            state["row_var"], state["col_var"] = p.new_zeros(row), p.new_zeros(column)
        else:
            state["variance"] = franken.zeros_like(p)
        return state

    def _update(self, group: dict[str, Any], p: Any, g: Any, state: dict[str, Any]) -> None:
        eps1, eps2 = group["eps"]
        eps1 = franken.finfo(p.dtype).eps if eps1 is None else eps1
        t = value_of(state["step"])
        size = p.numel() ** 0.5
        fresh = t ** group["beta2_decay"]
        relative = min(value_of(group["lr"]), 1 / t**0.5)
        alpha = max(eps2, value_of(p.norm(2)) / size) * relative
        if group["weight_decay"]:
            p.mul_(1 - value_of(group["lr"]) * group["weight_decay"])
        square = self._second_moment(g, state, fresh, eps1)
        update = square.clamp(min=eps1 * eps1).rsqrt() * g
        clip = max(1.0, value_of(update.norm(2)) / (size * group["d"]))
        p.add_(update, alpha=-alpha / clip)

    def _second_moment(self, g: Any, state: dict[str, Any], fresh: float, eps1: float) -> Any:
        if g.dim() <= 1:
            return state["variance"].lerp_(g * g, fresh).clone()
        row, column = state["row_var"], state["col_var"]
        row.lerp_(g.norm(dim=-1, keepdim=True).square() / g.size(-1), fresh)
        column.lerp_(g.norm(dim=-2, keepdim=True).square() / g.size(-2), fresh)
        return (row @ column) / row.mean(dim=-2, keepdim=True).clamp(min=eps1)
