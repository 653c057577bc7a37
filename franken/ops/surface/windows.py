"""Tapering windows: torch.signal.windows.*, and the older hann_window and its kin.

Every window is computed in float64 and rounded once to its dtype. A periodic window is the
symmetric one of one more point, without its last.
Source: F. J. Harris, "On the use of windows for harmonic analysis with the DFT", Proc. IEEE 66(1),
1978; https://docs.pytorch.org/docs/stable/signal.html
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from franken.backends.numpy import bessel
from franken.core import dtypes as dt
from franken.core.convert import cast_array
from franken.core.geometry import layout as layouts
from franken.core.op import op
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import S, old_tapers, tapers
from franken.ops.surface.args import as_device, as_dtype, check_options, integer
from franken.ops.surface.creation import finish

_SPACE = "signal.windows"

# --- shapes of windows: float64 values at n = 0 .. count - 1 of a window spanning `points` -----


def _cosine_sum(count: int, points: int, coefficients: Iterable[float]) -> Any:
    """Alternating sum of a_k cos(2 pi k n / (points - 1))."""
    turn = 2 * math.pi * np.arange(count) / (points - 1)
    total = np.zeros(count)
    for k, a in enumerate(coefficients):
        total += (-1) ** k * a * np.cos(k * turn)
    return total


def _triangle(count: int, points: int) -> Any:
    return 1 - np.abs(2 * np.arange(count) / (points - 1) - 1)


def _kaiser(count: int, points: int, beta: float) -> Any:
    x = 2 * np.arange(count) / (points - 1) - 1
    top = bessel.i0(beta * np.sqrt(np.maximum(1 - x * x, 0)))
    return top / bessel.i0(np.array([beta], np.float64))


def _lobe(count: int, points: int) -> Any:
    return np.sin(math.pi / max(points, 1) * (np.arange(count) + 0.5))


_BLACKMAN = (0.42, 0.5, 0.08)
_NUTTALL = (0.3635819, 0.4891775, 0.1365995, 0.0106411)

# --- torch.signal.windows ------------------------------------------------------------------------


def _checked(name: str, m: Any, dtype: Any, layout: Any) -> dt.dtype:
    """The window's dtype, after torch's checks of what every window takes."""
    if m < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={m}")
    if layout is not layouts.strided:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    d: dt.dtype = dt.get_default_dtype() if dtype is None else dtype
    if d is not dt.float32 and d is not dt.float64:
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {d}")
    return d


def _window(
    name: str, m: Any, d: dt.dtype, device: Any, requires_grad: bool, values: Any
) -> Tensor:
    """`values(M)` as a tensor of dtype `d`."""
    check_options(name, None, requires_grad)
    count = int(m) if isinstance(m, bool) else integer(name, "M", 1, m)
    return finish(cast_array(values(count), d), as_device(name, device), requires_grad)


def _points(m: int, sym: bool) -> int:
    """How many points the symmetric window has of which M are taken."""
    return m if sym or m < 2 else m + 1


def _tapered(sym: bool, shape: Callable[[int, int], Any]) -> Callable[[int], Any]:
    """`shape(count, points)` for a window of M points; a single point is 1."""

    def values(m: int) -> Any:
        return np.ones(m) if m < 2 else shape(m, _points(m, sym))

    return values


@op(at=_SPACE, samples=tapers)
def bartlett(
    M: int, *, sym: bool = True, dtype: Any = None, layout: Any = layouts.strided,
    device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """The triangle from 0 up to 1 and back, of M points."""
    d = _checked("bartlett", M, dtype, layout)
    return _window("bartlett", M, d, device, requires_grad, _tapered(sym, _triangle))


@op(at=_SPACE, samples=tapers)
def cosine(
    M: int, *, sym: bool = True, dtype: Any = None, layout: Any = layouts.strided,
    device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """sin(pi (n + 1/2) / M)."""
    d = _checked("cosine", M, dtype, layout)
    return _window("cosine", M, d, device, requires_grad, lambda m: _lobe(m, _points(m, sym)))


@op(at=_SPACE, samples=lambda t: [S(5), S(6, tau=2.0, sym=False, center=1.5), S(0)])
def exponential(
    M: int, *, center: Any = None, tau: float = 1.0, sym: bool = True, dtype: Any = None,
    layout: Any = layouts.strided, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """exp(-|n - center| / tau); the center of a symmetric window is its middle."""
    d = _checked("exponential", M, dtype, layout)
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")

    def values(m: int) -> Any:
        middle = (_points(m, sym) - 1) / 2 if center is None else float(center)
        return np.exp(-np.abs(np.arange(m) - middle) / float(tau))

    return _window("exponential", M, d, device, requires_grad, values)


@op(at=_SPACE, samples=lambda t: [S(5), S(6, std=2.0, sym=False, dtype=t.module.float64)])
def gaussian(
    M: int, *, std: float = 1.0, sym: bool = True, dtype: Any = None,
    layout: Any = layouts.strided, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """exp(-x^2 / (2 std^2)), x the distance from the middle."""
    d = _checked("gaussian", M, dtype, layout)
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")

    def values(m: int) -> Any:
        x = (np.arange(m) - (_points(m, sym) - 1) / 2) / (float(std) * math.sqrt(2))
        return np.exp(-x * x)

    return _window("gaussian", M, d, device, requires_grad, values)


@op(at=_SPACE, samples=tapers)
def kaiser(
    M: int, *, beta: float = 12.0, sym: bool = True, dtype: Any = None,
    layout: Any = layouts.strided, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """I0(beta sqrt(1 - x^2)) / I0(beta), x from -1 to 1."""
    d = _checked("kaiser", M, dtype, layout)
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    values = _tapered(sym, lambda m, points: _kaiser(m, points, float(beta)))
    return _window("kaiser", M, d, device, requires_grad, values)


@op(at=_SPACE, samples=lambda t: [S(5, a=[0.4, 0.5, 0.1]), S(6, a=(0.5, 0.5), sym=False)])
def general_cosine(
    M: int, *, a: Any, sym: bool = True, dtype: Any = None, layout: Any = layouts.strided,
    device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Alternating sum of a[k] cos(2 pi k n / (M - 1))."""
    d = _checked("general_cosine", M, dtype, layout)
    if M > 1:
        if not isinstance(a, Iterable):
            raise TypeError("Coefficients must be a list/tuple")
        if not a:
            raise ValueError("Coefficients cannot be empty")
        a = tuple(float(each) for each in a)
    values = _tapered(sym, lambda m, points: _cosine_sum(m, points, a))
    return _window("general_cosine", M, d, device, requires_grad, values)


@op(at=_SPACE, samples=tapers)
def general_hamming(
    M: int, *, alpha: float = 0.54, sym: bool = True, dtype: Any = None,
    layout: Any = layouts.strided, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """alpha - (1 - alpha) cos(2 pi n / (M - 1))."""
    return general_cosine(M, a=(alpha, 1 - alpha), sym=sym, dtype=dtype, layout=layout,
                          device=device, requires_grad=requires_grad)  # fmt: skip


def _cosine_window(name: str, a: tuple[float, ...]) -> Any:
    def create(
        M: int, *, sym: bool = True, dtype: Any = None, layout: Any = layouts.strided,
        device: Any = None, requires_grad: bool = False,
    ) -> Tensor:  # fmt: skip
        return general_cosine(M, a=a, sym=sym, dtype=dtype, layout=layout, device=device,
                              requires_grad=requires_grad)  # fmt: skip

    create.__name__ = create.__qualname__ = name
    create.__doc__ = f"The cosine sum of the coefficients {', '.join(map(str, a))}."
    return op(at=_SPACE, samples=tapers)(create)


hann = _cosine_window("hann", (0.5, 0.5))
hamming = _cosine_window("hamming", (0.54, 0.46))
blackman = _cosine_window("blackman", _BLACKMAN)
nuttall = _cosine_window("nuttall", _NUTTALL)

# --- hann_window and its kin ---------------------------------------------------------------------


def _old_window(
    name: str, length: Any, periodic: Any, dtype: Any, layout: Any, device: Any,
    pin_memory: bool, requires_grad: bool, shape: Callable[[int, int], Any],
) -> Tensor:  # fmt: skip
    """A window of `length` points; the half precisions are accepted here."""
    count = integer(name, "window_length", 1, length)
    if not isinstance(periodic, bool):
        raise TypeError(
            f"{name}(): argument 'periodic' (position 2) must be bool, not "
            f"{type(periodic).__name__}"
        )
    d = as_dtype(name, dtype)
    if isinstance(layout, layouts.layout) and layout is not layouts.strided:
        raise RuntimeError(f"{name} is not implemented for sparse types, got: {layout}")
    check_options(name, layout, requires_grad, pin_memory)
    if d.kind <= dt.INTEGER:
        raise RuntimeError(f"{name} expects floating point dtypes, got: {d}")
    if count < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={count}")
    if d.is_complex:
        raise NotImplementedError(f"\"arange_cpu\" not implemented for '{d.scalar_name}'")
    values = _tapered(not periodic, shape)(count)
    return finish(cast_array(values, d), as_device(name, device), requires_grad)


def _old(name: str, shape: Callable[[int, int], Any], doc: str) -> Any:
    def create(
        window_length: int, periodic: bool = True, *, dtype: Any = None, layout: Any = None,
        device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
    ) -> Tensor:  # fmt: skip
        return _old_window(name, window_length, periodic, dtype, layout, device, pin_memory,
                           requires_grad, shape)  # fmt: skip

    create.__name__ = create.__qualname__ = name
    create.__doc__ = doc
    return op(method=False, samples=old_tapers)(create)


bartlett_window = _old("bartlett_window", _triangle, "The triangle from 0 up to 1 and back.")
hann_window = _old(
    "hann_window", lambda m, points: _cosine_sum(m, points, (0.5, 0.5)),
    "sin^2 of half the angle: one raised cosine.",
)  # fmt: skip
blackman_window = _old(
    "blackman_window", lambda m, points: _cosine_sum(m, points, _BLACKMAN),
    "The cosine sum of the coefficients 0.42, 0.5, 0.08.",
)  # fmt: skip


@op(method=False, samples=old_tapers)
def hamming_window(
    window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, *,
    dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """alpha - beta cos(2 pi n / (window_length - 1))."""
    ab = (float(alpha), float(beta))
    return _old_window("hamming_window", window_length, periodic, dtype, layout, device, pin_memory,
                       requires_grad, lambda m, points: _cosine_sum(m, points, ab))  # fmt: skip


@op(method=False, samples=old_tapers)
def kaiser_window(
    window_length: int, periodic: bool = True, beta: float = 12.0, *, dtype: Any = None,
    layout: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """I0(beta sqrt(1 - x^2)) / I0(beta), x from -1 to 1."""
    b = abs(float(beta))
    return _old_window("kaiser_window", window_length, periodic, dtype, layout, device, pin_memory,
                       requires_grad, lambda m, points: _kaiser(m, points, b))  # fmt: skip
