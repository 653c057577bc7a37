"""Products of sparse matrices: kernels of the ordinary product, and torch.sparse's own."""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.numpy.layouts import compressed, coo
from franken.backends.numpy.layouts.compressed import Compressed
from franken.backends.numpy.layouts.coo import Coo, Sparse
from franken.core.layouts.between import sparse_mask_, values_, whole
from franken.core.layouts.tensor import NAMED, Between, is_sparse, made, named
from franken.core.node import titled
from franken.core.op import op
from franken.core.tensor import Tensor, wrap
from franken.ops.linalg.product import linear_, matmul_
from franken.ops.sparse.convert import SPARSE


def _matmul_kernel(x: Any, y: Any) -> Any:
    if isinstance(x, Compressed) or isinstance(y, Compressed):
        return _compressed(x, y)
    if x.ndim == 3:
        return _batched(x, y)
    if isinstance(x, Coo):
        return coo.product(x, y) if isinstance(y, Coo) else coo.matmul(x, y)
    if not isinstance(y, Coo):
        return NotImplemented
    back = coo.matmul(Coo(y.indices[::-1], y.values, y.shape[::-1]), x.T)
    return np.ascontiguousarray(back.T)


def _batched(x: Any, y: Any) -> Any:
    if not isinstance(x, Coo) or isinstance(y, Coo):
        return NotImplemented
    out = np.zeros((x.shape[0], x.shape[1], y.shape[2]), x.dtype)
    for k in range(x.shape[0]):
        here = x.indices[0] == k
        part = Coo(x.indices[1:, here], x.values[here], x.shape[1:], x.coalesced)
        out[k] = coo.matmul(part, y[k])
    return out


def _compressed(x: Any, y: Any) -> Any:
    """A product with a compressed operand: of two in the layout of the first, else strided."""
    both = isinstance(x, Sparse) and isinstance(y, Sparse)
    if x.ndim > 2:
        return matmul_.cpu(compressed.strided(x), compressed.strided(y))
    out = _matmul_kernel(_as_coo(x), _as_coo(y))
    if not both:
        return out
    return compressed.from_coo(out, "sparse_csr")


def _as_coo(x: Any) -> Any:
    return compressed.to_coo(x) if isinstance(x, Compressed) else x


def _linear_kernel(x: Any, w: Any, b: Any) -> Any:
    if x.ndim != 2 or not isinstance(w, Coo):
        return NotImplemented
    turned = Coo(w.indices[::-1], w.values, w.shape[::-1])
    out = _matmul_kernel(x, turned)
    return out if b is None else out + b


linear_.kernel(NAMED, _linear_kernel)
matmul_.kernel(NAMED, _matmul_kernel)

# beta * base + alpha * (x @ y): the gradient of a sparse x is sparse, where x stores elements.
addmm_ = Between(
    "sparse_addmm", ("base", "x", "y"),
    lambda base, x, y, beta, alpha: _blended(base, matmul_.kernels[NAMED](x, y), beta, alpha),
)  # fmt: skip


def _blended(base: Any, product: Any, beta: Any, alpha: Any) -> Any:
    product = product if alpha == 1 else product * product.dtype.type(alpha)
    if not beta or base is None:
        return product
    return product + (base if beta == 1 else base * product.dtype.type(beta))


@addmm_.vjp("base")
def _(g: Any, beta: Any) -> Any:
    return g if beta == 1 else g * beta


@addmm_.vjp("x")
def _(g: Any, x: Any, y: Any, alpha: Any) -> Any:
    found = matmul_(g, y.mT)
    if is_sparse(x):
        found = sparse_mask_(found, whole(x))
    return found if alpha == 1 else found * alpha


@addmm_.vjp("y")
def _(g: Any, x: Any, alpha: Any) -> Any:
    found = matmul_(x.mT, g)
    return found if alpha == 1 else found * alpha


def check_matrices(x: Any, y: Any) -> None:
    """Raise RuntimeError for what are not two matrices that fit."""
    for which, t in (("mat1", x), ("mat2", y)):
        if t.ndim != 2:
            raise RuntimeError(f"{which} must be a matrix, got {t.ndim}-D tensor")
    if x.shape[1] != y.shape[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({x.shape[0]}x{x.shape[1]} and "
            f"{y.shape[0]}x{y.shape[1]})"
        )


@op("sparse", samples=SPARSE)
def addmm(mat: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1.0, alpha: Any = 1.0) -> Tensor:
    """beta * mat + alpha * (mat1 @ mat2), where mat1 (n, m) is sparse and mat2 (m, k) strided.

    The gradient of mat1 is sparse, where mat1 stores elements.

    >>> import franken as torch
    >>> a = torch.tensor([[0.0, 2.0], [1.0, 0.0]]).to_sparse()
    >>> torch.sparse.addmm(torch.ones(2, 2), a, torch.eye(2))
    tensor([[1., 3.],
            [2., 1.]])
    """
    check_matrices(mat1, mat2)
    return addmm_(mat.expand((mat1.shape[0], mat2.shape[1])), mat1, mat2, beta=beta, alpha=alpha)  # type: ignore[attr-defined,no-any-return]


@op("sparse", samples=SPARSE)
def mm(mat1: Tensor, mat2: Tensor, reduce: str | None = None) -> Tensor:
    """The product of two matrices, one of them sparse; sparse if both are.

    The gradient of a sparse operand is sparse, where it stores elements. With `reduce` ("sum",
    "mean", "amax", "amin") the products are gathered otherwise than by addition.

    >>> import franken as torch
    >>> a = torch.tensor([[0.0, 2.0], [1.0, 0.0]]).to_sparse()
    >>> torch.sparse.mm(a, torch.tensor([[1.0], [3.0]]))
    tensor([[6.],
            [1.]])
    """
    check_matrices(mat1, mat2)
    if reduce is not None:
        return _reduced(mat1, mat2, reduce)
    if is_sparse(mat1) and is_sparse(mat2):
        return product_(mat1, mat2)  # type: ignore[no-any-return]
    if is_sparse(mat1):
        return addmm_(None, mat1, mat2, beta=0, alpha=1)  # type: ignore[no-any-return]
    return addmm_(None, mat2.t(), mat1.t(), beta=0, alpha=1).transpose(0, 1)  # type: ignore[attr-defined,no-any-return]


def _common_kernel(x: Any, mask: Any) -> Any:
    if not (isinstance(x, Coo) and isinstance(mask, Coo)):
        return mask.with_values(compressed.values_at(x, mask))
    return coo.multiply(coo.coalesce(x), coo.coalesce(mask), lambda a, b: a)


# The elements of a sparse tensor at places where both store one.
common_ = Between("sparse_common", ("x", "mask"), _common_kernel)
common_.vjp("x")(lambda g: g)
_REDUCTIONS = ("sum", "mean", "amax", "amin")


def _reduced(x: Any, y: Any, reduce: str) -> Any:
    """The products of each row of compressed rows, gathered as `reduce` says; none give zero."""
    if reduce not in _REDUCTIONS:
        raise ValueError(f"reduce argument must be one of {_REDUCTIONS}, got {reduce}")
    if not is_sparse(x) or not x.is_sparse_csr:
        raise RuntimeError(f"sparse_mm_reduce: expect self to be SparseCsr, got {named(x.layout)}")
    if reduce == "sum":
        return titled(addmm_(None, x, y, beta=0, alpha=1), "SparseMmReduceImplBackward0")
    a = x._a
    rows = wrap(np.repeat(np.arange(a.shape[0]), np.diff(a.compressed)).astype(np.int64))
    terms = values_(x).unsqueeze(1) * y.index_select(0, wrap(a.plain.astype(np.int64)))
    start = terms.new_zeros((a.shape[0], y.shape[1]))
    places = rows.unsqueeze(1).expand(terms.shape)
    out = start.scatter_reduce(0, places, terms, reduce, include_self=False)
    return titled(out, "SparseMmReduceImplBackward0")


product_ = Between("sparse_sparse_matmul", ("x", "y"), lambda x, y: matmul_.kernels[NAMED](x, y))


@product_.vjp("x")
def _(g: Any, x: Any, y: Any) -> Any:
    return common_(product_(g, y.mT), whole(x))


@product_.vjp("y")
def _(g: Any, x: Any, y: Any) -> Any:
    return common_(product_(x.mT, g), whole(y))


def _spmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of a sparse and a strided matrix."""
    return input.mm(mat2)  # type: ignore[attr-defined]


op(name="spmm", method=False, alias=("dsmm",), samples=SPARSE)(_spmm)


@op(samples=SPARSE)
def smm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of a sparse and a strided matrix, all of its elements stored, in coordinates."""
    out: Any = input.mm(mat2)  # type: ignore[attr-defined]
    shape = tuple(out.shape)
    places = np.indices(shape).reshape(2, -1).astype(np.int64)
    return made(Coo(places, out._a.reshape(-1), shape, True))  # type: ignore[no-any-return]


@op(method=False, alias=("hsmm",), samples=SPARSE)
def hspmm(mat1: Tensor, mat2: Tensor) -> Tensor:
    """The product of a sparse and a strided matrix: its rows that may not be zero, as a hybrid."""
    rows = np.unique(mat1._a.indices[0])
    out: Any = mat1.mm(mat2)  # type: ignore[attr-defined]
    return made(Coo(rows[None], out._a[rows], tuple(out.shape), True))  # type: ignore[no-any-return]
