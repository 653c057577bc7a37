"""Compile what launches would run, for any NVIDIA architecture, on a machine without a GPU.

A launcher is called on arrays of the right shapes with a recorder in place of the GPU: it notes
kernel, argument types, alignment, constants and options. Each distinct launch is then compiled to a
cubin, and the cubin's registers, shared memory and local memory (spills) are read back.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("TRITON_DEFAULT_FP_FUSION", "1")  # unset, 3.9 warns that 3.10 changes it

import numpy as np
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from .arrays import type_name
from .policy import Policy

# Instructions that a table or a budget asks about.
_TELLING = ("wgmma", "mma", "tcgen05", "atom", "red")


@dataclass(frozen=True)
class Variant:
    """One specialisation of a kernel, and what it compiled to.

    registers, shared, local: per thread, bytes per block, bytes per thread (spills and stack).
    """

    kernel: str
    arch: int
    signature: str
    constants: str
    warps: int
    stages: int
    registers: int = 0
    shared: int = 0
    local: int = 0
    instructions: tuple[str, ...] = ()


@dataclass
class _Launch:
    kernel: Any
    signature: dict[str, str]
    constants: dict[str, Any]
    aligned: tuple[int, ...]
    options: dict[str, Any]

    def key(self) -> tuple[Any, ...]:
        return (
            self.kernel.fn.__name__, tuple(self.signature.items()),
            tuple(sorted((k, str(v)) for k, v in self.constants.items())), self.aligned,
            tuple(sorted(self.options.items())),
        )  # fmt: skip


@dataclass
class Recorder:
    """A runner that starts nothing and notes what would be compiled."""

    policy: Policy
    seen: dict[tuple[Any, ...], _Launch] = field(default_factory=dict)

    def run(
        self, kernel: Any, grid: tuple[int, ...], args: tuple[Any, ...],
        constants: dict[str, Any], warps: int, stages: int, flags: dict[str, Any],
    ) -> None:  # fmt: skip
        """Note one launch."""
        launch = describe(
            kernel, args, constants, {"num_warps": warps, "num_stages": stages, **flags}
        )
        self.seen.setdefault(launch.key(), launch)


def describe(
    kernel: Any, args: tuple[Any, ...], constants: dict[str, Any], options: dict[str, Any]
) -> _Launch:
    """A launch's types as Triton specialises them: alignment of 16, integers equal to 1."""
    names = [p.name for p in kernel.params]
    if len(args) + len(constants) != len(names):
        missing = [n for n in names[len(args) :] if n not in constants]
        raise TypeError(f"{kernel.fn.__name__}: {len(args)} arguments; not given: {missing}")
    signature, fixed, aligned = {}, dict(constants), []
    for at, name in enumerate(names):
        if name in constants:
            signature[name] = "constexpr"
            continue
        value = args[at]
        if value is None:
            signature[name], fixed[name] = "constexpr", None
        elif isinstance(value, int) and not isinstance(value, bool):
            _describe_int(at, name, value, signature, fixed, aligned)
        elif isinstance(value, float):
            signature[name] = "fp32"
        elif isinstance(value, np.ndarray):
            signature[name] = "*" + type_name(value.dtype)
            if value.__array_interface__["data"][0] % 16 == 0:
                aligned.append(at)
        else:
            raise TypeError(f"{kernel.fn.__name__}: {name} is a {type(value).__name__}")
    return _Launch(kernel, signature, fixed, tuple(aligned), options)


def _describe_int(
    at: int, name: str, value: int, signature: dict[str, str], fixed: dict[str, Any],
    aligned: list[int],
) -> None:  # fmt: skip
    if value == 1:
        signature[name], fixed[name] = "constexpr", 1
        return
    signature[name] = "i32" if -(2**31) <= value < 2**31 else "i64" if value < 2**63 else "u64"
    if value % 16 == 0:
        aligned.append(at)


def compile_launch(launch: _Launch, arch: int) -> Variant:
    """Compile one recorded launch for `arch` and read its resources."""
    attributes = {(at,): [["tt.divisibility", 16]] for at in launch.aligned}
    source = ASTSource(
        launch.kernel, launch.signature, constexprs=launch.constants, attrs=attributes
    )
    done = triton.compile(source, target=GPUTarget("cuda", arch, 32), options=launch.options)
    registers, local = _resources(done.asm["cubin"])
    found = tuple(i for i in _TELLING if re.search(rf"^\s*(@%p\d+ )?{i}[.]", done.asm["ptx"], re.M))
    constants = ",".join(
        f"{k}={v}" for k, v in launch.constants.items() if launch.signature[k] == "constexpr"
    )
    signature = ",".join(v for v in launch.signature.values() if v != "constexpr")
    return Variant(
        launch.kernel.fn.__name__, arch, signature, constants, launch.options["num_warps"],
        launch.options["num_stages"], registers, done.metadata.shared, local, found,
    )  # fmt: skip


def _resources(cubin: bytes) -> tuple[int, int]:
    """(registers a thread, bytes of local memory a thread) of a cubin."""
    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        text = subprocess.run(
            [tool, "--dump-resource-usage", file.name], capture_output=True, text=True, check=True
        ).stdout
    found = re.search(r"REG:(\d+) STACK:(\d+) .*?LOCAL:(\d+)", text)
    if found is None:
        raise RuntimeError(f"cuobjdump gave no resource line: {text[:200]!r}")
    registers, stack, local = map(int, found.groups())
    return registers, max(stack, local)


def as_json(variant: Variant) -> dict[str, Any]:
    """A variant as plain data."""
    return asdict(variant)
