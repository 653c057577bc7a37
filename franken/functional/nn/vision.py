"""Interpolation, grid sampling, affine grids and the pixel and channel shuffles."""

from __future__ import annotations

import math
import warnings
from typing import Any

from franken.core import dtypes as dt
from franken.core.op import op
from franken.core.tensor import Tensor
from franken.ops.declaring.declare import refused
from franken.ops.declaring.samples import S
from franken.ops.nn.pool import adaptive_avg
from franken.ops.nn.resample import affine_grid_, grid_sample_, interpolate_
from franken.ops.surface.copies import as_images

# --- interpolation -------------------------------------------------------------------------------

_RANKS = {"linear": 3, "bilinear": 4, "trilinear": 5}
_KERNELS = {"linear": "linear", "bilinear": "linear", "trilinear": "linear", "bicubic": "cubic",
            "lanczos": "lanczos"}  # fmt: skip
_ANTIALIASED = ("bilinear", "bicubic", "lanczos")


def _check_options(
    x: Tensor, mode: str, align_corners: Any, size: Any, scale_factor: Any, recompute: Any,
    antialias: bool,
) -> None:  # fmt: skip
    if mode in ("nearest", "area", "nearest-exact") and align_corners is not None:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | "
            "bilinear | bicubic | trilinear"
        )
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if recompute and size is not None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    if antialias and not (mode in _ANTIALIASED and x.ndim == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires "
            "a 4-D tensor as input"
        )


def _check_mode(x: Tensor, mode: str) -> None:
    wanted = _RANKS.get(mode)
    if wanted is not None and x.ndim != wanted and 3 <= x.ndim <= 5:
        raise NotImplementedError(f"Got {x.ndim}D input, but {mode} mode needs {wanted}D input")
    known = mode in ("nearest", "nearest-exact", "area") or mode in _KERNELS
    if not known or not 3 <= x.ndim <= 5 or (mode in ("bicubic", "lanczos") and x.ndim != 4):
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {x.ndim}D) for the "
            "modes: nearest | linear | bilinear | bicubic | trilinear | lanczos | area | "
            f"nearest-exact (got {mode})"
        )


def _per_axis(value: Any, spatial: tuple[int, ...], what: str) -> list[Any]:
    if not isinstance(value, (tuple, list)):
        return [value] * len(spatial)
    if len(value) != len(spatial):
        named, form, letter = (
            ("output size of", "output size in", "o")
            if what == "size"
            else ("scale_factor of shape", "scale_factor in", "s")
        )
        raise ValueError(
            "Input and " + ("output" if what == "size" else "scale_factor") + " must have the same "
            f"number of spatial dimensions, but got input with spatial dimensions of "
            f"{list(spatial)} and {named} {value}. Please provide input tensor in (N, C, d1, d2, "
            f"...,dK) format and {form} ({letter}1, {letter}2, ...,{letter}K) format."
        )
    return list(value)


def _check_sizes(x: Tensor, size: tuple[int, ...], mode: str) -> None:
    spatial = tuple(x.shape[2:])
    if min(spatial) < 1 or min(size) < 1:
        names = "DHW"[-len(size) :]
        given, made = (
            ", ".join(f"{c}: {n}" for c, n in zip(names, s, strict=True)) for s in (spatial, size)
        )
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input ({given}) output "
            f"({made})"
        )
    if x.shape[1] == 0 and mode != "area":
        raise RuntimeError(
            f"Non-empty {x.ndim}D data tensor expected but got a tensor with sizes {list(x.shape)}"
        )
    allowed = x.dtype.is_floating_point or (
        x.dtype is dt.uint8 and mode not in ("linear", "trilinear", "area")
    )
    if not allowed:
        n = x.ndim - 2
        tag = f"upsample_{mode.replace('-', '_')}{n}d" + ("_channels_last" if n == 2 else "")
        tag = (
            f"adaptive_avg_pool{max(n, 2)}d" + ("_cpu" if n == 3 else "") if mode == "area" else tag
        )
        raise NotImplementedError(f"\"{tag}\" not implemented for '{x.dtype.scalar_name}'")


@op(
    at="nn.functional",
    method=False,
    samples=lambda t: [
        S(t(1, 2, 3, 4), scale_factor=2.0),
        S(t(1, 2, 3, 4), (5, 3), mode="bilinear", align_corners=False),
        S(t(1, 2, 4), 7, mode="linear", align_corners=True),
        S(t(1, 1, 4, 4), (3, 5), mode="bicubic"),
        S(t(1, 1, 4, 4), (3, 5), mode="lanczos", antialias=True),
        S(t(1, 2, 4, 4), (2, 3), mode="area"),
        S(t(1, 1, 2, 3, 2), (3, 2, 4), mode="trilinear"),
    ],
)
def interpolate(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: Any = None, recompute_scale_factor: Any = None, antialias: bool = False,
) -> Tensor:  # fmt: skip
    """Resample (N, C, *S) to `size`, or by `scale_factor`; modes are torch's."""
    _check_options(
        input, mode, align_corners, size, scale_factor, recompute_scale_factor, antialias
    )
    spatial = tuple(input.shape[2:])
    scales: Any = None
    if size is not None:
        target = _per_axis(size, spatial, "size")
        if not all(hasattr(s, "__index__") for s in target):
            raise TypeError(
                f"interpolate(): argument 'size' must be tuple of ints, but got {list(target)}"
            )
        target = [int(s) for s in target]
    else:
        factors = [float(f) for f in _per_axis(scale_factor, spatial, "scale_factor")]
        target = [math.floor(n * f) for n, f in zip(spatial, factors, strict=True)]
        scales = None if recompute_scale_factor else tuple(factors)
    _check_mode(input, mode)
    if mode == "lanczos" and not antialias:
        raise ValueError("Lanczos mode requires antialias=True")
    if mode == "lanczos" and align_corners:
        raise ValueError("Lanczos mode does not support align_corners=True")
    _check_sizes(input, tuple(target), mode)
    if mode == "area":
        return adaptive_avg(input, size=tuple(target), single=False)  # type: ignore[no-any-return]
    return interpolate_(  # type: ignore[no-any-return]
        input, size=tuple(target), mode=_KERNELS.get(mode, mode), align=bool(align_corners),
        scales=scales, antialias=antialias,
    )  # fmt: skip


def _deprecated(name: str) -> None:
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=4,
    )


@op(
    at="nn.functional",
    method=False,
    samples=lambda t: [
        S(t(1, 2, 3, 4), scale_factor=2.0),
        S(t(1, 2, 3, 4), (5, 3), mode="bilinear", align_corners=True),
    ],
)
def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: Any = None,
) -> Tensor:  # fmt: skip
    """`interpolate` under its former name."""
    _deprecated("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


@op(
    at="nn.functional",
    method=False,
    samples=lambda t: [S(t(1, 2, 3, 4), (5, 3)), S(t(1, 2, 3, 4), scale_factor=2)],
)
def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` in nearest mode."""
    _deprecated("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


@op(
    at="nn.functional",
    method=False,
    samples=lambda t: [S(t(1, 2, 3, 4), (5, 3)), S(t(1, 2, 3, 4), scale_factor=2)],
)
def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` in bilinear mode with corners aligned."""
    _deprecated("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


# --- grids ---------------------------------------------------------------------------------------

_MODES = ("bilinear", "nearest", "bicubic")
_PADDINGS = ("zeros", "border", "reflection")


def _check_grid(x: Tensor, grid: Tensor, mode: str) -> None:
    shapes = f"input with sizes {list(x.shape)} and grid with sizes {list(grid.shape)}"
    if grid.shape[0] != x.shape[0]:
        raise RuntimeError(
            f"grid_sampler(): expected grid and input to have same batch size, but got {shapes}"
        )
    if grid.shape[-1] != x.ndim - 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {x.ndim - 2} in last dimension, but got "
            f"grid with sizes {list(grid.shape)}"
        )
    if 0 in x.shape[2:]:
        at = 2 + list(x.shape[2:]).index(0)
        raise RuntimeError(
            "grid_sampler(): expected input to have non-empty spatial dimensions, but input has "
            f"sizes {list(x.shape)} with dimension {at} being empty"
        )
    if x.ndim not in (4, 5) or grid.ndim != x.ndim:
        rank = f"{x.ndim}D" if x.ndim in (4, 5) else "4D or 5D"
        raise RuntimeError(
            f"grid_sampler(): expected {rank} input and grid with same number of dimensions, but "
            f"got {shapes}"
        )
    if x.ndim == 5 and mode == "bicubic":
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    if grid.dtype is not x.dtype:
        raise RuntimeError(
            f"expected scalar type {x.dtype.scalar_name} but found {grid.dtype.scalar_name}"
        )
    if not x.dtype.is_floating_point:
        raise NotImplementedError(
            f'"grid_sampler_{x.ndim - 2}d_cpu_kernel_impl" not implemented for '
            f"'{x.dtype.scalar_name}'"
        )


def _sample(x: Tensor, grid: Tensor, mode: str, padding: str, align: bool) -> Tensor:
    _check_grid(x, grid, mode)
    return grid_sample_(x, grid, mode=mode, padding=padding, align=align)  # type: ignore[no-any-return]


def _corners(align_corners: Any) -> bool:
    if align_corners is None:
        warnings.warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False since "
            "1.3.0. Please specify align_corners=True if the old behavior is desired. See the "
            "documentation of grid_sample for details.",
            stacklevel=4,
        )
    return bool(align_corners)


@op(
    at="nn.functional",
    method=False,
    samples=lambda t: [
        S(t(1, 2, 3, 4), t(1, 2, 3, 2, low=-0.9, high=0.9), align_corners=False),
        S(
            t(1, 2, 3, 4),
            t(1, 2, 3, 2, low=-1.4, high=1.4),
            padding_mode="border",
            align_corners=True,
        ),
        S(t(1, 2, 3, 4), t(1, 2, 3, 2, low=-0.9, high=0.9), mode="bicubic", align_corners=False),
        S(
            t(1, 2, 3, 4),
            t(1, 2, 3, 2, low=-1.4, high=1.4),
            mode="nearest",
            padding_mode="reflection",
            align_corners=False,
        ),
    ],
)
def grid_sample(
    input: Tensor, grid: Tensor, mode: str = "bilinear", padding_mode: str = "zeros",
    align_corners: Any = None,
) -> Tensor:  # fmt: skip
    """Read (N, C, *S) at the places of a grid (N, *O, axes) in -1..1, last axis first."""
    if mode not in _MODES:
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', "
            f"but got: '{mode}'"
        )
    if padding_mode not in _PADDINGS:
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'"
        )
    return _sample(input, grid, mode, padding_mode, _corners(align_corners))


@op(
    method=False,
    alias=("grid_sampler_2d", "grid_sampler_3d"),
    samples=lambda t: [
        S(t(1, 2, 3, 4), t(1, 2, 3, 2, low=-0.9, high=0.9), 0, 0, False),
        S(t(1, 1, 3, 4, 2), t(1, 2, 2, 2, 3, low=-0.9, high=0.9), 0, 1, True),
    ],
)
def grid_sampler(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`grid_sample` with modes by number."""
    return _sample(
        input, grid, _MODES[interpolation_mode], _PADDINGS[padding_mode], bool(align_corners)
    )


@op(
    at="nn.functional",
    method=False,
    samples=lambda t: [
        S(t(2, 2, 3), (2, 1, 3, 4), align_corners=False),
        S(t(1, 3, 4), (1, 2, 3, 2, 2), align_corners=True),
    ],
)
def affine_grid(theta: Tensor, size: Any, align_corners: Any = None) -> Tensor:
    """The sampling grid (N, *S, axes) of affine maps (N, axes, axes + 1) for `size` (N, C, *S)."""
    align = _corners(align_corners)
    if not theta.dtype.is_floating_point:
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    size = tuple(int(s) for s in size)
    if len(size) not in (4, 5):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {size}."
        )
    n = len(size) - 2
    if theta.ndim != 3 or tuple(theta.shape[1:]) != (n, n + 1):
        raise ValueError(
            f"Expected a batch of {n}D affine matrices of shape Nx{n}x{n + 1} for size {size}. Got "
            f"{theta.shape}."
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    return affine_grid_generator(theta, size, align)


@op(
    method=False,
    samples=lambda t: [S(t(2, 2, 3), (2, 1, 3, 4), False), S(t(1, 3, 4), (1, 2, 3, 2, 2), True)],
)
def affine_grid_generator(theta: Tensor, size: Any, align_corners: bool) -> Tensor:
    """`affine_grid` without its checks."""
    size = tuple(size)
    if size[0] != theta.shape[0]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{size[0]}, "
            f"{len(size) - 1}] but got: [{theta.shape[0]}, {len(size) - 1}]."
        )
    refused("linspace_cpu", theta.dtype, "b")
    return affine_grid_(theta, size=size[2:], align=bool(align_corners))  # type: ignore[no-any-return]


# --- shuffles ------------------------------------------------------------------------------------


def _check_factor(x: Tensor, name: str, which: str, factor: int) -> None:
    if x.ndim < 3:
        raise RuntimeError(
            f"{name} expects input to have at least 3 dimensions, but got input with {x.ndim} "
            "dimension(s)"
        )
    if factor <= 0:
        raise RuntimeError(f"{name} expects a positive {which}, but got {factor}")


@op(
    at="torch nn.functional",
    method=False,
    samples=lambda t: [S(t(1, 8, 2, 3), 2), S(t(9, 2, 1), 3)],
    title="PixelShuffleBackward0",
)
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Spread r*r channels over r x r pixels: (*, C r^2, H, W) to (*, C, H r, W r)."""
    r = upscale_factor
    _check_factor(input, "pixel_shuffle", "upscale_factor", r)
    *lead, c, h, w = input.shape
    if c % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input.size(-3)={c} is not divisible by {r * r}"
        )
    c, k = c // (r * r), len(lead)
    x = input.reshape(*lead, c, r, r, h, w)
    x = x.permute(*range(k), k, k + 3, k + 1, k + 4, k + 2)
    return as_images(x.reshape(*lead, c, h * r, w * r), input)


@op(
    at="torch nn.functional",
    method=False,
    samples=lambda t: [S(t(1, 2, 4, 6), 2), S(t(1, 3, 6), 3)],
    title="PixelUnshuffleBackward0",
)
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Gather r x r pixels into channels: (*, C, H r, W r) to (*, C r^2, H, W)."""
    r = downscale_factor
    _check_factor(input, "pixel_unshuffle", "downscale_factor", r)
    *lead, c, h, w = input.shape
    for n, word, at in ((h, "height", -2), (w, "width", -1)):
        if n % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {word} to be divisible by downscale_factor, but "
                f"input.size({at})={n} is not divisible by {r}"
            )
    if 0 in input.shape:  # as torch: nothing is gathered
        return input.clone()  # type: ignore[attr-defined, no-any-return]
    h, w, k = h // r, w // r, len(lead)
    x = input.reshape(*lead, c, h, r, w, r)
    x = x.permute(*range(k), k, k + 2, k + 4, k + 1, k + 3)
    return as_images(x.reshape(*lead, c * r * r, h, w), input)


@op(
    at="torch nn.functional",
    method=False,
    alias=("native_channel_shuffle",),
    samples=lambda t: [S(t(1, 6, 2, 3), 2), S(t(2, 4, 3), 4)],
    title="ChannelShuffleBackward0",
)
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Interleave the channels of `groups` groups."""
    shape = tuple(input.shape)
    if len(shape) < 3:
        raise RuntimeError(
            f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(shape)}"
        )
    if groups <= 0:
        raise RuntimeError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    n, c = shape[:2]
    if c % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {c} channels and {groups} groups."
        )
    x = input.reshape(n, groups, c // groups, *shape[2:])
    return as_images(x.transpose(1, 2).flatten().reshape(shape), input)
