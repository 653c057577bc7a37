"""gather, and index_select, take and take_along_dim beside it: reading at integer places.

Index tensors are inputs of the primitives, so that vmap can map over them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.core.batching import pointwise
from franken.core.calls.out import APART, Into
from franken.core.geometry.shapes import broadcast_two, wrap_dim
from franken.core.op import op
from franken.core.primitive import Primitive
from franken.core.tensor import Tensor
from franken.core.trace import values
from franken.ops.declaring.samples import S
from franken.ops.indexing.gather_scatter import gather_, gather_sparse_
from franken.ops.indexing.index_put import index_


def check_index_dtype(index: Any, name: str) -> None:
    """Raise RuntimeError for an index of another dtype than int32 and int64."""
    if index.dtype.name not in ("int64", "int32"):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")


def _wrap_kernel(index: Any, *, size: int) -> Any:
    if not size and index.size:
        raise RuntimeError("ZeroDivisionError")
    return np.remainder(index, max(size, 1))


# Places modulo the size, which is how take_along_dim counts.
wrap_ = Primitive(
    "wrap_index", ("index",), _wrap_kernel, batch=pointwise, layout="iterator", meta="same"
).not_differentiable()


def check_no_larger(index: Any, input: Any, dim: int) -> None:
    """Raise unless the index fits into the tensor on every dimension but `dim`."""
    have, shape = tuple(index.shape), tuple(input.shape)
    for d, (m, n) in enumerate(zip(have, shape, strict=True)):
        if d != dim and m > n:
            raise RuntimeError(
                f"Size does not match at dimension {d} expected index {list(have)} to be no larger "
                f"than self {list(shape)} apart from dimension {dim}"
            )


@op(
    out=APART,
    samples=lambda t: [
        S(t(3, 4), 1, t.index(3, 2, high=4)),
        S(t(3, 4), 0, t.index(2, 4, high=3)),
        S(t(), 0, t.index(high=1)),
        S(t(3, 4), 1, t.index(0, 2, high=4)),
    ],
    title="GatherBackward0",
)
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """out[i][j] = input[index[i][j]][j] for dim 0, and so on; has the shape of `index`."""
    d = wrap_dim(dim, input.ndim)
    if index.shape.numel() == 0:
        flat: Any = input.reshape(-1)  # type: ignore[attr-defined]
        return flat.narrow(0, 0, 0).reshape(tuple(index.shape))
    check_index_dtype(index, "gather")
    if max(input.ndim, 1) != max(index.ndim, 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    if input.ndim == 0 or index.ndim == 0:
        row: Any = gather_(input.reshape(-1), index.reshape(-1), dim=0)  # type: ignore[attr-defined]
        return row.reshape(tuple(index.shape))
    check_no_larger(index, input, d)
    return (gather_sparse_ if sparse_grad else gather_)(input, index, dim=d)


@op(
    out=APART,
    samples=lambda t: [
        S(t(3, 4), t.index(3, 2, high=4), 1),
        S(t(3, 4), t.index(1, 4, high=3), 0),
        S(t(3, 4), t.index(5, high=12)),
    ],
)
def take_along_dim(input: Tensor, indices: Tensor, dim: Any = None) -> Tensor:
    """gather with `input` and `indices` broadcast against each other; dim None flattens both."""
    if indices.dtype.name != "int64":
        raise RuntimeError(
            f"torch.take_along_dim(): dtype of indices should be Long but got "
            f"{indices.dtype.scalar_name}"
        )
    if dim is None:
        flat: Any = input.reshape(-1)  # type: ignore[attr-defined]
        return gather(flat, 0, wrap_(indices.reshape(-1), size=flat.shape[0]))  # type: ignore[attr-defined]
    if input.ndim != indices.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, "
            f"but got {input.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
        )
    d = wrap_dim(dim, input.ndim)
    have, want = list(input.shape), list(indices.shape)
    have[d] = want[d] = 1
    indices = wrap_(indices, size=input.shape[d] if input.ndim else 1)
    common = list(broadcast_two(tuple(have), tuple(want)))
    left, right = common.copy(), common.copy()
    left[d], right[d] = input.shape[d], indices.shape[d]
    return gather(input.expand(left), d, indices.expand(right))  # type: ignore[attr-defined]


@op(
    out=Into("index_select(): self and result must have the same scalar type", memory="apart"),
    samples=lambda t: [
        S(t(3, 4), 1, t.index(5, high=4)),
        S(t(2, 3, 2), -2, t.of([2, 0])),
        S(t(3, 4), 0, t.index(0, high=3)),
        S(t(), 0, t.of([0])),
    ],
    title="IndexSelectBackward0",
    layout="contiguous",
)
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The entries of one dimension that a vector of places names."""
    d = wrap_dim(dim, input.ndim)
    if index.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if index.dtype.name not in ("int64", "int32"):
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
    x: Any = input if input.ndim else input.reshape(1)  # type: ignore[attr-defined]
    refuse_outside(index, x.shape[d], IndexError, "index out of range in self")
    if index.ndim == 0:
        index = index.reshape(1)  # type: ignore[attr-defined]
    out = index_(x, index, pattern=(0,) * d + (1,))
    return out if input.ndim else out.reshape(())


def refuse_outside(index: Any, size: int, kind: Any, text: str, least: int = 0) -> None:
    """Raise `kind` if a plain index tensor leaves [least, size); traced ones fail in the kernel.

    "{}" in the text is replaced by the first bad index."""
    if index.level:
        return
    a = values(index)
    if a.size and (a.min() < least or a.max() >= size):
        raise kind(text.replace("{}", str(a[(a < least) | (a >= size)].flat[0])))


_TAKE_OUT = Into(
    "take(): self and out expected to have the same dtype, but got self.dtype = {want} and "
    "out.dtype = {got}",
    memory="apart",
)


@op(
    out=_TAKE_OUT,
    samples=lambda t: [
        S(t(3, 4), t.index(2, 3, high=12)),
        S(t(3, 4), t.of([-1, 0])),
        S(t(3), t.index(0, high=3)),
    ],
    title="TakeBackward0",
    layout="contiguous",
)
def take(input: Tensor, index: Tensor) -> Tensor:
    """Elements of the flattened tensor; has the shape of `index`."""
    if index.dtype.name != "int64":
        raise RuntimeError(
            f"take(): Expected a long tensor for index, but got {index.dtype.scalar_name}"
        )
    n = input.shape.numel()
    if n == 0 and index.shape.numel():
        raise IndexError("take(): tried to take from an empty tensor")
    text = f"out of range: tried to access index {{}} on a tensor of {n} elements."
    refuse_outside(index, n, IndexError, text, -n)
    return index_(input.reshape(-1), index, pattern=(1,))  # type: ignore[attr-defined]
