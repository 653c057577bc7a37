"""Optimizer steps as primitives that change whole lists of tensors in place.

Their kernels work block by block, so that the temporaries stay in cache (Adam on 4M elements: 30 ms
as whole-array NumPy, 9 ms so), with torch's order of operations. float16 and bfloat16 are computed
in float32 and rounded once a step; complex numbers count as pairs of real ones. They run outside of
the tape: the caller is in no_grad, and passes plain tensors of one device.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from franken.backends.numpy.parallel import parallel_for
from franken.core import dtypes as dt
from franken.core.primitive import NO_BATCH_RULE, Primitive, bind
from franken.core.state import STATE
from franken.core.tensor import version_of
from franken.core.where import here

BLOCK = 1 << 14  # elements: five float32 blocks of 64 KiB fit a second-level cache
_FEW = 1 << 11  # elements below which new memory is quicker than finding kept one: 0.3 us to 1.2
SPLIT = 1 << 20  # elements from which threads pay: 200,000 in one go finish sooner than in two
_REAL = {d.np: d.to_real().np for d in (dt.complex32, dt.complex64, dt.complex128)}
_WIDE = (np.dtype("float32"), np.dtype("float64"))
_HOST = np.ndarray  # also where the kernels are re-made for a GPU: there nothing is cut in blocks
_scratch = threading.local()


def _temporary(like: Any) -> Any:
    """Scratch memory of a block's shape, kept between calls on the CPU where it is not small."""
    n = like.size
    if n < _FEW or type(like) is not _HOST or n > BLOCK:
        return np.empty_like(like)
    kept = getattr(_scratch, "kept", None)
    if kept is None:
        kept = _scratch.kept = {}
    have = kept.get(like.dtype)
    if have is None:
        have = kept[like.dtype] = np.empty(BLOCK, like.dtype)
    return have[:n].reshape(like.shape)


def _blocks(arrays: list[Any]) -> Iterator[list[Any]]:
    """The same stretch of every array, flat where all are contiguous."""
    n = arrays[0].size
    if n <= BLOCK or not all(a.flags.c_contiguous for a in arrays):
        yield arrays
        return
    flat = [a.reshape(-1) for a in arrays]
    for start in range(0, n, BLOCK):
        yield [a[start : start + BLOCK] for a in flat]


def _real(a: Any) -> Any:
    return a.reshape(*a.shape, 1).view(_REAL[a.dtype]) if a.dtype in _REAL else a


def _each(arrays: tuple[Any, ...], count: int, step: Callable[..., None]) -> tuple[()]:
    """Call `step(i, gradient, parameter, *state)` on every parameter's arrays, block by block.

    The arrays are lists of `count` one after the other: gradients, parameters, then what else is
    kept for each parameter.
    """
    for i in range(count):
        mine = arrays[i::count]
        p = mine[1]
        if p.dtype not in _WIDE:
            _unusual(i, mine, step)
        elif p.size <= BLOCK or type(p) is not _HOST:
            step(i, *mine)
        elif p.size >= SPLIT:
            _on_threads(i, list(_blocks(list(mine))), step)
        else:
            for block in _blocks(list(mine)):
                step(i, *block)
    return ()


def _on_threads(i: int, blocks: list[Any], step: Callable[..., None]) -> None:
    def some(start: int, stop: int) -> None:
        # a thread has an error state of its own, see quiet
        with np.errstate(all="ignore"):
            for block in blocks[start:stop]:
                step(i, *block)

    parallel_for(len(blocks), SPLIT // 2 // BLOCK, some)


def _unusual(i: int, arrays: tuple[Any, ...], step: Callable[..., None]) -> None:
    """Complex parameters by their parts; low precision through float32."""
    parts = [_real(a) for a in arrays]
    if parts[1].dtype in _WIDE:
        for block in _blocks(parts):
            step(i, *block)
        return
    for block in _blocks(parts):
        wide = [a.astype(np.float32) for a in block]
        step(i, *wide)
        for a, w in zip(block[1:], wide[1:], strict=True):  # all but the gradient
            a[...] = w


def _sgd_kernel(
    *arrays: Any, count: int, lr: float, weight_decay: float, momentum: float, dampening: float,
    nesterov: bool, maximize: bool, first: tuple[bool, ...],
) -> tuple[()]:  # fmt: skip
    def plain(i: int, g: Any, p: Any) -> None:
        t = _temporary(p)
        np.multiply(g, -lr, t)
        np.add(p, t, p)

    def step(i: int, g: Any, p: Any, m: Any = None) -> None:
        t = _temporary(p)
        if maximize:
            g = np.negative(g)
        if weight_decay:
            np.multiply(p, weight_decay, t)
            g = np.add(g, t)
        if m is not None:
            if first[i]:
                m[...] = g
            else:
                np.multiply(m, momentum, m)
                np.add(m, np.multiply(g, 1 - dampening, t) if dampening else g, m)
            if nesterov:
                np.multiply(m, momentum, t)
                g = np.add(g, t)
            else:
                g = m
        np.multiply(g, -lr, t)
        np.add(p, t, p)

    return _each(arrays, count, step if maximize or weight_decay or momentum else plain)


def _adam_kernel(
    *arrays: Any, count: int, factors: tuple[tuple[float, float], ...], lr: float, beta1: float,
    beta2: float, weight_decay: float, eps: float, decoupled: bool, maximize: bool,
) -> tuple[()]:  # fmt: skip
    new1, new2, keep = 1 - beta1, 1 - beta2, 1 - lr * weight_decay
    multiply, add = np.multiply, np.add

    def step(i: int, g: Any, p: Any, m: Any, v: Any, vmax: Any = None) -> None:
        t = _temporary(p)
        if maximize:
            g = np.negative(g)
        if weight_decay:
            if decoupled:
                multiply(p, keep, p)
            else:
                multiply(p, weight_decay, t)
                g = add(g, t)
        np.subtract(g, m, t)
        multiply(t, new1, t)
        add(m, t, m)
        multiply(v, beta2, v)
        multiply(g, new2, t)
        multiply(t, g, t)
        add(v, t, v)
        if vmax is not None:
            np.maximum(vmax, v, out=vmax)
            v = vmax
        bias2, size = factors[i]
        np.sqrt(v, t)
        np.divide(t, bias2, t)
        add(t, eps, t)
        np.divide(m, t, t)
        multiply(t, size, t)
        add(p, t, p)

    return _each(arrays, count, step)


def _advance_kernel(*steps: Any) -> tuple[()]:
    for s in steps:
        s += 1
    return ()


def _changer(name: str, kernel: Any, writes: Any) -> Primitive:
    return Primitive(
        name, (), kernel, outputs=0, variadic=True, batch=NO_BATCH_RULE, writes=writes
    ).not_differentiable()


# The gradients come first; everything behind them is changed.
_sgd = _changer("sgd_step", _sgd_kernel, lambda inputs, count, **_: inputs[count:])
_adam = _changer("adam_step", _adam_kernel, lambda inputs, count, **_: inputs[count:])
_advance = _changer("advance_steps", _advance_kernel, lambda inputs: inputs)


def _changed(tensors: list[Any]) -> None:
    at = here(3)
    for p in tensors:
        version = version_of(p)
        version[0] += 1
        version[1] = at


def sgd_step(
    params: list[Any], grads: list[Any], momenta: list[Any] | None, *, lr: float,
    weight_decay: float, momentum: float, dampening: float, nesterov: bool, maximize: bool,
    first: list[bool],
) -> None:  # fmt: skip
    """p -= lr * d, with d the (decayed, averaged) gradient; momenta are updated in place.

    `first[i]` says that momenta[i] is new and takes the gradient itself.
    """
    bind(_sgd, (*grads, *params, *(momenta or ())), {
        "count": len(params), "lr": lr, "weight_decay": weight_decay, "momentum": momentum,
        "dampening": dampening, "nesterov": nesterov, "maximize": maximize, "first": tuple(first),
    })  # fmt: skip
    _changed(params)


def adam_step(
    params: list[Any], grads: list[Any], exp_avgs: list[Any], exp_avg_sqs: list[Any],
    max_exp_avg_sqs: list[Any] | None, steps: list[Any], *, lr: float, beta1: float,
    beta2: float, weight_decay: float, eps: float, decoupled: bool, maximize: bool,
) -> None:  # fmt: skip
    """One Adam (decoupled: AdamW) step; moments and step counts are updated in place."""
    if STATE.recorder is None:
        _advance_kernel(*[s._a for s in steps])
    else:
        bind(_advance, tuple(steps), {})
    factors = []
    known: dict[float, tuple[float, float]] = {}
    for s in steps:
        t = s._a.item()
        if t not in known:
            known[t] = (1 - beta2**t) ** 0.5, -lr / (1 - beta1**t)
        factors.append(known[t])
    bind(_adam, (*grads, *params, *exp_avgs, *exp_avg_sqs, *(max_exp_avg_sqs or ())), {
        "count": len(params), "factors": tuple(factors), "lr": lr, "beta1": beta1, "beta2": beta2,
        "weight_decay": weight_decay, "eps": eps, "decoupled": decoupled, "maximize": maximize,
    })  # fmt: skip
    _changed(params)
