"""Numbers in every place of every op: NumPy's scalars and tensors of one number, as in torch.

The calls are the ops' own samples. Where torch takes another kind of number in some place, so
must franken, with the same result.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import franken
from conformance import oracle
from franken.core.op import OPS
from franken.ops.declaring.samples import Call, Maker

KINDS: dict[type, dict[str, Any]] = {
    int: {
        "np.int64": lambda m, v: np.int64(v),
        "tensor": lambda m, v: m.tensor(v),
    },
    float: {
        "np.float64": lambda m, v: np.float64(v),
        "np.float32": lambda m, v: np.float32(v),
        "np.longdouble": lambda m, v: np.longdouble(v),
        "tensor": lambda m, v: m.tensor(v),
    },
}
REFUSALS = (TypeError, ValueError, RuntimeError, OverflowError, IndexError, AttributeError,
            AssertionError)  # fmt: skip
# Values of memory that nobody wrote, and draws in the shape of a tensor of parameters.
UNDETERMINED = ("empty", "normal", "bernoulli")
# max and min read a tensor in the place of `dim` as the other operand, whatever its keyword.
READ_OTHERWISE = {("max", "dim"), ("min", "dim"), ("lerp", 2), ("new_tensor", 1)}


def places(call: Call) -> Iterator[tuple[tuple[Any, ...], Any]]:
    for key, value in [*enumerate(call.args), *call.kwargs.items()]:
        if type(value) in KINDS:
            yield (key,), value
        elif type(value) in (tuple, list):
            yield from (((key, i), v) for i, v in enumerate(value) if type(v) in KINDS)


def changed(call: Call, place: tuple[Any, ...], value: Any) -> tuple[Any, Any]:
    args, kwargs = list(call.args), dict(call.kwargs)
    box: Any = args if isinstance(place[0], int) else kwargs
    if len(place) == 1:
        box[place[0]] = value
    else:
        inside = list(box[place[0]])
        inside[place[1]] = value
        box[place[0]] = type(box[place[0]])(inside)
    return args, kwargs


def described(m: Any, out: Any) -> Any:
    if isinstance(out, m.Tensor):
        values = np.asarray(out.detach().tolist(), complex)
        return str(out.dtype), tuple(out.shape), values.round(4).tolist()
    if isinstance(out, (tuple, list)):
        return [described(m, each) for each in out]
    return str(out)


def outcome(m: Any, function: Any, args: Any, kwargs: Any) -> Any:
    m.manual_seed(0)
    try:
        return described(m, function(*args, **kwargs))
    except REFUSALS as e:
        return type(e)


def functions(op: Any) -> tuple[Any, Any]:
    if not op.at:
        return op.fn, getattr(torch.Tensor, op.name, None)
    try:
        return op.function, oracle.public(op.name, torch)
    except oracle.Missing:
        return op.function, None


def calls(m: Any, op: Any) -> list[Call]:
    return [Call(*call) for call in op.samples(Maker(m, m.float32))]


def differences(name: str) -> list[str]:
    op = OPS[name]
    ours, theirs = functions(op)
    found = []
    for n, call in enumerate(calls(franken, op)):
        if call.post or call.pre:
            continue
        for place, value in places(call):
            if (name, place[0]) in READ_OTHERWISE:
                continue
            for kind, make in KINDS[type(value)].items():
                results = []
                for m, function in ((torch, theirs), (franken, ours)):
                    args, kwargs = changed(calls(m, op)[n], place, make(m, value))
                    results.append(outcome(m, function, args, kwargs))
                if not isinstance(results[0], type) and results[0] != results[1]:
                    plain = [outcome(m, f, *calls(m, op)[n][:2])
                             for m, f in ((torch, theirs), (franken, ours))]  # fmt: skip
                    if plain[0] == plain[1]:  # else the op differs here for Python's numbers too
                        found.append(f"{place} {value!r} as {kind}: {results}"[:300])
    return found


NAMES = [
    name
    for name, op in OPS.items()
    if callable(op.samples) and not any(word in name for word in UNDETERMINED)
]


@pytest.mark.parametrize("part", range(8))
def test_numbers_of_other_kinds(part: int) -> None:
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in NAMES[part::8]:
            if functions(OPS[name])[1] is not None:
                wrong = differences(name)
                if wrong:
                    found[name] = wrong
    assert not found


REFUSED = {
    "float start": lambda m: m.narrow(m.ones(4), 0, m.tensor(1.0), 2),
    "weight without dimensions": lambda m: m.nn.functional.multi_margin_loss(
        m.ones(5, 4), m.zeros(5, dtype=m.int64), weight=m.tensor(1.0)
    ),
    "float dimension": lambda m: m.ones(2, 3).sum(m.tensor(1.0)),
    "dimension with a gradient": lambda m: m.ones(2, 3).sum(m.tensor(1.0, requires_grad=True)),
    "dimension out of range": lambda m: m.ones(2, 3).sum(np.int64(5)),
    "list of tensors": lambda m: m.cat([m.tensor(1), m.tensor(2)]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_are_those_of_the_op(name: str) -> None:
    want, got = (outcome(m, lambda m=m: REFUSED[name](m), (), {}) for m in (torch, franken))
    assert isinstance(want, type) and got is want
