"""Accumulation at integer places equals the plain loop bit for bit, and torch in value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from franken.backends.numpy import segment
from franken.backends.numpy.parallel import get_num_threads, set_num_threads

torch = pytest.importorskip("torch")


def loop(out: np.ndarray, index: np.ndarray, rows: np.ndarray) -> np.ndarray:
    out = out.copy()
    for place, row in zip(index, rows, strict=True):
        out[place] += row
    return out


def agree(got: np.ndarray, want, tolerance: float = 1e-12) -> None:
    want = want.numpy()
    assert got.dtype == want.dtype and got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


@given(
    rows=st.integers(1, 40),
    count=st.integers(0, 200),
    columns=st.sampled_from([1, 2, 3, 7, 8, 9, 64, 300]),
    seed=st.integers(0, 5),
)
def test_rows_are_added_in_the_order_of_occurrence(rows, count, columns, seed):
    rng = np.random.default_rng(seed)
    out = rng.normal(size=(rows, columns)).astype(np.float32)
    index = rng.integers(0, rows, count)
    src = rng.normal(size=(count, columns)).astype(np.float32)
    want = loop(out, index, src)
    np.testing.assert_array_equal(segment.index_add(out.copy(), 0, index, src), want)
    np.testing.assert_array_equal(segment.index_put_accumulate(out.copy(), index, src), want)
    turned = segment.index_add(out.T.copy(), 1, index, src.T.copy())
    np.testing.assert_array_equal(turned, want.T)
    zero = np.zeros_like(out)
    got = segment.embedding_backward(src, index, rows)
    np.testing.assert_array_equal(got, loop(zero, index, src))


def test_index_add_on_a_middle_axis_and_a_strided_out_matches_torch():
    rng = np.random.default_rng(0)
    index = rng.integers(0, 5, 9)
    for shape, axis in (((4, 5, 6), 1), ((2, 40, 5), 2), ((5,), 0)):
        x = rng.normal(size=shape)
        src = rng.normal(size=tuple(9 if a == axis else n for a, n in enumerate(shape)))
        want = torch.from_numpy(x.copy())
        want.index_add_(axis, torch.from_numpy(index), torch.from_numpy(src))
        for out in (x.copy(), x.copy(order="F")):
            assert segment.index_add(out, axis, index, src) is out
            agree(out, want)


def test_index_put_accumulates_scalars():
    out = np.zeros(3)
    segment.index_put_accumulate(out, np.array([2, 0, 2]), np.array([1.0, 2.0, 4.0]))
    assert out.tolist() == [2.0, 0.0, 5.0]


@pytest.mark.parametrize(("padding", "scale"), [(None, False), (1, True), (-1, True)])
def test_embedding_backward_matches_torch(padding, scale):
    rng = np.random.default_rng(1)
    g, index = rng.normal(size=(300, 9)), rng.integers(0, 20, 300)
    pad = -1 if padding is None else padding
    want = torch.ops.aten.embedding_dense_backward(
        torch.from_numpy(g), torch.from_numpy(index), 20, pad, scale
    )
    agree(segment.embedding_backward(g, index, 20, padding, scale), want)


CASES = [((4, 5, 6), (3, 5, 2), 0), ((4, 5, 6), (4, 9, 6), 1), ((7,), (20,), 0), ((), (3,), 0)]


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("kind", [np.float64, np.int64])
def test_scatter_reduce_matches_torch(kind, reduce, include_self):
    rng = np.random.default_rng(2)
    for shape, places, axis in CASES[:3]:
        x = np.round(rng.normal(0, 5, shape)).astype(kind)
        src = np.round(rng.normal(0, 5, places)).astype(kind)
        index = rng.integers(0, shape[axis], places)
        want = torch.from_numpy(x).scatter_reduce(
            axis, torch.from_numpy(index), torch.from_numpy(src), reduce, include_self=include_self
        )
        for out in (x.copy(), x.copy(order="F")):
            segment.scatter_reduce(out, axis, index, src, reduce, include_self)
            agree(out, want)


def test_scatter_extremes_keep_nan():
    out = np.zeros(2)
    segment.scatter_reduce(out, 0, np.array([0, 0, 1]), np.array([np.nan, 1.0, 2.0]), "amax")
    np.testing.assert_array_equal(out, [np.nan, 2.0])
    with pytest.raises(RuntimeError, match="reduce argument must be"):
        segment.scatter_reduce(out, 0, np.array([0]), np.array([1.0]), "median")


def test_scatter_add_takes_the_part_of_src_that_index_covers():
    rng = np.random.default_rng(3)
    x, src, index = rng.normal(size=(4, 5)), rng.normal(size=(9, 9)), rng.integers(0, 4, (7, 3))
    want = torch.from_numpy(x).scatter_add(0, torch.from_numpy(index), torch.from_numpy(src))
    agree(segment.scatter_add(x.copy(), 0, index, src), want)


def test_rows_do_not_depend_on_the_number_of_threads():
    rng = np.random.default_rng(4)
    src, index = rng.normal(size=(2000, 700)).astype(np.float32), rng.integers(0, 50, 2000)
    before, results = get_num_threads(), []
    try:
        for count in (1, 3):
            set_num_threads(count)
            results.append(segment.embedding_backward(src, index, 50))
    finally:
        set_num_threads(before)
    np.testing.assert_array_equal(*results)


def test_counts_match_torch():
    rng = np.random.default_rng(5)
    x, w = rng.integers(0, 9, 50), rng.normal(size=50).astype(np.float32)
    t = torch.from_numpy(x)
    agree(segment.bincount(x, None, 12), t.bincount(minlength=12))
    agree(segment.bincount(x, w), t.bincount(torch.from_numpy(w)), 1e-6)
    agree(segment.bincount(x, x), t.bincount(t))


@pytest.mark.parametrize(("bins", "low", "high"), [(10, 0, 0), (7, -1, 1), (5, 0.0, 2.0)])
def test_histc_matches_torch(bins, low, high):
    x = np.random.default_rng(6).normal(size=1000).astype(np.float32)
    agree(segment.histc(x, bins, low, high), torch.histc(torch.from_numpy(x), bins, low, high))
    with pytest.raises(RuntimeError, match="max must be larger than min"):
        segment.histc(x, bins, 3, 2)
