"""Anomaly mode, gradcheck, autograd.functional, checkpoint and forward mode, as in torch."""

from __future__ import annotations

import subprocess
import sys
import warnings
from importlib import import_module

import pytest

import franken


def leaf(lib, *values, dtype="float32"):
    return lib.tensor(list(values), dtype=getattr(lib, dtype), requires_grad=True)


# --- anomaly -------------------------------------------------------------------------------------


def nan_backward(lib):
    with lib.autograd.detect_anomaly():
        lib.log(leaf(lib, -1.0, 0.0) * 0).sum().backward()


def nan_allowed(lib):
    x = leaf(lib, -1.0, 1.0)
    with lib.autograd.detect_anomaly(check_nan=False):
        lib.log(x).sum().backward()
    return x.grad, lib.is_anomaly_enabled()


def anomaly_switch(lib):
    with lib.autograd.set_detect_anomaly(True):
        inside = lib.is_anomaly_enabled(), lib.is_anomaly_check_nan_enabled()
    return inside, lib.is_anomaly_enabled()


def test_anomaly_shows_the_forward_line():
    def forward(x):
        return x.log()  # the line to be named

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with franken.autograd.detect_anomaly():
            y = forward(leaf(franken, 0.0) * 0)
            with pytest.raises(RuntimeError, match="Function 'MulBackward0' returned nan values"):
                y.sum().backward()
    texts = [str(w.message) for w in caught]
    assert any("Error detected in MulBackward0. Traceback of forward call" in t for t in texts)
    assert any("test_checks.py" in t and "forward(leaf(franken, 0.0) * 0)" in t for t in texts)


# --- gradcheck -----------------------------------------------------------------------------------


def bad(lib):
    class Bad(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g * 3

        @staticmethod
        def jvp(ctx, t):
            return t * 3

    return Bad.apply


def drifting(lib):
    count = [0]

    class Drifting(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            count[0] += 1
            return g * 2 * (1 + 1e-9 * count[0])

    return Drifting.apply


def shifted(lib):
    class Shifted(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2 + 0 * g.sum() + (g.abs().sum() == 0) * 1.0

    return Shifted.apply


def point(lib, *values):
    return leaf(lib, *(values or (1.0, 2.0)), dtype="float64")


def check(lib, *args, **kwargs):
    return lib.autograd.gradcheck(*args, **kwargs)


GRADCHECKS = {
    "sin": lambda lib: check(lib, lib.sin, (point(lib),)),
    "all": lambda lib: check(
        lib,
        lib.sin,
        (point(lib),),
        check_forward_ad=True,
        check_batched_grad=True,
        check_batched_forward_grad=True,
    ),
    "fast": lambda lib: check(lib, lib.sin, (point(lib),), fast_mode=True, check_forward_ad=True),
    "bad": lambda lib: check(lib, bad(lib), (point(lib),)),
    "bad forward": lambda lib: check(
        lib, bad(lib), (point(lib),), check_backward_ad=False, check_forward_ad=True
    ),
    "bad fast": lambda lib: check(lib, bad(lib), (point(lib),), fast_mode=True),
    "no raise": lambda lib: check(lib, bad(lib), (point(lib),), raise_exception=False),
    "not reentrant": lambda lib: check(lib, drifting(lib), (point(lib),)),
    "tolerated": lambda lib: check(lib, drifting(lib), (point(lib),), nondet_tol=1e-3),
    "not linear": lambda lib: check(lib, shifted(lib), (point(lib),)),
    "no grad": lambda lib: check(lib, lib.sin, (lib.ones(2),)),
    "single": lambda lib: check(lib, lib.sin, (leaf(lib, 1.0, 2.0),)),
    "detached": lambda lib: check(lib, lambda x: x.detach(), (point(lib),)),
    "nothing to do": lambda lib: check(
        lib, lib.sin, (point(lib),), check_forward_ad=False, check_backward_ad=False
    ),
    "expanded": lambda lib: check(lib, lib.sin, (point(lib, 1.0).expand(3),)),
    "complex": lambda lib: check(
        lib,
        lambda c: c * c,
        (leaf(lib, 1 + 2j, 2 - 1j, dtype="complex128"),),
        check_forward_ad=True,
    ),
    "complex to real": lambda lib: check(
        lib, lambda c: c.real * 2, (leaf(lib, 1 + 2j, dtype="complex128"),)
    ),
    "bad complex": lambda lib: check(lib, bad(lib), (leaf(lib, 1 + 2j, dtype="complex128"),)),
    "several": lambda lib: check(
        lib, lambda x, y: (x * y, x + y), (point(lib), point(lib, 3.0, 4.0))
    ),
    "constant": lambda lib: check(lib, lambda x, y: x * y, (point(lib), lib.ones(2).double())),
    "second": lambda lib: lib.autograd.gradgradcheck(lib.sin, (point(lib),)),
    "second fast": lambda lib: lib.autograd.gradgradcheck(lib.sin, (point(lib),), fast_mode=True),
    "second given": lambda lib: lib.autograd.gradgradcheck(
        lambda x: x * x * x, (point(lib),), (point(lib, 0.5, 0.25),)
    ),
    "second strided": lambda lib: lib.autograd.gradgradcheck(
        lambda x: x * x, (point(lib),), gen_non_contig_grad_outputs=True
    ),
    "second forward": lambda lib: lib.autograd.gradgradcheck(
        lib.sin, (point(lib),), check_fwd_over_rev=True
    ),
    "second bad": lambda lib: lib.autograd.gradgradcheck(bad(lib), (point(lib),)),
}


@pytest.mark.parametrize("name", GRADCHECKS)
def test_gradcheck(name, agree):
    agree(GRADCHECKS[name], words=3 if name == "nothing to do" else 8)


def test_gradcheck_module_and_function():
    module = import_module("franken.autograd.gradcheck")
    assert module.gradcheck(franken.sin, (point(franken),))
    assert franken.autograd.gradcheck(franken.sin, (point(franken),))
    assert issubclass(module.GradcheckError, RuntimeError)


# --- autograd.functional -------------------------------------------------------------------------

VECTOR = (1.0, 2.0)


def functional(lib):
    return lib.autograd.functional


def vec(lib, *values):
    return lib.tensor(list(values or VECTOR))


def square(x):
    return x * x


def cubes(x):
    return (x * x * x).sum()


def two(a, b):
    return a * b, a.sum()


def both(a, b):
    return (a * b * b).sum()


def const(lib):
    return lambda x: vec(lib, 3.0, 4.0)


FUNCTIONAL = {
    "vjp": lambda lib: functional(lib).vjp(square, vec(lib), vec(lib, 1.0, 0.5)),
    "vjp none": lambda lib: functional(lib).vjp(square, vec(lib)),
    "vjp scalar": lambda lib: functional(lib).vjp(cubes, vec(lib)),
    "vjp tuple": lambda lib: functional(lib).vjp(
        two, (vec(lib), vec(lib, 3.0, 4.0)), (vec(lib), lib.ones(()))
    ),
    "vjp size": lambda lib: functional(lib).vjp(square, vec(lib), vec(lib, 1.0)),
    "vjp length": lambda lib: functional(lib).vjp(two, (vec(lib), vec(lib)), vec(lib)),
    "vjp type": lambda lib: functional(lib).vjp(square, 3, vec(lib)),
    "vjp out": lambda lib: functional(lib).vjp(lambda x: 3, vec(lib)),
    "vjp const": lambda lib: functional(lib).vjp(const(lib), vec(lib), vec(lib)),
    "vjp strict": lambda lib: functional(lib).vjp(const(lib), vec(lib), vec(lib), strict=True),
    "vjp unused": lambda lib: functional(lib).vjp(
        lambda a, b: a * 2, (vec(lib), vec(lib)), vec(lib), strict=True
    ),
    "jvp": lambda lib: functional(lib).jvp(square, vec(lib), vec(lib, 1.0, 0.5)),
    "jvp none": lambda lib: functional(lib).jvp(square, vec(lib)),
    "jvp tuple": lambda lib: functional(lib).jvp(
        two, (vec(lib), vec(lib)), (vec(lib), vec(lib, 1.0, 0.5))
    ),
    "jvp strict": lambda lib: functional(lib).jvp(const(lib), vec(lib), vec(lib), strict=True),
    "jvp linear": lambda lib: functional(lib).jvp(
        lambda x: x * 2, vec(lib), vec(lib), create_graph=True, strict=True
    ),
    "jacobian": lambda lib: functional(lib).jacobian(square, vec(lib)),
    "jacobian tuple": lambda lib: functional(lib).jacobian(two, (vec(lib), vec(lib, 3.0, 4.0))),
    "jacobian at once": lambda lib: functional(lib).jacobian(
        two, (vec(lib), vec(lib)), vectorize=True
    ),
    "jacobian forward": lambda lib: functional(lib).jacobian(
        square, vec(lib), vectorize=True, strategy="forward-mode"
    ),
    "jacobian forward alone": lambda lib: functional(lib).jacobian(
        square, vec(lib), strategy="forward-mode"
    ),
    "jacobian strategy": lambda lib: functional(lib).jacobian(square, vec(lib), strategy="x"),
    "jacobian strict": lambda lib: functional(lib).jacobian(
        lambda a, b: a * 2, (vec(lib), vec(lib)), strict=True
    ),
    "jacobian strict once": lambda lib: functional(lib).jacobian(
        square, vec(lib), strict=True, vectorize=True
    ),
    "jacobian graph": lambda lib: (
        functional(lib).jacobian(square, leaf(lib, 1.0, 2.0), create_graph=True).requires_grad
    ),
    "hessian": lambda lib: functional(lib).hessian(cubes, vec(lib)),
    "hessian tuple": lambda lib: functional(lib).hessian(both, (vec(lib), vec(lib, 3.0, 4.0))),
    "hessian forward": lambda lib: functional(lib).hessian(
        cubes, vec(lib), vectorize=True, outer_jacobian_strategy="forward-mode"
    ),
    "hessian linear": lambda lib: functional(lib).hessian(lambda x: x.sum(), vec(lib)),
    "hessian strict": lambda lib: functional(lib).hessian(lambda x: x.sum(), vec(lib), strict=True),
    "hessian size": lambda lib: functional(lib).hessian(square, vec(lib)),
    "vhp": lambda lib: functional(lib).vhp(
        both, (vec(lib), vec(lib)), (vec(lib), vec(lib, 1.0, 0.5))
    ),
    "vhp size": lambda lib: functional(lib).vhp(square, vec(lib), vec(lib)),
    "hvp": lambda lib: functional(lib).hvp(cubes, vec(lib), vec(lib, 1.0, 0.5)),
    "hvp none": lambda lib: functional(lib).hvp(cubes, vec(lib)),
    "hvp strict": lambda lib: functional(lib).hvp(
        lambda x: x.sum(), vec(lib), vec(lib), strict=True
    ),
}


@pytest.mark.parametrize("name", FUNCTIONAL)
def test_functional(name, agree):
    agree(FUNCTIONAL[name], words=7)


# --- checkpoint ----------------------------------------------------------------------------------


def tools(lib):
    return import_module(f"{lib.__name__}.utils.checkpoint")


def counted(count):
    def f(a):
        count[0] += 1
        return (a * a).exp().sin()

    return f


def checkpointed(reentrant):
    def program(lib):
        count, x = [0], leaf(lib, 1.0, 0.5)
        y = tools(lib).checkpoint(counted(count), x * 1, use_reentrant=reentrant)
        y.sum().backward()
        return x.grad, y.detach(), count

    return program


def checkpoint_twice(reentrant):
    def program(lib):
        y = tools(lib).checkpoint(counted([0]), leaf(lib, 1.0), use_reentrant=reentrant).sum()
        y.backward()
        y.backward()

    return program


def checkpoint_retained(reentrant):
    def program(lib):
        count, x = [0], leaf(lib, 1.0)
        y = tools(lib).checkpoint(counted(count), x, use_reentrant=reentrant).sum()
        y.backward(retain_graph=True)
        y.backward()
        return x.grad, count

    return program


def checkpoint_second_derivative(lib):
    x = leaf(lib, 0.3)
    y = tools(lib).checkpoint(counted([0]), x, use_reentrant=False)
    (g,) = lib.autograd.grad(y.sum(), x, create_graph=True)
    return g.detach(), lib.autograd.grad(g.sum(), x)


def checkpoint_grad(lib):
    x = leaf(lib, 0.3)
    y = tools(lib).checkpoint(counted([0]), x, use_reentrant=True)
    lib.autograd.grad(y.sum(), x)


def checkpoint_nested(lib):
    def inner(a):
        return tools(lib).checkpoint(counted([0]), a, use_reentrant=False) * a

    x = leaf(lib, 0.3)
    tools(lib).checkpoint(inner, x, use_reentrant=False).sum().backward()
    return x.grad


def changing(first, then):
    def program(lib):
        calls = [0]

        def f(a):
            calls[0] += 1
            return (first if calls[0] == 1 else then)(a)

        tools(lib).checkpoint(f, leaf(lib, 1.0), use_reentrant=False).sum().backward()

    return program


def checkpoint_kwargs(lib):
    x = leaf(lib, 2.0)
    y = tools(lib).checkpoint(lambda a, k=1: a * k, x, use_reentrant=False, k=3)
    out = tools(lib).checkpoint(lambda d: (d["a"] * 2, 5, None), {"a": x}, use_reentrant=False)
    return y.detach(), out[0].detach(), out[1:]


def early_stop(lib):
    count = [0]

    def f(a):
        b = a.exp()
        count[0] += 1
        c = b.sin()
        count[0] += 10
        return c + 1

    seen = []
    x = leaf(lib, 1.0)
    y = tools(lib).checkpoint(f, x, use_reentrant=False)
    count[0] = 0
    y.sum().backward()
    seen.append(count[0])
    with tools(lib).set_checkpoint_early_stop(False):
        y = tools(lib).checkpoint(f, x, use_reentrant=False)
    count[0] = 0
    y.sum().backward()
    return [*seen, count[0]], x.grad


def sequential(lib):
    x = leaf(lib, 0.3)
    y = tools(lib).checkpoint_sequential([lib.sin, lib.exp, lib.cos], 2, x, use_reentrant=False)
    y.sum().backward()
    return y.detach(), x.grad


CHECKPOINTS = {
    "reentrant": checkpointed(True),
    "hooks": checkpointed(False),
    "twice reentrant": checkpoint_twice(True),
    "twice hooks": checkpoint_twice(False),
    "retained reentrant": checkpoint_retained(True),
    "retained hooks": checkpoint_retained(False),
    "second derivative": checkpoint_second_derivative,
    "grad": checkpoint_grad,
    "nested": checkpoint_nested,
    "more saved": changing(lambda a: a * a, lambda a: (a * a).exp()),
    "less saved": changing(lambda a: (a * a).exp(), lambda a: a * a),
    "other dtype": changing(lambda a: (a * a).exp(), lambda a: (a * a).double().exp()),
    "kwargs": checkpoint_kwargs,
    "early stop": early_stop,
    "sequential": sequential,
    "unknown option": lambda lib: tools(lib).checkpoint(
        lib.sin, leaf(lib, 1.0), use_reentrant=True, foo=3
    ),
    "determinism": lambda lib: tools(lib).checkpoint(
        lib.sin, leaf(lib, 1.0), use_reentrant=False, determinism_check="q"
    ),
    "context": lambda lib: tools(lib).checkpoint(
        lib.sin, leaf(lib, 1.0), use_reentrant=True, context_fn=lambda: (1, 2)
    ),
    "anomaly": nan_backward,
    "anomaly without check": nan_allowed,
    "anomaly switch": anomaly_switch,
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_checkpoint(name, agree):
    agree(CHECKPOINTS[name], words=10)


# --- forward mode --------------------------------------------------------------------------------


def forward_ad(lib):
    return import_module(f"{lib.__name__}.autograd.forward_ad")


def dual(lib):
    fw = forward_ad(lib)
    p, t = vec(lib), vec(lib, 3.0, 4.0)
    with fw.dual_level():
        d = fw.make_dual(p, t)
        out = fw.unpack_dual(d.sin() * p)
        plain = fw.unpack_dual(p).tangent is None
        z = lib.zeros(2)
        z.copy_(d)
        copied = fw.unpack_dual(z)
    return (
        out.primal,
        out.tangent,
        plain,
        copied.tangent,
        (d * 2),
        fw.unpack_dual(p).tangent is None,
    )


def dual_and_backward(lib):
    fw = forward_ad(lib)
    x = leaf(lib, 1.0, 2.0)
    with fw.dual_level():
        out = fw.make_dual(x, vec(lib, 3.0, 4.0))
        primal, tangent = fw.unpack_dual((out * out).sum())
        (g,) = lib.autograd.grad(tangent, x, retain_graph=True)
        primal.backward()
    return tangent.detach(), g, x.grad


def dual_without_level(lib):
    forward_ad(lib).make_dual(vec(lib), vec(lib))


def dual_nested(lib):
    fw = forward_ad(lib)
    with fw.dual_level(), fw.dual_level():
        pass


def dual_twice(lib):
    fw = forward_ad(lib)
    with fw.dual_level():
        fw.make_dual(fw.make_dual(vec(lib), vec(lib)), vec(lib))


def dual_size(lib):
    fw = forward_ad(lib)
    with fw.dual_level():
        fw.make_dual(vec(lib), vec(lib, 1.0))


def dual_integers(lib):
    fw = forward_ad(lib)
    with fw.dual_level():
        fw.make_dual(lib.tensor([1]), vec(lib, 1.0))


@pytest.mark.parametrize(
    "program",
    [
        dual,
        dual_and_backward,
        dual_without_level,
        dual_nested,
        dual_twice,
        dual_size,
        dual_integers,
    ],
)
def test_forward_ad(program, agree):
    agree(program)


def test_the_module_of_gradcheck_does_not_hide_the_function():
    code = (
        "import franken as torch; torch.autograd.gradgradcheck; import franken.autograd.gradcheck; "
        "x = torch.ones(2, dtype=torch.float64, requires_grad=True); "
        "print(torch.autograd.gradcheck(torch.sin, (x,)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


# --- rules that gradcheck holds backward and forward mode to, in torch's words ---


def _undefined_hook(T):
    def f(x):
        y = x.clone()

        def hook(g):
            if g is None:
                raise RuntimeError("no gradient")

        y.register_hook(hook)
        return y

    return f


def _undefined_function(T, answer):
    class F(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x.clone()

        @staticmethod
        def backward(ctx, g):
            return T.ones(1, dtype=T.double) if g is None and answer else g

    return F.apply


def _random_backward(T):
    class F(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            T.randn_like(g)
            return g * 2

        @staticmethod
        def jvp(ctx, t):
            T.randn_like(t)
            return t * 2

    return F.apply


RULES = {
    "hook sees None": (_undefined_hook, {}),
    "answers nothing with ones": (lambda T: _undefined_function(T, True), {}),
    "answers nothing with nothing": (lambda T: _undefined_function(T, False), {}),
    "shape": (lambda T: lambda x: T.cat([x, x]) if T.all(x >= 1) else x, {}),
    "dtype": (lambda T: lambda x: x.to(T.float32) if T.all(x >= 1) else x, {}),
    "random backward": (_random_backward, {"check_batched_grad": True}),
    "random jvp": (
        _random_backward, {"check_forward_ad": True, "check_batched_forward_grad": True},
    ),
}  # fmt: skip


@pytest.mark.parametrize("raising", [True, False])
@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("name", RULES)
def test_rules_of_gradcheck(agree, name, fast, raising):
    def program(T):
        make, options = RULES[name]
        x = T.ones(1, dtype=T.double, requires_grad=True)
        return T.autograd.gradcheck(
            make(T), (x,), fast_mode=fast, raise_exception=raising, **options
        )

    agree(program, words=28)


def test_undefined_gradients_warn_before_they_are_refused():
    for T in (pytest.importorskip("torch"), franken):
        x = T.ones(1, dtype=T.double, requires_grad=True)
        with pytest.warns(UserWarning, match="New undefined gradient support checking feature"):
            assert not T.autograd.gradcheck(_undefined_hook(T), (x,), raise_exception=False)


@pytest.mark.parametrize("second", [True, False])
@pytest.mark.parametrize("undefined", [True, False])
@pytest.mark.parametrize("batched", [True, False])
def test_how_often_forward_mode_is_asked(agree, second, undefined, batched):
    def program(T):
        calls = []

        class F(T.autograd.Function):
            @staticmethod
            def forward(ctx, x, y):
                return x.clone(), y.clone()

            @staticmethod
            def jvp(ctx, s, t):
                calls.append(1)
                return s, t

        x, y = (T.ones(1, dtype=T.double, requires_grad=wanted) for wanted in (True, second))
        T.autograd.gradcheck(
            F.apply, (x, y), check_forward_ad=True, check_backward_ad=False,
            check_undefined_grad=undefined, check_batched_forward_grad=batched,
        )  # fmt: skip
        return len(calls)

    assert agree(program)[0] == "value"
