"""`record`: every primitive that a step executes, forward and backward, with digests or data.

A value is known by the SHA-256 of its dtype, shape and elements together with its strides, since
kernels may round differently for another layout. What no recorded step made is a leaf.
Level 2 keeps digests (two runs can be compared), level 3 also the data (the step can be replayed).
Knows bind's observer hook; knows no op.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

from franken.autograd.codec import encode
from franken.autograd.provenance import kernel_id
from franken.backends.numpy.random import twister as rng
from franken.core import primitive as _bind
from franken.core.node import Node
from franken.core.primitive import Primitive
from franken.core.state import STATE, set_attribute
from franken.core.tensor import Tensor
from franken.core.where import describe, here

SCHEMA = "franken.record/1"


class record:  # noqa: N801 - used as `with record(...)`
    """Within the block, record every executed primitive of this thread.

    Args:
        path: file to write at the end of the block (none if it raised); None keeps it in memory.
        level: 2 digests only; 3 also leaf data and random state.
        outputs: at level 3, also the data of results, so that a replay can measure differences.

    >>> import franken as torch
    >>> with record(level=2) as rec:
    ...     y = torch.ones(2) * 3
    >>> [step["prim"] for step in rec.steps]
    ['mul']
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, level: int = 2, *, outputs: bool = True
    ) -> None:
        if level not in (2, 3):
            raise ValueError(f"record: expected level 2 or 3, got {level}")
        self.path, self.level, self.outputs = path, level, outputs
        self.steps: list[dict[str, Any]] = []
        self.leaves: dict[str, Any] = {}
        self.values: dict[str, Any] = {}
        self.known: set[str] = set()

    def __enter__(self) -> record:
        self.before = set_attribute("recorder", self)
        return self

    def __exit__(self, *exc: object) -> None:
        set_attribute("recorder", self.before)
        if self.path is not None and exc[0] is None:
            self.save(self.path)

    def __call__(
        self, prim: Primitive, args: tuple[Any, ...], params: dict[str, Any], grad: bool
    ) -> Any:
        """Execute a primitive in place of `bind` and write it down."""
        inputs = [self._input(a) for a in args]
        stored = [[k, encode(v)] for k, v in params.items()]
        state = rng.default_generator.get_state() if prim.level == "random" else None
        out = _bind.eager(prim, args, params, grad)
        several = type(out) is tuple
        outs = out if several else (out,)
        dev = next((t.device for t in (*outs, *args) if isinstance(t, Tensor)), None)
        self.steps.append({
            "prim": prim.name, "inputs": inputs, "params": stored, "several": several,
            "outputs": [self._output(o) for o in outs], "device": str(dev),
            "kernel": None if dev is None else dict(kernel_id(prim.kernel_for(dev), dev.type)),
            "rng": state, **_place(),
        })  # fmt: skip
        return out

    def _input(self, a: Any) -> Any:
        if not isinstance(a, Tensor):
            return ["number", encode(a)]
        key, array = fingerprint(a)
        if key not in self.known and key not in self.leaves:
            self.leaves[key] = _stored(array) if self.level == 3 else None
        return ["value", key]

    def _output(self, o: Tensor) -> str:
        key, array = fingerprint(o)
        self.known.add(key)
        if self.level == 3 and self.outputs and key not in self.leaves:
            self.values.setdefault(key, _stored(array))
        return key

    def to_dict(self) -> dict[str, Any]:
        """The whole record as plain data around arrays."""
        return {
            "schema": SCHEMA, "level": self.level, "versions": versions(), "steps": self.steps,
            "leaves": self.leaves, "values": self.values,
        }  # fmt: skip

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the record to a file, atomically."""
        from franken.serialization import native

        native.save_file(self.to_dict(), path)


def versions() -> dict[str, str]:
    """The versions that bits can depend on."""
    return {"python": sys.version.split()[0], "numpy": np.__version__}


def _place() -> dict[str, Any]:
    """Direction and source position; in backward also the forward op whose rule is running."""
    if not STATE.runs:
        return {"direction": "forward", "position": describe(here(3)), "of": None}
    order = STATE.runs[-1].order
    node = order[-1] if order else None
    if node is None:
        return {"direction": "backward", "position": describe(here(3)), "of": None}
    name = node.prim.name if type(node) is Node else node.name()
    return {"direction": "backward", "position": describe(node.pos), "of": name}


def host_array(t: Tensor) -> Any:
    """The values in host memory."""
    if t.device.type == "cpu":
        return t._a
    before = set_attribute("recorder", None)  # the transfer is no part of the step
    try:
        return t.detach().to("cpu")._a
    finally:
        set_attribute("recorder", before)


def fingerprint(t: Tensor) -> tuple[str, Any]:
    """(key of a value, its host array); the key is "digest:strides in elements"."""
    from franken.serialization.digest import digest_array

    array = host_array(t)
    size = t._a.itemsize or 1
    strides = ",".join(str(s // size) for s in t._a.strides)
    return f"{digest_array(array)}:{strides}", array


def _stored(array: Any) -> Any:
    return np.array(array, order="C", copy=True)


__all__ = ["SCHEMA", "fingerprint", "host_array", "record", "versions"]
