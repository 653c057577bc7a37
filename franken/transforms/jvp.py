"""Forward mode: JvpTrace carries (value, tangent) pairs through every op.

An op without a tangent rule of its own gets one from its cotangent rule: u -> <vjp(u), t> is
linear in u, so its gradient with respect to u is the tangent (Townsend, "A new trick for
calculating Jacobian vector products", 2017). Knows no particular op.
"""

from __future__ import annotations

from typing import Any

from franken.core import inplace
from franken.core.errors import MissingRule
from franken.core.linear import view_scatter
from franken.core.node import Leaf, meta_entry, step
from franken.core.primitive import Primitive, Rule, bind
from franken.core.state import STATE
from franken.core.tensor import Tensor, bits_of
from franken.core.trace import Trace, Tracer, memory
from franken.engine import passes
from franken.transforms.grad import GradTrace, GradTracer
from franken.transforms.pushed import Pushed, inexact, zeros_like


class JvpTracer(Tracer):
    """A value with its tangent (None is zero)."""

    __slots__ = ()
    tangent: Any = None
    given = False  # whether the tangent is the user's own, which changes with its tensor

    def rebind(self, other: Any) -> None:
        """Take over value and tangent."""
        super().rebind(other)
        self.tangent = self.trace.tangent_of(other)


class JvpTrace(Pushed, Trace):
    """Computes tangents beside values.

    A view's tangent is the view of its base's: it is read again from there once the base (or
    another view of it) was changed. `tangent_at` says at which version it was right.
    """

    derives = True

    def make(self, value: Tensor, tangent: Any) -> JvpTracer:
        """A tensor of this level with the given tangent, whose memory becomes part of it."""
        t: JvpTracer = JvpTracer(value, self)
        t.tangent, t.given = tangent, True
        return t

    def constant(self, value: Tensor) -> Tensor:
        """The value with a tangent of zero."""
        return JvpTracer(value, self)  # type: ignore[no-any-return]

    # --- tangents: how they are kept -------------------------------------------------------------

    def kept(self, x: Any) -> Any:
        """The attributes in which a tensor of this level has its tangent; None if it has none."""
        return x.__dict__ if self.owns(x) else None

    def joined(self, low: Tensor, tangent: Any) -> Any:
        """A result of an op at this level."""
        out = JvpTracer(low, self)
        out.tangent = tangent
        return out

    def tangent_of(self, x: Any) -> Any:
        """The present tangent of a value, None for zero."""
        kept = self.kept(x) if isinstance(x, Tensor) else None
        if kept is None:
            return None
        base = x._base
        if base is not None and kept.get("tangent_at") != x._ver[0]:
            root = self.kept(base)
            t = None if root is None else root.get("tangent")
            kept["tangent"] = None if t is None else self.beneath(_viewed, t, x._chain)
            kept["tangent_at"] = x._ver[0]
        return kept.get("tangent")

    def set_tangent(self, x: Any, tangent: Any) -> None:
        """Give `x`, which was changed in place, a new tangent; a view's goes into its base's."""
        base = x._base
        if base is None:
            self._replace(x, tangent)
            return
        root = self.kept(base)
        whole = None if root is None else root.get("tangent")
        if whole is None:
            whole = self.beneath(zeros_like, self.lower(base))
        self._replace(base, self.beneath(_with_view, whole, tangent, x, base))
        kept = self.kept(x)
        kept["tangent"], kept["tangent_at"] = tangent, x._ver[0]

    def _replace(self, root: Any, tangent: Any) -> None:
        kept = self.kept(root)
        if kept.get("tangent") is tangent:
            return
        if kept.get("given") and strides_of(root) == strides_of(kept["tangent"]):
            # the user's own tangent, of the tensor's form, changes with it
            self.beneath(inplace.commit, kept["tangent"], tangent)
        else:
            kept["tangent"] = tangent

    # --- ops ------------------------------------------------------------------------------------

    def process(self, prim: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Value, then tangent by the op's rule or by its cotangent rule twice."""
        if prim.view and not self.owns(args[0]) and not self.transparent:
            return self.beneath(bind, prim, args, params)  # a view of a captured tensor is one too
        low = [self.lower(a) for a in args]
        tangents = [self.tangent_of(a) for a in args]
        out = self.beneath(bind, prim, tuple(low), params)
        if all(t is None for t in tangents) or not prim.differentiable and prim.jvps is None:
            touts: Any = (None,) * len(out) if type(out) is tuple else None
        elif prim.jvps is not None:
            touts = self.beneath(lambda: prim.jvps(tangents, out, *low, **params))
        else:
            touts = self.beneath(transposed_twice, prim, tangents, out, low, params)
        if type(out) is tuple:
            made: Any = tuple(self.joined(o, t) for o, t in zip(out, touts, strict=True))
        else:
            made = self.joined(out, touts)
        if prim.view:
            self.link(prim, args[0], made, params)
            for o in made if type(made) is tuple else (made,):
                if o._base is not None:
                    o.__dict__["tangent_at"] = o._ver[0]
        return made

    def refuse_out(self, name: str, values: list[Any]) -> None:
        """Refuse what has a tangent."""
        if any(self.tangent_of(v) is not None for v in values):
            raise NotImplementedError(
                f"Trying to use forward AD with {name}_out that does not support it because it is "
                "an out= function"
            )

    def check(self, x: Any, name: str) -> None:
        """Refuse captured tensors, and parameters that were made here."""
        if not self.owns(x):
            inplace.refuse_captured(name)
        if STATE.grad:
            inplace.check_history(x)
        super().check(x, name)

    def commit(self, x: Any, result: Any) -> None:
        """Change the value one level down, then the tangent."""
        if not self.owns(x):
            inplace.refuse_captured()
        self._commit(x, result)

    def _commit(self, x: Any, result: Any) -> None:
        before, tangent = self.tangent_of(x), self.tangent_of(result)
        low, value = self.lower(x), self.lower(result)
        if tangent is None and before is not None:
            tangent = self.beneath(zeros_like, value)
        if value is not low:
            self.beneath(inplace.commit, low, value)
        if self.owns(x):
            inplace.bump(x)
        if tangent is not None:
            self.set_tangent(x, tangent)


def strides_of(t: Any) -> Any:
    """The strides of the memory under a tensor."""
    return memory(t).strides


def _viewed(tangent: Any, chain: Any) -> Any:
    for link in chain:
        tangent = step(tangent, link)
    return tangent


def _with_view(whole: Any, part: Any, x: Any, base: Any) -> Any:
    """The base's tangent with that of the view `x` in its place."""
    values, chain = inplace.along(whole, x, base)
    for value, (prim, params, index) in zip(reversed(values), reversed(chain), strict=True):
        part = view_scatter(value, part, prim=prim, params=params, index=index)
    return part


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
            if self.owns(a) and a._node is not None:
                self._check(prim, i, out, args, params)
        return out

    def _check(self, prim: Primitive, i: int, out: Any, args: Any, params: Any) -> None:
        if prim.vjp_joint is not None or isinstance(prim.vjps[i], Rule):
            return
        outs = out if type(out) is tuple else (out,)
        if not any(inexact(o) and k not in prim.nondiff for k, o in enumerate(outs)):
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
    live = [k for k, o in enumerate(outs) if inexact(o) and k not in prim.nondiff]
    if plan is None or not live:
        return (None,) * len(outs) if several else None
    with TransposeTrace(prim) as trace:
        cotangents = [_leaf(outs[k], trace) for k in live]
        full: Any = [None] * len(outs)
        for k, c in zip(live, cotangents, strict=True):
            full[k] = c
        values = [_value(plan_entry, low, out) for plan_entry in plan.entries]
        needs = [t is not None for t in tangents]
        grads = passes.call_rules(plan, params, values, tuple(full) if several else full[0], needs)
        total = _pairing(grads, tangents)
    edge = total._node if trace.owns(total) else None
    got: list[Any] = [None] * len(outs)
    if edge is not None:
        targets = [c._node for c in cotangents]
        one = total._a.new_ones(())
        found = passes.run([(edge, one)], targets, create_graph=None)
        for k, t in zip(live, found, strict=True):  # rules conjugate; torch's tangents are no views
            got[k] = t.clone() if t is not None and bits_of(t) else t
    return tuple(got) if several else got[0]


def _leaf(like: Any, trace: GradTrace) -> GradTracer:
    u: GradTracer = GradTracer(trace.beneath(zeros_like, like), trace)
    u._node = Leaf(u)
    return u


def _value(entry: tuple[str, int], low: list[Any], out: Any) -> Any:
    kind, i = entry
    if kind == "x":
        return low[i]
    if kind == "o":
        return out if i < 0 or type(out) is not tuple else out[i]
    return meta_entry(kind, i, low)


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


__all__ = ["JvpTrace", "JvpTracer", "MissingRule", "transposed_twice"]
