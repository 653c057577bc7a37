"""Composites of products: kron, cross, chains of matrices, tensor equations, trace, low rank."""

from __future__ import annotations

import math
from typing import Any

from franken.core import dtypes as dt
from franken.core.calls.out import APART, FREE, Into, safely
from franken.core.geometry.shapes import broadcast_two, wrap_dim
from franken.core.op import namespace, op
from franken.core.tensor import Tensor
from franken.ops.declaring.declare import refused
from franken.ops.declaring.samples import S, after
from franken.ops.linalg.checks import HALF, check_same
from franken.ops.linalg.decompositions import qr, svd
from franken.ops.linalg.product import matmul
from franken.ops.linalg.solve import inv, solve


@op(samples=lambda t: [S(t(3, 4)), S(t(3, 3)), S(t(0, 2))], title="TraceBackward0")
def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix."""
    if input.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input.ndim}")
    refused("trace", input.dtype, "b")
    return input.diagonal(0, 0, 1).sum()  # type: ignore[attr-defined, no-any-return]


@op(
    at="linalg",
    out=False,
    samples=lambda t: [S(t(3, 4)), S(t(2, 3, 4), offset=1, dim1=0, dim2=2), S(t(3, 3), offset=-1)],
)
def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """A view of the diagonals of matrices."""
    return A.diagonal(offset, dim1, dim2)  # type: ignore[attr-defined, no-any-return]


@op(
    out=Into(cast=True, row_major=True),
    samples=lambda t: [S(t(2, 3), t(3, 2)), S(t(2), t(3, 1, 2)), S(t(), t(2))],
    title="UnsafeViewBackward0",
)
def kron(input: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product; the smaller rank is filled with ones in front."""
    if not isinstance(other, Tensor):
        raise TypeError(
            f"kron(): argument 'other' (position 2) must be Tensor, not {type(other).__name__}"
        )
    rank = max(input.ndim, other.ndim)
    xs = (1,) * (rank - input.ndim) + tuple(input.shape)
    ys = (1,) * (rank - other.ndim) + tuple(other.shape)
    left = input.reshape([n for size in xs for n in (size, 1)])  # type: ignore[attr-defined]
    right = other.reshape([n for size in ys for n in (1, size)])  # type: ignore[attr-defined]
    out = left * right
    return out.reshape([a * b for a, b in zip(xs, ys, strict=True)])  # type: ignore[no-any-return]


@op(
    at="linalg",
    out=FREE,
    name="matmul",
    samples=lambda t: [
        S(t(3, 4), t(4, 2)),
        S(t(4), t(4)),
        S(t(2, 3, 4), t(4)),
        S(t(2, 1, 3, 4), t(2, 4, 2)),
        S(t(2, 0), t(0, 3)),
    ],
)
def _matmul(input: Tensor, other: Tensor) -> Tensor:
    """Matrix product, as `torch.matmul`."""
    return matmul(input, other)


@op(
    at="linalg",
    out=Into("linalg.vecdot: Expected out of dtype{want} but found {got}"),
    samples=lambda t: [S(t(3, 4), t(4)), S(t(3, 4), t(3, 4), dim=0), S(t(2, 0), t(2, 0))],
)
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Inner products of vectors along a dimension, the first conjugated."""
    check_same(x, y, "linalg.vecdot", "x", "y")
    if x.dtype.kind <= dt.INTEGER:
        raise RuntimeError(
            "linalg.vecdot: Expected a floating point or complex tensor as input. Got "
            f"{x.dtype.scalar_name}"
        )
    if x.ndim == 1 and y.ndim == 1:
        return x.vdot(y)  # type: ignore[attr-defined, no-any-return]
    shape = broadcast_two(tuple(x.shape), tuple(y.shape))
    d = wrap_dim(dim, len(shape))
    return (x.conj_physical() * y).sum(d)  # type: ignore[attr-defined, no-any-return]


@op(
    at="linalg",
    out=APART,
    samples=lambda t: [S(t(2, 3), t(2, 3)), S(t(3, 4), t(3, 1), dim=0)],
    title="LinalgCrossBackward0",
    layout="contiguous",
)
def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """Cross products of 3-vectors along a dimension; the others broadcast."""
    if input.ndim != other.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    wrap_dim(dim, input.ndim)
    if input.shape[dim] != 3 or other.shape[dim] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {input.shape[dim]} and "
            f"{other.shape[dim]}"
        )
    if input.dtype is not other.dtype:
        raise RuntimeError(
            f"expected scalar type {input.dtype.scalar_name} but found {other.dtype.scalar_name}"
        )
    refused("cross", input.dtype, "b")
    broadcast_two(tuple(input.shape), tuple(other.shape))
    next_x, next_y = input.roll(-1, dim), other.roll(-1, dim)  # type: ignore[attr-defined]
    after_x, after_y = input.roll(-2, dim), other.roll(-2, dim)  # type: ignore[attr-defined]
    return next_x * after_y - after_x * next_y  # type: ignore[no-any-return]


@op(
    name="cross",
    out=APART,
    samples=lambda t: [S(t(2, 3), t(2, 3)), S(t(3, 4), t(3, 4), 0)],
    title="LinalgCrossBackward0",
)
def _cross_torch(input: Tensor, other: Tensor, dim: Any = None) -> Tensor:
    """Cross products of 3-vectors along `dim`, by default the first of size 3."""
    if dim is None:
        found = [d for d, n in enumerate(input.shape) if n == 3]
        if not found:
            raise RuntimeError("no dimension of size 3 in input")
        dim = found[0]
    return cross(input, other, dim=dim)


# --- chains --------------------------------------------------------------------------------------


@op(
    at="linalg",
    out=Into("multi_dot(): expected out tensor to have dtype {want_c} but got {got_c}"),
    samples=lambda t: [
        S([t(2, 3), t(3, 4), t(4, 2)]),
        S([t(3), t(3, 2), t(2)]),
        S([t(2, 3), t(3, 2)]),
    ],
)
def multi_dot(tensors: Any) -> Tensor:
    """The product of a chain of matrices in the cheapest order; the ends may be vectors."""
    chain = list(tensors)
    if len(chain) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(chain)}")
    first, last = chain[0].ndim == 1, chain[-1].ndim == 1
    _check_chain(chain)
    if first:
        chain[0] = chain[0].unsqueeze(0)
    if last:
        chain[-1] = chain[-1].unsqueeze(-1)
    for i in range(len(chain) - 1):
        a, b = chain[i], chain[i + 1]
        if a.dtype is not b.dtype:
            raise RuntimeError(
                f"multi_dot(): all tensors must have be the same dtype but tensor 0 is "
                f"{chain[0].dtype.scalar_name} and tensor {i + 1} {b.dtype.scalar_name}"
            )
        if a.shape[-1] != b.shape[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(tensors[i].shape)} and "
                f"{list(tensors[i + 1].shape)} cannot be multiplied"
            )
    out = _multiply(
        chain, _splits([t.shape[0] for t in chain] + [chain[-1].shape[1]]), 0, len(chain) - 1
    )
    if first:
        out = out.squeeze(0)
    return out.squeeze(-1) if last else out  # type: ignore[no-any-return]


def _check_chain(chain: list[Any]) -> None:
    for what, t in (("first", chain[0]), ("last", chain[-1])):
        if t.ndim not in (1, 2):
            raise RuntimeError(f"multi_dot(): the {what} tensor must be 1D or 2D but got {t.ndim}D")
    for i, t in enumerate(chain[1:-1], 1):
        if t.ndim != 2:
            raise RuntimeError(f"multi_dot(): tensor {i} must be 2D but got {t.ndim}D")


def _splits(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Where to split each subchain (Cormen et al., Introduction to Algorithms, 15.2)."""
    n = len(sizes) - 1
    cost = {(i, i): 0 for i in range(n)}
    at = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            cost[i, j], at[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            )
    return at


def _multiply(chain: list[Any], at: Any, i: int, j: int) -> Any:
    if i == j:
        return chain[i]
    k = at[i, j]
    return matmul(_multiply(chain, at, i, k), _multiply(chain, at, k + 1, j))


@op(method=False, out=FREE, samples=lambda t: [S(t(2, 3), t(3, 4), t(4, 2))])
def chain_matmul(*matrices: Any) -> Tensor:
    """The product of a chain of matrices in the cheapest order."""
    chain = (
        list(matrices[0])
        if len(matrices) == 1 and not isinstance(matrices[0], Tensor)
        else list(matrices)
    )
    if not chain:
        raise RuntimeError("chain_matmul(): Expected one or more matrices")
    for i, t in enumerate(chain):
        if t.ndim != 2:
            raise RuntimeError(f"Tensor dimension is {t.ndim}, expected 2 instead (matrix {i})")
    return chain[0].clone() if len(chain) == 1 else multi_dot(chain)  # type: ignore[no-any-return]


# --- tensor equations ----------------------------------------------------------------------------


@op(
    at="linalg",
    out=safely("tensorinv", row_major=True),
    samples=lambda t: [S((t.square(6)).reshape(2, 3, 6)), S(t.square(4).reshape(4, 2, 2), ind=1)],
)
def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of tensordot with A over its first `ind` dimensions."""
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    head, tail = tuple(A.shape[:ind]), tuple(A.shape[ind:])
    m, n = math.prod(head), math.prod(tail)
    if m != n:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == "
            f"prod(self.shape[:ind]), but got {n} != {m}"
        )
    return inv(A.reshape(m, n)).reshape(*tail, *head)  # type: ignore[attr-defined, no-any-return]


@op(
    at="linalg",
    out=safely("tensorsolve"),
    also={"other": "B"},
    samples=lambda t: [
        S(t.square(6).reshape(2, 3, 6), t(2, 3)),
        S(t.square(4).reshape(4, 2, 2), t(4)),
    ],
)
def tensorsolve(A: Tensor, B: Tensor, dims: Any = None) -> Tensor:
    """The X with tensordot(A, X) = B; `dims` of A move to the end first."""
    if dims is not None:
        count = len(dims)
        A = A.movedim(tuple(dims), tuple(range(A.ndim - count, A.ndim)))  # type: ignore[attr-defined]
    shape = tuple(A.shape[B.ndim :])
    n, m = math.prod(shape), math.prod(A.shape[: B.ndim])
    if n != m:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {n} != {m}"
        )
    return solve(A.reshape(m, n), B.reshape(m)).reshape(shape)  # type: ignore[attr-defined, no-any-return]


@op(at="linalg", name="vander", samples=lambda t: [S(t(4)), S(t(2, 3), N=5)])
def _vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """Vandermonde matrices (..., n, N) with ascending powers of x (..., n)."""
    if N is None:
        N = x.shape[-1] if x.ndim else 1
    if N <= 1:
        raise RuntimeError("N must be greater than 1.")
    if not x.ndim:
        x = x.reshape(1)  # type: ignore[attr-defined]
    from franken.ops.shape.join import cat

    if x.dtype is dt.bool or x.dtype in HALF:
        raise RuntimeError(
            "linalg.vander supports floating point, complex, and integer tensors, but got "
            f"{x.dtype.scalar_name}"
        )
    if not x.dtype.is_floating_point and not x.dtype.is_complex:
        x = x.to(dt.int64)  # type: ignore[attr-defined]
    powers = x.unsqueeze(-1).expand(*x.shape, N - 1).cumprod(-1)  # type: ignore[attr-defined]
    return cat([powers.new_ones((*x.shape, 1)), powers], -1)  # type: ignore[no-any-return]


# --- low rank ------------------------------------------------------------------------------------


def _range(A: Any, q: int, niter: int, M: Any) -> Any:
    """An orthonormal basis near the range of A - M (Halko, Martinsson & Tropp, 2011, alg. 4.4)."""
    randn = namespace("torch")["randn"]

    def times(t: Any, adjoint: bool) -> Any:
        a, m = (A.mH, M if M is None else M.mH) if adjoint else (A, M)
        return a @ t if m is None else a @ t - m @ t

    # as in torch: float32 for integers and bfloat16, which the product then refuses
    own = A.dtype.kind > dt.INTEGER and A.dtype is not dt.bfloat16
    dtype = A.dtype if own else dt.float32
    basis = qr(times(randn(A.shape[-1], q, dtype=dtype, device=A.device), False))[0]
    for _ in range(niter):
        basis = qr(times(basis, True))[0]
        basis = qr(times(basis, False))[0]
    return basis


@op(method=False, samples=lambda t: [after(lambda out: out[1], S(t(5, 4), q=4))])
def svd_lowrank(
    A: Tensor, q: int = 6, niter: int = 2, M: Any = None
) -> tuple[Tensor, Tensor, Tensor]:
    """U, S, V of an approximation of rank q of A - M, by random projections."""
    q = 6 if q is None else q
    m, n = A.shape[-2:]
    if M is not None:
        M = M.broadcast_to(tuple(A.shape))
    flipped = m < n
    a: Any = A.mH if flipped else A  # type: ignore[attr-defined]
    shift = (M.mH if flipped else M) if M is not None else None
    basis = _range(a, q, niter, shift)
    small = basis.mH @ a if shift is None else basis.mH @ (a - shift)
    u, s, vh = svd(small, False)
    u, v = basis @ u, vh.mH
    return (v, s, u) if flipped else (u, s, v)


@op(method=False, samples=lambda t: [after(lambda out: out[1], S(t(5, 4), q=4))])
def pca_lowrank(
    A: Tensor, q: Any = None, center: bool = True, niter: int = 2
) -> tuple[Tensor, Tensor, Tensor]:
    """U, S, V of an approximation of rank q of A with its column means removed."""
    m, n = A.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ValueError(
            f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}"
        )
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    if not center and not (A.dtype.is_floating_point or A.dtype.is_complex):
        raise ValueError(f"input must have floating point dtype, got {A.dtype}")
    centered = A - A.mean(-2, True) if center else A  # type: ignore[attr-defined, operator]
    return svd_lowrank(centered, q, niter)
