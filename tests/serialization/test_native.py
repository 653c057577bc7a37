"""The nested container returns what was stored, types included, and refuses everything else."""

from __future__ import annotations

import hashlib
import json
import math
from collections import OrderedDict, namedtuple

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from franken.serialization import native, safetensors
from franken.serialization.errors import FormatError

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**100), 2**100)
    | st.floats()
    | st.complex_numbers(allow_nan=True)
    | text
    | st.binary(max_size=8)
)
array_values = st.sampled_from(
    [
        np.arange(6.0).reshape(2, 3),
        np.zeros((0, 2), np.int8),
        np.array(3, np.uint64),
        np.array([1 + 2j, complex("nan")]),
        np.array(1j),
        np.zeros((2, 0), np.complex128),
        np.arange(3).astype(ml_dtypes.bfloat16),
        np.arange(3).astype(ml_dtypes.float8_e5m2),
        np.float32(1.5),
        np.complex128(2j),
        np.bool_(True),
    ]
)
keys = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text | st.binary(),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=3,
)
values = st.recursive(
    scalars | array_values,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(keys, inner, max_size=4)
        | st.dictionaries(text, inner, max_size=4).map(OrderedDict)
    ),
    max_leaves=12,
)


def assert_same(a, b):
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(map(exact, a)) == list(map(exact, b))
        assert_same(list(a.values()), list(b.values()))
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for left, right in zip(a, b, strict=True):
            assert_same(left, right)
    elif isinstance(a, (np.ndarray, np.generic)):
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    else:
        assert exact(a) == exact(b)


def exact(value):
    # repr tells 0.0 from -0.0 and True from 1, and makes nan equal to nan
    return type(value), repr(value)


@given(values)
def test_round_trip_keeps_values_types_and_order(value):
    data = native.save(value)
    assert_same(native.load(data), value)
    assert native.save(value) == data


def test_file_round_trip_of_an_optimizer_state(tmp_path):
    state = {
        "model": OrderedDict([("0.weight", np.ones((2, 3), np.float32)), ("0.bias", np.zeros(2))]),
        "state": {0: {"step": np.float32(3), "exp_avg": np.zeros(2)}, 1: {}},
        "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.999), "params": [0, 1], "fused": None}],
        "best": -math.inf,
    }
    path = tmp_path / "a.franken"
    native.save_file(state, path)
    assert path.read_bytes() == native.save(state)
    for mmap in (True, False):
        assert_same(native.load_file(path, mmap=mmap), state)
    listed = safetensors.load_file(path)
    assert {"model/0.weight", "state/0/exp_avg"} <= listed.keys()


def test_places_of_the_same_spelling_stay_apart():
    value = {1: np.zeros(1), "1": np.ones(1), "": np.full(1, 2.0)}
    assert_same(native.load(native.save(value)), value)


def test_an_array_met_twice_is_stored_once_and_stays_one():
    w = np.arange(3.0)
    z = np.array([1j])
    loaded = native.load(native.save([w, {"tied": w}, z, z]))
    assert loaded[0] is loaded[1]["tied"] and loaded[2] is loaded[3]
    assert len(safetensors.load(native.save([w, w, w.copy()]))) == 2


@pytest.mark.parametrize("dtype", [">i4", ">c16"])
def test_big_endian_arrays_come_back_little_endian(dtype):
    value = np.arange(4).astype(dtype)[::2]
    loaded = native.load(native.save(value))
    assert loaded.dtype == value.dtype.newbyteorder("<")
    np.testing.assert_array_equal(loaded, value)


def test_save_refuses_other_types_and_names_their_place():
    point = namedtuple("point", "x")(1)
    for value in (object(), {1}, point, np.ma.zeros(1), lambda: 0):
        with pytest.raises(TypeError, match="/a/0"):
            native.save({"a": [value]})
    with pytest.raises(TypeError, match="as key"):
        native.save({frozenset(): 1})


def test_save_refuses_cycles_and_depth():
    cycle = []
    cycle.append(cycle)
    with pytest.raises(FormatError) as caught:
        native.save(cycle)
    assert caught.value.reason == "too_large"


def test_save_refuses_arrays_the_container_cannot_hold():
    with pytest.raises(FormatError) as caught:
        native.save([np.array([None])])
    assert caught.value.reason == "bad_dtype"


# -- hostile files --


def forge(tree, arrays=None, **change):
    """Write a file with any tree, its digests right unless ``change`` says otherwise."""
    arrays = {} if arrays is None else arrays
    tree = tree if isinstance(tree, str) else json.dumps(tree)
    metadata = {
        "franken.version": "1",
        "franken.tree": tree,
        "franken.tree_sha256": hashlib.sha256(tree.encode()).hexdigest(),
        "franken.sha256": json.dumps({n: native.digest_array(a) for n, a in arrays.items()}),
    }
    metadata.update({f"franken.{name}": value for name, value in change.items()})
    return safetensors.save(arrays, {k: v for k, v in metadata.items() if v is not None})


X = np.zeros(2)
BAD = {
    "no version": (forge(None, version=None), "unknown_version"),
    "later version": (forge(None, version="2"), "unknown_version"),
    "unknown metadata": (forge(None, more="x"), "bad_header"),
    "no digests": (forge(None, sha256=None), "bad_header"),
    "other tree": (forge(None, tree_sha256="0" * 64), "digest_mismatch"),
    "array without digest": (forge({"array": "x"}, {"x": X}, sha256="{}"), "bad_header"),
    "digest without array": (forge(None, sha256='{"x": "0"}'), "bad_header"),
    "digests not an object": (forge(None, sha256="[]"), "bad_header"),
    "wrong digest": (forge({"array": "x"}, {"x": X}, sha256='{"x": 0}'), "digest_mismatch"),
    "tree not JSON": (forge("{"), "bad_tree"),
    "tree too deep for JSON": (forge("[" * 200_000), "bad_tree"),
    "tree too deep": (forge('{"list":[' * 66 + "]}" * 66), "too_large"),
    "integer too long": (forge("9" * 5000), "bad_tree"),
    "integer too wide": (forge("9" * 1300), "too_large"),
    "NaN": (forge("NaN"), "bad_tree"),
    "overflowing float": (forge("1e999"), "bad_tree"),
    "bare list": (forge([1]), "bad_tree"),
    "no tag": (forge({}), "bad_tree"),
    "two tags": (forge({"list": [], "tuple": []}), "bad_tree"),
    "a tag twice": (forge('{"list": [], "list": []}'), "bad_tree"),
    "unknown tag": (forge({"pickle": "x"}), "bad_tree"),
    "list of nothing": (forge({"list": None}), "bad_tree"),
    "entry not a pair": (forge({"dict": [[1]]}), "bad_tree"),
    "key twice": (forge({"dict": [[1, 2], [True, 3]]}), "bad_tree"),
    "key not hashable": (forge({"dict": [[{"list": []}, 1]]}), "bad_tree"),
    "key holds an array": (forge({"dict": [[{"array": "x"}, 1]]}, {"x": X}), "bad_tree"),
    "array not there": (forge({"array": "x"}), "bad_tree"),
    "array name not text": (forge({"array": []}), "bad_tree"),
    "array not used": (forge(None, {"x": X}), "bad_tree"),
    "scalar of a vector": (forge({"scalar": {"array": "x"}}, {"x": X}), "bad_tree"),
    "scalar of text": (forge({"scalar": "x"}), "bad_tree"),
    "complex of one part": (forge({"complex": [1.0]}), "bad_tree"),
    "complex of integers": (forge({"complex": [1, 2]}), "bad_tree"),
    "complex of infinities": (forge('{"complex": [1e999, 0.0]}'), "bad_tree"),
    "complex128 of odd shape": (forge({"complex128": "x"}, {"x": np.zeros(3)}), "bad_tree"),
    "complex128 of floats": (forge({"complex128": "x"}, {"x": np.zeros(2, "f4")}), "bad_tree"),
    "unknown float": (forge({"float": "Infinity"}), "bad_tree"),
    "float of a list": (forge({"float": []}), "bad_tree"),
    "not base64": (forge({"bytes": "*"}), "bad_tree"),
    "plain safetensors": (safetensors.save({"x": X}), "unknown_version"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_refused_with_their_reason(case):
    data, reason = BAD[case]
    with pytest.raises(FormatError) as caught:
        native.load(data)
    assert caught.value.reason == reason


def test_forge_without_a_fault_loads():
    assert native.load(forge({"list": [{"array": "x"}, 1]}, {"x": X}))[1] == 1


def test_a_flipped_bit_of_an_array_is_found_unless_not_asked_for():
    data = bytearray(native.save({"w": np.zeros(4)}))
    data[-1] ^= 1
    with pytest.raises(FormatError) as caught:
        native.load(bytes(data))
    assert caught.value.reason == "digest_mismatch"
    assert native.load(bytes(data), verify=False)["w"][3] != 0


GOOD_VALUE = {"a": (np.arange(3, dtype=np.int16), None, 2.5), 7: [b"xyz", "text", 1j]}
GOOD = native.save(GOOD_VALUE)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255), st.integers(0, len(GOOD)))
def test_mutated_bytes_raise_format_error_or_give_the_same_value(position, byte, length):
    mutated = bytearray(GOOD)
    mutated[position] = byte
    for data in (bytes(mutated), GOOD[:length], GOOD[:position] + GOOD[length:]):
        try:
            loaded = native.load(data)
        except FormatError:
            continue
        assert_same(loaded, GOOD_VALUE)


nodes = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["list", "tuple", "dict", "ordered", "array", "scalar", "float", "complex",
                 "complex128", "bytes", "x"]
            ),
            inner,
            max_size=2,
        )
    ),
    max_leaves=8,
)  # fmt: skip


@given(nodes)
def test_any_tree_loads_or_raises_format_error(tree):
    try:
        native.load(forge(tree, {"x": X}))
    except FormatError as error:
        assert error.reason in {"bad_tree", "too_large"}
