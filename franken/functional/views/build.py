"""Copies in a new order or a larger shape: roll, rot90, repeat, diagonals, products of vectors."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from franken.core import dtypes as dt
from franken.core.calls.out import SAME
from franken.core.convert import cast
from franken.core.geometry import shapes
from franken.core.node import titled
from franken.core.op import op
from franken.core.tensor import Tensor
from franken.functional.views.named import meshgrid
from franken.ops.declaring.samples import S
from franken.ops.shape.join import cat, stack, tensor_list
from franken.ops.shape.movement import embed, expand_, reshape_, sizes
from franken.ops.shape.strided import diagonal, diagonal_
from franken.ops.surface.copies import clone_
from franken.ops.surface.creation import finish

# --- order ----------------------------------------------------------------------------------------


@op(
    samples=lambda t: [
        S(t(3, 4), 1),
        S(t(3, 4), (1, -2), (0, 1)),
        S(t(3, 4), 2, 1),
        S(t(2, 0), 1, 0),
    ],
    title="RollBackward0",
)
def roll(input: Tensor, shifts: Any, dims: Any = ()) -> Tensor:
    """The elements moved cyclically along dimensions (none named: along the flattened tensor)."""
    shifts, dims = shapes.integers(shifts), shapes.integers(() if dims is None else dims)
    if not shifts:
        raise RuntimeError("`shifts` required")
    if len(shifts) == 1 and not dims:
        x: Any = input.reshape(-1)  # type: ignore[attr-defined]
        return _rolled(x, shifts[0], 0).reshape(tuple(input.shape))
    if len(shifts) != len(dims):
        raise RuntimeError(
            f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}"
        )
    out = input
    for s, d in zip(shifts, dims, strict=True):
        if input.ndim == 0:
            raise IndexError(f"Dimension specified as {d} but tensor has no dimensions")
        out = _rolled(out, s, shapes.wrap_dim(d, input.ndim))
    return out


def _rolled(x: Any, shift: int, d: int) -> Any:
    n = x.shape[d]
    k = (-shift) % n if n else 0
    if k == 0:
        return x.clone()
    return cat([x.narrow(d, k, n - k), x.narrow(d, 0, k)], d)


@op(
    samples=lambda t: [S(t(3, 4)), S(t(2, 3, 4), -1, (1, 2)), S(t(2, 0), 2)], title="Rot90Backward0"
)
def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """The tensor turned by k * 90 degrees in the plane of two dimensions."""
    dims, n = tuple(dims), input.ndim
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if n < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {n}")
    if dims[0] == dims[1] or abs(dims[0] - dims[1]) == n:
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    x: Any = input
    a, b = (shapes.wrap_dim(d, n) for d in dims)
    k %= 4
    if k == 1:
        return x.flip(b).transpose(a, b)
    if k == 2:
        return x.flip((a, b))
    return x.flip(a).transpose(a, b) if k == 3 else x.clone()


@op(samples=lambda t: [S(t(3, 4)), S(t(2, 3, 2)), S(t(2, 0))])
def fliplr(input: Tensor) -> Tensor:
    """The order along the second dimension reversed."""
    if input.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return input.flip(1)  # type: ignore[attr-defined]


@op(samples=lambda t: [S(t(3, 4)), S(t(2, 3, 2)), S(t(2, 0))])
def flipud(input: Tensor) -> Tensor:
    """The order along the first dimension reversed."""
    if input.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return input.flip(0)  # type: ignore[attr-defined]


# --- repetition -----------------------------------------------------------------------------------


@op(
    at="",
    method=True,
    samples=lambda t: [S(t(3, 4), 2, 1), S(t(3), (2, 2)), S(t(), (2,)), S(t(2, 3), 0, 1)],
    title="RepeatBackward0",
)
def repeat(input: Tensor, *repeats: Any, **spelled: Any) -> Tensor:
    """Copies of the tensor side by side, `repeats` times along each dimension."""
    times = sizes(repeats, spelled, "repeats")
    lead = len(times) - input.ndim
    if lead < 0:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            "tensor"
        )
    shape = (1,) * lead + tuple(input.shape)
    out = tuple(n * k for n, k in zip(shape, times, strict=True))
    if any(k < 0 for k in times):
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {min(out)}: {list(out)}"
        )
    paired = [m for n in shape for m in (1, n)]
    wide = [m for n, k in zip(shape, times, strict=True) for m in (k, n)]
    spread = expand_(reshape_(input, shape=tuple(paired)), shape=tuple(wide))
    return _fresh(reshape_(spread, shape=out))


def _fresh(out: Any) -> Any:
    """A copy if `out` still is a view."""
    return clone_(out, order="C") if out._base is not None or out.level else out


@op(
    samples=lambda t: [
        S(t(3, 2), 2),
        S(t(3, 2), t.of([1, 0, 2]), 0),
        S(t(3, 2), 2, dim=1),
        S(t.of([1, 0, 2])),
    ]
)
def repeat_interleave(
    input: Any = None, repeats: Any = None, dim: int | None = None, *,
    output_size: int | None = None,
) -> Tensor:  # fmt: skip
    """Each entry of a dimension (None: of the flattened tensor) repeated, `repeats` times."""
    if repeats is None or input is None:
        input = repeats if input is None else input
        if not isinstance(input, Tensor):
            raise TypeError(
                "repeat_interleave() received an invalid combination of arguments - got "
                f"({type(input).__name__})"
            )
        return _interleaved_places(input, output_size)
    x: Any = input
    if dim is None:
        x, dim = x.reshape(-1), 0
    if not isinstance(repeats, (Tensor, int)):
        raise TypeError(
            "repeat_interleave() received an invalid combination of arguments - got "
            f"({type(repeats).__name__})"
        )
    if x.ndim == 0:
        x = x.reshape(1)
    d = shapes.wrap_dim(dim, x.ndim)
    if isinstance(repeats, Tensor) and repeats.shape.numel() == 1 and repeats.ndim < 2:
        if repeats.dtype.kind != dt.INTEGER:
            raise NotImplementedError(
                f"\"repeat_interleave_cpu\" not implemented for '{repeats.dtype.scalar_name}'"
            )
        repeats = int(repeats.item())  # type: ignore[attr-defined]
    if isinstance(repeats, int):
        return _evenly(x, repeats, d)
    if repeats.ndim == 1 and repeats.shape[0] != x.shape[d]:
        raise RuntimeError(
            "repeats must have the same size as input along dim, but got repeats.size(0) = "
            f"{repeats.shape[0]} and input.size({d}) = {x.shape[d]}"
        )
    return x.index_select(d, _interleaved_places(repeats, output_size))


def _evenly(x: Any, times: int, d: int) -> Any:
    if times < 0:
        raise RuntimeError("Repeats must be non-negative")
    shape = tuple(x.shape)
    wide = x.unsqueeze(d + 1).expand(*shape[: d + 1], times, *shape[d + 1 :])
    out = _fresh(wide.reshape((*shape[:d], shape[d] * times, *shape[d + 1 :])))
    return titled(out, "ViewBackward0")


def _interleaved_places(repeats: Tensor, output_size: int | None) -> Tensor:
    if repeats.ndim > 1:
        raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
    if repeats.dtype.name not in ("int64", "int32"):
        raise NotImplementedError(
            f"\"repeat_interleave_cpu\" not implemented for '{repeats.dtype.scalar_name}'"
        )
    if repeats.is_meta:  # type: ignore[attr-defined]
        if output_size is None:
            raise RuntimeError("cannot repeat_interleave a meta tensor without output_size")
        return repeats.new_empty((output_size,))  # type: ignore[attr-defined,no-any-return]
    counts = repeats.numpy(force=True).reshape(-1)  # type: ignore[attr-defined]
    if (counts < 0).any():
        raise RuntimeError("repeats can not be negative")
    places = np.repeat(np.arange(counts.size, dtype=counts.dtype), counts)
    if output_size is not None and places.size != output_size:
        raise RuntimeError("allocated size does not match required size")
    return finish(places, repeats.device)


# --- diagonals ------------------------------------------------------------------------------------


@op(out=SAME, samples=lambda t: [S(t(3)), S(t(3, 4)), S(t(3, 4), 1), S(t(2), -1)])
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """A vector's diagonal matrix, or a copy of a matrix's diagonal."""
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    copy = _diagonal(input, diagonal, 0, 1).clone()  # type: ignore[attr-defined]
    return titled(copy, "DiagonalBackward0_copy")


_diagonal = diagonal


@op(samples=lambda t: [S(t(3)), S(t(2, 3), 1), S(t(2, 3), 0, 0, 2)], title="DiagEmbedBackward0")
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Zeros with the last dimension on a diagonal of two new dimensions."""
    n = input.ndim + 1
    a, b = shapes.wrap_dim(dim1, n), shapes.wrap_dim(dim2, n)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    shape = list(input.shape[:-1])
    side = input.shape[-1] + abs(offset)
    for d in sorted((a, b)):
        shape.insert(d, side)
    params = {"offset": int(offset), "dim1": a, "dim2": b}
    return embed(input, tuple(shape), diagonal_, params)


@op(samples=lambda t: [S(t(3)), S(t(2, 2), 1), S(t())], title="DiagEmbedBackward0")
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The matrix with the flattened tensor on a diagonal."""
    return diag_embed(input.reshape(-1), offset)  # type: ignore[attr-defined]


@op(
    method=False,
    samples=lambda t: [S(t(2, 3), t(1, 2)), S(t(3), t()), S(t(2, 0), t(1, 1))],
    title="BlockDiagBackward0",
)
def block_diag(*tensors: Any) -> Tensor:
    """A matrix with the given matrices (or vectors, or numbers) along its diagonal."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    rows: list[Any] = tensor_list(tensors, "block_diag")
    if not rows:
        return finish(np.zeros((1, 0), dt.get_default_dtype().np))
    for i, r in enumerate(rows):
        if r.ndim > 2:
            raise RuntimeError(
                "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input "
                f"{i} has {r.ndim} dimensions"
            )
    blocks = [r if r.ndim == 2 else r.reshape(1, r.shape.numel()) for r in rows]
    wide = sum(b.shape[1] for b in blocks)
    bands, before = [], 0
    for b in blocks:
        m, n = b.shape
        left, right = b.new_zeros((m, before)), b.new_zeros((m, wide - before - n))
        bands.append(cat([left, b, right], 1))
        before += n
    return cat(bands, 0)


# --- products of vectors --------------------------------------------------------------------------


def _check_vector(x: Any) -> None:
    if x.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(x.shape)}")


@op(method=False, samples=lambda t: [S(t(3), t(2)), S(t(3))])
def cartesian_prod(*tensors: Any) -> Tensor:
    """All tuples with one element of each vector, as rows."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    rows: list[Any] = tensor_list(tensors, "cartesian_prod")
    for r in rows:
        _check_vector(r)
    if len(rows) == 1:
        return rows[0]
    return stack([g.flatten() for g in meshgrid(*rows, indexing="ij")], 1)


@op(
    method=False,
    samples=lambda t: [S(t(4)), S(t(3), 3, with_replacement=True), S(t(3), 1)],
    title="StackBackward0",
)
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All ways to pick r elements of a vector, as rows in the order of itertools."""
    _check_vector(input)
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    x: Any = input
    if r == 0:
        return x.new_zeros((0,))
    pick = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = np.array(list(pick(range(x.shape[0]), r)), np.int64).reshape(-1, r)
    return x[finish(places, x.device)]


@op(method=False, samples=lambda t: [S(t(3)), S(t(3), 4, increasing=True), S(t(0))])
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The matrix of powers of a vector's elements."""
    if x.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    n = x.shape[0] if N is None else N
    if n < 0:
        raise RuntimeError("N must be non-negative.")
    v: Any = cast(x, dt.int64) if x.dtype.kind <= dt.INTEGER else x
    if n == 0:
        return v.new_zeros((x.shape[0], 0))
    columns = [v.new_ones(tuple(v.shape))]
    for _ in range(n - 1):
        columns.append(columns[-1] * v)
    return stack(columns if increasing else columns[::-1], 1)
