"""The dtype, layout and Size objects against torch's own."""

from __future__ import annotations

import copy
import pickle

import ml_dtypes
import numpy as np
import pytest

from franken.core import dtypes as dt
from franken.core.geometry import layout
from franken.core.geometry.size import Size

torch = pytest.importorskip("torch")

NAMES = sorted(dt.ALL)


def outcome(call):
    """Return what a call gives, or its exception's type name and message."""
    try:
        return call()
    except (RuntimeError, TypeError, ValueError, AttributeError) as error:
        return type(error).__name__, str(error)


@pytest.fixture
def default_dtype():
    yield
    dt.set_default_dtype(dt.float32)
    torch.set_default_dtype(torch.float32)


def test_every_torch_dtype_exists_under_every_name():
    theirs = {name: v for name, v in vars(torch).items() if isinstance(v, torch.dtype)}
    ours = {name: getattr(dt, name) for name in theirs}
    assert {n: str(d) for n, d in ours.items()} == {n: str(d) for n, d in theirs.items()}
    assert set(dt.ALL) | set(dt.ALIASES) == set(theirs)
    assert all(getattr(dt, name) is each for name, each in (dt.ALL | dt.ALIASES).items())


@pytest.mark.parametrize("name", NAMES)
def test_attributes(name):
    ours, theirs = dt.ALL[name], getattr(torch, name)
    for field in ("itemsize", "is_floating_point", "is_complex", "is_signed", "abbr"):
        expected = outcome(lambda f=field: getattr(theirs, f))
        assert outcome(lambda f=field: getattr(ours, f)) == expected
    assert str(outcome(ours.to_real)) == str(outcome(theirs.to_real))
    assert str(outcome(ours.to_complex)) == str(outcome(theirs.to_complex))


@pytest.mark.parametrize("name", NAMES)
def test_pickle_and_copy_keep_identity(name):
    each = dt.ALL[name]
    assert pickle.loads(pickle.dumps(each)) is each
    assert copy.deepcopy(each) is copy.copy(each) is each


def test_dtypes_are_frozen_and_not_made():
    with pytest.raises(AttributeError, match="attribute 'itemsize' of 'torch.dtype' objects"):
        dt.float32.itemsize = 3
    with pytest.raises(AttributeError, match="not writable"):
        del dt.float32.itemsize
    with pytest.raises(TypeError, match="cannot create 'torch.dtype' instances"):
        dt.dtype("float32")
    assert dt.float32 != dt.float64 and len(set(dt.ALL.values())) == len(dt.ALL)


def test_numpy_counterparts_round_trip():
    stored = [each for each in dt.ALL.values() if each.np is not None]
    assert len(stored) == 21
    assert all(dt.from_numpy(each.np) is each for each in stored)
    assert all(each.np.itemsize == each.itemsize for each in stored)
    assert dt.bfloat16.np == np.dtype(ml_dtypes.bfloat16)
    assert dt.from_numpy(np.float32) is dt.float32
    assert dt.complex32.np == np.dtype(ml_dtypes.complex32)
    assert all((each.np.kind in dt.COMPLEX_KINDS) == each.is_complex for each in stored)


@pytest.mark.parametrize("spelling", ["U3", "O", "M8[s]", ">f4", "S2", "V4", "longdouble"])
def test_unknown_numpy_dtype_fails_in_torchs_words(spelling):
    ours = outcome(lambda: dt.from_numpy(np.dtype(spelling)))
    assert ours == outcome(lambda: torch.from_numpy(np.zeros(2, spelling)))
    assert ours[0] in ("TypeError", "ValueError")


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
def test_default_dtype(name, default_dtype):
    dt.set_default_dtype(dt.ALL[name])
    torch.set_default_dtype(getattr(torch, name))
    assert dt.get_default_dtype() is dt.ALL[name]
    assert str(dt.default_complex()) == str(torch.result_type(torch.zeros(2), 1j))
    assert repr(dt.finfo()) == repr(torch.finfo())


@pytest.mark.parametrize("name", ["int32", "bool", "complex64", "float8_e5m2", "qint8"])
def test_default_dtype_refuses_the_rest(name):
    theirs = outcome(lambda: torch.set_default_dtype(getattr(torch, name)))
    assert outcome(lambda: dt.set_default_dtype(dt.ALL[name])) == theirs
    assert dt.get_default_dtype() is dt.float32


def test_default_dtype_refuses_strings():
    theirs = outcome(lambda: torch.set_default_dtype("float32"))
    assert outcome(lambda: dt.set_default_dtype("float32")) == theirs


FLOATING = [n for n in NAMES if dt.ALL[n].is_floating_point or dt.ALL[n].is_complex]


@pytest.mark.parametrize("name", FLOATING)
def test_finfo(name):
    if name == "float4_e2m1fn_x2":
        with pytest.raises(NotImplementedError, match="not implemented for 'Float4_e2m1fn_x2'"):
            dt.finfo(dt.float4_e2m1fn_x2)
        return
    ours, theirs = dt.finfo(dt.ALL[name]), torch.finfo(getattr(torch, name))
    for field in ("bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution", "dtype"):
        assert getattr(ours, field) == getattr(theirs, field), field
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("name", [n for n in NAMES if dt.ALL[n].kind == dt.INTEGER])
def test_iinfo(name):
    ours = outcome(lambda: dt.iinfo(dt.ALL[name]))
    theirs = outcome(lambda: torch.iinfo(getattr(torch, name)))
    if isinstance(theirs, tuple):
        assert ours == theirs
        return
    for field in ("bits", "max", "min", "dtype"):
        assert getattr(ours, field) == getattr(theirs, field), field
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("name", ["float32", "bool", "complex64"])
def test_iinfo_refuses(name):
    theirs = outcome(lambda: torch.iinfo(getattr(torch, name)))
    assert outcome(lambda: dt.iinfo(dt.ALL[name])) == theirs


def test_limits_compare_but_do_not_hash():
    assert dt.finfo(dt.complex64) == dt.finfo(dt.float32) != dt.finfo(dt.float64)
    with pytest.raises(TypeError, match="unhashable"):
        hash(dt.finfo(dt.float32))
    with pytest.raises(TypeError, match="argument 'type' .* must be torch.dtype, not str"):
        dt.finfo("float32")
    with pytest.raises(TypeError, match="requires a floating point input type"):
        dt.finfo(dt.int8)


def test_layout_constants():
    for kind in ("layout", "memory_format", "qscheme"):
        cls, oracle = getattr(layout, kind), getattr(torch, kind)
        theirs = {n: repr(v) for n, v in vars(torch).items() if isinstance(v, oracle)}
        assert {n: repr(getattr(layout, n)) for n in theirs} == theirs
        with pytest.raises(TypeError, match="cannot create 'torch."):
            cls()
    for each in layout.ALL.values():
        assert pickle.loads(pickle.dumps(each)) is copy.deepcopy(each) is each


SIZE_CALLS = [
    lambda s: s([1, 2]) + (3,),
    lambda s: (3,) + s([1, 2]),
    lambda s: s([1]) + [1],
    lambda s: [1] + s([1]),
    lambda s: s([1, 2]) * 2,
    lambda s: 2 * s([1, 2]),
    lambda s: s([1, 2])[:1],
    lambda s: s([1, 2])[-1],
    lambda s: s([1, 2])[2],
    lambda s: s([1.5, 2]),
    lambda s: s([1, "a"]),
    lambda s: s(3),
    lambda s: s([True, np.int64(2)]),
    lambda s: s(),
    lambda s: s([2, 3]).numel(),
    lambda s: s([]).numel(),
    lambda s: hash(s([2, 3])) == hash((2, 3)) and s([2, 3]) == (2, 3),
]


@pytest.mark.parametrize("call", SIZE_CALLS)
def test_size(call):
    def run(cls):
        try:
            found = call(cls)
        except (TypeError, IndexError) as error:
            return type(error).__name__, str(error).replace("torch.Size", "Size")
        return repr(found), type(found).__name__

    assert run(Size) == run(torch.Size)


def test_size_pickles_as_a_size():
    again = pickle.loads(pickle.dumps(Size([2, 3])))
    assert type(again) is Size and again == (2, 3)
