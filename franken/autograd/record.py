"""`record`: every primitive that a step executes, forward and backward, with digests or data.

A value is known by the SHA-256 of its dtype, shape and elements; where a step reads it the strides
are noted besides, since kernels may round differently for another layout. A change of memory is a
step like any other, so what the other views of that memory show afterwards is known too. What no
recorded step made is a leaf (it was there before) or a constant (a factory such as `zeros` made
it); memory that changed by no step is `unseen`, and then nothing is proven.
Level 2 keeps digests (two runs can be compared), level 3 also the data (the step can be replayed).
Knows bind's observer hook, the engine's, and the memory behind tensors; knows no op but the views
that lead from one part of a memory to another.
"""

from __future__ import annotations

import os
import sys
import weakref
from typing import Any

import numpy as np

from franken.autograd.codec import encode
from franken.autograd.provenance import kernel_id
from franken.backends.numpy.random import twister as rng
from franken.core import primitive as _bind
from franken.core.geometry.memory import Region, byte_row, root_of
from franken.core.linear import turns
from franken.core.node import Node
from franken.core.primitive import Primitive, undressed
from franken.core.state import STATE, set_attribute
from franken.core.tensor import Tensor, held, wrap
from franken.core.where import describe, here

SCHEMA = "franken.record/2"


class record(_bind.Observer):
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
        self.constants: dict[str, Any] = {}
        self.values: dict[str, Any] = {}
        self.gradients: list[dict[str, Any]] = []
        self.unseen: list[dict[str, Any]] = []
        self.known: set[str] = set()
        self._memory: dict[int, tuple[Any, list[Region]]] = {}

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        self._memory.clear()
        if self.path is not None and exc[0] is None:
            self.save(self.path)

    # --- what is observed ----------------------------------------------------------------------
    def __call__(
        self, prim: Primitive, args: tuple[Any, ...], params: dict[str, Any], grad: bool
    ) -> Any:
        """Execute a primitive in place of `bind` and write it down."""
        written = prim.writes(args, **params) if prim.writes is not None else ()
        changes = self._changes(args, written)
        inputs = [self._input(a) for a in args]
        stored = [[k, encode(v)] for k, v in params.items()]
        state = rng.default_generator.get_state() if prim.random else None
        out = super().__call__(prim, args, params, grad)
        several = type(out) is tuple
        outs = written if written else out if several else (out,)
        dev = next((t.device for t in (*outs, *args) if isinstance(t, Tensor)), None)
        for change, t in zip(changes, written, strict=True):
            change["after"] = self._after(t, change.pop("region"))
        self.steps.append({
            "kind": "kernel", "prim": prim.name, "inputs": inputs, "params": stored,
            "several": several, "outputs": [self._output(o) for o in outs], "device": str(dev),
            "kernel": None if dev is None else dict(kernel_id(prim.kernel_for(dev), dev.type)),
            "rng": state, "changes": changes, **_place(),
        })  # fmt: skip
        return out

    def constant(self, t: Tensor) -> None:
        """Note a tensor that a factory made of Python numbers or foreign data."""
        super().constant(t)
        key, array = fingerprint(t)
        if not self._has(key):
            self.known.add(_digest(key))
            self.constants[key] = self._stored(array)
        self._region(held(t), True)

    def rule(self, node: Node, values: list[Any], g: Any, needs: list[bool], got: Any) -> None:
        """Note a derivative rule that the engine has applied: what it was given, what it gave."""
        super().rule(node, values, g, needs, got)
        grads = [got[i] if needed else None for i, needed in enumerate(needs)]
        if any(t.level for t in _tensors([*values, g, grads])):
            return  # inside of a transform: only its kernels are seen
        self.steps.append({
            "kind": "rule", "prim": node.plan.prim.name,
            "wanted": [i for i, p in enumerate(node.parents) if p is not None], "needs": needs,
            "inputs": [self._nested(v) for v in values], "cotangent": self._nested(g),
            "params": [[k, encode(v)] for k, v in node.params.items()],
            "outputs": [None if x is None else self._input(x)[1] for x in grads],
            "device": str(node.device), **_place(),
        })  # fmt: skip

    def gradient(self, leaf: Tensor) -> None:
        """Note what a leaf's `.grad` is after the engine accumulated into it."""
        super().gradient(leaf)
        grad = leaf._grad
        if not grad.level:
            self.gradients.append({
                "leaf": fingerprint(leaf)[0], "grad": self._input(grad)[1],
                "step": len(self.steps) - 1,
            })  # fmt: skip

    # --- values --------------------------------------------------------------------------------
    def _nested(self, value: Any) -> Any:
        if type(value) is tuple and any(isinstance(v, Tensor) for v in value):
            return ["tuple", [self._nested(v) for v in value]]
        return self._input(value)

    def _input(self, a: Any) -> Any:
        if not isinstance(a, Tensor):
            return ["number", encode(a)]
        key, array = fingerprint(a)
        if not self._has(key):
            self._find(a, key, array)
        self._region(held(a), False)
        return ["value", key]

    def _has(self, key: str) -> bool:
        return _digest(key) in self.known

    def _find(self, t: Tensor, key: str, array: Any) -> None:
        """Learn where an unknown value comes from: from memory that is known, or from outside."""
        if t._bits:
            self._turned(t, key)
            return
        root = root_of(t._a)
        mine = Region(t._a, root)
        around = [r for r in self._regions(root) if r.holds(mine)]
        for region in around:
            whole = wrap(region.window(root), t.device)
            source, _ = fingerprint(whole)
            if self._has(source):
                self.steps.append({
                    "kind": "view", "prim": "as_strided", "inputs": [["value", source]],
                    "path": _encoded(_path(region, mine)), "outputs": [self._output(t)],
                    "device": str(t.device), **_place(),
                })  # fmt: skip
                return
        if around:
            self.unseen.append({"value": key, "step": len(self.steps), **_place()})
        self.known.add(_digest(key))
        self.leaves[key] = self._stored(array)

    def _turned(self, t: Tensor, key: str) -> None:
        """Note how a value follows from the memory that it is deferred of."""
        value = undressed(t)
        for prim in turns(t._bits):
            inputs, value = [self._input(value)], super().__call__(prim, (value,), {}, False)
            kernel = dict(kernel_id(prim.kernel_for(t.device), t.device.type))
            self.steps.append({
                "kind": "kernel", "prim": prim.name, "inputs": inputs, "params": [],
                "several": False, "outputs": [self._output(value)], "device": str(t.device),
                "kernel": kernel, "rng": None, "changes": [], **_place(),
            })  # fmt: skip

    def _output(self, o: Tensor) -> str:
        key, array = fingerprint(o)
        if self.level == 3 and self.outputs and not self._has(key):
            self.values[key] = self._stored(array)
        self.known.add(_digest(key))
        self._region(held(o), True)
        return key

    def _stored(self, array: Any) -> Any:
        return np.array(array, order="C", copy=True) if self.level == 3 else None

    # --- memory --------------------------------------------------------------------------------
    def _regions(self, root: Any) -> list[Region]:
        """The parts of a root array's memory that were seen."""
        found = self._memory.get(id(root))
        if found is None:
            forget, key = self._memory.pop, id(root)
            found = weakref.ref(root, lambda _: forget(key, None)), []
            self._memory[key] = found
        return found[1]

    def _region(self, a: Any, made: bool) -> None:
        root = root_of(a)
        regions = self._regions(root)
        mine = Region(a, root)
        if any(r.same(mine) for r in regions):
            return
        # memory that was there before stays so, whatever part of it a step gives
        mine.made = made and all(r.made and not r.holds(mine) for r in regions)
        regions.append(mine)

    def _changes(self, args: tuple[Any, ...], written: tuple[Any, ...]) -> list[dict[str, Any]]:
        """For each tensor about to be changed: the memory it is in, and the way from there."""
        place = {id(a): i for i, a in enumerate(args)}
        changes: list[dict[str, Any]] = []
        memories: list[tuple[int, Region]] = []
        for t in written:
            root = root_of(t._a)
            mine = Region(t._a, root)
            made = [r for r in self._regions(root) if r.made and r.holds(mine)]
            whole = mine if byte_row(root) is None else Region(root, root)
            region = made[0] if made else whole
            _, key = self._input(wrap(region.window(root), t.device))
            same = [n for n, (i, r) in enumerate(memories) if i == id(root) and r.same(region)]
            memories.append((id(root), region))
            changes.append({
                "input": place[id(t)], "before": key, "region": region,
                "memory": same[0] if same else len(memories) - 1,
                "path": _encoded(_path(region, mine)),
            })  # fmt: skip
        return changes

    def _after(self, t: Tensor, region: Region) -> str:
        return self._output(wrap(region.window(root_of(t._a)), t.device))

    def to_dict(self) -> dict[str, Any]:
        """The whole record as plain data around arrays."""
        return {
            "schema": SCHEMA, "level": self.level, "versions": versions(), "steps": self.steps,
            "leaves": self.leaves, "constants": self.constants, "values": self.values,
            "gradients": self.gradients, "unseen": self.unseen,
        }  # fmt: skip

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the record to a file, atomically."""
        from franken.serialization import native

        native.save_file(self.to_dict(), path)


def _digest(key: str) -> str:
    """What a key says of the elements alone."""
    return key.partition(":")[0]


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, (tuple, list)):
        return [t for v in value for t in _tensors(v)]
    return []


def _path(outer: Region, inner: Region) -> list[tuple[str, dict[str, Any]]]:
    """The views that lead from one part of a memory to another that lies in it."""
    if outer.same(inner):
        return []
    (low, high), size = outer.bounds(), outer.dtype.itemsize
    steps = tuple(s // size for s in outer.strides)
    base = {"base_stride": steps, "base_place": (outer.offset - low) // size}
    path: list[tuple[str, dict[str, Any]]] = []
    if outer.dtype != inner.dtype:
        from franken.core.dtypes import from_numpy

        wide = max(size, inner.dtype.itemsize)
        count = (high - low) // wide * wide // size
        path.append(("as_strided", {"size": (count,), "stride": (1,), "place": 0, **base}))
        path.append(("view_dtype", {"to": from_numpy(inner.dtype)}))
        size = inner.dtype.itemsize
        base = {"base_stride": (1,), "base_place": 0}
    stride = tuple(s // size for s in inner.strides)
    place = (inner.offset - low) // size
    path.append(("as_strided", {"size": inner.shape, "stride": stride, "place": place, **base}))
    return path


def _encoded(path: list[tuple[str, dict[str, Any]]]) -> list[Any]:
    return [[prim, [[k, encode(v)] for k, v in params.items()]] for prim, params in path]


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
    name = node.prim.name if isinstance(node, Node) else node.name()
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


__all__ = ["SCHEMA", "fingerprint", "host_array", "record", "versions"]
