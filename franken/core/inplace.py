"""In-place changes and views: who may be changed, and how history is re-rooted.

An in-place op is its functional op followed by `commit`, which writes the result into the
tensor's memory, bumps the shared version and moves the gradient edge. A change of a view re-roots
the base: its new history is "the old base with the view's region replaced". Views know the chain
of view ops that leads to them, so the region is found by applying that chain again. The same
rules serve traced tensors, whose values are functional and are rebound instead of written.
"""

from __future__ import annotations

from typing import Any, NoReturn

from franken.core import node as _node
from franken.core import state as _state
from franken.core.creation import refuse_change
from franken.core.linear import view_scatter
from franken.core.node import Leaf, edge_of, make_node, step
from franken.core.primitive import NO_BATCH_RULE, Primitive, bind
from franken.core.state import INFERENCE, STATE
from franken.core.tensor import Tensor, version_of
from franken.core.where import here

# --- permission ----------------------------------------------------------------------------------


def check(x: Tensor, name: str = "") -> None:
    """Raise if grad mode forbids an in-place change of `x`."""
    check_inference(x)
    if x.level or not STATE.grad:
        return
    base = x._base
    if base is None:
        if type(x._node) is Leaf:
            raise RuntimeError(
                "a leaf Variable that requires grad is being used in an in-place operation."
            )
    elif hasattr(x, "_vmeta"):
        if x._node is not None or base._node is not None:
            refuse_change(x, of_base=False)
    elif type(base._node) is Leaf:
        raise RuntimeError(
            "a view of a leaf Variable that requires grad is being used in an in-place operation."
        )


def bump(x: Tensor) -> None:
    """Note an in-place change: count it and remember the user's line."""
    ver = version_of(x)
    if ver is INFERENCE:
        check_inference(x)
        return
    ver[0] += 1
    ver[1] = here(2)


def check_inference(x: Tensor) -> None:
    """Raise for a change of a tensor of inference mode outside of it."""
    if x._ver is INFERENCE and not STATE.inference:
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed.You can make "
            "a clone to get a normal tensor before doing inplace update."
            "See https://github.com/pytorch/rfcs/pull/17 for more details."
        )


# --- commit --------------------------------------------------------------------------------------


def refuse_growth(shape: Any, broadcast: Any) -> NoReturn:
    """Raise torch's error for an in-place result that is larger than the tensor."""
    raise RuntimeError(
        f"output with shape {list(shape)} doesn't match the broadcast shape {list(broadcast)}"
    )


def commit(x: Tensor, result: Tensor) -> Tensor:
    """Make `result` (same shape and dtype) the value of `x`; returns x."""
    if x.level or result.level:
        return _commit_traced(x, result)  # type: ignore[no-any-return]
    xa, ra = x._a, result._a
    if xa.shape != ra.shape:
        refuse_growth(xa.shape, ra.shape)
    if not writeable(xa) or _self_overlap(xa):
        _refuse_overlap(xa)
    if x._base is not None and STATE.grad and result._node is not None and hasattr(x, "_vmeta"):
        refuse_change(x, of_base=False)
    if ra is not xa:
        if isinstance(result._node, _node.Node):
            _keep_overwritten(result._node, xa)
        store(x, result)
    bump(x)
    if STATE.grad and (result._node is not None or x._node is not None or x._base is not None):
        _rebase(x, result)
    return x


def _assign_kernel(x: Any, src: Any) -> tuple[()]:
    x[...] = src
    return ()


# The change of memory that every in-place form ends with, for whoever watches what is executed.
assign = Primitive(
    "assign", ("x", "src"), _assign_kernel, outputs=0, batch=NO_BATCH_RULE,
    writes=lambda inputs: inputs[:1],
).not_differentiable()  # fmt: skip
assign.kernel("cuda", _assign_kernel)


def store(x: Tensor, value: Tensor) -> None:
    """Write the elements of `value` (of x's shape) into x's memory; the caller counts it."""
    if _state.SPECIAL and STATE.recorder is not None:
        bind(assign, (x, value), {})
    else:
        x._a[...] = value._a


def writeable(a: Any) -> bool:
    """Whether an array's memory may be written; GPU arrays have no such flag."""
    return bool(getattr(a.flags, "writeable", True))


def _self_overlap(a: Any) -> bool:
    return (
        0 in a.strides
        and a.size > 0
        and any(s == 0 and n > 1 for s, n in zip(a.strides, a.shape, strict=True))
    )


def _keep_overwritten(node: Any, a: Any) -> None:
    """Give a rule that saved the value which is about to be overwritten a copy of it."""
    saved = node.saved
    for k in range(0, len(saved), 3):
        if saved[k] is a:
            saved[k], saved[k + 1], saved[k + 2] = a.copy(), [0, None], 0


def _refuse_overlap(a: Any) -> None:
    if _self_overlap(a):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a "
            "single memory location. Please clone() the tensor before performing the operation."
        )
    raise RuntimeError("the memory of this tensor is read-only; clone() it before changing it")


def _rebase(x: Tensor, result: Tensor) -> None:
    base = x._base
    if base is None:
        before = x._node
        x._node = result._node
        _repoint_saved_output(x, result)
        if before is not None and x.__dict__:
            _move_retained(x, before)
        return
    old = _light(base, base._node)
    if base._node is None and result._node is None:
        return
    chain = x._chain
    by_memory = next((link[0].by_memory for link in chain if link[0].by_memory), None)
    if by_memory is not None:
        chain = (by_memory(base, x),)
    values = [old]
    for link in chain[:-1]:
        values.append(step(values[-1], link))
    new: Any = result
    for value, link in zip(reversed(values), reversed(chain), strict=True):
        new = _scatter_history(value, new, link)
    base._node = new._node
    x._view_ver = -1  # regenerated at next use


def _move_retained(x: Tensor, before: Any) -> None:
    """retain_grad follows the tensor to its new place in the graph."""
    node, index = _node.split_edge(before)
    key = ("r", index, id(x))
    if node.pre and key in node.pre and x._node is not None:
        new, at = _node.split_edge(x._node)
        new.hook_outputs("r", at, node.pre.pop(key), id(x))


def _scatter_history(value: Tensor, new: Tensor, link: Any) -> Tensor:
    """What view_scatter(value, new) records, without computing it: memory holds it already."""
    out = _light(value, None)
    params = {"prim": link[0], "params": link[1], "index": link[2]}
    node = make_node(view_scatter, (edge_of(value), edge_of(new)), (value, new), params, out)
    out._node = node
    return out


def _light(t: Tensor, edge: Any) -> Tensor:
    return _node._light(t._a, t.device, edge)


def _repoint_saved_output(x: Tensor, result: Tensor) -> None:
    """A rule that saved its output must notice a later change of x, which now is that output."""
    node = result._node
    if node is None or not isinstance(node, _node.Node) or not node.plan.saves_out:
        return
    saved = node.saved
    for k in range(0, len(saved), 3):
        if saved[k] is result._a:
            ver = version_of(x)
            saved[k], saved[k + 1], saved[k + 2] = x._a, ver, ver[0]


# --- traced tensors ------------------------------------------------------------------------------


def _commit_traced(x: Any, result: Any) -> Any:
    if result.level > x.level:
        _promote(x, result)
    if tuple(x.shape) != tuple(result.shape):
        refuse_growth(x.shape, result.shape)
    base = x._base
    if base is not None:
        values = [base]
        for link in x._chain[:-1]:
            values.append(step(values[-1], link))
        new = result
        for value, (prim, params, index) in zip(reversed(values), reversed(x._chain), strict=True):
            new = view_scatter(value, new, prim=prim, params=params, index=index)
        base.rebind(new)
    x.rebind(result)
    bump(x)
    if base is not None:
        x._view_ver = x._ver[0]
    return x


def _promote(x: Any, like: Any) -> None:
    """Make a tensor that was created inside of a transform one of its traced tensors.

    Only then is it sound: nobody outside can see the object. Its base and all their views go
    with it; a view is recomputed from the base when it is next used.
    """
    root = x if x._base is None else x._base
    born = root.__dict__.get("born")
    if born not in STATE.traces or born.level < like.level:
        raise RuntimeError(
            "During a transform (vmap, grad, vjp, jvp, ...) the function provided attempted to "
            "call an in-place operation that would mutate a captured Tensor with a value of that "
            "transform. This is not supported; please rewrite the function being transformed to "
            "explicitly accept the mutated Tensor as an input, or use the out-of-place form."
        )
    version_of(root)
    views = [ref() for ref in root.__dict__.pop("views", ())]
    _lift_in_place(root, like)
    for view in views:
        if view is not None and view._base is root:
            _lift_in_place(view, like)
            view._view_ver = -1


def _lift_in_place(t: Any, like: Any) -> None:
    low = object.__new__(type(t))
    low.__dict__.update(t.__dict__)
    low._a, low.device, low._node, low._ver, low._base = t._a, t.device, t._node, None, None
    t.__class__ = type(like)
    t.__dict__["trace"], t.__dict__["level"] = like.trace, like.level
    if hasattr(like, "tangent"):
        t.tangent = None
    t._a, t._node = t.lift(low), None


def refresh_traced(x: Any) -> None:
    """Recompute a traced view whose base was changed."""
    if x._base is not None and x._view_ver != x._ver[0]:
        t = x._base
        for link in x._chain:
            t = step(t, link)
        x.rebind(t)
        x._view_ver = x._ver[0]
