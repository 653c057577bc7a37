"""Joining: cat and stack."""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.core.op import op
from franken.core.primitive import Primitive
from franken.core.shapes import wrap_dim
from franken.core.tensor import Tensor
from franken.ops.rules import batch_size, spread


def _cat_kernel(*xs: Any, dim: int) -> Any:
    return np.concatenate(xs, axis=dim)


cat_ = Primitive("cat", (), _cat_kernel, variadic=True)


@cat_.joint_vjp
def _(g: Any, needs: Any, shapes: Any, dim: Any) -> Any:
    out, start = [], 0
    for need, shape in zip(needs, shapes, strict=True):
        out.append(g.narrow(dim, start, shape[dim]) if need else None)
        start += shape[dim]
    return out


@cat_.batching
def _(prim: Any, values: Any, dims: Any, params: Any) -> Any:
    size = batch_size(values, dims)
    xs = [spread(v, d, size) for v, d in zip(values, dims, strict=True)]
    return cat_(*xs, dim=params["dim"] + 1), 0


@op(method=False, out=True)
def stack(tensors: Any, dim: int = 0) -> Tensor:
    """Join tensors of one shape along a new dimension."""
    rows = list(tensors)
    at = wrap_dim(dim, rows[0].ndim + 1)
    widened = [t.reshape(*t.shape[:at], 1, *t.shape[at:]) for t in rows]
    return cat_(*widened, dim=at)


@op(method=False, out=True, alias=("concat", "concatenate"))
def cat(tensors: Any, dim: int = 0) -> Tensor:
    """Join tensors along an existing dimension."""
    rows = list(tensors)
    return cat_(*rows, dim=wrap_dim(dim, rows[0].ndim))
