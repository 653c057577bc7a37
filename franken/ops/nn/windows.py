"""Output sizes of sliding windows: convolution, transposed convolution, pooling.

Pure functions of spatial sizes (no batch, no channels), one int per spatial axis.
Must not know strides in memory, arrays or Tensors.
Formulas: https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html and .MaxPool2d.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Sizes = Sequence[int]


def conv_output_shape(
    spatial: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes
) -> tuple[int, ...]:
    """Return the spatial shape a convolution yields; RuntimeError if the kernel does not fit.

    >>> conv_output_shape((5, 5), (3, 3), (2, 2), (1, 1), (1, 1))
    (3, 3)
    """
    _check_convolution(stride, padding)
    padded = [n + 2 * p for n, p in zip(spatial, padding, strict=True)]
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    if any(n < k for n, k in zip(padded, reach, strict=True)):
        raise RuntimeError(
            f"Calculated padded input size per channel: ({_by(padded)}). "
            f"Kernel size: ({_by(reach)}). Kernel size can't be greater than actual input size"
        )
    _check_dilation(dilation)
    return tuple((n - k) // s + 1 for n, k, s in zip(padded, reach, stride, strict=True))


def conv_transpose_output_shape(
    spatial: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, output_padding: Sizes,
    dilation: Sizes,
) -> tuple[int, ...]:  # fmt: skip
    """Return the spatial shape a transposed convolution yields; RuntimeError if it is negative.

    >>> conv_transpose_output_shape((3,), (3,), (2,), (1,), (1,), (1,))
    (6,)
    """
    _check_convolution(stride, padding)
    _check_dilation(dilation)
    if any(extra < 0 for extra in output_padding):
        raise RuntimeError("negative output_padding is not supported")
    for extra, step, spread in zip(output_padding, stride, dilation, strict=True):
        if extra >= max(step, spread):
            raise RuntimeError(
                "output padding must be smaller than either stride or dilation, but got "
                f"output_padding: {list(output_padding)} stride: {list(stride)} "
                f"dilation: {list(dilation)}"
            )
    found = tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + extra + 1
        for n, k, s, p, extra, d in zip(
            spatial, kernel, stride, padding, output_padding, dilation, strict=True
        )
    )
    if min(found, default=0) < 0:
        raise RuntimeError(
            f"Given input size per channel: ({_by(spatial)}). "
            f"Calculated output size per channel: ({_by(found)}). Output size is too small"
        )
    return found


def _check_convolution(stride: Sizes, padding: Sizes) -> None:
    if any(p < 0 for p in padding):
        raise RuntimeError("negative padding is not supported")
    if any(s <= 0 for s in stride):
        raise RuntimeError("non-positive stride is not supported")


def _check_dilation(dilation: Sizes) -> None:
    if any(d <= 0 for d in dilation):
        raise RuntimeError(f"dilation should be greater than zero, but got {list(dilation)}")


def pool_output_shape(
    spatial: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes,
    ceil_mode: bool = False, *, channels: int = 1,
) -> tuple[int, ...]:  # fmt: skip
    """Return the spatial shape a pooling yields; `channels` only completes the error.

    With `ceil_mode` the last window may hang over, but must start inside input or left padding.

    >>> pool_output_shape((5,), (2,), (2,), (0,), (1,), ceil_mode=True)
    (3,)
    """
    _check_pooling(kernel, stride, padding, dilation)
    found = tuple(
        _pool_size(n, d * (k - 1) + 1, s, p, ceil_mode)
        for n, k, s, p, d in zip(spatial, kernel, stride, padding, dilation, strict=True)
    )
    if min(found, default=1) < 1:
        raise RuntimeError(
            f"Given input size: ({_by((channels, *spatial), 'x')}). "
            f"Calculated output size: ({_by((channels, *found), 'x')}). Output size is too small"
        )
    return found


def _pool_size(extent: int, reach: int, stride: int, padding: int, ceil_mode: bool) -> int:
    free = extent + 2 * padding - reach
    found = (free + (stride - 1 if ceil_mode else 0)) // stride + 1
    overhangs = ceil_mode and (found - 1) * stride >= extent + padding
    return found - 1 if overhangs else found


def _check_pooling(kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> None:
    if any(s == 0 for s in stride):
        raise RuntimeError("stride should not be zero")
    for k, p, d in zip(kernel, padding, dilation, strict=True):
        if p < 0:
            raise RuntimeError(f"pad must be non-negative, but got pad: {p}")
        if p > (d * (k - 1) + 1) // 2:
            raise RuntimeError(
                "pad should be at most half of effective kernel size, "
                f"but got pad={p}, kernel_size={k} and dilation={d}"
            )
    if any(k <= 0 for k in kernel):
        raise RuntimeError(f"kernel size should be greater than zero, but got {list(kernel)}")
    if any(s < 0 for s in stride):
        raise RuntimeError(f"stride should be greater than zero, but got {list(stride)}")
    _check_dilation(dilation)
    if any(p > k // 2 for p, k in zip(padding, kernel, strict=True)):
        raise RuntimeError(
            "pad should be smaller than or equal to half of kernel size, "
            f"but got pad = {list(padding)}, kernel size = {list(kernel)}"
        )


def _by(sizes: Iterable[int], joint: str = " x ") -> str:
    return joint.join(map(str, sizes))
