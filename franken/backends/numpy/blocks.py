"""Run a scalar formula over arrays of any layout in cache-sized blocks, and evaluate polynomials.

Knows layouts, block sizes and boolean cases. Block bounds depend on the shape alone, never on the
number of threads. Must not know Tensor, nor which function is evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

# A block's temporaries fit a 1-2 MiB second-level cache. Smaller ones lose to the interpreter:
# float32 gelu of 2^22 elements on two threads took 42 ms in blocks of 2^14, 25 in 2^15, 17 in 2^16
# and 16 in 2^17.
BLOCK_BYTES = 1 << 18

Kernel = Callable[..., np.ndarray]


def _memory_order(x: np.ndarray) -> tuple[int, ...]:
    strides = x.strides
    return tuple(sorted(range(x.ndim), key=lambda axis: (-abs(strides[axis]), axis)))


def like(x: np.ndarray, dtype: Any = None) -> np.ndarray:
    """Return an uninitialised dense array with the shape and axis order in memory of `x`.

    >>> like(np.ones((2, 3)).T).strides
    (8, 24)
    """
    return np.empty_like(x, dtype=dtype, order="K", subok=False)


def flat_views(x: np.ndarray, out: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return `x` (copied if not dense) and the dense `out` as 1-d arrays in the same order.

    >>> x = np.arange(6.0).reshape(2, 3).T; flat_views(x, like(x))[0].tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """
    if out.flags.c_contiguous:
        return x.reshape(-1), out.reshape(-1)
    order = _memory_order(out)
    return x.transpose(order).reshape(-1), out.transpose(order).reshape(-1)


def _flat_operands(
    arrays: tuple[np.ndarray, ...], dtype: Any
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    if len(arrays) == 1:
        out = like(arrays[0], dtype)
        flat, target = flat_views(arrays[0], out)
        return [flat], out, target
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    out = np.empty(shape, dtype)
    return [np.broadcast_to(a, shape).reshape(-1) for a in arrays], out, out.reshape(-1)


def map_blocks(
    kernel: Kernel, *arrays: np.ndarray, wide: bool = True, dtype: Any = None
) -> np.ndarray:
    """Return `kernel(*blocks)` over broadcast `arrays`: in float64 if `wide`, else in their dtype.

    The kernel receives and returns 1-d contiguous blocks; floating-point warnings are silent in it.
    The result has the promoted dtype of `arrays` unless `dtype` names another.

    >>> map_blocks(np.sqrt, np.array([[4.0, 9.0]], np.float32))
    array([[2., 3.]], dtype=float32)
    """
    from .parallel import parallel_for

    result = np.dtype(dtype) if dtype is not None else np.result_type(*arrays)
    flats, out, target = _flat_operands(arrays, result)
    inner = np.dtype(np.float64) if wide and result.kind == "f" else np.result_type(*arrays)
    step = BLOCK_BYTES // inner.itemsize

    def run(start: int, stop: int) -> None:
        with np.errstate(all="ignore"):
            for block in range(start, stop):
                part = slice(block * step, (block + 1) * step)
                target[part] = kernel(*[a[part].astype(inner, copy=False) for a in flats])

    parallel_for(-(-target.size // step), 1, run)
    return out


def horner(x: np.ndarray, coefficients: Sequence[float]) -> np.ndarray:
    """Return the polynomial with `coefficients`, highest power first, at `x`, as a fresh array.

    >>> horner(np.array([2.0]), (1.0, 0.0, -1.0)).tolist()
    [3.0]
    """
    out = x * coefficients[0]
    out += coefficients[1]
    for c in coefficients[2:]:
        out *= x
        out += c
    return out


def fill(out: np.ndarray, where: np.ndarray, fn: Callable[..., Any], *xs: np.ndarray) -> None:
    """Set `out[where] = fn(*(x[where]))`, calling `fn` on nothing that is not asked for.

    >>> y = np.zeros(2)
    >>> fill(y, np.array([True, False]), np.sqrt, np.array([4.0, -1.0])); y.tolist()
    [2.0, 0.0]
    """
    count = np.count_nonzero(where)
    if count == where.size:
        out[...] = fn(*xs)
    elif count:
        out[where] = fn(*[x[where] for x in xs])
