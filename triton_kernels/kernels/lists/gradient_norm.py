"""Norms, clipping, unscaling and finite checks of lists of gradients, without the host reading one.

A norm is two launches: a partial a chunk, then one program that adds the partials in fixed order.
Arrays of a list may differ in dtype: each dtype is one launch, in the order of first appearance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import triton
import triton.language as tl

from ...checks.cases import Case, Maker, kernel, op
from ...launching.arrays import FLOATS, cdiv, empty, next_power_of_2, type_name
from ...launching.launch import launch
from .multi_tensor import ELEMENTS, chunk_of, halves, one_element, place_of, same_layout, table

NORM = "Pascanu, Mikolov and Bengio, On the difficulty of training RNNs, arXiv:1211.5063 (clipping)"
AMP = "Micikevicius et al., Mixed precision training, arXiv:1710.03740 (loss scaling)"
LARGEST, SQUARES, UNFINITE = 0, 1, 2  # what a partial is: max |x|, sum of x^2, any not finite
FINISH_BLOCK = 1024  # lanes of the program that adds the partials, each four of them or more


@triton.jit
def partial_block(g_ptr, at, ok, acc, WHAT: tl.constexpr):
    """acc with a block of elements taken in, lane by lane."""
    g = tl.load(g_ptr + at, mask=ok, other=0.0).to(acc.dtype)
    if WHAT == 0:
        acc = tl.maximum(acc, tl.abs(g), propagate_nan=tl.PropagateNan.ALL)
    elif WHAT == 1:
        acc += g * g
    else:
        acc = tl.where(tl.abs(g) < float("inf"), acc, 1.0)
    return acc


@triton.jit
def larger(a, b):
    """The larger of two, or what is not a number of them."""
    return tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def folded(acc, WHAT: tl.constexpr):
    """One number of all lanes."""
    if WHAT == 0:
        # tl.max may leave out what is not a number.
        poor = tl.max((acc != acc).to(tl.int32), axis=0)
        total = tl.where(poor != 0, float("nan"), tl.max(tl.where(acc == acc, acc, 0.0), axis=0))
    elif WHAT == 1:
        total = tl.sum(acc, axis=0)
    else:
        total = tl.max(acc, axis=0)
    return total


@kernel(source=NORM, hot=True)
@triton.jit
def norm_partials_kernel(
    table_ptr, chunk_ptr, part_ptr, tensors, KIND: tl.constexpr, WHAT: tl.constexpr,
    ALIGNED: tl.constexpr, STEPS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """part[program]: WHAT of the program's chunk of a table of one list (KIND), in part's type."""
    tensor, start, left = chunk_of(table_ptr, chunk_ptr, tensors, 1, STEPS * BLOCK)
    g_ptr = place_of(table_ptr, tensors, tensor, start, 0, KIND, ALIGNED)
    acc = tl.zeros([BLOCK], part_ptr.dtype.element_ty)
    at = tl.arange(0, BLOCK)
    whole = left // BLOCK
    for step in range(0, whole):
        acc = partial_block(g_ptr, step * BLOCK + at, tl.full([BLOCK], 1, tl.int1), acc, WHAT)
    at += whole * BLOCK
    if left > whole * BLOCK:
        acc = partial_block(g_ptr, at, at < left, acc, WHAT)
    tl.store(part_ptr + tl.program_id(0), folded(acc, WHAT))  # in bounds: one partial a program


@kernel(source=NORM)
@triton.jit
def norm_finish_kernel(part_ptr, out_ptr, n, WHAT: tl.constexpr, BLOCK: tl.constexpr):
    """out = max of n partials, the root of their sum, or 1 where one of them or out itself is."""
    acc = tl.zeros([BLOCK], part_ptr.dtype.element_ty)
    for start in range(0, n, BLOCK):
        at = start + tl.arange(0, BLOCK)
        x = tl.load(part_ptr + at, mask=at < n, other=0.0)
        if WHAT == 1:
            acc += x
        else:
            acc = larger(acc, x)
    total = folded(acc, WHAT)
    if WHAT == 1:
        total = tl.sqrt(total)
    if WHAT == 2:
        total = larger(total, tl.load(out_ptr))  # in bounds: one element
    tl.store(out_ptr, total.to(out_ptr.dtype.element_ty))  # in bounds: one element


@triton.jit
def scale_block(g_ptr, at, ok, factor):
    """A block of elements times a factor, in place."""
    g = tl.load(g_ptr + at, mask=ok, other=0.0)
    wide = tl.float64 if g_ptr.dtype.element_ty == tl.float64 else tl.float32
    tl.store(g_ptr + at, (g.to(wide) * factor).to(g_ptr.dtype.element_ty), mask=ok)


@kernel(source=NORM, hot=True)
@triton.jit
def scale_kernel(
    table_ptr, chunk_ptr, by_ptr, tensors, limit, limit_low, KIND: tl.constexpr,
    CLIP: tl.constexpr, ALIGNED: tl.constexpr, STEPS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Multiply a table of one list (KIND) by by[0], or with CLIP by min(1, limit / (by[0] + 1e-6)).

    A norm that is not a number makes every element so. limit is the sum of its two halves.
    """
    tensor, start, left = chunk_of(table_ptr, chunk_ptr, tensors, 1, STEPS * BLOCK)
    g_ptr = place_of(table_ptr, tensors, tensor, start, 0, KIND, ALIGNED)
    wide = tl.float64 if g_ptr.dtype.element_ty == tl.float64 else tl.float32
    factor = tl.load(by_ptr).to(wide)  # in bounds: one element
    if CLIP:
        factor = (tl.zeros([], wide) + limit + limit_low) / (factor + 1e-6)
        factor = tl.where(factor > 1.0, 1.0, factor)
    at = tl.arange(0, BLOCK)
    whole = left // BLOCK
    for step in range(0, whole):
        scale_block(g_ptr, step * BLOCK + at, tl.full([BLOCK], 1, tl.int1), factor)
    at += whole * BLOCK
    if left > whole * BLOCK:
        scale_block(g_ptr, at, at < left, factor)


def _by_dtype(name: str, grads: Sequence[Any]) -> list[tuple[Any, list[Any]]]:
    """(Triton's type, arrays) of each dtype in order of first appearance."""
    groups: dict[str, list[Any]] = {}
    for at, g in enumerate(grads):
        kind = type_name(g.dtype)
        if kind not in FLOATS:
            raise TypeError(f"{name}: expected floating gradients, grads[{at}] is {g.dtype}")
        groups.setdefault(kind, []).append(g)
    for arrays in groups.values():
        same_layout(name, {"grads": arrays}, arrays)
    return [(ELEMENTS[kind], arrays) for kind, arrays in groups.items()]


def _partials(name: str, grads: Sequence[Any], what: int, dtype: Any) -> Any:
    """One partial a chunk of all gradients."""
    groups = [(kind, arrays, table("norm", [arrays])) for kind, arrays in _by_dtype(name, grads)]
    part = empty(grads[0], (sum(walk.programs for _, _, walk in groups),), dtype)
    first = 0
    for kind, arrays, walk in groups:
        launch(
            norm_partials_kernel, (walk.programs,), walk.addresses, walk.chunks, part[first:],
            walk.tensors, KIND=kind, WHAT=what, reaches=arrays, **walk.settings(),
        )  # fmt: skip
        first += walk.programs
    return part


def _finish(part: Any, out: Any, what: int) -> None:
    block = min(FINISH_BLOCK, next_power_of_2(cdiv(part.size, 4)))
    launch(
        norm_finish_kernel, (1,), part, out, part.size, WHAT=what, BLOCK=block, warps=4, stages=2
    )


def norm_reference(grads: Sequence[np.ndarray], order: float = 2.0) -> np.ndarray:
    """The norm of all elements as one vector."""
    flat = np.concatenate([np.asarray(g).ravel() for g in grads])
    if order == np.inf:
        return np.abs(flat).max(initial=0.0)
    return np.sqrt(np.sum(flat * flat))


# Nothing, one element, a part of a block, a chunk of whole blocks and a part.
SIZES = ((0,), (), (5, 7), (3, 300))
BIG = ((1024, 4096), (1024,)) * 32


def grads_of(m: Maker, dtype: str = "f32", sizes: Sequence[Any] = SIZES) -> list[np.ndarray]:
    """A sample's gradients, which the interpreter refuses to write."""
    grads = [m.normal(s, dtype) for s in sizes]
    for g in grads:
        g.flags.writeable = False
    return grads


def _norm_cases() -> Iterator[Case]:
    def mixed(m: Maker) -> tuple[Any, ...]:
        kinds = ("f32", "bf16", "f32", "f16")
        return ([m.normal(s, d) for s, d in zip(SIZES, kinds, strict=True)],)

    def poor(m: Maker) -> tuple[Any, ...]:
        grads = [m.normal((600,)), m.normal((3,))]
        grads[0][599] = np.nan
        return (grads,)

    for order in (2.0, np.inf):
        for dtype in ("f32", "f16", "bf16", "f64") if order == 2.0 else ("f32", "bf16"):
            yield Case(f"{dtype} {order}", lambda m, d=dtype: (grads_of(m, d),), {"order": order})
        yield Case(f"mixed {order}", mixed, {"order": order})
        yield Case(f"not a number {order}", poor, {"order": order})
        yield Case(f"nothing {order}", lambda m: ([m.normal((0,))],), {"order": order})
        yield Case(
            f"big {order}", lambda m: (grads_of(m, "bf16", BIG),), {"order": order}, big=True
        )
    yield Case("many", lambda m: ([m.normal((1,)) for _ in range(21)],))
    yield Case("one norm", lambda m: ([m.normal(3)],), {"order": 1.0}, refuses=ValueError)
    yield Case("integers", lambda m: ([m.integers(3, 4)],), refuses=TypeError)


@op(reference=norm_reference, cases=_norm_cases, ulps=4)
def gradient_norm(grads: Sequence[Any], order: float = 2.0) -> Any:
    """The 2-norm or the largest magnitude (order inf) of all arrays together, a 0-d array.

    float32, or float64 if any array is. Squares are added in that type, and may overflow in it.
    """
    if order not in (2.0, float("inf")):
        raise ValueError(f"gradient_norm: order is 2 or inf, got {order}")
    wide = any(type_name(g.dtype) == "fp64" for g in grads)
    what = SQUARES if order == 2.0 else LARGEST
    part = _partials("gradient_norm", grads, what, np.float64 if wide else np.float32)
    out = empty(part, ())
    _finish(part, out, what)
    return out


def clip_reference(
    grads: Sequence[np.ndarray], norm: np.ndarray, limit: float
) -> tuple[np.ndarray, ...]:
    """Gradients times min(1, limit / (norm + 1e-6))."""
    factor = limit / (norm.item() + 1e-6)
    return tuple([g * (1.0 if factor > 1 else factor) for g in grads])


def _clip_cases() -> Iterator[Case]:
    def of(m: Maker, dtype: str, norm: float, sizes: Any = SIZES) -> tuple[Any, ...]:
        kind = np.float64 if dtype == "f64" else np.float32
        return [m.normal(s, dtype) for s in sizes], np.full((), norm, kind), 2.2

    for dtype in ("f32", "f16", "bf16"):
        yield Case(dtype, lambda m, d=dtype: of(m, d, 5.0))
    # A limit reaches the kernel in 48 bits, which is up to 8 units of a float64.
    yield Case("f64", lambda m: of(m, "f64", 5.0), ulps=16)
    yield Case("below", lambda m: of(m, "f32", 1.0))
    yield Case("infinite", lambda m: of(m, "f32", np.inf))
    yield Case("not a number", lambda m: of(m, "f32", np.nan))
    yield Case("big", lambda m: of(m, "bf16", 5.0, BIG), big=True)


@op(reference=clip_reference, cases=_clip_cases, ulps=2)
def clip_gradients(grads: Sequence[Any], norm: Any, limit: float) -> tuple[Any, ...]:
    """Scale gradients in place so that their norm (one float) is at most `limit`; return them.

    As torch.nn.utils.clip_grad_norm_: times min(1, limit / (norm + 1e-6)); the host reads nothing.
    """
    one_element("clip_gradients", "norm", norm, ("fp32", "fp64"))
    _scale("clip_gradients", grads, norm, halves(limit), True)
    return tuple(grads)


def _scale(
    name: str, grads: Sequence[Any], by: Any, limit: tuple[float, float], clip: bool
) -> None:
    for kind, arrays in _by_dtype(name, grads):
        walk = table("plain", [arrays])
        launch(
            scale_kernel, (walk.programs,), walk.addresses, walk.chunks, by, walk.tensors, *limit,
            KIND=kind, CLIP=clip, reaches=arrays, **walk.settings(),
        )  # fmt: skip


def unscale_reference(
    grads: Sequence[np.ndarray], found: np.ndarray, inverse: np.ndarray | None = None
) -> tuple[np.ndarray, ...]:
    """Gradients times inverse, and the flag: 1 where it was, or where any is not finite."""
    bad = any(not np.isfinite(g).all() for g in grads)
    factor = 1.0 if inverse is None else inverse.item()
    return np.maximum(found, float(bad)), *[g * factor for g in grads]


def _unscale_cases() -> Iterator[Case]:
    def of(
        m: Maker, dtype: str, value: float = 1.0, found: float = 0.0, sizes: Any = SIZES,
        inverse: float = 0.125,
    ) -> tuple[Any, ...]:  # fmt: skip
        grads = [m.normal(s, dtype) for s in sizes]
        if not m.shapes_only:
            grads[-1].reshape(-1)[-1] = value
        return grads, np.full((1,), found, np.float32), np.full((), inverse, np.float32)

    for dtype in ("f32", "f16", "bf16", "f64"):
        yield Case(dtype, lambda m, d=dtype: of(m, d))
        yield Case(f"{dtype} infinite", lambda m, d=dtype: of(m, d, np.inf))
    yield Case("not a number", lambda m: of(m, "f32", np.nan))
    yield Case("found before", lambda m: of(m, "f16", 1.0, 1.0))
    yield Case("check alone", lambda m: (*of(m, "f32", -np.inf)[:2], None))
    yield Case("big", lambda m: of(m, "f16", sizes=BIG), big=True)


@op(reference=unscale_reference, cases=_unscale_cases, ulps=1, mutates=(1,))
def unscale(grads: Sequence[Any], found: Any, inverse: Any = None) -> tuple[Any, ...]:
    """Multiply grads by inverse, in place, and set found to 1 where any of them was not finite.

    found, inverse: one float32 each; found stays 1 if it was. Without inverse only found is
    written. Returns (found, *grads).
    """
    one_element("unscale", "found", found)
    part = _partials("unscale", grads, UNFINITE, np.float32)
    _finish(part, found, UNFINITE)
    if inverse is not None:
        _scale("unscale", grads, one_element("unscale", "inverse", inverse), (0.0, 0.0), False)
    return found, *grads
