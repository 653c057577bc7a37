"""Derivatives of decompositions, least squares and norms where torch's choice is not obvious.

Along Hermitian tangents all agree with finite differences; along others a decomposition that reads
one triangle has a tangent by convention only: here it is the transpose of the gradient.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import franken

torch = pytest.importorskip("torch")


def values(*shape: int, c: bool = False, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    a = rng.normal(size=shape)
    return a + 1j * rng.normal(size=shape) if c else a


def definite(c: bool) -> Any:
    b = values(4, 4, c=c)
    return b @ b.conj().T + 3 * np.eye(4)


def hermitian(c: bool) -> Any:
    t = values(4, 4, c=c, seed=1)
    return (t + t.conj().T) / 2


def pushed(m: Any, f: Any, x: Any, t: Any) -> list[Any]:
    out = m.func.jvp(lambda a: tuple(f(m, a)), (m.tensor(x),), (m.tensor(t),))[1]
    return [o.numpy() for o in out]


def slopes(f: Any, x: Any, t: Any, step: float = 1e-6) -> list[Any]:
    hi, lo = (f(franken, franken.tensor(x + h * t)) for h in (step, -step))
    return [(a - b).numpy() / (2 * step) for a, b in zip(hi, lo, strict=True)]


def near(got: Any, want: Any, tol: float = 1e-8) -> None:
    assert len(got) == len(want)
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g, w, rtol=tol, atol=tol)


# --- one triangle is read -------------------------------------------------------------------------

ONE_TRIANGLE = {
    "cholesky": lambda m, a, up: (m.linalg.cholesky(a, upper=up),),
    "cholesky_ex": lambda m, a, up: (m.linalg.cholesky_ex(a, upper=up)[0],),
    "eigh": lambda m, a, up: (lambda e: (e[0], e[1].abs().square()))(
        m.linalg.eigh(a, UPLO="U" if up else "L")
    ),
    "eigvalsh": lambda m, a, up: (m.linalg.eigvalsh(a, UPLO="U" if up else "L"),),
}


@pytest.mark.parametrize("c", [False, True])
@pytest.mark.parametrize("up", [False, True])
@pytest.mark.parametrize("name", ONE_TRIANGLE)
def test_hermitian_tangents_are_torchs_and_those_of_differences(
    name: str, up: bool, c: bool
) -> None:
    def f(m: Any, a: Any) -> Any:
        return ONE_TRIANGLE[name](m, a, up)

    got = pushed(franken, f, definite(c), hermitian(c))
    near(got, pushed(torch, f, definite(c), hermitian(c)))
    near(got, slopes(f, definite(c), hermitian(c)), 1e-6)


@pytest.mark.parametrize("up", [False, True])
@pytest.mark.parametrize("name", ONE_TRIANGLE)
def test_forward_is_the_transpose_of_reverse_along_any_tangent(name: str, up: bool) -> None:
    """The reverse, which is torch's, gives a Hermitian gradient: the Jacobian is that one."""

    def f(a: Any) -> Any:
        return ONE_TRIANGLE[name](franken, a, up)[-1]

    a = franken.tensor(definite(False))
    forward, reverse = franken.func.jacfwd(f)(a).numpy(), franken.func.jacrev(f)(a).numpy()
    np.testing.assert_allclose(forward, reverse, atol=1e-12)
    theirs = torch.func.jacrev(lambda a: ONE_TRIANGLE[name](torch, a, up)[-1])
    np.testing.assert_allclose(reverse, theirs(torch.tensor(definite(False))).numpy(), atol=1e-10)


@pytest.mark.parametrize("c", [False, True])
@pytest.mark.parametrize("up", [False, True])
def test_cholesky_inverse_along_triangular_tangents(up: bool, c: bool) -> None:
    low = np.linalg.cholesky(definite(c))
    t = np.tril(values(4, 4, c=c, seed=2))
    if c:
        t[np.diag_indices(4)] = t.diagonal().real
    if up:
        low, t = low.conj().T, t.conj().T

    def f(m: Any, a: Any) -> Any:
        return (m.cholesky_inverse(a, upper=up),)

    near(pushed(franken, f, low, t), slopes(f, low, t), 1e-6)


# --- least squares --------------------------------------------------------------------------------

DRIVERS = (None, "gels", "gelsy", "gelsd", "gelss")


def once(m: Any, f: Any, arrays: Any) -> tuple[Any, Any]:
    """(gradients with their graph, the leaves: inputs and cotangents)."""
    leaves = [m.tensor(a).requires_grad_(True) for a in arrays]
    outs = [o for o in f(m, *leaves) if o.requires_grad]
    cots = [
        m.tensor(values(*o.shape, seed=5 + i)).to(o.dtype).requires_grad_(True)
        for i, o in enumerate(outs)
    ]
    grads = m.autograd.grad(outs, leaves, cots, create_graph=True, allow_unused=True)
    return [g for g in grads if g is not None], leaves + cots  # none is zero


def twice(m: Any, f: Any, arrays: Any) -> list[Any]:
    """Gradients of a gradient: of the inputs and of the cotangents."""
    grads, leaves = once(m, f, arrays)
    total = m.zeros(()).double().requires_grad_(True)
    for g in grads:
        total = total + (g * m.tensor(values(*g.shape, seed=9))).abs().square().sum()
    again = m.autograd.grad(total, leaves, allow_unused=True)
    # a sum, since torch's own zeros may be without memory
    zeros = [m.zeros_like(x) for x in leaves]
    return [(z if g is None else z + g).detach().numpy() for g, z in zip(again, zeros, strict=True)]


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("shape", [(4, 3), (2, 3), (3, 3)])
def test_lstsq_second_derivatives(shape: tuple[int, int], driver: Any) -> None:
    """Empty residuals are a function of the inputs too, so there is a cotangent for them."""

    def f(m: Any, a: Any, b: Any) -> Any:
        return m.linalg.lstsq(a, b, driver=driver)

    arrays = values(*shape), values(shape[0], 2, seed=1)
    near(twice(franken, f, arrays), twice(torch, f, arrays), 1e-7)


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("shape", [(4, 3), (2, 3)])
def test_lstsq_in_vmap(shape: tuple[int, int], driver: Any) -> None:
    a, b = values(2, *shape), values(2, shape[0], 2, seed=1)

    def mapped(m: Any) -> list[Any]:
        run = m.func.vmap(lambda a, b: tuple(m.linalg.lstsq(a, b, driver=driver)))
        return [o.numpy() for o in run(m.tensor(a), m.tensor(b))]

    near(mapped(franken), mapped(torch))


def test_residuals_of_a_batch_with_a_deficient_matrix_are_absent() -> None:
    a = values(2, 4, 3)
    a[1, :, 2] = a[1, :, 1]
    b = values(2, 4, 2, seed=1)
    for m in (franken, torch):
        run = m.func.vmap(lambda a, b, m=m: tuple(m.linalg.lstsq(a, b, driver="gelsd")))
        shapes = [tuple(o.shape) for o in run(m.tensor(a), m.tensor(b))]
        assert shapes == [(2, 3, 2), (2, 0), (2,), (2, 3)]


# --- norms at zero --------------------------------------------------------------------------------

ORDERS = (0, 0.5, 1, 1.5, 2, 2.5, 3, -1, math.inf, -math.inf)
POINTS = {
    "zero": [0.0, 0.0, 0.0],
    "some": [0.0, 1.0, -2.0],
    "rows": [[0.0, 0.0], [1.0, -2.0]],
    "one": [0.0],
}
NORMS = {
    "vector_norm": lambda m, x, p: (m.linalg.vector_norm(x, p, -1),),
    "norm": lambda m, x, p: (m.norm(x, p, 0),),
    "dist": lambda m, x, p: (m.dist(x, m.zeros_like(x), p),),
    "pairwise_distance": lambda m, x, p: (
        m.nn.functional.pairwise_distance(x, x.detach() + 0.5, p),
    ),
}


@pytest.mark.filterwarnings("ignore:Casting complex values to real:UserWarning")  # torch, p = 0
@pytest.mark.parametrize("c", [False, True])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", NORMS)
def test_second_derivatives_at_zero_are_torchs(name: str, order: float, c: bool) -> None:
    """NaN in the same places, those of the cotangent included."""

    def f(m: Any, x: Any) -> Any:
        return NORMS[name](m, x, order)

    for point in POINTS.values():
        x = np.array(point) * (1 + 0.5j if c else 1)
        near(twice(franken, f, (x,)), twice(torch, f, (x,)))


@pytest.mark.parametrize("p", [0.0, 1.0, 1.5, 2.0, 3.0, math.inf])
@pytest.mark.parametrize("apart", [False, True])
def test_cdist_at_equal_points(p: float, apart: bool) -> None:
    """First derivatives: torch has no second ones."""
    x = np.array(POINTS["rows"])

    def f(m: Any, x: Any) -> Any:
        return (m.cdist(x, x.detach() if apart else x, p),)

    ours, theirs = (once(m, f, (x,))[0][0].detach().numpy() for m in (franken, torch))
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


def test_spectral_norm_of_a_singular_complex_matrix_has_second_derivatives() -> None:
    """The phases of a null vector are free: no 0 / 0 may come of them.

    torch's second gradient is NaN where LAPACK finds the singular value to be exactly zero, which
    depends on the processor: the differences of first gradients say what it is.
    """
    a = np.array([[0, 0], [1, -2]]) * (1 + 0.5j)

    def slope(x: Any) -> Any:
        leaf = franken.tensor(x).requires_grad_(True)
        norm = franken.linalg.matrix_norm(leaf, 2)
        (g,) = franken.autograd.grad(norm, leaf, create_graph=True)
        return g, leaf

    along, step = values(2, 2, c=True, seed=3), 1e-5
    (ahead, _), (behind, _) = slope(a + step * along), slope(a - step * along)
    g, leaf = slope(a)
    weights = franken.tensor(values(2, 2, c=True, seed=4))
    (second,) = franken.autograd.grad((g.conj() * weights).real.sum(), leaf)
    change = ((ahead - behind) / (2 * step)).detach().numpy()
    told = (second.conj() * franken.tensor(along)).real.sum().item()
    near([told], [(change.conj() * weights.numpy()).real.sum()], 1e-7)
