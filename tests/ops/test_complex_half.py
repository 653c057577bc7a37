"""complex32: stored as pairs of halves, computed in complex64 and rounded once, like torch's."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import franken

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")

VALUES = [1 + 2j, 3.3 - 4j, -0.1 + 0j, 300.7j]

# Ops that torch's CPU has for ComplexHalf: the bits must agree.
EXACT = """
x
x + x
x * x
x - 1
x * 2
x + 1.5
x + 1j
-x
x.conj()
x.real
x.imag
x.abs()
x.sgn()
x == x
x.half()
x.long()
x.bool()
x.to(lib.complex128)
x.to(lib.float64)
lib.view_as_real(x)
lib.view_as_complex(x.real.reshape(2, 2).contiguous())
lib.complex(x.real, x.imag)
lib.cat([x, x.conj()])
lib.stack([x, x])
lib.where(x.real > 0, x, -x)
x.masked_fill(x.real > 0, 1j)
x.index_add(0, lib.tensor([0, 0]), x[:2])
x.index_select(0, lib.tensor([3, 1]))
x[1:3].clone().mul_(2)
x.clone().copy_(lib.ones(4))
x.diag_embed()
x.reshape(2, 2).tril()
x.roll(1)
x.isnan()
lib.isfinite(x)
x.isreal()
x.nonzero()
x.norm()
lib.full((2,), 0.1j, dtype=lib.chalf)
lib.tensor([1, 2]).chalf()
lib.tensor([0.1, 2e5]).chalf()
lib.tensor([0.1, 2e5], dtype=lib.float64).chalf()
lib.ones(2).half() + x[:2]
lib.ones(2) + x[:2]
lib.ones(2).bfloat16() + x[:2]
lib.ones(2).half() * 1j
x.view(lib.int32)
x.numpy()
x.element_size()
x.tolist()
x[1].item()
x[3:] != 0
lib.linalg.inv(x.reshape(2, 2))
lib.linalg.qr(x.reshape(2, 2))
lib.linalg.cholesky(x.reshape(2, 2))
lib.linalg.matrix_exp(x.reshape(2, 2))
lib.linalg.slogdet(x.reshape(2, 2))
lib.linalg.svdvals(x.reshape(2, 2))
x.type()
str(x)
lib.promote_types(lib.float16, lib.complex32)
lib.finfo(lib.complex32).max
"""


def made(lib):
    return lib.tensor(VALUES, dtype=lib.complex32)


def outcome(lib, text):
    """The bits, dtype and shape of a call, or its error."""
    try:
        got = eval(text, {"lib": lib, "x": made(lib)})
    except (TypeError, RuntimeError) as error:
        return type(error).__name__, str(error)
    if not isinstance(got, lib.Tensor):
        return str(got)
    plain = got.to(lib.complex64) if got.dtype is lib.complex32 else got
    values = plain.float() if plain.dtype is lib.bfloat16 else plain
    return str(got.dtype), tuple(got.shape), values.numpy().tolist()


@pytest.mark.filterwarnings("ignore:Casting complex values")
@pytest.mark.parametrize("text", EXACT.strip().splitlines())
def test_torch_gives_the_same_bits(text):
    ours, theirs = outcome(franken, text), outcome(torch, text)
    assert ours == theirs or str(ours) == str(theirs)


# Ops that torch has on other devices only: complex64 rounded once is what they must give.
ROUNDED = ["exp", "sqrt", "sum", "prod", "reciprocal", "cumsum", "mean", "flip", "tanh"]


@pytest.mark.parametrize("name", ROUNDED)
def test_other_ops_round_the_complex64_result_once(name):
    x = franken.tensor([1 + 2j, 0.3 - 0.7j, -0.1 + 0j]).chalf()
    args = (0,) if name in ("cumsum", "flip") else ()
    ours = getattr(x, name)(*args)
    wide = getattr(x.to(franken.complex64), name)(*args)
    assert ours.dtype is franken.complex32
    assert ours.tolist() == wide.chalf().tolist()


def test_truth_counts_the_imaginary_part():
    x = franken.tensor([1j, 0]).chalf()
    assert [x[:1].all().item(), x.any().item(), x.all().item()] == [True, True, False]
    assert x.logical_not().tolist() == [False, True]
    assert x.bool().tolist() == [True, False]


def test_product_rounds_once():
    """With a rounding after each partial product the imaginary part would be lost."""
    x = franken.tensor([1.001 + 1j]).chalf()
    y = franken.tensor([1 - 1.001j]).chalf()
    got = (x * y).to(franken.complex64).numpy()
    a, b = (t.to(franken.complex64).numpy() for t in (x, y))
    want = (a * b).real.astype(np.float16) + 1j * (a * b).imag.astype(np.float16)
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: (x * x.conj()).real,
        lambda x: (x * x * 1j).abs(),
        lambda x: x.real * x.imag,
    ],
)
def test_gradients(f):
    def call(lib):
        x = lib.tensor(VALUES[:3], dtype=lib.complex32, requires_grad=True)
        y = f(x)
        y.backward(lib.tensor([1.0, -2.0, 0.5]).half())
        return x.grad.to(lib.complex64).numpy()

    np.testing.assert_allclose(call(franken), call(torch), rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize("source", ["float32", "float64", "float16", "bfloat16", "complex64"])
def test_gradient_of_the_conversion(source):
    def call(lib):
        x = lib.tensor([1.0, -2.0], dtype=getattr(lib, source), requires_grad=True)
        (x.chalf() * (1 + 3j)).imag.backward(lib.ones(2).half())
        return str(x.grad.dtype), x.grad.to(lib.complex64).tolist()

    assert call(franken) == call(torch)


def test_jvp_and_vmap():
    from franken.func import jvp, vmap

    x, t = made(franken), franken.ones(4).chalf()
    assert jvp(lambda v: v * v, (x,), (t,))[1].tolist() == (x * 2).tolist()
    assert vmap(lambda v: v * v + 1)(x).tolist() == (x * x + 1).tolist()


@pytest.mark.parametrize("name", ["rand", "randn"])
def test_random_numbers(name):
    def call(lib):
        lib.manual_seed(3)
        return getattr(lib, name)(5, dtype=lib.complex32).to(lib.complex64).tolist()

    assert call(franken) == call(torch)


def test_parts_are_views():
    x = made(franken)
    x.real.fill_(7)
    franken.view_as_real(x)[0, 1] = -1
    assert x.tolist() == [7 - 1j, 7 - 4j, 7, 7 + 300.75j]
    halves = franken.zeros(2, 2).half()
    franken.view_as_complex(halves)[1] = 2 + 3j
    assert halves.tolist() == [[0, 0], [2, 3]]


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_optimizers_step_both_parts(name):
    p = franken.tensor(VALUES[:2]).chalf().requires_grad_()
    wide = p.detach().to(franken.complex64).requires_grad_()
    for each in (p, wide):
        (each * (1 - 2j)).imag.backward(franken.ones(2).to(each.real.dtype))
        getattr(franken.optim, name)([each], lr=0.5).step()
    np.testing.assert_allclose(
        p.detach().to(franken.complex64).numpy(), wide.detach().numpy(), rtol=2e-3, atol=2e-3
    )


def test_copies():
    x = made(franken)
    for y in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert y.dtype is franken.complex32
        assert y.tolist() == x.tolist()
