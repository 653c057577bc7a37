"""The two checks of one kernel-library op: ahead-of-time compilation, and the interpreter."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Iterable
from typing import Any

import numpy as np

from franken.triton_kernels.checks import compare, static
from franken.triton_kernels.checks.cases import KERNELS, OPS, Case, Maker, Op
from franken.triton_kernels.launching import arrays
from franken.triton_kernels.launching import launch as launching
from franken.triton_kernels.launching.policy import Policy

POISONS = (0xFF, 0x5A)  # not-a-number in every float type; then something else


def compile_op(name: str, archs: list[int]) -> list[dict[str, Any]]:
    """Compile every launch that the op's samples make; a row a variant, or one with the error."""
    return [_row(name, found, arch) for arch in archs for found in launches(name, arch)]


def compile_branches(family: str, arch: int) -> list[dict[str, Any]]:
    """Of each kernel of a family, compile one variant a branch: the one of the largest blocks."""
    largest: dict[Any, tuple[str, Any]] = {}
    for name in sorted(n for n, entry in OPS.items() if entry.family == family):
        for found in launches(name, arch):
            branch = _branch(found)
            if branch not in largest or _blocks(found) > _blocks(largest[branch][1]):
                largest[branch] = (name, found)
    return [_row(name, found, arch) for name, found in largest.values()]


def launches(name: str, arch: int) -> list[Any]:
    """The distinct launches that an op's samples make on an architecture, for `aot`."""
    from franken.triton_kernels.launching import aot

    entry = OPS[name]
    recorder = aot.Recorder(Policy(arch))
    with launching.using(recorder):
        for case in entry.cases():
            if case.refuses is None:
                recorder.policy = Policy(arch, bool(case.keywords.get("tf32", False)))
                entry.call(*case.build(Maker(0, shapes_only=True)), **case.keywords)
    return list(recorder.seen.values())


def _branch(found: Any) -> Any:
    """What decides which statements a launch compiles: arguments left out, flags and names.

    Of a kernel that must use Hopper's products, also whether it multiplies half precision.
    """
    name = found.kernel.fn.__name__
    chosen = {k: v for k, v in found.constants.items() if v is None or isinstance(v, bool | str)}
    low = name in KERNELS and KERNELS[name].wgmma and _low(found.signature.values())
    return name, low, tuple(chosen.items())


def _blocks(found: Any) -> int:
    sizes = [v for v in found.constants.values() if type(v) is int and v > 1]
    return math.prod(sizes)


def _low(types: Iterable[str]) -> bool:
    return bool({"*bf16", "*fp16"} & set(types))


def _row(name: str, found: Any, arch: int) -> dict[str, Any]:
    """A launch's row: its variant compiled and what is wrong with it, or the error."""
    from franken.triton_kernels.launching import aot

    base = {
        "op": name, "family": OPS[name].family, "kernel": found.kernel.fn.__name__, "arch": arch,
    }  # fmt: skip
    try:
        variant = aot.as_json(aot.compile_launch(found, arch))
    except triton_errors() as error:
        return {**base, "error": f"{type(error).__name__}: {error}"[:600]}
    return {**base, **variant, "problems": _budget(variant)}


def triton_errors() -> tuple[type[Exception], ...]:
    """What a compilation may raise for the kernel's own faults."""
    from triton.compiler.errors import CompilationError
    from triton.runtime.errors import OutOfResources, PTXASError

    return CompilationError, OutOfResources, PTXASError, RuntimeError, ValueError, TypeError


def _budget(variant: dict[str, Any]) -> list[str]:
    info = KERNELS.get(variant["kernel"])  # None: a kernel written from a program, always hot
    found = []
    if (info is None or info.hot) and variant["local"]:
        found.append(f"{variant['local']} bytes of local memory (spills)")
    hopper = info is not None and info.wgmma and variant["arch"] == 90
    if hopper and _low(variant["signature"].split(",")) and "wgmma" not in variant["instructions"]:
        found.append("no wgmma")
    if {"atom", "red"} & set(variant["instructions"]):
        found.append("atomics in the code")
    return found


def interpret_op(name: str, seed: int) -> dict[str, Any]:
    """Run every sample against the reference; a row with the worst error, time and failures."""
    from franken.triton_kernels.checks.interpreter import Interpreter, Lines

    entry = OPS[name]
    began = time.perf_counter()
    worst, failures, launched, count = 0.0, [], set(), 0
    lines = Lines()
    for k, case in enumerate(entry.cases()):
        if case.big:
            continue
        count += 1
        runner = Interpreter(case.arch, bool(case.keywords.get("tf32", False)))
        with launching.using(runner), lines.recording():
            error, said = _run_case(entry, case, seed * 1000 + k)
        launched.update(runner.launches)
        worst = max(worst, error)
        if said:
            failures.append(f"{case.name}: {said}")
    return {
        "op": name, "family": entry.family, "samples": count, "max_ulps": worst,
        "budget_ulps": entry.ulps, "seconds": time.perf_counter() - began, "failures": failures,
        "kernels": sorted(launched), "lines": sorted(lines.hit),
    }  # fmt: skip


def _run_case(entry: Op, case: Case, seed: int) -> tuple[float, str]:
    """(distance, what went wrong or '')."""
    if case.refuses is not None:
        return _refused(entry, case, seed)
    try:
        first = _call(entry, case, seed, POISONS[0])
        second = _call(entry, case, seed, POISONS[1])
    except _faults() as error:
        frames = traceback.extract_tb(error.__traceback__)[-3:]
        where = " <- ".join(f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno}" for f in reversed(frames))
        return float("inf"), f"{type(error).__name__}: {error} ({where})"[:500]
    with np.errstate(all="ignore"):
        args = case.build(Maker(seed))
        want = _tuple(entry.reference(*(_widened(args) if entry.widen else args), **case.keywords))
    if len(want) != len(first):
        return float("inf"), f"{len(first)} results, the reference gives {len(want)}"
    error, said = 0.0, ""
    for at, (got, again, right) in enumerate(zip(first, second, want, strict=True)):
        if got.tobytes() != again.tobytes():
            said = said or f"result {at}: other bits on the second run (unwritten memory?)"
        d = compare.distance(got, right, entry.floor)
        error = max(error, d)
        if d > (budget := entry.allowed(case, got)):
            far = f"{d:.3g} ulps from the reference, {budget:g} allowed"
            said = said or f"result {at}: {far}; {_look(got, right)}"
    return error, said


def _faults() -> tuple[type[Exception], ...]:
    """What a kernel or its launcher may raise for a fault of its own."""
    from triton.runtime.errors import InterpreterError

    return (InterpreterError, ArithmeticError, AssertionError, AttributeError, LookupError,
            RuntimeError, TypeError, ValueError)  # fmt: skip


def _refused(entry: Op, case: Case, seed: int) -> tuple[float, str]:
    wanted: Any = case.refuses
    try:
        entry.call(*case.build(Maker(seed)), **case.keywords)
    except wanted:
        return 0.0, ""
    return float("inf"), f"was to raise {wanted.__name__}"


def _call(entry: Op, case: Case, seed: int, byte: int) -> tuple[np.ndarray, ...]:
    def poison(out: np.ndarray) -> None:
        if out.size:
            raw = out.reshape(-1).view(np.uint8)
            raw[...] = byte if out.dtype != np.bool_ else byte & 1

    args = case.build(Maker(seed))
    before = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
    arrays.poison = poison
    try:
        out = _tuple(entry.call(*args, **case.keywords))
    finally:
        arrays.poison = None
    for at, (now, then) in enumerate(zip(args, before, strict=True)):
        if (
            isinstance(now, np.ndarray)
            and at not in entry.mutates
            and now.tobytes() != then.tobytes()
        ):
            raise AssertionError(f"argument {at} was written")
    return out


def _tuple(out: Any) -> tuple[Any, ...]:
    return tuple(out) if isinstance(out, tuple | list) else (out,)


def _widened(args: Any) -> Any:
    """Floating arrays in float64, in lists and tuples too; the rest as it is."""
    if isinstance(args, np.ndarray):
        return args.astype(np.float64) if arrays.type_name(args.dtype)[0] in "fb" else args.copy()
    if isinstance(args, tuple | list):
        return type(args)([_widened(a) for a in args])
    return args


def _look(got: np.ndarray, want: np.ndarray) -> str:
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape:
        return f"shape {got.shape}, reference {want.shape}"
    with np.errstate(all="ignore"):
        gap = np.abs(got.astype(np.float64) - want.astype(np.float64))
    at = np.unravel_index(int(np.nanargmax(np.where(np.isfinite(gap), gap, 0))), gap.shape)
    return f"at {tuple(map(int, at))}: {got[at]} against {want[at]}"


def source_problems(hit: set[tuple[str, int]], launched: set[str]) -> list[str]:
    """What sources and registry must show, given the lines that ran and the kernels launched."""
    found = []
    for fn in _jitted():
        found += static.problems(fn)
        if not fn.__doc__:
            found.append(f"{fn.__module__}.{fn.__name__}: no docstring")
        path = fn.__code__.co_filename
        missed = [at for at, last in static.spans(fn)
                  if not any((path, k) in hit for k in range(at, last + 1))]  # fmt: skip
        if missed:
            lines = ", ".join(map(str, missed))
            found.append(
                f"{fn.__name__}: no sample enters line {lines} of {path.rsplit('/', 1)[-1]}"
            )
    for name in sorted(KERNELS.keys() - launched):
        found.append(f"{name}: no op's samples launch it")
    for entry in OPS.values():
        for what, fn in (("launcher", entry.call), ("reference", entry.reference)):
            if not fn.__doc__:
                found.append(f"{entry.name}: the {what} has no docstring")
    return found


def _jitted() -> list[Any]:
    """The plain functions under every `@triton.jit` of the library, kernels and helpers.

    Not those under `@triton.constexpr_function`: they are plain Python, about types.
    """
    import sys

    from triton.runtime.interpreter import InterpretedFunction

    found = {}
    for name, module in list(sys.modules.items()):
        if name.startswith("franken.triton_kernels."):
            for value in vars(module).values():
                if isinstance(value, InterpretedFunction):
                    found[value.fn.__module__, value.fn.__name__] = value.fn
    return [found[k] for k in sorted(found)]
