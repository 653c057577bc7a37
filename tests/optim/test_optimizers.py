"""Each optimizer beside torch's over 20 steps: parameters, state, state_dict round trip, copies."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import franken

torch = pytest.importorskip("torch")

CASES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.05}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1, "foreach": True}),
    ("Adam", {"lr": 0.05}),
    ("Adam", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.05, "amsgrad": True, "maximize": True}),
    ("Adam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("AdamW", {"lr": 0.05}),
    ("AdamW", {"lr": 0.05, "amsgrad": True, "weight_decay": 0.3}),
    ("Adagrad", {"lr": 0.1}),
    (
        "Adagrad",
        {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.2},
    ),
    ("RMSprop", {"lr": 0.05}),
    ("RMSprop", {"lr": 0.05, "centered": True, "momentum": 0.8, "weight_decay": 0.1}),
    ("Adadelta", {"lr": 1.0, "weight_decay": 0.1}),
    ("Adamax", {"lr": 0.05, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.05}),
    ("NAdam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.05, "weight_decay": 0.1}),
    ("RAdam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("ASGD", {"lr": 0.05, "lambd": 0.01, "t0": 5, "weight_decay": 0.1}),
    ("Rprop", {"lr": 0.05}),
    ("Adafactor", {"lr": 0.1}),
    ("Adafactor", {"lr": 0.1, "weight_decay": 0.1, "d": 1.5, "beta2_decay": -0.5}),
]
IDS = [f"{i}-{n}" for i, (n, _) in enumerate(CASES)]
SHAPES = [(4, 3), (5,), (2, 3, 2)]


class Problem:
    """A quadratic with a fixed, ill-conditioned target; parameters in one library."""

    def __init__(self, lib: Any, dtype: str = "float32") -> None:
        draw = np.random.default_rng(0)
        self.lib = lib
        self.params = [
            lib.nn.Parameter(lib.tensor(draw.standard_normal(s).astype(dtype))) for s in SHAPES
        ]
        self.targets = [lib.tensor(draw.standard_normal(s).astype(dtype)) for s in SHAPES]
        self.scales = [lib.tensor(draw.random(s).astype(dtype) * 3) for s in SHAPES]

    def loss(self) -> Any:
        parts = zip(self.params, self.targets, self.scales, strict=True)
        return sum((s * (p - t) ** 2).sum() for p, t, s in parts)

    def run(self, optimizer: Any, steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            self.loss().backward()
            optimizer.step()


def made(lib: Any, name: str, options: dict[str, Any], problem: Problem) -> Any:
    groups = [{"params": problem.params[:2]}, {"params": problem.params[2:], "lr": 0.02}]
    return getattr(lib.optim, name)(groups, **options)


def close(mine: Any, theirs: Any) -> None:
    np.testing.assert_allclose(mine.detach().numpy(), theirs.detach().numpy(), rtol=2e-5, atol=2e-6)


def plain(value: Any) -> Any:
    """Nested values with tensors as (dtype, shape) only."""
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return str(value.dtype).split(".")[-1], tuple(value.shape)
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_twenty_steps(name: str, options: dict[str, Any]) -> None:
    mine, theirs = Problem(franken), Problem(torch)
    a, b = made(franken, name, options, mine), made(torch, name, options, theirs)
    mine.run(a, 20)
    theirs.run(b, 20)
    for p, q in zip(mine.params, theirs.params, strict=True):
        close(p, q)
    saved, known = a.state_dict(), b.state_dict()
    assert plain(saved) == plain(known)
    for key, state in known["state"].items():
        for field, value in state.items():
            if hasattr(value, "numpy"):
                close(saved["state"][key][field], value)
    assert repr(a) == repr(b)


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_resume(name: str, options: dict[str, Any]) -> None:
    """A loaded, a copied and an unpickled optimizer go on as the original does."""
    mine = Problem(franken)
    a = made(franken, name, options, mine)
    mine.run(a, 5)
    saved = copy.deepcopy(a.state_dict())
    values = [p.detach().clone() for p in mine.params]
    mine.run(a, 5)
    other = Problem(franken)
    with franken.no_grad():
        for p, v in zip(other.params, values, strict=True):
            p.copy_(v)
    b = made(franken, name, {"lr": 1.0}, other)
    b.load_state_dict(saved)
    other.run(b, 5)
    for p, q in zip(mine.params, other.params, strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())
    both = pickle.loads(pickle.dumps((a, mine.params)))
    assert both[0].param_groups[0]["params"][0] is both[1][0]
    assert plain(both[0].state_dict()) == plain(a.state_dict())
    copied, params = copy.deepcopy((a, mine.params))
    assert copied.param_groups[1]["params"][0] is params[2]


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adagrad", "NAdam", "Rprop", "Adamax"])
def test_float64_and_closure(name: str) -> None:
    mine, theirs = Problem(franken, "float64"), Problem(torch, "float64")
    a, b = (getattr(lib.optim, name)(p.params, lr=0.05)
            for lib, p in ((franken, mine), (torch, theirs)))  # fmt: skip

    def closure(problem: Problem, optimizer: Any) -> Any:
        optimizer.zero_grad()
        loss = problem.loss()
        loss.backward()
        return loss

    for _ in range(5):
        x = a.step(lambda: closure(mine, a))
        y = b.step(lambda: closure(theirs, b))
        np.testing.assert_allclose(x.item(), y.item(), rtol=1e-12)
    for p, q in zip(mine.params, theirs.params, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-11)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adamax", "RAdam"])
def test_complex(name: str) -> None:
    got = []
    for lib in (franken, torch):
        z = lib.nn.Parameter(lib.tensor(np.array([1 + 2j, -0.5 + 0.1j], np.complex64)))
        optimizer = getattr(lib.optim, name)([z], lr=0.05)
        for _ in range(5):
            optimizer.zero_grad()
            ((z - (1 - 1j)).abs() ** 2).sum().backward()
            optimizer.step()
        got.append(z.detach().numpy())
    np.testing.assert_allclose(got[0], got[1], rtol=1e-5)


@pytest.mark.parametrize("line_search", [None, "strong_wolfe"])
def test_lbfgs(line_search: str | None) -> None:
    mine, theirs = Problem(franken, "float64"), Problem(torch, "float64")
    losses = []
    for lib, problem in ((franken, mine), (torch, theirs)):
        optimizer = lib.optim.LBFGS(
            problem.params, lr=0.3, max_iter=6, history_size=3, line_search_fn=line_search
        )

        def closure(problem: Problem = problem, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = problem.loss() + (problem.params[1] ** 4).sum()
            loss.backward()
            return loss

        losses.append([optimizer.step(closure).item() for _ in range(4)])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-7)
    for p, q in zip(mine.params, theirs.params, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_tensor_rate_and_differentiable(name: str) -> None:
    got = []
    for lib in (franken, torch):
        problem = Problem(lib)
        options = {"momentum": 0.9} if name == "SGD" else {}
        a = getattr(lib.optim, name)(problem.params, lr=lib.tensor(0.05), **options)
        problem.run(a, 5)
        w = lib.tensor([1.0, 2.0], requires_grad=True)
        p = w.clone()
        p.grad = (w * 3).clone()
        b = getattr(lib.optim, name)([p], lr=0.1, differentiable=True, weight_decay=0.1)
        b.step()
        (p**2).sum().backward()
        got.append([*(q.detach().numpy() for q in problem.params), w.grad.numpy()])
    for x, y in zip(*got, strict=True):
        np.testing.assert_allclose(x, y, rtol=2e-5, atol=1e-6)


def test_hooks_run_in_torchs_order() -> None:
    logs = []
    for lib in (franken, torch):
        log: list[str] = []
        p = lib.nn.Parameter(lib.ones(1))
        opt = lib.optim.SGD([p], lr=0.1)
        opt.register_step_pre_hook(lambda *a, log=log: log.append("pre"))
        opt.register_step_post_hook(lambda *a, log=log: log.append("post"))
        opt.register_state_dict_pre_hook(lambda o, log=log: log.append("sd pre"))
        opt.register_state_dict_post_hook(lambda o, d, log=log: log.append("sd post"))
        opt.register_load_state_dict_pre_hook(lambda o, d, log=log: log.append("load pre"))
        opt.register_load_state_dict_post_hook(lambda o, log=log: log.append("load post"))
        opt.step()
        opt.load_state_dict(opt.state_dict())
        logs.append(log)
    assert logs[0] == logs[1]


ERRORS = [
    lambda lib: lib.optim.SGD([lib.ones(1)], lr=-1),
    lambda lib: lib.optim.SGD([]),
    lambda lib: lib.optim.SGD(lib.ones(1)),
    lambda lib: lib.optim.SGD([3]),
    lambda lib: lib.optim.SGD([lib.ones(1, requires_grad=True) * 2]),
    lambda lib: lib.optim.SGD([lib.ones(1)], momentum=-1),
    lambda lib: lib.optim.SGD([lib.ones(1)], weight_decay=-1),
    lambda lib: lib.optim.SGD([lib.ones(1)], nesterov=True),
    lambda lib: lib.optim.SGD([lib.ones(1)], foreach=True, fused=True),
    lambda lib: lib.optim.Adam([lib.ones(1)], betas=(1.0, 0.3)),
    lambda lib: lib.optim.Adam([lib.ones(1)], betas=(0.1, -0.3)),
    lambda lib: lib.optim.Adam([lib.ones(1)], eps=-1),
    lambda lib: lib.optim.Adam([lib.ones(1)], lr=lib.ones(2)),
    lambda lib: lib.optim.SGD([{"params": {lib.ones(1)}}]),
    lambda lib: lib.optim.SGD([("a", lib.ones(1)), lib.ones(1)]),
    lambda lib: lib.optim.Adagrad([lib.ones(1)], initial_accumulator_value=-1),
    lambda lib: lib.optim.Adagrad([lib.ones(1)], lr_decay=-1),
    lambda lib: lib.optim.NAdam([lib.ones(1)], momentum_decay=-1),
    lambda lib: lib.optim.RMSprop([lib.ones(1)], alpha=-1),
    lambda lib: lib.optim.Adadelta([lib.ones(1)], rho=-1),
    lambda lib: lib.optim.Adafactor([lib.ones(1)], lr=-1),
    lambda lib: lib.optim.Rprop([lib.ones(1)], etas=(2, 3)),
    lambda lib: lib.optim.SGD([{"params": [p := lib.ones(1)]}, {"params": [p]}]),
    lambda lib: lib.optim.SGD([lib.ones(1)]).load_state_dict({"state": {}, "param_groups": []}),
]


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_errors(case: int) -> None:
    said = []
    for lib in (franken, torch):
        with warnings.catch_warnings(), pytest.raises(Exception) as caught:
            warnings.simplefilter("ignore")
            ERRORS[case](lib)
        said.append((type(caught.value).__name__, str(caught.value)))
    assert said[0] == said[1]
