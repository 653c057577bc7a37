"""Optimizer steps as in-place kernels over whole lists of tensors.

Each works block by block, so that the temporaries stay in cache (Adam on 4M elements: 30 ms as
whole-array NumPy, 9 ms so), with torch's order of operations. They run outside of the tape: the
caller is in no_grad, and passes plain tensors of one device.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from franken.core.inplace import bump

BLOCK = 1 << 14  # elements: five float32 blocks of 64 KiB fit a second-level cache
_scratch = threading.local()


def _blocks(arrays: list[Any]) -> Iterator[list[Any]]:
    """The same stretch of every array, flat where all are contiguous."""
    first = arrays[0]
    if not all(a is None or a.flags.c_contiguous for a in arrays):
        yield arrays
        return
    n = first.size
    if n <= BLOCK:
        yield arrays
        return
    flat = [None if a is None else a.reshape(-1) for a in arrays]
    for start in range(0, n, BLOCK):
        yield [None if a is None else a[start : start + BLOCK] for a in flat]


def _temporary(like: Any) -> Any:
    """Scratch memory of a block's shape, kept between calls on the CPU."""
    if type(like) is not np.ndarray or like.size > BLOCK:
        return np.empty_like(like)
    kept = getattr(_scratch, "kept", None)
    if kept is None:
        kept = _scratch.kept = {}
    have = kept.get(like.dtype)
    if have is None:
        have = kept[like.dtype] = np.empty(BLOCK, like.dtype)
    return have[: like.size].reshape(like.shape)


def _each(params: list[Any], lists: list[list[Any]], step: Callable[..., None]) -> None:
    for i, p in enumerate(params):
        arrays = [p._a, *(None if col is None or col[i] is None else col[i]._a for col in lists)]
        for block in _blocks(arrays):
            step(i, *block)
        bump(p)


def sgd_step(
    params: list[Any], grads: list[Any], momenta: list[Any], *, lr: float, weight_decay: float,
    momentum: float, dampening: float, nesterov: bool, maximize: bool, first: list[bool],
) -> None:  # fmt: skip
    """p -= lr * d, with d the (decayed, averaged) gradient; momenta are updated in place.

    `first[i]` says that momenta[i] is new and takes the gradient itself.
    """

    def step(i: int, p: Any, g: Any, m: Any) -> None:
        t = _temporary(p)
        if maximize:
            g = np.negative(g)
        if weight_decay:
            np.multiply(p, weight_decay, out=t)
            g = np.add(g, t)
        if m is not None:
            if first[i]:
                m[...] = g
            else:
                np.multiply(m, momentum, out=m)
                if dampening:
                    np.multiply(g, 1 - dampening, out=t)
                    np.add(m, t, out=m)
                else:
                    np.add(m, g, out=m)
            if nesterov:
                np.multiply(m, momentum, out=t)
                g = np.add(g, t)
            else:
                g = m
        np.multiply(g, -lr, out=t)
        np.add(p, t, out=p)

    _each(params, [grads, momenta], step)


def adam_step(
    params: list[Any], grads: list[Any], exp_avgs: list[Any], exp_avg_sqs: list[Any],
    max_exp_avg_sqs: list[Any] | None, steps: list[float], *, lr: float, beta1: float,
    beta2: float, weight_decay: float, eps: float, decoupled: bool, maximize: bool,
) -> None:  # fmt: skip
    """One Adam (decoupled: AdamW) step; moments are updated in place."""

    def step(i: int, p: Any, g: Any, m: Any, v: Any, vmax: Any) -> None:
        t = _temporary(p)
        if maximize:
            g = np.negative(g)
        if weight_decay:
            if decoupled:
                np.multiply(p, 1 - lr * weight_decay, out=p)
            else:
                np.multiply(p, weight_decay, out=t)
                g = np.add(g, t)
        np.subtract(g, m, out=t)
        np.multiply(t, 1 - beta1, out=t)
        np.add(m, t, out=m)
        np.multiply(v, beta2, out=v)
        np.multiply(g, g, out=t)
        np.multiply(t, 1 - beta2, out=t)
        np.add(v, t, out=v)
        if vmax is not None:
            np.maximum(vmax, v, out=vmax)
            v = vmax
        bias1 = 1 - beta1 ** steps[i]
        bias2 = (1 - beta2 ** steps[i]) ** 0.5
        np.sqrt(v, out=t)
        np.divide(t, bias2, out=t)
        np.add(t, eps, out=t)
        np.divide(m, t, out=t)
        np.multiply(t, -lr / bias1, out=t)
        np.add(p, t, out=p)

    _each(params, [grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs], step)  # type: ignore[list-item]
