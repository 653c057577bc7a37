"""Each module beside torch's: starting values, repr, state_dict, output, gradients, evaluation."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from module_table import CASES

import franken

torch = pytest.importorskip("torch")


def make(lib: Any, spec: Any, draw: np.random.Generator) -> Any:
    if isinstance(spec[0], int):
        return lib.tensor(draw.standard_normal(spec).astype("float32"), requires_grad=True)
    kind, *rest = spec
    if kind == "int":
        return lib.tensor(draw.integers(0, rest[0], rest[1]))
    uniform = draw.random(rest[0]).astype("float32")
    if kind == "sign":
        return lib.tensor(np.where(uniform > 0.5, 1.0, -1.0).astype("float32"))
    values = lib.tensor(uniform * 0.9 + 0.05)
    return values.requires_grad_() if kind == "unit" else values


def leaves(value: Any) -> list[Any]:
    if isinstance(value, (tuple, list)):
        return [x for v in value for x in leaves(v)]
    return [] if value is None else [value]


def close(mine: Any, theirs: Any) -> None:
    a, b = mine.detach().numpy(), theirs.detach().numpy()
    assert a.shape == b.shape and a.dtype == b.dtype
    largest = float(np.abs(b).max()) if b.size else 0.0
    np.testing.assert_allclose(a, b, rtol=3e-5, atol=3e-6 * max(1.0, largest))


def built(lib: Any, name: str, args: Any, kwargs: Any) -> Any:
    lib.manual_seed(7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(lib.nn, name)(*args, **kwargs)


def run(lib: Any, module: Any, name: str, specs: Any) -> Any:
    draw = np.random.default_rng(0)
    inputs = [make(lib, s, draw) for s in specs]
    if name == "KLDivLoss":
        inputs[0] = inputs[0].log_softmax(-1)
        inputs[0].retain_grad()
    lib.manual_seed(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outs = [o for o in leaves(module(*inputs))]
    total = 0  # weighted, so that norms' outputs do not cancel
    for o in outs:
        if o.is_floating_point():
            weights = lib.tensor(np.cos(np.arange(o.numel())).astype("float32")).reshape(o.shape)
            total = total + (o * weights).sum() + (o**2).sum()
    if total.requires_grad:
        total.backward()
    return inputs, outs


IDS = [f"{i}-{c[0]}" for i, c in enumerate(CASES)]


def same_state(mine: Any, theirs: Any) -> None:
    a, b = mine.state_dict(), theirs.state_dict()
    assert list(a) == list(b)
    assert list(a._metadata.items()) == list(b._metadata.items())
    for key in a:
        if (
            type(b[key]).__name__ != "UninitializedParameter"
            and type(b[key]).__name__ != "UninitializedBuffer"
        ):
            np.testing.assert_array_equal(a[key].numpy(), b[key].numpy(), err_msg=key)


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
