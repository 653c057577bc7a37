"""Forward mode: JvpTrace carries (value, tangent) pairs through every op.

An op without a tangent rule of its own gets one from its cotangent rule: u -> <vjp(u), t> is
linear in u, so its gradient with respect to u is the tangent (Townsend, "A new trick for
calculating Jacobian vector products", 2017). Knows no particular op.
"""

from __future__ import annotations

import weakref
from typing import Any

from franken.autograd import engine
from franken.core.errors import MissingRule
from franken.core.node import Leaf, edge_of
from franken.core.primitive import Primitive, Rule, bind
from franken.core.tensor import Tensor
from franken.core.trace import Trace, Tracer, fresh, inherit_alias
from franken.transforms.grad import GradTrace, GradTracer


class JvpTracer(Tracer):
    """A value with its tangent (None is zero)."""

    __slots__ = ()
    derivative = True
    tangent: Any

    @staticmethod
    def make(value: Tensor, tangent: Any, trace: Trace) -> JvpTracer:
        """A tracer of `trace` with the given tangent."""
        t: JvpTracer = JvpTracer(value, trace)
        t.tangent = tangent
        made = trace.made  # type: ignore[attr-defined]
        if made is not None:
            made.append(weakref.ref(t))
        return t

    def rebind(self, other: Any) -> None:
        """Take over value and tangent; a constant's tangent is zero."""
        super().rebind(other)
        if other.level != self.level:
            self.tangent = None


class JvpTrace(Trace):
    """Computes tangents beside values."""

    # weak references to the level's tensors, where it must find them at its end
    made: list[Any] | None = None

    def process(self, prim: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Value, then tangent by the op's rule or by its cotangent rule twice."""
        low = self.lower(args)
        tangents = [
            a.tangent if isinstance(a, JvpTracer) and a.level == self.level else None for a in args
        ]
        out = bind(prim, tuple(low), params)
        if all(t is None for t in tangents) or not prim.differentiable and prim.jvps is None:
            touts: Any = (None,) * len(out) if type(out) is tuple else None
        elif prim.jvps is not None:
            touts = prim.jvps(tangents, out, *low, **params)
        else:
            touts = transposed_twice(prim, tangents, out, low, params)
        if type(out) is not tuple:
            made = JvpTracer.make(out, touts, self)
            if prim.view:
                inherit_alias(args[0], out, made, (prim, params, -1))
            return made
        outs = tuple(JvpTracer.make(o, t, self) for o, t in zip(out, touts, strict=True))
        if prim.view:
            for i, (lo, o) in enumerate(zip(out, outs, strict=True)):
                inherit_alias(args[0], lo, o, (prim, params, i))
        return outs


class TransposeTrace(GradTrace):
    """The tape of one cotangent rule: what depends on the cotangent must stay on it.

    An op without a rule would drop off the tape, and the tangent lack its share without a word.
    """

    def __init__(self, ruled: Primitive) -> None:
        self.ruled = ruled

    def process(self, prim: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Record, or raise MissingRule if the op cannot be transposed."""
        out = super().process(prim, args, params)
        for i, a in enumerate(args):
            if isinstance(a, Tensor) and a.level == self.level and a._node is not None:
                self._check(prim, i, out, args, params)
        return out

    def _check(self, prim: Primitive, i: int, out: Any, args: Any, params: Any) -> None:
        if prim.vjp_joint is not None or isinstance(prim.vjps[i], Rule):
            return
        outs = out if type(out) is tuple else (out,)
        if not any(_inexact(o) and k not in prim.nondiff for k, o in enumerate(outs)):
            return
        if prim.jvps is not None:  # its tangent rule says whether it is truly zero
            alone = [a if k == i else None for k, a in enumerate(args)]
            if prim.jvps(alone, out, *args, **params) is None:
                return
        raise MissingRule(
            "vjp", prim.name,
            f"forward mode of {self.ruled.name} needs it for input {prim.inputs[i]!r}",
        )  # fmt: skip


def transposed_twice(
    prim: Primitive, tangents: list[Any], out: Any, low: list[Any], params: dict[str, Any]
) -> Any:
    """The tangent(s) of an op from its cotangent rule."""
    wanted = tuple(i for i, t in enumerate(tangents) if t is not None)
    plan = prim.plan(("jvp", wanted), wanted)
    several = type(out) is tuple
    outs = out if several else (out,)
    live = [k for k, o in enumerate(outs) if _inexact(o) and k not in prim.nondiff]
    if plan is None or not live:
        return (None,) * len(outs) if several else None
    with TransposeTrace(prim) as trace:
        cotangents = [_leaf(outs[k], trace) for k in live]
        full: Any = [None] * len(outs)
        for k, c in zip(live, cotangents, strict=True):
            full[k] = c
        values = [_value(plan_entry, low, out) for plan_entry in plan.entries]
        needs = [t is not None for t in tangents]
        grads = engine.call_rules(plan, params, values, tuple(full) if several else full[0], needs)
        total = _pairing(grads, tangents)
    edge = total._node if isinstance(total, GradTracer) and total.level == trace.level else None
    got: list[Any] = [None] * len(outs)
    if edge is not None:
        targets = [c._node for c in cotangents]
        one = total._a.new_ones(())
        for k, t in zip(live, engine.run([(edge, one)], targets), strict=True):
            got[k] = t
    return tuple(got) if several else got[0]


def _inexact(t: Any) -> bool:
    return bool(t.dtype.is_floating_point or t.dtype.is_complex)


def _leaf(like: Any, trace: GradTrace) -> GradTracer:
    u: GradTracer = GradTracer(like.new_zeros(tuple(like.shape)), trace)
    u._node = Leaf(u)
    return u


def _value(entry: tuple[str, int], low: list[Any], out: Any) -> Any:
    kind, i = entry
    if kind == "x":
        return low[i]
    if kind == "o":
        return out if i < 0 or type(out) is not tuple else out[i]
    if kind == "s":
        return tuple(low[i].shape) if isinstance(low[i], Tensor) else ()
    if kind == "d":
        return low[i].dtype if isinstance(low[i], Tensor) else None
    return tuple(tuple(v.shape) for v in low)


def _pairing(grads: list[Any], tangents: list[Any]) -> Any:
    """Re sum <grad_i, t_i>; the sum over a broadcast gradient does its reduction."""
    total: Any = None
    for g, t in zip(grads, tangents, strict=True):
        if g is None or t is None:
            continue
        term = (g.conj_physical() * t).real if g.dtype.is_complex else g * t
        term = term.sum()
        total = term if total is None else total + term
    return total


__all__ = ["JvpTrace", "JvpTracer", "MissingRule", "edge_of", "fresh", "transposed_twice"]
