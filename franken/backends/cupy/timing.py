"""Time calls on a GPU by marks on its stream: what Triton's autotuner and `tune` measure with.

Knows a `Runtime` only. A cache-sized buffer is overwritten before each call.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from franken.backends.cupy.runtime import Runtime

FLUSHED_BYTES = 256 << 20
FEWEST, GUESSES = 5, 5  # runs that are timed at least; runs that estimate the time of one
STATISTICS: dict[str, Callable[[Sequence[float]], Any]] = {
    "mean": statistics.fmean, "median": statistics.median, "min": min, "max": max, "all": list,
}  # fmt: skip


def measure(
    runtime: Runtime, call: Callable[[], Any], warmup: float = 25, rep: float = 100,
    quantiles: Sequence[float] | None = None, return_mode: str = "mean",
) -> Any:  # fmt: skip
    """Milliseconds of `call` on the current stream, its L2 cache overwritten before each run.

    warmup, rep: milliseconds to spend on untimed and on timed runs. Returns the quantiles if given,
    else the statistic named by return_mode: mean, median, min, max or all (a list).
    """
    if return_mode not in STATISTICS:
        raise ValueError(f"return_mode: one of {', '.join(STATISTICS)}, got {return_mode!r}")
    memory = runtime.alloc(FLUSHED_BYTES)
    call()  # compiles
    estimate = max(statistics.fmean(_times(runtime, call, memory, GUESSES)), 1e-3)
    for _ in range(int(warmup / estimate)):
        call()
    times = sorted(_times(runtime, call, memory, max(FEWEST, int(rep / estimate))))
    if quantiles is not None:
        return [_quantile(times, q) for q in quantiles]
    return STATISTICS[return_mode](times)


def _times(runtime: Runtime, call: Callable[[], Any], memory: Any, runs: int) -> list[float]:
    marks = []
    for _ in range(runs):
        runtime.fill(memory, FLUSHED_BYTES)
        start = runtime.mark()
        call()
        marks.append((start, runtime.mark()))
    runtime.synchronize()
    return [runtime.elapsed(start, end) for start, end in marks]


def _quantile(times: Sequence[float], q: float) -> float:
    """The value below which a share q of sorted `times` lies, interpolated.

    >>> _quantile([1.0, 2.0, 3.0], 0.25)
    1.5
    """
    at = q * (len(times) - 1)
    low = int(at)
    high = min(low + 1, len(times) - 1)
    return times[low] + (at - low) * (times[high] - times[low])
