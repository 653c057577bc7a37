"""Elementwise ops against torch: values, both directions of derivatives, double backward, vmap,
the edges (0, infinities, NaN, ties), integer and bool rules, in-place and out= forms, errors."""

from __future__ import annotations

import math
import operator
import warnings

import numpy as np
import pytest

import franken as ft
from franken.core.op import NAMES
from franken.transforms import api

torch = pytest.importorskip("torch")

NAN, INF = math.nan, math.inf
ANY, POSITIVE, UNIT = (-2.0, 2.0), (0.2, 3.0), (0.05, 0.95)
ABOVE_ONE, INNER = (1.1, 3.0), (-0.9, 0.9)


def words(text):
    return text.split()


UNARY = {
    ANY: "neg square exp exp2 expm1 sin cos tan atan sinh cosh tanh asinh sigmoid sinc erf erfc i0 "
    "special.i0e special.i1 special.i1e special.ndtr special.log_ndtr special.erfcx abs sgn sign "
    "ceil floor trunc round frac deg2rad rad2deg nan_to_num angle positive",
    POSITIVE: "sqrt rsqrt reciprocal log log2 log10 log1p lgamma digamma special.entr",
    UNIT: "logit special.ndtri",
    INNER: "asin acos atanh erfinv",
    ABOVE_ONE: "acosh",
}
BINARY = {
    ANY: "add sub mul maximum minimum fmax fmin atan2 hypot copysign logaddexp logaddexp2 ldexp "
    "nextafter clamp_min clamp_max rsub",
    POSITIVE: "div true_divide remainder fmod pow float_power xlogy special.xlog1py",
}
CASES = {n: (n, 1, d) for d, names in UNARY.items() for n in names.split()}
CASES |= {n: (n, 2, d) for d, names in BINARY.items() for n in names.split()}
CASES |= {
    "add-alpha": (lambda t, x, y: t.add(x, y, alpha=3), 2, ANY),
    "div-floor": (lambda t, x, y: t.div(x, y, rounding_mode="floor"), 2, POSITIVE),
    "pow-scalar": (lambda t, x: x**3, 1, ANY),
    "pow-half": (lambda t, x: x**0.5, 1, POSITIVE),
    "pow-base": (lambda t, x: 2.5**x, 1, ANY),
    "radd": (lambda t, x: 2 - 3 / (1 + x), 1, POSITIVE),
    "clamp": (lambda t, x: x.clamp(-1, 1), 1, ANY),
    "clamp-tensors": (lambda t, x, y, z: t.clamp(x, y, z), 3, ANY),
    "lerp": (lambda t, x, y, z: t.lerp(x, y, z), 3, ANY),
    "lerp-scalar": (lambda t, x, y: t.lerp(x, y, 0.3), 2, ANY),
    "addcmul": (lambda t, x, y, z: t.addcmul(x, y, z, value=2.5), 3, ANY),
    "addcdiv": (lambda t, x, y, z: t.addcdiv(x, y, z, value=2.5), 3, POSITIVE),
    "where": (lambda t, x, y: t.where(x > y, x, y), 2, ANY),
    "where-scalar": (lambda t, x: t.where(x > 0, x, 0.5), 1, ANY),
    "round-decimals": (lambda t, x: t.round(x, decimals=1), 1, ANY),
    "polygamma": (lambda t, x: t.polygamma(2, x), 1, POSITIVE),
    "mvlgamma": (lambda t, x: t.mvlgamma(x + 2, 3), 1, POSITIVE),
    "logit-eps": (lambda t, x: t.logit(x, 0.1), 1, UNIT),
    "igamma": (lambda t, x: t.igamma(t.tensor(1.5, dtype=t.float64), x), 1, POSITIVE),
    "igammac": (lambda t, x: t.igammac(t.tensor(1.5, dtype=t.float64), x), 1, POSITIVE),
    "zeta": (lambda t, x: t.special.zeta(t.tensor(2.5, dtype=t.float64), x), 1, POSITIVE),
    "frexp": (lambda t, x: t.frexp(x)[0], 1, POSITIVE),
    "fill": (lambda t, x, y: (x * 1).fill_(y.sum()) + x, 2, ANY),
    "complex": (lambda t, x, y: t.view_as_real(t.complex(x, y) * t.polar(x, y)), 2, POSITIVE),
    "parts": (lambda t, x, y: (t.complex(x, y) ** 2).real * (t.complex(x, y).sin()).imag, 2, ANY),
    "abs-complex": (lambda t, x, y: t.complex(x, y).abs() + t.complex(x, y).angle(), 2, POSITIVE),
    "sgn-complex": (lambda t, x, y: t.view_as_real(t.complex(x, y).sgn()), 2, POSITIVE),
}  # fmt: skip


class _Special:
    def __getattr__(self, name):
        return NAMES["special"][name]


class Franken:
    """The candidate's namespace, with `special` whether or not the face has put it up."""

    special = _Special()

    def __getattr__(self, name):
        return getattr(ft, name)


FT = Franken()


def call(case, t, xs):
    if callable(case):
        return case(t, *xs)
    space, _, name = case.rpartition(".")
    return getattr(getattr(t, space) if space else t, name)(*xs)


def data(arity, domain, shape=(2, 3), seed=0):
    rng = np.random.RandomState(seed)
    return [rng.uniform(*domain, size=shape) for _ in range(arity)]


def both(case, arrays, grad=False):
    """(module, leaves, output) of the oracle and of the candidate."""
    for t in (torch, FT):
        xs = [t.tensor(a.tolist(), dtype=t.float64, requires_grad=grad) for a in arrays]
        yield t, xs, call(case, t, xs)


def close(got, want, tol=1e-9):
    # torch's gradients may be zeros without storage, which cannot be read before an addition
    got, want = ((t if isinstance(t, ft.Tensor) else t + 0.0).tolist() for t in (got, want))
    np.testing.assert_allclose(np.array(got), np.array(want), rtol=tol, atol=tol)


@pytest.mark.parametrize("key", CASES)
def test_value_gradient_and_second_derivative_match_torch(key):
    case, arity, domain = CASES[key]
    results = []
    for t, xs, out in both(case, data(arity, domain), grad=True):
        weight = t.tensor(data(1, (0.5, 1.5), tuple(out.shape), 7)[0].tolist(), dtype=t.float64)
        first = t.autograd.grad((out * weight).sum(), xs, create_graph=True)
        total = sum((g * g * (k + 1)).sum() for k, g in enumerate(first))
        second = (
            t.autograd.grad(total, xs, allow_unused=True) if total.requires_grad else [None] * arity
        )
        results.append((out.detach(), first, second))
    (want, want1, want2), (got, got1, got2) = results
    close(got, want)
    for a, b in zip(got1, want1, strict=True):
        close(a.detach(), b.detach())
    for a, b in zip(got2, want2, strict=True):
        if a is not None or b is not None:
            zero = torch.zeros(want1[0].shape)
            close(zero if a is None else a.detach(), zero if b is None else b.detach(), 1e-7)


# Those whose forward mode is refused, as torch's is, are in test_refusals.py.
@pytest.mark.parametrize("key", [k for k in CASES if k not in ("igamma", "igammac", "zeta")])
def test_jvp_is_the_transpose_of_torchs_vjp(key):
    case, arity, domain = CASES[key]
    if key == "fill":
        domain = (0.5, 1.0)
    arrays, tangents = data(arity, domain), data(arity, ANY, seed=3)
    xs = [torch.tensor(a, requires_grad=True) for a in arrays]
    out = call(case, torch, xs)
    weight = torch.tensor(data(1, ANY, tuple(out.shape), 5)[0])
    want = sum(
        float((g * torch.tensor(t)).sum())
        for g, t in zip(torch.autograd.grad(out, xs, weight), tangents, strict=True)
    )
    fx = tuple(ft.tensor(a.tolist(), dtype=ft.float64) for a in arrays)
    ftan = tuple(ft.tensor(a.tolist(), dtype=ft.float64) for a in tangents)
    value, tangent = api.jvp(lambda *a: call(case, FT, a), fx, ftan)
    close(value, out.detach())
    got = float((np.array(tangent.tolist()) * weight.numpy()).sum())
    assert got == pytest.approx(want, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("key", [k for k in CASES if k != "fill"])
def test_vmap_is_a_loop_and_its_gradient_too(key):
    case, arity, domain = CASES[key]
    arrays = data(arity, domain, (3, 4))

    def fn(*a):
        return call(case, FT, a)

    def slope(*a):
        return api.grad(lambda *b: (fn(*b) * 1.5).sum(), argnums=tuple(range(arity)))(*a)

    xs = [ft.tensor(a.tolist(), dtype=ft.float64) for a in arrays]
    dims = tuple(1 if k == 0 else 0 for k in range(arity))
    mapped = [x.movedim(0, 1) if d else x for x, d in zip(xs, dims, strict=True)]
    rows = [fn(*[x[i] for x in xs]).tolist() for i in range(3)]
    np.testing.assert_allclose(api.vmap(fn, in_dims=dims)(*mapped).tolist(), rows)
    slopes = [[g.tolist() for g in slope(*[x[i] for x in xs])] for i in range(3)]
    for k, g in enumerate(api.vmap(slope, in_dims=dims)(*mapped)):
        np.testing.assert_allclose(g.tolist(), [s[k] for s in slopes], atol=1e-12)


EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.0, -2.0, INF, -INF, NAN]
EDGE_UNARY = words(
    "abs sign sgn sqrt rsqrt reciprocal log log2 log1p exp expm1 sigmoid tanh sinc logit lgamma "
    "acosh atanh asin erfinv special.entr special.i1 special.i1e ceil round frac nan_to_num angle "
    "isnan isinf isfinite isposinf isneginf isreal signbit logical_not"
)
EDGE_BINARY = words(
    "maximum minimum fmax fmin atan2 copysign xlogy special.xlog1py pow fmod remainder "
    "floor_divide heaviside eq ne lt le gt ge logical_and logical_xor nextafter clamp_min"
)


@pytest.mark.parametrize("name", EDGE_UNARY + EDGE_BINARY)
def test_edges_of_values_and_gradients_match_torch(name):
    arity = 1 if name in EDGE_UNARY else 2
    x, y = np.meshgrid(EDGES, EDGES)
    arrays = [np.array(EDGES)] if arity == 1 else [x.ravel(), y.ravel()]
    got = []
    for t, xs, out in both(name, arrays, grad=True):
        grads = []
        if out.requires_grad and name not in ("floor_divide", "heaviside"):
            grads = [(g + 0.0).tolist() for g in t.autograd.grad(out.sum(), xs)]
        got.append((out.tolist(), grads))
    np.testing.assert_allclose(got[1][0], got[0][0], rtol=1e-6)
    for mine, theirs in zip(got[1][1], got[0][1], strict=True):
        if name == "logit":  # the sign of torch's infinite slope depends on the processor
            mine, theirs = (np.where(np.isinf(g), INF, g) for g in (mine, theirs))
        np.testing.assert_allclose(mine, theirs, rtol=1e-6)


INTEGERS = words(
    "add sub mul div floor_divide remainder fmod pow gcd lcm maximum eq lt bitwise_and bitwise_or "
    "bitwise_xor bitwise_left_shift bitwise_right_shift atan2 true_divide logical_or"
)
DTYPES = words("uint8 int8 int16 int32 int64")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", INTEGERS)
def test_integers_match_torch(name, dtype):
    rng = np.random.RandomState(1)
    low = 0 if dtype == "uint8" else -9
    x, y = rng.randint(low, 100, 40), rng.randint(low, 9, 40)
    y[y == 0] = 7
    want, got = (
        getattr(t, name)(*[t.tensor(a.tolist(), dtype=getattr(t, dtype)) for a in (x, y)])
        for t in (torch, FT)
    )
    assert str(got.dtype) == str(want.dtype)
    np.testing.assert_allclose(got.tolist(), want.tolist(), rtol=1e-6)


OPERATORS = [
    getattr(operator, name)
    for name in words(
        "add sub mul truediv floordiv mod pow and_ or_ xor lshift rshift eq lt ge iadd isub imul "
        "itruediv ifloordiv imod ipow iand ixor ilshift"
    )
]
OPERANDS = {"bool": [True, False], "int": [3, -4], "uint8": [3, 4], "float": [1.5, -2.0],
            "half": [1.5, -2.0], "cfloat": [1 + 2j, -1j]}  # fmt: skip


@pytest.mark.parametrize("op", OPERATORS, ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    "other", [2, 2.5, True, 300, 1j, "text", None, "bool", "int", "half", "float"]
)
def test_operators_promote_and_refuse_as_torch(op, other):
    for dtype, values in OPERANDS.items():
        if dtype == "half" and other == 1j:
            continue  # complex32 has no storage
        for swapped in (False, True):
            outcomes = []
            for t in (torch, ft):
                x = t.tensor(values, dtype=getattr(t, dtype))
                y = other
                if isinstance(other, str) and other in OPERANDS:
                    y = t.tensor(OPERANDS[other], dtype=getattr(t, other))
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("error")
                        r = op(y, x) if swapped else op(x, y)
                    plain = isinstance(r, (bool, str))
                    outcomes.append(type(r) if plain else (str(r.dtype), r.tolist()))
                except (TypeError, RuntimeError) as error:
                    outcomes.append(type(error))
            want, got = outcomes
            where = f"{op.__name__} {dtype} {other!r} swapped={swapped}: {got} for {want}"
            if isinstance(want, tuple):
                assert isinstance(got, tuple) and got[0] == want[0], where
                np.testing.assert_allclose(got[1], want[1], rtol=2e-3, err_msg=where)
            else:
                assert isinstance(got, type) and issubclass(got, want), where


def test_numpy_warnings_never_reach_users():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for dtype in (ft.float32, ft.float64, ft.float16, ft.bfloat16, ft.complex64):
            x = ft.tensor([0.0, 1e30, INF, -1.0]).to(dtype)
            for out in (x / 0, x - x, x * x * x, x.log(), x.exp(), x**0.5, x * 1e38, x / x, -1 / x):
                assert tuple(out.shape) == (4,)
            x /= 0
            x.mul_(0)
        ft.tensor([-(2**63)]) // -1
        ft.tensor([INF, NAN]).to(ft.int32)


def test_numpy_keeps_warning_its_own_users():
    ft.tensor([1.0]) / 0
    with pytest.warns(RuntimeWarning):
        np.ones(1) / np.zeros(1)


def test_inplace_and_out_forms_write_where_they_are_told():
    x = ft.tensor([1.0, 4.0])
    view = x[1:]
    assert view.sqrt_() is view and x.tolist() == [1.0, 2.0]
    assert x.pow_(2).clamp_(max=3).tolist() == [1.0, 3.0]
    out = ft.zeros(2)
    assert ft.add(x, x, out=out) is out and out.tolist() == [2.0, 6.0]
    x.eq_(1.0)
    assert x.tolist() == [1.0, 0.0]
    assert x.fill_(3).tolist() == [3.0, 3.0] and x.zero_().tolist() == [0.0, 0.0]
    with pytest.raises(RuntimeError, match="can't be cast to the desired output type Long"):
        ft.tensor([1]).sqrt_()


def test_parts_are_views():
    z = ft.tensor([1 + 2j, 3 - 1j])
    z.imag.fill_(5)
    ft.view_as_real(z)[0, 0] = 7
    assert z.tolist() == [7 + 5j, 3 + 5j]
    pairs = ft.zeros(2, 2)
    ft.view_as_complex(pairs).add_(1 + 2j)
    assert pairs.tolist() == [[1.0, 2.0], [1.0, 2.0]]


ERRORS = {
    "t.tensor([1]) // 0": "ZeroDivisionError",
    "t.tensor([True]) - True": "Subtraction, the `-` operator, with two bool tensors",
    "t.ones(1) - True": "Subtraction, the `-` operator, with a bool tensor",
    "-t.tensor([True])": "Negation, the `-` operator, on a bool tensor",
    "t.tensor([2]) ** -1": "Integers to negative integer powers are not allowed.",
    "t.div(t.ones(1), 2, rounding_mode='up')": "div expected rounding_mode to be one of",
    "t.clamp(t.ones(1))": "torch.clamp: At least one of 'min' or 'max'",
    "t.tensor([1j]) < 1": "\"lt_cpu\" not implemented for 'ComplexFloat'",
    "t.maximum(t.ones(1), 2)": "must be Tensor, not int",
    "t.ones(2) + t.ones(3)": "The size of tensor a",
    "t.isclose(t.ones(1), t.ones(1), rtol=-1)": "rtol must be greater than or equal to zero",
    "t.where(t.ones(1), 1, 2)": "where expected condition to be a boolean tensor",
    "t.tensor([1]).fill_(1j)": "without overflow",
    "t.complex(t.ones(1), t.ones(1).double())": "Expected object of scalar type Float",
    "t.view_as_complex(t.ones(3))": "last dimension of size 2",
    "t.add(t.ones(1, dtype=t.int64), 1, alpha=1.5)": "For integral input tensors, argument alpha",
}


@pytest.mark.parametrize("text", ERRORS)
def test_errors_have_torchs_type_and_words(text):
    found = []
    for t in (torch, ft):
        with pytest.raises((TypeError, RuntimeError)) as info:
            eval(text, {"t": t})
        assert ERRORS[text] in str(info.value)
        found.append(info.type)
    assert found[0] is found[1]
