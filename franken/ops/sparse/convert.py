"""Coordinates made, read and given up: the primitives between the layouts, and their methods."""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.numpy.layouts import coo
from franken.backends.numpy.layouts.coo import Coo, refusal
from franken.core import inplace
from franken.core.convert import cast, convert
from franken.core.geometry import layout as layouts
from franken.core.layouts.between import (
    coalesce_,
    places_of,
    sparse_mask_,
    sparse_masked_,
    to_coo_,
    to_dense_,
    values_,
)
from franken.core.layouts.tensor import NAMED, is_sparse, named
from franken.core.op import op
from franken.core.tensor import Tensor, wrap
from franken.ops.declaring.samples import NoSamples
from franken.ops.surface.copies import clone_

SPARSE = NoSamples("has a sparse tensor; tests/sparse compares it")

clone_.kernel(NAMED, lambda x, order="K": x.copy())
convert.kernel(NAMED, lambda x, to: x.with_values(convert.cpu(x.values, to=to)))

# --- reading -------------------------------------------------------------------------------------


def _require_coo(name: str, x: Any) -> None:
    layout = x.layout
    if layout is not layouts.sparse_coo:
        raise RuntimeError(
            f"{name} expected sparse coordinate tensor layout but got {named(layout)}"
        )


def _require_stored(name: str, x: Any, compressed: bool = False) -> None:
    layout = x.layout
    if layout is layouts.strided or (layout is not layouts.sparse_coo and not compressed):
        raise NotImplementedError(refusal(name, layout.name))


def _require_coalesced(name: str, x: Any) -> None:
    if not x._a.coalesced:
        raise RuntimeError(
            f"Cannot get {name} on an uncoalesced tensor, please call .coalesce() first"
        )


@op(at="", method=True, samples=SPARSE)
def _indices(input: Tensor) -> Tensor:
    """The (sparse_dim, nnz) matrix of places, sharing memory; also of an uncoalesced tensor."""
    _require_stored("_indices", input)
    return places_of(input)


@op(at="", method=True, samples=SPARSE)
def _values(input: Tensor) -> Tensor:
    """The elements that are stored, sharing memory; also of an uncoalesced tensor."""
    _require_stored("_values", input)
    return wrap(input._a.values, input.device)


@op(at="", method=True, samples=SPARSE)
def _nnz(input: Tensor) -> int:
    """How many elements are stored."""
    _require_stored("_nnz", input, compressed=True)
    return input._a.nnz  # type: ignore[no-any-return]


@op(at="", method=True, samples=SPARSE)
def indices(input: Tensor) -> Tensor:
    """The (sparse_dim, nnz) matrix of places of a coalesced tensor, sharing memory."""
    _require_coo("indices", input)
    _require_coalesced("indices", input)
    return places_of(input)


@op(at="", method=True, samples=SPARSE)
def values(input: Tensor) -> Tensor:
    """The elements that are stored, of a coalesced tensor; gradients flow through.

    >>> import franken as torch
    >>> torch.tensor([[0.0, 2.0], [3.0, 0.0]]).to_sparse().values()
    tensor([2., 3.])
    """
    if not is_sparse(input):
        raise RuntimeError(f"values expected sparse tensor layout but got {named(input.layout)}")  # type: ignore[attr-defined]
    if input.layout is layouts.sparse_coo:  # type: ignore[attr-defined]
        _require_coalesced("values", input)
    return values_(input)  # type: ignore[no-any-return]


@op(at="", method=True, samples=SPARSE)
def is_coalesced(input: Tensor) -> bool:
    """Whether there is one element a place, in the order of places."""
    _require_coo("is_coalesced", input)
    return input._a.coalesced  # type: ignore[no-any-return]


@op(at="", method=True, samples=SPARSE)
def coalesce(input: Tensor) -> Tensor:
    """The tensor with the elements at one place added up; itself if it is so already.

    >>> import franken as torch
    >>> torch.sparse_coo_tensor([[0, 0]], [1.0, 2.0], (3,)).coalesce().values()
    tensor([3.])
    """
    _require_coo("coalesce", input)
    return input if input._a.coalesced else coalesce_(input)


@op(at="", method=True, samples=SPARSE)
def _coalesced_(input: Tensor, coalesced: bool) -> Tensor:
    """Say that the tensor is coalesced, or that it may not be; nothing is checked."""
    _require_coo("_coalesced_", input)
    a = input._a
    input._a = Coo(a.indices, a.values, a.shape, bool(coalesced))
    return input


# --- to and from the strided layout --------------------------------------------------------------


@op(at="", method=True, samples=SPARSE)
def to_dense(input: Tensor, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
    """The strided tensor of the same elements; one that is strided already is returned as it is.

    With `masked_grad` (by default) a gradient reaches only the elements that are stored.

    >>> import franken as torch
    >>> torch.sparse_coo_tensor([[0], [1]], [2.0], (2, 2)).to_dense()
    tensor([[0., 2.],
            [0., 0.]])
    """
    x = input if dtype is None else cast(input, dtype)
    if not is_sparse(x):
        return x
    return to_dense_(x, masked=masked_grad is None or bool(masked_grad))  # type: ignore[no-any-return]


@op(at="", method=True, samples=SPARSE)
def sparse_mask(input: Tensor, mask: Tensor) -> Tensor:
    """The elements at the places that `mask`, a sparse tensor, stores; in its layout."""
    if not is_sparse(mask):
        raise RuntimeError("sparse_mask(): mask must be sparse")
    if tuple(input.shape) != tuple(mask.shape):
        raise RuntimeError(
            "sparse_mask(): operands have incompatible sizes; self has size "
            f"{list(input.shape)} but mask has size {list(mask.shape)}"
        )
    return (sparse_masked_ if is_sparse(input) else sparse_mask_)(input, mask)  # type: ignore[no-any-return]


def coordinates(x: Any, sparse_dim: Any = None) -> Any:
    """A strided tensor in coordinates, its first `sparse_dim` dimensions (all by default)."""
    if sparse_dim is None:
        sparse_dim = x.ndim
    elif not 0 <= sparse_dim <= x.ndim or (not sparse_dim and x.ndim):
        raise RuntimeError(
            f"dense_to_sparse: sparse_dim argument must be in [0,{x.ndim}] range, but {sparse_dim} "
            "is given"
        )
    return to_coo_(x, sparse_dim=sparse_dim)


# --- changed in place ----------------------------------------------------------------------------


def _resized(x: Any, size: Any, sparse_dim: int, dense_dim: int, clear: bool) -> Coo:
    size = tuple(size)
    if len(size) != sparse_dim + dense_dim:
        raise RuntimeError(
            f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(size)}, "
            f"sparse_dim = {sparse_dim}, dense_dim = {dense_dim}"
        )
    a = x._a
    if clear:
        return coo.empty(size, sparse_dim, a.dtype)
    if a.nnz:
        _refuse_resize(a, size, sparse_dim, dense_dim)
    if sparse_dim != a.sparse_dim or not a.nnz:
        made = coo.empty(size, sparse_dim, a.dtype)
        return Coo(made.indices, made.values, size, a.coalesced)
    values = a.values
    if size[sparse_dim:] != values.shape[1:]:
        grown = np.zeros((a.nnz, *size[sparse_dim:]), a.dtype)
        grown[tuple([slice(n) for n in values.shape])] = values
        values = grown
    return Coo(a.indices, values, size, a.coalesced)


_HINT = (
    "\nYou could try the following options:\n1. If you need an empty sparse tensor of this size, "
    "call `x = torch.sparse_coo_tensor(size)`.\n2. If you need to resize this tensor, you have the "
    "following options:\n    1. For both sparse and dense dimensions, keep the number of them "
    "constant and the size of them non-shrinking, and then try the same call again.\n    2. Or, "
    "create a new sparse tensor with the correct indices and values from this sparse tensor."
)


def _refuse_resize(a: Coo, size: Any, sparse_dim: int, dense_dim: int) -> None:
    for kind, new, old in (
        ("sparse", sparse_dim, a.sparse_dim), ("dense", dense_dim, a.ndim - a.sparse_dim),
    ):  # fmt: skip
        if new != old:
            raise RuntimeError(
                f"changing the number of {kind} dimensions (from {old} to {new}) on a non-empty "
                f"sparse tensor is not supported.{_HINT}"
            )
    for kind, part in (("sparse", slice(sparse_dim)), ("dense", slice(sparse_dim, None))):
        if any(n < o for n, o in zip(size[part], a.shape[part], strict=True)):
            raise RuntimeError(
                f"shrinking the size of {kind} dimensions (from {list(a.shape[part])} to "
                f"{list(size[part])}) on a non-empty sparse tensor is not supported.{_HINT}"
            )


@op(at="", method=True, samples=SPARSE)
def sparse_resize_(input: Tensor, size: Any, sparse_dim: int, dense_dim: int) -> Tensor:
    """Give the tensor another size in place; one that stores elements may only grow."""
    _require_coo("sparse_resize_", input)
    input._a = _resized(input, size, sparse_dim, dense_dim, False)
    inplace.bump(input)
    return input


@op(at="", method=True, samples=SPARSE)
def sparse_resize_and_clear_(input: Tensor, size: Any, sparse_dim: int, dense_dim: int) -> Tensor:
    """Give the tensor another size in place, and forget its elements."""
    _require_coo("sparse_resize_and_clear_", input)
    input._a = _resized(input, size, sparse_dim, dense_dim, True)
    inplace.bump(input)
    return input
