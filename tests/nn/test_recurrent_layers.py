"""Recurrent layers as one primitive against the steps in plain ops, in every derivative."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import franken
from franken.autograd.record import record
from franken.autograd.replay import replay
from franken.functional.nn import recurrent as stacks

torch = pytest.importorskip("torch")

KINDS = list(itertools.product(("LSTM", "GRU"), (True, False), (True, False), (True, False)))


def _made(kind, bias, both, first, lib, dtype="float64"):
    net = getattr(lib.nn, kind)(
        3, 4, 2, bias=bias, bidirectional=both, batch_first=first, dtype=getattr(lib, dtype)
    )
    rng = np.random.default_rng(0)
    with lib.no_grad():
        for p in net.parameters():
            p.copy_(lib.from_numpy(rng.standard_normal(tuple(p.shape)) * 0.5))
    return net, lib.from_numpy(rng.standard_normal((5, 2, 3))).requires_grad_()


def _loss(net, x):
    y, h = net(x)
    parts = (y, *h) if isinstance(h, tuple) else (y, h)
    return sum((p * p * (k + 1)).sum() for k, p in enumerate(parts)), y


def _numbers(tensors):
    return [t.detach().numpy() for t in tensors]


@pytest.mark.parametrize(("kind", "bias", "both", "first"), KINDS)
def test_values_and_gradients_are_the_oracle_s(kind, bias, both, first):
    found = []
    for lib in (franken, torch):
        net, x = _made(kind, bias, both, first, lib)
        loss, y = _loss(net, x)
        grads = lib.autograd.grad(loss, (x, *net.parameters()))
        found.append((_numbers([y, *grads]), y.stride(), y.grad_fn.name()))
    for ours, theirs in zip(found[0][0], found[1][0], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
    assert found[0][1] == found[1][1]


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("both", [False, True])
def test_second_derivatives_are_those_of_the_steps(monkeypatch, kind, both):
    def second():
        net, x = _made(kind, True, both, False, franken)
        loss, _ = _loss(net, x)
        grads = franken.autograd.grad(loss, (x, *net.parameters()), create_graph=True)
        total = sum((g * g).sum() for g in grads)
        return _numbers(franken.autograd.grad(total, (x, *net.parameters())))

    whole = second()
    monkeypatch.setattr(stacks, "_WHOLE", {})
    for a, b in zip(whole, second(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("shared", [True, False])
def test_gradients_of_each_sample_are_those_of_a_loop(kind, shared):
    net, x = _made(kind, True, True, True, franken)
    params = dict(net.named_parameters())

    def loss(params, row):
        y, _ = franken.func.functional_call(net, params, (row.unsqueeze(0),))
        return (y * y).sum()

    if not shared:
        params = {n: franken.stack([p, p * 0.5]) for n, p in params.items()}
    rows = x.detach()[:2]
    got = franken.func.vmap(franken.func.grad(loss), in_dims=(None if shared else 0, 0))(
        params, rows
    )
    for k in range(2):
        own = params if shared else {n: p[k] for n, p in params.items()}
        want = franken.func.grad(loss)(own, rows[k])
        for n, g in want.items():
            np.testing.assert_allclose(
                got[n][k].detach().numpy(), g.detach().numpy(), rtol=1e-9, atol=1e-12
            )


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_forward_mode_is_the_transpose_of_reverse_mode(kind):
    net, x = _made(kind, True, True, False, franken)
    x = x.detach()
    f = lambda x: net(x)[0]  # noqa: E731
    forward = franken.func.jacfwd(f)(x)
    reverse = franken.func.jacrev(f)(x)
    np.testing.assert_allclose(
        forward.detach().numpy(), reverse.detach().numpy(), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("part", [0, 1])
def test_one_output_alone_has_its_own_gradient(kind, part):
    found = []
    for lib in (franken, torch):
        net, x = _made(kind, True, False, False, lib)
        out = net(x)[part]
        out = out[-1] if isinstance(out, tuple) else out
        found.append(lib.autograd.grad((out * out).sum(), x)[0].numpy())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9, atol=1e-12)


def test_a_layer_is_one_node_of_the_record_and_replays_to_the_same_bits():
    net, x = _made("LSTM", True, False, False, franken)
    with record(level=3) as rec:
        loss, y = _loss(net, x)
        loss.backward()
    assert replay(rec).ok
    layers = [s["direction"] for s in rec.steps if s["prim"] == "lstm_layer"]
    assert layers.count("forward") == 2  # one a layer of the stack
    assert y.grad_fn.name() == "MkldnnRnnLayerBackward0"
