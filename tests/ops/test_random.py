"""Random ops: torch's numbers for torch's seed, in torch's order; and what vmap makes of them."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import franken
from franken.func import grad, vmap

torch = pytest.importorskip("torch")

DRAWS = """
rand(5)
rand(3, 4, dtype=torch.float64)
rand(40, dtype=torch.bfloat16)
rand(4, dtype=torch.complex64)
randn(5)
randn(40)
randn(40, dtype=torch.float64)
randn(7, dtype=torch.float16)
randint(10, (5,))
randint(-3, 2**40, (5,))
randint(0, 5, (6,), dtype=torch.float32)
randperm(10)
randperm(6, dtype=torch.int32)
rand_like(torch.ones(3, 4).t())
randn_like(torch.ones(5, 8).t())
randn_like(torch.ones(5, 16)[:, ::2])
randint_like(torch.ones(2, 3), 2, 9)
empty(20).uniform_(-2, 3)
empty(4, 5).t().uniform_()
empty(20).normal_(1, 2)
empty(4, 5).t().normal_()
empty(9).exponential_(0.5)
empty(9).cauchy_(1, 2)
empty(9).log_normal_(0, 0.25)
empty(9).geometric_(0.3)
empty(9, dtype=torch.int64).random_()
empty(9).random_(3, 12)
empty(9, dtype=torch.int8).random_(100)
empty(9).bernoulli_(0.3)
empty(2, 3).bernoulli_(torch.tensor([0.1, 0.5, 0.9]))
bernoulli(torch.linspace(0, 1, 12))
bernoulli(torch.linspace(0, 1, 12).reshape(3, 4).t())
ones(6).bernoulli(0.5)
poisson(torch.linspace(0, 40, 12))
binomial(torch.full((6,), 20.), torch.linspace(0, 1, 6))
multinomial(torch.arange(1., 6), 3)
multinomial(torch.arange(1., 13).reshape(3, 4), 9, True)
normal(0., 2., (5,))
normal(torch.arange(4.), torch.ones(4))
normal(torch.arange(4.), 3.)
normal(2., torch.ones(2, 3))
rand(3, generator=torch.Generator().manual_seed(11))
rand(3, out=torch.empty(0))
"""
WRONG = """
rand(2, dtype=torch.int64)
randn(2, dtype=torch.int64)
randint(5)
randint(5, 2, (2,))
randint(0, 5.5, (2,))
randint(0, 300, (2,), dtype=torch.uint8)
randperm(-1)
randperm(5.5)
bernoulli(torch.tensor([0.5, 2.]))
ones(3).bernoulli_(2)
ones(3).uniform_(2, 1)
ones(3, dtype=torch.int64).uniform_()
normal(0., 1.)
normal(torch.zeros(2), torch.ones(3))
normal(torch.zeros(2), -torch.ones(2))
multinomial(torch.ones(3), 5)
multinomial(torch.ones(3), 0)
multinomial(-torch.ones(3), 1)
ones(3).exponential_(-1)
ones(3).geometric_(2)
ones(3).random_(5, 2)
rand(2, generator=1)
manual_seed("a")
manual_seed(2**64)
set_rng_state(3)
set_rng_state(torch.zeros(3, dtype=torch.uint8))
"""


def lines(block):
    return [c for c in block.split("\n") if c]


def call(module, text):
    return eval("torch." + text, {"torch": module})


def values(t):
    wide = {"bfloat16": "float32"}.get(str(t.dtype).rpartition(".")[2])
    return np.array((t.float() if wide else t).numpy())


@pytest.mark.parametrize("text", lines(DRAWS))
def test_same_bits_and_same_stream_after(text):
    drawn = []
    for m in (franken, torch):
        m.manual_seed(1234)
        first = call(m, text)
        drawn.append((values(first), str(first.dtype), first.stride(), values(m.rand(3))))
    ours, theirs = drawn
    assert ours[1:3] == theirs[1:3]
    np.testing.assert_array_equal(ours[0], theirs[0])
    np.testing.assert_array_equal(ours[3], theirs[3])


@pytest.mark.parametrize("text", lines(WRONG))
def test_same_errors(text):
    found = []
    for m in (franken, torch):
        with pytest.raises((RuntimeError, TypeError, ValueError, NotImplementedError)) as error:
            call(m, text)
        found.append((error.type, str(error.value).split("\n")[0].split("(Could")[0].rstrip()[:60]))
    assert issubclass(found[0][0], found[1][0])
    assert found[0][1][:40] == found[1][1][:40]


def test_states_travel_between_the_libraries():
    torch.manual_seed(5)
    torch.rand(17)
    franken.set_rng_state(franken.from_numpy(torch.get_rng_state().numpy().copy()))
    assert franken.randn(8).tolist() == torch.randn(8).tolist()


def test_generator_is_independent_and_copies():
    g = franken.Generator().manual_seed(3)
    franken.manual_seed(9)
    state = g.get_state()
    a = franken.rand(2, generator=g)
    g.set_state(state)
    twin = g.clone_state()
    assert franken.rand(2, generator=g).tolist() == a.tolist()
    assert franken.rand(2, generator=twin).tolist() == a.tolist()
    assert franken.initial_seed() == 9
    assert g.initial_seed() == 3
    assert g.device == franken.device("cpu")


def test_fork_rng_puts_the_stream_back():
    franken.manual_seed(0)
    with franken.random.fork_rng():
        franken.rand(5)
    after = franken.rand(2).tolist()
    franken.manual_seed(0)
    assert franken.rand(2).tolist() == after


SAMPLERS = {
    "rand": (lambda m, x: m.rand(3), True),
    "randn_like": (lambda m, x: m.randn_like(x), True),
    "randint": (lambda m, x: m.randint(9, (2,)), True),
    "randperm": (lambda m, x: m.randperm(4), True),
    "bernoulli": (lambda m, x: m.bernoulli(x.sigmoid()), False),
    "normal": (lambda m, x: m.normal(x, 1.0), False),
    "multinomial": (lambda m, x: m.multinomial(x.exp(), 2), False),
    "uniform_": (lambda m, x: m.zeros_like(x).uniform_(), True),
    "exponential_": (lambda m, x: x.clone().exponential_(), True),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_vmap_randomness(name):
    f, same_works = SAMPLERS[name]
    with pytest.raises(
        RuntimeError, match="called random operation while in randomness error mode"
    ):
        vmap(lambda x: f(franken, x))(franken.ones(4, 3))
    franken.manual_seed(2)
    torch.manual_seed(2)
    ours = vmap(lambda x: f(franken, x), randomness="different")(franken.ones(4, 3))
    theirs = torch.func.vmap(lambda x: f(torch, x), randomness="different")(torch.ones(4, 3))
    assert ours.shape[0] == 4
    if name != "randperm":  # torch draws its rows otherwise; ours are those of separate calls
        assert ours.tolist() == theirs.tolist()
    if not same_works:
        with pytest.raises(RuntimeError, match="same randomness with a batched tensor"):
            vmap(lambda x: f(franken, x), randomness="same")(franken.ones(4, 3))
        return
    rows = vmap(lambda x: f(franken, x), randomness="same")(franken.ones(4, 3)).tolist()
    assert all(row == rows[0] for row in rows)


def test_vmap_different_of_an_unbatched_value_and_nested():
    outer = vmap(
        lambda x: vmap(lambda y: franken.rand(2) + 0 * x, randomness="different")(franken.ones(3)),
        randomness="different",
    )(franken.ones(2))
    assert len({tuple(r) for block in outer.tolist() for r in block}) == 6
    with pytest.raises(RuntimeError, match="different inplace randomness on an unbatched tensor"):
        shared = franken.ones(2)
        vmap(lambda x: x + shared.uniform_(), randomness="different")(franken.ones(3, 2))


def test_random_inside_of_grad_of_vmap_asks_the_inner_map():
    def total(w):
        return vmap(lambda x: franken.bernoulli(w) * w * x)(franken.ones(3)).sum()

    with pytest.raises(RuntimeError, match="randomness error mode"):
        grad(total)(franken.tensor(0.5))


@pytest.mark.parametrize(
    "f",
    [lambda x: x.clone().uniform_(), lambda x: (x * 2).normal_(), franken.bernoulli,
     franken.poisson, lambda x: franken.normal(x, 1.0), lambda x: x.clone().bernoulli_(0.5)],
)  # fmt: skip
def test_gradients_are_zero(f):
    x = franken.full((3,), 0.5, requires_grad=True)
    y = f(x)
    assert y.requires_grad
    y.sum().backward()
    assert x.grad.tolist() == [0, 0, 0]


DRAWN = {
    "bernoulli": lambda t, x: t.bernoulli(x), "poisson": lambda t, x: t.poisson(x),
    "normal": lambda t, x: t.normal(x, 1.0), "normal of both": lambda t, x: t.normal(x, x),
    "uniform_": lambda t, x: (x * 1).uniform_(), "cauchy_": lambda t, x: (x * 1).cauchy_(),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWN)
def test_tangents_are_zero(name):
    torch = pytest.importorskip("torch")
    for t in (torch, franken):
        forward = importlib.import_module(f"{t.__name__}.autograd.forward_ad")
        with forward.dual_level():
            x = forward.make_dual(t.full((2,), 0.5), t.ones(2))
            assert forward.unpack_dual(DRAWN[name](t, x)).tangent.tolist() == [0.0, 0.0]


def test_integers_do_not_require_grad():
    x = franken.ones(4, requires_grad=True)
    assert not franken.multinomial(x, 2).requires_grad
    assert not franken.rand_like(x).requires_grad
