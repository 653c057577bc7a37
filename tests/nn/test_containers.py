"""Containers, state dicts and parameters beside torch's: orders, errors, arguments by position."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest


def names(value: Any) -> list[str]:
    return [str(k) for k in value]


def layers(lib: Any) -> Any:
    return lib.nn.ModuleDict({"b": lib.nn.Linear(2, 1), "a": lib.nn.ReLU()})


def numbers(lib: Any) -> Any:
    return lib.nn.ParameterDict({"b": lib.ones(1), "a": lib.zeros(2), "c": 3})


def dictionary(lib: Any, given: Any) -> Any:
    d = layers(lib)
    d.update(given)
    return names(d)


def parameters(lib: Any, given: Any) -> Any:
    d = numbers(lib)
    d.update(given)
    return names(d)


def into(lib: Any, *arguments: Any) -> Any:
    m = lib.nn.Sequential(lib.nn.Linear(2, 1), lib.nn.BatchNorm1d(1))
    found = m.state_dict(*arguments)
    kept = [v.requires_grad for v in found.values() if hasattr(v, "requires_grad")]
    return names(found), kept, list(getattr(found, "_metadata", {}))


PROGRAMS = {
    "module order": lambda lib: dictionary(lib, {"z": lib.nn.ReLU(), "d": lib.nn.ReLU()}),
    "module pairs": lambda lib: dictionary(lib, [("z", lib.nn.ReLU()), ["d", lib.nn.ReLU()]]),
    "module other": lambda lib: dictionary(lib, layers(lib)),
    "module pair of one": lambda lib: dictionary(lib, [("z", lib.nn.ReLU()), ("d",)]),
    "module no pair": lambda lib: dictionary(lib, [("z", lib.nn.ReLU()), 3]),
    "module number": lambda lib: dictionary(lib, 3),
    "module key": lambda lib: dictionary(lib, {3: lib.nn.ReLU()}),
    "module value": lambda lib: dictionary(lib, {"z": 3}),
    "module pop": lambda lib: (lambda d: (type(d.pop("a")).__name__, names(d)))(layers(lib)),
    "module clear": lambda lib: (lambda d: (d.clear(), names(d), len(d)))(layers(lib)),
    "parameter order": lambda lib: names(numbers(lib)),
    "parameter sorted": lambda lib: parameters(lib, {"z": lib.ones(1), "d": lib.ones(1)}),
    "parameter ordered": lambda lib: parameters(
        lib, OrderedDict([("z", lib.ones(1)), ("d", lib.ones(1))])
    ),
    "parameter pairs": lambda lib: parameters(lib, [("z", lib.ones(1)), ("d", lib.ones(1))]),
    "parameter other": lambda lib: parameters(lib, numbers(lib)),
    "parameter pair of one": lambda lib: parameters(lib, [("z", lib.ones(1)), ("d",)]),
    "parameter no pair": lambda lib: parameters(lib, [3]),
    "parameter number": lambda lib: parameters(lib, 3),
    "parameter clear": lambda lib: (lambda d: (d.clear(), names(d), len(d)))(numbers(lib)),
    "parameter pop": lambda lib: (lambda d: (d.pop("a"), names(d)))(numbers(lib)),
    "parameter popitem": lambda lib: (lambda d: (d.popitem()[0], names(d)))(numbers(lib)),
    "parameter setdefault": lambda lib: (
        lambda d: (d.setdefault("a", lib.ones(9)), d.setdefault("n", lib.ones(1)), names(d))
    )(numbers(lib)),
    "parameter get": lambda lib: (numbers(lib).get("a"), numbers(lib).get("x", 4)),
    "parameter fromkeys": lambda lib: names(numbers(lib).fromkeys(["x", "y"], lib.ones(1))),
    "parameter copy": lambda lib: names(numbers(lib).copy()),
    "parameter union": lambda lib: names(numbers(lib) | lib.nn.ParameterDict({"q": lib.ones(1)})),
    "parameter reversed": lambda lib: names(reversed(numbers(lib))),
    "parameter repr": lambda lib: repr(numbers(lib)),
    "parameter list": lambda lib: repr(lib.nn.ParameterList([lib.ones(1), lib.zeros(2), 3])),
    "parameter list ends": lambda lib: (
        lambda p: (p[-1], p[0], len(p[1:]), len(p + [lib.ones(1)]))
    )(lib.nn.ParameterList([lib.ones(1), lib.zeros(2)])),
    "parameter list range": lambda lib: lib.nn.ParameterList([lib.ones(1)])[1],
    "parameter list below": lambda lib: lib.nn.ParameterList([lib.ones(1)])[-2],
    "module list ends": lambda lib: (
        lambda m: (m.insert(1, lib.nn.ReLU()), m.pop(0), m.pop(-1), repr(m), len(m))
    )(lib.nn.ModuleList([lib.nn.ReLU(), lib.nn.Tanh(), lib.nn.ELU()]))[3:],
    "module list range": lambda lib: lib.nn.ModuleList([lib.nn.ReLU()])[1],
    "module list below": lambda lib: lib.nn.ModuleList([lib.nn.ReLU()])[-2],
    "module list repeats": lambda lib: repr(
        lib.nn.ModuleList([lib.nn.ReLU() for _ in range(3)] + [lib.nn.Tanh()] * 2 + [lib.nn.ELU()])
    ),
    "sequential": lambda lib: repr(
        (lib.nn.Sequential(lib.nn.ReLU()) + lib.nn.Sequential(lib.nn.Tanh())) * 2
    ),
    "sequential pop": lambda lib: (lambda s: (repr(s.pop(0)), repr(s)))(
        lib.nn.Sequential(lib.nn.ReLU(), lib.nn.Tanh(), lib.nn.ELU())
    ),
    "sequential insert": lambda lib: repr(
        lib.nn.Sequential(lib.nn.ReLU(), lib.nn.Tanh()).insert(-1, lib.nn.ELU())
    ),
    "sequential insert far": lambda lib: lib.nn.Sequential(lib.nn.ReLU()).insert(3, lib.nn.ELU()),
    "state": lambda lib: into(lib),
    "state into": lambda lib: into(lib, {}),
    "state prefix": lambda lib: into(lib, None, "p."),
    "state kept": lambda lib: into(lib, OrderedDict(), "p.", True),
    "state kept none": lambda lib: into(lib, None, "", True),
    "buffer": lambda lib: [
        isinstance(x, lib.nn.Buffer)
        for x in (lib.ones(1), 3, lib.nn.Buffer(lib.ones(1)), lib.nn.Parameter(lib.ones(1)))
    ],
    "parameter": lambda lib: [
        isinstance(x, lib.nn.Parameter)
        for x in (lib.ones(1), 3, lib.nn.Buffer(lib.ones(1)), lib.nn.Parameter(lib.ones(1)))
    ],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_torch(name: str, agree: Any) -> None:
    agree(PROGRAMS[name], words=40)
