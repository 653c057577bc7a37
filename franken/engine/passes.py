"""The gradient engine: a pure function of the graph (the deterministic autograd contract).

Reachable nodes run in strictly decreasing `seq`; cotangents are summed in that order. Both are
fixed by the program, so two runs give the same bits. Rules run through `bind` again, hence through
the same kernels and, with create_graph, onto the tape. Knows no op but those of `core.linear`.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np

from franken.core import primitive as _bind
from franken.core import state
from franken.core.convert import cast
from franken.core.dtypes import COMPLEX_KINDS, from_numpy
from franken.core.elsewhere import elsewhere
from franken.core.geometry.arrange import placed
from franken.core.geometry.memory import element_strides
from franken.core.geometry.planning import gradient_strides
from franken.core.inplace import commit, store, writeable
from franken.core.linear import add, conj_, overwritten, sum_to, tied
from franken.core.node import Leaf, Node, OutEdge, Packed, light, split_edge
from franken.core.primitive import F32, F64
from franken.core.replaced import present
from franken.core.state import STATE, restore_saving, saving_modes, set_grad
from franken.core.tensor import CONJ, Tensor, bits_of, dress, held
from franken.core.where import describe
from franken.engine.order import scheduled
from franken.engine.skeleton import skeletons

# As many passes of one thread may be inside of each other, by users' functions that run one: each
# takes its share of the interpreter's stack. A further one gets a stack of its own, as in torch.
MAX_DEPTH = 60
_accumulate_lock = threading.Lock()
_new = object.__new__


class Run:
    """One backward pass: what is needed, what is pending, and what was executed."""

    __slots__ = (
        "__weakref__", "accumulate", "captured", "create_graph", "deps", "dressed", "history",
        "in_place", "keep", "needed", "order", "owned", "pending", "roots", "targets", "through",
    )  # fmt: skip

    def __init__(self, create_graph: bool | None, keep: bool, accumulate: bool) -> None:
        self.create_graph, self.keep, self.accumulate = bool(create_graph), keep, accumulate
        # None: not this tape, but the levels below it record what the caller's grad mode says
        self.history = create_graph is not False
        # sums may be written into memory that only the pass knows
        self.in_place = not create_graph and STATE.recorder is None and not STATE.traces
        self.pending: dict[Any, Any] = {}
        self.deps: dict[Any, int] = {}
        self.needed: set[Any] | None = None
        self.through: set[Any] | None = None
        self.targets: dict[tuple[Any, int], int] = {}
        self.captured: dict[tuple[Any, int], Any] = {}
        self.owned: set[Any] = set()
        self.roots: list[Any] = []
        self.order: list[Any] = []
        self.dressed = keep  # some node holds more than a gradient may keep of it


def run(
    roots: list[tuple[Any, Any]],
    targets: list[Any] | None = None,
    *,
    create_graph: bool | None = False,
    retain_graph: bool = False,
    accumulate: bool = False,
) -> list[Any]:
    """Propagate cotangents from `roots` (edge, cotangent) through the graph.

    Without targets, leaves accumulate into `.grad`. With targets (edges), their cotangents are
    returned (None where unreached) and no `.grad` changes; with `accumulate`, the leaves among them
    accumulate as they do without targets. A transform, which has values of the level below it on
    its tape, passes None for `create_graph`: the grad mode stays as it is.
    """
    r = Run(create_graph, retain_graph, accumulate or targets is None)
    if len(STATE.runs) < MAX_DEPTH:
        _entered(r, roots, targets)
    else:
        elsewhere(_entered, r, roots, targets)
    if targets is None:
        return []
    return [r.captured.get(split_edge(t)) for t in targets]


def _entered(r: Run, roots: list[tuple[Any, Any]], targets: list[Any] | None) -> None:
    before = None
    if r.create_graph or STATE.traces and not r.history:
        before = set_grad(r.create_graph)
    runs = STATE.runs
    runs.append(r)
    try:
        _propagate(r, roots, targets)
    finally:
        runs.pop()
        if r.dressed and r.accumulate:
            r.order[:] = skeletons(r.order)  # in place: the gradients hold this list
        if before is not None:
            set_grad(before)


def _propagate(r: Run, roots: list[tuple[Any, Any]], targets: list[Any] | None) -> None:
    r.roots = [split_edge(e)[0] for e, _ in roots]
    nodes = scheduled(r.roots)
    if targets is not None:
        _restrict(r, nodes, targets)
    _count_leaf_uses(r, nodes)
    for edge, g in roots:
        _push(r, edge, g)
    for edge, _ in roots:
        node = split_edge(edge)[0]
        if type(node) is Leaf and r.deps.get(node, 0) == 0:
            _finish_leaf(r, node)
    plain = r.needed is None and STATE.anomaly is None and STATE.recorder is None
    while nodes:
        node = nodes.pop()  # highest seq first; the list lets go of what has run
        if type(node) is Leaf:
            continue
        if plain and node.shape is not None:  # a custom function has outputs, and no shape
            _execute_plain(r, node)
        else:
            _execute(r, node)


def _restrict(r: Run, ascending: list[Any], targets: list[Any]) -> None:
    """Keep only what leads to a target: that runs. A target runs too if it is to accumulate."""
    r.targets = {split_edge(t): i for i, t in enumerate(targets)}
    wanted = {node for node, _ in r.targets}
    needed: set[Any] = set()
    through: set[Any] = set()
    for node in ascending:
        if any(p is not None and split_edge(p)[0] in needed for p in node.parents):
            through.add(node)
            needed.add(node)
        elif node in wanted:
            needed.add(node)
            if r.accumulate and type(node) is not Leaf:
                through.add(node)
    r.needed, r.through = needed, through


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
        slots[edge.index] = g if have is None else _sum(r, edge, have, g)
    else:
        have = pending.get(edge)
        pending[edge] = g if have is None else _sum(r, edge, have, g)


def _sum(r: Run, edge: Any, a: Any, b: Any) -> Any:
    """a + b; into a's memory when a is the pass's own sum, which nobody else sees while it waits.

    What has left the edge is never added to again.
    """
    if edge in r.owned and b._node is None:
        aa, ba = a._a, b._a
        if type(aa) is type(ba) is np.ndarray and aa.dtype is ba.dtype:
            np.add(aa, ba, out=aa)
            return a
    out = add(a, b)
    if r.in_place:
        r.owned.add(edge)
    return out


def _execute(r: Run, node: Any) -> None:
    g = r.pending.pop(node, None)
    if r.needed is not None and node not in r.needed:
        return
    runs = r.through is None or node in r.through
    if r.targets and runs:  # as torch: a target that is passed through is seen before its hooks
        _capture(r, node, g)
    if g is not None and node.pre:
        g = _pre_hooks(r, node, g)
    if r.targets and not runs:
        _capture(r, node, g)
    if g is None or not runs:
        (_execute_undefined if runs else _release_leaves)(r, node)
        return
    if node.pre:
        g = _node_prehooks(r, node, g)
    r.order.append(node)
    plain = isinstance(node, Node)
    r.dressed |= not plain
    if STATE.anomaly is None:
        grads = apply_vjp(r, node, g) if plain else node.apply_vjp(r, g)
    else:
        grads = STATE.anomaly.watch(r, node, g)
    if node.hooks:
        grads = _post_hooks(r, node, grads, g)
    del g  # a leaf takes the memory of what nobody else holds
    _distribute(r, node, grads)


def _execute_plain(r: Run, node: Node) -> None:
    """_execute for the commonest case, written out: a single-output primitive, no targets.

    Hot: a node costs 2.6 us through the general functions and 1.5 us here (8 elements).
    """
    pending, parents, plan = r.pending, node.parents, node.plan
    g = pending.pop(node, None)
    if g is None:
        _execute_undefined(r, node)
        return
    if node.pre:
        g = _node_prehooks(r, node, _pre_hooks(r, node, g))
    r.order.append(node)
    values = unpack(node, r.create_graph)
    rules = plan.rules
    d = node.dtype
    tied_to = plan.ties and r.create_graph
    if node.hooks or rules[0][0] < 0 or (d is not F32 and d is not F64) or tied_to:
        grads = call_rules(plan, node.params, values, g, [p is not None for p in parents])
        if tied_to:
            grads = _tied(node, grads)
        if plan.saves_data and not r.keep:
            node.saved = None
        if node.hooks:
            grads = _post_hooks(r, node, grads, g)
        _distribute(r, node, grads)
        return
    for i, fn, sources in rules:
        args = []
        for s in sources:
            if s.__class__ is int:
                args.append(values[s - 1] if s else g)
            else:
                args.append(node.params[s])
        gi = fn(*args)
        p = parents[i]
        if gi is not None:
            if gi.level or gi._a.shape != p.shape or gi._a.dtype != p.dtype:
                gi = _validated(node, i, gi, p)
            if type(p) is OutEdge:
                _push(r, p, gi)
            else:
                have = pending.get(p)
                pending[p] = gi if have is None else _sum(r, p, have, gi)
        if type(p) is Leaf:
            _leaf_used(r, p)
    if plan.saves_data and not r.keep:
        node.saved = None
    if len(rules) < len(parents):
        ruled = [i for i, _, _ in rules]
        for i, p in enumerate(parents):
            if type(p) is Leaf and i not in ruled:
                _leaf_used(r, p)


def _execute_undefined(r: Run, node: Any) -> None:
    """Run a node that no cotangent reached: hooks see None, and a custom function its zeros."""
    plain = isinstance(node, Node)
    g: Any = None if plain and node.shape is not None else {}
    if node.pre:
        g = _node_prehooks(r, node, _pre_hooks(r, node, g))
    r.dressed |= not plain
    grads = [None] * len(node.parents) if plain else node.apply_vjp(r, g)
    if node.hooks:
        grads = _post_hooks(r, node, grads, g)
    _distribute(r, node, grads)


def _release_leaves(r: Run, node: Any) -> None:
    for p in node.parents:
        if type(p) is Leaf:
            _leaf_used(r, p)


def _distribute(r: Run, node: Any, grads: Any) -> None:
    needed = r.needed
    grads = grads if type(grads) is list else list(grads)
    for i, p in enumerate(node.parents):
        if p is None:
            continue
        gi, grads[i] = grads[i], None
        if gi is not None and (needed is None or (p.node if type(p) is OutEdge else p) in needed):
            if gi.level == 0:
                # no local name for the array: `_own` takes it over only if nobody else holds it
                if gi._a.shape != p.shape or gi._a.dtype != p.dtype:
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
        g = cast(g, from_numpy(p.dtype))
    return g


def _reduces_to(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    if len(target) > len(shape):
        return False
    tail = shape[len(shape) - len(target) :]
    return all(t == s or t == 1 for s, t in zip(tail, target, strict=True))


# --- running one rule ----------------------------------------------------------------------------


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
    if not any(needs):
        grads = [None] * len(needs)
    else:
        grads = call_rules(node.plan, node.params, values, g, needs)
    if STATE.recorder is not None:
        STATE.recorder.rule(node, values, g, needs, grads)
    if node.plan.ties and r.create_graph:
        grads = _tied(node, grads)
    if node.plan.saves_data and not r.keep:
        node.saved = None
    return grads


def _tied(node: Node, grads: list[Any]) -> list[Any]:
    """The gradients as functions of the inputs that the op says they depend on."""
    ties = [t for t in node.plan.ties if t.when is None or t.when(node.params)]
    found = list(grads)
    for k, g in enumerate(grads):
        edges = [(node.parents[t.input], t.zero) for t in ties if k in t.of]
        if edges and g is not None and g.level == 0:
            found[k] = tied(g, edges)
    return found


def call_rules(
    plan: Any, params: dict[str, Any], values: list[Any], g: Any, needs: list[bool]
) -> list[Any]:
    """Call an op's cotangent rules for the inputs in `needs`.

    Rules are written for real numbers; for a holomorphic op the cotangent rule is
    conj(rule(conj(g))), since a rule is linear in g with the derivative as its coefficient.
    """
    conj = plan.prim.holomorphic and _is_complex(g)
    if conj:
        g = conj_(g)
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
    return [None if x is None else _conjugated(x, g) for x in grads] if conj else grads


def _is_complex(g: Any) -> bool:
    if type(g) is tuple:
        return False
    return g._a.dtype.kind in COMPLEX_KINDS if g.level == 0 else g.dtype.is_complex


def _conjugated(x: Any, g: Any) -> Any:
    """The conjugate of what a rule gave for g, which is a conjugate itself: a view only where x is
    one of g, so that no gradient is one where torch's is not."""
    if bits_of(x) & CONJ or x is g or (g._base is not None and x._base is g._base):
        return conj_(x)
    return x.conj_physical()


def _all_outputs(node: Node, slots: dict[int, Any]) -> tuple[Any, ...]:
    """The cotangents of all outputs; None where none arrived, which is not a zero: its rule may
    divide by what is zero too."""
    return tuple([slots.get(k) for k in range(len(node.metas))])


def unpack(node: Node, create_graph: bool) -> list[Any]:
    """The values a node saved, as tensors; with history when a graph of the backward is wanted."""
    saved = node.saved
    if saved is None:
        raise RuntimeError(
            "Trying to backward through the graph a second time (or directly access saved tensors "
            "after they have already been freed). Saved intermediate values of the graph are freed "
            "when you call .backward() or autograd.grad(). Specify retain_graph=True if you need "
            "to backward through the graph a second time or if you need to access saved tensors "
            "after calling backward."
        )
    values = []
    k = 0
    dev = node.device
    for kind, i in node.plan.entries:
        value, ver = saved[k], saved[k + 1]
        if ver is not None:
            if ver[0] != saved[k + 2]:
                _stale(node, kind, i, value, ver, saved[k + 2])
            if not isinstance(value, Tensor):
                if len(ver) > 2 and kind == "x":
                    value = present(node, i, value, ver)
                t: Any = _new(Tensor)
                t._a, t.device, t._ver = value, dev, ver
                t._node = t._base = None
                if create_graph:
                    t._node = node.parents[i] if kind == "x" else _out_edge(node, i)
                values.append(t)
                k += 3
                continue
        k += 3
        if type(value) is Packed:
            value = _unpacked(value)
        elif kind == "o" and type(value) is tuple:
            value = tuple([v if isinstance(v, Tensor) else _bind._wrap(v, dev) for v in value])
        if create_graph and (kind == "x" or kind == "o") and isinstance(value, Tensor):
            value = _with_edge(node, kind, i, value)
        values.append(value)
    return values


def _unpacked(packed: Packed) -> Any:
    with user_code(False):
        value = packed.unpack(packed.value)
    if not isinstance(value, Tensor):
        raise TypeError(
            "Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
            f"{type(value).__name__}"
        )
    # The graph that matters is the one the tensor was saved in, not that of its reconstruction.
    return value if value.foreign else light(value)


def _with_edge(node: Node, kind: str, i: int, value: Tensor) -> Tensor:
    edge = node.parents[i] if kind == "x" else _out_edge(node, i)
    if node.trace is not None:
        if node.trace.alive and edge is not None:
            value = node.trace.constant(value)
            value._node = edge
    elif value.level == 0 and value._node is None and edge is not None:
        if value.foreign:
            value = value.alone()
        elif not value.__dict__:  # a dual tensor, kept for this node alone, has its tangent there
            value = light(value)
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
    d = from_numpy(dtype) if isinstance(dtype, np.dtype) else dtype
    return f"torch.{d.scalar_name}Tensor"


# --- leaves and hooks ----------------------------------------------------------------------------


def _finish_leaf(r: Run, leaf: Leaf) -> None:
    g = r.pending.pop(leaf, None)
    if g is None:
        if leaf.pre and (r.needed is None or leaf in r.needed):
            _pre_hooks(r, leaf, None)
        return
    if leaf.pre:
        g = _pre_hooks(r, leaf, g)
    if not r.accumulate:
        _capture(r, leaf, g)
        return
    if leaf.pre:
        g = _node_prehooks(r, leaf, g)
    variable = leaf.ref()
    if variable is None or variable._node is None:  # gone, or it requires grad no longer
        return
    with _accumulate_lock:
        _accumulate(r, leaf, variable, g)
    if leaf.post_accumulate:
        _post_accumulate(r, leaf, variable)
    if leaf.hooks:
        _post_hooks(r, leaf, [], g)


def _post_accumulate(r: Run, leaf: Leaf, variable: Tensor) -> None:
    r.dressed = True
    for hook in list(leaf.post_accumulate.values()):
        with hooked(r):
            got = hook(variable)
        if isinstance(got, Tensor):
            raise RuntimeError("Tensor post accumulate grad hooks should return None.")
        if got is not None:
            raise TypeError(f"expected Variable, but hook returned '{type(got).__name__}'")


def _accumulate(r: Run, leaf: Leaf, variable: Tensor, g: Any) -> None:
    have = getattr(variable, "_grad", None)
    if have is None and not state.SPECIAL and not r.create_graph and _plain_pair(variable, g):
        variable._grad = _own(g)
        _provenance(r, leaf, variable)
        return
    if have is None:
        want = _wanted_strides(variable, g)
        if r.create_graph and not g.foreign:
            variable._grad = _copied(g, want)
        elif g.foreign and not g.level and not r.create_graph:
            variable._grad = _own_sparse(g)
        elif g.foreign or STATE.traces:
            variable._grad = g if want is None else _laid_out(g, want)
        else:
            variable._grad = _own(g) if want is None else _bind._wrap(placed(g._a, want), g.device)
    elif r.create_graph or g.foreign or have.foreign or STATE.traces:
        total = add(have, g)
        sparse = g.foreign and not g.level and not (have.foreign or r.create_graph)
        variable._grad = commit(have, total) if sparse and have._node is None else total
    else:
        variable._grad = _add_into(have, g)
    if STATE.recorder is not None:
        STATE.recorder.gradient(variable)
    _provenance(r, leaf, variable)


def _plain_pair(variable: Tensor, g: Tensor) -> bool:
    """Whether a leaf and its gradient are row-major and in no transform: the commonest case."""
    if variable.level or g.level:
        return False
    return g._a.flags.c_contiguous and variable._a.flags.c_contiguous  # type: ignore[no-any-return]


def _wanted_strides(variable: Tensor, g: Tensor) -> Any:
    """The strides that a leaf's gradient must take in place of its own, or None."""
    if g.foreign or variable.foreign:
        return None
    a, own = held(g), held(variable)
    if a.flags.c_contiguous and own.flags.c_contiguous or a.shape != own.shape:
        return None
    want = gradient_strides(own.shape, element_strides(own))
    axes = zip(a.shape, element_strides(a), want, strict=True)
    return None if all(n == 1 or s == w for n, s, w in axes) else want


def _copied(g: Tensor, strides: Any) -> Tensor:
    """The cotangent in memory of its own, under other strides if they are given, on the tape."""
    a = g._a.copy(order="K")
    made = _bind._wrap(a if strides is None else placed(a, strides), g.device)
    return commit(made, overwritten(made, g))


def _laid_out(g: Tensor, strides: Any) -> Tensor:
    """The cotangent under other strides, still on the tape."""
    order = sorted(range(g.ndim), key=lambda d: (-strides[d], d))
    back = sorted(range(g.ndim), key=order.__getitem__)
    return g.permute(order).contiguous().permute(back)


def _own(g: Tensor) -> Tensor:
    """The cotangent as a tensor of its own: the same memory only if no other Tensor holds it."""
    if g._bits:
        return dress(_bind._wrap(held(g).copy(order="K"), g.device), g._bits)  # type: ignore[no-any-return]
    a = g._a
    # 2 references: the Tensor's slot and `a`, plus getrefcount's argument.
    if sys.getrefcount(a) > 3 or a.base is not None or not getattr(a.flags, "writeable", True):
        a = a.copy(order="K")
    return _bind._wrap(a, g.device)


def _own_sparse(g: Tensor) -> Tensor:
    """As `_own`, of a sparse cotangent: its array goes along if nobody else holds it, and if its
    parts lie densely."""
    a = g._a
    dense = all(part.flags.c_contiguous for part in (a.values, *[p for _, p in a.places()]))
    if sys.getrefcount(a) > 3 or not dense:
        g._a = a.copy()
    return g.alone()


def _add_into(have: Tensor, g: Tensor) -> Tensor:
    """Accumulate in place, so that whoever holds `.grad` sees the sum, as in torch."""
    if have._node is not None or not writeable(held(have)):
        return add(have, g)  # type: ignore[no-any-return]
    if STATE.recorder is None and not have._bits:
        have._a += g._a
    else:
        store(have, add(have, g))
    ver = have._ver
    if ver is not None:
        ver[0] += 1
    return have


def _provenance(r: Run, leaf: Leaf, variable: Tensor) -> None:
    grad = variable._grad
    if len(r.order) <= PROVENANCE_LIMIT:
        runs = grad.__dict__.setdefault("_runs", [])
        if len(runs) < PROVENANCE_RUNS:
            runs.append((r.order, leaf.seq))


# A gradient keeps the skeleton (no data) of up to this many nodes and backward passes.
PROVENANCE_LIMIT = 100_000
PROVENANCE_RUNS = 16


def _capture(r: Run, node: Any, g: Any) -> None:
    for key in r.targets:
        if key[0] is node and g is not None:
            got = g if type(g) is not dict else g.get(key[1])
            if got is not None:
                r.captured[key] = got


class user_code:
    """Run a user's function with the grad mode that torch gives it: on only when a graph is built.

    The modes that it leaves behind end with it.
    """

    __slots__ = ("before", "enabled", "modes")

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled

    def __enter__(self) -> None:
        self.modes = saving_modes()
        self.before = set_grad(self.enabled)

    def __exit__(self, *exc: object) -> None:
        set_grad(self.before)
        restore_saving(self.modes)


def hooked(r: Run) -> user_code:
    """Around the hooks and functions of users that a pass calls."""
    return user_code(r.create_graph or r.history and STATE.grad)


# `pre` of a node holds ("t", output, id): tensor hook, ("r", output, id): retain_grad and
# ("n", 0, id): node prehook; they run in this order, each kind in its order of registration.


def _pre_hooks(r: Run, node: Any, g: Any) -> Any:
    """Tensor hooks (by output; None for one that no cotangent reached), then retain_grad."""
    r.dressed = True
    for kind in ("t", "r"):
        for key, hook in list(node.pre.items()):
            if key[0] != kind:
                continue
            mine = g.get(key[1]) if type(g) is dict else g
            if mine is None and kind == "r":
                continue
            with hooked(r):
                got = hook(mine)
            if mine is None:
                if got is not None:
                    raise RuntimeError("can't replace a None gradient with a non-None value")
                continue
            got = mine if got is None else _replacement(r, hook, mine, got)
            # a new Tensor, since the hook may keep the one it saw (see _own)
            got = untracked(r.history, got)
            if type(g) is dict:
                g[key[1]] = got
            else:
                g = got
    return g


def _node_prehooks(r: Run, node: Any, g: Any) -> Any:
    r.dressed = True
    for key, hook in list(node.pre.items()):
        if key[0] != "n":
            continue
        outs = _as_outputs(node, g)
        with hooked(r):
            got = hook(outs)
        if got is not None:
            new = _replacements(r, hook, outs, got)
            g = {k: x for k, x in enumerate(new) if x is not None} if type(g) is dict else new[0]
    return g


def _post_hooks(r: Run, node: Any, grads: Any, g: Any) -> Any:
    r.dressed = True
    outs = _as_outputs(node, g)
    for hook in list(node.hooks.values()):
        with hooked(r):
            got = hook(tuple(grads), outs)
        if got is not None:
            grads = _replacements(r, hook, grads, got)
    return grads


def _as_outputs(node: Any, g: Any) -> tuple[Any, ...]:
    return tuple(g.get(k) for k in range(len(node.metas))) if type(g) is dict else (g,)


def _hook_name(hook: Any) -> str:
    return str(getattr(hook, "__name__", type(hook).__name__))


def _replacements(r: Run, hook: Any, old: Any, got: Any) -> list[Any]:
    if not isinstance(got, tuple):
        raise TypeError(f"expected tuple, but hook returned '{type(got).__name__}'")
    if len(got) != len(old):
        raise RuntimeError(
            f"hook '{_hook_name(hook)}' has returned an incorrect number of values (got "
            f"{len(got)}, but expected {len(old)})"
        )
    return [
        new if new is None else _replacement(r, hook, was, new)
        for was, new in zip(old, got, strict=True)
    ]


def _replacement(r: Run, hook: Any, old: Any, new: Any) -> Any:
    """Check what a hook returned in place of a cotangent."""
    if not isinstance(new, Tensor):
        raise TypeError(f"expected Variable, but hook returned '{type(new).__name__}'")
    if old is not None and new.dtype is not old.dtype:
        raise RuntimeError(
            f"hook '{_hook_name(hook)}' has changed the type of value (was "
            f"{_scalar_name(old.dtype)} got {_scalar_name(new.dtype)})"
        )
    if old is not None and tuple(new.shape) != tuple(old.shape):
        raise RuntimeError(f"hook '{_hook_name(hook)}' has changed the size of value")
    return untracked(r.history, new)


def untracked(history: bool, g: Any) -> Any:
    """A cotangent that others may hold: the same memory in a Tensor of its own, without its
    history unless a graph of the backward is wanted."""
    if history or g.level or STATE.traces:
        return g
    if g.foreign:
        return g.alone()
    return light(g)
