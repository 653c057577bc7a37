"""Tune tables offline, on the card itself: time candidate configurations, write the fastest.

Knows tables and a timing function that the caller gives; starts nothing by itself. What is written
is what `policy` reads: a call's configuration is still a pure function of its shape and dtype.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from . import policy
from .policy import Config

Facts = dict[str, Any]
# Milliseconds of a configuration on a call with these facts; inf where it cannot run.
Timer = Callable[[Config, Facts], float]
WARPS, STAGES = (1, 2, 4, 8, 16), (1, 2, 3, 4, 5)
ROUNDS = 4  # changes of a configuration that a search takes one after the other


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a table file: a rule's words, or (words empty) a comment as it stands."""

    words: tuple[str, ...]
    comment: str = ""


def read(text: str) -> list[Line]:
    """The lines of a table file, comments too; empty lines are left out.

    >>> [line.words for line in read("# why\\nn<= | BLOCK warps stages\\n* | 8 4 2")][1]
    ('n<=', '|', 'BLOCK', 'warps', 'stages')
    """
    found = []
    for text_line in text.splitlines():
        before, mark, after = text_line.partition("#")
        if before.strip() or mark:
            found.append(Line(tuple(before.split()), (mark + after).rstrip()))
    return found


def render(lines: Sequence[Line]) -> str:
    """The text of a table file, its columns aligned.

    >>> print(render(read("n<= | BLOCK warps stages\\n* | 8 4 2")), end="")
    n<=  |  BLOCK  warps  stages
    *    |  8      4      2
    """
    rows = [line.words for line in lines if line.words]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    out = []
    for line in lines:
        words = "  ".join(w.ljust(n) for w, n in zip(line.words, widths, strict=False)).rstrip()
        out.append("  ".join(part for part in (words, line.comment) if part))
    return "\n".join(out) + "\n"


def fastest(candidates: Iterable[Config], samples: Sequence[Facts], time: Timer) -> Config:
    """The candidate of the least product of times over the samples; the first of equals.

    The product (of a geometric mean) lets a small sample count as much as a large one. Raises
    LookupError when no candidate runs on all samples.
    """
    best, least = None, math.inf
    for config in candidates:
        score = _score(config, samples, time)
        if score < least:
            best, least = config, score
    if best is None:
        raise LookupError(f"no candidate runs on all of {list(samples)}")
    return best


def _score(config: Config, samples: Sequence[Facts], time: Timer) -> float:
    times = [time(config, facts) for facts in samples]
    return math.inf if math.inf in times else sum(math.log(max(t, 1e-9)) for t in times)


def neighbours(config: Config) -> list[Config]:
    """Configurations one change away: a power-of-two constant halved or doubled, warps, stages.

    Constants 0 and 1 and such as are no power of two say something else than a size, and stay.
    """
    found = []
    for name, value in config.constants.items():
        if value > 1 and value & (value - 1) == 0:
            for other in (value // 2, value * 2):
                changed = {**config.constants, name: other}
                found.append(Config(changed, config.warps, config.stages))
    found += [Config(config.constants, w, config.stages) for w in WARPS if w != config.warps]
    found += [Config(config.constants, config.warps, s) for s in STAGES if s != config.stages]
    return found


def climb(start: Config, samples: Sequence[Facts], time: Timer) -> Config:
    """Follow the fastest neighbour from `start` until none is faster, at most ROUNDS times."""
    known: dict[str, float] = {}

    def once(config: Config, facts: Facts) -> float:
        key = f"{config} {sorted(facts.items())}"
        if key not in known:
            known[key] = time(config, facts)
        return known[key]

    for _ in range(ROUNDS):
        better = fastest([start, *neighbours(start)], samples, once)
        if better == start:
            break
        start = better
    return start


def tuned(
    text: str, samples: Sequence[Facts], time: Timer, candidates: Sequence[Config] | None = None,
    arch: int | None = None, name: str = "table",
) -> str:  # fmt: skip
    """The table with the fastest configuration in each rule that samples come to.

    text: a table file. samples: facts of calls, each timed under the rule that serves it now.
    candidates: what to choose from beside the present configuration (None: search by `climb`).
    arch: the card's; in a table with a column `arch>=` a rule of older cards is kept, and the new
    one put before it. Comments, header and conditions stay.
    """
    lines = read(text)
    rules = policy.parse(text, name)
    header, *rest = [k for k, line in enumerate(lines) if line.words]
    served: dict[int, list[Facts]] = {}
    for facts in samples:
        at = next((k for k, rule in enumerate(rules) if rule.holds(facts)), None)
        if at is None:
            raise LookupError(f"{name}: no rule for {facts}")
        served.setdefault(at, []).append(facts)
    for at in sorted(served, reverse=True):  # from the end: an inserted line moves those below it
        now = rules[at].config
        if candidates is None:
            best = climb(now, served[at], time)
        else:
            best = fastest([now, *candidates], served[at], time)
        if best != now:
            _replace(lines, rest[at], lines[header].words, best, arch)
    return render(lines)


def _replace(
    lines: list[Line], at: int, header: tuple[str, ...], best: Config, arch: int | None
) -> None:
    """Put a configuration in the rule of line `at`, or before it where that is for older cards."""
    old = lines[at].words
    values = {**best.constants, "warps": best.warps, "stages": best.stages}
    cut = header.index("|") + 1
    new = [*old[:cut], *[str(values[column]) for column in header[cut:]]]
    if arch is not None and "arch>=" in header:
        column = header.index("arch>=")
        if old[column] == "*" or int(old[column]) < arch:
            new[column] = str(arch)
            lines.insert(at, Line(tuple(new)))
            return
    lines[at] = Line(tuple(new), lines[at].comment)


@dataclass
class _Only:
    """A rule that always holds, and notes the facts it is asked about."""

    config: Config
    asked: list[Facts]

    def holds(self, facts: Facts) -> bool:
        self.asked.append(dict(facts))
        return True


@contextmanager
def forcing(table: str, config: Config) -> Iterator[list[Facts]]:
    """Let every choice from `table` within the block be `config`; gives the facts asked for."""
    before = policy.rules
    only = _Only(config, [])

    def rules(name: str) -> Any:
        return (only,) if name == table else before(name)

    policy.rules = rules  # type: ignore[assignment]
    try:
        yield only.asked
    finally:
        policy.rules = before


def facts_of(table: str, call: Callable[[], Any]) -> list[Facts]:
    """The facts that `call` asks `table` about, in order, once each.

    The call is run under the table's own rules; put a recorder in place of the GPU's runner so
    that nothing is started.
    """
    before = policy.rules
    seen: list[Facts] = []

    def rules(name: str) -> Any:
        found = before(name)
        return (_Noted(seen), *found) if name == table else found

    policy.rules = rules  # type: ignore[assignment]
    try:
        call()
    finally:
        policy.rules = before
    return [f for k, f in enumerate(seen) if f not in seen[:k]]


@dataclass
class _Noted:
    """A rule that never holds, and notes the facts it is asked about."""

    asked: list[Facts]

    def holds(self, facts: Facts) -> bool:
        self.asked.append(dict(facts))
        return False


def write(table: str, text: str) -> None:
    """Replace `tables/<table>.txt`, once the text is seen to parse; the next choice reads it."""
    policy.parse(text, table)
    (policy.TABLES / f"{table}.txt").write_text(text)
    policy.rules.cache_clear()
