"""What dies as soon as its last user lets go of it, without a collection of cycles, as in torch."""

from __future__ import annotations

import copy
import gc
import importlib
import warnings
import weakref

import pytest
import torch

import franken


def ignored(*_, **__):
    return None


def trained(m, x):
    m(x).sum().backward()
    return m


def module_with(register):
    def make(t):
        m = t.nn.Linear(3, 3)
        getattr(m, register)(ignored)
        m.load_state_dict(m.state_dict())
        return trained(m, t.ones(2, 3, requires_grad=True))

    return make


REGISTERS = [
    "register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook",
    "register_full_backward_pre_hook", "register_backward_hook", "register_state_dict_post_hook",
    "register_state_dict_pre_hook", "register_load_state_dict_pre_hook",
    "register_load_state_dict_post_hook",
]  # fmt: skip

MODULES = {
    **{name: module_with(name) for name in REGISTERS},
    "layers": lambda t: trained(
        t.nn.Sequential(t.nn.Linear(3, 3), t.nn.BatchNorm1d(3), t.nn.Dropout()), t.ones(4, 3)
    ),
    "attention": lambda t: trained(
        t.nn.TransformerEncoder(t.nn.TransformerEncoderLayer(4, 2, 8), 2), t.ones(3, 2, 4)
    ),
    "lazy": lambda t: trained(t.nn.LazyLinear(3), t.ones(2, 4)),
    "copied": lambda t: trained(copy.deepcopy(module_with(REGISTERS[7])(t)), t.ones(2, 3)),
    "weight norm": lambda t: trained(t.nn.utils.weight_norm(t.nn.Linear(3, 3)), t.ones(2, 3)),
    "averaged": lambda t: t.optim.swa_utils.AveragedModel(t.nn.Linear(3, 3)),
    "own hook": lambda t: _hooked_by_itself(t),
}


def _hooked_by_itself(t):
    """A hook on what the module makes refers to the module, as programs that log do."""
    m = t.nn.Linear(3, 3)
    y = m(t.ones(2, 3))
    y.register_hook(lambda g: m.extra_repr() and None)
    y.grad_fn.register_hook(lambda a, b: m.extra_repr() and None)
    y.sum().backward()
    return m


OPTIMIZERS = ["SGD", "Adam", "LBFGS", "Adafactor", "ASGD"]
SCHEDULES = {
    "StepLR": lambda s, o: s.StepLR(o, 2),
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda e: 0.9**e),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 0.1, total_steps=10),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.1, 0.2),
    "SequentialLR": lambda s, o: s.SequentialLR(o, [s.ConstantLR(o), s.ExponentialLR(o, 0.9)], [2]),
    "ReduceLROnPlateau": lambda s, o: s.ReduceLROnPlateau(o),
}


def optimized(t, name, which):
    m = t.nn.Linear(3, 3)
    opt = getattr(t.optim, name)(m.parameters())

    def closure():
        opt.zero_grad()
        loss = m(t.ones(2, 3)).sum()
        loss.backward()
        return loss

    opt.step(closure)
    opt.load_state_dict(opt.state_dict())
    return opt if which == "optimizer" else m.weight


def scheduled(t, name, which):
    m = t.nn.Linear(3, 3)
    opt = t.optim.SGD(m.parameters(), lr=0.1, momentum=0.9)
    made = SCHEDULES[name](t.optim.lr_scheduler, opt)
    for _ in range(3):
        opt.step()
        made.step(*([1.0] if name == "ReduceLROnPlateau" else []))
    return {"scheduler": made, "optimizer": opt, "parameter": m.weight}[which]


def leaf(t):
    return t.ones(3, requires_grad=True)


def function_of(t):
    class Exp(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, owner):
            y = x.exp()
            ctx.save_for_backward(y)
            ctx.owner = owner
            return y

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0], None

    return Exp


def held_by_a_context(t):
    owner = t.nn.Linear(3, 3)
    y = function_of(t).apply(owner.weight, owner)
    y.sum().backward()
    return owner


def kept_for_another_pass(t):
    """What retain_graph saved goes with the graph, not with the gradient."""
    x = leaf(t)
    y = x.exp()
    y.sum().backward(retain_graph=True)
    kept.append(x)
    return y


kept: list = []  # outlives the programs; emptied by the test


def view_changed(t):
    y = leaf(t) * 1
    v = y.view(3, 1)
    v.mul_(2)
    y.sum().backward()
    return v


def transformed(t):
    x = t.ones(3)
    t.func.vmap(lambda a: a.sin())(x)
    t.func.grad(lambda a: (a.sin() ** 2).sum())(x)
    t.func.jvp(lambda a: a.sin(), (x,), (x,))
    return x


def twice(t):
    x = leaf(t)
    y = (x**3).sum()
    g = t.autograd.grad(y, x, create_graph=True)[0]
    t.autograd.grad(g.sum(), x)
    return g


def hooked(t):
    x = leaf(t)
    x.register_hook(ignored)
    x.register_post_accumulate_grad_hook(ignored)
    y = x * x
    y.retain_grad()
    y.sum().backward()
    return x


def checkpointed(t):
    m = t.nn.Linear(3, 3)
    run = importlib.import_module(f"{t.__name__}.utils.checkpoint").checkpoint
    for reentrant in (True, False):
        run(m, leaf(t), use_reentrant=reentrant).sum().backward()
    return m


TENSORS = {
    "storage": lambda t: t.ones(3).untyped_storage(), "generator": lambda t: t.Generator(),
    "view": view_changed, "transformed": transformed, "twice": twice, "hooked": hooked,
    "checkpoint": checkpointed, "context": held_by_a_context, "retained": kept_for_another_pass,
}  # fmt: skip


def loaded(t, which, **options):
    loader = t.utils.data.DataLoader(list(range(8)), batch_size=2, **options)
    passing = iter(loader)
    next(passing)
    if which == "finished":
        list(passing)
    return loader if which == "loader" else passing


PROGRAMS = {
    **{f"module {n}": make for n, make in MODULES.items()},
    **{f"tensor {n}": make for n, make in TENSORS.items()},
    **{
        f"{which} of {n}": lambda t, n=n, which=which: optimized(t, n, which)
        for n in OPTIMIZERS
        for which in ("optimizer", "parameter")
    },
    **{
        f"{which} of {n}": lambda t, n=n, which=which: scheduled(t, n, which)
        for n in SCHEDULES
        for which in ("scheduler", "optimizer", "parameter")
    },
    **{
        f"loader {which} {options}": lambda t, w=which, o=options: loaded(t, w, **o)
        for which in ("loader", "pass", "finished")
        for options in ({}, {"num_workers": 1}, {"num_workers": 1, "persistent_workers": True})
    },
}


# These die in torch too, but its workers are slow to start, and it imports much at the first call.
SLOW = ("loader", "tensor transformed", "tensor checkpoint")


def dies(program, t):
    gc.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if t is torch:
                program(t)  # the first call may import modules, with cycles of their own
            ref = weakref.ref(program(t))
        return ref() is None
    finally:
        gc.enable()
        kept.clear()


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_last_user_is_the_end(name):
    if not name.startswith(SLOW):
        assert dies(PROGRAMS[name], torch)
    assert dies(PROGRAMS[name], franken)


def test_the_workers_of_a_persistent_pass_end_with_it():
    loader = franken.utils.data.DataLoader(
        list(range(8)), num_workers=1, persistent_workers=True, batch_size=2
    )
    passing = iter(loader)
    assert next(passing).tolist() == [0, 1]
    assert iter(loader) is passing  # another epoch with the same processes
    workers = list(passing._workers)
    gc.disable()
    try:
        del loader, passing
        for process in workers:
            process.join(30)
            assert process.exitcode == 0
    finally:
        gc.enable()


def test_a_pass_goes_on_without_its_loader():
    passing = iter(
        franken.utils.data.DataLoader(
            list(range(6)), num_workers=1, persistent_workers=True, batch_size=2
        )
    )
    assert [b.tolist() for b in passing] == [[0, 1], [2, 3], [4, 5]]


def test_a_hook_says_that_its_module_is_dead():
    m = franken.nn.Linear(2, 2)
    m.register_load_state_dict_pre_hook(ignored)
    hook = next(iter(m._load_state_dict_pre_hooks.values()))
    del m
    with pytest.raises(RuntimeError, match="You are trying to call the hook of a dead Module!"):
        hook()


def test_the_provenance_of_nodes_with_hooks_is_the_same():
    def texts(dress):
        x = franken.ones(3, requires_grad=True)
        y = x.exp() * x
        if dress:
            y.register_hook(ignored)
            y.grad_fn.register_hook(ignored)
        y.sum().backward(retain_graph=dress)
        return [(c.op, len(c.sources), c.kernel["symbol"]) for c in x.grad.provenance]

    assert texts(True) == texts(False)
    assert [op for op, _, _ in texts(True)] == ["mul", "exp"]


MEMORIES = {
    "its own": lambda t, w: setattr(w, "data", w.detach()),
    "another and its own": lambda t, w: _there_and_back(t, w),
    "moved where it is": lambda t, w: w.owner.to(memory_format=t.contiguous_format),
}


def _there_and_back(t, w):
    own = w.detach()
    w.data = own * 2
    w.data = own


@pytest.mark.parametrize("how", MEMORIES)
def test_a_saved_parameter_is_given_its_memory_back(agree, how):
    def program(t):
        m = t.nn.Linear(2, 3)
        with t.no_grad():
            m.weight.copy_(t.arange(6.0).reshape(3, 2))
        m.weight.owner = m
        x = t.ones(1, 2, requires_grad=True)
        y = m(x)
        MEMORIES[how](t, m.weight)
        y.sum().backward()
        return x.grad, m.weight.grad

    agree(program)
