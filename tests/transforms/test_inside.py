"""What a function under a transform may do, and what of it can be used afterwards, against torch.

Each program runs a function under one transform. Values, or error types and first words, must be
torch's.
"""

from __future__ import annotations

import pytest

import franken.func  # noqa: F401

pytest.importorskip("torch")


def point(lib):
    return lib.tensor([1.0, 2.0, 3.0])


def rows(lib):
    return lib.stack([point(lib), point(lib) * 2])


TRANSFORMS = {
    "grad": lambda lib, f: lib.func.grad(f)(point(lib)),
    "jvp": lambda lib, f: lib.func.jvp(f, (point(lib),), (point(lib),)),
    "vmap": lambda lib, f: lib.vmap(f)(rows(lib)),
    "hessian": lambda lib, f: lib.func.hessian(f)(point(lib)),
}


# --- inside --------------------------------------------------------------------------------------


def requires_grad_(lib, x):
    return (x * 1).requires_grad_().sum()


def requires_grad_of_constant(lib, x):
    return (lib.ones(3).requires_grad_() * x).sum()


def attribute(lib, x):
    y = x.detach()
    y.requires_grad = True
    return (y * x).sum()


def retain(lib, x):
    y = x * 1
    y.retain_grad()
    return (y * x).sum()


def hook(lib, x):
    y = x * 1
    y.register_hook(lambda g: g * 2)
    return (y * y).sum()


def saved_hooks(lib, x):
    with lib.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        return (x * x).sum()


def backward(lib, x):
    (x**3).sum().backward()
    return x.grad.sum()


def inner_grad(lib, x):
    return (lib.autograd.grad((x**3).sum(), x)[0] * x).sum()


def inner_grad_recorded(lib, x):
    return lib.autograd.grad((x**3).sum(), x, create_graph=True)[0].sum()


def functional(lib, x):
    return lib.autograd.functional.jacobian(lambda v: (v**3).sum(), x).sum()


def set_data(lib, x):
    y = x * 1
    y.data = lib.ones(3)
    return (y * x).sum()


def numpy(lib, x):
    x.numpy()
    return x.sum()


def numpy_of_detached(lib, x):
    x.detach().numpy()
    return x.sum()


def item(lib, x):
    return (x * x.sum().item()).sum()


def branch(lib, x):
    return x.sum() * float(x[0]) if x[0] > 0 else x.sum()


INSIDE = [
    requires_grad_, requires_grad_of_constant, attribute, retain, hook, saved_hooks, backward,
    inner_grad, inner_grad_recorded, functional, set_data, numpy, numpy_of_detached, item, branch,
]  # fmt: skip


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("function", INSIDE, ids=lambda f: f.__name__)
def test_inside(function, transform, agree):
    agree(lambda lib: TRANSFORMS[transform](lib, lambda x: function(lib, x)))


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_what_tensors_say_of_themselves(transform, agree):
    def program(lib):
        w, said = point(lib).requires_grad_(), []

        def f(x):
            tensors = (x, x * 1, w, w * 1, lib.ones(2), x.detach())
            said.append([(t.requires_grad, t.is_leaf, t.grad_fn is None) for t in tensors])
            return (x * x).sum()

        TRANSFORMS[transform](lib, f)
        return said

    agree(program)


# --- afterwards ----------------------------------------------------------------------------------


USES = {
    "sum": lambda lib, y: y + 1,
    "item": lambda lib, y: y.sum().item(),
    "list": lambda lib, y: y.tolist(),
    "flags": lambda lib, y: (y.requires_grad, y.is_leaf, (y * 1).requires_grad, y._version),
    "change": lambda lib, y: (y.mul_(2), y + 0),
    "index": lambda lib, y: y[0],
    "numpy": lambda lib, y: y.detach().numpy(),
    "shown": lambda lib, y: repr(y),
    "again": lambda lib, y: lib.func.grad(lambda x: (x * y).sum())(point(lib)),
    "function": lambda lib, y: lib.nn.functional.softmax(y, 0),
}


# Under vmap torch refuses each use, in words that differ from op to op; used again within another
# transform, what left a vmap or a nest of levels fails an assertion of its own.
LEFT = [
    *((use, t) for use in USES for t in ("grad", "jvp")),
    *((use, "hessian") for use in USES if use != "again"),
    *((use, "vmap") for use in ("sum", "function", "change")),
]


@pytest.mark.parametrize(("use", "transform"), LEFT)
def test_a_tensor_that_left_its_transform(use, transform, agree):
    def program(lib):
        kept = []

        def f(x):
            kept.append(x * 2)
            return (kept[-1] ** 2).sum()

        TRANSFORMS[transform](lib, f)
        return USES[use](lib, kept[0])

    agree(program)


def test_gradients_flow_from_what_left_a_transform(agree):
    def program(lib):
        x, kept = point(lib).requires_grad_(), []

        def f(v):
            kept.append(v * v)
            return kept[-1].sum()

        lib.func.grad(f)(x)
        kept[0].sum().backward()
        return x.grad

    agree(program)


@pytest.mark.parametrize("which", ["captured", "argument", "output", "tangent", "tangent of copy"])
def test_changes_around_a_transform(which, agree):
    def program(lib):
        F, x, w = lib.func, point(lib), point(lib) * 2
        if which == "tangent":
            F.jvp(lambda v: v.mul_(2), (x,), (w,))
            return x, w
        if which == "tangent of copy":
            F.jvp(lambda v: (v * 1).mul_(2), (x,), (w,))
            return x, w
        out, back = F.vjp(lambda v: (v * w).exp() if which == "output" else v * w * v, x)
        {"captured": w, "argument": x, "output": out}[which].mul_(2)
        return back(point(lib))

    agree(program)


# --- custom Functions ----------------------------------------------------------------------------


@pytest.mark.parametrize("saved", ["forward", "backward", "both"])
def test_jvp_sees_what_was_saved_for_it(saved, agree):
    def program(lib):
        seen = []

        class Double(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                if saved != "forward":
                    ctx.save_for_backward(x)
                if saved != "backward":
                    ctx.save_for_forward(x, x)
                return x * 2

            @staticmethod
            def backward(ctx, g):
                seen.append(len(ctx.saved_tensors))
                return g * 2

            @staticmethod
            def jvp(ctx, t):
                seen.append(len(ctx.saved_tensors))
                return t * 2

        forward_ad, x = lib.autograd.forward_ad, point(lib).requires_grad_()
        with forward_ad.dual_level():
            out = Double.apply(forward_ad.make_dual(x, point(lib)))
            tangent = forward_ad.unpack_dual(out).tangent
            out.sum().backward()
        return tangent, x.grad, seen

    agree(program)


def test_forward_over_reverse_with_dual_tensors(agree):
    def program(lib):
        forward_ad, x = lib.autograd.forward_ad, point(lib).requires_grad_()
        with forward_ad.dual_level():
            dual = forward_ad.make_dual(x, point(lib))
            (g,) = lib.autograd.grad((dual.sin() * dual.exp()).sum(), dual, create_graph=True)
            return tuple(forward_ad.unpack_dual(g))

    agree(program)


def test_any_tensor_can_become_dual(agree):
    def program(lib):
        forward_ad, made = lib.autograd.forward_ad, lib.zeros(3)
        view = made[1:]
        with forward_ad.dual_level():
            made.copy_(forward_ad.make_dual(point(lib), point(lib)))
            view.mul_(2)
            tangents = [forward_ad.unpack_dual(t).tangent for t in (made, view, made[:2])]
        with forward_ad.dual_level():
            return made, tangents, forward_ad.unpack_dual(made).tangent

    agree(program)
