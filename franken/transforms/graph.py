"""The printable program of a staged function: Graph and Eqn.

A Graph is a list of equations, each one primitive applied to earlier values; it runs by applying
the primitives again, so that a run has the bits of the eager program. It prints as Python that
rebuilds it, and its fingerprint is the SHA-256 of that text, with constants by digest.
Knows primitives, dtypes and devices; knows no particular op.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from franken.core import dtypes as dt
from franken.core.device import device
from franken.core.primitive import PRIMITIVES, Primitive, bind
from franken.core.pytree import TreeSpec, tree_flatten, tree_unflatten
from franken.core.tensor import Tensor, wrap


@dataclass(frozen=True)
class Var:
    """A value of the program: v0, v1, ... with its shape, dtype and device."""

    id: int
    shape: tuple[int, ...]
    dtype: Any
    device: Any

    def __str__(self) -> str:
        return f"v{self.id}"


@dataclass(frozen=True)
class Eqn:
    """outs = prim(args, params); an arg is a Var or a Python number."""

    prim: Primitive
    args: tuple[Any, ...]
    params: dict[str, Any]
    outs: tuple[Var, ...]
    pos: str = ""
    several: bool = False


@dataclass(frozen=True)
class Graph:
    """A staged function.

    `inputs` and `outputs` are Vars (an output may be a Python number), `constants` maps the Vars
    of captured tensors to their values; the specs restore the trees of the function.
    """

    inputs: tuple[Var, ...]
    constants: tuple[tuple[Var, Tensor], ...]
    eqns: tuple[Eqn, ...]
    outputs: tuple[Any, ...]
    in_spec: TreeSpec
    out_spec: TreeSpec
    name: str = field(default="f", compare=False)

    def __call__(self, *args: Any) -> Any:
        """Run the program; arguments must have the structure of the examples."""
        flat, spec = tree_flatten(args)
        if spec != self.in_spec:
            raise RuntimeError(
                f"graph {self.name}: expected arguments of structure {self.in_spec}, got {spec}"
            )
        return tree_unflatten(self.run(flat), self.out_spec)

    def run(self, flat: list[Any]) -> list[Any]:
        """Run on the flat list of inputs; returns the flat list of outputs."""
        for i, (v, x) in enumerate(zip(self.inputs, flat, strict=True)):
            if tuple(x.shape) != v.shape or x.dtype is not v.dtype:
                raise RuntimeError(
                    f"graph {self.name}: input {i} was staged as {v.dtype}{list(v.shape)}, got "
                    f"{x.dtype}{list(x.shape)}; stage the function again for other shapes"
                )
        env: dict[Any, Any] = dict(zip(self.inputs, flat, strict=True))
        env.update(self.constants)
        for eqn in self.eqns:
            out = bind(eqn.prim, tuple([_read(env, a) for a in eqn.args]), eqn.params)
            for v, o in zip(eqn.outs, out if eqn.several else (out,), strict=True):
                env[v] = o
        return [_read(env, o) for o in self.outputs]

    @property
    def code(self) -> str:
        """The program as Python: executing it defines `name(inputs, constants)`.

        >>> import franken as torch
        >>> print(torch.func.make_graph(lambda x: x * x)(torch.ones(2)).code)
        def f(v0):
            v1 = prim["mul"](v0, v0)  # float32[2]
            return (v1,)
        <BLANKLINE>
        """
        names = _renumbered(self)
        heads = [names[v] for v in (*self.inputs, *(c for c, _ in self.constants))]
        lines = [f"def {self.name}({', '.join(heads)}):"]
        lines += [f"    {_equation(e, names)}" for e in self.eqns]
        outs = "".join(f"{_shown(o, names)}, " for o in self.outputs).rstrip()
        outs = outs if len(self.outputs) == 1 else outs.rstrip(",")
        return "\n".join([*lines, f"    return ({outs})", ""])

    def __str__(self) -> str:
        return self.code

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the canonical text, input types and constants."""
        from franken.transforms.fingerprint import digest

        hasher = hashlib.sha256(b"franken graph 1\0")
        for v in self.inputs:
            hasher.update(f"{v.dtype}{list(v.shape)}@{v.device};".encode())
        for _, value in self.constants:
            hasher.update(digest(value).encode())
        hasher.update(_renamed(self.code, self.name).encode())
        return hasher.hexdigest()

    def compile(self) -> Any:
        """Execute the printed program: a function of the flat inputs."""
        scope = {"prim": PRIMITIVES, **namespace_of(self)}
        exec(compile(self.code, f"<graph {self.name}>", "exec"), scope)
        fn = scope[self.name]
        constants = [value for _, value in self.constants]
        return lambda *flat: fn(*flat, *constants)


def _renamed(code: str, name: str) -> str:
    return code.replace(f"def {name}(", "def f(", 1)


def _read(env: dict[Any, Any], a: Any) -> Any:
    return env[a] if isinstance(a, Var) else a


def _renumbered(graph: Graph) -> dict[Var, str]:
    """Canonical names: in the order of inputs, constants, equations."""
    order: list[Var] = [*graph.inputs, *(c for c, _ in graph.constants)]
    for eqn in graph.eqns:
        order += eqn.outs
    return {v: f"v{i}" for i, v in enumerate(dict.fromkeys(order))}


def _shown(a: Any, names: dict[Var, str]) -> str:
    return names[a] if isinstance(a, Var) else literal(a)


def _equation(eqn: Eqn, names: dict[Var, str]) -> str:
    parts = [_shown(a, names) for a in eqn.args]
    parts += [f"{k}={literal(v)}" for k, v in sorted(eqn.params.items())]
    left = ", ".join(names[o] for o in eqn.outs)
    left += "," if eqn.several and len(eqn.outs) == 1 else ""
    types = ", ".join(f"{o.dtype.name}{list(o.shape)}" for o in eqn.outs)
    return f'{left} = prim["{eqn.prim.name}"]({", ".join(parts)})  # {types}'


def literal(value: Any) -> str:
    """A parameter as Python text; TypeError for what has no canonical spelling.

    >>> literal((1, 2.5, None))
    '(1, 2.5, None)'
    """
    if value is None or isinstance(value, (bool, int, str)):
        return repr(value)
    if isinstance(value, (float, complex)):
        return _number(value)
    if isinstance(value, dt.dtype):
        return f'dtype("{value.name}")'
    if isinstance(value, device):
        return f'device("{value}")'
    if isinstance(value, Primitive):
        return f'prim["{value.name}"]'
    if isinstance(value, (tuple, list)):
        return _sequence(value)
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in sorted(value.items())) + "}"
        )
    if isinstance(value, slice):
        return f"slice({literal(value.start)}, {literal(value.stop)}, {literal(value.step)})"
    if isinstance(value, np.generic):
        return literal(value.item())
    spelled = _spelled(value)
    if spelled is None:
        raise TypeError(f"a parameter of type {type(value).__name__} has no canonical text")
    return spelled


def _spelled(value: Any) -> str | None:
    """torch's named constants (memory formats, layouts) and objects that the graph must carry."""
    from franken.core.geometry.layout import layout, memory_format

    if isinstance(value, (layout, memory_format)):
        return f'constant("{value.name}")'
    name = getattr(value, "__qualname__", None)
    module = getattr(value, "__module__", "")
    if callable(value) and name and module.startswith("franken.") and "<" not in name:
        return f'function("{module}", "{name}")'
    return f'generator("{value.device}")' if type(value).__name__ == "Generator" else None


def _number(value: Any) -> str:
    if isinstance(value, complex):
        return f"complex({_number(value.real)}, {_number(value.imag)})"
    if value != value or value in (float("inf"), float("-inf")):
        return f'float("{value}")'
    return repr(value)


def _sequence(value: Any) -> str:
    body = ", ".join(literal(v) for v in value)
    if isinstance(value, list):
        return f"[{body}]"
    return f"({body},)" if len(value) == 1 else f"({body})"


def namespace_of(graph: Graph) -> dict[str, Any]:
    """The names that a printed program uses."""
    import importlib

    from franken.core.geometry import layout

    found: list[Any] = []
    for eqn in graph.eqns:
        _generators(eqn.params.values(), found)

    def function(module: str, name: str) -> Any:
        value = importlib.import_module(module)
        for part in name.split("."):
            value = getattr(value, part)
        return value

    return {
        "dtype": lambda name: dt.ALL[name], "device": device, "function": function,
        "constant": lambda name: getattr(layout, name),
        "generator": lambda where: next(g for g in found if str(g.device) == where),
    }  # fmt: skip


def _generators(values: Iterable[Any], found: list[Any]) -> None:
    found += [v for v in values if type(v).__name__ == "Generator"]


def constant(value: Any) -> Tensor:
    """An array as a tensor, for programs rebuilt from text."""
    return wrap(np.asarray(value))
