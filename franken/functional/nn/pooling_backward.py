"""Backwards of poolings that torch publishes as ops of their own, with torch's checks."""

from __future__ import annotations

from typing import Any

from franken.core import dtypes as dt
from franken.core.op import op
from franken.core.tensor import Tensor
from franken.functional.nn.pooling import batched, ints, unbatched
from franken.ops.declaring.samples import S
from franken.ops.nn.pool import max_pool_grad
from franken.ops.nn.windows import pool_output_shape


def _check_like_output(t: Tensor, want: tuple[int, ...]) -> None:
    if t.ndim != len(want):
        raise RuntimeError(
            f"Expected a tensor of dimension {len(want)} and tensor.size[0] == {want[0]} but got: "
            f"dimension {t.ndim} and tensor.size[0] = {t.shape[0] if t.ndim else 0}"
        )
    for axis, n in enumerate(want):
        if t.shape[axis] != n:
            raise RuntimeError(
                f"Expected a tensor of dimension {t.ndim} and tensor.size[{axis}] == {n} but got: "
                f"dimension {t.ndim} and tensor.size[{axis}] = {t.shape[axis]}"
            )


@op(
    "aten",
    method=False,
    samples=lambda t: [
        S(t(1, 2, 2), t(1, 4, 4), 2, 2, 0, 1, False, t.of([[[0, 2], [8, 10]]])),
        S(t(1, 2, 2), t(1, 4, 4), [2, 2], [2, 2], [0, 0], [1, 1], True, t.of([[[5, 7], [13, 15]]])),
    ],
)
def max_pool2d_with_indices_backward(
    grad_output: Tensor, input: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any,
    ceil_mode: bool, indices: Tensor,
) -> Tensor:  # fmt: skip
    """Zeros of input's shape, with each window's entry of grad_output added at its index."""
    name = "max_pool2d_with_indices_backward"
    kernel = ints(name, "kernel_size", kernel_size, 2, 3)
    empty = stride is None or (isinstance(stride, (tuple, list)) and not stride)
    steps = kernel if empty else ints(name, "stride", stride, 2, 4)
    pads, spread = (ints(name, w, v, 2) for w, v in (("padding", padding), ("dilation", dilation)))
    if grad_output.dtype is not input.dtype:
        raise RuntimeError(
            f"expected dtype {input.dtype.scalar_name} for `gradOutput` but got dtype "
            f"{grad_output.dtype.scalar_name}"
        )
    x, single = batched(input, 2)
    size = pool_output_shape(
        x.shape[2:], kernel, steps, pads, spread, ceil_mode, channels=x.shape[1]
    )
    want = (*input.shape[:-2], *size)
    for t in (grad_output, indices):
        _check_like_output(t, want)
    if indices.dtype is not dt.int64:
        raise RuntimeError(f"expected scalar type Long but found {indices.dtype.scalar_name}")
    apart = all(s > (k - 1) * d for k, s, d in zip(kernel, steps, spread, strict=True))
    y, at = batched(grad_output, 2)[0], batched(indices, 2)[0]
    out = max_pool_grad(y, at, size=tuple(x.shape[2:]), disjoint=apart)
    if single:
        out = unbatched(out)
    if input.requires_grad:  # type: ignore[attr-defined]  # its slope is zero, not absent
        out = out + input.masked_fill(input.new_ones(input.shape, dtype=dt.bool), 0)  # type: ignore[attr-defined]
    return out  # type: ignore[no-any-return]
