"""Arranging results: a kernel's array put in the layout that the op declares.

Works on the arrays of either backend; the layouts themselves are planned in `planning`. Kernels
give row-major results of row-major inputs, so that only other inputs cost anything here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from franken.core.geometry.memory import element_strides, in_elements, over
from franken.core.geometry.planning import PLANNERS, Operand, Planner, iterator
from franken.core.geometry.shapes import Shape
from franken.core.geometry.strides import contiguous_strides

# Layouts that are not row-major though all inputs are (or need not be: a gradient's may be said).
_OWN = frozenset(("column_major", "filtered", "said", "transformed"))

_NUMBER = ((), (), 1)  # an input without axes, as torch wraps it

Arrange = Callable[[Sequence[Any], Any, Any], Any]


def arranger(kind: str | tuple[str, ...] | None) -> Arrange | None:
    """`arrange(inputs, out, params)` of a layout's name, or of one name an output."""
    if kind is None:
        return None
    if kind == "contiguous":
        return row_major
    if kind == "iterator":
        return _iterator
    if kind == "tensors":
        return _of_tensors
    names = (kind,) if isinstance(kind, str) else kind
    planners = [PLANNERS[name] for name in names]
    if not _OWN.isdisjoint(names):

        def always(inputs: Sequence[Any], out: Any, params: Any) -> Any:
            return planned(planners, inputs, out, params)

        return always

    def arrange(inputs: Sequence[Any], out: Any, params: Any) -> Any:
        for a in inputs:
            if hasattr(a, "flags") and (
                not a.flags.c_contiguous
                or 1 in a.shape  # an image of one channel may be row-major and channels last
                or not a.size
            ):
                return planned(planners, inputs, out, params)
        return row_major(inputs, out, params)

    return arrange


def row_major(inputs: Sequence[Any], out: Any, params: Any) -> Any:
    """The result (or each of several) row-major, whatever the inputs are."""
    if type(out) is tuple:
        return tuple([row_major(inputs, o, params) for o in out])
    if not hasattr(out, "flags"):
        return out
    if out.flags.c_contiguous:
        shape = out.shape
        if (out.size and 1 not in shape) or out.strides == _row_major_bytes(shape, out.itemsize):
            return out
    return placed(out, contiguous_strides(out.shape))


@lru_cache(4096)
def _row_major_bytes(shape: Shape, size: int) -> Shape:
    return tuple([n * size for n in contiguous_strides(shape)])


def planned(planners: Sequence[Planner], inputs: Sequence[Any], out: Any, params: Any) -> Any:
    """The result (or each of several) under the strides that the planners give for the inputs.

    The last planner serves all further results.
    """
    if type(out) is not tuple:
        return _planned(planners[0], inputs, out, params)
    last = len(planners) - 1
    return tuple([_planned(planners[min(i, last)], inputs, o, params) for i, o in enumerate(out)])


def _iterator(inputs: Sequence[Any], out: Any, params: Any) -> Any:
    if type(out) is tuple:
        return tuple([_iterator(inputs, o, params) for o in out])
    return followed(out, *inputs) if hasattr(out, "strides") else out


def _of_tensors(inputs: Sequence[Any], out: Any, params: Any) -> Any:
    """As an elementwise op that takes its numbers as they are."""
    return _iterator([a for a in inputs if hasattr(a, "strides")], out, params)


def _planned(planner: Planner, inputs: Sequence[Any], out: Any, params: Any) -> Any:
    if not hasattr(out, "strides"):
        return out
    if planner is iterator:  # one of several outputs
        return followed(out, *inputs)
    operands = [Operand(a.shape, element_strides(a)) for a in inputs if hasattr(a, "strides")]
    return placed(out, planner(out.shape, operands, params))


def followed(out: Any, *inputs: Any) -> Any:
    """An elementwise result laid out as torch does, which follows the inputs' layouts."""
    found: list[Any] = []
    for a in inputs:
        if hasattr(a, "strides"):
            found += (a.shape, a.strides, a.itemsize)
        elif a is not None:
            found += _NUMBER
    to = _iterated(out.shape, out.strides, out.itemsize, *found)
    return out if to is None else placed(out, to)


# Programs repeat a few geometries: planning one anew took a third of an LSTM's step.
@lru_cache(4096)
def _iterated(shape: Shape, steps: Shape, size: int, *inputs: Any) -> Shape | None:
    """The strides in elements that a result must get; None where it has them already.

    `steps` are the result's, `size` its itemsize; then in turn the inputs' shapes, strides and
    itemsizes. All count bytes.
    """
    triples = zip(inputs[::3], inputs[1::3], inputs[2::3], strict=True)
    operands = [Operand(of, in_elements(of, by, item)) for of, by, item in triples]
    to = iterator(shape, operands)
    return None if to == in_elements(shape, steps, size) else to


def placed(a: Any, strides: Shape) -> Any:
    """The array under `strides` (in elements, without gaps): itself if it is, else a copy."""
    if element_strides(a) == strides or not a.itemsize:
        return a
    axes = range(a.ndim)
    order = sorted(axes, key=lambda d: (-strides[d], d))
    moved = a.transpose(order).copy(order="C")
    made = moved.transpose(sorted(axes, key=order.__getitem__))
    return made if element_strides(made) == strides else _seen(moved, a.shape, strides)


def _seen(memory: Any, shape: Shape, strides: Shape) -> Any:
    """Row-major memory under strides that its shape would not have."""
    steps = tuple([s * memory.itemsize for s in strides])
    if not isinstance(memory, np.ndarray):
        tricks = memory.__array_namespace__().lib.stride_tricks
        return tricks.as_strided(memory, shape, steps)
    return over(memory, shape, steps, 0)


def with_strides(a: Any) -> Any:
    """An empty array that says its strides, so that its views have theirs."""
    return a if any(a.strides) else _seen(a, a.shape, contiguous_strides(a.shape))
