"""In-place changes of views and of their bases: who may be changed, and what torch says if not."""

from __future__ import annotations

import itertools

import pytest

import franken

torch = pytest.importorskip("torch")


def functions(lib):
    class Same(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 10

    class Part(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.narrow(0, 0, 1)

        @staticmethod
        def backward(ctx, g):
            return g * 10

    class Pair(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.view_as(x), x.view_as(x)

        @staticmethod
        def backward(ctx, g, h):
            return g + h

    return Same, Part, Pair


def leaf(lib, *shape):
    return lib.ones(*shape, requires_grad=True)


BASES = {
    "leaf": lambda lib: leaf(lib, 2, 2),
    "result": lambda lib: leaf(lib, 2, 2).clone(),
    "plain": lambda lib: lib.ones(2, 2),
}
VIEWS = {
    "narrow": lambda lib, x: x.narrow(0, 0, 1),
    "view of a view": lambda lib, x: x.narrow(0, 0, 1).view(-1),
    "unbind": lambda lib, x: x.unbind(0)[0],
    "view of unbind": lambda lib, x: x.unbind(0)[0].view(-1),
    "function": lambda lib, x: functions(lib)[0].apply(x),
    "function's view": lambda lib, x: functions(lib)[1].apply(x),
    "function's views": lambda lib, x: functions(lib)[2].apply(x)[1],
    "detach": lambda lib, x: x.detach(),
}
MODES = ("no_grad", "inference_mode", "enable_grad")
CHANGES = {
    "view": lambda lib, v, x: v.add_(1),
    "view, tracked": lambda lib, v, x: v.mul_(leaf(lib, 1)),
    "base": lambda lib, v, x: x.mul_(2),
    "base, tracked": lambda lib, v, x: x.mul_(leaf(lib, 1)),
    "view, no_grad": lambda lib, v, x: quietly(lib, v),
    "base, no_grad": lambda lib, v, x: quietly(lib, x),
}


def quietly(lib, t):
    with lib.no_grad():
        return t.add_(1)


def tried(step):
    try:
        return step()
    except RuntimeError as error:
        return str(error)


def name(t):
    return t.grad_fn and t.grad_fn.name()


def story(lib, base, view, mode, change):
    x = BASES[base](lib)
    with getattr(lib, mode)():
        v = VIEWS[view](lib, x)
    steps = (
        lambda: (v.requires_grad, v.is_leaf, name(v)),
        lambda: CHANGES[change](lib, v, x) is None,
        lambda: (v.requires_grad, x.requires_grad, v.is_leaf, x.is_leaf),
        lambda: (name(v), name(x)),
        lambda: ((v * 2).requires_grad, (v + x).tolist()),
        lambda: (v.is_inference(), x.is_inference(), v._is_view()),
        lambda: v.add_(1) is None,
        lambda: v.exp_() is None,
    )
    return [tried(step) for step in steps]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("view", VIEWS)
def test_as_torch(view, mode):
    for base, change in itertools.product(BASES, CHANGES):
        ours = story(franken, base, view, mode, change)
        assert ours == story(torch, base, view, mode, change), (base, change)


def test_a_view_made_without_grad_mode_requires_grad_and_gets_none():
    for lib in (franken, torch):
        x = leaf(lib, 3)
        with lib.no_grad():
            v = x[:2]
        y = v * 2
        assert y.requires_grad
        assert y.grad_fn.next_functions[0] == (None, 0)
        (y + x[1:]).sum().backward()
        assert v.grad is None
        assert x.grad.tolist() == [0.0, 1.0, 1.0]


UNSAFE = {
    "unsafe_split": lambda t: t.unsafe_split(1),
    "unsafe_split_with_sizes": lambda t: t.unsafe_split_with_sizes((1, 1, 1)),
    "unsafe_chunk": lambda t: t.unsafe_chunk(3),
    "split": lambda t: t.split(1),
}


def square(lib):
    return lib.arange(9.0).reshape(3, 3)


def saved_part(lib, f):
    a = square(lib).requires_grad_()
    b = a + a
    x, y, _ = f(b)
    seen = [x._is_view(), x._version, b._version, x.data_ptr() == b.data_ptr()]
    x.mul_(y)
    seen += [x._version, y._version, b._version]
    x.sum().backward()
    return seen, a.grad, b.detach()


def without_history(lib, f):
    b = square(lib)
    x = f(b)[0]
    x.add_(1)
    return x._is_view(), x._version, b._version, b


def part_of_a_leaf(lib, f):
    a = square(lib).requires_grad_()
    part = f(a)[0]
    part.add_(1)
    part.sum().backward()
    return a.grad, a.requires_grad, a.is_leaf


def view_of_a_part(lib, f):
    a = square(lib).requires_grad_()
    x, y, _ = f(a * 1)
    v = x.view(3)
    v.mul_(2)
    (x * y).sum().backward()
    return a.grad, v._base is x


def in_grad(lib, f):
    return lib.func.grad(lambda x: f(x)[0].mul_(2).sum())(lib.ones(3, 3))


PARTS = [saved_part, without_history, part_of_a_leaf, view_of_a_part, in_grad]


@pytest.mark.parametrize("program", PARTS, ids=lambda p: p.__name__)
@pytest.mark.parametrize("name", UNSAFE)
def test_unsafe_parts_are_no_views(name, program, agree):
    agree(lambda lib: program(lib, UNSAFE[name]))


# Numbers of forms go on from the others: see the names.
IN_PLACE = {
    "squeeze": lambda x: x.squeeze_(), "squeeze dim": lambda x: x.squeeze_(0),
    "squeeze dims": lambda x: x.squeeze_((0, 1)), "unsqueeze": lambda x: x.unsqueeze_(0),
    "t": lambda x: x.t_(), "transpose": lambda x: x.transpose_(0, 1),
    "swapaxes": lambda x: x.swapaxes_(0, 1), "as_strided": lambda x: x.as_strided_((2,), (1,)),
}  # fmt: skip


@pytest.mark.parametrize("view", [False, True])
@pytest.mark.parametrize("name", IN_PLACE)
def test_names_of_what_became_a_view_of_itself(agree, name, view):
    def program(lib):
        x = lib.ones(1, 2, requires_grad=True) * 1
        x = x.view(1, 2) if view else x
        return IN_PLACE[name](x).grad_fn.name()

    assert agree(program)[0] == "value"


PARTS = {
    "view_as_real": lambda lib, a: lib.view_as_real(a), "real": lambda lib, a: a.real,
    "imag": lambda lib, a: a.imag,
}  # fmt: skip
BETWEEN = {
    "nothing": lambda b: b, "transpose_": lambda b: b.transpose_(0, 1),
    "twice": lambda b: b.transpose_(0, 1).transpose_(0, 1),
    "add_ before": lambda b: b.add_(1).transpose_(0, 1),
}  # fmt: skip
THEN = {
    "nothing": lambda b: b, "+=": lambda b: b.add_(1), "*=": lambda b: b.mul_(2),
    "copy_": lambda b: b.copy_(b.detach() * 3),
}  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("then", THEN)
def test_changes_of_a_view_of_another_dtype_reach_its_base(agree, part, between, then):
    def program(lib):
        x = (lib.arange(4.0).view(2, 2) * (1 + 2j)).requires_grad_()
        a = x.clone()
        b = PARTS[part](lib, a)
        BETWEEN[between](b)
        names = [b.grad_fn.name()]
        THEN[then](b)
        names += [b.grad_fn.name(), a.grad_fn.name()]
        b.backward(lib.arange(float(b.numel())).view(b.shape), retain_graph=True)
        first, x.grad = x.grad, None
        a.backward(lib.arange(4.0).view(2, 2) * (1 + 1j))
        return names, first, x.grad, a.detach()

    assert agree(program)[0] == "value"
