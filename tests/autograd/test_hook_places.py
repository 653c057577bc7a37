"""Which gradient a hook sees: of outputs that none reached, of views and bases that were changed,
of the targets of a pass, and how the hooks of several tensors count. All beside torch."""

from __future__ import annotations

import pytest


def leaf(lib, *values):
    return lib.tensor(list(values or (1.0, 2.0, 3.0)), requires_grad=True)


def noted(log, name):
    return lambda g: log.append((name, g))


# --- outputs that no gradient reached ------------------------------------------------------------


def unbound(lib):
    x, log = leaf(lib), []
    a, b, c = x.unbind()
    for name, t in (("a", a), ("b", b)):
        t.register_hook(noted(log, name))
        t.retain_grad()
    b.backward(retain_graph=True)
    log.append((a.grad, b.grad))
    a.grad_fn.register_prehook(noted(log, "pre"))
    (a + c).backward()
    return log, x.grad


def of_a_function(lib):
    body = {"forward": staticmethod(lambda ctx, x: (x * 1, x * 2)),
            "backward": staticmethod(lambda ctx, a, b: a + b)}  # fmt: skip
    made = type("Made", (lib.autograd.Function,), body)
    x, log = leaf(lib), []
    a, b = made.apply(x)
    a.register_hook(noted(log, "a"))
    b.sum().backward()
    return log, x.grad


def put_in_place_of_none(lib):
    a, b, _ = leaf(lib).unbind()
    a.register_hook(lambda g: lib.ones(()) if g is None else None)
    b.backward()


# --- targets of a pass ---------------------------------------------------------------------------


def targets(lib, how):
    log = []
    a = lib.tensor(1.0, requires_grad=True)
    b = a * 2
    c = b * 1
    b.register_hook(lambda g: (log.append("tensor"), g * 3)[1])
    b.grad_fn.register_prehook(lambda gs: (log.append("node"), (gs[0] * 2,))[1])
    b.grad_fn.register_hook(lambda into, out: log.append((into, out)))
    a.register_hook(noted(log, "a"))
    edge = lib.autograd.graph.get_gradient_edge
    if how == "grad":
        log.append(lib.autograd.grad(c, b))
    elif how == "grad of both":
        log.append(lib.autograd.grad(c, (a, b)))
    else:
        into = {"inputs": (b,), "an edge": (edge(b),), "both": (a, b), "root": (c,)}[how]
        c.backward(inputs=into)
    return log, a.grad, b.grad, c.grad


def freed_at_a_target(lib):
    z = leaf(lib).exp()
    z.sum().backward(inputs=(z,))
    z.sum().backward()


def function_at_a_target(lib):
    log = []

    def back(ctx, g):
        log.append(ctx.needs_input_grad)
        return g * 2

    body = {"forward": staticmethod(lambda ctx, x: x * 2), "backward": staticmethod(back)}
    x = leaf(lib)
    y = type("Made", (lib.autograd.Function,), body).apply(x)
    y.sum().backward(inputs=(y,))
    return log, x.grad, y.grad


# --- views ---------------------------------------------------------------------------------------


def both_views(lib, base, view, other, log):
    for t in (view, other):
        t.retain_grad()
    view.mul_(2)
    (view.sum() + other.sum()).backward()
    return view.grad, other.grad


def base_of_a_changed_view(lib, base, view, other, log):
    base.retain_grad()
    view.retain_grad()
    view.mul_(2)
    base.sum().backward()
    return base.grad, view.grad


def view_of_a_changed_base(lib, base, view, other, log):
    view.retain_grad()
    base.mul_(2)
    (view * 3).sum().backward()
    return view.grad


def changed_twice(lib, base, view, other, log):
    base.retain_grad()
    view.retain_grad()
    view.mul_(2)
    view.mul_(3)
    base.mul_(2)
    (view * other).sum().backward()
    return base.grad, view.grad, view.retains_grad, other.retains_grad


def copied_into(lib, base, view, other, log):
    view.retain_grad()
    view.copy_(base.detach())
    (view * other).sum().backward()
    return view.grad


def used_before(lib, base, view, other, log):
    view.retain_grad()
    y = view * 1
    view.mul_(2)
    (y * base).sum().backward()
    return view.grad


def hooks_before_and_after(lib, base, view, other, log):
    view.register_hook(noted(log, "view"))
    base.register_hook(noted(log, "base"))
    view.mul_(2)
    view.register_hook(noted(log, "view again"))
    base.register_hook(noted(log, "base again"))
    (view * base).sum().backward()


def hook_of_an_earlier_use(lib, base, view, other, log):
    view.register_hook(noted(log, "view"))
    y = view * 3
    view.mul_(2)
    (y + view + base).sum().backward()


def hooks_of_the_node(lib, base, view, other, log):
    view.grad_fn.register_prehook(noted(log, "pre"))
    view.grad_fn.register_hook(lambda into, out: log.append((into, out)))
    view.mul_(2)
    (view + base).sum().backward()


def hook_of_a_saving_op(lib, base, view, other, log):
    view.register_hook(noted(log, "view"))
    view.exp_()
    view.sum().backward()


def view_of_a_view(lib, base, view, other, log):
    deeper = other.view(1)
    deeper.retain_grad()
    other.retain_grad()
    other.mul_(3)
    (deeper * 2).sum().backward()
    return deeper.grad, other.grad


VIEWS = [
    both_views, base_of_a_changed_view, view_of_a_changed_base, changed_twice, copied_into,
    used_before, hooks_before_and_after, hook_of_an_earlier_use, hooks_of_the_node,
    hook_of_a_saving_op, view_of_a_view,
]  # fmt: skip


@pytest.mark.parametrize("program", VIEWS, ids=lambda p: p.__name__)
def test_views_that_change(program, agree):
    def case(lib):
        x, log = leaf(lib, 1.0, 2.0), []
        base = x.clone()
        return program(lib, base, base[:], base[:1], log), log, x.grad

    agree(case)


PROGRAMS = [unbound, of_a_function, put_in_place_of_none, freed_at_a_target, function_at_a_target]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_as_torch(program, agree):
    agree(program, words=10)


@pytest.mark.parametrize("how", ["grad", "grad of both", "inputs", "an edge", "both", "root"])
def test_targets(how, agree):
    agree(lambda lib: targets(lib, how))


# --- several tensors -----------------------------------------------------------------------------


def many(lib, names, run, mode):
    log = []
    x = leaf(lib, 1.0, 2.0)
    y, z, w = (x * 2).sum(), (x * 3).sum(), leaf(lib, 1.0)
    a, b = x.unbind()
    known = {"x": x, "y": y, "z": z, "a": a, "b": b}
    lib.autograd.graph.register_multi_grad_hook([known[n] for n in names], log.append, mode=mode)
    {
        "y": lambda: y.backward(), "both": lambda: lib.autograd.backward((y, z)),
        "product": lambda: (y * z).backward(), "leaf": lambda: x.backward(lib.ones(2)),
        "grad": lambda: lib.autograd.grad(y, x), "grad of y": lambda: lib.autograd.grad(y + z, y),
        "into x": lambda: (y + z).backward(inputs=[x]), "b": lambda: (b * 2).backward(),
        "into y": lambda: (y + z).backward(inputs=[y]), "at b": lambda: b.backward(),
        "into w": lambda: (y + w.sum()).backward(inputs=[w]),
    }[run]()  # fmt: skip
    return log


@pytest.mark.parametrize("mode", ["all", "any"])
@pytest.mark.parametrize(
    ("names", "run"),
    [("y", "y"), ("yx", "y"), ("yz", "both"), ("yz", "product"), ("x", "y"), ("x", "leaf"),
     ("xy", "grad"), ("xyz", "grad of y"), ("xyz", "into x"), ("xyz", "into y"), ("ab", "b"),
     ("ab", "at b"), ("xyz", "into w")],
)  # fmt: skip
def test_hooks_of_several(names, run, mode, agree):
    agree(lambda lib: many(lib, names, run, mode), words=12)


# --- edges ---------------------------------------------------------------------------------------


def edges(lib):
    edge, made = lib.autograd.graph.get_gradient_edge, lib.autograd.graph.GradientEdge
    x = leaf(lib)
    a, b, c = x.unbind()
    found = edge(b)
    return (
        found == edge(b), len(found), found[1], found._fields, found.ownership_token,
        lib.autograd.grad((c * 1, made((b * 2).grad_fn, 0)), (made(b.grad_fn, 1), c)),
        lib.autograd.grad(a * b * c, made(a.grad_fn, 2)),
    )  # fmt: skip


def zeros_for_tensors_alone(lib):
    edge = lib.autograd.graph.get_gradient_edge
    x, y = leaf(lib).clone(), leaf(lib).clone()
    out = x.clone()
    return lib.autograd.grad(
        out.sum(), (edge(x), y), allow_unused=True, materialize_grads=True
    ), lib.autograd.grad(out.sum(), (x, edge(y)), allow_unused=True)


def no_zeros_for_an_edge(lib):
    edge = lib.autograd.graph.get_gradient_edge
    x, y = leaf(lib).clone(), leaf(lib).clone()
    lib.autograd.grad(x.sum(), (x, edge(y)), allow_unused=True, materialize_grads=True)


@pytest.mark.parametrize(
    "program",
    [edges, zeros_for_tensors_alone, no_zeros_for_an_edge,
     lambda lib: lib.autograd.grad(leaf(lib).sum(), "x"),
     lambda lib: lib.autograd.grad(leaf(lib).sum(), [None]),
     lambda lib: leaf(lib).sum().backward(inputs=[3])],
)  # fmt: skip
def test_edges(program, agree):
    agree(program, words=12)


# --- modes that a user's function leaves behind --------------------------------------------------


def saves(lib, x):
    """Whether a tensor that is saved now goes through hooks."""
    y = x.exp()
    try:
        y.grad_fn._raw_saved_result.register_hooks(lambda t: t, lambda t: t)
    except RuntimeError:
        return True
    return False


def changed_by(lib, act):
    """`act` on hooks in an unpack hook, beside `inner` ones; what is active then and later."""
    pair = lib.autograd.graph.saved_tensors_hooks
    inner = pair(lambda t: t, lambda t: t)
    seen = []

    def unpack(t):
        act(lib, inner)
        return t

    x = leaf(lib)
    with pair(lambda t: t, unpack):
        z = x.sin().sin()
    with inner:
        z.sum().backward()
        seen.append(saves(lib, x))
    seen.append(saves(lib, x))
    with inner:
        seen.append(saves(lib, x))
    return seen, x.grad


ACTS = {
    "enters": lambda lib, inner: inner.__enter__(),
    "leaves": lambda lib, inner: inner.__exit__(),
    "turns grad on": lambda lib, inner: lib.set_grad_enabled(True),
}  # fmt: skip


@pytest.mark.parametrize("name", ACTS)
def test_what_an_unpack_hook_changes_ends_with_it(name, agree):
    agree(lambda lib: changed_by(lib, ACTS[name]))
