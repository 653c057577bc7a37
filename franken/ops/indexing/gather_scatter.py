"""Gather and its adjoint: the primitives that read and write along one dimension.

Index tensors are inputs of the primitives, so that vmap can map over them. What gather reads, its
cotangent adds back in the order of the elements.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.numpy import places, segment
from franken.core.batching import all_batched
from franken.core.layouts.between import coo_of
from franken.core.primitive import NO_BATCH_RULE, NOT_DIFFERENTIABLE, Primitive, bind
from franken.core.tensor import Tensor

# --- gather --------------------------------------------------------------------------------------


def _gatherer(name: str) -> Primitive:
    prim = Primitive(name, ("x", "index"), places.gather, batch=all_batched("dim"), meta="at")
    prim.vjp("index")(NOT_DIFFERENTIABLE)
    prim.vjp("x")(
        lambda g, x_shape, index, dim: scatter_add_(g.new_zeros(x_shape), index, g, dim=dim)
    )
    prim.jvp(lambda tangents, out, x, index, *, dim: prim(tangents[0], index, dim=dim))
    return prim


gather_ = _gatherer("gather")
pick_class = _gatherer("nll_loss").depends("x")  # scores of the classes that a loss looks at


# The same elements, for which the cotangent of the tensor is sparse.
gather_sparse_ = Primitive(
    "gather_sparse", ("x", "index"), places.gather, batch=NO_BATCH_RULE, title="GatherBackward0"
)
gather_sparse_.vjp("index")(NOT_DIFFERENTIABLE)
gather_sparse_.vjp("x")(
    lambda g, x_shape, index, dim: coo_of(gathered_places(index, dim=dim), g.reshape(-1), x_shape)
)


def _gathered_places_kernel(index: Any, *, dim: int) -> Any:
    grid = np.indices(index.shape).reshape(index.ndim, -1)
    grid[dim] = index.reshape(-1)
    return grid


# Where the elements lie that a gather reads, a column each.
gathered_places: Any = Primitive("gathered_places", ("index",), _gathered_places_kernel,
                            batch=NO_BATCH_RULE).not_differentiable()  # fmt: skip

# --- scatter -------------------------------------------------------------------------------------


def _scatter_kernel(x: Any, index: Any, src: Any, *, dim: int) -> Any:
    places.check_bounds(index, dim, x.shape[dim])
    out = x.copy()
    out[places.along(index, dim)] = src
    return out


scatter_ = Primitive(
    "scatter", ("x", "index", "src"), _scatter_kernel, batch=all_batched("dim"), meta="same"
)

scatter_.vjp("index")(NOT_DIFFERENTIABLE)


@scatter_.vjp("x")
def _(g: Any, index: Any, dim: int) -> Any:
    return scatter_(g, index, 0, dim=dim)


@scatter_.vjp("src")
def _(g: Any, index: Any, dim: int) -> Any:
    return g.gather(dim, index)


def _filled(prim: Primitive) -> Any:
    """The tangent rule of an op that is linear in `x` and `src` together."""

    def jvp(tangents: Any, out: Any, x: Any, index: Any, src: Any, *, dim: int) -> Any:
        tx, _, ts = tangents
        tx = x.new_zeros(tuple(x.shape)) if tx is None else tx
        if ts is None:
            ts = src.new_zeros(tuple(src.shape)) if isinstance(src, Tensor) else 0  # type: ignore[attr-defined]
        return bind(prim, (tx, index, ts), {"dim": dim})

    return jvp


scatter_.jvp(_filled(scatter_))


def _scatter_add_kernel(x: Any, index: Any, src: Any, *, dim: int) -> Any:
    places.check_bounds(index, dim, x.shape[dim])
    out = x.copy()
    if out.dtype.kind == "b" or not isinstance(src, np.ndarray):
        return places.reduce_into(out, places.along(index, dim), src, np.add)
    return places.widened(lambda o, v: segment.scatter_add(o, dim, index, v), out, src)


scatter_add_ = Primitive(
    "scatter_add",
    ("x", "index", "src"),
    _scatter_add_kernel,
    batch=all_batched("dim"),
    meta="same",
)
scatter_add_.vjp("x")(lambda g: g)
scatter_add_.vjp("src")(lambda g, index, dim: g.gather(dim, index))
scatter_add_.vjp("index")(NOT_DIFFERENTIABLE)
scatter_add_.jvp(_filled(scatter_add_))
