"""The gradient engine: a pure function of the graph (the deterministic autograd contract).

Reachable nodes run in strictly decreasing `seq`; cotangents are summed in that order. Both are
fixed by the program, so two runs give the same bits. Rules run through `bind` again, hence through
the same kernels and, with create_graph, onto the tape. Knows no op but addition, zeros and
reduction to a shape, which the op declarations hand in.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from franken.core import bind as _bind
from franken.core.node import Leaf, Node, OutEdge, Packed, split_edge
from franken.core.state import set_grad
from franken.core.tensor import Tensor
from franken.core.where import describe

_accumulate_lock = threading.Lock()

# Handed in by the op declarations: add(a, b), sum_to(g, shape), zeros(shape, np dtype, device),
# cast(g, np dtype).
add: Callable[[Any, Any], Any]
sum_to: Callable[[Any, Any], Any]
zeros: Callable[..., Any]
cast: Callable[[Any, Any], Any]


class Run:
    """One backward pass: what is needed, what is pending, and what was executed."""

    __slots__ = ("captured", "create_graph", "deps", "keep", "needed", "order", "owned", "pending",
                 "targets")  # fmt: skip

    def __init__(self, create_graph: bool, keep: bool) -> None:
        self.create_graph, self.keep = create_graph, keep
        self.pending: dict[Any, Any] = {}
        self.deps: dict[Any, int] = {}
        self.needed: set[Any] | None = None
        self.targets: dict[tuple[Any, int], int] = {}
        self.captured: dict[tuple[Any, int], Any] = {}
        self.owned: set[int] = set()
        self.order: list[Any] = []


def run(
    roots: list[tuple[Any, Any]],
    targets: list[Any] | None = None,
    *,
    create_graph: bool = False,
    retain_graph: bool = False,
) -> list[Any]:
    """Propagate cotangents from `roots` (edge, cotangent) through the graph.

    Without targets, leaves accumulate into `.grad`. With targets (edges), their cotangents are
    returned (None where unreached) and no `.grad` changes.
    """
    r = Run(create_graph, retain_graph)
    nodes = _reachable([split_edge(e)[0] for e, _ in roots])
    nodes.sort(key=_seq)
    if targets is not None:
        _restrict(r, nodes, targets)
    _count_leaf_uses(r, nodes)
    for edge, g in roots:
        _push(r, edge, g)
    for edge, _ in roots:
        node = split_edge(edge)[0]
        if type(node) is Leaf and r.deps.get(node, 0) == 0:
            _finish_leaf(r, node)
    while nodes:
        node = nodes.pop()  # highest seq first; the list lets go of what has run
        if type(node) is not Leaf:
            _execute(r, node)
    if targets is None:
        return []
    return [r.captured.get(split_edge(t)) for t in targets]


def _seq(node: Any) -> int:
    return node.seq  # type: ignore[no-any-return]


def _reachable(starts: list[Any]) -> list[Any]:
    seen = set(starts)
    stack = list(seen)
    found = []
    while stack:
        node = stack.pop()
        found.append(node)
        for p in node.parents:
            if p is None:
                continue
            if type(p) is OutEdge:
                p = p.node
            if p not in seen:
                seen.add(p)
                stack.append(p)
    return found


def _restrict(r: Run, ascending: list[Any], targets: list[Any]) -> None:
    """Keep only what leads to a target."""
    r.targets = {split_edge(t): i for i, t in enumerate(targets)}
    wanted = {node for node, _ in r.targets}
    needed: set[Any] = set()
    for node in ascending:
        if node in wanted or any(p is not None and split_edge(p)[0] in needed for p in node.parents):
            needed.add(node)
    r.needed = needed


def _count_leaf_uses(r: Run, nodes: list[Any]) -> None:
    deps, needed = r.deps, r.needed
    for node in nodes:
        if needed is not None and node not in needed:
            continue
        for p in node.parents:
            if type(p) is Leaf:
                deps[p] = deps.get(p, 0) + 1


def _push(r: Run, edge: Any, g: Any) -> None:
    """Add a cotangent to what an edge has received so far."""
    pending = r.pending
    if type(edge) is OutEdge:
        slots = pending.setdefault(edge.node, {})
        have = slots.get(edge.index)
        slots[edge.index] = g if have is None else _sum(r, have, g)
    else:
        have = pending.get(edge)
        pending[edge] = g if have is None else _sum(r, have, g)


def _sum(r: Run, a: Any, b: Any) -> Any:
    """a + b; into a's memory when a is a sum that nobody else can see."""
    if id(a) in r.owned and b.level == 0 and not r.create_graph:
        aa, ba = a._a, b._a
        if type(aa) is np.ndarray and aa.dtype is ba.dtype:
            np.add(aa, ba, out=aa)
            return a
    out = add(a, b)
    if a.level == 0 and b.level == 0 and not r.create_graph:
        r.owned.discard(id(a))
        r.owned.add(id(out))
    return out


def _execute(r: Run, node: Any) -> None:
    if r.needed is not None and node not in r.needed:
        r.pending.pop(node, None)
        return
    g = r.pending.pop(node, None)
    if g is not None:
        r.owned.discard(id(g))
        g = _pre_hooks(r, node, g)
    if r.targets:
        _capture(r, node, g)
    if g is None:
        _release_leaves(r, node)
        return
    r.order.append(node)
    grads = node.apply_vjp(r, g) if type(node) is not Node else apply_vjp(r, node, g)
    if node.hooks:
        grads = _post_hooks(node.hooks, grads, g)
    _distribute(r, node, grads)


def _release_leaves(r: Run, node: Any) -> None:
    for p in node.parents:
        if type(p) is Leaf:
            _leaf_used(r, p)


def _distribute(r: Run, node: Any, grads: Any) -> None:
    needed = r.needed
    for i, p in enumerate(node.parents):
        if p is None:
            continue
        gi = grads[i]
        if gi is not None and (
            needed is None or (p.node if type(p) is OutEdge else p) in needed
        ):
            if gi.level == 0:
                a = gi._a
                if a.shape != p.shape or a.dtype != p.dtype:
                    gi = _validated(node, i, gi, p)
            else:
                gi = _validated(node, i, gi, p)
            _push(r, p, gi)
        if type(p) is Leaf:
            _leaf_used(r, p)


def _leaf_used(r: Run, leaf: Leaf) -> None:
    r.deps[leaf] = left = r.deps.get(leaf, 1) - 1
    if left == 0:
        _finish_leaf(r, leaf)


def _validated(node: Any, i: int, g: Any, p: Any) -> Any:
    """Reduce a broadcast cotangent to its input's shape and dtype, or refuse it as torch does."""
    shape = tuple(g.shape)
    if shape != p.shape:
        if not _reduces_to(shape, p.shape):
            raise RuntimeError(
                f"Function {node.name()} returned an invalid gradient at index {i} - got "
                f"{list(shape)} but expected shape compatible with {list(p.shape)}"
            )
        g = sum_to(g, p.shape)
    if p.dtype is not None and g.dtype.np != p.dtype:
        g = cast(g, p.dtype)
    return g


def _reduces_to(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    if len(target) > len(shape):
        return False
    tail = shape[len(shape) - len(target) :]
    return all(t == s or t == 1 for s, t in zip(tail, target, strict=True))


# --- running one rule ------------------------------------------------------------------------------


def apply_vjp(r: Run, node: Node, g: Any) -> Any:
    """Cotangents of a primitive node's inputs."""
    if node.shape is None:
        g = _all_outputs(node, g)
    values = unpack(node, r.create_graph)
    parents, needed = node.parents, r.needed
    if needed is None:
        needs = [p is not None for p in parents]
    else:
        needs = [p is not None and split_edge(p)[0] in needed for p in parents]
    grads = call_rules(node.plan, node.params, values, g, needs)
    if not r.keep and node.saved:
        node.saved = None
    return grads


def call_rules(
    plan: Any, params: dict[str, Any], values: list[Any], g: Any, needs: list[bool]
) -> list[Any]:
    """Call an op's cotangent rules for the inputs in `needs`.

    Rules are written for real numbers; for a holomorphic op the cotangent rule is
    conj(rule(conj(g))), since a rule is linear in g with the derivative as its coefficient.
    """
    conj = plan.prim.holomorphic and _is_complex(g)
    if conj:
        g = _conj(g)
    grads: list[Any] = [None] * len(needs)
    for i, fn, sources in plan.rules:
        if i >= 0 and not needs[i]:
            continue
        args = []
        for s in sources:
            if s.__class__ is int:
                args.append(values[s - 1] if s else g)
            else:
                args.append(tuple(needs) if s == "needs" else params[s])
        got = fn(*args)
        if i < 0:
            grads = list(got)
        else:
            grads[i] = got
    return [None if x is None else _conj(x) for x in grads] if conj else grads


def _is_complex(g: Any) -> bool:
    return type(g) is not tuple and (g._a.dtype.kind == "c" if g.level == 0 else g.dtype.is_complex)


def _conj(g: Any) -> Any:
    return g.conj_physical()


def _all_outputs(node: Node, slots: dict[int, Any]) -> tuple[Any, ...]:
    """The cotangents of all outputs; zeros where none arrived."""
    return tuple(
        slots[k] if k in slots else None if meta is None else zeros(*meta)
        for k, meta in enumerate(node.metas)
    )


def unpack(node: Node, create_graph: bool) -> list[Any]:
    """The values a node saved, as tensors; with history when a graph of the backward is wanted."""
    saved = node.saved
    if saved is None:
        raise RuntimeError(
            "Trying to backward through the graph a second time (or directly access saved tensors "
            "after they have already been freed). Saved intermediate values of the graph are freed "
            "when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to "
            "backward through the graph a second time or if you need to access saved tensors after "
            "calling backward."
        )
    values = []
    k = 0
    for kind, i in node.plan.entries:
        value, ver = saved[k], saved[k + 1]
        if ver is not None and ver[0] != saved[k + 2]:
            _stale(node, kind, i, value, ver, saved[k + 2])
        k += 3
        if kind == "x" or kind == "o":
            if type(value) is Packed:
                value = _unpacked(value)
            if ver is not None and not isinstance(value, Tensor):
                value = _bind._wrap(value, node.device)
            elif type(value) is tuple:
                value = tuple([_bind._wrap(v, node.device) if not isinstance(v, Tensor) else v
                               for v in value])  # fmt: skip
            if create_graph and isinstance(value, Tensor) and value.level == 0:
                value = _with_edge(node, kind, i, value)
        values.append(value)
    return values


def _unpacked(packed: Packed) -> Any:
    return packed.unpack(packed.value)


def _with_edge(node: Node, kind: str, i: int, value: Tensor) -> Tensor:
    if value._node is None:
        edge = node.parents[i] if kind == "x" else _out_edge(node, i)
        if edge is not None:
            value = _bind._wrap(value._a, value.device)
            value._node = edge
    return value


def _out_edge(node: Node, i: int) -> Any:
    if node.shape is not None:
        return node
    meta = node.metas[i]
    return None if meta is None else OutEdge(node, i, *meta)


def _stale(node: Node, kind: str, i: int, value: Any, ver: list[Any], was: int) -> None:
    dtype = getattr(value, "dtype", None)
    shape = list(getattr(value, "shape", ()))
    what = f"output {i} of {node.name()}" if kind == "o" else f"input {i} of {node.name()}"
    scalar = _scalar_name(dtype)
    raise RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: [{scalar} {shape}], which is {what}, is at version {ver[0]}; expected version "
        f"{was} instead. It was saved at {describe(node.pos)} and modified at {describe(ver[1])}. "
        "Hint: clone() it before it is changed there, or use the out-of-place form of that change."
    )


def _scalar_name(dtype: Any) -> str:
    from franken.core.dtypes import from_numpy

    d = from_numpy(dtype) if isinstance(dtype, np.dtype) else dtype
    return "torch." + {"float32": "FloatTensor", "float64": "DoubleTensor"}.get(
        getattr(d, "name", ""), getattr(d, "scalar_name", "Float") + "Tensor"
    )


# --- leaves and hooks ------------------------------------------------------------------------------


def _finish_leaf(r: Run, leaf: Leaf) -> None:
    g = r.pending.pop(leaf, None)
    if g is None:
        return
    r.owned.discard(id(g))
    g = _pre_hooks(r, leaf, g)
    if r.targets:
        _capture(r, leaf, g)
        return
    variable = leaf.ref()
    if variable is None:
        return
    with _accumulate_lock:
        _accumulate(r, variable, g)
    for hook in list((leaf.post_accumulate or {}).values()):
        with _user_code(r):
            hook(variable)


def _accumulate(r: Run, variable: Tensor, g: Any) -> None:
    have = getattr(variable, "_grad", None)
    if have is None:
        variable._grad = g if r.create_graph or g.level else _own(g)
    elif r.create_graph or g.level or have.level:
        variable._grad = add(have, g)
    else:
        variable._grad = _add_into(have, g)
    _provenance(r, variable)


def _own(g: Tensor) -> Tensor:
    """The cotangent as a tensor of its own: the same memory only if nobody else holds it."""
    a = g._a
    # 2 references: the Tensor's slot and `a`, plus getrefcount's argument.
    if sys.getrefcount(a) > 3 or a.base is not None or not a.flags.writeable:
        a = a.copy()
    return _bind._wrap(a, g.device)


def _add_into(have: Tensor, g: Tensor) -> Tensor:
    """Accumulate in place, so that whoever holds `.grad` sees the sum, as in torch."""
    if have._node is not None or not have._a.flags.writeable:
        return add(have, g)  # type: ignore[no-any-return]
    have._a += g._a
    ver = have._ver
    if ver is not None:
        ver[0] += 1
    return have


def _provenance(r: Run, variable: Tensor) -> None:
    grad = variable._grad
    if len(r.order) <= PROVENANCE_LIMIT:
        runs = grad.__dict__.setdefault("_runs", [])
        if len(runs) < PROVENANCE_RUNS:
            runs.append((r.order, variable._node))


# A gradient keeps the skeleton (no data) of up to this many nodes and backward passes.
PROVENANCE_LIMIT = 100_000
PROVENANCE_RUNS = 16


def _capture(r: Run, node: Any, g: Any) -> None:
    for key in r.targets:
        if key[0] is node and g is not None:
            got = g if type(g) is not dict else g.get(key[1])
            if got is not None:
                r.captured[key] = got


class _user_code:  # noqa: N801
    """Run hooks with the grad mode that torch gives them: on only when a graph is built."""

    def __init__(self, r: Run) -> None:
        self.enabled = r.create_graph

    def __enter__(self) -> None:
        self.before = set_grad(self.enabled)

    def __exit__(self, *exc: object) -> None:
        set_grad(self.before)


def _pre_hooks(r: Run, node: Any, g: Any) -> Any:
    """Tensor hooks (by output), in order of registration, then retain_grad."""
    pre = node.pre
    if not pre:
        return g
    for (index, _), hook in list(pre.items()):
        mine = g.get(index) if type(g) is dict else g
        if mine is None:
            continue
        with _user_code(r):
            got = hook(mine)
        if got is not None:
            if type(g) is dict:
                g[index] = got
            else:
                g = got
    return g


def _post_hooks(hooks: dict[int, Any], grads: Any, g: Any) -> Any:
    outs = (g,) if type(g) is not dict else tuple(g.values())
    for hook in list(hooks.values()):
        got = hook(tuple(grads), outs)
        if got is not None:
            grads = got if isinstance(got, tuple) else (got,)
    return grads

