"""Pooling kernels against torch: values, indices, gradients; the rules for ties, NaN, edges."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import franken
from franken.backends.numpy import parallel, pool

torch = pytest.importorskip("torch")
F = torch.nn.functional

MAX = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVG = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
SIZES = {1: (13,), 2: (9, 12), 3: (7, 6, 8)}


def same(got: np.ndarray, expected) -> None:
    torch.testing.assert_close(torch.from_numpy(np.ascontiguousarray(got)), expected.detach())


def make(axes: int, dtype="float32", batch: int = 2) -> np.ndarray:
    """Whole numbers, so that ties happen; not contiguous, so that strides matter."""
    x = (
        np.random.default_rng(axes)
        .integers(-4, 5, (*reversed(SIZES[axes]), 3, batch))
        .astype(dtype)
    )
    return x.T


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize(
    "kernel,stride,padding,dilation",
    [
        (1, 1, 0, 1),
        (2, 2, 0, 1),
        (2, 1, 1, 1),
        (3, 2, 1, 1),
        (3, 1, 1, 2),
        (2, 3, 1, 3),
        (3, 3, 0, 1),
        (4, 2, 2, 1),
    ],
)
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_max_pool(axes, kernel, stride, padding, dilation, ceil_mode):
    spec = [(p,) * axes for p in (kernel, stride, padding, dilation)]
    for dtype in ("float32", "float64"):
        x = make(axes, dtype)
        tx = torch.tensor(x, requires_grad=True)
        if (kernel - 1) * dilation + 1 > min(x.shape[2:]) + 2 * padding:
            continue
        ty, ti = MAX[axes](tx, *spec[:4], ceil_mode=ceil_mode, return_indices=True)
        y, index = pool.max_pool_forward(x, *spec, ceil_mode)
        same(y, ty)
        same(index, ti)
        g = torch.randn_like(ty)
        ty.backward(g)
        same(pool.max_pool_backward(g.numpy(), index, x.shape), tx.grad)
        if stride >= (kernel - 1) * dilation + 1:
            same(pool.max_pool_backward(g.numpy(), index, x.shape, disjoint=True), tx.grad)
        same(pool.take_planes(x, index), ty)


@pytest.mark.parametrize("kernel,stride,padding", [(2, 2, 0), (3, 1, 1), (4, 4, 0), (3, 2, 1)])
def test_max_pool_nan_and_infinity(kernel, stride, padding):
    n, i = np.nan, -np.inf
    x = np.array([[[[1, n, n, 2], [n, 3, 3, 0], [i, i, 5, 5], [i, i, 5, n]]]], "float32")
    y, index = pool.max_pool_forward(x, (kernel,) * 2, (stride,) * 2, (padding,) * 2, (1, 1), False)
    ty, ti = F.max_pool2d(torch.tensor(x), kernel, stride, padding, return_indices=True)
    torch.testing.assert_close(torch.tensor(y), ty, equal_nan=True)
    same(index, ti)
    yi, at = pool.adaptive_max_forward(x, (2, 3))
    ty, ti = F.adaptive_max_pool2d(torch.tensor(x), (2, 3), return_indices=True)
    torch.testing.assert_close(torch.tensor(yi), ty, equal_nan=True)
    same(at, ti)


def test_max_pool_all_minus_infinity_and_integers():
    x = np.full((1, 1, 2, 2), -np.inf, "float32")
    _, index = pool.max_pool_forward(x, (2, 2), (1, 1), (1, 1), (1, 1), False)
    same(index, F.max_pool2d(torch.tensor(x), 2, 1, 1, return_indices=True)[1])
    x = make(2, "int64")
    y, index = pool.max_pool_forward(x, (3, 2), (2, 1), (1, 1), (1, 1), True)
    ty, ti = F.max_pool2d(
        torch.tensor(x), (3, 2), (2, 1), (1, 1), ceil_mode=True, return_indices=True
    )
    same(y, ty)
    same(index, ti)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize(
    "kernel,stride,padding", [(2, 2, 0), (3, 2, 1), (3, 1, 1), (2, 3, 1), (5, 4, 2), (4, 3, 0)]
)
@pytest.mark.parametrize("ceil_mode,include", list(product([False, True], repeat=2)))
def test_avg_pool(axes, kernel, stride, padding, ceil_mode, include):
    spec = [(p,) * axes for p in (kernel, stride, padding)]
    for divisor, dtype in product([None, 3] if axes > 1 else [None], ["float32", "float64"]):
        x = make(axes, dtype)
        tx = torch.tensor(x, requires_grad=True)
        extra = {} if axes == 1 else {"divisor_override": divisor}
        ty = AVG[axes](tx, *spec, ceil_mode, include, **extra)
        same(pool.avg_pool_forward(x, *spec, ceil_mode, include, divisor), ty)
        g = torch.randn_like(ty)
        ty.backward(g)
        same(
            pool.avg_pool_backward(g.numpy(), x.shape, *spec, ceil_mode, include, divisor), tx.grad
        )


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("out", [1, 2, 3, 5, 6, 16])
def test_adaptive(axes, out):
    target = tuple(out + (a % 2) for a in range(axes))
    for dtype in ("float32", "float64"):
        x = make(axes, dtype)
        tx = torch.tensor(x, requires_grad=True)
        ty = getattr(F, f"adaptive_avg_pool{axes}d")(tx, target)
        same(pool.adaptive_avg_forward(x, target), ty)
        g = torch.randn_like(ty)
        ty.backward(g)
        same(pool.adaptive_avg_backward(g.numpy(), x.shape), tx.grad)
        ty, ti = getattr(F, f"adaptive_max_pool{axes}d")(
            torch.tensor(x), target, return_indices=True
        )
        y, index = pool.adaptive_max_forward(x, target)
        same(y, ty)
        same(index, ti)


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("kernel,out", [(2, 3), (3, 4), (1, 1), (2, 5)])
def test_fractional(axes, kernel, out):
    size = (9, 7, 8)[:axes]
    rng = np.random.default_rng(0)
    for dtype in ("float32", "float64"):
        x = rng.standard_normal((3, 2, *size)).astype(dtype)
        u = rng.random((3, 2, axes)).astype(dtype)
        call = getattr(F, f"fractional_max_pool{axes}d")
        ty, ti = call(
            torch.tensor(x),
            kernel,
            (out,) * axes,
            return_indices=True,
            _random_samples=torch.tensor(u),
        )
        y, index = pool.fractional_max_forward(x, (kernel,) * axes, (out,) * axes, u)
        same(y, ty)
        same(index, ti)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_unpool(axes):
    x = torch.tensor(make(axes))
    y, index = MAX[axes](x, 2, 2, return_indices=True)
    expected = getattr(F, f"max_unpool{axes}d")(y, index, 2, output_size=x.shape[2:])
    same(pool.max_unpool(y.numpy(), index.numpy(), SIZES[axes]), expected)


def test_errors_and_empty():
    with pytest.raises(RuntimeError, match="Found an invalid max index: 99"):
        pool.max_unpool(np.ones((1, 1, 2)), np.full((1, 1, 2), 99), (4,))
    with pytest.raises(ValueError, match="pad should be at most half"):
        pool.max_pool_forward(np.ones((1, 1, 4)), (2,), (2,), (2,), (1,), False)
    x = make(2)[:0]
    y, index = pool.max_pool_forward(x, (2, 2), (2, 2), (0, 0), (1, 1), False)
    assert y.shape == index.shape == (0, 3, 4, 6)
    assert pool.max_pool_backward(y, index, x.shape).shape == x.shape
    assert pool.avg_pool_forward(x, (2, 2), (2, 2), (0, 0), False, True).shape == y.shape
    assert pool.adaptive_avg_forward(x, (2, 5)).shape == (0, 3, 2, 5)
    assert pool.adaptive_avg_backward(np.ones((0, 3, 2, 5)), x.shape).shape == x.shape
    assert pool.adaptive_max_forward(x, (2, 5))[0].shape == (0, 3, 2, 5)


def test_threads_keep_the_bits():
    x = np.random.default_rng(0).standard_normal((8, 32, 40, 40)).astype("float32")
    before = parallel.get_num_threads()
    results = []
    for threads in (1, 3):
        parallel.set_num_threads(threads)
        y, index = pool.max_pool_forward(x, (3, 3), (2, 2), (1, 1), (1, 1), False)
        results.append([y, index, pool.avg_pool_forward(x, (3, 3), (2, 2), (1, 1), False, True)])
    parallel.set_num_threads(before)
    for one, three in zip(*results, strict=True):
        assert one.tobytes() == three.tobytes()


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
@pytest.mark.parametrize("axes", [2, 3])
def test_fractional_windows_lie_where_half_precision_puts_them(name, axes):
    rng = np.random.default_rng(axes)
    x = rng.standard_normal((6, 2, *(9,) * axes)).astype(np.float32)
    samples = rng.random((6, 2, axes)).astype(np.float32)

    def indices(T):
        low = getattr(T, name)
        pool = getattr(T.nn.functional, f"fractional_max_pool{axes}d")
        return pool(
            T.tensor(x).to(low), 2, output_size=5, _random_samples=T.tensor(samples).to(low),
            return_indices=True,
        )[1].numpy()  # fmt: skip

    assert (indices(torch) == indices(franken)).all()
