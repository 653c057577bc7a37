"""Layer norm and RMS norm over the last axes, forward and backward.

Rows that fit a tile are read once; longer ones take a pass for their moments and one for the
result. Gradients of weight and bias are summed in strips of rows, then over strips in fixed order.
"""

from __future__ import annotations

import math
from typing import Any

import triton
import triton.language as tl

from ...checks.cases import kernel, op
from ...launching.arrays import cdiv, empty, floating, reaches_past_int32, strides
from ...launching.launch import launch
from ...launching.policy import Config, choose
from ...references.layer_norm import (
    layer_backward_cases,
    layer_cases,
    layer_norm_backward_reference,
    layer_norm_reference,
    rms_backward_cases,
    rms_cases,
    rms_norm_backward_reference,
    rms_norm_reference,
)
from .norm_parts import add_rows, halves, side, wide_dtype, wide_of

LAYER = "Ba, Kiros and Hinton, Layer Normalization, arXiv:1607.06450"
RMS = "Zhang and Sennrich, Root Mean Square Layer Normalization, arXiv:1910.07467"
CHAN = "Chan, Golub, LeVeque, Algorithms for computing the sample variance, Am. Stat. 37 (1983)"
DERIVED = "Derivative of y = w (x - mean) rstd + b, by the chain rule through mean and rstd"


@kernel(source=f"{LAYER}; {RMS}; rows in pieces: {CHAN}", hot=True)
@triton.jit
def layer_norm_kernel(
    x_ptr, w_ptr, b_ptr, y_ptr, mean_ptr, rstd_ptr, rows, columns,
    x_row, x_column, w_column, b_column, eps, eps_rest,
    PLAIN: tl.constexpr, WHOLE: tl.constexpr, WIDE: tl.constexpr, ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """y = w (x - mean) rstd + b for the rows of x (rows, columns); PLAIN: without the mean.

    x: any strides; y: row-major; w, b (columns,) or None; mean (None if PLAIN), rstd (rows,).
    A long row's lanes each keep a running mean and sum of squares, joined at the end.
    """
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    at = tl.arange(0, BLOCK).to(tl.int64 if WIDE else tl.int32)[None, :]
    wide = wide_of(x_ptr.dtype.element_ty)
    shift = tl.zeros([], wide) + eps + eps_rest
    live = row < rows
    x_ptr += row * x_row
    y_ptr += row * columns
    if WHOLE:
        ok = live & (at < columns)
        x = tl.load(x_ptr + at * x_column, mask=ok, other=0.0).to(wide)
        if PLAIN:
            away = x
        else:
            mean = (tl.sum(x, axis=1) / columns)[:, None]
            tl.store(mean_ptr + row, mean, mask=live)
            away = tl.where(ok, x - mean, 0.0)
        rstd = 1 / tl.sqrt((tl.sum(away * away, axis=1) / columns)[:, None] + shift)
        y = away * rstd
        if w_ptr is not None:
            y *= tl.load(w_ptr + at * w_column, mask=at < columns, other=0.0).to(wide)
        if b_ptr is not None:
            y += tl.load(b_ptr + at * b_column, mask=at < columns, other=0.0).to(wide)
        tl.store(y_ptr + at, y.to(y_ptr.dtype.element_ty), mask=ok)
    else:
        mean = tl.zeros([ROWS, BLOCK], wide)
        squares = tl.zeros([ROWS, BLOCK], wide)
        for start in range(0, columns, BLOCK):
            ok = live & (start + at < columns)
            x = tl.load(x_ptr + (start + at) * x_column, mask=ok, other=0.0).to(wide)
            if PLAIN:
                squares += x * x
            else:
                away = tl.where(ok, x - mean, 0.0)
                mean += away / (start // BLOCK + 1)
                squares += away * (x - mean)
        if PLAIN:
            middle = tl.zeros([ROWS, 1], wide)
        else:
            count = ((columns - at + BLOCK - 1) // BLOCK).to(wide)
            middle = (tl.sum(mean * count, axis=1) / columns)[:, None]
            tl.store(mean_ptr + row, middle, mask=live)
            squares += count * (mean - middle) * (mean - middle)
        rstd = 1 / tl.sqrt((tl.sum(squares, axis=1) / columns)[:, None] + shift)
        for start in range(0, columns, BLOCK):
            ok = live & (start + at < columns)
            x = tl.load(x_ptr + (start + at) * x_column, mask=ok, other=0.0).to(wide)
            y = (x - middle) * rstd
            kept = start + at < columns
            if w_ptr is not None:
                y *= tl.load(w_ptr + (start + at) * w_column, mask=kept, other=0.0).to(wide)
            if b_ptr is not None:
                y += tl.load(b_ptr + (start + at) * b_column, mask=kept, other=0.0).to(wide)
            tl.store(y_ptr + start + at, y.to(y_ptr.dtype.element_ty), mask=ok)
    tl.store(rstd_ptr + row, rstd, mask=live)


@kernel(source=DERIVED, hot=True)
@triton.jit
def layer_norm_backward_kernel(
    g_ptr, x_ptr, w_ptr, mean_ptr, rstd_ptr, out_ptr, w_sum_ptr, b_sum_ptr, rows, columns, strip,
    g_row, g_column, x_row, x_column, w_column,
    WIDE: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Gradient in x (rows, columns) for strips of rows whose columns fit BLOCK.

    g, x: any strides; out: row-major; mean may be None (RMS norm). w_sum, b_sum (strips, columns):
    the strip's sums of g (x - mean) rstd and of g, or None.
    """
    first = tl.program_id(0).to(tl.int64) * strip
    last = tl.minimum(first + strip, rows)
    at = tl.arange(0, BLOCK).to(tl.int64 if WIDE else tl.int32)[None, :]
    wide = wide_of(x_ptr.dtype.element_ty)
    kept = at < columns
    w = tl.full([1, BLOCK], 1.0, wide)
    if w_ptr is not None:
        w = tl.load(w_ptr + at * w_column, mask=kept, other=0.0).to(wide)
    w_sum = tl.zeros([ROWS, BLOCK], wide)
    b_sum = tl.zeros([ROWS, BLOCK], wide)
    for start in range(first, last, ROWS):
        row = start + tl.arange(0, ROWS)[:, None]
        live = row < last
        ok = live & kept
        g = tl.load(g_ptr + row * g_row + at * g_column, mask=ok, other=0.0).to(wide)
        x = tl.load(x_ptr + row * x_row + at * x_column, mask=ok, other=0.0).to(wide)
        rstd = tl.load(rstd_ptr + row, mask=live, other=0.0)
        if mean_ptr is not None:
            x -= tl.load(mean_ptr + row, mask=live, other=0.0)
        x *= rstd
        inner = g * w
        out = inner - x * (tl.sum(inner * x, axis=1) / columns)[:, None]
        if mean_ptr is not None:
            out -= (tl.sum(inner, axis=1) / columns)[:, None]
        tl.store(out_ptr + row * columns + at, (out * rstd).to(out_ptr.dtype.element_ty), mask=ok)
        if w_sum_ptr is not None:
            w_sum += g * x
        if b_sum_ptr is not None:
            b_sum += g
    spot = tl.program_id(0).to(tl.int64) * columns + tl.arange(0, BLOCK)
    kept = tl.arange(0, BLOCK) < columns
    if w_sum_ptr is not None:
        tl.store(w_sum_ptr + spot, tl.sum(w_sum, axis=0), mask=kept)
    if b_sum_ptr is not None:
        tl.store(b_sum_ptr + spot, tl.sum(b_sum, axis=0), mask=kept)


@kernel(source=DERIVED, hot=True)
@triton.jit
def layer_norm_backward_long_kernel(
    g_ptr, x_ptr, w_ptr, mean_ptr, rstd_ptr, out_ptr, columns,
    g_row, g_column, x_row, x_column, w_column,
    WIDE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Gradient in x (rows, columns), a row a program, its columns in blocks, twice."""
    row = tl.program_id(0).to(tl.int64)
    at = tl.arange(0, BLOCK).to(tl.int64 if WIDE else tl.int32)
    wide = wide_of(x_ptr.dtype.element_ty)
    g_ptr += row * g_row
    x_ptr += row * x_row
    out_ptr += row * columns
    rstd = tl.load(rstd_ptr + row)  # in bounds: a program a row
    mean = tl.zeros([], wide)
    if mean_ptr is not None:
        mean = tl.load(mean_ptr + row)  # in bounds: a program a row
    along = tl.zeros([BLOCK], wide)
    total = tl.zeros([BLOCK], wide)
    for start in range(0, columns, BLOCK):
        kept = start + at < columns
        g = tl.load(g_ptr + (start + at) * g_column, mask=kept, other=0.0).to(wide)
        x = tl.load(x_ptr + (start + at) * x_column, mask=kept, other=0.0).to(wide)
        if w_ptr is not None:
            g *= tl.load(w_ptr + (start + at) * w_column, mask=kept, other=0.0).to(wide)
        along += g * ((x - mean) * rstd)
        total += g
    slope = tl.sum(along, axis=0) / columns
    level = tl.zeros([], wide)
    if mean_ptr is not None:
        level = tl.sum(total, axis=0) / columns
    for start in range(0, columns, BLOCK):
        kept = start + at < columns
        g = tl.load(g_ptr + (start + at) * g_column, mask=kept, other=0.0).to(wide)
        x = tl.load(x_ptr + (start + at) * x_column, mask=kept, other=0.0).to(wide)
        if w_ptr is not None:
            g *= tl.load(w_ptr + (start + at) * w_column, mask=kept, other=0.0).to(wide)
        out = (g - (x - mean) * rstd * slope - level) * rstd
        tl.store(out_ptr + start + at, out.to(out_ptr.dtype.element_ty), mask=kept)


@kernel(source=DERIVED, hot=True)
@triton.jit
def layer_norm_parameters_kernel(
    g_ptr, x_ptr, mean_ptr, rstd_ptr, w_sum_ptr, b_sum_ptr, rows, columns, strip,
    g_row, g_column, x_row, x_column,
    WIDE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """w_sum, b_sum (strips, columns): a strip's sums of g (x - mean) rstd and of g; b may be None.

    A program a block of columns and a strip of rows, whose rows it adds one after the other.
    """
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK).to(tl.int64 if WIDE else tl.int32)
    first = tl.program_id(1).to(tl.int64) * strip
    kept = at < columns
    wide = wide_of(x_ptr.dtype.element_ty)
    w_sum = tl.zeros([BLOCK], wide)
    b_sum = tl.zeros([BLOCK], wide)
    for row in range(first, tl.minimum(first + strip, rows)):
        g = tl.load(g_ptr + row * g_row + at * g_column, mask=kept, other=0.0).to(wide)
        x = tl.load(x_ptr + row * x_row + at * x_column, mask=kept, other=0.0).to(wide)
        if mean_ptr is not None:
            x -= tl.load(mean_ptr + row)  # in bounds: row < rows
        rstd = tl.load(rstd_ptr + row)  # in bounds: row < rows
        w_sum += g * (x * rstd)
        if b_sum_ptr is not None:
            b_sum += g
    spot = tl.program_id(1).to(tl.int64) * columns + at
    tl.store(w_sum_ptr + spot, w_sum, mask=kept)
    if b_sum_ptr is not None:
        tl.store(b_sum_ptr + spot, b_sum, mask=kept)


def _matrix(op: str, x: Any, axes: int, *parameters: Any) -> tuple[str, Any, list[Any]]:
    """(dtype, x as a matrix of rows, parameters as vectors or None), shapes and dtypes checked."""
    dtype = floating(op, x)
    if not 1 <= axes <= x.ndim:
        raise ValueError(f"{op}: axes must be 1 to {x.ndim}, got {axes}")
    inner = tuple(x.shape[x.ndim - axes :])
    flat = []
    for p in parameters:
        if p is not None and tuple(p.shape) != inner:
            raise ValueError(f"{op}: a parameter of shape {tuple(p.shape)}, expected {inner}")
        if p is not None:
            floating(op, p)
        flat.append(None if p is None else p.reshape(-1))
    return dtype, _rows(x, axes), flat


def _rows(x: Any, axes: int) -> Any:
    """x as (rows, columns), its last `axes` the columns; a copy only where a view fails."""
    cut = x.ndim - axes
    return x.reshape(math.prod(x.shape[:cut]), math.prod(x.shape[cut:]))


def _step(vector: Any) -> int:
    return 0 if vector is None else strides(vector)[0]


def _tile(way: str, dtype: str, rows: int, columns: int) -> tuple[Config, int, int]:
    """(table entry, columns a pass, rows a program)."""
    config = choose("layer_norm", way=way, dtype=dtype, n=columns)
    block = side(columns, 64, config.constants["BLOCK"])
    return config, block, side(rows, 8, config.constants["ELEMENTS"] // block)


def _forward(
    op: str, x: Any, weight: Any, bias: Any, eps: float, axes: int, plain: bool
) -> tuple[Any, Any, Any]:
    dtype, view, (w, b) = _matrix(op, x, axes, weight, bias)
    rows, columns = view.shape
    out = empty(x, view.shape)
    mean = None if plain else empty(x, (rows,), wide_dtype(dtype))
    rstd = empty(x, (rows,), wide_dtype(dtype))
    config, block, tall = _tile("forward", dtype, rows, columns)
    launch(
        layer_norm_kernel, (cdiv(rows, tall),), view, w, b, out, mean, rstd, rows, columns,
        *strides(view), _step(w), _step(b), *halves(eps), PLAIN=plain, WHOLE=columns <= block,
        WIDE=reaches_past_int32(view[:1]), ROWS=tall, BLOCK=block, warps=config.warps,
        stages=config.stages,
    )  # fmt: skip
    return out.reshape(x.shape), mean, rstd


@op(reference=layer_norm_reference, cases=layer_cases, ulps=8)
def layer_norm(
    x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5, axes: int = 1
) -> tuple[Any, Any, Any]:
    """Normalise x over its last `axes` axes: (y, mean, reciprocal deviation).

    weight, bias: of the shape of those axes, any floating dtype, or None. y: as x. mean and
    reciprocal deviation: (rows,) in fp32, or fp64 for fp64. ValueError where shapes do not fit.

    >>> layer_norm.__name__
    'layer_norm'
    """
    return _forward("layer_norm", x, weight, bias, eps, axes, False)


@op(reference=rms_norm_reference, cases=rms_cases, ulps=8)
def rms_norm(x: Any, weight: Any = None, eps: float = 1e-6, axes: int = 1) -> tuple[Any, Any]:
    """Divide x by the root of its mean square over its last `axes` axes: (y, reciprocal root).

    weight: of the shape of those axes, any floating dtype, or None; y: as x.
    """
    out, _, rstd = _forward("rms_norm", x, weight, None, eps, axes, True)
    return out, rstd


def _backward(
    op: str, g: Any, x: Any, weight: Any, mean: Any, rstd: Any, axes: int, bias: bool
) -> tuple[Any, ...]:
    """Gradients in x, in weight if there is one, and in the bias if asked for."""
    dtype, view, (w,) = _matrix(op, x, axes, weight)
    floating(op, g, x)
    if g.shape != x.shape:
        raise ValueError(f"{op}: gradient of shape {g.shape}, expected {x.shape}")
    grads, out = _rows(g, axes), empty(x, view.shape)
    config, block, tall = _tile("backward", dtype, *view.shape)
    columns = view.shape[1]
    wide = reaches_past_int32(grads[:1], view[:1])
    settings = {"WIDE": wide, "BLOCK": block, "warps": config.warps, "stages": config.stages}
    strip, strips = _strips(view.shape[0], tall, config, weight is not None or bias)
    w_sum = empty(x, (strips, columns), rstd.dtype) if weight is not None or bias else None
    b_sum = empty(x, (strips, columns), rstd.dtype) if bias else None
    if columns <= block:
        launch(
            layer_norm_backward_kernel, (strips,), grads, view, w, mean, rstd, out, w_sum, b_sum,
            *view.shape, strip, *strides(grads), *strides(view), _step(w), ROWS=tall, **settings,
        )  # fmt: skip
    else:
        launch(
            layer_norm_backward_long_kernel, (view.shape[0],), grads, view, w, mean, rstd, out,
            columns, *strides(grads), *strides(view), _step(w), **settings,
        )  # fmt: skip
        if w_sum is not None:
            launch(
                layer_norm_parameters_kernel, (cdiv(columns, block), strips), grads, view, mean,
                rstd, w_sum, b_sum, *view.shape, strip, *strides(grads), *strides(view), **settings,
            )  # fmt: skip
    found = [out.reshape(x.shape)]
    if w_sum is not None:
        dtype = x.dtype if weight is None else weight.dtype
        sums = add_rows(w_sum, b_sum, dtype)
        inner = tuple(x.shape[x.ndim - axes :])
        wanted = (weight is not None, bias)
        found += [a.reshape(inner) for a, keep in zip(sums, wanted, strict=True) if keep]
    return tuple(found)


def _strips(rows: int, tall: int, config: Config, parameters: bool) -> tuple[int, int]:
    """(rows a strip, strips): many short ones, unless each leaves sums of the parameters."""
    strip = tall
    if parameters:
        strip = max(cdiv(cdiv(rows, config.constants["PIECES"]), tall), 1) * tall
    return strip, cdiv(rows, strip)


@op(reference=layer_norm_backward_reference, cases=layer_backward_cases, ulps=16)
def layer_norm_backward(
    g: Any, x: Any, weight: Any, mean: Any, rstd: Any, axes: int = 1, bias: bool = True
) -> tuple[Any, ...]:
    """Gradients of `layer_norm` in x, in weight (if not None) and in the bias (if `bias`).

    g: of y's shape and dtype; mean, rstd: as the forward returned them. Gradients of parameters
    have weight's dtype, or x's without a weight. ValueError where shapes do not fit.
    """
    return _backward("layer_norm_backward", g, x, weight, mean, rstd, axes, bias)


@op(reference=rms_norm_backward_reference, cases=rms_backward_cases, ulps=16)
def rms_norm_backward(g: Any, x: Any, weight: Any, rstd: Any, axes: int = 1) -> tuple[Any, ...]:
    """Gradients of `rms_norm` in x and, if it is not None, in weight; rstd: the forward's."""
    return _backward("rms_norm_backward", g, x, weight, None, rstd, axes, False)
