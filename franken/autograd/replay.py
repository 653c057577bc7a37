"""`replay`: execute a recorded step again, kernel by kernel, and compare all bits.

Knows records and primitives; knows no particular op.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from franken.autograd.codec import decode
from franken.autograd.record import SCHEMA, fingerprint, host_array, record
from franken.backends.numpy.random import twister as rng
from franken.core import primitive as _bind
from franken.core.device import CPU, resolve
from franken.core.dtypes import COMPLEX_KINDS
from franken.core.errors import NotProven
from franken.core.geometry.memory import element_strides
from franken.core.primitive import PRIMITIVES, Primitive
from franken.core.state import set_grad
from franken.core.tensor import Tensor, wrap
from franken.engine.passes import call_rules
from franken.serialization.digest import digest_array


class Divergence:
    """One result whose bits differ from the recorded ones."""

    __slots__ = ("difference", "direction", "of", "op", "output", "position", "step")

    def __init__(self, step: int, entry: dict[str, Any], output: int, difference: Any) -> None:
        self.step, self.output, self.difference = step, output, difference
        self.op, self.of = entry["prim"], entry["of"]
        self.position, self.direction = entry["position"], entry["direction"]

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __str__(self) -> str:
        rule = f" (rule of {self.of})" if self.of else ""
        d = self.difference
        if d is None:
            how = "the recorded data of the result was not kept, so the size is unknown"
        elif d["max_ulp"] is None:
            how = d["reason"]
        else:
            how = f"max {d['max_ulp']} ULP, {d['elements']} of {d['size']} elements"
        return (
            f"step {self.step}: {self.op}{rule}, {self.direction}, at {self.position}, output "
            f"{self.output}: {how}"
        )


class Report:
    """The outcome of a replay."""

    def __init__(self, steps: int, unseen: list[dict[str, Any]]) -> None:
        self.steps, self.compared, self.unseen = steps, 0, unseen
        self.divergences: list[Divergence] = []

    @property
    def ok(self) -> bool:
        """Whether every step was executed and had the recorded bits, and no step is missing."""
        return not self.divergences and not self.unseen

    @property
    def first(self) -> Divergence | None:
        """The first divergence."""
        return self.divergences[0] if self.divergences else None

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "schema": "franken.replay/2", "ok": self.ok, "steps": self.steps,
            "compared": self.compared, "unseen": self.unseen,
            "divergences": [d.to_dict() for d in self.divergences],
        }  # fmt: skip

    def __str__(self) -> str:
        if self.divergences:
            total = f"{len(self.divergences)} of {self.compared} results"
            return f"DIVERGED: {total}; first: {self.first}"
        if self.unseen:
            first = self.unseen[0]
            return (
                f"NOT PROVEN: {len(self.unseen)} value(s) in memory that was changed by code that "
                f"the record does not see; first: read in step {first['step']}, at "
                f"{first['position']}"
            )
        return f"REPLAYED: {self.steps} steps, {self.compared} results, all bits equal"


def load(source: Any) -> dict[str, Any]:
    """The record in a file, a `record` object, or plain data; NotProven for another schema."""
    if isinstance(source, record):
        data = source.to_dict()
    elif isinstance(source, dict):
        data = source
    else:
        from franken.serialization import native

        data = native.load_file(source)
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        found = data.get("schema") if isinstance(data, dict) else type(data).__name__
        raise NotProven(f"replay: expected a record of schema {SCHEMA!r}, found {found!r}")
    return data


def replay(source: str | os.PathLike[str] | Any, device: Any = None) -> Report:
    """Execute a level 3 record again and compare every result, bit by bit.

    Compared are the results of all kernels, what changes of memory leave behind, what derivative
    rules give (each rule is applied again, besides the kernels that it called), every `.grad`, and
    the stored data with their digests.

    Args:
        source: file, `record` object or its plain data.
        device: run there instead of on the recorded devices.

    After a divergence the replay goes on from the recorded result, if it was kept; else it ends.

    >>> import franken as torch
    >>> with record(level=3) as rec:
    ...     y = (torch.ones(2) * 3).exp()
    >>> print(replay(rec))
    REPLAYED: 2 steps, 2 results, all bits equal
    """
    data = load(source)
    if data["level"] < 3:
        raise NotProven("replay: this record has digests only; record it with level=3")
    return _Replay(data, None if device is None else resolve(device)).run()


class _Replay:
    """One replay: the values so far, and the report."""

    def __init__(self, data: dict[str, Any], dev: Any) -> None:
        self.data, self.dev = data, dev
        self.report = Report(len(data["steps"]), data["unseen"])
        self.env: dict[str, Tensor] = {}  # by digest, in whatever layout it was first seen
        self.kept: dict[str, Any] = {}

    def run(self) -> Report:
        """Everything in order; ends early where a value is lost."""
        data = self.data
        for table in ("leaves", "constants", "values"):
            for key, array in data[table].items():
                self._check_stored(key, array)
                self.kept[_digest(key)] = array
                if table != "values":
                    self.env[_digest(key)] = _rebuilt(array, key, self.dev)
        if all(self._step(k, entry) for k, entry in enumerate(data["steps"])):
            for entry in data["gradients"]:
                self.report.compared += 1
                if _digest(entry["grad"]) not in self.env:
                    what = {"prim": "gradient", "of": None, "direction": "backward"}
                    self._diverged(entry["step"], {**what, "position": "its leaf's .grad"}, 0, None)
        return self.report

    def _check_stored(self, key: str, array: Any) -> None:
        if array is not None and digest_array(np.asarray(array)) != _digest(key):
            where = next(
                (k for k, e in enumerate(self.data["steps"]) if key in _all_outputs(e)), -1
            )
            entry = {"prim": "stored value", "of": None, "direction": "", "position": "the record"}
            reason = "the data in the record do not have the digest that the record gives them"
            gone = {"max_ulp": None, "reason": reason, "elements": None, "size": None}
            self._diverged(where, entry, 0, gone)

    def _step(self, k: int, entry: dict[str, Any]) -> bool:
        made = _KINDS[entry["kind"]](self, entry)
        for i, (o, key) in enumerate(zip(made, _all_outputs(entry), strict=True)):
            if key is None and o is None:
                continue
            self.report.compared += 1
            if o is not None and key is not None and _same(o, key):
                self.env.setdefault(_digest(key), o)
                continue
            kept = None if key is None else self.kept.get(_digest(key))
            self._diverged(k, entry, i, None if o is None else _difference(o, kept))
            if kept is None:
                return False
            self.env.setdefault(_digest(key), _rebuilt(kept, key, self.dev))
        return True

    def _diverged(self, k: int, entry: dict[str, Any], output: int, difference: Any) -> None:
        self.report.divergences.append(Divergence(k, entry, output, difference))

    # --- the kinds of steps --------------------------------------------------------------------
    def _kernel(self, entry: dict[str, Any]) -> list[Any]:
        """The outputs of a primitive; of one that changes memory, its tensors and their memory."""
        args = [self._value(v) for v in entry["inputs"]]
        wholes: list[Tensor] = []
        for change in entry["changes"]:
            key, shared = change["before"], change["memory"]
            apart = shared == len(wholes)
            whole = _fresh(self._value(["value", key]), key) if apart else wholes[shared]
            args[change["input"]] = self._along(whole, change["path"])
            wholes.append(whole)
        written = [args[change["input"]] for change in entry["changes"]]
        with _random_state(entry["rng"]):
            out = _bind.eager(_primitive(entry), tuple(args), self._params(entry["params"]), False)
        if entry["changes"]:
            return [*written, *wholes]
        return list(out) if entry["several"] else [out]

    def _view(self, entry: dict[str, Any]) -> list[Any]:
        """Another part of a memory that is known."""
        ((_, key),) = entry["inputs"]
        return [self._along(_fresh(self._value(["value", key]), key), entry["path"])]

    def _rule(self, entry: dict[str, Any]) -> list[Any]:
        """What a derivative rule gives for the recorded values and cotangent."""
        prim, wanted = _primitive(entry), tuple(entry["wanted"])
        plan = prim.plan(sum(1 << i for i in wanted), wanted)
        if plan is None:
            raise NotProven(f"replay: {prim.name} has no derivative in this version")
        values = [self._value(v) for v in entry["inputs"]]
        before = set_grad(False)
        try:
            got = call_rules(
                plan, self._params(entry["params"]), values, self._value(entry["cotangent"]),
                entry["needs"],
            )  # fmt: skip
        finally:
            set_grad(before)
        return [g if needed else None for g, needed in zip(got, entry["needs"], strict=True)]

    def _along(self, t: Tensor, path: list[Any]) -> Tensor:
        for name, params in path:
            t = _bind.eager(PRIMITIVES[name], (t,), self._params(params), False)
        return t

    def _params(self, params: list[Any]) -> dict[str, Any]:
        return {name: decode(v, self.dev) for name, v in params}

    def _value(self, stored: Any) -> Any:
        kind, value = stored
        if kind == "number":
            return decode(value, self.dev)
        if kind == "tuple":
            return tuple(self._value(v) for v in value)
        found = self.env.get(_digest(value))
        if found is None:
            raise NotProven(f"replay: the record lacks the value {value}")
        return found if element_strides(found._a) == _steps_of(value) else _fresh(found, value)


_KINDS = {"kernel": _Replay._kernel, "rule": _Replay._rule, "view": _Replay._view}


def _all_outputs(entry: dict[str, Any]) -> list[Any]:
    """The keys of what a step gives, and of the memory that it leaves changed."""
    return [*entry["outputs"], *(c["after"] for c in entry.get("changes", ()))]


def _primitive(entry: dict[str, Any]) -> Primitive:
    prim = PRIMITIVES.get(entry["prim"])
    if prim is None:
        raise NotProven(f"replay: this version has no primitive {entry['prim']!r}")
    return prim


@contextmanager
def _random_state(state: Any) -> Iterator[None]:
    """Within the block, the random state that a step began with (None: whatever there is)."""
    if state is None:
        yield
        return
    with rng.fork():
        rng.default_generator.set_state(np.array(state, np.uint8))
        yield


def _digest(key: str) -> str:
    return key.partition(":")[0]


def _same(o: Tensor, key: str) -> bool:
    return _digest(fingerprint(o)[0]) == _digest(key)


def _steps_of(key: str) -> tuple[int, ...]:
    return tuple(int(s) for s in key.partition(":")[2].split(",") if s)


def _fresh(t: Tensor, key: str) -> Tensor:
    """A value in memory of its own, laid out as the key says."""
    made = wrap(strided_copy(host_array(t), _steps_of(key)))
    return made if t.device is CPU else made.to(t.device)


def _rebuilt(array: Any, key: str, dev: Any) -> Tensor:
    """A recorded value in memory of the recorded strides."""
    if array is None:
        raise NotProven("replay: the record lacks leaf data")
    t = wrap(strided_copy(np.asarray(array), _steps_of(key)))
    return t if dev is None or dev is CPU else t.to(dev)


def strided_copy(array: Any, strides: Sequence[int]) -> Any:
    """The values of an array in fresh memory under the given strides (in elements).

    >>> strided_copy(np.arange(4).reshape(2, 2), [1, 2]).strides
    (8, 16)
    """
    spans = [(n - 1) * s for n, s in zip(array.shape, strides, strict=True)]
    low = -sum(s for s in spans if s < 0)
    memory = np.zeros(1 + low + sum(s for s in spans if s > 0), array.dtype)
    size = array.itemsize
    out = np.ndarray(array.shape, array.dtype, memory, low * size, [s * size for s in strides])
    out[...] = array
    return out


def _difference(o: Tensor, recorded: Any) -> dict[str, Any] | None:
    """How far a result is from the recorded one."""
    if recorded is None:
        return None
    a, b = host_array(o), np.asarray(recorded)
    if a.shape != b.shape or a.dtype != b.dtype:
        what = f"{a.dtype.name}{list(a.shape)}, recorded {b.dtype.name}{list(b.shape)}"
        return {"max_ulp": None, "reason": what, "elements": None, "size": None}
    gaps = ulp_distance(a, b)
    differ = int(np.count_nonzero(gaps))
    return {"max_ulp": int(gaps.max(initial=0)), "reason": "", "elements": differ, "size": a.size}


def ulp_distance(a: Any, b: Any) -> Any:
    """Elementwise distance in units in the last place (by bits, so that NaN payloads count).

    >>> ulp_distance(np.float32(1.0), np.nextafter(np.float32(1.0), np.float32(2.0))).tolist()
    [1]
    """
    a, b = np.atleast_1d(np.ascontiguousarray(a)), np.atleast_1d(np.ascontiguousarray(b))
    if a.dtype.kind in COMPLEX_KINDS:
        part = np.dtype(f"f{a.dtype.itemsize // 2}")
        return np.maximum.reduce(ulp_distance(a.view(part), b.view(part)).reshape(*a.shape, 2), -1)
    x, y = _ordered(a), _ordered(b)
    return np.where(x > y, x - y, y - x).astype(np.uint64)


def _ordered(a: Any) -> Any:
    """Bits as integers in the order of the numbers."""
    if a.dtype.kind in "iub":
        return a.astype(np.int64)
    bits = a.view(f"i{a.dtype.itemsize}").astype(np.int64)
    lowest = np.int64(-1) << np.int64(8 * a.dtype.itemsize - 1)
    return np.where(bits < 0, lowest - bits, bits)
