"""Executing primitives: the fused eager path, and the hand-over to transforms.

Hot path; its rules: positional arguments, no closures or comprehensions made per call, no
environment reads, context managers, formatting or logging. `state.SPECIAL` is zero unless some
thread is in a non-default mode, and then nothing else is checked.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from franken.core import node as _node
from franken.core import primitive as _primitive
from franken.core import state
from franken.core.device import CPU, DeviceMismatch
from franken.core.node import record
from franken.core.primitive import Primitive
from franken.core.tensor import Parameter, Tensor, version_of

STATE = state.STATE
_new = object.__new__
_ndarray = np.ndarray
_asarray = np.asarray
F32 = np.dtype("float32")
F64 = np.dtype("float64")
NO_PARAMS: dict[str, Any] = {}
# Above this many elements an elementwise kernel is split over threads (2 cores: 1.7x at 4M).
PARALLEL = 1 << 18


def bind(prim: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Execute `prim` on tensors (or Python numbers, where the op takes them)."""
    if state.SPECIAL:
        return _bind_special(prim, args, params)
    return eager(prim, args, params, True)


def eager(prim: Primitive, args: tuple[Any, ...], params: dict[str, Any], grad: bool) -> Any:
    """Run the kernel on plain tensors and record it when an input is on the tape."""
    raw = []
    dev = None
    tracked = False
    for a in args:
        if isinstance(a, Tensor):
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
    try:
        out = kernel(*raw, **params)
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        explain(prim, args, params, error)
        raise
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
        top = 0
        for a in args:
            if isinstance(a, Tensor) and a.level > top:
                top = a.level
        if top:
            for trace in reversed(st.traces):
                if trace.level == top:
                    return trace.process(prim, args, params)
            raise RuntimeError(
                f"{prim.name}: a tensor of a transform that has ended was used (it escaped from "
                "the function that was transformed); return it from that function instead"
            )
        for trace in reversed(st.traces):
            if trace.takes(prim):
                return trace.process(prim, args, params)
    out = eager(prim, args, params, st.grad)
    if st.recorder is not None:
        st.recorder(prim, args, params, out)
    return out


def _one_device(prim: Primitive, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Move 0-dim CPU tensors to the device of the others; refuse any other mixture."""
    dev = next((a.device for a in args if isinstance(a, Tensor) and (a.device is not CPU or a._a.ndim)), CPU)  # noqa: E501
    moved = []
    for a in args:
        if isinstance(a, Tensor) and a.device is not dev:
            if a.device is CPU and a._a.ndim == 0:
                a = a.to(dev)  # type: ignore[attr-defined]
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


# --- fast lanes ------------------------------------------------------------------------------------
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
        r = kernel(a) if a.size < PARALLEL else split(kernel, a)
        t = _new(Tensor)
        t._a = r if type(r) is _ndarray else _asarray(r)
        t.device = CPU
        t._node = t._ver = t._base = None
        if input._node is not None or input._base is not None:
            record(prim, (input,), NO_PARAMS, t)
        return t

    return lane


def binary_lane(prim: Primitive, kernel: Any, general: Any) -> Any:
    """`lane(x, y)` for an elementwise op of two inputs; y may be a Python number."""
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
            tracked = input._node is not None or other._node is not None or \
                input._base is not None or other._base is not None
        elif kind is float or kind is int:
            b = other
            tracked = input._node is not None or input._base is not None
        else:
            return general(input, other)
        try:
            r = kernel(a, b) if a.size < PARALLEL else split(kernel, a, b)
        except (ValueError, OverflowError):
            return general(input, other)
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
    from franken.backends.numpy.parallel import elementwise

    return elementwise(kernel, *arrays)


_primitive.bind = bind
__all__ = ["STATE", "alias", "bind", "binary_lane", "eager", "shares", "unary_lane"]
_ = _node
