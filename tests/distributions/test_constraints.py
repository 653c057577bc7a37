"""Constraints, the transforms into them, and the helpers of distributions, against torch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from distribution_table import agree, found

import franken

# Values for every constraint: numbers, vectors and matrices, inside and outside.
VALUES = {
    "numbers": [[-1.0, 0.0, 0.5], [1.0, 2.0, float("nan")]],
    "counts": [[0.0, 1.0, 2.0], [3.0, 0.0, 0.0]],
    "shares": [[0.2, 0.3, 0.5], [0.5, 0.5, 1e-3], [1.0, 0.0, 0.0]],
    "matrices": [
        [[2.0, 0.5], [0.5, 1.0]], [[1.0, 2.0], [2.0, 1.0]], [[1.0, 0.0], [0.6, 0.8]],
        [[0.0, 0.0], [0.0, 0.0]], [[1.0, 0.0], [0.5, -1.0]], [[1.0, 1.0], [1.0, 1.0]],
    ],
    "oblong": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
}  # fmt: skip
CONSTRAINTS = """
c.boolean c.one_hot c.nonnegative_integer c.positive_integer c.integer_interval(0,2) c.real
c.real_vector c.positive c.nonnegative c.greater_than(0.5) c.greater_than_eq(0.5) c.less_than(0.5)
c.multinomial(3) c.unit_interval c.interval(0,t.tensor(1.)) c.half_open_interval(0,1) c.simplex
c.lower_triangular c.lower_cholesky c.corr_cholesky c.square c.symmetric c.positive_semidefinite
c.positive_definite c.cat([c.real,c.positive],-1,[1,2]) c.cat([c.real,c.positive])
c.stack([c.real,c.positive]) c.stack([c.simplex,c.real],-2) c.independent(c.positive,1)
c.independent(c.simplex,1) c.independent(c.real,0) c.MixtureSameFamilyConstraint(c.positive)
c.MixtureSameFamilyConstraint(c.simplex) c.dependent c.dependent(is_discrete=True,event_dim=1)
c.dependent_property(is_discrete=False) c.Constraint() c._IntegerLessThan(1)
""".split()  # noqa: SIM905


def made(t: Any, text: str) -> Any:
    return eval(text, {"t": t, "c": t.distributions.constraints})


def both(program: Any) -> tuple[Any, Any]:
    return found(torch, program), found(franken, program)


@pytest.mark.parametrize("what", ["is_discrete", "event_dim", "__class__"])
@pytest.mark.parametrize("text", CONSTRAINTS)
def test_what_it_is(text: str, what: str) -> None:
    agree(*both(lambda t: repr(made(t, text))))
    agree(*both(lambda t: repr(getattr(made(t, text), what))))
    agree(*both(lambda t: repr(t.distributions.constraints.is_dependent(made(t, text)))))


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("text", CONSTRAINTS)
def test_checks(text: str, values: str) -> None:
    for dtype in ("float32", "float64"):
        agree(*both(lambda t, dtype=dtype: [
            made(t, text).check(t.tensor(VALUES[values], dtype=getattr(t, dtype))), [],
        ]))  # fmt: skip


@pytest.mark.parametrize("registry", ["biject_to", "transform_to"])
@pytest.mark.parametrize(
    "text", [*CONSTRAINTS, "c.interval(1,3)", "c.greater_than(t.ones(3))", "3"]
)
def test_transforms_into(text: str, registry: str) -> None:
    def transform(t: Any) -> Any:
        return getattr(t.distributions, registry)(made(t, text))

    agree(*both(lambda t: repr(transform(t))))

    def program(t: Any) -> Any:
        x = t.tensor([[0.5, -1.0, 2.0], [0.25, 0.0, -3.0], [1.0, 0.5, 0.25]], dtype=t.float64)
        return [transform(t)(x), []]

    agree(*both(program))


# each a call that fails, or one whose words count
CALLS = """
c.MixtureSameFamilyConstraint(3)
c.cat([c.real,3])
c.stack([1])
c.cat([c.real],0,[1,2])
c.independent(3,1)
c.independent(c.real,-1)
c.independent(c.real,"1")
c.independent(c.real,2).check(t.ones(3))
c.cat([c.real],5).check(t.ones(3))
c.stack([c.real],4).check(t.ones(3,2))
d.biject_to.register(int,1)
u.broadcast_all(1,2.5)
u.broadcast_all("a",1)
u.broadcast_all(True,t.ones(2).double())
u.broadcast_all(t.ones(2).long(),2.5)
u.broadcast_all(t.ones(2),t.ones(3))
u.broadcast_all(t.ones(2),t.ones(2).double())
u.logits_to_probs(t.tensor([1.,2]),True)
u.logits_to_probs(t.tensor([1.,2]))
u.probs_to_logits(t.tensor([0.,1,.5]),True)
u.probs_to_logits(t.tensor([0.,1,.5]))
u.clamp_probs(t.tensor([0.,1,.5]).double())
u.clamp_probs(t.tensor([0,1]))
u.tril_matrix_to_vec(t.arange(9.).reshape(3,3),0)
u.tril_matrix_to_vec(t.arange(18.).reshape(2,3,3),-1)
u.tril_matrix_to_vec(t.arange(9.).reshape(3,3),1)
u.tril_matrix_to_vec(t.arange(9.).reshape(3,3),3)
u.tril_matrix_to_vec(t.arange(9.).reshape(3,3),-4)
u.vec_to_tril_matrix(t.arange(6.))
u.vec_to_tril_matrix(t.arange(6.).reshape(2,3),-1)
u.vec_to_tril_matrix(t.arange(8.),1)
u.vec_to_tril_matrix(t.arange(5.))
u._sum_rightmost(t.ones(2,3),0)
u._sum_rightmost(t.ones(2,3),1)
u._sum_rightmost(t.ones(2,3),2)
u._standard_normal((2,),t.float64,"cpu").dtype
u.euler_constant
type(d.Bernoulli.probs)
d.Bernoulli(.3).__dict__.keys()
d.Normal.arg_constraints
d.Normal.support
d.Uniform.support
"""


@pytest.mark.parametrize("call", CALLS.split("\n")[1:-1])
def test_words(call: str) -> None:
    names = ("d", "c", "u")

    def program(t: Any) -> Any:
        d = t.distributions
        spaces = dict(zip(names, (d, d.constraints, d.utils), strict=True))
        return repr(eval(call, {"t": t, **spaces}))

    agree(*both(program))


def test_a_registry_of_ones_own() -> None:
    def program(t: Any) -> Any:
        d = t.distributions
        registry = d.constraint_registry.ConstraintRegistry()

        @registry.register(d.constraints.positive)
        def _(constraint: Any) -> Any:
            return d.ExpTransform()

        registry.register(d.constraints.interval, lambda c: d.SigmoidTransform())
        kinds = (d.constraints.greater_than(1), d.constraints.interval(1, 2))
        return repr([registry(kind) for kind in kinds])

    agree(*both(program))
