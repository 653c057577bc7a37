"""Statistics, differences and checksums against NumPy's own arithmetic."""

from __future__ import annotations

import hashlib
import json
import zipfile

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from franken.serialization.durability import verify
from franken.serialization.errors import FormatError
from franken.serialization.formats import blocks as blocks_module
from franken.serialization.formats.blocks import blocks
from franken.serialization.formats.inspection import bad_checksums, diff, located, stats
from franken.serialization.formats.layout import read_layout
from franken.serialization.formats.spans import DTYPES
from franken.serialization.formats.writers import write_npz, write_safetensors, write_torch


def found(path):
    return {entry.name: entry for entry in stats(path)}


def test_stats_count_what_is_not_finite_and_average_the_rest(tmp_path):
    values = np.array([0, 1, -3, np.nan, np.inf, -np.inf, -0.0, 4], np.float32)
    arrays = {
        "f32": values,
        "bf16": values.astype(ml_dtypes.bfloat16),
        "f8": values.astype(ml_dtypes.float8_e5m2),
        "c": values.astype(np.complex64),
        "i": np.array([2**63 - 1, 2**63 - 1, 0]),
        "neg": np.array([-(2**63), -5, 1]),
        "u": np.array([2**64 - 1, 2**64 - 1], np.uint64),
        "b": np.array([True, False, True]),
        "nan": np.full(2, np.nan),
        "none": np.zeros((0, 3)),
    }
    write_torch(tmp_path / "a.pt", arrays)
    got = found(tmp_path / "a.pt")
    for name in ("f32", "bf16", "f8"):
        entry = got[name]
        assert (entry.minimum, entry.maximum, entry.nan, entry.inf, entry.zeros) == (-3, 4, 1, 2, 2)
        assert entry.mean == pytest.approx(0.4)
    assert (got["c"].nan, got["c"].inf, got["c"].minimum) == (1, 2, None)
    assert got["i"].mean == (2 * (2**63 - 1)) / 3 and got["i"].maximum == 2**63 - 1
    assert got["neg"].mean == (-(2**63) - 4) / 3
    assert got["u"].mean == float(2**64 - 1)
    assert (got["b"].minimum, got["b"].maximum, got["b"].zeros) == (0, 1, 1)
    assert (got["nan"].mean, got["nan"].nan, got["none"].mean) == (None, 2, None)
    digest = hashlib.blake2b(values.tobytes(), digest_size=32).hexdigest()
    assert got["f32"].digest == digest


def test_digests_do_not_depend_on_the_format(tmp_path):
    arrays = {"t": np.arange(12.0).reshape(3, 4).T, "w": np.ones(5, np.float16)}
    write_torch(tmp_path / "a.pt", {**arrays, "base": arrays["t"].base})
    write_npz(tmp_path / "a.npz", arrays)
    write_safetensors(tmp_path / "a.st", arrays)
    np.savez_compressed(tmp_path / "b.npz", **arrays)
    digests = [
        {name: found(tmp_path / file)[name].digest for name in arrays}
        for file in ("a.pt", "a.npz", "a.st", "b.npz")
    ]
    assert all(one == digests[0] for one in digests)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("count", [1, 7, 64, 1000])
def test_blocks_put_together_are_the_tensor(tmp_path, monkeypatch, save, count):
    monkeypatch.setattr(blocks_module, "BLOCK", 100)
    path = tmp_path / "a.npz"
    arrays = {"c": np.arange(210.0), "f": np.asfortranarray(np.arange(60).reshape(6, 10))}
    save(path, **arrays)
    for span in read_layout(path).spans:
        parts = list(blocks(str(path), span, count=count))
        assert all(part.size == count for part in parts[:-1])
        assert np.concatenate(parts).tobytes() == arrays[span.name].tobytes()


def test_diff_of_names_shapes_dtypes_and_bits(tmp_path):
    one = {"a": np.ones(3, np.float32), "b": np.ones(2), "s": np.ones(4), "same": np.zeros(9)}
    two = {"a": one["a"].copy(), "b": np.ones(2, np.float32), "s": np.ones((2, 2)), "new": one["a"]}
    two["a"][1] = np.nextafter(np.float32(1), np.float32(2))
    two["same"] = one["same"]
    write_torch(tmp_path / "1.pt", one)
    write_safetensors(tmp_path / "2.st", two)
    got = diff(tmp_path / "1.pt", tmp_path / "2.st")
    assert (got.added, got.removed, got.same, got.equal) == (("new",), (), 1, False)
    changed = {entry.name: entry for entry in got.changed}
    assert (changed["a"].elements, changed["a"].bits, changed["a"].max_ulp) == (1, 1, 1)
    assert changed["b"].dtypes == ("F64", "F32") and changed["s"].shapes == ((4,), (2, 2))
    assert diff(tmp_path / "1.pt", tmp_path / "1.pt").equal


FLOATS = ["F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"]


@given(st.sampled_from(FLOATS), st.data())
def test_ulps_count_the_numbers_in_between(tmp_path_factory, name, data):
    """Against a walk over all bit patterns of the dtype, in the order of their values."""
    dtype = DTYPES[name]
    bits = np.dtype(f"u{dtype.itemsize}")
    top = 2 ** (8 * dtype.itemsize)
    raw = data.draw(hnp.arrays(bits, (2, 3), elements=st.integers(0, top - 1)))
    x, y = raw[0].view(dtype), raw[1].view(dtype)
    folder = tmp_path_factory.mktemp("ulp")
    write_safetensors(folder / "1", {"w": x})
    write_safetensors(folder / "2", {"w": y})
    got = diff(folder / "1", folder / "2")

    def place(pattern):
        magnitude = int(pattern) & (top // 2 - 1)
        return -magnitude if int(pattern) >= top // 2 else magnitude

    differing = [i for i in range(3) if raw[0, i] != raw[1, i]]
    if not differing:
        assert got.equal
        return
    nan = [np.isnan(part.astype(np.float64)) for part in (x, y)]
    real = [
        abs(place(raw[0, i]) - place(raw[1, i])) for i in differing if not nan[0][i] | nan[1][i]
    ]
    entry = got.changed[0]
    assert entry.elements == len(differing)
    assert entry.bits == sum((int(raw[0, i]) ^ int(raw[1, i])).bit_count() for i in range(3))
    assert entry.max_ulp == max(real, default=0)
    assert entry.nan_mismatches == sum(nan[0][i] != nan[1][i] for i in differing)


def test_an_index_is_the_tensors_of_its_members(tmp_path):
    write_safetensors(tmp_path / "1.st", {"a": np.ones(2)})
    write_safetensors(tmp_path / "2.st", {"b": np.zeros(2)})
    path = tmp_path / "index.json"
    path.write_text(json.dumps({"weight_map": {"a": "1.st", "b": "2.st"}}))
    assert [(entry.name, entry.file) for entry in stats(path)] == [("a", "1.st"), ("b", "2.st")]
    write_torch(tmp_path / "all.pt", {"a": np.ones(2), "b": np.zeros(2)})
    assert diff(path, tmp_path / "all.pt").equal
    write_safetensors(tmp_path / "2.st", {"a": np.zeros(2)})
    with pytest.raises(FormatError, match="two files"):
        located(path)
    (tmp_path / "2.st").unlink()
    with pytest.raises(FormatError, match="missing"):
        stats(path)


def test_progress_ends_at_the_total(tmp_path):
    write_npz(tmp_path / "a.npz", {"a": np.ones(3), "b": np.ones(2)})
    calls = []
    stats(tmp_path / "a.npz", progress=lambda *call: calls.append(call))
    assert calls == [(24, 40, "a"), (40, 40, "b")]


def test_checksums_of_zip_members(tmp_path):
    path = tmp_path / "a.npz"
    for save in (np.savez, np.savez_compressed):
        save(path, a=np.arange(50.0), b=np.ones(3))
        assert bad_checksums(path) == ()
    np.savez(path, a=np.arange(50.0), b=np.ones(3))
    data = bytearray(path.read_bytes())
    data[read_layout(path).spans[0].begin + 5] ^= 1
    path.write_bytes(data)
    assert bad_checksums(path) == ("a.npy",)
    (tmp_path / "plain").write_bytes(b"x")
    assert bad_checksums(tmp_path / "plain") == ()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_verify_without_a_sidecar_tells_of_a_wrong_checksum(tmp_path, save):
    path = tmp_path / "a.npz"
    save(path, a=np.arange(50), b=np.ones(3, np.int64))
    assert not any("CRC-32" in note for note in verify(path).notes)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("b.npy").CRC.to_bytes(4, "little")
    at = data.rindex(start)  # what the directory states, not the bytes it is of
    data[at] ^= 1
    path.write_bytes(data)
    found = [note for note in verify(path).notes if "CRC-32" in note]
    assert found == ["b.npy: its bytes have another CRC-32 than the archive states"]


def test_checksums_that_torch_writes_are_right(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"w": torch.arange(5)}, tmp_path / "a.pt")
    assert bad_checksums(tmp_path / "a.pt") == ()
