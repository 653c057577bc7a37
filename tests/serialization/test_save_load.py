"""franken.save and franken.load: nesting, sharing, optimizers, places, damage."""

from __future__ import annotations

import io
import pathlib
import pickle
from collections import Counter, OrderedDict
from typing import Any

import numpy as np
import pytest

import franken
from franken.serialization import tensors
from franken.serialization.errors import FormatError


def there_and_back(value: Any, path: pathlib.Path, **options: Any) -> Any:
    franken.save(value, path)
    return franken.load(path, **options)


DTYPES = ["float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8",
          "bool", "complex64", "complex128"]  # fmt: skip


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("mmap", [False, True])
def test_dtypes(name: str, mmap: bool, tmp_path: pathlib.Path) -> None:
    for t in (
        franken.arange(6).reshape(2, 3).to(getattr(franken, name)),
        franken.zeros((0, 4), dtype=getattr(franken, name)),
        franken.ones((), dtype=getattr(franken, name)),
    ):
        got = there_and_back({"t": t}, tmp_path / "a.pt", mmap=mmap)["t"]
        assert got.dtype is t.dtype and got.shape == t.shape
        assert got.tolist() == t.tolist()
        got += got  # the memory is writable


def test_nesting(tmp_path: pathlib.Path) -> None:
    value = {
        "list": [1, 2.5, None, "text", b"bytes", True, 1 + 2j, float("inf")],
        3: (franken.Size([1, 2]), franken.float16, franken.device("cpu")),
        "ordered": OrderedDict(a=1, b=2),
        "counter": Counter({3: 2}),
        "set": {1, 2},
        "numpy": np.arange(3),
        "marked": {"franken.kind": "not a kind"},
    }
    franken.save(value, tmp_path / "a.pt")
    got = franken.load(tmp_path / "a.pt", weights_only=False)
    assert got.pop("numpy").tolist() == value.pop("numpy").tolist()
    assert got == value
    assert type(got["ordered"]) is OrderedDict and type(got["counter"]) is Counter
    assert type(got[3][0]) is franken.Size


def test_shared_memory_stays_shared(tmp_path: pathlib.Path) -> None:
    base = franken.arange(6.0)
    value = {
        "base": base,
        "part": base[2:4],
        "t": base.reshape(2, 3).t(),
        "same": base,
        "e": base[:1].expand(3),
    }
    got = there_and_back(value, tmp_path / "a.pt")
    got["base"][2] = 70.0
    assert got["part"].tolist() == [70.0, 3.0]
    assert got["t"].tolist() == [[0.0, 3.0], [1.0, 4.0], [70.0, 5.0]]
    assert got["t"].stride() == (1, 3) and got["e"].stride() == (0,)
    assert got["same"].data_ptr() == got["base"].data_ptr()


def test_tied_weights_and_parameters(tmp_path: pathlib.Path) -> None:
    model = franken.nn.Sequential(franken.nn.Linear(3, 3), franken.nn.Linear(3, 3))
    model[1].weight = model[0].weight
    state = there_and_back(model.state_dict(), tmp_path / "a.pt")
    assert type(state) is OrderedDict and state._metadata == model.state_dict()._metadata
    assert state["0.weight"].data_ptr() == state["1.weight"].data_ptr()
    frozen = franken.nn.Parameter(franken.ones(2), requires_grad=False)
    params = there_and_back(
        [*model.parameters(), frozen, franken.ones(1, requires_grad=True)], tmp_path / "b"
    )
    assert [type(p).__name__ for p in params] == ["Parameter"] * 4 + ["Tensor"]
    assert [p.requires_grad for p in params] == [True, True, True, False, True]


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adagrad", "LBFGS"])
def test_training_goes_on_as_before(name: str, tmp_path: pathlib.Path) -> None:
    def made() -> Any:
        model = franken.nn.Linear(3, 2)
        options = {"momentum": 0.9} if name == "SGD" else {}
        return model, getattr(franken.optim, name)(model.parameters(), lr=0.01, **options)

    def run(model: Any, opt: Any) -> None:
        def closure() -> Any:
            opt.zero_grad()
            loss = (model(franken.ones(1, 3)) ** 2).sum()
            loss.backward()
            return loss

        for _ in range(3):
            opt.step(closure)

    model, opt = made()
    run(model, opt)
    saved = {"model": model.state_dict(), "opt": opt.state_dict()}
    got = there_and_back(saved, tmp_path / "a.pt")
    run(model, opt)
    again, opt2 = made()
    again.load_state_dict(got["model"])
    opt2.load_state_dict(got["opt"])
    run(again, opt2)
    assert model.weight.tolist() == again.weight.tolist()


def test_files_and_safetensors(tmp_path: pathlib.Path) -> None:
    buffer = io.BytesIO()
    franken.save([franken.ones(2)], buffer)
    buffer.seek(0)
    assert franken.load(buffer, weights_only=True)[0].tolist() == [1.0, 1.0]
    with open(tmp_path / "a", "wb") as f:
        franken.save({"x": franken.ones(1)}, f)
    with open(tmp_path / "a", "rb") as f:
        assert franken.load(f)["x"].tolist() == [1.0]
    path = tmp_path / "w.safetensors"
    x = franken.arange(6.0).reshape(2, 3).t()
    tensors.save({"x": x, "b": franken.ones(2, dtype=franken.bfloat16)}, path)
    got = franken.load(path)
    assert got["x"].tolist() == x.tolist() and got["b"].dtype is franken.bfloat16
    with pytest.raises(TypeError, match="holds tensors by name only"):
        tensors.save({"x": 3}, path)
    with pytest.raises(TypeError, match="holds a dictionary"):
        tensors.save([x], path)
    assert franken.load(path)["x"].tolist() == x.tolist()  # the refusals left the file alone
    held = franken.load(io.BytesIO(path.read_bytes()), map_location="cpu")
    assert held["x"].tolist() == x.tolist()


def test_franken_s_own_container_is_read_by_its_content(tmp_path: pathlib.Path) -> None:
    value = {"w": [franken.arange(3.0), 2.5], "s": {1, 2}}
    tensors.save(value, tmp_path / "a")
    for got in (franken.load(tmp_path / "a"), franken.load(tmp_path / "a", mmap=True),
                franken.load(io.BytesIO((tmp_path / "a").read_bytes()))):  # fmt: skip
        assert got["w"][0].tolist() == [0.0, 1.0, 2.0] and got["s"] == {1, 2}


def test_map_location(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.pt"
    franken.save([franken.ones(1)], path)
    calls = []
    assert franken.load(path, map_location="cpu")[0].tolist() == [1.0]
    assert franken.load(path, map_location=franken.device("cpu"))[0].device.type == "cpu"
    assert franken.load(path, map_location={"cuda:0": "cpu"})[0].tolist() == [1.0]
    franken.load(path, map_location=lambda t, where: calls.append(where))
    assert calls == ["cpu"]


def test_refusals(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.pt"
    for bad in (print, franken.nn.Linear(1, 1), {"f": lambda: 0}, object()):
        with pytest.raises(TypeError, match="cannot store"):
            tensors.save(bad, path)
    with pytest.raises(pickle.PicklingError, match="Can't pickle"):
        franken.save({"f": lambda: 0}, path)
    assert not path.exists()
    with pytest.raises(TypeError, match="expected a path or a file object"):
        tensors.save([], 3)
    with pytest.raises(FileNotFoundError):
        franken.load(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_cut_or_changed_file_is_refused_or_holds_the_same(
    zipped: bool, tmp_path: pathlib.Path
) -> None:
    path, want = tmp_path / "a.pt", list(map(float, range(100)))
    options = {"_use_new_zipfile_serialization": zipped}
    franken.save({"w": franken.arange(100.0)}, path, **options)
    whole = path.read_bytes()
    for k in range(4, len(whole) - 1, 13):
        path.write_bytes(whole[:k])
        with pytest.raises(FormatError):
            franken.load(path)
        changed = bytearray(whole)
        changed[k] ^= 0x55
        path.write_bytes(bytes(changed))
        try:
            got = franken.load(path)
        except (FormatError, RuntimeError):
            continue
        if zipped:  # checksums; the old format has none
            assert got["w"].tolist() == want
    path.write_bytes(b"PK\x03\x04 something else entirely")
    with pytest.raises(FormatError, match="^PytorchStreamReader failed reading zip archive") as bad:
        franken.load(path)
    assert isinstance(bad.value, RuntimeError)
    path.write_bytes(b"")
    with pytest.raises(EOFError):
        franken.load(path)


@pytest.mark.parametrize("change", [
    {"offset": 3}, {"shape": [5]}, {"strides": [2]}, {"strides": [-1]}, {"shape": [2, 2]},
    {"dtype": "float64"}, {"dtype": "nothing"}, {"offset": True}, {"shape": "x"}, {"value": 3},
    {"franken.kind": "pickle"},
])  # fmt: skip
def test_views_outside_of_their_storage(change: dict[str, Any], tmp_path: pathlib.Path) -> None:
    from franken.serialization import native

    node = {
        "franken.kind": "tensor", "value": np.zeros(4, np.float32), "dtype": "float32",
        "device": "cpu", "shape": [4], "offset": 0, "strides": [1], "requires_grad": False,
    }  # fmt: skip
    native.save_file(node, tmp_path / "a.pt")
    assert franken.load(tmp_path / "a.pt").tolist() == [0.0] * 4
    native.save_file({**node, **change}, tmp_path / "a.pt")
    with pytest.raises(FormatError):
        franken.load(tmp_path / "a.pt")
