"""How arguments of distributions are read and checked, and what a subclass must say."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from distribution_table import agree, found

import franken

# Each is run by both; `t` is the library, `d` its distributions.
CALLS = """
d.Normal(0,-1.)
d.Normal(t.zeros(2),t.tensor([-1.,1]))
d.Normal("a",1.)
d.Normal(0,1,"a")
d.Normal(0.,t.ones(2)).log_prob(1)
d.Normal(0.,t.ones(2)).cdf("a")
d.Normal(0.,t.ones(2)).log_prob(t.ones(3))
d.Normal(0.,1.).log_prob(t.tensor(float('nan')))
d.Normal(0.,1.,validate_args=False).log_prob(t.tensor(float('nan')))
d.Normal(0.,-1.,validate_args=False)
d.Normal(0.,1.).sample(3)
d.Normal(0.,1.).sample([3]).shape
d.Normal(0.,1.)._extended_shape((3,))
d.Normal(t.zeros(2),1.).expand([3,2])
d.Normal(t.zeros(2),1.).expand([3,4])
d.Distribution.set_default_validate_args(3)
d.Distribution(validate_args=False)
d.Distribution(validate_args=False).mean
d.Distribution(validate_args=False).mode
d.Distribution(validate_args=False).rsample()
d.Distribution(validate_args=False).batch_shape
d.Distribution(validate_args=False).expand((2,))
d.ExponentialFamily(validate_args=False).entropy()
d.Bernoulli(2.)
d.Bernoulli(.3)
d.Bernoulli(.3).log_prob(t.tensor(.5))
d.Bernoulli(.3,.3)
d.Bernoulli()
d.Bernoulli(True)
d.Binomial(-1,t.tensor(.5))
d.Binomial(1,.5)
d.Binomial(t.tensor([1.,2.]),t.tensor(.5)).entropy()
d.Binomial(t.tensor([1.,2.]),t.tensor(.5)).enumerate_support()
d.Binomial(3,t.tensor(.5)).log_prob(t.tensor(4.))
d.Categorical(t.tensor(.3))
d.Categorical(logits=t.tensor(.3))
d.Categorical()
d.Categorical(t.tensor([-1.,2.]))
d.Categorical(t.ones(2,3)).log_prob(t.tensor([1,2]))
d.Categorical(t.ones(2,3)).log_prob(t.tensor(3))
d.ContinuousBernoulli(2.)
d.ContinuousBernoulli(2.,validate_args=True)
d.ContinuousBernoulli(1.).probs
d.Dirichlet(t.tensor(1.))
d.Dirichlet(1.)
d.Dirichlet(t.tensor([1.,-1.]))
d.Beta(-1.,2.)
d.Beta(1,2).concentration1
d.Beta(1,t.ones(2)).concentration1
d.Beta(1,2).batch_shape
d.Chi2(-1.)
d.Geometric(0.)
d.Geometric(t.tensor([0.,.2]))
d.Geometric(1.).log_prob(t.tensor(0.))
d.Gumbel(0.,-1.)
d.HalfNormal(-1.)
d.HalfCauchy(1.).log_prob(t.tensor(-1.))
d.HalfCauchy(1.,validate_args=False).log_prob(t.tensor(-1.))
d.Independent(d.Normal(0.,1.),1)
d.Independent(3,1)
d.Independent(d.Normal(t.zeros(2,3),1.),1).expand((4,2))
d.LKJCholesky(1)
d.LKJCholesky(3,-1.)
d.LogNormal(0.,-1.)
d.LogisticNormal(t.zeros(2),-t.ones(2))
d.LogisticNormal(0.,1.).event_shape
d.LowRankMultivariateNormal(t.tensor(1.),t.ones(2,1),t.ones(2))
d.LowRankMultivariateNormal(t.ones(2),t.ones(2),t.ones(2))
d.LowRankMultivariateNormal(t.ones(2),t.ones(3,1),t.ones(2))
d.LowRankMultivariateNormal(t.ones(2),t.ones(2,1),t.ones(3))
d.LowRankMultivariateNormal(t.ones(2),t.ones(2,1),t.tensor(1.))
d.LowRankMultivariateNormal(t.ones(3,2),t.ones(2,2,1),t.ones(2))
d.MixtureSameFamily(1,1)
d.MixtureSameFamily(d.Categorical(t.ones(2)),1)
d.MixtureSameFamily(d.Categorical(t.ones(2)),d.Normal(t.ones(3),1))
d.MixtureSameFamily(d.Categorical(t.ones(2)),d.Normal(0.,1))
d.MixtureSameFamily(d.Categorical(t.ones(4,2)),d.Normal(t.ones(3,2),1))
d.MixtureSameFamily(d.Categorical(t.ones(2)),d.Normal(t.ones(2),1))
d.Multinomial(t.tensor(3),t.ones(2))
d.Multinomial(3,t.ones(2)).log_prob(t.tensor([1.,3.]))
d.MultivariateNormal(t.tensor(1.),t.eye(2))
d.MultivariateNormal(t.ones(2))
d.MultivariateNormal(t.ones(2),t.eye(2),t.eye(2))
d.MultivariateNormal(t.ones(2),t.ones(2))
d.MultivariateNormal(t.ones(2),precision_matrix=t.ones(2))
d.MultivariateNormal(t.ones(2),scale_tril=t.ones(2))
d.MultivariateNormal(t.ones(3),t.eye(2))
d.MultivariateNormal(t.zeros(2),t.tensor([[1.,2.],[2.,1.]]))
d.MultivariateNormal(t.zeros(2),t.tensor([[1.,2.],[0.,1.]]))
d.MultivariateNormal(t.zeros(3),t.eye(3)).log_prob(t.zeros(2))
d.MultivariateNormal(t.zeros(3),t.eye(3)).log_prob(t.tensor(1.))
d.NegativeBinomial(-1.,.5)
d.NegativeBinomial(1.,t.tensor(1.))
d.OneHotCategorical(t.tensor([1.,2.])).log_prob(t.tensor([1.,1.]))
d.Pareto(-1.,1.)
d.Pareto(1.,t.ones(2)).support
d.RelaxedBernoulli(t.tensor(.5))
d.RelaxedBernoulli(t.tensor(1.),2.)
d.RelaxedOneHotCategorical(t.tensor(.5))
d.StudentT(-1.)
d.Uniform(1.,1.)
d.Uniform(2.,1.,validate_args=False)
d.Uniform(0.,1.).log_prob(t.tensor(2.))
d.Uniform(0.,1.,validate_args=False).log_prob(t.tensor(2.))
d.VonMises(t.tensor(0.),t.tensor(-1.))
d.Weibull(-1.,1.)
d.Wishart(t.tensor(1.),t.eye(2))
d.Wishart(3,t.eye(2)).df
d.Wishart(t.tensor(3.),t.ones(2))
d.Wishart(t.tensor(3.))
d.Wishart(t.tensor(3.),t.zeros(2,2))
d.normal.Normal(0.,1.)
d.studentT.StudentT(1.)
d.relaxed_bernoulli.LogitRelaxedBernoulli(t.tensor(.5),.3)
d.relaxed_categorical.ExpRelaxedCategorical(t.tensor(.5),t.ones(2)).support
d.GeneralizedPareto(0.,1.,"a")
d.GeneralizedPareto(0.,1.,-.5).support
d.GeneralizedPareto(t.zeros(3),1.,t.tensor([0.,.2,-.5])).log_prob(t.tensor(.5))
d.GeneralizedPareto(t.zeros(3),1.,t.tensor([0.,.2,-.5])).cdf(t.tensor(.5))
d.GeneralizedPareto(t.zeros(3),1.,t.tensor([0.,.2,-.5])).icdf(t.tensor(.5))
d.GeneralizedPareto(t.zeros(3),1.,t.tensor([0.,.2,2.])).mean
d.GeneralizedPareto(t.zeros(3),1.,t.tensor([0.,.2,2.])).variance
d.GeneralizedPareto(t.zeros(3),1.,t.tensor([0.,.2,2.])).entropy()
"""


@pytest.mark.parametrize("call", CALLS.split("\n")[1:-1])
def test_calls(call: str) -> None:
    def program(t: Any) -> Any:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            shown = repr(eval(call, {"t": t, "d": t.distributions}))
        return shown, [(str(w.message), w.category.__name__) for w in caught]

    assert repr(found(franken, program)).replace("franken.", "torch.") == repr(
        found(torch, program)
    )


def subclasses(t: Any) -> list[Any]:
    d, seen = t.distributions, []

    class Bare(d.Distribution):
        arg_constraints = {}

    class Shifted(d.Normal):
        def __init__(self) -> None:
            super().__init__(0.0, 1.0)

    class Renamed(d.Normal):
        pass

    class Doubled(d.Normal):
        def __init__(self, half: Any, validate_args: Any = None) -> None:
            self.half = half
            super().__init__(2 * half, 1.0, validate_args=validate_args)

        def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
            new = self._get_checked_instance(Doubled, _instance)
            new.half = self.half.expand(batch_shape)
            return super().expand(batch_shape, _instance=new)

    wide = Doubled(t.ones(2)).expand((3, 2))
    seen.append((type(wide).__name__, wide.batch_shape, wide.half.shape, wide.loc.tolist()))
    seen.append(type(Renamed(0.0, 1.0).expand((2,))).__name__)
    for program in (
        lambda: Shifted().expand((2,)),
        lambda: Bare()._validate_sample(t.ones(2)),
        lambda: d.Distribution(),
        lambda: d.Normal(t.zeros(1), 1.0).sample_n(3).shape,
        lambda: d.Wishart(t.tensor(1.5), t.eye(2)),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                seen.append(repr(program()))
            except NotImplementedError as error:
                seen.append(str(error))
        said = [(str(w.message).replace("franken", "torch"), w.category.__name__) for w in caught]
        seen.append(said)
    return seen


def test_subclasses_and_warnings() -> None:
    assert repr(subclasses(franken)) == repr(subclasses(torch))


def test_checks_are_off_by_default_if_one_says_so() -> None:
    def program(t: Any) -> Any:
        d = t.distributions
        d.Distribution.set_default_validate_args(False)
        try:
            return repr(d.Normal(0.0, -1.0).log_prob(t.tensor(float("nan"))))
        finally:
            d.Distribution.set_default_validate_args(True)

    agree(found(torch, program), found(franken, program))


def test_the_same_names() -> None:
    mine, theirs = franken.distributions, torch.distributions
    assert sorted(mine.__all__) == sorted(theirs.__all__)
    assert set(dir(theirs)) <= set(dir(mine))
    for name in ("constraints", "transforms", "kl", "utils", "constraint_registry"):
        assert sorted(getattr(mine, name).__all__) == sorted(getattr(theirs, name).__all__)
        assert [n for n in getattr(mine, name).__all__ if not hasattr(getattr(mine, name), n)] == []


MAPPED = {
    "parameter": lambda t, d, a: d.Normal(a, 1.0).log_prob(t.zeros(())),
    "value": lambda t, d, a: d.Normal(0.0, 1.0).log_prob(a),
    "drawn": lambda t, d, a: d.Gamma(a, 1.0).rsample(),
    "drawn in place": lambda t, d, a: d.Normal(a, 1.0).rsample(),
    "function": lambda t, d, a: d.Beta(a, 1.0).rsample(),
    "all": lambda t, d, a: t._is_all_true(a > 1),
    "any": lambda t, d, a: t._is_any_true(a > 1),
    "matrix": lambda t, d, a: d.MultivariateNormal(t.zeros(2), a * t.eye(2)).entropy(),
}


@pytest.mark.filterwarnings("ignore:There is a performance drop")
@pytest.mark.parametrize("name", MAPPED)
def test_under_vmap(name: str) -> None:
    def program(t: Any) -> Any:
        t.manual_seed(0)
        mapped = t.func.vmap(lambda a: MAPPED[name](t, t.distributions, a), randomness="different")
        return [mapped(t.tensor([1.0, 2.0])), []]

    want, got = found(torch, program), found(franken, program)
    if isinstance(want, tuple):  # the rest tells where to ask for more
        assert (got[0], got[1].split()[:9]) == (want[0], want[1].split()[:9])
    else:
        agree(want, got)
