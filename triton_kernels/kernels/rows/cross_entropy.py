"""Cross entropy of logits with class indices or probabilities, forward and backward.

A row's classes are read once, with a running maximum and rescaled sum; few rows of many classes
are cut in pieces that a second launch joins in fixed order. Logits are read where they lie:
classes may be the last axis or any other.
"""

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl

from ...checks.cases import kernel, op
from ...launching.arrays import cdiv, empty, floating, strides
from ...launching.launch import current, launch
from ...launching.policy import choose
from ...references.cross_entropy import (
    backward_cases,
    cross_entropy_backward_reference,
    cross_entropy_reference,
    forward_cases,
)
from .channels import beside
from .cross_entropy_operands import Loss, loss
from .norm_parts import wide_dtype, wide_of

ONLINE = "Milakov and Gimelshein, Online normalizer calculation for softmax, arXiv:1805.02867"
SMOOTHING = "Szegedy et al., Rethinking the Inception Architecture, arXiv:1512.00567, section 7"
Z_LOSS = "Chowdhery et al., PaLM, arXiv:2204.02311, section 5"
TREE = "Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 4.2"


@triton.jit
def row_offset(row, S, lead, place):
    """Where a row's first class lies, in 64 bits: place row % S of lead row // S."""
    first = row // S
    return first.to(tl.int64) * lead + (row - first * S).to(tl.int64) * place


@triton.jit
def target_weight(target_ptr, w_ptr, row, live, V, ignored):
    """(target, its weight, whether the row counts); a target out of range weighs nan."""
    target = tl.load(target_ptr + row, mask=live, other=0)
    kept = target != ignored
    known = live & kept & (target >= 0) & (target < V)
    weight = tl.where(known, 1.0, float("nan"))
    if w_ptr is not None:
        weight = tl.load(w_ptr + target, mask=known, other=float("nan"))
    return target, tl.where(kept, weight, 0.0), kept


@triton.jit
def soft_target(target_ptr, at, ok, keep, spread, wide: tl.constexpr):
    """Probabilities mixed with the uniform ones."""
    return keep * tl.load(target_ptr + at, mask=ok, other=0.0).to(wide) + spread


@triton.jit
def finish_rows(
    x_ptr, target_ptr, w_ptr, loss_ptr, lse_ptr, weight_ptr, row, live, V, x_class, ignored,
    top, total, mass, pull, first, keep, spread, z,
    SOFT: tl.constexpr, SMOOTH: tl.constexpr, Z: tl.constexpr, wide: tl.constexpr,
):  # fmt: skip
    """Store each row's loss, logsumexp and weight. x_ptr: its first logit's address.

    mass: sum of the weighted target over classes, pull: of that times (logit - first).
    """
    above = tl.log(total)  # kept apart from top, whose own rounding would be the loss's error
    lse = top + above
    if SOFT:
        out = mass * (top - first + above) - pull
        weight = tl.full([1, 1], 1.0, wide)
        kept = live
    else:
        target, weight, kept = target_weight(target_ptr, w_ptr, row, live, V, ignored)
        weight = weight.to(wide)
        known = live & (target >= 0) & (target < V)
        x = tl.load(x_ptr + target * x_class, mask=known, other=0.0).to(wide)
        out = keep * weight * (top - x + above)
        if SMOOTH:
            out += spread * (mass * (top - first + above) - pull)
    if Z:
        out += z * lse * lse
    out = tl.where(kept, out, 0.0)
    tl.store(loss_ptr + row, out.to(loss_ptr.dtype.element_ty), mask=live)
    tl.store(lse_ptr + row, lse, mask=live)
    if weight_ptr is not None:
        tl.store(weight_ptr + row, weight, mask=live)


@kernel(source=f"{ONLINE}; {SMOOTHING}; {Z_LOSS}", hot=True)
@triton.jit
def cross_entropy_kernel(
    x_ptr, target_ptr, w_ptr, parts_ptr, loss_ptr, lse_ptr, weight_ptr, rows, V, piece, S,
    x_lead, x_class, x_place, t_lead, t_class, t_place, ignored,
    keep, keep_rest, spread, spread_rest, z, z_rest,
    SOFT: tl.constexpr, SMOOTH: tl.constexpr, Z: tl.constexpr, WIDE: tl.constexpr,
    ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """loss, lse, weight (rows,) of logits x (rows, V), or parts (4, pieces, rows) of a piece.

    Row r is place r % S of lead r // S. target: (rows,) int64, or SOFT probabilities, as x. w (V,)
    or None. parts: None, or room for the piece's maximum, sum of exp, mass and pull.
    """
    index: tl.constexpr = tl.int64 if WIDE else tl.int32  # a 64-bit division costs registers
    row = tl.program_id(0).to(index) * ROWS + tl.arange(0, ROWS)[:, None]
    at = tl.arange(0, BLOCK).to(index)[None, :]
    wide: tl.constexpr = wide_of(x_ptr.dtype.element_ty)
    live = row < rows
    begin = tl.program_id(1) * piece
    end = tl.minimum(begin + piece, V)
    keep_all = tl.zeros([], wide) + keep + keep_rest
    spread_all = tl.zeros([], wide) + spread + spread_rest
    x_ptr += row_offset(row, S, x_lead, x_place)
    first = tl.load(x_ptr, mask=live, other=0.0).to(wide)
    first = tl.where(first == float("-inf"), 0.0, first)
    if SOFT:
        target_ptr += row_offset(row, S, t_lead, t_place)
    top = tl.full([ROWS, 1], float("-inf"), wide)
    total = tl.zeros([ROWS, 1], wide)
    mass = tl.zeros([ROWS, 1], wide)
    pull = tl.zeros([ROWS, 1], wide)
    for start in range(begin, end, BLOCK):
        mine = start + at < end
        ok = live & mine
        x = tl.load(x_ptr + (start + at) * x_class, mask=ok, other=float("-inf")).to(wide)
        peak = tl.maximum(top, tl.max(x, axis=1)[:, None])
        safe = tl.where(peak == float("-inf"), 0.0, peak)
        total = total * tl.exp(top - safe) + tl.sum(tl.exp(x - safe), axis=1)[:, None]
        top = peak
        if SOFT or SMOOTH:
            q = tl.where(ok, 1.0, 0.0).to(wide)
            if SOFT:
                q *= soft_target(target_ptr, (start + at) * t_class, ok, keep_all, spread_all, wide)
            if w_ptr is not None:
                q *= tl.load(w_ptr + start + at, mask=mine, other=0.0).to(wide)
            mass += tl.sum(q, axis=1)[:, None]
            pull += tl.sum(tl.where(ok, q * (x - first), 0.0), axis=1)[:, None]
    if parts_ptr is not None:
        out = tl.program_id(1).to(tl.int64) * rows + row
        plane = tl.num_programs(1).to(tl.int64) * rows
        tl.store(parts_ptr + out, top, mask=live)
        tl.store(parts_ptr + plane + out, total, mask=live)
        tl.store(parts_ptr + 2 * plane + out, mass, mask=live)
        tl.store(parts_ptr + 3 * plane + out, pull, mask=live)
    else:
        top = tl.where(top == float("-inf"), 0.0, top)
        finish_rows(
            x_ptr, target_ptr, w_ptr, loss_ptr, lse_ptr, weight_ptr, row, live, V, x_class,
            ignored, top, total, mass, pull, first, keep_all, spread_all,
            tl.zeros([], wide) + z + z_rest, SOFT, SMOOTH, Z, wide,
        )  # fmt: skip


@kernel(source=ONLINE, hot=True)
@triton.jit
def cross_entropy_join_kernel(
    x_ptr, target_ptr, w_ptr, parts_ptr, loss_ptr, lse_ptr, weight_ptr, rows, V, pieces, S,
    x_lead, x_class, x_place, ignored, keep, keep_rest, spread, spread_rest, z, z_rest,
    SOFT: tl.constexpr, SMOOTH: tl.constexpr, Z: tl.constexpr, ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """loss, lse, weight (rows,) from parts (4, pieces, rows), at most BLOCK pieces."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    piece = tl.arange(0, BLOCK).to(tl.int64)[None, :]
    wide: tl.constexpr = wide_of(x_ptr.dtype.element_ty)
    live = row < rows
    ok = live & (piece < pieces)
    at = piece * rows + row
    plane = (tl.zeros([], tl.int64) + rows) * pieces
    tops = tl.load(parts_ptr + at, mask=ok, other=float("-inf"))
    top = tl.max(tops, axis=1)[:, None]
    top = tl.where(top == float("-inf"), 0.0, top)
    totals = tl.load(parts_ptr + plane + at, mask=ok, other=0.0) * tl.exp(tops - top)
    masses = tl.load(parts_ptr + 2 * plane + at, mask=ok, other=0.0)
    pulls = tl.load(parts_ptr + 3 * plane + at, mask=ok, other=0.0)
    x_ptr += row_offset(row, S, x_lead, x_place)
    first = tl.load(x_ptr, mask=live, other=0.0).to(wide)
    first = tl.where(first == float("-inf"), 0.0, first)
    finish_rows(
        x_ptr, target_ptr, w_ptr, loss_ptr, lse_ptr, weight_ptr, row, live, V, x_class, ignored,
        top, tl.sum(totals, axis=1)[:, None], tl.sum(masses, axis=1)[:, None],
        tl.sum(pulls, axis=1)[:, None], first, tl.zeros([], wide) + keep + keep_rest,
        tl.zeros([], wide) + spread + spread_rest, tl.zeros([], wide) + z + z_rest,
        SOFT, SMOOTH, Z, wide,
    )  # fmt: skip


@kernel(source=TREE)
@triton.jit
def add_losses_kernel(
    loss_ptr, weight_ptr, sum_ptr, total_ptr, rows, piece,
    MEAN: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """sum, total (pieces,): of a piece of loss and weight (rows,); MEAN: sum over total.

    weight and total may be None.
    """
    lane = tl.arange(0, BLOCK)
    begin = tl.program_id(0).to(tl.int64) * piece
    end = tl.minimum(begin + piece, rows)
    out = tl.zeros([BLOCK], loss_ptr.dtype.element_ty)
    total = tl.zeros([BLOCK], loss_ptr.dtype.element_ty)
    for start in range(begin, end, BLOCK):
        ok = start + lane < end
        out += tl.load(loss_ptr + start + lane, mask=ok, other=0.0)
        if weight_ptr is not None:
            total += tl.load(weight_ptr + start + lane, mask=ok, other=0.0)
    added = tl.sum(out, axis=0)
    if weight_ptr is not None:
        weight = tl.sum(total, axis=0)
        tl.store(total_ptr + tl.program_id(0), weight)  # in bounds: a program a piece
        if MEAN:
            added = added / weight
    found = added.to(sum_ptr.dtype.element_ty)
    tl.store(sum_ptr + tl.program_id(0), found)  # in bounds: a program a piece


@kernel(source="Sum of the weighted target over a row's classes", hot=True)
@triton.jit
def cross_entropy_mass_kernel(
    target_ptr, w_ptr, mass_ptr, rows, V, S, t_lead, t_class, t_place,
    keep, keep_rest, spread, spread_rest,
    WIDE: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """mass (rows,): sums over classes of weights w (V,) or None, times the soft target or None."""
    index: tl.constexpr = tl.int64 if WIDE else tl.int32  # a 64-bit division costs registers
    row = tl.program_id(0).to(index) * ROWS + tl.arange(0, ROWS)[:, None]
    at = tl.arange(0, BLOCK).to(index)[None, :]
    wide: tl.constexpr = mass_ptr.dtype.element_ty
    live = row < rows
    mass = tl.zeros([ROWS, 1], wide)
    if target_ptr is not None:
        target_ptr += row_offset(row, S, t_lead, t_place)
    for start in range(0, V, BLOCK):
        mine = start + at < V
        q = tl.where(live & mine, 1.0, 0.0).to(wide)
        if target_ptr is not None:
            q *= soft_target(
                target_ptr, (start + at) * t_class, live & mine,
                tl.zeros([], wide) + keep + keep_rest, tl.zeros([], wide) + spread + spread_rest,
                wide,
            )  # fmt: skip
        if w_ptr is not None:
            q *= tl.load(w_ptr + start + at, mask=mine, other=0.0).to(wide)
        mass += tl.sum(q, axis=1)[:, None]
    tl.store(mass_ptr + row, mass, mask=live)


@kernel(source="Derivative: g (softmax(x) mass - target), and 2 z lse softmax(x)", hot=True)
@triton.jit
def cross_entropy_backward_kernel(
    g_ptr, x_ptr, target_ptr, w_ptr, lse_ptr, total_ptr, mass_ptr, out_ptr, rows, V, S,
    g_row, x_lead, x_class, x_place, t_lead, t_class, t_place, out_lead, out_class, out_place,
    mass_row, ignored, keep, keep_rest, spread, spread_rest, z, z_rest,
    SOFT: tl.constexpr, SMOOTH: tl.constexpr, Z: tl.constexpr, WIDE: tl.constexpr,
    ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Gradient in the logits, a tile a program; out may be x itself.

    g: a row's, or one for all (g_row 0), over total if that is not None. mass: sums of the
    weighted target (SOFT) or of the weights (SMOOTH); None for V.
    """
    across = tl.cdiv(V, BLOCK)
    index: tl.constexpr = tl.int64 if WIDE else tl.int32  # a 64-bit division costs registers
    row = (tl.program_id(0) // across).to(index) * ROWS + tl.arange(0, ROWS)[:, None]
    at = (tl.program_id(0) % across).to(index) * BLOCK + tl.arange(0, BLOCK)[None, :]
    wide: tl.constexpr = wide_of(x_ptr.dtype.element_ty)
    live = row < rows
    ok = live & (at < V)
    keep_all = tl.zeros([], wide) + keep + keep_rest
    spread_all = tl.zeros([], wide) + spread + spread_rest
    g = tl.load(g_ptr + row * g_row, mask=live, other=0.0).to(wide)
    if total_ptr is not None:
        g = g / tl.load(total_ptr)  # in bounds: one number
    x_at = row_offset(row, S, x_lead, x_place) + at * x_class
    x = tl.load(x_ptr + x_at, mask=ok, other=0.0).to(wide)
    lse = tl.load(lse_ptr + row, mask=live, other=0.0)
    weights = tl.full([1, BLOCK], 1.0, wide)
    if w_ptr is not None:
        weights = tl.load(w_ptr + at, mask=at < V, other=0.0).to(wide)
    mass = tl.zeros([1, 1], wide) + V
    if mass_ptr is not None:
        mass = tl.load(mass_ptr + row * mass_row, mask=live, other=0.0)
    if SOFT:
        t_at = row_offset(row, S, t_lead, t_place) + at * t_class
        pull = weights * soft_target(target_ptr, t_at, ok, keep_all, spread_all, wide)
        kept = live
    else:
        target, weight, kept = target_weight(target_ptr, w_ptr, row, live, V, ignored)
        pull = tl.where(at == target, keep_all * weight.to(wide), 0.0)
        if SMOOTH:
            pull += spread_all * weights
            mass = keep_all * weight.to(wide) + spread_all * mass
        else:
            mass = keep_all * weight.to(wide)
    if Z:
        mass += 2 * (tl.zeros([], wide) + z + z_rest) * lse
    out = tl.where(kept, g * (tl.exp(x - lse) * mass - pull), 0.0)
    out_at = row_offset(row, S, out_lead, out_place) + at * out_class
    tl.store(out_ptr + out_at, out.to(out_ptr.dtype.element_ty), mask=ok)


@op(reference=cross_entropy_reference, cases=forward_cases, ulps=16)
def cross_entropy(
    logits: Any, target: Any, weight: Any = None, *, axis: int = -1, reduction: str = "mean",
    ignore_index: int = -100, label_smoothing: float = 0.0, z_loss: float = 0.0,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """Cross entropy over classes along `axis`: (loss, logsumexp, total weight).

    target: class indices of logits' shape without `axis`, any integer type, or probabilities of
    logits' shape. weight: contiguous (classes,), or None. loss: in logits' dtype, () or, for
    reduction "none", of the rows' shape. logsumexp: rows' shape, fp32 or fp64. total: () sum of the
    targets' weights, by which "mean" divides; (0,) for other reductions. z_loss: times logsumexp^2,
    added to each row that counts. An index out of range gives nan. ValueError for bad options or
    shapes, TypeError for dtypes.
    """
    o = loss("cross_entropy", logits, target, weight, axis, reduction, label_smoothing, z_loss)
    wide = wide_dtype(o.dtype)
    lse = empty(logits, o.kept, wide)
    rows = empty(logits, o.kept, logits.dtype if reduction == "none" else wide)
    counts = empty(logits, o.kept, wide) if reduction == "mean" else None
    _forward(o, rows, lse, counts, ignore_index)
    total = empty(logits, () if reduction == "mean" else (0,), wide)
    if reduction == "none":
        return rows, lse, total
    out = empty(logits, ())
    _add(rows, counts, out, total)
    return out, lse, total


def _forward(o: Loss, out: Any, lse: Any, counts: Any, ignored: int) -> None:
    """Fill the rows' losses, logsumexps and weights."""
    piece, pieces, settings = o.pieces()
    rows = o.rows
    parts = empty(o.x, (4, pieces, rows), wide_dtype(o.dtype)) if pieces > 1 else None
    launch(
        cross_entropy_kernel, (cdiv(rows, settings["ROWS"]), pieces), o.x, o.target, o.weight,
        parts, out, lse, counts, rows, o.width, piece, o.places, *strides(o.x), *o.target_steps,
        ignored, *o.numbers, **o.flags, WIDE=o.wide, **settings,
    )  # fmt: skip
    if parts is not None:
        settings = o.join(pieces)
        launch(
            cross_entropy_join_kernel, (cdiv(rows, settings["ROWS"]),), o.x, o.target, o.weight,
            parts, out, lse, counts, rows, o.width, pieces, o.places, *strides(o.x), ignored,
            *o.numbers, **o.flags, **settings,
        )  # fmt: skip


def _add(rows: Any, counts: Any, out: Any, total: Any) -> None:
    """out = the rows' sum, over that of the counts if there are any."""
    arch = current().policy.arch
    config = choose("cross_entropy", way="rows", arch=arch, layout="row", wide="fp32")
    piece, block = config.constants["PIECE"], config.constants["LANES"]
    pieces = cdiv(rows.size, piece)
    settings = {"BLOCK": block, "warps": config.warps, "stages": config.stages}
    if pieces > 1:
        sums = empty(rows, (pieces,))
        weights = None if counts is None else empty(rows, (pieces,))
        launch(
            add_losses_kernel, (pieces,), rows, counts, sums, weights, rows.size, piece,
            MEAN=False, **settings,
        )  # fmt: skip
        rows, counts = sums, weights
    launch(
        add_losses_kernel, (1,), rows, counts, out, None if counts is None else total, rows.size,
        rows.size, MEAN=True, **settings,
    )  # fmt: skip


@op(reference=cross_entropy_backward_reference, cases=backward_cases, ulps=32, mutates=(1,))
def cross_entropy_backward(
    g: Any, logits: Any, target: Any, lse: Any, total: Any, weight: Any = None, *,
    axis: int = -1, reduction: str = "mean", ignore_index: int = -100,
    label_smoothing: float = 0.0, z_loss: float = 0.0, in_place: bool = False,
) -> Any:  # fmt: skip
    """Gradient of `cross_entropy` in the logits; in_place: written over them.

    g: the loss's gradient, () or of the rows' shape, contiguous; lse, total: the forward's.
    """
    name = "cross_entropy_backward"
    o = loss(name, logits, target, weight, axis, reduction, label_smoothing, z_loss)
    floating(name, g, logits)
    if tuple(g.shape) != (o.kept if reduction == "none" else ()):
        raise ValueError(f"{name}: gradient of shape {tuple(g.shape)} for reduction={reduction!r}")
    if in_place and not o.shares:
        raise ValueError(f"{name}: in_place: logits of shape {logits.shape} need a copy to walk")
    out = o.x if in_place else beside(o.x)
    mass = _mass(o)
    settings = o.tile("backward", out)
    programs = cdiv(o.rows, settings["ROWS"]) * cdiv(o.width, settings["BLOCK"])
    launch(
        cross_entropy_backward_kernel, (programs,), g, o.x, o.target, o.weight, lse,
        total if reduction == "mean" else None, mass, out, o.rows, o.width, o.places,
        1 if reduction == "none" else 0, *strides(o.x), *o.target_steps, *strides(out),
        1 if o.soft else 0, ignore_index, *o.numbers, **o.flags, WIDE=o.wide, **settings,
    )  # fmt: skip
    return logits if in_place else out.reshape(logits.shape)


def _mass(o: Loss) -> Any:
    """Sums of the weighted target: of each row, of all rows alike (1,), or None: the classes."""
    if not o.soft and (o.weight is None or not o.flags["SMOOTH"]):
        return None
    rows = o.rows if o.soft else 1
    mass = empty(o.x, (rows,), wide_dtype(o.dtype))
    settings = o.tile("forward")
    if not o.soft:
        settings["ROWS"] = 1
    launch(
        cross_entropy_mass_kernel, (cdiv(rows, settings["ROWS"]),), o.target if o.soft else None,
        o.weight, mass, rows, o.width, o.places, *o.target_steps, *o.numbers[:4], WIDE=o.wide,
        **settings,
    )  # fmt: skip
    return mass
