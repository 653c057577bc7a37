"""Which blocks, warps and stages a kernel runs with: a pure function of shape, dtype and policy.

The choices lie in `tables/<kernel>.txt`, one line a rule, first match wins; nothing is timed at
run time, so the same call is the same launch, and the same bits, on every run. `tune.py` writes
the tables offline, on the card itself.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TABLES = Path(__file__).with_name("tables")


@dataclass(frozen=True, slots=True)
class Policy:
    """What a launch may assume.

    arch: compute capability (80, 90, 100). tf32: float32 products may round inputs to TF32.
    fp_fusion: multiply and add may become one rounding (off for bits equal to the CPU's).
    """

    arch: int = 80
    tf32: bool = False
    fp_fusion: bool = True


@dataclass(frozen=True, slots=True)
class Config:
    """Constants by name (block sizes), and warps and stages of a launch."""

    constants: dict[str, int]
    warps: int
    stages: int


@dataclass(frozen=True, slots=True)
class _Rule:
    conditions: tuple[tuple[str, str, Any], ...]
    config: Config

    def holds(self, facts: dict[str, Any]) -> bool:
        for name, relation, value in self.conditions:
            fact = facts[name]
            if relation == "=" and fact != value:
                return False
            if relation == "<=" and fact > value or relation == ">=" and fact < value:
                return False
        return True


def choose(table: str, **facts: Any) -> Config:
    """The first rule of `tables/<table>.txt` whose conditions hold for `facts`.

    Raises KeyError for a fact that the table asks for and the caller did not give, LookupError
    when no rule holds.
    """
    for rule in rules(table):
        if rule.holds(facts):
            return rule.config
    raise LookupError(f"tables/{table}.txt: no rule for {facts}")


@functools.cache
def rules(table: str) -> tuple[_Rule, ...]:
    """The rules of a table file, parsed once."""
    return parse((TABLES / f"{table}.txt").read_text(), table)


def parse(text: str, name: str = "table") -> tuple[_Rule, ...]:
    """Read a table: a header line, then one rule a line; `#` starts a comment; `*` is any value.

    Header: condition columns (`arch>=`, `n<=`, or a bare name for equality), `|`, constants,
    `warps`, `stages`.

    >>> table = parse("arch>= dtype n<= | BLOCK warps stages\\n90 bf16 64 | 32 2 3")
    >>> table[0].config
    Config(constants={'BLOCK': 32}, warps=2, stages=3)
    """
    lines = [line.split("#")[0].split() for line in text.splitlines()]
    lines = [line for line in lines if line]
    header, *rows = lines
    if "|" not in header or header[-2:] != ["warps", "stages"]:
        raise ValueError(f"{name}: header must be `conditions | constants warps stages`")
    cut = header.index("|")
    found = []
    for row in rows:
        if len(row) != len(header) or row[cut] != "|":
            raise ValueError(f"{name}: {' '.join(row)!r} does not fit the header")
        conditions = [_condition(h, v) for h, v in zip(header[:cut], row[:cut], strict=True)]
        numbers = dict(zip(header[cut + 1 :], map(int, row[cut + 1 :]), strict=True))
        warps, stages = numbers.pop("warps"), numbers.pop("stages")
        kept = tuple(c for c in conditions if c is not None)
        found.append(_Rule(kept, Config(numbers, warps, stages)))
    return tuple(found)


def _condition(column: str, value: str) -> tuple[str, str, Any] | None:
    if value == "*":
        return None
    for relation in ("<=", ">="):
        if column.endswith(relation):
            return column[:-2], relation, int(value)
    return column, "=", int(value) if value.lstrip("-").isdigit() else value
