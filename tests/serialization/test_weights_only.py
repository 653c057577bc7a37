"""weights_only: what a file may name, what a user allows, and torch's words for the rest."""

from __future__ import annotations

import collections
import dataclasses
import enum
import io
import os
import pickle
import re
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest
import torch

import franken
from franken.serialization.errors import FormatError

LIBRARIES = (franken, torch)


@dataclasses.dataclass
class Point:
    x: int
    y: Any = None


class Slotted:
    __slots__ = ("__dict__", "a")

    def __init__(self) -> None:
        self.a, self.b = 1, [2]


class Restored:
    def __init__(self, value: int = 0) -> None:
        self.value = value

    def __getstate__(self) -> Any:
        return {"kept": self.value}

    def __setstate__(self, state: Any) -> None:
        self.value = state["kept"] + 1


class Called:
    def __init__(self, *args: Any) -> None:
        self.args = args

    def __reduce__(self) -> Any:
        return Called, (1, "two")


class Evil:
    def __reduce__(self) -> Any:
        return os.system, ("echo executed",)


class Color(enum.Enum):
    RED = 1


class Words(dict):  # type: ignore[type-arg]
    pass


class Row(list):  # type: ignore[type-arg]
    pass


Pair = collections.namedtuple("Pair", "first second")


def loop() -> Any:
    made = Point(1)
    made.y = [made]
    return made


_RECONSTRUCT = np.ones(1).__reduce__()[0]


def _named(value: Any) -> str:
    """What a value is called, the same in every process."""
    return re.sub(" at 0x[0-9a-f]+", "", repr(value))


ALLOWED: list[tuple[Any, list[Any]]] = [
    (Point(1, [2]), [Point]),
    (Slotted(), [Slotted]),
    (Restored(4), [Restored]),
    (Called(), [Called]),
    (Pair(1, 2), [Pair]),
    (Color.RED, [Color]),
    (collections.defaultdict(list), [collections.defaultdict, list]),
    (slice(1, 2), [slice]),
    (range(3), [range]),
    (frozenset([1]), [frozenset]),
    (print, [print]),
    ([Point, Pair], [Point, Pair]),
    (np.arange(3.0), [_RECONSTRUCT, np.ndarray, np.dtype, type(np.dtype("f8"))]),
    (np.float64(2.5), [np.float64(1).__reduce__()[0], np.dtype, type(np.dtype("f8"))]),
    (Point(1), [(Point, f"{__name__}.Point")]),
]
REFUSED: list[tuple[Any, list[Any]]] = [
    (Point(1, [2]), []),
    (Pair(1, 2), []),
    (print, []),
    (slice(1), []),
    (Evil(), []),
    (Evil(), [os.system]),
    (np.ones(2), []),
    ([1, {"a": Slotted()}], [Point]),
    (Words(a=1), [Words]),
    (Row([1]), [Row]),
    (collections.defaultdict(list), [list]),
    (collections.defaultdict(list, a=[1], b=2), [collections.defaultdict, list]),
    (Row([1, 2]), [Row]),
    (frozenset([1]), []),
]


def saved(library: Any, value: Any, **options: Any) -> Any:
    buffer = io.BytesIO()
    library.save(value, buffer, **options)
    buffer.seek(0)
    return buffer


def facts(value: Any) -> Any:
    state = {
        k: getattr(value, k) for k in ("x", "y", "a", "b", "value", "args") if hasattr(value, k)
    }
    return type(value), repr(state or value), len(value) if hasattr(value, "__len__") else None


def outcome(library: Any, data: Any, allowed: list[Any]) -> Any:
    data.seek(0)
    try:
        with library.serialization.safe_globals(allowed):
            return facts(library.load(data))
    except pickle.UnpicklingError as error:
        return str(error)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(("value", "allowed"), ALLOWED, ids=_named)
def test_what_a_user_allows(value: Any, allowed: list[Any], zipped: bool) -> None:
    data = saved(franken, value, _use_new_zipfile_serialization=zipped)
    assert outcome(franken, data, allowed) == outcome(torch, data, allowed)
    assert type(outcome(franken, data, allowed)) is tuple
    with pytest.raises(pickle.UnpicklingError, match="^Weights only load failed"):
        data.seek(0)
        franken.load(data)


@pytest.mark.parametrize(("value", "allowed"), REFUSED, ids=_named)
def test_what_is_refused_with_torch_s_words(
    value: Any, allowed: list[Any], capfd: pytest.CaptureFixture[str]
) -> None:
    data = saved(franken, value)
    want, got = outcome(torch, data, allowed), outcome(franken, data, allowed)
    assert type(want) is str and got == want
    assert "executed" not in capfd.readouterr().out


def test_objects_that_hold_themselves() -> None:
    data = saved(franken, loop())
    for library in LIBRARIES:
        with library.serialization.safe_globals([Point]):
            data.seek(0)
            got = library.load(data)
            assert got.y[0] is got


def test_modules_that_a_user_allows() -> None:
    model = franken.nn.Sequential(franken.nn.Linear(2, 3), franken.nn.ReLU())
    data = saved(franken, model)
    allowed = ["Sequential", "Linear", "ReLU"]
    for library in LIBRARIES:
        with library.serialization.safe_globals([getattr(library.nn, n) for n in allowed]):
            data.seek(0)
            got = library.load(data)
        assert got[0].weight.tolist() == model[0].weight.tolist()
        assert type(got) is library.nn.Sequential
    data.seek(0)
    found = franken.serialization.get_unsafe_globals_in_checkpoint(data)
    data.seek(0)
    assert set(found) == set(torch.serialization.get_unsafe_globals_in_checkpoint(data))
    assert "torch.nn.modules.linear.Linear" in found


class Noted(franken.Tensor):
    __slots__ = ("slot",)


def test_subclasses_of_tensors() -> None:
    t = franken.ones(2).as_subclass(Noted)
    t.note, t.slot = "kept", [1]
    data = saved(franken, t)
    with pytest.raises(pickle.UnpicklingError, match=f"GLOBAL {__name__}.Noted was not an allowed"):
        franken.load(data)
    data.seek(0)
    with franken.serialization.safe_globals([Noted]):
        got = franken.load(data)
    assert (
        type(got) is Noted and got.note == "kept" and got.slot == [1] and got.tolist() == [1.0, 1.0]
    )


def test_the_list_of_what_is_allowed() -> None:
    for library in LIBRARIES:
        face = library.serialization
        before = face.get_safe_globals()  # torch's own modules add some
        face.clear_safe_globals()
        assert face.get_safe_globals() == []
        face.add_safe_globals([Point, (Pair, "there.Pair")])
        with face.safe_globals([Slotted]):
            assert set(face.get_safe_globals()) == {Point, Slotted, (Pair, "there.Pair")}
        assert set(face.get_safe_globals()) == {Point, (Pair, "there.Pair")}
        face.clear_safe_globals()
        assert face.get_safe_globals() == []
        face.add_safe_globals(before)


@pytest.mark.parametrize("bad", [[3], [(Point, "a", "b")], [(Point, 3)]])
def test_things_that_cannot_be_allowed(bad: list[Any]) -> None:
    data = saved(franken, Point(1))
    said = []
    for library in LIBRARIES:
        data.seek(0)
        with library.serialization.safe_globals(bad), pytest.raises(Exception) as caught:
            library.load(data)
        said.append((type(caught.value), str(caught.value)))
    assert said[0] == said[1]


def test_all_of_pickle_only_where_it_is_asked_for(capfd: pytest.CaptureFixture[str]) -> None:
    data = saved(franken, Evil())
    for options in ({}, {"weights_only": True}, {"weights_only": None}):
        data.seek(0)
        with pytest.raises(pickle.UnpicklingError):
            franken.load(data, **options)
    assert "executed" not in capfd.readouterr().out
    data.seek(0)
    assert franken.load(data, weights_only=False) == 0
    assert "executed" in capfd.readouterr().out
    data.seek(0)
    assert franken.load(data, pickle_module=pickle) == 0
    data.seek(0)
    with pytest.raises(RuntimeError, match="^Can not safely load weights when explicit pickle_mod"):
        franken.load(data, pickle_module=pickle, weights_only=True)


@pytest.mark.parametrize("force", ["TORCH_FORCE_WEIGHTS_ONLY_LOAD",
                                   "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "both"])  # fmt: skip
def test_what_the_environment_forces(force: str, monkeypatch: Any, tmp_path: Any) -> None:
    franken.save(slice(1), tmp_path / "a")
    names = ["TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"]
    for name in names if force == "both" else [force]:
        monkeypatch.setenv(name, "1")
    said: dict[str, list[Any]] = {"franken": [], "torch": []}
    for library in LIBRARIES:
        for options in ({}, {"weights_only": True}, {"weights_only": False}):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    got = type(library.load(str(tmp_path / "a"), **options)).__name__
            except (RuntimeError, pickle.UnpicklingError) as error:
                got = str(error)
            said[library.__name__].append(got)
    assert said["franken"] == said["torch"]


def forged(body: bytes) -> io.BytesIO:
    """A file of torch's with any pickle in it."""
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", body)
        archive.writestr("archive/version", "3\n")
    buffer.seek(0)
    return buffer


HOSTILE = {
    "a size as a bytearray": b"\x80\x02c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R.",
    "an attribute of a function": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}b.",
    "a tensor of nothing": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.",
    "a call of a list": b"\x80\x02])R.",
    "a call of a dtype": b"\x80\x02ctorch\nfloat32\n)R.",
    "a parameter of a number": b"\x80\x02ctorch._utils\n_rebuild_parameter\nK\x01\x88N\x87R.",
    "a subclass of a number": (
        b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\n(ctorch\nSize\nctorch\nTensor\n"
        b"(K\x01ttN}tR."
    ),
    "attributes with underscores": (
        b"\x80\x02ccollections\nOrderedDict\n)R}X\x09\x00\x00\x00__class__K\x01sb."
    ),
    "an unhashable key": b"\x80\x02}]K\x01s.",
    "a sparse tensor": b"\x80\x02ctorch._utils\n_rebuild_sparse_tensor\n)R.",
    "a stack without values": b"\x80\x02R.",
    "nesting": b"\x80\x02" + b"(" * 5000 + b"t" * 5000 + b".",
    "an inner module": b"\x80\x02cfranken.ops.surface.rebuild\n_rebuild_tensor\n)R.",
    "eval": b"\x80\x02c__builtin__\neval\nX\x01\x00\x00\x001\x85R.",
    "getattr": b"\x80\x02c__builtin__\ngetattr\nctorch\nTensor\nX\x03\x00\x00\x00add\x86R.",
    "tuples of one tuple twice, as a key": b"\x80\x02}N" + b"2\x86" * 150 + b"K\x01s.",
    "tuples of one tuple twice, as a size": (
        b"\x80\x02ctorch\nSize\nN" + b"2\x86" * 150 + b"\x85R."
    ),
    "tuples of one tuple twice, as a shape": (
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\n"
        b"FloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x00tQK\x00N"
        + b"2\x86" * 150
        + b")\x89NtR."
    ),
    "a persistent number": b"\x80\x02K\x01Q.",
    "a persistent module": b"\x80\x02X\x06\x00\x00\x00moduleK\x01\x86Q.",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_pickles_end_in_typed_errors(case: str) -> None:
    with pytest.raises((FormatError, pickle.UnpicklingError)):
        franken.load(forged(HOSTILE[case]))


def test_tuples_of_one_tuple_twice_are_made_once() -> None:
    got = franken.load(forged(b"\x80\x02N" + b"2\x86" * 150 + b"."))
    for _ in range(150):
        assert got[0] is got[1]
        got = got[0]


def test_reading_as_data_imports_nothing(tmp_path: Any) -> None:
    (tmp_path / "loud.py").write_text("print('imported')\nclass Thing: pass\n")
    body = b"\x80\x02cloud\nThing\n)\x81."
    (tmp_path / "a").write_bytes(forged(body).getvalue())
    program = "import sys, franken\ntry: franken.load(sys.argv[1])\nexcept ValueError: print('no')"
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "a")], capture_output=True, text=True,
        check=True, env={**os.environ, "PYTHONPATH": f"{tmp_path}:{os.getcwd()}"},
    )  # fmt: skip
    assert done.stdout == "no\n"
