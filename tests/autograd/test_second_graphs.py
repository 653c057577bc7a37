"""The graph of a gradient: which nodes a backward pass leaves that is itself recorded, by torch's
names."""

from __future__ import annotations

import pytest


def drawn(node):
    """A graph in one line."""
    if node is None:
        return "None"
    return f"{type(node).__name__}({', '.join([drawn(n) for n, _ in node.next_functions])})"


def leaf(lib):
    return lib.arange(6.0).reshape(2, 3).requires_grad_()


def across(lib):
    """A leaf whose memory is not row-major."""
    return lib.arange(6.0).reshape(3, 2).t().requires_grad_()


# the graph of a cotangent that reaches a leaf, and the cotangent given
REACH = {
    "square": lambda lib, w: ((w * w).sum(), None),
    "twice": lambda lib, w: ((w * 2).sum(), None),
    "the user's": lambda lib, w: (w * 1, lib.ones(2, 3, requires_grad=True)),
    "the user's at the leaf": lambda lib, w: (w, lib.ones(2, 3, requires_grad=True)),
    "the user's product": lambda lib, w: (w * 1, lib.ones(2, 3, requires_grad=True) * 2),
    "the user's, across": lambda lib, w: (w * 1, lib.ones(3, 2, requires_grad=True).t()),
}


@pytest.mark.parametrize("name", REACH)
@pytest.mark.parametrize("made", [leaf, across], ids=lambda f: f.__name__)
def test_a_leafs_gradient_is_copied_onto_the_graph(name, made, agree):
    def program(lib):
        w, seen = made(lib), []
        for _ in range(2):
            out, g = REACH[name](lib, w)
            out.backward(g, create_graph=True)
            seen += [drawn(w.grad.grad_fn), w.grad.stride(), w.grad is g]
        return seen, w.grad.detach()

    agree(program)


def once_backward(lib, *returned):
    once = lib.autograd.function.once_differentiable
    body = {
        "forward": staticmethod(lambda ctx, x, number, y: x * number + y),
        "backward": staticmethod(once(lambda ctx, g: tuple([r and g * r for r in returned]))),
    }
    return type("Made", (lib.autograd.Function,), body)


@pytest.mark.parametrize("returned", [(2, None, 3), (2, None, None)])
@pytest.mark.parametrize("accumulated", [True, False])
def test_once_differentiable(returned, accumulated, agree):
    def graphs(lib):
        x, y, g = (leaf(lib) for _ in range(3))
        out = once_backward(lib, *returned).apply(x, 3, y)
        if accumulated:
            out.backward(g, create_graph=True)
            grads = x.grad, y.grad
        else:
            grads = lib.autograd.grad(out, (x, y), g, create_graph=True, allow_unused=True)
        return [(drawn(r.grad_fn), r.grad_fn.name()) for r in grads if r is not None], grads[0]

    agree(lambda lib: (graphs(lib)[0], graphs(lib)[1].detach()))
    agree(lambda lib: graphs(lib)[1].sum().backward(), words=20)


def test_copy_is_named(agree):
    def program(lib):
        x = leaf(lib)
        y = (x * 2).copy_(x)
        return drawn(y.grad_fn), y.grad_fn.name()

    agree(program)
