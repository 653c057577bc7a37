"""Argument orders that torch deprecated and still takes, in every form of the ops."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import Any

import pytest
import torch

import franken

KINDS = {
    "v": lambda m: m.arange(1.0, 4),
    "M": lambda m: m.arange(1.0, 10).reshape(3, 3) / 4,
    "B": lambda m: m.arange(1.0, 19).reshape(2, 3, 3) / 8,
    "2": lambda m: 2,
    "3": lambda m: 3,
}
FUNCTIONS = {
    "addmm": ["2MMM", "2M3MM"], "addmv": ["2vMv", "2v3Mv"], "addr": ["2Mvv", "2M3vv"],
    "addbmm": ["2MBB", "2M3BB"], "baddbmm": ["2BBB", "2B3BB"], "addcmul": ["v2vv"],
    "addcdiv": ["v2vv"], "add": ["v2v"], "sub": ["v2v"],
}  # fmt: skip
METHODS = {
    "addmm": ["M2MM", "M23MM"], "addmv": ["v2Mv", "v23Mv"], "addr": ["M2vv", "M23vv"],
    "addbmm": ["M2BB", "M23BB"], "baddbmm": ["B2BB", "B23BB"], "addcmul": ["v2vv"],
    "addcdiv": ["v2vv"], "add": ["v2v"], "sub": ["v2v"],
}  # fmt: skip
REFUSED = {
    "addmm": ["MMM2", "MM2M", "2M3M", "223MM", "MMM23"], "addcmul": ["2vvv", "vv2v", "vvv2"],
    "add": ["2vv", "v23v"], "addr": ["2M3v2"],
}  # fmt: skip


def values(m: Any, call: Any, order: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(*[KINDS[letter](m) for letter in order]).tolist()


def forms(m: Any, name: str) -> list[Any]:
    return [
        lambda x, *rest: getattr(x, name)(*rest),
        lambda x, *rest: getattr(x, name + "_")(*rest),
    ]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_orders(name: str) -> None:
    for order in FUNCTIONS[name]:
        want, got = (values(m, getattr(m, name), order) for m in (torch, franken))
        assert got == want
        written = franken.empty(0)
        values(franken, lambda *a, w=written: getattr(franken, name)(*a, out=w), order)
        assert written.tolist() == want
    for order in METHODS[name]:
        for ours, theirs in zip(forms(franken, name), forms(torch, name), strict=True):
            assert values(franken, ours, order) == values(torch, theirs, order)


@pytest.mark.parametrize("name", REFUSED)
def test_other_orders_are_refused(name: str) -> None:
    for order in REFUSED[name]:
        for m in (torch, franken):
            with pytest.raises(TypeError):
                values(m, getattr(m, name), order)


def test_gradients_flow() -> None:
    x, y, z = (franken.tensor([1.0, 2.0], requires_grad=True) for _ in range(3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        franken.addcmul(x, 3.0, y, z).sum().backward()
    assert y.grad.tolist() == [3.0, 6.0]


PROGRAM = """
import sys, warnings
import {module} as m
warnings.simplefilter("always")
with warnings.catch_warnings(record=True) as seen:
    for _ in range(2):
        m.addcmul(m.ones(2), 2, m.ones(2), m.ones(2))
        m.addmv(2, m.ones(2), m.ones(2, 2), m.ones(2))
print(len(seen), seen[0].category.__name__, str(seen[0].message).partition(" (Triggered")[0])
"""


def test_the_warning_comes_once() -> None:
    told = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM.format(module=module)],
            capture_output=True, text=True, check=True,
        ).stdout
        for module in ("torch", "franken")
    ]  # fmt: skip
    assert told[0].strip() == told[1].strip() and told[1].startswith("1 UserWarning This overload")
