"""make_graph: the staged program prints as Python that computes the same bits."""

from __future__ import annotations

import numpy as np
import pytest

import franken
import franken.func
from franken.core.primitive import NO_BATCH_RULE, PRIMITIVES, Primitive
from franken.transforms.graph import literal

W = franken.tensor([[0.5, -1.0], [2.0, 0.25]])


def mlp(x):
    return ((x @ W).tanh() * x).sum()


def writing(x):
    y = x.clone()
    y[0] = x[1] * 3.0
    z = franken.zeros(2)
    z[0] = y.sum()
    return z * 2, y


def several(d):
    mean, total = d["a"].mean(), d["a"].sum()
    return {"m": mean, "rest": (total, 5)}


POINT = franken.tensor([[0.1, 0.2], [0.3, -0.4]])
CASES = {
    "mlp": (mlp, (POINT,)),
    "writing": (writing, (POINT,)),
    "tree": (several, ({"a": POINT},)),
    "grad": (franken.func.grad(mlp), (POINT,)),
    "hessian": (franken.func.hessian(lambda x: (x * x * x).sum()), (POINT[0],)),
    "vmap": (franken.vmap(mlp), (POINT.reshape(2, 1, 2),)),
    "jvp": (lambda x, t: franken.func.jvp(mlp, (x,), (t,)), (POINT, POINT)),
    "split": (lambda x: x.unbind()[1] * franken.cat(x.split(1)).sum(), (POINT,)),
    "double": (lambda x: x.double() * float("inf") + float("nan"), (POINT,)),
}


def flat(value):
    return franken.core.pytree.tree_flatten(value)[0]


def bits(values):
    return [v.numpy().tobytes() if isinstance(v, franken.Tensor) else v for v in values]


@pytest.mark.parametrize("name", CASES)
def test_round_trip(name):
    f, args = CASES[name]
    graph = franken.func.make_graph(f)(*args)
    expected = bits(flat(f(*args)))
    assert bits(flat(graph(*args))) == expected
    assert bits(graph.compile()(*flat(args))) == expected
    assert flat(graph(*args)) is not None and str(graph) == graph.code


@pytest.mark.parametrize("name", CASES)
def test_fingerprint_is_canonical(name):
    f, args = CASES[name]
    first = franken.func.make_graph(f)(*args)
    second = franken.func.make_fx(f)(*args)
    assert first.fingerprint == second.fingerprint and len(first.fingerprint) == 64
    assert first.code == second.code


def test_fingerprint_tells_programs_apart():
    make = franken.func.make_graph
    x, c = franken.ones(2), franken.ones(2)
    prints = {
        make(lambda x: x * 2)(x).fingerprint,
        make(lambda x: x * 3)(x).fingerprint,
        make(lambda x: x * 2)(franken.ones(3)).fingerprint,
        make(lambda x: x * 2)(x.double()).fingerprint,
        make(lambda x: x * c)(x).fingerprint,
        make(lambda x: x * (c * 2))(x).fingerprint,
    }
    assert len(prints) == 6


def test_code_is_readable():
    graph = franken.func.make_graph(lambda x: (x * 2).sum())(franken.ones(3))
    assert graph.code.splitlines()[:2] == [
        "def f(v0):",
        '    v1 = prim["mul"](v0, 2)  # float32[3]',
    ]
    assert graph.eqns[0].pos.startswith("test_stage.py:")


def test_constants_are_taken_when_staged():
    c = franken.ones(2)
    graph = franken.func.make_graph(lambda x: x + c)(franken.ones(2))
    c.add_(5.0)
    assert graph(franken.ones(2)).tolist() == [2.0, 2.0]


def test_dead_code_is_left_out():
    def f(x):
        x.exp()
        return x * 2

    assert [e.prim.name for e in franken.func.make_graph(f)(POINT).eqns] == ["mul"]


def test_other_shapes_are_refused():
    graph = franken.func.make_graph(mlp)(POINT)
    with pytest.raises(RuntimeError, match="stage the function again"):
        graph(franken.ones(3, 2))
    with pytest.raises(RuntimeError, match="expected arguments of structure"):
        graph(POINT, POINT)


def test_values_cannot_be_read():
    for f in (lambda x: x.sum().item(), lambda x: x if x.sum() > 0 else -x):
        with pytest.raises(RuntimeError):
            franken.func.make_graph(f)(POINT)


def test_graph_is_differentiable_and_batches():
    graph = franken.func.make_graph(mlp)(POINT)
    expected = franken.func.grad(mlp)(POINT)
    assert franken.func.grad(graph)(POINT).tolist() == expected.tolist()
    rows = franken.stack([POINT, POINT * 2])
    assert np.allclose(franken.vmap(graph)(rows).numpy(), franken.vmap(mlp)(rows).numpy())


def test_random_ops_are_staged():
    """A primitive that draws is part of the program even without a traced input."""
    drawn = [0.0]

    def kernel(x):
        drawn[0] += 1.0
        return x + np.float32(drawn[0])

    prim = PRIMITIVES.get("drawing_for_test") or Primitive(
        "drawing_for_test", (), kernel, variadic=True, random=True, batch=NO_BATCH_RULE
    )
    prim.cpu = kernel
    graph = franken.func.make_graph(lambda x: x * 0 + prim(franken.zeros(1)))(franken.ones(1))
    assert "drawing_for_test" in graph.code
    first, second = graph(franken.ones(1)).item(), graph(franken.ones(1)).item()
    assert second == first + 1.0


def test_literals():
    values = [
        None,
        True,
        -3,
        2.5,
        1 + 2j,
        "a'b",
        (1,),
        (1, (2, 3)),
        [4],
        {"k": 1},
        slice(1, None, 2),
    ]
    for value in values:
        assert eval(literal(value)) == value
    assert literal(franken.float32) == 'dtype("float32")'
    with pytest.raises(TypeError, match="no canonical text"):
        literal(object())


def test_linearize_runs_only_the_linear_part():
    calls = []

    def f(x):
        calls.append(1)
        return x.exp() * x

    out, slope = franken.func.linearize(f, POINT)
    t = POINT * 3
    expected = franken.func.jvp(f, (POINT,), (t,))
    before = len(calls)
    assert np.allclose(slope(t).numpy(), expected[1].numpy(), rtol=1e-6)
    assert out.tolist() == expected[0].tolist() and len(calls) == before


def test_a_program_may_take_a_variance():
    x = franken.tensor([1.0, 2.0, 4.0])
    program = franken.func.make_graph(lambda x: x.var() + x.exp().var(0))(x)
    assert program(x).item() == (x.var() + x.exp().var(0)).item()
