"""Conjugated and negated views against torch: values, bits, sharing, strides, versions, errors.

Each program runs on a plain tensor and on the three kinds of deferred ones.
"""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import franken  # noqa: E402
from franken.autograd.record import record  # noqa: E402
from franken.autograd.replay import replay  # noqa: E402
from franken.transforms.stage import make_graph  # noqa: E402

KINDS: dict[str, Any] = {
    "plain": lambda t: t,
    "conj": lambda t: t.conj(),
    "neg": lambda t: t._neg_view(),
    "both": lambda t: t.conj()._neg_view(),
}
NUMBERS = [[1 + 2j, 3 - 1j, -2 + 0.5j], [0.5 - 4j, -1j, 7 + 3j]]

VIEWS: dict[str, Any] = {
    "itself": lambda m, y: y,
    "conj": lambda m, y: y.conj(),
    "_conj": lambda m, y: m._conj(y),
    "_neg_view": lambda m, y: y._neg_view(),
    "twice": lambda m, y: y.conj().conj(),
    "mH": lambda m, y: y.mH,
    "H": lambda m, y: y.H,
    "adjoint": lambda m, y: m.adjoint(y),
    "real": lambda m, y: y.real,
    "imag": lambda m, y: y.imag,
    "imag of conj": lambda m, y: y.conj().imag,
    "view_as_real": lambda m, y: m.view_as_real(y),
    "view_as_complex": lambda m, y: m.view_as_complex(m.view_as_real(y)),
    "t": lambda m, y: y.t(),
    "permute": lambda m, y: y.permute(1, 0),
    "reshape": lambda m, y: y.reshape(3, 2),
    "reshape of transposed": lambda m, y: y.t().reshape(2, 3),
    "view": lambda m, y: y.view(-1),
    "flatten": lambda m, y: y.flatten(),
    "expand": lambda m, y: y.expand(2, 2, 3),
    "select": lambda m, y: y[1],
    "slice": lambda m, y: y[:, 1:],
    "step": lambda m, y: y[:, ::2],
    "number": lambda m, y: y[0, 1],
    "none": lambda m, y: y[None],
    "gather": lambda m, y: y[m.tensor([1, 0])],
    "mask": lambda m, y: y[m.tensor([True, False])],
    "unsqueeze": lambda m, y: y.unsqueeze(1),
    "squeeze": lambda m, y: y[:1].squeeze(0),
    "chunk": lambda m, y: y.chunk(2, 1)[1],
    "split": lambda m, y: y.split([1, 2], 1)[1],
    "unbind": lambda m, y: y.unbind(1)[2],
    "iteration": lambda m, y: list(y)[1],
    "diagonal": lambda m, y: y.diagonal(),
    "unfold": lambda m, y: y.unfold(1, 2, 1),
    "as_strided": lambda m, y: y.as_strided((2, 2), (1, 2), 1),
    "detach": lambda m, y: y.detach(),
    "data": lambda m, y: y.data,
    "contiguous": lambda m, y: y.contiguous(),
    "contiguous of transposed": lambda m, y: y.t().contiguous(),
    "resolve_conj": lambda m, y: y.resolve_conj(),
    "resolve_neg": lambda m, y: y.resolve_neg(),
    "parameter": lambda m, y: m.nn.Parameter(y).detach(),
    "to the same": lambda m, y: y.to("cpu").to(y.dtype),
    "to another": lambda m, y: y.to(m.complex128),
    "to a copy": lambda m, y: y.to(y.dtype, copy=True),
    "shallow copy": lambda m, y: copy.copy(y),
    "deep copy": lambda m, y: copy.deepcopy(y),
    "clone": lambda m, y: y.clone(),
    "alias_copy": lambda m, y: m.alias_copy(y),
    "view_as_real_copy": lambda m, y: m.view_as_real_copy(y),
    "_conj_copy": lambda m, y: m._conj_copy(y),
    "_neg_view_copy": lambda m, y: m._neg_view_copy(y),
    "view of dtype": lambda m, y: y.view(m.float32),
    "view of its dtype": lambda m, y: y.view(y.dtype),
}
VALUES: dict[str, Any] = {
    "conj_physical": lambda m, y: y.conj_physical(),
    "_conj_physical": lambda m, y: y._conj_physical(),
    "neg": lambda m, y: -y,
    "abs": lambda m, y: y.abs(),
    "angle": lambda m, y: y.angle(),
    "exp": lambda m, y: y.exp(),
    "number": lambda m, y: y * (1 + 2j),
    "number before": lambda m, y: 2 - y,
    "with itself": lambda m, y: y * y,
    "with plain": lambda m, y: y + y.clone(),
    "float": lambda m, y: y.imag + 1.5,
    "floats": lambda m, y: y.imag * y.real,
    "sum": lambda m, y: y.sum(0),
    "mean": lambda m, y: y.mean(),
    "mm": lambda m, y: y @ y.mH,
    "mv": lambda m, y: y.t().mv(y[:, 0]),
    "dot": lambda m, y: y[0].dot(y[1]),
    "vdot": lambda m, y: m.vdot(y[0], y[1]),
    "vdot of plain": lambda m, y: m.vdot(y[0].clone(), y[1]),
    "bmm": lambda m, y: m.bmm(y[None], y.mH[None]),
    "einsum": lambda m, y: m.einsum("ij,kj->ik", y, y),
    "linear": lambda m, y: m.nn.functional.linear(y, y),
    "equal": lambda m, y: m.equal(y, y.clone()),
    "eq": lambda m, y: y == y.clone(),
    "allclose": lambda m, y: m.allclose(y, y.clone()),
    "where": lambda m, y: m.where(y.real > 0, y, 0),
    "cat": lambda m, y: m.cat([y, y]),
    "stack": lambda m, y: m.stack([y, y]),
    "flip": lambda m, y: y.flip(0),
    "zeros_like": lambda m, y: m.zeros_like(y),
    "new_ones": lambda m, y: y.new_ones(2),
    "fft": lambda m, y: m.fft.fft(y),
    "ihfft": lambda m, y: m.fft.ihfft(y.imag),
    "inv": lambda m, y: m.linalg.inv(y[:, :2]),
    "norm": lambda m, y: y.norm(),
    "cumsum": lambda m, y: y.cumsum(1),
    "complex": lambda m, y: m.complex(y.real, y.imag),
    "lerp": lambda m, y: m.lerp(y.imag, y.real, 0.25),
    "sort": lambda m, y: y.imag.sort(),
    "isclose": lambda m, y: m.isclose(y.imag, y.imag + 0),
    "item": lambda m, y: y[0, 1].item(),
    "tolist": lambda m, y: y.tolist(),
    "complex number": lambda m, y: complex(y[0, 1]),
    "float number": lambda m, y: float(y.imag[0, 1]),
    "format": lambda m, y: f"{y[0, 1]}",
    "repr": lambda m, y: repr(y) + repr(y.imag),
    "in": lambda m, y: 1 + 2j in y,
    "numpy": lambda m, y: y.numpy().tolist(),
    "numpy of imag": lambda m, y: y.imag.numpy().tolist(),
    "numpy by force": lambda m, y: y.numpy(force=True).tolist(),
    "of the class": lambda m, y: (isinstance(y, m.Tensor), m.is_tensor(y), y.__class__ is m.Tensor),
    "strides": lambda m, y: (y.t().stride(), y[1:].storage_offset(), y.is_contiguous()),
    "is_set_to": lambda m, y: y.is_set_to(y),
    "of bools": lambda m, y: m.tensor([True])._neg_view().is_neg(),
    "reading bools": lambda m, y: m.tensor([True])._neg_view().tolist(),
    "of ints": lambda m, y: (m.tensor([1, 2])._neg_view() + 1).tolist(),
    "of reals": lambda m, y: (m.ones(2).conj().is_conj(), m.ones(2).is_neg()),
}
WRITES: dict[str, Any] = {
    "mul_": lambda m, y: y.mul_(2j),
    "add_": lambda m, y: y.add_(y.clone()),
    "sub_ itself": lambda m, y: y.sub_(y.conj()),
    "float add_": lambda m, y: y.imag.add_(y.real.clone()),
    "float mul_": lambda m, y: y.imag.mul_(3.0),
    "iadd": lambda m, y: y.__iadd__(1j),
    "conj_physical_": lambda m, y: y.conj_physical_(),
    "neg_": lambda m, y: y.neg_(),
    "fill_": lambda m, y: y.fill_(1 + 2j),
    "float fill_": lambda m, y: y.imag.fill_(5.0),
    "zero_": lambda m, y: y.zero_(),
    "copy_": lambda m, y: y.copy_(m.full((3,), 1 + 2j)),
    "copy_ of its conjugate": lambda m, y: y.copy_(y.conj()),
    "copy_ of another dtype": lambda m, y: y.copy_(m.ones(3, dtype=m.float64)),
    "setitem": lambda m, y: y.__setitem__(0, 5 + 5j),
    "setitem of a tensor": lambda m, y: y.__setitem__((slice(None), 1), m.tensor([1j, 2j])),
    "setitem at": lambda m, y: y.__setitem__(m.tensor([1]), 1j),
    "setitem of a mask": lambda m, y: y.__setitem__(y.real > 0, 1j),
    "index_put_": lambda m, y: y.index_put_((m.tensor([0]), m.tensor([1])), m.tensor(1j)),
    "accumulated": lambda m, y: y.index_put_((m.tensor([0, 0]),), m.tensor(1j), accumulate=True),
    "masked_fill_": lambda m, y: y.masked_fill_(y.real > 0, 1j),
    "index_fill_": lambda m, y: y.index_fill_(0, m.tensor([1]), 2j),
    "index_add_": lambda m, y: y.index_add_(0, m.tensor([1]), m.full((1, 3), 1j)),
    "scatter_": lambda m, y: y.scatter_(1, m.tensor([[0], [1]]), 1j),
    "set imag": lambda m, y: setattr(y, "imag", m.arange(6.0).reshape(2, 3)),
    "set real": lambda m, y: setattr(y, "real", m.arange(6.0).reshape(2, 3)),
    "part": lambda m, y: y[1, 1:].mul_(1j),
    "transposed": lambda m, y: y.t()[0].add_(1j),
    "view of view": lambda m, y: y[0].conj()[1:].imag.sub_(1),
    "expanded": lambda m, y: y[0].expand(2, 3).add_(1),
    "out": lambda m, y: m.add(m.ones(2, 3), 1j, out=y),
    "out of mul": lambda m, y: m.mul(y, 2j, out=y),
    "out of mm": lambda m, y: m.mm(m.full((2, 2), 1j), m.full((2, 3), 1 + 1j), out=y),
    "float out": lambda m, y: m.add(m.ones(2, 3), 1, out=y.imag),
    "normal_": lambda m, y: (m.manual_seed(0), y.imag.normal_())[1],
    "uniform_": lambda m, y: (m.manual_seed(0), y.imag.uniform_())[1],
    "t_": lambda m, y: y.t_().mul_(1j),
    "unsqueeze_": lambda m, y: y.unsqueeze_(0).mul_(1j),
    "resize_": lambda m, y: y.resize_(2, 2),
    "set_": lambda m, y: y.set_(m.full((2,), 1j)),
    "data": lambda m, y: setattr(y, "data", m.full((2,), 1j).conj()),
    "lerp_": lambda m, y: y.imag.lerp_(y.real, 0.5),
    "addcmul_": lambda m, y: y.addcmul_(y, y, value=2),
    "clamp_": lambda m, y: y.imag.clamp_(-1, 1),
    "swap": lambda m, y: y.copy_(y.flip(0)),
    "under no_grad": lambda m, y: m.no_grad()(lambda: y.mul_(2j))(),
    "in inference mode": lambda m, y: m.inference_mode()(lambda: y.mul_(2j))(),
    "put_": lambda m, y: y.put_(m.tensor([0, 4]), m.tensor([1j, 2j])),
}
ERRORS = (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError, BufferError)


def told(m: Any, value: Any, base: Any) -> Any:
    """What is compared of a result: elements, dtype, bits, strides, and the place in the base."""
    if isinstance(value, (tuple, list)):
        return [told(m, v, base) for v in value]
    if not isinstance(value, m.Tensor):
        return str(value) if type(value).__module__ not in ("builtins",) else value
    here, there = value.untyped_storage().data_ptr(), base.untyped_storage().data_ptr()
    bits = value.is_conj(), value.is_neg(), m.is_conj(value), m.is_neg(value)
    return (value.resolve_conj().resolve_neg().tolist(), str(value.dtype), bits, value.stride(),
            tuple(value.shape), value.storage_offset() if here == there else "apart")  # fmt: skip


def near(a: Any, b: Any) -> bool:
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(near, a, b))
    if isinstance(a, (float, complex)) and not isinstance(b, str):
        return a == pytest.approx(b, rel=1e-5, abs=1e-6)
    return bool(a == b)


def ran(m: Any, kind: str, program: Any) -> Any:
    """What the program gives, and what it leaves in the memory."""
    x = m.tensor(NUMBERS, dtype=m.complex64)
    y = KINDS[kind](x)
    try:
        got = told(m, program(m, y), x)
    except ERRORS as error:
        got = type(error).__name__, str(error).split("\n")[0]
    return got, told(m, x, x), told(m, y, x), x._version


TABLE = {**VIEWS, **{f"value: {k}": f for k, f in VALUES.items()},
         **{f"write: {k}": f for k, f in WRITES.items()}}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TABLE)
def test_programs_do_as_torchs(name: str) -> None:
    for kind in KINDS:
        got, want = (ran(m, kind, TABLE[name]) for m in (franken, torch))
        assert near(got, want), (kind, got, want)


# --- gradients ------------------------------------------------------------------------------------

LOSSES: dict[str, Any] = {
    "product": lambda m, y: (y * weights(m)).sum().abs(),
    "itself": lambda m, y: (y * y).sum().abs(),
    "linear": lambda m, y: y.sum().real,
    "imag": lambda m, y: (y.imag * y.imag).sum(),
    "part of imag": lambda m, y: (y[1].imag * 3).sum(),
    "mm": lambda m, y: (y @ y.mH).abs().sum(),
    "transposed": lambda m, y: (y.t().reshape(-1) * weights(m).reshape(-1)).sum().imag,
    "detached": lambda m, y: (y * y.detach()).sum().abs(),
    "resolved": lambda m, y: (y.resolve_conj() * y.resolve_neg()).sum().abs(),
    "physical": lambda m, y: (y.conj_physical() * weights(m)).sum().abs(),
    "fft": lambda m, y: m.fft.hfft(y).sum(),
}
CHANGES: dict[str, Any] = {
    "none": lambda m, b, y: None,
    "view": lambda m, b, y: y.mul_(2j),
    "by a tracked one": lambda m, b, y: y.mul_(weights(m).requires_grad_()),
    "part": lambda m, b, y: y[0].mul_(3j),
    "column": lambda m, b, y: y.t()[1].add_(b.detach()[0, 0]),
    "imag": lambda m, b, y: y.imag.mul_(2),
    "base": lambda m, b, y: b.mul_(2j),
    "setitem": lambda m, b, y: y.__setitem__((0, 0), b[1, 1].detach() * 2),
    "copy_": lambda m, b, y: y.copy_(b * 2),
    "fill_": lambda m, b, y: y[1].fill_(1j),
    "expanded": lambda m, b, y: y[0].unfold(0, 2, 2).mul_(2j),
}


def weights(m: Any) -> Any:
    return m.tensor([[1j, 2 - 1j, 0.5], [3, -1j, 1 + 1j]])


def changed(m: Any, kind: str, loss: Any, change: Any) -> Any:
    x = m.tensor(NUMBERS, dtype=m.complex64, requires_grad=True)
    base = x * (1 + 1j)
    y = KINDS[kind](base)
    try:
        change(m, base, y)
        out = loss(m, y) + loss(m, base)
        name = y.grad_fn.name()
        out.backward()
    except ERRORS as error:
        return type(error).__name__, str(error).split()[:6]
    return told(m, x.grad, x), told(m, y.detach(), x), float(out), name


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_through_views_that_change(loss: str, change: str) -> None:
    for kind in KINDS:
        got, want = (changed(m, kind, LOSSES[loss], CHANGES[change]) for m in (franken, torch))
        assert near(got, want), (kind, got, want)


# --- transforms -----------------------------------------------------------------------------------


def written(m: Any, kind: str, z: Any) -> Any:
    """A copy of z, written to through a deferred view."""
    own = z.clone()
    KINDS[kind](own).mul_(2 + 1j)
    KINDS[kind](own)[1].add_(1j)
    return own


TRANSFORMS: dict[str, Any] = {
    "vmap": lambda m, k, x: m.func.vmap(lambda z: KINDS[k](z) * 1)(x),
    "vmap of a view": lambda m, k, x: m.func.vmap(lambda z: z.conj())(x),
    "vmap over the second": lambda m, k, x: m.func.vmap(lambda z: KINDS[k](z) * z, 1, 1)(x),
    "vmap of a write": lambda m, k, x: m.func.vmap(lambda z: written(m, k, z))(x),
    "vmap of a deferred one": lambda m, k, x: m.func.vmap(lambda z: z * 2)(KINDS[k](x)),
    "grad": lambda m, k, x: m.func.grad(lambda z: (KINDS[k](z) * weights(m)).sum().abs())(x),
    "grad of a write": lambda m, k, x: m.func.grad(
        lambda z: (written(m, k, z) * weights(m)).sum().abs())(x),
    "grad of a deferred one": lambda m, k, x: m.func.grad(
        lambda z: (z * weights(m)).sum().abs())(KINDS[k](x)),
    "jvp": lambda m, k, x: m.func.jvp(lambda z: KINDS[k](z).conj(), (x,), (x * 1j,)),
    "jvp of a write": lambda m, k, x: m.func.jvp(lambda z: written(m, k, z), (x,), (x * 1j,)),
    "jvp of a deferred one": lambda m, k, x: m.func.jvp(
        lambda z: z * z, (KINDS[k](x),), (KINDS[k](x),)),
    "vjp": lambda m, k, x: m.func.vjp(lambda z: KINDS[k](z) * weights(m), x)[1](x),
    "per example": lambda m, k, x: m.func.vmap(
        m.func.grad(lambda z: (KINDS[k](z) * z).sum().abs()))(x),
    "second": lambda m, k, x: m.func.grad(
        lambda z: m.func.grad(lambda w: (KINDS[k](w) * w * w).sum().abs())(z).abs().sum())(x),
    "is_conj": lambda m, k, x: m.func.vmap(
        lambda z: m.tensor(KINDS[k](z).is_conj()) + 0 * z.real)(x),
}  # fmt: skip


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms_do_as_torchs(name: str) -> None:
    mapped = "vmap" in name or name in ("per example", "is_conj")
    for kind in ("plain", "conj") if mapped else KINDS:  # torch does not map over _neg_view
        x, y = (m.tensor(NUMBERS, dtype=m.complex64) for m in (franken, torch))
        got, want = TRANSFORMS[name](franken, kind, x), TRANSFORMS[name](torch, kind, y)
        assert near(told(franken, got, x), told(torch, want, y)), (kind, got, want)


@pytest.mark.parametrize("kind", KINDS)
def test_vmap_has_rules_for_negated_views_too(kind: str) -> None:
    x = franken.tensor(NUMBERS)
    got = franken.func.vmap(lambda z: written(franken, kind, z))(x)
    assert near(got.tolist(), [written(franken, kind, z).tolist() for z in x])


def test_staged_programs_hold_views() -> None:
    def program(z: Any) -> Any:
        own = z * 1
        own.conj().imag.mul_(2)
        return own.conj() @ own.mH

    x = franken.tensor(NUMBERS)
    staged = make_graph(program)(x)
    assert near(staged(x * 1j).tolist(), program(x * 1j).tolist())


# --- files, pickles and records -------------------------------------------------------------------


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_files_hold_the_bits(kind: str, zipped: bool) -> None:
    for here, there in ((franken, torch), (torch, franken), (franken, franken)):
        x = here.tensor(NUMBERS, dtype=here.complex64)
        imag = KINDS[kind](x)[1].imag
        for given in ([x, KINDS[kind](x)], [imag]):  # one storage holds numbers of one dtype
            file = io.BytesIO()
            here.save(given, file, _use_new_zipfile_serialization=zipped)
            file.seek(0)
            got = there.load(file)
            assert near(told(there, got, got[0]), told(here, given, given[0]))


def test_pickles_name_torchs_functions_and_the_bits() -> None:
    x = franken.tensor([1 + 2j])
    parts = [t.__reduce_ex__(2)[1][6:] for t in (x, x.conj(), x.conj().imag, x.conj()._neg_view())]
    assert parts == [(), ({"conj": True},), ({"neg": True},), ({"conj": True, "neg": True},)]


@pytest.mark.parametrize("kind", KINDS)
def test_records_see_what_is_written_through_views(kind: str) -> None:
    x = franken.tensor(NUMBERS)
    with record(level=3) as rec:
        own = x * 1
        y = KINDS[kind](own)
        y.mul_(2j)
        own.add_(1)
        z = y * y
        y.imag.fill_(3.0)
        z = z + y
    assert not rec.unseen
    assert replay(rec).ok


def test_saved_hooks_get_the_values() -> None:
    seen: list[Any] = []

    def pack(t: Any) -> Any:
        seen.append(t.tolist())
        return t

    x = franken.tensor(NUMBERS, requires_grad=True)
    with franken.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        (x.conj() * x.conj()).sum().abs().backward()
    assert near(seen[0], x.detach().conj().tolist())


@pytest.mark.parametrize("kind", KINDS)
def test_tensors_without_elements_have_bits_too(kind: str) -> None:
    def told_of(m: Any) -> Any:
        x = m.zeros(2, 3, dtype=m.complex64, device="meta")
        y = KINDS[kind](x).mul_(2j)
        made = (y, y.imag, y[0], y.t(), y + 1, y.mH, y.resolve_conj())
        return [(t.is_conj(), t.is_neg(), tuple(t.shape), t.stride(), str(t.dtype)) for t in made]

    assert told_of(franken) == told_of(torch)


# --- what belongs to the class --------------------------------------------------------------------


def test_subclasses_and_parameters_stay_what_they_are() -> None:
    class Mine(franken.Tensor):
        pass

    y = franken.tensor(NUMBERS).conj()
    mine, parameter = y.as_subclass(Mine), franken.nn.Parameter(y)
    assert isinstance(mine, Mine) and mine.__class__ is Mine and mine.is_conj()
    assert isinstance(parameter, franken.nn.Parameter) and parameter.is_conj()
    assert type(y).__name__ == "Tensor" and repr(parameter).startswith("Parameter containing")
    again = copy.copy(mine)
    assert again.__class__ is Mine and again.is_conj() and again.data_ptr() == y.data_ptr()


def test_a_tensor_takes_bits_over_with_another_memory() -> None:
    x, y = franken.tensor([1 + 2j]), franken.tensor([3 + 4j])
    x.data = y.conj()
    assert x.is_conj() and x.data_ptr() == y.data_ptr() and x.tolist() == [3 - 4j]
    x.data = y
    assert not x.is_conj() and type(x) is franken.Tensor
