"""Views taken in place (squeeze_, transpose_, ...) and resizing of storage.

These change how a tensor looks at its memory, not the memory: the tensor takes over the view's
array and place in the graph.
"""

from __future__ import annotations

import math
import re
from itertools import takewhile
from typing import Any

import numpy as np

from franken.core import inplace
from franken.core.geometry import strides
from franken.core.geometry.memory import first_place, memory_of, relaid, restrided
from franken.core.geometry.shapes import INT64_MAX, numel, storage_bytes
from franken.core.node import Node, edge_of, titled
from franken.core.op import NAMES, op, spelled
from franken.core.primitive import NO_BATCH_RULE, Primitive, _wrap
from franken.core.state import STATE
from franken.core.tensor import Tensor, held, hold, version_of
from franken.functional.views import named as views
from franken.ops.declaring.samples import S
from franken.ops.shape import movement
from franken.ops.shape.movement import sizes
from franken.ops.shape.strided import as_strided
from franken.ops.surface.args import unwritten
from franken.ops.surface.copies import order_of


def become(x: Any, view: Any) -> Tensor:
    """Let `x` be the view of itself that was computed."""
    edge = edge_of(view)
    if x.level:
        x.rebind(view)
    else:
        hold(x, held(view))
    if x._base is not None:
        if x.dtype is x._base.dtype:
            x._chain = view._chain
        else:  # the base leads to the view as it was made: see core.inplace
            x.__dict__["_made"] = edge, x.__dict__.get("_made", (None, edge_of(x)))[1]
        x._view_ver = view._view_ver
    if x.level or STATE.grad:
        x._node = edge
    return x


_TITLE = re.compile(r"\d+$")


def _in_place(name: str, fn: Any) -> Any:
    fn = spelled(fn, {})
    forms = 3 if name == "squeeze" else 1  # torch counts the in-place ones on from those

    def number(found: Any) -> str:
        return str(int(found[0]) + forms)

    def method(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        inplace.check_inference(input)
        inplace.check(input, name)
        view = fn(input, *args, **kwargs)
        if not input.level and isinstance(view._node, Node):
            titled(view, _TITLE.sub(number, view._node.name()))
        become(input, view)
        inplace.bump(input)
        if input._base is not None:
            # its history is that of the view it became
            input._view_ver = version_of(input)[0]
        return input

    method.__name__ = method.__qualname__ = name + "_"
    method.__doc__ = f"In-place form of `{name}`: changes how the tensor looks at its memory."
    setattr(Tensor, name + "_", method)
    return method


for _name, _fn in {
    "squeeze": movement.squeeze, "unsqueeze": movement.unsqueeze, "transpose": movement.transpose,
    "t": views.t, "swapaxes": views.swapaxes, "swapdims": views.swapdims,
    "as_strided": as_strided,
}.items():  # fmt: skip
    _method = _in_place(_name, _fn)
    if _name == "as_strided":
        NAMES["torch"]["as_strided_"] = _method


def _steps_for(shape: tuple[int, ...], memory_format: Any) -> tuple[int, ...]:
    order = order_of(memory_format, len(shape))
    if order in ("K", "C"):
        return strides.contiguous_strides(shape)
    return strides.memory_format_strides(shape, memory_format)


def _grow_kernel(x: Any, *, shape: tuple[int], rest: Any) -> Any:
    out = np.full(shape, rest, x.dtype)
    out[: x.size] = x[: out.size]
    return out


# A storage made larger: what it held, then `rest`.
grow_ = Primitive("grow", ("x",), _grow_kernel, batch=NO_BATCH_RULE).not_differentiable()


def _resized(x: Tensor, shape: tuple[int, ...], memory_format: Any) -> Any:
    """The array that x becomes: over its own storage if that is large enough."""
    a, steps = held(x), _steps_for(shape, memory_format)
    beyond = 0 in shape and math.prod(filter(None, shape)) * a.itemsize > INT64_MAX
    if beyond or max(steps, default=0) > INT64_MAX:
        raise RuntimeError("Stride calculation overflowed")
    found = relaid(a, shape, steps)
    if found is not None:
        return found
    storage_bytes(shape, a.itemsize)
    row, place = memory_of(a), first_place(a)
    size = math.prod(shape) + place
    grown = grow_(_wrap(a.reshape(-1) if row is None else row, x.device), shape=(size,),
                  rest=unwritten(x.dtype))._a  # fmt: skip
    return restrided(grown, shape, steps, place)


def _check_resizable(x: Tensor) -> None:
    if edge_of(x) is not None and not STATE.inference:
        raise RuntimeError("cannot resize variables that require grad")


@op(at="", method=True, samples=lambda t: [S(t.const(3, 4), (2, 6)), S(t.const(3, 4), 2, 3)])
def resize_(input: Tensor, *size: Any, memory_format: Any = None, **spelled: Any) -> Tensor:
    """Change the sizes, over the same storage where it suffices; new elements are zero."""
    shape = sizes(size, spelled)
    if any(n < 0 for n in shape):
        raise RuntimeError("numel: integer multiplication overflow")
    if tuple(input.shape) == shape:
        return input
    inplace.check_inference(input)
    _check_resizable(input)
    numel(takewhile(bool, shape))
    hold(input, _resized(input, shape, memory_format))
    inplace.bump(input)
    return input


@op(samples=lambda t: [S(t.const(3, 4), t.const(2, 6))])
def resize_as_(input: Tensor, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    """`resize_` to the sizes of another tensor."""
    _check_resizable(input)
    return resize_(input, tuple(the_template.shape), memory_format=memory_format)
