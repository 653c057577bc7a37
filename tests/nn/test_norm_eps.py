"""The eps of every normalization, on inputs so small that it is what decides; and its default."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import franken

SMALL = np.random.default_rng(3).normal(size=(2, 4, 5)) * 1e-3
NORMS = {
    "group": lambda t, x, eps: t.nn.functional.group_norm(x, 2, eps=eps),
    "layer": lambda t, x, eps: t.nn.functional.layer_norm(x, (5,), eps=eps),
    "batch": lambda t, x, eps: t.nn.functional.batch_norm(x, None, None, training=True, eps=eps),
    "instance": lambda t, x, eps: t.nn.functional.instance_norm(x, eps=eps),
    "rms": lambda t, x, eps: t.nn.functional.rms_norm(x, (5,), eps=eps),
    "GroupNorm": lambda t, x, eps: t.nn.GroupNorm(2, 4, eps=eps, dtype=x.dtype)(x),
    "LayerNorm": lambda t, x, eps: t.nn.LayerNorm(5, eps=eps, dtype=x.dtype)(x),
    "RMSNorm": lambda t, x, eps: t.nn.RMSNorm(5, eps=eps, dtype=x.dtype)(x),
}
# One unit in the last place of a sum may be another after another order of summing.
ERROR = {"float16": 4e-3, "bfloat16": 3e-2, "float32": 1e-5, "float64": 1e-10}


def agree(name, dtype, eps):
    def normalized(t):
        x = t.tensor(SMALL).to(getattr(t, dtype)).requires_grad_()
        y = NORMS[name](t, x, eps)
        (y.double() * t.linspace(-1, 1, 40, dtype=t.float64).reshape(2, 4, 5)).sum().backward()
        return y.detach().double().numpy(), x.grad.double().numpy()

    for mine, theirs in zip(normalized(franken), normalized(torch), strict=True):
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(mine, theirs, rtol=ERROR[dtype], atol=ERROR[dtype] * scale)


@pytest.mark.parametrize("eps", [1e-6, 1e-5, 1e-3, 0.1])
@pytest.mark.parametrize("dtype", ERROR)
@pytest.mark.parametrize("name", NORMS)
def test_eps(name, dtype, eps):
    agree(name, dtype, eps)


@pytest.mark.parametrize("dtype", ERROR)
@pytest.mark.parametrize("name", ["rms", "RMSNorm"])
def test_the_default_eps_is_that_of_the_type_that_is_computed_in(name, dtype):
    agree(name, dtype, None)


@pytest.mark.parametrize("name", ["GroupNorm", "LayerNorm", "BatchNorm1d", "InstanceNorm1d"])
def test_the_default_eps_of_a_module(name):
    arguments = {"GroupNorm": (2, 4), "LayerNorm": (5,)}.get(name, (4,))
    modules = [getattr(t.nn, name)(*arguments) for t in (franken, torch)]
    assert modules[0].eps == modules[1].eps
    mine, theirs = (
        m(t.tensor(SMALL, dtype=t.float32)).detach().numpy()
        for m, t in zip(modules, (franken, torch), strict=True)
    )
    np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-6)
