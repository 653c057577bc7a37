"""Every schedule beside torch's: the rates of 40 epochs, state dicts, resumption and errors."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import pytest

import franken

torch = pytest.importorskip("torch")

CASES: dict[str, Any] = {
    "step": lambda s, o: s.StepLR(o, 3, 0.5),
    "multistep": lambda s, o: s.MultiStepLR(o, [3, 7, 7, 12]),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.9),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 7, eta_min=0.01),
    "lambda": lambda s, o: s.LambdaLR(o, [lambda e: 0.9**e, lambda e: 1 / (e + 1)]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda e: 0.95),
    "linear": lambda s, o: s.LinearLR(o, 0.2, 0.8, total_iters=6),
    "constant": lambda s, o: s.ConstantLR(o, 0.5, total_iters=4),
    "polynomial": lambda s, o: s.PolynomialLR(o, total_iters=9, power=2.0),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 4, T_mult=2, eta_min=0.001),
    "onecycle": lambda s, o: s.OneCycleLR(o, 1.0, total_steps=41),
    "onecycle3": lambda s, o: s.OneCycleLR(
        o, [1.0, 2.0], epochs=8, steps_per_epoch=6, three_phase=True, anneal_strategy="linear"
    ),
    "cyclic": lambda s, o: s.CyclicLR(o, 0.01, 0.2, step_size_up=4, step_size_down=3),
    "cyclic2": lambda s, o: s.CyclicLR(o, 0.01, 0.2, step_size_up=4, mode="triangular2"),
    "exprange": lambda s, o: s.CyclicLR(
        o, 0.01, 0.2, step_size_up=4, mode="exp_range", gamma=0.9, cycle_momentum=False
    ),
    "sequential": lambda s, o: s.SequentialLR(
        o, [s.ConstantLR(o, 0.1, 5), s.ExponentialLR(o, 0.9), s.CosineAnnealingLR(o, 10)], [4, 11]
    ),
    "chained": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 5), s.ExponentialLR(o, 0.9)]),
}


def optimizer(lib: Any, kind: str = "SGD") -> Any:
    p, q = (lib.nn.Parameter(lib.ones(1)) for _ in range(2))
    options = {"momentum": 0.9} if kind == "SGD" else {}
    return getattr(lib.optim, kind)(
        [{"params": [p]}, {"params": [q], "lr": 0.05}], lr=0.1, **options
    )


def rates(opt: Any) -> list[Any]:
    keys = ("lr", "momentum", "betas", "initial_lr", "max_lr", "min_lr", "max_momentum")
    return [{k: g[k] for k in keys if k in g} for g in opt.param_groups]


def follow(lib: Any, name: str, epochs: int, kind: str = "SGD") -> Any:
    opt = optimizer(lib, kind)
    seen = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schedule = CASES[name](lib.optim.lr_scheduler, opt)
        for _ in range(epochs):
            seen.append((copy.deepcopy(rates(opt)), schedule.get_last_lr()))
            opt.step()
            schedule.step()
    return seen, schedule, opt


@pytest.mark.parametrize("name", CASES)
def test_rates(name: str) -> None:
    mine, schedule, _ = follow(franken, name, 40)
    theirs, known, _ = follow(torch, name, 40)
    assert mine == theirs
    assert schedule.state_dict() == known.state_dict()
    assert list(schedule.state_dict()) == list(known.state_dict())


@pytest.mark.parametrize("name", ["onecycle", "cyclic"])
def test_cycles_of_adams_beta(name: str) -> None:
    assert follow(franken, name, 12, "Adam")[0] == follow(torch, name, 12, "Adam")[0]


@pytest.mark.parametrize("name", CASES)
def test_resume(name: str) -> None:
    expected, _, _ = follow(franken, name, 20)
    _, schedule, opt = follow(franken, name, 10)
    saved = copy.deepcopy((schedule.state_dict(), opt.state_dict()))
    fresh_opt = optimizer(franken)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fresh = CASES[name](franken.optim.lr_scheduler, fresh_opt)
    fresh_opt.load_state_dict(saved[1])
    fresh.load_state_dict(saved[0])
    for i in range(10, 20):
        assert fresh.get_last_lr() == expected[i][1]
        fresh_opt.step()
        fresh.step()


@pytest.mark.parametrize("options", [
    {}, {"mode": "max", "patience": 1, "cooldown": 2}, {"threshold_mode": "abs", "threshold": 0.3},
    {"patience": 0, "min_lr": [0.02, 0.01]},
])  # fmt: skip
def test_plateau(options: dict[str, Any]) -> None:
    metrics = [3.0, 2.0, 2.5, 2.4, 1.9, 1.89, 1.88, 1.95, 1.9, 2.0, 2.1, 2.2, 1.0] * 3
    seen = []
    for lib in (franken, torch):
        opt = optimizer(lib)
        schedule = lib.optim.lr_scheduler.ReduceLROnPlateau(opt, **options)
        log = []
        for m in metrics:
            opt.step()
            schedule.step(m)
            log.append((rates(opt), schedule.num_bad_epochs, schedule.best))
        seen.append((log, schedule.state_dict()))
    assert seen[0] == seen[1]


def test_closed_form_and_tensor_rates() -> None:
    for name in ("step", "multistep", "exponential", "cosine", "linear", "constant", "polynomial"):
        seen = []
        for lib in (franken, torch):
            opt = optimizer(lib)
            for g in opt.param_groups:
                g["lr"] = lib.tensor(g["lr"])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                schedule = CASES[name](lib.optim.lr_scheduler, opt)
                opt.step()
                schedule.step(5)
                opt.step()
                schedule.step()
            seen.append([round(float(g["lr"]), 6) for g in opt.param_groups])
        assert seen[0] == seen[1], name


ERRORS = [
    lambda s, o: s.StepLR(3, 2),
    lambda s, o: s.StepLR(o, 2, last_epoch=3),
    lambda s, o: s.LambdaLR(o, [1]),
    lambda s, o: s.LinearLR(o, start_factor=2),
    lambda s, o: s.LinearLR(o, end_factor=2),
    lambda s, o: s.ConstantLR(o, factor=2),
    lambda s, o: s.CosineAnnealingWarmRestarts(o, -1),
    lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, T_mult=0),
    lambda s, o: s.OneCycleLR(o, 1.0),
    lambda s, o: s.OneCycleLR(o, 1.0, -1),
    lambda s, o: s.OneCycleLR(o, 1.0, 10, pct_start=3),
    lambda s, o: s.OneCycleLR(o, 1.0, 10, anneal_strategy="x"),
    lambda s, o: s.CyclicLR(o, 0.1, 0.2, mode="x"),
    lambda s, o: s.CyclicLR(o, [0.1], 0.2),
    lambda s, o: s.ReduceLROnPlateau(o, factor=2),
    lambda s, o: s.ReduceLROnPlateau(o, mode="q"),
    lambda s, o: s.ReduceLROnPlateau(o, threshold_mode="q"),
    lambda s, o: s.ReduceLROnPlateau(o, min_lr=[1]),
    lambda s, o: s.SequentialLR(o, [], []),
    lambda s, o: s.SequentialLR(o, [s.ConstantLR(o)], [3]),
    lambda s, o: s.SequentialLR(o, [s.ReduceLROnPlateau(o)], []),
    lambda s, o: s.ChainedScheduler([]),
]


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_errors(case: int) -> None:
    said = []
    for lib in (franken, torch):
        with pytest.raises((TypeError, ValueError, KeyError)) as caught:
            ERRORS[case](lib.optim.lr_scheduler, optimizer(lib))
        said.append((type(caught.value).__name__, str(caught.value)))
    assert said[0] == said[1]


def test_averaged_model() -> None:
    got = []
    for lib in (franken, torch):
        model = lib.nn.Linear(2, 1)
        with lib.no_grad():
            model.weight.fill_(1.0)
            model.bias.fill_(0.0)
        swa = lib.optim.swa_utils.AveragedModel(model)
        ema = lib.optim.swa_utils.AveragedModel(
            model, multi_avg_fn=lib.optim.swa_utils.get_ema_multi_avg_fn(0.9)
        )
        opt = lib.optim.SGD(model.parameters(), lr=0.1)
        swalr = lib.optim.swa_utils.SWALR(opt, 0.02, anneal_epochs=3)
        lrs = []
        for _ in range(5):
            opt.zero_grad()
            (model(lib.ones(1, 2)) ** 2).sum().backward()
            opt.step()
            swa.update_parameters(model)
            ema.update_parameters(model)
            swalr.step()
            lrs.append(swalr.get_last_lr())
        got.append(
            (swa.module.weight.tolist(), ema.module.weight.tolist(), lrs, list(swa.state_dict()))
        )
    assert got[0][3] == got[1][3]
    for a, b in zip(got[0][:3], got[1][:3], strict=True):
        assert torch.allclose(torch.tensor(a), torch.tensor(b), rtol=1e-5)
