"""Convolution layers, 1-d to 3-d, their transposes, and the lazy forms of both.

Source: https://docs.pytorch.org/docs/stable/nn.html#convolution-layers
"""

from __future__ import annotations

import math
from typing import Any

import franken
from franken import Tensor
from franken.nn import functional as F
from franken.nn import init
from franken.nn.modules.lazy import LazyModuleMixin
from franken.nn.modules.module import Module
from franken.nn.modules.utils import _ntuple, _reverse_repeat_tuple, factory
from franken.nn.parameter import Parameter, UninitializedParameter

_tuples = {n: _ntuple(n, "sizes") for n in (1, 2, 3)}


class _ConvNd(Module):
    """Sizes, parameters and repr of convolutions of `dims` spatial dimensions."""

    __constants__ = ["stride", "padding", "dilation", "groups", "padding_mode", "output_padding",
                     "in_channels", "out_channels", "kernel_size"]  # fmt: skip
    dims = 1

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any, padding: Any,
        dilation: Any, transposed: bool, output_padding: Any, groups: int, bias: bool,
        padding_mode: str, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        _check(in_channels, out_channels, groups, stride, padding, padding_mode)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.dilation, self.transposed, self.output_padding = dilation, transposed, output_padding
        self.groups, self.padding_mode = groups, padding_mode
        self._reversed_padding_repeated_twice = _both_sides(padding, kernel_size, dilation)
        rows, columns = (in_channels, out_channels) if transposed else (out_channels, in_channels)
        made = factory(device, dtype)
        self.weight = Parameter(franken.empty((rows, columns // groups, *kernel_size), **made))
        if bias:
            self.bias = Parameter(franken.empty(out_channels, **made))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias uniformly within 1/sqrt(fan_in)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in != 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        """Channels and sizes, and the options that are not the default."""
        s = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"  # noqa: E501
        if self.padding != (0,) * len(self.stride):
            s += f", padding={self.padding}"
        if self.dilation != (1,) * len(self.stride):
            s += f", dilation={self.dilation}"
        if self.output_padding != (0,) * len(self.stride):
            s += f", output_padding={self.output_padding}"
        if self.groups != 1:
            s += f", groups={self.groups}"
        if self.bias is None:
            s += ", bias=False"
        if self.padding_mode != "zeros":
            s += f", padding_mode={self.padding_mode}"
        return s

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.setdefault("padding_mode", "zeros")


def _check(
    in_channels: int, out_channels: int, groups: int, stride: Any, padding: Any, mode: str
) -> None:
    if groups <= 0:
        raise ValueError("groups must be a positive integer")
    if in_channels % groups != 0:
        raise ValueError("in_channels must be divisible by groups")
    if out_channels % groups != 0:
        raise ValueError("out_channels must be divisible by groups")
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ValueError(
                f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}"
            )
        if padding == "same" and any(s != 1 for s in stride):
            raise ValueError("padding='same' is not supported for strided convolutions")
    if mode not in ("zeros", "reflect", "replicate", "circular"):
        raise ValueError(
            "padding_mode must be one of {'zeros', 'reflect', 'replicate', 'circular'}, but got "
            f"padding_mode='{mode}'"
        )


def _both_sides(padding: Any, kernel_size: Any, dilation: Any) -> Any:
    """The widths that F.pad wants; 'same' puts the odd one out at the end."""
    if not isinstance(padding, str):
        return _reverse_repeat_tuple(padding, 2)
    both = [0, 0] * len(kernel_size)
    if padding == "same":
        for i, (d, k) in enumerate(zip(reversed(dilation), reversed(kernel_size), strict=True)):
            total = d * (k - 1)
            both[2 * i], both[2 * i + 1] = total // 2, total - total // 2
    return both


class _Conv(_ConvNd):
    """A convolution; `function` names the functional op."""

    function = ""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1,
        padding: Any = 0, dilation: Any = 1, groups: int = 1, bias: bool = True,
        padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        sizes = _tuples[self.dims]
        super().__init__(
            in_channels, out_channels, sizes(kernel_size), sizes(stride),
            padding if isinstance(padding, str) else sizes(padding), sizes(dilation), False,
            sizes(0), groups, bias, padding_mode, device, dtype,
        )  # fmt: skip

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        convolve = getattr(F, self.function)
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            return convolve(
                input, weight, bias, self.stride, (0,) * self.dims, self.dilation, self.groups
            )
        return convolve(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C_in, *) or (C_in, *) -> (N, C_out, *)."""
        return self._conv_forward(input, self.weight, self.bias)


class Conv1d(_Conv):
    """1-d convolution: (N, C_in, L) -> (N, C_out, L').

    >>> import franken as torch
    >>> torch.nn.Conv1d(16, 33, 3, stride=2)(torch.randn(20, 16, 50)).shape
    torch.Size([20, 33, 24])
    """

    function = "conv1d"


class Conv2d(_Conv):
    """2-d convolution: (N, C_in, H, W) -> (N, C_out, H', W').

    >>> import franken as torch
    >>> torch.nn.Conv2d(3, 8, (3, 5), padding=(1, 2))(torch.randn(2, 3, 7, 9)).shape
    torch.Size([2, 8, 7, 9])
    """

    dims = 2
    function = "conv2d"


class Conv3d(_Conv):
    """3-d convolution: (N, C_in, D, H, W) -> (N, C_out, D', H', W')."""

    dims = 3
    function = "conv3d"


class _ConvTransposeNd(_ConvNd):
    """A transposed convolution; `function` names the functional op."""

    function = ""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1,
        padding: Any = 0, output_padding: Any = 0, groups: int = 1, bias: bool = True,
        dilation: Any = 1, padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        sizes = _tuples[self.dims]
        super().__init__(
            in_channels, out_channels, sizes(kernel_size), sizes(stride), sizes(padding),
            sizes(dilation), True, sizes(output_padding), groups, bias, padding_mode, device, dtype,
        )  # fmt: skip

    def _output_padding(self, input: Tensor, output_size: Any) -> Any:
        """The output padding that gives `output_size`."""
        if output_size is None:
            return self.output_padding
        batched = input.dim() == self.dims + 2
        extra = 2 if batched else 1
        if len(output_size) == extra + self.dims:
            output_size = output_size[extra:]
        if len(output_size) != self.dims:
            raise ValueError(
                f"ConvTranspose{self.dims}D: for {input.dim()}D input, output_size must have "
                f"{self.dims} or {extra + self.dims} elements (got {len(output_size)})"
            )
        low = [
            (input.size(d + extra) - 1) * self.stride[d] - 2 * self.padding[d]
            + self.dilation[d] * (self.kernel_size[d] - 1) + 1
            for d in range(self.dims)
        ]  # fmt: skip
        high = [n + s - 1 for n, s in zip(low, self.stride, strict=True)]
        for size, a, b in zip(output_size, low, high, strict=True):
            if not a <= size <= b:
                raise ValueError(
                    f"requested an output size of {output_size}, but valid sizes range from {low} "
                    f"to {high} (for an input of {input.size()[2:]})"
                )
        return tuple(size - a for size, a in zip(output_size, low, strict=True))

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        """(N, C_in, *) -> (N, C_out, *); `output_size` settles what the stride leaves open."""
        return getattr(F, self.function)(
            input, self.weight, self.bias, self.stride, self.padding,
            self._output_padding(input, output_size), self.groups, self.dilation,
        )  # fmt: skip


class ConvTranspose1d(_ConvTransposeNd):
    """Transposed 1-d convolution: (N, C_in, L) -> (N, C_out, L').

    >>> import franken as torch
    >>> torch.nn.ConvTranspose1d(4, 2, 3, stride=2)(torch.randn(1, 4, 5)).shape
    torch.Size([1, 2, 11])
    """

    function = "conv_transpose1d"


class ConvTranspose2d(_ConvTransposeNd):
    """Transposed 2-d convolution: (N, C_in, H, W) -> (N, C_out, H', W')."""

    dims = 2
    function = "conv_transpose2d"


class ConvTranspose3d(_ConvTransposeNd):
    """Transposed 3-d convolution: (N, C_in, D, H, W) -> (N, C_out, D', H', W')."""

    dims = 3
    function = "conv_transpose3d"


# --- lazy: in_channels from the first input -------------------------------------------------------


class _LazyConvXdMixin(LazyModuleMixin):
    """The part that all lazy convolutions share."""

    # those of the convolution that it stands before
    dims: int
    groups: int
    in_channels: int
    out_channels: int
    transposed: bool
    kernel_size: Any
    weight: Any
    bias: Any

    def reset_parameters(self) -> None:
        """Nothing while sizes are unknown."""
        if not self.has_uninitialized_params() and self.in_channels != 0:
            base: Any = super()
            base.reset_parameters()

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Take in_channels from `input` and draw the parameters."""
        if not self.has_uninitialized_params():
            return
        self.in_channels = self._in_channels(input)
        if self.in_channels % self.groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        rows, columns = self.out_channels, self.in_channels
        if self.transposed:
            rows, columns = columns, rows
        self.weight.materialize((rows, columns // self.groups, *self.kernel_size))
        if self.bias is not None:
            self.bias.materialize((self.out_channels,))
        self.reset_parameters()

    def _in_channels(self, input: Tensor) -> int:
        no_batch = self.dims + 1
        if input.dim() not in (no_batch, no_batch + 1):
            raise RuntimeError(
                f"Expected {no_batch}D (unbatched) or {no_batch + 1}D (batched) input to "
                f"{type(self).__name__}, but got input of size: {input.shape}"
            )
        return input.shape[1] if input.dim() == no_batch + 1 else input.shape[0]


class _LazyConv(_LazyConvXdMixin):
    def __init__(
        self, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros",
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode,
            **factory(device, dtype),
        )  # fmt: skip
        _make_lazy(self, out_channels, bias, device, dtype)


class _LazyConvTranspose(_LazyConvXdMixin):
    def __init__(
        self, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        output_padding: Any = 0, groups: int = 1, bias: bool = True, dilation: Any = 1,
        padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation,
            padding_mode, **factory(device, dtype),
        )  # fmt: skip
        _make_lazy(self, out_channels, bias, device, dtype)


def _make_lazy(module: Any, out_channels: int, bias: bool, device: Any, dtype: Any) -> None:
    module.weight = UninitializedParameter(device=device, dtype=dtype)
    module.out_channels = out_channels
    if bias:
        module.bias = UninitializedParameter(device=device, dtype=dtype)


class LazyConv1d(_LazyConv, Conv1d):
    """A Conv1d whose in_channels is taken from the first input.

    >>> import franken as torch
    >>> import warnings
    >>> warnings.simplefilter("ignore")
    >>> layer = torch.nn.LazyConv1d(4, 3)
    >>> layer(torch.ones(1, 2, 5)).shape, layer
    (torch.Size([1, 4, 3]), Conv1d(2, 4, kernel_size=(3,), stride=(1,)))
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """A Conv2d whose in_channels is taken from the first input."""

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """A Conv3d whose in_channels is taken from the first input."""

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """A ConvTranspose1d whose in_channels is taken from the first input."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """A ConvTranspose2d whose in_channels is taken from the first input."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    """A ConvTranspose3d whose in_channels is taken from the first input."""

    cls_to_become = ConvTranspose3d


__all__ = [
    "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d",
    "LazyConv1d", "LazyConv2d", "LazyConv3d", "LazyConvTranspose1d", "LazyConvTranspose2d",
    "LazyConvTranspose3d",
]  # fmt: skip
