"""Schedules by themselves, in pairs and nested in SequentialLR and ChainedScheduler, beside torch
for 50 steps: rates, momenta and states, with a state dict round trip on the way."""

from __future__ import annotations

import warnings

import pytest

import franken

torch = pytest.importorskip("torch")


def plain(lib):
    s = lib.optim.lr_scheduler
    return {
        "Step": lambda o: s.StepLR(o, 3, 0.5),
        "Multi": lambda o: s.MultiStepLR(o, [2, 5, 5, 9], 0.5),
        "Const": lambda o: s.ConstantLR(o, 0.3, 4),
        "Linear": lambda o: s.LinearLR(o, 0.2, 1.0, 6),
        "Exp": lambda o: s.ExponentialLR(o, 0.9),
        "Cos": lambda o: s.CosineAnnealingLR(o, 7, 0.01),
        "Poly": lambda o: s.PolynomialLR(o, 8, 1.5),
        "Warm": lambda o: s.CosineAnnealingWarmRestarts(o, 4, 2, 0.001),
        "Warm1": lambda o: s.CosineAnnealingWarmRestarts(o, 3),
        "Lambda": lambda o: s.LambdaLR(o, lambda e: 1 / (1 + e)),
        "Mult": lambda o: s.MultiplicativeLR(o, lambda e: 0.95),
        "Cyclic": lambda o: s.CyclicLR(o, 0.01, 0.2, 3, 4, cycle_momentum=False),
        "Cyclic2": lambda o: s.CyclicLR(o, 0.01, 0.2, 3, mode="triangular2"),
        "OneCycle": lambda o: s.OneCycleLR(o, 0.3, total_steps=60),
    }


NAMES = list(plain(torch))
NESTED = [
    ("Seq", ("Seq", "Linear", "Cos"), "Exp"),
    ("Seq", "Linear", ("Seq", "Const", "Warm")),
    ("Seq", "Linear", ("Chain", "Const", "Exp")),
    ("Chain", ("Seq", "Linear", "Cos"), "Exp"),
    ("Seq", ("Chain", "Linear", "Exp"), "Cos"),
    ("Seq", "Linear", "Const", "Exp", "Cos"),
    ("Chain", ("Chain", "Const", "Exp"), "Step"),
    ("Seq", ("Seq", "Linear", ("Seq", "Const", "Exp")), "Step"),
    ("Seq", ("Seq", ("Seq", "Linear", "Const"), "Exp"), "Step"),
]
INSIDE = {
    "first": lambda n: ("Seq", ("Seq", "Const", n), "Exp"),
    "second": lambda n: ("Seq", "Linear", ("Seq", "Const", n)),
    "chained": lambda n: ("Seq", ("Chain", n, "Exp"), "Linear"),
    "in a chain": lambda n: ("Chain", ("Seq", n, "Warm"), "Step"),
}


def made(lib):
    p, q = lib.ones(2).requires_grad_(), lib.ones(2).requires_grad_()
    return lib.optim.SGD([{"params": [p]}, {"params": [q], "lr": 0.03}], lr=0.1, momentum=0.9)


def built(lib, optimizer, spec):
    if isinstance(spec, str):
        return plain(lib)[spec](optimizer)
    kind, *parts = spec
    members = [built(lib, optimizer, part) for part in parts]
    if kind == "Chain":
        return lib.optim.lr_scheduler.ChainedScheduler(members, optimizer=optimizer)
    milestones = [5 * (i + 1) for i in range(len(members) - 1)]
    return lib.optim.lr_scheduler.SequentialLR(optimizer, members, milestones=milestones)


def numbers(optimizer):
    return [round(float(g[k]), 12) for k in ("lr", "momentum") for g in optimizer.param_groups]


HIDDEN = ("_scale_fn_ref", "_scale_fn_custom", "_anneal_func", "lr_lambdas")


def shown(state):
    out = {}
    for k, v in state.items():
        if k == "_schedulers":
            out[k] = [shown(s) for s in v]
        elif k not in HIDDEN:
            out[k] = [round(x, 10) for x in v] if isinstance(v, list) and k != "_schedule_phases" \
                else round(v, 10) if isinstance(v, float) else str(v)  # fmt: skip
    return out


def followed(lib, spec, resume):
    optimizer = made(lib)
    seen = []
    try:
        scheduler = built(lib, optimizer, spec)
        for t in range(50):
            seen.append(numbers(optimizer))
            if t == resume:
                saved = scheduler.state_dict(), optimizer.state_dict()
                optimizer = made(lib)
                scheduler = built(lib, optimizer, spec)
                scheduler.load_state_dict(saved[0])
                optimizer.load_state_dict(saved[1])
            optimizer.step()
            scheduler.step()
            seen.append([round(float(x), 12) for x in scheduler.get_last_lr()])
        return seen, shown(scheduler.state_dict())
    except (NotImplementedError, AttributeError) as error:
        return seen, type(error).__name__


def alike(spec, resumes=(None, 7)):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for resume in resumes:
            mine, theirs = (followed(lib, spec, resume) for lib in (franken, torch))
            assert mine == theirs, (spec, resume)


@pytest.mark.parametrize("name", NAMES)
def test_alone(name):
    alike(name, (None, 3, 25))


@pytest.mark.parametrize("kind", ["Seq", "Chain"])
@pytest.mark.parametrize("first", NAMES)
def test_pairs(kind, first):
    for second in NAMES:
        alike((kind, first, second))


@pytest.mark.parametrize("spec", NESTED, ids=str)
def test_nested(spec):
    alike(spec, (None, 3, 7, 25))


@pytest.mark.parametrize("where", INSIDE)
@pytest.mark.parametrize("name", NAMES)
def test_every_schedule_inside_of_another(name, where):
    alike(INSIDE[where](name))
