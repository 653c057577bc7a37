"""Dtype conversion, the op that promotion is made of.

Knows NumPy casts and where they differ from torch's. Casts that C leaves undefined (a float out of
an integer's range) give what torch gives on x86: through a wider integer, then the low bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.core import dtypes as dt
from franken.core.batching import pointwise
from franken.core.dtypes import dtype
from franken.core.node import _light
from franken.core.primitive import Primitive
from franken.core.tensor import Tensor

_F32, _C64, _C32 = np.dtype(np.float32), np.dtype(np.complex64), dt.complex32.np
_NARROW = frozenset((dt.int8, dt.uint8, dt.int16, dt.uint16))
# Floats with fewer bits than float32: every conversion to and from them goes through float32.
_SMALL = frozenset(d for d in dt.ALL.values() if d.is_floating_point and d.itemsize < 4)


def cast_array(x: Any, to: dtype) -> Any:
    """A NumPy array in another dtype, as torch converts it; always a copy."""
    with np.errstate(all="ignore"):
        return _convert_kernel(x, to=to)


def _convert_kernel(x: Any, *, to: dtype) -> Any:
    if x.dtype == _C32 and to is not dt.complex32:
        x = x.astype(_C64)
    elif to is dt.complex32 and x.dtype != _C32:
        return x.astype(_C64).astype(_C32)
    kind = x.dtype.kind
    if kind == "c" and not to.is_complex:
        if to is dt.bool:
            return x != 0
        x, kind = x.real, "f"
    if to in _SMALL and x.dtype.itemsize > 4 and kind == "f":
        return x.astype(_F32).astype(to.np)
    if to.kind != dt.INTEGER or kind not in "fV":
        return x.astype(to.np)
    return _float_to_int(x, to)


def _float_to_int(x: Any, to: dtype) -> Any:
    if x.dtype.itemsize < 4:
        x = x.astype(_F32)
    if to in _NARROW:
        return x.astype(np.int32).astype(to.np)
    if to is dt.uint32:
        return x.astype(np.int64).astype(to.np)
    return x.astype(to.np)


convert = Primitive(
    "to_copy", ("x",), _convert_kernel, batch=pointwise, layout="as_input", title="ToCopyBackward0"
)


@convert.vjp("x")
def _(g: Any, x_dtype: Any) -> Any:
    return cast(g, x_dtype)


@convert.jvp
def _(tangents: Any, out: Any, x: Any, *, to: dtype) -> Any:
    inexact = to.is_floating_point or to.is_complex
    return cast(tangents[0], to) if inexact else None


def cast(x: Tensor, to: dtype) -> Tensor:
    """The tensor in another dtype; itself if it has it already."""
    if x.dtype is to:
        return x
    if to.np is None:
        raise TypeError(f"\"copy_\" not implemented for '{to.scalar_name}'")
    if to.kind <= dt.INTEGER and x.level == 0 and (x._node is not None or x._base is not None):
        x = _light(x._a, x.device, None)  # a whole number has no derivative
    return convert(x, to=to)  # type: ignore[no-any-return]
