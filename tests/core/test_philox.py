"""Philox4x32-10 gives the published words, and its draws depend on the element's index alone."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from franken.backends.numpy.random import philox

# counter, key, result: the vectors of Random123's kat_vectors file for philox4x32-10
ONES = 0xFFFFFFFF
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ONES,) * 4, (ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]  # fmt: skip
DTYPES = [np.float32, np.float64, np.float16, ml_dtypes.bfloat16]


@pytest.mark.parametrize("counter, key, expected", KNOWN)
def test_known_answers(
    counter: tuple[int, int, int, int], key: tuple[int, int], expected: tuple[int, ...]
) -> None:
    assert tuple(int(w) for w in philox.philox4x32(counter, key)) == expected


def test_arrays_of_counters_mix_element_by_element() -> None:
    counters = np.arange(5, dtype=np.uint32)
    whole = philox.philox4x32((counters, 7, 0, 1), (3, 4))
    for i in range(5):
        single = philox.philox4x32((i, 7, 0, 1), (3, 4))
        assert [int(w[i]) for w in whole] == [int(w) for w in single]


@given(
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**40),
    st.integers(0, 40),
)
def test_words_depend_on_their_index_alone(seed: int, offset: int, start: int, n: int) -> None:
    whole = philox.words(seed, offset, start, n + 9)
    np.testing.assert_array_equal(philox.words(seed, offset, start + 5, n), whole[5 : 5 + n])


@pytest.mark.parametrize("dtype", DTYPES)
def test_uniform_prefix_does_not_depend_on_size(dtype: type) -> None:
    long = philox.uniform(3, 1, (40000,), dtype)
    for n in (0, 1, 7, 1000, 16385):
        np.testing.assert_array_equal(philox.uniform(3, 1, (n,), dtype), long[:n])


@pytest.mark.parametrize("dtype", DTYPES)
def test_normal_prefix_does_not_depend_on_size(dtype: type) -> None:
    long = philox.normal(3, 1, (40000,), dtype)
    for n in (0, 1, 15, 16, 17, 1000, 16385):
        np.testing.assert_array_equal(philox.normal(3, 1, (n,), dtype), long[:n])


@pytest.mark.parametrize("dtype", DTYPES)
def test_uniform_stays_below_one_and_has_its_moments(dtype: type) -> None:
    u = philox.uniform(11, 0, (200, 500), dtype).astype(np.float64)
    assert u.shape == (200, 500) and u.min() >= 0 and u.max() < 1
    floor = {2: 2.0**-8}.get(np.dtype(dtype).itemsize, 0.0)  # truncation of the halves
    assert abs(u.mean() - 0.5) < 0.004 + floor and abs(u.var() - 1 / 12) < 0.002


@pytest.mark.parametrize("dtype", DTYPES)
def test_normal_has_its_moments(dtype: type) -> None:
    z = philox.normal(12, 5, (100000,), dtype).astype(np.float64)
    assert abs(z.mean()) < 0.015 and abs(z.var() - 1) < 0.02 and abs((z**4).mean() - 3) < 0.15


def test_seed_and_offset_change_every_word() -> None:
    base = philox.words(1, 0, 0, 64)
    for seed, offset in ((2, 0), (1, 1), (2**32 + 1, 0), (1, 2**32)):
        assert (base != philox.words(seed, offset, 0, 64)).all()


def test_other_dtypes_are_refused() -> None:
    with pytest.raises(NotImplementedError, match="philox_uniform"):
        philox.uniform(0, 0, (3,), np.int32)
