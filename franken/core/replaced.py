"""Tensors that were given another memory, or cut from the graph, after nodes had saved them.

A node saves the array of an input and not its tensor. torch saves the tensor, so that what `x.data
= new` or `x.detach_()` does to an input is seen in backward. The few tensors to which that happens
note it in their version counter, which every node that saved them has as well: a table from (the
array, the tensor's edge then) to the array in its place, or None for a tensor that was detached.
"""

from __future__ import annotations

import weakref
from typing import Any

from franken.core.node import Leaf, meta_of
from franken.core.state import INFERENCE
from franken.core.tensor import dress, first_version, held, hold


def note(t: Any, new: Any) -> None:
    """Before `t` gets the memory `new` (None: before it is detached): tell nodes that saved it."""
    ver = t._ver
    now = held(t)
    if ver is None or ver is INFERENCE or new is now:  # nothing has saved it, or nothing changes
        return
    if len(ver) == 2:
        ver.append({})
    table = ver[2]
    for key in [key for key, (old, _) in table.items() if old() is None]:
        del table[key]
    table.pop((id(new), id(t._node)), None)  # it has had that memory before
    table[id(now), id(t._node)] = weakref.ref(now), new
    if new is not None:  # what had been saved of this memory is what it is again
        table.pop((id(new), id(t._node)), None)


def present(node: Any, i: int, value: Any, ver: list[Any]) -> Any:
    """The array that now is that of input `i`, which the node saved as `value`."""
    still, edge = node.plan.prim.still, node.parents[i]
    if still is not None and still(node, i):
        return value
    found = ver[2].get((id(value), id(edge)))
    while found is not None and found[0]() is value:
        value = found[1]
        if value is None:
            raise RuntimeError(
                "Trying to use a saved tensor that has been detached in-place, i.e. with "
                ".detach_().This is not supported, please use out-of-place `.detach()` instead"
            )
        found = ver[2].get((id(value), id(edge)))
    return value


def renew_leaf(t: Any) -> None:
    """A new end of the graph for a leaf; the hooks of the tensor go along. Passes over older graphs
    still end at the former one, which expects gradients of the former kind."""
    before = t._node
    t._node = made = Leaf(t)
    if before.pre is not None:
        made.pre = before.pre
    if before.post_accumulate is not None:
        made.post_accumulate = before.post_accumulate


def take_memory(t: Any, other: Any) -> None:
    """Give `t` the memory of another plain tensor, as `t.data = other` does."""
    array = held(other)
    note(t, array)
    before = meta_of(t)
    hold(t, array)
    t.device = other.device
    dress(t, other._bits)
    if t._ver is None:
        t._ver = first_version(array)
    if type(t._node) is Leaf and meta_of(t) != before:
        renew_leaf(t)
