"""RelaxedBernoulli: numbers between zero and one that turn to these as a temperature falls.

Source: Maddison, Mnih and Teh, "The concrete distribution" (ICLR 2017), and Jang, Gu and Poole,
"Categorical reparameterization with Gumbel-softmax" (ICLR 2017).
"""

from __future__ import annotations

from typing import Any, ClassVar

import franken
from franken import Tensor
from franken.distributions import constraints
from franken.distributions.odds import Odds
from franken.distributions.relaxed import Relaxed
from franken.distributions.transforms import SigmoidTransform
from franken.distributions.utils import EMPTY, broadcast_all, clamp_probs


class LogitRelaxedBernoulli(Odds):
    """The logits of RelaxedBernoulli numbers: logistic around the logits, over the temperature.

    Args:
        temperature: the relaxation.
        probs: the probability of one, or else
        logits: its log odds.
    """

    arg_constraints: Any = {"probs": constraints.unit_interval, "logits": constraints.real}
    support: Any = constraints.real
    _expandable: ClassVar[dict[str, int]] = {"probs": 0, "logits": 0, "_param": 0}

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: Any = None
    ) -> None:
        self.temperature = temperature
        self._take(probs, logits)
        super().__init__(self._param.size(), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new.temperature = self.temperature
        return new

    def rsample(self, sample_shape: Any = EMPTY) -> Tensor:
        shape = self._extended_shape(sample_shape)
        probs = clamp_probs(self.probs.expand(shape))
        u = clamp_probs(franken.rand(shape, dtype=probs.dtype, device=probs.device))
        logistic = u.log() - (-u).log1p()
        return (logistic + probs.log() - (-probs).log1p()) / self.temperature  # type: ignore[no-any-return]

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        away = logits - value.mul(self.temperature)
        return self.temperature.log() + away - 2 * away.exp().log1p()  # type: ignore[no-any-return]


class RelaxedBernoulli(Relaxed):
    """Numbers of (0, 1), near zero or one at a low temperature.

    Args:
        temperature: the relaxation, a tensor.
        probs: the probability of one, or else
        logits: its log odds.

    >>> import franken as torch
    >>> hot = torch.distributions.RelaxedBernoulli(torch.tensor(1.0), torch.tensor(0.5))
    >>> hot.log_prob(torch.tensor(0.25)).abs() < 1e-6  # uniform
    tensor(True)
    """

    arg_constraints: Any = {"probs": constraints.unit_interval, "logits": constraints.real}
    support: Any = constraints.unit_interval

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: Any = None
    ) -> None:
        base = LogitRelaxedBernoulli(temperature, probs, logits)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return super().expand(batch_shape, self._get_checked_instance(RelaxedBernoulli, _instance))


__all__ = ["LogitRelaxedBernoulli", "RelaxedBernoulli"]
