"""The tape: nodes, edges, leaves, and recording.

A Node holds what its op's rules asked for and nothing else, so it is at once the gradient graph
and the provenance of every gradient that passes through it. Knows no particular op.
"""

from __future__ import annotations

import itertools
import weakref
from typing import Any

from franken.core.creation import refuse_change
from franken.core.dtypes import from_numpy
from franken.core.geometry.memory import element_strides
from franken.core.geometry.size import Size
from franken.core.handles import GraphNode, InputMetadata
from franken.core.rule import Plan
from franken.core.state import STATE, set_grad, under
from franken.core.tensor import Tensor, bits_of, dress, first_version, held, version_of
from franken.core.where import _getframe, here
from franken.core.where import _internal as internal

# itertools.count is advanced in C, hence atomic: seq never goes backwards between threads.
next_seq = itertools.count(1).__next__
_new = object.__new__


class Node(GraphNode):
    """One recorded op. Slots are set by `record`; `parents` are edges or None, one per input.

    `title` is set where torch's name of the node does not follow from the primitive (see `titled`).
    """

    __slots__ = (
        "__dict__", "__weakref__", "device", "dtype", "params", "parents", "plan", "pos", "saved",
        "seq", "shape", "title",
    )  # fmt: skip

    plan: Plan
    params: dict[str, Any]
    parents: Any
    saved: Any
    seq: int
    shape: Any
    dtype: Any
    device: Any
    pos: Any
    metas: list[Any]
    title: str
    trace: Any = None  # the transform whose tape this is, if it is not the plain one

    @property
    def prim(self) -> Any:
        """The primitive that was executed."""
        return self.plan.prim

    def name(self) -> str:
        """The backward function's name in torch's spelling."""
        try:
            return self.title
        except AttributeError:  # the slot is empty on almost every node
            title = self.plan.prim.title
        return title(self) if callable(title) else title or backward_name(self.plan.prim.name)

    @property
    def _input_metadata(self) -> tuple[InputMetadata, ...]:
        if self.shape is not None:
            return (InputMetadata(*face_of(self.shape, self.dtype), self.device),)
        metas = self.metas
        return tuple([InputMetadata(*face_of(*m[:2]), m[2]) for m in metas if m is not None])

    def __repr__(self) -> str:
        return f"<{self.name().rpartition(':')[2]} object at {id(self):#x}>"


class OutEdge:
    """One output of a node that has several."""

    __slots__ = ("device", "dtype", "index", "node", "shape")

    def __init__(self, node: Any, index: int, shape: Any, dtype: Any, dev: Any) -> None:
        self.node, self.index, self.shape, self.dtype = node, index, shape, dtype
        self.device = dev


class Leaf(GraphNode):
    """The end of a path: accumulates into a tensor's `.grad`.

    It holds its tensor weakly (the tensor holds it strongly), so that no cycle arises.
    """

    __slots__ = ("__dict__", "__weakref__", "device", "dtype", "ref", "seq", "shape")

    parents: tuple[Any, ...] = ()
    saved: Any = ()
    post_accumulate: Any = None

    def __init__(self, tensor: Tensor) -> None:
        self.ref = weakref.ref(tensor)
        self.seq = next_seq()
        self.shape, self.dtype, self.device = meta_of(tensor)

    @property
    def variable(self) -> Tensor | None:
        """The leaf tensor, or None if it is gone."""
        return self.ref()

    next_functions: tuple[Any, ...] = ()

    def name(self) -> str:
        """torch's name."""
        return "torch::autograd::AccumulateGrad"

    def _sequence_nr(self) -> int:
        # as torch says: before everything else
        return self.__dict__.get("_number", (1 << 64) - 1)  # type: ignore[no-any-return]

    @property
    def _input_metadata(self) -> tuple[InputMetadata, ...]:
        return (InputMetadata(*face_of(self.shape, self.dtype), self.device),)

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self):#x}>"


Leaf.__name__ = Leaf.__qualname__ = "AccumulateGrad"  # what `type(node).__name__` is in torch


def nobody() -> None:
    """In place of the reference to a tensor: that of a leaf whose gradient is dropped."""


def meta_of(t: Tensor) -> tuple[Any, Any, Any]:
    """(shape tuple, dtype, device) of any tensor, traced or not; dtype is NumPy's when plain."""
    if t.level == 0:
        return t._a.shape, t._a.dtype, t.device
    return tuple(t.shape), t.dtype.np, t.device


def split_edge(edge: Any) -> tuple[Any, int]:
    """(node, output index) of an edge."""
    return (edge.node, edge.index) if type(edge) is OutEdge else (edge, 0)


def face_of(shape: Any, dtype: Any) -> tuple[Size, Any]:
    """(Size, dtype) of a shape and NumPy's dtype."""
    return Size(shape), from_numpy(dtype)


def backward_name(name: str) -> str:
    """torch's spelling of a backward function's name.

    >>> backward_name("fft_c2r"), backward_name("log1p")
    ('FftC2RBackward0', 'Log1PBackward0')
    """
    words = "".join([w[:1].upper() + w[1:] for w in name.split("_")])
    pairs = zip(words, " " + words, strict=False)
    return "".join([c.upper() if before.isdigit() else c for c, before in pairs]) + "Backward0"


def titled(out: Any, name: str) -> Any:
    """Give the node that has just made `out` (a tensor or a tuple) torch's name; returns `out`.

    For a composite whose last primitive would name it otherwise.
    """
    for t in out if isinstance(out, tuple) else (out,):
        edge = getattr(t, "_node", None)
        node = edge.node if type(edge) is OutEdge else edge
        if type(node) is Node:
            node.title = name
    return out


def edge_of(t: Tensor) -> Any:
    """The tensor's edge into the graph, brought up to date when it is a view."""
    if t._base is not None:
        return refresh_view(t)
    return t._node


def refresh_view(v: Any) -> Any:
    """The edge of a view, regenerated from its base if that was changed since."""
    ver: Any = v._ver
    base = v._base
    if v._view_ver != ver[0]:
        if base._node is not None:
            if hasattr(v, "_vmeta"):
                refuse_change(v, of_base=True)
            before = v._node
            if v.level:
                v._node = v.trace.within(_edge_through_base, v)
            else:
                v._node = under(0, _edge_through_base, v)
            if before is not None and v.__dict__:
                move_retained(v, before)
        v._view_ver = ver[0]
    elif v._node is None and base._node is not None:
        v._node = Leaf(v)  # made without grad mode: it requires grad as its base does,
        v._node.ref = nobody  # but no gradient reaches either of them
    return v._node


def move_retained(x: Any, before: Any) -> None:
    """Let retain_grad follow a tensor from the edge `before` to its new place in the graph."""
    node, index = split_edge(before)
    key = ("r", index, id(x))
    if node.pre and key in node.pre and x._node is not None:
        new, at = split_edge(x._node)
        new.hook_outputs("r", at, node.pre.pop(key), id(x))


def without_hooks(edge: Any) -> Any:
    """The edge to a node that does what this one's does, and has no hooks."""
    node, _ = split_edge(edge)
    made: Any = _new(Node)
    for name in Node.__slots__:
        if name not in ("__dict__", "__weakref__") and hasattr(node, name):
            setattr(made, name, getattr(node, name))
    if type(edge) is not OutEdge:
        return made
    made.metas = node.metas
    return OutEdge(made, edge.index, edge.shape, edge.dtype, edge.device)


def _edge_through_base(v: Any) -> Any:
    t = standing(v._base, v._base._node)
    for link in v._chain:
        before, t = t, step(t, link)
    # no strides lead to the same memory as another dtype, unless it is a part of that (x.real),
    # and none to its conjugates
    same = before.dtype is t.dtype and bits_of(before) == bits_of(t)
    if same or link[0].title is not None:
        titled(t, "AsStridedBackward0")
    return t._node


def standing(t: Any, edge: Any) -> Any:
    """A tensor of the memory of `t` with the history `edge`, at the level of `t`."""
    return t.twin(edge) if t.level else light(t, edge)


def light(t: Tensor, edge: Any = None) -> Tensor:
    """Another tensor of a plain tensor's memory, with the history `edge` and a version of its
    own."""
    return dress(_light(held(t), t.device, edge), t._bits)  # type: ignore[no-any-return]


def step(t: Any, link: tuple[Any, dict[str, Any], int]) -> Any:
    """Apply one link of a view chain: (primitive, parameters, output index)."""
    prim, params, index = link
    out = prim(t, **params)
    return out if index < 0 else out[index]


def record(prim: Any, args: tuple[Any, ...], params: dict[str, Any], outs: Any) -> None:
    """Put one executed op on the tape: args and outs are plain tensors.

    `outs` is the output Tensor, or a tuple of them for ops with several outputs. Hot: the common
    case of make_node, written out (0.9 us against 1.9 us for a product of two tracked tensors).
    """
    edges = []
    mask = 0
    bit = 1
    for a in args:
        e = None
        if isinstance(a, Tensor):
            e = a._node if a._base is None else refresh_view(a)
            if e is not None:
                mask |= bit
        edges.append(e)
        bit <<= 1
    plan = prim.plans.get(mask)
    if plan is None or type(outs) is tuple or STATE.saved_hooks or STATE.anomaly is not None:
        node = make_node(prim, tuple(edges), args, params, outs)
        if node is not None:
            attach(node, prim, outs)
        return
    saved: list[Any] = []
    for kind, i in plan.entries:
        if kind == "x" or kind == "o":
            value = args[i] if kind == "x" else outs
            if isinstance(value, Tensor):
                ver = value._ver
                if ver is None:
                    ver = value._ver = [0, None]
                saved += (value._a, ver, ver[0])
                continue
            saved += (value, None, 0)
        else:
            saved += (meta_entry(kind, i, args), None, 0)
    node = _new(Node)
    node.plan, node.params, node.parents, node.saved = plan, params, edges, saved
    node.seq = next_seq()
    f: Any = _getframe(2)
    while f is not None:
        known = internal.get(f.f_code.co_filename)
        if known:
            f = f.f_back
        elif known is None:
            here(1)  # learns the file
        else:
            break
    node.pos = None if f is None else (f.f_code, f.f_lasti)
    out = outs._a
    node.shape, node.dtype, node.device = out.shape, out.dtype, outs.device
    outs._node = node


def make_node(
    prim: Any, edges: tuple[Any, ...], values: Any, params: dict[str, Any], outs: Any,
    trace: Any = None,
) -> Node | None:  # fmt: skip
    """A node for an executed op, with what its rules will ask for; None if no rule applies.

    With `trace`, the tape is that of a transform: values one level down are saved, which keep
    their own history.
    """
    mask = 0
    for i, e in enumerate(edges):
        if e is not None:
            mask |= 1 << i
    try:
        plan = prim.plans[mask]
    except KeyError:
        plan = prim.plan(mask, tuple(i for i, e in enumerate(edges) if e is not None))
    if plan is None:
        return None
    node: Node = _new(Node)
    node.plan, node.params, node.parents = plan, params, edges
    node.seq = next_seq()
    node.pos = here(2)
    if trace is not None:
        node.trace = trace
    if type(outs) is tuple:
        node.shape = node.dtype = None
        node.device = outs[0].device if outs else None
    else:
        node.shape, node.dtype, node.device = meta_of(outs)
        if node.dtype is not None and node.dtype.kind in "iub":
            return None
    saved: list[Any] = []
    for kind, i in plan.entries:
        if kind == "x":
            _save(saved, values[i], trace)
        elif kind == "o":
            _save_out(saved, outs, i, trace)
        else:
            saved.append(meta_entry(kind, i, values))
            saved.append(None)
            saved.append(0)
    node.saved = saved
    if STATE.saved_hooks and saved and trace is None:
        _pack(node, edges, outs)
    if STATE.anomaly is not None:
        STATE.anomaly(node)
    return node


def _save(saved: list[Any], value: Any, trace: Any = None) -> None:
    if not isinstance(value, Tensor):  # a Python number cannot change
        saved += (value, None, 0)
    elif trace is not None:
        saved += trace.saved(value)
    else:
        ver = version_of(value)
        saved += (value._a, ver, ver[0])


def _save_out(saved: list[Any], outs: Any, i: int, trace: Any) -> None:
    if i == -1:
        parts = [trace.lower(o) for o in outs] if trace is not None else [o._a for o in outs]
        saved += (tuple(parts), None, 0)
    else:
        _save(saved, outs if type(outs) is not tuple else outs[i], trace)


def meta_entry(kind: str, i: int, values: Any) -> Any:
    """What a rule may ask of an input (or of all) beside its value; see `Plan.entries`."""
    if kind == "s":
        return tuple(values[i].shape) if isinstance(values[i], Tensor) else ()
    if kind == "d":
        return values[i].dtype if isinstance(values[i], Tensor) else None
    if kind == "l":
        return None if values[i].foreign else element_strides(values[i]._a)
    return tuple(tuple(v.shape) for v in values)


def _pack(node: Node, edges: tuple[Any, ...], outs: Any) -> None:
    pack, unpack = STATE.saved_hooks[-1]
    saved = node.saved
    for k, (kind, i) in enumerate(node.plan.entries):
        if kind in ("x", "o") and saved[3 * k + 1] is not None:
            t = _light(saved[3 * k], node.device, edges[i] if kind == "x" else None)
            saved[3 * k] = packed(pack, unpack, t)
            saved[3 * k + 1] = None


def packed(pack: Any, unpack: Any, t: Tensor) -> Packed:
    before = set_grad(False)
    try:
        value = pack(t)
    finally:
        set_grad(before)
    if t._ver is not None and t._ver[0]:
        raise RuntimeError(
            "A saved tensor pack hook is modifying its input in place. Tensors provided as input "
            "to pack hook cannot be modified by in-place operations as this can lead to unexpected "
            "side-effects. Please open an issue if you need to perform in-place operations on the "
            "input to a pack hook."
        )
    return Packed(value, unpack)


class Packed:
    """A saved tensor in the form that a pack hook gave it."""

    __slots__ = ("value", "unpack")

    def __init__(self, value: Any, unpack: Any) -> None:
        self.value, self.unpack = value, unpack


def _light(array: Any, dev: Any, edge: Any) -> Tensor:
    t: Tensor = _new(Tensor)
    t._a, t.device, t._node, t._ver, t._base = array, dev, edge, first_version(array), None
    return t


def attach(node: Node, prim: Any, outs: Any) -> None:
    """Let the outputs point to their node."""
    if type(outs) is not tuple:
        outs._node = node
        return
    metas: list[Any] = []
    for k, o in enumerate(outs):
        shape, dtype, dev = meta_of(o)
        if k in prim.nondiff or (dtype is not None and dtype.kind in "iub"):
            metas.append(None)
        else:
            metas.append((shape, dtype, dev))
            o._node = OutEdge(node, k, shape, dtype, dev)
    node.metas = metas


__all__ = [
    "Leaf", "Node", "OutEdge", "Packed", "attach", "backward_name", "edge_of",
    "face_of", "light", "make_node", "meta_entry", "meta_of", "next_seq", "nobody", "packed",
    "record", "split_edge", "titled", "version_of",
]  # fmt: skip
