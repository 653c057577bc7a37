"""Reductions, order statistics and scans: torch's values for all axes, and accuracy of float32."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from franken.backends.numpy import order, reduce, scan
from franken.backends.numpy.parallel import get_num_threads, set_num_threads

torch = pytest.importorskip("torch")

SHAPES = [(3, 4, 5), (0, 4), (4, 0), (1,), (40, 100, 3), (300, 130), (5000, 3), (3, 5000), (9000,)]
SHAPES += [(6, 2, 150, 7), (17, 130, 64), (2, 3000)]


def subsets(ndim: int):
    return itertools.chain.from_iterable(
        itertools.combinations(range(ndim), r) for r in range(1, ndim + 1)
    )


def views(shape: tuple[int, ...]):
    """C-contiguous, turned and strided float64 arrays of one shape's data."""
    x = np.random.default_rng(len(shape)).normal(size=shape)
    return [x, x.T, x[..., ::2]]


def as_torch(x: np.ndarray):
    return torch.from_numpy(np.ascontiguousarray(x))


def agree(got: np.ndarray, want, rtol: float = 1e-11, atol: float = 1e-10) -> None:
    want = want.numpy()
    assert type(got) is np.ndarray and got.dtype == want.dtype and got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=rtol, atol=atol)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("keepdim", [False, True])
def test_reductions_match_torch_over_all_axes(shape, keepdim):
    for x in views(shape):
        t = as_torch(x)
        for axes in subsets(x.ndim):
            agree(reduce.sum(x, axes, keepdim), t.sum(axes, keepdim))
            agree(reduce.mean(x, axes, keepdim), t.mean(axes, keepdim))
            agree(reduce.logsumexp(x, axes, keepdim), t.logsumexp(axes, keepdim))
            agree(reduce.all(x > -2, axes, keepdim), (t > -2).all(axes, keepdim))
            agree(reduce.any(x > 2, axes, keepdim), (t > 2).any(axes, keepdim))
            agree(reduce.count_nonzero(x > 0, axes), (t > 0).count_nonzero(axes))
            if min(x.shape[axis] for axis in axes):
                agree(reduce.amax(x, axes, keepdim), t.amax(axes, keepdim))
                agree(reduce.amin(x, axes, keepdim), t.amin(axes, keepdim))


@pytest.mark.filterwarnings("ignore:(std|var).*degrees of freedom")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("correction", [0.0, 1.0, 2.5])
def test_moments_match_torch_over_all_axes(shape, correction):
    for x in views(shape):
        t = as_torch(x)
        for axes in subsets(x.ndim):
            got = reduce.var_mean(x, axes, correction, True)
            want = torch.var_mean(t, axes, correction=correction, keepdim=True)
            agree(got[0], want[0])
            agree(got[1], want[1])
            agree(reduce.std(x, axes, correction), t.std(axes, correction=correction))


@pytest.mark.parametrize("p", [2.0, 1.0, 0.0, np.inf, -np.inf, 3.0, 0.5])
def test_vector_norm_matches_torch(p):
    for x in views((6, 2, 150, 7)):
        t = as_torch(x)
        for axes in subsets(x.ndim):
            want = torch.linalg.vector_norm(t, p, axes, True)
            agree(reduce.vector_norm(x, p, axes, True), want, rtol=1e-10)


def test_float32_norm_neither_overflows_nor_underflows():
    for scale in (1e30, 1e-30):
        x = np.full(5000, scale, np.float32)
        np.testing.assert_allclose(reduce.vector_norm(x, 2.0, (0,)), scale * 5000**0.5, rtol=1e-6)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
def test_float32_sums_err_like_a_tree(axes):
    x = np.random.default_rng(0).uniform(size=(4096, 512)).astype(np.float32)
    exact = x.astype(np.float64).sum(axes)
    got = reduce.sum(x, axes)
    assert np.max(np.abs(got - exact) / exact) < 6e-7
    if axes == (0,):  # and the plain chain of additions is worse, so that the tree earns its place
        assert np.max(np.abs(x.sum(0) - exact)) > 2 * np.max(np.abs(got - exact))


def test_float32_variance_survives_a_large_mean():
    rng = np.random.default_rng(1)
    x = (rng.normal(size=(50, 3000)) + 1e4).astype(np.float32)
    for axis in (0, 1):
        exact = x.astype(np.float64).var(axis, ddof=1)
        np.testing.assert_allclose(reduce.var(x, (axis,)), exact, rtol=2e-6)


def test_sums_do_not_depend_on_the_number_of_threads():
    x = np.random.default_rng(2).normal(size=(700, 1111)).astype(np.float32)
    before, results = get_num_threads(), []
    try:
        for count in (1, 2, 5):
            set_num_threads(count)
            results.append(
                [f(x, a) for f in (reduce.sum, reduce.var) for a in ((0,), (1,), (0, 1))]
            )
    finally:
        set_num_threads(before)
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


def test_product_and_nan_aware_reductions_match_torch():
    x = 1 + 0.01 * np.random.default_rng(3).normal(size=(7, 900))
    agree(reduce.prod(x, (1,)), as_torch(x).prod(1))
    x[2, 3:8] = np.nan
    t = as_torch(x)
    agree(reduce.nansum(x, (1,)), t.nansum(1))
    agree(reduce.nanmean(x, (0, 1)), t.nanmean((0, 1)))
    agree(reduce.amax(x, (1,)), t.amax(1))
    agree(reduce.prod(x, (0,), True), t.prod(0, True))


def test_complex_sum_variance_and_norm_match_torch():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(30, 400)) + 1j * rng.normal(size=(30, 400))
    t = as_torch(x)
    agree(reduce.sum(x, (1,)), t.sum(1))
    agree(reduce.var(x, (0,)), t.var(0))
    agree(reduce.vector_norm(x, 2.0, (1,)), torch.linalg.vector_norm(t, 2, 1))


@pytest.mark.parametrize("shape", [(3, 4, 5), (300, 130), (3, 700), (600, 3), (9000,)], ids=str)
def test_positions_of_extrema_are_the_first_and_nan_wins(shape):
    x = np.round(np.random.default_rng(5).normal(size=shape) * 3)
    x.flat[7:9] = np.nan
    for view in (x, x.T):
        t = as_torch(view)
        for axis in (None, *range(view.ndim)):
            agree(reduce.argmax(view, axis, axis is not None), _arg(view, axis, np.argmax))
            agree(reduce.argmin(view, axis, axis is not None), _arg(view, axis, np.argmin))
        for axis in range(view.ndim):
            agree(reduce.max_dim(view, axis)[0], t.max(axis)[0])
            agree(reduce.min_dim(view, axis, True)[0], t.min(axis, True)[0])


def _arg(x: np.ndarray, axis: int | None, pick):
    # NumPy documents the first occurrence, and its NaN is extreme too
    return torch.from_numpy(np.asarray(pick(x, axis=axis, keepdims=axis is not None)))


@pytest.mark.parametrize("shape", [(3, 4, 5), (50, 31), (1, 1), (200,)], ids=str)
def test_order_statistics_match_torch(shape):
    x = np.random.default_rng(6).normal(size=shape)
    for view in (x, x.T):
        t = as_torch(view)
        for axis in range(view.ndim):
            k = view.shape[axis] // 2 + 1
            pairs = [
                (order.median(view, axis), t.median(axis)),
                (order.nanmedian(view, axis, True), t.nanmedian(axis, True)),
                (order.kthvalue(view, k, axis), t.kthvalue(k, axis)),
            ]
            for got, want in pairs:
                agree(got[0], want[0])
                agree(got[1], want[1])


@pytest.mark.parametrize("shape", [(3, 4, 5), (50, 31), (1, 1), (200,)], ids=str)
def test_mode_is_the_smallest_most_frequent_value_at_torchs_place(shape):
    x = np.round(np.random.default_rng(6).normal(size=shape))
    for axis in range(x.ndim):
        value, index = order.mode(x, axis, True)
        want = as_torch(x).mode(axis, True)
        agree(value, want[0])
        agree(index, want[1])
        value, index = order.mode(x, axis, True, keep=True)  # the last place of all
        np.testing.assert_array_equal(np.take_along_axis(x, index, axis), value)
        places = np.arange(x.shape[axis]).reshape([-1] + [1] * (x.ndim - axis - 1))
        assert not np.any((x == value) & (places > index))


def test_median_of_ties_and_nan():
    x = np.array([[5.0, 5.0, 1.0, 1.0], [np.nan, 1.0, np.nan, 0.0]])
    values, index = order.median(x, 1)
    np.testing.assert_array_equal(values, [1.0, np.nan])
    np.testing.assert_array_equal(index, [3, 0])
    np.testing.assert_array_equal(order.nanmedian(x, 1)[1], [3, 3])
    assert order.median_all(x[0]) == 1.0 and np.isnan(order.median_all(x))
    with pytest.raises(RuntimeError, match="selected number k out of range"):
        order.kthvalue(x, 5, 1)


# --- scans ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(50,), (3, 40, 5), (200, 300), (0, 3), (2, 1, 2)], ids=str)
def test_scans_match_torch(shape):
    x = np.random.default_rng(7).normal(size=shape)
    for view in (x, x.T):
        for axis in range(view.ndim):
            t = as_torch(view)
            agree(scan.cumsum(view, axis), t.cumsum(axis))
            agree(scan.cumprod(view, axis), t.cumprod(axis))
            agree(scan.logcumsumexp(view, axis), t.logcumsumexp(axis))
            agree(scan.diff(view, 2, axis), t.diff(2, axis))
            tied = np.round(view)
            for name in ("cummax", "cummin"):
                got = getattr(scan, name)(tied, axis)
                want = getattr(as_torch(tied), name)(axis)
                agree(got[0], want[0])
                agree(got[1], want[1])


def test_cummax_keeps_nan_once_met():
    x = np.array([0.0, np.nan, 1.0, np.nan])
    got, want = scan.cummax(x, 0), torch.from_numpy(x).cummax(0)
    agree(got[0], want[0])
    agree(got[1], want[1])


def test_float32_cumsum_is_accumulated_in_float64():
    x = np.random.default_rng(8).uniform(size=20_000).astype(np.float32)
    exact = np.cumsum(x.astype(np.float64))
    np.testing.assert_allclose(scan.cumsum(x, 0), exact, rtol=6e-8)


@pytest.mark.parametrize("zeros", [0, 1, 2, 5])
def test_cumprod_backward_is_exact_where_there_are_zeros(zeros):
    rng = np.random.default_rng(zeros)
    x, g = rng.uniform(0.5, 1.5, (6, 20)), rng.normal(size=(6, 20))
    for row in x:
        row[rng.choice(20, zeros, replace=False)] = 0
    for axis, view, gy in ((1, x, g), (0, x.T, g.T)):
        t = as_torch(view).requires_grad_()
        (want,) = torch.autograd.grad(t.cumprod(axis), t, as_torch(gy))
        agree(scan.cumprod_backward(gy, view, axis), want)
