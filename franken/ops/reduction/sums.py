"""Sums and means over axes, and the reduction of a broadcast cotangent to its input's shape."""

from __future__ import annotations

import builtins
import math
import operator
from typing import Any

import numpy as np

from franken.backends.numpy import reduce as kernels
from franken.backends.numpy.halves import halved
from franken.core import dtypes as dt
from franken.core.batching import pointwise, shift_axes
from franken.core.calls.out import INFER
from franken.core.convert import cast
from franken.core.geometry.shapes import brackets, wrap_dims
from franken.core.linear import SMALL, reduce_sum, sum_to, unreduce
from franken.core.node import titled
from franken.core.op import op
from franken.core.primitive import NOT_DIFFERENTIABLE, Primitive
from franken.core.tensor import Tensor
from franken.ops.declaring.declare import refused
from franken.ops.declaring.samples import S, reduction
from franken.ops.shape.movement import sizes

# --- helpers of every reduction ------------------------------------------------------------------


def canonical_axes(dim: Any, ndim: int) -> tuple[int, ...]:
    """The axes meant by a `dim` argument, ascending: None and () mean all."""
    if dim is None:
        return tuple(range(ndim))
    if dim.__class__ is int and ndim > 0 and -ndim <= dim < ndim:
        return (dim % ndim,)
    if not isinstance(dim, (tuple, list)):
        dim = (operator.index(dim),)
    if not dim:
        return tuple(range(ndim))
    axes = wrap_dims(dim, ndim)
    return tuple(sorted(axes)) if ndim else ()


def count_of(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    """How many elements each result of a reduction comes from."""
    return math.prod(shape[i] for i in axes)


def long_if_int(x: Tensor, dtype: Any = None) -> Tensor:
    """In `dtype`; by default int64 for integers and bools, else as it is."""
    if dtype is not None:
        return cast(x, dtype)
    return cast(x, dt.int64) if x.dtype.kind <= dt.INTEGER else x


def float_if_int(x: Tensor) -> Tensor:
    """In the default dtype if integer or bool, else as it is."""
    return cast(x, dt.get_default_dtype()) if x.dtype.kind <= dt.INTEGER else x


# --- sum -----------------------------------------------------------------------------------------


@op(out=INFER, samples=reduction)
def sum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Sum over dimensions; integers and bools sum to int64."""
    x = long_if_int(input, dtype)
    out = reduce_sum(x, axes=canonical_axes(dim, x.ndim), keepdim=keepdim)
    out = out if dim is None else titled(out, "SumBackward1")
    return out if dtype is None else cast(out, dtype)  # what bools come to is counted in int64


@op(
    at="",
    method=True,
    samples=lambda t: [S(t(2, 3, 4), 3, 1), S(t(2, 3), (2, 3)), S(t(2, 3), (1, 1))],
)
def sum_to_size(input: Tensor, *sizes_: Any, size: Any = None) -> Tensor:
    """The sum over the dimensions that broadcasting `size` to this shape would repeat."""
    want, have = sizes(sizes_ if size is None else size), tuple(input.shape)
    lead = len(have) - len(want)
    if lead < 0 or builtins.any(n not in (1, m) for n, m in zip(want, have[lead:], strict=True)):
        raise RuntimeError(
            f"size {{{brackets(want)}}} is not expandable to size {{{brackets(have)}}}."
        )
    return input if want and want == have else sum_to(long_if_int(input), want)


# --- mean ----------------------------------------------------------------------------------------


def _mean_kernel(x: Any, *, axes: tuple[int, ...], keepdim: Any) -> Any:
    if x.size > SMALL:
        return kernels.mean(x, axes, keepdim)
    return np.add.reduce(x, axis=axes, keepdims=keepdim) / count_of(x.shape, axes)


reduce_mean = Primitive(
    "mean", ("x",), halved(_mean_kernel), batch=shift_axes("axes"), meta="reduced"
)


@reduce_mean.vjp("x")
def _(g: Any, x_shape: Any, axes: Any, keepdim: bool) -> Any:
    return unreduce(g / (count_of(x_shape, axes) or 1), x_shape, axes, keepdim)


@reduce_mean.jvp
def _(tangents: Any, out: Any, x: Any, *, axes: Any, keepdim: bool) -> Any:
    return reduce_mean(tangents[0], axes=axes, keepdim=keepdim)


@op(out=True, samples=reduction)
def mean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Mean over dimensions; floating point and complex only."""
    x = cast(input, dtype) if dtype is not None else input
    if x.dtype.kind <= dt.INTEGER:
        what = "Input dtype" if dtype is None else "Optional dtype"
        raise RuntimeError(
            f"mean(): could not infer output dtype. {what} must be either a floating point or "
            f"complex dtype. Got: {x.dtype.scalar_name}"
        )
    out = reduce_mean(x, axes=canonical_axes(dim, x.ndim), keepdim=keepdim)
    return out if dim is None else titled(out, "MeanBackward1")


# --- with NaN left out ---------------------------------------------------------------------------


def _zero_nan_kernel(x: Any, like: Any) -> Any:
    return np.where(np.isnan(like), x.dtype.type(0), x)


# x with zeros where `like` is NaN: linear in x.
zero_nan = Primitive(
    "zero_nan", ("x", "like"), _zero_nan_kernel, batch=pointwise, layout="iterator"
)

zero_nan.vjp("like")(NOT_DIFFERENTIABLE)


@zero_nan.vjp("x")
def _(g: Any, like: Any) -> Any:
    return zero_nan(g, like)


@zero_nan.jvp
def _(tangents: Any, out: Any, x: Any, like: Any) -> Any:
    return None if tangents[0] is None else zero_nan(tangents[0], like)


def _nansum_kernel(x: Any, *, axes: tuple[int, ...], keepdim: bool) -> Any:
    return kernels.nansum(x, axes, keepdim)


reduce_nansum = Primitive(
    "nansum", ("x",), halved(_nansum_kernel), batch=shift_axes("axes"), meta="reduced"
)


@reduce_nansum.vjp("x")
def _(g: Any, x: Any, axes: Any, keepdim: bool) -> Any:
    # a product, as torch's: 0 / 0 of the mean of nothing but NaN must not vanish
    return unreduce(g, tuple(x.shape), axes, keepdim) * _not_nan(x)


@reduce_nansum.jvp
def _(tangents: Any, out: Any, x: Any, *, axes: Any, keepdim: bool) -> Any:
    return reduce_sum(zero_nan(tangents[0], x), axes=axes, keepdim=keepdim)


@op(out=INFER, samples=reduction)
def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Sum over dimensions with NaN counted as zero."""
    if input.dtype.is_complex:
        raise RuntimeError("nansum on CPU does not support complex inputs")
    if dtype is not None and input.dtype.is_floating_point and dtype.is_complex:
        refused("nansum_cpu", dtype, "c")
    x = long_if_int(input, dtype)
    axes = canonical_axes(dim, x.ndim)
    prim = reduce_nansum if x.dtype.is_floating_point else reduce_sum
    out = prim(x, axes=axes, keepdim=keepdim)
    return out if dtype is None else cast(out, dtype)


@op(out=True, samples=reduction)
def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Mean over dimensions of what is not NaN."""
    if input.dtype.kind <= dt.INTEGER:
        raise RuntimeError(
            "nanmean(): expected input to have floating point or complex dtype but got "
            f"{input.dtype.scalar_name}"
        )
    present = _not_nan(input)
    return nansum(input, dim, keepdim, dtype=dtype) / sum(present, dim, keepdim)


_not_nan = Primitive(
    "not_nan", ("x",), lambda x: ~np.isnan(x), batch=pointwise, layout="iterator"
).not_differentiable()
