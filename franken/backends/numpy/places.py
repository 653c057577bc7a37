"""Reading and writing at integer places: gather, index, put, and accumulation in a fixed order.

Accumulation runs in the order of the elements, so its bits are a function of the arguments. Must
not know Tensor.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from franken.backends.numpy import segment
from franken.backends.numpy.halves import BF16, F16, F32

_AXIS = re.compile(r"axis (\d+)").search


def key_of(indices: Any, pattern: tuple[int, ...]) -> tuple[Any, ...]:
    """The NumPy key of index arrays and whole axes."""
    found = iter(indices)
    return tuple([next(found) if p else slice(None) for p in pattern])


def bounds_error(error: IndexError, pattern: tuple[int, ...]) -> IndexError:
    """NumPy's message in torch's words, which count dimensions among the indexed ones."""
    text = str(error)
    if "empty axes" in text:
        return IndexError("index is out of bounds for dimension with size 0")
    found = _AXIS(text)
    if found is None:
        return error
    return IndexError(
        f"{text[: found.start()]}dimension {sum(pattern[: int(found[1])])}{text[found.end() :]}"
    )


def index(x: Any, *indices: Any, pattern: tuple[int, ...]) -> Any:
    try:
        if len(indices) == 1:
            return x.take(indices[0], axis=len(pattern) - 1)
        return x[key_of(indices, pattern)]
    except IndexError as error:
        if x.ndim >= len(pattern) and "broadcast" not in str(error):
            raise bounds_error(error, pattern) from None
        raise


def check_bounds(index: Any, dim: int, size: int) -> None:
    """Raise torch's error for the first index outside of [0, size)."""
    if index.size and (index.min() < 0 or index.max() >= size):
        bad = index[(index < 0) | (index >= size)].flat[0]
        raise RuntimeError(f"index {bad} is out of bounds for dimension {dim} with size {size}")


def along(index: Any, dim: int) -> tuple[Any, ...]:
    """The NumPy key that meets x[i0, ..., index[i0, i1, ...] at dim, ...]."""
    key: list[Any] = []
    for d, n in enumerate(index.shape):
        place = [1] * index.ndim
        place[d] = n
        key.append(index if d == dim else np.arange(n).reshape(place))
    return tuple(key)


def gather(x: Any, index: Any, *, dim: int) -> Any:
    check_bounds(index, dim, x.shape[dim])
    if index.shape[:dim] == x.shape[:dim] and dim == x.ndim - 1 and x.flags.c_contiguous:
        # One flat take is twice as fast as a key of several arrays.
        rows = np.arange(0, x.size, max(x.shape[dim], 1)).reshape(*x.shape[:dim], 1)
        return x.reshape(-1).take(index + rows)
    return x[along(index, dim)]


_WIDE = {F16: F32, BF16: F32}


def widened(kernel: Any, out: Any, *values: Any) -> Any:
    """kernel(out, *values), with half precision summed in float32 and rounded once."""
    wide = _WIDE.get(out.dtype)
    if wide is None:
        return kernel(out, *values)
    return kernel(out.astype(wide), *[np.asarray(v, wide) for v in values]).astype(out.dtype)


def reduce_into(out: Any, key: tuple[Any, ...], values: Any, ufunc: Any) -> Any:
    """out[key] = ufunc(out[key], value) for each value in turn."""
    if out.dtype.kind == "b":
        ufunc = {np.add: np.logical_or, np.multiply: np.logical_and}.get(ufunc, ufunc)

    def run(out: Any, values: Any) -> Any:
        ufunc.at(out, key, values)
        return out

    return widened(run, out, values)


def add_at(out: Any, indices: Any, pattern: tuple[int, ...], values: Any) -> Any:
    """Add `values` at index tensors on the axes that `pattern` names; out is C-contiguous."""
    if out.dtype.kind == "b" or not values.size:
        return reduce_into(out, key_of(indices, pattern), values, np.add)
    if all(pattern):
        return widened(lambda o, v: _add_rows(o, indices, v), out, values)
    if len(indices) == 1 and indices[0].ndim == 1:
        axis = len(pattern) - 1
        index = wrapped(indices[0], out.shape[axis], axis)
        shape = (*out.shape[:axis], index.size, *out.shape[axis + 1 :])
        full = np.broadcast_to(values, shape)
        return widened(lambda o, v: segment.index_add(o, axis, index, v), out, full)
    return reduce_into(out, key_of(indices, pattern), values, np.add)


def wrapped(index: Any, size: int, axis: int) -> Any:
    """Places counted from the front; IndexError in NumPy's words for the first outside."""
    if index.size and (index.min() < -size or index.max() >= size):
        bad = index[(index < -size) | (index >= size)].flat[0]
        raise IndexError(f"index {bad} is out of bounds for axis {axis} with size {size}")
    return np.where(index < 0, index + size, index)


def _add_rows(out: Any, indices: Any, values: Any) -> Any:
    """The indices name rows of `out` seen as a matrix (or a vector)."""
    k = len(indices)
    flat: Any = 0
    for axis, index in enumerate(indices):
        flat = flat * out.shape[axis] + wrapped(index, out.shape[axis], axis)
    rows = np.broadcast_to(values, (*flat.shape, *out.shape[k:]))
    width = out.shape[k:]
    if not width:
        segment.index_put_accumulate(out.reshape(-1), flat.reshape(-1), rows.reshape(-1))
        return out
    wide = math.prod(width)
    segment.index_put_accumulate(
        out.reshape(-1, wide), flat.reshape(-1), rows.reshape(flat.size, wide)
    )
    return out


def write(out: Any, values: Any, indices: Any, pattern: Any, accumulate: bool) -> Any:
    """Put values into an array that the caller owns; returns it (or its successor)."""
    try:
        if accumulate:
            return add_at(out, indices, pattern, np.asarray(values))
        out[key_of(indices, pattern)] = values
    except IndexError as error:
        raise bounds_error(error, pattern) from None
    return out


def put(x: Any, values: Any, *indices: Any, pattern: Any, accumulate: bool) -> Any:
    return write(x.copy(), values, indices, pattern, accumulate)
