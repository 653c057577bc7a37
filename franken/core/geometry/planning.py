"""Planning output layouts: the strides of a result, from the geometries of its inputs.

Pure functions; knows no op, no array and no Tensor. Rules: torch's memory formats
(https://docs.pytorch.org/docs/stable/tensor_attributes.html#torch-memory-format) and what it does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from franken.core.geometry import layout
from franken.core.geometry.shapes import Shape
from franken.core.geometry.strides import (
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


Planner = Callable[[Shape, Sequence[Operand], Mapping[str, Any]], Shape]
_NONE: Mapping[str, Any] = {}
_FORMATS = {4: layout.channels_last, 5: layout.channels_last_3d}


def contiguous(shape: Shape, operands: Sequence[Operand], params: Any = _NONE) -> Shape:
    """Row-major, whatever the inputs are."""
    return contiguous_strides(shape)


def iterator(shape: Shape, operands: Sequence[Operand], params: Any = _NONE) -> Shape:
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


def as_input(shape: Shape, operands: Sequence[Operand], params: Any = _NONE) -> Shape:
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


def channels_last(shape: Shape, operands: Sequence[Operand], params: Any = _NONE) -> Shape:
    """Channels last if the first input is, else row-major.

    >>> channels_last((2, 3, 2, 2), [Operand((2, 3, 4, 5), (60, 1, 15, 3))])
    (12, 1, 6, 3)
    """
    return _last_if(suggests_channels_last(*operands[0]), shape)


def images(shape: Shape, operands: Sequence[Operand], params: Any = _NONE) -> Shape:
    """`channels_last`, where rows (N, C, L) count as images of height one."""
    return _images_last_if(suggests_channels_last(*_image(operands[0])), shape)


def volumes(shape: Shape, operands: Sequence[Operand], params: Any = _NONE) -> Shape:
    """`images`; one volume, whose batch axis tells nothing, is asked for its other axes."""
    x = operands[0]
    alone = len(shape) == 5 and x.shape[0] == 1
    last = alone and is_channels_last(*x) and not is_contiguous(*x)
    return _last_if(True, shape) if last else images(shape, operands)


def said(shape: Shape, operands: Sequence[Operand], params: Mapping[str, Any] = _NONE) -> Shape:
    """As the parameter `strides` says, else row-major."""
    strides = params.get("strides")
    return contiguous_strides(shape) if strides is None else strides


def planes(shape: Shape, operands: Sequence[Operand], params: Any = _NONE) -> Shape:
    """`images`, but volumes are row-major."""
    row_major = len(shape) > 4
    return contiguous_strides(shape) if row_major else images(shape, operands)


def averaged(shape: Shape, operands: Sequence[Operand], params: Any = _NONE) -> Shape:
    """`planes`; volumes of one element each, which are plain means, are `images`."""
    whole = len(shape) == 5 and shape[2:] == (1, 1, 1)
    return images(shape, operands) if whole else planes(shape, operands)


def filtered(shape: Shape, operands: Sequence[Operand], params: Mapping[str, Any] = _NONE) -> Shape:
    """Channels last if the image or its filters are; of rows only the filters are asked.

    A gradient's `strides` are said. Volumes are row-major but in oneDNN, and so is what is empty.
    """
    said = params.get("strides")
    if said is not None:
        return said  # type: ignore[no-any-return]
    x, w = operands[:2]
    return _images_last_if(_filters_last(x, w, params["onednn"]), shape)


def _filters_last(x: Operand, w: Operand, onednn: bool) -> bool:
    if 0 in x.shape or 0 in w.shape or (len(x.shape) == 5 and not onednn):
        return False
    return any(suggests_channels_last(*_image(o)) for o in ((w,) if len(x.shape) == 3 else (x, w)))


def filtered_gradient(of: Operand, x: Operand, w: Operand, onednn: bool, own: bool) -> Shape:
    """The strides of a convolution's gradient for `of`, its image x or its filters w.

    It lies in the order which both decide on; with the input's `own` strides if that lies so
    already. The gradient of an empty convolution lies as the input does.

    >>> image, filters = Operand((1, 2, 3, 3), (18, 1, 6, 2)), Operand((4, 2, 1, 1), (2, 1, 1, 1))
    >>> filtered_gradient(filters, image, filters, onednn=False, own=True)
    (2, 1, 1, 1)
    """
    if 0 in x.shape or 0 in w.shape:
        return preserved_strides(*of)
    last = _filters_last(x, w, onednn)
    there = own and (is_channels_last if last else is_contiguous)(*_image(of))
    return of.strides if there else _images_last_if(last, of.shape)


def _image(operand: Operand) -> Operand:
    if len(operand.shape) != 3:
        return operand
    (n, c, length), (a, b, step) = operand
    return Operand((n, c, 1, length), (a, b, length * step, step))


def _images_last_if(wanted: bool, shape: Shape) -> Shape:
    if len(shape) != 3:
        return _last_if(wanted, shape)
    n, c, length = shape
    a, b, _, step = _last_if(wanted, (n, c, 1, length))
    return a, b, step


def joined(shape: Shape, operands: Sequence[Operand], params: Any = _NONE) -> Shape:
    """Channels last if all tensors are that are joined, else row-major."""
    parts = [o for o in operands if o.shape != (0,)]  # these join anything
    return _last_if(bool(parts) and all(suggests_channels_last(*o) for o in parts), shape)


def stacked(shape: Shape, operands: Sequence[Operand], params: Any = _NONE) -> Shape:
    """As if joined along the axis before which the new one is."""
    at = params["dim"]
    if at == len(shape) - 1:
        return contiguous_strides(shape)
    size = shape[at] * shape[at + 1]
    steps = joined((*shape[:at], size, *shape[at + 2 :]), operands)
    return (*steps[:at], steps[at] * max(shape[at + 1], 1), *steps[at:])


def standardised(shape: Shape, operands: Sequence[Operand], params: Any = _NONE) -> Shape:
    """Rows about their means are row-major; those only scaled may be channels last."""
    return contiguous_strides(shape) if params["center"] else channels_last(shape, operands)


def indexed(shape: Shape, operands: Sequence[Operand], params: Any = _NONE) -> Shape:
    """What index tensors pick: their axes in one block (in front, if they are not neighbours).

    The axes that stay keep their order in memory, and so do those of the indices.
    """
    x, indices = operands[0], operands[1:]
    places = [d for d, taken in enumerate(params["pattern"]) if taken]
    kept = [d for d in range(len(x.shape)) if d not in places]
    rank = max(len(i.shape) for i in indices)
    together = places[-1] - places[0] + 1 == len(places)
    before = sum(d < places[0] for d in kept) if together else 0
    left = [x.strides[d] for d in kept]
    own = Operand(shape, (*left[:before], *(0,) * rank, *left[before:]))
    block = shape[before : before + rank]
    seen = [
        Operand(shape, ((0,) * before + _spread(block, i) + (0,) * (len(kept) - before)))
        for i in indices
    ]
    return _packed(shape, axes_by_stride(shape, *[o.strides for o in (own, *seen)]))


def column_major(shape: Shape, operands: Sequence[Operand], params: Any = _NONE) -> Shape:
    """Matrices in column-major order, the batch row-major."""
    if len(shape) < 2:
        return contiguous_strides(shape)
    *batch, m, n = shape
    *outer, b, a = contiguous_strides((*batch, n, m))
    return (*outer, a, b)


def transformed(shape: Shape, operands: Sequence[Operand], params: Any = _NONE) -> Shape:
    """Fourier transforms: the transformed axes innermost, each group by its order in memory."""
    steps = operands[0].strides
    axes, last = params.get("axes"), params.get("last")
    if axes is None:
        axes, last = params.get("beside", ()), params["axis"]
    inner = sorted(axes, key=lambda d: -steps[d])
    inner += [] if last is None else [last]
    outer = sorted(set(range(len(shape))).difference(inner), key=lambda d: -steps[d])
    return _packed(shape, [*outer, *inner][::-1])


def _last_if(wanted: bool, shape: Shape) -> Shape:
    if wanted and len(shape) in _FORMATS:
        return memory_format_strides(shape, _FORMATS[len(shape)])
    return contiguous_strides(shape)


# What a primitive may say of its results; None: its kernel's own order is right.
PLANNERS: dict[str, Planner] = {
    f.__name__: f
    for f in (
        contiguous, iterator, as_input, channels_last, images, volumes, planes, averaged, said,
        filtered, joined, stacked,
        standardised, indexed, column_major, transformed,
    )
}  # fmt: skip
