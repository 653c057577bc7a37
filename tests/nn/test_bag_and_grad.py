"""embedding_bag's modes, bounds and refusals, and `nn.grad`, against torch."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
import torch

import franken

TABLE = [[0.1 * i + 0.01 * j * j - 0.3 * (i % 2) for j in range(3)] for i in range(6)]
INDICES = [1, 2, 4, 5, 4, 3, 2, 1]


def bagged(t, dtype, call):
    """(values, gradient of the table) of their squares' sum, or the refusal."""
    w = t.tensor(TABLE, dtype=getattr(t, dtype), requires_grad=True)
    try:
        out = call(t, t.nn.functional.embedding_bag, w)
    except (RuntimeError, ValueError, NotImplementedError) as error:
        return type(error).__name__, str(error)[:60]
    out.pow(2).sum().backward()
    return out.detach().numpy(), w.grad.numpy()


def same(call, dtype="float64"):
    mine, theirs = bagged(franken, dtype, call), bagged(torch, dtype, call)
    if isinstance(theirs[0], str):
        assert mine == theirs
    else:
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("offsets", [[0, 4], [0, 0, 4, 8], [0, 8], [0, 3, 3]], ids=str)
def test_bags(mode, offsets):
    for last, padding in itertools.product((False, True), (None, 4, -2)):
        same(lambda t, bag, w, last=last, padding=padding: bag(
            t.tensor(INDICES), w, t.tensor(offsets), mode=mode, include_last_offset=last,
            padding_idx=padding))  # fmt: skip


CALLS = {
    "2d": lambda t, bag, w, m: bag(t.tensor(INDICES).view(2, 4), w, mode=m),
    "nothing": lambda t, bag, w, m: bag(t.zeros(0).long(), w, t.tensor([0, 0]), mode=m),
    "no bags": lambda t, bag, w, m: bag(t.zeros(0).long(), w, t.zeros(0).long(), mode=m),
    "late start": lambda t, bag, w, m: bag(t.tensor(INDICES), w, t.tensor([1, 4]), mode=m),
    "beyond": lambda t, bag, w, m: bag(t.tensor(INDICES), w, t.tensor([0, 9]), mode=m),
    "large": lambda t, bag, w, m: bag(t.tensor([1, 7]), w, t.tensor([0]), mode=m),
    "negative": lambda t, bag, w, m: bag(t.tensor([1, -1]), w, t.tensor([0]), mode=m),
    "padding": lambda t, bag, w, m: bag(t.tensor([1]), w, t.tensor([0]), mode=m, padding_idx=6),
    "padding-": lambda t, bag, w, m: bag(t.tensor([1]), w, t.tensor([0]), mode=m, padding_idx=-7),
    "floats": lambda t, bag, w, m: bag(t.tensor([1.0, 2]), w, t.tensor([0]), mode=m),
    "float offsets": lambda t, bag, w, m: bag(t.tensor([1, 2]), w, t.tensor([0.0]), mode=m),
    "no last": lambda t, bag, w, m: bag(
        t.tensor([1]), w, t.zeros(0).long(), mode=m, include_last_offset=True),
    "weighted": lambda t, bag, w, m: bag(
        t.tensor([1, 2]), w, t.tensor([0]), mode=m, per_sample_weights=t.tensor([0.5, 2]).to(w)),
    "whole weights": lambda t, bag, w, m: bag(
        t.tensor([1, 2]), w, t.tensor([0]), mode=m, per_sample_weights=t.tensor([1, 2])),
    "half weights": lambda t, bag, w, m: bag(
        t.tensor([1, 2]), w, t.tensor([0]), mode=m, per_sample_weights=t.tensor([1, 2]).half()),
    "few weights": lambda t, bag, w, m: bag(
        t.tensor([1, 2]), w, t.tensor([0]), mode=m, per_sample_weights=t.tensor([0.5]).to(w)),
    "a row": lambda t, bag, w, m: bag(t.tensor([1, 2]), w[0], t.tensor([0]), mode=m),
    "3d": lambda t, bag, w, m: bag(t.tensor([[[1, 2]]]), w, mode=m),
    "2d offsets": lambda t, bag, w, m: bag(t.tensor([[1, 2]]), w, t.tensor([0]), mode=m),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("name", CALLS)
def test_bags_at_their_edges(name, mode, dtype):
    same(lambda t, bag, w: CALLS[name](t, bag, w, mode), dtype)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_gradients_of_convolutions(n):
    rng = np.random.default_rng(n)
    x, w = rng.normal(size=(2, 4, *(6,) * n)), rng.normal(size=(4, 2, *(3,) * n))

    def pulled(t):
        a, b = t.tensor(x, requires_grad=True), t.tensor(w, requires_grad=True)
        y = getattr(t.nn.functional, f"conv{n}d")(a, b, None, 2, 1, 1, 2)
        g = t.linspace(-1, 1, y.numel(), dtype=t.float64).reshape(y.shape)
        by_input = getattr(t.nn.grad, f"conv{n}d_input")(a.shape, b, g, 2, 1, 1, 2)
        by_weight = getattr(t.nn.functional.grad, f"conv{n}d_weight")(a, b.shape, g, 2, 1, 1, 2)
        further = t.autograd.grad(by_input.pow(2).sum() + by_weight.pow(2).sum(), (a, b))
        return [v.detach().numpy() for v in (by_input, by_weight, *further)]

    for mine, theirs in zip(pulled(franken), pulled(torch), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-8, atol=1e-10)


ORDERS = {
    "old": lambda T, w, i: (w, i, T.tensor([0, 2])), "old, rows": lambda T, w, i: (w, i.view(1, 3)),
    "old, int": lambda T, w, i: (w, i.int(), T.tensor([0, 2])),
    "old, double": lambda T, w, i: (w.double(), i, T.tensor([0, 2])),
    "float indices": lambda T, w, i: (i.float(), i, T.tensor([0, 2])),
    "new": lambda T, w, i: (i, w, T.tensor([0, 2])),
}  # fmt: skip


@pytest.mark.parametrize("name", ORDERS)
def test_the_old_order_of_arguments_is_taken_with_a_warning(agree, name):
    said = []

    def program(T):
        w, i = T.arange(12.0).view(4, 3), T.tensor([0, 2, 1])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                return T.nn.functional.embedding_bag(*ORDERS[name](T, w, i))
            finally:
                said.append([str(w.message) for w in caught])

    agree(program)
    assert said[0] == said[1]
