"""Products, extrema and logical reductions over axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.numpy import reduce as kernels
from franken.backends.numpy.halves import halved
from franken.core import dtypes as dt
from franken.core.batching import all_batched, pointwise, shift_axes
from franken.core.calls.out import INFER, SAME, Into
from franken.core.convert import cast
from franken.core.geometry.shapes import wrap_dim
from franken.core.linear import SMALL, kept, reduce_sum, small_first
from franken.core.node import titled
from franken.core.op import op
from franken.core.primitive import Primitive
from franken.core.tensor import Tensor
from franken.ops.declaring.return_types import make
from franken.ops.declaring.samples import S, reduction_along
from franken.ops.reduction.recurrence import linear_scan, shift
from franken.ops.reduction.sums import canonical_axes, float_if_int, long_if_int

_AMINMAX = make("aminmax", "min", "max")

_MATCHING = Into(
    "Expected the dtype for input and out to match, but got {want} for input's dtype and {got} for "
    "out's dtype."
)

# --- prod ----------------------------------------------------------------------------------------


def _prod_others_kernel(x: Any, *, axes: tuple[int, ...]) -> Any:
    """For each element the product of the others, zeros among them or not."""
    if (x != 0).all():
        with np.errstate(all="ignore"):
            return np.asarray(kernels.prod(x, axes, True) / x)
    rest = tuple([i for i in range(x.ndim) if i not in axes])
    order = rest + tuple(axes)
    rows = x.transpose(order).reshape(*[x.shape[i] for i in rest], -1)
    left, right = np.ones_like(rows), np.ones_like(rows)
    left[..., 1:] = np.cumprod(rows[..., :-1], axis=-1)
    right[..., -2::-1] = np.cumprod(rows[..., :0:-1], axis=-1)
    out = (left * right).reshape([x.shape[i] for i in order])
    return out.transpose(tuple(sorted(range(x.ndim), key=order.__getitem__)))


reduce_prod = Primitive(
    "prod",
    ("x",),
    halved(small_first(np.multiply, kernels.prod)),
    batch=shift_axes("axes"),
    meta="reduced",
)
prod_others = Primitive(
    "prod_others", ("x",), halved(_prod_others_kernel), batch=shift_axes("axes"), meta="same"
)


@reduce_prod.vjp("x")
def _(g: Any, x: Any, axes: Any, keepdim: bool) -> Any:
    return kept(g, tuple(x.shape), axes, keepdim) * prod_others(x, axes=axes)


@reduce_prod.jvp
def _(tangents: Any, out: Any, x: Any, *, axes: Any, keepdim: bool) -> Any:
    return reduce_sum(tangents[0] * prod_others(x, axes=axes), axes=axes, keepdim=keepdim)


def _others_changed(t: Any, x: Any, axes: Any) -> Any:
    """Directional derivative of prod_others; its Jacobian, prod's Hessian, is symmetric.

    With l the products from the left and r from the right it is dl r + l dr, where
    dl[k] = x[k-1] dl[k-1] + l[k-1] t[k-1]: no division, so zeros need no care.
    """
    shape = tuple(x.shape)
    rest = tuple(i for i in range(len(shape)) if i not in axes)
    order = rest + tuple(axes)
    inner = [shape[i] for i in rest]
    x, t = (v.permute(order).reshape([*inner, _size(shape, axes)]) for v in (x, t))
    dim = len(inner)
    left, dleft = _products(x, t, dim, False)
    right, dright = _products(x, t, dim, True)
    out = dleft * right + left * dright
    out = out.reshape([shape[i] for i in order])
    return out.permute(tuple(sorted(range(len(order)), key=order.__getitem__)))


def _size(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    n = 1
    for i in axes:
        n *= shape[i]
    return n


def _products(x: Any, t: Any, dim: int, reverse: bool) -> tuple[Any, Any]:
    """Products of the elements before each one, and their directional derivative."""
    xs = shift(x, dim, reverse, 1)
    ts = shift(t, dim, reverse, 0)
    products = linear_scan(xs, _first(x, dim, reverse), dim=dim, reverse=reverse)
    return products, linear_scan(
        xs, ts * shift(products, dim, reverse, 0), dim=dim, reverse=reverse
    )


def _first(x: Any, dim: int, reverse: bool) -> Any:
    """1 at the first entry (the last if reversed), else 0."""
    return shift(x.new_zeros(tuple(x.shape)), dim, reverse, 1)


@prod_others.vjp("x")
def _(g: Any, x: Any, axes: Any) -> Any:
    return _others_changed(g, x, axes)


@prod_others.jvp
def _(tangents: Any, out: Any, x: Any, *, axes: Any) -> Any:
    return _others_changed(tangents[0], x, axes)


@op(
    out=INFER,
    samples=lambda t: [
        S(t(2, 3, low=0.5)),
        S(t(2, 3, 4), -2),
        S(t(3, 4), dim=0, keepdim=True),
        S(t(), 0),
        S(t(2, 0), 0),
    ],
)
def prod(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Product over one dimension, or over all; integers and bools multiply to int64."""
    x = long_if_int(input, dtype)
    if dim is not None and not isinstance(dim, int):
        raise TypeError(
            "prod() received an invalid combination of arguments - got "
            f"({type(dim).__name__}), but dim must be one int"
        )
    out = reduce_prod(x, axes=canonical_axes(dim, x.ndim), keepdim=keepdim)
    out = out if dim is None else titled(out, "ProdBackward1")
    return out if dtype is None else cast(out, dtype)  # what bools come to is counted in int64


# --- extrema -------------------------------------------------------------------------------------


def _tie_weights_kernel(x: Any, top: Any, *, axes: tuple[int, ...], nan: bool) -> Any:
    """1 / (number of ties) where x equals `top`, else 0; NaN ties with NaN only if `nan`."""
    tie = x == top
    if nan and x.dtype.kind == "f":
        tie |= np.isnan(x) & np.isnan(top)
    with np.errstate(invalid="ignore", divide="ignore"):
        return tie / np.count_nonzero(tie, axis=axes, keepdims=True).astype(x.dtype)


tie_weights = Primitive(
    "tie_weights",
    ("x", "top"),
    halved(_tie_weights_kernel),
    batch=all_batched("axes"),
    meta="same",
).not_differentiable()


def _extremum(name: str, ufunc: Any, kernel: Any) -> Primitive:
    reduction = small_first(ufunc, kernel)

    def run(x: Any, *, axes: tuple[int, ...], keepdim: bool, nan: bool) -> Any:
        return reduction(x, axes=axes, keepdim=keepdim)

    prim = Primitive(name, ("x",), halved(run), batch=shift_axes("axes"), meta="reduced")

    def weights(x: Any, out: Any, axes: Any, keepdim: bool, nan: bool) -> Any:
        return tie_weights(x, kept(out, tuple(x.shape), axes, keepdim), axes=axes, nan=nan)

    @prim.vjp("x")
    def _(g: Any, x: Any, out: Any, axes: Any, keepdim: bool, nan: bool) -> Any:
        return kept(g, tuple(x.shape), axes, keepdim) * weights(x, out, axes, keepdim, nan)

    @prim.jvp
    def _(tangents: Any, out: Any, x: Any, *, axes: Any, keepdim: bool, nan: bool) -> Any:
        term = tangents[0] * weights(x, out, axes, keepdim, nan)
        return reduce_sum(term, axes=axes, keepdim=keepdim)

    return prim


amax_ = _extremum("amax", np.maximum, kernels.amax)
amin_ = _extremum("amin", np.minimum, kernels.amin)


def real_only(x: Tensor, kernel: str) -> None:
    """Refuse complex numbers as torch's kernel of that name does."""
    if x.dtype.is_complex:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{x.dtype.scalar_name}'")


def nonempty(name: str, x: Tensor, dim: Any, axes: tuple[int, ...]) -> None:
    """Refuse an empty reduction without an identity."""
    shape = tuple(x.shape)
    if 0 not in shape:
        return
    if dim is None or dim == () or dim == []:
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
            "reduction dim with the 'dim' argument."
        )
    nonempty_dims(name, shape, axes)


def nonempty_dims(name: str, shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    """Refuse to reduce a dimension of size 0."""
    for a in axes:
        if a < len(shape) and shape[a] == 0:
            colon = "" if name == "aminmax" else "()"
            raise IndexError(f"{name}{colon}: Expected reduction dim {a} to have non-zero size.")


@op(
    out=_MATCHING,
    samples=lambda t: [
        S(t.distinct(3, 4)),
        S(t.distinct(2, 3, 4), -2),
        S(t.distinct(2, 3, 4), (0, -1), keepdim=True),
        S(t()),
        S(t(2, 0), 0),
    ],
)
def amax(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """Maximum over dimensions; ties share the gradient."""
    return _extreme("amax", amax_, "max_values_cpu", input, dim, keepdim)


@op(
    out=_MATCHING,
    samples=lambda t: [
        S(t.distinct(3, 4)),
        S(t.distinct(2, 3, 4), -2),
        S(t.distinct(2, 3, 4), (0, -1), keepdim=True),
        S(t()),
        S(t(2, 0), 0),
    ],
)
def amin(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """Minimum over dimensions; ties share the gradient."""
    return _extreme("amin", amin_, "min_values_cpu", input, dim, keepdim)


def _extreme(name: str, prim: Primitive, label: str, x: Tensor, dim: Any, keepdim: bool) -> Tensor:
    real_only(x, label)
    axes = canonical_axes(dim, x.ndim)
    nonempty(name, x, dim, axes)
    return prim(x, axes=axes, keepdim=keepdim, nan=False)


@op(
    out=SAME,
    samples=lambda t: [
        S(t.distinct(3, 4)),
        S(t.distinct(2, 3, 4), dim=-2, keepdim=True),
        S(t(), dim=0),
        S(t(2, 0), dim=0),
    ],
    title="AminmaxBackward0",
)
def aminmax(input: Tensor, *, dim: Any = None, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """Minimum and maximum over one dimension, or over all."""
    x = input
    real_only(x, "aminmax_cpu")
    if dim is None:
        axes = tuple(range(x.ndim))
        if 0 in x.shape:
            raise RuntimeError(
                "aminmax(): cannot compute aminmax over an empty dimension as the operation has no "
                "identity."
            )
    else:
        axes = canonical_axes(wrap_dim(dim, x.ndim), x.ndim)
        nonempty_dims("aminmax", tuple(x.shape), axes)
    params = {"axes": axes, "keepdim": keepdim, "nan": False}
    return _AMINMAX((amin_(x, **params), amax_(x, **params)))


# --- logical -------------------------------------------------------------------------------------


def _logical(name: str, ufunc: Any, kernel: Any, batch: Any = shift_axes("axes")) -> Primitive:  # noqa: B008
    reduction = small_first(ufunc, kernel)

    def run(x: Any, *, axes: tuple[int, ...], keepdim: bool) -> Any:
        # NumPy's truth of a complex half forgets its imaginary part.
        truth = x != 0 if x.dtype == dt.complex32.np else x
        out = reduction(truth, axes=axes, keepdim=keepdim)
        return out.astype(np.uint8) if x.dtype == np.uint8 else out

    return Primitive(name, ("x",), run, batch=batch, meta="reduced").not_differentiable()


all_ = _logical("all", np.logical_and, kernels.all)
any_ = _logical("any", np.logical_or, kernels.any)


@op(
    out=Into("{name} only supports bool tensor for result, got: {got}", also=("uint8",)),
    samples=lambda t: [
        S(t.const(2, 3, 4)),
        S(t.mask(3, 4), 1),
        S(t.mask(2, 3, 4), (0, -1)),
        S(t.const(), 0),
        S(t.const(2, 0), 0),
    ],
)
def all(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether every element over the dimensions is nonzero; bool, or uint8 of uint8."""
    return all_(input, axes=canonical_axes(dim, input.ndim), keepdim=keepdim)


@op(
    out=Into("{name} only supports bool tensor for result, got: {got}", also=("uint8",)),
    samples=lambda t: [
        S(t.const(2, 3, 4)),
        S(t.mask(3, 4), 1),
        S(t.mask(2, 3, 4), (0, -1)),
        S(t.const(), 0),
        S(t.const(2, 0), 0),
    ],
)
def any(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether some element over the dimensions is nonzero; bool, or uint8 of uint8."""
    return any_(input, axes=canonical_axes(dim, input.ndim), keepdim=keepdim)


def _over_batches(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    """One answer for the whole batch, so that programs may branch on it under vmap."""
    (x,) = values
    return prim(x, axes=tuple(range(x.ndim)), keepdim=False), None


all_true_ = _logical("is_all_true", np.logical_and, kernels.all, _over_batches)
any_true_ = _logical("is_any_true", np.logical_or, kernels.any, _over_batches)


def _of_bools(prim: Primitive, x: Tensor) -> Tensor:
    if x.dtype is not dt.bool:
        raise RuntimeError("self.scalar_type() == at::kBool INTERNAL ASSERT FAILED")
    return prim(x, axes=tuple(range(x.ndim)), keepdim=False)  # type: ignore[no-any-return]


def _alike(t: Any) -> Any:
    return [S(t.of([[truth] * 3] * 2, dt.bool)) for truth in (True, False)]


@op(samples=_alike)
def _is_all_true(input: Tensor) -> Tensor:
    """Whether every element of a boolean tensor is true, in the whole batch under vmap."""
    return _of_bools(all_true_, input)


@op(samples=_alike)
def _is_any_true(input: Tensor) -> Tensor:
    """Whether some element of a boolean tensor is true, in the whole batch under vmap."""
    return _of_bools(any_true_, input)


count_nonzero_ = Primitive(
    "count_nonzero", ("x",), lambda x, *, axes: kernels.count_nonzero(x, axes),
    batch=shift_axes("axes"), meta="reduced",
).not_differentiable()  # fmt: skip


@op(
    samples=lambda t: [
        S(t.const(2, 3, 4)),
        S(t.mask(3, 4), 1),
        S(t.mask(2, 3, 4), (0, -1)),
        S(t.const(), 0),
        S(t.const(2, 0), 0),
    ]
)
def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """The int64 number of nonzero elements over the dimensions."""
    return count_nonzero_(input, axes=canonical_axes(dim, input.ndim))


# --- logsumexp -----------------------------------------------------------------------------------


def _logsumexp_kernel(x: Any, *, axes: tuple[int, ...], keepdim: Any) -> Any:
    if x.size > SMALL or not x.size:
        return kernels.logsumexp(x, axes, keepdim)
    top = np.asarray(np.maximum.reduce(x.real, axis=axes, keepdims=True))
    top[~np.isfinite(top)] = 0
    total = np.log(np.add.reduce(np.exp(x - top), axis=axes, keepdims=keepdim))
    return total + top.reshape(np.shape(total))


logsumexp_ = Primitive(
    "logsumexp", ("x",), halved(_logsumexp_kernel), batch=shift_axes("axes"), meta="reduced"
)


def _portion_kernel(x: Any, total: Any) -> Any:
    with np.errstate(invalid="ignore", over="ignore"):
        return np.exp(x - total)


_portion = Primitive(
    "logsumexp_portion", ("x", "total"), halved(_portion_kernel), batch=pointwise, layout="iterator"
)
_portion.vjp("x")(lambda g, out: g * out)
_portion.vjp("total")(lambda g, out: -(g * out))


@logsumexp_.vjp("x")
def _(g: Any, x: Any, out: Any, axes: Any, keepdim: bool) -> Any:
    shape = tuple(x.shape)
    portion = _portion(x, kept(out, shape, axes, keepdim))
    return kept(g, shape, axes, keepdim) * portion


@logsumexp_.jvp
def _(tangents: Any, out: Any, x: Any, *, axes: Any, keepdim: bool) -> Any:
    portion = _portion(x, kept(out, tuple(x.shape), axes, keepdim))
    return reduce_sum(tangents[0] * portion, axes=axes, keepdim=keepdim)


@op(
    at="torch special",
    out=Into(
        "logsumexp(): Expected floating point type for result tensor, but got: {got}", cast=True
    ),
    samples=reduction_along,
)
def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """log(sum(exp(x))) over dimensions, without overflow."""
    x = float_if_int(input)
    return logsumexp_(x, axes=canonical_axes(dim, x.ndim), keepdim=keepdim)


# --- hash ----------------------------------------------------------------------------------------


def _hash_kernel(x: Any, *, axes: tuple[int, ...], keepdim: Any) -> Any:
    kind = x.dtype.kind
    wide = x.astype(np.uint64 if kind in "ub" else np.int64 if kind == "i" else np.float64)
    return np.bitwise_xor.reduce(wide.view(np.uint64), axis=axes, keepdims=keepdim)


hash_tensor_ = Primitive(
    "hash_tensor", ("x",), _hash_kernel, batch=shift_axes("axes"), meta="reduced"
).not_differentiable()


@op(
    out=Into("Expected result to be of dtype uint64, but got {got}"),
    samples=lambda t: [S(t.const(3, 4)), S(t.const(2, 3), 1, keepdim=True)],
)
def hash_tensor(input: Tensor, dim: Any = (), *, keepdim: bool = False, mode: int = 0) -> Tensor:
    """The exclusive or, in uint64, of the 64-bit patterns of the elements over dimensions."""
    if mode != 0:
        raise RuntimeError("Unknown hash_tensor mode")
    if input.dtype.is_complex:
        raise NotImplementedError(
            f"\"hash_tensor\" not implemented for '{input.dtype.scalar_name}'"
        )
    return hash_tensor_(input, axes=canonical_axes(dim, input.ndim), keepdim=keepdim)
