"""What `vmap` does around the traced call: argument and output dimensions, chunks.

Knows pytrees and BatchTrace; knows no op.
"""

from __future__ import annotations

from typing import Any

from franken.core.pytree import tree_flatten, tree_unflatten
from franken.core.tensor import Tensor
from franken.transforms.vmap import BatchTrace, BatchTracer


def broadcast_prefix(prefix: Any, tree: Any, what: str) -> list[Any]:
    """Spread a prefix tree (an int, None, or a matching structure) over a tree's leaves."""
    leaves, spec = tree_flatten(tree)
    if prefix is None or isinstance(prefix, int):
        return [prefix] * len(leaves)
    if isinstance(prefix, (tuple, list)) and isinstance(tree, (tuple, list)):
        if len(prefix) != len(tree):
            raise ValueError(
                f"vmap: {what} is not compatible with the structure of the value: {what} has "
                f"{len(prefix)} elements, the value has structure {spec}"
            )
        return [d for p, t in zip(prefix, tree, strict=True) for d in broadcast_prefix(p, t, what)]
    if isinstance(prefix, dict) and isinstance(tree, dict) and prefix.keys() == tree.keys():
        return [d for k in tree for d in broadcast_prefix(prefix[k], tree[k], what)]
    raise ValueError(
        f"vmap: {what} is not compatible with the structure of the value: got {what}={prefix!r} for "
        f"structure {spec}"
    )


def _wrapped_dim(leaf: Any, d: int, in_dims: Any) -> int:
    if not isinstance(leaf, Tensor):
        raise ValueError(
            f"vmap: Got in_dim={d} for an input but the input is of type {type(leaf)}. We cannot "
            "vmap over non-Tensor arguments, please use None as the respective in_dim"
        )
    if not -leaf.ndim <= d < leaf.ndim:
        raise ValueError(
            f"vmap(in_dims={in_dims}): Got in_dim={d} for some input, but that input is a Tensor of "
            f"dimensionality {leaf.ndim} so expected in_dim to satisfy -{leaf.ndim} <= in_dim < "
            f"{leaf.ndim}."
        )
    return d % leaf.ndim


def _plan(args: Any, in_dims: Any) -> tuple[list[Any], list[Any], Any, int]:
    if not isinstance(in_dims, (int, tuple, list, dict)):
        raise ValueError(
            f"vmap(func, in_dims={in_dims}, ...): expected `in_dims` to be int or a (potentially "
            f"nested) tuple matching the structure of inputs, got: {type(in_dims)}."
        )
    if not args:
        raise ValueError("vmap: got no inputs. Maybe you forgot to add inputs, or are trying to vmap over a function with no inputs.")  # noqa: E501
    leaves, spec = tree_flatten(args)
    dims = broadcast_prefix(list(in_dims) if isinstance(in_dims, list) else in_dims, args, "in_dims")
    dims = [None if d is None else _wrapped_dim(x, d, in_dims) for x, d in zip(leaves, dims, strict=True)]  # noqa: E501
    lengths = [x.shape[d] for x, d in zip(leaves, dims, strict=True) if d is not None]
    if not lengths:
        raise ValueError(
            "vmap: at least one of the inputs must be mapped over: all in_dims are None"
        )
    if any(n != lengths[0] for n in lengths):
        raise ValueError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{lengths} for the mapped dimension"
        )
    return leaves, dims, spec, lengths[0]


def run_vmap(
    func: Any, args: Any, kwargs: Any, in_dims: Any, out_dims: Any, randomness: str,
    chunk_size: int | None, allow_none: bool,
) -> Any:  # fmt: skip
    """Call `func` once on tracers that carry the whole batch (or chunk by chunk)."""
    leaves, dims, spec, size = _plan(args, in_dims)
    # keyword arguments are mapped over dimension 0, as in torch.func
    kw_leaves, kw_spec = tree_flatten(kwargs)
    kw_dims = [0 if isinstance(x, Tensor) else None for x in kw_leaves]

    def once(part: list[Any], kw_part: list[Any], n: int) -> tuple[list[Any], Any, list[Any]]:
        with BatchTrace(n, randomness) as trace:
            call = tree_unflatten(_lift(part, dims, trace), spec)
            kw = tree_unflatten(_lift(kw_part, kw_dims, trace), kw_spec)
            out = func(*call, **kw)
            flat, out_spec = tree_flatten(out)
            outs_dims = broadcast_prefix(out_dims, out, "out_dims")
            lowered = [
                _lower(o, d, trace, allow_none) for o, d in zip(flat, outs_dims, strict=True)
            ]
        return lowered, out_spec, outs_dims

    if chunk_size is None or chunk_size >= size:
        flat, out_spec, _ = once(leaves, kw_leaves, size)
        return tree_unflatten(flat, out_spec)
    from franken.ops.join import cat

    results = []
    for start in range(0, size, chunk_size):
        n = min(chunk_size, size - start)
        part = _narrowed(leaves, dims, start, n)
        kw_part = _narrowed(kw_leaves, kw_dims, start, n)
        results.append(once(part, kw_part, n))
    joined = [
        column[0] if d is None else cat(list(column), d)
        for column, d in zip(zip(*(r[0] for r in results), strict=True), results[0][2], strict=True)
    ]
    return tree_unflatten(joined, results[0][1])


def _narrowed(leaves: list[Any], dims: list[Any], start: int, n: int) -> list[Any]:
    return [x if d is None else x.narrow(d, start, n) for x, d in zip(leaves, dims, strict=True)]


def _lift(leaves: list[Any], dims: list[Any], trace: BatchTrace) -> list[Any]:
    return [
        x if d is None else BatchTracer.make(x, d, trace) for x, d in zip(leaves, dims, strict=True)
    ]


def _lower(o: Any, d: Any, trace: BatchTrace, allow_none: bool) -> Any:
    if o is None and allow_none:
        return None
    if not isinstance(o, Tensor):
        raise ValueError(
            f"vmap(func, ...): `func` must only return Tensors, got type {type(o)}. Did you mean to "
            "set out_dims= to None for this output?"
        )
    if o.level == trace.level:
        if d is None:
            raise ValueError("vmap: can not return a batched output for an out_dim of None")
        value, at = o._a, o.bdim  # type: ignore[attr-defined]
    else:
        if d is None:
            return o
        value, at = o.expand(trace.size, *o.shape), 0  # type: ignore[attr-defined]
    if not -value.ndim <= d < value.ndim:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-value.ndim}, {value.ndim - 1}], "
            f"but got {d})"
        )
    return value if at == d % value.ndim else value.movedim(at, d)
