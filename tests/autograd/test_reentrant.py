"""Backward passes inside of backward passes: as many as there are, modes and errors included."""

from __future__ import annotations

import threading

import pytest

import franken


def nested(lib, seen, error=None):
    """A Function whose backward runs itself on its input less one, down to zero."""

    def forward(ctx, x):
        with lib.enable_grad():
            ctx.x = x.detach().requires_grad_() - 1
        return ctx.x.detach()

    def backward(ctx, g):
        seen.append(lib.is_grad_enabled())
        if ctx.x < 0:
            if error is not None:
                raise error
            return g
        with lib.enable_grad():
            made.apply(ctx.x).sum().backward()
        return g * 2

    body = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    made = type("Made", (lib.autograd.Function,), body)
    return made


@pytest.mark.parametrize("depth", [1, 59, 60, 61, 400])
def test_any_depth(depth, agree):
    def program(lib):
        seen = []
        x = lib.tensor(float(depth), requires_grad=True)
        nested(lib, seen).apply(x).sum().backward()
        return x.grad, len(seen), set(seen), lib.is_grad_enabled()

    agree(program)


def test_an_error_from_the_deep(agree):
    def program(lib):
        x = lib.tensor(130.0, requires_grad=True)
        nested(lib, [], RuntimeError("an error from deep down")).apply(x).sum().backward()

    agree(program)


def test_no_thread_stays():
    before = threading.active_count()
    x = franken.tensor(200.0, requires_grad=True)
    nested(franken, []).apply(x).sum().backward()
    assert threading.active_count() == before


def test_the_modes_go_along():
    seen = []
    pack = lambda t: (seen.append(threading.get_ident()), t)[1]  # noqa: E731
    hooks = franken.autograd.graph.saved_tensors_hooks(pack, lambda t: t)
    x = franken.tensor(130.0, requires_grad=True)

    def backward(ctx, g):
        with franken.enable_grad():
            y = franken.ones(1, requires_grad=True).exp()
            if ctx.n:
                made.apply(franken.tensor(float(ctx.n), requires_grad=True)).backward()
        return g * y.detach()

    def forward(ctx, x):
        ctx.n = int(x) - 1
        return x * 1

    body = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    made = type("Made", (franken.autograd.Function,), body)
    with hooks:
        made.apply(x).backward()
    assert len(seen) >= 130
    assert len(set(seen)) == 3
