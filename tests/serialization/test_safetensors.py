"""safetensors both ways with the official package, and bytes that are not safetensors."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from franken.serialization import safetensors
from franken.serialization.errors import FormatError

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).filter(
    lambda name: name != "__metadata__"
)


@st.composite
def arrays(draw):
    dtype = draw(st.sampled_from(sorted(safetensors.DTYPES)))
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    if dtype == "BOOL":
        return draw(hnp.arrays(np.bool_, shape))
    dtype = safetensors.DTYPES[dtype]
    raw = draw(hnp.arrays(np.uint8, (*shape, dtype.itemsize)))
    return raw.reshape(-1).view(dtype).reshape(shape)


def bits(mapping):
    return {name: (a.dtype, a.shape, a.tobytes()) for name, a in mapping.items()}


@given(st.dictionaries(names, arrays(), max_size=5), st.dictionaries(names, names, max_size=3))
def test_save_and_load_round_trip(mapping, metadata):
    data = safetensors.save(mapping, metadata)
    assert bits(safetensors.load(data)) == bits(mapping)
    assert safetensors.parse_header(np.frombuffer(data, np.uint8)).metadata == metadata
    assert safetensors.save(dict(reversed(mapping.items())), metadata) == data


@pytest.mark.parametrize("mmap", [True, False])
def test_file_round_trip_is_aligned_and_writable_without_changing_the_file(tmp_path, mmap):
    path = tmp_path / "a.safetensors"
    mapping = {"odd": np.ones(3, np.int8), "w": np.arange(5.0), "empty": np.zeros((0, 7))}
    safetensors.save_file(mapping, path, {"k": "v"})
    before = path.read_bytes()
    assert before == safetensors.save(mapping, {"k": "v"})
    loaded, header = safetensors.read_file(path, mmap=mmap)
    assert bits(loaded) == bits(mapping) and header.metadata == {"k": "v"}
    assert all(array.flags.aligned and type(array) is np.ndarray for array in loaded.values())
    loaded["w"][:] = -1
    assert path.read_bytes() == before


def test_load_file_maps_instead_of_reading(tmp_path):
    path = tmp_path / "a.safetensors"
    safetensors.save_file({"w": np.arange(5.0)}, path)

    def root(array):
        while isinstance(array.base, np.ndarray):
            array = array.base
        return array

    assert isinstance(root(safetensors.load_file(path)["w"]), np.memmap)
    assert not isinstance(root(safetensors.load_file(path, mmap=False)["w"]), np.memmap)


def test_save_takes_strided_and_big_endian_arrays():
    array = np.arange(12, dtype=">i4").reshape(3, 4)[:, ::2].T
    loaded = safetensors.load(safetensors.save({"a": array}))["a"]
    np.testing.assert_array_equal(loaded, array)
    assert loaded.dtype == np.dtype("<i4")


@pytest.mark.parametrize("dtype", ["complex128", "O", "U3", "M8[s]"])
def test_save_refuses_dtypes_the_format_lacks(dtype):
    with pytest.raises(FormatError) as caught:
        safetensors.save({"a": np.zeros(1, dtype)})
    assert caught.value.reason == "bad_dtype"


# -- the official package --


@given(st.dictionaries(names, arrays(), min_size=1, max_size=4))
def test_official_package_reads_what_we_write(mapping):
    official = pytest.importorskip("safetensors")
    entries = dict(official.deserialize(safetensors.save(mapping, {"format": "np"})))
    assert entries.keys() == mapping.keys()
    for name, entry in entries.items():
        assert safetensors.DTYPES[entry["dtype"]] == mapping[name].dtype
        assert tuple(entry["shape"]) == mapping[name].shape
        assert bytes(entry["data"]) == mapping[name].tobytes()


@given(st.dictionaries(names, arrays(), max_size=4))
def test_we_read_what_the_official_package_writes(mapping):
    official = pytest.importorskip("safetensors.numpy")
    assert bits(safetensors.load(official.save(mapping, {"k": "v"}))) == bits(mapping)


def test_header_is_laid_out_as_the_official_package_does():
    official = pytest.importorskip("safetensors.numpy")
    mapping = {
        "b": np.zeros(3, np.int8),
        "a": np.zeros((), np.float64),
        "c": np.zeros((0, 2), np.float32),
        "z": np.ones(1, np.float64),
    }
    assert safetensors.save(mapping, {"k": "v"}) == official.save(mapping, {"k": "v"})


def test_bfloat16_agrees_with_torch(tmp_path):
    torch = pytest.importorskip("torch")
    official = pytest.importorskip("safetensors.torch")
    values = torch.randn(7, generator=torch.Generator().manual_seed(0))
    tensor = values.to(torch.bfloat16)
    ours = safetensors.load(official.save({"x": tensor}))["x"]
    assert ours.dtype.name == "bfloat16"
    np.testing.assert_array_equal(ours.astype(np.float32), tensor.float().numpy())
    assert torch.equal(official.load(safetensors.save({"x": ours}))["x"], tensor)


# -- hostile bytes --


def build(header, data=b"", size=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if size is None else size).to_bytes(8, "little") + text + data


def u8(begin, end, **change):
    return {"dtype": "U8", "shape": [end - begin], "data_offsets": [begin, end], **change}


BAD = {
    "empty": (b"", "truncated"),
    "short": (b"\0" * 7, "truncated"),
    "header past the end": (build({}, size=3), "truncated"),
    "header too long": (build({}, size=2**63), "too_large"),
    "no header": (build(b""), "bad_header"),
    "not JSON": (build(b"{'a': 1}"), "bad_header"),
    "not UTF-8": (build(b'{"\xff": 1}'), "bad_header"),
    "a list": (build([]), "bad_header"),
    "NaN": (build(b'{"a": NaN}'), "bad_header"),
    "deep": (build(b'{"a":' + b"[" * 200_000), "bad_header"),
    "huge integer": (build(b'{"a":' + b"9" * 5000 + b"}"), "bad_header"),
    "lone surrogate": (build(b'{"\\ud800": {}}'), "bad_header"),
    "twice the same name": (build(b'{"a": {}, "a": {}}'), "bad_header"),
    "metadata not text": (build({"__metadata__": {"a": 1}}), "bad_header"),
    "metadata not an object": (build({"__metadata__": []}), "bad_header"),
    "entry not an object": (build({"a": 1}), "bad_header"),
    "missing field": (build({"a": {"dtype": "U8", "shape": []}}), "bad_header"),
    "unknown field": (build({"a": u8(0, 1, stride=[1])}, b"x"), "bad_header"),
    "unknown dtype": (build({"a": u8(0, 1, dtype="F4")}, b"x"), "bad_dtype"),
    "dtype not text": (build({"a": u8(0, 1, dtype=[])}, b"x"), "bad_dtype"),
    "negative size": (build({"a": u8(0, 1, shape=[-1, -1])}, b"x"), "bad_header"),
    "size is a float": (build({"a": u8(0, 1, shape=[1.0])}, b"x"), "bad_header"),
    "size is a bool": (build({"a": u8(0, 1, shape=[True])}, b"x"), "bad_header"),
    "size too big": (build({"a": u8(0, 0, shape=[0, 2**63])}), "bad_header"),
    "zero and huge sizes": (build({"a": u8(0, 0, shape=[0, 2**62, 2**62])}), "bad_layout"),
    "too many dimensions": (build({"a": u8(0, 1, shape=[1] * 65)}, b"x"), "bad_layout"),
    "three offsets": (build({"a": u8(0, 1, data_offsets=[0, 1, 2])}, b"x"), "bad_layout"),
    "shape too big": (build({"a": u8(0, 1, shape=[2])}, b"x"), "bad_layout"),
    "reversed": (build({"a": u8(0, 1, data_offsets=[1, 0])}, b"x"), "bad_layout"),
    "hole at the start": (build({"a": u8(1, 2)}, b"xx"), "bad_layout"),
    "hole between": (build({"a": u8(0, 1), "b": u8(2, 3)}, b"xxx"), "bad_layout"),
    "overlap": (build({"a": u8(0, 2), "b": u8(1, 3)}, b"xxx"), "bad_layout"),
    "same bytes twice": (build({"a": u8(0, 1), "b": u8(0, 1)}, b"x"), "bad_layout"),
    "bytes left over": (build({"a": u8(0, 1)}, b"xx"), "bad_layout"),
    "bytes missing": (build({"a": u8(0, 2)}, b"x"), "truncated"),
    "boolean 2": (build({"a": u8(0, 1, dtype="BOOL")}, b"\2"), "bad_layout"),
}


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("case", BAD)
def test_bad_bytes_are_refused_with_their_reason(tmp_path, case, mmap):
    data, reason = BAD[case]
    path = tmp_path / "bad.safetensors"
    path.write_bytes(data)
    with pytest.raises(FormatError) as caught:
        safetensors.load(data)
    assert caught.value.reason == reason
    with pytest.raises(FormatError) as caught:
        safetensors.load_file(path, mmap=mmap)
    assert caught.value.reason == reason


def test_header_limit_is_the_callers_to_lower(tmp_path):
    path = tmp_path / "a.safetensors"
    safetensors.save_file({"w": np.zeros(1)}, path)
    with pytest.raises(FormatError) as caught:
        safetensors.load_file(path, max_header=8)
    assert caught.value.reason == "too_large"


def test_unaligned_tensors_of_other_writers_are_read():
    header = {"a": u8(0, 1), "b": u8(1, 5, dtype="F32", shape=[1])}
    loaded = safetensors.load(build(header, b"x" + np.float32(1.5).tobytes()))
    assert loaded["b"].tolist() == [1.5] and loaded["b"].flags.aligned


GOOD = safetensors.save(
    {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "m": np.array([True, False])}, {"k": "v"}
)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255), st.integers(0, len(GOOD)))
def test_mutated_bytes_load_or_raise_format_error(position, byte, length):
    mutated = bytearray(GOOD)
    mutated[position] = byte
    for data in (bytes(mutated), GOOD[:length], GOOD[:position] + GOOD[length:]):
        try:
            loaded = safetensors.load(data)
        except FormatError:
            continue
        assert sum(array.nbytes for array in loaded.values()) <= len(data)


@given(st.binary(max_size=200))
def test_any_header_loads_or_raises_format_error(text):
    try:
        safetensors.load(build(b"{" + text + b"}"))
    except FormatError:
        return
    assert not text.strip() or b":" in text
