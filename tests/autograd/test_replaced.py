"""Tensors that are given another memory, resized or detached between forward and backward."""

from __future__ import annotations

import gc
import weakref

import pytest

import franken


def new(lib):
    return lib.tensor([10.0, 20.0, 30.0])


def unrecorded(lib, change, *args):
    with lib.no_grad():
        change(*args)


# what is done to a leaf x, the non-leaf m that was made of it, and a constant c
CHANGES = {
    "leaf": lambda lib, x, m, c: setattr(x, "data", new(lib)),
    "non-leaf": lambda lib, x, m, c: setattr(m, "data", new(lib)),
    "constant": lambda lib, x, m, c: setattr(c, "data", new(lib)),
    "leaf, twice": lambda lib, x, m, c: [setattr(x, "data", new(lib) * k) for k in (1, 2)],
    "leaf, then written": lambda lib, x, m, c: (setattr(x, "data", new(lib)), x.data.mul_(2)),
    "leaf, then counted": lambda lib, x, m, c: (
        setattr(x, "data", new(lib)), unrecorded(lib, x.add_, 1)),
    "leaf, by its own product": lambda lib, x, m, c: setattr(x, "data", x.data * 5),
    "leaf, another dtype": lambda lib, x, m, c: setattr(x, "data", new(lib).double()),
    "leaf, one element": lambda lib, x, m, c: setattr(x, "data", lib.ones(1) * 7),
    "written through data": lambda lib, x, m, c: x.data.copy_(new(lib)),
    "non-leaf, written through data": lambda lib, x, m, c: m.data.copy_(new(lib)),
    "constant, written through data": lambda lib, x, m, c: c.data.mul_(2),
    "one element through data": lambda lib, x, m, c: x.data[:1].zero_(),
    "set": lambda lib, x, m, c: unrecorded(lib, x.set_, new(lib)),
    "non-leaf, set": lambda lib, x, m, c: unrecorded(lib, m.set_, new(lib)),
    "constant, set": lambda lib, x, m, c: c.set_(new(lib)),
    "set through data": lambda lib, x, m, c: x.data.set_(new(lib)),
    "set through detach": lambda lib, x, m, c: x.detach().set_(new(lib)),
    "non-leaf, detached": lambda lib, x, m, c: m.detach_(),
    "leaf, detached": lambda lib, x, m, c: x.detach_(),
    "leaf, no longer required": lambda lib, x, m, c: x.requires_grad_(False),
}  # fmt: skip


def through_function(lib, x, m, c):
    def forward(ctx, *args):
        ctx.save_for_backward(*args)
        return args[0] * args[1] * args[2]

    def backward(ctx, g):
        x, m, c = ctx.saved_tensors
        return g * m * c, g * x * c, None

    body = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type("Made", (lib.autograd.Function,), body).apply(x, m, c)


USES = {
    "square": lambda lib, x, m, c: x * x,
    "product": lambda lib, x, m, c: x * c,
    "square of a product": lambda lib, x, m, c: m * m,
    "product of products": lambda lib, x, m, c: m * c,
    "output saved": lambda lib, x, m, c: m.exp(),
    "input saved": lambda lib, x, m, c: m.sin(),
    "views": lambda lib, x, m, c: x.view(3) * x.view(3),
    "power": lambda lib, x, m, c: x**3,
    "nothing saved": lambda lib, x, m, c: x + m,
    "matrix product": lambda lib, x, m, c: x[None] @ m[:, None],
    "function": through_function,
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("change", CHANGES)
def test_backward_after_a_change(change, use, agree):
    def program(lib):
        x, c = lib.tensor([1.0, 2.0, 3.0], requires_grad=True), lib.tensor([4.0, 5.0, 6.0])
        m = x * 1
        y = USES[use](lib, x, m, c)
        CHANGES[change](lib, x, m, c)
        versions = [t._version for t in (x, m, c)]
        y.sum().backward()
        return versions, x.grad, y.detach()

    agree(program, words=11)


def double_backward(lib):
    x = lib.tensor([1.0, 2.0], requires_grad=True)
    (g,) = lib.autograd.grad((x * x * x).sum(), x, create_graph=True)
    x.data = lib.tensor([10.0, 20.0])
    return lib.autograd.grad(g.sum(), x)


def an_alias_stays(lib):
    x = lib.tensor([1.0, 2.0], requires_grad=True)
    y = x * x.detach()
    x.data = lib.tensor([10.0, 20.0])
    y.sum().backward()
    return x.grad


def saved_by_hooks_stays(lib):
    x = lib.tensor([1.0, 2.0], requires_grad=True)
    with lib.autograd.graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
        y = x * x
    x.data = lib.tensor([10.0, 20.0])
    y.sum().backward()
    return x.grad


def hooks_go_along(lib):
    log = []
    x = lib.tensor([1.0, 2.0], requires_grad=True)
    x.register_hook(lambda g: log.append(g))
    x.register_post_accumulate_grad_hook(lambda p: log.append(p.shape))
    x.data = lib.ones(3)
    (x * 2).sum().backward()
    return log, x.grad


def grown(lib):
    p = lib.nn.Parameter(lib.ones(4, dtype=lib.float64))
    sizes = []
    for _ in range(2):
        with lib.no_grad():
            p.set_(p[1:])
            p.grad = None
        lib.cat((p, p)).sum().backward()
        sizes.append(p.grad)
    return sizes


def set_ends_the_leaf(lib):
    x = lib.tensor([1.0, 2.0], requires_grad=True)
    edge, out = lib.autograd.graph.get_gradient_edge(x), x.clone()
    unrecorded(lib, x.set_, lib.ones(2))
    first = lib.autograd.grad(out.sum(), edge, retain_graph=True)
    return first, lib.autograd.grad(out.sum(), x)


def transposed(lib):
    x = lib.ones(2, 3)
    x.data = lib.arange(6.0).reshape(3, 2).t()
    return x.stride(), (x + 1).stride(), x * 2


def there_and_back(lib):
    x = lib.tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    before = x.data
    x.data = x.data
    x.data = x
    x.data = lib.tensor([5.0, 6.0])
    x.data = before
    y.backward()
    return x.grad


def swapped(lib):
    x, y = (lib.tensor(v, requires_grad=True) for v in ([1.0, 2.0], [3.0, 4.0]))
    z = (x * y).sum()
    x.data, y.data = y.data, x.data
    z.backward()
    return x.grad, y.grad


def layer(lib, made, *shape):
    """Gradients after every parameter of a layer has got another memory."""

    def along(like):
        return lib.linspace(-1, 1, like.numel(), dtype=lib.float64).reshape(like.shape)

    module = made(lib.nn).double()
    for p in module.parameters():
        p.data = along(p)
    x = along(lib.ones(shape)).requires_grad_()
    y = module(x)
    y = y[0] if isinstance(y, tuple) else y
    for p in module.parameters():
        p.data = lib.ones_like(p) * 0.5
    (y * y).sum().backward()
    return [t.grad for t in (x, *module.parameters())]


LAYERS = {
    "linear": (lambda nn: nn.Linear(3, 2), 4, 3),
    "linear without bias": (lambda nn: nn.Linear(3, 2, bias=False), 2, 4, 3),
    "two": (lambda nn: nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2)), 4, 3),
    "convolution": (lambda nn: nn.Conv2d(2, 2, 2), 1, 2, 4, 4),
    "layer norm": (lambda nn: nn.LayerNorm(3), 4, 3),
    "lstm": (lambda nn: nn.LSTM(3, 2), 4, 1, 3),
    "gru": (lambda nn: nn.GRU(3, 2), 4, 1, 3),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_follow_where_torchs_do(name, agree):
    made, *shape = LAYERS[name]
    agree(lambda lib: layer(lib, made, *shape))


PROGRAMS = [
    there_and_back, swapped, double_backward, an_alias_stays, saved_by_hooks_stays, hooks_go_along,
    grown, set_ends_the_leaf, transposed,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_as_torch(program, agree):
    agree(program, words=12)


def test_no_memory_stays():
    """A loop that replaces a parameter's memory each time keeps one generation at most."""
    p = franken.ones(8, requires_grad=True)
    seen = []
    for _ in range(5):
        y = (p * p).sum()
        seen.append(weakref.ref(p._a))
        p.data = p.data + 1
        y.backward()
    del y
    gc.collect()
    assert sum(ref() is not None for ref in seen) <= 1
