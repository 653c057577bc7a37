"""What `vmap` does around the traced call: argument and output dimensions, chunks.

Knows pytrees and BatchTrace; knows no op.
"""

from __future__ import annotations

from typing import Any

from franken.core.op import namespace
from franken.core.pytree import broadcast_to_and_flatten, tree_flatten, tree_unflatten
from franken.core.tensor import Tensor
from franken.transforms.vmap import BatchTrace


def _wrapped_dim(who: str, leaf: Any, d: Any) -> int | None:
    if d is None:
        return None
    if not isinstance(d, int):
        raise ValueError(
            f"{who}: Got in_dim={d} for an input but in_dim must be either an integer dimension or "
            "None."
        )
    if not isinstance(leaf, Tensor):
        raise ValueError(
            f"{who}: Got in_dim={d} for an input but the input is of type {type(leaf)}. We cannot "
            "vmap over non-Tensor arguments, please use None as the respective in_dim"
        )
    if not -leaf.ndim <= d < leaf.ndim:
        raise ValueError(
            f"{who}: Got in_dim={d} for some input, but that input is a Tensor of dimensionality "
            f"{leaf.ndim} so expected in_dim to satisfy -{leaf.ndim} <= in_dim < {leaf.ndim}."
        )
    return d % leaf.ndim


def _plan(name: str, args: Any, in_dims: Any) -> tuple[list[Any], list[Any], Any]:
    if not isinstance(in_dims, (int, tuple)):
        raise ValueError(
            f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): expected `in_dims` to be int or a "
            f"(potentially nested) tuple matching the structure of inputs, got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are "
            "trying to vmap over a function with no inputs. The latter is unsupported."
        )
    who = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>)"
    leaves, spec = tree_flatten(args)
    dims = broadcast_to_and_flatten(in_dims, spec)
    if dims is None:
        raise ValueError(
            f"{who}: in_dims is not compatible with the structure of `inputs`. in_dims has "
            f"structure {tree_flatten(in_dims)[1]} but inputs has structure {spec}."
        )
    return leaves, [_wrapped_dim(who, x, d) for x, d in zip(leaves, dims, strict=True)], spec


def _common_size(leaves: list[Any], dims: list[Any]) -> int:
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
    return int(lengths[0])


def run_vmap(
    func: Any, args: Any, kwargs: Any, in_dims: Any, out_dims: Any, randomness: str,
    chunk_size: int | None = None, allow_none: bool = False,
) -> Any:  # fmt: skip
    """Call `func` once on tracers that carry the whole batch (or chunk by chunk).

    Keyword arguments are not mapped. Results that are None stay so if `allow_none`.
    """
    name = getattr(func, "__name__", repr(func))
    leaves, dims, spec = _plan(name, args, in_dims)
    size = _common_size(leaves, dims)

    def once(part: list[Any], n: int) -> tuple[list[Any], Any, list[Any]]:
        with BatchTrace(n, randomness) as trace:
            out = func(*tree_unflatten(_lift(part, dims, trace), spec), **kwargs)
            flat, out_spec = tree_flatten(out)
            outs_dims = _out_dims(name, out_dims, out_spec)
            lowered = [
                _lower(name, o, d, trace, allow_none) for o, d in zip(flat, outs_dims, strict=True)
            ]
        return lowered, out_spec, outs_dims

    if chunk_size is None or chunk_size >= size:
        flat, out_spec, _ = once(leaves, size)
        return tree_unflatten(flat, out_spec)
    results = []
    for start in range(0, size, chunk_size):
        n = min(chunk_size, size - start)
        results.append(once(_narrowed(leaves, dims, start, n), n))
    columns = zip(*(r[0] for r in results), strict=True)
    joined = [
        column[0] if d is None or column[0] is None else namespace("torch")["cat"](list(column), d)
        for column, d in zip(columns, results[0][2], strict=True)
    ]
    return tree_unflatten(joined, results[0][1])


def _narrowed(leaves: list[Any], dims: list[Any], start: int, n: int) -> list[Any]:
    return [x if d is None else x.narrow(d, start, n) for x, d in zip(leaves, dims, strict=True)]


def _lift(leaves: list[Any], dims: list[Any], trace: BatchTrace) -> list[Any]:
    return [trace.make(x, d) for x, d in zip(leaves, dims, strict=True)]


def _out_dims(name: str, out_dims: Any, spec: Any) -> list[Any]:
    if not all(d is None or isinstance(d, int) for d in tree_flatten(out_dims)[0]):
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a python "
            "collection of ints representing where in the outputs the vmapped dimension should "
            "appear."
        )
    if isinstance(out_dims, int) and spec.is_leaf():
        return [out_dims]
    dims = broadcast_to_and_flatten(out_dims, spec)
    if dims is None:
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with "
            f"the structure of `outputs`. out_dims has structure {tree_flatten(out_dims)[1]} but "
            f"outputs has structure {spec}."
        )
    return dims


def _lower(name: str, o: Any, d: Any, trace: BatchTrace, allow_none: bool) -> Any:
    if o is None and allow_none:
        return None
    if not isinstance(o, Tensor):
        raise ValueError(
            f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(o)}. Did you "
            "mean to set out_dims= to None for output?"
        )
    at = trace.dim_of(o)
    if at is not None:
        if d is None:
            raise ValueError(
                f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None"
            )
        value = o._a
    else:
        if d is None:
            return o
        value, at = trace.beneath(o.expand, trace.size, *o.shape), 0
    if not -value.ndim <= d < value.ndim:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-value.ndim}, "
            f"{value.ndim - 1}], but got {d})"
        )
    return value if at == d % value.ndim else trace.beneath(value.movedim, at, d)
