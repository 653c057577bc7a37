"""Derivative rules as they are declared, and the plans that the tape follows.

Knows no particular op. A rule is a function whose parameter names say what it needs, read once at
registration; exactly that is kept by the tape:
  g                  the cotangent of the output; of several outputs (of which one has a derivative,
                     or whose number varies) a tuple, None where none arrived
  g0, g1             the cotangents of these outputs: the rule is called if one of them arrived, and
                     what an input's rules give is added up
  <input name>       that input's value            <input name>_shape, <input name>_dtype: only that
  <input name>_layout  its strides in elements, None where it has none (inside of vmap)
  out, out0, out1    an output's value             shapes: those of all inputs of a variadic op
  needs              (joint rules) a tuple of bools, one per input
  <anything else>    a parameter of the op
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


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

    def __init__(self, fn: Callable[..., Any], names: tuple[str, ...] | None = None) -> None:
        self.fn = fn
        if names is None:  # not said, where the function takes any number of inputs
            code = fn.__code__
            names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        self.names = names


class OutputRules(Rule):
    """The rules of one input, each for the outputs whose cotangents it names (g0, g1).

    A cotangent that never arrived is not a zero: 0 / 0 is NaN where the loss does not look at an
    output. So a rule runs only if one of its cotangents arrived (the others are None), and a rule
    of a single output never meets a missing one.
    """

    __slots__ = ("parts",)

    def __init__(self, rules: list[Rule]) -> None:
        self.parts = [(tuple(map(output_of, rule.names)), rule) for rule in rules]
        asked = [n for rule in rules for n in rule.names if output_of(n) is None]
        self.names = ("g", *dict.fromkeys(asked))
        self.fn = self._call

    def _call(self, g: Any, *values: Any) -> Any:
        known = dict(zip(self.names[1:], values, strict=True))
        total: Any = None
        for outputs, rule in self.parts:
            if any(k is not None and g[k] is not None for k in outputs):
                term = rule.fn(*[
                    known[n] if k is None else g[k]
                    for k, n in zip(outputs, rule.names, strict=True)
                ])  # fmt: skip
                total = term if total is None else total if term is None else total + term
        return total


class Tie(NamedTuple):
    """Gradients that are functions of an input though their rule does not show it."""

    input: int
    zero: bool  # its cotangent is zeros, else there is none
    of: tuple[int, ...]  # whose gradients
    when: Any  # a predicate of the parameters, or None


def output_of(name: str) -> int | None:
    """Which output's cotangent a rule's argument is, None if it is something else."""
    return int(name[1:]) if name[:1] == "g" and name[1:].isdigit() else None


def joined(rule: Rule, before: Any, outputs: int) -> Rule:
    """What an input has with one more rule, of an op with `outputs` differentiable outputs."""
    if any(output_of(n) is not None for n in rule.names):
        parts = [each for _, each in before.parts] if type(before) is OutputRules else []
        return OutputRules([*parts, rule])
    if outputs > 1:
        raise ValueError("a rule names the outputs whose cotangents it is for (g0, g1)")
    return rule


def as_rule(fn: Any) -> Rule:
    """A rule from a function, or the rule itself."""
    return fn if isinstance(fn, Rule) else Rule(fn)


class Plan:
    """For one set of differentiable inputs: what to save, and how to call each rule.

    `entries` lists (kind, index): 'x' input, 'o' output, 's' shape, 'd' dtype, 'l' strides, 'S' all
    shapes.
    `rules` lists (input, function, sources); a source is 0 for the cotangent, k for entry k-1, or a
    parameter's name; `input` is -1 for a joint rule.
    """

    __slots__ = ("entries", "prim", "rules", "saves_data", "saves_out", "ties")

    def __init__(self, prim: Any, wanted: tuple[int, ...]) -> None:
        self.prim = prim
        self.ties = [tie for tie in prim.ties if tie.input in wanted]
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
        self.saves_data = any(kind in "xo" for kind, _ in self.entries)

    def _source(self, name: str) -> Any:
        entry = self.prim.entry_of(name)
        if entry is None:
            return 0 if name == "g" else name
        if entry not in self.entries:
            self.entries.append(entry)
        return self.entries.index(entry) + 1
