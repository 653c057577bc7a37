"""Grid sampling as a formula in plain ops, and the derivatives of the fused primitives through it.

Serves forward mode and second derivatives only; the kernels compute values and first gradients.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from franken.core import dtypes as dt
from franken.core.convert import cast
from franken.core.op import namespace
from franken.ops.declaring.pulled_back import pulled_back, pushed_forward
from franken.ops.nn.resample import grid_sample_, grid_sample_grad

_CUBIC = -0.75  # Keys' coefficient, as the kernel has it


def _where(condition: Any, a: Any, b: Any) -> Any:
    return namespace("torch")["where"](condition, a, b)


def _reflected(at: Any, low: float, high: float) -> Any:
    span = high - low
    if span == 0:
        return at * 0
    away = (at - low).abs()
    turns = (away / span).floor()
    rest = away - turns * span
    return _where(turns % 2 == 1, span - rest, rest) + low


def _inside(at: Any, n: int, padding: str, align: bool) -> Any:
    """Positions brought into the image."""
    if padding == "zeros":
        return at
    if padding == "reflection":
        at = _reflected(at, 0.0, n - 1.0) if align else _reflected(at, -0.5, n - 0.5)
    return at.clamp(0, n - 1)


def _cubic(t: Any) -> list[Any]:
    a = _CUBIC

    def near(s: Any) -> Any:
        return ((a + 2) * s - (a + 3)) * s * s + 1

    def far(s: Any) -> Any:
        return ((a * s - 5 * a) * s + 8 * a) * s - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


def _taps(points: Any, n: int, mode: str, padding: str, align: bool) -> list[tuple[Any, Any]]:
    """(position, weight) of what one axis reads; the weight of None is one."""
    at = (points + 1) / 2 * (n - 1) if align else ((points + 1) * n - 1) / 2
    if mode == "bicubic":
        low = at.floor()
        weights = _cubic(at - low)
        return [(_inside(low + (k - 1), n, padding, align), w) for k, w in enumerate(weights)]
    at = _inside(at, n, padding, align)
    if mode == "nearest":
        return [(at.round(), None)]
    low = at.floor()
    part = at - low
    return [(low, 1 - part), (low + 1, part)]


def sampled(x: Any, grid: Any, mode: str, padding: str, align: bool) -> Any:
    """`grid_sample` of x (N, C, *S) at grid (N, *O, axes)."""
    n, channels, *size = x.shape
    points = grid.reshape(n, -1, len(size))
    axes = [
        _taps(points.select(2, len(size) - 1 - a), s, mode, padding, align)
        for a, s in enumerate(size)
    ]
    flat = x.reshape(n, channels, -1)
    total: Any = None
    for corner in product(*axes):
        term = _term(flat, corner, size)
        total = term if total is None else total + term
    return total.reshape(n, channels, *grid.shape[1:-1])


def _term(flat: Any, corner: Any, size: Any) -> Any:
    index: Any = None
    weight: Any = None
    valid: Any = None
    for (at, w), s in zip(corner, size, strict=True):
        within = (at >= 0).logical_and(at <= s - 1)
        place = cast(at.clamp(0, s - 1), dt.int64)
        index = place if index is None else index * s + place
        valid = within if valid is None else valid.logical_and(within)
        if w is not None:
            weight = w if weight is None else weight * w
    read = flat.gather(2, index.unsqueeze(1).expand(*flat.shape[:2], index.shape[1]))
    factor = (
        cast(valid, flat.dtype) if weight is None else weight.masked_fill(valid.logical_not(), 0)
    )
    return read * factor.unsqueeze(1)


def _gradients(y: Any, x: Any, grid: Any, **params: Any) -> Any:
    from franken.transforms.api import vjp

    _, back = vjp(lambda a, b: sampled(a, b, **params), x, grid)
    return tuple(back(y))


@grid_sample_.jvp
def _(tangents: Any, out: Any, x: Any, grid: Any, **params: Any) -> Any:
    return pushed_forward(lambda a, b: sampled(a, b, **params), (x, grid), tangents)


@grid_sample_grad.joint_vjp
def _(g: Any, needs: Any, y: Any, x: Any, grid: Any, mode: str, padding: str, align: bool) -> Any:
    def formula(y: Any, x: Any, grid: Any) -> Any:
        return _gradients(y, x, grid, mode=mode, padding=padding, align=align)

    return pulled_back(formula, (y, x, grid), g)


@grid_sample_grad.jvp
def _(tangents: Any, out: Any, *inputs: Any, **params: Any) -> Any:
    return pushed_forward(lambda *a: _gradients(*a, **params), inputs, tangents)
