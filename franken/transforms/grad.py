"""Reverse mode as a transform: GradTrace, vjp, grad, grad_and_value, jacrev.

Each level keeps its own tape, over values of the level below; so gradients of gradients never
confuse their perturbations. Knows no particular op.
"""

from __future__ import annotations

from typing import Any

from franken.core.node import attach, make_node
from franken.core.primitive import Primitive, bind
from franken.core.state import STATE, set_grad
from franken.core.tensor import Tensor
from franken.core.trace import Trace, Tracer, fresh, inherit_alias


class GradTracer(Tracer):
    """A value that is recorded at its level."""

    __slots__ = ()
    derivative = True


class GradTrace(Trace):
    """Records ops on a tape of its own level."""

    def __enter__(self) -> Any:
        super().__enter__()
        # Outer no_grad does not reach inside; an inner one stops every level (as in torch.func).
        self.outer_grad = set_grad(True)
        return self

    def __exit__(self, *exc: object) -> None:
        set_grad(self.outer_grad)
        super().__exit__(*exc)

    def process(self, prim: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Execute one level down, then record."""
        low: list[Any] = []
        edges: list[Any] = []
        for a in args:
            if isinstance(a, Tensor) and a.level == self.level:
                low.append(fresh(a)._a)
                edges.append(a._node)
            else:
                low.append(a)
                edges.append(None)
        enabled = STATE.grad
        set_grad(enabled and self.outer_grad)
        try:
            out = bind(prim, tuple(low), params)
        finally:
            set_grad(enabled)
        several = type(out) is tuple
        outs = tuple([GradTracer(o, self) for o in out]) if several else GradTracer(out, self)
        if prim.view:
            self._alias(prim, args[0], out, outs, params)
        if enabled and prim.differentiable:
            node = make_node(prim, tuple(edges), low, params, out, traced=True)
            if node is not None:
                attach(node, prim, outs)
        return outs

    def _alias(self, prim: Primitive, base: Any, low: Any, out: Any, params: Any) -> None:
        if type(low) is tuple:
            for i, (lo, o) in enumerate(zip(low, out, strict=True)):
                inherit_alias(base, lo, o, (prim, params, i))
        else:
            inherit_alias(base, low, out, (prim, params, -1))
