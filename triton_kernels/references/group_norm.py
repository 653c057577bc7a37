"""Group norm by its definition in float64, its gradients by reverse mode, and the ops' samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..checks.cases import Case, Maker
from .batch_norm import channels_last, parameters, values


def _affine(v: Any, like: np.ndarray) -> Any:
    return np.asarray(v, np.longdouble).reshape(1, -1, *[1] * (like.ndim - 2))


def group_norm_reference(
    x: np.ndarray, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> tuple[np.ndarray, ...]:
    """The definition, in extended precision; nan for the moments of no values."""
    size = np.longdouble(np.prod(x.shape[1:]) // groups)
    rows = x.astype(np.longdouble).reshape(x.shape[0] * groups, int(size))
    mean = rows.sum(1, keepdims=True) / size
    rstd = 1 / np.sqrt(((rows - mean) ** 2).sum(1, keepdims=True) / size + eps)
    y = ((rows - mean) * rstd).reshape(x.shape)
    y = y if weight is None else y * _affine(weight, x)
    y = y if bias is None else y + _affine(bias, x)
    return tuple(a.astype(np.float64) for a in (y, mean[:, 0], rstd[:, 0]))


def group_norm_backward_reference(
    g: np.ndarray, x: np.ndarray, groups: int, mean: np.ndarray, rstd: np.ndarray,
    weight: Any = None,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """Reverse mode through variance and mean, one after the other, in extended precision."""
    shape = (x.shape[0] * groups, int(np.prod(x.shape[1:])) // groups)
    size = shape[1]
    over = (0, *range(2, x.ndim))
    wide = g.astype(np.longdouble)
    normal = (wide if weight is None else wide * _affine(weight, x)).reshape(shape)
    r, away = rstd.astype(np.longdouble)[:, None], x.reshape(shape) - mean[:, None]
    variance = (normal * away).sum(1, keepdims=True) * -(r**3) / 2
    middle = -normal.sum(1, keepdims=True) * r
    out = (normal * r + (variance * 2 * away + middle) / size).reshape(x.shape)
    z = (away * r).reshape(x.shape)
    return tuple(a.astype(np.float64) for a in (out, (wide * z).sum(over), wide.sum(over)))


# name: shape, groups
SHAPES = {
    "images": ((3, 6, 4, 5), 2), "instance": ((2, 5, 4, 6), 5), "one group": ((2, 6, 9), 1),
    "vectors": ((5, 12), 3), "large": ((2, 4, 5000), 2), "large instance": ((2, 3, 9000), 3),
    "tall": ((2, 300, 30), 1),
}  # fmt: skip


def forward_cases() -> Iterator[Case]:
    """Samples of `group_norm`."""

    def build(m: Maker, shape: tuple[int, ...], groups: int, dtype: str, kind: str) -> Any:
        return (values(m, shape, dtype), groups, *parameters(m, shape[1], kind))

    for dtype in ("f32", "f16", "bf16", "f64"):
        yield Case(dtype, lambda m, d=dtype: build(m, (2, 6, 4, 5), 3, d, d))
        yield Case(f"large {dtype}", lambda m, d=dtype: (values(m, (1, 4, 5000), d), 2))
    for name, (shape, groups) in SHAPES.items():
        yield Case(name, lambda m, s=shape, k=groups: build(m, s, k, "f32", "f32"))
    yield Case("mixed", lambda m: build(m, (2, 6, 4, 5), 3, "bf16", "f32"), {"eps": 0.1})
    for c, n in ((70, 12), (20, 600)):
        yield Case(
            f"last {n}", lambda m, c=c, n=n: (channels_last(values(m, (2, c, n), "f32")), c // 10)
        )
    yield Case("strided", lambda m: (m.strided(values(m, (2, 6, 9), "f32")), 3))
    yield Case("past 32 bits", lambda m: (m.far(values(m, (2, 6, 9), "f16"), 2), 3))
    yield Case("no samples", lambda m: build(m, (0, 6, 4), 3, "f32", "f32"))
    yield Case("no places", lambda m: build(m, (2, 6, 0), 3, "f32", "f32"))
    yield Case("groups", lambda m: (values(m, (2, 6, 4), "f32"), 4), refuses=ValueError)
    yield Case("a vector", lambda m: (values(m, (6,), "f32"), 2), refuses=ValueError)
    yield Case("weight's shape", lambda m: (values(m, (2, 6), "f32"), 2, m.normal((5,))),
               refuses=ValueError)  # fmt: skip
    yield from _large(1, lambda m, x, c: (x, 32, *parameters(m, c, "f32")))


def _large(grads: int, build: Any) -> Iterator[Case]:
    """Realistic images in both layouts, of groups that fit a tile and of larger ones."""
    for dtype, side in (("bf16", 16), ("f32", 16), ("bf16", 64), ("f32", 64)):
        for last in (False, True):

            def big(
                m: Maker, dtype: str = dtype, last: bool = last, side: int = side
            ) -> tuple[Any, ...]:
                shape = (16, side, side, 512) if last else (16, 512, side, side)
                x = np.empty(shape, m.normal((), dtype).dtype)
                return build(m, *[np.moveaxis(x, -1, 1) if last else x] * grads, 512)

            yield Case(f"big {dtype} {side} last={last}", big, big=True)


def backward_cases() -> Iterator[Case]:
    """Samples of `group_norm_backward`."""

    def build(
        m: Maker, shape: tuple[int, ...], groups: int, dtype: str, kind: str | None,
        lay: Any = np.asarray,
    ) -> tuple[Any, ...]:  # fmt: skip
        x, stat = values(m, shape, dtype), "f64" if dtype == "f64" else "f32"
        mean, rstd = (m.normal((shape[0] * groups,), stat) for _ in "ab")
        if not m.shapes_only:
            found = group_norm_reference(x.astype(np.float64), groups)
            mean, rstd = (a.astype(mean.dtype) for a in found[1:])
        w = None if kind is None else m.normal((shape[1],), kind)
        return lay(m.normal(shape, dtype)), lay(x), groups, mean, rstd, w

    for dtype in ("f32", "f16", "bf16", "f64"):
        yield Case(dtype, lambda m, d=dtype: build(m, (2, 6, 4, 5), 3, d, d))
        yield Case(f"large {dtype}", lambda m, d=dtype: build(m, (1, 4, 5000), 2, d, None))
    for name, (shape, groups) in SHAPES.items():
        yield Case(name, lambda m, s=shape, k=groups: build(m, s, k, "f32", "f32"))
    yield Case("mixed", lambda m: build(m, (2, 6, 4, 5), 3, "bf16", "f32"))
    for c, n in ((70, 12), (20, 600)):
        yield Case(
            f"last {n}",
            lambda m, c=c, n=n: build(m, (2, c, n), c // 10, "f32", "f32", channels_last),
        )
    yield Case("strided", lambda m: build(m, (2, 6, 9), 3, "f32", "f32", m.strided))
    yield Case("plain", lambda m: build(m, (2, 6, 9), 3, "f32", None))
    yield Case("past 32 bits", lambda m: build(m, (2, 6, 9), 3, "f16", "f32",
                                               lambda a: m.far(a, 2)))  # fmt: skip
    yield Case("no samples", lambda m: build(m, (0, 6, 4), 3, "f32", "f32"))
    yield Case("shapes", lambda m: (m.normal((1, 2)), *build(m, (3, 2), 1, "f32", "f32")[1:]),
               refuses=ValueError)  # fmt: skip

    def arguments(m: Maker, g: Any, x: Any, c: int) -> tuple[Any, ...]:
        return g, x, 32, m.normal((16 * 32,)), m.normal((16 * 32,)), m.normal((c,))

    yield from _large(2, arguments)
