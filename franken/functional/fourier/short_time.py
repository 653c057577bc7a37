"""Short-time Fourier transform and its inverse by overlap-add (Griffin & Lim, 1984)."""

from __future__ import annotations

import math
import warnings
from typing import Any

from franken.core import dtypes as dt
from franken.core.convert import cast
from franken.core.op import namespace, op
from franken.core.tensor import Tensor
from franken.core.trace import values
from franken.ops.declaring.samples import S, inverse_stft
from franken.ops.linalg.fourier import c2c_, c2r_, r2c_


def _framed_window(window: Any, like: Any, win_length: int, n_fft: int) -> Any:
    """The window (ones by default) centered in n_fft points."""
    if window is None:
        if win_length == n_fft:
            return None
        window = like.new_ones(win_length)
    if win_length == n_fft:
        return window
    left = (n_fft - win_length) // 2
    return _padded(window, left, n_fft - win_length - left)


def _padded(x: Any, left: int, right: int, mode: str = "constant") -> Any:
    pad = namespace("nn.functional")["pad"]
    return pad(x, (left, right), mode=mode)


def _shown(window: Any) -> str:
    if window is None:
        return "None"
    return f"torch.{window.dtype.scalar_name}Tensor{{{list(window.shape)}}}"


def _warn_rectangular(window: Any, why: str) -> None:
    if window is None:
        warnings.warn(
            f"A window was not provided. A rectangular window will be applied,{why}",
            UserWarning, stacklevel=4,
        )  # fmt: skip


def _check(ok: bool, call: str, said: str) -> None:
    if not ok:
        raise RuntimeError(f"{call} : {said}")


@op(
    samples=lambda t: [
        S(t(20), 8, return_complex=True),
        S(t(2, 16), 6, 2, 4, t(4), center=False, normalized=True, return_complex=True),
    ]
)
def stft(
    input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None,
    window: Any = None, center: bool = True, pad_mode: str = "reflect", normalized: bool = False,
    onesided: bool | None = None, return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Tensor:  # fmt: skip
    """Fourier transforms of overlapping windows: (..., frequencies, frames)."""
    x: Any = input
    hop = n_fft // 4 if hop_length is None else hop_length
    width = n_fft if win_length is None else win_length
    _warn_rectangular(window, "which is known to cause spectral leakage.")
    if center and x.ndim in (1, 2):
        flat = x.reshape(1, -1, x.shape[-1])
        flat = _padded(flat, n_fft // 2, n_fft // 2, pad_mode)
        x = flat.reshape(*x.shape[:-1], flat.shape[-1])
    call = (
        f"stft(torch.{x.dtype.scalar_name}Tensor{list(x.shape)}, n_fft={n_fft}, "
        f"hop_length={hop}, win_length={width}, window={_shown(window)}, "
        f"normalized={int(bool(normalized))}, onesided={_flag(onesided)}, "
        f"return_complex={_flag(return_complex)}, align_to_window={_flag(align_to_window)})"
    )
    complex_in = x.dtype.is_complex or (window is not None and window.dtype.is_complex)
    if return_complex is None and not complex_in:
        raise RuntimeError(
            "stft requires the return_complex parameter be given for real inputs, and will further "
            "require that return_complex=True in a future PyTorch release."
        )
    _check(x.dtype.is_floating_point or x.dtype.is_complex, call,
           "expected a tensor of floating point or complex values")  # fmt: skip
    _check(x.ndim in (1, 2), call, "expected a 1D or 2D tensor")
    batched = x.ndim == 2
    x = x if batched else x.unsqueeze(0)
    length = x.shape[-1]
    _check(0 < n_fft <= length, call, f"expected 0 < n_fft < {length}, but got n_fft={n_fft}")
    _check(hop > 0, call, f"expected hop_length > 0, but got hop_length={hop}")
    _check(0 < width <= n_fft, call,
           f"expected 0 < win_length <= n_fft, but got win_length={width}")  # fmt: skip
    if window is not None:
        _check(window.ndim == 1 and window.shape[0] == width, call,
               f"expected a 1D window tensor of size equal to win_length={width}, but got window "
               f"with size {list(window.shape)}")  # fmt: skip
    if x.dtype.itemsize == 2:
        raise RuntimeError(f"MKL FFT doesn't support tensors of type: {x.dtype.scalar_name}")
    out = _frames_to_spectrum(x, n_fft, hop, width, window, normalized, onesided, complex_in)
    out = out.mT if batched else out[0].mT
    if return_complex or (return_complex is None and complex_in):
        return out  # type: ignore[no-any-return]
    return namespace("torch")["view_as_real"](out)  # type: ignore[no-any-return]


def _flag(value: Any) -> Any:
    return None if value is None else int(value)


def _frames_to_spectrum(
    x: Any, n_fft: int, hop: int, width: int, window: Any, normalized: bool, onesided: Any,
    complex_in: bool,
) -> Any:  # fmt: skip
    frames = x.unfold(-1, n_fft, hop)
    taper = _framed_window(window, x, width, n_fft)
    if taper is not None:
        frames = frames * taper
    if onesided is None:
        onesided = not complex_in
    elif onesided and complex_in:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    scale = 1 / math.sqrt(n_fft) if normalized else 1.0
    if onesided:
        return r2c_(frames, axis=2, scale=scale)
    if not frames.dtype.is_complex:
        frames = cast(frames, dt.complex64 if frames.dtype is dt.float32 else dt.complex128)
    return c2c_(frames, axes=(2,), forward=True, scale=scale)


def _overlap_add(frames: Any, hop: int) -> Any:
    """(batch, frames, n) to (batch, length): the transpose of unfold."""
    batch, count, n = frames.shape
    parts = -(-n // hop)
    wide = _padded(frames, 0, parts * hop - n).reshape(batch, count, parts, hop)
    total = None
    for k in range(parts):  # the k-th piece of frame i lands in slot i + k
        piece = wide[:, :, k].reshape(batch, count * hop)
        piece = _padded(piece, k * hop, (parts - 1 - k) * hop)
        total = piece if total is None else total + piece
    return total[:, : n + hop * (count - 1)]  # type: ignore[index]


@op(samples=inverse_stft)
def istft(
    input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None,
    window: Any = None, center: bool = True, normalized: bool = False,
    onesided: bool | None = None, length: int | None = None, return_complex: bool = False,
) -> Tensor:  # fmt: skip
    """The signal whose short-time transform is nearest to `input`, by least squares."""
    x: Any = input
    hop = n_fft // 4 if hop_length is None else hop_length
    width = n_fft if win_length is None else win_length
    if window is None:
        warnings.warn("A window was not provided. A rectangular window will be applied.Please "
                      "provide the same window used by stft to make the inversion lossless.",
                      UserWarning, stacklevel=3)  # fmt: skip
    call = (
        f"istft(CPU{x.dtype.scalar_name}Type{list(x.shape)}, n_fft={n_fft}, hop_length={hop}, "
        f"win_length={width}, window={_shown(window)}, center={int(center)}, "
        f"normalized={int(normalized)}, onesided={_flag(onesided)}, length={length}, "
        f"return_complex={int(return_complex)})"
    )
    if not x.dtype.is_complex:
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with "
            "return_complex=True."
        )
    _check_spectrum(x, n_fft, hop, width, window, onesided, call)
    complex_window = window is not None and window.dtype.is_complex
    if onesided is None:
        onesided = x.shape[-2] != n_fft
    if return_complex and onesided:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    if not return_complex and complex_window:
        raise RuntimeError("Complex windows are incompatible with return_complex=False")
    batched = x.ndim == 3
    spectrum = (x if batched else x.unsqueeze(0)).mT
    scale = 1 / math.sqrt(n_fft) if normalized else 1 / n_fft
    if return_complex:
        frames = c2c_(spectrum, axes=(2,), forward=False, scale=scale)
    else:
        half = spectrum if onesided else spectrum[..., : n_fft // 2 + 1]
        frames = c2r_(half, axis=2, n=n_fft, scale=scale)
    out = _resynthesized(frames, n_fft, hop, width, window, center, length, call)
    return out if batched else out[0]  # type: ignore[no-any-return]


def _check_spectrum(
    x: Any, n_fft: int, hop: int, width: int, window: Any, onesided: Any, call: str
) -> None:
    if x.ndim < 2:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-x.ndim - 1}, {x.ndim}], but "
            "got -3)"
        )
    _check(x.numel() != 0, call, "input tensor cannot be empty.")
    _check(x.ndim in (2, 3), call, f"expected a tensor with 2 or 3 dimensions, but got {x.ndim}")
    one = x.shape[-2] != n_fft if onesided is None else onesided
    want = n_fft // 2 + 1 if one else n_fft
    _check(x.shape[-2] == want, call,
           "expected the frequency dimension (3rd to the last) of the input tensor to match n_fft"
           f"{' / 2 + 1' if one else ''} when onesided={bool(one)}, but got "
           f"{x.shape[-2]}")  # fmt: skip
    _check(0 < hop <= width, call, "expected 0 < hop_length <= win_length")
    _check(0 < width <= n_fft, call, "expected 0 < win_length <= n_fft")
    if window is not None:
        _check(window.ndim == 1 and window.shape[0] == width, call,
               "Invalid window shape. window has to be 1D and length of `win_length`")  # fmt: skip


def _resynthesized(
    frames: Any, n_fft: int, hop: int, width: int, window: Any, center: bool, length: Any,
    call: str,
) -> Any:  # fmt: skip
    real = frames.real if frames.dtype.is_complex else frames
    taper = _framed_window(window, real, width, n_fft)
    if taper is not None and not (taper.dtype.is_floating_point or taper.dtype.is_complex):
        taper = cast(taper, real.dtype)
    if taper is None:
        taper = frames.new_ones(n_fft)
    signal = _overlap_add(frames * taper, hop)
    count = frames.shape[1]
    weight = _overlap_add((taper * taper).expand(1, count, n_fft), hop)
    start = n_fft // 2 if center else 0
    total = signal.shape[-1]
    if length is not None:
        stop = start + length
    else:
        stop = total - n_fft // 2 if center else total
    signal, weight = signal[:, start:stop], weight[:, start:stop]
    lowest = weight.abs().amin() if weight.numel() else weight.new_ones(())
    _check_overlap(lowest, call)
    out = signal / weight
    if length is not None and out.shape[-1] < length:
        warnings.warn("The length of signal is shorter than the length parameter. Result is being "
                      "padded with zeros in the tail. Please check your center and hop_length "
                      "settings.", UserWarning, stacklevel=4)  # fmt: skip
        out = _padded(out, 0, length - out.shape[-1])
    return out


def _check_overlap(lowest: Any, call: str) -> None:
    value = values(lowest)
    if value.size and not value.min() > 1e-11:
        raise RuntimeError(f"{call} window overlap add min: 1")
