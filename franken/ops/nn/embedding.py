"""Look-up of table rows: embedding, embedding_bag, one_hot.

The backward adds rows in the order of their occurrence (backends/numpy/segment). Knows padding,
frequency scaling and renormalised rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.meta import rules
from franken.backends.numpy import segment
from franken.backends.numpy.halves import halved
from franken.core import dtypes as dt
from franken.core import inplace
from franken.core.batching import batch_size, spread, to_front
from franken.core.convert import cast
from franken.core.layouts.between import coo_of
from franken.core.op import op
from franken.core.primitive import NO_BATCH_RULE, NOT_DIFFERENTIABLE, Primitive, bind
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import S, estimated
from franken.ops.elementwise.ternary import where_
from franken.ops.surface.ranges import arange

_TYPE = {"float32": "Float", "float64": "Double", "float16": "Half", "bfloat16": "BFloat16",
         "uint8": "Byte", "int8": "Char", "int16": "Short", "bool": "Bool",
         "complex64": "ComplexFloat", "complex128": "ComplexDouble"}  # fmt: skip

# --- primitives -----------------------------------------------------------------------------------


def _take_kernel(w: Any, i: Any, *, padding: int, scale: bool) -> Any:
    if i.size:
        low, high = i.min(), i.max()
        if low < 0 or high >= w.shape[0]:
            raise IndexError("index out of range in self")
    return np.take(w, i, axis=0)


def _sum_kernel(g: Any, i: Any, *, rows: int, padding: int, scale: bool) -> Any:
    # a row width written out: -1 cannot be inferred from no elements
    width = 1
    for n in g.shape[i.ndim :]:
        width *= n
    flat = g.reshape(i.size, width)
    out = segment.embedding_backward(flat, i.reshape(-1), rows, padding, scale)
    return out.reshape((rows, *g.shape[i.ndim :]))


rows_take: Any = Primitive("embedding", ("w", "i"), _take_kernel, meta="rows_at")
rows_sum: Any = Primitive(
    "embedding_grad", ("g_", "i"), halved(_sum_kernel),
    meta=lambda g, i, *, rows, **_: rules.reserved((rows, *g.shape[i.ndim :]), g.dtype),
)  # fmt: skip
rows_take.cpu = _take_kernel

rows_take.vjp("i")(NOT_DIFFERENTIABLE)
rows_sum.vjp("i")(NOT_DIFFERENTIABLE)


@rows_take.vjp("w")
def _(g: Any, i: Any, w_shape: Any, padding: int, scale: bool) -> Any:
    return rows_sum(g, i, rows=w_shape[0], padding=padding, scale=scale)


# The same rows for which the cotangent of the table is sparse.
rows_take_sparse: Any = Primitive(
    "embedding_sparse", ("w", "i"), _take_kernel, batch=NO_BATCH_RULE, title="EmbeddingBackward0"
)
rows_take_sparse.vjp("i")(NOT_DIFFERENTIABLE)


@rows_take_sparse.vjp("w")
def _(g: Any, i: Any, w_shape: Any, padding: int, scale: bool) -> Any:
    if scale:
        raise RuntimeError(
            "embedding_backward: scale_grad_by_freq not supported with sparse gradients"
        )
    places, rows = i.reshape(-1).long(), g.reshape(i.numel(), *w_shape[1:])
    if padding >= 0:
        kept = (places != padding).nonzero().reshape(-1)
        places, rows = places.index_select(0, kept), rows.index_select(0, kept)
    return coo_of(places.unsqueeze(0), rows, w_shape)


@rows_take.jvp
def _(tangents: Any, out: Any, w: Any, i: Any, *, padding: int, scale: bool) -> Any:
    return rows_take(tangents[0], i, padding=padding, scale=scale)  # padding stops cotangents only


@rows_sum.vjp("g_")
def _(g: Any, i: Any, padding: int, scale: bool) -> Any:
    return _transposed(g, i, padding, scale)


@rows_sum.jvp
def _(tangents: Any, out: Any, g_: Any, i: Any, *, rows: int, padding: int, scale: bool) -> Any:
    return rows_sum(tangents[0], i, rows=rows, padding=padding, scale=scale)


def _transposed(g: Any, i: Any, padding: int, scale: bool) -> Any:
    """What rows_sum's cotangent is in its rows: taken rows, without padding, scaled as there."""
    # padding and scale are below, once: rows_take's own would apply them again in its cotangent
    out = rows_take(g, i, padding=-1, scale=False)
    if padding >= 0:
        out = out.masked_fill(_lift(i == padding, out), 0)
    if scale:
        ones = i.new_ones(tuple(i.shape), dtype=out.dtype).unsqueeze(-1)
        count = rows_sum(ones, i, rows=g.shape[0], padding=-1, scale=False)
        out = out / _lift(rows_take(count, i, padding=-1, scale=False).squeeze(-1), out)
    return out


def _lift(t: Any, like: Any) -> Any:
    return t.reshape((*t.shape, *(1,) * (like.ndim - t.ndim)))


def _flat_index(i: Any, d: int | None, size: int, rows: int) -> Any:
    """Indices into `size` tables laid one after the other."""
    i = spread(i, d, size)
    start = arange(0, size * rows, rows, device=i.device) if rows else i.new_zeros((size,))
    return i + start.reshape((size, *(1,) * (i.ndim - 1)))


@rows_take.batching
def _(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    (w, i), (dw, di) = values, dims
    if dw is None:
        return bind(prim, (w, to_front(i, di)), params), 0
    w = to_front(w, dw)
    size, rows = w.shape[:2]
    places = _flat_index(i, di, size, rows)
    out = bind(prim, (w.flatten(0, 1), places), {**params, "padding": -1})
    if params["padding"] >= 0:  # padding rows differ by example, and get no cotangent
        hidden = _lift(spread(i, di, size) == params["padding"], out)
        out = where_(hidden, out.detach(), out)
    return out, 0


@rows_sum.batching
def _(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    (g, i), (dg, di) = values, dims
    size, rows = batch_size(values, dims), params["rows"]
    g = spread(g, dg, size)
    if params["padding"] >= 0:
        hidden = spread(i, di, size) == params["padding"]
        g = g.masked_fill(_lift(hidden, g), 0)
    places = _flat_index(i, di, size, rows)
    out = bind(prim, (g, places), {**params, "rows": size * rows, "padding": -1})
    return out.reshape((size, rows, *out.shape[1:])), 0


# --- embedding ------------------------------------------------------------------------------------


def _check_index(name: str, i: Tensor) -> None:
    if i.dtype is not dt.int64 and i.dtype is not dt.int32:
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            f"Long, Int; but got torch.{_TYPE.get(i.dtype.name, i.dtype.name)}Tensor instead "
            f"(while checking arguments for {name})"
        )


def _renormalise(w: Tensor, i: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows that are looked up, in place, to a norm of at most max_norm."""
    table: Any = w.detach()  # type: ignore[attr-defined]
    used = i.detach().reshape(-1).unique()  # type: ignore[attr-defined]
    rows = rows_take(table, used, padding=-1, scale=False)
    norm = rows.norm(norm_type, -1, keepdim=True)
    scale = cast(max_norm / (cast(norm, dt.float64) + 1e-7), rows.dtype)
    short = where_(norm > max_norm, rows * scale, rows)
    table.index_copy_(0, used.long(), short)


@op(
    method=False,
    name="embedding_renorm_",
    samples=lambda t: [
        S(t.const(5, 3), t.index(2, 4, high=5), 1.0, 2.0),
        S(t.const(5, 3), t.index(3, high=5), 0.5, 1.0),
    ],
)
def _embedding_renorm_(input: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> Tensor:
    """Scale the rows that the indices name, in place, to a norm of at most `max_norm`."""
    inplace.check(input, "embedding_renorm_")
    _renormalise(input, indices, max_norm, norm_type)
    return input


@op(
    method=False,
    name="embedding",
    samples=lambda t: [
        S(t(5, 3), t.index(2, 4, high=5)),
        estimated(S(t(5, 3), t.index(4, high=5), 2)),
        S(t(5, 3), t.index(0, high=5)),
        S(t.const(5, 3), t.index(4, high=5), 2, True),
    ],
)
def _embedding(
    weight: Tensor, indices: Tensor, padding_idx: int = -1, scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:  # fmt: skip
    """Rows of a table; the cotangent of row `padding_idx` is zero."""
    if weight.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    _check_index("embedding", indices)
    take = rows_take_sparse if sparse else rows_take
    return take(weight, indices, padding=padding_idx, scale=bool(scale_grad_by_freq))  # type: ignore[no-any-return]


def _padding(padding_idx: Any, rows: int) -> int:
    if padding_idx is None:
        return -1
    if not -rows <= padding_idx < rows:
        raise AssertionError("Padding_idx must be within num_embeddings")
    return padding_idx + rows if padding_idx < 0 else padding_idx  # type: ignore[no-any-return]


@op(
    "nn.functional",
    samples=lambda t: [
        S(t.index(2, 4, high=5), t(5, 3)),
        estimated(S(t.index(4, high=5), t(5, 3), padding_idx=-1)),
        S(t.index(0, high=5), t(5, 3)),
        S(t.index(4, high=5), t.const(5, 3), scale_grad_by_freq=True),
    ],
)
def embedding(
    input: Tensor, weight: Tensor, padding_idx: Any = None, max_norm: Any = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Tensor:  # fmt: skip
    """Rows of a table: (*) and (V, D) give (*, D). If `sparse`, the table's gradient is so.

    Rows looked up are first scaled in place to a norm of at most `max_norm`, where given.
    """
    padding = _padding(padding_idx, weight.shape[0]) if weight.ndim else -1
    if max_norm is not None:
        _renormalise(weight, input, max_norm, norm_type)
    return _embedding(weight, input, padding, scale_grad_by_freq, sparse)


# --- one_hot --------------------------------------------------------------------------------------


def _one_hot_kernel(x: Any, *, classes: int) -> Any:
    if classes < 0:
        if not x.size:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        classes = int(x.max()) + 1
    if x.size:
        if x.min() < 0:
            raise RuntimeError("Class values must be non-negative.")
        if x.max() >= classes:
            raise RuntimeError("Class values must be smaller than num_classes.")
    elif classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    return (x[..., None] == np.arange(classes)).astype(np.int64)


def _one_hot_geometry(x: Any, *, classes: int) -> Any:
    if classes < 0:
        x.item()  # how many there are, values say
    return rules.reserved((*x.shape, classes), rules.INT64)


one_hot_ = Primitive(
    "one_hot", ("x",), _one_hot_kernel, meta=_one_hot_geometry
).not_differentiable()


@one_hot_.batching
def _(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    return bind(prim, (to_front(values[0], dims[0]),), params), 0


@op(
    "nn.functional",
    samples=lambda t: [S(t.index(3, high=4)), S(t.index(2, 3, high=4), 6), S(t.index(high=2), 2)],
)
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Integers as rows of zeros with a one at their place; shape (*, classes)."""
    if tensor.dtype is not dt.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if num_classes < -1:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return one_hot_(tensor, classes=num_classes)  # type: ignore[no-any-return]
