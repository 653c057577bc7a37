"""Copies of views: `name_copy` for each view op, and the `_scatter` ops that write into a copy."""

from __future__ import annotations

from typing import Any

from franken.core import shapes
from franken.core.inplace import view_scatter
from franken.core.op import op
from franken.core.tensor import Tensor
from franken.functional import views
from franken.ops import movement, split
from franken.ops.basics import clone_
from franken.ops.movement import select_, slice_
from franken.ops.movement_strided import (
    as_strided,
    as_strided_,
    diagonal,
    diagonal_,
    diagonal_params,
    strided_params,
    unfold,
)

# --- copies ---------------------------------------------------------------------------------------


def _copying(name: str, fn: Any, method: bool = False) -> Any:
    def copied(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        got = fn(input, *args, **kwargs)
        if type(got) is tuple:
            return tuple([clone_(g, order="C") for g in got])
        return clone_(got, order="C")

    copied.__name__ = name + "_copy"
    copied.__doc__ = f"A copy of what `{name}` would show."
    return op(method=method, out=True)(copied)


def _alias(input: Tensor) -> Tensor:
    return input


def slice_along(
    input: Tensor, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Tensor:
    """A view of start:end:step of one dimension."""
    d, first, count = _sliced(input, dim, start, end, step)
    return slice_(input, dim=d, start=first, stop=first + count * step, step=step)


def _sliced(input: Tensor, dim: int, start: Any, end: Any, step: int) -> tuple[int, int, int]:
    if input.ndim == 0:
        raise RuntimeError("slice() cannot be applied to a 0-dim tensor.")
    d = shapes.wrap_dim(dim, input.ndim)
    first, count = shapes.slice_bounds(start, end, step, input.shape[d])
    return d, first, count


for _name, _fn in {
    "alias": _alias, "detach": lambda x: x.detach(), "as_strided": as_strided,
    "diagonal": diagonal, "expand": movement.expand, "permute": movement.permute,
    "_reshape_alias": lambda x, size, stride: as_strided(x, size, stride),
    "select": movement.select, "slice": slice_along, "split": split.split,
    "split_with_sizes": split.split_with_sizes, "squeeze": movement.squeeze, "t": views.t,
    "transpose": movement.transpose, "unsqueeze": movement.unsqueeze, "unbind": split.unbind,
    "unfold": unfold, "view": views.view,
}.items():  # fmt: skip
    _copying(_name, _fn)


def _narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    if dim >= max(input.ndim, 1):
        raise RuntimeError(
            "Expected dim < static_cast<int64_t>(self_sizes.size()) to be true, but got false: "
            f"dim is {dim} and the tensor has {input.ndim} dimensions"
        )
    if length < 0:
        raise RuntimeError(
            f"start ({start}) + length ({length}) exceeds dimension size ({input.shape[dim]})."
        )
    return movement.narrow(input, dim, start, length)


narrow_copy = _copying("narrow", _narrow, method=True)

# --- scatters -------------------------------------------------------------------------------------


def _check_source(src: Tensor, want: tuple[int, ...]) -> None:
    if tuple(src.shape) != want:
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. src size = "
            f"{list(src.shape)}, slice size = {list(want)}"
        )


def _scattered(input: Tensor, src: Any, prim: Any, params: Any, want: tuple[int, ...]) -> Tensor:
    _check_source(src, want)
    if src.dtype is not input.dtype:
        src = src.to(input.dtype)
    return view_scatter(input, src, prim=prim, params=params, index=-1)


@op(out=True)
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy with one entry of a dimension replaced by `src`."""
    row = movement.select(input, dim, index)
    d = shapes.wrap_dim(dim, input.ndim)
    at = index + input.shape[d] if index < 0 else index
    return _scattered(input, src, select_, {"dim": d, "index": int(at)}, tuple(row.shape))


@op(out=True)
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Tensor:
    """A copy with start:end:step of a dimension replaced by `src`."""
    d, first, count = _sliced(input, dim, start, end, step)
    shape = tuple(input.shape)
    params = {"dim": d, "start": first, "stop": first + count * step, "step": step}
    return _scattered(input, src, slice_, params, (*shape[:d], count, *shape[d + 1 :]))


@op(out=True)
def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """A copy with a diagonal replaced by `src`."""
    want = tuple(diagonal(input, offset, dim1, dim2).shape)
    return _scattered(input, src, diagonal_, diagonal_params(input, offset, dim1, dim2), want)


@op(out=True)
def as_strided_scatter(
    input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None
) -> Tensor:
    """A copy with the elements that `as_strided` would show replaced by `src`."""
    params = strided_params(input, size, stride, storage_offset)
    return _scattered(input, src, as_strided_, params, params["size"])
