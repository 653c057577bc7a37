"""Coordinates: a matrix of places, a column an element, and the elements (with dense axes behind).

Knows arrays alone. Places need not be sorted nor distinct: elements at one place are added when the
array is coalesced, and only a coalesced array has one element a place.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from franken.backends.numpy.halves import halved


class NotStrided(NotImplementedError, AttributeError):
    """An op met an array whose layout it has no kernel for."""


NotStrided.__name__ = NotStrided.__qualname__ = "NotImplementedError"


def refusal(name: str, layout: str) -> str:
    """torch's words for an op that a sparse layout has not."""
    backend = {"sparse_coo": "SparseCPU", "strided": "CPU"}.get(layout, "SparseCsrCPU")
    return (
        f"Could not run 'aten::{name}' with arguments from the '{backend}' backend. This could be "
        "because the operator doesn't exist for this backend, or was omitted during the "
        "selective/custom build process (if using custom build). If you are a Facebook employee "
        "using PyTorch on mobile, please visit https://fburl.com/ptmfixes for possible resolutions."
        f" 'aten::{name}' is not available for this layout."
    )


class Flags:
    """What is asked of the memory of any array; there is no order of a sparse one's elements."""

    c_contiguous = False
    writeable = True


class Sparse:
    """What the sparse layouts have in common; `values` holds the elements."""

    __slots__ = ("__weakref__", "shape", "values")
    __array_ufunc__ = None  # no ufunc takes one for an object
    flags = Flags()
    base = None
    layout: str

    shape: tuple[int, ...]
    values: Any

    def __getattr__(self, name: str) -> Any:
        """What only strided arrays have: whoever asks for it is a kernel for them alone."""
        asking = sys._getframe(1).f_code.co_name.strip("_")
        raise NotStrided(refusal(asking, self.layout))

    @property
    def dtype(self) -> Any:
        """NumPy's element type."""
        return self.values.dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements of the dense array."""
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return int(self.values.itemsize)

    def copy(self, order: str = "K") -> Any:
        """The same in memory of its own."""
        return self.mapped(lambda part: part.copy(order="C"))

    def mapped(self, fn: Any) -> Any:
        """The array whose parts are `fn` of this one's."""
        raise NotImplementedError

    def with_values(self, values: Any) -> Any:
        """Other elements at the same places."""
        raise NotImplementedError


class Coo(Sparse):
    """An array in coordinates: (sparse_dim, nnz) places and (nnz, *dense sizes) elements."""

    __slots__ = ("coalesced", "indices")
    layout = "sparse_coo"

    def __init__(
        self, indices: Any, values: Any, shape: tuple[int, ...], coalesced: bool = False
    ) -> None:
        self.indices, self.values, self.shape = indices, values, tuple(shape)
        self.coalesced = coalesced

    def mapped(self, fn: Any) -> Coo:
        """The array whose places and elements are `fn` of this one's."""
        return Coo(fn(self.indices), fn(self.values), self.shape, self.coalesced)

    def with_values(self, values: Any) -> Coo:
        """Other elements at the same places."""
        return Coo(self.indices, values, self.shape, self.coalesced)

    def places(self) -> list[tuple[str, Any]]:
        """What says where the elements are, by torch's names."""
        return [("indices", self.indices)]

    @property
    def nnz(self) -> int:
        """The number of elements that are stored."""
        return int(self.indices.shape[1])

    @property
    def sparse_dim(self) -> int:
        """How many dimensions are stored as coordinates."""
        return int(self.indices.shape[0])

    def keys(self, axes: Any = None) -> Any:
        """The row-major number of each place, of some of the sparse axes if they are given."""
        axes = range(self.sparse_dim) if axes is None else axes
        keys = np.zeros(self.nnz, np.int64)
        for axis in axes:
            keys = keys * self.shape[axis] + self.indices[axis]
        return keys


def empty(shape: tuple[int, ...], sparse_dim: int, dtype: Any) -> Coo:
    """Nothing but zeros, none of them stored."""
    values = np.zeros((0, *shape[sparse_dim:]), dtype)
    return Coo(np.zeros((sparse_dim, 0), np.int64), values, shape, True)


def coalesce(x: Coo) -> Coo:
    """One element a place, in the order of places."""
    if x.coalesced:
        return x
    if x.nnz < 2:
        return Coo(x.indices, x.values, x.shape, True)
    keys = x.keys()
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    return Coo(x.indices[:, order[starts]], _sums(x.values[order], starts), x.shape, True)


def _sums(values: Any, starts: Any) -> Any:
    """Sums of runs of rows, each in the order of its rows."""
    if not values.size:
        return values[starts]
    if values.dtype.kind == "b":
        return np.logical_or.reduceat(values, starts, axis=0)
    return halved(lambda v: np.add.reduceat(v, starts, axis=0, dtype=v.dtype))(values)


def to_dense(x: Coo) -> Any:
    """The strided array."""
    x = coalesce(x)
    out = np.zeros(x.shape, x.dtype)
    if x.sparse_dim:
        out[tuple(x.indices)] = x.values
    elif x.nnz:
        out[...] = x.values[0]
    return out


def from_dense(x: Any, sparse_dim: int) -> Coo:
    """The places where a strided array is not zero, its first `sparse_dim` axes as coordinates."""
    if not sparse_dim:
        here = x.ndim > 0 or bool(x != 0)
        return Coo(np.zeros((0, int(here)), np.int64), x.copy()[None][: int(here)], x.shape, True)
    there = x != 0 if x.dtype.kind != "V" else x.astype(np.float32) != 0
    if sparse_dim < x.ndim:
        there = there.any(axis=tuple(range(sparse_dim, x.ndim)))
    places = np.nonzero(there)
    return Coo(np.stack(places).astype(np.int64), x[places], x.shape, True)


def pick(x: Any, at: Coo) -> Any:
    """The elements of a strided array, or of sparse coordinates, at the places of `at`."""
    if isinstance(x, Coo):
        return lookup(x, at)
    if not at.sparse_dim:
        return np.broadcast_to(x, (at.nnz, *x.shape)).copy()
    return x[tuple(at.indices)]


def lookup(x: Coo, at: Coo) -> Any:
    """The elements of `x` at the places of `at`; zeros where it has none."""
    if x.sparse_dim != at.sparse_dim:
        x = from_dense(to_dense(x), at.sparse_dim)
    x = coalesce(x)
    out = np.zeros((at.nnz, *x.values.shape[1:]), x.dtype)
    keys, want = x.keys(), at.keys()
    if keys.size:
        place = np.minimum(np.searchsorted(keys, want), keys.size - 1)
        found = keys[place] == want
        out[found] = x.values[place[found]]
    return out


def add(x: Coo, y: Coo) -> Coo:
    """The union of places; the n-th element of x at a place meets the n-th of y there."""
    if x.shape != y.shape:
        raise ValueError("shapes")
    if x.indices.shape == y.indices.shape and (x.indices == y.indices).all():
        values = halved(np.add)(x.values, y.values)
        return Coo(x.indices, values, x.shape, x.coalesced and y.coalesced)
    kx, ky = _numbered(x), _numbered(y)
    both = np.concatenate([kx, ky], axis=1)
    order = np.lexsort(both[::-1])
    found = both[:, order]
    first = np.concatenate([[True], (found[:, 1:] != found[:, :-1]).any(axis=0)])[: order.size]
    starts = np.flatnonzero(first)
    indices = np.concatenate([x.indices, y.indices], axis=1)[:, order[starts]]
    values = _sums(np.concatenate([x.values, y.values])[order], starts)
    return Coo(indices, values, x.shape, x.coalesced and y.coalesced)


def _numbered(x: Coo) -> Any:
    """The key of each place, and how many elements came before at that place."""
    keys = x.keys()
    if x.coalesced or not keys.size:
        return np.stack([keys, np.zeros_like(keys)])
    order = np.argsort(keys, kind="stable")
    row = keys[order]
    starts = np.flatnonzero(np.concatenate([[True], row[1:] != row[:-1]]))
    lengths = np.diff(starts, append=row.size)
    number = np.empty_like(keys)
    number[order] = np.arange(row.size) - np.repeat(starts, lengths)
    return np.stack([keys, number])


def multiply(x: Coo, y: Coo, ufunc: Any) -> Coo:
    """Elements at the places that both have.

    An uncoalesced array keeps its places if the other one is coalesced: products distribute.
    """
    if x.shape != y.shape:
        raise ValueError("shapes")
    if not y.coalesced:
        if x.coalesced:
            return multiply(y, x, lambda b, a: ufunc(a, b))
        y = coalesce(y)
    keys, want = y.keys(), x.keys()
    place = np.minimum(np.searchsorted(keys, want), max(keys.size - 1, 0))
    i = np.flatnonzero(keys[place] == want) if keys.size else np.zeros(0, np.int64)
    values = ufunc(x.values[i], y.values[place[i]])
    return Coo(x.indices[:, i], values, x.shape, x.coalesced)


def matmul(x: Coo, y: Any) -> Any:
    """A sparse matrix times a strided one."""
    x = coalesce(x)
    out = np.zeros((x.shape[0], y.shape[1]), x.dtype)
    if x.nnz and y.shape[1]:
        rows, cols = x.indices
        starts = np.flatnonzero(np.concatenate([[True], rows[1:] != rows[:-1]]))
        out[rows[starts]] = _sums(x.values[:, None] * y[cols], starts)
    return out


def product(x: Coo, y: Coo) -> Coo:
    """A sparse matrix times a sparse one."""
    x, y = coalesce(x), coalesce(y)
    first = np.searchsorted(y.indices[0], x.indices[1], "left")
    count = np.searchsorted(y.indices[0], x.indices[1], "right") - first
    left = np.repeat(np.arange(x.nnz), count)
    offset = np.arange(left.size) - np.repeat(np.cumsum(count) - count, count)
    right = np.repeat(first, count) + offset
    indices = np.stack([x.indices[0][left], y.indices[1][right]])
    shape = (x.shape[0], y.shape[1])
    return coalesce(Coo(indices, x.values[left] * y.values[right], shape))


def filled_up(x: Coo) -> Coo:
    """The array with all of its elements stored."""
    sizes = x.shape[: x.sparse_dim]
    indices = np.indices(sizes).reshape(x.sparse_dim, -1).astype(np.int64)
    return Coo(indices, to_dense(x).reshape(-1, *x.shape[x.sparse_dim :]), x.shape, True)
