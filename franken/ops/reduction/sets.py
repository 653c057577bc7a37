"""Tensors as sets of values: unique, unique_consecutive, isin."""

from __future__ import annotations

from typing import Any, Literal, NoReturn, overload

import numpy as np

from franken.backends.meta import rules
from franken.backends.numpy.ties import SHORT, insertion_sort
from franken.core import dtypes as dt
from franken.core.batching import batch_size, spread
from franken.core.calls.out import SAME
from franken.core.convert import cast
from franken.core.geometry.shapes import wrap_dim
from franken.core.op import op
from franken.core.primitive import NO_BATCH_RULE, Primitive
from franken.core.promotion import DIMENSIONED, WRAPPED_NUMBER, ZERO_DIM, result_type
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import S

# --- unique


def _starts(same: Any) -> Any:
    """First places of the runs, given whether each entry but the first equals the one before."""
    return np.flatnonzero(np.concatenate(([True], ~same)))


def _runs(order: Any, starts: Any, n: int) -> tuple[Any, Any]:
    """(inverse, counts) of runs that start at `starts` in the order `order`."""
    counts = np.diff(np.append(starts, n))
    inverse = np.empty(n, np.int64)
    inverse[order] = np.repeat(np.arange(len(starts)), counts)
    return inverse, counts.astype(np.int64)


def _flat_unique(x: Any, consecutive: bool) -> tuple[Any, Any, Any]:
    flat = x.reshape(-1)
    n = flat.size
    if n == 0:
        return flat.copy(), np.zeros(x.shape, np.int64), np.zeros(0, np.int64)
    order = np.arange(n) if consecutive else np.argsort(flat, kind="stable")
    ordered = flat[order]
    starts = _starts(ordered[1:] == ordered[:-1])
    inverse, counts = _runs(order, starts, n)
    return ordered[starts], inverse.reshape(x.shape), counts


def _dim_unique(x: Any, dim: int, consecutive: bool) -> tuple[Any, Any, Any]:
    moved = np.moveaxis(x, dim, 0)
    n = moved.shape[0]
    rows = moved.reshape(n, -1)
    if consecutive or not rows.shape[1]:
        order = np.arange(n)
    elif n <= SHORT and rows.dtype.kind == "f" and np.isnan(rows).any():
        order = insertion_sort(rows)
    else:
        order = np.lexsort(rows.T[::-1])
    ordered = rows[order]
    starts = _starts((ordered[1:] == ordered[:-1]).all(1))
    inverse, counts = _runs(order, starts, n)
    values = ordered[starts].reshape(len(starts), *moved.shape[1:])
    return np.ascontiguousarray(np.moveaxis(values, 0, dim)), inverse, counts


def _unique_kernel(x: Any, *, dim: int | None, consecutive: bool) -> Any:
    low = x.dtype
    if low.itemsize == 2 and low.kind not in "iu":
        x = x.astype(np.float32)
    values, inverse, counts = (
        _flat_unique(x, consecutive) if dim is None else _dim_unique(x, dim, consecutive)
    )
    return values.astype(low, copy=False), inverse, counts


def _refuse_meta(x: Any, *, dim: int | None, consecutive: bool) -> NoReturn:
    if consecutive:
        rules.refuse("unique_consecutive" if dim is None else "unique_dim_consecutive")
    rules.refuse("_unique2" if dim is None else "unique_dim")


unique_ = Primitive(
    "unique", ("x",), _unique_kernel, outputs=3, batch=NO_BATCH_RULE, meta=_refuse_meta
).not_differentiable()


def _unique(name: str, x: Tensor, dim: Any, inverse: bool, counts: bool, consecutive: bool) -> Any:
    if x.dtype.is_complex:
        raise NotImplementedError(f"\"{name}\" not implemented for '{x.dtype.scalar_name}'")
    d = None if dim is None else wrap_dim(dim, x.ndim)
    shape = tuple(x.shape)
    if d is not None and x.ndim and 0 in shape:
        if any(n == 0 for i, n in enumerate(shape) if i != d):
            raise RuntimeError(
                "There are 0 sized dimensions, and they aren't selected, so unique cannot be "
                "applied"
            )
        empty = x.new_zeros((0,), dtype=dt.int64)
        found: Any = (x.clone(), empty, empty.clone())
    elif x.ndim == 0:
        found = unique_(x, dim=None, consecutive=consecutive)
    else:
        found = unique_(x, dim=d, consecutive=consecutive)
    picked = [found[0]] + [found[1]] * bool(inverse) + [found[2]] * bool(counts)
    return picked[0] if len(picked) == 1 else tuple(picked)


@overload
def unique(
    input: Tensor, sorted: bool = True, return_inverse: Literal[False] = False,
    return_counts: Literal[False] = False, dim: int | None = None,
) -> Tensor: ...  # fmt: skip
@overload
def unique(
    input: Tensor, sorted: bool = True, *, return_inverse: Literal[True],
    return_counts: Literal[False] = False, dim: int | None = None,
) -> tuple[Tensor, Tensor]: ...  # fmt: skip
@overload
def unique(
    input: Tensor, sorted: bool = True, *, return_inverse: Literal[False] = False,
    return_counts: Literal[True], dim: int | None = None,
) -> tuple[Tensor, Tensor]: ...  # fmt: skip
@overload
def unique(
    input: Tensor, sorted: bool = True, *, return_inverse: Literal[True],
    return_counts: Literal[True], dim: int | None = None,
) -> tuple[Tensor, Tensor, Tensor]: ...  # fmt: skip
@op(
    samples=lambda t: [
        S(t.of([3, 1, 3, 2, 1])),
        S(t.const(2, 3), return_inverse=True, return_counts=True),
        S(t.of([[1, 2], [1, 2], [0, 5]]), dim=0),
        S(t.const(0)),
    ]
)
def unique(
    input: Tensor, sorted: bool = True, return_inverse: bool = False,
    return_counts: bool = False, dim: Any = None,
) -> Any:  # fmt: skip
    """The distinct values (or slices along `dim`) in order, with inverse indices and counts."""
    return _unique("unique", input, dim, return_inverse, return_counts, False)


@overload
def unique_consecutive(
    input: Tensor, return_inverse: Literal[False] = False,
    return_counts: Literal[False] = False, dim: int | None = None,
) -> Tensor: ...  # fmt: skip
@overload
def unique_consecutive(
    input: Tensor, *, return_inverse: Literal[True],
    return_counts: Literal[False] = False, dim: int | None = None,
) -> tuple[Tensor, Tensor]: ...  # fmt: skip
@overload
def unique_consecutive(
    input: Tensor, *, return_inverse: Literal[False] = False,
    return_counts: Literal[True], dim: int | None = None,
) -> tuple[Tensor, Tensor]: ...  # fmt: skip
@overload
def unique_consecutive(
    input: Tensor, *, return_inverse: Literal[True],
    return_counts: Literal[True], dim: int | None = None,
) -> tuple[Tensor, Tensor, Tensor]: ...  # fmt: skip
@op(
    samples=lambda t: [
        S(t.of([3, 3, 1, 1, 3])),
        S(t.of([1, 1, 2]), return_inverse=True, return_counts=True),
        S(t.of([[1, 2], [1, 2], [0, 5]]), dim=0),
        S(t.const(0)),
    ]
)
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: Any = None
) -> Any:
    """The first of every run of equal values (or slices along `dim`), with inverse and counts."""
    return _unique("unique_consecutive", input, dim, return_inverse, return_counts, True)


# --- isin


def _isin_kernel(x: Any, tests: Any, *, invert: bool) -> Any:
    if tests.size <= 16:
        found = np.zeros(x.shape, np.bool_)
        for value in tests.reshape(-1):
            found |= x == value
    else:
        ordered = np.sort(tests.reshape(-1))
        at = np.minimum(np.searchsorted(ordered, x), ordered.size - 1)
        found = ordered[at] == x
    return ~found if invert else found


isin_ = Primitive(
    "isin", ("x", "tests"), _isin_kernel,
    meta=lambda x, tests, **_: rules.reserved(x.shape, np.dtype(np.bool_)),
).not_differentiable()  # fmt: skip


@isin_.batching
def _(prim: Any, values: Any, dims: Any, params: Any) -> Any:
    x, tests = values
    if dims[1] is None:
        return prim(x, tests, **params), dims[0]
    size = batch_size(values, dims)
    x, tests = spread(x, dims[0], size), spread(tests, dims[1], size)
    left = x.reshape(*x.shape, 1)
    right = tests.reshape(size, *(1,) * (x.ndim - 1), -1)
    found = (left == right).any(-1)
    return (found.logical_not() if params["invert"] else found), 0


def _kind(a: Any) -> tuple[dt.dtype, int]:
    if isinstance(a, Tensor):
        return a.dtype, DIMENSIONED if a.ndim else ZERO_DIM
    number = dt.bool if isinstance(a, bool) else dt.int64 if isinstance(a, int) else dt.float64
    return number, WRAPPED_NUMBER


@op(
    method=False,
    out=SAME,
    also={"element": "elements", "test_element": "test_elements"},
    samples=lambda t: [
        S(t.index(3, 4, high=6), t.of([1, 4])),
        S(t.index(5, high=6), 2, invert=True),
        S(3, t.index(4, high=6)),
    ],
)
def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Whether each element is among the test elements."""
    like = elements if isinstance(elements, Tensor) else test_elements
    if not isinstance(like, Tensor):
        raise TypeError(
            "isin() received an invalid combination of arguments - got "
            f"({type(elements).__name__}, {type(test_elements).__name__}), but one of elements and "
            "test_elements must be a Tensor"
        )
    common = result_type(_kind(elements), _kind(test_elements))
    if common.is_complex:
        raise RuntimeError(f"Unsupported input type encountered for isin(): {common.scalar_name}")
    pair = [
        cast(a, common) if isinstance(a, Tensor) else like.new_zeros((), dtype=common) + a
        for a in (elements, test_elements)
    ]
    return isin_(*pair, invert=invert)
