"""Parametrizations: what registering one refuses, and orthogonal weights, against torch."""

from __future__ import annotations

import itertools

import pytest

ALL = 99  # words of an error


def parametrization(t, forward, inverse=None):
    members = {"forward": lambda self, *x: forward(t, *x)}
    if inverse is not None:
        members["right_inverse"] = lambda self, x: inverse(t, x)
    return type("Made", (t.nn.Module,), members)()


def missing(t, x):
    raise NotImplementedError


def first(t, x, *rest):
    return x


# forward and right_inverse of what is registered
KINDS = {
    "no tensor": (lambda t, x: 2, None),
    "tuple": (lambda t, x: (x, x), None),
    "dtype": (lambda t, x: x.bool(), None),
    "shape": (lambda t, x: x[:-1], None),
    "inverse not implemented": (lambda t, x: x * 2, missing),
    "inverse none": (first, lambda t, x: None),
    "inverse number": (first, lambda t, x: 3),
    "inverse pair": (first, lambda t, x: (x, x + 1)),
    "inverse list": (first, lambda t, x: [x, x + 1]),
    "inverse none in pair": (first, lambda t, x: (None, x)),
    "inverse dtype": (first, lambda t, x: x.bool()),
    "inverse dtype undone": (lambda t, x: x.float(), lambda t, x: x.bool()),
    "inverse shape": (first, lambda t, x: x[:-1]),
    "inverse shape undone": (lambda t, x: t.cat([x, x[:1]]), lambda t, x: x[:-1]),
    "too many inputs": (lambda t, x, y, z: x, lambda t, x: (x, x)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("unsafe", [False, True])
@pytest.mark.parametrize("again", [False, True], ids=["first", "second"])
def test_what_registering_refuses(agree, kind, unsafe, again):
    def program(t):
        m = t.nn.Linear(2, 3)
        with t.no_grad():
            m.weight.copy_(t.arange(6.0).reshape(3, 2))
        register = t.nn.utils.parametrize.register_parametrization
        if again:
            register(m, "weight", parametrization(t, lambda t, x: x + 1))
        try:
            register(m, "weight", parametrization(t, *KINDS[kind]), unsafe=unsafe)
        except TypeError as error:
            return "positional argument" in str(error)
        names = sorted(n for n, _ in m.named_parameters())
        return names, m.weight.detach() if isinstance(m.weight, t.Tensor) else m.weight

    agree(program, words=ALL)


VALUES = {
    "none": lambda t, x: None, "number": lambda t, x: 3, "dtype": lambda t, x: x.double(),
    "short": lambda t, x: (x,), "long": lambda t, x: (x, x, x), "pair": lambda t, x: (x, -x),
    "part": lambda t, x: (x, 3), "part's dtype": lambda t, x: (x, x.double()),
}  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("several", [False, True])
def test_what_assigning_refuses(agree, value, several):
    def program(t):
        def inverse(t, x):
            if registering:
                return (x, x) if several else x
            return VALUES[value](t, x)

        m = t.nn.Linear(2, 3)
        registering = [1]
        made = parametrization(t, (lambda t, x, y: x + y) if several else first, inverse)
        t.nn.utils.parametrize.register_parametrization(m, "weight", made)
        registering.clear()
        m.weight = t.ones(3, 2)
        return m.weight.detach()

    agree(program, words=ALL)


# --- orthogonal weights --------------------------------------------------------------------------

SHAPES = [(3, 3), (4, 2), (2, 4)]
MATRIX = [[1.0, 0.5, -0.25, 2.0], [0.3, -1.5, 0.75, 0.1], [-0.6, 0.2, 1.25, -0.4],
          [0.9, 1.1, -0.7, 0.8]]  # fmt: skip


def orthogonal(t, shape, dtype, kind, base, program):
    m = t.nn.Linear(shape[1], shape[0], dtype=getattr(t, dtype))
    value = t.tensor(MATRIX)[: shape[0], : shape[1]].to(getattr(t, dtype))
    with t.no_grad():
        m.weight.copy_(value + 0.5j * value.flip(0) if "complex" in dtype else value)
    make = t.nn.utils.parametrizations.orthogonal
    t.manual_seed(0)
    make(m, "weight", kind, use_trivialization=base)
    return program(t, m, value)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", ["matrix_exp", "cayley", "householder", None])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_orthogonal_weights_are_torchs(agree, shape, kind, dtype):
    def weight(t, m, value):
        loss = (m.weight * value).abs().pow(2).sum()
        loss.backward()
        return m.weight.detach(), m.parametrizations.weight.original.grad

    def assigned(t, m, value):
        m.weight = value * 2
        before = m.weight.detach()
        m.weight = before.clone()  # orthogonal already
        return before, m.weight.detach(), m.parametrizations.weight.original.detach()

    for base, program in itertools.product((False, True), (weight, assigned)):
        agree(lambda t, b=base, p=program: orthogonal(t, shape, dtype, kind, b, p), words=ALL)


def test_orthogonal_refusals(agree):
    make = "nn.utils.parametrizations.orthogonal"
    for args in (("weight", "foo"), ("bias",), ("other",)):

        def program(t, args=args):
            found = t
            for part in make.split("."):
                found = getattr(found, part)
            found(t.nn.Linear(2, 3), *args)

        agree(program, words=ALL)

    def shape(t):
        m = t.nn.utils.parametrizations.orthogonal(t.nn.Linear(2, 3))
        m.weight = t.ones(2, 2)

    agree(shape, words=ALL)
