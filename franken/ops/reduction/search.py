"""Places in sorted sequences: searchsorted and bucketize; bucketing counts: bincount."""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.meta import rules
from franken.backends.numpy.halves import halved
from franken.core import dtypes as dt
from franken.core.batching import batch_size, spread
from franken.core.calls.out import Into
from franken.core.convert import cast
from franken.core.device import CPU
from franken.core.op import op
from franken.core.primitive import NO_BATCH_RULE, Primitive
from franken.core.promotion import promote_types
from franken.core.tensor import Tensor
from franken.core.trace import values
from franken.ops.declaring.samples import S

_INDEX = Into(
    "torch.searchsorted(): output tensor's dtype is wrong, it can only be Int(int32) or Long(int64)"
    " depending on whether out_int32 flag is True, but we got output tensor's dtype {got}"
)

# --- searchsorted


def _search_kernel(seq: Any, values: Any, sorter: Any, *, right: bool, int32: bool) -> Any:
    """Places along the last axis of `seq` (one row, or as many as `values` has)."""
    if type(sorter) is np.ndarray:
        seq = np.take_along_axis(seq, sorter, axis=-1)
    side: Any = "right" if right else "left"
    floating = seq.dtype.kind == "f"
    if seq.ndim == 1 and not (floating and np.isnan(seq).any()):
        out = np.asarray(np.searchsorted(seq, values, side))
        if floating:
            out = np.where(np.isnan(values), seq.size, out)  # as comparisons with NaN decide
    else:
        out = _search_rows(seq, values, right)
    return out.astype(np.int32 if int32 else np.int64)


def _search_rows(seq: Any, values: Any, right: bool) -> Any:
    """Binary search of every value in its own row, all rows at once."""
    n = seq.shape[-1]
    rows = np.arange(seq.size // max(n, 1)).reshape(*seq.shape[:-1], 1)
    flat = np.ascontiguousarray(seq).reshape(-1)
    low = np.zeros(values.shape, np.int64)
    high = np.full(values.shape, n, np.int64)
    for _ in range(n.bit_length()):
        middle = (low + high) >> 1
        at = flat[rows * n + np.minimum(middle, n - 1)]
        beyond = at > values if right else at >= values
        open_ = low < high
        low = np.where(open_ & ~beyond, middle + 1, low)
        high = np.where(open_ & beyond, middle, high)
    return low


search_ = Primitive(
    "searchsorted", ("seq", "values", "sorter"), halved(_search_kernel),
    meta=lambda seq, values, sorter, *, int32, **_: rules.reserved(
        np.shape(values), np.dtype(np.int32 if int32 else np.int64)
    ),
)  # fmt: skip
search_.not_differentiable()


@search_.batching
def _(prim: Any, values: Any, dims: Any, params: Any) -> Any:
    seq, wanted, sorter = values
    if dims[0] is None and (not isinstance(sorter, Tensor) or dims[2] is None) and seq.ndim == 1:
        return prim(seq, wanted, sorter, **params), dims[1]
    size = batch_size(values, dims)
    seq, wanted = spread(seq, dims[0], size), spread(wanted, dims[1], size)
    if isinstance(sorter, Tensor):
        sorter = spread(sorter, dims[2], size)
    if seq.ndim == 2:  # one sequence an example, values of any shape
        shape = tuple(wanted.shape)
        return prim(seq, wanted.reshape(size, -1), sorter, **params).reshape(shape), 0
    return prim(seq, wanted, sorter, **params), 0


def _check_sequence(seq: Tensor, values: Any, sorter: Any) -> None:
    shape = tuple(values.shape)
    if seq.ndim != 1 and not shape:
        raise RuntimeError(
            "torch.searchsorted(): input value can be a scalar only when boundaries tensor "
            f"dimension is 1, but we got boundaries tensor dim({seq.ndim}) and input value's "
            "dim(0) numel(1)"
        )
    if seq.ndim != 1 and (len(shape) != seq.ndim or shape[:-1] != tuple(seq.shape)[:-1]):
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 "
            "dimensions of boundaries tensor and input value tensor must match, but we got "
            f"boundaries tensor {list(seq.shape)} and input value tensor {list(shape)}"
        )
    if sorter is None:
        return
    if tuple(sorter.shape) != tuple(seq.shape):
        raise RuntimeError(
            "torch.searchsorted(): boundary and sorter must have the same size, but got boundary "
            f"tensor {list(seq.shape)}and got sorter tensor {list(sorter.shape)}"
        )
    if sorter.dtype is not dt.int64:
        raise RuntimeError(
            "torch.searchsorted(): sorter must be a tensor of long dtype but got dtype "
            f"{sorter.dtype.scalar_name}"
        )
    if (
        not sorter.level
        and sorter.device is CPU
        and sorter._a.size
        and (sorter._a.min() < 0 or sorter._a.max() >= seq.shape[-1])
    ):
        raise RuntimeError("torch.searchsorted(): sorter index out of range")


@op(
    method=False,
    out=_INDEX,
    samples=lambda t: [
        S(t.of([-1, 0, 1, 1, 4], t.dtype), t.const(3, 2)),
        S(t.of([[0, 1], [-1, 2]], t.dtype), t.const(2, 3), right=True),
        S(t.of([-1, 0, 3], t.dtype), 0.5, side="left", out_int32=True),
    ],
)
def searchsorted(
    sorted_sequence: Tensor, input: Any, *, out_int32: bool = False, right: bool = False,
    side: Any = None, sorter: Any = None,
) -> Tensor:  # fmt: skip
    """Where to insert each value so that the last dimension stays sorted; int64 or int32."""
    seq = sorted_sequence
    if side is not None:
        if side not in ("left", "right"):
            raise RuntimeError(
                "torch.searchsorted(): side can only be 'left' or 'right' but got " + str(side)
            )
        if right and side == "left":
            raise RuntimeError(
                "torch.searchsorted(): side and right can't be set to opposites, got side of left "
                "while right was True"
            )
        right = side == "right"
    if not isinstance(input, Tensor):
        input = seq.new_zeros(()) + input
    _check_sequence(seq, input, sorter)
    common = promote_types(seq.dtype, input.dtype)
    if common.is_complex or common is dt.bool:
        raise NotImplementedError(
            f"\"searchsorted_out_cpu\" not implemented for '{common.scalar_name}'"
        )
    return search_(cast(seq, common), cast(input, common), sorter, right=bool(right),
                   int32=bool(out_int32))  # fmt: skip


@op(
    method=False,
    out=_INDEX,
    samples=lambda t: [
        S(t.const(3, 2), t.of([-1, 0, 1, 1, 4], t.dtype)),
        S(0.5, t.of([-1, 0, 3], t.dtype), right=True),
        S(t.const(0), t.of([0, 1], t.dtype)),
    ],
)
def bucketize(
    input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """The index of the bucket of each value; int64 or int32."""
    if boundaries.ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


# --- bincount


def _bincount_kernel(x: Any, weights: Any, *, minlength: int) -> Any:
    if type(weights) is not np.ndarray:
        return np.bincount(x, minlength=minlength).astype(np.int64)
    low = weights.dtype if weights.dtype == np.float32 else np.dtype(np.float64)
    return np.bincount(x, weights.astype(np.float64), minlength).astype(low)


bincount_ = Primitive(
    "bincount",
    ("x", "weights"),
    _bincount_kernel,
    batch=NO_BATCH_RULE,
    meta=rules.by_value("bincount"),
)
bincount_.not_differentiable()


@op(
    samples=lambda t: [
        S(t.index(6, high=4)),
        S(t.index(6, high=4), t.const(6), minlength=6),
        S(t.index(0, high=4)),
    ]
)
def bincount(input: Tensor, weights: Any = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, 2 ... occurs in a vector of integers, or the sums of weights."""
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if input.ndim != 1 or (input.dtype.kind <= dt.INTEGER and _negative(input)):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if input.dtype.kind != dt.INTEGER:
        raise NotImplementedError(
            f"\"bincount_cpu\" not implemented for '{input.dtype.scalar_name}'"
        )
    if not len(input):  # torch does not look at the weights
        return input.new_zeros(minlength, dtype=dt.int64)
    if weights is not None and tuple(weights.shape) != tuple(input.shape):
        raise RuntimeError("weights should be 1-d and have the same length as input")
    return bincount_(cast(input, dt.int64), weights, minlength=minlength)


def _negative(x: Tensor) -> bool:
    return not x.level and bool((values(x) < 0).any())
