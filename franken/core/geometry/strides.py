"""Stride arithmetic: contiguity, memory formats, view legality, storage bounds.

Pure functions of shapes and element strides; alone decides what may be a view.
Must not know arrays or Tensors. Fails closed: what would leave the storage is refused.
Rules: https://docs.pytorch.org/docs/stable/tensor_view.html and Tensor.view
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from franken.core.geometry import layout
from franken.core.geometry.shapes import INT64_MAX, Shape, brackets, numel

# Axes from the densest to the widest.
_CHANNELS_LAST_ORDER = {4: (1, 3, 2, 0), 5: (1, 4, 3, 2, 0)}


def contiguous_strides(shape: Shape) -> Shape:
    """Return the row-major strides of `shape`; an empty axis counts as one.

    >>> contiguous_strides((2, 3, 4))
    (12, 4, 1)
    """
    strides = [1] * len(shape)
    step = 1
    for axis in range(len(shape) - 1, 0, -1):
        step *= shape[axis] or 1
        strides[axis - 1] = step
    return tuple(strides)


def is_contiguous(shape: Shape, strides: Shape) -> bool:
    """Tell whether elements lie row-major without gaps; axes of size one do not matter.

    >>> is_contiguous((2, 3), (3, 1)), is_contiguous((2, 3), (1, 2))
    (True, False)
    """
    return 0 in shape or _is_dense_in_order(shape, strides, range(len(shape) - 1, -1, -1))


def is_channels_last(shape: Shape, strides: Shape) -> bool:
    """Tell whether a 4-d or 5-d tensor lies densely with its channels (axis 1) innermost.

    >>> is_channels_last((2, 3, 4, 5), (60, 1, 15, 3))
    True
    """
    order = _CHANNELS_LAST_ORDER.get(len(shape))
    return order is not None and _is_dense_in_order(shape, strides, order)


def _is_dense_in_order(shape: Shape, strides: Shape, order: Sequence[int]) -> bool:
    expected = 1
    for axis in order:
        size = shape[axis]
        if size != 1:
            if strides[axis] != expected:
                return False
            expected *= size
    return True


def suggests_channels_last(shape: Shape, strides: Shape) -> bool:
    """Tell whether new tensors made from this 4-d or 5-d one should be channels-last.

    Looser than `is_channels_last`: gaps are allowed, ambiguous or empty tensors say no.

    >>> suggests_channels_last((2, 3, 4, 5), (120, 1, 15, 3))
    True
    """
    order = _CHANNELS_LAST_ORDER.get(len(shape))
    if order is None or strides[1] == 0:
        return False
    least = 0
    for axis in order:
        if shape[axis] == 0 or strides[axis] < least:
            return False
        # An N111 or NCHW11 tensor fits both orders and stays row-major.
        if axis == 0 and least == strides[1]:
            return False
        least = strides[axis] * max(shape[axis], 1)
    return True


def is_non_overlapping_and_dense(shape: Shape, strides: Shape) -> bool:
    """Tell whether the elements fill one block of memory, each place once, in some axis order.

    >>> is_non_overlapping_and_dense((2, 3), (1, 2)), is_non_overlapping_and_dense((2,), (0,))
    (True, False)
    """
    if is_contiguous(shape, strides):
        return True
    axes = [axis for axis, size in enumerate(shape) if size != 1]
    return _is_dense_in_order(shape, strides, sorted(axes, key=strides.__getitem__))


def memory_format_strides(shape: Shape, format: layout.memory_format) -> Shape:  # noqa: A002
    """Return the strides of a new tensor in `format`; RuntimeError on a wrong number of axes.

    >>> memory_format_strides((2, 3, 4, 5), layout.channels_last)
    (60, 1, 15, 3)
    """
    if format is layout.contiguous_format:
        return contiguous_strides(shape)
    if format is layout.preserve_format:
        raise RuntimeError("unsupported memory format Preserve")
    ndim = 4 if format is layout.channels_last else 5
    if len(shape) != ndim:
        raise RuntimeError(f"required rank {ndim} tensor to use {format.name} format")
    strides = [0] * ndim
    step = 1
    for axis in _CHANNELS_LAST_ORDER[ndim]:
        strides[axis] = step
        # The batch stride alone counts an empty axis as one, as torch's does.
        step *= shape[axis]
    return tuple(strides)


def preserved_strides(shape: Shape, strides: Shape) -> Shape:
    """Return the strides a new tensor takes after an old one's (`preserve_format`).

    A dense tensor's strides are kept; another's axis order is kept and its gaps are closed.

    >>> preserved_strides((3, 5), (1, 6))
    (1, 3)
    """
    if is_non_overlapping_and_dense(shape, strides):
        return strides
    packed = [0] * len(shape)
    step = 1
    for axis in axes_by_stride(shape, strides):
        packed[axis] = step
        step *= max(shape[axis], 1)
    return tuple(packed)


def axes_by_stride(shape: Shape, *operands: Shape) -> list[int]:
    """Return the axes from densest to widest, by the strides of one or several operands.

    The first operand that can tell two axes apart decides; broadcast (stride 0) ones cannot, and
    axes that none can tell apart stay where they are.

    >>> axes_by_stride((4, 5, 6), (1, 24, 4))
    [0, 2, 1]
    """
    order = list(range(len(shape) - 1, -1, -1))
    for i in range(1, len(order)):
        here = i
        for before in range(i - 1, -1, -1):
            verdict = _compare_axes(shape, operands, order[before], order[here])
            if verdict > 0:
                order[before], order[here] = order[here], order[before]
                here = before
            elif verdict < 0:
                break
    return order


def _compare_axes(shape: Shape, operands: tuple[Shape, ...], inner: int, outer: int) -> int:
    """Say 1 if the two should be swapped, -1 if they stand right, 0 if nobody can tell."""
    for strides in operands:
        a, b = strides[inner], strides[outer]
        if a == 0 or b == 0:
            continue
        if a != b:
            return -1 if a < b else 1
        if shape[inner] > shape[outer]:
            return 1
    return 0


@lru_cache(4096)
def view_strides(shape: Shape, strides: Shape, new_shape: Shape) -> Shape | None:
    """Return the strides under which the same storage shows `new_shape`, or None if none can.

    `new_shape` holds as many elements as `shape` (see `infer_size`).

    >>> view_strides((2, 3), (3, 1), (3, 2)), view_strides((2, 3), (1, 2), (6,))
    ((2, 1), None)
    """
    if not shape:
        return (1,) * len(new_shape)
    if 0 in shape:
        return strides if shape == new_shape else contiguous_strides(new_shape)
    found = [0] * len(new_shape)
    place = len(new_shape)
    for size, step in _memory_runs(shape, strides):
        filled = 1
        while place and (filled < size or new_shape[place - 1] == 1):
            place -= 1
            found[place] = filled * step
            filled *= new_shape[place]
        if filled != size:
            return None
    return tuple(found) if not place else None


def _memory_runs(shape: Shape, strides: Shape) -> list[tuple[int, int]]:
    """Merge neighbouring axes that step evenly through memory: (elements, step), last first."""
    runs = []
    size, step = 1, strides[-1]
    for axis in range(len(shape) - 1, -1, -1):
        size *= shape[axis]
        if axis == 0 or (shape[axis - 1] != 1 and strides[axis - 1] != size * step):
            runs.append((size, step))
            size, step = 1, strides[axis - 1]
    return runs


def expand_strides(shape: Shape, strides: Shape, target: Sequence[int]) -> tuple[Shape, Shape]:
    """Return (shape, strides) of `shape` broadcast to `target`; -1 keeps a size.

    >>> expand_strides((3, 1), (1, 1), (2, -1, 4))
    ((2, 3, 4), (0, 1, 0))
    """
    lead = len(target) - len(shape)
    if lead < 0:
        raise RuntimeError(
            f"expand(size={brackets(target)}): the number of sizes provided ({len(target)}) must "
            f"be greater or equal to the number of dimensions in the tensor ({len(shape)})"
        )
    sizes, steps = list(target), [0] * len(target)
    for axis in range(len(target) - 1, -1, -1):
        size = target[axis]
        if axis < lead:
            if size == -1:
                raise RuntimeError(
                    "The expanded size of the tensor (-1) isn't allowed in a leading, "
                    f"non-existing dimension {axis}"
                )
            # A new axis of size one steps over all of the next, as unsqueeze's does.
            if size == 1 and shape:
                steps[axis] = sizes[axis + 1] * steps[axis + 1]
            continue
        old = shape[axis - lead]
        if size in (-1, old):
            sizes[axis], steps[axis] = old, strides[axis - lead]
        elif old != 1:
            raise RuntimeError(
                f"The expanded size of the tensor ({size}) must match the existing size ({old}) "
                f"at non-singleton dimension {axis}.  Target sizes: {brackets(target)}.  "
                f"Tensor sizes: {brackets(shape)}"
            )
    for axis, size in enumerate(sizes):
        if size < 0:
            raise RuntimeError(f"The expanded size of the tensor ({size}) is negative at {axis}")
    numel(sizes)
    return tuple(sizes), tuple(steps)


def as_strided_bounds(
    size: Shape, stride: Shape, offset: int, storage_numel: int, itemsize: int
) -> None:
    """Raise RuntimeError unless every element of this geometry lies inside the storage.

    >>> as_strided_bounds((2, 3), (3, 1), 0, 6, 4)
    """
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    if any(step < 0 for step in stride):
        raise RuntimeError(
            "as_strided: Negative strides are not supported at the moment, "
            f"got strides: {brackets(stride)}"
        )
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    needed = _extent(size, stride)
    total = (needed + offset) * itemsize
    if needed < 0 or total > INT64_MAX:
        raise RuntimeError(
            f"Storage size calculation overflowed with sizes={brackets(size)} "
            f"and strides={brackets(stride)}"
        )
    if needed and total > storage_numel * itemsize:
        raise RuntimeError(
            f"setStorage: sizes {brackets(size)}, strides {brackets(stride)}, storage offset "
            f"{offset}, and itemsize {itemsize} requiring a storage size of {total} are out of "
            f"bounds for storage of size {storage_numel * itemsize}"
        )


def _extent(size: Shape, stride: Shape) -> int:
    """Count the places from the first element to the last; negative sizes give -1."""
    if any(n < 0 for n in size):
        return -1
    if 0 in size:
        return 0
    return 1 + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
