"""torch._foreach_*: every function with every kind of argument, compared with torch."""

from __future__ import annotations

import inspect
import math
from typing import Any

import pytest
import torch

import franken

NAMES = sorted(n for n in dir(torch) if n.startswith("_foreach_"))


def lists(m: Any, n: int) -> list[Any]:
    return [[m.tensor([0.25 + i, 0.75]), m.tensor([[0.5, 0.3 + i, 0.9]])] for i in range(n)]


# What follows the list: others by the number of lists, numbers, lists of numbers, tensors.
KINDS = {
    "alone": lambda m: (),
    "lists": lambda m: lists(m, 1),
    "number": lambda m: (2,),
    "float": lambda m: (0.5,),
    "numbers": lambda m: ([2, 0.5],),
    "tensor": lambda m: (m.tensor(2.0),),
    "row": lambda m: (m.tensor([2.0, 3.0]),),
    "three lists": lambda m: lists(m, 2),
    "two and number": lambda m: (*lists(m, 1), 0.5),
    "two and numbers": lambda m: (*lists(m, 1), [0.5, 2]),
    "three and number": lambda m: (*lists(m, 2), 2),
    "three and numbers": lambda m: (*lists(m, 2), [2, 3]),
    "three and row": lambda m: (*lists(m, 2), m.tensor([2.0, 3.0])),
    "shorter": lambda m: (lists(m, 1)[0][:1],),
    "too few": lambda m: ([1],),
}


def outcome(m: Any, name: str, kind: str) -> Any:
    given = lists(m, 1)[0]
    before = list(given)
    try:
        out = getattr(m, name)(given, *KINDS[kind](m))
    except (TypeError, RuntimeError) as error:
        return type(error).__name__, str(error) if isinstance(error, RuntimeError) else ""
    kept = out is given and all(a is b for a, b in zip(given, before, strict=True))
    return type(out).__name__, kept, [t.tolist() for t in out]


def close(got: Any, want: Any) -> bool:
    if isinstance(want, list):
        return len(got) == len(want) and all(map(close, got, want))
    if isinstance(want, float):
        return got == pytest.approx(want, rel=1e-5) or (math.isnan(got) and math.isnan(want))
    return bool(got == want)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "_foreach_mm"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_form_as_torch(name: str, kind: str) -> None:
    want, got = (outcome(m, name, kind) for m in (torch, franken))
    assert close(list(got), list(want)), (got, want)


def test_no_list_is_refused() -> None:
    for m in (torch, franken):
        with pytest.raises(TypeError, match="'self' .position 1. must be tuple of Tensors"):
            m._foreach_exp(3)
        with pytest.raises(TypeError, match="expected Tensor as element 0 in argument 0, but got"):
            m._foreach_exp([3])
        with pytest.raises(RuntimeError, match="Tensor list must have at least one tensor."):
            m._foreach_exp([])
        assert [t.tolist() for t in m._foreach_pow(2.0, [m.ones(1), m.zeros(1)])] == [[2.0], [1.0]]
        assert m._foreach_mm([m.ones(1, 2)], [m.ones(2, 1)])[0].tolist() == [[2.0]]
        alpha = m._foreach_add([m.ones(1)], [m.ones(1)], alpha=3)
        assert [t.tolist() for t in alpha] == [[4.0]]


def test_gradients_pass() -> None:
    for m in (torch, franken):
        x = m.ones(2, requires_grad=True)
        m._foreach_mul([x, x], [2, 3])[1].sum().backward()
        assert x.grad.tolist() == [3.0, 3.0]


def test_unscaling_notes_what_is_not_finite() -> None:
    for m in (torch, franken):
        found, values = m.zeros(1), [m.ones(2), m.tensor([math.inf])]
        call = m._amp_foreach_non_finite_check_and_unscale_
        assert call(values[:1], found, m.tensor(0.5)) is None
        assert found.item() == 0.0 and values[0].tolist() == [0.5, 0.5]
        call(values, found, m.tensor(0.5))
        assert found.item() == 1.0
        with pytest.raises(RuntimeError, match="found_inf must be a 1-element tensor."):
            call(values, m.zeros(2), m.tensor(0.5))


def test_symbols_are_plain_numbers() -> None:
    calls = (
        lambda m: m.sym_int(-2.7), lambda m: m.sym_float(3), lambda m: m.sym_max(3, 2.0),
        lambda m: m.sym_min(1, 2), lambda m: m.sym_not(3), lambda m: m.sym_ite(True, 1, 2),
        lambda m: m.sym_sum([1, 2]), lambda m: m.sym_sqrt(4), lambda m: m.sym_max(True, 2),
        lambda m: m._sym_log2(8), lambda m: isinstance(3, m.SymInt),
    )  # fmt: skip
    for call in calls:
        want, got = call(torch), call(franken)
        assert (type(want), want) == (type(got), got)
    for bad in (lambda m: m.sym_max(1, "a"), lambda m: m.sym_ite(1, 1, 2),
                lambda m: m.sym_ite(True, 1, 2.0)):  # fmt: skip
        said = []
        for m in (torch, franken):
            with pytest.raises(AssertionError) as caught:
                bad(m)
            said.append(str(caught.value))
        assert said[0] == said[1]
    assert inspect.isclass(franken.SymBool) and franken.SymBool.__module__ == "torch"
