"""torch.sparse: sums, softmax, sampled products, diagonals."""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.numpy.halves import halved
from franken.backends.numpy.layouts import coo
from franken.backends.numpy.layouts.coo import Coo
from franken.core import dtypes as dt
from franken.core.convert import cast
from franken.core.geometry import layout as layouts
from franken.core.geometry.shapes import wrap_dim, wrap_dims
from franken.core.layouts.between import dense, sparse_mask_, values_, whole
from franken.core.layouts.tensor import Between, is_sparse, made, named
from franken.core.op import op
from franken.core.tensor import Tensor
from franken.ops.sparse.convert import SPARSE, coalesce, to_dense
from franken.ops.sparse.elementwise import sum_over

# --- sum -----------------------------------------------------------------------------------------

sum_ = Between("sparse_sum", ("x",), lambda x, axes: sum_over(x, axes, False))


@sum_.vjp("x")
def _(g: Any, x: Any, axes: Any) -> Any:
    kept = [1 if i in axes else n for i, n in enumerate(x.shape)]
    return sparse_mask_(dense(g).reshape(kept).expand(x.shape), whole(x))


@op("sparse", samples=SPARSE)
def sum(input: Tensor, dim: Any = None, dtype: Any = None) -> Tensor:
    """The sum over dimensions (all by default): strided where no coordinate is left, else sparse.

    The gradient is sparse, where the input stores elements.

    >>> import franken as torch
    >>> x = torch.tensor([[0.0, 2.0], [3.0, 4.0]]).to_sparse()
    >>> torch.sparse.sum(x), torch.sparse.sum(x, 0).to_dense()
    (tensor(9.), tensor([3., 6.]))
    """
    x = input if dtype is None else cast(input, dtype)
    if dim is None:
        return values_(coalesce(x)).sum()  # type: ignore[no-any-return]
    axes = wrap_dims((dim,) if isinstance(dim, int) else tuple(dim), x.ndim)
    return sum_(coalesce(x), axes=tuple(sorted(axes)))  # type: ignore[no-any-return]


# --- softmax -------------------------------------------------------------------------------------


def _grouped(x: Coo, dim: int) -> tuple[Any, Any]:
    """(order in which equal places but for one axis are neighbours, where each group begins)."""
    keys = x.keys([a for a in range(x.sparse_dim) if a != dim])
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    return order, np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))[: len(keys)]


def _along(x: Coo, dim: int, ufunc: Any, values: Any) -> Any:
    """A reduction of elements over those that differ in one axis alone, repeated for each."""
    if dim >= x.sparse_dim:
        return ufunc.reduce(values, axis=dim - x.sparse_dim + 1, keepdims=True)
    if not len(values):
        return values
    order, starts = _grouped(x, dim)
    found = ufunc.reduceat(values[order], starts, axis=0)
    out = np.empty_like(values)
    out[order] = np.repeat(found, np.diff(starts, append=len(values)), axis=0)
    return out


def _softmax_kernel(x: Coo, *, dim: int, log: bool) -> Coo:
    x = coo.coalesce(x)

    def run(values: Any) -> Any:
        shifted = values - _along(x, dim, np.maximum, values)
        total = _along(x, dim, np.add, np.exp(shifted))
        return shifted - np.log(total) if log else np.exp(shifted) / total

    return x.with_values(halved(run)(x.values))


def _softmax_grad_kernel(g: Any, out: Coo, *, dim: int, log: bool) -> Coo:
    given = coo.pick(g, out)

    def run(given: Any, values: Any) -> Any:
        if log:
            return given - np.exp(values) * _along(out, dim, np.add, given)
        return values * (given - _along(out, dim, np.add, given * values))

    return out.with_values(halved(run)(given, out.values))


def _softmax_title(node: Any) -> str:
    return f"Sparse{'Log' if node.params['log'] else ''}SoftmaxBackward0"


softmax_ = Between("sparse_softmax", ("x",), _softmax_kernel, title=_softmax_title)
softmax_grad_ = Between("sparse_softmax_grad", ("g", "out"), _softmax_grad_kernel)
softmax_grad_.not_differentiable()


@softmax_.vjp("x")
def _(g: Any, out: Any, dim: int, log: bool) -> Any:
    return softmax_grad_(g, out, dim=dim, log=log)


def _softmax(input: Any, dim: int, dtype: Any, log: bool) -> Any:
    x = input if dtype is None else cast(input, dtype)
    return softmax_(x, dim=wrap_dim(dim, x.ndim), log=log)


@op("sparse", samples=SPARSE)
def softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Softmax along a dimension over what is stored; what is not counts as minus infinity.

    >>> import franken as torch
    >>> torch.sparse.softmax(torch.tensor([[0.0, 2.0], [3.0, 3.0]]).to_sparse(), 1).to_dense()
    tensor([[0.0000, 1.0000],
            [0.5000, 0.5000]])
    """
    return _softmax(input, dim, dtype, False)  # type: ignore[no-any-return]


@op("sparse", samples=SPARSE)
def log_softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """The logarithm of `torch.sparse.softmax`."""
    return _softmax(input, dim, dtype, True)  # type: ignore[no-any-return]


# --- others --------------------------------------------------------------------------------------


@op("sparse", samples=SPARSE)
def sampled_addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1.0, alpha: Any = 1.0
) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2) where the CSR tensor `input` stores elements."""
    if not is_sparse(input) or input.layout is not layouts.sparse_csr:  # type: ignore[attr-defined]
        raise RuntimeError(
            "sampled_addmm: Expected result to have sparse csr layout, but got "
            f"{named(input.layout)}"  # type: ignore[attr-defined]
        )
    product: Any = sparse_mask_(mat1 @ mat2, whole(input))
    product = product if alpha == 1 else product * alpha
    return product if beta == 0 else product + (input if beta == 1 else input * beta)  # type: ignore[no-any-return]


@op("sparse", method=False, samples=SPARSE)
def spdiags(diagonals: Tensor, offsets: Tensor, shape: Any, layout: Any = None) -> Tensor:
    """A matrix with the rows of `diagonals` on the diagonals that `offsets` names.

    >>> import franken as torch
    >>> torch.sparse.spdiags(torch.ones(1, 2), torch.tensor([1]), (2, 2)).to_dense()
    tensor([[0., 1.],
            [0., 0.]])
    """
    shape = tuple(shape)
    table: Any = diagonals if diagonals.ndim == 2 else diagonals.unsqueeze(0)  # type: ignore[attr-defined]
    at: Any = offsets if offsets.ndim else offsets.reshape(1)  # type: ignore[attr-defined]
    _check_diagonals(table, at, shape, layout)
    rows, cols = shape
    parts, picks = [], []
    for k, offset in enumerate(at._a.tolist()):
        col = np.arange(max(offset, 0), max(min(table.shape[1], cols, rows + offset), 0))
        parts.append(np.stack([col - offset, col]))
        picks.append(np.stack([np.full_like(col, k), col]))
    places = np.concatenate(parts, axis=1).astype(np.int64)
    which, col = np.concatenate(picks, axis=1)
    out = made(Coo(places, table._a[which, col], shape))
    return out if layout is None else out.to_sparse(layout=layout)  # type: ignore[no-any-return]


def _check_diagonals(table: Any, offsets: Any, shape: Any, layout: Any) -> None:
    if table.ndim != 2:
        raise RuntimeError("Diagonals must be vector or matrix")
    if len(shape) != 2:
        raise RuntimeError("Output shape must be 2d")
    if offsets.ndim > 1:
        raise RuntimeError("Offsets must be scalar or vector")
    if table.shape[0] != offsets.shape[0]:
        raise RuntimeError(
            f"Number of diagonals ({table.shape[0]}) does not match the number of offsets "
            f"({offsets.shape[0]})"
        )
    if len(np.unique(offsets._a)) != offsets.shape[0]:
        raise RuntimeError("Offset tensor contains duplicate values")
    if offsets.dtype is not dt.int64:
        raise RuntimeError(
            f"Offset Tensor must have dtype Long but got {offsets.dtype.scalar_name}"
        )
    if layout not in (None, layouts.sparse_coo, layouts.sparse_csr, layouts.sparse_csc):
        raise RuntimeError(f"Only output layouts (Sparse, SparseCsc, SparseCsr) are supported, got {named(layout)}")  # noqa: E501  # fmt: skip


@op("sparse", method=False, samples=SPARSE)
def as_sparse_gradcheck(gradcheck: Any) -> Any:
    """`torch.autograd.gradcheck` (or its like) for functions with sparse inputs and outputs."""

    def gradcheck_with_sparse_support(func: Any, inputs: Any, **kwargs: Any) -> Any:
        masked = bool(kwargs.get("masked", False))

        def with_dense_outputs(*args: Any) -> Any:
            outs = func(*args)
            several = isinstance(outs, (tuple, list))
            found = [
                to_dense(o, masked_grad=masked) if is_sparse(o) and o.requires_grad else o
                for o in (outs if several else (outs,))
            ]
            return tuple(found) if several else found[0]

        return gradcheck(with_dense_outputs, inputs, **kwargs)

    return gradcheck_with_sparse_support
