"""Kernels over lists beside torch's own optimizers, run with TRITON_INTERPRET=1."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy_card import NumpyCard

from conformance import gpu_checks
from franken.triton_kernels.checks.cases import OPS
from franken.triton_kernels.checks.interpreter import Interpreter
from franken.triton_kernels.kernels.lists import foreach, gradient_norm, multi_tensor, optimizer
from franken.triton_kernels.kernels.lists import optimizer_adaptive as adaptive
from franken.triton_kernels.launching import launch as launching

torch = pytest.importorskip("torch")


@cache
def interpreter():
    """Made on first use: a doctest run imports this file in a process without the variable."""
    return Interpreter()


SIZES = ((700,), (3, 5), ())


@pytest.fixture(autouse=True)
def _interpreted():
    with launching.using(interpreter()):
        yield


def zeros(params):
    return [np.zeros(p.shape, np.float32) for p in params]


def counts(params):
    return [np.zeros((), np.float32) for _ in params]


def sgd(settings):
    def make(params):
        buffers = zeros(params) if settings.get("momentum") else []
        return lambda grads, k: optimizer.sgd(
            params, grads, buffers, 0.1, first=k == 0, **settings
        )  # fmt: skip

    return make, lambda ps: torch.optim.SGD(ps, 0.1, **settings)


def adam(settings, amsgrad=False, decoupled=False):
    def make(params):
        state = [zeros(params), zeros(params), zeros(params) if amsgrad else [], counts(params)]
        return lambda grads, k: optimizer.adam(
            params, grads, *state, 0.01, decoupled=decoupled, **settings
        )

    kind = torch.optim.AdamW if decoupled else torch.optim.Adam
    return make, lambda ps: kind(ps, 0.01, amsgrad=amsgrad, **settings)


def adagrad(settings):
    def make(params):
        state = [zeros(params), counts(params)]
        return lambda grads, k: adaptive.adagrad(params, grads, *state, 0.1, **settings)

    return make, lambda ps: torch.optim.Adagrad(ps, 0.1, **settings)


def rmsprop(settings):
    def make(params):
        state = [zeros(params), zeros(params), zeros(params)]
        return lambda grads, k: adaptive.rmsprop(params, grads, *state, 0.01, **settings)

    return make, lambda ps: torch.optim.RMSprop(ps, 0.01, **settings)


OPTIMIZERS = {
    "sgd": sgd({"weight_decay": 0.1, "maximize": True}),
    "nesterov": sgd({"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    "dampening": sgd({"momentum": 0.9, "dampening": 0.5}),
    "adam": adam({"weight_decay": 0.1, "betas": (0.8, 0.95)}),
    "adamw": adam({"weight_decay": 0.1, "maximize": True}, amsgrad=True, decoupled=True),
    "adagrad": adagrad({"lr_decay": 0.1, "weight_decay": 0.1}),
    "rmsprop": rmsprop({"centered": True, "momentum": 0.5, "weight_decay": 0.1}),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_are_those_of_torch(name):
    make, theirs = OPTIMIZERS[name]
    rng = np.random.default_rng(0)
    params = [np.asarray(rng.standard_normal(s)).astype(np.float32) for s in SIZES]
    copies = [torch.tensor(p, requires_grad=True) for p in params]
    ours, reference = make(params), theirs(copies)
    for k in range(3):
        grads = [np.asarray(rng.standard_normal(s)).astype(np.float32) for s in SIZES]
        for p, g in zip(copies, grads, strict=True):
            p.grad = torch.tensor(g)
        written = ours(grads, k)
        reference.step()
    for mine, true in zip(written, copies, strict=False):
        np.testing.assert_allclose(mine, true.detach().numpy(), rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("found", [0.0, 1.0])
def test_scale_and_flag_are_those_of_torchs_fused_adam(found):
    rng = np.random.default_rng(1)
    p, g, m = (rng.standard_normal(300).astype(np.float32) for _ in range(3))
    v, step = np.abs(m), np.full((), 4.0, np.float32)
    theirs = [[torch.tensor(x)] for x in (p, g, m, v, step)]
    flag, scale = np.full(1, found, np.float32), np.full(1, 8.0, np.float32)
    torch._fused_adam_(
        theirs[0], theirs[1], theirs[2], theirs[3], [], theirs[4], lr=0.01, beta1=0.9, beta2=0.999,
        weight_decay=0.1, eps=1e-8, amsgrad=False, maximize=True,
        grad_scale=torch.tensor(8.0), found_inf=torch.tensor(found),
    )  # fmt: skip
    # The step count that this call takes is the one after the caller advanced it.
    step -= 1
    before = step.copy()
    optimizer.adam(
        [p], [g], [m], [v], [], [step], 0.01, scale, flag, weight_decay=0.1, maximize=True
    )
    for mine, true in zip((p, g, m, v), theirs, strict=False):
        np.testing.assert_allclose(mine, true[0].numpy(), rtol=2e-6, atol=1e-6)
    assert step == before + (found == 0)


def test_clipping_is_torchs():
    rng = np.random.default_rng(2)
    grads = [rng.standard_normal(s).astype(np.float32) for s in ((700,), (9,))]
    copies = [torch.zeros(g.shape, requires_grad=True) for g in grads]
    for p, g in zip(copies, grads, strict=True):
        p.grad = torch.tensor(g)
    want = torch.nn.utils.clip_grad_norm_(copies, 1.5)
    norm = gradient_norm.gradient_norm(grads)
    gradient_norm.clip_gradients(grads, norm, 1.5)
    assert abs(norm - want.item()) < 1e-5
    for mine, p in zip(grads, copies, strict=True):
        np.testing.assert_allclose(mine, p.grad.numpy(), rtol=1e-6)


def test_one_launch_serves_the_whole_list():
    params = [np.ones(n, np.float32) for n in range(1, 20)]
    interpreter().launches.clear()
    optimizer.sgd(params, params, [], 0.1)
    assert interpreter().launches == ["sgd_kernel"]


def test_memory_that_is_not_declared_is_out_of_bounds():
    x, y = np.ones(4, np.float32), np.ones(4, np.float32)
    walk = multi_tensor.table("plain", [[x], [y]])
    settings = {**walk.settings(), "KIND": multi_tensor.ELEMENTS["fp32"], "WHAT": foreach.ADD}
    args = (foreach.foreach_kernel, (1,), walk.addresses, walk.chunks, walk.tensors, 1.0)
    with pytest.raises(Exception, match="outside of the launch's"):
        launching.launch(*args, reaches=[x], **settings)
    launching.launch(*args, reaches=[x, y], **settings)
    assert (x == 2).all()
    with pytest.raises(Exception, match="outside of the launch's"):
        launching.launch(*args, **settings)  # what the launch before declared is forgotten


def test_a_gradient_is_no_place_to_store_without_a_scale():
    p, g = np.ones(4, np.float32), np.ones(4, np.float32)
    g.flags.writeable = False
    optimizer.sgd([p], [g], [], 0.5)
    assert (p == 0.5).all()
    with pytest.raises(Exception, match="store of 4 bytes"):
        optimizer.sgd([p], [g], [], 0.5, np.full(1, 2.0, np.float32))


def test_the_gpu_checks_run_kernels_where_there_is_a_runner():
    row = gpu_checks.check_op(NumpyCard(interpreter()), OPS["foreach_zero"], 0, launches=2)
    assert row["failures"] == [] and row["samples"] == 5
    row = gpu_checks.check_op(NumpyCard(interpreter()), OPS["clip_gradients"], 0, launches=1)
    assert row["failures"] == [] and row["max_ulps"] > 0
