"""Ops of three tensors: where, clamp, lerp, addcmul, addcdiv."""

from __future__ import annotations

import warnings
from typing import Any, overload

import numpy as np

from franken.core import dtypes as dt
from franken.core.calls.numbers import unboxed
from franken.core.calls.out import FOUND, Into
from franken.core.calls.overloads import orders
from franken.core.convert import cast
from franken.core.op import OPS, op
from franken.core.pointwise import pointwise_primitive
from franken.core.tensor import Tensor, attach
from franken.ops.declaring.declare import promoted, refused, typed
from franken.ops.declaring.samples import S
from franken.ops.surface.args import checked_number

# --- where ---------------------------------------------------------------------------------------


def _where_kernel(x: Any, y: Any, z: Any) -> Any:
    return np.where(x, y, z)


where_: Any = pointwise_primitive(
    "where", ("x", "y", "z"), _where_kernel,
    d=(None, lambda g, x: where_(x, g, 0), lambda g, x: where_(x, 0, g)),
    expr="{1} if {0} else {2}",
)  # fmt: skip
where_.cpu = _where_kernel  # selects and computes nothing, so half precision needs no detour


def _selected(condition: Tensor, x: Any, y: Any) -> Tensor:
    if not isinstance(x, Tensor) and not isinstance(y, Tensor):
        x = _number_tensor(x, y)
    values, common = promoted("where", "default", (x, y))
    if condition.dtype is not dt.bool:
        if condition.dtype is not dt.uint8:
            raise RuntimeError(
                "where expected condition to be a boolean tensor, but got a tensor with dtype "
                f"{condition.dtype.scalar_name}"
            )
        warnings.warn(
            "where received a uint8 condition tensor. This behavior is deprecated and will be "
            "removed in a future version of PyTorch. Use a boolean condition instead.",
            stacklevel=4,
        )
        condition = cast(condition, dt.bool)
    values = [v if isinstance(v, Tensor) else _zero_dim(v, common) for v in values]
    return where_(condition, *values)  # type: ignore[no-any-return]


def _zero_dim(value: Any, d: dt.dtype) -> Tensor:
    from franken.ops.surface.creation import finish

    return finish(np.asarray(value).astype(d.np))


def _number_tensor(x: Any, y: Any) -> Tensor:
    kind = max((type(v) for v in (x, y)), key=(bool, int, float, complex).index)
    d = {bool: dt.bool, int: dt.int64, float: dt.get_default_dtype(), complex: dt.default_complex()}
    return _zero_dim(x, d[kind])


@overload
def where(condition: Tensor) -> tuple[Tensor, ...]: ...
@overload
def where(condition: Tensor, input: Tensor | complex, other: Tensor | complex) -> Tensor: ...
@op(
    method=False,
    out=Into("Expected out type to be {want} but got {got}"),
    samples=lambda t: [
        S(t.mask(3, 4), t(3, 4), t(4)),
        S(t.mask(3), t(3), 1.5),
        S(t.mask(2, 3)),
        S(t.mask(2, 0), t(0), t(2, 1)),
    ],
)
def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """Elements of `input` where the condition holds, of `other` elsewhere.

    With the condition alone: the tuple of indices where it holds, as `nonzero(as_tuple=True)`.
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)  # type: ignore[attr-defined]
    return _selected(condition, input, other)


def _where_method(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """The tensor's elements where the condition holds, those of `other` elsewhere."""
    return _selected(condition, self, other)


OPS["where"].method = _where_method
attach(where=_where_method)


# --- clamp ---------------------------------------------------------------------------------------


def _clamp_kernel(x: Any, *, low: Any, high: Any) -> Any:
    if low is None:
        return np.minimum(x, high)
    out = np.maximum(x, low)
    if high is None:
        return out
    return np.minimum(out, high, out=out if isinstance(out, np.ndarray) else None)


def _inside(g: Any, x: Any, low: Any, high: Any) -> Any:
    if low is None:
        return where_(x <= high, g, 0)
    return where_(x >= low if high is None else (x >= low) & (x <= high), g, 0)


clamp_ = pointwise_primitive("clamp", ("x",), _clamp_kernel, d=_inside, title="ClampBackward1")
clamp_min_ = pointwise_primitive(
    "clamp_min", ("x", "y"), np.maximum,
    d=(lambda g, x, y: where_(x >= y, g, 0), lambda g, x, y: where_(x < y, g, 0)),
    title="ClampBackward0"
)  # fmt: skip
clamp_max_ = pointwise_primitive(
    "clamp_max", ("x", "y"), np.minimum,
    d=(lambda g, x, y: where_(x <= y, g, 0), lambda g, x, y: where_(x > y, g, 0)),
    title="ClampBackward0"
)  # fmt: skip
clamp_both_ = pointwise_primitive(
    "clamp_both", ("x", "y", "z"), lambda x, y, z: np.minimum(np.maximum(x, y), z),
    d=(lambda g, x, y, z: where_((x >= y) & (x <= z), g, 0),
       lambda g, x, y, z: where_((x < y) & (y < z), g, 0),
       lambda g, x, y, z: where_((x > z) | (y > z), g, 0)), title="ClampBackward0"
)  # fmt: skip


def _check_bounds(low: Any, high: Any) -> None:
    if low is None and high is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    mixed = low is not None and high is not None
    if mixed and isinstance(low, Tensor) is not isinstance(high, Tensor):
        raise TypeError(
            "clamp() received an invalid combination of arguments - got (Tensor, "
            f"max={type(high).__name__}, min={type(low).__name__}), but expected one of:\n"
            " * (Tensor input, Tensor min = None, Tensor max = None, *, Tensor out = None)\n"
            " * (Tensor input, Number min = None, Number max = None, *, Tensor out = None)\n"
        )


@op(
    inplace=True,
    out=FOUND,
    alias=("clip",),
    samples=lambda t: [
        S(t(3, 4), -0.5, 0.7),
        S(t(3, 4), max=0.3),
        S(t(3, 4), t(4, high=0), t(3, 1, low=0)),
        S(t(), min=0),
        S(t(2, 0), 0, 1),
    ],
)
def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Each element brought into [min, max]; a bound below the other loses to `max`."""
    _check_bounds(min, max)
    bounds = [b for b in (min, max) if b is not None]
    (x, *rest), common = promoted("clamp", "default", (input, *bounds))
    if common.is_complex:
        raise NotImplementedError("clamp is not supported for complex types")
    if not isinstance(bounds[0], Tensor):
        refused("clamp_scalar_cpu", common, "b")
        low = None if min is None else rest[0]
        return clamp_(x, low=low, high=None if max is None else rest[-1])  # type: ignore[no-any-return]
    if min is None:
        return clamp_max_(x, rest[0])  # type: ignore[no-any-return]
    return clamp_min_(x, rest[0]) if max is None else clamp_both_(x, *rest)  # type: ignore[no-any-return]


@op(
    inplace=True,
    out=True,
    samples=lambda t: [S(t(3, 4), 0.2), S(t(3, 4), t(4)), S(t(), 0), S(t(2, 0), 0)],
    title=("min", "ClampMinBackward1", "ClampMinBackward0"),
)
def clamp_min(input: Tensor, min: Any) -> Tensor:
    """Each element, or `min` where that is larger."""
    return clamp(input, min=min)


@op(
    inplace=True,
    out=True,
    samples=lambda t: [S(t(3, 4), 0.2), S(t(3, 4), t(4)), S(t(), 0), S(t(2, 0), 0)],
    title=("max", "ClampMaxBackward1", "ClampMaxBackward0"),
)
def clamp_max(input: Tensor, max: Any) -> Tensor:
    """Each element, or `max` where that is smaller."""
    return clamp(input, max=max)


# --- lerp ----------------------------------------------------------------------------------------


def _lerp_kernel(x: Any, y: Any, z: Any) -> Any:
    # From the nearer end, so that a weight of 1 gives `y` exactly.
    if not isinstance(z, np.ndarray):
        near = builtins_abs(z) < 0.5
        return x + z * (y - x) if near else y - (y - x) * (1 - z)
    gap = y - x
    return np.where(np.abs(z) < 0.5, x + z * gap, y - gap * (1 - z))


_lerp_kernel.numbers = True  # type: ignore[attr-defined]
builtins_abs = abs
lerp_ = pointwise_primitive(
    "lerp", ("x", "y", "z"), _lerp_kernel,
    d=(lambda g, z: g * (1 - z), lambda g, z: g * z, lambda g, x, y: g * (y - x)),
    layout="tensors",
)  # fmt: skip


@op(
    inplace=True,
    out=True,
    samples=lambda t: [
        S(t(3, 4), t(3, 4), 0.3),
        S(t(3, 1), t(4), t(3, 4)),
        S(t(), t(), 0.7),
        S(t(2, 0), t(2, 1), 0.5),
    ],
    title=("weight", "LerpBackward1", "LerpBackward0"),
)
def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """input + weight (end - input)."""
    for name, t in (("end", end), ("weight", weight)):
        if isinstance(t, Tensor) and t.dtype is not input.dtype and (name == "end" or t.ndim):
            raise RuntimeError(
                f"expected dtype {input.dtype.cpp_name} for `{name}` but got dtype "
                f"{t.dtype.cpp_name}"
            )
    weight = unboxed(weight)
    if isinstance(weight, Tensor) and weight.dtype is not input.dtype:
        weight = cast(weight, input.dtype)
    refused("lerp_kernel_tensor" if isinstance(weight, Tensor) else "lerp_kernel_scalar",
            input.dtype, "bi")  # fmt: skip
    return lerp_(input, end, weight)  # type: ignore[no-any-return]


# --- addcmul, addcdiv ----------------------------------------------------------------------------


def _scaled(value: Any, x: Any) -> Any:
    return x if value == 1 else x * value


addcmul_ = pointwise_primitive(
    "addcmul", ("x", "y", "z"), typed(lambda x, y, z, *, value: x + _scaled(value, y * z)),
    d=(lambda g: g, lambda g, z, value: g * _scaled(value, z),
       lambda g, y, value: g * _scaled(value, y)),
)  # fmt: skip
addcdiv_ = pointwise_primitive(
    "addcdiv", ("x", "y", "z"), typed(lambda x, y, z, *, value: x + _scaled(value, y) / z),
    d=(lambda g: g, lambda g, z, value: _scaled(value, g) / z,
       lambda g, y, z, value: -g * (_scaled(value, y) / (z * z))),
)  # fmt: skip


def _operands(name: str, x: Any, y: Any, z: Any, value: Any) -> tuple[list[Any], Any]:
    for at, (label, t) in enumerate((("input", x), ("tensor1", y), ("tensor2", z))):
        if not isinstance(t, Tensor):
            raise TypeError(
                f"{name}(): argument '{label}' (position {at + 1}) must be Tensor, not "
                f"{type(t).__name__}"
            )
    values, common = promoted(name, "default", (x, y, z))
    if isinstance(value, Tensor):
        value = value.item()  # type: ignore[attr-defined]
    value = unboxed(value)
    return values, checked_number(value, common) if common.kind == dt.INTEGER else value


@op(
    inplace=True,
    out=True,
    old=orders("value", "input value tensor1 tensor2"),
    samples=lambda t: [
        S(t(3, 4), t(3, 1), t(4)),
        S(t(4), t(3, 4), t(), value=2),
        S(t(), t(), t()),
        S(t(2, 0), t(2, 1), t(0)),
    ],
)
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """input + value tensor1 tensor2."""
    values, value = _operands("addcmul", input, tensor1, tensor2, value)
    refused("addcmul_cpu_out", values[0].dtype, "b")
    return addcmul_(*values, value=value)  # type: ignore[no-any-return]


@op(
    inplace=True,
    out=True,
    old=orders("value", "input value tensor1 tensor2"),
    samples=lambda t: [
        S(t(3, 4), t(3, 1), t(4, low=0.5)),
        S(t(4), t(3, 4), t(low=0.5), value=2),
        S(t(2, 0), t(2, 1), t(0)),
    ],
)
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """input + value tensor1 / tensor2."""
    values, value = _operands("addcdiv", input, tensor1, tensor2, value)
    if tensor1.dtype.kind <= dt.INTEGER and tensor2.dtype.kind <= dt.INTEGER:
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future  release "
            "addcdiv will perform a true division of tensor1 and tensor2. The historic addcdiv "
            "behavior can be implemented as (input + value * torch.trunc(tensor1 / "
            "tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / "
            "tensor2) for float inputs. The future addcdiv behavior is just the latter "
            "implementation: (input + value * tensor1 / tensor2), for all dtypes."
        )
    return addcdiv_(*values, value=value)  # type: ignore[no-any-return]
