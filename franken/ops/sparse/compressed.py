"""Compressed rows and columns: made, converted to and from, and read."""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.numpy.layouts import compressed as kernels
from franken.backends.numpy.layouts.compressed import Compressed
from franken.core.device import resolve
from franken.core.geometry import layout as layouts
from franken.core.layouts.between import values_
from franken.core.layouts.tensor import Between, is_sparse, named
from franken.core.node import backward_name, titled
from franken.core.op import op
from franken.core.tensor import Tensor, wrap
from franken.ops.sparse.construct import checks, part, requiring
from franken.ops.sparse.convert import SPARSE, coordinates, to_dense
from franken.ops.surface.args import as_dtype

COMPRESSED = (layouts.sparse_csr, layouts.sparse_csc, layouts.sparse_bsr, layouts.sparse_bsc)


def _convert_kernel(x: Any, *, layout: str, blocksize: Any, dense_dim: int) -> Any:
    if layout == "sparse_coo":
        return kernels.to_coo(x)
    return kernels.converted(x, layout, blocksize, dense_dim)


compressed_ = Between(
    "to_sparse_compressed", ("x",), _convert_kernel,
    title=lambda node: f"ToSparseBackward{int(node.params['layout'] == 'sparse_coo')}",
)  # fmt: skip
compress_ = Between(
    "sparse_compressed", ("c", "p", "values"),
    lambda c, p, values, layout, shape: Compressed(layout, c, p, values, shape),
    title="SparseCompressedTensorBackward0",
)  # fmt: skip
values_at_ = Between("compressed_values", ("x", "at"), kernels.values_at)


@compressed_.vjp("x")
def _(g: Any, x: Any, layout: Any) -> Any:
    if not is_sparse(x):
        return to_dense(g)
    return convert_layout(g, x.layout, getattr(x._a, "blocksize", None)) if is_sparse(g) else g


@compress_.vjp("values")
def _(g: Any, c: Any, p: Any, layout: Any, shape: Any) -> Any:
    if is_sparse(g):
        return values_(g)
    return values_at_(g, compress_(c, p, p, layout=layout, shape=shape))


def convert_layout(x: Any, layout: Any, blocksize: Any = None, dense_dim: Any = None) -> Any:
    """A tensor of any layout in another one."""
    if layout is layouts.strided:
        return to_dense(x)
    if layout is layouts.sparse_coo:
        if not is_sparse(x):
            return coordinates(x, None if dense_dim is None else x.ndim - dense_dim)
        return x if x.layout is layout else _converted(x, layout, None, 0)
    if x.ndim < 2:
        raise RuntimeError(f"{named(layout)} needs a matrix at least, but got a {x.ndim}-D tensor")
    if layout not in COMPRESSED:
        raise RuntimeError(f"to_sparse: unsupported layout {layout}")
    blocks = _blocks(x, layout, blocksize)
    if is_sparse(x) and x.layout is layout and blocks in (None, x._a.blocksize):
        return x
    if blocks is None and is_sparse(x) and isinstance(x._a, Compressed) and x._a.blocksize:
        raise RuntimeError(
            f"sparse_compressed_to_{layout.name}: expected SparseCsr or SparseCsc layout but got "
            f"{named(x.layout)}"
        )
    return _converted(x, layout, blocks, dense_dim or 0)


def _by_name(x: Any, layout: Any, blocksize: Any, dense_dim: Any) -> Any:
    """What the method named after a layout gives: its node has that name too."""
    out = convert_layout(x, layout, blocksize, dense_dim)
    return out if out is x else titled(out, backward_name(f"to_{layout.name}"))


def _converted(x: Any, layout: Any, blocksize: Any, dense_dim: int) -> Any:
    return compressed_(x, layout=layout.name, blocksize=blocksize, dense_dim=dense_dim)


def _blocks(x: Any, layout: Any, blocksize: Any) -> Any:
    """The block size of a conversion, checked; None for a layout without blocks."""
    blocked = kernels.is_blocked(layout.name)
    if blocked and blocksize is None and is_sparse(x) and isinstance(x._a, Compressed):
        blocksize = x._a.blocksize
    if blocked is (blocksize is None):
        kind = "compressed" if is_sparse(x) else "dense"
        given = "without" if blocked else "with"
        raise RuntimeError(
            f"{kind}_to_sparse: conversion from {named(x.layout)} to {named(layout)} {given} "
            "blocksize argument given is not supported"
        )
    if not blocked:
        return None
    blocks = (blocksize,) * 2 if isinstance(blocksize, int) else tuple(blocksize)
    rows, cols = x.shape[-2:] if not is_sparse(x) else x.shape[:2]
    if rows % blocks[0] or cols % blocks[1]:
        start = {"Strided": "dense", "Sparse": "coo"}.get(named(x.layout), "sparse_compressed")
        raise RuntimeError(
            f"{start}_to_{layout.name}: tensor sparse size ({rows},{cols}) must be divisible by "
            f"given blocksize ({blocks[0]},{blocks[1]})"
        )
    return blocks


@op(at="", method=True, samples=SPARSE)
def to_sparse(
    input: Tensor, sparse_dim: Any = None, *, layout: Any = None, blocksize: Any = None,
    dense_dim: Any = None,
) -> Tensor:  # fmt: skip
    """The tensor in a sparse layout (by default coordinates); zeros are not stored.

    `sparse_dim` says how many leading dimensions become coordinates; the others stay dense. Block
    layouts want a `blocksize` that divides the sizes.

    >>> import franken as torch
    >>> torch.tensor([[0.0, 2.0], [3.0, 0.0]]).to_sparse()
    tensor(indices=tensor([[0, 1],
                           [1, 0]]),
           values=tensor([2., 3.]),
           size=(2, 2), nnz=2, layout=torch.sparse_coo)
    """
    if isinstance(sparse_dim, layouts.layout):
        sparse_dim, layout = None, sparse_dim
    if sparse_dim is not None:
        if is_sparse(input):
            if input._a.sparse_dim != sparse_dim:
                kind = named(input.layout)  # type: ignore[attr-defined]
                raise RuntimeError(
                    f"to_sparse: conversion from {kind} to Sparse with sparse_dim argument "
                    "!=self.sparse_dim() is not supported"
                )
            return convert_layout(input, layouts.sparse_coo)  # type: ignore[no-any-return]
        return coordinates(input, sparse_dim)  # type: ignore[no-any-return]
    return convert_layout(input, layout or layouts.sparse_coo, blocksize, dense_dim)  # type: ignore[no-any-return]


@op(at="", method=True, samples=SPARSE)
def to_sparse_coo(input: Tensor) -> Tensor:
    """The tensor in coordinates."""
    return to_sparse(input)


@op(at="", method=True, samples=SPARSE)
def to_sparse_csr(input: Tensor, dense_dim: Any = None) -> Tensor:
    """The tensor in compressed rows."""
    return _by_name(input, layouts.sparse_csr, None, dense_dim)  # type: ignore[no-any-return]


@op(at="", method=True, samples=SPARSE)
def to_sparse_csc(input: Tensor, dense_dim: Any = None) -> Tensor:
    """The tensor in compressed columns."""
    return _by_name(input, layouts.sparse_csc, None, dense_dim)  # type: ignore[no-any-return]


@op(at="", method=True, samples=SPARSE)
def to_sparse_bsr(input: Tensor, blocksize: Any, dense_dim: Any = None) -> Tensor:
    """The tensor in compressed rows of blocks."""
    return _by_name(input, layouts.sparse_bsr, blocksize, dense_dim)  # type: ignore[no-any-return]


@op(at="", method=True, samples=SPARSE)
def to_sparse_bsc(input: Tensor, blocksize: Any, dense_dim: Any = None) -> Tensor:
    """The tensor in compressed columns of blocks."""
    return _by_name(input, layouts.sparse_bsc, blocksize, dense_dim)  # type: ignore[no-any-return]


# --- reading -------------------------------------------------------------------------------------


def _reader(name: str, part: str, rows: bool) -> Any:
    kinds = ("Csr or SparseBsr", "row") if rows else ("Csc or SparseBsc", "column")

    def read(input: Tensor) -> Tensor:
        a = input._a
        if not isinstance(a, Compressed) or a.by_row is not rows:
            raise RuntimeError(
                f"{name} expected sparse {kinds[1]} compressed tensor layout but got "
                f"{named(input.layout)}"  # type: ignore[attr-defined]
            )
        return wrap(getattr(a, part), input.device)

    read.__name__ = read.__qualname__ = name
    read.__doc__ = f"The {part} indices of a tensor of compressed {kinds[1]}s, sharing memory."
    return op(at="", method=True, samples=SPARSE)(read)


crow_indices = _reader("crow_indices", "compressed", True)
col_indices = _reader("col_indices", "plain", True)
ccol_indices = _reader("ccol_indices", "compressed", False)
row_indices = _reader("row_indices", "plain", False)


# --- making --------------------------------------------------------------------------------------


def _size_of(c: Any, p: Any, v: Any, layout: str) -> tuple[int, ...]:
    """The smallest size that holds the parts."""
    n = p.ndim - 1
    block = v.shape[n + 1 : n + 3] if kernels.is_blocked(layout) else (1, 1)
    rest = v.shape[n + 3 :] if kernels.is_blocked(layout) else v.shape[n + 1 :]
    major = c.shape[-1] - 1
    minor = int(p._a.max()) + 1 if p._a.size else 0
    first, second = (major, minor) if kernels.by_row(layout) else (minor, major)
    return (*p.shape[:-1], first * block[0], second * block[1], *rest)


def check_compressed(c: Any, p: Any, v: Any, size: Any, layout: str) -> None:
    """Raise RuntimeError for parts that do not fit together."""
    (cname, _), (pname, _) = Compressed(layout, c._a, p._a, v._a, ()).places()
    by_row = kernels.by_row(layout)
    n = p.ndim - 1
    if len(size) < n + 2:
        raise RuntimeError(
            f"tensor dimensionality must be sum of batch, base, and dense dimensionalities (=0 + 2 "
            f"+ 0) but got {len(size)}"
        )
    block = tuple(v.shape[n + 1 : n + 3]) if kernels.is_blocked(layout) else (1, 1)
    major = size[n + (0 if by_row else 1)] // block[0 if by_row else 1]
    minor = size[n + (1 if by_row else 0)] // block[1 if by_row else 0]
    what, other = ("row", "ncols") if by_row else ("column", "nrows")
    what += " blocks" if kernels.is_blocked(layout) else "s"
    if c.shape[-1] != major + 1:
        raise RuntimeError(
            f"{cname}.shape[-1] must be equal to the number of {what} + 1 (={major + 1}), but got "
            f"{c.shape[-1]}"
        )
    if p.shape[-1] != v.shape[n]:
        raise RuntimeError(
            f"{pname}.shape[-1] must be equal to nnz (={v.shape[n]}) as defined by "
            f"values.shape[{n}], but got {p.shape[-1]}"
        )
    _check_order(c._a, p._a, cname, pname, minor, other)


def _check_order(c: Any, p: Any, cname: str, pname: str, minor: int, other: str) -> None:
    if (c[..., 0] != 0).any():
        raise RuntimeError(f"`{cname}[..., 0] == 0` is not satisfied.")
    if (c[..., -1] != p.shape[-1]).any():
        raise RuntimeError(f"`{cname}[..., -1] == nnz` is not satisfied.")
    steps = np.diff(c)
    if ((steps < 0) | (steps > minor)).any():
        raise RuntimeError(
            f"`0 <= {cname}[..., 1:] - {cname}[..., :-1] <= {other}` is not satisfied."
        )
    if p.size and ((p < 0) | (p >= minor)).any():
        raise RuntimeError(f"`0 <= {pname} < {other}` is not satisfied.")


def _compressed(
    c: Any, p: Any, v: Any, size: Any, layout: str, dtype: Any, device: Any,
    requires_grad: bool, check_invariants: Any,
) -> Any:  # fmt: skip
    kind = None if dtype is None else as_dtype("sparse_compressed_tensor", dtype)
    dev = None if device is None else resolve(device)
    c, p, v = part(c, None, dev), part(p, None, dev), part(v, kind, dev)
    size = _size_of(c, p, v, layout) if size is None else tuple(size)
    if checks(check_invariants):
        check_compressed(c, p, v, size, layout)
    out = compress_(c.detach(), p.detach(), v, layout=layout, shape=size)
    return requiring(out, requires_grad)


@op(method=False, samples=SPARSE)
def sparse_compressed_tensor(
    compressed_indices: Any, plain_indices: Any, values: Any, size: Any = None, *,
    dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: bool = False,
    requires_grad: bool = False, check_invariants: bool | None = None,
) -> Tensor:  # fmt: skip
    """A tensor in a compressed `layout`: where rows (columns) begin, where elements are, and they.

    >>> import franken as torch
    >>> x = torch.sparse_compressed_tensor([0, 1, 2], [1, 0], [2.0, 3.0], layout=torch.sparse_csr)
    >>> x.to_dense()
    tensor([[0., 2.],
            [3., 0.]])
    """
    if layout not in COMPRESSED:
        raise RuntimeError(
            f"expected sparse compressed tensor layout but got {named(layout or layouts.strided)}"
        )
    return _compressed(compressed_indices, plain_indices, values, size, layout.name, dtype,
                       device, requires_grad, check_invariants)  # type: ignore[no-any-return]  # fmt: skip


@op(method=False, samples=SPARSE)
def sparse_csr_tensor(
    crow_indices: Any, col_indices: Any, values: Any, size: Any = None, *, dtype: Any = None,
    layout: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
    check_invariants: bool | None = None,
) -> Tensor:  # fmt: skip
    """A tensor of compressed rows; see `sparse_compressed_tensor`."""
    return _compressed(crow_indices, col_indices, values, size, "sparse_csr", dtype, device,
                       requires_grad, check_invariants)  # type: ignore[no-any-return]  # fmt: skip


@op(method=False, samples=SPARSE)
def sparse_csc_tensor(
    ccol_indices: Any, row_indices: Any, values: Any, size: Any = None, *, dtype: Any = None,
    layout: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
    check_invariants: bool | None = None,
) -> Tensor:  # fmt: skip
    """A tensor of compressed columns; see `sparse_compressed_tensor`."""
    return _compressed(ccol_indices, row_indices, values, size, "sparse_csc", dtype, device,
                       requires_grad, check_invariants)  # type: ignore[no-any-return]  # fmt: skip


@op(method=False, samples=SPARSE)
def sparse_bsr_tensor(
    crow_indices: Any, col_indices: Any, values: Any, size: Any = None, *, dtype: Any = None,
    layout: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
    check_invariants: bool | None = None,
) -> Tensor:  # fmt: skip
    """A tensor of compressed rows of blocks; see `sparse_compressed_tensor`."""
    return _compressed(crow_indices, col_indices, values, size, "sparse_bsr", dtype, device,
                       requires_grad, check_invariants)  # type: ignore[no-any-return]  # fmt: skip


@op(method=False, samples=SPARSE)
def sparse_bsc_tensor(
    ccol_indices: Any, row_indices: Any, values: Any, size: Any = None, *, dtype: Any = None,
    layout: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
    check_invariants: bool | None = None,
) -> Tensor:  # fmt: skip
    """A tensor of compressed columns of blocks; see `sparse_compressed_tensor`."""
    return _compressed(ccol_indices, row_indices, values, size, "sparse_bsc", dtype, device,
                       requires_grad, check_invariants)  # type: ignore[no-any-return]  # fmt: skip
