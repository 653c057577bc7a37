"""Views by strides: as_strided, diagonal, unfold, and the same bytes as another dtype.

Knows storage: a root array and the places in it. Rules see only geometry (strides and offset of the
input when the view was made), so they hold for values that lie elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.meta import rules
from franken.backends.numpy.halves import halved
from franken.core import dtypes as dt
from franken.core.batching import to_front, view_rule
from franken.core.geometry import shapes, strides
from franken.core.geometry.memory import element_strides, first_place, memory_of, restrided, root_of
from franken.core.op import op
from franken.core.primitive import Primitive
from franken.core.tensor import CONJ, Tensor, bits_of, held
from franken.ops.declaring.loop import loop
from franken.ops.declaring.samples import S
from franken.ops.shape.movement import embed, expand_, linear, sizes

# --- as_strided -----------------------------------------------------------------------------------
# Parameters: size, stride, place (what is wanted) and base_stride, base_place (the input's own).


def _as_strided_kernel(
    x: Any, *, size: Any, stride: Any, place: int, base_stride: Any, base_place: int
) -> Any:
    size = _counted(size, x)
    if element_strides(x) == base_stride and first_place(x) == base_place:
        return restrided(x, size, stride, place)
    buffer = _simulated(x, size, stride, place, base_stride, base_place)
    return restrided(buffer, size, stride, place).copy()


def _counted(size: Any, x: Any) -> Any:
    """Sizes with the hidden dimension of a batch (-1) counted."""
    return (x.shape[0], *size[1:]) if size and size[0] == -1 else size


def _extent(size: Any, stride: Any, place: int) -> int:
    if 0 in size:
        return place
    return place + 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True))


def _simulated(
    x: Any, size: Any, stride: Any, place: int, base_stride: Any, base_place: int
) -> Any:
    """A storage in which `x` lies as the input of the view did."""
    n = max(_extent(size, stride, place), _extent(x.shape, base_stride, base_place), 1)
    buffer = np.zeros(n, x.dtype)
    if x.size:
        restrided(buffer, x.shape, base_stride, base_place)[...] = x
    return buffer


def _batched_params(p: Any, shape: Any) -> Any:
    """The same for a batch in front, its examples one after the other in a storage."""
    apart = max(_extent(p["size"], p["stride"], p["place"]),
                _extent(shape, p["base_stride"], p["base_place"]))  # fmt: skip
    return {**p, "size": (-1, *p["size"]), "stride": (apart, *p["stride"]),
            "base_stride": (apart, *p["base_stride"])}  # fmt: skip


as_strided_ = linear(
    Primitive("as_strided", ("x",), _as_strided_kernel, view=True, batch=view_rule(_batched_params))
)


def _write_strided(x: Any, src: Any, params: Any) -> Any:
    params = {**params, "size": _counted(params["size"], x)}
    buffer = _simulated(x, **params)
    restrided(buffer, params["size"], params["stride"], params["place"])[...] = src
    return restrided(buffer, x.shape, params["base_stride"], params["base_place"]).copy()


as_strided_.writer = _write_strided


def _places(shape: Any, steps: Any, place: int) -> Any:
    """The place in storage of each element of a geometry."""
    out = np.full(shape, place, np.int64)
    for d, (n, s) in enumerate(zip(shape, steps, strict=True)):
        out += (np.arange(n) * s).reshape(n, *(1,) * (len(shape) - d - 1))
    return out


def _back_kernel(
    g: Any, *, shape: Any, size: Any, stride: Any, place: int, base_stride: Any, base_place: int
) -> Any:
    """Add each element's cotangent at its place; input elements on one place share it."""
    size = g.shape
    n = max(_extent(size, stride, place), _extent(shape, base_stride, base_place), 1)
    total = np.zeros(n, g.dtype)
    np.add.at(total, _places(size, stride, place).reshape(-1), g.reshape(-1))
    where = _places(shape, base_stride, base_place)
    count = np.zeros(n, np.int64)
    np.add.at(count, where.reshape(-1), 1)
    if count.max(initial=0) > 1:
        total = (total / np.maximum(count, 1)).astype(g.dtype)
    return total[where]


as_strided_back_ = linear(
    Primitive("as_strided_backward", ("x",), halved(_back_kernel), batch=loop, meta="of_shape")
)


@as_strided_.vjp("x")
def _(
    g: Any, x_shape: Any, size: Any, stride: Any, place: Any, base_stride: Any, base_place: Any
) -> Any:
    return as_strided_back_(g, shape=x_shape, size=size, stride=stride, place=place,
                            base_stride=base_stride, base_place=base_place)  # fmt: skip


@as_strided_back_.vjp("x")
def _(g: Any, size: Any, stride: Any, place: Any, base_stride: Any, base_place: Any) -> Any:
    return as_strided_(g, size=size, stride=stride, place=place, base_stride=base_stride,
                       base_place=base_place)  # fmt: skip


def strided_params(input: Tensor, size: Any, stride: Any, storage_offset: Any) -> dict[str, Any]:
    """The primitive's parameters for a call, checked against the storage."""
    want, steps = sizes((tuple(size),)), sizes((tuple(stride),))
    base_place = input.storage_offset()  # type: ignore[attr-defined]
    place = base_place if storage_offset is None else int(storage_offset)
    room = _storage_numel(input)
    strides.as_strided_bounds(want, steps, place, room, input.dtype.itemsize)
    return {"size": want, "stride": steps, "place": place,
            "base_stride": tuple(input.stride()), "base_place": base_place}  # type: ignore[attr-defined]  # fmt: skip


def _storage_numel(input: Any) -> int:
    a = input
    while isinstance(a, Tensor):
        a = held(a)
    return int(root_of(a).nbytes) // int(input.dtype.itemsize)


@op(
    samples=lambda t: [
        S(t(12), (3, 4), (4, 1)),
        S(t(4, 3), (2, 2), (1, 3), 1),
        S(t(5), (3, 2), (1, 1)),
        S(t(5), (), ()),
    ]
)
def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """A view of the tensor's storage with any sizes, strides and offset that stay inside it."""
    return as_strided_(input, **strided_params(input, size, stride, storage_offset))


# --- diagonal -------------------------------------------------------------------------------------


def _diagonal_kernel(x: Any, *, offset: int, dim1: int, dim2: int) -> Any:
    out = x.diagonal(offset, dim1, dim2)
    if hasattr(x.flags, "writeable"):  # a GPU array has no such flag
        out.flags.writeable = x.flags.writeable
    return out


diagonal_ = linear(Primitive(
    "diagonal", ("x",), _diagonal_kernel, view=True,
    batch=view_rule(lambda p, s: {**p, "dim1": p["dim1"] + 1, "dim2": p["dim2"] + 1}),
))  # fmt: skip


@diagonal_.vjp("x")
def _(g: Any, x_shape: Any, offset: int, dim1: int, dim2: int) -> Any:
    return embed(g, x_shape, diagonal_, {"offset": offset, "dim1": dim1, "dim2": dim2})


def diagonal_params(input: Tensor, offset: int, dim1: int, dim2: int) -> dict[str, int]:
    """The primitive's parameters for a call."""
    a, b = shapes.wrap_dim(dim1, input.ndim), shapes.wrap_dim(dim2, input.ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return {"offset": int(offset), "dim1": a, "dim2": b}


@op(
    at="torch",
    samples=lambda t: [S(t(3, 4)), S(t(2, 3, 4), 1, 0, 2), S(t(3, 3), offset=-1), S(t(2, 0))],
)
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A view of the diagonal of two dimensions, as the last one."""
    return diagonal_(input, **diagonal_params(input, offset, dim1, dim2))


# --- unfold ---------------------------------------------------------------------------------------


def _unfold_kernel(x: Any, *, dim: int, size: int, step: int) -> Any:
    count = (x.shape[dim] - size) // step + 1
    shape = (*x.shape[:dim], count, *x.shape[dim + 1 :], size)
    if 0 in shape or memory_of(x) is None:
        starts = np.arange(count)[:, None] * step + np.arange(size)
        return np.moveaxis(x.take(starts, axis=dim), dim + 1, -1)
    steps = element_strides(x)
    windows = (*steps[:dim], steps[dim] * step, *steps[dim + 1 :], steps[dim])
    return restrided(x, shape, windows, first_place(x))


unfold_ = linear(Primitive(
    "unfold", ("x",), _unfold_kernel, view=True,
    batch=view_rule(lambda p, s: {**p, "dim": p["dim"] + 1}),
))  # fmt: skip


def _fold_kernel(g: Any, *, length: int, dim: int, size: int, step: int) -> Any:
    """Add the windows up: one strided addition for each place in a window."""
    shape = (*g.shape[:dim], length, *g.shape[dim + 1 : -1])
    out = np.zeros(shape, g.dtype)
    lead, count = (slice(None),) * dim, g.shape[dim]
    for k in range(size):
        out[(*lead, slice(k, k + count * step, step))] += g[..., k]
    return out


def _fold_batched(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    return fold_(to_front(values[0], dims[0]), **{**params, "dim": params["dim"] + 1}), 0


fold_ = linear(Primitive(
    "unfold_backward", ("x",), halved(_fold_kernel), batch=_fold_batched,
    meta=lambda g, *, length, dim, **_: rules.reserved(
        (*g.shape[:dim], length, *g.shape[dim + 1 : -1]), g.dtype
    ),
))  # fmt: skip


@unfold_.vjp("x")
def _(g: Any, x_shape: Any, dim: int, size: int, step: int) -> Any:
    return fold_(g, length=x_shape[dim], dim=dim, size=size, step=step)


@fold_.vjp("x")
def _(g: Any, dim: int, size: int, step: int) -> Any:
    return unfold_(g, dim=dim, size=size, step=step)


@op(
    at="",
    method=True,
    samples=lambda t: [S(t(3, 4), 1, 2, 1), S(t(5), 0, 2, 2), S(t(2, 3, 4), -2, 3, 1)],
)
def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """A view of windows of `size` every `step` along a dimension; the window is the last one."""
    shapes.unfold_shape(tuple(input.shape), dimension, size, step)
    x: Any = input if input.ndim else input.reshape(1)  # type: ignore[attr-defined]
    out = unfold_(x, dim=shapes.wrap_dim(dimension, x.ndim), size=size, step=step)
    return out if input.ndim else out.reshape(size)


# --- the same bytes as another dtype --------------------------------------------------------------


def _view_dtype_kernel(x: Any, *, to: dt.dtype) -> Any:
    return x.view(to.np)


view_dtype_ = Primitive(
    "view_dtype", ("x",), _view_dtype_kernel, view=True, batch=view_rule(lambda p, s: p)
).not_differentiable()


def view_as_dtype(input: Tensor, to: dt.dtype) -> Tensor:
    """The bytes of a tensor seen as another dtype; the last dimension takes up the difference."""
    old, new = input.dtype, to
    bits = bits_of(input)
    if bits:
        what = "conjugate view tensors" if bits & CONJ else "tensors with negative bit set"
        raise RuntimeError(
            f"torch.Tensor.view is not supported for {what} when converting to a different dtype."
        )
    if old.itemsize != new.itemsize:
        _check_dtype_view(input, old, new)
    return view_dtype_(input, to=to)


def _check_dtype_view(input: Tensor, old: dt.dtype, new: dt.dtype) -> None:
    what = f"to view {old.scalar_name} as {new.scalar_name} (different element sizes)"
    if input.ndim == 0:
        raise RuntimeError(f"self.dim() cannot be 0 {what}")
    last = input.stride(-1)  # type: ignore[attr-defined]
    if last != 1:
        raise RuntimeError(f"self.stride(-1) must be 1 {what}, but got {last}")
    ratio = new.itemsize // old.itemsize
    if ratio <= 1:
        return
    if input.shape[-1] % ratio:
        raise RuntimeError(
            f"self.size(-1) must be divisible by {ratio} {what}, but got {input.shape[-1]}"
        )
    if input.storage_offset() % ratio:  # type: ignore[attr-defined]
        raise RuntimeError(
            f"self.storage_offset() must be divisible by {ratio} {what}, but got "
            f"{input.storage_offset()}"  # type: ignore[attr-defined]
        )
    for d in range(input.ndim - 1):
        s = input.stride(d)  # type: ignore[attr-defined]
        if s % ratio:
            raise RuntimeError(f"self.stride({d}) must be divisible by {ratio} {what}, but got {s}")


def legal_view(input: Tensor, shape: tuple[int, ...]) -> None:
    """Raise unless the elements of an eager tensor can be seen as `shape` without a copy."""
    a = held(input)
    if input.level or not isinstance(a, np.ndarray) or a.flags.c_contiguous:
        return
    if strides.view_strides(a.shape, element_strides(a), shape) is None:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two contiguous subspaces). Use .reshape(...) instead."
        )


# --- parts of overlapping views -------------------------------------------------------------------


def _link_by_memory(base: Tensor, view: Tensor) -> Any:
    """The link that leads from a base to any view of it, by strides."""
    a, v = held(base), held(view)
    params = {"size": v.shape, "stride": element_strides(v), "place": first_place(v),
              "base_stride": element_strides(a), "base_place": first_place(a)}  # fmt: skip
    return (as_strided_, params, -1)


expand_.by_memory = unfold_.by_memory = _link_by_memory


__all__ = ["as_strided_", "diagonal_", "legal_view", "unfold_", "view_as_dtype"]
