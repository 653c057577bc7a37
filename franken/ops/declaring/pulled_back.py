"""Derivatives of fused primitives by way of a formula: pull back or push forward through it.

A fused op's second derivatives are rare and long; here the op's (or its backward's) formula in
plain ops is differentiated instead, so every higher order exists and stays right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from franken.core.tensor import Tensor

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
    """Cotangents of the tensors among `inputs` for the formula's cotangents g (None: it has none);
    None for what is no tensor and for what no output with a cotangent depends on."""
    from franken.transforms.api import vjp  # here, so that an import without derivatives is short

    live = [i for i, a in enumerate(inputs) if isinstance(a, Tensor)]
    _, back = vjp(_closed(formula, inputs, live), *[inputs[i] for i in live])
    got = back.reached(list(g) if type(g) is tuple else [g])
    found: list[Any] = [None] * len(inputs)
    for i, cotangent in zip(live, got, strict=True):
        found[i] = cotangent
    return found


def pushed_forward(formula: Formula, inputs: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The tangent(s) of the formula; a None tangent is zero."""
    from franken.transforms.api import jvp

    live = [i for i, t in enumerate(tangents) if t is not None]
    _, moved = jvp(
        _closed(formula, inputs, live),
        tuple(inputs[i] for i in live),
        tuple(tangents[i] for i in live),
    )
    return moved
