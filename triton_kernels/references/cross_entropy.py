"""Cross entropy by its definition in float64, its gradient class by class, and the ops' samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..checks.cases import Case, Maker


def _parts(
    logits: np.ndarray, target: np.ndarray, weight: Any, axis: int, ignore_index: int,
    smoothing: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """(logits (rows, V), target distribution times weights, weight of each row, rows that count).

    The distribution: the smoothed one-hot or given one; unknown indices give nan.
    """
    x = np.moveaxis(logits, axis, -1).astype(np.longdouble)
    n = x.shape[-1]
    x = x.reshape(-1, n)
    w = np.ones(n) if weight is None else weight
    if target.dtype.kind not in "iu":
        soft = np.moveaxis(target, axis, -1).reshape(-1, n)
        ones = np.ones(len(x))
        return x, ((1 - smoothing) * soft + smoothing / n) * w, ones, ones == 1
    index = target.reshape(-1).astype(np.int64)
    kept = index != ignore_index
    known = (index >= 0) & (index < n)
    share = np.where(known, w[np.where(known, index, 0)], np.nan)
    share = np.where(kept, share, 0.0)
    hot = (np.arange(n) == index[:, None]) | (kept & ~known)[:, None]
    q = np.where(hot, (1 - smoothing) * share[:, None], 0.0) + smoothing / n * w
    return x, q, share, kept


def _logsumexp(x: np.ndarray) -> np.ndarray:
    top = x.max(1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    return (top + np.log(np.exp(x - top).sum(1, keepdims=True)))[:, 0]


def cross_entropy_reference(
    logits: np.ndarray, target: np.ndarray, weight: Any = None, *, axis: int = -1,
    reduction: str = "mean", ignore_index: int = -100, label_smoothing: float = 0.0,
    z_loss: float = 0.0,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """The definition: minus the target's distribution times the log-softmax, in full."""
    x, q, share, kept = _parts(logits, target, weight, axis, ignore_index, label_smoothing)
    lse = _logsumexp(x)
    away = np.where(q != 0, x - lse[:, None], 0)  # an impossible class may weigh nothing
    rows = -(q * away).sum(1) + z_loss * lse * lse
    rows = np.where(kept, rows, 0)
    shape = (*logits.shape[: axis % logits.ndim], *logits.shape[axis % logits.ndim + 1 :])
    total, out = np.zeros(0), rows.reshape(shape)
    if reduction == "mean":
        total, out = share.sum(), rows.sum() / share.sum()
    elif reduction == "sum":
        out = rows.sum()
    return tuple(np.asarray(a, np.float64) for a in (out, lse.reshape(shape), total))


def cross_entropy_backward_reference(
    g: np.ndarray, logits: np.ndarray, target: np.ndarray, lse: np.ndarray, total: np.ndarray,
    weight: Any = None, *, axis: int = -1, reduction: str = "mean", ignore_index: int = -100,
    label_smoothing: float = 0.0, z_loss: float = 0.0, in_place: bool = False,
) -> np.ndarray:  # fmt: skip
    """The sum over classes k of q_k times the gradient of -log softmax_k, and of the z term."""
    x, q, _, kept = _parts(logits, target, weight, axis, ignore_index, label_smoothing)
    norm = lse.reshape(-1, 1).astype(np.longdouble)
    p = np.exp(x - norm)
    out = p * q.sum(1, keepdims=True) - q + 2 * z_loss * norm * p
    rows = g.reshape(-1, 1) / (total if reduction == "mean" else 1)
    out = np.where(kept[:, None], out * rows, 0)
    moved = np.moveaxis(logits, axis, -1).shape
    return np.moveaxis(out.reshape(moved), -1, axis).astype(np.float64)


def _sample(
    m: Maker, shape: tuple[int, ...], dtype: str, *, axis: int = -1, soft: bool = False,
    weight: str | None = None, ignored: bool = False, kind: str = "i64", shift: float = 0.0,
) -> tuple[Any, ...]:  # fmt: skip
    """Logits, targets (a few of them ignored) and class weights."""
    axis %= len(shape)
    x = m.normal(shape, dtype, 2.0)
    kept = shape[:axis] + shape[axis + 1 :]
    w = None if weight is None else m.uniform((shape[axis],), weight, 0.5, 2.0)
    if soft:
        return x, m.uniform(shape, dtype, 0.0, 2.0 / shape[axis]), w
    target = m.integers(kept, shape[axis], kind)
    if not m.shapes_only:
        x += np.asarray(shift, x.dtype)
        if ignored:
            target.reshape(-1)[::3] = -100
    return x, target, w


def _edge(m: Maker) -> tuple[Any, ...]:
    """Impossible classes, and a target that is out of range."""
    x, target, _ = _sample(m, (5, 7), "f32")
    if not m.shapes_only:
        target[0], target[1] = 3, 9
        x[2:, 0], target[2:] = -np.inf, 2
    return x, target


def _far(m: Maker, soft: bool) -> tuple[Any, ...]:
    """Logits of which a row's classes lie far apart."""
    x, *rest = _sample(m, (5, 7), "f16", soft=soft, weight="f32")
    return m.far(x, 1), *rest


def _rising(m: Maker) -> tuple[Any, ...]:
    """Logits whose running maximum changes in every block."""
    x, target, _ = _sample(m, (2, 9000), "f32")
    return np.sort(x, 1), target


def _variants() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """(name, builder, keywords), for the forward pass and the backward one."""

    def made(*args: Any, **keywords: Any) -> Any:
        return lambda m: _sample(m, *args, **keywords)

    for dtype in ("f32", "f16", "bf16", "f64"):
        yield dtype, made((9, 37), dtype), {}
    for dtype in ("f32", "f64"):
        yield f"all {dtype}", made((9, 37), dtype, weight=dtype, ignored=True), {
            "label_smoothing": 0.1, "z_loss": 1e-3,
        }  # fmt: skip
    for dtype in ("f32", "bf16"):
        yield f"soft {dtype}", made((6, 20), dtype, soft=True), {}
    for reduction in ("none", "sum"):
        yield reduction, made((9, 5), "f32", ignored=True), {"reduction": reduction}
        yield f"soft {reduction}", made((9, 5), "f32", soft=True, weight="f32"), {
            "reduction": reduction, "label_smoothing": 0.2, "z_loss": 0.1,
        }  # fmt: skip
    yield "smooth", made((9, 37), "f32", shift=1000.0), {"label_smoothing": 0.3}
    yield "weights", made((9, 37), "bf16", weight="f32", kind="i32"), {}
    yield "ignore", made((9, 3), "f32"), {"ignore_index": 1}
    yield "images", made((2, 5, 3, 4), "f32", axis=1, ignored=True), {"axis": 1}
    yield "soft images", made((2, 5, 3, 4), "f32", axis=1, soft=True), {"axis": 1}
    yield "first axis", made((5, 70), "f32", axis=0, weight="f32"), {
        "axis": 0, "label_smoothing": 0.1,
    }  # fmt: skip
    yield "one row", made((11,), "f32"), {}
    yield "one class", made((4, 1), "f32"), {"reduction": "none"}
    yield "long", made((2, 5000), "f32"), {"label_smoothing": 0.1}
    yield "pieces", made((3, 20000), "f32", ignored=True), {"reduction": "none"}
    yield "pieces all", made((2, 17000), "f32", weight="f32"), {
        "label_smoothing": 0.1, "z_loss": 1e-3,
    }  # fmt: skip
    yield "pieces soft", made((1, 17000), "f32", soft=True), {"label_smoothing": 0.1}
    yield "past 32 bits", lambda m: _far(m, False), {}
    yield "soft past 32 bits", lambda m: _far(m, True), {}
    yield "many rows", made((17000, 2), "f32", ignored=True), {}
    yield "many rows sum", made((17000, 2), "f32"), {"reduction": "sum"}
    yield "rising", _rising, {"reduction": "none"}
    yield "edge", _edge, {"reduction": "none"}
    yield "no rows", made((0, 4), "f32"), {"reduction": "sum"}


def _large() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    for dtype in ("bf16", "f32"):
        yield f"big {dtype}", lambda m, d=dtype: _sample(m, (8192, 32000), d), {}
    yield "big few", lambda m: _sample(m, (32, 128256), "bf16"), {}
    yield "big smooth", lambda m: _sample(m, (256, 1000), "f32"), {"label_smoothing": 0.1}
    yield "big images", lambda m: _sample(m, (8, 21, 512, 512), "bf16", axis=1), {"axis": 1}


def forward_cases() -> Iterator[Case]:
    """Samples of `cross_entropy`."""
    for name, build, keywords in _variants():
        yield Case(name, build, keywords)
    for name, build, keywords in _large():
        yield Case(name, build, keywords, big=True)
    yield from _refused()


def _refused() -> Iterator[Case]:
    x = (3, 4)
    for name, keywords in {
        "reduction": {"reduction": "total"}, "smoothing": {"label_smoothing": 1.5},
        "axis": {"axis": 2},
    }.items():  # fmt: skip
        yield Case(f"bad {name}", lambda m: _sample(m, x, "f32"), keywords, refuses=ValueError)
    yield Case("target's shape", lambda m: (m.normal(x), m.integers((4,), 3)), refuses=ValueError)
    yield Case("soft shape", lambda m: (m.normal(x), m.normal((3, 3))), refuses=ValueError)
    yield Case("weight's shape", lambda m: (*_sample(m, x, "f32")[:2], m.normal((3,))),
               refuses=ValueError)  # fmt: skip
    yield Case("no classes", lambda m: (m.normal((3, 0)), m.integers((3,), 1)), refuses=ValueError)
    yield Case("booleans", lambda m: (m.normal(x), m.bools((3,))), refuses=TypeError)


def backward_cases() -> Iterator[Case]:
    """Samples of `cross_entropy_backward`."""

    def given(build: Any, keywords: dict[str, Any]) -> Any:
        def made(m: Maker) -> tuple[Any, ...]:
            x, target, *w = build(m)
            axis = keywords.get("axis", -1) % x.ndim
            kept = x.shape[:axis] + x.shape[axis + 1 :]
            stat = np.dtype("f8" if x.dtype == np.float64 else "f4")
            lse, total = np.empty(kept, stat), np.empty((), stat)
            if not m.shapes_only:
                options = {k: v for k, v in keywords.items() if k != "in_place"}
                wide = [x.astype(np.float64), target,
                        *[None if v is None else v.astype(np.float64) for v in w]]  # fmt: skip
                _, lse, total = cross_entropy_reference(*wide, **options)
                lse, total = lse.astype(stat), total.astype(stat)
            none = keywords.get("reduction") == "none"
            g = m.normal(kept if none else ()).astype(x.dtype)
            return g, x, target, lse, total, *w

        return made

    for name, build, keywords in _variants():
        yield Case(name, given(build, keywords), keywords)
    for name, build, keywords in _large():
        yield Case(name, given(build, keywords), keywords, big=True)
    over = {"in_place": True}
    yield Case("in place", given(lambda m: _sample(m, (9, 37), "bf16"), over), over)
    images = {"in_place": True, "axis": 1}
    yield Case(
        "in place images", given(lambda m: _sample(m, (2, 5, 6), "f32", axis=1), images), images
    )
    copied = {"in_place": True, "axis": 2}
    yield Case(
        "in place copy",
        given(lambda m: (m.normal((3, 2, 4)).transpose(1, 0, 2), m.integers((2, 3), 4)), copied),
        copied, refuses=ValueError,
    )  # fmt: skip
    yield Case("gradient's shape", lambda m: (m.normal((2,)), *given(
        lambda m: _sample(m, (9, 37), "f32"), {})(m)[1:]), refuses=ValueError)  # fmt: skip
