"""Why a Triton kernel cannot be started on a GPU: one type a reason, each saying what to change.

All are LaunchErrors of the kernel library. Knows no CuPy and no Triton.
"""

from __future__ import annotations

from typing import ClassVar

from franken.backends.errors import FrankenError
from franken.triton_kernels.launching.launch import LaunchError


class GpuLaunchError(FrankenError, LaunchError):
    """The GPU refused a launch, or reports that an earlier one went wrong."""

    reason_code: ClassVar[str] = "launch-failed"


class NoCupy(GpuLaunchError):
    """CuPy is not installed."""

    reason_code = "no-cupy"


class TwoCupys(GpuLaunchError):
    """Several distributions provide the package `cupy`, and overwrite each other's files."""

    reason_code = "two-cupy-packages"


class NoDriver(GpuLaunchError):
    """No NVIDIA driver is loaded, or it shows no GPU."""

    reason_code = "no-driver"


class DriverTooOld(GpuLaunchError):
    """The driver does not serve the CUDA version that CuPy was built for."""

    reason_code = "driver-too-old"


class NoTriton(GpuLaunchError):
    """Triton is not installed, or its version is not one that is known to work."""

    reason_code = "no-triton"


class NoCompiler(GpuLaunchError):
    """Triton's launch code could not be built: no C compiler, or it failed."""

    reason_code = "no-c-compiler"


class KernelFailedToCompile(GpuLaunchError):
    """Triton refused a kernel's source, or ptxas its assembly."""

    reason_code = "kernel-compile"


class TooLargeForGpu(GpuLaunchError):
    """A kernel's blocks need more shared memory or threads than this GPU has."""

    reason_code = "kernel-resources"


class BadGrid(GpuLaunchError, ValueError):
    """A grid that CUDA cannot start."""

    reason_code = "launch-grid"


class BadArgument(GpuLaunchError, TypeError):
    """A launch argument that a kernel cannot take: host memory, an unknown dtype, no number."""

    reason_code = "launch-argument"


class WrongDevice(GpuLaunchError, ValueError):
    """An array lies on another GPU than the current one."""

    reason_code = "launch-device"


class BadMemory(GpuLaunchError, ValueError):
    """An array reaches outside of its allocation, or its elements are not aligned."""

    reason_code = "launch-memory"


class BadIndex(GpuLaunchError, IndexError):
    """A kernel met an index outside of the array that it addresses."""

    reason_code = "index-out-of-range"
