"""The Module class beside torch's: hooks, state dicts, registration, walking, conversion, errors."""  # noqa: E501

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import franken

torch = pytest.importorskip("torch")
BOTH = (franken, torch)


def both(run: Any) -> None:
    """Run the same program in both libraries; its results must be equal."""
    mine, theirs = run(franken), run(torch)
    assert mine == theirs


def test_order_and_arguments_of_all_hooks() -> None:
    def run(lib: Any, needs_grad: bool = True) -> Any:
        log: list[Any] = []
        note = log.append

        class M(lib.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = lib.nn.Linear(2, 2)

            def forward(self, x: Any, y: Any = None) -> Any:
                return self.inner(x), x

        m = M()
        module = lib.nn.modules.module
        nones = lambda gs: [g is None for g in gs]  # noqa: E731
        handles = [
            module.register_module_forward_pre_hook(
                lambda m, i: note(("gpre", type(m).__name__, len(i)))
            ),
            module.register_module_forward_hook(lambda m, i, o: note(("gfwd", type(m).__name__))),
            module.register_module_full_backward_hook(
                lambda m, gi, go: note(("gbwd", nones(gi), nones(go)))
            ),
            module.register_module_full_backward_pre_hook(lambda m, go: note(("gbpre", nones(go)))),
            m.register_forward_pre_hook(
                lambda m, a, k: note(("pre", len(a), list(k))), with_kwargs=True
            ),
            m.register_forward_pre_hook(lambda m, a: note(("pre0", len(a))), prepend=True),
            m.register_forward_hook(
                lambda m, a, k, o: note(("fwd", len(a), list(k))), with_kwargs=True
            ),
            m.register_full_backward_hook(lambda m, gi, go: note(("bwd", nones(gi), nones(go)))),
            m.register_full_backward_pre_hook(lambda m, go: note(("bpre", nones(go)))),
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            out, _ = m(lib.ones(1, 2, requires_grad=needs_grad), y=3)
            out.sum().backward()
        for h in handles:
            h.remove()
        m(lib.ones(1, 2))
        return log

    both(run)
    both(lambda lib: run(lib, False))


def test_hooks_that_change_things() -> None:
    def run(lib: Any) -> Any:
        x = lib.ones(1, 2, requires_grad=True)
        seen = []
        m = lib.nn.Identity()
        m.register_forward_pre_hook(lambda m, a: a[0] * 2)
        m.register_forward_pre_hook(lambda m, a, k: ((a[0] + 1,), k), with_kwargs=True)
        m.register_forward_hook(lambda m, a, o: o * 10)
        m.register_full_backward_pre_hook(lambda m, go: (go[0] * 3,))
        m.register_full_backward_hook(lambda m, gi, go: (gi[0] + 1,))
        m.register_full_backward_hook(
            lambda m, gi, go: seen.append((gi[0].tolist(), go[0].tolist()))
        )
        out = m(x)
        out.sum().backward()
        return out.tolist(), x.grad.tolist(), seen

    both(run)


def test_old_backward_hook_and_mixing() -> None:
    def run(lib: Any) -> Any:
        log = []
        m = lib.nn.Linear(2, 2)
        m.register_backward_hook(lambda m, gi, go: log.append([tuple(g.shape) for g in go]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            m(lib.ones(1, 2)).sum().backward()
        with pytest.raises(RuntimeError, match="Cannot use both regular backward hooks") as caught:
            m.register_full_backward_hook(lambda *a: None)
        return log, str(caught.value)

    both(run)


def test_always_called_hooks() -> None:
    def run(lib: Any) -> Any:
        log: list[Any] = []
        m = lib.nn.Linear(2, 2)
        m.register_forward_hook(lambda m, a, o: log.append(o), always_call=True)
        with pytest.raises(RuntimeError):
            m(lib.ones(1, 3))
        return log

    both(run)


def test_registration_hooks() -> None:
    def run(lib: Any) -> Any:
        log = []
        module = lib.nn.modules.module
        handles = [
            module.register_module_parameter_registration_hook(
                lambda m, n, p: log.append(("p", n))
            ),
            module.register_module_buffer_registration_hook(lambda m, n, b: log.append(("b", n))),
            module.register_module_module_registration_hook(lambda m, n, s: log.append(("m", n))),
        ]
        lib.nn.Sequential(lib.nn.Linear(1, 1), lib.nn.BatchNorm1d(1, affine=False))
        for h in handles:
            h.remove()
        return log

    both(run)


def test_state_dict_hooks_and_extra_state() -> None:
    def run(lib: Any) -> Any:
        log: list[Any] = []

        class M(lib.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = lib.nn.Linear(1, 1)
                self.register_buffer("kept", lib.ones(1))
                self.register_buffer("gone", lib.ones(1), persistent=False)

            def get_extra_state(self) -> Any:
                return {"n": 5}

            def set_extra_state(self, state: Any) -> None:
                log.append(("set", state))

        m = M()
        m.register_state_dict_pre_hook(lambda m, p, k: log.append(("pre", p, k)))
        m.inner.register_state_dict_post_hook(
            lambda m, sd, p, meta: log.append(("post", p, dict(meta)))
        )
        m.inner.register_load_state_dict_pre_hook(
            lambda m, sd, p, *rest: log.append(("load", p, list(sd)))
        )
        m.register_load_state_dict_post_hook(lambda m, keys: log.append(("loaded", repr(keys))))
        sd = m.state_dict(prefix="q.")
        result = m.load_state_dict(m.state_dict())
        return log, list(sd), list(sd._metadata.items()), repr(result)

    both(run)


def test_load_state_dict_strict_and_assign() -> None:
    def run(lib: Any) -> Any:
        m = lib.nn.Linear(2, 3)
        said = []
        for bad in (
            {"weight": lib.ones(3, 3), "x": 3}, {"weight": [1], "bias": lib.ones(3)},
            {**m.state_dict(), "_extra_state": 3, "weight.foo": 1, "q.r": 1}, {},
        ):  # fmt: skip
            with pytest.raises(RuntimeError) as caught:
                m.load_state_dict(bad)
            said.append(str(caught.value))
        loose = m.load_state_dict({"weight": lib.zeros(3, 2), "y": 1}, strict=False)
        value = lib.ones(3, 2)
        m.load_state_dict({"weight": value, "bias": lib.ones(3)}, assign=True)
        same = m.weight.data_ptr() == value.data_ptr()
        return said, repr(loose), same, type(m.weight).__name__, m.weight.requires_grad

    both(run)


ERRORS = [
    lambda lib, m: m.add_module("a.b", lib.nn.ReLU()),
    lambda lib, m: m.add_module("", lib.nn.ReLU()),
    lambda lib, m: m.add_module(3, lib.nn.ReLU()),
    lambda lib, m: m.add_module("x", 3),
    lambda lib, m: m.add_module("training", lib.nn.ReLU()),
    lambda lib, m: m.register_buffer("a.b", None),
    lambda lib, m: m.register_buffer("training", None),
    lambda lib, m: m.register_buffer("", None),
    lambda lib, m: m.register_buffer(3, None),
    lambda lib, m: m.register_buffer("a", 3),
    lambda lib, m: m.register_parameter("", None),
    lambda lib, m: m.register_parameter("a.b", None),
    lambda lib, m: m.register_parameter(3, None),
    lambda lib, m: m.register_parameter("a", 3),
    lambda lib, m: m.register_parameter("x", lib.ones(1)),
    lambda lib, m: setattr(m, "weight", lib.ones(1)),
    lambda lib, m: setattr(m, "weight", 3),
    lambda lib, m: setattr(lib.nn.Sequential(m), "0", lib.ones(1)),
    lambda lib, m: setattr(lib.nn.BatchNorm1d(3), "running_mean", 3),
    lambda lib, m: m.get_parameter("foo"),
    lambda lib, m: m.get_parameter("q.r"),
    lambda lib, m: m.get_buffer("weight"),
    lambda lib, m: m.get_submodule("q.r"),
    lambda lib, m: m.get_submodule("weight"),
    lambda lib, m: m.train(3),
    lambda lib, m: m.to(lib.int64),
    lambda lib, m: m.load_state_dict(3),
    lambda lib, m: m.foo,
    lambda lib, m: delattr(m, "zz"),
    lambda lib, m: lib.nn.Module()(),
    lambda lib, m: lib.nn.Sequential(m)[2],
    lambda lib, m: lib.nn.Sequential(3),
    lambda lib, m: lib.nn.ModuleList([m])[3],
    lambda lib, m: lib.nn.ModuleList(3),
    lambda lib, m: lib.nn.ModuleList([m])(3),
    lambda lib, m: lib.nn.ModuleDict({"a": 3}),
    lambda lib, m: lib.nn.ModuleDict([3]),
    lambda lib, m: lib.nn.ParameterList([1])(2),
    lambda lib, m: lib.nn.Conv2d(3, 4, 3, groups=2),
    lambda lib, m: lib.nn.Conv2d(4, 4, 3, stride=2, padding="same"),
    lambda lib, m: lib.nn.Dropout(2),
    lambda lib, m: lib.nn.Embedding(3, 2, padding_idx=5),
    lambda lib, m: lib.nn.GroupNorm(2, 3),
    lambda lib, m: lib.nn.LSTM(2, 3, proj_size=3),
    lambda lib, m: lib.nn.GRU(2, 3, proj_size=1),
    lambda lib, m: lib.nn.MultiheadAttention(5, 2),
    lambda lib, m: lib.nn.BatchNorm1d(3)(lib.ones(1, 3, 1, 1)),
    lambda lib, m: lib.nn.BatchNorm2d(3)(lib.ones(1, 3)),
    lambda lib, m: lib.nn.LSTM(2, 3)(lib.ones(1, 1, 3)),
    lambda lib, m: lib.nn.LSTM(2, 3)(lib.ones(4, 1, 2), (lib.ones(1, 1, 4), lib.ones(1, 1, 3))),
    lambda lib, m: lib.nn.LazyLinear(3).weight.shape,
    lambda lib, m: lib.nn.Unflatten(1, 3),
    lambda lib, m: lib.nn.Fold(1, 1).foo,
]


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_errors(case: int) -> None:
    said = []
    for lib in BOTH:
        with warnings.catch_warnings(), pytest.raises(Exception) as caught:
            warnings.simplefilter("ignore")
            ERRORS[case](lib, lib.nn.Linear(2, 3))
        said.append((type(caught.value).__name__, str(caught.value)))
    assert said[0] == said[1]


def test_walking() -> None:
    def run(lib: Any) -> Any:
        shared = lib.nn.Linear(2, 2)
        m = lib.nn.Sequential(
            shared, lib.nn.Sequential(lib.nn.ReLU(), shared), lib.nn.BatchNorm1d(2)
        )
        m.tied = shared.weight
        return (
            [n for n, _ in m.named_modules(prefix="p")],
            [n for n, _ in m.named_modules(remove_duplicate=False)],
            [n for n, _ in m.named_parameters()], [n for n, _ in m.named_parameters(prefix="x", recurse=False)],  # noqa: E501
            [n for n, _ in m.named_parameters(remove_duplicate=False)],
            [n for n, _ in m.named_buffers()], [n for n, _ in m.named_children()],
            len(list(m.modules())), len(list(m.children())), repr(m),
            repr(m.get_submodule("1.0")), tuple(m.get_parameter("1.1.bias").shape),
            [n for n in dir(m) if n in ("tied", "training", "0")],
        )  # fmt: skip

    both(run)


def test_containers() -> None:
    def run(lib: Any) -> Any:
        nn = lib.nn
        s = nn.Sequential(*(nn.Linear(i, i + 1) for i in range(1, 5)))
        seen = [repr(s[1:3]), repr(s[-1])]
        s.insert(1, nn.ReLU())
        s.append(nn.Tanh())
        del s[0]
        seen += [repr(s), repr(s + nn.Sequential(nn.ReLU())), repr(s * 2), repr(s.pop(-1)), len(s)]
        m = nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Tanh()])
        m.insert(1, nn.GELU())
        m.extend([nn.Tanh()])
        m[0] = nn.SiLU()
        seen += [repr(m), repr(m[1:3]), repr(m + [nn.ReLU()]), repr(m.pop(1)), list(m.state_dict())]
        d = nn.ModuleDict({"b": nn.ReLU(), "a": nn.Linear(1, 1)})
        d.update([("c", nn.Tanh())])
        seen += [repr(d), list(d), "a" in d, len(d), repr(d.pop("b")), list(d.keys())]
        p = nn.ParameterList([lib.ones(2, 3), nn.Parameter(lib.ones(3, dtype=lib.float64)), 4])
        p.append(lib.zeros(1))
        seen += [repr(p), len(p), list(p.state_dict()), [n for n, _ in p.named_parameters()]]
        q = nn.ParameterDict({"b": lib.ones(2, 3), "a": lib.ones(1, dtype=lib.float64), "c": 5})
        q["z"] = lib.ones(1)
        seen += [
            repr(q),
            list(q),
            list(q.state_dict()),
            list(q | nn.ParameterDict({"y": lib.ones(1)})),
        ]
        q.pop("a")
        seen += [list(q), "b" in q, q.get("nope", 7), q.popitem()[0]]
        return seen

    both(run)


def test_conversion_keeps_parameters() -> None:
    def run(lib: Any) -> Any:
        m = lib.nn.Sequential(lib.nn.Linear(2, 2), lib.nn.BatchNorm1d(2))
        w = m[0].weight
        w.grad = lib.ones(2, 2)
        m.double()
        seen = [
            w is m[0].weight,
            str(w.dtype)[-7:],
            str(w.grad.dtype)[-7:],
            str(m[1].running_mean.dtype)[-7:],
            str(m[1].num_batches_tracked.dtype)[-5:],
        ]
        m.to(lib.ones(1, dtype=lib.float16)).to("cpu", lib.float32).to(dtype=lib.bfloat16)
        seen += [str(w.dtype)[-8:]]
        m.float().eval().requires_grad_(False)
        seen += [m[1].training, w.requires_grad]
        m.zero_grad()
        seen += [w.grad is None]
        m.apply(lambda mod: seen.append(type(mod).__name__))
        return seen

    both(run)


def test_assigning() -> None:
    def run(lib: Any) -> Any:
        nn = lib.nn
        m = nn.Module()
        m.a = nn.Parameter(lib.ones(1))
        m.b = nn.Buffer(lib.ones(1))
        m.c = nn.Buffer(lib.ones(1), persistent=False)
        m.d = nn.ReLU()
        m.e = lib.ones(1)
        seen = [list(m.state_dict()), "e" in m.__dict__, isinstance(m.b, nn.Buffer)]
        m.a = None
        m.d = None
        m.b = None
        seen += [list(m._parameters), list(m._modules), list(m._buffers), list(m.state_dict())]
        m.x = nn.ReLU()
        m.x = nn.Parameter(lib.ones(1))
        del m.x
        return [*seen, hasattr(m, "x"), list(m._parameters), list(m._modules)]

    both(run)


def test_copies_and_pickles() -> None:
    m = franken.nn.Sequential(franken.nn.Linear(2, 2), franken.nn.BatchNorm1d(2))
    m[0].register_forward_pre_hook(_noted)
    m(franken.ones(3, 2)).sum().backward()
    for other in (copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
        assert other[0].weight is not m[0].weight
        assert isinstance(other[0].weight, franken.nn.Parameter) and other[0].weight.requires_grad
        np.testing.assert_array_equal(
            other[0].weight.detach().numpy(), m[0].weight.detach().numpy()
        )
        other(franken.ones(3, 2)).sum().backward()
    assert _calls == [1] * 3


_calls: list[int] = []


def _noted(module: Any, args: Any) -> None:
    _calls.append(1)


def test_unfinished_modules() -> None:
    class A(franken.nn.Module):
        def __init__(self) -> None:
            self.l = franken.nn.Linear(1, 1)

    class B(franken.nn.Module):
        def __init__(self) -> None:
            self.p = franken.nn.Parameter(franken.ones(1))

    with pytest.raises(AttributeError, match="cannot assign module before Module.__init__"):
        A()
    with pytest.raises(AttributeError, match="cannot assign parameters before Module.__init__"):
        B()
