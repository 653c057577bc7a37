"""Adagrad.

Sources: Duchi et al. 2011; https://docs.pytorch.org/docs/stable/generated/torch.optim.Adagrad.html
"""

from __future__ import annotations

from typing import Any

import franken
from franken.optim.optimizer import Optimizer, check_hyper, nonnegative, rate
from franken.optim.stepwise import Stepwise, new_step, value_of


class Adagrad(Stepwise):
    """Divide by the root of the sum of all squared gradients."""

    added = {**Optimizer.added, "fused": None}
    sparse = True

    def __init__(
        self, params: Any, lr: Any = 1e-2, lr_decay: float = 0, weight_decay: float = 0,
        initial_accumulator_value: float = 0, eps: float = 1e-10, foreach: bool | None = None, *,
        maximize: bool = False, differentiable: bool = False, fused: bool | None = None,
    ) -> None:  # fmt: skip
        check_hyper(
            rate(lr), ("lr_decay value", lr_decay, nonnegative(lr_decay)),
            ("weight_decay value", weight_decay, nonnegative(weight_decay)),
            ("initial_accumulator_value value", initial_accumulator_value, nonnegative(initial_accumulator_value)),  # noqa: E501
            ("epsilon value", eps, nonnegative(eps)),
        )  # fmt: skip
        super().__init__(params, {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "fused": fused,
        })  # fmt: skip
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p].update(self._init_state(group, p))

    def _init_state(self, group: dict[str, Any], p: Any) -> dict[str, Any]:
        start = group["initial_accumulator_value"]
        fill = complex(start, start) if p.is_complex() else start
        return {"step": new_step(), "sum": franken.full_like(p.detach(), fill)}

    def _update(self, group: dict[str, Any], p: Any, g: Any, state: dict[str, Any]) -> None:
        rate = value_of(group["lr"]) / (1 + (value_of(state["step"]) - 1) * group["lr_decay"])
        if g.foreign and g.is_sparse:
            self._update_sparse(group, p, g.coalesce(), state["sum"], rate)
            return
        state["sum"].addcmul_(g, g, value=1)
        p.addcdiv_(g, state["sum"].sqrt() + group["eps"], value=-rate)

    def step_group(self, group: dict[str, Any], params: list[Any], grads: list[Any]) -> None:
        """Update one group, one parameter after the other."""
        if group["weight_decay"] and any(g.foreign and g.is_sparse for g in grads):
            raise RuntimeError("weight_decay option is not compatible with sparse gradients")
        super().step_group(group, params, grads)

    def _update_sparse(self, group: dict[str, Any], p: Any, g: Any, total: Any, rate: Any) -> None:
        def at(values: Any) -> Any:
            return franken.sparse_coo_tensor(g._indices(), values, g.shape, is_coalesced=True)

        values = g._values()
        total.add_(at(values.pow(2)))
        root = total.sparse_mask(g)._values().sqrt() + group["eps"]
        p.add_(at(values / root), alpha=-rate)
