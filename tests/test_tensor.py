"""The tensor as an object: conversions, number protocols, NumPy and DLPack, copies, metadata."""

from __future__ import annotations

import copy
import importlib
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest

import franken

torch = pytest.importorskip("torch")

CALLS = """
ones(2).item()
ones(0).item()
bool(torch.ones(2))
bool(torch.ones(0))
float(torch.ones(2))
float(torch.ones(1, 1))
int(torch.tensor(2.7))
int(torch.tensor(float('nan')))
int(torch.tensor(1j))
float(torch.tensor(1j))
float(torch.tensor(1+0j))
complex(torch.tensor(True))
[1, 2, 3][torch.tensor(1)]
[1, 2, 3][torch.tensor(1.)]
[1, 2, 3][torch.tensor([1, 2])]
"{:.2f}".format(torch.tensor(1.234))
"{:.2f}".format(torch.tensor([1.234]))
"{}".format(torch.tensor([1.234]))
"{:d}".format(torch.tensor(3))
1 in torch.tensor([1, 2])
"a" in torch.tensor([1, 2])
torch.tensor([0.1], dtype=torch.float16).tolist()
torch.tensor([[1, 2], [3, 4]]).tolist()
torch.tensor(1.5, dtype=torch.bfloat16).item()
torch.ones(2, requires_grad=True).numpy()
torch.ones(2, dtype=torch.bfloat16).numpy()
np.asarray(torch.ones(2), dtype=np.float64)
np.ones(2) * torch.ones(2)
np.float32(2) * torch.ones(2)
torch.ones(2).to(torch.int64)
torch.ones(2).to('cpu', torch.float64)
torch.ones(2).to(torch.float64, 'cpu')
torch.ones(2).to(torch.ones(1, dtype=torch.int32))
torch.ones(2).to(device='cpu', dtype=torch.int32)
torch.ones(2).to()
torch.ones(2).to(None)
torch.ones(2).to('foo')
torch.ones(2).to(dtype=float)
torch.ones(2).to(memory_format=torch.channels_last)
torch.ones(2, 3, 4, 5).to(memory_format=torch.channels_last).stride()
torch.ones(2, 3).t().to(torch.float64).stride()
torch.ones(2, 3).t().to(torch.float32, copy=True).stride()
torch.ones(2).type_as(torch.ones(1, dtype=torch.int8))
torch.tensor([300., -1]).byte()
torch.tensor([1+2j]).float()
torch.tensor([1e10, -1e10, float('nan'), float('inf')]).int()
torch.tensor([1e10, -1e10, float('nan'), 1e20]).long()
torch.tensor([1e10, -1e10, float('nan')]).to(torch.int16)
torch.tensor([1e10, -1e10, 7.9]).to(torch.uint8)
torch.tensor([0., float('nan'), 2j]).bool()
torch.tensor([1e300, 1e-300, 65520.0, 0.1], dtype=torch.float64).half()
torch.tensor([1e300, 3.0e38, 0.1], dtype=torch.float64).bfloat16()
torch.ones(3)[1:].storage_offset()
torch.ones(3, 2).stride(-1)
torch.ones(3, 2).stride(5)
torch.ones(3, 2).size(5)
torch.ones(3, 2).size('a')
torch.ones(3, 2).size(dim=0)
torch.ones(3, 2).nbytes
torch.ones(3, 2).element_size()
torch.ones(3, 2).is_signed()
torch.ones(3, 2).get_device()
torch.ones(3, 2).layout
torch.ones(2).untyped_storage().nbytes()
torch.ones(2).untyped_storage()
torch.tensor(1).type()
torch.tensor(1).type(torch.float32)
torch.tensor(1).type('torch.DoubleTensor')
torch.tensor(1).type('foo')
isinstance(torch.tensor(1.), torch.FloatTensor)
isinstance(torch.tensor(1), torch.FloatTensor)
torch.ones(2).copy_(torch.ones(3))
torch.ones(2).copy_(torch.tensor(5))
torch.ones(2).copy_(torch.ones(2, 2))
torch.ones(2, dtype=torch.int64).copy_(torch.ones(2) * 1.7)
torch.ones(2).copy_(3)
torch.ones(2).copy_(np.ones(2))
torch.ones(2).expand(2, 2).copy_(torch.ones(2))
torch.set_deterministic_debug_mode('foo')
torch.set_num_threads(0)
torch.set_default_tensor_type('torch.FooTensor')
torch.set_default_tensor_type(torch.float32)
torch.typename(torch.ones(1)), torch.typename(torch.Tensor), torch.typename(torch.nn.ReLU())
torch.typename(torch.nn.Linear), torch.typename(torch.ones(1).untyped_storage())
torch.typename(torch.Size([1])), torch.typename(torch.device('cpu')), torch.typename(torch.float32)
torch.typename(3), torch.typename(int), torch.typename('a'), torch.typename(torch.Generator())
torch.typename(torch.nn.functional.relu), torch.typename(torch.optim.SGD), torch.typename(None)
torch.typename(torch.FloatStorage), torch.typename(torch.FloatTensor), torch.typename(print)
torch.set_default_tensor_type(3)
torch.set_default_tensor_type(torch.nn.Linear)
torch.set_default_tensor_type(torch.FloatStorage)
torch.backends.cudnn.enabled
torch.device('cuda:1').type, torch.device('cuda:1').index
torch.device('cpu').index, torch.device('meta').index
torch.device('bogus:1')
torch.device('cuda:01')
torch.device('cuda:1:1')
torch.device('1')
torch.device('')
"""


def outcome(module, call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return repr(
                eval(call if "torch." in call else "torch." + call, {"torch": module, "np": np})
            )
        except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
            return type(error).__name__, str(error).split("\n")[0][:40]


@pytest.mark.parametrize("call", [c for c in CALLS.split("\n") if c])
def test_same_as_torch(call):
    assert outcome(franken, call) == outcome(torch, call)


def test_to_is_the_same_tensor_where_nothing_changes():
    t = franken.ones(2)
    assert t.to(franken.float32) is t
    assert t.float() is t
    assert t.cpu() is t
    assert t.to(franken.float32, copy=True) is not t


def test_casts_carry_gradients_back_to_the_dtype():
    x = franken.ones(2, requires_grad=True)
    (x.double() * 3).sum().backward()
    assert x.grad.dtype is franken.float32
    assert x.grad.tolist() == [3, 3]


def test_copy_ends_the_old_history_and_goes_on_with_the_source():
    x, src = franken.ones(3, requires_grad=True), franken.full((1,), 2.0, requires_grad=True)
    y = x * 5
    y.copy_(src)
    y.sum().backward()
    assert x.grad.tolist() == [0, 0, 0]
    assert src.grad.tolist() == [3]


def test_numpy_shares_memory_and_ufuncs_give_tensors():
    t = franken.zeros(3)
    t.numpy()[1] = 4
    assert t.tolist() == [0, 4, 0]
    assert isinstance(np.sin(t), franken.Tensor)
    assert np.add(np.ones(3), t).tolist() == [1, 5, 1]


def test_dlpack_shares_both_ways():
    t = franken.arange(3.0)
    assert np.shares_memory(np.from_dlpack(t), t.numpy())
    theirs = torch.from_dlpack(t)
    theirs[0] = 9
    assert t[0].item() == 9
    assert franken.from_dlpack(theirs)[0].item() == 9
    with pytest.raises(BufferError, match="require gradient"):
        franken.ones(1, requires_grad=True).__dlpack__()


DLPACK = [
    "bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64", "float16",
    "bfloat16", "float32", "float64", "complex32", "complex64", "complex128", "float8_e4m3fn",
    "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu",
]  # fmt: skip
PARTS = {
    "whole": lambda t: t, "capsule": lambda t: t.__dlpack__(), "transposed": lambda t: t.t(),
    "gaps": lambda t: t[:, ::2], "empty": lambda t: t[:0],
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:ComplexHalf")
@pytest.mark.parametrize("name", DLPACK)
@pytest.mark.parametrize("part", PARTS)
def test_dlpack_of_every_dtype_to_and_from_torch(name, part):
    whole = {m: m.ones(2, 3).to(getattr(m, name)) for m in (torch, franken)}
    value = 0 if name == "bool" else 2
    for giver, taker in ((torch, franken), (franken, torch), (franken, franken)):
        given = PARTS[part](whole[giver])
        taken = taker.from_dlpack(given)
        assert str(taken.dtype) == f"torch.{name}"
        if part == "capsule":
            given = whole[giver]
        assert taken.shape == given.shape and taken.stride() == given.stride()
        taken.fill_(value)
        assert given.to(giver.complex64).tolist() == taken.to(taker.complex64).tolist()


def test_dlpack_options(agree):
    agree(lambda T: T.ones(2).__dlpack__(stream=1))
    agree(lambda T: T.from_dlpack(T.utils.dlpack.to_dlpack(T.ones(2, requires_grad=True))))


def test_deepcopy_keeps_sharing_gradients_and_attributes():
    base = franken.arange(6.0)
    pair = {"base": base, "view": base[2:4], "p": franken.nn.Parameter(franken.ones(2))}
    pair["p"].grad = franken.full((2,), 7.0)
    pair["p"].note = "kept"
    made = copy.deepcopy(pair)
    made["base"][2] = 100
    assert made["view"].tolist() == [100, 3]
    assert base[2].item() == 2
    assert isinstance(made["p"], franken.nn.Parameter)
    assert made["p"].requires_grad
    assert made["p"].grad.tolist() == [7, 7]
    assert made["p"].note == "kept"
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        copy.deepcopy(made["p"] * 2)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int64", "bool", "complex64"])
def test_pickle_round_trip(dtype):
    t = franken.ones(2, 3).to(getattr(franken, dtype)).t()
    back = pickle.loads(pickle.dumps(t))
    assert back.dtype is t.dtype
    assert back.shape == t.shape
    assert bool((back == t).all())
    p = pickle.loads(pickle.dumps(franken.nn.Parameter(franken.ones(2))))
    assert isinstance(p, franken.nn.Parameter)
    assert p.requires_grad


def test_subclasses():
    class Named(franken.Tensor):
        pass

    t = Named([1.0, 2.0])
    assert type(t) is Named
    assert t.tolist() == [1, 2]
    base = franken.ones(2, requires_grad=True)
    view = base.as_subclass(Named)
    assert view.requires_grad
    assert repr(Named([1.0])) == "Named([1.])"


def test_values_inside_transforms():
    assert franken.func.grad(lambda x: x * x.item())(franken.tensor(3.0)).item() == 3
    with pytest.raises(RuntimeError, match="data-dependent control flow"):
        franken.func.vmap(lambda x: x if x > 0 else -x)(franken.ones(2))
    with pytest.raises(RuntimeError, match=r"calling \.item\(\) on a Tensor"):
        franken.func.vmap(lambda x: x * x.item())(franken.ones(2))


def test_missing_names_are_said_with_the_nearest():
    with pytest.raises(AttributeError, match="'torch' has no attribute 'randd'.*randn"):
        franken.randd  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'erff'.*erf"):
        franken.special.erff  # noqa: B018
    assert not hasattr(franken, "not_a_name_at_all")


def test_submodules_are_importable():
    for name in ("autograd", "cuda", "fft", "func", "linalg", "nn.functional", "random", "special",
                 "testing", "version"):  # fmt: skip
        importlib.import_module(f"franken.{name}")
    import franken.backends.cudnn as cudnn

    with cudnn.flags(benchmark=True):
        assert franken.backends.cudnn.benchmark
    assert not cudnn.benchmark
    assert franken.version.cuda is None
    assert franken.__version__ == franken.version.__version__


def test_importing_loads_nothing_heavy():
    code = (
        "import sys, franken; franken.ones(2).sum(); print([m for m in ('scipy', 'rich', "
        "'structlog', 'torch', 'cupy', 'difflib', 'click') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
