"""torch.autograd.graph: the recorded graph as users see it.

Collects names; the work is done in `autograd.hooks`, `engine.nodes` and `core.node`.
Source: https://docs.pytorch.org/docs/stable/autograd.html#autograd-graph
"""

from __future__ import annotations

from typing import Any

from franken.autograd.hooks import (
    GradientEdge,
    allow_mutation_on_saved_tensors,
    disable_saved_tensors_hooks,
    get_gradient_edge,
    increment_version,
    register_multi_grad_hook,
    save_on_cpu,
    saved_tensors_hooks,
)
from franken.core.handles import GraphNode, RemovableHandle
from franken.engine.nodes import SavedTensor


class _AnyNode(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, GraphNode)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, GraphNode)


class Node(metaclass=_AnyNode):
    """The type that every node of the graph is an instance of (`isinstance(t.grad_fn, Node)`)."""

    def __new__(cls) -> Any:
        raise TypeError("Can't instantiate abstract class Node: only recording an op makes nodes")


__all__ = [
    "GradientEdge", "Node", "RemovableHandle", "SavedTensor", "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks", "get_gradient_edge", "increment_version",
    "register_multi_grad_hook", "save_on_cpu", "saved_tensors_hooks",
]  # fmt: skip
