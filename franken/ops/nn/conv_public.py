"""The public convolutions: arguments, their checks, and torch's errors.

Knows how strings, single ints and unbatched inputs are meant; computes by the primitives of `conv`.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from franken.backends import mkldnn
from franken.backends.numpy import parallel
from franken.core import dtypes as dt
from franken.core.node import titled
from franken.core.op import op
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import S, conv, conv_transpose
from franken.ops.nn.conv import along_channels, conv_, conv_biased, conv_input_grad
from franken.ops.nn.pad import pad_
from franken.ops.nn.windows import conv_output_shape, conv_transpose_output_shape


def spread_ints(value: Any, n: int, what: str) -> tuple[int, ...]:
    """An int or a list of one or n ints as n ints."""
    if value.__class__ is int:
        return (value,) * n
    if isinstance(value, (tuple, list)):
        if len(value) == n:
            return tuple([int(v) for v in value])
        if len(value) == 1:
            return (int(value[0]),) * n
        raise RuntimeError(
            f"expected {what} to be a single integer value or a list of {n} values to match the "
            f"convolution dimensions, but got {what}={list(value)}"
        )
    if isinstance(value, (bool, float, str)) or not hasattr(value, "__index__"):
        raise TypeError(f"argument '{what}' must be tuple of ints, not {type(value).__name__}")
    return (int(value),) * n


def _check_types(name: str, x: Tensor, w: Any, b: Any) -> None:
    if not isinstance(w, Tensor):
        raise TypeError(
            f"{name}(): argument 'weight' (position 2) must be Tensor, not {type(w).__name__}"
        )
    d = x.dtype
    if b is not None and b.dtype is not d:
        raise RuntimeError(
            f"Input type ({d.cpp_name}) and bias type ({b.dtype.cpp_name}) should be the same"
        )
    if w.dtype is not d:
        raise RuntimeError(f"expected scalar type {d.scalar_name} but found {w.dtype.scalar_name}")
    if d is dt.bool:
        raise NotImplementedError(f"\"slow_{name}_cpu\" not implemented for 'Bool'")


def _check_rank(name: str, x: Tensor, n: int) -> None:
    if x.ndim not in (n + 1, n + 2):
        raise RuntimeError(
            f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {name}, but got input "
            f"of size: {list(x.shape)}"
        )


def _check_weight(x: Tensor, w: Tensor, groups: int) -> None:
    shape = tuple(w.shape)
    if len(shape) < 3:
        raise RuntimeError("weight should have at least three dimensions")
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if x.ndim != len(shape):
        k = len(shape)
        raise RuntimeError(
            f"Expected {k}-dimensional input for {k}-dimensional weight{list(shape)}, but got "
            f"{x.ndim}-dimensional input of size {list(x.shape)} instead"
        )
    if shape[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but "
            f"got weight of size {list(shape)} instead"
        )
    if shape[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size [{list(shape)}] instead"
        )
    if min(shape[2:]) <= 0:
        raise RuntimeError(f"kernel size should be greater than zero, but got {list(shape[2:])}")


def _check_forward(x: Tensor, w: Tensor, b: Any, params: dict[str, Any]) -> None:
    """Raise torch's error for what `convolution` would refuse."""
    groups, shape = params["groups"], tuple(w.shape)
    _check_positive(params)
    _check_weight(x, w, groups)
    if x.shape[1] != shape[1] * groups:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(shape)}, expected input{list(x.shape)} "
            f"to have {shape[1] * groups} channels, but got {x.shape[1]} channels instead"
        )
    _check_bias(shape, b, shape[0], "")
    spatial = tuple(x.shape[2:])
    conv_output_shape(spatial, shape[2:], params["stride"], params["padding"], params["dilation"])
    if 0 in spatial:
        raise RuntimeError(
            f"Only zero batch or zero channel inputs are supported, but got input shape: "
            f"{list(x.shape)}"
        )


def _check_positive(params: dict[str, Any]) -> None:
    if min(params["padding"]) < 0:
        raise RuntimeError("negative padding is not supported")
    if min(params["stride"]) <= 0:
        raise RuntimeError("non-positive stride is not supported")
    if min(params["dilation"]) <= 0:
        raise RuntimeError("dilation should be greater than zero")
    if params["groups"] <= 0:
        raise RuntimeError("non-positive groups is not supported")


def _check_bias(w_shape: tuple[int, ...], b: Any, channels: int, how: str) -> None:
    if b is not None and (b.ndim != 1 or b.shape[0] != channels):
        given = how or "Given weight of size"
        raise RuntimeError(
            f"{given} {list(w_shape)}, expected bias to be 1-dimensional with {channels} elements, "
            f"but got bias of size {list(b.shape)} instead"
        )


def _same(x: Tensor, w: Tensor, params: dict[str, Any]) -> tuple[Tensor, tuple[int, ...]]:
    """(input, padding) of padding="same": what is odd goes to the right, as an explicit pad."""
    if any(s != 1 for s in params["stride"]):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    total = [d * (k - 1) for d, k in zip(params["dilation"], w.shape[2:], strict=True)]
    if any(t % 2 for t in total):
        warnings.warn(
            "Using padding='same' with even kernel lengths and odd dilation may require a "
            "zero-padded copy of the input be created",
            stacklevel=5,
        )
        widths = ((0, 0), (0, 0), *((0, t % 2) for t in total))
        x = pad_(x, widths=widths, value=0)
    return x, tuple(t // 2 for t in total)


def _onednn(x: Tensor, w: Tensor, params: dict[str, Any]) -> bool:
    """Whether torch leaves this to oneDNN, on which it depends how results lie in memory.

    So it does with halves, and with what in float32 is worth the start.
    """
    if not mkldnn.enabled or x.dtype in (dt.float64, dt.complex128):
        return False
    if x.dtype in (dt.float16, dt.bfloat16):
        return True
    image, taps = _flat(x, 4), _flat(w, 4)[-2:]
    spread = any(k != 1 for k in (*params["stride"], *params["dilation"]))
    worth = spread or image[0] >= 16 or taps != [1, 1] or parallel.get_num_threads() > 1
    return worth and (
        params["groups"] > 1 or min(taps) > 3 or image[0] > 1 or math.prod(image[:4]) > 20480
    )


def _flat(t: Tensor, rank: int) -> list[int]:
    """The shape, rows as images of height one."""
    n, c, *rest = tuple(t.shape)
    return [n, c, *(1,) * (rank - t.ndim), *rest]


def _convolve(
    name: str, n: int, x: Tensor, w: Any, b: Any, stride: Any, padding: Any, dilation: Any,
    groups: int,
) -> Tensor:  # fmt: skip
    _check_types(name, x, w, b)
    _check_rank(name, x, n)
    unbatched = x.ndim == n + 1
    if unbatched:
        x = x.reshape(1, *x.shape)
    k = max(w.ndim - 2, 1)
    params: dict[str, Any] = {
        "stride": spread_ints(stride, k, "stride"), "padding": (0,) * k,
        "dilation": spread_ints(dilation, k, "dilation"), "groups": groups,
    }  # fmt: skip
    if isinstance(padding, str):
        _check_positive(params)
        _check_weight(x, w, groups)
        if padding == "same":
            x, params["padding"] = _same(x, w, params)
        elif padding != "valid":
            raise RuntimeError(f"Invalid padding string: '{padding}'")
    else:
        params["padding"] = spread_ints(padding, k, "padding")
    _check_forward(x, w, b, params)
    params["onednn"] = _onednn(x, w, params)
    out = conv_(x, w, **params) if b is None else conv_biased(x, w, b, **params)
    if not x.shape[1]:  # of no channels torch makes none, whatever the weight says
        out = out[:, :0]
    if not unbatched:
        return out
    return titled(out.reshape(tuple(out.shape[1:])), "SqueezeBackward1")


def _transposed(
    name: str, n: int, x: Tensor, w: Any, b: Any, stride: Any, padding: Any, output_padding: Any,
    groups: int, dilation: Any,
) -> Tensor:  # fmt: skip
    _check_types(name, x, w, b)
    _check_rank(name, x, n)
    unbatched = x.ndim == n + 1
    if unbatched:
        x = x.reshape(1, *x.shape)
    k = max(w.ndim - 2, 1)
    for what, value in (("padding", padding), ("output_padding", output_padding)):
        if isinstance(value, str):
            raise TypeError(f"{name}(): argument '{what}' must be tuple of ints, not str")
    params: dict[str, Any] = {
        "stride": spread_ints(stride, k, "stride"),
        "padding": spread_ints(padding, k, "padding"),
        "dilation": spread_ints(dilation, k, "dilation"), "groups": groups,
    }  # fmt: skip
    extra = spread_ints(output_padding, k, "output_padding")
    out = _transposed_product(x, w, b, params, extra)
    if not unbatched:
        return out
    return titled(out.reshape(tuple(out.shape[1:])), "SqueezeBackward1")


def _transposed_product(
    x: Tensor, w: Tensor, b: Any, params: dict[str, Any], extra: tuple[int, ...]
) -> Tensor:
    shape, groups = tuple(w.shape), params["groups"]
    _check_positive(params)
    if min(extra) < 0:
        raise RuntimeError("negative output_padding is not supported")
    _check_weight(x, w, groups)
    if x.shape[1] != shape[0]:
        raise RuntimeError(
            f"Given transposed=1, weight of size {list(shape)}, expected input{list(x.shape)} to "
            f"have {shape[0]} channels, but got {x.shape[1]} channels instead"
        )
    _check_bias(shape, b, shape[1] * groups, "Given transposed=1, weight of size")
    stride, spatial = params["stride"], tuple(x.shape[2:])
    if 0 in spatial:
        shown = [*x.shape[:2], *(1,) * (len(spatial) == 1), *spatial]
        raise RuntimeError(
            f"Only zero batch or zero channel inputs are supported, but got input shape: {shown}"
        )
    size = conv_transpose_output_shape(
        spatial, shape[2:], stride, params["padding"], extra, params["dilation"]
    )
    over = [e // s for e, s in zip(extra, stride, strict=True)]
    if any(over):  # a whole stride more: as if zeros followed the input
        x = pad_(x, widths=((0, 0), (0, 0), *((0, k) for k in over)), value=0)
    params["onednn"] = not any(over) and _onednn(x, w, params)
    out: Tensor = conv_input_grad(x, w, size=size, **params)
    return out if b is None else titled(out + along_channels(b, out.ndim), "ConvolutionBackward0")


def _forward_op(name: str, n: int) -> Any:
    def convolve(
        input: Tensor, weight: Tensor, bias: Any = None, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1,
    ) -> Tensor:  # fmt: skip
        return _convolve(name, n, input, weight, bias, stride, padding, dilation, groups)

    convolve.__name__ = name
    convolve.__doc__ = f"Cross-correlate a batch (or one example) with filters over {n} axes."
    return op(at="torch nn.functional", method=False, samples=conv(n))(convolve)


def _transposed_op(name: str, n: int) -> Any:
    def convolve(
        input: Tensor, weight: Tensor, bias: Any = None, stride: Any = 1, padding: Any = 0,
        output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
    ) -> Tensor:  # fmt: skip
        return _transposed(
            name, n, input, weight, bias, stride, padding, output_padding, groups, dilation
        )

    convolve.__name__ = name
    convolve.__doc__ = f"Apply the transpose of a convolution over {n} axes."
    return op(at="torch nn.functional", method=False, samples=conv_transpose(n))(convolve)


conv1d, conv2d, conv3d = (_forward_op(f"conv{n}d", n) for n in (1, 2, 3))
conv_transpose1d, conv_transpose2d, conv_transpose3d = (
    _transposed_op(f"conv_transpose{n}d", n) for n in (1, 2, 3)
)


@op(
    method=False,
    samples=lambda t: [
        S(t(2, 4, 5), t(6, 2, 3), t(6), [1], [1], [1], False, [0], 2),
        S(t(1, 2, 4, 4), t(2, 3, 3, 3), None, [2, 2], [1, 1], [1, 1], True, [1, 1], 1),
    ],
)
def convolution(
    input: Tensor, weight: Tensor, bias: Any, stride: Any, padding: Any, dilation: Any,
    transposed: bool, output_padding: Any, groups: int,
) -> Tensor:  # fmt: skip
    """Convolution (or its transpose) over as many axes as the weight has."""
    n = weight.ndim - 2
    if input.dtype.is_complex:  # which conv1d and its kin take
        kernel = "slow_conv2d_cpu" if n < 3 else "slow_conv3d_cpu"
        kind = input.dtype.scalar_name
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{kind}'")
    if transposed:
        return _transposed(
            f"conv_transpose{n}d", n, input, weight, bias, stride, padding, output_padding, groups,
            dilation,
        )  # fmt: skip
    return _convolve(f"conv{n}d", n, input, weight, bias, stride, padding, dilation, groups)


@op(
    at="torch nn.functional",
    method=False,
    samples=lambda t: [S(t(5, 2, 3), t(2, 3, 4), t(4)), S(t(5, 2, 3), t(2, 3, 4), t(4), 1)],
    title="ConvTbcBackward0",
)
def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """Convolve (time, batch, channels) with weights (time, channels in, channels out)."""
    if input.ndim != 3:
        raise RuntimeError("Input must have 3 dims: time, batch, in_channel")
    if weight.ndim != 3:
        raise RuntimeError(
            "Weight tensor must have 3 dims: kernel_width, in_channels, out_channels."
        )
    if bias.ndim != 1:
        raise RuntimeError("Bias must be 1-D")
    out = conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, 1, pad)
    return out.permute(2, 0, 1).contiguous()
