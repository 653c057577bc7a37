"""Executing primitives: the fused eager path, and the hand-over to transforms.

Hot path; its rules: positional arguments, no closures or comprehensions made per call, no
environment reads, context managers, formatting or logging. `state.SPECIAL` is zero unless some
thread is in a non-default mode, and then nothing else is checked.
"""

from __future__ import annotations

import contextvars
import weakref
from typing import Any

import numpy as np

from franken.core import node as _node
from franken.core import primitive as _primitive
from franken.core import seam, state
from franken.core.arrange import followed, with_strides
from franken.core.device import CPU, DeviceMismatch
from franken.core.node import record
from franken.core.primitive import Primitive
from franken.core.tensor import Parameter, Tensor, version_of

STATE = state.STATE
INFERENCE = state.INFERENCE
_new = object.__new__
_ndarray = np.ndarray
_asarray = np.asarray
F32 = np.dtype("float32")
F64 = np.dtype("float64")
NO_PARAMS: dict[str, Any] = {}
# Above this many elements an elementwise kernel is split over threads (2 cores: 1.7x at 4M).
PARALLEL = 1 << 18


def _quiet_context() -> Any:
    context = contextvars.Context()
    context.run(np.seterr, all="ignore")
    return context.run


# NumPy warns of 0/0 and overflow, torch does not. Its error state is a context variable, so kernels
# run in a Context where it says "ignore": 20 ns a call, against 1500 ns for `with np.errstate`.
quiet = _quiet_context()


def again(error: RuntimeError, kernel: Any, args: Any, params: dict[str, Any]) -> Any:
    """Run a kernel that `quiet` could not: a Context can be entered only once at a time, so it
    is refused while another thread (or a kernel further up this one) is inside."""
    if not str(error).startswith("cannot enter context"):
        raise error
    with np.errstate(all="ignore"):
        return kernel(*args, **params)


def bind(prim: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Execute `prim` on tensors (or Python numbers, where the op takes them)."""
    if state.SPECIAL:
        return _bind_special(prim, args, params)
    if params or not prim.simple or len(args) != 2:
        return eager(prim, args, params, True)
    x, y = args
    if (type(x) is not Tensor and type(x) is not Parameter) or (
        type(y) is not Tensor and type(y) is not Parameter
    ):
        return eager(prim, args, params, True)
    # the commonest case, without loops: two float32 tensors on the CPU, no parameters
    a, b = x._a, y._a
    if (
        a.dtype is not F32 or b.dtype is not F32 or x.device is not CPU or y.device is not CPU
        or not a.flags.c_contiguous or not b.flags.c_contiguous
    ):  # fmt: skip
        return eager(prim, args, params, True)
    try:
        r = quiet(prim.wide, a, b)
    except (RuntimeError, ValueError, TypeError, IndexError, OverflowError):
        return eager(prim, args, params, True)  # which says what is wrong
    t: Any = _new(Tensor)
    t._a = r if type(r) is _ndarray else _asarray(r)
    t.device = CPU
    t._node = t._ver = t._base = None
    if (
        x._node is not None or y._node is not None or x._base is not None or y._base is not None
    ) and prim.differentiable:
        record(prim, args, params, t)
    return t


def eager(prim: Primitive, args: tuple[Any, ...], params: dict[str, Any], grad: bool) -> Any:
    """Run the kernel on plain tensors and record it when an input is on the tape."""
    raw = []
    dev = None
    tracked = False
    for a in args:
        kind = type(a)
        if kind is Tensor or kind is Parameter or isinstance(a, Tensor):
            if kind is not Tensor and a.level:
                _refuse_escaped(prim)
            raw.append(a._a)
            if dev is None:
                dev = a.device
            elif a.device is not dev:
                return eager(prim, _one_device(prim, args), params, grad)
            if a._node is not None or a._base is not None:
                tracked = True
        else:
            raw.append(a)
    if dev is None:
        dev = params.get("device", CPU)
    kernel = prim.cpu if dev is CPU else prim.kernel_for(dev)
    if prim.view and not raw[0].size:
        raw[0] = args[0]._a = with_strides(raw[0])
    try:
        out = quiet(kernel, *raw, **params)
    except RuntimeError as error:
        out = again(error, kernel, raw, params)
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        explain(prim, args, params, error)
        raise
    if prim.arrange is not None:
        out = prim.arrange(raw, out)
    if params and "device" in params:  # says where the result lives: a transfer, a random source
        dev = params["device"]
    if prim.outputs == 1:
        result: Any = _wrap(out, dev)
        if prim.view:
            alias(args[0], result, (prim, params, -1))
    else:
        result = tuple([_wrap(o, dev) for o in out])
        if prim.view:
            for i, r in enumerate(result):
                alias(args[0], r, (prim, params, i))
    if tracked and grad and prim.differentiable:
        record(prim, args, params, result)
    return result


def _wrap(array: Any, dev: Any) -> Tensor:
    t: Tensor = _new(Tensor)
    t._a = array if type(array) is _ndarray or dev is not CPU else _asarray(array)
    t.device = dev
    t._node = t._ver = t._base = None
    return t


def alias(base: Tensor, view: Tensor, step: tuple[Primitive, dict[str, Any], int]) -> None:
    """Mark `view` as a view of `base` if the kernel did return shared memory.

    `step` is the (primitive, parameters, output index) that leads from `base` to `view`.
    """
    a, v = base._a, view._a
    if v is a:
        view._a = v.view()
    elif not shares(a, v):
        return
    if base._ver is INFERENCE:
        view._ver = INFERENCE
        return
    view._ver = ver = version_of(base)
    view._view_ver = ver[0]
    if base._base is None:
        view._base, view._chain = base, (step,)
    else:
        view._base, view._chain = base._base, (*base._chain, step)
    meta = getattr(base, "_vmeta", None)
    if meta is None and not STATE.grad:
        meta = "no_grad"
    if step[2] >= 0:
        meta = "multi"
    if meta is not None:
        view._vmeta = meta


def shares(a: Any, v: Any) -> bool:
    """Whether array `v` is a view into the memory that `a` is in."""
    b = v.base
    return b is not None and (b is a or b is a.base)


def _bind_special(prim: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    st = STATE
    if st.traces:
        top: Any = None
        for a in args:
            if isinstance(a, Tensor) and a.level:
                if a.trace not in st.traces:
                    _refuse_escaped(prim)
                if top is None or a.level > top.level:
                    top = a.trace
        if prim.level == "random":
            return _random(prim, args, params, top)
        if top is not None:
            return _made(prim, top.process(prim, args, params))
    if st.recorder is None:
        out = eager(prim, args, params, st.grad)
    else:  # executes the primitive itself, since it must see random state before
        out = st.recorder(prim, args, params, st.grad)
    return _made(prim, out) if st.traces or st.inference else out


def _random(prim: Primitive, args: tuple[Any, ...], params: dict[str, Any], top: Any) -> Any:
    """A random op goes through every trace that takes it, also without a traced input; a trace
    that is at work on it already must not be asked again."""
    st = STATE
    for trace in reversed(st.traces):
        if trace is top or (trace.level < st.below and trace.takes(prim)):
            break
    else:
        if st.recorder is not None:
            return _made(prim, st.recorder(prim, args, params, st.grad))
        return _made(prim, eager(prim, args, params, st.grad))
    before, st.below = st.below, trace.level
    try:
        return _made(prim, trace.process(prim, args, params))
    finally:
        st.below = before


def _made(prim: Primitive, out: Any) -> Any:
    for t in out if type(out) is tuple else (out,):
        mark_new(t)
        if prim.view and STATE.traces and t._base is not None:
            t._base.__dict__.setdefault("views", []).append(weakref.ref(t))
    return out


def mark_new(t: Tensor) -> None:
    """Note on a new tensor what depends on where it was made: inference mode, and the innermost
    transform, inside of which it may take over in-place results of that transform."""
    if STATE.inference and t._ver is None and t._base is None:
        t._ver = state.INFERENCE
    if STATE.traces:
        t.__dict__.setdefault("born", STATE.traces[-1])


def _refuse_escaped(prim: Primitive) -> None:
    raise RuntimeError(
        f"{prim.name}: a tensor of a transform that has ended was used (it escaped from the "
        "function that was transformed); return it from that function instead"
    )


def _one_device(prim: Primitive, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Move 0-dim CPU tensors to the device of the others; refuse any other mixture."""
    dev = next(
        (a.device for a in args if isinstance(a, Tensor) and (a.device is not CPU or a._a.ndim)),
        CPU,
    )  # noqa: E501
    moved = []
    for a in args:
        if isinstance(a, Tensor) and a.device is not dev:
            if a.device is CPU and a._a.ndim == 0:
                a = a.to(dev)
            else:
                raise DeviceMismatch(prim.name, dev, a.device)
        moved.append(a)
    return tuple(moved)


def explain(prim: Primitive, args: Any, params: Any, error: Exception) -> None:
    """After a kernel's error, raise torch's one for it, if the shape rule finds a reason."""
    if prim.shape is not None:
        shapes = [tuple(a.shape) if isinstance(a, Tensor) else () for a in args]
        prim.shape(*shapes, **params)
    if isinstance(error, ValueError):
        raise RuntimeError(f"{prim.name}: {error}") from error


# --- fast lanes ----------------------------------------------------------------------------------
# One closure an op. They serve the plain case (float32 or float64 Tensors or Parameters of equal
# dtype on the CPU, no mode active) and hand everything else to `general`.


def unary_lane(prim: Primitive, kernel: Any, general: Any) -> Any:
    """`lane(x)` for an elementwise op of one input."""

    def lane(input: Any) -> Any:  # noqa: A002
        if state.SPECIAL or (type(input) is not Tensor and type(input) is not Parameter):
            return general(input)
        a = input._a
        d = a.dtype
        if (d is not F32 and d is not F64) or input.device is not CPU:
            return general(input)
        try:
            r = quiet(kernel, a) if a.size < PARALLEL else split(kernel, a)
        except RuntimeError as error:
            r = again(error, kernel, (a,), NO_PARAMS)
        if not a.flags.c_contiguous:
            r = followed(r, a)
        t = _new(Tensor)
        t._a = r if type(r) is _ndarray else _asarray(r)
        t.device = CPU
        t._node = t._ver = t._base = None
        if input._node is not None or input._base is not None:
            record(prim, (input,), NO_PARAMS, t)
        return t

    return lane


def binary_lane(prim: Primitive, kernel: Any, general: Any, numbers: bool = True) -> Any:
    """`lane(x, y)` for an elementwise op of two inputs; y may be a Python number if `numbers`."""
    differentiable = prim.differentiable

    def lane(input: Any, other: Any) -> Any:  # noqa: A002
        if state.SPECIAL or (type(input) is not Tensor and type(input) is not Parameter):
            return general(input, other)
        a = input._a
        d = a.dtype
        if (d is not F32 and d is not F64) or input.device is not CPU:
            return general(input, other)
        kind = type(other)
        if kind is Tensor or kind is Parameter:
            b = other._a
            if b.dtype is not d or other.device is not CPU:
                return general(input, other)
            tracked = (
                input._node is not None
                or other._node is not None
                or input._base is not None
                or other._base is not None
            )
        elif numbers and (kind is float or kind is int):
            b = other
            tracked = input._node is not None or input._base is not None
        else:
            return general(input, other)
        try:
            r = quiet(kernel, a, b) if a.size < PARALLEL else split(kernel, a, b)
        except (ValueError, OverflowError):
            return general(input, other)
        except RuntimeError as error:
            r = again(error, kernel, (a, b), NO_PARAMS)
        if not a.flags.c_contiguous:  # else NumPy's order is torch's
            r = followed(r, a, b)
        t = _new(Tensor)
        t._a = r if type(r) is _ndarray else _asarray(r)
        t.device = CPU
        t._node = t._ver = t._base = None
        if tracked and differentiable:
            record(prim, (input, other), NO_PARAMS, t)
        return t

    return lane


def split(kernel: Any, *arrays: Any) -> Any:
    """Run a large elementwise kernel over threads; bits do not depend on the split."""
    first = arrays[0]
    if not isinstance(kernel, np.ufunc) or not all(
        a.__class__ is not _ndarray or a.shape == first.shape or a.ndim == 0 for a in arrays
    ):
        return quiet(kernel, *arrays)

    def part(*parts: Any, out: Any = None) -> Any:
        with np.errstate(all="ignore"):  # worker threads have Contexts of their own
            return kernel(*parts, out=out)

    ready = [a if a.__class__ is _ndarray else _asarray(a, first.dtype) for a in arrays]
    corner = (slice(0, 1),) * first.ndim
    dtype = part(*[a[corner] if a.ndim else a for a in ready]).dtype
    return seam.elementwise(part, *ready, out=np.empty_like(first, dtype=dtype))


_primitive.bind = bind
__all__ = [
    "STATE", "alias", "bind", "binary_lane", "eager", "mark_new", "quiet", "shares", "unary_lane",
]  # fmt: skip
_ = _node
