"""What each op must show on a card: results within budget, and the same bits every time.

The samples and references are those of the interpreter's checks; outputs are poisoned here too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.gpu_card import PAIRS, Card, deep
from conformance.kernel_checks import POISONS, _look, _tuple, _widened
from franken.triton_kernels.checks import compare
from franken.triton_kernels.checks.cases import Case, Maker, Op
from franken.triton_kernels.launching import arrays
from franken.triton_kernels.launching import launch as launching

LAUNCHES = 20


def check_op(card: Card, entry: Op, seed: int, launches: int = LAUNCHES) -> dict[str, Any]:
    """Run every small sample of an op; a row with the worst error and all failures."""
    worst, failures, count = 0.0, [], 0
    for k, case in enumerate(entry.cases()):
        if case.big:
            continue
        count += 1
        try:
            error, said = check_case(card, entry, case, seed * 1000 + k, launches)
        except faults() as fault:
            error, said = float("inf"), f"{type(fault).__name__}: {fault}"[:400]
        worst = max(worst, error)
        if said:
            failures.append(f"{case.name}: {said}")
    return {
        "op": entry.name, "family": entry.family, "samples": count, "max_ulps": worst,
        "budget_ulps": entry.ulps, "launches": launches, "failures": failures,
    }  # fmt: skip


def faults() -> tuple[type[Exception], ...]:
    """What a kernel, its launcher or the driver may raise (CuPy's errors are RuntimeErrors)."""
    return (ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError,
            NotImplementedError, RuntimeError, TypeError, ValueError)  # fmt: skip


def check_case(card: Card, entry: Op, case: Case, seed: int, launches: int) -> tuple[float, str]:
    """(distance from the reference, what went wrong or '')."""
    args = case.build(Maker(seed))
    with launching.using(card.runner(bool(case.keywords.get("tf32", False)))):
        if case.refuses is not None:
            return _refused(card, entry, case, args)
        first = _once(card, entry, case, args, POISONS[0])
        for k in range(1, launches):
            again = _once(card, entry, case, args, POISONS[k % 2])
            if not _equal(first, again):
                return float("inf"), f"other bits in launch {k + 1} of {launches}"
        if not all(_equal(first, other) for other in _side_by_side(card, entry, case, args)):
            return float("inf"), f"other bits on one of {PAIRS} streams"
    return _distance(entry, case, args, first)


def _refused(card: Card, entry: Op, case: Case, args: Any) -> tuple[float, str]:
    wanted: Any = case.refuses
    given, keywords = deep((args, case.keywords), card.upload)
    try:
        entry.call(*given, **keywords)
    except wanted:
        return 0.0, ""
    return float("inf"), f"was to raise {wanted.__name__}"


def _start(card: Card, entry: Op, case: Case, args: Any, byte: int) -> tuple[Any, ...]:
    """Results of one call on fresh copies of the arguments, still on the card."""

    def poison(out: Any) -> None:
        if out.size:
            out.reshape(-1).view(np.uint8)[...] = byte if out.dtype != np.bool_ else byte & 1

    given, keywords = deep((args, case.keywords), card.upload)
    arrays.poison = poison
    try:
        return _tuple(entry.call(*given, **keywords))
    finally:
        arrays.poison = None


def _once(card: Card, entry: Op, case: Case, args: Any, byte: int) -> list[np.ndarray]:
    return [card.download(x) for x in _start(card, entry, case, args, byte)]


def _side_by_side(card: Card, entry: Op, case: Case, args: Any) -> list[list[np.ndarray]]:
    """The results of one call a stream, all started before any is waited for."""
    running = []
    for k, stream in enumerate(card.streams(PAIRS)):
        with stream:
            running.append(_start(card, entry, case, args, POISONS[k % 2]))
    card.wait()
    return [[card.download(x) for x in out] for out in running]


def _equal(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return [x.tobytes() for x in a] == [x.tobytes() for x in b]


def _distance(entry: Op, case: Case, args: Any, got: list[np.ndarray]) -> tuple[float, str]:
    with np.errstate(all="ignore"):
        given = _widened(args) if entry.widen else args
        want = _tuple(entry.reference(*given, **case.keywords))
    if len(want) != len(got):
        return float("inf"), f"{len(got)} results, the reference gives {len(want)}"
    error, said = 0.0, ""
    for at, (x, right) in enumerate(zip(got, want, strict=True)):
        d = compare.distance(x, right, entry.floor)
        error = max(error, d)
        if d > (budget := entry.allowed(case, x)) and not said:
            said = f"result {at}: {d:.3g} ulps from the reference, {budget:g} allowed; "
            said += _look(x, right)
    return error, said
