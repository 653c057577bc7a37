"""Tensor hooks, node hooks, saved-tensor hooks and the graph's objects, as in torch."""

from __future__ import annotations

import pytest

import franken


def leaf(lib, *values):
    return lib.tensor(list(values), requires_grad=True)


def order(lib):
    log = []
    x = leaf(lib, 1.0, 2.0)
    y = x * 2
    y.grad_fn.register_prehook(lambda g: log.append("prehook"))
    y.register_hook(lambda g: log.append("first"))
    y.retain_grad()
    y.register_hook(lambda g: log.append(("second", y.grad is None)))
    y.register_hook(lambda g: g * 2)
    y.grad_fn.register_hook(lambda gi, go: log.append("posthook"))
    x.register_hook(lambda g: log.append("leaf"))
    x.register_post_accumulate_grad_hook(lambda p: log.append(("accumulated", p.grad.tolist())))
    y.sum().backward()
    return log, y.grad, x.grad


def replaced(lib):
    x = leaf(lib, 1.0, 2.0)
    y = x * 3
    y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: g + 1)
    y.sum().backward()
    return x.grad


def removed(lib):
    x = leaf(lib, 1.0)
    y = x * 3
    handle = y.register_hook(lambda g: g * 10)
    handle.remove()
    handle.remove()
    with y.register_hook(lambda g: g * 100):
        pass
    y.sum().backward()
    return x.grad


def removed_inside(lib):
    x = leaf(lib, 1.0)
    calls = []
    y = x * 3

    def once(g):
        calls.append(1)
        handle.remove()

    handle = y.register_hook(once)
    s = y.sum()
    s.backward(retain_graph=True)
    s.backward()
    return calls


def node_hook_replaces(lib):
    x, z = leaf(lib, 1.0), leaf(lib, 2.0)
    y = x * z
    y.grad_fn.register_hook(lambda gi, go: (gi[0] * 5, None))
    y.sum().backward()
    return x.grad, z.grad


def node_prehook_replaces(lib):
    x = leaf(lib, 1.0)
    y = x * 2
    y.grad_fn.register_prehook(lambda go: (go[0] * 7,))
    y.sum().backward()
    return x.grad


def post_accumulate_clears(lib):
    x = leaf(lib, 1.0)

    def clear(p):
        p.grad = None

    x.register_post_accumulate_grad_hook(clear)
    (x * 2).sum().backward()
    return x.grad


def leaf_node_hooks(lib):
    x = leaf(lib, 1.0)
    log = []
    node = (x * 1).grad_fn.next_functions[0][0]
    node.register_prehook(lambda go: log.append(go[0].tolist()))
    node.register_hook(lambda gi, go: log.append("after"))
    (x * 2).sum().backward()
    return log, node.variable is x


def returns_int(lib):
    y = leaf(lib, 1.0) * 2
    y.register_hook(lambda g: 3)
    y.sum().backward()


def changes_dtype(lib):
    y = leaf(lib, 1.0) * 2
    y.register_hook(lambda g: g.double())
    y.sum().backward()


def changes_size(lib):
    y = leaf(lib, 1.0, 2.0) * 2
    y.register_hook(lambda g: g[:1])
    y.sum().backward()


def wrong_count(lib):
    y = leaf(lib, 1.0) * 2
    y.grad_fn.register_hook(lambda gi, go: (gi[0], gi[0], None))
    y.sum().backward()


def no_tuple(lib):
    y = leaf(lib, 1.0) * 2
    y.grad_fn.register_prehook(lambda go: 5)
    y.sum().backward()


def without_grad(lib):
    lib.ones(2).register_hook(print)


def post_accumulate_non_leaf(lib):
    (leaf(lib, 1.0) * 2).register_post_accumulate_grad_hook(print)


def post_accumulate_returns(lib):
    x = leaf(lib, 1.0)
    x.register_post_accumulate_grad_hook(lambda p: 5)
    (x * 2).sum().backward()


def multi_all(lib):
    log = []
    a, b, c = (leaf(lib, v) for v in (1.0, 2.0, 3.0))
    handle = lib.autograd.graph.register_multi_grad_hook((a, b, c), log.append)
    (a * b).sum().backward()
    (a * b * c).sum().backward()
    handle.remove()
    (a * b * c).sum().backward()
    return log


def multi_any(lib):
    log = []
    a, b = leaf(lib, 1.0), leaf(lib, 2.0)
    lib.autograd.graph.register_multi_grad_hook((a, b), log.append, mode="any")
    (a + b).sum().backward()
    (a + b).sum().backward()
    return log


def multi_mode(lib):
    lib.autograd.graph.register_multi_grad_hook((leaf(lib, 1.0),), print, mode="x")


def retained_after_in_place(lib):
    x = leaf(lib, 1.0)
    y = x * 2
    y.retain_grad()
    y.mul_(3)
    (y * y).sum().backward()
    return y.grad, x.grad


def retain_without_grad(lib):
    lib.ones(1).retain_grad()


def hook_on_grad_call(lib):
    x = leaf(lib, 2.0)
    m = x * 3
    m.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    return lib.autograd.grad((m * m).sum(), [m, x])


def hooks_and_create_graph(lib):
    x = leaf(lib, 2.0)
    modes = []
    x.register_hook(lambda g: modes.append(lib.is_grad_enabled()))
    (x * x).sum().backward(create_graph=True)
    (x * x).sum().backward()
    return modes


def saved_hooks(lib):
    log = []
    x, y = leaf(lib, 1.0, 2.0), leaf(lib, 3.0, 4.0)

    def pack(t):
        log.append(("pack", t.tolist(), lib.is_grad_enabled()))
        return t * 2

    def unpack(t):
        log.append(("unpack", lib.is_grad_enabled()))
        return t / 2

    with lib.autograd.graph.saved_tensors_hooks(pack, unpack):
        z = x * y
        w = z.exp()
        v = x * 2
    w.sum().backward()
    v.sum().backward()
    return sorted(map(str, log)), x.grad, y.grad


def saved_hooks_create_graph(lib):
    x = leaf(lib, 2.0)
    with lib.autograd.graph.saved_tensors_hooks(lambda t: t.detach(), lambda t: t):
        y = x * x * x
    (g,) = lib.autograd.grad(y.sum(), x, create_graph=True)
    return g.detach(), lib.autograd.grad(g.sum(), x)


def unpack_gives_int(lib):
    x = leaf(lib, 2.0)
    with lib.autograd.graph.saved_tensors_hooks(lambda t: 3, lambda t: 5):
        y = x * x
    y.sum().backward()


def pack_modifies(lib):
    x = leaf(lib, 2.0)
    with lib.autograd.graph.saved_tensors_hooks(lambda t: t.mul_(2), lambda t: t):
        (x * 1) * x


def hooks_disabled(lib):
    with (
        lib.autograd.graph.disable_saved_tensors_hooks("not here"),
        lib.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t),
    ):
        pass


def on_cpu(lib):
    x = leaf(lib, 2.0)
    with lib.autograd.graph.save_on_cpu():
        y = x * x
    y.sum().backward()
    return x.grad


def mutation_allowed(lib):
    x = leaf(lib, 2.0)
    with lib.autograd.graph.allow_mutation_on_saved_tensors():
        m = x.clone()
        y = m * m
        m.sin_()
        y.sum().backward()
    return x.grad


def version_incremented(lib):
    x = leaf(lib, 2.0)
    m = x * 1
    y = m * m
    lib.autograd.graph.increment_version(m)
    y.sum().backward()


def version_of_int(lib):
    lib.autograd.graph.increment_version(3)


def edge_without_grad(lib):
    lib.autograd.graph.get_gradient_edge(lib.ones(1))


def node_facts(lib):
    x = leaf(lib, 2.0)
    node = (x * 3).grad_fn
    node.metadata["note"] = 1
    following = [(f is None, k) for f, k in node.next_functions]
    is_node = isinstance(node, lib.autograd.graph.Node)
    return node.name(), following, node.metadata, is_node, isinstance(x, lib.autograd.Variable)


def custom_saved_hooks(lib):
    log = []

    class Square(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x * x
            ctx.save_for_backward(x, y)
            return y

        @staticmethod
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            return 2 * x * g + 0 * y

    x = leaf(lib, 3.0)
    with lib.autograd.graph.saved_tensors_hooks(
        lambda t: log.append("pack") or t, lambda t: log.append("unpack") or t
    ):
        y = Square.apply(x)
    y.sum().backward()
    return log, x.grad


PROGRAMS = [
    order, replaced, removed, removed_inside, node_hook_replaces, node_prehook_replaces,
    post_accumulate_clears, leaf_node_hooks, returns_int, changes_dtype, changes_size, wrong_count,
    no_tuple, without_grad, post_accumulate_non_leaf, post_accumulate_returns, multi_all, multi_any,
    multi_mode, retained_after_in_place, retain_without_grad, hook_on_grad_call,
    hooks_and_create_graph, saved_hooks, saved_hooks_create_graph, unpack_gives_int, pack_modifies,
    hooks_disabled, on_cpu, mutation_allowed, version_of_int, edge_without_grad, node_facts,
    custom_saved_hooks,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_as_torch(program, agree):
    agree(program)


def test_increment_version_is_noticed(agree):
    agree(version_incremented, words=16)


def test_saved_attributes_of_nodes():
    x = leaf(franken, 2.0)
    node = (x * x.exp()).grad_fn
    assert node._saved_self is not None and node._saved_other.tolist() == x.exp().tolist()
    with pytest.raises(AttributeError):
        _ = node._saved_nothing


def test_variadic_ops_check_versions():
    """Ops that keep all of their inputs notice an in-place change of one."""
    x = leaf(franken, 1.0, 2.0, 3.0)
    m = x * 1
    with franken.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        y = franken.cat([m, m])
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize("between", ["primitive", "function", "leaf", "outputs"])
@pytest.mark.parametrize("by_grad", [False, True])
def test_what_no_gradient_reaches_runs_and_its_hooks_see_none(agree, between, by_grad):
    def program(T):
        seen = []

        class Nothing(T.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x.clone()

            @staticmethod
            def backward(ctx, g):
                return None

        class Same(T.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x.clone()

            @staticmethod
            def backward(ctx, g):
                seen.append(("same", g.tolist()))
                return g

        x = T.ones(2, requires_grad=True)
        x.register_hook(lambda g: seen.append(("leaf", None if g is None else g.tolist())))
        y = x
        if between in ("primitive", "outputs"):
            y = x.clone() if between == "primitive" else x.split(1)[0]
            y.register_hook(lambda g: seen.append(("tensor", g)))
            y.grad_fn.register_prehook(lambda gs: seen.append(("pre", gs)))
            y.grad_fn.register_hook(lambda gi, go: seen.append(("post", gi, go)))
        elif between == "function":
            y = Same.apply(x)
        out = Nothing.apply(y * 1 if between == "function" else y).sum()
        if by_grad:
            T.autograd.grad(out, x, allow_unused=True)
        else:
            out.backward()
        return seen, None if x.grad is None else x.grad.tolist()

    assert agree(program)[0] == "value"
