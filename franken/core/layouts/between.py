"""The primitives between the layouts: coordinates made, read, given up; and their derivatives."""

from __future__ import annotations

from typing import Any

from franken.backends.numpy.layouts import between as kernels
from franken.backends.numpy.layouts import coo
from franken.core.geometry import layout as layouts
from franken.core.layouts.tensor import Between, is_sparse, made
from franken.core.tensor import Tensor, wrap

coo_ = Between(
    "sparse_coo", ("indices", "values"), kernels.made,
    title="SparseCooTensorWithDimsAndTensorsBackward0",
)  # fmt: skip
values_ = Between("values", ("x",), kernels.values)
coalesce_ = Between("coalesce", ("x",), coo.coalesce)
to_dense_ = Between("to_dense", ("x",), kernels.dense)
to_coo_ = Between(
    "to_sparse", ("x",), kernels.coordinates,
    title=lambda node: f"ToSparseBackward{int(node.params['sparse_dim'] == len(node.shape))}",
)  # fmt: skip
sparse_mask_ = Between("sparse_mask", ("x", "mask"), kernels.masked)
# The same of a sparse tensor, whose cotangent is sparse too.
sparse_masked_ = Between(
    "sparse_masked", ("x", "mask"), kernels.masked, title="SparseMaskBackward0"
)
sparse_masked_.vjp("x")(lambda g: g)
# The elements of a tensor of any layout at places that are given as those of another.
pick_ = Between("sparse_pick", ("x", "places"), coo.pick)


def places_of(x: Any) -> Tensor:
    """The matrix of places, sharing memory."""
    return wrap(x._a.indices, x.device)


def coo_of(indices: Any, values: Any, shape: Any, coalesced: bool = False) -> Any:
    """A tensor in coordinates, from parts that are known to fit."""
    return coo_(indices, values, shape=tuple(shape), coalesced=coalesced)


@coo_.vjp("values")
def _(g: Any, indices: Any, shape: Any, coalesced: bool) -> Any:
    return pick_(g, coo_of(indices, indices[0], shape))


@pick_.vjp("x")
def _(g: Any, places: Any, x_shape: Any) -> Any:
    return coo_of(places_of(places), g, x_shape)


@values_.vjp("x")
def _(g: Any, x: Any) -> Any:
    return with_values_(x.detach(), g)


# The second tensor as elements at the places of the first.
with_values_ = Between("with_values", ("x", "values"), kernels.with_values)


@with_values_.vjp("values")
def _(g: Any, x: Any) -> Any:
    return values_(sparse_mask_(g, x))


coalesce_.vjp("x")(lambda g: g)


def whole(x: Any) -> Any:
    """The tensor without history, one element a place."""
    x = x.detach()
    return coalesce_(x) if x.layout is layouts.sparse_coo else x


@to_dense_.vjp("x")
def _(g: Any, x: Any, masked: bool) -> Any:
    if is_sparse(g):
        return g
    if not masked:
        return to_coo_(g, sparse_dim=x.ndim) if x.layout is layouts.sparse_coo else g
    return sparse_mask_(g, whole(x))


def dense(x: Any) -> Any:
    """The strided tensor of the same elements."""
    return to_dense_(x, masked=True) if is_sparse(x) else x


to_coo_.vjp("x")(lambda g: dense(g))
to_coo_.jvp(lambda tangents, out, x, sparse_dim: to_coo_(tangents[0], sparse_dim=sparse_dim))
to_dense_.jvp(lambda tangents, out, x, masked: to_dense_(tangents[0], masked=masked))
sparse_mask_.vjp("x")(lambda g: dense(g))


def full(x: Any) -> Any:
    """The tensor without history, all of its elements stored."""
    return made(kernels.full(x._a), x.device)
