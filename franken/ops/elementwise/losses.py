"""Losses that compare two tensors element by element, each as one primitive.

Knows the formulas and derivatives; reductions and arguments are in `functional/loss`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.numpy import special
from franken.core.pointwise import pointwise_primitive
from franken.ops.declaring.declare import typed
from franken.ops.elementwise.activation_smooth import logsigmoid_
from franken.ops.elementwise.transcendental import exp, sigmoid

# --- distances ------------------------------------------------------------------------------------


def _square_kernel(x: Any, y: Any) -> Any:
    d = np.asarray(np.subtract(x, y))
    return np.multiply(d, d, out=d)


squared_error = pointwise_primitive(
    "squared_error", ("x", "y"), typed(_square_kernel),
    d=(lambda g, x, y: g * (x - y) * 2, lambda g, x, y: g * (x - y) * -2),
)  # fmt: skip


def _smooth_kernel(x: Any, y: Any, *, beta: float) -> Any:
    d = np.abs(x - y)
    if beta == 0:
        return d
    return np.where(d < beta, d * d * (0.5 / beta), d - 0.5 * beta).astype(d.dtype, copy=False)


def _smooth_slope(g: Any, x: Any, y: Any, beta: float) -> Any:
    d = x - y
    return g * (d.sign() if beta == 0 else (d / beta).clamp(-1, 1))


def _huber_kernel(x: Any, y: Any, *, delta: float) -> Any:
    d = np.abs(x - y)
    return np.where(d <= delta, d * d * 0.5, delta * (d - 0.5 * delta)).astype(d.dtype, copy=False)


smooth_error = pointwise_primitive(
    "smooth_l1", ("x", "y"), typed(_smooth_kernel),
    d=(_smooth_slope, lambda g, x, y, beta: -_smooth_slope(g, x, y, beta)),
)  # fmt: skip
huber_error = pointwise_primitive(
    "huber", ("x", "y"), typed(_huber_kernel),
    d=(lambda g, x, y, delta: g * (x - y).clamp(-delta, delta),
       lambda g, x, y, delta: -g * (x - y).clamp(-delta, delta)),
)  # fmt: skip

# --- binary cross-entropy -------------------------------------------------------------------------


def _bce_kernel(x: Any, y: Any) -> Any:
    if x.size and not ((x >= 0) & (x <= 1)).all():
        raise RuntimeError("all elements of input should be between 0 and 1")
    return (y - 1) * np.maximum(np.log1p(-x), -100) - y * np.maximum(np.log(x), -100)


binary_entropy = pointwise_primitive(
    "binary_cross_entropy", ("x", "y"), _bce_kernel,
    d=(lambda g, x, y: g * (x - y) / (x * (1 - x)).clamp(min=1e-12),
       lambda g, x: g * ((-x).log1p().clamp(min=-100) - x.log().clamp(min=-100))),
)  # fmt: skip
# (1 - y) x - log(sigmoid(x)), without overflow
logit_entropy = pointwise_primitive(
    "binary_cross_entropy_with_logits", ("x", "y"),
    lambda x, y: (1 - y) * x - special.log_sigmoid(x),
    d=(lambda g, x, y: g * (sigmoid(x) - y), lambda g, x: -g * x),
)  # fmt: skip


def _positive_kernel(x: Any, y: Any, z: Any) -> Any:
    return (1 - y) * x - ((z - 1) * y + 1) * special.log_sigmoid(x)


def _positive_slope(g: Any, x: Any, y: Any, z: Any) -> Any:
    own = z * y
    return ((own + 1 - y) * sigmoid(x) - own) * g


# the same with positives weighted by z
weighted_entropy = pointwise_primitive(
    "binary_cross_entropy_weighted", ("x", "y", "z"), _positive_kernel,
    d=(_positive_slope, lambda g, x, z: -g * (x + (z - 1) * logsigmoid_(x, args=())),
       lambda g, x, y: -g * y * logsigmoid_(x, args=())),
)  # fmt: skip

# --- log(1 + exp(-y x)) ---------------------------------------------------------------------------


def _soft_margin_kernel(x: Any, y: Any) -> Any:
    return np.log(np.exp(-x * y) + x.dtype.type(1))  # overflows where torch's does


def _soft_slope(g: Any, x: Any, y: Any, other: Any) -> Any:
    z = exp(-x * y)
    return -(other * z) / (z + 1) * g


soft_margin = pointwise_primitive(
    "soft_margin", ("x", "y"), _soft_margin_kernel,
    d=(lambda g, x, y: _soft_slope(g, x, y, y), lambda g, x, y: _soft_slope(g, x, y, x)),
)  # fmt: skip
soft_margin.cpu = _soft_margin_kernel  # half precision is rounded at each step
