"""What `Function.apply` makes of its arguments, and what backward may return for each."""

from __future__ import annotations

import pytest


def one(lib):
    return lib.tensor([2.0], requires_grad=True)


def plain(ctx, x, y=1, z=2):
    return x * y


def only(ctx, x, /, y):
    return x * y


def rest(ctx, x, *more, y=2):
    return x * y


def keywords(ctx, x, **more):
    return x * 1


def late(ctx, x, y=1, *, z=3):
    return x * y * z


FORWARDS = [plain, only, rest, keywords, late]
# how apply is called: by place, by keyword
CALLS = [
    ("x", ""), ("", "x"), ("x", "y"), ("", "xy"), ("", "yx"), ("x", "z"), ("xy", "z"), ("x", "x"),
    ("", "y"), ("x", "w"), ("x", "c"), ("xyzw", ""), ("xyzw", "y"),
]  # fmt: skip
NAMES = {"c": "ctx"}


def applied(lib, cls, call):
    values = {name: one(lib) for name in "xyzwc"}
    by_place, by_name = call
    named = {NAMES.get(n, n): values[n] for n in by_name}
    out = cls.apply(*[values[n] for n in by_place], **named)
    out.sum().backward()
    return out.detach(), len(out.grad_fn.next_functions), [v.grad for v in values.values()]


def backward(ctx, *g):
    return (g[0],) * len(ctx.needs_input_grad)


def old_style(lib, forward):
    body = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type("Made", (lib.autograd.Function,), body)


def new_style(lib, forward, seen):
    def setup(ctx, inputs, output):
        seen.append(len(inputs))

    body = {
        "forward": staticmethod(forward), "setup_context": staticmethod(setup),
        "backward": staticmethod(lambda ctx, g: (g,) + (None,) * (seen[-1] - 1)),
    }  # fmt: skip
    return type("Made", (lib.autograd.Function,), body)


@pytest.mark.parametrize("forward", FORWARDS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("call", CALLS, ids="-".join)
def test_with_ctx(forward, call, agree):
    agree(lambda lib: applied(lib, old_style(lib, forward), call), words=9)


def b_plain(x, y=1, z=2):
    return x * y


def b_keywords(x, **more):
    return x * 1


def b_late(x, y=1, *, z=3):
    return x * y * z


@pytest.mark.parametrize("forward", [b_plain, b_keywords, b_late], ids=lambda f: f.__name__)
@pytest.mark.parametrize("call", CALLS, ids="-".join)
def test_with_setup_context(forward, call, agree):
    def program(lib):
        seen = []
        return applied(lib, new_style(lib, forward, seen), call), seen

    agree(program, words=9)


@pytest.mark.parametrize("on", [True, False])
def test_keywords_have_their_place(on, agree):
    def program(lib):
        seen = []

        def forward(ctx, x, y):
            seen.append(ctx.needs_input_grad)
            return x * y

        made = old_style(lib, forward)
        with lib.set_grad_enabled(on):
            out = made.apply(y=one(lib), x=lib.ones(1))
        return out.detach(), out.requires_grad, seen

    agree(program)


def test_vmap_refuses_tensors_by_keyword_alone(agree):
    def program(lib):
        body = {
            "forward": staticmethod(lambda x, *, y: x + y),
            "setup_context": staticmethod(lambda ctx, inputs, output: None),
            "vmap": staticmethod(lambda info, in_dims, x, *, y: (x + y, 0)),
        }  # fmt: skip
        made = type("Made", (lib.autograd.Function,), body)
        return lib.func.vmap(made.apply)(lib.ones(3), y=lib.ones(3))

    agree(program, words=12)


# what backward gives for (a tensor that requires grad, the second argument)
RETURNED = {
    "one for two": lambda ctx, g: g, "none for a number": lambda ctx, g: (g, None),
    "a gradient for a number": lambda ctx, g: (g, g), "a number": lambda ctx, g: (3, None),
    "a number for the second": lambda ctx, g: (None, 3), "too many": lambda ctx, g: (g, None, g),
    "too many nones": lambda ctx, g: (g, None, None, None), "a list": lambda ctx, g: [g, None],
    "another shape": lambda ctx, g: (g.repeat(3), None), "nothing": lambda ctx, g: None,
}  # fmt: skip
SECOND = {"number": lambda lib: 2.0, "constant": lambda lib: lib.ones(1), "leaf": one}


@pytest.mark.parametrize("name", RETURNED)
@pytest.mark.parametrize("second", SECOND)
def test_what_backward_returns(name, second, agree):
    def program(lib):
        body = {"forward": staticmethod(lambda ctx, x, y: x * 1),
                "backward": staticmethod(RETURNED[name])}  # fmt: skip
        made = type("Made", (lib.autograd.Function,), body)
        x, y = one(lib), SECOND[second](lib)
        out = made.apply(x, y)
        out.sum().backward()
        return x.grad, getattr(y, "grad", None), len(out.grad_fn.next_functions)

    agree(program, words=20)


def test_backward_and_vjp_are_one_too_many(agree):
    def program(lib):
        body = {n: staticmethod(lambda ctx, g: g) for n in ("forward", "backward", "vjp")}
        made = type("Made", (lib.autograd.Function,), body)
        out = made.apply(one(lib))
        out.sum().backward()

    agree(program, words=20)
