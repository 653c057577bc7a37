"""Smooth activations: the elu family, gelu, silu, mish, softplus, logsigmoid, glu.

Each derivative is a fused primitive with a derivative of its own, so that training costs one kernel
forward and one backward, and second derivatives hold.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from franken.backends.numpy import erf as gauss
from franken.backends.numpy import special
from franken.core.calls.out import FOUND, Into
from franken.core.geometry.shapes import wrap_dim
from franken.core.op import op
from franken.core.pointwise import pointwise_primitive
from franken.core.tensor import Tensor
from franken.ops.declaring.declare import refused
from franken.ops.declaring.samples import S, unary
from franken.ops.elementwise.activation import replaced
from franken.ops.elementwise.transcendental import exp, sigmoid, sigmoid_grad, tanh

_SQRT_2PI = math.sqrt(2 * math.pi)
_TANH_SCALE, _TANH_CUBE = math.sqrt(2 / math.pi), 0.044715  # of gelu's tanh form
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805  # arXiv 1706.02515


def _smooth(name: str, kernel: Any, slope_kernel: Any, bend: Any) -> Any:
    """A primitive, its derivative's primitive, and that one's slope in x: `bend(x, **params)`."""
    grad: Any = pointwise_primitive(
        f"{name}_grad", ("g_", "x"), slope_kernel,
        d=(lambda g, x, args: grad(g, x, args=args),
           lambda g, g_, x, args: g * g_ * bend(x, *args)),
    )  # fmt: skip
    return pointwise_primitive(name, ("x",), kernel, d=lambda g, x, args: grad(g, x, args=args))


# --- the elu family -------------------------------------------------------------------------------


def _elu_kernel(x: Any, *, args: Any) -> Any:
    negative, scale, inner = args
    low = np.minimum(x, 0)
    low = low if inner == 1 else low * inner
    low = np.expm1(low) * negative
    return np.where(x > 0, x if scale == 1 else x * scale, low).astype(x.dtype, copy=False)


def _elu_slope(g: Any, x: Any, *, args: Any) -> Any:
    negative, scale, inner = args
    low = np.exp(np.minimum(x, 0) * inner) * (negative * inner)
    return g * np.where(x <= 0, low, x.dtype.type(scale)).astype(x.dtype, copy=False)


def _elu_bend(x: Any, negative: float, scale: float, inner: float) -> Any:
    bend = exp(x.clamp(max=0) * inner) * (negative * inner * inner)
    return bend.masked_fill((x < 0).logical_not(), 0)  # none at the joint itself


elu_ = _smooth("elu", _elu_kernel, _elu_slope, _elu_bend)


def _elu(x: Tensor, alpha: float, scale: float = 1.0, inner: float = 1.0) -> Tensor:
    refused("elu_cpu", x.dtype, "bic")
    return elu_(x, args=(alpha * scale, scale, inner))  # type: ignore[no-any-return]


def _celu(x: Tensor, alpha: float) -> Tensor:
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _elu(x, alpha, inner=1 / alpha)


def _selu(x: Tensor) -> Tensor:
    return _elu(x, _SELU_ALPHA, _SELU_SCALE)


@op("nn.functional", samples=lambda t: [S(t(3, 4)), S(t(3, 4), alpha=0.3), S(t()), S(t(2, 0))])
def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where it is positive, else alpha (exp(x) - 1) (arXiv 1511.07289)."""
    return replaced("elu", input, inplace, lambda x: _elu(x, alpha))


@op(
    method=False,
    samples=lambda t: [S(t(3, 4)), S(t(3, 4), alpha=0.3), S(t()), S(t(2, 0))],
    title="CeluBackward0",
)
def celu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """max(0, x) + min(0, alpha (exp(x / alpha) - 1)) (arXiv 1704.07483)."""
    return _celu(input, alpha)


@op(
    "nn.functional",
    name="celu",
    samples=lambda t: [S(t(3, 4)), S(t(3, 4), alpha=0.3), S(t()), S(t(2, 0))],
    title="CeluBackward0",
)
def _celu_in(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """max(0, x) + min(0, alpha (exp(x / alpha) - 1)) (arXiv 1704.07483)."""
    return replaced("celu", input, inplace, lambda x: _celu(x, alpha))


@op(method=False, samples=unary)
def selu(input: Tensor) -> Tensor:
    """elu scaled so that activations keep mean 0 and variance 1 (arXiv 1706.02515)."""
    return _selu(input)


@op("nn.functional", name="selu", samples=unary)
def _selu_in(input: Tensor, inplace: bool = False) -> Tensor:
    """elu scaled so that activations keep mean 0 and variance 1 (arXiv 1706.02515)."""
    return replaced("selu", input, inplace, _selu)


# --- gelu, silu, mish -----------------------------------------------------------------------------


def _gelu_bend(x: Any, form: str) -> Any:
    if form == "none":
        return exp(x * x * -0.5) * (2 - x * x) / _SQRT_2PI
    t = tanh((x + x * x * x * _TANH_CUBE) * _TANH_SCALE)
    first = (x * x * (3 * _TANH_CUBE) + 1) * _TANH_SCALE
    second = x * (6 * _TANH_CUBE * _TANH_SCALE)
    return (1 - t * t) * (first + x * 0.5 * (second - t * first * first * 2))


gelu_ = _smooth(
    "gelu", lambda x, *, args: gauss.gelu(x, *args),
    lambda g, x, *, args: gauss.gelu_backward(g, x, *args), _gelu_bend,
)  # fmt: skip


@op(
    "nn.functional",
    out=FOUND,
    samples=lambda t: [S(t(3, 4)), S(t(3, 4), approximate="tanh"), S(t()), S(t(2, 0))],
)
def gelu(input: Tensor, *, approximate: str = "none") -> Tensor:
    """x times the normal distribution function of x, or its "tanh" form (arXiv 1606.08415)."""
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    refused("GeluKernelImpl", input.dtype, "bic")
    return gelu_(input, args=(approximate,))  # type: ignore[no-any-return]


def _silu_kernel(x: Any, *, args: Any) -> Any:
    return special.silu(x)


def _silu_slope(g: Any, x: Any, *, args: Any) -> Any:
    if x.dtype.kind != "c":
        return special.silu_backward(g, x)
    s = special.expit(x)
    return g * (s * (1 + x * (1 - s)))


def _silu_bend(x: Any) -> Any:
    s = sigmoid(x)
    return s * (1 - s) * (x * (1 - s * 2) + 2)


def _mish_bend(x: Any) -> Any:
    s = sigmoid(x)
    t = tanh(softplus_(x, args=(1.0, 20.0)))
    return s * (1 - t * t) * (x * (1 - s) - x * t * s * 2 + 2)


silu_ = _smooth("silu", _silu_kernel, _silu_slope, _silu_bend)
mish_ = _smooth(
    "mish", lambda x, *, args: special.mish(x),
    lambda g, x, *, args: special.mish_backward(g, x), _mish_bend,
)  # fmt: skip


@op("nn.functional", samples=unary)
def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x sigmoid(x), also called swish (arXiv 1606.08415, 1710.05941)."""
    refused("silu_cpu", input.dtype, "bi")
    return replaced("silu", input, inplace, lambda x: silu_(x, args=()))


@op("nn.functional", samples=unary)
def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x tanh(softplus(x)) (arXiv 1908.08681)."""
    refused("mish_cpu", input.dtype, "bic")
    return replaced("mish", input, inplace, lambda x: mish_(x, args=()))


# --- softplus, logsigmoid -------------------------------------------------------------------------


def _softplus_bend(x: Any, beta: float, threshold: float) -> Any:
    s = sigmoid(x * beta)
    return (s * (1 - s) * beta).masked_fill(x * beta > threshold, 0)


softplus_ = _smooth(
    "softplus", lambda x, *, args: special.softplus(x, *args),
    lambda g, x, *, args: special.softplus_backward(g, x, *args), _softplus_bend,
)  # fmt: skip
logsigmoid_ = _smooth(
    "log_sigmoid", lambda x, *, args: special.log_sigmoid(x),
    lambda g, x, *, args: special.log_sigmoid_backward(g, x),
    lambda x: -sigmoid(x) * sigmoid(-x),
)  # fmt: skip


@op(
    "nn.functional",
    out=FOUND,
    samples=lambda t: [S(t(3, 4)), S(t(3, 4), beta=2.0, threshold=1.5), S(t()), S(t(2, 0))],
)
def softplus(input: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    """log(1 + exp(beta x)) / beta; x itself where beta x exceeds the threshold."""
    refused("softplus_cpu", input.dtype, "bic")
    return softplus_(input, args=(float(beta), float(threshold)))  # type: ignore[no-any-return]


@op(
    "nn.functional",
    out=Into("expected scalar type {want} but found {got}"),
    samples=unary,
    layout="contiguous",
)
def logsigmoid(input: Tensor) -> Tensor:
    """log(1 / (1 + exp(-x))) without overflow."""
    refused("log_sigmoid_cpu", input.dtype, "bic")
    return logsigmoid_(input, args=())  # type: ignore[no-any-return]


# --- glu ------------------------------------------------------------------------------------------

glu_ = pointwise_primitive(
    "glu", ("x", "y"), lambda x, y: x * special.expit(y),
    d=(lambda g, y: g * sigmoid(y), lambda g, x, y: sigmoid_grad(g * x, sigmoid(y))),
)  # fmt: skip


@op("nn.functional", samples=lambda t: [S(t(3, 4)), S(t(4, 3), 0), S(t(2, 0))])
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half along a dimension times the sigmoid of the second (arXiv 1612.08083)."""
    if not input.ndim:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    d = wrap_dim(dim, input.ndim)
    n = input.shape[d]
    if n % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {d} is size {n}")
    refused("glu_cpu", input.dtype, "bic")
    return glu_(input.narrow(d, 0, n // 2), input.narrow(d, n // 2, n // 2))  # type: ignore[attr-defined,no-any-return]
