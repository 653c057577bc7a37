"""Start Triton kernels on CuPy arrays: our own key in front of Triton's compiled kernels.

`FastLauncher` is the Runner that `franken.triton_kernels` launches through on a GPU. This module
imports neither CuPy nor Triton; both come with the first launch.

`run` is the host's hot path (its figures: tests/backends/mock_cuda/host_time.py), so its loop calls
nothing per argument. Semantics to know: numbers reach a kernel as Triton passes them, a float as
float32 (pass float64 values through an array); Triton's launch hooks (profilers) and its check for
changed globals are not run; a captured graph must be warmed up, because a variant's first launch
compiles and loads code.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from franken.backends.cupy import launch_checks
from franken.backends.cupy.launch_errors import BadArgument, BadGrid, GpuLaunchError, WrongDevice
from franken.triton_kernels.launching import launch as kernel_launch
from franken.triton_kernels.launching.arrays import type_name
from franken.triton_kernels.launching.launch import KernelId
from franken.triton_kernels.launching.policy import Policy

# The kinds of arguments by which Triton specialises a kernel, as parts of a key. An array's part is
# its dtype, within a tuple where its address is no multiple of 16.
NONE, FLOAT, BOOL, ONE = "none", "fp32", "u1", "=1"
I32, I32_16, I64, I64_16, U64, U64_16 = "i32", "i32:16", "i64", "i64:16", "u64", "u64:16"
BEFORE_ARGS = 4  # parts of a key before the arguments': kernel, device, warps, stages
LARGEST_GRID = 2**31 - 1  # programs; Triton's C launcher counts them in 32 bits


class _Entry:
    """A compiled variant: how to start it, and its identity once somebody asks."""

    __slots__ = ("identity", "kernel", "start", "told")

    def __init__(self, kernel: Any, start: Any, told: tuple[Any, ...]) -> None:
        self.kernel, self.start, self.told = kernel, start, told
        self.identity: KernelId | None = None


class FastLauncher:
    """Starts kernels on the current GPU and stream.

    runtime: the array library (CuPy by default). tf32, fp_fusion: see `Policy`. check: validate
    grids, arrays and indices, and wait for each kernel, so that a fault is reported by the launch
    that made it (slow; for debugging). ledger: called with each launch's KernelId; None costs
    nothing.
    """

    def __init__(
        self, runtime: Any = None, *, tf32: bool = False, fp_fusion: bool = True,
        check: bool = False,
    ) -> None:  # fmt: skip
        from franken.backends.cupy import triton_driver

        self.driver = triton_driver.install(runtime)
        self.runtime = runtime = self.driver.runtime
        self.check = check
        self.ledger: Callable[[KernelId], None] | None = None
        self.versions = {"triton": triton_driver.triton.__version__, **runtime.versions}
        self._policies = [
            Policy(table_arch(*runtime.capability(device)), tf32, fp_fusion)
            for device in range(runtime.device_count())
        ]
        self._array = runtime.array
        self._device, self._stream = runtime.current_device, runtime.current_stream
        self._entries: dict[tuple[Any, ...], _Entry] = {}
        self._compiling = threading.Lock()

    @property
    def policy(self) -> Policy:
        """The current GPU's architecture, and the arithmetic asked for."""
        return self._policies[self._device()]

    def run(
        self, kernel: Any, grid: tuple[int, ...], args: tuple[Any, ...],
        constants: dict[str, Any], warps: int, stages: int, flags: dict[str, Any],
    ) -> None:  # fmt: skip
        """Start `kernel` over `grid`; the first launch of a variant compiles it.

        Raises a GpuLaunchError: BadArgument, WrongDevice or BadGrid before anything is started.
        """
        device, array = self._device(), self._array
        parts: list[Any] = [id(kernel), device, warps, stages]
        values: list[Any] = []
        for a in args:
            kind = type(a)
            if kind is array:
                memory = a.data
                if memory.device_id != device:
                    raise self._elsewhere(kernel, len(values), memory.device_id, device)
                pointer = memory.ptr
                values.append(pointer)
                parts.append((a.dtype,) if pointer & 15 else a.dtype)
            elif kind is int:
                values.append(a)
                if a == 1:
                    parts.append(ONE)
                elif -0x80000000 <= a <= 0x7FFFFFFF:
                    parts.append(I32 if a & 15 else I32_16)
                else:
                    parts.append(_wide(kernel, a))
            elif kind is float:
                values.append(a)
                parts.append(FLOAT)
            else:
                value, part = self._unusual(kernel, len(values), a, device)
                values.append(value)
                parts.append(part)
        for c in constants.values():
            kind = type(c)
            parts.append(kind)  # 1, 1.0 and True are equal, and compile to different code
            parts.append(c if kind is not float else repr(c))  # as 0.0 and -0.0; nan equals none
        parts += constants
        parts += flags
        parts += flags.values()
        key = tuple(parts)
        entry = self._entries.get(key)
        if entry is None:
            entry = self._compiled(key, kernel, args, constants, warps, stages, flags)
        if len(grid) == 1:
            x, y, z = grid[0], 1, 1
        else:
            x, y, z = _three(kernel, grid)
        if not 0 <= x * y * z <= LARGEST_GRID:
            raise _bad_grid(kernel, grid)
        if self.check:
            self._checked(kernel, entry, (x, y, z), args, values)
        else:
            try:
                entry.start(x, y, z, self._stream(device), values)
            except RuntimeError as error:
                raise self._failed(kernel, error) from error
        if self.ledger is not None:
            self.ledger(self._identity(entry))

    def reach(self, arrays: Sequence[Any]) -> None:
        """Check arrays that the next launch finds through a table of addresses, as `run` does."""
        device = self._device()
        for a in arrays:
            if not isinstance(a, self._array):
                raise BadArgument(f"an array reached by address is {_refused(a)}")
            if a.data.device_id != device:
                raise WrongDevice(
                    f"an array reached by address is on cuda:{a.data.device_id}, and the current "
                    f"GPU is cuda:{device}: move the array"
                )
        if self.check:
            launch_checks.memory("an array reached by address", arrays)

    @contextmanager
    def recording(self) -> Iterator[list[KernelId]]:
        """List the launches within the block, of all threads, in order."""
        seen: list[KernelId] = []
        before, self.ledger = self.ledger, seen.append
        try:
            yield seen
        finally:
            self.ledger = before

    def _compiled(
        self, key: tuple[Any, ...], kernel: Any, args: tuple[Any, ...],
        constants: dict[str, Any], warps: int, stages: int, flags: dict[str, Any],
    ) -> _Entry:  # fmt: skip
        """Compile by Triton's JIT, which specialises by the same facts as our key."""
        from franken.backends.cupy import triton_driver

        check_kernel(kernel, len(args), constants)
        given = [self._argument(kernel, at, a) for at, a in enumerate(args)]
        options = {**constants, "num_warps": warps, "num_stages": stages, **flags}
        with self._compiling:
            entry = self._entries.get(key)
            if entry is None:
                made = triton_driver.compiled(kernel, given, options)
                start = triton_driver.starter(made, len(constants))
                arch = f"sm_{made.metadata.target.arch}"
                facts = {**flags, "arch": arch, "signature": signature_of(key, len(args))}
                told = (kernel, dict(constants), warps, stages, facts, self.versions)
                entry = self._entries[key] = _Entry(kernel, start, told)
        return entry

    def _argument(self, kernel: Any, at: int, a: Any) -> Any:
        """An argument as Triton's JIT takes it."""
        from franken.backends.cupy import triton_driver

        if not isinstance(a, self._array):
            return a
        try:
            type_name(a.dtype)
        except TypeError as error:
            raise BadArgument(f"{_where(kernel, at)}: {error}: cast the array first") from error
        return triton_driver.Argument(a)

    def _unusual(self, kernel: Any, at: int, a: Any, device: int) -> tuple[Any, ...]:
        """(value, part of the key) of what is neither an array, an int nor a float."""
        if a is None:
            return None, NONE
        if a is True or a is False:
            return a, BOOL
        if isinstance(a, self._array):
            if a.data.device_id != device:
                raise self._elsewhere(kernel, at, a.data.device_id, device)
            return a.data.ptr, (a.dtype,) if a.data.ptr & 15 else a.dtype
        raise BadArgument(f"{_where(kernel, at)} is {_refused(a)}")

    def _elsewhere(self, kernel: Any, at: int, device: int, current: int) -> WrongDevice:
        return WrongDevice(
            f"{_where(kernel, at)} is an array on cuda:{device}, and the current GPU is "
            f"cuda:{current}: launch within `with cupy.cuda.Device({device}):`, or move the array"
        )

    def _failed(self, kernel: Any, error: RuntimeError) -> GpuLaunchError:
        from franken.backends.cupy import triton_driver

        return triton_driver.failed(_name(kernel), error)

    def _checked(
        self, kernel: Any, entry: _Entry, grid: tuple[int, int, int], args: tuple[Any, ...],
        values: list[Any],
    ) -> None:  # fmt: skip
        """Launch with every check there is, then wait for the kernel."""
        names = [p.name for p in kernel.params]
        launch_checks.before(_name(kernel), names, grid, args, self._array)
        try:
            entry.start(*grid, self._stream(), values)
            self.runtime.synchronize()
        except RuntimeError as error:
            raise GpuLaunchError(
                f"{_name(kernel)}: {error} (launched alone: the fault is this kernel's)"
            ) from error
        launch_checks.after(_name(kernel), names, args, self._array)

    def _identity(self, entry: _Entry) -> KernelId:
        if entry.identity is None:
            entry.identity = kernel_launch.kernel_id(*entry.told)
        return entry.identity


class Deferred:
    """The runner of a process that has a GPU and has launched nothing: it imports Triton at the
    first launch, and puts a `FastLauncher` in its own place."""

    def __init__(self) -> None:
        self._launcher: FastLauncher | None = None
        self._making = threading.Lock()

    @property
    def policy(self) -> Policy:
        """The policy of the launcher to come."""
        return self._made().policy

    @property
    def check(self) -> bool:
        """Whether the launcher to come checks."""
        return self._made().check

    def run(self, *launch: Any) -> None:
        """Start a kernel."""
        self._made().run(*launch)

    def reach(self, arrays: Sequence[Any]) -> None:
        """Check arrays that the next launch finds through a table of addresses."""
        self._made().reach(arrays)

    def _made(self) -> FastLauncher:
        with self._making:
            if self._launcher is None:
                self._launcher = FastLauncher()
                if kernel_launch.current() is self:
                    kernel_launch.install(self._launcher)
            return self._launcher


def install(runtime: Any = None, **options: Any) -> FastLauncher:
    """Serve all kernel launches of this process by a `FastLauncher`; its options as keywords."""
    launcher = FastLauncher(runtime, **options)
    kernel_launch.install(launcher)
    return launcher


def install_when_used() -> None:
    """Serve kernel launches by the GPU from the first one on, unless something serves them."""
    try:
        kernel_launch.current()
    except kernel_launch.LaunchError:
        kernel_launch.install(Deferred())


def table_arch(major: int, minor: int) -> int:
    """The architecture whose rows of the tables a GPU takes, from its compute capability.

    10.x and 9.0 have rows of their own. 12.x multiplies by 8.x's instructions and has its shared
    memory (CUDA C++ Programming Guide, "Compute Capabilities"), so it takes 8.x's rows.

    >>> table_arch(9, 0), table_arch(8, 6), table_arch(12, 0)
    (90, 86, 89)
    """
    return 89 if major >= 12 else major * 10 + minor


def signature_of(key: tuple[Any, ...], args: int) -> str:
    """The argument kinds of a key, as a word each: `*fp32:16` is an aligned float32 pointer."""
    return " ".join(_word(part) for part in key[BEFORE_ARGS : BEFORE_ARGS + args])


def _word(part: Any) -> str:
    if type(part) is str:
        return part
    return f"*{type_name(part[0])}" if type(part) is tuple else f"*{type_name(part)}:16"


def _wide(kernel: Any, a: int) -> str:
    """The kind of an integer beyond 32 bits."""
    if not -(2**63) <= a < 2**64:
        raise BadArgument(f"{_name(kernel)}: the integer {a} does not fit 64 bits")
    if a < 2**63:
        return I64 if a & 15 else I64_16
    return U64 if a & 15 else U64_16


def check_kernel(kernel: Any, args: int, constants: dict[str, Any]) -> None:
    """Refuse what is no compiled kernel, and arguments that do not fill its parameters."""
    if not hasattr(kernel, "device_caches"):
        raise GpuLaunchError(
            f"{_name(kernel)} is a {type(kernel).__name__}, not a compiled Triton kernel: unset "
            f"TRITON_INTERPRET before kernels are imported, and launch what @triton.jit gives"
        )
    names = [p.name for p in kernel.params]
    given = [*names[:args], *constants]
    if args + len(constants) != len(names) or set(given) != set(names):
        missing = [n for n in names[args:] if n not in constants]
        unknown = [n for n in constants if n not in names[args:]]
        raise BadArgument(
            f"{_name(kernel)}: {args} arguments for {len(names)} parameters; constants not given: "
            f"{missing}, not known: {unknown}"
        )


def _name(kernel: Any) -> str:
    return str(getattr(kernel, "__name__", kernel))


def _where(kernel: Any, at: int) -> str:
    names = [p.name for p in getattr(kernel, "params", ())]
    return f"{_name(kernel)}: argument {at}" + (f" ({names[at]})" if at < len(names) else "")


def _refused(a: Any) -> str:
    """What is wrong with an argument, and what to do about it."""
    kind = type(a).__name__
    if isinstance(a, np.ndarray):
        return f"a NumPy array of shape {a.shape} in host memory: copy it with cupy.asarray"
    if isinstance(a, np.generic):
        return f"a NumPy scalar ({kind}): pass int(x) or float(x)"
    if isinstance(a, int | float):
        return f"a {kind}: pass a plain {'int' if isinstance(a, int) else 'float'}"
    return f"a {kind}: kernels take CuPy arrays, int, float, bool and None"


def _three(kernel: Any, grid: tuple[int, ...]) -> tuple[int, ...]:
    if not 2 <= len(grid) <= 3 or min(grid) < 0:
        raise _bad_grid(kernel, grid)
    return grid if len(grid) == 3 else (*grid, 1)


def _bad_grid(kernel: Any, grid: tuple[int, ...]) -> BadGrid:
    return BadGrid(
        f"{_name(kernel)}: grid {grid} must have one to three sizes of at least 0 and at most "
        f"{LARGEST_GRID} programs in all: give each program more to do"
    )
