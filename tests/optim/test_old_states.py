"""State dicts and pickles of older torch versions: what they lack is filled in as torch does it."""

from __future__ import annotations

import collections
import copy
from typing import Any

import numpy as np
import pytest

import franken

torch = pytest.importorskip("torch")

NAMES = ["SGD", "Adam", "AdamW", "Adagrad", "Adadelta", "Adamax", "ASGD", "NAdam", "RAdam",
         "Rprop", "RMSprop", "Adafactor", "LBFGS"]  # fmt: skip
OPTIONS: dict[str, dict[str, Any]] = {
    "SGD": {"momentum": 0.9}, "Adam": {"amsgrad": True},
    "RMSprop": {"momentum": 0.9, "centered": True},
}  # fmt: skip
COUNTS = ("step", "eta", "mu", "mu_product")
NEWER = ("foreach", "maximize", "capturable", "differentiable", "fused", "decoupled_weight_decay",
         "amsgrad", "nesterov", "centered")  # fmt: skip
NUMBERS = {"int": lambda t: int(t.item()), "float": lambda t: float(t.item()),
           "float64": lambda t: t.double(), "int64": lambda t: t.long()}  # fmt: skip
RAISED = (KeyError, AttributeError, RuntimeError, TypeError)


def converted(value, lib):
    if isinstance(value, torch.Tensor):
        return lib.tensor(value.numpy())
    if isinstance(value, dict):
        return {k: converted(v, lib) for k, v in value.items()}
    return [converted(v, lib) for v in value] if isinstance(value, list) else value


def plain(value):
    if isinstance(value, (torch.Tensor, franken.Tensor)):
        numbers = np.round(value.detach().numpy().astype("f8"), 4)
        return str(value.dtype), tuple(value.shape), numbers.tolist()
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return round(value, 5) if isinstance(value, float) else value


def made(lib, name):
    params = [lib.tensor(np.arange(3, dtype="f4") + i).requires_grad_() for i in range(2)]
    for p in params:
        p.grad = lib.ones(3)
    return params, getattr(lib.optim, name)(params, **OPTIONS.get(name, {}))


def step(optimizer, params, name):
    optimizer.step(*[lambda: sum((p * p).sum() for p in params)] * (name == "LBFGS"))


def variants(name):
    params, optimizer = made(torch, name)
    for _ in range(3):
        step(optimizer, params, name)
    now = optimizer.state_dict()
    yield "as it is", now

    def without(keys, start=now):
        made = copy.deepcopy(start)
        for key in keys:
            made["param_groups"][0].pop(key, None)
        return made

    for key in now["param_groups"][0]:
        if key != "params":
            yield f"without {key}", without([key])
    yield "without all new options", without(NEWER)
    for kind, number in NUMBERS.items():
        old = copy.deepcopy(now)
        for state in old["state"].values():
            state.update({k: number(v) for k, v in state.items() if k in COUNTS})
        yield f"{kind} counts", old
        yield f"{kind} counts without new options", without(NEWER, old)
    yield "without state", {**now, "state": {}}


def loaded(lib, name, old, how):
    """What becomes of an old state: itself after loading, and everything after one more step."""
    params, optimizer = made(lib, name)
    old = converted(old, lib)
    try:
        if how == "load_state_dict":
            optimizer.load_state_dict(old)
        else:
            groups = [{**g, "params": params} for g in old["param_groups"]]
            state = {params[k]: v for k, v in old["state"].items()}
            optimizer.__setstate__({
                "state": collections.defaultdict(dict, state), "param_groups": groups,
            })  # fmt: skip
        at_first = plain(optimizer.state_dict())
        step(optimizer, params, name)
    except RAISED as error:
        return type(error).__name__, str(error)
    return at_first, plain(optimizer.state_dict()), plain(params)


@pytest.mark.parametrize("how", ["load_state_dict", "__setstate__"])
@pytest.mark.parametrize("name", NAMES)
def test_old_states(name, how):
    for what, old in variants(name):
        mine, theirs = (loaded(lib, name, old, how) for lib in (franken, torch))
        assert mine == theirs, what
