"""Ops on a number's representation: signs, steps, mantissa and exponent, replacements, fill."""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.numpy import special
from franken.core import dtypes as dt
from franken.core import inplace, state
from franken.core.calls.out import Into
from franken.core.convert import cast
from franken.core.device import CPU
from franken.core.node import edge_of, titled
from franken.core.op import commit_as, op
from franken.core.overriding.foreign import asking
from franken.core.pointwise import pointwise_primitive
from franken.core.tensor import Tensor, attach
from franken.ops.declaring import return_types
from franken.ops.declaring.declare import INT_TO_FLOAT, elementwise, typed, without_forward
from franken.ops.declaring.samples import S, filled_at_random, unary
from franken.ops.elementwise.arithmetic import zero
from franken.ops.elementwise.powers import pow as power
from franken.ops.elementwise.transcendental import LN2, exp2
from franken.ops.surface.args import checked_number

# --- signs and steps -----------------------------------------------------------------------------

copysign = elementwise(
    "copysign.Tensor(Tensor self, Tensor other) -> Tensor", np.copysign,
    d=(lambda g, x, out: g * (out / x).masked_fill(x == 0, 0), zero),
    promote=INT_TO_FLOAT, refuse="c", doc="The magnitude of input with the sign of other.",
)  # fmt: skip
nextafter = elementwise(
    "nextafter(Tensor self, Tensor other) -> Tensor", np.nextafter,
    d=(lambda g, x, y: g.masked_fill(x == y, 0), zero), refuse="bic", numbers="none",
    doc="The next number after input in the direction of other.",
)  # fmt: skip
nextafter.prim.cpu = np.nextafter  # steps of the type itself: no detour of half precision


def _check_heaviside(common: Any, x: Any, y: Any) -> None:
    if common.is_complex:
        raise RuntimeError("heaviside is not yet implemented for complex tensors.")
    if isinstance(x, Tensor) and isinstance(y, Tensor) and x.dtype is not y.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")


def _no_slope(g: Any) -> Any:
    raise RuntimeError("derivative for aten::heaviside is not implemented")


_HEAVISIDE_OUT = Into(
    "heaviside is not yet implemented for tensors with different dtypes.",
)


heaviside = elementwise(
    "heaviside(Tensor self, Tensor values) -> Tensor",
    lambda x, y: np.where(x == 0, y, (x > 0).astype(x.dtype)), d=(_no_slope, _no_slope),
    jvp=without_forward("aten::heaviside"),
    check=_check_heaviside, numbers="none", doc="0 below zero, 1 above, and `values` at zero.",
    out=_HEAVISIDE_OUT,
    title="torch::autograd::NotImplemented"
)  # fmt: skip

# --- mantissa and exponent -----------------------------------------------------------------------

frexp_ = pointwise_primitive(
    "frexp", ("x",), special.frexp, outputs=2, nondiff=(1,),
    d=lambda g, out1: g[0] / power(2.0, out1), layout="as_input",
)  # fmt: skip
_FREXP = return_types.make("frexp", "mantissa", "exponent")


@op(
    out=Into(
        "torch.frexp() expects mantissa to have dtype {want_c} but got {got_c}",
        "torch.frexp() expects exponent to have int dtype but got {got_c}",
    ),
    samples=unary,
)
def frexp(input: Tensor) -> Any:
    """Mantissa in [0.5, 1) and integer exponent of each element."""
    if not input.dtype.is_floating_point:
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    return _FREXP(frexp_(input))


def _ldexp_kernel(x: Any, y: Any) -> Any:
    """2^y for itself overflows sooner than x 2^y; half precision is rounded in between."""
    if x.dtype.itemsize == 2:
        wide = np.float32
        power = np.exp2(y.astype(wide)).astype(x.dtype)
        return (x.astype(wide) * power.astype(wide)).astype(x.dtype)
    if x.dtype.kind == "c":
        return x * np.exp(y * LN2)
    whole = np.trunc(y)
    if not np.array_equal(whole, y):
        return x * np.exp2(y)
    return np.ldexp(x, np.clip(whole, -5000, 5000).astype(np.int32))


_LDEXP_OUT = Into(
    "ldexp can't be cast to the desired output type {got}",
    cast=True,
)


ldexp = elementwise(
    "ldexp(Tensor self, Tensor other) -> Tensor", _ldexp_kernel,
    d=(lambda g, y: g * exp2(y), lambda g, out: g * out * LN2),
    promote=INT_TO_FLOAT, numbers="none", doc="input times 2^other.", out=_LDEXP_OUT)  # fmt: skip
ldexp.prim.cpu = typed(_ldexp_kernel)

# --- nan_to_num ----------------------------------------------------------------------------------


def _replace_kernel(x: Any, *, nan: float, posinf: float, neginf: float) -> Any:
    if x.dtype.kind in "iub":
        return x.copy()
    out = np.array(x)
    for part in (out.real, out.imag) if x.dtype.kind == "c" else (out,):
        part[np.isnan(part)] = nan
        part[part == np.inf] = posinf
        part[part == -np.inf] = neginf
    return out


nan_to_num_ = pointwise_primitive(
    "nan_to_num", ("x",), _replace_kernel, d=lambda g, x: g.masked_fill(~x.isfinite(), 0),
    layout="as_input",
)  # fmt: skip


@op(
    inplace=True,
    out=Into("nan_to_num: dtype of out: {got} should be same as input: {want}"),
    samples=unary,
)
def nan_to_num(input: Tensor, nan: Any = None, posinf: Any = None, neginf: Any = None) -> Tensor:
    """NaN and infinities replaced; by default by 0 and the type's extreme numbers."""
    if input.dtype.kind > dt.INTEGER:
        info = dt.finfo(input.dtype.to_real())
        posinf = info.max if posinf is None else posinf
        neginf = info.min if neginf is None else neginf
    return nan_to_num_(  # type: ignore[no-any-return]
        input, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf
    )


# --- fill ----------------------------------------------------------------------------------------

fill_ = pointwise_primitive(
    "fill", ("x", "y"), lambda x, y: np.full_like(x, y), d=(zero, lambda g: g)
)
fill_.cpu = lambda x, y: np.full_like(x, y)


def _fill_value(x: Tensor, value: Any) -> Any:
    if isinstance(value, Tensor):
        if value.ndim:
            raise RuntimeError(
                "fill_ only supports 0-dimension value tensor but got tensor with "
                f"{value.ndim} dimensions."
            )
        return cast(value, x.dtype) if value.dtype is not x.dtype else value
    return checked_number(value, x.dtype, by_kernel=x.numel() != 1)  # type: ignore[attr-defined]


@op(
    method=False,
    samples=lambda t: [S(t(3, 4), 2), S(t(2, 3), t()), S(t(2, 0), 1)],
    title=("value", "FillBackward1", "FillBackward0"),
)
def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor like `input` with every element `value` (a number or a 0-dim tensor)."""
    return fill_(input, _fill_value(input, value))  # type: ignore[no-any-return]


def _fill_in_place(input: Tensor, value: Any) -> Tensor:
    """Set every element to `value`; no gradient flows to the former ones."""
    st = state.STATE
    plain = not isinstance(value, Tensor) and not input.level and input.device is CPU
    plain = plain and not st.traces and st.recorder is None
    if plain and not (st.grad and edge_of(input) is not None):
        inplace.check(input, "fill")
        a = input._a
        if a.flags.writeable:  # torch fills broadcast tensors too
            a.fill(_fill_value(input, value))
            inplace.bump(input)
            return input
    return _filled(input, value, f"FillBackward{3 if isinstance(value, Tensor) else 2}")


def _filled(input: Tensor, value: Any, title: str) -> Tensor:
    inplace.check(input, "fill")
    return commit_as(input, titled(fill_(input, _fill_value(input, value)), title))


def _zero_in_place(input: Tensor) -> Tensor:
    """Set every element to zero; no gradient flows to the former ones."""
    if input.level == 0 and edge_of(input) is None:
        return _fill_in_place(input, 0)
    return _filled(input, 0, "ZeroBackward0")


attach(fill_=asking(_fill_in_place, "fill_"), zero_=_zero_in_place)
op(
    method=False, name="fill_", samples=lambda t: [S(t.const(3, 4), 2), S(t.const(2, 3), t.const())]
)(_fill_in_place)
op(method=False, name="zero_", samples=filled_at_random)(_zero_in_place)
