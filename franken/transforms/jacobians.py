"""jacrev, jacfwd and hessian: whole Jacobians from one-vector transforms by vmap over a basis.

Knows pytrees and the transforms; of ops only eye, reshape and joins.
Source: https://docs.pytorch.org/docs/stable/func.api.html
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from franken.core.op import namespace
from franken.core.pytree import tree_flatten, tree_unflatten
from franken.core.state import STATE
from franken.core.tensor import Tensor
from franken.transforms.api import jvp, lift_tree, positions, vjp, vmap

Function = Callable[..., Any]


def _basis(leaves: list[Any], start: int, stop: int) -> list[Any]:
    """Rows start..stop of the identity over the concatenation of the leaves, leaf by leaf."""
    total = sum(math.prod(x.shape) for x in leaves)
    rows, at = [], 0
    for x in leaves:
        n = math.prod(x.shape)
        block = namespace("torch")["eye"](total, dtype=x.dtype, device=x.device)
        block = block.narrow(0, start, stop - start).narrow(1, at, n)
        rows.append(block.reshape(stop - start, *x.shape))
        at += n
    return rows


def _chunks(total: int, size: int | None) -> list[tuple[int, int]]:
    step = total if size is None else size
    return [(i, min(i + step, total)) for i in range(0, total, max(step, 1))] or [(0, 0)]


def _mapped(push: Any, leaves: list[Any], chunk_size: int | None, randomness: str) -> list[Any]:
    """`push` (basis vectors to a flat list) for the whole basis: one (total, ...) tensor each."""
    total = sum(math.prod(x.shape) for x in leaves)
    parts = []
    for start, stop in _chunks(total, chunk_size):
        rows = _basis(leaves, start, stop)
        if stop - start == 1:
            parts.append([y.unsqueeze(0) for y in push(*[r.select(0, 0) for r in rows])])
        else:
            parts.append(vmap(lambda *r: push(*r), randomness=randomness)(*rows))
    if len(parts) == 1:
        return list(parts[0])
    return [namespace("torch")["cat"](list(column), 0) for column in zip(*parts, strict=True)]


def _selected(args: tuple[Any, ...], argnums: Any) -> Any:
    places = positions(argnums, len(args))
    return args[places[0]] if isinstance(argnums, int) else tuple([args[p] for p in places])


def _check_real(name: str, what: str, leaves: list[Any]) -> None:
    for i, x in enumerate(leaves):
        if isinstance(x, Tensor) and x.dtype.is_complex:
            raise RuntimeError(
                f"{name}: Expected all {what} to be real but received complex tensor at "
                f"flattened input idx: {i}"
            )


def _with_selected(func: Function, args: tuple[Any, ...], argnums: Any, kwargs: Any) -> Function:
    """`func` as a function of the selected arguments alone."""
    places = positions(argnums, len(args))

    def of_selected(*chosen: Any) -> Any:
        # the others are no captured tensors, but arguments too, which func may change
        others, named = lift_tree(STATE.traces[-1], (args, kwargs))
        call = list(others)
        for p, x in zip(places, chosen, strict=True):
            call[p] = x
        return func(*call, **named)

    return of_selected


def jacrev(
    func: Function, argnums: Any = 0, *, has_aux: bool = False, chunk_size: int | None = None
) -> Function:
    """Return a function that computes the Jacobian by reverse mode, row by row.

    Args:
        argnums: argument(s) to differentiate, an int or a tuple of them.
        has_aux: func returns (output, aux), the result is (Jacobian, aux).
        chunk_size: rows at once (default: all).

    >>> import franken as torch
    >>> jacrev(torch.sin)(torch.zeros(2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    if not (chunk_size is None or chunk_size > 0):
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        chosen = _selected(args, argnums)
        primals = (chosen,) if isinstance(argnums, int) else chosen
        _check_real("jacrev", "inputs", tree_flatten(chosen)[0])
        got = vjp(_with_selected(func, args, argnums, kwargs), *primals, has_aux=has_aux)
        out, back = got[0], got[1]
        outs, out_spec = tree_flatten(out)
        in_leaves, in_spec = tree_flatten(chosen)
        _check_real("jacrev", "outputs", outs)

        def pull(*cotangents: Any) -> list[Any]:
            return tree_flatten(back(tree_unflatten(cotangents, out_spec)))[0]

        rows = _mapped(pull, outs, chunk_size, "error")
        blocks, at = [], 0
        for y in outs:
            n = math.prod(y.shape)
            block = [
                r.narrow(0, at, n).reshape(*y.shape, *x.shape)
                for r, x in zip(rows, in_leaves, strict=True)
            ]
            blocks.append(tree_unflatten(block, in_spec))
            at += n
        result = tree_unflatten(blocks, out_spec)
        return (result, got[2]) if has_aux else result

    return wrapper


def jacfwd(
    func: Function, argnums: Any = 0, has_aux: bool = False, *, randomness: str = "error",
    chunk_size: int | None = None,
) -> Function:  # fmt: skip
    """Return a function that computes the Jacobian by forward mode, column by column.

    Arguments as for `jacrev`; `randomness` is that of the vmap over columns.
    """
    if not (chunk_size is None or chunk_size > 0):
        raise ValueError("jacfwd: `chunk_size` should be greater than 0.")

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        chosen = _selected(args, argnums)
        primals = (chosen,) if isinstance(argnums, int) else chosen
        of_selected = _with_selected(func, args, argnums, kwargs)
        in_leaves, in_spec = tree_flatten(chosen)
        _check_real("jacfwd", "inputs", in_leaves)
        primal_spec = tree_flatten(primals)[1]
        seen: list[Any] = []

        def push(*tangents: Any) -> list[Any]:
            got = jvp(of_selected, primals, tree_unflatten(tangents, primal_spec), has_aux=has_aux)
            slopes, spec = tree_flatten(got[1])
            _check_real("jacfwd", "outputs", slopes)
            aux_leaves, aux_spec = tree_flatten(got[2]) if has_aux else ([], None)
            seen[:] = [spec, aux_spec, len(slopes)]
            return [*slopes, *aux_leaves]

        columns = _mapped(push, in_leaves, chunk_size, randomness)
        spec, aux_spec, count = seen
        jacobians = [_columns(c, in_leaves, in_spec) for c in columns[:count]]
        result = tree_unflatten(jacobians, spec)
        if not has_aux:
            return result
        return result, tree_unflatten([c.select(0, 0) for c in columns[count:]], aux_spec)

    return wrapper


def _columns(slope: Any, in_leaves: list[Any], in_spec: Any) -> Any:
    parts, at = [], 0
    shape = tuple(slope.shape)[1:]
    for x in in_leaves:
        n = math.prod(x.shape)
        parts.append(slope.narrow(0, at, n).movedim(0, -1).reshape(*shape, *x.shape))
        at += n
    return tree_unflatten(parts, in_spec)


def hessian(func: Function, argnums: Any = 0) -> Function:
    """Return a function that computes second derivatives, forward over reverse.

    >>> import franken as torch
    >>> hessian(lambda x: (x * x * x).sum())(torch.ones(2)).tolist()
    [[6.0, 0.0], [0.0, 6.0]]
    """
    return jacfwd(jacrev(func, argnums), argnums)


__all__ = ["hessian", "jacfwd", "jacrev"]
