"""`out=`: which targets an op takes, how it refuses the others, and how a result is written.

The rules are torch's: a target is resized (with a warning, if it held elements), cast to where the
op casts, never differentiated, and must not share memory with an input in a way that the op would
trip over. Knows no op.
"""

from __future__ import annotations

import warnings
from math import prod
from typing import Any

import numpy as np

from franken.core import inplace as _inplace
from franken.core.dtypes import dtype
from franken.core.geometry import memory
from franken.core.geometry.arrange import placed
from franken.core.geometry.planning import Operand, iterator
from franken.core.geometry.strides import contiguous_strides
from franken.core.node import edge_of
from franken.core.primitive import _wrap
from franken.core.promotion import can_cast
from franken.core.state import STATE
from franken.core.tensor import Tensor, held, hold, seen

_CAST = "result type {want} can't be cast to the desired output type {got}"
_SAME = "Expected out tensor to have dtype {want_c}, but got {got_c} instead"

_RESIZED = (
    "An output with one or more elements was resized since it had shape {have}, which does not "
    "match the required output shape {want}. This behavior is deprecated, and in a future PyTorch "
    "release outputs will not be resized unless they have zero elements. You can explicitly reuse "
    "an out tensor t by resizing it, inplace, to zero elements with t.resize_(0)."
)


class Into:
    """How an op writes into its `out=`.

    Args:
        words: of the refusal of a target's dtype, with {want} and {got} (as "Float"), {want_c} and
            {got_c} (as "float"), {name} and {which}; several outputs may each have their own.
        cast: a target of another dtype will do if the result can be cast to it.
        also: names of dtypes that will do besides the result's.
        memory: "beside": an input may be the target itself but not overlap it otherwise;
            "apart": no input may; "free": every one may.
        infers: the op's `dtype` is the target's, unless given.
        named: what the outputs are called in the refusal.
        resized: what is said of a target with elements that is resized, with {have}, {want}, {size}
            and {need}; "" says nothing.
        single: how the op writes its one output where `words` speak of several.
        real: a complex target is refused where the result is real.
        row_major: a resized target is row-major, whatever the order of the result.
        listed: of ops that give None where they write a list of targets: the refusal of a list of
            another length, with {want} and {have}.
    """

    __slots__ = (
        "also",
        "cast",
        "error",
        "infers",
        "listed",
        "memory",
        "named",
        "real",
        "resized",
        "row_major",
        "single",
        "words",
    )

    def __init__(
        self,
        *words: str,
        cast: bool = False,
        memory: str = "beside",
        infers: bool = False,
        named: tuple[str, ...] = ("result",),
        also: tuple[str, ...] = (),
        real: bool = False,
        resized: str = _RESIZED,
        single: Into | None = None,
        error: type[Exception] = RuntimeError,
        row_major: bool = False,
        listed: str = "",
    ) -> None:
        self.words = words or (_CAST if cast else _SAME,)
        self.cast, self.memory, self.infers = cast, memory, infers
        self.named, self.also, self.real, self.error = named, also, real, error
        self.resized, self.single, self.row_major = resized, single or self, row_major
        self.listed = listed

    def refuse_dtype(self, name: str, which: int, target: Tensor, result: Tensor) -> None:
        """Raise if the target's dtype is not one that the result may be written to."""
        want, got = result.dtype, target.dtype
        if want is not got and not self._takes(want, got):
            words = self.words[min(which, len(self.words) - 1)]
            raise self.error(words.format(
                want=want.scalar_name, got=got.scalar_name, want_c=want.cpp_name,
                got_c=got.cpp_name,
                name=name.removeprefix("fft_"), which=self.named[min(which, len(self.named) - 1)],
            ))  # fmt: skip

    def _takes(self, want: dtype, got: dtype) -> bool:
        if self.cast and can_cast(want, got):
            return not (self.real and got.is_complex and not want.is_complex)
        return got.name in self.also


CAST = Into(cast=True)
SAME = Into()
# Of ops whose result is computed apart: inputs may overlap it.
FREE = Into(memory="free")
# Of tensors made anew: the target gets their shape without a word.
MADE = Into(cast=True, resized="")
# Of ops with a `dtype` argument.
INFER = Into(cast=True, infers=True)
# Elementwise ops whose kernels have no cast at their end.
FOUND = Into("Found dtype {got} but expected {want}")
# Of ops that read inputs out of order: the result's dtype, and no input's memory.
APART = Into(memory="apart")
CAST_APART = Into(cast=True, memory="apart")


def safely(name: str, *outputs: str, row_major: bool = False) -> Into:
    """Of linear algebra: wider dtypes will do; the refusal names the output."""
    words = (
        f"{name}: Expected {{which}} to be safely castable from {{want}} dtype, but got {{which}} "
        "with dtype {got}"
    )
    return Into(words, cast=True, memory="free", named=outputs or ("result",), row_major=row_major)


def write_made(name: str, out: Any, made: Any, into: Into = MADE) -> Any:
    """Write what an op made by itself into `out=`."""
    refuse_gradient(name, (), out if isinstance(out, (tuple, list)) else (out,))
    return write_out(name, out, made, into)


def refuse_cast(found: dtype, to: dtype) -> None:
    """Raise torch's error if a result of dtype `found` must not be written into dtype `to`."""
    if not can_cast(found, to):
        raise RuntimeError(_CAST.format(want=found.scalar_name, got=to.scalar_name))


def call_into(name: str, fn: Any, into: Into, args: Any, kwargs: Any, target: Any) -> Any:
    """The call with its result written into `target`."""
    targets = target if isinstance(target, (tuple, list)) else (target,)
    inputs = (*args, *kwargs.values())
    if not getattr(fn, "answers", False):  # truth values may be written, whoever wants a gradient
        refuse_gradient(name, inputs, targets)
    if STATE.traces:
        _refuse_traced(name, (*inputs, *targets))
    for o in targets:
        if isinstance(o, Tensor):
            refuse_shared(o, inputs, into.memory)
    if into.infers and kwargs.get("dtype") is not None:
        into = SAME
    elif into.infers and isinstance(target, Tensor):
        kwargs = {**kwargs, "dtype": target.dtype}
    result = fn(*args, **kwargs)
    if any(result is a for a in inputs):
        result = _copied(result)
    return write_out(name, target, result, into)


def _copied(x: Any) -> Any:
    """An input that is the result, as an elementwise op would copy it."""
    if x.level:
        return x
    steps = iterator(x._a.shape, [Operand(x._a.shape, memory.element_strides(x._a))])
    return _wrap(placed(x._a.copy(), steps), x.device)


def refuse_gradient(name: str, inputs: Any, targets: Any) -> None:
    """Raise if an input or a target is differentiated while gradients are recorded."""
    if STATE.grad and any(_wants_grad(a) for a in (*inputs, *targets)):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic "
            "differentiation, but one of the arguments requires grad."
        )


def _refuse_traced(name: str, values: Any) -> None:
    """Raise if a transform has a part in what is read or written: memory is written as it is."""
    nested = [v if isinstance(v, (list, tuple)) else (v,) for v in values]
    tensors = [t for row in nested for t in row if isinstance(t, Tensor)]
    for trace in reversed(STATE.traces):
        trace.refuse_out(name, tensors)
        tensors = [trace.lower(t) for t in tensors]


def _wants_grad(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_wants_grad(v) for v in value)
    return isinstance(value, Tensor) and bool(value.requires_grad)


def refuse_shared(target: Tensor, inputs: Any, how: str) -> None:
    """Raise if an input's memory lies in the target's as the op's kind forbids."""
    if how == "free" or target.level:
        return
    for t in inputs:
        if isinstance(t, (tuple, list)):
            refuse_shared(target, t, how)
        elif isinstance(t, Tensor) and not t.level:
            shared = memory.overlap(held(target), held(t))
            if shared == "part" or (shared == "full" and how == "apart"):
                raise RuntimeError(
                    "unsupported operation: some elements of the input tensor and the written-to "
                    "tensor refer to a single memory location. Please clone() the tensor before "
                    "performing the operation."
                )


def write_out(name: str, out: Any, result: Any, into: Into) -> Any:
    """Write a result into `out=`, resizing and casting as torch allows."""
    if isinstance(result, tuple):
        if not isinstance(out, (tuple, list)) or len(out) != len(result):
            if into.listed and isinstance(out, (tuple, list)):
                raise RuntimeError(into.listed.format(want=len(result), have=len(out)))
            raise TypeError(f"{name}(): argument 'out' must be tuple of {len(result)} Tensors")
        pairs = list(zip(out, result, strict=True))
        for k, (o, r) in enumerate(pairs):  # all are judged before any is written
            _check_target(name, o, r, into, k)
        written = [_write(o, r, into) for o, r in pairs]
        if into.listed:
            return None
        return type(result)(written) if type(result) is not tuple else tuple(written)
    _check_target(name, out, result, into.single, 0)
    return _write(out, result, into.single)


def _check_target(name: str, out: Any, result: Tensor, into: Into, which: int) -> None:
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    into.refuse_dtype(name, which, out, result)
    if out.device is not result.device:
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but found at least two devices, "
            f"{out.device} and {result.device}! (argument out of {name})"
        )


def _write(out: Any, result: Any, into: Into) -> Any:
    if out.level or result.level:
        return _inplace.commit(out, result.to(out.dtype))
    _inplace.check_inference(out)
    a = held(out)
    if a.shape != result._a.shape:
        _resize(out, result, into)
    elif memory.repeats(a):
        _inplace._refuse_overlap(a)
    _inplace.store(out, result)
    _inplace.bump(out)
    return out


def warn_resized(have: Any, want: Any, words: str = _RESIZED) -> None:
    """Warn that a result of one shape, which holds elements, becomes one of another."""
    size = prod(have)
    if size:
        shapes = {"have": list(have), "want": list(want), "size": size, "need": prod(want)}
        warnings.warn(words.format(**shapes), stacklevel=6)


def _resize(out: Tensor, result: Tensor, into: Into) -> None:
    a, r = held(out), result._a
    if into.resized:
        warn_resized(a.shape, r.shape, into.resized)
    if edge_of(out) is not None and STATE.grad:
        raise RuntimeError("cannot resize variables that require grad")
    follows = memory.dense(r) and not into.row_major
    steps = memory.element_strides(r) if follows else contiguous_strides(r.shape)
    found = memory.relaid(a, r.shape, steps) if isinstance(a, np.ndarray) else None
    if found is None:
        found = seen(placed(result.to(out.dtype, copy=True)._a, steps), out._bits)
    hold(out, found)
