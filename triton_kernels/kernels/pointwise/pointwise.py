"""Elementwise kernels made from scalar expressions: any rank and strides, fused chains, in place.

A `Program` is a chain of assignments over inputs `x0, x1 ...` and numbers `s0, s1 ...`; each of its
outputs is one store. A kernel is written once a program and rank, from text, as if it stood in a
file. Axes that all operands walk alike are merged first; what is left is at most a few.
"""

from __future__ import annotations

import functools
import hashlib
import linecache
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import triton
import triton.language as tl

from ...launching.arrays import (
    FLOATS,
    cdiv,
    empty,
    namespace,
    next_power_of_2,
    reaches_past_int32,
    strides,
    type_name,
)
from ...launching.launch import launch
from ...launching.policy import choose
from . import scalar
from .expression import ExpressionError, translate

_TRITON = {name: forms[0] for name, forms in scalar.FUNCTIONS.items()}
_NUMPY = {name: forms[1] for name, forms in scalar.FUNCTIONS.items()}


@dataclass(frozen=True, slots=True)
class Program:
    """A fused elementwise computation.

    steps: (name, expression) in order; a step may read inputs, numbers and earlier steps.
    outputs: names of what is stored. compute: the type inputs are converted to ("keep": none).

    >>> gelu = Program(1, 0, (("y", "0.5 * x0 * (1 + erf(x0 * 0.7071067811865476))"),), ("y",))
    """

    inputs: int
    numbers: int
    steps: tuple[tuple[str, str], ...]
    outputs: tuple[str, ...]
    compute: str = "fp32"


def source(program: Program, rank: int) -> str:
    """The kernel's text for operands of `rank` axes.

    >>> print(source(Program(1, 0, (("y", "x0 + 1"),), ("y",)), 1).splitlines()[-2].strip())
    y = (x0 + 1)
    """
    known = {f"x{k}" for k in range(program.inputs)} | {f"s{k}" for k in range(program.numbers)}
    lines = []
    for name, text in program.steps:
        code, names = translate(text, _TRITON, "tl.where")
        if not name.isidentifier() or name in known or not names <= known:
            raise ExpressionError(f"{name} = {text}: unknown {sorted(names - known)} or taken name")
        known.add(name)
        lines.append(f"    {name} = {code}")
    missing = [o for o in program.outputs if o not in known]
    if missing:
        raise ExpressionError(f"outputs {missing} are not computed")
    return (
        "\n".join([*_head(program, rank), *_loads(program, rank), *lines, *_stores(program, rank)])
        + "\n"
    )


def _head(program: Program, rank: int) -> list[str]:
    operands = [f"x{k}" for k in range(program.inputs)] + [
        f"y{k}" for k in range(len(program.outputs))
    ]
    names = [f"{o}_ptr" for o in operands] + ["n"] + [f"size{d}" for d in range(1, rank)]
    names += [f"{o}_stride{d}" for o in operands for d in range(rank)]
    names += [f"s{k}" for k in range(program.numbers)]
    names += ["WIDE: tl.constexpr", "BLOCK: tl.constexpr"]
    lines = [
        f"def {_name(program, rank)}({', '.join(names)}):",
        f'    """{"; ".join(f"{a} = {b}" for a, b in program.steps)}: {rank} axes, elementwise."""',
        "    at = tl.program_id(0)",
        "    if WIDE:",
        "        at = at.to(tl.int64)",
        "    at = at * BLOCK + tl.arange(0, BLOCK)",
        "    ok = at < n",
    ]
    for d in range(rank - 1, 0, -1):
        lines += [f"    i{d} = at % size{d}", f"    at = at // size{d}"]
    return [*lines, "    i0 = at"]


def _offset(operand: str, rank: int) -> str:
    return " + ".join(f"i{d} * {operand}_stride{d}" for d in range(rank))


def _loads(program: Program, rank: int) -> list[str]:
    cast = "" if program.compute == "keep" else f".to(tl.{_LONG[program.compute]})"
    lines = [
        f"    x{k} = tl.load(x{k}_ptr + {_offset(f'x{k}', rank)}, mask=ok){cast}"
        for k in range(program.inputs)
    ]
    if program.compute == "fp64":  # Triton rounds a float argument to float32: bits come instead
        bits = ".to(tl.int64).to(tl.float64, bitcast=True)"
        lines += [f"    s{k} = s{k}{bits}" for k in range(program.numbers)]
    return lines


_LONG = {"fp32": "float32", "fp64": "float64", "i32": "int32", "i64": "int64"}


def _stores(program: Program, rank: int) -> list[str]:
    lines = []
    for k, name in enumerate(program.outputs):
        value = f"({name}).to(y{k}_ptr.dtype.element_ty)"
        lines.append(f"    tl.store(y{k}_ptr + {_offset(f'y{k}', rank)}, {value}, mask=ok)")
    return lines


def _name(program: Program, rank: int) -> str:
    digest = hashlib.sha256(repr((program, rank)).encode()).hexdigest()[:10]
    return f"pointwise_{digest}_{rank}"


@functools.cache
def build(program: Program, rank: int) -> Any:
    """The kernel of a program and rank, compiled by Triton when it is first launched."""
    text, name = source(program, rank), _name(program, rank)
    file = f"<franken {name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    space: dict[str, Any] = {"tl": tl, "scalar": scalar, "__name__": __name__}
    exec(compile(text, file, "exec"), space)
    return triton.jit(space[name])


def run_reference(
    program: Program, arrays: Sequence[np.ndarray], numbers: Sequence[float]
) -> list[Any]:
    """The program in NumPy, on float64 (or integer) arrays."""
    space: dict[str, Any] = {f"x{k}": a for k, a in enumerate(arrays)}
    space |= {f"s{k}": v for k, v in enumerate(numbers)}
    tools = {
        "np": np,
        "erf64": scalar.erf64,
        "erfc64": scalar.erfc64,
        "sigmoid64": scalar.sigmoid64,
    }
    for name, text in program.steps:
        code, _ = translate(text, _NUMPY, "np.where")
        space[name] = eval(code, tools, space)
    shape = np.broadcast_shapes(*[a.shape for a in arrays])
    return [np.broadcast_to(space[name], shape) for name in program.outputs]


def merged(
    shape: Sequence[int], walks: Sequence[Sequence[int]]
) -> tuple[list[int], list[list[int]]]:
    """Drop axes of one element and merge neighbours that all operands walk as one.

    walks: strides of each operand. Returns the shape and the strides of each operand.

    >>> merged((2, 3, 4), [(12, 4, 1), (0, 4, 1)])
    ([2, 12], [[12, 1], [0, 1]])
    """
    kept = [(n, [w[d] for w in walks]) for d, n in enumerate(shape) if n != 1]
    out: list[tuple[int, list[int]]] = []
    for n, steps in kept:
        if out and all(a == b * n for a, b in zip(out[-1][1], steps, strict=True)):
            out[-1] = (out[-1][0] * n, steps)
        else:
            out.append((n, steps))
    out = out or [(1, [0] * len(walks))]
    return [n for n, _ in out], [[s[k] for _, s in out] for k in range(len(walks))]


def pointwise(
    program: Program, *arrays: Any, numbers: Sequence[float] = (), dtypes: Sequence[Any] = (),
    out: Sequence[Any] | None = None,
) -> list[Any]:  # fmt: skip
    """Run `program` on arrays that broadcast against each other; a list of its outputs.

    dtypes: of the outputs (the first input's by default). out: arrays to write instead of new
    ones, of the broadcast shape and any strides; one may be an input itself (in place).
    """
    if len(arrays) != program.inputs or len(numbers) != program.numbers:
        raise TypeError(
            f"pointwise: expected {program.inputs} arrays and {program.numbers} numbers"
        )
    shape = np.broadcast_shapes(*[a.shape for a in arrays])
    kinds = list(dtypes) or [arrays[0].dtype] * len(program.outputs)
    targets = list(out) if out is not None else [empty(arrays[0], shape, d) for d in kinds]
    for t in targets:
        if tuple(t.shape) != shape:
            raise ValueError(
                f"pointwise: an output of shape {tuple(t.shape)} for operands of {shape}"
            )
    xp = namespace(arrays[0])
    operands = [*[xp.broadcast_to(a, shape) for a in arrays], *targets]
    sizes, walks = merged(shape, [strides(o) for o in operands])
    n = int(np.prod(sizes)) if 0 not in shape else 0
    width = "wide" if any(o.itemsize > 4 for o in operands) else "narrow"
    config = choose("pointwise", width=width, n=n)
    block = min(config.constants["BLOCK"], next_power_of_2(n))
    wide = n + block >= 2**31 or reaches_past_int32(*operands)
    launch(
        build(program, len(sizes)), (cdiv(n, block),), *operands, n, *sizes[1:],
        *[s for walk in walks for s in walk], *_passed(program, numbers), WIDE=wide, BLOCK=block,
        warps=config.warps, stages=config.stages,
    )  # fmt: skip
    return targets


def _passed(program: Program, numbers: Sequence[float]) -> list[float]:
    if program.compute == "fp64":
        return [int(np.float64(v).view(np.int64)) for v in numbers]
    return [float(v) if program.compute == "fp32" else int(v) for v in numbers]


def computing(*arrays: Any) -> str:
    """The type that halves and mixtures compute in: fp64 if any is, else fp32 if any is floating.

    >>> computing(np.ones(1, np.float16), np.ones(1, np.int64))
    'fp32'
    """
    names = [type_name(a.dtype) for a in arrays]
    if "fp64" in names:
        return "fp64"
    return "fp32" if any(n in FLOATS for n in names) else "i64"
