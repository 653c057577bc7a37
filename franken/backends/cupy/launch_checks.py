"""What a checked launch looks at: grid limits, arrays' memory, and the flags of bad indices.

A kernel that reads indices may take a parameter named `flag_ptr`: an integer array, zero before the
launch, in which it stores a non-zero value where an index is out of range. Knows arrays by CuPy's
attributes and imports neither CuPy nor Triton.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from franken.backends.cupy.launch_errors import BadGrid, BadIndex, BadMemory

FLAG = "flag_ptr"
# CUDA C++ Programming Guide, "Technical Specifications per Compute Capability".
GRID_LIMITS = (2**31 - 1, 65535, 65535)


def before(
    kernel: str, names: list[str], grid: tuple[int, int, int], args: tuple[Any, ...], array: type
) -> None:
    """Raise BadGrid or BadMemory for what would read or write outside of its memory.

    names: the kernel's parameters. array: the class of device arrays.
    """
    if any(size > limit for size, limit in zip(grid, GRID_LIMITS, strict=True)):
        raise BadGrid(f"{kernel}: grid {grid} exceeds CUDA's limits {GRID_LIMITS}")
    for name, a in _arrays(names, args, array):
        memory(f"{kernel}: {name}", [a])


def memory(what: str, arrays: Sequence[Any]) -> None:
    """Raise BadMemory for an array that lies outside of its allocation or is not aligned."""
    for a in arrays:
        problem = _problem(a)
        if problem:
            raise BadMemory(f"{what} of shape {a.shape}, strides {a.strides}: {problem}")


def after(kernel: str, names: list[str], args: tuple[Any, ...], array: type) -> None:
    """Raise BadIndex where the finished kernel flagged an index; reads the flags, so it waits."""
    for name, a in _arrays(names, args, array):
        if name == FLAG and a.get().any():
            raise BadIndex(f"{kernel}: index out of range (flagged in {FLAG})")


def _arrays(names: list[str], args: tuple[Any, ...], array: type) -> Iterator[tuple[str, Any]]:
    return ((n, a) for n, a in zip(names, args, strict=False) if isinstance(a, array))


def _problem(a: Any) -> str:
    """What is wrong with an array's memory; nothing with an empty one's."""
    if a.size == 0:
        return ""
    pointer, owner = a.data.ptr, a.data.mem
    if pointer == 0:
        return "its address is 0"
    if pointer % a.itemsize or any(s % a.itemsize for s in a.strides):
        return f"its elements of {a.itemsize} bytes are not aligned (address {pointer:#x})"
    reach = [(n - 1) * s for n, s in zip(a.shape, a.strides, strict=True)]
    low = pointer + sum(r for r in reach if r < 0)
    high = pointer + sum(r for r in reach if r > 0) + a.itemsize
    if low < owner.ptr or high > owner.ptr + owner.size:
        return (
            f"it reaches {low:#x}..{high:#x}, outside of its allocation "
            f"{owner.ptr:#x}..{owner.ptr + owner.size:#x}"
        )
    return ""
