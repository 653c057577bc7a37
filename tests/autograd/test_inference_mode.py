"""inference_mode: which tensors are of it, and what may be done with them outside, as in torch."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest

import franken

torch = pytest.importorskip("torch")


def leaf(lib, *shape):
    return lib.ones(*shape, requires_grad=True)


def made_inside(lib):
    with lib.inference_mode():
        c = lib.ones(2)
        made = (
            c, leaf(lib, 2), lib.tensor([1.0]), c.clone(), lib.empty(2), lib.arange(3), c + 1,
            lib.zeros_like(c), lib.nn.Parameter(lib.ones(2)), lib.nn.Linear(2, 2).weight,
            lib.randn(2), lib.from_numpy(np.ones(2)), lib.as_tensor([1]), c.view(-1), c[0],
            c.detach(), copy.deepcopy(c), c.data,
        )  # fmt: skip
        flags = lib.is_inference_mode_enabled(), lib.is_grad_enabled(), lib.is_inference(c)
    outside = (c, c + 1, c.view(-1), c.detach(), c.clone(), c.data, c[0], copy.deepcopy(c))
    return (
        [t.is_inference() for t in made], [t.requires_grad for t in made], flags,
        [t.is_inference() for t in outside],
    )  # fmt: skip


def normal_inside(lib):
    s = leaf(lib, 2, 2)
    n = s.clone()
    with lib.inference_mode():
        v, w, product, detached = s.view(-1), n.view(-1), n * 2, n.detach()
        same = n.add_(1) is n
        tensors = v, w, product, detached, n, n.data
        facts = [t.is_inference() for t in tensors], [t.requires_grad for t in tensors]
        n.mul_(lib.ones(2, 2))
        changed = w.add_(1) is w
    return facts, same, changed, n._version, n.grad_fn.name(), n.tolist()


def out_inside(lib):
    with lib.inference_mode():
        o = lib.empty(2)
        lib.add(lib.ones(2), 1, out=o)
        return o.is_inference(), o.tolist()


MIXED = {
    "product": lambda lib, i, s: i * s,
    "sum": lambda lib, i, s: (i + s).requires_grad,
    "sum of a view": lambda lib, i, s: (i.view(-1) + s).requires_grad,
    "add_": lambda lib, i, s: i.add_(1),
    "mul_ of normal": lambda lib, i, s: s.clone().mul_(i),
    "add_ of normal": lambda lib, i, s: s.clone().add_(i).requires_grad,
    "requires_grad_": lambda lib, i, s: i.requires_grad_(),
    "requires_grad_(False)": lambda lib, i, s: i.requires_grad_(False).requires_grad,
    "_version": lambda lib, i, s: i._version,
    "out": lambda lib, i, s: lib.mul(i, 2, out=i),
    "out, unchanged": lambda lib, i, s: lib.add(s.detach(), 1, out=i),
    "view.add_": lambda lib, i, s: i.view(-1).add_(1),
    "zero_": lambda lib, i, s: i.zero_(),
    "copy_": lambda lib, i, s: i.copy_(s),
    "copy_ of normal": lambda lib, i, s: s.clone().copy_(i).requires_grad,
    "setitem": lambda lib, i, s: i.__setitem__(0, 5.0),
    "stack": lambda lib, i, s: lib.stack([i, s]).requires_grad,
    "matmul": lambda lib, i, s: s @ i,
    "where": lambda lib, i, s: lib.where(i > 0, s, s).requires_grad,
    "exp": lambda lib, i, s: i.exp().is_inference(),
    "fill_": lambda lib, i, s: i.fill_(2),
    "cotangent": lambda lib, i, s: lib.autograd.grad(s * 2, s, i)[0].tolist(),
}


@pytest.mark.parametrize("call", MIXED)
@pytest.mark.parametrize("grad", [True, False])
def test_mixtures(call, grad):
    results = []
    for lib in (franken, torch):
        with lib.inference_mode():
            i = lib.full((2,), 2.0)
        with lib.set_grad_enabled(grad):
            got = outcome(lambda lib, i=i: MIXED[call](lib, i, leaf(lib, 2)), lib)
        results.append(got)  # torch notices some of these only after having written
    assert results[0] == results[1]


def nested(lib):
    log = []

    def note():
        log.append((lib.is_inference_mode_enabled(), lib.is_grad_enabled()))

    with lib.inference_mode():
        note()
        with lib.inference_mode(False):
            note()
            log.append((lib.ones(1).is_inference(), (leaf(lib, 1) * 2).requires_grad))
            with lib.inference_mode(True):
                note()
        note()
        with lib.enable_grad():
            note()
            x = leaf(lib, 1)
            log.append((x.requires_grad, (x * 2).requires_grad))
    with lib.no_grad():
        with lib.inference_mode(False):
            note()
        note()
    return log


def decorated(lib):
    @lib.inference_mode()
    def first(x):
        return x * 2

    @lib.inference_mode
    def second(x):
        return x * 2

    @lib.inference_mode(mode=False)
    def third(x):
        return x * 2

    @lib.inference_mode()
    def steps():
        try:
            yield lib.is_inference_mode_enabled()
        except ValueError:
            yield "caught", lib.is_inference_mode_enabled()
        finally:
            log.append(lib.is_inference_mode_enabled())

    log = []
    made = [(f(lib.ones(1)).is_inference(), f.__name__) for f in (first, second, third)]
    run = steps()
    got = next(run), lib.is_inference_mode_enabled(), run.throw(ValueError)
    run.close()
    return made, got, log


def decorated_class(lib):
    @lib.no_grad()
    class Made:
        def __init__(self):
            self.grad = lib.is_grad_enabled()

    return Made().grad, lib.is_grad_enabled()


def sent_values(lib):
    @lib.no_grad()
    def total():
        value = 0
        while True:
            got = yield value, lib.is_grad_enabled()
            if got is None:
                return value
            value += got

    def outer():
        result = yield from total()
        seen.append(result)

    seen = []
    run = outer()
    steps = [next(run), run.send(2), run.send(3)]
    with pytest.raises(StopIteration):
        next(run)
    return steps, seen, lib.is_grad_enabled()


def multithreading_by_default(lib):
    import threading

    seen = [lib.autograd.is_multithreading_enabled()]
    with lib.autograd.set_multithreading_enabled(False):
        other = threading.Thread(
            target=lambda: seen.append(lib.autograd.is_multithreading_enabled())
        )
        other.start()
        other.join()
    return seen


def multithreading_flag(lib):
    lib.autograd.set_multithreading_enabled(False)
    off = lib.autograd.is_multithreading_enabled()
    with lib.autograd.set_multithreading_enabled(True):
        inside = lib.autograd.is_multithreading_enabled()
    after = lib.autograd.is_multithreading_enabled()
    lib.autograd.set_multithreading_enabled(True)
    return off, inside, after, lib.autograd.is_multithreading_enabled()


SHOWN_ANEW = {
    "transpose_": lambda lib, c: c.transpose_(0, 1), "unsqueeze_": lambda lib, c: c.unsqueeze_(0),
    "squeeze_": lambda lib, c: c.squeeze_(), "resize_": lambda lib, c: c.resize_(1, 2),
    "as_strided_": lambda lib, c: c.as_strided_((2,), (1,)), "t_": lambda lib, c: c[0].t_(),
    "resize_as_": lambda lib, c: c.resize_as_(lib.ones(1, 2)),
    "copy_": lambda lib, c: c.copy_(lib.ones(1, 2, 3)), "add_": lambda lib, c: c.add_(2),
}  # fmt: skip
VIEWS = {
    "view": lambda c: c.view(-1), "select": lambda c: c[0], "unbind": lambda c: c.unbind(0)[0],
    "transpose": lambda c: c.transpose(0, 1), "expand": lambda c: c.expand(2, 2, 3),
}  # fmt: skip


@pytest.mark.parametrize("name", SHOWN_ANEW)
@pytest.mark.parametrize("wanted", [True, False])
def test_what_changes_its_form_keeps_its_gradient_flag(agree, name, wanted):
    def facts(t):
        return t.requires_grad, t.is_leaf, t.is_inference(), list(t.shape), t.grad_fn is None

    def inside(lib):
        with lib.inference_mode():
            c = lib.ones(1, 2, 3, requires_grad=wanted)
            SHOWN_ANEW[name](lib, c)
        return facts(c)

    def outside(lib):
        with lib.inference_mode():
            c = lib.ones(1, 2, 3, requires_grad=wanted)
        SHOWN_ANEW[name](lib, c)

    def without_grad(lib):
        c = lib.ones(1, 2, 3, requires_grad=wanted) * 1
        with lib.no_grad():
            if name not in ("copy_", "add_", "resize_", "resize_as_", "t_"):
                SHOWN_ANEW[name](lib, c)
        return facts(c)

    assert agree(inside)[0] == agree(without_grad)[0] == "value"
    agree(outside, words=9)


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_of_an_inference_tensor_has_no_history(agree, name):
    def program(lib):
        with lib.inference_mode():
            c = leaf(lib, 1, 2, 3)
        if name == "expand":
            c = c.view(1, 2, 3)
        v = VIEWS[name](c)
        return v.requires_grad, v.is_leaf, v._is_view(), v.is_inference(), (v + 1).requires_grad

    assert agree(program)[1] == [False, True, False, True, False]


PROGRAMS = [
    made_inside, normal_inside, out_inside, nested, decorated, decorated_class, sent_values,
    multithreading_flag, multithreading_by_default,
]  # fmt: skip


def outcome(program, lib):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = program(lib)
        except Exception as error:
            result = type(error).__name__, str(error)[:80]
    if hasattr(result, "tolist"):
        result = result.tolist()
    return result, [(w.category.__name__, str(w.message)) for w in caught]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_as_torch(program):
    assert outcome(program, franken) == outcome(program, torch)
