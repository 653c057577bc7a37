"""Reading a tensor out: item, tolist, numpy, numel; copies and casts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from franken.core import device as devices
from franken.core import dtypes as dt
from franken.core.op import op
from franken.core.primitive import Primitive
from franken.core.tensor import Tensor
from franken.ops.convert import cast
from franken.ops.rules import pointwise


def _clone_kernel(x: Any) -> Any:
    return x.copy(order="K")


clone_ = Primitive("clone", ("x",), _clone_kernel, batch=pointwise)
clone_.vjp("x")(lambda g: g)
clone_.jvp(lambda tangents, out, x: tangents[0])


@op()
def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy that gradients flow through."""
    return clone_(input)


@op()
def numel(input: Tensor) -> int:
    """The number of elements."""
    return math.prod(input.shape)


@op(at="", method=True)
def item(input: Tensor) -> Any:
    """The value of a one-element tensor as a Python number."""
    if input.level:
        raise RuntimeError(
            "item(): the value of a tensor inside a transform is not one number; it appears that "
            "you're calling .item() on a Tensor in vmap, grad or jvp"
        )
    if numel(input) != 1:
        raise RuntimeError(f"a Tensor with {numel(input)} elements cannot be converted to Scalar")
    return input.numpy(force=True).reshape(()).astype(_python(input.dtype)).item()


def _python(d: dt.dtype) -> Any:
    return np.float64 if d.is_floating_point else d.np


@op(at="", method=True)
def tolist(input: Tensor) -> Any:
    """The values as nested lists."""
    a = input.numpy(force=True)
    return a.astype(np.float64).tolist() if input.dtype in (dt.bfloat16, dt.float16) else a.tolist()


@op(at="", method=True)
def numpy(input: Tensor, *, force: bool = False) -> Any:
    """The memory as a NumPy array (shared on the CPU)."""
    if input.level:
        raise RuntimeError("numpy(): a tensor inside a transform has no single array")
    if not force:
        if input.device.type != "cpu":
            raise TypeError(
                f"can't convert {input.device} device type tensor to numpy. Use Tensor.cpu() to "
                "copy the tensor to host memory first."
            )
        if input.requires_grad:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() "
                "instead."
            )
    return devices_array(input)


def devices_array(t: Tensor) -> Any:
    """A host array of any tensor's values."""
    if t.device is devices.CPU:
        return t._a
    from franken.backends import registry

    return registry.to_host(t._a, t.device)


@op(at="", method=True)
def to(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The tensor with another dtype and/or device; itself if it has both already."""
    dtype = next((a for a in args if isinstance(a, dt.dtype)), kwargs.get("dtype"))
    return cast(input, dtype) if dtype is not None else input



@op(alias=("conj", "resolve_conj"))
def conj_physical(input: Tensor) -> Tensor:  # noqa: F811
    """The complex conjugate; the tensor itself if it is real."""
    return _conj(input) if input.dtype.is_complex else input


_conj = Primitive("conj", ("x",), np.conjugate, batch=pointwise)
_conj.holomorphic = False
_conj.vjp("x")(lambda g: _conj(g))
_conj.jvp(lambda tangents, out, x: _conj(tangents[0]))
