"""Which nodes a backward pass will run, and in which order.

Knows nodes and their numbers; knows no op.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

from franken.core.handles import GraphNode
from franken.core.node import Leaf, OutEdge, split_edge


def reachable(starts: list[Any]) -> list[Any]:
    """All nodes that the graph of `starts` holds, each once."""
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


def scheduled(roots: list[Any]) -> list[Any]:
    """All nodes of the graph of `roots`; the last of them runs first.

    A node's number grows with time, so decreasing numbers are an order in which every node comes
    after all that use it. Where a user has given other numbers, they choose among those that may
    run next.
    """
    nodes = reachable(roots)
    nodes.sort(key=_seq)
    return _by_number(nodes) if GraphNode.renumbered else nodes


def _seq(node: Any) -> int:
    return node.seq  # type: ignore[no-any-return]


def _by_number(ascending: list[Any]) -> list[Any]:
    uses = dict.fromkeys(ascending, 0)
    for node in ascending:
        for p in node.parents:
            if p is not None:
                uses[split_edge(p)[0]] += 1
    places = {node: -i for i, node in enumerate(ascending)}  # where numbers are equal
    ready = [(-n._sequence_nr(), places[n], n) for n in ascending if not uses[n]]
    heapq.heapify(ready)
    order = []
    while ready:
        node = heapq.heappop(ready)[2]
        order.append(node)
        for p in node.parents:
            if p is None:
                continue
            p = split_edge(p)[0]
            uses[p] -= 1
            if not uses[p]:
                heapq.heappush(ready, (-p._sequence_nr(), places[p], p))
    return order[::-1]


def foresight(r: Any) -> Callable[[Any], bool]:
    """Whether a pass will run the node at an edge, by torch's rules: not for a single root, which
    is where it begins, and not for leaves that it does not accumulate into."""
    awaited = r.needed
    if awaited is None:
        awaited = set(reachable(r.roots))
        if len(r.roots) == 1:
            awaited.discard(r.roots[0])

    def runs(edge: Any) -> bool:
        node, _ = split_edge(edge)
        if node not in awaited:
            return False
        if r.needed is not None and not r.accumulate and type(node) is Leaf:
            raise RuntimeError(
                "A leaf node was passed to _will_engine_execute_node but we are currently running "
                "autograd.grad(). This is currently not supported."
            )
        return True

    return runs
