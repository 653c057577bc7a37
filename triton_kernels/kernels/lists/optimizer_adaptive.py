"""Adagrad, RMSprop and Lion over lists of parameters: one launch for all of them.

What `optimizer` says of scale, found, lists and results holds here too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import triton
import triton.language as tl

from ...checks.cases import Case, Maker, kernel, op
from ...launching.arrays import cdiv, next_power_of_2
from ...launching.launch import launch
from ...references.optimizer import adagrad_reference, lion_reference, rmsprop_reference
from .multi_tensor import chunk_of, gather, one_element, place_of
from .optimizer import (
    BIG,
    FACTOR_BLOCK,
    SIZES,
    given_rate,
    gradient,
    lists,
    one,
    rate_of,
    unless_found,
)  # fmt: skip

ADAGRAD = "Duchi, Hazan and Singer, Adaptive subgradient methods, JMLR 12, 2011"
RMSPROP = "torch.optim.RMSprop documentation; Graves, arXiv:1308.0850 (centered)"
LION = "Chen et al., Symbolic discovery of optimization algorithms, arXiv:2302.06675"


@kernel(source="Counts of optimizer steps")
@triton.jit
def advance_kernel(step_ptr, found_ptr, tensors, BLOCK: tl.constexpr):
    """Add one to step counts whose addresses are given, unless found holds anything but 0."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    ok = at < tensors
    place = tl.load(step_ptr + at, mask=ok, other=0).to(tl.pointer_type(tl.float32))
    step = tl.load(place, mask=ok, other=0.0) + 1.0
    if found_ptr is not None:
        step -= tl.where(tl.load(found_ptr) != 0.0, 1.0, 0.0)  # in bounds: one element
    tl.store(place, step, mask=ok)


@triton.jit
def adagrad_block(p_ptr, g_ptr, s_ptr, at, ok, scale_ptr, rate, decay, eps, MAXIMIZE: tl.constexpr):
    """One step of Adagrad on a block of elements."""
    g = gradient(g_ptr, at, ok, scale_ptr, MAXIMIZE)
    p = tl.load(p_ptr + at, mask=ok, other=0.0).to(tl.float32)
    g += decay * p
    s = tl.load(s_ptr + at, mask=ok, other=0.0) + g * g
    tl.store(s_ptr + at, s, mask=ok)
    p -= rate * g / (tl.sqrt(s) + eps)
    tl.store(p_ptr + at, p.to(p_ptr.dtype.element_ty), mask=ok)


@kernel(source=ADAGRAD, hot=True)
@triton.jit
def adagrad_kernel(
    table_ptr, chunk_ptr, lr_ptr, scale_ptr, found_ptr, tensors, lr, lr_decay, decay, eps,
    KIND: tl.constexpr, MAXIMIZE: tl.constexpr, ALIGNED: tl.constexpr, STEPS: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Adagrad over a table: parameters, gradients (KIND), sums of squares, counts of steps done."""
    tensor, start, left = chunk_of(table_ptr, chunk_ptr, tensors, 4, STEPS * BLOCK)
    p_ptr = place_of(table_ptr, tensors, tensor, start, 0, KIND, ALIGNED)
    g_ptr = place_of(table_ptr, tensors, tensor, start, 1, KIND, ALIGNED)
    s_ptr = place_of(table_ptr, tensors, tensor, start, 2, tl.float32, ALIGNED)
    # in bounds: one count a tensor
    done = tl.load(place_of(table_ptr, tensors, tensor, 0, 3, tl.float32, False))
    left = unless_found(left, found_ptr)
    rate = given_rate(lr, lr_ptr) / (1.0 + done * lr_decay)
    at = tl.arange(0, BLOCK)
    whole = left // BLOCK
    for step in range(0, whole):
        adagrad_block(
            p_ptr, g_ptr, s_ptr, step * BLOCK + at, tl.full([BLOCK], 1, tl.int1), scale_ptr, rate,
            decay, eps, MAXIMIZE,
        )  # fmt: skip
    at += whole * BLOCK
    if left > whole * BLOCK:
        adagrad_block(p_ptr, g_ptr, s_ptr, at, at < left, scale_ptr, rate, decay, eps, MAXIMIZE)


@triton.jit
def rmsprop_block(
    p_ptr, g_ptr, s_ptr, b_ptr, m_ptr, at, ok, scale_ptr, lr, decay, alpha, rest, eps, momentum,
    MOMENTUM: tl.constexpr, CENTERED: tl.constexpr, MAXIMIZE: tl.constexpr,
):  # fmt: skip
    """One step of RMSprop on a block of elements."""
    g = gradient(g_ptr, at, ok, scale_ptr, MAXIMIZE)
    p = tl.load(p_ptr + at, mask=ok, other=0.0).to(tl.float32)
    g += decay * p
    s = alpha * tl.load(s_ptr + at, mask=ok, other=0.0) + rest * g * g
    tl.store(s_ptr + at, s, mask=ok)
    if CENTERED:
        m = tl.load(m_ptr + at, mask=ok, other=0.0)
        m += rest * (g - m)
        tl.store(m_ptr + at, m, mask=ok)
        s -= m * m
    g /= tl.sqrt(s) + eps
    if MOMENTUM:
        g += momentum * tl.load(b_ptr + at, mask=ok, other=0.0)
        tl.store(b_ptr + at, g, mask=ok)
    tl.store(p_ptr + at, (p - lr * g).to(p_ptr.dtype.element_ty), mask=ok)


@kernel(source=RMSPROP, hot=True)
@triton.jit
def rmsprop_kernel(
    table_ptr, chunk_ptr, lr_ptr, scale_ptr, found_ptr, tensors, lr, decay, alpha, rest, eps,
    momentum, KIND: tl.constexpr, MOMENTUM: tl.constexpr, CENTERED: tl.constexpr,
    MAXIMIZE: tl.constexpr, ALIGNED: tl.constexpr, STEPS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """RMSprop over a table: parameters, gradients (KIND), averages of squares.

    With MOMENTUM its buffers follow, with CENTERED averages of gradients. rest: 1 - alpha.
    """
    BUFFER: tl.constexpr = 3 if MOMENTUM else 2
    MEAN: tl.constexpr = BUFFER + 1 if CENTERED else BUFFER
    tensor, start, left = chunk_of(table_ptr, chunk_ptr, tensors, MEAN + 1, STEPS * BLOCK)
    p_ptr = place_of(table_ptr, tensors, tensor, start, 0, KIND, ALIGNED)
    g_ptr = place_of(table_ptr, tensors, tensor, start, 1, KIND, ALIGNED)
    s_ptr = place_of(table_ptr, tensors, tensor, start, 2, tl.float32, ALIGNED)
    b_ptr = place_of(table_ptr, tensors, tensor, start, BUFFER, tl.float32, ALIGNED)
    m_ptr = place_of(table_ptr, tensors, tensor, start, MEAN, tl.float32, ALIGNED)
    left = unless_found(left, found_ptr)
    lr = given_rate(lr, lr_ptr)
    at = tl.arange(0, BLOCK)
    whole = left // BLOCK
    for step in range(0, whole):
        rmsprop_block(
            p_ptr, g_ptr, s_ptr, b_ptr, m_ptr, step * BLOCK + at, tl.full([BLOCK], 1, tl.int1),
            scale_ptr, lr, decay, alpha, rest, eps, momentum, MOMENTUM, CENTERED, MAXIMIZE,
        )  # fmt: skip
    at += whole * BLOCK
    if left > whole * BLOCK:
        rmsprop_block(
            p_ptr, g_ptr, s_ptr, b_ptr, m_ptr, at, at < left,
            scale_ptr, lr, decay, alpha, rest, eps, momentum, MOMENTUM, CENTERED, MAXIMIZE,
        )  # fmt: skip


@triton.jit
def lion_block(
    p_ptr, g_ptr, m_ptr, at, ok, scale_ptr, lr, decay, beta1, rest1, beta2, rest2,
    MAXIMIZE: tl.constexpr,
):  # fmt: skip
    """One step of Lion on a block of elements."""
    g = gradient(g_ptr, at, ok, scale_ptr, MAXIMIZE)
    p = tl.load(p_ptr + at, mask=ok, other=0.0).to(tl.float32)
    m = tl.load(m_ptr + at, mask=ok, other=0.0)
    way = beta1 * m + rest1 * g
    # What is neither above nor below 0 is 0, or not a number and stays so.
    way = tl.where(way > 0.0, 1.0, tl.where(way < 0.0, -1.0, way))
    p -= lr * decay * p
    tl.store(p_ptr + at, (p - lr * way).to(p_ptr.dtype.element_ty), mask=ok)
    tl.store(m_ptr + at, beta2 * m + rest2 * g, mask=ok)


@kernel(source=LION, hot=True)
@triton.jit
def lion_kernel(
    table_ptr, chunk_ptr, lr_ptr, scale_ptr, found_ptr, tensors, lr, decay, beta1, rest1, beta2,
    rest2, KIND: tl.constexpr, MAXIMIZE: tl.constexpr, ALIGNED: tl.constexpr,
    STEPS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Lion over a table: parameters, gradients (KIND), averages. rest1, rest2: 1 - beta."""
    tensor, start, left = chunk_of(table_ptr, chunk_ptr, tensors, 3, STEPS * BLOCK)
    p_ptr = place_of(table_ptr, tensors, tensor, start, 0, KIND, ALIGNED)
    g_ptr = place_of(table_ptr, tensors, tensor, start, 1, KIND, ALIGNED)
    m_ptr = place_of(table_ptr, tensors, tensor, start, 2, tl.float32, ALIGNED)
    left = unless_found(left, found_ptr)
    lr = given_rate(lr, lr_ptr)
    at = tl.arange(0, BLOCK)
    whole = left // BLOCK
    for step in range(0, whole):
        lion_block(
            p_ptr, g_ptr, m_ptr, step * BLOCK + at, tl.full([BLOCK], 1, tl.int1), scale_ptr, lr,
            decay, beta1, rest1, beta2, rest2, MAXIMIZE,
        )  # fmt: skip
    at += whole * BLOCK
    if left > whole * BLOCK:
        lion_block(
            p_ptr, g_ptr, m_ptr, at, at < left, scale_ptr, lr,
            decay, beta1, rest1, beta2, rest2, MAXIMIZE,
        )  # fmt: skip


def _written(scale: Any, grads: Sequence[Any], *rows: Sequence[Any]) -> tuple[Any, ...]:
    """All arrays that a step wrote, in the order of its arguments, unscaled gradients last."""
    return tuple([x for row in [*rows, *([grads] if scale is not None else [])] for x in row])


def _with_scale(build: Any, found: float = 0.0) -> Any:
    """A builder of the same arguments and a scale and a flag, its gradients writable."""

    def scaled(m: Maker) -> tuple[Any, ...]:
        args = build(m, "f16")
        for g in args[1]:
            g.flags.writeable = True
        return (*args, one(m, 16.0), one(m, found))

    return scaled


def _adagrad_cases() -> Iterator[Case]:
    def plain(m: Maker, dtype: str = "f32", sizes: Any = SIZES) -> tuple[Any, ...]:
        return *lists(m, dtype, 1, sizes), [m.integers((), 9, "f32") for _ in sizes], 0.1

    for dtype in ("f32", "f16", "bf16"):
        yield Case(dtype, lambda m, d=dtype: plain(m, d), {"lr_decay": 0.1})
    yield Case("decay", plain, {"weight_decay": 0.1, "maximize": True})
    yield Case("scaled", _with_scale(plain))
    yield Case("left out", _with_scale(plain, 1.0))
    yield Case("rate in memory", lambda m: (*plain(m)[:-1], one(m, 0.1)))
    yield Case("no arrays", lambda m: ([], [], [], [], 0.1))
    yield Case("big", lambda m: plain(m, sizes=BIG), big=True)


@op(reference=adagrad_reference, cases=_adagrad_cases, ulps=4)
def adagrad(
    params: Sequence[Any], grads: Sequence[Any], sums: Sequence[Any], steps: Sequence[Any],
    lr: Any, scale: Any = None, found: Any = None, *, lr_decay: float = 0.0,
    weight_decay: float = 0.0, eps: float = 1e-10, maximize: bool = False,
) -> tuple[Any, ...]:  # fmt: skip
    """Step by Adagrad, in place; return all that was written. sums: fp32 squares; see `adam`."""
    if not params:
        return ()
    walk, kind = gather("adagrad", params, grads, {"sums": sums}, steps)
    number, array = rate_of("adagrad", lr)
    scale, found = one_element("adagrad", "scale", scale), one_element("adagrad", "found", found)
    launch(
        adagrad_kernel, (walk.programs,), walk.addresses, walk.chunks, array, scale, found,
        walk.tensors, number, float(lr_decay), float(weight_decay), float(eps), KIND=kind,
        MAXIMIZE=maximize, reaches=[*params, *grads, *sums, *steps], **walk.settings(),
    )  # fmt: skip
    # After the launch that reads them: its programs all see the count of steps done before.
    block = min(FACTOR_BLOCK, next_power_of_2(walk.tensors))
    launch(
        advance_kernel, (cdiv(walk.tensors, block),), walk.addresses[3], found, walk.tensors,
        BLOCK=block, warps=1, stages=1, reaches=steps,
    )  # fmt: skip
    return _written(scale, grads, params, sums, steps)


def _rmsprop_cases() -> Iterator[Case]:
    def plain(
        m: Maker, dtype: str = "f32", moving: bool = False, centered: bool = False,
        sizes: Any = SIZES,
    ) -> tuple[Any, ...]:  # fmt: skip
        params, grads, squares, rest = lists(m, dtype, 2, sizes)
        means = []
        if centered:
            # A mean's square is below the mean of squares.
            squares = [m.uniform(s, low=0.5) for s in sizes]
            means = [m.uniform(s, high=0.5) for s in sizes]
        return params, grads, squares, rest if moving else [], means, 0.01

    for dtype in ("f32", "f16", "bf16"):
        yield Case(dtype, lambda m, d=dtype: plain(m, d))
    yield Case("momentum", lambda m: plain(m, moving=True), {"momentum": 0.9, "maximize": True})
    yield Case("centered", lambda m: plain(m, centered=True),
               {"centered": True, "weight_decay": 0.1})  # fmt: skip
    yield Case("both", lambda m: plain(m, "bf16", True, True), {"centered": True, "momentum": 0.5})
    yield Case("scaled", _with_scale(plain))
    yield Case("left out", _with_scale(plain, 1.0))
    yield Case("rate in memory", lambda m: (*plain(m)[:-1], one(m, 0.1)))
    yield Case("no arrays", lambda m: ([], [], [], [], [], 0.1))
    yield Case("big", lambda m: plain(m, "f32", True, True, BIG),
               {"centered": True, "momentum": 0.5}, big=True)  # fmt: skip


@op(reference=rmsprop_reference, cases=_rmsprop_cases, ulps=4)
def rmsprop(
    params: Sequence[Any], grads: Sequence[Any], squares: Sequence[Any], buffers: Sequence[Any],
    means: Sequence[Any], lr: Any, scale: Any = None, found: Any = None, *, alpha: float = 0.99,
    eps: float = 1e-8, weight_decay: float = 0.0, momentum: float = 0.0, centered: bool = False,
    maximize: bool = False,
) -> tuple[Any, ...]:  # fmt: skip
    """Step by RMSprop, in place; return all that was written.

    squares, buffers (for momentum only) and means (if centered only): fp32. See `adam`. Centered,
    the variance is a difference, and as inexact as that of two float32 numbers.
    """
    if not params:
        return ()
    states = {"squares": squares}
    if momentum:
        states["buffers"] = buffers
    if centered:
        states["means"] = means
    walk, kind = gather("rmsprop", params, grads, states)
    number, array = rate_of("rmsprop", lr)
    scale, found = one_element("rmsprop", "scale", scale), one_element("rmsprop", "found", found)
    launch(
        rmsprop_kernel, (walk.programs,), walk.addresses, walk.chunks, array, scale, found,
        walk.tensors, number, float(weight_decay), float(alpha), 1.0 - alpha, float(eps),
        float(momentum), KIND=kind, MOMENTUM=bool(momentum), CENTERED=centered, MAXIMIZE=maximize,
        reaches=[*params, *grads, *squares, *buffers, *means], **walk.settings(),
    )  # fmt: skip
    return _written(scale, grads, params, *states.values())


def _lion_cases() -> Iterator[Case]:
    def plain(m: Maker, dtype: str = "f32", sizes: Any = SIZES) -> tuple[Any, ...]:
        return *lists(m, dtype, 1, sizes), 0.01

    def undefined(m: Maker) -> tuple[Any, ...]:
        p, g, means, lr = plain(m, sizes=((5,),))
        means[0][:3], g[0] = (0.0, np.nan, 0.0), m.normal((5,))
        g[0][0] = 0.0
        return p, g, means, lr

    for dtype in ("f32", "f16", "bf16"):
        yield Case(dtype, lambda m, d=dtype: plain(m, d))
    yield Case("decay", plain, {"weight_decay": 0.1, "maximize": True, "betas": (0.5, 0.9)})
    yield Case("zero and not a number", undefined)
    yield Case("scaled", _with_scale(plain))
    yield Case("left out", _with_scale(plain, 1.0))
    yield Case("rate in memory", lambda m: (*plain(m)[:-1], one(m, 0.1)))
    yield Case("no arrays", lambda m: ([], [], [], 0.1))
    yield Case("big", lambda m: plain(m, "bf16", BIG), {"weight_decay": 0.1}, big=True)


@op(reference=lion_reference, cases=_lion_cases, ulps=4)
def lion(
    params: Sequence[Any], grads: Sequence[Any], means: Sequence[Any], lr: Any,
    scale: Any = None, found: Any = None, *, betas: tuple[float, float] = (0.9, 0.99),
    weight_decay: float = 0.0, maximize: bool = False,
) -> tuple[Any, ...]:  # fmt: skip
    """Step by Lion, in place; return all that was written. means: fp32; see `adam`."""
    if not params:
        return ()
    walk, kind = gather("lion", params, grads, {"means": means})
    number, array = rate_of("lion", lr)
    scale, found = one_element("lion", "scale", scale), one_element("lion", "found", found)
    launch(
        lion_kernel, (walk.programs,), walk.addresses, walk.chunks, array, scale, found,
        walk.tensors, number, float(weight_decay), float(betas[0]), 1.0 - betas[0],
        float(betas[1]), 1.0 - betas[1], KIND=kind, MAXIMIZE=maximize,
        reaches=[*params, *grads, *means], **walk.settings(),
    )  # fmt: skip
    return _written(scale, grads, params, means)
