"""torch.fft: fourier transforms, as the op declarations publish them.

Written by `python -m conformance stubs`: do not edit."""

from builtins import bool as _bool
from builtins import float as _float
from builtins import int as _int
from builtins import str as _str
from collections.abc import Sequence
from typing import Any

from franken.core.device import device as _device
from franken.core.dtypes import dtype as _dtype
from franken.core.geometry.layout import layout as _layout
from franken.core.tensor import Tensor as _Tensor

def fft(
    input: _Tensor, n: Any = None, dim: _int = -1, norm: Any = None, *, out: _Tensor | None = None
) -> _Tensor:
    """The discrete Fourier transform over one dimension."""

def fft2(
    input: _Tensor,
    s: Any = None,
    dim: _int | Sequence[_int] | None = (-2, -1),
    norm: Any = None,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The discrete Fourier transform over two dimensions."""

def fftfreq(
    n: _int,
    d: _float = 1.0,
    *,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: Any = None,
    requires_grad: _bool = False,
    out: _Tensor | None = None,
) -> _Tensor:
    """The frequencies of a transform of n samples that are d apart."""

def fftn(
    input: _Tensor,
    s: Any = None,
    dim: _int | Sequence[_int] | None = None,
    norm: Any = None,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The discrete Fourier transform over several dimensions."""

def fftshift(input: _Tensor, dim: Any = None) -> _Tensor:
    """Move the zero frequency to the middle."""

def hfft(
    input: _Tensor, n: Any = None, dim: _int = -1, norm: Any = None, *, out: _Tensor | None = None
) -> _Tensor:
    """The real transform of a signal that is Hermitian in time, given by its first half."""

def hfft2(
    input: _Tensor,
    s: Any = None,
    dim: _int | Sequence[_int] | None = (-2, -1),
    norm: Any = None,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The real transform of a Hermitian signal over two dimensions."""

def hfftn(
    input: _Tensor,
    s: Any = None,
    dim: _int | Sequence[_int] | None = None,
    norm: Any = None,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The real transform of a signal that is Hermitian in time."""

def ifft(
    input: _Tensor, n: Any = None, dim: _int = -1, norm: Any = None, *, out: _Tensor | None = None
) -> _Tensor:
    """The inverse discrete Fourier transform over one dimension."""

def ifft2(
    input: _Tensor,
    s: Any = None,
    dim: _int | Sequence[_int] | None = (-2, -1),
    norm: Any = None,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The inverse discrete Fourier transform over two dimensions."""

def ifftn(
    input: _Tensor,
    s: Any = None,
    dim: _int | Sequence[_int] | None = None,
    norm: Any = None,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The inverse discrete Fourier transform over several dimensions."""

def ifftshift(input: _Tensor, dim: Any = None) -> _Tensor:
    """Undo `fftshift`."""

def ihfft(
    input: _Tensor, n: Any = None, dim: _int = -1, norm: Any = None, *, out: _Tensor | None = None
) -> _Tensor:
    """The inverse of `hfft`: the first half of the inverse transform of a real spectrum."""

def ihfft2(
    input: _Tensor,
    s: Any = None,
    dim: _int | Sequence[_int] | None = (-2, -1),
    norm: Any = None,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The inverse of `hfft2`."""

def ihfftn(
    input: _Tensor,
    s: Any = None,
    dim: _int | Sequence[_int] | None = None,
    norm: Any = None,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The inverse of `hfftn`."""

def irfft(
    input: _Tensor, n: Any = None, dim: _int = -1, norm: Any = None, *, out: _Tensor | None = None
) -> _Tensor:
    """The real signal (n samples) with the given nonnegative frequencies."""

def irfft2(
    input: _Tensor,
    s: Any = None,
    dim: _int | Sequence[_int] | None = (-2, -1),
    norm: Any = None,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The inverse of `rfft2`."""

def irfftn(
    input: _Tensor,
    s: Any = None,
    dim: _int | Sequence[_int] | None = None,
    norm: Any = None,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The inverse of `rfftn`."""

def rfft(
    input: _Tensor, n: Any = None, dim: _int = -1, norm: Any = None, *, out: _Tensor | None = None
) -> _Tensor:
    """The nonnegative frequencies of the transform of a real signal."""

def rfft2(
    input: _Tensor,
    s: Any = None,
    dim: _int | Sequence[_int] | None = (-2, -1),
    norm: Any = None,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The transform of a real signal over two dimensions."""

def rfftfreq(
    n: _int,
    d: _float = 1.0,
    *,
    dtype: _dtype | None = None,
    layout: _layout | None = None,
    device: _str | _int | _device | None = None,
    pin_memory: Any = None,
    requires_grad: _bool = False,
    out: _Tensor | None = None,
) -> _Tensor:
    """The nonnegative frequencies of a transform of n samples that are d apart."""

def rfftn(
    input: _Tensor,
    s: Any = None,
    dim: _int | Sequence[_int] | None = None,
    norm: Any = None,
    *,
    out: _Tensor | None = None,
) -> _Tensor:
    """The transform of a real signal; nonnegative frequencies in the last dimension."""
