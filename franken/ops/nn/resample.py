"""Resampling primitives: interpolation, sampling at grids, affine grids; each with its transpose.

Knows canonical parameters only; the public forms are in `functional.vision`. All but the grid's
place in sampling are linear. A hidden dimension joins the batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.backends.meta import rules
from franken.backends.numpy import resample as kernels
from franken.backends.numpy.halves import halved
from franken.core.primitive import Primitive
from franken.ops.nn.pool import in_batch
from franken.ops.shape.movement import linear

# --- regular grids -------------------------------------------------------------------------------


def _interpolate_kernel(
    x: Any, *, size: Any, mode: str, align: bool, scales: Any, antialias: bool
) -> Any:
    if x.dtype == np.uint8 and mode not in ("nearest", "nearest-exact"):
        wide = x.astype(np.float64)
        out = kernels.interpolate_forward(wide, size, mode, align, scales, antialias)
        return np.clip(np.floor(out + 0.5), 0, 255).astype(np.uint8)
    return kernels.interpolate_forward(x, size, mode, align, scales, antialias)


def _interpolate_grad_kernel(
    y: Any, *, size: Any, mode: str, align: bool, scales: Any, antialias: bool
) -> Any:
    shape = (*y.shape[:2], *size)
    return kernels.interpolate_backward(y, shape, mode, align, scales, antialias)


def _interpolate_title(node: Any) -> str:
    """UpsampleNearest2DBackward0, UpsampleBilinear2DAaBackward0 ... of the mode and dimensions."""
    mode, n = node.params["mode"], len(node.shape) - 2
    linear_or_cubic = ("" if mode == "lanczos" else ("", "", "bi", "tri")[n]) + mode
    words = "".join([w.capitalize() for w in mode.split("-")] if "-" in mode or mode == "nearest"
                    else [linear_or_cubic.capitalize()])  # fmt: skip
    return f"Upsample{words}{n}D{'Aa' if node.params['antialias'] else ''}Backward0"


interpolate_ = linear(
    Primitive(
        "interpolate", ("x",), halved(_interpolate_kernel), batch=in_batch,
        title=_interpolate_title, layout="channels_last", meta="planes",
    )
)  # fmt: skip
interpolate_grad = linear(
    Primitive(
        "interpolate_grad",
        ("y",),
        halved(_interpolate_grad_kernel),
        batch=in_batch,
        meta="planes",
    )
)


@interpolate_.vjp("x")
def _(g: Any, x_shape: Any, mode: str, align: bool, scales: Any, antialias: bool) -> Any:
    return interpolate_grad(
        g, size=x_shape[2:], mode=mode, align=align, scales=scales, antialias=antialias
    )


@interpolate_grad.vjp("y")
def _(g: Any, y_shape: Any, mode: str, align: bool, scales: Any, antialias: bool) -> Any:
    return interpolate_(
        g, size=y_shape[2:], mode=mode, align=align, scales=scales, antialias=antialias
    )


# --- free grids ----------------------------------------------------------------------------------


def _sample_kernel(x: Any, grid: Any, *, mode: str, padding: str, align: bool) -> Any:
    return kernels.grid_sample_forward(x, grid, mode, padding, align)


def _sample_grad_kernel(g: Any, x: Any, grid: Any, *, mode: str, padding: str, align: bool) -> Any:
    return kernels.grid_sample_backward(g, x, grid, mode, padding, align)


grid_sample_ = Primitive("grid_sample", ("x", "grid"), halved(_sample_kernel), batch=in_batch,
    meta=lambda x, grid, **_: rules.planes(x, size=grid.shape[1:-1]),
    title=lambda node: f"GridSampler{len(node.shape) - 2}DBackward0")  # fmt: skip
grid_sample_grad = Primitive(
    "grid_sample_grad",
    ("y", "x", "grid"),
    halved(_sample_grad_kernel),
    outputs=2,
    batch=in_batch,
    meta=lambda g, x, grid, **_: rules.each(x, grid),
)


@grid_sample_.joint_vjp
def _(g: Any, needs: Any, x: Any, grid: Any, mode: str, padding: str, align: bool) -> Any:
    return grid_sample_grad(g, x, grid, mode=mode, padding=padding, align=align)


# --- affine grids --------------------------------------------------------------------------------


def _affine_kernel(theta: Any, *, size: Any, align: bool) -> Any:
    return kernels.affine_grid_forward(theta, size, align)


def _affine_grad_kernel(g: Any, *, align: bool) -> Any:
    return kernels.affine_grid_backward(g, align)


affine_grid_ = linear(
    Primitive(
        "affine_grid",
        ("theta",),
        halved(_affine_kernel),
        batch=in_batch,
        meta=lambda theta, *, size, **_: rules.reserved(
            (theta.shape[0], *size, theta.shape[1]), theta.dtype
        ),
        title="AffineGridGeneratorBackward0",
    )
)
affine_grid_grad = linear(
    Primitive("affine_grid_grad", ("y",), halved(_affine_grad_kernel), batch=in_batch)
)


@affine_grid_.vjp("theta")
def _(g: Any, align: bool) -> Any:
    return affine_grid_grad(g, align=align)


@affine_grid_grad.vjp("y")
def _(g: Any, y_shape: Any, align: bool) -> Any:
    return affine_grid_(g, size=y_shape[1:-1], align=align)
