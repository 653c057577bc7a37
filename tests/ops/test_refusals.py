"""What has no derivative or no kernel is refused where torch refuses it, and only there."""

from __future__ import annotations

import pytest


def tracked(T, *shape):
    return T.ones(*shape).requires_grad_()


def rows(T):
    return T.arange(12.0).reshape(4, 3) / 12


def classes(T):
    return T.tensor([0, 1, 2, 1])


CONSTANT = {
    "batch_norm mean": lambda T, F: F.batch_norm(rows(T), tracked(T, 3), T.ones(3)),
    "batch_norm var": lambda T, F: F.batch_norm(rows(T), T.ones(3), tracked(T, 3), training=True),
    "instance_norm": lambda T, F: F.instance_norm(
        rows(T).reshape(2, 3, 2), tracked(T, 3), T.ones(3)
    ),
    "cross_entropy": lambda T, F: F.cross_entropy(rows(T), classes(T), weight=tracked(T, 3)),
    "nll_loss": lambda T, F: F.nll_loss(rows(T), classes(T), weight=tracked(T, 3)),
    "nll_loss 2-d": lambda T, F: F.nll_loss(
        rows(T).reshape(1, 3, 2, 2), T.ones(1, 2, 2, dtype=T.long), weight=tracked(T, 3)
    ),
    "binary": lambda T, F: F.binary_cross_entropy(rows(T), rows(T), weight=tracked(T, 4, 3)),
    "logits": lambda T, F: F.binary_cross_entropy_with_logits(
        rows(T), rows(T), pos_weight=tracked(T, 3)
    ),
    "margin": lambda T, F: F.multi_margin_loss(rows(T), classes(T), weight=tracked(T, 3)),
}


@pytest.mark.parametrize("name", CONSTANT)
def test_an_input_without_derivative_cannot_ask_for_one(agree, name):
    kind, text = agree(lambda T: CONSTANT[name](T, T.nn.functional), words=40)
    assert kind == "RuntimeError" and "requires_grad True" in text


def test_without_recording_it_may(agree):
    def program(T):
        with T.no_grad():
            return CONSTANT["nll_loss"](T, T.nn.functional)

    assert agree(program)[0] == "value"


def test_weights_of_probabilities_are_differentiable(agree):
    def program(T):
        w = tracked(T, 3)
        F = T.nn.functional
        F.cross_entropy(rows(T), rows(T), weight=w).backward()
        return w.grad

    assert agree(program)[0] == "value"


def bools(T, *shape):
    return T.ones(*shape, dtype=T.bool)


PRODUCTS = {
    "mm": lambda T, k: T.mm(bools(T, 2, k), bools(T, k, 3)),
    "mv": lambda T, k: T.mv(bools(T, 2, k), bools(T, k)),
    "bmm": lambda T, k: T.bmm(bools(T, 2, 3, k), bools(T, 2, k, 4)),
    "batched": lambda T, k: T.matmul(bools(T, 2, 3, k), bools(T, 2, k, 4)),
    "folded": lambda T, k: T.matmul(bools(T, 2, 3, k), bools(T, k, 4)),
    "dot": lambda T, k: T.dot(bools(T, k), bools(T, k)),
    "linear": lambda T, k: T.nn.functional.linear(bools(T, 2, k), bools(T, 3, k)),
}


@pytest.mark.parametrize("inner", [0, 2])
@pytest.mark.parametrize("name", PRODUCTS)
def test_products_of_bools_have_a_value_only_if_nothing_is_summed(agree, name, inner):
    agree(lambda T: PRODUCTS[name](T, inner), words=9)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "int64"])
@pytest.mark.parametrize("bins", [3, 7, 10])
def test_histogram_of_half_precision_needs_a_range(agree, name, bins):
    def program(T, **options):
        x = T.linspace(-1, 1, 201).to(getattr(T, name))
        return list(T.histogram(x, bins, **options))

    agree(lambda T: program(T))
    agree(lambda T: program(T, range=(-1.0, 1.0)))


def test_masked_median_goes_through_float32(agree):
    large = [[2**24 + 1, 2**24 + 3, 2**24 + 5]]
    agree(lambda T: T.masked.median(T.tensor(large), 1))
    agree(lambda T: T.masked.median(T.tensor(large), 1, mask=T.tensor([[True, True, False]])))
    agree(lambda T: T.masked.median(T.tensor([[1 + 2j, 3, 0.5j]]), 1).real)
    agree(lambda T: T.masked.median(T.tensor([[True, False, True]]), 1))


def test_convolution_takes_no_complex_numbers_but_conv1d_does(agree):
    def arguments(T):
        return T.ones(2, 4, 5, dtype=T.complex64), T.ones(6, 2, 3, dtype=T.complex64), None

    agree(lambda T: T.conv1d(*arguments(T), 1, 1, 1, 2).real)
    agree(lambda T: T.convolution(*arguments(T), [1], [1], [1], False, [0], 2))


def test_istft_window_may_be_of_bools(agree):
    agree(lambda T: T.istft(T.ones(5, 4, dtype=T.complex64), 8, window=T.ones(8, dtype=T.bool)))


UNDERIVED = ["acosh", "asinh", "atanh", "arccosh", "arcsinh", "arctanh"]


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("name", UNDERIVED)
def test_in_place_forms_without_a_derivative(agree, name, dtype):
    def changed(T):
        x = T.full((2,), 0.5, dtype=getattr(T, dtype), requires_grad=True)
        return x, getattr(x * 1, name + "_")()

    def backward(T):
        changed(T)[1].sum().abs().backward()

    def forward(T):
        x = T.full((2,), 0.5, dtype=getattr(T, dtype))
        return T.func.jvp(lambda x: getattr(x.clone(), name + "_")(), (x,), (x,))

    agree(lambda T: (changed(T)[1].detach(), changed(T)[1].grad_fn.name()))
    assert "inplace version of" in agree(backward, words=20)[1]
    assert "forward AD" in agree(forward, words=20)[1]


NO_TANGENT = {
    "igamma": lambda T, x: T.igamma(x, x),
    "igamma other": lambda T, x: T.igamma(T.ones(3), x),
    "igammac": lambda T, x: T.igammac(x, T.ones(3)),
    "zeta": lambda T, x: T.special.zeta(x + 1, x),
    "zeta other": lambda T, x: T.special.zeta(T.ones(3) + 1, x),
    "heaviside": lambda T, x: T.heaviside(x, x),
    "floor_divide": lambda T, x: T.floor_divide(x, x),
    "geqrf": lambda T, x: T.geqrf(x.view(3, 1))[0],
    "ldl_factor": lambda T, x: T.linalg.ldl_factor(x.outer(x) + T.eye(3))[0],
}


@pytest.mark.parametrize("name", NO_TANGENT)
def test_forward_mode_is_refused_where_there_is_no_formula(agree, name):
    def dual(T):
        fw = T.autograd.forward_ad
        with fw.dual_level():
            return NO_TANGENT[name](T, fw.make_dual(T.arange(1.0, 4.0), T.ones(3)))

    def jvp(T):
        return T.func.jvp(lambda x: NO_TANGENT[name](T, x), (T.arange(1.0, 4.0),), (T.ones(3),))

    for program in (dual, jvp):
        kind, text = agree(program, words=40)
        assert kind == "NotImplementedError" and text.startswith("Trying to use forward AD with ")
