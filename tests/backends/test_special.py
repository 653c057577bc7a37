"""Special functions: few-ulp accuracy against mpmath, torch's values at edges, layouts."""

from __future__ import annotations

import numpy as np
import pytest

from franken.backends.numpy import bessel, erf, gamma, orthopoly, special
from franken.backends.numpy.parallel import get_num_threads, set_num_threads

torch = pytest.importorskip("torch")
mp = pytest.importorskip("mpmath")

EDGES = np.array(
    [0.0, -0.0, -1, -1.5, -2, -2.5, -10.5, np.inf, -np.inf, np.nan, 0.3, 1, 2, 30]
    + [1e-310, -1e-310, 1e300, -1e300, 171.0, -170.5]
)  # fmt: skip


def worst_ulp(got: np.ndarray, exact, *arrays: np.ndarray) -> float:
    """Largest error of `got` in units of its last place, finite reference values only."""
    worst = 0.0
    with mp.workdps(40):
        for value, *args in zip(got, *arrays, strict=True):
            reference = exact(*[mp.mpf(float(a)) for a in args])
            rounded = np.abs(np.asarray(float(reference)).astype(got.dtype))
            if np.isfinite(rounded):
                gap = abs(mp.mpf(float(value)) - reference)
                worst = max(worst, float(gap / mp.mpf(float(np.spacing(rounded)))))
    return worst


def spread(low: float, high: float, n: int = 30) -> np.ndarray:
    return np.random.default_rng(7).uniform(low, high, n)


def scales(low: float, high: float, n: int = 12) -> np.ndarray:
    return 10.0 ** np.random.default_rng(8).uniform(low, high, n)


def _ndtr(x):
    return mp.erfc(-x / mp.sqrt(2)) / 2


def _log_ndtr(x):
    return mp.log(_ndtr(x)) if x < 0 else mp.log1p(-_ndtr(-x))


LINE = np.concatenate([spread(-6, 6), scales(-300, 0)])
POSITIVE = np.concatenate([spread(0.0, 12.0), spread(0.9, 2.1, 20), scales(-300, 300)])
WAVES = np.concatenate([spread(0, 30), spread(0, 300, 8), scales(-10, 4, 8)])

# function, points, reference, bound in ulp for float64
EXACT = {
    "erf": (erf.erf, LINE, mp.erf, 3),
    "erfc": (erf.erfc, np.concatenate([LINE, spread(0, 26)]), mp.erfc, 5),
    "erfcx": (
        erf.erfcx,
        np.concatenate([LINE, spread(0, 1e4)]),
        lambda x: mp.exp(x * x) * mp.erfc(x),
        5,
    ),
    "erfinv": (
        erf.erfinv,
        np.concatenate([spread(-1, 1), 1 - scales(-16, 0), scales(-300, 0)]),
        mp.erfinv,
        6,
    ),
    "ndtr": (erf.ndtr, np.concatenate([LINE, spread(-37, 0)]), _ndtr, 6),
    "log_ndtr": (erf.log_ndtr, np.concatenate([LINE, spread(-1000, 0)]), _log_ndtr, 5),
    "lgamma": (gamma.lgamma, POSITIVE, mp.loggamma, 4),
    "digamma": (gamma.digamma, POSITIVE, mp.digamma, 4),
    "trigamma": (
        lambda x: gamma.polygamma(1, x),
        spread(-20, 40),
        lambda x: mp.polygamma(1, x),
        6,
    ),
    "polygamma3": (
        lambda x: gamma.polygamma(3, x),
        spread(0.01, 50, 20),
        lambda x: mp.polygamma(3, x),
        6,
    ),
}


@pytest.mark.parametrize("name", EXACT)
def test_float64_is_within_a_few_ulp(name):
    function, x, exact, bound = EXACT[name]
    assert worst_ulp(function(x), exact, x) <= bound


@pytest.mark.parametrize("name", EXACT)
def test_float32_is_within_two_and_a_half_ulp(name):
    function, x, exact, _ = EXACT[name]
    x = x[(np.abs(x) > 1e-30) & (np.abs(x) < 80)][::2].astype(np.float32)
    assert worst_ulp(function(x), exact, x) <= 2.5


OSCILLATING = {
    "lgamma below 0": (gamma.lgamma, spread(-20, 0), lambda x: mp.re(mp.loggamma(x))),
}


@pytest.mark.parametrize("name", OSCILLATING)
def test_functions_with_zeros_are_accurate_in_absolute_terms(name):
    function, x, exact = OSCILLATING[name]
    with mp.workdps(30):
        want = np.array([float(exact(mp.mpf(float(v)))) for v in x])
    np.testing.assert_allclose(function(x), want, rtol=1e-13, atol=3e-14)


def test_normal_quantile_inverts_the_distribution():
    p = np.concatenate([spread(0, 1), scales(-300, 0)])
    x = erf.ndtri(p)
    # an error dx moves log p by the hazard phi/Phi times dx
    with mp.workdps(40):
        for value, target in zip(x, p, strict=True):
            value, target = mp.mpf(float(value)), mp.mpf(float(target))
            hazard = mp.exp(-value * value / 2) / mp.sqrt(2 * mp.pi) / _ndtr(value)
            slip = abs(mp.log(_ndtr(value) / target)) / hazard
            assert slip <= 4 * np.spacing(abs(float(value))) + 1e-16


@pytest.mark.parametrize("upper", [False, True])
def test_incomplete_gamma_matches_mpmath_in_all_regimes(upper):
    rng = np.random.default_rng(3)
    a = np.concatenate([10.0 ** rng.uniform(-3, 4, 30), rng.uniform(0, 60, 30)])
    x = np.concatenate([a[:30] * np.exp(rng.normal(0, 1, 30) / np.sqrt(1 + a[:30])), a[30:][::-1]])
    got = (gamma.gammaincc if upper else gamma.gammainc)(a, x)
    ends = (lambda v: (v, mp.inf)) if upper else (lambda v: (0, v))
    with mp.workdps(30):
        want = [
            float(mp.gammainc(mp.mpf(p), *ends(mp.mpf(q)), regularized=True))
            for p, q in zip(a.tolist(), x.tolist(), strict=True)
        ]
    np.testing.assert_allclose(got, want, rtol=2e-13, atol=1e-300)


def test_hurwitz_zeta_matches_scipy():
    scipy_special = pytest.importorskip("scipy.special")
    rng = np.random.default_rng(4)
    s, q = rng.uniform(1, 40, 2000), 10.0 ** rng.uniform(-3, 5, 2000)
    np.testing.assert_allclose(gamma.zeta(s, q), scipy_special.zeta(s, q), rtol=1e-14)


def test_multigammaln_matches_torch():
    x = spread(3, 20)
    want = torch.special.multigammaln(torch.from_numpy(x), 4).numpy()
    np.testing.assert_allclose(gamma.multigammaln(x, 4), want, rtol=1e-13)
    with pytest.raises(RuntimeError, match="p has to be greater than or equal to 1"):
        gamma.multigammaln(x, 0)


_BESSEL = (
    "i0", "i0e", "i1", "i1e", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "airy_ai",
    "modified_bessel_i0", "modified_bessel_i1", "modified_bessel_k0", "modified_bessel_k1",
    "scaled_modified_bessel_k0", "scaled_modified_bessel_k1", "spherical_bessel_j0",
)  # fmt: skip
UNARY = {
    **{n: getattr(erf, n) for n in ["erf", "erfc", "erfcx", "erfinv", "ndtr", "log_ndtr", "ndtri"]},
    **{n: getattr(gamma, n) for n in ["gammaln", "digamma"]},
    **{n: getattr(special, n) for n in ["expit", "entr", "sinc", "logit"]},
    **{n: getattr(bessel, n) for n in _BESSEL},
}


@pytest.mark.parametrize("name", UNARY)
def test_edges_are_torch_s(name):
    want = getattr(torch.special, name)(torch.from_numpy(EDGES)).numpy()
    np.testing.assert_allclose(UNARY[name](EDGES), want, rtol=1e-7, atol=1e-7)


# about the ends of the pieces, and the zeros of J, Y and Ai
_ENDS = np.array([
    0.5, 2.0, 2.09, 5.0, 8.0, 8.33, 103.892, 2.404825557695773, 5.520078110286311,
    3.8317059702075125, 0.8935769662791675, 7.086051060301773, 2.197141326031017,
    -2.338107410459767, -4.08794944413097,
])  # fmt: skip
_DENSE = np.concatenate([
    np.linspace(-30, 30, 4001), scales(-40, 2, 200), -scales(-40, 2, 200), scales(2, 30, 200),
    np.concatenate([_ENDS * (1 + k * 1e-7) for k in range(-3, 4)]), [0.0, -0.0],
])  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", _BESSEL)
def test_bessel_functions_err_where_torch_errs(name, dtype):
    """torch's denominators lack their leading terms: 5e-7 off near the zeros of J and Y."""
    x = _DENSE.astype(dtype)
    want = getattr(torch.special, name)(torch.from_numpy(x)).numpy()
    got = getattr(bessel, name)(x)
    assert got.dtype == dtype
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(got, want, rtol=32 * eps, atol=8 * eps)


@pytest.mark.parametrize("n", range(2, 5))
def test_polygamma_edges_are_torch_s(n):
    want = torch.special.polygamma(n, torch.from_numpy(EDGES)).numpy()
    np.testing.assert_allclose(gamma.polygamma(n, EDGES), want, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", ["erf", "gelu", "digamma", "i0", "expit"])
def test_layouts_zero_sizes_and_scalars(name):
    function = {**UNARY, "gelu": erf.gelu}[name]
    x = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    for view in (x.transpose(2, 0, 1), x[::2, ::-1], x[:0], x[0, 0, 0].reshape(()), x[:, :1]):
        got = function(view)
        assert type(got) is np.ndarray and got.dtype == np.float32 and got.shape == view.shape
        assert not np.shares_memory(got, view)
        np.testing.assert_array_equal(got, function(np.ascontiguousarray(view).reshape(view.shape)))


def test_bits_do_not_depend_on_the_number_of_threads():
    x = np.random.default_rng(0).normal(size=300_001)
    before = get_num_threads()
    try:
        results = []
        for count in (1, 3):
            set_num_threads(count)
            results.append([erf.erf(x), gamma.lgamma(x), erf.gelu(x.astype(np.float32))])
    finally:
        set_num_threads(before)
    for one, three in zip(*results, strict=True):
        np.testing.assert_array_equal(one, three)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gelu_and_its_backward_match_torch(approximate, dtype):
    x = np.concatenate([spread(-12, 12, 4000), EDGES[:9]]).astype(dtype)
    g = np.cos(np.arange(x.size)).astype(dtype)
    t = torch.from_numpy(x)
    tolerance = (
        {"rtol": 1e-7, "atol": 1e-12} if dtype == np.float64 else {"rtol": 1e-5, "atol": 2e-6}
    )
    want = torch.nn.functional.gelu(t, approximate=approximate).numpy()
    np.testing.assert_allclose(erf.gelu(x, approximate)[:4007], want[:4007], **tolerance)
    want = torch.ops.aten.gelu_backward(torch.from_numpy(g), t, approximate=approximate).numpy()
    np.testing.assert_allclose(
        erf.gelu_backward(g, x, approximate)[:4007], want[:4007], **tolerance
    )
    with pytest.raises(RuntimeError, match="approximate argument must be either none or tanh"):
        erf.gelu(x, "other")


def _gradient(function, x: np.ndarray) -> np.ndarray:
    t = torch.from_numpy(x).requires_grad_()
    (out,) = torch.autograd.grad(function(t), t, torch.ones_like(t))
    return out.numpy()


F = torch.nn.functional
SMOOTH = np.concatenate([spread(-40, 40), spread(-2, 2), np.array([0.0, 20.0, 25.0])])
BACKWARD = {
    "silu": (F.silu, special.silu_backward),
    "mish": (F.mish, special.mish_backward),
    "softplus": (F.softplus, special.softplus_backward),
    "logsigmoid": (F.logsigmoid, special.log_sigmoid_backward),
    "sinc": (torch.special.sinc, special.sinc_backward),
    "expit": (torch.special.expit, lambda g, x: special.expit_backward(g, special.expit(x))),
}


@pytest.mark.parametrize("name", BACKWARD)
def test_backward_matches_torch(name):
    function, backward = BACKWARD[name]
    got = backward(np.ones_like(SMOOTH), SMOOTH)
    np.testing.assert_allclose(got, _gradient(function, SMOOTH), rtol=1e-9, atol=1e-12)


FORWARD = {
    "silu": (F.silu, special.silu),
    "mish": (F.mish, special.mish),
    "softplus": (lambda t: F.softplus(t, 2.5, 10), lambda x: special.softplus(x, 2.5, 10)),
    "logsigmoid": (F.logsigmoid, special.log_sigmoid),
    "logit": (lambda t: torch.logit(t, 1e-3), lambda x: special.logit(x, 1e-3)),
}


@pytest.mark.parametrize("name", FORWARD)
def test_forward_matches_torch(name):
    function, kernel = FORWARD[name]
    x = np.concatenate([SMOOTH, EDGES])
    want = function(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(kernel(x), want, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["xlogy", "xlog1py", "logaddexp", "logaddexp2", "nextafter"])
def test_two_argument_functions_match_torch_on_all_pairs_of_edges(name):
    x, y = (np.ascontiguousarray(a) for a in np.broadcast_arrays(EDGES[:, None], EDGES[None]))
    function = getattr(torch, name, None) or getattr(torch.special, name)
    want = function(torch.from_numpy(x), torch.from_numpy(y)).numpy()
    np.testing.assert_allclose(getattr(special, name)(x, y), want, rtol=1e-12, atol=1e-15)


def test_frexp_and_ldexp_match_torch():
    mantissa, exponent = special.frexp(EDGES)
    want = torch.frexp(torch.from_numpy(EDGES))
    np.testing.assert_array_equal(mantissa, want[0].numpy())
    np.testing.assert_array_equal(exponent, want[1].numpy())
    assert exponent.dtype == np.int32
    np.testing.assert_array_equal(special.ldexp(mantissa, exponent), EDGES)


POLYNOMIALS = [name for name in vars(orthopoly) if "polynomial" in name]


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_orthogonal_polynomials_match_torch(name):
    x = np.concatenate([spread(-1.3, 1.3, 40), np.array([0.0, 1.0, -1.0, 1.5, -2.0])])[:, None]
    n = np.concatenate([np.arange(-2.0, 20.0), [2.7, 40.0]])[None]
    want = getattr(torch.special, name)(torch.from_numpy(x), torch.from_numpy(n)).numpy()
    got = getattr(orthopoly, name)(x, n)
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)
