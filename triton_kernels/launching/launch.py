"""The one way in which a kernel is started, whoever runs it.

A launcher function computes shapes and calls `launch`; what happens then is up to the runner in
force: the GPU's launch path, Triton's interpreter on NumPy memory, or a recorder that only notes
what would be compiled. Each launch has an identity that says which code ran.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from .policy import Policy


class LaunchError(RuntimeError):
    """A kernel could not be started; the message says what to install or change."""


@dataclass(frozen=True, slots=True)
class KernelId:
    """What decides a launch's bits beside its data.

    symbol: the kernel's name. source: SHA-256 of its source and its callees', 16 hex digits.
    constants: compile-time constants by name. flags: math flags by name. versions: libraries'.
    """

    symbol: str
    source: str
    constants: tuple[tuple[str, Any], ...]
    warps: int
    stages: int
    flags: tuple[tuple[str, Any], ...]
    versions: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        constants = ",".join(f"{k}={v}" for k, v in self.constants)
        return f"{self.symbol}@{self.source}[{constants}]w{self.warps}s{self.stages}"


class Runner(Protocol):
    """Starts kernels. `policy.arch` is the architecture whose configurations it wants."""

    policy: Policy

    def run(
        self, kernel: Any, grid: tuple[int, ...], args: tuple[Any, ...],
        constants: dict[str, Any], warps: int, stages: int, flags: dict[str, Any],
    ) -> None:  # fmt: skip
        """Start `kernel` over `grid`: arrays, then numbers, then compile-time constants."""


_runner: Runner | None = None


def current() -> Runner:
    """The runner in force; LaunchError when there is none."""
    if _runner is None:
        raise LaunchError(
            "no way to run Triton kernels is set up: on a GPU import franken's CUDA backend "
            "(extras cuda12 or cuda13); without one use the interpreter"
        )
    return _runner


def install(runner: Runner | None) -> None:
    """Make `runner` serve all launches of this process (None: none)."""
    global _runner
    _runner = runner


@contextmanager
def using(runner: Runner) -> Iterator[Runner]:
    """Let `runner` serve all launches within the block."""
    before = _runner
    install(runner)
    try:
        yield runner
    finally:
        install(before)


def hardened() -> bool:
    """Whether the runner in force has an attribute `check` that is true: it looks at everything
    that it can, and operations with indices look at those, too."""
    return bool(getattr(current(), "check", False))


def launch(
    kernel: Any, grid: tuple[int, ...], *args: Any, warps: int = 4, stages: int = 2,
    flags: dict[str, Any] | None = None, reaches: Sequence[Any] = (), **constants: Any,
) -> None:  # fmt: skip
    """Start `kernel` over `grid` (one to three sizes; an empty grid starts nothing).

    args: the kernel's pointers (arrays), then its run-time numbers (int, float), in its order.
    constants: its compile-time constants, declared last. flags: compiler options, such as
    `enable_fp_fusion`. reaches: arrays that the kernel finds through a table of addresses; a runner
    that checks accesses has a method `reach`, which is told them before the launch.
    """
    if 0 in grid:
        return
    runner = current()
    if reaches and hasattr(runner, "reach"):
        runner.reach(reaches)
    fusion = {"enable_fp_fusion": runner.policy.fp_fusion}
    runner.run(kernel, grid, args, constants, warps, stages, {**fusion, **(flags or {})})


def kernel_id(
    kernel: Any, constants: dict[str, Any], warps: int, stages: int, flags: dict[str, Any],
    versions: dict[str, str],
) -> KernelId:  # fmt: skip
    """The identity of a launch. Constants are given by value; a dtype by its name."""
    fn = getattr(kernel, "fn", kernel)
    key = getattr(kernel, "cache_key", None) or _source_of(fn)
    source = hashlib.sha256(str(key).encode()).hexdigest()[:16]
    return KernelId(
        fn.__name__, source, tuple(sorted((k, _plain(v)) for k, v in constants.items())),
        warps, stages, tuple(sorted(flags.items())), tuple(sorted(versions.items())),
    )  # fmt: skip


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float | str | bool | None) else str(value)


def _source_of(fn: Any) -> str:
    import inspect

    return inspect.getsource(fn)
