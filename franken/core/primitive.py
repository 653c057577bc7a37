"""Primitive: one op with all of its rules in one object, and `bind`, which executes it.

Knows no particular op; what a rule may ask for is written in `core.rule`. `bind` is the fused eager
path and the hand-over to transforms. Hot path; its rules: positional arguments, no closures or
comprehensions made per call, no environment reads, context managers, formatting or logging.
`state.SPECIAL` is zero unless some thread is in a non-default mode, and then nothing else is
checked.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import Any

import numpy as np

from franken.backends import registry
from franken.backends.meta.kernels import planned
from franken.core import state
from franken.core.device import CPU, META, DeviceMismatch
from franken.core.errors import MissingKernel
from franken.core.geometry.arrange import arranger, row_major, with_strides
from franken.core.geometry.shapes import refuse_memory
from franken.core.node import edge_of, record
from franken.core.rule import (
    NO_BATCH_RULE,
    NOT_DIFFERENTIABLE,
    Plan,
    Rule,
    Said,
    Tie,
    as_rule,
    joined,
)
from franken.core.tensor import (
    Parameter,
    Tensor,
    dress,
    first_version,
    held,
    hold,
    living,
    seen,
)

PRIMITIVES: dict[str, Primitive] = {}
STATE = state.STATE
INFERENCE = state.INFERENCE
_new = object.__new__
_ndarray = np.ndarray
_asarray = np.asarray
F32 = np.dtype("float32")
F64 = np.dtype("float64")
NO_PARAMS: dict[str, Any] = {}


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


class Primitive:
    """One op: kernels by device, derivative and batching rules, and how it is shown.

    Args:
        name: unique name.
        inputs: names of the tensor inputs; `variadic` ops take any number.
        kernel: NumPy kernel, arrays in and array (or tuple) out, parameters by keyword.
        outputs: number of outputs; 0 means a tuple of varying length.
        view: the output may share memory with the first input.
        layout: how results lie in memory, a name of `core.planning.PLANNERS` (or one for each
            output); None where the kernel's own order is right, as it always is of a view.
        random: the result depends on the state of a random stream too.
        expr: the scalar expression, from which kernels for both devices are to be generated; a
            test holds it against the kernel.
        title: the backward function's name in torch, or a function of the node that gives it, where
            it does not follow from `name`.
        words: torch's names of the inputs, where they are not `inputs`.
        writes: for kernels that change inputs in place and give nothing back (outputs=0):
            `writes(inputs, **params)` gives those that are changed.
        meta: what the results are like, from the inputs' geometries: a rule, or the name of one in
            `backends.meta.rules`. Views and elementwise ops need none.
    """

    __slots__ = (
        "arrange", "batch", "by_memory", "carry", "cpu", "differentiable", "elsewhere", "expr",
        "holomorphic", "inputs", "jvps", "kernels", "name", "nondiff", "outputs", "plans",
        "random", "shape", "simple", "still", "ties", "title", "variadic", "view", "vjp_joint",
        "vjps", "wide", "words", "writer", "writes",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        inputs: tuple[str, ...],
        kernel: Any,
        *,
        outputs: int = 1,
        variadic: bool = False,
        view: bool = False,
        nondiff: tuple[int, ...] = (),
        batch: Any = None,
        random: bool = False,
        expr: str | None = None,
        layout: str | tuple[str, ...] | None = "contiguous",
        title: Any = None,
        words: tuple[str, ...] = (),
        writes: Any = None,
        meta: Any = None,
    ) -> None:
        if name in PRIMITIVES:
            raise ValueError(f"primitive {name!r} is declared twice")
        self.name, self.inputs, self.cpu = name, inputs, kernel
        self.outputs, self.variadic, self.view, self.nondiff = outputs, variadic, view, nondiff
        self.batch, self.random, self.expr, self.writes = batch, random, expr, writes
        self.title, self.words = title, words or inputs
        self.arrange = None if view or random else arranger(layout)
        self.kernels: dict[str, Any] = {}
        if meta is not None:
            self.kernels["meta"] = planned(self, meta)
        # The kernel for float32 and wider, without the detour of half precisions.
        self.wide = getattr(kernel, "wide", kernel)
        self.simple = outputs == 1 and not view and not random
        self.vjps: list[Any] = [None] * len(inputs)
        self.vjp_joint: Rule | None = None
        self.jvps: Any = None
        self.shape: Any = None
        self.holomorphic = True
        self.differentiable = False
        # Of views whose region shapes do not tell: writer(x, src, params) gives x with `src` there.
        self.writer: Any = None
        # Of views that show one place several times: by_memory(base, view) gives the link to a
        # view of any part of them.
        self.by_memory: Any = None
        # Of views: carry(bits) gives those of a view of a tensor with `bits`; None: the same.
        self.carry: Any = None
        # Of ops that make other layouts or take them apart: what executes them in place of `eager`.
        self.elsewhere: Any = None
        # Inputs that torch saves as views of its own making: still(node, i) says whether input i is
        # one. They stay as they were where the tensor is given another memory (core.replaced).
        self.still: Any = None
        self.ties: list[Tie] = []
        self.plans: dict[Any, Plan | None] = {}
        PRIMITIVES[name] = self

    def __repr__(self) -> str:
        return self.name

    def __call__(self, *args: Any, **params: Any) -> Any:
        return bind(self, args, params)

    # --- declaring -----------------------------------------------------------------------------
    def kernel(self, device: str, fn: Any = None) -> Any:
        """Declare the kernel for a device type; usable as a decorator."""
        if fn is None:
            return lambda f: self.kernel(device, f)
        self.kernels[device] = fn
        if device == "cpu":
            self.cpu, self.wide = fn, getattr(fn, "wide", fn)
        return fn

    def vjp(self, *names: str) -> Callable[[Any], Any]:
        """Declare the cotangent rule of the named inputs (same function for each).

        Of several outputs there may be a rule for each of them.
        """

        def declare(fn: Any) -> Any:
            live = self.outputs - len(self.nondiff)
            for name in names:
                i = self.inputs.index(name)
                said = isinstance(fn, Said)
                self.vjps[i] = fn if said else joined(as_rule(fn), self.vjps[i], live)
            self.differentiable = any(isinstance(r, Rule) for r in self.vjps)
            return fn

        return declare

    def depends(
        self, *names: str, zero: bool = True, of: tuple[str, ...] = (), when: Any = None
    ) -> Primitive:
        """Say that the gradients are functions of these inputs, though no rule shows it.

        With create_graph they (those `of` some inputs; where the parameters are such that
        `when(params)`) require a gradient if such an input does. It is zero (the gradient is
        piecewise constant in the input) or else absent, None, as torch's is.
        """
        of = of or self.inputs
        places = tuple([self.inputs.index(n) for n in of])
        self.ties += [Tie(self.inputs.index(n), zero, places, when) for n in names]
        return self

    def joint_vjp(self, fn: Any) -> Any:
        """Declare one rule that gives all cotangents: `fn(g, needs, ...) -> tuple`."""
        self.vjp_joint = as_rule(fn)
        self.differentiable = True
        return fn

    def jvp(self, fn: Any) -> Any:
        """Declare the tangent rule `fn(tangents, out, *inputs, **params) -> tangent(s)`."""
        self.jvps = fn
        return fn

    def batching(self, fn: Any) -> Any:
        """Declare the batching rule `fn(prim, values, dims, params) -> (out, out_dim)`."""
        self.batch = fn
        return fn

    def not_differentiable(self) -> Primitive:
        """Say that no input has a derivative."""
        self.vjps = [NOT_DIFFERENTIABLE] * len(self.inputs)
        return self

    # --- reading -------------------------------------------------------------------------------
    def entry_of(self, name: str) -> tuple[str, int] | None:
        """What the tape keeps for a rule's argument name, or None (cotangent or parameter)."""
        if name in self.inputs:
            return ("x", self.inputs.index(name))
        if name == "out":
            return ("o", 0 if self.outputs == 1 else -1)
        if name.startswith("out") and name[3:].isdigit():
            return ("o", int(name[3:]))
        if self.variadic and name == "shapes":
            return ("S", 0)
        stem, _, what = name.rpartition("_")
        if what in ("shape", "dtype", "layout") and stem in self.inputs:
            return (what[0], self.inputs.index(stem))
        return None

    def plan(self, mask: Any, wanted: tuple[int, ...]) -> Plan | None:
        """The plan for the inputs `wanted`; None when none of them has a rule."""
        if self.vjp_joint is None:
            wanted = tuple(i for i in wanted if isinstance(self.vjps[i], Rule))
        made = Plan(self, wanted) if wanted and self.differentiable else None
        self.plans[mask] = made
        return made

    def plan_of_all(self) -> Plan | None:
        """The plan for all inputs that have a rule: everything that a node may keep."""
        rules = enumerate(self.vjps)
        wanted = tuple([i for i, rule in rules if isinstance(rule, Rule)])
        return Plan(self, wanted) if self.differentiable else None

    def kernel_for(self, dev: Any) -> Any:
        """The kernel for a device; a missing one raises and never falls back."""
        if dev is CPU:
            return self.cpu
        found = self.kernels.get(dev.type)
        if found is None:
            found = registry.kernel_for(self, dev)
            if found is None:
                raise MissingKernel(self.name, str(dev))
            self.kernels[dev.type] = found
        return found


# --- executing -----------------------------------------------------------------------------------


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
    if a.dtype is not F32 or b.dtype is not F32 or x.device is not CPU or y.device is not CPU:
        return eager(prim, args, params, True)
    try:
        r = quiet(prim.wide, a, b)
    except (RuntimeError, ValueError, TypeError, IndexError, OverflowError, MemoryError):
        return eager(prim, args, params, True)  # which says what is wrong
    t: Any = _new(Tensor)
    t.device = CPU
    t._node = t._ver = t._base = None
    if a.flags.c_contiguous and b.flags.c_contiguous:
        t._a = r if type(r) is _ndarray else _asarray(r)
    else:
        if prim.arrange is not None:
            r = prim.arrange((a, b), r, params)
        t._a = r = r if type(r) is _ndarray else _asarray(r)
        t._ver = first_version(r)
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
            if kind is not Tensor and (a.foreign or a._bits and (prim.view or prim.writes)):
                if a.foreign:
                    return a.executed(prim, args, params, grad)
                deferred = _view_deferred if prim.view else _write_deferred
                return deferred(prim, args, params, grad)
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
    arrange = prim.arrange
    plain = False
    try:
        out = quiet(kernel, *raw, **params)
        if arrange is row_major and type(out) is _ndarray:  # hot: most are so already
            plain = out.flags.c_contiguous and out.size > 0 and 1 not in out.shape
        if arrange is not None and not plain:
            out = arrange(raw, out, params)
    except RuntimeError as error:
        out = again(error, kernel, raw, params)
        if arrange is not None:
            out = arrange(raw, out, params)
    except (ValueError, TypeError, IndexError, OverflowError, MemoryError) as error:
        explain(prim, args, params, error)
        raise
    if params and "device" in params:  # says where the result lives: a transfer, a random source
        dev = params["device"]
    if plain:
        result: Any = _bare(out, dev)
    elif prim.outputs == 1:
        result = _wrap(out, dev)
        if prim.view:
            alias(args[0], result, (prim, params, -1))
            if prim.carry is not None:
                dress(result, prim.carry(0))
    else:
        if prim.view:
            result = tuple([_bare(o, dev) for o in out])
            link_parts(args[0], result, prim, params)
        else:
            result = tuple([_wrap(o, dev) for o in out])
    if tracked and grad and prim.differentiable and not (prim.view and _without_history(result)):
        record(prim, args, params, result)
    return result


def _view_deferred(
    prim: Primitive, args: tuple[Any, ...], params: dict[str, Any], grad: bool
) -> Any:
    """A view of a tensor that is seen through bits: a view of its memory, seen through them too."""
    x = args[0]
    bits = x._bits if prim.carry is None else prim.carry(x._bits)
    bare = undressed(x)
    out = eager(prim, (bare,), params, grad)
    for t in out if type(out) is tuple else (out,):
        a, v = held(bare), held(t)
        # (of arrays without elements `shares` does not see all views)
        if shares(a, v) or isinstance(a, np.ndarray) and np.may_share_memory(a, v):
            if t._base is bare:
                t._base = x
            dress(t, bits)
        else:
            hold(t, seen(held(t), t._bits ^ bits))
    return out


def undressed(x: Any) -> Any:
    """What lies in the memory of a plain tensor, with its version, lineage and history."""
    t = _bare(held(x), x.device)
    t._ver, t._base, t._node = x._ver, x._base, x._node
    if t._base is not None:
        t._node, t._chain, t._view_ver = edge_of(x), x._chain, x._view_ver
    if hasattr(x, "_vmeta"):
        t._vmeta = x._vmeta
    return t


def _write_deferred(
    prim: Primitive, args: tuple[Any, ...], params: dict[str, Any], grad: bool
) -> Any:
    """A change of memory of tensors that are seen through bits: that of copies, put back."""
    copies = {
        id(a): _wrap(seen(held(a), a._bits), a.device)
        for a in args if isinstance(a, Tensor) and a._bits
    }  # fmt: skip
    out = eager(prim, tuple([copies.get(id(a), a) for a in args]), params, grad)
    for t in prim.writes(args, **params):
        if t._bits:
            held(t)[...] = seen(copies[id(t)]._a, t._bits)
    return out


def _without_history(view: Any) -> bool:
    """Whether a view (or the first of several) is of a tensor made in inference mode."""
    one = view[0] if type(view) is tuple and view else view
    return one._ver is INFERENCE


def _wrap(array: Any, dev: Any) -> Tensor:
    t: Tensor = _new(Tensor)
    t._a = a = array if type(array) is _ndarray or dev is not CPU else _asarray(array)
    t.device = dev
    t._node = t._base = None
    plain = a.flags.c_contiguous and 1 not in a.shape
    t._ver = None if plain else first_version(a)  # hot: mostly not called
    return t


def _bare(array: Any, dev: Any) -> Tensor:
    """As `_wrap`, without a version counter: views have their base's, row-major arrays none."""
    t: Tensor = _new(Tensor)
    t._a = array if type(array) is _ndarray or dev is not CPU else _asarray(array)
    t.device = dev
    t._node = t._base = t._ver = None
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
    link_view(base, view, step)


def link_view(base: Tensor, view: Tensor, step: tuple[Primitive, dict[str, Any], int]) -> None:
    """Let `view` know its base and how it came from it; of plain and of traced tensors."""
    _link(view, step, *_lineage(base, step[2] >= 0))


def unlink(view: Tensor) -> Tensor:
    """Let a new view be a tensor of its own, whose changes count for it alone; returns it."""
    if view._base is not None:
        view._base, view._ver = None, [0, None]
        if hasattr(view, "_vmeta"):
            del view._vmeta
    return view


def link_parts(
    base: Tensor, parts: tuple[Tensor, ...], prim: Primitive, params: dict[str, Any]
) -> None:
    """`alias` of all outputs of a view op that has several."""
    a = base._a
    said = _lineage(base, True)
    for i, part in enumerate(parts):
        if part._a is a:
            part._a = a.view()
        elif not shares(a, part._a):
            part._ver = first_version(part._a)
            continue
        _link(part, (prim, params, i), *said)


def _lineage(base: Tensor, many: bool) -> tuple[Any, Any, Any, str | None]:
    """What views of `base` get: version counter, first base, steps from it, and why not to write.

    `many` says that the op gives several views.
    """
    ver = base._ver
    if ver is INFERENCE:
        return ver, None, (), None
    if ver is None:
        ver = base._ver = [0, None]
    meta = getattr(base, "_vmeta", None)
    if meta is None:
        if not STATE.grad:
            meta = "inference" if STATE.inference else "no_grad"
        elif many:
            meta = "multi"
    return (ver, base, (), meta) if base._base is None else (ver, base._base, base._chain, meta)


def _link(view: Any, step: Any, ver: Any, base: Any, chain: Any, meta: str | None) -> None:
    view._ver = ver
    if ver is INFERENCE:
        return
    view._view_ver, view._base, view._chain = ver[0], base, (*chain, step)
    if meta is not None:
        view._vmeta = meta


def shares(a: Any, v: Any) -> bool:
    """Whether array `v` is a view into the memory that `a` is in."""
    b = v.base
    return b is not None and (b is a or b is a.base)


class Observer:
    """Watches what a thread executes within its block: called in place of `eager`.

    What is not a primitive's call is only told: see the other methods. The observer of the block
    around, `inner`, sees everything too.
    """

    inner: Any = None

    def __enter__(self) -> Any:
        self.inner = state.set_attribute("recorder", self)
        return self

    def __exit__(self, *exc: object) -> None:
        state.set_attribute("recorder", self.inner)

    def __call__(
        self, prim: Primitive, args: tuple[Any, ...], params: dict[str, Any], grad: bool
    ) -> Any:
        """Execute the primitive."""
        run = eager if self.inner is None else self.inner
        return run(prim, args, params, grad)

    def constant(self, t: Tensor) -> None:
        """A factory made `t`."""
        if self.inner is not None:
            self.inner.constant(t)

    def rule(self, node: Any, values: list[Any], g: Any, needs: list[bool], got: Any) -> None:
        """The engine applied a node's rules to its saved values and the cotangent `g`."""
        if self.inner is not None:
            self.inner.rule(node, values, g, needs, got)

    def gradient(self, leaf: Tensor) -> None:
        """The engine accumulated into a leaf's `.grad`."""
        if self.inner is not None:
            self.inner.gradient(leaf)


def _bind_special(prim: Primitive, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    st = STATE
    if st.traces:  # the innermost transform sees every op, also one on constants
        return st.traces[-1].process(prim, living(args), params)
    if prim.elsewhere is not None:
        out = prim.elsewhere(prim, args, params, st.grad and not st.inference)
    elif st.recorder is None:
        out = eager(prim, args, params, st.grad and not st.inference)
    else:  # executes the primitive itself, since it must see random state before
        out = st.recorder(prim, args, params, st.grad and not st.inference)
    if st.inference:
        for t in out if type(out) is tuple else (out,):
            _mark_inference(t)
    return out


def _mark_inference(t: Tensor) -> None:
    if t._base is None:
        t._ver = state.INFERENCE


def born(t: Tensor) -> Tensor:
    """A tensor that was just made, as the active modes want it: of inference mode, or a constant
    of the transforms that it is made in (which may then change it in place). Observers see it."""
    if STATE.inference:
        _mark_inference(t)
    if STATE.recorder is not None:
        STATE.recorder.constant(t)
    for trace in STATE.traces:
        t = trace.constant(t)
    return t


def _plain(prim: Primitive, args: tuple[Any, ...]) -> tuple[Any, ...]:
    plain = living(args)
    if any(isinstance(a, Tensor) and a.level for a in plain):
        raise RuntimeError(
            f"{prim.name}: a tensor of a transform was used beneath it; pass it through the "
            "function that is transformed"
        )
    return plain


def _one_device(prim: Primitive, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Move 0-dim CPU tensors to the device of the others; refuse any other mixture."""
    dev = next(
        (a.device for a in args if isinstance(a, Tensor) and (a.device is not CPU or a._a.ndim)),
        CPU,
    )
    moved = []
    for a in args:
        if isinstance(a, Tensor) and a.device is not dev:
            if a.device is CPU and (
                a._a.ndim == 0 or dev is META and hasattr(prim.kernel_for(dev), "mixes")
            ):
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
    if isinstance(error, MemoryError) or any(words in str(error) for words in _TOO_LARGE):
        _refuse_result(args, params, error)
    if isinstance(error, ValueError):
        raise RuntimeError(f"{prim.name}: {error}") from error


# NumPy's words for an array that is larger than memory, or has too many dimensions.
_TOO_LARGE = ("array is too big", "Maximum allowed dimension", "currently 64", "within [0, 64]")


def _refuse_result(args: Any, params: Any, error: Exception) -> None:
    """Raise torch's error for a result that no memory holds, as far as its shape is known."""
    if "64" in str(error):
        refuse_memory((1,) * 65, 1)
    arrays = [a._a for a in args if isinstance(a, Tensor)]
    shape = params.get("shape")
    if not isinstance(shape, tuple):
        shape = np.broadcast_shapes(*[a.shape for a in arrays])
    to = params.get("to")
    refuse_memory(shape, to.itemsize if to is not None or not arrays else arrays[0].itemsize)


__all__ = [
    "NOT_DIFFERENTIABLE", "NO_BATCH_RULE", "PRIMITIVES", "STATE", "Observer", "Plan", "Primitive",
    "Rule", "alias", "bind", "born", "eager", "link_view", "quiet", "shares",
]  # fmt: skip
