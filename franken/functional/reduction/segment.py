"""segment_reduce: one reduction for each run of consecutive rows.

Composed of index_add and index_reduce, whose rules serve every derivative.
Source: https://docs.pytorch.org/docs/stable/generated/torch.segment_reduce.html
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from franken.core import dtypes as dt
from franken.core.geometry.shapes import wrap_dim
from franken.core.op import namespace, op
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import S
from franken.ops.surface.creation import finish

_KINDS = ("sum", "prod", "mean", "amax", "amin", "max", "min")


def _integers(t: Tensor, what: str) -> Any:
    if t.dtype is not dt.int64 and t.dtype is not dt.int32:
        raise NotImplementedError(
            f"\"_segment_reduce_{what}_cpu_kernel1\" not implemented for '{t.dtype.scalar_name}'"
        )
    return np.asarray(t.tolist(), np.int64).reshape(tuple(t.shape))  # type: ignore[attr-defined]


def _check_axis(data: Tensor, given: Tensor, axis: int, what: str) -> None:
    if axis != given.ndim - 1:
        raise RuntimeError(
            f"segment_reduce(): Expected axis to be the last dimension of {what} but got {axis}."
        )
    if tuple(given.shape[:-1]) != tuple(data.shape[:axis]):
        raise RuntimeError(
            f"segment_reduce(): Expected {what}.shape[:-1] to be {list(data.shape[:axis])}, the "
            f"dimensions of data before axis, but got {list(given.shape[:-1])}."
        )


def _bounds(data: Tensor, lengths: Any, offsets: Any, axis: int, unsafe: bool) -> tuple[Any, Any]:
    """First and one-past-last row of each segment, shaped like `lengths`."""
    n = data.shape[axis]
    if offsets is not None:
        _check_axis(data, offsets, axis, "offsets")
        at = _integers(offsets, "offsets")
        start, stop = at[..., :-1], at[..., 1:]
        if bool((stop < start).any()) or bool((at < 0).any()):
            raise RuntimeError("Expected segment_length >= 0 to be true, but got false.")
    else:
        _check_axis(data, lengths, axis, "lengths")
        size = _integers(lengths, "lengths")
        stop = np.cumsum(size, axis=-1)
        start = stop - size
        if bool((size < 0).any()):
            raise RuntimeError("lengths contains negative value!")
        if not unsafe and bool((size.sum(-1) != n).any()):
            raise RuntimeError(
                "segment_reduce(): Expected all rows of lengths along axis to sum to "
                "data.size(lengths.dim()-1) when !unsafe."
            )
    if bool((stop > n).any()):
        raise RuntimeError(f"segment_reduce(): a segment ends after the last of {n} rows.")
    return start, stop


def _members(start: Any, stop: Any, n: int) -> tuple[Any, Any, Any]:
    """(row, its segment, size of each segment), over all leading dimensions as one."""
    many = start.shape[-1]
    outer = start.size // many if many else 0
    size = (stop - start).reshape(-1)
    first = (start.reshape(outer, many) + n * np.arange(outer)[:, None]).reshape(-1)
    segment = np.repeat(np.arange(size.size), size)
    within = np.arange(segment.size) - np.repeat(np.cumsum(size) - size, size)
    return first[segment] + within, segment, size


def _reduced(rows: Any, segment: Any, size: Any, reduce: str, initial: Any) -> Any:
    shape = (len(size), *rows.shape[1:])
    where = finish(segment, rows.device)
    if reduce in ("sum", "mean"):
        out = rows.new_full(shape, 0 if initial is None else initial).index_add(0, where, rows)
        if reduce == "sum":
            return out
        count = size if initial is None else np.maximum(size, 1)
        column = finish(count.astype(np.float64), rows.device).to(rows.dtype)
        return out / column.reshape(-1, *(1,) * (rows.ndim - 1))
    index_reduce = namespace("torch")["index_reduce"]
    if reduce == "prod":
        base = rows.new_full(shape, 1 if initial is None else initial)
        return index_reduce(base, 0, where, rows, "prod")
    top = "max" in reduce
    base = rows.new_full(shape, -math.inf if top else math.inf)
    out = index_reduce(base, 0, where, rows, "amax" if top else "amin", include_self=False)
    if initial is None:
        return out
    beaten = out < initial if top else out > initial  # where they tie, the row gets the gradient
    if initial != initial:
        beaten = beaten.new_ones(tuple(beaten.shape))
    return out.masked_fill(beaten, initial)


@op(
    method=False,
    alias=("torch._segment_reduce",),
    samples=lambda t: [
        S(t(6, 2), "sum", lengths=t.index(3, low=2, high=3)),
        S(t.distinct(6), "max", lengths=t.index(2, low=3, high=4), initial=0),
        S(t(6, low=0.5), "prod", lengths=t.index(1, low=6, high=7)),
        S(t(2, 4), "mean", lengths=t.index(2, 2, low=2, high=3), axis=1),
    ],
    title="SegmentReduceBackward0",
)
def segment_reduce(
    data: Tensor, reduce: str, *, lengths: Any = None, indices: Any = None, offsets: Any = None,
    axis: int = 0, unsafe: bool = False, initial: Any = None,
) -> Tensor:  # fmt: skip
    """Reduce each segment of `axis`: of the given lengths, or between neighbouring offsets."""
    d = wrap_dim(axis, data.ndim)
    for name, value in (("lengths", lengths), ("offsets", offsets)):
        if value is not None and not isinstance(value, Tensor):
            raise TypeError(
                f"segment_reduce(): argument '{name}' must be Tensor, not {type(value).__name__}"
            )
    if indices is not None:
        raise RuntimeError("segment_reduce(): indices based reduction is not supported yet.")
    if lengths is None and offsets is None:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    if reduce not in _KINDS:
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    if not data.dtype.is_floating_point:
        raise NotImplementedError(
            f"\"_segment_reduce_cpu\" not implemented for '{data.dtype.scalar_name}'"
        )
    offsets = None if lengths is not None else offsets
    given = lengths if offsets is None else offsets
    if data.ndim < given.ndim:
        what = "offsets" if lengths is None else "lengths"
        raise RuntimeError(f"Expected data.dim() >= {what}_value.dim() to be true, but got false.")
    start, stop = _bounds(data, lengths, offsets, d, unsafe)
    place, segment, size = _members(start, stop, data.shape[d])
    rows = data.reshape(-1, *data.shape[d + 1 :]) if d else data  # type: ignore[attr-defined]
    if len(place) != len(rows) or not np.array_equal(place, np.arange(len(rows))):
        rows = rows.index_select(0, finish(place, data.device))
    out = _reduced(rows, segment, size, reduce, initial)
    return out.reshape(*start.shape, *data.shape[d + 1 :])  # type: ignore[no-any-return]
