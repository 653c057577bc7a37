"""Linear algebra and Fourier transforms against torch: values, all derivatives, vmap, errors."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import franken as F
from franken.transforms import api as transforms

torch = pytest.importorskip("torch")
RNG = np.random.default_rng(0)


def rand(*shape: int, c: bool = False) -> Any:
    return RNG.normal(size=shape) + (1j * RNG.normal(size=shape) if c else 0)


def flat(m: Any, parts: Any) -> Any:
    return m.cat([x.reshape(-1) for x in parts])


def svd_parts(m: Any, a: Any) -> Any:
    u, s, vh = m.linalg.svd(a, full_matrices=False)
    return flat(m, [u.abs(), vh.abs(), s])


def eig_parts(m: Any, pair: Any) -> Any:
    return flat(m, [pair[0].abs(), pair[1].abs()])


def spd(m: Any, a: Any) -> Any:
    return a @ a.mH + m.eye(a.shape[-1], dtype=a.dtype)


def low(m: Any, a: Any) -> Any:
    return a.tril() + 3 * m.eye(a.shape[-1], dtype=a.dtype)


S, T, W, B, V = "STWBV"  # square (2,4,4), tall (2,5,3), wide (2,3,5), right-hand side, tau
SHAPES = {S: (2, 4, 4), T: (2, 5, 3), W: (2, 3, 5), B: (2, 4, 3), V: (2, 3)}
BOTH: list[Any] = [
    ("inv", S, lambda m, a: m.linalg.inv(a)),
    ("solve", S + B, lambda m, a, b: m.linalg.solve(a, b)),
    ("solve_right", S + B, lambda m, a, b: m.linalg.solve(a, b.mT, left=False)),
    ("det", S, lambda m, a: m.linalg.det(a)),
    ("slogdet", S, lambda m, a: m.linalg.slogdet(a)[1]),
    ("logdet", S, lambda m, a: m.logdet(spd(m, a))),
    ("cholesky", S, lambda m, a: m.linalg.cholesky(spd(m, a))),
    ("cholesky_upper", S, lambda m, a: m.linalg.cholesky(spd(m, a), upper=True)),
    ("cholesky_solve", S + B, lambda m, a, b: m.cholesky_solve(b, low(m, a))),
    ("qr", T, lambda m, a: flat(m, m.linalg.qr(a))),
    ("qr_wide", W, lambda m, a: flat(m, m.linalg.qr(a))),
    ("svd", T, svd_parts),
    ("svd_wide", W, svd_parts),
    ("svdvals", T, lambda m, a: m.linalg.svdvals(a)),
    ("eigh", S, lambda m, a: eig_parts(m, m.linalg.eigh(a + a.mH))),
    ("eigvalsh", S, lambda m, a: m.linalg.eigvalsh(a + a.mH)),
    ("eig", S, lambda m, a: eig_parts(m, m.linalg.eig(a))),
    ("lu", S, lambda m, a: flat(m, m.linalg.lu(a)[1:])),
    ("lu_tall", T, lambda m, a: flat(m, m.linalg.lu(a)[1:])),
    ("lu_wide", W, lambda m, a: flat(m, m.linalg.lu(a)[1:])),
    ("lu_solve", S + B, lambda m, a, b: m.linalg.lu_solve(*m.linalg.lu_factor(a), b)),
    ("lu_solve_adjoint", S + B,
     lambda m, a, b: m.linalg.lu_solve(*m.linalg.lu_factor(a), b, adjoint=True)),
    ("solve_triangular", S + B,
     lambda m, a, b: m.linalg.solve_triangular(low(m, a), b, upper=False)),
    ("pinv", T, lambda m, a: m.linalg.pinv(a)),
    ("pinv_wide", W, lambda m, a: m.linalg.pinv(a)),
    ("lstsq", T + T, lambda m, a, b: m.linalg.lstsq(a, b)[0]),
    ("matrix_exp", S, lambda m, a: m.linalg.matrix_exp(a)),
    ("matrix_power", S, lambda m, a: m.linalg.matrix_power(a, -3)),
    ("householder_product", T + V, lambda m, a, t: m.linalg.householder_product(a, t)),
    ("kron", B + B, lambda m, a, b: m.kron(a[0], b)),
    ("cross", B + B, lambda m, a, b: m.linalg.cross(a, b[:1])),
    ("nuclear", S, lambda m, a: m.linalg.norm(a, "nuc", dim=(-2, -1))),
    ("multi_dot", S + B + W, lambda m, a, b, c: m.linalg.multi_dot([a[0], b[0], c[0]])),
    ("addmm", S + B, lambda m, a, b: m.addmm(b[0], a[0], b[1], beta=0.5, alpha=2)),
    ("einsum", S + B, lambda m, a, b: m.einsum("bij,bjk->ki", a, b)),
    ("fft", S, lambda m, a: m.fft.fft(a, n=6, norm="ortho")),
    ("fftn", S, lambda m, a: m.fft.fftn(a, s=(3, 5))),
    ("irfft_odd", S, lambda m, a: m.fft.irfft(a, n=5)),
    ("irfft2", S, lambda m, a: m.fft.irfft2(a)),
    ("hfft", S, lambda m, a: m.fft.hfft(a, norm="forward")),
]  # fmt: skip
REAL: list[Any] = [
    ("rfft", S, lambda m, a: m.fft.rfft(a, n=5)),
    ("rfftn", S, lambda m, a: m.fft.rfftn(a)),
    ("ihfft", S, lambda m, a: m.fft.ihfft(a)),
    ("stft", B,
     lambda m, a: m.stft(a.reshape(2, 12), 4, 3, window=a[0, :, 0], return_complex=True)),
]  # fmt: skip
COMPLEX: list[Any] = [
    ("sign", S, lambda m, a: m.linalg.slogdet(a)[0]),
    ("istft", B, lambda m, a: m.istft(a.mT, 4, 1, window=m.ones(4, dtype=m.float64))),
]
CASES = [(n, k, f, False) for n, k, f in BOTH + REAL]
CASES += [(n, k, f, True) for n, k, f in BOTH + COMPLEX]
IDS = [f"{n}-{c}" for n, _, _, c in CASES]


def scalar(out: Any, weight: Any) -> Any:
    product = out * weight
    return (product.real if product.dtype.is_complex else product).sum()


def derivatives(m: Any, make: Any, f: Any, args: Any, along: Any) -> list[Any]:
    """The value, gradient, second derivative along `along`, and tangent, as arrays."""
    xs = [make(a).requires_grad_() for a in args]
    out = f(m, *xs)
    value = out.detach().resolve_conj().numpy()
    weight = make(np.cos(np.arange(value.size)).reshape(value.shape) + 0.5)
    grads = m.autograd.grad(scalar(out, weight), xs, create_graph=True)
    results = [value, *[g.detach().resolve_conj().numpy() for g in grads]]
    if any(g.requires_grad for g in grads):
        total = sum(scalar(g, make(a)) for g, a in zip(grads, along, strict=True))
        second = m.autograd.grad(total, xs, allow_unused=True)
        results += [
            np.zeros(a.shape) if g is None else g.detach().resolve_conj().numpy()
            for g, a in zip(second, args, strict=True)
        ]
    jvp = torch.func.jvp if m is torch else transforms.jvp
    plain, tangents = tuple(make(a) for a in args), tuple(make(a) for a in along)
    results.append(jvp(lambda *x: f(m, *x), plain, tangents)[1].resolve_conj().numpy())
    return results


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "kinds", "f", "c"), CASES, ids=IDS)
def test_derivatives(name: str, kinds: str, f: Any, c: bool) -> None:
    args = [rand(*SHAPES[k], c=c) for k in kinds]
    along = [rand(*SHAPES[k], c=c) for k in kinds]
    want = derivatives(torch, torch.tensor, f, args, along)
    got = derivatives(F, F.tensor, f, args, along)
    assert len(want) == len(got)
    for x, y in zip(want, got, strict=True):
        np.testing.assert_allclose(y, x, rtol=1e-5, atol=1e-6 * max(1, np.abs(x).max(initial=0)))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "kinds", "f", "c"), CASES, ids=IDS)
def test_vmap(name: str, kinds: str, f: Any, c: bool) -> None:
    stacked = [rand(3, *SHAPES[k], c=c) for k in kinds]
    want = np.stack([f(F, *[F.tensor(x[i]) for x in stacked]).numpy(force=True) for i in range(3)])
    got = transforms.vmap(lambda *x: f(F, *x))(*[F.tensor(x) for x in stacked])
    np.testing.assert_allclose(got.resolve_conj().numpy(), want, rtol=1e-8, atol=1e-9)


ERRORS: list[Any] = [
    lambda m: m.linalg.inv(m.zeros(3, 3)),
    lambda m: m.linalg.inv(m.stack([m.eye(3), m.zeros(3, 3)])),
    lambda m: m.linalg.inv(m.ones(3, 4)),
    lambda m: m.linalg.inv(m.ones(3)),
    lambda m: m.linalg.inv(m.ones(3, 3, dtype=m.int64)),
    lambda m: m.linalg.inv(m.ones(3, 3).half()),
    lambda m: m.linalg.det(m.ones(3, 3).half()),
    lambda m: m.linalg.solve(m.zeros(3, 3), m.ones(3, 2)),
    lambda m: m.linalg.solve(m.eye(3), m.ones(4, 2)),
    lambda m: m.linalg.solve(m.eye(3), m.ones(3, 2).double()),
    lambda m: m.linalg.solve(m.eye(3).half(), m.ones(3, 2).half()),
    lambda m: m.lu_solve(m.ones(3, 2).half(), m.eye(3).half(), m.ones(3, dtype=m.int32)),
    lambda m: m.lu_solve(m.ones(3, 2).long(), m.eye(3).long(), m.ones(3, dtype=m.int32)),
    lambda m: m.linalg.ldl_solve(m.eye(3).half(), m.ones(3, dtype=m.int32), m.ones(3, 2).half()),
    lambda m: m.cholesky_inverse(m.eye(3).long()),
    lambda m: m.linalg.lstsq(m.ones(3, 2).long(), m.ones(3, 2).long()),
    lambda m: m.linalg.lstsq(m.ones(3, 2).half(), m.ones(3, 2).half()),
    lambda m: m.linalg.lstsq(m.ones(3, 2), m.ones(3, 2).double()),
    lambda m: m.linalg.matrix_norm(m.ones(3, 2).half(), "nuc"),
    lambda m: m.linalg.vander(m.ones(3).half()),
    lambda m: m.linalg.vander(m.ones(3).bool()),
    lambda m: m.dist(m.ones(3).long(), m.ones(3).long()),
    lambda m: m.svd_lowrank(m.ones(3, 2).bfloat16(), q=2),
    lambda m: m.linalg.cholesky(m.stack([m.eye(3), -m.eye(3)])),
    lambda m: m.linalg.lu_factor(m.ones(3, 3)),
    lambda m: m.linalg.qr(m.eye(3), mode="x"),
    lambda m: m.linalg.eigh(m.eye(3), UPLO="x"),
    lambda m: m.linalg.norm(m.ones(3, 3), "x"),
    lambda m: m.linalg.matrix_norm(m.ones(3)),
    lambda m: m.linalg.cond(m.ones(3, 4), "fro"),
    lambda m: m.linalg.multi_dot([m.ones(3, 4)]),
    lambda m: m.linalg.multi_dot([m.ones(3, 4), m.ones(3, 4)]),
    lambda m: m.linalg.cross(m.ones(3, 4), m.ones(3, 4)),
    lambda m: m.linalg.tensorinv(m.ones(3, 4)),
    lambda m: m.linalg.matrix_power(m.eye(3), 2.0),
    lambda m: m.trace(m.ones(3)),
    lambda m: m.fft.fft(m.tensor(1.0)),
    lambda m: m.fft.fft(m.ones(3), norm="x"),
    lambda m: m.fft.fft(m.ones(3), n=0),
    lambda m: m.fft.fft(m.ones(3).half()),
    lambda m: m.fft.rfft(m.ones(3, dtype=m.complex64)),
    lambda m: m.fft.fftn(m.ones(3, 3), dim=(0, 0)),
    lambda m: m.stft(m.ones(5), 4, window=m.ones(3), return_complex=True),
    lambda m: m.istft(m.ones(5), 4, window=m.ones(4)),
    lambda m: m.addr(m.ones(3, 3, dtype=m.int64), *[m.ones(3, dtype=m.int64)] * 2, beta=0.5),
]


@pytest.mark.parametrize("k", range(len(ERRORS)))
def test_errors(k: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Exception) as want:
            ERRORS[k](torch)
        with pytest.raises(Exception) as got:
            ERRORS[k](F)
    assert str(got.value).split("\n")[0] == str(want.value).split("\n")[0]
    singular = isinstance(want.value, torch.linalg.LinAlgError)
    assert isinstance(got.value, F.linalg.LinAlgError if singular else type(want.value))


@pytest.mark.parametrize("f", [
    lambda m, a: m.linalg.eigh(a + a.mH)[1].real.sum(),
    lambda m, a: m.linalg.eig(a)[1].real.sum(),
    lambda m, a: m.linalg.svd(a)[2].real.sum(),
])  # fmt: skip
def test_gauge_is_checked(f: Any) -> None:
    a = rand(3, 3, c=True)
    with pytest.raises(RuntimeError) as want:
        f(torch, torch.tensor(a, requires_grad=True)).backward()
    with pytest.raises(RuntimeError) as got:
        f(F, F.tensor(a).requires_grad_()).backward()
    assert str(got.value) == str(want.value)


@pytest.mark.parametrize("n", [1, 47, 48, 49, 130])
def test_lu_blocks(n: int) -> None:
    a = rand(n, n)
    p, low_, up = F.linalg.lu(F.tensor(a))
    np.testing.assert_allclose((p @ low_ @ up).numpy(), a, atol=1e-11)
    assert np.abs(low_.numpy()).max() <= 1


@pytest.mark.parametrize("hermitian", [False, True])
@pytest.mark.parametrize("n", [1, 2, 7, 20])
def test_ldl(n: int, hermitian: bool) -> None:
    a = rand(2, n, n, c=True)
    a = a + (a.swapaxes(-1, -2).conj() if hermitian else a.swapaxes(-1, -2))
    b = rand(2, n, 3, c=True)
    want = torch.linalg.ldl_factor(torch.tensor(a), hermitian=hermitian)
    got = F.linalg.ldl_factor(F.tensor(a), hermitian=hermitian)
    np.testing.assert_array_equal(got.pivots.numpy(), want.pivots.numpy())
    np.testing.assert_allclose(got.LD.numpy(), want.LD.numpy(), atol=1e-9)
    x = F.linalg.ldl_solve(*got, F.tensor(b), hermitian=hermitian)
    np.testing.assert_allclose(a @ x.numpy(), b, atol=1e-7)


def test_det_of_singular_matrix_has_gradient() -> None:
    a = np.array([[1.0, 2.0], [2.0, 4.0]])
    x = F.tensor(a).requires_grad_()
    F.linalg.det(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), [[4.0, -2.0], [-2.0, 1.0]], atol=1e-12)


@pytest.mark.parametrize("c", [False, True])
def test_cholesky_inverse(c: bool) -> None:
    """The tangent is checked by differences, since torch's own is not the derivative."""
    a = np.tril(rand(3, 3, c=c), -1) + 3 * np.eye(3)
    along = np.tril(rand(3, 3, c=c))
    x = torch.tensor(a, requires_grad=True)
    y = F.tensor(a).requires_grad_()
    weight = rand(3, 3, c=c)
    scalar(torch.cholesky_inverse(x), torch.tensor(weight)).backward()
    scalar(F.cholesky_inverse(y), F.tensor(weight)).backward()
    np.testing.assert_allclose(y.grad.numpy(), x.grad.resolve_conj().numpy(), atol=1e-10)
    step = 1e-6 * along
    ends = [F.cholesky_inverse(F.tensor(a + s)).numpy() for s in (step, -step)]
    tangent = transforms.jvp(F.cholesky_inverse, (F.tensor(a),), (F.tensor(along),))[1]
    np.testing.assert_allclose(tangent.numpy(), (ends[0] - ends[1]) / 2e-6, atol=1e-7)


# norms on both sides of each degree's limit, and two that are scaled
_NORMS = {
    "float32": (1e-8, 3e-4, 1e-3, 3e-2, 0.1, 0.5, 0.7, 1.3, 1.6, 2.9, 9.0, 40.0),
    "float64": (1e-8, 3e-5, 3e-4, 4e-4, 0.04, 0.06, 0.28, 0.31, 1.0, 1.2, 9.0, 40.0),
}


@pytest.mark.parametrize("batch", [(), (1,), (3,)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_matrix_exp_is_rounded_like_torch_s(dtype: str, batch: tuple[int, ...]) -> None:
    """Torch's polynomial of degree 8, of single matrices alone, is off by up to 7e-5."""
    precision = np.finfo(dtype)
    for n, norm in [(n, norm) for n in (2, 5) for norm in _NORMS[str(precision.dtype)]]:
        x = rand(n, n, c=dtype[0] == "c")
        x = np.broadcast_to(x / np.abs(x).sum(0).max() * norm, (*batch, n, n)).astype(dtype)
        want = torch.matrix_exp(torch.tensor(x)).numpy()
        got = F.matrix_exp(F.tensor(x)).numpy()
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got, want, atol=4 * precision.eps * np.abs(want).max())


def test_matrix_exp_of_one_element_and_of_what_is_not_finite() -> None:
    for x in ([[3.0]], [[[900.0]], [[-2.0]]], [[np.nan, 0], [0, 1]], [[np.inf, 0], [0, 1]]):
        want = torch.matrix_exp(torch.tensor(x)).numpy()
        np.testing.assert_allclose(F.matrix_exp(F.tensor(x)).numpy(), want, rtol=1e-6)


@pytest.mark.parametrize("kw", [{}, {"beta": 2, "alpha": 3}, {"beta": 0}])
def test_addbmm_adds_one_product_after_the_other(kw: dict[str, int]) -> None:
    """The sum of 1e8, 1 and -1e8 in single precision tells the order."""
    first = np.array([1e8, 1, -1e8, 1], np.float32).reshape(4, 1, 1)
    args = [np.full((1, 1), 1.0, np.float32), first, np.ones_like(first)]
    want = torch.addbmm(*map(torch.tensor, args), **kw).item()
    assert F.addbmm(*map(F.tensor, args), **kw).item() == want
    assert F.tensor(args[0]).addbmm(*map(F.tensor, args[1:]), **kw).item() == want
