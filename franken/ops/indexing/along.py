"""Writing along one dimension at a vector of places: index_add, _copy, _fill and _reduce.

All but index_reduce are the index_put primitive with the index on one axis.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.core import dtypes as dt
from franken.core.batching import to_front
from franken.core.calls.out import SAME
from franken.core.geometry.shapes import wrap_dim
from franken.core.op import op
from franken.core.primitive import Primitive
from franken.core.tensor import Tensor
from franken.ops.declaring.declare import refused
from franken.ops.declaring.samples import S
from franken.ops.indexing.gather import refuse_outside
from franken.ops.indexing.masked import masked_fill_prim
from franken.ops.indexing.scatter import (
    reduce_back,
    reduce_kernel,
    refuse_reduce,
    scatter_reduce_,
)
from franken.ops.indexing.write import put_
from franken.ops.surface.args import checked_number


def _axis_pattern(d: int) -> tuple[int, ...]:
    return (0,) * d + (1,)


def _row(t: Any) -> Any:
    return t if t.ndim else t.reshape(1)


def _put(x: Any, d: int, index: Any, values: Any, accumulate: bool) -> Any:
    out = put_(_row(x), values, _row(index), pattern=_axis_pattern(d), accumulate=accumulate)
    return out if x.ndim else out.reshape(())


def _check_vector(name: str, input: Tensor, dim: int, index: Tensor, source: Tensor) -> int:
    """The checks that index_add and index_reduce share; the wrapped dimension."""
    d = wrap_dim(dim, input.ndim)
    if index.ndim > 1:
        raise IndexError(
            f"{name}(): Index is supposed to be a vector, but got dim: {index.ndim} with type: "
            f"{index.dtype.scalar_name} and size: {list(index.shape)}"
        )
    if index.dtype.name not in ("int64", "int32"):
        raise RuntimeError(
            f"{name}(): Expected dtype int32/int64 for index but got: {index.dtype.scalar_name}"
        )
    if input.dtype is not source.dtype:
        raise RuntimeError(
            f"{name}(): self ({input.dtype.scalar_name}) and source ({source.dtype.scalar_name}) "
            "must have the same scalar type"
        )
    n = source.shape[d] if source.ndim > d else 1
    if index.shape.numel() != n:
        raise RuntimeError(
            f"{name}(): Number of indices ({index.shape.numel()}) should be equal to "
            f"source.size(dim): ({n}), for dim: {d}"
        )
    have, want = list(source.shape), list(input.shape)
    have[d : d + 1], want[d : d + 1] = [], []
    if have != want or source.ndim != input.ndim:
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. "
            f"Got self.shape = {list(input.shape)} source.shape = {list(source.shape)}"
        )
    return d


@op(
    out=SAME,
    inplace=True,
    samples=lambda t: [
        S(t(3, 4), 1, t.index(5, high=4), t(3, 5)),
        S(t(3, 4), 0, t.of([2, 0]), t(2, 4), alpha=2),
        S(t(3), 0, t.index(0, high=3), t(0)),
    ],
    title="IndexAddBackward0",
    layout="contiguous",
)
def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """A copy with alpha * source added to the entries that `index` names."""
    d = _check_vector("index_add_", input, dim, index, source)
    size = input.shape[d] if input.ndim else 1
    if not input.shape.numel():  # torch does not look at the places of nothing
        index, source = index.reshape(-1)[:0], source.narrow(d, 0, 0)  # type: ignore[attr-defined]
    text = f"index {{}} is out of bounds for dimension 0 with size {size}"
    refuse_outside(index, size, RuntimeError, text)
    scaled = source if alpha == 1 else source * checked_number(alpha, input.dtype)  # type: ignore[operator]
    return _put(input, d, index, scaled, True)


@op(
    out=SAME,
    inplace=True,
    samples=lambda t: [
        S(t(3, 4), 1, t.of([3, 0]), t(3, 2)),
        S(t(3, 4), -2, t.of([2]), t(1, 4)),
        S(t(3), 0, t.index(0, high=3), t(0)),
    ],
    title="IndexCopyBackward0",
    layout="contiguous",
)
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """A copy with the entries that `index` names replaced by those of `source`."""
    d = wrap_dim(dim, input.ndim)
    _check_copy(input, d, index, source)
    size = input.shape[d] if input.ndim else 1
    text = f"index_copy_(): index {{}} is out of bounds for dimension {d} with size {size}"
    refuse_outside(index, size, IndexError, text)
    if input.ndim == 0:
        return _put(input, d, index, source.reshape(-1), False)  # type: ignore[attr-defined]
    return _put(input, d, index, source, False)


def _check_copy(input: Tensor, d: int, index: Tensor, source: Tensor) -> None:
    count = index.shape.numel()
    if index.ndim > 1:
        raise IndexError(f"index_copy_(): Index should have dimension 1 or 0 (got {index.ndim})")
    if source.ndim == 0 and count != 1:
        raise IndexError(
            f"index_copy_(): When source is scalar, index should have one element (got {count})"
        )
    if source.ndim != input.ndim and source.ndim and input.ndim:
        raise IndexError(
            "index_copy_(): When source and destination are not scalars, their dimensionality must "
            f"match. Source dimensionality ({source.ndim}), destination dimensionality "
            f"({input.ndim})"
        )
    if index.dtype.name != "int64":
        raise RuntimeError(
            f"index_copy_(): Expected a long tensor for index, but got {index.dtype.scalar_name}"
        )
    if input.dtype is not source.dtype:
        raise RuntimeError(
            "index_copy_(): self and source expected to have the same dtype, but got (self) "
            f"{input.dtype.scalar_name} and (source) {source.dtype.scalar_name}"
        )
    want, have = list(input.shape), list(source.shape)
    want[d : d + 1], have[d : d + 1] = [], []
    if want != have:
        raise RuntimeError(
            "index_copy_(): Source/destination tensor must have same slice shapes. Destination "
            f"slice shape: {' '.join(map(str, want))} at dimension {d} and source slice shape: "
            f"{' '.join(map(str, have))} at dimension 0."
        )
    if source.ndim and source.shape[d] != count:
        raise IndexError(
            f"index_copy_(): Number of indices ({count}) should be equal to source.size(dim) "
            f"({source.shape[d]})"
        )


@op(
    inplace=True,
    samples=lambda t: [
        S(t(3, 4), 1, t.of([3, 0]), 2),
        S(t(3, 4), 0, t.of([1]), t()),
        S(t(), 0, t.of([0]), 1),
        S(t(3), 0, t.index(0, high=3), 1),
    ],
    title=("value", "IndexFillBackward1", "IndexFillBackward0"),
    layout="as_input",
)
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """A copy with the entries that `index` names filled with a number or 0-d tensor."""
    d = wrap_dim(dim, input.ndim)
    if index.dtype.name != "int64":
        raise IndexError("index_fill_(): Expected dtype int64 for index.")
    if index.ndim > 1:
        raise RuntimeError("Index has to be a vector/scalar")
    if isinstance(value, Tensor):
        if value.ndim:
            raise RuntimeError(
                "index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                f"{value.ndim} dimension(s)."
            )
        value = value.to(input.dtype)  # type: ignore[attr-defined]
    elif isinstance(value, complex) and not input.dtype.is_complex:
        raise RuntimeError(
            "index_fill_(): Converting complex Scalar to non-complex type is not supported"
        )
    else:
        value = checked_number(value, input.dtype, by_kernel=True)
    size = input.shape[d] if input.ndim else 1
    text = f"index {{}} is out of bounds for dimension {d} with size {size}"
    refuse_outside(index, size, IndexError, text, -size)
    if isinstance(value, Tensor):
        return masked_fill_prim(input, _named(input, d, index), value)
    return _put(input, d, index, value, False)


def _named(input: Any, d: int, index: Tensor) -> Any:
    """A mask of the entries that `index` names: an entry named twice is filled once."""
    n = input.shape[d] if input.ndim else 1
    mask = _put(input.new_zeros((n,), dtype=dt.bool), 0, index, True, False)
    return mask.reshape((n, *(1,) * (input.ndim - 1 - d)) if input.ndim else ())


# --- index_reduce ---------------------------------------------------------------------------------


def _reduce_kernel(x: Any, index: Any, src: Any, *, dim: int, **params: Any) -> Any:
    place = [1] * src.ndim
    place[dim] = src.shape[dim]
    full = np.broadcast_to(index.reshape(place), src.shape)
    return reduce_kernel(x, full, src, dim=dim, **params)


def _as_scatter(index: Any, src: Any, dim: int) -> Any:
    """The index of the scatter that does the same."""
    place = [1] * src.ndim
    place[dim] = src.shape[dim]
    return index.reshape(place).expand(tuple(src.shape))


index_reduce_ = Primitive("index_reduce", ("x", "index", "src"), _reduce_kernel, meta="same")


@index_reduce_.joint_vjp
def _(
    g: Any, needs: Any, x: Any, index: Any, src: Any, out: Any, dim: int, reduce: str,
    include_self: bool,
) -> Any:  # fmt: skip
    at = _as_scatter(index, src, dim)
    names = "index_reduce", "source"
    return reduce_back(g, x, at, src, out, dim, reduce, include_self, names)


index_reduce_.depends("x", of=("x",), when=lambda p: p["reduce"] == "prod")


@index_reduce_.batching
def _(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    x, index, src = (to_front(v, d) for v, d in zip(values, dims, strict=True))
    dx, di, ds = dims
    size = next(v.shape[0] for v, d in ((x, dx), (index, di), (src, ds)) if d is not None)
    x = x if dx is not None else x.expand(size, *x.shape)
    src = src if ds is not None else src.expand(size, *src.shape)
    dim = params["dim"] + 1
    if di is None:
        return index_reduce_(x, index, src, **{**params, "dim": dim}), 0
    place = [1] * src.ndim
    place[0], place[dim] = size, src.shape[dim]
    full = index.reshape(place).expand(tuple(src.shape))
    return scatter_reduce_(x, full, src, **{**params, "dim": dim}), 0


@op(
    out=SAME,
    inplace=True,
    samples=lambda t: [
        S(t(3, 4, low=0.5), 1, t.index(5, high=4), t(3, 5, low=0.5), "prod"),
        S(t(4), 0, t.index(6, high=4), t(6), "mean", include_self=False),
        S(t.distinct(4) * 7, 0, t.index(6, high=4), t.distinct(6), "amax"),
    ],
)
def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *,
    include_self: bool = True,
) -> Tensor:  # fmt: skip
    """A copy with `source` reduced into it ("prod", "mean", "amax", "amin") where `index` names."""
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(
            "index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got "
            f"{reduce}."
        )
    d = _check_vector("index_reduce_", input, dim, index, source)
    refuse_reduce(input, reduce, "div_floor_cpu", "maximum_cpu", "minimum_cpu")
    if not include_self:
        refused("index_reduce_func_exclude_input_init", input.dtype, "c")
    size = input.shape[d] if input.ndim else 1
    refuse_outside(index, size, IndexError, "index out of range in self")
    out = index_reduce_(_row(input), _row(index), _row(source), dim=d, reduce=reduce,
                        include_self=include_self)  # fmt: skip
    return out if input.ndim else out.reshape(())
