"""Stop-gradient forms and in-place changes under all compositions of transforms, against torch.

Each function maps a vector to a scalar and may stop gradients, change tensors, or do what torch
refuses; each composition turns it into a function of one vector. Compared are the result (or the
error's type and first words), what became of the argument and of a captured tensor, and the
gradient of a backward pass outside of the transforms.
"""

from __future__ import annotations

import pytest

import franken.func  # noqa: F401

torch = pytest.importorskip("torch")

POINT = [0.5, -1.25, 2.0]


def vector(lib, values=POINT):
    return lib.tensor(values, dtype=lib.float64)


# --- functions -----------------------------------------------------------------------------------


def straight_through(lib, x, c):
    return ((x + (x.round() - x).detach()) * x).sum()


def cut_in_place(lib, x, c):
    y = x * x
    y.detach_()
    return (y * x).sum()


def cut_argument(lib, x, c):
    return (x.detach_() * x).sum()


def cut_view(lib, x, c):
    y = (x * x)[1:]
    y.detach_()
    return (y * x[1:]).sum()


def no_grad(lib, x, c):
    with lib.no_grad():
        y = x * x
    return (y * x).sum()


def enabled_again(lib, x, c):
    with lib.no_grad():
        y = x * x
        with lib.enable_grad():
            z = x * y * x
    return (z * x).sum()


def decorated(lib, x, c):
    return (lib.no_grad()(lambda v: v.exp())(x) * x).sum()


def switched(lib, x, c):
    with lib.set_grad_enabled(False):
        y = x.exp()
    return (y * x).sum()


def changed_through_detached(lib, x, c):
    y = x * 1
    y.detach().mul_(2)
    return (y * y).sum()


def changed_in_no_grad(lib, x, c):
    with lib.no_grad():
        x.mul_(2)
    return (x * x).sum()


STOPS = {
    "detach": lambda lib, x, c: (x.detach() * x).sum(),
    "detach result": lambda lib, x, c: ((x * x).detach() * x.exp()).sum(),
    "detach view": lambda lib, x, c: (x[1:].detach() * x[:2] * x[1:]).sum(),
    "detach clone": lambda lib, x, c: (x.detach().clone() * x).sum(),
    "detach twice": lambda lib, x, c: (x.detach().exp().detach() * x * x).sum(),
    "detach all": lambda lib, x, c: (x.detach() * 2).sum(),
    "data": lambda lib, x, c: (x.data * x).sum(),
    **{f.__name__: f for f in (
        straight_through, cut_in_place, cut_argument, cut_view, no_grad, enabled_again, decorated,
        switched, changed_through_detached, changed_in_no_grad,
    )},
}  # fmt: skip


def clone(lib, x, c):
    y = x.clone()
    y.mul_(2)
    return (y * x).sum()


def view_of_clone(lib, x, c):
    y = x.clone()
    y[0:2].mul_(x[1:])
    return (y * x).sum()


def two_views(lib, x, c):
    y = x * 1
    a, b = y[0:1], y[1:]
    a.copy_(x[1:2] * x[2:3])
    b.mul_(x[:2])
    a.add_(x[2:])
    return (y**3).sum()


def base_under_view(lib, x, c):
    y = x * 1
    v = y[1:]
    y.mul_(x)
    return (v * v * x[1:]).sum()


def argument(lib, x, c):
    return (x.mul_(2) * x).sum()


def view_of_argument(lib, x, c):
    x[0:2].mul_(2)
    return (x * x).sum()


def captured(lib, x, c):
    c.mul_(2)
    return (c * x).sum()


def view_of_captured(lib, x, c):
    c[1:].mul_(2)
    return (c * x).sum()


def made_inside(lib, x, c):
    y = lib.zeros(3, dtype=lib.float64)
    y.copy_(x)
    return (y * y).sum()


def element_of_made(lib, x, c):
    y = lib.zeros(3, dtype=lib.float64)
    y[0] = x[0]
    return (y * x).sum()


def like_argument(lib, x, c):
    y = lib.zeros_like(x)
    y[1:] = x[:2]
    y.add_(x)
    return (y * x).sum()


def masked(lib, x, c):
    y = x.clone()
    y[lib.tensor([True, False, True])] = 3.0
    y.clamp_(-1, 4)
    return (y * x).sum()


def saved_output(lib, x, c):
    y = x.exp()
    y.mul_(2)
    return (y * x).sum()


def reshaped_in_place(lib, x, c):
    y = x * 1
    y.unsqueeze_(0).transpose_(0, 1)
    return (y * y.exp()).sum()


CHANGES = {f.__name__: f for f in (
    clone, view_of_clone, two_views, base_under_view, argument, view_of_argument, captured,
    view_of_captured, made_inside, element_of_made, like_argument, masked, saved_output,
    reshaped_in_place,
)}  # fmt: skip


# --- compositions --------------------------------------------------------------------------------


def rows(lib, x):
    return lib.stack([x, x * 2])


def ones(lib, x):
    return lib.ones_like(x)


def one(lib):
    return lib.ones((), dtype=lib.float64)


COMPOSITIONS = {
    "grad": lambda lib, F, f: F.grad(f),
    "vjp": lambda lib, F, f: lambda x: F.vjp(f, x)[1](one(lib))[0],
    "jvp": lambda lib, F, f: lambda x: F.jvp(f, (x,), (ones(lib, x),)),
    "vmap": lambda lib, F, f: lambda x: F.vmap(f)(rows(lib, x)),
    "vmap of the argument": lambda lib, F, f: lambda x: F.vmap(f)(x.reshape(1, 3)),
    "jacrev": lambda lib, F, f: F.jacrev(f),
    "jacfwd": lambda lib, F, f: F.jacfwd(f),
    "hessian": lambda lib, F, f: F.hessian(f),
    "grad grad": lambda lib, F, f: F.grad(lambda x: F.grad(f)(x).sum()),
    "vmap grad": lambda lib, F, f: lambda x: F.vmap(F.grad(f))(rows(lib, x)),
    "grad vmap": lambda lib, F, f: F.grad(lambda x: F.vmap(f)(rows(lib, x)).sum()),
    "jvp grad": lambda lib, F, f: lambda x: F.jvp(F.grad(f), (x,), (ones(lib, x),)),
    "grad jvp": lambda lib, F, f: F.grad(lambda x: F.jvp(f, (x,), (ones(lib, x),))[1]),
    "vmap jvp": lambda lib, F, f: lambda x: F.vmap(
        lambda r: F.jvp(f, (r,), (ones(lib, r),))
    )(rows(lib, x)),
    "jvp vmap": lambda lib, F, f: lambda x: F.jvp(
        lambda v: F.vmap(f)(rows(lib, v)), (x,), (ones(lib, x),)
    ),
    "jacfwd jacfwd": lambda lib, F, f: F.jacfwd(F.jacfwd(f)),
    "jacrev jacrev": lambda lib, F, f: F.jacrev(F.jacrev(f)),
    "jacrev jacfwd": lambda lib, F, f: F.jacrev(F.jacfwd(f)),
    "vmap hessian": lambda lib, F, f: lambda x: F.vmap(F.hessian(f))(rows(lib, x)),
    "vmap vmap": lambda lib, F, f: lambda x: F.vmap(F.vmap(f))(rows(lib, x).unsqueeze(0)),
    "grad of vmap of grad": lambda lib, F, f: F.grad(
        lambda x: F.vmap(F.grad(f))(rows(lib, x)).sum()
    ),
    "hessian of grad": lambda lib, F, f: F.hessian(lambda x: F.grad(f)(x).pow(2).sum()),
}  # fmt: skip

# Tangents that torch keeps as zeros without memory, which it then cannot change in place.
WITHOUT_MEMORY = {("jacfwd jacfwd", "two_views"), ("jacfwd jacfwd", "base_under_view")}


def run(lib, compose, f, tracked):
    x, c = vector(lib), vector(lib, [1.0, 2.0, 3.0])
    given = x.requires_grad_() if tracked else x
    if tracked:
        given = x * 1
    out = compose(lib, lib.func, lambda v: f(lib, v, c))(given)
    left = [given.detach(), c]
    outs = list(out) if isinstance(out, tuple) else [out]
    values = [o.detach().clone() for o in outs]
    if not tracked:
        return values, left
    total = sum(o.sum() for o in outs)
    if total.requires_grad:  # torch also records what is zero
        total.backward()
    return values, left, lib.zeros(3) if x.grad is None else x.grad.clone()


@pytest.mark.parametrize("tracked", [False, True], ids=["", "backward"])
@pytest.mark.parametrize("name", COMPOSITIONS)
@pytest.mark.parametrize("forms", [STOPS, CHANGES], ids=["stops", "changes"])
def test_as_torch(name, forms, tracked, agree):
    compose, wrong = COMPOSITIONS[name], {}
    for form, f in forms.items():
        if (name, form) in WITHOUT_MEMORY:
            continue
        try:
            agree(lambda lib, f=f: run(lib, compose, f, tracked), words=3)
        except AssertionError as error:
            wrong[form] = str(error)
    assert not wrong


def by_itself(lib, x):
    y = x * 1
    y.mul_(y)
    return (y * x).sum()


@pytest.mark.parametrize("transform", ["grad", "vjp", "backward", "vmap", "jvp of grad"])
def test_an_operand_that_the_op_changes(transform, agree):
    """The copy that is kept of what is changed is kept of one operand only (in forward mode torch
    reads the changed one)."""
    calls = {
        "grad": lambda lib, f, x: lib.func.grad(f)(x),
        "vjp": lambda lib, f, x: lib.func.vjp(f, x)[1](one(lib)),
        "backward": lambda lib, f, x: f(x.requires_grad_()).backward(),
        "vmap": lambda lib, f, x: lib.vmap(f)(rows(lib, x)),
        "jvp of grad": lambda lib, f, x: lib.func.jvp(lib.func.grad(f), (x,), (x,)),
    }
    agree(lambda lib: calls[transform](lib, lambda v: by_itself(lib, v), vector(lib)))
