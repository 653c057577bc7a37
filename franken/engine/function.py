"""`Function`: a user's own op with its own backward.

The ctx that the user fills is theirs alone; a FunctionNode beside it sits on the tape. Functions on
traced tensors are handed to `transforms.custom`. Knows no op.
Source: https://docs.pytorch.org/docs/stable/autograd.html#function
"""

from __future__ import annotations

import warnings
import weakref
from typing import Any

from franken.core import node as _node
from franken.core.handles import GraphNode, InputMetadata
from franken.core.inplace import bump, rebase
from franken.core.linear import zeros
from franken.core.node import OutEdge, edge_of, face_of, meta_of, next_seq, standing
from franken.core.state import STATE, set_grad
from franken.core.tensor import Tensor, living, version_of
from franken.core.where import describe, here
from franken.engine import arguments
from franken.engine.nodes import edges

_FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after "
    "they have already been freed). Saved intermediate values of the graph are freed when you call "
    ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
    "graph a second time or if you need to access saved tensors after calling backward."
)


class FunctionCtx:
    """What `forward` leaves for `backward`; users may set any further attribute."""

    needs_input_grad: tuple[bool, ...] = ()
    _to_save: tuple[Any, ...] = ()
    _to_save_forward: tuple[Any, ...] = ()
    _dirty: tuple[Any, ...] = ()
    _nondiff: tuple[Any, ...] = ()
    _fixed: tuple[int, ...] = ()  # the places of those among the outputs
    _materialize = True
    _materialize_non_diff_grads = True
    _saved: Any = None
    _freed = False
    _forward_mode = False
    _node_ref: Any = None

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for backward; each is checked there for in-place changes."""
        for i, t in enumerate(tensors):
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument {i} is of type "
                    f"{type(t).__name__}"
                )
        self._to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Keep tensors for jvp."""
        self._to_save_forward = tensors

    def mark_dirty(self, *tensors: Any) -> None:
        """Name the inputs that forward changed in place."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Name the outputs that have no gradient."""
        self._nondiff = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether missing cotangents arrive as zeros (default) or None."""
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What save_for_backward kept; in jvp, what save_for_forward did."""
        if self._forward_mode:
            return tuple(self._to_save_forward)
        if self._freed:
            raise RuntimeError(_FREED)
        if self._saved is None:
            return tuple(self._to_save_forward or self._to_save)
        return tuple([_unpacked(self, entry) for entry in self._saved])

    @property
    def saved_variables(self) -> tuple[Any, ...]:
        """torch's old name of `saved_tensors`."""
        warnings.warn(
            "'saved_variables' is deprecated; use 'saved_tensors'", DeprecationWarning, stacklevel=2
        )
        return self.saved_tensors


# --- saved tensors: entries (kind, value, version counter, version when saved) -------------------


def _entry(t: Any, outs: Any) -> Any:
    if t is None:
        return None
    if STATE.saved_hooks:
        pack, unpack = STATE.saved_hooks[-1]
        t = t.detach() if _among(t, outs) else t
        return ("packed", (_without_grad(pack, t), unpack), None, 0)
    ver = version_of(t)
    i = place(t, outs)
    if i is not None:  # by value: the output holds its node, so the node must not hold the output
        return ("out", (i, standing(t, None)), ver, ver[0])
    return ("in", t, ver, ver[0])


def _without_grad(hook: Any, value: Any) -> Any:
    before = set_grad(False)
    try:
        return hook(value)
    finally:
        set_grad(before)


def _unpacked(ctx: FunctionCtx, entry: Any) -> Any:
    if entry is None:
        return None
    kind, value, ver, was = entry
    if kind == "packed":
        return _without_grad(value[1], value[0])
    node = ctx._node_ref()
    if ver is not None and ver[0] != was:
        _refuse_stale(node, value if kind == "in" else value[1], ver, was)
    if kind == "in":
        return value
    index, t = value
    edge = None
    if node is not None and node.metas[index] is not None:
        edge = OutEdge(node, index, *node.metas[index])
    t = standing(t, edge)
    t._ver = ver
    return t


def _refuse_stale(node: Any, value: Any, ver: Any, was: int) -> None:
    from franken.engine.passes import _scalar_name

    raise RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: [{_scalar_name(value.dtype)} {list(value.shape)}], which is saved by "
        f"{node.name()}, is at version {ver[0]}; expected version {was} instead. It was saved at "
        f"{describe(node.pos)} and modified at {describe(ver[1])}. Hint: clone() it before it is "
        "changed there, or use the out-of-place form of that change."
    )


# --- the node ------------------------------------------------------------------------------------


class FunctionNode(GraphNode):
    """A custom function's place on the tape; reads through to its ctx for user attributes."""

    __slots__ = (
        "__dict__",
        "__weakref__",
        "ctx",
        "device",
        "fills",
        "fn",
        "metas",
        "parents",
        "pos",
        "seq",
        "tensors",
    )

    shape: Any = None
    dtype: Any = None
    params: dict[str, Any] = {}

    def __init__(self, ctx: FunctionCtx, fn: Any, edges: tuple[Any, ...], dev: Any) -> None:
        self.ctx, self.fn, self.parents, self.device = ctx, fn, edges, dev
        self.seq, self.pos = next_seq(), here(3)
        self.metas: list[Any] = []  # of the outputs that have a gradient
        self.fills: list[Any] = []  # of all tensors among the outputs, for missing cotangents
        self.tensors: list[bool] = []  # which of the inputs are some
        ctx._node_ref = weakref.ref(self)

    def __getattr__(self, name: str) -> Any:
        if name == "ctx":
            raise AttributeError(name)
        return getattr(self.ctx, name)

    def name(self) -> str:
        """The class's name, as torch spells it."""
        return type(self).__name__

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """Outgoing edges, of the inputs that are tensors."""
        return tuple([e for e, is_one in zip(edges(self), self.tensors, strict=True) if is_one])

    @property
    def _input_metadata(self) -> tuple[InputMetadata, ...]:
        metas = [m for m in self.metas if m is not None]
        return tuple([InputMetadata(*face_of(*m[:2]), m[2]) for m in metas])

    @property
    def saved(self) -> Any:
        """The entries of saved tensors, None once freed."""
        return self.ctx._saved

    def __repr__(self) -> str:
        return f"<torch.autograd.function.{self.name()} object at {id(self):#x}>"

    def apply_vjp(self, r: Any, g: Any) -> list[Any]:
        """Run the user's backward and check what it returns."""
        from franken.engine.passes import hooked, untracked

        ctx = self.ctx
        args = []
        for k, meta in enumerate(self.fills):
            got = g.get(k)
            wanted = self.metas[k] is not None or ctx._materialize_non_diff_grads
            if got is None and wanted and ctx._materialize and meta is not None:
                got = zeros(*meta)
            args.append(got)
        with hooked(r):
            grads = self._checked(backward_of(self.fn)(ctx, *args))
        if not r.keep:
            ctx._freed, ctx._saved = True, None
        return [x if x is None else untracked(r.history, x) for x in grads]

    def _checked(self, got: Any) -> list[Any]:
        grads = list(got) if isinstance(got, tuple) else [got]
        n = len(self.parents)
        if len(grads) > n and all(x is None for x in grads[n:]):
            grads = grads[:n]
        if len(grads) != n:
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected {n}, "
                f"got {len(grads)})"
            )
        for i, x in enumerate(grads):
            if x is not None and not self.tensors[i]:
                raise RuntimeError(
                    f"function {self.name()} returned a gradient different than None at position "
                    f"{i + 1}, but the corresponding forward input was not a Variable"
                )
            if x is not None and not isinstance(x, Tensor):
                raise RuntimeError(f"expected Variable or None (got {type(x).__name__})")
        return grads


# --- what users subclass -------------------------------------------------------------------------


def _node_class(cls: Any, name: str) -> Any:
    made = type(name, (FunctionNode,), {"__slots__": (), "_forward_cls": cls})
    made.__module__ = "torch.autograd.function"
    return made


class _FunctionMeta(type):
    """Gives each Function the class of its nodes, whose name is the backward function's."""

    def __init__(cls, name: str, bases: Any, namespace: Any) -> None:
        super().__init__(name, bases, namespace)
        cls._backward_cls = _node_class(cls, f"{name}Backward")


def generated_class(cls: Any) -> Any:
    """The class of a Function's nodes on the tape of a transform, made when it is first used."""
    made = cls.__dict__.get("_generated_cls")
    if made is None:
        made = cls._generated_cls = _node_class(cls, f"{cls.__name__}GeneratedBackward")
    return made


class Function(FunctionCtx, metaclass=_FunctionMeta):
    """Base of user-defined ops: override `forward` and `backward` (and `jvp`, `vmap`).

    >>> import franken as torch
    >>> class Double(Function):
    ...     @staticmethod
    ...     def forward(ctx, x): return x * 2
    ...     @staticmethod
    ...     def backward(ctx, g): return g * 2
    >>> x = torch.ones(2, requires_grad=True); Double.apply(x).sum().backward(); x.grad.tolist()
    [2.0, 2.0]
    """

    generate_vmap_rule = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all "
            "static, so you should invoke them on the class itself. Instantiating an autograd "
            "function will raise an error in a future version of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use "
            "new-style autograd function with static forward method. (Example: "
            "https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the outputs: forward(ctx, *inputs), or forward(*inputs) with setup_context."""
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Prepare ctx after a forward that does not take it."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Return one cotangent (or None) per input of forward."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward mode AD."
        )

    vjp = backward

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """Return the tangents of the outputs."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with "
            "forward mode AD."
        )

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        """Return (output, out_dims) for inputs with a mapped dimension."""
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod or "
            "set generate_vmap_rule=True."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run the function and record it."""
        args = living(args)
        with_ctx = not overrides_setup(cls)
        if not with_ctx:
            args, kwargs = arguments.bound(cls.forward, args, kwargs)
        level = STATE.traces[-1] if STATE.traces else None
        if level is not None and level.keywords:
            return level.apply_function(cls, args, kwargs)
        if kwargs:
            args = arguments.placed(arguments.names_of(cls.forward, with_ctx), args, kwargs)
        return record_function(cls, args) if level is None else level.apply_function(cls, args)


def backward_of(cls: Any) -> Any:
    """The backward (or vjp) that the class overrides."""
    if cls.vjp is not Function.vjp and cls.backward is not Function.backward:
        raise RuntimeError(
            "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You "
            "should only implement one of them."
        )
    return cls.vjp if cls.vjp is not Function.vjp else cls.backward


def overrides_setup(cls: Any) -> bool:
    """Whether forward does not take ctx."""
    return cls.setup_context is not Function.setup_context


def check_setup(cls: Any) -> None:
    """Refuse a class whose forward takes ctx: transforms call its parts one by one."""
    if not overrides_setup(cls):
        raise RuntimeError(
            "In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, "
            "jacrev, ...), it must override the setup_context staticmethod. For more details, "
            "please see https://pytorch.org/docs/main/notes/extending.func.html"
        )


def record_function(cls: Any, args: tuple[Any, ...], ctx: Any = None) -> Any:
    """Run forward with recording off, then put one node on the tape."""
    ctx = object.__new__(cls) if ctx is None else ctx
    edges = tuple([edge_of(a) if isinstance(a, Tensor) else None for a in args])
    ctx.needs_input_grad = tuple([e is not None for e in edges])
    tracked = STATE.grad and any(ctx.needs_input_grad)
    before = set_grad(False)
    try:
        out = call_forward(cls, ctx, args)
    finally:
        set_grad(before)
    outs = out if isinstance(out, tuple) else (out,)
    _check_dirty(ctx, outs)
    ctx._fixed = fixed_outputs(ctx, outs)
    if not tracked:
        plain = tuple([_untracked_output(o, ctx, args) for o in outs])
        return plain if isinstance(out, tuple) else plain[0]
    dev = next(a.device for a in args if isinstance(a, Tensor))
    fresh = attach_function(cls._backward_cls(ctx, cls, edges, dev), args, outs)
    return fresh if isinstance(out, tuple) else fresh[0]


def call_forward(cls: Any, ctx: Any, args: Any) -> Any:
    """Call forward in the style that the class uses."""
    if not overrides_setup(cls):
        return cls.forward(ctx, *args)
    out = cls.forward(*args)
    cls.setup_context(ctx, args, out)
    return out


def fixed_outputs(ctx: Any, outs: Any) -> tuple[int, ...]:
    """The places of the outputs that were marked as not differentiable."""
    return tuple([k for k, o in enumerate(outs) if _among(o, ctx._nondiff)])


def _check_dirty(ctx: Any, outs: Any) -> None:
    for t in ctx._dirty:
        if not _among(t, outs):
            raise RuntimeError(
                "Some elements marked as dirty during the forward method were not returned as "
                "output. The inputs that are modified inplace must all be outputs of the Function."
            )


def attach_function(node: FunctionNode, args: Any, outs: Any) -> tuple[Any, ...]:
    """Make the node that of the outputs; returns the tensors to hand to the user."""
    ctx = node.ctx
    several = sum(isinstance(o, Tensor) for o in outs) > 1
    fresh = tuple([_own_output(o, ctx, args, "multi" if several else "custom") for o in outs])
    node.tensors = [isinstance(a, Tensor) for a in args]
    node.fills = [meta_of(o) if isinstance(o, Tensor) else None for o in fresh]
    for k, o in enumerate(fresh):
        if not isinstance(o, Tensor) or _among(outs[k], ctx._nondiff) or not _inexact(o):
            node.metas.append(None)
            continue
        meta = meta_of(o)
        node.metas.append(meta)
        edge = OutEdge(node, k, *meta)
        if _among(o, ctx._dirty):
            bump(o)
            _refuse_leaf(o)
            if o._base is not None:
                rebase(o, standing(o, edge))
                continue
        o._node = edge
    ctx._saved = [_entry(t, fresh) for t in ctx._to_save]
    ctx._to_save = ctx._dirty = ctx._nondiff = ()
    return fresh


def _own_output(o: Any, ctx: Any, args: Any, kind: str) -> Any:
    """An output as a tensor that may point to the node: an input returned as it is gets a view."""
    if not isinstance(o, Tensor) or _among(o, ctx._dirty):
        return o
    if _among(o, args):
        o = o.view_as(o)
    if o._base is not None:
        o._vmeta = kind
    return o


def _untracked_output(o: Any, ctx: Any, args: Any) -> Any:
    """An output of a call that is not recorded."""
    if isinstance(o, Tensor) and o.level == 0 and o.requires_grad and _among(o, args):
        return o if _among(o, ctx._dirty) else o.detach()
    return _own_output(o, ctx, args, "custom")


def _refuse_leaf(t: Any) -> None:
    if type(t._node) is _node.Leaf:
        raise RuntimeError(
            "a leaf Variable that requires grad has been used in an in-place operation."
        )


def place(t: Any, tensors: Any) -> int | None:
    """Where among `tensors` this very object is, or None."""
    return next((i for i, x in enumerate(tensors) if x is t), None)


def _among(t: Any, tensors: Any) -> bool:
    return place(t, tensors) is not None


def _inexact(t: Tensor) -> bool:
    return bool(t.dtype.is_floating_point or t.dtype.is_complex)


class InplaceFunction(Function):
    """Kept for old programs: a Function with an `inplace` flag."""

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace


class NestedIOFunction(Function):
    """Kept for old programs: nested inputs are flattened by hand there."""


def once_differentiable(fn: Any) -> Any:
    """Decorator for a backward that is itself not differentiable: a second derivative raises."""

    def wrapper(ctx: Any, *args: Any) -> Any:
        before = set_grad(False)
        try:
            got = fn(ctx, *args)
        finally:
            set_grad(before)
        if not before or not any(isinstance(a, Tensor) and edge_of(a) is not None for a in args):
            return got
        if not isinstance(got, tuple):
            return _Once.apply(_leaf_of(got))[0]
        return _Once.apply(*map(_leaf_of, got))

    return wrapper


def _leaf_of(x: Any) -> Any:
    return x.detach().requires_grad_() if isinstance(x, Tensor) else x


class _Once(Function):
    """Gradients whose own derivative raises."""

    @staticmethod
    def forward(ctx: Any, *grads: Any) -> Any:
        return tuple([standing(x, None) if isinstance(x, Tensor) else x for x in grads])

    @staticmethod
    def backward(ctx: Any, *g: Any) -> Any:
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )


class _Error(FunctionNode):
    """The node of `_Once`, by torch's name."""

    __slots__ = ()
    _forward_cls = _Once
    next_functions = property(edges)

    def name(self) -> str:
        """torch's name."""
        return "torch::autograd::Error"

    def __repr__(self) -> str:
        return f"<Error object at {id(self):#x}>"


_Error.__name__ = _Error.__qualname__ = "Error"  # what `type(node).__name__` is in torch
_Once._backward_cls = _Error
