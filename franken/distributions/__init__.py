"""torch.distributions: distributions, constraints, transforms and divergences.

Every file of torch's package is a module here under its name, though it lies in one of the rooms.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import Any

from franken.distributions import constraints as constraints
from franken.distributions import continuous, discrete, multivariate
from franken.distributions import kl as kl
from franken.distributions import transforms as transforms
from franken.distributions import utils as utils
from franken.distributions.constraint_registry import biject_to as biject_to
from franken.distributions.constraint_registry import transform_to as transform_to
from franken.distributions.continuous.beta import Beta as Beta
from franken.distributions.continuous.cauchy import Cauchy as Cauchy
from franken.distributions.continuous.chi2 import Chi2 as Chi2
from franken.distributions.continuous.continuous_bernoulli import (
    ContinuousBernoulli as ContinuousBernoulli,
)
from franken.distributions.continuous.exponential import Exponential as Exponential
from franken.distributions.continuous.fishersnedecor import FisherSnedecor as FisherSnedecor
from franken.distributions.continuous.gamma import Gamma as Gamma
from franken.distributions.continuous.generalized_pareto import (
    GeneralizedPareto as GeneralizedPareto,
)
from franken.distributions.continuous.gumbel import Gumbel as Gumbel
from franken.distributions.continuous.half_cauchy import HalfCauchy as HalfCauchy
from franken.distributions.continuous.half_normal import HalfNormal as HalfNormal
from franken.distributions.continuous.inverse_gamma import InverseGamma as InverseGamma
from franken.distributions.continuous.kumaraswamy import Kumaraswamy as Kumaraswamy
from franken.distributions.continuous.laplace import Laplace as Laplace
from franken.distributions.continuous.log_normal import LogNormal as LogNormal
from franken.distributions.continuous.normal import Normal as Normal
from franken.distributions.continuous.pareto import Pareto as Pareto
from franken.distributions.continuous.relaxed_bernoulli import RelaxedBernoulli as RelaxedBernoulli
from franken.distributions.continuous.studentT import StudentT as StudentT
from franken.distributions.continuous.uniform import Uniform as Uniform
from franken.distributions.continuous.von_mises import VonMises as VonMises
from franken.distributions.continuous.weibull import Weibull as Weibull
from franken.distributions.discrete.bernoulli import Bernoulli as Bernoulli
from franken.distributions.discrete.binomial import Binomial as Binomial
from franken.distributions.discrete.categorical import Categorical as Categorical
from franken.distributions.discrete.geometric import Geometric as Geometric
from franken.distributions.discrete.multinomial import Multinomial as Multinomial
from franken.distributions.discrete.negative_binomial import NegativeBinomial as NegativeBinomial
from franken.distributions.discrete.one_hot_categorical import (
    OneHotCategorical as OneHotCategorical,
)
from franken.distributions.discrete.one_hot_categorical import (
    OneHotCategoricalStraightThrough as OneHotCategoricalStraightThrough,
)
from franken.distributions.discrete.poisson import Poisson as Poisson
from franken.distributions.distribution import Distribution as Distribution
from franken.distributions.exp_family import ExponentialFamily as ExponentialFamily
from franken.distributions.independent import Independent as Independent
from franken.distributions.kl import kl_divergence as kl_divergence
from franken.distributions.kl import register_kl as register_kl
from franken.distributions.mixture_same_family import MixtureSameFamily as MixtureSameFamily
from franken.distributions.multivariate.dirichlet import Dirichlet as Dirichlet
from franken.distributions.multivariate.lkj_cholesky import LKJCholesky as LKJCholesky
from franken.distributions.multivariate.logistic_normal import LogisticNormal as LogisticNormal
from franken.distributions.multivariate.lowrank_multivariate_normal import (
    LowRankMultivariateNormal as LowRankMultivariateNormal,
)
from franken.distributions.multivariate.multivariate_normal import (
    MultivariateNormal as MultivariateNormal,
)
from franken.distributions.multivariate.relaxed_categorical import (
    RelaxedOneHotCategorical as RelaxedOneHotCategorical,
)
from franken.distributions.multivariate.wishart import Wishart as Wishart
from franken.distributions.transformed_distribution import (
    TransformedDistribution as TransformedDistribution,
)
from franken.distributions.transforms import (
    AbsTransform as AbsTransform,
)
from franken.distributions.transforms import (
    AffineTransform as AffineTransform,
)
from franken.distributions.transforms import (
    CatTransform as CatTransform,
)
from franken.distributions.transforms import (
    ComposeTransform as ComposeTransform,
)
from franken.distributions.transforms import (
    CorrCholeskyTransform as CorrCholeskyTransform,
)
from franken.distributions.transforms import (
    CumulativeDistributionTransform as CumulativeDistributionTransform,
)
from franken.distributions.transforms import (
    ExpTransform as ExpTransform,
)
from franken.distributions.transforms import (
    IndependentTransform as IndependentTransform,
)
from franken.distributions.transforms import (
    LowerCholeskyTransform as LowerCholeskyTransform,
)
from franken.distributions.transforms import (
    PositiveDefiniteTransform as PositiveDefiniteTransform,
)
from franken.distributions.transforms import (
    PowerTransform as PowerTransform,
)
from franken.distributions.transforms import (
    ReshapeTransform as ReshapeTransform,
)
from franken.distributions.transforms import (
    SigmoidTransform as SigmoidTransform,
)
from franken.distributions.transforms import (
    SoftmaxTransform as SoftmaxTransform,
)
from franken.distributions.transforms import (
    SoftplusTransform as SoftplusTransform,
)
from franken.distributions.transforms import (
    StackTransform as StackTransform,
)
from franken.distributions.transforms import (
    StickBreakingTransform as StickBreakingTransform,
)
from franken.distributions.transforms import (
    TanhTransform as TanhTransform,
)
from franken.distributions.transforms import (
    Transform as Transform,
)
from franken.distributions.transforms import (
    identity_transform as identity_transform,
)


def _rename(module: Any, name: str) -> None:
    """What is made in a module is shown and pickled by torch's name for the module."""
    for made in vars(module).values():
        if isinstance(made, type) and made.__module__.startswith(module.__name__):
            made.__module__ = name


def _under_torch_names(room: Any) -> None:
    """`franken.distributions.normal` is `franken.distributions.continuous.normal`."""
    for found in pkgutil.iter_modules(room.__path__):
        module = importlib.import_module(f"{room.__name__}.{found.name}")
        name = f"{__name__}.{found.name}"
        globals()[found.name] = sys.modules[name] = module
        _rename(module, name)


for _room in (continuous, discrete, multivariate):
    _under_torch_names(_room)
_rename(transforms, transforms.__name__)

__all__ = [
    "AbsTransform", "AffineTransform", "Bernoulli", "Beta", "Binomial", "CatTransform",
    "Categorical", "Cauchy", "Chi2", "ComposeTransform", "ContinuousBernoulli",
    "CorrCholeskyTransform", "CumulativeDistributionTransform", "Dirichlet", "Distribution",
    "ExpTransform", "Exponential", "ExponentialFamily", "FisherSnedecor", "Gamma",
    "GeneralizedPareto", "Geometric", "Gumbel", "HalfCauchy", "HalfNormal", "Independent",
    "IndependentTransform", "InverseGamma", "Kumaraswamy", "LKJCholesky", "Laplace",
    "LogNormal", "LogisticNormal", "LowRankMultivariateNormal", "LowerCholeskyTransform",
    "MixtureSameFamily", "Multinomial", "MultivariateNormal", "NegativeBinomial", "Normal",
    "OneHotCategorical", "OneHotCategoricalStraightThrough", "Pareto", "Poisson",
    "PositiveDefiniteTransform", "PowerTransform", "RelaxedBernoulli",
    "RelaxedOneHotCategorical", "ReshapeTransform", "SigmoidTransform", "SoftmaxTransform",
    "SoftplusTransform", "StackTransform", "StickBreakingTransform", "StudentT",
    "TanhTransform", "Transform", "TransformedDistribution", "Uniform", "VonMises", "Weibull",
    "Wishart", "biject_to", "identity_transform", "kl_divergence", "register_kl",
    "transform_to",
]  # fmt: skip
