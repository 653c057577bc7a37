"""Reverse mode as a transform: GradTrace, on which vjp, grad and jacrev are built.

Each level keeps its own tape, over values of the level below; so gradients of gradients never
confuse their perturbations. Knows no particular op.
"""

from __future__ import annotations

from typing import Any

from franken.core import inplace
from franken.core.node import attach, edge_of, make_node
from franken.core.primitive import Primitive, bind
from franken.core.state import STATE, set_grad
from franken.core.tensor import Tensor, alive, version_of
from franken.core.trace import Trace, Tracer
from franken.engine.function import (
    attach_function,
    check_setup,
    generated_class,
    place,
)

_HOOKS = (
    "torch.func.{grad, vjp, jacrev, hessian} don't yet support saved tensor hooks. Please open an "
    "issue with your use case."
)


class GradTracer(Tracer):
    """A value that is recorded at its level."""

    __slots__ = ()


class GradTrace(Trace):
    """Records ops on a tape of its own level."""

    derives = True

    def __enter__(self) -> Any:
        if STATE.saved_hooks:
            raise RuntimeError(_HOOKS)
        super().__enter__()
        # Outer no_grad does not reach inside; an inner one stops every level (as in torch.func).
        self.outer_grad = set_grad(True)
        self.hooks_error, STATE.saved_hooks_error = STATE.saved_hooks_error, _HOOKS
        return self

    def __exit__(self, *exc: object) -> None:
        STATE.saved_hooks_error = self.hooks_error
        set_grad(self.outer_grad)
        super().__exit__(*exc)

    def beneath(self, fn: Any, *args: Any) -> Any:
        """Call `fn` where only the transforms around this one act, in their grad mode."""
        enabled = set_grad(STATE.grad and self.outer_grad)
        try:
            return super().beneath(fn, *args)
        finally:
            set_grad(enabled)

    def constant(self, value: Tensor) -> Tensor:
        """The value without history at this level."""
        return GradTracer(value, self)  # type: ignore[no-any-return]

    def saved(self, value: Any) -> tuple[Any, Any, int]:
        """What the tape keeps of an argument or result: a value one level down, and the counter
        of its changes at this level (constants from elsewhere have none)."""
        if self.owns(value):
            ver = version_of(value)
            return value._a, ver, ver[0]
        return alive(value), [0, None], 0

    def process(self, prim: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Execute one level down, then record."""
        if prim.view and not self.owns(args[0]):  # a view of a captured tensor is one too
            return self.beneath(bind, prim, args, params)
        edges = tuple([edge_of(a) if self.owns(a) else None for a in args])
        low = self.beneath(bind, prim, tuple([self.lower(a) for a in args]), params)
        several = type(low) is tuple
        outs: Any = tuple([GradTracer(o, self) for o in (low if several else (low,))])
        if not several:
            outs = outs[0]
        if prim.view:
            self.link(prim, args[0], outs, params)
        if STATE.grad and prim.differentiable and any(e is not None for e in edges):
            node = make_node(prim, edges, args, params, outs, self)
            if node is not None:
                attach(node, prim, outs)
        return outs

    def check(self, x: Any, name: str) -> None:
        """Refuse captured tensors, and leaves of this level."""
        if not self.owns(x):
            inplace.refuse_captured(name)
        if STATE.grad:
            inplace.check_history(x)
        super().check(x, name)

    def commit(self, x: Any, result: Any) -> None:
        """Change the value one level down, then move the gradient edge."""
        if not self.owns(x):
            inplace.refuse_captured()
        result = result if self.owns(result) else GradTracer(result, self)
        if STATE.grad and result._node is not None:
            inplace.check_creation(x, result)
            inplace.keep_overwritten(result._node, x._a, self.beneath)
        if result._a is not x._a:
            self.beneath(inplace.commit, x._a, result._a)
        inplace.change_history(x, result)

    def apply_function(self, cls: Any, args: tuple[Any, ...], kwargs: Any = None) -> Any:
        """Apply the Function one level down, and record one node that calls its backward."""
        check_setup(cls)
        low = tuple([self.lower(a) for a in args])
        got = self.beneath(cls.apply, *low)
        several = isinstance(got, tuple)
        lows = got if several else (got,)
        edges = tuple([edge_of(a) if self.owns(a) else None for a in args])
        outs = tuple([self._output(o, low, args) for o in lows])
        ctx = object.__new__(cls)
        ctx.needs_input_grad = tuple([e is not None for e in edges])
        enabled = set_grad(False)
        try:
            cls.setup_context(ctx, args, outs if several else outs[0])
        finally:
            set_grad(enabled)
        if enabled and any(ctx.needs_input_grad):
            dev = next(a.device for a in args if isinstance(a, Tensor))
            node = generated_class(cls)(ctx, cls, edges, dev)
            outs = attach_function(node, args, outs)
        return outs if several else outs[0]

    def _output(self, o: Any, low: Any, args: Any) -> Any:
        """An output at this level; an argument that was changed in place stays the same object."""
        if not isinstance(o, Tensor):
            return o
        same = place(o, low)
        return args[same] if same is not None and self.owns(args[same]) else GradTracer(o, self)
