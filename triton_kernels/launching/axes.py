"""Axes as kernels walk them: merged where strides allow, and an index's place in memory.

Knows shapes and strides, and nothing of what a kernel computes. An array of any rank becomes one
or two flat indices, each over at most four axes that do not merge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import triton
import triton.language as tl

from .arrays import cdiv, namespace, next_power_of_2, reaches_past_int32, strides
from .policy import Config

RANKS = 4  # axes of one flat index that `place` can tell apart


@triton.jit
def place(index, n0, n1, n2, s0, s1, s2, s3, RANK: tl.constexpr):
    """Offset of a flat index over RANK axes; n0 and s0: size and stride of the innermost."""
    if RANK == 1:
        at = index * s0
    elif RANK == 2:
        at = index % n0 * s0 + index // n0 * s1
    elif RANK == 3:
        rest = index // n0
        at = index % n0 * s0 + rest % n1 * s1 + rest // n1 * s2
    else:
        rest = index // n0
        far = rest // n1
        at = index % n0 * s0 + rest % n1 * s1 + far % n2 * s2 + far // n2 * s3
    return at


def normal_axes(op: str, ndim: int, axis: int | Sequence[int] | None) -> tuple[int, ...]:
    """Axes as sorted numbers from 0; all of them for None or an empty sequence.

    >>> normal_axes("sum", 3, -1), normal_axes("sum", 2, None)
    ((2,), (0, 1))
    """
    if axis is None or (not isinstance(axis, int) and len(axis) == 0):
        return tuple(range(ndim))
    found = []
    for a in (axis,) if isinstance(axis, int) else axis:
        if not -max(ndim, 1) <= a < max(ndim, 1):
            low, high = -max(ndim, 1), max(ndim, 1) - 1
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{low}, {high}], but got {a})"
            )
        found.append(a % max(ndim, 1))
    if len(set(found)) < len(found):
        raise RuntimeError(f"{op}: an axis appears more than once in {tuple(found)}")
    return tuple(sorted(a for a in found if a < ndim))


def merged(sizes: Sequence[int], *steps: Sequence[int]) -> tuple[list[int], list[list[int]]]:
    """Axes of one flat index, innermost first, neighbours merged where every array allows it.

    steps: the strides of each array along the axes of `sizes`.

    >>> merged((2, 3, 4), (12, 4, 1))
    ([24], [[1]])
    >>> merged((2, 3), (1, 2), (3, 1))
    ([3, 2], [[2, 1], [1, 3]])
    """
    out: list[int] = []
    found: list[list[int]] = [[] for _ in steps]
    for a in reversed(range(len(sizes))):
        if sizes[a] == 1:
            continue
        if out and all(s[a] == f[-1] * out[-1] for s, f in zip(steps, found, strict=True)):
            out[-1] *= sizes[a]
            continue
        out.append(sizes[a])
        for s, f in zip(steps, found, strict=True):
            f.append(s[a])
    return (out, found) if out else ([1], [[0] for _ in steps])


@dataclass(frozen=True, slots=True)
class Walk:
    """A flat index over some axes of one or more arrays.

    count: its length. sizes: the three numbers, and each of strides the four, that `place` wants.
    """

    count: int
    rank: int
    sizes: tuple[int, int, int]
    strides: tuple[tuple[int, int, int, int], ...]


def walk(sizes: Sequence[int], *steps: Sequence[int]) -> Walk | None:
    """The flat index over axes of these sizes and strides; None where more than four remain."""
    count = 1
    for n in sizes:
        count *= n
    if count == 0:
        return Walk(0, 1, (1, 1, 1), tuple((0, 0, 0, 0) for _ in steps))
    found, moved = merged(sizes, *steps)
    if len(found) > RANKS:
        return None
    padded = [*found, 1, 1, 1]
    numbers = tuple((*m, 0, 0, 0)[:RANKS] for m in moved)
    return Walk(count, len(found), (padded[0], padded[1], padded[2]), numbers)


def beside(axis: int, out: Any, *arrays: Any) -> tuple[list[Any], Walk]:
    """(arrays, the flat index over all axes but one of them and of out, whose strides come last).

    The sizes are those of out. Arrays of which more than four axes do not merge are copied;
    ValueError where that does not help, because out itself is a part of a larger array.
    """
    found = list(arrays)
    sizes = [n for a, n in enumerate(out.shape) if a != axis]
    for _ in range(2):
        steps = [[s for a, s in enumerate(strides(v)) if a != axis] for v in (*found, out)]
        walked = walk(sizes, *steps)
        if walked is not None:
            return found, walked
        found = [namespace(v).ascontiguousarray(v) for v in arrays]
    raise ValueError(f"more than four axes of shape {out.shape} beside axis {axis} do not merge")


@dataclass(frozen=True, slots=True)
class Reduction:
    """How a reduction walks an array: `outer` results, each over `reduced` elements.

    kept: sizes of the results in the order of memory; order: where each of them stood.
    column: whether neighbours in memory belong to different results.
    """

    x: Any
    outer: Walk
    reduced: Walk
    kept: tuple[int, ...]
    order: tuple[int, ...]
    axes: tuple[int, ...]
    column: bool
    wide: bool

    def numbers(self) -> tuple[int, ...]:
        """The fourteen run-time numbers of both indices."""
        a, b = self.outer, self.reduced
        return (*a.sizes, *a.strides[0], *b.sizes, *b.strides[0])

    def constants(self) -> dict[str, Any]:
        """The compile-time constants of both indices."""
        return {"OUTER_RANK": self.outer.rank, "RANK": self.reduced.rank, "WIDE": self.wide}

    def shaped(self, out: Any, keepdim: bool) -> Any:
        """Results in the order of memory as the array that the caller sees (a view)."""
        back = sorted(range(len(self.order)), key=self.order.__getitem__)
        out = out.reshape(self.kept).transpose(back)
        if keepdim:
            at = [None if a in self.axes else slice(None) for a in range(self.x.ndim)]
            out = out[tuple(at)]
        return out


def reduction(x: Any, axes: tuple[int, ...], ordered: bool = False) -> Reduction:
    """Plan a reduction of `x` over `axes`. ordered: reduced elements count in logical order.

    Axes are walked from the largest stride to the smallest, so results are laid out as x is. An
    array of which more than four axes a side do not merge is copied.
    """
    steps = strides(x)
    kept = [a for a in range(x.ndim) if a not in axes]
    order = sorted(kept, key=lambda a: _distance(steps[a]))
    inner = list(axes) if ordered else sorted(axes, key=lambda a: _distance(steps[a]))
    outer = walk([x.shape[a] for a in order], [steps[a] for a in order])
    reduced = walk([x.shape[a] for a in inner], [steps[a] for a in inner])
    if outer is None or reduced is None:
        return reduction(namespace(x).ascontiguousarray(x), axes, ordered)
    a, b = abs(outer.strides[0][0]) or 2**62, abs(reduced.strides[0][0]) or 2**62
    return Reduction(
        x, outer, reduced, tuple(x.shape[a] for a in order), tuple(order), axes,
        outer.count > 1 and a < b, reaches_past_int32(x),
    )  # fmt: skip


def _distance(stride: int) -> int:
    """Sorts axes outermost first; one that is only repeated stands outermost."""
    return -abs(stride) if stride else -(2**62)


def tile(config: Config, column: bool, outer: int, inner: int) -> tuple[int, int]:
    """(ROWS, BLOCK): LANES along the side that is contiguous, ELEMENTS in all at most."""
    lanes, elements = config.constants["LANES"], config.constants["ELEMENTS"]
    near, far = (outer, inner) if column else (inner, outer)
    wide = min(lanes, next_power_of_2(near))
    tall = max(1, min(elements // wide, next_power_of_2(far)))
    return (wide, tall) if column else (tall, wide)


def pieces(config: Config, programs: int, length: int, block: int) -> tuple[int, int]:
    """(elements a piece, pieces) of a row that `programs` programs would else walk alone.

    Depends on shapes and the table, so that the order of summation is the same on every machine.
    """
    most = max(1, config.constants["PROGRAMS"] // max(programs, 1))
    count = max(1, min(cdiv(length, config.constants["PIECE"]), most))
    piece = max(1, cdiv(cdiv(length, count), block)) * block
    return piece, max(1, cdiv(length, piece))
