"""Pooling primitives over (N, C, *S), with their transposes; a hidden dimension joins the batch.

Knows canonical parameters only (one int a spatial axis). The gradient of every max-pooling is one
scatter to the indices that its forward found, whose own gradient reads at these indices.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from franken.backends.meta import rules
from franken.backends.numpy import pool as kernels
from franken.backends.numpy.halves import halved
from franken.core.batching import batch_size, spread
from franken.core.geometry.planning import Operand, images, planes
from franken.core.primitive import NOT_DIFFERENTIABLE, Primitive
from franken.core.tensor import Tensor
from franken.ops.nn.conv import merge, split
from franken.ops.nn.windows import pool_output_shape
from franken.ops.shape.movement import linear


def in_batch(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    """Batching rule: the hidden dimension of every input is joined with its first dimension."""
    size = batch_size(values, dims)
    joined = [
        merge(spread(v, d, size), 0) if isinstance(v, Tensor) else v
        for v, d in zip(values, dims, strict=True)
    ]
    if "strides" in params:  # whose axes are others
        params = {**params, "strides": None}
    out = prim(*joined, **params)
    if type(out) is tuple:
        return tuple(split(o, 0, size, o.shape[0] // size) for o in out), 0
    return split(out, 0, size, out.shape[0] // size), 0


# --- largest -------------------------------------------------------------------------------------


def _max_kernel(
    x: Any, *, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Any:
    return kernels.max_pool_forward(x, kernel, stride, padding, dilation, ceil_mode)


def _adaptive_max_kernel(x: Any, *, size: Any, single: bool = False) -> Any:
    if 0 in size:  # no window at all
        empty = np.empty((*x.shape[:2], *size), x.dtype)
        return empty, empty.astype(np.int64)
    return kernels.adaptive_max_forward(x, size)


def _fractional_kernel(x: Any, samples: Any, *, kernel: Any, size: Any) -> Any:
    # x alone is widened: where windows lie is computed in the samples' own precision
    return halved(lambda wide: kernels.fractional_max_forward(wide, kernel, size, samples))(x)


def _put_kernel(y: Any, index: Any, *, size: Any, disjoint: bool, strides: Any = None) -> Any:
    return kernels.max_pool_backward(y, index, (*y.shape[:2], *size), disjoint)


def _unpool_kernel(y: Any, index: Any, *, size: Any) -> Any:
    return kernels.max_unpool(y, index, size)


def _max_geometry(
    x: Any, *, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Any:
    size = pool_output_shape(x.shape[2:], kernel, stride, padding, dilation, ceil_mode)
    return rules.planes_and_places(x, size=size)


def _avg_geometry(
    x: Any, *, kernel: Any, stride: Any, padding: Any, ceil_mode: bool, **params: Any
) -> Any:
    apart = (1,) * len(kernel)
    size = pool_output_shape(x.shape[2:], kernel, stride, padding, apart, ceil_mode)
    return rules.planes(x, size=size)


max_pool = Primitive(
    "max_pool",
    ("x",),
    halved(_max_kernel),
    outputs=2,
    nondiff=(1,),
    batch=in_batch,
    layout="volumes",
    meta=_max_geometry,
)
adaptive_max = Primitive(
    "adaptive_max_pool",
    ("x",),
    halved(_adaptive_max_kernel),
    outputs=2,
    nondiff=(1,),
    batch=in_batch,
    layout="planes",
    meta="planes_and_places",
)
fractional_max = Primitive(
    "fractional_max_pool", ("x", "samples"), _fractional_kernel, outputs=2, nondiff=(1,),
    batch=in_batch, meta="planes_and_places",
)  # fmt: skip
# y added at plane indices into zeros; `disjoint` says that no index occurs twice in a plane
max_pool_grad = Primitive(
    "max_pool_grad",
    ("y", "index"),
    halved(_put_kernel),
    batch=in_batch,
    layout="said",
    meta="planes",
)
# y put at plane indices, the last of several counts
max_unpool = Primitive(
    "max_unpool",
    ("y", "index"),
    halved(_unpool_kernel),
    batch=in_batch,
    layout="planes",
    meta="planes",
)
# x read at plane indices
take_planes = Primitive(
    "take_planes", ("x", "index"), kernels.take_planes, batch=in_batch, meta="at"
)


def _disjoint(kernel: Any, stride: Any, dilation: Any) -> bool:
    return all(s > (k - 1) * d for k, s, d in zip(kernel, stride, dilation, strict=True))


def as_input(plan: Any, shape: Any, layout: Any) -> Any:
    """The strides of an input's gradient, planned as a result of its shape would be."""
    return None if layout is None else plan(shape, [Operand(shape, layout)])


@max_pool.vjp("x")
def _(
    g: Any, out1: Any, x_shape: Any, x_layout: Any, kernel: Any, stride: Any, dilation: Any
) -> Any:
    apart = _disjoint(kernel, stride, dilation)
    strides = as_input(images, x_shape, x_layout)
    return max_pool_grad(g[0], out1, size=x_shape[2:], disjoint=apart, strides=strides)


def refuse_empty_gradient(kind: str, g: Any, single: bool) -> None:
    """Raise torch's error for an adaptive pool of no windows, which has a value but no slope.

    A `single` example has no batch axis, and its channels are what torch takes for one.
    """
    shown = list(g.shape)
    shown = shown if len(shown) > 3 else [*shown[:2], 1, *shown[2:]]
    axes = len(shown) - 2
    shown = shown[1:] if single else shown
    if 0 not in shown[1:]:
        return
    raise RuntimeError(
        f"adaptive_{kind}_pool{axes}d_backward(): Expected grad_output to have non-zero size for "
        f"non-batch dimensions, but grad_output has sizes {shown} with dimension "
        f"{1 + shown[1:].index(0)} being empty"
    )


@adaptive_max.vjp("x")
def _(g: Any, out1: Any, x_shape: Any, x_layout: Any, single: bool) -> Any:
    refuse_empty_gradient("max", g[0], single)
    strides = as_input(planes, x_shape, x_layout)
    return max_pool_grad(g[0], out1, size=x_shape[2:], disjoint=False, strides=strides)


@fractional_max.vjp("x")
def _(g: Any, out1: Any, x_shape: Any) -> Any:
    return max_pool_grad(g[0], out1, size=x_shape[2:], disjoint=False)


for _prim in (max_pool, adaptive_max, fractional_max):
    _prim.depends("x")
    _prim.jvp(
        lambda tangents, out, *inputs, **params: (
            None if tangents[0] is None else take_planes(tangents[0], out[1]), None
        )
    )  # fmt: skip

fractional_max.vjp("samples")(NOT_DIFFERENTIABLE)
max_pool_grad.vjp("index")(NOT_DIFFERENTIABLE)
max_unpool.vjp("index")(NOT_DIFFERENTIABLE)
take_planes.vjp("index")(NOT_DIFFERENTIABLE)


@max_pool_grad.vjp("y")
def _(g: Any, index: Any) -> Any:
    return take_planes(g, index)


@max_unpool.vjp("y")
def _(g: Any, index: Any) -> Any:
    return take_planes(g, index)


@take_planes.vjp("x")
def _(g: Any, index: Any, x_shape: Any) -> Any:
    return max_pool_grad(g, index, size=x_shape[2:], disjoint=False)


for _prim in (max_pool_grad, max_unpool, take_planes):

    def _tangent(
        tangents: Any, out: Any, x: Any, index: Any, _p: Any = _prim, **params: Any
    ) -> Any:
        return None if tangents[0] is None else _p(tangents[0], index, **params)

    _prim.jvp(_tangent)


# --- average -------------------------------------------------------------------------------------


def _avg_kernel(
    x: Any, *, kernel: Any, stride: Any, padding: Any, ceil_mode: bool, include: bool, divisor: Any
) -> Any:
    return kernels.avg_pool_forward(x, kernel, stride, padding, ceil_mode, include, divisor)


def _avg_grad_kernel(
    y: Any, *, size: Any, kernel: Any, stride: Any, padding: Any, ceil_mode: bool, include: bool,
    divisor: Any, strides: Any = None,
) -> Any:  # fmt: skip
    shape = (*y.shape[:2], *size)
    return kernels.avg_pool_backward(y, shape, kernel, stride, padding, ceil_mode, include, divisor)


def _parts(shape: Any, size: Any) -> Any:
    """A shape with each spatial axis as (output, window); None where windows are not equal."""
    if any(o == 0 or n == 0 or n % o for n, o in zip(shape[2:], size, strict=True)):
        return None
    return (*shape[:2], *(k for n, o in zip(shape[2:], size, strict=True) for k in (o, n // o)))


def _adaptive_avg_kernel(x: Any, *, size: Any, single: bool = False) -> Any:
    parts = _parts(x.shape, size)
    if parts is None:
        return kernels.adaptive_avg_forward(x, size)
    axes = tuple(range(3, len(parts), 2))
    return np.add.reduce(x.reshape(parts), axis=axes) / x.dtype.type(math.prod(parts[3::2]))


def _adaptive_avg_grad_kernel(y: Any, *, size: Any, strides: Any = None) -> Any:
    shape = (*y.shape[:2], *size)
    parts = _parts(shape, y.shape[2:])
    if parts is None:
        return kernels.adaptive_avg_backward(y, shape)
    out = np.empty(shape, y.dtype)
    ones = (*y.shape[:2], *(k for o in y.shape[2:] for k in (o, 1)))
    out.reshape(parts)[...] = (y / y.dtype.type(math.prod(parts[3::2]))).reshape(ones)
    return out


avg_pool = linear(
    Primitive(
        "avg_pool", ("x",), halved(_avg_kernel), batch=in_batch, layout="planes", meta=_avg_geometry
    ).depends("x")
)
avg_pool_grad = linear(
    Primitive(
        "avg_pool_grad",
        ("y",),
        halved(_avg_grad_kernel),
        batch=in_batch,
        layout="said",
        meta="planes",
    )
)
adaptive_avg = linear(
    Primitive(
        "adaptive_avg_pool",
        ("x",),
        halved(_adaptive_avg_kernel),
        batch=in_batch,
        layout="averaged",
        meta="planes",
    ).depends("x")
)
adaptive_avg_grad = linear(
    Primitive(
        "adaptive_avg_pool_grad",
        ("y",),
        halved(_adaptive_avg_grad_kernel),
        batch=in_batch,
        layout="said",
        meta="planes",
    )
)


@avg_pool.vjp("x")
def _(
    g: Any, x_shape: Any, x_layout: Any, kernel: Any, stride: Any, padding: Any, ceil_mode: bool,
    include: bool, divisor: Any,
) -> Any:  # fmt: skip
    return avg_pool_grad(
        g, size=x_shape[2:], kernel=kernel, stride=stride, padding=padding, ceil_mode=ceil_mode,
        include=include, divisor=divisor, strides=as_input(planes, x_shape, x_layout),
    )  # fmt: skip


@avg_pool_grad.vjp("y")
def _(
    g: Any, kernel: Any, stride: Any, padding: Any, ceil_mode: bool, include: bool, divisor: Any
) -> Any:
    return avg_pool(
        g, kernel=kernel, stride=stride, padding=padding, ceil_mode=ceil_mode, include=include,
        divisor=divisor,
    )  # fmt: skip


@adaptive_avg.vjp("x")
def _(g: Any, x_shape: Any, x_layout: Any, single: bool) -> Any:
    mean = set(g.shape[2:]) == {1}
    if not mean:
        refuse_empty_gradient("avg", g, single)
    # a mean's gradient is row-major, but that of rows
    own = len(x_shape) == 3 or not mean
    strides = as_input(planes, x_shape, x_layout) if own else None
    return adaptive_avg_grad(g, size=x_shape[2:], strides=strides)


@adaptive_avg_grad.vjp("y")
def _(g: Any, y_shape: Any) -> Any:
    return adaptive_avg(g, size=y_shape[2:], single=False)
