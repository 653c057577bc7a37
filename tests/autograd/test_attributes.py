"""What a tensor says of its graph, and which of its attributes may be set or deleted."""

from __future__ import annotations

import pytest

import franken


def deleted(name):
    def program(lib):
        x = lib.ones(2, requires_grad=True)
        delattr(x, name)
        return getattr(x, name)

    program.__name__ = f"deleted_{name}"
    return program


def cut(lib):
    y = lib.ones(2, requires_grad=True) * 2
    y._grad_fn = None
    return y.requires_grad, y._grad_fn


def another_node(lib):
    y = lib.ones(2, requires_grad=True) * 2
    y._grad_fn = 3


def hooks(lib):
    x = lib.ones(2, requires_grad=True)
    seen = [x._backward_hooks, x._post_accumulate_grad_hooks]
    handle = x.register_hook(lambda g: g * 2)
    x.register_post_accumulate_grad_hook(lambda p: None)
    seen += [len(x._backward_hooks), len(x._post_accumulate_grad_hooks)]
    handle.remove()
    return seen, len(x._backward_hooks)


def no_hooks_any_more(lib):
    x = lib.ones(2, requires_grad=True)
    x.register_hook(lambda g: g * 2)
    x._backward_hooks = None
    (x * 3).sum().backward()
    return x.grad


def hooks_that_are_shown(lib):
    x = lib.ones(2, requires_grad=True)
    for t in (x, x * 1, lib.ones(2)):
        t._backward_hooks = {}
        t._backward_hooks["test"] = lambda g: g * 5
        assert len(t._backward_hooks) == 1
    (x * 3).sum().backward()
    return x.grad


NAMES = ["grad", "data", "requires_grad", "_grad_fn", "_backward_hooks"]
PROGRAMS = [*map(deleted, NAMES), cut, another_node, hooks, no_hooks_any_more,
            hooks_that_are_shown]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_as_torch(program, agree):
    agree(program)


@pytest.mark.parametrize("made", [lambda: franken.ones(2, 2), lambda: franken.ones(2, 2)[:1],
                                  lambda: franken.nn.Parameter(franken.ones(2, 2))])  # fmt: skip
def test_what_dir_lists_is_there(made):
    x = made()
    x.own = 1
    listed = dir(x)
    assert {"shape", "own", "add"} < set(listed)
    assert [n for n in listed if n != "imag" and not hasattr(x, n)] == []
