"""Variance and standard deviation, alone or with the mean."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from franken.backends.numpy import reduce as kernels
from franken.backends.numpy.halves import halved
from franken.core import dtypes as dt
from franken.core.batching import shift_axes
from franken.core.linear import SMALL, kept, reduce_sum, unreduce
from franken.core.op import op
from franken.core.primitive import Primitive
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import S
from franken.ops.reduction.sums import canonical_axes, count_of, reduce_mean


def _var_mean_kernel(x: Any, *, axes: tuple[int, ...], correction: float, keepdim: Any) -> Any:
    if x.size > SMALL:
        return kernels.var_mean(x, axes, correction, keepdim)
    n = count_of(x.shape, axes)
    wide = np.complex128 if x.dtype.kind == "c" else np.float64
    centre = np.add.reduce(x, axis=axes, keepdims=True, dtype=wide) / np.float64(n)
    d = x - centre
    squares = d.real**2 + d.imag**2 if x.dtype.kind == "c" else d * d
    freedom = np.float64(max(n - correction, 0)) if n else np.nan
    var = np.asarray(np.add.reduce(squares, axis=axes, keepdims=keepdim) / freedom)
    mean = centre if keepdim else centre.reshape(var.shape)
    return var.astype(x.real.dtype), mean.astype(x.dtype)


def _var_kernel(x: Any, *, axes: tuple[int, ...], correction: float, keepdim: bool) -> Any:
    return _var_mean_kernel(x, axes=axes, correction=correction, keepdim=keepdim)[0]


def _std_kernel(x: Any, *, axes: tuple[int, ...], correction: float, keepdim: bool) -> Any:
    return np.sqrt(_var_kernel(x, axes=axes, correction=correction, keepdim=keepdim))


reduce_var = Primitive("var", ("x",), halved(_var_kernel), batch=shift_axes("axes"), meta="reduced")
reduce_std = Primitive("std", ("x",), halved(_std_kernel), batch=shift_axes("axes"), meta="reduced")
reduce_var_mean = Primitive(
    "var_mean",
    ("x",),
    halved(_var_mean_kernel),
    outputs=2,
    batch=shift_axes("axes"),
    meta="reduced",
)
for _prim in (reduce_var, reduce_std, reduce_var_mean):
    _prim.holomorphic = False  # real functions of complex numbers


def _slope(x: Any, axes: Any, correction: float) -> Any:
    """d var / d x as a factor of the cotangent: 2 (x - mean) / (n - correction)."""
    mean = reduce_mean(x, axes=axes, keepdim=True)
    freedom = count_of(tuple(x.shape), axes) - correction
    if freedom > 0:
        return (x - mean) * (2.0 / freedom)
    # torch's convention, without a slope of its own: NaN where the element is the mean
    return x.new_ones(tuple(x.shape)).masked_fill(x == mean, math.nan) * math.inf


def _pair(a: Any, t: Any) -> Any:
    """Re(conj(a) t), the change that a tangent makes."""
    return (a.conj_physical() * t).real if a.dtype.is_complex else a * t


@reduce_var.vjp("x")
def _(g: Any, x: Any, axes: Any, correction: float, keepdim: bool) -> Any:
    return kept(g, tuple(x.shape), axes, keepdim) * _slope(x, axes, correction)


@reduce_var.jvp
def _(tangents: Any, out: Any, x: Any, *, axes: Any, correction: float, keepdim: bool) -> Any:
    return reduce_sum(_pair(_slope(x, axes, correction), tangents[0]), axes=axes, keepdim=keepdim)


def _over_std(g: Any, out: Any) -> Any:
    """g / (2 out), and 0 where there is no spread."""
    return (g / (out * 2)).masked_fill(out == 0, 0)


@reduce_std.vjp("x")
def _(g: Any, x: Any, out: Any, axes: Any, correction: float, keepdim: bool) -> Any:
    g = _over_std(g, out)
    return kept(g, tuple(x.shape), axes, keepdim) * _slope(x, axes, correction)


@reduce_std.jvp
def _(tangents: Any, out: Any, x: Any, *, axes: Any, correction: float, keepdim: bool) -> Any:
    term = _pair(_slope(x, axes, correction), tangents[0])
    return _over_std(reduce_sum(term, axes=axes, keepdim=keepdim), out)


@reduce_var_mean.vjp("x")
def _(g0: Any, x: Any, axes: Any, correction: float, keepdim: bool) -> Any:
    return kept(g0, tuple(x.shape), axes, keepdim) * _slope(x, axes, correction)


@reduce_var_mean.vjp("x")
def _(g1: Any, x_shape: Any, axes: Any, keepdim: bool) -> Any:
    return unreduce(g1 / (count_of(x_shape, axes) or 1), x_shape, axes, keepdim)


@reduce_var_mean.jvp
def _(tangents: Any, out: Any, x: Any, *, axes: Any, correction: float, keepdim: bool) -> Any:
    term = _pair(_slope(x, axes, correction), tangents[0])
    return (
        reduce_sum(term, axes=axes, keepdim=keepdim),
        reduce_mean(tangents[0], axes=axes, keepdim=keepdim),
    )


def _arguments(
    name: str, x: Tensor, dim: Any, unbiased: Any, correction: Any, keepdim: bool
) -> dict[str, Any]:
    """The parameters meant by the overloads (unbiased), (dim, unbiased), (dim, *, correction)."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None and correction is not None:
        raise TypeError(f"{name}() received both 'unbiased' and 'correction'; give one of them")
    if x.dtype.kind <= dt.INTEGER:
        what = name if name.endswith("mean") else "std and var"
        raise RuntimeError(f"{what} only support floating point and complex dtypes")
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    axes = canonical_axes(dim, x.ndim)
    if count_of(tuple(x.shape), axes) - correction <= 0 and 0 not in _rest(tuple(x.shape), axes):
        warnings.warn(
            f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the "
            "reduction factor (input numel divided by output numel).",
            stacklevel=5,
        )
    return {"axes": axes, "correction": float(correction), "keepdim": keepdim}


def _rest(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for i, n in enumerate(shape) if i not in axes)


@op(
    out=True,
    samples=lambda t: [
        S(t(3, 4)),
        S(t(2, 3, 4), -2),
        S(t(2, 3, 4), (0, -1), correction=0, keepdim=True),
        S(t(3, 4), dim=0, unbiased=False),
        S(t(2, 0), 0),
    ],
)
def var(
    input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *,
    correction: Any = None,
) -> Tensor:  # fmt: skip
    """Variance over dimensions, real; the divisor is max(0, n - correction), 1 by default."""
    return reduce_var(input, **_arguments("var", input, dim, unbiased, correction, keepdim))


@op(
    out=True,
    samples=lambda t: [
        S(t(3, 4)),
        S(t(2, 3, 4), -2),
        S(t(2, 3, 4), (0, -1), correction=0, keepdim=True),
        S(t(3, 4), dim=0, unbiased=False),
        S(t(2, 0), 0),
    ],
)
def std(
    input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *,
    correction: Any = None,
) -> Tensor:  # fmt: skip
    """Standard deviation over dimensions, real."""
    return reduce_std(input, **_arguments("std", input, dim, unbiased, correction, keepdim))


@op(
    method=False,
    samples=lambda t: [
        S(t(3, 4)),
        S(t(2, 3, 4), -2),
        S(t(2, 3, 4), (0, -1), correction=0, keepdim=True),
        S(t(3, 4), dim=0, unbiased=False),
        S(t(2, 0), 0),
    ],
)
def var_mean(
    input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *,
    correction: Any = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """(variance, mean) over dimensions."""
    params = _arguments("var_mean", input, dim, unbiased, correction, keepdim)
    return reduce_var_mean(input, **params)


@op(
    method=False,
    samples=lambda t: [
        S(t(3, 4)),
        S(t(2, 3, 4), -2),
        S(t(2, 3, 4), (0, -1), correction=0, keepdim=True),
        S(t(3, 4), dim=0, unbiased=False),
        S(t(2, 0), 0),
    ],
    title="StdMeanBackward0",
)
def std_mean(
    input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *,
    correction: Any = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """(standard deviation, mean) over dimensions."""
    params = _arguments("std_mean", input, dim, unbiased, correction, keepdim)
    return reduce_std(input, **params), reduce_mean(input, axes=params["axes"], keepdim=keepdim)
