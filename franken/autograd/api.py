"""`backward` and `grad`: what users call to run the engine.

Knows the engine and the argument rules of torch.autograd; knows no op but ones.
Source: https://docs.pytorch.org/docs/stable/autograd.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from franken.autograd import engine
from franken.core.node import Leaf, edge_of
from franken.core.tensor import Tensor


def _tuple(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, Tensor) or value is None else tuple(value)


def _root(t: Tensor, i: int, g: Any) -> tuple[Any, Any]:
    edge = edge_of(t)
    if edge is None:
        raise RuntimeError(
            f"element {i} of tensors does not require grad and does not have a grad_fn"
        )
    if g is None:
        if t.numel() != 1:  # type: ignore[attr-defined]
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        if t.dtype.is_complex:
            raise RuntimeError(
                f"grad can be implicitly created only for real scalar outputs but got {t.dtype}"
            )
        return edge, t.new_ones(tuple(t.shape))  # type: ignore[attr-defined]
    if not isinstance(g, Tensor):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
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
    return edge, g if g.dtype is t.dtype else g.to(t.dtype)  # type: ignore[attr-defined]


def _roots(tensors: tuple[Any, ...], grads: tuple[Any, ...]) -> list[tuple[Any, Any]]:
    if len(grads) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(grads)} gradients")
    return [_root(t, i, g) for i, (t, g) in enumerate(zip(tensors, grads, strict=True))]


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
    outs = _tuple(tensors)
    grads = (None,) * len(outs) if grad_tensors is None else _tuple(grad_tensors)
    keep = create_graph if retain_graph is None else retain_graph
    if inputs is None:
        engine.run(_roots(outs, grads), create_graph=create_graph, retain_graph=keep)
        return
    into = _tuple(inputs)
    if not into:
        raise RuntimeError("'inputs' argument to backward cannot be empty.")
    edges = [_target(t) for t in into]
    got = engine.run(_roots(outs, grads), edges, create_graph=create_graph, retain_graph=keep)
    for t, g in zip(into, got, strict=True):
        if g is not None:
            have = getattr(t, "_grad", None)
            t._grad = (g if create_graph else engine._own(g)) if have is None else have + g
            t.__dict__.setdefault("retained", True)


def _target(t: Tensor) -> Any:
    edge = edge_of(t)
    if edge is None:
        raise RuntimeError("One of the differentiated Tensors does not require grad")
    return edge


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
) -> tuple[Any, ...]:
    """Return the gradients of `outputs` with respect to `inputs`.

    Args:
        outputs, inputs: tensor(s) of the graph.
        grad_outputs: cotangent(s), with a leading batch dimension if `is_grads_batched`.
        allow_unused: give None, instead of an error, for inputs that were not used.
        materialize_grads: give zeros instead of None.
    """
    outs, ins = _tuple(outputs), _tuple(inputs)
    if not ins:
        raise ValueError("grad requires non-empty inputs.")
    if allow_unused is False and materialize_grads:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False.")  # noqa: E501
    unused_ok = materialize_grads if allow_unused is None else allow_unused
    grads = (None,) * len(outs) if grad_outputs is None else _tuple(grad_outputs)
    keep = create_graph if retain_graph is None else retain_graph
    edges = [_target(t) for t in ins]

    def vjp(cotangents: Sequence[Any]) -> tuple[Any, ...]:
        roots = _roots(outs, tuple(cotangents))
        return tuple(engine.run(roots, edges, create_graph=create_graph, retain_graph=keep))

    if is_grads_batched:
        from franken.transforms.api import vmap

        got = vmap(lambda *c: vjp(c), allow_none_pass_through=True)(*grads)
        got = _tuple(got)
    else:
        got = vjp(grads)
    return tuple(_checked(t, g, unused_ok, materialize_grads) for t, g in zip(ins, got, strict=True))


def _checked(t: Tensor, g: Any, unused_ok: bool, materialize: bool) -> Any:
    if g is None:
        if not unused_ok:
            raise RuntimeError(
                "One of the differentiated Tensors appears to not have been used in the graph. Set "
                "allow_unused=True if this is the desired behavior."
            )
        return t.new_zeros(tuple(t.shape)) if materialize else None  # type: ignore[attr-defined]
    return g


__all__ = ["Leaf", "backward", "grad"]
