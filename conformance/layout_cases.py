"""Samples laid out in memory in every way: transposed, channels last, sliced, expanded, empty ...

A variant has the sample's values wherever its shapes allow. Knows no op and no check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from conformance.cases import Sample
from conformance.values import Frozen, tensors

LIFTED = (2, 3, 4, 5)  # sizes put before those of a sample, up to four axes
LARGEST = 4096  # elements of a tensor: a layout shows on a small one


def variants(sample: Sample) -> Iterator[tuple[str, Sample]]:
    """(layout, the sample in it): each layout on all tensors, then different ones in pairs."""
    found = {f.key: f for f in tensors([sample.args, sample.kwargs])}
    if not found or any(f.array.size > LARGEST for f in found.values()):
        return
    if any(f.strided for f in found.values()):
        yield "own", sample
        return
    for shapes, changed in _shapes(found):
        for layout, laid in _layouts(changed):
            yield f"{shapes}{layout}", _with(sample, laid)


Tensors = dict[int, Frozen]


def _shapes(found: Tensors) -> Iterator[tuple[str, Tensors]]:
    """The sample as it is, with an axis of size 0 and 1, and with four axes."""
    yield "", found
    largest = max(found.values(), key=lambda f: f.array.ndim).array.shape
    for place in {0, len(largest) - 1} if largest else ():
        for size in (0, 1):
            if largest[place] > size:
                yield f"size {size} at {place}, ", _resized(found, largest[place], size)
    if 0 < len(largest) < 4:
        yield "4-d, ", {k: _lifted(f) for k, f in found.items()}


def _resized(found: Tensors, old: int, new: int) -> Tensors:
    """Every axis of one size cut to another, so that the sample still fits together."""

    def cut(f: Frozen) -> Frozen:
        corner = tuple(slice(new if n == old else n) for n in f.array.shape)
        part = f.array[corner].copy()
        return replace(f, array=part) if part.size else _empty(f, part.shape)

    return {k: cut(f) for k, f in found.items()}


def _empty(f: Frozen, shape: tuple[int, ...]) -> Frozen:
    """An empty tensor; NumPy's have no strides that could be carried over."""
    return replace(f, array=f.array[:0].ravel(), strided=(shape, tuple(_packed(shape)), 0))


def _lifted(f: Frozen) -> Frozen:
    if not f.array.ndim:
        return f
    lead = LIFTED[: 4 - f.array.ndim]
    return replace(f, array=np.broadcast_to(f.array, (*lead, *f.array.shape)).copy())


def _layouts(found: Tensors) -> Iterator[tuple[str, Tensors]]:
    yield "contiguous", found
    several = [k for k, f in found.items() if f.array.ndim > 1]
    for name, lay in LAYOUTS.items():
        whole = {k: f for k, f in found.items() if f.array.size}
        laid = {k: made for k, f in whole.items() if (made := lay(f)) is not None}
        if not laid:
            continue
        yield name, found | laid
        if len(several) > 1 and several[0] in laid and name in PAIRED:
            yield f"{name} first", found | {several[0]: laid[several[0]]}
            rest = {k: laid[k] for k in several[1:] if k in laid}
            if rest:
                yield f"{name} rest", found | rest
                if (first := transposed(found[several[0]])) is not None and name != "transposed":
                    yield f"transposed and {name}", found | rest | {several[0]: first}


def _ordered(f: Frozen, order: tuple[int, ...]) -> Frozen:
    """The tensor with its axes in memory in this order, the widest first."""
    moved = f.array.transpose(order)
    steps = np.empty(f.array.ndim, int)
    steps[list(order)] = _packed(moved.shape)
    return replace(f, array=moved.ravel(), strided=(f.array.shape, tuple(steps.tolist()), 0))


def _packed(shape: tuple[int, ...]) -> list[int]:
    steps = [1]
    for n in shape[:0:-1]:
        steps.append(steps[-1] * max(n, 1))
    return steps[::-1]


def transposed(f: Frozen) -> Frozen | None:
    """The last two axes exchanged in memory."""
    n = f.array.ndim
    return _ordered(f, (*range(n - 2), n - 1, n - 2)) if n > 1 else None


def channels_last(f: Frozen) -> Frozen | None:
    """Axis 1 innermost; of three axes, the first."""
    n = f.array.ndim
    if n == 3:
        return _ordered(f, (1, 2, 0))
    return _ordered(f, (0, *range(2, n), 1)) if n > 3 else None


def column_major(f: Frozen) -> Frozen | None:
    """All axes in reverse order in memory."""
    n = f.array.ndim
    return _ordered(f, tuple(range(n))[::-1]) if n > 2 else None


def _placed(f: Frozen, room: tuple[int, ...], corner: tuple[slice, ...]) -> Frozen:
    """The tensor inside a larger block of memory, in the places of `corner`."""
    memory = np.zeros(room, f.array.dtype)
    part = memory[corner]
    part[...] = f.array
    size = memory.itemsize
    steps = tuple(s // size for s in part.strides)
    start = (part.ctypes.data - memory.ctypes.data) // size if part.size else 0
    return replace(f, array=memory.ravel(), strided=(f.array.shape, steps, start))


def stepped(f: Frozen) -> Frozen | None:
    """Every second place of the last axis."""
    if not f.array.ndim:
        return None
    room = (*f.array.shape[:-1], 2 * f.array.shape[-1] + 1)
    return _placed(f, room, (..., slice(1, 2 * f.array.shape[-1] + 1, 2)))


def cut(f: Frozen) -> Frozen | None:
    """Rows of a wider, transposed block."""
    laid = transposed(f)
    if laid is None:
        return None
    n = f.array.ndim
    order = (*range(n - 2), n - 1, n - 2)
    shape = [f.array.shape[d] for d in order]
    wide = _placed(
        replace(f, array=f.array.transpose(order)), (*shape[:-1], shape[-1] + 2),
        (..., slice(1, shape[-1] + 1)),
    )  # fmt: skip
    size, steps, start = wide.strided or ((), (), 0)
    return replace(
        wide, strided=(tuple(size[d] for d in order), tuple(steps[d] for d in order), start)
    )


def expanded(f: Frozen) -> Frozen | None:
    """The first of the first axis, over again."""
    if not f.array.ndim or f.array.shape[0] < 2:
        return None
    row = f.array[:1]
    steps = (0, *_packed(row.shape)[1:])
    return replace(f, array=row.ravel(), strided=(f.array.shape, steps, 0))


def expanded_inside(f: Frozen) -> Frozen | None:
    """The first of the last axis, over again."""
    if f.array.ndim < 2 or f.array.shape[-1] < 2:
        return None
    row = f.array[..., :1]
    steps = (*_packed(row.shape)[:-1], 0)
    return replace(f, array=row.ravel(), strided=(f.array.shape, steps, 0))


LAYOUTS: dict[str, Callable[[Frozen], Frozen | None]] = {
    "transposed": transposed,
    "channels last": channels_last,
    "column-major": column_major,
    "stepped": stepped,
    "cut": cut,
    "expanded": expanded,
    "expanded inside": expanded_inside,
}
PAIRED = frozenset(("transposed", "channels last", "column-major", "expanded inside"))


def _with(sample: Sample, found: Tensors) -> Sample:
    def put(value: Any) -> Any:
        if isinstance(value, Frozen):
            return found[value.key]
        if isinstance(value, dict):
            return {k: put(v) for k, v in value.items()}
        if isinstance(value, (tuple, list)):
            return type(value)(put(v) for v in value)
        if isinstance(value, slice):
            return slice(put(value.start), put(value.stop), put(value.step))
        return value

    return replace(sample, args=put(sample.args), kwargs=put(sample.kwargs))
