"""The public transforms of `franken.func`: grad, vjp, jvp, vmap and what is made of them.

Names, argument order and errors follow torch.func. Knows no op.
Source: https://docs.pytorch.org/docs/stable/func.api.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from franken.autograd import engine
from franken.core.node import Leaf
from franken.core.pytree import tree_flatten, tree_unflatten
from franken.core.tensor import Tensor
from franken.transforms.grad import GradTrace, GradTracer
from franken.transforms.jvp import JvpTrace, JvpTracer
from franken.transforms.vmap import BatchTrace, BatchTracer

Function = Callable[..., Any]


def _lift_leaves(trace: GradTrace, tree: Any) -> tuple[Any, list[Any]]:
    leaves, spec = tree_flatten(tree)
    lifted = []
    for leaf in leaves:
        if isinstance(leaf, Tensor):
            t = GradTracer(leaf, trace)
            t._node = Leaf(t)
            leaf = t
        lifted.append(leaf)
    return tree_unflatten(lifted, spec), lifted


def lower(value: Any, trace: Any) -> Any:
    """A value without this trace's wrapper."""
    if isinstance(value, Tensor) and value.level == trace.level:
        return value._a
    return value


def _lower_tree(tree: Any, trace: Any) -> Any:
    leaves, spec = tree_flatten(tree)
    return tree_unflatten([lower(x, trace) for x in leaves], spec)


def vjp(func: Function, *primals: Any, has_aux: bool = False) -> Any:
    """Return `func(*primals)` and the function that maps its cotangent to the primals'.

    With `has_aux`, func returns (output, aux) and the result is (output, vjp_fn, aux).
    """
    with GradTrace() as trace:
        lifted, leaves = _lift_leaves(trace, primals)
        out = func(*lifted)
        aux = None
        if has_aux:
            out, aux = _split_aux(out)
        flat, spec = tree_flatten(out)
        for o in flat:
            if not isinstance(o, Tensor):
                raise RuntimeError(
                    f"vjp(f, *primals): Expected f to be a function that has non-empty output, got "
                    f"output of type {type(o).__name__}; all outputs must be Tensors"
                )
    edges = [o._node if o.level == trace.level else None for o in flat]
    targets = [leaf._node for leaf in leaves if isinstance(leaf, Tensor)]
    _, in_spec = tree_flatten(primals)
    n_args = len(primals)

    def vjp_fn(*cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        tree = cotangents[0] if len(cotangents) == 1 else cotangents
        flat_c, c_spec = tree_flatten(tree)
        if len(flat_c) != len(flat):
            raise RuntimeError(
                f"Expected pytree structure of cotangents to be the same as pytree structure of "
                f"outputs to the function. cotangents: {c_spec}, primal output: {spec}"
            )
        roots = [(e, c) for e, c in zip(edges, flat_c, strict=True) if e is not None]
        got = engine.run(roots, targets, retain_graph=retain_graph) if roots else [None] * len(targets)
        grads = iter(got)
        result = [
            _or_zero(next(grads), leaf) if isinstance(leaf, Tensor) else leaf for leaf in leaves
        ]
        tree_out = tree_unflatten(result, in_spec)
        return tree_out[0] if n_args == 1 and False else tree_out

    outs = _lower_tree(out, trace)
    if has_aux:
        return outs, vjp_fn, _lower_tree(aux, trace)
    return outs, vjp_fn


def _or_zero(g: Any, leaf: Any) -> Any:
    return leaf._a.new_zeros(tuple(leaf.shape)) if g is None else g


def _split_aux(out: Any) -> tuple[Any, Any]:
    if not (isinstance(out, tuple) and len(out) == 2):
        raise RuntimeError(
            "output of function f should be a tuple: (output, aux) if has_aux is True"
        )
    return out


def grad_and_value(func: Function, argnums: Any = 0, has_aux: bool = False) -> Function:
    """Return a function that computes (gradient, value) of a scalar function."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        for p in positions:
            if not -len(args) <= p < len(args):
                raise RuntimeError(f"Got argnum={p}, but only {len(args)} positional inputs")
        with GradTrace() as trace:
            call = list(args)
            lifted = []
            for p in positions:
                call[p], leaves = _lift_leaves(trace, args[p])
                lifted.append((tree_flatten(args[p])[1], leaves))
            out = func(*call, **kwargs)
            aux = None
            if has_aux:
                out, aux = _split_aux(out)
            _check_scalar(out)
        grads = _grads_of(out, trace, lifted)
        result = grads[0] if isinstance(argnums, int) else tuple(grads)
        value = lower(out, trace)
        return (result, (value, _lower_tree(aux, trace))) if has_aux else (result, value)

    return wrapper


def _check_scalar(out: Any) -> None:
    if not isinstance(out, Tensor):
        raise RuntimeError(
            "Expected f(*args) to return a Tensor with ndim = 0, got tensor-less output of type "
            f"{type(out).__name__}"
        )
    if out.ndim != 0:
        raise RuntimeError(
            f"Expected f(*args) to return a scalar tensor, got tensor with {out.ndim} dims. Maybe "
            "you wanted to use the vjp or jacrev APIs instead?"
        )


def _grads_of(out: Any, trace: GradTrace, lifted: list[Any]) -> list[Any]:
    targets = [t._node for _, leaves in lifted for t in leaves if isinstance(t, Tensor)]
    edge = out._node if out.level == trace.level else None
    if edge is None:
        got: list[Any] = [None] * len(targets)
    else:
        got = engine.run([(edge, out._a.new_ones(()))], targets)
    each = iter(got)
    return [
        tree_unflatten(
            [_or_zero(next(each), t) if isinstance(t, Tensor) else t for t in leaves], spec
        )
        for spec, leaves in lifted
    ]


def grad(func: Function, argnums: Any = 0, has_aux: bool = False) -> Function:
    """Return a function that computes the gradient of a scalar function."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        g, value = grad_and_value(func, argnums, has_aux)(*args, **kwargs)
        return (g, value[1]) if has_aux else g

    return wrapper


def jvp(
    func: Function, primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False
) -> Any:
    """Return `func(*primals)` and its derivative along `tangents`."""
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise RuntimeError(
            f"jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to "
            f"call f(*primals); got {type(primals).__name__} and {type(tangents).__name__}"
        )
    flat_p, spec = tree_flatten(primals)
    flat_t, t_spec = tree_flatten(tangents)
    if len(flat_p) != len(flat_t):
        raise RuntimeError(
            f"jvp(f, primals, tangents): Expected primals and tangents to have the same python "
            f"structure. For example, if primals is a tuple of 3 tensors, tangents also must be. "
            f"Got primals with structure {spec} and tangents with structure {t_spec}"
        )
    with JvpTrace() as trace:
        lifted = [JvpTracer.make(p, t, trace) for p, t in zip(flat_p, flat_t, strict=True)]
        out = func(*tree_unflatten(lifted, spec))
        aux = None
        if has_aux:
            out, aux = _split_aux(out)
        flat, out_spec = tree_flatten(out)
        values = [lower(o, trace) for o in flat]
        slopes = [_tangent(o, trace, strict) for o in flat]
    result = (tree_unflatten(values, out_spec), tree_unflatten(slopes, out_spec))
    return (*result, _lower_tree(aux, trace)) if has_aux else result


def _tangent(o: Any, trace: JvpTrace, strict: bool) -> Any:
    if o.level == trace.level:
        if o.tangent is not None:
            return o.tangent
        o = o._a
    if strict:
        raise RuntimeError(
            "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. "
            "This is not allowed with strict=True."
        )
    return o.new_zeros(tuple(o.shape))


def vmap(
    func: Function,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
    allow_none_pass_through: bool = False,
) -> Function:
    """Return a function that maps `func` over a dimension of its inputs.

    Args:
        in_dims, out_dims: the mapped dimension of each input and output (None: not mapped).
        randomness: "error", "different" or "same", for random ops in `func`.
        chunk_size: at most so many examples at once.
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(
            f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}"
        )
    if chunk_size is not None and not chunk_size > 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        from franken.transforms.batching import run_vmap

        return run_vmap(
            func, args, kwargs, in_dims, out_dims, randomness, chunk_size, allow_none_pass_through
        )

    wrapper.__name__ = getattr(func, "__name__", "vmap")
    return wrapper


__all__ = ["BatchTrace", "BatchTracer", "grad", "grad_and_value", "jvp", "vjp", "vmap"]
