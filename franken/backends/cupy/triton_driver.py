"""Triton on CuPy without torch: device, stream, scratch memory and timing for every launch.

All that differs between Triton 3.6 and 3.9 is decided here, by what a version has, never by its
number. Triton's own driver asks torch for the stream (3.6 always, 3.9 whenever torch is loaded);
this one always asks the `Runtime`.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

os.environ.setdefault("TRITON_DEFAULT_FP_FUSION", "1")  # unset, 3.9 warns that 3.10 changes it

from franken.backends.cupy.launch_errors import (
    BadArgument,
    GpuLaunchError,
    KernelFailedToCompile,
    NoCompiler,
    NoDriver,
    NoTriton,
    TooLargeForGpu,
)
from franken.backends.cupy.runtime import CupyRuntime, Runtime
from franken.backends.cupy.timing import measure

try:
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.backends.nvidia import driver as nvidia
    from triton.errors import TritonError
    from triton.runtime import _allocation
    from triton.runtime.driver import driver as active_driver
    from triton.runtime.errors import OutOfResources
except ImportError as error:
    raise NoTriton(
        f"Triton cannot be imported ({error}): install franken[cuda12] or franken[cuda13], which "
        f"bring triton>=3.6,<3.10"
    ) from error

# What Triton clears between two timed runs, so that none finds its data in the L2 cache.
CACHE_BYTES = 256 << 20
_NO_LIBCUDA = (
    "libcuda.so.1 was not found: install the NVIDIA driver, or name its folder in "
    "TRITON_LIBCUDA_PATH"
)


class Scratch:
    """Memory that a kernel asks for: Triton calls `data_ptr`; the library's buffer stays alive."""

    __slots__ = ("memory",)

    def __init__(self, memory: Any) -> None:
        self.memory = memory

    def data_ptr(self) -> int:
        """The address."""
        return self.memory.ptr


class Argument:
    """An array as Triton's own launch path takes it: `kernel[grid](Argument(x), n, BLOCK=64)`."""

    __slots__ = ("array", "dtype")

    def __init__(self, array: Any) -> None:
        self.array, self.dtype = array, array.dtype

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self.array.data.ptr


class ScratchLauncher(nvidia.CudaLauncher):
    """Launches kernels that need scratch memory, on any thread.

    Triton keeps its allocator in a ContextVar, so a new thread has none; each launch therefore
    sets ours where the program set none of its own.
    """

    def __call__(self, *args: Any) -> Any:
        """Launch."""
        if isinstance(_allocation._allocator.get(), _allocation.NullAllocator):
            triton.set_allocator(_allocate)
        # 3.6 has one allocator of profile scratch per process and no default of the driver's.
        if isinstance(_allocation._profile_allocator.get(), _allocation.NullAllocator):
            _allocation.set_profile_allocator(_allocate_zeroed)
        return super().__call__(*args)


def _allocate(size: int, alignment: int, stream: int | None) -> Scratch:
    return active_driver.active.allocate(size, alignment, stream)


def _allocate_zeroed(size: int, alignment: int, stream: int | None) -> Scratch:
    return active_driver.active.allocate_zeroed(size, alignment, stream)


def launcher_of(src: Any, metadata: Any) -> Any:
    """Triton's launcher of a compiled kernel; one without scratch memory pays nothing for it."""
    needs = metadata.global_scratch_size or metadata.profile_scratch_size
    return (ScratchLauncher if needs else nvidia.CudaLauncher)(src, metadata)


class CupyDriver(nvidia.CudaDriver):
    """Triton's NVIDIA driver with a `Runtime` in torch's place."""

    def __init__(self, runtime: Runtime) -> None:
        # Not super().__init__: in 3.6 it imports torch, in 3.9 it takes torch's stream if it can.
        self.runtime = runtime
        with building():
            self.utils = nvidia.CudaUtils()
        self.launcher_cls = launcher_of
        self.get_device_capability = runtime.capability
        self.get_current_stream = runtime.current_stream
        self.get_current_device = runtime.current_device
        self.set_current_device = runtime.set_device
        self._targets: dict[int, GPUTarget] = {}

    def get_current_target(self) -> GPUTarget:
        """What kernels are compiled for: the current GPU's architecture."""
        device = self.get_current_device()
        target = self._targets.get(device)
        if target is None:
            major, minor = self.get_device_capability(device)
            target = self._targets[device] = GPUTarget("cuda", major * 10 + minor, 32)
        return target

    def get_active_torch_device(self) -> Any:
        """Refuse: there is no torch."""
        raise GpuLaunchError("Triton asked for torch's device, and kernels run without torch")

    def get_device_interface(self) -> Any:
        """Refuse: there is no torch."""
        raise GpuLaunchError("Triton asked for torch.cuda, and kernels run without torch")

    def get_benchmarker(self) -> Callable[..., Any]:
        """What Triton's autotuner times with."""
        return lambda call, **options: measure(self.runtime, call, **options)

    def get_empty_cache_for_benchmark(self) -> Any:
        """Memory as large as any L2 cache."""
        return self.runtime.alloc(CACHE_BYTES)

    def clear_cache(self, cache: Any) -> None:
        """Overwrite it."""
        self.runtime.fill(cache, CACHE_BYTES)

    def allocate(self, size: int, alignment: int, stream: int | None) -> Scratch:
        """Scratch memory; the library aligns to 512 bytes, more than any kernel asks for."""
        return Scratch(self.runtime.alloc(size))

    def allocate_zeroed(self, size: int, alignment: int, stream: int | None) -> Scratch:
        """Scratch memory of zeros."""
        memory = self.runtime.alloc(size)
        self.runtime.fill(memory, size)
        return Scratch(memory)

    allocate_default_profile_scratch = allocate_zeroed


def install(runtime: Runtime | None = None) -> CupyDriver:
    """Make every `@triton.jit` launch of this process run on `runtime`'s device and stream.

    runtime: CuPy by default. Raises a GpuLaunchError that says what is missing.
    """
    chosen: Any = CupyRuntime() if runtime is None else runtime
    driver = CupyDriver(chosen)
    active_driver.set_active(driver)
    return driver


@contextmanager
def building() -> Iterator[None]:
    """Say what to install where Triton's C launch code cannot be built."""
    try:
        yield
    except AssertionError as error:
        if "libcuda" not in str(error):
            raise
        raise NoDriver(_NO_LIBCUDA) from error
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        if "ldconfig" in str(error):
            raise NoDriver(_NO_LIBCUDA) from error
        raise NoCompiler(
            f"Triton's launch code could not be built ({error}): it needs a C compiler (gcc or "
            f"clang, or one named by CC) and Python's headers (python3-dev)"
        ) from error
    except RuntimeError as error:
        if "C compiler" not in str(error):
            raise
        raise NoCompiler(
            "Triton builds its launch code with a C compiler and found none: install gcc or "
            "clang, or name one by CC"
        ) from error


def compiled(kernel: Any, args: list[Any], options: dict[str, Any]) -> Any:
    """Compile a kernel by Triton's own JIT for these arguments, and load it on the current GPU.

    args: the kernel's run-time arguments, arrays as `Argument`s. options: constants and launch
    options by name. Errors name the kernel.
    """
    name = kernel.fn.__name__
    try:
        with building():
            made = kernel.run(*args, grid=(1, 1, 1), warmup=True, **options)
            made._init_handles()
    except GpuLaunchError:
        raise
    except OutOfResources as error:
        raise TooLargeForGpu(
            f"{name}: {error} (constants and options: {_shown(options)})"
        ) from error
    except (TritonError, AssertionError) as error:  # assertions: shapes that Triton refuses
        raise KernelFailedToCompile(f"{name}: {error}") from error
    except (TypeError, KeyError, OverflowError) as error:
        raise BadArgument(f"{name}: Triton refused the launch: {error}") from error
    except RuntimeError as error:
        raise failed(name, error) from error
    return made


def _shown(options: dict[str, Any]) -> str:
    return ", ".join(f"{k}={v}" for k, v in options.items())


def failed(name: str, error: RuntimeError) -> GpuLaunchError:
    """What went wrong in a launch, with the kernel's name."""
    hint = ""
    if str(error).startswith("Triton Error [CUDA]"):
        hint = "; the fault may lie in an earlier launch: launch with check=True to find the one"
    return GpuLaunchError(f"{name}: {error}{hint}")


Start = Callable[[int, int, int, int, list[Any]], None]


def starter(made: Any, constants: int) -> Start:
    """A function that starts a compiled kernel: start(x, y, z, stream, values).

    values: addresses and numbers, in the kernel's order. constants: how many compile-time
    constants follow them. Without scratch memory it is Triton's C launcher itself, which saves
    the Python around it (about half of the time of a launch on the host).
    """
    launcher = made.run
    tail = (None,) * constants
    plain = type(launcher) is nvidia.CudaLauncher and not getattr(launcher, "gsan_enabled", False)
    if plain and hasattr(launcher, "arg_annotations"):
        return _start_by_list(launcher, made)
    if plain:
        return _start_by_position(launcher, made, tail)
    function, packed = made.function, made.packed_metadata

    def start(x: int, y: int, z: int, stream: int, values: list[Any]) -> None:
        launcher(x, y, z, stream, function, packed, None, None, None, *values, *tail)

    return start


def _start_by_list(launcher: Any, made: Any) -> Start:
    """The C launcher that takes the kernel's arguments as one list (3.9)."""
    launch, function, packed = launcher.launch, made.function, made.packed_metadata
    together, dependent = launcher.launch_cooperative_grid, launcher.launch_pdl
    annotations, signature = launcher.arg_annotations, launcher.kernel_signature

    def start(x: int, y: int, z: int, stream: int, values: list[Any]) -> None:
        launch(x, y, z, stream, function, together, dependent, packed, None, None, None, None,
               None, annotations, signature, values)  # fmt: skip

    return start


def _start_by_position(launcher: Any, made: Any, tail: tuple[None, ...]) -> Start:
    """The C launcher, built for one signature, that takes arguments one by one (3.6)."""
    launch, function, packed = launcher.launch, made.function, made.packed_metadata
    together, dependent = launcher.launch_cooperative_grid, launcher.launch_pdl

    def start(x: int, y: int, z: int, stream: int, values: list[Any]) -> None:
        launch(x, y, z, stream, function, together, dependent, None, None, packed, None, None,
               None, *values, *tail)  # fmt: skip

    return start
