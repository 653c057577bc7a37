"""Gradients of gradients: where they exist, as torch's do, even where they are zero.

A piecewise linear op's gradient is piecewise constant in its input. torch says so with zeros, and
such a gradient requires a gradient itself; without that the penalty of a WGAN-GP stops half way.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import franken

torch = pytest.importorskip("torch")

from conformance import checks  # noqa: E402
from conformance.cases import Case, collect  # noqa: E402
from conformance.oracle import Side  # noqa: E402
from conformance.values import to_numpy  # noqa: E402

OURS, THEIRS = Side(franken), Side(torch)

# Where it is of no consequence: the second gradient of both is None or zero.
LEFT = {
    # gradients that are one op's outputs here and several ops' in torch, or the other way round
    "group_norm", "nn.functional.group_norm", "native_group_norm", "conv_tbc", "conv_transpose1d",
    "conv_transpose2d", "conv_transpose3d",
    # sizes of zero and no dimensions, where torch answers without looking at the input
    "linalg.det", "cumprod", "logcumsumexp",
}  # fmt: skip


def first_and_second(pair: Any, side: Side, plain: bool) -> Any:
    """(which gradients require a gradient, their gradients) with cotangents that may not."""
    f, primals = pair.differentiable(side)
    outs = [o for o in f(*primals) if o.requires_grad]
    cots = [checks.cotangent(side, o, i).requires_grad_(not plain) for i, o in enumerate(outs)]
    first = side.grad(outs, primals, cots, True)
    live = [g for g in first if g is not None and g.requires_grad]
    seeds = [checks.cotangent(side, g, 90 + i) for i, g in enumerate(live)]
    second = side.grad(live, primals, seeds) if live else []
    return (
        [None if g is None else g.requires_grad for g in first],
        [None if g is None else to_numpy(g.detach()) for g in second],
    )


def refuses(pair: Any) -> bool:
    """Whether torch has no second gradient here."""
    try:
        first_and_second(pair, THEIRS, False)
    except (RuntimeError, NotImplementedError, checks.NotProven):
        return True
    return False


def samples(case: Case) -> Any:
    """The first differentiable samples of an op in double precision."""
    for sample in case.samples("float64", 8, OURS, THEIRS)[:3]:
        pair = checks.Pair(replace(sample, post=None), case.functions(OURS, THEIRS), OURS, THEIRS)
        if sample.wants_grad() and pair.refusal() is None and not refuses(pair):
            yield pair


@pytest.mark.filterwarnings("ignore")  # of either side, for one sample or another
def test_gradients_require_gradients_where_torchs_do() -> None:
    """Over the whole registry, all inputs requiring a gradient and the cotangent not."""
    wrong = {}
    seen = 0
    for case in collect(source="declared"):
        if None in case.functions(OURS, THEIRS):
            continue
        for pair in samples(case):
            seen += 1
            want, got = (first_and_second(pair, side, True)[0] for side in (THEIRS, OURS))
            if want != got:
                wrong[case.name] = want, got
    assert seen > 700
    assert set(wrong) == LEFT, wrong


def leaves(m: Any, *arrays: Any) -> list[Any]:
    """Tensors of either library that require gradients."""
    return [m.tensor(a, requires_grad=True) for a in arrays]


X = np.random.default_rng(5).normal(size=(2, 3, 4))
FLAT = {
    "relu": lambda m, x: m.relu(x),
    "relu6": lambda m, x: m.nn.functional.relu6(x * 6),
    "leaky_relu": lambda m, x: m.nn.functional.leaky_relu(x, 0.2),
    "hardtanh": lambda m, x: m.nn.functional.hardtanh(x, -0.5, 0.5),
    "threshold": lambda m, x: m.nn.functional.threshold(x, 0.1, 3.0),
    "hardshrink": lambda m, x: m.nn.functional.hardshrink(x),
    "softshrink": lambda m, x: m.nn.functional.softshrink(x),
    "prelu": lambda m, x: m.nn.functional.prelu(x, m.tensor([0.3], dtype=m.float64)),
    "abs": lambda m, x: x.abs(),
    "l1_loss": lambda m, x: m.nn.functional.l1_loss(x, m.zeros_like(x)),
    "max_pool": lambda m, x: m.nn.functional.max_pool1d(x, 2),
    "avg_pool": lambda m, x: m.nn.functional.avg_pool1d(x, 2),
    "adaptive_avg": lambda m, x: m.nn.functional.adaptive_avg_pool1d(x, 3),
    "adaptive_max": lambda m, x: m.nn.functional.adaptive_max_pool1d(x, 3),
    "reflect": lambda m, x: m.nn.functional.pad(x, (1, 2), mode="reflect"),
    "replicate": lambda m, x: m.nn.functional.pad(x, (1, 2), mode="replicate"),
    "nll_loss": lambda m, x: m.nn.functional.nll_loss(x[:, :, 0], m.tensor([0, 2])),
}


@pytest.mark.parametrize("name", FLAT)
def test_the_gradient_of_a_piecewise_constant_gradient_is_zero(name: str) -> None:
    """It is zeros and not None or an error, whether the cotangent requires a gradient or not."""
    for wanted in (False, True):
        for m in (torch, franken):
            (x,) = leaves(m, X)
            out = FLAT[name](m, x)
            seed = m.ones_like(out).detach().requires_grad_(wanted)
            (g,) = m.autograd.grad(out, x, seed, create_graph=True)
            assert g.requires_grad and g.grad_fn is not None
            (h,) = m.autograd.grad(g.sum(), x)
            assert tuple(h.shape) == X.shape and not h.any()


@pytest.mark.parametrize("mode", ["circular", "constant"])
def test_the_gradient_of_a_copy_does_not_depend_on_it(mode: str) -> None:
    """Padding that only copies says nothing of its input, in torch neither."""
    for m in (torch, franken):
        (x,) = leaves(m, X)
        out = m.nn.functional.pad(x, (1, 2), mode=mode)
        (g,) = m.autograd.grad(out.sum(), x, create_graph=True)
        assert not g.requires_grad


def penalty(m: Any) -> list[Any]:
    """The gradients of a gradient penalty: of a small critic's weights and biases."""
    rng = np.random.default_rng(7)
    shapes = [(4, 1, 3), (4,), (6, 16), (6,), (1, 6), (1,)]
    w1, b1, w2, b2, w3, b3 = params = leaves(m, *[rng.normal(size=s) for s in shapes])
    (x,) = leaves(m, rng.normal(size=(5, 1, 10)))
    f = m.nn.functional
    h = f.max_pool1d(f.leaky_relu(f.conv1d(x, w1, b1), 0.2), 2).reshape(5, -1)
    score = f.linear(f.relu(f.linear(h, w2, b2)), w3, b3)
    (g,) = m.autograd.grad(score.sum(), x, create_graph=True)
    loss = ((g.reshape(5, -1).norm(2, 1) - 1) ** 2).mean()
    return m.autograd.grad(loss, params, allow_unused=True)


def test_a_gradient_penalty_reaches_the_biases() -> None:
    """WGAN-GP: zeros for the biases in front of a kink, None only behind the last one."""
    for want, got in zip(penalty(torch), penalty(franken), strict=True):
        assert (want is None) == (got is None)
        if want is not None:
            np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-9, atol=1e-12)


def test_third_derivatives_pass_through() -> None:
    """What says that a gradient depends on an input has derivatives itself."""
    (x,) = leaves(franken, X)
    (g,) = franken.autograd.grad((x.relu() * x.detach()).sum(), x, create_graph=True)
    (h,) = franken.autograd.grad((g * x).sum(), x, create_graph=True)
    assert h.requires_grad
    np.testing.assert_array_equal(h.detach().numpy(), g.detach().numpy())
    (third,) = franken.autograd.grad(h.sum(), x)
    assert not third.any()
