"""Averaged models: stochastic weight averaging and exponential moving averages.

Sources: Izmailov et al. 2018; https://docs.pytorch.org/docs/stable/optim.html#weight-averaging-swa-and-ema
"""

from __future__ import annotations

import itertools
import math
from copy import deepcopy
from typing import Any

import franken
from franken.nn import Module
from franken.nn.modules.batchnorm import _BatchNorm
from franken.optim.lr_scheduler import LRScheduler


def get_ema_avg_fn(decay: float = 0.999) -> Any:
    """decay * averaged + (1 - decay) * current, for one parameter."""
    _check_decay(decay)

    def update(ema_param: Any, current_param: Any, num_averaged: Any) -> Any:
        return decay * ema_param + (1 - decay) * current_param

    return update


def get_ema_multi_avg_fn(decay: float = 0.999) -> Any:
    """decay * averaged + (1 - decay) * current, for lists of parameters in place."""
    _check_decay(decay)

    def update(ema_params: Any, current_params: Any, _: Any) -> None:
        with franken.no_grad():
            for ema, current in zip(ema_params, current_params, strict=True):
                ema.copy_(ema * decay + current * (1 - decay))

    return update


def _check_decay(decay: float) -> None:
    if decay < 0.0 or decay > 1.0:
        raise ValueError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )


def get_swa_avg_fn() -> Any:
    """The running mean, for one parameter."""

    def update(averaged_param: Any, current_param: Any, num_averaged: Any) -> Any:
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return update


def get_swa_multi_avg_fn() -> Any:
    """The running mean, for lists of parameters in place."""

    def update(averaged_params: Any, current_params: Any, num_averaged: Any) -> None:
        with franken.no_grad():
            for averaged, current in zip(averaged_params, current_params, strict=True):
                averaged.add_((current - averaged) / (num_averaged + 1))

    return update


class AveragedModel(Module):
    """A copy of a model whose parameters are averages of the model's.

    >>> import franken as torch
    >>> model = torch.nn.Linear(1, 1)
    >>> averaged = AveragedModel(model)
    >>> averaged.update_parameters(model)
    >>> int(averaged.n_averaged)
    1
    """

    n_averaged: Any

    def __init__(
        self, model: Module, device: Any = None, avg_fn: Any = None, multi_avg_fn: Any = None,
        use_buffers: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", franken.tensor(0, dtype=franken.long, device=device))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged copy gives."""
        return self.module(*args, **kwargs)

    def _tensors(self, model: Module) -> list[Any]:
        buffers = model.buffers() if self.use_buffers else ()
        return list(itertools.chain(model.parameters(), buffers))

    def update_parameters(self, model: Module) -> None:
        """Take the model's parameters into the average."""
        mine = self._tensors(self.module)
        theirs = [t.detach().to(m.device) for m, t in zip(mine, self._tensors(model), strict=True)]
        with franken.no_grad():
            if int(self.n_averaged) == 0:
                for m, t in zip(mine, theirs, strict=True):
                    m.copy_(t)
            elif self.multi_avg_fn is not None or self.avg_fn is None:
                update = self.multi_avg_fn or get_swa_multi_avg_fn()
                update([m.detach() for m in mine], theirs, self.n_averaged)
            else:
                for m, t in zip(mine, theirs, strict=True):
                    m.copy_(self.avg_fn(m.detach(), t, self.n_averaged))
            if not self.use_buffers:
                for m, t in zip(self.module.buffers(), model.buffers(), strict=True):
                    m.copy_(t.detach().to(m.device))
            self.n_averaged += 1


def update_bn(loader: Any, model: Module, device: Any = None) -> None:
    """Recompute the running statistics of all batch norms over a loader's data."""
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    if not norms:
        return
    momenta = {}
    for m in norms:
        m.reset_running_stats()
        momenta[m] = m.momentum
        m.momentum = None
    was_training = model.training
    model.train()
    with franken.no_grad():
        for batch in loader:
            x = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(x if device is None else x.to(device))
    for m, momentum in momenta.items():
        m.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """Anneal the rate to swa_lr in anneal_epochs, and hold it there."""

    def __init__(
        self, optimizer: Any, swa_lr: Any, anneal_epochs: int = 10, anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:  # fmt: skip
        groups = optimizer.param_groups
        rates = list(swa_lr) if isinstance(swa_lr, (list, tuple)) else [swa_lr] * len(groups)
        if len(rates) != len(groups):
            raise ValueError(
                "swa_lr must have the same length as optimizer.param_groups: swa_lr has "
                f"{len(rates)}, optimizer.param_groups has {len(groups)}"
            )
        for rate, group in zip(rates, groups, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must by one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy = anneal_strategy
        self._choose()
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _choose(self) -> None:
        cosine = self._anneal_strategy == "cos"
        self.anneal_func = self._cosine_anneal if cosine else self._linear_anneal

    @staticmethod
    def _cosine_anneal(t: float) -> float:
        return (1 - math.cos(math.pi * t)) / 2

    @staticmethod
    def _linear_anneal(t: float) -> float:
        return t

    def state_dict(self) -> dict[str, Any]:
        """The state, without the function that follows from it."""
        state = super().state_dict()
        del state["anneal_func"]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what state_dict gave."""
        super().load_state_dict(state_dict)
        self._choose()

    def get_lr(self) -> list[Any]:
        """The next rates."""
        self._warn_outside()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before = self.anneal_func(max(0, min(1, (step - 1) / max(1, self.anneal_epochs))))
        part = self.anneal_func(max(0, min(1, step / max(1, self.anneal_epochs))))
        rates = []
        for group in self.optimizer.param_groups:
            lr, swa = group["lr"], group["swa_lr"]
            start = swa if before == 1 else (lr - before * swa) / (1 - before)
            rates.append(swa * part + start * (1 - part))
        return rates


__all__ = [
    "SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn",
    "get_swa_multi_avg_fn", "update_bn",
]  # fmt: skip
