"""Activations made of other ops, random ones, and the in-place names of activations.

Knows which names torch has where; the formulas are in `ops.elementwise`.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from franken.core.calls.numbers import unboxed
from franken.core.op import NAMES, inplace_form, op
from franken.core.tensor import Tensor
from franken.ops.declaring.declare import refused
from franken.ops.declaring.samples import S, estimated, unary
from franken.ops.elementwise import activation, activation_smooth
from franken.ops.elementwise.activation import leaky_, prelu_, replaced
from franken.ops.elementwise.transcendental import sigmoid as _sigmoid
from franken.ops.elementwise.transcendental import tanh as _tanh
from franken.ops.sampling.dropout import rrelu_noise
from franken.ops.sampling.generator import core_of
from franken.ops.sampling.random import exponential_


@op("nn.functional", samples=unary)
def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return _sigmoid(input)  # type: ignore[no-any-return]


@op("nn.functional", samples=unary)
def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return _tanh(input)  # type: ignore[no-any-return]


@op("nn.functional", samples=unary)
def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return input / (input.abs() + 1)  # type: ignore[attr-defined,operator,no-any-return]


@op("nn.functional", samples=unary)
def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x)."""
    return input - _tanh(input)  # type: ignore[operator,no-any-return]


# --- rrelu ----------------------------------------------------------------------------------------


def _check_bounds(lower: float, upper: float) -> None:
    for name, bound in (("lower", lower), ("upper", upper)):
        if not math.isfinite(bound):
            raise RuntimeError(f"rrelu: {name} bound must be finite, got {bound:g}")
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")


def _rrelu(x: Tensor, lower: float, upper: float, training: bool, generator: Any = None) -> Tensor:
    lower, upper = unboxed(lower), unboxed(upper)
    _check_bounds(lower, upper)
    if not training:
        refused("leaky_relu_cpu", x.dtype, "bic")
        return leaky_(x, slope=(lower + upper) / 2)  # type: ignore[no-any-return]
    core = core_of("rrelu", generator, x.device)
    noise = rrelu_noise(x.detach(), lower=lower, upper=upper, generator=core)  # type: ignore[attr-defined]
    return prelu_(x, noise)  # type: ignore[no-any-return]


@op(
    method=False,
    samples=lambda t: [S(t(3, 4)), S(t(3, 4), 0.1, 0.4), S(t(2, 3), training=True)],
    title="RreluWithNoiseBackward0",
    layout="contiguous",
)
def rrelu(
    input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False,
    generator: Any = None,
) -> Tensor:  # fmt: skip
    """leaky_relu with slopes drawn from [lower, upper) in training, else their mean."""
    return _rrelu(input, lower, upper, training, generator)


@op(
    "nn.functional",
    name="rrelu",
    samples=lambda t: [S(t(3, 4)), S(t(3, 4), 0.1, 0.4), S(t(2, 3), training=True)],
    title="RreluWithNoiseBackward0",
    layout="contiguous",
)
def _rrelu_in(
    input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False,
    inplace: bool = False,
) -> Tensor:  # fmt: skip
    """leaky_relu with slopes drawn from [lower, upper) in training, else their mean."""
    return replaced("rrelu", input, inplace, lambda x: _rrelu(x, lower, upper, training))


# --- gumbel_softmax -------------------------------------------------------------------------------


@op(
    "nn.functional",
    samples=lambda t: [S(t(3, 4)), S(t(3, 4), 0.7, dim=0), estimated(S(t(3, 4), hard=True))],
)
def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """Softmax of the logits with Gumbel noise (arXiv 1611.00712); one-hot forward if `hard`."""
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=3)
    x: Any = logits
    noise: Any = exponential_(x.new_empty(tuple(x.shape)))
    soft: Any = ((x - noise.log()) / tau).softmax(dim)
    if not hard:
        return soft  # type: ignore[no-any-return]
    best = soft.argmax(dim, keepdim=True)
    picked = soft.new_zeros(tuple(soft.shape)).scatter(dim, best, 1.0)
    return picked - soft.detach() + soft  # type: ignore[no-any-return]


# --- in-place names -------------------------------------------------------------------------------


def _publish_inplace(space: str, name: str, fn: Any) -> None:
    NAMES.setdefault(space, {})[name + "_"] = inplace_form(name, fn)


for _name, _fn in (
    ("relu", activation.relu), ("leaky_relu", activation.leaky_relu),
    ("hardtanh", activation.hardtanh), ("threshold", activation.threshold),
    ("elu", activation_smooth.elu), ("celu", activation_smooth.celu),
    ("selu", activation_smooth.selu), ("rrelu", rrelu),
):  # fmt: skip
    _publish_inplace("nn.functional", _name, _fn)
    if _name in ("threshold", "celu", "selu", "rrelu"):
        _publish_inplace("torch", _name, _fn)
