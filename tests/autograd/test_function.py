"""Custom Functions: ctx, marks, errors, higher derivatives, and use inside transforms."""

from __future__ import annotations

import pytest

import franken


def leaf(lib, *values):
    return lib.tensor(list(values), requires_grad=True)


def make(lib, forward, backward, **more):
    """A Function subclass of two functions."""
    body = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    body.update({k: v if isinstance(v, bool) else staticmethod(v) for k, v in more.items()})
    return type("Made", (lib.autograd.Function,), body)


def double(ctx, x):
    return x * 2


def square(ctx, x):
    ctx.save_for_backward(x)
    return x * x


def square_back(ctx, g):
    (x,) = ctx.saved_tensors
    return 2 * x * g


def value_and_grad(lib):
    f = make(lib, square, square_back)
    x = leaf(lib, 3.0, 4.0)
    y = f.apply(x)
    y.sum().backward()
    return y.detach(), x.grad, y.grad_fn.name(), y.requires_grad


def second_derivative(lib):
    f = make(lib, square, square_back)
    x = leaf(lib, 3.0)
    (g,) = lib.autograd.grad(f.apply(x) * x, x, create_graph=True)
    return g.detach(), lib.autograd.grad(g, x)


def needs_input_grad(lib):
    seen = []
    f = make(
        lib, lambda ctx, a, b, c: a * b,
        lambda ctx, g: (seen.append(ctx.needs_input_grad), g, None, None)[1:],
    )  # fmt: skip
    f.apply(leaf(lib, 1.0), lib.ones(1), 5).sum().backward()
    return seen


def user_attributes(lib):
    def forward(ctx, x, n):
        ctx.shape, ctx.params, ctx.seq, ctx.fn, ctx.device, ctx.parents = x.shape, n, 1, 2, 3, 4
        ctx.metas, ctx.pre, ctx.hooks, ctx.dtype = 5, 6, 7, 8
        return x.sum() * n

    f = make(lib, forward, lambda ctx, g: (g.expand(ctx.shape) * ctx.params, None))
    x = leaf(lib, 1.0, 2.0)
    f.apply(x, 3).backward()
    return x.grad


def extra_nones(lib):
    f = make(lib, double, lambda ctx, g: (g * 2, None, None))
    x = leaf(lib, 1.0)
    f.apply(x).sum().backward()
    return x.grad


def non_tensor_outputs(lib):
    def forward(ctx, x):
        positive = x > 0
        ctx.mark_non_differentiable(positive)
        return x * 2, positive, 5, None

    seen = []
    f = make(lib, forward, lambda ctx, *g: (seen.append([x is None for x in g]), g[0] * 2)[1])
    x = leaf(lib, 1.0, -1.0)
    out = f.apply(x)
    out[0].sum().backward()
    return x.grad, out[1], out[2:], out[1].requires_grad, seen


def unmaterialized(lib):
    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 2, x * 3

    seen = []

    def backward(ctx, a, b):
        seen.append((a is None, b is None))
        return a

    x = leaf(lib, 1.0)
    make(lib, forward, backward).apply(x)[0].sum().backward()
    return seen, x.grad


def materialized(lib):
    f = make(lib, lambda ctx, x: (x * 2, x * 3), lambda ctx, a, b: 2 * a + 3 * b)
    x = leaf(lib, 1.0)
    f.apply(x)[1].sum().backward()
    return x.grad


def in_place(lib):
    def forward(ctx, x):
        x.mul_(3)
        ctx.mark_dirty(x)
        return x

    x = leaf(lib, 1.0, 2.0)
    m = x * 1
    out = make(lib, forward, lambda ctx, g: g * 3).apply(m)
    (m * m).sum().backward()
    return out is m, x.grad, m.detach(), m._version


def in_place_on_view(lib):
    def forward(ctx, x):
        x.mul_(3)
        ctx.mark_dirty(x)
        return x

    x = leaf(lib, 1.0, 2.0)
    m = x * 1
    make(lib, forward, lambda ctx, g: g * 3).apply(m[:1])
    (m * m).sum().backward()
    return x.grad, m.detach()


def in_place_leaf(lib):
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x

    make(lib, forward, lambda ctx, g: g).apply(leaf(lib, 1.0))


def dirty_not_returned(lib):
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x * 2

    make(lib, forward, lambda ctx, g: g).apply(leaf(lib, 1.0) * 1)


def returns_input(lib):
    f = make(lib, lambda ctx, x: x, lambda ctx, g: g * 7)
    x = leaf(lib, 1.0)
    y = f.apply(x)
    y.sum().backward()
    return y is x, x.grad


def returned_input_in_place(lib):
    f = make(lib, lambda ctx, x: x, lambda ctx, g: g * 7)
    f.apply(leaf(lib, 1.0) * 1).add_(1)


def returns_view(lib):
    f = make(lib, lambda ctx, x: x[:1], lambda ctx, g: g)
    f.apply(leaf(lib, 1.0, 2.0) * 1).add_(1)


def too_many_grads(lib):
    make(lib, double, lambda ctx, g: (g, g)).apply(leaf(lib, 1.0)).sum().backward()


def grad_of_int(lib):
    make(lib, double, lambda ctx, g: 5).apply(leaf(lib, 1.0)).sum().backward()


def grad_of_wrong_shape(lib):
    f = make(lib, double, lambda ctx, g: lib.ones(3))
    f.apply(leaf(lib, 1.0, 2.0)).sum().backward()


def no_backward(lib):
    class OnlyForward(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    OnlyForward.apply(leaf(lib, 1.0)).sum().backward()


def no_forward(lib):
    class Nothing(lib.autograd.Function):
        pass

    Nothing.apply(leaf(lib, 1.0))


def saves_int(lib):
    make(lib, lambda ctx, x: ctx.save_for_backward(3), double).apply(leaf(lib, 1.0))


def saved_then_changed(lib):
    x = leaf(lib, 3.0)
    m = x * 1
    y = make(lib, square, square_back).apply(m)
    m.add_(1)
    y.sum().backward()


def saved_output_then_changed(lib):
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    y = make(lib, forward, lambda ctx, g: g * ctx.saved_tensors[0]).apply(leaf(lib, 3.0))
    z = y * 1
    y.add_(1)
    z.sum().backward()


def twice(lib):
    y = make(lib, square, square_back).apply(leaf(lib, 3.0)).sum()
    y.backward()
    y.backward()


def once(lib):
    from importlib import import_module

    once_differentiable = import_module(f"{lib.__name__}.autograd.function").once_differentiable
    f = make(lib, square, once_differentiable(square_back))
    x = leaf(lib, 3.0)
    (g,) = lib.autograd.grad(f.apply(x) * x, x, create_graph=True)
    lib.autograd.grad(g, x)


def no_grad_forward(lib):
    f = make(lib, square, square_back)
    with lib.no_grad():
        return f.apply(leaf(lib, 3.0)).requires_grad


def setup(ctx, inputs, output):
    ctx.save_for_backward(*inputs, output)
    ctx.save_for_forward(*inputs)


def product(x, y):
    return x * x * y


def product_back(ctx, g):
    x, y, _ = ctx.saved_tensors
    return 2 * x * y * g, x * x * g


def product_jvp(ctx, tx, ty):
    x, y = ctx.saved_tensors[:2]
    return 2 * x * y * tx + x * x * ty


def new_style(lib, **more):
    return make(lib, product, product_back, setup_context=setup, jvp=product_jvp, **more)


def points(lib):
    return lib.tensor([1.0, 2.0, 3.0]), lib.tensor([4.0, 5.0, 6.0])


def func_module(lib):
    from importlib import import_module

    return import_module(f"{lib.__name__}.func")


def functorch_grad(lib):
    f, (x, y) = new_style(lib), points(lib)
    return func_module(lib).grad(lambda x, y: f.apply(x, y).sum(), (0, 1))(x, y)


def functorch_grad_of_grad(lib):
    f, (x, y) = new_style(lib), points(lib)
    grad = func_module(lib).grad
    return grad(lambda x: grad(lambda x: f.apply(x, y).sum())(x).sum())(x)


def functorch_jvp(lib):
    f, (x, y) = new_style(lib), points(lib)
    return func_module(lib).jvp(f.apply, (x, y), (y, x))


def functorch_own_vmap(lib):
    def vmap(info, in_dims, x, y):
        return product(x.movedim(in_dims[0], 0), y.movedim(in_dims[1], 0)), 0

    f, (x, y) = new_style(lib, vmap=vmap), points(lib)
    return func_module(lib).vmap(f.apply)(x, y)


def functorch_no_vmap(lib):
    func_module(lib).vmap(new_style(lib).apply)(*points(lib))


def functorch_two_vmaps(lib):
    f = new_style(lib, generate_vmap_rule=True, vmap=lambda info, d, x, y: (x, 0))
    func_module(lib).vmap(f.apply)(*points(lib))


def functorch_bad_vmap(lib):
    f = new_style(lib, vmap=lambda info, d, x, y: x)
    func_module(lib).vmap(f.apply)(*points(lib))


def functorch_old_style(lib):
    f = make(lib, square, square_back)
    func_module(lib).grad(lambda x: f.apply(x).sum())(points(lib)[0])


def jvp_missing(lib):
    f = make(lib, product, product_back, setup_context=setup)
    func_module(lib).jvp(f.apply, points(lib), points(lib))


PROGRAMS = [
    value_and_grad, second_derivative, needs_input_grad, user_attributes, extra_nones,
    non_tensor_outputs, unmaterialized, materialized, in_place, in_place_on_view, in_place_leaf,
    dirty_not_returned, returns_input, returned_input_in_place, returns_view, too_many_grads,
    grad_of_int, grad_of_wrong_shape, no_backward, no_forward, saves_int, saved_then_changed,
    saved_output_then_changed, twice, once, no_grad_forward, functorch_grad, functorch_grad_of_grad,
    functorch_jvp, functorch_own_vmap, functorch_no_vmap,
    functorch_two_vmaps, functorch_bad_vmap, functorch_old_style, jvp_missing,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_as_torch(program, agree):
    agree(program)


def three_results(lib, mark, **more):
    """A Function of two tensors with an attribute, whose second result may be marked."""

    def forward(x, y):
        return x * y * 3, (x > 0).to(x.dtype), x + y * y

    def setup(ctx, inputs, output):
        x, y = inputs
        ctx.times = 3.0
        if mark:
            ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(x, y)
        ctx.save_for_forward(x, y, output[2])

    def backward(ctx, g, marked, h):
        x, y = ctx.saved_tensors
        seen.append((ctx.needs_input_grad, marked is None))
        return g * y * ctx.times + h, g * x * ctx.times + 2 * h * y

    def jvp(ctx, tx, ty):
        x, y, _ = ctx.saved_tensors
        return (tx * y + x * ty) * ctx.times, None if mark else 0 * x, tx + 2 * y * ty

    seen = []
    return seen, make(lib, forward, backward, setup_context=setup, jvp=jvp, **more)


VMAPPED = {
    "both": lambda lib, F, f, x, y: F.vmap(f)(x, y),
    "one": lambda lib, F, f, x, y: F.vmap(f, (0, None))(x, y[0]),
    "the other": lambda lib, F, f, x, y: F.vmap(f, (None, 1))(x[0], y.T),
    "columns": lambda lib, F, f, x, y: F.vmap(f, (1, 0), 1)(x, y),
    "neither": lambda lib, F, f, x, y: F.vmap(lambda z: (f(x, y)[0] * z,))(x[:, 0]),
    "vmap of grad": lambda lib, F, f, x, y: F.vmap(
        F.grad(lambda x, y: (f(x, y)[0] + f(x, y)[2]).sum(), (0, 1)), (0, None)
    )(x, y[0]),
    "grad of vmap": lambda lib, F, f, x, y: F.grad(
        lambda x, y: sum(t.sum() for t in F.vmap(f, (0, None))(x, y)), (0, 1)
    )(x, y[0]),
    "unused": lambda lib, F, f, x, y: F.vmap(F.grad(lambda x: f(x, x)[1].sum()))(x),
    "backward": lambda lib, F, f, x, y: lib.autograd.grad(
        F.vmap(f, (1, 0))(x.requires_grad_(), y)[0].sum(), x
    ),
    "vmap of jvp": lambda lib, F, f, x, y: F.vmap(lambda x, y: F.jvp(f, (x, y), (y, x)), (0, None))(
        x, y[0]
    ),
    "jvp of vmap": lambda lib, F, f, x, y: F.jvp(F.vmap(f, (1, 0), (0, 1, 0)), (x, y), (y.T, x.T)),
    "jvp of vmap of one": lambda lib, F, f, x, y: F.jvp(
        lambda x: F.vmap(f, (0, None))(x, y[0]), (x,), (y,)
    ),
    "nested": lambda lib, F, f, x, y: F.vmap(F.vmap(f, (0, None)), (None, 0))(x[:, 0], y),
}


def listed(value):
    return [listed(v) for v in value] if isinstance(value, tuple) else value.tolist()


@pytest.mark.parametrize("name", VMAPPED)
def test_generated_vmap_is_the_function_mapped(name, agree):
    def program(lib, custom):
        x = lib.tensor([[1.0, -2.0], [3.0, 0.5], [-4.0, 2.0]])
        y = lib.tensor([[2.0, 5.0], [7.0, -1.0], [0.25, 4.0]])
        if name in ("columns", "backward", "jvp of vmap"):
            x = x.T
        seen, made = three_results(lib, not name.startswith("jvp"), generate_vmap_rule=True)
        f = made.apply if custom else lambda x, y: (x * y * 3, (x > 0) + 0.0, x + y * y)
        return VMAPPED[name](lib, func_module(lib), f, x, y), custom and seen

    agree(lambda lib: program(lib, False))
    assert listed(program(franken, True)[0]) == listed(program(franken, False)[0])
    if name not in ("grad of vmap", "backward"):  # torch: "flat_bdims must not be None"
        agree(lambda lib: program(lib, True))


TANGENTS = {
    "one too few": lambda lib, t: t,
    "one too many": lambda lib, t: (t, None, t),
    "a list": lambda lib, t: [t, None],
    "a number": lambda lib, t: (3, None),
    "a shape": lambda lib, t: (t[:1], None),
    "of a marked result": lambda lib, t: (t, 0 * t),
    "none of a marked result": lambda lib, t: (t, None),
    "another dtype": lambda lib, t: (t.double(), None),
}


@pytest.mark.parametrize("name", TANGENTS)
@pytest.mark.parametrize("kind", ["marked", "whole numbers"])
def test_what_jvp_gives(name, kind, agree):
    def program(lib):
        def forward(x):
            return x * 2, x.long() if kind == "whole numbers" else x.abs()

        def setup(ctx, inputs, output):
            if kind == "marked":
                ctx.mark_non_differentiable(output[1])

        f = make(
            lib, forward, double, setup_context=setup, jvp=lambda ctx, t: TANGENTS[name](lib, t)
        )
        x = points(lib)[0]
        out, tangents = func_module(lib).jvp(f.apply, (x,), (x,))
        return out, tangents, str(tangents[0].dtype)[-7:]

    agree(program, words=40)


def test_stale_error_names_both_lines():
    x = leaf(franken, 3.0)
    m = x * 1
    y = make(franken, square, square_back).apply(m)
    m.add_(1)
    with pytest.raises(RuntimeError, match=r"saved at test_function.py:\d+ .* modified at test_f"):
        y.sum().backward()


def test_generated_vmap():
    f, (x, y) = new_style(franken, generate_vmap_rule=True), points(franken)
    F = func_module(franken)
    total = lambda x, y: f.apply(x, y).sum()  # noqa: E731
    assert F.vmap(f.apply)(x, y).tolist() == (x * x * y).tolist()
    assert F.vmap(f.apply, (0, None))(x, y).tolist() == ((x * x)[:, None] * y).tolist()
    assert F.vmap(F.grad(total), (0, None))(x, y).tolist() == (2 * x * y.sum()).tolist()
    assert F.grad(lambda y: F.vmap(f.apply, (0, None))(x, y).sum())(y).tolist() == [14.0] * 3


def test_generated_vmap_in_hessians():
    f, (x, y) = new_style(franken, generate_vmap_rule=True), points(franken)
    F = func_module(franken)
    (xx, xy), (yx, yy) = F.hessian(lambda x, y: f.apply(x, y).sum(), (0, 1))(x, y)
    assert xx.tolist() == franken.diag(2 * y).tolist() and yy.tolist() == (0 * xx).tolist()
    assert xy.tolist() == yx.tolist() == franken.diag(2 * x).tolist()
    assert F.jacfwd(f.apply)(x, y).tolist() == franken.diag(2 * x * y).tolist()


def test_generated_vmap_of_vmap():
    f, (x, y) = new_style(franken, generate_vmap_rule=True), points(franken)
    vmap, grad = func_module(franken).vmap, func_module(franken).grad
    nested = vmap(vmap(f.apply, (0, None)), (None, 0))
    expected = (x * x)[None, :] * y[:, None]
    assert nested(x, y).tolist() == expected.tolist()
    assert grad(lambda x: nested(x, y).sum())(x).tolist() == (2 * x * y.sum()).tolist()


def test_no_cycle_through_saved_output():
    import gc
    import weakref

    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    f = make(franken, forward, lambda ctx, g: g * ctx.saved_tensors[0])
    gc.disable()
    try:
        y = f.apply(leaf(franken, 3.0))
        gone = weakref.ref(y)
        del y
        assert gone() is None
    finally:
        gc.enable()
