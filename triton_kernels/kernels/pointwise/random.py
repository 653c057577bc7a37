"""Counter-based random numbers: element i depends on seed, offset and i alone.

Philox4x32-10 blocks of four words, so that any split over programs, and the CPU, draw the same
bits: uniforms and integers by exact arithmetic, normals by single-precision formulas in which every
multiply-add is one rounding and nothing else is fused.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import triton
import triton.language as tl

from ...checks.cases import Case, Maker, kernel, op
from ...launching.arrays import cdiv, empty, floating, next_power_of_2, type_name
from ...launching.launch import launch
from ...launching.policy import choose
from ...references import random as reference

PHILOX = "Salmon, Moraes, Dror and Shaw, Parallel random numbers: as easy as 1, 2, 3, SC 2011"
BOX_MULLER = "Box and Muller, A note on the generation of random normal deviates, 1958; Cephes"
EXACT = {"enable_fp_fusion": False}  # a fused multiply-add would give other bits than the CPU


@triton.jit
def _block_words(seed, offset, block):
    """The four uint32 words of each counter in `block` (int64), of stream (seed, offset)."""
    high = tl.zeros(block.shape, tl.int64) + offset
    key = tl.zeros([1], tl.int64) + seed
    return tl.philox_impl(
        block.to(tl.uint32), (block >> 32).to(tl.uint32), high.to(tl.uint32),
        (high >> 32).to(tl.uint32), key.to(tl.uint32), (key >> 32).to(tl.uint32),
    )  # fmt: skip


@triton.jit
def _in_order(w0, w1, w2, w3, COUNT: tl.constexpr):
    """Words 4b, 4b + 1, 4b + 2, 4b + 3 of all blocks as one row of 4 * COUNT."""
    return tl.reshape(tl.join(tl.join(w0, w2), tl.join(w1, w3)), [4 * COUNT])


@triton.jit
def _pairs_in_order(w0, w1, w2, w3, COUNT: tl.constexpr):
    """Words 2i and 2i + 1 as one uint64 each, the even one above: 2 * COUNT of them."""
    first = (w0.to(tl.uint64) << 32) | w1.to(tl.uint64)
    second = (w2.to(tl.uint64) << 32) | w3.to(tl.uint64)
    return tl.reshape(tl.join(first, second), [2 * COUNT])


@kernel(source=PHILOX, hot=True)
@triton.jit
def uniform_kernel(out_ptr, n, seed, offset, low, span, DIGITS: tl.constexpr, BLOCK: tl.constexpr):
    """out (n,) = low + span * u, u uniform in [0, 1) with DIGITS bits (53: two words each).

    fp32, fp16, bf16 compute in fp32; fp64 in fp64. BLOCK elements a program.
    """
    if DIGITS == 53:
        block = tl.program_id(0).to(tl.int64) * (BLOCK // 2) + tl.arange(0, BLOCK // 2)
        w0, w1, w2, w3 = _block_words(seed, offset, block)
        whole = _pairs_in_order(w0, w1, w2, w3, BLOCK // 2) >> 11
        u = whole.to(tl.float64) * 1.1102230246251565e-16
    else:
        block = tl.program_id(0).to(tl.int64) * (BLOCK // 4) + tl.arange(0, BLOCK // 4)
        w0, w1, w2, w3 = _block_words(seed, offset, block)
        top = _in_order(w0, w1, w2, w3, BLOCK // 4) >> (32 - DIGITS)
        u = top.to(tl.float32) * (1.0 / (1 << DIGITS))
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + at, (u * span + low).to(out_ptr.dtype.element_ty), mask=at < n)


@kernel(source=PHILOX, hot=True)
@triton.jit
def integers_kernel(out_ptr, n, seed, offset, low, span, RAW: tl.constexpr, BLOCK: tl.constexpr):
    """out (n,) integers of [low, low + span), span below 2**53; RAW: 64 random bits each."""
    block = tl.program_id(0).to(tl.int64) * (BLOCK // 2) + tl.arange(0, BLOCK // 2)
    w0, w1, w2, w3 = _block_words(seed, offset, block)
    bits = _pairs_in_order(w0, w1, w2, w3, BLOCK // 2)
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    if RAW:
        tl.store(out_ptr + at, bits.to(out_ptr.dtype.element_ty), mask=at < n)
    else:
        u = (bits >> 11).to(tl.float64) * 1.1102230246251565e-16
        wide = tl.zeros([1], tl.int64) + span
        drawn = tl.floor(u * wide.to(tl.float64)).to(tl.int64) + low
        tl.store(out_ptr + at, drawn.to(out_ptr.dtype.element_ty), mask=at < n)


@triton.jit
def _log(x):
    """Cephes' single-precision logarithm of normal positive numbers, bits fixed."""
    shifted = x.to(tl.int32, bitcast=True) - 0x3F3504F3
    exponent = (shifted >> 23).to(tl.float32)
    m = ((shifted & 0x7FFFFF) + 0x3F3504F3).to(tl.float32, bitcast=True) - 1.0
    square = m * m
    tail = tl.fma(m, 7.0376836292e-2, tl.full(m.shape, -1.1514610310e-1, tl.float32))
    tail = tl.fma(tail, m, tl.full(m.shape, 1.1676998740e-1, tl.float32))
    tail = tl.fma(tail, m, tl.full(m.shape, -1.2420140846e-1, tl.float32))
    tail = tl.fma(tail, m, tl.full(m.shape, 1.4249322787e-1, tl.float32))
    tail = tl.fma(tail, m, tl.full(m.shape, -1.6668057665e-1, tl.float32))
    tail = tl.fma(tail, m, tl.full(m.shape, 2.0000714765e-1, tl.float32))
    tail = tl.fma(tail, m, tl.full(m.shape, -2.4999993993e-1, tl.float32))
    tail = tl.fma(tail, m, tl.full(m.shape, 3.3333331174e-1, tl.float32)) * m
    tail = tl.fma(tail, square, exponent * -2.12194440e-4)
    tail = tl.fma(square, tl.full(m.shape, -0.5, tl.float32), tail)
    return tl.fma(exponent, tl.full(m.shape, 0.693359375, tl.float32), m + tail)


@triton.jit
def _sincos(x):
    """Cephes' single-precision sine and cosine of numbers in [0, 2 pi], bits fixed."""
    octant = (((x * 1.2732395447351628).to(tl.int32)) + 1) & -2
    turns = octant.to(tl.float32)
    x = x - turns * 0.78515625
    x = x - turns * 2.4187564849853515625e-4
    x = tl.fma(turns, tl.full(x.shape, -3.77489497744594108e-8, tl.float32), x)
    square = x * x
    cosine = tl.fma(
        square, 2.443315711809948e-5, tl.full(x.shape, -1.388731625493765e-3, tl.float32)
    )
    cosine = tl.fma(cosine, square, tl.full(x.shape, 4.166664568298827e-2, tl.float32)) * square
    cosine = tl.fma(cosine, square, square * -0.5) + 1.0
    sine = tl.fma(square, -1.9515295891e-4, tl.full(x.shape, 8.3321608736e-3, tl.float32))
    sine = tl.fma(sine, square, tl.full(x.shape, -1.6666654611e-1, tl.float32)) * square
    sine = tl.fma(sine, x, x)
    swap = (octant & 2) != 0
    s, c = tl.where(swap, cosine, sine), tl.where(swap, sine, cosine)
    s = tl.where((octant & 4) != 0, -s, s)
    c = tl.where(((octant + 2) & 4) != 0, -c, c)
    return s, c


@kernel(source=BOX_MULLER, hot=True)
@triton.jit
def normal_kernel(out_ptr, n, seed, offset, mean, deviation, BLOCK: tl.constexpr):
    """out (n,) normal; elements 16b + j and 16b + 8 + j are one Box-Muller pair, j below 8.

    Computed in fp32 for every dtype; BLOCK elements a program, a multiple of 16.
    """
    half = tl.program_id(0).to(tl.int64) * (BLOCK // 8) + tl.arange(0, BLOCK // 8)
    counter = (half >> 1) * 4 + (half & 1)  # blocks 4b and 4b + 1 hold radii, two later angles
    a0, a1, a2, a3 = _block_words(seed, offset, counter)
    b0, b1, b2, b3 = _block_words(seed, offset, counter + 2)
    u = (_in_order(a0, a1, a2, a3, BLOCK // 8) >> 8).to(tl.float32) * 5.9604644775390625e-8
    v = (_in_order(b0, b1, b2, b3, BLOCK // 8) >> 8).to(tl.float32) * 5.9604644775390625e-8
    radius = tl.sqrt_rn(-2.0 * _log(1.0 - u))
    sine, cosine = _sincos(6.283185307179586 * v)
    lane = tl.arange(0, BLOCK // 2)
    at = tl.program_id(0).to(tl.int64) * BLOCK + (lane >> 3) * 16 + (lane & 7)
    first = radius * cosine * deviation + mean
    second = radius * sine * deviation + mean
    tl.store(out_ptr + at, first.to(out_ptr.dtype.element_ty), mask=at < n)
    tl.store(out_ptr + at + 8, second.to(out_ptr.dtype.element_ty), mask=at + 8 < n)


@kernel(source=PHILOX, hot=True)
@triton.jit
def dropout_kernel(
    x_ptr, out_ptr, mask_ptr, n, seed, offset, threshold, scale, MASK: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """out = x * scale where word i is at least `threshold` (of 2**32), else 0; mask: which.

    Each word belongs to its element, so a backward pass repeats the mask from (seed, offset).
    """
    block = tl.program_id(0).to(tl.int64) * (BLOCK // 4) + tl.arange(0, BLOCK // 4)
    w0, w1, w2, w3 = _block_words(seed, offset, block)
    word = _in_order(w0, w1, w2, w3, BLOCK // 4)
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    ok = at < n
    keep = word.to(tl.int64) >= threshold
    x = tl.load(x_ptr + at, mask=ok)
    wide = tl.float64 if x_ptr.dtype.element_ty == tl.float64 else tl.float32
    out = tl.where(keep, x.to(wide) * scale, 0.0)
    tl.store(out_ptr + at, out.to(out_ptr.dtype.element_ty), mask=ok)
    if MASK:
        tl.store(mask_ptr + at, keep, mask=ok)


@kernel(source=PHILOX, hot=True)
@triton.jit
def bernoulli_kernel(
    p_ptr, out_ptr, n, seed, offset, threshold, WIDE: tl.constexpr, BLOCK: tl.constexpr
):  # fmt: skip
    """out (n,) = 1 where uniform i is below p_i (n,), or below threshold * 2**-53 for all, else 0.

    Uniforms have 24 bits, as fp32, or (WIDE) 53 of two words.
    """
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    if WIDE:
        block = tl.program_id(0).to(tl.int64) * (BLOCK // 2) + tl.arange(0, BLOCK // 2)
        w0, w1, w2, w3 = _block_words(seed, offset, block)
        whole = _pairs_in_order(w0, w1, w2, w3, BLOCK // 2) >> 11
        if p_ptr is None:
            one = whole.to(tl.int64) < threshold
        else:
            p = tl.load(p_ptr + at, mask=at < n, other=0)
            one = whole.to(tl.float64) * 1.1102230246251565e-16 < p
    else:
        block = tl.program_id(0).to(tl.int64) * (BLOCK // 4) + tl.arange(0, BLOCK // 4)
        w0, w1, w2, w3 = _block_words(seed, offset, block)
        u = (_in_order(w0, w1, w2, w3, BLOCK // 4) >> 8).to(tl.float32) * (1.0 / (1 << 24))
        one = u < tl.load(p_ptr + at, mask=at < n, other=0).to(tl.float32)
    tl.store(out_ptr + at, one.to(out_ptr.dtype.element_ty), mask=at < n)


def _signed(word: int) -> int:
    """A 64-bit key as a signed number, as kernels take it."""
    return ((word + 2**63) % 2**64) - 2**63


def _grid(n: int) -> tuple[tuple[int], dict[str, int]]:
    config = choose("random", n=n)
    block = max(64, min(config.constants["BLOCK"], next_power_of_2(n)))
    return (cdiv(n, block),), {"BLOCK": block, "warps": config.warps, "stages": config.stages}


def _uniform_cases() -> Iterator[Case]:
    for dtype in ("f32", "f16", "bf16", "f64"):
        yield Case(dtype, lambda m, d=dtype: (m.normal((70,), d),), {"seed": 7, "offset": 5})
    big = {"seed": 2**64 - 3, "offset": 2**33 + 1}
    yield Case("large key", lambda m: (m.normal((9, 30)),), big)
    yield Case(
        "range", lambda m: (m.normal((9,)),), {"seed": 1, "offset": 1, "low": -2.0, "high": 3.0}
    )
    yield Case("empty", lambda m: (m.normal((0,)),), {"seed": 0, "offset": 0})
    yield Case("large", lambda m: (m.normal((4096, 4096)),), {"seed": 9, "offset": 4}, big=True)


@op(reference=reference.uniform, cases=_uniform_cases, ulps=2, widen=False)
def uniform(like: Any, seed: int, offset: int, low: float = 0.0, high: float = 1.0) -> Any:
    """Uniforms of [low, high) in an array of `like`'s shape and dtype (C order counts elements).

    Without a range: exactly k * 2**-d, d = 24, 11, 8 or 53 bits by dtype.
    """
    digits = {"fp32": 24, "fp16": 11, "bf16": 8, "fp64": 53}[floating("uniform", like)]
    out = empty(like, like.shape)
    grid, settings = _grid(like.size)
    launch(
        uniform_kernel, grid, out, like.size, _signed(seed), _signed(offset), float(low),
        float(high - low), DIGITS=digits, flags=EXACT, **settings,
    )  # fmt: skip
    return out


def _integer_cases() -> Iterator[Case]:
    for dtype in ("i64", "i32", "u8"):
        yield Case(
            dtype, lambda m, d=dtype: (m.integers((70,), 9, d),),
            {"seed": 7, "offset": 5, "low": 3, "high": 90},
        )  # fmt: skip
    wide = {"seed": 1, "offset": 0, "low": -(2**40), "high": 2**52 - 2**40}
    yield Case("wide", lambda m: (m.integers((70,), 9),), wide)
    yield Case("keys", lambda m: (m.integers((70,), 9, "u64"),), {"seed": 7, "offset": 2})
    same = {"seed": 7, "offset": 2, "low": 3, "high": 3}
    yield Case("empty range", lambda m: (m.integers((7,), 9),), same, refuses=ValueError)
    some = {"seed": 7, "offset": 2, "low": 0, "high": 3}
    yield Case("floating", lambda m: (m.normal((7,)),), some, refuses=TypeError)


@op(reference=reference.integers, cases=_integer_cases, ulps=0, widen=False)
def integers(like: Any, seed: int, offset: int, low: int = 0, high: int | None = None) -> Any:
    """Integers of [low, high) (at most 2**53 of them), or 64-bit keys where `high` is None."""
    if type_name(like.dtype)[0] not in "iu":
        raise TypeError(f"integers: expected an integer dtype, got {like.dtype}")
    if high is not None and not 0 < high - low < 2**53:
        raise ValueError(f"integers: expected 0 < high - low < 2**53, got low={low}, high={high}")
    out = empty(like, like.shape)
    grid, settings = _grid(like.size)
    span = 0 if high is None else high - low
    launch(
        integers_kernel, grid, out, like.size, _signed(seed), _signed(offset), low, span,
        RAW=high is None, flags=EXACT, **settings,
    )  # fmt: skip
    return out


def _normal_cases() -> Iterator[Case]:
    for dtype in ("f32", "f16", "bf16"):
        yield Case(dtype, lambda m, d=dtype: (m.normal((70,), d),), {"seed": 7, "offset": 5})
    yield Case(
        "scaled",
        lambda m: (m.normal((40,)),),
        {"seed": 7, "offset": 5, "mean": 2.0, "deviation": 0.1},
    )
    yield Case("large", lambda m: (m.normal((4096, 4096)),), {"seed": 9, "offset": 4}, big=True)


@op(reference=reference.normal, cases=_normal_cases, ulps=16, widen=False)
def normal(like: Any, seed: int, offset: int, mean: float = 0.0, deviation: float = 1.0) -> Any:
    """Normal numbers in an array of `like`'s shape and dtype (fp32, fp16, bf16).

    The angle is rounded to fp32, which moves a cosine near zero by several units in the last place.
    """
    if floating("normal", like) == "fp64":
        raise TypeError("normal: float64 is drawn by the host's formulas")
    out = empty(like, like.shape)
    grid, settings = _grid(like.size)
    launch(
        normal_kernel, grid, out, like.size, _signed(seed), _signed(offset), float(mean),
        float(deviation), flags=EXACT, **settings,
    )  # fmt: skip
    return out


def _dropout_cases() -> Iterator[Case]:
    for dtype in ("f32", "f16", "bf16", "f64"):

        def build(m: Maker, dtype: str = dtype) -> tuple[Any, ...]:
            return (m.normal((5, 30), dtype),)

        for mask in (True, False):
            settings = {"p": 0.25, "seed": 7, "offset": 5, "mask": mask}
            yield Case(f"{dtype} mask={mask}", build, settings)
    yield Case("none", lambda m: (m.normal((40,)),), {"p": 0.0, "seed": 7, "offset": 5})
    yield Case("all", lambda m: (m.normal((40,)),), {"p": 1.0, "seed": 7, "offset": 5})
    yield Case(
        "large",
        lambda m: (m.normal((4096, 4096), "bf16"),),
        {"p": 0.1, "seed": 9, "offset": 4},
        big=True,
    )


@op(reference=reference.dropout, cases=_dropout_cases, ulps=2, widen=False)
def dropout(x: Any, p: float, seed: int, offset: int, mask: bool = False) -> Any:
    """x / (1 - p) with probability 1 - p, else 0; with `mask` also which were kept.

    The gradient is the same call on the output's gradient. x is taken in C order.
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout: expected 0 <= p <= 1, got {p}")
    floating("dropout", x)
    x = x if x.flags.c_contiguous else x.copy()
    out = empty(x, x.shape)
    kept = empty(x, x.shape if mask else (0,), np.bool_)
    grid, settings = _grid(x.size)
    scale = 1.0 / (1.0 - p) if p < 1.0 else 0.0
    launch(
        dropout_kernel, grid, x, out, kept if mask else None, x.size, _signed(seed),
        _signed(offset), round(p * 2**32), scale, MASK=mask, **settings,
    )  # fmt: skip
    return (out, kept) if mask else out


def _bernoulli_cases() -> Iterator[Case]:
    key = {"seed": 7, "offset": 5}
    for dtype in ("f32", "f16", "bf16", "f64"):

        def build(m: Maker, dtype: str = dtype) -> tuple[Any, ...]:
            return m.normal((5, 30), dtype), m.uniform((5, 30), dtype)

        yield Case(f"{dtype} array", build, key)
        yield Case(f"{dtype} number", lambda m, d=dtype: (m.normal((70,), d), 0.3), key)
    yield Case("strided", lambda m: (m.normal((30, 5)).T, m.uniform((30, 5)).T), key)
    yield Case("large key", lambda m: (m.normal((9, 30)), 0.5),
               {"seed": 2**64 - 3, "offset": 2**33 + 1})  # fmt: skip
    yield Case("bools", lambda m: (m.bools((70,)), m.uniform((70,))), key)
    yield Case("integers", lambda m: (m.integers((70,), 9), 1 / 3), key)
    yield Case("never", lambda m: (m.normal((70,)), 0.0), key)
    yield Case("always", lambda m: (m.normal((70,)), 1.0), key)
    yield Case("empty", lambda m: (m.normal((0,)), 0.5), key)
    yield Case("no chance", lambda m: (m.normal((4,)), 1.5), key, refuses=ValueError)
    yield Case("shapes", lambda m: (m.normal((4,)), m.uniform((3,))), key, refuses=ValueError)
    yield Case("large", lambda m: (m.normal((4096, 4096)), 0.3), key, big=True)


@op(reference=reference.bernoulli, cases=_bernoulli_cases, ulps=0, widen=False)
def bernoulli(like: Any, p: Any, seed: int, offset: int) -> Any:
    """Ones with probability p, else zeros, in an array of `like`'s shape and dtype (C order).

    p: a number of [0, 1], or an array of `like`'s shape whose values the caller has checked. A
    number or a float64 array is compared with 53-bit uniforms, any other with 24-bit ones.
    """
    number = isinstance(p, int | float)
    if number and not 0.0 <= p <= 1.0:
        raise ValueError(f"bernoulli: expected 0 <= p <= 1, got {p}")
    if not number and p.shape != like.shape:
        raise ValueError(f"bernoulli: expected p of shape {like.shape}, got {p.shape}")
    wide = number or floating("bernoulli", p) == "fp64"
    if not number and not p.flags.c_contiguous:
        p = p.copy()
    out = empty(like, like.shape)
    grid, settings = _grid(like.size)
    # u < p exactly where the 53-bit integer is below p * 2**53, rounded up
    threshold = math.ceil(p * 2.0**53) if number else 0
    launch(
        bernoulli_kernel, grid, None if number else p, out, like.size, _signed(seed),
        _signed(offset), threshold, WIDE=wide, **settings,
    )  # fmt: skip
    return out


def permutation_keys(like: Any, n: int, seed: int, offset: int) -> Any:
    """n 64-bit keys whose stable order is a random permutation of n."""
    return integers(empty(like, (n,), np.uint64), seed, offset)
