"""Padding layers: constant, zero, reflection, replication and circular, 1-d to 3-d.

Source: https://docs.pytorch.org/docs/stable/nn.html#padding-layers
"""

from __future__ import annotations

from typing import Any

from franken import Tensor
from franken.nn import functional as F
from franken.nn.modules.module import Module
from franken.nn.modules.utils import _ntuple

_both = {n: _ntuple(2 * n, "both") for n in (1, 2, 3)}


class _Pad(Module):
    """A padding layer: `dims` spatial dimensions, and how new elements are made."""

    __constants__ = ["padding"]
    dims = 1
    mode = "constant"

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = _both[self.dims](padding)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, *) or (C, *) -> the same with enlarged spatial sizes."""
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        """The widths."""
        return f"{self.padding}"


class _ConstantPadNd(_Pad):
    __constants__ = ["padding", "value"]

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """Pad with `value`."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """The widths and the value."""
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """Pad the last dimension with a value.

    >>> import franken as torch
    >>> torch.nn.ConstantPad1d((1, 2), 3.0)(torch.zeros(1, 2))
    tensor([[3., 0., 0., 3., 3.]])
    """


class ConstantPad2d(_ConstantPadNd):
    """Pad the last two dimensions with a value."""

    dims = 2


class ConstantPad3d(_ConstantPadNd):
    """Pad the last three dimensions with a value."""

    dims = 3


class _ZeroPad:
    """Constant padding whose value is 0."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)  # type: ignore[call-arg]

    def extra_repr(self) -> str:
        """The widths."""
        return f"{self.padding}"  # type: ignore[attr-defined]


class ZeroPad1d(_ZeroPad, ConstantPad1d):
    """Pad the last dimension with zeros."""


class ZeroPad2d(_ZeroPad, ConstantPad2d):
    """Pad the last two dimensions with zeros."""


class ZeroPad3d(_ZeroPad, ConstantPad3d):
    """Pad the last three dimensions with zeros."""


class _ReflectionPadNd(_Pad):
    mode = "reflect"


class ReflectionPad1d(_ReflectionPadNd):
    """Pad the last dimension by mirroring, the edge not repeated.

    >>> import franken as torch
    >>> torch.nn.ReflectionPad1d(2)(torch.arange(4.0).reshape(1, 1, 4))
    tensor([[[2., 1., 0., 1., 2., 3., 2., 1.]]])
    """


class ReflectionPad2d(_ReflectionPadNd):
    """Pad the last two dimensions by mirroring."""

    dims = 2


class ReflectionPad3d(_ReflectionPadNd):
    """Pad the last three dimensions by mirroring."""

    dims = 3


class _ReplicationPadNd(_Pad):
    mode = "replicate"


class ReplicationPad1d(_ReplicationPadNd):
    """Pad the last dimension by repeating the edge."""


class ReplicationPad2d(_ReplicationPadNd):
    """Pad the last two dimensions by repeating the edge."""

    dims = 2


class ReplicationPad3d(_ReplicationPadNd):
    """Pad the last three dimensions by repeating the edge."""

    dims = 3


class _CircularPadNd(_Pad):
    mode = "circular"


class CircularPad1d(_CircularPadNd):
    """Pad the last dimension by going round."""


class CircularPad2d(_CircularPadNd):
    """Pad the last two dimensions by going round."""

    dims = 2


class CircularPad3d(_CircularPadNd):
    """Pad the last three dimensions by going round."""

    dims = 3


__all__ = [
    "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d",
    "ConstantPad3d", "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d",
    "ReplicationPad2d", "ReplicationPad3d", "ZeroPad1d", "ZeroPad2d", "ZeroPad3d",
]  # fmt: skip
