"""The linear primitives of the engine and of views: add, zeros, sums, conj, view_scatter.

Cotangents are added, made from nothing, and reduced to the shape of a broadcast input; the region
of a view is replaced in its base. The conversion of dtypes is in `core.convert`. Everything else
is declared in `ops`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends import registry
from franken.backends.numpy import reduce as kernels
from franken.backends.numpy.halves import halved
from franken.core import state
from franken.core.batching import pointwise, shift_axes, view_rule
from franken.core.device import CPU
from franken.core.node import step
from franken.core.pointwise import pointwise_primitive
from franken.core.primitive import Primitive, _wrap, born
from franken.core.tensor import CONJ, NEG, Tensor

add = pointwise_primitive("add", ("x", "y"), np.add, (lambda g: g, lambda g: g), expr="{0} + {1}")


def zeros(shape: tuple[int, ...], dtype: Any, dev: Any) -> Tensor:
    """Zeros of a NumPy dtype on a device."""
    array = np.zeros(shape, dtype)
    t = _wrap(array if dev is CPU else registry.from_host(array, dev), dev)
    if state.SPECIAL:
        t = born(t)
    return t


# --- copies ---------------------------------------------------------------------------------------


def _overwritten_kernel(x: Any, src: Any) -> Any:
    # larger than x where only src has a hidden batch dimension
    return np.broadcast_to(src, np.broadcast_shapes(x.shape, src.shape))


# The new value of a tensor that is copied into: its old history ends, that of `src` goes on.
overwritten = Primitive(
    "copy", ("x", "src"), _overwritten_kernel, batch=pointwise, layout="as_input",
    title="torch::autograd::CopyBackwards",
)  # fmt: skip
overwritten.vjp("x")(lambda g: g.new_zeros(g.shape))
overwritten.vjp("src")(lambda g: g)


@overwritten.jvp
def _(tangents: Any, out: Any, x: Any, src: Any) -> Any:
    return None if tangents[1] is None else tangents[1].expand(out.shape)


# --- ties ---------------------------------------------------------------------------------------

# g, on the tape as a function of the others too: their cotangents are zeros, or none at all.
tie = Primitive(
    "tie", (), lambda g, *others, sizes: g, variadic=True, meta=lambda g, *others, sizes: g
)
tie.holomorphic = False


@tie.joint_vjp
def _(g: Any, needs: Any, sizes: Any) -> Any:
    others = zip(needs[1:], sizes, strict=True)
    return [g, *[g.new_zeros(s) if need and s is not None else None for need, s in others]]


@tie.jvp
def _(tangents: Any, out: Any, *values: Any, sizes: Any) -> Any:
    return tangents[0]


@tie.batching
def _(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    return prim(*values, **params), dims[0]


def tied(g: Tensor, edges: list[tuple[Any, bool]]) -> Tensor:
    """g as a function of what lies at the edges: of slope zero where so said, else without one."""
    ends = []
    for edge, _ in edges:
        end = zeros((), g._a.dtype, g.device)
        end._node = edge
        ends.append(end)
    return tie(g, *ends, sizes=tuple([e.shape if zero else None for e, zero in edges]))  # type: ignore[no-any-return]


# --- sums ----------------------------------------------------------------------------------------


def unreduce(g: Any, shape: tuple[int, ...], axes: tuple[int, ...], keepdim: bool) -> Any:
    """Repeat a reduced value along the axes that it was reduced over."""
    return kept(g, shape, axes, keepdim).expand(shape)


def kept(g: Any, shape: tuple[int, ...], axes: tuple[int, ...], keepdim: bool) -> Any:
    """A reduced value with the axes that it was reduced over as 1."""
    if keepdim or not axes:
        return g
    return g.reshape([1 if i in axes else n for i, n in enumerate(shape)])


# Up to here one ufunc.reduce is quickest, and as exact as its size allows.
SMALL = 4096


def small_first(ufunc: Any, kernel: Any) -> Any:
    """The kernel `(x, axes, keepdim)`, with small arrays reduced by the ufunc itself."""

    def run(x: Any, *, axes: tuple[int, ...], keepdim: bool) -> Any:
        if x.size <= SMALL:
            return ufunc.reduce(x, axis=axes, keepdims=keepdim)
        return kernel(x, axes, keepdim)

    return run


reduce_sum = Primitive(
    "sum",
    ("x",),
    halved(small_first(np.add, kernels.sum)),
    batch=shift_axes("axes"),
    meta="reduced",
)


@reduce_sum.vjp("x")
def _(g: Any, x_shape: Any, axes: Any, keepdim: bool) -> Any:
    return unreduce(g, x_shape, axes, keepdim)


@reduce_sum.jvp
def _(tangents: Any, out: Any, x: Any, *, axes: Any, keepdim: bool) -> Any:
    return reduce_sum(tangents[0], axes=axes, keepdim=keepdim)


def sum_to(g: Any, shape: tuple[int, ...]) -> Any:
    """Reduce a broadcast value to `shape`."""
    have = tuple(g.shape)
    lead = len(have) - len(shape)
    axes = tuple(range(lead)) + tuple(
        i + lead for i, n in enumerate(shape) if n == 1 and have[i + lead] != 1
    )
    out = reduce_sum(g, axes=axes, keepdim=False) if axes else g
    return out if tuple(out.shape) == tuple(shape) else out.reshape(shape)


# --- conjugated and negated views ----------------------------------------------------------------


def _seen_otherwise(name: str, bit: int, undo: Any) -> Primitive:
    """The view of the same memory with a bit turned over."""
    prim = Primitive(name, ("x",), lambda x: x, view=True, batch=view_rule(lambda p, s: p))
    prim.holomorphic = False
    prim.carry = lambda bits: bits ^ bit
    prim.writer = lambda x, src, params: np.broadcast_to(undo(src), x.shape).astype(x.dtype)
    prim.jvp(lambda tangents, out, x: prim(tangents[0]))
    return prim


conj_ = _seen_otherwise("conj", CONJ, np.conjugate)
neg_view_ = _seen_otherwise("neg_view", NEG, np.negative)
conj_.vjp("x")(lambda g: conj_(g))
neg_view_.vjp("x")(lambda g: -g)


def turned(x: Any, bits: int) -> Any:
    """The view of `x` with these bits turned over."""
    for prim in turns(bits):
        x = prim(x)
    return x


def turns(bits: int) -> list[Primitive]:
    """The views that turn these bits over."""
    return [p for p, bit in ((conj_, CONJ), (neg_view_, NEG)) if bits & bit]


# --- regions of views ----------------------------------------------------------------------------


def _write_region(x: Any, src: Any, *, prim: Primitive, params: dict[str, Any], index: int) -> Any:
    if prim.writer is not None:
        return prim.writer(x, src, params)
    out = x.copy()
    view = prim.cpu(out, **params)
    (view if index < 0 else view[index])[...] = src
    return out


view_scatter = Primitive(
    "view_scatter",
    ("x", "src"),
    _write_region,
    layout="as_input",
    title="torch::autograd::CopySlices",
    meta="same",
)
view_scatter.holomorphic = False  # the region may be the real or the imaginary part


@view_scatter.vjp("x")
def _(g: Any, prim: Any, params: Any, index: Any) -> Any:
    return view_scatter(g, 0, prim=prim, params=params, index=index)


@view_scatter.vjp("src")
def _(g: Any, prim: Any, params: Any, index: Any) -> Any:
    return step(g, (prim, params, index))


@view_scatter.batching
def _(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    x, src = values
    size = x.shape[dims[0]] if dims[0] is not None else src.shape[dims[1]]
    x = x.expand(size, *x.shape) if dims[0] is None else x.movedim(dims[0], 0)
    if isinstance(src, Tensor):
        src = src.expand(size, *src.shape) if dims[1] is None else src.movedim(dims[1], 0)
    inner = params["prim"].batch.batched_params(params["params"], tuple(x.shape[1:]))
    return view_scatter(x, src, prim=params["prim"], params=inner, index=params["index"]), 0
