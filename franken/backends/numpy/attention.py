"""Kernels of softmax(q k' scale + mask) v and its gradient, a cache's worth of scores at a time.

Knows arrays only: q (..., L, E), k (..., S, E), v (..., S, V) of equal leading dimensions. Scores
are never whole in memory; the backward makes them again from the saved logarithms of their sums.
Source: Dao et al., FlashAttention, 2022. Work is cut by shape alone, and sums run in order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from franken.backends.numpy.parallel import parallel_for, single_blas_thread

Array = np.ndarray

BLOCK = 1 << 17  # scores at once: 512 KiB of float32
ROWS = 64  # queries of a block, at least: fewer make products too narrow
SERIAL = 1 << 20  # multiply-adds below which a second thread is not worth its start


class _Work:
    """The shapes of one call and its mask, and how they are cut into blocks."""

    def __init__(self, q: Array, k: Array, v: Array, mask: Any, causal: bool) -> None:
        self.lead = q.shape[:-2]
        self.items = math.prod(self.lead)
        self.length, self.keys = q.shape[-2], k.shape[-2]
        self.depth, self.width = q.shape[-1], v.shape[-1]
        self.causal = causal
        self.mask = (
            None if mask is None else np.broadcast_to(mask, (*self.lead, self.length, self.keys))
        )
        rows = max(ROWS, BLOCK // max(self.keys, 1))
        self.rows = min(self.length, min(rows, 2 * ROWS) if causal else rows)
        self.step = max(1, BLOCK // max(self.rows * self.keys, 1))

    def flat(self, a: Array, dtype: Any, factor: Any = None) -> Array:
        """An input as (items, rows, columns) in the dtype that is computed in."""
        if factor is not None:
            a = a * dtype.type(factor) if a.dtype == dtype else a.astype(dtype) * dtype.type(factor)
        return a.astype(dtype, copy=False).reshape(self.items, *a.shape[-2:])

    def blocks(self) -> Iterator[tuple[slice, int]]:
        """(rows, number of keys that they may see) of each block."""
        for start in range(0, self.length, max(self.rows, 1)):
            stop = min(start + self.rows, self.length)
            yield slice(start, stop), min(stop, self.keys) if self.causal else self.keys

    def hide(self, scores: Array, items: slice, rows: slice) -> None:
        """Add the mask to a block of scores."""
        keys = scores.shape[-1]
        if self.causal and rows.start < keys:
            later = np.arange(rows.start, keys) > np.arange(rows.start, rows.stop)[:, None]
            np.copyto(scores[..., rows.start :], -np.inf, where=later)
        if self.mask is None:
            return
        if items.stop - items.start == self.items:
            seen = self.mask[..., rows, :keys].reshape(scores.shape)
        else:
            at = [np.unravel_index(i, self.lead) for i in range(items.start, items.stop)]
            seen = np.stack([self.mask[i][rows, :keys] for i in at])
        if seen.dtype == np.bool_:
            np.copyto(scores, -np.inf, where=~seen)
        else:
            scores += seen

    def run(self, body: Any) -> None:
        """Call `body(items)` over all chunks of items, on threads where it is worth it."""
        chunks = -(-self.items // self.step)

        def some(start: int, stop: int) -> None:
            with np.errstate(all="ignore"):
                for c in range(start, stop):
                    body(slice(c * self.step, min((c + 1) * self.step, self.items)))

        if self.items * self.length * self.keys * (self.depth + self.width) < SERIAL:
            some(0, chunks)
            return
        with single_blas_thread():
            parallel_for(chunks, 1, some)


def _wide(q: Array) -> Any:
    return np.dtype(np.float32) if q.dtype.itemsize == 2 else q.dtype


def attention_forward(
    q: Array, k: Array, v: Array, mask: Any, scale: float, causal: bool
) -> tuple[Array, Array]:
    """(output (..., L, V), logarithm of each row's sum of exponentials (..., L)).

    A row that sees no key gives zeros. mask: bool (true is seen) or added to the scores.

    >>> q = np.zeros((1, 1)); v = np.array([[1.0], [3.0]])
    >>> attention_forward(q, np.zeros((2, 1)), v, None, 1.0, False)[0].tolist()
    [[2.0]]
    """
    work, kind = _Work(q, k, v, mask, causal), _wide(q)
    qs, ks, vs = work.flat(q, kind, scale), work.flat(k, kind), work.flat(v, kind)
    out = np.empty((work.items, work.length, work.width), q.dtype)
    sums = np.empty((work.items, work.length), kind)
    hidden = causal or mask is not None or work.keys == 0

    def body(items: slice) -> None:
        turned = ks[items].swapaxes(1, 2)
        for rows, keys in work.blocks():
            scores = np.matmul(qs[items, rows], turned[:, :, :keys])
            work.hide(scores, items, rows)
            top = np.maximum.reduce(scores, axis=2, keepdims=True, initial=-np.inf)
            if hidden:
                top[top == -np.inf] = 0
            scores -= top
            np.exp(scores, out=scores)
            total = np.add.reduce(scores, axis=2, keepdims=True)
            part = np.matmul(scores, vs[items, :keys])
            part /= total
            if hidden:
                dead = total[..., 0] == 0
                if dead.any():
                    part[dead] = 0
            out[items, rows] = part
            sums[items, rows] = (top + np.log(total))[..., 0]
            if hidden:
                sums[items, rows][total[..., 0] == 0] = np.inf

    work.run(body)
    return out.reshape(*work.lead, work.length, work.width), sums.reshape(*work.lead, work.length)


def attention_backward(
    g: Array, q: Array, k: Array, v: Array, mask: Any, out: Array, sums: Array, scale: float,
    causal: bool,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Gradients of `attention_forward` in q, k and v."""
    work, kind = _Work(q, k, v, mask, causal), _wide(q)
    qs, ks, vs = work.flat(q, kind, scale), work.flat(k, kind), work.flat(v, kind)
    gs, os = work.flat(g, kind), work.flat(out, kind)
    exact = kind == q.dtype
    logs = sums.reshape(work.items, work.length, 1)
    gq, gk, gv = np.empty_like(qs), np.zeros_like(ks), np.zeros_like(vs)

    def body(items: slice) -> None:
        turned, values = ks[items].swapaxes(1, 2), vs[items].swapaxes(1, 2)
        for rows, keys in work.blocks():
            part, query = gs[items, rows], qs[items, rows]
            p = np.matmul(query, turned[:, :, :keys])
            work.hide(p, items, rows)
            p -= logs[items, rows]
            np.exp(p, out=p)
            gv[items, :keys] += np.matmul(p.swapaxes(1, 2), part)
            ds = np.matmul(part, values[:, :, :keys])
            if exact:
                total = np.einsum("nlv,nlv->nl", part, os[items, rows])
            else:  # the output was rounded to half precision: sum what it was made of
                total = np.einsum("nlk,nlk->nl", p, ds)
            ds -= total[..., None]
            ds *= p
            np.matmul(ds, ks[items, :keys], out=gq[items, rows])
            gk[items, :keys] += np.matmul(ds.swapaxes(1, 2), query)

    work.run(body)
    gq *= kind.type(scale)
    return tuple(  # type: ignore[return-value]
        t.astype(a.dtype, copy=False).reshape(a.shape) for t, a in ((gq, q), (gk, k), (gv, v))
    )
