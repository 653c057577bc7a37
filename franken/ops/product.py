"""Matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.core.op import op
from franken.core.primitive import Primitive
from franken.core.tensor import Tensor
from franken.ops.declare import halved
from franken.ops.rules import batch_size, spread, to_front

matmul_ = Primitive("matmul", ("x", "y"), halved(np.matmul))


@matmul_.vjp("x")
def _(g: Any, y: Any) -> Any:
    return matmul_(g, y.mT)  # d/dx x@y = g yᵀ


@matmul_.vjp("y")
def _(g: Any, x: Any) -> Any:
    return matmul_(x.mT, g)  # d/dy x@y = xᵀ g


@matmul_.batching
def _(prim: Any, values: Any, dims: Any, params: Any) -> Any:
    """Both operands are at least matrices; leading axes broadcast."""
    rank = max(v.ndim - (d is not None) for v, d in zip(values, dims, strict=True))
    aligned = []
    for v, d in zip(values, dims, strict=True):
        if d is not None:
            v = to_front(v, d)
            v = v.reshape(v.shape[0], *(1,) * (rank - v.ndim + 1), *v.shape[1:])
        aligned.append(v)
    return matmul_(*aligned), 0


@op(out=True)
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """Matrix product; 1-d operands are vectors, leading dimensions broadcast."""
    return matmul_(input, other)


Tensor.__matmul__ = matmul  # type: ignore[attr-defined]
__all__ = ["batch_size", "matmul", "spread"]
Tensor.mT = property(lambda self: self.movedim(-1, -2))  # type: ignore[attr-defined]
