"""A graphics card as the GPU checks see it: memory, streams, time, and what the vendor's code does.

`CupyCard` is the only place here that asks CuPy or torch about a GPU; the checks are run on another
`Card` where there is none.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np

from franken.triton_kernels.launching.launch import Runner

PAIRS = 4  # streams that run the same launch side by side


class Card(Protocol):
    """What the checks need. Arrays of the card are of its library's class."""

    name: str
    arch: int
    versions: dict[str, str]

    def upload(self, a: np.ndarray) -> Any:
        """The same values, strides and alignment to 16 bytes in the card's memory."""

    def download(self, x: Any) -> np.ndarray:
        """The values of a card's array (or of anything that NumPy takes) on the host."""

    def runner(self, tf32: bool) -> Runner:
        """What starts kernels on this card."""

    def streams(self, count: int) -> Sequence[AbstractContextManager[Any]]:
        """Streams, each current within its block."""

    def wait(self) -> None:
        """Wait for everything that was started."""

    def release(self) -> None:
        """Give cached memory back."""

    def plain_memory(self) -> None:
        """Take each array's memory from the driver itself, so that a sanitizer sees its end."""

    def time(self, call: Callable[[], Any]) -> float:
        """Milliseconds of a call, the median of many, its caches cold."""

    def copy(self, nbytes: int) -> Callable[[], Any]:
        """A copy from one piece of the card's memory to another."""

    def matmul(self, a: Any, b: Any) -> Callable[[], Any]:
        """The vendor's matrix product."""

    def torch(self) -> Any:
        """torch where it is installed and sees this card, else None."""


class CupyCard:
    """The current CUDA device through CuPy, kernels started by franken's launch path."""

    def __init__(self) -> None:
        from franken.backends.cupy import launch
        from franken.backends.cupy.runtime import CupyRuntime

        self._runtime = runtime = CupyRuntime()
        self._launchers = {tf32: launch.FastLauncher(runtime, tf32=tf32) for tf32 in (False, True)}
        self._cupy = sys.modules["cupy"]
        device = runtime.current_device()
        properties = self._cupy.cuda.runtime.getDeviceProperties(device)
        self.name = properties["name"].decode()
        self.arch = self._launchers[False].policy.arch
        driver = self._cupy.cuda.runtime.driverGetVersion()
        self.versions = {**self._launchers[False].versions, "cuda driver": str(driver)}

    def upload(self, a: np.ndarray) -> Any:
        """The same values, strides and alignment to 16 bytes in the card's memory."""
        cupy = self._cupy
        if a.size == 0:
            return cupy.empty(a.shape, a.dtype)
        low, high = np.lib.array_utils.byte_bounds(a)
        memory = cupy.empty(high - low + 16, np.uint8)
        begin = a.__array_interface__["data"][0] - low + low % 16
        out = cupy.ndarray(a.shape, a.dtype, memory.data + begin, strides=a.strides)
        # As integers: CuPy need not know bfloat16 to move it.
        raw = np.dtype(f"u{a.itemsize}")
        out.view(raw)[...] = cupy.asarray(a.copy(order="C").view(raw))
        return out

    def download(self, x: Any) -> np.ndarray:
        """The values of a card's array on the host."""
        if not isinstance(x, self._cupy.ndarray):
            return np.asarray(x)
        return x.view(np.dtype(f"u{x.itemsize}")).get().view(x.dtype)

    def runner(self, tf32: bool) -> Runner:
        """What starts kernels on this card."""
        return self._launchers[tf32]

    def streams(self, count: int) -> Sequence[AbstractContextManager[Any]]:
        """Streams that do not wait for the default one."""
        return [self._cupy.cuda.Stream(non_blocking=True) for _ in range(count)]

    def wait(self) -> None:
        """Wait for everything that was started."""
        self._cupy.cuda.Device().synchronize()

    def release(self) -> None:
        """Give cached memory back."""
        self._cupy.get_default_memory_pool().free_all_blocks()

    def plain_memory(self) -> None:
        """Take each array's memory from the driver itself, so that a sanitizer sees its end."""
        self._cupy.cuda.set_allocator(None)

    def time(self, call: Callable[[], Any]) -> float:
        """Milliseconds of a call, the median of many, its caches cold."""
        from franken.backends.cupy.timing import measure

        return float(measure(self._runtime, call, return_mode="median"))

    def copy(self, nbytes: int) -> Callable[[], Any]:
        """A copy from one piece of the card's memory to another."""
        source, target = (self._cupy.zeros(nbytes, np.uint8) for _ in range(2))
        return lambda: target.data.copy_from_device_async(source.data, nbytes)

    def matmul(self, a: Any, b: Any) -> Callable[[], Any]:
        """The vendor's matrix product."""
        return lambda: self._cupy.matmul(a, b)

    def torch(self) -> Any:
        """torch where it is installed and sees this card, else None."""
        if importlib.util.find_spec("torch") is None:
            return None
        import torch

        return torch if torch.cuda.is_available() else None


def find() -> tuple[Card | None, str]:
    """(the card, '') or (None, why there is none)."""
    if importlib.util.find_spec("triton") is None:
        return None, "triton is not installed (extras cuda12 or cuda13)"
    from franken.triton_kernels.launching.launch import LaunchError

    try:
        return CupyCard(), ""
    except (LaunchError, OSError) as error:
        return None, str(error)


def deep(value: Any, change: Callable[[Any], Any]) -> Any:
    """Apply `change` to every NumPy array of nested tuples, lists and dicts, once an array.

    >>> deep([np.ones(2), "x"], lambda a: a.sum())[1]
    'x'
    """
    done: dict[int, Any] = {}

    def walk(v: Any) -> Any:
        if isinstance(v, np.ndarray):
            if id(v) not in done:
                done[id(v)] = change(v)
            return done[id(v)]
        if isinstance(v, dict):
            return {k: walk(x) for k, x in v.items()}
        return type(v)([walk(x) for x in v]) if isinstance(v, tuple | list) else v

    return walk(value)
