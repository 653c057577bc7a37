"""make_tensor: random tensors of any dtype for tests; the same numbers as torch's for one seed.

Source: https://docs.pytorch.org/docs/stable/testing.html#torch.testing.make_tensor
"""

from __future__ import annotations

import math
from typing import Any

import franken as torch

_INTEGERS = ("uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64")


def _bounds(
    low: Any, high: Any, least: float, most: float, default: tuple[int, int]
) -> tuple[Any, Any]:
    low = default[0] if low is None else low
    high = default[1] if high is None else high
    for value in (low, high):
        if isinstance(value, float) and math.isnan(value):
            raise ValueError(f"`low` and `high` cannot be NaN, but got {low=} and {high=}")
    if low >= high:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    return max(low, least), min(high, most)


def _sizes(shape: tuple[Any, ...]) -> tuple[int, ...]:
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        return tuple(shape[0])
    return tuple(shape)


def make_tensor(
    *shape: Any, dtype: Any, device: Any, low: float | None = None, high: float | None = None,
    requires_grad: bool = False, noncontiguous: bool = False, exclude_zero: bool = False,
    memory_format: Any = None,
) -> Any:  # fmt: skip
    """A tensor of uniform values of [low, high): by default [-9, 9) for floats, [-9, 10) for ints.

    >>> make_tensor((2, 3), dtype=torch.float32, device="cpu").shape
    torch.Size([2, 3])
    """
    sizes = _sizes(shape)
    if noncontiguous and memory_format is not None:
        raise ValueError(
            f"The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got "
            f"{noncontiguous=} and {memory_format=}"
        )
    if requires_grad and not (dtype.is_floating_point or dtype.is_complex):
        raise ValueError(
            "`requires_grad=True` is only supported for floating point and complex dtypes, but "
            f"got {dtype=}"
        )
    apart = noncontiguous and math.prod(sizes) > 1
    made = _drawn((*sizes[:-1], 2 * sizes[-1]) if apart else sizes, dtype, device, low, high)
    if apart:
        made = made[..., 1::2]
    elif memory_format is not None:
        made = made.clone(memory_format=memory_format)
    if exclude_zero:
        made[made == 0] = (
            torch.finfo(dtype).tiny if dtype.is_floating_point or dtype.is_complex else 1
        )
    return made.requires_grad_() if requires_grad else made


def _drawn(sizes: tuple[int, ...], dtype: Any, device: Any, low: Any, high: Any) -> Any:
    if dtype is torch.bool:
        first, stop = _bounds(low, high, 0, 2, (0, 2))
        return torch.randint(math.ceil(first), math.ceil(stop), sizes, device=device, dtype=dtype)
    if dtype.name in _INTEGERS:
        limits = torch.iinfo(dtype)
        default = (-9, 10) if limits.min < 0 else (0, 10)
        first, stop = _bounds(low, high, limits.min, limits.max + 1, default)
        first, stop = math.ceil(first), math.ceil(stop)
        return torch.randint(first, stop, sizes, device=device, dtype=dtype)
    if not (dtype.is_floating_point or dtype.is_complex):
        raise TypeError(
            f"The requested dtype '{dtype}' is not supported by torch.testing.make_tensor()."
        )
    most = torch.finfo(dtype).max
    first, stop = _bounds(low, high, -most, most, (-9, 9))
    return _uniform(sizes, dtype, device, first, stop)


def _uniform(sizes: tuple[int, ...], dtype: Any, device: Any, low: float, high: float) -> Any:
    if dtype.is_complex:
        parts = _uniform((*sizes, 2), dtype.to_real(), device, low, high)
        return torch.view_as_complex(parts)
    small = dtype.itemsize == 1
    made = torch.empty(sizes, device=device, dtype=torch.float32 if small else dtype)
    made.uniform_(low, high)
    return made.to(dtype) if small else made


__all__ = ["make_tensor"]
