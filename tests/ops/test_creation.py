"""Creation ops give torch's tensors, dtypes, strides and errors, call by call."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

import franken

torch = pytest.importorskip("torch")

FROM_DATA = """
tensor([np.float64(1)])
tensor(np.float64(1))
tensor([np.float32(1), 2.0])
tensor([np.array([1., 2.]), np.array([1, 2])])
tensor([np.int32(3)])
tensor([True, 2])
tensor([1, 2.5])
tensor([1, 2j])
tensor(2**63)
tensor([1, 2**70])
tensor(2**63, dtype=torch.float32)
tensor([-1, 3], dtype=torch.uint8)
tensor([-1, 300], dtype=torch.uint8)
tensor(1.5, dtype=torch.int32)
tensor(1e20, dtype=torch.int32)
tensor(1e300, dtype=torch.float32)
tensor([1j], dtype=torch.int64)
tensor(float('nan'), dtype=torch.int64)
tensor([[1, 2], [3]])
tensor([1, [3, 4]])
tensor([[1, 2], 3])
tensor("abc")
tensor(["a"])
tensor([1, None])
tensor({})
tensor([[], []])
tensor([torch.tensor(1.5), 2])
tensor([torch.tensor([1.]), torch.tensor([2.])])
tensor([torch.tensor([1., 2]), torch.tensor([2., 3])])
tensor(range(3))
tensor(((7, 5), (9, np.array(5.))))
tensor(((7, np.array(5)), (np.array(9), 5.)))
tensor((5, np.float64(3.)))
tensor([5., np.float32(3.)])
tensor([5j, np.complex128(3.)])
tensor([[1], np.array([3.])])
tensor([[1], torch.tensor([3.])])
tensor([1, np.array([3.])])
tensor([np.array(3.)])
as_tensor([5, np.float64(3.5)])
asarray(np.float64(.5))
asarray(np.float64(.5), copy=True)
asarray(np.float64(.5), copy=False)
asarray(np.int8(1), dtype=torch.int32, copy=False)
asarray(1.5, copy=False)
tensor(np.arange(3)[::-1])
tensor(np.arange(3, dtype='>i4'))
tensor(bytearray(b"ab"))
tensor([1], dtype='x')
tensor([1], dtype=float)
tensor([1], requires_grad=True)
tensor([1], foo=1)
Tensor()
Tensor([1, 2])
Tensor((2, 3))
Tensor(2, 3).shape
Tensor(torch.Size([2, 3])).shape
Tensor(5.)
Tensor("a")
Tensor(torch.tensor([1, 2]))
LongTensor([1.5, 2])
BoolTensor([1, 0])
as_tensor(np.arange(2), dtype=torch.float32)
from_numpy([1])
asarray([1, 2], copy=False)
asarray(np.arange(2), dtype=torch.float32, copy=False)
frombuffer(bytearray(b'abcdefgh'), dtype=torch.int32, count=1, offset=4)
frombuffer(bytearray(b'abc'), dtype=torch.int32)
frombuffer(bytearray(b'abcdef'), dtype=torch.int32, offset=7)
frombuffer(bytearray(b'abcdef'), dtype=torch.int32, count=3)
nn.Parameter(torch.ones(2))
nn.Parameter(torch.ones(2, dtype=torch.int64))
ones(2, dtype=torch.int64).new_tensor([1.5, 2])
"""
BY_SIZE = """
zeros()
zeros(2, 3)
zeros([2, 3])
zeros(size=(2,))
zeros(size=2)
zeros(2.5)
zeros(-1)
ones(-1)
zeros((2, None))
zeros((True, 2))
zeros(2, dtype=int)
zeros(2, dtype='float32')
zeros(torch.tensor(2))
zeros(2**40, 2**40)
zeros(2, foo=1)
zeros(2, requires_grad=1)
zeros(2, out=torch.empty(0), dtype=torch.int64)
zeros(2, out=torch.empty(0, dtype=torch.int64))
zeros(2, dtype=torch.int64, requires_grad=True)
empty((2, 3, 4, 5), memory_format=torch.channels_last).stride()
empty((2, 3, 4), memory_format=torch.channels_last)
empty_like(torch.ones(2, 3).t()).stride()
empty_like(torch.ones(2, 3, 4, 5)[:, :, ::2]).stride()
empty_like(torch.ones(2, 1).expand(2, 3)).stride()
empty_like(torch.ones(2, 3, 4).permute(2, 0, 1)[:, :, :2]).stride()
ones_like(2)
full((2,), 3)
full((2,), True)
full((2,), 1j)
full(2, 3)
full((2,), "a")
full((2,), torch.tensor(3.5))
full((2,), 300, dtype=torch.uint8)
full((2,), -1, dtype=torch.uint8)
full((2,), 1e50)
full((2,), 1j, dtype=torch.float32)
full((2,), 2**64)
full((2,), 1e10, dtype=torch.float16)
full((1,), 1e10, dtype=torch.float16)
full((2,), 65505, dtype=torch.float16)
full((2,), 1j, dtype=torch.bfloat16)
full((), 1j, dtype=torch.bfloat16)
full((2,), 1e10, dtype=torch.float8_e5m2)
ones(2, dtype=torch.bfloat16).new_full((2,), 1e39)
ones(0, dtype=torch.float16).fill_(1e10)
ones(1, dtype=torch.float16).fill_(1e10)
full((2,), 3., out=torch.empty(2, dtype=torch.int64))
full_like(torch.ones(2, dtype=torch.int64), 3.7)
full_like(torch.ones(2, dtype=torch.int32), 2**40)
eye(2, 3, dtype=torch.int64)
eye(-1)
eye(2.5)
empty_strided((2, 3), (1, 2)).stride()
empty_strided((2, 3), (1,))
empty_strided((2, 3), (-1, 2))
empty_strided((2, 3), (2**62, 1))
empty_strided((0, 2, 0), (12, 4, 1)).stride()
empty_strided((0, 2, 0), (2, 4, 6), dtype=torch.bfloat16).stride()
empty_strided((2, 2), (1, 2), dtype=torch.bfloat16).stride()
empty_permuted((2, 3, 4), (2, 0, 1)).stride()
empty_permuted((2, 3), (0, 0))
empty_permuted((2,), (3,))
scalar_tensor(True)
scalar_tensor(3j)
ones(2).new_zeros(2, 3)
ones(2).new_zeros()
ones(2).new_full((2,), 3)
ones(2).new_full(2, 2)
ones(2).new_empty_strided((2, 3), (1, 2)).stride()
ones(2, dtype=torch.float64).new([2, 3])
"""
RANGES = """
arange(5)
arange(5.)
arange(1, 2.5, 0.5)
arange(5, 1)
arange(5, 1, -1)
arange(1, 5, 0)
arange(0, float('inf'))
arange(5, dtype=torch.bool)
arange(torch.tensor(3.))
arange(start=1, end=3)
arange(1j)
arange("a")
arange(-0.9, 2.1, 2.0, dtype=torch.int64)
arange(0, 5.5, out=torch.empty(0, dtype=torch.int64))
arange(8.788187456158166, -19.954287227422867, -1).tolist()
arange(0.1, 30, 0.3, dtype=torch.float64).tolist()
range(0, 3, 0.5)
linspace(0, 10, 5, dtype=torch.int64)
linspace(-2, 50, 50, dtype=torch.int64)
linspace(0, 10, 3.5)
linspace(0, 10, -1)
linspace(3, 10, 1)
linspace(0, 1j, 3, dtype=torch.float32)
linspace(torch.tensor(1.), torch.tensor(3.), 3)
linspace(torch.tensor([1.]), 3, 3)
linspace(0, 1, 7).tolist()
linspace(-3.3, 17.2, 101, dtype=torch.float64).tolist()
linspace(7.23987080444973, 3, 50).tolist()
logspace(0, 2, 3, base=2)
logspace(0, 3, 4, dtype=torch.int64)
logspace(-1, 1, 4, base=-2)
"""
QUESTIONS = """
result_type(torch.ones(2), 1)
result_type(1, 2.)
promote_types(torch.int8, torch.uint8)
can_cast(torch.float32, torch.int8)
can_cast(1, 2)
is_tensor(1)
is_complex(1)
is_nonzero(torch.ones(2))
is_nonzero(torch.ones(0))
numel(1)
typename(1)
"""
CALLS = [c for block in (FROM_DATA, BY_SIZE, RANGES, QUESTIONS) for c in block.split("\n") if c]


def outcome(module, call):
    space = {"torch": module, "np": np, "float": float, "int": int, "range": range,
             "bytearray": bytearray}  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            value = eval("torch." + call, space)
        except (RuntimeError, TypeError, ValueError, OverflowError, NotImplementedError) as error:
            return type(error).__name__, re.split(r"[\n(]", str(error))[0][:60]
    return repr(value), str(getattr(value, "dtype", ""))


@pytest.mark.parametrize("call", CALLS)
def test_same_as_torch(call):
    import franken.nn

    ours, theirs = outcome(franken, call), outcome(torch, call)
    assert ours == theirs


def test_from_numpy_shares_and_tensor_copies():
    a = np.arange(3.0)
    shared, copied = franken.from_numpy(a), franken.tensor(a)
    a[0] = 7
    assert shared[0].item() == 7
    assert copied[0].item() == 0
    shared.add_(1)
    assert a[1] == 2


def test_as_tensor_is_the_same_tensor_and_shares_arrays():
    t = franken.ones(2)
    assert franken.as_tensor(t) is t
    a = np.zeros(2, np.float32)
    franken.as_tensor(a).fill_(3)
    assert a.tolist() == [3, 3]


def test_copy_construct_warns():
    with pytest.warns(UserWarning, match="To copy construct from a tensor"):
        franken.tensor(franken.ones(1))


def test_out_is_resized_and_returned():
    target = franken.empty(0)
    assert franken.ones(2, 2, out=target) is target
    assert target.shape == (2, 2)


def test_like_a_traced_tensor_is_traced():
    from franken.func import vmap

    def f(x):
        a, b = franken.zeros_like(x), x.new_ones(3)
        a += x
        b *= x.sum()
        return a + franken.full_like(x, 2.0), b

    x = franken.arange(6.0).reshape(2, 3)
    a, b = vmap(f)(x)
    assert a.tolist() == (x + 2).tolist()
    assert b.tolist() == [[3.0] * 3, [12.0] * 3]


def test_default_dtype_and_device_are_followed():
    franken.set_default_dtype(franken.float64)
    try:
        assert franken.tensor([1.5]).dtype is franken.float64
        assert franken.zeros(1).dtype is franken.float64
        assert franken.tensor([1j]).dtype is franken.complex128
    finally:
        franken.set_default_dtype(franken.float32)
    with franken.device("cpu"):
        assert franken.zeros(1).device.type == "cpu"


@pytest.mark.parametrize("inside", ["z", "[[1, 2], z]", "[z]"])
def test_a_list_that_holds_itself_has_no_dtype(inside):
    z = [0]
    z.append(z)
    for module in (torch, franken):
        for make in (module.tensor, module.as_tensor):
            with pytest.raises(TypeError, match=r"^new\(\): self-referential lists are incompat"):
                make(eval(inside, {"z": z}))


BY_DEFAULT = """
full((2,), 1j)
full((2,), 1.)
tensor(1j)
tensor([1j, 2])
asarray(1j)
result_type(1, 1j)
result_type(torch.ones(2, dtype=torch.int32), 1j)
ones(2, dtype=torch.int32) * 1j
ones(2, dtype=torch.float32) * 1j
where(torch.tensor(True), 1j, 2.)
linspace(0, 1j, 3)
logspace(0, 1j, 3)
arange(0., 3.)
"""


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("call", BY_DEFAULT.split("\n")[1:-1])
def test_numbers_follow_the_default_dtype(call, name):
    found = []
    for module in (franken, torch):
        module.set_default_dtype(getattr(module, name))
        try:
            found.append(outcome(module, call))
        finally:
            module.set_default_dtype(module.float32)
    assert found[0] == found[1]
