"""Matrix products: the two primitives (matmul, linear) and the family built on them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from franken.backends.meta import rules
from franken.backends.numpy.halves import halved
from franken.backends.numpy.parallel import matmul as matmul_on_threads
from franken.core import dtypes as dt
from franken.core.batching import to_front
from franken.core.calls.numbers import unboxed
from franken.core.calls.out import FREE, SAME, Into, warn_resized
from franken.core.calls.overloads import Order, orders
from franken.core.convert import cast
from franken.core.geometry.shapes import broadcast_two, wrap_dim
from franken.core.node import titled
from franken.core.op import op
from franken.core.overriding.foreign import answer_of
from franken.core.primitive import F32, F64, Primitive
from franken.core.tensor import CONJ, Tensor, attach, bits_of
from franken.ops.declaring.samples import S
from franken.ops.surface.args import checked_number

HALF = (dt.float16, dt.bfloat16)

matmul_ = Primitive(
    "matmul", ("x", "y"), halved(matmul_on_threads), words=("self", "mat2"),
    title=lambda node: "MmBackward0" if len(node.shape) == 2 else "BmmBackward0",
    meta="product",
)  # fmt: skip
matmul_.still = lambda node, i: i == 1 and len(node.parents[1].shape) > 2


@matmul_.vjp("x")
def _(g: Any, y: Any) -> Any:
    return matmul_(g, y.mT)  # d/dx x@y = g yᵀ


@matmul_.vjp("y")
def _(g: Any, x: Any) -> Any:
    return matmul_(x.mT, g)  # d/dy x@y = xᵀ g


@matmul_.jvp
def _(tangents: Any, out: Any, x: Any, y: Any) -> Any:
    tx, ty = tangents
    left = matmul_(tx, y) if tx is not None else None
    if ty is None:
        return left
    right = matmul_(x, ty)
    return right if left is None else left + right


@matmul_.batching
def _(prim: Any, values: Any, dims: Any, params: Any) -> Any:
    """Both operands are at least matrices; leading axes broadcast."""
    rank = max(v.ndim - (d is not None) for v, d in zip(values, dims, strict=True))
    aligned = []
    for v, d in zip(values, dims, strict=True):
        if d is not None:
            v = to_front(v, d)
            v = v.reshape(v.shape[0], *(1,) * (rank - v.ndim + 1), *v.shape[1:])
        aligned.append(v)
    return matmul_(*aligned), 0


def _check_inner(x: Tensor, y: Tensor) -> None:
    """torch's error texts for shapes that do not fit."""
    xs, ys = tuple(x.shape), tuple(y.shape)
    inner = ys[-2] if len(ys) > 1 else ys[0]
    if xs[-1] == inner:
        return
    if len(xs) == 1 and len(ys) == 1:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{xs[0]}] and src [{ys[0]}] to have the "
            f"same number of elements, but got {xs[0]} and {ys[0]} elements respectively"
        )
    if len(ys) == 1:
        rows = math.prod(xs[:-1])
        raise RuntimeError(
            f"size mismatch, got input ({rows}), mat ({rows}x{xs[-1]}), vec ({ys[0]})"
        )
    if len(ys) == 2:
        rows = math.prod(xs[:-1])
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({rows}x{xs[-1]} and {ys[0]}x{ys[1]})"
        )
    raise RuntimeError(
        "Expected size for first two dimensions of batch2 tensor to be: "
        f"[{ys[0] if len(xs) == 1 else xs[0]}, {xs[-1]}] but got: [{ys[0]}, {ys[-2]}]."
    )


def same_dtype(name: str, x: Tensor, y: Tensor) -> None:
    """Products do not promote: both operands must have one dtype; bools only give empty sums."""
    if x.dtype is not y.dtype:
        left, right = x.dtype.scalar_name, y.dtype.scalar_name
        if name == "dot":
            raise RuntimeError(
                f"dot : expected both vectors to have same dtype, but found {left} and {right}"
            )
        if name == "bmm":
            raise RuntimeError(f"expected scalar type {left} but found {right}")
        raise RuntimeError(
            "expected m1 and m2 to have the same dtype, but got: "
            f"{x.dtype.cpp_name} != {y.dtype.cpp_name}"
        )
    if x.dtype is dt.bool and (name == "dot" or (0 not in x.shape and 0 not in y.shape)):
        raise NotImplementedError(f"\"{name}\" not implemented for 'Bool'")


def _kernel_name(n: int, m: int) -> str:
    """torch's name of the kernel that multiplies tensors of n and m dimensions."""
    if n == 1 and m == 1:
        return "dot"
    if n > 2 and m > 2:
        return "bmm"
    return "addmv_impl_cpu" if 1 in (n, m) else "addmm_impl_cpu_"  # a batch is folded into rows


@op(
    out=FREE,
    samples=lambda t: [
        S(t(3, 4), t(4, 2)),
        S(t(4), t(4)),
        S(t(2, 3, 4), t(4)),
        S(t(2, 1, 3, 4), t(2, 4, 2)),
        S(t(2, 0), t(0, 3)),
    ],
)
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """Matrix product; 1-d operands are vectors, leading dimensions broadcast."""
    if not isinstance(other, Tensor):
        raise TypeError(
            f"matmul(): argument 'other' (position 2) must be Tensor, not {type(other).__name__}"
        )
    n, m = input.ndim, other.ndim
    if n == 0 or m == 0:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {n}D and {m}D"
        )
    if input.dtype is not other.dtype or input.dtype is dt.bool:
        same_dtype(_kernel_name(n, m), input, other)
    _check_inner(input, other)
    if n > 2 or m > 2:
        broadcast_two(tuple(input.shape[:-2]), tuple(other.shape[:-2]))
    x = input.reshape(1, -1) if n == 1 else input
    y = other.reshape(-1, 1) if m == 1 else other
    out = matmul_(x, y)
    if n == 2 and m == 2:
        return out
    if n == 1 and m == 1:
        return titled(out.reshape(()), "DotBackward0")
    if n == 1:
        out = out.reshape((*out.shape[:-2], out.shape[-1]))
        return titled(out, "SqueezeBackward4" if m == 2 else "UnsafeViewBackward0")
    if m == 1:
        out = out.reshape(tuple(out.shape[:-1]))
    return titled(out, "MvBackward0" if n + m == 3 else "UnsafeViewBackward0")


def _matmul(self: Tensor, other: Any) -> Any:
    return matmul(self, other) if isinstance(other, Tensor) else answer_of("matmul", self, other)


def _rmatmul(self: Tensor, other: Any) -> Any:
    return (
        matmul(other, self) if isinstance(other, Tensor) else answer_of("__rmatmul__", self, other)
    )


attach(__matmul__=_matmul, __rmatmul__=_rmatmul)


def _check_tensor(name: str, what: str, value: Any) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(
            f"{name}(): argument '{what}' (position 2) must be Tensor, not {type(value).__name__}"
        )


@op(out=FREE, samples=lambda t: [S(t(3, 4), t(4, 2)), S(t(4, 3).t(), t(4, 2)), S(t(2, 0), t(0, 3))])
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """Product of two matrices."""
    _check_tensor("mm", "mat2", mat2)
    if input.ndim != 2:
        raise RuntimeError("self must be a matrix")
    if mat2.ndim != 2:
        raise RuntimeError("mat2 must be a matrix")
    return matmul(input, mat2)


@op(
    out=FREE,
    samples=lambda t: [
        S(t(2, 3, 4), t(2, 4, 2)),
        S(t(2, 3, 0), t(2, 0, 4)),
        S(t(0, 3, 4), t(0, 4, 1)),
    ],
    title="BmmBackward0",
)
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """Products of two batches of matrices."""
    _check_tensor("bmm", "mat2", mat2)
    if input.dtype is not mat2.dtype:
        raise RuntimeError(
            f"expected scalar type {input.dtype.scalar_name} but found {mat2.dtype.scalar_name}"
        )
    if input.ndim != 3:
        raise RuntimeError("batch1 must be a 3D tensor")
    if mat2.ndim != 3:
        raise RuntimeError("batch2 must be a 3D tensor")
    if input.shape[0] != mat2.shape[0] or input.shape[2] != mat2.shape[1]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{input.shape[0]}, "
            f"{input.shape[2]}] but got: [{mat2.shape[0]}, {mat2.shape[1]}]."
        )
    same_dtype("bmm", input, mat2)
    return matmul_(input, mat2)


_MV_OUT = Into(
    "addmv input tensors must have the same dtype, but got {got}, {want}, and {want}",
)


@op(out=_MV_OUT, samples=lambda t: [S(t(3, 4), t(4)), S(t(3, 0), t(0))], title="MvBackward0")
def mv(input: Tensor, vec: Tensor) -> Tensor:
    """Product of a matrix and a vector."""
    _check_tensor("mv", "vec", vec)
    if input.ndim != 2 or vec.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got 1, {input.ndim}, {vec.ndim}")
    if input.shape[1] != vec.shape[0]:
        raise RuntimeError(
            f"size mismatch, got input ({input.shape[0]}), mat "
            f"({input.shape[0]}x{input.shape[1]}), vec ({vec.shape[0]})"
        )
    if input.dtype is not vec.dtype:
        found = vec.dtype.scalar_name
        raise RuntimeError(
            "addmv input tensors must have the same dtype, but got "
            f"{found}, {input.dtype.scalar_name}, and {found}"
        )
    return matmul(input, vec)


def _check_vectors(name: str, x: Tensor, y: Tensor) -> None:
    _check_tensor(name, "tensor" if name == "dot" else "other", y)
    if x.dtype is y.dtype is dt.bool:
        raise NotImplementedError(f"\"{name}\" not implemented for 'Bool'")
    if x.ndim != 1 or y.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {x.ndim}D and {y.ndim}D tensors")
    if x.dtype is not y.dtype:
        raise RuntimeError(
            f"dot : expected both vectors to have same dtype, but found {x.dtype.scalar_name} and "
            f"{y.dtype.scalar_name}"
        )
    if x.shape[0] != y.shape[0]:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{x.shape[0]}] and src [{y.shape[0]}] to "
            f"have the same number of elements, but got {x.shape[0]} and {y.shape[0]} elements "
            "respectively"
        )


_DOT_OUT = Into(
    "result dtype {got} does not match input dtype {want}",
)


@op(out=_DOT_OUT, samples=lambda t: [S(t(4), t(4)), S(t(0), t(0))], title="DotBackward0")
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """Inner product of two vectors."""
    _check_vectors("dot", input, tensor)
    if bits_of(input) == bits_of(tensor) == CONJ:
        return matmul(input.conj(), tensor.conj()).conj()  # type: ignore[attr-defined, no-any-return]
    return matmul(input, tensor)


@op(out=_DOT_OUT, samples=lambda t: [S(t(4), t(4)), S(t(0), t(0))], title="VdotBackward0")
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """Inner product of two vectors, the first conjugated."""
    _check_vectors("vdot", input, other)
    if bits_of(other) == CONJ != bits_of(input):  # torch gives a view of what BLAS computes
        return matmul(input, other.conj()).conj()  # type: ignore[attr-defined, no-any-return]
    return matmul(input.conj_physical(), other)


_TENSORDOT = Into(
    "tensordot: Expected the output tensor to have dtype {want}, but got an output tensor with "
    "dtype {got}"
)


@op(
    out=_TENSORDOT,
    samples=lambda t: [S(t(4), t(4)), S(t(3, 4), t(2, 4)), S(t(), t(3)), S(t(2, 0), t(3, 0))],
)
def inner(input: Tensor, other: Tensor) -> Tensor:
    """Sums of products over the last dimensions."""
    if input.ndim == 0 or other.ndim == 0:
        return input * other
    if input.dtype is not other.dtype:
        raise RuntimeError("both inputs should have same dtype")
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            f"inner() the last dimension must match on both input tensors but got shapes "
            f"{list(input.shape)} and {list(other.shape)}"
        )
    return tensordot(input, other, ([-1], [-1]))


@op(out=True, alias=("ger",), samples=lambda t: [S(t(3), t(4)), S(t(0), t(2))])
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Outer product of two vectors."""
    for t, name in ((input, "self"), (vec2, "vec2")):
        if t.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {t.ndim}-D")
    return input.reshape(-1, 1) * vec2


def _blended(factors: str) -> tuple[Order, ...]:
    """The deprecated orders of beta * input + alpha * product, of functions and of methods."""
    return orders(
        "beta alpha", f"beta input {factors}", f"beta input alpha {factors}",
        f"input beta {factors}", f"input beta alpha {factors}",
    )  # fmt: skip


def _blend(base: Tensor, product: Tensor, beta: Any, alpha: Any) -> Tensor:
    """beta * base + alpha * product; beta 0 ignores base, NaN and all."""
    beta, alpha = unboxed(beta), unboxed(alpha)
    if product.dtype.kind <= dt.INTEGER:  # factors are cut to integers
        beta, alpha = (checked_number(v, product.dtype) for v in (beta, alpha))
    scaled = product if alpha == 1 else product * alpha
    if beta == 0:
        return (
            scaled.expand(tuple(product.shape))
            if tuple(scaled.shape) != tuple(product.shape)
            else scaled
        )
    total: Tensor = (base if beta == 1 else base * beta) + scaled
    if tuple(total.shape) != tuple(product.shape):
        raise RuntimeError(
            f"The expanded size of the tensor ({list(product.shape)}) must match the existing size "
            f"{list(base.shape)}"
        )
    return total


def _in_float32(fn: Any, base: Tensor, x: Tensor, y: Tensor, beta: Any, alpha: Any) -> Any:
    """Half precision is blended before it is rounded; the operands must be of one dtype."""
    same_dtype(fn.__name__, x, y)
    wide = [cast(t, dt.float32) for t in (base, x, y)]
    return cast(fn(*wide, beta=beta, alpha=alpha), x.dtype)


def _check_addbmm(x: Tensor, y: Tensor) -> None:
    """Torch's refusals of what is not two batches of matrices that fit."""
    for which, t in (("batch1", x), ("batch2", y)):
        if t.ndim != 3:
            raise RuntimeError(f"{which} must be a 3D tensor")
    if x.shape[0] != y.shape[0]:
        raise RuntimeError(
            f"batch1 and batch2 must have same number of batches, got {x.shape[0]} and {y.shape[0]}"
        )
    if x.shape[2] != y.shape[1]:
        raise RuntimeError(
            f"Incompatible matrix sizes for bmm ({x.shape[1]}x{x.shape[2]} and "
            f"{y.shape[1]}x{y.shape[2]})"
        )
    same_dtype("addbmm", x, y)


def _check_base(base: Tensor, shape: tuple[int, ...]) -> None:
    base.expand(shape)


@op(
    out=SAME,
    inplace=True,
    old=_blended("mat1 mat2"),
    samples=lambda t: [
        S(t(3, 2), t(3, 4), t(4, 2)),
        S(t(2), t(3, 4), t(4, 2), beta=2, alpha=3),
        S(t(3, 1), t(3, 0), t(0, 2)),
    ],
    title="AddmmBackward0",
    layout="contiguous",
)
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2)."""
    if mat1.dtype in HALF:
        return _in_float32(addmm, input, mat1, mat2, beta, alpha)
    if mat1.ndim != 2:
        raise RuntimeError(f"mat1 must be a matrix, got {mat1.ndim}-D tensor")
    if mat2.ndim != 2:
        raise RuntimeError(f"mat2 must be a matrix, got {mat2.ndim}-D tensor")
    _check_inner(mat1, mat2)
    _check_base(input, (mat1.shape[0], mat2.shape[1]))
    return _blend(input, mm(mat1, mat2), beta, alpha)


@op(
    out=SAME,
    inplace=True,
    old=_blended("mat vec"),
    samples=lambda t: [
        S(t(3), t(3, 4), t(4)),
        S(t(), t(3, 4), t(4), beta=2, alpha=3),
        S(t(3), t(3, 0), t(0)),
    ],
    title="AddmvBackward0",
)
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (mat @ vec)."""
    fits = input.numel() == 1 or tuple(input.shape) == (mat.shape[0],)
    if beta != 0 and 0 in mat.shape and fits:  # torch does not broadcast `input` then
        nothing = mv(mat, vec)
        rows, shape = tuple(nothing.shape), tuple(input.shape)
        if rows != shape:
            warn_resized(rows, shape)
            nothing = input.new_zeros(shape)  # type: ignore[attr-defined]
        return _blend(input, nothing, beta, alpha)
    if mat.dtype in HALF:  # torch's kernel takes alpha in the tensors' dtype, and beta * input
        wide = input.expand(mat.shape[:1]) if input.numel() == 1 else input
        base = wide if beta in (0, 1) else wide * beta
        alpha = float(np.array(alpha, mat.dtype.np))
        return _in_float32(addmv, base, mat, vec, 0 if beta == 0 else 1, alpha)
    out = mv(mat, vec)
    if input.ndim == 1 and input.shape[0] not in (1, out.shape[0]):
        raise RuntimeError(
            f"size mismatch, got input ({input.shape[0]}), mat ({mat.shape[0]}x{mat.shape[1]}), "
            f"vec ({vec.shape[0]})"
        )
    _check_base(input, tuple(out.shape))
    return _blend(input, out, beta, alpha)


@op(
    out=True,
    inplace=True,
    old=_blended("vec1 vec2"),
    samples=lambda t: [
        S(t(3, 2), t(3), t(2)),
        S(t(2), t(3), t(2), beta=2, alpha=3),
        S(t(0, 2), t(0), t(2)),
    ],
    title="AddrBackward0",
)
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * outer(vec1, vec2)."""
    for t in (vec1, vec2):
        if t.ndim != 1:
            raise RuntimeError(f"addr: Expected 1-D argument vec1, but got {t.ndim}-D")
    out = vec1.reshape(-1, 1) * vec2
    _check_base(input, tuple(out.shape))
    if out.dtype.kind == dt.INTEGER and (isinstance(beta, float) or isinstance(alpha, float)):
        which = "beta" if isinstance(beta, float) else "alpha"
        raise RuntimeError(
            f"For integral input tensors, argument {which} must not be a floating point number."
        )
    if out.dtype is dt.bool:
        scaled = out if alpha else out.new_zeros(tuple(out.shape))
        return scaled if not beta else input.logical_or(scaled)
    return _blend(input, out, beta, alpha)


@op(
    out=SAME,
    inplace=True,
    old=_blended("batch1 batch2"),
    samples=lambda t: [
        S(t(2, 3, 2), t(2, 3, 4), t(2, 4, 2)),
        S(t(2), t(2, 3, 4), t(2, 4, 2), beta=2, alpha=3),
        S(t(1, 3, 2), t(2, 3, 0), t(2, 0, 2)),
    ],
    title="BaddbmmBackward0",
    layout="contiguous",
)
def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """beta * input + alpha * (batch1 @ batch2)."""
    if batch1.dtype in HALF:
        return _in_float32(baddbmm, input, batch1, batch2, beta, alpha)
    out = bmm(batch1, batch2)
    _check_base(input, tuple(out.shape))
    return _blend(input, out, beta, alpha)


@op(
    out=Into("self and mat2 must have the same dtype, but got {got} and {want}"),
    inplace=True,
    old=_blended("batch1 batch2"),
    samples=lambda t: [
        S(t(3, 2), t(2, 3, 4), t(2, 4, 2)),
        S(t(2), t(2, 3, 4), t(2, 4, 2), beta=2, alpha=3),
        S(t(3, 2), t(0, 3, 4), t(0, 4, 2)),
    ],
    title="AddbmmBackward0",
    layout="contiguous",
)
def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """beta * input + alpha * sum over the batch of (batch1 @ batch2)."""
    _check_addbmm(batch1, batch2)
    shape = (batch1.shape[1], batch2.shape[2])
    _check_base(input, shape)
    if not len(batch1):
        return _blend(input, bmm(batch1, batch2).sum(0), beta, alpha)
    # As in torch, the running sum is rounded after each matrix.
    total = input
    for k, (x, y) in enumerate(zip(batch1.unbind(), batch2.unbind(), strict=True)):
        total = addmm(total, x, y, beta=beta if k == 0 else 1, alpha=alpha)
    return total


def _tensordot_axes(x: Tensor, y: Tensor, dims: Any) -> tuple[list[int], list[int]]:
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(x.ndim, y.ndim):
            raise RuntimeError(
                f"tensordot expects dims < ndim_a or ndim_b, but got {dims}, {x.ndim}, {y.ndim}"
            )
        return list(range(x.ndim - dims, x.ndim)), list(range(dims))
    a, b = ([d] if isinstance(d, int) else list(d) for d in dims)
    if len(a) != len(b):
        raise RuntimeError("both dimension lists should have same length")
    return [wrap_dim(d, x.ndim) for d in a], [wrap_dim(d, y.ndim) for d in b]


@op(
    out=_TENSORDOT,
    method=False,
    samples=lambda t: [
        S(t(2, 3, 4), t(3, 4, 2)),
        S(t(2, 3, 4), t(4, 3), dims=([1, 2], [1, 0])),
        S(t(3), t(2), dims=0),
    ],
)
def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Contract `a` and `b` over the given dimensions."""
    ax, bx = _tensordot_axes(a, b, dims)
    for i, j in zip(ax, bx, strict=True):
        if a.shape[i] != b.shape[j] and 1 not in (a.shape[i], b.shape[j]):
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a.shape[i]} in dim {i} "
                f"and second has size {b.shape[j]} in dim {j}"
            )
    for i, j in zip(ax, bx, strict=True):
        if a.shape[i] == 1 != b.shape[j]:
            b = b.sum(j, keepdim=True)
        elif b.shape[j] == 1 != a.shape[i]:
            a = a.sum(i, keepdim=True)
    same_dtype("addmm_impl_cpu_", a, b)
    fa = [i for i in range(a.ndim) if i not in ax]
    fb = [j for j in range(b.ndim) if j not in bx]
    inner_size = 1
    for i in ax:
        inner_size *= a.shape[i]
    shape = [a.shape[i] for i in fa] + [b.shape[j] for j in fb]
    rows = cols = 1
    for i in fa:
        rows *= a.shape[i]
    for j in fb:
        cols *= b.shape[j]
    left = a.permute(*fa, *ax).reshape(rows, inner_size)
    right = b.permute(*bx, *fb).reshape(inner_size, cols)
    return matmul_(left, right).reshape(shape)


# --- linear -------------------------------------------------------------------------------------


def _linear_kernel(x: Any, w: Any, b: Any) -> Any:
    if x.ndim > 2 and x.flags.c_contiguous and x.size:
        out = matmul_on_threads(x.reshape(-1, x.shape[-1]), w.T).reshape(*x.shape[:-1], w.shape[0])
    else:
        out = matmul_on_threads(x, w.T)
    if b is not None:
        out += b
    return out


def _linear_weight_grad_kernel(g: Any, x: Any) -> Any:
    rows = math.prod(g.shape[:-1])
    return matmul_on_threads(g.reshape(rows, g.shape[-1]).T, x.reshape(rows, x.shape[-1]))


def _linear_title(node: Any) -> str:
    biased = node.parents[2] is not None
    if len(node.shape) == 2:
        return "AddmmBackward0" if biased else "MmBackward0"
    return "ViewBackward0" if biased else "UnsafeViewBackward0"


linear_ = Primitive(
    "linear", ("x", "w", "b"), halved(_linear_kernel), title=_linear_title, meta="transposed"
)
linear_.still = lambda node, i: i == 1
linear_weight_grad_ = Primitive(
    "linear_weight_grad",
    ("c", "x"),
    halved(_linear_weight_grad_kernel),
    meta=lambda g, x: rules.reserved((g.shape[-1], x.shape[-1]), g.dtype),
)


@linear_.vjp("x")
def _(g: Any, w: Any) -> Any:
    return matmul_(g, w)


@linear_.vjp("w")
def _(g: Any, x: Any) -> Any:
    return linear_weight_grad_(g, x)


@linear_.vjp("b")
def _(g: Any) -> Any:
    return g  # summed to the bias' shape by the engine


@linear_.batching
def _(prim: Any, values: Any, dims: Any, params: Any) -> Any:
    x, w, b = values
    if dims[1] is None and dims[2] is None:
        return linear_(to_front(x, dims[0]), w, b), 0
    x, w = to_front(x, dims[0]), to_front(w, dims[1])
    if dims[1] is not None:
        w = w.reshape(w.shape[0], *(1,) * (x.ndim - 2 - (dims[0] is not None)), *w.shape[1:])
    out = matmul_(x if x.ndim > 1 else x.reshape(1, -1), w.mT)
    if b is not None:
        b = to_front(b, dims[2])
        if dims[2] is not None:
            b = b.reshape(b.shape[0], *(1,) * (out.ndim - 2), b.shape[-1])
        out = out + b
    return out, 0


@linear_weight_grad_.vjp("c")
def _(g: Any, x: Any) -> Any:
    return matmul_(x, g.mT)


@linear_weight_grad_.vjp("x")
def _(g: Any, c: Any) -> Any:
    return matmul_(c, g)


@linear_weight_grad_.batching
def _(prim: Any, values: Any, dims: Any, params: Any) -> Any:
    g, x = (to_front(v, d) for v, d in zip(values, dims, strict=True))
    g = g.reshape(*g.shape[: dims[0] is not None], -1, g.shape[-1])
    x = x.reshape(*x.shape[: dims[1] is not None], -1, x.shape[-1])
    return matmul_(g.mT, x), 0


@op(
    at="nn.functional",
    out=SAME,
    samples=lambda t: [
        S(t(3, 4), t(2, 4), t(2)),
        S(t(2, 3, 4), t(2, 4)),
        S(t(4), t(2, 4), t(2)),
        S(t(0, 4), t(2, 4)),
    ],
)
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input @ weightᵀ + bias; weight is (out, in) or (in,)."""
    if input.level == 0 and weight.level == 0:
        # What nearly every call is; the checks below cost as much as a small product (15 us).
        x, w = input._a, weight._a
        n = w.shape
        if (
            x.dtype is F32
            and w.dtype is F32
            and x.ndim > 1
            and len(n) == 2
            and x.shape[-1] == n[1]
            and (
                bias is None
                or (bias.level == 0 and bias._a.shape == n[:1] and bias._a.dtype is F32)
            )
        ):
            return linear_(input, weight, bias)
    if weight.ndim == 1:
        out = matmul(input, weight)
        return out if bias is None else titled(out + bias, "ViewBackward0")
    if input.dtype in HALF and bias is not None and weight.dtype is input.dtype:
        wide = [cast(t, dt.float32) for t in (input, weight, bias)]
        return cast(linear(*wide), input.dtype)  # rounded once
    plain = input.level == 0 and weight.level == 0
    if input.ndim < 2 or weight.ndim != 2 or (plain and input._a.dtype not in (F32, F64)):
        out = matmul(input, weight.mT)
        return out if bias is None else titled(out + bias, "ViewBackward0")
    same_dtype("addmm_impl_cpu_", input, weight)
    if input.shape[-1] != weight.shape[-1]:
        _check_inner(input, weight.mT)
    if bias is not None and bias.ndim and bias.shape[-1] not in (1, weight.shape[0]):
        bias.expand(math.prod(input.shape[:-1]), weight.shape[0])  # raises
    return linear_(input, weight, bias)


@op(
    at="nn.functional",
    alias=("torch.bilinear",),
    samples=lambda t: [
        S(t(3, 4), t(3, 2), t(5, 4, 2), t(5)),
        S(t(2, 3, 4), t(2, 3, 2), t(5, 4, 2)),
    ],
)
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input1ᵀ W_k input2 + b_k for every output k; weight is (out, in1, in2)."""
    if tuple(input1.shape[:-1]) != tuple(input2.shape[:-1]):
        raise RuntimeError(
            f"bilinear(): input batch dimensions do not match: got {list(input1.shape)} and "
            f"{list(input2.shape)}"
        )
    for k, t in ((1, input1), (2, input2)):
        if t.shape[-1] != weight.shape[k]:
            raise RuntimeError(
                f"bilinear(): input{k} size does not match weight size: got {t.shape[-1]} but "
                f"expected {weight.shape[k]}"
            )
    x = tensordot(input1, weight, ([-1], [1]))  # (..., out, in2)
    out = matmul(x, input2.reshape(*input2.shape, 1)).reshape(*input1.shape[:-1], weight.shape[0])
    return out if bias is None else out + bias
