"""Files that franken writes, opened by the programs that they are for, and back again."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from franken.serialization.errors import FormatError
from franken.serialization.formats import source, zip_reader, zip_writer
from franken.serialization.formats.inspection import bad_checksums
from franken.serialization.formats.layout import read_layout, read_tensors
from franken.serialization.formats.sharing import plan_stores
from franken.serialization.formats.spans import DTYPES
from franken.serialization.formats.writers import write_npz, write_safetensors, write_torch

NAMES = [name for name in DTYPES if name not in ("C32", "F4_E2M1_X2")]


def random_bits(name, shape=(3, 4), seed=0):
    dtype = DTYPES[name]
    high = 2 if name == "BOOL" else 256
    raw = np.random.default_rng(seed).integers(0, high, (*shape, dtype.itemsize), np.uint8)
    return raw.reshape(-1).view(dtype).reshape(shape)


def every_dtype():
    return {f"part.{name}": random_bits(name) for name in NAMES}


def loaded_bytes(torch, tensor):
    if tensor.numel() == 0:
        return b""
    return tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes()


@pytest.mark.parametrize("mmap", [False, True])
def test_torch_loads_every_dtype_bit_for_bit(tmp_path, mmap):
    torch = pytest.importorskip("torch")
    arrays = every_dtype()
    arrays |= {
        "empty": np.zeros((0, 3)),
        "scalar": np.float32(3),
        "backwards": np.arange(5)[::-1],
        "strided": np.arange(30).reshape(5, 6)[:, ::2],
        "big": np.arange(3, dtype=">i4"),
        "": np.ones(1),
        "\N{GREEK SMALL LETTER MU}": np.ones(1),
    }
    write_torch(tmp_path / "a.pt", arrays)
    loaded = torch.load(tmp_path / "a.pt", weights_only=True, mmap=mmap)
    assert list(loaded) == list(arrays)
    for name, tensor in loaded.items():
        expected = np.asarray(arrays[name])
        assert tuple(tensor.shape) == expected.shape
        native = expected.astype(expected.dtype.newbyteorder("="))
        assert loaded_bytes(torch, tensor) == native.tobytes(), name
    assert bad_checksums(tmp_path / "a.pt") == ()


def test_torch_file_shares_storages_as_the_arrays_share_memory(tmp_path):
    torch = pytest.importorskip("torch")
    base = np.arange(24.0).reshape(4, 6)
    arrays = {"base": base, "t": base.T, "cut": base[1:3, 2:5], "own": base.copy()}
    write_torch(tmp_path / "a.pt", arrays)
    loaded = torch.load(tmp_path / "a.pt", weights_only=True)
    loaded["base"][1, 2] = -1
    assert loaded["cut"][0, 0] == -1 and loaded["t"][2, 1] == -1 and loaded["own"][1, 2] == 8
    layout = read_layout(tmp_path / "a.pt")
    assert [span.alias_of for span in layout.spans] == [None, "base", "base", None]
    # Read and written again, the sharing is still there.
    write_torch(tmp_path / "b.pt", read_tensors(tmp_path / "a.pt", layout.spans))
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


def test_torch_nested_is_a_state_of_dictionaries(tmp_path):
    torch = pytest.importorskip("torch")
    arrays = {"model.0.weight": np.ones(2), "model.0.bias": np.zeros(2), "step": np.int64(3)}
    write_torch(tmp_path / "a.pt", arrays, nested=True)
    loaded = torch.load(tmp_path / "a.pt", weights_only=True)
    assert loaded["model"]["0"]["weight"].tolist() == [1, 1] and loaded["step"] == 3
    assert [span.name for span in read_layout(tmp_path / "a.pt").spans] == list(arrays)


@pytest.mark.parametrize("names", [("a", "a.b"), ("a.b", "a")])
def test_torch_nested_refuses_a_tensor_that_is_also_a_dictionary(tmp_path, names):
    with pytest.raises(FormatError) as caught:
        write_torch(tmp_path / "a.pt", dict.fromkeys(names, np.ones(1)), nested=True)
    assert caught.value.reason == "bad_tree" and not list(tmp_path.iterdir())


@pytest.mark.parametrize("limit", [1, 40, 1000])
def test_sizes_beyond_32_bits_go_into_64_bit_fields(tmp_path, monkeypatch, limit):
    """The limit is lowered, so that a small file has the fields of one above 4 GiB."""
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(zip_writer, "WIDE_FROM", limit)
    arrays = {"a": np.arange(10.0), "b": np.ones(3, np.int8)}
    write_torch(tmp_path / "a.pt", arrays)
    loaded = torch.load(tmp_path / "a.pt", weights_only=True)
    assert {name: tensor.tolist() for name, tensor in loaded.items()} == {
        name: array.tolist() for name, array in arrays.items()
    }
    assert zipfile.ZipFile(tmp_path / "a.pt").testzip() is None
    got = read_tensors(tmp_path / "a.pt", read_layout(tmp_path / "a.pt").spans)
    assert {name: array.tobytes() for name, array in got.items()} == {
        name: array.tobytes() for name, array in arrays.items()
    }


def test_more_members_than_16_bits_count(tmp_path):
    with (tmp_path / "a.zip").open("wb") as file:
        archive = zip_writer.ZipWriter(file)
        for number in range(66_000):
            archive.add(f"{number}", [], 0)
        archive.close()
    with source.open_source(tmp_path / "a.zip") as opened:
        assert len(zip_reader.read_directory(opened)) == 66_000
    assert len(zipfile.ZipFile(tmp_path / "a.zip").namelist()) == 66_000


def test_torch_storages_begin_at_multiples_of_64(tmp_path):
    write_torch(tmp_path / "a.pt", every_dtype())
    assert {span.begin % 64 for span in read_layout(tmp_path / "a.pt").spans} == {0}


def test_safetensors_is_read_by_the_official_package(tmp_path):
    official = pytest.importorskip("safetensors.torch")
    torch = pytest.importorskip("torch")
    base = np.arange(6.0)
    arrays = every_dtype() | {"base": base, "view": base[2:4]}
    del arrays["part.C128"]
    write_safetensors(tmp_path / "a.safetensors", arrays, {"format": "pt"})
    loaded = official.load_file(tmp_path / "a.safetensors")
    for name, array in arrays.items():
        assert loaded_bytes(torch, loaded[name]) == array.tobytes(), name
    spans = read_layout(tmp_path / "a.safetensors").spans
    assert all(span.alias_of is None for span in spans)


@pytest.mark.parametrize(
    ("write", "array"),
    [
        (write_safetensors, np.ones(2, np.complex128)),
        (write_torch, np.array(["a"])),
        (write_npz, random_bits("BF16")),
        (write_npz, random_bits("F8_E5M2")),
        (write_npz, np.array([{}], object)),
    ],
)
def test_a_dtype_that_the_format_lacks_is_refused_and_nothing_is_written(tmp_path, write, array):
    with pytest.raises(FormatError) as caught:
        write(tmp_path / "a", {"w": array})
    assert caught.value.reason == "bad_dtype" and not list(tmp_path.iterdir())


def test_npz_is_read_by_numpy_and_widening_is_exact(tmp_path):
    arrays = every_dtype() | {"t": np.arange(6).reshape(2, 3).T, "text": np.array(["a"])}
    widened = write_npz(tmp_path / "a.npz", arrays, widen=True)
    small = {f"part.{name}" for name in NAMES if name == "BF16" or name.startswith("F8")}
    assert set(widened) == small
    with np.load(tmp_path / "a.npz") as loaded:
        assert set(loaded) == set(arrays)
        for name, array in arrays.items():
            if name in small:
                np.testing.assert_array_equal(loaded[name], array.astype(np.float32))
                assert loaded[name].astype(array.dtype).shape == array.shape
            else:
                assert loaded[name].dtype == array.dtype
                assert loaded[name].tobytes() == array.tobytes()
    assert zipfile.ZipFile(tmp_path / "a.npz").testzip() is None


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 20), st.sampled_from([1, 2, 3, -1]))),
    st.booleans(),
)
def test_stores_hold_every_view_of_one_buffer(tmp_path_factory, cuts, apart):
    buffer = np.arange(40.0)
    arrays = {str(i): buffer[a : a + n : s] for i, (a, n, s) in enumerate(cuts)}
    if apart:
        arrays["bytes"] = buffer[3:5].view(np.int32)
    stores, places = plan_stores(arrays)
    for name, array in arrays.items():
        place = places[name]
        store = np.ascontiguousarray(stores[place.store]).reshape(-1)
        steps = tuple(step * store.itemsize for step in place.strides)
        view = np.ndarray(array.shape, store.dtype, store, place.offset * store.itemsize, steps)
        assert view.tobytes() == array.tobytes()


@settings(max_examples=30)
@given(
    st.dictionaries(
        st.text("abc.\N{SNOWMAN}", min_size=1, max_size=6),
        hnp.arrays(
            st.sampled_from([np.float32, np.int64, np.bool_, np.complex64]),
            hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
            elements=st.just(1),
        ),
        max_size=4,
    )
)
def test_what_is_written_is_read_back(tmp_path_factory, arrays):
    folder = tmp_path_factory.mktemp("formats")
    write_torch(folder / "a.pt", arrays)
    write_npz(folder / "a.npz", arrays)
    for path in (folder / "a.pt", folder / "a.npz") if arrays else (folder / "a.pt",):
        got = read_tensors(path, read_layout(path).spans)
        assert {k: (v.dtype, v.shape, v.tobytes()) for k, v in got.items()} == {
            k: (v.dtype, v.shape, v.tobytes()) for k, v in arrays.items()
        }
