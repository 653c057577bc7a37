"""Reductions, scans, sorting, sets and torch.masked against torch: values, derivatives, vmap."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import franken
from franken.autograd.api import grad
from franken.core.op import NAMES
from franken.transforms.api import grad as func_grad
from franken.transforms.api import jvp, vjp, vmap

torch = pytest.importorskip("torch")
INF, NAN = math.inf, math.nan


class Names:
    """`space.name` of the declared functions, as the faces will show them."""

    def __init__(self, space: str) -> None:
        self.space = space

    def __getattr__(self, name: str):
        try:
            return NAMES[self.space][name]
        except KeyError:
            raise AttributeError(name) from None


class Face(Names):
    linalg, masked, special = Names("linalg"), Names("masked"), Names("special")
    bool, int64, float64 = franken.bool, franken.int64, franken.float64

    @staticmethod
    def tensor(data):
        return franken.tensor(data)


F = Face("torch")
RNG = np.random.default_rng(7)
X = RNG.normal(size=(3, 4, 5))
TIES = np.round(RNG.normal(size=(3, 4)) * 1.5)
ZEROS = np.array([[1.5, 0.0, 2.0, -1.0], [0.0, 3.0, 0.0, 2.0], [0.5, 2.0, 1.5, 4.0]])
MASK = RNG.random((3, 4, 5)) < 0.7
MASK[:, 0, :] = True

# name: (function of the library and one tensor, value); each gives a differentiable tensor
CASES = {
    "sum": (lambda t, x: x.sum((0, -1), keepdim=True), X),
    "mean": (lambda t, x: x.mean(1), X),
    "nansum": (lambda t, x: x.nansum(0), np.where(MASK, X, NAN)),
    "nanmean": (lambda t, x: t.nanmean(x, 1), np.where(MASK, X, NAN)),
    "prod": (lambda t, x: x.prod(1), ZEROS),
    "prod all": (lambda t, x: x.prod(), X[0, 0]),
    "prod one zero": (lambda t, x: x.prod(), ZEROS[0]),
    "amax ties": (lambda t, x: x.amax(1), TIES),
    "amin": (lambda t, x: x.amin((0, 2)), X),
    "max all ties": (lambda t, x: x.max(), TIES),
    "max": (lambda t, x: x.max(1)[0], X),
    "min keepdim": (lambda t, x: x.min(-1, keepdim=True).values, X),
    "aminmax": (lambda t, x: t.aminmax(x, dim=1).max * 2, X),
    "var": (lambda t, x: x.var(1), X),
    "var correction": (lambda t, x: x.var((0, 1), correction=0), X),
    "std": (lambda t, x: x.std(2, keepdim=True), X),
    "var_mean": (lambda t, x: sum(t.var_mean(x, 1)), X),
    "logsumexp": (lambda t, x: x.logsumexp((0, 1)), X),
    "norm": (lambda t, x: x.norm(), X),
    "norm 0.5": (lambda t, x: x.norm(0.5, 1), X),
    "norm 1": (lambda t, x: x.norm(1, (0, 1)), X),
    "norm 3": (lambda t, x: x.norm(3, 1, keepdim=True), X),
    "norm inf": (lambda t, x: x.norm(INF, 1), X),
    "norm -inf": (lambda t, x: x.norm(-INF, 1), X),
    "dist": (lambda t, x: t.dist(x, x * x, 1.5), X),
    "renorm": (lambda t, x: x.renorm(2, 1, 1.5), X),
    "median": (lambda t, x: x.median(1).values, X),
    "median all": (lambda t, x: x.median(), X),
    "nanmedian": (lambda t, x: x.nanmedian(1)[0], np.where(MASK, X, NAN)),
    "mode": (lambda t, x: x.mode(1)[0], TIES),
    "kthvalue": (lambda t, x: x.kthvalue(2, 1)[0], X),
    "quantile": (lambda t, x: x.quantile(0.3, 1), X),
    "quantile several": (lambda t, x: x.quantile(t.tensor([0.1, 0.75]).to(t.float64), 1), X),
    "nanquantile": (lambda t, x: x.nanquantile(0.6, 1, True), np.where(MASK, X, NAN)),
    "cumsum": (lambda t, x: x.cumsum(1), X),
    "cumprod": (lambda t, x: x.cumprod(-1), X),
    "cumprod zeros": (lambda t, x: x.cumprod(1), ZEROS),
    "cummax": (lambda t, x: x.cummax(1)[0], X),
    "cummin ties": (lambda t, x: x.cummin(1)[0], TIES),
    "logcumsumexp": (lambda t, x: x.logcumsumexp(1), X),
    "diff": (lambda t, x: x.diff(n=2, dim=1), X),
    "trapezoid": (lambda t, x: t.trapezoid(x, x * x, dim=1), X),
    "cumulative_trapezoid": (lambda t, x: t.cumulative_trapezoid(x, dx=0.5), X),
    "sort": (lambda t, x: x.sort(1, descending=True)[0], X),
    "msort": (lambda t, x: x.msort(), X),
    "topk": (lambda t, x: x.topk(2, 1)[0], X),
    "topk smallest": (lambda t, x: x.topk(3, largest=False).values, X),
    "softmax": (lambda t, x: x.softmax(1), X),
    "log_softmax": (lambda t, x: x.log_softmax(-1), X),
    "cov": (lambda t, x: x.cov(correction=0), X[0]),
    "corrcoef": (lambda t, x: x.corrcoef(), X[0]),
    "masked mean": (lambda t, x: t.masked.mean(x, 1, mask=t.tensor(MASK[0, :, :1])), X),
    "masked var": (lambda t, x: t.masked.var(x, 1, mask=t.tensor(MASK[0])), X),
    "masked softmax": (lambda t, x: t.masked.softmax(x, 1, mask=t.tensor(MASK[0])), X),
    "masked norm": (lambda t, x: t.masked.norm(x, 2.0, 1, mask=t.tensor(MASK[0])), X),
    "masked cumprod": (lambda t, x: t.masked.cumprod(x, 1, mask=t.tensor(MASK[0])), X),
}


def ours(a):
    return franken.tensor(np.asarray(a))


def theirs(a):
    return torch.from_numpy(np.array(a))


def plain(t):
    return t.detach().numpy(force=True)


def close(a, b, **kwargs):
    np.testing.assert_allclose(plain(a), plain(b), rtol=1e-9, atol=1e-11, **kwargs)


def cotangent(shape, seed=1, like=None):
    rng = np.random.default_rng(seed)
    c = rng.normal(size=tuple(shape))
    return c if like is None or not like.dtype.is_complex else c + 1j * rng.normal(size=c.shape)


@pytest.fixture(params=CASES, ids=str)
def case(request):
    return CASES[request.param]


def twice(lib, tensor, gradient, fn, value):
    """Value, gradient under a fixed cotangent, and the gradient of a function of that."""
    x = tensor(value).requires_grad_()
    y = fn(lib, x)
    (g,) = gradient([y], [x], [tensor(cotangent(y.shape, 1, y))], create_graph=True)
    if not g.requires_grad:
        return y, g, None
    seen = (g * tensor(cotangent(g.shape, 2, g))).sum()
    seen = seen.real if seen.dtype.is_complex else seen
    (second,) = gradient([seen], [x], allow_unused=True)
    return y, g, second


def test_value_and_first_and_second_derivative_match_torch(case):
    fn, value = case
    y, g, h = twice(F, ours, grad, fn, value)
    ty, tg, th = twice(torch, theirs, torch.autograd.grad, fn, value)
    assert tuple(y.shape) == tuple(ty.shape)
    close(y, ty)
    close(g, tg)
    zero = np.zeros_like(value)
    np.testing.assert_allclose(
        zero if h is None else plain(h), zero if th is None else plain(th), rtol=1e-8, atol=1e-9
    )


def test_forward_mode_is_the_transpose_of_backward(case):
    fn, value = case
    x, t = ours(value), ours(cotangent(value.shape, 3))
    y, push = jvp(lambda v: fn(F, v), (x,), (t,))
    out, pull = vjp(lambda v: fn(F, v), x)
    c = cotangent(y.shape, 4)
    (g,) = pull(ours(c))
    np.testing.assert_allclose(plain(y), plain(out))
    np.testing.assert_allclose((plain(push) * c).sum(), (plain(g) * plain(t)).sum(), rtol=1e-9)


def test_vmap_of_value_and_gradient_is_the_loop(case):
    fn, value = case
    batch = np.stack([value, value[::-1], value * 0.5], axis=1)

    def scalar(v):
        y = fn(F, v)
        return (y * ours(cotangent(y.shape))).sum()

    got = vmap(lambda v: fn(F, v), in_dims=1)(ours(batch))
    slope = vmap(func_grad(scalar), in_dims=1)(ours(batch))
    for i in range(3):
        one = ours(np.ascontiguousarray(batch[:, i]))
        np.testing.assert_allclose(plain(got)[i], plain(fn(F, one)), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(plain(slope)[i], plain(func_grad(scalar)(one)),
                                   rtol=1e-10, atol=1e-12)  # fmt: skip


Z = RNG.normal(size=(3, 4)) + 1j * RNG.normal(size=(3, 4))
COMPLEX = {
    "sum": lambda t, x: x.sum(1),
    "mean": lambda t, x: x.mean(0),
    "prod": lambda t, x: x.prod(1),
    "var": lambda t, x: x.var(1),
    "std": lambda t, x: x.std(0, keepdim=True),
    "norm": lambda t, x: x.norm(2, 1),
    "norm 1": lambda t, x: x.norm(1),
    "norm 3": lambda t, x: x.norm(3, 0),
    "norm inf": lambda t, x: x.norm(INF, 0),
    "renorm": lambda t, x: x.renorm(INF, 1, 0.5),
    "logsumexp": lambda t, x: x.logsumexp(1),
    "cumsum": lambda t, x: x.cumsum(1),
    "cumprod": lambda t, x: x.cumprod(1),
    "logcumsumexp": lambda t, x: x.logcumsumexp(1),
    "diff": lambda t, x: x.diff(dim=0),
    "cov": lambda t, x: x.cov(),
}


@pytest.mark.parametrize("name", COMPLEX)
def test_complex_derivatives_match_torch_and_transpose(name):
    fn = COMPLEX[name]
    y, g, h = twice(F, ours, grad, fn, Z)
    ty, tg, th = twice(torch, theirs, torch.autograd.grad, fn, Z)
    close(y, ty)
    close(g, tg)
    assert (h is None) == (th is None)
    if h is not None:
        np.testing.assert_allclose(plain(h), plain(th), rtol=1e-8, atol=1e-9)
    t = cotangent(Z.shape, 3) + 1j * cotangent(Z.shape, 4)
    out, push = jvp(lambda v: fn(F, v), (ours(Z),), (ours(t),))
    (pulled,) = vjp(lambda v: fn(F, v), ours(Z))[1](out)
    np.testing.assert_allclose(
        np.real(plain(out).conj() * plain(push)).sum(), np.real(plain(pulled).conj() * t).sum(),
        rtol=1e-9,
    )  # fmt: skip


INTEGER = {
    "argmax": lambda t, x: (x.argmax(), x.argmax(1), x.argmin(0, keepdim=True)),
    "counts": lambda t, x: (x.count_nonzero(1), x.all(1), x.any(0, keepdim=True)),
    "sums": lambda t, x: (x.sum(1), x.prod(0), x.cumsum(1), x.cumprod(0)),
    "unique": lambda t, x: (
        x.unique(), *x.unique(return_inverse=True, return_counts=True),
        *x.unique(return_inverse=True, return_counts=True, dim=0),
        *x.unique_consecutive(return_inverse=True, return_counts=True),
    ),
    "sort": lambda t, x: (
        *x.sort(dim=0, stable=True), x.argsort(stable=True, dim=1, descending=True),
    ),
    "isin": lambda t, x: (t.isin(x, t.tensor([1, 2])), t.isin(x, 3, invert=True)),
    "search": lambda t, x: (
        t.searchsorted(x.sort(1)[0], x), t.bucketize(x, t.tensor([0, 1, 2]), right=True),
        t.searchsorted(t.tensor([1, 1, 3]), x, out_int32=True), t.bucketize(1, x[0].sort()[0]),
    ),
    "bincount": lambda t, x: (
        x.reshape(-1).bincount(minlength=9), x[0].bincount(t.tensor([0.5, 1.0, 2.0, 3.0])),
    ),
    "hash": lambda t, x: (t.hash_tensor(x, 1).to(t.int64), t.hash_tensor(x).to(t.int64)),
    "extremes": lambda t, x: (x.amax(1), x.max(), *x.max(1), *x.aminmax(dim=0), x.median()),
}  # fmt: skip


@pytest.mark.parametrize("name", INTEGER)
@pytest.mark.parametrize("kind", ["int64", "int32", "uint8"])
def test_integers(name, kind):
    a = RNG.integers(0, 5, size=(3, 4)).astype(kind)
    for got, want in zip(INTEGER[name](F, ours(a)), INTEGER[name](torch, theirs(a)), strict=True):
        assert str(got.dtype) == str(want.dtype)
        np.testing.assert_array_equal(plain(got), plain(want))


SPECIAL = {
    "logsumexp": (lambda t, x: x.logsumexp(0), [[-INF, INF, NAN, 1.0], [-INF, 0.0, 1.0, -INF]]),
    "std": (lambda t, x: x.std(0), [[1.0, 2.0], [1.0, 5.0]]),
    "norm": (lambda t, x: x.norm(2, 0), [[0.0, 3.0], [0.0, 4.0]]),
    "norm 1.5": (lambda t, x: x.norm(1.5, 0), [[0.0, 0.0], [0.0, -4.0]]),
    "norm 0.5": (lambda t, x: x.norm(0.5, 0), [[0.0, 0.0], [0.0, -4.0]]),
    "amax": (lambda t, x: x.amax(0), [[NAN, 1.0], [2.0, 1.0]]),
    "max": (lambda t, x: x.max(), [NAN, 1.0, NAN]),
    "median": (lambda t, x: x.median(), [NAN, 1.0, NAN]),
    "cummax": (lambda t, x: x.cummax(0)[0], [1.0, 3.0, NAN, 4.0]),
    "sort": (lambda t, x: x.sort(descending=True)[0], [1.0, NAN, -INF, 4.0, INF]),
    "topk": (lambda t, x: x.topk(2)[0], [1.0, NAN, -INF, 4.0, INF]),
    "quantile": (lambda t, x: x.quantile(0.4, 1), [[1.0, NAN, 2.0], [3.0, 1.0, 2.0]]),
    "logcumsumexp": (lambda t, x: x.logcumsumexp(0), [-INF, 1.0, 2.0, -INF]),
    "var of one": (lambda t, x: x.var(0), [[1.0, 2.0]]),
    "scalar": (lambda t, x: x.sum(0) + x.max(0)[0] + x.sort()[0] + x.softmax(0), 2.5),
    "empty": (lambda t, x: x.sum() + x.prod() + x.logsumexp(0), []),
}


@pytest.mark.parametrize("name", SPECIAL)
def test_infinities_ties_and_zeros(name):
    fn, value = SPECIAL[name]
    both = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for lib, tensor in ((F, ours), (torch, theirs)):
            x = tensor(np.array(value)).requires_grad_()
            y = fn(lib, x)
            y.sum().backward()
            both.append((plain(y), plain(x.grad)))
    for got, want in zip(*both, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12)


ERRORS = {
    "max of nothing": lambda t, e: t.max(e),
    "amax of nothing": lambda t, e: t.amax(e.reshape(0, 3), 0),
    "argmax of nothing": lambda t, e: t.argmax(e),
    "max dim of nothing": lambda t, e: e.max(0),
    "aminmax of nothing": lambda t, e: t.aminmax(e),
    "mean of integers": lambda t, e: t.tensor([1, 2]).mean(),
    "repeated dim": lambda t, e: e.reshape(0, 3).sum((0, 0)),
    "dim out of range": lambda t, e: e.cumsum(2),
    "inf norm of nothing": lambda t, e: e.reshape(0, 3).norm(INF, 0),
    "norm of integers": lambda t, e: t.linalg.vector_norm(t.tensor([1, 2])),
    "topk": lambda t, e: t.tensor([1.0]).topk(2),
    "quantile q": lambda t, e: t.tensor([1.0]).quantile(1.5),
    "quantile of nothing": lambda t, e: e.quantile(0.5),
    "diff": lambda t, e: t.tensor(1.0).diff(),
    "softmax of integers": lambda t, e: t.tensor([1]).softmax(0),
    "renorm": lambda t, e: t.tensor([[1.0]]).renorm(2, 0, -1),
    "bincount": lambda t, e: t.tensor([-1]).bincount(),
    "searchsorted": lambda t, e: t.searchsorted(t.tensor([[1.0]]), t.tensor([1.0])),
    "histc": lambda t, e: t.tensor([1.0]).histc(0),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_those_of_torch(name):
    with pytest.raises((RuntimeError, IndexError)) as want:
        ERRORS[name](torch, torch.zeros(0))
    with pytest.raises(want.type) as got:
        ERRORS[name](F, franken.tensor(np.zeros(0, np.float32)))
    assert str(got.value) == str(want.value).splitlines()[0]


def test_histograms():
    a = RNG.normal(size=(40, 2)).astype(np.float32)
    for call in (
        lambda t, x: (x.histc(7), x.histc(5, -1, 1)),
        lambda t, x: t.histogram(x, 6, range=(-1.5, 2.0), weight=x * x, density=True),
        lambda t, x: t.histogram(x, t.tensor([-1.0, 0.0, 0.5, 2.0])),
        lambda t, x: (t.histogramdd(x, [3, 4])[0], *t.histogramdd(x, [3, 4]).bin_edges),
    ):
        for got, want in zip(call(F, ours(a)), call(torch, theirs(a)), strict=True):
            np.testing.assert_allclose(plain(got), plain(want), rtol=1e-5, atol=1e-6)


def test_named_results_read_as_torch_writes_them():
    got = ours(np.float32([[1, 5], [7, 2]])).max(1)
    assert type(got).__name__ == "max" and got._fields == ("values", "indices")
    assert got.values is got[0] and got.indices.tolist() == [1, 0]
    assert repr(got).startswith("torch.return_types.max(\nvalues=")


def test_stable_sorting_of_long_rows_has_nan_last():
    a = np.round(RNG.normal(size=(2, 1000)), 1).astype(np.float32)
    a[0, 10], a[1, 20], a[1, 21] = NAN, -0.0, 0.0
    for descending in (False, True):
        values, index = ours(a).sort(descending=descending, stable=True)
        want = theirs(a).sort(descending=descending, stable=True)
        np.testing.assert_array_equal(plain(index), want[1].numpy())
        np.testing.assert_array_equal(plain(values), want[0].numpy())
        k, among_ties = ours(a).topk(17, largest=descending), theirs(a).topk(17, largest=descending)
        np.testing.assert_array_equal(plain(k.indices), among_ties.indices.numpy())


def test_half_precision_accumulates_in_float32():
    a = np.full(5000, 0.1, np.float16)
    assert abs(float(ours(a).sum().item()) - 5000 * float(a[0])) < 0.3
    assert ours(a).mean().dtype is franken.float16


def test_float32_sum_of_many_is_accurate():
    a = RNG.random(1_000_000).astype(np.float32)
    assert abs(ours(a).sum().item() - a.sum(dtype=np.float64)) < 0.5


def test_long_recurrence_agrees_with_the_definition():
    a = (RNG.random(3000) * 2).astype(np.float64)
    a[1500] = 0.0
    x = ours(a).requires_grad_()
    x.cumprod(0).sum().backward()
    t = theirs(a).requires_grad_()
    t.cumprod(0).sum().backward()
    np.testing.assert_allclose(plain(x.grad), plain(t.grad), rtol=1e-9)


UNDIFFERENTIATED = {
    "argmax all": lambda x, y: x.argmax(),
    "argmin keepdim": lambda x, y: x.argmin(keepdim=True),
    "argmax": lambda x, y: x.argmax(1),
    "argsort": lambda x, y: x.argsort(0),
    "all": lambda x, y: (x > 0).all(1),
    "any": lambda x, y: (x > 1).any(),
    "count_nonzero": lambda x, y: (x > 0).count_nonzero(0),
    "isin values": lambda x, y: F.isin(x, y),
    "bucketize": lambda x, y: F.bucketize(x, y.sort()[0]),
    "searchsorted": lambda x, y: F.searchsorted(x.sort(1)[0], x),
    "median index": lambda x, y: x.median(1)[1],
    "hash": lambda x, y: F.hash_tensor(x, 1).to(franken.int64),
}


@pytest.mark.parametrize("name", UNDIFFERENTIATED)
@pytest.mark.parametrize("shared", [False, True])
def test_vmap_of_what_has_no_derivative_is_the_loop(name, shared):
    fn = UNDIFFERENTIATED[name]
    xs, ys = np.round(RNG.normal(size=(3, 4, 5)), 1), np.round(RNG.normal(size=(3, 6)), 1)
    got = vmap(fn, in_dims=(0, None if shared else 0))(ours(xs), ours(ys[0] if shared else ys))
    for i in range(3):
        want = fn(ours(xs[i]), ours(ys[0] if shared else ys[i]))
        np.testing.assert_array_equal(plain(got)[i], plain(want))


def test_numpy_spelling_out_and_in_place():
    a = RNG.normal(size=(3, 4))
    x, t = ours(a), theirs(a)
    close(x.sum(axis=1, keepdims=True), t.sum(axis=1, keepdims=True))
    close(F.softmax(x, axis=0), torch.softmax(t, axis=0))
    values = F.zeros(4, dtype=franken.float64)
    indices = F.zeros(4, dtype=franken.int64)
    got = F.max(x, 0, out=(values, indices))
    assert got.values is values and plain(indices).tolist() == t.max(0).indices.tolist()
    with pytest.raises(RuntimeError, match="Expected out tensor to have dtype long int"):
        F.max(x, 0, out=(values, F.zeros(4)))
    assert x.cumsum_(1) is x
    close(x, t.cumsum(1))


@pytest.mark.parametrize("shape", [(5000,), (40, 300), (3, 70, 300)], ids=str)
@pytest.mark.parametrize("name", ["cumsum", "cumprod", "cummax", "cummin"])
def test_large_scans_match_torch_along_every_dim(name, shape):
    a = 1 + 0.02 * RNG.normal(size=shape)
    for dim in range(len(shape)):
        got, want = getattr(ours(a), name)(dim), getattr(theirs(a), name)(dim)
        if isinstance(got, tuple):
            np.testing.assert_array_equal(plain(got[1]), plain(want[1]))
            got, want = got[0], want[0]
        close(got, want)


@pytest.mark.parametrize("p", [INF, -INF, 2, 1])
def test_gradient_of_a_norm_in_higher_precision(p):
    """Torch compares |z| in single precision with the norm in double: no equal, so 0/0."""
    z = np.array([[1 + 2j, 3 - 4j], [0.1 + 0.7j, 0.2 + 0.1j], [3 + 4j, 1j]], np.complex64)
    grads = []
    for lib in (torch, franken):
        x = lib.tensor(z).requires_grad_()
        lib.linalg.vector_norm(x, p, 1, dtype=lib.complex128).sum().backward()
        grads.append(x.grad.numpy())
    np.testing.assert_allclose(grads[1], grads[0], rtol=1e-6)
    assert np.isnan(grads[0]).any() == np.isinf(p)


def test_gradient_of_renorm_where_only_some_slices_are_scaled():
    """The slices that are left as they are keep their slope of one beside NaN."""
    z = np.array([[1 + 2j, 3 - 1j], [0.1 + 0.2j, 0.2 + 0.1j]], np.complex64)
    grads = []
    for lib in (torch, franken):
        x = lib.tensor(z).requires_grad_()
        lib.renorm(x, INF, 0, 0.5).abs().sum().backward()
        grads.append(x.grad.numpy())
    np.testing.assert_allclose(grads[1], grads[0], rtol=1e-6)
    assert np.isnan(grads[0]).tolist() == [[True, True], [False, False]]


_PARTS = (-INF, -1.0, 0.5, 300.0, INF, NAN), (0.0, 1.0, 3.0, -2.0, INF, NAN)
_SPECIAL = [complex(re, im) for re in _PARTS[0] for im in _PARTS[1]]


def test_logcumsumexp_of_complex_limits_is_torchs():
    pairs = np.array([(a, b) for a in _SPECIAL for b in _SPECIAL])
    got, want = ours(pairs).logcumsumexp(1), theirs(pairs).logcumsumexp(1)
    for part in ("real", "imag"):
        np.testing.assert_allclose(
            getattr(plain(got), part), getattr(want.numpy(), part), rtol=1e-9, atol=1e-9
        )


@pytest.mark.parametrize(
    ("bins", "named"),
    [(True, {"range": (0, 1)}), ("a", {}), (None, {})],
    ids=str,
)  # fmt: skip
def test_histogram_takes_a_range_with_a_number_of_bins_alone(agree, bins, named):
    def program(T):
        edges = T.tensor([0.0, 1.0]) if isinstance(bins, bool) else bins
        return T.histogram(T.tensor(1.0), edges, **named)

    kind, text = agree(program, words=60)
    assert kind == "TypeError" and "invalid combination" in text
