"""franken.load of files that torch wrote: the same values, types, sharing and refusals."""

from __future__ import annotations

import io
import pathlib
import pickle
import zipfile
from collections import Counter, OrderedDict, defaultdict
from typing import Any

import pytest
import torch

import franken
from franken.serialization.errors import FormatError


def translated(value: Any, path: pathlib.Path, **options: Any) -> Any:
    torch.save(value, path)
    return franken.load(path, **options)


def same(got: Any, want: torch.Tensor) -> None:
    assert type(got).__name__ == type(want).__name__
    assert str(got.dtype) == str(want.dtype) and tuple(got.shape) == tuple(want.shape)
    assert got.tolist() == want.tolist() and got.requires_grad == want.requires_grad
    if want.numel():
        assert got.stride() == want.stride()


DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32,
          torch.int16, torch.int8, torch.uint8, torch.bool, torch.complex64, torch.complex128,
          torch.uint16, torch.uint32, torch.uint64, torch.float8_e4m3fn,
          torch.float8_e5m2]  # fmt: skip
VIEWS = {
    "whole": lambda t: t,
    "transposed": lambda t: t.T,
    "sliced": lambda t: t[1:, ::2],
    "scalar": lambda t: t[1, 2],
    "empty": lambda t: t[:, 4:],
    "expanded": lambda t: t[:1].expand(3, 4),
}


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_tensors(dtype: torch.dtype, mmap: bool, tmp_path: pathlib.Path) -> None:
    whole = torch.arange(12).reshape(3, 4).to(dtype)
    made = {key: view(whole) for key, view in VIEWS.items()}
    got = translated(made, tmp_path / "a", mmap=mmap)
    assert list(got) == list(made)
    for key, want in made.items():
        same(got[key], want)
    if dtype is torch.float32:
        got["whole"][1, 2] = 77.0  # the memory is writable, and shared as it was
        assert got["transposed"][2, 1].item() == got["scalar"].item() == 77.0
        assert torch.load(tmp_path / "a")["whole"][1, 2] == 6.0


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128], ids=str)
def test_parts_of_complex_numbers(dtype: torch.dtype, tmp_path: pathlib.Path) -> None:
    z = (torch.arange(12) * (1 - 2j)).to(dtype).reshape(3, 4)
    for want in (z.real, z.imag, z.T.imag[1:], torch.view_as_real(z)):
        same(translated(want, tmp_path / "a"), want)
    for flagged in (z.conj(), z.conj().imag, z.conj().T):
        assert translated(flagged, tmp_path / "a").tolist() == flagged.tolist()


def test_a_state_dict_and_an_optimizer(tmp_path: pathlib.Path) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    opt = torch.optim.Adam(model.parameters())
    model(torch.ones(2, 3)).sum().backward()
    opt.step()
    got = translated({"model": model.state_dict(), "opt": opt.state_dict()}, tmp_path / "a.pt")
    assert type(got["model"]) is OrderedDict
    assert got["model"]._metadata == model.state_dict()._metadata
    ours = franken.nn.Sequential(franken.nn.Linear(3, 4), franken.nn.BatchNorm1d(4))
    ours.load_state_dict(got["model"])
    opt2 = franken.optim.Adam(ours.parameters())
    opt2.load_state_dict(got["opt"])
    for key, want in model.state_dict().items():
        assert ours.state_dict()[key].tolist() == want.tolist()
    assert opt2.state_dict()["state"][0]["step"].item() == 1.0


def test_plain_values(tmp_path: pathlib.Path) -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    value = {
        "list": [1, 2.5, None, "text", b"bytes", True, 1 + 2j, float("inf"), 10**30, -5],
        3: (1, ("a", 2)), "set": {1, 2}, "counter": Counter("aab"), "bytes": bytearray(b"x"),
        "ordered": OrderedDict(a=1, b=OrderedDict(c=2)),
    }  # fmt: skip
    assert translated(value, tmp_path / "a") == value
    got = translated(
        [torch.Size([1, 2]), torch.float16, torch.device("cpu"), torch.strided], tmp_path / "a"
    )
    assert got == [franken.Size([1, 2]), franken.float16, franken.device("cpu"), franken.strided]
    assert type(got[0]) is franken.Size
    again = translated(loop, tmp_path / "a")
    assert again[0] == 1 and again[1] is again
    shared = ["x"]
    one, two = translated([shared, shared], tmp_path / "a")
    assert one is two


def test_parameters_attributes_and_storages(tmp_path: pathlib.Path) -> None:
    w = torch.nn.Parameter(torch.ones(2))
    frozen = torch.nn.Parameter(torch.ones(2), requires_grad=False)
    named = torch.ones(2)
    named.note = "kept"
    w.note = 3
    made = [w, frozen, named, torch.ones(2, requires_grad=True), w * 2]
    got = translated(made, tmp_path / "a")
    for ours, want in zip(got, made, strict=True):
        same(ours, want)
    assert got[0].note == 3 and got[2].note == "kept"
    storage = translated(torch.arange(3).untyped_storage(), tmp_path / "a")
    assert storage.tolist()[:16:8] == [0, 1] and storage.nbytes() == 24


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_file_objects_and_protocols(protocol: int) -> None:
    buffer = io.BytesIO()
    torch.save({"w": torch.ones(2), "s": {1}}, buffer, pickle_protocol=protocol)
    buffer.seek(0)
    got = franken.load(buffer, map_location="cpu", weights_only=True)
    assert got["w"].tolist() == [1.0, 1.0] and got["s"] == {1}


class Unknown:
    pass


@pytest.mark.parametrize(
    "value", [Unknown(), torch.nn.Linear(1, 1), [defaultdict(list)], slice(1), {"f": print}]
)
def test_what_is_no_data_is_refused_as_in_torch(value: Any, tmp_path: pathlib.Path) -> None:
    torch.save(value, tmp_path / "a")
    with pytest.raises(pickle.UnpicklingError, match="^Weights only load failed"):
        torch.load(tmp_path / "a")
    with pytest.raises(pickle.UnpicklingError, match="^Weights only load failed") as caught:
        franken.load(tmp_path / "a")
    assert isinstance(caught.value, FormatError)


def test_cut_and_changed_files_end_in_format_errors(tmp_path: pathlib.Path) -> None:
    torch.save({"w": torch.arange(9.0), "n": [1, (2, "x")]}, tmp_path / "a")
    whole = (tmp_path / "a").read_bytes()
    for k in range(0, len(whole), 7):
        with pytest.raises(FormatError):
            franken.load(io.BytesIO(whole[: max(k, 4)]))
        changed = bytearray(whole)
        changed[k] ^= 0x55
        try:
            franken.load(io.BytesIO(bytes(changed)))
        except FormatError:
            continue
    with zipfile.ZipFile(tmp_path / "b", "w") as archive:
        archive.writestr("readme", "no checkpoint")
    with pytest.raises(FormatError, match="not torch's"):
        franken.load(tmp_path / "b")
