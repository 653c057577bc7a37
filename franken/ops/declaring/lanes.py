"""Fast lanes: one closure an op for the plain case.

They serve float32 or float64 Tensors or Parameters of equal dtype on the CPU with no mode active,
and hand everything else to `general`. Hot path; the rules of `core.primitive` hold.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.numpy import parallel
from franken.core import state
from franken.core.device import CPU
from franken.core.node import record
from franken.core.primitive import F32, F64, NO_PARAMS, Primitive, again, quiet
from franken.core.tensor import Parameter, Tensor, first_version

_new = object.__new__
_ndarray = np.ndarray
_asarray = np.asarray
# Above this many elements an elementwise kernel is split over threads (2 cores: 1.7x at 4M).
PARALLEL = 1 << 18


def _plain(a: Any) -> bool:
    """Whether an elementwise result of this input lies as NumPy lays it."""
    return bool(a.flags.c_contiguous and a.size and 1 not in a.shape)


def lay_out(t: Tensor, prim: Primitive, *inputs: Any) -> None:
    """Give an elementwise result torch's layout."""
    assert prim.arrange is not None
    t._a = a = prim.arrange(inputs, t._a, NO_PARAMS)
    t._ver = first_version(a)


def unary_lane(prim: Primitive, kernel: Any, general: Any) -> Any:
    """`lane(x)` for an elementwise op of one input."""

    def lane(input: Any) -> Any:
        if state.SPECIAL or (type(input) is not Tensor and type(input) is not Parameter):
            return general(input)
        a = input._a
        d = a.dtype
        if (d is not F32 and d is not F64) or input.device is not CPU:
            return general(input)
        try:
            r = quiet(kernel, a) if a.size < PARALLEL else split(kernel, a)
        except RuntimeError as error:
            r = again(error, kernel, (a,), NO_PARAMS)
        t = _new(Tensor)
        t._a = r if type(r) is _ndarray else _asarray(r)
        t.device = CPU
        t._node = t._ver = t._base = None
        if input._ver is not None and not _plain(a):
            lay_out(t, prim, a)
        if input._node is not None or input._base is not None:
            record(prim, (input,), NO_PARAMS, t)
        return t

    return lane


def binary_lane(prim: Primitive, kernel: Any, general: Any, numbers: bool = True) -> Any:
    """`lane(x, y)` for an elementwise op of two inputs; y may be a Python number if `numbers`."""
    differentiable = prim.differentiable

    def lane(input: Any, other: Any) -> Any:
        if state.SPECIAL or (type(input) is not Tensor and type(input) is not Parameter):
            return general(input, other)
        a = input._a
        d = a.dtype
        if (d is not F32 and d is not F64) or input.device is not CPU:
            return general(input, other)
        kind = type(other)
        if kind is Tensor or kind is Parameter:
            b = other._a
            if b.dtype is not d or other.device is not CPU:
                return general(input, other)
            tracked = (
                input._node is not None
                or other._node is not None
                or input._base is not None
                or other._base is not None
            )
        elif numbers and (kind is float or kind is int):
            b = other
            tracked = input._node is not None or input._base is not None
        else:
            return general(input, other)
        try:
            r = quiet(kernel, a, b) if a.size < PARALLEL else split(kernel, a, b)
        except (ValueError, OverflowError, MemoryError):
            return general(input, other)
        except RuntimeError as error:
            r = again(error, kernel, (a, b), NO_PARAMS)
        t = _new(Tensor)
        t._a = r if type(r) is _ndarray else _asarray(r)
        t.device = CPU
        t._node = t._ver = t._base = None
        # else NumPy's order is torch's
        if (input._ver is not None and not _plain(a)) or (not a.ndim and b.__class__ is _ndarray):
            lay_out(t, prim, a, b)
        if tracked and differentiable:
            record(prim, (input, other), NO_PARAMS, t)
        return t

    return lane


def split(kernel: Any, *arrays: Any) -> Any:
    """Run a large elementwise kernel over threads; bits do not depend on the split."""
    first = arrays[0]
    if not isinstance(kernel, np.ufunc) or not all(
        a.__class__ is not _ndarray or a.shape == first.shape or a.ndim == 0 for a in arrays
    ):
        return quiet(kernel, *arrays)

    def part(*parts: Any, out: Any = None) -> Any:
        with np.errstate(all="ignore"):  # worker threads have Contexts of their own
            return kernel(*parts, out=out)

    ready = [a if a.__class__ is _ndarray else _asarray(a, first.dtype) for a in arrays]
    corner = (slice(0, 1),) * first.ndim
    dtype = part(*[a[corner] if a.ndim else a for a in ready]).dtype
    return parallel.elementwise(part, *ready, out=np.empty_like(first, dtype=dtype))
