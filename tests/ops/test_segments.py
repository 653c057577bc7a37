"""segment_reduce and the max-pool backward op against torch; segments against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import franken

torch = pytest.importorskip("torch")

KINDS = ("sum", "mean", "max", "min", "prod")
ROWS = [[1.0, 2.0], [2.0, 0.0], [2.0, 0.0], [3.0, 4.0], [0.0, 3.0]]


def value_and_grad(lib, reduce, initial, **how):
    x = lib.tensor(ROWS, requires_grad=True)
    how = {k: lib.tensor(v) for k, v in how.items()}
    y = lib.segment_reduce(x, reduce, initial=initial, **how)
    lib.nan_to_num(y, 0.0, 0.0, 0.0).mul(lib.arange(1.0, 7).reshape(3, 2)).sum().backward()
    return y.detach().numpy(), x.grad.numpy()


@pytest.mark.parametrize("how", [{"lengths": [3, 0, 2]}, {"offsets": [0, 3, 3, 5]}])
@pytest.mark.parametrize("initial", [None, 2, 0.5, -9.0])
@pytest.mark.parametrize("reduce", KINDS)
def test_values_and_gradients(reduce, initial, how):
    ours = value_and_grad(franken, reduce, initial, **how)
    theirs = value_and_grad(torch, reduce, initial, **how)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=5), st.sampled_from(KINDS))
def test_against_a_loop(lengths, reduce):
    x = np.random.default_rng(0).normal(size=(sum(lengths), 2))
    got = franken.segment_reduce(
        franken.tensor(x), reduce, lengths=franken.tensor(lengths), initial=1.0
    ).numpy()
    fold = {"sum": np.sum, "mean": np.sum, "max": np.max, "min": np.min, "prod": np.prod}[reduce]
    parts = np.split(x, np.cumsum(lengths)[:-1])
    want = np.array([fold(np.vstack([np.ones((1, 2)), p]), axis=0) for p in parts])
    if reduce == "mean":
        want /= np.maximum(np.array(lengths), 1)[:, None]
    np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize("reduce", KINDS)
def test_rows_of_lengths(reduce):
    x = np.random.default_rng(1).normal(size=(2, 5, 3))
    lengths = [[2, 1, 2], [0, 5, 0]]

    def call(lib):
        y = lib.segment_reduce(
            lib.tensor(x), reduce, lengths=lib.tensor(lengths), axis=1, initial=0.5
        )
        return y.numpy()

    np.testing.assert_allclose(call(franken), call(torch), rtol=1e-12)


def test_nan_and_unsafe():
    def call(lib):
        x = lib.tensor([1.0, float("nan"), 2.0, 3.0])
        return [
            lib.segment_reduce(x, "max", lengths=lib.tensor([3, 1])).numpy(),
            lib.segment_reduce(x, "min", lengths=lib.tensor([2, 1]), unsafe=True).numpy(),
            lib.segment_reduce(x, "max", lengths=lib.tensor([4]), initial=float("nan")).numpy(),
        ]

    for a, b in zip(call(franken), call(torch), strict=True):
        np.testing.assert_array_equal(a, b)


def test_forward_mode_and_second_derivative():
    """torch has neither for this op; the difference quotient is the oracle."""
    from franken.func import hessian, jvp

    x = franken.tensor(ROWS, dtype=franken.float64) + 0.5
    t = franken.linspace(-1, 1, 10, dtype=franken.float64).reshape(5, 2)
    lengths = franken.tensor([3, 0, 2])

    def f(v, reduce="prod"):
        return franken.segment_reduce(v, reduce, lengths=lengths, initial=1.5)

    step = 1e-6
    quotient = (f(x + step * t) - f(x - step * t)) / (2 * step)
    np.testing.assert_allclose(jvp(f, (x,), (t,))[1].numpy(), quotient.numpy(), rtol=1e-6)
    h = hessian(lambda v: f(v).sum())(x)[0, 0, 1, 0].item()
    assert h == pytest.approx(1.5 * x[2, 0].item())


@pytest.mark.parametrize(
    "call",
    [
        lambda lib, x: lib.segment_reduce(x, "sum"),
        lambda lib, x: lib.segment_reduce(x, "foo", lengths=lib.tensor([6])),
        lambda lib, x: lib.segment_reduce(x, "sum", lengths=lib.tensor([2, 3])),
        lambda lib, x: lib.segment_reduce(x, "sum", lengths=lib.tensor([-2, 8])),
        lambda lib, x: lib.segment_reduce(x, "sum", indices=lib.tensor([0])),
        lambda lib, x: lib.segment_reduce(x, "sum", lengths=lib.tensor([2.0, 4.0])),
        lambda lib, x: lib.segment_reduce(x, "sum", lengths=lib.tensor([2, 4]), axis=1),
        lambda lib, x: lib.segment_reduce(x, "sum", lengths=[6]),
        lambda lib, x: lib.segment_reduce(x.long(), "sum", lengths=lib.tensor([6])),
        lambda lib, x: lib.segment_reduce(x.reshape(2, 3), "sum", lengths=lib.tensor([3]), axis=1),
        lambda lib, x: lib.segment_reduce(lib.tensor(1.0), "sum", lengths=lib.tensor([1])),
    ],
)
def test_refusals_in_torchs_words(call):
    found = []
    for lib in (franken, torch):
        with pytest.raises((RuntimeError, TypeError, IndexError)) as caught:
            call(lib, lib.arange(6.0))
        found.append((caught.type.__name__, str(caught.value)))
    assert found[0][0] == found[1][0]
    assert found[1][1].startswith(found[0][1])


# --- the backward of max_pool2d as an op ---------------------------------------------------------


def _pair(value):
    return list(value) if isinstance(value, tuple) else [value, value]


@pytest.mark.parametrize("shape", [(2, 3, 6, 7), (3, 6, 7)])
@pytest.mark.parametrize(
    "window", [(2, 2, 0, 1, False), (3, 1, 1, 1, False), ((3, 2), None, (1, 0), (1, 2), True)]
)
def test_max_pool_backward(shape, window):
    x = np.random.default_rng(2).normal(size=shape)
    kernel, stride, padding, dilation, ceil = window

    def call(lib):
        t = lib.tensor(x, requires_grad=True)
        out, index = lib.nn.functional.max_pool2d(
            t, kernel, stride, padding, dilation, ceil, return_indices=True
        )
        g = lib.tensor(np.linspace(-1, 1, out.numel()).reshape(tuple(out.shape)))
        g.requires_grad_()
        y = lib.ops.aten.max_pool2d_with_indices_backward.default(
            g, t, *[_pair(p) for p in (kernel, stride or kernel, padding, dilation)], ceil, index
        )
        slopes = lib.autograd.grad((y * t.detach()).sum(), [g, t])
        return [y.detach().numpy(), *[s.numpy() for s in slopes]]

    for a, b in zip(call(franken), call(torch), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_max_pool_backward_refuses_other_shapes():
    found = []
    for lib in (franken, torch):
        x = lib.ones(1, 2, 4, 4)
        index = lib.zeros(1, 2, 2, 2, dtype=lib.int64)
        back = lib.ops.aten.max_pool2d_with_indices_backward
        with pytest.raises(RuntimeError) as caught:
            back(lib.ones(1, 2, 2, 3), x, [2], [2], [0], [1], False, index)
        found.append(str(caught.value))
    assert found[0] == found[1]
    with pytest.raises(AttributeError, match="has no attribute 'nope'"):
        _ = franken.ops.aten.nope
