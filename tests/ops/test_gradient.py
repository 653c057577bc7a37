"""torch.gradient against the live oracle, and derivatives that once were NaN."""

from __future__ import annotations

import numpy as np
import pytest

import franken

torch = pytest.importorskip("torch")

_X = np.random.default_rng(3).standard_normal((4, 5))
_GRID = ([0.0, 1.0, 3.0, 3.5], [0.0, 0.25, 1.0, 4.0, 6.0])


def _both(**kwargs):
    def run(module):
        given = dict(kwargs)
        if given.get("spacing") == "grid":
            given["spacing"] = tuple(module.tensor(c, dtype=module.float64) for c in _GRID)
        return module.gradient(module.tensor(_X), **given)

    return run(franken), run(torch)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("spacing", [None, 2.0, [0.5, 3.0], "grid"])
def test_gradient(spacing, order):
    ours, theirs = _both(spacing=spacing, edge_order=order)
    assert isinstance(ours, tuple) and len(ours) == len(theirs) == 2
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dim", [0, -1, (1, 0), ()])
def test_gradient_dims(dim):
    ours, theirs = _both(dim=dim)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "kwargs",
    [{"edge_order": 3}, {"spacing": [1.0]}, {"spacing": [1.0, 2.0], "dim": 0}, {"dim": (0, 0)}],
)
def test_gradient_refuses(kwargs):
    with pytest.raises(RuntimeError) as ours:
        franken.gradient(franken.tensor(_X), **kwargs)
    with pytest.raises(RuntimeError) as theirs:
        torch.gradient(torch.tensor(_X), **kwargs)
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize("level", [-1000.0, 1000.0])
def test_logcumsumexp_second_derivative_is_finite(level):
    x = franken.tensor(_X + level, requires_grad=True)
    (g,) = franken.autograd.grad((franken.logcumsumexp(x, 0) ** 2).sum(), x, create_graph=True)
    (h,) = franken.autograd.grad(g.sum(), x)
    y = torch.tensor(_X + level, requires_grad=True)
    (g,) = torch.autograd.grad((torch.logcumsumexp(y, 0) ** 2).sum(), y, create_graph=True)
    (want,) = torch.autograd.grad(g.sum(), y)
    np.testing.assert_allclose(h.numpy(), want.numpy(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("jvp", [True, False])
def test_running_statistics_follow_under_a_derivative(jvp):
    x = franken.tensor(_X)
    mean, plain = franken.zeros(5, dtype=franken.float64), franken.zeros(5, dtype=franken.float64)

    def f(x, running=mean):
        var = franken.ones(5, dtype=franken.float64)
        return franken.nn.functional.batch_norm(x, running, var, training=True)

    f(x, plain)
    if jvp:
        franken.func.jvp(f, (x,), (x,))
    else:
        franken.func.grad(lambda x: f(x).sum())(x)
    assert mean.abs().sum() > 0
    np.testing.assert_array_equal(mean.numpy(), plain.numpy())


def test_masked_select_batches_over_one_mask():
    x, mask = franken.tensor(_X), franken.tensor([True, False, True, False, True])
    got = franken.vmap(franken.masked_select, in_dims=(0, None))(x, mask)
    np.testing.assert_array_equal(got.numpy(), _X[:, [0, 2, 4]])
    with pytest.raises(RuntimeError, match="vmap: Attempted to vmap over `mask`"):
        franken.vmap(franken.masked_select)(x, x > 0)
