"""Moving and casting tensors: `to` and its short forms, `copy_`, and transfers between devices.

Knows `to`'s overloads. Gradients travel back to the device and dtype that a value came from.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from franken.core import dtypes as dt
from franken.core import inplace
from franken.core.batching import pointwise
from franken.core.calls.out import refuse_shared
from franken.core.convert import cast, cast_array
from franken.core.device import CPU, device, resolve
from franken.core.geometry import layout as layouts
from franken.core.geometry.memory import repeats
from franken.core.geometry.shapes import broadcast_two
from franken.core.geometry.strides import memory_format_strides
from franken.core.linear import overwritten
from franken.core.node import edge_of
from franken.core.op import op
from franken.core.primitive import Primitive
from franken.core.state import STATE
from franken.core.tensor import Tensor, held, seen
from franken.ops.declaring.samples import NoSamples, S, unary
from franken.ops.surface.args import as_device, as_dtype, kind_name, number
from franken.ops.surface.copies import clone, suggested

# --- between devices -----------------------------------------------------------------------------


def _transfer(x: Any, *, device: Any, source: Any) -> Any:
    from franken.backends import registry

    return registry.transfer(x, source, device)


# The `device` parameter tells `eager` where the result lives.
to_device = Primitive("to_device", ("x",), _transfer, batch=pointwise, layout="as_input")
to_device.kernel("cuda", _transfer)


@to_device.vjp("x")
def _(g: Any, device: Any, source: Any) -> Any:
    return to_device(g, device=source, source=device)


@to_device.jvp
def _(tangents: Any, out: Any, x: Any, **params: Any) -> Any:
    return to_device(tangents[0], **params)


def move(x: Tensor, dev: device) -> Tensor:
    """The tensor on `dev`; itself if it is there."""
    return x if x.device is dev else to_device(x, device=dev, source=x.device)


# --- to ------------------------------------------------------------------------------------------


def parse(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """(dtype, device, copy, memory_format) of a call of `to`, of a tensor or a module."""
    unknown = kwargs.keys() - {"device", "dtype", "non_blocking", "copy", "memory_format"}
    dtype, dev, rest = kwargs.get("dtype"), kwargs.get("device"), args
    if args and isinstance(args[0], Tensor):
        dtype, dev, rest = args[0].dtype, args[0].device, args[1:]
    elif args and (isinstance(args[0], (dt.dtype, type))):
        dtype, rest = args[0], args[1:]
    elif args:
        dev, rest = args[0], args[1:]
        if rest and (rest[0] is None or isinstance(rest[0], (dt.dtype, type))):
            dtype, rest = (rest[0] or dtype), rest[1:]
    if unknown or len(rest) > 2 or not all(isinstance(r, bool) for r in rest):
        got = ", ".join(
            [kind_name(a) for a in args] + [f"{k}={kind_name(v)}" for k, v in kwargs.items()]
        )
        raise TypeError(
            f"to() received an invalid combination of arguments - got ({got}), but expected one "
            "of: (torch.device device, torch.dtype dtype, bool non_blocking, bool copy), "
            "(torch.dtype dtype, bool non_blocking, bool copy), (Tensor tensor, "
            "bool non_blocking, bool copy)"
        )
    copy = rest[1] if len(rest) > 1 else kwargs.get("copy", False)
    known = None if dtype is None else as_dtype("to", dtype)
    return known, dev, copy, kwargs.get("memory_format")


@op(
    at="",
    method=True,
    samples=lambda t: [
        S(t(3, 4), t.module.float64),
        S(t(3, 4), dtype=t.module.float32, copy=True),
        S(t(), t.const(2, dtype=t.module.int64)),
        S(t(2, 0), t.dtype),
    ],
)
def to(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The tensor with another dtype, device or memory format; itself if it has all already."""
    dtype, where, copy, memory_format = parse(args, kwargs)
    d = input.dtype if dtype is None else dtype
    dev = input.device if where is None else as_device("to", where)
    return converted(input, d, dev, copy, memory_format)


def converted(
    x: Tensor, d: dt.dtype, dev: device, copy: bool = False, memory_format: Any = None
) -> Tensor:
    """What `to` returns, from resolved arguments."""
    if d is not x.dtype:
        warn_discarded(x, d)
    out = move(cast(x, d), dev)
    if memory_format is None or memory_format is layouts.preserve_format:
        return clone(out) if copy and out is x else out
    if out is x and not copy and suggested(x) is memory_format:
        return x
    wanted = memory_format_strides(tuple(x.shape), memory_format)
    kept = out is not x and out.stride() == wanted  # type: ignore[attr-defined]
    return out if kept else clone(out, memory_format=memory_format)


def warn_discarded(x: Tensor, d: dt.dtype) -> None:
    """Warn about a cast from complex to real."""
    if x.dtype.is_complex and not d.is_complex and d is not dt.bool:
        warnings.warn("Casting complex values to real discards the imaginary part", stacklevel=4)


def _caster(name: str, d: dt.dtype) -> None:
    def method(input: Tensor, *, memory_format: Any = None) -> Tensor:
        return converted(input, d, input.device, False, memory_format)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"The tensor as {d.name}."
    op(at="", method=True, samples=unary)(method)


for _name, _dtype in {
    "float": dt.float32, "double": dt.float64, "half": dt.float16, "bfloat16": dt.bfloat16,
    "long": dt.int64, "int": dt.int32, "short": dt.int16, "char": dt.int8, "byte": dt.uint8,
    "bool": dt.bool, "cfloat": dt.complex64, "cdouble": dt.complex128, "chalf": dt.complex32,
}.items():  # fmt: skip
    _caster(_name, _dtype)


@op(at="", method=True, samples=unary)
def cpu(input: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor in host memory; itself if it is there."""
    return converted(input, input.dtype, CPU, False, memory_format)


@op(at="", method=True, samples=NoSamples("needs an accelerator"))
def cuda(
    input: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None
) -> Tensor:
    """The tensor on a GPU (by default the current one); itself if it is there."""
    dev = resolve("cuda") if device is None else as_device("cuda", device)
    return converted(input, input.dtype, dev, False, memory_format)


@op(
    at="",
    method=True,
    samples=lambda t: [S(t(3, 4), t.const(2, dtype=t.module.float64)), S(t(), t(2))],
)
def type_as(input: Tensor, other: Any) -> Tensor:
    """The tensor in another's dtype and device."""
    if not isinstance(other, Tensor):
        raise TypeError(
            f"type_as(): argument 'other' (position 1) must be Tensor, not {kind_name(other)}"
        )
    return converted(input, other.dtype, other.device)


# --- copy_ ---------------------------------------------------------------------------------------


@op(
    at="",
    method=True,
    also={"src": "other"},
    samples=lambda t: [
        S(t.const(3, 4), t.const(4)),
        S(t.const(3), t.const(3, dtype=t.module.int64)),
        S(t.const(2, 0), t.const(2, 0)),
    ],
)
def copy_(input: Tensor, other: Any, non_blocking: bool = False) -> Tensor:
    """Write `src`, broadcast and cast, into this tensor."""
    inplace.check(input, "copy_")
    if not isinstance(other, Tensor):
        if not isinstance(other, (bool, int, float, complex, np.generic)):
            raise TypeError(
                f"copy_(): argument 'other' (position 1) must be Tensor, not {kind_name(other)}"
            )
        other = input.new_full((), number("copy_", "other", 1, other))  # type: ignore[attr-defined]
    shape = tuple(input.shape)
    common = broadcast_two(shape, tuple(other.shape))
    if common != shape:
        raise RuntimeError(
            f"output with shape {list(shape)} doesn't match the broadcast shape {list(common)}"
        )
    if input._base is not None or other._base is not None:
        refuse_shared(input, (other,), "beside")
    if _recorded(input, other):
        value = move(cast(other, input.dtype), input.device)
        return inplace.commit(input, overwritten(input, value))
    return _write(input, other)


def _recorded(x: Tensor, src: Tensor) -> bool:
    if STATE.traces or x.level or src.level or STATE.recorder is not None:
        return True
    return STATE.grad and (edge_of(x) is not None or edge_of(src) is not None)


def _write(x: Tensor, src: Tensor) -> Tensor:
    a, b = held(x), src._a
    if not inplace.writeable(a) or repeats(a):
        inplace._refuse_overlap(a)
    if src.device is not x.device:
        b = to_device(src.detach(), device=x.device, source=src.device)._a  # type: ignore[attr-defined]
    if b.dtype != a.dtype:
        b = cast_array(b, x.dtype) if x.device is CPU else cast(move(src, x.device), x.dtype)._a
    a[...] = seen(b, x._bits)
    inplace.bump(x)
    return x
