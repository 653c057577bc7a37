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
