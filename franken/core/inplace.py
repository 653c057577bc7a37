"""In-place changes and views: who may be changed, and how history is re-rooted.

An in-place op is its functional op followed by `commit`, which writes the result into the
tensor's memory, bumps the shared version and moves the gradient edge. A change of a view re-roots
the base: its new history is "the old base with the view's region replaced". Views know the chain
of view ops that leads to them, so the region is found by applying that chain again. The same
rules serve traced tensors, whose values are functional and are rebound instead of written.
"""

from __future__ import annotations

from typing import Any

from franken.core import bind as _bind
from franken.core import node as _node
from franken.core.node import Leaf, edge_of, make_node
from franken.core.primitive import Primitive
from franken.core.state import STATE
from franken.core.tensor import Tensor, version_of
from franken.core.where import here

bind = _bind.bind


def _write_region(x: Any, src: Any, *, prim: Primitive, params: dict[str, Any], index: int) -> Any:
    out = x.copy()
    view = prim.cpu(out, **params)
    (view if index < 0 else view[index])[...] = src
    return out


view_scatter = Primitive("view_scatter", ("x", "src"), _write_region)


@view_scatter.vjp("x")
def _(g: Any, prim: Any, params: Any, index: Any) -> Any:
    return view_scatter(g, 0, prim=prim, params=params, index=index)


@view_scatter.vjp("src")
def _(g: Any, prim: Any, params: Any, index: Any) -> Any:
    return step(g, (prim, params, index))


def step(t: Any, link: tuple[Primitive, dict[str, Any], int]) -> Any:
    """Apply one link of a view chain."""
    prim, params, index = link
    out = bind(prim, (t,), params)
    return out if index < 0 else out[index]


# --- permission ------------------------------------------------------------------------------------


def check(x: Tensor, name: str = "") -> None:
    """Raise if grad mode forbids an in-place change of `x`."""
    if x.level or not STATE.grad:
        return
    if type(x._node) is Leaf and x._base is None:
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation."
        )
    base = x._base
    if base is None:
        return
    if type(base._node) is Leaf and getattr(x, "_vmeta", "") != "detached":
        raise RuntimeError(
            "a view of a leaf Variable that requires grad is being used in an in-place operation."
        )
    _check_creation(x, base)


def _check_creation(x: Tensor, base: Tensor) -> None:
    meta = getattr(x, "_vmeta", None)
    if meta == "multi" and edge_of(x) is not None:
        prim, _, index = next(s for s in reversed(x._chain) if s[2] >= 0)
        raise RuntimeError(
            f"Output {index} of {_node._torch_name(prim.name)} is a view and is being modified "
            "inplace. This view is the output of a function that returns multiple views. Such "
            "functions do not allow the output views to be modified inplace. You should replace "
            "the inplace operation by an out-of-place one."
        )
    if meta == "no_grad" and base._node is not None:
        raise RuntimeError(
            "A view was created in no_grad mode and is being modified inplace with grad mode "
            "enabled. Given that this use case is ambiguous and error-prone, it is forbidden. You "
            "can clarify your code by moving both the view and the inplace either both inside the "
            "no_grad block (if you don't want the inplace to be tracked) or both outside (if you "
            "want the inplace to be tracked)."
        )


def bump(x: Tensor) -> None:
    """Note an in-place change: count it and remember the user's line."""
    ver = version_of(x)
    ver[0] += 1
    ver[1] = here(2)


# --- commit ----------------------------------------------------------------------------------------


def commit(x: Tensor, result: Tensor) -> Tensor:
    """Make `result` (same shape and dtype) the value of `x`; returns x."""
    if x.level or result.level:
        return _commit_traced(x, result)
    xa, ra = x._a, result._a
    if xa.shape != ra.shape:
        raise RuntimeError(
            f"output with shape {list(xa.shape)} doesn't match the broadcast shape {list(ra.shape)}"
        )
    if not xa.flags.writeable or _self_overlap(xa):
        _refuse_overlap(xa)
    if ra is not xa:
        xa[...] = ra
    bump(x)
    if STATE.grad and (result._node is not None or x._node is not None or x._base is not None):
        _rebase(x, result)
    return x


def _self_overlap(a: Any) -> bool:
    return 0 in a.strides and any(s == 0 and n > 1 for s, n in zip(a.strides, a.shape, strict=True))


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
        x._node = result._node
        _repoint_saved_output(x, result)
        return
    old = _light(base, base._node)
    if base._node is None and result._node is None:
        return
    values = [old]
    for link in x._chain[:-1]:
        values.append(step(values[-1], link))
    new: Any = result
    for value, link in zip(reversed(values), reversed(x._chain), strict=True):
        new = _scatter_history(value, new, link)
    base._node = new._node
    x._view_ver = -1  # regenerated at next use


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


def _refresh_view(v: Tensor) -> Any:
    """The edge of a view, regenerated from its base if that was changed since."""
    ver: Any = v._ver
    if v._view_ver != ver[0]:
        if getattr(v, "_vmeta", None) != "no_grad" and v._base._node is not None:
            t: Any = _light(v._base, v._base._node)
            for link in v._chain:
                t = step(t, link)
            v._node = t._node
        v._view_ver = ver[0]
    return v._node


_node.refresh_view = _refresh_view


# --- traced tensors --------------------------------------------------------------------------------


def _commit_traced(x: Any, result: Any) -> Any:
    if result.level > x.level:
        raise RuntimeError(
            "in-place change of a tensor that was captured from outside of the transformed function "
            "(or made in it without its batch dimension); create it from an input of the function, "
            "for instance with new_zeros or zeros_like, or use the out-of-place form"
        )
    if tuple(x.shape) != tuple(result.shape):
        raise RuntimeError(
            f"output with shape {list(x.shape)} doesn't match the broadcast shape "
            f"{list(result.shape)}"
        )
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


def refresh_traced(x: Any) -> None:
    """Recompute a traced view whose base was changed."""
    if x._base is not None and x._view_ver != x._ver[0]:
        t = x._base
        for link in x._chain:
            t = step(t, link)
        x.rebind(t)
        x._view_ver = x._ver[0]


@view_scatter.batching
def _(prim: Primitive, values: Any, dims: Any, params: Any) -> Any:
    x, src = values
    size = x.shape[dims[0]] if dims[0] is not None else src.shape[dims[1]]
    x = x.expand(size, *x.shape) if dims[0] is None else x.movedim(dims[0], 0)
    if isinstance(src, Tensor):
        src = src.expand(size, *src.shape) if dims[1] is None else src.movedim(dims[1], 0)
    inner = params["prim"].batch.batched_params(params["params"], tuple(x.shape[1:]))
    return view_scatter(x, src, prim=params["prim"], params=inner, index=params["index"]), 0
