"""Transforms against torch: values, inverses, Jacobians, shapes, equality and caching."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from distribution_table import agree, found, gradients

import franken


def c(t: Any, *values: Any) -> Any:
    return t.tensor(values, dtype=t.float64)


# name -> (made with torch.distributions, an argument's rows)
NUMBERS = [[-1.5, 0.25, 2.0], [0.5, -0.75, 30.0]]
POSITIVE = [[0.5, 0.25, 2.0], [1.5, 0.75, 3.0]]
SQUARE = [[[2.0, 0.5], [0.5, 1.0]], [[1.0, -0.25], [-0.25, 3.0]]]
TRANSFORMS: dict[str, tuple[Any, Any]] = {
    "Abs": (lambda t, d: d.AbsTransform(), NUMBERS),
    "Affine": (lambda t, d: d.AffineTransform(1.0, -2.0), NUMBERS),
    "Affine/tensors": (lambda t, d: d.AffineTransform(c(t, 1.0, 2.0, 3.0), c(t, 1.0, -2.0, 3.0)),
                       NUMBERS),
    "Affine/event": (lambda t, d: d.AffineTransform(1.0, c(t, 1.0, -2.0, 3.0), 1), NUMBERS),
    "Cat": (lambda t, d: d.CatTransform([d.ExpTransform(), d.AffineTransform(1.0, 2.0)], -1,
                                        [1, 2]), NUMBERS),
    "Cat/first": (lambda t, d: d.CatTransform([d.ExpTransform(), d.TanhTransform()]), NUMBERS),
    "Compose": (lambda t, d: d.ComposeTransform([d.AffineTransform(0.5, 2.0), d.SigmoidTransform(),
                                                 d.PowerTransform(2.0)]), NUMBERS),
    "Compose/vectors": (lambda t, d: d.ComposeTransform([d.ExpTransform(),
                                                         d.StickBreakingTransform()]), NUMBERS),
    "Compose/none": (lambda t, d: d.ComposeTransform([]), NUMBERS),
    "CorrCholesky": (lambda t, d: d.CorrCholeskyTransform(), NUMBERS),
    "CumulativeDistribution": (
        lambda t, d: d.CumulativeDistributionTransform(d.Normal(c(t, 1.0), c(t, 2.0))), NUMBERS),
    "Exp": (lambda t, d: d.ExpTransform(), NUMBERS),
    "Independent": (lambda t, d: d.IndependentTransform(d.ExpTransform(), 1), NUMBERS),
    "LowerCholesky": (lambda t, d: d.LowerCholeskyTransform(), SQUARE),
    "PositiveDefinite": (lambda t, d: d.PositiveDefiniteTransform(), SQUARE),
    "Power": (lambda t, d: d.PowerTransform(-1.5), POSITIVE),
    "Reshape": (lambda t, d: d.ReshapeTransform((3,), (3, 1)), NUMBERS),
    "Sigmoid": (lambda t, d: d.SigmoidTransform(), NUMBERS),
    "Softmax": (lambda t, d: d.SoftmaxTransform(), NUMBERS),
    "Softplus": (lambda t, d: d.SoftplusTransform(), NUMBERS),
    "Stack": (lambda t, d: d.StackTransform([d.ExpTransform(), d.TanhTransform()]), NUMBERS),
    "StickBreaking": (lambda t, d: d.StickBreakingTransform(), NUMBERS),
    "Tanh": (lambda t, d: d.TanhTransform(), [[-1.5, 0.25, 2.0]]),
}  # fmt: skip


def made(t: Any, name: str) -> tuple[Any, Any]:
    build, rows = TRANSFORMS[name]
    return build(t, t.distributions), t.tensor(rows, dtype=t.float64, requires_grad=True)


def both(program: Any) -> tuple[Any, Any]:
    return found(torch, program), found(franken, program)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_values_and_inverses(name: str) -> None:
    def forward(t: Any) -> Any:
        f, x = made(t, name)
        y = f(x)
        return [y, gradients(t, y, [x])]

    def back(t: Any) -> Any:
        f, x = made(t, name)
        y = f(x).detach().requires_grad_()
        z = f.inv(y)
        return [z, gradients(t, z, [y])]

    agree(*both(forward))
    agree(*both(back), slope_tol=1e-5)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_jacobians(name: str) -> None:
    for inverse in (False, True):

        def program(t: Any, inverse: bool = inverse) -> Any:
            f, x = made(t, name)
            if inverse:
                f, x = f.inv, f(x).detach().requires_grad_()
            y = f.log_abs_det_jacobian(x, f(x))
            return [y, gradients(t, y, [x])]

        agree(*both(program), slope_tol=1e-5)


@pytest.mark.parametrize("what", ["domain", "codomain", "bijective", "sign", "event_dim", "inv"])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_what_it_is(name: str, what: str) -> None:
    agree(*both(lambda t: repr(getattr(made(t, name)[0], what))))
    agree(*both(lambda t: repr(getattr(made(t, name)[0].inv, what))))
    agree(*both(lambda t: repr(made(t, name)[0])))


@pytest.mark.parametrize("shape", [(), (2,), (3,), (2, 3), (2, 2, 2), (4, 3, 1), (2, 4, 4)])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_shapes(name: str, shape: tuple[int, ...]) -> None:
    agree(*both(lambda t: repr(tuple(made(t, name)[0].forward_shape(t.Size(shape))))))
    agree(*both(lambda t: repr(tuple(made(t, name)[0].inverse_shape(t.Size(shape))))))


@pytest.mark.parametrize("name", TRANSFORMS)
def test_equality(name: str) -> None:
    def program(t: Any) -> Any:
        f, g = made(t, name)[0], made(t, name)[0]
        other = t.distributions.AffineTransform(1.0, 3.0)
        pairs = (
            (f, f),
            (f, g),
            (f, other),
            (f, 3),
            (f.inv, g.inv),
            (f.inv, f),
            (f, f.with_cache()),
        )
        return repr([(a == b, a != b) for a, b in pairs])

    agree(*both(program))


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_cache_gives_back_the_argument(name: str) -> None:
    def program(t: Any) -> Any:
        f, x = made(t, name)
        f = f.with_cache()
        y = f(x)
        kept = (f.inv(y) is x, f(x) is y, f.inv.inv is f, f.with_cache() is f, f._cache_size)
        f, y = made(t, name)[0].with_cache(1), y.detach()
        x = f.inv(y)
        return repr((kept, f(x) is y, f.with_cache(0)._cache_size))

    agree(*both(program))


@pytest.mark.parametrize("name", TRANSFORMS)
def test_copies(name: str) -> None:
    f, x = made(franken, name)
    inverse = f.inv
    for again in (copy.deepcopy(f), pickle.loads(pickle.dumps(f))):
        assert repr(again) == repr(f)
        assert again(x).tolist() == f(x).tolist()
    assert pickle.loads(pickle.dumps(inverse))(f(x)).tolist() == inverse(f(x)).tolist()


# each a call that fails, or one whose words count
CALLS = """
d.ExpTransform(2)
d.ReshapeTransform((4,),(3,))
d.ReshapeTransform((4,),(2,2))(t.ones(3))
d.CatTransform([1])
d.CatTransform([d.ExpTransform()],lengths=[2,3])
d.StackTransform([1])
d.CatTransform([d.ExpTransform(),d.ExpTransform()])(t.ones(3))
d.CatTransform([d.ExpTransform(),d.ExpTransform()],3)(t.ones(3))
d.CatTransform([d.ExpTransform(),d.ExpTransform()]).log_abs_det_jacobian(t.ones(2),t.ones(3))
d.StackTransform([d.ExpTransform(),d.ExpTransform()])(t.ones(3))
d.StackTransform([d.ExpTransform(),d.ExpTransform()],4).inv(t.ones(3))
d.IndependentTransform(d.ExpTransform(),1)(t.tensor(1.))
d.IndependentTransform(d.ExpTransform(),1).inv(t.tensor(1.))
d.AffineTransform(1,2)==d.AffineTransform(t.tensor(1),2)
d.AffineTransform(t.ones(2),2)==d.AffineTransform(t.ones(2),2)
d.AffineTransform(1,t.tensor([2.,-1])).sign
hash(d.ExpTransform())
d.transforms.Transform().inv(1)
d.transforms.Transform()(1)
d.transforms.Transform().sign
d.transforms.Transform().event_dim
d.TransformedDistribution(d.Normal(0.,1.),3)
d.TransformedDistribution(d.Normal(0.,1.),[3])
d.TransformedDistribution(d.Normal(0.,1.),d.StickBreakingTransform())
d.TransformedDistribution(d.Normal(t.zeros(4),1.),d.AffineTransform(t.zeros(3,4),1.)).base_dist
d.TransformedDistribution(d.Normal(t.zeros(4),1.),d.AffineTransform(t.zeros(4),1.,1)).event_shape
d.transforms._clipped_sigmoid(t.tensor([-200.,0,200.]))
"""


@pytest.mark.parametrize("call", CALLS.split("\n")[1:-1])
def test_words(call: str) -> None:
    agree(*both(lambda t: repr(eval(call, {"t": t, "d": t.distributions}))))


def test_a_subclass_with_arguments_says_how_it_is_cached() -> None:
    def program(t: Any) -> Any:
        class Mine(t.distributions.transforms.Transform):
            def __init__(self) -> None:
                super().__init__()

        try:
            Mine().with_cache()
        except NotImplementedError as error:
            return str(error).split(".")[-2:]
        return None

    assert program(franken) == program(torch)
