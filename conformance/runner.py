"""Runs cases in worker processes: a time limit a sample, and a hang or crash costs one op only.

Workers are forked after the imports, so that each op costs only itself. Knows no op; what a check
means is `checks`.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

from conformance import checks
from conformance.cases import Case, Sample
from conformance.known import KNOWN, UNINITIALISED, Known
from conformance.oracle import Side
from conformance.values import describe

PASS, FAIL, NOT_PROVEN, KNOWN_FAIL = "PASS", "FAIL", "NOT PROVEN", "KNOWN"


class Result(NamedTuple):
    """One check of one op on one sample."""

    op: str
    source: str
    check: str
    dtype: str
    verdict: str
    reason: str = ""


class Options(NamedTuple):
    """What a run is told."""

    dtypes: tuple[str, ...] = ("float32", "int64", "bool", "complex64", "bfloat16")
    derivative_dtypes: tuple[str, ...] = ("float64", "complex128")
    samples: int = 2
    declared: int = 8  # samples at most of a declaration
    workers: int = 2
    sample_timeout: float = 4.0  # of the processor's time, so that a busy machine fails nothing
    op_timeout: float = 240.0  # of the clock's: a process that waits for ever
    deadline: float = 1800.0


Task = Callable[[Case, Options, Side, "Side | None"], list[Result]]


class _Late(BaseException):
    """The sample's time is over; not an Exception, so that no library swallows it."""


def _ring(*_: Any) -> None:
    raise _Late


@contextmanager
def _limit(seconds: float) -> Iterator[None]:
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def run_case(case: Case, options: Options, ours: Side, theirs: Side | None) -> list[Result]:
    """All checks of one op, in this process."""
    fns = case.functions(ours, theirs)
    if fns[0] is None:
        return [Result(case.name, case.source, "value", "", FAIL, f"franken has no {case.name}")]
    found: list[Result] = []

    def check(name: str, sample: Sample, dtype: str) -> None:
        contents = case.name not in UNINITIALISED
        pair = checks.Pair(sample, fns, ours, theirs, contents)
        run: Callable[[Any], None] = getattr(checks, name)
        found.append(Result(case.name, case.source, name, dtype, *_verdict(run, pair, options)))

    def refused(sample: Sample) -> BaseException | None:
        return checks.Pair(sample, fns, ours, theirs).refusal()

    for i, dtype in enumerate(options.dtypes):
        for sample in _samples(case, dtype, _count(case, options, not i), ours, theirs):
            error = refused(sample)
            if error is None:
                check("value", sample, dtype)
            else:  # what torch refuses, franken must refuse
                check("errors", replace(sample, error=(type(error),)), dtype)
    for dtype in options.derivative_dtypes:
        count = _count(case, options, True) if dtype == "float64" else 1
        for sample in _samples(case, dtype, count, ours, theirs)[:count]:
            if not sample.wants_grad() or refused(sample) is not None:
                continue
            differentiable = checks.Pair(sample, fns, ours, theirs).has_gradient()
            for name in (*(checks.DERIVATIVES if differentiable else ()), *checks.ALWAYS):
                if fns[1] is None and dtype != "float64" and name in checks.DIFFERENCES:
                    continue  # a real step says nothing of complex numbers
                check(name, sample, dtype)
    for sample in case.error_samples(theirs) if theirs else []:
        check("errors", sample, "")
    return found


def _count(case: Case, options: Options, first: bool) -> int:
    """How many samples: of declared ones all in the first dtype, since they are few and small."""
    return options.samples if case.source == "opinfo" or not first else options.declared


def _samples(
    case: Case, dtype: str, count: int, ours: Side, theirs: Side | None
) -> list[Sample]:  # fmt: skip
    try:
        found = case.samples(dtype, count, ours, theirs)
        return found if case.source == "opinfo" else found[:count]
    except (RuntimeError, TypeError, NotImplementedError):
        if case.source != "opinfo":
            raise
        return []  # torch's own generator does not know the dtype after all


def _verdict(run: Callable[[Any], None], pair: Any, options: Options) -> tuple[str, str]:
    try:
        with _limit(options.sample_timeout):
            run(pair)
    except checks.NotProven as error:
        return NOT_PROVEN, str(error)[:160]
    except checks.Failed as error:
        return FAIL, f"[{describe([pair.sample.args, pair.sample.kwargs])[:120]}] {error}"[:320]
    except _Late:
        return FAIL, f"longer than {options.sample_timeout:g} s"
    except Exception as error:  # a fault of a check must not look like a pass
        return FAIL, f"the check itself: {checks.brief(error)}"
    return PASS, ""


# --- processes ------------------------------------------------------------------------------------


def _serve(
    pipe: Any, cases: list[Case], options: Options, ours: Side, theirs: Side, task: Task
) -> None:
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGPROF, _ring)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    while (index := pipe.recv()) is not None:
        case = cases[index]
        try:
            pipe.send(task(case, options, ours, theirs))
        except Exception as error:  # one op's trouble is reported as that op's
            reason = f"no samples: {checks.brief(error)}"
            pipe.send([Result(case.name, case.source, "value", "", FAIL, reason)])


class _Worker:
    def __init__(self, *args: Any) -> None:
        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, *args), daemon=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads: none is held
            self.process.start()
        theirs.close()
        self.index: int | None = None
        self.since = 0.0

    def give(self, index: int) -> None:
        self.index, self.since = index, time.monotonic()
        self.pipe.send(index)

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def run(
    cases: list[Case], options: Options, ours: Side, theirs: Side | None, done: Callable[[], None],
    task: Task = run_case,
) -> list[Result]:  # fmt: skip
    """Run all cases; those that the deadline cuts off are NOT PROVEN."""
    start = time.monotonic()
    waiting = list(range(len(cases)))[::-1]
    found: dict[int, list[Result]] = {}
    args = (cases, options, ours, theirs, task)
    workers = [_Worker(*args) for _ in range(min(options.workers, len(cases)))]
    try:
        while len(found) < len(cases) and time.monotonic() - start < options.deadline:
            for w in workers:
                if w.index is None and waiting:
                    w.give(waiting.pop())
            ready = multiprocessing.connection.wait([w.pipe for w in workers], timeout=0.25)
            for i, w in enumerate(workers):
                result = _collect(w, w.pipe in ready, cases, options)
                if result is not None and w.index is not None:
                    found[w.index], w.index = result, None
                    done()
                    if not w.process.is_alive():
                        w.end()
                        workers[i] = _Worker(*args)
    finally:
        for w in workers:
            w.end()
    late = "out of time"
    return [
        r
        for i, c in enumerate(cases)
        for r in found.get(i) or [_unproven(c, "nothing to compare" if i in found else late)]
    ]


def _collect(w: _Worker, ready: bool, cases: list[Case], options: Options) -> Any:
    """What a worker has to say: its results, or how it ended; None while it works."""
    if w.index is None:
        return None
    case = cases[w.index]
    if ready:
        try:
            return w.pipe.recv()
        except EOFError:
            w.process.join()
            reason = f"the process ended with code {w.process.exitcode}"
            return [Result(case.name, case.source, "value", "", FAIL, reason)]
    if time.monotonic() - w.since > options.op_timeout:
        w.process.kill()
        w.process.join()
        reason = f"longer than {options.op_timeout:g} s"
        return [Result(case.name, case.source, "value", "", FAIL, reason)]
    return None


def _unproven(case: Case, why: str) -> Result:
    return Result(case.name, case.source, "value", "", NOT_PROVEN, why)


def apply_known(
    results: list[Result], entries: tuple[Known, ...] | None = None
) -> tuple[list[Result], list[str]]:
    """(results with known failures marked, entries that no longer fail); KNOWN by default."""
    entries = KNOWN if entries is None else entries
    known: dict[tuple[str, str], list[Known]] = {}
    for entry in entries:
        known.setdefault((entry.op, entry.check), []).append(entry)
    used: set[Known] = set()
    marked = []
    for r in results:
        named = known.get((r.op, r.check), ()) if r.verdict == FAIL else ()
        k = next((k for k in named if k.words in r.reason), None)
        if k is not None:
            used.add(k)
            r = r._replace(verdict=KNOWN_FAIL, reason=k.reason)
        marked.append(r)
    # an entry was found with one source's samples: without those it cannot go stale
    ran = {(r.op, r.check, r.source == "declared") for r in results}
    gone = [k for k in entries if k not in used and (k.op, k.check, k.declared) in ran]
    return marked, [f"{k.op} {k.check}" for k in gone]
