"""torch.signal.windows: tapering windows, as the op declarations publish them.

Written by `python -m conformance stubs`: do not edit."""

from builtins import bool as _bool
from builtins import float as _float
from builtins import int as _int
from builtins import str as _str
from typing import Any

from franken.core.device import device as _device
from franken.core.dtypes import dtype as _dtype
from franken.core.geometry.layout import layout as _layout
from franken.core.tensor import Tensor as _Tensor

def bartlett(
    M: _int,
    *,
    sym: _bool = True,
    dtype: _dtype | None = None,
    layout: _layout = ...,
    device: _str | _int | _device | None = None,
    requires_grad: _bool = False,
) -> _Tensor:
    """The triangle from 0 up to 1 and back, of M points."""

def blackman(
    M: _int,
    *,
    sym: _bool = True,
    dtype: _dtype | None = None,
    layout: _layout = ...,
    device: _str | _int | _device | None = None,
    requires_grad: _bool = False,
) -> _Tensor:
    """The cosine sum of the coefficients 0.42, 0.5, 0.08."""

def cosine(
    M: _int,
    *,
    sym: _bool = True,
    dtype: _dtype | None = None,
    layout: _layout = ...,
    device: _str | _int | _device | None = None,
    requires_grad: _bool = False,
) -> _Tensor:
    """sin(pi (n + 1/2) / M)."""

def exponential(
    M: _int,
    *,
    center: Any = None,
    tau: _float = 1.0,
    sym: _bool = True,
    dtype: _dtype | None = None,
    layout: _layout = ...,
    device: _str | _int | _device | None = None,
    requires_grad: _bool = False,
) -> _Tensor:
    """exp(-|n - center| / tau); the center of a symmetric window is its middle."""

def gaussian(
    M: _int,
    *,
    std: _float = 1.0,
    sym: _bool = True,
    dtype: _dtype | None = None,
    layout: _layout = ...,
    device: _str | _int | _device | None = None,
    requires_grad: _bool = False,
) -> _Tensor:
    """exp(-x^2 / (2 std^2)), x the distance from the middle."""

def general_cosine(
    M: _int,
    *,
    a: Any,
    sym: _bool = True,
    dtype: _dtype | None = None,
    layout: _layout = ...,
    device: _str | _int | _device | None = None,
    requires_grad: _bool = False,
) -> _Tensor:
    """Alternating sum of a[k] cos(2 pi k n / (M - 1))."""

def general_hamming(
    M: _int,
    *,
    alpha: _float = 0.54,
    sym: _bool = True,
    dtype: _dtype | None = None,
    layout: _layout = ...,
    device: _str | _int | _device | None = None,
    requires_grad: _bool = False,
) -> _Tensor:
    """alpha - (1 - alpha) cos(2 pi n / (M - 1))."""

def hamming(
    M: _int,
    *,
    sym: _bool = True,
    dtype: _dtype | None = None,
    layout: _layout = ...,
    device: _str | _int | _device | None = None,
    requires_grad: _bool = False,
) -> _Tensor:
    """The cosine sum of the coefficients 0.54, 0.46."""

def hann(
    M: _int,
    *,
    sym: _bool = True,
    dtype: _dtype | None = None,
    layout: _layout = ...,
    device: _str | _int | _device | None = None,
    requires_grad: _bool = False,
) -> _Tensor:
    """The cosine sum of the coefficients 0.5, 0.5."""

def kaiser(
    M: _int,
    *,
    beta: _float = 12.0,
    sym: _bool = True,
    dtype: _dtype | None = None,
    layout: _layout = ...,
    device: _str | _int | _device | None = None,
    requires_grad: _bool = False,
) -> _Tensor:
    """I0(beta sqrt(1 - x^2)) / I0(beta), x from -1 to 1."""

def nuttall(
    M: _int,
    *,
    sym: _bool = True,
    dtype: _dtype | None = None,
    layout: _layout = ...,
    device: _str | _int | _device | None = None,
    requires_grad: _bool = False,
) -> _Tensor:
    """The cosine sum of the coefficients 0.3635819, 0.4891775, 0.1365995, 0.0106411."""
