"""Exponentials, logarithms, trigonometric and hyperbolic functions."""

from __future__ import annotations

import numpy as np

from franken.ops.declare import INT_TO_FLOAT, elementwise

exp = elementwise(
    "exp(Tensor self) -> Tensor", np.exp, d=lambda g, out: g * out, promote=INT_TO_FLOAT,
    expr="exp({0})",
)  # fmt: skip
log = elementwise(
    "log(Tensor self) -> Tensor", np.log, d=lambda g, x: g / x, promote=INT_TO_FLOAT,
    expr="log({0})",
)  # fmt: skip
sin = elementwise(
    "sin(Tensor self) -> Tensor", np.sin, d=lambda g, x: g * cos(x), promote=INT_TO_FLOAT,
    expr="sin({0})",
)  # fmt: skip
cos = elementwise(
    "cos(Tensor self) -> Tensor", np.cos, d=lambda g, x: -g * sin(x), promote=INT_TO_FLOAT,
    expr="cos({0})",
)  # fmt: skip


def _tanh_grad_kernel(g, out):  # type: ignore[no-untyped-def]
    t = np.multiply(out, out)
    np.subtract(1, t, out=t if isinstance(t, np.ndarray) else None)
    return np.multiply(g, t)


tanh_grad = elementwise(
    "tanh_grad(Tensor g, Tensor out) -> Tensor", _tanh_grad_kernel,
    d=(lambda t, y: t * (1 - y * y), lambda t, x, y: t * x * y * -2),
    at="", inplace=False,
)  # fmt: skip
tanh = elementwise(
    "tanh(Tensor self) -> Tensor", np.tanh, d=lambda g, out: tanh_grad(g, out),
    promote=INT_TO_FLOAT, expr="tanh({0})",
)  # fmt: skip
