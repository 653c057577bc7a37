"""Derivative rules as they are declared, and the plans that the tape follows.

Knows no particular op. A rule is a function whose parameter names say what it needs, read once at
registration; exactly that is kept by the tape:
  g                  the cotangent of the output (a tuple of them when there are several outputs)
  <input name>       that input's value            <input name>_shape, <input name>_dtype: only that
  out, out0, out1    an output's value             args, shapes: all inputs of a variadic op
  needs              (joint rules) a tuple of bools, one per input
  <anything else>    a parameter of the op
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Said:
    """A rule that is declared not to exist."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


NOT_DIFFERENTIABLE = Said("NOT_DIFFERENTIABLE")
NO_BATCH_RULE = Said("NO_BATCH_RULE")


class Rule:
    """A derivative rule and where each of its arguments comes from."""

    __slots__ = ("fn", "names")

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.fn = fn
        code = fn.__code__
        self.names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


class Plan:
    """For one set of differentiable inputs: what to save, and how to call each rule.

    `entries` lists (kind, index): 'x' input, 'o' output, 's' shape, 'd' dtype, 'A' all inputs,
    'S' all shapes. `rules` lists (input, function, sources); a source is 0 for the cotangent, k
    for entry k-1, or a parameter's name; `input` is -1 for a joint rule.
    """

    __slots__ = ("entries", "prim", "rules", "saves_data", "saves_out")

    def __init__(self, prim: Any, wanted: tuple[int, ...]) -> None:
        self.prim = prim
        self.entries: list[tuple[str, int]] = []
        self.rules: list[tuple[int, Any, tuple[Any, ...]]] = []
        if prim.vjp_joint is not None:
            rule = prim.vjp_joint
            self.rules.append((-1, rule.fn, tuple(self._source(n) for n in rule.names)))
        else:
            for i in wanted:
                rule = prim.vjps[i]
                self.rules.append((i, rule.fn, tuple(self._source(n) for n in rule.names)))
        self.saves_out = any(kind == "o" for kind, _ in self.entries)
        # sizes and dtypes are not freed by backward
        self.saves_data = any(kind in "xoA" for kind, _ in self.entries)

    def _source(self, name: str) -> Any:
        entry = self.prim.entry_of(name)
        if entry is None:
            return 0 if name == "g" else name
        if entry not in self.entries:
            self.entries.append(entry)
        return self.entries.index(entry) + 1
