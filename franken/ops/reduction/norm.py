"""Vector norms over axes, and what is made of them: norm, dist, renorm."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from franken.backends.numpy import reduce as kernels
from franken.backends.numpy.halves import halved
from franken.core import dtypes as dt
from franken.core.batching import shift_axes
from franken.core.calls.out import SAME
from franken.core.convert import cast
from franken.core.geometry.shapes import wrap_dim
from franken.core.layouts.tensor import refuse
from franken.core.linear import SMALL, kept, reduce_sum
from franken.core.op import namespace, op
from franken.core.primitive import Primitive
from franken.core.promotion import promote_types
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import S
from franken.ops.reduction.extrema import amax_, amin_, tie_weights
from franken.ops.reduction.sums import canonical_axes


def _norm_kernel(x: Any, *, p: float, axes: tuple[int, ...], keepdim: Any, wide: Any) -> Any:
    if wide is not None:
        x = x.astype(wide.np)
    if p == 2 and x.size <= SMALL and x.dtype.kind == "f":
        squares = np.square(x, dtype=np.float64)
        return np.sqrt(np.add.reduce(squares, axis=axes, keepdims=keepdim)).astype(x.dtype)
    return kernels.vector_norm(x, p, axes, keepdim)


reduce_norm = Primitive(
    "vector_norm",
    ("x",),
    halved(_norm_kernel),
    batch=shift_axes("axes"),
    title="LinalgVectorNormBackward0",
    meta="reduced",
)
reduce_norm.holomorphic = False


def _norm_vjp(g: Any, x: Any, out: Any, p: float, axes: Any, wide: Any) -> Any:
    """The cotangent of x, `g` and `out` having the reduced axes as 1; 0 where the norm is 0.

    The order of the factors decides which second derivatives are NaN at 0: it is torch's.
    """
    if p == 1:
        return x.sgn() * g
    if math.isinf(p):
        size = x.abs()  # its extremum, since |x| of complex numbers may round otherwise in `out`
        extremum = amax_ if p > 0 else amin_
        # But a norm in higher precision is what torch compares with: where it is no |x|, 0/0.
        top = out if wide else extremum(size, axes=axes, keepdim=True, nan=False)
        return x.sgn() * (g * tie_weights(size, top, axes=axes, nan=True))
    if p == 2:
        return x * (g * (1 / out).masked_fill(out == 0, 0))
    if p < 1:  # a product: in half precision the power's reciprocal may be out of range
        power = (x.abs() ** (p - 1)).masked_fill(x == 0, 0)
        return x.sgn() * power * g * out ** (1 - p)
    scale = (g / out ** (p - 1)).masked_fill(out == 0, 0)
    if p > 2:
        return x * x.abs() ** (p - 2) * scale
    return x.sgn() * x.abs() ** (p - 1) * scale


@reduce_norm.vjp("x")
def _(g: Any, x: Any, out: Any, p: float, axes: Any, keepdim: bool, wide: Any) -> Any:
    if p == 0:
        return None  # a count
    g, out = (kept(t, tuple(x.shape), axes, keepdim) for t in (g, out))
    return _norm_vjp(g, x, out, p, axes, wide)


@reduce_norm.jvp
def _(tangents: Any, out: Any, x: Any, *, p: float, axes: Any, keepdim: bool, wide: Any) -> Any:
    if p == 0:
        return out.new_zeros(tuple(out.shape))
    whole = kept(out, tuple(x.shape), axes, keepdim)
    slope = _norm_vjp(whole.new_ones(()), x, whole, p, axes, wide)
    t = tangents[0]
    term = (slope.conj_physical() * t).real if x.dtype.is_complex else slope * t
    return reduce_sum(term, axes=axes, keepdim=keepdim)


def _check_dtype(x: Tensor, dtype: Any) -> None:
    if not (x.dtype.is_floating_point or x.dtype.is_complex):
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{x.dtype.scalar_name}"
        )
    if dtype is None:
        return
    if dtype.is_complex != x.dtype.is_complex:
        kind = "complex" if x.dtype.is_complex else "real"
        raise RuntimeError(
            f"linalg.vector_norm: dtype should be {kind} for {kind} inputs, but got "
            f"{dtype.scalar_name}"
        )
    if promote_types(x.dtype, dtype) is not dtype:
        raise RuntimeError(
            f"linalg.vector_norm: the dtype of the input ({x.dtype.scalar_name}) should be "
            f"convertible without narrowing to the specified dtype ({dtype.scalar_name})"
        )


def _check_identity(x: Tensor, p: float, dim: Any, axes: tuple[int, ...]) -> None:
    if not (p < 0 or p == math.inf) or 0 not in x.shape:
        return
    head = f"linalg.vector_norm cannot compute the {p:g} norm on "
    if dim is None or len(axes) == x.ndim:
        raise RuntimeError(f"{head}an empty tensor because the operation does not have an identity")
    for a in axes:
        if x.shape[a] == 0:
            raise RuntimeError(
                f"{head}the dimension {a}because this dimension is empty and the operation does "
                "not have an identity"
            )


@op(
    at="linalg",
    out=SAME,
    samples=lambda t: [
        S(t(3, 4)),
        S(t(2, 3, 4), 1, dim=-2),
        S(t(3, 4), 3.5, dim=(0, 1), keepdim=True),
        S(t(3, 4), float("inf"), dim=0),
        S(t()),
        S(t(2, 0), 2, dim=0),
    ],
)
def vector_norm(
    input: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The p-norm of vectors over dimensions, real; `ord` is any number, inf and -inf included."""
    if isinstance(ord, (str, complex)):
        raise TypeError(
            f"linalg_vector_norm(): argument 'ord' must be Number, not {type(ord).__name__}"
        )
    if input.foreign and not input.level:
        refuse("linalg_vector_norm", (input,))
    return _vector_norm(input, ord, dim, keepdim, dtype)


def _vector_norm(input: Tensor, ord: Any, dim: Any, keepdim: bool, dtype: Any) -> Tensor:
    """`vector_norm` of a tensor of any layout."""
    _check_dtype(input, dtype)
    p, axes = float(ord), canonical_axes(dim, input.ndim)
    _check_identity(input, p, dim, axes)
    half = input.dtype in (dt.float16, dt.bfloat16, dt.complex32)
    x = cast(input, dtype) if dtype and half else input
    wide = None if dtype is x.dtype else dtype
    return reduce_norm(x, p=p, axes=axes, keepdim=keepdim, wide=wide)


@op(
    out=SAME,
    samples=lambda t: [
        S(t(3, 4)),
        S(t(3, 4), 3, dim=1),
        S(t(3, 4), float("inf"), dim=0, keepdim=True),
        S(t(2, 0), 2, 0),
    ],
)
def norm(
    input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Tensor:
    """Vector norm over all or some dimensions; "nuc" is the nuclear norm of matrices."""
    if isinstance(p, str) and p != "fro":
        matrix_norm = namespace("linalg")["matrix_norm"]
        axes = tuple(range(input.ndim)) if dim is None else dim
        return matrix_norm(input, p, axes, keepdim, dtype=dtype)
    order = 2 if p is None or p == "fro" else p
    return _vector_norm(input, order, dim, keepdim, dtype)


@op(
    samples=lambda t: [S(t(3, 4), t(3, 4)), S(t(3, 4), t(4), 3), S(t(3), t(3), float("inf"))],
    title="DistBackward0",
)
def dist(input: Tensor, other: Tensor, p: Any = 2) -> Tensor:
    """The p-norm of input - other, over all elements."""
    change = input - other
    if change.dtype.kind <= dt.INTEGER:
        raise RuntimeError(
            "norm(): input dtype should be either floating point or complex. Got "
            f"{change.dtype.scalar_name} instead."
        )
    return norm(change, p)


# What torch adds up in where it takes care.
_SUMMED_IN = {
    dt.float16: dt.float32, dt.bfloat16: dt.float32,
    dt.float32: dt.float64, dt.complex64: dt.complex128,
}  # fmt: skip


@op(
    out=SAME,
    inplace=True,
    samples=lambda t: [S(t(3, 4), 2, 0, 1.5), S(t(2, 3, 4), 1, -1, 2.0)],
    title="RenormBackward0",
    layout="contiguous",
)
def renorm(input: Tensor, p: Any, dim: int, maxnorm: Any) -> Tensor:
    """Scale down each slice along `dim` whose p-norm exceeds `maxnorm` to that norm."""
    if isinstance(p, complex):
        raise RuntimeError("renorm: p must be real-valued")
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if isinstance(maxnorm, complex):
        raise RuntimeError("renorm: maxnorm must be real-valued")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    if input.ndim < 2:
        raise RuntimeError(
            f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions"
        )
    d = wrap_dim(dim, input.ndim)
    others = tuple(i for i in range(input.ndim) if i != d)
    wide = _SUMMED_IN.get(input.dtype)
    kept_as_is = (vector_norm(input.detach(), p, others, True, dtype=wide) > maxnorm).logical_not()
    # without the slices that are kept: where the norm's slope is NaN, theirs is still one
    size = vector_norm(input.masked_fill(kept_as_is, 0), p, others, True, dtype=wide)
    factor = (maxnorm / (size + 1e-7)).masked_fill(kept_as_is, 1)
    return input * cast(factor, input.dtype.to_real())
