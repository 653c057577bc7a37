"""Muon: momentum whose singular values are brought near one.

Sources: Jordan 2024, https://kellerjordan.github.io/posts/muon/; Liu et al. 2025, arXiv:2502.16982;
https://docs.pytorch.org/docs/stable/generated/torch.optim.Muon.html
"""

from __future__ import annotations

from typing import Any

import franken
from franken.optim.optimizer import Optimizer, rate

_MOST_STEPS = 100


class Muon(Optimizer):
    """Step along the nearest (half-)orthogonal matrix of the momentum, for hidden layers.

    Args:
        params: matrices `(m, n)`; parameters of other ranks belong to another optimizer.
        lr: the rate, scaled by each matrix's shape.
        weight_decay: decay, apart from the gradient.
        momentum: how much of the old average stays.
        nesterov: look ahead by the momentum.
        ns_coefficients: the three of a Newton-Schulz step `aX + (bA + cAA)X`, with `A = XX'`.
        eps: the least norm that is divided by.
        ns_steps: Newton-Schulz steps, taken in bfloat16; fewer than 100.
        adjust_lr_fn: None or `"original"`: the rate by `sqrt(max(1, m / n))`;
            `"match_rms_adamw"`: by `0.2 sqrt(max(m, n))`.

    Raises:
        ValueError: an option out of range, or a parameter that is no matrix.
        RuntimeError: at a step, of complex parameters and of sparse gradients.

    Example:
        >>> w = franken.nn.Parameter(franken.eye(2))
        >>> w.grad = franken.eye(2)
        >>> franken.optim.Muon([w], lr=0.1).step()
        >>> bool((w.diagonal() < 0.95).all())
        True
    """

    added: dict[str, Any] = {}
    counts = ()

    def __init__(
        self, params: Any, lr: Any = 1e-3, weight_decay: float = 0.1, momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7, ns_steps: int = 5, adjust_lr_fn: str | None = None,
    ) -> None:  # fmt: skip
        if not rate(lr)[2]:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not momentum >= 0:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if not weight_decay >= 0:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        super().__init__(params, {
            "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
            "ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        })  # fmt: skip
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(
                        "Muon only supports 2D parameters whereas we found a parameter with "
                        f"size: {p.size()}"
                    )

    def _refuse_sparse(self, params: list[Any]) -> None:
        for p in params:
            if p.is_complex():
                raise RuntimeError("Muon does not support complex parameters")
            super()._refuse_sparse([p])

    def step_group(self, group: dict[str, Any], params: list[Any], grads: list[Any]) -> None:
        """Update one group, one matrix after the other."""
        for p, g in zip(params, grads, strict=True):
            if not self.state[p]:
                self.state[p]["momentum_buffer"] = franken.zeros_like(g)
        for p, g in zip(params, grads, strict=True):
            if g.ndim != 2:
                raise ValueError("Param gradient must be a 2D matrix")
            average = self.state[p]["momentum_buffer"]
            average.lerp_(g, 1 - group["momentum"])
            ahead = g.lerp(average, group["momentum"]) if group["nesterov"] else average
            update = _orthogonal(ahead, group["ns_coefficients"], group["ns_steps"], group["eps"])
            p.mul_(1 - group["lr"] * group["weight_decay"])
            p.add_(update, alpha=-group["lr"] * _scale(group["adjust_lr_fn"], p.shape))


def _orthogonal(matrix: Any, coefficients: Any, steps: int, eps: float) -> Any:
    """The matrix with its singular values near one, by Newton-Schulz steps in bfloat16."""
    if steps >= _MOST_STEPS:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if len(coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    x = matrix.bfloat16()
    tall = matrix.shape[0] > matrix.shape[1]  # the smaller Gram matrix
    x = x.T if tall else x
    # In place, which shows: an average that is kept in bfloat16 and taken as it is gets scaled too.
    x.div_(x.norm().clamp(min=eps))
    for _ in range(steps):
        gram = x @ x.T
        x = franken.addmm(x, franken.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


def _scale(kind: str | None, shape: Any) -> float:
    rows, columns = shape
    if kind == "match_rms_adamw":
        return float(0.2 * max(rows, columns) ** 0.5)
    return float(max(1, rows / columns) ** 0.5)
