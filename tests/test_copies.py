"""copy, deepcopy and pickle of tensors, as in torch."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch

import franken

MADE = {
    "leaf": lambda m: m.ones(2, 3, requires_grad=True),
    "result": lambda m: m.ones(2, 3, requires_grad=True) * 2,
    "parameter": lambda m: m.nn.Parameter(m.ones(2)),
    "frozen": lambda m: m.nn.Parameter(m.ones(2), requires_grad=False),
    "view": lambda m: m.arange(6.0).reshape(2, 3).t(),
    "slice": lambda m: m.arange(6.0)[2:4],
    "expanded": lambda m: m.ones(1, 3).expand(2, 3),
    "integers": lambda m: m.arange(3),
    "empty": lambda m: m.ones(0, 2),
}
WAYS = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda t: pickle.loads(pickle.dumps(t)),
}


def described(t: Any) -> Any:
    return (type(t).__name__, str(t.dtype), tuple(t.shape), t.tolist(), t.requires_grad, t.is_leaf,
            t.grad_fn is None)  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("made", MADE)
def test_copies(made: str, way: str) -> None:
    found = []
    for m in (torch, franken):
        t = MADE[made](m)
        try:
            found.append((described(WAYS[way](t)), described(t)))
        except RuntimeError as error:
            found.append(str(error).split()[:5])
    assert found[0] == found[1]


@pytest.mark.parametrize("made", MADE)
def test_a_copy_has_the_same_memory_and_layout(made: str) -> None:
    for m in (torch, franken):
        t = MADE[made](m)
        again = copy.copy(t)
        assert again is not t and again.stride() == t.stride()
        assert again.data_ptr() == t.data_ptr()


def test_deep_copies_share_memory_among_each_other() -> None:
    for m in (torch, franken):
        x = m.arange(6.0)
        whole, part = copy.deepcopy([x, x[2:4]])
        whole[2] = 99.0
        assert part.tolist() == [99.0, 3.0] and x[2] == 2.0
