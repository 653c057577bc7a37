"""torch.autograd.profiler: wall times of what a block executes, by primitive and by named range.

Knows bind's observer hook and the clock. Events nest by the time they take: a range's self time is
its own less that of what ran within it.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import threading
import time
from collections.abc import Iterator
from typing import Any, Final

from franken.core import primitive as _bind
from franken.core.primitive import Primitive
from franken.core.state import STATE

_SORTS: Final = {
    "cpu_time": "cpu_time", "cpu_time_total": "cpu_time_total", "count": "count",
    "self_cpu_time_total": "self_cpu_time_total",
}  # fmt: skip
_HEADS: Final = (
    "Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg", "# of Calls",
)  # fmt: skip


def kineto_available() -> bool:
    """False: times are taken here."""
    return False


class FunctionEvent:
    """One execution: its name, when it began and how long it took, in microseconds."""

    def __init__(self, name: str, start: float, shapes: list[Any] | None) -> None:
        self.name = self.key = name
        self.thread = threading.get_ident()
        self.start, self.end, self.inner = start, start, 0.0
        self.input_shapes = shapes
        self.count = 1

    @property
    def cpu_time_total(self) -> float:
        """How long it took, with what ran within it."""
        return (self.end - self.start) * 1e6

    @property
    def self_cpu_time_total(self) -> float:
        """How long it took by itself."""
        return self.cpu_time_total - self.inner * 1e6

    cpu_time = cpu_time_total


class FunctionEventAvg:
    """All executions of one name."""

    def __init__(self, key: str, input_shapes: Any = None) -> None:
        self.key, self.count, self.input_shapes = key, 0, input_shapes
        self.cpu_time_total = self.self_cpu_time_total = 0.0

    @property
    def cpu_time(self) -> float:
        """How long one takes on average."""
        return self.cpu_time_total / self.count if self.count else 0.0

    def add(self, event: Any) -> FunctionEventAvg:
        """Count one more."""
        self.count += event.count
        self.cpu_time_total += event.cpu_time_total
        self.self_cpu_time_total += event.self_cpu_time_total
        return self


class EventList(list[Any]):
    """Events, which can be summed by name and printed as a table."""

    @property
    def self_cpu_time_total(self) -> float:
        """How long all of it took."""
        return float(sum(event.self_cpu_time_total for event in self))

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, **more: Any
    ) -> EventList:
        """The events by name (and shapes of inputs)."""
        groups: dict[Any, FunctionEventAvg] = {}
        for event in self:
            shapes = event.input_shapes if group_by_input_shape else None
            key = (event.key, str(shapes))
            groups.setdefault(key, FunctionEventAvg(event.key, shapes)).add(event)
        return EventList(groups.values())

    def total_average(self) -> FunctionEventAvg:
        """All events as one."""
        return functools.reduce(FunctionEventAvg.add, self, FunctionEventAvg("Total"))

    def table(
        self, sort_by: str | None = None, row_limit: int = 100, max_src_column_width: int = 75,
        max_name_column_width: int = 55, max_shapes_column_width: int = 80,
        header: str | None = None, top_level_events_only: bool = False, **more: Any,
    ) -> str:  # fmt: skip
        """The events as text, a line each, in columns of their times."""
        rows = list(self)
        if sort_by is not None:
            rows.sort(key=lambda row: getattr(row, _SORTS.get(sort_by, "cpu_time_total")))
            rows.reverse()
        total = self.self_cpu_time_total or 1.0
        names = [_short(row.key, max_name_column_width) for row in rows[:row_limit]]
        width = max([len("Name"), *map(len, names)]) + 2
        rule = "-" * width + ("  " + "-" * 12) * len(_HEADS)
        lines = [rule, "Name".rjust(width) + "".join(h.rjust(14) for h in _HEADS), rule]
        for name, row in zip(names, rows, strict=False):
            lines.append(name.rjust(width) + "".join(c.rjust(14) for c in _cells(row, total)))
        lines += [rule, f"Self CPU time total: {_time(self.self_cpu_time_total)}", ""]
        return "\n".join(([header] if header else []) + lines)

    __str__ = table

    def export_chrome_trace(self, path: str) -> None:
        """Write the events, for the browser's trace viewer."""
        events = [
            {"name": e.name, "ph": "X", "ts": e.start * 1e6, "dur": e.cpu_time_total,
             "tid": e.thread, "pid": os.getpid()}
            for e in self
        ]  # fmt: skip
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": events}, file)


def _short(name: str, width: int) -> str:
    return name if len(name) <= width else name[: width - 3] + "..."


def _cells(row: Any, total: float) -> tuple[str, ...]:
    own, whole = row.self_cpu_time_total, row.cpu_time_total
    return (
        f"{own / total:.2%}", _time(own), f"{whole / total:.2%}", _time(whole),
        _time(row.cpu_time), str(row.count),
    )  # fmt: skip


def _time(us: float) -> str:
    if us >= 1e6:
        return f"{us / 1e6:.3f}s"
    return f"{us / 1e3:.3f}ms" if us >= 1e3 else f"{us:.3f}us"


class profile(_bind.Observer):
    """Within the block, measure what this thread executes.

    >>> import franken as torch
    >>> with profile() as prof:
    ...     y = torch.ones(2) * 3
    >>> [event.key for event in prof.key_averages()]
    ['aten::mul']
    """

    def __init__(self, enabled: bool = True, *, record_shapes: bool = False, **more: Any) -> None:
        self.enabled, self.record_shapes = enabled, record_shapes
        self.function_events = EventList()
        self._open: list[FunctionEvent] = []

    def __enter__(self) -> profile:
        if self.enabled:
            super().__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        if self.enabled:
            super().__exit__(*exc)

    def __call__(
        self, prim: Primitive, args: tuple[Any, ...], params: dict[str, Any], grad: bool
    ) -> Any:
        """Execute a primitive and note how long it took."""
        shapes = [list(getattr(a, "shape", ())) for a in args] if self.record_shapes else None
        event = self.begin(f"aten::{prim.name.removesuffix('_')}", shapes)
        try:
            return super().__call__(prim, args, params, grad)
        finally:
            self.end(event)

    def begin(self, name: str, shapes: list[Any] | None = None) -> FunctionEvent:
        """Note the beginning of something."""
        event = FunctionEvent(name, time.perf_counter(), shapes)
        self.function_events.append(event)
        self._open.append(event)
        return event

    def end(self, event: FunctionEvent) -> None:
        """Note its end."""
        event.end = time.perf_counter()
        self._open.remove(event)
        if self._open:
            self._open[-1].inner += event.end - event.start

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, **more: Any
    ) -> EventList:
        """What was measured, by name."""
        return self.function_events.key_averages(group_by_input_shape)

    def total_average(self) -> FunctionEventAvg:
        """All of it as one."""
        return self.function_events.total_average()

    def table(self, *args: Any, **kwargs: Any) -> str:
        """What was measured, as text."""
        return self.function_events.table(*args, **kwargs)

    def export_chrome_trace(self, path: str) -> None:
        """Write what was measured, for the browser's trace viewer."""
        self.function_events.export_chrome_trace(path)

    @property
    def self_cpu_time_total(self) -> float:
        """How long all of it took."""
        return self.function_events.self_cpu_time_total

    def __str__(self) -> str:
        return str(self.function_events)


class record_function(contextlib.ContextDecorator):
    """Within the block, or in each call of a function, a named range of the profile at work."""

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name, self.args = name, args
        self._ranges: list[tuple[profile, FunctionEvent]] = []

    def __enter__(self) -> record_function:
        self._ranges = [(p, p.begin(self.name)) for p in _at_work()]
        return self

    def __exit__(self, *exc: object) -> None:
        for prof, event in self._ranges:
            prof.end(event)
        self._ranges = []


def _at_work() -> Iterator[profile]:
    observer: Any = STATE.recorder
    while observer is not None:
        if isinstance(observer, profile):
            yield observer
        observer = getattr(observer, "inner", None)


@contextlib.contextmanager
def emit_nvtx(enabled: bool = True, record_shapes: bool = False) -> Iterator[None]:
    """A block; no marks are set for other profilers."""
    yield


emit_itt = emit_nvtx
