"""torch.utils.benchmark: times of statements, with threads set and the spread said."""

from __future__ import annotations

import dataclasses
import statistics
import time
import timeit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from franken.faces.settings import get_num_threads, set_num_threads

__all__ = ["Compare", "Measurement", "TaskSpec", "Timer", "set_torch_threads", "timer"]
timer = time.perf_counter
_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (0.0, "ns"))


@contextmanager
def set_torch_threads(n: int) -> Iterator[None]:
    """A block in which ops use `n` threads."""
    before = get_num_threads()
    set_num_threads(n)
    try:
        yield
    finally:
        set_num_threads(before)


@dataclasses.dataclass(frozen=True)
class TaskSpec:
    """What was measured."""

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """Its label, or the statement."""
        parts = [self.label or self.stmt, self.sub_label]
        return ": ".join(part for part in parts if part)


class Measurement:
    """Times of a statement: of blocks of `number_per_run` runs each."""

    def __init__(
        self, number_per_run: int, raw_times: list[float], task_spec: TaskSpec,
        metadata: dict[Any, Any] | None = None,
    ) -> None:  # fmt: skip
        self.number_per_run, self.raw_times = number_per_run, raw_times
        self.task_spec, self.metadata = task_spec, metadata

    @property
    def times(self) -> list[float]:
        """Seconds of one run, by block."""
        return [t / self.number_per_run for t in self.raw_times]

    @property
    def mean(self) -> float:
        """Their mean."""
        return statistics.mean(self.times)

    @property
    def median(self) -> float:
        """Their median."""
        return statistics.median(self.times)

    @property
    def iqr(self) -> float:
        """The range of their middle half."""
        if len(self.times) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.times, n=4, method="inclusive")
        return high - low

    @property
    def title(self) -> str:
        """What was measured."""
        return self.task_spec.title

    def __repr__(self) -> str:
        scale, unit = _unit(self.median)
        blocks = len(self.raw_times)
        spread = f"\n  IQR:    {self.iqr / scale:.2f} {unit}" if blocks > 3 else ""
        noun, threads = "measurement" + "s" * (blocks > 1), self.task_spec.num_threads
        return (
            f"{type(self).__module__}.{type(self).__qualname__}\n{self.title}\n"
            f"  {'Median: ' if blocks > 1 else ''}{self.median / scale:.2f} {unit}{spread}\n"
            f"  {blocks} {noun}, {self.number_per_run} runs "
            f"{'per measurement' if blocks > 1 else ''}, {threads} thread{'s' * (threads > 1)}"
        )


def _unit(seconds: float) -> tuple[float, str]:
    scale, unit = next(u for u in _UNITS if seconds >= u[0])
    return scale or 1e-9, unit


class Timer:
    """Runs a statement, after `setup`, with the names in `globals`.

    >>> Timer("x + 1", globals={"x": 1}).timeit(10).number_per_run
    10
    """

    def __init__(
        self, stmt: str = "pass", setup: str = "pass", global_setup: str = "",
        timer: Callable[[], float] = timer, globals: dict[str, Any] | None = None,  # noqa: A002
        label: str | None = None, sub_label: str | None = None, description: str | None = None,
        env: str | None = None, num_threads: int = 1, language: Any = "python",
    ) -> None:  # fmt: skip
        if str(getattr(language, "name", language)).lower() not in ("python", "py"):
            raise NotImplementedError("torch.utils.benchmark: only statements of Python are run")
        self._task_spec = TaskSpec(
            stmt, setup, global_setup, label, sub_label, description, env, num_threads
        )
        self._timer = timeit.Timer(stmt, setup, timer=timer, globals={**(globals or {})})

    def timeit(self, number: int = 1000000) -> Measurement:
        """Run it `number` times, after a few to warm up."""
        with set_torch_threads(self._task_spec.num_threads):
            self._timer.timeit(max(int(number // 100), 2))
            return Measurement(number, [self._timer.timeit(number)], self._task_spec)

    def blocked_autorange(self, callback: Any = None, min_run_time: float = 0.2) -> Measurement:
        """Run it in blocks, whose size is found first, for at least `min_run_time` seconds."""
        with set_torch_threads(self._task_spec.num_threads):
            number = self._block(min_run_time)
            taken: list[float] = []
            while sum(taken) < min_run_time:
                taken.append(self._timer.timeit(number))
                if callback is not None:
                    callback(number, taken[-1])
        return Measurement(number, taken, self._task_spec)

    adaptive_autorange = blocked_autorange

    def _block(self, min_run_time: float) -> int:
        number = 1
        while self._timer.timeit(number) < min_run_time / 1000:
            number *= 10
        return number


class Compare:
    """Measurements beside each other, as text."""

    def __init__(self, results: list[Measurement]) -> None:
        self._results = list(results)

    def extend_results(self, results: list[Measurement]) -> None:
        """Add more."""
        self._results.extend(results)

    def trim_significant_figures(self) -> None:
        """Nothing: two digits are shown."""

    colorize = highlight_warnings = trim_significant_figures

    def __str__(self) -> str:
        lines = []
        for m in self._results:
            scale, unit = _unit(m.median)
            what = m.task_spec.description or ""
            lines.append(f"{m.title}  {what}  {m.median / scale:.2f} {unit}")
        return "\n".join(lines)

    def print(self) -> None:
        """Write it."""
        import sys

        sys.stdout.write(f"{self}\n")
