"""Custom Functions in forward mode: what a level of tangents does with `Function.apply`.

Forward runs one level down, `jvp` gives the tangents of its outputs, and those are checked: a
tangent is laid out as its tensor is, so that of a view must be a view, and that of a tensor which
was changed in place must have been changed with it. Knows no op but zeros.
Source: https://docs.pytorch.org/docs/stable/notes/extending.html#forward-mode-ad
"""

from __future__ import annotations

from typing import Any, NoReturn

from franken.core import inplace
from franken.core.state import STATE
from franken.core.tensor import Tensor, version_of
from franken.engine.function import (
    check_setup,
    fixed_outputs,
    overrides_setup,
    place,
    record_function,
)


class Pushed:
    """The part of a forward-mode level that applies custom Functions; beside `Trace`."""

    transparent: bool
    beneath: Any
    joined: Any
    kept: Any
    lower: Any
    owns: Any
    set_tangent: Any
    tangent_of: Any

    def apply_function(self, cls: Any, args: tuple[Any, ...], kwargs: Any = None) -> Any:
        """Apply the Function one level down, and the class's `jvp` to the tangents."""
        if not self.transparent:
            check_setup(cls)
        low = tuple([self.lower(a) for a in args])
        tangents = [self.tangent_of(a) for a in args]
        ctx, out = self.beneath(_forward, cls, low)
        ctx.needs_input_grad = tuple([t is not None for t in tangents])
        outs = out if isinstance(out, tuple) else (out,)
        call = _Call(self, ctx, args, low, tangents)
        if any(ctx.needs_input_grad):
            got = call.pushed(cls, outs)
            made = tuple([call.output(k, o, got[k]) for k, o in enumerate(outs)])
        else:
            made = tuple([call.plain(o) for o in outs])
        return made if isinstance(out, tuple) else made[0]


def _forward(cls: Any, low: Any) -> tuple[Any, Any]:
    """The ctx and outputs of a Function one level down."""
    ctx = object.__new__(cls)
    if STATE.traces and overrides_setup(cls):
        out = cls.apply(*low)
        cls.setup_context(ctx, low, out)
        ctx._fixed = fixed_outputs(ctx, out if isinstance(out, tuple) else (out,))
    else:
        out = record_function(cls, low, ctx)
    return ctx, out


class _Call:
    """One application: the arguments at the level and below it, and their tangents."""

    def __init__(self, level: Any, ctx: Any, args: Any, low: Any, tangents: Any) -> None:
        self.level, self.ctx, self.args, self.low, self.tangents = level, ctx, args, low, tangents
        self.given: list[Any] = []  # what jvp gets
        self.counts: list[int] = []  # how often that had been changed before

    def pushed(self, cls: Any, outs: Any) -> tuple[Any, ...]:
        """What jvp returns: a tangent or None for each output."""
        self.given = [self._given(i, outs) for i in range(len(self.low))]
        self.counts = [version_of(t)[0] if isinstance(t, Tensor) else 0 for t in self.given]
        self.ctx._forward_mode = True
        try:
            got = self.level.beneath(cls.jvp, self.ctx, *self.given)
        finally:
            self.ctx._forward_mode = False
        got = got if isinstance(got, tuple) else (got,)
        for k, t in enumerate(got):
            if t is not None and not isinstance(t, Tensor):
                raise RuntimeError(
                    f"expected Variable or None (got {type(t).__name__}) for grad output {k}."
                )
        if len(got) != len(outs):
            raise RuntimeError(
                "Function's jvp returned an invalid number of forward gradients (expected "
                f"{len(outs)} but got {len(got)})"
            )
        return got

    def _given(self, i: int, outs: Any) -> Any:
        x, t = self.low[i], self.tangents[i]
        if t is None:
            wanted = self.ctx._materialize and isinstance(x, Tensor) and inexact(x)
            return self.level.beneath(zeros_like, x) if wanted else None
        if place(x, outs) is None:
            return t
        # jvp changes it in place; all but the user's own may be that of other tensors too
        mine = self.level.transparent and self.level.kept(self.args[i]).get("given")
        return t if mine else self.level.beneath(t.clone)

    def plain(self, o: Any) -> Any:
        """An output of a call without tangents."""
        if not isinstance(o, Tensor):
            return o
        i = self._argument(o)
        return self.level.joined(o, None) if i is None else self._changed(i, None)

    def output(self, k: int, o: Any, t: Any) -> Any:
        """Output `k` at this level with its tangent."""
        if not isinstance(o, Tensor):
            return o
        if k in self.ctx._fixed or not inexact(o):
            if t is not None:
                raise RuntimeError(
                    f"Function's jvp returned a gradient at position {k}, but  the corresponding "
                    "forward output is not a differentiable Tensor.You should return None at that "
                    "position instead."
                )
            return self.level.joined(o, None)
        i = self._argument(o)
        if i is not None:
            self._check_changed(i, t)
        elif self.level.transparent and o._base is not None:
            self._check_view(o, t)
        check_tangent(o, t)
        if i is not None:
            return self._changed(i, t)
        out = self.level.joined(o, t)
        if self.level.transparent and o._base is not None:
            self._tie(o, t)
        return out

    def _argument(self, o: Any) -> int | None:
        """Which argument, changed in place, the output is."""
        i = place(o, self.low)
        mine = i is not None and (self.level.transparent or self.level.owns(self.args[i]))
        return i if mine else None

    def _changed(self, i: int, tangent: Any) -> Any:
        x = self.args[i]
        if not self.level.transparent:  # the change was counted below
            inplace.bump(x)
        if tangent is not None:
            self.level.set_tangent(x, tangent)
        return x

    def _check_changed(self, i: int, t: Any) -> None:
        if self.tangents[i] is None:
            return
        if t is not self.given[i] or version_of(t)[0] == self.counts[i]:
            raise RuntimeError(
                "An inplace custom Function is not modifying the forward mode gradients inplace. "
                "If the forward is modifying an input inplace, then the jvp function must modify "
                "the corresponding gradient inplace."
            )

    def _check_view(self, o: Any, t: Any) -> None:
        """The tangent of a view of an argument must be a view of the argument's tangent."""
        i = next((i for i, x in enumerate(self.low) if _shares_base(x, o)), None)
        if i is None or self.tangents[i] is None:
            return
        if t is None:
            raise RuntimeError("cannot call get_autograd_meta() on undefined tensor")
        of = self.given[i]
        if t._base is None:
            _refuse_view("forward is returning a view (or an input as-is)", "")
        if of._base is None and t._base is not of:
            _refuse_view("", " of the given grad input")
        if of._base is not None and t._base is not of._base:
            _refuse_view("", " of the same base as the given grad input")

    def _tie(self, o: Any, t: Any) -> None:
        """Let a view's tangent be read again only where its base is changed."""
        root = self.level.kept(o._base)
        if root.get("tangent") is None:
            self.level.set_tangent(o, t)
        else:
            self.level.kept(o)["tangent_at"] = version_of(o)[0]


def _refuse_view(does: str, of: str) -> NoReturn:
    who = f"A custom Function's {does}" if does else "A custom Function is returning a view"
    raise RuntimeError(f"{who} but the jvp is not returning a view{of}.")


def _shares_base(x: Any, o: Any) -> bool:
    return isinstance(x, Tensor) and (x if x._base is None else x._base) is o._base


def check_tangent(x: Any, t: Any) -> None:
    """Raise unless `t` may be the tangent of `x`: a floating tensor of its shape."""
    if t is None or not inexact(t):
        raise RuntimeError(
            "Expected both tensor and its forward grad to be floating point or complex"
        )
    if tuple(x.shape) != tuple(t.shape):
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original "
            f"Tensor, this is not supported. Tensor is of size {list(x.shape)} while the given "
            f"forward gradient is of size {list(t.shape)}."
        )


def zeros_like(x: Any) -> Any:
    """A tangent of zero for a value."""
    return x.new_zeros(tuple(x.shape))


def inexact(t: Any) -> bool:
    """Whether a tensor can have a tangent."""
    return bool(t.dtype.is_floating_point or t.dtype.is_complex)
