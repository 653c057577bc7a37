"""Each module beside torch's: starting values, repr, state_dict, output, gradients, evaluation."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from module_runs import built, close, run, same_state
from module_table import CASES

import franken

torch = pytest.importorskip("torch")


IDS = [f"{i}-{c[0]}" for i, c in enumerate(CASES)]


@pytest.mark.parametrize(("name", "args", "kwargs", "specs"), CASES, ids=IDS)
def test_construction(name: str, args: Any, kwargs: Any, specs: Any) -> None:
    mine, theirs = built(franken, name, args, kwargs), built(torch, name, args, kwargs)
    assert repr(mine) == repr(theirs)
    same_state(mine, theirs)
    assert [n for n, _ in mine.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    for (_, a), (_, b) in zip(mine.named_modules(), theirs.named_modules(), strict=True):
        assert type(a).__name__ == type(b).__name__


@pytest.mark.parametrize(("name", "args", "kwargs", "specs"), [c for c in CASES if c[3]],
                         ids=[i for i, c in zip(IDS, CASES, strict=True) if c[3]])  # fmt: skip
def test_run(name: str, args: Any, kwargs: Any, specs: Any) -> None:
    mine, theirs = built(franken, name, args, kwargs), built(torch, name, args, kwargs)
    ins, outs = run(franken, mine, name, specs)
    their_ins, their_outs = run(torch, theirs, name, specs)
    for a, b in zip(outs, their_outs, strict=True):
        close(a, b)
    for a, b in zip(ins, their_ins, strict=True):
        if name == "CrossMapLRN2d":  # torch's backward is not the derivative of its forward
            continue
        assert (a.grad is None) == (b.grad is None)
        if b.grad is not None:
            close(a.grad, b.grad)
    for (key, a), (_, b) in zip(mine.named_parameters(), theirs.named_parameters(), strict=True):
        assert (a.grad is None) == (b.grad is None), key
        if b.grad is not None:
            close(a.grad, b.grad)
    for a, b in zip(mine.buffers(), theirs.buffers(), strict=True):
        close(a, b)
    assert repr(mine) == repr(theirs)
    mine.eval()
    theirs.eval()
    for a, b in zip(
        run(franken, mine, name, specs)[1], run(torch, theirs, name, specs)[1], strict=True
    ):
        close(a, b)
    for clone in (copy.deepcopy(mine), pickle.loads(pickle.dumps(mine))):
        assert repr(clone) == repr(mine)
        for a, b in zip(clone.state_dict().values(), mine.state_dict().values(), strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
