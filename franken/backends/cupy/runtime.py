"""What launching needs of the array library: devices, the current stream, memory, time.

`CupyRuntime` is the only place that asks CuPy. Tests put another `Runtime` in its place; nothing
here imports Triton.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable
from importlib import metadata
from typing import Any, Protocol

from franken.backends.cupy.launch_errors import DriverTooOld, NoCupy, NoDriver, TwoCupys

# Each provides the one package `cupy`.
CUPY_DISTRIBUTIONS = ("cupy", "cupy-cuda11x", "cupy-cuda12x", "cupy-cuda13x")
# Oldest Linux driver of a CUDA major version (CUDA Toolkit release notes, "CUDA Toolkit and
# Minimum Required Driver Version for CUDA Minor Version Compatibility").
OLDEST_DRIVER = {11: "450", 12: "525", 13: "580"}


class Runtime(Protocol):
    """The array library as the launch path sees it.

    array: the class of its device arrays, whose `data` has `ptr`, `device_id` and `mem`.
    versions: those of the library, by name.
    """

    array: type
    versions: dict[str, str]
    current_device: Callable[[], int]
    current_stream: Callable[..., int]

    def device_count(self) -> int:
        """The number of GPUs."""

    def set_device(self, device: int) -> None:
        """Make a GPU current for this thread."""

    def capability(self, device: int) -> tuple[int, int]:
        """Compute capability of a GPU, such as (9, 0)."""

    def alloc(self, nbytes: int) -> Any:
        """Memory of the current GPU, ordered on the current stream: it has `ptr`."""

    def fill(self, memory: Any, nbytes: int) -> None:
        """Set bytes to zero, on the current stream."""

    def synchronize(self) -> None:
        """Wait for the current stream."""

    def mark(self) -> Any:
        """A moment on the current stream."""

    def elapsed(self, start: Any, end: Any) -> float:
        """Milliseconds between two marks that the stream has passed."""


class CupyRuntime:
    """CuPy's devices, streams and memory; raises a GpuLaunchError that says what is missing."""

    def __init__(self) -> None:
        cupy = find_cupy()
        check_driver(cupy.cuda.runtime)
        self._cuda = cuda = cupy.cuda
        self.array = cupy.ndarray
        self.versions = {"cupy": cupy.__version__}
        self.current_device = cuda.runtime.getDevice
        self.set_device = cuda.runtime.setDevice
        self.device_count = cuda.runtime.getDeviceCount
        self.alloc = cuda.alloc

    def current_stream(self, device: int | None = None) -> int:
        """The address of CuPy's current stream of this thread (0: the default stream).

        device is what Triton passes; CuPy's stream is always that of the current device.
        """
        return self._cuda.get_current_stream().ptr

    def capability(self, device: int) -> tuple[int, int]:
        """Compute capability of a GPU, such as (9, 0)."""
        return divmod(int(self._cuda.Device(device).compute_capability), 10)

    def fill(self, memory: Any, nbytes: int) -> None:
        """Set bytes to zero, on the current stream."""
        memory.memset_async(0, nbytes, self._cuda.get_current_stream())

    def synchronize(self) -> None:
        """Wait for the current stream."""
        self._cuda.get_current_stream().synchronize()

    def mark(self) -> Any:
        """A moment on the current stream."""
        event = self._cuda.Event()
        event.record()
        return event

    def elapsed(self, start: Any, end: Any) -> float:
        """Milliseconds between two marks that the stream has passed."""
        return self._cuda.get_elapsed_time(start, end)


def find_cupy() -> Any:
    """The module `cupy`; NoCupy or TwoCupys where it is absent or doubly installed."""
    check_distributions(filter(_installed, CUPY_DISTRIBUTIONS))
    if importlib.util.find_spec("cupy") is None:
        raise NoCupy(
            "CuPy is not installed: install franken[cuda12] or franken[cuda13], whichever CUDA "
            "version the driver serves (`nvidia-smi` shows it)"
        )
    try:
        import cupy
    except ImportError as error:
        raise NoCupy(f"CuPy is installed but does not import: {error}") from error
    return cupy


def check_distributions(found: Iterable[str]) -> None:
    """TwoCupys where more than one distribution that provides `cupy` is installed.

    >>> check_distributions(["cupy-cuda12x"])
    """
    names = list(found)
    if len(names) > 1:
        raise TwoCupys(
            f"{' and '.join(names)} are both installed and overwrite each other's files: "
            f"`pip uninstall {' '.join(names)}`, then install franken[cuda12] or franken[cuda13]"
        )


def check_driver(runtime: Any) -> None:
    """NoDriver or DriverTooOld where CUDA's run-time library cannot work with the driver.

    runtime: CuPy's `cupy.cuda.runtime`, or anything with its version functions.
    """
    driver, built = runtime.driverGetVersion(), runtime.runtimeGetVersion()
    if driver == 0:
        raise NoDriver(
            f"no NVIDIA driver is loaded (CuPy was built for CUDA {_version(built)}): install the "
            f"driver, or give the container access to the GPU (`docker run --gpus all`)"
        )
    if driver // 1000 < built // 1000:
        major = built // 1000
        wanted = OLDEST_DRIVER.get(major, f"for CUDA {major}")
        raise DriverTooOld(
            f"the driver serves CUDA {_version(driver)}, CuPy was built for CUDA "
            f"{_version(built)}: install a driver {wanted} or newer, or replace CuPy by that of "
            f"franken[cuda{driver // 1000}]"
        )
    try:
        count = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        raise NoDriver(f"the driver is loaded and shows no GPU: {error}") from error
    if count == 0:
        raise NoDriver("the driver is loaded and shows no GPU: see CUDA_VISIBLE_DEVICES")


def _version(number: int) -> str:
    """CUDA's version number as people write it.

    >>> _version(12080)
    '12.8'
    """
    return f"{number // 1000}.{number % 1000 // 10}"


def _installed(distribution: str) -> bool:
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
