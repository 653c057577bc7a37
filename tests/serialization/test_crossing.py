"""torch.save and torch.load in both libraries: each reads the other's files, and they are the same.

Every value of the corpus is made by both, saved by both, and loaded by both. The pickle inside is
compared byte for byte, and so are the storages.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import enum
import functools
import importlib
import inspect
import io
import pathlib
import pickle
import zipfile
from typing import Any

import numpy as np
import pytest
import torch

import franken

pytestmark = [
    pytest.mark.filterwarnings("ignore:TypedStorage"),
    pytest.mark.filterwarnings("ignore:Lazy modules"),
]


class Color(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Point:
    x: int
    y: Any


Pair = collections.namedtuple("Pair", "first second")

DTYPES = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8",
          "bool", "complex64", "complex128", "uint16", "uint32", "uint64", "float8_e4m3fn",
          "float8_e5m2"]  # fmt: skip
VIEWS = ["t", "t.T", "t[1:, ::2]", "t[1, 2]", "t[:, 0:0]", "t[:1].expand(3, 4)",
         "t.reshape(-1)[5:]", "t.as_strided((2, 2), (1, 2), 3)", "t.unfold(1, 2, 1)",
         "t.clone()"]  # fmt: skip
VALUES = """
T.ones(())
T.ones(0, 3)
T.ones(0, 3).T
T.nn.Parameter(T.ones(2))
T.nn.Parameter(T.ones(2), requires_grad=False)
T.nn.Buffer(T.ones(2))
T.ones(2, requires_grad=True)
T.ones(2, requires_grad=True) * 2
noted(T.ones(2))
noted(T.nn.Parameter(T.ones(2)))
[T.float16, T.Size([1, 2]), T.device("cpu"), T.device("cuda:1"), T.strided]
[base := T.arange(6.0), base[2:4], base.reshape(2, 3).t(), base, base[:1].expand(3)]
{"a": T.ones(1), 2: [T.zeros(2), (T.ones(1), None)]}
OrderedDict(a=T.ones(1), b=OrderedDict(c=2))
Counter("aab")
[1, 2.5, None, "text", b"bytes", True, 1 + 2j, float("inf"), 10**30, -5]
bytearray(b"x")
[{1}, set()]
T.random.get_rng_state()
T.ones(3).untyped_storage()
T.ones(3).storage()
[T.ones(3).storage(), T.FloatStorage([1, 2])]
T.tensor([1 + 2j, 3j]).real
T.tensor([1 + 2j, 3j]).imag
T.nn.Linear(2, 3).state_dict()
T.optim.SGD(T.nn.Linear(1, 1).parameters(), 0.1, momentum=0.9).state_dict()
T.optim.lr_scheduler.StepLR(T.optim.SGD(T.nn.Linear(1, 1).parameters(), 0.1), 2).state_dict()
"""
OBJECTS = """
T.nn.Linear(2, 3)
T.nn.Softmin()
T.nn.Sequential(T.nn.Linear(2, 2), T.nn.ReLU(), T.nn.BatchNorm1d(2), T.nn.Dropout())
T.nn.MultiheadAttention(4, 2)
T.nn.TransformerEncoderLayer(4, 2, 8)
T.nn.PixelShuffle(2)
T.nn.ChannelShuffle(2)
T.nn.ParameterList([T.ones(1)])
T.nn.ParameterDict({"a": T.ones(1)})
T.nn.ModuleDict({"a": T.nn.Conv2d(1, 2, 3)})
T.nn.utils.rnn.pack_padded_sequence(T.ones(2, 1, 1), [2])
T.optim.SGD(T.nn.Linear(1, 1).parameters(), 0.1)
T.optim.Adam(T.nn.Linear(1, 1).parameters())
T.optim.AdamW(T.nn.Linear(1, 1).parameters())
T.optim.lr_scheduler.StepLR(T.optim.SGD(T.nn.Linear(1, 1).parameters(), 0.1), 2)
T.optim.lr_scheduler.CyclicLR(sgd(T), 0.1, 0.2, mode="triangular2")
T.optim.lr_scheduler.CyclicLR(sgd(T), 0.1, 0.2, mode="exp_range")
T.optim.swa_utils.SWALR(sgd(T), 0.05)
T.optim.swa_utils.AveragedModel(T.nn.Linear(1, 1))
T.utils.data.TensorDataset(T.ones(2))
T.max(T.ones(2, 2), 0)
T.nn.functional.relu
T.nn.functional.softmax
[T.nn.Linear, T.Tensor, T.nn.Parameter, T.dtype, T.device, T.Size, T.finfo]
[T.FloatTensor, T.FloatStorage, T.UntypedStorage, T.TypedStorage]
T.nn.UninitializedParameter()
T.nn.UninitializedBuffer()
argparse.Namespace(a=T.ones(1))
Pair(1, T.ones(1))
Point(1, T.ones(1))
Color.RED
[frozenset([1]), slice(1, 2, 3), range(3), np.ones(3), np.float64(2)]
defaultdict(list, a=[1])
[pathlib.PurePosixPath("a"), noted, Point]
"""
# What torch writes in a way of its own (numbers of hooks count on); each still reads the other's.
UNLIKE = """
T.nn.LazyLinear(3)
hooked(T.nn.Linear(1, 1))
T.nn.LSTM(2, 3, 2, bidirectional=True)
T.nn.GRU(2, 3)
T.relu
T.Tensor.add
T.nn.functional.gelu
T.special.erf
T.fft.fft
T.linalg.norm
T.Generator()
T.tensor([1 + 2j]).conj()
T.tensor([1 + 2j]).conj().imag
"""


def noted(t: Any) -> Any:
    t.note = "kept"
    return t


def sgd(library: Any) -> Any:
    return library.optim.SGD(library.nn.Linear(1, 1).parameters(), 0.1, momentum=0.9)


def hook(*args: Any) -> None:
    pass


def hooked(module: Any) -> Any:
    module.register_forward_hook(hook)
    module.register_load_state_dict_pre_hook(hook)
    module.register_state_dict_post_hook(hook)
    module._register_load_state_dict_pre_hook(hook)
    return module


NAMES = {
    "noted": noted, "hooked": hooked, "sgd": sgd, "Pair": Pair, "Point": Point, "Color": Color,
    "np": np, "pathlib": pathlib, "argparse": argparse, **vars(collections),
}  # fmt: skip


def lines(text: str) -> list[str]:
    return text.strip().split("\n")


def made(library: Any, source: str) -> Any:
    library.manual_seed(0)
    return eval(source, {**NAMES, "T": library})


def saved(library: Any, value: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    library.save(value, buffer, **options)
    return buffer.getvalue()


def inside(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        return {name: archive.read(name) for name in names if "serialization_id" not in name}


def alike(got: Any, want: Any, depth: int = 0) -> None:
    """The same types by name, the same structure, the same elements and flags."""
    if callable(want) and not isinstance(want, torch.nn.Module):  # a class or a function
        assert callable(got) and want.__name__.endswith(got.__name__)
        return
    assert type(got).__name__ == type(want).__name__
    if torch.nn.parameter.is_lazy(want):
        assert got.requires_grad == want.requires_grad
    elif isinstance(want, torch.Tensor):
        assert str(got.dtype) == str(want.dtype) and tuple(got.shape) == tuple(want.shape)
        assert got.tolist() == want.tolist() and got.requires_grad == want.requires_grad
        assert got.stride() == want.stride() or not want.numel() or want.is_neg()
        assert getattr(got, "note", None) == getattr(want, "note", None)
    elif isinstance(want, dict):
        assert list(map(str, got)) == list(map(str, want))
        for ours, theirs in zip(got.values(), want.values(), strict=True):
            alike(ours, theirs, depth + 1)
    elif isinstance(want, (list, tuple)):
        assert len(got) == len(want)
        for ours, theirs in zip(got, want, strict=True):
            alike(ours, theirs, depth + 1)
    elif isinstance(want, torch.nn.Module):
        assert repr(got) == repr(want)
        if any(map(torch.nn.parameter.is_lazy, want.parameters())):
            return
        alike(dict(got.state_dict()), dict(want.state_dict()))
    elif isinstance(want, (torch.TypedStorage, torch.UntypedStorage, np.ndarray)):
        assert list(got) == list(want)
    elif isinstance(want, (int, float, complex, str, bytes, set, type(None), range)):
        assert got == want


def crossing(source: str, same: bool = True, **options: Any) -> None:
    ours, theirs = made(franken, source), made(torch, source)
    files = {lib: saved(lib, v, **options) for lib, v in ((franken, ours), (torch, theirs))}
    if same:
        assert inside(files[franken]) == inside(files[torch])
    for data in files.values():
        for weights_only in {options.get("weights_only", False), False}:
            got = franken.load(io.BytesIO(data), weights_only=weights_only)
            want = torch.load(io.BytesIO(data), weights_only=weights_only)
            alike(got, want)


@pytest.mark.parametrize("source", lines(VALUES))
def test_values(source: str) -> None:
    crossing(source)
    for library in (franken, torch):
        for other in (franken, torch):
            data = saved(library, made(library, source))
            alike(franken.load(io.BytesIO(data)), torch.load(io.BytesIO(data)))
            assert other.load(io.BytesIO(data)) is not None


@pytest.mark.parametrize("source", lines(OBJECTS))
def test_objects(source: str) -> None:
    crossing(source)


@pytest.mark.parametrize("source", lines(UNLIKE))
def test_objects_that_are_written_otherwise(source: str) -> None:
    crossing(source, same=False)


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes_and_views(dtype: str) -> None:
    base = f"(t := T.arange(12).reshape(3, 4).to(T.{dtype}))"
    crossing(f"[{base}, {', '.join(VIEWS)}]")
    for view in VIEWS[1:]:
        crossing(f"({base}, {view})[1]")


@pytest.mark.parametrize("source", [*lines(VALUES)[:12], *lines(OBJECTS)[:4]])
def test_the_format_before_torch_1_6(source: str) -> None:
    for library in (franken, torch):
        data = saved(library, made(library, source), _use_new_zipfile_serialization=False)
        got = franken.load(io.BytesIO(data), weights_only=False)
        alike(got, torch.load(io.BytesIO(data), weights_only=False))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("source", ["T.nn.Linear(2, 3)", '{"w": T.ones(2), 1: Pair(1, 2)}'])
def test_protocols(source: str, protocol: int) -> None:
    crossing(source, pickle_protocol=protocol)


def test_generators_go_on_where_they_were() -> None:
    ours, theirs = franken.Generator().manual_seed(5), torch.Generator().manual_seed(5)
    for library, generator in ((franken, ours), (torch, theirs)):
        library.rand(3, generator=generator)
        data = saved(library, generator)
        got = franken.load(io.BytesIO(data), weights_only=False)
        want = torch.load(io.BytesIO(data), weights_only=False)
        assert franken.rand(4, generator=got).tolist() == torch.rand(4, generator=want).tolist()
        assert got.initial_seed() == want.initial_seed() == 5


def test_a_model_goes_on_training_in_the_other_library() -> None:
    ours, theirs = made(franken, "T.nn.LSTM(2, 3)"), made(torch, "T.nn.LSTM(2, 3)")
    there = torch.load(io.BytesIO(saved(franken, ours)), weights_only=False)
    here = franken.load(io.BytesIO(saved(torch, theirs)), weights_only=False)
    x = [[[0.5, -1.0]], [[1.0, 2.0]]]
    want = there(torch.tensor(x))[0].sum()
    got = here(franken.tensor(x))[0].sum()
    want.backward()
    got.backward()
    assert got.item() == pytest.approx(want.item(), rel=1e-5)
    assert [p.grad is not None for p in here.parameters()] == [True] * 4
    assert [name for name, _ in here.named_parameters()] == [n for n, _ in there.named_parameters()]


class Net(franken.nn.Module):
    """A user's module: in files by the name of its own module."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = franken.nn.Linear(2, 1)
        self.register_buffer("count", franken.zeros(1))

    def forward(self, x: Any) -> Any:
        return self.inner(x) + self.count


@pytest.mark.parametrize("zipped", [True, False])
def test_modules_of_users(zipped: bool) -> None:
    net = Net()
    data = saved(franken, net, _use_new_zipfile_serialization=zipped)
    with pytest.raises(pickle.UnpicklingError, match="test_crossing.Net was not an allowed global"):
        franken.load(io.BytesIO(data))
    got = franken.load(io.BytesIO(data), weights_only=False)
    assert type(got) is Net and got(franken.ones(1, 2)).tolist() == net(franken.ones(1, 2)).tolist()
    assert got.inner.weight.data_ptr() != net.inner.weight.data_ptr()


def test_parametrized_modules_are_refused_as_in_torch() -> None:
    for library in (franken, torch):
        layer = library.nn.utils.parametrizations.weight_norm(library.nn.Linear(2, 2))
        with pytest.raises(RuntimeError, match="^Serialization of parametrized modules is only"):
            library.save(layer, io.BytesIO())
        data = saved(library, layer.state_dict())
        alike(franken.load(io.BytesIO(data)), torch.load(io.BytesIO(data)))


def public_classes(root: Any, name: str, seen: set[str]) -> dict[str, Any]:
    """The classes of a library by the dotted names under which users reach them."""
    found: dict[str, Any] = {}
    for key in dir(root):
        value = None if key.startswith("_") else getattr(root, key, None)
        module = getattr(value, "__name__", "") if type(value) is type(root) else ""
        if module.startswith(name + ".") and module not in seen:
            seen.add(module)
            found.update(public_classes(value, name, seen))
        elif isinstance(value, type):
            found[f"{root.__name__}.{key}".partition(".")[2]] = value
    return found


def test_every_class_has_torch_s_name_both_ways() -> None:
    from franken.faces.names import found, torch_name

    wrong, count = {}, 0
    for path, ours in public_classes(franken, "franken", set()).items():
        theirs: Any = torch
        for part in path.split("."):
            theirs = getattr(theirs, part, None)
        module = getattr(theirs, "__module__", None) or ""
        # pybind's classes and named tuples without a constructor are no part of files
        if not isinstance(theirs, type) or not module.startswith("torch"):
            continue
        count += 1
        want = module, theirs.__qualname__
        if torch_name(ours) != want or found(*want) is not ours:
            wrong[path] = torch_name(ours), want
    assert count > 500
    assert wrong == {}


SPACES = ["", "nn.functional", "special", "linalg", "fft", "nn.utils.rnn", "autograd", "func",
          "utils.checkpoint", "utils.data", "testing", "serialization"]  # fmt: skip
# What torch keeps under another name only.
ELSEWHERE = {"is_grad_enabled", "is_inference_mode_enabled", "is_multithreading_enabled"}


@pytest.mark.parametrize("space", SPACES)
def test_functions_have_names_that_torch_has(space: str) -> None:
    from franken.faces.names import found, torch_name

    ours = importlib.import_module(f"franken.{space}".rstrip("."))
    theirs = importlib.import_module(f"torch.{space}".rstrip("."))
    count = 0
    for key in dir(ours):
        function = getattr(ours, key, None)
        module = getattr(function, "__module__", None) or ""
        if key in ELSEWHERE or not (inspect.isfunction(function) and module.startswith("franken")):
            continue
        if key.startswith("_") or not hasattr(theirs, key):
            continue
        names = torch_name(function)
        assert names is not None, key
        assert found(*names) is function
        target: Any = importlib.import_module(names[0])
        assert callable(functools.reduce(getattr, names[1].split("."), target)), key
        count += 1
    assert count > 1
