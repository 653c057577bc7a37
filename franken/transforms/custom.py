"""Custom Functions on batches: what a vmap level does with `Function.apply`.

It calls the class's `vmap`, or batches forward, setup_context, backward and jvp themselves when
generate_vmap_rule is set. Knows no op but moving and summing a dimension.
Source: https://docs.pytorch.org/docs/stable/notes/extending.func.html
"""

from __future__ import annotations

import itertools
from itertools import zip_longest
from typing import Any, NamedTuple

from franken.core.pytree import (
    broadcast_to_and_flatten,
    tree_flatten,
    tree_map,
    tree_unflatten,
)
from franken.core.tensor import Tensor
from franken.engine.function import Function, FunctionCtx, backward_of, check_setup, place

_next_id = itertools.count().__next__
_HELP = "For more details, please see https://pytorch.org/docs/main/notes/extending.func.html"


class VmapInfo(NamedTuple):
    """What a `vmap` staticmethod is told about the mapping."""

    batch_size: int
    randomness: str


class Batched:
    """The part of a vmap level that applies custom Functions; beside `Trace` in BatchTrace."""

    keywords = True
    size: int
    randomness: str
    beneath: Any
    dim_of: Any
    lower: Any
    make: Any

    def apply_function(self, cls: Any, args: tuple[Any, ...], kwargs: Any = None) -> Any:
        """Apply the class's `vmap` one level down, or batch its parts."""
        if any(isinstance(x, Tensor) for x in tree_flatten(kwargs)[0]):
            raise NotImplementedError(
                "Run vmap on autograd.Function with kwarg-only Tensor args. Please do not pass "
                f"kwarg-only Tensors to autograd.Function. Got: {kwargs}"
            )
        dims = tuple([tree_map(self.dim_of, a) for a in args])
        if all(d is None for d in tree_flatten(dims)[0]):
            return self.beneath(lambda: cls.apply(*args))
        check_setup(cls)
        own = cls.vmap is not Function.vmap
        _check_vmap(cls, own)
        low = tuple([tree_map(self.lower, a) for a in args])
        if not own:
            made = _batched(cls, dims, self)
            out = self.beneath(made.apply, *low)
            return self.wrap(out, made.plan.out_dims)
        info = VmapInfo(self.size, self.randomness)
        got = self.beneath(lambda: cls.vmap(info, dims, *low, **kwargs))
        if not (isinstance(got, tuple) and len(got) == 2):
            raise RuntimeError(
                "Expected the vmap staticmethod to have two returns, an output and out_dims with "
                f"pytree structure compatible with the output. Got a {type(got)} instead"
            )
        return self.wrap(*got)

    def wrap(self, out: Any, out_dims: Any) -> Any:
        """The tree `out` of lower values as values of this level."""
        leaves, spec = tree_flatten(out)
        dims = broadcast_to_and_flatten(out_dims, spec)
        if dims is None:
            raise RuntimeError(
                "The autograd.Function's vmap staticmethod returned an incompatible (output, "
                f"out_dims) tuple. Expected out_dims={out_dims} to be compatible with the "
                f"structure of `output`. out_dims has structure {tree_flatten(out_dims)[1]} but "
                f"output has structure {spec}. {_HELP}"
            )
        return tree_unflatten(
            [self.make(o, d) for o, d in zip(leaves, dims, strict=True)], spec
        )  # fmt: skip

    def lift(self, values: Any, dims: Any) -> list[Any]:
        """Values of this level for those that have a hidden dimension."""
        return [self.make(x, d) for x, d in zip(values, dims, strict=True)]

    def split(self, values: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """(lower values, their hidden dimensions)."""
        low = tuple([self.lower(x) for x in values])
        return low, tuple([self.dim_of(x) for x in values])


def _check_vmap(cls: Any, own: bool) -> None:
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

    def __init__(self, cls: Any, in_dims: tuple[Any, ...], outer: Any) -> None:
        self.cls, self.in_dims = cls, in_dims
        self.size, self.outer = outer.size, outer
        self.out_dims: Any = None
        self.marked: set[int] = set()  # outputs without a derivative
        # where ctx keeps this level's hidden dimensions (a ctx serves all nested levels)
        self.kept, self.kept_forward = (f"_vmap_{w}_{_next_id()}" for w in ("dims", "forward"))

    def level(self) -> Any:
        """A vmap level of the outer one's kind, to run user code on hidden batches."""
        return type(self.outer)(self.size, self.outer.randomness)

    def forward(self, *low: Any) -> Any:
        """The outputs; their hidden dimensions are noted."""
        with self.level() as level:
            out = self.cls.forward(*level.lift(low, self.in_dims))
            values, dims = level.split(_tuple(out))
        self.out_dims = dims if isinstance(out, tuple) else dims[0]
        return values if isinstance(out, tuple) else values[0]

    def setup(self, ctx: Any, inputs: Any, output: Any) -> None:
        """Let the user fill ctx from tracers; keep what was saved by value and dimension."""
        with self.level() as level:
            inner = _InnerCtx(ctx)
            outs = tuple(level.lift(_tuple(output), _tuple(self.out_dims)))
            ins = tuple(level.lift(inputs, self.in_dims))
            self.cls.setup_context(inner, ins, outs if isinstance(output, tuple) else outs[0])
            places = [place(t, outs) for t in inner._nondiff]
            self.marked = {i for i in places if i is not None}
            ctx._nondiff = tuple([_tuple(output)[i] for i in self.marked])
            ctx._to_save, dims = _unlifted(level, inner._to_save, ins, inputs, outs, output)
            ctx._to_save_forward, forward_dims = level.split(inner._to_save_forward)
        setattr(ctx, self.kept, dims)
        setattr(ctx, self.kept_forward, forward_dims)

    def _seen(self, ctx: Any, level: Any, saved: Any, where: str) -> _InnerCtx:
        inner = _InnerCtx(ctx)
        object.__setattr__(inner, "seen", tuple(level.lift(saved, getattr(ctx, where))))
        return inner

    def backward(self, ctx: Any, *grads: Any) -> Any:
        """Cotangents, with the hidden dimension where the inputs have it."""
        with self.level() as level:
            inner = self._seen(ctx, level, ctx.saved_tensors, self.kept)
            got = backward_of(self.cls)(inner, *level.lift(grads, _tuple(self.out_dims)))
            values, dims = level.split(_tuple(got))
        return tuple([
            _to_input(g, d, want, self.size) if isinstance(g, Tensor) else g
            for g, d, want in zip(values, dims, self.in_dims, strict=False)
        ])  # fmt: skip

    def jvp(self, ctx: Any, *tangents: Any) -> Any:
        """Tangents, with the hidden dimension where the outputs have it."""
        with self.level() as level:
            inner = self._seen(ctx, level, ctx._to_save_forward, self.kept_forward)
            got = self.cls.jvp(inner, *level.lift(tangents, self.in_dims))
            values, dims = level.split(_tuple(got))
        wants = _tuple(self.out_dims)
        # the caller looks whether there are as many as outputs
        return tuple([
            None if i in self.marked
            else _to_input(t, d, w, self.size) if isinstance(t, Tensor) and w is not None else t
            for i, (t, d, w) in enumerate(zip_longest(values, dims, wants[: len(values)]))
        ])  # fmt: skip


def _batched(cls: Any, in_dims: tuple[Any, ...], outer: Any) -> Any:
    """The Function that computes `cls` on whole batches, and can itself be batched again."""
    plan = _Batching(cls, in_dims, outer)
    body = {
        "forward": staticmethod(plan.forward), "setup_context": staticmethod(plan.setup),
        "backward": staticmethod(plan.backward), "jvp": staticmethod(plan.jvp),
        "generate_vmap_rule": True, "plan": plan,
    }  # fmt: skip
    return type(f"Vmapped{cls.__name__}", (Function,), body)


def _unlifted(level: Any, saved: Any, ins: Any, inputs: Any, outs: Any, output: Any) -> Any:
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
