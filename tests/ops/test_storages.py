"""torch.storage: each call is made with both libraries, and gives the same or the same error."""

from __future__ import annotations

import copy
import pickle
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

import franken

UNTYPED = """
S()
S([1, 2, 3])
S(3, device="cpu").device
S("a")
S(3).nbytes()
S([1, 300]).tolist()
S([True, 2.0])
S([1.5])
S((1, 2)).tolist()
S(range(3)).tolist()
S(T.tensor([1, 2]))
S([1, 2])[0], S([1, 2])[-1]
S([1, 2])[5]
S([1, 2, 3])[0:2]
len(S(3)), S(3).size(), S(3).element_size()
S([1, 2]) == S([1, 2])
S([1, 2]).clone()
S([1, 2]).copy_(S([3, 4]))
S([1, 2]).copy_(S([3, 4, 5]))
S([1, 2]).fill_(7)
S([1, 2]).resize_(4).nbytes()
S([1, 2]).resize_(1).tolist()
S([1, 2]).type()
S([1, 2]).float()
S([1, 2]).byte(), S([1, 2]).double(), S([1, 2]).half(), S([1, 2]).bfloat16(), S([1, 2]).bool()
S([1, 2]).complex_float(), S([1, 2]).long(), S([1, 2]).short(), S([1, 2]).char()
S([1, 2]).untyped(), S([1, 2]).cpu(), S([1, 2]).new()
S([1, 2]).is_shared(), S([1, 2]).is_pinned(), S([1, 2]).is_cuda, S([1, 2]).is_sparse
S([1, 2]).device, S([1, 2]).get_device(), S([1, 2]).resizable(), S([1, 2]).filename
S.from_buffer(b"abcdefgh", dtype=T.float32, byte_order="little")
S.from_buffer(b"abcdefgh", "big", dtype=T.int16).tolist()
S.from_buffer(b"abcdefgh", "native", dtype=T.uint8, count=2, offset=1).tolist()
S([1, 2]).to(device="cpu")
copy.deepcopy(S([1, 2])), copy.copy(S([1, 2]))
[*S([1, 2])]
T.is_storage(S()), T.is_storage(S), T.is_storage(3)
T.arange(3).untyped_storage().nbytes()
(t := T.arange(3)).untyped_storage() is t[1:].untyped_storage()
"""
TYPED = """
F()
F([1, 2])
F(3).size()
F(2, 3)
F("a")
F(S([0, 0, 0, 0]))
F(wrap_storage=S([0, 0, 128, 63]))
F([1, 2]).tolist(), F([1, 2])[0], len(F([1, 2])), F([1, 2]).nbytes(), F([1, 2]).dtype, F.dtype
F([1, 2])[0:1]
F([1, 2])[5]
F([1, 2])["a"]
F([1, 2]).type(), F([1, 2]).pickle_storage_type(), F([1, 2]).element_size()
isinstance(F([1]), F), isinstance(T.tensor([1.0]).storage(), F), isinstance(F([1]), T.IntStorage)
issubclass(F, T.TypedStorage), F.__module__, T.Storage, T.cuda.FloatStorage, T.HalfStorage
F([1.5, 2]).double(), F([1.5, 2]).int(), F([1, 2]).untyped(), F([1, 2]).clone(), F([0, 2]).bool()
F([1, 2]).copy_(F([3, 4])), F([1, 2]).copy_(T.IntStorage([3, 4])), F([1, 2]).fill_(3)
F.from_buffer(b"abcdefgh", byte_order="little")
T.TypedStorage([1, 2], dtype=T.int32), T.TypedStorage([1]), T.TypedStorage(3, dtype=T.int8).size()
T.TypedStorage(wrap_storage=S([1, 0, 0, 0]), dtype=T.int32)
T.TypedStorage(wrap_storage=S([1, 0, 0, 0]))
T.TypedStorage(3, wrap_storage=S([1, 0, 0, 0]), dtype=T.int32)
T.QInt8Storage(2).dtype, T.QInt32Storage(2).nbytes()
F([1, 2]).to(device="cpu"), F([1, 2]).cpu(), copy.deepcopy(F([1, 2])), [*F([1, 2])]
pickle.loads(pickle.dumps(F([1, 2])))
F([1, 2]).device, F([1, 2]).is_cuda, F([1, 2]).is_shared(), F([1, 2]).resizable()
T.FloatTensor(F([1, 2])), T.Tensor(F([1, 2])), T.FloatTensor(S([0, 0, 128, 63]))
T.tensor(F([1, 2])), T.tensor([]).set_(F([1, 2])), T.tensor([]).set_(S([0, 0, 128, 63]))
T.tensor([], dtype=T.int64).new(F([1, 2]))
T.tensor([], dtype=T.int64).set_(F([1, 2]))
T.tensor([1.0]).storage().tolist(), T.tensor([1.0])._typed_storage()
T.BoolStorage([1, 0]), T.ComplexFloatStorage([1, 2]), T.BFloat16Storage([1, 2]), T.LongStorage([1])
"""


def outcome(library: Any, call: str) -> Any:
    names = {"T": library, "S": library.UntypedStorage, "F": library.FloatStorage}
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "TypedStorage")
            return repr(eval(call, {**globals(), **names}))
    except (RuntimeError, TypeError, IndexError, ValueError) as error:
        return type(error).__name__, str(error)


@pytest.mark.parametrize("call", [*UNTYPED.split("\n")[1:-1], *TYPED.split("\n")[1:-1]])
def test_calls(call: str) -> None:
    assert outcome(franken, call) == outcome(torch, call)


def test_typed_storages_are_deprecated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from franken.core.once import ONCE

    monkeypatch.setattr(ONCE, "said", set())
    with pytest.warns(UserWarning, match="^TypedStorage is deprecated. It will be removed"):
        franken.ones(1).storage()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        franken.ones(1).storage()


def test_tensors_and_storages_look_into_one_memory() -> None:
    t = franken.arange(4.0)
    storage = t[2:].untyped_storage()
    assert storage.data_ptr() == t.data_ptr() and storage.nbytes() == 16
    storage.fill_(0)
    assert t.tolist() == [0.0] * 4
    t.untyped_storage().copy_(franken.ones(4).untyped_storage())
    assert t.tolist() == [1.0] * 4


def test_storage_follows_the_default_dtype() -> None:
    for library in (franken, torch):
        library.set_default_dtype(library.float64)
        try:
            assert library.Storage is library.DoubleStorage
        finally:
            library.set_default_dtype(library.float32)
        assert library.Storage is library.FloatStorage


def test_from_file(tmp_path: Path) -> None:
    for library in (franken, torch):
        path = tmp_path / library.__name__
        path.write_bytes(bytes(range(16)))
        private = library.UntypedStorage.from_file(str(path), shared=False, nbytes=8)
        private[0] = 77
        assert path.read_bytes()[0] == 0 and private.tolist() == [77, *range(1, 8)]
        shared = library.UntypedStorage.from_file(str(path), shared=True, nbytes=20)
        shared[0] = 99
        assert shared.nbytes() == 20 and path.stat().st_size == 20
        assert path.read_bytes()[0] == 99 and shared.filename == str(path)


COPIES = """
T.arange(6.0)[2:4]
T.arange(6).reshape(2, 3).t()
T.ones(0, 3)
T.ones(())
T.nn.Parameter(T.ones(2))
T.nn.Parameter(T.ones(2), requires_grad=False)
T.ones(2, requires_grad=True)
T.ones(2, dtype=T.bfloat16)
T.Size([1, 2])
T.device("cuda:1")
T.float16
"""


def facts(t: Any) -> Any:
    if not hasattr(t, "untyped_storage"):
        return repr(t)
    return (
        type(t).__name__, t.tolist(), t.stride(), t.storage_offset(), t.requires_grad,
        t.untyped_storage().nbytes(), t.is_leaf, t.__dict__,
    )  # fmt: skip


@pytest.mark.parametrize("source", COPIES.split("\n")[1:-1])
@pytest.mark.parametrize("way", [
    lambda t: pickle.loads(pickle.dumps(t)), lambda t: pickle.loads(pickle.dumps(t, 2)),
    copy.deepcopy, copy.copy,
], ids=["pickle", "pickle 2", "deepcopy", "copy"])  # fmt: skip
def test_copies(source: str, way: Any) -> None:
    got, want = (facts(way(eval(source, {"T": lib}))) for lib in (franken, torch))
    assert got == want


def test_what_shares_memory_when_it_was_copied() -> None:
    for library in (franken, torch):
        a = library.arange(6.0)
        x, y = copy.deepcopy([a, a[2:]])
        x[2] = 9.0
        assert y[0] == 9.0
        x, y = pickle.loads(pickle.dumps([a, a[2:]]))
        x[2] = 9.0
        assert y[0] == 2.0


class Noted(franken.Tensor):
    __slots__ = ("slot",)

    def new_empty(self, *args: Any, **kwargs: Any) -> Any:
        return super().new_empty(*args, **kwargs).as_subclass(Noted)


def test_subclasses_attributes_and_slots() -> None:
    t = franken.ones(2).as_subclass(Noted)
    t.note, t.slot = [1], 3
    for got in (pickle.loads(pickle.dumps(t)), copy.deepcopy(t), copy.copy(t)):
        assert type(got) is Noted and got.note == [1] and got.tolist() == [1.0, 1.0]
    assert pickle.loads(pickle.dumps(t)).slot == 3
    with pytest.raises(RuntimeError, match="inside a transform"):
        franken.vmap(pickle.dumps)(franken.ones(2))


def test_the_parts_have_torch_s_names() -> None:
    for library in (franken, torch):
        t = library.arange(4.0)[1:]
        rebuild, (storage, *rest) = t.__reduce_ex__(2)
        assert rebuild is library._utils._rebuild_tensor_v2
        assert (rest[0], rest[1], rest[2], rest[3], dict(rest[4])) == (1, (3,), (1,), False, {})
        assert rebuild(storage, *rest).tolist() == [1.0, 2.0, 3.0]
        rebuild, parts = library.nn.Parameter(t).__reduce_ex__(2)
        assert rebuild is library._utils._rebuild_parameter and len(parts) == 3


def test_states_of_torch_s_first_versions() -> None:
    for library in (franken, torch):
        t = library.ones(3)
        t.__setstate__((library.arange(4.0).untyped_storage(), 1, (2,), (1,)))
        assert t.tolist() == [1.0, 2.0]


def test_storages_of_torch_s_own_pickles() -> None:
    from franken.storage import _load_from_bytes

    made, (data,) = torch.FloatStorage([1, 2]).__reduce__()
    assert made.__name__ == "_load_from_bytes"
    assert _load_from_bytes(data).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("name", ["FloatStorage", "LongStorage", "FloatTensor", "BoolTensor"])
def test_classes_of_old_names_are_pickled_by_name(name: str) -> None:
    for library in (franken, torch):
        kind = getattr(library, name)
        assert pickle.loads(pickle.dumps(kind)) is kind and copy.deepcopy(kind) is kind


def test_hooks_that_are_not_saved_are_warned_of() -> None:
    for library in (franken, torch):

        def lost(g: Any) -> Any:
            return g

        leaf = library.ones(2, requires_grad=True)
        leaf.register_hook(lost)
        with pytest.warns(UserWarning, match="^backward hook <function .*lost at .* on tensor wil"):
            pickle.dumps(leaf)
        parameter = library.nn.Parameter(library.ones(1))
        parameter.register_hook(lost)
        other = library.ones(2, requires_grad=True)
        other.register_hook(library.utils.hooks.unserializable_hook(lambda g: g))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            pickle.dumps(other)
            pickle.dumps(parameter)
        assert not pickle.loads(pickle.dumps(other))._backward_hooks
