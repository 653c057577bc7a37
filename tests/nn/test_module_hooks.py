"""Hooks of modules as in torch: what they see, in which order, what they may return, warnings."""

from __future__ import annotations

import collections
import types
import warnings

import pytest

import franken

torch = pytest.importorskip("torch")
Pair = collections.namedtuple("Pair", "x y")


def leaf(lib, *shape):
    return lib.ones(*(shape or (2,)), requires_grad=True)


def module(lib, forward):
    made = type("Made", (lib.nn.Module,), {"forward": lambda self, *a, **k: forward(*a, **k)})
    return made()


def nothing(*_):
    pass


def spied(lib, forward, log):
    """A module whose full backward hooks write down what they see."""
    m = module(lib, forward)
    m.register_full_backward_hook(lambda m, gi, go: log.append(("after", plain(gi), plain(go))))
    m.register_full_backward_pre_hook(lambda m, go: log.append(("before", plain(go))))
    return m


# --- what full hooks see -------------------------------------------------------------------------

FORWARDS = {
    "one": (lambda a: a * 2, lambda lib: (leaf(lib),)),
    "two": (lambda a, b: (a * 2, b * 3), lambda lib: (leaf(lib), leaf(lib))),
    "constant input": (lambda a, b: (a * b, a, b), lambda lib: (leaf(lib), lib.ones(2))),
    "unused input": (lambda a, b: a * 2, lambda lib: (leaf(lib), leaf(lib))),
    "other types": (lambda a, k, s: (a * k, s, None), lambda lib: (leaf(lib), 3, "s")),
    "no gradient": (lambda a: a * 2, lambda lib: (lib.ones(2),)),
    "named tuple": (lambda a: Pair(a * 2, a * 3), lambda lib: (leaf(lib),)),
    "dict": (lambda a: {"a": a * 2}, lambda lib: (leaf(lib),)),
    "list": (lambda a: [a * 2], lambda lib: (leaf(lib),)),
    "list input": (lambda m: m[0] * 2, lambda lib: ([leaf(lib)],)),
    "number": (lambda a: 5, lambda lib: (leaf(lib),)),
}


def first_tensor(out):
    if isinstance(out, dict):
        out = list(out.values())
    while isinstance(out, (tuple, list)):
        out = out[0]
    return out


def seen(lib, log, kind):
    forward, inputs = FORWARDS[kind]
    args = inputs(lib)
    out = spied(lib, forward, log)(*args)
    log.append((type(out).__name__, [type(o).__name__ for o in out] if kind != "one" else ""))
    root = first_tensor(out)
    if getattr(root, "requires_grad", False):
        root.sum().backward()
    return plain([getattr(a, "grad", None) for a in args])


@pytest.mark.parametrize("kind", FORWARDS)
def test_what_full_hooks_see(kind):
    assert outcome(lambda lib, log: seen(lib, log, kind), franken) == outcome(
        lambda lib, log: seen(lib, log, kind), torch
    )


def keyword_input(lib, log):
    m = spied(lib, lambda a, b=None: a * b, log)
    m(leaf(lib), b=leaf(lib)).sum().backward()
    m(a=leaf(lib), b=leaf(lib)).sum().backward()


def no_input_requires_grad(lib, log):
    m = lib.nn.Embedding(2, 2)
    m.register_full_backward_hook(lambda m, gi, go: log.append((plain(gi), plain(go))))
    out = m(lib.arange(2)).sum()
    (out * 2).backward(retain_graph=True)
    (out * 3).backward()


def no_input_but_a_result(lib, log):
    m = lib.nn.Linear(2, 2)
    m.register_full_backward_hook(lambda m, gi, go: (go[0],))
    m(lib.ones(1, 2)).sum().backward()


def input_used_elsewhere(lib, log):
    kept = []
    m = spied(lib, lambda a: kept.append(a) or a * 2, log)
    m(leaf(lib))
    kept[0].sum().backward()


def second_derivative(lib, log):
    a = leaf(lib)
    m = lib.nn.Sigmoid()
    m.register_full_backward_hook(
        lambda m, gi, go: log.append((gi[0].requires_grad, go[0].requires_grad))
    )
    (g,) = lib.autograd.grad(m(a).sum(), a, create_graph=True)
    g.sum().backward()


def twice(lib, log):
    m = spied(lib, lambda a: a * a, log)
    y = m(m(leaf(lib)))
    y.sum().backward(retain_graph=True)
    y.sum().backward()


def without_grad_mode(lib, log):
    m = spied(lib, lambda a: a * 2, log)
    with lib.no_grad():
        return m(leaf(lib)).requires_grad


def removed(lib, log):
    m = lib.nn.Sigmoid()
    handle = m.register_full_backward_hook(lambda *a: log.append("called"))
    y = m(leaf(lib))
    handle.remove()
    y.sum().backward()
    m(leaf(lib)).sum().backward()


def nodes(lib, log):
    m = spied(lib, lambda a: a.sigmoid(), log)
    node, names = m(leaf(lib)).grad_fn, []
    while node is not None:
        names.append(node.name())
        node = node.next_functions[0][0] if node.next_functions else None
    return names


def nested(lib, log):
    nn = lib.nn
    net = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.Sigmoid(), nn.Linear(1, 1)))
    for m in net.modules():
        m.register_full_backward_hook(lambda m, gi, go: log.append(("after", type(m).__name__)))
        m.register_full_backward_pre_hook(lambda m, go: log.append(("before", type(m).__name__)))
    net(leaf(lib, 1, 1)).sum().backward()


# --- order ---------------------------------------------------------------------------------------


def order(lib, log):
    of_all = lib.nn.modules.module
    handles = [
        of_all.register_module_forward_pre_hook(lambda *a: log.append("all pre")),
        of_all.register_module_forward_hook(lambda *a: log.append("all forward")),
        of_all.register_module_full_backward_pre_hook(lambda *a: log.append("all backward pre")),
        of_all.register_module_full_backward_hook(lambda *a: log.append("all backward")),
    ]
    m = lib.nn.Sigmoid()
    for what in ("forward_pre", "forward", "full_backward", "full_backward_pre"):
        register = getattr(m, f"register_{what}_hook")
        register(lambda *a, w=what: log.append(w))
        register(lambda *a, w=what: log.append(f"{w} first"), prepend=True)
    m(leaf(lib)).sum().backward()
    for handle in handles:
        handle.remove()


def keyword_hooks(lib, log):
    m = module(lib, lambda a, k=1: a * k)
    m.register_forward_pre_hook(lambda m, a, k: ((a[0] + 1,), {"k": 5}), with_kwargs=True)
    m.register_forward_hook(
        lambda m, a, k, out: log.append((plain(a), k, plain(out))) or out + 1, with_kwargs=True
    )
    return plain(m(lib.ones(1), k=2))


def keyword_pre_hook_gives_int(lib, log):
    m = lib.nn.Identity()
    m.register_forward_pre_hook(lambda m, a, k: 3, with_kwargs=True)
    m(lib.ones(1))


# --- what hooks may return -----------------------------------------------------------------------


def returning(register, give):
    def program(lib, log):
        m = module(lib, lambda a: a * 2)
        getattr(m, f"register_{register}_hook")(lambda m, *grads: give(lib, grads[0]))
        a = leaf(lib, 1)
        m(a).sum().backward()
        return plain(a.grad)

    return program


RESULTS = {
    "tuple": lambda lib, g: (g[0] * 5,),
    "list": lambda lib, g: [g[0] * 5],
    "tensor": lambda lib, g: g[0] * 5,
    "None": lambda lib, g: (None,),
    "empty": lambda lib, g: (),
    "more": lambda lib, g: (*g, lib.ones(1)),
    "int": lambda lib, g: (3,),
    "shape": lambda lib, g: (lib.ones(3),),
    "dtype": lambda lib, g: (g[0].double(),),
}


@pytest.mark.parametrize("register", ["full_backward", "full_backward_pre", "backward"])
@pytest.mark.parametrize("result", RESULTS)
def test_what_hooks_may_return(register, result):
    program = returning(register, RESULTS[result])
    assert outcome(program, franken) == outcome(program, torch)


# --- in-place changes around the nodes -----------------------------------------------------------


def change_input(lib, log):
    spied(lib, lambda a: a.add_(1).clone(), log)(leaf(lib).clone())


def change_output(lib, log):
    spied(lib, lambda a: a.clone(), log)(leaf(lib)).add_(1)


def change_base(lib, log):
    kept = []
    m = spied(lib, lambda a: kept.append(a) or a.clone(), log)
    a = leaf(lib).clone()
    m(a)
    a[0] *= 1
    kept[0] + 2


# --- always_call ---------------------------------------------------------------------------------


def fail(*_):
    raise ValueError("forward")


def fail_too(*_):
    raise KeyError("hook")


def always_after_forward_fails(lib, log):
    m = module(lib, fail)
    m.register_forward_hook(lambda m, a, out: log.append(("always", out)), always_call=True)
    m.register_forward_hook(lambda *a: log.append("never"))
    m(lib.ones(1))


def always_fails_too(lib, log):
    m = module(lib, fail)
    m.register_forward_hook(fail_too, always_call=True)
    m.register_forward_hook(lambda *a: log.append("second"), always_call=True)
    handle = lib.nn.modules.module.register_module_forward_hook(fail_too, always_call=True)
    try:
        m(lib.ones(1))
    finally:
        handle.remove()


def always_after_hook_fails(lib, log):
    m = lib.nn.Identity()
    m.register_forward_hook(fail_too)
    m.register_forward_hook(lambda *a: log.append("always"), always_call=True)
    m(lib.ones(1))


# --- hooks of the old form -----------------------------------------------------------------------


def old(forward, inputs):
    def program(lib, log):
        m = module(lib, forward)
        m.register_backward_hook(lambda m, gi, go: log.append((len(gi), len(go))))
        first_tensor(m(*inputs(lib))).sum().backward()

    return program


def old_nested(lib, log):
    net = lib.nn.Sequential(lib.nn.Linear(1, 1), lib.nn.Sigmoid())
    for m in net.modules():
        m.register_backward_hook(lambda m, gi, go: log.append(type(m).__name__))
    net(leaf(lib, 1, 1)).sum().backward()


def old_without_gradient(lib, log):
    m = lib.nn.Identity()
    m.register_backward_hook(nothing)
    m(lib.ones(2))


def old_then_full(lib, log):
    m = lib.nn.Identity()
    m.register_backward_hook(nothing)
    m.register_full_backward_hook(nothing)


def full_then_old(lib, log):
    m = lib.nn.Identity()
    m.register_full_backward_hook(nothing)
    m.register_backward_hook(nothing)


def old_and_full_of_all(lib, log):
    handle = lib.nn.modules.module.register_module_full_backward_hook(nothing)
    try:
        lib.nn.modules.module.register_module_backward_hook(nothing)
    finally:
        handle.remove()


old_list_in = old(lambda m: (m[0].clone(), m[1].clone()), lambda lib: ([leaf(lib), leaf(lib)],))
old_list_out = old(lambda a, b: [a.clone(), b.clone()], lambda lib: (leaf(lib), leaf(lib)))
old_two_nodes = old(lambda a, b: (a.clone(), b.clone()), lambda lib: (leaf(lib), leaf(lib)))
old_deep = old(lambda a: a.clone().clone(), lambda lib: (leaf(lib),))
old_fits = old(lambda a: a.exp(), lambda lib: (leaf(lib).clone(),))

PROGRAMS = {
    n: f for n, f in list(globals().items())
    if isinstance(f, types.FunctionType) and f.__module__ == __name__
    and f.__code__.co_varnames[: f.__code__.co_argcount] == ("lib", "log")
}  # fmt: skip


def plain(value):
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    return value.tolist() if hasattr(value, "tolist") else value


def outcome(program, lib):
    """(result or error, what was written down, warnings)."""
    log = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = program(lib, log)
        except Exception as error:
            result = type(error).__name__, str(error)
    return result, log, [(w.category.__name__, str(w.message)) for w in caught]


@pytest.mark.parametrize("program", PROGRAMS)
def test_as_torch(program):
    assert outcome(PROGRAMS[program], franken) == outcome(PROGRAMS[program], torch)
