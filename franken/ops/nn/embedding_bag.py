"""embedding_bag: sums, means or maxima of looked-up rows over bags of indices.

Bags are segments of a flat list of indices, given by where each begins. Knows padding, weights of
samples and torch's checks; the look-up is `embedding`'s.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from franken.core import dtypes as dt
from franken.core.op import op
from franken.core.primitive import Primitive
from franken.core.tensor import Tensor
from franken.core.trace import values
from franken.ops.declaring.loop import loop
from franken.ops.declaring.samples import S, after
from franken.ops.elementwise.ternary import where_
from franken.ops.nn.embedding import _check_index, _renormalise, rows_take, rows_take_sparse
from franken.ops.reduction.search import searchsorted
from franken.ops.surface.ranges import arange

_MODES = {"sum": 0, "mean": 1, "max": 2}


def _best_kernel(x: Any, bag: Any, keep: Any, *, bags: int) -> Any:
    """For each bag and column the first row that is largest; -1 for an empty bag."""
    best = np.full((bags, x.shape[1]), -1, np.int64)
    rows = np.flatnonzero(keep)
    if not rows.size:
        return best
    ids = bag[rows]
    starts = np.flatnonzero(np.concatenate([[True], ids[1:] != ids[:-1]]))
    top = np.repeat(np.maximum.reduceat(x[rows], starts), np.diff(starts, append=rows.size), axis=0)
    first = np.where(x[rows] == top, rows[:, None], x.shape[0])
    best[ids[starts]] = np.minimum.reduceat(first, starts)
    return best


best_rows = Primitive("bag_argmax", ("x", "bag", "keep"), _best_kernel, batch=loop)
best_rows.not_differentiable()


def _bags_of(offsets: Tensor, count: int) -> Any:
    """The bag of each of `count` positions."""
    places = arange(count, device=offsets.device)
    return searchsorted(offsets.detach().long(), places, right=True) - 1  # type: ignore[attr-defined]


def _check_offsets(offsets: Any, count: int, last_included: bool) -> None:
    if last_included and not offsets.shape[0]:
        raise RuntimeError("include_last_offset: number of offset should be at least 1")
    seen = values(offsets)
    if offsets.level or not seen.size:
        return
    first, last = int(seen[0]), int(seen[-1])
    if first:
        raise RuntimeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from "
            f"position 0. However, got {first}"
        )
    if last > count:
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length {count} but got offsets[-1] of "
            f"{last}"
        )


def _check_range(i: Any, w: Tensor, mode: str) -> None:
    if i.level or not i.numel():
        return
    rows = w.shape[0]
    wrong = (i < 0) | (i >= rows)
    if bool(values(wrong).any()):
        at = int(wrong.nonzero()[0, 0])
        if mode == "max" or w.dtype is dt.float64:
            raise RuntimeError(
                "embedding_bag: Expected idx >= 0 && idx < num_embeddings but found idx to be "
                f"{int(i[at])}"
            )
        raise RuntimeError(
            f"Index {at} of input takes value {int(i[at])} which is not in the valid range "
            f"[0, {rows})"
        )


def _bag(
    w: Any,
    i: Any,
    offsets: Any,
    mode: str,
    per_sample: Any,
    padding: int,
    scale: bool,
    last: bool,
    sparse: bool,
) -> tuple[Any, Any, Any, Any]:
    """(bags' rows, bag of each index, size of each bag, rows of maxima)."""
    count = i.shape[0]
    _check_offsets(offsets, count, last)
    bags = offsets.shape[0] - last
    bag = _bags_of(offsets[:bags], count) if bags else i.new_zeros((count,), dtype=dt.int64)
    _check_range(i, w, mode)
    rows = (rows_take_sparse if sparse else rows_take)(w, i, padding=padding, scale=scale)
    keep = i != padding if padding >= 0 else i.new_ones((count,), dtype=dt.bool)
    size = i.new_zeros((bags,), dtype=dt.int64).index_add(0, bag, keep.long())
    if mode == "max":
        best = best_rows(rows.detach(), bag, keep, bags=bags)
        out = _picked(rows, best)
        return out, bag, size, best
    if per_sample is not None:
        rows = rows * per_sample.unsqueeze(-1)
    if padding >= 0:
        rows = rows.masked_fill(~keep.unsqueeze(-1), 0)
    out = rows.new_zeros((bags, w.shape[1])).index_add(0, bag, rows)
    if mode == "mean":
        out = out / size.clamp(min=1).unsqueeze(-1).to(out.dtype)
    return out, bag, size, size


def _picked(rows: Any, best: Any) -> Any:
    if not rows.shape[0]:  # nothing was looked up, yet the rows have a (zero) slope
        return rows.sum(0).expand(tuple(best.shape))
    return where_(best >= 0, rows.gather(0, best.clamp(min=0)), 0)


@op(
    method=False,
    name="embedding_bag",
    samples=lambda t: [
        after(lambda out: out[0], S(t(5, 3), t.index(6, high=5), t.of([0, 2, 4]))),
        S(t(5, 3), t.index(6, high=5), t.of([0, 3]), False, 1),
        after(
            lambda out: out[0], S(t(5, 3), t.index(4, high=5), t.of([0, 1]), False, 0, False, t(4))
        ),
    ],
    title="EmbeddingBagBackward0",
)
def _embedding_bag(
    weight: Tensor, indices: Tensor, offsets: Tensor, scale_grad_by_freq: bool = False,
    mode: int = 0, sparse: bool = False, per_sample_weights: Any = None,
    include_last_offset: bool = False, padding_idx: Any = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """(bags' rows, bag of each index, size of each bag, rows of maxima); modes sum, mean, max."""
    _check_index("embedding_bag", indices)
    if not weight.dtype.is_floating_point:
        raise RuntimeError(
            "Expected tensor for argument #1 'weight' to have one of the following scalar types: "
            f"Half, BFloat16, Float, Double; but got torch.{weight.dtype.scalar_name}Tensor "
            "instead (while checking arguments for embedding_bag)"
        )
    _check_index("embedding_bag", offsets)
    if per_sample_weights is not None and per_sample_weights.dtype is not weight.dtype:
        raise RuntimeError(
            "Expected tensor for argument #1 'weight' to have the same type as tensor for argument "
            f"#1 'per_sample_weights'; but type torch.{weight.dtype.scalar_name}Tensor does not "
            f"equal torch.{per_sample_weights.dtype.scalar_name}Tensor (while checking arguments "
            "for embedding_bag)"
        )
    rows = weight.shape[0]
    padding = -1
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise RuntimeError(
                f"padding_idx must be within the number of embeddings, {-rows} through {rows - 1}, "
                f"but got {padding_idx}"
            )
        padding = padding_idx + rows if padding_idx < 0 else padding_idx
    name = ("sum", "mean", "max")[mode]
    return _bag(weight, indices, offsets, name, per_sample_weights, padding,
                bool(scale_grad_by_freq), bool(include_last_offset), bool(sparse))  # fmt: skip


def _flattened(input: Any, offsets: Any, per_sample: Any) -> tuple[Any, Any, Any]:
    """Indices, offsets and weights as flat lists."""
    if per_sample is not None and per_sample.shape != input.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample.shape}) is not None, then it must "
            f"have the same shape as the input ({input.shape})"
        )
    if input.ndim == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch "
                f"of fixed length sequences. However, found offsets of type {type(offsets)}"
            )
        n, length = input.shape
        offsets = arange(0, n, device=input.device) * length
        return input.reshape(-1), offsets, None if per_sample is None else per_sample.reshape(-1)
    if input.ndim != 1:
        raise ValueError(
            f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.ndim}"
        )
    if not isinstance(offsets, Tensor):
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if offsets.ndim != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    return input, offsets, per_sample


@op(
    "nn.functional",
    samples=lambda t: [
        S(t.index(2, 3, high=5), t(5, 4)),
        S(t.index(6, high=5), t(5, 4), t.of([0, 2, 4]), mode="sum", per_sample_weights=t(6)),
        S(t.index(6, high=5), t.distinct(5, 4), t.of([0, 3]), mode="max"),
    ],
    title="EmbeddingBagBackward0",
)
def embedding_bag(
    input: Tensor, weight: Tensor, offsets: Any = None, max_norm: Any = None, norm_type: float = 2,
    scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False,
    per_sample_weights: Any = None, include_last_offset: bool = False, padding_idx: Any = None,
) -> Tensor:  # fmt: skip
    """Sums, means or maxima of rows over bags: (B, n), or (N,) with offsets (B,), to (B, D)."""
    if weight.dtype is dt.int64 and input.dtype.is_floating_point:
        warnings.warn(
            "Argument order of nn.functional.embedding_bag was changed. Usage `embedding_bag("
            "weight, input, ...)` is deprecated, and should now be `embedding_bag(input, weight, "
            "...)`.",
            stacklevel=4,
        )
        input, weight = weight, input
    if weight.ndim != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.ndim}")
    indices, starts, per_sample = _flattened(input, offsets, per_sample_weights)
    if mode not in _MODES:
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if per_sample is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported "
            f"for mode='sum' (got mode='{mode}'). Please open a feature request on GitHub."
        )
    if max_norm is not None:
        _renormalise(weight, indices, max_norm, norm_type)
    last = include_last_offset and input.ndim == 1  # the starts of rows are our own
    return _embedding_bag(weight, indices, starts, scale_grad_by_freq, _MODES[mode], sparse,
                          per_sample, last, padding_idx)[0]  # fmt: skip
