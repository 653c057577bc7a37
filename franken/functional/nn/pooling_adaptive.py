"""The poolings whose windows follow from the output: adaptive, fractional, and unpooling."""

from __future__ import annotations

from typing import Any

from franken.core import dtypes as dt
from franken.core.node import titled
from franken.core.op import namespace, op
from franken.core.tensor import Tensor
from franken.functional.nn.pooling import batched, finished, ints, refuse
from franken.ops.declaring.samples import adaptive, fractional, unpooled
from franken.ops.nn.pool import adaptive_avg, adaptive_max, fractional_max, max_unpool
from franken.ops.surface.args import refuse_negative

# --- adaptive ------------------------------------------------------------------------------------


def _sizes(kind: str, n: int, x: Tensor, output_size: Any) -> tuple[int, ...]:
    """The output size; None keeps the input's."""
    name = f"adaptive_{kind}_pool{n}d"
    if n == 1:
        if isinstance(output_size, (tuple, list)) and len(output_size) != 1:
            raise RuntimeError(
                f"{name}() argument 'output_size' should contain one int (got {len(output_size)})"
            )
        items = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,)
        for i, item in enumerate(items):
            if item is None:
                raise TypeError(
                    f"{name}(): argument 'output_size' (position 2) must be tuple of ints, but "
                    f"found element of type NoneType at pos {i}"
                )
        return ints(name, "output_size", items, 1)
    if isinstance(output_size, int):
        return (output_size,) * n
    items = (output_size,) * n if output_size is None else tuple(output_size)
    if x.ndim <= len(items):
        raise ValueError(f"Input dimension should be at least {len(items) + 1}")
    if len(items) != n:
        size = "output_size" if kind == "avg" else "internal error: output_size.size()"
        raise RuntimeError(f"{name}{':' if kind == 'avg' else '():'} {size} must be {n}")
    spatial = tuple(x.shape[x.ndim - n :])
    return tuple(m if k is None else int(k) for k, m in zip(items, spatial, strict=True))


def _check_adaptive(kind: str, n: int, x: Tensor, size: tuple[int, ...]) -> None:
    name = f"adaptive_{kind}_pool{n}d"
    if x.ndim not in (n + 1, n + 2):
        if n == 1:
            raise RuntimeError(
                f"Expected 2 to 3 dimensions, but got {x.ndim}-dimensional tensor for argument #1 "
                f"'self' (while checking arguments for {name})"
            )
        colon = "" if kind == "avg" else ":"
        raise RuntimeError(
            f"{name}(): Expected {n + 1}D or {n + 2}D tensor, but got{colon} {list(x.shape)}"
        )
    if min(size) < 0:
        _refuse_negative(kind, n, x, size)
    # torch's plain mean of volumes does not look at channels
    first = x.ndim - n if kind == "avg" and (n < 3 or set(size) == {1}) else 1
    if 0 in x.shape[first:]:
        at = first + list(x.shape[first:]).index(0)
        shown = list(x.shape)
        if n == 1 and kind == "avg":
            name, at, shown = "adaptive_avg_pool2d", at + 1, [*shown[:-1], 1, shown[-1]]
        raise RuntimeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input "
            f"has sizes {shown} with dimension {at} being empty"
        )
    refuse(f"adaptive_{kind}_pool3d_cpu" if n == 3 else f"adaptive_{kind}_pool2d", x, dt.BOOL,
           dt.INTEGER, dt.COMPLEX)  # fmt: skip


def _refuse_negative(kind: str, n: int, x: Tensor, size: tuple[int, ...]) -> None:
    shown = (1, *size) if n == 1 else size
    if kind == "avg":
        listed = ", ".join(map(str, shown[:2])) + "".join(f",{s}" for s in shown[2:])
        raise RuntimeError(
            f"adaptive_avg_pool{max(n, 2)}d: elements of output_size must be greater than or equal "
            f"to 0 but received {{{listed}}}"
        )
    made = [*x.shape[: x.ndim - n], *shown]
    negative = next(s for s in size if s < 0)
    raise RuntimeError(f"Trying to create tensor with negative dimension {negative}: {made}")


def _average(n: int, x: Tensor, output_size: Any) -> Tensor:
    size = _sizes("avg", n, x, output_size)
    _check_adaptive("avg", n, x, size)
    x, single = batched(x, n)
    y = adaptive_avg(x, size=size, single=single)
    out = finished("AdaptiveAvgPool", n, y, single)
    return titled(out, "MeanBackward1") if n > 1 and set(size) == {1} else out


def _largest(n: int, x: Tensor, output_size: Any) -> tuple[Tensor, Tensor]:
    size = _sizes("max", n, x, output_size)
    _check_adaptive("max", n, x, size)
    x, single = batched(x, n)
    y, index = adaptive_max(x, size=size, single=single)
    return finished("AdaptiveMaxPool", n, (y, index), single)


def _average_op(n: int) -> Any:
    def average(input: Tensor, output_size: Any) -> Tensor:
        return _average(n, input, output_size)

    average.__name__ = f"adaptive_avg_pool{n}d"
    average.__doc__ = f"Averages over ranges that divide {n} axes into `output_size` parts."
    at = "torch nn.functional" if n == 1 else "nn.functional"
    return op(at=at, method=False, samples=adaptive(n))(average)


def _largest_op(n: int) -> None:
    name = f"adaptive_max_pool{n}d"

    def with_indices(
        input: Tensor, output_size: Any, return_indices: bool = False
    ) -> tuple[Tensor, Tensor]:
        return _largest(n, input, output_size)

    def largest(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
        pair = _largest(n, input, output_size)
        return pair if return_indices else pair[0]

    def pair(input: Tensor, output_size: Any) -> tuple[Tensor, Tensor]:
        return _largest(n, input, output_size)

    with_indices.__name__ = name + "_with_indices"
    largest.__name__ = pair.__name__ = name
    largest.__doc__ = f"Maxima over ranges that divide {n} axes into `output_size` parts."
    with_indices.__doc__ = pair.__doc__ = largest.__doc__[:-1] + ", and their indices."
    op(at="nn.functional", method=False, samples=adaptive(n))(with_indices)
    op(at="nn.functional", method=False, samples=adaptive(n))(largest)
    if n == 1:
        op(method=False, samples=adaptive(n))(pair)


adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = map(_average_op, (1, 2, 3))
for _n in (1, 2, 3):
    _largest_op(_n)

# --- fractional ----------------------------------------------------------------------------------


def _check_fractional(name: str, n: int, x: Tensor, kernel: Any, size: Any, samples: Any) -> None:
    shape = tuple(x.shape)
    where = name if n == 2 else f"{name}_out"
    if 0 in shape[1:]:
        at = 1 + shape[1:].index(0)
        raise RuntimeError(
            f"{where}(): Expected input to have non-zero size for non-batch dimensions, but got"
            f"{list(shape)} with dimension {at} being empty."
        )
    if samples.dtype is not x.dtype:
        raise RuntimeError("Expect _random_samples to have the same dtype as input")
    if samples.shape[2] != n:
        raise RuntimeError(f"Expect _random_samples.size(2) equals to {n}; got {samples.shape[2]}.")
    words = ("height", "width") if n == 2 else ("time", "height", "width")
    for word, k, o, m in zip(words, kernel, size, shape[x.ndim - n :], strict=True):
        if o + k - 1 > m:
            raise RuntimeError(f"{where}(): pool {word} {k} too large relative to input {word} {m}")
    if min(size) < 0:
        refuse_negative(name, (*shape[: x.ndim - n], *size))


def _fractional(
    n: int, x: Tensor, kernel_size: Any, output_size: Any, output_ratio: Any, samples: Any
) -> tuple[Tensor, Tensor]:
    name = f"fractional_max_pool{n}d"
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    if x.ndim not in (n + 1, n + 2):
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-x.ndim}, {x.ndim - 1}], but "
            f"got {-n - 1})"
        )
    spatial = tuple(x.shape[x.ndim - n :])
    if output_size is None:
        if len(output_ratio) > n:
            raise ValueError(
                f"{name} requires output_ratio to either be a single Int or tuple of Ints."
            )
        output_size = [int(m * output_ratio[i]) for i, m in enumerate(spatial)]
    kernel = _fractional_ints(name, "kernel_size", kernel_size, n)
    size = _fractional_ints(name, "output_size", output_size, n)
    if samples is None:
        lead = (1, x.shape[0]) if x.ndim == n + 1 else tuple(x.shape[:2])
        samples = namespace("torch")["rand"](*lead, n, dtype=x.dtype, device=x.device)
    _check_fractional(name, n, x, kernel, size, samples)
    refuse("fractional_max_pool2d_out_frame" if n == 2 else "fractional_max_pool3d_out_frame", x,
           dt.BOOL, dt.INTEGER, dt.COMPLEX)  # fmt: skip
    x, single = batched(x, n)
    y, index = fractional_max(x, samples, kernel=kernel, size=size)
    return finished("FractionalMaxPool", n, (y, index), single)


def _fractional_ints(name: str, what: str, value: Any, n: int) -> tuple[int, ...]:
    if isinstance(value, (tuple, list)) and len(value) not in (1, n):
        raise RuntimeError(f"{name}: {what} must either be a single Int or tuple of Ints")
    return ints(name, what, value, n)


def _fractional_ops(n: int) -> None:
    name = f"fractional_max_pool{n}d"

    def largest(
        input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
        return_indices: bool = False, _random_samples: Any = None,
    ) -> Any:  # fmt: skip
        pair = _fractional(n, input, kernel_size, output_size, output_ratio, _random_samples)
        return pair if return_indices else pair[0]

    def with_indices(
        input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
        return_indices: bool = False, _random_samples: Any = None,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        return _fractional(n, input, kernel_size, output_size, output_ratio, _random_samples)

    largest.__name__, with_indices.__name__ = name, name + "_with_indices"
    largest.__doc__ = f"Maxima over pseudorandom windows on {n} axes."
    with_indices.__doc__ = largest.__doc__[:-1] + ", and their indices."
    op(at="nn.functional", method=False, samples=fractional(n))(largest)
    op(at="nn.functional", method=False, samples=fractional(n))(with_indices)


_fractional_ops(2)
_fractional_ops(3)

# --- unpooling -----------------------------------------------------------------------------------


def _unpooled_size(x: Tensor, n: int, kernel: Any, stride: Any, padding: Any, size: Any) -> Any:
    spatial = tuple(x.shape[x.ndim - n :])
    default = tuple(
        (m - 1) * s + k - 2 * p for m, k, s, p in zip(spatial, kernel, stride, padding, strict=True)
    )
    if size is None:
        return default
    size = tuple(int(s) for s in size)
    if len(size) == n + 2:
        size = size[2:]
    if len(size) != n:
        raise ValueError(
            f"output_size should be a sequence containing {n} or {n + 2} elements, but it has a "
            f"length of '{len(size)}'"
        )
    for d, (given, usual, s) in enumerate(zip(size, default, stride, strict=True)):
        if not usual - s < given < usual + s:
            shown = "(" + ", ".join(map(str, size)) + ("," if n == 1 else "") + ")"
            raise ValueError(
                f'invalid output_size "{shown}" (dim {d} must be between {usual - s} and '
                f"{usual + s})"
            )
    return size


def _check_unpool(n: int, x: Tensor, index: Tensor, stride: Any) -> None:
    m = max(n, 2)
    as_planes = (lambda s: [*s, 1]) if n == 1 else list
    if index.dtype is not dt.int64:
        raise RuntimeError(
            f"elements in indices should be type int64 but got: {index.dtype.scalar_name}"
        )
    if x.ndim not in (n + 1, n + 2):
        if n == 3:
            raise IndexError("tuple index out of range")
        raise RuntimeError(
            f"Input to max_unpooling2d should be a 3d or 4d Tensor, but got a tensor with "
            f"{x.ndim + (n == 1)} dimensions."
        )
    if tuple(x.shape) != tuple(index.shape):
        raise RuntimeError(
            "Expected shape of indices to be same as that of the input tensor "
            f"({as_planes(x.shape)}) but got indices tensor with shape: {as_planes(index.shape)}"
        )
    if n == 3 and min(stride) <= 0:
        raise RuntimeError(f"strides should be greater than zero, but got stride: {list(stride)}")
    first = x.ndim - n - 1
    if 0 in x.shape[first:]:
        at = first + list(x.shape[first:]).index(0)
        raise RuntimeError(
            f"max_unpooling{m}d_forward_out_cpu(): Expected input to have non-zero size for "
            f"non-batch dimensions, but got {list(x.shape)} with dimension {at} being empty."
        )
    refuse(f"max_unpool{m}d", x, dt.BOOL, dt.INTEGER, dt.COMPLEX)


def _unpool_op(n: int) -> Any:
    name = f"max_unpool{n}d"

    def unpool(
        input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
        output_size: Any = None,
    ) -> Tensor:  # fmt: skip
        kernel = ints(name, "kernel_size", kernel_size, n)
        steps = kernel if stride is None else ints(name, "stride", stride, n)
        if input.ndim <= n:
            _check_unpool(n, input, indices, steps)
        pads = ints(name, "padding", padding, n)
        size = _unpooled_size(input, n, kernel, steps, pads, output_size)
        _check_unpool(n, input, indices, steps)
        x, single = batched(input, n)
        y = max_unpool(x, indices.reshape(tuple(x.shape)), size=size)
        return finished("MaxUnpool", n, y, single)

    unpool.__name__ = name
    unpool.__doc__ = f"Put pooled values back at their indices among zeros, over {n} axes."
    return op(at="nn.functional", method=False, samples=unpooled(n))(unpool)


max_unpool1d, max_unpool2d, max_unpool3d = map(_unpool_op, (1, 2, 3))
