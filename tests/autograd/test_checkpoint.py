"""Activation checkpointing beside torch: gradients, random state, statistics, how often and how far
functions run, warnings and refusals; and saved tensors that may be changed."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import franken

torch = pytest.importorskip("torch")
MODES = [True, False, None]


def outcome(fn):
    """What `fn` gives or raises, and its warnings."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            got = fn()
        except (RuntimeError, ValueError, TypeError, ZeroDivisionError) as error:
            got = type(error).__name__, str(error)[:110]
    return got, [(w.category.__name__, str(w.message)[:60]) for w in seen]


def rounded(t):
    return [float(f"{v:.4g}") for v in t.flatten().tolist()]


def leaf(lib, *values):
    return lib.tensor(values or (1.0, 2.0, 3.0)).requires_grad_()


def run(lib, fn, *more, **options):
    x = leaf(lib)
    y = lib.utils.checkpoint.checkpoint(fn, x, *more, **options)
    (y if isinstance(y, lib.Tensor) else y[0]).sum().backward()
    return rounded(x.grad)


def alternating(first, then):
    """A function that is another one when it runs again."""
    calls = []

    def fn(t):
        calls.append(1)
        return (first if len(calls) == 1 else then)(t)

    return fn


def by_parameter(lib, r):
    p = leaf(lib)
    y = lib.utils.checkpoint.checkpoint(lambda t: t * p, lib.ones(3), use_reentrant=r)
    y.sum().backward()
    return p.grad


def several_backwards(lib, r, keep):
    x = leaf(lib)
    y = lib.utils.checkpoint.checkpoint(lambda t: t.sin().exp(), x, use_reentrant=r).sum()
    y.backward(retain_graph=keep)
    y.backward()
    return rounded(x.grad)


def double(lib, r):
    x = leaf(lib)
    y = lib.utils.checkpoint.checkpoint(lambda t: t.sin().exp(), x, use_reentrant=r).sum()
    (g,) = lib.autograd.grad(y, x, create_graph=True)
    return rounded(lib.autograd.grad(g.sum(), x)[0])


def nested(lib, r, **options):
    check = lib.utils.checkpoint.checkpoint
    inner = lambda t: check(lambda u: u.sin().exp(), t, use_reentrant=r, **options)  # noqa: E731
    return run(lib, lambda t: inner(inner(t) * 2).cos(), use_reentrant=r, **options)


def grad_inside(lib, r, **options):
    def fn(t):
        (g,) = lib.autograd.grad(t.sin().exp().sum(), t, create_graph=True)
        return g * t

    return run(lib, fn, use_reentrant=r, **options)


def listed(lib, r):
    x = leaf(lib)
    lib.utils.checkpoint.checkpoint(lambda v: v[0] * v[0], [x], use_reentrant=r).sum().backward()
    return rounded(x.grad)


def counted(lib, r, flag, **options):
    """How often the function ran, and how often to its end."""
    count = [0, 0]

    def fn(t):
        count[0] += 1
        y = t.sin().exp()
        count[1] += 1
        return y

    with lib.utils.checkpoint.set_checkpoint_early_stop(flag):
        y = lib.utils.checkpoint.checkpoint(fn, leaf(lib), use_reentrant=r, **options).sum()
    y.backward()
    return count


def contexts(lib, r):
    seen = []

    class Noted:
        def __init__(self, name):
            self.name = name

        def __enter__(self):
            seen.append(f"in {self.name}")

        def __exit__(self, *exc):
            seen.append(f"out {self.name}")

    got = run(lib, lambda t: t.sin().exp(), use_reentrant=r,
              context_fn=lambda: (Noted("forward"), Noted("again")))  # fmt: skip
    return got, seen


def sequence(lib, r, segments, **options):
    x = leaf(lib)
    steps = [lambda t: t.sin(), lambda t: t * 2, lambda t: t.exp()]
    y = lib.utils.checkpoint.checkpoint_sequential(steps, segments, x, use_reentrant=r, **options)
    y.sum().backward()
    return rounded(x.grad)


def modules(lib, r, **options):
    x = leaf(lib)
    net = lib.nn.Sequential(lib.nn.ReLU(), lib.nn.Sigmoid(), lib.nn.Tanh())
    lib.utils.checkpoint.checkpoint_sequential(
        net, 2, x, use_reentrant=r, **options
    ).sum().backward()
    return rounded(x.grad)


def saved_twice(lib, r):
    class Twice(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            assert len(ctx.saved_tensors) == 1
            return g * ctx.saved_tensors[0]

    return run(lib, lambda t: Twice.apply(t * 1), use_reentrant=r)


CASES = {
    "plain": lambda lib, r: run(lib, lambda t: t.sin().exp(), use_reentrant=r),
    "parameter of the function": by_parameter,
    "keywords": lambda lib, r: run(lib, lambda t, k=1: t * k, use_reentrant=r, k=3),
    "context_fn": contexts,
    "debug": lambda lib, r: run(lib, lambda t: t.sin(), use_reentrant=r, debug=True),
    "determinism none": lambda lib, r: run(
        lib, lambda t: t.sin(), use_reentrant=r, determinism_check="none"
    ),
    "determinism unknown": lambda lib, r: run(
        lib, lambda t: t.sin(), use_reentrant=r, determinism_check="bogus"
    ),
    "several outputs": lambda lib, r: run(lib, lambda t: (t.sin(), t * 2, 3), use_reentrant=r),
    "None": lambda lib, r: run(lib, lambda t, n: t.sin() if n is None else t, None,
                               use_reentrant=r),
    "retained": lambda lib, r: several_backwards(lib, r, True),
    "freed": lambda lib, r: several_backwards(lib, r, False),
    "double": double,
    "nested": nested,
    "list": listed,
    "detached": lambda lib, r: run(lib, lambda t: t.detach(), use_reentrant=r),
    "in place": lambda lib, r: run(lib, lambda t: t.sin().mul_(2).exp(), use_reentrant=r),
    "raises": lambda lib, r: run(lib, lambda t: 1 / 0, use_reentrant=r),
    "other shapes": lambda lib, r: run(lib, alternating(
        lambda t: (t * t).exp(), lambda t: (t[:2] * t[:2]).exp()), use_reentrant=r),
    "other dtype": lambda lib, r: run(lib, alternating(
        lambda t: t.sin(), lambda t: t.double().sin().float()), use_reentrant=r),
    "other dtype unchecked": lambda lib, r: run(lib, alternating(
        lambda t: t.sin(), lambda t: t.double().sin().float()), use_reentrant=r,
        determinism_check="none"),
    "fewer values": lambda lib, r: run(lib, alternating(
        lambda t: (t * t * t).exp().sin(), lambda t: t * t), use_reentrant=r),
    "runs": lambda lib, r: counted(lib, r, True),
    "runs to the end": lambda lib, r: counted(lib, r, False),
    "saved twice": saved_twice,
    **{f"{n} segments": lambda lib, r, n=n: sequence(lib, r, n) for n in (1, 2, 3, 4)},
    "segments, keyword": lambda lib, r: sequence(lib, r, 2, bogus=1),
    "modules": modules,
    "modules, random state not kept": lambda lib, r: modules(lib, r, preserve_rng_state=False),
}  # fmt: skip


@pytest.mark.parametrize("reentrant", MODES)
@pytest.mark.parametrize("name", CASES)
def test_as_torch(name, reentrant):
    mine, theirs = (
        outcome(lambda lib=lib: CASES[name](lib, reentrant)) for lib in (franken, torch)
    )
    assert str(mine) == str(theirs)


@pytest.mark.parametrize("stop", [True, False])
@pytest.mark.parametrize("case", [nested, grad_inside])
def test_early_stop(case, stop):
    mine, theirs = (outcome(lambda lib=lib: case(lib, False, early_stop=stop))
                    for lib in (franken, torch))  # fmt: skip
    assert mine == theirs
    mine, theirs = (counted(lib, False, True, early_stop=stop) for lib in (franken, torch))
    assert mine == theirs == [2, 1]  # the surroundings' word counts


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("preserve", [True, False])
@pytest.mark.parametrize("depth", [1, 2])
def test_random_state(reentrant, preserve, depth):
    """With the state kept the same elements are dropped again, and later draws do not notice; else
    the recomputation draws on from where the stream is then. As torch, number by number."""

    def numbers(lib):
        check = lib.utils.checkpoint.checkpoint

        def fn(t, level=depth):
            if level > 1:
                t = check(lambda u: fn(u, level - 1), t, use_reentrant=reentrant,
                          preserve_rng_state=preserve)  # fmt: skip
            return lib.nn.functional.dropout(t * t, 0.5)

        lib.manual_seed(3)
        x = lib.ones(64).requires_grad_()
        y = check(fn, x, use_reentrant=reentrant, preserve_rng_state=preserve)
        between = lib.rand(3).tolist()
        y.sum().backward()
        return rounded(y), rounded(x.grad), between, lib.rand(3).tolist()

    mine, theirs = numbers(franken), numbers(torch)
    assert mine == theirs
    kept = [g / (2 * depth) == v if depth == 1 else (g != 0) == (v != 0)
            for v, g in zip(mine[0], mine[1], strict=True)]  # fmt: skip
    assert all(kept) == preserve


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("stop", [True, False])
@pytest.mark.parametrize("norm", ["BatchNorm1d", "InstanceNorm1d"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("momentum", [0.1, None])
def test_running_statistics(reentrant, stop, norm, last, momentum):
    """The recomputation moves them a second time, also where it ends at the norm itself."""
    if norm == "InstanceNorm1d" and momentum is None:
        momentum = 0.3

    def numbers(lib):
        layer = getattr(lib.nn, norm)(3, momentum=momentum, track_running_stats=True)
        x = lib.tensor(np.arange(24, dtype="f4").reshape(2, 3, 4)).requires_grad_()
        options = {} if reentrant else {"early_stop": stop}
        y = lib.utils.checkpoint.checkpoint(
            layer if last else lambda t: layer(t).exp(), x, use_reentrant=reentrant, **options
        )
        (y * y).sum().backward()
        return rounded(layer.running_mean), rounded(layer.running_var), x.grad.tolist()

    mine, theirs = numbers(franken), numbers(torch)
    assert mine[:2] == theirs[:2]
    np.testing.assert_allclose(mine[2], theirs[2], atol=1e-4)


def test_each_backward_recomputes_once():
    def numbers(lib):
        count = [0]

        def fn(t):
            count[0] += 1
            return t.sin().exp()

        y = lib.utils.checkpoint.checkpoint(fn, leaf(lib), use_reentrant=False)
        y.sum().backward(retain_graph=True)
        y.sum().backward(retain_graph=True)
        seen = [count[0]]
        for _ in range(2):
            assert y.grad_fn._saved_result is not None
            seen.append(count[0])
        return seen

    assert numbers(franken) == numbers(torch) == [3, 4, 5]


def test_a_saved_leaf_is_the_same_object_again():
    seen = []

    class Keeps(franken.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(y)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            seen.extend(ctx.saved_tensors)
            return g, None

    y = franken.tensor(1.0)
    franken.utils.checkpoint.checkpoint(
        Keeps.apply, leaf(franken, 1.0), y, use_reentrant=False
    ).backward()
    assert seen[0] is y


def test_only_a_tuple_is_detached():
    for lib in (franken, torch):
        with pytest.raises(RuntimeError, match="Only tuple of tensors is supported. Got Unsup"):
            lib.utils.checkpoint.detach_variable([leaf(lib)])


# --- saved tensors that may be changed -----------------------------------------------------------

CHANGES = {
    "in place": lambda lib, b: b.sin_(),
    "fast lane": lambda lib, b: b.mul_(2.0),
    "a view": lambda lib, b: b[:1].mul_(10),
    "fill": lambda lib, b: b.fill_(3.0),
    "indexed": lambda lib, b: b.__setitem__(lib.tensor([0]), 5.0),
    "masked": lambda lib, b: b.masked_fill_(lib.tensor([True, False, True]), 1.0),
    "copy": lambda lib, b: b.copy_(lib.ones(3)),
    "drawn": lambda lib, b: b.normal_(),
    "operator": lambda lib, b: b.__iadd__(1),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_of_saved_tensors(name):
    def numbers(lib):
        a = leaf(lib)
        with lib.autograd.graph.allow_mutation_on_saved_tensors() as seen:
            b = a.clone()
            out = (b**2).sum()
            counts = [len(seen.cloned), len(seen.tid_to_weakhandle)]
            CHANGES[name](lib, b)
            counts += [len(seen.cloned)]
            out.backward()
            counts += [len(seen.cloned)]
        return a.grad.tolist(), counts

    assert numbers(franken) == numbers(torch) == ([2.0, 4.0, 6.0], [0, 1, 1, 0])


def test_saved_tensors_are_copied_once_for_each_value():
    with franken.autograd.graph.allow_mutation_on_saved_tensors() as seen:
        a = leaf(franken).clone()
        b, c = a**2, a**2
        a.sin_()
        d = a**2
        assert len(seen.cloned) == 1
        a.sin_()
        assert len(seen.cloned) == 2
        del d
        assert len(seen.cloned) == 1
        del b, c
        assert len(seen.cloned) == 0


def test_the_context_must_still_be_open_and_is_not_nested():
    for lib in (franken, torch):
        with lib.autograd.graph.allow_mutation_on_saved_tensors():
            out = (leaf(lib) ** 2).sum()
            with (
                pytest.raises(RuntimeError, match="contexts cannot be nested"),
                lib.autograd.graph.allow_mutation_on_saved_tensors(),
            ):
                pass
        with pytest.raises(AssertionError, match="Trying to backward outside of the"):
            out.backward()


def test_a_record_inside_sees_everything_and_hides_nothing():
    from franken.autograd.record import record

    a = leaf(franken)
    with franken.autograd.graph.allow_mutation_on_saved_tensors(), record() as outer:
        b = a.clone()
        out = (b**2).sum()
        with record() as rec:
            b.sin_()
        out.backward()
    assert a.grad.tolist() == [2.0, 4.0, 6.0]
    assert [s["prim"] for s in rec.steps] == ["sin", "assign"]
    assert {"pow", "sin", "assign"} <= {s["prim"] for s in outer.steps}
