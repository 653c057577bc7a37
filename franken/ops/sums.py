"""The sum over axes, and the reduction of a broadcast cotangent to its input's shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.autograd import engine
from franken.core import dtypes as dt
from franken.core.bind import _wrap
from franken.core.op import op
from franken.core.primitive import Primitive
from franken.core.shapes import wrap_dims
from franken.core.tensor import Tensor
from franken.ops.convert import cast
from franken.ops.declare import halved
from franken.ops.rules import shift_axes


def _sum_kernel(x: Any, *, axes: tuple[int, ...], keepdim: bool) -> Any:
    return np.add.reduce(x, axis=axes, keepdims=keepdim)


reduce_sum = Primitive("sum", ("x",), halved(_sum_kernel), batch=shift_axes("axes"))


@reduce_sum.vjp("x")
def _(g: Any, x_shape: Any, axes: Any, keepdim: bool) -> Any:
    return unreduce(g, x_shape, axes, keepdim)


@reduce_sum.jvp
def _(tangents: Any, out: Any, x: Any, *, axes: Any, keepdim: bool) -> Any:
    return reduce_sum(tangents[0], axes=axes, keepdim=keepdim)


def unreduce(g: Any, shape: tuple[int, ...], axes: tuple[int, ...], keepdim: bool) -> Any:
    """Repeat a reduced value along the axes that it was reduced over."""
    if not keepdim:
        g = g.reshape([1 if i in axes else n for i, n in enumerate(shape)])
    return g.expand(shape)


def canonical_axes(dim: Any, ndim: int) -> tuple[int, ...]:
    """The axes meant by a `dim` argument: None and () mean all."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(ndim))
    axes = wrap_dims((dim,) if isinstance(dim, int) else dim, ndim)
    return tuple(axes) if ndim else ()


@op(out=True)
def sum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Sum over dimensions; integers and bools sum to int64."""
    x = input
    if dtype is not None:
        x = cast(x, dtype)
    elif x.dtype.kind <= dt.INTEGER:
        x = cast(x, dt.int64)
    return reduce_sum(x, axes=canonical_axes(dim, x.ndim), keepdim=keepdim)


def sum_to(g: Any, shape: tuple[int, ...]) -> Any:
    """Reduce a broadcast value to `shape`."""
    have = tuple(g.shape)
    lead = len(have) - len(shape)
    axes = tuple(range(lead)) + tuple(
        i + lead for i, n in enumerate(shape) if n == 1 and have[i + lead] != 1
    )
    out = reduce_sum(g, axes=axes, keepdim=False) if axes else g
    return out if tuple(out.shape) == tuple(shape) else out.reshape(shape)


def _zeros(shape: Any, dtype: Any, dev: Any) -> Any:
    return _wrap(np.zeros(shape, dtype), dev)


engine.add = lambda a, b: a + b
engine.sum_to = sum_to
engine.zeros = _zeros
engine.cast = lambda g, np_dtype: cast(g, dt.from_numpy(np_dtype))
