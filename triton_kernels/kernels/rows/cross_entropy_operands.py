"""Operands of a cross entropy: logits as (lead, classes, places), options checked, tiles chosen.

Knows shapes, strides and tables; starts no kernel. A row is a place of a lead; its classes lie a
stride apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ...launching.arrays import (
    cdiv,
    floating,
    reaches_past_int32,
    strides,
    type_name,
)
from ...launching.launch import current
from ...launching.policy import Config, choose
from .norm_parts import halves, side

REDUCTIONS = ("none", "mean", "sum")


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss's operands.

    x: logits (lead, classes, places). target: (rows,) indices, or probabilities as x. kept: shape
    of the rows. shares: x is a view of the logits. numbers: 1 - smoothing, smoothing / classes and
    z, in halves.
    """

    dtype: str
    x: Any
    target: Any
    weight: Any
    kept: tuple[int, ...]
    soft: bool
    shares: bool
    numbers: tuple[float, ...]
    flags: dict[str, bool]

    @property
    def rows(self) -> int:
        """How many rows."""
        return int(self.x.shape[0] * self.x.shape[2])

    @property
    def width(self) -> int:
        """How many classes."""
        return int(self.x.shape[1])

    @property
    def places(self) -> int:
        """Rows of a lead."""
        return max(int(self.x.shape[2]), 1)

    @property
    def target_steps(self) -> tuple[int, ...]:
        """Strides of soft targets; zeros for indices."""
        return strides(self.target) if self.soft else (0, 0, 0)

    @property
    def wide(self) -> bool:
        """Whether offsets pass 32 bits."""
        reaches = reaches_past_int32(self.x, *([self.target] if self.soft else []))
        return reaches or self.rows >= 2**31

    def _config(self, way: str, *others: Any) -> tuple[Config, str]:
        found = [strides(a) for a in (self.x, *others)]
        column = self.places > 1 and all(abs(s[2]) < abs(s[1]) for s in found)
        layout = "column" if column else "row"
        wide = "fp64" if self.dtype == "fp64" else "fp32"
        arch = current().policy.arch
        return choose("cross_entropy", way=way, arch=arch, layout=layout, wide=wide), layout

    def tile(self, way: str, *others: Any) -> dict[str, int]:
        """Rows and classes of a tile, warps and stages."""
        config, layout = self._config(way, *others)
        table = config.constants
        lanes, elements = table["LANES"], table["ELEMENTS"]
        if layout == "row":
            block = side(self.width, 8, lanes)
            tall = side(self.rows, 8, elements // block)
        else:
            tall = side(self.rows, 16, lanes)
            block = side(self.width, 8, elements // tall)
        return {"ROWS": tall, "BLOCK": block, "warps": config.warps, "stages": config.stages}

    def pieces(self) -> tuple[int, int, dict[str, int]]:
        """(classes a piece, pieces, launch settings) of the forward pass."""
        config, _ = self._config("forward")
        settings = self.tile("forward")
        programs = max(cdiv(self.rows, settings["ROWS"]), 1)
        wanted = min(cdiv(config.constants["PROGRAMS"], programs),
                     cdiv(self.width, config.constants["PIECE"]))  # fmt: skip
        block = settings["BLOCK"]
        piece = cdiv(cdiv(self.width, wanted), block) * block
        return piece, cdiv(self.width, piece), settings

    def join(self, pieces: int) -> dict[str, int]:
        """Launch settings of joining pieces."""
        block = side(pieces, 16, 1024)  # PROGRAMS bounds the pieces
        tall = side(self.rows, 16, 1024 // block)
        return {"ROWS": tall, "BLOCK": block, "warps": 4, "stages": 1}


def _three(x: Any, axis: int) -> Any:
    """x as (before axis, axis, after axis); a copy only where a view fails."""
    return x.reshape(math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :]))


def loss(
    op: str, logits: Any, target: Any, weight: Any, axis: int, reduction: str, smoothing: float,
    z_loss: float,
) -> Loss:  # fmt: skip
    """The operands, once shapes, dtypes and options are known to fit."""
    dtype = floating(op, logits)
    if not -logits.ndim <= axis < logits.ndim:
        raise ValueError(f"{op}: axis {axis} of logits of shape {logits.shape}")
    axis %= logits.ndim
    if reduction not in REDUCTIONS:
        raise ValueError(f"{op}: {reduction!r} is not a valid value for reduction")
    if not 0.0 <= smoothing <= 1.0:
        raise ValueError(f"{op}: label_smoothing must be between 0.0 and 1.0. Got: {smoothing}")
    if logits.shape[axis] == 0:
        raise ValueError(f"{op}: no classes in logits of shape {logits.shape}")
    soft = type_name(target.dtype)[0] in "fb"
    kept = (*logits.shape[:axis], *logits.shape[axis + 1 :])
    _check(op, logits, target, weight, axis, kept, soft)
    width = logits.shape[axis]
    numbers = (*halves(1.0 - smoothing), *halves(smoothing / width), *halves(z_loss))
    flags = {"SOFT": soft, "SMOOTH": smoothing > 0, "Z": z_loss != 0}
    shares = logits.flags.c_contiguous or (axis <= 1 and logits.ndim - axis <= 2)
    goal = _three(target, axis) if soft else target.reshape(-1)
    return Loss(dtype, _three(logits, axis), goal, weight, kept, soft, shares, numbers, flags)


def _check(
    op: str, logits: Any, target: Any, weight: Any, axis: int, kept: tuple[int, ...], soft: bool
) -> None:
    if soft and target.shape != logits.shape:
        raise ValueError(f"{op}: probabilities of shape {target.shape}, logits {logits.shape}")
    if not soft and target.dtype.kind not in "iu":
        raise TypeError(f"{op}: class indices of {target.dtype}")
    if not soft and tuple(target.shape) != kept:
        raise ValueError(f"{op}: target of shape {tuple(target.shape)}, expected {kept}")
    if weight is not None:
        floating(op, weight)
        if tuple(weight.shape) != (logits.shape[axis],):
            raise ValueError(
                f"{op}: weight of shape {tuple(weight.shape)} for {logits.shape[axis]} classes"
            )
