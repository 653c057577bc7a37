"""How gamma and beta variates move with their parameters: exact, and torch's up to its fits."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from distribution_table import agree, found
from scipy import special

import franken
from franken.backends.numpy.random.implicit import beta_slope, gamma_slope

CONCENTRATIONS = [0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0, 1e4]


@pytest.mark.parametrize("alpha", CONCENTRATIONS)
def test_gamma_variates(alpha: float) -> None:
    x = np.random.default_rng(1).gamma(alpha, size=50)
    x = np.maximum(x, np.finfo(np.float64).tiny)
    got = gamma_slope(np.full_like(x, alpha), x)
    a = torch.full((50,), alpha, dtype=torch.float64)
    want = torch._standard_gamma_grad(a, torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(got, want, rtol=1e-3)
    # from the distribution function itself, by differences
    step = 1e-4 * alpha
    p = special.gammainc(alpha, x)
    inside = (p > 1e-3) & (p < 1 - 1e-3)
    more, less = (np.log(special.gammaincinv(alpha + h, p[inside])) for h in (step, -step))
    np.testing.assert_allclose(got[inside], x[inside] * (more - less) / (2 * step), rtol=1e-5)


@pytest.mark.parametrize("beta", [0.01, 0.5, 1.0, 5.0, 1e3])
@pytest.mark.parametrize("alpha", [0.01, 0.5, 1.0, 5.0, 1e3])
def test_beta_variates(alpha: float, beta: float) -> None:
    x = np.random.default_rng(2).beta(alpha, beta, size=50)
    x = np.clip(x, 1e-30, 1 - 1e-12)
    a, total = np.full_like(x, alpha), np.full_like(x, alpha + beta)
    got = beta_slope(x, a, total)
    want = torch._dirichlet_grad(*map(torch.from_numpy, (x, a, total))).numpy()
    np.testing.assert_allclose(got, want, rtol=2e-3)


def test_the_ends() -> None:
    assert gamma_slope(np.array([0.5, 2.0]), np.zeros(2)).tolist() == [0.0, 0.0]
    tiny = np.full(3, np.finfo(np.float32).tiny)
    a = np.array([0.01, 0.01, 0.1])
    total = a + [0.1, 100.0, 1.0]
    # x^a is all of the distribution function there: x / a (1/a + E ln t - ln t)
    exact = tiny / a * (1 / a + special.digamma(a) - special.digamma(total) - np.log(tiny))
    np.testing.assert_allclose(beta_slope(tiny, a, total), exact, rtol=1e-6)


WORDS = """
t._standard_gamma_grad(t.ones(2),t.ones(2).double())
t._standard_gamma_grad(t.ones(2).half(),t.ones(2).half())
t._standard_gamma(t.ones(2).half())
t._standard_gamma(t.ones(2).long())
t._sample_dirichlet(t.ones(2).half())
t._dirichlet_grad(t.ones(2).double(),t.ones(2),t.ones(2))
t._dirichlet_grad(t.ones(2).half(),t.ones(2).half(),t.ones(2).half())
t._standard_gamma(t.ones(2,requires_grad=True)).grad_fn.name()
type(t._sample_dirichlet(t.ones(2,requires_grad=True)).grad_fn).__name__
t._sample_dirichlet(t.ones(2,requires_grad=True)).sum().backward()
t._standard_gamma_grad(t.ones(2,requires_grad=True),t.ones(2)).sum().backward()
t._dirichlet_grad(t.ones(2,requires_grad=True)/2,t.ones(2),t.ones(2)+1).sum().backward()
t._sample_dirichlet(t.ones(0,3)).shape
t._sample_dirichlet(t.ones(3,0)).shape
"""


@pytest.mark.parametrize("call", WORDS.split("\n")[1:-1])
def test_words(call: str) -> None:
    agree(*(found(t, lambda t: repr(eval(call, {"t": t}))) for t in (torch, franken)))


def test_gradients_of_higher_order_are_refused() -> None:
    def program(t: Any) -> Any:
        a = t.tensor([1.0, 2.0], requires_grad=True)
        (slope,) = t.autograd.grad(t.distributions.Dirichlet(a).rsample()[0], a, create_graph=True)
        slope.sum().backward()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        agree(found(torch, program), found(franken, program))
