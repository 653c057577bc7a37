"""The primitives between the layouts: coordinates made, read, given up; and their derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.numpy.layouts import compressed, coo
from franken.backends.numpy.layouts.coo import Coo
from franken.core.geometry import layout as layouts
from franken.core.layouts.tensor import Between, is_sparse, made
from franken.core.tensor import Tensor, wrap


def _coo_kernel(indices: Any, values: Any, *, shape: Any, coalesced: bool) -> Coo:
    return Coo(indices, values, shape, coalesced)


coo_ = Between(
    "sparse_coo", ("indices", "values"), _coo_kernel,
    title="SparseCooTensorWithDimsAndTensorsBackward0",
)  # fmt: skip
values_ = Between("values", ("x",), lambda x: x.values)
coalesce_ = Between("coalesce", ("x",), coo.coalesce)
to_dense_ = Between("to_dense", ("x",), lambda x, masked: compressed.strided(x))
to_coo_ = Between(
    "to_sparse", ("x",), lambda x, sparse_dim: coo.from_dense(x, sparse_dim),
    title=lambda node: f"ToSparseBackward{int(node.params['sparse_dim'] == len(node.shape))}",
)  # fmt: skip


def _mask_kernel(x: Any, mask: Any) -> Any:
    if isinstance(mask, Coo):
        return mask.with_values(coo.pick(x if isinstance(x, Coo) else compressed.strided(x), mask))
    return mask.with_values(compressed.values_at(x, mask))


sparse_mask_ = Between("sparse_mask", ("x", "mask"), _mask_kernel)
# The same of a sparse tensor, whose cotangent is sparse too.
sparse_masked_ = Between("sparse_masked", ("x", "mask"), _mask_kernel, title="SparseMaskBackward0")
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
with_values_ = Between("with_values", ("x", "values"), lambda x, values: x.with_values(values))


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
sparse_mask_.vjp("x")(lambda g: dense(g))


def full(x: Any) -> Any:
    """The tensor without history, all of its elements stored."""
    a = x._a
    if isinstance(a, Coo):
        return made(coo.filled_up(a), x.device)
    everywhere = compressed.from_dense(
        np.ones(a.shape, np.bool_), a.layout, a.blocksize, a.dense_dim
    )
    values = compressed.values_at(compressed.to_dense(a), everywhere)
    return made(everywhere.with_values(values), x.device)
