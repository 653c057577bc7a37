"""Losses over classes and probabilities, and how every loss is reduced.

Knows torch's arguments, checks and warnings; the kernels are in `ops.nn.cross_entropy` and
`ops.elementwise.losses`.
"""

from __future__ import annotations

import warnings
from typing import Any

from franken.core import dtypes as dt
from franken.core.batching import pointwise
from franken.core.convert import cast
from franken.core.op import namespace, op
from franken.core.primitive import Primitive
from franken.core.tensor import Tensor
from franken.ops.declaring.declare import promoted, refuse_grad, refused
from franken.ops.declaring.samples import S
from franken.ops.elementwise.losses import binary_entropy, logit_entropy, weighted_entropy
from franken.ops.indexing.gather_scatter import pick_class
from franken.ops.nn.cross_entropy import _by_class, _weight_of, cross_entropy_
from franken.ops.reduction.softmax import log_softmax

_NAMES = ("none", "mean", "sum")

# --- reductions -----------------------------------------------------------------------------------


def chosen(size_average: Any, reduce: Any, reduction: str) -> str:
    """The reduction that old and new arguments ask for, checked; old ones warn."""
    if size_average is not None or reduce is not None:
        average = True if size_average is None else size_average
        reduction = ("mean" if average else "sum") if reduce is None or reduce else "none"
        warnings.warn(
            "size_average and reduce args will be deprecated, please use "
            f"reduction='{reduction}' instead.",
            stacklevel=4,
        )
    if reduction not in _NAMES:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def reduced(losses: Any, reduction: str) -> Any:
    """Losses as they are, or their mean or sum."""
    if reduction == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()


def numbered(reduction: int) -> str:
    """The reduction that torch's plain functions call 0, 1 or 2."""
    if reduction not in (0, 1, 2):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return _NAMES[reduction]


# --- classes --------------------------------------------------------------------------------------


def _check_target(t: Tensor) -> Tensor:
    if t.dtype is dt.int64:
        return t
    if t.dtype is dt.uint8:
        return cast(t, dt.int64)
    raise RuntimeError(f"expected target dtype to be Long or Byte, but got {t.dtype.scalar_name}")


def _check_sizes(x: Any, t: Any) -> None:
    xs, ts = tuple(x.shape), tuple(t.shape)
    if len(xs) > 1 and ts == (xs[0], *xs[2:]):
        return
    if x.ndim == 0:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    if x.ndim == 1:
        if t.ndim > 1 or t.ndim == 1 and t.shape[0] != 1:
            size = t.shape[0] if t.ndim == 1 else list(t.shape)
            raise ValueError(
                f"For 1D input, 1D target must have size 1, but got target size: {size}"
            )
        return
    batch = t.shape[0] if t.ndim else 0
    if x.shape[0] != batch:
        raise ValueError(
            f"Expected input batch_size ({x.shape[0]}) to match target batch_size ({batch})."
        )
    if x.ndim == 4 and t.ndim != 3:
        raise RuntimeError(
            "only batches of spatial targets supported (3D tensors) but got targets of dimension: "
            f"{t.ndim}"
        )
    if x.ndim == 4:
        raise RuntimeError(f"size mismatch (got input: {list(xs)} , target: {list(ts)}")
    raise RuntimeError(f"Expected target size {[xs[0], *xs[2:]]}, got {list(ts)}")


def _check_weight(w: Any, x: Any, prefix: str = "") -> None:
    classes = x.shape[1] if x.ndim > 1 else x.shape[0]
    if w.ndim != 1 or w.shape[0] != classes:
        raise RuntimeError(
            f"{prefix}weight tensor should be defined either for all {classes} classes or no "
            f"classes but got weight tensor of shape: {list(w.shape)}"
        )
    if not prefix:
        refuse_grad("nll_loss2d_forward" if x.ndim > 2 else "nll_loss_forward", weight=w)
    if w.dtype is not x.dtype and not prefix:
        raise RuntimeError(
            f"expected scalar type {x.dtype.scalar_name} but found {w.dtype.scalar_name}"
        )


def _check_scores(x: Any) -> None:
    if not x.dtype.is_floating_point:
        last = "_lastdim" if x.ndim <= 2 else ""
        raise NotImplementedError(
            f"\"log_softmax{last}_kernel_impl\" not implemented for '{x.dtype.scalar_name}'"
        )


def _by_index(x: Any, t: Any, w: Any, ignore: int, reduction: str, smoothing: float) -> Any:
    t = _check_target(t)
    _check_sizes(x, t)
    _check_scores(x)
    if w is not None:
        _check_weight(w, x)
    if smoothing and not 0.0 <= smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {smoothing:g}")
    shape = tuple(t.shape)
    if x.ndim == 1:
        x, t = x.unsqueeze(0), t.reshape((1,))
    out = cross_entropy_(x, t, w, ignore=ignore, reduction=reduction, smoothing=smoothing)[0]
    return out.reshape(shape) if reduction == "none" and not shape else out


def _by_probability(x: Any, t: Any, w: Any, ignore: int, reduction: str, smoothing: float) -> Any:
    if not t.dtype.is_floating_point:
        raise RuntimeError(
            "Expected floating point type for target with class probabilities, got "
            f"{t.dtype.scalar_name}"
        )
    if ignore >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    if w is not None:
        _check_weight(w, x, "cross_entropy: ")
    d = 0 if x.ndim == 1 else 1
    if smoothing:
        if not 0.0 <= smoothing <= 1.0:
            raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {smoothing:g}")
        t = t * (1 - smoothing) + smoothing / x.shape[d]
    losses = log_softmax(x, d) * t
    if w is not None:
        losses = losses * (w if d == 0 else _by_class(w, x.ndim))
    losses = -losses.sum(d) if reduction == "none" else -losses.sum()
    samples = x.numel() // x.shape[d] if x.shape[d] else 0
    if reduction != "mean":
        return losses
    return losses / samples if samples else losses * float("nan")


@op(
    "nn.functional",
    samples=lambda t: [
        S(t(3, 4), t.index(3, high=4)),
        S(
            t(2, 4, 3),
            t.index(2, 3, high=4),
            t.const(4, low=0.2),
            reduction="none",
            label_smoothing=0.1,
        ),
        S(t(3, 4), t(3, 4, low=0.1), reduction="sum"),
        S(t(4), t.index(high=4)),
        S(t(3, 4), t.of([0, -100, 3])),
    ],
)
def cross_entropy(
    input: Tensor, target: Tensor, weight: Any = None, size_average: Any = None,
    ignore_index: int = -100, reduce: Any = None, reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """Cross-entropy of scores (C,), (N, C) or (N, C, ...) with class indices or probabilities."""
    if not isinstance(target, Tensor):
        raise TypeError(
            "cross_entropy_loss(): argument 'target' (position 2) must be Tensor, not "
            f"{type(target).__name__}"
        )
    if size_average is not None or reduce is not None or reduction != "mean":
        reduction = chosen(size_average, reduce, reduction)
    same = tuple(input.shape) == tuple(target.shape)
    by = _by_probability if same else _by_index
    return by(input, target, weight, ignore_index, reduction, label_smoothing)  # type: ignore[no-any-return]


def _class_kernel(t: Any, *, classes: int, ignore: int) -> Any:
    """The targets with 0 for ignored ones, checked."""
    ignored = t == ignore
    safe = t
    if ignored.any():
        safe = t.copy()
        safe[ignored] = 0
    if t.size and (safe.min() < 0 or safe.max() >= classes):
        wrong = safe[(safe < 0) | (safe >= classes)]
        raise IndexError(f"Target {int(wrong[0])} is out of bounds.")
    return safe


checked_classes = Primitive(
    "checked_classes", ("t",), _class_kernel, batch=pointwise, layout="iterator", meta="same"
)
checked_classes.not_differentiable()


@op(
    "nn.functional",
    samples=lambda t: [
        S(t(3, 4), t.index(3, high=4)),
        S(t(2, 4, 3), t.index(2, 3, high=4), t.const(4, low=0.2), reduction="none"),
        S(t(3, 4), t.of([0, 1, 3]), ignore_index=1, reduction="sum"),
        S(t(4), t.index(high=4)),
    ],
    title="NllLossBackward0",
)
def nll_loss(
    input: Tensor, target: Tensor, weight: Any = None, size_average: Any = None,
    ignore_index: int = -100, reduce: Any = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Negative log-probability of each class index, of (C,), (N, C) or (N, C, ...)."""
    reduction = chosen(size_average, reduce, reduction)
    x: Any = input
    t: Any = _check_target(target)
    _check_sizes(x, t)
    if not x.dtype.is_floating_point:
        tag = "nll_loss2d_forward_out_frame" if x.ndim > 2 else "nll_loss_out_frame"
        raise NotImplementedError(f"\"{tag}\" not implemented for '{x.dtype.scalar_name}'")
    if weight is not None:
        _check_weight(weight, x)
    shape = tuple(t.shape)
    if x.ndim == 1:
        x, t = x.unsqueeze(0), t.reshape((1,))
    safe = checked_classes(t, classes=x.shape[1], ignore=ignore_index)
    picked = pick_class(x, safe.unsqueeze(1), dim=1).squeeze(1)
    weights = _weight_of(t, weight, x.dtype, ignore_index)
    losses = -(picked * weights).masked_fill(t == ignore_index, 0)
    if reduction == "none":
        return losses.reshape(shape)  # type: ignore[no-any-return]
    total = losses.sum()
    return total / weights.sum() if reduction == "mean" else total  # type: ignore[no-any-return]


def _check_linear(x: Any, w: Any, bias: Any) -> None:
    if x.ndim not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {x.ndim}")
    if w.ndim < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {w.ndim}")
    if x.shape[-1] != w.shape[-1]:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), got "
            f"{x.shape[-1]} and {w.shape[-1]}, respectively"
        )
    if w.ndim > 2 and x.ndim < 2:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(w.shape)} requires batched "
            f"input, (N, {w.shape[-1]}), got unbatched input with shape {tuple(x.shape)}"
        )
    if bias is not None and tuple(bias.shape) != tuple(w.shape[:-1]):
        raise RuntimeError(
            f"expected linear_bias shape {tuple(w.shape[:-1])}, got {tuple(bias.shape)}"
        )


@op(
    "nn.functional",
    samples=lambda t: [
        S(t(3, 5), t(4, 5), t.index(3, high=4)),
        S(t(3, 5), t(4, 5), t.index(3, high=4), linear_bias=t(4), reduction="sum"),
    ],
)
def linear_cross_entropy(
    input: Tensor, linear_weight: Tensor, target: Tensor, *, linear_bias: Any = None,
    weight: Any = None, reduction: str = "mean", ignore_index: Any = None,
    label_smoothing: float = 0.0, options: Any = None,
) -> Tensor:  # fmt: skip
    """cross_entropy of linear(input), (N, D) by (C, D); `options` would only save memory."""
    w: Any = linear_weight
    _check_linear(input, w, linear_bias)
    if ignore_index is not None and target.dtype.is_floating_point:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    classes = w.shape[0]
    scores = namespace("nn.functional")["linear"](input, w.flatten(0, -2), None)
    if linear_bias is not None:
        scores = scores + linear_bias.flatten()
    if w.ndim > 2:
        scores = scores.reshape((*input.shape[:-1], classes, *w.shape[1:-1]))
    ignore = -100 if ignore_index is None else ignore_index
    return cross_entropy(scores, target, weight, None, ignore, None, reduction, label_smoothing)


# --- binary ---------------------------------------------------------------------------------------


@op(
    "nn.functional",
    samples=lambda t: [
        S(t(3, 4, low=0.1, high=0.9), t(3, 4, low=0.1, high=0.9)),
        S(t(3, low=0.1, high=0.9), t(3, low=0, high=1), t.const(3, low=0.2), reduction="none"),
        S(t(3, low=0.1, high=0.9), t(3, low=0, high=1), reduction="sum"),
    ],
    title="BinaryCrossEntropyBackward0",
)
def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Any = None, size_average: Any = None,
    reduce: Any = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """-(y log x + (1 - y) log(1 - x)) of probabilities, logarithms bounded by -100."""
    reduction = chosen(size_average, reduce, reduction)
    if tuple(target.shape) != tuple(input.shape):
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}) is deprecated. Please ensure they have the same size."
        )
    if target.dtype is not input.dtype:
        raise RuntimeError(
            f"Found dtype {target.dtype.scalar_name} but expected {input.dtype.scalar_name}"
        )
    refused("binary_cross_entropy", input.dtype, "bic")
    refuse_grad("binary_cross_entropy", weight=weight)
    losses = binary_entropy(input, target)
    if weight is not None:
        losses = losses * weight.expand(tuple(losses.shape))
    return reduced(losses, reduction)  # type: ignore[no-any-return]


@op(
    "nn.functional",
    samples=lambda t: [
        S(t(3, 4), t(3, 4, low=0, high=1)),
        S(
            t(3, 4),
            t(3, 4, low=0, high=1),
            t.const(4, low=0.2),
            pos_weight=t.const(4, low=0.2),
            reduction="none",
        ),
    ],
    title="BinaryCrossEntropyWithLogitsBackward0",
)
def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Any = None, size_average: Any = None,
    reduce: Any = None, reduction: str = "mean", pos_weight: Any = None,
) -> Tensor:  # fmt: skip
    """binary_cross_entropy of sigmoid(input) without overflow; `pos_weight` scales positives."""
    reduction = chosen(size_average, reduce, reduction)
    if tuple(target.shape) != tuple(input.shape):
        raise ValueError(
            f"Target size ({target.shape}) must be the same as input size ({input.shape})"
        )
    return _with_logits(input, target, weight, pos_weight, reduction)


def _with_logits(x: Any, y: Any, weight: Any, pos_weight: Any, reduction: str) -> Tensor:
    refused("log_sigmoid_cpu", x.dtype, "bic")
    refuse_grad("binary_cross_entropy_with_logits", weight=weight, pos_weight=pos_weight)
    given = (x, y) if pos_weight is None else (x, y, pos_weight)
    parts, _ = promoted("binary_cross_entropy_with_logits", "default", given)
    losses = (logit_entropy if pos_weight is None else weighted_entropy)(*parts)
    if weight is not None:
        losses = losses * weight
    return reduced(losses, reduction)  # type: ignore[no-any-return]


@op(
    method=False,
    name="binary_cross_entropy_with_logits",
    samples=lambda t: [
        S(t(3, 4), t(3, 4, low=0, high=1)),
        S(t(3, 4), t(3, 4, low=0, high=1), t.const(4, low=0.2), t.const(4, low=0.2), 1),
    ],
    title="BinaryCrossEntropyWithLogitsBackward0",
)
def _with_logits_plain(
    input: Tensor, target: Tensor, weight: Any = None, pos_weight: Any = None, reduction: int = 0
) -> Tensor:
    """binary_cross_entropy of sigmoid(input) without overflow."""
    return _with_logits(input, target, weight, pos_weight, numbered(reduction))
