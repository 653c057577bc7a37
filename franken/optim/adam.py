"""Adam and AdamW.

Sources: Kingma and Ba, "Adam", 2014; Loshchilov and Hutter, "Decoupled weight decay", 2017;
https://docs.pytorch.org/docs/stable/generated/torch.optim.Adam.html
"""

from __future__ import annotations

from typing import Any

import franken
from franken.faces.fused import adam_step
from franken.optim.optimizer import Optimizer, check_hyper, nonnegative, rate
from franken.optim.stepwise import new_step


class Adam(Optimizer):
    """First and second moments of the gradient, with bias correction."""

    added = {
        **Optimizer.added, "amsgrad": False, "capturable": False, "fused": None,
        "decoupled_weight_decay": False,
    }  # fmt: skip

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0, amsgrad: bool = False, *,
        foreach: bool | None = None, maximize: bool = False, capturable: bool = False,
        differentiable: bool = False, fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:  # fmt: skip
        check_hyper(
            rate(lr), ("epsilon value", eps, nonnegative(eps)),
            ("beta parameter at index 0", betas[0], 0 <= betas[0] < 1),
            ("beta parameter at index 1", betas[1], 0 <= betas[1] < 1),
            ("weight_decay value", weight_decay, nonnegative(weight_decay)),
        )  # fmt: skip
        _check_tensors(lr, betas, bool(foreach) and not capturable)
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
            "maximize": maximize, "foreach": foreach, "capturable": capturable,
            "differentiable": differentiable, "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        })  # fmt: skip

    def _state_of(self, p: Any, amsgrad: bool) -> dict[str, Any]:
        state = self.state[p]
        if not state:
            state["step"] = new_step()
            state["exp_avg"] = franken.zeros_like(p)
            state["exp_avg_sq"] = franken.zeros_like(p)
            if amsgrad:
                state["max_exp_avg_sq"] = franken.zeros_like(p)
        return state  # type: ignore[no-any-return]

    def step_group(self, group: dict[str, Any], params: list[Any], grads: list[Any]) -> None:
        """Update one group."""
        amsgrad = group["amsgrad"]
        states = [self._state_of(p, amsgrad) for p in params]
        if group["differentiable"]:
            self._by_ops(group, params, grads, states)
            return
        beta1, beta2 = group["betas"]
        adam_step(
            params, grads, [s["exp_avg"] for s in states], [s["exp_avg_sq"] for s in states],
            [s["max_exp_avg_sq"] for s in states] if amsgrad else None, [s["step"] for s in states],
            lr=float(group["lr"]), beta1=float(beta1), beta2=float(beta2), eps=group["eps"],
            weight_decay=group["weight_decay"], decoupled=group["decoupled_weight_decay"],
            maximize=group["maximize"],
        )  # fmt: skip

    def _by_ops(self, group: Any, params: list[Any], grads: list[Any], states: list[Any]) -> None:
        """The same on the tape."""
        beta1, beta2 = group["betas"]
        lr, decay = group["lr"], group["weight_decay"]
        for p, g, s in zip(params, grads, states, strict=True):
            s["step"] += 1
            g = -g if group["maximize"] else g
            if decay and group["decoupled_weight_decay"]:
                p.mul_(1 - lr * decay)
            elif decay:
                g = g + decay * p
            m = s["exp_avg"] = s["exp_avg"].lerp(g, 1 - beta1)
            square = g * g
            v = s["exp_avg_sq"] = s["exp_avg_sq"] * beta2 + (1 - beta2) * square
            if group["amsgrad"]:
                v = s["max_exp_avg_sq"] = franken.maximum(s["max_exp_avg_sq"], v)
            t = s["step"].item()
            scale = v.sqrt() / (1 - beta2**t) ** 0.5 + group["eps"]
            p.add_(m / scale * (-lr / (1 - beta1**t)))


def _check_tensors(lr: Any, betas: tuple[Any, Any], foreach: bool) -> None:
    """Refuse the tensors that torch's foreach step cannot take as numbers."""
    kinds = [isinstance(b, franken.Tensor) for b in betas]
    if foreach and isinstance(lr, franken.Tensor):
        raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
    if any(kinds) and not all(kinds):
        raise ValueError("betas must be either both floats or both Tensors")
    if foreach and any(kinds):
        raise ValueError(
            "betas[0] as a Tensor is not supported for capturable=False and foreach=True"
        )


class AdamW(Adam):
    """Adam with weight decay applied to the weights, not to the gradient."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 1e-2, amsgrad: bool = False, *,
        maximize: bool = False, foreach: bool | None = None, capturable: bool = False,
        differentiable: bool = False, fused: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize,
            capturable=capturable, differentiable=differentiable, fused=fused,
            decoupled_weight_decay=True,
        )  # fmt: skip
