"""What a gradient remembers of the nodes it came through, where these hold more than that.

A node holds its hooks, a custom function's context, and under retain_graph the saved tensors: a
gradient that kept it would keep all that they refer to, often the very module whose parameter it
belongs to. Knows nodes; knows no op.
"""

from __future__ import annotations

from typing import Any

from franken.core.node import Leaf, Node, split_edge


class Skeleton:
    """An executed node without anything that a user could have put on it.

    `parents` are the skeletons that its cotangents went to, and the numbers of leaves.
    """

    __slots__ = ("device", "fn", "parents", "pos", "prim", "title")

    def __init__(self, node: Any) -> None:
        plain = isinstance(node, Node)
        self.prim: Any = node.prim if plain else None
        self.fn: Any = None if plain else node.fn
        self.title, self.pos, self.device = node.name(), node.pos, node.device
        self.parents: list[Any] = []

    @property
    def op(self) -> str:
        """The primitive's name (or the custom function's)."""
        return self.prim.name if self.prim is not None else str(self.fn.__name__)

    @property
    def kernel(self) -> Any:
        """The function that computed the forward op."""
        return self.fn.forward if self.prim is None else self.prim.kernel_for(self.device)


def skeletons(order: list[Any]) -> list[Any]:
    """The skeletons of a pass' nodes, in their order; themselves if they are that already."""
    if order and type(order[0]) is Skeleton:
        return order
    made = {node: Skeleton(node) for node in order}
    for node, skeleton in made.items():
        for edge in node.parents:
            parent = None if edge is None else split_edge(edge)[0]
            known = parent.seq if type(parent) is Leaf else made.get(parent)
            if known is not None:
                skeleton.parents.append(known)
    return list(made.values())
