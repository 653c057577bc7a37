"""What reaches `.grad`, when hooks see it, and that no sum is written into a cotangent that another
edge, a hook or the user also holds. All beside torch."""

from __future__ import annotations

import pytest

import franken

torch = pytest.importorskip("torch")


def leaf(lib, *values):
    return lib.tensor(values or (1.0, 2.0)).requires_grad_()


def tried(fn):
    try:
        return fn()
    except (RuntimeError, TypeError) as error:
        return type(error).__name__, str(error)


def alike(case, *args):
    mine, theirs = (tried(lambda lib=lib: case(lib, *args)) for lib in (franken, torch))
    assert str(mine) == str(theirs)
    return mine


def lists(tensors):
    return [t.tolist() for t in tensors]


# --- hooks after accumulation --------------------------------------------------------------------


@pytest.mark.parametrize("returned", ["grad", 3, "a"])
def test_hooks_after_accumulation_return_nothing(returned):
    def case(lib):
        x = leaf(lib)
        x.register_post_accumulate_grad_hook(lambda p: p.grad if returned == "grad" else returned)
        x.sum().backward()

    assert alike(case)[0] in ("RuntimeError", "TypeError")


@pytest.mark.filterwarnings("ignore:Using backward")
@pytest.mark.parametrize("inputs", [None, "x", "y", "xy", "yx", "one"])
@pytest.mark.parametrize("create_graph", [False, True])
def test_hooks_after_accumulation(inputs, create_graph):
    def case(lib):
        x, y, seen = leaf(lib), leaf(lib, 3.0, 4.0), []
        for name, t in (("x", x), ("y", y)):
            t.register_post_accumulate_grad_hook(lambda p, name=name: seen.append((
                name, p.grad.tolist(), p.grad.requires_grad, p.grad.grad_fn is not None,
                lib.is_grad_enabled(),
            )))  # fmt: skip
        chosen = {None: {}, "one": {"inputs": x}}.get(inputs)
        if chosen is None:
            chosen = {"inputs": [{"x": x, "y": y}[name] for name in inputs]}
        z = (x * x * y).sum()
        for _ in range(2):
            z.backward(create_graph=create_graph, retain_graph=True, **chosen)
        return seen, [None if t.grad is None else t.grad.tolist() for t in (x, y)]

    alike(case)


@pytest.mark.parametrize("how", ["backward", "inputs", "grad"])
def test_order_of_all_hooks_of_a_leaf(how):
    def case(lib):
        x, seen = leaf(lib), []
        node = x.view_as(x).grad_fn.next_functions[0][0]
        x.register_hook(lambda g: seen.append("tensor"))
        node.register_prehook(lambda g: seen.append("before"))
        x.register_post_accumulate_grad_hook(lambda p: seen.append("accumulated"))
        node.register_hook(lambda i, o: seen.append(("after", len(i), len(o))))
        y = (x * x).sum()
        if how == "grad":
            lib.autograd.grad(y, x)
        else:
            y.backward(**{"inputs": [x]} if how == "inputs" else {})
        return seen

    alike(case)


@pytest.mark.filterwarnings("ignore:Using backward")
@pytest.mark.parametrize("create_graph", [False, True])
def test_a_hook_may_free_the_gradient_or_step(create_graph):
    def freed(lib):
        x = leaf(lib)
        x.register_post_accumulate_grad_hook(lambda p: setattr(p, "grad", None))
        (x * x).sum().backward(create_graph=create_graph)
        return x.grad

    def stepped(lib):
        x = leaf(lib)
        optimizer = lib.optim.SGD([x], lr=0.5)

        def hook(p):
            optimizer.step()
            optimizer.zero_grad()

        x.register_post_accumulate_grad_hook(hook)
        (x * x).sum().backward(create_graph=create_graph)
        return x.tolist(), x.grad

    alike(freed)
    alike(stepped)


def test_removing_a_hook_and_refusals():
    def case(lib):
        x, seen = leaf(lib), []
        first = x.register_post_accumulate_grad_hook(lambda p: seen.append(1))
        x.register_post_accumulate_grad_hook(lambda p: seen.append(2))
        x.sum().backward()
        first.remove()
        x.sum().backward()
        return seen

    alike(case)
    alike(lambda lib: (leaf(lib) * 2).register_post_accumulate_grad_hook(print))
    alike(lambda lib: lib.ones(2).register_post_accumulate_grad_hook(print))


# --- cotangents that several hold ----------------------------------------------------------------


def one_cotangent_for_two_leaves(lib):
    x, y = leaf(lib), leaf(lib, 5.0, 6.0)
    (x + y).backward(lib.ones(2))
    x.grad.add_(10)
    return lists([x.grad, y.grad])


def the_users_cotangent(lib):
    g, x = lib.tensor([1.0, 2.0]), leaf(lib)
    (x + 0).backward(g)
    x.grad.add_(5)
    (x + 0).backward(g)
    return lists([g, x.grad])


def the_users_cotangent_at_a_leaf(lib):
    g, x = lib.tensor([1.0, 2.0]), leaf(lib)
    x.backward(g)
    x.backward(g)
    return lists([g, x.grad])


def one_cotangent_for_many_roots(lib):
    a, g = leaf(lib), lib.ones(2)
    lib.autograd.backward([a * 1, a + 0, a - 0, a + a], [g, g, g, g])
    return lists([g, a.grad])


def seen_by_hooks(lib):
    a, kept = leaf(lib), []
    b = a * 1
    x, y, z = b + 0, b + 0, b + 0
    p = x + y
    q = p + z
    r = q + p
    for t in (p, q, x, b):
        t.register_hook(lambda g: kept.append(g))
    (r + q + p + b).sum().backward()
    return lists([*kept, a.grad])


def hooks_along_a_chain(lib):
    a, kept = leaf(lib), []
    b = a * 2
    c = b + b
    d = b + c
    for t in (b, c, d):
        t.register_hook(lambda g: kept.append(g))
    (c + d + b).sum().backward()
    return lists([*kept, a.grad])


def retained(lib):
    a, b = leaf(lib), leaf(lib, 3.0, 3.0)
    s = a + b
    u = s + a
    v = s + u
    for t in (s, u, v):
        t.retain_grad()
    (u + v).sum().backward()
    return lists([t.grad for t in (s, u, v, a, b)])


def captured(lib):
    a = leaf(lib)
    x = a + 1
    y = x + x
    z = x + y
    q = (z + x).sum()
    first = lib.autograd.grad(q, [x, y, z, a], retain_graph=True)
    first[0].add_(100)
    return lists([*first, *lib.autograd.grad(q, [x, y, z, a])])


def through_views(lib):
    a = leaf(lib)
    b = a.clone()
    e = b.view(2) + b.reshape(2, 1).reshape(2)
    ((e + b) + e).sum().backward()
    return a.grad.tolist()


def accumulated_then_shared(lib):
    """A sum of three, whose first summand is another edge's cotangent too."""
    a, b = leaf(lib), leaf(lib, 7.0, 8.0)
    s = a + b  # both leaves get the same cotangent, and `a` two more
    (s + a + a * 3).sum().backward()
    return lists([a.grad, b.grad])


def accumulated_three_times(lib):
    a, b, c = leaf(lib), leaf(lib, 7.0, 8.0), leaf(lib, 9.0, 9.0)
    s = a + b
    u = s + c
    (u + s + a + c + u).sum().backward()
    return lists([a.grad, b.grad, c.grad])


SHARED = [one_cotangent_for_two_leaves, the_users_cotangent, the_users_cotangent_at_a_leaf,
          one_cotangent_for_many_roots, seen_by_hooks, hooks_along_a_chain, retained, captured,
          through_views, accumulated_then_shared, accumulated_three_times]  # fmt: skip


@pytest.mark.parametrize("case", SHARED, ids=lambda c: c.__name__)
def test_shared_cotangents(case):
    alike(case)
