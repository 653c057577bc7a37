"""Nodes as users see them: a class for each backward function, made when a node is first shown.

`type(t.grad_fn)` is named as in torch, and has a `_saved_*` attribute for everything that the op's
rules may keep. The tape itself records plain Nodes; showing one gives it the class of its name,
which costs an op nothing.
"""

from __future__ import annotations

from typing import Any

from franken.core.node import Leaf, Node, Packed, nobody, packed, split_edge
from franken.core.state import STATE
from franken.core.tensor import Tensor
from franken.engine import passes as engine

_CLASSES: dict[Any, type] = {}
# torch's names of the inputs that the primitives call otherwise.
_WORDS = {"x": "self", "y": "other", "w": "weight", "b": "bias"}
_SUFFIX = {"s": "_sym_sizes", "d": "_options", "S": "_sizes", "D": "_dtypes"}


def shown(node: Any) -> Any:
    """The node, with the class that its name asks for."""
    if type(node) is Node:
        key = (node.name(), node.plan.prim)
        found = _CLASSES.get(key)
        if found is None:
            found = _CLASSES[key] = _class_of(*key, node.params)
        node.__class__ = found
    return node


def edges(node: Any) -> tuple[tuple[Any, int], ...]:
    """A node's outgoing edges as torch shows them: (node or None, output number) pairs."""
    pairs = [split_edge(p) for p in node.parents]
    unseen = [type(n) is Leaf and n.ref is nobody for n, _ in pairs]
    return tuple([(None if u else shown(n), i) for (n, i), u in zip(pairs, unseen, strict=True)])


class Shown(Node):
    """What the classes of shown nodes share."""

    __slots__ = ()

    def __new__(cls, *args: Any) -> Any:
        raise TypeError(f"cannot create '{cls.__name__}' instances")

    next_functions = property(edges)

    def __call__(self, *grads: Any) -> Any:
        """Run the node on cotangents of its outputs; the cotangents of its inputs."""
        single = self.shape is not None
        # outputs that have a derivative
        places = [0] if single else [k for k, m in enumerate(self.metas) if m is not None]
        if len(grads) != len(places):
            raise TypeError(f"expected {len(places)} arguments, got {len(grads)} instead")
        for i, g in enumerate(grads):
            if g is not None and not isinstance(g, Tensor):
                raise TypeError(f"argument {i} is not a Variable")
        given = {k: g for k, g in zip(places, grads, strict=True) if g is not None}
        if not given:
            return (None,) * len(self.parents) if len(self.parents) > 1 else None
        r = engine.Run(STATE.grad, True, False)
        got = engine.apply_vjp(r, self, given[0] if single else given)
        return tuple(got) if len(got) > 1 else got[0]


class SavedTensor:
    """A tensor that a node keeps for its rules; hooks may be put on it before backward."""

    def __init__(self, *_: Any) -> None:
        raise RuntimeError("Trying to create a SavedTensor object from Python is forbidden.")

    @staticmethod
    def of(node: Any, place: int) -> SavedTensor:
        """The saved tensor that is entry `place` of a node."""
        made: SavedTensor = object.__new__(SavedTensor)
        made._node, made._place = node, place
        return made

    _node: Any
    _place: int

    def register_hooks(self, pack_hook: Any, unpack_hook: Any) -> None:
        """Put the saved tensor through `pack_hook` now and `unpack_hook` when it is used."""
        _check_hooks(pack_hook, unpack_hook)
        node, k = self._node, 3 * self._place
        if node.saved is None:
            raise RuntimeError(
                "Calling register_hooks on a saved tensor after it has been freed. Saved "
                "intermediate values of the graph are freed when you call .backward() or "
                "autograd.grad(). Specify retain_graph=True if you need to backward through the "
                "graph a second time or if you need to access saved variables after calling "
                "backward."
            )
        if type(node.saved[k]) is Packed:
            raise RuntimeError(
                "Calling register_hooks on a saved tensor whose hooks have already been set. "
                "Hint: only one pair of hooks is allowed at a time."
            )
        if not _is_data(node, self._place):
            raise RuntimeError(
                "Calling register_hooks on a saved tensor with value None is forbidden"
            )
        value = engine.unpack(node, True)[self._place]
        node.saved[k] = packed(pack_hook, unpack_hook, value)
        node.saved[k + 1] = None


def _check_hooks(*hooks: Any) -> None:
    if not all(map(callable, hooks)):
        names = ", ".join([f"{i + 1}: {type(h).__name__}" for i, h in enumerate(hooks)])
        raise TypeError(
            "register_hooks(): incompatible function arguments: two functions are needed, not "
            f"{names}"
        )


def _is_data(node: Any, place: int) -> bool:
    value = node.saved[3 * place]
    return node.saved[3 * place + 1] is not None or isinstance(value, Tensor)


# --- the classes ---------------------------------------------------------------------------------


def _class_of(name: str, prim: Any, params: Any) -> type:
    """A class for the nodes of one backward function of one primitive."""
    members: dict[str, Any] = {"__slots__": (), "__module__": "builtins"}
    members |= {f"_saved_{param}": _parameter(param) for param in params}
    full = prim.plan_of_all()
    for entry in full.entries if full is not None else ():
        if entry[0] == "l":  # torch has the inputs themselves
            continue
        for word, number in _words(prim, entry):
            members[f"_saved_{word}"] = _saved(entry, number)
            if entry[0] in "xo":
                members[f"_raw_saved_{word}"] = _raw(entry)
    return type(name.rpartition(":")[2], (Shown,), members)


def _words(prim: Any, entry: tuple[str, int]) -> list[tuple[str, int | None]]:
    """torch's name(s) of an entry, each with the place in a tuple that it names (or None)."""
    kind, i = entry
    if kind == "o":
        if i >= 0:
            return [("result" if prim.outputs == 1 else f"result{i}", None)]
        return [(f"result{k}", k) for k in range(prim.outputs)]
    if kind in "ASD":
        return [("tensors" + _SUFFIX.get(kind, ""), None)]
    word = prim.words[i]
    return [(_WORDS.get(word, word) + _SUFFIX.get(kind, ""), None)]


def _parameter(name: str) -> property:
    return property(lambda node: node.params.get(name))


def _saved(entry: tuple[str, int], number: int | None) -> property:
    def read(node: Node) -> Any:
        if entry not in node.plan.entries:
            return None  # for other inputs than those that require grad
        value = engine.unpack(node, True)[node.plan.entries.index(entry)]
        if entry[0] == "x" and type(node.parents[entry[1]]) is Leaf:
            leaf = node.parents[entry[1]].variable
            if leaf is not None and leaf._a is value._a:
                return leaf
        return value if number is None else value[number]

    return property(read)


def _raw(entry: tuple[str, int]) -> property:
    def read(node: Node) -> Any:
        place = node.plan.entries.index(entry) if entry in node.plan.entries else None
        return None if place is None else SavedTensor.of(node, place)

    return property(read)


__all__ = ["SavedTensor", "Shown", "edges", "shown"]
