"""Evenly spaced values: arange, range, linspace, logspace.

Knows torch's length and rounding rules: steps are taken from both ends towards the middle.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from franken.backends.numpy.random.formulas import fma32, fma64
from franken.core import dtypes as dt
from franken.core.calls.out import MADE, Into
from franken.core.convert import cast_array
from franken.core.geometry.shapes import storage_bytes
from franken.core.op import op
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import NoSamples, S
from franken.ops.surface.args import (
    allocate,
    as_device,
    as_dtype,
    check_options,
    checked_number,
    integer,
    kind_name,
    number,
)
from franken.ops.surface.creation import finish, written

_NO_RANGE = (dt.bool, dt.complex64, dt.complex128)


_COUNTED = Into(
    "", cast=True,
    resized="The number of elements in the out tensor of shape {have} is {size} which does not "
    "match the computed number of elements {need}. Note that this may occur as a result of "
    "rounding error. The out tensor will be resized to a tensor of shape ({need},).",
)  # fmt: skip


def _spread(name: str, out: Any, array: Any, dtype: Any = None) -> Tensor:
    """Write a row into `out=`: a target of as many elements keeps its shape."""
    if isinstance(out, Tensor) and not out.level and out._a.size == array.size:
        array = array.reshape(out._a.shape)
    return written(name, out, array, dtype, _COUNTED if name == "arange" else MADE)


_MOST = 1 << 63  # elements: what torch counts in


def _numbers(name: str, values: tuple[Any, ...]) -> list[Any]:
    names = ("end",) if len(values) == 1 else ("start", "end", "step")
    return [number(name, n, k + 1, v) for k, (n, v) in enumerate(zip(names, values, strict=False))]


def _check_span(start: Any, end: Any, step: Any) -> None:
    for value in (start, end, step):
        if isinstance(value, complex):
            checked_number(value, dt.float64)
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start:g} -> {end:g}")
    if (step > 0) != (end >= start) and end != start:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")


def _steps(start: Any, step: Any, count: int, d: dt.dtype) -> Any:
    """start + i * step in dtype `d`, rounded as torch's vector loop rounds.

    Each vector starts from a rounded base; what is left over after whole pairs of vectors is
    computed element by element.
    """
    if d.kind == dt.INTEGER:
        return (int(start) + int(step) * _counted(count, d)).astype(d.np)
    wide = d.itemsize < 4
    i = _counted(count, d, np.float64)
    lo, by = (_f32(start), _f32(step)) if wide else (float(start), float(step))
    single = _fused(i, by, lo, wide)
    lanes = 32 // d.itemsize
    whole = count // (2 * lanes) * 2 * lanes
    if not whole:
        return cast_array(single, d)
    bases = cast_array(single[:whole:lanes], d).astype(np.float64)
    j = np.tile(np.arange(lanes, dtype=np.float64), whole // lanes)
    vectors = cast_array(_fused(j, by, np.repeat(bases, lanes), wide), d)
    return np.concatenate([vectors, cast_array(single[whole:], d)])


def _counted(n: int, d: dt.dtype, kind: Any = np.int64) -> Any:
    """0 to n - 1, or torch's error where n elements of dtype `d` are too many."""
    storage_bytes((n,), d.itemsize)
    return allocate((n,), np.dtype(kind), lambda shape, kind: np.arange(*shape, dtype=kind))


def _f32(value: Any) -> float:
    return float(np.float32(value))


def _fused(i: Any, by: Any, start: Any, wide: bool) -> Any:
    """start + i * by with one rounding, in float32 if `wide` (for the halves), else in float64."""
    if wide:
        f32 = np.float32
        return fma32(i.astype(f32), np.asarray(by, f32), np.asarray(start, f32))
    return fma64(i, by, start)


@op(
    method=False,
    samples=lambda t: [
        S(5),
        S(1, 4),
        S(0.5, 3, 0.4, dtype=t.module.float64),
        S(3, 3),
        S(5, -1, -2),
    ],
)
def arange(
    *args: float | Tensor, start: Any = None, end: Any = None, step: Any = None, out: Any = None,
    dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Values from `start` (0) up to, not including, `end`, `step` (1) apart."""
    lo, hi, by = _arange_arguments(args, start, end, step)
    check_options("arange", layout, requires_grad, pin_memory)
    whole = all(isinstance(v, int) for v in (lo, hi, by))
    default = (
        out.dtype if isinstance(out, Tensor) else dt.int64 if whole else dt.get_default_dtype()
    )
    d = as_dtype("arange", dtype, default)
    _check_span(lo, hi, by)
    if d in _NO_RANGE:
        raise NotImplementedError(f"\"arange_cpu\" not implemented for '{d.scalar_name}'")
    if d is dt.int64:  # counted in whole numbers, as all of it is computed in them
        lo, hi, by = int(lo), int(hi), int(by)
        if not by:
            raise ValueError("step must be nonzero")
    count = -((lo - hi) // by) if d is dt.int64 else math.ceil((hi - lo) / by)
    if count >= _MOST:
        raise RuntimeError("invalid size, possible overflow?")
    array = _steps(lo, by, max(count, 0), d)
    if out is not None:
        return _spread("arange", out, array, d if dtype is not None else None)
    return finish(array, as_device("arange", device), requires_grad)


def _arange_arguments(args: tuple[Any, ...], start: Any, end: Any, step: Any) -> tuple[Any, ...]:
    if len(args) == 1 and end is None:
        args = (0 if start is None else start, number("arange", "end", 1, args[0]))
    elif len(args) == 1:
        args = (args[0], end)
    elif not args and end is not None:
        args = (0 if start is None else start, end)
    if len(args) == 2:
        args = (*args, 1 if step is None else step)
    if len(args) != 3:
        got = ", ".join(kind_name(a) for a in args)
        raise TypeError(
            f"arange() received an invalid combination of arguments - got ({got}), but expected "
            "one of: (Number end), (Number start, Number end, Number step = 1)"
        )
    return tuple(_numbers("arange", args))


@op(method=False, samples=NoSamples("deprecated by torch, whose call warns; arange is checked"))
def range(
    start: Any = 0, end: Any = None, step: Any = 1, *, out: Any = None, dtype: Any = None,
    layout: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Values from `start` to `end` inclusive, `step` apart (deprecated: use arange)."""
    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is "
        "inconsistent with Python's range builtin. Instead, use torch.arange, which produces "
        "values in [start, end).",
        stacklevel=3,
    )
    lo, hi, by = _numbers("range", (0, start, step) if end is None else (start, end, step))
    check_options("range", layout, requires_grad, pin_memory)
    _check_span(lo, hi, by)
    d = as_dtype("range", dtype, out.dtype if isinstance(out, Tensor) else None)
    array = _steps(lo, by, int((hi - lo) / by) + 1, d)
    if out is not None:
        return _spread("range", out, array, d if dtype is not None else None)
    return finish(array, as_device("range", device), requires_grad)


def _ends(name: str, start: Any, end: Any, steps: Any) -> tuple[Any, Any, int]:
    for which, value in (("start", start), ("end", end)):
        if isinstance(value, Tensor) and value.ndim:
            shown = [f"{n} with {v.ndim} dimension(s)" for n, v in (("start", start), ("end", end))
                     if isinstance(v, Tensor) and v is value]  # fmt: skip
            raise RuntimeError(
                f"{name} only supports 0-dimensional start and end tensors, but got {shown[0]}."
            )
        number(name, which, 1 + (which == "end"), value)
    if steps is None or isinstance(steps, float) or not hasattr(steps, "__index__"):
        got = ", ".join(kind_name(v) for v in (start, end, steps) if v is not None)
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got ({got}), but expected "
            "(Number start, Number end, int steps, ...)"
        )
    n = integer(name, "steps", 3, steps)
    if n < 0:
        raise RuntimeError("number of steps must be non-negative")
    return number(name, "start", 1, start), number(name, "end", 2, end), n


def _spaced_dtype(name: str, dtype: Any, out: Any, *ends: Any) -> dt.dtype:
    inferred = dt.default_complex() if any(isinstance(e, complex) for e in ends) else None
    d = as_dtype(name, dtype, out.dtype if isinstance(out, Tensor) else inferred)
    if inferred and not d.is_complex:
        kind = "float" if inferred is dt.complex64 else "double"
        raise RuntimeError(
            f"torch.{name}(): inferred dtype c10::complex<{kind}> can't be safely cast to passed "
            f"dtype {d.scalar_name}"
        )
    if d is dt.bool:
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for 'Bool'")
    return d


def _compute_type(d: dt.dtype) -> Any:
    """The NumPy type that torch takes the steps in."""
    if d.kind == dt.INTEGER:
        return np.float32
    return (
        {8: np.float64, 16: np.complex128}.get(d.itemsize, np.float32)
        if not d.is_complex
        else (np.complex64 if d.itemsize == 8 else np.complex128)
    )


def _spaced(start: Any, end: Any, n: int, d: dt.dtype) -> Any:
    """n values from start to end; the first half counts up, the second down from the end."""
    kind = _compute_type(d)
    if n == 1:
        return np.array([start]).astype(kind)
    first, last = _rounded(start, d, kind), _rounded(end, d, kind)
    by = _rounded((last - first) / kind(n - 1), d, kind)
    i = _counted(n, d)
    up, down = i.astype(kind), (n - 1 - i).astype(kind)
    low: Any
    high: Any
    if kind is np.float32:
        low, high = fma32(up, by, first), fma32(down, -by, last)
    elif kind is np.float64:
        low, high = fma64(up, float(by), float(first)), fma64(down, -float(by), float(last))
    else:
        low, high = first + by * up, last - by * down
    return np.where(i < n // 2, low, high)


def _rounded(value: Any, d: dt.dtype, kind: Any) -> Any:
    """A number as dtype `d` holds it, in the type that is computed in."""
    if d.itemsize < 4 and d.kind == dt.FLOATING:
        return cast_array(np.array(value, np.float64), d).astype(kind)[()]
    return np.array(value).astype(kind)[()]


@op(
    method=False,
    samples=lambda t: [S(0, 1, 5), S(-2.5, 2.5, 4, dtype=t.module.float64), S(1, 2, 1), S(3, 0, 0)],
)
def linspace(
    start: Any, end: Any, steps: Any = None, *, out: Any = None, dtype: Any = None,
    layout: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """`steps` values evenly spaced from `start` to `end`, both included."""
    lo, hi, n = _ends("linspace", start, end, steps)
    check_options("linspace", layout, requires_grad, pin_memory)
    d = _spaced_dtype("linspace", dtype, out, lo, hi)
    if d is dt.complex32:
        raise NotImplementedError("\"linspace_cpu\" not implemented for 'ComplexHalf'")
    if d.kind == dt.INTEGER:
        array = _spaced_integers(int(lo), int(hi), n).astype(d.np)
    else:
        array = cast_array(_spaced(lo, hi, n, d), d)
    if out is not None:
        return _spread("linspace", out, array, d if dtype is not None else None)
    return finish(array, as_device("linspace", device), requires_grad)


def _spaced_integers(lo: int, hi: int, n: int) -> Any:
    """As `_spaced`, between whole ends: every value is cut to an integer."""
    if n == 1:
        return np.array([lo])
    by = (hi - lo) / (n - 1)
    i = _counted(n, dt.int64)
    return np.trunc(np.where(i < n // 2, lo + by * i, hi - by * (n - 1 - i))).astype(np.int64)


@op(
    method=False,
    samples=lambda t: [S(0, 1, 5), S(-1, 1, 4, 2.0, dtype=t.module.float64), S(1, 2, 0)],
)
def logspace(
    start: Any, end: Any, steps: Any = None, base: Any = 10.0, *, out: Any = None,
    dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Powers of `base` whose exponents are evenly spaced from `start` to `end`."""
    lo, hi, n = _ends("logspace", start, end, steps)
    check_options("logspace", layout, requires_grad, pin_memory)
    d = _spaced_dtype("logspace", dtype, out, lo, hi)
    if d is dt.complex32:
        raise NotImplementedError("\"logspace_cpu\" not implemented for 'ComplexHalf'")
    power = _spaced_powers(lo, hi, n, base, d)
    array = cast_array(np.asarray(power), d)
    if out is not None:
        return _spread("logspace", out, array, d if dtype is not None else None)
    return finish(array, as_device("logspace", device), requires_grad)


def _spaced_powers(lo: Any, hi: Any, n: int, base: Any, d: dt.dtype) -> Any:
    kind = np.complex128 if d.is_complex else np.float64
    with np.errstate(all="ignore"):
        if n == 1:
            return np.power(kind(base), np.array([lo], kind))
        if d.kind == dt.INTEGER:
            by = np.float32(int(hi) - int(lo)) / np.float32(max(n - 1, 1))
            i = _counted(n, d)
            up = np.float32(int(lo)) + by * i.astype(np.float32)
            down = np.float32(int(hi)) - by * (n - 1 - i).astype(np.float32)
            return np.power(kind(base), np.where(i < n // 2, up, down).astype(kind))
        exponents = cast_array(_spaced(lo, hi, n, d), d)
        return np.power(_rounded(base, d, kind), exponents.astype(kind))
