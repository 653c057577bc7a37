"""RelaxedOneHotCategorical: vectors of sum one that turn to unit vectors as a temperature falls.

Source: Maddison, Mnih and Teh, "The concrete distribution" (ICLR 2017), and Jang, Gu and Poole,
"Categorical reparameterization with Gumbel-softmax" (ICLR 2017).
"""

from __future__ import annotations

from typing import Any

import franken
from franken import Size, Tensor
from franken.distributions import constraints
from franken.distributions.discrete.categorical import Categorical
from franken.distributions.distribution import Distribution
from franken.distributions.relaxed import Relaxed
from franken.distributions.transforms import ExpTransform
from franken.distributions.utils import EMPTY, clamp_probs


class ExpRelaxedCategorical(Distribution):
    """The logarithms of RelaxedOneHotCategorical vectors.

    Args:
        temperature: the relaxation, a tensor.
        probs: weights (*, N), or else
        logits: their logarithms up to a constant.
    """

    arg_constraints: Any = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support: Any = constraints.real_vector  # a surface there, which nothing checks
    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: Any = None
    ) -> None:
        self._categorical = Categorical(probs, logits)
        self.temperature = temperature
        super().__init__(
            self._categorical.batch_shape, self._categorical.param_shape[-1:],
            validate_args=validate_args,
        )  # fmt: skip

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(ExpRelaxedCategorical, _instance)
        new.temperature = self.temperature
        new._categorical = self._categorical.expand(Size(batch_shape))
        return self._expanded(new, Size(batch_shape))

    def _new(self, *args: Any, **kwargs: Any) -> Tensor:
        return self._categorical._new(*args, **kwargs)

    @property
    def param_shape(self) -> Any:
        """The shape of the weights."""
        return self._categorical.param_shape

    @property
    def logits(self) -> Tensor:
        """The logarithms of the weights."""
        return self._categorical.logits  # type: ignore[no-any-return]

    @property
    def probs(self) -> Tensor:
        """The weights, of sum one."""
        return self._categorical.probs  # type: ignore[no-any-return]

    def rsample(self, sample_shape: Any = EMPTY) -> Tensor:
        shape = self._extended_shape(sample_shape)
        u = clamp_probs(franken.rand(shape, dtype=self.logits.dtype, device=self.logits.device))
        gumbels = -((-(u.log())).log())
        scores = (self.logits + gumbels) / self.temperature
        return scores - scores.logsumexp(dim=-1, keepdim=True)

    def log_prob(self, value: Tensor) -> Tensor:
        n = self._categorical._num_events
        if self._validate_args:
            self._validate_sample(value)
        logits, value = franken.broadcast_tensors(self.logits, value)
        constant = (
            franken.full_like(self.temperature, float(n)).lgamma()
            + (n - 1) * self.temperature.log()
        )
        score = logits - value.mul(self.temperature)
        score = (score - score.logsumexp(dim=-1, keepdim=True)).sum(-1)
        return score + constant


class RelaxedOneHotCategorical(Relaxed):
    """Vectors (*, N) of sum one, near unit vectors at a low temperature.

    Args:
        temperature: the relaxation, a tensor.
        probs: weights (*, N), or else
        logits: their logarithms up to a constant.

    >>> import franken as torch
    >>> cool = torch.distributions.RelaxedOneHotCategorical(torch.tensor(0.1), torch.ones(3))
    >>> cool.sample().shape
    torch.Size([3])
    """

    arg_constraints: Any = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support: Any = constraints.simplex

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: Any = None
    ) -> None:
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(RelaxedOneHotCategorical, _instance)
        return super().expand(batch_shape, new)


__all__ = ["ExpRelaxedCategorical", "RelaxedOneHotCategorical"]
