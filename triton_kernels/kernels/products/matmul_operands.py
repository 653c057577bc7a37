"""A matrix product as numbers: sizes, strides of at most two batch axes, bits of the factors.

Host code alone. It broadcasts without copying, folds rows of batches into one long matrix where
strides allow, and knows neither kernels nor tables.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...launching.arrays import empty, namespace, strides, type_name
from .matmul_tile import ACTIVATIONS

_KINDS = {"fp16": "16bit", "bf16": "16bit", "fp32": "fp32", "fp64": "fp64", "i8": "i8"}


@dataclass(frozen=True, slots=True)
class Product:
    """out = activate(alpha a b + bias + beta c) over a batch of `outer` times `inner` matrices.

    Strides are in elements: (outer, inner, rows, columns) of a, b, c and out, (rows, columns) of
    the bias. bias and c may be None. kind: 16bit, tf32, fp32, fp64 or i8.
    """

    a: Any
    b: Any
    bias: Any
    c: Any
    out: Any
    m: int
    n: int
    k: int
    outer: int
    inner: int
    a_strides: tuple[int, ...]
    b_strides: tuple[int, ...]
    c_strides: tuple[int, ...]
    out_strides: tuple[int, ...]
    bias_strides: tuple[int, int]
    alpha: float
    beta: float
    activation: str
    kind: str

    @property
    def batch(self) -> int:
        """Number of matrices."""
        return self.outer * self.inner

    @property
    def precision(self) -> str:
        """The input precision of tl.dot."""
        return "tf32" if self.kind == "tf32" else "ieee"

    def flipped(self) -> Product:
        """The same product written as its transpose, out.T = b.T a.T."""
        return replace(
            self, a=self.b, b=self.a, m=self.n, n=self.m,
            a_strides=_swap(self.b_strides), b_strides=_swap(self.a_strides),
            c_strides=_swap(self.c_strides), out_strides=_swap(self.out_strides),
            bias_strides=self.bias_strides[::-1],
        )  # fmt: skip

    def epilogue(self) -> tuple[int, ...]:
        """The run-time numbers of the epilogue, in the kernels' order."""
        return (
            bits(self.alpha), bits(self.beta), *self.bias_strides,
            *self.c_strides, *self.out_strides,
        )  # fmt: skip


def _swap(s: tuple[int, ...]) -> tuple[int, ...]:
    return (*s[:2], s[3], s[2])


def bits(value: float) -> int:
    """The bits of a float64 as a signed integer.

    >>> hex(bits(1.0))
    '0x3ff0000000000000'
    """
    return struct.unpack("<q", struct.pack("<d", value))[0]


def products(
    op: str, a: Any, b: Any, bias: Any, c: Any, alpha: float, beta: float, activation: str,
    tf32: bool,
) -> tuple[Any, Iterator[Product]]:  # fmt: skip
    """(new output, the products that fill it: one, unless more than two batch axes remain).

    Raises TypeError for mixed or unknown dtypes, ValueError for shapes and names that do not fit.
    """
    kind = _kind(op, a, b, bias, c, tf32)
    if activation not in ACTIVATIONS:
        raise ValueError(f"{op}: expected an activation of {ACTIVATIONS}, got {activation!r}")
    if kind == "i8" and (activation != "none" or alpha != 1.0):
        raise ValueError(f"{op}: int8 products take no epilogue")
    batch = _check_shapes(op, a, b, bias, c)
    m, k, n = *a.shape[-2:], b.shape[-1]
    out = empty(a, (*batch, m, n), np.int32 if kind == "i8" else None)
    if out.size == 0:
        return out, iter(())
    wide = namespace(a).broadcast_to
    a, b = (wide(x, (*batch, *x.shape[-2:])) for x in (a, b))
    c = None if c is None else wide(c, out.shape)
    common = (alpha, beta, activation, kind)
    return out, _spread((a, b, c, out), bias, (m, n, k), common)


def _kind(op: str, a: Any, b: Any, bias: Any, c: Any, tf32: bool) -> str:
    names = [type_name(x.dtype) for x in (a, b, bias, c) if x is not None]
    if len(set(names)) > 1 or names[0] not in _KINDS:
        raise TypeError(f"{op}: expected one dtype of {', '.join(_KINDS)}, got {', '.join(names)}")
    kind = _KINDS[names[0]]
    if kind == "i8" and len(names) > 2:
        raise TypeError(f"{op}: int8 products take neither bias nor c")
    return "tf32" if kind == "fp32" and tf32 else kind


def _check_shapes(op: str, a: Any, b: Any, bias: Any, c: Any) -> tuple[int, ...]:
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-2]:
        raise ValueError(f"{op}: expected (..., M, K) and (..., K, N), got {a.shape}, {b.shape}")
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    full = (*batch, a.shape[-2], b.shape[-1])
    if bias is not None and bias.shape != full[-1:]:
        raise ValueError(f"{op}: expected a bias of shape {full[-1:]}, got {bias.shape}")
    if c is not None and np.broadcast_shapes(c.shape, full) != full:
        raise ValueError(f"{op}: c of shape {c.shape} does not broadcast to {full}")
    return batch


def _spread(
    views: tuple[Any, Any, Any, Any], bias: Any, sizes: tuple[int, int, int], common: Any
) -> Iterator[Product]:  # fmt: skip
    """Products over views (a, b, c, out) of one batch shape, at most two batch axes each."""
    a, b, c, out = views
    m, n, k = sizes
    steps = [(0,) * out.ndim if v is None else strides(v) for v in views]
    tails = [s[-2:] for s in steps]
    batch = out.shape[:-2]
    if all(s == 0 for s, size in zip(steps[1], batch, strict=False) if size > 1):
        # One matrix b: rows of all batches are rows of a long a.
        steps[1] = (0,) * out.ndim
        (*shape, m), heads = merge((*batch, m), [s[:-1] for s in steps])
        rows = [h.pop() for h in heads]
        tails = [t if at == 1 else (rows[at], t[1]) for at, t in enumerate(tails)]
    else:
        shape, heads = merge(batch, [s[:-2] for s in steps])
    if len(shape) > 2:
        for at in range(batch[0]):
            inner = tuple(v if v is None else v[at] for v in views)
            yield from _spread(inner, bias, sizes, common)
        return
    pad = 2 - len(shape)
    found = [(*[0] * pad, *h, *t) for h, t in zip(heads, tails, strict=True)]
    across = 0 if bias is None else strides(bias)[0]
    yield Product(a, b, bias, c, out, m, n, k, *[1] * pad, *shape, *found, (0, across), *common)


def merge(
    shape: Sequence[int], steps: Sequence[Sequence[int]]
) -> tuple[list[int], list[list[int]]]:
    """The fewest axes that walk `shape` with each of the stride lists; at least one axis.

    >>> merge((2, 3, 1, 4), [(12, 4, 9, 1), (0, 0, 9, 1)])
    ([6, 4], [[4, 1], [0, 1]])
    """
    sizes: list[int] = []
    found: list[list[int]] = [[] for _ in steps]
    for axis, size in enumerate(shape):
        now = [s[axis] for s in steps]
        if size == 1:
            continue
        if sizes and all(f[-1] == s * size for f, s in zip(found, now, strict=True)):
            sizes[-1] *= size
            for f, s in zip(found, now, strict=True):
                f[-1] = s
            continue
        sizes.append(size)
        for f, s in zip(found, now, strict=True):
            f.append(s)
    if not sizes:
        return [1], [[0] for _ in steps]
    return sizes, found
