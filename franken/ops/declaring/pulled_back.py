"""Derivatives of fused primitives by way of a formula: pull back or push forward through it.

A fused op's second derivatives are rare and long; here the op's (or its backward's) formula in
plain ops is differentiated instead, so every higher order exists and stays right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from franken.core.tensor import Tensor
from franken.transforms.api import jvp, vjp

Formula = Callable[..., Any]


def _closed(formula: Formula, inputs: Sequence[Any], live: list[int]) -> Formula:
    """The formula as a function of the inputs `live` only."""

    def of_live(*values: Any) -> Any:
        full = list(inputs)
        for i, v in zip(live, values, strict=True):
            full[i] = v
        return formula(*full)

    return of_live


def pulled_back(formula: Formula, inputs: Sequence[Any], g: Any) -> list[Any]:
    """Cotangents of the tensors among `inputs` (None for others) for the formula's cotangents g;
    an output whose cotangent is None is left out."""
    live = [i for i, a in enumerate(inputs) if isinstance(a, Tensor)]
    closed = _closed(formula, inputs, live)
    if type(g) is tuple:
        seen = [k for k, c in enumerate(g) if c is not None]
        g, every = tuple([g[k] for k in seen]), closed

        def closed(*values: Any) -> Any:
            outs = every(*values)
            return tuple([outs[k] for k in seen])

    _, back = vjp(closed, *[inputs[i] for i in live])
    found: list[Any] = [None] * len(inputs)
    for i, cotangent in zip(live, back(g), strict=True):
        found[i] = cotangent
    return found


def pushed_forward(formula: Formula, inputs: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The tangent(s) of the formula; a None tangent is zero."""
    live = [i for i, t in enumerate(tangents) if t is not None]
    _, moved = jvp(
        _closed(formula, inputs, live),
        tuple(inputs[i] for i in live),
        tuple(tangents[i] for i in live),
    )
    return moved
