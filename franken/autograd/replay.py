"""`replay`: execute a recorded step again, kernel by kernel, and compare all bits.

`python -m franken.autograd.replay FILE [--json] [--device DEVICE]` ends with 0 if every result has
the recorded bits, 1 at a divergence, 2 for a file it cannot read, 3 if nothing can be proven.
Knows records and primitives; knows no particular op.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import numpy as np

from franken.autograd.codec import decode
from franken.autograd.record import SCHEMA, fingerprint, host_array, record
from franken.backends.numpy.random import twister as rng
from franken.core import primitive as _bind
from franken.core.device import CPU, resolve
from franken.core.dtypes import COMPLEX_KINDS
from franken.core.errors import NotProven
from franken.core.primitive import PRIMITIVES
from franken.core.tensor import Tensor, wrap


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

    def __init__(self, steps: int) -> None:
        self.steps, self.compared = steps, 0
        self.divergences: list[Divergence] = []

    @property
    def ok(self) -> bool:
        """Whether every step was executed and had the recorded bits."""
        return not self.divergences

    @property
    def first(self) -> Divergence | None:
        """The first divergence."""
        return self.divergences[0] if self.divergences else None

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "schema": "franken.replay/1", "ok": self.ok, "steps": self.steps,
            "compared": self.compared, "divergences": [d.to_dict() for d in self.divergences],
        }  # fmt: skip

    def __str__(self) -> str:
        if self.ok:
            return f"REPLAYED: {self.steps} steps, {self.compared} results, all bits equal"
        return f"DIVERGED: {len(self.divergences)} of {self.compared} results; first: {self.first}"


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
    dev = None if device is None else resolve(device)
    env = {key: _rebuilt(array, key, dev) for key, array in data["leaves"].items()}
    report = Report(len(data["steps"]))
    for k, entry in enumerate(data["steps"]):
        outs = _execute(entry, env, dev)
        for i, (o, key) in enumerate(zip(outs, entry["outputs"], strict=True)):
            report.compared += 1
            if _same(o, key):
                env.setdefault(key, o)
                continue
            kept = data["values"].get(key, data["leaves"].get(key))
            report.divergences.append(Divergence(k, entry, i, _difference(o, kept)))
            if kept is None:
                return report
            env.setdefault(key, _rebuilt(kept, key, dev))
    return report


def _same(o: Tensor, key: str) -> bool:
    return fingerprint(o)[0].split(":")[0] == key.split(":")[0]


def _execute(entry: dict[str, Any], env: dict[str, Tensor], dev: Any) -> tuple[Any, ...]:
    prim = PRIMITIVES.get(entry["prim"])
    if prim is None:
        raise NotProven(f"replay: this version has no primitive {entry['prim']!r}")
    args = []
    for kind, value in entry["inputs"]:
        if kind == "number":
            args.append(decode(value))
        elif value in env:
            args.append(env[value])
        else:
            raise NotProven(f"replay: the record lacks the value {value}")
    params = {name: decode(v, dev) for name, v in entry["params"]}
    if entry["rng"] is None:
        out = _bind.eager(prim, tuple(args), params, False)
    else:
        with rng.fork():
            rng.default_generator.set_state(np.array(entry["rng"], np.uint8))
            out = _bind.eager(prim, tuple(args), params, False)
    return out if entry["several"] else (out,)


def _rebuilt(array: Any, key: str, dev: Any) -> Tensor:
    """A recorded value in memory of the recorded strides."""
    if array is None:
        raise NotProven("replay: the record lacks leaf data")
    strides = [int(s) for s in key.split(":")[1].split(",") if s]
    t = wrap(strided_copy(np.asarray(array), strides))
    return t if dev is None or dev is CPU else t.to(dev)


def strided_copy(array: Any, strides: list[int]) -> Any:
    """The values of an array in fresh memory under the given strides (in elements).

    >>> strided_copy(np.arange(4).reshape(2, 2), [1, 2]).strides
    (8, 16)
    """
    if 0 in array.shape or not array.ndim:
        return np.array(array)
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


def main(argv: list[str] | None = None) -> int:
    """The command; see the module's docstring."""
    words = sys.argv[1:] if argv is None else argv
    as_json = "--json" in words
    device = words[words.index("--device") + 1] if "--device" in words else None
    files = [w for w in words if not w.startswith("--") and w != device]
    if len(files) != 1:
        sys.stderr.write(
            "usage: python -m franken.autograd.replay FILE [--json] [--device DEVICE]\n"
        )
        return 2
    from franken.serialization.errors import FormatError

    try:
        report = replay(files[0], device)
    except (OSError, FormatError) as error:
        sys.stderr.write(f"{files[0]}: {error}\n")
        return 2
    except NotProven as error:
        sys.stderr.write(f"NOT PROVEN: {error}\n")
        return 3
    sys.stdout.write(
        (json.dumps(report.to_dict(), sort_keys=True) if as_json else str(report)) + "\n"
    )
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
