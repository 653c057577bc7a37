"""Planning output layouts: the strides of a result, from the geometries of its inputs.

Pure functions; knows no op, no array and no Tensor. Rules: torch's memory formats
(https://docs.pytorch.org/docs/stable/tensor_attributes.html#torch-memory-format) and what it does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from franken.core import layout
from franken.core.shapes import Shape
from franken.core.strides import (
    axes_by_stride,
    contiguous_strides,
    is_channels_last,
    is_contiguous,
    is_non_overlapping_and_dense,
    memory_format_strides,
    preserved_strides,
    suggests_channels_last,
)


class Operand(NamedTuple):
    """The geometry of one input."""

    shape: Shape
    strides: Shape


Planner = Callable[[Shape, Sequence[Operand]], Shape]
_FORMATS = {4: layout.channels_last, 5: layout.channels_last_3d}


def contiguous(shape: Shape, operands: Sequence[Operand]) -> Shape:
    """Row-major, whatever the inputs are."""
    return contiguous_strides(shape)


def iterator(shape: Shape, operands: Sequence[Operand]) -> Shape:
    """Elementwise: inputs that agree are followed to the letter, else their order of axes is.

    >>> iterator((2, 3), [Operand((2, 3), (1, 2)), Operand((3,), (1,))])
    (1, 2)
    """
    if all(o.shape == shape for o in operands):
        if all(is_contiguous(*o) for o in operands):
            return contiguous_strides(shape)
        if len(shape) == 4 and all(is_channels_last(*o) for o in operands):
            return memory_format_strides(shape, layout.channels_last)
        first = operands[0].strides
        if all(o.strides == first for o in operands) and is_non_overlapping_and_dense(*operands[0]):
            return first
    return _packed(shape, axes_by_stride(shape, *[_spread(shape, o) for o in operands]))


def _packed(shape: Shape, order: list[int]) -> Shape:
    if order == list(range(len(shape) - 1, -1, -1)):
        return contiguous_strides(shape)
    strides = [0] * len(shape)
    step = 1
    for axis in order:
        strides[axis] = step
        step *= shape[axis]
    return tuple(strides)


def _spread(shape: Shape, operand: Operand) -> Shape:
    """The operand's strides when broadcast to `shape`."""
    lead = len(shape) - len(operand.shape)
    own = zip(operand.shape, shape[lead:], operand.strides, strict=True)
    return (0,) * lead + tuple(0 if n == 1 != m else s for n, m, s in own)


def as_input(shape: Shape, operands: Sequence[Operand]) -> Shape:
    """As the first input lies, its gaps closed (`preserve_format`); row-major if reshaped."""
    first = operands[0]
    return preserved_strides(*first) if first.shape == shape else contiguous_strides(shape)


def gradient_strides(shape: Shape, strides: Shape) -> Shape:
    """The strides of a leaf's gradient: the leaf's, or row-major if it has gaps or overlaps.

    >>> gradient_strides((2, 3), (1, 2)), gradient_strides((2, 3), (6, 2))
    ((1, 2), (3, 1))
    """
    dense = is_non_overlapping_and_dense(shape, strides)
    return strides if dense else contiguous_strides(shape)


def channels_last(shape: Shape, operands: Sequence[Operand]) -> Shape:
    """Channels last if the first input is, else row-major.

    >>> channels_last((2, 3, 2, 2), [Operand((2, 3, 4, 5), (60, 1, 15, 3))])
    (12, 1, 6, 3)
    """
    return _last_if(suggests_channels_last(*operands[0]), shape)


def any_channels_last(shape: Shape, operands: Sequence[Operand]) -> Shape:
    """Channels last if one of the first two inputs is (an image or its filters)."""
    return _last_if(any(suggests_channels_last(*o) for o in operands[:2]), shape)


def all_channels_last(shape: Shape, operands: Sequence[Operand]) -> Shape:
    """Channels last if all inputs are, else row-major."""
    return _last_if(all(suggests_channels_last(*o) for o in operands), shape)


def _last_if(wanted: bool, shape: Shape) -> Shape:
    if wanted and len(shape) in _FORMATS:
        return memory_format_strides(shape, _FORMATS[len(shape)])
    return contiguous_strides(shape)


# What a primitive may say of its result; None: its kernel's own order is right.
PLANNERS: dict[str, Planner] = {
    f.__name__: f
    for f in (contiguous, iterator, as_input, channels_last, any_channels_last, all_channels_last)
}
