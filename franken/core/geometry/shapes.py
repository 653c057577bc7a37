"""Shape arithmetic: which shape an operation yields, or torch's error.

Pure functions of tuples of ints: broadcasting, dimension wrapping, size inference, slices, windows.
Must not know strides (strides.py), arrays or Tensors. Refuses what overflows 64 bits.
Rules: https://docs.pytorch.org/docs/stable/notes/broadcasting.html
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from operator import index
from typing import Any, Final, NoReturn

Shape = tuple[int, ...]

INT64_MAX: Final = 2**63 - 1
MOST_DIMS: Final = 64  # of an array, and of what torch's iterators and reductions take


def brackets(values: Iterable[int]) -> str:
    """Spell sizes as torch's messages do.

    >>> brackets((2, -1))
    '[2, -1]'
    """
    return f"[{', '.join(map(str, values))}]"


def numel(shape: Iterable[int]) -> int:
    """Return the number of elements of `shape`; RuntimeError if it exceeds 64 bits.

    >>> numel((2, 3)), numel(())
    (6, 1)
    """
    count = math.prod(shape)
    if not 0 <= count <= INT64_MAX:
        raise RuntimeError("numel: integer multiplication overflow")
    return count


def storage_bytes(shape: Shape, itemsize: int) -> int:
    """Return the bytes a new contiguous tensor takes; RuntimeError if negative or over 64 bits.

    >>> storage_bytes((2, 3), 4)
    24
    """
    for size in shape:
        if size < 0:
            raise RuntimeError(
                f"Trying to create tensor with negative dimension {size}: {brackets(shape)}"
            )
    total = math.prod(shape) * itemsize
    if total > INT64_MAX:
        raise RuntimeError(f"Storage size calculation overflowed with sizes={brackets(shape)}")
    return total


def refuse_memory(shape: Shape, itemsize: int) -> NoReturn:
    """Raise torch's error for sizes that no memory holds, or no array for their number.

    >>> refuse_memory((2**31, 2**31), 4)
    Traceback (most recent call last):
    RuntimeError: Storage size calculation overflowed with sizes=[2147483648, 2147483648]
    """
    if len(shape) > MOST_DIMS:
        raise RuntimeError(f"only tensors with up to {MOST_DIMS} dims are supported")
    if 0 in shape and min(shape) >= 0:
        raise RuntimeError("Stride calculation overflowed")
    needed = storage_bytes(shape, itemsize)
    raise RuntimeError(
        f"DefaultCPUAllocator: can't allocate memory: you tried to allocate {needed} bytes. "
        "Error code 12 (Cannot allocate memory)"
    )


# -- dimensions ---------------------------------------------------------------------------------


def integers(value: Any) -> Shape:
    """Return the ints in a list or tuple of them, or the one that a number is.

    >>> integers((1, -2)), integers(True)
    ((1, -2), (1,))
    """
    return tuple(map(index, value if isinstance(value, (tuple, list)) else (value,)))


def wrap_dim(dim: int, ndim: int) -> int:
    """Return `dim` counted from the front; a 0-d tensor counts as 1-d. IndexError if out of range.

    >>> wrap_dim(-1, 3)
    2
    """
    extent = ndim or 1
    if -extent <= dim < extent:
        return dim + extent if dim < 0 else dim
    raise IndexError(
        f"Dimension out of range (expected to be in range of [{-extent}, {extent - 1}], "
        f"but got {dim})"
    )


def wrap_dims(dims: Iterable[int], ndim: int) -> Shape:
    """Return `dims` counted from the front, in their order; RuntimeError on a repeated one.

    >>> wrap_dims((-1, 0), 3)
    (2, 0)
    """
    wrapped = tuple([wrap_dim(index(dim), ndim) for dim in dims])
    if len(set(wrapped)) != len(wrapped):
        repeated = next(d for i, d in enumerate(wrapped) if d in wrapped[:i])
        raise RuntimeError(f"dim {repeated} appears multiple times in the list of dims")
    return wrapped


def check_permutation(dims: Sequence[int], ndim: int) -> Shape:
    """Return `dims` wrapped; RuntimeError unless they are a permutation of `range(ndim)`.

    >>> check_permutation((-1, 0), 2)
    (1, 0)
    """
    if len(dims) != ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the "
            f"length of the desired ordering of dimensions i.e. input.dim() = {ndim} "
            f"is not equal to len(dims) = {len(dims)}"
        )
    wrapped = tuple([wrap_dim(index(dim), ndim) for dim in dims])
    if len(set(wrapped)) != ndim:
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return wrapped


# -- broadcasting -------------------------------------------------------------------------------


def broadcast_two(a: Shape, b: Shape) -> Shape:
    """Return the common shape of two operands; RuntimeError in a binary op's words.

    >>> broadcast_two((2, 1), (3,))
    (2, 3)
    """
    if a == b:
        return a
    longer, shorter = (a, b) if len(a) >= len(b) else (b, a)
    joined = list(longer)
    # A plain loop takes a third of the time that zip and a generator take on two axes.
    axis = len(longer) - len(shorter)
    for n in shorter:
        m = joined[axis]
        if m != n and n != 1:
            if m != 1:
                _refuse_broadcast(a, b)
            joined[axis] = n
        axis += 1
    return tuple(joined)


def _refuse_broadcast(a: Shape, b: Shape) -> NoReturn:
    ndim = max(len(a), len(b))
    for axis in range(-1, -1 - ndim, -1):
        m, n = (shape[axis] if -axis <= len(shape) else 1 for shape in (a, b))
        if m != n and 1 not in (m, n):
            break
    raise RuntimeError(
        f"The size of tensor a ({m}) must match the size of tensor b ({n}) "
        f"at non-singleton dimension {ndim + axis}"
    )


def broadcast_operands(shapes: Iterable[Shape]) -> Shape:
    """Return the common shape of an op's operands, joined left to right.

    >>> broadcast_operands([(2, 1), (3,), ()])
    (2, 3)
    """
    common: Shape = ()
    for shape in shapes:
        common = broadcast_two(common, shape)
    return common


def broadcast_shapes(*shapes: int | Sequence[int]) -> Shape:
    """Return the common shape of `shapes`, as torch.broadcast_shapes; an int is a 1-d shape.

    RuntimeError names the first argument that does not fit; ValueError on a negative length.

    >>> broadcast_shapes((2, 1), 3)
    (2, 3)
    """
    given = [(each,) if isinstance(each, int) else each for each in shapes]  # named as given
    ndim = max(map(len, given), default=0)
    common = [1] * ndim
    for position, shape in enumerate(given):
        for back in range(-1, -1 - len(shape), -1):
            size = shape[back]
            if size in (1, common[back]):
                continue
            if common[back] != 1:
                raise RuntimeError(
                    f"Attempting to broadcast a dimension of length {size} at {back}! "
                    f"Mismatching argument at index {position} had {shape}; "
                    f"but expected shape should be broadcastable to {common}"
                )
            if size < 0:
                raise ValueError("Attempting to broadcast a dimension with negative length!")
            common[back] = size
    return tuple(common)


# -- sizes --------------------------------------------------------------------------------------


def infer_size(shape: Sequence[int], count: int) -> Shape:
    """Return `shape` with its one -1 replaced so that it holds `count` elements.

    RuntimeError if that cannot be, or if any size would do.

    >>> infer_size((2, -1), 6)
    (2, 3)
    """
    unknown = None
    known = 1
    for axis, size in enumerate(shape):
        if size == -1:
            if unknown is not None:
                raise RuntimeError("only one dimension can be inferred")
            unknown = axis
        elif size < 0:
            raise RuntimeError(
                f"invalid shape dimension {size} at index {axis} of shape {brackets(shape)}"
            )
        else:
            known *= size
    if unknown is None:
        if known == count:
            return tuple(shape)
    elif known and count % known == 0:
        return (*shape[:unknown], count // known, *shape[unknown + 1 :])
    elif known == count == 0:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {brackets(shape)} because the "
            "unspecified dimension size -1 can be any value and is ambiguous"
        )
    raise RuntimeError(f"shape '{brackets(shape)}' is invalid for input of size {count}")


def slice_bounds(start: int | None, stop: int | None, step: int, length: int) -> tuple[int, int]:
    """Return (first index, number of elements) of `start:stop:step` over `length`.

    Out-of-range bounds are clamped, as in Python; RuntimeError unless `step` is positive.

    >>> slice_bounds(-3, None, 2, 5)
    (2, 2)
    """
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    first = _clamp_bound(0 if start is None else start, length)
    last = _clamp_bound(length if stop is None else stop, length)
    return first, max(0, -((first - last) // step))


def _clamp_bound(bound: int, length: int) -> int:
    return min(max(bound + length if bound < 0 else bound, 0), length)


def unfold_shape(shape: Shape, dim: int, size: int, step: int) -> Shape:
    """Return the shape of Tensor.unfold: windows of `size` every `step` along `dim`, last.

    >>> unfold_shape((5, 2), 0, 3, 2)
    (2, 2, 3)
    """
    axis = wrap_dim(dim, len(shape))
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    extent = shape[axis] if shape else 1
    if size > extent:
        raise RuntimeError(
            f"maximum size for tensor at dimension {axis} is {extent} but size is {size}"
        )
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if not shape:
        return (size,)
    return (*shape[:axis], (extent - size) // step + 1, *shape[axis + 1 :], size)
