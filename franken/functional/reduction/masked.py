"""torch.masked: reductions and normalizations that leave out what a mask marks False.

Masked-out elements become the reduction's identity; results take torch.masked's dtypes (the
input's, unless `dtype` is given).
"""

from __future__ import annotations

import math
from typing import Any

from franken.core import dtypes as dt
from franken.core.convert import cast
from franken.core.geometry.shapes import brackets, wrap_dim
from franken.core.op import namespace, op
from franken.core.tensor import Tensor
from franken.core.trace import values
from franken.ops.declaring.declare import refused
from franken.ops.declaring.samples import S, estimated, masked_along, masked_reduction
from franken.ops.reduction import extrema as reduce
from franken.ops.reduction import pick as reduce_pick
from franken.ops.reduction import scan, sums
from franken.ops.reduction import softmax as reduce_softmax
from franken.ops.reduction.norm import vector_norm
from franken.ops.surface.to import converted


def _keep(x: Tensor, mask: Any) -> Any:
    """The mask as bools, checked against the input's shape."""
    if not isinstance(x, Tensor):
        raise TypeError(f"masked operations expect a Tensor, got {type(x).__name__}")
    shape, have = tuple(x.shape), tuple(mask.shape)
    if len(have) > len(shape):
        raise IndexError(
            "_input_mask expected broadcastable mask (got mask dimensionality higher than of the "
            "input)"
        )
    tail = shape[len(shape) - len(have) :]
    if any(n not in (1, m) for n, m in zip(have, tail, strict=True)):
        raise RuntimeError(
            f"The expanded size of the tensor must match the existing size: mask {brackets(have)} "
            f"cannot be broadcast to {brackets(shape)}"
        )
    return cast(mask, dt.bool)


def _filled(x: Tensor, mask: Any, value: Any) -> Tensor:
    """The input with `value` where the mask is False."""
    return x if mask is None else x.masked_fill(_keep(x, mask).logical_not(), value)


def _extreme_identity(name: str, x: Tensor, low: bool) -> Any:
    if x.dtype is dt.bool:
        raise NotImplementedError(f"identity of {name} on torch.bool input")
    if x.dtype.is_floating_point:
        return -math.inf if low else math.inf
    info = dt.iinfo(x.dtype)
    return info.min if low else info.max


def _at_bottom(name: str, x: Tensor, mask: Any, low: bool) -> Tensor:
    """The input with its dtype's lowest (or highest) value where the mask is False."""
    return x if mask is None else _filled(x, mask, _extreme_identity(name, x, low))


def _axes(x: Tensor, dim: Any) -> tuple[int, ...]:
    """The reduced dimensions, in torch.masked's words where one is repeated."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(x.ndim))
    if isinstance(dim, int):
        return (wrap_dim(dim, x.ndim),) if x.ndim else ()
    axes: list[int] = []
    for d in dim:
        wrapped = wrap_dim(d, x.ndim)
        if wrapped in axes:
            raise RuntimeError(f"dim={wrapped} appears multiple times in the list of dims")
        axes.append(wrapped)
    return tuple(axes) if x.ndim else ()


def _total_dtype(x: Tensor, dtype: Any) -> Any:
    """The dtype of sums and products: int64 for integers and bools."""
    return dtype or (dt.int64 if x.dtype.kind <= dt.INTEGER else x.dtype)


# --- reductions


@op(at="masked", method=False, samples=masked_reduction)
def sum(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None
) -> Tensor:
    """Sum over dimensions of what the mask keeps."""
    x = _filled(cast(input, _total_dtype(input, dtype)), mask, 0)
    return sums.sum(x, _axes(x, dim), keepdim)


@op(at="masked", method=False, samples=masked_reduction)
def prod(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None
) -> Tensor:
    """Product over dimensions of what the mask keeps."""
    x = _filled(cast(input, _total_dtype(input, dtype)), mask, 1)
    return reduce.reduce_prod(x, axes=tuple(sorted(_axes(x, dim))), keepdim=keepdim)


def _extreme(name: str, low: bool, reduction: Any) -> Any:
    def public(
        input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None,
        mask: Any = None,
    ) -> Tensor:  # fmt: skip
        x = cast(input, dtype or input.dtype)
        return reduction(_at_bottom(name, x, mask, low), _axes(x, dim), keepdim)

    public.__name__ = public.__qualname__ = name
    public.__doc__ = f"{'Maximum' if low else 'Minimum'} over dimensions of what the mask keeps."
    return op(at="masked", method=False, samples=masked_reduction)(public)


amax = _extreme("amax", True, reduce.amax)
amin = _extreme("amin", False, reduce.amin)


def _arg(name: str, low: bool, reduction: Any) -> Any:
    def public(
        input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None,
        mask: Any = None,
    ) -> Tensor:  # fmt: skip
        x = cast(input, dtype or input.dtype)
        index = reduction(_at_bottom(name, x, mask, low), dim, keepdim)
        return cast(index, x.dtype)

    public.__name__ = public.__qualname__ = name
    public.__doc__ = f"Index of the {name[3:]}imum of what the mask keeps, in the input's dtype."
    return op(at="masked", method=False, samples=masked_reduction)(public)


argmax = _arg("argmax", True, reduce_pick.argmax)
argmin = _arg("argmin", False, reduce_pick.argmin)


def _count(x: Tensor, dim: Any, keepdim: bool, mask: Any) -> Tensor:
    """How many elements the mask keeps, as int64."""
    kept = x.new_ones(tuple(x.shape), dtype=dt.int64)
    return sums.sum(_filled(kept, mask, 0), _axes(x, dim), keepdim)


@op(at="masked", method=False, samples=masked_reduction)
def mean(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None
) -> Tensor:
    """Mean over dimensions of what the mask keeps; NaN of nothing."""
    if dtype is None and input.dtype.kind <= dt.INTEGER:
        raise ValueError(
            "mean(): Could not infer output dtype. Input dtype must be either a floating point or "
            f"complex dtype. Got: {input.dtype}"
        )
    x = cast(input, dtype or input.dtype)
    if mask is None:
        return sums.mean(x, _axes(x, dim), keepdim)
    return sum(x, dim, keepdim=keepdim, mask=mask) / _count(x, dim, keepdim, mask)


@op(at="masked", method=False, samples=masked_reduction)
def median(
    input: Tensor, dim: int = -1, *, keepdim: bool = False, dtype: Any = None, mask: Any = None
) -> Tensor:
    """Lower median along a dimension of what the mask keeps; NaN of nothing."""
    x = cast(input, dtype or input.dtype)
    if x.dtype.is_floating_point:
        if mask is None:
            return reduce_pick.median(x, dim, keepdim)[0]
        return reduce_pick.nanmedian(_filled(x, _keep(x, mask), math.nan), dim, keepdim)[0]
    # as torch: everything else through float32, complex numbers by their real parts
    wide = converted(x, dt.float32, x.device)
    if mask is not None:
        keep = _keep(x, mask)
        lost = reduce.any(keep.expand(x.shape), dim).logical_not()
        if not lost.level and bool(values(lost).any()):
            raise ValueError(
                "masked median expects no fully masked out rows if dtype is not floating point"
            )
        wide = _filled(wide, keep, math.nan)
    return cast(reduce_pick.nanmedian(wide, dim, keepdim)[0], x.dtype)


@op(
    at="masked",
    method=False,
    samples=lambda t: [
        S(t(3, 4), 2, 1),
        S(t(3, 4), 3, 0, mask=t.of([[True] * 4, [False] * 4, [True] * 4])),
    ],
)
def norm(
    input: Tensor, ord: Any = 2.0, dim: Any = None, *, keepdim: bool = False, dtype: Any = None,
    mask: Any = None,
) -> Tensor:  # fmt: skip
    """Vector norm over dimensions of what the mask keeps."""
    fill = math.inf if ord == -math.inf else 0
    x = input if not (input.dtype.is_floating_point or input.dtype.is_complex) else (
        _filled(cast(input, dtype or input.dtype), mask, fill)
    )  # fmt: skip
    return vector_norm(x, ord, _axes(x, dim), keepdim)


def _spread(
    x: Tensor, dim: Any, unbiased: Any, correction: Any, keepdim: bool, dtype: Any,
    mask: Any,
) -> Tensor:  # fmt: skip
    """The variance, in the dtype that the result has."""
    if unbiased is not None and correction is not None:
        raise AssertionError("Only one of unbiased and correction may be given")
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    if x.dtype is dt.bool:
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying "
            "to invert a mask, use the `~` or `logical_not()` operator instead."
        )
    x = cast(x, dtype or (dt.get_default_dtype() if x.dtype.kind <= dt.INTEGER else x.dtype))
    centre = mean(x, dim, keepdim=True, mask=mask)
    change = x - centre
    squares = change * change.conj_physical() if x.dtype.is_complex else change * change
    total = sum(squares, dim, keepdim=keepdim, mask=mask)
    freedom = cast(_count(x, dim, keepdim, mask), x.dtype.to_real()) - correction
    return total / freedom.clamp(min=0)


@op(
    at="masked",
    method=False,
    samples=lambda t: [
        S(t(3, 4), 1, False),
        S(t(3, 4), 0, unbiased=True, mask=t.of([[True] * 4, [False] * 4, [True] * 4])),
    ],
)
def var(
    input: Tensor, dim: Any = None, unbiased: Any = None, *, correction: Any = None,
    keepdim: bool = False, dtype: Any = None, mask: Any = None,
) -> Tensor:  # fmt: skip
    """Variance over dimensions of what the mask keeps; NaN of nothing."""
    return _spread(input, dim, unbiased, correction, keepdim, dtype, mask)


@op(
    at="masked",
    method=False,
    samples=lambda t: [
        S(t(3, 4), 1, False),
        S(t(3, 4), 0, unbiased=True, mask=t.of([[True] * 4, [False] * 4, [True] * 4])),
    ],
)
def std(
    input: Tensor, dim: Any = None, unbiased: Any = None, *, correction: Any = None,
    keepdim: bool = False, dtype: Any = None, mask: Any = None,
) -> Tensor:  # fmt: skip
    """Standard deviation over dimensions of what the mask keeps; NaN of nothing."""
    return _spread(input, dim, unbiased, correction, keepdim, dtype, mask).sqrt()


@op(at="masked", method=False, samples=masked_reduction)
def logsumexp(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None
) -> Tensor:
    """log(sum(exp(x))) over dimensions of what the mask keeps."""
    x = cast(input, dtype or input.dtype)
    if x.dtype.is_complex:
        x = _filled(x, mask, -math.inf)
    else:
        x = _at_bottom("logsumexp", x, mask, True)
    return cast(reduce.logsumexp(x, _axes(x, dim), keepdim), x.dtype)


# --- along one dimension


def _running(name: str, fn: Any, identity: int) -> Any:
    def public(input: Tensor, dim: int, *, dtype: Any = None, mask: Any = None) -> Tensor:
        x = cast(input, dtype or input.dtype)
        if x.dtype is dt.bool:
            raise NotImplementedError(f"\"{name}_out_cpu\" not implemented for 'Bool'")
        return fn(_filled(x, mask, identity), dim, dtype=x.dtype)

    public.__name__ = public.__qualname__ = name
    public.__doc__ = f"Running {name[3:]} of what the mask keeps."
    return op(at="masked", method=False, samples=masked_along)(public)


cumsum = _running("cumsum", scan.cumsum, 0)
cumprod = _running("cumprod", scan.cumprod, 1)


def _softmax(name: str, fn: Any, extreme: str, low: bool) -> Any:
    def public(input: Tensor, dim: int, *, dtype: Any = None, mask: Any = None) -> Tensor:
        x = cast(input, dtype or input.dtype)
        if mask is not None:
            x = _filled(x, mask, _extreme_identity(extreme, x, low))
        return fn(x, dim)

    public.__name__ = public.__qualname__ = name
    public.__doc__ = f"{name} along a dimension of what the mask keeps."
    return op(at="masked", method=False, samples=masked_along)(public)


softmax = _softmax("softmax", reduce_softmax.softmax, "amax", True)
log_softmax = _softmax("log_softmax", reduce_softmax.log_softmax, "amax", True)
softmin = _softmax("softmin", lambda x, dim: reduce_softmax.softmax(-x, dim), "amin", False)


@op(
    at="masked",
    method=False,
    samples=lambda t: [
        S(t(3, 4), 2.0, 1),
        S(t(2, 3), 1.0, 0, mask=t.of([[True, True, False], [True, False, True]])),
    ],
)
def normalize(
    input: Tensor, ord: Any, dim: int, *, eps: float = 1e-12, dtype: Any = None, mask: Any = None
) -> Tensor:
    """x / max(norm(x), eps) along a dimension of what the mask keeps."""
    x = cast(input, dtype or input.dtype)
    size = norm(x, ord, dim, keepdim=True, mask=mask)
    return _filled(x, mask, 0) / size.clamp(min=eps)


@op(
    at="masked",
    method=False,
    samples=lambda t: [
        S(t(3, 4), t(3, 4)),
        estimated(S(t(2, 3), t(2, 3), input_mask=t.of([[True, True, False], [True, False, True]]))),
    ],
)
def logaddexp(
    input: Tensor, other: Tensor, *, dtype: Any = None, input_mask: Any = None,
    other_mask: Any = None,
) -> Tensor:  # fmt: skip
    """log(exp(x) + exp(y)) with masked-out elements as exp(...) = 0."""
    refused("logaddexp_cpu", input.dtype, "b")
    x, y = (
        a
        if mask is None
        else _filled(a, mask, -math.inf if a.dtype.is_floating_point else dt.iinfo(a.dtype).min)
        for a, mask in ((input, input_mask), (other, other_mask))
    )
    return cast(namespace("torch")["logaddexp"](x, y), dtype or input.dtype)
