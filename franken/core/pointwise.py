"""The primitive of an elementwise op, with all its rules from one derivative an input.

The derivative `d` is a function linear in its first argument: d(g, x, out) = g * f'(x). It serves
as cotangent rule (the engine reduces shapes), as tangent rule and, conjugated on both sides, as the
rule for complex numbers.
"""

from __future__ import annotations

from typing import Any

from franken.backends.numpy.halves import halved
from franken.core.batching import pointwise
from franken.core.geometry.shapes import broadcast_two
from franken.core.primitive import NOT_DIFFERENTIABLE, Primitive


def pointwise_primitive(
    name: str,
    inputs: tuple[str, ...],
    kernel: Any,
    d: Any = NOT_DIFFERENTIABLE,
    *,
    outputs: int = 1,
    nondiff: tuple[int, ...] = (),
    holomorphic: bool = True,
    expr: str | None = None,
    jvp: Any = None,
    title: Any = None,
    layout: str = "iterator",
) -> Primitive:
    """The primitive of an elementwise op with its rules; parameters go to the kernel by keyword."""
    prim = Primitive(
        name, inputs, halved(kernel), outputs=outputs, nondiff=nondiff, batch=pointwise, expr=expr,
        title=title, layout=layout,
    )  # fmt: skip
    prim.holomorphic = holomorphic
    prim.shape = _broadcast_error
    derivatives = d if isinstance(d, tuple) else (d,) * len(inputs)
    for input_name, rule in zip(inputs, derivatives, strict=True):
        prim.vjp(input_name)(NOT_DIFFERENTIABLE if rule is None else rule)
    if jvp is not None:
        prim.jvp(jvp)
    elif prim.differentiable and holomorphic and outputs == 1:
        prim.jvp(_tangent(prim, derivatives))
    return prim


def _broadcast_error(*shapes: Any, **_: Any) -> None:
    total: Any = ()
    for s in shapes:
        total = broadcast_two(total, s)


def _tangent(prim: Primitive, derivatives: tuple[Any, ...]) -> Any:
    calls = [None if not callable(f) else (f, _names(f)) for f in derivatives]

    def jvp(tangents: Any, out: Any, *inputs: Any, **params: Any) -> Any:
        env = dict(zip(prim.inputs, inputs, strict=True), out=out, **params)
        total: Any = None
        for t, call in zip(tangents, calls, strict=True):
            if t is None or call is None:
                continue
            f, names = call
            term = f(t, *[env[n] for n in names])
            total = term if total is None else total + term
        if total is not None and tuple(total.shape) != tuple(out.shape):
            total = total.expand(out.shape)
        return total

    return jvp


def _names(f: Any) -> tuple[str, ...]:
    names: tuple[str, ...] = f.__code__.co_varnames[1 : f.__code__.co_argcount]
    return names
