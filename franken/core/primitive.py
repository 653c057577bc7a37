"""Primitive: one op with all of its rules in one object, and the plans that the tape follows.

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

from franken.core import seam
from franken.core.arrange import arranger
from franken.core.device import CPU
from franken.core.errors import MissingKernel

PRIMITIVES: dict[str, Primitive] = {}


class _Said:
    """A rule that is declared not to exist."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


NOT_DIFFERENTIABLE = _Said("NOT_DIFFERENTIABLE")
NO_BATCH_RULE = _Said("NO_BATCH_RULE")


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

    def __init__(self, prim: Primitive, wanted: tuple[int, ...]) -> None:
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


class Primitive:
    """One op: kernels by device, derivative and batching rules, and how it is shown.

    Args:
        name: unique name.
        inputs: names of the tensor inputs; `variadic` ops take any number.
        kernel: NumPy kernel, arrays in and array (or tuple) out, parameters by keyword.
        outputs: number of outputs; 0 means a tuple of varying length.
        view: the output may share memory with the first input.
        layout: how results lie in memory, a name of `core.planning.PLANNERS`; None where the
            kernel's own order is right. Row-major by default; that of a view is its kernel's.
    """

    __slots__ = (
        "arrange", "batch", "cpu", "differentiable", "expr", "holomorphic", "inputs", "jvps",
        "kernels", "level", "name", "nondiff", "outputs", "plans", "shape", "simple", "variadic",
        "view", "vjp_joint", "vjps", "wide",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        inputs: tuple[str, ...],
        kernel: Any,
        *,
        outputs: int = 1,
        variadic: bool = False,
        view: bool = False,
        nondiff: tuple[int, ...] = (),
        batch: Any = None,
        level: str = "run_to_run",
        expr: str | None = None,
        layout: str | None = "contiguous",
    ) -> None:
        if name in PRIMITIVES:
            raise ValueError(f"primitive {name!r} is declared twice")
        self.name, self.inputs, self.cpu = name, inputs, kernel
        self.outputs, self.variadic, self.view, self.nondiff = outputs, variadic, view, nondiff
        self.batch, self.level, self.expr = batch, level, expr
        self.arrange = None if view or level == "random" else arranger(layout)
        self.kernels: dict[str, Any] = {}
        # The kernel for float32 and wider, without the detour of half precisions.
        self.wide = getattr(kernel, "wide", kernel)
        self.simple = outputs == 1 and not view and level != "random"
        self.vjps: list[Any] = [None] * len(inputs)
        self.vjp_joint: Rule | None = None
        self.jvps: Any = None
        self.shape: Any = None
        self.holomorphic = True
        self.differentiable = False
        self.plans: dict[Any, Plan | None] = {}
        PRIMITIVES[name] = self

    def __repr__(self) -> str:
        return self.name

    def __call__(self, *args: Any, **params: Any) -> Any:
        return bind(self, args, params)

    # --- declaring -----------------------------------------------------------------------------
    def kernel(self, device: str, fn: Any = None) -> Any:
        """Declare the kernel for a device type; usable as a decorator."""
        if fn is None:
            return lambda f: self.kernel(device, f)
        self.kernels[device] = fn
        if device == "cpu":
            self.cpu, self.wide = fn, getattr(fn, "wide", fn)
        return fn

    def vjp(self, *names: str) -> Callable[[Any], Any]:
        """Declare the cotangent rule of the named inputs, one rule each (same function)."""

        def declare(fn: Any) -> Any:
            for name in names:
                self.vjps[self.inputs.index(name)] = fn if isinstance(fn, _Said) else Rule(fn)
            self.differentiable = any(isinstance(r, Rule) for r in self.vjps)
            return fn

        return declare

    def joint_vjp(self, fn: Any) -> Any:
        """Declare one rule that gives all cotangents: `fn(g, needs, ...) -> tuple`."""
        self.vjp_joint = Rule(fn)
        self.differentiable = True
        return fn

    def jvp(self, fn: Any) -> Any:
        """Declare the tangent rule `fn(tangents, out, *inputs, **params) -> tangent(s)`."""
        self.jvps = fn
        return fn

    def batching(self, fn: Any) -> Any:
        """Declare the batching rule `fn(prim, values, dims, params) -> (out, out_dim)`."""
        self.batch = fn
        return fn

    def not_differentiable(self) -> Primitive:
        """Say that no input has a derivative."""
        self.vjps = [NOT_DIFFERENTIABLE] * len(self.inputs)
        return self

    # --- reading -------------------------------------------------------------------------------
    def entry_of(self, name: str) -> tuple[str, int] | None:
        """What the tape keeps for a rule's argument name, or None (cotangent or parameter)."""
        if name in self.inputs:
            return ("x", self.inputs.index(name))
        if name == "out":
            return ("o", 0 if self.outputs == 1 else -1)
        if name.startswith("out") and name[3:].isdigit():
            return ("o", int(name[3:]))
        if self.variadic and name in ("args", "shapes", "dtypes"):
            return (name[0].upper() if name != "dtypes" else "D", 0)
        stem, _, what = name.rpartition("_")
        if what in ("shape", "dtype") and stem in self.inputs:
            return (what[0], self.inputs.index(stem))
        return None

    def plan(self, mask: Any, wanted: tuple[int, ...]) -> Plan | None:
        """The plan for the inputs `wanted`; None when none of them has a rule."""
        if self.vjp_joint is None:
            wanted = tuple(i for i in wanted if isinstance(self.vjps[i], Rule))
        made = Plan(self, wanted) if wanted and self.differentiable else None
        self.plans[mask] = made
        return made

    def kernel_for(self, dev: Any) -> Any:
        """The kernel for a device; a missing one raises and never falls back."""
        if dev is CPU:
            return self.cpu
        found = self.kernels.get(dev.type)
        if found is None:
            found = seam.kernel_for(self, dev)
            if found is None:
                raise MissingKernel(self.name, str(dev))
            self.kernels[dev.type] = found
        return found


def bind(prim: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Replaced by `core.bind` when it is imported: the two know each other."""
    raise RuntimeError("franken.core.bind is not imported")
