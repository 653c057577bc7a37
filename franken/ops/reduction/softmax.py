"""Softmax, log-softmax and softmin, with backward passes that are ops of their own."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from franken.backends.numpy.halves import halved
from franken.backends.numpy.parallel import parallel_for
from franken.core.batching import all_batched, shift_axes
from franken.core.calls.out import FREE
from franken.core.convert import cast
from franken.core.geometry.shapes import wrap_dim
from franken.core.linear import reduce_sum
from franken.core.node import backward_name, titled
from franken.core.op import op
from franken.core.primitive import Primitive
from franken.core.tensor import Tensor
from franken.ops.declaring.declare import refused
from franken.ops.declaring.samples import S, along

F32 = np.dtype(np.float32)
_BLOCK = 1 << 16  # elements worked on at a time: 256 KiB of float32 stay in the cache


def _total(x: Any, axis: int) -> Any:
    """The sum along an axis, kept. einsum is quickest on rows: 18 us for 65 x 1000, not 50."""
    if x.ndim == 2 and axis == 1 and x.shape[1] <= 2048:
        return np.einsum("ij->i", x)[:, None]
    return np.add.reduce(x, axis=axis, keepdims=True)


def _softmax_block(x: Any, *, out: Any, axis: int) -> None:
    np.subtract(x, np.maximum.reduce(x, axis=axis, keepdims=True), out=out)
    np.exp(out, out=out)
    np.divide(out, _total(out, axis), out=out)


def _log_softmax_block(x: Any, *, out: Any, axis: int) -> None:
    np.subtract(x, np.maximum.reduce(x, axis=axis, keepdims=True), out=out)
    total = _total(np.exp(out), axis)
    np.subtract(out, np.log(total), out=out)


def _softmax_grad_block(g: Any, y: Any, *, out: Any, axis: int) -> None:
    np.multiply(g, y, out=out)
    total = _total(out, axis)
    np.subtract(g, total, out=out)
    np.multiply(out, y, out=out)


def _log_softmax_grad_block(g: Any, y: Any, *, out: Any, axis: int) -> None:
    np.exp(y, out=out)
    np.multiply(out, _total(g, axis), out=out)
    np.subtract(g, out, out=out)


def _in_blocks(block: Any) -> Any:
    """The kernel that applies `block` to all of its arrays, one cache-sized part at a time."""
    small = halved(lambda *arrays, dim: _whole(block, arrays, dim))

    def kernel(*arrays: Any, dim: int) -> Any:
        if arrays[0].size <= _BLOCK:
            return small(*arrays, dim=dim)
        return _large(block, arrays, dim)

    return kernel


def _whole(block: Any, arrays: Any, dim: int) -> Any:
    out = np.empty(arrays[0].shape, arrays[0].dtype)
    if out.size:
        block(*arrays, out=out, axis=dim)
    return out


def _large(block: Any, arrays: Any, dim: int) -> Any:
    shape, low = arrays[0].shape, arrays[0].dtype
    n, inner = shape[dim], math.prod(shape[dim + 1 :])
    view = (-1, n) if inner == 1 else (-1, n, inner)
    flat = [np.ascontiguousarray(v).reshape(view) for v in arrays]
    out = np.empty(shape, low)
    target = out.reshape(view)
    wide = F32 if low.itemsize == 2 else low
    width = min(inner, max(1024, _BLOCK // n))
    columns = -(-inner // width)
    rows = max(1, _BLOCK // (n * width))

    def run(start: int, stop: int) -> None:
        with np.errstate(all="ignore"):
            for task in range(start, stop):
                row, column = divmod(task, columns)
                at: Any = slice(row * rows, (row + 1) * rows)
                if inner > 1:
                    at = (at, slice(None), slice(column * width, (column + 1) * width))
                parts = [v[at].astype(wide, copy=False) for v in flat]
                if wide is low:
                    block(*parts, out=target[at], axis=1)
                else:
                    target[at] = _whole(block, parts, 1)

    parallel_for(-(-len(target) // rows) * columns, 4, run)
    return out


softmax_ = Primitive(
    "softmax", ("x",), _in_blocks(_softmax_block), batch=shift_axes("dim"), meta="same"
)
log_softmax_ = Primitive(
    "log_softmax",
    ("x",),
    _in_blocks(_log_softmax_block),
    batch=shift_axes("dim"),
    meta="same",
)
softmax_grad = Primitive(
    "softmax_grad",
    ("g_", "y"),
    _in_blocks(_softmax_grad_block),
    batch=all_batched("dim"),
    title="SoftmaxBackwardDataBackward0",
    meta="same",
)
log_softmax_grad = Primitive(
    "log_softmax_grad",
    ("g_", "y"),
    _in_blocks(_log_softmax_grad_block),
    batch=all_batched("dim"),
    meta="same",
)


def _sum(x: Any, dim: int) -> Any:
    return reduce_sum(x, axes=(dim,), keepdim=True)


@softmax_.vjp("x")
def _(g: Any, out: Any, dim: int) -> Any:
    return softmax_grad(g, out, dim=dim)


@softmax_.jvp
def _(tangents: Any, out: Any, x: Any, *, dim: int) -> Any:
    return softmax_grad(tangents[0], out, dim=dim)  # the Jacobian is symmetric


@softmax_grad.vjp("g_")
def _(g: Any, y: Any, dim: int) -> Any:
    return softmax_grad(g, y, dim=dim)


@softmax_grad.vjp("y")
def _(g: Any, g_: Any, y: Any, dim: int) -> Any:
    return g * (g_ - _sum(g_ * y, dim)) - g_ * _sum(g * y, dim)


@log_softmax_.vjp("x")
def _(g: Any, out: Any, dim: int) -> Any:
    return log_softmax_grad(g, out, dim=dim)


@log_softmax_.jvp
def _(tangents: Any, out: Any, x: Any, *, dim: int) -> Any:
    return tangents[0] - _sum(out.exp() * tangents[0], dim)


@log_softmax_grad.vjp("g_")
def _(g: Any, y: Any, dim: int) -> Any:
    return g - _sum(g * y.exp(), dim)


@log_softmax_grad.vjp("y")
def _(g: Any, g_: Any, y: Any, dim: int) -> Any:
    return -(g * y.exp() * _sum(g_, dim))


def _apply(prim: Primitive, x: Tensor, dim: int, dtype: Any) -> Tensor:
    if dtype is not None:
        x = cast(x, dtype)
    d = wrap_dim(dim, x.ndim)
    if not x.dtype.is_floating_point:
        last = "_lastdim" if d == x.ndim - 1 else ""
        raise NotImplementedError(
            f"\"{prim.name}{last}_kernel_impl\" not implemented for '{x.dtype.scalar_name}'"
        )
    if x.ndim == 0:
        out = prim(x.reshape(1), dim=0).reshape(())
        return titled(out, backward_name(prim.name))
    return prim(x, dim=d)


@op(at="torch special", out=FREE, samples=along)
def softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """exp(x) divided by its sum along a dimension."""
    return _apply(softmax_, input, dim, dtype)


@op(at="torch special", out=FREE, samples=along)
def log_softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """The logarithm of softmax along a dimension, computed as one."""
    return _apply(log_softmax_, input, dim, dtype)


@op(
    method=False,
    samples=lambda t: [
        S(t(3, 4), t(3, 4, low=0.1, high=0.4), 1, t.dtype),
        S(t(2, 3), t(2, 3, low=0.1, high=0.4), 0, t.dtype),
    ],
)
def _softmax_backward_data(
    grad_output: Tensor, output: Tensor, dim: int, input_dtype: Any
) -> Tensor:
    """The gradient of softmax from its output."""
    d = wrap_dim(dim, output.ndim)
    last = "_lastdim" if d == output.ndim - 1 else ""
    refused(f"softmax_backward{last}_kernel_impl", output.dtype, "bic")
    g = softmax_grad(grad_output, output, dim=d)
    return cast(g, input_dtype)


def _implicit_dim(name: str, ndim: int) -> int:
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include "
        "dim=X as an argument.",
        stacklevel=5,
    )
    return 0 if ndim in (0, 1, 3) else 1


def _functional(name: str, fn: Any, doc: str) -> Any:
    def public(input: Tensor, dim: Any = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
        return fn(input, _implicit_dim(name, input.ndim) if dim is None else dim, dtype)

    public.__name__ = public.__qualname__ = name
    public.__doc__ = doc
    return op(at="nn.functional", method=False, samples=along)(public)


_functional("softmax", softmax, "Softmax along a dimension; `dim` should be given.")
_functional("log_softmax", log_softmax, "Log-softmax along a dimension; `dim` should be given.")
_functional("softmin", lambda x, dim, dtype: softmax(-x, dim, dtype), "Softmax of -x.")
