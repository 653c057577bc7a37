"""Activation checkpointing: recompute the forward pass in backward instead of keeping its values.

Two ways, as in torch: a Function that runs a backward of its own (reentrant), and saved-tensor
hooks that recompute when a value is asked for. Knows the tape and the random generator; no op.
Source: https://docs.pytorch.org/docs/stable/checkpoint.html
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from franken.autograd.hooks import EnoughSaved, saved_tensors_hooks
from franken.backends.numpy.random import twister as rng
from franken.core.pytree import tree_map
from franken.core.state import STATE, set_grad
from franken.core.tensor import Tensor
from franken.engine.function import Function

_early_stop: bool | None = None  # None: as each call says
_debug: bool | None = None


class CheckpointError(RuntimeError):
    """The recomputation did not repeat the forward pass."""


@contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Within the block, let checkpoints stop recomputing at the last value needed, or not."""
    global _early_stop
    before, _early_stop = _early_stop, enable
    try:
        yield
    finally:
        _early_stop = before


@contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """Within the block, name the ops in errors about a recomputation that differs."""
    global _debug
    before, _debug = _debug, enabled
    try:
        yield
    finally:
        _debug = before


def noop_context_fn() -> tuple[Any, Any]:
    """The contexts of forward and recomputation that do nothing."""
    return nullcontext(), nullcontext()


class _Surroundings:
    """The modes and random state at the call, put back for the recomputation."""

    def __init__(self, preserve_rng_state: bool) -> None:
        self.state = rng.default_generator.get_state() if preserve_rng_state else None

    @contextmanager
    def again(self) -> Iterator[None]:
        """Within the block, things are as they were at the call, with gradients on."""
        before = set_grad(True)
        try:
            if self.state is None:
                yield
            else:
                with rng.fork():
                    rng.default_generator.set_state(self.state)
                    yield
        finally:
            set_grad(before)


def checkpoint(
    function: Any, *args: Any, use_reentrant: bool | None = None,
    context_fn: Any = noop_context_fn, determinism_check: str = "default", debug: bool = False,
    early_stop: bool = True, **kwargs: Any,
) -> Any:  # fmt: skip
    """Call `function(*args, **kwargs)`, keeping only its arguments for backward.

    Args:
        use_reentrant: by a backward inside of the backward (True) or by saved-tensor hooks
            (False, recommended: it works with `grad`, keyword arguments and nested outputs).
        context_fn: gives two contexts, for the forward pass and for the recomputation.
        determinism_check: "default" compares shapes, dtypes and devices, "none" nothing.
        early_stop: stop recomputing at the last value needed.
        kwargs: for the function, but for `preserve_rng_state` (default True).
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. "
            "Starting in PyTorch 2.9, calling checkpoint without use_reentrant will raise an "
            "exception. use_reentrant=False is recommended, but if you need to preserve the "
            "current default behavior, you can pass use_reentrant=True. Refer to docs for more "
            "details on the differences between the two variants.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs and use_reentrant:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if use_reentrant:
        if context_fn is not noop_context_fn or debug:
            raise ValueError(
                "Passing `context_fn` or `debug` is only supported when use_reentrant=False."
            )
        return CheckpointFunction.apply(function, preserve, *args)
    if determinism_check not in ("default", "none"):
        raise ValueError(
            "determinism_check should be one of ['default', 'none'], but got " + determinism_check
        )
    forward, recompute = context_fn()
    early = early_stop if _early_stop is None else _early_stop
    frame = _Frame(function, args, kwargs, preserve, recompute, early)
    frame.check = determinism_check == "default"
    with forward, saved_tensors_hooks(frame.pack, frame.unpack):
        out = function(*args, **kwargs)
    frame.complete = True
    return out


# --- by saved-tensor hooks -----------------------------------------------------------------------


class _Holder:
    """The place of one saved tensor, filled by a recomputation."""

    __slots__ = ("__weakref__", "index", "value")

    def __init__(self, index: int) -> None:
        self.index, self.value = index, None


class _Frame:
    """One checkpointed call: what is needed to repeat it, and the tensors it saved."""

    check = True
    complete = False  # whether the call has ended; a backward inside of it may come before
    run: Any = None  # the backward pass of the last recomputation

    def __init__(
        self, function: Any, args: Any, kwargs: Any, preserve: bool, recompute: Any, early: bool
    ) -> None:
        self.function, self.recompute_context, self.early_stop = function, recompute, early
        self.surroundings = _Surroundings(preserve)
        # Arguments are saved tensors of whatever surrounds this call, as any others would be.
        self.args, self.kwargs = tree_map(_kept, (args, kwargs))
        self.holders: list[Any] = []
        self.metas: list[Any] = []

    def pack(self, t: Tensor) -> _Holder:
        """Forget a tensor, remembering its place and shape."""
        holder = _Holder(len(self.holders))
        self.holders.append(weakref.ref(holder))
        self.metas.append(_meta(t))
        return holder

    def unpack(self, holder: _Holder) -> Any:
        """The tensor again; the first one that a backward pass asks for recomputes all."""
        run = STATE.runs[-1] if STATE.runs else None
        if run is None or self.run is None or self.run() is not run:
            self.recompute()
            self.run = None if run is None else weakref.ref(run)
        value, holder.value = holder.value, None
        if value is None:
            raise CheckpointError(
                "torch.utils.checkpoint: Unpack is being triggered for a tensor that was already "
                "unpacked once. If you are calling ctx.saved_tensors in backward, make sure to do "
                "so only once. Otherwise please open an issue with details on your use case."
            )
        return value

    def recompute(self) -> None:
        """Repeat the call and fill the holders."""
        metas: list[Any] = []

        def fill(t: Tensor) -> Any:
            k = len(metas)
            metas.append(_meta(t))
            holder = self.holders[k]() if k < len(self.holders) else None
            value = t.detach() if t.requires_grad else t
            if holder is not None:
                holder.value = value
            if self.early_stop and len(metas) == len(self.holders):
                raise EnoughSaved
            return value

        args, kwargs = tree_map(_given_back, (self.args, self.kwargs))
        with self.surroundings.again(), self.recompute_context:
            try:
                with saved_tensors_hooks(fill, lambda t: t):
                    self.function(*args, **kwargs)
            except EnoughSaved:
                pass
        if self.complete or self.early_stop:
            self._compare(metas)

    def _compare(self, metas: list[Any]) -> None:
        if len(metas) != len(self.metas):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the "
                "original forward and recomputation.\n"
                f"Number of tensors saved during forward: {len(self.metas)}\n"
                f"Number of tensors saved during recomputation: {len(metas)}."
            )
        if not self.check:
            return
        lines = []
        for i, (was, now) in enumerate(zip(self.metas, metas, strict=True)):
            if was != now:
                lines.append(
                    f"tensor at position {i}:\nsaved metadata: {was}\nrecomputed metadata: {now}"
                )
        if lines:
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have "
                "different metadata than during the forward pass.\n" + "\n".join(lines)
            )


def _meta(t: Tensor) -> dict[str, Any]:
    return {"shape": t.shape, "dtype": t.dtype, "device": t.device}


class _Kept:
    """A tensor argument, packed by the hooks that were active at the call."""

    __slots__ = ("requires_grad", "unpack", "value")

    def __init__(self, t: Any) -> None:
        self.requires_grad = t.requires_grad
        pack, self.unpack = STATE.saved_hooks[-1]
        before = set_grad(False)
        try:
            self.value = pack(t.detach())
        finally:
            set_grad(before)


def _kept(x: Any) -> Any:
    return _Kept(x) if isinstance(x, Tensor) and STATE.saved_hooks else x


def _given_back(x: Any) -> Any:
    if isinstance(x, _Kept):
        return x.unpack(x.value).detach().requires_grad_(x.requires_grad)
    if isinstance(x, Tensor) and x.requires_grad:
        return x.detach().requires_grad_()
    return x


# --- by a backward inside of the backward --------------------------------------------------------


def detach_variable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The inputs cut from their graphs, each requiring grad as before."""
    if not isinstance(inputs, tuple):
        raise RuntimeError(
            "Only tuple of tensors is supported. Got Unsupported input type: "
            f"{type(inputs).__name__}"
        )
    return tuple([_given_back(x) if isinstance(x, Tensor) else x for x in inputs])


def check_backward_validity(inputs: Any) -> None:
    """Warn when no input requires grad, since then nothing gets a gradient."""
    if not any(x.requires_grad for x in inputs if isinstance(x, Tensor)):
        warnings.warn(
            "None of the inputs have requires_grad=True. Gradients will be None", stacklevel=3
        )


class CheckpointFunction(Function):
    """Runs a function without recording, and again with recording in its backward."""

    @staticmethod
    def forward(ctx: Any, function: Any, preserve: bool, *args: Any) -> Any:
        """Run without recording."""
        check_backward_validity(args)
        ctx.function, ctx.surroundings = function, _Surroundings(preserve)
        ctx.others = [None if isinstance(a, Tensor) else a for a in args]
        ctx.places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.save_for_backward(*[a for a in args if isinstance(a, Tensor)])
        return function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Run again with recording, then backward through that."""
        if STATE.runs[-1].targets:
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or "
                "passing an `inputs` parameter to .backward(). To resolve this error, you can "
                "either set use_reentrant=False, or call .backward() without passing the `inputs` "
                "argument."
            )
        from franken.autograd.api import backward

        inputs = list(ctx.others)
        for place, t in zip(ctx.places, ctx.saved_tensors, strict=True):
            inputs[place] = t
        again = detach_variable(tuple(inputs))
        with ctx.surroundings.again():
            outs = ctx.function(*again)
        outs = (outs,) if isinstance(outs, Tensor) else outs
        live = [(o, g) for o, g in zip(outs, grads, strict=True)
                if isinstance(o, Tensor) and o.requires_grad]  # fmt: skip
        if not live:
            raise RuntimeError(
                "none of output has requires_grad=True, this checkpoint() is not necessary"
            )
        backward([o for o, _ in live], [g for _, g in live])
        return None, None, *[getattr(x, "_grad", None) for x in again]


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None,  # noqa: A002
    **kwargs: Any,
) -> Any:  # fmt: skip
    """Apply functions (or a Sequential's modules) in order, checkpointing all but the last part."""
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be "
            "passed explicitly. In version 2.9 we will raise an exception if use_reentrant is not "
            "passed. use_reentrant=False is recommended, but if you need to preserve the current "
            "default behavior, you can pass use_reentrant=True. Refer to docs for more details on "
            "the differences between the two variants.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    steps = list(functions.children()) if hasattr(functions, "children") else list(functions)
    size = len(steps) // segments

    def run(start: int, stop: int) -> Any:
        def forward(x: Any) -> Any:
            for step in steps[start:stop]:
                x = step(x)
            return x

        return forward

    end = 0
    for start in range(0, size * (segments - 1), size):
        end = start + size
        input = checkpoint(  # noqa: A001
            run(start, end), input, use_reentrant=use_reentrant, preserve_rng_state=preserve
        )
    return run(end, len(steps))(input)


__all__ = [
    "CheckpointError", "CheckpointFunction", "check_backward_validity", "checkpoint",
    "checkpoint_sequential", "detach_variable", "noop_context_fn", "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
]  # fmt: skip
