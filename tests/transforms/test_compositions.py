"""All compositions of grad, vjp, jvp, vmap, jacrev, jacfwd, hessian and make_graph up to depth 3.

A composed transform maps a scalar function to another scalar function of one vector, so that any
three can be chained; each chain is compared with torch.func and, at depth 1 and 2, with finite
differences. make_graph has no counterpart in torch and must change nothing.
"""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest

import franken
import franken.func

torch = pytest.importorskip("torch")

LIBS = (torch, franken)
POINT = [0.3, 0.7, -0.4]
WEIGHT = [[0.5, -1.0, 0.25], [0.75, 0.5, -0.5], [-0.25, 0.3, 1.0]]


def vector(lib, values=POINT):
    return lib.tensor(values, dtype=lib.float64)


# --- functions from a vector to a scalar ---------------------------------------------------------


def elementwise(lib):
    return lambda x: (x.sin() * x.exp() + x * x).sum()


def product(lib):
    w = lib.tensor(WEIGHT, dtype=lib.float64)
    return lambda x: ((w @ x.reshape(3, 1)).tanh() * x.reshape(3, 1)).sum()


def reduction(lib):
    return lambda x: (x.mean() * x.exp()).sum() * x.sum()


def indexing(lib):
    def f(x):
        y = x.clone()
        y[0] = x[1] * x[2]
        y[1:] = x[:2] * x[1:]
        y.add_(x)
        return (y * y).sum()

    return f


def scan(lib):
    return lambda x: (x.cumsum(0) * x).exp().sum()


def fresh_tensor(lib):
    """In-place writes into a tensor made inside; under vmap torch refuses this one."""

    def f(x):
        y = x.new_zeros(3)
        y[0] = x[0] * x[1]
        y[1] = y[0].clone() * x[2]
        return (y * x).sum()

    return f


def custom(lib):
    class Cube(lib.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return x * x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 3 * x * x * g

        @staticmethod
        def jvp(ctx, t):
            (x,) = ctx.saved_tensors
            return 3 * x * x * t

    return lambda x: (Cube.apply(x) * x).sum()


FUNCTIONS = [elementwise, product, reduction, indexing, scan, custom]


# --- transforms of scalar functions --------------------------------------------------------------


def squeezed(y):
    """Any result as one number that depends on all of it."""
    return (y * y).sum() if y.ndim else y


def grad(lib, f):
    g = lib.func.grad(f)
    return lambda x: squeezed(g(x))


def vjp(lib, f):
    def transformed(x):
        out, back = lib.func.vjp(f, x)
        return squeezed(back(out)[0])

    return transformed


def jvp(lib, f):
    def transformed(x):
        out, slope = lib.func.jvp(f, (x,), (x * x,))
        return out * slope

    return transformed


def vmap(lib, f):
    mapped = lib.func.vmap(f)
    return lambda x: squeezed(mapped(lib.stack([x, x * 2, x * x])))


def jacrev(lib, f):
    g = lib.func.jacrev(f)
    return lambda x: squeezed(g(x))


def jacfwd(lib, f):
    g = lib.func.jacfwd(f)
    return lambda x: squeezed(g(x))


def hessian(lib, f):
    g = lib.func.hessian(f)
    return lambda x: squeezed(g(x))


TRANSFORMS = [grad, vjp, jvp, vmap, jacrev, jacfwd, hessian]


def make_graph(lib, f):
    if lib is torch:
        return f
    return lambda x: franken.func.make_graph(f)(x)(x)


def chains(depth, transforms):
    return list(itertools.product(transforms, repeat=depth))


def name(value):
    return "_".join(t.__name__ for t in value) if isinstance(value, tuple) else value.__name__


def composed(lib, function, chain):
    f = function(lib)
    for transform in chain:
        f = transform(lib, f)
    return f


def agree(function, chain):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, got = (composed(lib, function, chain)(vector(lib)).item() for lib in LIBS)
    assert got == pytest.approx(expected, rel=1e-7, abs=1e-9), name(chain)


@pytest.mark.parametrize("function", FUNCTIONS, ids=name)
@pytest.mark.parametrize("chain", [*chains(1, TRANSFORMS), *chains(2, TRANSFORMS)], ids=name)
def test_depth_two(function, chain):
    if function is not custom:
        agree(function, chain)
        return
    # torch gets nested jvp of a Function wrong and refuses some nested vmaps: compare with x ** 4
    plain = composed(torch, lambda lib: lambda x: (x * x * x * x).sum(), chain)
    got = composed(franken, custom, chain)(vector(franken)).item()
    assert got == pytest.approx(plain(vector(torch)).item(), rel=1e-7)


@pytest.mark.parametrize("outer", TRANSFORMS, ids=name)
def test_depth_three(outer):
    """Each chain of three once, the functions taking turns."""
    turns = itertools.cycle([elementwise, product, reduction, indexing, scan])
    cheap = [grad, vjp, jvp, vmap, jacrev, jacfwd]
    for inner in chains(2, cheap):
        agree(next(turns), (*inner, outer))


@pytest.mark.parametrize("function", [*FUNCTIONS, fresh_tensor], ids=name)
@pytest.mark.parametrize("transform", [grad, jvp, vmap, jacrev, hessian], ids=name)
def test_staging_changes_nothing(function, transform):
    plain = composed(franken, function, (transform,))(vector(franken)).item()
    for chain in [(transform, make_graph), (make_graph, transform)]:
        assert composed(franken, function, chain)(vector(franken)).item() == pytest.approx(
            plain, rel=1e-12
        ), name(chain)
    staged = composed(franken, function, (transform, make_graph))(vector(franken))
    assert staged.item() == plain  # the same program: the same bits


@pytest.mark.parametrize("function", [*FUNCTIONS, fresh_tensor], ids=name)
@pytest.mark.parametrize("chain", [(), (grad,), (vmap,), (hessian,)], ids=name)
def test_against_finite_differences(function, chain):
    f = composed(franken, function, chain)
    x, eps = np.array(POINT), 1e-6
    numerical = [
        (f(vector(franken, x + e)).item() - f(vector(franken, x - e)).item()) / (2 * eps)
        for e in eps * np.eye(3)
    ]
    got = franken.func.grad(f)(vector(franken)).tolist()
    assert got == pytest.approx(numerical, rel=2e-4, abs=1e-6)
    forward = franken.func.jacfwd(f)(vector(franken)).tolist()
    assert forward == pytest.approx(got, rel=1e-9)


def test_plain_backward_through_transforms():
    x = vector(franken).requires_grad_()
    y = torch.tensor(POINT, dtype=torch.float64, requires_grad=True)
    f = lambda x: (x * x * x).sum()  # noqa: E731
    franken.func.grad(f)(x).sum().backward()
    torch.func.grad(f)(y).sum().backward()
    assert x.grad.tolist() == pytest.approx(y.grad.tolist())
    x.grad = y.grad = None
    franken.func.vmap(f)(x.reshape(3, 1)).sum().backward()
    torch.func.vmap(f)(y.reshape(3, 1)).sum().backward()
    assert x.grad.tolist() == pytest.approx(y.grad.tolist())


def test_perturbations_are_not_confused():
    """d/dx (x * d/dy (x + y)) = 1, the classic case."""
    g = franken.func.grad
    one = franken.tensor(1.0)
    assert g(lambda x: x * g(lambda y: x + y)(one))(one).item() == 1.0
    slope = lambda f, x: franken.func.jvp(f, (x,), (one,))[1]  # noqa: E731
    assert slope(lambda x: x * slope(lambda y: x + y, one), one).item() == 1.0
    assert g(lambda x: x * slope(lambda y: x * y, one))(franken.tensor(3.0)).item() == 6.0
