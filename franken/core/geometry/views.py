"""View planners: the geometry (shape, strides, offset) that a view of a geometry has.

Each takes a `Geometry` in element units and returns a new one over the same storage, or raises as
torch does. Must not know arrays or Tensors.
Which ops are views: https://docs.pytorch.org/docs/stable/tensor_view.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from franken.core.geometry.shapes import (
    Shape,
    check_permutation,
    infer_size,
    numel,
    slice_bounds,
    unfold_shape,
    wrap_dim,
    wrap_dims,
)
from franken.core.geometry.strides import as_strided_bounds, expand_strides, view_strides


class Geometry(NamedTuple):
    """Where a tensor's elements lie in its storage, in units of elements.

    >>> Geometry((2, 3), (3, 1), 0)
    Geometry(shape=(2, 3), strides=(3, 1), offset=0)
    """

    shape: Shape
    strides: Shape
    offset: int = 0


def select(g: Geometry, dim: int, index: int) -> Geometry:
    """Fix one axis at `index`; IndexError if there is none such.

    >>> select(Geometry((2, 3), (3, 1)), 0, -1)
    Geometry(shape=(3,), strides=(1,), offset=3)
    """
    if not g.shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    axis = wrap_dim(dim, len(g.shape))
    size = g.shape[axis]
    if not -size <= index < size:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(g.shape)} "
            f"at dimension {axis}"
        )
    place = index + size if index < 0 else index
    return Geometry(
        _without(g.shape, axis), _without(g.strides, axis), g.offset + place * g.strides[axis]
    )


def slice_axis(
    g: Geometry, dim: int, start: int | None = None, stop: int | None = None, step: int = 1
) -> Geometry:
    """Keep `start:stop:step` of one axis; RuntimeError unless `step` is positive.

    >>> slice_axis(Geometry((5,), (2,)), 0, 1, None, 3)
    Geometry(shape=(2,), strides=(6,), offset=2)
    """
    if not g.shape:
        raise IndexError("slice() cannot be applied to a 0-dim tensor.")
    axis = wrap_dim(dim, len(g.shape))
    first, count = slice_bounds(start, stop, step, g.shape[axis])
    return Geometry(
        _with(g.shape, axis, count),
        _with(g.strides, axis, g.strides[axis] * step),
        g.offset + first * g.strides[axis],
    )


def narrow(g: Geometry, dim: int, start: int, length: int) -> Geometry:
    """Keep `length` places of one axis from `start` on; nothing is clamped.

    >>> narrow(Geometry((5,), (1,)), 0, 1, 3)
    Geometry(shape=(3,), strides=(1,), offset=1)
    """
    if not g.shape:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    axis = wrap_dim(dim, len(g.shape))
    size = g.shape[axis]
    if not -size <= start <= size:
        raise IndexError(
            f"start out of range (expected to be in range of [{-size}, {size}], but got {start})"
        )
    first = start + size if start < 0 else start
    if first + length > size:
        raise RuntimeError(f"start ({first}) + length ({length}) exceeds dimension size ({size}).")
    return slice_axis(g, axis, first, first + length)


def permute(g: Geometry, dims: Sequence[int]) -> Geometry:
    """Reorder the axes; RuntimeError unless `dims` is a permutation.

    >>> permute(Geometry((2, 3), (3, 1)), (1, 0))
    Geometry(shape=(3, 2), strides=(1, 3), offset=0)
    """
    order = check_permutation(dims, len(g.shape))
    return Geometry(tuple(g.shape[i] for i in order), tuple(g.strides[i] for i in order), g.offset)


def permute_strides(strides: Shape, dims: Sequence[int]) -> Shape:
    """Reorder strides (or any per-axis ints) by a permutation.

    >>> permute_strides((6, 3, 1), (2, 0, -2))
    (1, 6, 3)
    """
    return tuple(strides[i] for i in check_permutation(dims, len(strides)))


def transpose(g: Geometry, dim0: int, dim1: int) -> Geometry:
    """Swap two axes.

    >>> transpose(Geometry((2, 3), (3, 1)), 0, 1).shape
    (3, 2)
    """
    a, b = wrap_dim(dim0, len(g.shape)), wrap_dim(dim1, len(g.shape))
    order = list(range(len(g.shape)))
    if order:
        order[a], order[b] = b, a
    return permute(g, order)


def squeeze(g: Geometry, dims: int | Iterable[int] | None = None) -> Geometry:
    """Drop the axes of size one (all, or those among `dims`).

    >>> squeeze(Geometry((1, 3, 1), (3, 1, 1)), 0).shape
    (3, 1)
    """
    given = (dims,) if isinstance(dims, int) else dims
    axes = range(len(g.shape)) if given is None else wrap_dims(given, len(g.shape))
    gone = {axis for axis in axes if axis < len(g.shape) and g.shape[axis] == 1}
    kept = [axis for axis in range(len(g.shape)) if axis not in gone]
    return Geometry(tuple(g.shape[i] for i in kept), tuple(g.strides[i] for i in kept), g.offset)


def unsqueeze(g: Geometry, dim: int) -> Geometry:
    """Insert an axis of size one before `dim`.

    >>> unsqueeze(Geometry((2, 3), (3, 1)), 1)
    Geometry(shape=(2, 1, 3), strides=(3, 3, 1), offset=0)
    """
    axis = wrap_dim(dim, len(g.shape) + 1)
    step = g.shape[axis] * g.strides[axis] if axis < len(g.shape) else 1
    return Geometry(_insert(g.shape, axis, 1), _insert(g.strides, axis, step), g.offset)


def diagonal(g: Geometry, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Geometry:
    """Show the diagonal of two axes as a last axis; empty where `offset` leaves the matrix.

    >>> diagonal(Geometry((3, 4), (4, 1)), 1)
    Geometry(shape=(3,), strides=(5,), offset=1)
    """
    a, b = wrap_dim(dim1, len(g.shape)), wrap_dim(dim2, len(g.shape))
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    down, right = max(-offset, 0), max(offset, 0)
    count = max(min(g.shape[a] - down, g.shape[b] - right), 0)
    start = down * g.strides[a] + right * g.strides[b] if count else 0
    kept = [axis for axis in range(len(g.shape)) if axis not in (a, b)]
    return Geometry(
        (*(g.shape[i] for i in kept), count),
        (*(g.strides[i] for i in kept), g.strides[a] + g.strides[b]),
        g.offset + start,
    )


def expand(g: Geometry, sizes: Sequence[int]) -> Geometry:
    """Broadcast to `sizes` without copying; -1 keeps a size.

    >>> expand(Geometry((3, 1), (1, 1)), (3, 4)).strides
    (1, 0)
    """
    return Geometry(*expand_strides(g.shape, g.strides, sizes), g.offset)


def view(g: Geometry, sizes: Sequence[int]) -> Geometry:
    """Show the same elements under another shape; RuntimeError where only a copy could.

    >>> view(Geometry((2, 3), (3, 1)), (-1,))
    Geometry(shape=(6,), strides=(1,), offset=0)
    """
    found = reshape(g, sizes)
    if found is None:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two contiguous subspaces). Use .reshape(...) instead."
        )
    return found


def reshape(g: Geometry, sizes: Sequence[int]) -> Geometry | None:
    """Show the same elements under another shape; None where a copy is needed.

    >>> reshape(Geometry((2, 3), (1, 2)), (6,)) is None
    True
    """
    new_shape = infer_size(sizes, numel(g.shape))
    strides = view_strides(g.shape, g.strides, new_shape)
    return None if strides is None else Geometry(new_shape, strides, g.offset)


def unfold(g: Geometry, dim: int, size: int, step: int) -> Geometry:
    """Show windows of `size` every `step` along one axis; the window is the last axis.

    >>> unfold(Geometry((5,), (1,)), 0, 3, 2)
    Geometry(shape=(2, 3), strides=(2, 1), offset=0)
    """
    shape = unfold_shape(g.shape, dim, size, step)
    if not g.shape:
        return Geometry(shape, (1,), g.offset)
    axis = wrap_dim(dim, len(g.shape))
    old = g.strides[axis]
    return Geometry(shape, (*_with(g.strides, axis, old * step), old), g.offset)


def as_strided(
    size: Shape, stride: Shape, offset: int, storage_numel: int, itemsize: int = 1
) -> Geometry:
    """Lay any geometry over a storage; RuntimeError unless it stays inside.

    >>> as_strided((2, 2), (1, 1), 1, 4)
    Geometry(shape=(2, 2), strides=(1, 1), offset=1)
    """
    as_strided_bounds(size, stride, offset, storage_numel, itemsize)
    return Geometry(size, stride, offset)


def _with(values: Shape, axis: int, value: int) -> Shape:
    return (*values[:axis], value, *values[axis + 1 :])


def _insert(values: Shape, axis: int, value: int) -> Shape:
    return (*values[:axis], value, *values[axis:])


def _without(values: Shape, axis: int) -> Shape:
    return (*values[:axis], *values[axis + 1 :])
