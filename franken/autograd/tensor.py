"""What a Tensor knows of gradients: requires_grad, grad, grad_fn, backward, hooks, detach.

Attached to Tensor when this module is imported. Knows no op.
"""

from __future__ import annotations

import importlib
import warnings
import weakref
from collections import OrderedDict
from typing import Any

from franken.autograd import grad_mode, hooks
from franken.core import node as _node
from franken.core import replaced, state
from franken.core.handles import RemovableHandle
from franken.core.linear import add
from franken.core.node import Leaf, OutEdge, edge_of, split_edge
from franken.core.op import NAMES
from franken.core.state import INFERENCE, STATE
from franken.core.tensor import Parameter, Tensor, version_of
from franken.core.trace import detached
from franken.engine.nodes import shown


def requires_grad(self: Tensor) -> bool:
    """Whether gradients flow to this tensor."""
    if self._base is not None:  # that may be asked of a view which may not be used any more
        return self._node is not None or self._base._node is not None
    return self._node is not None


def set_requires_grad(self: Tensor, value: bool) -> None:
    """Make this leaf track gradients, or not."""
    edge = edge_of(self)
    if edge is not None and type(edge) is not Leaf:
        if not value:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a "
                "computed variable in a subgraph that doesn't require differentiation use "
                "var_no_grad = var.detach()."
            )
        return
    if not value:
        self._node = None
    elif edge is None:
        if self._ver is INFERENCE and not STATE.inference:
            raise RuntimeError(
                "Setting requires_grad=True on inference tensor outside InferenceMode is not "
                "allowed."
            )
        if not (self.dtype.is_floating_point or self.dtype.is_complex):
            raise RuntimeError(
                "only Tensors of floating point and complex dtype can require gradients"
            )
        self._node = Leaf(self)


def _refuse_inside(message: str) -> None:
    """Raise inside of a transform of torch.func (a level of forward_ad is none)."""
    if any(not trace.transparent for trace in STATE.traces):
        raise RuntimeError(message)


def requires_grad_(self: Tensor, requires_grad: bool = True) -> Tensor:
    """Set `requires_grad` in place; returns the tensor."""
    _refuse_inside(
        "You are attempting to call Tensor.requires_grad_() (or perhaps using "
        "torch.autograd.functional.* APIs) inside of a function being transformed by a functorch "
        "transform. This is unsupported, please attempt to use the functorch transforms (e.g. "
        "grad, vjp, jacrev, jacfwd, hessian) or call requires_grad_() outside of a function being "
        "transformed instead."
    )
    set_requires_grad(self, requires_grad)
    return self


def grad_fn(self: Tensor) -> Any:
    """The node that computed this tensor, or None for a leaf."""
    edge = edge_of(self)
    return None if edge is None or type(edge) is Leaf else shown(split_edge(edge)[0])


def is_leaf(self: Tensor) -> bool:
    """True unless an op that is on the tape computed this tensor."""
    edge = edge_of(self)
    return edge is None or type(edge) is Leaf


def get_grad(self: Tensor) -> Tensor | None:
    """The accumulated gradient, or None."""
    got = getattr(self, "_grad", None)
    if got is None and not is_leaf(self) and not self.level and "retained" not in self.__dict__:
        warnings.warn(
            "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its "
            ".grad attribute won't be populated during autograd.backward(). If you indeed want the "
            ".grad field to be populated for a non-leaf Tensor, use .retain_grad() on the non-leaf "
            "Tensor. If you access the non-leaf Tensor by mistake, make sure you access the leaf "
            "Tensor instead.",
            stacklevel=2,
        )
    return got


def set_grad(self: Tensor, value: Any) -> None:
    """Assign the gradient; it must fit the tensor."""
    if value is not None:
        if not isinstance(value, Tensor):
            raise TypeError(
                f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}"  # noqa: E501
            )
        if value is self:
            raise RuntimeError("can't assign Variable as its own grad")
        if self.foreign and not value.foreign:
            raise RuntimeError(
                "attempting to assign a gradient to a tensor that has data of a different type"
            )
        if tuple(value.shape) != tuple(self.shape):
            raise RuntimeError(
                f"attempting to assign a gradient of size '{list(value.shape)}' to a tensor of "
                f"size '{list(self.shape)}'. Please ensure that the gradient and the tensor are "
                "the same size"
            )
        if value.dtype is not self.dtype:
            raise RuntimeError(
                f"attempting to assign a gradient with dtype '{value.dtype.name}' to a tensor with "
                f"grad_dtype '{self.dtype.scalar_name}'. The gradient must match the tensor's "
                "grad_dtype (defaults to the tensor's dtype)."
            )
        if value.device is not self.device:
            raise RuntimeError(
                f"assigned grad has data located on a different device: expected {self.device}, "
                f"got {value.device}"
            )
    self._grad = value


def backward(
    self: Tensor,
    gradient: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Accumulate the gradients of this tensor into the leaves it was computed from."""
    from franken.autograd.api import backward as run_backward

    run_backward(self, gradient, retain_graph, create_graph, inputs=inputs)


def register_hook(self: Tensor, hook: Any) -> RemovableHandle:
    """Call `hook(grad)` when this tensor's gradient is computed; it may return another one."""
    edge = edge_of(self)
    if edge is None:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    node, index = split_edge(edge)
    return node.hook_outputs("t", index, hook)  # type: ignore[no-any-return]


def register_post_accumulate_grad_hook(self: Tensor, hook: Any) -> RemovableHandle:
    """Call `hook(tensor)` after this leaf's `.grad` was updated."""
    edge = edge_of(self)
    if edge is None:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if type(edge) is not Leaf:
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    if edge.post_accumulate is None:
        edge.post_accumulate = OrderedDict()
    handle = RemovableHandle(edge.post_accumulate)
    edge.post_accumulate[handle.id] = hook
    return handle


def get_hooks(self: Tensor) -> Any:
    """The hooks of this tensor's gradient by number, or None if it never had any."""
    edge = edge_of(self)
    if "hooks" in self.__dict__ or edge is None:
        return self.__dict__.get("hooks")
    node, index = split_edge(edge)
    if node.pre is None:
        return None
    return OrderedDict((key[2], h) for key, h in node.pre.items() if key[:2] == ("t", index))


def set_hooks(self: Tensor, hooks: Any) -> None:
    """Put other hooks in their place, or none. As in torch, only a leaf's are then called."""
    edge = edge_of(self)
    self.__dict__.pop("hooks", None)
    if hooks is None or type(edge) is Leaf:
        for number in get_hooks(self) or ():
            node, index = split_edge(edge)
            del node.pre["t", index, number]
    if hooks is None:
        return
    self.__dict__["hooks"] = hooks
    if type(edge) is Leaf:
        register_hook(self, lambda g: _through(hooks, g))


def _through(hooks: Any, g: Any) -> Any:
    for hook in list(hooks.values()):
        got = hook(g)
        g = g if got is None else got
    return g


def get_post_hooks(self: Tensor) -> Any:
    """The hooks after accumulation by number, or None if there never were any."""
    edge = edge_of(self)
    return edge.post_accumulate if type(edge) is Leaf else None


def set_node(self: Tensor, value: Any) -> None:
    """Cut the tensor from the graph: only None may be set."""
    if value is not None:
        raise RuntimeError("_grad_fn can be only set to None")
    detach_(self)


def retain_grad(self: Tensor) -> None:
    """Let `.grad` be populated on this non-leaf tensor."""
    edge = edge_of(self)
    if edge is None:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    _refuse_inside(
        "You are attempting to call Tensor.retain_grad() inside of a function being transformed "
        "by a functorch transform. This is unsupported, please attempt to use the functorch "
        "transforms (e.g. grad, vjp, jacrev, jacfwd, hessian) or call retain_grad() outside of a "
        "function being transformed instead."
    )
    if type(edge) is Leaf or self.__dict__.get("retained"):
        return
    self.__dict__["retained"] = True
    ref = weakref.ref(self)
    node, index = split_edge(edge)

    def keep(g: Any) -> None:
        t = ref()
        if t is not None:
            have = getattr(t, "_grad", None)
            t._grad = g if have is None else add(have, g)

    node.hook_outputs("r", index, keep, id(self))


def retains_grad(self: Tensor) -> bool:
    """Whether this non-leaf tensor keeps its gradient."""
    return not is_leaf(self) and bool(self.__dict__.get("retained"))


def detach(self: Tensor) -> Tensor:
    """The same memory outside of the graph; in-place changes are noticed on both sides."""
    if state.SPECIAL or self.foreign or self._bits:
        return detached(self)  # type: ignore[no-any-return]
    t = _node._light(self._a, self.device, None)
    t._ver = version_of(self)
    return t


def detach_(self: Tensor) -> Tensor:
    """Cut this tensor from the graph in place; inside a transform, from that of its level."""
    if self._base is not None or hasattr(self, "bdim") or self.__dict__.get("given"):
        raise RuntimeError(
            "Can't detach views in-place. Use detach() instead. If you are using "
            "DistributedDataParallel (DDP) for training, and gradient_as_bucket_view is set as "
            "True, gradients are views of DDP buckets, and hence detach_() cannot be called on "
            "these gradients. To fix this error, please refer to the Optimizer.zero_grad() "
            "function in torch/optim/optimizer.py as a solution."
        )
    if self._node is not None and type(self._node) is not Leaf and not self.level:
        replaced.note(self, None)
    self._node = None
    if "tangent" in self.__dict__:
        self.__dict__["tangent"] = None
    return self


def get_data(self: Any) -> Any:
    """The same memory outside of the graph, with a version of its own (prefer detach()).

    Inside a transform only the history of its level is cut, as in torch.
    """
    if hasattr(self, "bdim"):
        raise RuntimeError("accessing `data` under vmap transform is not allowed")
    if self.level:
        return self.twin(None)
    if self.foreign:
        return self.alone()
    t = _node._light(self._a, self.device, None) if not self._bits else _node.light(self)
    if self._ver is INFERENCE:
        t._ver = INFERENCE
    return t


def set_data(self: Tensor, value: Tensor) -> None:
    """Replace the memory, for graphs recorded earlier too; the version stays."""
    if not isinstance(value, Tensor):
        raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
    if self.requires_grad and not (value.dtype.is_floating_point or value.dtype.is_complex):
        raise RuntimeError(
            "data set to a tensor that requires gradients must be floating point or complex dtype"
        )
    if self.level:
        where = "under vmap" if hasattr(self, "bdim") else "inside functorch"
        raise RuntimeError(f"mutating directly with `.data` {where} transform is not allowed.")
    replaced.take_memory(self, value)


def get_version(self: Tensor) -> int:
    """How often the memory was changed in place."""
    if self._ver is INFERENCE:
        raise RuntimeError("Inference tensors do not track version counter.")
    return 0 if self._ver is None else int(self._ver[0])


def is_view(self: Tensor) -> bool:
    """Whether this tensor is a differentiable view of another."""
    return self._base is not None


def output_nr(self: Tensor) -> int:
    """Which output of its node this tensor is."""
    edge = edge_of(self)
    return edge.index if type(edge) is OutEdge else 0


def get_provenance(self: Tensor) -> Any:
    """Which ops and lines made this gradient (a Provenance), or None for other tensors."""
    if "_runs" not in self.__dict__:
        return None
    from franken.autograd.provenance import provenance

    return provenance(self)


def _keep_data(self: Tensor) -> None:
    raise RuntimeError("Deleting tensor data is not allowed. Delete tensor instead!")


def _keep_node(self: Tensor) -> None:
    raise RuntimeError("Deletion of _grad_fn not allowed. Detach tensor instead!")


def _keep_hooks(self: Tensor) -> None:
    raise RuntimeError("Deletion of _backwards_hooks not allowed!")


def _keep_flag(self: Tensor) -> None:
    raise RuntimeError("requires_grad must be a bool")


_PROPERTIES = {
    "provenance": property(get_provenance),
    "requires_grad": property(requires_grad, set_requires_grad, _keep_flag),
    "grad": property(get_grad, set_grad, lambda self: set_grad(self, None)),
    "grad_fn": property(grad_fn),
    "_grad_fn": property(grad_fn, set_node, _keep_node),
    "_backward_hooks": property(get_hooks, set_hooks, _keep_hooks),
    "_post_accumulate_grad_hooks": property(get_post_hooks),
    "is_leaf": property(is_leaf),
    "retains_grad": property(retains_grad),
    "data": property(get_data, set_data, _keep_data),
    "_version": property(get_version),
    "output_nr": property(output_nr),
}
_METHODS = (requires_grad_, backward, register_hook, register_post_accumulate_grad_hook,
            retain_grad, detach, detach_)  # fmt: skip

# Top-level names whose modules are loaded at their first call.
_LATE = {
    "is_anomaly_enabled": "autograd.anomaly", "set_anomaly_enabled": "autograd.anomaly",
    "is_anomaly_check_nan_enabled": "autograd.anomaly", "vmap": "transforms.api",
}  # fmt: skip


def _late(module: str, name: str) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(importlib.import_module(f"franken.{module}"), name)(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    return call


NAMES.setdefault("torch", {}).update({n: _late(module, n) for n, module in _LATE.items()})

setattr(Tensor, "_is_view", is_view)  # noqa: B010 - to the checker it is a method already
for _key, _value in _PROPERTIES.items():
    setattr(Tensor, _key, _value)
for _method in _METHODS:
    setattr(Tensor, _method.__name__, _method)

__all__ = ["Parameter", "RemovableHandle", "grad_mode", "hooks"]
