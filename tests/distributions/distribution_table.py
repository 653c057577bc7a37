"""Every distribution, made by either library: parameters in float64, and how they are given.

`make(t, name)` makes one, and `agree` compares what it gives under both.
"""

from __future__ import annotations

from typing import Any

import numpy as np

SPD = [[2.0, 0.5], [0.5, 1.0]]
TRIL = [[1.0, 0.0], [0.3, 2.0]]
LOC_SCALE = {"loc": [0.0, 1.0], "scale": [1.0, 2.0]}
ROWS = [[0.2, 0.8], [0.5, 0.7]]
# name, or name/variant -> keyword arguments; what is no list is no tensor
PARAMETERS: dict[str, dict[str, Any]] = {
    "Bernoulli": {"probs": [0.3, 0.8]},
    "Bernoulli/logits": {"logits": [0.3, -0.8]},
    "Beta": {"concentration1": [0.5, 2.0], "concentration0": [1.5, 3.0]},
    "Binomial": {"total_count": 5, "probs": [0.3, 0.8]},
    "Binomial/logits": {"total_count": 5, "logits": [0.3, 0.0]},
    "Categorical": {"probs": ROWS},
    "Categorical/logits": {"logits": [0.2, 0.8, -1.0]},
    "Cauchy": LOC_SCALE,
    "Chi2": {"df": [1.0, 3.0]},
    "ContinuousBernoulli": {"probs": [0.2, 0.5]},
    "ContinuousBernoulli/logits": {"logits": [0.2, 2.0]},
    "Dirichlet": {"concentration": [[0.5, 1.0, 2.0], [1.0, 3.0, 1.0]]},
    "Exponential": {"rate": [0.5, 2.0]},
    "FisherSnedecor": {"df1": [3.0, 5.0], "df2": [6.0, 9.0]},
    "Gamma": {"concentration": [0.5, 2.0], "rate": [1.0, 3.0]},
    "Geometric": {"probs": [0.3, 0.8]},
    "Geometric/logits": {"logits": [0.3, 0.8]},
    "Gumbel": LOC_SCALE,
    "HalfCauchy": {"scale": [1.0, 2.0]},
    "HalfNormal": {"scale": [1.0, 2.0]},
    "InverseGamma": {"concentration": [1.5, 3.0], "rate": [1.0, 3.0]},
    "Kumaraswamy": {"concentration1": [0.5, 2.0], "concentration0": [1.5, 3.0]},
    "LKJCholesky": {"dim": 3, "concentration": [0.5, 2.0]},
    "Laplace": LOC_SCALE,
    "LogNormal": LOC_SCALE,
    "LogisticNormal": LOC_SCALE,
    "LowRankMultivariateNormal": {
        "loc": [0.0, 1.0, 2.0],
        "cov_factor": [[1.0], [2.0], [0.5]],
        "cov_diag": [1.0, 2.0, 3.0],
    },
    "Multinomial": {"total_count": 5, "probs": ROWS},
    "Multinomial/logits": {"total_count": 5, "logits": [0.2, 0.8]},
    "MultivariateNormal": {"loc": [0.0, 1.0], "covariance_matrix": SPD},
    "MultivariateNormal/precision": {"loc": [[0.0, 1.0], [1.0, 1.0]], "precision_matrix": SPD},
    "MultivariateNormal/tril": {"loc": [0.0, 1.0], "scale_tril": TRIL},
    "NegativeBinomial": {"total_count": [5.0, 2.0], "probs": [0.3, 0.8]},
    "NegativeBinomial/logits": {"total_count": [5.0, 2.0], "logits": [0.3, 0.8]},
    "Normal": LOC_SCALE,
    "OneHotCategorical": {"probs": ROWS},
    "OneHotCategoricalStraightThrough": {"logits": [0.2, 0.8, 0.1]},
    "Pareto": {"scale": [1.0, 2.0], "alpha": [1.5, 3.0]},
    "Poisson": {"rate": [0.5, 12.0]},
    "RelaxedBernoulli": {"temperature": [0.7], "probs": [0.3, 0.8]},
    "RelaxedBernoulli/logits": {"temperature": [0.7], "logits": [0.3, 0.8]},
    "RelaxedOneHotCategorical": {"temperature": [0.7], "probs": [0.3, 0.8]},
    "StudentT": {"df": [0.7, 1.5, 5.0], "loc": [0.0, 1.0, 2.0], "scale": [1.0, 2.0, 3.0]},
    "Uniform": {"low": [0.0, 1.0], "high": [1.0, 3.0]},
    "VonMises": {"loc": [0.0, 1.0], "concentration": [1.0, 200.0]},
    "Weibull": {"scale": [1.0, 2.0], "concentration": [1.5, 3.0]},
    "Wishart": {"df": [4.0], "covariance_matrix": SPD},
    "Wishart/precision": {"df": [4.0, 5.0], "precision_matrix": SPD},
    "Wishart/tril": {"df": [4.0], "scale_tril": TRIL},
}


def _normal(t: Any, p: dict[str, Any]) -> Any:
    return t.distributions.Normal(p["loc"], p["scale"])


def _mixture(t: Any, p: dict[str, Any]) -> Any:
    d = t.distributions
    return d.MixtureSameFamily(d.Categorical(p["weights"]), _normal(t, p))


def _vector_mixture(t: Any, p: dict[str, Any]) -> Any:
    d = t.distributions
    return d.MixtureSameFamily(d.Categorical(p["weights"]), d.Independent(_normal(t, p), 1))


def _transformed(*transforms: Any) -> Any:
    def made(t: Any, p: dict[str, Any]) -> Any:
        steps = [make(t.distributions) for make in transforms]
        return t.distributions.TransformedDistribution(_normal(t, p), steps)

    return made


MIXED = {"weights": [0.3, 0.7], "loc": [[0.0, 1.0], [2.0, 3.0]], "scale": [[1.0, 1.0], [2.0, 1.0]]}
# those that are made of others
COMPOSED: dict[str, tuple[dict[str, Any], Any]] = {
    "Independent": (LOC_SCALE, lambda t, p: t.distributions.Independent(_normal(t, p), 1)),
    "Independent/0": (LOC_SCALE, lambda t, p: t.distributions.Independent(_normal(t, p), 0)),
    "Independent/discrete": (
        {"probs": ROWS},
        lambda t, p: t.distributions.Independent(t.distributions.Bernoulli(p["probs"]), 1),
    ),
    "MixtureSameFamily": ({**MIXED, "weights": [[0.3, 0.7], [0.5, 0.5]]}, _mixture),
    "MixtureSameFamily/vectors": (MIXED, _vector_mixture),
    "TransformedDistribution": (
        LOC_SCALE,
        _transformed(lambda d: d.ExpTransform(), lambda d: d.AffineTransform(1.0, 2.0)),
    ),
    "TransformedDistribution/falling": (
        LOC_SCALE, _transformed(lambda d: d.AffineTransform(1.0, -2.0), lambda d: d.TanhTransform())
    ),
    "TransformedDistribution/vectors": (
        LOC_SCALE, _transformed(lambda d: d.StickBreakingTransform())
    ),
    "TransformedDistribution/reshaped": (
        LOC_SCALE, _transformed(lambda d: d.ReshapeTransform((2,), (2, 1)))
    ),
    "TransformedDistribution/none": (LOC_SCALE, _transformed()),
}  # fmt: skip
NAMES = [*PARAMETERS, *COMPOSED]


def make(t: Any, name: str, slopes: bool = True) -> tuple[Any, list[Any]]:
    """The distribution of this name, and its parameters, which want gradients."""
    given, build = COMPOSED.get(name, (PARAMETERS.get(name), None))
    p = {
        key: t.tensor(value, dtype=t.float64, requires_grad=slopes)
        if isinstance(value, list)
        else value
        for key, value in given.items()
    }
    leaves = [x for x in p.values() if isinstance(x, t.Tensor)]
    if build is not None:
        return build(t, p), leaves
    kind = getattr(t.distributions, name.split("/")[0])
    return kind(**p), leaves


def moved(t: Any, x: Any) -> Any:
    """A tensor of torch in the library t."""
    kind = getattr(t, str(x.dtype).split(".")[1])
    return t.tensor(np.asarray(x.detach()).tolist(), dtype=kind).reshape(tuple(x.shape))


def gradients(t: Any, y: Any, leaves: list[Any]) -> list[Any]:
    """Those of a sum that weighs every element differently; None where there is none."""
    if not y.requires_grad:
        return []
    weights = t.arange(1, y.numel() + 1, dtype=y.dtype).reshape(y.shape)
    return [
        None if g is None else np.asarray(g.detach())
        for g in t.autograd.grad((y * weights).sum(), leaves, allow_unused=True)
    ]


def found(t: Any, program: Any) -> Any:
    """What a program gives: values and gradients, text, or an error's kind and words."""
    try:
        got = program(t)
    except (
        ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError,
        ValueError,
    ) as error:  # fmt: skip
        return type(error).__name__, plain(str(error))
    return got if isinstance(got, (tuple, list)) else plain(repr(got))


def plain(text: str) -> str:
    return text.replace("franken.", "torch.")


def agree(want: Any, got: Any, rtol: float = 1e-6, slope_tol: float | None = None) -> None:
    """Equal texts; or values and gradients that are near."""
    if not (isinstance(want, list) and isinstance(got, list)):
        assert got == want
        return
    (a, wanted), (b, slopes) = want, got
    assert tuple(b.shape) == tuple(a.shape)
    assert plain(str(b.dtype)) == str(a.dtype)
    assert b.requires_grad == a.requires_grad
    a, b = np.asarray(a.detach()), np.asarray(b.detach())
    np.testing.assert_allclose(b, a, rtol=rtol, atol=1e-9)
    assert [g is None for g in slopes] == [g is None for g in wanted]
    for x, y in zip(wanted, slopes, strict=True):
        if x is not None:
            np.testing.assert_allclose(y, x, rtol=slope_tol or rtol, atol=1e-8)
