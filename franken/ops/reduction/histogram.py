"""Histograms: histc, histogram, histogramdd. Bins are half open, the last one closed."""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.meta import rules
from franken.core.calls.out import Into
from franken.core.geometry.layout import contiguous_format
from franken.core.geometry.shapes import brackets
from franken.core.op import op
from franken.core.primitive import NO_BATCH_RULE, Primitive
from franken.core.tensor import Tensor
from franken.ops.declaring.return_types import make
from franken.ops.declaring.samples import S
from franken.ops.surface.args import kind_name

_HISTOGRAM = make("histogram", "hist", "bin_edges")
_HISTOGRAMDD = make("histogramdd", "hist", "bin_edges")

# --- histc


def _histc_kernel(x: Any, *, bins: int, low: float, high: float) -> Any:
    v = x.reshape(-1)
    if low == high and v.size:
        low, high = float(v.min()), float(v.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"torch.histc: range of [{low:g}, {high:g}] is not finite")
    if low == high:
        low, high = low - 1, high + 1
    v = v[(v >= low) & (v <= high)]
    t = x.dtype.type  # every step is rounded to the input's dtype, as torch's are
    place = ((v - t(low)) * t(bins) / (t(high) - t(low))).astype(np.int64)
    counts = np.bincount(np.minimum(place, bins - 1), minlength=bins)
    return counts.astype(x.dtype)


histc_ = Primitive("histc", ("x",), _histc_kernel, batch=NO_BATCH_RULE)
histc_.not_differentiable()


_HISTC_OUT = Into(
    "torch.histogram: input tensor and hist tensor should have the same dtype, but got input "
    "{want_c} and hist {got_c}",
)


@op(
    out=_HISTC_OUT,
    samples=lambda t: [S(t.const(3, 4), 5, -2, 2), S(t.const(6), bins=3)],
)
def histc(input: Tensor, bins: int = 100, min: Any = 0, max: Any = 0) -> Tensor:
    """Counts of equal bins from `min` to `max` (of the data where they are equal)."""
    if not input.dtype.is_floating_point:
        raise NotImplementedError(
            f"\"histogram_cpu\" not implemented for '{input.dtype.scalar_name}'"
        )
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    if min > max:
        raise RuntimeError("torch.histc: max must be larger than min")
    return histc_(input, bins=int(bins), low=float(min), high=float(max))


# --- histogramdd


def _linspace(low: float, high: float, bins: int, dtype: Any) -> Any:
    """Edges counted from both ends, as torch.linspace counts them."""
    first, last = np.asarray(low, dtype), np.asarray(high, dtype)
    k = np.arange(bins + 1)
    step = (last - first) / dtype.type(bins)
    return np.where(
        k < (bins + 1) // 2, first + step * k.astype(dtype), last - step * (bins - k).astype(dtype)
    ).astype(dtype)


def _data_range(column: Any, at: int) -> tuple[float, float]:
    if not column.size:
        return 0.0, 1.0
    low, high = float(column.min()), float(column.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(
            f"torch.histogramdd: dimension {at}'s range [{low:g}, {high:g}] is not finite"
        )
    return low, high


def _edges(x: Any, bins: Any, span: Any) -> list[Any]:
    edges = []
    for d, count in enumerate(bins):
        low, high = _data_range(x[:, d], d) if span is None else span[2 * d : 2 * d + 2]
        if low == high:
            low, high = low - 0.5, high + 0.5
        edges.append(_linspace(low, high, count, x.dtype))
    return edges


def _histogramdd_kernel(
    x: Any, weight: Any, *edges: Any, bins: Any, span: Any, density: bool
) -> Any:
    """Counts over the columns of (N, D), then the D edges."""
    if x.dtype.itemsize == 2:  # counted in float32, between edges as they are rounded
        wide = (np.asarray(a, np.float32) if type(a) is np.ndarray else a for a in (x, weight))
        given = edges or _edges(x, bins, span)
        found = _histogramdd_kernel(*wide, *(e.astype(np.float32) for e in given), bins=None,
                                    span=None, density=density)  # fmt: skip
        return tuple(a.astype(x.dtype) for a in found)
    given = list(edges) if bins is None else _edges(x, bins, span)
    sizes = [len(e) - 1 for e in given]
    inside = np.ones(len(x), np.bool_)
    place = np.zeros(len(x), np.int64)
    for d, e in enumerate(given):
        v = np.ascontiguousarray(x[:, d])
        at = np.searchsorted(e, v, side="right") - 1
        at[v == e[-1]] = sizes[d] - 1
        inside &= (v >= e[0]) & (v <= e[-1])
        place = place * sizes[d] + np.clip(at, 0, max(sizes[d] - 1, 0))
    w = weight.reshape(-1)[inside].astype(np.float64) if type(weight) is np.ndarray else None
    total = int(np.prod(sizes))
    hist = np.bincount(place[inside], w, total)[:total].astype(x.dtype).reshape(sizes)
    if density:
        hist = _density(hist, given)
    return (hist, *given)


def _density(hist: Any, edges: list[Any]) -> Any:
    with np.errstate(invalid="ignore", divide="ignore"):
        out = hist / hist.sum()
        for d, e in enumerate(edges):
            out = out / np.diff(e).reshape(-1, *(1,) * (hist.ndim - d - 1))
    return out.astype(hist.dtype)


histogramdd_ = Primitive(
    "histogramdd",
    (),
    _histogramdd_kernel,
    outputs=0,
    variadic=True,
    batch=NO_BATCH_RULE,
    meta=rules.by_value("histogramdd"),
).not_differentiable()


def _check(x: Tensor, weight: Any, ranged: bool) -> None:
    if not x.dtype.is_floating_point or not (ranged or x.dtype.itemsize > 2):
        kernel = "histogram_cpu" if ranged else "histogramdd"  # the second finds the data's range
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{x.dtype.scalar_name}'")
    if weight is None:
        return
    if weight.dtype is not x.dtype:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided, input tensor and weight tensor "
            f"should have the same dtype, but got input({x.dtype.scalar_name}), and "
            f"weight({weight.dtype.scalar_name})"
        )
    if tuple(weight.shape) != tuple(x.shape)[:-1]:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the "
            "input tensor excluding its innermost dimension, but got input with shape "
            f"{brackets(x.shape)} and weight with shape {brackets(weight.shape)}"
        )


def _check_edges(x: Tensor, edges: Any) -> None:
    for d, e in enumerate(edges):
        if e.dtype is not x.dtype:
            raise RuntimeError(
                "torch.histogramdd: input tensor and bins tensors should have the same dtype, but "
                f"got input with dtype {x.dtype.cpp_name} and bins for dimension {d} with dtype "
                f"{e.dtype.cpp_name}"
            )
        if e.ndim != 1:
            raise RuntimeError(
                "torch.histogramdd: bins tensor should have one dimension, but got "
                f"{e.ndim} dimensions in the bins tensor for dimension {d}"
            )
        if e.shape[0] == 0:
            raise RuntimeError(
                "torch.histogramdd: bins tensor should have at least 1 element, but got 0 elements "
                f"in the bins tensor for dimension {d}"
            )


def _check_bins(bins: Any, span: Any) -> None:
    for d, count in enumerate(bins):
        if count <= 0:
            raise RuntimeError(
                f"torch.histogram(): bins must be > 0, but got {count} for dimension {d}"
            )
    if span is None:
        return
    if len(span) != 2 * len(bins):
        raise RuntimeError(
            f"torch.histogramdd: for a {len(bins)}-dimensional histogram range should have "
            f"{2 * len(bins)} elements, but got {len(span)}"
        )
    for d in range(len(bins)):
        low, high = span[2 * d], span[2 * d + 1]
        if low > high:
            raise RuntimeError(
                f"torch.histogramdd: min should not exceed max, but got min {low:g} max {high:g} "
                f"for dimension {d}"
            )


def _counted(x: Tensor, bins: Any, span: Any, weight: Any, density: bool) -> Any:
    """(counts, edges) of a matrix of points; `bins` are all ints or all tensors of edges."""
    _check(x, weight, span is not None or isinstance(bins[0], Tensor))
    span = None if span is None else tuple(float(r) for r in span)
    flat = x.reshape(-1, x.shape[-1])
    edges = bins if isinstance(bins[0], Tensor) else ()
    if edges:
        _check_edges(x, edges)
    else:
        _check_bins(bins, span)
    found = histogramdd_(flat, weight, *edges, bins=None if edges else tuple(bins), span=span,
                         density=bool(density))  # fmt: skip
    return found[0], (tuple(edges) or tuple(found[1:]))


_HISTOGRAM_OUT = Into(
    "torch.histogram: input tensor and hist tensor should have the same dtype, but got input "
    "{want_c} and hist {got_c}",
    "torch.histogram: input tensor and bin_edges tensor should have the same dtype, but got "
    "input {want_c} and bin_edges {got_c} for dimension 0",
)


def _check_overload(bins: Any, span: Any, weight: Any) -> None:
    """A range goes with a number of bins alone."""
    if isinstance(bins, int) and not isinstance(bins, bool):
        return
    if isinstance(bins, Tensor) and span is None:
        return
    named = {"range": span, "weight": weight}
    given = [f"{k}={kind_name(v)}" for k, v in named.items() if v is not None]
    raise TypeError(
        "histogram() received an invalid combination of arguments - got "
        f"({', '.join(['Tensor', kind_name(bins), *given])}), but expected one of:\n"
        " * (Tensor input, Tensor bins, *, Tensor weight = None, bool density = False, "
        "tuple of Tensors out = None)\n"
        " * (Tensor input, int bins = 100, *, tuple of floats range = None, "
        "Tensor weight = None, bool density = False, tuple of Tensors out = None)\n"
    )


@op(
    out=_HISTOGRAM_OUT,
    samples=lambda t: [
        S(t.const(3, 4), 5, range=(-2.0, 2.0)),
        S(t.const(6), t.of([-2.0, 0.0, 1.5], t.dtype), weight=t.const(6), density=True),
    ],
)
def histogram(
    input: Tensor, bins: Any = 100, *, range: Any = None, weight: Any = None, density: bool = False
) -> Any:
    """(hist, bin_edges) of all elements; `bins` is a count or a tensor of increasing edges."""
    _check_overload(bins, range, weight)
    x = input.reshape(-1, 1)
    w = weight
    if weight is not None and tuple(weight.shape) == tuple(input.shape):
        w = weight.reshape(-1)
    hist, edges = _counted(x, [bins], range, w, density)
    return _HISTOGRAM((hist, edges[0].clone(memory_format=contiguous_format)))


@op(
    method=False,
    samples=lambda t: [
        S(t.const(5, 2), [3, 2], range=[-2.0, 2.0, -2.0, 2.0]),
        S(t.const(5, 2), [2, 2], weight=t.const(5), density=True),
    ],
)
def histogramdd(
    input: Tensor, bins: Any, range: Any = None, weight: Any = None, density: bool = False
) -> Any:
    """(hist, bin_edges) of points, the last dimension holding their coordinates."""
    if input.ndim < 2:
        raise RuntimeError("torch.histogramdd: input tensor should have at least 2 dimensions")
    n = input.shape[-1]
    each = [bins] * n if isinstance(bins, int) else list(bins)
    if len(each) != n:
        raise RuntimeError(
            "histogramdd: The size of bins must be equal to the innermost dimension of the input."
        )
    return _HISTOGRAMDD(_counted(input, each, range, weight, density))
