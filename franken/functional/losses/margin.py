"""Losses with a margin: hinge, ranking, cosine, triplet, multi-class and multi-label.

Knows torch's arguments and checks; composed of other ops. Reductions are in `loss`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.core import dtypes as dt
from franken.core.geometry.shapes import broadcast_two
from franken.core.op import op
from franken.core.primitive import Primitive
from franken.core.tensor import Tensor
from franken.functional.linalg.distance import pairwise_distance
from franken.functional.losses.classes import chosen, numbered, reduced
from franken.ops.declaring.declare import promoted, refuse_grad, refused
from franken.ops.declaring.loop import loop
from franken.ops.declaring.samples import S
from franken.ops.elementwise.activation_smooth import logsigmoid
from franken.ops.elementwise.losses import soft_margin
from franken.ops.elementwise.ternary import where_
from franken.ops.nn.embedding import one_hot_

# --- pairs ----------------------------------------------------------------------------------------


def _hinge(x: Any, y: Any, margin: float) -> Any:
    if x.dtype.kind <= dt.INTEGER:
        margin = int(margin)  # torch fills a tensor of x's dtype with it
    far = (margin - x).clamp(min=0)
    zero = far.new_zeros(())
    return where_(y != 1, far, zero) + where_(y != -1, x, zero)


def _cosine(x: Any, y: Any, t: Any, margin: float) -> Any:
    rank = t.ndim + 1
    if t.ndim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if x.ndim != rank or y.ndim != rank:
        raise RuntimeError(
            f"{t.ndim}D target tensor expects {rank}D input tensors, but found inputs with sizes "
            f"{list(x.shape)} and {list(y.shape)}."
        )
    eps = 1e-12
    squares = ((x * x).sum(-1) + eps) * ((y * y).sum(-1) + eps)
    cos = (x * y).sum(-1) / squares.sqrt()
    zero = cos.new_zeros(())
    return where_(t == 1, 1 - cos, zero) + where_(t == -1, (cos - margin).clamp(min=0), zero)


def _ranking(x: Any, y: Any, t: Any, margin: float) -> Any:
    if not x.ndim == y.ndim == t.ndim:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {x.shape}, input2: {y.shape}, target: {t.shape} "
        )
    return (-t * (x - y) + float(margin)).clamp_min(0)


@op(
    "nn.functional",
    samples=lambda t: [
        S(t(3), t.of([1, -1, 1], t.dtype)),
        S(t(2, 3), t.of([1, -1, 1], t.dtype), margin=0.4, reduction="sum"),
    ],
)
def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, size_average: Any = None,
    reduce: Any = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """x where the target is 1, max(0, margin - x) where it is -1."""
    reduction = chosen(size_average, reduce, reduction)
    return reduced(_hinge(input, target, margin), reduction)  # type: ignore[no-any-return]


@op(
    "nn.functional",
    samples=lambda t: [
        S(t(3, 4), t(3, 4), t.of([1, -1, 1], t.dtype)),
        S(t(3, 4), t(3, 4), t.of([1, -1, 1], t.dtype), margin=0.2, reduction="sum"),
    ],
)
def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: Any = None,
    reduce: Any = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """1 - cos(x, y) where the target is 1, max(0, cos(x, y) - margin) where it is -1."""
    reduction = chosen(size_average, reduce, reduction)
    return reduced(_cosine(input1, input2, target, margin), reduction)  # type: ignore[no-any-return]


@op(
    "nn.functional",
    samples=lambda t: [
        S(t(3), t(3), t.of([1, -1, 1], t.dtype)),
        S(t(3), t(3), t.of([1, -1, 1], t.dtype), margin=0.3, reduction="sum"),
    ],
)
def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: Any = None,
    reduce: Any = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(0, margin - target (x - y))."""
    reduction = chosen(size_average, reduce, reduction)
    return reduced(_ranking(input1, input2, target, margin), reduction)  # type: ignore[no-any-return]


@op(
    method=False,
    name="hinge_embedding_loss",
    samples=lambda t: [
        S(t(3), t.of([1, -1, 1], t.dtype)),
        S(t(2, 3), t.of([1, -1, 1], t.dtype), 0.4, 2),
    ],
)
def _hinge_plain(input: Tensor, target: Tensor, margin: float = 1.0, reduction: int = 0) -> Tensor:
    """x where the target is 1, max(0, margin - x) where it is -1."""
    return reduced(_hinge(input, target, margin), numbered(reduction))  # type: ignore[no-any-return]


@op(
    method=False,
    name="cosine_embedding_loss",
    samples=lambda t: [
        S(t(3, 4), t(3, 4), t.of([1, -1, 1], t.dtype)),
        S(t(3, 4), t(3, 4), t.of([1, -1, 1], t.dtype), 0.2, 2),
    ],
)
def _cosine_plain(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 0
) -> Tensor:
    """1 - cos(x, y) where the target is 1, max(0, cos(x, y) - margin) where it is -1."""
    return reduced(_cosine(input1, input2, target, margin), numbered(reduction))  # type: ignore[no-any-return]


@op(
    method=False,
    name="margin_ranking_loss",
    samples=lambda t: [
        S(t(3), t(3), t.of([1, -1, 1], t.dtype)),
        S(t(3), t(3), t.of([1, -1, 1], t.dtype), 0.3, 2),
    ],
)
def _ranking_plain(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 0
) -> Tensor:
    """max(0, margin - target (x - y))."""
    return reduced(_ranking(input1, input2, target, margin), numbered(reduction))  # type: ignore[no-any-return]


# --- triplets -------------------------------------------------------------------------------------


def _check_triplet(a: Any, p: Any, n: Any) -> None:
    if not a.ndim == p.ndim == n.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {a.ndim}D, positive {p.ndim}D, and negative {n.ndim}D "
            "inputs"
        )


def _triplet(a: Any, p: Any, n: Any, margin: float, swap: bool, distance: Any) -> Any:
    _check_triplet(a, p, n)
    near, far = distance(a, p), distance(a, n)
    if swap:
        far = far.minimum(distance(p, n))
    return (margin + near - far).clamp_min(0)


@op(
    "nn.functional",
    samples=lambda t: [
        S(t(3, 4), t(3, 4), t(3, 4)),
        S(t(3, 4), t(3, 4), t(3, 4), margin=2.0, swap=True),
    ],
)
def triplet_margin_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2,
    eps: float = 1e-6, swap: bool = False, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(0, |a - p| - |a - n| + margin) by norms of order p."""
    reduction = chosen(size_average, reduce, reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")

    def distance(x: Any, y: Any) -> Any:
        return pairwise_distance(x, y, p, eps)

    return reduced(_triplet(anchor, positive, negative, margin, swap, distance), reduction)  # type: ignore[no-any-return]


@op(
    method=False,
    name="triplet_margin_loss",
    samples=lambda t: [
        S(t(3, 4), t(3, 4), t(3, 4)),
        S(t(3, 4), t(3, 4), t(3, 4), margin=2.0, swap=True),
    ],
)
def _triplet_plain(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2.0,
    eps: float = 1e-6, swap: bool = False, reduction: int = 0,
) -> Tensor:  # fmt: skip
    """max(0, |a - p| - |a - n| + margin) by norms of order p."""

    def distance(x: Any, y: Any) -> Any:
        return pairwise_distance(x, y, p, eps)

    losses = _triplet(anchor, positive, negative, margin, swap, distance)
    return reduced(losses, numbered(reduction))  # type: ignore[no-any-return]


@op(
    "nn.functional",
    samples=lambda t: [
        S(t(3, 4), t(3, 4), t(3, 4)),
        S(t(3, 4), t(3, 4), t(3, 4), margin=2.0, swap=True),
    ],
)
def triplet_margin_with_distance_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, *, distance_function: Any = None,
    margin: float = 1.0, swap: bool = False, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """triplet_margin_loss with any distance."""
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    distance = pairwise_distance if distance_function is None else distance_function
    return reduced(_triplet(anchor, positive, negative, margin, swap, distance), reduction)  # type: ignore[no-any-return]


# --- many classes ---------------------------------------------------------------------------------


def _check_matrix(x: Any) -> None:
    if x.ndim > 2 or x.ndim == 2 and not x.shape[1] or x.ndim == 1 and not x.shape[0]:
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"{list(x.shape)}"
        )


def _multi_check(x: Any, t: Any, weight: Any) -> None:
    _check_matrix(x)
    samples = x.shape[0] if x.ndim == 2 else 1
    classes = x.shape[-1] if x.ndim else 1
    if t.ndim > 1 or t.numel() != samples or x.ndim == 2 and t.ndim != 1:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input "
            f"samples (batch size). Expected target size [{samples}], but got {list(t.shape)}. "
            f"Input has shape {list(x.shape)}."
        )
    if weight is not None and weight.ndim != 1:
        raise ValueError("weight must be one-dimensional")
    if weight is not None and weight.shape[0] != classes:
        raise RuntimeError(
            f"inconsistent weight size, expected {classes} but got {list(weight.shape)}"
        )
    refused("multi_margin_loss_cpu_kernel", x.dtype, "bich")
    for got, want in ((t, dt.int64), (weight, x.dtype)):
        if got is not None and got.dtype is not want:
            raise RuntimeError(
                f"expected scalar type {want.scalar_name} but found {got.dtype.scalar_name}"
            )


def _in_range_kernel(t: Any, *, classes: int) -> Any:
    if t.size and (t.min() < 0 or t.max() >= classes):
        raise RuntimeError("target out of range")
    return t


in_range = Primitive(
    "margin_target", ("t",), _in_range_kernel, batch=loop, meta="same"
).not_differentiable()


@op(
    "nn.functional",
    samples=lambda t: [
        S(t(3, 4), t.index(3, high=4)),
        S(t(3, 4), t.index(3, high=4), 2, 0.5, t.const(4, low=0.2), reduction="sum"),
    ],
    title="MultiMarginLossBackward0",
)
def multi_margin_loss(
    input: Tensor, target: Tensor, p: int = 1, margin: float = 1.0,
    weight: Any = None, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """sum over classes i but t of max(0, margin - x[t] + x[i])^p, divided by the class count."""
    reduction = chosen(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    x: Any = input
    _multi_check(x, target, weight)
    refuse_grad("multi_margin_loss", weight=weight)
    shape = tuple(target.shape) if x.ndim == 2 else ()
    x = x.reshape((-1, x.shape[-1] if x.ndim else 1)) if x.ndim < 2 else x
    classes = x.shape[1]
    t = in_range(target.reshape((-1,)), classes=classes)  # type: ignore[attr-defined]
    gap = (margin - x.gather(1, t.unsqueeze(1)) + x).clamp(min=0)
    gap = gap * gap if p == 2 else gap
    if weight is not None:
        gap = gap * weight.take(t).unsqueeze(1)
    losses = gap.masked_fill(one_hot_(t, classes=classes).bool(), 0).sum(1) / classes
    if reduction == "mean" and not losses.shape[0]:
        return losses.sum()  # type: ignore[no-any-return]
    return reduced(losses.reshape(shape), reduction)  # type: ignore[no-any-return]


def _labels_kernel(t: Any, *, classes: int) -> Any:
    """(which places hold labels: those before the first -1; which classes are labels)."""
    if t.size and (t.min() < -1 or t.max() >= classes):
        raise RuntimeError("argument #2 'target' is out of range")
    valid = np.logical_and.accumulate(t >= 0, axis=1)
    named = np.zeros(t.shape, np.bool_)
    rows, places = np.nonzero(valid)
    named[rows, t[rows, places]] = True
    return valid, named


labels = Primitive("label_masks", ("t",), _labels_kernel, outputs=2, batch=loop)
labels.not_differentiable()


@op(
    "nn.functional",
    samples=lambda t: [
        S(t(2, 4), t.of([[0, 2, -1, 1], [3, -1, 0, 0]])),
        S(t(4), t.of([1, 0, -1, 3]), reduction="sum"),
    ],
    title="MultilabelMarginLossBackward0",
)
def multilabel_margin_loss(
    input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """sum over labels j and other classes i of max(0, 1 - x[j] + x[i]), by the class count.

    A row of the target lists labels up to the first -1.
    """
    reduction = chosen(size_average, reduce, reduction)
    x, t = input, target
    _check_matrix(x)
    if tuple(t.shape) != tuple(x.shape):
        raise RuntimeError(
            f"inconsistent target size: {list(t.shape)} for input of size: {list(x.shape)}"
        )
    refused("multilabel_margin_loss_forward_out_frame", x.dtype, "bich")
    if t.dtype is not dt.int64:
        raise RuntimeError(f"expected scalar type Long but found {t.dtype.scalar_name}")
    losses = _multilabel(x, t)
    if x.ndim < 2:
        losses = losses.reshape(())
    return reduced(losses, reduction)  # type: ignore[no-any-return]


def _multilabel(x: Any, t: Any) -> Any:
    if x.ndim < 2:
        x, t = x.reshape((1, -1)), t.reshape((1, -1))
    valid, named = labels(t, classes=x.shape[1])
    own = x.gather(1, t.clamp(min=0))
    gap = (1 - own.unsqueeze(2) + x.unsqueeze(1)).clamp(min=0)
    counted = valid.unsqueeze(2) & ~named.unsqueeze(1)
    return gap.masked_fill(~counted, 0).sum((1, 2)) / x.shape[1]


@op(
    "nn.functional",
    samples=lambda t: [
        S(t(3, 4), t.mask(3, 4).to(t.dtype)),
        S(t(3, 4), t.mask(3, 4).to(t.dtype), t.const(4, low=0.2), reduction="sum"),
    ],
)
def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Any = None, size_average: Any = None,
    reduce: Any = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """The mean over classes (the last dimension) of binary cross-entropies of sigmoid(x)."""
    legacy = size_average is not None or reduce is not None
    if not legacy and reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid")
    reduction = chosen(size_average, reduce, reduction)
    y: Any = target
    losses: Any = -(y * logsigmoid(input) + (1 - y) * logsigmoid(-input))  # type: ignore[operator]
    if weight is not None:
        losses = losses * weight
    return reduced(losses.mean(-1), reduction)  # type: ignore[no-any-return]


@op(
    "nn.functional",
    samples=lambda t: [
        S(t(3), t.of([1, -1, 1], t.dtype)),
        S(t(2, 3), t.of([1, -1, 1], t.dtype).expand(2, 3), reduction="sum"),
    ],
    title="SoftMarginLossBackward0",
)
def soft_margin_loss(
    input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """log(1 + exp(-target x))."""
    reduction = chosen(size_average, reduce, reduction)
    broadcast_two(tuple(input.shape), tuple(target.shape))
    (x, y), common = promoted("soft_margin_loss", "default", (input, target))
    if common.kind <= dt.INTEGER:
        raise RuntimeError(
            f"result type {dt.get_default_dtype().scalar_name} can't be cast to the desired output "
            f"type {common.scalar_name}"
        )
    return reduced(soft_margin(x, y), reduction)  # type: ignore[no-any-return]
