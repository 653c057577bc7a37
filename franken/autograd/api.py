"""`backward` and `grad`: what users call to run the engine.

Knows the engine and the argument rules of torch.autograd; knows no op but ones and zeros.
Source: https://docs.pytorch.org/docs/stable/autograd.html
"""

from __future__ import annotations

from typing import Any

from franken.autograd.hooks import GradientEdge
from franken.core.linear import zeros
from franken.core.node import edge_of, split_edge
from franken.core.state import STATE
from franken.core.tensor import Tensor
from franken.engine import passes


def _tuple(value: Any) -> tuple[Any, ...]:
    single = value is None or isinstance(value, (Tensor, GradientEdge))
    return (value,) if single else tuple(value)


def _edge(t: Any) -> Any:
    """The edge of a tensor or GradientEdge."""
    if isinstance(t, GradientEdge):
        return t.edge
    if not isinstance(t, Tensor):
        kind = type(t).__name__
        raise RuntimeError(f"all inputs have to be Tensors or GradientEdges, but got {kind}")
    return edge_of(t)


def _root(t: Any, i: int, g: Any, create_graph: bool) -> tuple[Any, Any]:
    if not isinstance(t, GradientEdge) and not isinstance(t, Tensor):
        raise TypeError(f"Expected output to be a torch.Tensor, but got {type(t).__name__}")
    edge = _edge(t)
    if edge is None:
        raise RuntimeError(
            f"element {i} of tensors does not require grad and does not have a grad_fn"
        )
    if isinstance(t, GradientEdge):
        t = _Described(t)
    if g is None:
        return edge, _ones(t)
    if not isinstance(g, Tensor):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
    _check_shape(t, i, g)
    return edge, passes.untracked(create_graph, g if g.dtype is t.dtype else g.to(t.dtype))


class _Described:
    """Shape and dtype of the output at an edge."""

    def __init__(self, edge: GradientEdge) -> None:
        from franken.core.dtypes import from_numpy
        from franken.core.geometry.size import Size

        node, k = split_edge(edge.edge)
        meta = node.metas[k] if node.shape is None else (node.shape, node.dtype, node.device)
        self.shape, self.dtype, self.meta = Size(meta[0]), from_numpy(meta[1]), meta

    def numel(self) -> int:
        """The number of elements."""
        return self.shape.numel()

    def new_ones(self, shape: Any) -> Any:
        """The cotangent of a scalar output."""
        return zeros(*self.meta) + 1


def _ones(t: Any) -> Any:
    if t.numel() != 1:
        raise RuntimeError("grad can be implicitly created only for scalar outputs")
    if t.dtype.is_complex:
        raise RuntimeError(
            f"grad can be implicitly created only for real scalar outputs but got {t.dtype}"
        )
    return t.new_ones(tuple(t.shape))


def _check_shape(t: Any, i: int, g: Tensor) -> None:
    if tuple(g.shape) != tuple(t.shape):
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{i}] has a shape of {g.shape} and output[{i}] has a "
            f"shape of {t.shape}."
        )
    if t.dtype.is_complex != g.dtype.is_complex:
        raise RuntimeError(
            "For complex Tensors, both grad_output and output are required to have the same dtype. "
            f"Mismatch in dtype: grad_output[{i}] has a dtype of {g.dtype} and output[{i}] has a "
            f"dtype of {t.dtype}."
        )


def _roots(outs: tuple[Any, ...], grads: tuple[Any, ...], create: bool) -> list[tuple[Any, Any]]:
    if len(grads) != len(outs):
        raise RuntimeError(f"got {len(outs)} tensors and {len(grads)} gradients")
    return [_root(t, i, g, create) for i, (t, g) in enumerate(zip(outs, grads, strict=True))]


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Accumulate the gradients of `tensors` into the `.grad` of the leaves.

    Args:
        tensors: tensor(s) that require grad.
        grad_tensors: cotangent(s); None for scalars.
        retain_graph: keep saved values for another pass; default: `create_graph`.
        create_graph: record the backward pass itself, for higher derivatives.
        inputs: accumulate only into these.
    """
    if grad_variables is not None:
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to "
                "`backward()`. Please only use `grad_tensors`."
            )
        grad_tensors = grad_variables
    if any(not trace.transparent for trace in STATE.traces):
        raise RuntimeError(
            "backward() called inside a functorch transform. This is not supported, please use "
            "functorch.grad or functorch.vjp instead or call backward() outside of functorch "
            "transforms."
        )
    outs = _tuple(tensors)
    grads = (None,) * len(outs) if grad_tensors is None else _tuple(grad_tensors)
    keep = create_graph if retain_graph is None else retain_graph
    if inputs is None:
        roots = _roots(outs, grads, create_graph)
        passes.run(roots, create_graph=create_graph, retain_graph=keep)
        return
    into = _tuple(inputs)
    if not into:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    for t in into:
        if isinstance(t, Tensor):
            t.retain_grad()
    edges = [_edge(t) for t in into]
    passes.run(
        _roots(outs, grads, create_graph), edges, create_graph=create_graph, retain_graph=keep,
        accumulate=True,
    )  # fmt: skip


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """Return the gradients of `outputs` with respect to `inputs`.

    Args:
        outputs, inputs: tensor(s) of the graph.
        grad_outputs: cotangent(s), with a leading batch dimension if `is_grads_batched`.
        allow_unused: give None, instead of an error, for inputs that were not used.
        materialize_grads: give zeros instead of None.

    >>> import franken as torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> grad((x * x).sum(), x)[0].tolist()
    [2.0, 4.0]
    """
    outs, ins = _tuple(outputs), _tuple(inputs)
    if not ins:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    if allow_unused is False and materialize_grads:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
            "allow_unused=False."
        )
    unused_ok = materialize_grads if allow_unused is None else allow_unused
    grads = (None,) * len(outs) if grad_outputs is None else _tuple(grad_outputs)
    keep = create_graph if retain_graph is None else retain_graph

    def vjp(*cotangents: Any) -> tuple[Any, ...]:
        roots = _roots(outs, cotangents, create_graph)
        edges = [_target(t) for t in ins]
        return tuple(passes.run(roots, edges, create_graph=create_graph, retain_graph=keep))

    got = _batched(vjp, outs, grads) if is_grads_batched else vjp(*grads)
    return tuple([
        g if g is not None else _unused(t, i, unused_ok, materialize_grads, create_graph)
        for i, (t, g) in enumerate(zip(ins, got, strict=True))
    ])  # fmt: skip


def _target(t: Any) -> Any:
    edge = _edge(t)
    if edge is None:
        raise RuntimeError("One of the differentiated Tensors does not require grad")
    return edge


def _batched(vjp: Any, outs: tuple[Any, ...], grads: tuple[Any, ...]) -> tuple[Any, ...]:
    from franken.transforms.batching import run_vmap

    for i, (t, g) in enumerate(zip(outs, grads, strict=True)):
        if isinstance(g, Tensor) and tuple(g.shape[1:]) != tuple(t.shape):
            raise RuntimeError(
                "If `is_grads_batched=True`, we interpret the first dimension of each grad_output "
                "as the batch dimension. The sizes of the remaining dimensions are expected to "
                "match the shape of corresponding output, but a mismatch was detected: "
                f"grad_output[{i}] "
                f"has a shape of {g.shape} and output[{i}] has a shape of {t.shape}. If you only "
                "want some tensors in `grad_output` to be considered batched, consider using vmap."
            )
    in_dims = tuple([0 if isinstance(g, Tensor) else None for g in grads])
    return _tuple(run_vmap(vjp, grads, {}, in_dims, 0, "error", allow_none=True))


def _unused(t: Any, i: int, unused_ok: bool, materialize: bool, create_graph: bool) -> Any:
    if not unused_ok:
        raise RuntimeError(
            f"The differentiated Tensor at index {i} appears to not have been used in the graph. "
            "Set allow_unused=True if this is the desired behavior."
        )
    if not materialize:
        return None
    if isinstance(t, GradientEdge):
        raise RuntimeError(
            "materialize_grads cannot be used when the given input is a GradientEdge"
        )
    return t.new_zeros(tuple(t.shape), requires_grad=create_graph)


__all__ = ["backward", "grad"]
