"""torch.fft: Fourier transforms over one, two or any axes, real or complex, and their helpers.

Arguments and normalization; the transforms are primitives of `ops.linalg.fourier`.
"""

from __future__ import annotations

import math
from typing import Any

from franken.core import dtypes as dt
from franken.core.calls.out import INFER, Into
from franken.core.convert import cast
from franken.core.geometry.shapes import wrap_dim
from franken.core.op import op
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import S, spectrum, spectrum_2, spectrum_n
from franken.ops.linalg.fourier import c2c_, c2r_, r2c_, resize

_WIDE = {dt.float32: dt.complex64, dt.float64: dt.complex128}


def _promoted(x: Tensor, complex_wanted: bool) -> Tensor:
    """x as floating point (complex if wanted); half precision has no transform."""
    if x.dtype.kind <= dt.INTEGER:
        x = cast(x, dt.get_default_dtype())
    if x.dtype not in _WIDE and x.dtype not in (dt.complex64, dt.complex128):
        raise RuntimeError(f"Unsupported dtype {x.dtype.scalar_name}")
    return cast(x, _WIDE[x.dtype]) if complex_wanted and not x.dtype.is_complex else x


def _scale(name: str, norm: Any, n: int, forward: bool) -> float:
    """The factor of a normalization mode: backward (default), forward or ortho."""
    if norm is not None and not isinstance(norm, str):
        raise TypeError(f"fft_{name}(): argument 'norm' must be str, not {type(norm).__name__}")
    mode = norm or "backward"
    if mode not in ("backward", "forward", "ortho"):
        raise RuntimeError(f'Invalid normalization mode: "{mode}"')
    if mode == "ortho":
        return 1 / math.sqrt(n) if n else 1.0
    return 1 / n if n and (mode == "forward") == forward else 1.0


def _points(n: int) -> int:
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return n


def _axis(x: Tensor, dim: int) -> int:
    if x.ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return wrap_dim(dim, x.ndim)


def _refuse_complex(name: str, x: Tensor, kind: str = "real") -> None:
    if x.dtype.is_complex:
        raise RuntimeError(f"{name} expects a {kind} input tensor, but got {x.dtype.scalar_name}")


def _complex(name: str = "{name}", row_major: bool = True) -> Into:
    words = f"{name} expects a complex output tensor, but got {{got}}"
    return Into(words, cast=True, row_major=row_major)


def _real(name: str = "{name}") -> Into:
    words = f"{name} expects a floating point output tensor, but got {{got}}"
    return Into(words, cast=True, real=True, row_major=True)


# --- one axis ------------------------------------------------------------------------------------


def _c2c(x: Any, n: Any, dim: int, norm: Any, forward: bool, name: str) -> Any:
    x = _promoted(x, True)
    axis = _axis(x, dim)
    n = _points(x.shape[axis] if n is None else n)
    x = resize(x, axis, n)
    return c2c_(x, axes=(axis,), forward=forward, scale=_scale(name, norm, n, forward))


def _r2c(x: Any, n: Any, dim: int, norm: Any, forward: bool, name: str) -> Any:
    _refuse_complex(name, x)
    x = _promoted(x, False)
    axis = _axis(x, dim)
    n = _points(x.shape[axis] if n is None else n)
    out = r2c_(resize(x, axis, n), axis=axis, scale=_scale(name, norm, n, forward))
    return out if forward else out.conj()


def _c2r(x: Any, n: Any, dim: int, norm: Any, forward: bool, name: str) -> Any:
    x = _promoted(x, True)
    axis = _axis(x, dim)
    n = _points(2 * (x.shape[axis] - 1) if n is None else n)
    x = resize(x, axis, n // 2 + 1)
    x = x.conj() if forward else x
    return c2r_(x, axis=axis, n=n, scale=_scale(name, norm, n, forward))


@op(at="fft", out=_complex(), samples=spectrum)
def fft(input: Tensor, n: Any = None, dim: int = -1, norm: Any = None) -> Tensor:
    """The discrete Fourier transform over one dimension."""
    return _c2c(input, n, dim, norm, True, "fft")  # type: ignore[no-any-return]


@op(at="fft", out=_complex(row_major=False), samples=spectrum)
def ifft(input: Tensor, n: Any = None, dim: int = -1, norm: Any = None) -> Tensor:
    """The inverse discrete Fourier transform over one dimension."""
    return _c2c(input, n, dim, norm, False, "ifft")  # type: ignore[no-any-return]


@op(at="fft", out=_complex(), samples=spectrum)
def rfft(input: Tensor, n: Any = None, dim: int = -1, norm: Any = None) -> Tensor:
    """The nonnegative frequencies of the transform of a real signal."""
    return _r2c(input, n, dim, norm, True, "rfft")  # type: ignore[no-any-return]


@op(at="fft", out=_real(), samples=spectrum)
def irfft(input: Tensor, n: Any = None, dim: int = -1, norm: Any = None) -> Tensor:
    """The real signal (n samples) with the given nonnegative frequencies."""
    return _c2r(input, n, dim, norm, False, "irfft")  # type: ignore[no-any-return]


@op(at="fft", out=_real(), samples=spectrum)
def hfft(input: Tensor, n: Any = None, dim: int = -1, norm: Any = None) -> Tensor:
    """The real transform of a signal that is Hermitian in time, given by its first half."""
    return _c2r(input, n, dim, norm, True, "hfft")  # type: ignore[no-any-return]


@op(at="fft", out=_complex(row_major=False), samples=spectrum)
def ihfft(input: Tensor, n: Any = None, dim: int = -1, norm: Any = None) -> Tensor:
    """The inverse of `hfft`: the first half of the inverse transform of a real spectrum."""
    return _r2c(input, n, dim, norm, False, "ihfft")  # type: ignore[no-any-return]


# --- several axes --------------------------------------------------------------------------------


def _axes(x: Tensor, s: Any, dim: Any) -> tuple[tuple[int, ...], list[Any]]:
    """The axes and the sizes they are cut or filled to, None where a size stays."""
    sizes = None if s is None else [s] if isinstance(s, int) else list(s)
    if dim is not None:
        dims = (dim,) if isinstance(dim, int) else tuple(dim)
        axes = tuple(_axis(x, d) for d in dims)
        if len(set(axes)) != len(axes):
            raise RuntimeError("FFT dims must be unique")
        if sizes is not None and len(sizes) != len(axes):
            raise RuntimeError("When given, dim and shape arguments must have the same length")
    elif sizes is not None:
        if len(sizes) > x.ndim:
            raise RuntimeError(
                f"Got shape with {len(sizes)} values but input tensor only has {x.ndim} dimensions."
            )
        axes = tuple(range(x.ndim - len(sizes), x.ndim))
    else:
        axes = tuple(range(x.ndim))
    given = [None] * len(axes) if sizes is None else [None if n == -1 else n for n in sizes]
    return axes, given


def _lengths(x: Any, axes: Any, given: Any) -> list[int]:
    return [_points(x.shape[a] if n is None else n) for a, n in zip(axes, given, strict=True)]


def _c2cn(x: Any, s: Any, dim: Any, norm: Any, forward: bool, name: str) -> Any:
    x = _promoted(x, True)
    axes, given = _axes(x, s, dim)
    lengths = _lengths(x, axes, given)
    for a, n in zip(axes, lengths, strict=True):
        x = resize(x, a, n)
    scale = _scale(name, norm, math.prod(lengths), forward)
    return c2c_(x, axes=axes, forward=forward, scale=scale) if axes else x


def _r2cn(x: Any, s: Any, dim: Any, norm: Any, forward: bool, name: str) -> Any:
    _refuse_complex(name, x, "real-valued")
    x = _promoted(x, False)
    axes, given = _axes(x, s, dim)
    _some(axes, name)
    lengths = _lengths(x, axes, given)
    for a, n in zip(axes, lengths, strict=True):
        x = resize(x, a, n)
    scale = _scale(name, norm, math.prod(lengths), forward)
    out = r2c_(x, axis=axes[-1], scale=scale, beside=axes[:-1] if forward else ())
    out = out if forward else out.conj()
    if len(axes) > 1:
        last = axes[-1] if forward else None
        out = c2c_(out, axes=axes[:-1], forward=forward, scale=1.0, last=last)
    return out


def _c2rn(x: Any, s: Any, dim: Any, norm: Any, forward: bool, name: str) -> Any:
    x = _promoted(x, True)
    axes, given = _axes(x, s, dim)
    _some(axes, name)
    last = axes[-1]
    if given[-1] is None:
        given[-1] = 2 * (x.shape[last] - 1)
    lengths = _lengths(x, axes, given)
    for a, n in zip(axes[:-1], lengths[:-1], strict=True):
        x = resize(x, a, n)
    x = resize(x, last, lengths[-1] // 2 + 1)
    scale = _scale(name, norm, math.prod(lengths), forward)
    if len(axes) > 1:
        x = c2c_(x, axes=axes[:-1], forward=forward, scale=1.0)
    x = x.conj() if forward else x
    return c2r_(x, axis=last, n=lengths[-1], scale=scale)


def _some(axes: Any, name: str) -> None:
    if not axes:
        raise RuntimeError(f"{name} must transform at least one axis")


@op(at="fft", out=_complex(), samples=spectrum_n)
def fftn(input: Tensor, s: Any = None, dim: Any = None, norm: Any = None) -> Tensor:
    """The discrete Fourier transform over several dimensions."""
    return _c2cn(input, s, dim, norm, True, "fftn")  # type: ignore[no-any-return]


@op(at="fft", out=_complex("fftn"), samples=spectrum_n)
def ifftn(input: Tensor, s: Any = None, dim: Any = None, norm: Any = None) -> Tensor:
    """The inverse discrete Fourier transform over several dimensions."""
    return _c2cn(input, s, dim, norm, False, "ifftn")  # type: ignore[no-any-return]


@op(at="fft", out=_complex(), samples=spectrum_n)
def rfftn(input: Tensor, s: Any = None, dim: Any = None, norm: Any = None) -> Tensor:
    """The transform of a real signal; nonnegative frequencies in the last dimension."""
    return _r2cn(input, s, dim, norm, True, "rfftn")  # type: ignore[no-any-return]


@op(at="fft", out=_real(), samples=spectrum_n)
def irfftn(input: Tensor, s: Any = None, dim: Any = None, norm: Any = None) -> Tensor:
    """The inverse of `rfftn`."""
    return _c2rn(input, s, dim, norm, False, "irfftn")  # type: ignore[no-any-return]


@op(at="fft", out=_real(), samples=spectrum_n)
def hfftn(input: Tensor, s: Any = None, dim: Any = None, norm: Any = None) -> Tensor:
    """The real transform of a signal that is Hermitian in time."""
    return _c2rn(input, s, dim, norm, True, "hfftn")  # type: ignore[no-any-return]


@op(at="fft", out=_complex(), samples=spectrum_n)
def ihfftn(input: Tensor, s: Any = None, dim: Any = None, norm: Any = None) -> Tensor:
    """The inverse of `hfftn`."""
    return _r2cn(input, s, dim, norm, False, "ihfftn")  # type: ignore[no-any-return]


# torch's two directions of a complex transform are one kernel.
_SHARED = {"ifftn": "fftn"}


def _two(fn: Any, name: str, doc: str) -> Any:
    def transform(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: Any = None) -> Tensor:
        return fn(input, s, dim, norm)  # type: ignore[no-any-return]

    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = doc
    real = fn in (irfftn, hfftn)
    out = _real(fn.__name__) if real else _complex(_SHARED.get(fn.__name__, fn.__name__))
    return op(at="fft", out=out, samples=spectrum_2)(transform)


fft2 = _two(fftn, "fft2", "The discrete Fourier transform over two dimensions.")
ifft2 = _two(ifftn, "ifft2", "The inverse discrete Fourier transform over two dimensions.")
rfft2 = _two(rfftn, "rfft2", "The transform of a real signal over two dimensions.")
irfft2 = _two(irfftn, "irfft2", "The inverse of `rfft2`.")
hfft2 = _two(hfftn, "hfft2", "The real transform of a Hermitian signal over two dimensions.")
ihfft2 = _two(ihfftn, "ihfft2", "The inverse of `hfft2`.")


# --- frequencies ---------------------------------------------------------------------------------


def _arange(n: int, dtype: Any, device: Any, requires_grad: bool, order: Any, d: float) -> Any:
    from franken.ops.surface.ranges import arange

    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    whole = cast(order(arange), dtype or dt.get_default_dtype()) * (1.0 / (n * d) if n else 1.0)
    whole = whole.to(device) if device is not None else whole
    return whole.requires_grad_() if requires_grad else whole


@op(at="fft", out=INFER, samples=lambda t: [S(5), S(6, 0.5, dtype=t.module.float64), S(1)])
def fftfreq(
    n: int, d: float = 1.0, *, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """The frequencies of a transform of n samples that are d apart."""
    from franken.ops.shape.join import cat

    half = (n + 1) // 2
    return _arange(  # type: ignore[no-any-return]
        n, dtype, device, requires_grad,
        lambda arange: cat([arange(half), arange(-(n // 2), 0)], 0), d,
    )  # fmt: skip


@op(at="fft", out=INFER, samples=lambda t: [S(5), S(6, 0.5, dtype=t.module.float64), S(1)])
def rfftfreq(
    n: int, d: float = 1.0, *, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """The nonnegative frequencies of a transform of n samples that are d apart."""
    return _arange(  # type: ignore[no-any-return]
        n, dtype, device, requires_grad, lambda arange: arange(n // 2 + 1), d
    )


def _shifted(x: Any, dim: Any, sign: int) -> Any:
    dims = range(x.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    axes = tuple(wrap_dim(d, x.ndim) for d in dims)
    moves = tuple(x.shape[a] // 2 if sign > 0 else (x.shape[a] + 1) // 2 for a in axes)
    return x.roll(moves, axes) if axes else x.clone()


@op(
    at="fft",
    samples=lambda t: [S(t(3, 4)), S(t(3, 4), 1), S(t(2, 3, 4), (0, 2))],
    title="RollBackward0",
)
def fftshift(input: Tensor, dim: Any = None) -> Tensor:
    """Move the zero frequency to the middle."""
    return _shifted(input, dim, 1)  # type: ignore[no-any-return]


@op(
    at="fft",
    samples=lambda t: [S(t(3, 4)), S(t(3, 4), 1), S(t(2, 3, 4), (0, 2))],
    title="RollBackward0",
)
def ifftshift(input: Tensor, dim: Any = None) -> Tensor:
    """Undo `fftshift`."""
    return _shifted(input, dim, -1)  # type: ignore[no-any-return]
