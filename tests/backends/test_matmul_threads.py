"""Products cut over threads: NumPy's values, and bits that no thread count changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from franken.backends.numpy import parallel


@pytest.fixture
def small_pieces(monkeypatch):
    """Cut even products of a few elements."""
    for name in ("BLAS_SERIAL", "SPLIT_PRODUCTS", "SPLIT_COLUMNS"):
        monkeypatch.setattr(parallel, name, 1)


def _counted(monkeypatch):
    ranges = []
    inner = parallel.parallel_for

    def parallel_for(n, grain, fn):
        ranges.append(n)
        inner(n, grain, fn)

    monkeypatch.setattr(parallel, "parallel_for", parallel_for)
    return ranges


sides = st.integers(1, 9)
leads = st.sampled_from(
    [((), ()), ((3,), ()), ((), (3,)), ((3,), (3,)), ((1,), (4,)), ((4,), (1,)),
     ((2, 3), (3,)), ((1, 3), (2, 1)), ((2, 1), (2, 3))]
)  # fmt: skip


@given(m=sides, k=sides, n=sides, lead=leads, dtype=st.sampled_from("fdFD"))
@settings(max_examples=300, deadline=None)
def test_every_cut_gives_the_product(m, k, n, lead, dtype):
    rng = np.random.default_rng(m * 100 + k * 10 + n)
    x = rng.integers(-4, 5, (*lead[0], m, k)).astype(dtype)
    y = rng.integers(-4, 5, (*lead[1], k, n)).astype(dtype)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("BLAS_SERIAL", "SPLIT_PRODUCTS", "SPLIT_COLUMNS"):
            patch.setattr(parallel, name, 1)
        got = parallel.matmul(x, y)
    np.testing.assert_array_equal(got, np.matmul(x, y))
    assert got.dtype == np.dtype(dtype)


@pytest.mark.parametrize("shapes", [((4,), (4, 5)), ((3, 4), (4,)), ((2, 3, 4), (4,))])
def test_vectors_are_not_cut(small_pieces, shapes):
    x, y = (np.arange(np.prod(s), dtype=np.float64).reshape(s) for s in shapes)
    np.testing.assert_array_equal(parallel.matmul(x, y), np.matmul(x, y))


@pytest.mark.parametrize(
    "shapes", [((300, 400), (400, 500)), ((1024, 64), (64, 384)), ((6, 256, 128), (6, 128, 96))]
)
def test_bits_do_not_depend_on_threads(monkeypatch, shapes):
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal(s, dtype=np.float32) for s in shapes)
    cuts, got = _counted(monkeypatch), []
    before = parallel.get_num_threads()
    try:
        for threads in (1, 2, 3):
            parallel.set_num_threads(threads)
            got.append(parallel.matmul(x, y).tobytes())
    finally:
        parallel.set_num_threads(before)
    assert len(cuts) == 3 and min(cuts) >= 2
    assert got[0] == got[1] == got[2]
