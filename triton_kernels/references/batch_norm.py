"""Batch norm by its definition in float64, its gradients by reverse mode, and the ops' samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..checks.cases import Case, Maker


def _wide(v: Any, like: np.ndarray) -> Any:
    """A vector of channels against (N, C, ...), in extended precision."""
    return np.asarray(v, np.longdouble).reshape(1, -1, *[1] * (like.ndim - 2))


def _over(x: np.ndarray) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def batch_norm_inference_reference(
    x: np.ndarray, mean: Any, variance: Any, weight: Any = None, bias: Any = None,
    eps: float = 1e-5,
) -> np.ndarray:  # fmt: skip
    """The definition."""
    y = (x - _wide(mean, x)) / np.sqrt(_wide(variance, x) + eps)
    y = y if weight is None else y * _wide(weight, x)
    y = y if bias is None else y + _wide(bias, x)
    return y.astype(np.float64)


def batch_norm_reference(
    x: np.ndarray, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> tuple[np.ndarray, ...]:
    """The definition, nan for the moments of no values."""
    wide = x.astype(np.longdouble)
    n = np.longdouble(x.size // max(x.shape[1], 1))
    mean = wide.sum(_over(x)) / n
    variance = ((wide - _wide(mean, x)) ** 2).sum(_over(x)) / n
    y = batch_norm_inference_reference(x, mean, variance, weight, bias, eps)
    return tuple(a.astype(np.float64) for a in (y, mean, variance, 1 / np.sqrt(variance + eps)))


def batch_norm_running_reference(
    running_mean: np.ndarray, running_variance: np.ndarray, mean: np.ndarray,
    variance: np.ndarray, count: int, momentum: float = 0.1,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """The definition: (1 - momentum) old + momentum new."""
    unbiased = variance * (count / (count - 1)) if count > 1 else variance * np.inf
    return (
        (1 - momentum) * running_mean + momentum * mean,
        (1 - momentum) * running_variance + momentum * unbiased,
    )


def batch_norm_backward_reference(
    g: np.ndarray, x: np.ndarray, mean: np.ndarray, rstd: np.ndarray, weight: Any = None
) -> tuple[np.ndarray, ...]:
    """Reverse mode through variance and mean, one after the other, in extended precision."""
    over = _over(x)
    r, away, grads = _wide(rstd, x), x - _wide(mean, x), g.astype(np.longdouble)
    n = max(x.size // max(x.shape[1], 1), 1)
    normal = grads if weight is None else grads * _wide(weight, x)
    variance = (normal * away).sum(over, keepdims=True) * -(r**3) / 2
    middle = -normal.sum(over, keepdims=True) * r
    out = normal * r + variance * 2 * away / n + middle / n
    return tuple(a.astype(np.float64) for a in (out, (grads * away * r).sum(over), grads.sum(over)))


def batch_norm_inference_backward_reference(
    g: np.ndarray, x: np.ndarray, mean: np.ndarray, variance: np.ndarray, weight: Any = None,
    eps: float = 1e-5,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """The derivative with constant moments."""
    over, r = _over(x), 1 / np.sqrt(_wide(variance, x) + eps)
    normal = g * (1.0 if weight is None else _wide(weight, x)) * r
    away = (x - _wide(mean, x)) * r
    return tuple(a.astype(np.float64) for a in (normal, (g * away).sum(over), g.sum(over)))


def values(m: Maker, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Values whose mean is not zero."""
    if m.shapes_only:
        return m.normal(shape, dtype)
    return (m.normal(shape, "f64", 2.0) + 1.5).astype(m.normal((), dtype).dtype)


def channels_last(x: np.ndarray) -> np.ndarray:
    """The same values with channels innermost in memory."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


def parameters(m: Maker, n: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """A weight and a bias."""
    return m.normal((n,), dtype), m.normal((n,), dtype)


SHAPES = {"images": (3, 5, 4, 6), "vectors": (37, 6), "one sample": (1, 4, 9), "series": (2, 3, 40)}


def training_cases() -> Iterator[Case]:
    """Samples of `batch_norm`."""
    for dtype in ("f32", "f16", "bf16", "f64"):
        yield Case(dtype, lambda m, d=dtype: (values(m, (3, 5, 4, 6), d), *parameters(m, 5, d)))
    for name, shape in SHAPES.items():
        yield Case(name, lambda m, s=shape: (values(m, s, "f32"), *parameters(m, s[1], "f32")))
    yield Case("plain", lambda m: (values(m, (3, 5, 7), "f32"),), {"eps": 1e-2})
    yield Case("mixed", lambda m: (values(m, (3, 5, 7), "bf16"), *parameters(m, 5, "f32")))
    yield Case("last", lambda m: (channels_last(values(m, (3, 70, 4, 6), "f32")),))
    yield Case("strided", lambda m: (m.strided(values(m, (3, 5, 6), "f32")),))
    yield Case("past 32 bits", lambda m: (m.far(values(m, (3, 5, 6), "f16")),))
    yield Case("pieces", lambda m: (values(m, (3, 2, 6000), "f32"), *parameters(m, 2, "f32")))
    yield Case("pieces last", lambda m: (channels_last(values(m, (2, 3, 700), "f64")),))
    yield Case("offset", lambda m: (m.uniform((2, 3, 600), low=98.0, high=102.0),), ulps=300)
    yield Case("one value", lambda m: (values(m, (1, 3), "f32"),))
    yield Case("no channels", lambda m: (values(m, (3, 0), "f32"),))
    yield Case("no values", lambda m: (values(m, (0, 3), "f32"),))
    yield Case("a vector", lambda m: (values(m, (3,), "f32"),), refuses=ValueError)
    yield Case("sizes", lambda m: (values(m, (2, 3), "f32"), m.normal((2,))), refuses=ValueError)
    yield Case("integers", lambda m: (m.integers((2, 3), 4),), refuses=TypeError)
    yield from _large(1, lambda m, x, c: (x, *parameters(m, c, "f32")))


def _large(grads: int, build: Any) -> Iterator[Case]:
    """Realistic images in both layouts."""
    for dtype in ("bf16", "f32"):
        for last in (False, True):

            def big(m: Maker, dtype: str = dtype, last: bool = last) -> tuple[Any, ...]:
                x = np.empty(
                    (64, 56, 56, 256) if last else (64, 256, 56, 56), m.normal((), dtype).dtype
                )
                x = np.moveaxis(x, -1, 1) if last else x
                return build(m, *[x] * grads, 256)

            yield Case(f"big {dtype} last={last}", big, big=True)


def inference_cases() -> Iterator[Case]:
    """Samples of `batch_norm_inference`."""

    def build(m: Maker, shape: tuple[int, ...], dtype: str, kind: str) -> tuple[Any, ...]:
        c = shape[1]
        given = m.normal((c,), kind), m.uniform((c,), kind, 0.5, 3.0)
        return (values(m, shape, dtype), *given, *parameters(m, c, kind))

    for dtype in ("f32", "f16", "bf16", "f64"):
        yield Case(dtype, lambda m, d=dtype: build(m, (3, 5, 4, 6), d, d))
    yield Case("mixed", lambda m: build(m, (2, 3, 4), "f16", "f32"), {"eps": 0.1})
    yield Case("plain", lambda m: build(m, (2, 3, 4), "f32", "f32")[:3])
    yield Case("last", lambda m: (channels_last(values(m, (3, 70, 4), "f32")),
                                  *build(m, (3, 70), "f32", "f32")[1:]))  # fmt: skip
    yield Case("empty", lambda m: build(m, (0, 3, 4), "f32", "f32"))
    yield from _large(1, lambda m, x, c: (x, *build(m, (1, c), "f32", "f32")[1:]))


def running_cases() -> Iterator[Case]:
    """Samples of `batch_norm_running`."""

    def build(m: Maker, kind: str, new: str, count: int) -> tuple[Any, ...]:
        old = m.normal((300,), kind), m.uniform((300,), kind, 0.5, 2.0)
        return (*old, m.normal((300,), new), m.uniform((300,), new, 0.5, 2.0), count)

    yield Case("f32", lambda m: build(m, "f32", "f32", 24))
    yield Case("bf16", lambda m: build(m, "bf16", "f32", 24), {"momentum": 0.3})
    yield Case("f64", lambda m: build(m, "f64", "f64", 5), {"momentum": 0.01})
    yield Case("one value", lambda m: build(m, "f32", "f32", 1))


def backward_cases(inference: bool = False) -> Iterator[Case]:
    """Samples of `batch_norm_backward`, whose statistics are x's, or of any, where constant."""

    def build(
        m: Maker, shape: tuple[int, ...], dtype: str, kind: str | None, lay: Any = np.asarray
    ) -> tuple[Any, ...]:
        c, stat = shape[1], "f64" if dtype == "f64" else "f32"
        x = values(m, shape, dtype)
        mean, scale = m.normal((c,), stat), m.uniform((c,), stat, 0.5, 2.0)
        if not m.shapes_only and not inference:
            _, mean, _, scale = (a.astype(mean.dtype)
                                 for a in batch_norm_reference(x.astype(np.float64)))  # fmt: skip
        w = None if kind is None else m.normal((c,), kind)
        return lay(m.normal(shape, dtype)), lay(x), mean, scale, w

    for dtype in ("f32", "f16", "bf16", "f64"):
        yield Case(dtype, lambda m, d=dtype: build(m, (3, 5, 4, 6), d, d))
    yield Case("vectors", lambda m: build(m, (37, 6), "f32", "f32"))
    yield Case("mixed", lambda m: build(m, (3, 5, 7), "bf16", "f32"))
    yield Case("plain", lambda m: build(m, (3, 5, 7), "f32", None))
    yield Case("last", lambda m: build(m, (3, 70, 4), "f32", "f32", channels_last))
    yield Case("strided", lambda m: build(m, (3, 5, 6), "f32", "f32", m.strided))
    yield Case("past 32 bits", lambda m: build(m, (3, 5, 6), "f16", "f32", m.far))
    yield Case("pieces", lambda m: build(m, (3, 2, 6000), "f32", "f32"))
    yield Case("no channels", lambda m: build(m, (3, 0), "f32", "f32"))
    yield Case("shapes", lambda m: (m.normal((1, 2)), *build(m, (3, 2), "f32", "f32")[1:]),
               refuses=ValueError)  # fmt: skip
    yield from _large(2, lambda m, g, x, c: (g, x, *build(m, (1, c), "f32", "f32")[2:]))


def inference_backward_cases() -> Iterator[Case]:
    """Samples of `batch_norm_inference_backward`."""
    yield from backward_cases(True)
