"""kl_divergence of every pair of distributions against torch, and how its functions are found."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from distribution_table import SPD, agree, found, gradients

import franken


def members(t: Any) -> dict[str, list[Any]]:
    """Two or three distributions of each kind; all batches broadcast."""
    d = t.distributions

    def c(*values: Any) -> Any:
        return t.tensor(values, dtype=t.float64)

    one, spd = c(1.0)[0], t.tensor(SPD, dtype=t.float64)
    factor = t.tensor([[1.0, 0.5], [2.0, 1.0]], dtype=t.float64)
    rows = t.tensor([[0.0, 1.0], [2.0, 1.0]], dtype=t.float64)
    normal = d.Normal(c(0.0, 1.0, 2.0), c(1.0, 2.0, 0.5))
    return {
        "Bernoulli": [d.Bernoulli(c(0.3, 0.0, 1.0)), d.Bernoulli(c(0.6, 0.5, 1.0))],
        "Beta": [d.Beta(c(0.5, 2.0, 3.0), c(1.5, 3.0, 1.0)), d.Beta(2 * one, 3 * one)],
        "Binomial": [d.Binomial(n, c(0.3, 0.8, 0.5)) for n in (5, 5, 3)],
        "Categorical": [
            d.Categorical(c(0.2, 0.8)),
            d.Categorical(logits=c(0.2, 0.8)),
            d.Categorical(c(1.0, 0.0)),
        ],
        "Cauchy": [d.Cauchy(c(0.0, 1.0, 2.0), one), d.Cauchy(one, 2 * one)],
        "Chi2": [d.Chi2(c(1.0, 2.0, 3.0)), d.Chi2(4 * one)],
        "ContinuousBernoulli": [
            d.ContinuousBernoulli(c(0.2, 0.5, 0.9)),
            d.ContinuousBernoulli(logits=c(0.2, 2.0, -1.0)),
        ],
        "Dirichlet": [d.Dirichlet(c(0.5, 1.0, 2.0)), d.Dirichlet(c(1.0, 3.0, 1.0))],
        "Exponential": [d.Exponential(c(0.5, 2.0, 1.0)), d.Exponential(3 * one)],
        "Gamma": [d.Gamma(c(0.5, 2.0, 1.0), c(1.0, 3.0, 2.0)), d.Gamma(2 * one, 0.5 * one)],
        "Geometric": [d.Geometric(c(0.3, 0.8, 0.9)), d.Geometric(0.4 * one)],
        "Gumbel": [d.Gumbel(c(0.0, 1.0, -1.0), c(1.0, 2.0, 0.5)), d.Gumbel(one, 1.5 * one)],
        "HalfNormal": [d.HalfNormal(c(1.0, 2.0, 3.0)), d.HalfNormal(2 * one)],
        "Independent": [d.Independent(normal, 1), d.Independent(normal, 0)],
        "InverseGamma": [d.InverseGamma(2 * one, c(1.0, 2.0, 3.0))],
        "Laplace": [d.Laplace(c(0.0, 1.0, 2.0), one), d.Laplace(one, 2 * one)],
        "LogNormal": [d.LogNormal(c(0.0, 1.0, 2.0), one), d.LogNormal(one, 2 * one)],
        "LogisticNormal": [d.LogisticNormal(c(0.0, 1.0, 2.0), c(1.0, 1.0, 1.0))],
        "LowRankMultivariateNormal": [
            d.LowRankMultivariateNormal(c(0.0, 1.0), factor[:, :1], c(1.0, 2.0)),
            d.LowRankMultivariateNormal(rows, factor, c(1.0, 3.0)),
        ],
        "MultivariateNormal": [
            d.MultivariateNormal(c(0.0, 1.0), spd),
            d.MultivariateNormal(rows, precision_matrix=spd),
            d.MultivariateNormal(c(0.0, 1.0, 2.0), t.eye(3, dtype=t.float64)),
        ],
        "Normal": [normal, d.Normal(one, 3 * one)],
        "OneHotCategorical": [d.OneHotCategorical(c(0.2, 0.8)), d.OneHotCategorical(c(0.5, 0.5))],
        "Pareto": [
            d.Pareto(c(1.0, 0.3, 2.0), c(1.5, 3.0, 0.9)),
            d.Pareto(0.5 * one, 2.5 * one),
        ],
        "Poisson": [d.Poisson(c(0.5, 12.0, 1.0)), d.Poisson(2 * one)],
        "StudentT": [d.StudentT(3 * one)],
        "TransformedDistribution": [
            d.TransformedDistribution(normal, [d.StickBreakingTransform()]),
            d.TransformedDistribution(normal, [d.ExpTransform()]),
        ],
        "Uniform": [
            d.Uniform(c(0.1, 0.0, 1.0), c(0.7, 1.0, 3.0)),
            d.Uniform(-one, 2 * one),
            d.Uniform(0.5 * one, 1.5 * one),
        ],
        "Weibull": [d.Weibull(one, c(1.0, 2.0, 3.0))],
        "Wishart": [d.Wishart(3 * one, spd), d.Wishart(4 * one, precision_matrix=spd)],
    }


KINDS = list(members(torch))


@pytest.mark.parametrize("kind", KINDS)
def test_every_pair(kind: str) -> None:
    theirs, mine = members(torch), members(franken)
    for i in range(len(theirs[kind])):
        for other in KINDS:
            for j in range(len(theirs[other])):
                pairs = {
                    torch: (theirs[kind][i], theirs[other][j]),
                    franken: (mine[kind][i], mine[other][j]),
                }

                def program(t: Any, pairs: Any = pairs) -> Any:
                    return [t.distributions.kl_divergence(*pairs[t]).detach(), []]

                agree(found(torch, program), found(franken, program))


@pytest.mark.parametrize("kind", ["Normal", "Gamma", "Beta", "Gumbel", "Laplace", "Uniform"])
def test_gradients(kind: str) -> None:
    given = ([0.2, 0.3], [0.9, 0.8], [0.1, 0.25], [1.0, 1.5])

    def program(t: Any) -> Any:
        leaves = [t.tensor(x, dtype=t.float64, requires_grad=True) for x in given]
        make = getattr(t.distributions, kind)
        y = t.distributions.kl_divergence(make(*leaves[:2]), make(*leaves[2:]))
        return [y, gradients(t, y, leaves)]

    agree(found(torch, program), found(franken, program))


def dispatched(t: Any) -> Any:
    """Subclasses take the most special function, and are warned of two that are as special."""
    d = t.distributions

    class Left(d.Normal):
        pass

    class Right(d.Normal):
        pass

    class Both(Left):
        pass

    d.register_kl(Left, d.Normal)(lambda p, q: "left")
    d.register_kl(d.Normal, Right)(lambda p, q: "right")
    d.register_kl(Left, Left)(lambda p, q: "alike")
    seen = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for p, q in (
            (Left, d.Normal),
            (d.Normal, Right),
            (Both, Left),
            (Left, Right),
            (Both, Both),
        ):
            seen.append(d.kl_divergence(p(0.0, 1.0), q(0.0, 1.0)))
    said = [(str(w.message), w.category.__name__) for w in caught]
    return repr((seen, said))


def test_dispatch_on_subclasses() -> None:
    assert dispatched(franken) == dispatched(torch)


def test_what_may_be_registered() -> None:
    for first, second in ((3, "Normal"), ("Normal", 3)):

        def program(t: Any, first: Any = first, second: Any = second) -> Any:
            kinds = [
                getattr(t.distributions, k) if isinstance(k, str) else k for k in (first, second)
            ]
            t.distributions.register_kl(*kinds)
            return repr("registered")

        agree(found(torch, program), found(franken, program))
