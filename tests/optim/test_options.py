"""Every optimizer under every option and every pair of options, beside torch for 20 steps.

Parameters of several ranks in two groups, one without a gradient, one whose gradient is missing
for a step; what torch refuses is refused with its words.
"""

from __future__ import annotations

import inspect
import itertools
from typing import Any

import numpy as np
import pytest

import franken

torch = pytest.importorskip("torch")

FLAGS: dict[str, list[Any]] = {
    "foreach": [None, True, False], "maximize": [False, True], "differentiable": [False, True],
}  # fmt: skip
CAPTURABLE = {"capturable": [False, True]}
FUSED = {"fused": [None, True, False]}
RATE = {"lr": [0.05, "tensor"]}
DECAY = {"weight_decay": [0, 0.1]}
BETAS = {"betas": [(0.9, 0.999), (0.5, 0.8)], "eps": [1e-8, 1e-3]}
DECOUPLED = {"decoupled_weight_decay": [False, True]}
OPTIONS: dict[str, dict[str, list[Any]]] = {
    "SGD": {**RATE, **DECAY, "momentum": [0, 0.9], "dampening": [0, 0.3],
            "nesterov": [False, True], **FUSED, **FLAGS},
    "Adam": {**RATE, **BETAS, **DECAY, **DECOUPLED, "amsgrad": [False, True], **FUSED, **FLAGS,
             **CAPTURABLE},
    "AdamW": {**RATE, **BETAS, "weight_decay": [0.01, 0, 0.1], "amsgrad": [False, True], **FUSED,
              **FLAGS, **CAPTURABLE},
    "Adagrad": {**RATE, **DECAY, "lr_decay": [0, 0.1], "initial_accumulator_value": [0, 0.2],
                "eps": [1e-10, 1e-3], **FUSED, **FLAGS},
    "Adadelta": {"lr": [1.0, 0.3, "tensor"], "rho": [0.9, 0.5], "eps": [1e-6, 1e-3], **DECAY,
                 **FLAGS, **CAPTURABLE},
    "Adamax": {**RATE, **BETAS, **DECAY, **FLAGS, **CAPTURABLE},
    "ASGD": {**RATE, **DECAY, "lambd": [1e-4, 0.05], "alpha": [0.75, 0.3], "t0": [1e6, 3.0],
             **FLAGS, **CAPTURABLE},
    "NAdam": {**RATE, **BETAS, **DECAY, **DECOUPLED, "momentum_decay": [4e-3, 0.1], **FLAGS,
              **CAPTURABLE},
    "RAdam": {**RATE, **BETAS, **DECAY, **DECOUPLED, **FLAGS, **CAPTURABLE},
    "Rprop": {**RATE, "etas": [(0.5, 1.2), (0.3, 1.5)], "step_sizes": [(1e-6, 50), (0.01, 0.06)],
              **FLAGS, **CAPTURABLE},
    "RMSprop": {**RATE, **DECAY, "alpha": [0.99, 0.5], "eps": [1e-8, 1e-3], "momentum": [0, 0.9],
                "centered": [False, True], **FLAGS, **CAPTURABLE},
    "Adafactor": {**RATE, **DECAY, "beta2_decay": [-0.8, -0.3], "eps": [(None, 1e-3), (1e-8, 1e-2)],
                  "d": [1.0, 2.0], "foreach": [None, True, False], "maximize": [False, True]},
}  # fmt: skip
SHAPES = [(4, 3), (5,), (2, 3, 2), (), (0,)]
REFUSED = (RuntimeError, ValueError, TypeError, AssertionError, IndexError)


def combined(options, pairs):
    """No option, each by itself and, if asked for, each pair."""
    others = [(name, value) for name, values in options.items() for value in values[1:]]
    yield {}
    for a in others:
        yield dict([a])
    for a, b in itertools.combinations(others if pairs else (), 2):
        if a[0] != b[0]:
            yield dict([a, b])


def drawn(rng, shape, dtype):
    made = rng.standard_normal(shape)
    if dtype.startswith("complex"):
        made = made + 1j * rng.standard_normal(shape)
    return made.astype(dtype)


def stepped(lib, name, options, dtype):
    """(parameters, optimizer) after the steps, or what was raised."""
    rng = np.random.default_rng(0)
    wide = lib.float64 if dtype == "float64" else lib.float32
    rate = lib.tensor(0.05, dtype=wide)
    options = {k: rate if v == "tensor" else v for k, v in options.items()}
    # Adafactor divides by the square root of the size
    shapes = SHAPES[:-1] if name == "Adafactor" else SHAPES
    params = [lib.tensor(drawn(rng, s, dtype)).requires_grad_() for s in shapes]
    idle = lib.zeros(2).requires_grad_()
    groups = [{"params": params[:2]}, {"params": [*params[2:], idle]}]
    if name != "Adafactor":
        groups[1]["lr"] = 0.02
    try:
        optimizer = getattr(lib.optim, name)(groups, **options)
        for t in range(20 if len(options) < 2 else 6):
            for i, p in enumerate(params):
                g = lib.tensor(drawn(rng, shapes[i], dtype))
                p.grad = None if (t, i) == (3, 0) else g
            optimizer.step()
    except REFUSED as error:
        return type(error).__name__, str(error)
    return params, optimizer


def compare(mine, theirs, rtol):
    a, b = mine.detach().numpy(), theirs.detach().numpy()
    assert a.dtype == b.dtype and a.shape == b.shape
    np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * max(1.0, np.abs(b).max(initial=0)))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
@pytest.mark.parametrize("name", OPTIONS)
def test_pairs_of_options(name, dtype):
    rtol = {"float32": 1e-5, "complex64": 1e-5, "float64": 1e-12}[dtype]
    if name == "ASGD":  # its rate is kept in float32
        rtol = max(rtol, 1e-7)
    for options in combined(OPTIONS[name], dtype == "float32"):
        mine, theirs = (stepped(lib, name, options, dtype) for lib in (franken, torch))
        if isinstance(theirs[0], str) or isinstance(mine[0], str):
            assert mine[0] == theirs[0], (options, mine, theirs)
            if dtype != "complex64":  # there a view may be refused before its base
                assert mine[1][:60] == theirs[1][:60], (options, mine, theirs)
            continue
        for p, q in zip(mine[0], theirs[0], strict=True):
            compare(p, q, rtol)
            state, other = mine[1].state[p], theirs[1].state[q]
            assert list(state) == list(other), options
            for key in state:
                compare(state[key], other[key], rtol * 10)


BAD: dict[str, list[Any]] = {
    "lr": [-1.0, float("nan"), "T-1", "T2", "x", None], "momentum": [-0.1],
    "dampening": [0.5, -1], "weight_decay": [-1, "T"], "nesterov": [True],
    "betas": [(1.0, 0.9), (0.9, 1.0), (-0.1, 0.9), (0.9, -0.1), ("T", "T"), (0.9, "T"), ("T", 0.9)],
    "eps": [-1, "T"], "lr_decay": [-1], "initial_accumulator_value": [-1], "rho": [-0.1, 1.1],
    "alpha": [-1], "etas": [(1.2, 0.5), (0, 1.2), (0.5, 1.0)], "momentum_decay": [-1],
    "beta2_decay": [0.5], "d": [0.5], "line_search_fn": ["wolfe"], "bogus": [1],
}  # fmt: skip
TENSORS: dict[str, Any] = {"T": 0.5, "T-1": -1.0, "T2": [0.1, 0.2]}


def tried(lib, name, options):
    def made(v):
        if isinstance(v, tuple):
            return tuple(map(made, v))
        return lib.tensor(TENSORS[v]) if isinstance(v, str) and v in TENSORS else v

    p = lib.ones(2, 3).requires_grad_()
    try:
        optimizer = getattr(lib.optim, name)([p], **{k: made(v) for k, v in options.items()})
        p.grad = lib.ones(2, 3)
        optimizer.step(*[lambda: (p * p).sum()] * (name == "LBFGS"))
    except REFUSED as error:
        return type(error).__name__, str(error)
    return bool(p.detach().isnan().any())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [*OPTIONS, "LBFGS"])
def test_refused_values(name):
    known = inspect.signature(getattr(torch.optim, name).__init__).parameters
    for option, values in BAD.items():
        if option not in known and option != "bogus":
            continue
        for value in values:
            mine, theirs = (tried(lib, name, {option: value}) for lib in (franken, torch))
            if name == "SGD" and value in ("x", None):  # torch compares the other way round here
                mine, theirs = mine[0], theirs[0]
            assert mine == theirs, (option, value)


@pytest.mark.parametrize("name", ["Adam", "SGD"])
def test_differentiable_steps_are_on_the_tape_whatever_the_mode(name):
    for lib in (franken, torch):
        w = lib.tensor([1.0, 2.0]).requires_grad_()
        p = w * 1
        optimizer = getattr(lib.optim, name)([p], lr=0.5, differentiable=True)
        p.grad = w * 3
        with lib.no_grad():
            optimizer.step()
        assert p.requires_grad and p.grad_fn is not None


def test_states_are_taken_over_not_copied():
    """load_state_dict shares tensors that fit already, as in torch."""
    for lib in (franken, torch):
        p, q = (lib.ones(2).requires_grad_() for _ in range(2))
        first, second = lib.optim.Adam([p]), lib.optim.Adam([q])
        p.grad = lib.ones(2)
        first.step()
        second.load_state_dict(first.state_dict())
        assert second.state[q]["exp_avg"] is first.state[p]["exp_avg"]
        assert second.state[q]["step"] is first.state[p]["step"]


@pytest.mark.parametrize("name", [*OPTIONS, "LBFGS"])
def test_counts_have_the_wider_default_dtype(name):
    kinds = []
    for lib in (franken, torch):
        lib.set_default_dtype(lib.float64)
        try:
            p = lib.ones(2, 2).requires_grad_()
            optimizer = getattr(lib.optim, name)([p])
            p.grad = lib.ones(2, 2)
            optimizer.step(*[lambda p=p: (p * p).sum()] * (name == "LBFGS"))
        finally:
            lib.set_default_dtype(lib.float32)
        state = optimizer.state[p]
        kinds.append({k: str(getattr(v, "dtype", type(v))) for k, v in state.items()})
    assert kinds[0] == kinds[1]
