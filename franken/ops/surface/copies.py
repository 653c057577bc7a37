"""Copies: clone and contiguous."""

from __future__ import annotations

from typing import Any

from franken.core.geometry import layout
from franken.core.geometry.arrange import placed
from franken.core.geometry.memory import element_strides
from franken.core.geometry.strides import (
    contiguous_strides,
    is_channels_last,
    memory_format_strides,
    preserved_strides,
    suggests_channels_last,
)
from franken.core.op import op
from franken.core.primitive import Primitive
from franken.core.tensor import Tensor, held
from franken.ops.declaring.samples import S, unary

_FORMATS = {f.name: f for f in (layout.channels_last, layout.channels_last_3d)}


def _clone_kernel(x: Any, *, order: str = "K") -> Any:
    if order == "K":
        return placed(x.copy(order="K"), preserved_strides(x.shape, element_strides(x)))
    if order == "C":
        return placed(x.copy(order="C"), contiguous_strides(x.shape))
    return placed(x.copy(order="C"), memory_format_strides(x.shape, _FORMATS[order]))


def _clone_batched(prim: Any, values: Any, dims: Any, params: Any) -> Any:
    order = params.get("order", "K")
    return clone_(values[0], order="K" if order in _FORMATS else order), dims[0]


clone_ = Primitive(
    "clone", ("x",), _clone_kernel, batch=_clone_batched, layout=None, meta=_clone_kernel
)
clone_.vjp("x")(lambda g: g)
clone_.jvp(lambda tangents, out, x, **params: tangents[0])


def order_of(memory_format: Any, ndim: int) -> str:
    """The clone primitive's name of a memory format: "K" keeps the order, "C" is row-major."""
    if memory_format is None or memory_format is layout.preserve_format:
        return "K"
    if memory_format is layout.contiguous_format:
        return "C"
    rank = 4 if memory_format is layout.channels_last else 5
    if ndim != rank:
        raise RuntimeError(f"required rank {rank} tensor to use {memory_format.name} format")
    return memory_format.name


@op(samples=unary)
def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy that gradients flow through, with the strides that `memory_format` asks for."""
    if memory_format is None:
        return clone_(input)
    return clone_(input, order=order_of(memory_format, input.ndim))


@op(at="", method=True, samples=lambda t: [S(t(3, 4)), S(t(3, 4).t()), S(t()), S(t(2, 0))])
def contiguous(input: Tensor, memory_format: Any = layout.contiguous_format) -> Tensor:
    """The tensor itself if it is dense in `memory_format` already, else a dense copy."""
    if memory_format is layout.preserve_format:
        raise RuntimeError("preserve memory format is unsupported by the contiguous operator")
    if is_contiguous(input, memory_format):
        return input
    return clone_(input, order=order_of(memory_format, input.ndim))


def suggested(t: Any) -> layout.memory_format:
    """The memory format in which new tensors made from this one lie; row-major if several fit."""
    if suggests_channels_last(tuple(t.shape), t.stride()):
        return layout.channels_last if t.ndim == 4 else layout.channels_last_3d
    return layout.contiguous_format


def as_images(out: Any, like: Any) -> Any:
    """The result channels last if an input of its rank is, else row-major."""
    return contiguous(out, suggested(like))


@op(at="", method=True, samples=lambda t: [S(t.const(3, 4)), S(t.const()), S(t.const(2, 0))])
def is_contiguous(input: Tensor, memory_format: Any = layout.contiguous_format) -> bool:
    """Whether the elements lie densely in row-major (or the given) order."""
    if memory_format is layout.contiguous_format:
        a = input._a if not input._bits else held(input)
        while isinstance(a, Tensor):  # a traced value: what lies at the bottom of it
            a = held(a)
        return bool(a.flags.c_contiguous)
    ndim = 4 if memory_format is layout.channels_last else 5
    if input.ndim != ndim:
        return False
    return is_channels_last(tuple(input.shape), input.stride())  # type: ignore[attr-defined]
