"""The public sliding-window poolings: max, average and power-average, with torch's checks."""

from __future__ import annotations

from typing import Any

from franken.core import dtypes as dt
from franken.core.calls.out import SAME
from franken.core.node import titled
from franken.core.op import op
from franken.core.tensor import Tensor
from franken.ops.declaring.samples import S, pooled, power_pooled
from franken.ops.elementwise.activation import relu
from franken.ops.nn.pool import avg_pool, max_pool
from franken.ops.nn.windows import pool_output_shape

_WORDS = {1: "one int", 2: "two ints", 3: "three ints"}


def ints(name: str, what: str, value: Any, n: int, position: int = 2) -> tuple[int, ...]:
    """An int or a tuple of one or n ints as n ints."""
    if value.__class__ is int:
        return (value,) * n
    if isinstance(value, (tuple, list)):
        if len(value) == n:
            return tuple([int(v) for v in value])
        if len(value) == 1:
            return (int(value[0]),) * n
        raise RuntimeError(_wrong_length(name, what, n, len(value)))
    if isinstance(value, (bool, float, str)) or not hasattr(value, "__index__"):
        raise TypeError(
            f"{name}(): argument '{what}' (position {position}) must be tuple of ints, not "
            f"{type(value).__name__}"
        )
    return (int(value),) * n


def _wrong_length(name: str, what: str, n: int, got: int) -> str:
    if n == 1:
        if name.startswith("max"):
            listed = "an int, list of ints" + (
                " or" if what in ("kernel_size", "dilation") else ", or"
            )
            listed = "None, " + listed if what == "stride" else listed
            return f"{name}() {what} must be {listed} tuple of ints of size 1 but got size {got}"
        return f"{name}() argument '{what}' should contain one int (got {got})"
    if name == "avg_pool3d":
        omitted = "omitted, " if what == "stride" else ""
        return f"{name}: {what} must be {omitted}a single int, or a tuple of three ints"
    if what == "stride":
        return f"{name}: stride must either be omitted, a single int, or a tuple of {_WORDS[n]}"
    how = "be either" if what == "dilation" else "either be"
    return f"{name}: {what} must {how} a single int, or a tuple of {_WORDS[n]}"


def batched(x: Tensor, n: int) -> tuple[Tensor, bool]:
    """(the input with a batch dimension, whether it had none)."""
    if x.ndim == n + 1:
        # what is row-major is taken as such, whatever its axes of one element step over
        row = x.reshape(-1) if x.is_contiguous() else x
        return row.reshape(1, *x.shape), True
    return x, False


def unbatched(y: Tensor) -> Tensor:
    """The result without the batch dimension that `batched` added."""
    return y.reshape(tuple(y.shape[1:]))


def finished(kind: str, n: int, out: Any, single: bool, after: str = "") -> Any:
    """What a pooling gives, of a single sample if it was asked for one, named as torch's node."""
    if single:
        out = tuple(map(unbatched, out)) if type(out) is tuple else unbatched(out)
    return titled(out, f"{kind}{n}D{after}Backward0" if n > 1 else "SqueezeBackward1")


def refuse(kernel: str, x: Tensor, *kinds: int) -> None:
    """Raise torch's "not implemented" for dtypes of these kinds."""
    if x.dtype.kind in kinds:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{x.dtype.scalar_name}'")


# --- max -----------------------------------------------------------------------------------------


def _check_input(x: Tensor, n: int, channels_first: int) -> None:
    """Raise unless x is (N, C, *S) or (C, *S) with nothing empty but the batch."""
    shape = tuple(x.shape)
    if 0 not in shape[channels_first:]:
        return
    if n == 3:
        raise RuntimeError(
            "max_pool3d_with_indices_out_cpu_template(): Expected input's non-batch dimensions to "
            f"have positive length, but input has a shape of {list(shape)} and non-batch dimension "
            "0 has length zero!"
        )
    raise RuntimeError(
        "Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:"
        f"{list(shape)}"
    )


def _check_max1d(
    x: Tensor, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool
) -> None:
    for what, value in (("kernel_size", kernel), ("stride", stride)):
        if value <= 0:
            raise RuntimeError(f"max_pool1d() {what} must be greater than zero, but got {value}")
    if padding < 0:
        raise RuntimeError(f"max_pool1d() padding must be non-negative, but got {padding}")
    if padding > kernel // 2:
        raise RuntimeError(
            "max_pool1d() padding should be at most half of kernel size, but got "
            f"padding={padding} and kernel_size={kernel}"
        )
    if dilation <= 0:
        raise RuntimeError(f"max_pool1d() dilation must be greater than zero, but got {dilation}")
    room = x.shape[-1] + 2 * padding - dilation * (kernel - 1) - 1
    out = (room + (stride - 1 if ceil_mode else 0)) // stride + 1
    if out <= 0:
        raise RuntimeError(f"max_pool1d() Invalid computed output size: {out}")


def _pool_max(
    n: int, x: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool,
    plain: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """(values, indices); `plain` is the call without indices, which checks 1-d input otherwise."""
    name = f"max_pool{n}d"
    kernel = ints(name, "kernel_size", kernel_size, n)
    empty = stride is None or (isinstance(stride, (tuple, list)) and not stride)
    steps = kernel if empty else ints(name, "stride", stride, n, 3)
    pads = ints(name, "padding", padding, n, 4)
    spread = ints(name, "dilation", dilation, n, 5)
    if n == 1:
        if x.ndim not in (2, 3) or 0 in x.shape[x.ndim - 2 :]:
            raise RuntimeError(
                "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size "
                f"for input, but got:{list(x.shape)}"
            )
        if plain:
            _check_max1d(x, kernel[0], steps[0], pads[0], spread[0], ceil_mode)
    elif x.ndim not in (n + 1, n + 2):
        raise RuntimeError(f"non-empty {n + 1}D or {n + 2}D (batch mode) tensor expected for input")
    kinds = (dt.BOOL, dt.COMPLEX, dt.INTEGER) if n == 1 and plain else (dt.BOOL, dt.COMPLEX)
    x, single = batched(x, n)
    if n > 1 and 0 in x.shape[1:]:  # torch looks at the window first, then at what is empty
        pool_output_shape((1 << 40,) * n, kernel, steps, pads, spread, ceil_mode)
        _check_input(x if not single else unbatched(x), n, 0 if single else 1)
    pool_output_shape(x.shape[2:], kernel, steps, pads, spread, ceil_mode, channels=x.shape[1])
    refuse(name if n > 1 else "max_pool1d_impl", x, *kinds)
    y, index = max_pool(
        x, kernel=kernel, stride=steps, padding=pads, dilation=spread, ceil_mode=bool(ceil_mode)
    )
    if n == 1 and plain and y._node is None:  # torch's faster kernel, without indices
        y = y.contiguous()
    return finished("MaxPool", n, (y, index), single, "WithIndices")


def _max_ops(n: int) -> tuple[Any, Any, Any]:
    name = f"max_pool{n}d"

    def plain(
        input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> Tensor:  # fmt: skip
        return _pool_max(n, input, kernel_size, stride, padding, dilation, ceil_mode, True)[0]

    def with_indices(
        input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        return _pool_max(n, input, kernel_size, stride, padding, dilation, ceil_mode, False)

    def functional(
        input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ) -> Any:  # fmt: skip
        pair = _pool_max(
            n, input, kernel_size, stride, padding, dilation, ceil_mode, not return_indices
        )
        return pair if return_indices else pair[0]

    plain.__name__ = functional.__name__ = name
    with_indices.__name__ = name + "_with_indices"
    plain.__doc__ = functional.__doc__ = f"The largest element of each window over {n} axes."
    with_indices.__doc__ = "Windows' largest elements, and their indices in their planes."
    at = "torch nn.functional" if n == 1 else "nn.functional"
    return (
        op(method=False, samples=pooled(n))(plain),
        op(at=at, method=False, samples=pooled(n))(with_indices),
        op(at="nn.functional", method=False, samples=pooled(n))(functional),
    )


max_pool1d, max_pool1d_with_indices, _ = _max_ops(1)
max_pool2d, max_pool2d_with_indices, _ = _max_ops(2)
max_pool3d, max_pool3d_with_indices, _ = _max_ops(3)

# --- average -------------------------------------------------------------------------------------


def _check_average(
    n: int, x: Tensor, kernel: Any, stride: Any, padding: Any, ceil_mode: bool, divisor: Any
) -> None:
    if divisor == 0:
        raise RuntimeError("divisor must be not zero")
    ones, spatial = (1,) * n, tuple(x.shape[2:])
    if n == 3:
        _check_average3d(spatial, kernel, stride, padding, ceil_mode)
    if n == 1:  # torch computes it as two-dimensional, and so its errors say
        spatial, kernel, stride, ones = (1, *spatial), (1, *kernel), (1, *stride), (1, 1)
        padding = (0, *padding)
    pool_output_shape(spatial, kernel, stride, padding, ones, ceil_mode, channels=x.shape[1])


def _check_average3d(
    spatial: tuple[int, ...], kernel: Any, stride: Any, padding: Any, ceil_mode: bool
) -> None:
    padded = [s + 2 * p for s, p in zip(spatial, padding, strict=True)]
    if min(stride) > 0 and min(padding) >= 0 and any(
        k > s for k, s in zip(kernel, padded, strict=True)
    ) and not ceil_mode:  # fmt: skip
        sizes = " ".join(f"{c}: {s}" for c, s in zip("THW", spatial, strict=True))
        taps = " ".join(f"k{c}: {k}" for c, k in zip("THW", kernel, strict=True))
        raise RuntimeError(f"input image ({sizes}) smaller than kernel size ({taps})")


def _check_nonempty(n: int, x: Tensor, single: bool) -> None:
    shape = tuple(x.shape)
    if 0 not in shape[1:]:
        return
    if n == 3:
        raise RuntimeError(
            "avg_pool3d(): Expected input's non-batch dimensions to have positive length, but "
            f"input has a shape of {list(shape)} and non-batch dimension 0 has length zero!"
        )
    shown = list(shape[1:]) if single else list(shape)
    if n == 1:
        shown.insert(-1, 1)
    raise RuntimeError(
        "Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:"
        f"{shown}"
    )


def _average(
    n: int, x: Tensor, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, include: bool,
    divisor: Any = None,
) -> Tensor:  # fmt: skip
    name = f"avg_pool{n}d"
    kernel = ints(name, "kernel_size", kernel_size, n)
    empty = stride is None or (isinstance(stride, (tuple, list)) and not stride)
    steps = kernel if empty else ints(name, "stride", stride, n, 3)
    pads = ints(name, "padding", padding, n, 4)
    _check_average_rank(n, x)
    x, single = batched(x, n)
    _check_average(n, x, kernel, steps, pads, ceil_mode, divisor)
    _check_nonempty(n, x, single)
    if x.dtype is not dt.int64:
        tag = "avg_pool3d_out_frame" if n == 3 else "avg_pool2d"
        refuse(tag, x, dt.BOOL, dt.COMPLEX, dt.INTEGER)
        if n == 3 and x.dtype.itemsize == 2:
            raise NotImplementedError(f"\"{tag}\" not implemented for '{x.dtype.scalar_name}'")
    y = avg_pool(
        x, kernel=kernel, stride=steps, padding=pads, ceil_mode=bool(ceil_mode),
        include=bool(include), divisor=divisor,
    )  # fmt: skip
    return finished("AvgPool", n, y, single)


def _check_average_rank(n: int, x: Tensor) -> None:
    if x.ndim in (n + 1, n + 2):
        return
    if n == 1:
        raise RuntimeError(
            f"Expected 2 to 3 dimensions, but got {x.ndim}-dimensional tensor for argument #1 "
            "'self' (while checking arguments for avg_pool1d)"
        )
    if n == 2 and x.ndim < 3:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-x.ndim}, {x.ndim - 1}], but "
            "got -3)"
        )
    raise RuntimeError(f"non-empty {n + 1}D or {n + 2}D (batch mode) tensor expected for input")


@op(
    at="torch nn.functional",
    method=False,
    samples=lambda t: [
        S(t(2, 3, 6), 2),
        S(t(3, 7), 3, 2, 1, ceil_mode=True, count_include_pad=False),
    ],
)
def avg_pool1d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:  # fmt: skip
    """The average of each window over one axis."""
    return _average(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad)


def _average_op(n: int) -> Any:
    def average(
        input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
        ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: Any = None,
    ) -> Tensor:  # fmt: skip
        return _average(
            n, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        )

    average.__name__ = f"avg_pool{n}d"
    average.__doc__ = f"The average of each window over {n} axes."
    return op(at="nn.functional", method=False, out=SAME, samples=pooled(n))(average)


avg_pool2d, avg_pool3d = _average_op(2), _average_op(3)


def _power_op(n: int, average: Any) -> Any:
    def power_average(
        input: Tensor, norm_type: Any, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
    ) -> Tensor:
        taps = 1
        for k in ints(f"lp_pool{n}d", "kernel_size", kernel_size, n):
            taps *= k
        out = average(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
        return (out.sign() * relu(out.abs()) * taps).pow(1.0 / norm_type)  # slope 0 at 0

    power_average.__name__ = f"lp_pool{n}d"
    power_average.__doc__ = f"(sum of x^p over each window)^(1/p), windows over {n} axes."
    return op(at="nn.functional", method=False, samples=power_pooled(n))(power_average)


lp_pool1d = _power_op(1, avg_pool1d)
lp_pool2d = _power_op(2, avg_pool2d)
lp_pool3d = _power_op(3, avg_pool3d)
