"""Losses of regression and of densities: squared, absolute, Huber, Poisson, Gaussian, KL.

Knows torch's arguments, checks and warnings; reductions are in `loss`.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from franken.core import dtypes as dt
from franken.core.op import op
from franken.core.tensor import Tensor
from franken.functional.losses.classes import chosen, numbered, reduced
from franken.ops.declaring.declare import promoted, refused
from franken.ops.declaring.samples import S
from franken.ops.elementwise.losses import huber_error, smooth_error, squared_error
from franken.ops.elementwise.special_erf import xlogy


def _warn_sizes(x: Any, y: Any) -> None:
    if tuple(x.shape) != tuple(y.shape):
        warnings.warn(
            f"Using a target size ({y.shape}) that is different to the input size ({x.shape}). "
            "This will likely lead to incorrect results due to broadcasting. Please ensure they "
            "have the same size.",
            stacklevel=5,
        )


def _compared(name: str, tag: str, prim: Any, x: Any, y: Any, **params: Any) -> Any:
    _warn_sizes(x, y)
    (x, y), common = promoted(name, "default", (x, y))
    refused(tag, common, "bic")
    return prim(x, y, **params)


def _weighted(losses: Any, weight: Any, x: Any, reduction: str, by_weight: bool = True) -> Tensor:
    """The reduction of weighted losses; the mean divides by the weights' sum if `by_weight`."""
    if weight is None:
        return reduced(losses, reduction)  # type: ignore[no-any-return]
    if tuple(weight.shape) != tuple(x.shape):
        raise ValueError("Weights and input must have the same size.")
    losses = losses * weight
    if reduction == "mean" and by_weight:
        return losses.sum() / weight.sum()  # type: ignore[no-any-return]
    return reduced(losses, reduction)  # type: ignore[no-any-return]


@op(
    "nn.functional",
    samples=lambda t: [
        S(t(3, 4), t(3, 4)),
        S(t(3), t(3), reduction="none"),
        S(t(2, 3), t(2, 3), reduction="sum"),
        S(t(2, 0), t(2, 0), reduction="sum"),
    ],
    title="MseLossBackward0",
)
def mse_loss(
    input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean", weight: Any = None,
) -> Tensor:  # fmt: skip
    """(x - y)^2."""
    reduction = chosen(size_average, reduce, reduction)
    losses = _compared("mse_loss", "mse_cpu", squared_error, input, target)
    return _weighted(losses, weight, input, reduction)


@op(
    "nn.functional",
    samples=lambda t: [
        S(t(3, 4), t(3, 4)),
        S(t(3), t(3), reduction="none"),
        S(t(2, 3), t(2, 3), reduction="sum"),
        S(t(2, 0), t(2, 0), reduction="sum"),
    ],
)
def l1_loss(
    input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean", weight: Any = None,
) -> Tensor:  # fmt: skip
    """|x - y|."""
    reduction = chosen(size_average, reduce, reduction)
    _warn_sizes(input, target)
    return _weighted((input - target).abs(), weight, input, reduction)  # type: ignore[operator]


@op(
    "nn.functional",
    samples=lambda t: [
        S(t(3, 4), t(3, 4)),
        S(t(3), t(3), reduction="none", beta=0.5),
        S(t(2, 3), t(2, 3), reduction="sum"),
    ],
    title="SmoothL1LossBackward0",
)
def smooth_l1_loss(
    input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean", beta: float = 1.0,
) -> Tensor:  # fmt: skip
    """(x - y)^2 / (2 beta) where |x - y| < beta, else |x - y| - beta / 2 (arXiv 1504.08083)."""
    reduction = chosen(size_average, reduce, reduction)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    losses = _compared("smooth_l1_loss", "smooth_l1_cpu", smooth_error, input, target,
                       beta=float(beta))  # fmt: skip
    return reduced(losses, reduction)  # type: ignore[no-any-return]


@op(
    "nn.functional",
    samples=lambda t: [
        S(t(3, 4), t(3, 4)),
        S(t(3), t(3), reduction="none", delta=0.5),
        S(t(2, 3), t(2, 3), reduction="sum"),
    ],
    title="HuberLossBackward0",
)
def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Any = None
) -> Tensor:
    """(x - y)^2 / 2 where |x - y| <= delta, else delta (|x - y| - delta / 2)."""
    reduction = chosen(None, None, reduction)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    losses = _compared("huber_loss", "huber_cpu", huber_error, input, target, delta=float(delta))
    return _weighted(losses, weight, input, reduction, by_weight=False)


# --- densities ------------------------------------------------------------------------------------


def _kl(x: Any, y: Any, log_target: bool) -> Any:
    if x.dtype.is_complex or y.dtype.is_complex:
        raise RuntimeError("kl_div: Complex inputs not supported.")
    if x.dtype.kind <= dt.INTEGER or y.dtype.kind <= dt.INTEGER:
        raise RuntimeError("kl_div: Integral inputs not supported.")
    return y.exp() * (y - x) if log_target else xlogy(y, y) - y * x


@op(
    "nn.functional",
    samples=lambda t: [
        S(t(3, 4), t(3, 4, low=0.1), reduction="sum"),
        S(t(3, 4), t(3, 4), reduction="batchmean", log_target=True),
    ],
)
def kl_div(
    input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean", log_target: bool = False,
) -> Tensor:  # fmt: skip
    """y (log y - x) of log-probabilities x; "batchmean" divides the sum by dimension 0."""
    batch = reduction == "batchmean" and size_average is None and reduce is None
    reduction = "sum" if batch else chosen(size_average, reduce, reduction)
    if reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition.'mean' will be changed to behave the same as 'batchmean' in the next major "
            "release.",
            stacklevel=3,
        )
    out = reduced(_kl(input, target, log_target), reduction)
    return out / input.shape[0] if batch and input.ndim else out  # type: ignore[no-any-return]


@op(
    method=False,
    name="kl_div",
    samples=lambda t: [S(t(3, 4), t(3, 4, low=0.1)), S(t(3, 4), t(3, 4), 2, log_target=True)],
)
def _kl_plain(
    input: Tensor, target: Tensor, reduction: int = 0, *, log_target: bool = False
) -> Tensor:
    """y (log y - x) of log-probabilities x."""
    return reduced(_kl(input, target, log_target), numbered(reduction))  # type: ignore[no-any-return]


def _poisson(x: Any, y: Any, log_input: bool, full: bool, eps: float) -> Any:
    losses = x.exp() - y * x if log_input else x - y * (x + eps).log()
    if not full:
        return losses
    stirling = y * y.log() - y + (y * (2 * math.pi)).log() * 0.5
    return losses + stirling.masked_fill(y <= 1, 0)


@op(
    "nn.functional",
    samples=lambda t: [
        S(t(3, 4), t(3, 4, low=0.5, high=4)),
        S(t(3, low=0.3), t(3, low=1.5, high=4), log_input=False, full=True, reduction="sum"),
    ],
)
def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool = True, full: bool = False,
    size_average: Any = None, eps: float = 1e-8, reduce: Any = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """exp(x) - y x, or x - y log(x + eps) unless `log_input`; `full` adds Stirling's term."""
    reduction = chosen(size_average, reduce, reduction)
    return reduced(_poisson(input, target, log_input, full, eps), reduction)  # type: ignore[no-any-return]


@op(
    method=False,
    name="poisson_nll_loss",
    samples=lambda t: [
        S(t(3, 4), t(3, 4, low=0.5, high=4), True, False, 1e-8, 1),
        S(t(3, low=0.3), t(3, low=1.5, high=4), False, True, 1e-8, 2),
    ],
)
def _poisson_plain(
    input: Tensor, target: Tensor, log_input: bool, full: bool, eps: float, reduction: int
) -> Tensor:
    """The negative log-likelihood of Poisson counts."""
    return reduced(_poisson(input, target, log_input, full, eps), numbered(reduction))  # type: ignore[no-any-return]


def _variance(x: Any, var: Any) -> Any:
    if isinstance(var, float):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        return x.new_ones(tuple(x.shape)) * var
    if not var.level and bool((var < 0).any()):
        raise ValueError("var has negative entry/entries")
    if tuple(var.shape) == tuple(x.shape):
        return var
    if tuple(x.shape[:-1]) == tuple(var.shape):
        return var.unsqueeze(-1)
    if tuple(x.shape[:-1]) == tuple(var.shape[:-1]) and var.ndim and var.shape[-1] == 1:
        return var
    if var.ndim == x.ndim and all(m in (n, 1) for n, m in zip(x.shape, var.shape, strict=True)):
        return var
    raise ValueError("var is of incorrect size")


@op(
    "nn.functional",
    samples=lambda t: [
        S(t(3, 4), t(3, 4), t(3, 4, low=0.3)),
        S(t(3, 4), t(3, 4), t(3, 1, low=0.3), full=True, reduction="sum"),
    ],
)
def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Any, full: bool = False, eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """(log v + (x - y)^2 / v) / 2 with v = max(var, eps), flat where eps is larger."""
    v: Any = _variance(input, var)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid")
    if v.dtype.kind <= dt.INTEGER:
        raise RuntimeError(
            f"result type {dt.get_default_dtype().scalar_name} can't be cast to the desired output "
            f"type {v.dtype.cpp_name}"
        )
    bounded = v + (v.detach().clamp(min=eps) - v.detach())
    losses = (bounded.log() + (input - target) ** 2 / bounded) * 0.5  # type: ignore[operator]
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return reduced(losses, reduction)  # type: ignore[no-any-return]
