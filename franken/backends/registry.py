"""Which array library serves a device: availability, transfers, and kernels by primitive.

Knows that a GPU's library is CuPy (or a module that tests install in its place) and imports it when
a GPU is first asked for, never before. Nothing here falls back to another device.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from typing import Any

import numpy as np

from franken.backends.dlpack import Reading
from franken.backends.errors import FrankenError
from franken.backends.meta.kernels import served as served_meta
from franken.backends.meta.memory import laid, reserved


class NoCudaError(FrankenError, AssertionError, RuntimeError):
    """A GPU was asked for and there is none.

    AssertionError is what torch's CPU builds raise, RuntimeError what its CUDA builds do.
    """

    reason_code = "no-cuda"


_installed: Any = None  # what tests put in CuPy's place
_found: Any = None
_generators: dict[int, Any] = {}
_seed: int | None = None


def install(module: Any) -> Any:
    """Serve GPUs by `module` (None: by CuPy again); returns the former one. Kernels found for the
    former module must be forgotten: see `forget_kernels`."""
    global _installed
    before, _installed = _installed, module
    _generators.clear()
    return before


def forget_kernels(primitives: Any) -> None:
    """Drop the kernels found by name for a GPU, after `install`."""
    for prim in primitives:
        if getattr(prim.kernels.get("cuda"), "found_by_name", False):
            del prim.kernels["cuda"]


def _cupy() -> Any:
    """CuPy if it is installed and sees a GPU, else None."""
    global _found
    if _found is None:
        _found = False
        if importlib.util.find_spec("cupy") is not None:
            import cupy  # type: ignore[import-not-found]

            if cupy.cuda.is_available():
                _found = cupy
                _serve_kernels()
    return _found or None


def _serve_kernels() -> None:
    """Let the Triton kernels launch on the GPU; Triton itself comes with the first launch."""
    from franken.backends.cupy.launch import install_when_used

    install_when_used()


def cuda_available() -> bool:
    """Whether a GPU can be used; never raises."""
    return _installed is not None or _cupy() is not None


def array_module() -> Any:
    """The array library of GPUs; NoCudaError if there is none."""
    module = _installed if _installed is not None else _cupy()
    if module is None:
        why = (
            "CuPy is not installed" if importlib.util.find_spec("cupy") is None
            else "No CUDA GPUs are available"
        )  # fmt: skip
        raise NoCudaError(f"Torch not compiled with CUDA enabled ({why})")
    return module


def device_count() -> int:
    """The number of GPUs, 0 without a driver."""
    return int(array_module().cuda.runtime.getDeviceCount()) if cuda_available() else 0


def current_cuda_index() -> int:
    """The current GPU's number; NoCudaError if there is none."""
    return int(array_module().cuda.runtime.getDevice())


@contextlib.contextmanager
def on(index: int) -> Iterator[Any]:
    """Make GPU `index` current for a block, whatever happens in it; gives the array library."""
    xp = array_module()
    count = device_count()
    if not 0 <= index < count:
        raise RuntimeError(f"CUDA error: invalid device ordinal (got {index}, there are {count})")
    before = xp.cuda.runtime.getDevice()
    if before == index:
        yield xp
        return
    xp.cuda.runtime.setDevice(index)
    try:
        yield xp
    finally:
        xp.cuda.runtime.setDevice(before)


def carried() -> contextlib.AbstractContextManager[Any]:
    """A guard under which another thread has this one's GPU and stream."""
    xp = _installed if _installed is not None else _found
    if not xp:
        return contextlib.nullcontext()
    index, stream = current_cuda_index(), xp.cuda.get_current_stream()

    @contextlib.contextmanager
    def there() -> Iterator[None]:
        with on(index), stream:
            yield

    return there()


# --- transfers -----------------------------------------------------------------------------------


def from_host(array: Any, dev: Any) -> Any:
    """A copy of a NumPy array in the memory of `dev`."""
    if dev.type == "meta":
        return laid(array.shape, array.dtype, array.strides)
    with on(dev.index) as xp:
        return xp.asarray(array)


def filled(shape: Any, value: Any, np_dtype: Any, dev: Any, order: tuple[int, ...]) -> Any:
    """A device array of one value whose axes lie in memory in the given order, widest first."""
    sizes = tuple([shape[axis] for axis in order])
    if dev.type == "meta":
        made = reserved(sizes, np_dtype)
    else:
        with on(dev.index) as xp:
            made = xp.full(sizes, value, np_dtype)
    if order == tuple(range(len(order))):
        return made
    return made.transpose(tuple([order.index(axis) for axis in range(len(order))]))


def to_host(array: Any, dev: Any) -> Any:
    """A NumPy copy of a device array."""
    if dev.type == "meta":
        raise NotImplementedError("Cannot copy out of meta tensor; no data!")
    with on(dev.index) as xp:
        return xp.asnumpy(array)


def transfer(array: Any, source: Any, target: Any) -> Any:
    """The array copied from one device to another."""
    if source.type == "cpu":
        return from_host(array, target)
    if target.type == "cpu" or source.type == "meta":
        return to_host(array, source)
    if target.type == "meta":
        return laid(array.shape, np.dtype(str(array.dtype)), array.strides)
    with on(target.index) as xp:
        return xp.array(array)


def pinned(array: Any) -> Any:
    """A NumPy copy of an array in page-locked memory."""
    xp = array_module()
    memory = xp.cuda.alloc_pinned_memory(max(array.nbytes, 1))
    made = np.frombuffer(memory, array.dtype, array.size).reshape(array.shape)
    made[...] = array
    return made


class _Written:
    """An array's memory, offered for writing; a bare DLPack capsule cannot say that it may be."""

    def __init__(self, array: Any) -> None:
        self.array = array

    @property
    def __array_interface__(self) -> dict[str, Any]:
        told: dict[str, Any] = self.array.__array_interface__
        return {**told, "data": (told["data"][0], False)}


def from_capsule(capsule: Any) -> Any:
    """The array over a bare capsule of host memory, writable as torch's is."""
    source = Reading(capsule)
    return source.typed(np.asarray(_Written(np.from_dlpack(source))))


def from_dlpack(source: Any) -> tuple[Any, str, int | None]:
    """(array, device type, device index) over the memory of a DLPack object."""
    kind, index = source.__dlpack_device__()
    if int(kind) in (1, 3):  # host memory, page-locked or not
        reading = Reading(source)
        return reading.typed(np.from_dlpack(reading)), "cpu", None
    with on(int(index)) as xp:
        reading = Reading(source)
        return reading.typed(xp.from_dlpack(reading)), "cuda", int(index)


# --- kernels -------------------------------------------------------------------------------------


def kernel_for(prim: Any, dev: Any) -> Any:
    """The kernel that serves `prim` on `dev`, found by name; None if there is none."""
    if dev.type == "meta":
        return served_meta(prim)
    if dev.type != "cuda":
        return None
    from franken.backends.cupy.arrays import served

    return served(prim, array_module())


def rebound(function: Any) -> Any:
    """A NumPy function of the package re-made for the GPU's library."""
    from franken.backends.cupy.arrays import rebinder_of

    return rebinder_of(array_module()).value(function)


def rebound_when_used(kernel: Any, **fixed: Any) -> Any:
    """A GPU kernel of another function than the CPU's, with some parameters fixed."""

    def run(*arrays: Any, **params: Any) -> Any:
        return rebound(kernel)(*arrays, **params, **fixed)

    return run


# --- random streams ------------------------------------------------------------------------------


def new_generator(dev: Any) -> Any:
    """A fresh stream for a GPU."""
    if dev.type == "meta":
        raise RuntimeError("META device type not an accelerator.")
    from franken.backends.cupy.stream import CounterGenerator

    array_module()
    return CounterGenerator(dev.index)


def default_generator(dev: Any) -> Any:
    """The stream that a GPU's random ops draw from; None on meta, where nothing is drawn."""
    if dev.type == "meta":
        return None
    found = _generators.get(dev.index)
    if found is None:
        found = _generators[dev.index] = new_generator(dev)
        if _seed is not None:
            found.manual_seed(_seed)
    return found


def seed_all(seed: int) -> None:
    """Restart the streams of all GPUs, those not yet used too."""
    global _seed
    _seed = seed
    for generator in _generators.values():
        generator.manual_seed(seed)


def live_generators(indices: Any) -> list[Any]:
    """The streams of GPUs in use."""
    return [g for i, g in _generators.items() if indices is None or i in indices]
