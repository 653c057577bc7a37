"""Views: ops that give another look at the same memory where torch's rules allow it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from franken.core import shapes
from franken.core.inplace import view_scatter
from franken.core.op import op
from franken.core.primitive import Primitive
from franken.core.tensor import Tensor
from franken.ops.rules import view_rule

# --- primitives ------------------------------------------------------------------------------------


def _reshape_kernel(x: Any, *, shape: tuple[int, ...]) -> Any:
    return x.reshape(shape)


reshape_ = Primitive(
    "reshape", ("x",), _reshape_kernel, view=True,
    batch=view_rule(lambda p, s: {"shape": (-1 if math.prod(s) else 0, *p["shape"])}),
)  # fmt: skip


@reshape_.vjp("x")
def _(g: Any, x_shape: Any) -> Any:
    return reshape_(g, shape=x_shape)


@reshape_.jvp
def _(tangents: Any, out: Any, x: Any, *, shape: Any) -> Any:
    return reshape_(tangents[0], shape=shape)


def _permute_kernel(x: Any, *, dims: tuple[int, ...]) -> Any:
    return x.transpose(dims)


permute_ = Primitive(
    "permute", ("x",), _permute_kernel, view=True,
    batch=view_rule(lambda p, s: {"dims": (0, *(d + 1 for d in p["dims"]))}),
)  # fmt: skip


@permute_.vjp("x")
def _(g: Any, dims: Any) -> Any:
    return permute_(g, dims=tuple(sorted(range(len(dims)), key=dims.__getitem__)))


@permute_.jvp
def _(tangents: Any, out: Any, x: Any, *, dims: Any) -> Any:
    return permute_(tangents[0], dims=dims)


def _expand_kernel(x: Any, *, shape: tuple[int, ...]) -> Any:
    out = np.broadcast_to(x, shape)
    out.flags.writeable = x.flags.writeable  # refused on write by the overlap check instead
    return out


def _expand_batched(p: Any, s: Any) -> Any:
    return {"shape": (-1, *p["shape"])}


expand_ = Primitive("expand", ("x",), _expand_kernel, view=True)


@expand_.vjp("x")
def _(g: Any) -> Any:
    return g  # the engine reduces to the input's shape


@expand_.jvp
def _(tangents: Any, out: Any, x: Any, *, shape: Any) -> Any:
    return expand_(tangents[0], shape=shape)


@expand_.batching
def _(prim: Any, values: Any, dims: Any, params: Any) -> Any:
    x = values[0].movedim(dims[0], 0)
    size, shape = x.shape[0], params["shape"]
    ones = (1,) * (len(shape) - (x.ndim - 1))
    return expand_(reshape_(x, shape=(size, *ones, *x.shape[1:])), shape=(size, *shape)), 0


def _slice_kernel(x: Any, *, dim: int, start: int, stop: int, step: int) -> Any:
    return x[(slice(None),) * dim + (slice(start, stop, step),)]


slice_ = Primitive(
    "slice", ("x",), _slice_kernel, view=True,
    batch=view_rule(lambda p, s: {**p, "dim": p["dim"] + 1}),
)  # fmt: skip


@slice_.vjp("x")
def _(g: Any, x_shape: Any, dim: int, start: int, stop: int, step: int) -> Any:
    params = {"dim": dim, "start": start, "stop": stop, "step": step}
    return view_scatter(g.new_zeros(x_shape), g, prim=slice_, params=params, index=-1)


@slice_.jvp
def _(tangents: Any, out: Any, x: Any, **params: Any) -> Any:
    return slice_(tangents[0], **params)


def _select_kernel(x: Any, *, dim: int, index: int) -> Any:
    return x[(slice(None),) * dim + (index, ...)]


select_ = Primitive(
    "select", ("x",), _select_kernel, view=True,
    batch=view_rule(lambda p, s: {**p, "dim": p["dim"] + 1}),
)  # fmt: skip


@select_.vjp("x")
def _(g: Any, x_shape: Any, dim: int, index: int) -> Any:
    params = {"dim": dim, "index": index}
    return view_scatter(g.new_zeros(x_shape), g, prim=select_, params=params, index=-1)


@select_.jvp
def _(tangents: Any, out: Any, x: Any, **params: Any) -> Any:
    return select_(tangents[0], **params)


# --- public ops ------------------------------------------------------------------------------------


def sizes(args: tuple[Any, ...]) -> tuple[int, ...]:
    """The sizes of a call such as view(2, 3) or view((2, 3))."""
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        args = tuple(args[0])
    return tuple(int(a) for a in args)


@op()
def reshape(input: Tensor, *shape: int) -> Tensor:
    """The same elements in another shape; a view where possible."""
    want = shapes.infer_size(sizes(shape), math.prod(input.shape))
    return reshape_(input, shape=want)


@op()
def permute(input: Tensor, *dims: int) -> Tensor:
    """A view with the dimensions in another order."""
    order = shapes.check_permutation(sizes(dims), input.ndim)
    return permute_(input, dims=order)


@op(alias=("moveaxis",))
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """A view with some dimensions moved, the others keeping their order."""
    n = input.ndim
    src = [shapes.wrap_dim(d, n) for d in ((source,) if isinstance(source, int) else source)]
    dst = [shapes.wrap_dim(d, n) for d in ((destination,) if isinstance(destination, int) else destination)]  # noqa: E501
    order = [d for d in range(n) if d not in src]
    for d, s in sorted(zip(dst, src, strict=True)):
        order.insert(d, s)
    return permute_(input, dims=tuple(order))


@op(method=True, at="")
def expand(input: Tensor, *size: int, implicit: bool = False) -> Tensor:
    """A view with dimensions of size 1 repeated to `size`."""
    from franken.core.strides import contiguous_strides, expand_strides

    shape = tuple(input.shape)
    target, _ = expand_strides(shape, contiguous_strides(shape), sizes(size))
    return expand_(input, shape=target)


@op()
def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """A view of `length` entries of one dimension, from `start` on."""
    if input.ndim == 0:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    d = shapes.wrap_dim(dim, input.ndim)
    n, at = input.shape[d], int(start)
    if not -n <= at <= n:
        raise IndexError(
            f"start out of range (expected to be in range of [-{n}, {n}], but got {at})"
        )
    at = at + n if at < 0 else at
    if at + length > n:
        raise RuntimeError(f"start ({at}) + length ({length}) exceeds dimension size ({n}).")
    return slice_(input, dim=d, start=at, stop=at + length, step=1)


@op()
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """A view of one entry of a dimension, which it removes."""
    if input.ndim == 0:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    d = shapes.wrap_dim(dim, input.ndim)
    n, at = input.shape[d], int(index)
    if not -n <= at < n:
        raise IndexError(
            f"select(): index {at} out of range for tensor of size {list(input.shape)} at dimension {d}"
        )
    return select_(input, dim=d, index=at % n if n else at)
