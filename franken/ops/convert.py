"""Dtype conversion, the op that promotion is made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.core.dtypes import dtype
from franken.core.primitive import Primitive
from franken.core.tensor import Tensor
from franken.ops.rules import pointwise


def _convert_kernel(x: Any, *, to: dtype) -> Any:
    if x.dtype.kind == "c" and not to.is_complex and to.name != "bool":
        x = x.real
    with np.errstate(invalid="ignore", over="ignore"):
        return x.astype(to.np)


convert = Primitive("convert", ("x",), _convert_kernel, batch=pointwise)


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
        raise TypeError(f'"copy_" not implemented for \'{to.scalar_name}\'')
    return convert(x, to=to)  # type: ignore[no-any-return]
