"""Divergences of distributions of two kinds: the cross entropy less the entropy.

-E_p log q needs but a few expectations under p for each kind of q, which are in the tables here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import franken
from franken import Tensor, inf
from franken.distributions.continuous.beta import Beta
from franken.distributions.continuous.continuous_bernoulli import ContinuousBernoulli
from franken.distributions.continuous.exponential import Exponential
from franken.distributions.continuous.gamma import Gamma
from franken.distributions.continuous.gumbel import Gumbel
from franken.distributions.continuous.laplace import Laplace
from franken.distributions.continuous.normal import Normal
from franken.distributions.continuous.pareto import Pareto
from franken.distributions.continuous.uniform import Uniform
from franken.distributions.discrete.bernoulli import Bernoulli
from franken.distributions.discrete.binomial import Binomial
from franken.distributions.discrete.poisson import Poisson
from franken.distributions.kl.registry import register_kl
from franken.distributions.utils import euler_constant

Pairs = tuple[type, ...]


def _declare(kinds_of_p: Pairs, kinds_of_q: Pairs, fn: Callable[[Any, Any], Tensor]) -> None:
    for kind_of_p in kinds_of_p:
        for kind_of_q in kinds_of_q:
            register_kl(kind_of_p, kind_of_q)(fn)


# --- expectations under p ------------------------------------------------------------------------


def _x_log_x(x: Tensor) -> Tensor:
    return franken.special.xlogy(x, x)


def _mean_over(primitive: Callable[[Tensor], Tensor], p: Uniform) -> Tensor:
    """The mean over a uniform's interval of what has this primitive."""
    return (primitive(p.high) - primitive(p.low)) / (p.high - p.low)


# E log x
_LOG: dict[type, Callable[[Any], Tensor]] = {
    Beta: lambda p: (
        franken.digamma(p.concentration1) - franken.digamma(p.concentration1 + p.concentration0)
    ),
    Exponential: lambda p: -euler_constant - p.rate.log(),
    Pareto: lambda p: p.scale.log() + p.alpha.reciprocal(),
    Uniform: lambda p: _mean_over(_x_log_x, p) - 1,
}
# E exp(-x / s)
_DECAY: dict[type, Callable[[Any, Tensor], Tensor]] = {
    Exponential: lambda p, s: p.rate * s / (p.rate * s + 1),
    Gamma: lambda p, s: (1 + (p.rate * s).reciprocal()).pow(-p.concentration),
    Normal: lambda p, s: franken.exp(-p.loc / s + 0.5 * (p.scale / s).pow(2)),
    Uniform: lambda p, s: _mean_over(lambda x: -s * franken.exp(-x / s), p),
}


def _of(table: dict[type, Any], p: Any) -> Any:
    return next(table[kind] for kind in type(p).__mro__ if kind in table)


# --- by the kind of q ----------------------------------------------------------------------------


def _to_exponential(p: Any, q: Exponential) -> Tensor:
    return -p.entropy() - q.rate.log() + q.rate * p.mean


def _to_gamma(p: Any, q: Gamma) -> Tensor:
    a, logs = q.concentration, _of(_LOG, p)(p)
    return -p.entropy() + a.lgamma() - a * q.rate.log() - (a - 1) * logs + q.rate * p.mean


def _to_normal(p: Any, q: Normal) -> Tensor:
    square = p.variance + (p.mean - q.loc).pow(2)
    constant = 0.5 * math.log(2 * math.pi)
    return -p.entropy() + constant + q.scale.log() + square / (2 * q.scale.pow(2))


def _to_gumbel(p: Any, q: Gumbel) -> Tensor:
    decay = franken.exp(q.loc / q.scale) * _of(_DECAY, p)(p, q.scale)
    return -p.entropy() + q.scale.log() + (p.mean - q.loc) / q.scale + decay


def _to_continuous_bernoulli(p: Any, q: ContinuousBernoulli) -> Tensor:
    norm = franken.log1p(-q.probs) + q._cont_bern_log_norm()
    return -p.entropy() - p.mean * q.logits - norm


def _to_uniform(p: Any, q: Uniform) -> Tensor:
    return -p.entropy() + (q.high - q.low).log()


_declare((Beta, ContinuousBernoulli, Pareto), (Exponential,), _to_exponential)
_declare((Gamma,), (Exponential,), _to_exponential)
_declare((Beta, Exponential, Pareto), (Gamma,), _to_gamma)
_declare(
    (Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Laplace, Pareto, Uniform), (Normal,),
    _to_normal,
)  # fmt: skip
_declare((Exponential, Gamma, Normal, Uniform), (Gumbel,), _to_gumbel)
_declare((Beta,), (ContinuousBernoulli,), _to_continuous_bernoulli)


@register_kl(Beta, Uniform)
def _kl_beta_uniform(p: Beta, q: Uniform) -> Tensor:
    return _to_uniform(p, q).masked_fill((q.low > 0) | (q.high < 1), inf)


@register_kl(ContinuousBernoulli, Uniform)
def _kl_continuous_bernoulli_uniform(p: ContinuousBernoulli, q: Uniform) -> Tensor:
    return franken.where((q.low >= 0) | (q.high <= 1), inf, _to_uniform(p, q))


@register_kl(Normal, Laplace)
def _kl_normal_laplace(p: Normal, q: Laplace) -> Tensor:
    away = p.loc - q.loc
    z = away / p.scale
    distance = math.sqrt(2 / math.pi) * p.scale * franken.exp(-0.5 * z.pow(2))
    distance = distance + away * franken.erf(math.sqrt(0.5) * z)  # E |x - loc|
    return -p.entropy() + (2 * q.scale).log() + distance / q.scale


@register_kl(Bernoulli, Poisson)
def _kl_bernoulli_poisson(p: Bernoulli, q: Poisson) -> Tensor:
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


@register_kl(Uniform, Beta)
def _kl_uniform_beta(p: Uniform, q: Beta) -> Tensor:
    a, b = q.concentration1, q.concentration0
    rest = -_mean_over(lambda x: _x_log_x(1 - x), p) - 1  # E log(1 - x)
    found = -p.entropy() + q._log_normalizer(a, b) - (a - 1) * _of(_LOG, p)(p) - (b - 1) * rest
    return found.masked_fill((p.high > 1) | (p.low < 0), inf)


@register_kl(Uniform, ContinuousBernoulli)
def _kl_uniform_continuous_bernoulli(p: Uniform, q: ContinuousBernoulli) -> Tensor:
    outside = (p.high >= 1) | (p.low <= 0)
    return franken.where(outside, inf, _to_continuous_bernoulli(p, q))


@register_kl(Uniform, Exponential)
def _kl_uniform_exponential(p: Uniform, q: Exponential) -> Tensor:
    return _to_exponential(p, q).masked_fill(p.low < 0, inf)


@register_kl(Uniform, Gamma)
def _kl_uniform_gamma(p: Uniform, q: Gamma) -> Tensor:
    return _to_gamma(p, q).masked_fill(p.low < 0, inf)


@register_kl(Uniform, Pareto)
def _kl_uniform_pareto(p: Uniform, q: Pareto) -> Tensor:
    normalizer = q.alpha.log() + q.alpha * q.scale.log()
    found = -p.entropy() - normalizer + (q.alpha + 1) * _of(_LOG, p)(p)
    return found.masked_fill(p.low < q.scale, inf)


# --- where p lies outside of q -------------------------------------------------------------------


def _infinite(parameter: str) -> Callable[[Any, Any], Tensor]:
    def fn(p: Any, q: Any) -> Tensor:
        return franken.full_like(getattr(p, parameter), inf)

    return fn


_declare((Beta,), (Pareto,), _infinite("concentration1"))
_declare((ContinuousBernoulli,), (Pareto,), _infinite("probs"))
_declare((Exponential,), (Beta, ContinuousBernoulli, Pareto, Uniform), _infinite("rate"))
_declare((Gamma,), (Beta, ContinuousBernoulli, Pareto, Uniform), _infinite("concentration"))
_declare(
    (Gumbel, Laplace, Normal), (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    _infinite("loc"),
)  # fmt: skip
_declare((Pareto,), (Beta, ContinuousBernoulli, Uniform), _infinite("scale"))
_declare((Poisson,), (Bernoulli, Binomial), _infinite("rate"))
