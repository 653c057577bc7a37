"""`Stepwise`: optimizers that update one parameter after the other with tensor ops.

A subclass names its state in `_init_state` and writes `_update`, which runs outside of the tape,
or on it when the group is differentiable.
"""

from __future__ import annotations

from typing import Any

import franken
from franken.optim.optimizer import Optimizer, count_dtype


class Stepwise(Optimizer):
    """The loop over a group's parameters."""

    decays_gradient = True
    added = {**Optimizer.added, "capturable": False}

    def _init_state(self, group: dict[str, Any], p: Any) -> dict[str, Any]:
        raise NotImplementedError

    def _update(self, group: dict[str, Any], p: Any, g: Any, state: dict[str, Any]) -> None:
        raise NotImplementedError

    def step_group(self, group: dict[str, Any], params: list[Any], grads: list[Any]) -> None:
        """Update one group, one parameter after the other."""
        for p, g in zip(params, grads, strict=True):
            state = self.state[p]
            if not state:
                state.update(self._init_state(group, p))
            state["step"] += 1
            if group["maximize"]:
                g = -g
            decays = self.decays_gradient and not group.get("decoupled_weight_decay")
            if decays and "weight_decay" in self.defaults and group["weight_decay"]:
                g = g.add(p, alpha=group["weight_decay"])
            if p.is_complex():
                self._update(group, *_real(p, g), {k: _real_state(v) for k, v in state.items()})
            else:
                self._update(group, p, g, state)


def _real(p: Any, g: Any) -> tuple[Any, Any]:
    return franken.view_as_real(p), franken.view_as_real(g)


def _real_state(value: Any) -> Any:
    if isinstance(value, franken.Tensor) and value.is_complex():
        return franken.view_as_real(value)
    return value


def new_step() -> Any:
    """A fresh step count, kept as a tensor as torch does."""
    return franken.tensor(0.0, dtype=count_dtype())


def zeros_like(p: Any) -> Any:
    """State of a parameter's shape."""
    return franken.zeros_like(p)


def value_of(number: Any) -> Any:
    """The Python number of a step count (or of a learning rate given as a tensor)."""
    return number.item() if isinstance(number, franken.Tensor) else number
