"""Stochastic gradient descent with momentum.

Source: https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html
"""

from __future__ import annotations

from typing import Any

import franken
from franken.faces.fused import sgd_step
from franken.optim.optimizer import Optimizer, check_hyper, nonnegative, rate


class SGD(Optimizer):
    """p <- p - lr * (averaged, decayed gradient)."""

    added = {**Optimizer.added, "nesterov": False, "fused": False}
    counts = ()
    sparse = True
    refuses_foreach = False

    def __init__(
        self, params: Any, lr: Any = 1e-3, momentum: float = 0, dampening: float = 0,
        weight_decay: Any = 0, nesterov: bool = False, *, maximize: bool = False,
        foreach: bool | None = None, differentiable: bool = False, fused: bool | None = None,
    ) -> None:  # fmt: skip
        check_hyper(
            (*rate(lr)[:2], not lr < 0.0), ("momentum value", momentum, nonnegative(momentum)),
            ("weight_decay value", weight_decay, nonnegative(weight_decay)),
        )  # fmt: skip
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize, "foreach": foreach,
            "differentiable": differentiable, "fused": fused,
        })  # fmt: skip

    def step_group(self, group: dict[str, Any], params: list[Any], grads: list[Any]) -> None:
        """Update one group."""
        if group["differentiable"] or any(g.foreign for g in grads):
            return self._by_ops(group, params, grads)
        momenta: list[Any] | None = None
        first = [False] * len(params)
        if group["momentum"]:
            momenta = []
            for i, p in enumerate(params):
                state = self.state[p]
                if state.get("momentum_buffer") is None:
                    state["momentum_buffer"] = franken.empty_like(p)
                    first[i] = True
                momenta.append(state["momentum_buffer"])
        sgd_step(
            params, grads, momenta, lr=float(group["lr"]), momentum=group["momentum"],
            weight_decay=float(group["weight_decay"]), dampening=group["dampening"],
            nesterov=group["nesterov"], maximize=group["maximize"], first=first,
        )  # fmt: skip
        return None

    def _by_ops(self, group: dict[str, Any], params: list[Any], grads: list[Any]) -> None:
        for p, g in zip(params, grads, strict=True):
            g = -g if group["maximize"] else g
            if group["weight_decay"]:
                g = g.add(p, alpha=group["weight_decay"])
            if group["momentum"]:
                state = self.state[p]
                buf = state.get("momentum_buffer")
                buf = (
                    g.clone()
                    if buf is None
                    else group["momentum"] * buf + (1 - group["dampening"]) * g
                )
                state["momentum_buffer"] = buf
                g = g + group["momentum"] * buf if group["nesterov"] else buf
            p.add_(g, alpha=-group["lr"])
