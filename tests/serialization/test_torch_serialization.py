"""torch.serialization beside saving and loading: places, byte order, mapping, settings, targets."""

from __future__ import annotations

import collections
import gzip
import io
import mmap
import os
import pickle
import random
import stat
import struct
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import franken
from franken.serialization.errors import FormatError

LIBRARIES = (franken, torch)
face = franken.serialization


def saved(library: Any, value: Any, **options: Any) -> io.BytesIO:
    buffer = io.BytesIO()
    library.save(value, buffer, **options)
    buffer.seek(0)
    return buffer


def both(call: Any) -> None:
    """The call gives the same, or the same error, with both libraries."""
    outcomes = []
    for library in LIBRARIES:
        try:
            outcomes.append(call(library))
        except Exception as error:
            outcomes.append((str(error), isinstance(error, (RuntimeError, ValueError))))
    assert outcomes[0] == outcomes[1]


def test_every_public_name_is_there() -> None:
    assert set(torch.serialization.__all__) <= set(dir(face))
    for name in torch.serialization.__all__:
        assert callable(getattr(face, name))
    with pytest.raises(AttributeError, match="module 'torch.serialization' has no attribute 'sav'"):
        face.sav  # noqa: B018
    assert franken.save is face.save and franken.load is face.load
    from franken.serialization import add_safe_globals  # as programs write it

    assert add_safe_globals is face.add_safe_globals


# --- places --------------------------------------------------------------------------------------

LOCATIONS = """
"cpu"
T.device("cpu")
{"cuda:0": "cpu"}
{"cpu": "cpu"}
{"cpu": "nowhere"}
"nowhere"
"cuda"
"cuda:1"
3
lambda storage, tag: None
lambda storage, tag: storage
lambda storage, tag: (_ for _ in ()).throw(RuntimeError(tag))
"""


@pytest.mark.skipif(franken.cuda.is_available(), reason="the errors are those without a GPU")
@pytest.mark.parametrize("source", LOCATIONS.split("\n")[1:-1])
@pytest.mark.parametrize("zipped", [True, False])
def test_map_location(source: str, zipped: bool) -> None:
    def call(library: Any) -> Any:
        data = saved(library, [library.ones(2)], _use_new_zipfile_serialization=zipped)
        return library.load(data, map_location=eval(source, {"T": library}))[0].tolist()

    both(call)


def test_map_location_is_asked_once_a_storage() -> None:
    for library in LIBRARIES:
        base = library.arange(4.0)
        calls: list[Any] = []

        def place(storage: Any, tag: str, calls: list[Any] = calls) -> Any:
            calls.append((type(storage).__name__, storage.nbytes(), tag))
            return storage.clone()

        got = library.load(saved(library, [base, base[1:], library.ones(2)]), map_location=place)
        assert calls == [("UntypedStorage", 16, "cpu"), ("UntypedStorage", 8, "cpu")]
        got[0][1] = 9.0
        assert got[1][0] == 9.0


def test_tags_of_other_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    from franken.faces.checkpoints import places

    monkeypatch.setattr(places, "_packages", [*places._packages])
    seen: list[Any] = []

    def restore(storage: Any, tag: str) -> Any:
        seen.append(tag)
        return storage if tag == "shelf" else None

    face.register_package(5, lambda storage: "shelf", restore)
    assert face.location_tag(franken.ones(1).untyped_storage()) == "shelf"
    data = saved(franken, franken.ones(2))
    assert b"shelf" in data.getvalue()
    assert franken.load(data).tolist() == [1.0, 1.0] and seen == ["shelf"]


@pytest.mark.filterwarnings("ignore:TypedStorage")
def test_tags() -> None:
    for library in LIBRARIES:
        storage = library.ones(1).untyped_storage()
        assert library.serialization.location_tag(storage) == "cpu"
        assert library.serialization.location_tag(library.ones(1)._typed_storage()) == "cpu"
        assert library.serialization.default_restore_location(storage, "cpu") is storage
        with pytest.raises(RuntimeError, match="^don't know how to restore data location of torch"):
            library.serialization.default_restore_location(storage, "nowhere")
        elsewhere = SimpleNamespace(device=SimpleNamespace(type="shelf", index=None))
        with pytest.raises(RuntimeError, match="^don't know how to determine data location of"):
            library.serialization.location_tag(elsewhere)
        with pytest.raises(RuntimeError, match="^The HPU device module is not registered"):
            library.serialization.validate_hpu_device("hpu")
    if not franken.cuda.is_available():
        both(lambda library: library.serialization.validate_cuda_device("cuda:0"))


# --- settings ------------------------------------------------------------------------------------


def test_settings() -> None:
    for library in LIBRARIES:
        own = library.serialization
        assert own.get_default_load_endianness() is None and own.get_crc32_options() is True
        assert own.get_default_mmap_options() == mmap.MAP_PRIVATE
        with own.set_default_mmap_options(mmap.MAP_SHARED):
            assert own.get_default_mmap_options() == mmap.MAP_SHARED
        assert own.get_default_mmap_options() == mmap.MAP_PRIVATE
        assert [each.name for each in own.LoadEndianness] == ["NATIVE", "LITTLE", "BIG"]
    both(lambda library: library.serialization.set_default_load_endianness(3))
    both(lambda library: library.serialization.set_default_mmap_options(9))
    both(lambda library: str(library.serialization.StorageType("FloatStorage")))
    both(lambda library: library.serialization.StorageType("X").dtype)
    both(lambda library: repr(library.serialization.normalize_storage_type(library.IntStorage)))


def test_the_configuration() -> None:
    from torch.utils.serialization import config as theirs

    from franken.utils.serialization import config

    for each in (config, theirs):
        assert each.load.mmap is False and each.save.storage_alignment == 64
        with pytest.raises(AttributeError, match=r"serialization\.config\.nothing does not exist"):
            each.nothing  # noqa: B018
    with config.patch("save.storage_alignment", 256):
        data = saved(franken, franken.ones(3))
        with zipfile.ZipFile(data) as archive:
            offset = archive.getinfo("archive/data/0").header_offset
            assert archive.read("archive/.storage_alignment") == b"256"
        header = data.getvalue()[offset : offset + 30]
        begin = offset + 30 + sum(struct.unpack("<2H", header[26:]))
        assert begin % 256 == 0
        data.seek(0)
        assert torch.load(data).tolist() == [1.0] * 3
    with pytest.raises(AttributeError, match="does not exist"):
        config.load.nothing = 1


@pytest.mark.parametrize("version", ["1.2", "1.1.9", "0.5", "1.x", "1"])
@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.filterwarnings("ignore:'m' module version")
def test_versions_of_modules(version: str, strict: bool) -> None:
    module = SimpleNamespace(__version__=version, __name__="m")
    both(
        lambda library: library.serialization.check_module_version_greater_or_equal(
            module, (1, 2), strict
        )
    )


def test_checksums_can_be_left_out() -> None:
    for library in LIBRARIES:
        library.serialization.set_crc32_options(False)
        try:
            data = saved(library, library.ones(2))
        finally:
            library.serialization.set_crc32_options(True)
        with zipfile.ZipFile(data) as archive:
            assert {info.CRC for info in archive.infolist()} == {0}
        for other in LIBRARIES:
            data.seek(0)
            assert other.load(data).tolist() == [1.0, 1.0]


def test_data_that_is_skipped() -> None:
    for library in LIBRARIES:
        with library.serialization.skip_data():
            data = saved(library, library.ones(3))
            with pytest.raises(RuntimeError, match="^Cannot use skip_data=True with _use_new"):
                library.save(library.ones(1), io.BytesIO(), _use_new_zipfile_serialization=False)
        with zipfile.ZipFile(data) as archive:
            info = archive.getinfo("archive/data/0")
            assert info.CRC == 0 and info.file_size == 12
        for other in LIBRARIES:
            data.seek(0)
            assert other.load(data).tolist() == [0.0] * 3
    whole = saved(franken, franken.ones(3))
    with face.skip_data():
        assert franken.load(whole).shape == (3,)


@pytest.mark.parametrize("dtype", ["int16", "float32", "float64", "complex64", "uint8"])
def test_big_endian_files(dtype: str, tmp_path: Path) -> None:
    t = torch.arange(6).to(getattr(torch, dtype))
    size = t.element_size() // (2 if t.is_complex() else 1)
    raw = t.untyped_storage()
    swapped = b"".join(
        bytes(raw.tolist()[i : i + size])[::-1] for i in range(0, raw.nbytes(), size)
    )
    source = zipfile.ZipFile(saved(torch, t))
    for record in ("byteorder", None):
        with zipfile.ZipFile(tmp_path / "a", "w") as archive:
            for name in ("data.pkl", "version"):
                archive.writestr(f"a/{name}", source.read(f"archive/{name}"))
            archive.writestr("a/data/0", swapped)
            if record:
                archive.writestr("a/byteorder", "big")
        for library in LIBRARIES:
            own = library.serialization
            own.set_default_load_endianness(None if record else own.LoadEndianness.BIG)
            try:
                assert library.load(tmp_path / "a").tolist() == t.tolist()
            finally:
                own.set_default_load_endianness(None)


# --- mapping -------------------------------------------------------------------------------------


def test_mapping(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    for library in LIBRARIES:
        library.save({"w": library.arange(4.0)}, path)
        before = path.read_bytes()
        got = library.load(path, mmap=True)["w"]
        got[0] = 77.0
        assert path.read_bytes() == before and got.tolist() == [77.0, 1.0, 2.0, 3.0]
        with library.serialization.set_default_mmap_options(mmap.MAP_SHARED):
            library.load(path, mmap=True)["w"][0] = 99.0
        assert library.load(path)["w"][0] == 99.0 if library is torch else True
    both(lambda library: library.load(io.BytesIO(before), mmap=True))
    franken.save(franken.ones(1), path, _use_new_zipfile_serialization=False)
    both(lambda library: library.load(str(path), mmap=True))


# --- targets and sources -------------------------------------------------------------------------


def test_errors_of_targets(tmp_path: Path) -> None:
    both(lambda library: library.save(1, 3))
    both(lambda library: library.save(1, SimpleNamespace(write=3)))
    both(lambda library: library.save(1, str(tmp_path / "none" / "a.pt")))
    both(lambda library: library.load(3))
    both(lambda library: library.load(str(tmp_path / "none")))
    both(lambda library: library.load(SimpleNamespace(read=lambda: b"")))


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    franken.save([1], path)
    before = path.read_bytes()
    for options in ({}, {"_use_new_zipfile_serialization": False}):
        with pytest.raises((pickle.PicklingError, AttributeError)):
            franken.save([franken.ones(2), lambda: 0], path, **options)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["a.pt"]


def test_a_device_stays_a_device() -> None:
    franken.save(franken.ones(2), "/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_names_in_the_archive(tmp_path: Path) -> None:
    for name, root in (("m.pt", "m"), ("m.a.pt", "m.a"), ("m", "m")):
        franken.save([franken.ones(1)], tmp_path / name)
        with zipfile.ZipFile(tmp_path / name) as archive:
            ours = archive.namelist()
        torch.save([torch.ones(1)], tmp_path / name)
        with zipfile.ZipFile(tmp_path / name) as archive:
            assert ours == archive.namelist(), root
        franken.save([franken.ones(1)], tmp_path / name)
        assert torch.load(tmp_path / name)[0].tolist() == [1.0]
    franken.save([franken.ones(1)], tmp_path / "gr\u00f6\u00dfe.pt")
    assert torch.load(tmp_path / "gr\u00f6\u00dfe.pt")[0].tolist() == [1.0]


def test_file_objects(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.gz", "wb") as file:
        franken.save(franken.ones(2), file)
    with gzip.open(tmp_path / "a.gz", "rb") as file:
        assert franken.load(file).tolist() == [1.0, 1.0]
    buffer = io.BytesIO(b"12345678")
    buffer.seek(8)
    franken.save([1, 2], buffer)
    buffer.seek(8)
    assert franken.load(buffer) == [1, 2]
    several = io.BytesIO()
    for i in range(3):
        franken.save([i, franken.ones(i)], several, _use_new_zipfile_serialization=False)
    several.seek(0)
    assert [franken.load(several)[0] for _ in range(3)] == [0, 1, 2]
    with open(tmp_path / "b", "wb") as raw:
        franken.save({"w": franken.ones(2)}, raw)
    with open(tmp_path / "b", "rb") as raw:
        assert franken.load(raw)["w"].tolist() == [1.0, 1.0]


class Writes:
    """A file object that can only be written to."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: Any) -> int:
        self.data += bytes(data)
        return len(data)


def test_targets_need_no_more_than_write() -> None:
    target = Writes()
    franken.save(franken.ones(2), target)
    assert torch.load(io.BytesIO(target.data)).tolist() == [1.0, 1.0]


class Upper(pickle._Pickler):  # type: ignore[name-defined,misc]
    """A pickler of another pickle module, written in Python."""


class Lower(pickle.Pickler):
    """And one written in C."""


@pytest.mark.parametrize("pickler", [Upper, Lower])
def test_other_pickle_modules(pickler: Any) -> None:
    module = SimpleNamespace(
        Pickler=pickler, Unpickler=pickle.Unpickler, dump=pickle.dump, __name__="other"
    )
    value = {"w": franken.ones(2), "m": franken.nn.ReLU()}
    for zipped in (True, False):
        data = saved(franken, value, pickle_module=module, _use_new_zipfile_serialization=zipped)
        got = franken.load(data, pickle_module=module, weights_only=False)
        assert got["w"].tolist() == [1.0, 1.0] and type(got["m"]) is franken.nn.ReLU


def test_text_of_python_2() -> None:
    body = b"\x80\x02}U\x01\xe9K\x01s."
    head = b"".join(pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {}))
    data = head + body + pickle.dumps([], 2)
    for options, want in (
        ({"encoding": "latin1"}, {"\xe9": 1}),
        ({"encoding": "bytes"}, {b"\xe9": 1}),
    ):
        for weights_only in (True, False):
            for library in LIBRARIES:
                if library is torch and weights_only:
                    continue
                got = library.load(io.BytesIO(data), weights_only=weights_only, **options)
                assert got == want


def test_long_texts_and_lists() -> None:
    value = {"text": "x" * 2_000_000, "numbers": list(range(200_000)), "bytes": b"y" * 2_000_000}
    data = saved(franken, value)
    assert franken.load(data) == value


# --- the format before ----------------------------------------------------------------------------


class Changed(franken.nn.Module):
    """A module whose source is another one in the file."""


def test_a_changed_source_is_warned_of() -> None:
    data = saved(franken, Changed(), _use_new_zipfile_serialization=False).getvalue()
    assert b"whose source is another one" in data
    assert type(franken.load(io.BytesIO(data), weights_only=False)) is Changed
    other = data.replace(b"another one in the file", b"no longer the same here")
    with pytest.warns(face.SourceChangeWarning, match=r"^source code of class '.*Changed' has cha"):
        franken.load(io.BytesIO(other), weights_only=False)


@pytest.mark.parametrize("weights_only", [True, False])
def test_heads_of_the_format_before(weights_only: bool) -> None:
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
    for data in (pickle.dumps({1: 2}, 2), magic + pickle.dumps(5, 2)):
        both(lambda library, d=data: library.load(io.BytesIO(d), weights_only=weights_only))
    with pytest.raises(EOFError):
        franken.load(io.BytesIO(b""), weights_only=weights_only)


# --- damage ---------------------------------------------------------------------------------------

VALUE: dict[str, Any] = {
    "small": [franken.Size([1, 2]), franken.float16, franken.device("cpu"), franken.strided, 1j],
    "odd": [franken.ones(2, dtype=franken.uint16), franken.ones(2).untyped_storage(), b"\xff"],
    "dicts": [collections.Counter("aab"), franken.nn.Linear(2, 2).state_dict()],
    "model": {"w": franken.arange(40.0).reshape(5, 8), "b": franken.zeros(5)},
    "opt": [{"lr": 0.1, "betas": (0.9, 0.99)}, franken.nn.Parameter(franken.ones(3)), {1, 2}],
    "view": franken.arange(6)[2:4],
}


def damaged(whole: bytes, seed: int) -> bytes:
    """The file with bytes flipped, cut out, doubled or overwritten."""
    rng = random.Random(seed)
    data = bytearray(whole)
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(len(data))
        kind = rng.randrange(4)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del data[at : at + rng.randrange(1, 40)]
        elif kind == 2:
            data[at:at] = data[at : at + rng.randrange(1, 40)]
        else:
            data[at : at + 8] = rng.choice([b"\xff" * 8, b"\x00" * 8, rng.randbytes(8)])
    return bytes(data)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("crc", [True, False])
def test_damaged_files_end_in_typed_errors(zipped: bool, crc: bool) -> None:
    face.set_crc32_options(crc)
    try:
        whole = saved(franken, VALUE, _use_new_zipfile_serialization=zipped).getvalue()
    finally:
        face.set_crc32_options(True)
    refused = 0
    for seed in range(300):
        try:
            franken.load(io.BytesIO(damaged(whole, seed)))
        except (FormatError, pickle.UnpicklingError, EOFError) as error:
            assert str(error)
            refused += 1
        except RuntimeError as error:  # a place that there is not
            assert str(error).startswith("don't know how to restore data location")
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("first", range(0, 1200, 400))
def test_damaged_pickles_end_in_typed_errors(first: int) -> None:
    source = zipfile.ZipFile(saved(franken, VALUE))
    for seed in range(first, first + 400):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name in source.namelist():
                data = source.read(name)
                archive.writestr(name, damaged(data, seed) if name[-3:] == "pkl" else data)
        buffer.seek(0)
        try:
            franken.load(buffer)
        except (FormatError, pickle.UnpicklingError) as error:
            assert str(error)
        except RuntimeError as error:  # a place that there is not
            assert str(error).startswith("don't know how to restore data location")


def test_a_file_that_promises_more_than_it_has() -> None:
    whole = saved(franken, franken.arange(4.0), _use_new_zipfile_serialization=False).getvalue()
    size = b"K\x04N"  # four elements, and no view
    assert whole.count(size) == 1
    huge = whole.replace(size, b"\x8a\x06\xff\xff\xff\xff\xff\x00N")
    for weights_only in (True, False):
        with pytest.raises(FormatError, match="elements of torch.float32"):
            franken.load(io.BytesIO(huge), weights_only=weights_only)
    assert sys.getsizeof(whole) < 2000
