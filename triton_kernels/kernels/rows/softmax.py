"""Softmax and log-softmax over one axis, forward and backward.

Rows up to `BLOCK` columns are one pass over memory, a few rows a program; longer ones take the
online form: running maximum and rescaled sum, then a second pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import triton
import triton.language as tl

from ...checks.cases import Case, Maker, kernel, op
from ...launching.arrays import cdiv, empty, floating, next_power_of_2, rows_of, strides
from ...launching.launch import launch
from ...launching.policy import choose

ONLINE = "Milakov and Gimelshein, Online normalizer calculation for softmax, arXiv:1805.02867"


@kernel(source=ONLINE, hot=True)
@triton.jit
def softmax_forward_kernel(
    x_ptr, y_ptr, rows, columns, x_row, x_column,
    LOG: tl.constexpr, WHOLE: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """y = softmax(x), or its logarithm, over the columns of x (rows, columns).

    x: any strides; y: row-major. fp16, bf16, fp32 computed in fp32; fp64 in fp64.
    """
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    at = tl.arange(0, BLOCK)[None, :]
    wide = tl.float64 if x_ptr.dtype.element_ty == tl.float64 else tl.float32
    x_ptr += row * x_row
    y_ptr += row * columns
    if WHOLE:
        ok = (row < rows) & (at < columns)
        x = tl.load(x_ptr + at * x_column, mask=ok, other=float("-inf")).to(wide)
        top = tl.max(x, axis=1)[:, None]
        top = tl.where(
            top == float("-inf"), 0.0, top
        )  # a row of -inf gives nan by 0 / 0, not by inf - inf
        total = tl.sum(tl.exp(x - top), axis=1)[:, None]
        if LOG:
            y = x - top - tl.log(total)
        else:
            y = tl.exp(x - top) / total
        tl.store(y_ptr + at, y.to(y_ptr.dtype.element_ty), mask=ok)
    else:
        top = tl.full([ROWS, 1], float("-inf"), wide)
        total = tl.zeros([ROWS, 1], wide)
        for start in range(0, columns, BLOCK):
            ok = (row < rows) & (start + at < columns)
            x = tl.load(x_ptr + (start + at) * x_column, mask=ok, other=float("-inf")).to(wide)
            peak = tl.maximum(top, tl.max(x, axis=1)[:, None])
            safe = tl.where(peak == float("-inf"), 0.0, peak)
            total = total * tl.exp(top - safe) + tl.sum(tl.exp(x - safe), axis=1)[:, None]
            top = peak
        top = tl.where(top == float("-inf"), 0.0, top)
        for start in range(0, columns, BLOCK):
            ok = (row < rows) & (start + at < columns)
            x = tl.load(x_ptr + (start + at) * x_column, mask=ok, other=float("-inf")).to(wide)
            if LOG:
                y = x - top - tl.log(total)
            else:
                y = tl.exp(x - top) / total
            tl.store(y_ptr + start + at, y.to(y_ptr.dtype.element_ty), mask=ok)


@kernel(
    source="Derivative of softmax: y (g - sum(g y)); of its logarithm: g - exp(y) sum(g)", hot=True
)
@triton.jit
def softmax_backward_kernel(
    g_ptr, y_ptr, out_ptr, rows, columns, g_row, g_column, y_row, y_column,
    LOG: tl.constexpr, WHOLE: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Gradient in the input, from that of the output g and the output y, all (rows, columns)."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    at = tl.arange(0, BLOCK)[None, :]
    wide = tl.float64 if y_ptr.dtype.element_ty == tl.float64 else tl.float32
    g_ptr += row * g_row
    y_ptr += row * y_row
    out_ptr += row * columns
    if WHOLE:
        ok = (row < rows) & (at < columns)
        g = tl.load(g_ptr + at * g_column, mask=ok, other=0.0).to(wide)
        y = tl.load(y_ptr + at * y_column, mask=ok, other=0.0).to(wide)
        if LOG:
            out = g - tl.exp(y) * tl.sum(g, axis=1)[:, None]
        else:
            out = y * (g - tl.sum(g * y, axis=1)[:, None])
        tl.store(out_ptr + at, out.to(out_ptr.dtype.element_ty), mask=ok)
    else:
        total = tl.zeros([ROWS, 1], wide)
        for start in range(0, columns, BLOCK):
            ok = (row < rows) & (start + at < columns)
            g = tl.load(g_ptr + (start + at) * g_column, mask=ok, other=0.0).to(wide)
            y = tl.load(y_ptr + (start + at) * y_column, mask=ok, other=0.0).to(wide)
            if LOG:
                total += tl.sum(g, axis=1)[:, None]
            else:
                total += tl.sum(g * y, axis=1)[:, None]
        for start in range(0, columns, BLOCK):
            ok = (row < rows) & (start + at < columns)
            g = tl.load(g_ptr + (start + at) * g_column, mask=ok, other=0.0).to(wide)
            y = tl.load(y_ptr + (start + at) * y_column, mask=ok, other=0.0).to(wide)
            if LOG:
                out = g - tl.exp(y) * total
            else:
                out = y * (g - total)
            tl.store(out_ptr + start + at, out.to(out_ptr.dtype.element_ty), mask=ok)


def _shape(table: str, rows: int, columns: int, dtype: str) -> tuple[int, dict[str, Any]]:
    """(programs, launch settings) of a row kernel."""
    config = choose(table, n=columns, dtype=dtype)
    block = min(config.constants["BLOCK"], next_power_of_2(columns))
    tall = max(1, min(config.constants["ELEMENTS"] // block, next_power_of_2(rows)))
    settings = {"BLOCK": block, "ROWS": tall, "WHOLE": columns <= block}
    return cdiv(rows, tall), {**settings, "warps": config.warps, "stages": config.stages}


def softmax_reference(x: np.ndarray, axis: int = -1, log: bool = False) -> np.ndarray:
    """The definition, in float64."""
    shifted = x - x.max(axis, keepdims=True, initial=-np.inf)
    total = np.exp(shifted).sum(axis, keepdims=True)
    return shifted - np.log(total) if log else np.exp(shifted) / total


def softmax_backward_reference(
    g: np.ndarray, y: np.ndarray, axis: int = -1, log: bool = False
) -> np.ndarray:
    """The definition, in float64."""
    if log:
        return g - np.exp(y) * g.sum(axis, keepdims=True)
    return y * (g - (g * y).sum(axis, keepdims=True))


def _forward_cases() -> Iterator[Case]:
    for log in (False, True):
        for dtype in ("f32", "f16", "bf16", "f64"):

            def build(m: Maker, dtype: str = dtype) -> tuple[Any, ...]:
                return (m.normal((5, 37), dtype, 3.0),)

            yield Case(f"{dtype} log={log}", build, {"log": log})
        yield Case(f"long log={log}", lambda m: (m.normal((2, 5000)),), {"log": log})
    yield Case("middle axis", lambda m: (m.normal((2, 9, 3)),), {"axis": 1})
    yield Case("strided", lambda m: (m.strided(m.normal((4, 6))),))
    yield Case("one column", lambda m: (m.normal((3, 1)),))
    yield Case("no rows", lambda m: (m.normal((0, 4)),))
    yield Case("no columns", lambda m: (m.normal((4, 0)),))
    yield Case("integers", lambda m: (m.integers((4, 2), 3),), refuses=TypeError)
    for dtype in ("f32", "bf16"):
        for columns in (1024, 65536):

            def large(m: Maker, columns: int = columns, dtype: str = dtype) -> tuple[Any, ...]:
                return (m.normal((4096, columns), dtype),)

            yield Case(f"big {dtype} {columns}", large, big=True)


@op(reference=softmax_reference, cases=_forward_cases, ulps=8)
def softmax(x: Any, axis: int = -1, log: bool = False) -> Any:
    """Softmax of x over `axis`, or its logarithm; a row of -inf gives nan. Same dtype and shape.

    >>> softmax.__name__
    'softmax'
    """
    dtype = floating("softmax", x)
    view, rows, columns = rows_of(x, axis)
    out = empty(x, view.shape)
    if rows and columns:
        programs, settings = _shape("softmax", rows, columns, dtype)
        launch(
            softmax_forward_kernel, (programs,), view, out, rows, columns, *strides(view),
            LOG=log, **settings,
        )  # fmt: skip
    return _back(out, x, axis)


def _back(out: Any, like: Any, axis: int) -> Any:
    """Rows of `out` as the array of `like`'s shape whose rows ran along `axis`."""
    shape = list(like.shape)
    columns = shape.pop(axis)
    moved = out.reshape(*shape, columns)
    order = list(range(moved.ndim - 1))
    order.insert(axis % moved.ndim, moved.ndim - 1)
    return moved.transpose(order)


def _backward_cases() -> Iterator[Case]:
    for log in (False, True):
        for dtype in ("f32", "f16", "bf16", "f64"):

            def build(m: Maker, dtype: str = dtype, log: bool = log) -> tuple[Any, ...]:
                y = m.uniform((5, 37), dtype, -2.0, 0.0) if log else m.uniform((5, 37), dtype)
                return m.normal((5, 37), dtype), y

            yield Case(f"{dtype} log={log}", build, {"log": log})
        yield Case(
            f"long log={log}",
            lambda m: (m.normal((2, 5000)), m.uniform((2, 5000), high=0.01)), {"log": log},
        )  # fmt: skip
    yield Case("strided", lambda m: (m.strided(m.normal((4, 6))), m.normal((6, 4)).T), {"axis": 0})
    yield Case("empty", lambda m: (m.normal((0, 4)), m.normal((0, 4))))
    yield Case("big", lambda m: (m.normal((4096, 1024), "bf16"),) * 2, big=True)


@op(reference=softmax_backward_reference, cases=_backward_cases, ulps=16)
def softmax_backward(g: Any, y: Any, axis: int = -1, log: bool = False) -> Any:
    """Gradient of `softmax` in its input, from the output's gradient g and the output y."""
    dtype = floating("softmax_backward", g, y)
    grads, rows, columns = rows_of(g, axis)
    values, _, _ = rows_of(y, axis)
    out = empty(y, values.shape)
    if rows and columns:
        programs, settings = _shape("softmax", rows, columns, dtype)
        launch(
            softmax_backward_kernel, (programs,), grads, values, out, rows, columns,
            *strides(grads), *strides(values), LOG=log, **settings,
        )  # fmt: skip
    return _back(out, y, axis)
