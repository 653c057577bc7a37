"""Layer and RMS norm by their definitions in float64, their gradients, and the ops' samples.

Gradients go back through variance and mean step by step, not by the kernels' closed formula.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..checks.cases import Case, Maker


def layer_norm_reference(
    x: np.ndarray, weight: Any = None, bias: Any = None, eps: float = 1e-5, axes: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The definition, in float64."""
    over = tuple(range(x.ndim - axes, x.ndim))
    rows = math.prod(x.shape[: x.ndim - axes])
    mean = x.mean(over, keepdims=True)
    rstd = 1 / np.sqrt(x.var(over, keepdims=True) + eps)
    y = (x - mean) * rstd
    y = y if weight is None else y * weight
    y = y if bias is None else y + bias
    return y, mean.reshape(rows), rstd.reshape(rows)


def rms_norm_reference(
    x: np.ndarray, weight: Any = None, eps: float = 1e-6, axes: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """The definition, in float64."""
    over = tuple(range(x.ndim - axes, x.ndim))
    rstd = 1 / np.sqrt((x * x).mean(over, keepdims=True) + eps)
    y = x * rstd if weight is None else x * rstd * weight
    return y, rstd.reshape(math.prod(x.shape[: x.ndim - axes]))


def _gradients(
    g: np.ndarray, x: np.ndarray, weight: Any, mean: Any, rstd: np.ndarray, axes: int, bias: bool
) -> tuple[np.ndarray, ...]:
    """By reverse mode through variance and mean, one after the other, in extended precision."""
    rows = math.prod(x.shape[: x.ndim - axes])
    inner = x.shape[x.ndim - axes :]
    n = math.prod(inner)
    grads, away = (a.astype(np.longdouble).reshape(rows, n) for a in (g, x))
    if mean is not None:
        away = away - mean[:, None]
    r = rstd.astype(np.longdouble)[:, None]
    normal = grads if weight is None else grads * weight.reshape(n)
    variance = (normal * away).sum(1, keepdims=True) * -(r**3) / 2
    out = normal * r + variance * 2 * away / n
    if mean is not None:
        middle = -normal.sum(1, keepdims=True) * r - variance * 2 * away.mean(1, keepdims=True)
        out += middle / n
    found = [out.reshape(x.shape)]
    if weight is not None:
        found.append((grads * away * r).sum(0).reshape(inner))
    if bias:
        found.append(grads.sum(0).reshape(inner))
    return tuple(f.astype(np.float64) for f in found)


def layer_norm_backward_reference(
    g: np.ndarray, x: np.ndarray, weight: Any, mean: np.ndarray, rstd: np.ndarray,
    axes: int = 1, bias: bool = True,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """Reverse mode at the given mean and reciprocal deviation."""
    return _gradients(g, x, weight, mean, rstd, axes, bias)


def rms_norm_backward_reference(
    g: np.ndarray, x: np.ndarray, weight: Any, rstd: np.ndarray, axes: int = 1
) -> tuple[np.ndarray, ...]:
    """Reverse mode at the given reciprocal root."""
    return _gradients(g, x, weight, None, rstd, axes, False)


def _input(m: Maker, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Values whose mean is not zero."""
    if m.shapes_only:
        return m.normal(shape, dtype)
    return (m.normal(shape, "f64", 2.0) + 1.5).astype(m.normal((), dtype).dtype)


def _forward(bias: bool) -> Iterator[Case]:
    def build(m: Maker, dtype: str, shape: tuple[int, ...], w: str, axes: int = 1) -> Any:
        inner = shape[len(shape) - axes :]
        parameters = (m.normal(inner, w), m.normal(inner, w))
        return (_input(m, shape, dtype), *parameters[: 2 if bias else 1])

    for dtype in ("f32", "f16", "bf16", "f64"):
        yield Case(dtype, lambda m, d=dtype: build(m, d, (5, 37), d))
    yield Case("plain", lambda m: (_input(m, (3, 2, 33), "f32"),))
    yield Case("mixed", lambda m: build(m, "bf16", (9, 100), "f32"))
    yield Case("two axes", lambda m: build(m, "f32", (4, 3, 5), "f32", 2), {"axes": 2})
    yield Case("eps", lambda m: (m.normal((4, 6), scale=1e-3),), {"eps": 1e-3})
    yield Case(
        "strided", lambda m: (m.strided(_input(m, (6, 9), "f32")), m.strided(m.normal((9,))))
    )
    yield Case("transposed", lambda m: (_input(m, (9, 6), "f32").T,))
    yield Case("past 32 bits", lambda m: (m.far(_input(m, (3, 5), "f16"), 1),))
    yield Case("offset", lambda m: (m.uniform((3, 700), low=98.0, high=102.0),), ulps=400)
    yield Case("long", lambda m: build(m, "f32", (2, 16500), "f32"))
    yield Case("long fp64", lambda m: (_input(m, (2, 2100), "f64"),))
    yield Case("long strided", lambda m: (m.strided(_input(m, (2, 16500), "bf16")),))
    yield Case("one column", lambda m: build(m, "f32", (3, 1), "f32"))
    yield Case("no rows", lambda m: build(m, "f32", (0, 4), "f32"))
    yield Case("integers", lambda m: (m.integers((4, 2), 3),), refuses=TypeError)
    yield Case("weight's shape", lambda m: (m.normal((4, 2)), m.normal((3,))), refuses=ValueError)
    for n in (768, 4096, 8192, 32768):
        yield Case(f"big {n}", lambda m, n=n: build(m, "bf16", (4096, n), "bf16"), big=True)
    yield Case("big f32", lambda m: build(m, "f32", (4096, 4096), "f32"), big=True)


def layer_cases() -> Iterator[Case]:
    """Samples of `layer_norm`."""
    yield from _forward(True)


def rms_cases() -> Iterator[Case]:
    """Samples of `rms_norm`."""
    yield from _forward(False)


def _backward(layer: bool) -> Iterator[Case]:
    def build(
        m: Maker, dtype: str, shape: tuple[int, ...], w: str | None, axes: int = 1
    ) -> tuple[Any, ...]:
        x = _input(m, shape, dtype)
        kept = shape[: len(shape) - axes]
        stat = "f64" if dtype == "f64" else "f32"
        mean, rstd = (m.normal((math.prod(kept),), stat) for _ in "ab")
        if not m.shapes_only:
            values = x.astype(np.float64)
            _, a, r = layer_norm_reference(values, axes=axes)
            mean, rstd = a.astype(mean.dtype), r.astype(mean.dtype)
            if not layer:
                rstd = rms_norm_reference(values, axes=axes)[1].astype(mean.dtype)
        weight = None if w is None else m.normal(shape[len(shape) - axes :], w)
        statistics = (mean, rstd) if layer else (rstd,)
        return (m.normal(shape, dtype), x, weight, *statistics)

    def strided(m: Maker) -> tuple[Any, ...]:
        g, x, w, *rest = build(m, "f32", (6, 9), "f32")
        return m.strided(g), np.asfortranarray(x), m.strided(w), *rest

    def far(m: Maker) -> tuple[Any, ...]:
        g, *rest = build(m, "f16", (3, 5), "f16")
        return m.far(g, 1), *rest

    def single(m: Maker) -> tuple[Any, ...]:
        g, x, *rest, rstd = build(m, "f32", (3, 1), "f32")
        # Of one sign: a parameter's gradient is one number, and its terms must not cancel. At
        # its own 1 / |x| the gradient in x would be rounding errors alone.
        return np.abs(g), x if layer else np.abs(x), *rest, rstd / 2

    none: dict[str, Any] = {"bias": False} if layer else {}
    for dtype in ("f32", "f16", "bf16", "f64"):
        yield Case(dtype, lambda m, d=dtype: build(m, d, (5, 37), d))
    yield Case("mixed", lambda m: build(m, "bf16", (9, 100), "f32"))
    yield Case("plain", lambda m: build(m, "f32", (7, 16), None), none)
    yield Case("strips", lambda m: build(m, "f64", (130, 520), "f64"))
    yield Case("two axes", lambda m: build(m, "f32", (4, 3, 5), "f32", 2), {"axes": 2})
    if layer:
        yield Case("no bias", lambda m: build(m, "f32", (4, 7), "f32"), {"bias": False})
        yield Case("bias alone", lambda m: build(m, "f32", (4, 7), None), {"bias": True})
    yield Case("strided", strided)
    yield Case("past 32 bits", far)
    yield Case("long", lambda m: build(m, "f64", (34, 1100), "f64"))
    yield Case("long plain", lambda m: build(m, "f64", (2, 1100), None), none)
    yield Case("long fp32", lambda m: build(m, "f32", (2, 8200), "f32"))
    yield Case("one column", single)
    yield Case("no rows", lambda m: build(m, "f32", (0, 4), "f32"))
    yield Case(
        "shapes", lambda m: (m.normal((4, 2)), *build(m, "f32", (3, 2), "f32")[1:]),
        refuses=ValueError,
    )  # fmt: skip
    for n in (768, 4096, 8192, 32768):
        yield Case(f"big {n}", lambda m, n=n: build(m, "bf16", (4096, n), "bf16"), big=True)
    yield Case("big f32", lambda m: build(m, "f32", (4096, 4096), "f32"), big=True)


def layer_backward_cases() -> Iterator[Case]:
    """Samples of `layer_norm_backward`."""
    yield from _backward(True)


def rms_backward_cases() -> Iterator[Case]:
    """Samples of `rms_norm_backward`."""
    yield from _backward(False)
