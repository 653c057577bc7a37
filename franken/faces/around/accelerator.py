"""torch.accelerator: the GPU, if there is one, whatever its kind."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from franken.backends import registry
from franken.core.device import device

__all__ = [
    "current_accelerator", "current_device_idx", "current_device_index", "current_stream",
    "device_count", "device_index", "empty_cache", "is_available", "memory_allocated",
    "set_device_idx", "set_device_index", "synchronize",
]  # fmt: skip


def _cuda() -> Any:
    """torch.cuda, or the error that there is no GPU."""
    if not registry.cuda_available():
        raise RuntimeError("Cannot access accelerator device when none is available.")
    import importlib

    return importlib.import_module("franken.cuda")


def is_available() -> bool:
    """Whether there is a GPU."""
    return registry.cuda_available()


def current_accelerator(check_available: bool = False) -> device | None:
    """The kind of device, None without one."""
    return device("cuda") if registry.cuda_available() else None


def device_count() -> int:
    """The number of GPUs."""
    return registry.device_count()


def current_device_index() -> int:
    """The current GPU's number; RuntimeError without one."""
    return _cuda().current_device()  # type: ignore[no-any-return]


def set_device_index(device: Any, /) -> None:
    """Make a GPU current; RuntimeError without one."""
    _cuda().set_device(device)


def current_stream(device: Any = None, /) -> Any:
    """The current stream of a GPU; RuntimeError without one."""
    return _cuda().current_stream(device)


def synchronize(device: Any = None, /) -> None:
    """Wait for a GPU; RuntimeError without one."""
    _cuda().synchronize(device)


@contextlib.contextmanager
def device_index(device: int | None, /) -> Iterator[None]:
    """A block in which another GPU is current; None changes nothing."""
    if device is None:
        yield
        return
    with _cuda().device(device):
        yield


def memory_allocated(device_index: Any = None, /) -> int:
    """Bytes in tensors on a GPU; RuntimeError without one."""
    return _cuda().memory_allocated(device_index)  # type: ignore[no-any-return]


def empty_cache() -> None:
    """Give memory that no tensor uses back to the GPU; RuntimeError without one."""
    _cuda().empty_cache()


current_device_idx, set_device_idx = current_device_index, set_device_index
