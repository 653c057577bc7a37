"""Gamma and Dirichlet variates as random primitives, and how they move with their parameters.

On the CPU, torch's numbers for its seed. The public distributions are written with these.
"""

from __future__ import annotations

from typing import Any

from franken.backends.numpy.random import implicit
from franken.backends.numpy.random import sequential as rng_sequential
from franken.backends.numpy.random.distributions import require, torch_name
from franken.core.batching import pointwise
from franken.core.op import op
from franken.core.primitive import Primitive
from franken.core.tensor import Tensor
from franken.ops.declaring.declare import underived, without_forward
from franken.ops.declaring.samples import S
from franken.ops.sampling.generator import core_of
from franken.ops.sampling.random import _batched_draw, _random

_WIDE = ("float32", "float64")


def _gamma_kernel(alpha: Any, *, generator: Any) -> Any:
    return rng_sequential.gamma(generator, alpha)


def _same_types(first: Any, *others: Any) -> None:
    for x in others:
        if x.dtype != first.dtype:
            found, expected = torch_name(x.dtype), torch_name(first.dtype)
            raise RuntimeError(f"Found dtype {found} but expected {expected}")


def _gamma_slope_kernel(alpha: Any, drawn: Any) -> Any:
    require("_standard_gamma_grad_cpu", alpha.dtype, _WIDE)
    _same_types(alpha, drawn)
    return implicit.gamma_slope(alpha, drawn)


def _beta_slope_kernel(x: Any, alpha: Any, total: Any) -> Any:
    require("_dirichlet_grad_cpu", x.dtype, _WIDE)
    _same_types(x, alpha, total)
    return implicit.beta_slope(x, alpha, total)


def _underived_aten(name: str) -> Any:
    def rule(g: Any) -> Any:
        raise RuntimeError(f"derivative for aten::{name} is not implemented")

    return rule


gamma_draw = _random("standard_gamma", ("alpha",), _gamma_kernel, _batched_draw)
gamma_slope = Primitive(
    "standard_gamma_grad", ("alpha", "drawn"), _gamma_slope_kernel, batch=pointwise
)
dirichlet_draw = _random(
    "sample_dirichlet", ("alpha",),
    lambda alpha, *, generator: rng_sequential.dirichlet(generator, alpha), _batched_draw,
)  # fmt: skip
beta_slope = Primitive(
    "dirichlet_grad", ("x", "alpha", "total"), _beta_slope_kernel, batch=pointwise
)
dirichlet_draw.title = beta_slope.title = "NotImplemented"


@gamma_draw.vjp("alpha")
def _(g: Any, alpha: Any, out: Any) -> Any:
    return g * gamma_slope(alpha, out)


gamma_draw.jvp(without_forward("_standard_gamma"))
gamma_slope.vjp("alpha", "drawn")(underived("_standard_gamma_grad"))
gamma_slope.jvp(without_forward("_standard_gamma_grad"))
dirichlet_draw.vjp("alpha")(_underived_aten("_sample_dirichlet"))
dirichlet_draw.jvp(without_forward("aten::_sample_dirichlet"))
beta_slope.vjp("x", "alpha", "total")(_underived_aten("_dirichlet_grad"))
beta_slope.jvp(without_forward("aten::_dirichlet_grad"))


@op(method=False, samples=lambda t: [S(t.const(3, 4, low=0.1)), S(t.const(2, 0))])
def _standard_gamma(input: Tensor, generator: Any = None) -> Tensor:
    """Gamma variates of rate one with the concentrations in `input`."""
    return gamma_draw(input, generator=core_of("_standard_gamma", generator, input.device))  # type: ignore[no-any-return]


# The samples of both lie where torch sums a series; elsewhere it has fits, some 5e-4 away.
@op(
    method=False,
    samples=lambda t: [S(t.const(3, 4, low=0.1, high=3), t.const(3, 4, low=0.01, high=0.1))],
)
def _standard_gamma_grad(input: Tensor, output: Tensor) -> Tensor:
    """The derivative of gamma variates `output` by their concentrations `input`."""
    return gamma_slope(input, output)  # type: ignore[no-any-return]


@op(method=False, samples=lambda t: [S(t.const(3, 4, low=0.1)), S(t.const(0, 3))])
def _sample_dirichlet(input: Tensor, generator: Any = None) -> Tensor:
    """Dirichlet vectors along the last dimension with the concentrations in `input`."""
    return dirichlet_draw(input, generator=core_of("_sample_dirichlet", generator, input.device))  # type: ignore[no-any-return]


@op(
    method=False,
    samples=lambda t: [
        S(t.const(3, low=0.05, high=0.45), t.const(3, low=0.3), t.const(3, low=3, high=5))
    ],
)
def _dirichlet_grad(x: Tensor, alpha: Tensor, total: Tensor) -> Tensor:
    """The derivative by alpha of Beta(alpha, total - alpha) variates x, over 1 - x."""
    return beta_slope(x, alpha, total)  # type: ignore[no-any-return]
