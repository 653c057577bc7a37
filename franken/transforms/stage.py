"""StageTrace: runs a function on example values and writes down every primitive it applies.

Staging is by example: a tracer knows its value's shape and dtype by carrying the value itself, one
level down, so control flow that depends on shapes works, and reading a value raises. It stands at
any level: inside it, grad, vmap and jvp become the ops they are made of.
"""

from __future__ import annotations

import functools
from typing import Any

from franken.core.inplace import refresh_traced
from franken.core.primitive import Primitive, bind
from franken.core.pytree import tree_flatten, tree_unflatten
from franken.core.tensor import Tensor
from franken.core.trace import Trace, Tracer, fresh, inherit_alias
from franken.core.where import describe, here
from franken.transforms.graph import Eqn, Graph, Var


class StageTracer(Tracer):
    """A value that the program will compute."""

    __slots__ = ()
    hides_value = (
        "make_graph: the value of a tensor was asked for while its program is being written down; "
        "it would be fixed to that of the example. Use where() instead of a branch on values."
    )
    symbol: Var  # not `var`: that is an op
    trace: StageTrace

    def lift(self, value: Tensor) -> Any:
        """A constant becomes a constant of the program."""
        self.symbol = self.trace.constant(value)
        return value


class StageTrace(Trace):
    """Collects equations."""

    def __init__(self) -> None:
        self.count = 0
        self.eqns: list[Eqn] = []
        self.constants: dict[tuple[int, int], tuple[Var, Tensor]] = {}
        self.kept: list[Tensor] = []

    def takes(self, prim: Primitive) -> bool:
        """Random ops are part of the program, whatever their inputs."""
        return prim.random

    def variable(self, value: Tensor) -> Var:
        """A new name for a value."""
        self.count += 1
        return Var(self.count - 1, tuple(value.shape), value.dtype, value.device)

    def tracer(self, value: Tensor, var: Var | None = None) -> StageTracer:
        """A traced value."""
        t: StageTracer = StageTracer(value, self)
        t.symbol = var or self.variable(value)
        return t

    def constant(self, value: Tensor) -> Var:
        """The name of a captured tensor; one name for one object in one state."""
        key = (id(value), 0 if value._ver is None or value.level else value._ver[0])
        entry = self.constants.get(key)
        if entry is None:
            self.kept.append(value)  # an id means nothing once its object is gone
            kept = value.detach().clone() if value.level == 0 else value
            entry = self.constants[key] = (self.variable(value), kept)
        return entry[0]

    def _operand(self, a: Any) -> Any:
        if not isinstance(a, Tensor):
            return a
        if a.level != self.level:
            return self.constant(a)
        return fresh(a).symbol

    def process(self, prim: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Execute one level down and write the equation."""
        operands = tuple([self._operand(a) for a in args])
        out = bind(prim, tuple(self.lower(args)), params)
        several = type(out) is tuple
        made = tuple([self.tracer(o) for o in (out if several else (out,))])
        names = tuple([t.symbol for t in made])
        self.eqns.append(Eqn(prim, operands, dict(params), names, describe(here(2)), several))
        if prim.view and isinstance(args[0], Tracer):
            for i, t in enumerate(made):
                inherit_alias(args[0], t._a, t, (prim, params, i if several else -1))
        return made if several else made[0]


def make_graph(func: Any) -> Any:
    """Return a function that gives the Graph of `func` on example arguments.

    Python control flow and numbers are taken as they are for the examples; tensors that func
    captures become constants; random ops are staged and draw at every run.

    >>> import franken as torch
    >>> graph = make_graph(lambda x: (x * 2).sum())(torch.ones(3))
    >>> graph(torch.full((3,), 2.0)).item()
    12.0
    """

    def stage(*args: Any) -> Graph:
        flat, in_spec = tree_flatten(args)
        for x in flat:
            if not isinstance(x, Tensor):
                raise TypeError(
                    f"make_graph: arguments must be tensors (or trees of them), got "
                    f"{type(x).__name__}; close over other values"
                )
        with StageTrace() as trace:
            tracers = [trace.tracer(x) for x in flat]
            inputs = tuple([t.symbol for t in tracers])
            out = func(*tree_unflatten(tracers, in_spec))
            leaves, out_spec = tree_flatten(out)
            outputs = tuple([_output(trace, o) for o in leaves])
        name = getattr(func, "__name__", "f")
        name = name if name.isidentifier() else "f"
        live, constants = _live(trace, outputs)
        return Graph(inputs, constants, live, outputs, in_spec, out_spec, name)

    functools.update_wrapper(stage, func, updated=())
    return stage


def _output(trace: StageTrace, o: Any) -> Any:
    if isinstance(o, Tensor):
        if o._base is not None and o.level == trace.level:
            refresh_traced(o)
        return trace._operand(o)
    if isinstance(o, (bool, int, float, complex)) or o is None:
        return o
    raise TypeError(f"make_graph: outputs must be tensors, got {type(o).__name__}")


def _live(trace: StageTrace, outputs: Any) -> tuple[tuple[Eqn, ...], Any]:
    """The equations that the outputs need (random ones always), and the constants they name."""
    needed = {o for o in outputs if isinstance(o, Var)}
    kept = []
    for eqn in reversed(trace.eqns):
        if eqn.prim.random or any(o in needed for o in eqn.outs):
            kept.append(eqn)
            needed.update(a for a in eqn.args if isinstance(a, Var))
    constants = tuple([c for c in trace.constants.values() if c[0] in needed])
    return tuple(reversed(kept)), constants


def linearize(func: Any, *primals: Any) -> tuple[Any, Any]:
    """Return `func(*primals)` and its derivative there, a function of the tangents.

    The derivative is staged once: calling it applies only the linear ops, none of func's own.

    >>> import franken as torch
    >>> value, slope = linearize(torch.sin, torch.tensor(0.0))
    >>> slope(torch.tensor(2.0)).item()
    2.0
    """
    from franken.transforms.api import jvp, lower_tree

    flat, spec = tree_flatten(primals)
    with StageTrace() as trace:
        tracers = [trace.tracer(x.new_zeros(tuple(x.shape))) for x in flat]
        inputs = tuple([t.symbol for t in tracers])
        out, slopes = jvp(func, primals, tree_unflatten(tracers, spec))
        leaves, out_spec = tree_flatten(slopes)
        outputs = tuple([_output(trace, o) for o in leaves])
        out = lower_tree(out, trace)
    eqns, constants = _live(trace, outputs)
    graph = Graph(inputs, constants, eqns, outputs, spec, out_spec, "derivative")

    def derivative(*tangents: Any) -> Any:
        given = tree_flatten(tangents)[1]
        if given != spec:
            raise RuntimeError(
                f"Expected the tangents {given} to have the same argspec as the primals {spec}"
            )
        for i, (t, x) in enumerate(zip(tree_flatten(tangents)[0], flat, strict=True)):
            if tuple(t.shape) != tuple(x.shape):
                raise RuntimeError(
                    f"tangent:{i} with shape {t.shape} in flattened pytree doesn't match the shape "
                    f"{x.shape} of the corresponding primal."
                )
        return graph(*tangents)

    return out, derivative
