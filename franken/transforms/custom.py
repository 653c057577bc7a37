"""Custom Functions inside transforms: what each level does with `Function.apply`.

A grad level records one node whose backward runs one level down; a jvp level calls the class's
`jvp`; a vmap level calls its `vmap`, or batches forward, setup_context and backward themselves
when generate_vmap_rule is set. Knows no op but moving and summing a dimension.
Source: https://docs.pytorch.org/docs/stable/notes/extending.func.html
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

from franken.autograd.function import (
    Function,
    FunctionCtx,
    attach_function,
    backward_of,
    call_forward,
    overrides_setup,
    record_function,
)
from franken.core.node import edge_of
from franken.core.pytree import tree_flatten, tree_unflatten
from franken.core.state import STATE
from franken.core.tensor import Tensor
from franken.core.trace import fresh
from franken.transforms.batching import broadcast_prefix
from franken.transforms.grad import GradTrace, GradTracer
from franken.transforms.jvp import JvpTrace, JvpTracer
from franken.transforms.vmap import BatchTrace, BatchTracer

_next_id = itertools.count().__next__
_HELP = "For more details, please see https://pytorch.org/docs/main/notes/extending.func.html"


class VmapInfo(NamedTuple):
    """What a `vmap` staticmethod is told about the mapping."""

    batch_size: int
    randomness: str


def apply_traced(cls: Any, level: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Apply a Function whose highest argument is at `level`."""
    trace = next((t for t in reversed(STATE.traces) if t.level == level), None)
    if trace is None:
        raise RuntimeError(
            f"{cls.__name__}: a tensor of a transform that has ended was used (it escaped from the "
            "function that was transformed); return it from that function instead"
        )
    if isinstance(trace, JvpTrace):
        return _apply_jvp(cls, trace, args, kwargs)
    if not isinstance(trace, (GradTrace, BatchTrace)):
        return call_forward(cls, object.__new__(cls), args, kwargs)
    if not overrides_setup(cls):
        raise RuntimeError(
            "In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, "
            "jacrev, ...), it must override the setup_context staticmethod. " + _HELP
        )
    if isinstance(trace, GradTrace):
        return _apply_grad(cls, trace, args)
    return _apply_vmap(cls, trace, args)


def _lower(args: Any, level: int) -> tuple[Any, ...]:
    return tuple([fresh(a)._a if isinstance(a, Tensor) and a.level == level else a for a in args])


def _place(t: Any, tensors: Any) -> int | None:
    return next((i for i, x in enumerate(tensors) if x is t), None)


# --- grad ----------------------------------------------------------------------------------------


def _apply_grad(cls: Any, trace: GradTrace, args: tuple[Any, ...]) -> Any:
    low = _lower(args, trace.level)
    out = cls.apply(*low)
    ctx = object.__new__(cls)
    edges = tuple(
        [edge_of(a) if isinstance(a, Tensor) and a.level == trace.level else None for a in args]
    )
    ctx.needs_input_grad = tuple([e is not None for e in edges])
    cls.setup_context(ctx, low, out)
    outs = out if isinstance(out, tuple) else (out,)
    wrapped = tuple([_wrap_grad(o, low, args, trace) for o in outs])
    if STATE.grad and any(ctx.needs_input_grad):
        ctx._dirty = tuple(
            [w for w, o in zip(wrapped, outs, strict=True) if _place(o, ctx._dirty) is not None]
        )
        ctx._nondiff = tuple(
            [w for w, o in zip(wrapped, outs, strict=True) if _place(o, ctx._nondiff) is not None]
        )
        dev = next(a.device for a in args if isinstance(a, Tensor))
        wrapped = attach_function(cls._backward_cls(ctx, cls, edges, dev), args, wrapped)
    return wrapped if isinstance(out, tuple) else wrapped[0]


def _wrap_grad(o: Any, low: Any, args: Any, trace: GradTrace) -> Any:
    if not isinstance(o, Tensor):
        return o
    same = _place(o, low)  # changed in place: the tensor that the user holds stays the same object
    return args[same] if same is not None else GradTracer(o, trace)


# --- jvp -----------------------------------------------------------------------------------------


def _apply_jvp(cls: Any, trace: JvpTrace, args: tuple[Any, ...], kwargs: Any) -> Any:
    low = _lower(args, trace.level)
    ctx = object.__new__(cls)
    if any(isinstance(a, Tensor) and a.level for a in low):
        out = cls.apply(*low)
        cls.setup_context(ctx, low, out)
    else:
        out = record_function(cls, low, kwargs, ctx)
    ctx.needs_input_grad = tuple([isinstance(a, Tensor) and a.level == trace.level for a in args])
    got = cls.jvp(ctx, *[_tangent(a, trace, ctx) for a in args])
    outs = out if isinstance(out, tuple) else (out,)
    tangents = got if isinstance(got, tuple) else (got,)
    wrapped = tuple([
        JvpTracer.make(o, t, trace) if isinstance(o, Tensor) else o
        for o, t in zip(outs, tangents, strict=True)
    ])  # fmt: skip
    return wrapped if isinstance(out, tuple) else wrapped[0]


def _tangent(a: Any, trace: JvpTrace, ctx: Any) -> Any:
    if not isinstance(a, Tensor):
        return None
    t = getattr(a, "tangent", None) if a.level == trace.level else None
    if t is None and ctx._materialize and (a.dtype.is_floating_point or a.dtype.is_complex):
        return (
            a.new_zeros(tuple(a.shape))
            if a.level != trace.level
            else a._a.new_zeros(tuple(a.shape))
        )
    return t


# --- vmap ----------------------------------------------------------------------------------------


def _apply_vmap(cls: Any, trace: BatchTrace, args: tuple[Any, ...]) -> Any:
    own = cls.vmap is not Function.vmap
    if own and cls.generate_vmap_rule:
        raise RuntimeError(
            f"You tried to vmap over {cls.__name__}, but it has both generate_vmap_rule=True and "
            "an overridden vmap staticmethod. Please set generate_vmap_rule=False or delete the "
            "overridden vmap staticmethod to avoid ambiguity. " + _HELP
        )
    if not own and not cls.generate_vmap_rule:
        raise RuntimeError(
            f"You tried to vmap over {cls.__name__}, but it does not have vmap support. Please "
            "override and implement the vmap staticmethod or set generate_vmap_rule=True. " + _HELP
        )
    low = _lower(args, trace.level)
    dims = tuple([
        getattr(a, "bdim", None) if isinstance(a, Tensor) and a.level == trace.level else None
        for a in args
    ])  # fmt: skip
    if not own:
        made = _batched(cls, dims, trace)
        out = made.apply(*low)
        return _wrap_vmap(out, made.plan.out_dims, trace)
    got = cls.vmap(VmapInfo(trace.size, trace.randomness), dims, *low)
    if not (isinstance(got, tuple) and len(got) == 2):
        raise RuntimeError(
            "Expected the vmap staticmethod to have two returns, an output and out_dims with "
            f"pytree structure compatible with the output. Got a {type(got)} instead"
        )
    return _wrap_vmap(got[0], got[1], trace)


def _wrap_vmap(out: Any, out_dims: Any, trace: BatchTrace) -> Any:
    leaves, spec = tree_flatten(out)
    dims = broadcast_prefix(out_dims, out, "out_dims")
    return tree_unflatten(
        [o if d is None or not isinstance(o, Tensor) else BatchTracer.make(o, d % o.ndim, trace)
         for o, d in zip(leaves, dims, strict=True)],
        spec,
    )  # fmt: skip


class _Level(BatchTrace):
    """A vmap level of the same kind as an outer one, opened to run user code on hidden batches."""

    def lift(self, values: Any, dims: Any) -> list[Any]:
        """Tracers for the values that have a hidden dimension."""
        return [
            x if d is None or not isinstance(x, Tensor) else BatchTracer.make(x, d, self)
            for x, d in zip(values, dims, strict=True)
        ]

    def split(self, values: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """(lower values, their hidden dimensions)."""
        here = [isinstance(x, Tensor) and x.level == self.level for x in values]
        low = tuple([fresh(x)._a if h else x for x, h in zip(values, here, strict=True)])
        return low, tuple([x.bdim if h else None for x, h in zip(values, here, strict=True)])


class _InnerCtx(FunctionCtx):
    """A ctx whose saved tensors are seen with their hidden dimension; all else is the outer's."""

    def __init__(self, outer: Any) -> None:
        object.__setattr__(self, "outer", outer)

    def __getattr__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "outer"), name)

    def __setattr__(self, name: str, value: Any) -> None:
        kept = name in ("_to_save", "_to_save_forward", "_dirty", "_nondiff")
        (object.__setattr__ if kept else setattr)(self if kept else self.outer, name, value)

    @property
    def needs_input_grad(self) -> Any:  # type: ignore[override]
        """As the outer ctx says."""
        return self.outer.needs_input_grad

    @property
    def saved_tensors(self) -> Any:
        """The saved tensors as tracers."""
        return self.seen


def _tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


class _Batching:
    """How a Function is computed on whole batches: its four parts under a vmap level."""

    def __init__(self, cls: Any, in_dims: tuple[Any, ...], outer: BatchTrace) -> None:
        self.cls, self.in_dims = cls, in_dims
        self.size, self.randomness = outer.size, outer.randomness
        self.out_dims: Any = None
        # where ctx keeps this level's hidden dimensions (a ctx serves all nested levels)
        self.kept, self.kept_forward = (f"_vmap_{w}_{_next_id()}" for w in ("dims", "forward"))

    def forward(self, *low: Any) -> Any:
        """The outputs; their hidden dimensions are noted."""
        with _Level(self.size, self.randomness) as level:
            out = self.cls.forward(*level.lift(low, self.in_dims))
            values, dims = level.split(_tuple(out))
        self.out_dims = dims if isinstance(out, tuple) else dims[0]
        return values if isinstance(out, tuple) else values[0]

    def setup(self, ctx: Any, inputs: Any, output: Any) -> None:
        """Let the user fill ctx from tracers; keep what was saved by value and dimension."""
        with _Level(self.size, self.randomness) as level:
            inner = _InnerCtx(ctx)
            outs = tuple(level.lift(_tuple(output), _tuple(self.out_dims)))
            ins = tuple(level.lift(inputs, self.in_dims))
            self.cls.setup_context(inner, ins, outs if isinstance(output, tuple) else outs[0])
            nondiff = [_place(t, outs) for t in inner._nondiff]
            ctx._nondiff = tuple([_tuple(output)[i] for i in nondiff if i is not None])
            ctx._to_save, dims = _unlifted(level, inner._to_save, ins, inputs, outs, output)
            ctx._to_save_forward, forward_dims = level.split(inner._to_save_forward)
        setattr(ctx, self.kept, dims)
        setattr(ctx, self.kept_forward, forward_dims)

    def _seen(self, ctx: Any, level: _Level, saved: Any, where: str) -> _InnerCtx:
        inner = _InnerCtx(ctx)
        object.__setattr__(inner, "seen", tuple(level.lift(saved, getattr(ctx, where))))
        return inner

    def backward(self, ctx: Any, *grads: Any) -> Any:
        """Cotangents, with the hidden dimension where the inputs have it."""
        with _Level(self.size, self.randomness) as level:
            inner = self._seen(ctx, level, ctx.saved_tensors, self.kept)
            got = backward_of(self.cls)(inner, *level.lift(grads, _tuple(self.out_dims)))
            values, dims = level.split(_tuple(got))
        return tuple([
            _to_input(g, d, want, self.size) if isinstance(g, Tensor) else g
            for g, d, want in zip(values, dims, self.in_dims, strict=False)
        ])  # fmt: skip

    def jvp(self, ctx: Any, *tangents: Any) -> Any:
        """Tangents, with the hidden dimension where the outputs have it."""
        own = bool(ctx._to_save_forward)
        saved = ctx._to_save_forward if own else ctx._to_save
        with _Level(self.size, self.randomness) as level:
            inner = self._seen(ctx, level, saved, self.kept_forward if own else self.kept)
            got = self.cls.jvp(inner, *level.lift(tangents, self.in_dims))
            values, dims = level.split(_tuple(got))
        wants = _tuple(self.out_dims)
        moved = tuple([
            _to_input(t, d, w, self.size) if isinstance(t, Tensor) and w is not None else t
            for t, d, w in zip(values, dims, wants, strict=True)
        ])  # fmt: skip
        return moved if isinstance(got, tuple) else moved[0]


def _batched(cls: Any, in_dims: tuple[Any, ...], outer: BatchTrace) -> Any:
    """The Function that computes `cls` on whole batches, and can itself be batched again."""
    plan = _Batching(cls, in_dims, outer)
    body = {
        "forward": staticmethod(plan.forward), "setup_context": staticmethod(plan.setup),
        "backward": staticmethod(plan.backward), "jvp": staticmethod(plan.jvp),
        "generate_vmap_rule": True, "plan": plan,
    }  # fmt: skip
    return type(f"Vmapped{cls.__name__}", (Function,), body)


def _unlifted(level: _Level, saved: Any, ins: Any, inputs: Any, outs: Any, output: Any) -> Any:
    """Saved tracers as lower values; inputs and outputs as the very objects, to keep identity."""
    known = [*zip(ins, inputs, strict=True), *zip(outs, _tuple(output), strict=True)]
    values, dims = level.split(saved)
    same = [
        next((low for tracer, low in known if tracer is t), v)
        for t, v in zip(saved, values, strict=True)
    ]
    return tuple(same), dims


def _to_input(g: Any, dim: int | None, want: int | None, size: int) -> Any:
    """A cotangent with its hidden dimension where the input has it, summed if it has none."""
    if want is None:
        return g if dim is None else g.sum(dim)
    return g.expand(size, *g.shape).movedim(0, want) if dim is None else g.movedim(dim, want)
