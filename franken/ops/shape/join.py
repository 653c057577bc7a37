"""Joining tensors: cat along an existing dimension, stack along a new one."""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.core.batching import batch_size, spread
from franken.core.calls.out import Into
from franken.core.convert import cast
from franken.core.geometry.shapes import wrap_dim
from franken.core.op import op
from franken.core.primitive import Primitive, bind
from franken.core.promotion import DIMENSIONED, ZERO_DIM, result_type
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import S

CAT = Into(
    "torch.cat(): input types can't be cast to the desired output type {got}",
    cast=True, memory="apart", error=TypeError,
)  # fmt: skip
_STACK = Into(*CAT.words, cast=True, memory="apart", error=TypeError, row_major=True)


def _cat_kernel(*xs: Any, dim: int) -> Any:
    return np.concatenate(xs, axis=dim)


cat_ = Primitive("cat", (), _cat_kernel, variadic=True, layout="joined", meta="joined")


@cat_.joint_vjp
def _(g: Any, needs: Any, shapes: Any, dim: Any) -> Any:
    out, start = [], 0
    for need, shape in zip(needs, shapes, strict=True):
        out.append(g.narrow(dim, start, shape[dim]) if need else None)
        start += shape[dim]
    return out


@cat_.jvp
def _(tangents: Any, out: Any, *xs: Any, dim: int) -> Any:
    full = [x.new_zeros(tuple(x.shape)) if t is None else t
            for t, x in zip(tangents, xs, strict=True)]  # fmt: skip
    return bind(cat_, tuple(full), {"dim": dim})


@cat_.batching
def _(prim: Any, values: Any, dims: Any, params: Any) -> Any:
    size = batch_size(values, dims)
    xs = [spread(v, d, size) for v, d in zip(values, dims, strict=True)]
    return cat_(*xs, dim=params["dim"] + 1), 0


def _stack_kernel(*xs: Any, dim: int) -> Any:
    place = (*(slice(None),) * dim, None)
    return np.concatenate([x[place] if x.ndim else x.reshape(1) for x in xs], axis=dim)


stack_ = Primitive("stack", (), _stack_kernel, variadic=True, layout="stacked", meta="stacked")


@stack_.joint_vjp
def _(g: Any, needs: Any, dim: Any) -> Any:
    return [row if need else None for need, row in zip(needs, g.unbind(dim), strict=True)]


def _stack_tangent(tangents: Any, out: Any, *xs: Any, dim: int) -> Any:
    full = [x.new_zeros(tuple(x.shape)) if t is None else t
            for t, x in zip(tangents, xs, strict=True)]  # fmt: skip
    return bind(stack_, tuple(full), {"dim": dim})


stack_.jvp(_stack_tangent)


@stack_.batching
def _(prim: Any, values: Any, dims: Any, params: Any) -> Any:
    size = batch_size(values, dims)
    xs = [spread(v, d, size) for v, d in zip(values, dims, strict=True)]
    return stack_(*xs, dim=params["dim"] + 1), 0


def tensor_list(tensors: Any, name: str) -> list[Tensor]:
    """The tensors of a call's first argument; TypeError in torch's words."""
    if isinstance(tensors, Tensor) or not isinstance(tensors, (tuple, list)):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not "
            f"{type(tensors).__name__}"
        )
    rows = list(tensors)
    for i, t in enumerate(rows):
        if not isinstance(t, Tensor):
            raise TypeError(
                f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}"
            )
    return rows


def _promoted(rows: list[Tensor]) -> list[Tensor]:
    first = rows[0].dtype
    for t in rows:
        if t.dtype is not first:
            common = result_type(*[(t.dtype, DIMENSIONED if t.ndim else ZERO_DIM) for t in rows])
            return [cast(t, common) for t in rows]
    return rows


def _joined(rows: list[Tensor], dim: int) -> Tensor:
    return bind(cat_, tuple(_promoted(rows)), {"dim": dim})


@op(
    method=False,
    out=_STACK,
    samples=lambda t: [
        S([t(3, 4), t(3, 4)]),
        S((t(3), t(3), t(3)), -1),
        S([t(), t()], 0),
        S([t(2, 0)], dim=1),
    ],
)
def stack(tensors: Any, dim: int = 0) -> Tensor:
    """Join tensors of one shape along a new dimension."""
    rows = tensor_list(tensors, "stack")
    if not rows:
        raise RuntimeError("stack expects a non-empty TensorList")
    shape = rows[0].shape
    at = wrap_dim(dim, len(shape) + 1)
    for i, t in enumerate(rows):
        if t.shape != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and "
                f"{list(t.shape)} at entry {i}"
            )
    return bind(stack_, tuple(_promoted(rows)), {"dim": at})


@op(
    method=False,
    out=CAT,
    alias=("concat", "concatenate"),
    samples=lambda t: [
        S([t(3, 4), t(2, 4)]),
        S((t(3, 1), t(3, 2), t(3, 0)), -1),
        S([t(2, 0), t(2, 0)], dim=1),
        S([t(2), t(3, dtype=t.module.float64)]),
    ],
)
def cat(tensors: Any, dim: int = 0, **spelled: Any) -> Tensor:
    """Join tensors along an existing dimension; empty 1-d tensors fit any shape."""
    rows = tensor_list(tensors, "cat")
    dim = spelled.pop("axis", dim)
    if not rows:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    for i, t in enumerate(rows):
        if t.ndim == 0:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    kept = [t for t in rows if tuple(t.shape) != (0,)]
    if not kept:
        return _joined(rows, 0)
    if len(kept) < len(rows):
        rows = [t for t in _promoted(rows) if tuple(t.shape) != (0,)]
    at = wrap_dim(dim, rows[0].ndim)
    _check_sizes(rows, at)
    return _joined(rows, at)


def _check_sizes(rows: list[Tensor], at: int) -> None:
    first = tuple(rows[0].shape)
    for i, t in enumerate(rows):
        shape = tuple(t.shape)
        if len(shape) != len(first):
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {len(first)} and {len(shape)}"
            )
        for d, (n, m) in enumerate(zip(first, shape, strict=True)):
            if n != m and d != at:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {at}. Expected size {n} but "
                    f"got size {m} for tensor number {i} in the list."
                )
