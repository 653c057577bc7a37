"""An attention call as numbers: sizes, strides, factors, in the order in which kernels take them.

Host code alone: it checks shapes and dtypes and knows neither kernels nor tables.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...launching.arrays import empty, floating, namespace, next_power_of_2, strides, type_name

_KINDS = {"fp16": "16bit", "bf16": "16bit", "fp32": "fp32"}


@dataclass(frozen=True, slots=True)
class Attention:
    """What every kernel of one attention call is given.

    batch sequences, `heads` query heads, `group` query heads a key head; queries and keys: rows of
    a sequence (variable length: of the longest); rows: query rows of the whole batch a head.
    Strides are (batch, head, row, column) in elements. bottom: the causal line ends at the last
    key, not at key 0 of row 0.
    """

    q: Any
    k: Any
    v: Any
    mask: Any
    cu_q: Any
    cu_k: Any
    batch: int
    heads: int
    group: int
    queries: int
    keys: int
    rows: int
    size: int
    value_size: int
    q_strides: tuple[int, ...]
    k_strides: tuple[int, ...]
    v_strides: tuple[int, ...]
    mask_strides: tuple[int, ...]
    scale: float
    causal: bool
    bottom: bool
    dropout: float
    seed: int
    offset: int
    kind: str

    @property
    def variable(self) -> bool:
        """Whether sequences lie behind one another, of lengths that only the device knows."""
        return self.cu_q is not None

    def pointers(self) -> tuple[Any, ...]:
        """Arrays that every kernel but the row sums takes first."""
        return self.q, self.k, self.v, self.mask, self.cu_q, self.cu_k

    def numbers(self) -> tuple[int | float, ...]:
        """Run-time numbers that they take after all pointers."""
        threshold = round(self.dropout * 2**32)
        boost = 0.0 if self.dropout >= 1 else 1 / (1 - self.dropout)
        return (
            self.queries, self.keys, self.heads, self.group, self.rows, *self.q_strides,
            *self.k_strides, *self.v_strides, *self.mask_strides, float(self.scale), threshold,
            boost, _signed(self.seed), _signed(self.offset),
        )  # fmt: skip

    def constants(self, *more: Any) -> dict[str, Any]:
        """Compile-time constants that they share; more: further arrays that they load rows of."""
        return {
            "ALIGNED": aligned(self.q, self.k, self.v, *more),
            "CAUSAL": self.causal, "BOTTOM": self.bottom, "DROPOUT": self.dropout > 0,
            "PRECISION": "tf32" if self.kind == "tf32" else "ieee",
            "SIZE": self.size, "VALUE_SIZE": self.value_size,
            "BLOCK_SIZE": max(16, next_power_of_2(self.size)),
            "BLOCK_VALUE": max(16, next_power_of_2(self.value_size)),
        }  # fmt: skip

    def facts(self) -> dict[str, Any]:
        """What tables are asked by, beside the architecture."""
        return {
            "even": int(aligned(self.q, self.k, self.v)),
            "kind": self.kind, "plain": int(self.mask is None and self.dropout == 0),
            "size": max(16, next_power_of_2(max(self.size, self.value_size))),
        }  # fmt: skip

    def place(self, x: Any) -> tuple[int, ...]:
        """(batch, head, row, column) strides of an array laid out as q."""
        return placed(x, self.variable)

    def row_strides(self) -> tuple[int, int]:
        """(batch, head) strides of a contiguous array of one number a query row."""
        return (0, self.rows) if self.variable else (self.heads * self.rows, self.rows)

    def row_shape(self) -> tuple[int, ...]:
        """Its shape: (B, H, L), with variable length (H, rows)."""
        return (self.heads, self.rows) if self.variable else (self.batch, self.heads, self.rows)


def aligned(*arrays: Any) -> bool:
    """Whether all rows along the last axis are dense and begin at multiples of 16 bytes."""
    return all(
        x.strides[-1] == x.itemsize and not any(s % 16 for s in (address(x), *x.strides[:-1]))
        for x in arrays
    )


def address(x: Any) -> int:
    """Where an array begins in memory."""
    if namespace(x) is np:
        return x.__array_interface__["data"][0]
    return x.data.ptr


def placed(x: Any, variable: bool) -> tuple[int, ...]:
    """(batch, head, row, column) strides of (B, H, L, D), or of (rows, H, D)."""
    s = strides(x)
    return (0, s[1], s[0], s[2]) if variable else s


def dense(
    op: str, q: Any, k: Any, v: Any, mask: Any, causal: bool, scale: float | None, bottom: bool,
    dropout: float, seed: int, offset: int, tf32: bool,
) -> Attention:  # fmt: skip
    """q (B, H, L, D), k (B, Hkv, S, D), v (B, Hkv, S, E), mask that broadcasts to (B, H, L, S)."""
    if q.ndim != 4 or k.ndim != 4 or v.ndim != 4 or q.shape[0] != k.shape[0]:
        raise ValueError(
            f"{op}: expected q (B, H, L, D), k (B, Hkv, S, D), v (B, Hkv, S, E), got "
            f"{q.shape}, {k.shape}, {v.shape}"
        )
    batch, heads, queries, _ = q.shape
    keys = k.shape[2]
    if k.shape[:3] != v.shape[:3]:
        raise ValueError(f"{op}: k {k.shape} and v {v.shape} differ before the last axis")
    at: tuple[int, ...] = (0, 0, 0, 0)
    if mask is not None:
        full = (batch, heads, queries, keys)
        if np.broadcast_shapes(mask.shape, full) != full:
            raise ValueError(f"{op}: a mask of shape {mask.shape} does not broadcast to {full}")
        kind = type_name(mask.dtype)
        if kind not in ("i1", "fp16", "bf16", "fp32"):
            raise TypeError(f"{op}: expected a mask of bool, fp16, bf16 or fp32, got {kind}")
        mask = namespace(mask).broadcast_to(mask.view(np.uint8) if kind == "i1" else mask, full)
        at = strides(mask)
    return _common(
        op, q, k, v, mask, None, None, batch, queries, keys, queries, at, causal, scale, bottom,
        dropout, seed, offset, tf32,
    )  # fmt: skip


def variable_length(
    op: str, q: Any, k: Any, v: Any, cu_q: Any, cu_k: Any, queries: int, keys: int, causal: bool,
    scale: float | None, bottom: bool, dropout: float, seed: int, offset: int, tf32: bool,
) -> Attention:  # fmt: skip
    """q (T, H, D), k (U, Hkv, D), v (U, Hkv, E); cu_q, cu_k (B + 1,) int32 or int64."""
    if q.ndim != 3 or k.ndim != 3 or v.ndim != 3 or k.shape[:2] != v.shape[:2]:
        raise ValueError(
            f"{op}: expected q (T, H, D), k (U, Hkv, D), v (U, Hkv, E), got "
            f"{q.shape}, {k.shape}, {v.shape}"
        )
    if cu_q.ndim != 1 or cu_q.shape != cu_k.shape or cu_q.shape[0] < 1:
        raise ValueError(f"{op}: expected lengths (B + 1,) twice, got {cu_q.shape}, {cu_k.shape}")
    names = {type_name(c.dtype) for c in (cu_q, cu_k)}
    if not names <= {"i32", "i64"}:
        raise TypeError(f"{op}: expected lengths of int32 or int64, got {', '.join(names)}")
    batch = cu_q.shape[0] - 1
    cu_q, cu_k = (namespace(c).ascontiguousarray(c) for c in (cu_q, cu_k))
    return _common(
        op, q, k, v, None, cu_q, cu_k, batch, queries, keys, q.shape[0], (0, 0, 0, 0), causal,
        scale, bottom, dropout, seed, offset, tf32,
    )  # fmt: skip


def _common(
    op: str, q: Any, k: Any, v: Any, mask: Any, cu_q: Any, cu_k: Any, batch: int, queries: int,
    keys: int, rows: int, at: tuple[int, ...], causal: bool, scale: float | None, bottom: bool,
    dropout: float, seed: int, offset: int, tf32: bool,
) -> Attention:  # fmt: skip
    kind = _KINDS.get(floating(op, q, k, v))
    if kind is None:
        raise TypeError(f"{op}: expected fp16, bf16 or fp32, got fp64")
    variable = cu_q is not None
    heads, key_heads = (x.shape[-2 if variable else 1] for x in (q, k))
    size, value_size = q.shape[-1], v.shape[-1]
    if size != k.shape[-1] or not 1 <= size <= 256 or not 1 <= value_size <= 256:
        raise ValueError(f"{op}: expected heads of 1 to 256, got {q.shape}, {k.shape}, {v.shape}")
    if key_heads == 0 or heads % key_heads:
        raise ValueError(f"{op}: {heads} query heads do not divide over {key_heads} key heads")
    if not 0 <= dropout <= 1:
        raise ValueError(f"{op}: expected a dropout probability in [0, 1], got {dropout}")
    return Attention(
        q, k, v, mask, cu_q, cu_k, batch, heads, heads // key_heads, queries, keys, rows, size,
        value_size, placed(q, variable), placed(k, variable), placed(v, variable), at,
        1 / math.sqrt(size) if scale is None else scale, causal, bottom, dropout, seed, offset,
        "tf32" if kind == "fp32" and tf32 else kind,
    )  # fmt: skip


def _signed(word: int) -> int:
    """A 64-bit word as the signed integer that a kernel takes."""
    return (word + 2**63) % 2**64 - 2**63


def like_q(a: Attention) -> Any:
    """New memory for the result, its axes in the order in which q lies in memory."""
    if a.variable:
        return empty(a.q, (*a.q.shape[:-1], a.value_size))
    batch, heads, rows, _ = a.q.shape
    if a.q_strides[1] < a.q_strides[2]:
        return empty(a.q, (batch, rows, heads, a.value_size)).transpose(0, 2, 1, 3)
    return empty(a.q, (batch, heads, rows, a.value_size))
