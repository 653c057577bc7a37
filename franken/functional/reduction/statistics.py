"""Statistics made of other ops: quantiles, covariance and correlation."""

from __future__ import annotations

import warnings
from typing import Any

from franken.core import dtypes as dt
from franken.core.calls.out import Into
from franken.core.convert import cast
from franken.core.geometry.shapes import wrap_dim
from franken.core.op import op
from franken.core.tensor import Tensor
from franken.core.trace import values
from franken.ops.declaring.samples import S
from franken.ops.reduction.picked import pick

# --- quantiles

_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")
_QUANTILE_LIMIT = 16_000_000  # torch's


def _checked_q(name: str, x: Tensor, q: Any, dim: Any, interpolation: str) -> Tensor:
    """`q` as a tensor, everything checked in torch's order."""
    if interpolation not in _INTERPOLATIONS:
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, "
            f"but got {interpolation}"
        )
    if not isinstance(q, Tensor):
        if not isinstance(q, (int, float)):
            raise TypeError(
                f"{name}() received an invalid combination of arguments - got (Tensor, "
                f"{type(q).__name__}), but q must be a Tensor or a float"
            )
        if not 0 <= q <= 1:
            raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q:g}")
        q = x.new_zeros(()) + float(q)
    if 0 in x.shape:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    if q.ndim > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
    if x.dtype not in (dt.float32, dt.float64):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if q.dtype is not x.dtype:
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    seen = values(q)
    if not q.level and not bool(((seen >= 0) & (seen <= 1)).all()):
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    return q


def _ordered(x: Tensor, dim: Any, name: str) -> Tensor:
    """The values in order along a new last dimension that holds what is reduced."""
    if dim is None:
        x = x.reshape(-1)
    elif x.ndim:
        x = x.movedim(dim, -1)
    else:
        x = x.reshape(1)
    if x.shape[-1] > _QUANTILE_LIMIT:
        raise RuntimeError(f"{name}() input tensor is too large")
    return x.sort(-1)[0]


def _ranks(values: Tensor, q: Tensor, ignore_nan: bool) -> tuple[Tensor, Tensor]:
    """(values, ranks) with one rank for each q: (..., n) and (..., number of q)."""
    n = values.shape[-1]
    q = q.reshape(-1)
    if ignore_nan:
        last = (values == values).sum(-1, True) - 1
        ranks = (q * cast(last, values.dtype)).masked_fill(last < 0, 0)
        return values, ranks
    ranks = (q * (n - 1)).expand(*values.shape[:-1], q.shape[0])
    # a NaN, sorted to the end, takes every quantile of its row
    lost = values.narrow(-1, n - 1, 1)
    return values, cast(lost != lost, values.dtype) * (n - 1 - ranks) + ranks


def _interpolated(values: Tensor, ranks: Tensor, how: str) -> Tensor:
    last = values.ndim - 1
    if how == "lower":
        return pick(values, cast(ranks.floor(), dt.int64), dim=last)
    if how == "higher":
        return pick(values, cast(ranks.ceil(), dt.int64), dim=last)
    if how == "nearest":
        return pick(values, cast(ranks.round(), dt.int64), dim=last)
    below = ranks.floor()
    low = pick(values, cast(below, dt.int64), dim=last)
    high = pick(values, cast(ranks.ceil(), dt.int64), dim=last)
    weight = below * 0 + 0.5 if how == "midpoint" else ranks - below
    return low.lerp(high, weight)


_QUANTILE_OUT = Into("{name}() out tensor must be same dtype as the input tensor", row_major=True)


def _quantile(name: str, x: Tensor, q: Any, dim: Any, keepdim: bool, interpolation: str) -> Tensor:
    q = _checked_q(name, x, q, dim, interpolation)
    d = None if dim is None else wrap_dim(dim, x.ndim)
    values, ranks = _ranks(_ordered(x, d, name), q, name == "nanquantile")
    out = _interpolated(values, ranks, interpolation)
    if keepdim and x.ndim:
        out = out.reshape([1] * x.ndim + [-1]) if d is None else out.unsqueeze(d)
    out = out.movedim(-1, 0)
    return out if q.ndim else out.reshape(out.shape[1:])


@op(
    out=_QUANTILE_OUT,
    samples=lambda t: [
        S(t.distinct(3, 4), 0.3),
        S(t.distinct(3, 4), t.of([0.1, 0.6], t.dtype), 1, keepdim=True),
        S(t.distinct(5), 0.4, interpolation="lower"),
    ],
    title="SqueezeBackward4",
)
def quantile(
    input: Tensor, q: Any, dim: Any = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """The q-quantiles of all elements or along a dimension; several q give a first dimension."""
    return _quantile("quantile", input, q, dim, keepdim, interpolation)


@op(
    out=_QUANTILE_OUT,
    samples=lambda t: [
        S(t.distinct(3, 4), 0.3),
        S(t.distinct(3, 4), t.of([0.1, 0.6], t.dtype), 1, keepdim=True),
        S(t.distinct(5), 0.4, interpolation="lower"),
    ],
    title="SqueezeBackward4",
)
def nanquantile(
    input: Tensor, q: Any, dim: Any = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """The q-quantiles of what is not NaN."""
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation)


# --- covariance


def _check_weights(name: str, w: Any, kind: str, right: bool, observations: int) -> None:
    if w.ndim > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with {w.ndim} "
            "dimensions"
        )
    if not right:
        raise RuntimeError(
            f"cov(): expected {name} to have {kind} dtype but got {name} with "
            f"{w.dtype.scalar_name} dtype"
        )
    if w.numel() != observations:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input "
            f"but got {w.numel()} != {observations}"
        )
    if not w.level and bool((values(w) < 0).any()):
        raise RuntimeError(f"cov(): {name} cannot be negative")


def _weights(fweights: Any, aweights: Any, observations: int) -> Any:
    if fweights is not None:
        _check_weights("fweights", fweights, "integral", fweights.dtype.kind == dt.INTEGER,
                       observations)  # fmt: skip
    if aweights is not None:
        _check_weights("aweights", aweights, "floating point", aweights.dtype.is_floating_point,
                       observations)  # fmt: skip
    if fweights is None or aweights is None:
        return fweights if aweights is None else aweights
    return fweights * aweights


@op(
    samples=lambda t: [
        S(t(3, 5)),
        S(t(5)),
        S(t(3, 5), correction=0, fweights=t.of([1, 2, 1, 1, 3]), aweights=t.const(5, low=0.2)),
    ]
)
def cov(
    input: Tensor, *, correction: int = 1, fweights: Any = None, aweights: Any = None
) -> Tensor:
    """Covariance of variables in rows, observations in columns."""
    if input.ndim > 2:
        raise RuntimeError(
            "cov(): expected input to have two or fewer dimensions but got an input with "
            f"{input.ndim} dimensions"
        )
    if input.dtype is dt.bool:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = input if input.ndim == 2 else input.reshape(1, -1)
    if x.dtype.kind <= dt.INTEGER:
        x = cast(x, dt.get_default_dtype())
    n = x.shape[1]
    w = _weights(fweights, aweights, n)
    out = _covariance(x, n, w, fweights, aweights, correction)
    return out if x.shape[0] != 1 else out.reshape(())


def _covariance(x: Tensor, n: int, w: Any, fweights: Any, aweights: Any, correction: int) -> Tensor:
    if w is None:
        centred = x - x.mean(1, True)
        factor = n - correction
        _warn_freedom(factor <= 0)
        return (centred @ centred.conj_physical().mT) / max(factor, 0)
    total = w.sum()
    if n and not total.level and total.item() == 0:
        raise RuntimeError("cov(): weights sum to zero, can't be normalized")
    centred = x - (x * w).sum(1, True) / total
    if aweights is None or correction == 0:
        factor = total - correction
    else:
        factor = total - correction * (w * aweights).sum() / total
    if not factor.level:
        _warn_freedom(factor.item() <= 0)
    return ((centred * w) @ centred.conj_physical().mT) / factor.clamp(min=0)


def _warn_freedom(lost: bool) -> None:
    if lost:
        warnings.warn(
            "cov(): degrees of freedom is <= 0. Correction should be strictly less than the number "
            "of observations.",
            stacklevel=5,
        )


@op(samples=lambda t: [S(t(3, 5)), S(t(5))])
def corrcoef(input: Tensor) -> Tensor:
    """Pearson's correlation coefficients of variables in rows; real and imaginary in [-1, 1]."""
    if input.ndim > 2:
        raise RuntimeError(
            "corrcoef(): expected input to have two or fewer dimensions but got an input with "
            f"{input.ndim} dimensions"
        )
    c = cov(input)
    if c.ndim == 0:
        return c / c
    spread = c.diagonal()
    spread = (spread.real if spread.dtype.is_complex else spread).sqrt()
    c = c / spread.reshape(-1, 1) / spread.reshape(1, -1)
    if c.dtype.is_complex:
        from franken.core.op import namespace

        return namespace("torch")["complex"](c.real.clamp(-1, 1), c.imag.clamp(-1, 1))
    return c.clamp(-1, 1)
