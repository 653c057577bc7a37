"""Parameters made inside of a function that is transformed: leaves of their level, as in torch."""

from __future__ import annotations

import pytest


def of_the_argument(lib, x, seen):
    p = lib.nn.Parameter(x * 2)
    seen.append((type(p).__name__, isinstance(p, lib.nn.Parameter), p.requires_grad, p.is_leaf))
    return (p * x).sum()


def itself(lib, x, seen):
    p = lib.nn.Parameter(x)
    return (p * p).sum()


def frozen(lib, x, seen):
    p = lib.nn.Parameter(x, requires_grad=False)
    seen.append(p.requires_grad)
    return (p * p).sum()


def of_a_constant(lib, x, seen):
    p = lib.nn.Parameter(lib.ones(3))
    seen.append(p.requires_grad)
    return (p * x).sum()


def in_a_module(lib, x, seen):
    m = lib.nn.Module()
    m.p = lib.nn.Parameter(x * 2)
    m.b = m.p.detach()
    seen.append(([n for n, _ in m.named_parameters()], isinstance(m.b, lib.nn.Parameter)))
    return (m.p * m.b * x).sum()


def changed(lib, x, seen):
    p = lib.nn.Parameter(x * 2)
    with lib.no_grad():
        p.mul_(3)
    return (p * x).sum()


def changed_with_grad(lib, x, seen):
    return lib.nn.Parameter(x * 2).mul_(3).sum()


def whole(lib, x, seen):
    return lib.nn.Parameter(x.long()).sum()


PROGRAMS = [of_the_argument, itself, frozen, of_a_constant, in_a_module, changed, whole,
            changed_with_grad]  # fmt: skip
TRANSFORMS = {
    "grad": lambda lib, f, x: lib.func.grad(f)(x),
    "grad of grad": lambda lib, f, x: lib.func.grad(lambda x: lib.func.grad(f)(x).sum())(x),
    "vmap": lambda lib, f, x: lib.func.vmap(f)(x[:, None] * x).detach(),
    "vjp": lambda lib, f, x: lib.func.vjp(f, x)[1](lib.ones(())),
    "jvp": lambda lib, f, x: lib.func.jvp(f, (x,), (lib.ones(3),)),
    "jacrev": lambda lib, f, x: lib.func.jacrev(f)(x),
    "hessian": lambda lib, f, x: lib.func.hessian(f)(x),
    "vmap of grad": lambda lib, f, x: lib.func.vmap(lib.func.grad(f))(x[:, None] * x),
}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
@pytest.mark.parametrize("name", TRANSFORMS)
def test_as_torch(name, program, agree):
    def case(lib):
        seen = []
        x = lib.tensor([1.0, 2.0, 3.0])
        return TRANSFORMS[name](lib, lambda x: program(lib, x, seen), x), seen

    agree(case)


def test_what_a_function_returns_is_a_tensor(agree):
    agree(lambda lib: lib.func.vmap(lambda x: lib.nn.Parameter(x))(lib.ones(2, 3)).requires_grad)
    agree(lambda lib: lib.func.vjp(lambda x: lib.nn.Parameter(x * 2), lib.ones(3))[0])


def test_a_layer_made_inside(agree):
    def program(lib):
        def f(x):
            layer = lib.nn.Linear(3, 1, bias=False)
            layer.weight = lib.nn.Parameter(x[None] * 1.0)
            return layer(x).sum()

        return lib.func.grad(f)(lib.tensor([1.0, 2.0, 3.0]))

    agree(program)
