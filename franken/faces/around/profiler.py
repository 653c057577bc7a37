"""torch.profiler: wall times by op, over steps; see `torch.autograd.profiler`, which measures."""

from __future__ import annotations

import enum
import os
import socket
import time
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from franken.autograd.profiler import profile as _measure
from franken.autograd.profiler import record_function as record_function

__all__ = [
    "ProfilerAction", "ProfilerActivity", "kineto_available", "profile", "record_function",
    "schedule", "supported_activities", "tensorboard_trace_handler",
]  # fmt: skip


class ProfilerActivity(enum.Enum):
    """What can be measured; only what runs on the CPU is."""

    CPU, XPU, MTIA, CUDA, HPU, PrivateUse1 = range(6)


class ProfilerAction(enum.Enum):
    """What happens in a step."""

    NONE, WARMUP, RECORD, RECORD_AND_SAVE = range(4)


def kineto_available() -> bool:
    """False: times are taken here."""
    return False


def supported_activities() -> set[ProfilerActivity]:
    """What can be measured."""
    return {ProfilerActivity.CPU}


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0,
    skip_first_wait: int = 0,
) -> Callable[[int], ProfilerAction]:  # fmt: skip
    """What happens in a step, by its number: wait, warm up, record, again and again.

    >>> plan = schedule(wait=1, warmup=1, active=2)
    >>> [plan(step).name for step in range(5)]
    ['NONE', 'WARMUP', 'RECORD', 'RECORD_AND_SAVE', 'NONE']
    """
    if min(wait, warmup, repeat, skip_first) < 0 or active <= 0:
        raise AssertionError(
            f"Invalid profiler schedule arguments. Got wait={wait} (need >= 0), warmup={warmup} "
            f"(need >= 0), active={active} (need > 0), repeat={repeat} (need >= 0), "
            f"skip_first={skip_first} (need >= 0)."
        )
    if not warmup:
        warnings.warn(
            "Profiler won't be using warmup, this can skew profiler results", stacklevel=2
        )
    none, warm, record, save = ProfilerAction
    cycle = [none] * wait + [warm] * warmup + [record] * (active - 1) + [save]
    first = skip_first - (wait if skip_first_wait else 0)

    def action(step: int) -> ProfilerAction:
        if step < 0:
            raise AssertionError(f"Step must be non-negative. Got {step}.")
        turn, at = divmod(step - first, len(cycle))
        return cycle[at] if step >= skip_first and (turn < repeat or not repeat) else none

    return action


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False
) -> Callable[[Any], None]:
    """What writes a profile's trace into a folder, under a name of its own."""

    def write(prof: Any) -> None:
        os.makedirs(dir_name, exist_ok=True)
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        end = ".pt.trace.json" + (".gz" if use_gzip else "")
        prof.export_chrome_trace(os.path.join(dir_name, f"{worker}.{time.time_ns()}{end}"))

    return write


class profile:
    """Within the block, measure ops; `step()` after each round if there is a schedule."""

    def __init__(
        self, *, activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[profile], Any] | None = None, record_shapes: bool = False,
        profile_memory: bool = False, with_stack: bool = False, with_flops: bool = False,
        with_modules: bool = False, **settings: Any,
    ) -> None:  # fmt: skip
        self.activities = set(activities or supported_activities())
        self.schedule, self.on_trace_ready = schedule, on_trace_ready
        self.record_shapes = record_shapes
        self.step_num = 0
        self.profiler: _measure | None = None
        self._runs = False

    @property
    def current_action(self) -> ProfilerAction:
        """What happens in this step."""
        return self.schedule(self.step_num) if self.schedule else ProfilerAction.RECORD_AND_SAVE

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin."""
        self._turn()

    def step(self) -> None:
        """End a round: the next one does what the schedule says."""
        if self.schedule is not None and self.current_action is ProfilerAction.RECORD_AND_SAVE:
            self._finish()
        self.step_num += 1
        self._turn()

    def stop(self) -> None:
        """End."""
        self._finish()

    def _turn(self) -> None:
        wanted = self.current_action in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)
        if wanted and not self._runs:
            self.profiler = _measure(record_shapes=self.record_shapes)
            self.profiler.__enter__()
            self._runs = True

    def _finish(self) -> None:
        if self._runs and self.profiler is not None:
            self._runs = False
            self.profiler.__exit__(None, None, None)
            if self.on_trace_ready is not None:
                self.on_trace_ready(self)

    def _measured(self) -> _measure:
        if self.profiler is None:
            raise AssertionError("Profiler must be initialized before exporting results")
        return self.profiler

    def events(self) -> Any:
        """What was measured, in order."""
        return self._measured().function_events

    def key_averages(self, *args: Any, **kwargs: Any) -> Any:
        """What was measured, by op; see its `table`."""
        return self._measured().key_averages(*args, **kwargs)

    def export_chrome_trace(self, path: str) -> None:
        """Write what was measured, for the browser's trace viewer."""
        self._measured().export_chrome_trace(path)

    def add_metadata(self, key: str, value: str) -> None:
        """Nothing: traces hold times only."""

    add_metadata_json = preset_metadata_json = add_metadata
