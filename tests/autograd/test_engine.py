"""backward and grad against torch: values, options, errors, and what survives a pass."""

from __future__ import annotations

import gc
import threading
import time
import weakref

import numpy as np
import pytest

import franken


def leaf(lib, *values):
    return lib.tensor(list(values), requires_grad=True)


def create_graph(lib):
    x = leaf(lib, 1.0, 2.0)
    (g,) = lib.autograd.grad((x * x * x).sum(), x, create_graph=True)
    (h,) = lib.autograd.grad(g.sum(), x)
    return g.detach(), h, g.requires_grad, h.requires_grad


def retain_twice(lib):
    x = leaf(lib, 1.0, 2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    return x.grad


def twice(lib):
    x = leaf(lib, 1.0, 2.0)
    y = (x * x).sum()
    y.backward()
    y.backward()


def twice_without_saved(lib):
    x = leaf(lib, 1.0, 2.0)
    y = (x + x).sum()
    y.backward()
    y.backward()
    return x.grad


def unused(lib):
    x, z = leaf(lib, 1.0), leaf(lib, 2.0)
    return lib.autograd.grad(x.sum(), [x, z])


def unused_allowed(lib):
    x, z = leaf(lib, 1.0), leaf(lib, 2.0)
    return lib.autograd.grad(x.sum(), [x, z], allow_unused=True)


def materialized(lib):
    x, z = leaf(lib, 1.0), leaf(lib, 2.0)
    return lib.autograd.grad(x.sum(), [x, z], materialize_grads=True)


def materialized_refused(lib):
    x = leaf(lib, 1.0)
    return lib.autograd.grad(x.sum(), [x], materialize_grads=True, allow_unused=False)


def grads_batched(lib):
    x = leaf(lib, 1.0, 2.0)
    return lib.autograd.grad(x * x, x, lib.eye(2), is_grads_batched=True)


def grads_batched_wrong(lib):
    x = leaf(lib, 1.0, 2.0)
    return lib.autograd.grad(x * x, x, lib.eye(3), is_grads_batched=True)


def grads_batched_unused(lib):
    x, z = leaf(lib, 1.0, 2.0), leaf(lib, 3.0)
    rows = lib.arange(6.0).reshape(3, 2)
    return lib.autograd.grad(x * x, (x, z), rows, is_grads_batched=True, allow_unused=True)


def grads_batched_unused_refused(lib):
    x, z = leaf(lib, 1.0, 2.0), leaf(lib, 3.0)
    lib.autograd.grad(x * x, (x, z), lib.eye(2), is_grads_batched=True)


def not_scalar(lib):
    (leaf(lib, 1.0, 2.0) * 2).backward()


def no_grad_fn(lib):
    lib.ones(2).sum().backward()


def wrong_shape(lib):
    (leaf(lib, 1.0, 2.0) * 2).sum().backward(lib.ones(3))


def empty_inputs(lib):
    x = leaf(lib, 1.0)
    x.sum().backward(inputs=[])


def no_inputs(lib):
    lib.autograd.grad(leaf(lib, 1.0).sum(), [])


def input_without_grad(lib):
    lib.autograd.grad(leaf(lib, 1.0).sum(), [lib.ones(2)])


def into_inputs(lib):
    x, z = leaf(lib, 1.0), leaf(lib, 2.0)
    m = x * z
    (m * z).backward(inputs=[z, m])
    return x.grad, z.grad, m.grad


def of_intermediate(lib):
    x = leaf(lib, 1.0, 2.0)
    m = x * 2
    y = (m * m).sum()
    got = lib.autograd.grad(y, [m, x])
    return got


def same_input_twice(lib):
    x = leaf(lib, 3.0)
    return lib.autograd.grad(x * x, [x, x])


def outputs_several(lib):
    x = leaf(lib, 3.0, 1.0)
    a, b = x * 2, x * x
    return lib.autograd.grad([a, b], x, [lib.ones(2), lib.full((2,), 0.5)])


def grad_output_with_history(lib):
    x, v = leaf(lib, 3.0), leaf(lib, 2.0)
    (g,) = lib.autograd.grad(x * x, x, v)
    return g, g.requires_grad


def output_is_input(lib):
    x = leaf(lib, 3.0)
    return lib.autograd.grad(x, x, lib.ones(1))


def complex_scalar(lib):
    x = lib.tensor([1 + 2j], requires_grad=True)
    (x * x).sum().backward()


def complex_real_loss(lib):
    x = lib.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    ((x * x) * x.conj()).real.sum().backward()
    return x.grad


def no_grad_create_graph(lib):
    x = leaf(lib, 2.0)
    y = x * x * x
    with lib.no_grad():
        (g,) = lib.autograd.grad(y, x, create_graph=True)
    return g.requires_grad, lib.autograd.grad(g, x)


def edge_as_input(lib):
    x = leaf(lib, 2.0)
    edge = lib.autograd.graph.get_gradient_edge(x)
    return lib.autograd.grad(x * x, edge)


def edge_as_output(lib):
    x = leaf(lib, 2.0)
    edge = lib.autograd.graph.get_gradient_edge(x * x)
    return lib.autograd.grad(edge, x, lib.ones(1))


def accumulates_in_place(lib):
    x = leaf(lib, 2.0)
    (x * x).backward()
    seen = x.grad
    (x * x).backward()
    return seen, seen is x.grad


def accumulates_out_of_place(lib):
    x = leaf(lib, 2.0)
    (x * x).backward()
    seen = x.grad
    (x * x).backward(create_graph=True)
    return seen, seen is x.grad, x.grad.requires_grad


def grad_not_aliased(lib):
    x, y = leaf(lib, 2.0), leaf(lib, 3.0)
    (x + y).sum().backward()
    with lib.no_grad():
        x.grad.add_(5.0)
    return x.grad, y.grad


def wrong_grad_assigned(lib):
    leaf(lib, 2.0).grad = lib.ones(3)


def wrong_grad_dtype(lib):
    leaf(lib, 2.0).grad = lib.ones(1, dtype=lib.float64)


def non_leaf_flag(lib):
    (leaf(lib, 2.0) * 2).requires_grad = False


def integer_flag(lib):
    lib.tensor([1]).requires_grad_()


def broadcasting(lib):
    a = lib.ones(2, 1, requires_grad=True)
    b = lib.ones(3, requires_grad=True)
    (a * b * 2).sum().backward()
    return a.grad, b.grad


def diamond(lib):
    x = leaf(lib, 2.0)
    a = x * 3
    ((a * a) + (a + a) * a).sum().backward()
    return x.grad


def mixed_dtype(lib):
    x = leaf(lib, 2.0)
    w = lib.tensor([3.0], dtype=lib.float64, requires_grad=True)
    (x * w).sum().backward()
    return x.grad, w.grad, str(x.grad.dtype).split(".")[-1], str(w.grad.dtype).split(".")[-1]


def sums_and_hooks(lib):
    """Sums are made in memory of the pass alone: what hooks saw or gave is never written."""
    x, p, q = (lib.ones(4, requires_grad=True) for _ in range(3))
    seen, given = [], lib.full((4,), 7.0)
    early = p * 100
    shared = p + q
    shared.register_hook(lambda g: given)
    y, (u, v) = x * 3, (x * 5).view(2, 2).unbind()
    for t in (x, y, u, v, p, q):
        t.register_hook(seen.append)
    z = y * 2 + y * 4 + y * 6
    total = (shared + early + z).sum() + (u * 7 + u * 8 + v * 9 + v * 10 + v * 11).sum()
    got = lib.autograd.grad(total, (x, p, q), retain_graph=True)
    total.backward()
    return seen, given, got, x.grad, p.grad, q.grad


PROGRAMS = [
    sums_and_hooks, create_graph, retain_twice, twice, twice_without_saved, unused, unused_allowed,
    materialized, materialized_refused, grads_batched, grads_batched_unused,
    grads_batched_unused_refused, grads_batched_wrong, not_scalar, no_grad_fn, wrong_shape,
    empty_inputs, no_inputs, input_without_grad, into_inputs, of_intermediate, same_input_twice,
    outputs_several, grad_output_with_history, output_is_input, complex_scalar, complex_real_loss,
    no_grad_create_graph, edge_as_input, edge_as_output, accumulates_in_place,
    accumulates_out_of_place, grad_not_aliased, wrong_grad_assigned, wrong_grad_dtype,
    non_leaf_flag, integer_flag, broadcasting, diamond, mixed_dtype,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_as_torch(program, agree):
    agree(program)


def test_non_leaf_grad_warns():
    y = leaf(franken, 1.0) * 2
    with pytest.warns(UserWarning, match="The .grad attribute of a Tensor that is not a leaf"):
        assert y.grad is None


def test_deep_graph_in_linear_time():
    def seconds(n):
        x = leaf(franken, 1.0)
        y = x
        for _ in range(n):
            y = y + 1.0
        start = time.process_time()
        y.sum().backward()
        took = time.process_time() - start
        assert x.grad.tolist() == [1.0]
        return took

    small, large = seconds(15_000), seconds(120_000)
    assert large < 30 * small  # 8 times the nodes; a quadratic pass would take 64 times as long


@pytest.mark.slow
def test_million_nodes():
    x = leaf(franken, 1.0)
    y = x
    for _ in range(1_000_000):
        y = -y
    y.sum().backward()
    del y
    assert x.grad.tolist() == [1.0]


def test_wide_graph():
    x = leaf(franken, 1.0)
    parts = [x * float(i) for i in range(2000)]
    franken.cat(parts).sum().backward()
    assert x.grad.tolist() == [float(sum(range(2000)))]


def one_step(w, x):
    h = (x @ w).tanh()
    (h * h).sum().backward()
    w.grad = None


def test_no_reference_cycles():
    w = franken.ones(4, 4, requires_grad=True)
    x = franken.ones(2, 4)
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            one_step(w, x)
        before = len(gc.get_objects())
        for _ in range(1000):
            one_step(w, x)
        assert len(gc.get_objects()) - before < 50
    finally:
        gc.enable()


def test_saved_values_are_freed_as_backward_goes():
    x = franken.ones(1000, requires_grad=True)
    h = x.exp()
    y = h.exp()
    held = weakref.ref(y._a)
    seen = []
    x.register_hook(lambda g: seen.append(held() is None))
    loss = y.sum()
    del h, y
    assert held() is not None
    loss.backward()
    assert seen == [True]


def test_threads_with_graphs_of_their_own():
    def work(k, out):
        x = leaf(franken, float(k), 2.0)
        for _ in range(50):
            x.grad = None
            (x * x * x).sum().backward()
        out[k] = x.grad.tolist()

    out = {}
    threads = [threading.Thread(target=work, args=(k, out)) for k in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert out == {k: [3.0 * k * k, 12.0] for k in range(6)}


def test_threads_share_parameters():
    w = franken.ones(8, requires_grad=True)
    threads = [
        threading.Thread(target=lambda: [(w * 2.0).sum().backward() for _ in range(100)])
        for _ in range(4)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert w.grad.tolist() == [800.0] * 8


def test_modes_and_transforms_stay_in_their_thread():
    entered, leave = threading.Event(), threading.Event()
    errors = []

    def hold():
        with franken.no_grad(), franken.inference_mode():
            entered.set()
            leave.wait(10)

    def trace():
        def f(x):
            entered.set()
            leave.wait(10)
            return (x * x).sum()

        try:
            from franken.func import grad

            assert grad(f)(franken.ones(2)).tolist() == [2.0, 2.0]
        except AssertionError as error:
            errors.append(error)

    for target in (hold, trace):
        entered.clear()
        leave.clear()
        thread = threading.Thread(target=target)
        thread.start()
        entered.wait(10)
        x = leaf(franken, 3.0)
        y = x * x
        assert franken.is_grad_enabled() and not franken.is_inference_mode_enabled()
        assert y.requires_grad and type(y) is franken.Tensor and not y.is_inference()
        leave.set()
        thread.join()
    assert not errors


def test_order_is_fixed():
    """Sums of cotangents have the same bits in every run, whatever else happened before."""
    draw = np.random.default_rng(0)
    data = draw.standard_normal(257).astype("f")

    def run():
        x = franken.tensor(data, requires_grad=True)
        parts = [x * float(s) for s in data[:40]]
        total = parts[0]
        for p in parts[1:]:
            total = total + p.tanh()
        total.sum().backward()
        return x.grad.numpy().tobytes()

    first = run()
    _ = [leaf(franken, 1.0) * 2 for _ in range(5)]
    assert run() == first


NUMBERS = [{}, {"a": 100, "b": 99, "c": 98}, {"a": 10**9}, {"a": 0, "b": 1, "c": 2, "d": 0},
           {"b": 0}, {"d": 0}]  # fmt: skip


@pytest.mark.parametrize("numbers", NUMBERS, ids=str)
def test_numbers_choose_among_nodes_that_may_run(numbers, agree):
    def program(lib):
        x, y, z = (lib.ones(3, requires_grad=True) for _ in range(3))
        a, b = x + y, y * z
        c = a * b
        d = c.exp()
        log = []
        for name, t in {"a": a, "b": b, "c": c, "d": d, "x": x, "y": y, "z": z}.items():
            t.register_hook(lambda g, name=name: log.append(name))
            if name in numbers:
                t.grad_fn._set_sequence_nr(numbers[name])
        said = [t.grad_fn._sequence_nr() for n, t in (("a", a), ("b", b)) if n in numbers]
        d.sum().backward()
        return log, said, x.grad, y.grad

    agree(program)


@pytest.mark.parametrize("number", ["a", 3.5])
def test_numbers_that_are_none(number, agree):
    agree(lambda lib: lib.ones(1, requires_grad=True).exp().grad_fn._set_sequence_nr(number))


def test_a_leaf_takes_memory_that_nobody_else_holds(agree):
    def program(lib):
        seen = []

        def backward(ctx, g):
            seen.append(g.data_ptr())
            return g, g

        body = {"forward": staticmethod(lambda ctx, x, y: x + y),
                "backward": staticmethod(backward)}  # fmt: skip
        x, y = (lib.ones(5, 6, requires_grad=True) for _ in range(2))
        type("Made", (lib.autograd.Function,), body).apply(x, y)[1][0].backward()
        places = [x.grad.data_ptr(), y.grad.data_ptr()]
        return len(set(places)), seen[0] in places

    agree(program)


def test_numbers_are_not_negative():
    with pytest.raises(OverflowError, match="can't convert negative int to unsigned"):
        franken.ones(1, requires_grad=True).exp().grad_fn._set_sequence_nr(-1)
