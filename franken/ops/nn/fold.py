"""Windows laid out as columns (unfold) and columns added into an image (fold), two transposes."""

from __future__ import annotations

import math
from typing import Any

from franken.backends.meta import rules
from franken.backends.numpy import resample as kernels
from franken.backends.numpy.halves import halved
from franken.core import dtypes as dt
from franken.core.op import op
from franken.core.primitive import Primitive
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import S
from franken.ops.nn.pool import in_batch
from franken.ops.nn.windows import conv_output_shape
from franken.ops.shape.movement import linear


def _unfold_kernel(x: Any, *, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    return kernels.unfold(x, kernel, dilation, padding, stride)


def _fold_kernel(
    y: Any, *, size: Any, kernel: Any, dilation: Any, padding: Any, stride: Any
) -> Any:
    return kernels.fold(y, size, kernel, dilation, padding, stride)


def _columns(x: Any, *, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    size = conv_output_shape(x.shape[2:], kernel, stride, padding, dilation)
    return rules.reserved((x.shape[0], x.shape[1] * math.prod(kernel), math.prod(size)), x.dtype)


def _image(y: Any, *, size: Any, kernel: Any, **params: Any) -> Any:
    return rules.reserved((y.shape[0], y.shape[1] // math.prod(kernel), *size), y.dtype)


unfold_ = linear(Primitive("im2col", ("x",), _unfold_kernel, batch=in_batch, meta=_columns))
fold_ = linear(Primitive("col2im", ("y",), halved(_fold_kernel), batch=in_batch, meta=_image))


@unfold_.vjp("x")
def _(g: Any, x_shape: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    return fold_(
        g, size=x_shape[2:], kernel=kernel, dilation=dilation, padding=padding, stride=stride
    )


@fold_.vjp("y")
def _(g: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    return unfold_(g, kernel=kernel, dilation=dilation, padding=padding, stride=stride)


def _pair(what: str, value: Any) -> tuple[int, int]:
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise RuntimeError(f"It is expected {what} equals to 2, but got size {len(value)}")
        return int(value[0]), int(value[1])
    return int(value), int(value)


def _window(kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> dict[str, Any]:
    params = {
        "kernel": _pair("kernel_size", kernel_size), "dilation": _pair("dilation", dilation),
        "padding": _pair("padding", padding), "stride": _pair("stride", stride),
    }  # fmt: skip
    for what, name, low in (("kernel", "kernel size", 1), ("stride", "stride", 1),
                            ("dilation", "dilation", 1)):  # fmt: skip
        height, width = params[what]
        if min(height, width) < low:
            raise RuntimeError(
                f"{name} should be greater than zero, but got {what}_height: {height} "
                f"{what}_width: {width}"
            )
    height, width = params["padding"]
    if min(height, width) < 0:
        raise RuntimeError(
            f"padding should be non-negative, but got pad_height: {height} pad_width: {width}"
        )
    return params


def _counts(size: tuple[int, ...], p: dict[str, Any]) -> tuple[int, ...]:
    specs = zip(size, p["kernel"], p["dilation"], p["padding"], p["stride"], strict=True)
    return tuple((n + 2 * q - d * (k - 1) - 1) // s + 1 for n, k, d, q, s in specs)


@op(
    at="nn.functional",
    method=False,
    samples=lambda t: [
        S(t(2, 3, 4, 5), 2),
        S(t(3, 4, 5), (2, 3), dilation=(2, 1), padding=1, stride=(1, 2)),
    ],
    title="Im2ColBackward0",
)
def unfold(
    input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """The windows of (N, C, H, W) as columns (N, C * taps, windows)."""
    p = _window(kernel_size, dilation, padding, stride)
    shape = tuple(input.shape)
    if input.ndim < 3:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-input.ndim}, "
            f"{input.ndim - 1}], but got 2)"
        )
    if input.ndim > 4 or 0 in shape[input.ndim - 3 :]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(shape)}"
        )
    counts = _counts(shape[-2:], p)
    if min(counts) < 1:
        raise RuntimeError(
            f"Given input with spatial size {shape[-2:]}, kernel_size={p['kernel']}, dilation="
            f"{p['dilation']}, padding={p['padding']}, calculated shape of the array of sliding "
            f"blocks as {counts}, but its components must be at least one."
        )
    if input.dtype.kind == dt.INTEGER:
        raise NotImplementedError(
            f"\"im2col_out_cpu\" not implemented for '{input.dtype.scalar_name}'"
        )
    if input.ndim == 3:
        out = unfold_(input.reshape(1, *shape), **p)
        return out.reshape(tuple(out.shape[1:]))
    return unfold_(input, **p)  # type: ignore[no-any-return]


@op(
    at="nn.functional",
    method=False,
    samples=lambda t: [
        S(t(2, 12, 6), (3, 4), 2),
        S(t(8, 4), (3, 4), 2, padding=(1, 0), stride=(2, 2)),
    ],
    title="Col2ImBackward0",
)
def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0,
    stride: Any = 1,
) -> Tensor:  # fmt: skip
    """Add columns (N, C * taps, windows) into an image (N, C, *output_size)."""
    size = _pair("output_size", output_size)
    p = _window(kernel_size, dilation, padding, stride)
    _check_fold(input, size, p)
    if input.ndim == 2:
        out = fold_(input.reshape(1, *input.shape), size=size, **p)
        return out.reshape(tuple(out.shape[1:]))
    return fold_(input, size=size, **p)  # type: ignore[no-any-return]


def _check_fold(x: Tensor, size: tuple[int, int], p: dict[str, Any]) -> None:
    shape = tuple(x.shape)
    if x.ndim not in (2, 3) or 0 in shape[x.ndim - 2 :]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and "
            f"non-zero dimensions for input, but got: {list(shape)}"
        )
    taps = p["kernel"][0] * p["kernel"][1]
    if shape[-2] % taps:
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, "
            f"but got input.size(1)={shape[-2]} and kernel_size={p['kernel']}."
        )
    high, wide = _counts(size, p)
    if high * wide != shape[-1] or min(high, wide) < 1:
        raise RuntimeError(
            f"Given output_size={size}, kernel_size={p['kernel']}, dilation={p['dilation']}, "
            f"padding={p['padding']}, stride={p['stride']}, expected size of input's dimension 2 "
            f"to match the calculated number of sliding blocks {high} * {wide} = {high * wide}, "
            f"but got input.size(2)={shape[-1]}."
        )
    if x.dtype.kind == dt.INTEGER:
        raise NotImplementedError(f"\"col2im_out_cpu\" not implemented for '{x.dtype.scalar_name}'")
