"""torch.multiprocessing: Python's multiprocessing, and `spawn`.

Tensors are sent to other processes as copies: memory is not shared.
"""

from __future__ import annotations

import multiprocessing
import sys
import traceback
from collections.abc import Callable
from multiprocessing import *  # noqa: F403
from multiprocessing.connection import wait
from typing import Any

__all__ = [
    *multiprocessing.__all__,  # type: ignore[attr-defined]
    "ProcessContext", "ProcessException", "ProcessExitedException", "ProcessRaisedException",
    "get_all_sharing_strategies", "get_sharing_strategy", "set_sharing_strategy", "spawn",
    "start_processes",
]  # fmt: skip
_strategy = ["file_descriptor"]


def get_all_sharing_strategies() -> set[str]:
    """How tensors may be sent; both are copies here."""
    return {"file_descriptor", "file_system"}


def get_sharing_strategy() -> str:
    """What `set_sharing_strategy` was last given."""
    return _strategy[0]


def set_sharing_strategy(new_strategy: str) -> None:
    """Remember how tensors are to be sent."""
    if new_strategy not in get_all_sharing_strategies():
        raise AssertionError(
            f"invalid sharing strategy {new_strategy!r}, expected one of "
            f"{get_all_sharing_strategies()}"
        )
    _strategy[0] = new_strategy


class ProcessException(Exception):
    """A process failed."""

    def __init__(self, msg: str, error_index: int, pid: int) -> None:
        super().__init__(msg)
        self.msg, self.error_index, self.pid = msg, error_index, pid


class ProcessRaisedException(ProcessException):
    """A process failed by an exception, whose traceback is in the message."""


class ProcessExitedException(ProcessException):
    """A process failed by a signal or an exit code."""

    def __init__(
        self, msg: str, error_index: int, error_pid: int, exit_code: int,
        signal_name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(msg, error_index, error_pid)
        self.exit_code, self.signal_name = exit_code, signal_name


def _run(fn: Callable[..., Any], index: int, args: tuple[Any, ...], errors: Any) -> None:
    try:
        fn(index, *args)
    except KeyboardInterrupt:
        pass
    finally:
        if isinstance(sys.exc_info()[1], Exception):
            errors.put(traceback.format_exc())
            sys.exit(1)


class ProcessContext:
    """Processes that were started together."""

    def __init__(self, processes: list[Any], errors: list[Any]) -> None:
        self.processes, self.error_queues = processes, errors
        self.sentinels = {process.sentinel: at for at, process in enumerate(processes)}

    def pids(self) -> list[int]:
        """The processes' numbers."""
        return [process.pid for process in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Wait for one to end; True when all have. Raises if it failed, and ends the others."""
        if not self.sentinels:
            return True
        for sentinel in wait([*self.sentinels], timeout=timeout):
            at = self.sentinels.pop(sentinel)  # type: ignore[call-overload]
            self.processes[at].join()
            if self.processes[at].exitcode:
                self._fail(at)
        return not self.sentinels

    def _fail(self, at: int) -> None:
        for process in self.processes:
            if process.is_alive():
                process.terminate()
            process.join()
        failed = self.processes[at]
        if not self.error_queues[at].empty():
            text = f"\n\n-- Process {at} terminated with the following error:\n"
            raise ProcessRaisedException(text + self.error_queues[at].get(), at, failed.pid)
        how = "exit code" if failed.exitcode > 0 else "signal"
        raise ProcessExitedException(
            f"process {at} terminated with {how} {abs(failed.exitcode)}", at, failed.pid,
            failed.exitcode,
        )  # fmt: skip


SpawnContext = ProcessContext


def start_processes(
    fn: Callable[..., Any], args: tuple[Any, ...] = (), nprocs: int = 1, join: bool = True,
    daemon: bool = False, start_method: str = "spawn", **settings: Any,
) -> ProcessContext | None:  # fmt: skip
    """Call `fn(i, *args)` in `nprocs` processes; wait for them, or return them."""
    how: Any = multiprocessing.get_context(start_method)
    errors = [how.SimpleQueue() for _ in range(nprocs)]
    processes = [
        how.Process(target=_run, args=(fn, at, args, errors[at]), daemon=daemon)
        for at in range(nprocs)
    ]
    for process in processes:
        process.start()
    context = ProcessContext(processes, errors)
    if not join:
        return context
    while not context.join():
        pass
    return None


def spawn(
    fn: Callable[..., Any], args: tuple[Any, ...] = (), nprocs: int = 1, join: bool = True,
    daemon: bool = False, start_method: str = "spawn",
) -> ProcessContext | None:  # fmt: skip
    """Call `fn(i, *args)` in `nprocs` fresh processes; wait for them, or return them."""
    return start_processes(fn, args, nprocs, join, daemon, start_method)
