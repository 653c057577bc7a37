"""Every tensor that save takes comes back equal: parts of complex numbers, views of all kinds."""

from __future__ import annotations

import io
import pathlib
from typing import Any

import numpy as np
import pytest

import franken
from franken.serialization import tensors

COMPLEX = ("complex64", "complex128")
NUMBERS = (*COMPLEX, "float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8", "bool")


KINDS = [name for name, each in franken.core.dtypes.ALL.items() if each.np is not None]


@pytest.mark.parametrize("name", KINDS)
def test_every_dtype_with_elements(name: str, tmp_path: pathlib.Path) -> None:
    base = franken.arange(6).to(getattr(franken, name)).reshape(2, 3)
    franken.save([base, base.T], tmp_path / "a")
    for mmap in (False, True):
        got, turned = franken.load(tmp_path / "a", mmap=mmap)
        assert got.dtype is base.dtype
        assert got.view(franken.uint8).tolist() == base.view(franken.uint8).tolist()
        assert turned.stride() == (1, 3) and turned.data_ptr() == got.data_ptr()


def numbers(name: str) -> Any:
    """Twenty-four elements that differ (as far as the dtype lets them) in a (2, 3, 4)."""
    t = franken.arange(24).reshape(2, 3, 4)
    if name in COMPLEX:
        return (t + 1j * (t + 100)).to(getattr(franken, name))
    return (t % 2 if name == "bool" else t).to(getattr(franken, name))


VIEWS = {
    "whole": lambda t: t,
    "transposed": lambda t: t.transpose(0, 2),
    "permuted": lambda t: t.permute(1, 2, 0),
    "sliced": lambda t: t[1:, ::2, 1:3],
    "offset": lambda t: t[1, 2],
    "scalar": lambda t: t[1, 2, 3],
    "expanded": lambda t: t[:, :1].expand(2, 5, 4),
    "expanded_new": lambda t: t[0, 0].expand(3, 4),
    "empty": lambda t: t[:, 3:],
    "empty_strided": lambda t: t.transpose(0, 1)[1:1],
    "unfolded": lambda t: t.unfold(2, 3, 1),
    "diagonal": lambda t: t.diagonal(0, 1, 2),
    "channels_last": lambda t: t[None].contiguous(memory_format=franken.channels_last),
    "reshaped": lambda t: t.transpose(0, 1).reshape(-1),
    "as_strided": lambda t: t.as_strided((3, 3), (1, 2), 5),
    "flipped": lambda t: t.flip(0),
    "detached": lambda t: t.detach(),
}
PARTS = {
    "real": lambda t: t.real,
    "imag": lambda t: t.imag,
    "view_as_real": lambda t: franken.view_as_real(t),
    "conj": lambda t: t.conj(),
    "conj_imag": lambda t: t.conj().imag,
    "fft_real": lambda t: franken.fft.fft(t).real,
    "transposed_real": lambda t: t.real.transpose(0, 1),
    "offset_imag": lambda t: t[1, 1:].imag,
}


def same(got: Any, want: Any) -> None:
    assert got.dtype is want.dtype and got.shape == want.shape
    assert got.__class__ is want.__class__
    assert got.tolist() == want.tolist()
    assert got.requires_grad == want.requires_grad and got.is_leaf


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize("name", NUMBERS)
def test_views(name: str, mmap: bool, tmp_path: pathlib.Path) -> None:
    made = {key: view(numbers(name)) for key, view in VIEWS.items()}
    if name in COMPLEX:
        made.update({key: part(numbers(name)) for key, part in PARTS.items()})
    for key, t in made.items():
        franken.save(t, tmp_path / key)
        got = franken.load(tmp_path / key, mmap=mmap)
        same(got, t)
        if t.numel():
            assert got.stride() == t.stride(), key
    franken.save(made, tmp_path / "all")
    for key, got in franken.load(tmp_path / "all", mmap=mmap).items():
        same(got, made[key])


WIDTHS = {"uint8": 1, "bfloat16": 2, "float16": 2, "int32": 4, "float32": 4, "float64": 8,
          "complex64": 8, "complex128": 16}  # fmt: skip


@pytest.mark.parametrize("old", WIDTHS)
def test_one_memory_under_several_dtypes_stays_one(old: str, tmp_path: pathlib.Path) -> None:
    base = franken.ones(16, dtype=getattr(franken, old))
    views = {new: base.view(getattr(franken, new)) for new in WIDTHS}
    views["later"] = base[8:].view(franken.uint8)[4:]
    for mmap in (False, True):
        for first in (old, "uint8", "complex128"):
            order = {first: views[first], **views}
            tensors.save(order, tmp_path / "a")
            got = tensors.load(tmp_path / "a", mmap=mmap)
            for key, t in order.items():
                assert got[key].dtype is t.dtype
                bits = got[key].view(franken.uint8).tolist()
                assert bits == t.view(franken.uint8).tolist(), key
            assert len({got[key].data_ptr() for key in WIDTHS}) == 1
            assert got["later"].data_ptr() - got[old].data_ptr() == 8 * WIDTHS[old] + 4


def test_real_and_imaginary_part_share_their_number(tmp_path: pathlib.Path) -> None:
    z = franken.tensor([1 + 2j, 3 + 4j])
    tensors.save({"im": z.imag, "z": z, "re": z.real}, tmp_path / "a")
    got = tensors.load(tmp_path / "a")
    got["im"].fill_(9.0)
    assert got["z"].tolist() == [1 + 9j, 3 + 9j] and got["re"].tolist() == [1.0, 3.0]


@pytest.mark.parametrize("view", [lambda t: t.real, lambda t: franken.view_as_real(t).view(-1),
                                  lambda t: t.view(franken.uint8)])  # fmt: skip
def test_one_memory_under_several_dtypes_is_refused_in_torch_s_format(view: Any) -> None:
    z = franken.tensor([1 + 2j, 3 + 4j])
    for zipped in (True, False):
        with pytest.raises(RuntimeError, match="^Cannot save multiple tensors or storages that"):
            franken.save([z, view(z)], io.BytesIO(), _use_new_zipfile_serialization=zipped)


def test_grad_flags_as_in_torch(tmp_path: pathlib.Path) -> None:
    w = franken.nn.Parameter(franken.arange(4.0))
    made = {"w": w, "result": w * 2, "part": w[1:], "free": (w * 2).detach(), "data": w.data}
    franken.save(made, tmp_path / "a")
    got = franken.load(tmp_path / "a")
    for key, t in made.items():
        same(got[key], t)


def test_truth_values_of_other_bytes(tmp_path: pathlib.Path) -> None:
    bytes_ = franken.tensor([0, 1, 2, 255], dtype=franken.uint8)
    truths = franken.tensor([False, True])
    truths.view(franken.uint8)[0] = 7
    for t in (bytes_.view(franken.bool), truths, truths.view(franken.uint8)):
        tensors.save({"t": t, "bytes": bytes_}, tmp_path / "a")
        got = tensors.load(tmp_path / "a")
        assert got["t"].dtype is t.dtype and got["t"].tolist() == t.tolist()
        assert got["bytes"].tolist() == [0, 1, 2, 255]


def test_bytes_above_one_are_true(tmp_path: pathlib.Path) -> None:
    odd = franken.tensor([0, 1, 2, 255], dtype=franken.uint8).view(franken.bool)
    franken.save(odd, tmp_path / "a")
    for mmap in (False, True):
        got = franken.load(tmp_path / "a", mmap=mmap)
        assert got.tolist() == [False, True, True, True]
        assert got.view(franken.uint8).tolist() == [0, 1, 1, 1]


def test_arrays_of_other_libraries(tmp_path: pathlib.Path) -> None:
    record = np.zeros(4, np.dtype([("a", "f4"), ("b", "f4")]))
    record["b"] = range(4)
    raw = bytearray(np.arange(5, dtype=np.float32).tobytes())
    made = [
        franken.from_numpy(record["b"]),
        franken.from_numpy(np.arange(12.0).reshape(3, 4)[:, ::2]),
        franken.from_numpy(np.asfortranarray(np.arange(12.0).reshape(3, 4))),
        franken.from_numpy(np.ma.masked_array(np.arange(3.0)).data),
        franken.frombuffer(raw, dtype=franken.float32),
        franken.frombuffer(raw, dtype=franken.float32, offset=4, count=2),
    ]
    franken.save(made, tmp_path / "a")
    for got, t in zip(franken.load(tmp_path / "a"), made, strict=True):
        same(got, t)


def test_safetensors_takes_the_same_tensors(tmp_path: pathlib.Path) -> None:
    made = {key: view(numbers("complex64")) for key, view in {**VIEWS, **PARTS}.items()}
    tensors.save(made, tmp_path / "a.safetensors")
    for key, got in franken.load(tmp_path / "a.safetensors").items():
        same(got, made[key])
