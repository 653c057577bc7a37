"""Reductions that pick one element and tell where it is: max, min, argmax, median, mode ..."""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.numpy import order
from franken.backends.numpy import reduce as kernels
from franken.backends.numpy.halves import halved
from franken.backends.registry import rebound_when_used
from franken.core import dtypes as dt
from franken.core.batching import shift_axes, to_front
from franken.core.calls.out import SAME, Into
from franken.core.geometry.shapes import wrap_dim
from franken.core.linear import SMALL, reduce_sum
from franken.core.node import titled
from franken.core.op import op
from franken.core.primitive import Primitive
from franken.core.tensor import Tensor
from franken.ops.declaring.return_types import make
from franken.ops.declaring.samples import S, reduction_one
from franken.ops.reduction.extrema import amax_, amin_, nonempty, tie_weights
from franken.ops.reduction.picked import by_index


def _picking(name: str, kernel: Any, title: str) -> Primitive:
    return by_index(
        Primitive(
            name,
            ("x",),
            halved(kernel),
            outputs=2,
            nondiff=(1,),
            meta="reduced_and_places",
            batch=shift_axes("dim"),
            title=title,
        )
    )


def needs_size(name: str, x: Tensor, dim: int) -> int:
    """The wrapped dimension, which must not be empty."""
    d = wrap_dim(dim, x.ndim)
    if x.shape[d] == 0:
        raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")
    return d


def along(prim: Primitive, named: Any, x: Tensor, dim: int, keepdim: bool, **params: Any) -> Any:
    """Apply a (values, indices) primitive along a dimension; 0-d counts as a vector."""
    if x.ndim == 0:
        wrap_dim(dim, 0)
        values, indices = prim(x.reshape(1), dim=0, keepdim=True, **params)
        return titled(named((values.reshape(()), indices.reshape(()))), prim.title)
    return named(prim(x, dim=needs_size(prim.name.removesuffix("_dim"), x, dim), keepdim=keepdim,
                      **params))  # fmt: skip


# --- max, min ------------------------------------------------------------------------------------


def _dim_kernel(kernel: Any) -> Any:
    return lambda x, *, dim, keepdim, **more: kernel(x, dim, keepdim, **more)


def _small_dim(ufunc: Any, arg: Any, kernel: Any) -> Any:
    def run(x: Any, *, dim: int, keepdim: bool) -> Any:
        if x.size > SMALL:
            return kernel(x, dim, keepdim)
        return ufunc.reduce(x, axis=dim, keepdims=keepdim), arg(x, axis=dim, keepdims=keepdim)

    return run


max_dim = _picking("max_dim", _small_dim(np.maximum, np.argmax, kernels.max_dim), "MaxBackward0")
min_dim = _picking("min_dim", _small_dim(np.minimum, np.argmin, kernels.min_dim), "MinBackward0")
_MAX, _MIN = make("max", "values", "indices"), make("min", "values", "indices")


def _overloads(name: str, x: Tensor, dim: Any, keepdim: bool, other: Any) -> Any:
    if other is None and isinstance(dim, Tensor):
        dim, other = None, dim
    if other is not None:
        return getattr(x, name + "imum")(other)
    if dim is None:
        if x.dtype.is_complex:
            raise NotImplementedError(f"\"{name}_all\" not implemented for '{x.dtype.scalar_name}'")
        nonempty(name, x, None, ())
        prim = amax_ if name == "max" else amin_
        out = prim(x, axes=tuple(range(x.ndim)), keepdim=False, nan=True)
        return titled(out, f"{name.capitalize()}Backward1")
    if x.dtype.is_complex:
        raise RuntimeError(f"{name}(): does not support complex input")
    if not isinstance(dim, int):
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got ({type(dim).__name__}), "
            "but expected (), (Tensor other) or (int dim, bool keepdim)"
        )
    prim, named = (max_dim, _MAX) if name == "max" else (min_dim, _MIN)
    return along(prim, named, x, dim, keepdim)


_EXTREME = Into(
    single=Into(
        "Expected canCast( typeMetaToScalarType(self.dtype()), "
        "typeMetaToScalarType(out.dtype())) to be true, but got false.",
        cast=True,
    )
)


@op(
    out=_EXTREME,
    samples=lambda t: [
        S(t.distinct(3, 4)),
        S(t.distinct(2, 3, 4), -2),
        S(t.distinct(3, 4), dim=0, keepdim=True),
        S(t(3, 4), t(4)),
        S(t(), 0),
        S(t(2, 0), 0),
    ],
)
def max(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """Maximum: of all; (values, indices) along `dim`; or elementwise with another tensor."""
    return _overloads("max", input, dim, keepdim, other)


@op(
    out=_EXTREME,
    samples=lambda t: [
        S(t.distinct(3, 4)),
        S(t.distinct(2, 3, 4), -2),
        S(t.distinct(3, 4), dim=0, keepdim=True),
        S(t(3, 4), t(4)),
        S(t(), 0),
        S(t(2, 0), 0),
    ],
)
def min(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """Minimum: of all; (values, indices) along `dim`; or elementwise with another tensor."""
    return _overloads("min", input, dim, keepdim, other)


# --- argmax, argmin ------------------------------------------------------------------------------


def _arg(name: str, small: Any, kernel: Any) -> Any:
    def run(x: Any, *, dim: int | None, keepdim: bool) -> Any:
        if x.size <= SMALL:
            return small(x, axis=dim, keepdims=keepdim)
        return kernel(x, dim, keepdim)

    prim = Primitive(name, ("x",), halved(run), meta="reduced_places").not_differentiable()

    @prim.batching
    def _(prim: Any, values: Any, dims: Any, params: Any) -> Any:
        x = to_front(values[0], dims[0])
        dim, keepdim = params["dim"], params["keepdim"]
        if dim is not None:
            return prim(x, dim=dim + 1, keepdim=keepdim), 0
        out = prim(x.reshape(x.shape[0], -1), dim=1, keepdim=False)
        return (out.reshape(x.shape[0], *(1,) * (x.ndim - 1)) if keepdim else out), 0

    def public(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
        x = input
        if x.dtype.is_complex or x.dtype is dt.bool:
            what = "bool" if x.dtype is dt.bool else "complex"
            raise RuntimeError(f"{name}(): does not support {what} input")
        if dim is None:
            if 0 in x.shape:
                raise IndexError(
                    f"{name}(): Expected reduction dim to be specified for input.numel() == 0."
                )
            return prim(x, dim=None, keepdim=keepdim)
        if x.ndim == 0:
            wrap_dim(dim, 0)
            return prim(x, dim=None, keepdim=False)
        return prim(x, dim=needs_size(name, x, dim), keepdim=keepdim)

    public.__name__ = public.__qualname__ = name
    public.__doc__ = f"Index of the first {name[3:]}imum along a dimension, or in the flat tensor."
    return op(out=SAME, samples=reduction_one)(public)


argmax = _arg("argmax", np.argmax, kernels.argmax)
argmin = _arg("argmin", np.argmin, kernels.argmin)

# --- median, mode, kthvalue ----------------------------------------------------------------------


median_dim = _picking("median_dim", _dim_kernel(order.median), "MedianBackward1")
nanmedian_dim = _picking("nanmedian_dim", _dim_kernel(order.nanmedian), "NanmedianBackward1")
mode_dim = _picking("mode_dim", _dim_kernel(order.mode), "ModeBackward0")
kthvalue_dim = _picking(
    "kthvalue_dim",
    lambda x, *, dim, keepdim, k, **more: order.kthvalue(x, k, dim, keepdim, **more),
    "KthvalueBackward0",
)
for _prim in (mode_dim, kthvalue_dim):  # on the GPU equal values keep their order
    _prim.kernel("cuda", rebound_when_used(_prim.cpu, keep=True))


def _median_all(name: str, ignore_nan: bool, title: str) -> Primitive:
    def kernel(x: Any) -> Any:
        return order.median_all(x, ignore_nan)

    prim = Primitive(name, ("x",), halved(kernel), title=title, meta="scalar")

    def weights(x: Any, out: Any) -> Any:
        axes = tuple(range(x.ndim))
        return tie_weights(x, out.reshape((1,) * x.ndim), axes=axes, nan=True)

    @prim.vjp("x")
    def _(g: Any, x: Any, out: Any) -> Any:
        return g * weights(x, out)

    @prim.jvp
    def _(tangents: Any, out: Any, x: Any) -> Any:
        return reduce_sum(tangents[0] * weights(x, out), axes=tuple(range(x.ndim)), keepdim=False)

    @prim.batching
    def _(prim: Any, values: Any, dims: Any, params: Any) -> Any:
        x = to_front(values[0], dims[0])
        rows = x.reshape(x.shape[0], -1)
        by_row = nanmedian_dim if ignore_nan else median_dim
        return by_row(rows, dim=1, keepdim=False)[0], 0

    return prim


median_all = _median_all("median_all", False, "MedianBackward0")
nanmedian_all = _median_all("nanmedian_all", True, "NanmedianBackward0")


def _unordered(x: Tensor, label: str) -> None:
    if x.dtype.is_complex or x.dtype is dt.bool:
        raise NotImplementedError(f"\"{label}\" not implemented for '{x.dtype.scalar_name}'")


_MEDIAN = Into(
    "Expected tensor for 'values' to have the same type as tensor for argument #2 'self'; but type "
    "torch.{got}Tensor does not equal torch.{want}Tensor (while checking arguments for median)",
    "Expected tensor for argument #1 'indices' to have scalar type {want}; but got "
    "torch.{got}Tensor instead (while checking arguments for median)",
    single=SAME,
)


def _median(name: str, whole: Primitive, by_dim: Primitive) -> Any:
    named = make(name, "values", "indices")

    def public(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
        _unordered(input, "median_cpu")
        if dim is None:
            return whole(input)
        if input.ndim and input.shape[wrap_dim(dim, input.ndim)] == 0:
            needs_size("median", input, dim)
        return along(by_dim, named, input, dim, keepdim)

    public.__name__ = public.__qualname__ = name
    public.__doc__ = "The lower median of all, or (values, indices) along a dimension."
    return op(out=_MEDIAN, samples=reduction_one)(public)


median = _median("median", median_all, median_dim)
nanmedian = _median("nanmedian", nanmedian_all, nanmedian_dim)
_MODE, _KTH = make("mode", "values", "indices"), make("kthvalue", "values", "indices")


@op(
    out=Into(
        "expected scalar type '{want}' but got '{got}' for values output",
        "expected scalar type '{want}' but got '{got}' for indices output",
    ),
    samples=lambda t: [
        S(t.distinct(3, 4)),
        S(t.of([[1, 2, 2], [3, 3, 3]]), 1),
        S(t.distinct(3, 4), 0, keepdim=True),
        S(t()),
    ],
)
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Any:
    """The smallest most frequent value along a dimension, and its last index."""
    if input.dtype.is_complex:
        raise NotImplementedError(f"\"mode_cpu\" not implemented for '{input.dtype.scalar_name}'")
    return along(mode_dim, _MODE, input, dim, keepdim)


@op(
    out=Into(
        "output values must be of same type as input",
        "output indices must be of scalar type {want}",
        memory="apart",
    ),
    samples=lambda t: [
        S(t.distinct(3, 4), 2),
        S(t.distinct(2, 3, 4), 1, -2, keepdim=True),
        S(t(), 1),
    ],
)
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The k-th smallest value along a dimension (k from 1), and its index."""
    d = wrap_dim(dim, input.ndim)
    n = input.shape[d] if input.ndim else 1
    if n == 0:
        needs_size("kthvalue", input, dim)
    if not 1 <= k <= n:
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {d}")
    _unordered(input, "kthvalue_cpu")
    return along(kthvalue_dim, _KTH, input, dim, keepdim, k=k)
