"""torch.func's arguments, trees and errors; vmap; modules as functions; escaped tensors."""

from __future__ import annotations

from importlib import import_module

import pytest

import franken
import franken.func


def func(lib):
    return import_module(f"{lib.__name__}.func")


def ones(lib, *shape):
    return lib.ones(*(shape or (2,)))


def square(x):
    return x * x


def dictionary(d):
    return d["a"] * d["b"]


PROGRAMS = {
    # grad
    "grad args": lambda lib: func(lib).grad(lambda x, y: (x * y).sum(), (0, -1))(
        ones(lib), ones(lib) * 3
    ),
    "grad aux": lambda lib: func(lib).grad(lambda x: (x.sum(), {"y": x * 2}), has_aux=True)(
        ones(lib)
    ),
    "grad tree": lambda lib: func(lib).grad(lambda d: (d["a"] * d["b"]).sum())(
        {"a": ones(lib), "b": ones(lib) * 3}
    ),
    "grad value": lambda lib: func(lib).grad_and_value(lambda x: (x * x).sum())(ones(lib)),
    "grad kwargs": lambda lib: func(lib).grad(lambda x, k=None: (x * k).sum())(
        ones(lib), k=ones(lib) * 5
    ),
    "grad unused": lambda lib: func(lib).grad(lambda x, y: x.sum(), argnums=1)(
        ones(lib), ones(lib)
    ),
    "grad vector": lambda lib: func(lib).grad(square)(ones(lib)),
    "grad int out": lambda lib: func(lib).grad(lambda x: 3)(ones(lib)),
    "grad argnum": lambda lib: func(lib).grad(lambda x: x.sum(), argnums=1)(ones(lib)),
    "grad argnum type": lambda lib: func(lib).grad(lambda x: x.sum(), argnums="a")(ones(lib)),
    "grad argnum empty": lambda lib: func(lib).grad(lambda x: x.sum(), argnums=())(ones(lib)),
    "grad argnum twice": lambda lib: func(lib).grad(lambda x: x.sum(), argnums=(0, 0))(ones(lib)),
    **{
        f"grad argnums {places}": lambda lib, places=places: func(lib).grad(
            lambda x, y: (x * y * y).sum(), places
        )(ones(lib), ones(lib) * 3)
        for places in (-2, -3, 2, (1, -2), (0, -2), (0, -3), (0, 2), (0, 1.0), [0], True)
    },
    "grad of number": lambda lib: func(lib).grad(lambda x: x)(3),
    "grad of ints": lambda lib: func(lib).grad(lambda x: x.sum())(lib.tensor([1, 2])),
    "grad no aux": lambda lib: func(lib).grad(lambda x: x.sum(), has_aux=True)(ones(lib)),
    "grad bad aux": lambda lib: func(lib).grad(lambda x: (x.sum(), 3), has_aux=True)(ones(lib)),
    "grad in no_grad": lambda lib: lib.no_grad()(func(lib).grad(lambda x: (x * x).sum()))(
        ones(lib)
    ),
    "no_grad in grad": lambda lib: func(lib).grad(lambda x: (x * lib.no_grad()(square)(x)).sum())(
        ones(lib) * 3
    ),
    "detach in grad": lambda lib: func(lib).grad(lambda x: (x * x.detach()).sum())(ones(lib) * 3),
    # vjp, jvp
    "vjp": lambda lib: (lambda o, f: (o, f(ones(lib) * 2)))(*func(lib).vjp(square, ones(lib) * 3)),
    "vjp tree": lambda lib: func(lib).vjp(lambda x: {"u": x * 2, "v": x * 3}, ones(lib))[1](
        {"u": ones(lib), "v": ones(lib)}
    ),
    "vjp aux": lambda lib: func(lib).vjp(lambda x: (x * 2, x), ones(lib), has_aux=True)[2],
    "vjp out": lambda lib: func(lib).vjp(lambda x: 3, ones(lib)),
    "vjp structure": lambda lib: func(lib).vjp(square, ones(lib))[1]((ones(lib),)),
    "vjp shape": lambda lib: func(lib).vjp(square, ones(lib))[1](ones(lib, 1)),
    "jvp": lambda lib: func(lib).jvp(
        lambda x, y: (x * y, x), (ones(lib), ones(lib) * 3), (ones(lib),) * 2
    ),
    "jvp primals": lambda lib: func(lib).jvp(square, ones(lib), ones(lib)),
    "jvp structure": lambda lib: func(lib).jvp(square, (ones(lib),), (ones(lib), ones(lib))),
    "jvp size": lambda lib: func(lib).jvp(square, (ones(lib),), (ones(lib, 1),)),
    "jvp number": lambda lib: func(lib).jvp(square, (3,), (ones(lib),)),
    "jvp empty": lambda lib: func(lib).jvp(square, (), ()),
    "jvp strict": lambda lib: func(lib).jvp(
        lambda a: ones(lib), (ones(lib),), (ones(lib),), strict=True
    ),
    "jvp ints": lambda lib: func(lib).jvp(square, (lib.tensor([1]),), (lib.tensor([1]),)),
    "jvp captured": lambda lib: (
        lambda c: func(lib).jvp(lambda x: x * c[0] + c.view(4)[:2], (ones(lib),), (ones(lib) * 2,))
    )(lib.arange(4.0).reshape(2, 2)),
    # Jacobians
    "jacrev": lambda lib: func(lib).jacrev(square)(ones(lib)),
    "jacrev args": lambda lib: func(lib).jacrev(lambda x, y: x * y, (0, 1))(
        ones(lib), ones(lib) * 2
    ),
    "jacrev one": lambda lib: func(lib).jacrev(lambda x, y: x * y, (0,))(ones(lib), ones(lib) * 2),
    "jacrev tree": lambda lib: func(lib).jacrev(lambda x: {"a": x, "b": x.sum()}, chunk_size=1)(
        ones(lib)
    ),
    "jacrev in tree": lambda lib: func(lib).jacrev(dictionary)(
        {"a": ones(lib), "b": ones(lib) * 2}
    ),
    "jacrev aux": lambda lib: func(lib).jacrev(lambda x: ((x * x).sum(), x), has_aux=True)(
        ones(lib)
    ),
    "jacrev chunks": lambda lib: func(lib).jacrev(square, chunk_size=2)(ones(lib, 5)),
    "jacrev chunk": lambda lib: func(lib).jacrev(square, chunk_size=0),
    "jacrev matrix": lambda lib: func(lib).jacrev(lambda x: x.t() * 2)(ones(lib, 2, 3)),
    "jacrev out": lambda lib: func(lib).jacrev(lambda x: (x, 3))(ones(lib)),
    "jacrev empty": lambda lib: tuple(func(lib).jacrev(lambda x: x[:0])(ones(lib)).shape),
    "jacfwd": lambda lib: func(lib).jacfwd(lambda x, y: (x * y, x), (0, 1))(
        ones(lib), ones(lib) * 2
    ),
    "jacfwd tree": lambda lib: func(lib).jacfwd(dictionary)({"a": ones(lib), "b": ones(lib) * 2}),
    "jacfwd aux": lambda lib: func(lib).jacfwd(lambda x: (x * x, x * 3), has_aux=True)(ones(lib)),
    "jacfwd matrix": lambda lib: func(lib).jacfwd(lambda x: x.t() * 2)(ones(lib, 2, 3)),
    "hessian": lambda lib: func(lib).hessian(lambda x, y: (x * x * y).sum(), (0, 1))(
        ones(lib), ones(lib) * 2
    ),
    # vmap
    "vmap": lambda lib: lib.vmap(lambda a, b: (a * b).sum())(ones(lib, 3, 2), ones(lib, 3, 2)),
    "vmap dims": lambda lib: lib.vmap(lambda a, b: a * b, (1, None), 1)(ones(lib, 2, 3), ones(lib)),
    "vmap negative": lambda lib: lib.vmap(lambda a: a, -1, -1)(lib.arange(6.0).reshape(2, 3)),
    "vmap tree": lambda lib: lib.vmap(lambda d: {"s": d["a"].sum()}, ({"a": 0},))(
        {"a": ones(lib, 2, 3)}
    ),
    "vmap kwargs": lambda lib: lib.vmap(lambda x, y=None: x * y)(ones(lib), y=ones(lib, 3)),
    "vmap out tree": lambda lib: lib.vmap(lambda x: (x, {"a": x}), out_dims=(0, {"a": 0}))(
        ones(lib)
    ),
    "vmap chunks": lambda lib: lib.vmap(lambda x: x.sum(), chunk_size=2)(
        lib.arange(10.0).reshape(5, 2)
    ),
    "vmap unbatched out": lambda lib: lib.vmap(lambda x: ones(lib, 2))(ones(lib, 3)),
    "vmap none out": lambda lib: lib.vmap(lambda x: ones(lib, 2), out_dims=None)(ones(lib, 3)),
    "vmap nested": lambda lib: lib.vmap(lib.vmap(lambda a, b: a * b, (None, 0)), (0, None))(
        lib.arange(2.0), lib.arange(3.0)
    ),
    "vmap number": lambda lib: lib.vmap(square)(3),
    "vmap nothing": lambda lib: lib.vmap(square)(),
    "vmap no dims": lambda lib: lib.vmap(square, None)(ones(lib)),
    "vmap list": lambda lib: lib.vmap(square, [0])(ones(lib)),
    "vmap too many": lambda lib: lib.vmap(square, (0, 0))(ones(lib)),
    "vmap range": lambda lib: lib.vmap(square, 2)(ones(lib)),
    "vmap out none": lambda lib: lib.vmap(lambda x: (x, None))(ones(lib)),
    "vmap out int": lambda lib: lib.vmap(lambda x: 3)(ones(lib)),
    "vmap out range": lambda lib: lib.vmap(square, out_dims=3)(ones(lib)),
    "vmap out many": lambda lib: lib.vmap(square, out_dims=(0, 0))(ones(lib)),
    "vmap batched none": lambda lib: lib.vmap(square, out_dims=None)(ones(lib)),
    "vmap sizes": lambda lib: lib.vmap(lambda a, b: a)(ones(lib), ones(lib, 3)),
    "vmap item": lambda lib: lib.vmap(lambda x: x.item())(ones(lib)),
    "vmap branch": lambda lib: lib.vmap(lambda x: x if x > 0 else -x)(ones(lib)),
    "vmap randomness": lambda lib: lib.vmap(square, randomness="x")(ones(lib)),
    "vmap chunk size": lambda lib: lib.vmap(square, chunk_size=0)(ones(lib)),
    "linearize": lambda lib: func(lib).linearize(lambda x: (x.sin(), x * 2), ones(lib))[1](
        ones(lib) * 3
    ),
    "linearize spec": lambda lib: func(lib).linearize(lib.sin, ones(lib))[1](ones(lib), ones(lib)),
    "linearize shape": lambda lib: func(lib).linearize(lib.sin, ones(lib))[1](ones(lib, 1)),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PROGRAMS)
def test_as_torch(name, agree):
    agree(PROGRAMS[name], words=6)


# Results, or some of them, without a derivative: their tangents are zeros of their dtype.
FLAT = {
    "floor": lambda lib, x: x.floor(),
    "comparison": lambda lib, x: x > 0,
    "argmax": lambda lib, x: x.argmax(),
    "sort": lambda lib, x: tuple(x.sort()),
    "indices": lambda lib, x: (x.sort()[1], x.sin()),
    "frexp": lambda lib, x: tuple(lib.frexp(x)),
    "extremum": lambda lib, x: tuple(x.max(0)),
    "cast": lambda lib, x: x.long(),
    "detached": lambda lib, x: (x.detach(), x * x.data),
    "filled": lambda lib, x: lib.ones_like(x),
    "nonzero": lambda lib, x: x.nonzero(),
    "nextafter": lambda lib, x: lib.nextafter(x, x + 1),
}


@pytest.mark.parametrize("transform", ["jvp", "strict jvp", "jacfwd", "jacrev"])
@pytest.mark.parametrize("name", FLAT)
def test_results_without_a_derivative(name, transform, agree):
    def program(lib):
        f, x, F = (lambda x: FLAT[name](lib, x)), lib.tensor([1.5, -2.5]), func(lib)
        calls = {
            "jvp": lambda: F.jvp(f, (x,), (ones(lib),)),
            "strict jvp": lambda: F.jvp(f, (x,), (ones(lib),), strict=True),
            "jacfwd": lambda: F.jacfwd(f)(x),
            "jacrev": lambda: F.jacrev(f)(x),
        }
        return calls[transform]()

    agree(program, words=20)


# --- in-place under transforms -------------------------------------------------------------------


def filled_inside(y, lib):
    z = lib.zeros(3)
    view, other = z[1:], z.view(3, 1)
    z[0] = y[1]
    view.add_(y[0])
    z.mul_(2.0)
    return z, view, other


def result_changed_inside(y, lib):
    z = lib.zeros(2) + 1.0
    z[1] = y[0]
    return z


@pytest.mark.parametrize(
    ("inside", "transform"),
    [
        *((filled_inside, t) for t in ("vmap", "jvp", "jacfwd", "vmap of jacrev")),
        *((result_changed_inside, t) for t in ("vmap", "jvp", "jacrev", "jacfwd")),
    ],
)
def test_tensors_made_inside_can_be_written(inside, transform, agree):
    """Under vmap they have no batch, and torch refuses."""
    calls = {
        "vmap": lambda lib, f, x: lib.vmap(f)(x),
        "jvp": lambda lib, f, x: func(lib).jvp(f, (x[0],), (x[1],)),
        "jacrev": lambda lib, f, x: func(lib).jacrev(f)(x[0]),
        "jacfwd": lambda lib, f, x: func(lib).jacfwd(f)(x[0]),
        "vmap of jacrev": lambda lib, f, x: lib.vmap(func(lib).jacrev(f))(x),
    }
    agree(lambda lib: calls[transform](
        lib, lambda y: inside(y, lib), lib.arange(4.0).reshape(2, 2)
    ))  # fmt: skip


@pytest.mark.parametrize("transform", ["vmap", "grad", "jvp"])
def test_captured_tensors_cannot_be_written(transform, agree):
    def program(lib):
        z = lib.zeros(())
        x = lib.tensor([1.0, 2.0])

        def f(y):
            return z.add_(y.sum())

        calls = {
            "vmap": lambda: lib.vmap(f)(x),
            "grad": lambda: func(lib).grad(f)(x),
            "jvp": lambda: func(lib).jvp(f, (x,), (x,)),
        }
        return calls[transform]()

    agree(program, words=0)


@pytest.mark.parametrize("made", ["here", "in another"])
def test_vmap_may_change_captured_tensors_by_others(made, agree):
    def program(lib):
        kept = [lib.zeros(2)]

        def first(y):
            kept[0] = lib.zeros(2)
            return y

        def second(y):
            return kept[0].add_(3.0) * y

        x = lib.tensor([1.0, 2.0])
        if made == "in another":
            lib.vmap(first)(x)
        return lib.vmap(second)(x), kept[0]

    agree(program)


def test_an_error_inside_leaves_no_transform_behind():
    from franken.core import state

    before = state.SPECIAL

    def f(x):
        raise KeyError("mine")

    for call in (franken.func.grad(f), franken.vmap(f), franken.func.make_graph(f)):
        with pytest.raises(KeyError):
            call(franken.ones(2))
    assert state.STATE.traces == [] and before == state.SPECIAL
    assert (franken.ones(1, requires_grad=True) * 2).requires_grad


# --- modules -------------------------------------------------------------------------------------


class Affine:
    """The part of a module's interface that functional_call uses."""

    training = True

    def __init__(self, scale):
        self._parameters = {
            "w": franken.full((2,), scale, requires_grad=True),
            "tied": None,
        }
        self._parameters["tied"] = self._parameters["w"]
        self._buffers = {"b": franken.zeros(2)}
        self._modules = {}

    def named_parameters(self, remove_duplicate=True):
        seen = self._parameters.items()
        return [kv for i, kv in enumerate(seen) if not (remove_duplicate and i)]

    def named_buffers(self, remove_duplicate=True):
        return list(self._buffers.items())

    def __call__(self, x, extra=0.0):
        p = self._parameters
        return p["w"] * x + p["tied"] + self._buffers["b"] + extra


def test_functional_call():
    call, m, x = franken.func.functional_call, Affine(2.0), franken.ones(2)
    w = franken.full((2,), 5.0)
    assert call(m, {"w": w}, (x,)).tolist() == [10.0, 10.0]
    assert call(m, {"w": w}, x, tie_weights=False).tolist() == [7.0, 7.0]
    assert call(m, ({"w": w}, {"b": x}), (x,), {"extra": 1.0}).tolist() == [12.0, 12.0]
    assert m(x).tolist() == [4.0, 4.0]
    g = franken.func.grad(lambda w: call(m, {"w": w}, (x,)).sum())(w)
    assert g.tolist() == [2.0, 2.0]


def test_functional_call_restores_after_an_error():
    m = Affine(2.0)
    with pytest.raises(TypeError):
        franken.func.functional_call(m, {"w": franken.zeros(2)}, (1, 2, 3))
    assert m(franken.ones(2)).tolist() == [4.0, 4.0]


def test_functional_call_errors():
    call, m, x = franken.func.functional_call, Affine(2.0), franken.ones(2)
    with pytest.raises(RuntimeError, match=r"Error\(s\) in reparametrizing for Affine"):
        call(m, {"z": x}, (x,), strict=True)
    with pytest.raises(ValueError, match="appeared in multiple dictionaries"):
        call(m, ({"w": x}, {"w": x}), (x,))
    with pytest.raises(ValueError, match="Expected parameter_and_buffer_dicts to be a dict"):
        call(m, 3, (x,))
    with pytest.raises(ValueError, match="which are tied"):
        call(m, {"w": x, "tied": x * 2}, (x,))


def test_stacked_models():
    models = [Affine(2.0), Affine(3.0)]
    params, buffers = franken.func.stack_module_state(models)
    assert params["w"].shape == (2, 2) and params["w"].requires_grad

    def run(params, buffers, x):
        return franken.func.functional_call(models[0], (params, buffers), (x,))

    out = franken.vmap(run, (0, 0, None))(params, buffers, franken.ones(2))
    assert out.tolist() == [[4.0, 4.0], [6.0, 6.0]]
    with pytest.raises(RuntimeError, match="Expected at least one model, got 0"):
        franken.func.stack_module_state([])
    models[1].training = False
    with pytest.raises(RuntimeError, match="the same training/eval mode"):
        franken.func.stack_module_state(models)
