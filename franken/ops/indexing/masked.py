"""Masks: masked_fill, masked_select, masked_scatter, and the search for nonzero places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from franken.backends.meta import rules
from franken.core import dtypes as dt
from franken.core import inplace
from franken.core.batching import pointwise, to_front
from franken.core.calls.out import Into
from franken.core.geometry.shapes import broadcast_two
from franken.core.op import op
from franken.core.primitive import NO_BATCH_RULE, NOT_DIFFERENTIABLE, Primitive
from franken.core.promotion import can_cast
from franken.core.tensor import Tensor, attach
from franken.core.trace import values
from franken.ops.declaring.loop import loop
from franken.ops.declaring.samples import S
from franken.ops.indexing.write import plain, warn_expanded
from franken.ops.surface.args import checked_number

# --- masked_fill ----------------------------------------------------------------------------------


def _fill_kernel(x: Any, mask: Any, value: Any) -> Any:
    return np.where(mask, np.asarray(value, x.dtype), x)


masked_fill_prim = Primitive("masked_fill", ("x", "mask", "value"), _fill_kernel, batch=pointwise)
masked_fill_prim.vjp("x")(lambda g, mask: masked_fill_prim(g, mask, 0))
masked_fill_prim.vjp("value")(lambda g, mask: masked_fill_prim(g, ~mask, 0))

masked_fill_prim.vjp("mask")(NOT_DIFFERENTIABLE)


@masked_fill_prim.jvp
def _(tangents: Any, out: Any, x: Any, mask: Any, value: Any) -> Any:
    tx, _, tv = tangents
    tx = x.new_zeros(tuple(x.shape)) if tx is None else tx
    return masked_fill_prim(tx, mask, 0 if tv is None else tv)


def _check_fill(input: Tensor, mask: Tensor, value: Any) -> Any:
    if mask.dtype is not dt.bool:
        raise RuntimeError(
            "masked_fill_ only supports boolean masks, but got mask with dtype "
            f"{mask.dtype.cpp_name}"
        )
    if not isinstance(value, Tensor):
        return checked_number(value, input.dtype, by_kernel=True)
    if value.ndim:
        raise RuntimeError(
            "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{value.ndim} dimension(s)."
        )
    if value.dtype is input.dtype:
        return value
    if not can_cast(value.dtype, input.dtype) and value.dtype.is_complex:
        return checked_number(value.item(), input.dtype)  # type: ignore[attr-defined]
    return value.to(input.dtype)  # type: ignore[attr-defined]


@op(
    samples=lambda t: [
        S(t(3, 4), t.mask(3, 4), 0.5),
        S(t(3, 4), t.mask(4), t()),
        S(t(), t.mask(2), 1),
        S(t(2, 0), t.mask(2, 0), 1),
    ],
    title=("value", "MaskedFillBackward1", "MaskedFillBackward0"),
)
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """A copy with `value` (a number or 0-d tensor) where the bool `mask`, broadcast, is true."""
    value = _check_fill(input, mask, value)
    broadcast_two(tuple(mask.shape), tuple(input.shape))
    return masked_fill_prim(input, mask, value)


def _masked_fill_inplace(self: Tensor, mask: Tensor, value: Any) -> Tensor:
    """In-place form of `masked_fill`."""
    inplace.check(self, "masked_fill")
    value = _check_fill(self, mask, value)
    shape = broadcast_two(tuple(self.shape), tuple(mask.shape))
    if shape != tuple(self.shape):
        raise RuntimeError(
            f"output with shape {list(self.shape)} doesn't match the broadcast shape {list(shape)}"
        )
    if plain(self, mask, value) and self._a.flags.writeable:
        warn_expanded(self, "masked_fill_")
        np.copyto(self._a, np.asarray(_raw(value), self._a.dtype), where=mask._a)
        inplace.bump(self)
        return self
    return inplace.commit(self, masked_fill_prim(self, mask, value))


def _raw(value: Any) -> Any:
    return value._a if isinstance(value, Tensor) else value


attach(masked_fill_=_masked_fill_inplace)

# --- masked_select and masked_scatter -------------------------------------------------------------

# Both take operands of one shape.
masked_select_ = Primitive(
    "masked_select", ("x", "mask"), lambda x, mask: x[mask], meta=rules.by_value("masked_select")
)


@masked_select_.batching
def _(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    """One mask for the whole batch selects as many from each; with masks of its own, unknown."""
    (x, mask), (dim, own) = values, dims
    if own is not None:
        raise RuntimeError(
            "vmap: Attempted to vmap over `mask` in torch.masked_select(self, mask) We cannot "
            "support this because for each batch this would return a differently shaped Tensor."
        )
    x = to_front(x, dim)
    size = x.shape[0]
    count = masked_select_(mask, mask).shape[0]
    return masked_select_(x, mask.expand(size, *mask.shape)).reshape(size, count), 0


masked_select_.vjp("mask")(NOT_DIFFERENTIABLE)


@masked_select_.vjp("x")
def _(g: Any, x_shape: Any, mask: Any) -> Any:
    return masked_scatter_(g.new_zeros(x_shape), mask, g)


@masked_select_.jvp
def _(tangents: Any, out: Any, x: Any, mask: Any) -> Any:
    return masked_select_(tangents[0], mask)


def _scatter_kernel(x: Any, mask: Any, source: Any) -> Any:
    out = x.copy()
    out[mask] = source.reshape(-1)[: np.count_nonzero(mask)]
    return out


masked_scatter_ = Primitive(
    "masked_scatter", ("x", "mask", "source"), _scatter_kernel, batch=loop, meta="same"
)
masked_scatter_.vjp("x")(lambda g, mask: masked_fill_prim(g, mask, 0))

masked_scatter_.vjp("mask")(NOT_DIFFERENTIABLE)


@masked_scatter_.vjp("source")
def _(g: Any, mask: Any, source_shape: Any) -> Any:
    return masked_fill_back_(g, mask, shape=source_shape)


@masked_scatter_.jvp
def _(tangents: Any, out: Any, x: Any, mask: Any, source: Any) -> Any:
    tx, _, ts = tangents
    tx = x.new_zeros(tuple(x.shape)) if tx is None else tx
    ts = source.new_zeros(tuple(source.shape)) if ts is None else ts
    return masked_scatter_(tx, mask, ts)


def _back_kernel(g: Any, mask: Any, *, shape: Any) -> Any:
    out = np.zeros(shape, g.dtype)
    picked = g[mask]
    out.reshape(-1)[: picked.size] = picked
    return out


# The masked elements in order, then zeros, as `shape`: how masked_scatter used its source.
masked_fill_back_ = Primitive(
    "masked_unscatter", ("x", "mask"), _back_kernel, batch=loop, meta="of_shape"
)

masked_fill_back_.vjp("mask")(NOT_DIFFERENTIABLE)


@masked_fill_back_.vjp("x")
def _(g: Any, x_shape: Any, mask: Any) -> Any:
    return masked_scatter_(g.new_zeros(x_shape), mask, g)


@masked_fill_back_.jvp
def _(tangents: Any, out: Any, g: Any, mask: Any, *, shape: Any) -> Any:
    return masked_fill_back_(tangents[0], mask, shape=shape)


def _same_shape(*tensors: Any) -> Any:
    shape: tuple[int, ...] = ()
    for t in tensors:
        shape = broadcast_two(shape, tuple(t.shape))
    return [t if tuple(t.shape) == shape else t.expand(shape) for t in tensors]


@op(
    out=Into("masked_select(): self and result must have the same scalar type", memory="apart"),
    samples=lambda t: [S(t(3, 4), t.mask(3, 4)), S(t(3, 1), t.mask(4)), S(t(2, 0), t.mask(2, 0))],
)
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where `mask` is true (both broadcast), as a 1-d copy."""
    if mask.dtype is not dt.bool:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    # torch broadcasts (mask, input) in this order, which its error shows
    m, x = _same_shape(mask, input)
    return masked_select_(x, m)


@op(
    inplace="free",
    samples=lambda t: [
        S(t(3, 4), t.mask(3, 4), t(12)),
        S(t(3, 4), t.mask(4), t(3, 4)),
        S(t(2, 0), t.mask(2, 0), t(0)),
    ],
)
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """A copy with the elements of `source`, in order, where `mask` is true."""
    if mask.dtype is not dt.bool:
        raise RuntimeError(
            "masked_scatter_ only supports boolean masks, but got mask with dtype "
            f"{mask.dtype.scalar_name}"
        )
    if source.dtype is not input.dtype:
        raise RuntimeError(
            "masked_scatter: expected self and source to have same dtypes but got"
            f"{input.dtype.scalar_name} and {source.dtype.scalar_name}"
        )
    x, m = _same_shape(input, mask)
    if not m.level and np.count_nonzero(values(m)) > source.shape.numel():
        raise RuntimeError("Number of elements of source < number of ones in mask")
    return masked_scatter_(x, m, source)


# --- nonzero --------------------------------------------------------------------------------------


def _nonzero_kernel(x: Any) -> Any:
    if x.ndim == 0:
        return np.zeros((int(bool(x)), 0), np.int64)
    return np.stack(np.nonzero(x), axis=-1).astype(np.int64, copy=False)


nonzero_ = Primitive(
    "nonzero",
    ("x",),
    _nonzero_kernel,
    batch=NO_BATCH_RULE,
    layout="column_major",
    meta="refuse_nonzero",
).not_differentiable()


@op(
    out=Into(
        "{name}: Expected out tensor to have scalar type {want} but got scalar type{got}",
        memory="apart",
    ),
    samples=lambda t: [
        S(t.mask(3, 4)),
        S(t.mask(2, 3, 2), as_tuple=True),
        S(t.const()),
        S(t.const(2, 0)),
    ],
)
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The places of the nonzero elements: rows of an (n, ndim) tensor, or a tuple of columns."""
    if not as_tuple:
        return nonzero_(input)
    x = input if input.ndim else input.reshape(1)  # type: ignore[attr-defined]
    return nonzero_(x).unbind(1)


@op(samples=lambda t: [S(t.mask(3, 4)), S(t.const()), S(t.const(2, 0))])
def argwhere(input: Tensor) -> Tensor:
    """The places of the nonzero elements as rows."""
    return nonzero_(input)


def _static_kernel(x: Any, *, size: int, fill: int) -> Any:
    found = _nonzero_kernel(x)[:size]
    out = np.full((size, x.ndim), fill, np.int64)
    out[: len(found)] = found
    return out


nonzero_static_ = Primitive(
    "nonzero_static", ("x",), _static_kernel, batch=loop
).not_differentiable()


@op(
    out=Into(
        "{name}: Expected out tensor to have scalar type {want} but got scalar type{got}",
        memory="apart",
    ),
    samples=lambda t: [S(t.mask(3, 4), size=5), S(t.mask(3), size=7, fill_value=9)],
)
def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """`nonzero` cut or filled with `fill_value` to `size` rows."""
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    return nonzero_static_(input, size=size, fill=fill_value)


def _written(value: Any) -> str:
    return "<class 'torch.Tensor'>" if isinstance(value, Tensor) else str(type(value))


@op(method=False, samples=lambda t: [S(t.index(4, high=12), (3, 4)), S(t.index(2, 2, high=6), 6)])
def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """Flat places as a tuple of coordinates in `shape`."""
    if indices.dtype.kind != dt.INTEGER:
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    if not isinstance(shape, (int, str, Sequence)):
        raise TypeError(
            f"expected 'shape' to be int or sequence of ints, but got {_written(shape)}"
        )
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    for n in sizes:
        if not isinstance(n, int):
            raise TypeError(
                f"expected 'shape' sequence to only contain ints, but got {_written(n)}"
            )
    for n in sizes:
        if n < 0:
            raise ValueError(f"'shape' cannot have negative values, but got {sizes}")
    return unravel_(indices, sizes=sizes)


def _unravel_kernel(x: Any, *, sizes: tuple[int, ...]) -> Any:
    out = []
    for n in reversed(sizes):
        out.append(x % max(n, 1))
        x = x // max(n, 1)
    rows = np.stack(out[::-1], axis=-1) if out else x
    return tuple([rows[..., i] for i in range(len(out))])


def _unravel_batched(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    return unravel_(values[0], **params), dims[0]


unravel_ = Primitive(
    "unravel_index", ("x",), _unravel_kernel, outputs=0, batch=_unravel_batched, layout=None
).not_differentiable()
