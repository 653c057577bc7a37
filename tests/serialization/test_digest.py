"""A digest depends on names, dtypes, shapes and elements, and on nothing else."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from franken.serialization.digest import digest_array, digest_arrays


@given(st.permutations(["a", "b", "aa", "", "é"]))
def test_digest_arrays_ignores_the_order(names):
    arrays = {name: np.full(3, sum(map(ord, name))) for name in names}
    assert digest_arrays(arrays) == digest_arrays(dict(sorted(arrays.items())))


def test_digest_array_ignores_memory_layout_and_byte_order():
    array = np.arange(6, dtype=np.int32).reshape(2, 3)
    expected = digest_array(array)
    assert digest_array(np.asfortranarray(array)) == expected
    assert digest_array(array[:, ::-1][:, ::-1]) == expected
    assert digest_array(array.astype(">i4")) == expected


def test_digest_array_sees_dtype_shape_and_every_bit():
    variants = [
        np.zeros(4, np.float32),
        np.zeros(4, np.int32),
        np.zeros((2, 2), np.float32),
        np.zeros((4, 1), np.float32),
        np.array([0, 0, 0, -0.0], np.float32),
        np.zeros(8, np.float16),
        np.zeros(8, ml_dtypes.bfloat16),
        np.zeros(0, np.float32),
        np.zeros((0, 2), np.float32),
        np.zeros((), np.float32),
        np.array(np.nan, np.float32),
        np.array(-np.nan, np.float32),
    ]
    assert len({digest_array(array) for array in variants}) == len(variants)


def test_digest_arrays_sees_which_name_has_which_array():
    a, b = np.zeros(2), np.ones(2)
    dicts = [{}, {"a": a}, {"b": a}, {"a": a, "b": b}, {"a": b, "b": a}, {"ab": a}]
    assert len({digest_arrays(arrays) for arrays in dicts}) == len(dicts)


# Stored digests of old files must stay checkable.
EXPECTED = "69527b555ad0154cfab924be85a5e5c9ebca09e3eee9c56b0d3c9246fdae51cd"


def test_digest_is_a_stable_format():
    arrays = {"w": np.arange(4, dtype=np.float32), "b": np.array(True)}
    assert digest_arrays(arrays) == EXPECTED


def test_digest_array_refuses_objects():
    with pytest.raises(TypeError, match="object"):
        digest_array(np.array([None]))
