"""Cross-entropy with class indices as one primitive, forward and backward.

No probabilities are kept between the two: backward makes them from the scores and one log-sum a
sample. Classes are dimension 1 of (N, C, ...). Knows weights, ignored classes, smoothing, and
batching, in which a hidden dimension joins the samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.meta import rules
from franken.backends.numpy import cross_entropy as kernels
from franken.backends.numpy.halves import halved
from franken.core.batching import batch_size, spread
from franken.core.primitive import NOT_DIFFERENTIABLE, Primitive, bind
from franken.ops.declaring.loop import loop
from franken.ops.reduction.softmax import softmax_

# --- kernels --------------------------------------------------------------------------------------


def _plain(x: Any, t: Any, w: Any, ignore: int, smoothing: float) -> bool:
    """Whether each of (N, C) scores counts alike: no weight, smoothing or ignored sample."""
    if x.ndim != 2 or w is not None or smoothing or not x.size or x.shape[0] * x.shape[1] > 1 << 16:
        return False
    return t.min() >= 0 and t.max() < x.shape[1] and not 0 <= ignore < x.shape[1]


def _forward(x: Any, t: Any, w: Any, *, ignore: int, reduction: str, smoothing: float) -> Any:
    if not _plain(x, t, w, ignore, smoothing):
        out, sums, total = kernels.cross_entropy(x, t, w, ignore, reduction, smoothing)
        return out, sums.reshape(t.shape), total
    n = x.shape[0]
    top = np.maximum.reduce(x, axis=1, keepdims=True)
    low = x - top
    sums = np.log(np.einsum("ij->i", np.exp(low)))
    losses = sums - low[np.arange(n), t]
    sums += top[:, 0]
    if reduction == "none":
        out = losses
    else:
        out = np.add.reduce(losses, dtype=np.float64)
        out = np.asarray(out / n if reduction == "mean" else out, x.dtype)
    return out, sums, np.asarray(n, x.dtype)


def _backward(
    g: Any, x: Any, t: Any, w: Any, sums: Any, total: Any, *, ignore: int, reduction: str,
    smoothing: float,
) -> Any:  # fmt: skip
    if not _plain(x, t, w, ignore, smoothing):
        n = x.shape[0]
        shaped = sums.reshape((n, 1, sums.size // n if n else 0))
        return kernels.cross_entropy_backward(
            g, x, t, shaped, total, w, ignore, reduction, smoothing
        )
    out = np.subtract(x, sums[:, None])
    np.exp(out, out=out)
    out[np.arange(x.shape[0]), t] -= 1
    if reduction == "none":
        out *= g[:, None]
    else:
        out *= g / total if reduction == "mean" else g
    return out


def _forward_halved(x: Any, t: Any, w: Any, **params: Any) -> Any:
    """Half precision in float32; what backward needs stays so, or small probabilities are lost."""
    if x.dtype.itemsize > 2:
        return _forward(x, t, w, **params)
    wide = None if w is None else w.astype(np.float32)
    out, sums, total = _forward(x.astype(np.float32), t, wide, **params)
    return out.astype(x.dtype), sums, total


def _geometry(x: Any, t: Any, w: Any, *, reduction: str, **params: Any) -> Any:
    kind = np.dtype(np.float32) if x.dtype.itemsize < 4 else x.dtype
    loss = rules.reserved(t.shape if reduction == "none" else (), x.dtype)
    return [loss, rules.reserved(t.shape, kind), rules.reserved((), kind)]


# outputs: the loss; by sample log(sum(exp(scores))); the total weight
cross_entropy_ = Primitive(
    "cross_entropy",
    ("x", "t", "w"),
    _forward_halved,
    outputs=3,
    meta=_geometry,
    nondiff=(1, 2),
    title="NllLossBackward0",
)
cross_entropy_grad = Primitive(
    "cross_entropy_grad",
    ("g_", "x", "t", "w", "sums", "total"),
    halved(_backward),
    meta=lambda g, x, *more, **params: rules.same(x),
)


# --- derivatives ----------------------------------------------------------------------------------


def _pick(x: Any, t: Any, ignore: int) -> Any:
    """The score of each sample's class; of class 0 where it is ignored."""
    safe = t.masked_fill(t == ignore, 0)
    return x.gather(1, safe.unsqueeze(1)).squeeze(1)


def _weight_of(t: Any, w: Any, to: Any, ignore: int) -> Any:
    """Each sample's weight, 0 where it is ignored."""
    kept = t != ignore
    if w is None:
        return kept.to(to)
    rows = w.take(t.masked_fill(~kept, 0))
    return rows.masked_fill(~kept, 0).to(to)


def _by_class(w: Any, rank: int) -> Any:
    return w.reshape((-1, *(1,) * (rank - 2)))


def _slope(x: Any, t: Any, w: Any, ignore: int, smoothing: float) -> tuple[Any, Any, Any]:
    """(probabilities, their factor by sample, weight of each class' own share)."""
    own = _weight_of(t, w, x.dtype, ignore) * (1 - smoothing)
    share = (t != ignore).to(x.dtype) * (smoothing / x.shape[1])
    mass = x.shape[1] if w is None else w.sum()
    return softmax_(x, dim=1), (own + share * mass).unsqueeze(1), (own, share)


def _along(v: Any, x: Any, t: Any, w: Any, ignore: int, smoothing: float) -> Any:
    """By sample, the inner product of `v` with the slope of that sample's loss in its scores."""
    p, factor, (own, share) = _slope(x, t, w, ignore, smoothing)
    out = (v * p * factor).sum(1) - own * _pick(v, t, ignore)
    if smoothing:
        out = out - share * (v if w is None else v * _by_class(w, v.ndim)).sum(1)
    return out.masked_fill(t == ignore, 0)


def _reduced(losses: Any, total: Any, reduction: str) -> Any:
    if reduction == "none":
        return losses
    return (losses.sum() / total).to(losses.dtype) if reduction == "mean" else losses.sum()


def _per_sample(g: Any, t: Any, total: Any, reduction: str) -> Any:
    """The cotangent of each sample's loss."""
    if reduction == "none":
        return g
    return ((g / total).to(g.dtype) if reduction == "mean" else g).expand(tuple(t.shape))


cross_entropy_.vjp("t", "w")(NOT_DIFFERENTIABLE)


@cross_entropy_.vjp("x")
def _(
    g: Any, x: Any, t: Any, w: Any, out1: Any, out2: Any, ignore: int, reduction: str,
    smoothing: float,
) -> Any:  # fmt: skip
    return cross_entropy_grad(
        g[0], x, t, w, out1, out2, ignore=ignore, reduction=reduction, smoothing=smoothing
    )


@cross_entropy_.jvp
def _(
    tangents: Any, out: Any, x: Any, t: Any, w: Any, *, ignore: int, reduction: str,
    smoothing: float,
) -> Any:  # fmt: skip
    if tangents[0] is None:
        return None, None, None
    losses = _along(tangents[0], x, t, w, ignore, smoothing)
    return _reduced(losses, out[2], reduction), None, None


cross_entropy_grad.vjp("t", "w", "sums", "total")(NOT_DIFFERENTIABLE)


@cross_entropy_grad.vjp("g_")
def _(
    g: Any, x: Any, t: Any, w: Any, total: Any, ignore: int, reduction: str, smoothing: float
) -> Any:
    return _reduced(_along(g, x, t, w, ignore, smoothing), total, reduction)


@cross_entropy_grad.vjp("x")
def _(
    g: Any, g_: Any, x: Any, t: Any, w: Any, total: Any, ignore: int, reduction: str,
    smoothing: float,
) -> Any:  # fmt: skip
    # by sample c (K p - ...): only p depends on x
    p, factor, _ = _slope(x, t, w, ignore, smoothing)
    each = _per_sample(g_, t, total, reduction).masked_fill(t == ignore, 0).unsqueeze(1)
    return each * factor * p * (g - (g * p).sum(1, keepdim=True))


# --- batching -------------------------------------------------------------------------------------


def _joined(v: Any, d: int | None, size: int) -> Any:
    """The hidden dimension merged into the samples."""
    v = spread(v, d, size)
    return v.reshape((v.shape[0] * v.shape[1], *v.shape[2:]))


def _apart(v: Any, size: int) -> Any:
    return v.reshape((size, v.shape[0] // size if size else 0, *v.shape[1:]))


@cross_entropy_.batching
def _(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    if dims[2] is not None:
        return loop(prim, values, dims, params)
    size = batch_size(values, dims)
    (x, t, w), reduction = values, params["reduction"]
    x, t = _joined(x, dims[0], size), _joined(t, dims[1], size)
    losses, sums, _ = bind(prim, (x, t, w), {**params, "reduction": "none"})
    losses = _apart(losses, size)
    exact = sums.dtype  # float32 for half precision, which counts to 256 only
    weights = _apart(_weight_of(t, w, exact, params["ignore"]), size)
    rest = tuple(range(1, losses.ndim))
    total = weights.sum(rest)
    if reduction != "none":
        losses = losses.sum(rest)
        losses = (losses / total).to(x.dtype) if reduction == "mean" else losses
    return (losses, _apart(sums, size), total), 0


@cross_entropy_grad.batching
def _(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    if dims[3] is not None:
        return loop(prim, values, dims, params)
    size, reduction = batch_size(values, dims), params["reduction"]
    g, x, t, w, sums, total = values
    t = spread(t, dims[2], size)
    g = spread(g, dims[0], size)
    if reduction != "none":
        if reduction == "mean":
            g = (g / spread(total, dims[5], size)).to(g.dtype)
        g = g.reshape((size, *(1,) * (t.ndim - 1))).expand(tuple(t.shape))
    flat = [_joined(g, 0, size), _joined(x, dims[1], size), _joined(t, 0, size), w,
            _joined(sums, dims[4], size), g.new_ones(())]  # fmt: skip
    return _apart(bind(prim, tuple(flat), {**params, "reduction": "none"}), size), 0
