"""The public transforms of `franken.func`: grad, vjp, jvp, vmap and what is made of them.

Names, argument order and errors follow torch.func. Knows no op.
Source: https://docs.pytorch.org/docs/stable/func.api.html
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from franken.core.geometry.size import Size
from franken.core.node import Leaf, edge_of
from franken.core.pytree import tree_flatten, tree_map, tree_unflatten
from franken.core.tensor import Tensor
from franken.engine import passes
from franken.transforms.batching import run_vmap
from franken.transforms.grad import GradTrace
from franken.transforms.jvp import JvpTrace
from franken.transforms.pushed import check_tangent, zeros_like

Function = Callable[..., Any]


def lift_tree(trace: Any, tree: Any) -> Any:
    """A tree with its tensors as values of the trace."""
    return tree_map(lambda x: trace.constant(x) if isinstance(x, Tensor) else x, tree)


def _require_grad(tree: Any) -> list[Any]:
    """Make the lifted tensors leaves of their level; returns them."""
    leaves = tree_flatten(tree)[0]
    for t in leaves:
        _check_input(t)
        if not (t.dtype.is_floating_point or t.dtype.is_complex):
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        t._node = Leaf(t)
    return leaves


def lower_aux(tree: Any, trace: Any) -> Any:
    """A tree of auxiliary results, which are tensors, without this trace's wrapper."""
    for x in tree_flatten(tree)[0]:
        if not isinstance(x, Tensor):
            raise RuntimeError(f"Expected tensors, got unsupported type {type(x)}")
    return lower_tree(tree, trace)


def lower_tree(tree: Any, trace: Any) -> Any:
    """A tree of values without this trace's wrapper."""
    return tree_map(trace.lower, tree)


def check_tensors(tree: Any, who: str) -> None:
    """RuntimeError unless every leaf of what a function returned is a tensor, and there is one."""
    leaves = tree_flatten(tree)[0]
    if all(o is None for o in leaves):
        raise RuntimeError(
            f"{who}: Expected f to be a function that has non-empty output (got output = {leaves})"
        )
    for o in leaves:
        if not isinstance(o, Tensor):
            raise RuntimeError(
                f"{who}: expected f(*primals) to return only tensors, got unsupported type "
                f"{type(o)}"
            )


def _check_input(x: Any) -> None:
    if not isinstance(x, Tensor):
        raise ValueError(f"Thing passed to transform API must be Tensor, got {type(x)}")


def vjp(func: Function, *primals: Any, has_aux: bool = False) -> Any:
    """Return `func(*primals)` and the function that maps its cotangent to the primals'.

    With `has_aux`, func returns (output, aux) and the result is (output, vjp_fn, aux).

    >>> import franken as torch
    >>> out, back = vjp(torch.sin, torch.tensor([0.0]))
    >>> back(torch.tensor([3.0]))[0].tolist()
    [3.0]
    """
    with GradTrace() as trace:
        lifted = lift_tree(trace, primals)
        leaves = _require_grad(lifted)
        out = func(*lifted)
        aux = None
        if has_aux:
            out, aux = split_aux(out, "vjp(f, *primals)")
        check_tensors(out, "vjp(f, *primals)")
        flat, spec = tree_flatten(out)
        _check_inexact(flat)
        edges = [edge_of(o) if trace.owns(o) else None for o in flat]
        outs = lower_tree(out, trace)
        aux = lower_aux(aux, trace) if has_aux else None
    back = _Pullback(edges, flat, spec, leaves, tree_flatten(primals)[1])
    return (outs, back, aux) if has_aux else (outs, back)


def _check_inexact(outs: list[Any]) -> None:
    for o in outs:
        if not (o.dtype.is_floating_point or o.dtype.is_complex):
            raise RuntimeError(
                "vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got "
                f"Tensor with dtype {o.dtype}"
            )


class _Pullback:
    """Maps cotangents of a function's outputs to those of its inputs."""

    def __init__(self, edges: Any, flat: Any, spec: Any, leaves: Any, in_spec: Any) -> None:
        self.edges, self.spec = edges, spec
        self.shapes, self.dtypes = [tuple(o.shape) for o in flat], [o.dtype for o in flat]
        self.leaves, self.in_spec = leaves, in_spec

    def __call__(self, cotangents: Any, retain_graph: bool = True, create_graph: Any = None) -> Any:
        flat, spec = tree_flatten(cotangents)
        if spec != self.spec:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of "
                f"outputs to the function. cotangents: {spec}, primal output: {self.spec}"
            )
        for i, (c, shape) in enumerate(zip(flat, self.shapes, strict=True)):
            if tuple(c.shape) != shape:
                raise RuntimeError(
                    f"Mismatch in shape: grad_output[{i}] has a shape of {c.shape} and output[{i}] "
                    f"has a shape of {Size(shape)}."
                )
        got = self.reached(flat, retain_graph)
        grads = [_or_zero(g, t) for g, t in zip(got, self.leaves, strict=True)]
        return tree_unflatten(grads, self.in_spec)

    def reached(self, cotangents: list[Any], retain_graph: bool = True) -> list[Any]:
        """The leaves' cotangents, None where the outputs with a cotangent do not depend on one."""
        roots = [
            (e, c if c.dtype is d else c.to(d))
            for e, c, d in zip(self.edges, cotangents, self.dtypes, strict=True)
            if e is not None and c is not None
        ]
        targets = [t._node for t in self.leaves]
        if not roots:
            return [None] * len(targets)
        return passes.run(roots, targets, create_graph=None, retain_graph=retain_graph)


def _or_zero(g: Any, leaf: Any) -> Any:
    return leaf._a.new_zeros(tuple(leaf.shape)) if g is None else g


def split_aux(out: Any, who: str) -> tuple[Any, Any]:
    """(output, aux) of a function that was said to return both."""
    if not (isinstance(out, tuple) and len(out) == 2):
        raise RuntimeError(
            f"{who}: output of function f should be a tuple: (output, aux) if has_aux is True"
        )
    return out


def positions(argnums: Any, count: int) -> tuple[int, ...]:
    """The places in the arguments that `argnums` names, as given but checked."""
    if not isinstance(argnums, (int, tuple)):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    if argnums == ():
        raise RuntimeError("argnums must be non-empty")
    places = (argnums,) if isinstance(argnums, int) else argnums
    for p in places:
        if not isinstance(p, int):
            raise RuntimeError(f"argnum must be int, got: {type(p)}")
        if not -count <= p < count:
            raise RuntimeError(f"Got argnum={p}, but only {count} positional inputs")
    places = tuple([p % count for p in places])
    if len(set(places)) != len(places):
        raise RuntimeError(f"argnums elements must be unique, got {places}")
    return places


def grad_and_value(func: Function, argnums: Any = 0, has_aux: bool = False) -> Function:
    """Return a function that computes (gradient, value) of a scalar function."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        places = positions(argnums, len(args))
        with GradTrace() as trace:
            call, named = lift_tree(trace, (args, kwargs))
            lifted = [(tree_flatten(args[p])[1], _require_grad(call[p])) for p in places]
            out = func(*call, **named)
            aux = None
            if has_aux:
                out, aux = split_aux(out, "grad_and_value(f)(*args)")
            _check_scalar(out)
            edge = edge_of(out) if trace.owns(out) else None
            value, aux = trace.lower(out), lower_aux(aux, trace) if has_aux else None
        grads = _grads_of(edge, value, lifted)
        result = grads[0] if isinstance(argnums, int) else tuple(grads)
        return (result, (value, aux)) if has_aux else (result, value)

    return wrapper


def _check_scalar(out: Any) -> None:
    if not isinstance(out, Tensor):
        raise RuntimeError(
            f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got {type(out)}"
        )
    if out.dtype.is_complex and out.ndim == 0:
        raise RuntimeError(
            f"grad can be implicitly created only for real scalar outputs but got {out.dtype}"
        )
    if out.ndim != 0:
        raise RuntimeError(
            "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor "
            f"with {out.ndim} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
        )


def _grads_of(edge: Any, value: Any, lifted: list[Any]) -> list[Any]:
    targets = [t._node for _, leaves in lifted for t in leaves]
    if edge is None:
        got: list[Any] = [None] * len(targets)
    else:
        got = passes.run([(edge, value.new_ones(()))], targets, create_graph=None)
    each = iter(got)
    return [
        tree_unflatten([_or_zero(next(each), t) for t in leaves], spec) for spec, leaves in lifted
    ]


def grad(func: Function, argnums: Any = 0, has_aux: bool = False) -> Function:
    """Return a function that computes the gradient of a scalar function.

    >>> import franken as torch
    >>> grad(grad(lambda x: x * x * x))(torch.tensor(2.0)).item()
    12.0
    """

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        g, value = grad_and_value(func, argnums, has_aux)(*args, **kwargs)
        return (g, value[1]) if has_aux else g

    return wrapper


def jvp(
    func: Function, primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False
) -> Any:
    """Return `func(*primals)` and its derivative along `tangents`.

    >>> import franken as torch
    >>> value, slope = jvp(torch.exp, (torch.tensor(0.0),), (torch.tensor(2.0),))
    >>> value.item(), slope.item()
    (1.0, 2.0)
    """
    flat_p, flat_t, spec = _checked_tangents(primals, tangents)
    duals = [p.view_as(p) for p in flat_p]  # as torch's dual tensors: views of what was given
    with JvpTrace() as trace:
        lifted = [trace.make(p, t) for p, t in zip(duals, flat_t, strict=True)]
        out = func(*tree_unflatten(lifted, spec))
        aux = None
        if has_aux:
            out, aux = split_aux(out, "jvp(f, primals, tangents)")
        check_tensors(out, "jvp(f, primals, tangents)")
        flat, out_spec = tree_flatten(out)
        values = [trace.lower(o) for o in flat]
        slopes = [_tangent(o, trace, strict) for o in flat]
        aux = lower_aux(aux, trace) if has_aux else None
    result = (tree_unflatten(values, out_spec), tree_unflatten(slopes, out_spec))
    return (*result, aux) if has_aux else result


def _checked_tangents(primals: Any, tangents: Any) -> tuple[list[Any], list[Any], Any]:
    who = "jvp(f, primals, tangents)"
    if not isinstance(primals, tuple):
        raise RuntimeError(
            f"{who}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."
        )
    flat_p, spec = tree_flatten(primals)
    flat_t, t_spec = tree_flatten(tangents)
    if spec != t_spec:
        raise RuntimeError(
            f"{who}: Expected primals and tangents to have the same python structure. For example, "
            "if primals is a tuple of 3 tensors, tangents also must be. Got primals with structure "
            f"{spec} and tangents with structure {t_spec}"
        )
    if not flat_p:
        raise RuntimeError(f"{who}: Expected primals to contain at least one Tensor.")
    for name, flat in (("primals", flat_p), ("tangents", flat_t)):
        for x in flat:
            if not isinstance(x, Tensor):
                raise RuntimeError(f"{who}: Expected {name} to only contain Tensors, got {type(x)}")
    for p, t in zip(flat_p, flat_t, strict=True):
        if not (p.dtype.is_floating_point or p.dtype.is_complex):
            raise ValueError(f"Expected primal to be floating point or complex, but got: {p.dtype}")
        check_tangent(p, t)
    return flat_p, flat_t, spec


def _tangent(o: Any, trace: JvpTrace, strict: bool) -> Any:
    tangent = trace.tangent_of(o)
    if tangent is not None:
        return tangent
    if strict:
        raise RuntimeError(
            "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. "
            "This is not allowed with strict=True."
        )
    return trace.beneath(zeros_like, trace.lower(o))


def vmap(
    func: Function,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Function:
    """Return a function that maps `func` over a dimension of its inputs.

    >>> import franken as torch
    >>> vmap(lambda a, b: (a * b).sum())(
    ...     torch.ones(2, 3), torch.ones(2, 3)).tolist()
    [3.0, 3.0]

    Args:
        in_dims, out_dims: the mapped dimension of each input and output (None: not mapped).
        randomness: "error", "different" or "same", for random ops in `func`.
        chunk_size: at most so many examples at once.
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(
            "Only allowed values for randomness are 'error', 'different', or 'same'. Got "
            f"{randomness}"
        )
    if chunk_size is not None and not chunk_size > 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return run_vmap(func, args, kwargs, in_dims, out_dims, randomness, chunk_size)

    functools.update_wrapper(wrapper, func, updated=())
    return wrapper


__all__ = ["grad", "grad_and_value", "jvp", "vjp", "vmap"]
