"""tril and triu: one triangle of each matrix, and the index pairs of a triangle."""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.core import dtypes as dt
from franken.core.batching import to_front
from franken.core.calls.out import FREE
from franken.core.op import op
from franken.core.primitive import Primitive
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import S
from franken.ops.shape.movement import linear
from franken.ops.surface.creation import finish


def _triangle(name: str, mask: Any) -> Primitive:
    def kernel(x: Any, *, diagonal: int) -> Any:
        return np.where(mask(x.shape[-2], x.shape[-1], diagonal), x, np.zeros((), x.dtype))

    def batched(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
        return prim(to_front(values[0], dims[0]), **params), 0

    prim = linear(Primitive(name, ("x",), kernel, batch=batched, meta="same"))
    prim.vjp("x")(lambda g, diagonal: prim(g, diagonal=diagonal))
    return prim


def _lower(rows: int, cols: int, diagonal: int) -> Any:
    return np.arange(cols) <= np.arange(rows)[:, None] + diagonal


def _upper(rows: int, cols: int, diagonal: int) -> Any:
    return np.arange(cols) >= np.arange(rows)[:, None] + diagonal


tril_, triu_ = _triangle("tril", _lower), _triangle("triu", _upper)


def _check_matrix(input: Tensor, name: str) -> None:
    if input.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")


@op(
    out=FREE,
    inplace=True,
    samples=lambda t: [S(t(3, 4)), S(t(3, 4), 1), S(t(2, 3, 3), -1), S(t(0, 3))],
)
def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle of each matrix, zero elsewhere."""
    _check_matrix(input, "tril")
    return tril_(input, diagonal=int(diagonal))


@op(
    out=FREE,
    inplace=True,
    samples=lambda t: [S(t(3, 4)), S(t(3, 4), 1), S(t(2, 3, 3), -1), S(t(0, 3))],
)
def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle of each matrix, zero elsewhere."""
    _check_matrix(input, "triu")
    return triu_(input, diagonal=int(diagonal))


def _indices(name: str, mask: Any) -> Any:
    def indices(
        row: int, col: int, offset: int = 0, *, dtype: Any = dt.int64, device: Any = None,
        layout: Any = None, pin_memory: bool = False,
    ) -> Tensor:  # fmt: skip
        for what, n in (("row", row), ("col", col)):
            if n < 0:
                raise RuntimeError(f"{what} must be non-negative, got{n}")
        if dtype not in (None, dt.int32, dt.int64):
            raise RuntimeError(f"\"{name}\" not implemented for '{dtype.scalar_name}'")
        found = np.nonzero(mask(row, col, offset))
        return finish(np.stack(found).astype((dtype or dt.int64).np), device)

    indices.__name__ = name
    indices.__doc__ = "A (2, n) tensor with the row and column of each element of a triangle."
    return op(method=False, samples=lambda t: [S(3, 4), S(3, 3, -1), S(2, 0)])(indices)


tril_indices, triu_indices = _indices("tril_indices", _lower), _indices("triu_indices", _upper)
