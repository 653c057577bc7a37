"""Picking by index along a dimension and its transpose: the derivative of ops that select.

`by_index` gives max, sort, median, cummax ... their rules. Knows none of them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from franken.backends.meta import rules
from franken.backends.numpy.halves import halved
from franken.core.batching import all_batched
from franken.core.primitive import NOT_DIFFERENTIABLE, Primitive


def _pick_kernel(x: Any, index: Any, *, dim: int) -> Any:
    return np.take_along_axis(x, index, axis=dim)


def _place_kernel(g: Any, index: Any, *, dim: int, size: int, unique: bool) -> Any:
    """Zeros of length `size` along `dim` with g added at `index`."""
    shape = (*g.shape[:dim], size, *g.shape[dim + 1 :])
    out = np.zeros(shape, g.dtype)
    if unique:
        np.put_along_axis(out, index, g, axis=dim)
        return out
    inner = math.prod(shape[dim + 1 :])
    block = max(size * inner, 1)
    start = np.arange(math.prod(shape[:dim])).reshape(*shape[:dim], *(1,) * (len(shape) - dim))
    column = np.arange(inner).reshape(1, *shape[dim + 1 :])
    np.add.at(out.reshape(-1), start * block + index * inner + column, g)
    return out


# x at `index` along `dim`, and its transpose; `unique` says that no place occurs twice.
pick = Primitive("pick", ("x", "index"), _pick_kernel, batch=all_batched("dim"), meta="at")
place = Primitive(
    "place", ("g_", "index"), halved(_place_kernel), batch=all_batched("dim"),
    meta=lambda g, index, *, dim, size, **_: rules.reserved(
        (*g.shape[:dim], size, *g.shape[dim + 1 :]), g.dtype
    ),
)  # fmt: skip

pick.vjp("index")(NOT_DIFFERENTIABLE)
place.vjp("index")(NOT_DIFFERENTIABLE)


@pick.vjp("x")
def _(g: Any, index: Any, x_shape: Any, dim: int) -> Any:
    return place(g, index, dim=dim, size=x_shape[dim], unique=False)


@pick.jvp
def _(tangents: Any, out: Any, x: Any, index: Any, *, dim: int) -> Any:
    return None if tangents[0] is None else pick(tangents[0], index, dim=dim)


@place.vjp("g_")
def _(g: Any, index: Any, dim: int) -> Any:
    return pick(g, index, dim=dim)


@place.jvp
def _(tangents: Any, out: Any, g_: Any, index: Any, **params: Any) -> Any:
    return None if tangents[0] is None else place(tangents[0], index, **params)


def by_index(prim: Primitive, *, unique: bool = True, index: int = 1) -> Primitive:
    """Declare the derivative of an op (values, indices) along `dim`: by index."""

    def vjp(g: Any, out1: Any, x_shape: Any, dim: int) -> Any:
        return place(g[0], out1, dim=dim, size=x_shape[dim], unique=unique)

    def vjp_kept(g: Any, out1: Any, x_shape: Any, dim: int, keepdim: bool) -> Any:
        at, g0 = out1, g[0]
        if not keepdim:
            at, g0 = at.unsqueeze(dim), g0.unsqueeze(dim)
        return place(g0, at, dim=dim, size=x_shape[dim], unique=unique)

    def jvp(tangents: Any, out: Any, x: Any, *, dim: int, keepdim: bool = True, **_: Any) -> Any:
        at = out[1] if keepdim else out[1].unsqueeze(dim)
        t = pick(tangents[0], at, dim=dim)
        return (t if keepdim else t.squeeze(dim)), None

    prim.vjp("x")(vjp if prim.name in _WHOLE else vjp_kept)
    prim.jvp(jvp)
    return prim


# ops of the form (values, indices) that keep the dimension
_WHOLE = frozenset(("sort", "topk", "cummax", "cummin"))
