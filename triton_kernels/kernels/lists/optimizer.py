"""SGD, Adam and AdamW over lists of parameters: one launch for all of them, state in float32.

Rules and order of operations are those of torch.optim. `scale` (one float32) divides the gradients
first, in place; where `found` (one float32) is not 0 the step is left out, step counts included.
The host reads neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import triton
import triton.language as tl

from ...checks.cases import Case, Maker, kernel, op
from ...launching.arrays import cdiv, empty, next_power_of_2
from ...launching.launch import launch
from ...references.optimizer import adam_reference, sgd_reference
from .multi_tensor import chunk_of, gather, halves, one_element, place_of

SGD = "torch.optim.SGD documentation; Sutskever et al., On the importance of initialization, 2013"
ADAM = (
    "Kingma and Ba, Adam, arXiv:1412.6980; Loshchilov and Hutter, Decoupled weight decay "
    "regularization, arXiv:1711.05101; Reddi et al., On the convergence of Adam, arXiv:1904.09237"
)
# Sizes of samples: nothing, one element, less than a block, a chunk of whole blocks and a part.
SIZES = ((0,), (), (5, 7), (3, 300))
FACTOR_BLOCK = 256  # tensors a program of a kernel over step counts


@triton.jit
def unless_found(left, found_ptr):
    """Elements that a chunk still has to do: none where the step is left out."""
    if found_ptr is not None:
        left = tl.where(tl.load(found_ptr) != 0.0, 0, left)  # in bounds: one element
    return left


@triton.jit
def gradient(g_ptr, at, ok, scale_ptr, MAXIMIZE: tl.constexpr):
    """Gradients in float32, unscaled (in memory too, as torch's fused optimizers do) and signed."""
    g = tl.load(g_ptr + at, mask=ok, other=0.0).to(tl.float32)
    if scale_ptr is not None:
        g = g / tl.load(scale_ptr)  # in bounds: one element
        tl.store(g_ptr + at, g.to(g_ptr.dtype.element_ty), mask=ok)
    if MAXIMIZE:
        g = -g
    return g


@triton.jit
def given_rate(lr, lr_ptr):
    """The learning rate, which an array may hold."""
    if lr_ptr is not None:
        lr = tl.load(lr_ptr)  # in bounds: one element
    return lr


@triton.jit
def sgd_block(
    p_ptr, g_ptr, b_ptr, at, ok, scale_ptr, lr, decay, momentum, rest,
    MOMENTUM: tl.constexpr, FIRST: tl.constexpr, NESTEROV: tl.constexpr, MAXIMIZE: tl.constexpr,
):  # fmt: skip
    """One step of stochastic gradient descent on a block of elements."""
    g = gradient(g_ptr, at, ok, scale_ptr, MAXIMIZE)
    p = tl.load(p_ptr + at, mask=ok, other=0.0).to(tl.float32)
    g += decay * p
    if MOMENTUM:
        if FIRST:
            b = g
        else:
            b = momentum * tl.load(b_ptr + at, mask=ok, other=0.0) + rest * g
        tl.store(b_ptr + at, b, mask=ok)
        if NESTEROV:
            g += momentum * b
        else:
            g = b
    tl.store(p_ptr + at, (p - lr * g).to(p_ptr.dtype.element_ty), mask=ok)


@kernel(source=SGD, hot=True)
@triton.jit
def sgd_kernel(
    table_ptr, chunk_ptr, lr_ptr, scale_ptr, found_ptr, tensors, lr, decay, momentum, rest,
    KIND: tl.constexpr, MOMENTUM: tl.constexpr, FIRST: tl.constexpr, NESTEROV: tl.constexpr,
    MAXIMIZE: tl.constexpr, ALIGNED: tl.constexpr, STEPS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """p -= lr g, or lr times the momentum buffer, over a table of parameters and gradients.

    Rows: parameters and gradients (KIND), with MOMENTUM buffers (fp32). rest: 1 - dampening.
    """
    ROWS: tl.constexpr = 3 if MOMENTUM else 2
    tensor, start, left = chunk_of(table_ptr, chunk_ptr, tensors, ROWS, STEPS * BLOCK)
    p_ptr = place_of(table_ptr, tensors, tensor, start, 0, KIND, ALIGNED)
    g_ptr = place_of(table_ptr, tensors, tensor, start, 1, KIND, ALIGNED)
    b_ptr = place_of(table_ptr, tensors, tensor, start, ROWS - 1, tl.float32, ALIGNED)
    left = unless_found(left, found_ptr)
    lr = given_rate(lr, lr_ptr)
    at = tl.arange(0, BLOCK)
    whole = left // BLOCK
    for step in range(0, whole):
        sgd_block(
            p_ptr, g_ptr, b_ptr, step * BLOCK + at, tl.full([BLOCK], 1, tl.int1), scale_ptr, lr,
            decay, momentum, rest, MOMENTUM, FIRST, NESTEROV, MAXIMIZE,
        )  # fmt: skip
    at += whole * BLOCK
    if left > whole * BLOCK:
        sgd_block(
            p_ptr, g_ptr, b_ptr, at, at < left, scale_ptr, lr,
            decay, momentum, rest, MOMENTUM, FIRST, NESTEROV, MAXIMIZE,
        )  # fmt: skip


@kernel(source=ADAM)
@triton.jit
def adam_factors_kernel(
    step_ptr, factor_ptr, lr_ptr, found_ptr, tensors, lr, lr_low, beta1, beta1_low, beta2,
    beta2_low, decay, decay_low, BLOCK: tl.constexpr,
):  # fmt: skip
    """Advance step counts t; write factors (3, tensors) in fp32 from fp64 arithmetic.

    These are lr / (1 - beta1^t), the root of 1 - beta2^t, and 1 - lr decay.
    step_ptr: the table's row of addresses of step counts. A number and its `_low` are the two
    float32 halves of a float64: 1 - beta2 of a float32 beta2 is off in its fourth digit.
    """
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    ok = at < tensors
    place = tl.load(step_ptr + at, mask=ok, other=0).to(tl.pointer_type(tl.float32))
    step = tl.load(place, mask=ok, other=0.0) + 1.0
    if found_ptr is not None:
        step -= tl.where(tl.load(found_ptr) != 0.0, 1.0, 0.0)  # in bounds: one element
    tl.store(place, step, mask=ok)
    zero = tl.zeros([BLOCK], tl.float64)
    rate = zero + lr + lr_low
    if lr_ptr is not None:
        rate = zero + tl.load(lr_ptr)  # in bounds: one element
    step = zero + step
    size = rate / (1.0 - tl.exp(step * tl.log(zero + beta1 + beta1_low)))
    root = tl.sqrt(1.0 - tl.exp(step * tl.log(zero + beta2 + beta2_low)))
    kept = 1.0 - rate * (zero + decay + decay_low)
    tl.store(factor_ptr + at, size.to(tl.float32), mask=ok)
    tl.store(factor_ptr + tensors + at, root.to(tl.float32), mask=ok)
    tl.store(factor_ptr + 2 * tensors + at, kept.to(tl.float32), mask=ok)


@triton.jit
def adam_block(
    p_ptr, g_ptr, m_ptr, v_ptr, top_ptr, at, ok, scale_ptr, size, root, kept, rest1, beta2, rest2,
    eps, decay, DECOUPLED: tl.constexpr, AMSGRAD: tl.constexpr, MAXIMIZE: tl.constexpr,
):  # fmt: skip
    """One step of Adam on a block of elements."""
    g = gradient(g_ptr, at, ok, scale_ptr, MAXIMIZE)
    p = tl.load(p_ptr + at, mask=ok, other=0.0).to(tl.float32)
    if DECOUPLED:
        p *= kept
    else:
        g += decay * p
    m = tl.load(m_ptr + at, mask=ok, other=0.0)
    m += rest1 * (g - m)
    tl.store(m_ptr + at, m, mask=ok)
    v = beta2 * tl.load(v_ptr + at, mask=ok, other=0.0) + rest2 * g * g
    tl.store(v_ptr + at, v, mask=ok)
    if AMSGRAD:
        top = tl.load(top_ptr + at, mask=ok, other=0.0)
        v = tl.maximum(top, v, propagate_nan=tl.PropagateNan.ALL)
        tl.store(top_ptr + at, v, mask=ok)
    p -= size * m / (tl.sqrt(v) / root + eps)
    tl.store(p_ptr + at, p.to(p_ptr.dtype.element_ty), mask=ok)


@kernel(source=ADAM, hot=True)
@triton.jit
def adam_kernel(
    table_ptr, chunk_ptr, factor_ptr, scale_ptr, found_ptr, tensors, rest1, beta2, rest2, eps,
    decay, KIND: tl.constexpr, DECOUPLED: tl.constexpr, AMSGRAD: tl.constexpr,
    MAXIMIZE: tl.constexpr, ALIGNED: tl.constexpr, STEPS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Adam over a table: parameters, gradients (KIND), both averages, with AMSGRAD the maxima.

    A row of step counts lies between these and the sizes. factor: see adam_factors_kernel.
    rest1, rest2: 1 - beta1 and 1 - beta2.
    """
    STATES: tl.constexpr = 5 if AMSGRAD else 4
    tensor, start, left = chunk_of(table_ptr, chunk_ptr, tensors, STATES + 1, STEPS * BLOCK)
    p_ptr = place_of(table_ptr, tensors, tensor, start, 0, KIND, ALIGNED)
    g_ptr = place_of(table_ptr, tensors, tensor, start, 1, KIND, ALIGNED)
    m_ptr = place_of(table_ptr, tensors, tensor, start, 2, tl.float32, ALIGNED)
    v_ptr = place_of(table_ptr, tensors, tensor, start, 3, tl.float32, ALIGNED)
    top_ptr = place_of(table_ptr, tensors, tensor, start, STATES - 1, tl.float32, ALIGNED)
    left = unless_found(left, found_ptr)
    size = tl.load(factor_ptr + tensor)  # in bounds: three factors a tensor
    root = tl.load(factor_ptr + tensors + tensor)  # in bounds: three factors a tensor
    kept = tl.load(factor_ptr + 2 * tensors + tensor)  # in bounds: three factors a tensor
    at = tl.arange(0, BLOCK)
    whole = left // BLOCK
    for step in range(0, whole):
        adam_block(
            p_ptr, g_ptr, m_ptr, v_ptr, top_ptr, step * BLOCK + at, tl.full([BLOCK], 1, tl.int1),
            scale_ptr, size, root, kept, rest1, beta2, rest2, eps, decay,
            DECOUPLED, AMSGRAD, MAXIMIZE,
        )  # fmt: skip
    at += whole * BLOCK
    if left > whole * BLOCK:
        adam_block(
            p_ptr, g_ptr, m_ptr, v_ptr, top_ptr, at, at < left,
            scale_ptr, size, root, kept, rest1, beta2, rest2, eps, decay,
            DECOUPLED, AMSGRAD, MAXIMIZE,
        )  # fmt: skip


def rate_of(op_name: str, lr: Any) -> tuple[float, Any]:
    """(number, array or None) of a learning rate that is one or the other."""
    if isinstance(lr, int | float):
        return float(lr), None
    return 0.0, one_element(op_name, "lr", lr)


def lists(
    m: Maker, dtype: str, states: int, sizes: Sequence[Any] = SIZES, fixed: bool = True
) -> list[list[np.ndarray]]:
    """A sample's parameters, gradients and states (not negative).

    fixed: the interpreter refuses to write the gradients. A single number is drawn so that sums
    do not cancel: nothing else in its array gives a measure of what it may lose.
    """

    def signed(s: Any) -> np.ndarray:
        return m.normal(s, dtype) if s != () else m.uniform(s, dtype, 1.0, 2.0)

    params, grads = ([signed(s) for s in sizes] for _ in range(2))
    for g in grads:
        g.flags.writeable = not fixed
    rest = [[m.uniform(s, high=1.0 if s != () else 0.05) for s in sizes] for _ in range(states)]
    return [params, grads, *rest]


def one(m: Maker, value: float) -> np.ndarray:
    """One float32, the same from every maker."""
    return np.full((1,), value, np.float32)


def _sgd_cases() -> Iterator[Case]:
    def plain(m: Maker, dtype: str = "f32") -> tuple[Any, ...]:
        return (*lists(m, dtype, 0), [], 0.1)

    def moving(m: Maker, dtype: str = "f32") -> tuple[Any, ...]:
        return (*lists(m, dtype, 1), 0.1)

    def scaled(m: Maker, found: float = 0.0) -> tuple[Any, ...]:
        return (*lists(m, "f16", 1, fixed=False), 0.1, one(m, 16.0), one(m, found))

    for dtype in ("f32", "f16", "bf16"):
        yield Case(dtype, lambda m, d=dtype: plain(m, d))
        yield Case(f"{dtype} momentum", lambda m, d=dtype: moving(m, d), {"momentum": 0.9})
    settings = {"momentum": 0.9, "weight_decay": 0.1}
    yield Case("dampening", moving, {**settings, "dampening": 0.5, "maximize": True})
    yield Case("nesterov", moving, {**settings, "nesterov": True})
    yield Case("first", moving, {**settings, "first": True})
    yield Case("scaled", scaled, {"momentum": 0.9})
    yield Case("left out", lambda m: scaled(m, 1.0), {"momentum": 0.9})
    yield Case("rate in memory", lambda m: (*lists(m, "f32", 0), [], one(m, 0.1)))
    yield Case("transposed", lambda m: (*[[x[0].T] for x in lists(m, "f32", 1, [(9, 70)])], 0.1),
               {"momentum": 0.5})  # fmt: skip
    yield Case("no arrays", lambda m: ([], [], [], 0.1))
    yield Case("with gaps", lambda m: ([m.strided(m.normal((4, 4)))], [m.normal((4, 4))], [], 0.1),
               refuses=ValueError)  # fmt: skip
    yield Case("other order", lambda m: ([m.normal((4, 6)).T], [m.normal((6, 4))], [], 0.1),
               refuses=ValueError)  # fmt: skip
    yield Case("mixed", lambda m: ([m.normal(4)], [m.normal(4, "f16")], [], 0.1), refuses=TypeError)
    for dtype in ("f32", "bf16"):
        yield Case(f"big {dtype}", lambda m, d=dtype: (*lists(m, d, 1, BIG), 0.1),
                   {"momentum": 0.9, "weight_decay": 0.1}, big=True)  # fmt: skip


# Of a model's layers: 64 matrices and vectors, 134 million elements.
BIG = ((1024, 4096), (1024,)) * 32


@op(reference=sgd_reference, cases=_sgd_cases, ulps=4)
def sgd(
    params: Sequence[Any], grads: Sequence[Any], buffers: Sequence[Any], lr: Any,
    scale: Any = None, found: Any = None, *, weight_decay: float = 0.0, momentum: float = 0.0,
    dampening: float = 0.0, nesterov: bool = False, maximize: bool = False, first: bool = False,
) -> tuple[Any, ...]:  # fmt: skip
    """Step params down grads, in place; return params, buffers, and grads if unscaled.

    params, grads: lists of one dtype (fp32, bf16, fp16), dense, alike at each position. buffers:
    fp32, for momentum only; with `first` they are set, not read. lr: a number or one float32.
    """
    if not params:
        return ()
    states = {"buffers": buffers} if momentum else {}
    walk, kind = gather("sgd", params, grads, states)
    number, array = rate_of("sgd", lr)
    launch(
        sgd_kernel, (walk.programs,), walk.addresses, walk.chunks, array,
        one_element("sgd", "scale", scale), one_element("sgd", "found", found), walk.tensors,
        number, float(weight_decay), float(momentum), 1.0 - dampening,
        KIND=kind, MOMENTUM=bool(momentum), FIRST=first, NESTEROV=nesterov, MAXIMIZE=maximize,
        reaches=[*params, *grads, *buffers], **walk.settings(),
    )  # fmt: skip
    return (*params, *(buffers if momentum else ()), *(grads if scale is not None else ()))


def _adam_cases() -> Iterator[Case]:
    def plain(
        m: Maker, dtype: str = "f32", states: int = 2, sizes: Any = SIZES, rate: Any = 0.01
    ) -> tuple[Any, ...]:
        params, grads, *kept = lists(m, dtype, states, sizes)
        steps = [m.integers((), 9, "f32") for _ in sizes]
        return params, grads, kept[0], kept[1], kept[2] if states > 2 else [], steps, rate

    def unaligned(m: Maker) -> tuple[Any, ...]:
        args = plain(m, sizes=((300,), (17,)))
        return *[[x[1:] for x in row] for row in args[:4]], *args[4:]

    def scaled(m: Maker, found: float = 0.0) -> tuple[Any, ...]:
        args = plain(m, "f16")
        for g in args[1]:
            g.flags.writeable = True
        return (*args, one(m, 1024.0), one(m, found))

    for dtype in ("f32", "f16", "bf16"):
        yield Case(dtype, lambda m, d=dtype: plain(m, d))
        yield Case(f"{dtype} decoupled", lambda m, d=dtype: plain(m, d),
                   {"decoupled": True, "weight_decay": 0.1})  # fmt: skip
    yield Case("coupled decay", plain, {"weight_decay": 0.1, "maximize": True})
    yield Case("amsgrad", lambda m: plain(m, states=3), {"betas": (0.8, 0.9)})
    yield Case("scaled", scaled)
    yield Case("left out", lambda m: scaled(m, 1.0))
    yield Case("rate in memory", lambda m: plain(m, rate=one(m, 0.01)))
    yield Case("no memory of means", plain, {"betas": (0.0, 0.5)})
    yield Case("unaligned", unaligned)
    yield Case("no arrays", lambda m: ([], [], [], [], [], [], 0.1))
    yield Case("few steps", lambda m: (*plain(m)[:5], [one(m, 1.0)], 0.1), refuses=ValueError)
    for dtype in ("f32", "bf16"):
        yield Case(f"big {dtype}", lambda m, d=dtype: plain(m, d, 2, BIG),
                   {"decoupled": True, "weight_decay": 0.1}, big=True)  # fmt: skip


@op(reference=adam_reference, cases=_adam_cases, ulps=4)
def adam(
    params: Sequence[Any], grads: Sequence[Any], exp_avgs: Sequence[Any],
    exp_avg_sqs: Sequence[Any], max_exp_avg_sqs: Sequence[Any], steps: Sequence[Any], lr: Any,
    scale: Any = None, found: Any = None, *, betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8, weight_decay: float = 0.0, decoupled: bool = False, maximize: bool = False,
) -> tuple[Any, ...]:  # fmt: skip
    """Step by Adam (AdamW where `decoupled`), in place; return all that was written.

    max_exp_avg_sqs: empty, or the maxima of AMSGrad. steps: one float32 a parameter, advanced.
    Lists as in `sgd`, the states fp32. lr: a number or one float32.
    """
    if not params:
        return ()
    states = {"exp_avgs": exp_avgs, "exp_avg_sqs": exp_avg_sqs}
    if max_exp_avg_sqs:
        states["max_exp_avg_sqs"] = max_exp_avg_sqs
    walk, kind = gather("adam", params, grads, states, steps)
    number, array = rate_of("adam", lr)
    scale, found = one_element("adam", "scale", scale), one_element("adam", "found", found)
    factors = empty(exp_avgs[0], (3, walk.tensors))
    block = min(FACTOR_BLOCK, next_power_of_2(walk.tensors))
    launch(
        adam_factors_kernel, (cdiv(walk.tensors, block),), walk.addresses[2 + len(states)],
        factors, array, found, walk.tensors, *halves(number), *halves(betas[0]),
        *halves(betas[1]), *halves(weight_decay), BLOCK=block, warps=1, stages=1, reaches=steps,
    )  # fmt: skip
    launch(
        adam_kernel, (walk.programs,), walk.addresses, walk.chunks, factors, scale, found,
        walk.tensors, 1.0 - betas[0], float(betas[1]), 1.0 - betas[1], float(eps),
        float(weight_decay), KIND=kind, DECOUPLED=decoupled, AMSGRAD=bool(max_exp_avg_sqs),
        MAXIMIZE=maximize, reaches=[*params, *grads, *[x for s in states.values() for x in s]],
        **walk.settings(),
    )  # fmt: skip
    written = [params, *states.values(), steps, *([grads] if scale is not None else [])]
    return tuple([x for arrays in written for x in arrays])
