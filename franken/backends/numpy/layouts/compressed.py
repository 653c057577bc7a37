"""Compressed rows or columns, of elements or of blocks, with batch axes in front.

`compressed` says for each row (column) where its elements begin, `plain` in which column (row) each
of them is. Rows of all batches have equally many elements in all.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from franken.backends.numpy.layouts import coo
from franken.backends.numpy.layouts.coo import Coo, Sparse

_NAMES = {"row": ("crow_indices", "col_indices"), "column": ("ccol_indices", "row_indices")}
_TRANSPOSED = {
    "sparse_csr": "sparse_csc", "sparse_csc": "sparse_csr",
    "sparse_bsr": "sparse_bsc", "sparse_bsc": "sparse_bsr",
}  # fmt: skip


class Compressed(Sparse):
    """An array in one of the four compressed layouts."""

    __slots__ = ("compressed", "layout", "plain")

    def __init__(
        self, layout: str, compressed: Any, plain: Any, values: Any, shape: tuple[int, ...]
    ) -> None:
        self.layout, self.shape = layout, tuple(shape)  # type: ignore[misc]
        self.compressed, self.plain, self.values = compressed, plain, values

    def mapped(self, fn: Any) -> Compressed:
        """The array whose parts are `fn` of this one's."""
        parts = (fn(self.compressed), fn(self.plain), fn(self.values))
        return Compressed(self.layout, *parts, self.shape)

    def with_values(self, values: Any) -> Compressed:
        """Other elements at the same places."""
        return Compressed(self.layout, self.compressed, self.plain, values, self.shape)

    def emptied(self, dtype: Any) -> Compressed:
        """Zeros, none of them stored."""
        n = len(self.batch)
        plain = self.plain[..., :0]
        values = np.zeros((*self.batch, 0, *self.values.shape[n + 1 :]), dtype)
        return Compressed(self.layout, np.zeros_like(self.compressed), plain, values, self.shape)

    @property
    def by_row(self) -> bool:
        """Whether rows are compressed, and not columns."""
        return by_row(self.layout)

    @property
    def batch(self) -> tuple[int, ...]:
        """The sizes of the batch axes."""
        return tuple(self.plain.shape[:-1])

    @property
    def blocksize(self) -> tuple[int, int] | None:
        """The size of a block, or None where the elements are single."""
        if not is_blocked(self.layout):
            return None
        n = len(self.batch) + 1
        return (int(self.values.shape[n]), int(self.values.shape[n + 1]))

    @property
    def sparse_dim(self) -> int:
        """How many dimensions are stored sparsely."""
        return 2

    @property
    def dense_dim(self) -> int:
        """How many dimensions of the elements are stored densely."""
        return int(self.values.ndim - self.plain.ndim - (2 if self.blocksize else 0))

    @property
    def nnz(self) -> int:
        """The number of elements (or blocks) that are stored, in each batch."""
        return int(self.plain.shape[-1])

    def places(self) -> list[tuple[str, Any]]:
        """What says where the elements are, by torch's names."""
        first, second = _NAMES["row" if self.by_row else "column"]
        return [(first, self.compressed), (second, self.plain)]

    def permuted(self, dims: tuple[int, ...]) -> Any:
        """The transpose of the matrices: the same parts, read the other way."""
        n = len(self.batch)
        if dims == tuple(range(self.ndim)):
            return self.copy()
        if dims != (*range(n), n + 1, n, *range(n + 2, self.ndim)):
            raise RuntimeError(
                "transpose(): can only transpose the last two dimensions of a compressed tensor"
            )
        values = self.values
        if self.blocksize:
            values = np.swapaxes(values, n + 1, n + 2)
        shape = tuple([self.shape[d] for d in dims])
        return Compressed(_TRANSPOSED[self.layout], self.compressed, self.plain, values, shape)

    def selected(self, dim: int, index: int) -> Any:
        """One entry of an axis: of a batch in this layout, of a matrix in coordinates."""
        n = len(self.batch)
        if dim < n:
            pick = (slice(None),) * dim + (index,)
            shape = self.shape[:dim] + self.shape[dim + 1 :]
            parts = (self.compressed[pick], self.plain[pick], self.values[pick])
            return Compressed(self.layout, *parts, shape)
        places = coo.coalesce(to_coo(self))
        here = places.indices[dim] == index
        left = np.delete(places.indices[:, here], dim, axis=0)
        shape = self.shape[:dim] + self.shape[dim + 1 :]
        return Coo(left, places.values[here], shape, True)


def by_row(layout: str) -> bool:
    """Whether a layout compresses rows."""
    return layout[-1] == "r"


def is_blocked(layout: str) -> bool:
    """Whether a layout stores blocks."""
    return layout[-3] == "b"


def _coordinates(x: Compressed) -> tuple[Any, Any]:
    """(rows, columns) of the elements or blocks of an array without batches."""
    major = np.repeat(np.arange(len(x.compressed) - 1), np.diff(x.compressed))
    minor = x.plain.astype(np.int64)
    return (major, minor) if x.by_row else (minor, major)


def to_dense(x: Compressed) -> Any:
    """The strided array."""
    n = len(x.batch)
    if n:
        count = math.prod(x.batch)
        flat = (
            x.compressed.reshape(count, -1), x.plain.reshape(count, -1),
            x.values.reshape(count, *x.values.shape[n:]),
        )  # fmt: skip
        rows = [
            to_dense(Compressed(x.layout, *part, x.shape[n:])) for part in zip(*flat, strict=True)
        ]
        return np.stack(rows).reshape(x.shape) if rows else np.zeros(x.shape, x.dtype)
    rows, cols = _coordinates(x)
    if x.blocksize is None:
        out = np.zeros(x.shape, x.dtype)
        out[rows, cols] = x.values
        return out
    b, c = x.blocksize
    grid = np.zeros((x.shape[0] // b, x.shape[1] // c, b, c, *x.shape[2:]), x.dtype)
    grid[rows, cols] = x.values
    return np.swapaxes(grid, 1, 2).reshape(x.shape)


def from_dense(x: Any, layout: str, blocksize: Any = None, dense_dim: int = 0) -> Compressed:
    """The elements (or blocks) of a strided array that are not zero."""
    n = x.ndim - 2 - dense_dim
    if n:
        return _from_batches(x, layout, blocksize, dense_dim, n)
    cells = x
    if blocksize is not None:
        b, c = blocksize
        cells = x.reshape(x.shape[0] // b, b, x.shape[1] // c, c, *x.shape[2:]).swapaxes(1, 2)
    return _of_cells(cells, layout, x.shape, _there(cells))


def _there(cells: Any) -> Any:
    """Which cells of a matrix of numbers or blocks have anything in them."""
    there = cells != 0 if cells.dtype.kind != "V" else cells.astype(np.float32) != 0
    return there.any(axis=tuple(range(2, cells.ndim))) if cells.ndim > 2 else there


def _of_cells(cells: Any, layout: str, shape: Any, there: Any) -> Compressed:
    if by_row(layout):
        major, minor = np.nonzero(there)
        values = cells[major, minor]
    else:
        major, minor = np.nonzero(there.T)
        values = cells[minor, major]
    count = there.shape[0 if by_row(layout) else 1]
    return Compressed(layout, starts(major, count), minor.astype(np.int64), values, shape)


def starts(major: Any, count: int) -> Any:
    """Where each of `count` rows begins in a sorted list of rows."""
    return np.concatenate([[0], np.cumsum(np.bincount(major, minlength=count))]).astype(np.int64)


def _from_batches(x: Any, layout: str, blocksize: Any, dense_dim: int, n: int) -> Compressed:
    batch = x.shape[:n]
    rows = [
        from_dense(m, layout, blocksize, dense_dim)
        for m in x.reshape(math.prod(batch), *x.shape[n:])
    ]
    if len({r.nnz for r in rows}) > 1:
        raise RuntimeError("Expect the same number of specified elements per batch.")

    def joined(part: str) -> Any:
        found = np.stack([getattr(r, part) for r in rows])
        return found.reshape(*batch, *found.shape[1:])

    return Compressed(layout, joined("compressed"), joined("plain"), joined("values"), x.shape)


def to_coo(x: Compressed) -> Coo:
    """The same elements in coordinates, zeros that are stored among them."""
    if x.batch or x.dense_dim:
        whole = to_dense(x)
        return coo.from_dense(whole, whole.ndim - x.dense_dim)
    rows, cols = _coordinates(x)
    if x.blocksize is None:
        places = np.stack([rows, cols]).astype(np.int64)
        return Coo(places, x.values, x.shape, x.by_row)
    b, c = x.blocksize
    i, j = np.indices((b, c))
    rows, cols = rows[:, None, None] * b + i, cols[:, None, None] * c + j
    places = np.stack([rows.ravel(), cols.ravel()]).astype(np.int64)
    return coo.coalesce(Coo(places, x.values.reshape(-1), x.shape))


def from_coo(x: Coo, layout: str, blocksize: Any = None) -> Compressed:
    """Coordinates of a matrix in a compressed layout."""
    x = coo.coalesce(x)
    if blocksize is not None:
        return from_dense(coo.to_dense(x), layout, blocksize, x.ndim - x.sparse_dim)
    rows, cols = x.indices
    if by_row(layout):
        return Compressed(layout, starts(rows, x.shape[0]), cols.copy(), x.values, x.shape)
    order = np.argsort(cols, kind="stable")
    crow = starts(cols[order], x.shape[1])
    return Compressed(layout, crow, rows[order], x.values[order], x.shape)


def converted(x: Any, layout: str, blocksize: Any = None, dense_dim: int = 0) -> Any:
    """An array of any layout in a compressed one."""
    if isinstance(x, Coo):
        return from_coo(x, layout, blocksize)
    if not isinstance(x, Compressed):
        return from_dense(x, layout, blocksize, dense_dim)
    if x.layout == layout and blocksize in (None, x.blocksize):
        return x
    if x.batch or x.blocksize or blocksize:
        return from_dense(to_dense(x), layout, blocksize, x.dense_dim)
    return from_coo(to_coo(x), layout)


def strided(x: Any) -> Any:
    """An array of any layout as a strided one."""
    if isinstance(x, Coo):
        return coo.to_dense(x)
    return to_dense(x) if isinstance(x, Compressed) else x


def values_at(x: Any, at: Compressed) -> Any:
    """The elements of an array at the places of a compressed one, as its values."""
    x = strided(x)
    n = len(at.batch)
    if n:
        count = math.prod(at.batch)
        parts = (
            at.compressed.reshape(count, -1), at.plain.reshape(count, -1),
            at.values.reshape(count, *at.values.shape[n:]), x.reshape(count, *x.shape[n:]),
        )  # fmt: skip
        rows = [
            values_at(m, Compressed(at.layout, c, p, v, at.shape[n:]))
            for c, p, v, m in zip(*parts, strict=True)
        ]
        return np.stack(rows).reshape(at.values.shape)
    rows, cols = _coordinates(at)
    if at.blocksize is None:
        return x[rows, cols]
    b, c = at.blocksize
    grid = x.reshape(x.shape[0] // b, b, x.shape[1] // c, c, *x.shape[2:]).swapaxes(1, 2)
    return grid[rows, cols]
