"""Cross-entropy and NLL kernels, forward and backward, against torch in float64."""

from __future__ import annotations

import numpy as np
import pytest

from franken.backends.numpy import cross_entropy as kernels
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
        loss, sums, total = kernels.cross_entropy(x, y, w, ignored, reduction, smoothing)
        agree(loss, want)
        g = normal(*loss.shape, seed=2)
        got = kernels.cross_entropy_backward(g, x, y, sums, total, w, ignored, reduction, smoothing)
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
    loss, total = kernels.nll_loss(x, y, w, 3, reduction)
    agree(loss, want)
    g = normal(*loss.shape, seed=2)
    got = kernels.nll_loss_backward(g, x, y, w, 3, reduction, total)
    agree_gradients([got], want, [t], g)


def test_cross_entropy_edges():
    x, y = normal(2, 3), np.array([-100, -100])
    loss, sums, total = kernels.cross_entropy(x, y)
    assert np.isnan(loss)
    x[0] = np.inf  # an ignored sample must not leak its infinities
    _, sums, total = kernels.cross_entropy(x, np.array([-100, 1]))
    back = kernels.cross_entropy_backward(
        np.array(1.0), x, np.array([-100, 1]), sums, total, reduction="mean"
    )
    assert np.all(back[0] == 0) and np.all(np.isfinite(back))
    with pytest.raises(IndexError, match="Target 3 is out of bounds"):
        kernels.cross_entropy(x, np.array([0, 3]))
    with pytest.raises(ValueError, match="average is not a valid value for reduction"):
        kernels.nll_loss(x, np.array([0, 1]), reduction="average")


def test_bits_do_not_depend_on_the_number_of_threads():
    x, y = normal(500, 700, dtype=np.float32), np.arange(500)
    before, results = get_num_threads(), []
    try:
        for count in (1, 4):
            set_num_threads(count)
            loss, sums, total = kernels.cross_entropy(x, y)
            results.append([loss, kernels.cross_entropy_backward(loss, x, y, sums, total)])
    finally:
        set_num_threads(before)
    for one, four in zip(*results, strict=True):
        np.testing.assert_array_equal(one, four)
