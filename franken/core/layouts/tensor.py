"""The tensor of a sparse layout, and how an op on one is executed.

A `SparseTensor` is a Tensor whose array slot holds a sparse array. No fast lane takes it, for it is
of another type; `bind` hands the op to `executed`, which looks for the op's kernel for sparse
layouts, `prim.kernels["sparse"]`: arrays of any layout in, an array of any layout out. An op
without one is refused in torch's words.
"""

from __future__ import annotations

from typing import Any, NoReturn

from franken.backends.numpy.layouts.coo import NotStrided, Sparse, refusal
from franken.core.batching import pointwise
from franken.core.device import CPU
from franken.core.geometry import layout as layouts
from franken.core.node import attach, edge_of, make_node, packed, standing
from franken.core.overriding.dispatch import disabled_torch_function
from franken.core.primitive import NO_BATCH_RULE, Primitive, _wrap, again, bind, quiet
from franken.core.state import INFERENCE, STATE
from franken.core.tensor import Tensor, living, version_of

_new = object.__new__
NAMED = "sparse"  # under which a primitive keeps its kernel for these layouts


class SparseTensor(Tensor):
    """A tensor in a sparse layout."""

    __slots__ = ()
    foreign = True
    __torch_function__ = staticmethod(disabled_torch_function)

    @property
    def layout(self) -> layouts.layout:
        """Which layout."""
        return layouts.ALL[self._a.layout]  # type: ignore[return-value]

    def executed(
        self, prim: Primitive, args: tuple[Any, ...], params: dict[str, Any], grad: bool
    ) -> Any:
        """Run an op of which this is an input."""
        return execute(prim, living(args), params, grad)

    def alone(self, edge: Any = None) -> Any:
        """The same memory in a tensor of its own, with the history `edge`."""
        t = made(self._a, self.device)
        t._node, t._ver = edge, version_of(self)
        return t

    def takes(self, result: Any) -> None:
        """Become `result`, a tensor of the same shape, in place."""
        self._a = result._a


# What users see of the class: torch has one for all layouts.
SparseTensor.__name__ = SparseTensor.__qualname__ = "Tensor"


def made(array: Any, dev: Any = CPU) -> Any:
    """A fresh tensor around an array of any layout."""
    if not isinstance(array, Sparse):
        return _wrap(array, dev)
    t: Any = _new(SparseTensor)
    t._a, t.device = array, dev
    t._node = t._base = None
    t._ver = INFERENCE if STATE.inference else [0, None]
    return t


def is_sparse(x: Any) -> bool:
    """Whether `x` is a tensor of a sparse layout."""
    return isinstance(x, SparseTensor)


def execute(
    prim: Primitive, args: tuple[Any, ...], params: dict[str, Any], grad: bool = True
) -> Any:
    """Run the kernel for sparse layouts, and record it when an input is on the tape."""
    kernel = prim.kernels.get(NAMED)
    if kernel is None:
        refuse_op(prim, args)
    if any(isinstance(a, Tensor) and a.level for a in args):
        raise RuntimeError(
            f"{prim.name}: a sparse tensor met a tensor of a transform, which has no rule for it"
        )
    raw = [a._a if isinstance(a, Tensor) else a for a in args]
    dev = next((a.device for a in args if isinstance(a, Tensor)), CPU)
    try:
        out = quiet(kernel, *raw, **params)
    except RuntimeError as error:
        out = again(error, kernel, raw, params)
    if out is NotImplemented:
        refuse_op(prim, args)
    result = tuple([made(o, dev) for o in out]) if type(out) is tuple else made(out, dev)
    if grad and prim.differentiable:
        _record(prim, args, params, result)
    return result


# Primitives by torch's names of the overloads that it refuses.
_SPOKEN = {
    "mean": "mean.dim", "slice": "as_strided", "squeeze": "as_strided", "basic_index": "as_strided",
    "reshape": "view", "amax": "max", "amin": "min", "clamp_both": "clamp",
    "tanh_grad": "tanh_backward", "embed": "select_backward", "index_put": "index_add_",
}  # fmt: skip
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")


def named(layout: Any) -> str:
    """How torch's messages call a layout."""
    if layout is layouts.sparse_coo:
        return "Sparse"
    return "".join([word.capitalize() for word in layout.name.split("_")])


def refuse_op(prim: Primitive, args: Any) -> NoReturn:
    """Raise torch's error for a primitive that has no kernel for these layouts."""
    odd = next(a for a in args if is_sparse(a))
    if prim.batch is pointwise and odd.layout is not layouts.sparse_coo:
        raise RuntimeError(f"unsupported tensor layout: {named(odd.layout)}")
    refuse(_spoken(prim, args), args)


# The same, of what only the compressed layouts refuse.
_COMPRESSED = {"vector_norm": "norm.out", "any": "any.all_out", "index": "index_select"}


def _spoken(prim: Primitive, args: Any) -> str:
    if not any(is_sparse(a) and a.layout is layouts.sparse_coo for a in args):
        return _COMPRESSED.get(prim.name, prim.name)
    if prim.name in _COMPARISONS:
        return f"{prim.name}.{'Tensor' if isinstance(args[1], Tensor) else 'Scalar'}"
    return _SPOKEN.get(prim.name, prim.name)


def _record(prim: Primitive, args: Any, params: dict[str, Any], result: Any) -> None:
    edges = tuple([edge_of(a) if isinstance(a, Tensor) else None for a in args])
    if all(e is None for e in edges):
        return
    hooks, STATE.saved_hooks = STATE.saved_hooks, []  # which see tensors of their own layout
    try:
        node = make_node(prim, edges, args, params, result)
    finally:
        STATE.saved_hooks = hooks
    if node is None:
        return
    for k, (kind, i) in enumerate(node.plan.entries):
        value = args[i] if kind == "x" else result
        if kind not in "xo" or not isinstance(value, Tensor):
            continue
        sparse = isinstance(value, SparseTensor)
        if hooks:
            edge = edges[i] if kind == "x" else None
            kept = value.alone(edge) if sparse else standing(value, edge)
            node.saved[3 * k : 3 * k + 2] = packed(*hooks[-1], kept), None
        elif sparse:
            node.saved[3 * k] = value.alone()
    attach(node, prim, result)


class Between(Primitive):
    """An op that makes sparse arrays or takes them apart: it has no other kernel than that."""

    __slots__ = ()

    def __init__(self, name: str, inputs: tuple[str, ...], kernel: Any, **said: Any) -> None:
        super().__init__(name, inputs, kernel, batch=NO_BATCH_RULE, layout=None, **said)
        self.kernels[NAMED] = kernel
        self.elsewhere = execute
        self.not_differentiable()  # but where a rule is declared

    def __call__(self, *args: Any, **params: Any) -> Any:
        if STATE.traces:
            return bind(self, args, params)
        return execute(self, args, params, STATE.grad and not STATE.inference)


def refuse(name: str, args: Any = ()) -> NoReturn:
    """Raise torch's error for an op that a sparse layout has not."""
    kinds = [a._a.layout for a in args if is_sparse(a)]
    coordinates = not kinds or "sparse_coo" in kinds
    raise NotStrided(refusal(name, "sparse_coo" if coordinates else kinds[0]))
