"""In-place changes and views: who may be changed, and how history is re-rooted.

An in-place op is its functional op followed by `commit`, which writes the result into the
tensor's memory, bumps the shared version and moves the gradient edge. A change of a view re-roots
the base: its new history is "the old base with the view's region replaced". Views know the chain
of view ops that leads to them, so the region is found by applying that chain again. The same
rules serve traced tensors; what each transform does with a change is its own (`Trace.commit`).
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from franken.core import node as _node
from franken.core import state
from franken.core.creation import refuse_change
from franken.core.geometry.memory import repeats
from franken.core.linear import turned, turns, view_scatter
from franken.core.node import Leaf, edge_of, make_node, standing, step
from franken.core.primitive import NO_BATCH_RULE, Primitive, bind, undressed
from franken.core.state import INFERENCE, STATE
from franken.core.tensor import Tensor, alive, held, seen, version_of
from franken.core.where import here

# --- permission ----------------------------------------------------------------------------------


def check(x: Tensor, name: str = "") -> None:
    """Raise if `x` must not be changed in place now."""
    if state.SPECIAL and STATE.traces:
        STATE.traces[-1].check(alive(x), name)
        return
    if x.level:
        x = alive(x)
    if STATE.grad:
        check_history(x)
    check_inference(x)


def check_history(x: Any) -> None:
    """Raise if grad mode forbids an in-place change of `x`, at the level of `x`."""
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


def check_creation(x: Any, result: Any) -> None:
    """Refuse to give history to a view that must not be changed in place, at the level of `x`."""
    tracked = STATE.grad and result._node is not None
    if x._base is not None and tracked and hasattr(x, "_vmeta"):
        refuse_change(x, of_base=False)


def refuse_captured(name: str = "") -> None:
    """Raise torch's error for a tensor that a derivative's function did not get as an argument."""
    op = f" (aten::{name})" if name else ""
    raise RuntimeError(
        "During a grad (vjp, jvp, grad, etc) transform, the function provided attempted to call "
        f"in-place operation{op} that would mutate a captured Tensor. This is not supported; "
        "please rewrite the function being transformed to explicitly accept the mutated Tensor(s) "
        "as inputs."
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
    if x.foreign or result.foreign or state.SPECIAL and STATE.traces:
        return _commit_foreign(x, result)  # type: ignore[no-any-return]
    xa, ra = held(x) if x._bits else x._a, result._a
    if xa.shape != ra.shape:
        refuse_growth(xa.shape, ra.shape)
    if not writeable(xa) or repeats(xa):
        _refuse_overlap(xa)
    if x._base is not None:
        check_creation(x, result)
    if ra is not xa:
        if isinstance(result._node, _node.Node):
            _keep_overwritten(result._node, xa if not x._bits else _copy_saved(result._node, x))
        store(x, result)
    bump(x)
    if STATE.grad and (result._node is not None or x._node is not None or x._base is not None):
        rebase(x, result)
    return x


def _commit_foreign(x: Any, result: Any) -> Any:
    if tuple(x.shape) != tuple(result.shape):
        refuse_growth(x.shape, result.shape)
    target, value = alive(x), alive(result)
    if not target.level and not value.level and (target.foreign or value.foreign):
        if not target.foreign:
            commit(target, value.to_dense())
            return x
        if result is not x:
            target.takes(value)
        change_history(target, value)
    elif STATE.traces:
        STATE.traces[-1].commit(target, value)
    else:
        commit(target, value)
    return x


def change_history(x: Any, result: Any) -> None:
    """The history of a traced `x` after `result` became its value one level down."""
    bump(x)
    if STATE.grad and (result._node is not None or x._node is not None or x._base is not None):
        rebase(x, result)


def keep_overwritten(node: Any, low: Any, beneath: Any) -> None:
    """Give a traced rule that saved the value which is about to be overwritten a copy of it."""
    if type(node) is _node.Node:
        for k in _overwritten(node, low):
            node.saved[k : k + 3] = beneath(low.clone), [0, None], 0


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
    if state.SPECIAL and STATE.recorder is not None:
        if x._bits:
            x, value = undressed(x), turned(value, x._bits)
        bind(assign, (x, value), {})
    elif x._bits:
        held(x)[...] = seen(value._a, x._bits)
    else:
        x._a[...] = value._a


def writeable(a: Any) -> bool:
    """Whether an array's memory may be written; GPU arrays have no such flag."""
    return bool(getattr(a.flags, "writeable", True))


def _keep_overwritten(node: Any, a: Any) -> None:
    """Give a rule that saved the value which is about to be overwritten a copy of it."""
    for k in _overwritten(node, a):
        node.saved[k : k + 3] = a.copy(), [0, None], 0


def _copy_saved(node: Any, x: Any) -> Any:
    """What a node saved of a deferred tensor, which is a copy of its own."""
    saved, a = node.saved, held(x)
    for k in range(0, len(saved), 3):
        value = saved[k]
        if saved[k + 1] is not x._ver or (value.shape, value.dtype) != (a.shape, a.dtype):
            continue
        if not np.may_share_memory(value, a):
            return value
    return None


def _overwritten(node: Any, value: Any) -> list[int]:
    """Where a node saved the value; of `x.mul_(x)` only as the first, as torch keeps a copy only
    of what it calls self, and refuses the other one in backward."""
    saved = node.saved
    found = [k for k in range(0, len(saved), 3) if saved[k] is value]
    if len(found) > 1:
        found.sort(key=lambda k: node.plan.entries[k // 3][1])
    return found[:1]


def _refuse_overlap(a: Any) -> None:
    if repeats(a):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a "
            "single memory location. Please clone() the tensor before performing the operation."
        )
    raise RuntimeError("the memory of this tensor is read-only; clone() it before changing it")


def rebase(x: Any, result: Any) -> None:
    """Give `x` the history of `result`; that of a view goes into its base."""
    base = x._base
    if base is None:
        before = x._node
        x._node = result._node
        _repoint_saved_output(x, result)
        if before is not None and x.__dict__:
            _node.move_retained(x, before)
        return
    if base._node is None and result._node is None:
        return
    before, root = x._node, base._node
    if before is not None and result._node is not None:
        _bypass_hooks(result, before)
    new: Any = result
    if "_made" in x.__dict__:
        _as_made(x, result)
    values, chain = along(standing(base, base._node), x, base)
    for value, link in zip(reversed(values), reversed(chain), strict=True):
        new = _scatter_history(value, new, link)
    base._node = new._node
    if root is not None and base.__dict__:
        _node.move_retained(base, root)
    x._view_ver = -1  # regenerated at next use
    if "retained" in x.__dict__:
        edge_of(x)


def _as_made(x: Any, result: Any) -> None:
    """Let the change of a view of another dtype start from the view as it was made.

    What it became in place since is forgotten: torch finds such a view by the functions that made
    it, not by strides.
    """
    now, made = x.__dict__.pop("_made", (None, None))
    node = result._node
    if now is x._node and type(node) is _node.Node:
        node.parents = tuple([made if e is now else e for e in node.parents])


def along(start: Any, x: Any, base: Any) -> tuple[list[Any], Any]:
    """The values on the way from `start`, which stands for the base of view `x`, up to the last
    link, and the links."""
    chain = x._chain
    by_memory = next((link[0].by_memory for link in chain if link[0].by_memory), None)
    if by_memory is not None and not x.level:
        turn: list[Any] = [(prim, {}, -1) for prim in turns(x._bits ^ base._bits)]
        chain = (by_memory(base, x), *turn)
    values = [start]
    for link in chain[:-1]:
        values.append(step(values[-1], link))
    return values, chain


def _bypass_hooks(result: Any, before: Any) -> None:
    """Let the op that changed a view go past the view's former node where that has hooks: they
    are for uses of the view as it was, of which this is none."""
    old = _node.split_edge(before)[0]
    node = _node.split_edge(result._node)[0]
    if type(old) is Leaf or not (old.pre or old.hooks) or not isinstance(node, _node.Node):
        return
    silent = _node.without_hooks(before)
    node.parents = [silent if p is before else p for p in node.parents]


def _scatter_history(value: Any, new: Any, link: Any) -> Any:
    """What view_scatter(value, new) records, without computing it: memory holds it already."""
    out = standing(value, None)
    params = {"prim": link[0], "params": link[1], "index": link[2]}
    edges = (edge_of(value), edge_of(new))
    out._node = make_node(view_scatter, edges, (value, new), params, out, value.trace)
    return out


def _repoint_saved_output(x: Any, result: Any) -> None:
    """A rule that saved its output must notice a later change of x, which now is that output."""
    node = result._node
    if node is None or not isinstance(node, _node.Node) or not node.plan.saves_out:
        return
    saved = node.saved
    for k in range(0, len(saved), 3):
        if saved[k] is result._a:
            ver = version_of(x)
            saved[k], saved[k + 1], saved[k + 2] = x._a, ver, ver[0]
