"""Copies of views: `name_copy` for each view op, and the `_scatter` ops that write into a copy."""

from __future__ import annotations

from typing import Any

from franken.core.calls.out import FREE, Into
from franken.core.dtypes import dtype
from franken.core.geometry import shapes
from franken.core.geometry.memory import repeats
from franken.core.node import split_edge, titled
from franken.core.op import op
from franken.core.state import STATE
from franken.core.tensor import Tensor, held
from franken.functional.views import named as views
from franken.ops.declaring.samples import S, unary
from franken.ops.elementwise.complexes import _conj, _neg_view, view_as_complex, view_as_real
from franken.ops.shape import movement, split
from franken.ops.shape.movement import select_, slice_
from franken.ops.shape.regions import replaced_
from franken.ops.shape.strided import (
    as_strided,
    as_strided_,
    diagonal,
    diagonal_,
    diagonal_params,
    strided_params,
    unfold,
)
from franken.ops.surface.copies import clone_

# --- copies ---------------------------------------------------------------------------------------


_NARROW = "Expected self.dtype() == output.dtype() to be true, but got false."
_LISTED = " expected an out= argument of size {want}, got size {have}"
_TARGETS = {
    "narrow": Into(_NARROW, memory="free"),
    "unbind": Into(memory="free", listed="unbind_copy_int_out" + _LISTED),
    "split": Into(memory="free", listed="split_copy_Tensor_out()" + _LISTED),
    "split_with_sizes": Into(memory="free", listed="split_with_sizes_copy_out" + _LISTED),
}


_TITLES = {
    "narrow": "NarrowCopyBackward0", "alias": "AliasBackward0_copy", "view": "ViewBackward0_copy"
}  # fmt: skip


def _title(name: str, view: Any) -> str:
    """torch's name for the copy of a view: the view's own, with `_copy` behind it."""
    return _TITLES.get(name) or f"{view.name()}_copy"


def _copying(name: str, fn: Any, samples: Any, method: bool = False) -> Any:
    def copied(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        got = fn(input, *args, **kwargs)
        several = type(got) is tuple
        out = tuple([clone_(g, order="C") for g in got]) if several else clone_(got, order="C")
        edge = None if several and not got else (got[0] if several else got)._node
        return out if edge is None else titled(out, _title(name, split_edge(edge)[0]))

    copied.__wrapped__ = fn  # type: ignore[attr-defined]  # whose arguments it takes
    copied.__name__ = name + "_copy"
    copied.__doc__ = f"A copy of what `{name}` would show."
    return op(method=method, out=_TARGETS.get(name, FREE), samples=samples)(copied)


def _view(input: Tensor, *size: Any, **spelled: Any) -> Tensor:
    """The view, or a copy where there is none."""
    if "dtype" in spelled or isinstance(size[0], dtype):
        return views.view(_resolved(input), *size, **spelled)
    return input.reshape(*size, **spelled)  # type: ignore[attr-defined, no-any-return]


def _resolved(input: Tensor) -> Any:
    return input.resolve_conj().resolve_neg()  # type: ignore[attr-defined]


def _of_reals(name: str, fn: Any) -> Any:
    """The view, refused where a copy of it has no derivative in torch."""

    def view(input: Tensor) -> Any:
        if STATE.grad and input.dtype.is_complex and input.requires_grad:  # type: ignore[attr-defined]
            raise RuntimeError(
                f"{name}_copy does not support automatic differentiation for outputs with complex "
                "dtype."
            )
        return fn(input)

    return view


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


for _name, _fn, _samples in (
    ("alias", _alias, unary),
    ("detach", lambda input: input.detach(), unary),  # noqa: A006
    ("as_strided", as_strided, lambda t: [S(t(12), (2, 3), (1, 2), 1)]),
    ("diagonal", diagonal, lambda t: [S(t(3, 4)), S(t(2, 3, 4), 1, 0, 2)]),
    ("expand", movement.expand, lambda t: [S(t(3, 1), (3, 4)), S(t(), (2, 0))]),
    ("permute", movement.permute, lambda t: [S(t(2, 3, 4), (2, 0, 1))]),
    ("_reshape_alias", lambda input, size, stride: as_strided(input, size, stride),  # noqa: A006
     lambda t: [S(t(3, 4), (2, 6), (6, 1))]),
    ("select", movement.select, lambda t: [S(t(3, 4), 1, -2)]),
    ("slice", slice_along, lambda t: [S(t(5, 4), 0, 1, 5, 2), S(t(3, 4), 1, 2)]),
    ("split", split.split, lambda t: [S(t(5, 4), 2), S(t(3, 4), 3, -1)]),
    ("split_with_sizes", split.split_with_sizes, lambda t: [S(t(5, 4), (2, 0, 3))]),
    ("squeeze", movement.squeeze, lambda t: [S(t(3, 1, 4)), S(t(3, 1), 1)]),
    ("t", views.t, lambda t: [S(t(3, 4)), S(t(3))]),
    ("transpose", movement.transpose, lambda t: [S(t(2, 3, 4), 0, -1)]),
    ("unsqueeze", movement.unsqueeze, lambda t: [S(t(3, 4), -1), S(t(), 0)]),
    ("unbind", split.unbind, lambda t: [S(t(3, 4), 1)]),
    ("unfold", unfold, lambda t: [S(t(5, 2), 0, 3, 2)]),
    ("view", _view, lambda t: [S(t(3, 4), (2, 6)), S(t(2, 0), (0,))]),
    ("view_as_complex", view_as_complex, lambda t: [S(t(3, 4, 2)), S(t(2))]),
    ("_conj", _of_reals("_conj", _conj), lambda t: [S(t(3, 4, dtype=t.module.complex128))]),
    ("_neg_view", _of_reals("_neg_view", _neg_view), unary),
    ("view_as_real", lambda input: view_as_real(_resolved(input)),  # noqa: A006
     lambda t: [S(t(3, 4, dtype=t.module.complex128))]),
):  # fmt: skip
    _copying(_name, _fn, _samples)


def _narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    if dim >= max(input.ndim, 1):
        raise RuntimeError(
            "Expected dim < static_cast<int64_t>(self_sizes.size()) to be true, but got false.  "
            f"(dim is {dim} and the tensor has {input.ndim} dimensions)"
        )
    if length < 0:
        raise RuntimeError(
            f"start ({start}) + length ({length}) exceeds dimension size ({input.shape[dim]})."
        )
    return movement.narrow(input, dim, start, length)


narrow_copy = _copying(
    "narrow", _narrow, lambda t: [S(t(3, 4), 1, 1, 2), S(t(4), 0, 4, 0)], method=True
)

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
    return replaced_(input, src, prim=prim, params=params)  # type: ignore[no-any-return]


@op(
    samples=lambda t: [S(t(3, 4), t(3), 1, 2), S(t(3, 4), t(4), -2, -1)],
    title="SelectScatterBackward0",
)
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy with one entry of a dimension replaced by `src`."""
    row = movement.select(input, dim, index)
    d = shapes.wrap_dim(dim, input.ndim)
    at = index + input.shape[d] if index < 0 else index
    return _scattered(input, src, select_, {"dim": d, "index": int(at)}, tuple(row.shape))


@op(
    out=Into(memory="free", row_major=True),
    samples=lambda t: [S(t(3, 4), t(3, 2), 1, 1, 3), S(t(5, 2), t(2, 2), 0, 1, None, 2)],
    title="SliceScatterBackward0",
)
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Tensor:
    """A copy with start:end:step of a dimension replaced by `src`."""
    d, first, count = _sliced(input, dim, start, end, step)
    shape = tuple(input.shape)
    params = {"dim": d, "start": first, "stop": first + count * step, "step": step}
    return _scattered(input, src, slice_, params, (*shape[:d], count, *shape[d + 1 :]))


@op(
    samples=lambda t: [S(t(3, 4), t(3)), S(t(3, 3), t(2), -1)],
    title="DiagonalScatterBackward0",
)
def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """A copy with a diagonal replaced by `src`."""
    want = tuple(diagonal(input, offset, dim1, dim2).shape)
    return _scattered(input, src, diagonal_, diagonal_params(input, offset, dim1, dim2), want)


@op(
    samples=lambda t: [S(t(3, 4), t(2, 2), (2, 2), (4, 1), 1)],
    title="AsStridedScatterBackward0",
)
def as_strided_scatter(
    input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None
) -> Tensor:
    """A copy with the elements that `as_strided` would show replaced by `src`."""
    # where elements repeat, the places are those of the dense copy
    own = clone_(input.detach()) if not input.level and repeats(held(input)) else input
    params = strided_params(own, size, stride, storage_offset)
    return _scattered(input, src, as_strided_, params, params["size"])
