"""Complex numbers: parts, conjugate, magnitude, sign and angle, conversions to and from reals.

Cotangents of complex numbers follow torch: the cotangent of x is dL/d(re) + i dL/d(im). Ops here
are not holomorphic, so their rules are written for that convention and never conjugated.
`real`, `imag`, `view_as_real` and `view_as_complex` are views.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.core import dtypes as dt
from franken.core.batching import pointwise, view_rule
from franken.core.calls.out import FOUND, Into
from franken.core.linear import conj_, neg_view_
from franken.core.op import commit_as, op
from franken.core.pointwise import pointwise_primitive
from franken.core.primitive import Primitive
from franken.core.tensor import CONJ, NEG, Tensor, attach, bits_of
from franken.ops.declaring.declare import INT_TO_FLOAT, elementwise
from franken.ops.declaring.samples import S, filled_at_random, read, unary
from franken.ops.elementwise.arithmetic import zero

# --- conjugate -----------------------------------------------------------------------------------

_physical = Primitive("conj_physical", ("x",), np.conjugate, batch=pointwise, layout="iterator")
_physical.holomorphic = False
_physical.vjp("x")(lambda g: _physical(g))
_physical.jvp(lambda tangents, out, x: _physical(tangents[0]))


@op(inplace=True, out=FOUND, alias=("_conj_physical",), samples=unary)
def conj_physical(input: Tensor) -> Tensor:
    """The complex conjugate; the tensor itself if it is real."""
    return _physical(input) if input.dtype.is_complex else input  # type: ignore[no-any-return]


@op(samples=unary)
def conj(input: Tensor) -> Tensor:
    """The complex conjugate, a view of the same memory; the tensor itself if it is real.

    What is computed of it is computed of the conjugates, and what is written to it is conjugated.

    >>> import franken as torch
    >>> x = torch.tensor([1 + 2j])
    >>> x.conj().mul_(2), x
    (tensor([2.-4.j]), tensor([2.+4.j]))
    """
    return conj_(input) if input.dtype.is_complex else input  # type: ignore[no-any-return]


@op(samples=lambda t: [S(t(3, 4, dtype=t.module.complex128))])
def _conj(input: Tensor) -> Tensor:
    """The complex conjugate, a view of the same memory; RuntimeError if it is real."""
    if not input.dtype.is_complex:
        raise RuntimeError("_conj() is only supported for complex tensors")
    return conj_(input)  # type: ignore[no-any-return]


# (of truth values there is one too, which cannot be read)
@op(samples=lambda t: [S(t(3, 4, dtype=t.module.float64)), S(t(2, dtype=t.module.complex128))])
def _neg_view(input: Tensor) -> Tensor:
    """The negative, a view of the same memory."""
    return neg_view_(input)  # type: ignore[no-any-return]


@op(samples=unary)
def resolve_conj(input: Tensor) -> Tensor:
    """The tensor, or a copy of it where its memory holds its conjugates."""
    return input.clone() if bits_of(input) & CONJ else input  # type: ignore[attr-defined, no-any-return]


@op(samples=unary)
def resolve_neg(input: Tensor) -> Tensor:
    """The tensor, or a copy of it where its memory holds its negatives."""
    return input.clone() if bits_of(input) & NEG else input  # type: ignore[attr-defined, no-any-return]


@op(samples=read)
def is_conj(input: Tensor) -> bool:
    """Whether the tensor's memory holds its conjugates."""
    return bool(bits_of(input) & CONJ)


@op(samples=read)
def is_neg(input: Tensor) -> bool:
    """Whether the tensor's memory holds its negatives."""
    return bool(bits_of(input) & NEG)


# --- parts, as views -----------------------------------------------------------------------------


def _part(
    name: str, kernel: Any, back: Any, title: str | None = None, carry: Any = None
) -> Primitive:
    rule = view_rule(lambda p, s: p)
    prim = Primitive(name, ("x",), kernel, view=True, batch=rule, title=title)
    prim.holomorphic, prim.carry = False, carry
    prim.vjp("x")(back)
    prim.jvp(lambda tangents, out, x: prim(tangents[0]))
    return prim


_COMPLEX: dict[Any, Any] = {
    d.to_real().np: d.np for d in (dt.complex32, dt.complex64, dt.complex128)
}
_REAL = {whole: part for part, whole in _COMPLEX.items()}


def _as_real(x: Any) -> Any:
    return x[..., None].view(_REAL[x.dtype])


real_ = _part(
    "real", lambda x: _as_real(x)[..., 0], lambda g: g, "SelectBackward0",
    carry=lambda bits: bits & NEG,
)  # fmt: skip  # the engine casts it to complex
imag_ = _part(
    "imag", lambda x: _as_real(x)[..., 1], lambda g: g * 1j, "SelectBackward0",
    carry=lambda bits: NEG if bits in (CONJ, NEG) else 0,
)  # fmt: skip
as_real_ = _part("view_as_real", _as_real, lambda g: as_complex_(g.contiguous()))
as_complex_: Any = _part(
    "view_as_complex", lambda x: x.view(_COMPLEX[x.dtype])[..., 0], lambda g: as_real_(g)
)


@op(method=False, samples=unary)
def real(input: Tensor) -> Tensor:
    """A view of the real part; the tensor itself if it is real."""
    return real_(input) if input.dtype.is_complex else input  # type: ignore[no-any-return]


@op(method=False, samples=lambda t: [S(t(3, 4)), S(t()), S(t(2, 0))])
def imag(input: Tensor) -> Tensor:
    """A view of the imaginary part."""
    if not input.dtype.is_complex:
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return imag_(input)  # type: ignore[no-any-return]


def _write(self: Tensor, part: Tensor, value: Any) -> None:
    part.copy_(value if isinstance(value, Tensor) else part.new_tensor(value))  # type: ignore[attr-defined]


attach(
    real=property(real, lambda self, value: _write(self, real(self), value)),
    imag=property(imag, lambda self, value: _write(self, imag(self), value)),
)


@op(
    method=False,
    samples=lambda t: [
        S(t(3, 4, dtype=t.module.complex128)),
        S(t(dtype=t.module.complex64)),
        S(t.const(3, 4)),
    ],
)
def view_as_real(input: Tensor) -> Tensor:
    """A view with a last dimension of size 2, the real and imaginary parts."""
    if not input.dtype.is_complex:
        raise RuntimeError("view_as_real is only supported for complex tensors")
    if bits_of(input) & CONJ:
        raise RuntimeError(
            "view_as_real doesn't work on unresolved conjugated tensors.  To resolve the conjugate "
            "tensor so you can view it as real, use self.resolve_conj(); however, be warned that "
            "the resulting tensor will NOT alias the original."
        )
    return as_real_(input)  # type: ignore[no-any-return]


@op(method=False, samples=lambda t: [S(t(3, 4, 2)), S(t(2))])
def view_as_complex(input: Tensor) -> Tensor:
    """A complex view of a tensor whose last dimension holds real and imaginary parts."""
    if input.dtype.np not in _COMPLEX:
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a "
            f"tensor of scalar type: {input.dtype.scalar_name}"
        )
    if not input.ndim:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if input.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    strides = input.stride()  # type: ignore[attr-defined]
    if strides[-1] != 1:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    if any(s % 2 for n, s in zip(input.shape[:-1], strides[:-1], strict=True) if n != 1):
        raise RuntimeError("Tensor must have a stride divisible by 2 for all but last dimension")
    return as_complex_(input)  # type: ignore[no-any-return]


# --- complex numbers from reals ------------------------------------------------------------------


def _complex_kernel(x: Any, y: Any) -> Any:
    out = np.empty(np.broadcast_shapes(x.shape, y.shape), _COMPLEX[x.dtype])
    out.real, out.imag = x, y
    return out


complex_ = pointwise_primitive(
    "complex", ("x", "y"), _complex_kernel, d=(lambda g: real(g), lambda g: imag(g)),
    holomorphic=False,
)  # fmt: skip
_MAKES_COMPLEX = (dt.float32, dt.float64, dt.float16)


_OF_ONE_TYPE = Into(
    "Expected object of scalar type {want} but got scalar type {got} for argument 'out'"
)


@op(
    method=False,
    out=_OF_ONE_TYPE,
    samples=lambda t: [S(t(3, 4), t(3, 4)), S(t(3, 1), t(4)), S(t(), t())],
)
def complex(real: Tensor, imag: Tensor) -> Tensor:
    """Complex numbers with the given real and imaginary parts."""
    if real.dtype not in _MAKES_COMPLEX or imag.dtype not in _MAKES_COMPLEX:
        raise RuntimeError(
            "Expected both inputs to be Half, Float or Double tensors but got "
            f"{real.dtype.scalar_name} and {imag.dtype.scalar_name}"
        )
    _same_dtype(real, imag)
    return complex_(real, imag)  # type: ignore[no-any-return]


def _same_dtype(x: Tensor, y: Tensor) -> None:
    if x.dtype is not y.dtype:
        raise RuntimeError(
            f"Expected object of scalar type {x.dtype.scalar_name} but got scalar type "
            f"{y.dtype.scalar_name} for second argument"
        )


def _polar_kernel(x: Any, y: Any) -> Any:
    out = np.empty(np.broadcast_shapes(x.shape, y.shape), _COMPLEX[x.dtype])
    np.multiply(x, np.cos(y), out=out.real)
    np.multiply(x, np.sin(y), out=out.imag)
    return out


# The slope in the magnitude is the direction of the result: none where that is 0.
polar_ = pointwise_primitive(
    "polar", ("x", "y"), _polar_kernel, holomorphic=False,
    d=(lambda g, out: _along(sgn(out), g), lambda g, out: _along(out * 1j, g)),
)  # fmt: skip


@op(
    method=False,
    out=_OF_ONE_TYPE,
    samples=lambda t: [S(t(3, 4, low=0.2), t(3, 4)), S(t(3, 1, low=0.2), t(4)), S(t(low=0.2), t())],
    title="PolarBackward0",
)
def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """Complex numbers with the given magnitudes and angles."""
    kinds = (dt.float16, dt.float32, dt.float64)
    if abs.dtype not in kinds or angle.dtype not in kinds:
        raise RuntimeError(
            "Expected both inputs to be Half, Float or Double tensors but got "
            f"{abs.dtype.scalar_name} and {angle.dtype.scalar_name}"
        )
    _same_dtype(abs, angle)
    if abs.dtype is dt.float16:
        raise NotImplementedError("\"polar_cpu\" not implemented for 'Half'")
    return polar_(abs, angle)  # type: ignore[no-any-return]


# --- magnitude and sign --------------------------------------------------------------------------


def _abs_tangent(tangents: Any, out: Any, x: Any) -> Any:
    return _along(sgn(x), tangents[0])


def _along(direction: Any, t: Any) -> Any:
    """Re(conj(direction) t): how a change t moves the length."""
    return real(_physical(direction) * t) if t.dtype.is_complex else direction * t


def _sgn_kernel(x: Any) -> Any:
    kind = x.dtype.kind
    if kind == "b":
        return x.copy()
    if kind != "f":
        return np.sign(x)
    # torch gives NaN the sign 0, and so abs the slope 0 there; NumPy's sign of NaN is NaN.
    return np.subtract(x > 0, x < 0, dtype=np.int8).astype(x.dtype)


def _sgn_slope(g: Any, x: Any, out: Any) -> Any:
    """The part of g across the direction, over the length: real numbers leave none."""
    if not out.dtype.is_complex:
        return zero(g)
    length = abs(x)
    across = g - out * real(_physical(out) * g)
    return (across / length).masked_fill(length == 0, 0)


def _refuse_complex_sign(common: Any, x: Any) -> None:
    if common.is_complex:
        raise NotImplementedError(
            "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use "
            "torch.sgn instead."
        )


def _refuse_complex_signbit(common: Any, x: Any) -> None:
    if common.is_complex:
        raise NotImplementedError("signbit is not implemented for complex tensors.")


abs = elementwise(
    "abs(Tensor self) -> Tensor", np.absolute, d=lambda g, x: g * sgn(x), holomorphic=False,
    jvp=_abs_tangent, refuse="b", alias=("absolute",), expr="abs({0})", inplace=False,
    doc="The magnitude of each element; of complex numbers, a real one.", samples=unary,
    out=FOUND)  # fmt: skip
sgn: Any = elementwise(
    "sgn(Tensor self) -> Tensor", _sgn_kernel, d=_sgn_slope, holomorphic=False,
    jvp=lambda tangents, out, x: _sgn_slope(tangents[0], x, out),
    doc="The sign; of a complex number, the one of magnitude 1 in its direction.",
    out=FOUND)  # fmt: skip
sign = elementwise(
    "sign(Tensor self) -> Tensor", _sgn_kernel, d=zero, check=_refuse_complex_sign,
    expr="sign({0})", doc="-1, 0 or 1 with the sign of each element.", out=FOUND)  # fmt: skip
_SIGNBIT_OUT = Into(
    "{name} does not support non-boolean outputs.",
)


signbit = elementwise(
    "signbit(Tensor self) -> Tensor",
    lambda x: x < 0 if x.dtype.kind in "iub" else np.signbit(x), inplace=False,
    check=_refuse_complex_signbit, doc="Whether the sign bit is set; true of -0.",
    out=_SIGNBIT_OUT)  # fmt: skip


def abs_(input: Tensor) -> Tensor:
    """In-place form of `abs`; real tensors only."""
    if input.dtype.is_complex:
        raise RuntimeError("In-place abs is not supported for complex tensors.")
    from franken.core import inplace

    inplace.check(input, "abs")
    return commit_as(input, abs(input))


attach(abs_=abs_, absolute_=abs_)
op(at="torch", method=False, name="abs_", samples=filled_at_random)(abs_)
attach(__abs__=abs)

# --- angle ---------------------------------------------------------------------------------------


def _angle_kernel(x: Any) -> Any:
    if x.dtype.kind == "c":
        return np.angle(x).astype(x.real.dtype, copy=False)
    pi, nothing = x.dtype.type(np.pi), x.dtype.type(0)
    return np.where(np.isnan(x), x, np.where(x < 0, pi, nothing))


def _angle_slope(g: Any, x: Any) -> Any:
    if not x.dtype.is_complex:
        return zero(g)
    scale = (1 / (real(x) * real(x) + imag(x) * imag(x))).masked_fill(x == 0, 0)
    return x * 1j * (g * scale)  # a turn by g moves x across its direction


angle = elementwise(
    "angle(Tensor self) -> Tensor", _angle_kernel, d=_angle_slope, holomorphic=False,
    jvp=lambda tangents, out, x: _along(_angle_slope(1, x), tangents[0])
    if x.dtype.is_complex else zero(tangents[0]),
    promote=INT_TO_FLOAT, inplace=False, doc="The angle of each complex number; of reals, 0 or pi.",
)  # fmt: skip
