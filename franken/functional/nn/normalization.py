"""The public normalisations over rows: layer, RMS, group; and `normalize`, local response.

Knows torch's arguments and errors; computes by the primitives of `ops.nn.normalize`.
"""

from __future__ import annotations

import math
from typing import Any

from franken.core import dtypes as dt
from franken.core.convert import cast
from franken.core.op import op
from franken.core.tensor import Tensor
from franken.ops.declaring.declare import refused
from franken.ops.declaring.samples import S
from franken.ops.nn.normalize import normalize_rows
from franken.ops.nn.pad import pad_
from franken.ops.nn.pool import avg_pool
from franken.ops.surface.copies import as_images


def check_params(kernel: str, x: Tensor, *params: Any) -> None:
    """Raise torch's error unless x is floating and the parameters have its (or the wide) dtype."""
    d = x.dtype
    if not d.is_floating_point:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{d.scalar_name}'")
    for p in params:
        if p is not None and p.dtype is not d and not (d.itemsize == 2 and p.dtype is dt.float32):
            raise RuntimeError("mixed dtype (CPU): expect parameter to have scalar type of Float")


def reciprocal_deviation(var: Tensor, eps: float, like: Tensor, *params: Any) -> Tensor:
    """1 / sqrt(var + eps) in the dtype that torch's native functions give."""
    rstd = (var + eps).pow(-0.5)
    return (
        rstd
        if any(p is not None and p.dtype is dt.float32 for p in params)
        else cast(rstd, like.dtype)
    )


# --- layer and RMS -------------------------------------------------------------------------------


def _normalized(name: str, x: Tensor, shape: Any, w: Any, b: Any) -> tuple[int, ...]:
    """The checked `normalized_shape`."""
    if not isinstance(shape, (tuple, list)):
        raise TypeError(
            f"{name}(): argument 'normalized_shape' (position 2) must be tuple of ints, not "
            f"{type(shape).__name__}"
        )
    shape = tuple([int(n) for n in shape])
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
            "element, but got normalized_shape = []"
        )
    for what, p in (("weight", w), ("bias", b)):
        if p is not None and tuple(p.shape) != shape:
            raise RuntimeError(
                f"Expected {what} to be of same shape as normalized_shape, but got {what} of shape "
                f"{list(p.shape)} and normalized_shape = {list(shape)}"
            )
    if x.ndim < len(shape) or tuple(x.shape)[x.ndim - len(shape) :] != shape:
        star = "*" if name == "rms_norm" else "*, "
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape "
            f"[{star}{', '.join(map(str, shape))}], but got input of size{list(x.shape)}"
        )
    return shape


def _empty(x: Tensor, w: Any, b: Any) -> Tensor:
    out = x.clone()
    out = out if w is None else out * w
    return out if b is None else out + b


def _layer(x: Tensor, shape: Any, w: Any, b: Any, eps: float) -> tuple[Tensor, Any, Any]:
    shape = _normalized("layer_norm", x, shape, w, b)
    check_params("LayerNormKernelImpl", x, w, b)
    length = math.prod(shape)
    if 0 in x.shape:
        stats = x.new_zeros(tuple(x.shape)[: x.ndim - len(shape)])
        return _empty(x, w, b), stats, stats
    return normalize_rows(x, w, b, dims=(1, length, 1), eps=float(eps), center=True)  # type: ignore[no-any-return]


@op(
    at="nn.functional",
    method=False,
    samples=lambda t: [
        S(t(3, 4), (4,), t(4), t(4)),
        S(t(2, 3, 4), (3, 4)),
        S(t(3, 4), (4,), t(4), eps=0.1),
        S(t(0, 4), (4,)),
    ],
    title="NativeLayerNormBackward0",
)
def layer_norm(
    input: Tensor, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Tensor:
    """Standardise over the last dimensions (`normalized_shape`), then scale and shift."""
    return _layer(input, normalized_shape, weight, bias, eps)[0]


def _torch_layer_norm(
    input: Tensor, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:  # fmt: skip
    """Standardise over the last dimensions (`normalized_shape`), then scale and shift."""
    return _layer(input, normalized_shape, weight, bias, eps)[0]


op(name="layer_norm", method=False, samples=lambda t: [S(t(3, 4), (4,), t(4), t(4), 0.1)])(
    _torch_layer_norm
)


@op(
    method=False,
    samples=lambda t: [S(t(3, 4), (4,), t(4), t(4), 1e-5), S(t(2, 3, 4), (3, 4), None, None, 0.1)],
    title="NativeLayerNormBackward0",
)
def native_layer_norm(
    input: Tensor, normalized_shape: Any, weight: Any, bias: Any, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """(layer_norm, mean, reciprocal deviation)."""
    y, mean, var = _layer(input, normalized_shape, weight, bias, eps)
    k = len(normalized_shape)
    shape = (*input.shape[: input.ndim - k], *(1,) * k)
    rstd = reciprocal_deviation(var, eps, input, weight, bias)
    return y, cast(mean, rstd.dtype).reshape(shape), rstd.reshape(shape)


@op(
    at="torch nn.functional",
    method=False,
    samples=lambda t: [S(t(3, 4), (4,), t(4)), S(t(2, 3, 4), (3, 4), eps=0.1)],
    title="MulBackward0",
)
def rms_norm(input: Tensor, normalized_shape: Any, weight: Any = None, eps: Any = None) -> Tensor:
    """Divide by the root mean square over the last dimensions, then scale."""
    shape = _normalized("rms_norm", input, normalized_shape, weight, None)
    d = input.dtype
    if not (d.is_floating_point or d.is_complex):
        raise NotImplementedError(f"\"rms_norm\" not implemented for '{d.scalar_name}'")
    if eps is None:
        eps = dt.finfo(dt.float32 if d.itemsize == 2 else d).eps
    if d.is_complex:
        axes = tuple(range(input.ndim - len(shape), input.ndim))
        out = input * ((input * input).mean(axes, True) + eps).pow(-0.5)
        return out if weight is None else out * weight
    same = weight is None or weight.dtype is d or (d.itemsize == 2 and weight.dtype is dt.float32)
    if 0 in input.shape:
        return cast(_empty(input, weight, None), d)
    dims = (1, math.prod(shape), 1)
    y = normalize_rows(input, weight if same else None, None, dims=dims, eps=float(eps),
                       center=False)[0]  # fmt: skip
    return y if same else cast(y * weight, d)  # type: ignore[no-any-return]


# --- groups --------------------------------------------------------------------------------------


def grouped(x: Tensor, groups: int, w: Any, b: Any, eps: float) -> tuple[Tensor, Any, Any]:
    """(y, mean, variance) of x (N, C, *S) standardised over each of its channel groups."""
    check_params("GroupNormKernelImpl", x, w, b)
    channels = x.shape[1]
    if 0 in x.shape:
        ones = (1,) * (x.ndim - 2)
        w, b = (None if p is None else p.reshape(-1, *ones) for p in (w, b))
        stats = x.new_zeros((x.shape[0], groups))
        return cast(_empty(x, w, b), x.dtype), stats, stats
    dims = (groups, channels // groups, math.prod(x.shape[2:]))
    y, mean, var = normalize_rows(x, w, b, dims=dims, eps=float(eps), center=True)
    return as_images(y, x), mean, var


def _check_group(x: Tensor, groups: int, w: Any, b: Any) -> None:
    shape = list(x.shape)
    if groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {groups}")
    if shape[1] % groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of "
            f"shape {shape} and num_groups={groups}"
        )
    for what, p in (("weight", w), ("bias", b)):
        if p is not None and tuple(p.shape) != (shape[1],):
            raise RuntimeError(
                f"Expected {what} to be a vector of size equal to the number of channels in input, "
                f"but got {what} of shape {list(p.shape)} and input of shape {shape}"
            )


@op(
    at="nn.functional",
    method=False,
    samples=lambda t: [S(t(2, 4, 3), 2, t(4), t(4)), S(t(2, 4), 1), S(t(2, 4, 3, 2), 4, eps=0.1)],
    title="NativeGroupNormBackward0",
)
def group_norm(
    input: Tensor, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Tensor:
    """Standardise each of `num_groups` groups of channels, then scale and shift by channel."""
    if input.ndim < 2:
        raise RuntimeError(
            f"Expected at least 2 dimensions for input tensor but received {input.ndim}"
        )
    shape = tuple(input.shape)
    if shape[0] * shape[1] // num_groups * math.prod(shape[2:]) == 1 and shape[1] % num_groups == 0:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {list(shape)}"
        )
    _check_group(input, num_groups, weight, bias)
    return grouped(input, num_groups, weight, bias, eps)[0]


def _torch_group_norm(
    input: Tensor, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:  # fmt: skip
    """Standardise each of `num_groups` groups of channels, then scale and shift by channel."""
    _check_group(input, num_groups, weight, bias)
    return grouped(input, num_groups, weight, bias, eps)[0]


op(
    name="group_norm",
    method=False,
    title="NativeGroupNormBackward0",
    samples=lambda t: [S(t(2, 4, 3), 2, t(4), t(4), 0.1)],
)(_torch_group_norm)


@op(
    method=False,
    samples=lambda t: [S(t(2, 4, 3), t(4), t(4), 2, 4, 3, 2, 1e-5)],
    title="NativeGroupNormBackward0",
)
def native_group_norm(
    input: Tensor,
    weight: Any,
    bias: Any,
    N: int,
    C: int,
    HxW: int,
    group: int,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """(group_norm, mean, reciprocal deviation), statistics of shape (N, groups)."""
    _check_group(input, group, weight, bias)
    y = grouped(input, group, weight, bias, eps)[0]
    # unlike the other native forms, this one's statistics are differentiable
    rows = input.reshape(input.shape[0], group, math.prod(input.shape[1:]) // group)
    rows = cast(rows, dt.float32) if rows.dtype.itemsize == 2 else rows
    rstd = reciprocal_deviation(rows.var(-1, False), eps, input, weight, bias)
    return y, cast(rows.mean(-1), rstd.dtype), rstd


# --- others --------------------------------------------------------------------------------------


@op(
    at="nn.functional",
    method=False,
    samples=lambda t: [S(t(2, 4, 3), 2), S(t(2, 4, 3, 2), 3, alpha=0.1, beta=0.5, k=2.0)],
)
def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """x / (k + alpha * mean of the squares of `size` neighbouring channels) ** beta."""
    if input.ndim < 3:
        raise ValueError(
            "Expected 3D or higher dimensionality                          input (got "
            f"{input.ndim} dimensions)"
        )
    if 0 in input.shape:
        return input
    if size <= 0:
        raise RuntimeError(f"kernel size should be greater than zero, but got kH: {size} kW: 1")
    n, c = input.shape[:2]
    if input.ndim == 3:
        refused("avg_pool2d", input.dtype, "bc")
    else:
        refused("avg_pool3d_out_frame", input.dtype, "bch")
    squares = (input * input).reshape(n, 1, c, -1)
    widths = ((0, 0), (0, 0), (size // 2, (size - 1) // 2), (0, 0))
    mean = avg_pool(
        pad_(squares, widths=widths, value=0), kernel=(size, 1), stride=(1, 1), padding=(0, 0),
        ceil_mode=False, include=True, divisor=None,
    )  # fmt: skip
    return input / (mean.reshape(tuple(input.shape)) * alpha + k).pow(beta)


@op(
    at="nn.functional",
    method=False,
    out=True,
    samples=lambda t: [S(t(3, 4)), S(t(2, 3, 4), p=3.0, dim=-1), S(t(4), dim=0)],
)
def normalize(input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Tensor:
    """Divide by the p-norm along a dimension, or by eps where that is less."""
    if not (input.dtype.is_floating_point or input.dtype.is_complex):
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{input.dtype.scalar_name}"
        )
    return input / input.norm(p, dim, keepdim=True).clamp_min(eps)
