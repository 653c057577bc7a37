"""Normalisations, softmax and cross-entropy, forward and backward, against torch in float64."""

from __future__ import annotations

import numpy as np
import pytest

from franken.backends.numpy import norm, softmax
from franken.backends.numpy.parallel import get_num_threads, set_num_threads

torch = pytest.importorskip("torch")
F = torch.nn.functional

BOUNDS = {np.float64: {"rtol": 1e-9, "atol": 1e-10}, np.float32: {"rtol": 2e-4, "atol": 3e-5}}
DTYPES = list(BOUNDS)


def normal(*shape: int, dtype=np.float64, seed: int = 0, at: float = 0.0) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).normal(at, 1, shape)).astype(dtype)


def double(x: np.ndarray | None):
    """A float64 leaf: torch's own float32 errors are no part of the reference."""
    return None if x is None else torch.from_numpy(np.array(x, np.float64)).requires_grad_()


def agree(got, want, dtype=np.float64) -> None:
    assert type(got) is np.ndarray and got.dtype == dtype and got.shape == tuple(want.shape)
    np.testing.assert_allclose(got, want.detach().numpy(), **BOUNDS[dtype])


def agree_gradients(got, out, leaves, g: np.ndarray, dtype=np.float64) -> None:
    leaves = [leaf for leaf in leaves if leaf is not None]
    want = torch.autograd.grad(out, leaves, torch.from_numpy(np.array(g, np.float64)))
    for mine, theirs in zip(got, want, strict=False):
        agree(mine, theirs, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "shape", [(), (5,), (3, 4, 5), (90, 700), (2, 9000), (0, 3), (1, 2, 70000)]
)
def test_softmax_family_matches_torch_along_all_axes(shape, dtype):
    for x in (normal(*shape, dtype=dtype), normal(*shape, dtype=dtype).T):
        g = normal(*x.shape, dtype=dtype, seed=1)
        for axis in range(max(1, x.ndim)):
            for name in ("softmax", "log_softmax"):
                t = double(x)
                want = getattr(torch, name)(t, axis)
                y = getattr(softmax, name)(x, axis)
                agree(y, want, dtype)
                backward = getattr(softmax, name + "_backward")
                agree_gradients([backward(g, y, axis)], want, [t], g, dtype)


def test_softmax_writes_into_out():
    x, out = normal(3, 4), np.empty((3, 4))
    assert softmax.softmax(x, 1, out=out) is out
    np.testing.assert_array_equal(out, softmax.softmax(x, 1))
    turned = np.empty((4, 3)).T
    assert softmax.softmax(x, 0, out=turned) is turned
    np.testing.assert_array_equal(turned, softmax.softmax(x, 0))


def test_softmax_of_infinities_is_torch_s():
    x = np.array([[-np.inf, 0.0], [-np.inf, -np.inf], [np.inf, 0.0], [1e308, -1e308]])
    agree(softmax.softmax(x, 1), torch.softmax(torch.from_numpy(x), 1))


LAYOUTS = [((7,), ()), ((6, 7), (6,)), ((3, 7, 4, 5), (3, 4, 5)), ((90, 1000), (90,))]


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("shape", "labels"), LAYOUTS)
def test_cross_entropy_matches_torch(shape, labels, weighted, smoothing, reduction):
    rng = np.random.default_rng(0)
    classes = shape[min(1, len(shape) - 1)]
    x, y = normal(*shape), np.asarray(rng.integers(0, classes, labels))
    w = rng.uniform(0.1, 2, classes) if weighted else None
    for ignored in (-100, int(y.flat[0]) if y.ndim else -100):
        t = double(x)
        weight = None if w is None else torch.from_numpy(w)
        want = F.cross_entropy(
            t, torch.from_numpy(y), weight, None, ignored, None, reduction, smoothing
        )
        loss, sums, total = softmax.cross_entropy(x, y, w, ignored, reduction, smoothing)
        agree(loss, want)
        g = normal(*loss.shape, seed=2)
        got = softmax.cross_entropy_backward(g, x, y, sums, total, w, ignored, reduction, smoothing)
        agree_gradients([got], want, [t], g)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize(("shape", "labels"), LAYOUTS)
def test_nll_loss_matches_torch(shape, labels, reduction):
    rng = np.random.default_rng(0)
    classes = shape[min(1, len(shape) - 1)]
    x, y = normal(*shape), np.asarray(rng.integers(0, classes, labels))
    w, t = rng.uniform(0.1, 2, classes), double(x)
    weight = torch.from_numpy(w)
    want = F.nll_loss(t, torch.from_numpy(y), weight, ignore_index=3, reduction=reduction)
    loss, total = softmax.nll_loss(x, y, w, 3, reduction)
    agree(loss, want)
    g = normal(*loss.shape, seed=2)
    got = softmax.nll_loss_backward(g, x, y, w, 3, reduction, total)
    agree_gradients([got], want, [t], g)


def test_cross_entropy_edges():
    x, y = normal(2, 3), np.array([-100, -100])
    loss, sums, total = softmax.cross_entropy(x, y)
    assert np.isnan(loss)
    x[0] = np.inf  # an ignored sample must not leak its infinities
    _, sums, total = softmax.cross_entropy(x, np.array([-100, 1]))
    back = softmax.cross_entropy_backward(
        np.array(1.0), x, np.array([-100, 1]), sums, total, reduction="mean"
    )
    assert np.all(back[0] == 0) and np.all(np.isfinite(back))
    with pytest.raises(IndexError, match="Target 3 is out of bounds"):
        softmax.cross_entropy(x, np.array([0, 3]))
    with pytest.raises(ValueError, match="average is not a valid value for reduction"):
        softmax.nll_loss(x, np.array([0, 1]), reduction="average")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("m", "n"), [(3, 5), (70, 1000), (2, 9000), (0, 4), (600, 3)])
def test_layer_and_rms_norm_match_torch(m, n, dtype):
    x, g = normal(m, n, dtype=dtype, at=1), normal(m, n, dtype=dtype, seed=1)
    w, b = normal(n, dtype=dtype, seed=2), normal(n, dtype=dtype, seed=3)
    t, tw, tb = double(x), double(w), double(b)
    want, mean, rstd = torch.native_layer_norm(t, (n,), tw, tb, 1e-5)
    got = norm.layer_norm(x, n, w, b, 1e-5)
    agree(got[0], want, dtype)
    agree(got[1], mean.reshape(-1), dtype)
    agree(got[2], rstd.reshape(-1), dtype)
    back = norm.layer_norm_backward(g, x, n, w, got[1], got[2])
    agree_gradients(back, want, [t, tw, tb], g, dtype)
    want = F.rms_norm(t, (n,), tw, 1e-5)
    out, rstd = norm.rms_norm(x, n, w, 1e-5)
    agree(out, want, dtype)
    agree_gradients(norm.rms_norm_backward(g, x, n, w, rstd), want, [t, tw], g, dtype)


def test_layer_norm_needs_only_what_is_asked():
    x = normal(4, 6)
    _, mean, rstd = norm.layer_norm(x, 6, None, None, 1e-5)
    parts = norm.layer_norm_backward(x, x, 6, None, mean, rstd, (False, False, True))
    assert parts[0] is None and parts[1] is None
    np.testing.assert_allclose(parts[2], x.sum(0))


SHAPES = [((4, 6, 5, 7), 3), ((3, 4, 700), 4), ((5, 8, 300), 1), ((1, 6, 2), 3)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize(("shape", "groups"), SHAPES)
def test_group_norm_matches_torch(shape, groups, affine, dtype):
    x, g = normal(*shape, dtype=dtype, at=2), normal(*shape, dtype=dtype, seed=1)
    w, b = (normal(shape[1], dtype=dtype, seed=s) if affine else None for s in (2, 3))
    t, tw, tb = double(x), double(w), double(b)
    want = F.group_norm(t, groups, tw, tb)
    out, mean, rstd = norm.group_norm(x, groups, w, b, 1e-5)
    agree(out, want, dtype)
    back = norm.group_norm_backward(g, x, groups, w, mean, rstd)
    agree_gradients(back, want, [t, tw, tb], g, dtype)


def test_instance_norm_matches_torch():
    x, g = normal(3, 4, 50, at=2), normal(3, 4, 50, seed=1)
    w, b = normal(4, seed=2), normal(4, seed=3)
    t, tw, tb = double(x), double(w), double(b)
    want = F.instance_norm(t, None, None, tw, tb)
    out, mean, rstd = norm.instance_norm(x, w, b, 1e-5)
    agree(out, want)
    agree_gradients(norm.instance_norm_backward(g, x, w, mean, rstd), want, [t, tw, tb], g)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("shape", [s for s, _ in SHAPES] + [(2000, 4)])
def test_batch_norm_matches_torch(shape, affine, dtype):
    x, g = normal(*shape, dtype=dtype, at=2), normal(*shape, dtype=dtype, seed=1)
    w, b = (normal(shape[1], dtype=dtype, seed=s) if affine else None for s in (2, 3))
    t, tw, tb = double(x), double(w), double(b)
    want = F.batch_norm(t, None, None, tw, tb, True)
    out, mean, var, invstd = norm.batch_norm(x, w, b, 1e-5)
    agree(out, want, dtype)
    axes = (0, *range(2, x.ndim))
    agree(mean, t.mean(axes), dtype)
    agree(var, t.var(axes, correction=0), dtype)
    back = norm.batch_norm_backward(g, x, w, mean, invstd)
    agree_gradients(back[:1], want, [t], g, dtype)
    mean, var = (np.full(shape[1], v, dtype) for v in (0.3, 1.7))
    want = F.batch_norm(t, double(mean).detach(), double(var).detach(), tw, tb, False)
    agree(norm.batch_norm_eval(x, mean, var, w, b, 1e-5), want, dtype)
    invstd = (1 / np.sqrt(var + 1e-5)).astype(dtype)
    back = norm.batch_norm_backward(g, x, w, mean, invstd, False)
    agree_gradients(back[:1], want, [t], g, dtype)


def test_batch_norm_gradients_of_weight_and_bias_match_torch():
    x, g, w, b = normal(4, 6, 35, at=2), normal(4, 6, 35, seed=1), normal(6, seed=2), normal(6)
    t, tw, tb = double(x), double(w), double(b)
    _, mean, _, invstd = norm.batch_norm(x, w, b, 1e-5)
    want = F.batch_norm(t, None, None, tw, tb, True)
    agree_gradients(norm.batch_norm_backward(g, x, w, mean, invstd), want, [t, tw, tb], g)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_local_response_norm_matches_torch(size):
    x, g = normal(3, 6, 40), normal(3, 6, 40, seed=1)
    t = double(x)
    want = F.local_response_norm(t, size, 0.5, 0.75, 2.0)
    out, d = norm.local_response_norm(x, size, 0.5, 0.75, 2.0)
    agree(out, want)
    back = norm.local_response_norm_backward(g, x, d, size, 0.5, 0.75)
    agree_gradients([back], want, [t], g)


def test_bits_do_not_depend_on_the_number_of_threads():
    x, w = normal(500, 700, dtype=np.float32), normal(700, dtype=np.float32)
    y = np.arange(500)
    before, results = get_num_threads(), []
    try:
        for count in (1, 4):
            set_num_threads(count)
            out, mean, rstd = norm.layer_norm(x, 700, w, w, 1e-5)
            loss = softmax.cross_entropy(x, y)[0]
            back = norm.layer_norm_backward(x, x, 700, w, mean, rstd)
            results.append([out, *back, loss, softmax.softmax(x, 0), softmax.softmax(x, 1)])
    finally:
        set_num_threads(before)
    for one, four in zip(*results, strict=True):
        np.testing.assert_array_equal(one, four)


def test_infinities_and_zero_variance_raise_no_warning():
    x = np.ones((2, 4, 6), np.float32)
    x[0, 0, 0] = np.inf
    w = np.ones(4, np.float32)
    for eps in (0.0, 1e-5):
        out, mean, var, invstd = norm.batch_norm(x, w, w, eps)
        norm.batch_norm_backward(x, x, w, mean, invstd)
        _, mean, rstd = norm.group_norm(x, 2, w, w, eps)
        norm.group_norm_backward(x, x, 2, w, mean, rstd)
        _, mean, rstd = norm.layer_norm(x, 6, None, None, eps)
        norm.layer_norm_backward(x, x, 6, None, mean, rstd)
        assert np.isnan(out[:, 0]).any() and np.isfinite(out[:, 1]).all() == (eps > 0)
