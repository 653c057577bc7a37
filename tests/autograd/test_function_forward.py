"""Custom Functions in forward mode: what `jvp` may return for which output, as torch checks it."""

from __future__ import annotations

import pytest


def grid(lib):
    return lib.arange(4.0).reshape(2, 2)


def changed(ctx, a):
    ctx.mark_dirty(a)
    a.mul_(2)
    return a


def second_changed(ctx, a, b):
    ctx.mark_dirty(b)
    b.mul_(a)
    return b


def second_fixed(ctx, a, b):
    out = b.clone()
    ctx.mark_non_differentiable(out)
    return a.clone(), out


def copied(ctx, a):
    return a.clone()


def as_it_is(ctx, a):
    return a


def row(ctx, a):
    return a[0]


def both_copied(ctx, a, b):
    return a.clone(), b.clone()


def with_number(ctx, a):
    return a.clone(), 3, a.clone()


def beside_plain(ctx, a, b):
    return a * 1, b


# name: (forward, jvp, number of floating inputs with a tangent, other inputs)
CALLS = {
    "too few": (lambda ctx, a: (a.clone(), a.clone()), lambda ctx, a: a),
    "too many": (copied, lambda ctx, a: (a, a)),
    "a number": (copied, lambda ctx, a: 3),
    "a number beside a number": (with_number, lambda ctx, a: (a, 3, a)),
    "another shape": (copied, lambda ctx, a: a.sum()),
    "another dtype": (copied, lambda ctx, a: a.double()),
    "as it came": (copied, lambda ctx, a: a),
    "a row for a row": (row, lambda ctx, a: a[0]),
    "no view for a view": (row, lambda ctx, a: a[0].clone()),
    "nothing for a view": (row, lambda ctx, a: None),
    "a view of something else": (row, lambda ctx, a: a[0].clone().view_as(a[0])),
    "a view for the input": (as_it_is, lambda ctx, a: a.view_as(a)),
    "itself for the input": (as_it_is, lambda ctx, a: a),
    "a product for the input": (as_it_is, lambda ctx, a: a * 2),
    "changed with it": (changed, lambda ctx, a: a.mul_(2)),
    "not changed": (changed, lambda ctx, a: a),
    "a new one for the changed": (changed, lambda ctx, a: a * 2),
    "nothing for the changed": (changed, lambda ctx, a: None),
    "a view for the changed": (changed, lambda ctx, a: a.view_as(a)),
    "no tensor, no tangent": (with_number, lambda ctx, a: (a, None, a)),
    "no tensor, but a tangent": (with_number, lambda ctx, a: (a, a, a)),
    "no tensor counts": (with_number, lambda ctx, a: (a, a)),
}
# the second input has no tangent
BESIDE = {
    "for a fixed output": (second_fixed, lambda ctx, a, b: (a, a.clone())),
    "none for a fixed output": (second_fixed, lambda ctx, a, b: (a, None)),
    "for the plain input": (beside_plain, lambda ctx, a, b: (a, b)),
    "a product for the plain input": (beside_plain, lambda ctx, a, b: (a, b * 2 + 1)),
    "for the plain input, changed": (second_changed, lambda ctx, a, b: b.mul_(2)),
    "a new one for the plain input, changed": (second_changed, lambda ctx, a, b: a * 2),
}


def pushed(lib, forward, jvp, *others, viewed=False):
    """The tangents, whether the first is a view, and which outputs are the argument itself."""
    fw = lib.autograd.forward_ad
    body = {"forward": staticmethod(forward), "jvp": staticmethod(jvp)}
    made = type("Made", (lib.autograd.Function,), body)
    with fw.dual_level():
        x = fw.make_dual(grid(lib), lib.ones(2, 2))
        x = x.view_as(x) if viewed else x
        out = made.apply(x, *others)
        outs = out if isinstance(out, tuple) else (out,)
        tangents = [fw.unpack_dual(o).tangent if hasattr(o, "shape") else o for o in outs]
        return tangents, tangents[0]._is_view(), [o is x for o in outs]


@pytest.mark.parametrize("name", CALLS)
def test_of_one_input(name, agree):
    agree(lambda lib: pushed(lib, *CALLS[name]), words=30)


@pytest.mark.parametrize("name", BESIDE)
def test_beside_an_input_without_tangent(name, agree):
    agree(lambda lib: pushed(lib, *BESIDE[name], grid(lib))[0], words=30)


@pytest.mark.parametrize("name", [n for n in CALLS if "view" in n or "input" in n or "row" in n])
def test_of_a_view(name, agree):
    agree(lambda lib: pushed(lib, *CALLS[name], viewed=True), words=30)


def test_whole_numbers_have_no_tangent(agree):
    whole = lambda lib: lib.tensor([1, 2])  # noqa: E731
    for jvp in (lambda ctx, a, b: (a, None), lambda ctx, a, b: (a, a)):
        agree(lambda lib, jvp=jvp: pushed(lib, both_copied, jvp, whole(lib))[0], words=30)


def test_the_users_own_tangent_changes(agree):
    def own(lib):
        fw = lib.autograd.forward_ad
        body = {"forward": staticmethod(changed), "jvp": staticmethod(CALLS["changed with it"][1])}
        made = type("Made", (lib.autograd.Function,), body)
        tangent = lib.ones(2, 2)
        with fw.dual_level():
            x = fw.make_dual(grid(lib), tangent)
            out = made.apply(x)
            return out is x, fw.unpack_dual(out).tangent is tangent, tangent

    agree(own)


@pytest.mark.parametrize(
    "name", ["too few", "a number", "another shape", "a product for the input"]
)
def test_in_func_jvp(name, agree):
    forward, jvp = CALLS[name]

    def program(lib):
        body = {
            "forward": staticmethod(lambda a: forward(None, a)), "jvp": staticmethod(jvp),
            "setup_context": staticmethod(lambda ctx, inputs, output: None),
        }  # fmt: skip
        made = type("Made", (lib.autograd.Function,), body)
        return lib.func.jvp(made.apply, (grid(lib),), (lib.ones(2, 2),))

    agree(program, words=30)
