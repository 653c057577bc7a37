"""The three Fourier primitives, complex to complex, real to complex and back, unnormalized but for
a factor. Kernels are numpy.fft (pocketfft), which keeps single precision.

All are linear. A discrete Fourier matrix is symmetric, so the transpose of a transform is itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.meta import rules
from franken.core.batching import shift_axes
from franken.core.primitive import Primitive


def _c2c_kernel(
    x: Any, *, axes: tuple[int, ...], forward: bool, scale: float, last: int | None = None
) -> Any:
    if x.size == 0:
        return x.copy()
    one = np.fft.fft if forward else np.fft.ifft
    norm: Any = "backward" if forward else "forward"
    out = x
    for axis in axes[::-1]:  # torch's order: in the other, more single-precision bits differ
        out = one(out, axis=axis, norm=norm)
    return _scaled(out.astype(x.dtype, copy=out is x), scale)


def _scaled(out: Any, scale: float) -> Any:
    if scale != 1:
        out *= out.real.dtype.type(scale)
    return out


def _r2c_kernel(x: Any, *, axis: int, scale: float, beside: tuple[int, ...] = ()) -> Any:
    wide = np.complex64 if x.dtype == np.float32 else np.complex128
    if x.size == 0:
        shape = list(x.shape)
        shape[axis] = shape[axis] // 2 + 1
        return np.zeros(shape, wide)
    return _scaled(np.fft.rfft(x, axis=axis).astype(wide, copy=False), scale)


def _c2r_kernel(x: Any, *, axis: int, n: int, scale: float) -> Any:
    wide = x.real.dtype
    if x.size == 0:
        return np.zeros([n if i == axis else s for i, s in enumerate(x.shape)], wide)
    return _scaled(np.fft.irfft(x, n, axis, "forward").astype(wide, copy=False), scale)


# A transform over several axes that begins with a real one lies in memory as one of them all:
# `beside` are the axes still to come, `last` the one that came first.
c2c_ = Primitive(
    "fft_c2c",
    ("x",),
    _c2c_kernel,
    batch=shift_axes("axes", "last"),
    layout="transformed",
    meta="same",
)
r2c_ = Primitive(
    "fft_r2c",
    ("x",),
    _r2c_kernel,
    batch=shift_axes("axis", "beside"),
    layout="transformed",
    meta=lambda x, *, axis, **_: rules.replaced(x, axis, x.shape[axis] // 2 + 1),
)
c2r_ = Primitive(
    "fft_c2r",
    ("x",),
    _c2r_kernel,
    batch=shift_axes("axis"),
    layout="transformed",
    meta=lambda x, *, axis, n, **_: rules.replaced(x, axis, n),
)
r2c_.holomorphic = c2r_.holomorphic = False
c2c_.jvp(lambda tangents, out, x, **params: c2c_(tangents[0], **params))
r2c_.jvp(lambda tangents, out, x, **params: r2c_(tangents[0], **params))
c2r_.jvp(lambda tangents, out, x, **params: c2r_(tangents[0], **params))


@c2c_.vjp("x")
def _(g: Any, axes: Any, forward: bool, scale: float) -> Any:
    return c2c_(g, axes=axes, forward=forward, scale=scale)


@r2c_.vjp("x")
def _(g: Any, x_shape: Any, axis: int, scale: float) -> Any:
    """The adjoint: missing frequencies are zero, and the imaginary part is dropped."""
    padded = resize(g, axis, x_shape[axis])
    return c2c_(padded, axes=(axis,), forward=False, scale=scale).real


@c2r_.vjp("x")
def _(g: Any, x_shape: Any, axis: int, n: int, scale: float) -> Any:
    """The adjoint: frequencies that stand for two conjugate ones count twice."""
    from franken.ops.shape.join import cat

    half = r2c_(g, axis=axis, scale=scale)
    count = half.shape[axis]
    single = 1 if n % 2 else 2
    if count > single:
        middle = half.narrow(axis, 1, count - single) * 2
        parts = [half.narrow(axis, 0, 1), middle]
        if n % 2 == 0:
            parts.append(half.narrow(axis, count - 1, 1))
        half = cat(parts, axis)
    return resize(half, axis, x_shape[axis])


def resize(x: Any, axis: int, n: int) -> Any:
    """Cut or fill with zeros at the end of an axis."""
    have = x.shape[axis]
    if have == n:
        return x
    if have > n:
        return x.narrow(axis, 0, n)
    from franken.ops.shape.join import cat
    from franken.ops.surface.copies import as_images

    shape = list(x.shape)
    shape[axis] = n - have
    return cat([x, as_images(x.new_zeros(shape), x)], axis)  # channels last stay so
