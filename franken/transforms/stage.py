"""StageTrace: runs a function on example values and writes down every primitive it applies.

Staging is by example: a tracer knows its value's shape and dtype by carrying the value itself, one
level down, so control flow that depends on shapes works, and reading a value raises. It stands at
any level: inside it, grad, vmap and jvp become the ops they are made of.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from franken.core import inplace
from franken.core.linear import view_scatter
from franken.core.node import step
from franken.core.primitive import Primitive, bind
from franken.core.pytree import tree_flatten, tree_unflatten
from franken.core.state import INFERENCE
from franken.core.tensor import Tensor, alive, version_of
from franken.core.trace import Trace, Tracer, detached
from franken.core.where import describe, here
from franken.engine.function import call_forward
from franken.transforms.api import jvp, lower_tree
from franken.transforms.graph import Eqn, Graph, Var
from franken.transforms.pushed import zeros_like

# Only a staged program needs it as an equation; see `core.trace.detached` for the rest.
detach_ = Primitive("detach", ("x",), np.asarray, meta=lambda x: x).not_differentiable()


@detach_.batching
def _(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    return detach_(values[0]), dims[0]


_HIDDEN = (
    "make_graph: the value of a tensor was asked for while its program is being written down; it "
    "would be fixed to that of the example. Use where() instead of a branch on values."
)


class StageTracer(Tracer):
    """A value that the program will compute, or (while `symbol` is None) a constant.

    The only tracer whose lower value is exchanged by an in-place change, since the program has
    no memory: what was read before keeps the name of the value that it read.
    """

    __slots__ = ()
    symbol: Var | None = None  # not `var`: that is an op
    trace: StageTrace

    @property
    def hides_value(self) -> Any:
        """Why the value cannot be read; False for a constant."""
        return _HIDDEN if fresh(self).symbol is not None else False

    def twin(self, edge: Any, value: Any = None) -> Any:
        """Another tensor of the present value."""
        t = super().twin(edge, value if value is not None else fresh(self)._a)
        t.symbol = self.symbol
        return t

    def rebind(self, other: Any) -> None:
        """Take over another staged value, as an in-place op does."""
        super().rebind(other)
        self.symbol = other.symbol


def fresh(t: Any) -> Any:
    """The tracer, recomputed if it is a view of something that was changed."""
    base = t._base
    if base is not None and t._view_ver != t._ver[0]:
        if base.symbol is not None:
            t.rebind(t.trace.within(_through_base, t))
        t._view_ver = t._ver[0]
    return t


def _through_base(view: Any) -> Any:
    t = view._base
    for link in view._chain:
        t = step(t, link)
    return t


class StageTrace(Trace):
    """Collects equations."""

    def __init__(self) -> None:
        self.count = 0
        self.eqns: list[Eqn] = []
        self.constants: dict[Any, tuple[Var, Tensor]] = {}
        self.captured: list[Tensor] = []

    def variable(self, value: Tensor) -> Var:
        """A new name for a value."""
        self.count += 1
        return Var(self.count - 1, tuple(value.shape), value.dtype, value.device)

    def tracer(self, value: Tensor, var: Var | None = None) -> StageTracer:
        """A traced value."""
        t: StageTracer = StageTracer(value, self)
        t.symbol = var or self.variable(value)
        return t

    def constant(self, value: Tensor) -> Tensor:
        """A constant, which has no name in the program until an equation reads it."""
        return StageTracer(value, self)  # type: ignore[no-any-return]

    def _named(self, value: Any) -> Var:
        """The name of a constant's present value; one name for one memory in one state."""
        version = version_of(value)
        key = (id(value), 0 if version is INFERENCE else version[0])
        entry = self.constants.get(key)
        if entry is None:
            self.captured.append(value)  # an id means nothing once its object is gone
            kept = value.clone() if value.level else value.detach().clone()
            entry = self.constants[key] = (self.variable(value), kept)
        return entry[0]

    def operand(self, a: Any) -> Any:
        """What an equation reads: a name or a number."""
        if not isinstance(a, Tensor):
            return a
        if self.owns(a):
            a = fresh(a)
            return self.beneath(self._named, a._a) if a.symbol is None else a.symbol
        return self.beneath(self._named, alive(a))

    def lower(self, value: Any) -> Any:
        """The example value one level down."""
        return super().lower(fresh(value) if self.owns(value) else value)

    def process(self, prim: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Execute one level down and write the equation; what has only constants is one."""
        staged = prim.random or any(self.owns(a) and fresh(a).symbol is not None for a in args)
        operands = tuple([self.operand(a) for a in args]) if staged else ()
        out = self.beneath(bind, prim, tuple([self.lower(a) for a in args]), params)
        several = type(out) is tuple
        outs = out if several else (out,)
        made: Any = tuple([self.tracer(o) if staged else self.constant(o) for o in outs])
        if staged:
            names = tuple([t.symbol for t in made])
            self.eqns.append(Eqn(prim, operands, dict(params), names, describe(here(2)), several))
        made = made if several else made[0]
        if prim.view:
            self.link(prim, args[0], made, params)
        return made

    def detach(self, x: Any) -> Any:
        """An equation that cuts the history when the program runs."""
        if self.owns(x) and fresh(x).symbol is not None:
            return self.process(detach_, (x,), {})
        return self.constant(self.beneath(detached, self.lower(x)))

    def commit(self, x: Any, result: Any) -> None:
        """Change a constant by a constant in its memory; give all else a new name."""
        if not self.owns(x):
            if self.owns(result) and fresh(result).symbol is not None:
                inplace.refuse_captured()
            self.beneath(inplace.commit, x, self.lower(result))
            return
        x = fresh(x)
        result = fresh(result) if self.owns(result) else self.constant(result)
        if x.symbol is None and result.symbol is None:
            self.beneath(inplace.commit, x._a, result._a)
            inplace.bump(x)
            return
        if result.symbol is None:
            result = self.tracer(result._a, self.operand(result))
        base = x._base
        if base is not None:
            values, chain = inplace.along(base, x, base)
            new = result
            for value, link in zip(reversed(values), reversed(chain), strict=True):
                prim, params, index = link
                new = view_scatter(value, new, prim=prim, params=params, index=index)
            base.rebind(new)
        x.rebind(result)
        inplace.bump(x)
        if base is not None:
            x._view_ver = x._ver[0]

    def apply_function(self, cls: Any, args: tuple[Any, ...], kwargs: Any = None) -> Any:
        """Write down what forward does."""
        return call_forward(cls, object.__new__(cls), args)


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
        return trace.operand(o)
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
    flat, spec = tree_flatten(primals)
    with StageTrace() as trace:
        tracers = [trace.tracer(trace.beneath(zeros_like, x)) for x in flat]
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
