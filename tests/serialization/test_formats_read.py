"""Checkpoint files as other programs write them: every tensor found, with its own bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile

import ml_dtypes
import numpy as np
import pytest

from franken.serialization import safetensors
from franken.serialization.errors import FormatError
from franken.serialization.formats.layout import read_layout, read_tensor, read_tensors
from franken.serialization.formats.spans import Span


def by_name(path):
    return {span.name: span for span in read_layout(path).spans}


def tensor_bytes(tensor):
    torch = pytest.importorskip("torch")
    return tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes()


def test_safetensors_spans_are_the_bytes_of_the_tensors(tmp_path):
    path = tmp_path / "weights.bin"
    arrays = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(3, np.float16)}
    arrays["h"] = np.ones(2, ml_dtypes.bfloat16)
    safetensors.save_file(arrays, path, {"by": "test"})
    layout = read_layout(path)
    assert (layout.format, layout.metadata) == ("safetensors", {"by": "test"})
    data = path.read_bytes()
    for span in layout.spans:
        assert data[span.begin : span.end] == arrays[span.name].tobytes()
        got = read_tensor(path, span)
        assert got.dtype == arrays[span.name].dtype and not got.flags.writeable


@pytest.mark.parametrize("offset", [0, 1])
def test_a_tensor_at_an_odd_byte_is_read_aligned(tmp_path, offset):
    path = tmp_path / "a"
    path.write_bytes(b"\0" * offset + np.arange(4.0).tobytes())
    got = read_tensor(path, Span("w", "F64", (2, 2), offset, offset + 32))
    assert got.flags.aligned and got.tolist() == [[0, 1], [2, 3]]


def checkpoint(torch):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(5, 3)).sum().backward()
    optimizer.step()
    return model, {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}


def flattened(torch, value, path=""):
    if isinstance(value, torch.Tensor):
        return {path: value}
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, (list, tuple)) else items
    found = {}
    for key, child in items:
        found.update(flattened(torch, child, f"{path}.{key}" if path else str(key)))
    return found


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_torch_checkpoint_gives_every_tensor_by_its_path(tmp_path, protocol):
    torch = pytest.importorskip("torch")
    path = tmp_path / "a.pt"
    saved = checkpoint(torch)[1]
    torch.save(saved, path, pickle_protocol=protocol)
    layout = read_layout(path)
    expected = flattened(torch, saved)
    assert (layout.format, layout.notes) == ("torch", ())
    assert [span.name for span in layout.spans] == list(expected)
    assert layout.metadata["epoch"] == "3"
    assert layout.metadata["optimizer.param_groups.0.lr"] == "0.001"
    for name, array in read_tensors(path, layout.spans).items():
        assert array.shape == tuple(expected[name].shape)
        assert array.tobytes() == tensor_bytes(expected[name])


def test_torch_dtypes_keep_their_bits(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "a.pt"
    names = [
        "float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8",
        "uint16", "uint32", "uint64", "bool", "complex64", "complex128", "float8_e4m3fn",
        "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu",
    ]  # fmt: skip
    # A slice, so that the offset in elements counts.
    saved = {name: torch.arange(7).to(getattr(torch, name))[2:] for name in names}
    torch.save(saved, path)
    spans = by_name(path)
    assert list(spans) == names
    for name, tensor in saved.items():
        array = read_tensor(path, spans[name])
        assert array.dtype.itemsize == tensor.element_size()
        assert array.tobytes() == tensor_bytes(tensor), name


def test_torch_views_share_bytes_and_say_so(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "a.pt"
    base = torch.arange(24.0).reshape(4, 6)
    saved = {
        "base": base,
        "t": base.t(),
        "cut": base[1:3, 2:5],
        "wide": torch.ones(1).expand(5, 7),
        "own": torch.ones(2),
        "none": torch.empty(0, 3),
    }
    torch.save(saved, path)
    spans = by_name(path)
    aliases = {name: span.alias_of for name, span in spans.items() if span.alias_of}
    assert aliases == {"t": "base", "cut": "base"}
    assert spans["t"].strides == (1, 6) and spans["base"].strides is None
    arrays = read_tensors(path, spans.values())
    assert np.shares_memory(arrays["base"], arrays["cut"])
    for name, tensor in saved.items():
        assert arrays[name].tolist() == tensor.tolist(), name


def test_torch_whole_module_is_listed_and_its_classes_named(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "a.pt"
    model = checkpoint(torch)[0]
    torch.save(model, path)
    layout = read_layout(path)
    assert {span.name for span in layout.spans} == set(model.state_dict())
    assert any("torch.nn.modules.linear.Linear is not known" in note for note in layout.notes)


def test_torch_parameters_sparse_quantized_and_bare_values(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "a.pt"
    torch.save(torch.ones(3), path)
    assert [span.name for span in read_layout(path).spans] == ["tensor"]
    saved = {
        "p": torch.nn.Parameter(torch.ones(2)),
        "s": torch.eye(2).to_sparse(),
        "raw": torch.ones(2).untyped_storage(),
        "size": torch.Size([2]),
        "device": torch.device("cpu"),
        "dtype": torch.float32,
        3: {"deep": [torch.zeros(1)]},
    }
    torch.save(saved, path)
    layout = read_layout(path)
    assert [span.name for span in layout.spans] == ["p", "s.1.0", "s.1.1", "raw", "3.deep.0"]
    assert layout.notes == ()


def test_torch_before_1_6_is_refused_by_name(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "a.pt"
    torch.save(torch.ones(3), path, _use_new_zipfile_serialization=False)
    with pytest.raises(FormatError, match="before torch 1.6") as caught:
        read_layout(path)
    assert caught.value.reason == "unknown_version"


def rewritten(source, target, compression=zipfile.ZIP_STORED, **records):
    """Copy a zip archive, with some records replaced."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", compression) as new:
        for name in old.namelist():
            new.writestr(name, records.get(name.rpartition("/")[2], old.read(name)))
    return target


def test_torch_archive_packed_again_is_read(tmp_path):
    torch = pytest.importorskip("torch")
    base = torch.arange(300.0)
    torch.save({"a": base[100:], "b": base[:200].reshape(2, 100).t()}, tmp_path / "a.pt")
    path = rewritten(tmp_path / "a.pt", tmp_path / "b.pt", zipfile.ZIP_DEFLATED)
    spans = by_name(path)
    assert spans["a"].codec == "deflate"
    arrays = read_tensors(path, spans.values())
    assert arrays["a"].tolist() == base[100:].tolist()
    assert arrays["b"].tolist() == base[:200].reshape(2, 100).t().tolist()


def test_torch_byte_order_record_is_obeyed(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"w": torch.ones(2), "b": torch.ones(1, dtype=torch.uint8)}, tmp_path / "a.pt")
    path = rewritten(tmp_path / "a.pt", tmp_path / "b.pt", byteorder=b"big")
    assert {name: span.dtype for name, span in by_name(path).items()} == {"w": ">f4", "b": "U8"}
    path = rewritten(tmp_path / "a.pt", tmp_path / "c.pt", byteorder=b"middle")
    with pytest.raises(FormatError, match="byte order"):
        read_layout(path)


def test_torch_missing_or_short_storage_is_an_error(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"w": torch.ones(2)}, tmp_path / "a.pt")
    path = rewritten(tmp_path / "a.pt", tmp_path / "b.pt", **{"0": b"1234"})
    with pytest.raises(FormatError, match="4 bytes for 2"):
        read_layout(path)
    with zipfile.ZipFile(tmp_path / "a.pt") as old, zipfile.ZipFile(path, "w") as new:
        new.writestr("a/data.pkl", old.read("a/data.pkl"))
    with pytest.raises(FormatError, match="not there"):
        read_layout(path)


ARRAYS = {
    "a": np.ones((2, 3)),
    "f": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "big": np.arange(3, dtype=">f4"),
    "text": np.array(["ab", "c"]),
    "date": np.array(["2020-01-01"], "M8[D]"),
    "zero": np.float32(3),
    "none": np.zeros((0, 4), np.int8),
    "record": np.zeros(2, [("a", "<f4"), ("b", "u1", (2,))]),
    "x/y": np.array([True, False]),
}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_stored_and_deflated(tmp_path, save):
    path = tmp_path / "a.npz"
    save(path, **ARRAYS)
    layout = read_layout(path)
    assert layout.format == "npz" and [s.name for s in layout.spans] == list(ARRAYS)
    assert any("raw bytes" in note for note in layout.notes)
    arrays = read_tensors(path, layout.spans)
    for name, array in ARRAYS.items():
        assert arrays[name].shape == np.shape(array)
        assert arrays[name].tobytes() == np.asarray(array).tobytes(), name
        if name != "record":
            assert arrays[name].dtype == np.asarray(array).dtype, name


@pytest.mark.parametrize("name", list(ARRAYS))
def test_npy_alone(tmp_path, name):
    path = tmp_path / "a.npy"
    np.save(path, ARRAYS[name])
    layout = read_layout(path)
    assert layout.format == "npy"
    assert read_tensor(path, layout.spans[0]).tobytes() == np.asarray(ARRAYS[name]).tobytes()
    with path.open("ab") as file:
        file.write(b"more")
    assert "4 bytes follow the array" in read_layout(path).notes


def test_npy_of_objects_is_refused(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.array([{}], object), allow_pickle=True)
    with pytest.raises(FormatError) as caught:
        read_layout(path)
    assert caught.value.reason == "bad_dtype"


def test_index_names_its_members_and_the_missing_ones(tmp_path):
    path = tmp_path / "model.safetensors.index.json"
    safetensors.save_file({"a": np.ones(2)}, tmp_path / "1.safetensors")
    files = {"a": "1.safetensors", "b": "2.safetensors"}
    path.write_text(json.dumps({"metadata": {"total_size": 16}, "weight_map": files}, indent=2))
    layout = read_layout(path)
    assert layout.format == "index" and layout.members == ("1.safetensors", "2.safetensors")
    assert layout.metadata == {"total_size": "16", "tensors": "2"}
    assert layout.notes == ("the member '2.safetensors' is missing",)


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "a/../../b", "a\\b", "", "C:/a", "a\0"])
def test_index_names_may_not_leave_the_folder(tmp_path, name):
    path = tmp_path / "index.json"
    path.write_text(json.dumps({"weight_map": {"w": name}}))
    with pytest.raises(FormatError, match="leaves its folder"):
        read_layout(path)


@pytest.mark.parametrize(
    "content", [b"", b"x", b"{}", b'{"a": 1}', b"hello, {world}", b"\x89PNG\r\n\x1a\n" + b"0" * 90]
)
def test_other_files_are_plain(tmp_path, content):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    layout = read_layout(path)
    assert (layout.format, layout.spans, layout.notes) == ("plain", (), ())
    assert read_layout(path.rename(tmp_path / "a.safetensors")).notes != ()


def test_what_cannot_be_opened_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_layout(tmp_path / "absent")
    with pytest.raises(IsADirectoryError):
        read_layout(tmp_path)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(OSError, match="symbolic links"):
        read_layout(loop)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FormatError, match="not a regular file"):
        read_layout(tmp_path / "pipe")


def test_reading_executes_nothing(tmp_path):
    """A checkpoint that would run a command when unpickled is listed, and the command named."""
    torch = pytest.importorskip("torch")

    class Attack:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path}/ran",)

    torch.save({"w": torch.ones(2), "x": Attack()}, tmp_path / "a.pt")
    layout = read_layout(tmp_path / "a.pt")
    assert [span.name for span in layout.spans] == ["w"]
    assert any(note.startswith("posix.system is not known") for note in layout.notes)
    assert not (tmp_path / "ran").exists()


def test_reading_a_layout_imports_neither_zipfile_nor_torch():
    program = (
        "import sys; import numpy, ml_dtypes; before = set(sys.modules)\n"
        "import franken.serialization.formats.layout\n"
        "print([m for m in ('torch', 'zipfile') if m in set(sys.modules) - before])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
